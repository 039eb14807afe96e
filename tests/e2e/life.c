/* life - who lives is known: lost directories, other environments, holders that hang or are
 * killed. */

static char *life_socket(const char *id)
{
    return json_get(file_read(session_file(id, "holder.lock"), NULL), "socket");
}

/* A session that echoes what is typed. */
static char *life_start(void)
{
    char *id = start_sh("echo ready; exec cat");
    AWAIT_SESSION(id, "last_output", "ready");
    return id;
}

/* Every command reaches the session. */
static void life_check_commands(const char *id, const char *word)
{
    struct cli c = cli("list", NULL);
    CLI_OK(c);
    CHECK_HAS(c.said[0].p, format("%.8s\t", id));
    CHECK(!strstr(c.said[0].p, "exited"));
    CLI_OK(cli("status", id, NULL));
    CLI_OK(cli("send", id, word, NULL));
    AWAIT(strstr(cli("tail", id, NULL).said[0].p, word) != NULL);
}

static void test_life_runtime_dir_removed(void)
{
    daemon_start();
    char *id = life_start(), *path = format("rm -rf %s/telec", e2e.run);
    pid_t holder = holder_of(id);
    CHECK_INT(system(path), 0);
    life_check_commands(id, "one");
    CHECK(file_exists(e2e.socket));
    CHECK_INT(system(path), 0); /* again, and the next daemon finds the holder, too */
    daemon_stop();
    CHECK(!file_exists(life_socket(id)));
    daemon_start();
    AWAIT(file_exists(life_socket(id)));
    life_check_commands(id, "two");
    CHECK_INT(holder_of(id), holder);
    CHECK(!file_exists(session_file(id, "exit.json")));
    CHECK_INT(system(path), 0);
    CLI_OK(cli("daemon", "--stop", NULL));
    CHECK_INT(await_exit(e2e.daemon), 0);
    e2e.daemon = 0;
}

/* The whole runtime directory goes at a logout, and its user can't make it again. */
static void test_life_runtime_dir_lost(void)
{
    daemon_start();
    char *id = life_start(), *there = format("/tmp/telec-%ld/s/%s.sock", (long)geteuid(), id);
    CHECK_INT(system(format("rm -rf %s && echo > %s", e2e.run, e2e.run)), 0);
    life_check_commands(id, "one");
    char *other = json_get(file_read(format("%s/telec/daemon.lock", e2e.state), NULL), "socket");
    CHECK_TEXT(other, format("/tmp/telec-%ld/api.sock", (long)geteuid()));
    CLI_OK(cli("daemon", "--stop", NULL));
    CHECK_INT(await_exit(e2e.daemon), 0);
    e2e.daemon = 0;
    life_check_commands(id, "two"); /* the client starts a daemon in the short place */
    AWAIT(file_exists(there));
    CHECK_TEXT(life_socket(id), there);
    CLI_OK(cli("kill", id, NULL));
    AWAIT_GONE(id);
    CHECK(!file_exists(there));
    CLI_OK(cli("daemon", "--stop", NULL));
}

static void test_life_sockets_removed(void)
{
    daemon_start();
    char *id = life_start();
    const char *const files[] = {e2e.socket, format("%s.lock", e2e.socket), life_socket(id)};
    for (int i = 0; i < 3; i++) {
        CHECK_INT(unlink(files[i]), 0);
        life_check_commands(id, format("word%d", i));
    }
    CHECK_INT(unlink(files[2]), 0);
    struct wire viewer = ws_open(session_path(id, "/attach")); /* a viewer is a connection, too */
    AWAIT(file_exists(files[2]));
    wire_close(&viewer);
    pid_t holder = holder_of(id);
    if (holder > 0) { /* nobody waits for a socket that does not come */
        enum { ASKED = 30 };
        struct wire wires[ASKED];
        long long began = now_ms();
        kill(holder, SIGSTOP);
        unlink(files[2]);
        for (int i = 0; i < ASKED; i++) {
            wires[i] = wire_open();
            wire_str(&wires[i], request("GET", session_path(id, "/screen"), NULL));
        }
        CHECK_INT(get("/health").status, 200);
        CHECK(now_ms() - began < 2500); /* 100 ms for each one would be more */
        kill(holder, SIGCONT);
        for (int i = 0; i < ASKED; i++) {
            CHECK_INT(reply_read(&wires[i]).status, 200);
            wire_close(&wires[i]);
        }
    }
    unlink(files[1]);
    CHECK_INT(unlink(e2e.socket), 0);
    CLI_OK(cli("daemon", "--stop", NULL));
    CHECK_INT(await_exit(e2e.daemon), 0);
    e2e.daemon = 0;
}

