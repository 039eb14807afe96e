#!/bin/sh
# The order of the house, proved: a part knows only what stands above it.
#
#   tests/layers.sh [ROOT [PART…]]   checks the tree at ROOT (or .), or those parts of it
#   tests/layers.sh --self-test      checks that every kind of fault is found, on copies with faults
#
# Checked: each part compiles alone against teleclaude.h cut off after the part's section; no part
# names a structure of a later section; sections and parts stand in the same order; functions are
# static and bear their part's prefix; parts include nothing; no line is longer than 100 columns.
set -eu

CC=${CC:-cc}
COLUMNS_MAX=100

# Prefixes of a part whose functions are not all called PART_…
prefixes()
{
    case $1 in
    base) echo 'base_|span_|buf_|blob_|utf8_|clock_|log_' ;;
    digest) echo 'sha1$|sha1_|b64_' ;;
    loop) echo 'loop_|conn_' ;;
    sessions) echo 'session_|sessions_' ;;
    *) echo "$1\$|$1_" ;; # config_agent may be config's, and so may json_iter be json's
    esac
}

fault()
{
    echo "$*"
    faults=$((faults + 1))
}

parts_of()
{
    sed -n 's|^#include "src/\([a-z0-9]*\)\.c".*|\1|p' "$1/teleclaude.c"
}

sections_of()
{
    sed -n 's|^/\* ==== \([a-z0-9]*\): .*|\1|p' "$1/teleclaude.h"
}

# teleclaude.h up to the end of the last section that stands in the list "$2".
cut_header()
{
    awk -v known=" $2 " '
        /^\/\* ==== [a-z0-9]*: / { if (!index(known, " " substr($3, 1, length($3) - 1) " ")) exit }
        { print }
        END { print "#endif" }' "$1/teleclaude.h" | awk '
        # The last #endif of a header that was not cut would now stand there twice.
        { line[NR] = $0 }
        END { for (i = 1; i <= NR; i++) {
                  if (line[i] ~ /^#if/) open++
                  if (line[i] ~ /^#endif/ && --open < 0) continue
                  print line[i] } }'
}

check_order()
{
    want=$(parts_of "$1" | tr '\n' ' ')
    at=$want
    for section in $(sections_of "$1"); do
        case " $at" in
        *" $section "*) at=${at#*"$section "} ;;
        *) case " $want" in
           *" $section "*) fault "teleclaude.h: the section $section stands too late" ;;
           *) fault "teleclaude.h: the section $section has no part" ;;
           esac ;;
        esac
    done
    for file in "$1"/src/*.c; do
        part=${file##*/}
        case " $want" in
        *" ${part%.c} "*) ;;
        *) fault "src/$part: teleclaude.c does not include it" ;;
        esac
    done
}

# Compiles src/PART.c ($2) below the sections that it may know ($3).
check_compiles()
{
    cut_header "$1" "$3" > "$work/cut.h"
    {
        echo "#include \"$work/cut.h\""
        echo "#include \"$1/src/$2.c\""
    } > "$work/part.c"
    "$CC" -std=c99 -fsyntax-only -Werror=implicit-function-declaration -Werror=implicit-int \
        "$work/part.c" > "$work/errors" 2>&1 && return
    fault "src/$2.c: does not compile with what stands above it:"
    grep error: "$work/errors" | sed "s|$1/||" | head -n 10
}

