#!/bin/sh
# All tests: ./test.sh, or ./test.sh NAME… for the parts of that name (./test.sh -l lists them).
#
# Every result is a line: ok - …, not ok - … (with what was printed, behind #), skip - …: why. The
# last line counts them. Exit status 1 when anything failed; with CI=true also when anything was
# skipped. Writes to build/ and to a temporary directory only.
set -u
cd "$(dirname "$0")" || exit 1

PARTS='build single static layers limits docs compat protocol shell unit small quick valgrind'
PARTS="$PARTS fuzz smoke e2e portable"
WARN='-std=c99 -Wall -Wextra -Wshadow -Wpedantic'
FUZZ_SECONDS=36 # of libFuzzer, for all targets
STATIC_MAX=614400 # 600 KiB
# Under valgrind, fifty times as slow as without: what handles memory most.
VALGRIND_UNITS='base utf8 log os cache loop conn config store http ws resp'
# Limits that unit tests must hold with, too: buffers grow and input is cut at every byte.
SMALL='-DBUF_MIN=1 -DJSON_DEPTH=8 -DHTTP_HEAD_MAX=512 -DHTTP_BODY_MAX=300 -DWS_MESSAGE_MAX=64
    -DRESP_DEPTH=5 -DRESP_LINE_MAX=256 -DRESP_BULK_MAX=2000 -DRESP_COUNT_MAX=199
    -DRESP_REPLY_MAX=9000
    -DREDIS_PENDING_MAX=16
    -DCONN_READ_MAX=7 -DCELL_CLUSTERS_MAX=4 -DVT_SCROLL_LINES=5 -DVT_SCROLL_BYTES=2048
    -DVIEWER_BACKLOG_MAX=4096 -DHTTPD_QUEUE_MAX=65536 -DVIEW_FULL=4096 -DINPUT_HOLD=4096
    -DPROJECTS_WATCHES_MAX=3 -DPROJECTS_POLL_MS=50 -DPAGER_FILE_MAX=9000 -DROADMAP_TODOS_MAX=20'
# Intervals and ages, in ms, that are too long to wait for: what comes after them is tested, too.
QUICK='-DAPP_SAVE_MS=100 -DTUI_AGES_MS=300 -DPROJECTS_POLL_MS=100
    -DSTREAMS_RETRY_MS=100 -DSTREAMS_LOG_MS=100
    -DPULL_AGAIN_MS=100 -DPULL_FRESH_MS=300 -DPEERS_CURSOR_MS=100
    -DPRESENCE_BEAT_MS=100 -DPRESENCE_STALE_MS=600 -DPRESENCE_GONE_MS=1000 -DPRESENCE_LATE_MS=100
    -DOBSERVE_RENEW_MS=100 -DBROADCAST_CHECK_MS=100
    -DBROADCAST_ACTIVITY_MS=100 -DMUX_PING_MS=300 -DNEAR_DEAD_MS=1000'
# Time limits for answers: only in unit tests, where nothing else delays the answer.
QUICK_ANSWERS='-DDAEMON_STOP_MS=300 -DHTTPD_IDLE_MS=300 -DROUTES_WAIT_MAX_MS=300
    -DSPAWN_STOP_MS=1000 -DCOMMAND_HOOK_MS=300 -DSTREAMS_REPLY_MS=300'

if [ "${1:-}" = -l ]; then
    echo "$PARTS" | tr ' ' '\n'
    exit
fi
for name; do
    case " $PARTS " in
    *" $name "*) ;;
    *)
        echo "test.sh: no part $name; there are: $PARTS" >&2
        exit 2
        ;;
    esac
done
wanted=" ${*:-$PARTS} "

passed=0 failed=0 skipped=0
work=$(mktemp -d) || exit 1
mkdir -p build
finish()
{
    # Jobs are gone when all went well; after an interruption they are ended with their children.
    for pid in $jobs; do
        kill "$pid" 2> /dev/null
    done
    rm -rf "$work"
}
jobs=
trap finish EXIT
trap 'exit 1' HUP INT TERM
# What a test starts finds nothing of this user's, and leaves nothing there.
export TMPDIR="$work" HOME="$work/home" XDG_RUNTIME_DIR="$work/run" XDG_STATE_HOME="$work/state" \
    XDG_CONFIG_HOME="$work/config"
