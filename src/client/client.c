#include "client.h"

/* client - HTTP requests (RFC 9112), push and a session's WebSocket (RFC 6455) to a daemon.
 *
 * Nothing blocks: a request is a connection on the loop. When no daemon runs, one is started (if
 * may_start) and the requests wait for it. After a loss, push is tried again after 1 s, doubling to
 * 30 s, with up to 20 % jitter; on_fetch is called every 5 s meanwhile. While push is live there is
 * no periodic traffic. A daemon of the original TeleClaude is used when telec's does not answer:
 * protocol.md section 2.
 *
 * Left out: keep-alive, redirects, TCP. */

#ifndef CLIENT_TELECLAUDE_SOCKET
#define CLIENT_TELECLAUDE_SOCKET "/tmp/teleclaude-api.sock"
#endif

#define CLIENT_REASON_MAX 512 /* bytes of the reason why a daemon did not start */

struct client_request {
    struct client *client;
    struct client_request *next, **link;
    int connected;
    int retried;            /* this is the second time it is sent */
    buf text;               /* the whole request */
    const char *method;
    struct http_scan scan;
    int in_body;
    int status;
    buf body;
    struct loop_timer timer;
    struct loop_task begin;
    void (*done)(void *ctx, int status, span body, const char *error);
    void *ctx;
    struct conn conn;
    struct http_body framing;
};

/* ---- reaching a daemon ---------------------------------------------------------------------- */

/* Connects to telec's socket, else to TeleClaude's when that is the user's own. Returns the
 * descriptor, or -1 with errno. */
static int client_connect(const struct client *c)
{
    struct stat st;
    int fd = c->exact ? conn_connect(c->config->socket) : spawn_connect(c->config);
    if (fd < 0 && !c->exact) {
        int saved = errno;
        if (lstat(CLIENT_TELECLAUDE_SOCKET, &st) == 0 && st.st_uid == geteuid() &&
            S_ISSOCK(st.st_mode))
            fd = conn_connect(CLIENT_TELECLAUDE_SOCKET);
        errno = saved;
    }
    if (fd >= 0 && !conn_peer_is_me(fd)) {
        close(fd);
        errno = EPERM;
        return -1;
    }
    return fd;
}

static void client_push_try(struct client *c);
static void client_request_connect(void *ctx);

/* The started daemon serves, or has failed: the waiting requests and push connect again. */
static void client_on_started(void *ctx, short revents)
{
    struct client *c = ctx;
    char reason[CLIENT_REASON_MAX];
    (void)revents;
    ssize_t n = read(c->starting.fd, reason, sizeof reason);
    if (n > 1) {
        free(c->start_error);
        c->start_error = span_dup((span){reason, (size_t)n});
    }
    loop_unwatch(c->loop, &c->starting);
    close(c->starting.fd);
    c->starting.fd = -1;
    for (struct client_request *r = c->requests, *next; r; r = next) {
        next = r->next;
        if (!r->connected)
            client_request_connect(r);
    }
    if (c->push == CLIENT_CONNECTING && !c->ws)
        client_push_try(c);
}

/* Starts a daemon if that is allowed. Returns 1 when one is starting. */
static int client_start_daemon(struct client *c)
{
    buf error = {0};
    if (c->starting.fd >= 0)
        return 1;
    if (!c->may_start || c->started >= CLIENT_STARTS_MAX || c->stopped)
        return 0;
    c->started++;
    int fd = spawn_daemon(c->config, &error);
    if (fd < 0) {
        free(c->start_error);
        c->start_error = span_dup(buf_view(&error));
    }
    buf_free(&error);
    if (fd < 0)
        return 0;
    c->starting.fd = fd;
    loop_watch(c->loop, &c->starting, POLLIN);
    return 1;
}

/* ---- requests ------------------------------------------------------------------------------- */

/* Ends a request: calls done and frees the request. Every request ends here or in client_free. */
static void client_request_end(struct client_request *r, const char *error)
{
    struct client *c = r->client;
    loop_timer_cancel(c->loop, &r->timer);
    loop_task_cancel(c->loop, &r->begin);
    LIST_REMOVE(r);
    c->answered = error == NULL;
    if (!error)
        c->started = 0;
    c->body = &r->body;
    r->done(r->ctx, error ? 0 : r->status, buf_view(&r->body), error);
    if (r->connected)
        conn_cancel(&r->conn);
    buf_free(&r->text);
    buf_free(&r->body);
    free(r);
}

