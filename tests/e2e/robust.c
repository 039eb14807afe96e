/* robust - kills, crowds, floods and garbage: nothing is lost, nothing is left over, nothing grows.
 * */

/* The number behind the last "n=" that the session has written; -1: none yet. */
static long counter_of(const char *id)
{
    char *line = session_get(id, "last_output"), *at = line ? strstr(line, "n=") : NULL;
    return at ? atol(at + 2) : -1;
}

static void test_daemon_killed_while_printing(void)
{
    daemon_start();
    char *id = start_program("counter", "5", NULL), *still = start_program("pause", NULL, NULL);
    AWAIT(counter_of(id) > 20);
    AWAIT_SESSION(still, "state", "idle"); /* from now on its object stays as it is */
    CHECK_TEXT(session_get(still, "last_output"), "ready");
    struct wire w = subscribe("sessions");
    long before = counter_of(id), pid = 0;
    char *object = get(session_path(still, "")).body;
    sscanf(session_get(id, "last_output"), "pid=%ld", &pid);
    daemon_kill();
    CHECK_INT(ws_close_code(&w), -1); /* clients notice at once */
    CHECK(file_exists(e2e.socket)); /* stale now: it is replaced */
    daemon_start();
    CHECK_INT(json_count(get("/sessions").body, ""), 2);
    CHECK_TEXT(json_get(get("/sessions").body, "0.session_id"), id);
    CHECK(counter_of(id) > before); /* up to date from the first answer on */
    long now = counter_of(id), same = 0;
    AWAIT(counter_of(id) > now + 20);
    sscanf(session_get(id, "last_output"), "pid=%ld", &same);
    CHECK_INT(same, pid);
    char *text = transcript(id); /* without a gap */
    for (long n = before; n <= now; n++)
        CHECK_HAS(text, format(" n=%ld\n", n));
    CHECK_TEXT(get(session_path(still, "")).body, object);
    end_session(id);
    CHECK(!HAVE_PROC || !proc_lives((pid_t)pid));
}

static void test_daemon_killed_many_times(void)
{
    daemon_start();
    char *id = start_program("counter", "2", NULL);
    AWAIT(counter_of(id) > 0);
    for (int i = 0; i < 8; i++) {
        struct wire maker = wire_open();
        for (int k = 0; k < 3; k++) /* killed in the middle of making sessions */
            wire_str(&maker, request("POST", "/sessions",
                                     format("{\"computer\": \"local\", \"project_dir\": \"%s\", "
                                     "\"command\": [\"sleep\", \"1000\"]}", e2e.dir)));
        wire_read(&maker, now_ms() + 20 * i);
        daemon_kill();
        wire_close(&maker);
        daemon_start();
        CHECK(session_get(id, "state") && !session_is(id, "state", "exited"));
    }
    /* Whatever was announced is whole: it has a holder, or it has exited. */
    char *list = get("/sessions").body;
    for (int i = 0; i < json_count(list, ""); i++) {
        char *one = json_get(list, format("%d.session_id", i));
        if (session_is(one, "state", "exited"))
            AWAIT_GONE(one); /* or what is shown isn't true */
        end_session(one);
        AWAIT_GONE(one);
    }
    CHECK_TEXT(get("/sessions").body, "[]");
    if (HAVE_PROC) {
        pid_t pid;
        /* No holder is left that nobody knows of. */
        AWAIT(proc_find(proc_is_holder, e2e.dir, &pid, 1) == 0);
    }
}

static void test_exit_without_daemon(void)
{
    daemon_start();
    char *go = format("%s/go", e2e.dir);
    char *id = start_sh(format("echo ready; while [ ! -e %s ]; do sleep 0.02; done; echo late "
                               "words; exit 7", go));
    char *killed = start_sh(format("echo ready; while [ ! -e %s ]; do sleep 0.02; done; kill -KILL "
                                   "$$", go));
    AWAIT_SESSION(id, "last_output", "ready");
    AWAIT_SESSION(killed, "last_output", "ready");
    daemon_kill();
    file_write(go, "", 0600);
    AWAIT(file_exists(session_file(id, "exit.json")) &&
          file_exists(session_file(killed, "exit.json")));
    daemon_start();
    CHECK_TEXT(session_get(id, "state"), "exited");
    CHECK_TEXT(session_get(id, "exit_code"), "7");
    CHECK_TEXT(session_get(id, "last_output"), "late words");
    CHECK_TEXT(transcript(id), "ready\nlate words\n");
    CHECK_TEXT(session_get(killed, "exit_code"), "137");
}

