/* Unit tests of httpd: connections are socket pairs, the handler is the test's. */

#define UNIT_HTTPD_CLIENTS 8

struct unit_httpd {
    struct loop loop;
    struct httpd httpd;
    int fds[UNIT_HTTPD_CLIENTS], count; /* the clients' ends */
    buf in[UNIT_HTTPD_CLIENTS];         /* what came there */
    int ended[UNIT_HTTPD_CLIENTS];
    /* the handler's side */
    int handled, waits, gone, drained, closed;
    struct httpd_client *waiting;       /* a request that waits for its reply */
    buf seen;                           /* "METHOD path?query body\n" of each request */
    buf messages;                       /* payloads of a WebSocket */
};

static void unit_httpd_loop(struct unit_httpd *u)
{
    struct loop_timer tick = {.fn = unit_loop_nothing};
    static char chunk[262144];
    loop_timer_set(&u->loop, &tick, clock_mono_ms() + 5);
    loop_once(&u->loop);
    loop_timer_cancel(&u->loop, &tick);
    for (int i = 0; i < u->count; i++) {
        ssize_t n = u->fds[i] < 0 ? -1 : read(u->fds[i], chunk, sizeof chunk);
        if (n > 0)
            buf_add(&u->in[i], chunk, (size_t)n);
        else if (u->fds[i] >= 0 && (n == 0 || errno == ECONNRESET))
            u->ended[i] = 1;
    }
}

#define UNIT_HTTPD_UNTIL(u, cond) \
    do { \
        long long unit_until = clock_mono_ms() + 10000; \
        while (!(cond) && clock_mono_ms() < unit_until) \
            unit_httpd_loop(u); \
        CHECK(cond); \
    } while (0)

/* A new client; its number. */
static int unit_httpd_connect(struct unit_httpd *u)
{
    int pair[2], i = u->count++;
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    fcntl(pair[1], F_SETFL, O_NONBLOCK);
    os_close_on_exec(pair[1]);
    u->fds[i] = pair[1];
    httpd_add(&u->httpd, pair[0]);
    return i;
}

static void unit_httpd_hang_up(struct unit_httpd *u, int i)
{
    close(u->fds[i]);
    u->fds[i] = -1;
}

static void unit_httpd_say(struct unit_httpd *u, int i, span s)
{
    while (s.n) {
        ssize_t n = write(u->fds[i], s.p, s.n);
        if (n < 0 && errno != EAGAIN)
            break;
        s = span_sub(s, n > 0 ? (size_t)n : 0);
        if (n < 0)
            unit_httpd_loop(u);
    }
}

/* The next reply on a connection: its status, its body in *body. */
static int unit_httpd_reply(struct unit_httpd *u, int i, buf *body)
{
    struct http_head head = {0};
    size_t used = 0, part;
    enum parse parsed = PARSE_MORE;
    span data;
    buf_clear(body);
    for (long long until = clock_mono_ms() + 10000; clock_mono_ms() < until;) {
        struct http_scan scan = {0};
        parsed = http_parse_response(&scan, buf_view(&u->in[i]), &used, &head);
        if (parsed != PARSE_MORE || u->ended[i])
            break;
        unit_httpd_loop(u);
    }
    if (parsed != PARSE_DONE)
        return -1;
    struct http_body framing;
    int status = head.status;
    http_body_init(&framing, &head, status == 101 ? "HEAD" : "GET");
    buf_drop(&u->in[i], used);
    for (long long until = clock_mono_ms() + 10000; clock_mono_ms() < until;) {
        parsed = http_body_feed(&framing, buf_view(&u->in[i]), &part, &data);
        buf_span(body, data);
        buf_drop(&u->in[i], part);
        if (parsed != PARSE_MORE)
            break;
        if (!part)
            unit_httpd_loop(u);
    }
    return status;
}

/* Sends a request and returns its reply. */
static int unit_httpd_ask(struct unit_httpd *u, int i, const char *method, const char *target,
                          const char *json, buf *body)
{
    buf b = {0};
    http_put_request(&b, method, target, json ? (long long)strlen(json) : -1, NULL);
    buf_str(&b, json ? json : "");
    unit_httpd_say(u, i, buf_view(&b));
    buf_free(&b);
    return unit_httpd_reply(u, i, body);
}

