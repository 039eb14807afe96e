/* Unit tests of pull: lists of other computers, and clients that wait for them. */

static void unit_pull_sessions(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    test_begin("a list of sessions adds those that are new and drops those that are gone");
    unit_fleet_begin(&u);
    a = unit_fleet_new(&u, "hosta");
    b = unit_fleet_new(&u, "hostb");
    unit_fleet_put(b, "s1", "one");
    unit_fleet_put(b, "s2", "two");
    unit_fleet_start(a);
    unit_fleet_start(b);
    UNIT_FLEET_UNTIL(&u, unit_fleet_knows(a, "hostb") && unit_fleet_knows(b, "hosta"));
    CHECK(cache_find(&a->cache, "s1") == NULL); /* no interest, no list */
    unit_fleet_subscribe(a, CACHE_SESSIONS);
    UNIT_FLEET_UNTIL(&u, cache_find(&a->cache, "s1") && cache_find(&a->cache, "s2"));
    b->cache.on_session = NULL; /* no event of it goes out */
    cache_remove(&b->cache, "s1");
    pull_refresh(&a->fleet);
    UNIT_FLEET_UNTIL(&u, !cache_find(&a->cache, "s1"));
    CHECK(cache_find(&a->cache, "s2") != NULL);
    unit_fleet_end(&u);

    test_begin("a second pull while one is pending follows it, once");
    unit_fleet_two(&u, &a, &b, CACHE_SESSIONS);
    struct roster_peer *peer = roster_find(&a->fleet, span_of("hostb"));
    UNIT_FLEET_UNTIL(&u, !peer->pulling && !peer->pull_again);
    buf_clear(&u.asked);
    pull_sessions(peer), pull_sessions(peer), pull_sessions(peer);
    UNIT_FLEET_UNTIL(&u, !peer->pulling && !peer->pull_again);
    CHECK_INT(unit_fleet_times(&u.asked, "XADD messages:hostb"), 2);
    unit_fleet_end(&u);
}

static void unit_pull_failures(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a;
    test_begin("a list that does not come is requested PULL_FAILURES_MAX times more");
    unit_fleet_begin(&u);
    a = unit_fleet_new(&u, "hosta");
    unit_fleet_subscribe(a, CACHE_SESSIONS);
    unit_fleet_start(a);
    UNIT_FLEET_UNTIL(&u, a->fleet.streams.ready);
    struct codec_heartbeat beat = {.name = "mute", .telec = "1"};
    struct roster_peer *peer = roster_add(&a->fleet, &beat);
    pull_all(peer, CACHE_SESSIONS);
    UNIT_FLEET_UNTIL(&u, peer->failures > 1);
    CHECK(unit_fleet_has(&u.logged, "list_sessions of mute: does not answer;"));
    CHECK_INT(peer->pulled_at, 0);
    unit_fleet_end(&u);
}

static void unit_pull_bad_lists(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    test_begin("of a list with unusable sessions the others count");
    unit_fleet_two(&u, &a, &b, CACHE_SESSIONS);
    struct roster_peer *peer = roster_find(&a->fleet, span_of("hostb"));
    struct codec_reply reply = {.good = 1};
    json_parse(span_of("[{\"session_id\":\"ok\"},{\"session_id\":\"../bad\"},7]"), &reply.data,
               NULL, NULL);
    pull_merge_sessions(peer, NULL, &reply, (struct codec_id){99999999999999ULL, 0});
    CHECK(cache_find(&a->cache, "ok") != NULL);
    CHECK_INT(peer->sessions, 1);
    json_parse(span_of("{}"), &reply.data, NULL, NULL); /* no list: nothing is dropped */
    pull_merge_sessions(peer, NULL, &reply, (struct codec_id){99999999999999ULL, 1});
    CHECK(cache_find(&a->cache, "ok") != NULL);
    CHECK_INT(peer->suspect, 1);
    unit_fleet_end(&u);
}

struct unit_pull_waiter {
    struct pull_gather gather;
    int done;
};

static void unit_pull_on_done(void *ctx)
{
    ((struct unit_pull_waiter *)ctx)->done++;
}

