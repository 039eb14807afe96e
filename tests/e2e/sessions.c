/* sessions - a session's life, what can be asked of it, what is typed into it. */

static long long parse_ms(const char *iso)
{
    int y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0, ms = 0;
    if (!iso || sscanf(iso, "%d-%d-%dT%d:%d:%d.%d", &y, &mo, &d, &h, &mi, &s, &ms) < 6 ||
        strcmp(iso + strlen(iso) - 6, "+00:00") != 0)
        FATAL("not a time with an offset: %s", iso ? iso : "nothing");
    /* Not the true distance, but good for comparing. */
    return ((((long long)y * 372 + mo * 31 + d) * 24 + h) * 60 + mi) * 60000 + s * 1000 + ms;
}

static void test_session_object(void)
{
    static const char *const members[] = {"session_id", "origin_adapter", "title",
                                          "working_directory",
                                          "thinking_mode", "active_agent", "status", "created_at",
                                          "last_activity",
                                          "last_input", "last_output", "tmux_session_name",
                                          "initiator_session_id",
                                          "computer", "state", "state_source", "state_since",
                                          "exit_code", "cols",
                                          "rows"};
    daemon_start();
    struct reply r = create("\"command\": [\"sleep\", \"1000\"], \"title\": \"a title\"");
    char *id = json_get(r.body, "session_id");
    CHECK_INT(r.status, 200);
    REQUIRE(id);
    CHECK_TEXT(r.body, format("{\"status\":\"success\",\"session_id\":\"%s\","
                              "\"tmux_session_name\":null,"
                              "\"data\":{\"session_id\":\"%s\",\"tmux_session_name\":null}}", id,
                                  id));
    CHECK(strlen(id) == 36 && id[14] == '4' && strchr("89ab", id[19]) &&
          strspn(id, "0123456789abcdef-") == 36);
    char *object = get(session_path(id, "")).body;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (!json_at(object, members[i]))
            FAIL("no %s in %s", members[i], object);
    CHECK_TEXT(json_get(object, "origin_adapter"), "rest");
    CHECK_TEXT(json_get(object, "title"), "a title");
    CHECK_TEXT(json_get(object, "working_directory"), e2e.dir);
    CHECK_TEXT(json_get(object, "status"), "active");
    CHECK_TEXT(json_raw(object, "last_input"), "null");
    CHECK_TEXT(json_raw(object, "last_output"), "null");
    CHECK_TEXT(json_raw(object, "exit_code"), "null");
    CHECK_TEXT(json_raw(object, "tmux_session_name"), "null");
    CHECK_TEXT(json_raw(object, "initiator_session_id"), "null");
    CHECK(parse_ms(json_get(object, "created_at")) <= parse_ms(json_get(object, "last_activity")));
    CHECK_TEXT(get("/sessions").body, format("[%s]", object));
    CHECK_TEXT(json_get(get("/computers").body, "0.name"), json_get(object, "computer"));
    CHECK_TEXT(get(session_path(id, "")).body, object); /* nothing happens, nothing changes */
}

/* What happens after it has another time than what was seen before, in milliseconds. */
static void await_other_time(void)
{
    long long seen = now_ms();
    AWAIT(now_ms() > seen + 1);
}

static void test_session_life(void)
{
    daemon_start();
    char *go = format("%s/go", e2e.dir);
    if (mkfifo(go, 0600) != 0)
        e2e_die(go);
    char *id = start_sh(format("printf 'first\\n'; read x < %s; printf '\\033[1mlast\\033[0m "
                               "line\\n\\n'; exit 7", go));
    AWAIT_SESSION(id, "last_output", "first");
    CHECK_TEXT(session_get(id, "state"), "working");
    CHECK_TEXT(session_get(id, "state_source"), "output");
    long long before = parse_ms(session_get(id, "last_activity"));
    await_other_time();
    file_write(go, "on\n", 0600);
    AWAIT_SESSION(id, "state", "exited");
    CHECK_TEXT(session_get(id, "state_source"), "exit");
    CHECK_TEXT(session_get(id, "exit_code"), "7");
    CHECK_TEXT(session_get(id, "last_output"), "last line");
    CHECK(parse_ms(session_get(id, "last_activity")) > before);
    AWAIT_GONE(id); /* no holder stays for a program that has ended */
    CHECK(file_exists(session_file(id, "record.json")));
    CHECK_INT(call("POST", session_path(id, "/message"), "{\"message\": \"x\"}").status, 409);
    CHECK_INT(get(session_path(id, "/screen")).status, 409);
    end_session(id); /* dismissed */
    CHECK_INT(get(session_path(id, "")).status, 404);
    CHECK_TEXT(get("/sessions").body, "[]");
    CHECK(!file_exists(session_file(id, "")));
    CHECK_INT(call("DELETE", session_path(id, ""), NULL).status, 404);
}

