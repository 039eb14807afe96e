#include "ui.h"

/* layout - one frame: places the parts of the screen, draws them, and writes the difference to the
 * terminal. */

#define LAYOUT_BESIDE_COLS 100 /* from this width on, the preview is beside the list; */
#define LAYOUT_BELOW_COLS 60   /* from this width and height on, below it; else it is not shown */
#define LAYOUT_BELOW_ROWS 20
#define LAYOUT_MIN_COLS 24
#define LAYOUT_MIN_ROWS 6
#define LAYOUT_FOOTER_ROWS 12 /* on a lower screen a dialog covers the footer */
#define LAYOUT_ASKED_ROWS 7   /* a list this high shows what each waiting session asks */
#define LAYOUT_TITLE_ROWS 12  /* a preview this high has a headline of two lines, and a rule */

/* ---- geometry ------------------------------------------------------------------------------- */

/* Returns the lines above the footer of a message, or of an end that can be undone. */
static int layout_note_rows(struct app *t)
{
    int undo = app_last_ended(t) >= 0;
    if (!t->toasts.shown || (undo && !t->toasts.unread))
        return undo;
    return widget_min(widget_toast_draw(&t->ui, &t->toasts, 0, 0), t->grid.rows / 3);
}

static int layout_has_filter(const struct app *t)
{
    return t->mode & (APP_FILTER | APP_JUMP) || app_filter(t)->count > 0;
}

/* Places the list and the preview. A line that comes at the bottom covers the lowest line of the
 * part there, so that the rest of the screen does not move. */
static void layout_lay_out(struct app *t)
{
    int rows = t->grid.rows, cols = t->grid.cols;
    int preview = t->shown == APP_SESSIONS && !t->no_preview;
    int beside = preview && cols >= LAYOUT_BESIDE_COLS;
    int below = preview && !beside && cols >= LAYOUT_BELOW_COLS && rows >= LAYOUT_BELOW_ROWS;
    struct rows_list *l = &app_view(t)->list;
    t->list_cols = !beside ? cols : t->pane_count ? 44 : widget_max(44, cols * 2 / 5);
    t->list_bottom =
        below ? 1 + (rows - 2) / 2 : rows - 1 - layout_note_rows(t) - layout_has_filter(t);
    t->has_preview = beside || below;
    l->row = 1;
    l->rows = t->list_bottom - 1;
    l->cols = t->list_cols;
    l->details = t->details                     ? ROWS_FULL
                 : l->rows >= LAYOUT_ASKED_ROWS ? ROWS_ASKED
                                                : ROWS_BRIEF;
    l->unfocused = t->unfocused;
    l->now = clock_wall_ms();
}

/* ---- drawing -------------------------------------------------------------------------------- */

/* Draws a rule of `rows` cells down, or `cols` across; the other is 1. */
static void layout_rule(struct app *t, int row, int col, int rows, int cols)
{
    const struct cell_style style = rows_style(&t->ui, THEME_BORDER);
    const struct cell cell = {cols == 1 ? 0x2502 : 0x2500, style.fg, style.bg, style.attr, 0};
    for (int y = row; y < row + rows; y++)
        for (int x = col; x < col + cols; x++)
            grid_put_cells(&t->grid, y, x, &cell, 1, &t->grid.pool);
}

/* Draws the headline of the preview. Returns its lines. */
static int layout_headline(struct app *t, const struct tree_session *s, int row, int col, int cols,
                           int lines)
{
    char size[32];
    struct rows_facts facts = {.with_source = t->details, .now = app_view(t)->list.now,
                               .changes = changes_of(t, s)};
    if (t->view && t->view->vt && t->view->hooks) {
        base_fmt(size, sizeof size, "%dx%d", vt_cols(t->view->vt), vt_rows(t->view->vt));
        facts.note = size;
    }
    rows_headline(&t->ui, row, col, cols, lines, s, &facts);
    if (lines > 1)
        layout_rule(t, row + lines, col, 1, cols);
    return lines + (lines > 1);
}

