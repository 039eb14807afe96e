/* Unit tests of attach and of view's connections: the preview, keys of an attached session,
 * detaching. */

static void unit_attach_begin(struct unit_app *u, int rows, int cols, const char *members)
{
    unit_app_begin(u, rows, cols);
    unit_app_session(u, "a", "idle", members);
    app_set(&u->t->views[0].wanted, "s:a");
    app_settle(u->t);
}

static void unit_attach_enter(struct unit_app *u)
{
    unit_app_type(u, "\r");
    UNIT_APP_UNTIL(u, unit_app_view(u) && unit_app_has(&u->said, "23"));
    CHECK_INT(u->t->mode, APP_ATTACHED);
    unit_app_frame(u, FRAME_OUTPUT, "ready");
    UNIT_APP_SEE(u, "ready");
}

static void unit_attach_preview(void)
{
    struct unit_app u;
    test_begin("the preview shows the selected session without input");
    unit_attach_begin(&u, 24, 120, "");
    app_changed(u.t);
    UNIT_APP_UNTIL(&u, unit_app_view(&u));
    CHECK(unit_app_has(&u.asked, "GET /sessions/a/attach?sizes=1&computer=vm "));
    unit_app_frame(&u, FRAME_SIZE, "{\"size\":[40,10]}");
    unit_app_frame(&u, FRAME_OUTPUT, "seen in the preview");
    UNIT_APP_SEE(&u, "seen in the preview");
    CHECK(vt_cols(u.t->view->vt) == 40 && vt_rows(u.t->view->vt) == 10);
    unit_app_type(&u, "p"); /* hides it */
    UNIT_APP_UNTIL(&u, !u.t->view && !unit_app_shows(&u, "seen in the preview"));
    unit_app_end(&u);
}

static void unit_attach_transcript(void)
{
    struct unit_app u;
    test_begin("the preview of an exited session is the end of its transcript");
    unit_app_begin(&u, 24, 120);
    unit_app_reply(&u, "GET /sessions/a/transcript?computer=vm&tail_chars=20000", 200,
                   "{\"data\":{\"session_id\":\"a\"},\"transcript\":\"its last words\"}");
    unit_app_session(&u, "a", "exited", "");
    app_set(&u.t->views[0].wanted, "s:a");
    app_changed(u.t);
    UNIT_APP_SEE(&u, "its last words");
    CHECK(!view_is_open(u.t->view));
    unit_app_session(&u, "a", "starting", ""); /* it is restarted */
    UNIT_APP_UNTIL(&u, unit_app_view(&u));
    CHECK(view_is_open(u.t->view) &&
          unit_app_has(&u.asked, "GET /sessions/a/attach?sizes=1&computer=vm "));
    unit_app_end(&u);
    test_begin("one that has no transcript is previewed as soon as it is started again");
    unit_app_begin(&u, 24, 100);
    unit_app_session(&u, "a", "exited", "");
    unit_app_reply(&u, "GET /sessions/a/transcript?computer=vm&tail_chars=20000", 404,
                   "{\"detail\":\"none\"}");
    app_set(&u.t->views[0].wanted, "s:a");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "/sessions/a/transcript"));
    UNIT_APP_UNTIL(&u, !u.t->preview_timer.slot && !u.t->client.requests);
    unit_app_session(&u, "a", "idle", "");
    UNIT_APP_UNTIL(&u, u.t->view != NULL);
    unit_app_end(&u);
}

static void unit_attach_preview_lost(void)
{
    struct unit_app u;
    test_begin("a lost preview opens again in place, later each time, and at once with the daemon");
    unit_attach_begin(&u, 24, 120, "");
    app_changed(u.t);
    UNIT_APP_UNTIL(&u, unit_app_view(&u));
    unit_app_frame(&u, FRAME_OUTPUT, "seen before");
    UNIT_APP_SEE(&u, "seen before");
    conn_close(&unit_app_view(&u)->conn, NULL);
    UNIT_APP_UNTIL(&u, !view_is_open(u.t->view));
    UNIT_APP_UNTIL(&u, view_is_open(u.t->view) && unit_app_view(&u));
    CHECK(unit_app_shows(&u, "seen before"));
    unit_app_close(&u.t->loop, &u.daemon, u.socket);
    conn_close(&unit_app_view(&u)->conn, NULL);
    UNIT_APP_UNTIL(&u, u.t->reopen_ms > 4 * ATTACH_PREVIEW_MS);
    CHECK(unit_app_shows(&u, "seen before"));
    u.t->reopen_ms = ATTACH_REOPEN_MAX_MS;
    UNIT_APP_UNTIL(&u, u.t->preview_timer.due > clock_mono_ms() + ATTACH_REOPEN_MAX_MS / 2);
    unit_app_listen(&u, &u.daemon, u.socket, unit_app_on_daemon);
    tui_client_hooks.on_push(u.t);
    UNIT_APP_UNTIL(&u, unit_app_view(&u));
    unit_app_frame(&u, FRAME_OUTPUT, ", and after");
    UNIT_APP_SEE(&u, "seen before, and after");
    CHECK_INT(u.t->reopen_ms, ATTACH_PREVIEW_MS); /* the next loss is another one */
    unit_app_end(&u);
}

