#include "client.h"

/* relayed - a session's screen through the daemon, which relays it: a stream whose source is the
 * WebSocket of GET /sessions/{id}/attach. A size and colours are kept until the handshake is done;
 * input is refused until then, and on_drained tells when. */

struct relayed {
    struct stream base;     /* the first member: see struct stream */
    struct client_ws ws;
    int cols, rows;         /* asked for; 0: none */
    struct vt_colours colours;
    int sized;              /* a size has come: a snapshot begins */
};

static void relayed_send(struct relayed *r)
{
    buf b = {0};
    if (!r->ws.accepted)
        return;
    if (r->cols) {
        buf_fmt(&b, "{\"resize\":[%d,%d]}", r->cols, r->rows);
        client_ws_send(&r->ws, WS_TEXT, buf_view(&b));
        r->cols = 0;
    }
    if (r->colours.known) {
        buf_clear(&b);
        buf_str(&b, "{\"colours\":");
        frame_put_colours(&b, &r->colours);
        buf_byte(&b, '}');
        client_ws_send(&r->ws, WS_TEXT, buf_view(&b));
        r->colours.known = 0;
    }
    buf_free(&b);
}

/* {"size": …}, {"undo_ms": …}, {"link": "lost" | "back", "why", "unsent"}; others are ignored. */
static void relayed_on_text(struct relayed *r, span text)
{
    const struct stream_hooks *hooks = r->base.hooks;
    struct json object;
    long long number = 0;
    int cols, rows;
    if (frame_parse_size(text, &cols, &rows)) {
        r->sized = 1;
        hooks->on_size(r->base.ctx, cols, rows);
    } else if (frame_read_undo(text, &number)) {
        if (hooks->on_ending)
            hooks->on_ending(r->base.ctx, number);
    } else if (hooks->on_link && json_read(text, &object) &&
               json_is(object, "link", JSON_STRING)) {
        int lost = json_member_eq(object, "link", "lost");
        char *why = json_dup_member(object, "why");
        json_int(json_get(object, "unsent"), &number);
        hooks->on_link(r->base.ctx, lost && !why ? "" : lost ? why : NULL, number);
        free(why);
    }
}

static void relayed_on_message(void *ctx, enum ws_opcode opcode, span payload)
{
    struct relayed *r = ctx;
    int snapshot = r->sized;
    if (!r->base.hooks)
        return;
    if (opcode == WS_TEXT) {
        relayed_on_text(r, payload);
        return;
    }
    r->sized = 0;
    r->base.hooks->on_output(r->base.ctx, payload, snapshot);
}

static void relayed_on_drained(void *ctx)
{
    struct relayed *r = ctx;
    if (r->ws.accepted && r->base.hooks && r->base.hooks->on_drained)
        r->base.hooks->on_drained(r->base.ctx);
}

static void relayed_on_open(void *ctx)
{
    relayed_send(ctx);
    relayed_on_drained(ctx);
}

static enum stream_over relayed_over(const struct relayed *r, int code)
{
    return code == 1000 ? STREAM_ENDED : r->ws.accepted ? STREAM_LOST : STREAM_REFUSED;
}

static void relayed_on_closed(void *ctx, int code, const char *why)
{
    struct relayed *r = ctx;
    r->base.over = relayed_over(r, code);
    if (r->base.hooks)
        r->base.hooks->on_end(r->base.ctx, why ? why : "the connection was lost");
    free(r);
}

static void relayed_pause(struct stream *s, int paused)
{
    conn_pause(&((struct relayed *)s)->ws.conn, paused);
}

static void relayed_close(struct stream *s)
{
    client_ws_close(&((struct relayed *)s)->ws); /* relayed_on_closed frees it */
}

static int relayed_type(struct stream *s, span input)
{
    struct relayed *r = (struct relayed *)s;
    if (!r->ws.accepted)
        return -1;
    client_ws_send(&r->ws, WS_BINARY, input);
    return 0;
}

static int relayed_resize(struct stream *s, int cols, int rows, const char *from)
{
    struct relayed *r = (struct relayed *)s;
    (void)from; /* the daemon says it */
    r->cols = cols;
    r->rows = rows;
    relayed_send(r);
    return 0;
}

static void relayed_set_colours(struct stream *s, const struct vt_colours *colours)
{
    struct relayed *r = (struct relayed *)s;
    r->colours = *colours;
    relayed_send(r);
}

static size_t relayed_queued(const struct stream *s)
{
    const struct relayed *r = (const struct relayed *)s;
    return r->ws.open ? r->ws.conn.queued : 0;
}

static void relayed_cancel(struct stream *s)
{
    struct relayed *r = (struct relayed *)s;
    client_ws_cancel(&r->ws);
    free(r);
}

static const struct stream_source relayed_source = {
    .pause = relayed_pause, .close = relayed_close, .type = relayed_type,
    .resize = relayed_resize, .colours = relayed_set_colours, .queued = relayed_queued,
    .cancel = relayed_cancel};

static struct stream *relayed_open(struct client *c, const char *id, const char *computer,
                                   int control, int scrollback, const struct stream_hooks *hooks,
                                   void *ctx)
{
    struct relayed *r = base_alloc(sizeof *r);
    char tail[64];
    buf target = {0};
    r->base = (struct stream){.source = &relayed_source, .hooks = hooks, .ctx = ctx};
    r->ws.on_open = relayed_on_open;
    r->ws.on_message = relayed_on_message;
    r->ws.on_drained = relayed_on_drained;
    r->ws.on_closed = relayed_on_closed;
    r->ws.ctx = r;
    base_fmt(tail, sizeof tail, "/attach?sizes=1%s%s", control ? "&mode=control" : "",
             scrollback ? "&scrollback=1" : "");
    client_put_target(&target, id, tail, computer);
    int status = client_ws_open(&r->ws, c, buf_cstr(&target));
    buf_free(&target);
    if (status == 0)
        return &r->base;
    free(r);
    return NULL;
}
