#include "fleet.h"

/* ---- our own events ------------------------------------------------------------------------- */

static void peers_send_held(struct peers *p);

static void peers_on_event_sent(void *ctx, const struct resp *reply)
{
    struct peers *p = ctx;
    p->flying--;
    if (reply && reply->type == RESP_ERROR)
        streams_complain(&p->link, "an event", reply->text, "was not taken by Redis");
    if (p->held && p->link.ready && p->flying < PEERS_FLYING_MAX / 4)
        peers_send_held(p);
}

/* To everybody who wants to know; foreign: only to TeleClaude's. */
static void peers_send_event(struct peers *p, const char *name, span data, int foreign)
{
    char most[16];
    buf payload = {0};
    snprintf(most, sizeof most, "%d", PEERS_EVENTS_KEPT);
    for (struct peers_peer *peer = p->first; peer; peer = peer->next) {
        if (!(peer->beat.interest & CACHE_SESSIONS) || (foreign && peer->beat.telec[0]))
            continue;
        if (!payload.n)
            codec_put_event(&payload, name, data, clock_wall_ms(), p->config->computer);
        char *key = streams_key(PEERS_EVENTS_KEY, peer->beat.name);
        const span args[] = {span_of("XADD"), span_of(key), span_of("MAXLEN"),  span_of("~"),
                             span_of(most),   span_of("*"), span_of("payload"), buf_view(&payload)};
        int sent = streams_send(&p->link.calls, args, COUNT_OF(args), 0, peers_on_event_sent, p);
        p->flying += sent != 0;
        peer->events_out += sent != 0;
        peer->dropped += !sent;
        free(key);
    }
    buf_free(&payload);
}

static void peers_send_session(struct peers *p, struct cache_session *s, int foreign)
{
    s->held = 0;
    peers_send_event(p, "session_updated", buf_view(&s->json), foreign);
}

static void peers_send_removal(struct peers *p, const char *id, int foreign)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "session_id", id);
    json_close(&b, '}');
    peers_send_event(p, "session_removed", buf_view(&b), foreign);
    buf_free(&b);
}

static void peers_send_held(struct peers *p)
{
    p->held = 0;
    for (size_t i = 0; i < p->cache->places; i++) {
        struct cache_session *s = p->cache->sessions[i];
        if (!s || !s->held)
            continue;
        if (p->flying > PEERS_FLYING_MAX) {
            p->held = 1;
            return;
        }
        peers_send_session(p, s, 0);
    }
}

/* The cache tells when a session's event is due; see cache.on_session. */
static void peers_on_session(void *ctx, struct cache_session *s, int removed)
{
    struct peers *p = ctx;
    if (strcmp(s->computer, p->config->computer) != 0) {
        struct peers_peer *peer = removed ? roster_find(p, span_of(s->computer)) : NULL;
        if (peer)
            peer->sessions--;
        return;
    }
    if (removed && !p->link.ready && p->lost_count < PEERS_LOST_MAX) {
        p->lost = base_grow(p->lost, PEERS_LOST_MAX * sizeof *p->lost);
        snprintf(p->lost[p->lost_count++], sizeof *p->lost, "%s", s->id);
    }
    if (!p->link.ready)
        return; /* everything is told when it is back */
    if (removed) {
        peers_send_removal(p, s->id, 0);
    } else if (p->flying > PEERS_FLYING_MAX) {
        for (struct peers_peer *peer = p->first; s->held && peer; peer = peer->next)
            peer->coalesced += (peer->beat.interest & CACHE_SESSIONS) != 0;
        s->held = p->held = 1;
    } else {
        peers_send_session(p, s, 0);
    }
    if (!removed)
        p->hooks->on_activity(p->hooks_ctx, s->id);
}

