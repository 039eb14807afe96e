#include "fleet.h"

/* ---- heartbeats ----------------------------------------------------------------------------- */

/* A heartbeat with our name that we did not write. */
static void presence_hear_self(struct peers *p, const struct codec_heartbeat *h)
{
    if (strncmp(h->instance, p->run, sizeof p->run - 1) == 0)
        return; /* ours, of an earlier connection */
    if (!p->clash_at) {
        p->clash_at = p->loop->now;
        roster_publish_self(p);
        log_line(LOG_ERROR,
                 "another computer (%s) calls itself %s, too: give one of them another "
                 "name ([computer] name)",
                 h->host[0] ? h->host : "host unknown", h->name);
    }
    p->clash_at = p->loop->now;
}

static int presence_is_shown_anew(const struct peers_peer *peer, const struct codec_heartbeat *h)
{
    return peer->stale || strcmp(peer->beat.user, h->user) != 0 ||
           strcmp(peer->beat.host, h->host) != 0 || strcmp(peer->beat.telec, h->telec) != 0;
}

static void presence_check(struct peers_peer *peer);

/* A heartbeat, read from its key or announced. */
static void presence_hear(struct peers *p, span text)
{
    struct codec_heartbeat h;
    const char *why;
    if (text.n == p->beat.n && memcmp(text.p, p->beat.p, text.n) == 0)
        return;
    if (text.n > PEERS_TEXT_MAX || !codec_parse_heartbeat(text, &h, &why)) {
        streams_complain(&p->link, "a heartbeat", text, text.n > PEERS_TEXT_MAX ? "too long" : why);
        return;
    }
    if (strcmp(h.name, p->config->computer) == 0) {
        presence_hear_self(p, &h);
        return;
    }
    struct peers_peer *peer = roster_find(p, span_of(h.name));
    if (h.leaving) {
        if (peer)
            roster_remove_peer(peer);
        return;
    }
    if (!peer && p->count >= PEERS_MAX) {
        streams_complain(&p->link, "a heartbeat", span_of(h.name), "there are too many computers");
        return;
    }
    int is_new = !peer;
    if (is_new)
        peer = roster_new_peer(p, &h);
    else if (text.n == peer->text.n && memcmp(text.p, peer->text.p, text.n) == 0)
        return;
    if (!h.telec[0]) { /* it does not say who and where it is; it was asked */
        memcpy(h.user, peer->user, sizeof h.user);
        memcpy(h.host, peer->host, sizeof h.host);
    }
    int shown = is_new || presence_is_shown_anew(peer, &h);
    int restarted = !is_new && h.telec[0] && strcmp(peer->beat.instance, h.instance) != 0;
    buf_clear(&peer->text);
    buf_span(&peer->text, text);
    peer->beat = h;
    peer->beat_at = p->loop->now;
    peer->stale = 0;
    if (shown)
        roster_publish_peer(peer);
    if (is_new) /* the key's time to live says how old it is */
        presence_check(peer);
    if (restarted)
        roster_begin_life(peer);
    if (is_new || restarted)
        pull_all(peer, p->interest);
}

/* ---- who is there --------------------------------------------------------------------------- */

struct presence_check {
    struct peers *peers;
    char *computer;
    int there;
};

/* How long its heartbeat is old, by Redis's clock where the key tells. */
static void presence_judge(struct peers_peer *peer, int there, long long ttl)
{
    struct peers *p = peer->peers;
    long long now = p->loop->now, age = now - peer->beat_at, by_key = PEERS_GONE_MS - ttl;
    int was_stale = peer->stale;
    if (there && ttl >= 0 && by_key >= 0)
        peer->beat_at = now - (age = by_key);
    if (!there && age >= PEERS_GONE_MS) {
        roster_remove_peer(peer);
        return;
    }
    peer->stale = age >= PEERS_STALE_MS;
    if (peer->stale != was_stale)
        roster_publish_peer(peer);
}

static void presence_look_late(struct peers *p);

