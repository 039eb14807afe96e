/* reach - a computer behind a pipe: another home of this one, by a shell script for COMMAND. */

/* A script that runs its arguments in the home NAME, after some noise. */
static char *reach_into(const char *name)
{
    char *dir = make_dir(e2e.dir, name), *path = format("%s/into-%s", e2e.dir, name);
    make_dir(dir, "r"), make_dir(dir, "state"), make_dir(dir, "home");
    char *config = make_dir(make_dir(dir, "config"), "telec");
    file_write(format("%s/config", config), format("[computer]\nname = %s\n", name), 0600);
    file_write(path,
               format("#!/bin/sh\necho Welcome; echo 'telec-00 ok'; unset TELEC_SOCKET\n"
                      "exec env XDG_RUNTIME_DIR=%s/r XDG_STATE_HOME=%s/state HOME=%s/home "
                      "XDG_CONFIG_HOME=%s/config \"$@\"\n",
                      dir, dir, dir, dir),
               0700);
    return path;
}

/* telec in that home. */
static struct cli reach_there(const char *into, const char *first, ...)
{
    va_list args;
    va_start(args, first);
    char **argv = cli_argv(first, args), *all[40] = {(char *)into};
    va_end(args);
    for (int i = 0; argv[i]; i++)
        all[i + 1] = argv[i];
    struct cli c = cli_spawn(NULL, all);
    cli_wait(__FILE__, __LINE__, &c);
    return c;
}

/* A telec that the far shell finds: nothing has to be brought there. */
static void reach_have_telec(void)
{
    if (symlink(e2e.binary, format("%s/telec", e2e.bin)) != 0)
        e2e_die("symlink");
}

static char *reach_new(const char *computer, const char *script)
{
    struct cli c = CLI_OK(cli("new", "--computer", computer, "--", "sh", "-c", script, NULL));
    return cli_line(&c);
}

static int reach_is_far(pid_t pid, const char *dir)
{
    return proc_has(pid, "cmdline", "relay") && proc_is_of_test(pid, dir);
}

static int reach_is_computer(const char *name, const char *status)
{
    struct cli c = cli("computers", NULL);
    return strstr(c.said[0].p, format("%s\t%s\t", name, status)) != NULL;
}

static void test_reach_sessions(void)
{
    char *into = reach_into("bee"), buffer[64];
    reach_have_telec();
    daemon_start();
    struct wire events = subscribe("sessions");
    struct cli c = CLI_OK(cli("reach", into, NULL));
    CHECK_TEXT(cli_line(&c), "bee is reached: 0 sessions");
    char *id = reach_new("bee", "echo hello; exec cat"), *event;
    event_await(&events, "session_created", id);
    event = event_await_value(&events, id, "last_output", "hello");
    CHECK_TEXT(json_get(event, "data.computer"), "bee");
    CHECK_HAS(CLI_OK(cli("tail", id, NULL)).said[0].p, "hello\n");
    CLI_OK(cli("send", id, "some words", NULL));
    event_await_value(&events, id, "last_output", "some words");
    CHECK_INT(call("PATCH", session_path(id, ""), "{\"title\": \"a name\"}").status, 200);
    event_await_value(&events, id, "title", "a name");
    CHECK_INT(call("DELETE", session_path(id, "?undo_s=5"), NULL).status, 200);
    event_await(&events, "session_removed", id);
    CHECK_INT(call("POST", session_path(id, "/restore?computer=bee"), NULL).status, 200);
    event_await(&events, "session_created", id);
    struct wire view = ws_open(session_path(id, "/attach?mode=control&cols=40&rows=10"));
    ws_send(&view, 0x82, "typed\r", 6);
    event_await_value(&events, id, "last_output", "typed");
    wire_close(&view);
    snprintf(buffer, sizeof buffer, "%s",
             reach_new("bee", format("exec %s program repaint", e2e.self)));
    event_await_value(&events, buffer, "last_output", "ready");
    pty_check_repaints(buffer);
    CLI_OK(cli("kill", buffer, NULL));
    event_await(&events, "session_removed", buffer);
    snprintf(buffer, sizeof buffer, "%s", id);
    CHECK_INT(status_of("clients"), 3); /* the tunnel has gone with its client */
    CLI_OK(cli("unreach", "bee", NULL));
    event_await(&events, "session_removed", buffer);
    CLI_FAILS(cli("unreach", "bee", NULL), 1, "no computer of that name");
    CHECK_HAS(CLI_OK(reach_there(into, "list", NULL)).said[0].p, format("%.8s\t", buffer));
    pid_t pid;
    AWAIT(proc_find(reach_is_far, e2e.dir, &pid, 1) == 0);
    CLI_OK(reach_there(into, "kill", buffer, NULL));
    CLI_OK(reach_there(into, "daemon", "--stop", NULL));
}

