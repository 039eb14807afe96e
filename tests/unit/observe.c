/* Unit tests of observe: sessions of other computers, viewed from here; both sides are telec. */

struct unit_observe_viewer {
    struct stream *stream;
    buf got; /* "COLSxROWS ", output, "[END why]" */
    int ended;
};

static void unit_observe_on_size(void *ctx, int cols, int rows)
{
    buf_fmt(&((struct unit_observe_viewer *)ctx)->got, "%dx%d ", cols, rows);
}

static void unit_observe_on_output(void *ctx, span bytes, int snapshot)
{
    struct unit_observe_viewer *v = ctx;
    buf_str(&v->got, snapshot ? "S:" : "");
    buf_span(&v->got, bytes);
}

static void unit_observe_on_end(void *ctx, const char *why)
{
    struct unit_observe_viewer *v = ctx;
    v->ended++;
    v->stream = NULL;
    buf_fmt(&v->got, "[END %s]", why);
}

static const struct stream_hooks unit_observe_hooks = {unit_observe_on_size, unit_observe_on_output,
                                                       NULL, unit_observe_on_end, NULL};

static void unit_observe_open(struct unit_observe_viewer *v, struct unit_fleet_computer *c,
                              const char *computer, const char *id)
{
    *v = (struct unit_observe_viewer){0};
    v->stream = observe_open(&c->observations, computer, id, &unit_observe_hooks, v);
}

struct unit_observe {
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    struct unit_fleet_holder h, other;
};

static void unit_observe_begin(struct unit_observe *o)
{
    unit_fleet_two(&o->u, &o->a, &o->b, CACHE_SESSIONS);
    unit_fleet_hold(o->b, &o->h, "s1");
    unit_fleet_hold(o->b, &o->other, "s2");
}

static void unit_observe_finish(struct unit_observe *o)
{
    unit_fleet_hang_up(&o->h);
    unit_fleet_hang_up(&o->other);
    unit_fleet_end(&o->u);
}

static void unit_observe_goes_on(void)
{
    struct unit_observe o;
    struct unit_observe_viewer v;
    test_begin("an observation begins with a snapshot and goes on past its time to live");
    unit_observe_begin(&o);
    unit_observe_open(&v, o.a, "hostb", "s1");
    UNIT_FLEET_UNTIL(&o.u, unit_fleet_has(&v.got, "80x24 S:<snapshot>"));
    CHECK(unit_fleet_key(&o.u, "observation:hostb:s1", 0) != NULL);
    unit_fleet_for(&o.u, OBSERVE_TTL_S * UNIT_FLEET_SECOND_MS + BROADCAST_OBSERVER_MS);
    CHECK(unit_fleet_key(&o.u, "observation:hostb:s1", 0) != NULL);
    CHECK_INT(unit_fleet_views(&o.h), 1);
    unit_fleet_output(&o.h, "later");
    UNIT_FLEET_UNTIL(&o.u, unit_fleet_has(&v.got, "later"));
    CHECK_INT(unit_fleet_times(&v.got, "<snapshot>"), 1); /* renewed, not begun anew */
    stream_close(v.stream);
    UNIT_FLEET_UNTIL(&o.u, unit_fleet_views(&o.h) == 0);
    CHECK_INT(v.ended, 0);
    buf_free(&v.got);
    unit_observe_finish(&o);
}

