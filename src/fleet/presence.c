#include "fleet.h"

/* presence - heartbeats: every computer writes one to a key that expires, and publishes it on a
 * channel. A TeleClaude daemon only writes the key.
 *
 * A heartbeat that is heard late is not trusted for its time: the key's remaining time to live says
 * how old it is, by Redis's clock. */

#define PRESENCE_TEXT_MAX (16 * 1024) /* bytes of a heartbeat */
#define PRESENCE_PAGES_MAX 100000     /* of one SCAN */

/* ---- hearing heartbeats --------------------------------------------------------------------- */

/* Handles a heartbeat with our name that is not our last one. */
static void presence_hear_self(struct fleet *f, const struct codec_heartbeat *h)
{
    if (strncmp(h->instance, f->run, sizeof f->run - 1) == 0)
        return; /* we wrote it on an earlier connection */
    if (!f->clash_at) {
        f->clash_at = f->loop->now;
        roster_publish_self(f);
        log_line(LOG_ERROR,
                 "another computer (%s) has the name %s, too: rename one of them "
                 "([computer] name)",
                 h->host[0] ? h->host : "host unknown", h->name);
    }
    f->clash_at = f->loop->now;
}

static int presence_is_shown_anew(const struct roster_peer *peer, const struct codec_heartbeat *h)
{
    return peer->stale || strcmp(peer->beat.user, h->user) != 0 ||
           strcmp(peer->beat.host, h->host) != 0 || strcmp(peer->beat.telec, h->telec) != 0;
}

/* Compares the computer's clock with Redis's; age: of its heartbeat in milliseconds. */
static void presence_note_skew(struct roster_peer *peer, long long age)
{
    if (peer->beat.last_seen)
        peer->skew_ms = peer->beat.last_seen - (streams_now(&peer->fleet->streams) - age);
}

static void presence_check(struct roster_peer *peer);

static void presence_hear(struct fleet *f, span text)
{
    struct codec_heartbeat h;
    const char *why;
    if (text.n == f->beat.n && memcmp(text.p, f->beat.p, text.n) == 0)
        return;
    if (text.n > PRESENCE_TEXT_MAX || !codec_parse_heartbeat(text, &h, &why)) {
        streams_complain(&f->streams, "a heartbeat", text,
                         text.n > PRESENCE_TEXT_MAX ? "too long" : why);
        return;
    }
    if (strcmp(h.name, f->config->computer) == 0) {
        presence_hear_self(f, &h);
        return;
    }
    struct roster_peer *peer = roster_find(f, span_of(h.name));
    if (h.leaving) {
        if (peer)
            roster_remove(peer);
        return;
    }
    if (!peer && f->count >= ROSTER_MAX) {
        streams_complain(&f->streams, "a heartbeat", span_of(h.name), "too many computers");
        return;
    }
    int is_new = !peer;
    if (is_new)
        peer = roster_add(f, &h);
    else if (text.n == peer->text.n && memcmp(text.p, peer->text.p, text.n) == 0)
        return;
    if (!h.telec[0]) { /* TeleClaude: get_computer_info said who and where it is */
        memcpy(h.user, peer->user, sizeof h.user);
        memcpy(h.host, peer->host, sizeof h.host);
    }
    int shown = is_new || presence_is_shown_anew(peer, &h);
    int restarted = !is_new && h.telec[0] && strcmp(peer->beat.instance, h.instance) != 0;
    buf_clear(&peer->text);
    buf_span(&peer->text, text);
    peer->beat = h;
    peer->beat_at = f->loop->now;
    peer->stale = 0;
    if (h.telec[0] && !is_new) /* published just now; else presence_judge knows its age */
        presence_note_skew(peer, 0);
    if (shown)
        roster_publish_peer(peer);
    if (is_new) /* its key's time to live says how old it is */
        presence_check(peer);
    if (restarted)
        roster_begin_life(peer);
    if (is_new || restarted) {
        roster_tell_link(f, h.name);
        pull_new(peer);
    } else if (!h.telec[0]) {
        pull_unpushed(peer);
    }
}

/* ---- looking at keys ------------------------------------------------------------------------ */

/* A pending PTTL of one peer's key; it may outlive its peer. */
struct presence_check {
    struct fleet *fleet;
    char computer[CODEC_NAME_MAX + 1];
};

/* Decides whether the peer is online, stale or gone. ttl: of its key in milliseconds; -1: it does
 * not expire, -2: there is none; then the age is by our own clock. */
