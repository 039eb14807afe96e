/* Unit tests of events: sessions of other computers, as their events tell them. */

static void unit_events_send(struct unit_fleet *u, const char *id, const char *payload)
{
    unit_fleet_send(u, "session_events:hosta", id, (const char *const[]){"payload", payload, NULL});
}

static void unit_events_python(struct unit_fleet *u, struct unit_fleet_computer **a)
{
    unit_fleet_begin(u);
    *a = unit_fleet_new(u, "hosta");
    unit_fleet_subscribe(*a, CACHE_SESSIONS);
    unit_fleet_start(*a);
    UNIT_FLEET_UNTIL(u, (*a)->fleet.events.link && (*a)->fleet.streams.blocked);
    unit_fleet_beat(u, "python", "", 0);
    UNIT_FLEET_UNTIL(u, unit_fleet_knows(*a, "python"));
}

#define UNIT_EVENTS_SESSION(event, id, more)                                                       \
    "{\"event\":\"session_" event                                                                  \
    "\",\"source_computer\":\"python\",\"data\":{\"session_id\":\"" id "\"" more "}}"

static void unit_events_sessions(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a;
    test_begin("an event puts a session, under its sender's name, and another one removes it");
    unit_events_python(&u, &a);
    unit_events_send(&u, NULL, UNIT_EVENTS_SESSION("created", "p1", ",\"title\":\"x\""));
    UNIT_FLEET_UNTIL(&u, strstr(unit_fleet_session(a, "p1"), "\"computer\":\"python\""));
    unit_events_send(&u, NULL, UNIT_EVENTS_SESSION("updated", "p1", ",\"title\":\"y\""));
    UNIT_FLEET_UNTIL(&u, strstr(unit_fleet_session(a, "p1"), "\"y\""));
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&a->heard, "session_updated"));
    unit_events_send(&u, NULL, UNIT_EVENTS_SESSION("removed", "p1", ""));
    UNIT_FLEET_UNTIL(&u, !cache_find(&a->cache, "p1"));
    struct roster_peer *peer = roster_find(&a->fleet, span_of("python"));
    CHECK_INT(peer->events_in, 3);
    CHECK_INT(peer->sessions, 0);
    unit_fleet_end(&u);

    test_begin("of two events the later one counts, though its computer's clock was set back");
    unit_events_python(&u, &a);
    unit_events_send(&u, NULL, UNIT_EVENTS_SESSION("updated", "p1",
                     ",\"title\":\"new\",\"last_activity\":\"2026-01-02T00:00:00Z\""));
    unit_events_send(&u, NULL, UNIT_EVENTS_SESSION("updated", "p1",
                     ",\"title\":\"old\",\"last_activity\":\"2026-01-01T00:00:00Z\""));
    peer = roster_find(&a->fleet, span_of("python"));
    UNIT_FLEET_UNTIL(&u, strstr(unit_fleet_session(a, "p1"), "\"old\""));
    CHECK_INT(peer->dropped, 0);
    unit_fleet_end(&u);
}

static void unit_events_begin_at_end(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a;
    test_begin("events older than our interest are not read, and the last one's lag is known");
    unit_fleet_begin(&u);
    unit_events_send(&u, NULL, UNIT_EVENTS_SESSION("created", "old", ""));
    a = unit_fleet_new(&u, "hosta");
    unit_fleet_subscribe(a, CACHE_SESSIONS);
    unit_fleet_start(a);
    UNIT_FLEET_UNTIL(&u, a->fleet.events.link && a->fleet.streams.blocked);
    unit_fleet_beat(&u, "python", "", 0);
    UNIT_FLEET_UNTIL(&u, unit_fleet_knows(a, "python"));
    unit_events_send(&u, NULL, UNIT_EVENTS_SESSION("created", "new", ""));
    UNIT_FLEET_UNTIL(&u, cache_find(&a->cache, "new"));
    struct roster_peer *peer = roster_find(&a->fleet, span_of("python"));
    CHECK(cache_find(&a->cache, "old") == NULL);
    CHECK_INT(peer->events_in, 1);
    CHECK(peer->lag_ms >= 0 && peer->lag_ms < UNIT_FLEET_WAIT_MS);
    unit_fleet_end(&u);
}

static void unit_events_ignored(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a;
    test_begin("a computer can't tell of, or remove, sessions of another one");
    unit_events_python(&u, &a);
    unit_fleet_put(a, "mine", "my own");
    unit_events_send(&u, NULL, UNIT_EVENTS_SESSION("updated", "mine", ""));
    unit_events_send(&u, NULL, UNIT_EVENTS_SESSION("removed", "mine", ""));
    unit_events_send(&u, NULL, UNIT_EVENTS_SESSION("updated", "p2", ",\"computer\":\"other\""));
    unit_events_send(&u, NULL, UNIT_EVENTS_SESSION("updated", "p3", ",\"computer\":\"python\""));
    UNIT_FLEET_UNTIL(&u, cache_find(&a->cache, "p3"));
    CHECK(strstr(unit_fleet_session(a, "mine"), "my own") != NULL);
    CHECK(cache_find(&a->cache, "p2") == NULL);
    unit_fleet_end(&u);

    test_begin("malformed events are complained of, and the next ones count");
    unit_events_python(&u, &a);
    unit_events_send(&u, NULL, "nonsense");
    unit_events_send(&u, NULL, UNIT_EVENTS_SESSION("exploded", "p1", ""));
    unit_events_send(&u, NULL, UNIT_EVENTS_SESSION("updated", "../p1", ""));
    unit_fleet_send(&u, "session_events:hosta", NULL, (const char *const[]){"other", "x", NULL});
    unit_events_send(&u, NULL, UNIT_EVENTS_SESSION("updated", "p1", ""));
    UNIT_FLEET_UNTIL(&u, cache_find(&a->cache, "p1"));
    CHECK(unit_fleet_has(&u.logged, "an event of"));
    CHECK_INT(a->cache.count, 1);
    unit_fleet_end(&u);
}

