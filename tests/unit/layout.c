/* Unit tests of layout: what a frame has at each size and in each state of the connection. */

static void unit_layout_sizes(void)
{
    static const struct {
        int rows, cols, has_preview, list_cols, list_bottom, details;
    } cases[] = {{24, 120, 1, 48, 23, 1}, {24, 100, 1, 44, 23, 1}, {24, 99, 1, 99, 12, 1},
                 {20, 60, 1, 60, 10, 1},  {19, 60, 0, 60, 18, 1},  {24, 59, 0, 59, 23, 1},
                 {15, 40, 0, 40, 14, 1},  {6, 24, 0, 24, 5, 0}};
    test_begin("the preview is beside the list, below it, or not there, by the screen's size");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct unit_app u;
        unit_app_begin(&u, cases[i].rows, cases[i].cols);
        UNIT_APP_SEE(&u, "Asking the");
        CHECK_INT(u.t->has_preview, cases[i].has_preview);
        CHECK_INT(u.t->list_cols, cases[i].list_cols);
        CHECK_INT(u.t->list_bottom, cases[i].list_bottom);
        CHECK_INT(u.t->views[0].list.details, cases[i].details);
        u.t->no_preview = 1;
        layout_lay_out(u.t);
        CHECK(!u.t->has_preview && u.t->list_cols == cases[i].cols);
        unit_app_end(&u);
    }
}

static void unit_layout_small(void)
{
    struct unit_app u;
    test_begin("a screen that is too small says what telec needs");
    unit_app_begin(&u, 5, 40);
    UNIT_APP_SEE(&u, "telec needs 24x6, this is 40x5");
    CHECK(vt_row(u.screen, 0)[0].rune == 't'); /* whatever is cut, the beginning is not */
    unit_app_end(&u);
}

static void unit_layout_hints(void)
{
    struct unit_app u;
    test_begin("an empty list says why, and what to do");
    unit_app_begin(&u, 24, 80);
    UNIT_APP_SEE(&u, "Asking the daemon.");
    u.t->client.push = CLIENT_WAITING;
    app_changed(u.t);
    UNIT_APP_SEE(&u, "No daemon: r retries.");
    u.t->fetched = 1;
    u.t->client.push = CLIENT_LIVE;
    app_changed(u.t);
    UNIT_APP_SEE(&u, "No sessions yet: press n to start one.");
    unit_app_session(&u, "a", "idle", "");
    app_changed(u.t);
    UNIT_APP_UNTIL(&u, !unit_app_shows(&u, "No sessions yet"));
    unit_app_type(&u, "/zzz");
    UNIT_APP_SEE(&u, "Nothing matches: Esc drops the filter.");
    CHECK(unit_app_shows(&u, "0 hits"));
    unit_app_type(&u, "\r2");
    UNIT_APP_SEE(&u, "No todos yet");
    unit_app_end(&u);
}

static void unit_layout_connection(void)
{
    static const struct {
        enum client_push push;
        int answered;
        const char *why, *shown;
        enum theme_name style;
    } cases[] = {{CLIENT_LIVE, 1, NULL, "● live", THEME_LIVE},
                 {CLIENT_PARTIAL, 1, NULL, "◐ live, in part", THEME_POLLING},
                 {CLIENT_WAITING, 1, "x", "◐ polling, 5 s", THEME_POLLING},
                 {CLIENT_WAITING, 0, NULL, "○ offline, 5 s", THEME_OFFLINE},
                 {CLIENT_WAITING, 0, "no daemon answers",
                  "○ offline: no daemon answers, 5 s", THEME_OFFLINE},
                 {CLIENT_CONNECTING, 0, NULL, "◌ connecting", THEME_DIM}};
    struct unit_app u;
    test_begin("the connection is live, polling or offline, with the seconds to the next try");
    unit_app_begin(&u, 24, 80);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[ROWS_LENGTHS][128];
        u.t->client.push = cases[i].push;
        u.t->client.answered = cases[i].answered;
        u.t->client.why = cases[i].why;
        u.t->client.retry_at = u.t->loop.now + 4001;
        CHECK_INT(layout_put_connection(u.t, text), cases[i].style);
        CHECK_SPAN(span_of(text[0]), cases[i].shown);
        CHECK(strlen(text[2]) < strlen(text[0]) && text[2][0]);
    }
    unit_app_end(&u);
}

