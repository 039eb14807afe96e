/* Unit tests of client: answers in every form and every fault, against a server that says exactly
 * what it is told to; push, its losses and the times between its tries; a daemon that isn't
 * telec's. */

/* ---- a server that says what it is told to -------------------------------------------------- */

struct unit_client {
    struct loop loop;
    struct config config;
    struct client client;
    char dir[64], path[96];
    struct loop_fd listener;
    struct conn conn;         /* the last one that came */
    int connections, open;
    const char *answer;       /* to a request; NULL: a WebSocket, that says `message` */
    const char *server, *message;
    int piece;                /* bytes of the answer in one message; 0: all of it */
    int close_after;          /* the answer */
    size_t ignored;           /* bytes of anything but a GET */
    buf asked;                /* the last request */
    buf frames;               /* the frames after it */
    /* what the client told */
    int events, fetches, pushes, done, status;
    buf body, error;
};

static void unit_client_say(struct unit_client *u, span s)
{
    conn_send(&u->conn, s);
}

/* What a telec daemon answers to the handshake, with that Server. */
static void unit_client_upgrade(struct unit_client *u)
{
    struct http_scan scan = {0};
    struct http_head head;
    size_t used;
    buf b = {0}, out = {0};
    CHECK_INT(http_parse_request(&scan, buf_view(&u->asked), &used, &head), PARSE_DONE);
    CHECK_INT(ws_put_handshake(&b, &head), 101);
    const char *at = strstr(buf_cstr(&b), "Server: ");
    CHECK(at != NULL);
    buf_add(&out, b.p, (size_t)(at - b.p));
    buf_fmt(&out, "Server: %s", u->server);
    buf_str(&out, strstr(at, "\r\n"));
    if (u->message)
        ws_put_frame(&out, NULL, WS_TEXT, span_of(u->message));
    unit_client_say(u, buf_view(&out));
    buf_free(&b);
    buf_free(&out);
}

static void unit_client_on_data(void *ctx)
{
    struct unit_client *u = ctx;
    if (u->conn.eof) {
        conn_close(&u->conn, NULL);
        return;
    }
    span in = conn_view(&u->conn);
    if (in.n < 4 || memcmp(in.p, "GET ", 4) != 0) { /* frames of a client */
        u->ignored += in.n;
        buf_span(&u->frames, in);
        conn_consume(&u->conn, in.n);
        return;
    }
    if (memcmp(in.p + in.n - 4, "\r\n\r\n", 4) != 0)
        return;
    buf_clear(&u->asked);
    buf_span(&u->asked, in);
    conn_consume(&u->conn, in.n);
    if (!u->answer) {
        unit_client_upgrade(u);
        return;
    }
    span rest = span_of(u->answer);
    while (rest.n) {
        span piece = {rest.p, u->piece && rest.n > (size_t)u->piece ? (size_t)u->piece : rest.n};
        unit_client_say(u, piece);
        rest = span_sub(rest, piece.n);
    }
    if (u->close_after)
        conn_finish(&u->conn);
}

static void unit_client_on_closed(void *ctx, const char *why)
{
    struct unit_client *u = ctx;
    (void)why;
    u->open = 0;
    conn_free(&u->conn);
}

static const struct conn_hooks unit_client_conn_hooks = {unit_client_on_data, NULL,
                                                         unit_client_on_closed};

static void unit_client_accept(void *ctx, short revents)
{
    struct unit_client *u = ctx;
    int fd = accept(u->listener.fd, NULL, NULL);
    (void)revents;
    if (fd < 0)
        return;
    CHECK(!u->open);
    u->connections++;
    u->open = 1;
    memset(&u->conn, 0, sizeof u->conn);
    u->conn.hooks = &unit_client_conn_hooks;
    u->conn.ctx = u;
    conn_open(&u->conn, &u->loop, fd);
}

static void unit_client_listen(struct unit_client *u)
{
    char error[200];
    u->listener = (struct loop_fd){
        .fd = conn_listen(u->path, error, sizeof error), .on_event = unit_client_accept, .ctx = u};
    CHECK(u->listener.fd >= 0);
    loop_watch(&u->loop, &u->listener, POLLIN);
}

