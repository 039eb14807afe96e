/* push - /ws: topics, events, the WebSocket's own rules, slow clients (protocol.md section 2). */

#define OVERFLOW_SESSIONS 16

static void test_push_handshake(void)
{
    static const struct {
        const char *bytes;
        int status;
    } bad[] = {
        {"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n", 426},
        {"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: " WS_KEY "\r\n\r\n", 426},
        {"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n", 400},
        {"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\n\r\n", 400},
    };
    daemon_start();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct wire w = wire_open();
        wire_str(&w, bad[i].bytes);
        struct reply r = reply_read(&w);
        CHECK_INT(r.status, bad[i].status);
        if (r.status == 426 && i > 0)
            CHECK_TEXT(reply_header(&r, "Sec-WebSocket-Version"), "13");
        wire_close(&w);
    }
    /* Offers are passed over; names and tokens are compared without regard to case. */
    struct wire w = wire_open();
    wire_str(&w, "GET /ws?token=x HTTP/1.1\r\nhost: x\r\nUPGRADE: WebSocket\r\nConnection: "
                 "keep-alive, upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " WS_KEY "\r\n"
                 "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
                 "Sec-WebSocket-Protocol: a, b\r\n\r\n");
    struct reply r = reply_read(&w);
    CHECK_INT(r.status, 101);
    CHECK_TEXT(reply_header(&r, "Sec-WebSocket-Accept"), WS_ACCEPT);
    CHECK(!reply_header(&r, "Sec-WebSocket-Extensions") &&
          !reply_header(&r, "Sec-WebSocket-Protocol"));
    ws_settle(&w, "works");
    /* The RFC's own example, and a frame that comes with the handshake. */
    w = wire_open();
    struct text both = {0};
    text_str(&both, "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
                    "dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    ws_put(&both, WS_FIN | WS_PING, "early", 5, 1);
    wire_write(&w, both.p, both.n);
    r = reply_read(&w);
    CHECK_TEXT(reply_header(&r, "Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    CHECK_TEXT(ws_next(&w).p, "early");
}

static void test_push_sessions(void)
{
    daemon_start();
    char *old = start_program("pause", NULL, NULL);
    AWAIT_SESSION(old, "last_output", "ready");
    struct wire a = ws_open("/ws"), b = ws_open("/ws"), *both[] = {&a, &b};
    for (int i = 0; i < 2; i++) {
        ws_say(both[i], "{\"subscribe\": \"sessions\"}");
        char *initial = event_poll(both[i], E2E_WAIT_MS);
        CHECK_TEXT(initial, format("{\"event\":\"sessions_initial\",\"data\":{\"sessions\":[%s]}}",
                                   get(session_path(old, "")).body));
    }
    char *id = start_sh("echo one; read x; echo two; exit 3");
    for (int i = 0; i < 2; i++) {
        char *created = event_await(both[i], "session_created", id);
        CHECK_TEXT(json_get(created, "data.working_directory"), e2e.dir);
        CHECK(json_at(created, "data.computer") && json_at(created, "data.state"));
        event_await_value(both[i], id, "last_output", "one");
    }
    CHECK_INT(call("POST", session_path(id, "/keys"), "{\"key\": \"enter\"}").status, 200);
    for (int i = 0; i < 2; i++) {
        char *last = event_await_value(both[i], id, "exit_code", "3");
        CHECK_TEXT(json_get(last, "event"), "session_updated");
        CHECK_TEXT(json_get(last, "data.last_output"), "two");
        /* The same object, whole. */
        CHECK_TEXT(json_raw(last, "data"), get(session_path(id, "")).body);
    }
    end_session(id);
    for (int i = 0; i < 2; i++)
        CHECK_TEXT(event_poll(both[i], E2E_WAIT_MS),
                   format("{\"event\":\"session_removed\",\"data\":{\"session_id\":\"%s\"}}", id));
}

static void test_push_topics(void)
{
    daemon_start();
    struct wire none = ws_open("/ws"), preparation = ws_open("/ws"), sessions =
        subscribe("sessions");
    ws_say(&preparation, "{\"subscribe\": \"preparation\"}");
    CHECK_TEXT(event_poll(&preparation, E2E_WAIT_MS),
               "{\"event\":\"preparation_initial\",\"data\":{\"projects\":[]}}");
    char *id = start_program("pause", NULL, NULL);
    event_await_value(&sessions, id, "last_output", "ready");
    CHECK_INT(call("POST", "/projects", format("{\"path\": \"%s\"}", e2e.home)).status, 200);
    char *event = event_poll(&preparation, E2E_WAIT_MS);
    CHECK_TEXT(json_get(event, "event"), "projects_updated");
    CHECK_TEXT(json_get(event, "data.projects.0.path"), e2e.home);
    CHECK_TEXT(json_get(event, "data.computer"), json_get(get("/computers").body, "0.name"));
    /* Nothing for those who asked for nothing: the answer to a ping is the first thing that comes.
     * */
    struct frame f;
    ws_send(&none, WS_FIN | WS_PING, "x", 1);
    f = ws_next(&none);
    CHECK_INT(f.opcode, WS_PONG);
    /* Unsubscribed: nothing more, and the rest goes on. */
    ws_say(&sessions, "{\"subscribe\": \"preparation\"}");
    event_await(&sessions, "preparation_initial", NULL);
    ws_say(&sessions, "{\"unsubscribe\": \"sessions\"}");
    ws_settle(&sessions, "unsubscribed");
    CHECK_INT(call("PATCH", session_path(id, ""), "{\"title\": \"unheard\"}").status, 200);
    CHECK_INT(call("POST", "/projects", format("{\"path\": \"%s\"}", e2e.bin)).status, 200);
    CHECK_TEXT(json_get(event_poll(&sessions, E2E_WAIT_MS), "event"), "projects_updated");
    ws_say(&sessions, "{\"subscribe\": \"sessions\"}");
    CHECK_TEXT(json_get(event_poll(&sessions, E2E_WAIT_MS), "data.sessions.0.title"), "unheard");
}

static void test_push_refresh(void)
{
    daemon_start();
    struct wire w = ws_open("/ws");
    ws_say(&w, "{\"refresh\": true}"); /* of nothing */
    ws_settle(&w, "nothing");
    ws_say(&w, "{\"subscribe\": \"sessions\"}");
    ws_say(&w, "{\"subscribe\": \"preparation\"}");
    event_await(&w, "sessions_initial", NULL);
    event_await(&w, "preparation_initial", NULL);
    ws_say(&w, "{\"refresh\": true}");
    event_await(&w, "sessions_initial", NULL);
    event_await(&w, "preparation_initial", NULL);
    ws_say(&w, "{\"subscribe\": \"sessions\"}"); /* again: the state again, and events once */
    event_await(&w, "sessions_initial", NULL);
    char *id = start("\"command\": [\"sleep\", \"1000\"]");
    event_await(&w, "session_created", id);
    end_session(id);
    int removed = 0;
    ws_send(&w, WS_FIN | WS_PING, "end", 3);
    for (struct frame f = ws_next(&w); f.opcode == WS_TEXT; f = ws_next(&w)) {
        CHECK(!event_is(f.p, "session_created"));
        removed += event_is(f.p, "session_removed");
    }
    CHECK_INT(removed, 1);
}

static void test_push_garbage(void)
{
    static const char *const garbage[] = {"", "x", "{", "[]", "null", "\"subscribe\"", "{}",
                                          "{\"subscribe\": 5}",
                                          "{\"subscribe\": null}",
                                          "{\"subscribe\": \"everything\"}",
                                          "{\"refresh\": \"yes\"}", "{\"refresh\": false}",
                                          "{\"unsubscribe\": []}",
                                          "{\"subscribe\": [\"sessions\"]}",
                                          "{\"subscribe\": \"sessions\"",
                                          "{\"Subscribe\": \"sessions\"}", "\033[2J\a\x7f"};
    daemon_start();
    struct wire w = ws_open("/ws");
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++)
        ws_say(&w, garbage[i]);
    ws_send(&w, WS_FIN | WS_TEXT, "{\"a\": \"\0\"}", 10);
    ws_send(&w, WS_FIN | WS_PONG, "unasked", 7);
    /* It still works. */
    ws_say(&w, " {\"x\": {\"subscribe\": 1}, \"subscribe\" : \"sessions\", \"y\": []}\n");
    CHECK_TEXT(event_poll(&w, E2E_WAIT_MS),
               "{\"event\":\"sessions_initial\",\"data\":{\"sessions\":[]}}");
    CHECK_HAS(daemon_errors(), "everything"); /* logged */
    CHECK(!strchr(daemon_errors(), '\033') && !strchr(daemon_errors(), '\a')); /* and harmless */
}

static void test_push_ping(void)
{
    daemon_start();
    struct wire w = subscribe("sessions");
    char *payload = repeat('p', 125);
    ws_settle(&w, "");
    ws_settle(&w, payload);
    for (int i = 0; i < 100; i++)
        ws_send(&w, WS_FIN | WS_PING, format("%03d", i), 3);
    for (int i = 0; i < 100; i++)
        CHECK_TEXT(ws_next(&w).p, format("%03d", i));
}

static void test_push_fragments(void)
{
    daemon_start();
    struct wire w = ws_open("/ws");
    const char *say = "{\"subscribe\": \"sessions\", \"x\": \"\xe2\x82\xac\"}";
    size_t n = strlen(say);
    ws_send(&w, WS_TEXT, say, 0);
    for (size_t i = 0; i < n; i++) { /* cut inside of characters too, with pings between */
        ws_send(&w, WS_CONT, say + i, 1);
        if (i % 8 == 0)
            ws_settle(&w, "between");
    }
    ws_send(&w, WS_FIN | WS_CONT, "", 0);
    event_await(&w, "sessions_initial", NULL);
    /* A frame byte by byte. */
    struct text t = {0};
    ws_put(&t, WS_FIN | WS_TEXT, "{\"refresh\": true}", 17, 1);
    for (size_t i = 0; i < t.n; i++)
        wire_write(&w, t.p + i, 1);
    event_await(&w, "sessions_initial", NULL);
    /* A message of a mebibyte is taken. */
    char *large = repeat(' ', 1024 * 1024);
    memcpy(large, "{\"refresh\": true}", 17);
    ws_send(&w, WS_FIN | WS_TEXT, large, strlen(large));
    event_await(&w, "sessions_initial", NULL);
}

static void check_close(const char *what, struct wire *w, int want)
{
    int code = ws_close_code(w);
    if (code != want)
        FAIL("%s: closed with %d, want %d", what, code, want);
    wire_close(w);
}

static void test_push_close_codes(void)
{
    static const struct {
        const char *what;
        int first;
        const char *payload;
        size_t n;
        int code;
    } cases[] = {
        {"a reserved bit", WS_FIN | 0x40 | WS_TEXT, "{}", 2, 1002},
        {"a reserved opcode", WS_FIN | 3, "", 0, 1002},
        {"a reserved control opcode", WS_FIN | 11, "", 0, 1002},
        {"a continuation of nothing", WS_FIN | WS_CONT, "x", 1, 1002},
        {"a fragmented ping", WS_PING, "x", 1, 1002},
        {"binary", WS_FIN | WS_BINARY, "x", 1, 1003},
        {"bad UTF-8", WS_FIN | WS_TEXT, "\xff", 1, 1007},
        {"a surrogate", WS_FIN | WS_TEXT, "\xed\xa0\x80", 3, 1007},
        {"a cut character", WS_FIN | WS_TEXT, "{}\xe2\x82", 4, 1007},
        {"close with 1000", WS_FIN | WS_CLOSE, "\x03\xe8", 2, 1000},
        {"close with 1001 and a reason", WS_FIN | WS_CLOSE, "\x03\xe9" "bye", 5, 1001},
        {"close with an application's code", WS_FIN | WS_CLOSE, "\x0f\xa0", 2, 4000},
        {"close with half a code", WS_FIN | WS_CLOSE, "\x03", 1, 1002},
        {"close with a reserved code", WS_FIN | WS_CLOSE, "\x03\xed", 2, 1002},
        {"close with bad UTF-8", WS_FIN | WS_CLOSE, "\x03\xe8\xff", 3, 1007},
    };
    daemon_start();
    struct text t = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wire w = subscribe("sessions");
        ws_send(&w, cases[i].first, cases[i].payload, cases[i].n);
        check_close(cases[i].what, &w, cases[i].code);
    }
    struct wire w = subscribe("sessions");
    ws_send(&w, WS_FIN | WS_CLOSE, "", 0);
    int code = ws_close_code(&w);
    CHECK(code == 1000 || code == 1005);
    w = subscribe("sessions");
    ws_put(&t, WS_FIN | WS_TEXT, "{}", 2, 0);
    wire_write(&w, t.p, t.n);
    check_close("an unmasked frame", &w, 1002);
    w = subscribe("sessions");
    char *ping = repeat('p', 126);
    ws_send(&w, WS_FIN | WS_PING, ping, 126);
    check_close("a long ping", &w, 1002);
    w = subscribe("sessions");
    ws_send(&w, WS_TEXT, "{", 1);
    ws_send(&w, WS_FIN | WS_TEXT, "}", 1);
    check_close("a message inside of another", &w, 1002);
    w = subscribe("sessions");
    wire_write(&w, "\x81\xff\x00\x00\x00\x00\x00\x10\x00\x01\x01\x02\x03\x04", 14);
    check_close("over a mebibyte", &w, 1009);
    w = subscribe("sessions");
    wire_write(&w, "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04", 14);
    check_close("a length past every number", &w, 1002);
    w = subscribe("sessions");
    char *half = repeat(' ', 600 * 1024);
    ws_send(&w, WS_TEXT, half, strlen(half));
    ws_send(&w, WS_FIN | WS_CONT, half, strlen(half));
    check_close("over a mebibyte in fragments", &w, 1009);
    AWAIT(status_of("clients") == 1);
    CHECK(status_of("clients_dropped") > 0);
}

