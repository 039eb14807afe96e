#include "reach.h"

/* near - telec reach: the near end of a pipe.
 *
 *      daemon ── reach-PID.sock ── link ══ COMMAND … sh ══ relay ── that computer's daemon
 *
 * COMMAND's stdin and stdout are the pipe. What connects to the link's socket talks to the daemon
 * behind it. A WebSocket to the daemon here (GET /reach) names that socket; the link ends with it.
 * A lost pipe is made anew with backoff; until then nothing is accepted on the socket. */

struct near {
    const struct config *config;
    const char *wanted;     /* the name that the user gave; or NULL */
    char *self;             /* what it calls itself */
    char *const *argv;      /* COMMAND … sh */
    int open;               /* of in, out and errors */
    struct loop_child *child; /* NULL: it has ended */
    int installing, up;     /* a shell answers; the relay does */
    struct loop_fd listener;
    char *socket, *name;    /* once the relay has answered */
    int announced;          /* the WebSocket to it stands */
    struct loop_timer beat, retry;
    long long heard, backoff;
    buf said;               /* COMMAND's last line on stderr */
    int result_fd;          /* to the waiting caller; or -1 */
    int done, status;
    int background;         /* stdin ends with its daemon */
    struct loop_fd parent;
    pid_t guard;            /* starts this one again */
    struct loop loop;
    struct conn in, out, errors; /* COMMAND's */
    struct install install;
    struct mux mux;
    struct client client;   /* of the daemon here */
    struct client_ws ws;
    char why[300];          /* the pipe is cut; "": the other side closes it */
};

struct near_child {
    struct loop_child base;
    struct near *near;
};

static void near_begin(void *ctx);

/* Goes to the background, but stays in its directory: COMMAND may be a relative path. */
static void near_detach(struct near *l)
{
    close(l->result_fd);
    l->result_fd = -1;
    setsid();
    os_point_at_null(0, 2);
}

static void near_tell(struct near *l, int status, const char *text)
{
    if (status)
        log_line(LOG_WARN, "reach: %s", text);
    if (l->result_fd >= 0) {
        os_print(l->result_fd, "%d%s", status, text);
        near_detach(l);
    }
}

static void near_end(struct near *l, int status, const char *why)
{
    near_tell(l, status, why);
    l->status = status;
    l->done = 1;
}

static void near_report(struct near *l, const char *why)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_bool(&b, "up", l->up);
    json_field_string(&b, "why", why);
    json_close(&b, '}');
    if (l->announced)
        client_ws_send(&l->ws, WS_TEXT, buf_view(&b));
    buf_free(&b);
}

/* ---- the daemon here ------------------------------------------------------------------------ */

static void near_on_message(void *ctx, enum ws_opcode opcode, span payload)
{
    struct near *l = ctx;
    struct json message;
    long long sessions = 0;
    buf b = {0};
    if (opcode != WS_TEXT || !json_read(payload, &message))
        return;
    json_int(json_get(message, "sessions"), &sessions);
    buf_fmt(&b, "%s is reached: %lld session%s", l->name, sessions, sessions == 1 ? "" : "s");
    near_tell(l, 0, buf_cstr(&b));
    buf_free(&b);
}

static void near_on_open(void *ctx)
{
    struct near *l = ctx;
    l->announced = 1;
    near_report(l, NULL); /* its message follows when it knows the sessions, or its refusal */
}

static void near_on_daemon_gone(void *ctx, int code, const char *why)
{
    struct near *l = ctx;
    (void)code;
    near_end(l, l->result_fd >= 0, why ? why : "the daemon has gone");
}

static void near_put_target(struct near *l, buf *b)
{
    buf_str(b, "/reach?name=");
    http_put_encoded(b, span_of(l->name));
    buf_str(b, "&self=");
    http_put_encoded(b, span_of(l->self));
    buf_str(b, "&socket=");
    http_put_encoded(b, span_of(l->socket));
}

static void near_on_daemon(void *ctx, int status, span body, const char *error)
{
    struct near *l = ctx;
    buf target = {0};
    (void)body;
    near_put_target(l, &target);
    l->ws = (struct client_ws){.on_open = near_on_open,
                               .on_message = near_on_message,
                               .on_closed = near_on_daemon_gone,
                               .ctx = l};
    if (!status || client_ws_open(&l->ws, &l->client, buf_cstr(&target)) != 0)
        near_end(l, 1, error ? error : "no daemon answers here");
    buf_free(&target);
}

/* ---- the socket ----------------------------------------------------------------------------- */