static void unit_client_deafen(struct unit_client *u)
{
    if (u->listener.fd < 0)
        return;
    loop_unwatch(&u->loop, &u->listener);
    close(u->listener.fd);
    unlink(u->path);
    u->listener.fd = -1;
}

static void unit_client_event(void *ctx, span json)
{
    struct unit_client *u = ctx;
    u->events += json.n > 0;
}

static void unit_client_push(void *ctx)
{
    ((struct unit_client *)ctx)->pushes++;
}

static void unit_client_fetch(void *ctx)
{
    ((struct unit_client *)ctx)->fetches++;
}

static const struct client_hooks unit_client_hooks = {unit_client_event, unit_client_push,
                                                      unit_client_fetch};

static void unit_client_init(struct unit_client *u)
{
    memset(u, 0, sizeof *u);
    const char *base = getenv("TMPDIR");
    snprintf(u->dir, sizeof u->dir, "%s/telec-unit-XXXXXX",
             base && strlen(base) < 30 ? base : "/tmp");
    if (!mkdtemp(u->dir))
        base_die("%s: %s", u->dir, strerror(errno));
    snprintf(u->path, sizeof u->path, "%s/s", u->dir);
    u->config.socket = u->path;
    u->config.state = u->dir;
    u->server = "telec/9";
    u->listener.fd = -1;
    loop_init(&u->loop);
    client_init(&u->client, &u->loop, &u->config, 0, &unit_client_hooks, u);
}

static void unit_client_free(struct unit_client *u)
{
    client_free(&u->client);
    unit_client_deafen(u);
    if (u->open) {
        conn_close(&u->conn, NULL);
        unit_loop_pass(&u->loop);
    }
    loop_free(&u->loop);
    rmdir(u->dir);
    buf_free(&u->asked);
    buf_free(&u->frames);
    buf_free(&u->body);
    buf_free(&u->error);
}

#define UNIT_CLIENT_UNTIL(u, cond) \
    do { \
        struct loop_timer unit_tick = {.fn = unit_loop_nothing}; \
        long long unit_until = clock_mono_ms() + 10000; \
        while (!(cond) && clock_mono_ms() < unit_until) { \
            loop_timer_set(&(u)->loop, &unit_tick, clock_mono_ms() + 5); \
            loop_once(&(u)->loop); \
        } \
        loop_timer_cancel(&(u)->loop, &unit_tick); \
        CHECK(cond); \
    } while (0)

/* ---- requests ------------------------------------------------------------------------------- */

static void unit_client_done(void *ctx, int status, span body, const char *error)
{
    struct unit_client *u = ctx;
    u->done++;
    u->status = status;
    buf_clear(&u->body);
    buf_span(&u->body, body);
    buf_clear(&u->error);
    buf_str(&u->error, error ? error : "");
    CHECK((status == 0) == (error != NULL));
}

static void unit_client_ask(struct unit_client *u)
{
    int before = u->done;
    client_request(&u->client, "GET", "/x?y=1", (span){0}, unit_client_done, u);
    CHECK_INT(u->done, before); /* never before it returns */
    UNIT_CLIENT_UNTIL(u, u->done > before);
    CHECK_INT(u->done, before + 1);
}