static void test_life_other_environment(void)
{
    daemon_start();
    char *id = life_start();
    const char *const elsewhere[] = {format("XDG_RUNTIME_DIR=%s", e2e.dir),
                                     format("TELEC_SOCKET=%s/x", e2e.dir)};
    for (int i = 0; i < 2; i++) {
        struct cli c = cli_with(elsewhere[i], "list", NULL);
        CLI_OK(c);
        CHECK_HAS(c.said[0].p, format("%.8s\t", id));
    }
    CHECK_HAS(cli("-S", format("%s/y", e2e.dir), "list", NULL).said[0].p, format("%.8s\t", id));
    CHECK_INT(unlink(format("%s/telec/daemon.lock", e2e.state)), 0);
    CHECK_HAS(cli_with(elsewhere[0], "list", NULL).said[0].p, format("%.8s\t", id));
    struct cli second = cli_with(elsewhere[1], "daemon", NULL);
    CLI_FAILS(second, 1, format("serves %s", e2e.socket));
    CLI_OK(cli_with(elsewhere[0], "daemon", "--stop", NULL));
    CHECK_INT(await_exit(e2e.daemon), 0);
    e2e.daemon = 0;
}

/* Connections that a stopped holder never accepts, until its backlog is full. */
static int life_fill_backlog(const char *path, int *fds, int most)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    for (int i = 0; i < most; i++) {
        fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
        if (fds[i] < 0 || connect(fds[i], (struct sockaddr *)&address, sizeof address) != 0)
            return i + (fds[i] >= 0);
    }
    return most;
}

static void test_life_holder_stopped(void)
{
    enum { MOST = 8000 };
    static int fds[MOST];
    struct rlimit limit;
    if (!HAVE_PROC)
        skip("there is no /proc to find the holder in");
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &limit), 0);
    daemon_start();
    char *id = life_start();
    pid_t holder = holder_of(id);
    kill(holder, SIGSTOP);
    int count = life_fill_backlog(life_socket(id), fds, MOST);
    daemon_stop();
    daemon_start();
    AWAIT_SESSION(id, "state", "unreachable");
    CHECK_TEXT(session_get(id, "state_source"), "link");
    CHECK_HAS(session_get(id, "state_text"), "its holder lives");
    CHECK_INT(call("DELETE", session_path(id, ""), NULL).status, 503);
    CHECK_INT(call("DELETE", session_path(id, "?undo_s=5"), NULL).status, 503);
    CHECK_INT(call("POST", session_path(id, "/message"), "{\"message\": \"x\"}").status, 503);
    CLI_FAILS(cli("kill", id, NULL), 1, "can't be reached");
    CHECK(!file_exists(session_file(id, "exit.json")));
    for (int i = 0; i < count; i++)
        close(fds[i]);
    kill(holder, SIGCONT);
    AWAIT(!session_is(id, "state", "unreachable"));
    CHECK_TEXT(session_get(id, "last_output"), "ready");
    CHECK_INT(holder_of(id), holder);
    end_session(id);
}

