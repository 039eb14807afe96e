/* Unit tests of grep and doctor, with the daemon by script of context.c. */

static void unit_tools_grep(void)
{
    static const struct unit_context_reply script[] = {
        {"GET /sessions", 200, "[" UNIT_COMMANDS_SESSION ",{\"session_id\":\"b\"}]"},
        {"GET /sessions?wait_ms=1000", 200, "[" UNIT_COMMANDS_SESSION ",{\"session_id\":\"b\"}]"},
        {"GET /sessions/abcdef1234/transcript?tail_chars=2147483647", 200,
         "{\"transcript\":\"one\\nTwo \\u001b[1m\\nthree\\n\"}"},
        {"GET /sessions/b/transcript?tail_chars=2147483647", 200, "{\"transcript\":\"a two b\"}"},
        {"GET /sessions?wait_ms=1000&computer=far", 200, "[{\"session_id\":\"f\"}]"},
        {"GET /sessions/f/transcript?tail_chars=2147483647&computer=far", 200,
         "{\"transcript\":\"two far\"}"},
        {NULL, 0, NULL}};
    static const struct {
        const char *line;
        int status;
        const char *out;
    } cases[] = {
        {"grep two", 0, "b: a two b\n"},
        {"grep -i TWO", 0, "abcdef12: Two \\x1b[1m\nb: a two b\n"},
        {"grep two abcd", 1, ""},
        {"grep --computer far two", 0, "f: two far\n"},
        {"grep thre abcd b", 0, "abcdef12: three\n"},
        {"grep three none", 2, ""},
        {"grep ''", 2, ""},
    };
    struct unit_context u;
    test_begin("grep prints the lines that have a text, behind their sessions' ids");
    unit_context_init(&u, script);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK_INT(unit_context_call(&u, cases[i].line), cases[i].status);
        if (cases[i].status < 2 && !strstr(cases[i].line, "-i"))
            CHECK_SPAN(buf_view(&u.out), cases[i].out);
        CHECK(!strchr(buf_cstr(&u.out), '\033'));
    }
    unit_context_free(&u);
}

static void unit_tools_doctor(void)
{
    static const struct unit_context_reply script[] = {
        {"GET /status", 200,
         "{\"redis\":{\"state\":\"refused\",\"why\":\"NOAUTH\",\"address\":\"h:1\"}}"},
        {NULL, 0, NULL}};
    static const char *const abouts[] = {"logout", "cgroup", "descriptors", "sockets", "state",
                                         "machine", "terminal", "redis"};
    struct unit_context u;
    struct json array;
    test_begin("doctor has a verdict on each point, and fails when one is bad");
    unit_context_init(&u, script);
    u.config.redis_url = "redis://h:1";
    CHECK_INT(unit_context_call(&u, "doctor --json"), 1);
    CHECK(json_parse(buf_view(&u.out), &array, NULL, NULL) == PARSE_DONE);
    for (size_t i = 0; i < COUNT_OF(abouts); i++) {
        char *text = NULL;
        for (struct json_iter it = json_iter(array); json_next(&it);)
            if (json_text_eq(json_get(it.value, "about"), abouts[i]))
                text = json_dup_text(json_get(it.value, "verdict"));
        CHECK(text != NULL);
        if (strcmp(abouts[i], "redis") == 0)
            CHECK(strcmp(text ? text : "", "bad") == 0);
        free(text);
    }
    CHECK(strstr(u.out.p, "h:1: refused, NOAUTH") != NULL);
    CHECK_INT(unit_context_call(&u, "doctor"), 1);
    CHECK(strstr(u.out.p, "BAD   redis") && strstr(u.out.p, "\n                    -> "));
    unit_context_free(&u);
}

static void unit_tools_say_once(void)
{
    struct config c = {0};
    char dir[64], path[80];
    test_begin("what is bad about a host is said once, and never where that can't be noted");
    CHECK((c.state = mkdtemp(unit_base_temporary(dir))) != NULL);
    CHECK_INT(hints_say_once(&c, "state: full"), 1);
    CHECK_INT(hints_say_once(&c, "state: full"), 0);
    CHECK_INT(hints_say_once(&c, "cgroup: x"), 1);
    snprintf(path, sizeof path, "%s/hints", dir);
    CHECK_INT(unlink(path), 0);
    CHECK_INT(rmdir(dir), 0);
    CHECK_INT(hints_say_once(&c, "state: full"), 0);
}

