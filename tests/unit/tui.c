/* Unit tests of tui: clicks, the wheel, escape sequences, the terminal's answers, signals, push. */

static void unit_tui_mouse(void)
{
    struct unit_app u;
    test_begin("a click selects, a second one opens, the wheel scrolls, tabs and keys are clicked");
    unit_keys_begin(&u);
    UNIT_APP_SEE(&u, "title b");
    int row = 0;
    const struct widget_hit *hit;
    while (row < 23 && !((hit = widget_find_hit(&u.t->ui, row, 5)) && hit->what == ROWS_ROW &&
                         u.t->tree.rows[hit->index].session &&
                         strcmp(u.t->tree.rows[hit->index].session->id, "b") == 0))
        row++;
    char click[40];
    snprintf(click, sizeof click, "\033[<0;6;%dM", row + 1);
    unit_app_type(&u, click);
    CHECK_SPAN(span_of(unit_keys_at(&u)), "b");
    CHECK_INT(u.t->mode, APP_SESSIONS);
    u.t->clicked_at = u.t->loop.now - TUI_DOUBLE_MS - 1; /* too late for a double click */
    unit_app_type(&u, click);
    CHECK_INT(u.t->mode, APP_SESSIONS);
    unit_app_type(&u, click);
    CHECK_INT(u.t->mode, APP_ATTACHED);
    unit_app_type(&u, "\035d");
    UNIT_APP_SEE(&u, "Preparation");
    unit_app_type(&u, "\033[<0;20;1M"); /* the other tab */
    CHECK_INT(u.t->shown, APP_TODOS);
    unit_app_type(&u, "1g");
    for (int i = 0; i < 40; i++)
        unit_app_session(&u, (char[]){'m', (char)('A' + i), 0}, "idle", "");
    app_changed(u.t);
    UNIT_APP_SEE(&u, "title mA");
    unit_app_type(&u, "\033[<65;6;5M");
    CHECK(u.t->views[0].list.top > 0 && u.t->views[0].list.at > 0);
    unit_app_type(&u, "\033[<64;6;5M\033[<64;6;5M");
    CHECK_INT(u.t->views[0].list.top, 0);
    unit_app_type(&u, "?");
    UNIT_APP_SEE(&u, " Keys ");
    int at = u.t->views[0].list.at;
    unit_app_type(&u, click); /* not what is behind the help */
    CHECK(u.t->mode == APP_HELP && u.t->views[0].list.at == at);
    unit_app_end(&u);
}

static void unit_tui_escape(void)
{
    struct unit_app u;
    test_begin("a lone ESC is a key after a while, and a sequence in pieces is one event");
    unit_keys_begin(&u);
    u.t->mode = APP_JUMP;
    CHECK_INT(send(u.terminal, "\033", 1, 0), 1);
    UNIT_APP_UNTIL(&u, u.t->escape_timer.slot || u.t->mode == APP_SESSIONS);
    UNIT_APP_UNTIL(&u, u.t->mode == APP_SESSIONS);
    CHECK(!u.t->escape_timer.slot);
    u.t->asked_at = u.t->loop.now; /* nothing is known of the line */
    CHECK_INT(send(u.terminal, "\033", 1, 0), 1);
    UNIT_APP_UNTIL(&u, u.t->escape_timer.slot);
    CHECK(u.t->escape_timer.due - u.t->loop.now > 200);
    CHECK_INT(send(u.terminal, "[0n", 3, 0), 3);
    UNIT_APP_UNTIL(&u, !u.t->escape_timer.slot);
    CHECK_INT(u.t->mode, APP_SESSIONS);
    u.t->asked_at = 0;
    CHECK_INT(send(u.terminal, "\033[200~/la", 9, 0), 9);
    unit_app_pass(&u);
    CHECK_INT(send(u.terminal, "st\033[201~", 8, 0), 8);
    unit_app_type(&u, "/\033[200~last\033[201~");
    CHECK(u.t->mode == APP_FILTER && u.t->tree.filter.count == 1);
    unit_app_end(&u);
}

static void unit_tui_question(void)
{
    struct unit_app u;
    test_begin("a quit waits for the answer behind a frame as long as a slow line needs");
    unit_app_begin(&u, 24, 80);
    pace_start(&u.t->pace);
    u.t->grid.known = 0;
    app_changed(u.t);
    UNIT_APP_UNTIL(&u, u.t->pace.pending);
    CHECK(u.t->pace.asked > 200 && u.t->pace.asked < PACE_LOST_MS);
    CHECK_INT(term_saved.answers_until - u.t->pace.asked_at - TERM_ANSWERS_MS, u.t->pace.asked);
    CHECK_INT(pace_answer_ms(&(struct pace){.asked = 1000000}), TERM_ANSWERS_MS + PACE_LOST_MS);
    UNIT_APP_UNTIL(&u, !u.t->pace.pending);
    CHECK_INT(term_saved.answers_until, 0);
    unit_app_end(&u);
}