/* Draws one of several screens below its headline; the first one is the selected session's. */
static void layout_pane(struct app *t, struct view *view, int i, int row, int col, int rows,
                        int cols)
{
    const struct tree_session *s = i ? tree_session(&t->tree, view->id) : app_session(t);
    struct rows_facts facts = {.now = app_view(t)->list.now, .titled = 1};
    int lines = rows >= 6 ? 2 : 1;
    if (!s)
        return;
    rows_headline(&t->ui, row, col, cols, lines, s, &facts);
    if (i == 0)
        grid_ground(&t->grid, row, col, cols, rows_style(&t->ui, THEME_DIM).fg,
                    rows_style(&t->ui, t->unfocused ? THEME_UNFOCUSED : THEME_SELECTED));
    else
        widget_add_hit(&t->ui, row, col, rows, cols, ROWS_PANE, i - 1, 0);
    if (view && view->vt)
        view_draw(view, &t->grid, row + lines, col, rows - lines - 1, cols, 0);
}

/* Draws the selected session's screen, or up to four in a grid. */
static void layout_screens(struct app *t, int row, int col, int rows, int cols, int beside)
{
    struct view *shown[PANES_MAX + 1] = {t->view};
    const struct tree_session *s = app_session(t);
    int count = 1, head = 0;
    for (int i = 0; i < PANES_MAX; i++)
        if (t->panes[i])
            shown[count++] = t->panes[i];
    int across = count > 2 && cols >= 60 ? 2 : 1, down = (count + across - 1) / across;
    if (count > 1 && rows / down >= 4) {
        for (int i = 0; i < count; i++)
            layout_pane(t, shown[i], i, row + i / across * (rows / down),
                        col + i % across * (cols / across), rows / down,
                        across == 1 || i % 2 ? cols - i % across * (cols / 2) : cols / 2 - 3);
        if (across > 1)
            layout_rule(t, row, col + cols / 2 - 2, rows, 1);
        return;
    }
    if (s)
        head = layout_headline(t, s, row, col, cols,
                               beside && rows >= LAYOUT_TITLE_ROWS ? 2 : 1);
    if (t->view && t->view->vt)
        view_draw(t->view, &t->grid, row + head, col, rows - head, cols + beside, 0);
}

static void layout_preview(struct app *t)
{
    struct grid *g = &t->grid;
    int beside = t->list_cols < g->cols;
    int bottom = g->rows - 1 - layout_note_rows(t) - layout_has_filter(t);
    int row = beside ? 1 : t->list_bottom, col = beside ? t->list_cols : 0;
    grid_fill(g, row, col, g->rows - row, g->cols - col, rows_style(&t->ui, THEME_TEXT));
    if (beside)
        layout_rule(t, row, col, bottom - row, 1);
    else
        layout_rule(t, row, 0, 1, g->cols);
    widget_add_hit(&t->ui, row, col, bottom - row, g->cols - col, ROWS_PREVIEW, 0, 0);
    row += !beside;
    col += beside ? 2 : 0;
    layout_screens(t, row, col, bottom - row, g->cols - col - beside, beside);
}

/* Returns the sentence below an empty list, or NULL. */
static const char *layout_hint(const struct app *t)
{
    if (app_filter(t)->count)
        return (t->shown == APP_TODOS ? t->todos.hits : t->tree.hits)
                   ? NULL
                   : "Nothing matches: Esc drops the filter.";
    if (t->shown == APP_TODOS) {
        for (int i = 0; i < t->todos.project_count; i++)
            if (t->todos.projects[i].todo_count)
                return NULL;
        return t->todos.here_project.todo_count
                   ? NULL
                   : "No todos yet: p on a project prepares some, e writes its roadmap.";
    }
    if (!t->fetched && !t->tree.sessions.count)
        return t->client.push == CLIENT_WAITING ? "No daemon: r retries."
                                                : "Asking the daemon.";
    if (!t->tree.sessions.count)
        return "No sessions yet: press n to start one.";
    return t->tree.focus && !t->tree.row_count ? "Nothing there: Esc shows all computers." : NULL;
}

static void layout_list(struct app *t)
{
    struct rows_list *l = &app_view(t)->list;
    const char *hint = layout_hint(t);
    if (t->shown == APP_TODOS)
        rows_todos(&t->ui, &t->todos, l);
    else
        rows_tree(&t->ui, &t->tree, l);
    int lines = t->shown == APP_TODOS ? t->todos.row_count : rows_tree_lines(&t->tree, l);
    int row = 1 + lines + (lines > 0 && lines + 2 <= l->rows);
    if (hint && row < t->list_bottom)
        widget_wrapped_draw(&t->grid, row, 3, l->cols - 4, t->list_bottom - row, span_of(hint),
                        rows_style(&t->ui, THEME_DIM));
}

