#include "fleet.h"

/* peers - our events to other computers, their requests to us, and the wiring of the fleet
 * (doc/protocol.md, section 3).
 *
 * Without local subscribers there are only heartbeats, the search for them, and requests. When a
 * topic gains interest, in this order on one connection: find the end of our event stream, announce
 * the interest in a heartbeat, pull from all others. So every event that is missing in a reply is
 * read after it.
 *
 * Requests are read from a cursor that survives the daemon (a file). One that changes something is
 * noted there before it is handled: it may be lost in a crash, but is never carried out twice. A
 * request that nobody waits for any longer is not carried out at all. */

#define PEERS_IN_FLIGHT_MAX 512 /* XADDs of events without an answer; past it events are deferred */
#define PEERS_CURSOR_FILE "requests.cursor"
#define PEERS_REMOVALS_MAX 256  /* removals remembered while there is no connection */

/* ---- our own events ------------------------------------------------------------------------- */

static void peers_send_held(struct fleet *f);

static void peers_on_event_sent(void *ctx, const struct resp *reply)
{
    struct fleet *f = ctx;
    f->in_flight--;
    if (reply && reply->type == RESP_ERROR)
        streams_refused(&f->streams, "an event", reply);
    if (f->held && f->streams.ready && f->in_flight < PEERS_IN_FLIGHT_MAX / 4)
        peers_send_held(f);
}

/* Sends an event to all interested peers; foreign: only to TeleClaude daemons. */
static void peers_send_event(struct fleet *f, const char *name, span data, int foreign)
{
    buf payload = {0}, fields = {0};
    for (struct roster_peer *peer = f->first; peer; peer = peer->next) {
        if (!(peer->beat.interest & CACHE_SESSIONS) || (foreign && peer->beat.telec[0]))
            continue;
        if (!payload.n) {
            codec_put_event(&payload, name, data, clock_wall_ms(), f->config->computer);
            streams_put_fields(&fields,
                               &(struct streams_field){"payload", buf_view(&payload)}, 1);
        }
        char *key = streams_key(&f->streams, EVENTS_KEY, peer->beat.name);
        int sent = streams_append(&f->streams, key,
                                  peer->beat.telec[0] ? EVENTS_KEPT_TELEC : EVENTS_KEPT, NULL,
                                  buf_view(&fields), 2, peers_on_event_sent, f);
        f->in_flight += sent != 0;
        peer->events_out += sent != 0;
        peer->dropped += !sent;
        free(key);
    }
    buf_free(&payload), buf_free(&fields);
}

static void peers_send_session(struct fleet *f, struct cache_session *s, int foreign)
{
    roster_data(f, s)->held = 0;
    peers_send_event(f, "session_updated", buf_view(&s->json), foreign);
}

static void peers_send_removal(struct fleet *f, const char *id, int foreign)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "session_id", id);
    json_close(&b, '}');
    peers_send_event(f, "session_removed", buf_view(&b), foreign);
    buf_free(&b);
}

static void peers_send_held(struct fleet *f)
{
    f->held = 0;
    for (size_t i = 0; i < f->cache->places; i++) {
        struct cache_session *s = f->cache->sessions[i];
        if (!s || !roster_data(f, s)->held)
            continue;
        if (f->in_flight > PEERS_IN_FLIGHT_MAX) {
            f->held = 1;
            return;
        }
        peers_send_session(f, s, 0);
    }
}

/* cache.on_session: a session's event is due. */
static void peers_on_session(void *ctx, struct cache_session *s, int removed)
{
    struct fleet *f = ctx;
    if (strcmp(s->computer, f->config->computer) != 0) {
        if (removed)
            roster_on_removed(f, s);
        return;
    }
    if (removed && !f->streams.ready && f->removal_count < PEERS_REMOVALS_MAX) {
        f->removals = base_grow(f->removals, PEERS_REMOVALS_MAX * sizeof *f->removals);
        base_copy(f->removals[f->removal_count++], sizeof *f->removals, s->id);
    }
    if (!f->streams.ready)
        return; /* peers_send_all and the peers' pulls make up for it */
    if (removed) {
        peers_send_removal(f, s->id, 0);
    } else if (f->in_flight > PEERS_IN_FLIGHT_MAX) {
        struct roster_session *data = roster_data(f, s);
        for (struct roster_peer *peer = f->first; data->held && peer; peer = peer->next)
            peer->coalesced += (peer->beat.interest & CACHE_SESSIONS) != 0;
        data->held = f->held = 1;
    } else {
        peers_send_session(f, s, 0);
    }
    if (!removed)
        f->hooks->on_activity(f->hooks_ctx, s->id);
}

