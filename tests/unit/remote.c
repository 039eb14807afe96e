/* Unit tests of remote: attachments to sessions of another telec, which is there, too. */

struct unit_remote {
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    struct unit_fleet_holder h, other;
};

static void unit_remote_begin(struct unit_remote *r)
{
    unit_fleet_two(&r->u, &r->a, &r->b, CACHE_SESSIONS);
    unit_fleet_hold(r->b, &r->h, "s1");
    unit_fleet_hold(r->b, &r->other, "s2");
}

static void unit_remote_finish(struct unit_remote *r)
{
    unit_fleet_hang_up(&r->h);
    unit_fleet_hang_up(&r->other);
    unit_fleet_end(&r->u);
}

/* How many keys of attachments are left in Redis. */
static int unit_remote_keys(struct unit_fleet *u)
{
    int n = 0;
    for (struct unit_fleet_key *key = u->keys; key; key = key->next)
        n += strncmp(key->name, "input:", 6) == 0 ||
             (strncmp(key->name, "output:", 7) == 0 && strlen(key->name) == 7 + 36);
    return n;
}

/* Entries in them. */
static size_t unit_remote_entries(struct unit_fleet *u)
{
    size_t n = 0;
    for (struct unit_fleet_key *key = u->keys; key; key = key->next)
        if (strncmp(key->name, "input:", 6) == 0 ||
            (strncmp(key->name, "output:", 7) == 0 && strlen(key->name) == 7 + 36))
            n += key->count;
    return n;
}

static void unit_remote_attaches(void)
{
    struct unit_remote r;
    struct unit_observe_viewer v;
    test_begin("an attachment begins with a snapshot, types, resizes, and says who does");
    unit_remote_begin(&r);
    unit_observe_open(&v, r.a, "hostb", "s1", 1);
    CHECK_INT(stream_type(v.stream, span_of("first")), 0); /* before it is open */
    stream_resize(v.stream, 90, 30, NULL);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "80x24 S:<snapshot>"));
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(
        &r.h.asked, "vz\nifirst\nr{\"cols\":90,\"rows\":30,\"from\":\"hosta\"}\n"));
    stream_set_colours(v.stream, &(struct vt_colours){.value = {1, 0, 255}, .known = 5});
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&r.h.asked, "g[1,null,255]\n"));
    unit_fleet_output(&r.h, "echo");
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "echo"));

    test_begin("the viewer is told of an end that can be undone, and of the undo");
    for (int i = 0; i < UNIT_FLEET_VIEWERS; i++)
        if (r.h.viewers[i].views) {
            frame_send(&r.h.viewers[i].conn, FRAME_ENDING, span_of("{\"undo_ms\":9000}"));
            frame_send(&r.h.viewers[i].conn, FRAME_ENDING, span_of("{\"undo_ms\":0}"));
        }
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "[ENDING 9000][ENDING 0]"));

    test_begin("what was read is deleted, and an idle attachment goes on past its time to live");
    UNIT_FLEET_UNTIL(&r.u, unit_remote_entries(&r.u) == 0);
    unit_fleet_for(&r.u, GUEST_LIFE_MS + 2 * GUEST_CHECK_MS);
    CHECK_INT(r.b->requests.guests.count, 1);
    unit_fleet_output(&r.h, "later");
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "later"));
    CHECK_INT(unit_fleet_times(&v.got, "<snapshot>"), 1);

    test_begin("keys that have no echo are confirmed, too");
    stream_type(v.stream, span_of("silent"));
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&r.h.asked, "isilent\n"));
    UNIT_FLEET_UNTIL(&r.u, !r.a->remotes.first->typed);
    unit_fleet_for(&r.u, REMOTE_CONFIRM_MS + 50);
    CHECK(!unit_fleet_has(&v.got, "LOST"));

    test_begin("detaching ends the stream from the holder and deletes both keys");
    CHECK_INT(unit_remote_keys(&r.u), 2);
    stream_close(v.stream);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_views(&r.h) == 0 && unit_remote_keys(&r.u) == 0);
    CHECK_INT(v.ended, 0);
    CHECK(r.a->remotes.first == NULL && r.a->remotes.renew_timer.slot == 0);
    buf_free(&v.got);

    test_begin("who only views types nothing and changes no size");
    buf_clear(&r.h.asked);
    unit_observe_open(&v, r.a, "hostb", "s1", 0);
    stream_type(v.stream, span_of("keys"));
    stream_resize(v.stream, 90, 30, NULL);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "<snapshot>"));
    remote_say(r.a->remotes.first, "type", span_of("keys")); /* the other side, too, sees to it */
    unit_fleet_for(&r.u, 50);
    CHECK_SPAN(buf_view(&r.h.asked), "vz\n");
    stream_close(v.stream);
    buf_free(&v.got);
    unit_remote_finish(&r);
}

