/* Unit tests of reading: a session's text in the pager, from where it comes and where it goes; and
 * of attaching read-only and to the session before. */

/* Attached; the screen has scrolled. */
static void unit_reading_begin(struct unit_app *u, int rows, int cols)
{
    unit_attach_begin(u, rows, cols, "");
    unit_app_session(u, "b", "idle", "");
    unit_attach_enter(u);
    unit_app_frame(u, FRAME_SIZE, "{\"size\":[40,4]}");
    unit_app_frame(u, FRAME_OUTPUT, "\033[2J\033[H\033]133;A\a$ \033]133;B\amake\r\none two\r\n"
                                    "three\r\nfour\r\n\033]133;A\a$ \033]133;B\a");
    UNIT_APP_SEE(u, "four\n$");
}

static void unit_reading_attached(void)
{
    struct unit_app u;
    test_begin("the prefix and [ reads what scrolled by, copies it, and goes back to the session");
    unit_reading_begin(&u, 24, 80);
    unit_app_type(&u, "\035[");
    UNIT_APP_SEE(&u, "$ make\none two\nthree\nfour\n$");
    CHECK_INT(u.t->mode, APP_READING);
    unit_app_type(&u, "[["); /* the last prompt, the one before */
    CHECK_INT(u.t->pager.prompt, 0);
    unit_app_type(&u, "vjy");
    UNIT_APP_SEE(&u, "15 characters copied");
    CHECK_SPAN(vt_clipboard(u.screen), "c;JCBtYWtlCm9uZSB0d28K");
    CHECK(!u.t->pager.selecting); /* so that the next key moves, and e edits all of the text */
    unit_app_frame(&u, FRAME_OUTPUT, "late\r\n");
    unit_app_type(&u, "F");
    UNIT_APP_SEE(&u, "$ late");
    unit_app_frame(&u, FRAME_OUTPUT, "later");
    UNIT_APP_SEE(&u, "later\n"); /* it follows */
    CHECK(!unit_app_has(&u.input, "v"));
    unit_app_type(&u, "q");
    UNIT_APP_SEE(&u, "Ctrl-] d detaches");
    CHECK_INT(u.t->mode, APP_ATTACHED);
    unit_app_type(&u, "\035[\035[q\003"); /* a prefix is no key of the pager; Ctrl-C closes it */
    UNIT_APP_UNTIL(&u, unit_app_has(&u.input, "\003"));
    unit_app_end(&u);
}

static void unit_reading_ends(void)
{
    struct unit_app u;
    test_begin("a text stays to be read when its session ends");
    unit_reading_begin(&u, 24, 80);
    unit_app_type(&u, "\035[");
    UNIT_APP_SEE(&u, "$ make");
    conn_close(&unit_app_view(&u)->conn, NULL);
    UNIT_APP_UNTIL(&u, !view_is_open(u.t->view));
    u.t->view->lost = 0; /* it is no lost connection */
    CHECK_INT(u.t->mode, APP_READING);
    unit_app_type(&u, "q");
    UNIT_APP_UNTIL(&u, u.t->mode == APP_SESSIONS);
    unit_app_end(&u);
}

static void unit_reading_preview(void)
{
    struct unit_app u;
    test_begin("v and the wheel fetch a preview's scrollback, once");
    unit_attach_begin(&u, 24, 120, "");
    app_changed(u.t);
    UNIT_APP_UNTIL(&u, unit_app_view(&u));
    unit_app_frame(&u, FRAME_OUTPUT, "seen");
    UNIT_APP_SEE(&u, "seen");
    unit_app_type(&u, "\033[<64;100;12M");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "&scrollback=1&computer=vm ") && unit_app_view(&u));
    unit_app_frame(&u, FRAME_SIZE, "{\"size\":[40,4]}");
    unit_app_frame(&u, FRAME_OUTPUT, "1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8");
    UNIT_APP_SEE(&u, "│ 2"); /* as far back as the wheel has turned */
    CHECK(!unit_app_shows(&u, "│ 1") && !unit_app_shows(&u, "│ 6"));
    unit_app_type(&u, "\033[5~"); /* while it is scrolled back PgUp and PgDn are the preview's */
    UNIT_APP_SEE(&u, "│ 1");
    unit_app_type(&u, "\033[6~");
    UNIT_APP_UNTIL(&u, !u.t->view->back && !unit_app_shows(&u, "│ 1"));
    unit_app_type(&u, "\033[5;2~");
    UNIT_APP_SEE(&u, "│ 1");
    unit_app_type(&u, "v");
    UNIT_APP_SEE(&u, "1\n2\n3\n4\n5\n6\n7\n8\n");
    CHECK_INT(u.t->mode, APP_PAGER);
    test_begin("a text grows on when its session's computer was gone for a while");
    unit_app_type(&u, "F");
    unit_app_event(&u, "{\"event\":\"session_removed\",\"data\":{\"session_id\":\"a\"}}");
    UNIT_APP_UNTIL(&u, !u.t->view);
    buf_clear(&u.asked);
    unit_app_session(&u, "a", "idle", "");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "&scrollback=1&computer=vm ") && unit_app_view(&u));
    unit_app_frame(&u, FRAME_SIZE, "{\"size\":[40,4]}");
    unit_app_frame(&u, FRAME_OUTPUT, "back again");
    UNIT_APP_SEE(&u, "back again");
    unit_app_end(&u);
}

