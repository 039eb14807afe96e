#include "fleet.h"

/* broadcast - this computer's sessions to observers on other computers (doc/protocol.md, section 3,
 * observation): one connection to the holder, whose output goes into a stream for all observers.
 *
 * A telec observer sends requests (observe begin, renew, end). A TeleClaude observer only sets a
 * key, which is looked for when a session changes and a TeleClaude daemon is interested. */

#ifndef BROADCAST_FLUSH_MS
#define BROADCAST_FLUSH_MS 30           /* between two pieces of output */
#endif
#define BROADCAST_CHUNK_MAX (64 * 1024) /* as much output is sent before that */
#define BROADCAST_BACKLOG (256 * 1024)  /* of output; with more, the holder must wait */
#define BROADCAST_IN_FLIGHT_MAX 4       /* pieces without Redis's answer */
#define BROADCAST_OUTPUT_KEPT 100       /* pieces in the stream, about */

struct broadcast_show {
    struct broadcast_show *next, **link;
    struct broadcasts *all;
    char id[65];
    struct stream *stream; /* NULL: over */
    struct {
        char *name;
        long long until;
    } observers[BROADCAST_OBSERVERS];
    int foreign;      /* the observation key exists: a TeleClaude daemon may observe */
    buf bytes, size;  /* what goes out next; size is "" unless it is new */
    int snapshot;     /* bytes begin with one */
    long long number; /* of the last piece */
    long long flushed_at;
    int in_flight;
    struct loop_timer flush_timer;
};

static void broadcast_show_free(struct broadcast_show *show)
{
    if (show->in_flight || show->link)
        return;
    buf_free(&show->bytes);
    buf_free(&show->size);
    free(show);
}

static void broadcast_show_end(struct broadcast_show *show)
{
    if (!show->link)
        return;
    LIST_REMOVE(show);
    show->all->show_count--;
    loop_timer_cancel(show->all->loop, &show->flush_timer);
    stream_close(show->stream);
    show->stream = NULL;
    for (int i = 0; i < BROADCAST_OBSERVERS; i++)
        free(show->observers[i].name);
    broadcast_show_free(show);
}

static void broadcast_show_flush(struct broadcast_show *show);

static void broadcast_show_on_sent(void *ctx, const struct resp *reply)
{
    struct broadcast_show *show = ctx;
    (void)reply;
    show->in_flight--;
    if (!show->link)
        broadcast_show_free(show);
    else if (show->bytes.n && !show->flush_timer.slot)
        broadcast_show_flush(show);
}

/* Bytes of s that are whole characters: a reader may want text. */
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

static void broadcast_show_flush(struct broadcast_show *show)
{
    struct broadcasts *all = show->all;
    size_t n = broadcast_whole(buf_view(&show->bytes));
    char number[24], time[32];
    buf key = {0};
    if (!n || show->in_flight >= BROADCAST_IN_FLIGHT_MAX)
        return;
    buf_fmt(&key, "%s%s", STREAMS_OUTPUT_KEY, show->id);
    streams_put_time(time);
    snprintf(number, sizeof number, "%lld", ++show->number);
    span fields[12] = {span_of("chunk"), (span){show->bytes.p, n}, span_of("timestamp"),
                       span_of(time),    span_of("session_id"),    span_of(show->id),
                       span_of("n"),     span_of(number)};
    size_t count = 8;
    if (show->snapshot) {
        fields[count++] = span_of("snapshot");
        fields[count++] = span_of("1");
    }
    if (show->size.n) {
        fields[count++] = span_of("size");
        fields[count++] = buf_view(&show->size);
    }
    show->in_flight += streams_add(&all->fleet->streams, buf_cstr(&key), BROADCAST_OUTPUT_KEPT,
                                   fields, count, STREAMS_TTL_S, broadcast_show_on_sent, show);
    show->flushed_at = all->loop->now;
    show->snapshot = 0;
    buf_clear(&show->size);
    buf_drop(&show->bytes, n);
    if (show->stream && show->bytes.n < BROADCAST_BACKLOG / 2)
        stream_pause(show->stream, 0);
    buf_free(&key);
}

