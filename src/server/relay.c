#include "server.h"

/* relay - questions to a holder for a client, and a holder behind a WebSocket: protocol.md section
 * 1.
 *
 * Nothing waits: each question is a connection of its own, and the reply comes from its answer. */

#ifndef RELAY_BACKLOG_MAX
#define RELAY_BACKLOG_MAX (256 * 1024) /* bytes queued for a viewer before its holder is paused */
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
    holder_ask_cancel(ask->asked);
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
    snprintf(ask->id, sizeof ask->id, "%s", r->session->id);
    ask->asked = holder_ask(r->server->loop, r->session->socket, question, payload, wanted,
                          relay_ask_on_done, ask);
    if (!ask->asked) {
        free(ask);
        return NULL;
    }
    httpd_wait(r->client, relay_ask_on_gone, ask);
    return ask;
}

/* ---- attach: a WebSocket on one side, a holder on the other --------------------------------- */

struct relay_attach {
    struct httpd_client *client; /* NULL: it has gone */
    struct holder_link link;
    int control;
};

static void relay_attach_free(struct relay_attach *attach)
{
    if (!attach->client && !attach->link.open)
        free(attach);
}

static void relay_attach_on_frame(void *ctx, enum frame_type type, span payload)
{
    struct relay_attach *attach = ctx;
    if (!attach->client)
        return;
    if (type == FRAME_SIZE)
        httpd_send_frame(attach->client, WS_TEXT, payload);
    else if (type == FRAME_OUTPUT || type == FRAME_SNAPSHOT)
        httpd_send_frame(attach->client, WS_BINARY, payload);
    if (httpd_queued(attach->client) > RELAY_BACKLOG_MAX)
        conn_pause(&attach->link.conn, 1); /* the holder notices, and skips to a snapshot */
}

static void relay_attach_on_link_closed(void *ctx)
{
    struct relay_attach *attach = ctx;
    if (attach->client)
        httpd_close_ws(attach->client, 1000, "the session has ended");
    relay_attach_free(attach);
}

static void relay_attach_on_message(void *ctx, enum ws_opcode opcode, span payload)
{
    struct relay_attach *attach = ctx;
    struct json message, size, cols = {0}, rows = {0};
    if (!attach->control)
        return;
    if (opcode == WS_BINARY) {
        holder_link_send(&attach->link, FRAME_INPUT, payload);
        return;
    }
    if (json_parse(payload, &message, NULL, NULL) != PARSE_DONE)
        return;
    size = json_get(message, "resize");
    struct json_iter it = json_iter(size);
    if (size.type != JSON_ARRAY || !json_next(&it))
        return;
    cols = it.value;
    if (!json_next(&it))
        return;
    rows = it.value;
    buf b = {0};
    json_open(&b, '{');
    json_key(&b, "cols");
    json_put_raw(&b, cols.text);
    json_key(&b, "rows");
    json_put_raw(&b, rows.text);
    json_close(&b, '}');
    holder_link_send(&attach->link, FRAME_RESIZE, buf_view(&b));
    buf_free(&b);
}

static void relay_attach_on_drained(void *ctx)
{
    struct relay_attach *attach = ctx;
    if (attach->link.open)
        conn_pause(&attach->link.conn, 0);
}

static void relay_attach_on_closed(void *ctx, const char *why)
{
    struct relay_attach *attach = ctx;
    (void)why;
    attach->client = NULL;
    holder_link_close(&attach->link);
    relay_attach_free(attach);
}

static const struct httpd_ws_hooks relay_attach_hooks = {relay_attach_on_message, relay_attach_on_drained,
                                                       relay_attach_on_closed};

static void relay_attach(struct request *r)
{
    char how[3];
    int control = request_view_mode(r, how);
    if (request_refused(r) || !request_is_running(r) || !request_wants_websocket(r))
        return;
    struct relay_attach *attach = base_alloc(sizeof *attach);
    attach->control = control;
    attach->link.on_frame = relay_attach_on_frame;
    attach->link.on_closed = relay_attach_on_link_closed;
    attach->link.ctx = attach;
    if (holder_link_open(&attach->link, r->server->loop, r->session->socket) != 0) {
        httpd_reply_detail(r->client, 409, "The session's holder is not there");
        free(attach);
    } else if (httpd_upgrade(r->client, r->http->head, &relay_attach_hooks, attach)) {
        attach->client = r->client;
        holder_link_send(&attach->link, FRAME_VIEW, span_of(how));
    } else {
        holder_link_close(&attach->link);
    }
}