static void unit_tui_unknown(void)
{
    struct unit_app u;
    test_begin("a letter without action is reported, and any key reads an error");
    unit_keys_begin(&u);
    unit_app_type(&u, "Q");
    UNIT_APP_SEE(&u, "Q does nothing here; ? lists the keys");
    app_say(u.t, 1, "something failed");
    UNIT_APP_SEE(&u, "something failed");
    CHECK_INT(u.t->toasts.unread, 1);
    unit_app_type(&u, "j");
    CHECK_INT(u.t->toasts.unread, 0);
    unit_app_type(&u, "q");
    CHECK_INT(u.t->quit, 1);
    unit_app_end(&u);
}

static void unit_tui_answers(void)
{
    struct unit_app u;
    test_begin("the terminal's answers set its background and synchronised output");
    unit_keys_begin(&u);
    struct theme light, dark;
    theme_set(&light, &u.config, THEME_LIGHT, CELL_256, NULL);
    theme_set(&dark, &u.config, THEME_DARK, CELL_256, NULL);
    int at = 0; /* a style that depends on the background */
    while (at < THEME_STYLES - 1 && light.style[at].fg == dark.style[at].fg)
        at++;
    CHECK(light.style[at].fg != dark.style[at].fg);
    u.t->grid.depth = CELL_256;
    unit_app_type(&u, "\033]11;rgb:ffff/ffff/ffff\033\\");
    CHECK_INT(u.t->theme.style[at].fg, light.style[at].fg);
    unit_app_type(&u, "\033]11;rgb:0000/0000/0000\033\\");
    CHECK_INT(u.t->theme.style[at].fg, dark.style[at].fg);
    unit_app_type(&u, "\033[2;6R"); /* the bytes are characters: not UTF-8 */
    CHECK(u.t->grid.ascii && !u.t->grid.narrow);
    unit_app_type(&u, "\033[2;5R");
    CHECK(!u.t->grid.ascii && !u.t->grid.narrow);
    unit_app_type(&u, "\033[2;4R");
    CHECK(!u.t->grid.ascii && u.t->grid.narrow);
    u.config.utf8 = (char *)"yes";
    unit_app_type(&u, "\033[2;6R");
    CHECK_INT(u.t->grid.ascii, 0);
    unit_app_type(&u, "\033[?2026;2$y");
    CHECK_INT(u.t->grid.sync, 1);
    unit_app_type(&u, "\033[?2026;0$y");
    CHECK_INT(u.t->grid.sync, 0);
    unit_app_end(&u);
}

static void unit_tui_signals(void)
{
    struct unit_app u;
    test_begin("signals end the UI, redraw it, or are left to a program that has the terminal");
    unit_keys_begin(&u);
    UNIT_APP_UNTIL(&u, !u.t->stale);
    u.t->program_runs = 1;
    tui_on_signal(u.t, SIGINT);
    tui_on_signal(u.t, SIGWINCH);
    CHECK(!u.t->quit && !u.t->stale);
    u.t->program_runs = 0;
    tui_on_signal(u.t, SIGCONT);
    CHECK(!u.t->quit && u.t->stale && !u.t->grid.known);
    UNIT_APP_UNTIL(&u, !u.t->stale);
    tui_on_signal(u.t, SIGWINCH);
    CHECK(u.t->stale && !u.t->quit);
    u.t->unstoppable = 1; /* started without job control: Ctrl-Z changes nothing */
    app_suspend(u.t, 1);
    CHECK(!u.t->program_runs && !u.t->suspended);
    tui_on_signal(u.t, SIGTERM);
    CHECK_INT(u.t->quit, SIGTERM);
    unit_app_end(&u);
}

static void unit_tui_hangup(void)
{
    struct unit_app u;
    test_begin("the UI ends with its terminal");
    unit_keys_begin(&u);
    shutdown(u.terminal, SHUT_RDWR);
    UNIT_APP_UNTIL(&u, u.t->quit);
    unit_app_end(&u);
}

