#include "fleet.h"

/* observe - viewing sessions of other computers (doc/protocol.md, section 3, observation).
 *
 * A key says who observes a session: TeleClaude daemons look for it. A telec daemon also gets a
 * request, so that it begins at once, with a snapshot. It numbers its pieces of output; when one is
 * missing, because Redis has cut it off the stream, it is requested to begin again. */

static void observe_free(struct observation *one)
{
    if (one->calls || one->base.hooks || one->link)
        return;
    loop_task_cancel(one->owner->loop, &one->end);
    free(one->computer);
    free(one->id);
    free(one);
}

/* Nothing is read any more. */
static void observe_stop(struct observation *one)
{
    struct observations *all = one->owner;
    if (!one->link)
        return;
    LIST_REMOVE(one);
    streams_stream_free(&all->fleet->streams, &one->stream);
    if (one->asked)
        streams_cancel(one->asked);
    one->asked = NULL;
    if (all->first)
        return;
    loop_timer_cancel(all->loop, &all->timer);
    loop_timer_cancel(all->loop, &all->pull_timer);
}

static void observe_on_end(void *ctx)
{
    struct observation *one = ctx;
    const struct stream_hooks *hooks = one->base.hooks;
    one->base.hooks = NULL;
    if (hooks)
        hooks->on_end(one->base.ctx, one->why);
    observe_free(one);
}

static void observe_end(struct observation *one, const char *why)
{
    if (!one->link)
        return;
    snprintf(one->why, sizeof one->why, "%s", why);
    observe_stop(one);
    loop_defer(one->owner->loop, &one->end);
}

/* fleet.on_gone */
static void observe_on_gone(void *ctx, const char *computer, const char *id, const char *why)
{
    struct observations *all = ctx;
    for (struct observation *one = all->first, *next; one; one = next) {
        next = one->next;
        if (strcmp(one->computer, computer) == 0 && (!id || strcmp(one->id, id) == 0))
            observe_end(one, why);
    }
}

static void observe_on_asked(void *ctx, const struct codec_reply *answer, struct codec_id at,
                           const char *why)
{
    struct observation *one = ctx;
    char *error = answer && !answer->good ? json_dup_text(answer->error) : NULL;
    (void)at;
    one->asked = NULL;
    if (!answer || !answer->good)
        observe_end(one, error ? error : why ? why : "that computer refuses");
    free(error);
}

static void observe_set_key(struct observation *one)
{
    struct fleet *f = one->owner->fleet;
    buf key = {0}, value = {0};
    char ttl[16], started[32];
    buf_fmt(&key, "observation:%s:%s", one->computer, one->id);
    json_open(&value, '{');
    json_field_string(&value, "observer", f->config->computer);
    json_key(&value, "started_at"); /* in seconds, as TeleClaude writes it */
    streams_put_time(started);
    buf_str(&value, started);
    json_close(&value, '}');
    snprintf(ttl, sizeof ttl, "%d", OBSERVE_TTL_S);
    const char *const set[] = {"SETEX", buf_cstr(&key), ttl, buf_cstr(&value), NULL};
    streams_call(&f->streams, set, NULL, NULL);
    buf_free(&key);
    buf_free(&value);
}

/* Requests a telec daemon to "begin", "renew" or "end". Returns 0 when that can't be sent. */
static int observe_say(struct observation *one, const char *how)
{
    const char *const words[] = {"observe", how, NULL};
    int ends = strcmp(how, "end") == 0;
    const char *why;
    buf line = {0};
    if (!one->telec || one->asked)
        return 1;
    codec_put_words(&line, words);
    struct codec_request request = {.command = buf_view(&line), .session_id = span_of(one->id)};
    struct streams_request *ask = streams_ask(&one->owner->fleet->streams, one->computer, &request,
                                    ends ? NULL : observe_on_asked, one, &why);
    one->asked = ends ? NULL : ask;
    buf_free(&line);
    return ask != NULL;
}

static void observe_on_due(void *ctx)
{
    struct observations *all = ctx;
    for (struct observation *one = all->first; one && all->fleet->streams.ready; one = one->next) {
        observe_set_key(one);
        observe_say(one, one->begun ? "renew" : "begin");
    }
    loop_timer_set(all->loop, &all->timer, all->loop->now + OBSERVE_RENEW_MS);
}

