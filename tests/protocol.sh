#!/bin/sh
# The wire contract is whole: every route, event, topic, Redis key, request and frame of the code
# stands in doc/protocol.md.
#
#   tests/protocol.sh [ROOT]     prints what is missing; exit status 1 when something is
set -eu
cd "${1:-$(dirname "$0")/..}"
doc=doc/protocol.md
missing=0

# has KIND TEXT PATTERN: PATTERN (fixed text) stands in the document.
has()
{
    grep -qF -e "$3" "$doc" && return
    echo "$doc: no $1 $2"
    missing=$((missing + 1))
}

# each KIND NAMES…: each name stands there as `NAME, `/NAME, "NAME or | NAME.
each()
{
    kind=$1
    shift
    [ $# -gt 0 ] || { echo "no $kind found in the code: this test reads it wrongly"; missing=1; }
    for name; do
        grep -qE "(\`/?|\"|\| )$name([^A-Za-z_]|\$)" "$doc" || has "$kind" "$name" "\`$name"
    done
}

# found KIND: standard input holds rows of the code that the document must have.
found()
{
    cat > "$rows"
    [ -s "$rows" ] && return
    echo "no $1 found in the code: this test reads it wrongly"
    missing=1
}

rows=$(mktemp)
spec=$(mktemp)
trap 'rm -f "$rows" "$spec"' EXIT

sed -n 's|^ *{"\([A-Z]*\)", "\(/[^"]*\)",.*|\1 \2|p' src/server/routes.c | sed 's/{}/{id}/' |
    found route
while read -r method path; do
    grep -q "^- \`$method ${path}[\`?]" "$doc" || has route "$method $path" "- \`$method $path\`"
done < "$rows"

sed -n '/^enum frame_type {/,/^};/s/^ *\(FRAME_[A-Z_]*\) = .\(.\).*/\2 \1/p' \
    src/session/session.h | found frame
while read -r letter name; do
    has frame "$name" "- \`$letter\` $name:"
done < "$rows"

sed -n '/^enum mux_type {/,/^};/s/^ *\(MUX_[A-Z_]*\) = .\(.\).*/\2 \1/p' src/reach/reach.h |
    found 'frame of a pipe'
while read -r letter name; do
    has 'frame of a pipe' "$name" "- \`$letter\` $name:"
done < "$rows"

sed -n '/guest_ops\[\] = {/,/^};/s/^ *{"\([a-z]*\)".*/\1/p' src/fleet/guest.c | found op
while read -r name; do
    has 'op of an attachment' "$name" "- \`$name\`:"
done < "$rows"

sed -n '/^static void holder_link_put_spec(/,/^}/p' src/session/holder_link.c |
    sed -n 's/.*"\([a-z_]*\)".*/\1/p' | found 'member of FRAME_SPEC'
sed -n '/FRAME_SPEC:/,/^$/p' "$doc" > "$spec"
while read -r name; do
    grep -qF "\"$name\"" "$spec" || has 'member of FRAME_SPEC' "$name" "FRAME_SPEC's $name"
done < "$rows"

topics='session|sessions|preparation|computer|projects|todos|agents'
# shellcheck disable=SC2046 # names are words
{
    each event $(grep -rhoE "\"(\\{.\"event.\":.\")?($topics)_(initial|created|updated|removed)" \
        src | grep -oE '[a-z]+_[a-z]+$' | sort -u)
    each request $(sed -n '/requests_commands\[\] = {/,/^};/s/^ *{"\([a-z_]*\)".*/\1/p' \
        src/fleet/requests.c)
    each 'error code' $(grep -ohE '"[A-Z]+(_[A-Z]+)*"( :|\)?;)' src/fleet/requests.c \
        src/fleet/broadcast.c src/fleet/peers.c src/fleet/guest.c |
        grep -v HOME | tr -d '"); :' | sort -u)
    each 'Redis key' $(grep -rhoE '"(computer|output|input|messages|session_events|observation):' \
        src/fleet | tr -d '"' | sort -u)
    each 'hook event' $(sed -n 's/.*"\(prompt|stop|[a-z_|]*\)".*/\1/p' src/server/routes.c |
        tr '|' ' ')
}

exit $((missing > 0))
