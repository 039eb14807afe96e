#include "ui.h"

/* tui - the terminal UI: what keys, mouse, answers and events do in its two views; its life.
 *
 * Nothing here waits: a key changes what is shown or sends a request, an answer or an event changes
 * tree and todos, and either marks the screen as out of date. At most one frame every 16 ms is
 * drawn, and none while the terminal has not taken the last one. The first frame is painted before
 * anybody is talked to. */

#define TUI_ESCAPE_MS 30     /* a lone ESC is the Escape key after this */
#define TUI_DOUBLE_MS 400    /* two clicks within this time open */
#define TUI_FRAME_BYTES 4096 /* what most frames need at most */
#define TUI_REST_MS 20       /* at the start: how long the sessions have the daemon to themselves */
#define TUI_AGES_MS 60000
#define TUI_READ_CHARS 1000000 /* of the transcript of a session that has exited, to be read */

static const char *const tui_orders[TREE_ORDERS] = {"as listed", "waiting first", "recent first"};

/* ---- moving --------------------------------------------------------------------------------- */

static void keys_move(struct app *t, int rows)
{
    app_set(&app_view(t)->wanted, NULL); /* whatever was to be selected: this is now */
    app_select(t, app_view(t)->list.at + rows);
}

static void key_up(void *ctx, int arg)
{
    (void)arg;
    keys_move(ctx, -1);
}

static void key_down(void *ctx, int arg)
{
    (void)arg;
    keys_move(ctx, 1);
}

static void key_first(void *ctx, int arg)
{
    (void)arg;
    keys_move(ctx, -app_rows(ctx));
}

static void key_last(void *ctx, int arg)
{
    (void)arg;
    keys_move(ctx, app_rows(ctx));
}

/* By the lines of the list, which a row may take several of. */
static void keys_page(struct app *t, int step)
{
    struct rows_list *l = &app_view(t)->list;
    int lines = widget_max(1, l->rows - 1) * step, at = l->at + lines;
    if (t->shown == APP_SESSIONS && t->tree.row_count && l->details)
        at = rows_tree_row(&t->tree, l, widget_max(0, t->tree.rows[l->at].line + lines));
    keys_move(t, at == l->at ? step : at - l->at);
}

static void key_page_up(void *ctx, int arg)
{
    (void)arg;
    keys_page(ctx, -1);
}

static void key_page_down(void *ctx, int arg)
{
    (void)arg;
    keys_page(ctx, 1);
}

/* Scrolls the list; the selection goes along only where it would not be seen any more. */
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
    if (!todos && l->details && t->tree.rows[first].line < l->top)
        first++;
    app_select(t, widget_max(first, widget_min(l->at, last)));
}

static void keys_fold(struct app *t, int folded)
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

