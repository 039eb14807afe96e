#include "ui.h"

/* keys - the key table, and what each key does.
 *
 * A row of the table names a key, the modes in which the key is valid, its words for footer, help
 * and README, and a function with an argument. Overlays (pager, dialog, filter, help) get events
 * before the table: a letter that they don't use comes here. Text typed into a field never does. */

#define KEYS_ALL_ROWS 10000   /* to the first or last row */
#define KEYS_PAGE 10          /* lines of the help and the messages that PgUp and PgDn scroll */

static const char *const keys_orders[TREE_ORDERS] = {"as listed", "waiting first", "recent first"};

/* ---- moving --------------------------------------------------------------------------------- */

static void keys_move(void *ctx, int rows)
{
    struct app *t = ctx;
    app_set(&app_view(t)->wanted, NULL); /* the user has chosen another row meanwhile */
    app_select(t, rows == KEYS_ALL_ROWS    ? app_rows(t)
                  : rows == -KEYS_ALL_ROWS ? 0
                                           : app_view(t)->list.at + rows);
}

/* Scrolls the preview of the selected session by half screens; positive: back. */
static void keys_scroll_preview(void *ctx, int pages)
{
    struct app *t = ctx;
    attach_scroll(t, pages * widget_max(1, t->grid.rows / 4));
}

/* Moves by a screen of lines (a row may have several), or in the preview while that is scrolled
 * back. */
static void keys_page(void *ctx, int step)
{
    struct app *t = ctx;
    if (t->shown == APP_SESSIONS && t->view && t->view->back) {
        keys_scroll_preview(t, -step);
        return;
    }
    struct rows_list *l = &app_view(t)->list;
    int lines = widget_max(1, l->rows - 1) * step, at = l->at + lines;
    if (t->shown == APP_SESSIONS && t->tree.row_count)
        at = rows_tree_row(&t->tree, l, widget_max(0, rows_tree_line(&t->tree, l, l->at) + lines));
    keys_move(t, at == l->at ? step : at - l->at);
}

/* Scrolls the list; moves the selection only to keep it in sight. */
static void keys_scroll(struct app *t, int lines)
{
    struct rows_list *l = &app_view(t)->list;
    int todos = t->shown == APP_TODOS, rows = app_rows(t);
    int total = todos ? rows : rows_tree_lines(&t->tree, l);
    if (!rows)
        return;
    l->top = widget_max(0, widget_min(l->top + lines, total - l->rows));
    int first = todos ? l->top : rows_tree_row(&t->tree, l, l->top);
    int last = todos ? l->top + l->rows - 1
                    : rows_tree_row(&t->tree, l, l->top + l->rows - 1);
    if (!todos && rows_tree_line(&t->tree, l, first) < l->top)
        first++;
    app_select(t, widget_max(first, widget_min(l->at, last)));
}

static void keys_set_folded(struct app *t, int folded)
{
    struct tree_row *row = app_row(t);
    const struct todos_row *todo = app_todos_row(t);
    if (row && row->foldable && row->folded != folded)
        tree_set_folded(&t->tree, row->key, folded);
    else if (todo && todo->foldable && todo->folded != folded)
        todos_set_folded(&t->todos, todo->key, folded);
    else
        return;
    app_state_changed(t);
    app_changed(t);
}

static void keys_toggle_fold(struct app *t)
{
    const struct tree_row *row = app_row(t);
    const struct todos_row *todo = app_todos_row(t);
    keys_set_folded(t, row ? !row->folded : todo ? !todo->folded : 0);
}

static void keys_focus(struct app *t, const char *computer)
{
    buf key = {0};
    buf_str(&key, "c:");
    buf_str(&key, computer ? computer : t->tree.focus);
    app_set(&t->views[0].wanted, computer ? NULL : buf_cstr(&key));
    tree_set_focus(&t->tree, computer);
    t->views[0].list.at = t->views[0].list.top = 0;
    buf_free(&key);
    app_state_changed(t);
    app_changed(t);
}

/* Unfolds the row; on an unfolded computer, hides all other computers. */
static void keys_unfold(void *ctx, int arg)
{
    struct app *t = ctx;
    const struct tree_row *row = app_row(t);
    (void)arg;
    if (row && row->kind == TREE_COMPUTER && (!row->foldable || !row->folded))
        keys_focus(t, row->computer);
    else
        keys_set_folded(t, 0);
}

static int keys_depth(const struct app *t, int at)
{
    return t->shown == APP_TODOS ? t->todos.rows[at].depth : t->tree.rows[at].depth;
}

/* Folds the row. If that is not possible, selects the row above it in the tree; from the uppermost
 * row of a computer in focus, shows all computers again. */
static void keys_fold(void *ctx, int arg)
{
    struct app *t = ctx;
    const struct tree_row *row = app_row(t);
    const struct todos_row *todo = app_todos_row(t);
    (void)arg;
    if (row ? row->foldable && !row->folded : todo && todo->foldable && !todo->folded) {
        keys_set_folded(t, 1);
        return;
    }
    int at = app_view(t)->list.at;
    if (t->shown == APP_SESSIONS && t->tree.focus && (!row || row->depth == 0)) {
        keys_focus(t, NULL);
        return;
    }
    if (!app_rows(t))
        return;
    int depth = keys_depth(t, at);
    while (at > 0 && keys_depth(t, at) >= depth)
        at--;
    keys_move(t, at - app_view(t)->list.at);
}

static void keys_fold_all(void *ctx, int folded)
{
    struct app *t = ctx;
    int at = app_view(t)->list.at;
    while (folded && at > 0 && at < app_rows(t) && keys_depth(t, at) > 1)
        at--; /* to its project, which stays */
    app_select(t, at);
    if (t->shown == APP_TODOS)
        todos_fold_all(&t->todos, folded);
    else
        outline_fold_all(&t->tree, folded);
    t->built++;
    app_state_changed(t);
    app_changed(t);
}

/* ---- finding -------------------------------------------------------------------------------- */