unset TELEC_SOCKET TELEC_CONFIG TELEC_SESSION_ID TELEC_REDIS
(umask 077 && mkdir "$HOME" "$XDG_RUNTIME_DIR" "$XDG_STATE_HOME" "$XDG_CONFIG_HOME") || exit 1

# ---- results -------------------------------------------------------------------------------------

want()
{
    case "$wanted" in
    *" $1 "*) return 0 ;;
    esac
    return 1
}

have()
{
    command -v "$1" > /dev/null 2>&1
}

ok()
{
    echo "ok - $*"
    passed=$((passed + 1))
}

not_ok()
{
    echo "not ok - $*"
    failed=$((failed + 1))
}

skip()
{
    echo "skip - $*"
    skipped=$((skipped + 1))
}

# A program that hangs is ended, where there is a timeout command.
limit=
have timeout && limit='timeout 400'

# run NAME COMMAND…: one result.
run()
{
    run_name=$1
    shift
    if "$@" > "$work/output" 2>&1; then
        ok "$run_name"
    else
        not_ok "$run_name"
        sed 's/^/# /' "$work/output"
    fi
}

# record NAME COMMAND…: keeps what the command prints and its status for result NAME.
record()
{
    record_name=$1
    shift
    ("$@") > "$work/$record_name.output" 2>&1
    echo $? > "$work/$record_name.status"
}

# begin NAME COMMAND…: the same in the background.
begin()
{
    record "$@" &
    jobs="$jobs $!"
}

# job NAME COMMAND…: begin, but no more than two at a time.
job()
{
    begin "$@"
    [ -z "${job_before:-}" ] || wait "$job_before"
    job_before=$!
}

# result JOB NAME: true when it went well.
result()
{
    wait
    jobs=
    job_before=
    if [ "$(cat "$work/$1.status" 2> /dev/null)" = 0 ]; then
        ok "$2"
        return 0
    fi
    not_ok "$2"
    sed 's/^/# /' "$work/$1.output"
    return 1
}

# lines WORDS COMMAND…: a program that prints results itself; WORDS are put behind each of them.
lines()
{
    lines_name=$1
    shift
    # shellcheck disable=SC2086 # a command and its argument
    $limit "$@" > "$work/lines" 2>&1
    count_lines $? "$1"
}

# lines_of JOB WORDS: the same of a job.
lines_of()
{
    wait
    jobs=
    job_before=
    lines_name=$2
    cp "$work/$1.output" "$work/lines"
    count_lines "$(cat "$work/$1.status")" "$1"
}

# count_lines STATUS PROGRAM: what it printed stands in $work/lines.
count_lines()
{
    lines_status=$1
    lines_ok=$(grep -c '^ok - ' "$work/lines")
    lines_bad=$(grep -c '^not ok - ' "$work/lines")
    passed=$((passed + lines_ok))
    failed=$((failed + lines_bad))
    skipped=$((skipped + $(grep -c '^skip - ' "$work/lines")))
    if [ "$lines_bad" -gt 0 ] || [ "$lines_status" -ne 0 ] || [ "$lines_ok" -eq 0 ]; then
        sed -e "/^ok - /s/\$/$lines_name/;/^not ok - /s/\$/$lines_name/" \
            -e '/^ok - /!{/^not ok - /!{/^skip - /!{/^#/!s/^/# /;};};}' "$work/lines"
    else
        sed -n -e "s/^ok - .*/&$lines_name/p" -e '/^skip - /p' -e '/^#/p' "$work/lines"
    fi
    # It broke off, or it ran nothing: no line of its own says so.
    if [ "$lines_bad" -eq 0 ] && { [ "$lines_status" -ne 0 ] || [ "$lines_ok" -eq 0 ]; }; then
        not_ok "$2$lines_name ended with status $lines_status after $lines_ok results"
    fi
}

# ---- what this machine has -----------------------------------------------------------------------

CC=${CC:-cc}
export CC

# links COMPILER FLAG…: can it make a program with these flags that runs?
links()
{
    links_cc=$1
    shift
    have "$links_cc" || return 1
    echo 'int main(void) { return 0; }' > "$work/links.c"
    "$links_cc" "$@" -o "$work/links" "$work/links.c" > /dev/null 2>&1 &&
        "$work/links" > /dev/null 2>&1
}