static void presence_judge(struct roster_peer *peer, long long ttl)
{
    struct fleet *f = peer->fleet;
    long long now = f->loop->now, age = now - peer->beat_at, by_key = PRESENCE_GONE_MS - ttl;
    int was_stale = peer->stale;
    if (ttl >= 0 && by_key >= 0) {
        peer->beat_at = now - (age = by_key);
        presence_note_skew(peer, age);
    }
    if (ttl == -2 && age >= PRESENCE_GONE_MS) {
        roster_remove(peer);
        return;
    }
    peer->stale = age >= PRESENCE_STALE_MS;
    if (peer->stale != was_stale)
        roster_publish_peer(peer);
}

/* Reads the keys of peers that have not been heard for long, and sets the timer for the next. A key
 * that does not expire is read once in PRESENCE_LATE_MS. */
static void presence_check_late(struct fleet *f)
{
    long long next = 0, now = f->loop->now;
    for (struct roster_peer *peer = f->first; peer && f->streams.ready; peer = peer->next) {
        long long due = peer->beat_at + (peer->stale ? PRESENCE_GONE_MS : PRESENCE_STALE_MS);
        if (due < peer->checked_at + PRESENCE_LATE_MS)
            due = peer->checked_at + PRESENCE_LATE_MS;
        if (due <= now) {
            presence_check(peer);
            due = now + PRESENCE_LATE_MS;
        }
        next = !next || due < next ? due : next;
    }
    if (next && f->interest)
        loop_timer_set(f->loop, &f->late_timer, next);
    else
        loop_timer_cancel(f->loop, &f->late_timer);
}

static void presence_on_ttl(void *ctx, const struct resp *reply)
{
    struct presence_check *check = ctx;
    struct fleet *f = check->fleet;
    struct roster_peer *peer = roster_find(f, span_of(check->computer));
    free(check);
    if (peer)
        peer->checking = 0;
    if (peer && reply && reply->type == RESP_INTEGER)
        presence_judge(peer, reply->integer);
    presence_check_late(f);
}

static void presence_on_heartbeats(void *ctx, const struct resp *reply)
{
    struct resp_iter it = resp_iter(reply ? reply : &(struct resp){0});
    struct resp value;
    while (resp_next(&it, &value))
        if (value.type == RESP_TEXT)
            presence_hear(ctx, value.text);
}

static void presence_check(struct roster_peer *peer)
{
    struct fleet *f = peer->fleet;
    buf key = {0};
    if (peer->checking)
        return;
    struct presence_check *check = base_alloc(sizeof *check);
    check->fleet = f;
    memcpy(check->computer, peer->beat.name, sizeof check->computer);
    codec_put_key(&key, streams_prefix(&f->streams), peer->beat.name);
    const char *const get[] = {"MGET", buf_cstr(&key), NULL}, *const ttl[] = {"PTTL", key.p, NULL};
    peer->checked_at = f->loop->now;
    peer->checking = streams_call(&f->streams, get, presence_on_heartbeats, f) &&
                     streams_call(&f->streams, ttl, presence_on_ttl, check);
    if (!peer->checking)
        free(check);
    buf_free(&key);
}

static void presence_on_late(void *ctx)
{
    presence_check_late(ctx);
}

static void presence_on_last_heartbeats(void *ctx, const struct resp *reply)
{
    presence_on_heartbeats(ctx, reply);
    pull_end_search(ctx);
}

static void presence_read_key(struct fleet *f, span computer)
{
    char *name = span_dup(computer);
    buf key = {0};
    if (codec_name_is_good(span_of(name)) && strcmp(name, f->config->computer) != 0 &&
        f->loop->now >= f->key_read_at + PRESENCE_READ_MS) {
        f->key_read_at = f->loop->now;
        codec_put_key(&key, streams_prefix(&f->streams), name);
        const char *const get[] = {"MGET", buf_cstr(&key), NULL};
        streams_call(&f->streams, get, presence_on_heartbeats, f);
    }
    buf_free(&key);
    free(name);
}

static void presence_scan_page(struct fleet *f, const char *cursor);

/* Is a key's heartbeat news? Ours is read before we write it; a telec daemon publishes its. */
static int presence_needs(const struct fleet *f, span computer)
{
    const struct roster_peer *peer = roster_find(f, computer);
    if (!computer.n || span_eq(computer, f->config->computer))
        return 0;
    return !peer || !peer->beat.telec[0] ||
           f->loop->now > peer->beat_at + PRESENCE_BEAT_MS + PRESENCE_BEAT_MS / 2;
}