static void broadcast_show_on_due(void *ctx)
{
    broadcast_show_flush(ctx);
}

static void broadcast_on_size(void *ctx, int cols, int rows)
{
    struct broadcast_show *show = ctx;
    buf_clear(&show->size);
    frame_put_size(&show->size, cols, rows);
}

/* A snapshot replaces the output that still waits. */
static void broadcast_on_output(void *ctx, span bytes, int snapshot)
{
    struct broadcast_show *show = ctx;
    if (snapshot) {
        buf_clear(&show->bytes);
        show->snapshot = 1;
    }
    buf_span(&show->bytes, bytes);
    long long due = show->flushed_at + BROADCAST_FLUSH_MS;
    if (show->bytes.n >= BROADCAST_CHUNK_MAX || show->all->loop->now >= due)
        broadcast_show_flush(show);
    if (show->bytes.n && !show->flush_timer.slot)
        loop_timer_set(show->all->loop, &show->flush_timer,
                       due > show->all->loop->now ? due
                                                  : show->all->loop->now + BROADCAST_FLUSH_MS);
    if (show->bytes.n > BROADCAST_BACKLOG)
        stream_pause(show->stream, 1);
}

static void broadcast_on_end(void *ctx, const char *why)
{
    struct broadcast_show *show = ctx;
    (void)why;
    show->stream = NULL;
    broadcast_show_flush(show);
    broadcast_show_end(show);
}

static const struct stream_hooks broadcast_stream_hooks = {broadcast_on_size, broadcast_on_output,
                                                           NULL, broadcast_on_end};

/* Begins with a fresh snapshot. Returns 0 when the holder can't be reached. */
static int broadcast_show_begin(struct broadcast_show *show, const struct session *s)
{
    static const char how[] = {FRAME_VIEW_SIZES};
    stream_close(show->stream);
    show->stream = stream_open(show->all->loop, s->socket, (span){how, sizeof how},
                               &broadcast_stream_hooks, show);
    return show->stream != NULL;
}

static struct broadcast_show *broadcast_find_show(const struct broadcasts *all, const char *id)
{
    struct broadcast_show *show = all->shows;
    while (show && strcmp(show->id, id) != 0)
        show = show->next;
    return show;
}

static struct broadcast_show *broadcast_new_show(struct broadcasts *all, const char *id)
{
    if (all->show_count >= BROADCAST_MAX)
        return NULL;
    struct broadcast_show *show = base_alloc(sizeof *show);
    show->all = all;
    snprintf(show->id, sizeof show->id, "%s", id);
    show->flush_timer = (struct loop_timer){.fn = broadcast_show_on_due, .ctx = show};
    LIST_PUSH(&all->shows, show);
    all->show_count++;
    if (!all->look_timer.slot)
        loop_timer_set(all->loop, &all->look_timer, all->loop->now + BROADCAST_LOOK_MS);
    return show;
}

/* Notes until when `who` observes; until 0: not any more. How many do. */
static int broadcast_note_observer(struct broadcast_show *show, const char *who, long long until)
{
    long long now = show->all->loop->now;
    int free_place = -1, count = 0;
    for (int i = 0; i < BROADCAST_OBSERVERS; i++) {
        char *name = show->observers[i].name;
        if (name && who && strcmp(name, who) == 0) {
            show->observers[i].until = until;
            who = NULL;
        }
        if (name && show->observers[i].until <= now) {
            free(name);
            show->observers[i].name = NULL;
        }
        if (show->observers[i].name)
            count++;
        else if (free_place < 0)
            free_place = i;
    }
    if (who && until > now && free_place >= 0) {
        show->observers[free_place].name = span_dup(span_of(who));
        show->observers[free_place].until = until;
        count++;
    }
    return count;
}