/* 1,000 lines in a second are about ten updates, and the last one is the last. */
static void test_push_coalesces(void)
{
    daemon_start();
    struct wire w = subscribe("sessions");
    char *id = start_program("lines", "1000", "1000");
    event_await(&w, "session_created", id);
    long long began = now_ms(), previous = began;
    int updates = 0, together = 0;
    for (char *event = "{}"; !json_is(event, "data.state", "exited"); previous = now_ms()) {
        event = event_await(&w, "session_updated", id);
        together += now_ms() - previous < 50;
        updates++;
    }
    int allowed = (int)((now_ms() - began) / 100) + 2;
    if (updates > allowed || updates < 4)
        FAIL("%d updates in %lld ms, %d of them close together", updates, now_ms() - began,
             together);
    CHECK_TEXT(session_get(id, "last_output"), "line 1000");
    CHECK_TEXT(session_get(id, "exit_code"), "0");
    CHECK(!event_poll(&w, 150)); /* and then there is silence */
    CHECK(status_of("events_sent") >= updates);
}

/* A rapid series of changes by request: the first and the last arrive, in order. */
static void test_push_last_state(void)
{
    daemon_start();
    struct wire w = subscribe("sessions"), maker = wire_open();
    char *id = start("\"command\": [\"sleep\", \"1000\"]");
    for (int i = 0; i < 200; i++)
        wire_str(&maker, request("PATCH", session_path(id, ""), format("{\"title\": \"%d\"}", i)));
    for (int i = 0; i < 200; i++)
        CHECK_INT(reply_read(&maker).status, 200);
    int last = -1, updates = 0;
    while (last < 199) {
        char *event = event_await(&w, "session_updated", id);
        int title = strtol(json_get(event, "data.title"), NULL, 10)
            ? atoi(json_get(event, "data.title")) : 0;
        CHECK(title >= last);
        last = title;
        updates++;
    }
    CHECK(updates < 150);
}

