/* Unit tests of presence: heartbeats of telec and TeleClaude daemons, the keys behind them. */

static void unit_presence_beats(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    test_begin("a computer is still listed after three heartbeats");
    unit_fleet_two(&u, &a, &b, CACHE_SESSIONS);
    long long beats = b->fleet.beats;
    UNIT_FLEET_UNTIL(&u, b->fleet.beats >= beats + 6); /* longer than PRESENCE_GONE_MS */
    CHECK(unit_fleet_knows(a, "hostb") && unit_fleet_knows(b, "hosta"));
    CHECK(!unit_fleet_has(&a->heard, "computer_removed"));
    unit_fleet_end(&u);
}

/* As a TeleClaude daemon: the key alone. */
static void unit_presence_beat_by_key(struct unit_fleet *u, int number, const char *more)
{
    char text[200];
    snprintf(text, sizeof text, "{\"computer_name\": \"python\", \"last_seen\": \"%d\"%s}",
             number, more);
    unit_fleet_set(u, "computer:python:heartbeat", text, 0);
}

static void unit_presence_foreign(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a;
    test_begin("a TeleClaude computer is found without local clients, and gets our events");
    unit_fleet_begin(&u);
    a = unit_fleet_new(&u, "hosta");
    unit_fleet_start(a);
    UNIT_FLEET_UNTIL(&u, a->fleet.beats > 1);
    unit_presence_beat_by_key(&u, 1, "");
    UNIT_FLEET_UNTIL(&u, unit_fleet_knows(a, "python"));
    unit_fleet_put(a, "s1", "one");
    unit_presence_beat_by_key(&u, 2, ", \"interested_in\": [\"sessions\"]");
    UNIT_FLEET_UNTIL(&u, presence_is_heard_abroad(&a->fleet));
    unit_fleet_put(a, "s1", "two");
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&u.asked, "XADD session_events:python"));
    CHECK(!unit_fleet_has(&u.asked, "list_sessions"));
    unit_fleet_end(&u);

    test_begin("an idle computer sends five commands and a SCAN at most between two heartbeats");
    unit_fleet_begin(&u);
    a = unit_fleet_new(&u, "hosta");
    unit_fleet_start(a);
    UNIT_FLEET_UNTIL(&u, a->fleet.beats > 1);
    long long beats = a->fleet.beats;
    buf_clear(&u.asked);
    for (int i = 3; a->fleet.beats < beats + 10; i++) {
        unit_presence_beat_by_key(&u, i, "");
        unit_fleet_pass(&u);
    }
    CHECK(unit_fleet_times(&u.asked, "|SCAN ") <= 11);
    CHECK(unit_fleet_times(&u.asked, "|") - unit_fleet_times(&u.asked, "|SCAN ") <= 5 * 11);
    unit_fleet_end(&u);
}

static void unit_presence_pulls(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    test_begin("a TeleClaude computer's sessions are pulled with its heartbeats, if subscribed");
    unit_fleet_begin(&u);
    a = unit_fleet_new(&u, "hosta");
    b = unit_fleet_new(&u, "hostb");
    unit_fleet_start(a);
    unit_fleet_start(b);
    b->fleet.self.telec[0] = '\0';
    UNIT_FLEET_UNTIL(&u, unit_fleet_knows(a, "hostb"));
    unit_fleet_for(&u, 3 * PRESENCE_BEAT_MS);
    CHECK(!unit_fleet_has(&u.asked, "list_sessions"));
    unit_fleet_subscribe(a, CACHE_SESSIONS);
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&a->heard, "\"sessions_at\":\""));
    buf_clear(&u.asked);
    long long beats = b->fleet.beats;
    UNIT_FLEET_UNTIL(&u, b->fleet.beats >= beats + 6);
    CHECK(unit_fleet_times(&u.asked, "command list_sessions ") >= 5);
    unit_fleet_end(&u);
}