static void unit_remote_many(void)
{
    struct unit_remote r;
    struct unit_observe_viewer v, w, x;
    test_begin("several viewers of one session and of two have each their own output");
    unit_remote_begin(&r);
    unit_observe_open(&v, r.a, "hostb", "s1", 1);
    unit_observe_open(&w, r.a, "hostb", "s2", 0);
    unit_observe_open(&x, r.a, "hostb", "s1", 0);
    UNIT_FLEET_UNTIL(&r.u, v.got.n && w.got.n && x.got.n);
    unit_fleet_output(&r.h, "one");
    unit_fleet_output(&r.other, "two");
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "one") && unit_fleet_has(&w.got, "two") &&
                               unit_fleet_has(&x.got, "one"));
    CHECK(!unit_fleet_has(&v.got, "two") && !unit_fleet_has(&w.got, "one"));

    test_begin("one viewer ends without the others");
    stream_close(v.stream);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_views(&r.h) == 1);
    unit_fleet_output(&r.h, "more");
    unit_fleet_output(&r.other, "still");
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&x.got, "more") && unit_fleet_has(&w.got, "still"));
    CHECK(!unit_fleet_has(&v.got, "more"));
    stream_close(w.stream), stream_close(x.stream);
    buf_free(&v.got), buf_free(&w.got), buf_free(&x.got);
    UNIT_FLEET_UNTIL(&r.u, unit_remote_keys(&r.u) == 0);
    unit_remote_finish(&r);
}

