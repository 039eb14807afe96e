#include "fleet.h"

/* peers - the other computers of the fleet: protocol.md section 3, the live part.
 *
 * Without local subscribers there are only heartbeats. When a topic gains interest, in this order
 * on one connection: the end of our event stream is noted, the heartbeat says what we want, all
 * others are asked for what they have. So every event that is not in an answer is read after it,
 * and of two states of a session the one that Redis took later counts, unless it says itself that
 * it is older.
 *
 * What peers do to sessions here is handed to hooks; what they say is put into the cache, which
 * tells the local clients. Only events of this computer's own sessions are sent, and only those of
 * the sender's own are taken: nothing is passed on. */

#define PEERS_PRESENCE "telec:presence"
#define PEERS_EVENTS_KEPT 100 /* the same of events */
/* as many at once, and some may have been cut off: everything is asked for anew */
#define PEERS_EVENTS_SUSPECT (PEERS_EVENTS_KEPT - 10)
#define PEERS_REPULL_MS 5000 /* at most so often for that reason */
#define PEERS_FAILURES_MAX 3           /* and as often when there is no usable answer */
#define PEERS_FLYING_MAX 512 /* events without an answer; past it they wait */
#define PEERS_CURSOR_MS 1000 /* until a cursor that can wait is written */
#define PEERS_CURSOR_FILE "requests.cursor"
#define PEERS_LOST_MAX 256         /* removals remembered while there is no connection */
#define PEERS_TEXT_MAX (16 * 1024) /* bytes of a heartbeat */
#define PEERS_PAGES_MAX 100000     /* of one SCAN */
#define PEERS_LOOK_MS 200          /* between two looks at keys of those who speak */
#define PEERS_FRESH_MS 300000      /* projects and todos are asked for again after this */
#define PEERS_FLUSH_GRAIN_MS 5

#define PEERS_EVENTS_KEY "session_events:"

/* ---- the table ------------------------------------------------------------------------------ */

static struct peers_peer **roster_bucket(struct peers *p, span name)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < name.n; i++)
        h = (h ^ (unsigned char)name.p[i]) * 16777619u;
    return &p->buckets[h % PEERS_BUCKETS];
}

static struct peers_peer *roster_find(const struct peers *p, span computer)
{
    struct peers_peer *peer = p->link.on ? *roster_bucket((struct peers *)p, computer) : NULL;
    while (peer && !span_eq(computer, peer->beat.name))
        peer = peer->next_same;
    return peer;
}

static void roster_put_peer(const struct peers_peer *peer, buf *b)
{
    json_open(b, '{');
    json_field_string(b, "name", peer->beat.name);
    json_field_string(b, "status", peer->stale ? "stale" : "online");
    json_field_string(b, "user", peer->beat.user[0] ? peer->beat.user : NULL);
    json_field_string(b, "host", peer->beat.host[0] ? peer->beat.host : NULL);
    json_field_string(b, "telec", peer->beat.telec[0] ? peer->beat.telec : NULL);
    json_close(b, '}');
}

static void roster_put_self(const struct peers *p, buf *b)
{
    const struct config *c = p->config;
    json_open(b, '{');
    json_field_string(b, "name", c->computer);
    json_field_string(b, "status", "online");
    json_field_string(b, "user", config_user(c));
    json_field_string(b, "host", c->host);
    if (p->link.on)
        json_field_string(b, "redis", p->link.ready ? "ready" : "reconnecting");
    if (p->clash_at)
        json_field_string(b, "warning", "another computer has the same name");
    json_close(b, '}');
}

static void roster_put_computers(const struct peers *p, buf *b)
{
    roster_put_self(p, b);
    for (const struct peers_peer *peer = p->first; peer; peer = peer->next)
        roster_put_peer(peer, b);
}

/* An event whose data was made by `put`, or is the one member given. */
static void roster_publish(struct peers *p, unsigned topics, const char *event, span data)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "event", event);
    json_key(&b, "data");
    json_put_raw(&b, data);
    json_close(&b, '}');
    cache_publish(p->cache, topics, buf_view(&b));
    buf_free(&b);
}

static void roster_publish_peer(struct peers_peer *peer)
{
    buf b = {0};
    roster_put_peer(peer, &b);
    roster_publish(peer->peers, CACHE_SESSIONS | CACHE_PREPARATION, "computer_updated",
                  buf_view(&b));
    buf_free(&b);
}

static void roster_publish_self(struct peers *p)
{
    buf b = {0};
    roster_put_self(p, &b);
    roster_publish(p, CACHE_SESSIONS | CACHE_PREPARATION, "computer_updated", buf_view(&b));
    buf_free(&b);
}

/* What it was asked before is not answered any more, or is not waited for. */
static void roster_begin_life(struct peers_peer *peer)
{
    peer->life = ++peer->peers->lives;
    peer->pulling = peer->pull_again = peer->preparing = 0;
}

static struct peers_peer *roster_new_peer(struct peers *p, const struct codec_heartbeat *beat)
{
    struct peers_peer *peer = base_alloc(sizeof *peer);
    struct peers_peer **bucket = roster_bucket(p, span_of(beat->name));
    peer->peers = p;
    peer->beat = *beat;
    peer->beat_at = p->loop->now;
    roster_begin_life(peer);
    peer->next_same = *bucket;
    *bucket = peer;
    LIST_PUSH(p->last, peer);
    p->last = &peer->next;
    p->count++;
    log_line(LOG_INFO, "computer %s is there", beat->name);
    return peer;
}

static void roster_free_projects(struct peers_peer *peer)
{
    for (int i = 0; i < peer->project_count; i++) {
        struct peers_project *project = &peer->projects[i];
        free(project->path), free(project->name), free(project->description), free(project->todos);
    }
    free(peer->projects);
    peer->projects = NULL;
    peer->project_count = 0;
}

static void roster_free_peer(struct peers_peer *peer)
{
    struct peers *p = peer->peers;
    struct peers_peer **at = roster_bucket(p, span_of(peer->beat.name));
    while (*at != peer)
        at = &(*at)->next_same;
    *at = peer->next_same;
    if (!peer->next)
        p->last = peer->link;
    LIST_REMOVE(peer);
    p->count--;
    roster_free_projects(peer);
    buf_free(&peer->text);
    free(peer);
}

/* id: a session; NULL: the computer. */
static void roster_tell_gone(struct peers *p, const char *computer, const char *id, const char *why)
{
    if (p->on_gone)
        p->on_gone(p->gone_ctx, computer, id, why);
}

/* It has gone, and what it had with it. */
static void roster_remove_peer(struct peers_peer *peer)
{
    struct peers *p = peer->peers;
    buf b = {0};
    for (size_t i = 0; i < p->cache->places; i++) {
        const struct cache_session *s = p->cache->sessions[i];
        if (s && strcmp(s->computer, peer->beat.name) == 0)
            cache_remove(p->cache, s->id);
    }
    log_line(LOG_INFO, "computer %s has gone", peer->beat.name);
    roster_tell_gone(p, peer->beat.name, NULL, "the computer has gone");
    json_open(&b, '{');
    json_field_string(&b, "name", peer->beat.name);
    json_close(&b, '}');
    roster_free_peer(peer);
    roster_publish(p, CACHE_SESSIONS | CACHE_PREPARATION, "computer_removed", buf_view(&b));
    buf_free(&b);
}

