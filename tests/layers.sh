#!/bin/sh
# The structure of the tree, proved.
#
#   tests/layers.sh [ROOT [FILE…]]   checks the tree at ROOT (or .); compiles all files, or FILE…
#   tests/layers.sh --self-test      checks that every kind of fault is found, on a copy with faults
#
# Checked: each file compiles alone. A folder uses only folders before it in teleclaude.h; a file
# uses only files before it in teleclaude.c; headers' sections stand in the order of their files and
# declare what these define; private headers are included only in their folder; functions are
# static; what a .c file defines has the prefix of that file and of no other; base, wire and screen
# call nothing of the system; client, ui and cli use nothing of server and fleet; no line is longer
# than 100 columns, no file than 1,100 lines.
# The exceptions stand in tables at the beginning of tests/layers.awk.
set -eu

CC=${CC:-cc}
here=$(cd "$(dirname "$0")" && pwd)

# check_structure ROOT
check_structure()
{
    # shellcheck disable=SC2046 # paths without blanks
    (cd "$1" && LC_ALL=C awk -f "$here/layers.awk" pass=1 teleclaude.h teleclaude.c \
        $(find src -name '*.c' | sort) $(find src -name '*.h' | sort) \
        $(find tests test.sh -name '*.[ch]' -o -name '*.sh' -o -name '*.awk' 2> /dev/null | sort) \
        pass=2 $(find src -name '*.c' | sort) $(find src -name '*.h' | sort))
}

# check_compiles ROOT FILE…
check_compiles()
{
    (
        cd "$1"
        shift
        for file; do
            "$CC" -std=c99 -fsyntax-only -Werror=implicit-function-declaration \
                -Werror=implicit-int "$file" > "$work/errors" 2>&1 && continue
            echo "$file: does not compile alone:"
            grep 'error:' "$work/errors" | head -n 10
        done
    )
}