static void unit_attach_keys(void)
{
    struct unit_app u;
    test_begin("attached, every key but the prefix is the session's");
    unit_attach_begin(&u, 24, 80, "");
    unit_attach_enter(&u);
    CHECK(unit_app_has(&u.asked, "/attach?sizes=1&mode=control&scrollback=1"));
    CHECK(unit_app_has(&u.said, "{\"resize\":[80,23]}"));
    unit_app_type(&u, "qx?\003\033[A\r");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "qx?\003\033[A\r"));
    unit_app_type(&u, "\035]"); /* the prefix, and the key for itself */
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "\r\035"));
    CHECK_INT(u.t->mode, APP_ATTACHED);
    unit_app_type(&u, "\035");
    UNIT_APP_SEE(&u, "d detach");
    unit_app_type(&u, "z"); /* no such command */
    UNIT_APP_SEE(&u, "z does nothing after Ctrl-]");
    unit_app_type(&u, "\035\033");
    UNIT_APP_SEE(&u, "Ctrl-] d detaches");
    unit_app_event(&u, "{\"event\":\"session_removed\",\"data\":{\"session_id\":\"a\"}}");
    UNIT_APP_SEE(&u, "another client has ended it");
    unit_app_type(&u, "\033[I"); /* focus: the program does not want it */
    unit_app_type(&u, "\033[<0;75;24M"); /* a click on the keys that detach */
    UNIT_APP_SEE(&u, "Enter fold");
    CHECK(!u.t->quit && !unit_app_has(&u.input, "z") && !unit_app_has(&u.input, "\033[I"));
    unit_app_end(&u);
}

static void unit_attach_paste(void)
{
    struct unit_app u;
    test_begin("keys right after a paste follow it, and a paste has brackets when they are wanted");
    unit_attach_begin(&u, 24, 80, "");
    unit_attach_enter(&u);
    unit_app_type(&u, "\033[200~one\033[201~\rnext");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "one\rnext"));
    unit_app_frame(&u, FRAME_OUTPUT, "\033[?2004h\033[?1004hbrackets");
    UNIT_APP_SEE(&u, "brackets");
    unit_app_type(&u, "\033[200~two\033[201~\rthen\033[I");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "\033[200~two\033[201~\rthen\033[I"));
    unit_app_end(&u);
}

static void unit_attach_paste_ends(void)
{
    struct unit_app u;
    test_begin("a paste without an end mark is over after a while, and keys are keys again");
    unit_attach_begin(&u, 24, 80, "");
    unit_attach_enter(&u);
    unit_app_frame(&u, FRAME_OUTPUT, "\033[?2004hbrackets");
    UNIT_APP_SEE(&u, "brackets");
    unit_app_type(&u, "\033[200~endless\033");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "\033[200~endless\033\033[201~"));
    unit_app_type(&u, "\033[201~\003"); /* an end mark that comes too late is none */
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "201~\003"));
    unit_app_end(&u);
}

