#include "session.h"

/* holder_link - the daemon's and the viewers' side of the holder protocol: connections, questions,
 * and launching a holder:
 *
 *      daemon                        telec hold ID           holder
 *        │ ── FRAME_SPEC ───────────▶ │                        │
 *        │    (a socket pair, its     │ ── fork ─────────────▶ │ opens the pty, the log, the socket
 *        │    descriptor 0)           │ exits                  │ starts the program
 *        │ ◀──────────────────── FRAME_STATUS … ────────────── │ the pair is the daemon's link
 *        │ ◀──────────────────── {"error"} ─────────────────── │ not started; it closes the pair
 *
 * An older holder ignores the spec's "link": it answers {"pid"} and closes the pair, and the daemon
 * connects to its socket. A '{' can't begin a frame: it would be longer than FRAME_MAX. */

#ifndef HOLDER_LINK_LAUNCH_MS
#define HOLDER_LINK_LAUNCH_MS 30000 /* for a holder to start its program */
#endif

struct holder_link_launching {
    struct loop_timer timer;
    pid_t pid; /* the foreground process: it ends before the answer */
    char *socket;
    void (*done)(void *ctx, const char *error);
    void *ctx;
};

/* ---- links ---------------------------------------------------------------------------------- */

static int holder_link_launch_is_answered(struct holder_link *link);
static void holder_link_launch_on_closed(struct holder_link *link);

static void holder_link_on_data(void *ctx)
{
    struct holder_link *link = ctx;
    enum frame_type type;
    enum parse parsed = PARSE_MORE;
    span payload;
    if (link->launching && !holder_link_launch_is_answered(link))
        return;
    while (!link->conn.dead &&
           (parsed = frame_parse(&link->conn, &type, &payload)) == PARSE_DONE) {
        link->on_frame(link->ctx, type, payload);
        conn_consume(&link->conn, FRAME_HEAD + payload.n);
    }
    if (parsed == PARSE_BAD || link->conn.eof)
        conn_close(&link->conn, NULL);
}

static void holder_link_on_closed(void *ctx, const char *why)
{
    struct holder_link *link = ctx;
    (void)why;
    link->open = 0;
    if (link->launching) {
        holder_link_launch_on_closed(link);
        return;
    }
    conn_free(&link->conn);
    link->on_closed(link->ctx);
}

static void holder_link_on_drained(void *ctx)
{
    struct holder_link *link = ctx;
    if (link->on_drained)
        link->on_drained(link->ctx);
}

static const struct conn_hooks holder_link_hooks = {holder_link_on_data, holder_link_on_drained,
                                                    holder_link_on_closed};

static void holder_link_use(struct holder_link *link, struct loop *l, int fd)
{
    link->conn.hooks = &holder_link_hooks;
    link->conn.ctx = link;
    conn_open(&link->conn, l, fd);
    link->open = 1;
}

static int holder_link_dial(const char *socket)
{
    int fd = conn_connect(socket);
    if (fd < 0 || conn_peer_is_me(fd))
        return fd;
    close(fd);
    errno = EPERM;
    return -1;
}

static int holder_link_open(struct holder_link *link, struct loop *l, int fd)
{
    if (fd >= 0)
        holder_link_use(link, l, fd);
    return fd >= 0 ? 0 : -1;
}

static void holder_link_send(struct holder_link *link, enum frame_type type, span payload)
{
    if (link->open)
        frame_send(&link->conn, type, payload);
}

static int holder_link_offer(struct holder_link *link, enum frame_type type, span payload)
{
    if (!link->open || link->conn.queued + payload.n > HOLDER_QUEUE_MAX)
        return -1;
    frame_send(&link->conn, type, payload);
    return 0;
}

static void holder_link_close(struct holder_link *link)
{
    if (link->open)
        conn_close(&link->conn, NULL);
}

static void holder_link_drain(struct holder_link *link)
{
    if (link->open)
        conn_finish(&link->conn);
}

static void holder_link_cancel(struct holder_link *link)
{
    if (!link->open)
        return;
    conn_cancel(&link->conn);
    link->open = 0;
    if (link->launching) {
        loop_timer_cancel(link->conn.loop, &link->launching->timer);
        free(link->launching->socket);
    }
    free(link->launching);
    link->launching = NULL;
}