sanitize=
checked=
find_sanitizers()
{
    [ -z "$checked" ] || return 0
    sanitize='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer'
    checked=' (ASan, UBSan)'
    # shellcheck disable=SC2086 # flags, a word each
    links "$CC" $sanitize && return
    skip "sanitizers: $CC cannot link them here; the tests run without"
    sanitize=
    checked=' (no sanitizers)'
}

# The program as anybody compiles it: build/telec-plain, once.
build_plain()
{
    [ -f "$work/plain" ] || { "$CC" -o build/telec-plain teleclaude.c && : > "$work/plain"; }
}

# ---- parts ---------------------------------------------------------------------------------------

# shellcheck disable=SC2086 # WARN, SMALL and sanitize are flags, a word each
part_build()
{
    for compiler in gcc clang; do
        if have $compiler; then
            job "$compiler" $compiler $WARN -Werror -O2 -o "build/telec-$compiler" teleclaude.c
        else
            skip "$compiler: not installed"
        fi
    done
    job plain build_plain
    job make make OUT=build/telec-make CC="$CC" OPT=-O0
    for compiler in gcc clang; do
        have $compiler && result $compiler "build with $compiler, no warning"
    done
    result plain "build with $CC -o telec teleclaude.c" &&
        run "its program runs" $limit build/telec-plain --version
    result make "build with make" &&
        run "make install, an upgrade, make uninstall" tests/install.sh build/telec-make
    run "other systems' parts compile" tests/systems.sh "$CC"
    if have tcc; then
        run "build with tcc" tcc -w -o build/unit-tcc tests/unit.c &&
            lines " (tcc)" build/unit-tcc loop widget
    else
        skip "tcc: not installed"
    fi
}

# shellcheck disable=SC2086
part_single()
{
    rm -f build/telec.c
    job single sh -c "make single && '$CC' -o build/telec-single build/telec.c"
    result single "build as a single file" &&
        run "the single file's program runs" $limit build/telec-single --version
}

# shellcheck disable=SC2086
part_static()
{
    if ! links musl-gcc -static; then
        skip "static build: musl-gcc is not installed"
        return
    fi
    rm -f build/telec-static
    job static make static
    result static "build with musl-gcc -static" &&
        run "the static program runs" $limit build/telec-static --version
    [ "$(uname -m)" != x86_64 ] ||
        run "the static program has at most $STATIC_MAX bytes" \
            test "$(wc -c < build/telec-static)" -le "$STATIC_MAX"
}

part_docs()
{
    build_plain || return
    run "README and doc/ say what the program says" tests/docs.sh build/telec-plain
    for shell in bash zsh fish mandoc; do
        if have $shell; then
            run "completions, or the manual page: $shell" tests/shells.sh build/telec-plain $shell
        else
            skip "$shell: not installed"
        fi
    done
}

# The two newest tags; until there are any, the commit before the folders.
part_compat()
{
    releases=$(git tag --sort=-creatordate 2> /dev/null | head -n 2)
    releases=${releases:-a7bf1e1}
    # shellcheck disable=SC2086 # a commit a word
    if ! git cat-file -e ${releases%%[[:space:]]*} 2> /dev/null; then
        skip "compat: the earlier versions are not in this repository"
        return
    fi
    build_plain || return
    # shellcheck disable=SC2086
    run "this version goes with earlier ones" tests/compat.sh build/telec-plain $releases
}

part_protocol()
{
    run "doc/protocol.md has every route, event, request, key and frame" tests/protocol.sh
}

part_layers()
{
    run "layers: every file knows only what stands before it" tests/layers.sh
    lines "" tests/layers.sh --self-test
}

# A -D that the code does not ask for would change nothing, and nobody would notice.
part_limits()
{
    for limit_name in $(echo "$SMALL $QUICK $QUICK_ANSWERS" | tr ' ' '\n' |
        sed -n 's/^-D\([A-Z_]*\)=.*/\1/p'); do
        grep -rqx "#ifndef $limit_name" src || echo "no #ifndef $limit_name in src"
    done > "$work/limits"
    grep -rnE '\<(v?(f|d|s|sn)?printf|ptsname|strftime|strtod|getnameinfo|inet_ntop)\(' src |
        grep -v '  const char \*name = ptsname' > "$work/large"
    run "src/ calls nothing that brings libc's printf" test ! -s "$work/large"
    cat "$work/large"
    run "limits: every one that tests shrink can be shrunk" test ! -s "$work/limits"
    cat "$work/limits"
}