static void keys_set_filter(struct app *t, const char *text)
{
    if (t->shown == APP_TODOS)
        todos_set_filter(&t->todos, text);
    else
        tree_set_filter(&t->tree, text);
    app_view(t)->list.top = 0;
    t->find_hit = 1;
    app_changed(t);
}

/* Enters a mode that needs no preparation. */
static void keys_enter_mode(void *ctx, int mode)
{
    app_set_mode(ctx, (enum app_mode)mode);
}

static void keys_clear_filter(struct app *t)
{
    field_set(&app_view(t)->filter, "");
    keys_set_filter(t, NULL);
    app_set_mode(t, t->shown);
}

/* Drops the filter; without one, the marks; without those, the focus on a computer. */
static void keys_escape(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    if (app_filter(t)->count)
        keys_clear_filter(t);
    else if (t->shown == APP_SESSIONS && many_marked(t))
        many_unmark(t);
    else if (t->shown == APP_SESSIONS && t->tree.focus)
        keys_focus(t, NULL);
}

/* Ends typing the filter: keeps it, or drops it. */
static void keys_end_filter(void *ctx, int keep)
{
    struct app *t = ctx;
    if (keep)
        app_set_mode(t, t->shown);
    else
        keys_clear_filter(t);
}

/* Completes the state of an is: at the end of the filter. */
static void keys_complete_filter(void *ctx, int arg)
{
    struct app *t = ctx;
    const char *rest = filter_complete(app_filter(t));
    (void)arg;
    if (!rest)
        return;
    field_insert(&app_view(t)->filter, span_of(rest));
    field_insert(&app_view(t)->filter, span_of(" "));
    keys_set_filter(t, buf_cstr(&app_view(t)->filter.text));
}

static int keys_filter_event(struct app *t, const struct term_event *ev)
{
    if (ev->type == TERM_KEY && ev->key == 0x7f && !ev->mods && !app_view(t)->filter.text.n) {
        app_set_mode(t, t->shown);
        return 1;
    }
    if (!field_event(&app_view(t)->filter, ev))
        return 0;
    keys_set_filter(t, buf_cstr(&app_view(t)->filter.text));
    return 1;
}

/* Selects the next session that waits, unfolding what it is in. Drops the filter and the focus if
 * only they hide one. Returns 0 if none waits. */
static int keys_select_waiting(struct app *t)
{
    app_settle(t);
    struct tree *tree = &t->tree;
    int *from = &t->views[0].list.at, folds = tree->folds.count;
    int at = outline_next_waiting(tree, *from);
    if ((at < 0 || at == *from) && tree_totals(tree).waiting > (at >= 0)) {
        field_set(&t->views[0].filter, "");
        tree_set_filter(tree, NULL);
        tree_set_focus(tree, NULL);
        app_state_changed(t);
        app_settle(t);
        at = outline_next_waiting(tree, *from);
    }
    t->built++;
    if (folds != tree->folds.count)
        app_state_changed(t);
    if (at >= 0)
        app_select(t, at);
    return at >= 0;
}

static void keys_next_waiting(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    if (t->shown != APP_SESSIONS)
        app_show(t, APP_SESSIONS);
    if (!keys_select_waiting(t))
        app_say(t, 0, "no session waits");
}

static void keys_jump(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    t->jump[0] = '\0';
    app_set_mode(t, APP_JUMP);
}

/* Returns the first row of the next project. */
static int keys_next_project(const struct app *t)
{
    for (int i = 1; i <= t->tree.row_count; i++) {
        int at = (t->views[0].list.at + i) % t->tree.row_count;
        if (t->tree.rows[at].kind == TREE_PROJECT)
            return at;
    }
    return 0;
}

static void keys_say_none(struct app *t, const char *what, const char *which)
{
    char text[80];
    base_fmt(text, sizeof text, "%s%s", what, which);
    app_say(t, 0, text);
}

/* Digits and dots select the session of that number at once; ' selects the session of the same
 * number in the next project. Any other key ends the jump, and all but Esc are then keys of the
 * list. */
static int keys_jump_event(struct app *t, const struct term_event *ev)
{
    size_t n = strlen(t->jump);
    int from = t->views[0].list.at;
    if (ev->type != TERM_KEY)
        return 1;
    if (!ev->mods && ((ev->key >= '0' && ev->key <= '9') || ev->key == '.') &&
        n + 1 < sizeof t->jump) {
        t->jump[n] = (char)ev->key;
        t->jump[n + 1] = '\0';
    } else if (!ev->mods && ev->key == '\'' && n) {
        from = keys_next_project(t);
    } else {
        app_set_mode(t, t->shown);
        return ev->key == 0x1b;
    }
    app_settle(t);
    int at = outline_find_number(&t->tree, from, t->jump);
    if (at >= 0)
        app_select(t, at);
    else if (*t->jump && t->jump[strlen(t->jump) - 1] != '.') /* a digit follows that */
        keys_say_none(t, "no session has the number ", t->jump);
    app_changed(t);
    return 1;
}

static void keys_next_order(void *ctx, int arg)
{
    struct app *t = ctx;
    char text[64];
    (void)arg;
    tree_set_order(&t->tree, (enum tree_order)((t->tree.order + 1) % TREE_ORDERS));
    base_fmt(text, sizeof text, "order: %s", keys_orders[t->tree.order]);
    app_state_changed(t);
    app_say(t, 0, text);
}

/* ---- views and overlays --------------------------------------------------------------------- */

/* Shows a view; 0: the other one. */
static void keys_show(void *ctx, int view)
{
    struct app *t = ctx;
    app_show(t, view ? (enum app_mode)view : t->shown == APP_TODOS ? APP_SESSIONS : APP_TODOS);
}

