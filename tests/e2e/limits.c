/* limits - little of everything: descriptors, memory, time. Nothing ends for it, nothing waits. */

/* Starts a daemon that can have n descriptors, and no more. */
static void daemon_start_with_descriptors(int n)
{
    const char *binary = e2e.binary;
    char *script = format("%s/few", e2e.dir);
    file_write(script, format("#!/bin/sh\nulimit -n %d\nexec %s \"$@\"\n", n, binary), 0700);
    e2e.binary = script;
    e2e.daemon = telec_daemon();
    e2e.binary = binary;
    daemon_await(e2e.daemon);
}

/* Clients use up a daemon's descriptors, and then one asks for a session. */
static void test_few_descriptors(void)
{
    static const int limits[] = {48, 64, 256};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct wire wires[300];
        int count = 0, served = 0;
        daemon_start_with_descriptors(limits[i]);
        char *id = start_program("pause", NULL, NULL);
        for (; count < limits[i]; count++)
            wires[count] = wire_open();
        for (; served < count; served++) { /* the last ones are not accepted */
            wire_str(&wires[served], request("GET", "/health", NULL));
            if (wire_read(&wires[served], now_ms() + 300) <= 0)
                break;
            CHECK_INT(reply_read(&wires[served]).status, 200);
        }
        CHECK(served > limits[i] / 2 && served < count);
        wire_str(&wires[0], request("POST", "/sessions",
                                    format("{\"computer\": \"local\", \"project_dir\": \"%s\", "
                                           "\"command\": [\"true\"]}", e2e.dir)));
        struct reply r = reply_read(&wires[0]);
        CHECK(r.status >= 400 && strstr(r.body, strerror(EMFILE)));
        wire_str(&wires[1], request("GET", "/sessions", NULL));
        CHECK_INT(json_count(reply_read(&wires[1]).body, ""), 1);
        while (count > 0)
            wire_close(&wires[--count]);
        start_program("pause", NULL, NULL);
        CHECK_INT(json_count(get("/sessions").body, ""), 2);
        end_session(id);
        end_session(json_get(get("/sessions").body, "0.session_id"));
        daemon_stop();
    }
}

/* Sessions leave descriptors to those who end them. */
static void test_few_descriptors_for_sessions(void)
{
    enum { MOST = 48, CLIENTS = 8 };
    struct wire wires[CLIENTS];
    struct reply r;
    int count = 0;
    daemon_start_with_descriptors(MOST);
    char *body = format("{\"computer\": \"local\", \"project_dir\": \"%s\", "
                        "\"command\": [\"sleep\", \"1000\"]}", e2e.dir);
    while ((r = call("POST", "/sessions", body)).status == 200 && count < MOST)
        count++;
    CHECK(count >= MOST / 4 && count < MOST);
    CHECK_HAS(r.body, strerror(EMFILE));
    for (int i = 0; i < CLIENTS; i++)
        wires[i] = wire_open();
    for (int i = 0; i < CLIENTS; i++) {
        wire_str(&wires[i], request("GET", "/sessions", NULL));
        CHECK_INT(json_count(reply_read(&wires[i]).body, ""), count);
    }
    while (count--)
        end_session(json_get(get("/sessions").body, "0.session_id"));
}

/* The snapshot has several megabytes: every cell has colours of its own. */
static void test_snapshot_of_any_screen(void)
{
    daemon_start();
    char *id = start(format("\"command\": %s, \"cols\": 500, \"rows\": 200", json_array(
        "awk", "BEGIN { for (i = 0; i < 500 * 200 - 10; i++) printf "
        "\"\\033[38;2;%d;%d;%d;48;2;%d;%d;%dmx\", i % 251, i % 241, i % 239, i % 233, i % 229, "
        "i % 211; printf \"\\033[0mlast\"; fflush(); system(\"read x\") }", NULL)));
    AWAIT(strstr(screen_text(id), "last"));
    struct viewer v = view(id, "view");
    VIEW_AWAIT(&v, "last");
    CHECK(v.shown.n > 3 * 1024 * 1024 && v.frames > 1);
    CHECK_INT(v.close_code, 0);
    end_session(id);
    CHECK_INT(view_close_code(&v), 1000);
}