static void unit_pull_gathers(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    struct unit_pull_waiter w = {0}, other = {0};
    test_begin("without a subscription a gather waits for the list, and not longer");
    unit_fleet_two(&u, &a, &b, 0);
    unit_fleet_put(b, "s1", "one");
    CHECK_INT(pull_must_ask(&a->fleet, "hostb"), 1);
    CHECK_INT(pull_must_ask(&a->fleet, "nobody"), 0);
    w.gather = (struct pull_gather){.topics = CACHE_SESSIONS, .done = unit_pull_on_done, .ctx = &w};
    CHECK_INT(pull_gather(&a->fleet, &w.gather, 5000), 1);
    CHECK_INT(w.done, 0);
    UNIT_FLEET_UNTIL(&u, w.done);
    CHECK(cache_find(&a->cache, "s1") != NULL);
    w.gather.computer = "nobody";
    CHECK_INT(pull_gather(&a->fleet, &w.gather, 5000), 0);
    CHECK_INT(w.done, 1);

    test_begin(
        "a gather of a computer that does not answer ends after its time; a cancelled never");
    struct codec_heartbeat beat = {.name = "mute", .telec = "1"};
    roster_add(&a->fleet, &beat);
    w = (struct unit_pull_waiter){.gather = {.topics = CACHE_SESSIONS, .computer = "mute",
                                             .done = unit_pull_on_done, .ctx = &w}};
    other = (struct unit_pull_waiter){.gather = {.topics = CACHE_SESSIONS, .computer = "mute",
                                                 .done = unit_pull_on_done, .ctx = &other}};
    CHECK_INT(pull_gather(&a->fleet, &w.gather, 50), 1);
    CHECK_INT(pull_gather(&a->fleet, &other.gather, 50), 1);
    pull_gather_cancel(&other.gather);
    pull_gather_cancel(&other.gather);
    UNIT_FLEET_UNTIL(&u, w.done);
    unit_fleet_for(&u, 80);
    CHECK_INT(w.done, 1);
    CHECK_INT(other.done, 0);
    unit_fleet_end(&u);

    test_begin("at a daemon's start a gather waits for other computers, and for their lists");
    unit_fleet_begin(&u);
    b = unit_fleet_new(&u, "hostb");
    unit_fleet_put(b, "s1", "one");
    unit_fleet_start(b);
    UNIT_FLEET_UNTIL(&u, b->fleet.messages.link && b->fleet.beats);
    a = unit_fleet_new(&u, "hosta");
    unit_fleet_start(a);
    w = (struct unit_pull_waiter){.gather = {.topics = CACHE_SESSIONS, .done = unit_pull_on_done,
                                             .ctx = &w}};
    other = (struct unit_pull_waiter){.gather = {.computer = "nobody", .done = unit_pull_on_done,
                                                 .ctx = &other}};
    CHECK_INT(pull_gather(&a->fleet, &w.gather, 5000), 1);
    CHECK_INT(pull_gather(&a->fleet, &other.gather, 5000), 1);
    UNIT_FLEET_UNTIL(&u, w.done);
    CHECK(cache_find(&a->cache, "s1") != NULL);
    CHECK_INT(other.done, 1);
    CHECK_INT(pull_gather(&a->fleet, &other.gather, 5000), 0);
    unit_fleet_end(&u);

    test_begin("at the start nothing is waited for where Redis does not answer, or refuses a SCAN");
    unit_fleet_begin(&u);
    a = unit_fleet_new(&u, "hosta");
    b = unit_fleet_new(&u, "hostb");
    u.refuse = "SCAN";
    unit_fleet_start(a);
    CHECK_INT(pull_gather(&a->fleet, &other.gather, 5000), 1);
    UNIT_FLEET_UNTIL(&u, other.done == 2);
    CHECK_INT(remove(u.path), 0);
    unit_fleet_start(b);
    CHECK_INT(pull_gather(&b->fleet, &other.gather, 5000), 0);
    unit_fleet_end(&u);

    test_begin("with a subscription there is nothing to gather");
    unit_fleet_two(&u, &a, &b, CACHE_SESSIONS);
    w.gather.computer = NULL;
    CHECK_INT(pull_must_ask(&a->fleet, "hostb"), 0);
    CHECK_INT(pull_gather(&a->fleet, &w.gather, 5000), 0);
    unit_fleet_end(&u);
}