/* A stopped holder whose backlog has room: the connection stands, and nobody answers. */
static void test_life_holder_silent(void)
{
    if (!HAVE_PROC)
        skip("there is no /proc to find the holder in");
    daemon_start();
    char *id = life_start();
    pid_t holder = holder_of(id);
    kill(holder, SIGSTOP);
    daemon_stop();
    daemon_start();
    CHECK_TEXT(session_get(id, "state"), "unreachable"); /* from the first answer on */
    CHECK_TEXT(session_get(id, "state_text"), "its holder does not answer");
    CHECK_INT(call("DELETE", session_path(id, ""), NULL).status, 503);
    kill(holder, SIGCONT);
    AWAIT_SESSION(id, "last_output", "ready");
    CHECK(!session_is(id, "state", "unreachable"));
    kill(holder, SIGSTOP);
    CLI_OK(cli("kill", "--force", id, NULL));
    CHECK_INT(get(session_path(id, "")).status, 404);
    AWAIT_GONE(id);
    CHECK(!file_exists(session_file(id, "")));
}

/* A holder that is killed leaves a program that ignores the hang-up: it is not written down as
 * exited before it has. */
static void test_life_orphan(void)
{
    pid_t pids[8];
    if (!HAVE_PROC)
        skip("there is no /proc to find processes in");
    daemon_start();
    char *id = start_program("stubborn", NULL, NULL);
    AWAIT_SESSION(id, "last_output", "ready");
    kill(holder_of(id), SIGKILL);
    AWAIT_SESSION(id, "state", "unreachable");
    CHECK_HAS(session_get(id, "state_text"), "lives on");
    CHECK_INT(call("DELETE", session_path(id, ""), NULL).status, 503);
    daemon_stop();
    daemon_start();
    AWAIT_SESSION(id, "state", "unreachable");
    CHECK(!file_exists(session_file(id, "exit.json")));
    char *second = start_program("stubborn", NULL, NULL);
    AWAIT_SESSION(second, "last_output", "ready");
    kill(holder_of(second), SIGKILL);
    AWAIT_SESSION(second, "state", "unreachable");
    int count = programs_of(second, pids, 8);
    for (int i = 0; i < count; i++)
        kill(pids[i], SIGKILL);
    AWAIT_SESSION(second, "state", "exited"); /* now it has */
    CHECK_TEXT(session_get(second, "state_text"), "its holder was killed");
    end_session(second);
    CHECK_INT(call("DELETE", session_path(id, "?force=1"), NULL).status, 200);
    CHECK_INT(programs_of(id, pids, 8), 0);
    CHECK(!file_exists(session_file(id, "")));
}

/* Changes the first character of a value in a file of the session. Returns 0: it has none. */
static int life_alter(const char *id, const char *name, const char *member)
{
    char *text = file_read(session_file(id, name), NULL), *value = json_get(text, member);
    if (!value || !*value)
        return 0;
    char *at = strstr(text, value);
    at[0] = at[0] == '0' ? '1' : '0';
    file_write(session_file(id, name), text, 0600);
    return 1;
}

/* The computer was started again: the sessions are there, in their places, lost, and run again when
 * they are asked to. */
static void test_life_reboot(void)
{
    enum { SESSIONS = 3 };
    char *ids[SESSIONS];
    pid_t holders[SESSIONS];
    daemon_start();
    for (int i = 0; i < SESSIONS; i++) {
        ids[i] = life_start();
        holders[i] = holder_of(ids[i]);
    }
    CHECK_INT(call("PATCH", session_path(ids[1], ""), "{\"title\": \"its title\"}").status, 200);
    if (!HAVE_PROC)
        skip("there is no /proc to find the holder in");
    AWAIT(strcmp(transcript(ids[0]), "ready\n") == 0); /* written down */
    daemon_stop();
    for (int i = 0; i < SESSIONS; i++) {
        kill(holders[i], SIGKILL);
        AWAIT_GONE(ids[i]);
        if (!life_alter(ids[i], "record.json", "boot") ||
            !life_alter(ids[i], "holder.lock", "boot"))
            skip("the system names neither its boot nor the time of it");
    }
    CHECK_INT(system(format("rm -rf %s/telec", e2e.run)), 0);
    daemon_start();
    for (int again = 0; again < 2; again++) {
        char *list = get("/sessions").body;
        CHECK_INT(json_count(list, ""), SESSIONS);
        for (int i = 0; i < SESSIONS; i++) {
            CHECK_TEXT(json_get(list, format("%d.session_id", i)), ids[i]);
            CHECK_TEXT(json_get(list, format("%d.title", i)), i == 1 ? "its title" : "Untitled");
            if (again)
                AWAIT_SESSION(ids[i], "last_output", "ready");
            else
                CHECK_TEXT(json_get(list, format("%d.state_source", i)), "lost");
        }
        if (again)
            break;
        CHECK_TEXT(transcript(ids[0]), "ready\n");
        struct cli c = CLI_OK(cli("restart", "--lost", NULL));
        CHECK_TEXT(c.said[0].p, format("%s\n%s\n%s\n", ids[0], ids[1], ids[2]));
    }
    CLI_OK(cli("send", ids[2], "x", NULL));
}