static void unit_attach_paste_waits(void)
{
    if (CONN_READ_MAX < 100) /* 4 MiB in pieces of a few bytes take too long */
        return;
    struct unit_app u;
    size_t n = 4 * 1024 * 1024, most = 0;
    char *text = base_alloc(n);
    test_begin("a long paste waits in the terminal while the session does not read, or is cut");
    memset(text, 'p', n);
    unit_attach_begin(&u, 24, 80, "");
    snprintf(u.holder_path, sizeof u.holder_path, "%s/a.sock", u.dir);
    unit_app_listen(&u, &u.holder, u.holder_path, unit_app_on_holder);
    unit_attach_enter(&u);
    CHECK(send(u.terminal, "\033[200~", 6, 0) == 6);
    fcntl(u.terminal, F_SETFL, O_NONBLOCK);
    struct conn *holder = &unit_app_view(&u)->conn;
    conn_pause(holder, 1);
    for (size_t at = 0; at < n;) {
        ssize_t sent = send(u.terminal, text + at, n - at, 0);
        at += sent > 0 ? (size_t)sent : 0;
        conn_pause(holder, !u.t->held);
        loop_once(&u.t->loop);
        most = view_pending(u.t->view) > most ? view_pending(u.t->view) : most;
    }
    conn_pause(holder, 0);
    CHECK(send(u.terminal, "\033[201~x", 7, 0) == 7);
    UNIT_APP_UNTIL(&u, u.input.n == n + 1 && u.input.p[n] == 'x');
    CHECK(most > VIEW_FULL && most < 2 * VIEW_FULL + 2 * CONN_READ_MAX);
    CHECK(send(u.terminal, "\033[200~", 6, 0) == 6);
    conn_pause(holder, 1);
    while (!u.t->held && send(u.terminal, text, n, 0) != -2)
        loop_once(&u.t->loop);
    UNIT_APP_SEE(&u, "paste cut: the program does not read");
    CHECK(!u.t->held);
    free(text);
    unit_app_end(&u);
}

static void unit_attach_scroll(void)
{
    struct unit_app u;
    buf lines = {0};
    test_begin("attached, the wheel and Shift-PgUp scroll back, and a key ends that");
    unit_attach_begin(&u, 24, 80, "");
    unit_attach_enter(&u);
    for (int i = 0; i < 60; i++)
        buf_fmt(&lines, "\r\nline %d", i);
    unit_app_frame(&u, FRAME_OUTPUT, buf_cstr(&lines));
    UNIT_APP_SEE(&u, "line 59");
    unit_app_type(&u, "\033[<64;5;5M");
    UNIT_APP_SEE(&u, "3 lines up");
    unit_app_type(&u, "\033[5;2~");
    UNIT_APP_UNTIL(&u, u.t->view->back > 3);
    unit_app_type(&u, "\033[6;2~\033[6;2~");
    UNIT_APP_UNTIL(&u, u.t->view->back == 0);
    unit_app_type(&u, "\033[<64;5;5Mk");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "k") && !unit_app_shows(&u, "lines up"));
    CHECK(unit_app_shows(&u, "line 59"));
    buf_free(&lines);
    unit_app_end(&u);
}

static void unit_attach_update(void)
{
    struct unit_app u;
    test_begin("an update of the program is shown at its end, or after a while");
    unit_attach_begin(&u, 24, 80, "");
    unit_attach_enter(&u);
    unit_app_frame(&u, FRAME_OUTPUT, "\033[?2026h\r\nfirst half");
    UNIT_APP_UNTIL(&u, u.t->view->torn);
    unit_app_type(&u, "\035");
    CHECK(!unit_app_shows(&u, "first half"));
    unit_app_type(&u, "\035");
    unit_app_frame(&u, FRAME_OUTPUT, ", second\033[?2026l");
    UNIT_APP_SEE(&u, "first half, second");
    unit_app_frame(&u, FRAME_OUTPUT, "\033[?2026h, without end");
    UNIT_APP_SEE(&u, "second, without end");
    CHECK(u.t->loop.now - u.t->view->sync_timer.due < 1000 && !u.t->view->held.n);
    unit_app_end(&u);
}

static void unit_attach_title(void)
{
    struct unit_app u;
    test_begin("the window's title counts who waits, and is the program's, the session's or telec");
    setenv("TERM", "xterm-256color", 1);
    unit_attach_begin(&u, 24, 80, "");
    app_changed(u.t);
    UNIT_APP_UNTIL(&u, span_eq(vt_title(u.screen), "telec"));
    unit_attach_enter(&u);
    UNIT_APP_UNTIL(&u, span_eq(vt_title(u.screen), "title a"));
    unit_app_frame(&u, FRAME_OUTPUT, "\033]2;vim\a");
    UNIT_APP_UNTIL(&u, span_eq(vt_title(u.screen), "vim"));
    unit_app_session(&u, "b", "waiting", "");
    UNIT_APP_UNTIL(&u, span_eq(vt_title(u.screen), "◆1 vim"));
    unit_app_type(&u, "\035d");
    UNIT_APP_UNTIL(&u, span_eq(vt_title(u.screen), "◆1 telec"));
    u.config.title = (char *)"no";
    unit_app_type(&u, "\r");
    UNIT_APP_SEE(&u, "d detaches");
    CHECK_SPAN(vt_title(u.screen), "◆1 telec");
    unit_app_end(&u);
}