static void test_holder_killed(void)
{
    if (!HAVE_PROC)
        skip("there is no /proc to find the holder in");
    daemon_start();
    struct wire w = subscribe("sessions");
    char *id = start_sh("echo words; sleep 1000"), *other = start_program("pause", NULL, NULL);
    AWAIT_SESSION(id, "last_output", "words");
    AWAIT(strcmp(transcript(id), "words\n") == 0); /* written down */
    pid_t holder = holder_of(id);
    REQUIRE(holder > 0);
    kill(holder, SIGKILL);
    char *event = event_await_value(&w, id, "state", "exited");
    CHECK_TEXT(json_raw(event, "data.exit_code"), "null");
    CHECK_TEXT(json_get(event, "data.last_output"), "words");
    AWAIT_GONE(id);
    CHECK_TEXT(transcript(id), "words\n"); /* the log is there */
    CHECK(!session_is(other, "state", "exited"));
    daemon_stop();
    daemon_start();
    CHECK_TEXT(session_get(id, "state"), "exited");
    end_session(id);
    /* Killed while no daemon looks. */
    holder = holder_of(other);
    daemon_kill();
    kill(holder, SIGKILL);
    AWAIT_GONE(other);
    daemon_start();
    CHECK_TEXT(session_get(other, "state"), "exited");
    CHECK_TEXT(json_raw(get(session_path(other, "")).body, "exit_code"), "null");
    end_session(other);
    CHECK(!file_exists(format("%s/telec/s/%s.sock", e2e.run, other)));
}

/* SIGHUP and then, after three seconds, SIGKILL, for every process of the session. */
static void test_delete_stubborn(void)
{
    pid_t pids[8];
    daemon_start();
    char *id = start_program("stubborn", NULL, NULL);
    AWAIT_SESSION(id, "last_output", "ready");
    if (HAVE_PROC)
        CHECK_INT(programs_of(id, pids, 8), 3);
    long long began = now_ms();
    struct wire w = wire_open();
    wire_str(&w, request("DELETE", session_path(id, ""), NULL));
    CHECK_INT(get("/health").status, 200); /* nobody waits meanwhile */
    CHECK_INT(reply_read(&w).status, 200);
    long long took = now_ms() - began;
    if (took < 2500 || took > 4500)
        FAIL("it took %lld ms", took);
    CHECK(!HAVE_PROC || programs_of(id, pids, 8) == 0);
    AWAIT_GONE(id);
    CHECK_INT(get(session_path(id, "")).status, 404);
}

/* The program itself ends at once; what it left behind is ended too, before the answer. */
static void test_delete_leaves_nobody(void)
{
    pid_t pids[8];
    daemon_start();
    char *id = start_program("deserted", NULL, NULL);
    AWAIT_SESSION(id, "last_output", "ready");
    if (HAVE_PROC)
        CHECK_INT(programs_of(id, pids, 8), 2);
    long long began = now_ms();
    end_session(id);
    CHECK(now_ms() - began < 4500);
    CHECK(!HAVE_PROC || programs_of(id, pids, 8) == 0);
}

static void test_delete_is_quick(void)
{
    daemon_start();
    /* Stopped, in the background, in a pipeline, in the foreground of an interactive shell. */
    char *stopped = start_sh("echo ready; kill -STOP $$"), *piped =
        start_sh("sleep 1000 & sleep 1000 | cat");
    char *shell = start("\"agent\": \"shell\"");
    AWAIT_SESSION(stopped, "last_output", "ready");
    AWAIT(strpbrk(transcript(shell), "$#"));
    CHECK_INT(call("POST", session_path(shell, "/message"),
                   "{\"message\": \"sleep 1000 & sleep 1001\"}").status, 200);
    char *ids[] = {stopped, piped, shell};
    pid_t pid;
    for (int i = 0; i < 3; i++) {
        long long began = now_ms();
        end_session(ids[i]);
        CHECK(now_ms() - began < 2500);
        CHECK(!HAVE_PROC || programs_of(ids[i], &pid, 1) == 0);
        AWAIT_GONE(ids[i]);
    }
}