/* To TeleClaude's, which do not notice that we were away: everything, as far as it fits. */
static void peers_send_all(struct peers *p)
{
    size_t left = PEERS_EVENTS_KEPT;
    for (size_t i = 0; i < p->lost_count && left; i++, left--)
        peers_send_removal(p, p->lost[i], 1);
    p->lost_count = 0;
    for (size_t i = 0; i < p->cache->places && left; i++) {
        struct cache_session *s = p->cache->sessions[i];
        if (s && strcmp(s->computer, p->config->computer) == 0) {
            peers_send_session(p, s, 1);
            left--;
        }
    }
}

/* ---- requests to us ------------------------------------------------------------------------- */

/* "ID NAME": the last request handled, and whose stream that was. */
static int peers_write_cursor(struct peers *p)
{
    buf b = {0};
    codec_put_id(&b, p->messages.at);
    buf_byte(&b, ' ');
    buf_str(&b, p->config->computer);
    int status = store_write(p->config->state, PEERS_CURSOR_FILE, buf_view(&b));
    if (status != 0)
        log_line(LOG_ERROR, "cannot write %s/%s: %s", p->config->state, PEERS_CURSOR_FILE,
                 strerror(errno));
    buf_free(&b);
    loop_timer_cancel(p->loop, &p->cursor_timer);
    return status;
}

static void peers_on_cursor_due(void *ctx)
{
    peers_write_cursor(ctx);
}

static void peers_read_cursor(struct peers *p)
{
    buf b = {0};
    if (store_read(p->config->state, PEERS_CURSOR_FILE, &b) == 0) {
        span rest = buf_view(&b), id = span_cut(&rest, ' ');
        p->cursor_known = codec_parse_id(id, &p->messages.at) && span_eq(rest, p->config->computer);
    }
    if (!p->cursor_known)
        p->messages.at = (struct codec_id){0};
    buf_free(&b);
}

static void peers_take_request(struct streams_stream *s, struct codec_id id, const struct resp *fields)
{
    struct peers *p = s->owner;
    struct peers_request request = {.id = id};
    struct resp_iter it = resp_iter(fields);
    struct resp key, value;
    while (resp_next_pair(&it, &key, &value))
        codec_take_field(&request.fields, key.text, value.text);
    if (p->hooks->changes(p->hooks_ctx, &request)) {
        if (peers_write_cursor(p) != 0) { /* it might be done twice: rather not at all */
            buf b = {0};
            codec_put_error(&b, "the request can't be noted as handled: see that computer's log",
                            "CURSOR");
            streams_answer(&p->link, id, buf_view(&b));
            buf_free(&b);
            return;
        }
    } else if (!p->cursor_timer.slot) {
        loop_timer_set(p->loop, &p->cursor_timer, p->loop->now + PEERS_CURSOR_MS);
    }
    /* A TeleClaude daemon asks when its interest begins: its heartbeat has changed. */
    struct peers_peer *peer = roster_find(p, request.fields.initiator);
    if (!peer || !peer->beat.telec[0])
        events_look_at(p, request.fields.initiator);
    p->hooks->on_request(p->hooks_ctx, &request);
}

/* Where the stream ends. At the first start of all, nothing that stands there is ours to do; a
 * stream that ends before our cursor is another one, of which nobody knows what was done; and an
 * empty one goes on from our cursor, unless that is in the future there. What Redis refuses now is
 * tried again with the next heartbeat: the cursor must not suffer. */
static void peers_on_requests_end(void *ctx, const struct resp *reply)
{
    struct peers *p = ctx;
    long long there = clock_mono_ms() + p->link.clock;
    if (reply && reply->type == RESP_ERROR)
        streams_complain(&p->link, "the stream of requests", reply->text, "is refused");
    if (!reply || reply->type == RESP_ERROR || p->messages.link)
        return;
    struct codec_id last = streams_last_id(reply);
    if (reply->count == 0 && p->cursor_known)
        last = (struct codec_id){(unsigned long long)there, 0};
    if (!p->cursor_known || codec_compare_ids(last, p->messages.at) < 0) {
        p->messages.at = last;
        p->cursor_known = peers_write_cursor(p) == 0;
    }
    streams_stream_open(&p->link, &p->messages);
}

