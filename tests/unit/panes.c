/* Unit tests of panes: which sessions have one, and when they change. */

static int unit_panes_is(const struct unit_app *u, int i, const char *id)
{
    return u->t->panes[i] ? strcmp(u->t->panes[i]->id, id) == 0 : !*id;
}

static void unit_panes_begin(struct unit_app *u)
{
    unit_app_begin(u, 40, 160);
    for (int i = 0; i < 5; i++) {
        char members[120];
        snprintf(members, sizeof members,
                 ",\"exit_code\":0,\"created_at\":\"2026-01-01T00:00:0%dZ\",\"last_activity\":"
                 "\"2026-01-01T01:00:0%dZ\"", i, i);
        unit_app_session(u, (char[]){(char)('a' + i), 0}, i == 4 ? "exited" : "idle", members);
    }
    app_set(&u->t->views[0].wanted, "s:a");
    app_changed(u->t);
    UNIT_APP_UNTIL(u, u->t->view && strcmp(u->t->view->id, "a") == 0);
}

static void unit_panes_which(void)
{
    struct unit_app u;
    test_begin("panes show the sessions active last, and stay while others come and go");
    unit_panes_begin(&u);
    CHECK(!u.t->panes[0]);
    unit_app_type(&u, "=");
    UNIT_APP_UNTIL(&u, unit_panes_is(&u, 0, "d") && !u.t->panes[1]);
    CHECK(!unit_app_has(&u.said, "resize"));
    unit_app_type(&u, "=");
    UNIT_APP_UNTIL(&u, unit_panes_is(&u, 1, "c") && unit_panes_is(&u, 2, "b"));
    unit_app_session(&u, "f", "idle", ",\"last_activity\":\"2027-01-01T00:00:00Z\"");
    app_changed(u.t);
    UNIT_APP_UNTIL(&u, !u.t->stale);
    CHECK(unit_panes_is(&u, 0, "d") && unit_panes_is(&u, 1, "c") && unit_panes_is(&u, 2, "b"));
    unit_app_session(&u, "d", "exited", ",\"exit_code\":0");
    app_changed(u.t);
    UNIT_APP_UNTIL(&u, unit_panes_is(&u, 0, "f"));
    unit_app_type(&u, "j"); /* to b, which had the third */
    UNIT_APP_UNTIL(&u, strcmp(app_session(u.t)->id, "b") == 0 && unit_panes_is(&u, 2, "a"));
    unit_app_type(&u, "_g"); /* no row has a session: they stay */
    UNIT_APP_UNTIL(&u, !unit_app_shows(&u, "title e"));
    UNIT_APP_SEE(&u, "title f");
    unit_app_type(&u, "=");
    UNIT_APP_UNTIL(&u, !u.t->panes[0] && !u.t->panes[1] && !u.t->panes[2]);
    unit_app_end(&u);
}

static void unit_panes_marked(void)
{
    struct unit_app u;
    test_begin("marked sessions have the panes alone; attaching closes all");
    unit_panes_begin(&u);
    unit_app_type(&u, "==");
    UNIT_APP_UNTIL(&u, u.t->panes[2] != NULL);
    tree_session(&u.t->tree, "c")->marked = 1;
    app_changed(u.t);
    UNIT_APP_UNTIL(&u, !u.t->panes[0] + !u.t->panes[1] + !u.t->panes[2] == 2);
    CHECK(panes_has(u.t, "c"));
    many_unmark(u.t);
    UNIT_APP_UNTIL(&u, u.t->panes[0] && u.t->panes[1] && u.t->panes[2]);
    unit_app_type(&u, "\r");
    UNIT_APP_UNTIL(&u, !u.t->panes[0] && u.t->mode == APP_ATTACHED);
    unit_app_end(&u);
}

static void unit_panes(void)
{
    unit_panes_which();
    unit_panes_marked();
}