static void unit_tools_logind(void)
{
    static const struct {
        const char *main, *sub;
        int kills;
    } cases[] = {{"[Login]\n", "", 0},
                 {"[Login]\nKillUserProcesses=yes\n", "[Login]\n", 1},
                 {"[Login]\n#KillUserProcesses=yes\n", "", 0},
                 {"[Login]\nKillUserProcesses=yes\n", "[Login]\nKillUserProcesses=no\n", 0},
                 {"[Login]\nKillUserProcesses=no\n", "[Login]\nKillUserProcesses=true\n", 1},
                 {"[Login]\nKillUserProcesses=", "", 0}};
    char dir[64];
    test_begin("logind's last word on a user's processes counts, of its file and its directory");
    CHECK(mkdtemp(unit_base_temporary(dir)) != NULL);
    char *file = store_path(dir, "logind.conf"), *sub = store_path(dir, "d");
    const char *const places[] = {file, sub, "/nowhere"};
    CHECK_INT(mkdir(sub, 0700), 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unit_vcs_write(dir, "logind.conf", cases[i].main, strlen(cases[i].main));
        unit_vcs_write(sub, "x.conf", cases[i].sub, strlen(cases[i].sub));
        CHECK_INT(host_kills(places, COUNT_OF(places)), cases[i].kills);
    }
    unit_roadmap_remove(dir);
    free(file), free(sub);
}

static void unit_tools_directory(void)
{
    char dir[64];
    long long ms;
    buf said = {0};
    test_begin("a directory is tried for what telec needs of it, and nothing stays there");
    CHECK(mkdtemp(unit_base_temporary(dir)) != NULL);
    CHECK(!host_try(dir, 1, &ms));
    CHECK_INT(rmdir(dir), 0);
    CHECK(host_try(dir, 1, &ms) != NULL);
    host_put_type("/proc/self", &said);
    CHECK(strcmp(buf_cstr(&said), "proc") == 0 || access("/proc/self/mounts", R_OK) != 0);
    buf_free(&said);
}

#define UNIT_TOOLS_THREE \
    "[{\"session_id\":\"abc1\",\"state\":\"waiting\",\"active_agent\":\"codex\"," \
    "\"working_directory\":\"/w/p\",\"state_since\":\"2026-01-01T00:00:02+00:00\"}," \
    "{\"session_id\":\"abc2\",\"state\":\"idle\",\"command\":\"vi\"," \
    "\"working_directory\":\"/w/pq\"," \
    "\"last_activity\":\"2026-01-01T00:00:09+00:00\"}," \
    "{\"session_id\":\"abc3\",\"state\":\"waiting\",\"active_agent\":\"codex\"," \
    "\"working_directory\":\"/x/p\",\"state_since\":\"2026-01-01T00:00:01+00:00\"}," \
    "{\"session_id\":\"abc4\",\"state\":\"exited\",\"working_directory\":\"/w/p/sub\"}]"

static const struct unit_context_reply unit_tools_three[] = {
    {"GET /sessions?wait_ms=1000", 200, UNIT_TOOLS_THREE},
    {"GET /sessions", 200, UNIT_TOOLS_THREE},
    {"POST /sessions/end", 200, "{\"failed\":[]}"},
    {"DELETE /sessions/abc1", 200, "{}"},
    {"DELETE /sessions/abc2", 200, "{}"},
    {"POST /sessions/abc1/message", 200, "{\"result\":\"delivered\"}"},
    {"POST /sessions/abc2/message", 200, "{\"result\":\"queued\"}"},
    {"POST /sessions/abc3/message", 409, "{\"detail\":\"waiting: y/n\"}"},
    {"POST /sessions/abc1/answer", 200, "{}"},
    {"POST /sessions/abc4/restart", 200, "{}"},
    {NULL, 0, NULL}};

