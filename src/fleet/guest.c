#include "fleet.h"

/* guest - attachments of other computers to sessions of this one (doc/protocol.md, section 3). Each
 * has a stream from the session's holder, and two streams in Redis.
 *
 * Output past GUEST_WINDOW waits; when GUEST_BACKLOG bytes do, they are dropped, the holder is not
 * read, and the asker gets a snapshot once it has caught up. A snapshot itself is never dropped:
 * there, only the holder waits. */

#ifndef GUEST_FLUSH_MS
#define GUEST_FLUSH_MS 2              /* between two pieces of output */
#endif
#define GUEST_CONFIRM_MS 100          /* for the echo of keys to bring their `got`, too */
#define GUEST_PIECE (64 * 1024)       /* bytes of one piece */
#define GUEST_INPUT_FULL (256 * 1024) /* bytes that the holder has not read: no more is read */
#ifndef GUEST_BACKLOG
#define GUEST_BACKLOG (64 * 1024)     /* bytes of output that may wait */
#endif

struct guest {
    struct guest *next, **link;
    struct guests *all;
    char *who;                /* the computer that asks */
    int control;
    struct stream *stream;    /* from the holder */
    char *output;             /* key */
    long long number, piece;  /* n of the last entry of input, of output */
    long long sent, acked;    /* bytes of output */
    buf bytes, size;          /* the next output; size is "" unless it is new */
    char undo[24];            /* of FRAME_ENDING, to be told; or "" */
    size_t whole;             /* bytes at the beginning of `bytes` that are of a snapshot */
    int snapshot;             /* bytes begins with one */
    int more;                 /* another piece of it follows */
    int skipping;             /* output is dropped until a snapshot comes */
    int paused;               /* the holder is not read */
    int confirm;              /* input was typed: `got` is due */
    long long flushed_at, heard_at; /* loop clock: the last piece; the last entry of input */
    struct loop_timer flush_timer;
    char token[65];
    struct streams_stream input;
};

static void guest_free(struct guest *g)
{
    struct guests *all = g->all;
    stream_close(g->stream);
    streams_stream_free(&all->fleet->streams, &g->input);
    loop_timer_cancel(all->loop, &g->flush_timer);
    LIST_REMOVE(g);
    all->count--;
    free(g->who);
    free(g->output);
    buf_free(&g->bytes), buf_free(&g->size);
    free(g);
}

/* Called when the asker has detached. */
static void guest_leave(struct guest *g)
{
    streams_delete(&g->all->fleet->streams, g->input.key);
    streams_delete(&g->all->fleet->streams, g->output);
    guest_free(g);
}

/* Sends n bytes, or none: `got` alone. */
static void guest_send(struct guest *g, size_t n)
{
    struct streams *l = &g->all->fleet->streams;
    char number[24], to[24], got[24];
    base_fmt(number, sizeof number, "%lld", ++g->piece);
    base_fmt(to, sizeof to, "%lld", g->sent += (long long)n);
    base_fmt(got, sizeof got, "%lld", g->number);
    const struct streams_field fields[] = {{"n", span_of(number)},
                                           {"to", span_of(to)},
                                           {"got", span_of(got)},
                                           {"undo", span_of(g->undo)},
                                           {"chunk", {g->bytes.p, n}},
                                           {"snapshot", span_of(g->snapshot ? "1" : "")},
                                           {"size", buf_view(&g->size)}};
    streams_put(l, g->output, NULL, fields, n ? COUNT_OF(fields) : 4);
    g->confirm = 0;
    g->undo[0] = '\0';
    if (!n)
        return;
    g->flushed_at = g->all->loop->now;
    g->snapshot = 0;
    g->whole -= n < g->whole ? n : g->whole;
    buf_clear(&g->size);
    buf_drop(&g->bytes, n);
}

/* again: the asker may begin anew at once. */
static void guest_end(struct guest *g, const char *why, int again)
{
    struct streams *l = &g->all->fleet->streams;
    const struct streams_field fields[] = {{"end", span_of(why)}, {"again", span_of("1")}};
    streams_put(l, g->output, NULL, fields, again ? 2 : 1);
    guest_free(g);
}

/* ---- output --------------------------------------------------------------------------------- */

static void guest_pause(struct guest *g, int paused)
{
    g->paused = paused;
    stream_pause(g->stream, paused);
}

/* Asks the holder for a snapshot in place of what it has queued. */
static void guest_skip(struct guest *g)
{
    static const char again[] = {FRAME_VIEW_AGAIN};
    holder_link_send(g->stream->link, FRAME_VIEW, (span){again, sizeof again});
    guest_pause(g, 0);
}

static int guest_has_room(const struct guest *g)
{
    return g->sent - g->acked < GUEST_WINDOW;
}

