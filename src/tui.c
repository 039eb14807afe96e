/* tui - the terminal UI: what keys, mouse, answers and events do in its two views; its life.
 *
 * Nothing here waits: a key changes what is shown or sends a request, an answer or an event changes
 * tree and plan, and either marks the screen as out of date. At most one frame every 16 ms is
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

static void tui_move(struct app *t, int rows)
{
    app_set(&app_view(t)->wanted, NULL); /* whatever was to be selected: this is now */
    app_select(t, app_view(t)->list.at + rows);
}

static void tui_key_up(void *ctx)
{
    tui_move(ctx, -1);
}

static void tui_key_down(void *ctx)
{
    tui_move(ctx, 1);
}

static void tui_key_first(void *ctx)
{
    tui_move(ctx, -app_rows(ctx));
}

static void tui_key_last(void *ctx)
{
    tui_move(ctx, app_rows(ctx));
}

/* By the lines of the list, which a row may take several of. */
static void tui_page(struct app *t, int step)
{
    struct look_list *l = &app_view(t)->list;
    int lines = ui_max(1, l->rows - 1) * step, at = l->at + lines;
    if (t->shown == APP_SESSIONS && t->tree.row_count && l->details)
        at = look_tree_row(&t->tree, l, ui_max(0, t->tree.rows[l->at].line + lines));
    tui_move(t, at == l->at ? step : at - l->at);
}

static void tui_key_page_up(void *ctx)
{
    tui_page(ctx, -1);
}

static void tui_key_page_down(void *ctx)
{
    tui_page(ctx, 1);
}

/* Scrolls the list; the selection goes along only where it would not be seen any more. */
static void tui_scroll(struct app *t, int lines)
{
    struct look_list *l = &app_view(t)->list;
    int plan = t->shown == APP_PLAN, rows = app_rows(t);
    int total = plan ? rows : look_tree_lines(&t->tree, l);
    if (!rows)
        return;
    l->top = ui_max(0, ui_min(l->top + lines, total - l->rows));
    int first = plan ? l->top : look_tree_row(&t->tree, l, l->top);
    int last = plan ? l->top + l->rows - 1
                    : look_tree_row(&t->tree, l, l->top + l->rows - 1);
    if (!plan && l->details && t->tree.rows[first].line < l->top)
        first++;
    app_select(t, ui_max(first, ui_min(l->at, last)));
}

static void tui_fold(struct app *t, int folded)
{
    struct tree_row *row = app_row(t);
    const struct plan_row *todo = app_plan_row(t);
    if (row && row->foldable && row->folded != folded)
        tree_set_folded(&t->tree, row->key, folded);
    else if (todo && todo->foldable && todo->folded != folded)
        plan_set_folded(&t->plan, todo->key, folded);
    else
        return;
    app_keep(t);
    app_changed(t);
}

static void tui_turn_fold(struct app *t)
{
    const struct tree_row *row = app_row(t);
    const struct plan_row *todo = app_plan_row(t);
    tui_fold(t, row ? !row->folded : todo ? !todo->folded : 0);
}

static void tui_focus(struct app *t, const char *computer)
{
    buf key = {0};
    buf_str(&key, "c:");
    buf_str(&key, computer ? computer : t->tree.focus);
    app_set(&t->views[0].wanted, computer ? NULL : buf_cstr(&key));
    tree_set_focus(&t->tree, computer);
    t->views[0].list.at = t->views[0].list.top = 0;
    buf_free(&key);
    app_keep(t);
    app_changed(t);
}

/* Unfolds; a computer that is unfolded becomes the only one. */
static void tui_key_unfold(void *ctx)
{
    struct app *t = ctx;
    const struct tree_row *row = app_row(t);
    if (row && row->kind == TREE_COMPUTER && (!row->foldable || !row->folded))
        tui_focus(t, row->computer);
    else
        tui_fold(t, 0);
}

static int tui_depth(const struct app *t, int at)
{
    return t->shown == APP_PLAN ? t->plan.rows[at].depth : t->tree.rows[at].depth;
}

/* Folds; on what can't be folded (further), goes to the row above it in the tree, and from the
 * uppermost ones of a computer in focus back to all. */
static void tui_key_fold(void *ctx)
{
    struct app *t = ctx;
    const struct tree_row *row = app_row(t);
    const struct plan_row *todo = app_plan_row(t);
    if (row ? row->foldable && !row->folded : todo && todo->foldable && !todo->folded) {
        tui_fold(t, 1);
        return;
    }
    int at = app_view(t)->list.at;
    if (t->shown == APP_SESSIONS && t->tree.focus && (!row || row->depth == 0)) {
        tui_focus(t, NULL);
        return;
    }
    if (!app_rows(t))
        return;
    int depth = tui_depth(t, at);
    while (at > 0 && tui_depth(t, at) >= depth)
        at--;
    tui_move(t, at - app_view(t)->list.at);
}

