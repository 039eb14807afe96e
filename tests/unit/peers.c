/* Unit tests of peers: our events to others, the cursor of requests, coming back, leaving. */

static void unit_peers_events(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    test_begin("our events go to interested computers only");
    unit_fleet_two(&u, &a, &b, 0);
    unit_fleet_put(b, "s1", "one");
    unit_fleet_for(&u, 30);
    CHECK(!unit_fleet_has(&u.asked, "XADD session_events:"));
    unit_fleet_subscribe(a, CACHE_SESSIONS);
    UNIT_FLEET_UNTIL(&u, cache_find(&a->cache, "s1"));
    unit_fleet_put(b, "s2", "two");
    UNIT_FLEET_UNTIL(&u, cache_find(&a->cache, "s2"));
    cache_remove(&b->cache, "s2");
    UNIT_FLEET_UNTIL(&u, !cache_find(&a->cache, "s2"));
    CHECK(!unit_fleet_has(&u.asked, "XADD session_events:hostb"));
    unit_fleet_subscribe(a, 0);
    UNIT_FLEET_UNTIL(&u, !roster_find(&b->fleet, span_of("hosta"))->beat.interest);
    CHECK(a->fleet.events.link == NULL);
    unit_fleet_end(&u);

    test_begin("events past PEERS_IN_FLIGHT_MAX are deferred, and the last state goes out");
    unit_fleet_two(&u, &a, &b, CACHE_SESSIONS);
    b->fleet.in_flight += PEERS_IN_FLIGHT_MAX + 1;
    unit_fleet_put(b, "s1", "one");
    CHECK_INT(b->fleet.held, 1);
    unit_fleet_for(&u, 30);
    CHECK(cache_find(&a->cache, "s1") == NULL);
    b->fleet.in_flight -= PEERS_IN_FLIGHT_MAX + 1;
    unit_fleet_put(b, "s2", "two"); /* its answer sends what was deferred */
    UNIT_FLEET_UNTIL(&u, cache_find(&a->cache, "s1") && cache_find(&a->cache, "s2"));
    CHECK_INT(b->fleet.held, 0);
    unit_fleet_end(&u);

    test_begin("an event that Redis refuses is complained of");
    unit_fleet_two(&u, &a, &b, CACHE_SESSIONS);
    u.refuse = "XADD session_events";
    unit_fleet_put(b, "s1", "one");
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&u.logged, "an event of Redis: refused: ERR refused"));
    UNIT_FLEET_UNTIL(&u, b->fleet.in_flight == 0);
    unit_fleet_end(&u);
}

static void unit_peers_foreign(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a;
    test_begin("a TeleClaude daemon gets all sessions, and the removals, when we come back");
    unit_fleet_begin(&u);
    a = unit_fleet_new(&u, "hosta");
    unit_fleet_put(a, "s1", "one");
    unit_fleet_start(a);
    unit_fleet_put(a, "s2", "two");
    UNIT_FLEET_UNTIL(&u, a->fleet.streams.ready);
    unit_fleet_beat(&u, "python", ",\"interested_in\":[\"sessions\"]", 0);
    UNIT_FLEET_UNTIL(&u, unit_fleet_knows(a, "python"));
    CHECK_INT(presence_is_heard_abroad(&a->fleet), 1);
    redis_restart(&a->fleet.streams.calls);
    UNIT_FLEET_UNTIL(&u, !a->fleet.streams.ready);
    cache_remove(&a->cache, "s1");
    CHECK_INT(a->fleet.removal_count, 1);
    struct cache_session gone = {.id = (char *)"gone", .computer = (char *)"hosta"};
    for (int i = 0; i < PEERS_REMOVALS_MAX; i++)
        peers_on_session(&a->fleet, &gone, 1);
    CHECK_INT(a->fleet.removal_count, PEERS_REMOVALS_MAX);
    a->fleet.removal_count = 1;
    buf_clear(&u.asked);
    UNIT_FLEET_UNTIL(&u,
                     unit_fleet_has(&u.asked, "session_updated\",\"data\":{\"session_id\":\"s2\""));
    CHECK(unit_fleet_has(&u.asked, "session_removed\",\"data\":{\"session_id\":\"s1\""));
    CHECK_INT(a->fleet.removal_count, 0);
    unit_fleet_end(&u);
}

