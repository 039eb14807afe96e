/* Unit tests of spawn: a shell script stands for the daemon that is started, a child that holds the
 * lock for the one that is stopped. */

/* Makes the program that spawn_daemon runs. */
static void unit_spawn_program(struct unit_daemon *u, const char *script)
{
    buf b = {0};
    buf_fmt(&b, "#!/bin/sh\n%s\n", script);
    CHECK_INT(store_write(u->dir, "telec", buf_view(&b)), 0);
    buf_clear(&b);
    buf_fmt(&b, "%s/telec", u->dir);
    free(u->config.program);
    u->config.loaded = 0; /* the program is not this one */
    u->config.program = span_dup(buf_view(&b));
    CHECK_INT(chmod(u->config.program, 0700), 0);
    buf_free(&b);
}

/* Reads a descriptor to its end. */
static void unit_spawn_read(int fd, buf *out)
{
    char chunk[200];
    ssize_t n;
    buf_clear(out);
    while (fd >= 0 && (n = read(fd, chunk, sizeof chunk)) > 0)
        buf_add(out, chunk, (size_t)n);
    close(fd);
}

static void unit_spawn_starts(void)
{
    struct unit_daemon u;
    buf error = {0}, said = {0}, log = {0}, want = {0};
    test_begin("a started daemon has its files, its log and a session of its own");
    unit_daemon_init(&u);
    setenv("UNIT_SPAWN", "kept", 1);
    int open_file = fcntl(1, F_DUPFD, 7);
    unit_spawn_program(&u, "echo \"$* $UNIT_SPAWN $TELEC_SOCKET $(pwd)\" >&2\n"
                           "ls /dev/fd | grep -c '^7$' >&2\nprintf x >&3");
    int fd = spawn_daemon(&u.config, &error);
    CHECK_SPAN(buf_view(&error), "");
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    unit_spawn_read(fd, &said);
    CHECK_SPAN(buf_view(&said), "x");
    buf_fmt(&want, "%s/daemon.log", u.state);
    CHECK_INT(os_read_file(&log, buf_cstr(&want), 10000), 0);
    buf_clear(&want);
    buf_fmt(&want, "daemon --ready-fd 3 kept %s /\n", u.socket);
    buf_str(&want, "0\n"); /* the caller's open file is not there */
    CHECK_SPAN(buf_view(&log), buf_cstr(&want));
    close(open_file);
    buf_free(&error), buf_free(&said), buf_free(&log), buf_free(&want);
    unit_daemon_free(&u);
}

static void unit_spawn_fails(void)
{
    struct unit_daemon u;
    buf error = {0}, said = {0};
    test_begin("a daemon that ends at once gives end of file and no byte");
    unit_daemon_init(&u);
    unit_spawn_program(&u, "exit 1");
    unit_spawn_read(spawn_daemon(&u.config, &error), &said);
    CHECK_INT(said.n, 0);
    CHECK_INT(error.n, 0);
    free(u.config.program); /* one that is not there */
    u.config.program = span_dup(span_of("/no/such/program"));
    unit_spawn_read(spawn_daemon(&u.config, &error), &said);
    CHECK_SPAN(buf_view(&said), "cannot run /no/such/program: No such file or directory");
    buf_free(&error), buf_free(&said);
    unit_daemon_free(&u);
}

static void unit_spawn_no_log(void)
{
    struct unit_daemon u;
    buf error = {0}, path = {0};
    test_begin(
        "a daemon is not started when its log can't be opened, and the message names the log");
    unit_daemon_init(&u);
    CHECK_INT(places_make_dirs(&u.config, &error), 0);
    buf_fmt(&path, "%s/daemon.log", u.state);
    CHECK_INT(mkdir(buf_cstr(&path), 0700), 0);
    CHECK_INT(spawn_daemon(&u.config, &error), -1);
    CHECK(strstr(buf_cstr(&error), path.p) != NULL);
    buf_free(&error), buf_free(&path);
    unit_daemon_free(&u);
}