static void test_session_exits(void)
{
    daemon_start();
    char *zero = start_sh("exit 0"), *high = start_sh("exit 255"), *killed =
        start_sh("kill -TERM $$");
    char *quick = start("\"command\": [\"true\"]");
    AWAIT_SESSION(zero, "exit_code", "0");
    AWAIT_SESSION(high, "exit_code", "255");
    AWAIT_SESSION(killed, "exit_code", "143"); /* as a shell tells it */
    AWAIT_SESSION(quick, "exit_code", "0");
    CHECK_TEXT(session_get(killed, "state"), "exited");
    CHECK_INT(json_count(get("/sessions").body, ""), 4);
}

/* What was written right before the end is there, all of it, however fast the end came. */
static void test_session_last_words(void)
{
    daemon_start();
    for (int i = 0; i < 5; i++) {
        char *id = start_sh("i=0; while [ $i -lt 500 ]; do echo word $i; i=$((i+1)); done; printf "
                            "'the end'");
        AWAIT_SESSION(id, "state", "exited");
        CHECK_TEXT(session_get(id, "last_output"), "the end");
        char *text = transcript(id);
        CHECK_HAS(text, "word 0\nword 1\n");
        CHECK_HAS(text, "word 499\nthe end");
        id = start_program("flood", "300000", NULL);
        AWAIT_SESSION(id, "state", "exited");
        CHECK_TEXT(session_get(id, "last_output"), "the last line");
    }
}

static void test_session_state(void)
{
    daemon_start();
    char *go = format("%s/go", e2e.dir);
    if (mkfifo(go, 0600) != 0)
        e2e_die(go);
    char *id = start_sh(format("echo started; while read word < %s; do printf \"$word\"; done; "
                               "sleep 1000", go));
    AWAIT_SESSION(id, "state", "working");
    AWAIT_SESSION(id, "state", "idle"); /* three seconds of silence */
    CHECK_TEXT(session_get(id, "state_source"), "output");
    char *since = session_get(id, "state_since");
    await_other_time();
    file_write(go, "\\\\a\n", 0600);
    AWAIT_SESSION(id, "state", "waiting");
    CHECK_TEXT(session_get(id, "state_source"), "bell");
    CHECK(parse_ms(session_get(id, "state_since")) > parse_ms(since));
}

static void test_session_events(void)
{
    daemon_start();
    char *id = start_program("pause", NULL, NULL), *path = session_path(id, "/event");
    AWAIT_SESSION(id, "last_output", "ready");
    CHECK_INT(call("POST", path,
                   "{\"type\": \"prompt\", \"native_session_id\": \"native-1\"}").status, 200);
    AWAIT_SESSION(id, "state_source", "hook");
    CHECK_TEXT(session_get(id, "state"), "working");
    CHECK_TEXT(session_get(id, "native_session_id"), "native-1");
    CHECK_INT(call("POST", path, "{\"type\": \"notification\", \"text\": \"may I?\"}").status, 200);
    AWAIT_SESSION(id, "state", "waiting");
    CHECK_INT(call("POST", path, "{\"type\": \"stop\"}").status, 200);
    AWAIT_SESSION(id, "state", "idle");
    CHECK_TEXT(session_get(id, "state_source"), "hook");
}