/* Sends what may be sent, and keeps the rest small. */
static void guest_flush(struct guest *g)
{
    while (g->bytes.n && guest_has_room(g))
        guest_send(g, g->bytes.n < GUEST_PIECE ? g->bytes.n : GUEST_PIECE);
    if (g->confirm)
        guest_send(g, 0);
    if (g->bytes.n > GUEST_BACKLOG) {
        if (!g->whole) {
            buf_clear(&g->bytes);
            g->skipping = 1;
        }
        if (!g->paused)
            guest_pause(g, 1);
    } else if (g->paused && g->sent - g->acked <= GUEST_WINDOW / 2) {
        if (g->skipping)
            guest_skip(g);
        else
            guest_pause(g, 0);
    }
}

static void guest_on_due(void *ctx)
{
    guest_flush(ctx);
}

static void guest_on_size(void *ctx, int cols, int rows)
{
    struct guest *g = ctx;
    buf_clear(&g->size);
    frame_put_size(&g->size, cols, rows);
}

/* The first output goes at once: it may be the echo of a key. A snapshot replaces what waits. */
static void guest_on_output(void *ctx, span bytes, int snapshot)
{
    struct guest *g = ctx;
    long long now = g->all->loop->now, due = g->flushed_at + GUEST_FLUSH_MS;
    if (g->skipping && !snapshot)
        return;
    if (snapshot) {
        buf_clear(&g->bytes);
        g->skipping = g->whole = 0;
        g->snapshot = 1;
    }
    buf_span(&g->bytes, bytes);
    if (snapshot || g->more) {
        g->whole = g->bytes.n;
        g->more = bytes.n == FRAME_PIECE;
    }
    if (now >= due || g->bytes.n >= GUEST_PIECE)
        guest_flush(g);
    else
        loop_timer_set(g->all->loop, &g->flush_timer, due);
}

static void guest_on_end(void *ctx, const char *why)
{
    struct guest *g = ctx;
    g->stream = NULL;
    while (g->bytes.n) /* the last words, whole */
        guest_send(g, g->bytes.n < GUEST_PIECE ? g->bytes.n : GUEST_PIECE);
    guest_end(g, why, 0);
}

/* The session's holder has read what was typed. */
static void guest_on_drained(void *ctx)
{
    struct guest *g = ctx;
    if (g->input.link)
        return;
    g->confirm = 1;
    guest_flush(g);
    streams_stream_open(&g->all->fleet->streams, &g->input);
}

static void guest_on_ending(void *ctx, long long undo_ms)
{
    struct guest *g = ctx;
    base_fmt(g->undo, sizeof g->undo, "%lld", undo_ms);
    guest_send(g, 0);
}

static const struct stream_hooks guest_stream_hooks = {
    guest_on_size,    guest_on_output, NULL,           guest_on_end,
    guest_on_drained, NULL,            guest_on_ending};

/* ---- input ---------------------------------------------------------------------------------- */

/* Each handles an entry's data, and may free the guest as its last act. */
static void guest_handle_type(struct guest *g, span data)
{
    if (stream_type(g->stream, data) != 0) {
        guest_end(g, "the session's holder does not read", 0);
        return;
    }
    if (g->stream->link->conn.queued > GUEST_INPUT_FULL) { /* guest_on_drained confirms it */
        streams_delete_entry(&g->all->fleet->streams, g->input.key, g->input.at);
        streams_stream_close(&g->all->fleet->streams, &g->input);
        return;
    }
    conn_flush(&g->stream->link->conn);
    g->confirm = 1;
    if (!g->flush_timer.slot)
        loop_timer_in(g->all->loop, &g->flush_timer, GUEST_CONFIRM_MS);
}

static void guest_set_size(struct guest *g, int cols, int rows)
{
    stream_resize(g->stream, cols, rows, g->who);
}

static void guest_handle_size(struct guest *g, span data)
{
    struct json size;
    int cols, rows;
    if (json_read(data, &size) && frame_read_size(size, &cols, &rows))
        guest_set_size(g, cols, rows);
}

static void guest_handle_colours(struct guest *g, span data)
{
    struct json array;
    struct vt_colours colours;
    if (json_read(data, &array) && frame_read_colours(array, &colours))
        stream_set_colours(g->stream, &colours);
}

static void guest_handle_ack(struct guest *g, span data)
{
    long long bytes;
    if (span_int(data, &bytes) && bytes > g->acked && bytes <= g->sent)
        g->acked = bytes;
    guest_flush(g);
}

static void guest_handle_again(struct guest *g, span data)
{
    (void)data;
    g->acked = g->sent;
    buf_clear(&g->bytes);
    g->whole = g->more = 0;
    g->skipping = 1;
    guest_skip(g);
}

static const struct {
    const char *op;
    int types; /* only who controls, and has permission, may */
    void (*handle)(struct guest *g, span data);
} guest_ops[] = {
    {"type", 1, guest_handle_type},
    {"size", 1, guest_handle_size},
    {"colours", 1, guest_handle_colours},
    {"ack", 0, guest_handle_ack},
    {"again", 0, guest_handle_again},
};