static void tui_fold_all(struct app *t, int folded)
{
    if (t->shown == APP_PLAN)
        plan_fold_all(&t->plan, folded);
    else
        tree_fold_all(&t->tree, folded);
    t->built++;
    app_keep(t);
    app_changed(t);
}

static void tui_key_unfold_all(void *ctx)
{
    tui_fold_all(ctx, 0);
}

static void tui_key_fold_all(void *ctx)
{
    tui_fold_all(ctx, 1);
}

/* ---- finding -------------------------------------------------------------------------------- */

static void tui_set_filter(struct app *t, const char *text)
{
    tree_set_filter(&t->tree, text);
    t->views[0].list.top = 0;
    t->find_hit = 1;
    app_changed(t);
}

static void tui_key_filter(void *ctx)
{
    app_set_mode(ctx, APP_FILTER);
}

static void tui_clear_filter(struct app *t)
{
    field_set(&t->filter, "");
    tui_set_filter(t, NULL);
    app_set_mode(t, t->shown);
}

/* Back by one: what was typed, what is in focus. */
static void tui_key_escape(void *ctx)
{
    struct app *t = ctx;
    if (t->shown == APP_SESSIONS && t->tree.word_count)
        tui_clear_filter(t);
    else if (t->shown == APP_SESSIONS && t->tree.focus)
        tui_focus(t, NULL);
}

static void tui_filter_event(struct app *t, const struct term_event *ev)
{
    int key = ev->type == TERM_KEY && !ev->mods ? (int)ev->key : -1;
    if (key == 0x1b)
        tui_clear_filter(t);
    else if (key == '\r')
        app_set_mode(t, t->shown);
    else if (key == TERM_UP || key == TERM_DOWN)
        tui_move(t, key == TERM_UP ? -1 : 1);
    else if (key == 0x7f && !t->filter.text.n)
        app_set_mode(t, t->shown);
    else if (field_event(&t->filter, ev))
        tui_set_filter(t, buf_cstr(&t->filter.text));
    app_changed(t);
}

static void tui_key_waiting(void *ctx)
{
    struct app *t = ctx;
    app_settle(t);
    int folds = t->tree.fold_count, at = tree_next_waiting(&t->tree, t->views[0].list.at);
    t->built++;
    if (at >= 0)
        app_select(t, at);
    else
        app_say(t, 0, "no session waits");
    if (folds != t->tree.fold_count)
        app_keep(t);
}

static void tui_key_jump(void *ctx)
{
    struct app *t = ctx;
    t->jump[0] = '\0';
    app_set_mode(t, APP_JUMP);
}

/* The first row of the next project. */
static int tui_next_project(const struct app *t)
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
static int tui_jump_event(struct app *t, const struct term_event *ev)
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
        from = tui_next_project(t);
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

static void tui_key_order(void *ctx)
{
    struct app *t = ctx;
    char text[64];
    tree_set_order(&t->tree, (enum tree_order)((t->tree.order + 1) % TREE_ORDERS));
    snprintf(text, sizeof text, "order: %s", tui_orders[t->tree.order]);
    app_keep(t);
    app_say(t, 0, text);
}

/* ---- views and what stands over them -------------------------------------------------------- */

static void tui_key_sessions(void *ctx)
{
    app_show(ctx, APP_SESSIONS);
}

static void tui_key_plan(void *ctx)
{
    app_show(ctx, APP_PLAN);
}

static void tui_key_next_view(void *ctx)
{
    struct app *t = ctx;
    app_show(t, t->shown == APP_PLAN ? APP_SESSIONS : APP_PLAN);
}

static void tui_key_refresh(void *ctx)
{
    struct app *t = ctx;
    client_retry_now(&t->client);
    app_fetch(t);
    client_refresh(&t->client);
    app_say(t, 0, "refreshed");
}

static void tui_key_help(void *ctx)
{
    struct app *t = ctx;
    ui_help_free(&t->help);
    app_set_mode(t, APP_HELP);
}

static void tui_key_toasts(void *ctx)
{
    struct app *t = ctx;
    t->toasts.list = (struct ui_scroll){0};
    app_set_mode(t, APP_TOASTS);
}

static void tui_key_back(void *ctx)
{
    struct app *t = ctx;
    app_set_mode(t, t->shown);
}

static void tui_key_preview(void *ctx)
{
    struct app *t = ctx;
    t->no_preview = !t->no_preview;
    t->followed[0] = '\0';
    app_keep(t);
    app_changed(t);
}

static void tui_key_new(void *ctx)
{
    dialog_new(ctx, "");
}

static void tui_key_message(void *ctx)
{
    dialog_message(ctx);
}

static void tui_key_rename(void *ctx)
{
    dialog_rename(ctx);
}

static void tui_key_end(void *ctx)
{
    dialog_end(ctx);
}

static void tui_key_take_back(void *ctx)
{
    dialog_take_back(ctx);
}

