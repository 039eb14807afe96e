#include "ui.h"

/* panes - live screens beside the selected session's: of marked sessions, else of those that were
 * active last. A pane stays until its session ends or is selected; nothing resizes the sessions. */

static void panes_on_event(void *ctx)
{
    app_changed(ctx); /* of an ended stream the last screen stays */
}

static const struct view_hooks panes_hooks = {panes_on_event, panes_on_event, NULL};

static void panes_close(struct app *t, int from)
{
    for (int i = from; i < PANES_MAX; i++) {
        view_close(t->panes[i]);
        t->panes[i] = NULL;
    }
}

static int panes_has(const struct app *t, const char *id)
{
    for (int i = 0; i < PANES_MAX; i++)
        if (t->panes[i] && strcmp(t->panes[i]->id, id) == 0)
            return 1;
    return 0;
}

/* Returns 1 when the session may have a pane. */
static int panes_fits(const struct tree_session *s, const struct tree_session *selected,
                      int marked)
{
    return s && s != selected && !tree_is(s, "exited") && (!marked || s->marked);
}

/* Returns the session for the next pane: the one active last; or NULL. */
static const struct tree_session *panes_next(const struct app *t,
                                             const struct tree_session *selected, int marked)
{
    const struct tree_session *best = NULL;
    for (size_t i = 0; i < t->tree.sessions.places; i++) {
        const struct cache_session *known = t->tree.sessions.sessions[i];
        const struct tree_session *s = known ? tree_session(&t->tree, known->id) : NULL;
        if (panes_fits(s, selected, marked) && !panes_has(t, s->id) &&
            (!best || s->activity > best->activity))
            best = s;
    }
    return best;
}

static void panes_follow(struct app *t)
{
    const struct tree_session *selected = app_session(t), *s;
    int most = t->has_preview && !(t->mode & APP_SCREENS) && !app_is_foreign(t) ? t->pane_count : 0;
    int marked = most ? many_marked(t) : 0;
    marked = marked > (selected && selected->marked); /* others than the selected one */
    for (int i = 0; i < most; i++)
        if (t->panes[i] &&
            !panes_fits(tree_session(&t->tree, t->panes[i]->id), selected, marked)) {
            view_close(t->panes[i]);
            t->panes[i] = NULL;
        }
    panes_close(t, most);
    for (int i = 0; i < most && t->client.push == CLIENT_LIVE; i++)
        if (!t->panes[i]) {
            if (!(s = panes_next(t, selected, marked)))
                break;
            t->panes[i] = view_open(&t->client, s->id, s->computer, VIEW_SCREEN, &panes_hooks, t);
        }
}

static void panes_cycle(struct app *t)
{
    t->pane_count = t->pane_count == 0 ? 1 : t->pane_count == 1 ? PANES_MAX : 0;
    if (!t->has_preview)
        app_say(t, 0, "the screen is too small for a preview");
    app_state_changed(t);
    app_changed(t);
}