/* Sessions whose objects are large and change all the time. */
static void start_large_talkers(char **ids)
{
    char *pad = repeat('p', 58000);
    for (int i = 0; i < OVERFLOW_SESSIONS; i++)
        ids[i] = start(format("\"command\": %s", json_array(e2e.self, "program", "counter", "20",
                                                            pad, NULL)));
}

/* Updates sent so far, in bytes: about. */
static long long pushed(void)
{
    return status_of("events_sent") * 58000;
}

/* Or everything anew, without it: a client that was too slow once more is told that instead. */
static void await_removed(struct wire *w, const char *id)
{
    long long until = now_ms() + E2E_WAIT_MS;
    char *event;
    do {
        event = event_poll(w, (int)(until - now_ms()));
        if (!event)
            FATAL("%s has not gone", id);
    } while (event_is(event, "sessions_initial") ? strstr(event, id) != NULL
             : !event_is(event, "session_removed") || !json_is(event, "data.session_id", id));
}

static void test_push_overflow(void)
{
    char *ids[OVERFLOW_SESSIONS];
    long long limit = 24 * 1024 * 1024;
    daemon_start();
    start_large_talkers(ids);
    for (int i = 0; i < OVERFLOW_SESSIONS; i++)
        AWAIT_SESSION(ids[i], "state", "working");
    struct wire slow = subscribe("sessions");
    long rss = HAVE_PROC ? proc_rss(e2e.daemon) : 0;
    long long from = pushed();
    AWAIT(pushed() - from > limit);
    if (HAVE_PROC && proc_rss(e2e.daemon) - rss > 14 * 1024)
        FAIL("the daemon grew from %ld to %ld KiB for a client that does not read", rss,
             proc_rss(e2e.daemon));
    CHECK_HAS(daemon_errors(), "slow");
    /* Now it reads: what had left already, then everything anew, then the truth. */
    char *initial = event_await(&slow, "sessions_initial", NULL);
    CHECK_INT(json_count(initial, "data.sessions"), OVERFLOW_SESSIONS);
    CHECK_INT(call("PATCH", session_path(ids[3], ""), "{\"title\": \"the last word\"}").status,
              200);
    event_await_value(&slow, ids[3], "title", "the last word");
    end_session(ids[5]);
    await_removed(&slow, ids[5]);
    CHECK_INT(status_of("clients_dropped"), 0);
    ws_settle(&slow, "alive");
    wire_close(&slow);
}

