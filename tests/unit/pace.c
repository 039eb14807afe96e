/* Unit tests of pace: a line that has a speed and a length; time is counted, not waited for. */

struct unit_pace {
    struct pace pace;
    struct grid g;
    struct vt *screen;         /* what the user sees */
    buf line;                  /* bytes in flight */
    double room;               /* bytes that the line has taken this far, less those sent */
    long long now, answers[64]; /* when answers arrive */
    int first, last;
    int bytes_s, one_way_ms;
};

static void unit_pace_begin(struct unit_pace *u, int bytes_s, int round_trip_ms)
{
    *u = (struct unit_pace){.now = 1000, .bytes_s = bytes_s, .one_way_ms = round_trip_ms / 2};
    pace_start(&u->pace);
    pace_set_round_trip(&u->pace, round_trip_ms);
    grid_resize(&u->g, 24, 80);
    u->screen = vt_new(80, 24);
}

static void unit_pace_end(struct unit_pace *u)
{
    grid_free(&u->g);
    vt_free(u->screen);
    buf_free(&u->line);
}

/* A millisecond passes; the terminal answers what it gets to read. */
static void unit_pace_step(struct unit_pace *u)
{
    u->now++;
    u->room += u->bytes_s / 1000.0;
    size_t n = (size_t)u->room < u->line.n ? (size_t)u->room : u->line.n;
    buf answers = {0};
    vt_feed(u->screen, (span){u->line.p, n});
    vt_drain_answers(u->screen, &answers);
    for (size_t i = 0; i < answers.n; i++)
        if (answers.p[i] == 'n')
            u->answers[u->last++ % 64] = u->now + 2 * u->one_way_ms;
    buf_drop(&u->line, n);
    u->room = u->line.n ? u->room - (double)n : 0;
    if (u->first < u->last && u->answers[u->first % 64] <= u->now) {
        u->first++;
        pace_on_answer(&u->pace, u->now);
    }
    buf_free(&answers);
}

static void unit_pace_draw(struct unit_pace *u)
{
    buf frame = {0};
    if (pace_blocked_until(&u->pace, u->now))
        return;
    u->g.most = pace_limit(&u->pace);
    grid_frame(&u->g, &frame);
    pace_put_question(&u->pace, u->now, &frame);
    buf_span(&u->line, buf_view(&frame));
    buf_free(&frame);
}

/* Lines that flow by, the newest one with the cursor at the bottom. */
static void unit_pace_flood(struct unit_pace *u, int count)
{
    char text[80];
    grid_clear(&u->g);
    for (int row = 0; row < 24; row++) {
        snprintf(text, sizeof text, "line %d of a flood as wide as it can be %d", count + row,
                 (count + row) * 7919);
        grid_put(&u->g, row, 0, 80, span_of(text), (struct cell_style){0});
    }
    u->g.cursor_row = 23;
    u->g.cursor_shown = 1;
}

static int unit_pace_shows(const struct unit_pace *u, const char *text)
{
    buf screen = {0};
    vt_put_text(u->screen, &screen, 0);
    int found = strstr(buf_cstr(&screen), text) != NULL;
    buf_free(&screen);
    return found;
}

static void unit_pace_interrupt(void)
{
    struct unit_pace u;
    test_begin("at 1,200 bytes a second and 300 ms, Ctrl-C ends a flood on the screen within 2 s");
    unit_pace_begin(&u, 1200, 300);
    for (int ms = 0; ms < 30000; ms++) {
        unit_pace_step(&u);
        if (ms % 16 == 0) {
            unit_pace_flood(&u, ms);
            unit_pace_draw(&u);
        }
    }
    CHECK(pace_is_slow(&u.pace) && u.pace.rate > 900 && u.pace.rate < 2000);
    CHECK(u.line.n < 1200);
    long long typed = u.now;
    for (int i = 0; i < u.one_way_ms; i++)
        unit_pace_step(&u);
    grid_fill(&u.g, 23, 0, 1, 80, (struct cell_style){0});
    grid_put(&u.g, 23, 0, 80, span_of("^C prompt"), (struct cell_style){0});
    while (!unit_pace_shows(&u, "^C prompt") && u.now < typed + 10000) {
        unit_pace_step(&u);
        unit_pace_draw(&u);
    }
    if (u.now - typed >= 2000)
        printf("# it took %lld ms\n", u.now - typed);
    CHECK(u.now - typed < 2000);
    for (int ms = 0; ms < 8000; ms++) {
        unit_pace_step(&u);
        unit_pace_draw(&u);
    }
    CHECK(!u.g.partial && !u.line.n);
    for (int row = 0; row < 24; row++)
        for (int col = 0; col < 80; col++)
            CHECK_INT(vt_row(u.screen, row)[col].rune, unit_at(&u.g, row * 80 + col)->rune);
    unit_pace_end(&u);
}