/* A pipe that breaks is made anew; what is asked meanwhile is refused, and sessions go on. */
static void test_reach_cut(void)
{
    char *into = reach_into("bee");
    reach_have_telec();
    daemon_start();
    CLI_OK(cli("reach", "./into-bee", NULL)); /* of the directory where it was said */
    char *id = reach_new("bee", "echo hello; exec cat");
    file_write(format("%s/bee", e2e.bin), file_read(into, NULL), 0700);
    file_write(format("%s/stay", e2e.dir), "", 0600);
    file_write(into, format("#!/bin/sh\nwhile [ -f %s/stay ]; do sleep 0.05; done\n%s", e2e.dir,
                            strchr(file_read(into, NULL), '\n') + 1), 0700);
    pid_t far;
    AWAIT(proc_find(reach_is_far, e2e.dir, &far, 1) == 1);
    kill(far, SIGKILL);
    AWAIT(reach_is_computer("bee", "stale"));
    CLI_FAILS(cli("send", id, "lost words", NULL), 1, "bee can't be reached now");
    CHECK_HAS(CLI_OK(cli("list", NULL)).said[0].p, format("%.8s\t", id));
    CHECK_HAS(cli("computers", NULL).said[0].p, "the connection to it has ended");
    /* who can be asked for a password says it anew */
    CHECK_HAS(CLI_OK(cli("reach", format("%s/bee", e2e.bin), NULL)).said[0].p, "bee is reached: 1");
    AWAIT(reach_is_computer("bee", "online"));
    unlink(format("%s/stay", e2e.dir));
    AWAIT_SESSION(id, "state", "idle");
    CLI_OK(cli("send", id, "more words", NULL));
    AWAIT(strstr(cli("tail", id, NULL).said[0].p, "more words") != NULL);
    CHECK(!strstr(cli("tail", id, NULL).said[0].p, "lost words"));
    /* and with the daemon here all goes but the sessions and their daemon */
    daemon_kill();
    AWAIT(proc_find(reach_is_far, e2e.dir, &far, 1) == 0);
    CHECK_HAS(CLI_OK(reach_there(into, "list", NULL)).said[0].p, format("%.8s\t", id));
    CLI_OK(reach_there(into, "kill", id, NULL));
    CLI_OK(reach_there(into, "daemon", "--stop", NULL));
}

/* The binary is brought once, whole or not at all, and found by its hash the next time. */
static void test_reach_brings_telec(void)
{
    char *into = reach_into("bee"), *cache = format("%s/bee/home/.cache", e2e.dir);
    file_write(format("%s/cut", e2e.dir),
               format("#!/bin/sh\ndd bs=1000 count=100 2>/dev/null | exec %s \"$@\"\n", into),
               0700);
    daemon_start();
    CLI_FAILS(cli("reach", format("%s/cut", e2e.dir), NULL), 1, "did not arrive whole");
    CHECK_INT(system(format("test -z \"$(ls %s 2>/dev/null)\"", cache)), 0);
    CLI_OK(cli("reach", "--name", "first", into, NULL));
    CHECK_INT(system(format("cmp -s %s/telec-* %s", cache, e2e.binary)), 0);
    CLI_OK(cli("unreach", "first", NULL));
    file_write(format("%s/cut", e2e.dir),
               format("#!/bin/sh\ntee %s/sent | exec %s \"$@\"\n", e2e.dir, into), 0700);
    CLI_OK(cli("reach", "--name", "second", format("%s/cut", e2e.dir), NULL));
    CHECK(file_size(format("%s/sent", e2e.dir)) < 10000);
    CLI_OK(cli("unreach", "second", NULL));
    CLI_OK(reach_there(into, "daemon", "--stop", NULL));
}