static void unit_attach_waiting(void)
{
    struct unit_app u;
    test_begin("the prefix and w go to one that waits, though folded or filtered, or say none");
    unit_attach_begin(&u, 24, 80, "");
    unit_app_type(&u, "/title\r");
    unit_attach_enter(&u);
    unit_app_type(&u, "\035w");
    UNIT_APP_SEE(&u, "no other session waits");
    unit_app_type(&u, "\035n");
    UNIT_APP_SEE(&u, "there is no other session");
    unit_app_event(&u, "{\"event\":\"session_created\",\"data\":{\"session_id\":\"z\","
                       "\"computer\":\"vm\",\"working_directory\":\"/zoo\","
                       "\"state\":\"waiting\"}}");
    tree_set_folded(&u.t->tree, "p:vm:/zoo", 1);
    unit_app_type(&u, "\035w");
    CHECK(u.t->mode == APP_ATTACHED && strcmp(u.t->view->id, "z") == 0);
    unit_app_type(&u, "\035w");
    UNIT_APP_SEE(&u, "no other session waits");
    unit_app_end(&u);
}

static void unit_attach_colours(void)
{
    struct unit_app u;
    test_begin("the session is told the terminal's colours, also when they change");
    unit_attach_begin(&u, 24, 80, "");
    snprintf(u.holder_path, sizeof u.holder_path, "%s/a.sock", u.dir);
    unit_app_listen(&u, &u.holder, u.holder_path, unit_app_on_holder);
    unit_app_type(&u, "\033]11;rgb:ffff/ffff/ffff\033\\");
    CHECK_INT(u.t->ground, THEME_LIGHT);
    unit_attach_enter(&u);
    UNIT_APP_UNTIL(&u, unit_app_has(&u.said, "g[null,16777215,null]"));
    vt_drain_answers(u.screen, &u.said);
    unit_app_type(&u, "\033[?997;1n");
    UNIT_APP_UNTIL(&u, u.screen->answers.n); /* it is asked again */
    unit_app_type(&u, "\033]11;rgb:0/0/0\033\\\033]12;rgb:0/0/ff\a");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.said, "g[null,0,255]"));
    unit_app_end(&u);
}

static void unit_attach_prefix2(void)
{
    struct unit_app u;
    test_begin("a second prefix leaves, too, by Ctrl and a letter or by Esc typed twice");
    unit_attach_begin(&u, 24, 80, "");
    u.config.prefix2 = (char *)"Ctrl-\\";
    unit_attach_enter(&u);
    unit_app_type(&u, "\034");
    CHECK_INT(u.t->mode, APP_PREFIX);
    unit_app_type(&u, "x");
    UNIT_APP_SEE(&u, "x does nothing after Ctrl-\\"); /* the one that works here */
    u.config.prefix2 = (char *)"Esc Esc";
    unit_app_type(&u, "\033");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "\033"));
    CHECK_INT(u.t->mode, APP_ATTACHED);
    unit_app_type(&u, "a");
    unit_app_type(&u, "\033[27u");
    CHECK_INT(u.t->mode, APP_ATTACHED); /* not twice in a row */
    u.t->escaped_at = u.t->loop.now;
    unit_app_type(&u, "\033[27u");
    CHECK_INT(u.t->mode, APP_PREFIX);
    CHECK_SPAN(span_of(u.t->left_by), "Esc Esc");
    unit_app_type(&u, "d");
    CHECK_INT(u.t->mode, APP_SESSIONS);
    unit_app_end(&u);
}

static void unit_attach_wheel(void)
{
    struct unit_app u;
    test_begin("in an alternate screen the wheel is three arrows, unless the program wants none");
    unit_attach_begin(&u, 24, 80, "");
    unit_attach_enter(&u);
    unit_app_frame(&u, FRAME_OUTPUT, "\033[?1049hpager");
    UNIT_APP_SEE(&u, "pager");
    unit_app_type(&u, "\033[<64;5;5M");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "\033[A\033[A\033[A"));
    unit_app_frame(&u, FRAME_OUTPUT, "\033[?1h, application");
    UNIT_APP_SEE(&u, "application");
    unit_app_type(&u, "\033[<65;5;5M");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "[A\033OB\033OB\033OB"));
    unit_app_frame(&u, FRAME_OUTPUT, "\033[?1007l, none");
    UNIT_APP_SEE(&u, "none");
    unit_app_type(&u, "\033[<65;5;5Mk");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "OBk"));
    unit_app_end(&u);
}