# check ROOT [FILE…]: prints the faults; false when there is one.
check()
{
    root=$1
    shift
    # shellcheck disable=SC2046
    [ $# -gt 0 ] || set -- $(cd "$root" && find src -name '*.c')
    {
        check_structure "$root"
        check_compiles "$root" "$@"
    } > "$work/faults"
    cat "$work/faults"
    [ ! -s "$work/faults" ]
}

# finds NAME TEXT: the faults of the copy include TEXT, and those of the tree do not.
finds()
{
    if ! grep -q -e "$2" "$work/said"; then
        echo "not ok - layers finds $1: expected \"$2\""
        status=1
    elif grep -q -e "$2" "$work/before"; then
        echo "not ok - layers finds $1: \"$2\" was found before the fault was planted"
        status=1
    else
        echo "ok - layers finds $1"
    fi
}

# plant FILE TEXT…: lines at the end of a file of the copy.
plant()
{
    plant_file=$work/copy/$1
    shift
    printf '%s\n' "$@" >> "$plant_file"
}

# edit FILE SCRIPT: by sed.
edit()
{
    sed "$2" "$work/copy/$1" > "$work/edited"
    cp "$work/edited" "$work/copy/$1"
}

self_test()
{
    status=0
    mkdir -p "$work/copy/tests"
    cp -R teleclaude.c teleclaude.h src "$work/copy/"
    check "$work/copy" src/base/json.c src/wire/ws.c > "$work/before" || true

    plant src/base/json.c 'static void json_up(struct loop *l)' '{' '    loop_once(l);' '}'
    finds_compile='src/base/json.c: does not compile alone'
    plant src/wire/http.c 'static int http_up(void)' '{' '    return (int)ws_feed;' '}'
    plant src/wire/resp.c 'static int resp_open(void)' '{' '    return open("x", 0);' '}' \
        'static int resp_time(void)' '{' '    return (int)time(NULL);' '}'
    plant src/wire/ws.c 'static int http_stray(void)' '{' '    return 0;' '}' \
        'int ws_loose(void)' '{' '    return 0;' '}' '#include <math.h>'
    plant src/session/holder.c 'static int holder_link_stray(void)' '{' '    return 0;' '}' \
        'struct stray_tag {' '    int x;' '};' '#define STRAY_MACRO 1'
    plant src/base/digest.c "/* $(printf '%0100d' 0) */"
    plant src/base/stray.c 'static int stray_one(void)' '{' '    return 0;' '}'
    plant src/session/cache.c '#include "../screen/vt/private.h"'
    plant src/work/roadmap.c '#include "../fleet/fleet.h"' '#include "../base/json.h"'
    plant src/system/system.h '#include "../fleet/fleet.h"' 'struct planted { struct cache *c; };'
    plant src/client/client.c 'static void client_planted(void)' '{' '    httpd_send();' '}' \
        'static void client_planted_fleet(void)' '{' '    peers_init();' '}'
    plant src/ui/ui.h '#include "../server/server.h"'
    plant src/server/httpd.c 'static void httpd_send(void)' '{' '}'
    plant src/ui/tree.c 'static void tree_planted(void)' '{' '    sessions_init();' '}'
    plant src/cli/hook.c "$(awk 'BEGIN { for (i = 0; i < 1100; i++) print "/* */" }')"
    plant src/screen/screen.h '/* ==== nothing ==== */' '/* ==== cell ==== */' \
        'static void grid_free(struct grid *g);'
    plant src/session/session.h '#define holder_link_drain planted'
    edit teleclaude.c 's|^#include "src/work/roadmap.c".*|#include "src/work/gone.c"|'
    edit teleclaude.c '/^#include "src\/fleet\/redis.c"/d'
    edit teleclaude.c 's/holder_on_output/holder_on_nothing/'
    edit teleclaude.c 's|^#include "src/server/httpd.c"|#include "src/fleet/redis.c"\
&|'
    edit teleclaude.c 's|^#include "src/cli/hook.c"|#include "src/server/late.c"\
&|'
    check "$work/copy" src/base/json.c src/wire/ws.c > "$work/said" || true

    finds "a file that does not compile alone" "$finds_compile"
    finds "a call of a later folder" 'json.c:.*: uses loop_once of src/system/loop.c'
    finds "a structure of a later folder" 'json.c:.*: uses struct loop of src/system/loop.c'
    finds "a name of a later file of the folder" 'http.c:.*: uses ws_feed of src/wire/ws.c'
    finds "a structure of a later section in a header" 'system.h:.*: uses struct cache of'
    finds "a call of the system in a pure folder" 'resp.c:.*: calls open: wire is pure'
    finds "a call of the clock in a pure folder" 'resp.c:.*: calls time: wire is pure'
    finds "a function with a foreign prefix" 'ws.c:.*: http_stray does not bear the prefix'
    finds "a function with the prefix of a longer name" \
        'holder.c:.*: holder_link_stray bears the prefix of src/session/holder_link.c'
    finds "a structure with a foreign prefix" 'holder.c:.*: stray_tag does not bear the prefix'
    finds "a macro with a foreign prefix" 'holder.c:.*: STRAY_MACRO does not bear the prefix'
    finds "a function that is not static" 'ws.c:.*: ws_loose is not static'
    finds "a header of the system in a file" 'ws.c:.*: includes a header of the system'
    finds "a line that is too long" 'digest.c:.*: 106 columns'
    finds "a file that is too long" 'hook.c: [0-9]* lines, more than 1100'
    finds "a file that nothing includes" 'src/base/stray.c: teleclaude.c does not include it'
    finds "a file that is not there" 'src/work/gone.c: teleclaude.c includes it, and it is not'
    finds "a foreign private header" 'cache.c:.*: includes src/screen/vt/private.h, which belongs'
    finds "another folder's header in a file" 'roadmap.c:.*: includes src/fleet/fleet.h: a file'
    finds "a header that is no folder's" 'roadmap.c:.*: includes src/base/json.h, which is no'
    finds "a later folder's header" 'system.h:.*: includes src/fleet/fleet.h, which stands after'
    finds "the server in the client" 'client.c:.*: uses httpd_send of '
    finds "the fleet in the client" 'client.c:.*: uses peers_init of .*: client uses nothing'
    finds "the server's header in the ui" \
        'ui.h:.*: includes src/server/server.h: ui uses nothing of server'
    finds "sessions in the ui" 'tree.c:.*: uses sessions_init of src/session/sessions.c: ui uses'
    finds "a section without a file" 'screen.h:.*: section nothing has no file'
    finds "a section out of order" 'screen.h:.*: section cell stands too late'
    finds "a declaration in another file's section" 'screen.h:.*: declares grid_free in the section'
    finds "a function that is only named" 'teleclaude.c:.*: names holder_on_nothing, which no'
    finds "a file after a later folder's" 'teleclaude.c:.*: src/server/late.c stands after a later'
    return $status
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
if [ "${1:-}" = --self-test ]; then
    cd "$here/.."
    self_test
    exit
fi
root=${1:-.}
[ $# -eq 0 ] || shift
check "$root" "$@"