/* The record is complete and private before anybody hears of the session. */
static void test_record_before_announcement(void)
{
    daemon_start();
    struct wire w = subscribe("sessions");
    for (int i = 0; i < 10; i++) {
        struct wire maker = wire_open();
        wire_str(&maker, request("POST", "/sessions",
                                 format("{\"computer\": \"local\", \"project_dir\": \"%s\", "
                                 "\"title\": \"number %d\", \"command\": [\"sleep\", \"1000\"]}",
                                     e2e.dir, i)));
        char *event = event_await(&w, "session_created", NULL), *id =
            json_get(event, "data.session_id");
        char *path = session_file(id, "record.json"), *record = file_read(path, NULL);
        REQUIRE(record);
        CHECK(json_valid(record, strlen(record)));
        CHECK_TEXT(json_get(record, "title"), format("number %d", i));
        CHECK_INT(file_mode(path), 0600);
        CHECK_INT(file_mode(session_file(id, "")), 0700);
        CHECK(!file_exists(session_file(id, "record.json.tmp")));
        CHECK_INT(reply_read(&maker).status, 200);
    }
}

static void test_files_are_private(void)
{
    daemon_start();
    char *id = start_sh("echo text; exit 1");
    char *running = start_program("pause", NULL, NULL);
    AWAIT_SESSION(id, "state", "exited");
    AWAIT_SESSION(running, "last_output", "ready");
    CHECK_INT(file_mode(session_file(id, "record.json")), 0600);
    AWAIT(file_size(session_file(id, "log")) >= 0); /* another process writes it */
    CHECK_INT(file_mode(session_file(id, "log")), 0600);
    CHECK_INT(file_mode(session_file(id, "exit.json")), 0600);
    CHECK_INT(file_mode(e2e.socket), 0600);
    CHECK_INT(file_mode(format("%s/telec", e2e.run)), 0700);
    CHECK_INT(file_mode(format("%s/telec/s", e2e.run)), 0700);
    CHECK_INT(file_mode(format("%s/telec/s/%s.sock", e2e.run, running)), 0600);
    CHECK_INT(file_mode(format("%s/telec", e2e.state)), 0700);
    CHECK_INT(file_mode(format("%s/telec/sessions", e2e.state)), 0700);
    CHECK(!file_exists(format("%s/telec/s/%s.sock", e2e.run, id)));
}

static void test_session_environment(void)
{
    daemon_start();
    char *dir = format("%s/a project's \xc3\xa9", e2e.dir);
    if (mkdir(dir, 0700) != 0)
        e2e_die(dir);
    struct reply r = call("POST", "/sessions",
                          format("{\"computer\": \"local\", \"project_dir\": %s, \"cols\": 101, "
                                 "\"rows\": 33, "
                                 "\"command\": %s}", json_quote(dir),
                                 json_array("sh", "-c",
                                            "echo \"id=$TELEC_SESSION_ID\"; echo \"dir=`pwd`\"; "
                                            "echo \"pwd=$PWD\"; echo \"size=`stty size`\"; echo "
                                            "\"term=$TERM\"; "
                                            "echo \"tmux=$TMUX.\"; tty; sleep 1000", NULL)));
    CHECK_INT(r.status, 200);
    char *id = json_get(r.body, "session_id");
    AWAIT(strstr(transcript(id), "/dev/"));
    char *text = transcript(id);
    CHECK_HAS(text, format("id=%s\n", id));
    CHECK_HAS(text, format("dir=%s\n", dir));
    CHECK_HAS(text, format("pwd=%s\n", dir));
    CHECK_HAS(text, "size=33 101\n");
    CHECK_HAS(text, "term=xterm-256color\n");
    CHECK_HAS(text, "tmux=.\n");
    CHECK_TEXT(session_get(id, "cols"), "101");
    CHECK_TEXT(session_get(id, "rows"), "33");
}

/* The identities of what a process has open, one a line: pipes and sockets by number, files by
 * path. */
static char *proc_open_files(pid_t pid)
{
    struct text all = {0};
    char target[4096], *path = format("/proc/%ld/fd", (long)pid);
    DIR *dir = opendir(path);
    struct dirent *entry;
    text_add(&all, "", 0);
    while (dir && (entry = readdir(dir))) {
        ssize_t n = readlink(format("%s/%s", path, entry->d_name), target, sizeof target - 1);
        if (n > 0)
            text_str(&all, format("%s %.*s\n", entry->d_name, (int)n, target));
    }
    if (dir)
        closedir(dir);
    return all.p;
}

