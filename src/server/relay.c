#include "server.h"

/* relay - questions to a holder for a client, and a stream behind a WebSocket: protocol.md section
 * 1.
 *
 * Nothing waits: each question is a connection of its own, and the reply comes from its answer. */

#ifndef RELAY_BACKLOG_MAX
#define RELAY_BACKLOG_MAX (256 * 1024) /* bytes queued for a viewer before its stream is paused */
#endif

/* ---- asking a holder ------------------------------------------------------------------------ */

static void relay_ask_on_done(void *ctx, enum holder_answer how, span payload)
{
    struct relay_ask *ask = ctx;
    httpd_wait(ask->client, NULL, NULL);
    if (how == HOLDER_ANSWERED)
        ask->answer(ask, payload);
    else if (how == HOLDER_LATE)
        httpd_reply_detail(ask->client, 504, "The session's holder does not answer");
    else if (ask->lost)
        ask->lost(ask);
    else
        httpd_reply_detail(ask->client, 409, "The session has ended");
    free(ask);
}

static void relay_ask_on_gone(void *ctx)
{
    struct relay_ask *ask = ctx;
    holder_link_ask_cancel(ask->asked);
    free(ask);
}

static struct relay_ask *relay_ask(struct request *r, enum frame_type question, span payload,
                                   enum frame_type wanted,
                                   void (*answer)(struct relay_ask *ask, span payload))
{
    struct relay_ask *ask = base_alloc(sizeof *ask);
    ask->server = r->server;
    ask->client = r->client;
    ask->answer = answer;
    base_copy(ask->id, sizeof ask->id, r->session->id);
    ask->asked = holder_link_ask(r->server->loop, sessions_find_socket(r->session), question,
                                 payload, wanted, relay_ask_on_done, ask);
    if (!ask->asked) {
        free(ask);
        return NULL;
    }
    httpd_wait(r->client, relay_ask_on_gone, ask);
    return ask;
}

/* ---- attach: a WebSocket on one side, a session's stream on the other ------------------------ */

struct relay_viewer {
    struct httpd_client *client;
    struct stream *stream; /* NULL: ended */
    int control, sizes;
    struct server *server;
    char id[65];    /* of a session of this computer, or "" */
    char *computer; /* of another one, or NULL */
};

static void relay_free(struct relay_viewer *viewer)
{
    free(viewer->computer);
    free(viewer);
}

static void relay_on_size(void *ctx, int cols, int rows)
{
    struct relay_viewer *viewer = ctx;
    buf b = {0};
    if (viewer->sizes) {
        frame_put_size(&b, cols, rows);
        httpd_send_frame(viewer->client, WS_TEXT, buf_view(&b));
    }
    buf_free(&b);
}

/* A viewer that does not read pauses its stream until its queue is drained. */
static void relay_on_output(void *ctx, span bytes, int snapshot)
{
    struct relay_viewer *viewer = ctx;
    (void)snapshot;
    httpd_send_frame(viewer->client, WS_BINARY, bytes);
    if (httpd_queued(viewer->client) > RELAY_BACKLOG_MAX)
        stream_pause(viewer->stream, 1);
}

static void relay_on_end(void *ctx, const char *why)
{
    struct relay_viewer *viewer = ctx;
    const char *code = viewer->stream->code;
    viewer->stream = NULL;
    if (httpd_refuse_ws(viewer->client)) {
        request_refuse_code(viewer->client, viewer->computer, code, why);
        relay_free(viewer);
    } else {
        httpd_close_ws(viewer->client, 1000, why);
    }
}

static void relay_on_link(void *ctx, const char *why, long long unsent)
{
    struct relay_viewer *viewer = ctx;
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "link", why ? "lost" : "back");
    if (why)
        json_field_string(&b, "why", why);
    json_field_int(&b, "unsent", unsent);
    json_close(&b, '}');
    httpd_send_frame(viewer->client, WS_TEXT, buf_view(&b));
    buf_free(&b);
}