static void unit_client_answers(void)
{
    test_begin("an answer is read whole however it is framed and cut, or its fault is told");
    static const struct {
        const char *answer;
        int close, status;
        const char *body, *error;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 0, 200, "hello", ""},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", 1, 404, "{}", ""},
        {"HTTP/1.1 204 No Content\r\n\r\n", 0, 204, "", ""},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0, 200,
         "ok", ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=1\r\nde\r\n0\r\nT: "
         "1\r\n\r\n",
         0, 200, "abcde", ""},
        {"HTTP/1.1 200 OK\r\n\r\nuntil the end", 1, 200, "until the end", ""},
        {"HTTP/1.0 200 OK\r\n\r\n", 1, 200, "", ""},
        {"", 1, 0, "", "too early"},
        {"HTTP/1.1 200 OK\r\n", 1, 0, "", "too early"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", 1, 0, NULL, "too early"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", 1, 0, NULL, "too early"},
        {"SSH-2.0-OpenSSH\r\n\r\n", 0, 0, "", "not HTTP"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 0, 0, "", "not HTTP"},
    };
    struct unit_client u;
    unit_client_init(&u);
    unit_client_listen(&u);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (int piece = 0; piece < 8; piece = piece * 2 + 1) {
            u.answer = cases[i].answer;
            u.close_after = cases[i].close;
            u.piece = piece;
            unit_client_ask(&u);
            CHECK_INT(u.status, cases[i].status);
            if (cases[i].body)
                CHECK_SPAN(buf_view(&u.body), cases[i].body);
            CHECK(strstr(buf_cstr(&u.error), cases[i].error) &&
                  (u.error.n > 0) == (*cases[i].error != '\0'));
            CHECK(span_starts(buf_view(&u.asked), "GET /x?y=1 HTTP/1.1\r\n"));
            UNIT_CLIENT_UNTIL(&u, !u.open); /* it hangs up */
        }
    unit_client_deafen(&u);
    unit_client_ask(&u);
    CHECK(strstr(buf_cstr(&u.error), "no daemon is running on") &&
          strstr(buf_cstr(&u.error), u.path));
    unit_client_free(&u);
}

/* Requests in flight when their owner goes. */
static void unit_client_gone(void)
{
    test_begin("requests in flight when their owner goes are told so, once");
    struct unit_client u;
    unit_client_init(&u);
    unit_client_listen(&u);
    u.answer = "";
    client_request(&u.client, "GET", "/x", (span){0}, unit_client_done, &u);
    UNIT_CLIENT_UNTIL(&u, u.asked.n > 0);
    client_request(&u.client, "GET", "/y", (span){0}, unit_client_done, &u);
    client_free(&u.client); /* the second one has not begun */
    CHECK(!u.loop.task_first);
    client_init(&u.client, &u.loop, &u.config, 0, &unit_client_hooks, &u);
    unit_client_free(&u);
}

static void unit_client_details(void)
{
    test_begin("an error's detail becomes one line for people, whatever its form");
    static const struct {
        const char *body, *detail;
    } cases[] = {
        {"{\"detail\":\"Session not found\"}", "Session not found"},
        {"{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",\"message\"],\"msg\":\"Field "
         "required\"}]}",
         "body message Field required"},
        {"{\"detail\":[{\"loc\":[\"query\",\"a\"],\"msg\":\"one\"},{\"loc\":[],\"msg\":\"two\"}]}",
         "query a one; two"},
        {"<html>", "the answer is not JSON"},
        {"", "the answer is not JSON"},
        {"{\"detail\":\"\"}", "the daemon gave no reason"},
        {"{\"detail\":[]}", "the daemon gave no reason"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *detail = client_detail(span_of(cases[i].body));
        CHECK_SPAN(span_of(detail), cases[i].detail);
        free(detail);
    }
    static const char *const odd[] = {"{}", "{\"detail\":null}", "{\"detail\":[1,{}]}", "[]",
                                      "7",  "{\"detail\":{}}"};
    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        char *detail = client_detail(span_of(odd[i]));
        CHECK(detail != NULL && *detail); /* something is said in any case */
        free(detail);
    }
}

/* ---- push ----------------------------------------------------------------------------------- */