static void layout_filter(struct app *t, int row)
{
    struct grid *g = &t->grid;
    char hits[32];
    int jump = t->mode == APP_JUMP, count = t->shown == APP_TODOS ? t->todos.hits : t->tree.hits;
    const char *wrong = filter_wrong(app_filter(t)), *note = wrong ? wrong : hits;
    base_fmt(hits, sizeof hits, "%d hit%s", count, count == 1 ? "" : "s");
    int columns = jump ? 0 : widget_min((int)strlen(note), g->cols * 2 / 3);
    int width = g->cols - 3 - columns - 2;
    grid_fill(g, row, 0, 1, g->cols, rows_style(&t->ui, THEME_TEXT));
    int used = widget_put(g, row, 1, g->cols - 2, jump ? "Go to session " : "/",
                      rows_style(&t->ui, THEME_ACCENT));
    if (jump) {
        used += widget_put(g, row, 1 + used, g->cols - 2 - used, t->jump,
                           rows_style(&t->ui, THEME_TEXT));
        g->cursor_row = row;
        g->cursor_col = 1 + used;
        g->cursor_shown = 1;
        return;
    }
    field_draw(g, row, 1 + used, 1, width, &app_view(t)->filter,
               rows_style(&t->ui, t->mode == APP_FILTER ? THEME_FIELD : THEME_DIM),
               t->mode == APP_FILTER);
    widget_put_cut(g, row, g->cols - 1 - columns, columns, note,
                   rows_style(&t->ui, THEME_MATCH));
}

/* Draws the last message, or else the session whose end can be undone and the seconds left. */
static void layout_note(struct app *t, int row, int rows)
{
    buf text = {0};
    grid_fill(&t->grid, row, 0, rows, t->grid.cols, rows_style(&t->ui, THEME_TEXT));
    int last = app_last_ended(t);
    if (t->toasts.shown && (t->toasts.unread || last < 0)) {
        widget_toast_draw(&t->ui, &t->toasts, row, rows);
        return;
    }
    char tail[48];
    base_fmt(tail, sizeof tail, "u undoes the end (%lld s)",
             (t->ended[last].until - t->loop.now + 999) / 1000);
    int used = 0, room = t->grid.cols - 2 - cell_columns(span_of(tail)) - 3;
    struct cell_style plain = rows_style(&t->ui, THEME_TEXT);
    buf_str(&text, "ended ");
    buf_str(&text, t->ended[last].title);
    if (room >= 8) {
        used = widget_put_cut(&t->grid, row, 1, room, buf_cstr(&text), plain);
        used += widget_put(&t->grid, row, 1 + used, 3, " — ", plain);
    }
    widget_put_cut(&t->grid, row, 1 + used, t->grid.cols - 2 - used, tail,
               rows_style(&t->ui, THEME_ACCENT));
    buf_free(&text);
}

/* Writes the connection's state in three lengths, the longest first; returns its style. */
static enum theme_name layout_put_connection(const struct app *t, char text[ROWS_LENGTHS][128])
{
    const char *mark = "● ";
    int wait = (int)widget_max(0, (int)((t->client.retry_at - t->loop.now + 999) / 1000));
    memset(text, 0, ROWS_LENGTHS * sizeof *text);
    switch (t->client.push) {
    case CLIENT_LIVE:
        base_fmt(text[0], sizeof text[0], "%slive", mark);
        base_fmt(text[2], sizeof text[2], "%.3s", mark);
        return THEME_LIVE;
    case CLIENT_PARTIAL:
        mark = "◐ ";
        base_fmt(text[0], sizeof text[0], "%slive, in part", mark);
        base_fmt(text[2], sizeof text[2], "%.3s", mark);
        return THEME_POLLING;
    case CLIENT_WAITING:
        mark = t->client.answered ? "◐ " : "○ ";
        base_fmt(text[0], sizeof text[0], "%s%s%.60s, %d s", mark,
                 t->client.answered ? "polling" : t->client.why ? "offline: " : "offline",
                 !t->client.answered && t->client.why ? t->client.why : "", wait);
        base_fmt(text[1], sizeof text[1], "%s%s, %d s", mark,
                 t->client.answered ? "polling" : "offline", wait);
        base_fmt(text[2], sizeof text[2], "%s%d s", mark, wait);
        return t->client.answered ? THEME_POLLING : THEME_OFFLINE;
    default:
        mark = "◌ ";
        base_fmt(text[0], sizeof text[0], "%sconnecting", mark);
        base_fmt(text[2], sizeof text[2], "%.3s", mark);
        return THEME_DIM;
    }
}

