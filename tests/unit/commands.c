/* Unit tests of commands, with the daemon by script of context.c: what each command asks, prints
 * and returns. Standard output is a file, so columns end with tabs. */

#define UNIT_COMMANDS_SESSION \
    "{\"session_id\":\"abcdef1234\",\"state\":\"waiting\",\"state_source\":\"output\"," \
    "\"state_text\":\"go on?\",\"unseen\":true,\"active_agent\":null,\"command\":\"vi\"," \
    "\"title\":\"a\\u001b[1mtitle\",\"computer\":\"here\",\"working_directory\":\"/w\"," \
    "\"exit_code\":3}"

#define UNIT_COMMANDS_INITIAL(state) \
    "{\"event\":\"sessions_initial\",\"data\":{\"sessions\":[{\"session_id\":\"abcdef1234\"," \
    "\"state\":\"" state "\"}]}}"
#define UNIT_COMMANDS_UPDATED(id, state) \
    "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"" id "\",\"state\":\"" state "\"}}"

static void unit_commands_list(void)
{
    static const struct unit_context_reply script[] = {
        {"GET /sessions?wait_ms=1000", 200, "[" UNIT_COMMANDS_SESSION ",{\"session_id\":\"b\"}]"},
        {"GET /computers?wait_ms=1000", 200,
         "[{\"name\":\"here\",\"status\":\"online\",\"user\":\"me\",\"host\":\"h\","
         "\"redis\":\"reconnecting\"},{\"name\":\"far\",\"warning\":\"old\"},"
         "{\"name\":\"it\",\"events_in\":1,\"events_out\":2,\"coalesced\":3,\"dropped\":4,"
         "\"lag_ms\":5,\"skew_s\":-6}]"},
        {NULL, 0, NULL}};
    struct unit_context u;
    test_begin("list and computers print a line each, or the daemon's JSON");
    unit_context_init(&u, script);
    CHECK_INT(unit_context_call(&u, "list"), 0);
    CHECK(strstr(u.out.p, "abcdef12\twaiting\t-\toutput\tvi\there\t-\ta") == u.out.p);
    CHECK(!strchr(u.out.p, '\033') && strstr(u.out.p, "\nb\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\n"));
    CHECK_INT(unit_context_call(&u, "list --columns state,id"), 0);
    CHECK_SPAN(buf_view(&u.out), "waiting\tabcdef12\n-\tb\n");
    CHECK_INT(unit_context_call(&u, "list --columns state,nothing"), 2);
    CHECK_INT(unit_context_call(&u, "list --jsonl"), 0);
    CHECK_SPAN(buf_view(&u.out), UNIT_COMMANDS_SESSION "\n{\"session_id\":\"b\"}\n");
    CHECK_INT(unit_context_call(&u, "/list --json"), 0);
    CHECK_SPAN(buf_view(&u.out), "[" UNIT_COMMANDS_SESSION ",{\"session_id\":\"b\"}]\n");
    CHECK_INT(unit_context_call(&u, "computers"), 0);
    CHECK_SPAN(buf_view(&u.out), "here\tonline\tme\th\tredis: reconnecting\nfar\t-\t-\t-\told\n"
                                  "it\t-\t-\t-\t\tin 1, out 2, coalesced 3, dropped 4, lag 5 ms, "
                                  "skew -6 s\n");
    unit_context_free(&u);
}

static void unit_commands_of_computer(void)
{
    static const struct unit_context_reply script[] = {
        {"GET /sessions?wait_ms=1000&computer=far", 200,
         "[{\"session_id\":\"f1\",\"computer\":\"far\",\"state\":\"exited\",\"title\":\"Untitled\","
         "\"restart\":\"resume\",\"command\":\"vi x\",\"exit_code\":2},"
         "{\"session_id\":\"f2\",\"title\":\"Untitled\",\"active_agent\":\"claude\"}]"},
        {"GET /sessions?wait_ms=1000&computer=none", 200, "[]"},
        {"GET /sessions?computer=none", 200, "[]"},
        {"GET /computers?wait_ms=1000", 200, "[{\"name\":\"far\"}]"},
        {NULL, 0, NULL}};
    struct unit_context u;
    test_begin("list of one computer has its sessions");
    unit_context_init(&u, script);
    CHECK_INT(unit_context_call(&u, "list --computer far --columns id,title,exit"), 0);
    CHECK_SPAN(buf_view(&u.out), "f1\tvi x\t2\nf2\tclaude\t-\n");
    test_begin("commands say when no computer has the name that --computer gives");
    static const char *const calls[] = {"list", "status f1", "kill --all", "restart --lost"};
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        char call[80];
        snprintf(call, sizeof call, "%s --computer none", calls[i]);
        CHECK_INT(unit_context_call(&u, call), 1);
        CHECK(strstr(u.error.p, "none: no computer has that name") != NULL);
    }
    CHECK_INT(unit_context_call(&u, "grep text --computer none"), 2);
    unit_context_free(&u);
}