/* Nobody there: 1 s, doubling to 30 s, each with up to 20 % more. */
static void unit_client_backoff(void)
{
    test_begin("tries without a daemon come after 1 s, doubling to 30 s, with up to 20 % more");
    static const long long steps[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000};
    long long least[COUNT_OF(steps)], longest[COUNT_OF(steps)];
    for (int round = 0; round < 40; round++) {
        struct unit_client u;
        unit_client_init(&u);
        client_subscribe(&u.client);
        for (size_t i = 0; i < COUNT_OF(steps); i++) {
            long long wait = u.client.retry_at - u.loop.now;
            CHECK_INT(u.client.push, CLIENT_WAITING);
            CHECK(wait >= steps[i] && wait <= steps[i] + steps[i] / 5);
            CHECK(u.client.retry.slot && u.client.retry.due == u.client.retry_at);
            CHECK(u.client.fetch.slot); /* by REST meanwhile */
            least[i] = round && least[i] < wait ? least[i] : wait;
            longest[i] = round && longest[i] > wait ? longest[i] : wait;
            loop_timer_cancel(&u.loop, &u.client.retry);
            client_on_retry(&u.client); /* as if that time had passed */
        }
        CHECK_INT(u.connections, 0);
        unit_client_free(&u);
    }
    for (size_t i = 0; i < COUNT_OF(steps); i++)
        CHECK(longest[i] - least[i] > steps[i] / 20); /* they do not all come back at once */
}

static void unit_client_live(void)
{
    test_begin("live push needs no timer; after a loss or a stop it waits, and a retry is at once");
    struct unit_client u;
    unit_client_init(&u);
    unit_client_listen(&u);
    u.message = "{\"event\":\"sessions_initial\",\"data\":{}}";
    u.client.backoff = 16000; /* as after some losses */
    client_subscribe(&u.client);
    CHECK_INT(u.client.push, CLIENT_CONNECTING);
    UNIT_CLIENT_UNTIL(&u, u.client.push == CLIENT_LIVE);
    CHECK_INT(u.events, 1);
    CHECK(!u.client.ws->foreign);
    CHECK_INT(u.client.backoff, CLIENT_BACKOFF_MIN_MS);
    CHECK(!u.client.fetch.slot && !u.client.retry.slot); /* nothing that would wake it */
    CHECK(span_starts(buf_view(&u.asked), "GET /ws HTTP/1.1\r\n"));
    CHECK(!strstr(buf_cstr(&u.asked), "deflate"));
    /* The connection breaks. */
    conn_close(&u.conn, NULL);
    UNIT_CLIENT_UNTIL(&u, u.client.push == CLIENT_WAITING);
    CHECK_SPAN(span_of(u.client.why), "the daemon has gone");
    CHECK(!u.client.stopped && u.client.ws == NULL && u.client.fetch.slot);
    long long wait = u.client.retry_at - u.loop.now;
    CHECK(wait > 0 && wait <= 1200);
    /* Whoever asks for it doesn't wait. */
    UNIT_CLIENT_UNTIL(&u, !u.open);
    client_retry_now(&u.client);
    UNIT_CLIENT_UNTIL(&u, u.client.push == CLIENT_LIVE);
    CHECK_INT(u.connections, 2);
    CHECK(!u.client.fetch.slot);
    /* It is stopped on purpose. */
    buf b = {0};
    ws_put_close(&b, NULL, 1001, "shutdown");
    unit_client_say(&u, buf_view(&b));
    buf_free(&b);
    UNIT_CLIENT_UNTIL(&u, u.client.push == CLIENT_WAITING);
    CHECK(u.client.stopped);
    CHECK_SPAN(span_of(u.client.why), "the daemon was stopped");
    UNIT_CLIENT_UNTIL(&u, !u.open);
    client_retry_now(&u.client);
    CHECK(!u.client.stopped);
    UNIT_CLIENT_UNTIL(&u, u.client.push == CLIENT_LIVE);
    /* What isn't a WebSocket is given up. */
    conn_close(&u.conn, NULL);
    UNIT_CLIENT_UNTIL(&u, u.client.push == CLIENT_WAITING);
    u.answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    UNIT_CLIENT_UNTIL(&u, !u.open);
    client_retry_now(&u.client);
    UNIT_CLIENT_UNTIL(&u, u.client.push == CLIENT_WAITING);
    CHECK(u.client.backoff > CLIENT_BACKOFF_MIN_MS);
    /* Accepted and closed before anything was said: no reason to come back at once. */
    u.answer = NULL;
    u.message = NULL;
    long long before = u.client.backoff;
    UNIT_CLIENT_UNTIL(&u, !u.open);
    client_retry_now(&u.client);
    UNIT_CLIENT_UNTIL(&u, u.client.ws && u.client.ws->accepted);
    CHECK_INT(u.client.push, CLIENT_CONNECTING);
    conn_close(&u.conn, NULL);
    UNIT_CLIENT_UNTIL(&u, u.client.push == CLIENT_WAITING);
    CHECK(u.client.backoff > before);
    unit_client_free(&u);
}