/* Sends all sessions to TeleClaude daemons, which do not pull when we come back: as many as their
 * stream keeps. */
static void peers_send_all(struct fleet *f)
{
    size_t left = EVENTS_KEPT;
    for (size_t i = 0; i < f->removal_count && left; i++, left--)
        peers_send_removal(f, f->removals[i], 1);
    f->removal_count = 0;
    for (size_t i = 0; i < f->cache->places && left; i++) {
        struct cache_session *s = f->cache->sessions[i];
        if (s && strcmp(s->computer, f->config->computer) == 0) {
            peers_send_session(f, s, 1);
            left--;
        }
    }
}

/* ---- requests from others ------------------------------------------------------------------- */

/* The file is "ID NAME": the last request handled, and the computer whose stream that was. */
static int peers_write_cursor(struct fleet *f)
{
    buf b = {0};
    codec_put_id(&b, f->messages.at);
    buf_byte(&b, ' ');
    buf_str(&b, f->config->computer);
    int answers = disk_answers(f->config->disk);
    errno = ETIMEDOUT;
    /* a crash of the computer ends what a request changes, and most requests are late after it */
    int status = answers ? store_write_unsynced(f->config->state, PEERS_CURSOR_FILE, buf_view(&b))
                         : -1;
    if (status != 0)
        log_line(LOG_ERROR, "cannot write %s/%s: %s", f->config->state, PEERS_CURSOR_FILE,
                 strerror(errno));
    buf_free(&b);
    loop_timer_cancel(f->loop, &f->cursor_timer);
    return status;
}

static void peers_on_cursor_due(void *ctx)
{
    peers_write_cursor(ctx);
}

static void peers_read_cursor(struct fleet *f)
{
    buf b = {0};
    store_clean(f->config->state, PEERS_CURSOR_FILE);
    if (store_read(f->config->state, PEERS_CURSOR_FILE, &b) == 0) {
        span rest = buf_view(&b), id = span_cut(&rest, ' ');
        f->cursor_known = codec_parse_id(id, &f->messages.at) && span_eq(rest, f->config->computer);
    }
    if (!f->cursor_known)
        f->messages.at = (struct codec_id){0};
    buf_free(&b);
}

static void peers_refuse(struct fleet *f, struct codec_id id, const char *error, const char *code)
{
    buf b = {0};
    codec_put_error(&b, error, code);
    streams_reply(&f->streams, id, buf_view(&b));
    buf_free(&b);
}

/* Returns NULL, or why the request is not carried out: its asker, which says when it asked and how
 * long it waits, has given up. A TeleClaude daemon says neither. */
static const char *peers_why_late(const struct fleet *f, const struct peers_request *request)
{
    long long asked = 0, wait = 0;
    int says = span_int(request->fields.asked_ms, &asked) &&
               span_int(request->fields.wait_ms, &wait);
    long long age = streams_now(&f->streams) - (says ? asked : (long long)request->id.ms);
    if (age > (says ? wait : PEERS_OLD_MS))
        return "the request came too late and is not carried out";
    return says && -age > wait ? "the request's time is ahead of Redis's: not carried out" : NULL;
}