/* A client that dies with updates on their way to it. */
static void test_push_client_killed(void)
{
    char *ids[OVERFLOW_SESSIONS];
    daemon_start();
    start_large_talkers(ids);
    struct wire other = subscribe("sessions");
    int ends[2];
    if (pipe(ends) != 0)
        e2e_die("pipe");
    pid_t client = fork();
    if (client == 0) {
        struct wire w = subscribe("sessions");
        if (write(ends[1], "x", 1) == 1)
            pause();
        wire_close(&w);
        _exit(0);
    }
    char byte;
    CHECK_INT(read(ends[0], &byte, 1), 1);
    long long clients = status_of("clients"), from = pushed();
    while (pushed() - from < 3 * 1024 * 1024)
        event_await(&other, "session_updated", NULL);
    kill(client, SIGKILL);
    await_exit(client);
    AWAIT(status_of("clients") == clients - 1);
    CHECK_INT(status_of("clients_dropped"), 1);
    CHECK_INT(count_of(daemon_errors(), "client closed"), 1);
    event_await(&other, "session_updated", ids[0]); /* the others notice nothing */
    wire_close(&other);
}

/* Whatever a client asks for without reading, the daemon's memory stays within bounds. */
static void test_push_greedy_client(void)
{
    char *ids[OVERFLOW_SESSIONS];
    daemon_start();
    start_large_talkers(ids);
    for (int i = 0; i < OVERFLOW_SESSIONS; i++) /* their objects have their full size */
        AWAIT_SESSION(ids[i], "state", "working");
    struct wire w = subscribe("sessions");
    struct text asks = {0};
    long rss = HAVE_PROC ? proc_rss(e2e.daemon) : 0;
    for (int i = 0; i < 2000; i++)
        ws_put(&asks, WS_FIN | WS_TEXT, "{\"refresh\": true}", 17, 1);
    wire_write(&w, asks.p, asks.n);
    CHECK_INT(get("/health").status, 200);
    if (HAVE_PROC && proc_rss(e2e.daemon) - rss > 20 * 1024)
        FAIL("the daemon grew from %ld to %ld KiB", rss, proc_rss(e2e.daemon));
    for (int i = 0; i < 3; i++)
        event_await(&w, "sessions_initial", NULL);
    wire_close(&w);
}