static void test_holder_is_on_its_own(void)
{
    static const char *const own[] = {"/dev/null", "/dev/ptmx", "/dev/pts/", "socket:[", "pipe:["};
    if (!HAVE_PROC)
        skip("there is no /proc");
    int leak = open("/dev/zero", O_RDONLY); /* something the daemon inherits and nobody else may */
    CHECK(leak > 2);
    daemon_start();
    char *id = start_program("pause", NULL, NULL);
    AWAIT_SESSION(id, "last_output", "ready");
    pid_t holder = holder_of(id), program = 0;
    REQUIRE(holder > 0);
    CHECK_INT(programs_of(id, &program, 1), 1);
    CHECK_INT(proc_stat(holder, 5), holder); /* process group, session, terminal (none), parent */
    CHECK_INT(proc_stat(holder, 6), holder);
    CHECK_INT(proc_stat(holder, 7), 0);
    CHECK(proc_stat(holder, 4) != e2e.daemon);
    CHECK_INT(proc_stat(program, 5), program);
    CHECK_INT(proc_stat(program, 6), program);
    CHECK(proc_stat(program, 7) != 0);
    CHECK_INT(proc_stat(program, 4), holder);
    char *daemons = proc_open_files(e2e.daemon), *holders = proc_open_files(holder), *programs =
        proc_open_files(program);
    CHECK_HAS(daemons, "/dev/zero"); /* or this test is blind */
    for (char *line = strtok(format("%s", holders), "\n"); line; line = strtok(NULL, "\n")) {
        char *file = strchr(line, ' ') + 1;
        int known = strcmp(file, session_file(id, "log")) == 0 ||
            strcmp(file, session_file(id, "holder.lock")) == 0;
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
            known |= strncmp(file, own[i], strlen(own[i])) == 0;
        if (!known || (strchr(file, '[') && strstr(daemons, file)))
            FAIL("the holder has %s", line);
    }
    for (char *line = strtok(programs, "\n"); line; line = strtok(NULL, "\n"))
        if (strncmp(strchr(line, ' '), " /dev/pts/", 10) != 0 || atoi(line) > 2)
            FAIL("the program has %s", line);
    char cwd[4096] = "";
    CHECK_INT(readlink(format("/proc/%ld/cwd", (long)holder), cwd, sizeof cwd - 1), 1);
    CHECK_TEXT(cwd, "/"); /* it keeps no file system busy */
}

static struct reply say(const char *id, const char *message)
{
    return call("POST", session_path(id, "/message"),
                format("{\"message\": %s}", json_quote(message)));
}

static void test_message_delivered(void)
{
    daemon_start();
    char *id = start_sh("echo ready; while read line; do echo \"got <$line>\"; done");
    AWAIT_SESSION(id, "last_output", "ready");
    struct reply r = say(id, "hello there \xe2\x82\xac");
    CHECK_TEXT(r.body, "{\"status\":\"success\",\"result\":\"delivered\"}");
    AWAIT_SESSION(id, "last_output", "got <hello there \xe2\x82\xac>");
    CHECK_TEXT(session_get(id, "last_input"), "hello there \xe2\x82\xac");
    CHECK_INT(say(id, "one\ntwo\r\nthree").status, 200); /* a line feed is an Enter */
    AWAIT(strstr(transcript(id), "got <three>"));
    CHECK_HAS(transcript(id), "got <one>");
    CHECK_HAS(transcript(id), "got <two>");
    AWAIT_SESSION(id, "last_input", "one\ntwo\r\nthree");
}

/* A program that reads nothing gives only the terminal's echo: that is no receipt. */
static void test_message_unconfirmed(void)
{
    daemon_start();
    char *id = start("\"command\": [\"sleep\", \"1000\"]");
    long long began = now_ms();
    CHECK_TEXT(say(id, "hello").body, "{\"status\":\"success\",\"result\":\"unconfirmed\"}");
    CHECK(now_ms() - began >= 1000 && now_ms() - began < 4000);
    CHECK_TEXT(session_get(id, "last_input"), "hello");
}

/* A program that ends because of a message has got it. */
static void test_message_that_ends(void)
{
    daemon_start();
    char *id = start_sh("stty -echo; echo ready; read x; exit 4");
    AWAIT_SESSION(id, "last_output", "ready");
    CHECK_TEXT(say(id, "end").body, "{\"status\":\"success\",\"result\":\"delivered\"}");
    AWAIT_SESSION(id, "exit_code", "4");
}