/* In a home that machines share: a record of another one is left alone. */
static void test_life_other_machine(void)
{
    daemon_start();
    char *id = life_start();
    pid_t holder = holder_of(id);
    if (!HAVE_PROC)
        skip("there is no /proc to find the holder in");
    daemon_stop();
    kill(holder, SIGKILL);
    AWAIT_GONE(id);
    unlink(session_file(id, "exit.json"));
    CHECK(life_alter(id, "record.json", "machine"));
    daemon_start();
    CHECK_TEXT(session_get(id, "state"), "unreachable");
    CHECK_HAS(session_get(id, "state_text"),
              json_get(file_read(session_file(id, "record.json"), NULL), "host"));
    CHECK_INT(call("DELETE", session_path(id, ""), NULL).status, 503);
    CHECK(file_exists(session_file(id, "record.json")));
    CHECK_INT(call("DELETE", session_path(id, "?force=1"), NULL).status, 200);
}

/* What ends a daemon at once stands in the client's own line. */
static void test_life_reason(void)
{
    CHECK_INT(system(format("mkdir -m 700 -p %s/x", e2e.socket)), 0);
    CHECK_INT(chmod(format("%s/telec", e2e.run), 0700), 0);
    CLI_FAILS(cli("list", NULL), 1, format("cannot listen on %s: ", e2e.socket));
}

static int life_count(const char *state)
{
    char *list = get("/sessions").body;
    int count = json_count(list, ""), n = 0;
    for (int i = 0; i < count; i++)
        n += strcmp(json_get(list, format("%d.state", i)), state) == 0;
    return n;
}

/* A list is never short: what can't be connected is unreachable, and reached when it can be. */
static void test_life_few_descriptors(void)
{
    enum { SESSIONS = 50 };
    char *ids[SESSIONS];
    daemon_start();
    for (int i = 0; i < SESSIONS; i++)
        ids[i] = start_sh("echo ready; exec cat");
    daemon_stop();
    daemon_start_with_descriptors(48);
    CHECK_INT(json_count(get("/sessions").body, ""), SESSIONS);
    CHECK_INT(life_count("exited"), 0);
    int lost = life_count("unreachable");
    CHECK(lost > 0 && lost < SESSIONS);
    for (int i = 0; i < SESSIONS; i++) {
        int status = call("DELETE", session_path(ids[i], ""), NULL).status;
        CHECK(status == 200 || status == 503);
        CHECK(file_exists(session_file(ids[i], "record.json")) == (status == 503));
    }
    for (long long until = now_ms() + E2E_WAIT_MS; json_count(get("/sessions").body, "");) {
        for (int i = 0; i < SESSIONS; i++) /* each that ends leaves its descriptor to another */
            call("DELETE", session_path(ids[i], ""), NULL);
        check_patience(__FILE__, __LINE__, "all are reached, and end", until);
    }
}

static const struct test life_tests[] = {
    {"life_runtime_dir_removed", test_life_runtime_dir_removed},
    {"life_runtime_dir_lost", test_life_runtime_dir_lost},
    {"life_sockets_removed", test_life_sockets_removed},
    {"life_other_environment", test_life_other_environment},
    {"life_holder_stopped", test_life_holder_stopped},
    {"life_holder_silent", test_life_holder_silent},
    {"life_orphan", test_life_orphan},
    {"life_reboot", test_life_reboot},
    {"life_other_machine", test_life_other_machine},
    {"life_reason", test_life_reason},
    {"life_few_descriptors", test_life_few_descriptors},
};