static void client_request_fail(struct client_request *r, int error)
{
    struct client *c = r->client;
    buf b = {0};
    if (spawn_is_absent(error) && c->started && !c->start_error)
        buf_fmt(&b, "cannot start the daemon: it ended: see %s/daemon.log", c->config->state);
    else if (c->start_error)
        buf_fmt(&b, "cannot start the daemon: %s", c->start_error);
    else if (spawn_is_absent(error) && error != EACCES)
        buf_fmt(&b, "no daemon is running on %s", c->config->socket);
    else
        buf_fmt(&b, "cannot reach the daemon on %s: %s", c->config->socket, strerror(error));
    client_request_end(r, buf_cstr(&b));
    buf_free(&b);
}

/* Parses what has arrived of the answer. */
static enum parse client_request_feed(struct client_request *r)
{
    struct http_head head;
    size_t used = 0;
    span data;
    enum parse parsed = PARSE_MORE;
    while (!r->in_body) {
        parsed = http_parse_response(&r->scan, conn_view(&r->conn), &used, &head);
        if (parsed != PARSE_DONE)
            return parsed;
        conn_consume(&r->conn, used);
        if (head.status < 200) /* 100 Continue and the like: the final answer follows */
            continue;
        r->status = head.status;
        r->client->foreign = !span_starts(http_header(&head, "Server"), "telec/");
        http_body_init(&r->framing, &head, r->method);
        r->framing.most = CLIENT_BODY_MAX;
        if (r->framing.left > 0) /* a longer one grows: nobody has seen it yet */
            buf_reserve(&r->body, (size_t)(r->framing.left < CLIENT_BODY_ROOM ? r->framing.left
                                                                              : CLIENT_BODY_ROOM));
        r->in_body = 1;
    }
    do {
        parsed = http_body_feed(&r->framing, conn_view(&r->conn), &used, &data);
        if (parsed == PARSE_BAD)
            return parsed;
        buf_span(&r->body, data);
        conn_consume(&r->conn, used);
    } while (parsed == PARSE_MORE && used);
    return parsed;
}

static const char client_too_early[] = "it ended too early";

static void client_request_on_data(void *ctx)
{
    struct client_request *r = ctx;
    enum parse parsed = client_request_feed(r);
    int ends_with_file = r->in_body && r->framing.state == HTTP_BODY_UNTIL_CLOSE;
    if (parsed == PARSE_DONE || (r->conn.eof && ends_with_file))
        conn_close(&r->conn, NULL);
    else if (parsed == PARSE_BAD)
        conn_close(&r->conn, "it is not HTTP");
    else if (r->conn.eof)
        conn_close(&r->conn, client_too_early);
}

/* Sends a request once more when a dying daemon did not read it (a Unix socket that is closed with
 * unread input resets the connection), or when it is a GET. Returns 1 when it was sent. */
static int client_request_retry(struct client_request *r, const char *why)
{
    int unread = strcmp(why, strerror(ECONNRESET)) == 0 || strcmp(why, strerror(EPIPE)) == 0;
    int harmless = strcmp(r->method, "GET") == 0 && strcmp(why, client_too_early) == 0;
    if (r->retried || r->in_body || !(unread || harmless))
        return 0;
    r->retried = 1;
    r->connected = 0;
    conn_free(&r->conn);
    client_request_connect(r);
    return 1;
}

static void client_request_on_closed(void *ctx, const char *why)
{
    struct client_request *r = ctx;
    buf b = {0};
    if (why && client_request_retry(r, why))
        return;
    if (why)
        buf_fmt(&b, "no answer from the daemon: %s", why);
    client_request_end(r, why ? buf_cstr(&b) : NULL);
    buf_free(&b);
}

static const struct conn_hooks client_request_hooks = {client_request_on_data, NULL,
                                                       client_request_on_closed};

static void client_request_on_late(void *ctx)
{
    struct client_request *r = ctx;
    if (r->connected)
        conn_close(&r->conn, "it takes too long");
    else
        client_request_end(r, "the daemon takes too long to start");
}

static void client_request_connect(void *ctx)
{
    struct client_request *r = ctx;
    struct client *c = r->client;
    int fd = client_connect(c);
    if (fd < 0) {
        int error = errno;
        if (spawn_is_absent(error) && client_start_daemon(c))
            return;
        client_request_fail(r, error);
        return;
    }
    r->connected = 1;
    r->conn.hooks = &client_request_hooks;
    r->conn.ctx = r;
    conn_open(&r->conn, c->loop, fd);
    conn_send_now(&r->conn, buf_view(&r->text));
}

