/* Unit tests of daemon: claiming the socket, and one life from its start to its end. The daemon
 * runs in this process; a child plays its clients and sends it the signal that ends it. */

struct unit_daemon {
    char dir[64], socket[80], holders[80], state[80];
    struct config config;
};

static void unit_daemon_init(struct unit_daemon *u)
{
    memset(u, 0, sizeof *u);
    snprintf(u->dir, sizeof u->dir, "/tmp/telec-unit-XXXXXX");
    if (!mkdtemp(u->dir))
        base_die("%s: %s", u->dir, strerror(errno));
    snprintf(u->socket, sizeof u->socket, "%s/r/api.sock", u->dir);
    snprintf(u->holders, sizeof u->holders, "%s/r/s", u->dir);
    snprintf(u->state, sizeof u->state, "%s/state", u->dir);
    buf error = {0};
    setenv("XDG_CONFIG_HOME", u->dir, 1);
    CHECK_INT(config_load(&u->config, "telec", u->socket, NULL, &error), 0);
    free(u->config.state), free(u->config.holders);
    u->config.state = span_dup(span_of(u->state));
    u->config.holders = span_dup(span_of(u->holders));
    buf_free(&error);
}

static void unit_daemon_free(struct unit_daemon *u)
{
    buf line = {0};
    config_free(&u->config);
    buf_fmt(&line, "rm -rf %s", u->dir);
    CHECK_INT(system(buf_cstr(&line)), 0);
    buf_free(&line);
}

static void unit_daemon_notes_host(void)
{
    struct daemon d = {0};
    test_begin("a daemon keeps what is bad about its host for its clients");
    json_open(&d.server.host, '[');
    daemon_note_host(&d, HOST_GOOD, "boot", "x", NULL);
    daemon_note_host(&d, HOST_BAD, "cgroup", "a.service", "elsewhere");
    daemon_note_host(&d, HOST_BAD, "state", "full", NULL);
    json_close(&d.server.host, ']');
    CHECK_SPAN(buf_view(&d.server.host), "[\"cgroup: a.service: elsewhere\",\"state: full\"]");
    buf_free(&d.server.host);
}

/* ---- the claim ------------------------------------------------------------------------------ */

/* A process that listens on the socket and accepts nothing. dying: it ends when a client comes, as
 * a dead daemon's child that reaches its exec. */
static pid_t unit_daemon_listener(struct unit_daemon *u, int dying)
{
    char message[200];
    int fd = conn_listen(u->socket, message, sizeof message);
    CHECK(fd >= 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct pollfd in = {fd, POLLIN, 0};
        poll(&in, dying, -1);
        _exit(0);
    }
    close(fd);
    return pid;
}

static void unit_daemon_claims_left_socket(void)
{
    struct unit_daemon u;
    buf error = {0};
    int status;
    test_begin("a daemon takes over the socket that a dead one's child closes a moment later");
    unit_daemon_init(&u);
    struct daemon d = {.config = &u.config};
    CHECK_INT(places_make_dirs(&u.config, &error), 0);
    pid_t pid = unit_daemon_listener(&u, 1);
    CHECK_INT(daemon_claim(&d, &error), 0);
    CHECK_SPAN(buf_view(&error), "");
    CHECK(d.listening_fd >= 0);
    CHECK_INT(waitpid(pid, &status, 0), pid);
    close(d.listening_fd);
    unit_daemon_free(&u);
}

static void unit_daemon_refuses_live_socket(void)
{
    struct unit_daemon u;
    buf error = {0};
    struct stat before, after;
    test_begin("a daemon refuses a socket that another process serves, and leaves it there");
    unit_daemon_init(&u);
    struct daemon d = {.config = &u.config};
    CHECK_INT(places_make_dirs(&u.config, &error), 0);
    pid_t pid = unit_daemon_listener(&u, 0);
    CHECK_INT(stat(u.socket, &before), 0);
    CHECK_INT(daemon_claim(&d, &error), -1);
    CHECK(strstr(buf_cstr(&error), u.socket) != NULL);
    CHECK(stat(u.socket, &after) == 0 && after.st_ino == before.st_ino);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    buf_free(&error);
    unit_daemon_free(&u);
}

static void unit_daemon_fails_free(void)
{
    static const char *const suffixes[] = {STORE_SOCKET_LOCK, STORE_STATE_LOCK, STORE_TWIN_LOCK};
    struct unit_daemon u;
    buf error = {0}, name = {0};
    int status = 0;
    test_begin("a daemon that can't listen has no lock any more when it says so");
    unit_daemon_init(&u);
    struct daemon d = {.config = &u.config};
    CHECK_INT(places_make_dirs(&u.config, &error), 0);
    buf_fmt(&name, "%s/x", u.socket);
    CHECK(mkdir(u.socket, 0700) == 0 && mkdir(buf_cstr(&name), 0700) == 0);
    CHECK_INT(daemon_claim(&d, &error), -1);
    CHECK(strstr(buf_cstr(&error), "cannot listen on") != NULL);
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        pid_t ignored, pid = fork();
        if (pid == 0) {
            buf_clear(&name);
            buf_fmt(&name, "%s%s", i ? u.state : u.socket, suffixes[i]);
            _exit(store_lock(buf_cstr(&name), &ignored) < 0);
        }
        CHECK(waitpid(pid, &status, 0) == pid && status == 0); /* the next one gets them */
    }
    CHECK(rmdir(buf_cstr(&name)) == 0 && rmdir(u.socket) == 0);
    buf_free(&error), buf_free(&name);
    unit_daemon_free(&u);
}