static void unit_attach_select(void)
{
    struct unit_app u;
    test_begin("attached, a drag copies to the terminal's clipboard and the line below tells it");
    unit_attach_begin(&u, 24, 80, "");
    unit_attach_enter(&u);
    unit_app_type(&u, "\033[<0;1;1M\033[<32;5;1M\033[<0;5;1m");
    UNIT_APP_SEE(&u, "5 characters copied");
    CHECK_SPAN(vt_clipboard(u.screen), "c;cmVhZHk=");
    unit_app_type(&u, "x");
    UNIT_APP_SEE(&u, "Ctrl-] d detaches");
    unit_app_frame(&u, FRAME_OUTPUT, "\033[?1000;1006h, a mouse");
    UNIT_APP_SEE(&u, "a mouse");
    unit_app_type(&u, "\033[<0;3;1M\033[<0;3;24M"); /* the line below is no place of the program */
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "x\033[<0;3;1M"));
    unit_app_type(&u, "y");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "1My"));
    unit_app_end(&u);
}

static void unit_attach_keyboard(void)
{
    struct unit_app u;
    test_begin("Shift-Enter is the agent's line end, and the prefix works in every keyboard mode");
    unit_attach_begin(&u, 24, 80, ",\"active_agent\":\"claude\"");
    unit_app_type(&u, "\033[?0u\033[?62c");
    unit_attach_enter(&u);
    unit_app_type(&u, "\033[13;2uq");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "\033\rq"));
    unit_app_frame(&u, FRAME_OUTPUT, "\033[>11u, all keys");
    UNIT_APP_SEE(&u, "all keys");
    unit_app_type(&u, "\033[93;5u");
    CHECK_INT(u.t->mode, APP_PREFIX);
    unit_app_type(&u, "\033[93;5:3u\033[93u\033[93;1:3u"); /* releases are no keys; ] */
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "q\033[93;5u"));
    CHECK_INT(u.t->mode, APP_ATTACHED);
    unit_app_type(&u, "\033[93;5u\033[100u");
    CHECK_INT(u.t->mode, APP_SESSIONS);
    CHECK(!unit_app_has(&u.input, "93;5:3u"));
    unit_app_end(&u);
}

/* The daemon says that the session has ended. */
static void unit_attach_close(struct unit_app *u)
{
    buf b = {0};
    ws_put_close(&b, NULL, 1000, "the session has ended");
    conn_send(&unit_app_view(u)->conn, buf_view(&b));
    buf_free(&b);
}

static void unit_attach_ended(void)
{
    struct unit_app u;
    test_begin("a session that ends while attached detaches and says why");
    unit_attach_begin(&u, 24, 80, "");
    unit_attach_enter(&u);
    unit_attach_close(&u);
    UNIT_APP_UNTIL(&u, u.t->mode == APP_SESSIONS);
    CHECK(u.t->toasts.count == 1 && u.t->toasts.ring[0].alarm);
    CHECK(!u.t->quit);
    UNIT_APP_SEE(&u, "keys are ignored");
    unit_app_type(&u, "xy\033[200~q\033[201~q\033[<0;3;24M"); /* for the program that has ended */
    CHECK(u.t->mode == APP_SESSIONS && !u.t->quit && u.t->pause_timer.slot && u.t->toasts.unread);
    UNIT_APP_SEE(&u, "q quit");
    unit_app_type(&u, "x");
    CHECK_INT(u.t->mode, APP_CONFIRM);
    unit_app_type(&u, "n");
    u.t->attach_only = "a";
    attach_begin(u.t, "a");
    UNIT_APP_UNTIL(&u, unit_app_view(&u));
    attach_end(u.t, NULL);
    CHECK(u.t->quit); /* `telec attach` ends with it */
    u.t->quit = 0;
    attach_begin(u.t, "a");
    UNIT_APP_UNTIL(&u, unit_app_view(&u) &&
                       ((struct relayed *)u.t->view->stream)->ws.accepted);
    unit_attach_close(&u);
    UNIT_APP_SEE(&u, "the session has ended: keys are ignored");
    unit_app_type(&u, "rm -rf /\r"); /* a shell must not get this */
    CHECK(!u.t->quit && u.t->mode == APP_ATTACHED);
    UNIT_APP_UNTIL(&u, u.t->quit);
    u.t->quit = 0;
    unit_app_close(&u.t->loop, &u.daemon, u.socket);
    attach_begin(u.t, "a");
    CHECK(!u.t->view && u.t->mode == APP_SESSIONS && u.t->quit);
    unit_app_end(&u);
}