part_shell()
{
    for script in test.sh .ci/run tests/*.sh tests/*/*.sh; do
        [ -f "$script" ] || continue
        [ "$script" = .ci/run ] || run "$script is POSIX sh" sh -n "$script"
        have shellcheck && run "shellcheck $script" shellcheck "$script"
    done
    have shellcheck || skip "shellcheck: not installed"
}

# units PROGRAM: runs unit tests, one half of the parts beside the other. Parts that fail run once
# more by themselves, for a loaded machine answers late; what they said the first time is printed.
# A crash counts at once.
units()
{
    units_first="$work/${1##*/}.first"
    # shellcheck disable=SC2046 # a part a word
    $limit "$1" $("$1" -l | sed -n 'n;p') > "$units_first" 2>&1 &
    # shellcheck disable=SC2046
    $limit "$1" $("$1" -l | sed -n 'p;n') > "$units_first.half" 2>&1
    units_status=$?
    wait $! || units_status=$(($? > units_status ? $? : units_status))
    cat "$units_first.half" >> "$units_first"
    units_again=$(sed -n 's/^not ok - \([a-z0-9_]*\): .*/\1/p' "$units_first" | sort -u)
    if [ "$units_status" -ne 1 ] || [ -z "$units_again" ] ||
        grep -q 'Sanitizer\|runtime error' "$units_first"; then
        cat "$units_first"
        sed -n 's/^ok - [a-z0-9_]*: //p' "$units_first" | sort | uniq -d |
            sed 's/^/not ok - two tests have the name: /'
        return "$units_status"
    fi
    for units_part in $units_again; do
        echo "/^ok - $units_part: /d"
    done > "$units_first.sed"
    sed -e 's/^not ok - /# again: /' -f "$units_first.sed" "$units_first"
    # shellcheck disable=SC2086 # a part a word
    $limit "$1" $units_again
}

# shellcheck disable=SC2086
run_unit()
{
    "$CC" $WARN -Werror -Wno-unused-function -g -O0 $sanitize -o build/unit tests/unit.c &&
        units build/unit
}

# shellcheck disable=SC2086
run_small()
{
    "$CC" $WARN -w -g -O0 $sanitize $SMALL -o build/unit-small tests/unit.c &&
        units build/unit-small
}

# Compiles unit tests with short times, and begins what runs them.
# shellcheck disable=SC2086
run_plain()
{
    "$CC" -std=c99 -w -g -O0 $QUICK $QUICK_ANSWERS -o build/unit-quick tests/unit.c || return
    want quick && begin quick units build/unit-quick
    want valgrind && have valgrind && begin valgrind $limit valgrind -q --error-exitcode=99 \
        --leak-check=full --child-silent-after-fork=yes build/unit-quick $VALGRIND_UNITS
    wait
}

# Compiles, one after the other, what parts after the unit tests run.
# shellcheck disable=SC2086
run_builds()
{
    want fuzz && can_fuzz && record fuzz clang -std=c99 -w -g -O0 \
        -fno-sanitize-recover=undefined -fsanitize=fuzzer,address,undefined -o build/fuzz \
        tests/fuzz/targets.c
    want e2e && record telec "$CC" $WARN -g -O1 $sanitize -o build/telec-checked teleclaude.c
    want quick && record telec-quick "$CC" -std=c99 -w -g -O0 $QUICK -o build/telec-quick \
        teleclaude.c
    want portable && record telec-portable "$CC" -std=c99 -w -g -O0 -DTELEC_PORTABLE \
        -o build/telec-portable teleclaude.c
    if want quick || want e2e || want portable; then
        record e2e "$CC" $WARN -Werror -D_XOPEN_SOURCE=700 -g -O0 -o build/e2e tests/e2e.c
    fi
}

# Begins what takes long, once and beside each other: compiling, and the unit tests, most of whose
# time is waiting.
begun=
begin_all()
{
    [ -z "$begun" ] || return 0
    begun=yes
    find_sanitizers
    want unit && begin unit run_unit
    want small && begin small run_small
    if want quick || want valgrind; then
        begin plain run_plain
    fi
    begin builds run_builds
}