static void unit_commands_new(void)
{
    static const struct unit_context_reply script[] = {
        {"POST /sessions", 200, "{\"session_id\":\"new-id\"}"},
        {"GET /computers?wait_ms=1000", 200, "[{\"name\":\"far\"}]"},
        {NULL, 0, NULL}};
    struct unit_context u;
    if (HTTP_BODY_MAX < 65536) /* a limit for tests, which the environment exceeds */
        return;
    test_begin("new sends the command as it was typed, or an agent with its mode");
    unit_context_init(&u, script);
    CHECK_INT(unit_context_call(&u, "new -C / sh -c 'echo it' --json"), 0);
    CHECK_SPAN(buf_view(&u.out), "new-id\n");
    CHECK(strstr(u.asked.p, "\"command\":[\"sh\",\"-c\",\"echo it\",\"--json\"]") != NULL);
    CHECK(strstr(u.asked.p, "\"title\":\"sh -c 'echo it' --json\"") != NULL);
    CHECK(strstr(u.asked.p, "\"project_dir\":\"/\"") && strstr(u.asked.p, "\"env\":"));
    CHECK_INT(unit_context_call(&u, "new -a codex -m fast -t T -p 'do it' -C /"), 0);
    CHECK(strstr(u.asked.p, "\"agent\":\"codex\",\"thinking_mode\":\"fast\",\"title\":\"T\","
                            "\"message\":\"do it\"") != NULL);
    CHECK(strstr(u.asked.p, "\"command\"") == NULL);
    CHECK_INT(unit_context_call(&u, "/gemini med fix the tests"), 0);
    CHECK(strstr(u.asked.p, "\"agent\":\"gemini\",\"thinking_mode\":\"med\"") != NULL);
    CHECK(strstr(u.asked.p, "\"message\":\"fix the tests\"") != NULL);
    CHECK_INT(unit_context_call(&u, "/claude fix"), 0); /* no mode: all of it is the prompt */
    CHECK(strstr(u.asked.p, "thinking_mode") == NULL); /* and no flags are forced */
    CHECK(strstr(u.asked.p, "\"message\":\"fix\"") != NULL);
    CHECK_INT(unit_context_call(&u, "new --computer far -C /there"), 0);
    CHECK(strstr(u.asked.p, "\"computer\":\"far\",\"project_dir\":\"/there\"") != NULL);
    CHECK(strstr(u.asked.p, "\"env\":") == NULL); /* this environment is of no use there */
    CHECK_INT(unit_context_call(&u, "new --computer none"), 1);
    CHECK(strstr(u.error.p, "none: no computer has that name") != NULL);
    CHECK_INT(unit_context_call(&u, "new -a emacs"), 1);
    CHECK_INT(unit_context_call(&u, "new -m medium"), 2);
    CHECK_INT(unit_context_call(&u, "new -C /nowhere/at/all"), 1);
    CHECK_INT(unit_context_call(&u, "new --computer far -C there"), 1);
    CHECK(strstr(u.error.p, "there: expected an absolute path") != NULL);
    CHECK_INT(unit_context_call(&u, "new -a claude sh"), 2);
    CHECK_INT(u.asked.n, 0);
    unit_context_free(&u);
}

static void unit_commands_send(void)
{
    static const struct unit_context_reply script[] = {
        {"GET /sessions", 200, "[" UNIT_COMMANDS_SESSION "]"},
        {"POST /sessions/abcdef1234/message", 200, "{\"result\":\"reacted\"}"},
        {NULL, 0, NULL}};
    struct unit_context u;
    test_begin("send types its words, and submits them unless told not to");
    unit_context_init(&u, script);
    CHECK_INT(unit_context_call(&u, "send abcd do --no-enter it"), 0);
    CHECK_SPAN(buf_view(&u.out), "reacted\n");
    CHECK(strstr(u.asked.p, "{\"message\":\"do --no-enter it\",\"enter\":true}") != NULL);
    CHECK_INT(unit_context_call(&u, "send --no-enter abcd x"), 0);
    CHECK(strstr(u.asked.p, "{\"message\":\"x\",\"enter\":false}") != NULL);
    unit_context_free(&u);
}

