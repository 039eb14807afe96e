#!/bin/sh
# The documents say what the program says: tests/docs.sh TELEC checks README and doc/. --write TELEC
# writes the program's commands, keys and screens into them.
set -u
cd "$(dirname "$0")/.." || exit 1

write=
[ "${1:-}" != --write ] || { write=yes; shift; }
telec=${1:?tests/docs.sh [--write] TELEC}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
bad=0
fault()
{
    echo "$*"
    bad=1
}

# ---- commands and keys, as the program prints them -----------------------------------------------

"$telec" help > "$work/help" || exit 1
sed -n '/^Commands/,/^Keys/p' "$work/help" | sed '$d' | sed '$d' > "$work/commands"
sed '1,/^Keys/d' "$work/help" > "$work/keys"
# Screens are those that the end-to-end tests compare with the program's.
screen()
{
    sed '/^= styles/,$d; s/^|//' "tests/golden/$1"
}
screen 80x24/sessions | grep . | grep -v 'so long that' | sed 's/^/  /' > "$work/screen"
awk -v dir="$work" '
    /^  +telec  Sessions/ { while ((getline line < (dir "/screen")) > 0) print line; skip = 1 }
    /^$/ { skip = 0 }
    !skip { print }' README > "$work/README"
{
    echo "What telec looks like: screens of the real program, as its tests record them. Colours are"
    echo "left out. tests/docs.sh --write makes this file."
    while read -r name words; do
        printf '\n\n%s\n\n' "$words"
        screen "$name"
    done << 'END'
120x40/sessions The sessions, with a preview, 120 columns wide
80x24/new n: a new session
80x24/message m: a message to the selected session
80x24/attached Enter: attached
80x24/filter /: only rows with these words
80x24/preparation 2: the todos of projects
80x24/a-file v: reading a file of a todo
80x24/help ?: the keys
40x12/sessions The sessions, 40 columns wide
24x6/sessions The sessions, 24 columns wide
END
} > "$work/screens.txt"
awk -v dir="$work" '
    /^<!-- (commands|keys) -->$/ {
        print; print "```"
        while ((getline line < (dir "/" $2)) > 0) print line
        print "```"; skip = 1; next
    }
    /^<!-- end -->$/ { skip = 0 }
    !skip { print }' doc/manual.md > "$work/manual.md"
for made in "$work/README" "$work/manual.md" "$work/screens.txt"; do
    name=${made#"$work/"}
    [ "$name" = README ] || name=doc/$name
    if [ -n "$write" ]; then
        cat "$made" > "$name"
    else
        cmp -s "$made" "$name" ||
            fault "$name has other commands, keys or screens than telec: tests/docs.sh --write"
    fi
done

# ---- what the documents name ---------------------------------------------------------------------

[ "$(wc -l < README)" -le 150 ] || fault "README has more than 150 lines"
# shellcheck disable=SC2013 # names have no blanks
for name in $(grep -ohE '\<(doc|tests)/[A-Za-z0-9_./-]*[A-Za-z0-9_]' README doc/manual.md \
    doc/develop.md); do
    [ -e "$name" ] || fault "$name is named and does not exist"
done
# shellcheck disable=SC2013
for name in $(grep -ohE '\<[a-z]+\.(md|txt)\>' README doc/*.md | sort -u); do
    [ -e "doc/$name" ] || [ "$name" = roadmap.md ] || [ "$name" = requirements.md ] ||
        [ "$name" = plan.md ] || fault "doc/$name is named and does not exist"
done

# telec COMMAND --OPTION …, in code: between ` `, or in a fenced block's line that begins with it.
{
    # shellcheck disable=SC2016 # no expansion is meant
    cat README doc/manual.md | tr '\n' ' ' | grep -oE '`telec [a-z][^`]*`' | tr -d '`'
    awk '/^```/ { in_code = !in_code } in_code' doc/manual.md |
        grep -oE '(^  |&& |\$\()telec [a-z].*'
} | sed -e 's/.*telec /telec /' -e 's/   .*//' -e 's/[|#;&].*//' | sort -u > "$work/used"
while read -r _ command words; do
    "$telec" "$command" --help > "$work/one" 2> /dev/null ||
        { fault "no command: telec $command $words"; continue; }
    for word in $words; do
        case $word in
        --[a-z]*) grep -q -e "$word" "$work/one" "$work/help" ||
            fault "no option $word: telec $command" ;;
        esac
    done
done < "$work/used"

# The configuration of the manual is one that telec takes as it is.
awk '/^```/ { in_code = !in_code; take = 0 } in_code && /^  \[computer\]/ { take = 1 }
    in_code && take' doc/manual.md > "$work/config"
chmod 600 "$work/config"
[ -s "$work/config" ] || fault "doc/manual.md has no configuration"
HOME=$work XDG_CONFIG_HOME=$work XDG_STATE_HOME=$work XDG_RUNTIME_DIR=$work \
    "$telec" -c "$work/config" config > /dev/null 2> "$work/problems" ||
    fault "the configuration in doc/manual.md: $(cat "$work/problems")"

# Each reason that status prints.
tr -s ' \n' '  ' < doc/manual.md > "$work/words"
sed -n '/} reasons\[\] = {/,/};/s/.*, "\(.*\)"},.*/\1/p' src/cli/commands.c > "$work/reasons"
while IFS= read -r line; do
    grep -qF -e "$line" "$work/words" || fault "doc/manual.md has no reason: $line"
done < "$work/reasons"

# README's keys.
sed -n '/^Ten keys/,/^What/s/^  \([^ ]*,\{0,1\} \{0,1\}[^ ]*\)  .*/\1/p' README | tr -d ' ' |
    tr ',' '\n' > "$work/ten"
while read -r key; do
    grep -qE -e "^  (.*, )?${key}[ ,]" "$work/keys" ||
        fault "README has a key that help has not: $key"
done < "$work/ten"

exit $bad