static void presence_on_ttl(void *ctx, const struct resp *reply)
{
    struct presence_check *check = ctx;
    struct peers *p = check->peers;
    struct peers_peer *peer = roster_find(p, span_of(check->computer));
    if (peer)
        peer->checking = 0;
    if (peer && reply && reply->type == RESP_INTEGER)
        presence_judge(peer, check->there, reply->integer);
    free(check->computer);
    free(check);
    presence_look_late(p);
}

static void presence_on_key(void *ctx, const struct resp *reply)
{
    struct presence_check *check = ctx;
    check->there = reply && reply->type == RESP_TEXT;
    if (check->there)
        presence_hear(check->peers, reply->text);
}

static void presence_check(struct peers_peer *peer)
{
    struct peers *p = peer->peers;
    buf key = {0};
    if (peer->checking)
        return;
    struct presence_check *check = base_alloc(sizeof *check);
    *check = (struct presence_check){p, span_dup(span_of(peer->beat.name)), 0};
    codec_put_key(&key, peer->beat.name);
    const char *const get[] = {"GET", buf_cstr(&key), NULL}, *const ttl[] = {"PTTL", key.p, NULL};
    peer->checking = streams_call(&p->link, get, presence_on_key, check) &&
                     streams_call(&p->link, ttl, presence_on_ttl, check);
    if (!peer->checking) {
        free(check->computer);
        free(check);
    }
    buf_free(&key);
}

/* Looks at the keys of those that have not been heard for long, and when to look again. */
static void presence_look_late(struct peers *p)
{
    long long next = 0, now = p->loop->now;
    for (struct peers_peer *peer = p->first; peer && p->link.ready; peer = peer->next) {
        long long due = peer->beat_at + (peer->stale ? PEERS_GONE_MS : PEERS_STALE_MS);
        if (due <= now && !peer->checking) {
            presence_check(peer);
            due = now + 5000; /* a key that never expires is looked at now and then */
        }
        next = !next || due < next ? due : next;
    }
    if (next && p->interest)
        loop_timer_set(p->loop, &p->late_timer, next > now ? next : now + 1000);
    else
        loop_timer_cancel(p->loop, &p->late_timer);
}

static void presence_on_late(void *ctx)
{
    presence_look_late(ctx);
}

static void presence_on_heartbeats(void *ctx, const struct resp *reply)
{
    struct resp_iter it = resp_iter(reply ? reply : &(struct resp){0});
    struct resp value;
    while (resp_next(&it, &value))
        if (value.type == RESP_TEXT)
            presence_hear(ctx, value.text);
}

static void presence_scan(struct peers *p, const char *cursor);

static void presence_on_scanned(void *ctx, const struct resp *reply)
{
    struct peers *p = ctx;
    struct resp_iter it = resp_iter(reply ? reply : &(struct resp){0});
    struct resp cursor, keys, key;
    buf b = {0};
    size_t count = 0;
    if (!resp_next(&it, &cursor) || !resp_next(&it, &keys) || cursor.type != RESP_TEXT) {
        p->scanning = 0;
        return;
    }
    for (struct resp_iter each = resp_iter(&keys); resp_next(&each, &key);)
        if (codec_key_name(key.text).n) {
            resp_put_arg(&b, key.text);
            count++;
        }
    if (count) {
        buf command = {0};
        resp_put_command(&command, count + 1);
        resp_put_arg(&command, span_of("MGET"));
        buf_span(&command, buf_view(&b));
        redis_call(&p->link.calls, buf_view(&command), 0, presence_on_heartbeats, p);
        buf_free(&command);
    }
    buf_free(&b);
    char *next = span_dup(cursor.text);
    if (strcmp(next, "0") != 0 && p->scanning < PEERS_PAGES_MAX)
        presence_scan(p, next);
    else
        p->scanning = 0;
    free(next);
}

static void presence_scan(struct peers *p, const char *cursor)
{
    const char *const args[] = {"SCAN", cursor, "MATCH", CODEC_KEYS, "COUNT", "1000", NULL};
    p->scanning = streams_call(&p->link, args, presence_on_scanned, p) ? p->scanning + 1 : 0;
}

/* ---- our own heartbeat ---------------------------------------------------------------------- */

