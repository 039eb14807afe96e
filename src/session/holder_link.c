#include "private.h"

/* ---- the daemon's side: launching ----------------------------------------------------------- */

struct holder_launching {
    struct conn conn;
    pid_t pid; /* the half that stays in the foreground, and ends before the answer is complete */
    void (*done)(void *ctx, const char *error);
    void *ctx;
};

/* The answer is complete when the holder closes its end. */
static void holder_launch_on_data(void *ctx)
{
    struct holder_launching *launch = ctx;
    if (launch->conn.eof)
        conn_close(&launch->conn, NULL);
}

static void holder_launch_on_closed(void *ctx, const char *why)
{
    struct holder_launching *launch = ctx;
    struct json answer = {0};
    (void)why;
    json_parse(conn_view(&launch->conn), &answer, NULL, NULL);
    char *error = json_dup_text(json_get(answer, "error"));
    int started = json_get(answer, "pid").type == JSON_NUMBER;
    launch->done(launch->ctx, started ? NULL
                              : error ? error
                                      : "the session's holder did not start");
    free(error);
    conn_free(&launch->conn);
    waitpid(launch->pid, NULL, 0);
    free(launch);
}

static const struct conn_hooks holder_launch_hooks = {holder_launch_on_data, NULL,
                                                    holder_launch_on_closed};

static void holder_put_spec(buf *b, const struct holder_spec *spec)
{
    json_open(b, '{');
    json_field_string(b, "id", spec->id);
    json_field_string(b, "socket", spec->socket);
    json_field_string(b, "dir", spec->state_dir);
    json_field_string(b, "api_socket", spec->api_socket);
    json_field_string(b, "directory", spec->directory);
    json_key(b, "argv");
    json_open(b, '[');
    for (size_t i = 0; spec->argv[i]; i++)
        json_put_string(b, span_of(spec->argv[i]));
    json_close(b, ']');
    if (spec->env.type == JSON_ARRAY) {
        json_key(b, "env");
        json_put_raw(b, spec->env.text);
    }
    json_field_int(b, "cols", spec->cols);
    json_field_int(b, "rows", spec->rows);
    json_field_string(b, "typed", spec->typed);
    json_field_string(b, "last_input", spec->last_input);
    json_close(b, '}');
}

/* posix_spawn, not fork: the daemon may be large. fd becomes the child's descriptor 0. */
static pid_t holder_spawn(const char *program, const char *id, int fd)
{
    extern char **environ;
    char *argv[] = {(char *)program, "hold", (char *)id, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t pid;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fd, 0);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    errno = posix_spawn(&pid, program, &actions, &attributes, argv, environ);
    int failed = errno;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    errno = failed;
    return failed ? -1 : pid;
}

static void holder_launch(struct loop *l, const char *program, const struct holder_spec *spec,
                        void (*done)(void *ctx, const char *error), void *ctx)
{
    int ends[2];
    pid_t pid = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0) {
        os_close_on_exec(ends[0]);
        os_close_on_exec(ends[1]);
        pid = holder_spawn(program, spec->id, ends[1]);
        int saved = errno;
        close(ends[1]);
        if (pid < 0)
            close(ends[0]);
        errno = saved;
    }
    if (pid < 0) {
        buf error = {0};
        buf_fmt(&error, "cannot start %s: %s", program, strerror(errno));
        done(ctx, buf_cstr(&error));
        buf_free(&error);
        return;
    }
    struct holder_launching *launch = base_alloc(sizeof *launch);
    launch->done = done;
    launch->ctx = ctx;
    launch->pid = pid;
    launch->conn.hooks = &holder_launch_hooks;
    launch->conn.ctx = launch;
    conn_open(&launch->conn, l, ends[0]);
    buf text = {0};
    holder_put_spec(&text, spec);
    frame_send(&launch->conn, FRAME_SPEC, buf_view(&text));
    buf_free(&text);
}

/* ---- the daemon's side: links --------------------------------------------------------------- */

static void holder_link_on_data(void *ctx)
{
    struct holder_link *link = ctx;
    enum frame_type type;
    enum parse parsed = PARSE_MORE;
    span payload;
    while (!link->conn.dead &&
           (parsed = frame_peek(&link->conn, &type, &payload)) == PARSE_DONE) {
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
    conn_free(&link->conn);
    link->open = 0;
    link->on_closed(link->ctx);
}

static const struct conn_hooks holder_link_hooks = {holder_link_on_data, NULL, holder_link_on_closed};

static int holder_link_open(struct holder_link *link, struct loop *l, const char *socket)
{
    int fd = conn_connect(socket);
    if (fd < 0)
        return -1;
    if (!conn_peer_is_me(fd)) {
        close(fd);
        errno = EPERM;
        return -1;
    }
    link->conn.hooks = &holder_link_hooks;
    link->conn.ctx = link;
    conn_open(&link->conn, l, fd);
    link->open = 1;
    return 0;
}

static void holder_link_send(struct holder_link *link, enum frame_type type, span payload)
{
    if (link->open)
        frame_send(&link->conn, type, payload);
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
    close(link->conn.io.fd);
    conn_free(&link->conn);
    link->open = 0;
}

/* ---- the daemon's side: questions ----------------------------------------------------------- */

#define HOLDER_ASK_MS 5000 /* for a holder to answer */

static void holder_ask_finish(struct holder_ask *ask, enum holder_answer how, span payload)
{
    void (*done)(void *ctx, enum holder_answer how, span payload) = ask->done;
    ask->done = NULL;
    if (done)
        done(ask->ctx, how, payload);
    holder_link_close(&ask->link);
}

static void holder_ask_on_frame(void *ctx, enum frame_type type, span payload)
{
    struct holder_ask *ask = ctx;
    if (type == ask->wanted && ask->done)
        holder_ask_finish(ask, HOLDER_ANSWERED, payload);
}

static void holder_ask_on_closed(void *ctx)
{
    struct holder_ask *ask = ctx;
    loop_timer_cancel(ask->link.conn.loop, &ask->timer);
    holder_ask_finish(ask, HOLDER_ENDED, (span){0});
    free(ask);
}

static void holder_ask_on_late(void *ctx)
{
    holder_ask_finish(ctx, HOLDER_LATE, (span){0});
}

static struct holder_ask *holder_ask(struct loop *l, const char *socket, enum frame_type question,
                                 span payload, enum frame_type wanted,
                                 void (*done)(void *ctx, enum holder_answer how, span payload),
                                 void *ctx)
{
    struct holder_ask *ask = base_alloc(sizeof *ask);
    ask->wanted = wanted;
    ask->done = done;
    ask->ctx = ctx;
    ask->link.on_frame = holder_ask_on_frame;
    ask->link.on_closed = holder_ask_on_closed;
    ask->link.ctx = ask;
    ask->timer = (struct loop_timer){.fn = holder_ask_on_late, .ctx = ask};
    if (holder_link_open(&ask->link, l, socket) != 0) {
        free(ask);
        return NULL;
    }
    loop_timer_set(l, &ask->timer, l->now + HOLDER_ASK_MS);
    holder_link_send(&ask->link, question, payload);
    return ask;
}

static void holder_ask_cancel(struct holder_ask *ask)
{
    ask->done = NULL;
    holder_link_close(&ask->link);
}

static void holder_log_text(const char *state_dir, int cols, int rows, buf *out)
{
    struct vt *vt = vt_new(cols, rows);
    buf log = {0};
    store_log_read(state_dir, &log);
    vt_feed(vt, buf_view(&log));
    vt_put_text(vt, out, 1);
    buf_free(&log);
    vt_free(vt);
}