static void unit_remote_ends(void)
{
    struct unit_remote r;
    struct unit_observe_viewer v;
    test_begin("an attachment that is refused ends with the reason, and leaves no keys");
    unit_remote_begin(&r);
    unit_observe_open(&v, r.a, "hostb", "nosuch", 0);
    UNIT_FLEET_UNTIL(&r.u, v.ended);
    CHECK_SPAN(buf_view(&v.got), "[END Session not found]");
    buf_free(&v.got);
    r.b->config.allow = (char *)"other";
    unit_observe_open(&v, r.a, "hostb", "s1", 1);
    stream_type(v.stream, span_of("rm -rf"));
    UNIT_FLEET_UNTIL(&r.u, v.ended);
    CHECK(unit_fleet_has(&v.got, "[END this computer does not allow that"));
    CHECK(!unit_fleet_has(&r.h.asked, "rm -rf"));
    UNIT_FLEET_UNTIL(&r.u, unit_remote_keys(&r.u) == 0);
    buf_free(&v.got);

    test_begin("permission that is withdrawn ends an attachment at the next key");
    r.b->config.allow = (char *)"*";
    unit_observe_open(&v, r.a, "hostb", "s1", 1);
    UNIT_FLEET_UNTIL(&r.u, v.got.n);
    r.b->config.allow = (char *)"other";
    stream_type(v.stream, span_of("rm -rf"));
    UNIT_FLEET_UNTIL(&r.u, v.ended);
    CHECK(unit_fleet_has(&v.got, "[END this computer does not allow that"));
    CHECK(!unit_fleet_has(&r.h.asked, "rm -rf"));
    UNIT_FLEET_UNTIL(&r.u, unit_remote_keys(&r.u) == 0 && unit_fleet_views(&r.h) == 0);
    buf_free(&v.got);
    r.b->config.allow = (char *)"*";

    test_begin("an attachment ends with its session, after the last output");
    unit_observe_open(&v, r.a, "hostb", "s1", 1);
    UNIT_FLEET_UNTIL(&r.u, v.got.n);
    unit_fleet_output(&r.h, "last words");
    for (int i = 0; i < UNIT_FLEET_VIEWERS; i++)
        if (r.h.viewers[i].views)
            conn_finish(&r.h.viewers[i].conn);
    UNIT_FLEET_UNTIL(&r.u, v.ended);
    CHECK(unit_fleet_has(&v.got, "last words[END the session has ended]"));
    UNIT_FLEET_UNTIL(&r.u, unit_remote_keys(&r.u) == 0);
    buf_free(&v.got);

    test_begin("an attachment outlives its computer's daemon for a while, and ends then");
    unit_observe_open(&v, r.a, "hostb", "s2", 0);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "<snapshot>"));
    roster_remove(roster_find(&r.a->fleet, span_of("hostb")));
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "[LOST the computer has gone 0]"));
    buf_clear(&v.got);
    presence_beat(&r.b->fleet); /* it is back */
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "[BACK 0]80x24 S:<snapshot>"));
    peers_leave(&r.b->fleet);
    UNIT_FLEET_UNTIL(&r.u, v.ended);
    CHECK(unit_fleet_has(&v.got, "[END the computer has gone]"));
    buf_free(&v.got);
    unit_remote_finish(&r);

    test_begin("an attachment that was never open ends when its computer does not answer");
    unit_remote_begin(&r);
    streams_stop_reading(&r.b->fleet.streams);
    unit_observe_open(&v, r.a, "hostb", "s1", 0);
    UNIT_FLEET_UNTIL(&r.u, v.ended);
    CHECK(unit_fleet_has(&v.got, "[END does not answer; "));
    buf_free(&v.got);

    test_begin("an attachment whose request can't be sent is none");
    CHECK(unit_observe_open(&v, r.a, "nobody", "s1", 0) && !v.stream);
    struct streams *s = &r.a->fleet.streams;
    s->request_count += STREAMS_PENDING_MAX;
    CHECK(unit_observe_open(&v, r.a, "hostb", "s1", 0) && !v.stream);
    s->request_count -= STREAMS_PENDING_MAX;
    CHECK(r.a->remotes.first == NULL);
    unit_remote_finish(&r);
}