static void test_push_many_clients(void)
{
    static struct wire clients[300];
    daemon_start();
    char *id = start("\"command\": [\"sleep\", \"1000\"]");
    for (int i = 0; i < 300; i++) {
        clients[i] = ws_open("/ws");
        ws_say(&clients[i], "{\"subscribe\": \"sessions\"}");
    }
    for (int i = 0; i < 300; i++)
        event_await(&clients[i], "sessions_initial", NULL);
    CHECK_INT(call("PATCH", session_path(id, ""), "{\"title\": \"for all\"}").status, 200);
    for (int i = 0; i < 300; i++)
        event_await_value(&clients[i], id, "title", "for all");
    for (int i = 0; i < 300; i += 2)
        wire_close(&clients[i]);
    CHECK_INT(call("PATCH", session_path(id, ""), "{\"title\": \"for half\"}").status, 200);
    for (int i = 1; i < 300; i += 2)
        event_await_value(&clients[i], id, "title", "for half");
    AWAIT(status_of("clients") == 151);
}

/* Are all processes of the session (as far as they can be seen) stopped, or none? */
static int program_is_stopped(const char *id, int stopped)
{
    pid_t pids[4];
    int n = HAVE_PROC ? proc_find(proc_is_inside, id, pids, 4) : 0, like = 0;
    for (int i = 0; i < n; i++) {
        char *stat = proc_read(pids[i], "stat", NULL), *end = stat ? strrchr(stat, ')') : NULL;
        like += end && (end[2] == 'T') == stopped;
    }
    return !HAVE_PROC || (n > 0 && like == n);
}

