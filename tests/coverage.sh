#!/bin/sh
# Line coverage of each file by the unit tests and by the end-to-end tests, beside each other.
#
#   tests/coverage.sh              both; the end-to-end tests take a few minutes
#   tests/coverage.sh --unit       the unit tests only
#   tests/coverage.sh NAME…        the end-to-end tests whose name begins with one of NAME
#
# Needs gcc and its gcov. The unit column must reach a limit: 60 % for files whose logic needs
# processes and sockets around it, 85 % for all others. Exit status 1 when a file misses its limit.
# Lines run by a process that was killed are not counted, and many end-to-end tests kill.
set -eu
cd "$(dirname "$0")/.."

CC=${CC:-gcc}
GCOV=${GCOV:-gcov}
LIMIT=85
LIMIT_LOW=60
LOW='sessions requests peers streams routes request proxy httpd'
LOW="$LOW spawn near far mcp observe daemon app dialog attach layout tui"

command -v "$GCOV" > /dev/null || { echo "coverage: $GCOV is not installed" >&2; exit 2; }
dir=$PWD/build/coverage
rm -rf "$dir"
mkdir -p "$dir"

# lines PROGRAM: "src/FILE PERCENT LINES" of each file, from what its runs left in $dir.
lines()
{
    # gcov's -n leaves no files; the names are as the compiler was given them.
    "$GCOV" -n "$dir/$1"*.gcda 2> /dev/null | awk -F "'" '
        /^File/ { file = $2; sub(/.*\/src\//, "src/", file) }
        /^Lines executed/ && file ~ /^src\/.*\.c$/ {
            split($0, part, /[:%]|of /)
            print file, part[2], part[4] + 0
            file = ""
        }'
}

# What a process ran is written at its exit(), not at its _exit().
"$CC" -std=c99 -w -O0 --coverage -D_exit=exit -o "$dir/unit" tests/unit.c
if ! "$dir/unit" > "$dir/unit.out" 2>&1; then
    grep -v '^ok - ' "$dir/unit.out" || true
    echo "coverage: unit tests failed, the figures are those of what ran" >&2
fi
lines unit > "$dir/unit.lines"
: > "$dir/e2e.lines"
if [ "${1:-}" != --unit ]; then
    "$CC" -std=c99 -w -O0 --coverage -o "$dir/telec" teleclaude.c
    "$CC" -w -D_XOPEN_SOURCE=700 -O1 -o "$dir/e2e" tests/e2e.c
    if ! "$dir/e2e" "$dir/telec" "$@" > "$dir/e2e.out" 2>&1; then
        grep -v '^ok - ' "$dir/e2e.out" || true
        echo "coverage: end-to-end tests failed, the figures are those of what ran" >&2
    fi
    lines telec > "$dir/e2e.lines"
fi

sed -n 's|^#include "\(src/.*\.c\)".*|\1|p' teleclaude.c | awk -v low=" $LOW " \
    -v limit="$LIMIT" -v limit_low="$LIMIT_LOW" -v unit="$dir/unit.lines" -v e2e="$dir/e2e.lines" '
    function percent(value) { return value == "" ? "     -" : sprintf("%5.1f%%", value) }
    BEGIN {
        while ((getline line < unit) > 0) {
            split(line, part, " ")
            units[part[1]] = part[2]
            count[part[1]] = part[3]
        }
        while ((getline line < e2e) > 0) {
            split(line, part, " ")
            e2es[part[1]] = part[2]
        }
        printf "%-30s %6s %7s %7s %6s\n", "file", "lines", "unit", "e2e", "limit"
    }
    {
        name = $0
        gsub(/.*\/|\.c$/, "", name)
        need = index(low, " " name " ") ? limit_low : limit
        good = units[$0] + 0 >= need
        missed += !good
        all += count[$0]
        run_units += count[$0] * units[$0]
        run_e2es += count[$0] * e2es[$0]
        printf "%-30s %6d  %s  %s  %4d%%  %s\n", $0, count[$0], percent(units[$0]),
            percent(e2es[$0]), need, good ? "ok" : "not ok"
    }
    END {
        printf "%-30s %6d  %s  %s\n", "all", all, percent(run_units / (all ? all : 1)),
            percent(run_e2es / (all ? all : 1))
        printf "%d files below their limit\n", missed
        exit missed > 0
    }'
