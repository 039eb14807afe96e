#include "fleet.h"

/* ---- sessions of others --------------------------------------------------------------------- */

static void events_flush(void *ctx)
{
    struct peers *p = ctx;
    long long next = cache_flush(p->cache, p->loop->now);
    if (next >= 0)
        loop_timer_set(p->loop, &p->flush_timer, next + PEERS_FLUSH_GRAIN_MS);
}

/* Was it removed after Redis took what says that it is there? */
static int events_was_removed(const struct peers_peer *peer, const char *id, struct codec_id at)
{
    for (int i = 0; i < PEERS_REMOVED_MAX; i++)
        if (strcmp(peer->removed[i].id, id) == 0 && codec_compare_ids(peer->removed[i].at, at) > 0)
            return 1;
    return 0;
}

static struct codec_id events_stamp(const struct cache_session *s)
{
    return (struct codec_id){s->order[0], s->order[1]};
}

/* What peer says of its session, as Redis took it at `at`, into the cache, unless what is known is
 * newer. listed: it is in the list of all that it has, which is to be believed over events. 0: not
 * taken. */
static int events_take_session(struct peers_peer *peer, const struct codec_session *told,
                              struct codec_id at, int listed)
{
    struct peers *p = peer->peers;
    struct cache_session *s = cache_find(p->cache, told->id);
    buf object = {0};
    if (s && strcmp(s->computer, peer->beat.name) != 0) {
        struct peers_peer *other = roster_find(p, span_of(s->computer));
        if (!listed || !other)
            return 0;
        cache_remove(p->cache, told->id);
        s = NULL;
    }
    if (s && (told->activity < s->activity || codec_compare_ids(at, events_stamp(s)) < 0))
        return 0;
    if (!s && (peer->sessions >= PEERS_SESSIONS_MAX || events_was_removed(peer, told->id, at)))
        return 0;
    codec_put_session(&object, told->object, peer->beat.name);
    span json = buf_view(&object);
    peer->sessions += s == NULL;
    s = cache_put(p->cache, told->id, peer->beat.name, &json, 1, p->loop->now);
    buf_free(&object);
    s->activity = told->activity;
    s->order[0] = at.ms;
    s->order[1] = at.seq;
    s->listed = p->listing;
    if (!p->flush_timer.slot)
        events_flush(p);
    return 1;
}

static void events_drop_session(struct peers_peer *peer, const char *id)
{
    roster_tell_gone(peer->peers, peer->beat.name, id, "the session has ended");
    cache_remove(peer->peers->cache, id);
}

static void events_take_removal(struct peers_peer *peer, const char *id, struct codec_id at)
{
    const struct cache_session *s = cache_find(peer->peers->cache, id);
    int place = peer->removed_next++ % PEERS_REMOVED_MAX;
    snprintf(peer->removed[place].id, sizeof peer->removed[place].id, "%s", id);
    peer->removed[place].at = at;
    peer->removed_next %= PEERS_REMOVED_MAX;
    if (s && strcmp(s->computer, peer->beat.name) == 0 &&
        codec_compare_ids(at, events_stamp(s)) >= 0)
        events_drop_session(peer, id);
}

static void pull_sessions(struct peers_peer *peer);
static void pull_projects(struct peers_peer *peer);
static void presence_on_heartbeats(void *ctx, const struct resp *reply);

/* Of a computer that has just said something: is it there, what is it interested in? */
static void events_look_at(struct peers *p, span computer)
{
    char *name = span_dup(computer);
    buf key = {0};
    if (codec_name_is_good(span_of(name)) && strcmp(name, p->config->computer) != 0 &&
        p->loop->now >= p->looked_at + PEERS_LOOK_MS) {
        p->looked_at = p->loop->now;
        codec_put_key(&key, name);
        const char *const look[] = {"MGET", buf_cstr(&key), NULL};
        streams_call(&p->link, look, presence_on_heartbeats, p);
    }
    buf_free(&key);
    free(name);
}

/* Everybody whose events may have been cut off is asked for everything, once the storm is over. */
static void events_repull(void *ctx)
{
    struct peers *p = ctx;
    for (struct peers_peer *peer = p->first; peer; peer = peer->next)
        if (peer->suspect) {
            peer->suspect = 0;
            if (p->interest & CACHE_SESSIONS)
                pull_sessions(peer);
        }
}

static void events_suspect(struct peers_peer *peer)
{
    struct peers *p = peer->peers;
    if (peer->suspect)
        return;
    peer->suspect = 1;
    if (!p->pull_timer.slot)
        loop_timer_set(p->loop, &p->pull_timer, p->loop->now + PEERS_REPULL_MS);
}

static void events_take_event(struct streams_stream *s, struct codec_id id, const struct resp *fields)
{
    struct peers *p = s->owner;
    struct resp_iter it = resp_iter(fields);
    struct resp key, value, payload = {0};
    struct codec_event event;
    const char *why;
    while (resp_next_pair(&it, &key, &value))
        if (span_eq(key.text, "payload"))
            payload = value;
    if (!codec_parse_event(payload.text, &event, &why)) {
        streams_complain(&p->link, "an event", span_of(event.source), why);
        return;
    }
    struct peers_peer *peer = roster_find(p, span_of(event.source));
    if (!peer) { /* our own name, or a computer that has gone, or that is new */
        events_look_at(p, span_of(event.source));
        return;
    }
    struct json owner = json_get(event.session.object, "computer");
    peer->events_in++;
    peer->lag_ms = clock_mono_ms() + p->link.clock - (long long)id.ms;
    if (p->link.batch >= PEERS_EVENTS_SUSPECT)
        events_suspect(peer);
    if (event.removed)
        events_take_removal(peer, event.session.id, id);
    else if ((owner.type == JSON_STRING && !json_text_eq(owner, peer->beat.name)) ||
             !events_take_session(peer, &event.session, id, 0))
        peer->dropped++; /* an echo of somebody else's, or old */
}

