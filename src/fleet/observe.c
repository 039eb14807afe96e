#include "fleet.h"

/* observe - viewing sessions of TeleClaude computers (doc/protocol.md, section 3). A key says that
 * a session is observed: that daemon then writes its output to a stream. */

struct observe_stream {
    struct stream base;     /* the first member: see struct stream */
    struct observe_stream *next, **link;
    struct observations *owner;
    char *computer, *id;
    struct streams_stream stream;
    int calls;              /* commands in flight: the memory must last */
    int paused;             /* output is omitted */
    struct loop_task end;   /* calls on_end from the loop, never from within the owner's call */
    char why[200];
};

static void observe_free(struct observe_stream *one)
{
    if (one->calls || one->base.hooks || one->link)
        return;
    loop_task_cancel(one->owner->loop, &one->end);
    free(one->computer);
    free(one->id);
    free(one);
}

/* Reads nothing any more. */
static void observe_stop(struct observe_stream *one)
{
    struct observations *all = one->owner;
    if (!one->link)
        return;
    LIST_REMOVE(one);
    streams_stream_free(&all->fleet->streams, &one->stream);
    if (all->first)
        return;
    loop_timer_cancel(all->loop, &all->timer);
    loop_timer_cancel(all->loop, &all->pull_timer);
}

static void observe_on_end(void *ctx)
{
    struct observe_stream *one = ctx;
    const struct stream_hooks *hooks = one->base.hooks;
    one->base.hooks = NULL;
    if (hooks)
        hooks->on_end(one->base.ctx, one->why);
    observe_free(one);
}

static void observe_end(struct observe_stream *one, const char *why)
{
    base_copy(one->why, sizeof one->why, why);
    observe_stop(one);
    loop_defer(one->owner->loop, &one->end);
}

static void observe_on_gone(struct observations *all, const char *computer, const char *id,
                            const char *why)
{
    for (struct observe_stream *one = all->first, *next; one; one = next) {
        next = one->next;
        if (strcmp(one->computer, computer) == 0 && (!id || strcmp(one->id, id) == 0))
            observe_end(one, why);
    }
}

static void observe_set_key(struct observe_stream *one)
{
    struct fleet *f = one->owner->fleet;
    buf key = {0}, value = {0};
    char ttl[16], started[32];
    buf_fmt(&key, "%sobservation:%s:%s", streams_prefix(&f->streams), one->computer, one->id);
    json_open(&value, '{');
    json_field_string(&value, "observer", f->config->computer);
    json_key(&value, "started_at"); /* in seconds, as TeleClaude writes it */
    streams_put_time(started);
    buf_str(&value, started);
    json_close(&value, '}');
    base_fmt(ttl, sizeof ttl, "%d", OBSERVE_TTL_S);
    const char *const set[] = {"SETEX", buf_cstr(&key), ttl, buf_cstr(&value), NULL};
    streams_call(&f->streams, set, NULL, NULL);
    buf_free(&key);
    buf_free(&value);
}

static void observe_on_due(void *ctx)
{
    struct observations *all = ctx;
    for (struct observe_stream *one = all->first; one && all->fleet->streams.ready; one = one->next)
        observe_set_key(one);
    loop_timer_in(all->loop, &all->timer, OBSERVE_RENEW_MS);
}

/* A TeleClaude daemon does not push its sessions: those of observed ones are pulled often. */
static void observe_on_pull_due(void *ctx)
{
    struct observations *all = ctx;
    for (const struct observe_stream *one = all->first; one; one = one->next) {
        struct roster_peer *peer = roster_find(all->fleet, span_of(one->computer));
        if (peer && !peer->pulling)
            pull_unpushed(peer);
    }
    loop_timer_in(all->loop, &all->pull_timer, OBSERVE_PULL_MS);
}

static void observe_on_entry(struct streams_stream *s, struct codec_id id,
                             const struct resp *fields)
{
    struct observe_stream *one = s->owner;
    span chunk = codec_field(fields, "chunk");
    (void)id;
    if (one->base.hooks && !one->paused && chunk.n)
        one->base.hooks->on_output(one->base.ctx, chunk, 0);
}

static void observe_on_end_known(void *ctx, const struct resp *reply)
{
    struct observe_stream *one = ctx;
    one->calls--;
    if (!one->link) {
        observe_free(one);
    } else if (!reply) {
        observe_end(one, "the connection to Redis was lost");
    } else {
        one->stream.at = streams_last_id(reply);
        streams_stream_open(&one->owner->fleet->streams, &one->stream);
    }
}

static void observe_pause(struct stream *s, int paused)
{
    ((struct observe_stream *)s)->paused = paused;
}

static void observe_close(struct stream *s)
{
    struct observe_stream *one = (struct observe_stream *)s;
    observe_stop(one);
    observe_free(one);
}

static const struct stream_source observe_source = {.pause = observe_pause,
                                                    .close = observe_close};

static struct stream *observe_open(struct observations *all, const char *computer, const char *id,
                                   const struct stream_hooks *hooks, void *ctx)
{
    struct observe_stream *one = base_alloc(sizeof *one);
    one->owner = all;
    one->computer = base_dup(computer);
    one->id = base_dup(id);
    one->base = (struct stream){.source = &observe_source, .hooks = hooks, .ctx = ctx};
    one->stream = (struct streams_stream){
        .key = streams_key(&all->fleet->streams, STREAMS_OUTPUT_KEY, id),
        .owner = one, .on_entry = observe_on_entry};
    one->end = (struct loop_task){.fn = observe_on_end, .ctx = one};
    LIST_PUSH(&all->first, one);
    if (!all->timer.slot)
        loop_timer_in(all->loop, &all->timer, OBSERVE_RENEW_MS);
    if (!all->pull_timer.slot)
        loop_timer_in(all->loop, &all->pull_timer, OBSERVE_PULL_MS);
    one->calls = streams_find_end(&all->fleet->streams, one->stream.key, observe_on_end_known, one);
    if (!one->calls) {
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
}