static void unit_presence_skew(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    buf text = {0};
    test_begin("a computer's clock is compared with Redis's, whatever the age of its heartbeat");
    unit_fleet_two(&u, &a, &b, 0);
    struct roster_peer *peer = roster_find(&a->fleet, span_of("hostb"));
    UNIT_FLEET_UNTIL(&u, peer->beat.last_seen && llabs(peer->skew_ms) < 100);
    buf_str(&text, "{\"computer_name\":\"python\"");
    json_field_time(&text, "last_seen", clock_wall_ms() - 7200000);
    json_close(&text, '}');
    unit_fleet_set(&u, "computer:python:heartbeat", buf_cstr(&text), PRESENCE_GONE_MS - 200);
    UNIT_FLEET_UNTIL(&u, (peer = roster_find(&a->fleet, span_of("python"))) && peer->skew_ms);
    CHECK(peer->skew_ms < -6999000 && peer->skew_ms > -7200000 - 5000);
    buf_clear(&text);
    json_open(&text, '{');
    roster_put_counters(peer, &text);
    CHECK(unit_fleet_has(&text, "\"skew_s\":-7"));
    buf_clear(&text); /* how old a heartbeat in a key is, is not known yet */
    buf_str(&text, "{\"computer_name\":\"old\",\"telec\":\"1\"");
    json_field_time(&text, "last_seen", clock_wall_ms() - 20000);
    json_close(&text, '}');
    presence_hear(&a->fleet, buf_view(&text));
    CHECK_INT(roster_find(&a->fleet, span_of("old"))->skew_ms, 0);
    buf_free(&text);
    unit_fleet_end(&u);
}

static void unit_presence_silence(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    test_begin("a computer without heartbeats is stale, then gone, with its sessions");
    unit_fleet_two(&u, &a, &b, CACHE_SESSIONS);
    unit_fleet_put(b, "s1", "one");
    UNIT_FLEET_UNTIL(&u, cache_find(&a->cache, "s1"));
    unit_fleet_stop(b); /* without a good-bye */
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&a->heard, "\"status\":\"stale\""));
    CHECK(cache_find(&a->cache, "s1") != NULL);
    UNIT_FLEET_UNTIL(&u, !unit_fleet_knows(a, "hostb"));
    CHECK(unit_fleet_has(&a->heard, "computer_removed"));
    CHECK(cache_find(&a->cache, "s1") == NULL);
    unit_fleet_end(&u);
}

static void unit_presence_judges(void)
{
    static const struct {
        long long age, ttl;
        int listed, stale;
    } cases[] = {{PRESENCE_STALE_MS - 1, -1, 1, 0},
                 {PRESENCE_STALE_MS, -1, 1, 1},
                 {PRESENCE_GONE_MS + 1, -1, 1, 1}, /* its key is there, and does not expire */
                 {PRESENCE_GONE_MS + 1, PRESENCE_GONE_MS - 1, 1, 0}, /* its key is new */
                 {0, PRESENCE_GONE_MS - PRESENCE_STALE_MS, 1, 1},
                 {PRESENCE_GONE_MS - 1, -2, 1, 1},
                 {PRESENCE_GONE_MS, -2, 0, 0}};
    struct unit_fleet u;
    const struct codec_heartbeat beat = {.name = "hostb"};
    test_begin("a computer is stale at PRESENCE_STALE_MS, gone at PRESENCE_GONE_MS, not before");
    unit_fleet_begin(&u);
    struct unit_fleet_computer *a = unit_fleet_new(&u, "hosta");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct roster_peer *peer = roster_add(&a->fleet, &beat);
        peer->beat_at = u.loop.now - cases[i].age;
        presence_judge(peer, cases[i].ttl);
        CHECK_INT(unit_fleet_knows(a, "hostb"), cases[i].listed);
        if (cases[i].listed) {
            CHECK_INT(peer->stale, cases[i].stale);
            roster_remove(peer);
        }
    }
    unit_fleet_end(&u);
}