static int unit_peers_cursor_is(struct unit_fleet_computer *c, const char *want)
{
    buf b = {0};
    int same = store_read(c->state, PEERS_CURSOR_FILE, &b) == 0 && span_eq(buf_view(&b), want);
    buf_free(&b);
    return same;
}

static void unit_peers_cursor(void)
{
    static const char *const list[] = {"command", "list_sessions", "initiator", "python", NULL};
    static const char *const change[] = {"command", "message nobody hi", "initiator", "python",
                                         NULL};
    struct unit_fleet u;
    struct unit_fleet_computer *a;
    test_begin("requests older than the first start are not handled; later ones are, once");
    unit_fleet_begin(&u);
    unit_fleet_send(&u, "messages:hosta", "5-1", list);
    a = unit_fleet_new(&u, "hosta");
    unit_fleet_start(a);
    UNIT_FLEET_UNTIL(&u, a->fleet.messages.link);
    CHECK(unit_peers_cursor_is(a, "5-1 hosta"));
    *unit_syncs = 0;
    unit_fleet_send(&u, "messages:hosta", "6-1", list);
    UNIT_FLEET_UNTIL(&u, unit_fleet_reply(&u, "6-1"));
    CHECK(unit_fleet_reply(&u, "5-1") == NULL);
    CHECK(unit_peers_cursor_is(a, "5-1 hosta")); /* that one can wait … */
    UNIT_FLEET_UNTIL(&u, unit_peers_cursor_is(a, "6-1 hosta"));
    unit_fleet_send(&u, "messages:hosta", "7-1", change);
    UNIT_FLEET_UNTIL(&u, unit_fleet_reply(&u, "7-1"));
    CHECK(unit_peers_cursor_is(a, "7-1 hosta")); /* … this one is noted first */
    CHECK_INT(*unit_syncs, 0); /* other computers may ask a hundred times a second */
    unit_fleet_send(&u, "messages:hosta", "8-1", list);
    UNIT_FLEET_UNTIL(&u, unit_fleet_reply(&u, "8-1"));
    peers_leave(&a->fleet);
    CHECK(unit_peers_cursor_is(a, "8-1 hosta"));
    unit_fleet_stop(a);

    test_begin("a new daemon goes on from the cursor");
    unit_fleet_send(&u, "messages:hosta", "9-1", list);
    unit_fleet_drop(&u, "output:8-1");
    a = unit_fleet_new(&u, "hosta");
    unit_fleet_start(a);
    UNIT_FLEET_UNTIL(&u, unit_fleet_reply(&u, "9-1"));
    CHECK(unit_fleet_reply(&u, "8-1") == NULL);
    unit_fleet_stop(a);

    test_begin("a cursor of another name, or past the stream's end, is not believed");
    store_write(a->state, PEERS_CURSOR_FILE, span_of("1-1 other"));
    a = unit_fleet_new(&u, "hosta");
    unit_fleet_start(a);
    UNIT_FLEET_UNTIL(&u, a->fleet.messages.link);
    CHECK(unit_peers_cursor_is(a, "9-1 hosta"));
    unit_fleet_end(&u);

    unit_fleet_begin(&u);
    a = unit_fleet_new(&u, "hosta");
    store_write(a->state, PEERS_CURSOR_FILE, span_of("99-1 hosta"));
    unit_fleet_send(&u, "messages:hosta", "5-1", list);
    unit_fleet_start(a);
    UNIT_FLEET_UNTIL(&u, a->fleet.messages.link);
    CHECK(unit_peers_cursor_is(a, "5-1 hosta"));
    unit_fleet_end(&u);

    test_begin("a change that can't be noted as handled is not made");
    unit_fleet_begin(&u);
    a = unit_fleet_new(&u, "hosta");
    unit_fleet_start(a);
    UNIT_FLEET_UNTIL(&u, a->fleet.messages.link);
    a->config.state = (char *)"/dev/null/none";
    unit_fleet_send(&u, "messages:hosta", NULL, change);
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&u.asked, "\"code\":\"CURSOR\""));
    CHECK(unit_fleet_has(&u.logged, "cannot write /dev/null/none/"));
    a->config.state = a->state;
    unit_fleet_end(&u);

    test_begin("a request that came later than its asker waits, or from the future, is refused");
    unit_fleet_begin(&u);
    a = unit_fleet_new(&u, "hosta");
    unit_fleet_start(a);
    UNIT_FLEET_UNTIL(&u, a->fleet.messages.link);
    static const int ages[] = {4000, 5100, -5100};
    for (size_t i = 0; i < COUNT_OF(ages); i++) {
        char asked[24];
        int late = i > 0;
        snprintf(asked, sizeof asked, "%lld", streams_now(&a->fleet.streams) - ages[i]);
        buf_clear(&u.asked);
        unit_fleet_send(&u, "messages:hosta", NULL,
                        (const char *const[]){"command", "end_session nobody", "initiator", "b",
                                              "asked_ms", asked, "wait_ms", "5000", NULL});
        UNIT_FLEET_UNTIL(&u, unit_fleet_has(&u.asked, "XADD output:"));
        CHECK_INT(unit_fleet_has(&u.asked, "\"code\":\"EXPIRED\""), late);
        CHECK_INT(unit_fleet_has(&u.asked, "\"code\":\"NOT_FOUND\""), !late);
    }
    unit_fleet_end(&u);

    test_begin("a request stream whose end Redis refuses is read after a later heartbeat");
    unit_fleet_begin(&u);
    a = unit_fleet_new(&u, "hosta");
    u.refuse = "XREVRANGE messages:";
    unit_fleet_start(a);
    UNIT_FLEET_UNTIL(&u,
                     unit_fleet_has(&u.logged, "the end of the request stream of Redis: refused"));
    CHECK(a->fleet.messages.link == NULL);
    u.refuse = NULL;
    UNIT_FLEET_UNTIL(&u, a->fleet.messages.link);
    unit_fleet_end(&u);
}