# Structures and enumerations of later sections that a part names: pointers to them would compile.
check_structures()
{
    awk -v known=" $3 " -v name="src/$2.c" '
        FNR == 1 { file++ }
        file == 1 && /^\/\* ==== [a-z0-9]*: / { section = substr($3, 1, length($3) - 1) }
        file == 1 && /^(typedef )?(struct|enum) [a-z0-9_]+( \{|;)/ {
            tag = $1 == "typedef" ? $2 " " $3 : $1 " " $2
            sub(/;/, "", tag)
            later[tag] = !index(known, " " section " ") && section != ""
        }
        file == 2 {
            line = $0
            while (match(line, /(struct|enum) [a-z0-9_]+/)) {
                tag = substr(line, RSTART, RLENGTH)
                line = substr(line, RSTART + RLENGTH)
                if (tag in later && later[tag])
                    print name ":" FNR ": names " tag ", which stands below it"
            }
        }' "$1/teleclaude.h" "$1/src/$2.c" > "$work/structures"
    [ ! -s "$work/structures" ] || fault "$(cat "$work/structures")"
}

# A function begins at the left margin, and its line does not end with a semicolon.
check_names()
{
    awk -v prefixes="^($(prefixes "$2"))" -v name="src/$2.c" '
        /^#[ \t]*include/ { print name ":" FNR ": a part includes nothing" }
        /^[a-z][^(=]*[ *][a-z0-9_]+\(/ && !/;[ \t]*(\/\*.*)?$/ && !/^typedef/ {
            function_name = $0
            sub(/\(.*/, "", function_name)
            sub(/.*[ *]/, "", function_name)
            if (function_name ~ /^(int|char|void|span|size_t|short|long|unsigned)$/)
                next # a pointer to a function: static void (*name)(…)
            if ($0 !~ /^static /)
                print name ":" FNR ": " function_name " is not static"
            if (function_name !~ prefixes)
                print name ":" FNR ": " function_name " does not bear the prefix of its part"
        }' "$1/src/$2.c" > "$work/names"
    [ ! -s "$work/names" ] || fault "$(cat "$work/names")"
}

check_columns()
{
    for file in "$1"/teleclaude.[ch] "$1"/src/*.c "$1"/tests/*.[ch] "$1"/tests/*/*.[ch] \
        "$1"/tests/*.sh "$1"/tests/*/*.sh "$1"/test.sh; do
        [ -f "$file" ] || continue
        # Bytes that continue a character don't count.
        LC_ALL=C tr -d '\200-\277' < "$file" |
            LC_ALL=C awk -v most="$COLUMNS_MAX" -v name="${file#"$1/"}" '
            length($0) > most { print name ":" NR ": " length($0) " columns" }' >> "$work/columns"
    done
    [ ! -s "$work/columns" ] || fault "$(cat "$work/columns")"
}

# check ROOT [PART…]: prints the faults; the number of them is in $faults.
check()
{
    root=$1
    shift
    faults=0
    known=
    : > "$work/columns"
    check_order "$root"
    for part in $(parts_of "$root"); do
        known="$known$part "
        case " ${*:-$part} " in
        *" $part "*) ;;
        *) continue ;;
        esac
        if [ ! -f "$root/src/$part.c" ]; then
            fault "src/$part.c: teleclaude.c includes it, and it is not there"
            continue
        fi
        check_compiles "$root" "$part" "$known"
        check_structures "$root" "$part" "$known"
        check_names "$root" "$part"
    done
    check_columns "$root"
    [ "$faults" -eq 0 ]
}

# refuses NAME WANT PART: the copy, with its fault, must be refused with the text WANT.
refuses()
{
    if check "$work/copy" "$3" > "$work/said"; then
        echo "not ok - layers finds $1: nothing was found"
    elif grep -q "$2" "$work/said"; then
        echo "ok - layers finds $1"
        return
    else
        echo "not ok - layers finds $1: expected \"$2\""
        sed 's/^/# /' "$work/said"
    fi
    status=1
}

fresh_copy()
{
    rm -rf "$work/copy"
    mkdir -p "$work/copy/src"
    cp teleclaude.c teleclaude.h "$work/copy/"
    cp src/*.c "$work/copy/src/"
    # What is wrong with the tree itself is another test's: here one part is looked at.
    COLUMNS_MAX=1000
}

self_test()
{
    status=0
    src=$work/copy/src
    fresh_copy
    if check "$work/copy" json > "$work/said"; then
        echo "ok - layers accepts a good part"
    else
        echo "not ok - layers accepts a good part"
        sed 's/^/# /' "$work/said"
        status=1
    fi
    printf 'static void json_up(void)\n{\n    loop_once(NULL);\n}\n' >> "$src/json.c"
    refuses "a call of a function below" 'does not compile with what stands above it' json
    fresh_copy
    printf 'static int json_up(struct loop *l)\n{\n    return l != NULL;\n}\n' >> "$src/json.c"
    refuses "a structure from below" 'names struct loop, which stands below it' json
    fresh_copy
    printf 'static int http_stray(void)\n{\n    return 0;\n}\n' >> "$src/json.c"
    refuses "a wrong prefix" 'http_stray does not bear the prefix' json
    fresh_copy
    printf 'int json_open_to_all(void)\n{\n    return 0;\n}\n' >> "$src/json.c"
    refuses "a function that is not static" 'json_open_to_all is not static' json
    fresh_copy
    printf '#include <math.h>\n' >> "$src/json.c"
    refuses "an include in a part" 'a part includes nothing' json
    fresh_copy
    printf '/* %0100d */\n' 0 >> "$src/json.c"
    COLUMNS_MAX=100
    refuses "a line too long" 'src/json.c:.*: 106 columns' json
    fresh_copy
    printf 'static int stray_one(void)\n{\n    return 0;\n}\n' > "$src/stray.c"
    refuses "a file that nothing includes" 'src/stray.c: teleclaude.c does not include it' json
    fresh_copy
    sed 's|^/\* ==== http: |/* ==== https: |' teleclaude.h > "$work/copy/teleclaude.h"
    refuses "a section without a part" 'the section https has no part' base
    fresh_copy
    sed -e 's|^/\* ==== http: |/* ==== HOLD: |' -e 's|^/\* ==== ws: |/* ==== http: |' \
        -e 's|^/\* ==== HOLD: |/* ==== ws: |' teleclaude.h > "$work/copy/teleclaude.h"
    refuses "sections out of order" 'the section http stands too late' base
    return $status
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
if [ "${1:-}" = --self-test ]; then
    self_test
    exit
fi
root=$(cd "${1:-.}" && pwd)
[ $# -eq 0 ] || shift
check "$root" "$@"
