#include "fleet.h"

/* observe - viewing sessions of other computers (doc/protocol.md, section 3, observation).
 *
 * A key says who observes a session: TeleClaude daemons look for it. A telec daemon also gets a
 * request, so that it begins at once, with a snapshot. It numbers its pieces of output; when one is
 * missing, because Redis has cut it off the stream, it is requested to begin again. */

static void observe_free(struct observation *w)
{
    if (w->calls || w->base.hooks || w->link)
        return;
    loop_task_cancel(w->owner->loop, &w->end);
    free(w->computer);
    free(w->id);
    free(w);
}

/* Nothing is read any more. */
static void observe_stop(struct observation *w)
{
    struct observations *all = w->owner;
    if (!w->link)
        return;
    LIST_REMOVE(w);
    streams_stream_free(&all->fleet->streams, &w->stream);
    if (w->asked)
        streams_cancel(w->asked);
    w->asked = NULL;
    if (!all->first)
        loop_timer_cancel(all->loop, &all->timer);
}

static void observe_on_end(void *ctx)
{
    struct observation *w = ctx;
    const struct stream_hooks *hooks = w->base.hooks;
    w->base.hooks = NULL;
    if (hooks)
        hooks->on_end(w->base.ctx, w->why);
    observe_free(w);
}

static void observe_end(struct observation *w, const char *why)
{
    if (!w->link)
        return;
    snprintf(w->why, sizeof w->why, "%s", why);
    observe_stop(w);
    loop_defer(w->owner->loop, &w->end);
}

/* fleet.on_gone */
static void observe_on_gone(void *ctx, const char *computer, const char *id, const char *why)
{
    struct observations *all = ctx;
    for (struct observation *w = all->first, *next; w; w = next) {
        next = w->next;
        if (strcmp(w->computer, computer) == 0 && (!id || strcmp(w->id, id) == 0))
            observe_end(w, why);
    }
}

static void observe_on_asked(void *ctx, const struct codec_reply *answer, struct codec_id at,
                           const char *why)
{
    struct observation *w = ctx;
    char *error = answer && !answer->good ? json_dup_text(answer->error) : NULL;
    (void)at;
    w->asked = NULL;
    if (!answer || !answer->good)
        observe_end(w, error ? error : why ? why : "that computer refuses");
    free(error);
}

static void observe_set_key(struct observation *w)
{
    struct fleet *f = w->owner->fleet;
    buf key = {0}, value = {0};
    char ttl[16];
    buf_fmt(&key, "observation:%s:%s", w->computer, w->id);
    json_open(&value, '{');
    json_field_string(&value, "observer", f->config->computer);
    json_field_time(&value, "started_at", clock_wall_ms());
    json_close(&value, '}');
    snprintf(ttl, sizeof ttl, "%d", OBSERVE_TTL_S);
    const char *const set[] = {"SETEX", buf_cstr(&key), ttl, buf_cstr(&value), NULL};
    streams_call(&f->streams, set, NULL, NULL);
    buf_free(&key);
    buf_free(&value);
}

/* Requests a telec daemon to "begin", "renew" or "end". Returns 0 when that can't be sent. */
static int observe_say(struct observation *w, const char *how)
{
    const char *const words[] = {"observe", how, NULL};
    int ends = strcmp(how, "end") == 0;
    const char *why;
    buf line = {0};
    if (!w->telec || w->asked)
        return 1;
    codec_put_words(&line, words);
    struct codec_request request = {.command = buf_view(&line), .session_id = span_of(w->id)};
    struct streams_request *ask = streams_ask(&w->owner->fleet->streams, w->computer, &request,
                                    ends ? NULL : observe_on_asked, w, &why);
    w->asked = ends ? NULL : ask;
    buf_free(&line);
    return ask != NULL;
}

static void observe_on_due(void *ctx)
{
    struct observations *all = ctx;
    for (struct observation *w = all->first; w && all->fleet->streams.ready; w = w->next) {
        observe_set_key(w);
        observe_say(w, w->begun ? "renew" : "begin");
    }
    loop_timer_set(all->loop, &all->timer, all->loop->now + OBSERVE_RENEW_MS);
}

/* The fields of a piece of output. */
struct observe_piece {
    struct resp chunk, number, size, snapshot;
};