/* A program that takes pastes gets the text as one, then Enter; an escape in it can't end the
 * paste. */
static void test_message_is_pasted(void)
{
    daemon_start();
    char *plain = start_program("hex", NULL, NULL), *paste = start_program("hex", "paste", NULL);
    AWAIT_SESSION(plain, "last_output", "ready");
    AWAIT_SESSION(paste, "last_output", "ready");
    CHECK_INT(say(plain, "a\nb").status, 200);
    AWAIT(strstr(transcript(plain), "<61><0d><62><0d>"));
    CHECK_INT(say(paste, "a\n\033[201~b").status, 200);
    AWAIT(strstr(transcript(paste), "<0d>"));
    CHECK_HAS(transcript(paste),
              "<1b><5b><32><30><30><7e><61><0a><5b><32><30><31><7e><62>"
              "<1b><5b><32><30><31><7e><0d>");
}

static void test_first_message(void)
{
    daemon_start();
    char *id = start(format("\"message\": \"/hello you\", \"command\": %s",
                            json_array("sh", "-c",
                                       "echo ready; read x; echo \"got <$x>\"; sleep 1000", NULL)));
    AWAIT_SESSION(id, "last_output", "got </hello you>");
    CHECK_TEXT(session_get(id, "last_input"), "/hello you");
    CHECK_TEXT(session_get(id, "title"), "/hello you");
    char *other = start(format("\"message\": \"hello\", \"command\": %s", json_array("cat", NULL)));
    CHECK_TEXT(session_get(other, "title"), "Untitled");
    CHECK_TEXT(session_get(start("\"title\": null, \"command\": \"cat\""), "title"), "Untitled");
}

static void press(const char *id, const char *key, int count)
{
    struct reply r = call("POST", session_path(id, "/keys"),
                          format("{\"key\": \"%s\", \"count\": %d}", key, count));
    CHECK_INT(r.status, 200);
    CHECK_TEXT(r.body, "{\"status\":\"success\"}");
}

static void test_keys(void)
{
    static const struct {
        const char *key;
        int count;
        const char *plain, *app;
    } keys[] = {{"enter", 1, "<0d>", "<0d>"}, {"escape", 1, "<1b>", "<1b>"},
                {"tab", 2, "<09><09>", "<09><09>"},
                {"shift_tab", 1, "<1b><5b><5a>", "<1b><5b><5a>"}, {"backspace", 1, "<7f>", "<7f>"},
                {"key_up", 3, "<1b><5b><41><1b><5b><41><1b><5b><41>",
                 "<1b><4f><41><1b><4f><41><1b><4f><41>"},
                {"key_down", 1, "<1b><5b><42>", "<1b><4f><42>"},
                {"key_left", 1, "<1b><5b><44>", "<1b><4f><44>"},
                {"key_right", 1, "<1b><5b><43>", "<1b><4f><43>"}, {"ctrl_c", 1, "<03>", "<03>"},
                {"ctrl_d", 1, "<04>", "<04>"}, {"ctrl_z", 1, "<1a>", "<1a>"}};
    struct text plain_want = {0}, app_want = {0};
    daemon_start();
    char *plain = start(format("\"cols\": 500, \"command\": %s",
                               json_array(e2e.self, "program", "hex", NULL)));
    char *app = start(format("\"cols\": 500, \"command\": %s",
                             json_array(e2e.self, "program", "hex", "app", NULL)));
    AWAIT_SESSION(plain, "last_output", "ready");
    AWAIT_SESSION(app, "last_output", "ready");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        press(plain, keys[i].key, keys[i].count);
        press(app, keys[i].key, keys[i].count);
        text_str(&plain_want, keys[i].plain);
        text_str(&app_want, keys[i].app);
    }
    AWAIT(strstr(transcript(plain), "<1a>") && strstr(transcript(app), "<1a>"));
    CHECK_HAS(transcript(plain), plain_want.p);
    CHECK_HAS(transcript(app), app_want.p);
}