static void near_on_accept(void *ctx, short revents)
{
    struct near *l = ctx;
    int fd;
    (void)revents;
    while (l->up && (fd = accept(l->listener.fd, NULL, NULL)) >= 0)
        if (conn_peer_is_me(fd))
            mux_open(&l->mux, os_close_on_exec(fd));
        else
            close(fd);
}

static int near_listen(struct near *l, buf *error)
{
    buf path = {0};
    const char *slash = strrchr(l->config->socket, '/');
    buf_fmt(&path, "%.*s/reach-%ld.sock", (int)(slash - l->config->socket), l->config->socket,
            (long)l->guard);
    l->socket = span_dup(buf_view(&path));
    buf_free(&path);
    l->listener.fd = places_listen(l->socket, error);
    if (l->listener.fd < 0)
        return -1;
    client_request(&l->client, "GET", "/health", (span){0}, near_on_daemon, l);
    return 0;
}

/* ---- the pipe ------------------------------------------------------------------------------- */

/* A caller that waits is told; else it is made anew. */
static void near_on_lost(struct near *l, const char *why)
{
    /* COMMAND's own error tells more, but a caller that waits has read it */
    const char *shown = l->said.n && l->result_fd < 0 ? buf_cstr(&l->said) : why;
    l->up = l->installing = 0;
    loop_timer_cancel(&l->loop, &l->beat);
    if (l->listener.fd >= 0)
        loop_unwatch(&l->loop, &l->listener);
    if (l->result_fd >= 0) {
        near_end(l, 1, shown);
        return;
    }
    log_line(LOG_WARN, "reach %s: %s", l->name ? l->name : l->argv[0], shown);
    near_report(l, shown);
    loop_timer_in(&l->loop, &l->retry, l->backoff);
    l->backoff = l->backoff * 2 < NEAR_BACKOFF_MAX_MS ? l->backoff * 2 : NEAR_BACKOFF_MAX_MS;
}

/* Closes the pipe; near_on_lost follows. */
static void near_cut(struct near *l, const char *why)
{
    base_copy(l->why, sizeof l->why, why);
    if (l->open)
        conn_close(&l->in, l->why);
}

static void near_on_beat(void *ctx)
{
    struct near *l = ctx;
    if (!l->up || l->loop.now - l->heard > NEAR_DEAD_MS) {
        near_cut(l, l->up ? "nothing comes from there any more" : "it does not answer");
        return;
    }
    mux_send(&l->mux, MUX_PING, 0, (span){0});
    loop_timer_in(&l->loop, &l->beat, MUX_PING_MS);
}

static void near_on_broken(void *ctx, const char *why)
{
    near_cut(ctx, why);
}

static void near_on_hello(void *ctx, span text)
{
    struct near *l = ctx;
    struct json hello;
    long long version = 0;
    buf error = {0};
    json_read(text, &hello);
    json_int(json_get(hello, "mux"), &version);
    char *fault = json_dup_member(hello, "error");
    char *computer = json_dup_member(hello, "computer");
    const char *name = l->wanted ? l->wanted : computer;
    if (version != MUX_VERSION)
        buf_str(&error, "the telec there is of a version that this one can't talk to");
    else if (fault && *fault)
        buf_str(&error, fault);
    else if (!name || !*name)
        buf_str(&error, "the telec there does not say its name");
    l->up = !error.n;
    if (l->up && !l->name) {
        l->name = base_dup(name);
        l->self = base_dup(computer ? computer : name);
        near_listen(l, &error);
    }
    if (error.n) {
        near_cut(l, buf_cstr(&error));
    } else {
        l->backoff = NEAR_BACKOFF_MIN_MS;
        loop_watch(&l->loop, &l->listener, POLLIN);
        loop_timer_in(&l->loop, &l->beat, MUX_PING_MS);
        near_report(l, NULL);
    }
    free(fault), free(computer);
    buf_free(&error);
}

static const struct mux_hooks near_mux_hooks = {near_on_hello, NULL, near_on_broken};

static void near_install(struct near *l)
{
    buf out = {0}, error = {0};
    enum install_step step = INSTALL_MORE;
    span view;
    const char *end;
    while (step == INSTALL_MORE && (view = conn_view(&l->in)).n &&
           (end = memchr(view.p, '\n', view.n))) {
        step = install_line(&l->install, (span){view.p, (size_t)(end - view.p)}, &out, &error);
        conn_consume(&l->in, (size_t)(end - view.p) + 1);
    }
    if (step == INSTALL_MORE && conn_view(&l->in).n > 65536) /* noise without an end */
        conn_consume(&l->in, conn_view(&l->in).n);
    conn_send(&l->out, buf_view(&out));
    buf_free(&out);
    if (step != INSTALL_MORE) {
        l->installing = 0;
        install_free(&l->install);
    }
    if (step == INSTALL_FAILED)
        near_cut(l, buf_cstr(&error));
    buf_free(&error);
}

