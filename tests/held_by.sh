#!/bin/sh
# Sessions held by older versions work with this daemon, and sessions held by this version with
# theirs: the newest three commits that changed the holder, and the first version; or COMMITs.
#
#   tests/held_by.sh TELEC [COMMIT…]
#
# Prints a line for each; needs the commits: in a shallow clone they are skipped.
set -u
telec=$(realpath "${1:?usage: tests/held_by.sh TELEC [COMMIT…]}")
shift
cd "$(dirname "$0")/.." || exit 1
first=a7bf1e1
CC=${CC:-cc}
work=$(mktemp -d) || exit 1
failed=0
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
unset TELEC_SOCKET TELEC_CONFIG TELEC_SESSION_ID TELEC_REDIS

# build COMMIT: $work/COMMIT/telec
build()
{
    mkdir "$work/$1" && git archive "$1" 2> /dev/null | tar -xf - -C "$work/$1" 2> /dev/null &&
        "$CC" -w -D_XOPEN_SOURCE=700 -O0 -o "$work/$1/telec" "$work/$1/teleclaude.c"
}

# await PATTERN COMMAND…: its output has the pattern within 30 s.
await()
{
    pattern=$1 tries=150
    shift
    while [ "$tries" -gt 0 ]; do
        "$@" 2>&1 | grep -q -e "$pattern" && return
        sleep 0.2
        tries=$((tries - 1))
    done
    echo "# no '$pattern': $*: $("$@" 2>&1 | tail -3)"
    return 1
}

# drive A B: a session that A has started, driven by B.
drive()
{
    dir=$(mktemp -d "$work/XXXX") || return
    for name in RUNTIME_DIR STATE_HOME CONFIG_HOME; do
        mkdir -m 700 "$dir/$name" && export "XDG_$name=$dir/$name"
    done
    id=$("$1" new -- sh -c 'echo ready; exec cat') && await ready "$1" tail "$id" &&
        "$1" daemon --stop && await '^.*ready' "$2" tail "$id" &&
        "$2" send "$id" "some words" > /dev/null && await 'some words' "$2" tail "$id" &&
        ! "$2" list | grep -q exited && "$2" kill "$id" && ! "$2" list | grep -q .
    driven=$?
    [ "$driven" -eq 0 ] || "$2" kill "$id" > /dev/null 2>&1 # its holder would stay
    "$2" daemon --stop > /dev/null 2>&1
    return $driven
}

# check NAME A B
check()
{
    if drive "$2" "$3" > "$work/said" 2>&1; then
        echo "ok - $1"
    else
        echo "not ok - $1"
        sed 's/^/# /' "$work/said"
        failed=1
    fi
}

# shellcheck disable=SC2046 # a commit a word
[ $# -gt 0 ] || set -- $(git log --format=%h -4 -- src/session/holder.c src/session/frame.c \
    src/session/end.c src/session/viewer.c src/session/life.c | sed 1d) "$first"
for commit; do
    if ! build "$commit"; then
        echo "skip - held by $commit: that commit is not here"
        continue
    fi
    check "a session held by $commit works with this daemon" "$work/$commit/telec" "$telec"
    check "a session held by this version works with the daemon of $commit" "$telec" \
        "$work/$commit/telec"
done
exit $failed