static void unit_peers_status(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    buf s = {0}, error = {0};
    test_begin("the status tells of Redis and of each computer");
    unit_fleet_two(&u, &a, &b, CACHE_SESSIONS);
    unit_fleet_put(b, "s1", "one");
    UNIT_FLEET_UNTIL(&u, cache_find(&a->cache, "s1"));
    json_open(&s, '{');
    peers_put_status(&a->fleet, &s);
    json_close(&s, '}');
    CHECK(unit_fleet_has(&s, "\"redis\":{\"state\":\"ready\",\"why\":null,\"address\":\"unix:"));
    CHECK(unit_fleet_has(&s, "\"name\":\"hostb\",\"status\":\"online\",\"interested\":false,"
                             "\"sessions\":1,\"events_in\":1"));
    unit_fleet_end(&u);

    test_begin("a name that others could not use is refused, and without a url nothing runs");
    unit_fleet_begin(&u);
    struct fleet f;
    struct config config = {.redis_url = (char *)"unix:/x", .computer = (char *)"a\nb"};
    struct cache cache;
    cache_init(&cache, unit_cache_encode);
    CHECK_INT(peers_init(&f, &u.loop, &config, &cache, &error), -1);
    CHECK(unit_fleet_has(&error, "[computer] name"));
    config.redis_url = (char *)"";
    CHECK_INT(peers_init(&f, &u.loop, &config, &cache, &error), 0);
    peers_start(&f, NULL, NULL);
    peers_set_interest(&f, CACHE_SESSIONS);
    buf_clear(&s);
    json_open(&s, '{');
    peers_put_status(&f, &s);
    CHECK_SPAN(buf_view(&s), "{\"redis\":null,\"peers\":[]");
    CHECK(roster_find(&f, span_of("a")) == NULL);
    peers_free(&f);
    cache_free(&cache);
    buf_free(&s), buf_free(&error);
    unit_fleet_end(&u);
}

static void unit_peers(void)
{
    unit_peers_events();
    unit_peers_foreign();
    unit_peers_cursor();
    unit_peers_status();
}