static void test_delete_finished_by_next_daemon(void)
{
    daemon_start();
    char *id = start_program("stubborn", NULL, NULL);
    AWAIT_SESSION(id, "last_output", "ready");
    struct wire w = wire_open();
    wire_str(&w, request("DELETE", session_path(id, ""), NULL));
    AWAIT(session_is_ending(id));
    daemon_kill();
    daemon_start();
    AWAIT(get(session_path(id, "")).status == 404);
    AWAIT_GONE(id);
    CHECK(!file_exists(session_file(id, "")));
}

/* A client that goes away changes nothing about what it asked for; two that ask are both answered.
 * */
static void test_delete_twice(void)
{
    daemon_start();
    char *id = start_sh("trap '' HUP; echo ready; while :; do sleep 0.1; done");
    AWAIT_SESSION(id, "last_output", "ready");
    struct wire first = wire_open(), second = wire_open(), third = wire_open();
    wire_str(&first, request("DELETE", session_path(id, ""), NULL));
    wire_str(&second, request("DELETE", session_path(id, ""), NULL));
    wire_str(&third, request("DELETE", session_path(id, ""), NULL));
    AWAIT(session_is_ending(id));
    wire_close(&first);
    CHECK_INT(reply_read(&second).status, 200);
    CHECK_INT(reply_read(&third).status, 200);
    AWAIT_GONE(id);
}

static void test_terminate(void)
{
    daemon_start();
    char *id = start_program("counter", "10", NULL);
    AWAIT(counter_of(id) > 0);
    struct wire push = subscribe("sessions"), viewer = ws_open(session_path(id, "/attach")), idle =
        wire_open();
    wire_str(&idle, request("GET", "/health", NULL));
    CHECK_INT(reply_read(&idle).status, 200);
    long long began = now_ms();
    kill(e2e.daemon, SIGTERM);
    CHECK_INT(ws_close_code(&push), 1001);
    CHECK_INT(ws_close_code(&viewer), 1001);
    CHECK(wire_ends(&idle));
    CHECK_INT(await_exit(e2e.daemon), 0);
    CHECK(now_ms() - began < 1500);
    e2e.daemon = 0;
    CHECK(!file_exists(e2e.socket));
    CHECK(!HAVE_PROC || (holder_of(id) && !is_gone(id)));
    daemon_start();
    long now = counter_of(id);
    AWAIT(counter_of(id) > now);
}

/* SIGINT ends it likewise, and a request at work is still answered. */
static void test_terminate_answers(void)
{
    daemon_start();
    char *id = start_sh("trap 'sleep 0.5; exit' HUP; echo ready; while :; do sleep 0.1; done");
    AWAIT_SESSION(id, "last_output", "ready");
    struct wire w = wire_open();
    wire_str(&w, request("DELETE", session_path(id, ""), NULL));
    AWAIT(session_is_ending(id));
    kill(e2e.daemon, SIGINT);
    struct reply r = reply_read(&w);
    CHECK_INT(r.status, 200);
    CHECK_TEXT(reply_header(&r, "Connection"), "close");
    CHECK_INT(await_exit(e2e.daemon), 0);
    e2e.daemon = 0;
    CHECK(!file_exists(e2e.socket));
}

/* telec daemon --stop ends a daemon although a client reads none of its replies. */
static void test_stop_with_deaf_client(void)
{
    const char *const argv[] = {e2e.binary, "daemon", "--stop", NULL};
    enum { ASKED = 4000 };
    daemon_start();
    struct wire w = wire_open();
    for (int i = 0; i < ASKED; i++)
        wire_str(&w, request("GET", "/status", NULL));
    CHECK_INT(get("/health").status, 200);
    pid_t pid = fork();
    if (pid == 0) {
        execve(argv[0], (char *const *)argv, e2e_environment());
        _exit(98);
    }
    CHECK_INT(await_exit(e2e.daemon), 0);
    e2e.daemon = 0;
    CHECK_INT(await_exit(pid), 0);
    CHECK(!file_exists(e2e.socket));
    while (wire_read(&w, now_ms() + E2E_WAIT_MS) == 1)
        ;
    int replies = count_of(w.in.p, "HTTP/1.1 200");
    CHECK(replies > 0 && replies < ASKED); /* it had more for that client */
}