static void presence_on_scanned(void *ctx, const struct resp *reply)
{
    struct fleet *f = ctx;
    struct resp_iter it = resp_iter(reply ? reply : &(struct resp){0});
    struct resp cursor, keys, key;
    buf b = {0};
    size_t count = 0;
    const size_t prefix = strlen(streams_prefix(&f->streams));
    if (!resp_next(&it, &cursor) || !resp_next(&it, &keys) || cursor.type != RESP_TEXT) {
        f->scanning = 0;
        pull_end_search(f);
        return;
    }
    int last = span_eq(cursor.text, "0") || f->scanning >= PRESENCE_PAGES_MAX;
    for (struct resp_iter each = resp_iter(&keys); resp_next(&each, &key);)
        if (presence_needs(f, codec_key_name(span_sub(key.text, prefix)))) {
            resp_put_arg(&b, key.text);
            count++;
        }
    buf command = {0};
    resp_put_command(&command, count + 1);
    resp_put_arg(&command, span_of("MGET"));
    buf_span(&command, buf_view(&b));
    int sent = count && redis_call(&f->streams.calls, buf_view(&command), 0,
                                   last ? presence_on_last_heartbeats : presence_on_heartbeats, f);
    if (last && !sent)
        pull_end_search(f);
    buf_free(&command), buf_free(&b);
    char *next = span_dup(cursor.text);
    if (last)
        f->scanning = 0;
    else
        presence_scan_page(f, next);
    free(next);
}

static void presence_scan_page(struct fleet *f, const char *cursor)
{
    char *keys = streams_key(&f->streams, CODEC_KEYS, "");
    const char *const args[] = {"SCAN", cursor, "MATCH", keys, "COUNT", "1000", NULL};
    f->scanning = streams_call(&f->streams, args, presence_on_scanned, f) ? f->scanning + 1 : 0;
    free(keys);
}

static void presence_scan(struct fleet *f)
{
    if (!f->scanning)
        presence_scan_page(f, "0");
}

/* ---- our own heartbeat ---------------------------------------------------------------------- */

/* Handles our key as it was before we wrote it: another computer may have our name. */
static void presence_on_own_key(void *ctx, const struct resp *reply)
{
    if (((struct fleet *)ctx)->beats > 1)
        presence_on_heartbeats(ctx, reply);
}

static void presence_on_beaten(void *ctx, const struct resp *reply)
{
    struct fleet *f = ctx;
    if (!reply)
        return;
    if (reply->type != RESP_ERROR) {
        if (f->refusal[0]) {
            f->refusal[0] = '\0';
            roster_publish_self(f);
        }
        redis_trust(&f->streams.calls);
        return;
    }
    int known = strncmp(f->refusal, reply->text.p, strlen(f->refusal)) == 0 && f->refusal[0];
    base_fmt(f->refusal, sizeof f->refusal, "%.*s",
             (int)(reply->text.n < 100 ? reply->text.n : 100), reply->text.p);
    if (known)
        return;
    log_line(LOG_WARN, "Redis refuses the heartbeat: %s", f->refusal);
    roster_publish_self(f);
}

static void presence_beat(struct fleet *f)
{
    char ttl[16];
    buf key = {0}, old = f->beat;
    char *channel = streams_key(&f->streams, PRESENCE_CHANNEL, "");
    f->self.interest = f->interest;
    f->self.leaving = f->leaving;
    f->announced = f->interest;
    f->beat = (buf){0};
    codec_put_heartbeat(&f->beat, &f->self, clock_wall_ms());
    buf_free(&old);
    codec_put_key(&key, streams_prefix(&f->streams), f->config->computer);
    const char *text = buf_cstr(&f->beat);
    base_fmt(ttl, sizeof ttl, "%d", (PRESENCE_GONE_MS + 999) / 1000);
    const char *const get[] = {"MGET", buf_cstr(&key), NULL};
    const char *const set[] = {"SETEX", key.p, ttl, text, NULL};
    const char *const drop[] = {"DEL", key.p, NULL};
    const char *const publish[] = {"PUBLISH", channel, text, NULL};
    f->beats++;
    if (f->leaving) {
        streams_call(&f->streams, drop, NULL, NULL);
    } else {
        streams_call(&f->streams, get, presence_on_own_key, f);
        streams_call(&f->streams, set, presence_on_beaten, f);
        f->streams.wake_at = f->loop->now + PRESENCE_BEAT_MS;
        loop_timer_set(f->loop, &f->beat_timer, f->streams.wake_at);
        streams_check(&f->streams);
    }
    streams_call(&f->streams, publish, NULL, NULL);
    free(channel);
    buf_free(&key);
}

static int presence_is_heard_abroad(const struct fleet *f)
{
    for (const struct roster_peer *peer = f->first; peer; peer = peer->next)
        if (!peer->beat.telec[0] && (peer->beat.interest & CACHE_SESSIONS))
            return 1;
    return 0;
}