static void client_request(struct client *c, const char *method, const char *target, span body,
                           void (*done)(void *ctx, int status, span body, const char *error),
                           void *ctx)
{
    struct client_request *r = base_alloc(sizeof *r);
    r->client = c;
    r->method = method;
    r->done = done;
    r->ctx = ctx;
    LIST_PUSH(&c->requests, r);
    http_put_request(&r->text, method, target, body.p ? (long long)body.n : -1,
                     body.p ? "Content-Type: application/json\r\nConnection: close\r\n"
                            : "Connection: close\r\n");
    buf_span(&r->text, body);
    r->timer = (struct loop_timer){.fn = client_request_on_late, .ctx = r};
    loop_timer_in(c->loop, &r->timer, CLIENT_REQUEST_MS);
    r->begin = (struct loop_task){.fn = client_request_connect, .ctx = r};
    loop_defer(c->loop, &r->begin); /* done must not be called before this returns */
}

/* ---- WebSocket ------------------------------------------------------------------------------ */

static void client_ws_handle(struct client_ws *w, const struct ws_event *ev)
{
    if (ev->opcode == WS_PING) {
        client_ws_send(w, WS_PONG, ev->payload);
    } else if (ev->opcode == WS_CLOSE) {
        w->code = ev->code;
        base_fmt(w->reason, sizeof w->reason, "%.*s", (int)ev->payload.n,
                 ev->payload.n ? ev->payload.p : "");
        client_ws_close(w);
    } else if (ev->opcode != WS_PONG) {
        w->on_message(w->ctx, ev->opcode, ev->payload);
    }
}

static char *client_detail(span body)
{
    struct json answer, detail;
    buf b = {0};
    if (!json_read(body, &answer))
        return base_dup("the answer is not JSON");
    detail = json_get(answer, "detail");
    if (json_type(detail) == JSON_STRING && detail.text.n > 2)
        return json_dup_text(detail);
    for (struct json_iter it = json_iter(detail); json_next(&it);) { /* 422: each fault */
        for (struct json_iter at = json_iter(json_get(it.value, "loc")); json_next(&at);) {
            json_put_text(&b, at.value);
            buf_byte(&b, ' ');
        }
        json_put_member(&b, it.value, "msg");
        buf_str(&b, "; ");
    }
    span said = span_trim(buf_view(&b), "; ");
    char *text = span_dup(said.n ? said : span_of("the daemon gave no reason"));
    buf_free(&b);
    return text;
}

static enum parse client_ws_handshake(struct client_ws *w)
{
    struct http_head head;
    size_t used = 0;
    const char *why = "it is not HTTP";
    enum parse parsed = http_parse_response(&w->scan, conn_view(&w->conn), &used, &head);
    if (parsed == PARSE_MORE)
        return parsed;
    if (parsed == PARSE_BAD || !ws_check_upgrade(&head, w->key, &why)) {
        span body = parsed == PARSE_DONE ? span_sub(conn_view(&w->conn), used) : (span){0};
        if (parsed == PARSE_DONE && head.content_length > (long long)body.n &&
            head.content_length < HTTP_HEAD_MAX) {
            w->scan = (struct http_scan){0}; /* the reason has not come whole */
            return PARSE_MORE;
        }
        char *said = body.n ? client_detail(body) : NULL;
        base_copy(w->reason, sizeof w->reason, said ? said : "");
        free(said);
        conn_close(&w->conn, why);
        return PARSE_BAD;
    }
    span server = http_header(&head, "Server");
    w->foreign = !span_starts(server, "telec/");
    base_fmt(w->version, sizeof w->version, "%.*s", w->foreign ? 0 : (int)server.n - 6,
             w->foreign ? "" : server.p + 6);
    w->accepted = 1;
    loop_timer_cancel(w->client->loop, &w->late);
    conn_consume(&w->conn, used);
    w->on_open(w->ctx);
    return PARSE_DONE;
}