static void test_two_daemons_end_as_one(void)
{
    for (int round = 0; round < 5; round++) {
        enum { DAEMONS = 4 };
        pid_t pids[DAEMONS];
        int status, alive = DAEMONS, winner = 0;
        for (int i = 0; i < DAEMONS; i++)
            pids[i] = telec_daemon();
        long long until = now_ms() + E2E_WAIT_MS;
        while (alive > 1) {
            for (int i = 0; i < DAEMONS; i++)
                if (pids[i] && waitpid(pids[i], &status, WNOHANG) == pids[i]) {
                    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
                    pids[i] = 0;
                    alive--;
                }
            check_patience(__FILE__, __LINE__, "all but one end", until);
        }
        for (int i = 0; i < DAEMONS; i++)
            winner = pids[i] ? (int)pids[i] : winner;
        REQUIRE(winner > 0);
        daemon_await(winner);
        CHECK_INT(status_of("pid"), winner);
        e2e.daemon = winner;
        if (round % 2)
            daemon_kill(); /* the next ones find a stale socket */
        else
            daemon_stop();
    }
    CHECK_INT(count_of(daemon_errors(), "already"), 15);
}

/* Starts a daemon that must refuse: exit status 1, and the message says what about. */
static void check_refuses(int line, const char *about)
{
    size_t before = strlen(daemon_errors());
    int status = await_exit(telec_daemon());
    char *said = daemon_errors() + before;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 1 || !strstr(said, about) || !*said)
        check_failed(__FILE__, line, format("status %x, said \"%s\", which should name %s", status,
                                            said, about));
}

static void test_second_daemon_refused(void)
{
    daemon_start();
    char *id = start_program("pause", NULL, NULL);
    struct stat before, after;
    stat(e2e.socket, &before);
    check_refuses(__LINE__, format("%ld", (long)e2e.daemon));
    stat(e2e.socket, &after);
    CHECK_INT(after.st_ino, before.st_ino);
    CHECK(session_get(id, "state"));
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(address.sun_path, path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 5) != 0)
        e2e_die(path);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

static void make_runtime_dir(mode_t mode)
{
    char *dir = format("%s/telec", e2e.run);
    if (mkdir(dir, 0700) != 0 || chmod(dir, mode) != 0)
        e2e_die(dir);
}

static void test_stale_socket_replaced(void)
{
    make_runtime_dir(0700);
    close(listen_at(e2e.socket));
    daemon_start();
    CHECK_INT(file_mode(e2e.socket), 0600);
    daemon_stop();
    file_write(e2e.socket, "not a socket at all", 0644);
    daemon_start();
}

static void test_live_socket_kept(void)
{
    make_runtime_dir(0700);
    int fd = listen_at(e2e.socket);
    check_refuses(__LINE__, e2e.socket);
    int mine = wire_connect(e2e.socket);
    CHECK(mine >= 0);
    struct pollfd ready = {fd, POLLIN, 0};
    CHECK_INT(poll(&ready, 1, E2E_WAIT_MS), 1);
    /* One that is too busy to take anybody is alive as well. */
    while (mine >= 0) {
        mine = socket(AF_UNIX, SOCK_STREAM, 0);
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        strcpy(address.sun_path, e2e.socket);
        fcntl(mine, F_SETFL, O_NONBLOCK);
        if (connect(mine, (struct sockaddr *)&address, sizeof address) != 0)
            break;
    }
    check_refuses(__LINE__, e2e.socket);
    CHECK(file_exists(e2e.socket));
    close(fd);
    daemon_start();
}

static void test_directories_refused(void)
{
    char *dir = format("%s/telec", e2e.run), *state = format("%s/telec", e2e.state);
    e2e.extra[0] = format("TELEC_SOCKET=%s", e2e.socket); /* else another one would be found */
    CHECK_INT(symlink(e2e.home, state), 0);
    check_refuses(__LINE__, state);
    unlink(state);
    make_runtime_dir(0755);
    check_refuses(__LINE__, dir);
    CHECK_HAS(daemon_errors(), "must have mode 0700");
    CHECK_INT(file_mode(dir), 0755); /* it isn't telec's to change */
    chmod(dir, 0770);
    check_refuses(__LINE__, dir);
    rmdir(dir);
    CHECK_INT(symlink(e2e.home, dir), 0);
    check_refuses(__LINE__, dir);
    CHECK_HAS(daemon_errors(), "link");
    unlink(dir);
    file_write(dir, "a file", 0600);
    check_refuses(__LINE__, dir);
    unlink(dir);
    if (geteuid() != 0) {
        chmod(e2e.run, 0500);
        check_refuses(__LINE__, dir);
        chmod(e2e.run, 0700);
    }
    daemon_start();
}

