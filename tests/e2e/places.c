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

/* make install, make clean: the file of the running daemon is moved, then removed, then another one
 * stands in its place. */
static void test_places_moved_binary(void)
{
    if (!HAVE_PROC)
        skip("the system has no name for the file of a running program");
    char *own = format("%s/telec", e2e.bin), *moved = format("%s/moved", e2e.bin);
    REQUIRE(system(format("cp '%s' '%s'", e2e.binary, own)) == 0);
    e2e.binary = own;
    daemon_start();
    for (int i = 0; i < 3; i++) {
        if (i == 0 ? rename(own, moved) : i == 1 ? unlink(moved) : 0)
            e2e_die(own);
        if (i == 2)
            file_write(own, "#!/bin/sh\nexit 1\n", 0700);
        char *id = start_sh("echo here; read x");
        AWAIT_SESSION(id, "last_output", "here");
        CHECK(holder_of(id) > 0); /* it has the program's name */
        end_session(id);
    }
}

/* A program that writes nothing has started, too. */
static void test_places_silent_program(void)
{
    struct cli c = cli("new", "sleep", "1000", NULL);
    long long began = now_ms();
    c = cli("wait", format("%.36s", c.said[0].p), NULL);
    CHECK_INT(c.status, 0);
    CHECK(now_ms() - began < 10000);
}

/* What can't be used is named, with what sets another one. */
static void test_places_no_home(void)
{
    struct cli c = cli_with("XDG_STATE_HOME=/dev/null/home", "list", NULL);
    CHECK_INT(c.status, 1);
    CHECK_HAS(c.said[1].p, "/dev/null/home: Not a directory; XDG_STATE_HOME sets another one");
    c = cli_with("XDG_RUNTIME_DIR=/dev/null/run", "list", NULL);
    CHECK_INT(c.status, 1);
    CHECK_HAS(c.said[1].p, "/dev/null/run: Not a directory; XDG_RUNTIME_DIR");
}

static const struct test places_tests[] = {
    {"places_directories", test_places_directories},
    {"places_names", test_places_names},
    {"places_moved_binary", test_places_moved_binary},
    {"places_silent_program", test_places_silent_program},
    {"places_no_home", test_places_no_home},
};