static void unit_presence_leaving(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    test_begin("a computer that leaves is removed at once, and its key is deleted");
    unit_fleet_two(&u, &a, &b, CACHE_SESSIONS);
    long long before = clock_mono_ms();
    peers_leave(&b->fleet);
    UNIT_FLEET_UNTIL(&u, !unit_fleet_knows(a, "hostb"));
    CHECK(clock_mono_ms() < before + PRESENCE_STALE_MS);
    CHECK(unit_fleet_key(&u, "computer:hostb:heartbeat", 0) == NULL);
    UNIT_FLEET_UNTIL(&u, !streams_is_busy(&b->fleet.streams));
    unit_fleet_end(&u);
}

static void unit_presence_eternal(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    test_begin("a key that does not expire keeps its computer listed, and is read now and then");
    unit_fleet_two(&u, &a, &b, CACHE_SESSIONS);
    unit_fleet_beat(&u, "python", "", 0);
    UNIT_FLEET_UNTIL(&u, unit_fleet_knows(a, "python"));
    struct roster_peer *peer = roster_find(&a->fleet, span_of("python"));
    UNIT_FLEET_UNTIL(&u, peer->stale);
    unit_fleet_for(&u, PRESENCE_GONE_MS - PRESENCE_STALE_MS + 50);
    buf_clear(&u.asked);
    long long before = clock_mono_ms();
    unit_fleet_for(&u, 5 * PRESENCE_LATE_MS);
    int looks = unit_fleet_times(&u.asked, "|PTTL computer:python:heartbeat|");
    CHECK(looks >= 1 && looks <= 2 * (1 + (clock_mono_ms() - before) / PRESENCE_LATE_MS));
    CHECK(unit_fleet_knows(a, "python"));
    unit_fleet_end(&u);
}

static void unit_presence_full_queue(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    test_begin("a look at a key survives that only one of its two commands could be sent");
    unit_fleet_two(&u, &a, &b, CACHE_SESSIONS);
    struct roster_peer *peer = roster_find(&a->fleet, span_of("hostb"));
    UNIT_FLEET_UNTIL(&u, !peer->checking);
    struct redis *r = &a->fleet.streams.calls;
    while (r->pending_count < REDIS_PENDING_MAX - 1)
        CHECK_INT(streams_call(&a->fleet.streams, (const char *const[]){"PING", NULL}, NULL, NULL),
                  1);
    presence_check(peer); /* room for MGET, none for PTTL */
    CHECK_INT(r->pending_count, REDIS_PENDING_MAX);
    CHECK_INT(peer->checking, 0);
    UNIT_FLEET_UNTIL(&u, r->pending_count < 10);
    UNIT_FLEET_UNTIL(&u, !peer->checking);
    while (r->pending_count < REDIS_PENDING_MAX)
        streams_call(&a->fleet.streams, (const char *const[]){"PING", NULL}, NULL, NULL);
    presence_check(peer); /* no room at all */
    CHECK_INT(peer->checking, 0);
    UNIT_FLEET_UNTIL(&u, r->pending_count < 10);
    CHECK(unit_fleet_knows(a, "hostb"));
    unit_fleet_end(&u);
}

static void unit_presence_names(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    test_begin("another computer with our name is told of, until it is silent for three beats");
    unit_fleet_two(&u, &a, &b, CACHE_SESSIONS);
    unit_fleet_beat(&u, "hosta", ",\"telec\":\"1\",\"instance\":\"other\",\"host\":\"elsewhere\"",
                    0);
    UNIT_FLEET_UNTIL(&u, a->fleet.clash_at);
    UNIT_FLEET_UNTIL(&u,
                     unit_fleet_has(&u.logged, "another computer (elsewhere) has the name hosta"));
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&a->heard, "another computer has the same name"));
    UNIT_FLEET_UNTIL(&u, !a->fleet.clash_at);
    unit_fleet_end(&u);
}

