/* Unit tests of near and far: `telec reach` and `telec relay` run as processes of this program, and
 * the daemons at both ends are by script of context.c. */

struct unit_near {
    struct loop loop;
    struct unit_context here, there; /* the daemons */
    char command[96];         /* what is given to reach: a shell on that computer */
    struct loop_child child;
    int ended, status, closed;
    buf said;                 /* the child's stdout and stderr */
    struct conn out;
};

static const struct unit_context_reply unit_near_here[] = {
    {"GET /health", 200, "{\"status\":\"ok\"}"}, {NULL, 0, NULL}};
static const struct unit_context_reply unit_near_there[] = {
    {"GET /computers", 200, "[{\"name\":\"bee\"}]"}, {NULL, 0, NULL}};

#define UNIT_NEAR_UNTIL(u, cond) \
    do { \
        long long unit_until = clock_mono_ms() + 30000; \
        while (!(cond) && clock_mono_ms() < unit_until) \
            unit_near_once(u); \
        CHECK(cond); \
    } while (0)

static void unit_near_once(struct unit_near *u)
{
    struct loop_timer tick = {.fn = unit_loop_nothing};
    loop_timer_set(&u->loop, &tick, clock_mono_ms() + 20);
    loop_once(&u->loop);
    loop_timer_cancel(&u->loop, &tick);
}

static void unit_near_write(const struct unit_near *u, const char *name, const char *text)
{
    buf path = {0};
    CHECK_INT(store_write(u->there.dir, name, span_of(text)), 0);
    buf_fmt(&path, "%s/%s", u->there.dir, name);
    CHECK_INT(chmod(buf_cstr(&path), 0700), 0);
    buf_free(&path);
}

static void unit_near_init(struct unit_near *u)
{
    char program[PATH_MAX];
    buf b = {0};
    memset(u, 0, sizeof *u);
    loop_init(&u->loop);
    unit_context_init(&u->here, unit_near_here);
    unit_context_init(&u->there, unit_near_there);
    unit_context_listen(&u->here, &u->loop);
    unit_context_listen(&u->there, &u->loop);
    CHECK(realpath(unit_program, program) != NULL);
    buf_fmt(&b, "#!/bin/sh\nexec %s -S %s \"$@\"\n", program, u->there.path);
    unit_near_write(u, "telec", buf_cstr(&b));
    buf_clear(&b);
    buf_fmt(&b, "#!/bin/sh\necho noise\nPATH=%s:$PATH exec \"$@\"\n", u->there.dir);
    unit_near_write(u, "to", buf_cstr(&b));
    snprintf(u->command, sizeof u->command, "%s/to", u->there.dir);
    buf_free(&b);
}

