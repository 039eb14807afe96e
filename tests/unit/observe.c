/* Unit tests of observe: sessions of TeleClaude computers, viewed from here. */

struct unit_observe_viewer {
    struct stream *stream;
    buf got; /* "COLSxROWS ", output, "[LOST why N]", "[BACK N]", "[END why]" */
    int ended, drained;
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

static void unit_observe_on_link(void *ctx, const char *why, long long unsent)
{
    struct unit_observe_viewer *v = ctx;
    buf_fmt(&v->got, why ? "[LOST %.*s" : "[BACK%.*s", why ? 100 : 0, why ? why : "");
    buf_fmt(&v->got, " %lld]", unsent);
}

static void unit_observe_on_ending(void *ctx, long long undo_ms)
{
    buf_fmt(&((struct unit_observe_viewer *)ctx)->got, "[ENDING %lld]", undo_ms);
}

static void unit_observe_on_drained(void *ctx)
{
    ((struct unit_observe_viewer *)ctx)->drained++;
}

static const struct stream_hooks unit_observe_hooks = {
    unit_observe_on_size, unit_observe_on_output, NULL, unit_observe_on_end,
    unit_observe_on_drained, unit_observe_on_link, unit_observe_on_ending};

static const char *unit_observe_open(struct unit_observe_viewer *v, struct unit_fleet_computer *c,
                                     const char *computer, const char *id, int control)
{
    const char *why = NULL;
    *v = (struct unit_observe_viewer){0};
    v->stream = remote_open(&c->remotes, computer, id, control, 0, &unit_observe_hooks, v, &why);
    return why;
}

static void unit_observe(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a;
    struct unit_observe_viewer v;
    test_begin("a TeleClaude session is observed by a key, which is renewed, and shows text");
    unit_fleet_begin(&u);
    a = unit_fleet_new(&u, "hosta");
    unit_fleet_start(a);
    UNIT_FLEET_UNTIL(&u, a->fleet.messages.link);
    unit_fleet_beat(&u, "python", "", 0);
    UNIT_FLEET_UNTIL(&u, unit_fleet_knows(a, "python"));
    unit_fleet_send(&u, "output:p1", NULL, (const char *const[]){"chunk", "older", NULL});
    buf_clear(&u.asked);
    unit_observe_open(&v, a, "python", "p1", 1);
    UNIT_FLEET_UNTIL(&u, unit_fleet_key(&u, "observation:python:p1", 0));
    UNIT_FLEET_UNTIL(&u, a->remotes.observations.first->stream.link);
    unit_fleet_for(&u, OBSERVE_TTL_S * UNIT_FLEET_SECOND_MS + 100);
    CHECK(unit_fleet_key(&u, "observation:python:p1", 0) != NULL);
    unit_fleet_send(&u, "output:p1", NULL, (const char *const[]){"chunk", "hello", NULL});
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&v.got, "hello"));
    CHECK_SPAN(buf_view(&v.got), "hello");
    CHECK_INT(stream_type(v.stream, span_of("keys")), 0); /* goes nowhere */
    CHECK_INT(stream_resize(v.stream, 80, 24, NULL), 0);
    CHECK(!unit_fleet_has(&u.asked, "keys") && !unit_fleet_has(&u.asked, "command attach"));

    test_begin("output is omitted while the stream is paused");
    stream_pause(v.stream, 1);
    unit_fleet_send(&u, "output:p1", NULL, (const char *const[]){"chunk", "unseen", NULL});
    unit_fleet_for(&u, 50);
    stream_pause(v.stream, 0);
    unit_fleet_send(&u, "output:p1", NULL, (const char *const[]){"chunk", "seen", NULL});
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&v.got, "seen"));
    CHECK(!unit_fleet_has(&v.got, "unseen"));

    test_begin("the sessions of an observed TeleClaude computer are pulled while it is observed");
    unit_fleet_subscribe(a, CACHE_SESSIONS);
    buf_clear(&u.asked);
    UNIT_FLEET_UNTIL(&u, unit_fleet_times(&u.asked, "command list_sessions ") >= 2);
    CHECK(unit_fleet_knows(a, "python"));

    test_begin("two sessions of one computer are observed at once, and one ends without the other");
    struct unit_observe_viewer two;
    unit_observe_open(&two, a, "python", "p2", 0);
    UNIT_FLEET_UNTIL(&u, unit_fleet_key(&u, "observation:python:p2", 0));
    UNIT_FLEET_UNTIL(&u, a->remotes.observations.first->stream.link);
    buf_clear(&v.got);
    unit_fleet_send(&u, "output:p1", NULL, (const char *const[]){"chunk", "first", NULL});
    unit_fleet_send(&u, "output:p2", NULL, (const char *const[]){"chunk", "second", NULL});
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&v.got, "first") && unit_fleet_has(&two.got, "second"));
    CHECK_SPAN(buf_view(&v.got), "first");
    CHECK_SPAN(buf_view(&two.got), "second");
    observe_on_gone(&a->remotes.observations, "python", "p2", "it is over");
    CHECK(!unit_fleet_has(&two.got, "[END")); /* never from within the call */
    UNIT_FLEET_UNTIL(&u, two.ended);
    CHECK(unit_fleet_has(&two.got, "[END it is over]") && !v.ended);
    UNIT_FLEET_UNTIL(&u, !unit_fleet_key(&u, "observation:python:p2", 0));
    CHECK(unit_fleet_key(&u, "observation:python:p1", 0) != NULL);
    unit_fleet_send(&u, "output:p1", NULL, (const char *const[]){"chunk", " goes on", NULL});
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&v.got, "first goes on"));
    buf_free(&two.got);

    test_begin("an observation whose command can't be sent is none");
    struct unit_observe_viewer none;
    redis_restart(&a->fleet.streams.calls);
    CHECK(unit_observe_open(&none, a, "python", "p2", 1) && !none.stream);
    CHECK(a->remotes.observations.first && !a->remotes.observations.first->next);
    UNIT_FLEET_UNTIL(&u, a->fleet.streams.calls.state == REDIS_READY);

    test_begin("an observation ends with its computer");
    unit_fleet_drop(&u, "computer:python:heartbeat");
    UNIT_FLEET_UNTIL(&u, v.ended);
    CHECK(unit_fleet_has(&v.got, "[END the computer has gone]"));
    CHECK_INT(a->remotes.observations.pull_timer.slot, 0);
    buf_free(&v.got);
    unit_fleet_end(&u);
}