static void near_on_data(void *ctx)
{
    struct near *l = ctx;
    l->heard = l->loop.now;
    if (l->installing)
        near_install(l);
    if (!l->installing && !l->in.dead)
        mux_on_data(&l->mux);
    if (l->in.eof && !l->in.dead)
        conn_close(&l->in, NULL);
}

static void near_on_drained(void *ctx)
{
    struct near *l = ctx;
    if (l->up)
        mux_on_drained(&l->mux);
}

static void near_on_nothing(void *ctx)
{
    (void)ctx;
}

/* All is over when the last of the three has closed. */
static void near_on_gone(struct near *l)
{
    if (--l->open)
        return;
    mux_end_all(&l->mux);
    install_free(&l->install);
    near_on_lost(l, l->why[0] ? l->why
                    : l->up   ? "the connection to it has ended"
                              : "the command ended before a telec answered there");
}

static void near_on_in_closed(void *ctx, const char *why)
{
    struct near *l = ctx;
    (void)why;
    conn_free(&l->in);
    conn_close(&l->out, NULL);
    conn_close(&l->errors, NULL);
    if (l->child)
        kill(l->child->pid, SIGTERM);
    near_on_gone(l);
}

static void near_on_out_closed(void *ctx, const char *why)
{
    struct near *l = ctx;
    (void)why;
    conn_free(&l->out);
    if (l->up)
        conn_close(&l->in, NULL);
    else /* the command took no more of the binary: its last words say why */
        loop_timer_in(&l->loop, &l->beat, NEAR_LAST_MS);
    near_on_gone(l);
}

static const struct conn_hooks near_in_hooks = {near_on_data, NULL, near_on_in_closed};
static const struct conn_hooks near_out_hooks = {near_on_nothing, near_on_drained,
                                                 near_on_out_closed};

static void near_on_errors(void *ctx)
{
    struct near *l = ctx;
    span view = conn_view(&l->errors), lines = span_trim(view, "\r\n");
    if (l->result_fd >= 0)
        base_write(STDERR_FILENO, view);
    for (span line; lines.n;)
        if ((line = span_trim(span_cut(&lines, '\n'), "\r ")).n) {
            buf_clear(&l->said);
            utf8_put_visible(&l->said, (span){line.p, line.n < 300 ? line.n : 300});
        }
    conn_consume(&l->errors, view.n);
    if (l->errors.eof)
        conn_close(&l->errors, NULL);
}

static void near_on_errors_closed(void *ctx, const char *why)
{
    struct near *l = ctx;
    (void)why;
    conn_free(&l->errors);
    near_on_gone(l);
}

static const struct conn_hooks near_error_hooks = {near_on_errors, NULL, near_on_errors_closed};

/* A stopped process may end long after the next one has begun. */
static void near_on_exit(void *ctx, int status)
{
    struct near_child *child = ctx;
    (void)status; /* its end of the pipe closes */
    if (child->near->child == &child->base)
        child->near->child = NULL;
    free(child);
}

/* Makes ssh ask nobody: in the background it would send an empty password at each try, and its
 * server may lock the account. */
static char *const *near_ask_nobody(char *const *argv)
{
    const char *slash = strrchr(argv[0], '/');
    size_t count = 0;
    setenv("SSH_ASKPASS_REQUIRE", "never", 1);
    if (strcmp(slash ? slash + 1 : argv[0], "ssh") != 0)
        return argv;
    while (argv[count])
        count++;
    char **batch = base_alloc((count + 2) * sizeof *batch);
    batch[0] = argv[0];
    batch[1] = (char *)"-oBatchMode=yes";
    memcpy(batch + 2, argv + 1, count * sizeof *batch);
    return batch;
}

static int near_start(struct near *l, int ours[3])
{
    char *const *argv = l->result_fd < 0 ? near_ask_nobody(l->argv) : l->argv;
    struct os_program command = {.argv = argv, .fds = {-1, -1, -1}, .in_our_group = 1};
    for (int i = 0; i < 3; i++) {
        int ends[2] = {-1, -1};
        if (pipe(ends) != 0)
            break;
        ours[i] = os_close_on_exec(ends[i == 0]);
        command.fds[i] = os_close_on_exec(ends[i != 0]);
    }
    pid_t pid = command.fds[2] < 0 ? -1 : os_start(&command);
    int saved = errno;
    for (int i = 0; i < 3; i++) {
        if (command.fds[i] >= 0)
            close(command.fds[i]);
        if (pid < 0 && ours[i] >= 0)
            close(ours[i]);
    }
    if (argv != l->argv)
        free((void *)(uintptr_t)argv);
    errno = saved;
    if (pid < 0)
        return -1;
    struct near_child *child = base_alloc(sizeof *child);
    *child = (struct near_child){{.pid = pid, .fn = near_on_exit, .ctx = child}, l};
    l->child = &child->base;
    loop_on_exit(&l->loop, l->child);
    return 0;
}