static void test_reach_refusals(void)
{
    char *into = reach_into("bee");
    reach_have_telec();
    daemon_start();
    struct cli none = cli("reach", "/nonexistent/x", NULL);
    CHECK_INT(none.status, 1);
    CHECK_HAS(none.said[1].p, "cannot run /nonexistent/x: No such file");
    CLI_FAILS(cli("reach", "true", NULL), 1, "ended before a telec answered");
    CHECK_INT(cli("reach", NULL).status, 2);
    char *rude = format("%s/rude", e2e.dir); /* what the other side says reaches no terminal raw */
    file_write(rude, "#!/bin/sh\nread l; m=${l#m=}; printf '\\n%s failed \\033[31mred\\n' "
                     "\"${m%% *}\"\nsleep 1\n", 0700);
    CLI_FAILS(cli("reach", rude, NULL), 1, "^[[31mred");
    char *here = json_get(get("/computers").body, "0.name");
    CLI_FAILS(cli("reach", "--name", here, into, NULL), 1, "this computer's name");
    CLI_OK(cli("reach", into, NULL));
    CLI_FAILS(cli("reach", into, NULL), 1, "reached already");
    CHECK(reach_is_computer("bee", "online"));
    CHECK_INT(call("POST", "/sessions", "{\"computer\": \"bee\", \"project_dir\": \"/no\"}").status,
              400);
    CHECK_INT(get("/sessions/none/transcript?computer=bee").status, 404);
    CLI_OK(reach_there(into, "daemon", "--stop", NULL));
}

/* A computer that the reached one reaches is in the tree, too. */
static void test_reach_chain(void)
{
    char *bee = reach_into("bee"), *sea = reach_into("sea");
    reach_have_telec();
    daemon_start();
    CLI_OK(cli("reach", bee, NULL));
    CLI_OK(reach_there(bee, "reach", sea, NULL));
    AWAIT(reach_is_computer("sea", "online"));
    char *id = reach_new("sea", "echo far; exec cat");
    AWAIT_SESSION(id, "last_output", "far");
    CHECK_TEXT(session_get(id, "computer"), "sea");
    CLI_OK(cli("send", id, "words", NULL));
    AWAIT_SESSION(id, "last_output", "words");
    char *near = start_sh("read x"), *second = reach_new("bee", "read x");
    AWAIT_SESSION(second, "state", "idle");
    CLI_OK(cli("kill", id, near, second, NULL)); /* of three computers, with one request */
    CHECK_INT(json_count(get("/sessions").body, ""), 0);
    CLI_OK(reach_there(sea, "daemon", "--stop", NULL));
    CLI_OK(reach_there(bee, "daemon", "--stop", NULL));
}

/* Of the two processes of a link: the one that holds it, the other's child. */
static int reach_is_link(pid_t pid, const char *dir)
{
    char *status = file_read(format("/proc/%ld/status", (long)pid), NULL);
    char *parent = status ? strstr(status, "PPid:") : NULL;
    return parent && proc_is_telec(pid, "reach") && proc_is_of_test(pid, dir) &&
           proc_is_telec((pid_t)strtol(parent + 5, NULL, 10), "reach");
}

static int reach_is_background(pid_t pid, const char *dir)
{
    return proc_has(pid, "cmdline", "--background") && proc_is_of_test(pid, dir);
}

/* [computer-NAME] reach = COMMAND: from the daemon's start on. An ssh that nobody can answer must
 * not try passwords. */
static void test_reach_configured(void)
{
    char *into = reach_into("bee"), *ssh = format("%s/ssh bee", e2e.bin);
    reach_have_telec();
    file_write(format("%s/ssh", e2e.bin),
               format("#!/bin/sh\n[ \"$1 $2\" = '-oBatchMode=yes bee' ] || exit\nshift 2\n"
                      "exec %s \"$@\"\n", into),
               0700);
    file_write(format("%s/telec/config", e2e.config),
               format("[computer-box]\nreach = %s\n[computer-none]\nreach = false\n", ssh), 0600);
    CHECK_HAS(CLI_OK(cli("config", NULL)).said[0].p, format("[computer-box]\n# %s/telec/config:2\n"
                                                            "reach = %s\n", e2e.config, ssh));
    daemon_start();
    AWAIT(reach_is_computer("box", "online"));
    char *id = reach_new("box", "echo hello; exec cat");
    AWAIT_SESSION(id, "last_output", "hello");
    CLI_OK(cli("kill", id, NULL));
    CLI_OK(reach_there(into, "daemon", "--stop", NULL));
    pid_t links[8]; /* a link that was never made ends with the daemon, too */
    AWAIT(reach_is_computer("box", "online"));
    AWAIT(proc_find(reach_is_background, e2e.dir, links, 8) == 4);
    daemon_kill();
    AWAIT(proc_find(reach_is_background, e2e.dir, links, 8) == 0);
    CLI_OK(reach_there(into, "daemon", "--stop", NULL));
}