/* The key as it was before we write it: somebody else may have written it. */
static void presence_on_own_key(void *ctx, const struct resp *reply)
{
    struct peers *p = ctx;
    struct resp_iter it = resp_iter(reply ? reply : &(struct resp){0});
    struct resp value;
    if (resp_next(&it, &value) && value.type == RESP_TEXT && p->beats > 1)
        presence_hear(p, value.text);
}

static void presence_on_beaten(void *ctx, const struct resp *reply)
{
    struct peers *p = ctx;
    if (!reply || reply->type != RESP_ERROR) {
        p->trouble[0] = '\0';
        return;
    }
    snprintf(p->trouble, sizeof p->trouble, "%.*s",
             (int)(reply->text.n < 100 ? reply->text.n : 100), reply->text.p);
    log_line(LOG_WARN, "Redis refuses the heartbeat: %s", p->trouble);
    if (resp_is_error(reply, "READONLY")) /* the address may lead to another server by now */
        redis_restart(&p->link.calls);
}

static void presence_beat(struct peers *p)
{
    buf key = {0}, old = p->beat;
    p->self.interest = p->interest;
    p->self.leaving = p->leaving;
    p->announced = p->interest;
    p->beat = (buf){0};
    codec_put_heartbeat(&p->beat, &p->self, clock_wall_ms());
    buf_free(&old);
    codec_put_key(&key, p->config->computer);
    const char *text = buf_cstr(&p->beat);
    const char *const look[] = {"MGET", buf_cstr(&key), NULL};
    const char *const set[] = {"SETEX", key.p, "60", text, NULL};
    const char *const drop[] = {"DEL", key.p, NULL};
    const char *const publish[] = {"PUBLISH", PEERS_PRESENCE, text, NULL};
    p->beats++;
    if (p->leaving) {
        streams_call(&p->link, drop, NULL, NULL);
    } else {
        streams_call(&p->link, look, presence_on_own_key, p);
        streams_call(&p->link, set, presence_on_beaten, p);
        loop_timer_set(p->loop, &p->beat_timer, p->loop->now + PEERS_BEAT_MS);
    }
    streams_call(&p->link, publish, NULL, NULL);
    buf_free(&key);
}

static int presence_has_foreign(const struct peers *p)
{
    for (const struct peers_peer *peer = p->first; peer; peer = peer->next)
        if (!peer->beat.telec[0])
            return 1;
    return 0;
}

static int presence_is_heard_abroad(const struct peers *p)
{
    for (const struct peers_peer *peer = p->first; peer; peer = peer->next)
        if (!peer->beat.telec[0] && (peer->beat.interest & CACHE_SESSIONS))
            return 1;
    return 0;
}

static int presence_must_be_asked(const struct peers *p, const char *computer)
{
    const struct peers_peer *peer = roster_find(p, span_of(computer));
    return peer && p->link.ready && (pull_unknown(peer) & CACHE_SESSIONS);
}

static void peers_on_requests_end(void *ctx, const struct resp *reply);
static void peers_on_events_end(void *ctx, const struct resp *reply);

/* Every 30 s. Those that are telec announce themselves: the keys are looked for only when somebody
 * here wants to know, or when there is a TeleClaude daemon, whose interest shows there alone. */
static void presence_on_beat(void *ctx)
{
    struct peers *p = ctx;
    if (!p->link.ready)
        return;
    if (p->clash_at && p->loop->now > p->clash_at + 3 * PEERS_BEAT_MS) {
        p->clash_at = 0;
        roster_publish_self(p);
    }
    presence_beat(p);
    if (!p->messages.link)
        streams_find_end(&p->link, p->messages.key, peers_on_requests_end, p);
    if ((p->interest & CACHE_SESSIONS) && !p->events.link)
        streams_find_end(&p->link, p->events.key, peers_on_events_end, p);
    if ((p->interest || presence_has_foreign(p)) && !p->scanning)
        presence_scan(p, "0");
    presence_look_late(p);
    for (struct peers_peer *peer = p->first; peer; peer = peer->next) {
        if ((p->interest & CACHE_SESSIONS) && !peer->pulled_at)
            pull_sessions(peer);
        if ((p->interest & CACHE_PREPARATION) && p->loop->now > peer->projects_at + PEERS_FRESH_MS)
            pull_projects(peer);
    }
}