/* A TeleClaude daemon does not push its sessions: those of observed ones are pulled often. */
static void observe_on_pull_due(void *ctx)
{
    struct observations *all = ctx;
    int foreign = 0;
    for (const struct observation *one = all->first; one; one = one->next) {
        struct roster_peer *peer = roster_find(all->fleet, span_of(one->computer));
        foreign |= !one->telec;
        if (!one->telec && peer && !peer->pulling)
            pull_unpushed(peer);
    }
    if (foreign)
        loop_timer_set(all->loop, &all->pull_timer, all->loop->now + OBSERVE_PULL_MS);
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
static int observe_follows(struct observation *one, const struct observe_piece *piece)
{
    long long n = 0;
    int numbered = span_int(piece->number.text, &n);
    if (!one->telec || piece->snapshot.type != RESP_NONE ||
        (one->begun && numbered && n == one->number + 1)) {
        one->number = n;
        one->begun = 1;
        return 1;
    }
    if (one->begun) /* pieces are missing */
        observe_say(one, "begin");
    one->begun = 0;
    return 0;
}

static void observe_on_entry(struct streams_stream *s, struct codec_id id,
                             const struct resp *fields)
{
    struct observation *one = s->owner;
    struct observe_piece piece = observe_read(fields);
    int cols, rows;
    (void)id;
    if (!observe_follows(one, &piece))
        return;
    if (!one->base.hooks || one->paused)
        return;
    if (frame_parse_size(piece.size.text, &cols, &rows))
        one->base.hooks->on_size(one->base.ctx, cols, rows);
    if (one->base.hooks && piece.chunk.text.n)
        one->base.hooks->on_output(one->base.ctx, piece.chunk.text,
                                 piece.snapshot.type != RESP_NONE);
}

static void observe_on_end_known(void *ctx, const struct resp *reply)
{
    struct observation *one = ctx;
    one->calls--;
    if (!one->link) {
        observe_free(one);
        return;
    }
    if (!reply) {
        observe_end(one, "the connection to Redis was lost");
        return;
    }
    one->stream.at = streams_last_id(reply);
    streams_stream_open(&one->owner->fleet->streams, &one->stream);
}

/* Output that came while the stream was paused is in the snapshot of a new begin. */
static void observe_pause(struct stream *s, int paused)
{
    struct observation *one = (struct observation *)s;
    int resumes = one->paused && !paused;
    one->paused = paused;
    if (!resumes)
        return;
    one->begun = 0;
    if (one->link)
        observe_say(one, "begin");
}

static void observe_close(struct stream *s)
{
    struct observation *one = (struct observation *)s;
    int others = 0;
    for (struct observation *other = one->owner->first; other; other = other->next)
        others += other != one && strcmp(other->id, one->id) == 0;
    if (one->link && one->asked) {
        streams_cancel(one->asked);
        one->asked = NULL;
    }
    if (one->link && !others)
        observe_say(one, "end");
    observe_stop(one);
    observe_free(one);
}

static const struct stream_source observe_source = {observe_pause, observe_close};

static struct stream *observe_open(struct observations *all, const char *computer, const char *id,
                                   const struct stream_hooks *hooks, void *ctx)
{
    struct roster_peer *peer = roster_find(all->fleet, span_of(computer));
    if (!peer || !all->fleet->streams.ready)
        return NULL;
    struct observation *one = base_alloc(sizeof *one);
    one->owner = all;
    one->computer = span_dup(span_of(computer));
    one->id = span_dup(span_of(id));
    one->base = (struct stream){&observe_source, hooks, ctx, NULL};
    one->telec = peer->beat.telec[0] != '\0';
    one->stream = (struct streams_stream){
        .key = streams_key(STREAMS_OUTPUT_KEY, id), .owner = one, .on_entry = observe_on_entry};
    one->end = (struct loop_task){.fn = observe_on_end, .ctx = one};
    LIST_PUSH(&all->first, one);
    if (!all->timer.slot)
        loop_timer_set(all->loop, &all->timer, all->loop->now + OBSERVE_RENEW_MS);
    if (!one->telec && !all->pull_timer.slot)
        loop_timer_set(all->loop, &all->pull_timer, all->loop->now + OBSERVE_PULL_MS);
    one->calls = streams_find_end(&all->fleet->streams, one->stream.key, observe_on_end_known, one);
    if (!one->calls || !observe_say(one, "begin")) {
        stream_close(&one->base);
        return NULL;
    }
    observe_set_key(one);
    return &one->base;
}

static void observe_init(struct observations *all, struct loop *l, struct fleet *fleet)
{
    *all = (struct observations){.loop = l, .fleet = fleet};
    all->timer = (struct loop_timer){.fn = observe_on_due, .ctx = all};
    all->pull_timer = (struct loop_timer){.fn = observe_on_pull_due, .ctx = all};
    fleet->on_gone = observe_on_gone;
    fleet->gone_ctx = all;
}