/* ---- the handler ---------------------------------------------------------------------------- */

static void unit_httpd_on_gone(void *ctx)
{
    struct unit_httpd *u = ctx;
    u->gone++;
    u->waiting = NULL;
}

static void unit_httpd_on_message(void *ctx, enum ws_opcode opcode, span payload)
{
    struct unit_httpd *u = ctx;
    buf_byte(&u->messages, opcode == WS_TEXT ? 't' : 'b');
    buf_span(&u->messages, payload);
}

static void unit_httpd_on_drained(void *ctx)
{
    ((struct unit_httpd *)ctx)->drained++;
}

static void unit_httpd_on_ws_closed(void *ctx, const char *why)
{
    struct unit_httpd *u = ctx;
    (void)why;
    u->closed++;
    u->waiting = NULL;
}

static const struct httpd_ws_hooks unit_httpd_hooks = {unit_httpd_on_message, unit_httpd_on_drained,
                                                       unit_httpd_on_ws_closed};

/* /now replies at once, /blob with a blob, /large with half of the queue's limit, /ws becomes a
 * WebSocket; others wait. */
static void unit_httpd_handle(void *ctx, struct httpd_request *request)
{
    struct unit_httpd *u = ctx;
    u->handled++;
    buf_span(&u->seen, request->method);
    buf_byte(&u->seen, ' ');
    buf_span(&u->seen, request->path);
    buf_byte(&u->seen, '?');
    buf_span(&u->seen, request->query);
    buf_byte(&u->seen, ' ');
    buf_span(&u->seen, request->body);
    buf_byte(&u->seen, '\n');
    if (span_eq(request->path, "/ws")) {
        if (httpd_upgrade(request->client, request->head, &unit_httpd_hooks, u))
            u->waiting = request->client;
    } else if (span_eq(request->path, "/blob")) {
        blob *b = blob_new(span_of("{\"blob\":1}"));
        httpd_reply_blob(request->client, b);
        blob_drop(b);
    } else if (span_eq(request->path, "/large")) {
        buf b = {0};
        for (size_t i = 0; i < HTTPD_QUEUE_MAX / 2; i++)
            buf_byte(&b, ' ');
        httpd_reply_json(request->client, 200, buf_view(&b), NULL);
        buf_free(&b);
    } else if (span_eq(request->path, "/now")) {
        httpd_reply_json(request->client, 200, span_of("{}"), "X-Extra: 1\r\n");
    } else {
        u->waiting = request->client;
        httpd_wait(request->client, unit_httpd_on_gone, u);
    }
}

static void unit_httpd_init(struct unit_httpd *u)
{
    memset(u, 0, sizeof *u);
    loop_init(&u->loop);
    httpd_init(&u->httpd, &u->loop, unit_httpd_handle, u);
}

static void unit_httpd_free(struct unit_httpd *u)
{
    httpd_drop_clients(&u->httpd);
    UNIT_HTTPD_UNTIL(u, !u->httpd.clients);
    CHECK_INT(u->httpd.count, 0);
    for (int i = 0; i < u->count; i++) {
        if (u->fds[i] >= 0)
            close(u->fds[i]);
        buf_free(&u->in[i]);
    }
    httpd_free(&u->httpd);
    loop_free(&u->loop);
    buf_free(&u->seen);
    buf_free(&u->messages);
}

/* ---- requests ------------------------------------------------------------------------------- */