static void client_ws_on_data(void *ctx)
{
    struct client_ws *w = ctx;
    enum parse parsed = PARSE_DONE;
    if (!w->accepted)
        parsed = client_ws_handshake(w);
    while (parsed == PARSE_DONE && !w->conn.dead && !w->conn.finishing && conn_view(&w->conn).n) {
        struct ws_event ev;
        size_t used = 0;
        parsed = ws_feed(&w->ws, conn_bytes(&w->conn), conn_view(&w->conn).n, &used, &ev);
        if (parsed == PARSE_DONE)
            client_ws_handle(w, &ev);
        else if (parsed == PARSE_BAD)
            conn_close(&w->conn, ev.error);
        conn_consume(&w->conn, used);
    }
    if (w->conn.eof)
        conn_close(&w->conn, "the connection was closed");
}

static void client_ws_on_drained(void *ctx)
{
    struct client_ws *w = ctx;
    if (w->on_drained)
        w->on_drained(w->ctx);
}

static void client_ws_on_late(void *ctx)
{
    struct client_ws *w = ctx;
    conn_close(&w->conn, "the daemon did not answer in time");
}

static void client_ws_on_closed(void *ctx, const char *why)
{
    struct client_ws *w = ctx;
    loop_timer_cancel(w->client->loop, &w->late);
    conn_free(&w->conn);
    ws_free(&w->ws);
    w->open = 0;
    w->on_closed(w->ctx, w->code, w->reason[0] ? w->reason : why);
}

static const struct conn_hooks client_ws_hooks = {client_ws_on_data, client_ws_on_drained,
                                                  client_ws_on_closed};

static int client_ws_open(struct client_ws *w, struct client *c, const char *target)
{
    buf b = {0};
    char random[WS_KEY_BYTES];
    int fd = client_connect(c);
    if (fd < 0)
        return -1;
    w->client = c;
    w->open = 1;
    w->accepted = w->code = 0;
    w->reason[0] = '\0';
    w->scan = (struct http_scan){0};
    w->ws = (struct ws){.role = WS_CLIENT, .message_max = CLIENT_MESSAGE_MAX};
    w->conn.hooks = &client_ws_hooks;
    w->conn.ctx = w;
    w->late = (struct loop_timer){.fn = client_ws_on_late, .ctx = w};
    loop_timer_in(c->loop, &w->late, CLIENT_HANDSHAKE_MS);
    conn_open(&w->conn, c->loop, fd);
    os_random(random, sizeof random);
    b64_put(&b, (span){random, sizeof random});
    base_copy(w->key, sizeof w->key, buf_cstr(&b));
    buf_clear(&b);
    ws_put_upgrade(&b, target, w->key);
    conn_send(&w->conn, buf_view(&b));
    buf_free(&b);
    return 0;
}

static void client_ws_send(struct client_ws *w, enum ws_opcode opcode, span payload)
{
    buf b = {0};
    unsigned char mask[WS_MASK_BYTES];
    if (!w->open)
        return;
    os_random(mask, sizeof mask);
    ws_put_frame(&b, mask, opcode, payload);
    conn_send(&w->conn, buf_view(&b));
    buf_free(&b);
}

static void client_ws_close(struct client_ws *w)
{
    buf b = {0};
    unsigned char mask[WS_MASK_BYTES];
    if (!w->open)
        return;
    if (w->accepted && !w->ws.close_sent) {
        os_random(mask, sizeof mask);
        ws_put_close(&b, mask, 1000, "");
        conn_send(&w->conn, buf_view(&b));
        w->ws.close_sent = 1;
        buf_free(&b);
    }
    conn_finish(&w->conn);
}

static void client_ws_cancel(struct client_ws *w)
{
    if (w->open) {
        loop_timer_cancel(w->client->loop, &w->late);
        conn_cancel(&w->conn);
    }
    ws_free(&w->ws);
    w->open = 0;
}

/* ---- push ----------------------------------------------------------------------------------- */

static void client_set_push(struct client *c, enum client_push push)
{
    static const char *const names[] = {"off", "connecting", "live", "live, in part", "waiting"};
    if (c->push == push)
        return;
    c->push = push;
    log_line(LOG_INFO, "push: %s%s%s", names[push], c->why && push == CLIENT_WAITING ? ": " : "",
             c->why && push == CLIENT_WAITING ? c->why : "");
    if (push == CLIENT_LIVE)
        loop_timer_cancel(c->loop, &c->fetch);
    else if (push != CLIENT_OFF && !c->fetch.slot)
        loop_timer_in(c->loop, &c->fetch, CLIENT_FETCH_MS);
    if (c->hooks && c->hooks->on_push)
        c->hooks->on_push(c->ctx);
}