static void relay_on_typed(void *ctx)
{
    struct relay_viewer *viewer = ctx;
    httpd_pause(viewer->client, 0);
}

static void relay_on_ending(void *ctx, long long undo_ms)
{
    struct relay_viewer *viewer = ctx;
    buf b = {0};
    frame_put_end_undoably(&b, undo_ms);
    httpd_send_frame(viewer->client, WS_TEXT, buf_view(&b));
    buf_free(&b);
}

static const struct stream_hooks relay_stream_hooks = {
    relay_on_size,  relay_on_output, NULL,           relay_on_end,
    relay_on_typed, relay_on_link,   relay_on_ending};

static int relay_resize(struct relay_viewer *viewer, int cols, int rows)
{
    struct session *s = sessions_find(viewer->server->sessions, viewer->id);
    if (s)
        sessions_expect_answer(s);
    return stream_resize(viewer->stream, cols, rows, viewer->server->config->computer);
}

static void relay_on_message(void *ctx, enum ws_opcode opcode, span payload)
{
    struct relay_viewer *viewer = ctx;
    struct json message;
    struct vt_colours colours;
    int cols, rows, refused = 0;
    if (!viewer->control || !viewer->stream)
        return;
    if (opcode == WS_BINARY)
        refused = stream_type(viewer->stream, payload);
    else if (!json_read(payload, &message))
        return;
    else if (frame_read_size(json_get(message, "resize"), &cols, &rows))
        refused = relay_resize(viewer, cols, rows);
    else if (frame_read_colours(json_get(message, "colours"), &colours))
        stream_set_colours(viewer->stream, &colours);
    if (refused > 0)
        httpd_pause(viewer->client, 1);
    else if (refused)
        httpd_close_ws(viewer->client, 1013, "the session's holder does not read");
}

static void relay_on_drained(void *ctx)
{
    struct relay_viewer *viewer = ctx;
    if (viewer->stream)
        stream_pause(viewer->stream, 0);
}

static void relay_on_closed(void *ctx, const char *why)
{
    struct relay_viewer *viewer = ctx;
    (void)why;
    stream_close(viewer->stream);
    relay_free(viewer);
}

static const struct httpd_ws_hooks relay_ws_hooks = {relay_on_message, relay_on_drained,
                                                     relay_on_closed};

static void relay_view(struct request *r, span how, int control,
                       struct stream *(*open)(struct request *r, span how, int control,
                                              const struct stream_hooks *hooks, void *ctx),
                       int (*upgrade)(struct httpd_client *c, const struct http_head *head,
                                      const struct httpd_ws_hooks *hooks, void *ctx))
{
    struct relay_viewer *viewer = base_alloc(sizeof *viewer);
    viewer->client = r->client;
    viewer->control = control;
    viewer->server = r->server;
    base_copy(viewer->id, sizeof viewer->id, r->session ? r->session->id : "");
    viewer->computer = r->session ? NULL : base_dup(r->computer);
    viewer->sizes = frame_views(how, FRAME_VIEW_SIZES);
    viewer->stream = open(r, how, control, &relay_stream_hooks, viewer);
    if (!viewer->stream) {
        relay_free(viewer);
    } else if (!upgrade(r->client, r->http->head, &relay_ws_hooks, viewer)) {
        stream_close(viewer->stream);
        relay_free(viewer);
    }
}

static struct stream *relay_open(struct request *r, span how, int control,
                                 const struct stream_hooks *hooks, void *ctx)
{
    (void)control;
    struct stream *s = stream_open(r->server->loop, sessions_find_socket(r->session), how,
                                   hooks, ctx);
    if (!s)
        request_reply_unreached(r);
    return s;
}

static void relay_attach(struct request *r)
{
    char how[3];
    int control = request_view_mode(r, how);
    if (!request_reply_faults(r) && request_require_running(r) && request_require_websocket(r))
        relay_view(r, span_of(how), control, relay_open, httpd_upgrade);
}
