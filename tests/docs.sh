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

! grep -qE '^telec new [a-z/]+ -' "$work/used" ||
    fault "telec new: options behind a command are the command's"

# Each runs, in a home of its own and without a daemon, and is understood; a name alone lacks
# arguments.
mkdir "$work/bin" && ln -s "$(realpath "$telec")" "$work/bin/telec" || exit 1
for stub in ssh sudo kubectl; do ln -s /bin/false "$work/bin/$stub"; done
sed -e "s/')/'/" -e 's/-j4)/-j4/' -e 's/ AGENT/ claude/' -e 's/ COMMAND/ list/' -e 's/ > .*//' \
    "$work/used" | while read -r _ words; do
    case $words in daemon | daemon\ --restart | watch*) continue ;; esac # without an end
    env -i HOME="$work" XDG_RUNTIME_DIR="$work" PATH="$work/bin:/usr/bin:/bin" \
        timeout 10 sh -c "cd && telec --no-daemon $words" < /dev/null > /dev/null 2> "$work/said"
    status=$?
    [ $status -lt 2 ] || grep -q 'arguments are needed\|: expected ' "$work/said" ||
        echo "telec $words: status $status: $(cat "$work/said")"
done > "$work/refused"
[ ! -s "$work/refused" ] || fault "$(cat "$work/refused")"

# Targets of make, in code; variables; and messages, whose words in capitals stand for others.
# shellcheck disable=SC2016
for target in $(grep -ohE '`make [a-z]+`' README doc/*.md | tr -d '\140' | cut -d ' ' -f 2); do
    grep -q "^$target:" Makefile || fault "there is no make $target"
done
# shellcheck disable=SC2016
for variable in $(grep -ohE '\$TELEC_[A-Z_]+' README doc/*.md | tr -d '$' | sort -u); do
    grep -rqF "\"$variable\"" src || fault "nothing reads \$$variable"
done
cat src/*/*.c | tr '\n' ' ' | sed -e 's/" *[A-Z_]* *"//g' -e 's/\\"/"/g' > "$work/strings"
awk '/what mends them:$/ { on = 1 } /^An agent whose state/ { on = 0 } on && /^  [^ ]/' \
    doc/manual.md | sed -e 's/^  //' -e 's/   .*//' -e 's/…\|[A-Z][A-Z]*\/*\|[a-z]*\.lock/\n/g' |
    sed -e 's/^[ :=]*//' -e 's/[ :]*$//' | grep '.......' > "$work/messages"
while read -r message; do
    grep -qF -e "$message" "$work/strings" || fault "no message of telec: $message"
done < "$work/messages"

# The configuration of the manual is one that telec takes as it is.
awk '/^```/ { in_code = !in_code; take = 0 } in_code && /^  \[computer\]/ { take = 1 }
    in_code && take' doc/manual.md > "$work/config"
chmod 600 "$work/config"
[ -s "$work/config" ] || fault "doc/manual.md has no configuration"
HOME=$work XDG_CONFIG_HOME=$work XDG_STATE_HOME=$work XDG_RUNTIME_DIR=$work \
    "$telec" -c "$work/config" config > /dev/null 2> "$work/problems" ||
    fault "the configuration in doc/manual.md: $(cat "$work/problems")"

# Each key of a configuration is in it, but for actions and colours, which have help.
HOME=$work XDG_CONFIG_HOME=$work XDG_STATE_HOME=$work XDG_RUNTIME_DIR=$work \
    "$telec" -c /dev/null config | sed -n '/^\[keys\]/q; s/^\([a-z_0-9]*\) =.*/\1/p' | sort -u |
    while read -r key; do
        grep -qE "(^| )$key = " "$work/config" || echo "doc/manual.md has no key $key"
    done > "$work/unknown"
[ ! -s "$work/unknown" ] || fault "$(cat "$work/unknown")"

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