static enum broadcast_result broadcast_observe(struct broadcasts *all, const char *who,
                                               const struct session *s, int renews)
{
    struct broadcast_show *show = broadcast_find_show(all, s->id);
    if (!show && !(show = broadcast_new_show(all, s->id)))
        return BROADCAST_BUSY;
    broadcast_note_observer(show, who, all->loop->now + BROADCAST_OBSERVER_MS);
    if ((!renews || !show->stream) && !broadcast_show_begin(show, s)) {
        broadcast_show_end(show);
        return BROADCAST_ENDED;
    }
    return BROADCAST_OK;
}

static void broadcast_leave(struct broadcasts *all, const char *who, const char *id)
{
    struct broadcast_show *show = broadcast_find_show(all, id);
    if (show && broadcast_note_observer(show, who, 0) == 0 && !show->foreign)
        broadcast_show_end(show);
}

/* A pending check of a session's key; the session may be gone at its end. */
struct broadcast_look {
    struct broadcasts *all;
    char id[65];
};

static void broadcast_on_looked(void *ctx, int exists)
{
    struct broadcast_look *look = ctx;
    struct broadcasts *all = look->all;
    struct broadcast_show *show = broadcast_find_show(all, look->id);
    const struct session *s = session_find(all->sessions, look->id);
    if (exists && !show && s && s->holder.open && !session_has_exited(s) &&
        (show = broadcast_new_show(all, look->id)) && !broadcast_show_begin(show, s)) {
        broadcast_show_end(show);
        show = NULL;
    }
    if (show) {
        show->foreign = exists;
        if (!exists && broadcast_note_observer(show, NULL, 0) == 0)
            broadcast_show_end(show);
    }
    free(look);
}

static void broadcast_look(struct broadcasts *all, const char *id)
{
    struct broadcast_look *look = base_alloc(sizeof *look);
    buf key = {0};
    look->all = all;
    snprintf(look->id, sizeof look->id, "%s", id);
    buf_fmt(&key, "observation:%s:%s", all->config->computer, id);
    if (!streams_exists(&all->fleet->streams, buf_cstr(&key), broadcast_on_looked, look))
        free(look);
    buf_free(&key);
}

static void broadcast_on_look_due(void *ctx)
{
    struct broadcasts *all = ctx;
    for (struct broadcast_show *show = all->shows, *next; show; show = next) {
        next = show->next;
        if (show->foreign)
            broadcast_look(all, show->id);
        else if (broadcast_note_observer(show, NULL, 0) == 0)
            broadcast_show_end(show);
    }
    if (all->shows)
        loop_timer_set(all->loop, &all->look_timer, all->loop->now + BROADCAST_LOOK_MS);
}

/* A TeleClaude daemon that observes says so by a key alone, and only one that is interested in
 * sessions can observe one. */
static void broadcast_on_activity(struct broadcasts *all, const char *id)
{
    struct session *s = session_find(all->sessions, id);
    if (!s || !presence_is_heard_abroad(all->fleet) || broadcast_find_show(all, id) ||
        all->loop->now < s->looked_at + BROADCAST_ACTIVITY_MS)
        return;
    s->looked_at = all->loop->now;
    broadcast_look(all, id);
}

static void broadcast_init(struct broadcasts *all, struct loop *l, const struct config *config,
                           struct sessions *sessions, struct fleet *fleet)
{
    *all = (struct broadcasts){
        .loop = l, .config = config, .sessions = sessions, .fleet = fleet};
    all->look_timer = (struct loop_timer){.fn = broadcast_on_look_due, .ctx = all};
}

static void broadcast_free_all(struct broadcasts *all)
{
    while (all->shows) {
        stream_cancel(all->shows->stream);
        all->shows->stream = NULL;
        broadcast_show_end(all->shows);
    }
    loop_timer_cancel(all->loop, &all->look_timer);
}