static void peers_on_entry(struct streams_stream *s, struct codec_id id, const struct resp *fields)
{
    struct fleet *f = s->owner;
    struct peers_request request = {.id = id};
    struct resp_iter it = resp_iter(fields);
    struct resp key, value;
    while (resp_next_pair(&it, &key, &value))
        codec_set_field(&request.fields, key.text, value.text);
    const char *late = peers_why_late(f, &request);
    if (late) {
        streams_complain(&f->streams, "a request", request.fields.initiator, late);
        peers_refuse(f, id, late, "EXPIRED");
        if (!f->cursor_timer.slot)
            loop_timer_in(f->loop, &f->cursor_timer, PEERS_CURSOR_MS);
        return;
    }
    if (f->streams.secret.n)
        request.signature = signature_check(buf_view(&f->streams.secret), s->key, id, fields);
    if (f->hooks->changes(f->hooks_ctx, &request)) {
        if (peers_write_cursor(f) != 0) { /* it could be done twice after a crash */
            peers_refuse(f, id, "request not noted as handled: see that computer's log", "CURSOR");
            return;
        }
    } else if (!f->cursor_timer.slot) {
        loop_timer_in(f->loop, &f->cursor_timer, PEERS_CURSOR_MS);
    }
    /* TeleClaude sends requests when its interest begins: its heartbeat has changed. */
    struct roster_peer *peer = roster_find(f, request.fields.initiator);
    if (!peer || !peer->beat.telec[0])
        presence_read_key(f, request.fields.initiator);
    f->hooks->on_request(f->hooks_ctx, &request);
}

/* Reads requests from the cursor on, or from the stream's end: at the very first start, because
 * older requests are not for this daemon; and when the stream ends before the cursor, because it is
 * another stream, and which of its requests were handled is unknown; but with a secret the cursor
 * stays, so that no signed request is repeated. An empty stream is read from the cursor on, unless
 * that is in Redis's future. What Redis refuses is tried again with the next
 * heartbeat, and leaves the cursor as it is. */
static void peers_on_requests_end(void *ctx, const struct resp *reply)
{
    struct fleet *f = ctx;
    long long there = streams_now(&f->streams);
    if (reply && reply->type == RESP_ERROR)
        streams_refused(&f->streams, "the end of the request stream", reply);
    if (!reply || reply->type == RESP_ERROR || f->messages.link)
        return;
    struct codec_id last = streams_last_id(reply);
    if (reply->count == 0 && f->cursor_known)
        last = (struct codec_id){(unsigned long long)there, 0};
    int back = codec_compare_ids(last, f->messages.at) < 0;
    if (f->cursor_known && back && f->streams.secret.n) {
        log_line(LOG_WARN, "Redis's clock was set back, or its streams are others: requests are "
                           "read from %llu-%llu on ([peers] secret)",
                 f->messages.at.ms, f->messages.at.seq);
    } else if (!f->cursor_known || back) {
        f->messages.at = last;
        f->cursor_known = peers_write_cursor(f) == 0;
    }
    streams_stream_open(&f->streams, &f->messages);
}

/* ---- permission ----------------------------------------------------------------------------- */

static const char *peers_why_not(const struct fleet *f, span computer, enum signature signature)
{
    const struct config *c = f->config;
    int needs = f->streams.secret.n > 0;
    if (!codec_is_allowed(c->allow, computer))
        return "this computer does not allow that ([peers] allow)";
    if (signature == SIGNATURE_BAD)
        return "the signature is wrong: that computer has another [peers] secret";
    if (needs && signature == SIGNATURE_NONE && !codec_is_allowed(c->unsigned_peers, computer))
        return "only signed requests change something here ([peers] secret, unsigned)";
    return NULL;
}

/* ---- interest ------------------------------------------------------------------------------- */

/* Makes a change of f->interest known, or all of it after a new connection (anew); see the order
 * above. */
static void peers_announce(struct fleet *f, int anew)
{
    unsigned gained = anew ? f->interest : f->interest & ~f->announced;
    if (!f->streams.ready || (!anew && f->interest == f->announced))
        return;
    if (!(f->interest & CACHE_SESSIONS) || anew) {
        streams_stream_close(&f->streams, &f->events);
        streams_reread(&f->streams);
    }
    if (gained & CACHE_SESSIONS)
        events_find_end(f);
    presence_beat(f);
    if (gained || anew) {
        for (struct roster_peer *peer = f->first; peer; peer = peer->next)
            pull_all(peer, gained);
        presence_scan(f);
    }
    presence_check_late(f);
}