static void unit_attach_reconnects(void)
{
    struct unit_app u;
    test_begin("a lost connection to the daemon opens again in place, and keys are refused");
    unit_attach_begin(&u, 24, 80, "");
    unit_attach_enter(&u);
    buf_clear(&u.input);
    unit_app_close(&u.t->loop, &u.daemon, u.socket);
    conn_close(&unit_app_view(&u)->conn, NULL);
    UNIT_APP_SEE(&u, "reconnecting");
    CHECK(u.t->mode == APP_ATTACHED && unit_app_shows(&u, "ready"));
    unit_app_type(&u, "xy");
    UNIT_APP_SEE(&u, "2 bytes not typed");
    CHECK(u.t->mode == APP_ATTACHED && !u.input.n);
    unit_app_listen(&u, &u.daemon, u.socket, unit_app_on_daemon);
    UNIT_APP_UNTIL(&u, unit_app_view(&u) != NULL);
    unit_app_frame(&u, FRAME_OUTPUT, "back again");
    UNIT_APP_SEE(&u, "back again");
    CHECK(!unit_app_shows(&u, "reconnecting") && unit_app_shows(&u, "2 bytes not typed"));
    unit_app_type(&u, "z");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "z"));
    CHECK(!unit_app_has(&u.input, "xy"));
    UNIT_APP_SEE(&u, "d detaches");
    CHECK(!unit_app_shows(&u, "not typed"));
    u.t->client.push = CLIENT_WAITING;
    conn_close(&unit_app_view(&u)->conn, NULL);
    UNIT_APP_SEE(&u, "reconnecting");
    unit_app_session(&u, "a", "exited", ""); /* meanwhile */
    u.t->client.push = CLIENT_LIVE;
    tui_client_hooks.on_push(u.t);
    CHECK(u.t->mode == APP_SESSIONS && u.t->pause_timer.slot);
    unit_app_end(&u);
}

static void unit_attach_next(void)
{
    struct unit_app u;
    test_begin("n and p after the prefix attach to the next running session, w to one that waits");
    unit_attach_begin(&u, 24, 80, ",\"created_at\":\"2026-01-01T00:00:01Z\"");
    unit_app_session(&u, "b", "exited", ",\"created_at\":\"2026-01-01T00:00:02Z\"");
    unit_app_session(&u, "c", "working", ",\"created_at\":\"2026-01-01T00:00:03Z\"");
    unit_attach_enter(&u);
    unit_app_type(&u, "\035w");
    CHECK(u.t->mode == APP_ATTACHED && strcmp(u.t->view->id, "a") == 0); /* none waits */
    unit_app_type(&u, "\035n");
    CHECK(strcmp(u.t->view->id, "c") == 0 && strcmp(app_session(u.t)->id, "c") == 0);
    unit_app_type(&u, "\035n"); /* around */
    CHECK(strcmp(u.t->view->id, "a") == 0);
    unit_app_type(&u, "\035p");
    CHECK(strcmp(u.t->view->id, "c") == 0);
    unit_app_session(&u, "a", "waiting", ",\"created_at\":\"2026-01-01T00:00:01Z\"");
    unit_app_type(&u, "\035w");
    CHECK(strcmp(u.t->view->id, "a") == 0);
    unit_app_end(&u);
}

static void unit_attach_holder(void)
{
    struct unit_app u;
    test_begin("a session of this computer is attached through its holder");
    unit_attach_begin(&u, 24, 80, "");
    snprintf(u.holder_path, sizeof u.holder_path, "%s/a.sock", u.dir);
    unit_app_listen(&u, &u.holder, u.holder_path, unit_app_on_holder);
    unit_attach_enter(&u);
    CHECK(!unit_app_has(&u.asked, "/attach") && unit_app_has(&u.said, "vzbp\n"));
    unit_app_type(&u, "typed");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "typed"));
    unit_app_type(&u, "\035d");
    CHECK_INT(u.t->mode, APP_SESSIONS);
    unit_app_end(&u);
}