static void unit_observe_both(void)
{
    struct unit_observe o;
    struct unit_observe_viewer v, w;
    test_begin("two sessions of one computer are observed at once, each with its own output");
    unit_observe_begin(&o);
    unit_observe_open(&v, o.a, "hostb", "s1");
    unit_observe_open(&w, o.a, "hostb", "s2");
    UNIT_FLEET_UNTIL(&o.u, v.got.n && w.got.n);
    unit_fleet_output(&o.h, "one");
    unit_fleet_output(&o.other, "two");
    UNIT_FLEET_UNTIL(&o.u, unit_fleet_has(&v.got, "one") && unit_fleet_has(&w.got, "two"));
    CHECK(!unit_fleet_has(&v.got, "two") && !unit_fleet_has(&w.got, "one"));

    test_begin("one of two observations ends without the other");
    stream_close(v.stream);
    UNIT_FLEET_UNTIL(&o.u, unit_fleet_views(&o.h) == 0);
    unit_fleet_output(&o.other, "still");
    UNIT_FLEET_UNTIL(&o.u, unit_fleet_has(&w.got, "still"));
    CHECK_INT(w.ended, 0);
    stream_close(w.stream);
    buf_free(&v.got), buf_free(&w.got);
    UNIT_FLEET_UNTIL(&o.u, unit_fleet_views(&o.other) == 0);

    test_begin("of two viewers of one session one closes, and the other one's output goes on");
    unit_observe_open(&v, o.a, "hostb", "s1");
    unit_observe_open(&w, o.a, "hostb", "s1");
    UNIT_FLEET_UNTIL(&o.u, v.got.n && w.got.n);
    stream_close(v.stream);
    unit_fleet_for(&o.u, 50);
    unit_fleet_output(&o.h, "more");
    UNIT_FLEET_UNTIL(&o.u, unit_fleet_has(&w.got, "more"));
    CHECK(!unit_fleet_has(&v.got, "more"));
    stream_close(w.stream);
    buf_free(&v.got), buf_free(&w.got);
    unit_observe_finish(&o);
}

static void unit_observe_ends(void)
{
    struct unit_observe o;
    struct unit_observe_viewer v;
    test_begin("an observation of a session that is gone ends with the reason");
    unit_observe_begin(&o);
    unit_observe_open(&v, o.a, "hostb", "nosuch");
    UNIT_FLEET_UNTIL(&o.u, v.ended);
    CHECK_SPAN(buf_view(&v.got), "[END Session not found]");
    buf_free(&v.got);

    test_begin("the sessions of an observed TeleClaude computer are pulled while it is observed");
    UNIT_FLEET_UNTIL(&o.u, unit_fleet_knows(o.a, "hostb"));
    unit_fleet_subscribe(o.a, CACHE_SESSIONS);
    o.b->fleet.self.telec[0] = '\0';
    presence_beat(&o.b->fleet);
    struct roster_peer *peer = roster_find(&o.a->fleet, span_of("hostb"));
    UNIT_FLEET_UNTIL(&o.u, !peer->beat.telec[0] && peer->pulled_at && !peer->pulling);
    loop_timer_cancel(&o.u.loop, &o.b->fleet.beat_timer);
    unit_observe_open(&v, o.a, "hostb", "s1");
    buf_clear(&o.u.asked);
    UNIT_FLEET_UNTIL(&o.u, unit_fleet_times(&o.u.asked, "command list_sessions ") >= 2);
    CHECK(unit_fleet_knows(o.a, "hostb"));
    stream_close(v.stream);
    CHECK_INT(o.a->observations.pull_timer.slot, 0);
    buf_free(&v.got);
    snprintf(o.b->fleet.self.telec, sizeof o.b->fleet.self.telec, "1");
    presence_beat(&o.b->fleet);
    UNIT_FLEET_UNTIL(&o.u, (peer = roster_find(&o.a->fleet, span_of("hostb"))) &&
                               peer->beat.telec[0]);

    test_begin("an observation ends with its computer");
    unit_observe_open(&v, o.a, "hostb", "s1");
    UNIT_FLEET_UNTIL(&o.u, v.got.n);
    peers_leave(&o.b->fleet);
    UNIT_FLEET_UNTIL(&o.u, v.ended);
    CHECK(unit_fleet_has(&v.got, "[END the computer has gone]"));
    CHECK_INT(v.ended, 1);
    buf_free(&v.got);
    unit_observe_finish(&o);

    test_begin("an observation ends when its computer does not answer");
    unit_observe_begin(&o);
    streams_stop_reading(&o.b->fleet.streams);
    unit_observe_open(&v, o.a, "hostb", "s1");
    UNIT_FLEET_UNTIL(&o.u, v.ended);
    CHECK(unit_fleet_has(&v.got, "[END does not answer; "));
    buf_free(&v.got);
    unit_observe_finish(&o);
}