/* A message that was answered with a failure is not typed when the holder goes on. */
static void test_stopped_holder_message(void)
{
    if (!HAVE_PROC)
        skip("there is no /proc to find the holder in");
    daemon_start();
    char *id = start_sh("echo ready; while read x; do echo \"got $x\"; done");
    AWAIT_SESSION(id, "last_output", "ready");
    AWAIT(strcmp(transcript(id), "ready\n") == 0); /* written down */
    pid_t holder = holder_of(id);
    kill(holder, SIGSTOP);
    char *path = session_path(id, "/message");
    CHECK_INT(call("POST", path, "{\"message\": \"late words\"}").status, 504);
    AWAIT_SESSION(id, "state", "unreachable"); /* it was asked, and did not answer */
    CHECK_TEXT(transcript(id), "ready\n");
    kill(holder, SIGCONT);
    AWAIT(!session_is(id, "state", "unreachable"));
    CHECK_INT(call("POST", path, "{\"message\": \"words\"}").status, 200);
    AWAIT_SESSION(id, "last_output", "got words");
    CHECK(!strstr(transcript(id), "late"));
    AWAIT_SESSION(id, "last_input", "words");
}

/* Whoever started the daemon: here its stderr is the log. */
static void test_log_of_daemon_is_bounded(void)
{
    char *state = format("%s/telec", e2e.state), *log = format("%s/daemon.log", state);
    mkdir(state, 0700);
    e2e.errors = log;
    daemon_start();
    struct wire w = subscribe("sessions");
    for (int i = 0; i < 100000; i++)
        ws_say(&w, "junk");
    ws_say(&w, "{\"refresh\": true}");
    event_await(&w, "sessions_initial", NULL);
    CHECK(file_size(log) < 8192);
    daemon_stop();
    file_write(log, repeat('x', 1024 * 1024 - 100), 0600);
    daemon_start();
    daemon_stop();
    CHECK(file_size(log) < 8192);
    CHECK(file_size(format("%s.1", log)) > 1024 * 1024 - 200);
    CHECK(file_size(format("%s.1", log)) <= 1024 * 1024);
}

/* A log of three bytes a screenful: nobody else waits while it is read. */
static void test_slow_transcript(void)
{
    daemon_start();
    char *id = start("\"command\": [\"true\"], \"cols\": 1000, \"rows\": 500");
    AWAIT_SESSION(id, "state", "exited");
    struct text log = {0};
    for (int i = 0; i < 400; i++)
        text_str(&log, "\033#8");
    file_write(session_file(id, "log"), log.p, 0600);
    struct wire w = wire_open();
    wire_str(&w, request("GET", session_path(id, "/transcript"), NULL));
    for (int i = 0; i < 20; i++) {
        long long began = now_ms();
        CHECK_INT(get("/health").status, 200);
        CHECK(now_ms() - began < 1000);
    }
    struct wire gone = wire_open(); /* a client that leaves */
    wire_str(&gone, request("GET", session_path(id, "/transcript"), NULL));
    wire_close(&gone);
    struct reply r = reply_read(&w);
    CHECK(r.status == 504 || r.status == 200); /* a fast computer */
    end_session(id);
}

/* What a client sends to a stopped holder is refused past a bound. */
static void test_stopped_holder_is_bounded(void)
{
    if (!HAVE_PROC)
        skip("there is no /proc to find the holder in");
    daemon_start();
    char *id = start_program("pause", NULL, NULL);
    AWAIT_SESSION(id, "last_output", "ready");
    struct viewer v = view(id, "control");
    pid_t holder = holder_of(id);
    kill(holder, SIGSTOP);
    char *text = repeat('x', 512 * 1024);
    int status = 200, sent = 0;
    for (; sent < 40 && status == 200; sent++)
        status = call("POST", session_path(id, "/event"),
                      format("{\"type\": \"prompt\", \"text\": \"%s\"}", text)).status;
    CHECK_INT(status, 503);
    CHECK(sent >= 8 && sent < 14);
    for (int i = 0; i < 40 && !v.close_code; i++) {
        ws_send(&v.wire, WS_FIN | WS_BINARY, text, 512 * 1024);
        view_step(&v, 0);
    }
    CHECK_INT(view_close_code(&v), 1013);
    kill(holder, SIGCONT);
    AWAIT(call("POST", session_path(id, "/event"), "{\"type\": \"stop\"}").status == 200);
    end_session(id);
}

static const struct test limits_tests[] = {
    {"few_descriptors", test_few_descriptors},
    {"few_descriptors_for_sessions", test_few_descriptors_for_sessions},
    {"log_of_daemon_is_bounded", test_log_of_daemon_is_bounded},
    {"slow_transcript", test_slow_transcript},
    {"stopped_holder_is_bounded", test_stopped_holder_is_bounded},
    {"snapshot_of_any_screen", test_snapshot_of_any_screen},
    {"stopped_holder_message", test_stopped_holder_message},
};