static void client_on_fetch(void *ctx)
{
    struct client *c = ctx;
    loop_timer_in(c->loop, &c->fetch, CLIENT_FETCH_MS);
    if (c->hooks && c->hooks->on_fetch)
        c->hooks->on_fetch(c->ctx);
}

/* Waits for the next try; the jitter spreads many clients that lost one daemon. */
static void client_push_wait(struct client *c, const char *why)
{
    unsigned char dice;
    os_random(&dice, 1);
    c->why = why;
    c->retry_at = c->loop->now + c->backoff + c->backoff * dice / (255 * 5);
    c->backoff = c->backoff * 2 < CLIENT_BACKOFF_MAX_MS ? c->backoff * 2 : CLIENT_BACKOFF_MAX_MS;
    loop_timer_set(c->loop, &c->retry, c->retry_at);
    client_set_push(c, CLIENT_WAITING);
}

static void client_push_on_open(void *ctx)
{
    struct client *c = ctx;
    client_ws_send(c->ws, WS_TEXT, span_of("{\"subscribe\":\"sessions\"}"));
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "subscribe", "preparation");
    if (c->here)
        json_field_string(&b, "here", c->here);
    json_close(&b, '}');
    client_ws_send(c->ws, WS_TEXT, buf_view(&b));
    buf_free(&b);
}

static void client_push_on_message(void *ctx, enum ws_opcode opcode, span payload)
{
    struct client *c = ctx;
    if (opcode != WS_TEXT)
        return;
    c->backoff = CLIENT_BACKOFF_MIN_MS;
    c->started = c->stopped = 0; /* after this daemon's loss another may be started */
    if (c->hooks && c->hooks->on_event)
        c->hooks->on_event(c->ctx, payload);
    client_set_push(c, c->ws->foreign ? CLIENT_PARTIAL : CLIENT_LIVE);
}

static void client_push_on_closed(void *ctx, int code, const char *why)
{
    struct client *c = ctx;
    c->stopped = code == 1001; /* stopped on purpose: do not start it again */
    log_line(LOG_INFO, "push lost: %s", why ? why : "end of file");
    free(c->ws);
    c->ws = NULL;
    c->answered = 0;
    client_push_wait(c, c->stopped ? "the daemon was stopped" : "the daemon has gone");
}

static void client_push_try(struct client *c)
{
    c->ws = base_alloc(sizeof *c->ws);
    c->ws->on_open = client_push_on_open;
    c->ws->on_message = client_push_on_message;
    c->ws->on_closed = client_push_on_closed;
    c->ws->ctx = c;
    if (client_ws_open(c->ws, c, "/ws") == 0) {
        client_set_push(c, CLIENT_CONNECTING);
        return;
    }
    int error = errno;
    free(c->ws);
    c->ws = NULL;
    if (spawn_is_absent(error) && client_start_daemon(c))
        client_set_push(c, CLIENT_CONNECTING);
    else
        client_push_wait(c, c->stopped ? "the daemon was stopped" : "no daemon answers");
}

static void client_on_retry(void *ctx)
{
    struct client *c = ctx;
    c->started = 0; /* the next try may start a daemon again */
    free(c->start_error);
    c->start_error = NULL;
    client_push_try(c);
}

static void client_subscribe(struct client *c)
{
    client_push_try(c);
}

static void client_refresh(struct client *c)
{
    /* a TeleClaude daemon would empty its cache for all its clients */
    if (c->ws && c->ws->accepted && !c->ws->foreign)
        client_ws_send(c->ws, WS_TEXT, span_of("{\"refresh\":true}"));
}

static void client_retry_now(struct client *c)
{
    if (c->push != CLIENT_WAITING)
        return;
    loop_timer_cancel(c->loop, &c->retry);
    c->stopped = 0;
    client_on_retry(c);
}

static void client_put_computer(buf *b, const char *computer)
{
    if (!computer)
        return;
    buf_byte(b, memchr(b->p, '?', b->n) ? '&' : '?');
    buf_str(b, "computer=");
    http_put_encoded(b, span_of(computer));
}

static void client_put_target(buf *b, const char *id, const char *tail, const char *computer)
{
    buf_str(b, "/sessions/");
    http_put_encoded(b, span_of(id));
    buf_str(b, tail);
    client_put_computer(b, computer);
}