static void unit_observe_unsent(void)
{
    struct unit_observe o;
    struct unit_observe_viewer v;
    test_begin("an observation whose request can't be sent is none");
    unit_observe_begin(&o);
    unit_observe_open(&v, o.a, "nobody", "s1");
    CHECK(v.stream == NULL);
    struct streams *s = &o.a->fleet.streams;
    s->request_count += STREAMS_PENDING_MAX;
    unit_observe_open(&v, o.a, "hostb", "s1");
    CHECK(v.stream == NULL);
    s->request_count -= STREAMS_PENDING_MAX;
    while (s->calls.pending_count < REDIS_PENDING_MAX)
        streams_call(s, (const char *const[]){"PING", NULL}, NULL, NULL);
    unit_observe_open(&v, o.a, "hostb", "s1");
    CHECK(v.stream == NULL);
    CHECK(o.a->observations.first == NULL);
    UNIT_FLEET_UNTIL(&o.u, s->calls.pending_count < 10);
    CHECK_INT(v.ended, 0);
    unit_observe_open(&v, o.a, "hostb", "s1");
    UNIT_FLEET_UNTIL(&o.u, v.got.n);
    stream_close(v.stream);
    buf_free(&v.got);
    unit_observe_finish(&o);
}

static void unit_observe_gaps(void)
{
    struct unit_observe o;
    struct unit_observe_viewer v;
    test_begin("when a piece is missing the observation begins again with a snapshot");
    unit_observe_begin(&o);
    unit_observe_open(&v, o.a, "hostb", "s1");
    UNIT_FLEET_UNTIL(&o.u, unit_fleet_times(&v.got, "S:<snapshot>") == 1);
    struct observation *w = o.a->observations.first;
    UNIT_FLEET_UNTIL(&o.u, !w->asked);
    w->number -= 5;
    unit_fleet_output(&o.h, "lost");
    UNIT_FLEET_UNTIL(&o.u, unit_fleet_times(&v.got, "S:<snapshot>") == 2);
    CHECK(!unit_fleet_has(&v.got, "lost"));

    test_begin("a paused observation omits output, and goes on with a snapshot");
    UNIT_FLEET_UNTIL(&o.u, !w->asked);
    stream_pause(v.stream, 1);
    unit_fleet_output(&o.h, "unseen");
    unit_fleet_for(&o.u, 80);
    CHECK(!unit_fleet_has(&v.got, "unseen"));
    UNIT_FLEET_UNTIL(&o.u, !w->asked);
    stream_pause(v.stream, 0);
    UNIT_FLEET_UNTIL(&o.u, unit_fleet_times(&v.got, "S:<snapshot>") == 3);
    stream_close(v.stream);
    buf_free(&v.got);
    unit_observe_finish(&o);
}

static void unit_observe_foreign(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a;
    struct unit_observe_viewer v;
    test_begin("a TeleClaude daemon is observed by a key alone, and its pieces have no numbers");
    unit_fleet_begin(&u);
    a = unit_fleet_new(&u, "hosta");
    unit_fleet_start(a);
    UNIT_FLEET_UNTIL(&u, a->fleet.messages.link);
    unit_fleet_beat(&u, "python", "", 0);
    UNIT_FLEET_UNTIL(&u, unit_fleet_knows(a, "python"));
    buf_clear(&u.asked);
    unit_observe_open(&v, a, "python", "p1");
    UNIT_FLEET_UNTIL(&u, unit_fleet_key(&u, "observation:python:p1", 0));
    UNIT_FLEET_UNTIL(&u, a->observations.first->stream.link);
    unit_fleet_send(&u, "output:p1", NULL, (const char *const[]){"chunk", "hello", NULL});
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&v.got, "hello"));
    CHECK(!unit_fleet_has(&u.asked, "observe begin"));
    stream_close(v.stream);
    buf_free(&v.got);
    unit_fleet_end(&u);
}

static void unit_observe(void)
{
    unit_observe_goes_on();
    unit_observe_both();
    unit_observe_ends();
    unit_observe_unsent();
    unit_observe_gaps();
    unit_observe_foreign();
}
