/* remote - attached to a session of another computer, through a real Redis. */

/* A session of hostb that hosta knows; on hosta from then on. */
static char *remote_session(const char *command)
{
    on(1);
    char *id = start_sh(command);
    AWAIT_SESSION(id, "last_output", "ready");
    on(0);
    AWAIT(get(session_path(id, "?computer=hostb")).status == 200);
    return id;
}

/* Nothing of attachments is left in Redis. */
#define REMOTE_IS_CLEAN() (!*REDIS("KEYS", "input:*") && !*REDIS("KEYS", "output:*-*-*-*-*"))

static void test_remote_attach(void)
{
    fleet_start(2, "");
    struct wire list = subscribe("sessions");
    char *id = remote_session(format("exec %s program hex", e2e.self));
    event_await_value(&list, id, "computer", "hostb");
    struct viewer v = view(id, "control");
    view_resize(&v, 90, 30);
    VIEW_AWAIT(&v, "ready");
    view_type(&v, "a\033[A\xff");
    ws_send(&v.wire, WS_FIN | WS_BINARY, "\0", 1);
    VIEW_AWAIT(&v, "<61><1b><5b><41><ff><00>");
    event_await_value(&list, id, "cols", "90");
    event_await_value(&list, id, "controlled_by", "hosta");
    /* A large paste arrives whole and in order. */
    struct text keys = {0}, want = {0};
    for (int i = 0; i < 3000; i++)
        text_str(&keys, format("%04d", i));
    ws_send(&v.wire, WS_FIN | WS_BINARY, keys.p, keys.n);
    for (size_t i = 0; i < keys.n; i++)
        text_str(&want, format("<%02x>", (unsigned char)keys.p[i]));
    VIEW_AWAIT(&v, want.p);
    /* A second viewer, there, takes over, and both see it. */
    on(1);
    struct viewer second = view(id, "control");
    view_resize(&second, 70, 20);
    view_type(&second, "Z");
    VIEW_AWAIT(&second, "<5a>");
    VIEW_AWAIT(&v, "<5a>");
    on(0);
    event_await_value(&list, id, "controlled_by", "hostb");
    /* What was read is deleted at once, and the streams at the end. */
    AWAIT(!strcmp(REDIS("XLEN", REDIS("KEYS", "input:*")), "0"));
    AWAIT(!strcmp(REDIS("XLEN", REDIS("KEYS", "output:*-*-*-*-*")), "0"));
    CHECK(atoi(REDIS("TTL", REDIS("KEYS", "input:*"))) > 0);
    wire_close(&v.wire);
    AWAIT(REMOTE_IS_CLEAN());
    /* Its end ends the attachment. */
    struct viewer third = view(id, "control");
    VIEW_AWAIT(&third, "<5a>");
    on(1);
    end_session(id);
    CHECK_INT(view_close_code(&third), 1000);
    AWAIT(REMOTE_IS_CLEAN());
    fleet_end();
}

/* telec attach: a program that has the whole screen, its size, a paste. */
static void test_remote_ui(void)
{
    fleet_start(2, "");
    char *id = remote_session(format("printf '\\033[?1049h\\033[2J\\033[?2004h\\033[1;31m'; "
                                     "exec %s program hex", e2e.self));
    const char *const argv[] = {e2e.binary, "attach", id, NULL};
    struct ui *u = ui_of(pty_start(24, 80, argv));
    UI_AWAIT_TEXT(u, "ready");
    ui_keys(u, "q\033[A");
    UI_AWAIT_TEXT(u, "<71><1b><5b><41>");
    ui_keys(u, "\033[200~x\ny\033[201~");
    UI_AWAIT_TEXT(u, "<1b><5b><32><30><30><7e><78>");
    UI_AWAIT_TEXT(u, "<79><1b><5b><32><30><31><7e>");
    pty_set_size(u->t, 30, 100);
    on(1);
    AWAIT_SESSION(id, "cols", "100");
    AWAIT_SESSION(id, "rows", "29");
    AWAIT_SESSION(id, "controlled_by", "hosta");
    on(0);
    ui_keys(u, UI_PREFIX "d");
    CHECK_INT(pty_await_exit(u->t), 0);
    AWAIT(REMOTE_IS_CLEAN());
    on(1);
    CHECK(!session_is(id, "state", "exited"));
    pty_check_repaints(remote_session(format("exec %s program repaint", e2e.self)));
    fleet_end();
}

/* A paste that is longer than what may be on its way arrives whole: the client waits meanwhile. */
static void test_remote_paste(void)
{
    fleet_start(2, "");
    char *id = remote_session("stty raw -echo; echo ready; head -c 1000000 | cksum; sleep 1000");
    struct viewer v = view(id, "control&computer=hostb");
    VIEW_AWAIT(&v, "ready");
    struct text bytes = {0};
    while (bytes.n < 1000000)
        text_str(&bytes, format("%07zu ", bytes.n));
    for (size_t at = 0; at < bytes.n; at += 50000)
        ws_send(&v.wire, WS_FIN | WS_BINARY, bytes.p + at, 50000);
    VIEW_AWAIT(&v, "3353989901 1000000"); /* as cksum has it of these bytes */
    fleet_end();
}