static void unit_remote_lost(void)
{
    struct unit_remote r;
    struct unit_observe_viewer v;
    test_begin("when our link is lost keys are refused, and the attachment goes on in its place");
    unit_remote_begin(&r);
    unit_observe_open(&v, r.a, "hostb", "s1", 1);
    stream_resize(v.stream, 90, 30, NULL);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&r.h.asked, "r{\"cols\":90"));
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "S:<snapshot>"));
    redis_restart(&r.a->fleet.streams.calls);
    stream_type(v.stream, span_of("lost"));
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "[BACK 4]80x24 S:<snapshot>"));
    CHECK(unit_fleet_has(&v.got, "[LOST Redis does not take what is typed 4]"));
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_times(&r.h.asked, "r{\"cols\":90") == 2);
    CHECK_INT(r.b->requests.guests.count, 1); /* not the old one, too */
    stream_type(v.stream, span_of("again"));
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&r.h.asked, "iagain\n"));
    CHECK(!unit_fleet_has(&r.h.asked, "ilost"));
    UNIT_FLEET_UNTIL(&r.u, !r.a->remotes.first->typed);

    test_begin("when the other computer's link is lost it goes on, too");
    redis_restart(&r.b->fleet.streams.calls);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_times(&v.got, "<snapshot>") == 3);
    CHECK(unit_fleet_has(&v.got, "[LOST it has connected again 0][BACK 0]80x24 S:<snapshot>"));
    stream_type(v.stream, span_of("third"));
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&r.h.asked, "ithird\n"));
    CHECK_INT(v.ended, 0);

    test_begin("an attachment that the other computer ends for now goes on at once");
    UNIT_FLEET_UNTIL(&r.u, !r.a->remotes.first->typed);
    buf_clear(&v.got);
    r.a->remotes.first->number += 5; /* entries are lost */
    stream_type(v.stream, span_of("hole"));
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "[BACK 4]80x24 S:<snapshot>"));
    CHECK(unit_fleet_has(&v.got, "[LOST input was lost on its way 4]"));
    CHECK(!unit_fleet_has(&r.h.asked, "ihole"));
    buf_clear(&v.got);

    test_begin("keys without an answer are told as unsent, and never typed later");
    UNIT_FLEET_UNTIL(&r.u, !r.a->remotes.first->typed);
    streams_stream_close(&r.b->fleet.streams, &r.b->requests.guests.first->input);
    struct guest *deaf = r.b->requests.guests.first;
    stream_type(v.stream, span_of("stale"));
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "[LOST does not answer 5]"));
    stream_type(v.stream, span_of("no"));
    CHECK(unit_fleet_has(&v.got, "[LOST does not answer 7]"));
    if (r.b->requests.guests.first == deaf)
        streams_stream_open(&r.b->fleet.streams, &deaf->input); /* it hears again */
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "[BACK 7]"));
    stream_type(v.stream, span_of("fresh"));
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&r.h.asked, "ifresh\n"));
    CHECK(!unit_fleet_has(&r.h.asked, "istale"));
    stream_close(v.stream);
    if (CONN_READ_MAX >= 100) /* else it takes too long */
        UNIT_FLEET_UNTIL(&r.u, unit_remote_keys(&r.u) == 0);
    buf_free(&v.got);
    unit_remote_finish(&r);
}

static void unit_remote_pauses(struct unit_remote *r, int paused)
{
    for (int i = 0; i < UNIT_FLEET_VIEWERS; i++)
        if (r->h.viewers[i].views)
            conn_pause(&r->h.viewers[i].conn, paused);
}

static void unit_remote_paste(void)
{
    struct unit_remote r;
    struct unit_observe_viewer v;
    size_t n = 800 * 1024;
    if (CONN_READ_MAX < 100) /* it takes too long in pieces of a few bytes */
        return;
    char *text = base_alloc(n + 1);
    test_begin("a long paste waits for the program, and goes on once that reads");
    memset(text, 'p', n);
    unit_remote_begin(&r);
    unit_observe_open(&v, r.a, "hostb", "s1", 1);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "<snapshot>"));
    unit_remote_pauses(&r, 1);
    CHECK_INT(stream_type(v.stream, (span){text, n}), 1);
    CHECK_INT(stream_type(v.stream, span_of("after")), 1);
    struct guest *g = r.b->requests.guests.first;
    UNIT_FLEET_UNTIL(&r.u, g->number && !g->input.link);
    CHECK(!v.drained);
    unit_remote_pauses(&r, 0);
    UNIT_FLEET_UNTIL(&r.u, v.drained && unit_fleet_has(&r.h.asked, "p\niafter\n"));
    CHECK(!unit_fleet_has(&v.got, "LOST"));
    CHECK_INT(stream_type(v.stream, (span){text, HOLDER_QUEUE_MAX + 1}), -1);
    stream_close(v.stream);
    free(text);
    buf_free(&v.got);
    unit_remote_finish(&r);
}

