#!/bin/sh
# This version's client, daemon and holders with those of earlier ones: tests/compat.sh TELEC
# COMMIT… builds the telec of each commit, and prints what does not work.
set -u
new=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d /tmp/telec.XXXXXX) || exit 1
trap '"$new" daemon --stop > /dev/null 2>&1; rm -rf "$work"' EXIT
unset TELEC_SOCKET TELEC_CONFIG TELEC_SESSION_ID TELEC_REDIS
export HOME="$work" XDG_RUNTIME_DIR="$work" XDG_STATE_HOME="$work/s" XDG_CONFIG_HOME="$work/c"

# begin TELEC starts a session; use TELEC does with it what people do.
begin()
{
    # shellcheck disable=SC2016 # the session's words
    id=$("$1" new -t title -- sh -c 'echo begun; read line; echo "read $line"; read x') &&
        "$1" wait "$id" --state idle --timeout 20
}

use()
{
    "$1" list | grep -q title && "$1" send "$id" words > /dev/null &&
        "$1" wait "$id" --timeout 20 && "$1" tail "$id" | grep -q '^read words' &&
        "$1" kill "$id" > /dev/null
}

check()
{
    [ "$?" -eq 0 ] || { echo "$1"; bad=1; }
    "$new" kill "$id" > /dev/null 2>&1
    "$new" daemon --stop 2> /dev/null
}

bad=0
for commit; do
    mkdir "$work/$commit" && git archive "$commit" | tar -x -C "$work/$commit" &&
        cc -w -O0 -o "$work/old" "$work/$commit/teleclaude.c" || exit 1
    old=$work/old
    begin "$old" && use "$new"
    check "$commit: a client of this version with its daemon"
    begin "$new" && use "$old"
    check "$commit: its client with a daemon of this version"
    begin "$old" && "$old" daemon --stop && use "$new"
    check "$commit: a daemon of this version with its holder"
    begin "$new" && "$new" daemon --stop && use "$old"
    check "$commit: its daemon with a holder of this version"
done
exit $bad