/* A TeleClaude daemon: its push isn't all, so fetching by REST goes on. */
static void unit_client_foreign(void)
{
    test_begin("a TeleClaude daemon's push is partial: fetching by REST goes on");
    struct unit_client u;
    unit_client_init(&u);
    unit_client_listen(&u);
    u.server = "uvicorn";
    u.message = "{\"event\": \"sessions_initial\", \"data\": {\"sessions\": []}}";
    client_subscribe(&u.client);
    UNIT_CLIENT_UNTIL(&u, u.client.push == CLIENT_PARTIAL);
    CHECK(u.client.ws->foreign && u.events == 1);
    CHECK(u.client.fetch.slot && u.client.fetch.due - u.loop.now <= CLIENT_FETCH_MS);
    client_on_fetch(&u.client); /* as if those 5 s had passed */
    CHECK_INT(u.fetches, 1);
    CHECK(u.client.fetch.slot);

    test_begin("a TeleClaude daemon, whose cache that would empty, is never asked to refresh");
    size_t queued = u.client.ws->conn.queued;
    client_refresh(&u.client);
    CHECK_INT(u.client.ws->conn.queued, queued);
    u.client.ws->foreign = 0;
    client_refresh(&u.client);
    CHECK(u.client.ws->conn.queued > queued);
    unit_client_free(&u);
}

static void unit_client_ping(void)
{
    test_begin("a ping is answered, a binary message ignored, a text an event");
    struct unit_client u;
    buf b = {0};
    unit_client_init(&u);
    unit_client_listen(&u);
    u.message = "{}";
    client_subscribe(&u.client);
    UNIT_CLIENT_UNTIL(&u, u.client.push == CLIENT_LIVE);
    ws_put_frame(&b, NULL, WS_PING, span_of("mark"));
    ws_put_frame(&b, NULL, WS_BINARY, span_of("not for it"));
    ws_put_frame(&b, NULL, WS_TEXT, span_of("{\"event\":\"x\"}"));
    unit_client_say(&u, buf_view(&b));
    UNIT_CLIENT_UNTIL(&u, u.events == 2);
    buf_free(&b);
    unit_client_free(&u);
}

static void unit_client_masks(void)
{
    test_begin("a client masks each frame with a key of its own");
    struct unit_client u;
    unit_client_init(&u);
    unit_client_listen(&u);
    u.message = "{}";
    client_subscribe(&u.client);
    UNIT_CLIENT_UNTIL(&u, u.client.push == CLIENT_LIVE);
    buf_clear(&u.frames);
    for (int i = 0; i < 2; i++)
        client_ws_send(u.client.ws, WS_TEXT, span_of("the same payload"));
    UNIT_CLIENT_UNTIL(&u, u.frames.n >= 2 * (2 + 4 + 16));
    for (size_t i = 0; i < 2; i++)
        CHECK(memcmp(u.frames.p + 22 * i + 6, "the same payload", 16) != 0);
    CHECK(memcmp(u.frames.p + 2, u.frames.p + 22 + 2, 4) != 0);
    unit_client_free(&u);
}

/* ---- reaching a daemon ---------------------------------------------------------------------- */