static void unit_httpd_pipelines(void)
{
    struct unit_httpd u;
    buf body = {0};
    test_begin("requests on one connection are replied to one after the other, in their order");
    unit_httpd_init(&u);
    int i = unit_httpd_connect(&u);
    unit_httpd_say(&u, i,
                   span_of("GET /now?a=1 HTTP/1.1\r\nHost: x\r\n\r\n"
                           "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"
                           "POST /now?b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
                           "GET /blob HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK_INT(unit_httpd_reply(&u, i, &body), 200);
    CHECK_SPAN(buf_view(&body), "{}");
    UNIT_HTTPD_UNTIL(&u, u.waiting != NULL);
    CHECK_INT(u.handled, 2); /* the third waits for the second's reply */
    httpd_wait(u.waiting, NULL, NULL);
    httpd_reply_detail(u.waiting, 409, "late");
    CHECK_INT(unit_httpd_reply(&u, i, &body), 409);
    CHECK_SPAN(buf_view(&body), "{\"detail\":\"late\"}");
    CHECK_INT(unit_httpd_reply(&u, i, &body), 200);
    CHECK_INT(unit_httpd_reply(&u, i, &body), 200);
    CHECK_SPAN(buf_view(&body), "{\"blob\":1}");
    CHECK_SPAN(buf_view(&u.seen), "GET /now?a=1 \nGET /later? \nPOST /now?b hello\nGET /blob? \n");
    unit_httpd_hang_up(&u, i);
    UNIT_HTTPD_UNTIL(&u, !u.httpd.clients);
    CHECK_INT(u.gone, 0);
    buf_free(&body);
    unit_httpd_free(&u);
}

static void unit_httpd_hangs_up(void)
{
    struct unit_httpd u;
    test_begin(
        "a client that hangs up while its request waits is told to the request's owner, once");
    unit_httpd_init(&u);
    int i = unit_httpd_connect(&u), other = unit_httpd_connect(&u);
    buf body = {0};
    unit_httpd_say(&u, i, span_of("GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
    UNIT_HTTPD_UNTIL(&u, u.waiting != NULL);
    CHECK_INT(u.gone, 0);
    unit_httpd_hang_up(&u, i);
    UNIT_HTTPD_UNTIL(&u, u.gone == 1);
    UNIT_HTTPD_UNTIL(&u, u.httpd.count == 1);
    CHECK_INT(u.httpd.dropped, 0); /* no failure: it only left */
    CHECK_INT(unit_httpd_ask(&u, other, "GET", "/now", NULL, &body), 200);
    CHECK_INT(u.gone, 1);
    buf_free(&body);
    unit_httpd_free(&u);
}

static void unit_httpd_refuses(void)
{
    static const struct {
        const char *bytes;
        int status;
    } cases[] = {
        {"nonsense\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 413},
        {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
    };
    test_begin("a request that can't be parsed is refused, and its connection closed");
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        struct unit_httpd u;
        buf body = {0};
        unit_httpd_init(&u);
        int i = unit_httpd_connect(&u);
        unit_httpd_say(&u, i, span_of(cases[k].bytes));
        unit_httpd_say(&u, i, span_of("GET /now HTTP/1.1\r\nHost: x\r\n\r\n"));
        CHECK_INT(unit_httpd_reply(&u, i, &body), cases[k].status);
        UNIT_HTTPD_UNTIL(&u, u.ended[i]);
        CHECK_INT(u.handled, 0); /* what followed was not taken for a request */
        buf_free(&body);
        unit_httpd_free(&u);
    }
}

static void unit_httpd_heads(void)
{
    struct unit_httpd u;
    buf body = {0};
    test_begin("HEAD gets a head alone, Connection: close the end, and Expect a 100");
    unit_httpd_init(&u);
    int i = unit_httpd_connect(&u);
    unit_httpd_say(&u, i, span_of("HEAD /blob HTTP/1.1\r\nHost: x\r\n\r\n"));
    UNIT_HTTPD_UNTIL(&u, u.in[i].n > 4 && memcmp(u.in[i].p + u.in[i].n - 4, "\r\n\r\n", 4) == 0);
    CHECK(strstr(buf_cstr(&u.in[i]), "Content-Length: 10\r\n") != NULL);
    buf_clear(&u.in[i]);
    unit_httpd_say(&u, i, span_of("HEAD /now HTTP/1.1\r\nHost: x\r\n\r\n"));
    UNIT_HTTPD_UNTIL(&u, u.in[i].n > 4 && memcmp(u.in[i].p + u.in[i].n - 4, "\r\n\r\n", 4) == 0);
    CHECK(strstr(buf_cstr(&u.in[i]), "X-Extra: 1\r\n") != NULL);
    buf_clear(&u.in[i]);
    unit_httpd_say(&u, i, span_of("POST /now HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                                  "Connection: close\r\nContent-Length: 2\r\n\r\n"));
    CHECK_INT(unit_httpd_reply(&u, i, &body), 100);
    unit_httpd_say(&u, i, span_of("{}"));
    CHECK_INT(unit_httpd_reply(&u, i, &body), 200);
    UNIT_HTTPD_UNTIL(&u, u.ended[i]);
    buf_free(&body);
    unit_httpd_free(&u);
}

static void unit_httpd_idle(void)
{
    struct unit_httpd u;
    buf body = {0};
    test_begin("a connection without a request is closed after HTTPD_IDLE_MS, a waiting one never");
    unit_httpd_init(&u);
    int i = unit_httpd_connect(&u);
    struct httpd_client *c = u.httpd.clients;
    CHECK(c->idle.slot && c->idle.due == u.loop.now + HTTPD_IDLE_MS);
    loop_timer_cancel(&u.loop, &c->idle);
    CHECK_INT(unit_httpd_ask(&u, i, "GET", "/now", NULL, &body), 200);
    CHECK(c->idle.slot && c->idle.due > u.loop.now + HTTPD_IDLE_MS - 5000); /* begins anew */
    unit_httpd_say(&u, i, span_of("GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
    UNIT_HTTPD_UNTIL(&u, u.waiting != NULL);
    UNIT_HTTPD_UNTIL(&u, !c->idle.slot);
    httpd_wait(c, NULL, NULL);
    httpd_reply_detail(c, 404, "no");
    CHECK_INT(unit_httpd_reply(&u, i, &body), 404);
    CHECK(c->idle.slot);
    loop_timer_set(&u.loop, &c->idle, u.loop.now); /* as if that time had passed */
    UNIT_HTTPD_UNTIL(&u, u.ended[i]);
    UNIT_HTTPD_UNTIL(&u, u.httpd.count == 0);
    buf_free(&body);
    unit_httpd_free(&u);
}

static void unit_httpd_slow(void)
{
    static const char *const parts[][2] = {
        {"GET /now HT", "TP/1.1\r\n"},
        {"POST /now HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", "123"},
    };
    buf body = {0};
    test_begin("a request has HTTPD_REQUEST_MS from its first byte, however often a byte comes");
    for (size_t k = 0; k < COUNT_OF(parts); k++) {
        struct unit_httpd u;
        unit_httpd_init(&u);
        int i = unit_httpd_connect(&u);
        struct httpd_client *c = u.httpd.clients;
        unit_httpd_say(&u, i, span_of(parts[k][0]));
        UNIT_HTTPD_UNTIL(&u, c->arriving);
        CHECK(c->idle.due <= u.loop.now + HTTPD_REQUEST_MS);
        long long due = c->idle.due -= 1000;
        size_t before = c->body.n + conn_view(&c->conn).n;
        unit_httpd_say(&u, i, span_of(parts[k][1]));
        UNIT_HTTPD_UNTIL(&u, c->body.n + conn_view(&c->conn).n > before);
        CHECK_INT(c->idle.due, due);
        loop_timer_set(&u.loop, &c->idle, u.loop.now);
        CHECK_INT(unit_httpd_reply(&u, i, &body), 408);
        UNIT_HTTPD_UNTIL(&u, u.ended[i]);
        unit_httpd_free(&u);
    }
    buf_free(&body);
}

static void unit_httpd_half_close(void)
{
    struct unit_httpd u;
    buf body = {0};
    test_begin("a client that only shut its sending side still gets its reply");
    unit_httpd_init(&u);
    int i = unit_httpd_connect(&u);
    unit_httpd_say(&u, i, span_of("GET /now HTTP/1.1\r\nHost: x\r\n\r\n"));
    shutdown(u.fds[i], SHUT_WR);
    CHECK_INT(unit_httpd_reply(&u, i, &body), 200);
    UNIT_HTTPD_UNTIL(&u, u.ended[i]);
    buf_free(&body);
    unit_httpd_free(&u);
}

static void unit_httpd_bounds_replies(void)
{
    struct unit_httpd u;
    buf body = {0};
    test_begin("a client that asks and does not read is not served past its queue's limit");
    unit_httpd_init(&u);
    int i = unit_httpd_connect(&u);
    int fd = u.fds[i], all = HTTPD_QUEUE_MAX > 1000000 ? 5 : 40;
    u.fds[i] = -1; /* nothing is read */
    for (int k = 0; k < all; k++)
        CHECK(write(fd, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n", 32) == 32);
    UNIT_HTTPD_UNTIL(&u, u.handled >= 2);
    for (int k = 0; k < 5; k++)
        unit_httpd_loop(&u);
    CHECK(u.handled < all);
    CHECK(httpd_queued(u.httpd.clients) < 2 * (size_t)HTTPD_QUEUE_MAX);
    u.fds[i] = fd;
    for (int k = 0; k < all; k++) /* it reads: all of them come */
        CHECK_INT(unit_httpd_reply(&u, i, &body), 200);
    CHECK_INT(u.handled, all);
    buf_free(&body);
    unit_httpd_free(&u);
}

/* ---- WebSocket ------------------------------------------------------------------------------ */

static int unit_httpd_upgrade(struct unit_httpd *u, const char *target)
{
    buf key = {0}, b = {0}, body = {0};
    int i = unit_httpd_connect(u);
    b64_put(&key, span_of("sixteen bytes .."));
    ws_put_upgrade(&b, target, buf_cstr(&key));
    unit_httpd_say(u, i, buf_view(&b));
    CHECK_INT(unit_httpd_reply(u, i, &body), 101);
    buf_free(&key), buf_free(&b), buf_free(&body);
    return i;
}

/* A client's frame: masked (with zeros). */
static void unit_httpd_frame(struct unit_httpd *u, int i, int opcode, const char *payload)
{
    buf b = {0};
    buf_byte(&b, (char)(0x80 | opcode));
    buf_byte(&b, (char)(0x80 | strlen(payload)));
    buf_add(&b, "\0\0\0\0", 4);
    buf_str(&b, payload);
    unit_httpd_say(u, i, buf_view(&b));
    buf_free(&b);
}

/* The next frame that came, as "OPCODE:payload" with the close code as digits; "": the end. */
static const char *unit_httpd_next(struct unit_httpd *u, int i, buf *out)
{
    struct ws ws = {.role = WS_CLIENT, .message_max = 64 * 1024 * 1024};
    struct ws_event ev;
    buf copy = {0};
    buf_clear(out);
    for (long long until = clock_mono_ms() + 10000; clock_mono_ms() < until;) {
        size_t used = 0;
        ws_free(&ws);
        ws = (struct ws){.role = WS_CLIENT, .message_max = 64 * 1024 * 1024};
        buf_clear(&copy);
        buf_span(&copy, buf_view(&u->in[i]));
        if (copy.n && ws_feed(&ws, copy.p, copy.n, &used, &ev) == PARSE_DONE) {
            buf_fmt(out, ev.opcode == WS_CLOSE ? "%d:%d " : "%d:", ev.opcode, ev.code);
            buf_span(out, ev.payload);
            buf_drop(&u->in[i], used);
            break;
        }
        if (u->ended[i])
            break;
        unit_httpd_loop(u);
    }
    ws_free(&ws);
    buf_free(&copy);
    return buf_cstr(out);
}

static void unit_httpd_ws(void)
{
    struct unit_httpd u;
    buf out = {0};
    test_begin("a WebSocket's messages reach its owner, pings are answered, a close is returned");
    unit_httpd_init(&u);
    int i = unit_httpd_upgrade(&u, "/ws");
    struct httpd_client *c = u.waiting;
    CHECK(c != NULL && !c->idle.slot); /* may be silent for ever */
    unit_httpd_frame(&u, i, WS_TEXT, "one");
    unit_httpd_frame(&u, i, WS_PING, "mark");
    unit_httpd_frame(&u, i, WS_PONG, "");
    unit_httpd_frame(&u, i, WS_BINARY, "two");
    CHECK_SPAN(span_of(unit_httpd_next(&u, i, &out)), "10:mark");
    UNIT_HTTPD_UNTIL(&u, u.messages.n == 8);
    CHECK_SPAN(buf_view(&u.messages), "tonebtwo");
    httpd_send_frame(c, WS_TEXT, span_of("hello"));
    CHECK_SPAN(span_of(unit_httpd_next(&u, i, &out)), "1:hello");
    UNIT_HTTPD_UNTIL(&u, u.drained > 0);
    unit_httpd_frame(&u, i, WS_CLOSE, "");
    CHECK_SPAN(span_of(unit_httpd_next(&u, i, &out)), "8:1000 ");
    UNIT_HTTPD_UNTIL(&u, u.closed == 1);
    i = unit_httpd_upgrade(&u, "/ws");
    unit_httpd_frame(&u, i, WS_CLOSE, "\x0f\xa0" "bye");
    CHECK_SPAN(span_of(unit_httpd_next(&u, i, &out)), "8:4000 bye");
    UNIT_HTTPD_UNTIL(&u, u.closed == 2);
    CHECK_INT(u.httpd.dropped, 0);
    buf_free(&out);
    unit_httpd_free(&u);
}

static void unit_httpd_ws_fails(void)
{
    struct unit_httpd u;
    buf out = {0};
    test_begin("a WebSocket that breaks the protocol is closed with a code and counted as dropped");
    unit_httpd_init(&u);
    int i = unit_httpd_upgrade(&u, "/ws");
    unit_httpd_frame(&u, i, 3, "");
    CHECK(strncmp(unit_httpd_next(&u, i, &out), "8:1002 ", 7) == 0);
    UNIT_HTTPD_UNTIL(&u, u.closed == 1);
    CHECK_INT(u.httpd.dropped, 1);
    i = unit_httpd_upgrade(&u, "/ws");
    unit_httpd_hang_up(&u, i); /* just leaves */
    UNIT_HTTPD_UNTIL(&u, u.closed == 2);
    CHECK_INT(u.httpd.dropped, 1);
    i = unit_httpd_connect(&u); /* no handshake */
    unit_httpd_say(&u, i, span_of("GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\n"
                                  "Upgrade: websocket\r\n\r\n"));
    CHECK_INT(unit_httpd_reply(&u, i, &out) / 100, 4);
    UNIT_HTTPD_UNTIL(&u, u.ended[i]);
    buf_free(&out);
    unit_httpd_free(&u);
}

static void unit_httpd_pings_unread(void)
{
    struct unit_httpd u;
    test_begin("pongs of a client that does not read stop at its queue's limit");
    unit_httpd_init(&u);
    int i = unit_httpd_upgrade(&u, "/ws");
    struct httpd_client *c = u.waiting;
    blob *large = base_grow(NULL, sizeof *large + HTTPD_QUEUE_MAX + 1000000);
    large->refs = 1, large->n = HTTPD_QUEUE_MAX + 1000000;
    memset(large->p, 0, large->n);
    int fd = u.fds[i];
    u.fds[i] = -1; /* nothing is read */
    httpd_send_blob(c, large, 1);
    unit_httpd_loop(&u);
    size_t queued = httpd_queued(c);
    CHECK(queued >= HTTPD_QUEUE_MAX);
    u.fds[i] = fd;
    unit_httpd_frame(&u, i, WS_PING, "mark");
    unit_httpd_frame(&u, i, WS_TEXT, "x");
    u.fds[i] = -1;
    UNIT_HTTPD_UNTIL(&u, u.messages.n == 2);
    CHECK_INT(httpd_queued(c), queued);
    httpd_drop_unsent(c); /* of the one in flight nothing */
    CHECK_INT(httpd_queued(c), queued);
    u.fds[i] = fd;
    blob_drop(large);
    unit_httpd_free(&u);
}

/* ---- accepting ------------------------------------------------------------------------------ */

static void unit_httpd_shuts_down(void)
{
    struct unit_httpd u;
    buf out = {0};
    test_begin(
        "shutdown closes idle clients, WebSockets with 1001, and requests after their reply");
    unit_httpd_init(&u);
    int ws = unit_httpd_upgrade(&u, "/ws"), idle = unit_httpd_connect(&u);
    int busy = unit_httpd_connect(&u);
    unit_httpd_say(&u, busy, span_of("GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
    UNIT_HTTPD_UNTIL(&u, u.handled == 2);
    httpd_shutdown(&u.httpd);
    CHECK(strncmp(unit_httpd_next(&u, ws, &out), "8:1001 ", 7) == 0);
    UNIT_HTTPD_UNTIL(&u, u.ended[ws] && u.ended[idle]);
    CHECK(!u.ended[busy] && u.httpd.count == 1);
    httpd_reply_detail(u.httpd.clients, 200, "done");
    CHECK_INT(unit_httpd_reply(&u, busy, &out), 200);
    UNIT_HTTPD_UNTIL(&u, u.ended[busy]);
    buf_free(&out);
    unit_httpd_free(&u);
}

static void unit_httpd_accepts(void)
{
    struct unit_httpd u;
    char dir[] = "/tmp/telec-unit-XXXXXX", path[64], error[100];
    buf body = {0};
    test_begin("a listening socket gives clients of its own user, and closes another user's");
    unit_httpd_init(&u);
    CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/s", dir);
    int listening = conn_listen(path, error, sizeof error);
    CHECK(chmod(dir, 0711) == 0 && chmod(path, 0666) == 0);
    httpd_accept(&u.httpd, listening);
    u.fds[0] = conn_connect(path);
    u.fds[1] = unit_conn_stranger(path);
    u.count = 2;
    CHECK_INT(unit_httpd_ask(&u, 0, "GET", "/now", NULL, &body), 200);
    if (u.fds[1] >= 0 && CONN_KNOWS_PEERS) {
        UNIT_HTTPD_UNTIL(&u, u.ended[1]);
        CHECK_INT(u.httpd.count, 1);
    }
    httpd_shutdown(&u.httpd);
    close(listening);
    unlink(path), rmdir(dir);
    buf_free(&body);
    unit_httpd_free(&u);
}

static void unit_httpd_runs_out(void)
{
    struct unit_httpd u;
    struct rlimit before, none;
    char dir[] = "/tmp/telec-unit-XXXXXX", path[64], error[100];
    buf body = {0};
    test_begin(
        "without descriptors no client is accepted, and a second later the next try is made");
    unit_httpd_init(&u);
    CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/s", dir);
    int listening = conn_listen(path, error, sizeof error);
    httpd_accept(&u.httpd, listening);
    u.fds[0] = conn_connect(path);
    u.count = 1;
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 3;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &none), 0);
    UNIT_HTTPD_UNTIL(&u, u.httpd.retry.slot);
    CHECK(!u.httpd.listener.slot && u.httpd.retry.due <= u.loop.now + CONN_RETRY_MS);
    CHECK_INT(u.httpd.count, 0);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
    loop_timer_set(&u.loop, &u.httpd.retry, u.loop.now); /* as if that time had passed */
    CHECK_INT(unit_httpd_ask(&u, 0, "GET", "/now", NULL, &body), 200);
    httpd_shutdown(&u.httpd);
    close(listening);
    unlink(path), rmdir(dir);
    buf_free(&body);
    unit_httpd_free(&u);
}

static void unit_httpd(void)
{
    unit_httpd_pipelines();
    unit_httpd_hangs_up();
    unit_httpd_refuses();
    unit_httpd_heads();
    unit_httpd_idle();
    unit_httpd_slow();
    unit_httpd_half_close();
    unit_httpd_bounds_replies();
    unit_httpd_ws();
    unit_httpd_ws_fails();
    unit_httpd_pings_unread();
    unit_httpd_shuts_down();
    unit_httpd_accepts();
    unit_httpd_runs_out();
}