/* Through the terminal's own line discipline Ctrl-C is a signal. */
static void test_key_interrupts(void)
{
    daemon_start();
    char *id = start_sh("trap 'echo; echo interrupted; exit 3' INT; echo ready; while :; do sleep "
                        "0.1; done");
    AWAIT_SESSION(id, "last_output", "ready");
    press(id, "ctrl_c", 1);
    AWAIT_SESSION(id, "exit_code", "3");
    CHECK_TEXT(session_get(id, "last_output"), "interrupted");
}

static char *tail(const char *id, int chars)
{
    return json_get(get(session_path(id, format("/transcript?tail_chars=%d", chars))).body,
                    "transcript");
}

static void check_transcript(const char *id)
{
    struct reply r = get(session_path(id, "/transcript"));
    CHECK_INT(r.status, 200);
    CHECK_TEXT(json_get(r.body, "status"), "success");
    CHECK_TEXT(json_get(r.body, "data.status"), "success");
    CHECK_TEXT(json_get(r.body, "data.session_id"), id);
    CHECK_TEXT(json_get(r.body, "data.project_dir"), e2e.dir);
    CHECK_TEXT(json_get(r.body, "data.messages"), json_get(r.body, "transcript"));
    CHECK_TEXT(json_get(r.body, "data.created_at"), session_get(id, "created_at"));
    CHECK_TEXT(json_get(r.body, "data.last_activity"), session_get(id, "last_activity"));
    CHECK_TEXT(json_get(r.body, "transcript"),
               "bold and moved\n\xe2\x82\xac\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9 end\n");
    CHECK_TEXT(tail(id, 5), " end\n"); /* characters, not bytes, the line feed one of them */
    CHECK_TEXT(tail(id, 6), "\xc3\xa9 end\n");
    CHECK_TEXT(tail(id, 7), "\xf0\x9f\x98\x80\xc3\xa9 end\n");
    CHECK_TEXT(tail(id, 8), "\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9 end\n");
    CHECK_TEXT(tail(id, 1), "\n");
    CHECK_TEXT(tail(id, 0), "");
    CHECK_TEXT(tail(id, -1), "");
}

static void test_transcript(void)
{
    daemon_start();
    char *go = format("%s/go", e2e.dir);
    if (mkfifo(go, 0600) != 0)
        e2e_die(go);
    char *id = start_sh(format("printf '\\033[1;31mbold\\033[0m \\033]0;title\\007and "
                               "xxxxx\\033[5Dmoved\\033[K\\r\\n"
                               "\\342\\202\\254\\342\\202\\254\\360\\237\\230\\200\\303\\251 "
                               "end\\n'; read x < %s", go));
    AWAIT_SESSION(id, "last_output", "\xe2\x82\xac\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9 end");
    AWAIT(session_get(id, "last_activity"));
    check_transcript(id);
    file_write(go, "x\n", 0600);
    AWAIT_SESSION(id, "state", "exited");
    check_transcript(id); /* from the log now */
    daemon_stop();
    daemon_start();
    check_transcript(id);
}

/* 5,000 characters when nothing else is asked for. */
static void test_transcript_default(void)
{
    daemon_start();
    char *id = start_program("flood", "20000", NULL);
    AWAIT_SESSION(id, "state", "exited");
    CHECK_INT(strlen(json_get(get(session_path(id, "/transcript")).body, "transcript")), 5000);
}

static void test_screen(void)
{
    daemon_start();
    char *id = start(format("\"cols\": 20, \"rows\": 4, \"command\": %s",
                            json_array("sh", "-c",
                                       "printf '\\033]2;the title\\007\\033[2;3Hhere "
                                       "\\033[7m\\342\\202\\254"
                                       "\\033[0m\\033[4;20Hx"
                                       "\\033[3;2H\\346\\274\\242z'; sleep 1000", NULL)));
    AWAIT(strstr(screen_text(id), "z"));
    struct reply r = get(session_path(id, "/screen"));
    CHECK_INT(r.status, 200);
    CHECK_TEXT(json_raw(r.body, "cols"), "20");
    CHECK_TEXT(json_raw(r.body, "rows"), "4");
    CHECK_TEXT(json_raw(r.body, "cursor"), "[2,4]");
    CHECK_TEXT(json_raw(r.body, "title"), "\"the title\"");
    CHECK_TEXT(json_raw(r.body, "lines"), "[\"\",\"  here \xe2\x82\xac\",\" \xe6\xbc\xa2z\","
                                          "\"                   x\"]");
}