static void unit_spawn_turns_log(void)
{
    struct unit_daemon u;
    buf error = {0}, path = {0}, said = {0};
    struct stat st;
    test_begin("a daemon's log larger than its limit is renamed before the next start");
    unit_daemon_init(&u);
    unit_spawn_program(&u, "printf x >&3");
    CHECK_INT(places_make_dirs(&u.config, &error), 0);
    CHECK_INT(store_write(u.state, "daemon.log", span_of("old")), 0);
    buf_fmt(&path, "%s/daemon.log", u.state);
    for (int over = 0; over < 2; over++) {
        CHECK_INT(truncate(buf_cstr(&path), SPAWN_LOG_MAX + over), 0);
        unit_spawn_read(spawn_daemon(&u.config, &error), &said);
        CHECK(stat(path.p, &st) == 0 && st.st_size == (over ? 0 : SPAWN_LOG_MAX));
        CHECK_INT(st.st_mode & 0777, 0600);
    }
    buf_str(&path, ".1");
    CHECK(stat(buf_cstr(&path), &st) == 0 && st.st_size == SPAWN_LOG_MAX + 1);
    buf_free(&error), buf_free(&path), buf_free(&said);
    unit_daemon_free(&u);
}

/* ---- stopping ------------------------------------------------------------------------------- */

/* A child that holds the socket's lock; deaf: it ignores SIGTERM. */
static pid_t unit_spawn_owner(struct unit_daemon *u, int deaf)
{
    int ends[2];
    char byte;
    pid_t ignored;
    buf name = {0};
    CHECK_INT(pipe(ends), 0);
    buf_fmt(&name, "%s" STORE_SOCKET_LOCK, u->socket);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGTERM, deaf ? SIG_IGN : SIG_DFL);
        if (store_lock(buf_cstr(&name), &ignored) >= 0 && write(ends[1], "", 1) == 1)
            for (;;)
                pause();
        _exit(1);
    }
    close(ends[1]);
    CHECK_INT(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    buf_free(&name);
    return pid;
}

static void unit_spawn_stops(void)
{
    struct unit_daemon u;
    buf error = {0}, want = {0};
    int status;
    test_begin("stopping waits for the daemon's end, or says that it does not end");
    unit_daemon_init(&u);
    CHECK(spawn_connect(&u.config) < 0 && errno == ENOENT);
    CHECK_INT(spawn_stop(&u.config, 0, &error), 1); /* no directory yet */
    CHECK_INT(places_make_dirs(&u.config, &error), 0);
    char why[100];
    int stale = conn_listen(u.socket, why, sizeof why);
    CHECK(stale >= 0 && close(stale) == 0);
    CHECK(spawn_connect(&u.config) < 0 && errno == ECONNREFUSED); /* there is a socket */
    unlink(u.socket);
    pid_t pid = unit_spawn_owner(&u, 0);
    CHECK_INT(spawn_pid(&u.config, 0), pid);
    CHECK_INT(spawn_stop(&u.config, 0, &error), 0);
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    CHECK_INT(spawn_stop(&u.config, 0, &error), 1); /* the lock file is there, and free */
    CHECK_INT(error.n, 0);
    pid = unit_spawn_owner(&u, 1);
    CHECK_INT(spawn_stop(&u.config, 0, &error), -1);
    buf_fmt(&want, "process %ld", (long)pid);
    CHECK(strstr(buf_cstr(&error), buf_cstr(&want)) != NULL);
    kill(pid, SIGKILL);
    CHECK_INT(waitpid(pid, &status, 0), pid);
    buf_free(&error), buf_free(&want);
    unit_daemon_free(&u);
}

static void unit_spawn(void)
{
    unit_spawn_starts();
    unit_spawn_fails();
    unit_spawn_no_log();
    unit_spawn_turns_log();
    unit_spawn_stops();
}