static void peers_set_interest(struct fleet *f, unsigned topics)
{
    f->interest = topics;
    if (f->streams.on)
        peers_announce(f, 0);
}

/* ---- our heartbeat is due ------------------------------------------------------------------- */

/* Every PRESENCE_BEAT_MS. telec daemons publish their heartbeats; a TeleClaude daemon only has its
 * key, which is looked for whether or not a local client is subscribed: it may be interested. */
static void peers_on_beat(void *ctx)
{
    struct fleet *f = ctx;
    if (!f->streams.ready)
        return;
    if (f->clash_at && f->loop->now > f->clash_at + 3 * PRESENCE_BEAT_MS) {
        f->clash_at = 0;
        roster_publish_self(f);
    }
    presence_beat(f);
    if (!f->messages.link)
        streams_find_end(&f->streams, f->messages.key, peers_on_requests_end, f);
    if ((f->interest & CACHE_SESSIONS) && !f->events.link)
        events_find_end(f);
    presence_scan(f);
    presence_check_late(f);
    for (struct roster_peer *peer = f->first; peer; peer = peer->next) {
        if ((f->interest & CACHE_SESSIONS) && !peer->pulled_at)
            pull_sessions(peer);
        if ((f->interest & CACHE_PREPARATION) && f->loop->now > peer->projects_at + PULL_FRESH_MS)
            pull_projects(peer);
    }
}

/* ---- connections ---------------------------------------------------------------------------- */

static void peers_on_ready(void *ctx)
{
    struct fleet *f = ctx;
    f->scanning = f->events_checking = 0;
    base_fmt(f->self.instance, sizeof f->self.instance, "%s/%lld", f->run,
             f->streams.calls.connects);
    for (struct roster_peer *peer = f->first; peer; peer = peer->next) {
        peer->beat_at = f->loop->now; /* it could not be heard meanwhile */
        roster_begin_life(peer);
        peer->pulled_at = 0;
    }
    streams_stream_close(&f->streams, &f->messages);
    streams_find_end(&f->streams, f->messages.key, peers_on_requests_end, f);
    peers_announce(f, 1);
    peers_send_all(f);
    roster_publish_self(f);
    roster_tell_link(f, NULL);
}

static void peers_on_lost(void *ctx)
{
    struct fleet *f = ctx;
    loop_timer_cancel(f->loop, &f->beat_timer);
    loop_timer_cancel(f->loop, &f->late_timer);
    roster_tell_link(f, NULL);
    f->hooks->on_lost(f->hooks_ctx);
}

static void peers_on_link(void *ctx)
{
    struct fleet *f = ctx;
    if (!f->streams.ready) /* that may take long */
        pull_end_search(f);
    roster_publish_self(f);
}

static void peers_on_message(void *ctx, span message)
{
    presence_hear(ctx, message);
}

/* Presence published while we were unsubscribed is lost; read the heartbeat keys instead. */
static void peers_on_subscribed(void *ctx)
{
    struct fleet *f = ctx;
    if (f->streams.ready)
        presence_scan(f);
}

static const struct streams_hooks peers_streams_hooks = {
    PRESENCE_CHANNEL, peers_on_ready, peers_on_lost, peers_on_link, peers_on_message,
    peers_on_subscribed};

/* ---- status --------------------------------------------------------------------------------- */

static void peers_put_counters(const struct roster_peer *peer, buf *b)
{
    json_open(b, '{');
    json_field_string(b, "name", peer->beat.name);
    json_field_string(b, "status", peer->stale ? "stale" : "online");
    json_field_bool(b, "interested", (peer->beat.interest & CACHE_SESSIONS) != 0);
    json_field_int(b, "sessions", (long long)peer->sessions);
    roster_put_counters(peer, b);
    json_close(b, '}');
}

