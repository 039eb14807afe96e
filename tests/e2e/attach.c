/* attach - a session's terminal over a WebSocket: GET /sessions/{id}/attach. */

/* A viewer and everything it has been shown. */
struct viewer {
    struct wire wire;
    struct text shown, said; /* binary, text */
    int frames, close_code; /* 0: still open, -1: ended without a close frame */
};

static struct viewer view(const char *id, const char *mode)
{
    struct viewer v = {.wire = ws_open(session_path(id,
                                                    format("/attach%s%s", *mode ? "?mode=" : "",
                                                           mode)))};
    text_add(&v.shown, "", 0);
    return v;
}

/* Takes the next frame within wait_ms; 0: none came. */
static int view_step(struct viewer *v, int wait_ms)
{
    struct frame f;
    if (v->close_code || !ws_poll(&v->wire, &f, wait_ms))
        return 0;
    if (f.opcode == WS_BINARY) {
        text_add(&v->shown, f.p, f.n);
        v->frames++;
    } else if (f.opcode == WS_TEXT) {
        text_add(&v->said, f.p, f.n);
    } else if (f.opcode == WS_CLOSE || f.opcode == -1) {
        v->close_code = f.opcode == -1 ? -1 : f.code;
    } else if (f.opcode != WS_PONG) {
        FATAL("a frame with opcode %d", f.opcode);
    }
    return 1;
}

#define VIEW_AWAIT(v, text) view_await(__FILE__, __LINE__, (v), (text))

static void view_await(const char *file, int line, struct viewer *v, const char *text)
{
    long long until = now_ms() + E2E_WAIT_MS;
    size_t n = strlen(text), from = 0;
    for (; !strstr(v->shown.p + from, text); from = v->shown.n > n + 65536 ? v->shown.n - n - 65536
         : 0)
        if (now_ms() > until || !view_step(v, (int)(until - now_ms())))
            check_fatal(file, line, format("never shown: %s, but %s", text,
                                           visible(v->shown.p, v->shown.n)));
}

static void view_type(struct viewer *v, const char *keys)
{
    ws_send(&v->wire, WS_FIN | WS_BINARY, keys, strlen(keys));
}

static void view_resize(struct viewer *v, int cols, int rows)
{
    ws_say(&v->wire, format("{\"resize\": [%d, %d]}", cols, rows));
}

static int view_close_code(struct viewer *v)
{
    long long until = now_ms() + E2E_WAIT_MS;
    while (!v->close_code && now_ms() < until)
        view_step(v, (int)(until - now_ms()));
    return v->close_code;
}

/* First what the screen shows, whole, then what happens. */
static void test_attach_snapshot_then_live(void)
{
    daemon_start();
    char *go = format("%s/go", e2e.dir);
    if (mkfifo(go, 0600) != 0)
        e2e_die(go);
    char *id = start_sh(format("printf 'gone\\033[2J\\033[3;5Hseen before'; read x < %s; printf "
                               "'live \\377bytes'; "
                               "sleep 1000", go));
    AWAIT(strstr(screen_text(id), "seen before"));
    struct viewer v = view(id, "view");
    view_step(&v, E2E_WAIT_MS);
    CHECK_INT(v.frames, 1);
    CHECK_HAS(v.shown.p, "seen before");
    CHECK_HAS(v.shown.p, "\033[");
    CHECK(!strstr(v.shown.p, "gone"));
    file_write(go, "x\n", 0600);
    VIEW_AWAIT(&v, "live \xff" "bytes"); /* the program's own bytes, whatever they are */
    struct viewer second = view(id, ""); /* view is the mode when none is asked for */
    VIEW_AWAIT(&second, "live");
    CHECK_HAS(second.shown.p, "seen before");
}