static void unit_remote_signed(void)
{
    struct unit_remote r;
    struct unit_observe_viewer v;
    test_begin("with a secret the attachment and each key are signed");
    unit_remote_begin(&r);
    buf_str(&r.a->fleet.streams.secret, "sesame");
    buf_str(&r.b->fleet.streams.secret, "sesame");
    unit_observe_open(&v, r.a, "hostb", "s1", 1);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "<snapshot>"));
    stream_type(v.stream, span_of("signed"));
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&r.h.asked, "isigned\n"));
    r.a->fleet.streams.secret.p[0] = 'S';
    stream_type(v.stream, span_of("forged"));
    UNIT_FLEET_UNTIL(&r.u, v.ended);
    CHECK(unit_fleet_has(&v.got, "[END the signature is wrong"));
    buf_free(&v.got);

    test_begin("with another secret, or none, nothing can be typed, and the screen be seen");
    unit_observe_open(&v, r.a, "hostb", "s1", 1);
    stream_type(v.stream, span_of("forged"));
    UNIT_FLEET_UNTIL(&r.u, v.ended);
    buf_free(&v.got);
    buf_clear(&r.a->fleet.streams.secret);
    unit_observe_open(&v, r.a, "hostb", "s1", 1);
    stream_type(v.stream, span_of("forged"));
    UNIT_FLEET_UNTIL(&r.u, v.ended);
    CHECK(unit_fleet_has(&v.got, "[END only signed requests change something here"));
    buf_free(&v.got);
    unit_observe_open(&v, r.a, "hostb", "s1", 0);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "<snapshot>"));
    CHECK(!unit_fleet_has(&r.h.asked, "forged"));
    stream_close(v.stream);
    buf_free(&v.got);
    unit_remote_finish(&r);
}

static void unit_remote_gaps(void)
{
    struct unit_remote r;
    struct unit_observe_viewer v;
    test_begin("when output was trimmed the viewer gets a snapshot");
    unit_remote_begin(&r);
    unit_observe_open(&v, r.a, "hostb", "s1", 0);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "S:<snapshot>"));
    struct remote *one = r.a->remotes.first;
    one->piece -= 5;
    unit_fleet_output(&r.h, "after a gap");
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_times(&v.got, "S:<snapshot>") == 2);
    CHECK(!unit_fleet_has(&v.got, "after a gap"));
    unit_fleet_output(&r.h, "goes on");
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "goes on"));
    one->piece -= 5;
    unit_fleet_output(&r.h, "gap");
    UNIT_FLEET_UNTIL(&r.u, !one->begun);
    one->piece -= 5; /* the snapshot is lost, too */
    one->begun = 0;
    unit_fleet_output(&r.h, "gap");
    UNIT_FLEET_UNTIL(&r.u, one->begun);
    stream_close(v.stream);
    buf_free(&v.got);

    if (CONN_READ_MAX < 100) { /* 120 KB in pieces of a few bytes take too long */
        unit_remote_finish(&r);
        return;
    }
    test_begin("a viewer that does not read gets no backlog, but a snapshot once it reads");
    unit_observe_open(&v, r.a, "hostb", "s1", 0);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "S:<snapshot>"));
    char *big = base_alloc(4001);
    memset(big, 'x', 4000);
    stream_pause(v.stream, 1);
    for (int i = 0; i < 30; i++) {
        unit_fleet_output(&r.h, big);
        unit_fleet_for(&r.u, 3);
    }
    struct guest *g = r.b->requests.guests.first;
    UNIT_FLEET_UNTIL(&r.u, g->skipping && g->paused);
    CHECK(g->sent <= GUEST_WINDOW + GUEST_BACKLOG && g->bytes.n == 0);
    buf_clear(&v.got);
    stream_pause(v.stream, 0);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "S:<snapshot>"));
    unit_fleet_output(&r.h, "goes on");
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&v.got, "goes on"));
    stream_close(v.stream);
    free(big);
    buf_free(&v.got);
    unit_remote_finish(&r);
}

static void unit_remote(void)
{
    unit_remote_attaches();
    unit_remote_many();
    unit_remote_ends();
    unit_remote_lost();
    unit_remote_paste();
    unit_remote_signed();
    unit_remote_gaps();
}