/* Many events of python at once, in a stream of `most` entries; another computer is silent. */
static void unit_events_storm(struct unit_fleet *u, struct unit_fleet_computer **a, int count,
                              const char *most)
{
    unit_events_python(u, a);
    unit_fleet_beat(u, "silent", "", 0);
    UNIT_FLEET_UNTIL(u, unit_fleet_knows(*a, "silent"));
    struct roster_peer *peer = roster_find(&(*a)->fleet, span_of("python"));
    unit_events_send(u, NULL, UNIT_EVENTS_SESSION("updated", "p1", ""));
    UNIT_FLEET_UNTIL(u, peer->events_in == 1);
    for (peer = (*a)->fleet.first; peer; peer = peer->next) { /* nobody answers */
        peer->pulled_at = 1;
        peer->failures = PULL_FAILURES_MAX;
    }
    unit_fleet_for(u, 3 * STREAMS_REPLY_MS); /* what was asked ends */
    buf_clear(&u->asked);
    for (int i = 0; i < count; i++) {
        char *const words[] = {(char *)"XADD",   (char *)"session_events:hosta",
                               (char *)"MAXLEN", (char *)"~",
                               (char *)most,     (char *)"*",
                               (char *)"payload",
                               (char *)UNIT_EVENTS_SESSION("updated", "p1", "")};
        buf b = {0};
        unit_fleet_add(u, words, COUNT_OF(words), &b);
        buf_free(&b);
    }
    unit_fleet_wake(u);
    UNIT_FLEET_UNTIL(u, unit_fleet_has(&u->asked, "XRANGE session_events:hosta - + COUNT 1"));
}

static void unit_events_limits(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a;
    test_begin("a session past ROSTER_SESSIONS_MAX of one computer is dropped");
    unit_events_python(&u, &a);
    struct roster_peer *peer = roster_find(&a->fleet, span_of("python"));
    unit_events_send(&u, NULL, UNIT_EVENTS_SESSION("updated", "p1", ""));
    UNIT_FLEET_UNTIL(&u, cache_find(&a->cache, "p1"));
    peer->sessions += ROSTER_SESSIONS_MAX - 1;
    unit_events_send(&u, NULL, UNIT_EVENTS_SESSION("updated", "p2", ""));
    unit_events_send(&u, NULL, UNIT_EVENTS_SESSION("updated", "p1", ",\"title\":\"still\""));
    UNIT_FLEET_UNTIL(&u, strstr(unit_fleet_session(a, "p1"), "still"));
    CHECK(cache_find(&a->cache, "p2") == NULL);
    CHECK_INT(peer->dropped, 1);
    peer->sessions -= ROSTER_SESSIONS_MAX - 1;
    unit_fleet_end(&u);

    if (RESP_COUNT_MAX < 8 * EVENTS_SUSPECT)
        return; /* no reply has so many events */
    test_begin("a storm of events of which none is lost makes us ask for nothing");
    unit_events_storm(&u, &a, EVENTS_SUSPECT, "1000");
    unit_fleet_for(&u, 2 * PULL_AGAIN_MS);
    CHECK(!unit_fleet_has(&u.asked, "command list_sessions"));
    unit_fleet_end(&u);

    test_begin("events that may be lost make us pull from all computers again, once");
    unit_events_storm(&u, &a, EVENTS_SUSPECT + 20, "100");
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&u.asked, "XADD messages:python"));
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&u.asked, "XADD messages:silent"));
    unit_fleet_for(&u, 2 * PULL_AGAIN_MS);
    CHECK_INT(unit_fleet_times(&u.asked, "XADD messages:silent"), 1);
    unit_fleet_end(&u);
}

static void unit_events_unknown(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a;
    test_begin("an event of an unknown computer makes us read its key");
    unit_events_python(&u, &a);
    struct unit_fleet_key *key = unit_fleet_key(&u, "computer:later:heartbeat", 1);
    buf_str(&key->value, "{\"computer_name\":\"later\"}");
    unit_events_send(&u, NULL,
                     "{\"event\":\"session_updated\",\"source_computer\":\"later\",\"data\":"
                     "{\"session_id\":\"p1\"}}");
    UNIT_FLEET_UNTIL(&u, unit_fleet_knows(a, "later"));
    CHECK(unit_fleet_has(&u.asked, "MGET computer:later:heartbeat"));
    unit_fleet_end(&u);

    test_begin("an event stream whose end Redis refuses is asked for with the next heartbeat");
    unit_fleet_begin(&u);
    a = unit_fleet_new(&u, "hosta");
    u.refuse = "XREVRANGE session_events";
    unit_fleet_subscribe(a, CACHE_SESSIONS);
    unit_fleet_start(a);
    UNIT_FLEET_UNTIL(&u,
                     unit_fleet_has(&u.logged, "the end of the event stream of Redis: refused"));
    CHECK(a->fleet.events.link == NULL);
    u.refuse = NULL;
    UNIT_FLEET_UNTIL(&u, a->fleet.events.link);
    unit_fleet_end(&u);
}

static void unit_events(void)
{
    unit_events_sessions();
    unit_events_begin_at_end();
    unit_events_ignored();
    unit_events_limits();
    unit_events_unknown();
}