static void unit_client_silent_daemon(void)
{
    struct unit_client u;
    test_begin("a daemon that never answers is given up after CLIENT_REQUEST_MS");
    unit_client_init(&u);
    unit_client_listen(&u);
    u.answer = "";
    client_request(&u.client, "GET", "/x", (span){0}, unit_client_done, &u);
    UNIT_CLIENT_UNTIL(&u, u.asked.n > 0);
    struct client_request *r = u.client.requests;
    CHECK(r->timer.slot && r->timer.due <= u.loop.now + CLIENT_REQUEST_MS);
    CHECK(r->timer.due > u.loop.now + CLIENT_REQUEST_MS - 5000);
    CHECK_INT(u.done, 0);
    loop_timer_set(&u.loop, &r->timer, u.loop.now); /* as if that time had passed */
    UNIT_CLIENT_UNTIL(&u, u.done == 1);
    CHECK(u.status == 0 && strstr(buf_cstr(&u.error), "too long") != NULL);
    CHECK(!u.client.requests);
    unit_client_free(&u);
}

static void unit_client_on_ws_closed(void *ctx, int code, const char *why)
{
    (void)code;
    snprintf(ctx, 100, "%s", why ? why : "");
}

static void unit_client_slow_handshake(void)
{
    struct unit_client u;
    char why[100] = "";
    struct client_ws ws = {.on_closed = unit_client_on_ws_closed, .ctx = why};
    test_begin("a WebSocket handshake without an answer is given up after CLIENT_HANDSHAKE_MS");
    unit_client_init(&u);
    unit_client_listen(&u);
    u.answer = "";
    CHECK_INT(client_ws_open(&ws, &u.client, "/ws"), 0);
    UNIT_CLIENT_UNTIL(&u, u.asked.n > 0);
    CHECK(ws.late.slot && ws.late.due <= u.loop.now + CLIENT_HANDSHAKE_MS);
    loop_timer_set(&u.loop, &ws.late, u.loop.now); /* as if that time had passed */
    UNIT_CLIENT_UNTIL(&u, why[0]);
    CHECK(strstr(why, "in time") != NULL && !ws.open && !ws.late.slot);
    unit_client_free(&u);
}

static void unit_client_gone_daemon(void)
{
    struct unit_client u;
    test_begin("a request is sent again, once, when the daemon closed before it read it");
    unit_client_init(&u);
    unit_client_listen(&u);
    u.answer = "";
    u.close_after = 1; /* each time */
    client_request(&u.client, "GET", "/x", (span){0}, unit_client_done, &u);
    UNIT_CLIENT_UNTIL(&u, u.done == 1);
    CHECK_INT(u.connections, 2);
    client_request(&u.client, "POST", "/x", span_of("{}"), unit_client_done, &u);
    u.answer = NULL; /* what is no GET is not answered: it hangs up */
    UNIT_CLIENT_UNTIL(&u, u.client.requests && u.ignored == u.client.requests->text.n);
    conn_close(&u.conn, NULL);
    UNIT_CLIENT_UNTIL(&u, u.done == 2);
    CHECK_INT(u.status, 0);
    CHECK_INT(u.connections, 3); /* what a daemon may have read is not sent again */
    unit_client_free(&u);
}

static void unit_client_other_user(void)
{
    struct unit_client u;
    test_begin("a client refuses a daemon of another user");
    unit_client_init(&u);
    pid_t pid = unit_conn_stranger_listens(u.dir, strrchr(u.path, '/') + 1);
    if (pid) {
        unit_client_ask(&u);
        CHECK(u.status == 0 && strstr(buf_cstr(&u.error), strerror(EPERM)) != NULL);
        struct client_ws ws = {0};
        CHECK_INT(client_ws_open(&ws, &u.client, "/ws"), -1);
        CHECK_INT(errno, EPERM);
        unit_conn_stranger_ends(pid);
        unlink(u.path);
    }
    unit_client_free(&u);
}

/* A client whose daemon is that script; u->config.program. */
static void unit_client_program(struct unit_client *u, struct unit_daemon *d, const char *script)
{
    unit_client_init(u);
    unit_daemon_init(d);
    unit_spawn_program(d, script);
    u->client.config = &d->config;
    u->client.may_start = 1;
}

