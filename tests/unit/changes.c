/* Unit tests of changes: git's count in a session's headline and its diff, by a script for git. */

static const char unit_changes_script[] =
    "#!/bin/sh\n"
    "case \"$*\" in\n"
    "*' -C /none '*) echo 'fatal: not a git repository'; exit 128;;\n"
    "*' -C /same '*) ;;\n"
    "*' diff '*) printf 'diff --git a/f b/f\\n@@ -1 +1,2 @@\\n-x\\n+y\\n+new line\\n';;\n"
    "esac\n";

struct unit_changes {
    struct unit_app app;
    char dir[64], *path;
};

static void unit_changes_begin(struct unit_changes *u)
{
    buf with = {0};
    unit_app_begin(&u->app, 30, 120);
    u->path = span_dup(span_of(getenv("PATH")));
    if (!mkdtemp(unit_base_temporary(u->dir)))
        base_die("%s: %s", u->dir, strerror(errno));
    unit_vcs_write(u->dir, "git", unit_changes_script, sizeof unit_changes_script - 1);
    buf_fmt(&with, "%s/git", u->dir);
    CHECK_INT(chmod(buf_cstr(&with), 0700), 0);
    buf_clear(&with);
    buf_fmt(&with, "%s:%s", u->dir, u->path);
    setenv("PATH", buf_cstr(&with), 1);
    buf_free(&with);
}

static void unit_changes_end(struct unit_changes *u)
{
    setenv("PATH", u->path, 1);
    free(u->path);
    vcs_cancel(&u->app.t->changes.vcs);
    unit_app_end(&u->app);
    unit_roadmap_remove(u->dir);
}

/* A session in a directory with a branch, or without; it is selected. */
static void unit_changes_session(struct unit_changes *u, const char *computer,
                                 const char *directory, const char *members)
{
    char json[400];
    snprintf(json, sizeof json,
             "{\"event\":\"session_created\",\"data\":{\"session_id\":\"%s\",\"computer\":\"%s\","
             "\"working_directory\":\"%s\",\"title\":\"one\",\"state\":\"idle\"%s}}",
             directory + 1, computer, directory, members);
    unit_app_event(&u->app, json);
    snprintf(json, sizeof json, "s:%s", directory + 1);
    app_set(&u->app.t->views[0].wanted, json);
    app_settle(u->app.t);
    UNIT_APP_RESUME(&u->app);
}

static void unit_changes_counted(void)
{
    struct unit_changes u;
    test_begin("the headline has the lines that git counts, of that session only");
    unit_changes_begin(&u);
    unit_changes_session(&u, "vm", "/src", ",\"branch\":\"main\"");
    UNIT_APP_SEE(&u.app, "+2 \xe2\x88\x92" "1");
    unit_changes_session(&u, "vm", "/same", ",\"branch\":\"main\"");
    UNIT_APP_UNTIL(&u.app, !unit_app_shows(&u.app, "+2 "));
    UNIT_APP_UNTIL(&u.app, !u.app.t->changes.timer.slot && !u.app.t->changes.vcs.done);
    CHECK_SPAN(span_of(u.app.t->changes.text), "");
    CHECK_SPAN(span_of(u.app.t->changes.id), "same");
    unit_changes_end(&u);
}

static void unit_changes_read(void)
{
    struct unit_changes u;
    test_begin("d reads the diff, and says when nothing has changed or git fails");
    unit_changes_begin(&u);
    unit_changes_session(&u, "vm", "/src", ",\"branch\":\"main\"");
    unit_app_type(&u.app, "d");
    UNIT_APP_SEE(&u.app, "git diff /src");
    UNIT_APP_SEE(&u.app, "new line");
    CHECK_INT(u.app.t->mode, APP_PAGER);
    unit_app_type(&u.app, "q");
    unit_changes_session(&u, "vm", "/same", ",\"branch\":\"main\"");
    unit_app_type(&u.app, "d");
    UNIT_APP_SEE(&u.app, "nothing has changed since the last commit");
    unit_changes_session(&u, "vm", "/none", ",\"branch\":\"main\"");
    unit_app_type(&u.app, "d");
    UNIT_APP_SEE(&u.app, "git: fatal: not a git repository");
    CHECK_INT(u.app.t->mode, APP_SESSIONS);
    test_begin("a diff that comes when other keys were typed opens nothing");
    unit_changes_session(&u, "vm", "/src", ",\"branch\":\"main\"");
    changes_show(u.app.t);
    CHECK(u.app.t->changes.vcs.done != NULL);
    u.app.t->keys_typed++;
    UNIT_APP_UNTIL(&u.app, !u.app.t->changes.vcs.done);
    CHECK_INT(u.app.t->mode, APP_SESSIONS);
    unit_changes_end(&u);
}

static void unit_changes_unknown(void)
{
    struct unit_changes u;
    test_begin("d says why changes are not known, and runs nothing then");
    unit_changes_begin(&u);
    changes_show(u.app.t);
    UNIT_APP_SEE(&u.app, "select a session first");
    unit_changes_session(&u, "far", "/there", ",\"branch\":\"main\"");
    changes_show(u.app.t);
    UNIT_APP_SEE(&u.app, "its files are on another computer");
    unit_changes_session(&u, "vm", "/plain", "");
    changes_show(u.app.t);
    UNIT_APP_SEE(&u.app, "its directory is in no git repository");
    unit_changes_session(&u, "vm", "/src", ",\"branch\":\"main\"");
    u.app.t->changes.opening = 1;
    changes_show(u.app.t);
    UNIT_APP_SEE(&u.app, "git makes a worktree");
    u.app.t->changes.opening = 0;
    setenv("PATH", "/nowhere", 1);
    changes_show(u.app.t);
    UNIT_APP_SEE(&u.app, "git is not installed");
    CHECK(!u.app.t->changes.vcs.done);
    unit_app_type(&u.app, "?git");
    UNIT_APP_SEE(&u.app, "0 of");
    setenv("PATH", u.path, 1);
    unit_changes_end(&u);
}

static void unit_changes(void)
{
    unit_changes_counted();
    unit_changes_read();
    unit_changes_unknown();
}