/* An end that is taken back: the program is as it was, and nobody saw it run meanwhile. */
static void test_delete_undone(void)
{
    daemon_start();
    char *id = start_sh("n=0; while read x; do n=$((n+1)); echo line $n $x; done");
    struct wire w = subscribe("sessions");
    CHECK_INT(call("POST", session_path(id, "/message"), "{\"message\": \"a\"}").status, 200);
    AWAIT_SESSION(id, "last_output", "line 1 a");
    CHECK_INT(call("POST", session_path(id, "/restore"), NULL).status, 404); /* nothing to undo */
    CHECK_INT(call("DELETE", session_path(id, "?undo_s=61"), NULL).status, 422);
    CHECK_INT(call("DELETE", session_path(id, "?undo_s=x"), NULL).status, 422);
    for (int round = 2; round < 4; round++) {
        struct reply r = call("DELETE", session_path(id, "?undo_s=60"), NULL);
        CHECK_INT(r.status, 200);
        CHECK_TEXT(json_get(r.body, "undo_s"), "60");
        event_await(&w, "session_removed", id);
        CHECK_TEXT(get("/sessions").body, "[]");
        CHECK_INT(get(session_path(id, "")).status, 404);
        CHECK_INT(call("POST", session_path(id, "/message"), "{\"message\": \"b\"}").status, 404);
        AWAIT(program_is_stopped(id, 1));
        if (round == 3) { /* the holder knows, whatever becomes of the daemon */
            wire_close(&w);
            daemon_kill();
            daemon_start();
            CHECK_TEXT(get("/sessions").body, "[]");
            w = subscribe("sessions");
        }
        CHECK_INT(call("POST", session_path(id, "/restore"), NULL).status, 200);
        event_await(&w, "session_created", id);
        AWAIT(program_is_stopped(id, 0));
        CHECK_INT(call("POST", session_path(id, "/message"), "{\"message\": \"c\"}").status, 200);
        AWAIT_SESSION(id, "last_output", format("line %d c", round));
    }
}

/* Who waits for a session's state goes on waiting while its end can be undone. */
static void test_wait_survives_undo(void)
{
    daemon_start();
    char *id = start_sh("read x; exit 5");
    struct wire w = subscribe("sessions");
    const char *const argv[] = {e2e.binary, "wait", id, "--state", "exited", NULL};
    pid_t waits = telec_start(argv);
    for (int in_a_row = 0; in_a_row < 30; poll(NULL, 0, 10)) /* its request for the list is short */
        in_a_row = status_of("clients") >= 3 ? in_a_row + 1 : 0;
    for (int i = 0; i < 2; i++) {
        CHECK_INT(call("DELETE", session_path(id, "?undo_s=60"), NULL).status, 200);
        CHECK_TEXT(json_get(event_await(&w, "session_removed", id), "data.undo_s"), "60");
        CHECK_INT(call("POST", session_path(id, "/restore"), NULL).status, 200);
        event_await(&w, "session_created", id);
    }
    CHECK_INT(waitpid(waits, NULL, WNOHANG), 0);
    CHECK_INT(call("POST", session_path(id, "/message"), "{\"message\": \"a\"}").status, 200);
    CHECK_INT(await_exit(waits), 0);
}

