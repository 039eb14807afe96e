/* Unit tests of roster: the table, and which of two states of a session counts. */

static void unit_roster_table(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a;
    test_begin("computers are found by name, and listed in the order they were heard, we first");
    unit_fleet_begin(&u);
    a = unit_fleet_new(&u, "hosta");
    unit_fleet_start(a);
    struct roster_peer *made[600];
    for (int i = 0; i < 600; i++) {
        struct codec_heartbeat beat = {0};
        snprintf(beat.name, sizeof beat.name, "c%d", i);
        made[i] = roster_add(&a->fleet, &beat);
    }
    for (int i = 0; i < 600; i++)
        CHECK(roster_find(&a->fleet, span_of(made[i]->beat.name)) == made[i]);
    CHECK(roster_find(&a->fleet, span_of("c600")) == NULL);
    CHECK(roster_find(&a->fleet, span_of("hosta")) == NULL);
    roster_remove(made[0]), roster_remove(made[599]), roster_remove(made[300]);
    CHECK_INT(a->fleet.count, 597);
    CHECK(roster_find(&a->fleet, span_of("c300")) == NULL);
    buf b = {0};
    json_open(&b, '[');
    roster_put_computers(&a->fleet, &b);
    json_close(&b, ']');
    struct json list;
    CHECK_INT(json_parse(buf_view(&b), &list, NULL, NULL), PARSE_DONE);
    struct json_iter it = json_iter(list);
    CHECK(json_next(&it) && json_text_eq(json_get(it.value, "name"), "hosta"));
    CHECK(json_next(&it) && json_text_eq(json_get(it.value, "name"), "c1"));
    CHECK(json_text_eq(json_get(it.value, "status"), "online"));
    buf_free(&b);
    unit_fleet_end(&u);
}

static int unit_roster_put(struct roster_peer *peer, const char *text, unsigned long long ms,
                           int listed)
{
    struct json object;
    struct codec_session told;
    const char *why;
    CHECK_INT(json_parse(span_of(text), &object, NULL, NULL), PARSE_DONE);
    CHECK(codec_parse_session(object, &told, &why));
    return roster_put_session(peer, &told, (struct codec_id){ms, 0}, listed);
}

static void unit_roster_states(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a;
    test_begin("of two states of a session the one that Redis took later counts");
    unit_fleet_begin(&u);
    a = unit_fleet_new(&u, "hosta");
    unit_fleet_start(a);
    struct codec_heartbeat one = {.name = "one"}, two = {.name = "two"};
    struct roster_peer *p = roster_add(&a->fleet, &one), *q = roster_add(&a->fleet, &two);
    CHECK_INT(unit_roster_put(p, "{\"session_id\":\"s\",\"title\":\"b\"}", 20, 0), 1);
    CHECK_INT(unit_roster_put(p, "{\"session_id\":\"s\",\"title\":\"a\"}", 10, 0), 0);
    CHECK_INT(unit_roster_put(p, "{\"session_id\":\"s\",\"title\":\"c\"}", 30, 1), 1);
    CHECK(strstr(unit_fleet_session(a, "s"), "\"c\"") != NULL);
    CHECK_INT(p->sessions, 1);

    test_begin("a session belongs to the computer that lists it, not to one that only tells of it");
    CHECK_INT(unit_roster_put(q, "{\"session_id\":\"s\"}", 40, 0), 0);
    CHECK_INT(unit_roster_put(q, "{\"session_id\":\"s\"}", 40, 1), 1);
    CHECK(strstr(unit_fleet_session(a, "s"), "\"two\"") != NULL);
    CHECK_INT(p->sessions, 0);
    CHECK_INT(q->sessions, 1);
    unit_fleet_put(a, "mine", "mine");
    CHECK_INT(unit_roster_put(q, "{\"session_id\":\"mine\"}", 40, 1), 0); /* ours stay ours */

    test_begin("an older list does not bring a removed session back, a newer one does");
    roster_note_removal(q, "s", (struct codec_id){30, 0}); /* older than what is known */
    CHECK(cache_find(&a->cache, "s") != NULL);
    roster_note_removal(q, "s", (struct codec_id){50, 0});
    CHECK(cache_find(&a->cache, "s") == NULL);
    CHECK_INT(unit_roster_put(q, "{\"session_id\":\"s\"}", 45, 1), 0);
    CHECK_INT(unit_roster_put(q, "{\"session_id\":\"s\"}", 55, 1), 1);
    for (int i = 0; i < ROSTER_REMOVED_MAX; i++) { /* the ring is as long as it says */
        char id[16];
        snprintf(id, sizeof id, "r%d", i);
        roster_note_removal(q, id, (struct codec_id){60, 0});
    }
    CHECK_INT(unit_roster_put(q, "{\"session_id\":\"r0\"}", 55, 1), 0);
    roster_note_removal(q, "more", (struct codec_id){60, 0});
    CHECK_INT(unit_roster_put(q, "{\"session_id\":\"r0\"}", 55, 1), 1);
    unit_fleet_end(&u);
}

static void unit_roster(void)
{
    unit_roster_table();
    unit_roster_states();
}