static void unit_layout_todos(void)
{
    struct unit_app u;
    test_begin("keys without effect on the selected todo are not bold");
    unit_app_begin(&u, 24, 80);
    unit_app_type(&u, "2");
    unit_app_event(&u, "{\"event\":\"preparation_initial\",\"data\":{\"projects\":[{\"computer\":"
                       "\"vm\",\"name\":\"p\",\"path\":\"/p\",\"todos\":[{\"slug\":\"done\","
                       "\"status\":\"pending\"},{\"slug\":\"go\",\"status\":\"ready\"}]}]}}");
    app_set(&u.t->views[1].wanted, "t:vm:/p:done");
    app_changed(u.t);
    UNIT_APP_SEE(&u, "s start");
    int at = 0;
    while (at < u.t->ui.hit_count &&
           (u.t->ui.hits[at].what != WIDGET_KEY ||
            strcmp(u.t->keys.rows[u.t->ui.hits[at].index].shown, "s") != 0))
        at++;
    CHECK(at < u.t->ui.hit_count);
    int row = u.t->ui.hits[at].row, col = u.t->ui.hits[at].col;
    CHECK(!(vt_row(u.screen, row)[col].attr & CELL_BOLD));
    app_set(&u.t->views[1].wanted, "t:vm:/p:go");
    app_changed(u.t);
    UNIT_APP_UNTIL(&u, vt_row(u.screen, row)[col].attr & CELL_BOLD);
    unit_app_end(&u);
}


static void unit_layout_bytes(int cols)
{
    struct unit_app u;
    unit_app_begin(&u, 24, cols);
    u.t->no_preview = 1;
    u.t->grid.depth = CELL_256;
    u.t->ground = THEME_DARK;
    app_set_theme(u.t, NULL);
    for (int i = 0; i < 9; i++) {
        char id[12] = {0}; /* titles of 17 characters */
        memset(id, 'a' + i, sizeof id - 1);
        unit_app_session(&u, id, i % 4 ? "idle" : "working",
                         ",\"active_agent\":\"claude\","
                         "\"last_output\":\"fixed the parser and its three tests\"");
    }
    app_set(&u.t->views[0].wanted, "s:ddddddddddd");
    app_changed(u.t);
    UNIT_APP_SEE(&u, "6/11");
    for (int i = 0; i < 4; i++) /* what follows a first frame */
        unit_app_pass(&u);
    for (int i = 0; i < 2; i++) {
        u.shown = 0, u.frames = 0;
        unit_app_type(&u, i ? "k" : "j");
        UNIT_APP_SEE(&u, i ? "6/11" : "7/11");
        CHECK(u.shown <= 250);
        CHECK_INT(u.frames, 1);
    }
    unit_app_type(&u, "m");
    UNIT_APP_SEE(&u, "Message to");
    for (int i = 0; i < 2; i++) {
        u.shown = 0, u.frames = 0;
        unit_app_type(&u, i ? "z" : "y");
        UNIT_APP_SEE(&u, i ? " yz" : " y");
        CHECK(u.shown <= 60);
        CHECK_INT(u.frames, 1);
    }
    unit_app_end(&u);
}

static void unit_layout_uncovered(void)
{
    test_begin("a form about a session never covers its row, nor does it scroll the list for good");
    for (int cols = 24; cols <= 40; cols += 16) {
        struct unit_app u;
        unit_app_begin(&u, cols == 24 ? 9 : 12, cols);
        for (const char *id = "abcdefgh"; *id; id++)
            unit_app_session(&u, (char[]){*id, 0}, "idle", "");
        for (const char *id = "abcdefgh"; *id; id++) {
            char key[] = {'s', ':', *id, 0}, row[32];
            snprintf(row, sizeof row, "○ title %c", *id);
            app_set(&u.t->views[0].wanted, key);
            app_changed(u.t);
            UNIT_APP_SEE(&u, row);
            int top = u.t->views[0].list.top;
            unit_app_type(&u, "R");
            UNIT_APP_SEE(&u, "Rename");
            CHECK(unit_app_shows(&u, row));
            unit_app_type(&u, "\033");
            UNIT_APP_UNTIL(&u, u.t->mode == APP_SESSIONS);
            CHECK_INT(u.t->views[0].list.top, top);
        }
        unit_app_end(&u);
    }
}

static void unit_layout(void)
{
    unit_layout_uncovered();
    test_begin("a character that is typed costs at most 60 bytes, a move 250, each one frame");
    for (int cols = 60; cols <= 180; cols += 40)
        unit_layout_bytes(cols);
    unit_layout_sizes();
    unit_layout_small();
    unit_layout_hints();
    unit_layout_connection();
    unit_layout_todos();
}