/* A pipe through which nothing comes any more is cut and made anew; the frozen relay ends by itself
 * when it goes on. */
static void test_quick_reach_frozen(void)
{
    char *into = reach_into("bee");
    reach_have_telec();
    daemon_start();
    CLI_OK(cli("reach", into, NULL));
    char *id = reach_new("bee", "echo hello; exec cat");
    pid_t far;
    AWAIT(proc_find(reach_is_far, e2e.dir, &far, 1) == 1);
    kill(far, SIGSTOP);
    AWAIT(reach_is_computer("bee", "stale"));
    AWAIT(reach_is_computer("bee", "online"));
    CLI_OK(cli("send", id, "words", NULL));
    kill(far, SIGCONT);
    AWAIT(!proc_lives(far));
    CLI_OK(cli("kill", id, NULL));
    CLI_OK(reach_there(into, "daemon", "--stop", NULL));
}

/* A link whose process crashes is made again. */
static void test_reach_crash(void)
{
    char *into = reach_into("bee");
    pid_t link, next;
    if (!HAVE_PROC)
        skip("there is no /proc to find the link in");
    reach_have_telec();
    daemon_start();
    CLI_OK(cli("reach", into, NULL));
    char *id = reach_new("bee", "echo hello; exec cat");
    AWAIT(proc_find(reach_is_link, e2e.dir, &link, 1) == 1);
    kill(link, SIGKILL);
    AWAIT(proc_find(reach_is_link, e2e.dir, &next, 1) == 1 && next != link);
    AWAIT(reach_is_computer("bee", "online"));
    CLI_OK(cli("send", id, "words", NULL));
    AWAIT_SESSION(id, "last_output", "words");
    CLI_OK(cli("kill", id, NULL));
    CLI_OK(reach_there(into, "daemon", "--stop", NULL));
    CLI_OK(cli("unreach", "bee", NULL));
    AWAIT(proc_find(reach_is_link, e2e.dir, &next, 1) == 0);
}

/* The commands that people have to get somewhere, by stand-ins with their forms. The terminal that
 * they ask on may be closed: SIGHUP. */
static void test_reach_forms(void)
{
    static const struct {
        const char *program, *script, *args[4];
    } forms[] = {
        {"kubectl", "[ \"$1 $2 $3 $4 $5\" = 'exec -i pod -- sh' ] && shift 4 && exec %s \"$@\"",
         {"exec", "-i", "pod", "--"}},
        {"docker", "[ \"$1 $2 $3 $4\" = 'exec -i box sh' ] && shift 3 && exec %s \"$@\"",
         {"exec", "-i", "box"}},
        {"adb", "[ \"$1\" = shell ] && shift && exec %s sh -c \"$*\"", {"shell"}},
        {"ssh", "[ \"$1\" = host ] && shift && exec %s sh -c \"$*\"", {"host"}},
    };
    char *into = reach_into("bee");
    reach_have_telec();
    daemon_start();
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const char *const *a = forms[i].args;
        char *body = format(forms[i].script, into);
        file_write(format("%s/%s", e2e.bin, forms[i].program),
                   format("#!/bin/sh\nkill -HUP $$\n%s\n", body), 0700);
        struct cli c = cli("reach", "--name", forms[i].program, forms[i].program, a[0], a[1], a[2],
                           a[3], NULL);
        CLI_OK(c);
        CHECK(reach_is_computer(forms[i].program, "online"));
        CLI_OK(cli("unreach", forms[i].program, NULL));
    }
    CLI_OK(reach_there(into, "daemon", "--stop", NULL));
}

static const struct test reach_tests[] = {
    {"reach_crash", test_reach_crash},
    {"reach_forms", test_reach_forms},
    {"quick_reach_frozen", test_quick_reach_frozen},
    {"reach_sessions", test_reach_sessions},
    {"reach_cut", test_reach_cut},
    {"reach_brings_telec", test_reach_brings_telec},
    {"reach_refusals", test_reach_refusals},
    {"reach_chain", test_reach_chain},
    {"reach_configured", test_reach_configured},
};