static void test_title(void)
{
    daemon_start();
    struct wire w = subscribe("sessions");
    char *id = start_program("pause", NULL, NULL), *path = session_path(id, "");
    struct reply r = call("PATCH", path, "{\"title\": \"new \\u20ac\"}");
    CHECK_INT(r.status, 200);
    CHECK_TEXT(json_get(r.body, "title"), "new \xe2\x82\xac");
    CHECK_TEXT(json_get(r.body, "session_id"), id);
    event_await_value(&w, id, "title", "new \xe2\x82\xac");
    CHECK_TEXT(json_get(file_read(session_file(id, "record.json"), NULL), "title"),
               "new \xe2\x82\xac");
    CHECK_INT(call("PATCH", path, format("{\"title\": \"%s\"}", repeat('t', 100000))).status, 422);
    daemon_kill();
    daemon_start();
    CHECK_TEXT(session_get(id, "title"), "new \xe2\x82\xac");
}

static void test_initiator(void)
{
    daemon_start();
    char *parent = start_program("pause", NULL, NULL);
    char *child = start(format("\"initiator_session_id\": \"%s\", \"command\": [\"sleep\", "
                               "\"1000\"]", parent));
    CHECK_TEXT(session_get(child, "initiator_session_id"), parent);
    daemon_stop();
    daemon_start();
    CHECK_TEXT(session_get(child, "initiator_session_id"), parent);
    CHECK_TEXT(json_get(get("/sessions").body, "0.session_id"), parent); /* by age */
}

/* An agent is its configured command, the mode's flags, and the prompt where it takes one. */
static void test_agents(void)
{
    file_write(format("%s/telec/config", e2e.config),
               "[agent robot]\ncommand = robot 'two words'\nfast = --quick\nslow = --deep \"a "
               "b\"\nprompt = -i\n"
               "[agent typist]\ncommand = typist\n", 0600);
    file_write(format("%s/robot", e2e.bin), "#!/bin/sh\nfor a; do echo \"<$a>\"; done; echo end; "
                                            "sleep 1000\n", 0700);
    file_write(format("%s/typist", e2e.bin), "#!/bin/sh\necho ready; read x; echo \"typed <$x>\"; "
                                             "sleep 1000\n", 0700);
    daemon_start();
    char *id = start("\"agent\": \"robot\", \"message\": \"it's me\"");
    AWAIT_SESSION(id, "last_output", "end");
    CHECK_TEXT(transcript(id), "<two words>\n<-i>\n<it's me>\nend\n");
    CHECK_TEXT(session_get(id, "active_agent"), "robot");
    CHECK_TEXT(session_get(id, "thinking_mode"), "slow"); /* a word for TeleClaude, no flags */
    CHECK_TEXT(session_get(id, "mode"), "null");
    CHECK_TEXT(session_get(id, "last_input"), "it's me");
    id = start("\"agent\": \"robot\", \"thinking_mode\": \"fast\"");
    AWAIT_SESSION(id, "last_output", "end");
    CHECK_TEXT(transcript(id), "<two words>\n<--quick>\nend\n");
    CHECK_TEXT(session_get(id, "thinking_mode"), "fast");
    CHECK_TEXT(session_get(id, "mode"), "fast");
    id = start("\"agent\": \"robot\", \"thinking_mode\": \"slow\"");
    AWAIT_SESSION(id, "last_output", "end");
    CHECK_TEXT(transcript(id), "<two words>\n<--deep>\n<a b>\nend\n");
    CHECK_TEXT(session_get(id, "mode"), "slow");
    daemon_stop();
    daemon_start();
    CHECK_TEXT(session_get(id, "mode"), "slow");
    id = start("\"agent\": \"typist\", \"thinking_mode\": \"med\", \"message\": \"by hand\"");
    AWAIT_SESSION(id, "last_output", "typed <by hand>");
}

/* The agent's conversation has an id from its start on, which outlives the daemon and the holder; a
 * hook that tells another one replaces it. */