static void test_configuration_refused(void)
{
    char *file = format("%s/telec/config", e2e.config);
    if (mkdir(file, 0700) != 0) /* there, and not readable as a file */
        e2e_die(file);
    check_refuses(__LINE__, file);
    rmdir(file);
    file_write(file,
               "nonsense\n[nothing]\n[agent x]\ncommand = 'open\n\xff\xfe\n[computer]\nname = "
               "still-here\n",
               0600);
    daemon_start();
    CHECK_TEXT(json_get(get("/computers").body, "0.name"), "still-here"); /* the rest applies */
}

static void test_many_sessions(void)
{
    const char *wanted = getenv("TELEC_E2E_SESSIONS");
    enum { MAKERS = 8 };
    struct wire makers[MAKERS];
    int count = wanted && atoi(wanted) > 0 ? atoi(wanted) : 100;
    char **ids = calloc((size_t)count, sizeof *ids);
    daemon_start();
    struct wire push = subscribe("sessions");
    for (int i = 0; i < MAKERS; i++)
        makers[i] = wire_open();
    for (int i = 0; i < count; i++)
        wire_str(&makers[i % MAKERS], request("POST", "/sessions",
                 format("{\"computer\": \"local\", \"project_dir\": \"%s\", \"title\": \"number "
                        "%d\", \"command\": %s}",
                        e2e.dir, i, json_array("sh", "-c", format("echo word %d; read x", i),
                                               NULL))));
    for (int i = 0; i < count; i++) {
        struct reply r = reply_read(&makers[i % MAKERS]);
        if (r.status != 200)
            FATAL("session %d of %d: %d %s", i, count, r.status, r.body);
        ids[i] = json_get(r.body, "session_id");
    }
    for (int created = 0; created < count;)
        created += event_is(event_await(&push, "session_created", NULL), "session_created");
    for (int i = 0; i < count; i++) {
        AWAIT_SESSION(ids[i], "last_output", format("word %d", i));
        CHECK_TEXT(session_get(ids[i], "title"), format("number %d", i));
    }
    wire_close(&push);
    daemon_kill();
    daemon_start();
    char *list = get("/sessions").body;
    CHECK_INT(json_count(list, ""), count);
    CHECK_INT(count_of(list, "\"state\":\"exited\""), 0);
    CHECK_INT(count_of(list, "\"last_output\":\"word "), count);
    /* All are ended with one request, which can be undone with one. */
    struct text all = {0};
    for (int i = 0; i < count; i++)
        text_str(&all, format("%s\"%s\"", i ? "," : "", ids[i]));
    struct reply r = call("POST", "/sessions/end", format("{\"ids\":[%s],\"undo_s\":60}", all.p));
    CHECK_INT(json_count(r.body, "ended"), count);
    CHECK_TEXT(get("/sessions").body, "[]");
    r = call("POST", "/sessions/restore", format("{\"ids\":[%s]}", all.p));
    CHECK_INT(json_count(r.body, "restored"), count);
    CHECK_INT(json_count(get("/sessions").body, ""), count);
    r = call("POST", "/sessions/end", format("{\"ids\":[%s]}", all.p));
    CHECK_INT(json_count(r.body, "ended"), count);
    CHECK_INT(json_count(r.body, "failed"), 0);
    CHECK_TEXT(get("/sessions").body, "[]");
    pid_t pid;
    AWAIT(!HAVE_PROC || proc_find(proc_is_holder, e2e.dir, &pid, 1) == 0);
}