static void layout_header(struct app *t)
{
    char push[ROWS_LENGTHS][128];
    struct rows_header h = {.tabs = {"Sessions", "Preparation"},
                            .tab = t->shown == APP_TODOS,
                            .crumb = t->shown == APP_SESSIONS ? t->tree.focus : NULL,
                            .now = app_view(t)->list.now};
    h.push_style = layout_put_connection(t, push);
    for (int i = 0; i < ROWS_LENGTHS; i++)
        h.push[i] = push[i][0] ? push[i] : NULL;
    rows_header(&t->ui, &t->tree, &h);
}

/* Returns 1 when a key of the footer does something with the selected row. */
static int layout_applies(void *ctx, const struct keymap_key *key)
{
    static const struct {
        const char *action;
        enum todos_action can;
    } actions[] = {
        {"start", TODOS_START}, {"prepare", TODOS_PREPARE}, {"view", TODOS_VIEW},
        {"edit", TODOS_EDIT}};
    struct app *t = ctx;
    const struct todos_row *row = app_todos_row(t);
    const struct tree_session *s = app_session(t);
    const char *action = key->action ? key->action : "", *why;
    for (size_t k = 0; k < COUNT_OF(actions); k++)
        if (t->shown == APP_TODOS && strcmp(action, actions[k].action) == 0)
            return row && todos_can(&t->todos, row, actions[k].can, &why);
    if (strcmp(action, "answer") == 0)
        return s && tree_is(s, "waiting");
    if (strcmp(action, "message") == 0)
        return s && !tree_is(s, "exited");
    if (strcmp(action, "next-waiting") == 0)
        return tree_totals(&t->tree).waiting > 0;
    return strcmp(action, "end") != 0 || s;
}

/* Names what Enter does on the selected row; in six columns, so that no other word moves. */
static void layout_name_enter(struct app *t)
{
    const struct todos_row *todo = app_todos_row(t);
    const struct tree_session *s = app_session(t);
    int reads = todo ? todo->kind == TODOS_FILE : s && tree_is(s, "exited");
    for (size_t i = 0; i < t->keys.count; i++) {
        struct keymap_key *key = &t->keys.rows[i];
        if (key->footer && key->action && strncmp(key->action, "open", 4) == 0)
            key->footer = reads ? "read  " : s ? "attach" : "fold  ";
    }
}

static void layout_footer(struct app *t)
{
    layout_name_enter(t);
    grid_fill(&t->grid, t->grid.rows - 1, 0, 1, t->grid.cols, rows_style(&t->ui, THEME_TEXT));
    if (t->pause_timer.slot) {
        widget_put_cut(&t->grid, t->grid.rows - 1, 1, t->grid.cols - 2,
                       "keys are ignored until you pause: the screen has changed",
                       rows_style(&t->ui, THEME_WAITING));
        return;
    }
    char position[64] = "";
    int marked = t->mode == APP_SESSIONS ? many_marked(t) : 0, n = 0;
    if (marked)
        n = base_fmt(position, sizeof position, "%d marked  ", marked);
    if (t->mode & APP_LISTS && app_rows(t))
        base_fmt(position + n, sizeof position - (size_t)n, "%d/%d", app_view(t)->list.at + 1,
                 app_rows(t));
    int columns = (int)strlen(position), at = t->grid.cols - 1 - columns;
    widget_put(&t->grid, t->grid.rows - 1, at, columns, position, rows_style(&t->ui, THEME_TEXT));
    keymap_footer_draw(&t->ui, t->keys.rows, t->keys.count, t->mode, at, layout_applies, t);
}

/* Scrolls the list up where a form about the selected row has no room above or below it. Returns 1:
 * the form is to be drawn again. */
static int layout_uncover(struct app *t)
{
    struct rows_list *l = &app_view(t)->list;
    const struct widgets *u = &t->ui;
    int rows = l->rows, top = l->top, room = t->grid.rows - u->box_rows - l->row;
    if (!(t->mode & (APP_MESSAGE | APP_RENAME)) || room < 1 ||
        u->box >= u->avoid + u->avoid_rows || u->box + u->box_rows <= u->avoid)
        return 0;
    grid_fill(&t->grid, l->row, l->col, rows, l->cols, rows_style(u, THEME_TEXT));
    l->rows = widget_min(rows, room);
    rows_tree(&t->ui, &t->tree, l);
    l->rows = rows, l->top = top;
    return 1;
}

