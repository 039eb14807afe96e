#include "server.h"

/* httpd - a client connection: an HTTP/1.1 server with keep-alive and pipelining (RFC 9112), then a
 * WebSocket (RFC 6455) once a request has asked for one, or a tunnel to another server.
 *
 *        ┌───────────────────────────────────┐
 *        ▼            body                   │ keep-alive
 *      HEAD ─────────────────────▶ BODY      │
 *        │                          │        │
 *        │ no body                  ▼        │
 *        └──────────────────────▶ REPLY ─────┘
 *                                   │ to another server
 *                                   ├────────▶ TUNNEL
 *                                   │ upgrade
 *                                   ├────────▶ WS
 *                                   │          │ close frame
 *               Connection: close   ▼          │
 *                                CLOSING ◀─────┘
 *
 * A request that can't be parsed is replied to and leads from HEAD or BODY to CLOSING. One request
 * is handled at a time; the next ones wait in the input.
 *
 * Left out: byte ranges, compression, WebSocket extensions. */

#ifndef HTTPD_ACCEPTS
#define HTTPD_ACCEPTS 64    /* clients accepted in one pass, so that others are served between */
#endif

#define HTTPD_TUNNEL_QUEUE (64 * 1024) /* bytes queued on one side of a tunnel: the other waits */

enum httpd_state { HTTPD_HEAD, HTTPD_BODY, HTTPD_REPLY, HTTPD_WS, HTTPD_CLOSING, HTTPD_TUNNEL };

struct httpd_client {
    struct httpd *httpd;
    enum httpd_state state;
    const struct httpd_ws_hooks *hooks;
    void *ws_ctx;
    struct ws *ws;          /* once upgraded */
    buf handshake;          /* the reply that makes it a WebSocket, not sent yet */
    struct conn *other;     /* the far side of a tunnel; NULL: it has closed */
    struct httpd_client *next, **link;
    struct loop_timer idle;
    struct http_scan scan;
    size_t method_length;
    buf body;
    int keep_alive;
    int head_only;          /* the request is a HEAD: its reply has no body */
    int pumping;            /* httpd_pump is running: it must not recurse */
    int arriving;           /* a part of a request is there; the timer is for the rest */
    void (*gone)(void *ctx);
    void *gone_ctx;
    const char *failed;     /* reason when closed by a failure */
    struct conn conn;
    struct http_body framing;
    buf request;            /* method and target, kept while a body arrives */
};

/* ---- replies -------------------------------------------------------------------------------- */

static void httpd_pump(struct httpd_client *c);

/* Stops reading. Writes what is queued, at most for HTTPD_IDLE_MS, then closes. */
static void httpd_finish(struct httpd_client *c)
{
    c->state = HTTPD_CLOSING;
    conn_finish(&c->conn);
    loop_timer_in(c->httpd->loop, &c->idle, HTTPD_IDLE_MS);
}

/* Goes on after a reply: to the next request, or to the end. */
static void httpd_replied(struct httpd_client *c)
{
    c->gone = NULL;
    buf_free(&c->body);
    buf_free(&c->request);
    if (!c->keep_alive) {
        httpd_finish(c);
        return;
    }
    c->state = HTTPD_HEAD;
    httpd_pump(c); /* does nothing when the reply came from within httpd_pump */
}

static void httpd_reply_json(struct httpd_client *c, int status, span json,
                             const char *extra_headers)
{
    buf *b = &c->httpd->reply;
    buf_clear(b);
    http_put_response(b, status, "application/json", json.n, !c->keep_alive, extra_headers);
    if (!c->head_only)
        buf_span(b, json);
    conn_send(&c->conn, buf_view(b));
    httpd_replied(c);
}

static void httpd_reply_detail(struct httpd_client *c, int status, const char *detail)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "detail", detail);
    json_close(&b, '}');
    httpd_reply_json(c, status, buf_view(&b), NULL);
    buf_free(&b);
}

static void httpd_reply_blob(struct httpd_client *c, blob *body)
{
    buf *b = &c->httpd->reply;
    buf_clear(b);
    http_put_response(b, 200, "application/json", body->n, !c->keep_alive, NULL);
    conn_send(&c->conn, buf_view(b));
    if (!c->head_only)
        conn_send_blob(&c->conn, body, 0, body->n, 0);
    httpd_replied(c);
}