/* ---- launching ------------------------------------------------------------------------------ */

static void holder_link_launch_end(struct holder_link *link, const char *error)
{
    loop_timer_cancel(link->conn.loop, &link->launching->timer);
    struct holder_link_launching launching = *link->launching;
    free(link->launching);
    link->launching = NULL;
    waitpid(launching.pid, NULL, 0);
    free(launching.socket);
    launching.done(launching.ctx, error);
}

/* Returns 1 when the holder runs and frames follow. */
static int holder_link_launch_is_answered(struct holder_link *link)
{
    span in = conn_view(&link->conn);
    if (in.n && in.p[0] != '{') {
        holder_link_launch_end(link, NULL);
        return 1;
    }
    if (link->conn.eof)
        conn_close(&link->conn, NULL); /* holder_link_launch_on_closed follows */
    return 0;
}

static void holder_link_launch_on_closed(struct holder_link *link)
{
    struct loop *l = link->conn.loop;
    struct json answer;
    json_read(conn_view(&link->conn), &answer);
    char *error = json_dup_member(answer, "error");
    int started = json_is(answer, "pid", JSON_NUMBER);
    conn_free(&link->conn);
    if (started && holder_link_open(link, l, holder_link_dial(link->launching->socket)) == 0)
        holder_link_send(link, FRAME_SUBSCRIBE, (span){0});
    holder_link_launch_end(link, started ? NULL
                                 : error ? error : "the session's holder did not start");
    free(error);
}

static void holder_link_put_spec(buf *b, const struct holder_spec *spec)
{
    json_open(b, '{');
    json_field_string(b, "id", spec->id);
    json_field_string(b, "socket", spec->socket);
    json_field_string(b, "dir", spec->state_dir);
    json_field_string(b, "api_socket", spec->api_socket);
    json_field_string(b, "keep_env", spec->keep_env);
    json_field_string(b, "directory", spec->directory);
    if (spec->agent)
        json_field_string(b, "agent", spec->agent);
    json_field_strings(b, "argv", spec->argv, -1);
    if (json_type(spec->env) == JSON_ARRAY)
        json_field_raw(b, "env", spec->env.text);
    if (json_type(spec->umask) == JSON_NUMBER)
        json_field_raw(b, "umask", spec->umask.text);
    json_field_string(b, "program", spec->binary);
    json_field_int(b, "cols", spec->cols);
    json_field_int(b, "rows", spec->rows);
    json_field_string(b, "typed", spec->typed);
    json_field_string(b, "argument", spec->argument);
    json_field_string(b, "native_session_id", spec->native_id);
    json_field_bool(b, "link", 1);
    json_close(b, '}');
}

/* Starts "PROGRAM hold ID" with fd as descriptor 0. Returns -1 with errno. */
static pid_t holder_link_spawn(const char *program, const struct holder_spec *spec, int fd)
{
    char *argv[] = {(char *)program, "hold", (char *)spec->id, NULL};
    return os_start(&(struct os_program){.file = spec->binary ? spec->binary : program,
                                         .argv = argv,
                                         .fds = {fd, OS_OURS, OS_OURS},
                                         .in_our_group = 1});
}

/* Returns the daemon's end of a socket pair, whose other end the new process has; -1: errno. */
static int holder_link_spawn_paired(const char *program, const struct holder_spec *spec, pid_t *pid)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return -1;
    os_close_on_exec(ends[0]);
    os_close_on_exec(ends[1]);
    errno = EMFILE;
    *pid = os_is_last_fd(ends[0]) ? -1 : holder_link_spawn(program, spec, ends[1]);
    int saved = errno;
    close(ends[1]);
    if (*pid < 0)
        close(ends[0]);
    errno = saved;
    return *pid < 0 ? -1 : ends[0];
}