static void layout_main(struct app *t)
{
    struct grid *g = &t->grid;
    int note = layout_note_rows(t), row = g->rows - 1 - note;
    layout_list(t);
    if (t->has_preview)
        layout_preview(t);
    layout_header(t);
    if (note)
        layout_note(t, row, note);
    if (layout_has_filter(t))
        layout_filter(t, --row);
    int covered = !(t->mode & (APP_LISTS | APP_FILTER | APP_JUMP));
    int footer = !covered || g->rows >= LAYOUT_FOOTER_ROWS;
    g->rows -= footer; /* overlays leave the footer visible */
    if (t->mode == APP_HELP)
        keymap_help_draw(&t->ui, &t->help, t->keys.rows, t->keys.count, "Keys");
    else if (t->mode == APP_TOASTS)
        widget_toasts_draw(&t->ui, &t->toasts);
    else
        dialog_draw(t);
    if (layout_uncover(t))
        dialog_draw(t);
    g->rows += footer;
    if (footer)
        layout_footer(t);
}

#define LAYOUT_LOST_COLS 50 /* of that line's other parts, and of the title's beginning */

/* Appends that the link is lost, and why where there is room. */
static void layout_put_lost(const struct app *t, buf *b)
{
    const char *why = t->view->link_reason;
    int room = t->grid.cols - LAYOUT_LOST_COLS;
    if (*why && !t->view->unsent && cell_columns(span_of(why)) <= room)
        buf_fmt(b, "reconnecting: %s  ", why);
    else
        buf_str(b, "reconnecting  ");
}

#define LAYOUT_PREFIX_COLS 76 /* below, the keys after the prefix stand without their words */

/* Appends the line's end below an attached session: what went wrong, and the keys. */
static void layout_put_attached(const struct app *t, buf *b)
{
    char push[ROWS_LENGTHS][128];
    int ended = !view_is_open(t->view) && !t->view->lost, narrow = t->grid.cols < LAYOUT_BELOW_COLS;
    const struct view *v = t->view;
    if (t->mode == APP_PREFIX) {
        int words = t->grid.cols >= LAYOUT_PREFIX_COLS;
        for (size_t i = 0; i < t->keys.count; i++)
            if (t->keys.rows[i].contexts & APP_PREFIX && t->keys.rows[i].footer)
                buf_fmt(b, "%s %s%s", t->keys.rows[i].shown, words ? t->keys.rows[i].footer : "",
                        words ? "  " : "");
        buf_fmt(b, "%c%s", config_ctrl_letter(t->config->prefix), words ? " itself" : "");
        return;
    }
    if (t->notice[0]) {
        buf_str(b, t->notice);
        return;
    }
    if (t->view->back) {
        buf_fmt(b, "%d lines up", t->view->back);
        return;
    }
    layout_put_connection(t, push);
    if (ended)
        buf_fmt(b, "%s: keys are ignored", t->view->reason);
    else if (v->lost || v->unlinked)
        layout_put_lost(t, b);
    else if (t->client.push == CLIENT_LIVE && v->listed && !tree_session(&t->tree, v->id))
        buf_str(b, "another client has ended it  ");
    else if (t->client.why && t->client.push != CLIENT_LIVE && t->client.push != CLIENT_PARTIAL)
        buf_fmt(b, "%s  ", push[1][0] ? push[1] : push[0]);
    if (ended)
        return;
    const struct tree_session *s = tree_session(&t->tree, t->view->id);
    int waiting = tree_totals(&t->tree).waiting - (s && tree_is(s, "waiting"));
    if (!v->control)
        buf_str(b, "read-only  ");
    if (s && s->asked && tree_is(s, "unreachable"))
        buf_fmt(b, "%s  ", s->asked);
    if (v->unsent)
        buf_fmt(b, "%lld byte%s not typed  ", v->unsent, v->unsent == 1 ? "" : "s");
    else
        attach_put_controller(t, b);
    if (waiting)
        buf_fmt(b, narrow ? "◆%d  " : "◆ %d waiting  ", waiting);
    buf_fmt(b, "%s d%s", t->left_by ? t->left_by : t->config->prefix, narrow ? "" : " detaches");
}