static void unit_presence_bad(void)
{
    static const char *const bad[] = {"{}", "nonsense", "{\"computer_name\":\"\"}",
                                      "{\"computer_name\":\"a\\u0001\"}"};
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    test_begin("heartbeats that are no heartbeats are ignored, and complained of now and then");
    unit_fleet_two(&u, &a, &b, CACHE_SESSIONS);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        unit_fleet_publish(&u, PRESENCE_CHANNEL, bad[i]);
    buf big = {0};
    buf_str(&big, "{\"computer_name\":\"big\",\"x\":\"");
    while (big.n < PRESENCE_TEXT_MAX)
        buf_byte(&big, 'x');
    buf_str(&big, "\"}");
    unit_fleet_publish(&u, PRESENCE_CHANNEL, buf_cstr(&big));
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&u.logged, "a heartbeat of"));
    unit_fleet_for(&u, 50);
    CHECK_INT(a->fleet.count, 1);
    CHECK_INT(unit_fleet_times(&u.logged, "a heartbeat of"), 2); /* one by each computer */
    buf_free(&big);
    unit_fleet_end(&u);
}

static void unit_presence_many(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    test_begin("a computer past ROSTER_MAX is ignored");
    unit_fleet_two(&u, &a, &b, 0);
    size_t count = a->fleet.count;
    a->fleet.count = ROSTER_MAX;
    unit_fleet_beat(&u, "python", "", 0);
    UNIT_FLEET_UNTIL(&u, unit_fleet_knows(b, "python"));
    unit_fleet_for(&u, 30);
    CHECK(!unit_fleet_knows(a, "python"));
    CHECK(unit_fleet_has(&u.logged, "too many computers"));
    a->fleet.count = count;
    UNIT_FLEET_UNTIL(&u, (presence_scan(&a->fleet), unit_fleet_knows(a, "python")));
    unit_fleet_end(&u);
}

static void unit_presence_restart(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    test_begin("a telec daemon that restarts is pulled from again");
    unit_fleet_two(&u, &a, &b, CACHE_SESSIONS);
    struct roster_peer *peer = roster_find(&a->fleet, span_of("hostb"));
    long long life = peer->life, listing = a->fleet.listing;
    snprintf(b->fleet.self.instance, sizeof b->fleet.self.instance, "another run");
    presence_beat(&b->fleet);
    UNIT_FLEET_UNTIL(&u, peer->life != life && a->fleet.listing > listing);
    unit_fleet_end(&u);
}

static void unit_presence_refused(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    buf status = {0};
    test_begin("a refused heartbeat is in the log and the status, until one is taken");
    unit_fleet_two(&u, &a, &b, 0);
    u.refuse = "SETEX computer:hosta";
    UNIT_FLEET_UNTIL(&u, a->fleet.refusal[0]);
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&u.logged, "Redis refuses the heartbeat: ERR refused"));
    json_open(&status, '{');
    peers_put_status(&a->fleet, &status);
    CHECK(unit_fleet_has(&status, "\"why\":\"ERR refused for a test\""));
    u.refuse = NULL;
    UNIT_FLEET_UNTIL(&u, !a->fleet.refusal[0]);
    u.refuse = "SCAN";
    unit_fleet_subscribe(a, CACHE_SESSIONS);
    unit_fleet_for(&u, 30);
    CHECK_INT(a->fleet.scanning, 0); /* tried again with the next heartbeat */
    u.refuse = NULL;
    buf_free(&status);
    unit_fleet_end(&u);
}

static void unit_presence(void)
{
    unit_presence_beats();
    unit_presence_foreign();
    unit_presence_pulls();
    unit_presence_skew();
    unit_presence_silence();
    unit_presence_judges();
    unit_presence_leaving();
    unit_presence_eternal();
    unit_presence_full_queue();
    unit_presence_names();
    unit_presence_bad();
    unit_presence_many();
    unit_presence_restart();
    unit_presence_refused();
}
