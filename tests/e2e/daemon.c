/* daemon - a daemon of the test's own, and its sessions. */

/* ---- the daemon ----------------------------------------------------------------------------- */

/* The environment of everything a test starts: nothing of the caller's but what programs need. */
static inline char **e2e_environment(void)
{
    static char *env[20];
    int n = 0;
    const char *extra_asan = getenv("ASAN_OPTIONS"), *extra_ubsan = getenv("UBSAN_OPTIONS");
    env[n++] = format("PATH=%s:/usr/local/bin:/usr/bin:/bin", e2e.bin);
    env[n++] = format("HOME=%s", e2e.home);
    env[n++] = format("XDG_RUNTIME_DIR=%s", e2e.run);
    env[n++] = format("XDG_STATE_HOME=%s", e2e.state);
    env[n++] = format("XDG_CONFIG_HOME=%s", e2e.config);
    env[n++] = format("TELEC_E2E=%s", e2e.dir);
    /* with a shared object in front of it the sanitizer has no names for the leaks to suppress */
    env[n++] = format("ASAN_OPTIONS=%s%s%squarantine_size_mb=1:log_path=%s/sanitizer",
                      extra_asan ? extra_asan : "", extra_asan ? ":" : "",
                      e2e.extra[0] ? "verify_asan_link_order=0:detect_leaks=0:" : "", e2e.dir);
    env[n++] = format("UBSAN_OPTIONS=%s%sprint_stacktrace=1:log_path=%s/sanitizer", extra_ubsan
                      ? extra_ubsan : "",
                      extra_ubsan ? ":" : "", e2e.dir);
    env[n++] = format("LSAN_OPTIONS=suppressions=%s/leaks:print_suppressions=0", e2e.dir);
    env[n++] = format("SHELL=/bin/sh");
    env[n++] = format("TERM=xterm-256color");
    env[n++] = format("LANG=C.UTF-8");
    for (int i = 0; e2e.extra[i]; i++)
        env[n++] = e2e.extra[i];
    env[n] = NULL;
    return env;
}

/* Starts telec with those arguments, stderr (and stdout) going to the test's file of errors. */
static inline pid_t telec_start(const char *const *argv)
{
    pid_t pid = fork();
    if (pid < 0)
        e2e_die("fork");
    if (pid > 0)
        return pid;
    int errors = open(e2e.errors, O_WRONLY | O_CREAT | O_APPEND, 0600), null =
        open("/dev/null", O_RDONLY);
    char **env = e2e_environment();
    if (errors < 0 || null < 0 || dup2(null, 0) < 0 || dup2(errors, 1) < 0 || dup2(errors, 2) < 0 ||
        chdir(e2e.dir) != 0)
        _exit(99);
    close(errors), close(null);
    signal(SIGPIPE, SIG_DFL);
    execve(e2e.binary, (char *const *)argv, env);
    _exit(98);
}

static inline pid_t telec_daemon(void)
{
    const char *const argv[] = {e2e.binary, "daemon", NULL};
    return telec_start(argv);
}

static inline char *daemon_errors(void)
{
    char *text = file_read(e2e.errors, NULL);
    return text ? text : format("");
}

/* Does somebody answer on the socket? */
static inline int daemon_answers(void)
{
    struct wire w = {.fd = wire_connect(e2e.socket)};
    if (w.fd < 0)
        return 0;
    wire_str(&w, request("GET", "/health", NULL));
    int status = reply_read(&w).status;
    wire_close(&w);
    return status == 200;
}

/* Waits until it serves. A killed daemon's socket may be open for a moment longer, in a child that
 * it was just starting: who is closed without an answer asks again. */
static inline void daemon_await(pid_t pid)
{
    long long until = now_ms() + E2E_WAIT_MS;
    int status;
    while (!daemon_answers()) {
        if (waitpid(pid, &status, WNOHANG) == pid)
            FATAL("the daemon ended with status %x: %s", status, daemon_errors());
        if (now_ms() > until)
            FATAL("the daemon does not serve: %s", daemon_errors());
        poll(NULL, 0, 2);
    }
}