static void unit_commands_tail(void)
{
    static const struct unit_context_reply script[] = {
        {"GET /sessions", 200, "[" UNIT_COMMANDS_SESSION "]"},
        {"GET /sessions/abcdef1234", 200, UNIT_COMMANDS_SESSION},
        {"GET /sessions/abcdef1234/transcript?tail_chars=7", 200, "{\"transcript\":\"the end\"}"},
        {NULL, 0, NULL}};
    struct unit_context u;
    test_begin("tail prints the last characters");
    unit_context_init(&u, script);
    CHECK_INT(unit_context_call(&u, "tail -n 7 abcd"), 0);
    CHECK_SPAN(buf_view(&u.out), "the end");
    CHECK_INT(unit_context_call(&u, "tail -n few abcd"), 2);
    CHECK_INT(unit_context_call(&u, "tail -n -1 abcd"), 2);
    CHECK_INT(unit_context_call(&u, "tail -l few abcd"), 2);
    unit_context_free(&u);
}

/* Without a daemon the text comes from the log on disk. */
static void unit_commands_tail_log(void)
{
    struct unit_context u;
    char path[200];
    struct store_log log;
    test_begin("tail --no-daemon prints the log of a session on disk");
    unit_context_init(&u, NULL);
    u.no_daemon = 1;
    snprintf(path, sizeof path, "%s/telec", u.dir);
    CHECK_INT(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/telec/sessions", u.dir);
    CHECK_INT(mkdir(path, 0700), 0);
    char *dir = store_session_dir(u.config.state, "abcde1"),
         *other = store_session_dir(u.config.state, "abcdf");
    CHECK(store_make_dir(dir) == 0 && store_make_dir(other) == 0);
    CHECK_INT(store_log_open(&log, dir), 0);
    store_log_write(&log, span_of("\033[1mone\033[0m\r\ntwo\r\n"));
    store_log_close(&log);
    CHECK_INT(unit_context_call(&u, "tail --no-daemon abcde"), 0);
    CHECK(strstr(u.out.p, "one\ntwo\n") == u.out.p);
    CHECK_INT(unit_context_call(&u, "tail --no-daemon -n 4 abcde1"), 0);
    CHECK_SPAN(buf_view(&u.out), "two\n");
    CHECK_INT(unit_context_call(&u, "tail --no-daemon abcd"), 1); /* two begin so */
    CHECK_INT(unit_context_call(&u, "tail --no-daemon x"), 1);
    store_remove_session(u.config.state, "abcde1");
    store_remove_session(u.config.state, "abcdf");
    rmdir(path);
    snprintf(path, sizeof path, "%s/telec", u.dir);
    rmdir(path);
    free(dir), free(other);
    unit_context_free(&u);
}

static void unit_commands_follow(void)
{
    static const struct unit_context_reply script[] = {
        {"GET /sessions", 200, "[" UNIT_COMMANDS_SESSION "]"},
        {"GET /sessions/abcdef1234", 200, UNIT_COMMANDS_SESSION},
        {NULL, 0, NULL}};
    static const char *const frames[] = {
        "{\"size\":{\"cols\":20,\"rows\":4}}", "=one\r\ntwo\r\nthr", "{\"undo_ms\":5000}",
        "=ee\r\nfour\r\n", "{\"undo_ms\":0}", "=fi", NULL};
    static const char *const gaps[] = {
        "{\"size\":[20,4]}", "=one\r\ntwo\r\nthr", "!", /* within a line */
        "{\"size\":[20,4]}", "=two\r\nthree\r\nfour\r\nfi", "=ve\r\n",
        "{\"size\":[20,4]}", "=seven\r\neig", "=ht\r\n", NULL};
    struct unit_context u;
    test_begin("tail --follow prints earlier output, then whole lines as they come");
    unit_context_init(&u, script);
    u.frames = frames;
    u.close_after = 1;
    CHECK_INT(unit_context_call(&u, "tail -f -n 4 abcd"), 0);
    CHECK_SPAN(buf_view(&u.out), "two\nthree\nfour\nfi\n");
    CHECK(strstr(buf_cstr(&u.error), "ends in 5 s") && strstr(u.error.p, "goes on"));
    test_begin("tail --follow goes on where it was after a gap, and says when lines are missing");
    u.frames = gaps;
    CHECK_INT(unit_context_call(&u, "tail -f abcd"), 0);
    CHECK_SPAN(buf_view(&u.out), "one\ntwo\nthree\nfour\nfive\nseven\neight\n");
    CHECK(strstr(buf_cstr(&u.error), "trying again") && strstr(u.error.p, "missing here"));
    test_begin("tail --follow names the session's computer: the next daemon may not know it");
    u.frames = frames;
    u.config.computer = "other";
    CHECK_INT(unit_context_call(&u, "tail -f abcd"), 0);
    CHECK(strstr(buf_cstr(&u.asked), "/attach?sizes=1&scrollback=1&computer=here\n") != NULL);
    unit_context_free(&u);
}

static void unit_commands_status(void)
{
    static const struct unit_context_reply script[] = {
        {"GET /sessions", 200, "[" UNIT_COMMANDS_SESSION ",{\"session_id\":\"ef001234\"}]"},
        {"GET /sessions/abcdef1234", 200, UNIT_COMMANDS_SESSION},
        {"GET /sessions/ef001234", 200, "{\"title\":\"Untitled\",\"command\":\"make watch\"}"},
        {NULL, 0, NULL}};
    static const struct {
        const char *state, *source, *want;
    } reasons[] = {
        {"working", "hook", "its agent reported a prompt"},
        {"working", "output", "it has new output"},
        {"waiting", "bell", "it rang the bell or sent a notification"},
        {"idle", "hook", "its agent reported the end of its turn"},
        {"idle", "output", "its output has stopped"},
        {"exited", "exit", "its program has ended"},
        {"exited", "lost", "it was lost with the computer"},
        {"unreachable", "link", "it may live, and its holder can't be reached"},
        {"other", "x", "this daemon gives no reason"},
    };
    struct unit_context u;
    test_begin("status says in words why a session has its state");
    unit_context_init(&u, script);
    CHECK_INT(unit_context_call(&u, "status abcd"), 0);
    CHECK(strstr(u.out.p, "state       waiting (-): its output has stopped at a question; not seen "
                          "since\nasks        go on?\n") == u.out.p);
    CHECK(strstr(u.out.p, "exit code   3\n") && strstr(u.out.p, "command     vi\n"));
    CHECK(strstr(u.out.p, "agent") == NULL); /* it has none */
    CHECK_INT(unit_context_call(&u, "status ef00"), 0);
    CHECK(strstr(u.out.p, "title       make watch\n") != NULL); /* as list shows it */
    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        buf b = {0};
        struct json session;
        buf_fmt(&b, "{\"state\":\"%s\",\"state_source\":\"%s\"}", reasons[i].state,
                reasons[i].source);
        json_parse(buf_view(&b), &session, NULL, NULL);
        CHECK_SPAN(span_of(commands_explain(session)), reasons[i].want);
        buf_free(&b);
    }
    unit_context_free(&u);
}

