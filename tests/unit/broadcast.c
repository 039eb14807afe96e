/* Unit tests of broadcast: our sessions to TeleClaude's observers. */

static void unit_broadcast_text(void)
{
    test_begin("a piece of output ends behind a whole character");
    CHECK_INT(broadcast_whole(span_of("abc")), 3);
    CHECK_INT(broadcast_whole(span_of("a\xe2\x82\xac")), 4);
    CHECK_INT(broadcast_whole(span_of("a\xe2\x82")), 1);
    CHECK_INT(broadcast_whole(span_of("a\xf0\x9f\x98")), 1);
    CHECK_INT(broadcast_whole(span_of("\xe2")), 0);
    CHECK_INT(broadcast_whole(span_of("")), 0);
    CHECK_INT(broadcast_whole(span_of("a\x82\x82\x82\x82")), 5); /* no character: as it is */
}

static void unit_broadcast_output(void)
{
    struct unit_requests r;
    test_begin("a session that changes is broadcast to a TeleClaude daemon while its key exists");
    unit_requests_begin(&r);
    struct broadcasts *all = &r.a->requests.broadcasts;
    unit_fleet_beat(&r.u, "python", ",\"interested_in\":[\"sessions\"]", 0);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_knows(r.a, "python"));
    sessions_rename(r.h.session, "changed"); /* no key: nothing */
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&r.u.asked, "EXISTS observation:hosta:s1"));
    unit_fleet_for(&r.u, BROADCAST_ACTIVITY_MS + CACHE_UPDATE_MS);
    CHECK_INT(all->count, 0);
    unit_fleet_set(&r.u, "observation:hosta:s1", "{}", 0);
    all->count += BROADCAST_MAX; /* too many: not this one */
    sessions_rename(r.h.session, "again");
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_times(&r.u.asked, "EXISTS observation:hosta:s1") >= 2);
    unit_fleet_for(&r.u, BROADCAST_ACTIVITY_MS + CACHE_UPDATE_MS);
    all->count -= BROADCAST_MAX;
    CHECK_INT(all->count, 0);
    sessions_rename(r.h.session, "once more");
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&r.u.asked, "<snapshot>"));
    unit_fleet_for(&r.u, 2 * BROADCAST_CHECK_MS);
    CHECK_INT(all->count, 1);
    unit_fleet_output(&r.h, "tail");
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&r.u.asked, "chunk tail timestamp"));
    CHECK(unit_fleet_has(&r.u.asked, "EXPIRE output:s1 60"));

    test_begin("while Redis does not answer output is kept up to a limit, then the holder waits");
    r.u.silent = "XADD output:s1";
    char *big = base_alloc(BROADCAST_CHUNK_MAX + 1);
    memset(big, 'x', BROADCAST_CHUNK_MAX);
    for (int i = 0; i < 16; i++) {
        unit_fleet_output(&r.h, big);
        unit_fleet_for(&r.u, 5);
    }
    CHECK(all->first && all->first->in_flight <= BROADCAST_IN_FLIGHT_MAX);
    CHECK(all->first && all->first->bytes.n <= BROADCAST_BACKLOG + 3 * BROADCAST_CHUNK_MAX);
    free(big);
    r.u.silent = NULL;
    unit_requests_end(&r);

    test_begin("a broadcast ends with its session, after the last output, and with its key");
    unit_requests_begin(&r);
    all = &r.a->requests.broadcasts;
    unit_fleet_beat(&r.u, "python", ",\"interested_in\":[\"sessions\"]", 0);
    unit_fleet_set(&r.u, "observation:hosta:s1", "{}", 0);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_knows(r.a, "python"));
    sessions_rename(r.h.session, "changed");
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&r.u.asked, "<snapshot>"));
    unit_fleet_output(&r.h, "the end");
    for (int i = 0; i < UNIT_FLEET_VIEWERS; i++)
        if (r.h.viewers[i].views)
            conn_finish(&r.h.viewers[i].conn);
    UNIT_FLEET_UNTIL(&r.u, all->count == 0);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&r.u.asked, "chunk the end"));
    unit_fleet_for(&r.u, BROADCAST_ACTIVITY_MS);
    sessions_rename(r.h.session, "again");
    UNIT_FLEET_UNTIL(&r.u, all->count == 1);
    unit_fleet_drop(&r.u, "observation:hosta:s1");
    UNIT_FLEET_UNTIL(&r.u, all->count == 0);
    unit_requests_end(&r);
}

static void unit_broadcast(void)
{
    unit_broadcast_text();
    unit_broadcast_output();
}