static void test_log_is_bounded(void)
{
    daemon_start();
    char *id = start_program("flood", "5242880", NULL), *log = session_file(id, "log"), *old =
        session_file(id, "log.1");
    AWAIT_SESSION(id, "state", "exited");
    CHECK_TEXT(session_get(id, "last_output"), "the last line");
    CHECK(file_size(log) > 0 && file_size(log) <= 1024 * 1024);
    CHECK(file_size(old) > 0 && file_size(old) <= 1024 * 1024);
    CHECK_INT(file_mode(log), 0600);
    CHECK_INT(file_mode(old), 0600);
    char *newest = file_read(log, NULL);
    CHECK_HAS(newest, "the last line\r\n");
    int before = 81919 - (int)(file_size(log) / 64) - 2; /* no gap between the files */
    CHECK_HAS(file_read(old, NULL), format("%062d\r\n", before));
    CHECK_HAS(transcript(id), format("%062d\nthe last line\n", 81919));
}

/* The holder's memory doesn't follow the output. */
static void test_holder_is_bounded(void)
{
    if (!HAVE_PROC)
        skip("there is no /proc to read its memory from");
    daemon_start();
    char *id = start_sh(format("'%s' program flood 1000000; echo ready; read x; '%s' program flood "
                               "12000000; echo over; "
                               "read x", e2e.self, e2e.self));
    AWAIT_SESSION(id, "last_output", "ready");
    pid_t holder = holder_of(id);
    long before = proc_rss(holder);
    CHECK_INT(call("POST", session_path(id, "/keys"), "{\"key\": \"enter\"}").status, 200);
    AWAIT_SESSION(id, "last_output", "over");
    if (proc_rss(holder) > before + 6 * 1024)
        FAIL("the holder grew from %ld to %ld KiB", before, proc_rss(holder));
}

static void check_not_created(int line, const char *directory, const char *members,
                              const char *about)
{
    struct reply r = call("POST", "/sessions", format("{\"computer\": \"local\", \"project_dir\": "
                                                      "%s, %s}",
                                                      json_quote(directory), members));
    char *detail = json_get(r.body, "detail");
    if (r.status != 400 || !detail || !strstr(detail, about))
        check_failed(__FILE__, line, format("%s in %s: %d %s", members, directory, r.status,
                                            r.body));
}

static void test_not_started(void)
{
    file_write(format("%s/telec/config", e2e.config),
               "[agent ghost]\ncommand = no-such-agent-anywhere --flag\n", 0600);
    file_write(format("%s/plain", e2e.bin), "no program", 0600);
    daemon_start();
    struct wire w = subscribe("sessions");
    check_not_created(__LINE__, "/no/such/directory", "\"command\": [\"true\"]",
                      "/no/such/directory");
    check_not_created(__LINE__, e2e.binary, "\"command\": [\"true\"]", e2e.binary);
    check_not_created(__LINE__, e2e.dir, "\"command\": [\"no-such-program\"]", "no-such-program");
    check_not_created(__LINE__, e2e.dir, "\"command\": [\"/no/such/program\", \"x\"]",
                      "/no/such/program");
    check_not_created(__LINE__, e2e.dir, format("\"command\": [%s]",
                                                json_quote(format("%s/plain", e2e.bin))), "plain");
    check_not_created(__LINE__, e2e.dir, "\"command\": [\"\"]", "");
    check_not_created(__LINE__, e2e.dir, "\"agent\": \"ghost\"", "ghost");
    check_unprocessable("POST", "/sessions", "{\"computer\": \"local\", \"project_dir\": \"/tmp\", "
                                             "\"command\": []}",
                        "string_type [\"body\",\"command\"]");
    check_unprocessable("POST", "/sessions", "{\"computer\": \"local\", \"project_dir\": \"/tmp\", "
                                             "\"command\": \" \"}",
                        "string_type [\"body\",\"command\"]");
    check_unprocessable("POST", "/sessions", "{\"computer\": \"local\", \"project_dir\": \"/tmp\", "
                                             "\"command\": \"'\"}",
                        "string_type [\"body\",\"command\"]");
    CHECK_INT(create("\"command\": [\"sh\", 5]").status, 422);
    CHECK_TEXT(get("/sessions").body, "[]");
    /* Nothing remains on disk, and nobody has heard of them. */
    DIR *dir = opendir(format("%s/telec/sessions", e2e.state));
    struct dirent *entry;
    REQUIRE(dir);
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            FAIL("left: %s", entry->d_name);
    closedir(dir);
    ws_send(&w, WS_FIN | WS_PING, "x", 1);
    CHECK_INT(ws_next(&w).opcode, WS_PONG);
    pid_t pid;
    AWAIT(!HAVE_PROC || proc_find(proc_is_holder, e2e.dir, &pid, 1) == 0);
}