static void unit_pull_projects(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    buf list = {0};
    char path[128];
    test_begin("projects and their todos come from other computers, and again when they are old");
    unit_fleet_begin(&u);
    a = unit_fleet_new(&u, "hosta");
    b = unit_fleet_new(&u, "hostb");
    snprintf(path, sizeof path, "%s/p", u.dir);
    mkdir(path, 0700);
    CHECK_INT(projects_add(&b->projects, path, "name", "text"), 0);
    unit_fleet_subscribe(a, CACHE_PREPARATION);
    unit_fleet_start(a);
    unit_fleet_start(b);
    UNIT_FLEET_UNTIL(&u, unit_fleet_knows(a, "hostb"));
    struct roster_peer *peer = roster_find(&a->fleet, span_of("hostb"));
    UNIT_FLEET_UNTIL(&u, peer->project_count == 1 && peer->projects[0].todos);
    pull_put_projects(&a->fleet, NULL, 1, &list);
    CHECK(unit_fleet_has(&list, "\"computer\":\"hostb\",\"name\":\"name\""));
    CHECK(unit_fleet_has(&list, "\"description\":\"text\",\"desc\":\"text\",\"todos\":[]"));
    buf_clear(&list);
    pull_put_projects(&a->fleet, "hosta", 1, &list);
    CHECK_INT(list.n, 0);
    CHECK(unit_fleet_has(&a->heard, "projects_updated"));
    CHECK(unit_fleet_has(&a->heard, "todos_updated"));
    CHECK_INT(projects_remove(&b->projects, path), 0);
    UNIT_FLEET_UNTIL(&u, peer->project_count == 0); /* PULL_FRESH_MS, at a heartbeat */
    buf_free(&list);
    unit_fleet_end(&u);

    test_begin("TeleClaude's projects have desc; what has no path is no project");
    unit_fleet_two(&u, &a, &b, 0);
    peer = roster_find(&a->fleet, span_of("hostb"));
    struct codec_reply reply = {.good = 1};
    json_parse(span_of("[{\"path\":\"/x\",\"desc\":\"d\"},{\"name\":\"n\"},{\"path\":7},"
                       "{\"path\":\"/y\"}]"),
               &reply.data, NULL, NULL);
    peer->preparing++;
    pull_merge_projects(peer, NULL, &reply, (struct codec_id){0});
    CHECK_INT(peer->project_count, 2);
    CHECK_SPAN(span_of(peer->projects[0].name), "/x");
    CHECK_SPAN(span_of(peer->projects[0].description), "d");
    CHECK_SPAN(span_of(peer->projects[1].description), "");
    unit_fleet_for(&u, STREAMS_REPLY_MS);
    unit_fleet_end(&u);
}

static void unit_pull_most(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a;
    buf list = {0};
    struct codec_reply reply = {.good = 1};
    struct codec_heartbeat beat = {.name = "hostb"};
    const struct pull pull = {.path = (char *)"/p0"};
    test_begin("of a computer's projects the first ROSTER_PROJECTS_MAX count, the rest is omitted");
    unit_fleet_begin(&u);
    a = unit_fleet_new(&u, "hosta");
    struct roster_peer *peer = roster_add(&a->fleet, &beat);
    for (int more = 0; more < 2; more++) {
        buf_clear(&list);
        for (int i = 0; i < ROSTER_PROJECTS_MAX + more; i++)
            buf_fmt(&list, "%c{\"path\":\"/p%d\"}", i ? ',' : '[', i);
        buf_byte(&list, ']');
        CHECK_INT(json_parse(buf_view(&list), &reply.data, NULL, NULL), PARSE_DONE);
        pull_merge_projects(peer, NULL, &reply, (struct codec_id){0});
        CHECK_INT(peer->project_count, ROSTER_PROJECTS_MAX);
        CHECK_SPAN(span_of(peer->projects[ROSTER_PROJECTS_MAX - 1].path), "/p999");
    }
    test_begin("todos that exceed ROSTER_TODOS_MAX do not replace those that are known");
    for (int more = 0; more < 2; more++) {
        buf_clear(&list);
        buf_str(&list, more ? "[\"more\",\"" : "[\"most\",\"");
        while (list.n < ROSTER_TODOS_MAX - 2 + (size_t)more)
            buf_byte(&list, 'x');
        buf_str(&list, "\"]");
        CHECK_INT(json_parse(buf_view(&list), &reply.data, NULL, NULL), PARSE_DONE);
        pull_merge_todos(peer, &pull, &reply, (struct codec_id){0});
        CHECK(peer->projects[0].todos && strncmp(peer->projects[0].todos, "[\"most\"", 7) == 0);
    }
    buf_free(&list);
    unit_fleet_end(&u);
}

static void unit_pull_info(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    test_begin("a TeleClaude daemon is asked who and where it is");
    unit_fleet_begin(&u);
    b = unit_fleet_new(&u, "hostb"); /* its heartbeat is TeleClaude's, its replies are its own */
    unit_fleet_start(b);
    snprintf(b->fleet.self.telec, sizeof b->fleet.self.telec, "%s", "");
    UNIT_FLEET_UNTIL(&u, b->fleet.messages.link);
    a = unit_fleet_new(&u, "hosta");
    unit_fleet_subscribe(a, CACHE_SESSIONS);
    unit_fleet_start(a);
    UNIT_FLEET_UNTIL(&u, unit_fleet_knows(a, "hostb"));
    struct roster_peer *peer = roster_find(&a->fleet, span_of("hostb"));
    UNIT_FLEET_UNTIL(&u, peer->beat.host[0] && peer->beat.user[0]);
    CHECK_SPAN(span_of(peer->beat.user), "ann");
    CHECK_SPAN(span_of(peer->beat.host), "example");
    unit_fleet_end(&u);
}

static void unit_pull(void)
{
    unit_pull_sessions();
    unit_pull_failures();
    unit_pull_bad_lists();
    unit_pull_gathers();
    unit_pull_projects();
    unit_pull_most();
    unit_pull_info();
}