/* One wait for what events tell; the exit status and what must be said. */
static void unit_commands_wait_for(const char *const *frames, const char *line, int status,
                                   const char *said)
{
    static const struct unit_context_reply script[] = {
        {"GET /sessions", 200, "[" UNIT_COMMANDS_SESSION "]"}, {NULL, 0, NULL}};
    struct unit_context u;
    unit_context_init(&u, script);
    u.frames = frames;
    CHECK_INT(unit_context_call(&u, line), status);
    CHECK(strstr(u.error.n ? u.error.p : "", said) != NULL);
    unit_context_free(&u);
}

static void unit_commands_wait(void)
{
    static const char *const idle[] = {UNIT_COMMANDS_INITIAL("idle"), NULL};
    static const char *const later[] = {
        UNIT_COMMANDS_INITIAL("working"), "not JSON", UNIT_COMMANDS_UPDATED("other", "idle"),
        UNIT_COMMANDS_UPDATED("abcdef1234", "waiting"), NULL};
    static const char *const ended[] = {UNIT_COMMANDS_INITIAL("working"),
                                        UNIT_COMMANDS_UPDATED("abcdef1234", "exited"), NULL};
    static const char *const removed[] = {
        UNIT_COMMANDS_INITIAL("working"),
        "{\"event\":\"session_removed\",\"data\":{\"session_id\":\"other\"}}",
        "{\"event\":\"session_removed\",\"data\":{\"session_id\":\"abcdef1234\"}}", NULL};
    static const char *const unknown[] = {
        "{\"event\":\"sessions_initial\",\"data\":{\"sessions\":[]}}", NULL};
    static const char *const works[] = {UNIT_COMMANDS_INITIAL("working"), NULL};
    test_begin("wait ends with the state that it waits for, or says why it never comes");
    unit_commands_wait_for(idle, "wait abcd", 0, "");
    unit_commands_wait_for(later, "wait abcd", 0, "");
    unit_commands_wait_for(later, "wait --state waiting abcd", 0, "");
    unit_commands_wait_for(ended, "wait abcd", 0, "");
    unit_commands_wait_for(ended, "wait --state exited abcd", 0, "");
    unit_commands_wait_for(ended, "wait --state idle abcd", 1, "the session has exited");
    unit_commands_wait_for(removed, "wait abcd", 1, "the session is gone");
    unit_commands_wait_for(unknown, "wait abcd", 1, "the session is gone");
    unit_commands_wait_for(works, "wait --timeout 0 abcd", 1, "the time is up");
    unit_commands_wait_for(works, "wait --state working abcd", 0, "");
    unit_commands_wait_for(works, "wait --state busy abcd", 2, "expected waiting");
    unit_commands_wait_for(works, "wait --timeout soon abcd", 2, "expected a number");
}

