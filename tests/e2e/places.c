/* places - everyday and odd places: directories, names, hosts without this or that. */

/* The last word that `telec new` … printed is a session, whose output ends in `want`. */
static void check_said(int line, struct cli *made, const char *want)
{
    char *id = format("%.36s", made->said[0].p);
    if (made->status != 0)
        check_fatal(__FILE__, line, format("status %d: %s", made->status, made->said[1].p));
    await_session(__FILE__, line, id, "last_output", want);
}

static void test_places_directories(void)
{
    umask(027);
    struct cli c = cli("new", "-C", "/", "--", "sh", "-c", "pwd; umask; read x", NULL);
    check_said(__LINE__, &c, "0027");
    char *dir = make_dir(e2e.dir, ".dot");
    c = cli("new", "-C", ".dot", "--", "sh", "-c", "pwd; read x", NULL); /* run in e2e.dir */
    check_said(__LINE__, &c, dir);
    char *odd = make_dir(e2e.dir, "odd\xff");
    c = cli("new", "-C", odd, "--", "true", NULL);
    CHECK_INT(c.status, 1);
    CHECK_HAS(c.said[1].p, "/odd");
    CHECK_HAS(c.said[1].p, "not UTF-8");
    c = cli("new", "-C", "x", "--computer", "elsewhere", "--", "true", NULL);
    CHECK_INT(c.status, 1);
    CHECK_HAS(c.said[1].p, "x: expected an absolute path");
    c = cli("project", "add", odd, NULL);
    CHECK_INT(c.status, 1);
    CHECK_HAS(c.said[1].p, "not UTF-8");
    umask(077); /* of this caller, not of the daemon */
    c = cli("new", "--", "sh", "-c", "umask; read x", NULL);
    check_said(__LINE__, &c, "0077");
}

static void test_places_names(void)
{
    static const char *const names[] = {"x", ".hidden", "."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        file_write(format("%s/telec/config", e2e.config),
                   format("[computer]\nname = %s\n", names[i]), 0600);
        daemon_start();
        struct reply r = call("POST", "/sessions",
                              format("{\"computer\": \"%s\", \"project_dir\": \"/\", "
                                     "\"command\": [\"sleep\", \"1000\"]}", names[i]));
        CHECK_INT(r.status, 200);
        CHECK_TEXT(session_get(json_get(r.body, "session_id"), "computer"), names[i]);
        daemon_stop();
    }
}

static const struct test places_tests[] = {
    {"places_directories", test_places_directories},
    {"places_names", test_places_names},
};