static void unit_attach_direct(void)
{
    struct unit_app u;
    int pty[2];
    char got[64] = "";
    test_begin("keys go to the pty itself while no other input is in flight, and long ones never");
    unit_attach_begin(&u, 24, 80, "");
    snprintf(u.holder_path, sizeof u.holder_path, "%s/a.sock", u.dir);
    unit_app_listen(&u, &u.holder, u.holder_path, unit_app_on_holder);
    unit_attach_enter(&u);
    CHECK_INT(pipe(pty), 0);
    u.t->view->pty = pty[1];
    u.t->view->may_type = 1;
    unit_app_type(&u, "direct");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.said, "Y")); /* the holder is told when */
    CHECK(read(pty[0], got, sizeof got - 1) == 6 && strcmp(got, "direct") == 0 && !u.input.n);
    char *text = base_alloc(VIEW_DIRECT_MAX + 2);
    memset(text, 'x', VIEW_DIRECT_MAX + 1);
    CHECK_INT(view_type_directly(u.t->view, span_of(text)), 0);
    view_type_through(u.t->view, span_of("x"));
    CHECK(!u.t->view->may_type);
    unit_app_type(&u, "z"); /* behind it, through the holder */
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "xz"));
    unit_app_frame(&u, FRAME_PTY, "1");
    unit_app_frame(&u, FRAME_OUTPUT, "after one");
    UNIT_APP_SEE(&u, "after one");
    CHECK(!u.t->view->may_type); /* it counts one of two */
    unit_app_frame(&u, FRAME_PTY, "2");
    UNIT_APP_UNTIL(&u, u.t->view->may_type);
    free(text);
    close(pty[0]);
    unit_app_end(&u);
}

static void unit_attach_queue(void)
{
    struct unit_app u;
    size_t n = VIEW_TYPED_MAX / 2 + 1;
    char *text = base_alloc(n + 1);
    test_begin("typing beyond the queue before the connection is open is dropped whole");
    memset(text, 'y', n);
    unit_attach_begin(&u, 24, 80, "");
    attach_begin(u.t, "a");
    view_send(u.t->view, span_of("first"));
    view_send(u.t->view, (span){text, n});
    view_send(u.t->view, (span){text, n});
    CHECK_INT(u.t->view->typed.n, 5 + n);
    view_send(u.t->view, span_of("last"));
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "last"));
    CHECK(u.input.n == 5 + n + 4 && memcmp(u.input.p, "first", 5) == 0);
    free(text);
    unit_app_end(&u);
}

static void unit_attach_programs(void)
{
    struct unit_app u;
    char *path = span_dup(span_of(getenv("PATH") ? getenv("PATH") : ""));
    test_begin("Enter on a session of TeleClaude or of another computer runs the program for it");
    setenv("PATH", "/nowhere", 1);
    unit_attach_begin(&u, 24, 80, ",\"tmux_session_name\":\"tc_1\"");
    u.config.attach = (char *)"/nowhere/ssh DEST";
    unit_app_reply(&u, "GET /computers", 200,
                   "[{\"name\":\"vm\"},{\"name\":\"far\",\"host\":\"h\"}]");
    unit_app_type(&u, "\r");
    UNIT_APP_SEE(&u, "cannot start tmux");
    unit_app_session(&u, "b", "idle", "");
    unit_app_event(&u, "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"b\",\"computer\":"
                       "\"far\",\"working_directory\":\"/x\",\"title\":\"t\",\"state\":\"idle\"}}");
    app_set(&u.t->views[0].wanted, "s:b");
    unit_app_type(&u, "\r");
    UNIT_APP_SEE(&u, "cannot start /nowhere/ssh");
    CHECK(u.t->mode == APP_SESSIONS && !u.t->program_runs);
    keys_on_program_exit(u.t, 3 << 8, NULL);
    UNIT_APP_SEE(&u, "ended with status 3");
    unit_app_type(&u, "q");
    CHECK(!u.t->quit);
    unit_app_end(&u);
    setenv("PATH", path, 1);
    free(path);
}

