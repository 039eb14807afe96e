/* Unit tests of attention: when the terminal calls its user, and how. */

/* Moves session `id` to a state. Returns the signals that the terminal then gets. */
static unsigned unit_attention_change(struct unit_app *u, const char *id, const char *state,
                                      const char *members)
{
    vt_drain_signals(u->screen);
    unit_app_session(u, id, state, members);
    UNIT_APP_UNTIL(u, !u->t->call_timer.slot && !u->t->stale);
    unit_app_pass(u);
    unit_app_pass(u);
    return vt_drain_signals(u->screen) & (VT_BELL | VT_NOTIFIED);
}

static void unit_attention_when(void)
{
    struct unit_app u;
    test_begin("the terminal calls when a session waits that is not on the screen");
    unit_app_begin(&u, 24, 120);
    unit_app_session(&u, "a", "working", ",\"created_at\":\"2026-01-01T00:00:01Z\"");
    unit_app_session(&u, "b", "working", ",\"created_at\":\"2026-01-01T00:00:02Z\"");
    app_set(&u.t->views[0].wanted, "s:a");
    app_changed(u.t);
    UNIT_APP_UNTIL(&u, u.t->view && strcmp(u.t->view->id, "a") == 0);
    CHECK_INT(unit_attention_change(&u, "b", "waiting", ""), VT_BELL);
    CHECK_INT(unit_attention_change(&u, "b", "working", ""), 0);
    CHECK_INT(unit_attention_change(&u, "b", "idle", ""), 0); /* seen elsewhere */
    CHECK_INT(unit_attention_change(&u, "b", "idle", ",\"unseen\":true"), VT_BELL);
    CHECK_INT(unit_attention_change(&u, "b", "working", ""), 0);
    CHECK_INT(unit_attention_change(&u, "b", "exited", ",\"exit_code\":0"), 0);
    CHECK_INT(unit_attention_change(&u, "b", "idle", ""), 0);
    CHECK_INT(unit_attention_change(&u, "b", "exited", ",\"exit_code\":1"), VT_BELL);
    CHECK_INT(unit_attention_change(&u, "b", "working", ""), 0);
    CHECK_INT(unit_attention_change(&u, "b", "exited", ",\"exit_code\":0,\"unseen\":true"),
              VT_BELL);
    CHECK_INT(unit_attention_change(&u, "b", "starting", ""), 0);
    CHECK_INT(unit_attention_change(&u, "b", "idle", ",\"unseen\":true"), 0); /* nothing was done */
    CHECK_INT(unit_attention_change(&u, "a", "waiting", ""), 0); /* the user looks at it */
    CHECK_INT(unit_attention_change(&u, "a", "working", ""), 0);
    unit_app_type(&u, "\033[O");
    CHECK_INT(unit_attention_change(&u, "a", "waiting", ""), VT_BELL);
    unit_app_type(&u, "\033[I");
    CHECK(!u.t->unfocused);
    unit_app_end(&u);
}

static void unit_attention_how(void)
{
    static const struct {
        const char *notify;
        unsigned signals;
        const char *text;
    } cases[] = {{"bell", VT_BELL, ""},
                 {"none", 0, ""},
                 {"osc9", VT_NOTIFIED, "telec: title a waits: rm ^[[2J?"},
                 {"osc777", VT_NOTIFIED, "title a waits: rm ^[[2J?"},
                 {"osc99", VT_NOTIFIED, "title a waits: rm ^[[2J?"}};
    test_begin("the call is a bell or a notification, whose text can't act on the terminal");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct unit_app u;
        unit_app_begin(&u, 24, 80);
        u.config.notify = (char *)cases[i].notify;
        u.t->unfocused = 1;
        unit_app_session(&u, "a", "working", "");
        CHECK_INT(unit_attention_change(&u, "a", "waiting",
                                        ",\"state_text\":\"rm \\u001b[2J?\""),
                  cases[i].signals);
        if (*cases[i].text) {
            char *text = span_dup(vt_notification(u.screen));
            CHECK(strstr(text, cases[i].text) != NULL);
            free(text);
        }
        unit_app_end(&u);
    }
}

static void unit_attention_long(void)
{
    struct unit_app u;
    test_begin("of a long title the call shows the beginning, and all of what happened");
    unit_app_begin(&u, 24, 80);
    u.config.notify = (char *)"osc9";
    u.t->unfocused = 1;
    const char *id = "0123456789-0123456789-0123456789-0123456789-0123456789-0123";
    unit_app_session(&u, id, "working", "");
    CHECK_INT(unit_attention_change(&u, id, "waiting", ",\"state_text\":\"rm?\""), VT_NOTIFIED);
    CHECK(span_find(vt_notification(u.screen), "-0123456789-0123456789 waits: rm?"));
    unit_app_end(&u);
}

static void unit_attention_rate(void)
{
    struct unit_app u;
    test_begin("several calls within a while are one");
    unit_app_begin(&u, 24, 80);
    u.config.notify = (char *)"osc9";
    u.t->unfocused = 1;
    for (int i = 0; i < 3; i++)
        unit_app_session(&u, (char[]){(char)('a' + i), 0}, "working", "");
    CHECK_INT(unit_attention_change(&u, "a", "waiting", ""), VT_NOTIFIED);
    long long first = u.t->called_at;
    unit_app_session(&u, "b", "waiting", "");
    unit_app_session(&u, "c", "waiting", "");
    CHECK(u.t->call_timer.slot != 0);
    UNIT_APP_UNTIL(&u, !u.t->call_timer.slot);
    CHECK(u.t->called_at >= first + ATTENTION_MS);
    UNIT_APP_UNTIL(&u, span_starts(vt_notification(u.screen), "telec: title c"));
    test_begin("a session that needs the user no more does not call off the call for another one");
    static const char *const since[] = {
        ",\"unseen\":true,\"state_since\":\"2100-01-01T00:00:00Z\"",
        ",\"unseen\":true,\"state_since\":\"2000-01-01T00:00:00Z\""};
    for (int i = 0; i < 2; i++) { /* not for one of long ago */
        unit_app_session(&u, "a", "working", "");
        unit_app_session(&u, "b", "working", "");
        unit_app_session(&u, "a", "waiting", since[i]);
        unit_app_session(&u, "b", "waiting", ",\"unseen\":true");
        unit_app_session(&u, "b", "working", "");
        vt_drain_signals(u.screen);
        CHECK(u.t->call_timer.slot != 0);
        UNIT_APP_UNTIL(&u, !u.t->call_timer.slot);
        unit_app_pass(&u), unit_app_pass(&u);
        CHECK_INT(vt_drain_signals(u.screen) & VT_NOTIFIED, i ? 0 : VT_NOTIFIED);
        CHECK(span_starts(vt_notification(u.screen), "telec: title a"));
    }
    unit_app_end(&u);
}

static void unit_attention(void)
{
    unit_attention_when();
    unit_attention_how();
    unit_attention_long();
    unit_attention_rate();
}
