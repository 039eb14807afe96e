/* Unit tests of grep and doctor, with the daemon by script of context.c. */

static void unit_tools_grep(void)
{
    static const struct unit_context_reply script[] = {
        {"GET /sessions", 200, "[" UNIT_COMMANDS_SESSION ",{\"session_id\":\"b\"}]"},
        {"GET /sessions?wait_ms=1000", 200, "[" UNIT_COMMANDS_SESSION ",{\"session_id\":\"b\"}]"},
        {"GET /sessions/abcdef1234/transcript?tail_chars=2147483647", 200,
         "{\"transcript\":\"one\\nTwo \\u001b[1m\\nthree\\n\"}"},
        {"GET /sessions/b/transcript?tail_chars=2147483647", 200, "{\"transcript\":\"a two b\"}"},
        {NULL, 0, NULL}};
    static const struct {
        const char *line;
        int status;
        const char *out;
    } cases[] = {
        {"grep two", 0, "b: a two b\n"},
        {"grep -i TWO", 0, "abcdef12: Two \\x1b[1m\nb: a two b\n"},
        {"grep two abc", 1, ""},
        {"grep thre abc b", 0, "abcdef12: three\n"},
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
    free(u.config.redis_url);
    u.config.redis_url = span_dup(span_of("redis://h:1"));
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

static void unit_tools_directory(void)
{
    char dir[64];
    long long ms;
    buf said = {0};
    test_begin("a directory is tried for what telec needs of it, and nothing stays there");
    CHECK(mkdtemp(unit_base_temporary(dir)) != NULL);
    CHECK(!doctor_try(dir, 1, &ms));
    CHECK_INT(rmdir(dir), 0);
    CHECK(doctor_try(dir, 1, &ms) != NULL);
    doctor_put_type("/proc/self", &said);
    CHECK(strcmp(buf_cstr(&said), "proc") == 0 || access("/proc/self/mounts", R_OK) != 0);
    buf_free(&said);
}

static void unit_tools(void)
{
    unit_tools_grep();
    if (HTTP_HEAD_MAX >= 1024)
        unit_tools_doctor();
    unit_tools_directory();
}