static void unit_attach_far(void)
{
    struct unit_app u;
    test_begin("a session of another telec is attached to through the daemon");
    unit_attach_begin(&u, 24, 80, "");
    unit_app_session(&u, "b", "idle", "");
    unit_app_event(&u, "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"b\",\"computer\":"
                       "\"far\",\"title\":\"t\",\"state\":\"idle\"}}");
    app_set(&u.t->views[0].wanted, "s:b");
    app_settle(u.t);
    unit_attach_enter(&u);
    CHECK(unit_app_has(&u.asked, "&mode=control&scrollback=1&computer=far "));

    test_begin("a link that is lost and what was not typed are said until the next key");
    unit_app_frame(&u, FRAME_SIZE, "{\"link\":\"lost\",\"why\":\"it sleeps\",\"unsent\":0}");
    UNIT_APP_SEE(&u, "reconnecting: it sleeps  Ctrl-] d");
    unit_app_frame(&u, FRAME_SIZE,
                   "{\"link\":\"lost\",\"why\":\"no room for 31 columns of this.\",\"unsent\":0}");
    UNIT_APP_SEE(&u, "reconnecting  Ctrl-] d");
    unit_app_frame(&u, FRAME_SIZE, "{\"link\":\"lost\",\"why\":\"it sleeps\",\"unsent\":7}");
    UNIT_APP_SEE(&u, "reconnecting  7 bytes not typed");
    unit_app_type(&u, "x"); /* the daemon counts it */
    unit_app_frame(&u, FRAME_SIZE, "{\"link\":\"lost\",\"why\":\"it sleeps\",\"unsent\":8}");
    UNIT_APP_SEE(&u, "8 bytes not typed");
    unit_app_frame(&u, FRAME_SIZE, "{\"link\":\"back\",\"unsent\":8}");
    unit_app_frame(&u, FRAME_SIZE, "{\"other\":1}");
    UNIT_APP_UNTIL(&u, !unit_app_shows(&u, "reconnecting"));
    CHECK(unit_app_shows(&u, "8 bytes not typed"));
    unit_app_type(&u, "y");
    unit_app_frame(&u, FRAME_OUTPUT, "y");
    UNIT_APP_UNTIL(&u, !unit_app_shows(&u, "not typed"));

    test_begin("another computer that types into the attached session is named");
    unit_app_event(&u, "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"b\",\"computer\":"
                       "\"far\",\"title\":\"t\",\"state\":\"idle\",\"controlled_by\":\"third\"}}");
    UNIT_APP_SEE(&u, "third types");
    unit_app_end(&u);
}

static void unit_attach_pan(void)
{
    struct unit_app u;
    test_begin("arrows after the prefix move the shown part of a larger screen");
    unit_attach_begin(&u, 24, 80, "");
    unit_attach_enter(&u);
    unit_app_frame(&u, FRAME_SIZE, "{\"size\":[200,100]}");
    unit_app_frame(&u, FRAME_OUTPUT, "\033[H\033[2Jcorner\033[60;1Hbelow\033[1;90Hbeside\033[H");
    UNIT_APP_SEE(&u, "corner");
    CHECK(!unit_app_shows(&u, "beside") && !unit_app_shows(&u, "below"));
    unit_app_type(&u, "\035\033[C");
    UNIT_APP_SEE(&u, "beside");
    for (int i = 0; i < 10; i++)
        unit_app_type(&u, "\035\033[B");
    unit_app_type(&u, "\035\033[D");
    UNIT_APP_SEE(&u, "below");
    for (int i = 0; i < 10; i++)
        unit_app_type(&u, "\035\033[A");
    UNIT_APP_SEE(&u, "corner");
    CHECK_INT(u.t->mode, APP_ATTACHED);
    unit_app_end(&u);
}

static void unit_attach(void)
{
    unit_attach_preview();
    unit_attach_transcript();
    unit_attach_preview_lost();
    unit_attach_keys();
    unit_attach_paste();
    unit_attach_paste_ends();
    unit_attach_paste_waits();
    unit_attach_scroll();
    unit_attach_update();
    unit_attach_title();
    unit_attach_prefix2();
    unit_attach_waiting();
    unit_attach_colours();
    unit_attach_wheel();
    unit_attach_select();
    unit_attach_keyboard();
    unit_attach_ended();
    unit_attach_reconnects();
    unit_attach_next();
    unit_attach_holder();
    unit_attach_direct();
    unit_attach_queue();
    unit_attach_programs();
    unit_attach_far();
    unit_attach_pan();
}