static void unit_commands_project(void)
{
    static const struct unit_context_reply script[] = {
        {"GET /projects-with-todos?wait_ms=1000", 200,
         "[{\"path\":\"/p\",\"name\":\"P\",\"todos\":[{\"slug\":\"a\",\"status\":\"ready\","
         "\"has_requirements\":true,\"has_impl_plan\":true,\"description\":\"first\"},"
         "{\"slug\":\"b\",\"status\":\"in_progress\",\"has_impl_plan\":true},"
         "{\"slug\":\"c\",\"has_requirements\":true},{\"slug\":\"d\"}]}]"},
        {"POST /projects", 200, "{}"},
        {"DELETE /projects?path=%2Fgone%2Fdir", 200, "{}"},
        {NULL, 0, NULL}};
    struct unit_context u;
    test_begin("project lists todos with their marks, adds and removes a directory");
    unit_context_init(&u, script);
    CHECK_INT(unit_context_call(&u, "project"), 0);
    CHECK_SPAN(buf_view(&u.out), "/p\tP\n  [.]\ta\trequirements, plan\tfirst\n  [>]\tb\tplan\t\n"
                                 "  [ ]\tc\trequirements\t\n  [ ]\td\t-\t\n");
    CHECK_INT(unit_context_call(&u, "project add /"), 0);
    CHECK(strstr(u.asked.p, "POST /projects {\"path\":\"/\"}\n") == u.asked.p);
    CHECK_INT(unit_context_call(&u, "project remove /gone/dir"), 0);
    CHECK_INT(unit_context_call(&u, "project remove gone/dir"), 1); /* the list shows none so */
    CHECK_INT(unit_context_call(&u, "project add /gone/dir"), 1);
    CHECK_INT(unit_context_call(&u, "project add"), 2);
    CHECK_INT(unit_context_call(&u, "project drop /"), 2);
    unit_context_free(&u);
}

static void unit_commands_hook(void)
{
    static const struct unit_context_reply script[] = {
        {"POST /sessions/my%20id/event", 404, "{\"detail\":\"no such session\"}"}, {NULL, 0, NULL}};
    struct unit_context u;
    test_begin("a hook reports to the session that runs it, and never fails");
    unit_context_init(&u, script);
    setenv("TELEC_SESSION_ID", "my id", 1);
    CHECK_INT(unit_context_call(&u, "hook '{\"hook_event_name\":\"Stop\"}'"), 0);
    CHECK_SPAN(buf_view(&u.asked),
               "POST /sessions/my%20id/event {\"type\":\"stop\",\"text\":\"\"}\n");
    CHECK_INT(unit_context_call(&u, "hook '{\"hook_event_name\":\"PreToolUse\"}'"), 0);
    CHECK_INT(u.asked.n, 0);
    u.no_daemon = 1;
    CHECK_INT(unit_context_call(&u, "hook '{\"hook_event_name\":\"Stop\"}'"), 0);
    CHECK_INT(u.out.n + u.error.n, 0);
    unsetenv("TELEC_SESSION_ID");
    CHECK_INT(unit_context_call(&u, "hook --install emacs"), 2);
    CHECK(strstr(u.error.p, "emacs: claude, gemini, codex, opencode, qwen and copilot have hooks")
        != NULL);
    unit_context_free(&u);
}

static void unit_commands_table(void)
{
    static const char first[] = UNIT_COMMANDS_SESSION, columns[] = "id,agent,title,exit";
    struct commands_table t;
    struct commands_row row;
    struct json session;
    buf out = {0};
    test_begin("a list on a terminal has aligned columns, and cuts the widest ones to fit a line");
    json_read(span_of(first), &session);
    CHECK(commands_table_init(&t, columns, 1));
    t.cols = 28;
    commands_widen(&t, session);
    commands_widen(&t, (struct json){0});
    CHECK_INT(t.widths[0], 8);
    CHECK_INT(t.widths[1], 5); /* its head */
    commands_narrow(&t);
    commands_put_session(&out, &t, session);
    CHECK_SPAN(buf_view(&out), term_is_utf8() ? "abcdef12  vi     a^[[1m\xe2\x80\xa6  3\n"
                                              : "abcdef12  vi     a^[[1m>  3\n");
    t.cols = 12; /* less than the least widths: the line ends where the terminal does */
    commands_narrow(&t);
    buf_clear(&out);
    commands_put_session(&out, &t, session);
    CHECK(cell_columns((span){out.p, out.n - 1}) <= 12);
    buf_free(&t.raw), buf_free(&t.text);
    test_begin("on a terminal an agent's column has a command's program only");
    json_read(span_of("{\"command\":\"/usr/bin/vi 'a b'\"}"), &session);
    for (int tty = 0; tty < 2; tty++) {
        CHECK(commands_table_init(&t, "agent", tty));
        commands_find(&t, session, &row);
        commands_set_cell(&t, 0, &row);
        CHECK_SPAN(buf_view(&t.text), tty ? "vi" : "/usr/bin/vi 'a b'");
        buf_free(&t.raw), buf_free(&t.text);
    }
    test_begin("an item of a list that is no session has no members");
    json_read(span_of("[[\"id\",1]]"), &session);
    commands_find(&t, session, &row);
    CHECK_INT(json_type(row.values[0]), JSON_NONE);
    test_begin("a list has at least one column, and at most 32");
    buf_clear(&out);
    CHECK(!commands_table_init(&t, "", 0));
    for (int i = 1; i <= COMMANDS_SHOWN_MAX + 1; i++) {
        buf_str(&out, i > 1 ? ",id" : "id");
        CHECK_INT(commands_table_init(&t, buf_cstr(&out), 0), i <= COMMANDS_SHOWN_MAX);
    }
    buf_free(&out);
}