/* A key that the footer names and a dialog understands, as if it had been typed. */
static void tui_type(struct app *t, uint32_t key)
{
    struct term_event ev = {.type = TERM_KEY, .key = key};
    if (t->mode == APP_FILTER)
        tui_filter_event(t, &ev);
    else
        dialog_event(t, &ev);
}

static void tui_key_enter(void *ctx)
{
    tui_type(ctx, '\r');
}

static void tui_key_cancel(void *ctx)
{
    tui_type(ctx, 0x1b);
}

static void tui_key_yes(void *ctx)
{
    tui_type(ctx, 'y');
}

static void tui_key_quit(void *ctx)
{
    ((struct app *)ctx)->quit = 1;
}

static void tui_key_suspend(void *ctx)
{
    (void)ctx;
    term_leave();
    kill(0, SIGTSTP); /* the whole job, as the terminal itself would; SIGCONT paints anew */
}

/* ---- the preparation view's keys ------------------------------------------------------------ */

/* 1: it can be done with the selected row; else it is said why not. */
static int tui_can(struct app *t, enum plan_action action)
{
    const struct plan_row *row = app_plan_row(t);
    const char *why = "select a project, a todo or a file first";
    int can = row && plan_can(&t->plan, row, action, &why);
    if (!can)
        app_say(t, 0, why);
    return can;
}

static void tui_begin(struct app *t, enum plan_action action)
{
    const struct plan_row *row = app_plan_row(t);
    buf message = {0};
    if (!tui_can(t, action))
        return;
    plan_put_message(row, action, &message);
    dialog_start(t, row->computer, row->project->path, buf_cstr(&message));
    buf_free(&message);
}

static void tui_key_start(void *ctx)
{
    tui_begin(ctx, PLAN_START);
}

static void tui_key_prepare(void *ctx)
{
    tui_begin(ctx, PLAN_PREPARE);
}

static void tui_key_view(void *ctx)
{
    struct app *t = ctx;
    const struct plan_row *row = app_plan_row(t);
    buf path = {0}, title = {0};
    if (!tui_can(t, PLAN_VIEW))
        return;
    plan_put_file(row, PLAN_VIEW, &path);
    buf_str(&title, row->todo ? row->todo->slug : row->name);
    buf_str(&title, strrchr(buf_cstr(&path), '/') ? strrchr(buf_cstr(&path), '/') : "");
    pager_open(&t->pager, buf_cstr(&title), buf_cstr(&path));
    buf_free(&path);
    buf_free(&title);
    app_set_mode(t, APP_PAGER);
}

static void tui_on_edited(struct app *t, int status, const char *error)
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

static void tui_key_edit(void *ctx)
{
    struct app *t = ctx;
    buf path = {0}, error = {0};
    if (!tui_can(t, PLAN_EDIT))
        return;
    plan_put_file(app_plan_row(t), PLAN_EDIT, &path);
    char **argv = plan_editor(buf_cstr(&path), &error);
    if (argv)
        app_run(t, argv, tui_on_edited);
    else
        app_say(t, 1, buf_cstr(&error));
    buf_free(&path);
    buf_free(&error);
}

static void tui_key_open_todo(void *ctx)
{
    struct app *t = ctx;
    const struct plan_row *row = app_plan_row(t);
    if (row && row->kind == PLAN_PROJECT)
        tui_begin(t, PLAN_PREPARE);
    else if (row && row->kind == PLAN_FILE)
        tui_key_view(t);
    else
        tui_turn_fold(t);
}

