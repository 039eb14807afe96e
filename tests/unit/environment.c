/* Unit tests of environment: which of a caller's variables a session's program gets. */

static void unit_environment_foreign(void)
{
    char *const given[] = {(char *)"PATH=/bin", (char *)"TMUX_PANE=1", (char *)"KITTY_ID=2",
                           (char *)"WINDOWID=3", (char *)"WINDOWIDS=4", (char *)"STY=5",
                           (char *)"LINES", (char *)"", (char *)"TERM_PROGRAM=x", NULL};
    char *env[COUNT_OF(given)];
    test_begin("what names the caller's terminal is omitted, but for what is kept by name");
    memcpy(env, given, sizeof env);
    environment_set(env, NULL);
    CHECK(strcmp(env[0], "PATH=/bin") == 0 && strcmp(env[1], "WINDOWIDS=4") == 0);
    CHECK(!*env[2] && !env[3]);
    CHECK_SPAN(span_of(getenv("TERM_PROGRAM")), "telec");
    CHECK_SPAN(span_of(getenv("TERM")), "xterm-256color");
    memcpy(env, given, sizeof env);
    environment_set(env, "KITTY_* STY");
    CHECK(strcmp(env[1], "KITTY_ID=2") == 0 && strcmp(env[3], "STY=5") == 0 && !env[5]);
    unsetenv("TERM_PROGRAM"), unsetenv("TERM_PROGRAM_VERSION"), unsetenv("COLORTERM");
}

static void unit_environment_ground(void)
{
    static const struct {
        const char *variable;
        int light;
    } cases[] = {{"COLORFGBG=0;15", 1}, {"COLORFGBG=0;default;7", 1}, {"COLORFGBG=15;0", 0},
                 {"COLORFGBG=15", 0},   {"COLORFGB=0;15", 0},         {"COLORFGBG=", 0}};
    test_begin("a light ground is known by COLORFGBG before a terminal was asked");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *env[] = {(char *)"A=;15", (char *)(uintptr_t)cases[i].variable, NULL};
        struct vt *vt = vt_new(80, 24);
        buf replies = {0};
        environment_set_ground(vt, env);
        vt_feed(vt, span_of("\033]11;?\033\\"));
        vt_drain_answers(vt, &replies);
        CHECK_INT(strstr(buf_cstr(&replies), "rgb:ffff/ffff/ffff") != NULL, cases[i].light);
        buf_free(&replies);
        vt_free(vt);
    }
}

static void unit_environment(void)
{
    unit_environment_foreign();
    unit_environment_ground();
}
