#include "reach.h"

/* mux - many streams over one pipe: frames with a window for each stream.
 *
 * A side sends at most MUX_WINDOW bytes of a stream that the other side has not delivered to its
 * socket, and reads no socket while more than MUX_QUEUE bytes wait for the pipe: memory is bounded,
 * and no stream holds up another one for long. */

static void mux_put_number(char out[4], uint32_t number)
{
    for (int i = 3; i >= 0; i--, number >>= 8)
        out[i] = (char)(unsigned char)number;
}

static void mux_send(struct mux *m, enum mux_type type, uint32_t number, span payload)
{
    char head[MUX_HEAD];
    mux_put_number(head, (uint32_t)payload.n);
    mux_put_number(head + 4, number);
    head[0] = (char)type;
    blob *frame = blob_join((span){head, sizeof head}, &payload, 1);
    conn_send_blob(m->out, frame, 0, frame->n, 1);
    blob_drop(frame);
}

static uint32_t mux_number(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

/* ---- sockets -------------------------------------------------------------------------------- */

static struct mux_stream **mux_bucket(struct mux *m, uint32_t number)
{
    return &m->buckets[number & (MUX_BUCKETS - 1)];
}

/* Takes a stream out of the lists; once. */
static void mux_leave(struct mux_stream *s)
{
    if (!s->link)
        return;
    struct mux_stream **at = mux_bucket(s->mux, s->number);
    while (*at != s)
        at = &(*at)->same;
    *at = s->same;
    s->mux->count--;
    LIST_REMOVE(s);
}

/* Sends what has come from a socket, as far as the window and the pipe's queue go. */
static void mux_pump(struct mux_stream *s)
{
    struct mux *m = s->mux;
    span view;
    while ((view = conn_view(&s->socket)).n && s->sent < MUX_WINDOW && m->out->queued < MUX_QUEUE) {
        size_t n = view.n < MUX_PIECE ? view.n : MUX_PIECE;
        n = n < MUX_WINDOW - s->sent ? n : MUX_WINDOW - s->sent;
        mux_send(m, MUX_DATA, s->number, (span){view.p, n});
        conn_consume(&s->socket, n);
        s->sent += n;
    }
    m->blocked |= view.n && s->sent < MUX_WINDOW;
    conn_pause(&s->socket, view.n > 0);
    if (!view.n && s->socket.eof)
        conn_close(&s->socket, NULL);
}

static void mux_stream_on_data(void *ctx)
{
    mux_pump(ctx);
}

static void mux_stream_on_drained(void *ctx)
{
    struct mux_stream *s = ctx;
    char taken[4];
    mux_put_number(taken, (uint32_t)s->got);
    if (s->got && !s->ended)
        mux_send(s->mux, MUX_TAKEN, s->number, (span){taken, sizeof taken});
    s->got = 0;
}

static void mux_stream_on_closed(void *ctx, const char *why)
{
    struct mux_stream *s = ctx;
    (void)why;
    if (!s->ended && s->link)
        mux_send(s->mux, MUX_END, s->number, (span){0});
    mux_leave(s);
    conn_free(&s->socket);
    free(s);
}

static const struct conn_hooks mux_stream_hooks = {mux_stream_on_data, mux_stream_on_drained,
                                                   mux_stream_on_closed};

static void mux_add(struct mux *m, int fd, uint32_t number)
{
    struct mux_stream *s = base_alloc(sizeof *s);
    s->mux = m;
    s->number = number;
    s->socket.hooks = &mux_stream_hooks;
    s->socket.ctx = s;
    LIST_PUSH(&m->streams, s);
    s->same = *mux_bucket(m, number);
    *mux_bucket(m, number) = s;
    m->count++;
    conn_open(&s->socket, m->loop, fd);
}

static void mux_open(struct mux *m, int fd)
{
    if (m->count >= MUX_STREAMS_MAX) {
        close(fd);
        return;
    }
    mux_send(m, MUX_OPEN, ++m->number, (span){0});
    mux_add(m, fd, m->number);
}

static void mux_end_all(struct mux *m)
{
    while (m->streams) {
        struct mux_stream *s = m->streams;
        mux_leave(s);
        conn_close(&s->socket, NULL);
    }
    m->blocked = 0;
}

/* ---- frames --------------------------------------------------------------------------------- */

static struct mux_stream *mux_find(struct mux *m, uint32_t number)
{
    struct mux_stream *s = *mux_bucket(m, number);
    while (s && s->number != number)
        s = s->same;
    return s;
}

static void mux_on_open(struct mux *m, uint32_t number)
{
    int fd = m->hooks->connect && m->count < MUX_STREAMS_MAX ? m->hooks->connect(m->ctx) : -1;
    if (fd < 0)
        mux_send(m, MUX_END, number, (span){0});
    else
        mux_add(m, fd, number);
}

static void mux_on_stream(struct mux *m, enum mux_type type, uint32_t number, span payload)
{
    struct mux_stream *s = mux_find(m, number);
    size_t taken = payload.n == 4 ? mux_number(payload.p) : 0;
    if (!s) /* it has ended here, which the other side does not know yet */
        return;
    if (type == MUX_DATA) {
        s->got += payload.n;
        conn_send(&s->socket, payload);
        if (s->got > 2 * MUX_WINDOW)
            m->hooks->on_broken(m->ctx, "it sends more than was agreed");
    } else if (type == MUX_TAKEN) {
        s->sent -= taken < s->sent ? taken : s->sent;
        mux_pump(s);
    } else {
        s->ended = 1;
        conn_finish(&s->socket);
    }
}

/* Returns 0 when it is no frame. */
static int mux_frame(struct mux *m, int type, uint32_t number, span payload)
{
    if (type == MUX_OPEN)
        mux_on_open(m, number);
    else if (type == MUX_DATA || type == MUX_TAKEN || type == MUX_END)
        mux_on_stream(m, (enum mux_type)type, number, payload);
    else if (type == MUX_HELLO && m->hooks->on_hello)
        m->hooks->on_hello(m->ctx, payload);
    else if (type == MUX_PING && m->hooks->connect) /* the far end answers it */
        mux_send(m, MUX_PING, 0, (span){0});
    else
        return type == MUX_PING;
    return 1;
}

static void mux_on_data(struct mux *m)
{
    span view;
    while (!m->in->dead && (view = conn_view(m->in)).n >= MUX_HEAD) {
        uint32_t n = mux_number(view.p) & 0xffffff;
        if (n <= MUX_PIECE && view.n < MUX_HEAD + n)
            return;
        span payload = {view.p + MUX_HEAD, n};
        if (n > MUX_PIECE || !mux_frame(m, view.p[0], mux_number(view.p + 4), payload)) {
            m->hooks->on_broken(m->ctx, "what it sends is no frame of telec's");
            return;
        }
        conn_consume(m->in, MUX_HEAD + n);
    }
}

/* Serves them in turn: the first one is the last one next time. */
static void mux_on_drained(struct mux *m)
{
    struct mux_stream *first = m->streams, *next;
    if (!m->blocked)
        return;
    m->blocked = 0;
    for (struct mux_stream *s = first; s; s = next) {
        next = s->next;
        mux_pump(s);
    }
    if (first && first->next && first->link == &m->streams) {
        struct mux_stream *last = first;
        while (last->next)
            last = last->next;
        LIST_REMOVE(first);
        LIST_PUSH(&last->next, first);
    }
}