static void tui_read_transcript(struct app *t, struct json answer, struct app_ask *ask)
{
    const struct tree_session *s = app_session(t);
    buf text = {0};
    (void)ask;
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
static void tui_read(struct app *t, const struct tree_session *s)
{
    buf target = {0};
    app_put_target(&target, s->id, "/transcript", s->computer);
    buf_fmt(&target, "&tail_chars=%d", TUI_READ_CHARS);
    app_request(t, "GET", buf_cstr(&target), (span){0}, 0, tui_read_transcript);
    buf_free(&target);
}

static void tui_on_elsewhere(struct app *t, int status, const char *error)
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

static void tui_take_elsewhere(struct app *t, struct json computers, struct app_ask *ask)
{
    const struct cache_session *known = t->target ? cache_find(&t->tree.sessions, t->target) : NULL;
    struct json session = {0};
    buf line = {0}, error = {0};
    (void)ask;
    if (!known || t->mode != APP_SESSIONS)
        return;
    json_parse(buf_view(&known->json), &session, NULL, NULL);
    int found = client_put_attach(t->config, session, computers, &line, &error);
    char **argv = found ? config_words(buf_view(&line)) : NULL;
    if (argv)
        app_run(t, argv, tui_on_elsewhere);
    else
        app_say(t, 1, buf_cstr(&error));
    buf_free(&line), buf_free(&error);
}

static void tui_attach_elsewhere(struct app *t, const struct tree_session *s)
{
    app_set(&t->target, s->id);
    app_request(t, "GET", "/computers", (span){0}, APP_SESSIONS, tui_take_elsewhere);
}

static void tui_key_open(void *ctx)
{
    struct app *t = ctx;
    const struct tree_session *s = app_session(t);
    if (!s)
        tui_turn_fold(t);
    else if (tree_is(s, "exited"))
        tui_read(t, s);
    else if (attach_is_elsewhere(t, s))
        tui_attach_elsewhere(t, s);
    else
        attach_begin(t, s->id);
}

/* ---- the key table -------------------------------------------------------------------------- */

/* The first row of each line of help names all of its keys. What the footer shows comes first. */
static const struct ui_key tui_keys[] = {
    {'\r', 0, APP_SESSIONS, "Enter", "open",
     "be in the selected session; read what an exited one has left", tui_key_open, "open"},
    {'\r', 0, APP_PLAN, "Enter", "open",
     "Preparation: prepare a project, read a file, unfold a todo", tui_key_open_todo, "open-todo"},
    {'n', 0, APP_LISTS, "n", "new", "new session in the selected project", tui_key_new, "new"},
    {'m', 0, APP_SESSIONS, "m", "message", "type a message to the selected session",
     tui_key_message, "message"},
    {'/', 0, APP_SESSIONS, "/", "find", "show only what has these words; is:waiting, is:unseen",
     tui_key_filter, "filter"},
    {'w', 0, APP_SESSIONS, "w", "waiting", "the next session that waits", tui_key_waiting,
     "next-waiting"},
    {'x', 0, APP_SESSIONS, "x", "end", "end the selected session, or dismiss an exited one",
     tui_key_end, "end"},
    {'u', 0, APP_LISTS, "u", NULL, "take back the end of a session, within 10 s", tui_key_take_back,
     "take-back"},
    {'R', 0, APP_SESSIONS, "R", NULL, "rename the selected session", tui_key_rename, "rename"},
    {'s', 0, APP_PLAN, "s", "start", "Preparation: start work on a todo that is ready",
     tui_key_start, "start"},
    {'p', 0, APP_PLAN, "p", "prepare", "Preparation: prepare the selected project or todo",
     tui_key_prepare, "prepare"},
    {'v', 0, APP_PLAN, "v", "view", "Preparation: read a file", tui_key_view, "view"},
    {'e', 0, APP_PLAN, "e", "edit", "Preparation: edit or create a file in $EDITOR", tui_key_edit,
     "edit"},
    {TERM_UP, 0, APP_LISTS, "up, k", NULL, "select the row above", tui_key_up, "up"},
    {'k', 0, APP_LISTS, "k", NULL, NULL, tui_key_up, "up"},
    {TERM_DOWN, 0, APP_LISTS, "down, j", NULL, "select the row below", tui_key_down, "down"},
    {'j', 0, APP_LISTS, "j", NULL, NULL, tui_key_down, "down"},
    {TERM_PGUP, 0, APP_LISTS, "PgUp", NULL, "a screen up", tui_key_page_up, "page-up"},
    {TERM_PGDN, 0, APP_LISTS, "PgDn", NULL, "a screen down", tui_key_page_down, "page-down"},
    {'g', 0, APP_LISTS, "g, Home", NULL, "the first row", tui_key_first, "first"},
    {TERM_HOME, 0, APP_LISTS, "Home", NULL, NULL, tui_key_first, "first"},
    {'G', 0, APP_LISTS, "G, End", NULL, "the last row", tui_key_last, "last"},
    {TERM_END, 0, APP_LISTS, "End", NULL, NULL, tui_key_last, "last"},
    {'\'', 0, APP_SESSIONS, "'", NULL,
     "and a session's number: go there; again: in the next project", tui_key_jump, "jump"},
    {TERM_RIGHT, 0, APP_LISTS, "right", NULL, "unfold; on a computer: show only that",
     tui_key_unfold, "unfold"},
    {TERM_LEFT, 0, APP_LISTS, "left", NULL, "fold, or go to the row above in the tree",
     tui_key_fold, "fold"},
    {'+', 0, APP_LISTS, "+", NULL, "unfold all", tui_key_unfold_all, "unfold-all"},
    {'-', 0, APP_LISTS, "-", NULL, "fold all projects", tui_key_fold_all, "fold-all"},
    {'o', 0, APP_SESSIONS, "o", NULL, "order: as listed, waiting first, recent first",
     tui_key_order, "order"},
    {0x1b, 0, APP_LISTS, "Esc", NULL, "drop the filter, then go back to all computers",
     tui_key_escape, NULL},
    {' ', 0, APP_SESSIONS, "Space", NULL, "show or hide the preview", tui_key_preview, "preview"},
    {TERM_UP, TERM_SHIFT, APP_SESSIONS, "Shift-arrow", NULL,
     "pan a screen that is larger (attached: prefix, arrows)", attach_key_pan_up, "pan-up"},
    {TERM_DOWN, TERM_SHIFT, APP_SESSIONS, "Shift-down", NULL, NULL, attach_key_pan_down,
     "pan-down"},
    {TERM_LEFT, TERM_SHIFT, APP_SESSIONS, "Shift-left", NULL, NULL, attach_key_pan_left,
     "pan-left"},
    {TERM_RIGHT, TERM_SHIFT, APP_SESSIONS, "Shift-right", NULL, NULL, attach_key_pan_right,
     "pan-right"},
    {'1', 0, APP_LISTS, "1", NULL, "the view Sessions", tui_key_sessions, "sessions"},
    {'2', 0, APP_LISTS, "2", NULL, "the view Preparation", tui_key_plan, "preparation"},
    {'\t', 0, APP_LISTS, "Tab", NULL, "the other view", tui_key_next_view, "next-view"},
    {'r', 0, APP_LISTS, "r", NULL, "fetch everything again", tui_key_refresh, "refresh"},
    {'!', 0, APP_LISTS, "!", NULL, "the last messages", tui_key_toasts, "messages"},
    {'z', TERM_CTRL, APP_LISTS, "Ctrl-Z", NULL, "suspend telec; fg brings it back", tui_key_suspend,
     "suspend"},
    {'?', 0, APP_LISTS, "?", "help", "this help", tui_key_help, "help"},
    {'q', 0, APP_LISTS, "q", "quit", "quit; every session goes on running", tui_key_quit, "quit"},
    {'c', TERM_CTRL, APP_LISTS | APP_HELP | APP_TOASTS | APP_CONFIRM, "Ctrl-C", NULL, NULL,
     tui_key_quit, NULL},
    {TERM_UP, 0, APP_PREFIX, "up", NULL, NULL, attach_key_pan_up, NULL},
    {TERM_DOWN, 0, APP_PREFIX, "down", NULL, NULL, attach_key_pan_down, NULL},
    {TERM_LEFT, 0, APP_PREFIX, "left", NULL, NULL, attach_key_pan_left, NULL},
    {TERM_RIGHT, 0, APP_PREFIX, "right", NULL, NULL, attach_key_pan_right, NULL},
    {'d', 0, APP_PREFIX, "d", NULL, NULL, attach_key_detach, "attached-detach"},
    {'n', 0, APP_PREFIX, "n", NULL, NULL, attach_key_next, "attached-next"},
    {'p', 0, APP_PREFIX, "p", NULL, NULL, attach_key_previous, "attached-previous"},
    {'w', 0, APP_PREFIX, "w", NULL, NULL, attach_key_next_waiting, "attached-next-waiting"},
    {'y', 0, APP_CONFIRM, "y", "end it", NULL, tui_key_yes, NULL},
    {'n', 0, APP_CONFIRM, "n", "keep it", NULL, tui_key_cancel, NULL},
    {'q', 0, APP_CONFIRM, "q", NULL, NULL, tui_key_cancel, NULL},
    {'\r', 0, APP_FILTER, "Enter", "keep", NULL, tui_key_enter, NULL},
    {0x1b, 0, APP_FILTER, "Esc", "drop", NULL, tui_key_cancel, NULL},
    {0x1b, 0, APP_HELP | APP_TOASTS | APP_JUMP, "Esc", "back", NULL, tui_key_back, NULL},
    {'?', 0, APP_HELP, "?", NULL, NULL, tui_key_back, NULL},
    {'!', 0, APP_TOASTS, "!", NULL, NULL, tui_key_back, NULL},
    {'q', 0, APP_TOASTS, "q", NULL, NULL, tui_key_back, NULL},
};
#define TUI_KEYS COUNT_OF(tui_keys)

static void tui_put_keys(buf *b)
{
    for (size_t i = 0; i < TUI_KEYS; i++)
        if (tui_keys[i].help)
            buf_fmt(b, "  %-12s %s\n", tui_keys[i].shown, tui_keys[i].help);
    buf_str(b, "\nReading a file, or what a session has left:\n");
    pager_put_keys(b);
}

static void tui_put_config(const struct config *config, buf *b, buf *problems)
{
    struct theme theme;
    struct ui_keys keys;
    ui_bind_keys(&keys, tui_keys, TUI_KEYS, config, problems);
    theme_set(&theme, config, THEME_NEUTRAL, problems);
    ui_put_keys(&keys, config, b);
    buf_byte(b, '\n');
    theme_put_config(config, b);
    ui_free_keys(&keys);
}

/* ---- input ---------------------------------------------------------------------------------- */

static void tui_run_key(struct app *t, const struct ui_key *key)
{
    app_settle(t); /* the key is for what is there now */
    key->run(t);
}

/* Selects by the row's key: the rows may be out of date, if only the frame showed them. */
static void tui_click_row(struct app *t, const char *key)
{
    int again = t->clicked && strcmp(t->clicked, key) == 0 &&
                t->loop.now - t->clicked_at < TUI_DOUBLE_MS;
    app_set(&t->clicked, key);
    t->clicked_at = again ? 0 : t->loop.now;
    app_set(&app_view(t)->wanted, key);
    app_settle(t);
    if (again && t->shown == APP_PLAN)
        tui_key_open_todo(t);
    else if (again)
        tui_key_open(t);
}

/* A click on what the last frame showed: its rows must be those that are there. */
static void tui_click(struct app *t, const struct term_event *ev)
{
    const struct ui_hit *hit = ui_clicked(&t->ui, ev);
    if (!hit)
        return;
    if (hit->what == UI_KEY && t->keys.rows[hit->index].contexts & t->mode) {
        tui_run_key(t, &t->keys.rows[hit->index]);
    } else if (hit->what == LOOK_TAB) {
        app_show(t, hit->index ? APP_PLAN : APP_SESSIONS);
    } else if (hit->what == LOOK_ROW && t->drawn == t->built && hit->index < app_rows(t)) {
        if (t->mode != APP_FILTER)
            t->mode = t->shown;
        tui_click_row(t, t->shown == APP_PLAN ? t->plan.rows[hit->index].key
                                              : t->tree.rows[hit->index].key);
    }
}

static void tui_mouse_event(struct app *t, const struct term_event *ev)
{
    int lines = ui_wheel(ev);
    const struct ui_hit *hit = lines ? ui_find_hit(&t->ui, ev->row, ev->col) : NULL;
    if (lines && hit && hit->what == LOOK_PREVIEW && t->view)
        attach_scroll(t, lines);
    else if (lines)
        tui_scroll(t, -lines);
    else if (ev->mouse == TERM_PRESS)
        tui_click(t, ev);
}

static void tui_pager_event(struct app *t, const struct term_event *ev)
{
    enum pager_answer answer = pager_event(&t->pager, ev);
    if (answer == PAGER_CLOSE) {
        pager_free(&t->pager);
        app_set_mode(t, t->shown);
    } else if (answer == PAGER_PASSED && ev->type == TERM_KEY && ev->key == 'e' && !ev->mods) {
        tui_key_edit(t);
    } else if (answer == PAGER_PASSED && ev->type == TERM_KEY && ev->mods == TERM_CTRL &&
               ev->key == 'c') {
        t->quit = 1;
    }
    app_changed(t);
}

/* What stands over the list has the first look at an event. 1: it was for that. */
static int tui_over_event(struct app *t, const struct term_event *ev)
{
    int key = ev->type == TERM_KEY, ctrl_c = key && ev->key == 'c' && ev->mods == TERM_CTRL;
    if (t->mode == APP_PAGER)
        tui_pager_event(t, ev);
    else if (t->mode & APP_FORMS || (t->mode == APP_CONFIRM && !ctrl_c && !(key && ev->key == 'q')))
        dialog_event(t, ev);
    else if (t->mode == APP_FILTER && ev->type != TERM_MOUSE)
        tui_filter_event(t, ev);
    else if (t->mode == APP_JUMP)
        return tui_jump_event(t, ev);
    else if (t->mode == APP_HELP && !ctrl_c)
        return ui_help_event(&t->help, ev);
    else if (t->mode == APP_TOASTS)
        return ui_toasts_event(&t->toasts, ev);
    else
        return 0;
    return 1;
}

static void tui_key_event(struct app *t, const struct term_event *ev)
{
    const struct ui_key *key = ui_find_key(t->keys.rows, t->keys.count, t->mode, ev);
    if (t->mode == APP_PREFIX && !key) {
        if (ev->key == (uint32_t)config_ctrl_letter(t->config->prefix))
            attach_send_prefix(t);
        else
            app_set_mode(t, APP_ATTACHED);
    } else if (key) {
        tui_run_key(t, key);
    } else if (t->mode & APP_LISTS && ev->key > ' ' && ev->key < 0x7f && !ev->mods) {
        char text[64];
        snprintf(text, sizeof text, "%c does nothing here; ? lists the keys", (int)ev->key);
        app_say(t, 0, text);
    }
}

/* What the terminal has told, not the user. */
static void tui_terminal_event(struct app *t, const struct term_event *ev)
{
    if (ev->type == TERM_MODE && ev->mode == 2026)
        t->grid.sync = ev->value == 1 || ev->value == 2;
    if (ev->type == TERM_BACKGROUND) {
        theme_set(&t->theme, t->config, theme_ground(ev->colour), NULL);
        app_changed(t);
    }
}

static void tui_on_event(struct app *t, const struct term_event *ev)
{
    tui_terminal_event(t, ev);
    if (ev->type == TERM_KEY && !(t->mode & APP_SCREENS) && t->toasts.unread) {
        ui_toast_read(&t->toasts);
        app_changed(t);
    }
    if (t->mode == APP_ATTACHED)
        attach_event(t, ev);
    else if (tui_over_event(t, ev))
        app_changed(t);
    else if (ev->type == TERM_KEY)
        tui_key_event(t, ev);
    else if (ev->type == TERM_MOUSE && !(t->mode & (APP_SCREENS | APP_HELP | APP_TOASTS)))
        tui_mouse_event(t, ev);
    else if (ev->type == TERM_MOUSE && ev->mouse == TERM_PRESS)
        tui_click(t, ev);
}

static void tui_decode(struct app *t, int flush)
{
    struct term_event ev;
    size_t used = 0;
    while (!t->quit && !t->program_runs && conn_view(&t->terminal).n) {
        enum parse parsed = term_decode(&t->input, conn_view(&t->terminal), flush, &used, &ev);
        if (parsed == PARSE_DONE)
            tui_on_event(t, &ev);
        conn_take(&t->terminal, used);
        if (parsed != PARSE_DONE)
            break;
    }
    if (conn_view(&t->terminal).n && !flush)
        loop_timer_set(&t->loop, &t->escape_timer, t->loop.now + TUI_ESCAPE_MS);
    else
        loop_timer_stop(&t->loop, &t->escape_timer);
}

static void tui_on_escape(void *ctx)
{
    tui_decode(ctx, 1);
}

static void tui_on_input(void *ctx)
{
    struct app *t = ctx;
    tui_decode(t, 0);
    if (t->terminal.eof)
        t->quit = 1;
}

static void tui_on_drained(void *ctx)
{
    struct app *t = ctx;
    app_run_now(t);
    if (t->stale)
        app_changed(t);
}

static void tui_on_terminal_closed(void *ctx, const char *why)
{
    (void)why;
    ((struct app *)ctx)->quit = 1;
}

static const struct conn_hooks tui_terminal_hooks = {tui_on_input, tui_on_drained,
                                                     tui_on_terminal_closed};

/* ---- push ----------------------------------------------------------------------------------- */

/* Most events are of sessions: plan need not read those. */
static int tui_is_of_session(span json)
{
    return span_starts(json, "{\"event\":\"session") || span_starts(json, "{\"event\": \"session");
}

static void tui_on_push_event(void *ctx, span json)
{
    struct app *t = ctx;
    t->events++;
    if (app_is_foreign(t)) { /* its initial states are only hints */
        struct json message;
        if (json_parse(json, &message, NULL, NULL) == PARSE_DONE &&
            (json_text_eq(json_get(message, "event"), "sessions_initial") ||
             json_text_eq(json_get(message, "event"), "preparation_initial"))) {
            app_fetch(t);
            return;
        }
    }
    tree_event(&t->tree, json);
    if (!tui_is_of_session(json))
        plan_event(&t->plan, json);
    t->fetched = 1;
    app_changed(t);
}

/* Something on the screen counts seconds. */
static void tui_on_second(void *ctx)
{
    struct app *t = ctx;
    if (t->client.push == CLIENT_WAITING || app_last_ended(t) >= 0)
        loop_timer_set(&t->loop, &t->second_timer, t->loop.now + 1000);
    app_changed(t);
}

static void tui_on_push_state(void *ctx)
{
    struct app *t = ctx;
    if (t->client.push == CLIENT_LIVE)
        t->followed[0] = '\0';
    else if (t->client.push == CLIENT_WAITING && t->mode & APP_SCREENS)
        attach_end(t, t->client.why);
    tui_on_second(t);
}

static void tui_on_fetch(void *ctx)
{
    app_fetch(ctx);
}

static const struct client_hooks tui_client_hooks = {tui_on_push_event, tui_on_push_state,
                                                     tui_on_fetch};

static void tui_on_ages(void *ctx)
{
    struct app *t = ctx;
    loop_timer_set(&t->loop, &t->ages_timer, t->loop.now + TUI_AGES_MS);
    app_changed(t);
}

/* The sessions are what people wait for: everything else is asked for when they are there. */
static void tui_connect_rest(void *ctx)
{
    struct app *t = ctx;
    client_watch(&t->client);
    app_fetch_rest(t);
}

/* While the daemon answers, memory for the next frame is had. */
static void tui_blank(void *ctx)
{
    struct app *t = ctx;
    grid_clear(&t->grid);
}

static void tui_connect(void *ctx)
{
    struct app *t = ctx;
    if (t->attach_only) /* before a key is read: it is for the session */
        attach_begin(t, t->attach_only);
    app_fetch_sessions(t);
    loop_defer(&t->loop, &t->blank_task); /* after that request has been sent */
    loop_timer_set(&t->loop, &t->rest_timer, t->loop.now + TUI_REST_MS);
}

/* ---- life ----------------------------------------------------------------------------------- */

/* The terminal through a descriptor of our own: what we set on it does not reach the caller's. */
static int tui_open_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    return fd >= 0 ? fd : fcntl(0, F_DUPFD_CLOEXEC, 3);
}

