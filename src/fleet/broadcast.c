#include "fleet.h"

/* broadcast - this computer's sessions to observers on TeleClaude computers (doc/protocol.md,
 * section 3). Such an observer only sets a key; we check for it when a session changes and a
 * TeleClaude daemon is interested. One connection to the holder feeds one stream for all. */

#ifndef BROADCAST_FLUSH_MS
#define BROADCAST_FLUSH_MS 30           /* between two pieces of output */
#endif
#define BROADCAST_CHUNK_MAX (64 * 1024) /* bytes of output that are sent earlier */
#define BROADCAST_BACKLOG (256 * 1024)  /* bytes of output; past it the stream is paused */
#define BROADCAST_IN_FLIGHT_MAX 4       /* pieces that Redis has not answered yet */
#define BROADCAST_OUTPUT_KEPT 100       /* pieces in the stream, about */

/* A session that is observed. */
struct broadcast {
    struct broadcast *next, **link;
    struct broadcasts *all;
    char id[65];
    struct stream *stream; /* from the holder; NULL: it has ended */
    buf bytes;             /* the next piece */
    long long flushed_at;
    int in_flight;
    struct loop_timer flush_timer;
};

static void broadcast_free(struct broadcast *one)
{
    if (one->in_flight || one->link)
        return;
    buf_free(&one->bytes);
    free(one);
}

static void broadcast_end(struct broadcast *one)
{
    if (!one->link)
        return;
    LIST_REMOVE(one);
    one->all->count--;
    loop_timer_cancel(one->all->loop, &one->flush_timer);
    stream_close(one->stream);
    one->stream = NULL;
    broadcast_free(one);
}

static void broadcast_flush(struct broadcast *one);

static void broadcast_on_sent(void *ctx, const struct resp *reply)
{
    struct broadcast *one = ctx;
    (void)reply;
    one->in_flight--;
    if (!one->link)
        broadcast_free(one);
    else if (one->bytes.n && !one->flush_timer.slot)
        broadcast_flush(one);
}

/* Returns how many bytes of s are whole characters: a reader may need text. */
static size_t broadcast_whole(span s)
{
    for (size_t back = 1; back <= 3 && back <= s.n; back++) {
        unsigned char c = (unsigned char)s.p[s.n - back];
        uint32_t cp;
        if (c >= 0xc0)
            return utf8_next(span_sub(s, s.n - back), &cp) == 0 ? s.n - back : s.n;
        if (c < 0x80)
            return s.n;
    }
    return s.n;
}

static void broadcast_flush(struct broadcast *one)
{
    struct broadcasts *all = one->all;
    size_t n = broadcast_whole(buf_view(&one->bytes));
    char time[32];
    if (!n || one->in_flight >= BROADCAST_IN_FLIGHT_MAX)
        return;
    char *key = streams_key(&one->all->fleet->streams, STREAMS_OUTPUT_KEY, one->id);
    streams_put_time(time);
    const struct streams_field fields[] = {{"chunk", {one->bytes.p, n}},
                                           {"timestamp", span_of(time)},
                                           {"session_id", span_of(one->id)}};
    one->in_flight += streams_add(&all->fleet->streams, key, BROADCAST_OUTPUT_KEPT, fields,
                                  COUNT_OF(fields), broadcast_on_sent, one);
    one->flushed_at = all->loop->now;
    buf_drop(&one->bytes, n);
    if (one->stream && one->bytes.n < BROADCAST_BACKLOG / 2)
        stream_pause(one->stream, 0);
    free(key);
}

static void broadcast_on_due(void *ctx)
{
    broadcast_flush(ctx);
}

static void broadcast_on_size(void *ctx, int cols, int rows)
{
    (void)ctx, (void)cols, (void)rows;
}

/* A snapshot replaces the output not sent yet. */
static void broadcast_on_output(void *ctx, span bytes, int snapshot)
{
    struct broadcast *one = ctx;
    if (snapshot)
        buf_clear(&one->bytes);
    buf_span(&one->bytes, bytes);
    long long due = one->flushed_at + BROADCAST_FLUSH_MS;
    if (one->bytes.n >= BROADCAST_CHUNK_MAX || one->all->loop->now >= due)
        broadcast_flush(one);
    if (one->bytes.n && !one->flush_timer.slot)
        loop_timer_set(one->all->loop, &one->flush_timer,
                       due > one->all->loop->now ? due
                                                  : one->all->loop->now + BROADCAST_FLUSH_MS);
    if (one->bytes.n > BROADCAST_BACKLOG)
        stream_pause(one->stream, 1);
}

