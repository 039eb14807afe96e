#!/bin/sh
# Do the tests notice a fault? Plants one fault at a time in a copy of a file and runs its tests.
#
#   tests/mutants.sh FILE [COUNT [SEED [NAME…]]]      by hand: it takes about 5 s a fault
#
# FILE is src/…/….c; COUNT faults (10) are chosen by SEED (1). A fault is another operator, another
# constant, a condition turned round or a statement left out. It is killed when the unit tests of
# FILE's name (of all files, when it has none), or the end-to-end tests whose names begin with NAME,
# fail or do not end. A fault that does not compile is not counted.
set -eu
cd "$(dirname "$0")/.."

CC=${CC:-cc}
[ -f "${1:-}" ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
file=$1
count=${2:-10}
seed=${3:-1}
shift
[ $# -eq 0 ] || shift
[ $# -eq 0 ] || shift

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cp -R teleclaude.c teleclaude.h src tests "$work/"
mkdir "$work/build"

# Every fault of the file: "LINE<tab>WHAT<tab>the line with the fault".
faults()
{
    awk '
    function fault(what, text) { print NR "\t" what "\t" text }
    function swap(from, to,    at, rest, done) {
        rest = $0
        done = ""
        while ((at = index(rest, from)) > 0) {
            fault(from "becomes" to,
                done substr(rest, 1, at - 1) to substr(rest, at + length(from)))
            done = done substr(rest, 1, at + length(from) - 1)
            rest = substr(rest, at + length(from))
        }
    }
    function numbers(    at, rest, done, n) {
        rest = $0
        done = ""
        while (match(rest, /[^A-Za-z0-9_.][0-9]+([^A-Za-z0-9_.]|$)/)) {
            at = RSTART
            n = substr(rest, at + 1) + 0
            fault(n " is " n + 1, done substr(rest, 1, at) n + 1 substr(rest, at + 1 + length(n)))
            done = done substr(rest, 1, at + length(n))
            rest = substr(rest, at + 1 + length(n))
        }
    }
    /^[{]/ { inside = 1 }
    /^[}]/ { inside = 0 }
    !inside || /^ *(\/\*|\*)/ || /["\047]/ { next }
    {
        swap(" == ", " != ")
        swap(" != ", " == ")
        swap(" < ", " <= ")
        swap(" <= ", " < ")
        swap(" > ", " >= ")
        swap(" >= ", " > ")
        swap(" && ", " || ")
        swap(" || ", " && ")
        swap(" + ", " - ")
        swap(" - ", " + ")
        numbers()
    }
    /^ *(if|while) \(.*\)( \{)?$/ {
        text = $0
        sub(/\(/, "(!(", text)
        sub(/\)( \{)?$/, ")&", text)
        fault("condition turned round", text)
    }
    # A statement of one line that begins none of the lines above: a call or an assignment.
    before ~ /[;{}]$/ && /^ +[a-z][a-z0-9_>.\[\]-]*( [-+|&]?= .*|\(.*\)|\+\+|--);$/ {
        fault("statement left out", "    ;")
    }
    { before = $0 }' "$file"
}

# choose: COUNT lines of the input, by SEED.
choose()
{
    awk -v seed="$seed" 'BEGIN { srand(seed) } { printf "%.8f\t%s\n", rand(), $0 }' | sort |
        head -n "$count" | cut -f 2-
}

# fails SECONDS COMMAND…: true when the command fails or does not end.
fails()
{
    seconds=$1
    shift
    ! timeout "$seconds" "$@" > "$work/output" 2>&1
}

builds_unit()
{
    (cd "$work" && "$CC" -O0 -w -o build/unit tests/unit.c > output 2>&1)
}

is_killed()
{
    # shellcheck disable=SC2086 # a name or nothing
    fails 60 "$work/build/unit" $part && return
    [ $# -gt 0 ] || return
    (cd "$work" && "$CC" -O0 -w -o build/telec teleclaude.c) || return
    fails 120 "$work/build/e2e" "$work/build/telec" "$@"
}

builds_unit || { cat "$work/output"; exit 2; }
part=$(basename "$file" .c)
"$work/build/unit" -l | grep -qx "$part" || part=
case $file in
src/screen/vt/*) part=vt ;;
*/reader.c) part='holder replay transcript question' ;;
*/viewer.c | */input.c | */message.c | */answer.c | */end.c | */status.c) part='holder sessions' ;;
*/keymap.c) part='widget keys' ;;
esac
[ $# -eq 0 ] || "$CC" -O1 -w -D_XOPEN_SOURCE=700 -o "$work/build/e2e" tests/e2e.c
if is_killed "$@"; then
    tail -n 5 "$work/output"
    echo "mutants: the tests fail without a fault" >&2
    exit 2
fi

faults | choose > "$work/faults"
tab=$(printf '\t')
killed=0 survived=0
while IFS="$tab" read -r line what text; do
    # In the environment: -v would read backslashes.
    text=$text awk -v at="$line" 'FNR == at { print ENVIRON["text"]; next } { print }' "$file" \
        > "$work/$file"
    if ! builds_unit; then
        echo "no build  $file:$line: $what"
    elif is_killed "$@"; then
        killed=$((killed + 1))
        echo "killed    $file:$line: $what"
    else
        survived=$((survived + 1))
        echo "SURVIVED  $file:$line: $what: $(sed -n "${line}s/^ *//p" "$file")"
    fi
done < "$work/faults"
echo "$killed killed, $survived survived, part ${part:-all}${*:+, end to end: $*}"
