#!/bin/sh
# Measures telec beside its floors: tests/bench/run.sh [SECTION…] (see bench.c; none: all). What is
# measured is the static build, where musl-gcc exists, and the ordinary one. Needs no root, leaves
# nothing running.
set -eu
cd "$(dirname "$0")/../.."

CC=${CC:-cc}
out=build/bench
flags='-std=c99 -O2'
mkdir -p "$out"
scratch=$(mktemp -d /tmp/telec-bench.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM HUP

# build KIND FLAGS COMPILER…: telec and the emulator's bench with the flags, and the floors.
build() {
    kind=$1 own=$2
    shift 2
    # shellcheck disable=SC2086 # flags are words
    "$@" $flags $own -o "$out/telec-$kind" teleclaude.c
    # shellcheck disable=SC2086
    "$@" $flags -o "$out/floor-$kind" tests/bench/floor.c
    # shellcheck disable=SC2086
    "$@" $flags $own -o "$out/vt-$kind" tests/bench/vt.c
}

# measure KIND SECTION…
measure() {
    kind=$1
    shift
    mkdir "$scratch/$kind"
    "$PWD/$out/bench" "$PWD/$out/telec-$kind" "$PWD/$out/floor-$kind" "$PWD/$out/vt-$kind" \
        "$scratch/$kind" "$@"
}

# shellcheck disable=SC2086
$CC $flags -o "$out/bench" tests/bench/bench.c
build dynamic '' "$CC"
if command -v musl-gcc >/dev/null; then
    small="-fno-pie $(src/small.sh musl-gcc) -Wl,--gc-sections -Wl,-z,noseparate-code"
    small="$small -Wl,-z,norelro -Wl,-z,common-page-size=64"
    build static "$small" musl-gcc -static -s # as `make static` and the release
    printf '== static (musl-gcc)\n'
    measure static "$@"
    printf '\n'
fi
printf '== dynamic (%s)\n' "$CC"
measure dynamic "$@"