/* A holder that starts later reads FRAME_END first. */
static void holder_link_launch_on_late(void *ctx)
{
    struct holder_link *link = ctx;
    kill(link->launching->pid, SIGKILL);
    holder_link_send(link, FRAME_END, (span){0});
    conn_flush(&link->conn);
    conn_close(&link->conn, NULL); /* holder_link_launch_on_closed follows */
}

static void holder_link_launch(struct loop *l, const char *program, const struct holder_spec *spec,
                               struct holder_link *link, void (*done)(void *ctx, const char *error),
                               void *ctx)
{
    buf text = {0};
    pid_t pid;
    int fd = holder_link_spawn_paired(program, spec, &pid);
    if (fd < 0) {
        buf_fmt(&text, "cannot start %s: %s", program, strerror(errno));
        done(ctx, buf_cstr(&text));
    } else {
        link->launching = base_alloc(sizeof *link->launching);
        *link->launching =
            (struct holder_link_launching){{0}, pid, base_dup(spec->socket), done, ctx};
        link->launching->timer = (struct loop_timer){.fn = holder_link_launch_on_late, .ctx = link};
        loop_timer_in(l, &link->launching->timer, HOLDER_LINK_LAUNCH_MS);
        holder_link_use(link, l, fd);
        holder_link_put_spec(&text, spec);
        holder_link_send(link, FRAME_SPEC, buf_view(&text));
    }
    buf_free(&text);
}

/* ---- questions ------------------------------------------------------------------------------ */

static void holder_link_ask_finish(struct holder_link_ask *ask, enum holder_answer how,
                                   span payload)
{
    void (*done)(void *ctx, enum holder_answer how, span payload) = ask->done;
    ask->done = NULL;
    if (done)
        done(ask->ctx, how, payload);
    holder_link_close(&ask->link);
}

static void holder_link_ask_on_frame(void *ctx, enum frame_type type, span payload)
{
    struct holder_link_ask *ask = ctx;
    if (type == FRAME_MORE && ask->more.n + payload.n <= FRAME_REPLY_MAX)
        buf_span(&ask->more, payload);
    if (type != ask->wanted || !ask->done)
        return;
    if (ask->more.n)
        buf_span(&ask->more, payload);
    holder_link_ask_finish(ask, HOLDER_ANSWERED, ask->more.n ? buf_view(&ask->more) : payload);
}

static void holder_link_ask_on_closed(void *ctx)
{
    struct holder_link_ask *ask = ctx;
    loop_timer_cancel(ask->link.conn.loop, &ask->timer);
    holder_link_ask_finish(ask, HOLDER_ENDED, (span){0});
    buf_free(&ask->more);
    free(ask);
}

static void holder_link_ask_on_late(void *ctx)
{
    holder_link_ask_finish(ctx, HOLDER_LATE, (span){0});
}

static struct holder_link_ask *
holder_link_ask(struct loop *l, int fd, enum frame_type question, span payload,
                enum frame_type wanted,
                void (*done)(void *ctx, enum holder_answer how, span payload), void *ctx)
{
    struct holder_link_ask *ask = base_alloc(sizeof *ask);
    ask->wanted = wanted;
    ask->done = done;
    ask->ctx = ctx;
    ask->link.on_frame = holder_link_ask_on_frame;
    ask->link.on_closed = holder_link_ask_on_closed;
    ask->link.ctx = ask;
    ask->timer = (struct loop_timer){.fn = holder_link_ask_on_late, .ctx = ask};
    if (holder_link_open(&ask->link, l, fd) != 0) {
        free(ask);
        return NULL;
    }
    loop_timer_in(l, &ask->timer, HOLDER_LINK_ASK_MS);
    holder_link_send(&ask->link, question, payload);
    return ask;
}

static void holder_link_ask_cancel(struct holder_link_ask *ask)
{
    ask->done = NULL;
    holder_link_close(&ask->link);
}

static void holder_link_log_text(const char *state_dir, int cols, int rows, int prompts, buf *out)
{
    struct vt *vt = vt_new(cols, rows);
    buf log = {0};
    store_log_read(state_dir, &log);
    vt_feed(vt, buf_view(&log));
    vt_put_text(vt, out, prompts ? VT_PROMPTS : 1);
    buf_free(&log);
    vt_free(vt);
}