static void test_garbage_output(void)
{
    daemon_start();
    struct wire w = subscribe("sessions");
    char *id = start_program("garbage", NULL, NULL);
    /* Every event on the way is checked: valid JSON in UTF-8. */
    char *last = event_await_value(&w, id, "state", "exited");
    CHECK_TEXT(json_get(last, "data.last_output"), "after the garbage");
    CHECK_TEXT(json_get(last, "data.exit_code"), "0");
    struct reply r = get(session_path(id, "/transcript?tail_chars=9999999"));
    CHECK_INT(r.status, 200);
    CHECK(!strstr(r.body, "\\u001b"));
    CHECK_HAS(transcript(id), "after the garbage\n");
}

static void test_garbage_text(void)
{
    daemon_start();
    char *id = start("\"title\": \"ab \\u001b[31m \\ud800 \\u202e \\\"\\\\ \\n\", "
                     "\"command\": [\"sleep\", \"1000\"]");
    char *title = session_get(id, "title");
    REQUIRE(title);
    CHECK_INT(call("PATCH", session_path(id, ""), "{\"title\": \"\xff\"}").status, 400);
    CHECK_TEXT(session_get(id, "title"), title);
    CHECK_INT(call("PATCH", session_path(id, ""),
                   "{\"title\": \"esc \\u001b[2J bell \\u0007 \\udc00 end\"}").status, 200);
    title = session_get(id, "title");
    CHECK_HAS(title, " end");
    CHECK(is_utf8(title, strlen(title)));
    /* A title that is cut is cut between characters. */
    struct text euros = {0};
    for (int i = 0; i < 300; i++)
        text_str(&euros, "\xe2\x82\xac");
    char *cut = start(format("\"title\": \"x%s\", \"command\": [\"sleep\", \"1000\"]", euros.p));
    CHECK(strncmp(session_get(cut, "title"), "x\xe2\x82\xac", 4) == 0);
    CHECK(!strstr(session_get(cut, "title"), "\xef\xbf\xbd"));
    daemon_kill();
    daemon_start();
    CHECK_TEXT(session_get(id, "title"), title);
    CHECK(!strchr(daemon_errors(), '\033') && !strchr(daemon_errors(), '\a'));
}

/* Records that a disk has garbled are passed over; the others live. */
static void test_garbled_records(void)
{
    static const char *const bad[] = {"", "{", "[]", "null", "{\"title\": 5}", "\xff\xff",
                                      "{\"session_id\": \"../x\"}"};
    daemon_start();
    char *id = start_program("pause", NULL, NULL);
    AWAIT_SESSION(id, "last_output", "ready");
    daemon_stop();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *name = format("bad-%zu", i), *dir = session_file(name, "");
        dir[strlen(dir) - 1] = '\0';
        if (mkdir(dir, 0700) != 0)
            e2e_die(dir);
        file_write(session_file(name, "record.json"), bad[i], 0600);
    }
    mkdir(session_file("empty", "."), 0700);
    daemon_start();
    CHECK_INT(json_count(get("/sessions").body, ""), 1);
    CHECK_TEXT(session_get(id, "last_output"), "ready");
    CHECK_HAS(daemon_errors(), "bad-0");
    CHECK(file_exists(session_file("bad-1", "record.json"))); /* not telec's to throw away */
}