/* Draws the session's screen, and below it a line with its name and the key that detaches. */
static void layout_attached(struct app *t)
{
    struct grid *g = &t->grid;
    const struct tree_session *s = tree_session(&t->tree, t->view->id);
    struct cell_style dim = rows_style(&t->ui, THEME_DIM);
    buf out = {0};
    int row = g->rows - 1, used = 0;
    t->view->listed |= s != NULL;
    if (t->view->vt)
        view_draw(t->view, g, 0, 0, row, g->cols, 1);
    layout_put_attached(t, &out);
    int columns = cell_columns(buf_view(&out)), width = g->cols - 2;
    if (columns + 1 < width) {
        widget_put(g, row, g->cols - 1 - columns, columns, buf_cstr(&out), dim);
        if (t->mode == APP_ATTACHED && !t->view->back && view_is_open(t->view))
            widget_add_hit(&t->ui, row, g->cols - 1 - columns, 1, columns, ROWS_DETACH, 0, 0);
        width -= columns + 1;
    }
    buf_free(&out);
    if (s)
        used = rows_put_glyph(&t->ui, row, 1, s) + 1;
    const char *title = s && *tree_title(s) ? tree_title(s) : t->view->id;
    widget_put_cut(g, row, 1 + used, width - used, title,
               rows_style(&t->ui, THEME_TITLE));
}

static void layout_too_small(struct app *t)
{
    char needs[96];
    base_fmt(needs, sizeof needs, "telec needs %dx%d, this is %dx%d", LAYOUT_MIN_COLS,
             LAYOUT_MIN_ROWS, t->grid.cols, t->grid.rows);
    widget_wrapped_draw(&t->grid, 0, 0, t->grid.cols, t->grid.rows, span_of(needs),
                    rows_style(&t->ui, THEME_TEXT));
}

/* Appends the window's title, when it has changed: the sessions that wait, and the program's title,
 * else the attached session's, else "telec". */
static void layout_put_title(struct app *t)
{
    const struct tree_session *s = tree_session(&t->tree, t->view ? t->view->id : "");
    int waiting = tree_totals(&t->tree).waiting, attached = (t->mode & APP_SCREENS) != 0;
    span own = attached && t->view->vt ? vt_title(t->view->vt) : (span){0};
    buf title = {0};
    if (!app_wants_title(t))
        return;
    if (waiting)
        buf_fmt(&title, "%s%d ", t->grid.ascii ? "*" : "◆", waiting);
    if (!own.n)
        own = span_of(!attached ? "telec" : s && *tree_title(s) ? tree_title(s) : t->view->id);
    utf8_put_visible(&title, own);
    if (!span_eq(buf_view(&title), buf_cstr(&t->title))) {
        buf_fmt(&t->frame, "\033]2;%s\033\\", buf_cstr(&title));
        buf_clear(&t->title);
        buf_span(&t->title, buf_view(&title));
    }
    buf_free(&title);
}

static void layout_frame(void *ctx)
{
    struct app *t = ctx;
    struct grid *g = &t->grid;
    if (!t->stale || t->terminal.queued || t->terminal.dead || t->program_runs)
        return;
    long long until = pace_blocked_until(&t->pace, t->loop.now);
    if (until) { /* the terminal's answer comes before that */
        loop_timer_set(&t->loop, &t->frame_timer, until);
        return;
    }
    if (t->view && t->view->torn && t->grid.known)
        return; /* the view marks the screen at the update's end */
    app_settle(t);
    layout_lay_out(t);
    attach_follow(t);
    panes_follow(t);
    changes_follow(t);
    reading_follow(t);
    app_count_frame(t); /* after app_settle, which marks the frame as out of date */
    t->drawn = t->built;
    widget_begin(&t->ui);
    if (t->mode == APP_READING)
        view_put_modes_back(t->view, &t->frame);
    if (t->mode & APP_PAGERS) {
        pager_draw(&t->pager, g, 0, 0, g->rows, g->cols);
    } else if (t->mode & APP_SCREENS) {
        layout_attached(t);
        view_put_modes(t->view, &t->frame);
        view_put_signals(t->view, strcmp(t->config->clipboard, "yes") == 0, t->loop.now,
                         &t->frame);
    } else if (g->cols < LAYOUT_MIN_COLS || g->rows < LAYOUT_MIN_ROWS) {
        layout_too_small(t);
    } else {
        layout_main(t);
    }
    layout_put_title(t);
    g->most = pace_limit(&t->pace);
    grid_frame(g, &t->frame);
    if (pace_put_question(&t->pace, t->loop.now, &t->frame))
        term_expect_answers('n', t->loop.now + pace_answer_ms(&t->pace));
    term_entered();
    conn_send_now(&t->terminal, buf_view(&t->frame));
    buf_clear(&t->frame);
    if (g->partial)
        app_changed(t);
}