static void unit_daemon_refuses_lock(void)
{
    static const char *const suffixes[] = {STORE_SOCKET_LOCK, STORE_STATE_LOCK, STORE_TWIN_LOCK};
    struct unit_daemon u;
    buf error = {0}, name = {0}, want = {0};
    test_begin("a daemon refuses when another process holds one of the locks, and names it");
    unit_daemon_init(&u);
    struct daemon d = {.config = &u.config};
    CHECK_INT(places_make_dirs(&u.config, &error), 0);
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        int ends[2];
        char byte;
        pid_t ignored, owner;
        CHECK_INT(pipe(ends), 0);
        buf_clear(&name);
        buf_fmt(&name, "%s%s", i ? u.state : u.socket, suffixes[i]);
        pid_t pid = fork();
        if (pid == 0) {
            if (store_lock(buf_cstr(&name), &ignored) >= 0 && write(ends[1], "", 1) == 1)
                pause();
            _exit(0);
        }
        close(ends[1]);
        CHECK_INT(read(ends[0], &byte, 1), 1);
        CHECK_INT(daemon_claim(&d, &error), -1);
        buf_clear(&want);
        buf_fmt(&want, "process %ld", (long)pid);
        CHECK(strstr(buf_cstr(&error), buf_cstr(&want)) != NULL);
        buf_clear(&error);
        CHECK_INT(store_look_at_lock(buf_cstr(&name), &owner, NULL), STORE_LOCK_HELD);
        CHECK_INT(owner, pid);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        CHECK_INT(store_look_at_lock(buf_cstr(&name), &owner, NULL), STORE_LOCK_FREE);
        close(ends[0]);
    }
    buf_free(&error), buf_free(&name), buf_free(&want);
    unit_daemon_free(&u);
}

/* ---- a life --------------------------------------------------------------------------------- */

/* Runs a daemon while `clients` runs in a child, which stops its parent, the daemon, by SIGTERM.
 * Checks what both return: 0. */
static void unit_daemon_run(struct unit_daemon *u, int (*clients)(struct unit_daemon *u))
{
    int ready[2], status = -1;
    char byte;
    buf error = {0};
    CHECK_INT(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ready[1]);
        _exit(read(ready[0], &byte, 1) == 1 ? clients(u) : 99);
    }
    close(ready[0]);
    CHECK_INT(daemon_run(&u->config, ready[1], &error), 0);
    CHECK_SPAN(buf_view(&error), "");
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(status, 0);
    CHECK(access(u->socket, F_OK) != 0);
}

/* Asks for more than a socket and the daemon's queue hold, and reads nothing. */
static int unit_daemon_deaf_client(struct unit_daemon *u)
{
    static const char ask[] = "GET /status HTTP/1.1\r\nHost: x\r\n\r\n";
    struct pollfd p = {conn_connect(u->socket), POLLOUT, 0};
    while (poll(&p, 1, 300) == 1)
        if (write(p.fd, ask, sizeof ask - 1) < 0 && errno != EAGAIN)
            return 1;
    kill(getppid(), SIGTERM);
    p.events = 0;
    while (!(p.revents & POLLHUP))
        if (poll(&p, 1, 10000) != 1)
            return 2;
    return 0;
}

static void unit_daemon_stops_in_time(void)
{
    struct unit_daemon u;
    test_begin("a daemon ends although a client never reads its replies");
    unit_daemon_init(&u);
    unit_daemon_run(&u, unit_daemon_deaf_client);
    unit_daemon_free(&u);
}

/* Reads until the end of file; 1 when the last bytes were `want`. */
static int unit_daemon_read_end(int fd, const char *want)
{
    struct pollfd in = {fd, POLLIN, 0};
    buf all = {0};
    char chunk[500];
    ssize_t n;
    while (poll(&in, 1, 10000) == 1 && (n = read(fd, chunk, sizeof chunk)) > 0)
        buf_add(&all, chunk, (size_t)n);
    size_t size = strlen(want);
    int good = size == 0 || (all.n >= size && memcmp(all.p + all.n - size, want, size) == 0);
    buf_free(&all);
    return good;
}

/* One that has sent nothing, and a WebSocket. */
static int unit_daemon_idle_clients(struct unit_daemon *u)
{
    int idle = conn_connect(u->socket), ws = conn_connect(u->socket);
    buf b = {0}, key = {0}, end = {0};
    struct pollfd in = {ws, POLLIN, 0};
    b64_put(&key, span_of("sixteen bytes .."));
    ws_put_upgrade(&b, "/ws", buf_cstr(&key));
    if (write(ws, b.p, b.n) != (ssize_t)b.n || poll(&in, 1, 10000) != 1)
        return 1;
    kill(getppid(), SIGTERM);
    ws_put_close(&end, WS_SERVER, 1001, "the daemon is shutting down");
    return !unit_daemon_read_end(idle, "") + 2 * !unit_daemon_read_end(ws, buf_cstr(&end));
}

static void unit_daemon_says_goodbye(void)
{
    struct unit_daemon u;
    test_begin("a daemon that ends closes idle connections, and WebSockets with 1001");
    unit_daemon_init(&u);
    unit_daemon_run(&u, unit_daemon_idle_clients);
    unit_daemon_free(&u);
}

static void unit_daemon(void)
{
    unit_daemon_notes_host();
    unit_daemon_claims_left_socket();
    unit_daemon_refuses_live_socket();
    unit_daemon_fails_free();
    unit_daemon_refuses_lock();
    unit_daemon_stops_in_time();
    unit_daemon_says_goodbye();
}