static void unit_commands_keep_computer(void)
{
    struct context c = {.status = 200};
    test_begin("of a TeleClaude daemon's list only the sessions of the named computer stay");
    buf_str(&c.body, "[{\"computer\":\"a\"},{\"computer\":\"b\",\"n\":1},{}]");
    commands_keep_computer(&c, "b");
    CHECK_SPAN(buf_view(&c.body), "[{\"computer\":\"b\",\"n\":1}]");
    buf_free(&c.body);
}

static void unit_commands_unreach(void)
{
    static const struct unit_context_reply script[] = {
        {"DELETE /reach?name=a%20b", 200, "{}"}, {NULL, 0, NULL}};
    struct unit_context u;
    test_begin("unreach names the computer, encoded");
    unit_context_init(&u, script);
    CHECK_INT(unit_context_call(&u, "unreach 'a b'"), 0);
    CHECK_INT(unit_context_call(&u, "unreach c"), 1);
    unit_context_free(&u);
}

static void unit_commands_install(void)
{
    struct unit_context u;
    char *home = span_dup(span_of(getenv("HOME") ? getenv("HOME") : "/")), path[200];
    buf text = {0};
    test_begin("hook --install shows what it would add, --yes adds it, --uninstall removes it");
    unit_context_init(&u, NULL);
    setenv("HOME", u.dir, 1);
    unsetenv("CLAUDE_CONFIG_DIR");
    snprintf(path, sizeof path, "%s/.claude/settings.json", u.dir);
    CHECK_INT(unit_context_call(&u, "hook --install claude"), 0);
    CHECK(strstr(u.out.p, "hook") && access(path, F_OK) != 0);
    CHECK_INT(unit_context_call(&u, "hook --install claude --yes"), 0);
    CHECK(os_read_file(&text, path, 1 << 16) == 0 && strstr(buf_cstr(&text), "/bin/sh hook"));
    CHECK_INT(unit_context_call(&u, "hook --uninstall claude"), 0);
    buf_clear(&text);
    os_read_file(&text, path, 1 << 16);
    CHECK(!strstr(buf_cstr(&text), "/bin/sh hook"));
    CHECK_INT(unit_context_call(&u, "hook --install claude --yes"), 0); /* makes its directory */
    FILE *file = fopen(path, "w");
    CHECK(file && fputs("{ not JSON", file) > 0 && fclose(file) == 0);
    CHECK_INT(unit_context_call(&u, "hook --install claude --yes"), 1);
    CHECK(strstr(u.error.p, "settings.json") != NULL);
    setenv("HOME", home, 1);
    snprintf(path, sizeof path, "%s/.claude", u.dir);
    unit_roadmap_remove(path);
    free(home);
    buf_free(&text);
    unit_context_free(&u);
}

static void unit_commands_hook_stdin(void)
{
    static const char event[] = "{\"hook_event_name\":\"Stop\"}";
    struct unit_context u;
    char path[200], error[200], got[200];
    test_begin("a hook reads its event from stdin, and tells the holder when no daemon runs");
    unit_context_init(&u, NULL);
    u.no_daemon = 1;
    free(u.config.holders);
    u.config.holders = base_dup(u.dir);
    snprintf(path, sizeof path, "%s/me.sock", u.dir);
    int listening = conn_listen(path, error, sizeof error);
    CHECK(listening >= 0);
    int saved = unit_context_stdin(event);
    setenv("TELEC_SESSION_ID", "me", 1);
    CHECK_INT(unit_context_call(&u, "hook"), 0);
    unit_context_stdin_back(saved);
    unsetenv("TELEC_SESSION_ID");
    struct pollfd ready = {.fd = listening, .events = POLLIN};
    CHECK_INT(poll(&ready, 1, 10000), 1);
    int fd = accept(listening, NULL, NULL);
    ssize_t n = read(fd, got, sizeof got);
    CHECK(n > FRAME_HEAD && got[FRAME_HEAD - 1] && memchr(got, '{', (size_t)n));
    CHECK_SPAN(((span){got + FRAME_HEAD, (size_t)(n - FRAME_HEAD)}),
               "{\"type\":\"stop\",\"text\":\"\"}");
    close(fd), close(listening);
    unlink(path);
    unit_context_free(&u);
}