static void tui_on_signal(void *ctx, int signo)
{
    struct app *t = ctx;
    if (t->program_runs && (signo == SIGINT || signo == SIGCONT || signo == SIGWINCH))
        return; /* the program's: it has the terminal */
    if (signo == SIGWINCH) {
        app_resize(t);
    } else if (signo == SIGCONT) {
        buf_clear(&t->frame);
        term_enter(t->terminal.io.fd, t->terminal.io.fd, app_wants_mouse(t), &t->frame);
        if (t->mode & APP_SCREENS)
            view_forget_modes(t->view);
        t->grid.known = 0;
        app_resize(t);
    } else {
        t->quit = signo;
    }
}

static void tui_set_timers(struct app *t)
{
    const struct {
        struct loop_timer *timer;
        void (*fn)(void *ctx);
    } timers[] = {{&t->frame_timer, paint_frame},       {&t->escape_timer, tui_on_escape},
                  {&t->ages_timer, tui_on_ages},        {&t->second_timer, tui_on_second},
                  {&t->toast_timer, app_on_toast_over}, {&t->preview_timer, attach_on_preview},
                  {&t->rest_timer, tui_connect_rest},   {&t->keep_timer, app_write}};
    for (size_t i = 0; i < COUNT_OF(timers); i++)
        *timers[i].timer = (struct loop_timer){.fn = timers[i].fn, .ctx = t};
    t->draw_task = (struct loop_task){.fn = paint_frame, .ctx = t};
    t->connect_task = (struct loop_task){.fn = tui_connect, .ctx = t};
    t->blank_task = (struct loop_task){.fn = tui_blank, .ctx = t};
}