/* Compares what the daemon uses. */
static int keys_is_same(const struct config *a, const struct config *b)
{
    buf texts[2] = {{0}, {0}};
    char *from[2];
    config_put(a, &texts[0]), config_put(b, &texts[1]);
    for (int i = 0; i < 2; i++) {
        /* before it: where the paths come from */
        from[i] = strstr(buf_cstr(&texts[i]), "\n[computer]");
        *strstr(from[i], "\n[prepare]") = '\0';
    }
    int same = strcmp(from[0], from[1]) == 0;
    buf_free(&texts[0]), buf_free(&texts[1]);
    return same;
}

/* Reads the configuration again, for the UI: [ui], [keys], [colours]. */
static void keys_reload(struct app *t)
{
    struct config fresh = {0};
    buf error = {0}, problems = {0};
    const char *socket = t->config->socket_from ? t->config->socket : NULL;
    /* NULL: the default place, where there may be none */
    const char *file = access(t->config->file, F_OK) == 0 ? t->config->file : NULL;
    if (!t->config->loaded || t->config->is_read_once) {
        app_say(t, 0, "refreshed");
    } else if (config_load(&fresh, t->config->program, socket, file, &error) != 0) {
        app_say(t, 1, buf_cstr(&error));
        config_free(&fresh);
    } else {
        int same = keys_is_same(t->config, &fresh);
        t->left_by = NULL; /* of the one before */
        config_free(&t->again); /* the first one is the caller's */
        t->again = fresh;
        t->config = &t->again;
        keymap_free_keys(&t->keys);
        keys_bind(&t->keys, t->config, &problems);
        app_set_theme(t, &problems);
        app_say(t, 0, same ? "refreshed"
                           : "refreshed; changes for the daemon need: telec daemon --restart");
        app_say_problems(t, &problems);
    }
    buf_free(&error), buf_free(&problems);
}

static void keys_refresh(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    client_retry_now(&t->client);
    app_fetch(t);
    client_refresh(&t->client);
    keys_reload(t);
}

static void keys_help(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    for (size_t i = vcs_is_there() ? t->keys.count : 0; i < t->keys.count; i++)
        if (t->keys.rows[i].action && strcmp(t->keys.rows[i].action, "changes") == 0)
            t->keys.rows[i].help = NULL; /* it needs git */
    keymap_help_free(&t->help);
    app_set_mode(t, APP_HELP);
}

static void keys_messages(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    t->toasts.list = (struct widget_scroll){0};
    t->toasts.shown = 0, t->toasts.until = 0; /* the list has it */
    app_set_mode(t, APP_TOASTS);
}

static void keys_close(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    app_set_mode(t, t->shown);
}

static void keys_toggle_preview(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    t->no_preview = !t->no_preview;
    t->previewed[0] = '\0';
    app_state_changed(t);
    app_changed(t);
}

static void keys_toggle_details(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    t->details = !t->details;
    app_state_changed(t);
    app_changed(t);
}

static void keys_mark(void *ctx, int all)
{
    if (all)
        many_mark_all(ctx);
    else
        many_mark(ctx);
}

static void keys_ended(void *ctx, int arg)
{
    struct app *t = ctx;
    buf key = {0};
    (void)arg;
    buf_fmt(&key, "p:%s:" TREE_ENDED, names_first(&t->tree.computers));
    int folded = tree_is_folded(&t->tree, key.p);
    outline_build(&t->tree);
    int found = outline_find(&t->tree, key.p) >= 0;
    app_say(t, 0, !found ? "no ended session can be resumed"
                  : folded ? "s resumes the selected one" : "folded");
    if (found)
        tree_set_folded(&t->tree, key.p, !folded);
    buf_free(&key);
    app_changed(t);
}

/* Acts of other parts that need no argument. */
enum keys_act {
    KEYS_NEW, KEYS_MESSAGE, KEYS_ANSWER, KEYS_RENAME, KEYS_KEY, KEYS_END, KEYS_DISMISS, KEYS_UNDO,
    KEYS_RESTART, KEYS_CHANGES, KEYS_PANES, KEYS_LAST
};

static void keys_do(void *ctx, int act)
{
    static void (*const acts[])(struct app *t) = {
        dialog_new,     dialog_message, dialog_choose,  dialog_rename, dialog_keys, dialog_end,
        dialog_dismiss, dialog_undo,    dialog_restart, changes_show,  panes_cycle, attach_last};
    acts[act](ctx);
}

static void keys_hooks(void *ctx, int wanted)
{
    dialog_hooks(ctx, wanted);
}

/* Runs a command of the dialog's widget. */
static void keys_command(void *ctx, int command)
{
    dialog_run(ctx, (enum widget_command)command);
}

/* Scrolls the help or the messages. */
static void keys_scroll_list(void *ctx, int lines)
{
    struct app *t = ctx;
    widget_scroll_by(t->mode == APP_HELP ? &t->help.list : &t->toasts.list, lines);
    app_changed(t);
}

static void keys_quit(void *ctx, int arg)
{
    (void)arg;
    ((struct app *)ctx)->quit = 1;
}

static void keys_suspend(void *ctx, int arg)
{
    (void)arg;
    app_suspend(ctx, 1);
}

/* ---- the pager ------------------------------------------------------------------------------ */

/* A movement in the pager, and by how much: −1, 0, 1. */
#define KEYS_PAGER(move, n) ((move) * 4 + 1 + (n))
enum keys_pager_move {
    KEYS_SCROLL, KEYS_SCREEN, KEYS_GO, KEYS_PROMPT, KEYS_HIT, KEYS_COL
};

static void keys_pager(void *ctx, int arg)
{
    static void (*const moves[])(struct pager *p, int n) = {
        pager_scroll, pager_page, pager_go, pager_next_prompt, pager_next, pager_move_col};
    moves[arg / 4](&((struct app *)ctx)->pager, arg % 4 - 1);
    app_changed(ctx);
}

static void keys_pager_type(void *ctx, int what)
{
    pager_type(&((struct app *)ctx)->pager, (char)what);
    app_changed(ctx);
}

static void keys_pager_select(void *ctx, int arg)
{
    (void)arg;
    pager_select(&((struct app *)ctx)->pager);
    app_changed(ctx);
}