static void unit_commands_attach(void)
{
    static const struct unit_context_reply script[] = {
        {"GET /sessions", 200, "[{\"session_id\":\"over\"},{\"session_id\":\"there\"}]"},
        {"GET /sessions/over", 200, "{\"session_id\":\"over\",\"state\":\"exited\"}"},
        {"GET /sessions/there", 200, "{\"session_id\":\"there\",\"computer\":\"far\"}"},
        {"GET /computers", 200, "[{\"name\":\"far\",\"user\":\"u\",\"host\":\"h\"}]"},
        {NULL, 0, NULL}};
    struct unit_context u;
    test_begin("attach refuses an exited session, and goes to another computer by [peers] attach");
    unit_context_init(&u, script);
    CHECK_INT(unit_context_call(&u, "attach over"), 1);
    CHECK(strstr(u.error.p, "over: the session has ended") != NULL);
    u.config.attach = "sh -c 'exit 7' DEST";
    CHECK_INT(unit_context_call(&u, "attach there"), 1);
    CHECK(strstr(u.error.p, "ended with status 7: the command there failed") != NULL);
    u.config.attach = "sh -c 'exit 255' DEST";
    CHECK_INT(unit_context_call(&u, "attach there"), 1);
    CHECK(strstr(u.error.p, "status 255: [peers] attach in ") != NULL);
    u.config.attach = "true DEST";
    CHECK_INT(unit_context_call(&u, "attach there"), 0);
    u.config.attach = "/nowhere/ssh DEST";
    CHECK_INT(unit_context_call(&u, "attach there"), 1);
    CHECK(strstr(u.error.p, "cannot run /nowhere/ssh: No such file") != NULL);
    unit_context_free(&u);
}

static void unit_commands_attach_which(void)
{
    static const struct unit_context_reply script[] = {
        {"GET /sessions", 200, "[{\"session_id\":\"unknown\"},{\"session_id\":\"piped\"}]"},
        {"GET /sessions?wait_ms=1000", 200,
         "[{\"session_id\":\"over\",\"state\":\"exited\","
         "\"last_activity\":\"2026-03-01T00:00:00Z\"},"
         "{\"session_id\":\"idle\",\"state\":\"idle\","
         "\"last_activity\":\"2026-02-01T00:00:00Z\"},"
         "{\"session_id\":\"late\",\"state\":\"waiting\","
         "\"state_since\":\"2026-01-02T00:00:00Z\"},"
         "{\"session_id\":\"first\",\"state\":\"waiting\","
         "\"state_since\":\"2026-01-01T00:00:00Z\"}]"},
        {"GET /sessions/first", 404, "{\"detail\":\"the first\"}"},
        {"GET /sessions/unknown", 200, "{\"session_id\":\"unknown\",\"computer\":\"other\"}"},
        {"GET /sessions/piped", 200, "{\"session_id\":\"piped\",\"computer\":\"behind\"}"},
        {"GET /computers", 200, "[{\"name\":\"behind\",\"reach\":\"ssh x\"}]"},
        {NULL, 0, NULL}};
    struct unit_context u;
    test_begin("attach without a name takes what has waited longest; - needs a session before");
    unit_context_init(&u, script);
    u.config.attach = "ssh DEST";
    CHECK_INT(unit_context_call(&u, "attach"), 1);
    CHECK(strstr(u.error.p, "the first") != NULL);
    CHECK_INT(unit_context_call(&u, "attach -"), 1);
    CHECK(strstr(u.error.p, "no session was attached to before") != NULL);
    CHECK_INT(unit_context_call(&u, "attach unknown"), 1);
    CHECK(strstr(u.error.p, "other: its host is unknown") != NULL);
    test_begin("what is behind a pipe is attached through the daemon, by the UI, on a terminal");
    CHECK_INT(unit_context_call(&u, "attach piped"), 1);
    CHECK(strstr(u.error.p, "the terminal UI needs a terminal") != NULL);
    buf_clear(&u.asked);
    CHECK_INT(unit_context_call(&u, "new --attach sh"), 1);
    CHECK(strstr(u.error.p, "the terminal UI needs a terminal"));
    CHECK(!strstr(buf_cstr(&u.asked), "POST"));
    char *file = store_path(u.dir, "telec/" ATTACH_FILE);
    unlink(file);
    *strrchr(file, '/') = '\0';
    rmdir(file);
    free(file);
    unit_context_free(&u);
}