static void unit_pace_fast(void)
{
    struct unit_pace u;
    size_t sent = 0;
    test_begin("a fast line has whole frames, also when it is long");
    unit_pace_begin(&u, 5000000, 300);
    for (int ms = 0; ms < 3000; ms++) {
        unit_pace_step(&u);
        if (ms % 16 == 0) {
            unit_pace_flood(&u, ms);
            unit_pace_draw(&u);
            sent += !u.g.partial && !u.g.most;
        }
    }
    CHECK(sent > 180 && !pace_is_slow(&u.pace));
    unit_pace_end(&u);
    test_begin("a terminal that does not answer is not waited for");
    unit_pace_begin(&u, 5000000, 10);
    u.one_way_ms = 1000000;
    for (int ms = 0; ms < PACE_LOSSES * (PACE_LOST_MS + PACE_WAIT_MS); ms++) {
        unit_pace_step(&u);
        if (ms % 16 == 0) {
            unit_pace_flood(&u, ms);
            unit_pace_draw(&u);
        }
    }
    CHECK(!u.pace.works && !u.pace.pending && !pace_blocked_until(&u.pace, u.now));
    unit_pace_end(&u);
}

/* The program starts: queries go out, and frames before the terminal's first answer. */
static void unit_pace_first(void)
{
    struct unit_pace u;
    test_begin("a slow line is known from the first frame on");
    unit_pace_begin(&u, 1200, 300);
    pace_start(&u.pace);
    buf_str(&u.line, "\033[H"); /* and then as many bytes as queries have */
    for (int i = 0; i < 60; i++)
        buf_str(&u.line, "\033[m");
    unit_pace_flood(&u, 0);
    unit_pace_draw(&u);
    CHECK(u.line.n > 1000 && u.pace.pending);
    grid_put(&u.g, 23, 0, 80, span_of("live"), (struct cell_style){0});
    unit_pace_draw(&u); /* nobody waits yet */
    CHECK(u.pace.flying > u.pace.asked);
    for (int ms = 0; ms < 453; ms++)
        unit_pace_step(&u);
    pace_set_round_trip(&u.pace, 453);
    CHECK(pace_blocked_until(&u.pace, u.now));
    while (u.pace.pending)
        unit_pace_step(&u);
    CHECK(u.pace.rate > 1000 && u.pace.rate < 1400);
    unit_pace_end(&u);
}

/* What was written while a question was out is shown when the next one goes. */
static void unit_pace_rests(void)
{
    struct unit_pace u;
    int fast = 0;
    test_begin("what has been shown long ago does not make a slow line fast");
    for (int every = 400; every < 3000; every += 200) {
        unit_pace_begin(&u, 1200, 300);
        u.pace.rtt = 453; /* with the queries before it */
        for (int ms = 0; ms < 60000; ms++) {
            unit_pace_step(&u);
            if (ms % every <= 200 && ms % every % 40 == 0)
                grid_put(&u.g, ms / every % 24, 0, 80,
                         span_of(ms / 40 % 2 ? "a line of some words that takes its time to go"
                                             : "another line, of as many words, in its place"),
                         (struct cell_style){0});
            unit_pace_draw(&u);
            fast += u.pace.rate && !pace_is_slow(&u.pace);
        }
        CHECK_INT(fast, 0);
        unit_pace_end(&u);
    }
}

static void unit_pace(void)
{
    unit_pace_interrupt();
    unit_pace_first();
    unit_pace_rests();
    unit_pace_fast();
}