static void test_attach_control_input(void)
{
    daemon_start();
    char *id = start_program("hex", NULL, NULL);
    AWAIT_SESSION(id, "last_output", "ready");
    struct viewer v = view(id, "control");
    VIEW_AWAIT(&v, "ready");
    view_type(&v, "a\033[A\xff");
    ws_send(&v.wire, WS_FIN | WS_BINARY, "\0", 1);
    VIEW_AWAIT(&v, "<61><1b><5b><41><ff><00>");
    /* Every byte of a large paste arrives, in order, in fragments and all. */
    struct text keys = {0};
    for (int i = 0; i < 2000; i++)
        text_str(&keys, format("%04d", i));
    ws_send(&v.wire, WS_BINARY, keys.p, 3000);
    ws_send(&v.wire, WS_CONT, keys.p + 3000, 1);
    ws_send(&v.wire, WS_FIN | WS_CONT, keys.p + 3001, keys.n - 3001);
    struct text want = {0};
    for (size_t i = 0; i < keys.n; i++)
        text_str(&want, format("<%02x>", (unsigned char)keys.p[i]));
    VIEW_AWAIT(&v, want.p);
}

static void test_attach_view_is_read_only(void)
{
    daemon_start();
    char *id = start_program("hex", NULL, NULL);
    AWAIT_SESSION(id, "last_output", "ready");
    struct viewer v = view(id, "view"), control = view(id, "control");
    view_type(&v, "NO");
    view_resize(&v, 33, 11);
    ws_settle(&v.wire, "settled"); /* it was read, and nothing came of it */
    view_type(&control, "yes");
    VIEW_AWAIT(&control, "<79><65><73>");
    CHECK(!strstr(control.shown.p, "<4e>"));
    CHECK_TEXT(session_get(id, "cols"), "80");
}

static void test_attach_resize(void)
{
    daemon_start();
    char *id = start_program("winch", NULL, NULL);
    AWAIT_SESSION(id, "last_output", "ready 80x24");
    struct viewer v = view(id, "control");
    view_resize(&v, 132, 50);
    VIEW_AWAIT(&v, "winch 132x50");
    AWAIT_SESSION(id, "cols", "132");
    AWAIT_SESSION(id, "rows", "50");
    CHECK_TEXT(json_get(get(session_path(id, "/screen")).body, "cols"), "132");
    /* Nonsense changes nothing and ends nothing. */
    static const char *const nonsense[] = {"{\"resize\": [0, 0]}", "{\"resize\": [-1, 5]}",
                                           "{\"resize\": [80]}",
                                           "{\"resize\": \"80x24\"}",
                                           "{\"resize\": [99999999999, 5]}", "resize", "[]",
                                           "{\"resize\": [80, {\"a\": 1}]}", "{\"resize\": []}",
                                           "{}", ""};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
        ws_say(&v.wire, nonsense[i]);
    view_resize(&v, 40, 10);
    VIEW_AWAIT(&v, "winch 40x10");
    CHECK_INT(count_of(v.shown.p, "winch"), 2);
}

/* A flood is shown by snapshots, and its last screen comes even when the program ends with it. */
static void test_attach_flood_ends(void)
{
    daemon_start();
    char *id =
        start_sh("echo ready; read x; head -c 8000000 /dev/zero | tr '\\0' x; echo; echo THE-END");
    AWAIT_SESSION(id, "last_output", "ready");
    struct viewer v = view(id, "control");
    view_type(&v, "\r");
    VIEW_AWAIT(&v, "THE-END");
}

static void test_attach_ends_with_session(void)
{
    daemon_start();
    char *id = start_sh("echo ready; read x; echo bye; exit 5");
    AWAIT_SESSION(id, "last_output", "ready");
    struct viewer v = view(id, "view"), control = view(id, "control");
    view_type(&control, "\r");
    VIEW_AWAIT(&v, "bye"); /* the last words come first */
    CHECK_INT(view_close_code(&v), 1000);
    CHECK_INT(view_close_code(&control), 1000);
    AWAIT_SESSION(id, "exit_code", "5");
    CHECK_INT(get(session_path(id, "/attach")).status, 409);
    id = start_program("pause", NULL, NULL);
    v = view(id, "view");
    VIEW_AWAIT(&v, "ready");
    end_session(id);
    CHECK_INT(view_close_code(&v), 1000);
}