/* Is it too late to type it? */
static int guest_is_late(const struct guest *g, const struct codec_input *in)
{
    return streams_now(&g->all->fleet->streams) - in->at > GUEST_LATE_MS &&
           span_eq(in->op, "type");
}

static const char *guest_why_not(const struct guest *g, struct codec_id id,
                                 const struct resp *fields)
{
    const struct fleet *f = g->all->fleet;
    enum signature signature = SIGNATURE_NONE;
    if (f->streams.secret.n)
        signature = signature_check(buf_view(&f->streams.secret), g->input.key, id, fields);
    return peers_why_not(f, span_of(g->who), signature);
}

static void guest_on_entry(struct streams_stream *s, struct codec_id id,
                           const struct resp *fields)
{
    struct guest *g = s->owner;
    struct codec_input in;
    size_t i = 0;
    codec_read_input(id, fields, &in);
    g->heard_at = g->all->loop->now;
    if (span_eq(in.op, "end")) {
        guest_leave(g);
        return;
    }
    if (in.number <= g->number)
        return; /* at most once */
    if (in.number != g->number + 1) {
        guest_end(g, "input was lost on its way", 1);
        return;
    }
    g->number = in.number;
    while (i < COUNT_OF(guest_ops) && !span_eq(in.op, guest_ops[i].op))
        i++;
    if (i == COUNT_OF(guest_ops) || (guest_ops[i].types && !g->control))
        return;
    const char *why = guest_ops[i].types ? guest_why_not(g, id, fields) : NULL;
    if (why)
        guest_end(g, why, 0);
    else if (guest_is_late(g, &in))
        guest_end(g, "what was typed came too late", 1);
    else
        guest_ops[i].handle(g, in.data);
}

/* ---- life ----------------------------------------------------------------------------------- */

static struct guest *guest_find(const struct guests *all, const char *who, const char *token)
{
    struct guest *g = all->first;
    while (g && (strcmp(g->token, token) != 0 || strcmp(g->who, who) != 0))
        g = g->next;
    return g;
}

static void guest_on_check(void *ctx)
{
    struct guests *all = ctx;
    for (struct guest *g = all->first, *next; g; g = next) {
        next = g->next;
        if (all->loop->now - g->heard_at > GUEST_LIFE_MS)
            guest_leave(g);
        else
            streams_expire(&all->fleet->streams, g->output);
    }
    if (all->first)
        loop_timer_in(all->loop, &all->check_timer, GUEST_CHECK_MS);
}

static const char *guest_open(struct guests *all, struct session *s, const struct guest_plan *plan)
{
    const char how[] = {FRAME_VIEW_SIZES, FRAME_VIEW_SCROLLBACK};
    struct guest *old = guest_find(all, plan->who, plan->old);
    if (old)
        guest_leave(old);
    if (!store_id_is_plain(plan->token) || guest_find(all, plan->who, plan->token))
        return "BAD_REQUEST";
    if (all->count >= GUEST_MAX)
        return "BUSY";
    struct guest *g = base_alloc(sizeof *g);
    g->all = all;
    g->who = base_dup(plan->who);
    base_copy(g->token, sizeof g->token, plan->token);
    g->control = plan->control;
    g->heard_at = all->loop->now;
    g->output = streams_key(&all->fleet->streams, STREAMS_OUTPUT_KEY, g->token);
    g->flush_timer = (struct loop_timer){.fn = guest_on_due, .ctx = g};
    g->input = (struct streams_stream){
        .key = streams_key(&all->fleet->streams, STREAMS_INPUT_KEY, g->token),
        .owner = g, .deletes = 1, .on_entry = guest_on_entry};
    LIST_PUSH(&all->first, g);
    all->count++;
    g->stream = stream_open(all->loop, sessions_find_socket(s),
                            (span){how, plan->scrollback ? 2 : 1}, &guest_stream_hooks, g);
    if (!g->stream) {
        guest_free(g);
        return "ENDED";
    }
    if (plan->cols)
        guest_set_size(g, plan->cols, plan->rows);
    streams_stream_open(&all->fleet->streams, &g->input);
    if (!all->check_timer.slot)
        loop_timer_in(all->loop, &all->check_timer, GUEST_CHECK_MS);
    return NULL;
}

static void guest_drop_all(struct guests *all)
{
    while (all->first)
        guest_free(all->first);
}

static void guest_init(struct guests *all, struct loop *l, struct sessions *sessions,
                       struct fleet *fleet)
{
    *all = (struct guests){.loop = l, .sessions = sessions, .fleet = fleet};
    all->check_timer = (struct loop_timer){.fn = guest_on_check, .ctx = all};
}

/* The loop has ended: nothing is closed by it any more. */
static void guest_free_all(struct guests *all)
{
    while (all->first) {
        stream_cancel(all->first->stream);
        all->first->stream = NULL;
        guest_free(all->first);
    }
    loop_timer_cancel(all->loop, &all->check_timer);
}
