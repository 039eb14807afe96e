#include "fleet.h"

/* roster - the other computers and their sessions: a hash table by name, and a list in the order
 * they were first heard.
 *
 * Sessions of other computers stand in the cache. Of two states of a session the one counts that
 * Redis took later; last_activity does not matter: a computer's clock may be set back. A computer
 * is believed about its own sessions only: nothing is passed on for others. */

/* ---- computers ------------------------------------------------------------------------------ */

static struct roster_peer **roster_bucket(struct fleet *f, span name)
{
    return &f->buckets[span_hash(name) % ROSTER_BUCKETS];
}

static struct roster_peer *roster_find(const struct fleet *f, span computer)
{
    struct roster_peer *peer = f->streams.on ? *roster_bucket((struct fleet *)f, computer) : NULL;
    while (peer && !span_eq(computer, peer->beat.name))
        peer = peer->next_same;
    return peer;
}

static void roster_put_counters(const struct roster_peer *peer, buf *b)
{
    json_field_int(b, "events_in", peer->events_in);
    json_field_int(b, "events_out", peer->events_out);
    json_field_int(b, "coalesced", peer->coalesced);
    json_field_int(b, "dropped", peer->dropped);
    json_field_int(b, "lag_ms", peer->lag_ms);
    json_field_int(b, "skew_s", (peer->skew_ms + (peer->skew_ms < 0 ? -500 : 500)) / 1000);
}

static void roster_put_peer(const struct roster_peer *peer, buf *b)
{
    json_open(b, '{');
    json_field_string(b, "name", peer->beat.name);
    json_field_string(b, "status", peer->stale ? "stale" : "online");
    json_field_string(b, "user", peer->beat.user[0] ? peer->beat.user : NULL);
    json_field_string(b, "host", peer->beat.host[0] ? peer->beat.host : NULL);
    json_field_string(b, "telec", peer->beat.telec[0] ? peer->beat.telec : NULL);
    if (!peer->beat.telec[0] && peer->pulled_at)
        json_field_time(b, "sessions_at",
                        clock_wall_ms() - (peer->fleet->loop->now - peer->pulled_at));
    roster_put_counters(peer, b);
    json_close(b, '}');
}

static const char *roster_why(const struct fleet *f)
{
    const char *why = f->refusal[0] ? f->refusal : streams_weakest(&f->streams)->why;
    return *why ? why : NULL;
}

static void roster_put_self(const struct fleet *f, buf *b)
{
    const struct config *c = f->config;
    int links = f->streams.ready && streams_weakest(&f->streams)->state == REDIS_READY;
    json_open(b, '{');
    json_field_string(b, "name", c->computer);
    json_field_string(b, "status", "online");
    json_field_string(b, "user", config_user(c));
    json_field_string(b, "host", c->host);
    if (f->streams.on)
        json_field_string(b, "redis", links ? "ready" : "reconnecting");
    if (f->streams.on && roster_why(f))
        json_field_string(b, "redis_why", roster_why(f));
    if (f->clash_at)
        json_field_string(b, "warning", "another computer has the same name");
    json_close(b, '}');
}

static void roster_put_computers(const struct fleet *f, buf *b)
{
    roster_put_self(f, b);
    for (const struct roster_peer *peer = f->first; peer; peer = peer->next)
        roster_put_peer(peer, b);
}

static void roster_publish(struct fleet *f, unsigned topics, const char *event, span data)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "event", event);
    json_field_raw(&b, "data", data);
    json_close(&b, '}');
    cache_publish(f->cache, topics, buf_view(&b));
    buf_free(&b);
}

static void roster_publish_peer(struct roster_peer *peer)
{
    buf b = {0};
    roster_put_peer(peer, &b);
    roster_publish(peer->fleet, CACHE_SESSIONS | CACHE_PREPARATION, "computer_updated",
                  buf_view(&b));
    buf_free(&b);
}

static void roster_publish_self(struct fleet *f)
{
    buf b = {0};
    roster_put_self(f, &b);
    roster_publish(f, CACHE_SESSIONS | CACHE_PREPARATION, "computer_updated", buf_view(&b));
    buf_free(&b);
}

static void roster_begin_life(struct roster_peer *peer)
{
    peer->life = ++peer->fleet->lives;
    peer->pulling = peer->pull_again = peer->preparing = 0;
}

static struct roster_peer *roster_add(struct fleet *f, const struct codec_heartbeat *beat)
{
    struct roster_peer *peer = base_alloc(sizeof *peer);
    struct roster_peer **bucket = roster_bucket(f, span_of(beat->name));
    peer->fleet = f;
    peer->beat = *beat;
    peer->beat_at = f->loop->now;
    roster_begin_life(peer);
    peer->next_same = *bucket;
    *bucket = peer;
    LIST_PUSH(f->last, peer);
    f->last = &peer->next;
    f->count++;
    log_line(LOG_INFO, "computer %s: online", beat->name);
    return peer;
}