static int tui_start(struct app *t, buf *error)
{
    static const int signals[] = {SIGWINCH, SIGCONT, SIGTERM, SIGHUP, SIGINT};
    int fd = tui_open_terminal(), rows = 24, cols = 80;
    buf_reserve(&t->frame, TUI_FRAME_BYTES);
    for (size_t i = 0; i < COUNT_OF(signals); i++)
        loop_on_signal(&t->loop, signals[i], tui_on_signal, t);
    if (fd < 0 || term_enter(fd, fd, app_wants_mouse(t), &t->frame) != 0) {
        buf_fmt(error, "cannot use this terminal: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    term_crash_guard();
    t->terminal.hooks = &tui_terminal_hooks;
    t->terminal.ctx = t;
    conn_open(&t->terminal, &t->loop, fd);
    buf_str(&t->frame, term_queries());
    t->grid.depth = term_depth();
    t->grid.ascii = !term_is_utf8();
    term_size(fd, &rows, &cols);
    grid_resize(&t->grid, rows, cols);
    return 0;
}

static void tui_init(struct app *t)
{
    buf problems = {0};
    char here[PATH_MAX], *directory = getcwd(here, sizeof here);
    loop_init(&t->loop);
    tui_set_timers(t);
    t->ui.grid = &t->grid;
    t->ui.theme = &t->theme;
    theme_set(&t->theme, t->config, THEME_NEUTRAL, &problems);
    ui_bind_keys(&t->keys, tui_keys, TUI_KEYS, t->config, &problems);
    tree_init(&t->tree, t->config->computer, directory);
    plan_init(&t->plan, t->config->computer, directory);
    if (!t->attach_only)
        app_read(t);
    if (t->config->problems.n || problems.n) {
        span first = buf_view(t->config->problems.n ? &t->config->problems : &problems);
        char *text = span_dup(span_cut(&first, '\n'));
        app_say(t, 1, text);
        free(text);
    }
    buf_free(&problems);
}

static int tui_run(const struct config *config, int may_start, const char *attach, buf *error)
{
    struct app *t = base_alloc(sizeof *t);
    t->config = config;
    t->mode = t->shown = APP_SESSIONS;
    t->attach_only = attach;
    tui_init(t);
    int failed = tui_start(t, error) != 0;
    if (!failed) {
        client_init(&t->client, &t->loop, config, may_start, &tui_client_hooks, t);
        t->client.here = t->plan.here;
        t->pager.theme = &t->theme;
        app_changed(t);
        loop_defer(&t->loop, &t->connect_task); /* after the first frame */
        loop_timer_set(&t->loop, &t->ages_timer, t->loop.now + TUI_AGES_MS);
        while (!t->quit)
            loop_once(&t->loop);
        if (t->attach_only && t->toasts.unread && t->toasts.shown)
            buf_str(error, t->toasts.ring[t->toasts.shown - 1].text);
        term_leave();
        if (!t->attach_only)
            app_write(t);
        view_abandon(t->view);
        client_free(&t->client);
    }
    int signo = t->quit > 1 && t->quit != SIGINT ? t->quit : 0;
    app_free(t);
    free(t);
    return failed ? 1 : signo ? 128 + signo : 0;
}