static void unit_command_harmless(void)
{
    static const char text[] = "a\xc2\x9b\x7f\xd8\x9c\xe2\x80\xae\nz\xc3\xa9";
    buf b = {0};
    test_begin("JSON for a terminal has what could act on it escaped, with the same value");
    commands_put_json(&b, span_of(text));
    CHECK_SPAN(buf_view(&b), "a\\u009b\\u007f\\u061c\\u202e\nz\xc3\xa9");
    buf_clear(&b);
    test_begin("a session's lines are shown without controls");
    context_put_lines(&b, span_of(text));
    CHECK_SPAN(buf_view(&b), "a\xef\xbf\xbd^?\xef\xbf\xbd\xef\xbf\xbd\nz\xc3\xa9");
    buf_clear(&b);
    context_put_lines(&b, span_of("\n\nx\n"));
    CHECK_SPAN(buf_view(&b), "\n\nx\n");
    buf_free(&b);
}

static void unit_commands_watch(void)
{
    static const char *const events[] = {
        UNIT_COMMANDS_INITIAL("idle"), UNIT_COMMANDS_UPDATED("abcdef1234", "waiting"),
        UNIT_COMMANDS_UPDATED("abcdef1234", "waiting"), UNIT_COMMANDS_UPDATED("abcdef1234", "idle"),
        UNIT_COMMANDS_UPDATED("abcdef1234", "waiting")};
    struct unit_context u;
    struct context c = {.status = 0};
    struct commands_watch w = {.context = &c};
    buf said = {0};
    test_begin("watch --waiting prints a session each time it begins to wait, watch every event");
    unit_context_init(&u, NULL);
    fflush(stdout);
    FILE *out = tmpfile();
    int saved = unit_context_capture(1, out);
    outline_init(&w.tree, "here", NULL);
    for (size_t i = 0; i < COUNT_OF(events); i++)
        commands_watch_on_waiting(&w, span_of(events[i]));
    commands_watch_on_event(&c, span_of("{}"));
    outline_free(&w.tree);
    unit_context_release(1, saved, out, &said);
    CHECK_INT(c.replied, 0);
    const char *again = strstr(said.p + 1, "abcdef1234\t");
    CHECK(strncmp(said.p, "abcdef1234\t", 11) == 0 && again && !strstr(again + 1, "abcdef1234"));
    CHECK(strstr(said.p, "\n{}\n") != NULL);
    buf_free(&said);
    unit_context_free(&u);
}

static void unit_commands_wait_foreign(void)
{
    static const char listed[] = "[{\"session_id\":\"other\"},{\"session_id\":\"a\"}]";
    struct loop loop;
    test_begin("of a session without a state, TeleClaude's, only the end can be waited for");
    loop_init(&loop);
    for (int i = 0; i < 2; i++) {
        struct acts_wait w = {
            .id = (char *)"a", .wanted = i ? "exited" : NULL, .loop = &loop, .asking = 1};
        acts_wait_on_list(&w, 500, span_of("[]"), NULL);
        acts_wait_on_list(&w, 0, (span){0}, "no answer");
        CHECK_INT(w.over || w.asking, 0);
        acts_wait_on_list(&w, 200, span_of(listed), NULL);
        CHECK_INT(w.over, !i);
        acts_wait_on_list(&w, 200, span_of("[{\"session_id\":\"other\"}]"), NULL);
        CHECK_INT(w.over, 1);
        CHECK_INT(w.status, !i);
    }
    loop_free(&loop);
}

static void unit_commands_needs_terminal(void)
{
    char said[200] = "";
    int ends[2];
    test_begin("the UI needs a terminal to read from, not only one to write to");
    int master = posix_openpt(O_RDWR | O_NOCTTY), slave = -1;
    if (master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0)
        slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    CHECK(slave >= 0 && pipe(ends) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct context c = {.args = NULL};
        setsid();
        alarm(20);
        dup2(open("/dev/null", O_RDWR), 0), dup2(slave, 1), dup2(ends[1], 2);
        _exit(commands_ui(&c, NULL, NULL));
    }
    close(ends[1]);
    CHECK(read(ends[0], said, sizeof said - 1) > 0 && strstr(said, "needs a terminal"));
    waitpid(pid, NULL, 0);
    close(ends[0]), close(slave), close(master);
}

static void unit_commands(void)
{
    unit_commands_needs_terminal();
    unit_command_harmless();
    unit_commands_list();
    unit_commands_of_computer();
    unit_commands_watch();
    unit_commands_new();
    unit_commands_send();
    unit_commands_tail();
    unit_commands_tail_log();
    unit_commands_follow();
    unit_commands_status();
    unit_commands_wait();
    unit_commands_wait_foreign();
    unit_commands_project();
    unit_commands_hook();
    unit_commands_attach();
    unit_commands_attach_which();
    unit_commands_table();
    unit_commands_keep_computer();
    unit_commands_unreach();
    unit_commands_install();
    unit_commands_hook_stdin();
}