static void roster_free_projects(struct roster_project *projects, int count)
{
    for (int i = 0; i < count; i++) {
        struct roster_project *one = &projects[i];
        free(one->path), free(one->name), free(one->description), free(one->todos);
    }
    free(projects);
}

static void roster_free_peer(struct roster_peer *peer)
{
    struct fleet *f = peer->fleet;
    struct roster_peer **at = roster_bucket(f, span_of(peer->beat.name));
    while (*at != peer)
        at = &(*at)->next_same;
    *at = peer->next_same;
    if (!peer->next)
        f->last = peer->link;
    LIST_REMOVE(peer);
    f->count--;
    roster_free_projects(peer->projects, peer->project_count);
    buf_free(&peer->text);
    free(peer);
}

static void roster_tell_gone(struct fleet *f, const char *computer, const char *id, const char *why)
{
    if (f->on_gone)
        f->on_gone(f->remote_ctx, computer, id, why);
}

static void roster_tell_link(struct fleet *f, const char *computer)
{
    if (f->on_link)
        f->on_link(f->remote_ctx, computer);
}

static void roster_remove(struct roster_peer *peer)
{
    struct fleet *f = peer->fleet;
    buf b = {0};
    for (size_t i = 0; i < f->cache->places; i++) {
        const struct cache_session *s = f->cache->sessions[i];
        if (s && strcmp(s->computer, peer->beat.name) == 0)
            cache_remove(f->cache, s->id);
    }
    log_line(LOG_INFO, "computer %s: gone", peer->beat.name);
    roster_tell_gone(f, peer->beat.name, NULL, "the computer has gone");
    json_open(&b, '{');
    json_field_string(&b, "name", peer->beat.name);
    json_close(&b, '}');
    roster_free_peer(peer);
    roster_publish(f, CACHE_SESSIONS | CACHE_PREPARATION, "computer_removed", buf_view(&b));
    buf_free(&b);
}

static void roster_free(struct fleet *f)
{
    while (f->first)
        roster_free_peer(f->first);
}

/* ---- their sessions ------------------------------------------------------------------------- */

static struct roster_session *roster_data(const struct fleet *f, const struct cache_session *s)
{
    return cache_data(s, f->cache_place);
}

/* Was the session removed after `at`? */
static int roster_was_removed(const struct roster_peer *peer, const char *id, struct codec_id at)
{
    for (int i = 0; i < ROSTER_REMOVED_MAX; i++)
        if (strcmp(peer->removed[i].id, id) == 0 && codec_compare_ids(peer->removed[i].at, at) > 0)
            return 1;
    return 0;
}

static int roster_put_session(struct roster_peer *peer, const struct codec_session *told,
                              struct codec_id at, int listed)
{
    struct fleet *f = peer->fleet;
    struct cache_session *s = cache_find(f->cache, told->id);
    buf object = {0};
    if (s && strcmp(s->computer, peer->beat.name) != 0) {
        struct roster_peer *other = roster_find(f, span_of(s->computer));
        if (!listed || !other)
            return 0;
        cache_remove(f->cache, told->id);
        s = NULL;
    }
    const struct roster_session *old = s ? roster_data(f, s) : NULL;
    if (old && codec_compare_ids(at, old->at) < 0)
        return 0;
    if (!s && (peer->sessions >= ROSTER_SESSIONS_MAX || roster_was_removed(peer, told->id, at)))
        return 0;
    codec_put_session(&object, told->object, peer->beat.name);
    span json = buf_view(&object);
    peer->sessions += s == NULL;
    s = cache_put(f->cache, told->id, peer->beat.name, &json, 1, f->loop->now);
    buf_free(&object);
    *roster_data(f, s) = (struct roster_session){.at = at, .listed = f->listing};
    return 1;
}

static void roster_on_removed(struct fleet *f, const struct cache_session *s)
{
    struct roster_peer *peer = roster_find(f, span_of(s->computer));
    if (peer)
        peer->sessions--;
}

static void roster_drop_session(struct roster_peer *peer, const char *id)
{
    roster_tell_gone(peer->fleet, peer->beat.name, id, "the session has ended");
    cache_remove(peer->fleet->cache, id);
}

static void roster_note_removal(struct roster_peer *peer, const char *id, struct codec_id at)
{
    const struct cache_session *s = cache_find(peer->fleet->cache, id);
    int place = peer->removed_next++ % ROSTER_REMOVED_MAX;
    base_copy(peer->removed[place].id, sizeof peer->removed[place].id, id);
    peer->removed[place].at = at;
    peer->removed_next %= ROSTER_REMOVED_MAX;
    if (s && strcmp(s->computer, peer->beat.name) == 0 &&
        codec_compare_ids(at, roster_data(peer->fleet, s)->at) >= 0)
        roster_drop_session(peer, id);
}
