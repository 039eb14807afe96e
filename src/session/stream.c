#include "session.h"

/* stream - a session's screen from its holder: a holder_link that asks for FRAME_VIEW. A paused
 * stream is not read: the holder notices, and skips to a snapshot. */

struct stream_of_holder {
    struct stream base; /* the first member: see struct stream */
    struct holder_link link;
};

static void stream_on_frame(void *ctx, enum frame_type type, span payload)
{
    struct stream *s = ctx;
    int cols, rows;
    long long undo_ms;
    if (!s->hooks)
        return;
    if (type == FRAME_OUTPUT || type == FRAME_SNAPSHOT)
        s->hooks->on_output(s->ctx, payload, type == FRAME_SNAPSHOT);
    else if (type == FRAME_SIZE && frame_parse_size(payload, &cols, &rows))
        s->hooks->on_size(s->ctx, cols, rows);
    else if (type == FRAME_PTY && s->hooks->on_pty)
        s->hooks->on_pty(s->ctx, payload);
    else if (type == FRAME_ENDING && s->hooks->on_ending && frame_read_undo(payload, &undo_ms))
        s->hooks->on_ending(s->ctx, undo_ms);
}

static void stream_on_drained(void *ctx)
{
    struct stream *s = ctx;
    if (s->hooks && s->hooks->on_drained)
        s->hooks->on_drained(s->ctx);
}

static void stream_on_closed(void *ctx)
{
    struct stream *s = ctx;
    if (s->hooks)
        s->hooks->on_end(s->ctx, "the session has ended");
    free(ctx);
}

static void stream_pause_holder(struct stream *s, int paused)
{
    if (s->link->open)
        conn_pause(&s->link->conn, paused);
}

static void stream_close_holder(struct stream *s)
{
    holder_link_close(s->link);
}

static int stream_type_holder(struct stream *s, span input)
{
    return holder_link_offer(s->link, FRAME_INPUT, input);
}

static int stream_resize_holder(struct stream *s, int cols, int rows, const char *from)
{
    buf b = {0};
    frame_put_resize(&b, cols, rows, from);
    int status = holder_link_offer(s->link, FRAME_RESIZE, buf_view(&b));
    buf_free(&b);
    return status;
}

static void stream_colour_holder(struct stream *s, const struct vt_colours *colours)
{
    buf b = {0};
    frame_put_colours(&b, colours);
    holder_link_offer(s->link, FRAME_COLOURS, buf_view(&b));
    buf_free(&b);
}

static size_t stream_queued_holder(const struct stream *s)
{
    return s->link->conn.queued;
}

static void stream_drain_holder(struct stream *s)
{
    holder_link_drain(s->link);
}

static void stream_cancel_holder(struct stream *s)
{
    holder_link_cancel(s->link);
    free(s);
}

static const struct stream_source stream_holder_source = {
    .pause = stream_pause_holder, .close = stream_close_holder, .type = stream_type_holder,
    .resize = stream_resize_holder, .colours = stream_colour_holder,
    .queued = stream_queued_holder, .drain = stream_drain_holder,
    .cancel = stream_cancel_holder};

static struct stream *stream_open(struct loop *l, int fd, span how,
                                  const struct stream_hooks *hooks, void *ctx)
{
    struct stream_of_holder *s = base_alloc(sizeof *s);
    s->base = (struct stream){
        .source = &stream_holder_source, .hooks = hooks, .ctx = ctx, .link = &s->link};
    s->link.on_frame = stream_on_frame;
    s->link.on_drained = stream_on_drained;
    s->link.on_closed = stream_on_closed;
    s->link.ctx = s;
    if (holder_link_open(&s->link, l, fd) != 0) {
        free(s);
        return NULL;
    }
    s->link.conn.accepts_fd = frame_views(how, FRAME_VIEW_PTY);
    holder_link_send(&s->link, FRAME_VIEW, how);
    return &s->base;
}

static struct stream *stream_open_session(struct loop *l, const struct config *config,
                                          const char *id, span how,
                                          const struct stream_hooks *hooks, void *ctx)
{
    buf path = {0};
    errno = ENOENT;
    if (!store_id_is_plain(id))
        return NULL;
    buf_fmt(&path, "%s/%s.sock", config->holders, id);
    char *dir = store_session_dir(config->state, id);
    char *socket = life_find_socket(dir, buf_cstr(&path));
    struct stream *s = stream_open(l, holder_link_dial(socket), how, hooks, ctx);
    free(socket), free(dir);
    buf_free(&path);
    return s;
}

static void stream_pause(struct stream *s, int paused)
{
    s->source->pause(s, paused);
}

static int stream_type(struct stream *s, span input)
{
    return s->source->type ? s->source->type(s, input) : 0;
}

static int stream_resize(struct stream *s, int cols, int rows, const char *from)
{
    return s->source->resize ? s->source->resize(s, cols, rows, from) : 0;
}

static void stream_set_colours(struct stream *s, const struct vt_colours *colours)
{
    if (s->source->colours && colours->known)
        s->source->colours(s, colours);
}

static void stream_close(struct stream *s)
{
    if (!s)
        return;
    s->hooks = NULL;
    s->source->close(s);
}

static void stream_drain(struct stream *s)
{
    if (!s)
        return;
    s->hooks = NULL;
    (s->source->drain ? s->source->drain : s->source->close)(s);
}

static void stream_cancel(struct stream *s)
{
    if (s)
        s->source->cancel(s);
}

static size_t stream_queued(const struct stream *s)
{
    return s && s->source->queued ? s->source->queued(s) : 0;
}
