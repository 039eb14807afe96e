#include "ui.h"

/* changes - what git says has changed in the directory of the selected session: as a number in its
 * headline, and read with d. Only of sessions of this computer, and only where git is. */

#ifndef CHANGES_REST_MS
#define CHANGES_REST_MS 300 /* the selection rests so long before git counts */
#endif

static const char *changes_unknown(const struct app *t, const struct tree_session *s)
{
    return strcmp(s->computer, names_first(&t->tree.computers)) != 0
               ? "its files are on another computer"
           : !s->branch        ? "its directory is in no git repository"
           : !s->directory     ? "its directory is not known"
           : !vcs_is_there()   ? "git is not installed"
                               : NULL;
}

/* ---- the number ----------------------------------------------------------------------------- */

static void changes_on_count(void *ctx, const char *error, span diff)
{
    struct app *t = ctx;
    int added, removed;
    vcs_count(diff, &added, &removed);
    t->changes.text[0] = '\0';
    if (!error && added + removed)
        base_fmt(t->changes.text, sizeof t->changes.text, "+%d −%d", added, removed);
    app_changed(t);
}

static void changes_on_rest(void *ctx)
{
    struct app *t = ctx;
    const struct tree_session *s = app_session(t);
    if (s && !t->changes.vcs.done && !changes_unknown(t, s))
        vcs_read(&t->changes.vcs, s->directory, changes_on_count, t);
}

static void changes_follow(struct app *t)
{
    const struct tree_session *s = t->has_preview ? app_session(t) : NULL;
    int same = s && strcmp(s->id, t->changes.id) == 0;
    if (!s || !s->branch || (same && (tree_is(s, "working") || s->since == t->changes.since)))
        return;
    if (!same)
        t->changes.text[0] = '\0';
    base_copy(t->changes.id, sizeof t->changes.id, s->id);
    t->changes.since = s->since;
    loop_timer_in(&t->loop, &t->changes.timer, CHANGES_REST_MS);
}

static const char *changes_of(const struct app *t, const struct tree_session *s)
{
    return strcmp(s->id, t->changes.id) == 0 ? t->changes.text : "";
}

/* ---- reading -------------------------------------------------------------------------------- */

static void changes_on_read(void *ctx, const char *error, span diff)
{
    struct app *t = ctx;
    buf title = {0};
    if (error || !diff.n)
        app_say(t, error != NULL, error ? error : "nothing has changed since the last commit");
    if (error || !diff.n || t->mode != APP_SESSIONS || t->keys_typed != t->changes.keys_typed)
        return;
    buf_str(&title, "git diff ");
    rows_path(t->changes.vcs.directory, &title);
    pager_set(&t->pager, buf_cstr(&title), diff, PAGER_DIFF);
    buf_free(&title);
    app_set_mode(t, APP_PAGER);
}

static void changes_show(struct app *t)
{
    const struct tree_session *s = app_session(t);
    const char *why = !s                 ? "select a session first"
                      : t->changes.opening ? "git makes a worktree"
                                           : changes_unknown(t, s);
    t->changes.keys_typed = t->keys_typed;
    if (!why && vcs_read(&t->changes.vcs, s->directory, changes_on_read, t) != 0)
        why = strerror(errno);
    if (why)
        app_say(t, 0, why);
}

static void changes_put_worktree(const struct app *t, const struct tree_session *s, buf *lines)
{
    if (s && !changes_unknown(t, s) && git_put_removal(s->directory, lines))
        buf_str(lines, " removes its worktree, which stays\n");
}

static void changes_init(struct app *t)
{
    t->changes.vcs.loop = &t->loop;
    t->changes.timer = (struct loop_timer){.fn = changes_on_rest, .ctx = t};
}