static void httpd_wait(struct httpd_client *c, void (*gone)(void *ctx), void *ctx)
{
    c->gone = gone;
    c->gone_ctx = ctx;
}

/* Refuses a request that can't be parsed, and closes: the next one's start is unknown. */
static void httpd_refuse(struct httpd_client *c, int status, const char *why)
{
    c->keep_alive = 0;
    conn_consume(&c->conn, conn_view(&c->conn).n);
    httpd_reply_detail(c, status, why);
}

/* ---- requests ------------------------------------------------------------------------------- */

static void httpd_dispatch(struct httpd_client *c, const struct http_head *head)
{
    struct httpd_request request = {.client = c, .head = head, .body = buf_view(&c->body)};
    span target;
    if (head) {
        request.method = head->method;
        request.path = head->path;
        request.query = head->query;
    } else {
        request.method = (span){c->request.p, c->method_length};
        target = span_sub(buf_view(&c->request), c->method_length);
        request.path = span_cut(&target, '?');
        request.query = target;
    }
    c->state = HTTPD_REPLY;
    c->arriving = 0; /* the next request has its own time */
    c->httpd->handle(c->httpd->ctx, &request);
}

/* Begins a request whose head was parsed; the head's bytes are still in the input. */
static void httpd_begin(struct httpd_client *c, const struct http_head *head, size_t used)
{
    c->keep_alive = head->keep_alive;
    c->head_only = span_eq(head->method, "HEAD");
    http_body_init(&c->framing, head, NULL);
    if (c->framing.state == HTTP_BODY_DONE) {
        httpd_dispatch(c, head);
        conn_consume(&c->conn, used);
        return;
    }
    buf_span(&c->request, head->method);
    c->method_length = head->method.n;
    buf_span(&c->request, head->path);
    if (head->query.n) {
        buf_byte(&c->request, '?');
        buf_span(&c->request, head->query);
    }
    conn_consume(&c->conn, used);
    c->state = HTTPD_BODY;
    if (head->expect_continue && conn_view(&c->conn).n == 0)
        conn_send(&c->conn, span_of("HTTP/1.1 100 Continue\r\n\r\n"));
}

/* A state's step returns 1 when it made progress: the pump then goes on. */
static int httpd_step_head(struct httpd_client *c)
{
    struct http_head head;
    size_t used = 0;
    if (conn_view(&c->conn).n == 0)
        return 0;
    enum parse parsed = http_parse_request(&c->scan, conn_view(&c->conn), &used, &head);
    if (parsed == PARSE_MORE)
        return 0;
    c->scan = (struct http_scan){0};
    if (parsed == PARSE_BAD)
        httpd_refuse(c, head.error_status, head.error);
    else
        httpd_begin(c, &head, used);
    return 1;
}

static int httpd_step_body(struct httpd_client *c)
{
    size_t used = 0;
    span data = {0};
    enum parse parsed = http_body_feed(&c->framing, conn_view(&c->conn), &used, &data);
    buf_span(&c->body, data);
    conn_consume(&c->conn, used);
    if (parsed == PARSE_BAD)
        httpd_refuse(c, c->framing.error_status, c->framing.error);
    else if (parsed == PARSE_DONE)
        httpd_dispatch(c, NULL);
    return parsed != PARSE_MORE || used > 0;
}

static int httpd_step_reply(struct httpd_client *c)
{
    (void)c; /* the handler has not replied yet */
    return 0;
}

static int httpd_step_closing(struct httpd_client *c)
{
    conn_consume(&c->conn, conn_view(&c->conn).n);
    return 0;
}

static int httpd_step_tunnel(struct httpd_client *c)
{
    span view = conn_view(&c->conn);
    if (!c->other)
        return httpd_step_closing(c);
    conn_send(c->other, view);
    conn_consume(&c->conn, view.n);
    conn_pause(&c->conn, c->other->queued > HTTPD_TUNNEL_QUEUE);
    if (c->conn.eof)
        conn_close(&c->conn, NULL);
    return 0;
}