static void unit_reading_copies_to_file(void)
{
    struct unit_app u;
    char what[200];
    buf text = {0};
    test_begin("what the clipboard can't hold goes to a file, which is named");
    unit_app_begin(&u, 24, 80);
    for (int i = 0; i <= APP_COPY_MAX / 10; i++)
        buf_str(&text, "0123456789");
    app_copy(u.t, buf_view(&text), what, sizeof what);
    CHECK(strstr(what, "75000 bytes written to /tmp/telec-app-") && strstr(what, "/copied"));
    buf read = {0};
    char *path = store_path(u.dir, APP_COPY_FILE);
    CHECK(os_read_file(&read, path, 100000) == 0 && read.n == text.n);
    free(path);
    text.n = 5;
    app_copy(u.t, buf_view(&text), what, sizeof what);
    CHECK_SPAN(span_of(what), "5 characters copied");
    CHECK(unit_app_has(&u.t->frame, "\033]52;c;MDEyMzQ=\a"));
    buf_free(&text), buf_free(&read);
    unit_app_end(&u);
}

static void unit_reading_runs(void)
{
    struct unit_app u;
    test_begin("| gives the selection to a command, e a copy of the text to the editor");
    unit_reading_begin(&u, 24, 80);
    unit_app_type(&u, "\035[");
    UNIT_APP_SEE(&u, "$ make");
    u.t->terminal.queued++; /* the program starts when the last frame is written: never */
    unit_app_type(&u, "vk|wc -l'x'\r");
    UNIT_APP_UNTIL(&u, u.t->program_argv != NULL);
    CHECK_SPAN(span_of(u.t->program_argv[4]), "wc -l'x'");
    buf text = {0};
    char *path = span_dup(span_of(u.t->program_argv[5]));
    const char *name = strrchr(path, '/');
    CHECK(name && store_read(u.dir, name + 1, &text) == 0);
    CHECK_SPAN(buf_view(&text), "four\n$\n");
    free(u.t->program_argv);
    u.t->program_argv = NULL;
    reading_on_done(u.t, 2 << 8, NULL);
    CHECK(access(path, F_OK) != 0 && strstr(u.t->pager.note, "status 2"));
    setenv("VISUAL", "true", 1);
    reading_edit(u.t);
    CHECK(u.t->program_argv && strcmp(u.t->program_argv[0], "true") == 0);
    free(u.t->program_argv);
    u.t->program_argv = NULL;
    reading_on_done(u.t, 0, NULL);
    setenv("VISUAL", "/nowhere/editor", 1);
    reading_edit(u.t);
    CHECK(strstr(u.t->pager.note, "/nowhere/editor can't be found") && access(path, F_OK) != 0);
    free(path);
    unsetenv("VISUAL");
    u.t->terminal.queued--;
    buf_free(&text);
    unit_app_end(&u);
}

static void unit_reading_read_only(void)
{
    struct unit_app u;
    test_begin("read-only, no key reaches the session, whose size stays");
    unit_attach_begin(&u, 24, 80, "");
    unit_app_type(&u, "A");
    UNIT_APP_UNTIL(&u, unit_app_view(&u));
    unit_app_frame(&u, FRAME_SIZE, "{\"size\":[40,4]}");
    unit_app_frame(&u, FRAME_OUTPUT, "\033[?1003hready");
    UNIT_APP_SEE(&u, "read-only  Ctrl-] d detaches");
    CHECK(!unit_app_has(&u.asked, "mode=control") && unit_app_has(&u.asked, "scrollback=1"));
    unit_app_type(&u, "x\033[200~paste\033[201~");
    UNIT_APP_SEE(&u, "read-only: nothing is typed");
    CHECK(!(vt_modes(u.screen) & VT_MOUSE_ANY));
    unit_app_type(&u, "\035d");
    UNIT_APP_SEE(&u, "Enter attach");
    CHECK(!u.input.n && !unit_app_has(&u.said, "resize"));
    unit_app_end(&u);
}

static void unit_reading_before(void)
{
    struct unit_app u;
    test_begin("- attaches to the session before, back and forth, from the list and by the prefix");
    unit_attach_begin(&u, 24, 80, "");
    unit_app_session(&u, "b", "idle", "");
    unit_app_type(&u, "-");
    UNIT_APP_SEE(&u, "no session that runs was attached to before");
    unit_attach_enter(&u);
    unit_app_type(&u, "\035-");
    UNIT_APP_SEE(&u, "there is no session before this one");
    unit_app_type(&u, "\035n");
    UNIT_APP_UNTIL(&u, u.t->view && strcmp(u.t->view->id, "b") == 0);
    unit_app_type(&u, "\035-");
    UNIT_APP_UNTIL(&u, u.t->view && strcmp(u.t->view->id, "a") == 0);
    unit_app_type(&u, "\035d");
    UNIT_APP_SEE(&u, "Enter attach");
    unit_app_type(&u, "-");
    UNIT_APP_UNTIL(&u, u.t->view && strcmp(u.t->view->id, "b") == 0);
    CHECK_INT(u.t->mode, APP_ATTACHED);
    unit_app_end(&u);
}

static void unit_reading_starts(void)
{
    struct unit_app u;
    test_begin("the selection starts on what waits, though an event comes before the first reply");
    unit_app_begin(&u, 24, 80);
    unit_app_session(&u, "a", "idle", "");
    unit_app_session(&u, "b", "waiting", "");
    unit_app_reply(&u, "GET /sessions", 200, "[]");
    u.t->fetched = 1; /* as an event sets it */
    app_fetch_sessions(u.t);
    u.t->events++;
    UNIT_APP_UNTIL(&u, app_session(u.t) && strcmp(app_session(u.t)->id, "b") == 0);
    unit_app_end(&u);
}

static void unit_reading(void)
{
    unit_reading_starts();
    unit_reading_attached();
    unit_reading_ends();
    unit_reading_preview();
    unit_reading_copies_to_file();
    unit_reading_runs();
    unit_reading_read_only();
    unit_reading_before();
}