/* Another client asks for the session's end, and undoes that. */
static void test_attach_is_told_of_end(void)
{
    daemon_start();
    char *id = start_program("pause", NULL, NULL);
    start_program("pause", NULL, NULL);
    struct viewer v = view(id, "view");
    VIEW_AWAIT(&v, "ready");
    CHECK_INT(call("DELETE", session_path(id, "?undo_s=60"), NULL).status, 200);
    long long until = now_ms() + E2E_WAIT_MS;
    while (!v.said.p && view_step(&v, (int)(until - now_ms())))
        ;
    CHECK_HAS(v.said.p, "{\"undo_ms\":6");
    CHECK_INT(call("POST", session_path(id, "/restore"), NULL).status, 200);
    while (!strstr(v.said.p, "{\"undo_ms\":0}") && view_step(&v, (int)(until - now_ms())))
        ;
    CHECK_HAS(v.said.p, "{\"undo_ms\":0}");
    CHECK_TEXT(json_get(get("/sessions").body, "0.session_id"), id); /* in its place */
    end_session(id);
    CHECK_INT(view_close_code(&v), 1000);
}

static void test_attach_close(void)
{
    daemon_start();
    char *id = start_program("pause", NULL, NULL);
    struct viewer v = view(id, "control");
    ws_send(&v.wire, WS_FIN | WS_CLOSE, "\x03\xe8", 2);
    CHECK_INT(view_close_code(&v), 1000);
    v = view(id, "control");
    ws_send(&v.wire, WS_FIN | 3, "", 0);
    CHECK_INT(view_close_code(&v), 1002);
    v = view(id, "view");
    wire_close(&v.wire);
    AWAIT(status_of("clients") == 1);
    CHECK(!session_is(id, "state", "exited")); /* it goes on */
    CHECK_INT(json_count(get(session_path(id, "/screen")).body, "lines"), 24);
    CHECK_INT(get(session_path(id, "/attach")).status, 426);
}

/* A viewer that doesn't read holds up neither the program nor the daemon; when it reads again it
 * gets the screen as it is, not megabytes of what was. */
static void test_attach_slow_viewer(void)
{
    daemon_start();
    char *id = start_sh(format("echo ready; read x; '%s' program flood 20000000; echo over; sleep "
                               "1000", e2e.self));
    AWAIT_SESSION(id, "last_output", "ready");
    struct viewer slow = view(id, "view"), control = view(id, "control");
    VIEW_AWAIT(&slow, "ready");
    view_type(&control, "\r");
    VIEW_AWAIT(&control, "over");
    AWAIT_SESSION(id, "last_output", "over");
    VIEW_AWAIT(&slow, "over");
    if (slow.shown.n > 8000000)
        FAIL("%zu bytes were kept for a viewer that did not read", slow.shown.n);
}

/* A program's questions to its terminal are answered when nobody else would. */
static void test_attach_queries(void)
{
    daemon_start();
    char *id = start(format(
        "\"command\": %s",
        json_array("sh", "-c",
                   "stty raw -echo; printf '\\033[5;7H\\033[6n'; dd bs=1 count=6 2>/dev/null | od "
                   "-An -c; sleep 1000",
                   NULL)));
    AWAIT(strstr(transcript(id), "033   [   5   ;   7   R"));
}

static const struct test attach_tests[] = {
    {"attach_snapshot_then_live", test_attach_snapshot_then_live},
    {"attach_control_input", test_attach_control_input},
    {"attach_view_is_read_only", test_attach_view_is_read_only},
    {"attach_resize", test_attach_resize},
    {"attach_flood_ends", test_attach_flood_ends},
    {"attach_ends_with_session", test_attach_ends_with_session},
    {"attach_is_told_of_end", test_attach_is_told_of_end},
    {"attach_close", test_attach_close},
    {"attach_slow_viewer", test_attach_slow_viewer},
    {"attach_queries", test_attach_queries},
};