/* ---- interest ------------------------------------------------------------------------------- */

static void peers_on_events_end(void *ctx, const struct resp *reply)
{
    struct peers *p = ctx;
    if (reply && reply->type == RESP_ERROR)
        streams_complain(&p->link, "the stream of events", reply->text, "is refused");
    if (!reply || reply->type == RESP_ERROR || !(p->interest & CACHE_SESSIONS) || p->events.link)
        return;
    p->events.at = streams_last_id(reply);
    streams_stream_open(&p->link, &p->events);
}

/* What follows from p->interest, when it is not what was announced or `anew`: from where events are
 * read, the heartbeat, the questions; in this order. */
static void peers_announce(struct peers *p, int anew)
{
    unsigned gained = anew ? p->interest : p->interest & ~p->announced;
    if (!p->link.ready || (!anew && p->interest == p->announced))
        return;
    if (!(p->interest & CACHE_SESSIONS) || anew) {
        streams_stream_close(&p->link, &p->events);
        streams_reread(&p->link);
    }
    if (gained & CACHE_SESSIONS)
        streams_find_end(&p->link, p->events.key, peers_on_events_end, p);
    presence_beat(p);
    if (gained || anew) {
        for (struct peers_peer *peer = p->first; peer; peer = peer->next)
            pull_all(peer, gained);
        if (!p->scanning)
            presence_scan(p, "0");
    }
    presence_look_late(p);
}

static void peers_set_interest(struct peers *p, unsigned topics)
{
    p->interest = topics;
    if (p->link.on)
        peers_announce(p, 0);
}

/* ---- connections ---------------------------------------------------------------------------- */

static void peers_on_ready(void *ctx)
{
    struct peers *p = ctx;
    p->scanning = 0;
    snprintf(p->self.instance, sizeof p->self.instance, "%s/%lld", p->run, p->link.calls.connects);
    for (struct peers_peer *peer = p->first; peer; peer = peer->next) {
        peer->beat_at = p->loop->now; /* nobody could be heard meanwhile */
        roster_begin_life(peer);
        peer->pulled_at = 0;
    }
    streams_stream_close(&p->link, &p->messages);
    streams_find_end(&p->link, p->messages.key, peers_on_requests_end, p);
    peers_announce(p, 1);
    peers_send_all(p);
    roster_publish_self(p);
}

static void peers_on_lost(void *ctx)
{
    struct peers *p = ctx;
    loop_timer_cancel(p->loop, &p->beat_timer);
    loop_timer_cancel(p->loop, &p->late_timer);
    roster_publish_self(p);
}

static void peers_on_said(void *ctx, span message)
{
    presence_hear(ctx, message);
}

/* What was said while nobody listened is in the keys. */
static void peers_on_listening(void *ctx)
{
    struct peers *p = ctx;
    if (p->link.ready && !p->scanning)
        presence_scan(p, "0");
}

static const struct streams_hooks peers_link_hooks = {PEERS_PRESENCE, peers_on_ready, peers_on_lost,
                                                   peers_on_said, peers_on_listening};

/* ---- what is said of it all ----------------------------------------------------------------- */

static void peers_put_counters(const struct peers_peer *peer, buf *b)
{
    json_open(b, '{');
    json_field_string(b, "name", peer->beat.name);
    json_field_string(b, "status", peer->stale ? "stale" : "online");
    json_field_bool(b, "interested", (peer->beat.interest & CACHE_SESSIONS) != 0);
    json_field_int(b, "sessions", (long long)peer->sessions);
    json_field_int(b, "events_in", peer->events_in);
    json_field_int(b, "events_out", peer->events_out);
    json_field_int(b, "coalesced", peer->coalesced);
    json_field_int(b, "dropped", peer->dropped);
    json_field_int(b, "lag_ms", peer->lag_ms);
    json_close(b, '}');
}