static void httpd_fail(struct httpd_client *c, int code, const char *why)
{
    c->failed = why;
    httpd_close_ws(c, code, why);
}

static int httpd_step_ws(struct httpd_client *c)
{
    struct ws_event ev;
    span in = conn_view(&c->conn);
    size_t used = 0;
    if (!in.n)
        return 0;
    enum parse parsed = ws_feed(c->ws, conn_bytes(&c->conn), in.n, &used, &ev);
    if (parsed == PARSE_BAD) {
        httpd_fail(c, ev.code, ev.error);
        return 1;
    }
    if (parsed == PARSE_DONE && ev.opcode == WS_PING) {
        if (httpd_queued(c) < HTTPD_QUEUE_MAX)
            httpd_send_frame(c, WS_PONG, ev.payload);
    } else if (parsed == PARSE_DONE && ev.opcode == WS_CLOSE) {
        char *reason = span_dup(ev.payload);
        httpd_close_ws(c, ev.code == 1005 ? 1000 : ev.code, reason);
        free(reason);
    } else if (parsed == PARSE_DONE && ev.opcode != WS_PONG) {
        c->hooks->on_message(c->ws_ctx, ev.opcode, ev.payload);
    }
    conn_consume(&c->conn, used);
    return parsed == PARSE_DONE;
}

/* Waits for a request, and from its first byte on for the whole of it. */
static void httpd_set_idle(struct httpd_client *c)
{
    int arriving = c->state == HTTPD_BODY || conn_view(&c->conn).n > 0;
    if (!arriving || !c->arriving)
        loop_timer_in(c->httpd->loop, &c->idle, (arriving ? HTTPD_REQUEST_MS : HTTPD_IDLE_MS));
    c->arriving = arriving;
}

/* Handles requests until the input or the room in the output queue is used up. */
static void httpd_pump(struct httpd_client *c)
{
    static int (*const step[])(struct httpd_client * c) = {
        httpd_step_head, httpd_step_body,    httpd_step_reply,
        httpd_step_ws,   httpd_step_closing, httpd_step_tunnel};
    if (c->pumping)
        return;
    c->pumping = 1;
    while (!c->conn.dead && (c->state == HTTPD_WS || httpd_queued(c) < HTTPD_QUEUE_MAX) &&
           step[c->state](c))
        ;
    c->pumping = 0;
    if (c->conn.dead || c->state == HTTPD_TUNNEL)
        return;
    if (c->state != HTTPD_WS) /* at most one full request waits behind the current one */
        conn_pause(&c->conn, conn_view(&c->conn).n > HTTP_HEAD_MAX + HTTP_BODY_MAX);
    int waiting = c->state == HTTPD_HEAD || c->state == HTTPD_BODY;
    if (c->conn.eof && c->state == HTTPD_WS)
        conn_close(&c->conn, NULL);
    else if (c->conn.eof && waiting)
        httpd_finish(c);
    else if (waiting)
        httpd_set_idle(c);
    else if (c->state != HTTPD_CLOSING)
        loop_timer_cancel(c->httpd->loop, &c->idle);
}

/* ---- WebSocket ------------------------------------------------------------------------------ */

static void httpd_send_handshake(struct httpd_client *c)
{
    if (c->handshake.n)
        conn_send(&c->conn, buf_view(&c->handshake));
    buf_free(&c->handshake);
}

static int httpd_upgrade_later(struct httpd_client *c, const struct http_head *head,
                               const struct httpd_ws_hooks *hooks, void *ctx)
{
    c->keep_alive = 0;
    if (ws_put_handshake(&c->handshake, head) != 101) {
        httpd_send_handshake(c);
        httpd_replied(c);
        return 0;
    }
    c->state = HTTPD_WS;
    c->ws = base_alloc(sizeof *c->ws);
    c->ws->role = WS_SERVER;
    c->ws->message_max = WS_MESSAGE_MAX;
    c->hooks = hooks;
    c->ws_ctx = ctx;
    return 1;
}

static int httpd_upgrade(struct httpd_client *c, const struct http_head *head,
                         const struct httpd_ws_hooks *hooks, void *ctx)
{
    int upgraded = httpd_upgrade_later(c, head, hooks, ctx);
    httpd_send_handshake(c);
    return upgraded;
}