static void keys_turn_fold(struct app *t)
{
    const struct tree_row *row = app_row(t);
    const struct todos_row *todo = app_todos_row(t);
    keys_fold(t, row ? !row->folded : todo ? !todo->folded : 0);
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

/* Unfolds; a computer that is unfolded becomes the only one. */
static void key_unfold(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    const struct tree_row *row = app_row(t);
    if (row && row->kind == TREE_COMPUTER && (!row->foldable || !row->folded))
        keys_focus(t, row->computer);
    else
        keys_fold(t, 0);
}

static int keys_depth(const struct app *t, int at)
{
    return t->shown == APP_TODOS ? t->todos.rows[at].depth : t->tree.rows[at].depth;
}

/* Folds; on what can't be folded (further), goes to the row above it in the tree, and from the
 * uppermost ones of a computer in focus back to all. */
static void key_fold(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    const struct tree_row *row = app_row(t);
    const struct todos_row *todo = app_todos_row(t);
    if (row ? row->foldable && !row->folded : todo && todo->foldable && !todo->folded) {
        keys_fold(t, 1);
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

static void keys_fold_all(struct app *t, int folded)
{
    if (t->shown == APP_TODOS)
        todos_fold_all(&t->todos, folded);
    else
        tree_fold_all(&t->tree, folded);
    t->built++;
    app_state_changed(t);
    app_changed(t);
}

static void key_unfold_all(void *ctx, int arg)
{
    (void)arg;
    keys_fold_all(ctx, 0);
}

static void key_fold_all(void *ctx, int arg)
{
    (void)arg;
    keys_fold_all(ctx, 1);
}

/* ---- finding -------------------------------------------------------------------------------- */

static void keys_set_filter(struct app *t, const char *text)
{
    tree_set_filter(&t->tree, text);
    t->views[0].list.top = 0;
    t->find_hit = 1;
    app_changed(t);
}

static void key_filter(void *ctx, int arg)
{
    (void)arg;
    app_set_mode(ctx, APP_FILTER);
}

static void keys_clear_filter(struct app *t)
{
    field_set(&t->filter, "");
    keys_set_filter(t, NULL);
    app_set_mode(t, t->shown);
}

/* Back by one: what was typed, what is in focus. */
static void key_escape(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    if (t->shown == APP_SESSIONS && t->tree.word_count)
        keys_clear_filter(t);
    else if (t->shown == APP_SESSIONS && t->tree.focus)
        keys_focus(t, NULL);
}

static void keys_filter_event(struct app *t, const struct term_event *ev)
{
    int key = ev->type == TERM_KEY && !ev->mods ? (int)ev->key : -1;
    if (key == 0x1b)
        keys_clear_filter(t);
    else if (key == '\r')
        app_set_mode(t, t->shown);
    else if (key == TERM_UP || key == TERM_DOWN)
        keys_move(t, key == TERM_UP ? -1 : 1);
    else if (key == 0x7f && !t->filter.text.n)
        app_set_mode(t, t->shown);
    else if (field_event(&t->filter, ev))
        keys_set_filter(t, buf_cstr(&t->filter.text));
    app_changed(t);
}

static void key_waiting(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    app_settle(t);
    int folds = t->tree.fold_count, at = tree_next_waiting(&t->tree, t->views[0].list.at);
    t->built++;
    if (at >= 0)
        app_select(t, at);
    else
        app_say(t, 0, "no session waits");
    if (folds != t->tree.fold_count)
        app_state_changed(t);
}

static void key_jump(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    t->jump[0] = '\0';
    app_set_mode(t, APP_JUMP);
}

/* The first row of the next project. */
static int keys_next_project(const struct app *t)
{
    for (int i = 1; i <= t->tree.row_count; i++) {
        int at = (t->views[0].list.at + i) % t->tree.row_count;
        if (t->tree.rows[at].kind == TREE_PROJECT)
            return at;
    }
    return 0;
}

/* Digits and dots go to that session at once; the same key as before goes to the one of that number
 * in the next project; any other key is for the list again. 1: it was for the jump. */
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
    int at = tree_find_number(&t->tree, from, t->jump);
    if (at >= 0)
        app_select(t, at);
    app_changed(t);
    return 1;
}

static void key_order(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    char text[64];
    tree_set_order(&t->tree, (enum tree_order)((t->tree.order + 1) % TREE_ORDERS));
    snprintf(text, sizeof text, "order: %s", tui_orders[t->tree.order]);
    app_state_changed(t);
    app_say(t, 0, text);
}

/* ---- views and what stands over them -------------------------------------------------------- */

static void key_sessions(void *ctx, int arg)
{
    (void)arg;
    app_show(ctx, APP_SESSIONS);
}

static void key_todos(void *ctx, int arg)
{
    (void)arg;
    app_show(ctx, APP_TODOS);
}

static void key_next_view(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    app_show(t, t->shown == APP_TODOS ? APP_SESSIONS : APP_TODOS);
}

static void key_refresh(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    client_retry_now(&t->client);
    app_fetch(t);
    client_refresh(&t->client);
    app_say(t, 0, "refreshed");
}

static void key_help(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    keymap_help_free(&t->help);
    app_set_mode(t, APP_HELP);
}

static void key_toasts(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    t->toasts.list = (struct widget_scroll){0};
    app_set_mode(t, APP_TOASTS);
}

static void key_back(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    app_set_mode(t, t->shown);
}

static void key_preview(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    t->no_preview = !t->no_preview;
    t->previewed[0] = '\0';
    app_state_changed(t);
    app_changed(t);
}

static void key_new(void *ctx, int arg)
{
    (void)arg;
    dialog_new(ctx, "");
}

static void key_message(void *ctx, int arg)
{
    (void)arg;
    dialog_message(ctx);
}

static void key_rename(void *ctx, int arg)
{
    (void)arg;
    dialog_rename(ctx);
}

static void key_end(void *ctx, int arg)
{
    (void)arg;
    dialog_end(ctx);
}

static void key_take_back(void *ctx, int arg)
{
    (void)arg;
    dialog_undo(ctx);
}

/* A key that the footer names and a dialog understands, as if it had been typed. */
static void keys_type(struct app *t, uint32_t key)
{
    struct term_event ev = {.type = TERM_KEY, .key = key};
    if (t->mode == APP_FILTER)
        keys_filter_event(t, &ev);
    else
        dialog_event(t, &ev);
}

static void key_enter(void *ctx, int arg)
{
    (void)arg;
    keys_type(ctx, '\r');
}

static void key_cancel(void *ctx, int arg)
{
    (void)arg;
    keys_type(ctx, 0x1b);
}

static void key_yes(void *ctx, int arg)
{
    (void)arg;
    keys_type(ctx, 'y');
}

static void key_quit(void *ctx, int arg)
{
    (void)arg;
    ((struct app *)ctx)->quit = 1;
}

static void key_suspend(void *ctx, int arg)
{
    (void)ctx;
    (void)arg;
    term_leave();
    kill(0, SIGTSTP); /* the whole job, as the terminal itself would; SIGCONT paints anew */
}

/* ---- the preparation view's keys ------------------------------------------------------------ */

/* 1: it can be done with the selected row; else it is said why not. */
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
    buf message = {0};
    if (!keys_can(t, action))
        return;
    todos_put_message(row, action, &message);
    dialog_start(t, row->computer, row->project->path, buf_cstr(&message));
    buf_free(&message);
}

static void key_start(void *ctx, int arg)
{
    (void)arg;
    keys_begin(ctx, TODOS_START);
}

static void key_prepare(void *ctx, int arg)
{
    (void)arg;
    keys_begin(ctx, TODOS_PREPARE);
}

static void key_view(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
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
        snprintf(text, sizeof text, WIFEXITED(status) ? "the editor ended with status %d"
                                                      : "the editor was killed by signal %d",
                 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        app_say(t, 1, text);
    }
    if (t->mode == APP_PAGER)
        pager_reload(&t->pager);
    if (t->client.push != CLIENT_LIVE)
        app_fetch_rest(t); /* nobody else tells what has changed */
    app_changed(t);
}

static void key_edit(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
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

static void key_open_todo(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    const struct todos_row *row = app_todos_row(t);
    if (row && row->kind == TODOS_PROJECT)
        keys_begin(t, TODOS_PREPARE);
    else if (row && row->kind == TODOS_FILE)
        key_view(t, 0);
    else
        keys_turn_fold(t);
}

static void keys_read_transcript(struct app *t, struct json answer, struct app_request *request)
{
    const struct tree_session *s = app_session(t);
    buf text = {0};
    (void)request;
    if (!s || t->mode != APP_SESSIONS ||
        !json_text_eq(json_get(json_get(answer, "data"), "session_id"), s->id))
        return;
    json_put_text(&text, json_get(answer, "transcript"));
    pager_set(&t->pager, s->title ? s->title : s->id, buf_view(&text), 0);
    pager_draw(&t->pager, &t->grid, 0, 0, t->grid.rows, t->grid.cols); /* now it has rows */
    pager_go(&t->pager, 1);
    buf_free(&text);
    app_set_mode(t, APP_PAGER);
}

/* What a session has left, from its end on back. */
static void keys_read(struct app *t, const struct tree_session *s)
{
    buf target = {0};
    app_put_target(&target, s->id, "/transcript", s->computer);
    buf_fmt(&target, "&tail_chars=%d", TUI_READ_CHARS);
    app_request(t, "GET", buf_cstr(&target), (span){0}, 0, keys_read_transcript);
    buf_free(&target);
}

static void keys_on_program_exit(struct app *t, int status, const char *error)
{
    buf text = {0};
    if (error)
        buf_str(&text, error);
    else if (!WIFEXITED(status) || WEXITSTATUS(status))
        buf_fmt(&text,
                "the way there ended with status %d: [peers] attach in %s says it, and it must "
                "work without questions asked",
                WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                t->config->file);
    if (text.n)
        app_say(t, 1, buf_cstr(&text));
    buf_free(&text);
}

static void keys_on_computers(struct app *t, struct json computers, struct app_request *request)
{
    const struct cache_session *known = t->target ? cache_find(&t->tree.sessions, t->target) : NULL;
    struct json session = {0};
    buf line = {0}, error = {0};
    (void)request;
    if (!known || t->mode != APP_SESSIONS)
        return;
    json_parse(buf_view(&known->json), &session, NULL, NULL);
    int found = client_put_attach(t->config, session, computers, &line, &error);
    char **argv = found ? config_words(buf_view(&line)) : NULL;
    if (argv)
        app_run(t, argv, keys_on_program_exit);
    else
        app_say(t, 1, buf_cstr(&error));
    buf_free(&line), buf_free(&error);
}

static void keys_attach_by_program(struct app *t, const struct tree_session *s)
{
    app_set(&t->target, s->id);
    app_request(t, "GET", "/computers", (span){0}, APP_SESSIONS, keys_on_computers);
}

static void key_open(void *ctx, int arg)
{
    struct app *t = ctx;
    (void)arg;
    const struct tree_session *s = app_session(t);
    if (!s)
        keys_turn_fold(t);
    else if (tree_is(s, "exited"))
        keys_read(t, s);
    else if (attach_needs_program(t, s))
        keys_attach_by_program(t, s);
    else
        attach_begin(t, s->id);
}

/* ---- the key table -------------------------------------------------------------------------- */

/* The first row of each line of help names all of its keys. What the footer shows comes first. */
static const struct keymap_key tui_keys[] = {
    {'\r', 0, APP_SESSIONS, "Enter", "open",
     "be in the selected session; read what an exited one has left", key_open, 0, "open"},
    {'\r', 0, APP_TODOS, "Enter", "open",
     "Preparation: prepare a project, read a file, unfold a todo", key_open_todo, 0, "open-todo"},
    {'n', 0, APP_LISTS, "n", "new", "new session in the selected project", key_new, 0, "new"},
    {'m', 0, APP_SESSIONS, "m", "message", "type a message to the selected session",
     key_message, 0, "message"},
    {'/', 0, APP_SESSIONS, "/", "find", "show only what has these words; is:waiting, is:unseen",
     key_filter, 0, "filter"},
    {'w', 0, APP_SESSIONS, "w", "waiting", "the next session that waits", key_waiting, 0,
     "next-waiting"},
    {'x', 0, APP_SESSIONS, "x", "end", "end the selected session, or dismiss an exited one",
     key_end, 0, "end"},
    {'u', 0, APP_LISTS, "u", NULL, "take back the end of a session, within 10 s", key_take_back, 0,
     "take-back"},
    {'R', 0, APP_SESSIONS, "R", NULL, "rename the selected session", key_rename, 0, "rename"},
    {'s', 0, APP_TODOS, "s", "start", "Preparation: start work on a todo that is ready",
     key_start, 0, "start"},
    {'p', 0, APP_TODOS, "p", "prepare", "Preparation: prepare the selected project or todo",
     key_prepare, 0, "prepare"},
    {'v', 0, APP_TODOS, "v", "view", "Preparation: read a file", key_view, 0, "view"},
    {'e', 0, APP_TODOS, "e", "edit", "Preparation: edit or create a file in $EDITOR", key_edit, 0,
     "edit"},
    {TERM_UP, 0, APP_LISTS, "up, k", NULL, "select the row above", key_up, 0, "up"},
    {'k', 0, APP_LISTS, "k", NULL, NULL, key_up, 0, "up"},
    {TERM_DOWN, 0, APP_LISTS, "down, j", NULL, "select the row below", key_down, 0, "down"},
    {'j', 0, APP_LISTS, "j", NULL, NULL, key_down, 0, "down"},
    {TERM_PGUP, 0, APP_LISTS, "PgUp", NULL, "a screen up", key_page_up, 0, "page-up"},
    {TERM_PGDN, 0, APP_LISTS, "PgDn", NULL, "a screen down", key_page_down, 0, "page-down"},
    {'g', 0, APP_LISTS, "g, Home", NULL, "the first row", key_first, 0, "first"},
    {TERM_HOME, 0, APP_LISTS, "Home", NULL, NULL, key_first, 0, "first"},
    {'G', 0, APP_LISTS, "G, End", NULL, "the last row", key_last, 0, "last"},
    {TERM_END, 0, APP_LISTS, "End", NULL, NULL, key_last, 0, "last"},
    {'\'', 0, APP_SESSIONS, "'", NULL,
     "and a session's number: go there; again: in the next project", key_jump, 0, "jump"},
    {TERM_RIGHT, 0, APP_LISTS, "right", NULL, "unfold; on a computer: show only that",
     key_unfold, 0, "unfold"},
    {TERM_LEFT, 0, APP_LISTS, "left", NULL, "fold, or go to the row above in the tree",
     key_fold, 0, "fold"},
    {'+', 0, APP_LISTS, "+", NULL, "unfold all", key_unfold_all, 0, "unfold-all"},
    {'-', 0, APP_LISTS, "-", NULL, "fold all projects", key_fold_all, 0, "fold-all"},
    {'o', 0, APP_SESSIONS, "o", NULL, "order: as listed, waiting first, recent first",
     key_order, 0, "order"},
    {0x1b, 0, APP_LISTS, "Esc", NULL, "drop the filter, then go back to all computers",
     key_escape, 0, NULL},
    {' ', 0, APP_SESSIONS, "Space", NULL, "show or hide the preview", key_preview, 0, "preview"},
    {TERM_UP, TERM_SHIFT, APP_SESSIONS, "Shift-arrow", NULL,
     "pan a screen that is larger (attached: prefix, arrows)", attach_key_pan_up, 0, "pan-up"},
    {TERM_DOWN, TERM_SHIFT, APP_SESSIONS, "Shift-down", NULL, NULL, attach_key_pan_down, 0,
     "pan-down"},
    {TERM_LEFT, TERM_SHIFT, APP_SESSIONS, "Shift-left", NULL, NULL, attach_key_pan_left, 0,
     "pan-left"},
    {TERM_RIGHT, TERM_SHIFT, APP_SESSIONS, "Shift-right", NULL, NULL, attach_key_pan_right, 0,
     "pan-right"},
    {'1', 0, APP_LISTS, "1", NULL, "the view Sessions", key_sessions, 0, "sessions"},
    {'2', 0, APP_LISTS, "2", NULL, "the view Preparation", key_todos, 0, "preparation"},
    {'\t', 0, APP_LISTS, "Tab", NULL, "the other view", key_next_view, 0, "next-view"},
    {'r', 0, APP_LISTS, "r", NULL, "fetch everything again", key_refresh, 0, "refresh"},
    {'!', 0, APP_LISTS, "!", NULL, "the last messages", key_toasts, 0, "messages"},
    {'z', TERM_CTRL, APP_LISTS, "Ctrl-Z", NULL, "suspend telec; fg brings it back", key_suspend, 0,
     "suspend"},
    {'?', 0, APP_LISTS, "?", "help", "this help", key_help, 0, "help"},
    {'q', 0, APP_LISTS, "q", "quit", "quit; every session goes on running", key_quit, 0, "quit"},
    {'c', TERM_CTRL, APP_LISTS | APP_HELP | APP_TOASTS | APP_CONFIRM, "Ctrl-C", NULL, NULL,
     key_quit, 0, NULL},
    {TERM_UP, 0, APP_PREFIX, "up", NULL, NULL, attach_key_pan_up, 0, NULL},
    {TERM_DOWN, 0, APP_PREFIX, "down", NULL, NULL, attach_key_pan_down, 0, NULL},
    {TERM_LEFT, 0, APP_PREFIX, "left", NULL, NULL, attach_key_pan_left, 0, NULL},
    {TERM_RIGHT, 0, APP_PREFIX, "right", NULL, NULL, attach_key_pan_right, 0, NULL},
    {'d', 0, APP_PREFIX, "d", NULL, NULL, attach_key_detach, 0, "attached-detach"},
    {'n', 0, APP_PREFIX, "n", NULL, NULL, attach_key_next, 0, "attached-next"},
    {'p', 0, APP_PREFIX, "p", NULL, NULL, attach_key_previous, 0, "attached-previous"},
    {'w', 0, APP_PREFIX, "w", NULL, NULL, attach_key_next_waiting, 0, "attached-next-waiting"},
    {'y', 0, APP_CONFIRM, "y", "end it", NULL, key_yes, 0, NULL},
    {'n', 0, APP_CONFIRM, "n", "keep it", NULL, key_cancel, 0, NULL},
    {'q', 0, APP_CONFIRM, "q", NULL, NULL, key_cancel, 0, NULL},
    {'\r', 0, APP_FILTER, "Enter", "keep", NULL, key_enter, 0, NULL},
    {0x1b, 0, APP_FILTER, "Esc", "drop", NULL, key_cancel, 0, NULL},
    {0x1b, 0, APP_HELP | APP_TOASTS | APP_JUMP, "Esc", "back", NULL, key_back, 0, NULL},
    {'?', 0, APP_HELP, "?", NULL, NULL, key_back, 0, NULL},
    {'!', 0, APP_TOASTS, "!", NULL, NULL, key_back, 0, NULL},
    {'q', 0, APP_TOASTS, "q", NULL, NULL, key_back, 0, NULL},
};
#define TUI_KEYS COUNT_OF(tui_keys)

static void keys_put_table(buf *b)
{
    for (size_t i = 0; i < TUI_KEYS; i++)
        if (tui_keys[i].help)
            buf_fmt(b, "  %-12s %s\n", tui_keys[i].shown, tui_keys[i].help);
    buf_str(b, "\nReading a file, or what a session has left:\n");
    pager_put_keys(b);
}

static void keys_put_config(const struct config *config, buf *b, buf *problems)
{
    struct theme theme;
    struct keymap_keys keys;
    keymap_bind_keys(&keys, tui_keys, TUI_KEYS, config, problems);
    theme_set(&theme, config, THEME_NEUTRAL, problems);
    keymap_put_keys(&keys, config, b);
    buf_byte(b, '\n');
    theme_put_config(config, b);
    keymap_free_keys(&keys);
}