static void peers_put_status(const struct peers *p, buf *b)
{
    long long connects = p->link.calls.connects;
    json_key(b, "redis");
    if (p->link.on) {
        buf address = {0};
        redis_put_address(&p->link.calls, &address);
        json_open(b, '{');
        json_field_string(b, "state", redis_state_name(&p->link.calls));
        json_field_string(b, "why",
                          p->trouble[0]          ? p->trouble
                          : p->link.calls.why[0] ? p->link.calls.why
                                                 : NULL);
        json_field_string(b, "address", buf_cstr(&address));
        json_field_int(b, "protocol", p->link.calls.protocol);
        json_field_int(b, "reconnects", connects > 0 ? connects - 1 : 0);
        json_field_bool(b, "same_name", p->clash_at != 0);
        json_close(b, '}');
        buf_free(&address);
    } else {
        buf_str(b, "null");
    }
    json_key(b, "peers");
    json_open(b, '[');
    for (const struct peers_peer *peer = p->first; peer; peer = peer->next)
        peers_put_counters(peer, b);
    json_close(b, ']');
}

/* ---- life ----------------------------------------------------------------------------------- */

static void peers_leave(struct peers *p)
{
    if (p->cursor_timer.slot)
        peers_write_cursor(p);
    p->leaving = 1;
    streams_stop_reading(&p->link); /* no request is taken any more */
    if (p->link.ready)
        presence_beat(p);
    loop_timer_cancel(p->loop, &p->beat_timer);
}

static int peers_init(struct peers *p, struct loop *l, const struct config *config,
                      struct cache *cache, buf *error)
{
    *p = (struct peers){.loop = l, .config = config, .cache = cache};
    p->last = &p->first;
    if (!config->redis_url[0] || codec_name_is_good(span_of(config->computer)))
        return streams_init(&p->link, l, config, &peers_link_hooks, p, error);
    buf_str(error, "the computer's name is no good for others: up to 128 bytes of text");
    return -1;
}

static void peers_start(struct peers *p, const struct peers_hooks *hooks, void *ctx)
{
    const struct config *c = p->config;
    const struct {
        struct loop_timer *timer;
        void (*fn)(void *ctx);
    } timers[] = {{&p->beat_timer, presence_on_beat},
                  {&p->late_timer, presence_on_late},
                  {&p->cursor_timer, peers_on_cursor_due},
                  {&p->pull_timer, events_repull},
                  {&p->flush_timer, events_flush}};
    p->hooks = hooks;
    p->hooks_ctx = ctx;
    if (!p->link.on)
        return;
    for (size_t i = 0; i < COUNT_OF(timers); i++)
        *timers[i].timer = (struct loop_timer){.fn = timers[i].fn, .ctx = p};
    os_uuid(p->run);
    snprintf(p->self.name, sizeof p->self.name, "%s", c->computer);
    snprintf(p->self.user, sizeof p->self.user, "%s", config_user(c));
    snprintf(p->self.host, sizeof p->self.host, "%s", c->host);
    snprintf(p->self.telec, sizeof p->self.telec, "%s", TELEC_VERSION);
    p->messages = (struct streams_stream){
        .key = streams_key(STREAMS_REQUESTS_KEY, c->computer), .owner = p, .take = peers_take_request};
    p->events = (struct streams_stream){
        .key = streams_key(PEERS_EVENTS_KEY, c->computer), .owner = p, .take = events_take_event};
    peers_read_cursor(p);
    p->cache->on_session = peers_on_session;
    p->cache->session_ctx = p;
    streams_start(&p->link);
}

static void peers_free(struct peers *p)
{
    p->cache->on_session = NULL;
    streams_stream_free(&p->link, &p->messages);
    streams_stream_free(&p->link, &p->events);
    streams_free(&p->link);
    while (p->first)
        roster_free_peer(p->first);
    free(p->lost);
    p->lost = NULL;
    buf_free(&p->beat);
}