/* Begins a try; also for the retry timer. */
static void near_begin(void *ctx)
{
    struct near *l = ctx;
    int fds[3] = {-1, -1, -1};
    buf script = {0};
    buf_clear(&l->said);
    l->why[0] = '\0';
    if (near_start(l, fds) != 0) {
        base_fmt(l->why, sizeof l->why, "cannot run %s: %s", l->argv[0], strerror(errno));
        near_on_lost(l, l->why);
        return;
    }
    conn_open(&l->out, &l->loop, fds[0]);
    conn_open(&l->in, &l->loop, fds[1]);
    conn_open(&l->errors, &l->loop, fds[2]);
    conn_pause(&l->out, 1); /* nothing comes from there but its end */
    l->open = 3;
    l->installing = 1;
    install_begin(&l->install, l->config, &script);
    conn_send(&l->out, buf_view(&script));
    if (l->result_fd < 0)
        loop_timer_in(&l->loop, &l->beat, NEAR_START_MS);
    buf_free(&script);
}

static void near_on_signal(void *ctx, int signo)
{
    (void)signo;
    ((struct near *)ctx)->done = 1;
}

static void near_on_orphaned(void *ctx, short revents)
{
    (void)revents;
    ((struct near *)ctx)->done = 1;
}

static int near_hold(struct near *l)
{
    signal(SIGHUP, SIG_IGN); /* also COMMAND's: the terminal that it asks on may be closed */
    loop_init(&l->loop);
    client_init(&l->client, &l->loop, l->config, 1, NULL, l);
    l->backoff = NEAR_BACKOFF_MIN_MS;
    l->listener = (struct loop_fd){.fd = -1, .on_event = near_on_accept, .ctx = l};
    l->beat = (struct loop_timer){.fn = near_on_beat, .ctx = l};
    l->retry = (struct loop_timer){.fn = near_begin, .ctx = l};
    l->mux = (struct mux){.loop = &l->loop, .hooks = &near_mux_hooks, .ctx = l, .in = &l->in,
                          .out = &l->out};
    l->in.hooks = &near_in_hooks;
    l->out.hooks = &near_out_hooks;
    l->errors.hooks = &near_error_hooks;
    l->in.ctx = l->out.ctx = l->errors.ctx = l;
    loop_on_signal(&l->loop, SIGTERM, near_on_signal, l);
    loop_on_signal(&l->loop, SIGINT, near_on_signal, l);
    l->parent = (struct loop_fd){.fd = STDIN_FILENO, .on_event = near_on_orphaned, .ctx = l};
    if (l->background)
        loop_watch(&l->loop, &l->parent, POLLIN);
    near_begin(l);
    while (!l->done)
        loop_once(&l->loop);
    if (l->socket)
        unlink(l->socket);
    if (l->child)
        kill(l->child->pid, SIGTERM);
    return l->status;
}

/* Holds the link in a child, and again when that crashes: without questions. */
static int near_guard(struct near *l)
{
    int status = 0;
    l->guard = getpid();
    for (;;) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(near_hold(l));
        if (l->result_fd >= 0)
            near_detach(l);
        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        if (pid < 0 || WIFEXITED(status))
            return pid < 0 ? 1 : WEXITSTATUS(status);
        poll(NULL, 0, NEAR_CRASHED_MS);
    }
}

static int near_await(int fd)
{
    buf b = {0}, shown = {0}; /* the other side's words */
    os_read_rest(&b, fd, 4096);
    int status = b.n && b.p[0] == '0' ? 0 : 1;
    utf8_put_visible(&shown, span_sub(buf_view(&b), b.n > 0));
    os_print(status ? 2 : 1, "%s%s\n", status ? "telec: " : "", buf_cstr(&shown));
    buf_free(&b), buf_free(&shown);
    return status;
}

static int near_run(const struct config *config, const char *name, char *const *argv,
                    int background)
{
    struct near l = {.config = config, .wanted = name, .argv = argv, .result_fd = -1,
                     .background = background};
    int fds[2];
    os_close_inherited(3); /* COMMAND gets none of them */
    if (background)
        return near_guard(&l);
    if (pipe(fds) != 0)
        return 1;
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        l.result_fd = os_close_on_exec(fds[1]);
        _exit(near_guard(&l));
    }
    close(fds[1]);
    return pid < 0 ? 1 : near_await(fds[0]);
}