static void unit_client_starts_daemon(void)
{
    struct unit_client u;
    struct unit_daemon d;
    buf error = {0};
    char message[100];
    test_begin("requests and push wait for the daemon that the client starts, one for all");
    unit_client_program(&u, &d, "echo started >&2; read line < \"$TELEC_SOCKET.go\"; printf x >&3");
    CHECK_INT(places_make_dirs(&d.config, &error), 0);
    snprintf(u.path, sizeof u.path, "%s", d.socket);
    char go[120];
    snprintf(go, sizeof go, "%s.go", d.socket);
    CHECK_INT(mkfifo(go, 0600), 0);
    client_request(&u.client, "GET", "/x", (span){0}, unit_client_done, &u);
    client_request(&u.client, "GET", "/y", (span){0}, unit_client_done, &u);
    client_subscribe(&u.client);
    UNIT_CLIENT_UNTIL(&u, u.client.starting.fd >= 0);
    int fifo = open(go, O_WRONLY);
    CHECK_INT(u.client.push, CLIENT_CONNECTING);
    u.listener = (struct loop_fd){.fd = conn_listen(d.socket, message, sizeof message)};
    CHECK(u.listener.fd >= 0 && write(fifo, "\n", 1) == 1); /* now it serves */
    UNIT_CLIENT_UNTIL(&u, u.client.starting.fd < 0);
    CHECK(u.client.ws != NULL && !u.client.start_error);
    for (struct client_request *r = u.client.requests; r; r = r->next)
        CHECK(r->connected);
    CHECK_INT(u.done, 0);
    char log[120];
    snprintf(log, sizeof log, "%s/daemon.log", d.state);
    CHECK_INT(os_read_file(&error, log, 1000), 0);
    CHECK_SPAN(buf_view(&error), "started\n");
    close(fifo), close(u.listener.fd);
    u.listener.fd = -1;
    buf_free(&error);
    unit_client_free(&u);
    unit_daemon_free(&d);
}

static void unit_client_start_fails(void)
{
    struct unit_client u;
    struct unit_daemon d;
    test_begin(
        "a daemon that can't be started fails its requests, and the next retry may start one");
    unit_client_program(&u, &d, "exit 1");
    client_subscribe(&u.client);
    CHECK_INT(u.client.push, CLIENT_CONNECTING);
    unit_client_ask(&u);
    CHECK(strstr(buf_cstr(&u.error), "cannot start the daemon: it ended: see ") == u.error.p);
    CHECK(strstr(u.error.p, "daemon.log") != NULL);
    UNIT_CLIENT_UNTIL(&u, u.client.push == CLIENT_WAITING);
    unit_client_ask(&u); /* none is started for this one */
    CHECK(u.client.starting.fd < 0);
    client_retry_now(&u.client);
    CHECK(u.client.starting.fd >= 0 && u.client.push == CLIENT_CONNECTING);
    unit_client_free(&u); /* while it starts */
    unit_daemon_free(&d);
}

static void unit_client_slow_start(void)
{
    struct unit_client u;
    struct unit_daemon d;
    test_begin("a request does not wait longer for a starting daemon than for an answer");
    unit_client_program(&u, &d, "read line <&3; exit 1");
    client_request(&u.client, "GET", "/x", (span){0}, unit_client_done, &u);
    UNIT_CLIENT_UNTIL(&u, u.client.starting.fd >= 0);
    CHECK_INT(u.done, 0);
    if (u.client.requests)
        loop_timer_set(&u.loop, &u.client.requests->timer, u.loop.now);
    UNIT_CLIENT_UNTIL(&u, u.done == 1);
    unit_client_free(&u);
    unit_daemon_free(&d);
}

/* ---- attaching elsewhere -------------------------------------------------------------------- */