static void httpd_free_ws(struct httpd_client *c)
{
    ws_free(c->ws);
    free(c->ws);
    c->ws = NULL;
    buf_free(&c->handshake);
}

static int httpd_refuse_ws(struct httpd_client *c)
{
    if (!c->handshake.n)
        return 0;
    httpd_free_ws(c);
    c->state = HTTPD_REPLY;
    return 1;
}

static blob *httpd_frame(enum ws_opcode opcode, const span *payload, size_t count)
{
    unsigned char head[WS_HEAD_MAX];
    size_t n = ws_frame_head(head, opcode, span_total(payload, count));
    return blob_join((span){(const char *)head, n}, payload, count);
}

static blob *httpd_text_frame(const span *parts, size_t count)
{
    return httpd_frame(WS_TEXT, parts, count);
}

static void httpd_send_frame(struct httpd_client *c, enum ws_opcode opcode, span payload)
{
    blob *frame = httpd_frame(opcode, &payload, 1);
    httpd_send_blob(c, frame, 1);
    blob_drop(frame);
}

static void httpd_send_blob(struct httpd_client *c, blob *b, int first)
{
    httpd_send_handshake(c);
    conn_send_blob(&c->conn, b, 0, b->n, first);
}

static void httpd_pause(struct httpd_client *c, int paused)
{
    conn_pause(&c->conn, paused);
}

static size_t httpd_queued(const struct httpd_client *c)
{
    return c->conn.queued;
}

static void httpd_drop_unsent(struct httpd_client *c)
{
    conn_drop_unsent(&c->conn);
}

static void httpd_close_ws(struct httpd_client *c, int code, const char *reason)
{
    buf b = {0};
    if (c->state != HTTPD_WS)
        return;
    httpd_send_handshake(c);
    ws_put_close(&b, NULL, code, reason);
    conn_send(&c->conn, buf_view(&b));
    buf_free(&b);
    c->ws->close_sent = 1;
    httpd_finish(c);
}

/* ---- tunnel --------------------------------------------------------------------------------- */

static void httpd_tunnel_on_data(void *ctx)
{
    struct httpd_client *c = ctx;
    span view = conn_view(c->other);
    conn_send(&c->conn, view);
    conn_consume(c->other, view.n);
    conn_pause(c->other, c->conn.queued > HTTPD_TUNNEL_QUEUE);
    if (c->other->eof)
        conn_close(c->other, NULL);
}

static void httpd_tunnel_on_drained(void *ctx)
{
    struct httpd_client *c = ctx;
    conn_pause(&c->conn, 0);
}

static void httpd_tunnel_on_closed(void *ctx, const char *why)
{
    struct httpd_client *c = ctx;
    (void)why;
    conn_free(c->other);
    free(c->other);
    c->other = NULL;
    if (!c->conn.dead)
        httpd_finish(c);
}

static const struct conn_hooks httpd_tunnel_hooks = {httpd_tunnel_on_data, httpd_tunnel_on_drained,
                                                     httpd_tunnel_on_closed};

static void httpd_tunnel(struct httpd_client *c, int fd, span first)
{
    c->state = HTTPD_TUNNEL;
    c->other = base_alloc(sizeof *c->other);
    c->other->hooks = &httpd_tunnel_hooks;
    c->other->ctx = c;
    conn_open(c->other, c->httpd->loop, fd);
    conn_send(c->other, first);
    loop_timer_cancel(c->httpd->loop, &c->idle);
    buf_free(&c->body);
    buf_free(&c->request);
}

/* ---- clients -------------------------------------------------------------------------------- */

static void httpd_on_data(void *ctx)
{
    httpd_pump(ctx);
}

static void httpd_on_drained(void *ctx)
{
    struct httpd_client *c = ctx;
    if (c->other)
        conn_pause(c->other, 0);
    if (c->state == HTTPD_WS && c->hooks->on_drained)
        c->hooks->on_drained(c->ws_ctx);
    else
        httpd_pump(c);
}