part_unit()
{
    begin_all
    lines_of unit "$checked"
}

part_small()
{
    begin_all
    lines_of small " (small limits)"
}

# Computers come and go, observers give up and pages are saved while the tests run.
part_quick()
{
    begin_all
    result plain "unit tests compile (short times)" || return
    lines_of quick " (short times)"
    result telec-quick "the program compiles (short times)" || return
    result e2e "end-to-end tests compile" || return
    lines " (short times)" build/e2e build/telec-quick fleet_ ui_ quick_
}

fuzz_targets()
{
    sed -n 's/^    {"\([a-z]*\)", fuzz_.*/\1/p' tests/fuzz/targets.c
}

# Where libFuzzer has had the targets the small corpus adds nothing.
# shellcheck disable=SC2086
part_smoke()
{
    [ -z "$fuzzed" ] || return
    find_sanitizers
    run "the fuzz targets compile" "$CC" -std=c99 -w -g -O0 $sanitize -o build/smoke \
        tests/fuzz/targets.c tests/fuzz/smoke.c || return
    for target in $(fuzz_targets); do
        job "smoke-$target" env TELEC_FUZZ="$target" build/smoke
    done
    for target in $(fuzz_targets); do
        result "smoke-$target" "fuzz target $target, the small corpus$checked"
    done
}

fuzz_one()
{
    mkdir "$work/corpus-$1" &&
        TELEC_FUZZ=$1 build/fuzz -verbosity=0 -max_total_time="$fuzz_seconds" -timeout=10 \
            -max_len=1024 -artifact_prefix="$work/" "$work/corpus-$1" "$work/seeds"
}

# Leaves $work/target.c, a target that make_seeds needs.
can_fuzz()
{
    echo 'int LLVMFuzzerTestOneInput(const void *p, unsigned long n) { return p && n > 1 << 30; }' \
        > "$work/target.c"
    have clang && clang -fsanitize=fuzzer,address,undefined -o "$work/target" "$work/target.c" \
        > /dev/null 2>&1
}

fuzzed=
part_fuzz()
{
    begin_all
    wait
    if [ ! -f "$work/fuzz.status" ]; then
        skip "libFuzzer: clang is not installed, or cannot link it"
        return
    fi
    fuzzed=yes
    run "the fuzz targets' first inputs" make_seeds
    result fuzz "the fuzz targets compile" || return
    fuzz_seconds=$((FUZZ_SECONDS / $(fuzz_targets | wc -l)))
    for target in $(fuzz_targets); do
        job "fuzz-$target" fuzz_one "$target"
    done
    for target in $(fuzz_targets); do
        result "fuzz-$target" "fuzz target $target, $fuzz_seconds s of libFuzzer"
    done
}

make_seeds()
{
    mkdir "$work/seeds" && "$CC" -w -o "$work/make-seeds" "$work/target.c" tests/fuzz/smoke.c &&
        "$work/make-seeds" "$work/seeds"
}

part_valgrind()
{
    if ! have valgrind; then
        skip "valgrind: not installed"
        return
    fi
    begin_all
    want quick || result plain "unit tests compile (short times)" || return
    lines_of valgrind " (valgrind)"
}

part_e2e()
{
    begin_all
    result telec "the program compiles$checked"
    telec_built=$?
    result e2e "end-to-end tests compile" && [ "$telec_built" -eq 0 ] &&
        lines "$checked" build/e2e build/telec-checked
}

# What other systems than Linux run, as far as it decides about the life of sessions. All other
# end-to-end tests pass with it, too: TELEC_E2E_PORTABLE=1 build/e2e build/telec-portable.
part_portable()
{
    begin_all
    result telec-portable "the program compiles (without what only Linux has)" || return
    result e2e "end-to-end tests compile" || return
    lines " (without what only Linux has)" env TELEC_E2E_PORTABLE=1 build/e2e \
        build/telec-portable life_holder life_orphan life_other life_sockets delete_leaves \
        delete_is places_long agent_dialog agent_messages agent_first
}

for name in $PARTS; do
    want "$name" && "part_$name"
done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && { [ "${CI:-}" != true ] || [ "$skipped" -eq 0 ]; }