/* Toggles whether case counts, or whether only whole words are found. */
static void keys_pager_find(void *ctx, int whole)
{
    struct pager *p = &((struct app *)ctx)->pager;
    *(whole ? &p->whole : &p->exact) ^= 1;
    pager_find_again(p);
    app_changed(ctx);
}

static void keys_reading(void *ctx, int what)
{
    if (what == 'y')
        reading_copy(ctx), ((struct app *)ctx)->pager.selecting = PAGER_NONE; /* as in vi */
    else if (what == 'F')
        reading_toggle_follow(ctx);
    else
        reading_begin(ctx);
}

/* Esc first drops the selection, then the search. */
static void keys_pager_close(void *ctx, int is_escape)
{
    struct app *t = ctx;
    struct pager *p = &t->pager;
    if (is_escape && p->selecting)
        p->selecting = PAGER_NONE;
    else if (is_escape && p->needle.n)
        pager_search(p, "");
    else
        reading_close(t);
    app_changed(t);
}

/* ---- todos ---------------------------------------------------------------------------------- */

/* Returns 1 if the action is possible on the selected row, else says why not. */
static int keys_can(struct app *t, enum todos_action action)
{
    const struct todos_row *row = app_todos_row(t);
    const char *why = "select a project, a todo or a file first";
    int can = row && todos_can(&t->todos, row, action, &why);
    if (!can)
        app_say(t, 0, why);
    return can;
}

static void keys_begin(struct app *t, enum todos_action action)
{
    const struct todos_row *row = app_todos_row(t);
    buf message = {0}, title = {0};
    if (!keys_can(t, action))
        return;
    todos_put_message(row, action, t->config, app_is_foreign(t), &message);
    buf_fmt(&title, action == TODOS_START ? "%s" : "prepare %s",
            row->todo ? row->todo->slug : row->project->name);
    dialog_start(t, row->computer, row->project->path, buf_cstr(&title), buf_cstr(&message));
    buf_free(&message), buf_free(&title);
}

static void keys_view(struct app *t)
{
    const struct todos_row *row = app_todos_row(t);
    buf path = {0}, title = {0};
    if (!keys_can(t, TODOS_VIEW))
        return;
    todos_put_file(row, TODOS_VIEW, &path);
    buf_str(&title, row->todo ? row->todo->slug : row->name);
    buf_str(&title, strrchr(buf_cstr(&path), '/') ? strrchr(buf_cstr(&path), '/') : "");
    pager_open(&t->pager, buf_cstr(&title), buf_cstr(&path));
    buf_free(&path);
    buf_free(&title);
    app_set_mode(t, APP_PAGER);
}

static void keys_on_edited(struct app *t, int status, const char *error)
{
    char text[96];
    if (error) {
        app_say(t, 1, error);
    } else if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        base_fmt(text, sizeof text, WIFEXITED(status) ? "the editor ended with status %d"
                                                      : "the editor was killed by signal %d",
                 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        app_say(t, 1, text);
    }
    if (t->mode == APP_PAGER)
        pager_reload(&t->pager);
    if (t->client.push != CLIENT_LIVE)
        app_fetch_rest(t); /* no event reports the change */
    app_changed(t);
}

static void keys_edit(struct app *t)
{
    buf path = {0}, error = {0};
    if (!keys_can(t, TODOS_EDIT))
        return;
    todos_put_file(app_todos_row(t), TODOS_EDIT, &path);
    char **argv = todos_editor(buf_cstr(&path), &error);
    if (argv)
        app_run(t, argv, keys_on_edited);
    else
        app_say(t, 1, buf_cstr(&error));
    buf_free(&path);
    buf_free(&error);
}

/* Does an enum todos_action with the selected row. */
static void keys_todo(void *ctx, int action)
{
    struct app *t = ctx;
    if (t->mode & APP_PAGERS && !t->pager.path) {
        reading_edit(t);
        return;
    }
    if (action == TODOS_VIEW)
        keys_view(ctx);
    else if (action == TODOS_EDIT)
        keys_edit(ctx);
    else
        keys_begin(ctx, (enum todos_action)action);
}

static void keys_open_todo(struct app *t)
{
    const struct todos_row *row = app_todos_row(t);
    if (row && row->kind == TODOS_FILE)
        keys_view(t);
    else
        keys_toggle_fold(t);
}

/* ---- sessions ------------------------------------------------------------------------------- */

static void keys_on_program_exit(struct app *t, int status, const char *error)
{
    const struct tree_session *s = app_session(t);
    buf text = {0};
    if (error)
        buf_str(&text, error);
    else
        app_pause_keys(t); /* what is typed now was meant for the session */
    if (!error && (!WIFEXITED(status) || WEXITSTATUS(status)))
        client_put_attach_fault(t->config, s && s->tmux,
                                WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                                &text);
    if (text.n)
        app_say(t, 1, buf_cstr(&text));
    buf_free(&text);
}

static void keys_on_computers(struct app *t, struct json computers, struct app_request *request)
{
    const struct tree_session *known = tree_session(&t->tree, request->about);
    struct json session = {0};
    buf line = {0}, error = {0}, object = {0};
    if (!known || t->mode != APP_SESSIONS || t->keys_typed != request->keys_typed)
        return;
    if (client_is_piped(client_find_computer(computers, known->computer))) {
        t->read_only = 0, attach_begin(t, known->id);
        return;
    }
    json_open(&object, '{');
    json_field_string(&object, "session_id", known->id);
    json_field_string(&object, "computer", known->computer);
    if (known->tmux)
        json_field_string(&object, "tmux_session_name", known->tmux);
    json_close(&object, '}');
    json_read(buf_view(&object), &session);
    int found = client_put_attach(t->config, session, computers, &line, &error);
    char **argv = found ? config_words(buf_view(&line)) : NULL;
    if (argv)
        app_run(t, argv, keys_on_program_exit);
    else
        app_say(t, 1, buf_cstr(&error));
    buf_free(&line), buf_free(&error), buf_free(&object);
}