static void httpd_on_closed(void *ctx, const char *why)
{
    struct httpd_client *c = ctx;
    struct httpd *s = c->httpd;
    int was_ws = c->ws != NULL; /* a client that leaves before its reply is no failure */
    if (c->failed || why)
        log_line(was_ws ? LOG_INFO : LOG_DEBUG, "client closed: %s",
                 c->failed ? c->failed : why);
    s->dropped += was_ws && (c->failed || why);
    if (c->gone)
        c->gone(c->gone_ctx);
    if (c->ws) {
        c->hooks->on_closed(c->ws_ctx, c->failed ? c->failed : why);
        httpd_free_ws(c);
    }
    if (c->other) {
        conn_cancel(c->other);
        free(c->other);
    }
    loop_timer_cancel(s->loop, &c->idle);
    LIST_REMOVE(c);
    s->count--;
    buf_free(&c->request);
    buf_free(&c->body);
    conn_free(&c->conn);
    free(c);
}

static const struct conn_hooks httpd_conn_hooks = {httpd_on_data, httpd_on_drained,
                                                   httpd_on_closed};

static void httpd_on_idle(void *ctx)
{
    struct httpd_client *c = ctx;
    if (c->arriving && c->state != HTTPD_CLOSING)
        httpd_refuse(c, 408, "The request did not arrive in time");
    else
        conn_close(&c->conn, NULL);
}

static void httpd_add(struct httpd *s, int fd)
{
    struct httpd_client *c = base_alloc(sizeof *c);
    c->httpd = s;
    LIST_PUSH(&s->clients, c);
    s->count++;
    c->idle = (struct loop_timer){.fn = httpd_on_idle, .ctx = c};
    c->conn.hooks = &httpd_conn_hooks;
    c->conn.ctx = c;
    conn_open(&c->conn, s->loop, fd);
    loop_timer_in(s->loop, &c->idle, HTTPD_IDLE_MS);
}

static void httpd_on_accept(void *ctx, short revents)
{
    struct httpd *s = ctx;
    (void)revents;
    for (int i = 0; i < HTTPD_ACCEPTS; i++) {
        int fd = accept(s->listener.fd, NULL, NULL);
        if (fd < 0 && conn_is_exhausted(errno)) {
            log_line(LOG_ERROR, "cannot accept a client: %s", strerror(errno));
            loop_unwatch(s->loop, &s->listener);
            loop_timer_in(s->loop, &s->retry, CONN_RETRY_MS);
        }
        if (fd < 0)
            return;
        if (conn_peer_is_me(fd)) {
            httpd_add(s, fd);
            continue;
        }
        log_line(LOG_WARN, "client refused: it is a process of another user");
        close(fd);
    }
}

static void httpd_on_retry(void *ctx)
{
    struct httpd *s = ctx;
    loop_watch(s->loop, &s->listener, POLLIN);
}

static void httpd_init(struct httpd *s, struct loop *l,
                       void (*handle)(void *ctx, struct httpd_request *r), void *ctx)
{
    *s = (struct httpd){.loop = l, .handle = handle, .ctx = ctx};
    s->listener = (struct loop_fd){.fd = -1, .on_event = httpd_on_accept, .ctx = s};
    s->retry = (struct loop_timer){.fn = httpd_on_retry, .ctx = s};
}

static void httpd_accept(struct httpd *s, int listening_fd)
{
    loop_unwatch(s->loop, &s->listener); /* of a socket that is gone */
    s->listener.fd = listening_fd;
    loop_watch(s->loop, &s->listener, POLLIN);
}

static void httpd_shutdown(struct httpd *s)
{
    loop_unwatch(s->loop, &s->listener);
    loop_timer_cancel(s->loop, &s->retry);
    for (struct httpd_client *c = s->clients; c; c = c->next) {
        c->keep_alive = 0; /* a request at work ends its connection with its reply */
        if (c->state == HTTPD_WS)
            httpd_close_ws(c, 1001, "the daemon is shutting down");
        else if (c->state != HTTPD_REPLY)
            conn_finish(&c->conn);
    }
}

static void httpd_drop_clients(struct httpd *s)
{
    for (struct httpd_client *c = s->clients; c; c = c->next)
        conn_close(&c->conn, "it did not read its last bytes in time");
}

static void httpd_free(struct httpd *s)
{
    buf_free(&s->reply);
}