static void broadcast_on_end(void *ctx, const char *why)
{
    struct broadcast *one = ctx;
    (void)why;
    one->stream = NULL;
    broadcast_flush(one);
    broadcast_end(one);
}

static const struct stream_hooks broadcast_stream_hooks = {
    broadcast_on_size, broadcast_on_output, NULL, broadcast_on_end, NULL, NULL, NULL};

static struct broadcast *broadcast_find(const struct broadcasts *all, const char *id)
{
    struct broadcast *one = all->first;
    while (one && strcmp(one->id, id) != 0)
        one = one->next;
    return one;
}

/* Begins with a snapshot, if the holder can be reached. */
static void broadcast_begin(struct broadcasts *all, struct session *s)
{
    if (all->count >= BROADCAST_MAX)
        return;
    struct broadcast *one = base_alloc(sizeof *one);
    one->all = all;
    base_copy(one->id, sizeof one->id, s->id);
    one->flush_timer = (struct loop_timer){.fn = broadcast_on_due, .ctx = one};
    LIST_PUSH(&all->first, one);
    all->count++;
    one->stream = stream_open(all->loop, sessions_find_socket(s), (span){0},
                              &broadcast_stream_hooks, one);
    if (!one->stream)
        broadcast_end(one);
    else if (!all->check_timer.slot)
        loop_timer_in(all->loop, &all->check_timer, BROADCAST_CHECK_MS);
}

/* A pending check of a session's key; the session may be gone at its end. */
struct broadcast_check {
    struct broadcasts *all;
    char id[65];
};

/* An error or a lost connection is a no. */
static void broadcast_on_checked(void *ctx, const struct resp *reply)
{
    struct broadcast_check *check = ctx;
    int exists = reply && reply->type == RESP_INTEGER && reply->integer != 0;
    struct broadcasts *all = check->all;
    struct broadcast *one = broadcast_find(all, check->id);
    struct session *s = sessions_find(all->sessions, check->id);
    if (one && !exists)
        broadcast_end(one);
    else if (!one && exists && s && s->holder.open && !record_has_exited(s))
        broadcast_begin(all, s);
    free(check);
}

static void broadcast_check(struct broadcasts *all, const char *id)
{
    struct broadcast_check *check = base_alloc(sizeof *check);
    buf key = {0};
    check->all = all;
    base_copy(check->id, sizeof check->id, id);
    buf_fmt(&key, "%sobservation:%s:%s", streams_prefix(&all->fleet->streams),
            all->config->computer, id);
    const char *const args[] = {"EXISTS", buf_cstr(&key), NULL};
    if (!streams_call(&all->fleet->streams, args, broadcast_on_checked, check))
        free(check);
    buf_free(&key);
}

static void broadcast_on_check_due(void *ctx)
{
    struct broadcasts *all = ctx;
    for (const struct broadcast *one = all->first; one; one = one->next)
        broadcast_check(all, one->id);
    if (all->first)
        loop_timer_in(all->loop, &all->check_timer, BROADCAST_CHECK_MS);
}

/* A daemon without interest in sessions observes none. */
static void broadcast_on_activity(struct broadcasts *all, const char *id)
{
    struct session *s = sessions_find(all->sessions, id);
    if (!s || !presence_is_heard_abroad(all->fleet) || broadcast_find(all, id) ||
        all->loop->now < s->checked_at + BROADCAST_ACTIVITY_MS)
        return;
    s->checked_at = all->loop->now;
    broadcast_check(all, id);
}

static void broadcast_init(struct broadcasts *all, struct loop *l, const struct config *config,
                           struct sessions *sessions, struct fleet *fleet)
{
    *all = (struct broadcasts){
        .loop = l, .config = config, .sessions = sessions, .fleet = fleet};
    all->check_timer = (struct loop_timer){.fn = broadcast_on_check_due, .ctx = all};
}

static void broadcast_free_all(struct broadcasts *all)
{
    while (all->first) {
        stream_cancel(all->first->stream);
        all->first->stream = NULL;
        broadcast_end(all->first);
    }
    loop_timer_cancel(all->loop, &all->check_timer);
}