static void test_native_id(void)
{
    file_write(format("%s/telec/config", e2e.config),
               "[agent own]\ncommand = claude --continue\nsession_id = --session-id\n", 0600);
    file_write(format("%s/claude", e2e.bin), "#!/bin/sh\nfor a; do echo \"<$a>\"; done; echo end; "
                                             "read x\n", 0700);
    file_write(format("%s/codex", e2e.bin), "#!/bin/sh\nfor a; do echo \"<$a>\"; done; echo end; "
                                            "read x\n", 0700);
    daemon_start();
    char *id = start("\"agent\": \"claude\", \"message\": \"words\"");
    AWAIT_SESSION(id, "last_output", "end");
    char *native = session_get(id, "native_session_id"),
         *record = format("%s/telec/sessions/%s/record.json", e2e.state, id);
    CHECK_INT(strlen(native), 36);
    CHECK_TEXT(transcript(id), format("<--session-id>\n<%s>\n<words>\nend\n", native));
    CHECK_TEXT(json_get(file_read(record, NULL), "native_session_id"), native);
    CHECK_TEXT(json_get(get("/sessions").body, "0.native_session_id"), native);
    CHECK_INT(call("POST", session_path(id, "/event"), format("{\"type\": \"stop\", "
                   "\"native_session_id\": \"%s\"}", native)).status, 200);
    AWAIT_SESSION(id, "state", "idle"); /* a new conversation begins between turns only */
    CHECK_INT(call("POST", session_path(id, "/event"), "{\"type\": \"session_start\", "
                   "\"native_session_id\": \"another-1\"}").status, 200);
    AWAIT_SESSION(id, "native_session_id", "another-1");
    CHECK_TEXT(json_get(file_read(record, NULL), "native_session_id"), "another-1");
    /* an id that an agent's command line would read as an option is not kept */
    CHECK_INT(call("POST", session_path(id, "/event"), "{\"type\": \"stop\", "
                   "\"native_session_id\": \"--yolo\"}").status, 200);
    AWAIT_SESSION(id, "state", "idle");
    CHECK_TEXT(json_get(file_read(record, NULL), "native_session_id"), "another-1");
    daemon_kill();
    daemon_start();
    say(id, "over");
    AWAIT_SESSION(id, "state", "exited");
    CHECK_TEXT(json_get(file_read(record, NULL), "native_session_id"), "another-1");
    /* a command that names its conversation, and an agent that takes no id */
    id = start("\"agent\": \"own\"");
    AWAIT_SESSION(id, "last_output", "end");
    CHECK_TEXT(transcript(id), "<--continue>\nend\n");
    id = start("\"agent\": \"codex\"");
    AWAIT_SESSION(id, "last_output", "end");
    CHECK_TEXT(transcript(id), "end\n");
    CHECK(!json_at(get(session_path(id, "")).body, "native_session_id"));
}

static void test_shell_agent(void)
{
    daemon_start();
    char *id = start("\"agent\": \"shell\"");
    AWAIT(strpbrk(transcript(id), "$#"));
    CHECK_INT(say(id, "echo $((40+2))-$TELEC_SESSION_ID").status, 200);
    AWAIT(strstr(transcript(id), format("42-%s", id)));
    CHECK_INT(say(id, "exit 9").status, 200);
    AWAIT_SESSION(id, "exit_code", "9");
}

static const struct test session_tests[] = {
    {"session_object", test_session_object},
    {"session_life", test_session_life},
    {"session_exits", test_session_exits},
    {"session_last_words", test_session_last_words},
    {"session_state", test_session_state},
    {"session_events", test_session_events},
    {"record_before_announcement", test_record_before_announcement},
    {"files_are_private", test_files_are_private},
    {"session_environment", test_session_environment},
    {"holder_is_on_its_own", test_holder_is_on_its_own},
    {"message_delivered", test_message_delivered},
    {"message_unconfirmed", test_message_unconfirmed},
    {"message_that_ends", test_message_that_ends},
    {"message_is_pasted", test_message_is_pasted},
    {"first_message", test_first_message},
    {"keys", test_keys},
    {"key_interrupts", test_key_interrupts},
    {"transcript", test_transcript},
    {"transcript_default", test_transcript_default},
    {"screen", test_screen},
    {"title", test_title},
    {"initiator", test_initiator},
    {"agents", test_agents},
    {"native_id", test_native_id},
    {"shell_agent", test_shell_agent},
};