static void unit_near_on_exit(void *ctx, int status)
{
    struct unit_near *u = ctx;
    u->ended = 1;
    u->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void unit_near_on_data(void *ctx)
{
    struct unit_near *u = ctx;
    buf_span(&u->said, conn_view(&u->out));
    conn_consume(&u->out, conn_view(&u->out).n);
    if (u->out.eof)
        conn_close(&u->out, NULL);
}

static void unit_near_on_closed(void *ctx, const char *why)
{
    struct unit_near *u = ctx;
    (void)why;
    conn_free(&u->out);
    u->closed = 1;
}

static const struct conn_hooks unit_near_hooks = {unit_near_on_data, NULL, unit_near_on_closed};

/* Starts this program; what lives as long as its process isn't lost. */
static void unit_near_spawn(struct unit_near *u, const char **argv, int in, int out, int err)
{
    char *kept = getenv("ASAN_OPTIONS") ? span_dup(span_of(getenv("ASAN_OPTIONS"))) : NULL;
    setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    u->child.pid = os_spawn((char **)(uintptr_t)argv, in, out, err);
    if (kept)
        setenv("ASAN_OPTIONS", kept, 1);
    else
        unsetenv("ASAN_OPTIONS");
    free(kept);
}

/* Runs telec reach [OPTION] COMMAND. */
static void unit_near_start(struct unit_near *u, const char *option, const char *command)
{
    int ends[2];
    const char *argv[] = {unit_program, "-S", u->here.path, "reach", "--name", "bee", option,
                          command, NULL};
    if (!option)
        argv[6] = command, argv[7] = NULL;
    CHECK_INT(pipe(ends), 0);
    os_close_on_exec(ends[0]);
    u->out.hooks = &unit_near_hooks;
    u->out.ctx = u;
    conn_open(&u->out, &u->loop, ends[0]);
    u->child = (struct loop_child){.fn = unit_near_on_exit, .ctx = u};
    unit_near_spawn(u, argv, option ? ends[1] : -1, ends[1], ends[1]); /* its parent lives */
    CHECK(u->child.pid > 0);
    close(ends[1]);
    loop_on_exit(&u->loop, &u->child);
}

static void unit_near_free(struct unit_near *u)
{
    struct unit_context *both[] = {&u->here, &u->there};
    for (int i = 0; i < 2; i++) {
        loop_unwatch(&u->loop, &both[i]->listener);
        close(both[i]->listener.fd);
        for (struct unit_context_conn *c = both[i]->conns; c; c = c->next)
            conn_close(&c->conn, NULL);
    }
    UNIT_NEAR_UNTIL(u, u->ended && u->closed && !u->here.conns && !u->there.conns);
    loop_free(&u->loop);
    for (size_t i = 0; i < 2; i++) {
        buf path = {0};
        buf_fmt(&path, "%s/%s", u->there.dir, i ? "telec" : "to");
        unlink(buf_cstr(&path));
        buf_free(&path);
    }
    unit_context_free(&u->here);
    unit_context_free(&u->there);
    buf_free(&u->said);
}

/* A request at the link's socket, which it has told the daemon here. Returns 1 when that daemon
 * there has answered it. */
static int unit_near_answers(struct unit_near *u)
{
    const char *at = strstr(buf_cstr(&u->here.asked), "socket=");
    buf path = {0};
    char answer[1000] = "";
    if (!at)
        return 0;
    span value = span_of(at + strlen("socket="));
    CHECK(http_decode(span_cut(&value, '\n'), 1, &path) >= 0);
    int fd = conn_connect(buf_cstr(&path));
    buf_free(&path);
    if (fd < 0)
        return 0;
    span ask = span_of("GET /computers HTTP/1.1\r\nHost: x\r\n\r\n");
    struct pollfd in = {.fd = fd, .events = POLLIN};
    CHECK_INT(write(fd, ask.p, ask.n), (long long)ask.n);
    size_t n = 0;
    for (ssize_t got = 1; got > 0 && n + 1 < sizeof answer;) {
        while (poll(&in, 1, 0) == 0)
            unit_near_once(u);
        got = read(fd, answer + n, sizeof answer - 1 - n);
        n += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    return strstr(answer, "[{\"name\":\"bee\"}]") != NULL;
}

static void unit_near_reaches(void)
{
    static const char *const frames[] = {"{\"sessions\":3}", NULL};
    struct unit_near u;
    test_begin(
        "reach says when the computer is there, and its daemon answers at the link's socket");
    unit_near_init(&u);
    u.here.frames = frames;
    unit_near_start(&u, NULL, u.command);
    UNIT_NEAR_UNTIL(&u, u.ended);
    CHECK_INT(u.status, 0);
    UNIT_NEAR_UNTIL(&u, u.said.n);
    CHECK_SPAN(buf_view(&u.said), "bee is reached: 3 sessions\n");
    CHECK(strstr(buf_cstr(&u.here.asked), "/reach?name=bee&self=") != NULL);
    CHECK(unit_near_answers(&u));
    unit_near_free(&u);
}

static void unit_near_comes_back(void)
{
    static const char *const frames[] = {"{\"sessions\":1}", NULL};
    struct unit_near u;
    buf once = {0};
    test_begin("a link in the background makes a lost pipe anew, and ends with the daemon here");
    unit_near_init(&u);
    u.here.frames = frames;
    /* the first time it ends as soon as something comes */
    buf_fmt(&once, "#!/bin/sh\n[ -f %s/once ] && exec %s \"$@\"\n>%s/once; read x; exit 1\n",
            u.there.dir, u.command, u.there.dir);
    unit_near_write(&u, "breaks", buf_cstr(&once));
    buf_clear(&once);
    buf_fmt(&once, "%s/breaks", u.there.dir);
    unit_near_start(&u, "--background", buf_cstr(&once));
    UNIT_NEAR_UNTIL(&u, strstr(buf_cstr(&u.here.asked), "/reach?") != NULL);
    CHECK(unit_near_answers(&u));
    CHECK(!u.ended);
    unlink(buf_cstr(&once));
    once.n -= strlen("breaks");
    buf_str(&once, "once");
    unlink(buf_cstr(&once));
    unit_near_free(&u);
    CHECK_INT(u.status, 0);
    buf_free(&once);
}

static void unit_near_fails(void)
{
    static const struct {
        const char *script, *why;
    } cases[] = {
        {"exit 3", "telec: the command ended before a telec answered there\n"},
        {"exec /nonexistent/sh", "telec: the command ended before a telec answered there\n"},
        {"read -r l; eval \"${l%% *}\"; printf '\\n%s failed no room\\n' \"$m\"",
         "telec: no room\n"},
    };
    struct unit_near u;
    test_begin("reach says why it fails, with the command's own words");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unit_near_init(&u);
        buf b = {0};
        buf_fmt(&b, "#!/bin/sh\n%s\n", cases[i].script);
        unit_near_write(&u, "to", buf_cstr(&b));
        unit_near_start(&u, NULL, u.command);
        UNIT_NEAR_UNTIL(&u, u.ended && u.said.n);
        CHECK_INT(u.status, 1);
        CHECK(strstr(buf_cstr(&u.said), cases[i].why) != NULL);
        buf_free(&b);
        unit_near_free(&u);
    }
}

/* A relay alone, whose other side is this process: it ends when its stdin does. */
static void unit_near_relay(void)
{
    const char *argv[] = {unit_program, "-S", NULL, "relay", NULL};
    struct unit_near u = {.ended = 0};
    struct unit_mux_end end;
    char answer[1000] = "";
    int pair[2], stream[2];
    size_t n = 0;
    test_begin("a relay says who it is, answers pings, and carries streams to its daemon");
    loop_init(&u.loop);
    unit_context_init(&u.there, unit_near_there);
    unit_context_listen(&u.there, &u.loop);
    argv[2] = u.there.path;
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
    for (int i = 0; i < 2; i++)
        os_close_on_exec(stream[i]);
    unit_mux_begin(&end, &u.loop, os_close_on_exec(pair[0]), 0);
    u.child = (struct loop_child){.fn = unit_near_on_exit, .ctx = &u};
    unit_near_spawn(&u, argv, pair[1], pair[1], 2);
    close(pair[1]);
    loop_on_exit(&u.loop, &u.child);
    UNIT_NEAR_UNTIL(&u, end.hello.n);
    CHECK(strstr(buf_cstr(&end.hello), "\"mux\":") && strstr(end.hello.p, "\"error\":null"));
    mux_send(&end.mux, MUX_PING, 0, (span){0});
    UNIT_NEAR_UNTIL(&u, end.pings);
    mux_open(&end.mux, stream[0]);
    span ask = span_of("GET /computers HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_INT(write(stream[1], ask.p, ask.n), (long long)ask.n);
    fcntl(stream[1], F_SETFL, O_NONBLOCK);
    for (int turns = 500; turns && !strstr(answer, "\"bee\""); turns--) {
        ssize_t got = read(stream[1], answer + n, sizeof answer - 1 - n);
        n += got > 0 ? (size_t)got : 0;
        unit_near_once(&u);
    }
    CHECK(strstr(answer, "[{\"name\":\"bee\"}]") != NULL);
    conn_close(&end.pipe, NULL);
    UNIT_NEAR_UNTIL(&u, u.ended && !u.there.conns);
    CHECK_INT(u.status, 0);
    close(stream[1]), close(u.there.listener.fd);
    buf_free(&end.hello);
    loop_free(&u.loop);
    unit_context_free(&u.there);
}

static void unit_near_other_user(void)
{
    char dir[] = "/tmp/telec-unit-XXXXXX", path[64], error[100], byte;
    struct near l = {.up = 1};
    test_begin("the socket of a computer behind a pipe closes another user's connection");
    CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/s", dir);
    l.listener.fd = conn_listen(path, error, sizeof error);
    CHECK(chmod(dir, 0711) == 0 && chmod(path, 0666) == 0);
    int fd = unit_conn_stranger(path);
    if (fd >= 0 && CONN_KNOWS_PEERS) {
        near_on_accept(&l, POLLIN);
        CHECK_INT(read(fd, &byte, 1), 0);
    }
    close(fd), close(l.listener.fd);
    unlink(path), rmdir(dir);
}

static void unit_near_late_child(void)
{
    struct near l = {.up = 1};
    test_begin("a pipe's process that ends after the next one has begun leaves that alone");
    struct near_child *old = base_alloc(sizeof *old), *next = base_alloc(sizeof *next);
    old->near = next->near = &l;
    l.child = &next->base;
    near_on_exit(old, 0);
    CHECK(l.child == &next->base);
    near_on_exit(next, 0);
    CHECK(l.child == NULL);
}

static void unit_near_asks_nobody(void)
{
    static char *const ssh[] = {(char *)"/usr/bin/ssh", (char *)"host", (char *)"telec", NULL},
                *const other[] = {(char *)"docker", (char *)"exec", NULL};
    test_begin("ssh of a background pipe asks for no password, other programs are as given");
    char *had = getenv("SSH_ASKPASS_REQUIRE") ? span_dup(span_of(getenv("SSH_ASKPASS_REQUIRE")))
                                              : NULL;
    CHECK(near_ask_nobody(other) == other);
    char *const *batch = near_ask_nobody(ssh);
    CHECK_SPAN(span_of(getenv("SSH_ASKPASS_REQUIRE")), "never");
    CHECK(batch[0] == ssh[0] && batch[2] == ssh[1] && batch[3] == ssh[2] && !batch[4]);
    CHECK_SPAN(span_of(batch[1]), "-oBatchMode=yes");
    had ? setenv("SSH_ASKPASS_REQUIRE", had, 1) : unsetenv("SSH_ASKPASS_REQUIRE");
    free((void *)batch), free(had);
}

static void unit_near(void)
{
    unit_near_late_child();
    unit_near_asks_nobody();
    unit_near_other_user();
    if (HTTP_HEAD_MAX < 1024) { /* a limit for tests, which a request between daemons exceeds */
        test_begin("links need usual limits");
        return;
    }
    unit_near_reaches();
    unit_near_comes_back();
    unit_near_fails();
    unit_near_relay();
}