static void unit_client_attach_lines(void)
{
    static const char computers[] =
        "[{\"name\":\"me\"},{\"name\":\"far\",\"user\":\"u\",\"host\":\"h.x\"},"
        "{\"name\":\"bare\",\"host\":\"h\"},{\"name\":\"evil\",\"host\":\"-oProxy\"},"
        "{\"name\":\"worse\",\"user\":\"a;b\",\"host\":\"h\"},{\"name\":\"mute\"}]";
    static const struct {
        const char *session, *line, *error;
    } cases[] = {
        {"{\"computer\":\"far\",\"session_id\":\"s-1\"}", "ssh -t u@h.x telec attach s-1", ""},
        {"{\"computer\":\"bare\",\"session_id\":\"s\"}", "ssh -t h telec attach s", ""},
        {"{\"computer\":\"worse\",\"session_id\":\"s\"}", "ssh -t h telec attach s", ""},
        {"{\"computer\":\"far\",\"session_id\":\"s\",\"tmux_session_name\":\"t\"}",
         "ssh -t u@h.x tmux attach -t t", ""},
        {"{\"computer\":\"me\",\"session_id\":\"s\",\"tmux_session_name\":\"t\"}",
         "tmux attach -t t", ""},
        {"{\"computer\":\"evil\",\"session_id\":\"s\"}", "", "evil: "},
        {"{\"computer\":\"mute\",\"session_id\":\"s\"}", "", "mute: "},
        {"{\"computer\":\"far\",\"session_id\":\"s; rm\"}", "", "far: "},
        {"{\"computer\":\"far\",\"session_id\":\"-x\"}", "", "far: "},
        {"{\"session_id\":\"s\"}", "", "a computer without a name"},
    };
    struct config config = {.attach = (char *)"ssh -t DEST"};
    test_begin("the line that attaches elsewhere has no option or shell text of another computer");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct json session, list;
        buf line = {0}, error = {0};
        CHECK_INT(json_parse(span_of(computers), &list, NULL, NULL), PARSE_DONE);
        CHECK_INT(json_parse(span_of(cases[i].session), &session, NULL, NULL), PARSE_DONE);
        CHECK_INT(client_put_attach(&config, session, list, &line, &error), !*cases[i].error);
        CHECK_SPAN(buf_view(&line), cases[i].line);
        CHECK(span_starts(buf_view(&error), cases[i].error) && (error.n > 0) == !!*cases[i].error);
        buf_free(&line), buf_free(&error);
    }
}

static void unit_client_attach_faults(void)
{
    static const struct {
        int tmux, status;
        const char *want;
    } cases[] = {{1, 1, "status 1: the session's tmux has ended"},
                 {0, 1, "status 1: the command there failed"},
                 {1, 255, "status 255: [peers] attach in /f must connect"}};
    struct config config = {.file = (char *)"/f"};
    test_begin("only when ssh itself fails is [peers] attach to blame");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf b = {0};
        client_put_attach_fault(&config, cases[i].tmux, cases[i].status, &b);
        CHECK(strstr(buf_cstr(&b), cases[i].want) != NULL);
        buf_free(&b);
    }
}

static void unit_client_environment(void)
{
    buf b = {0};
    test_begin("the environment of the client is an array of NAME=value, and its umask a number");
    setenv("UNIT_CLIENT", "a \"b\"", 1);
    mode_t mask = umask(027);
    client_put_environment(&b);
    CHECK_INT(umask(mask), 027);
    CHECK(strstr(buf_cstr(&b), "],\"umask\":23") != NULL);
    CHECK(span_starts(buf_view(&b), "\"env\":[\""));
    CHECK(strstr(buf_cstr(&b), "\"UNIT_CLIENT=a \\\"b\\\"\"") != NULL);
    unsetenv("UNIT_CLIENT");
    buf_free(&b);
}

static void unit_client(void)
{
    unit_client_answers();
    unit_client_gone();
    unit_client_details();
    unit_client_backoff();
    unit_client_live();
    unit_client_foreign();
    unit_client_ping();
    unit_client_masks();
    unit_client_silent_daemon();
    unit_client_slow_handshake();
    unit_client_gone_daemon();
    unit_client_other_user();
    unit_client_starts_daemon();
    unit_client_start_fails();
    unit_client_slow_start();
    unit_client_attach_lines();
    unit_client_attach_faults();
    unit_client_environment();
}