static void keys_attach_by_program(struct app *t, const struct tree_session *s)
{
    app_request(t, "GET", "/computers", (span){0}, APP_SESSIONS, keys_on_computers)->about =
        base_dup(s->id);
}

static void keys_attach_session(struct app *t)
{
    const struct tree_session *s = app_session(t);
    if (!s)
        keys_toggle_fold(t);
    else if (tree_is(s, "exited"))
        reading_begin(t);
    else if (attach_needs_program(t, s))
        keys_attach_by_program(t, s);
    else
        t->read_only = 0, attach_begin(t, s->id);
}

static void keys_open(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    if (t->shown == APP_TODOS)
        keys_open_todo(t);
    else
        keys_attach_session(t);
}

enum keys_arrow { KEYS_UP, KEYS_DOWN, KEYS_LEFT, KEYS_RIGHT };

/* Moves the shown part of a session's larger screen. */
static void keys_pan(void *ctx, int arrow)
{
    attach_pan(ctx, (arrow == KEYS_DOWN) - (arrow == KEYS_UP),
               (arrow == KEYS_RIGHT) - (arrow == KEYS_LEFT));
}

static void keys_read_only(void *ctx, int arg)
{
    struct app *t = ctx;
    const struct tree_session *s = app_session(t);
    (void)arg;
    if (!s || tree_is(s, "exited") || attach_needs_program(t, s)) {
        app_say(t, 0, "select a session that runs first");
        return;
    }
    t->read_only = 1;
    attach_begin(t, s->id);
}

static void keys_detach(void *ctx, int arg)
{
    (void)arg;
    attach_end(ctx, NULL);
}

static void keys_attach_next(void *ctx, int step)
{
    attach_step(ctx, step);
}

static void keys_attach_next_waiting(void *ctx, int arg)
{
    struct app *t = ctx;
    const struct tree_session *s = keys_select_waiting(t) ? app_session(t) : NULL;
    (void)arg;
    app_set_mode(t, APP_ATTACHED);
    if (!s || strcmp(s->id, t->view->id) == 0)
        base_fmt(t->notice, sizeof t->notice, "no other session waits");
    else if (attach_needs_program(t, s))
        attach_end(t, NULL); /* it is selected */
    else
        attach_switch(t, s);
}

/* ---- the key table -------------------------------------------------------------------------- */