/* All links are cut: said; keys meanwhile are refused; then it goes on in place. */
static void test_remote_cut(void)
{
    fleet_start_far(2, "", 5);
    char *id = remote_session(format("exec %s program hex", e2e.self));
    const char *const argv[] = {e2e.binary, "attach", id, NULL};
    struct ui *u = ui_of(pty_start(24, 80, argv));
    UI_AWAIT_TEXT(u, "ready");
    ui_keys(u, "A");
    UI_AWAIT_TEXT(u, "<41>");
    kill(relay_pid, SIGKILL);
    await_exit(relay_pid);
    UI_AWAIT_TEXT(u, "reconnecting");
    ui_keys(u, "lost");
    UI_AWAIT_TEXT(u, "4 bytes not typed");
    relay_start(5);
    UI_AWAIT_GONE(u, "reconnecting");
    CHECK(ui_shows(u, "4 bytes not typed"));
    ui_keys(u, "B");
    UI_AWAIT_TEXT(u, "<41><42>");
    UI_AWAIT_GONE(u, "not typed");
    ui_keys(u, UI_PREFIX "d");
    CHECK_INT(pty_await_exit(u->t), 0);
    fleet_end();
}

/* Redis forgets what was on its way: a fresh screen comes, and nothing is typed twice. */
static void test_remote_loss(void)
{
    fleet_start(2, "");
    char *id = remote_session(format("exec %s program hex", e2e.self));
    struct viewer v = view(id, "control&computer=hostb");
    VIEW_AWAIT(&v, "ready");
    view_type(&v, "A");
    VIEW_AWAIT(&v, "<41>");
    /* An entry from elsewhere is no input; a hole in the output brings a snapshot. */
    char *input = REDIS("KEYS", "input:*"), *output = REDIS("KEYS", "output:*-*-*-*-*");
    REDIS("XADD", input, "*", "at", "1", "op", "type", "data", "twice");
    REDIS("XADD", output, "*", "n", "900", "chunk", "a hole");
    v.shown = (struct text){0};
    text_add(&v.shown, "", 0);
    VIEW_AWAIT(&v, "<41>"); /* the snapshot */
    CHECK(!strstr(v.shown.p, "a hole"));
    REDIS("FLUSHALL");
    view_type(&v, "B");
    VIEW_AWAIT(&v, "<42>");
    CHECK(!strstr(v.shown.p, "<74>"));
    fleet_end();
}

static void test_remote_allow(void)
{
    fleet_start(1, "");
    host_begin(host_add("hostb", "", "[peers]\nallow = hostc"));
    AWAIT(json_count(get("/computers").body, "") == 2);
    char *id = remote_session("echo ready; sleep 1000");
    static const char *const paths[] = {"/attach?mode=control&computer=hostb",
                                        "/attach?mode=view&computer=hostb"};
    static const int statuses[] = {403, 404};
    for (int i = 0; i < 2; i++) {
        struct reply r = ws_refused(session_path(i ? "none" : id, paths[i]));
        CHECK_INT(r.status, statuses[i]);
        CHECK_HAS(r.body, "hostb: ");
    }
    struct viewer w = view(id, "view&computer=hostb");
    VIEW_AWAIT(&w, "ready");
    const char *const argv[] = {e2e.binary, "attach", "--computer", "hostb", id, NULL};
    struct ui *u = ui_of(pty_start(24, 80, argv));
    UI_AWAIT_TEXT(u, "[peers] allow");
    CHECK(pty_await_exit(u->t) != 0);
    fleet_end();
}

/* [peers] attach is for computers on Redis: to one behind telec reach the pipe leads. */
static void test_remote_reached(void)
{
    char *into = reach_into("bee"), *config = format("%s/attach.conf", e2e.dir);
    reach_have_telec();
    daemon_start();
    CLI_OK(cli("reach", into, NULL));
    char *id = reach_new("bee", "echo f''irst; exec cat");
    file_write(config, "[computer]\nname = near\n[peers]\nattach = false\n", 0600);
    for (int by_key = 0; by_key < 2; by_key++) {
        const char *const argv[] = {e2e.binary, "-c", config, by_key ? NULL : "attach", id, NULL};
        struct ui *u = ui_of(pty_start(24, 80, argv));
        if (by_key) {
            UI_AWAIT_TEXT(u, "cat");
            ui_keys(u, "G\r");
        }
        UI_AWAIT_TEXT(u, "Ctrl-]");
        UI_AWAIT_TEXT(u, "first");
        ui_keys(u, by_key ? UI_PREFIX "dq" : UI_PREFIX "d");
        CHECK_INT(pty_await_exit(u->t), 0);
    }
    CLI_OK(cli("unreach", "bee", NULL));
    CLI_OK(reach_there(into, "kill", id, NULL));
    CLI_OK(reach_there(into, "daemon", "--stop", NULL));
}

static const struct test remote_tests[] = {
    {"remote_attach", test_remote_attach},
    {"remote_ui", test_remote_ui},
    {"remote_paste", test_remote_paste},
    {"remote_cut", test_remote_cut},
    {"remote_loss", test_remote_loss},
    {"remote_allow", test_remote_allow},
    {"remote_reached", test_remote_reached},
};