static struct observe_piece observe_read(const struct resp *fields)
{
    struct observe_piece piece = {0};
    const struct {
        const char *name;
        struct resp *place;
    } wanted[] = {{"chunk", &piece.chunk},
                  {"n", &piece.number},
                  {"size", &piece.size},
                  {"snapshot", &piece.snapshot}};
    struct resp_iter it = resp_iter(fields);
    struct resp key, value;
    while (resp_next_pair(&it, &key, &value))
        for (size_t i = 0; i < COUNT_OF(wanted); i++)
            if (span_eq(key.text, wanted[i].name))
                *wanted[i].place = value;
    return piece;
}

/* Does the piece follow the one before? Else begins anew. */
static int observe_follows(struct observation *w, const struct observe_piece *piece)
{
    long long n = 0;
    int numbered = span_int(piece->number.text, &n);
    if (!w->telec || piece->snapshot.type != RESP_NONE ||
        (w->begun && numbered && n == w->number + 1)) {
        w->number = n;
        w->begun = 1;
        return 1;
    }
    if (w->begun) /* pieces are missing */
        observe_say(w, "begin");
    w->begun = 0;
    return 0;
}

static void observe_on_entry(struct streams_stream *s, struct codec_id id,
                             const struct resp *fields)
{
    struct observation *w = s->owner;
    struct observe_piece piece = observe_read(fields);
    int cols, rows;
    (void)id;
    if (!observe_follows(w, &piece))
        return;
    if (!w->base.hooks || w->paused)
        return;
    if (frame_parse_size(piece.size.text, &cols, &rows))
        w->base.hooks->on_size(w->base.ctx, cols, rows);
    if (w->base.hooks && piece.chunk.text.n)
        w->base.hooks->on_output(w->base.ctx, piece.chunk.text,
                                 piece.snapshot.type != RESP_NONE);
}

static void observe_on_end_known(void *ctx, const struct resp *reply)
{
    struct observation *w = ctx;
    w->calls--;
    if (!w->link) {
        observe_free(w);
        return;
    }
    if (!reply) {
        observe_end(w, "the connection to Redis was lost");
        return;
    }
    w->stream.at = streams_last_id(reply);
    streams_stream_open(&w->owner->fleet->streams, &w->stream);
}

/* Output that came while the stream was paused is in the snapshot of a new begin. */
static void observe_pause(struct stream *s, int paused)
{
    struct observation *w = (struct observation *)s;
    int resumes = w->paused && !paused;
    w->paused = paused;
    if (!resumes)
        return;
    w->begun = 0;
    if (w->link)
        observe_say(w, "begin");
}

static void observe_close(struct stream *s)
{
    struct observation *w = (struct observation *)s;
    int others = 0;
    for (struct observation *other = w->owner->first; other; other = other->next)
        others += other != w && strcmp(other->id, w->id) == 0;
    if (w->link && w->asked) {
        streams_cancel(w->asked);
        w->asked = NULL;
    }
    if (w->link && !others)
        observe_say(w, "end");
    observe_stop(w);
    observe_free(w);
}

static const struct stream_source observe_source = {observe_pause, observe_close};

static struct stream *observe_open(struct observations *all, const char *computer, const char *id,
                                   const struct stream_hooks *hooks, void *ctx)
{
    struct roster_peer *peer = roster_find(all->fleet, span_of(computer));
    if (!peer || !all->fleet->streams.ready)
        return NULL;
    struct observation *w = base_alloc(sizeof *w);
    w->owner = all;
    w->computer = span_dup(span_of(computer));
    w->id = span_dup(span_of(id));
    w->base = (struct stream){&observe_source, hooks, ctx, NULL};
    w->telec = peer->beat.telec[0] != '\0';
    w->stream = (struct streams_stream){
        .key = streams_key(STREAMS_OUTPUT_KEY, id), .owner = w, .on_entry = observe_on_entry};
    w->end = (struct loop_task){.fn = observe_on_end, .ctx = w};
    LIST_PUSH(&all->first, w);
    if (!all->timer.slot)
        loop_timer_set(all->loop, &all->timer, all->loop->now + OBSERVE_RENEW_MS);
    w->calls = streams_find_end(&all->fleet->streams, w->stream.key, observe_on_end_known, w);
    if (!w->calls || !observe_say(w, "begin")) {
        stream_close(&w->base);
        return NULL;
    }
    observe_set_key(w);
    return &w->base;
}

static void observe_init(struct observations *all, struct loop *l, struct fleet *fleet)
{
    *all = (struct observations){.loop = l, .fleet = fleet};
    all->timer = (struct loop_timer){.fn = observe_on_due, .ctx = all};
    fleet->on_gone = observe_on_gone;
    fleet->gone_ctx = all;
}