/* A status frame as a holder sends it. */
static void send_status(int fd, const char *json)
{
    size_t n = strlen(json);
    char head[5] = {(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n, 'S'};
    if (write(fd, head, 5) != 5 || write(fd, json, n) != (ssize_t)n)
        e2e_die("write to the daemon");
}

/* What a holder says is checked before anybody hears of it. */
static void test_holder_talks_nonsense(void)
{
    static const char *const nonsense[] = {"", "nonsense", "[1]", "{\"state\":", "{}x", "\xff"};
    daemon_start();
    char *id = start_sh("exit 3"), *path = session_file(id, "record.json");
    AWAIT_SESSION(id, "state", "exited");
    daemon_stop();
    unlink(session_file(id, "exit.json"));
    int listener = listen_at(format("%s/telec/s/%s.sock", e2e.run, id));
    daemon_start(); /* without waiting for ever for a holder that says nothing */
    int fd = accept(listener, NULL, NULL);
    REQUIRE(file_exists(path) && fd >= 0);
    struct wire w = subscribe("sessions");
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
        send_status(fd, nonsense[i]);
    send_status(fd, " { \n} ");
    send_status(fd, " {\"state\": \"idle\", \"last_output\": \"sense\" }\n");
    event_await_value(&w, id, "last_output", "sense"); /* every event on the way was JSON */
    CHECK_TEXT(session_get(id, "state"), "idle");
    send_status(fd, "{}");
    send_status(fd, "{\"state\":\"idle\",\"last_output\":\"more sense\"}");
    event_await_value(&w, id, "last_output", "more sense");
    close(listener); /* or it would be asked again */
    if (write(fd, "\377\377\377\377S", 5) != 5) /* no frame is that long */
        e2e_die("write to the daemon");
    event_await_value(&w, id, "state", "exited");
    CHECK_TEXT(session_get(id, "last_output"), "more sense");
    close(fd);
}

/* What can be started can be found again: what is too large to be written down is not started. */
static void test_large_command(void)
{
    daemon_start();
    char *word = repeat('w', 50000);
    char *id = start(format("\"command\": %s",
                            json_array("sh", "-c", "echo ${#1}; sleep 1000", "sh", word, NULL)));
    AWAIT_SESSION(id, "last_output", "50000");
    struct reply r = create(format("\"command\": %s", json_array("sleep", "1000",
                                                                  repeat('w', 100000), NULL)));
    CHECK(r.status == 200 || r.status == 400 || r.status == 422);
    int count = r.status == 200 ? 2 : 1;
    CHECK_INT(json_count(get("/sessions").body, ""), count);
    daemon_kill();
    daemon_start();
    CHECK_TEXT(session_get(id, "last_output"), "50000");
    CHECK_INT(json_count(get("/sessions").body, ""), count);
}

/* The eyes of the tests to come: a program on a pseudo-terminal of ours. */
static void test_own_terminal(void)
{
    const char *const argv[] = {"/bin/sh", "-c",
                                "printf '\\033[2J\\033[3;4Hshown'; "
                                "printf '\\033[1;1Htop\\342\\202\\254\\033[K'; "
                                "stty size; read x; printf '\\033[3;1H\\033[2Kgot %s' \"$x\"; exit "
                                "6", NULL};
    struct pty *t = pty_start(12, 40, argv);
    PTY_AWAIT(t, "   shown\n");
    PTY_AWAIT(t, "12 40\n");
    CHECK_TEXT(pty_row(t, 0), "top\xe2\x82\xac" "12 40");
    pty_send(t, "keys\r");
    PTY_AWAIT(t, "got keys\n");
    PTY_AWAIT_GONE(t, "shown");
    int status = pty_await_exit(t);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 6);
}

static const struct test robust_tests[] = {
    {"daemon_killed_while_printing", test_daemon_killed_while_printing},
    {"daemon_killed_many_times", test_daemon_killed_many_times},
    {"exit_without_daemon", test_exit_without_daemon},
    {"holder_killed", test_holder_killed},
    {"delete_stubborn", test_delete_stubborn},
    {"delete_leaves_nobody", test_delete_leaves_nobody},
    {"delete_is_quick", test_delete_is_quick},
    {"delete_finished_by_next_daemon", test_delete_finished_by_next_daemon},
    {"delete_twice", test_delete_twice},
    {"terminate", test_terminate},
    {"terminate_answers", test_terminate_answers},
    {"stop_with_deaf_client", test_stop_with_deaf_client},
    {"two_daemons_end_as_one", test_two_daemons_end_as_one},
    {"second_daemon_refused", test_second_daemon_refused},
    {"stale_socket_replaced", test_stale_socket_replaced},
    {"live_socket_kept", test_live_socket_kept},
    {"directories_refused", test_directories_refused},
    {"configuration_refused", test_configuration_refused},
    {"many_sessions", test_many_sessions},
    {"log_is_bounded", test_log_is_bounded},
    {"holder_is_bounded", test_holder_is_bounded},
    {"not_started", test_not_started},
    {"garbage_output", test_garbage_output},
    {"garbage_text", test_garbage_text},
    {"garbled_records", test_garbled_records},
    {"holder_talks_nonsense", test_holder_talks_nonsense},
    {"large_command", test_large_command},
    {"own_terminal", test_own_terminal},
};