static inline void daemon_start(void)
{
    e2e.daemon = telec_daemon();
    daemon_await(e2e.daemon);
}

/* The end of a child as waitpid tells it. */
static inline int await_exit(pid_t pid)
{
    int status = -1;
    pid_t got = 0;
    AWAIT((got = waitpid(pid, &status, WNOHANG)) != 0);
    REQUIRE(got == pid);
    return status;
}

static inline void daemon_kill(void)
{
    kill(e2e.daemon, SIGKILL);
    await_exit(e2e.daemon);
    e2e.daemon = 0;
}

/* Asks it to end, which it must do well. */
static inline void daemon_stop(void)
{
    if (!e2e.daemon)
        return;
    kill(e2e.daemon, SIGTERM);
    CHECK_INT(await_exit(e2e.daemon), 0);
    e2e.daemon = 0;
}

/* ---- sessions ------------------------------------------------------------------------------- */

/* POST /sessions with these members besides computer and project_dir (the test's directory). */
static inline struct reply create(const char *members)
{
    return call("POST", "/sessions", format("{\"computer\": \"local\", \"project_dir\": %s%s%s}",
                                            json_quote(e2e.dir), *members ? ", " : "", members));
}

/* The same, and it must work: the session's id. */
static inline char *start(const char *members)
{
    struct reply r = create(members);
    if (r.status != 200)
        FATAL("the session was not created: %d %s", r.status, r.body);
    return json_get(r.body, "session_id");
}

static inline char *start_sh(const char *script)
{
    return start(format("\"command\": %s", json_array("sh", "-c", script, NULL)));
}

/* One of tests/e2e/programs.c; the last argument is NULL. */
static inline char *start_program(const char *name, const char *first, const char *second)
{
    return start(format("\"command\": %s", json_array(e2e.self, "program", name, first, second,
                                                      NULL)));
}

static inline char *session_path(const char *id, const char *rest)
{
    return format("/sessions/%s%s", id, rest);
}

/* A member of the session's object; NULL: the session isn't there. */
static inline char *session_get(const char *id, const char *member)
{
    struct reply r = get(session_path(id, ""));
    return r.status == 200 ? json_get(r.body, member) : NULL;
}

static inline int session_is(const char *id, const char *member, const char *value)
{
    char *now = session_get(id, member);
    return now && strcmp(now, value) == 0;
}

#define AWAIT_SESSION(id, member, value) \
    await_session(__FILE__, __LINE__, (id), (member), (value))

static inline void await_session(const char *file, int line, const char *id, const char *member,
                                 const char *value)
{
    long long until = now_ms() + E2E_WAIT_MS;
    while (!session_is(id, member, value))
        check_patience(file, line, format("%s is \"%s\", not \"%s\"", member,
                                          session_get(id, member), value), until);
}

/* Its end was asked for. */
static inline int session_is_ending(const char *id)
{
    char text[8];
    return readlink(session_file(id, "end"), text, sizeof text) == 1 && text[0] == '0';
}

/* Ends a session; the answer must say so. */
static inline void end_session(const char *id)
{
    struct reply r = call("DELETE", session_path(id, ""), NULL);
    CHECK_INT(r.status, 200);
    CHECK_TEXT(r.body, format("{\"status\":\"success\",\"message\":\"Session %.8s ended "
                              "successfully\"}", id));
}

static inline char *transcript(const char *id)
{
    return json_get(get(session_path(id, "/transcript?tail_chars=100000")).body, "transcript");
}

/* The whole text shown on a session's screen, lines joined by line feeds. */
static inline char *screen_text(const char *id)
{
    struct reply r = get(session_path(id, "/screen"));
    struct text t = {0};
    text_add(&t, "", 0);
    for (int i = 0; i < json_count(r.body, "lines"); i++)
        text_str(&t, format("%s\n", json_get(r.body, format("lines.%d", i))));
    return t.p;
}