/* Rows of one line of help: the first one names all of its keys. Rows with a footer come first. */
static const struct keymap_key keys_table[] = {
    {'\r', 0, APP_SESSIONS, 0, "Enter", "attach",
     "attach to the session; read the output of an exited one", keys_open, "open"},
    {'\r', 0, APP_TODOS, 0, "Enter", "open",
     "Preparation: fold or unfold a project or todo, read a file", keys_open, "open-todo"},
    {'a', 0, APP_SESSIONS, KEYS_ANSWER, "a", "answer", "answer what the selected session asks",
     keys_do, "answer"},
    {'m', 0, APP_SESSIONS, KEYS_MESSAGE, "m", "message", "type a message to the selected session",
     keys_do, "message"},
    {'/', 0, APP_LISTS, APP_FILTER, "/", "find",
     "show only rows with these words; is:waiting, is:unseen", keys_enter_mode, "filter"},
    {'w', 0, APP_SESSIONS, 0, "w", "waits", "the next session that waits", keys_next_waiting,
     "next-waiting"},
    {'w', 0, APP_TODOS, 0, "w", NULL, NULL, keys_next_waiting, NULL}, /* without a footer */
    {'n', 0, APP_LISTS, KEYS_NEW, "n", "new", "new session in the selected project", keys_do,
     "new"},
    {'x', 0, APP_SESSIONS, KEYS_END, "x", "end",
     "end the session, the marked ones, or all of a project", keys_do, "end"},
    {'X', 0, APP_SESSIONS, KEYS_DISMISS, "X", NULL, "dismiss all that have exited", keys_do,
     "dismiss"},
    {'u', 0, APP_LISTS, KEYS_UNDO, "u", NULL, "undo the last end, within 10 s", keys_do, "undo"},
    {' ', 0, APP_SESSIONS, 0, "Space", NULL, "mark the session: x, m, s and K act on all marked",
     keys_mark, "mark"},
    {'V', 0, APP_SESSIONS, 1, "V", NULL, "mark all that are shown; again: none", keys_mark,
     "mark-all"},
    {'d', 0, APP_SESSIONS, KEYS_CHANGES, "d", NULL, "what git says has changed in its directory",
     keys_do, "changes"},
    {'s', 0, APP_SESSIONS, KEYS_RESTART, "s", NULL,
     "start an exited session again; an agent resumes", keys_do, "restart"},
    {'E', 0, APP_SESSIONS, 0, "E", NULL, "show ended sessions that s resumes, or hide them",
     keys_ended, "ended"},
    {'K', 0, APP_SESSIONS, KEYS_KEY, "K", NULL, "send a key: Escape, Ctrl-C …", keys_do, "key"},
    {'v', 0, APP_SESSIONS, 'v', "v", NULL, "read all of its text: search, copy, pipe, edit",
     keys_reading, "read"},
    {'A', 0, APP_SESSIONS, 0, "A", NULL, "attach read-only", keys_read_only, "read-only"},
    {'-', 0, APP_SESSIONS, KEYS_LAST, "-", NULL, "attach to the session before", keys_do,
     "attach-last"},
    {TERM_PGUP, TERM_SHIFT, APP_SESSIONS, 1, "Shift-PgUp", NULL,
     "scroll the preview back (also the wheel)", keys_scroll_preview, "preview-up"},
    {TERM_PGDN, TERM_SHIFT, APP_SESSIONS, -1, "Shift-PgDn", NULL, NULL, keys_scroll_preview,
     "preview-down"},
    {'R', 0, APP_SESSIONS, KEYS_RENAME, "R", NULL, "rename the selected session", keys_do,
     "rename"},
    {'s', 0, APP_TODOS, TODOS_START, "s", "start",
     "Preparation: start work on a todo that is ready", keys_todo, "start"},
    {'p', 0, APP_TODOS, TODOS_PREPARE, "p", "prepare",
     "Preparation: prepare the selected project or todo", keys_todo, "prepare"},
    {'v', 0, APP_TODOS, TODOS_VIEW, "v", "view", "Preparation: read a file", keys_todo, "view"},
    {'e', 0, APP_TODOS, TODOS_EDIT, "e", "edit", "Preparation: edit or create a file in $EDITOR",
     keys_todo, "edit"},
    {TERM_UP, 0, APP_LISTS, -1, "up, k", NULL, "select the row above", keys_move, "up"},
    {'k', 0, APP_LISTS, -1, "k", NULL, NULL, keys_move, "up"},
    {TERM_DOWN, 0, APP_LISTS, 1, "down, j", NULL, "select the row below", keys_move, "down"},
    {'j', 0, APP_LISTS, 1, "j", NULL, NULL, keys_move, "down"},
    {TERM_PGUP, 0, APP_LISTS, -1, "PgUp", NULL, "a screen up", keys_page, "page-up"},
    {TERM_PGDN, 0, APP_LISTS, 1, "PgDn", NULL, "a screen down", keys_page, "page-down"},
    {'g', 0, APP_LISTS, -KEYS_ALL_ROWS, "g, Home", NULL, "the first row", keys_move, "first"},
    {TERM_HOME, 0, APP_LISTS, -KEYS_ALL_ROWS, "Home", NULL, NULL, keys_move, "first"},
    {'G', 0, APP_LISTS, KEYS_ALL_ROWS, "G, End", NULL, "the last row", keys_move, "last"},
    {TERM_END, 0, APP_LISTS, KEYS_ALL_ROWS, "End", NULL, NULL, keys_move, "last"},
    {'\'', 0, APP_SESSIONS, 0, "'", NULL,
     "and a session's number: go there; again: in the next project", keys_jump, "jump"},
    {TERM_RIGHT, 0, APP_LISTS, 0, "right, l", NULL, "unfold; on a computer: show only that",
     keys_unfold, "unfold"},
    {'l', 0, APP_LISTS, 0, "l", NULL, NULL, keys_unfold, "unfold"},
    {TERM_LEFT, 0, APP_LISTS, 0, "left, h", NULL, "fold, or go to the row above in the tree",
     keys_fold, "fold"},
    {'h', 0, APP_LISTS, 0, "h", NULL, NULL, keys_fold, "fold"},
    {'+', 0, APP_LISTS, 0, "+", NULL, "unfold all", keys_fold_all, "unfold-all"},
    {'_', 0, APP_LISTS, 1, "_", NULL, "fold all projects", keys_fold_all, "fold-all"},
    {'o', 0, APP_SESSIONS, 0, "o", NULL, "order: as listed, waiting first, recent first",
     keys_next_order, "order"},
    {0x1b, 0, APP_LISTS, 0, "Esc", NULL, "drop the filter, the marks, the focus", keys_escape,
     NULL},
    {'p', 0, APP_SESSIONS, 0, "p", NULL, "show or hide the preview", keys_toggle_preview,
     "preview"},
    {'=', 0, APP_SESSIONS, KEYS_PANES, "=", NULL,
     "one, two, four screens: of marked or recent sessions", keys_do, "panes"},
    {'i', 0, APP_SESSIONS, 0, "i", NULL, "last input and output of all, and how a state is known",
     keys_toggle_details, "details"},
    {TERM_UP, TERM_SHIFT, APP_SESSIONS, KEYS_UP, "Shift-arrow", NULL, "pan a screen that is larger",
     keys_pan, "pan-up"},
    {TERM_DOWN, TERM_SHIFT, APP_SESSIONS, KEYS_DOWN, "Shift-down", NULL, NULL, keys_pan,
     "pan-down"},
    {TERM_LEFT, TERM_SHIFT, APP_SESSIONS, KEYS_LEFT, "Shift-left", NULL, NULL, keys_pan,
     "pan-left"},
    {TERM_RIGHT, TERM_SHIFT, APP_SESSIONS, KEYS_RIGHT, "Shift-right", NULL, NULL, keys_pan,
     "pan-right"},
    {'1', 0, APP_LISTS, APP_SESSIONS, "1", NULL, "the view Sessions", keys_show, "sessions"},
    {'2', 0, APP_LISTS, APP_TODOS, "2", NULL, "the view Preparation", keys_show, "preparation"},
    {'\t', 0, APP_LISTS, 0, "Tab", NULL, "the other view", keys_show, "next-view"},
    {'r', 0, APP_LISTS, 0, "r", NULL, "fetch everything again", keys_refresh, "refresh"},
    {'!', 0, APP_LISTS, 0, "!", NULL, "the last messages", keys_messages, "messages"},
    {'z', TERM_CTRL, APP_LISTS, 0, "Ctrl-Z", NULL, "suspend telec; fg resumes it", keys_suspend,
     "suspend"},
    {'?', 0, APP_LISTS, 0, "?", "help", "this help", keys_help, "help"},
    {'q', 0, APP_LISTS, 0, "q", "quit", "quit; every session goes on running", keys_quit, "quit"},
    {'c', TERM_CTRL, APP_LISTS | APP_HELP | APP_TOASTS | APP_QUESTIONS | APP_ANSWER | APP_PAGER, 0,
     "Ctrl-C", NULL, "quit, also from help, messages, questions and reading", keys_quit, NULL},
    {TERM_UP, 0, APP_PREFIX, KEYS_UP, "arrows", NULL, "After the prefix: pan a larger screen",
     keys_pan, NULL},
    {TERM_DOWN, 0, APP_PREFIX, KEYS_DOWN, "down", NULL, NULL, keys_pan, NULL},
    {TERM_LEFT, 0, APP_PREFIX, KEYS_LEFT, "left", NULL, NULL, keys_pan, NULL},
    {TERM_RIGHT, 0, APP_PREFIX, KEYS_RIGHT, "right", NULL, NULL, keys_pan, NULL},
    {'d', 0, APP_PREFIX, 0, "d", "detach", "After the prefix: detach", keys_detach,
     "attached-detach"},
    {'n', 0, APP_PREFIX, 1, "n", "next", "After the prefix: the next session", keys_attach_next,
     "attached-next"},
    {'p', 0, APP_PREFIX, -1, "p", "previous", "After the prefix: the previous session",
     keys_attach_next, "attached-previous"},
    {'-', 0, APP_PREFIX, KEYS_LAST, "-", "before",
     "After the prefix: the session attached to before", keys_do, "attached-last"},
    {'[', 0, APP_PREFIX, 'v', "[", "read", "After the prefix: read all of the session's text",
     keys_reading, "attached-read"},
    {'w', 0, APP_PREFIX, 1, "w", "waiting", "After the prefix: the next session that waits",
     keys_attach_next_waiting, "attached-next-waiting"},
    {'y', 0, APP_CONFIRM, WIDGET_DO_SUBMIT, "y", "yes", NULL, keys_command, NULL},
    {'n', 0, APP_CONFIRM, WIDGET_DO_CANCEL, "n", "no", NULL, keys_command, NULL},
    {'y', 0, APP_FORCE, WIDGET_DO_SUBMIT, "y", "type it", NULL, keys_command, NULL},
    {'n', 0, APP_FORCE, WIDGET_DO_CANCEL, "n", "do not", NULL, keys_command, NULL},
    {'q', 0, APP_QUESTIONS | APP_ANSWER, WIDGET_DO_CANCEL, "q", NULL, NULL, keys_command, NULL},
    {'\r', 0, APP_ANSWER, WIDGET_DO_ENTER, "Enter", "choose", NULL, keys_command, NULL},
    {0x1b, 0, APP_ANSWER, WIDGET_DO_CANCEL, "Esc", "back", NULL, keys_command, NULL},
    {'\r', 0, APP_FORMS | APP_QUESTIONS, WIDGET_DO_ENTER, "Enter", NULL,
     "Dialog: the next line; press the button", keys_command, NULL},
    {'\t', 0, APP_FORMS | APP_QUESTIONS, WIDGET_DO_TAB, "Tab", NULL,
     "Dialog: complete a directory or command; the next line", keys_command, NULL},
    {'\t', TERM_SHIFT, APP_FORMS | APP_QUESTIONS, WIDGET_DO_BACK, "Shift-Tab", NULL,
     "Dialog: the previous line", keys_command, NULL},
    {TERM_LEFT, 0, APP_FORMS | APP_QUESTIONS, WIDGET_DO_LEFT, "left, right", NULL,
     "Dialog: the previous choice or button, the next one", keys_command, NULL},
    {TERM_RIGHT, 0, APP_FORMS | APP_QUESTIONS, WIDGET_DO_RIGHT, "right", NULL, NULL, keys_command,
     NULL},
    {TERM_UP, 0, APP_FORMS | APP_ANSWER, WIDGET_DO_UP, "up", NULL, NULL, keys_command, NULL},
    {TERM_DOWN, 0, APP_FORMS | APP_ANSWER, WIDGET_DO_DOWN, "down", NULL, NULL, keys_command, NULL},
    {' ', 0, APP_FORMS, WIDGET_DO_SPACE, "Space", NULL, NULL, keys_command, NULL},
    {'s', TERM_CTRL, APP_FORMS, WIDGET_DO_SUBMIT, "Ctrl-S", NULL, "Dialog: submit", keys_command,
     NULL},
    {0x1b, 0, APP_FORMS | APP_QUESTIONS, WIDGET_DO_CANCEL, "Esc", NULL, "Dialog: cancel",
     keys_command, NULL},
    {'i', 0, APP_NEW, 1, "i", NULL, "New, on a choice: install the agent's missing hooks",
     keys_hooks, NULL},
    {'d', 0, APP_NEW, 0, "d", NULL, "New, on a choice: don't offer that again", keys_hooks, NULL},
    {'\r', 0, APP_FILTER, 1, "Enter", "keep", NULL, keys_end_filter, NULL},
    {0x1b, 0, APP_FILTER, 0, "Esc", "drop", NULL, keys_end_filter, NULL},
    {'\t', 0, APP_FILTER, 0, "Tab", NULL, "Filter: complete is:", keys_complete_filter, NULL},
    {TERM_UP, 0, APP_FILTER, -1, "up", NULL, NULL, keys_move, NULL},
    {TERM_DOWN, 0, APP_FILTER, 1, "down", NULL, NULL, keys_move, NULL},
    {0x1b, 0, APP_HELP | APP_TOASTS | APP_JUMP, 0, "Esc", "back", NULL, keys_close, NULL},
    {'?', 0, APP_HELP, 0, "?", NULL, NULL, keys_close, NULL},
    {'!', 0, APP_TOASTS, 0, "!", NULL, NULL, keys_close, NULL},
    {'q', 0, APP_TOASTS, 0, "q", NULL, NULL, keys_close, NULL},
    {TERM_UP, 0, APP_HELP | APP_TOASTS, -1, "up", NULL, NULL, keys_scroll_list, NULL},
    {TERM_DOWN, 0, APP_HELP | APP_TOASTS, 1, "down", NULL, NULL, keys_scroll_list, NULL},
    {TERM_PGUP, 0, APP_HELP | APP_TOASTS, -KEYS_PAGE, "PgUp", NULL, NULL, keys_scroll_list, NULL},
    {TERM_PGDN, 0, APP_HELP | APP_TOASTS, KEYS_PAGE, "PgDn", NULL, NULL, keys_scroll_list, NULL},
    {TERM_HOME, 0, APP_HELP | APP_TOASTS, -KEYS_ALL_ROWS, "Home", NULL, NULL, keys_scroll_list,
     NULL},
    {TERM_END, 0, APP_HELP | APP_TOASTS, KEYS_ALL_ROWS, "End", NULL, NULL, keys_scroll_list, NULL},
    {TERM_DOWN, 0, APP_PAGERS, KEYS_PAGER(KEYS_SCROLL, 1), "down, j", NULL,
     "Reading: a row down (also the wheel)", keys_pager, NULL},
    {'j', 0, APP_PAGERS, KEYS_PAGER(KEYS_SCROLL, 1), "j", NULL, NULL, keys_pager, NULL},
    {TERM_UP, 0, APP_PAGERS, KEYS_PAGER(KEYS_SCROLL, -1), "up, k", NULL, "Reading: a row up",
     keys_pager, NULL},
    {'k', 0, APP_PAGERS, KEYS_PAGER(KEYS_SCROLL, -1), "k", NULL, NULL, keys_pager, NULL},
    {TERM_PGDN, 0, APP_PAGERS, KEYS_PAGER(KEYS_SCREEN, 1), "PgDn, Space", NULL,
     "Reading: a screen down", keys_pager, NULL},
    {' ', 0, APP_PAGERS, KEYS_PAGER(KEYS_SCREEN, 1), "Space", NULL, NULL, keys_pager, NULL},
    {TERM_PGUP, 0, APP_PAGERS, KEYS_PAGER(KEYS_SCREEN, -1), "PgUp, b", NULL, "Reading: a screen up",
     keys_pager, NULL},
    {'b', 0, APP_PAGERS, KEYS_PAGER(KEYS_SCREEN, -1), "b", NULL, NULL, keys_pager, NULL},
    {TERM_HOME, 0, APP_PAGERS, KEYS_PAGER(KEYS_GO, 0), "Home, g", NULL, "Reading: to the start",
     keys_pager, NULL},
    {'g', 0, APP_PAGERS, KEYS_PAGER(KEYS_GO, 0), "g", NULL, NULL, keys_pager, NULL},
    {TERM_END, 0, APP_PAGERS, KEYS_PAGER(KEYS_GO, 1), "End, G", NULL, "Reading: to the end",
     keys_pager, NULL},
    {'G', 0, APP_PAGERS, KEYS_PAGER(KEYS_GO, 1), "G", NULL, NULL, keys_pager, NULL},
    {'F', 0, APP_PAGERS, 'F', "F", NULL, "Reading: stay at the end as it grows", keys_reading,
     NULL},
    {'/', 0, APP_PAGERS, '/', "/", NULL, "Reading: search; Enter goes to the first hit",
     keys_pager_type, NULL},
    {'n', 0, APP_PAGERS, KEYS_PAGER(KEYS_HIT, 1), "n, N", NULL,
     "Reading: the next hit, the hit before", keys_pager, NULL},
    {'N', 0, APP_PAGERS, KEYS_PAGER(KEYS_HIT, -1), "N", NULL, NULL, keys_pager, NULL},
    {'c', 0, APP_PAGERS, 0, "c, w", NULL, "Reading: case counts; only whole words", keys_pager_find,
     NULL},
    {'w', 0, APP_PAGERS, 1, "w", NULL, NULL, keys_pager_find, NULL},
    {'[', 0, APP_PAGERS, KEYS_PAGER(KEYS_PROMPT, -1), "[, ]", NULL,
     "Reading: the prompt before, the next one", keys_pager, NULL},
    {']', 0, APP_PAGERS, KEYS_PAGER(KEYS_PROMPT, 1), "]", NULL, NULL, keys_pager, NULL},
    {'v', 0, APP_PAGERS, 0, "v", NULL, "Reading: select lines; a block (also a drag, with Alt)",
     keys_pager_select, NULL},
    {TERM_LEFT, 0, APP_PAGERS, KEYS_PAGER(KEYS_COL, -1), "left", NULL, NULL, keys_pager, NULL},
    {TERM_RIGHT, 0, APP_PAGERS, KEYS_PAGER(KEYS_COL, 1), "right", NULL, NULL, keys_pager, NULL},
    {'h', 0, APP_PAGERS, KEYS_PAGER(KEYS_COL, -1), "h", NULL, NULL, keys_pager, NULL},
    {'l', 0, APP_PAGERS, KEYS_PAGER(KEYS_COL, 1), "l", NULL, NULL, keys_pager, NULL},
    {'y', 0, APP_PAGERS, 'y', "y", NULL, "Reading: copy the selection, or the line of the hit",
     keys_reading, NULL},
    {'|', 0, APP_PAGERS, '|', "|", NULL, "Reading: pipe the selection, or all, to a command",
     keys_pager_type, NULL},
    {'e', 0, APP_PAGERS, TODOS_EDIT, "e", NULL, "Reading: edit the file, or a copy of the text",
     keys_todo, NULL},
    {'q', 0, APP_PAGERS, 0, "q, Esc", NULL, "Reading: close", keys_pager_close, NULL},
    {0x1b, 0, APP_PAGERS, 1, "Esc", NULL, NULL, keys_pager_close, NULL},
    {'c', TERM_CTRL, APP_READING, 0, "Ctrl-C", NULL, NULL, keys_pager_close, NULL},
};

static void keys_bind(struct keymap_keys *keys, const struct config *config, buf *problems)
{
    keymap_bind_keys(keys, keys_table, COUNT_OF(keys_table), config, problems);
}

static void keys_put_table(buf *b)
{
    for (size_t i = 0; i < COUNT_OF(keys_table); i++)
        if (keys_table[i].help)
            buf_fmt(b, "  %-12s %s\n", keys_table[i].shown, keys_table[i].help);
}

static void keys_put_config(const struct config *config, buf *b, buf *problems)
{
    struct theme theme;
    struct keymap_keys keys;
    keys_bind(&keys, config, problems);
    theme_set(&theme, config, THEME_DARK, CELL_256, problems);
    keymap_put_keys(&keys, config, b);
    buf_byte(b, '\n');
    theme_put_config(config, b);
    keymap_free_keys(&keys);
}
