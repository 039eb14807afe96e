#!/bin/sh
# make install, an upgrade while a session runs, and make uninstall, below a path with spaces:
# tests/install.sh PROGRAM, which make has built. Prints what is not as it should be.
set -u
program=$1
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d "/tmp/a b.XXXXXX") || exit 1
telec="$work/to here/bin/telec"
trap '"$telec" daemon --stop > /dev/null 2>&1; rm -rf "$work"' EXIT
unset TELEC_SOCKET TELEC_CONFIG TELEC_SESSION_ID TELEC_REDIS MAKEFLAGS
export HOME="$work" XDG_RUNTIME_DIR="$work" XDG_STATE_HOME="$work/s" XDG_CONFIG_HOME="$work/c"

# to GOAL: of the installed files.
to()
{
    make -s -o "$program" OUT="$program" DESTDIR="$work" PREFIX='/to here' "$1" \
        > "$work/said" 2>&1 || { cat "$work/said"; exit 1; }
}

fail()
{
    echo "$*"
    exit 1
}

to install
[ "$(find "$work/to here" -type f | wc -l)" -eq 5 ] || fail "$(find "$work/to here")"
old=$(ls -i "$telec")
# shellcheck disable=SC2016 # the session's word
id=$("$telec" new -- sh -c 'read x; echo "got $x"') || exit 1
to install
[ "$(ls -i "$telec")" != "$old" ] || fail "the file of a running program is overwritten"
"$telec" daemon --restart > /dev/null && "$telec" send "$id" words > /dev/null
"$telec" wait "$id" --state exited --timeout 20 > /dev/null
"$telec" tail "$id" | grep -q '^got words' || fail "it does not go on: $("$telec" status "$id")"
"$telec" kill "$id" && "$telec" daemon --stop || exit 1
to uninstall
[ -z "$(find "$work/to here" -type f)" ] || fail "left: $(find "$work/to here" -type f)"
