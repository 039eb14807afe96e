/* Unit tests of many: marks, and one act on several sessions. */

/* Sessions a and b run, c and d have exited, in two projects. */
static void unit_many_begin(struct unit_app *u)
{
    static const char *const states[] = {"idle", "working", "exited", "exited"};
    unit_app_begin(u, 24, 80);
    for (int i = 0; i < 4; i++) {
        char members[160];
        snprintf(members, sizeof members,
                 ",\"working_directory\":\"/p%d\",\"exit_code\":%d,\"created_at\":"
                 "\"2026-01-01T00:00:0%dZ\"", i / 3, i == 3 ? 1 : 0, i);
        unit_app_session(u, (char[]){(char)('a' + i), 0}, states[i], members);
    }
    app_changed(u->t);
    UNIT_APP_SEE(u, "title d");
}

static void unit_many_go(struct unit_app *u, const char *key)
{
    app_set(&u->t->views[0].wanted, key);
    app_settle(u->t);
}

static void unit_many_marks(void)
{
    struct unit_app u;
    test_begin("Space marks and goes on, V marks what is shown, Esc unmarks");
    unit_many_begin(&u);
    unit_many_go(&u, "s:a");
    unit_app_type(&u, "  ");
    CHECK_INT(many_marked(u.t), 2);
    CHECK_SPAN(span_of(app_session(u.t)->id), "c");
    UNIT_APP_SEE(&u, "2 marked");
    UNIT_APP_SEE(&u, "\xe2\x80\xa2");
    unit_app_type(&u, "k ");
    CHECK_INT(many_marked(u.t), 1);
    unit_app_type(&u, "/is:exited\rV");
    CHECK_INT(many_marked(u.t), 3);
    unit_app_type(&u, "V");
    CHECK_INT(many_marked(u.t), 1);
    unit_app_type(&u, "V");
    unit_app_event(&u, "{\"event\":\"session_removed\",\"data\":{\"session_id\":\"d\"}}");
    CHECK_INT(many_marked(u.t), 2);
    keys_escape(u.t, 0); /* the filter */
    CHECK_INT(many_marked(u.t), 2);
    keys_escape(u.t, 0);
    CHECK_INT(many_marked(u.t), 0);
    unit_app_end(&u);
}

static void unit_many_ends(void)
{
    struct unit_app u;
    test_begin("many sessions end after one question that counts them, with one undo");
    unit_many_begin(&u);
    unit_app_reply(&u, "POST /sessions/end", 200,
                   "{\"ended\":[\"a\"],"
                   "\"failed\":[{\"session_id\":\"c\",\"detail\":\"it is busy\"}],"
                   "\"undo_s\":10}");
    unit_many_go(&u, "s:a");
    unit_app_type(&u, " j x");
    UNIT_APP_SEE(&u, "2 sessions: 1 run, 1 has exited. u undoes it.");
    unit_app_type(&u, "n");
    CHECK(u.t->mode == APP_SESSIONS && many_marked(u.t) == 2);
    unit_app_type(&u, "xy");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "POST /sessions/end {\"ids\":["));
    CHECK(unit_app_has(&u.asked, "\"a\"") && unit_app_has(&u.asked, "\"c\"") &&
          !unit_app_has(&u.asked, "\"b\"") && unit_app_has(&u.asked, "\"undo_s\":10}"));
    CHECK_INT(many_marked(u.t), 0);
    UNIT_APP_SEE(&u, "1 of them did not end: it is busy");
    unit_app_type(&u, "j");
    UNIT_APP_SEE(&u, "ended 2 sessions");
    unit_app_type(&u, "u");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "POST /sessions/restore {\"ids\":["));
    CHECK_INT(u.t->ended_count, 0);
    unit_app_end(&u);
}

static void unit_many_below(void)
{
    struct unit_app u;
    test_begin("x on a project or computer is about all below it, X about all that have exited");
    unit_many_begin(&u);
    unit_many_go(&u, "p:vm:/p0");
    unit_app_type(&u, "\033[D" "x");
    UNIT_APP_SEE(&u, "3 sessions: 2 run, 1 has exited");
    unit_app_type(&u, "n");
    unit_many_go(&u, "p:vm:/p1");
    unit_app_type(&u, "x"); /* one that has exited: as if it was selected */
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "DELETE /sessions/d?"));
    unit_many_go(&u, "c:vm");
    unit_app_type(&u, "x");
    UNIT_APP_SEE(&u, "4 sessions: 2 run, 2 have exited");
    unit_app_type(&u, "n/title\rX");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "POST /sessions/end {\"ids\":[\"c\",\"d\"]"));
    unit_app_end(&u);
}

static void unit_many_messages(void)
{
    struct unit_app u;
    test_begin("a message, a key and a restart go to all marked sessions, and one report comes");
    unit_many_begin(&u);
    unit_app_reply(&u, "POST /sessions/b/message", 409, "{\"detail\":\"it asks\"}");
    unit_many_go(&u, "s:a");
    unit_app_type(&u, "   m");
    UNIT_APP_SEE(&u, "Message to 2 sessions"); /* c has exited */
    unit_app_type(&u, "hello\023");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "POST /sessions/a/message?computer=vm {\"message\""));
    UNIT_APP_SEE(&u, "sent: 1 of 2; it asks");
    CHECK(!unit_app_has(&u.asked, "/sessions/c/message"));
    unit_app_type(&u, "VK");
    UNIT_APP_SEE(&u, "Key to 2 sessions");
    unit_app_type(&u, "\033[C\r");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "/sessions/b/keys?computer=vm {\"key\":\"enter\"}"));
    UNIT_APP_SEE(&u, "key sent: 2 of 2");
    if (CONN_READ_MAX >= 100) { /* else the question comes late, and its key is dropped */
        unit_app_type(&u, "Vsy");
        UNIT_APP_SEE(&u, "started again: 2 of 2");
        CHECK(unit_app_has(&u.asked, "POST /sessions/d/restart") &&
              !unit_app_has(&u.asked, "POST /sessions/a/restart"));
    }
    unit_app_end(&u);
}

static void unit_many(void)
{
    unit_many_marks();
    unit_many_ends();
    unit_many_below();
    unit_many_messages();
}