static void unit_tui_push(void)
{
    struct unit_app u;
    test_begin("a TeleClaude daemon's initial states are fetched instead, and a loss is shown");
    unit_keys_begin(&u);
    struct client_ws foreign = {.accepted = 1, .foreign = 1}, *ws = u.t->client.ws;
    long long events = u.t->events;
    u.t->client.ws = &foreign;
    unit_app_event(&u, "{\"event\":\"sessions_initial\",\"data\":{\"sessions\":[]}}");
    u.t->client.ws = ws;
    CHECK(tree_session(&u.t->tree, "a") && u.t->events == events + 1);
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "GET /agents/availability"));
    CHECK(unit_app_has(&u.asked, "GET /sessions ") && unit_app_has(&u.asked, "GET /computers"));
    unit_app_event(&u, "{\"event\":\"sessions_initial\",\"data\":{\"sessions\":[]}}");
    CHECK(!tree_session(&u.t->tree, "a"));
    if (CONN_READ_MAX < 100) { /* what the daemon still sends would undo the loss */
        unit_app_end(&u);
        return;
    }
    unit_app_session(&u, "a", "idle", "");
    app_set(&u.t->views[0].wanted, "s:a");
    unit_app_type(&u, "\r");
    CHECK_INT(u.t->mode, APP_ATTACHED);
    UNIT_APP_UNTIL(&u, !u.t->client.requests); /* an answer would tell that it is there */
    u.t->client.push = CLIENT_WAITING;
    u.t->client.answered = 0;
    u.t->client.why = "the daemon has stopped";
    tui_client_hooks.on_push(u.t);
    CHECK(u.t->mode == APP_ATTACHED && u.t->second_timer.slot); /* it counts down */
    UNIT_APP_SEE(&u, "offline, 0 s  Ctrl-] d detaches");
    unit_app_type(&u, "xy");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "xy"));
    unit_app_type(&u, "\035d");
    UNIT_APP_SEE(&u, "offline: the daemon has stopped");
    u.t->client.push = CLIENT_LIVE;
    tui_client_hooks.on_push(u.t);
    CHECK(!u.t->previewed[0]);
    unit_app_end(&u);
}

static void unit_tui_old_daemon(void)
{
    struct unit_app u;
    test_begin("a daemon that is older than the UI is told of");
    unit_keys_begin(&u);
    struct client_ws old = {.accepted = 1, .version = "0.0.9"}, *ws = u.t->client.ws;
    u.t->client.ws = &old;
    u.t->client.push = CLIENT_LIVE;
    tui_client_hooks.on_push(u.t);
    u.t->client.ws = ws;
    UNIT_APP_SEE(&u, "the daemon is telec 0.0.9, this is " TELEC_VERSION);
    unit_app_end(&u);
}

static void unit_tui_start(void)
{
    struct unit_app u;
    test_begin("the sessions are asked for first, the rest when they have come");
    unit_app_begin(&u, 24, 80);
    unit_app_reply(&u, "GET /sessions ", 200,
                   "[{\"session_id\":\"a\",\"computer\":\"vm\",\"working_directory\":\"/src\","
                   "\"title\":\"first of all\"}]");
    tui_ask(u.t);
    UNIT_APP_SEE(&u, "first of all");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "GET /ws"));
    CHECK(memcmp(u.asked.p, "GET /sessions ", 14) == 0 && u.t->fetched);
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "GET /status"));
    CHECK(!unit_app_has(&u.asked, "GET /projects")); /* they are pushed */
    u.t->client.push = CLIENT_WAITING;
    tui_client_hooks.on_fetch(u.t);
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "GET /projects-with-todos"));
    buf_clear(&u.asked);
    u.t->tree.agent_count = u.t->events = 1; /* then only the sessions are polled */
    tui_client_hooks.on_fetch(u.t);
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "GET /sessions "));
    CHECK(!unit_app_has(&u.asked, "GET /computers"));
    u.t->tree.agent_count = 0;
    tui_client_hooks.on_fetch(u.t);
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "GET /computers"));
    tui_on_ages(u.t);
    CHECK(u.t->stale && u.t->ages_timer.slot);
    unit_app_end(&u);
}

static void unit_tui_first(void)
{
    struct unit_app u;
    test_begin("the first list is drawn at once, and a row that never comes draws nothing");
    unit_app_begin(&u, 24, 80);
    app_set(&u.t->views[0].wanted, "c:gone");
    UNIT_APP_SEE(&u, "Asking the daemon.");
    u.t->frame_due = u.t->loop.now + 60000;
    app_changed(u.t);
    CHECK(u.t->frame_timer.slot);
    unit_app_reply(&u, "GET /sessions ", 200,
                   "[{\"session_id\":\"a\",\"computer\":\"vm\",\"title\":\"at once\"}]");
    tui_ask(u.t);
    UNIT_APP_SEE(&u, "at once");
    UNIT_APP_UNTIL(&u, !u.t->stale);
    app_settle(u.t);
    CHECK(!u.t->stale && u.t->views[0].wanted);
    unit_app_end(&u);
}

static void unit_tui(void)
{
    unit_tui_mouse();
    unit_tui_escape();
    unit_tui_question();
    unit_tui_unknown();
    unit_tui_answers();
    unit_tui_signals();
    unit_tui_hangup();
    unit_tui_push();
    unit_tui_old_daemon();
    unit_tui_start();
    unit_tui_first();
}