static void peers_put_status(const struct fleet *f, buf *b)
{
    long long connects = f->streams.calls.connects;
    json_key(b, "redis");
    if (f->streams.on) {
        buf address = {0};
        redis_put_address(&f->streams.calls, &address);
        json_open(b, '{');
        json_field_string(b, "state", redis_state_name(streams_weakest(&f->streams)));
        json_field_string(b, "why", roster_why(f));
        json_field_string(b, "address", buf_cstr(&address));
        json_field_int(b, "protocol", f->streams.calls.protocol);
        json_field_int(b, "reconnects", connects > 0 ? connects - 1 : 0);
        json_field_bool(b, "same_name", f->clash_at != 0);
        json_close(b, '}');
        buf_free(&address);
    } else {
        buf_str(b, "null");
    }
    json_field_open(b, "peers", '[');
    for (const struct roster_peer *peer = f->first; peer; peer = peer->next)
        peers_put_counters(peer, b);
    json_close(b, ']');
}

/* ---- life ----------------------------------------------------------------------------------- */

static void peers_leave(struct fleet *f)
{
    if (f->cursor_timer.slot)
        peers_write_cursor(f);
    f->leaving = 1;
    streams_stop_reading(&f->streams); /* no further request is handled */
    if (f->streams.ready)
        presence_beat(f);
    loop_timer_cancel(f->loop, &f->beat_timer);
}

static int peers_init(struct fleet *f, struct loop *l, const struct config *config,
                      struct cache *cache, buf *error)
{
    *f = (struct fleet){.loop = l, .config = config, .cache = cache};
    f->cache_place = cache_reserve(cache, sizeof(struct roster_session));
    f->last = &f->first;
    if (!config->redis_url[0] || codec_name_is_good(span_of(config->computer)))
        return streams_init(&f->streams, l, config, &peers_streams_hooks, f, error);
    buf_str(error, "[computer] name: expected up to 128 bytes of text without control characters");
    return -1;
}

static void peers_start(struct fleet *f, const struct peers_hooks *hooks, void *ctx)
{
    const struct config *c = f->config;
    const struct {
        struct loop_timer *timer;
        void (*fn)(void *ctx);
    } timers[] = {{&f->beat_timer, peers_on_beat},
                  {&f->late_timer, presence_on_late},
                  {&f->cursor_timer, peers_on_cursor_due},
                  {&f->pull_timer, pull_on_suspects}};
    f->hooks = hooks;
    f->hooks_ctx = ctx;
    if (!f->streams.on)
        return;
    for (size_t i = 0; i < COUNT_OF(timers); i++)
        *timers[i].timer = (struct loop_timer){.fn = timers[i].fn, .ctx = f};
    os_uuid(f->run);
    base_copy(f->self.name, sizeof f->self.name, c->computer);
    base_copy(f->self.user, sizeof f->self.user, config_user(c));
    base_copy(f->self.host, sizeof f->self.host, c->host);
    base_copy(f->self.telec, sizeof f->self.telec, TELEC_VERSION);
    f->messages = (struct streams_stream){
        .key = streams_key(&f->streams, STREAMS_REQUESTS_KEY, c->computer),
        .owner = f,
        .on_entry = peers_on_entry};
    f->events = (struct streams_stream){
        .key = streams_key(&f->streams, EVENTS_KEY, c->computer),
        .owner = f,
        .on_entry = events_on_entry};
    peers_read_cursor(f);
    f->cache->on_session = peers_on_session;
    f->cache->session_ctx = f;
    f->searching = 1;
    streams_start(&f->streams);
}

static void peers_free(struct fleet *f)
{
    struct loop_timer *const timers[] = {&f->beat_timer, &f->late_timer, &f->cursor_timer,
                                         &f->pull_timer};
    for (size_t i = 0; i < COUNT_OF(timers); i++)
        loop_timer_cancel(f->loop, timers[i]);
    f->cache->on_session = NULL;
    streams_stream_free(&f->streams, &f->messages);
    streams_stream_free(&f->streams, &f->events);
    streams_free(&f->streams);
    roster_free(f);
    free(f->removals);
    f->removals = NULL;
    buf_free(&f->beat);
}