/* A restart keeps the session's place and description; the environment is the restarter's. */
static void test_restart(void)
{
    daemon_start();
    char *id = start_sh("echo word is $WORD; exit 5"), *other = start_sh("exit 0");
    AWAIT_SESSION(id, "exit_code", "5");
    AWAIT_SESSION(other, "state", "exited");
    struct reply r = call("POST", session_path(id, "/restart"),
                          "{\"env\": [\"PATH=/usr/bin:/bin\", \"WORD=new\"]}");
    CHECK_INT(r.status, 200);
    CHECK_TEXT(json_get(r.body, "session_id"), id);
    AWAIT_SESSION(id, "last_output", "word is new");
    AWAIT_SESSION(id, "exit_code", "5");
    CHECK_TEXT(json_get(get("/sessions").body, "0.session_id"), id);
    char *running = start("\"command\": [\"sleep\", \"1000\"]");
    CHECK_INT(call("POST", session_path(running, "/restart"), NULL).status, 409);
    CHECK_INT(call("POST", session_path(id, "/restart"), "{\"cols\": 0}").status, 422);
    daemon_kill();
    daemon_start();
    CHECK_INT(call("POST", session_path(id, "/restart"), NULL).status, 200);
    AWAIT_SESSION(id, "exit_code", "5");
    CHECK(!file_exists(session_file(id, "last.json")));
}

/* An end that is not taken back happens, with or without the daemon that was asked. */
static void test_delete_after_undo_time(void)
{
    daemon_start();
    char *stays = start_program("pause", NULL, NULL), *id = start_program("pause", NULL, NULL);
    AWAIT_SESSION(id, "last_output", "ready");
    CHECK_INT(call("DELETE", session_path(id, "?undo_s=1"), NULL).status, 200);
    AWAIT_GONE(id);
    AWAIT(!file_exists(session_file(id, "record.json")));
    CHECK_INT(call("POST", session_path(id, "/restore"), NULL).status, 404);
    CHECK_INT(call("DELETE", session_path(stays, "?undo_s=1"), NULL).status, 200);
    daemon_kill();
    AWAIT_GONE(stays);
    daemon_start();
    CHECK_TEXT(get("/sessions").body, "[]");
    CHECK(!file_exists(session_file(stays, "record.json")));
    /* One that has exited is dismissed, then. */
    id = start_sh("echo words; exit 4");
    AWAIT_SESSION(id, "state", "exited");
    CHECK_INT(call("DELETE", session_path(id, "?undo_s=60"), NULL).status, 200);
    CHECK_INT(get(session_path(id, "")).status, 404);
    daemon_kill();
    daemon_start();
    CHECK_TEXT(get("/sessions").body, "[]");
    CHECK_INT(call("POST", session_path(id, "/restore"), NULL).status, 200);
    CHECK_TEXT(session_get(id, "exit_code"), "4");
    CHECK_HAS(transcript(id), "words");
    CHECK_INT(call("DELETE", session_path(id, "?undo_s=1"), NULL).status, 200);
    AWAIT(!file_exists(session_file(id, "")));
}

static const struct test push_tests[] = {
    {"delete_undone", test_delete_undone},
    {"wait_survives_undo", test_wait_survives_undo},
    {"restart", test_restart},
    {"delete_after_undo_time", test_delete_after_undo_time},
    {"push_handshake", test_push_handshake},
    {"push_sessions", test_push_sessions},
    {"push_topics", test_push_topics},
    {"push_refresh", test_push_refresh},
    {"push_garbage", test_push_garbage},
    {"push_ping", test_push_ping},
    {"push_fragments", test_push_fragments},
    {"push_close_codes", test_push_close_codes},
    {"push_coalesces", test_push_coalesces},
    {"push_last_state", test_push_last_state},
    {"push_overflow", test_push_overflow},
    {"push_client_killed", test_push_client_killed},
    {"push_greedy_client", test_push_greedy_client},
    {"push_many_clients", test_push_many_clients},
};