static void unit_tools_filters(void)
{
    static const struct {
        const char *line;
        int status;
        const char *asked, *out;
    } cases[] = {
        {"kill --project p", 0, "\"ids\":[\"abc1\",\"abc3\"]}", NULL}, /* of that name */
        {"kill --project /w", 0, "\"ids\":[\"abc1\",\"abc2\",\"abc4\"]}", NULL},
        {"kill --agent shell", 0, "DELETE /sessions/abc2", NULL},
        {"kill --state waiting --project /w/p/", 0, "DELETE /sessions/abc1", NULL},
        {"kill --all", 0, "\"ids\":[\"abc1\",\"abc2\",\"abc3\",\"abc4\"]}", NULL},
        {"kill --agent gemini", 1, "", NULL},
        {"kill --all abc1", 2, "", NULL},
        {"kill", 2, "", NULL},
        {"send --to abc1,abc2 do it", 0, "{\"message\":\"do it\",\"enter\":true",
         "abc1\tdelivered\nabc2\tqueued\n"},
        {"send --state waiting go", 1, "POST /sessions/abc3/message", "abc1\tdelivered\n"},
        {"send --force abc2 x", 0, "\"force\":true", "queued\n"},
        {"send abc2", 2, "", NULL},
        {"answer abc1 yes", 0, "\"answer\":\"yes\"", "sent\n"},
        {"restart --project p --agent shell", 1, "", NULL}, /* only what has exited */
        {"restart --project /w/p", 0, "POST /sessions/abc4/restart {\"fresh\":false", "abc4\n"},
    };
    struct unit_context u;
    if (HTTP_BODY_MAX < 65536) /* a limit for tests, which the environment exceeds */
        return;
    test_begin("a command acts on those whose ids or filters are given, never on others");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unit_context_init(&u, unit_tools_three);
        CHECK_INT(unit_context_call(&u, cases[i].line), cases[i].status);
        if (!strstr(u.asked.p, cases[i].asked) ||
            (cases[i].out && strcmp(u.out.p, cases[i].out) != 0))
            printf("#   %s: %s%s\n", cases[i].line, u.asked.p, u.out.p);
        CHECK(strstr(u.asked.p, cases[i].asked) != NULL);
        CHECK(!cases[i].out || strcmp(u.out.p, cases[i].out) == 0);
        unit_context_free(&u);
    }
}

static void unit_tools_many_ids(void)
{
    struct unit_context u;
    buf line = {0};
    test_begin("send --to takes as many ids as are given");
    unit_context_init(&u, unit_tools_three);
    buf_str(&line, "send --to ");
    for (int i = 0; i < 70; i++)
        buf_str(&line, "abc1,");
    buf_str(&line, "abc2 x");
    CHECK_INT(unit_context_call(&u, buf_cstr(&line)), 0);
    CHECK(strstr(u.asked.p, "POST /sessions/abc2/message") != NULL);
    buf_free(&line);
    unit_context_free(&u);
}

static void unit_tools_enter(void)
{
    struct context c = {.status = 0};
    struct unit_context u;
    buf id = {0};
    char path[200];
    test_begin("attach goes to what has waited longest, and - to the one before");
    unit_context_init(&u, unit_tools_three);
    snprintf(path, sizeof path, "%s/telec", u.dir);
    CHECK_INT(mkdir(path, 0700), 0);
    c.config = u.config;
    attach_put_noted(&c.config, 1, &id);
    CHECK_INT(id.n, 0);
    attach_note(&c.config, "one");
    attach_note(&c.config, "one");
    attach_put_noted(&c.config, 1, &id);
    CHECK_INT(id.n, 0);
    attach_note(&c.config, "two");
    attach_put_noted(&c.config, 1, &id);
    CHECK_SPAN(buf_view(&id), "one");
    attach_note(&c.config, "one");
    buf_clear(&id);
    attach_put_noted(&c.config, 1, &id);
    CHECK_SPAN(buf_view(&id), "two");
    snprintf(path, sizeof path, "%s/" ATTACH_FILE, u.config.state);
    CHECK_INT(unlink(path), 0);
    CHECK_INT(rmdir(u.config.state), 0);
    CHECK_INT(unit_context_call(&u, "attach"), 1); /* no terminal here */
    CHECK(strstr(u.asked.p, "GET /sessions/abc3") != NULL);
    buf_free(&id);
    unit_context_free(&u);
}

static void unit_tools_words(void)
{
    static const struct unit_context_reply script[] = {
        {"DELETE /reach?name=b%20c", 200, "{}"}, {NULL, 0, NULL}};
    struct unit_context u;
    test_begin("unreach names the computer; help agents prints the guide");
    unit_context_init(&u, script);
    CHECK_INT(unit_context_call(&u, "unreach 'b c'"), 0);
    CHECK_INT(unit_context_call(&u, "unreach none"), 1);
    unit_context_free(&u);
    fflush(stdout);
    FILE *out = tmpfile();
    buf said = {0};
    int saved = unit_context_capture(1, out), status = guide_print();
    unit_context_release(1, saved, out, &said);
    CHECK_INT(status, 0);
    CHECK(strstr(said.p, "telec send") != NULL);
    buf_free(&said);
}

static void unit_tools(void)
{
    unit_tools_words();
    unit_tools_filters();
    unit_tools_many_ids();
    unit_tools_enter();
    unit_tools_grep();
    if (HTTP_HEAD_MAX >= 1024)
        unit_tools_doctor();
    unit_tools_say_once();
    unit_tools_directory();
    unit_tools_logind();
}