static void client_put_environment(buf *b)
{
    extern char **environ;
    json_field_strings(b, "env", environ, -1);
    mode_t mask = umask(0);
    umask(mask);
    json_field_int(b, "umask", mask);
}

/* ---- attaching to sessions of other computers ----------------------------------------------- */

/* Returns a word of another computer that may stand in a command, to be freed; NULL: it could be
 * an option or be split by a shell. */
static char *client_plain_word(struct json text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:%-";
    char *word = json_dup_text(text);
    if (word && *word && *word != '-' && word[strspn(word, plain)] == '\0')
        return word;
    free(word);
    return NULL;
}

static struct json client_find_computer(struct json computers, const char *name)
{
    for (struct json_iter it = json_iter(computers); json_next(&it);)
        if (json_member_eq(it.value, "name", name))
            return it.value;
    return (struct json){0};
}

static int client_is_piped(struct json computer)
{
    return json_type(json_get(computer, "reach")) || json_type(json_get(computer, "behind"));
}

static int client_put_attach(const struct config *config, struct json session,
                             struct json computers, buf *line, buf *error)
{
    char *computer = json_dup_member(session, "computer"), *user = NULL, *host = NULL;
    char *tmux = client_plain_word(json_get(session, "tmux_session_name")),
         *id = client_plain_word(json_get(session, "session_id"));
    int redis = strcmp(config->attach, CONFIG_ATTACH_REDIS) == 0;
    char **words = config_words(span_of(redis ? CLIENT_ATTACH_SSH : config->attach));
    struct json_iter first = json_iter(computers);
    buf dest = {0};
    if (tmux && computer && json_next(&first) &&
        json_member_eq(first.value, "name", computer)) { /* TeleClaude, here */
        buf_fmt(line, "tmux attach -t %s", tmux);
        free(computer), free(tmux), free(id), free(words);
        return 1;
    }
    struct json found = client_find_computer(computers, computer ? computer : "");
    user = client_plain_word(json_get(found, "user"));
    host = client_plain_word(json_get(found, "host"));
    int good = host && id && words && words[0];
    if (!good) {
        utf8_put_visible(error, span_of(computer ? computer : "a computer without a name"));
        buf_str(error, host ? ": its session's id can't stand in a command"
                            : ": its host is unknown; set [computer] host there");
    }
    if (user)
        buf_fmt(&dest, "%s@", user);
    buf_str(&dest, host ? host : "");
    for (int i = 0; good && words[i]; i++) {
        config_put_quoted(line, strcmp(words[i], "DEST") == 0 ? buf_cstr(&dest) : words[i]);
        buf_byte(line, ' ');
    }
    if (good)
        buf_fmt(line, tmux ? "tmux attach -t %s" : "telec attach %s", tmux ? tmux : id);
    free(computer), free(user), free(host), free(tmux), free(id), free(words);
    buf_free(&dest);
    return good;
}

static void client_put_attach_fault(const struct config *config, int tmux, int status, buf *b)
{
    buf_fmt(b, "attaching ended with status %d: ", status);
    if (status == 255) /* of ssh itself; any other is the program's there */
        buf_fmt(b, "[peers] attach in %s must connect without a question", config->file);
    else
        buf_str(b, tmux ? "the session's tmux has ended, or can't be found there"
                        : "the command there failed; what it printed says why");
}

/* ---- life ----------------------------------------------------------------------------------- */

static void client_init(struct client *c, struct loop *l, const struct config *config,
                        int may_start, const struct client_hooks *hooks, void *ctx)
{
    *c = (struct client){
        .loop = l, .config = config, .may_start = may_start, .hooks = hooks, .ctx = ctx};
    c->starting = (struct loop_fd){.fd = -1, .on_event = client_on_started, .ctx = c};
    c->retry = (struct loop_timer){.fn = client_on_retry, .ctx = c};
    c->fetch = (struct loop_timer){.fn = client_on_fetch, .ctx = c};
    c->backoff = CLIENT_BACKOFF_MIN_MS;
}

static void client_free(struct client *c)
{
    loop_timer_cancel(c->loop, &c->retry);
    loop_timer_cancel(c->loop, &c->fetch);
    if (c->starting.fd >= 0) {
        loop_unwatch(c->loop, &c->starting);
        close(c->starting.fd);
    }
    while (c->requests)
        client_request_end(c->requests, "telec is about to end");
    if (c->ws) {
        client_ws_cancel(c->ws);
        free(c->ws);
    }
    free(c->start_error);
}
