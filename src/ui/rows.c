#include "ui.h"

/* rows - draws the rows of sessions, projects and todos, and the header.
 *
 * Pure: rows of the tree and of the todos go in, cells come out, the time is an argument. The cost
 * of a list is that of its visible rows, whatever its length. A line is filled from both ends:
 * names from the left, states from the right. Text without room is omitted or cut. */

/* From this width in columns on … */
#define ROWS_AGENT_COLS 34   /* a row names the session's agent or program */
#define ROWS_INDENT_COLS 40  /* a level is indented by two columns, not one */
#define ROWS_NAMES_COLS 52   /* the header names every tab */
#define ROWS_MARKS_COLS 70   /* a todo's row has its documents and stages */
#define ROWS_MODES_COLS 90   /* a row adds the agent's thinking mode */

static struct cell_style rows_style(const struct widgets *u, enum theme_name name)
{
    return u->theme->style[name];
}

/* ---- a line that is filled from both ends --------------------------------------------------- */

struct rows_pen {
    struct widgets *u;
    int row, left, right; /* the columns left…right - 1 are still free */
};

static void rows_left(struct rows_pen *p, const char *text, struct cell_style style)
{
    if (p->left < p->right)
        p->left += widget_put_cut(p->u->grid, p->row, p->left, p->right - p->left, text, style);
}

/* Puts text into a column of that width, with a blank behind it. */
static void rows_column(struct rows_pen *p, int width, const char *text, struct cell_style style)
{
    if (p->left < p->right)
        widget_put_cut(p->u->grid, p->row, p->left, widget_min(width, p->right - p->left), text,
                       style);
    p->left += width + 1;
}

/* Puts text at the right end, with a blank before it, if `least` columns stay free. Returns 1 if
 * the text was put, else 0. */
static int rows_right(struct rows_pen *p, int least, const char *text, struct cell_style style)
{
    int columns = cell_columns(span_of(text));
    if (!columns || p->right - columns - 1 < p->left + least)
        return 0;
    widget_put(p->u->grid, p->row, p->right - columns, columns, text, style);
    p->right -= columns + 1;
    return 1;
}

static void rows_age(struct rows_pen *p, int least, long long at, long long now)
{
    buf age = {0};
    if (at)
        clock_put_age(&age, now - at);
    rows_right(p, least, buf_cstr(&age), rows_style(p->u, THEME_DIM));
    buf_free(&age);
}

/* Returns the path with ~ for the home directory, in b. */
static const char *rows_path(const char *path, buf *b)
{
    const char *home = getenv("HOME");
    size_t n = home ? strlen(home) : 0;
    buf_str(b, n > 1 && strncmp(path, home, n) == 0 && (path[n] == '/' || !path[n]) ? "~" : "");
    buf_str(b, b->n ? path + n : path);
    return buf_cstr(b);
}

/* Puts the selected row on one ground, paler while the terminal has no focus. */
static void rows_select(struct widgets *u, const struct rows_list *l, int row)
{
    enum theme_name name = l->unfocused ? THEME_UNFOCUSED : THEME_SELECTED;
    grid_ground(u->grid, row, l->col, l->cols, rows_style(u, THEME_DIM).fg, rows_style(u, name));
}

/* ---- states --------------------------------------------------------------------------------- */

struct rows_state {
    const char *state, *glyph, *ascii;
    enum theme_name style;
};

/* Each state has its own shape, for screens and eyes without colours. */
static const struct rows_state rows_states[] = {
    {"starting", "◌", ".", THEME_STARTING}, {"working", "●", "*", THEME_WORKING},
    {"waiting", "◆", "!", THEME_WAITING},   {"idle", "○", "-", THEME_IDLE},
    {"exited", "✓", "v", THEME_EXITED},     {"failed", "✗", "x", THEME_FAILED},
    {"unreachable", "?", "?", THEME_FAILED}, {"", "·", " ", THEME_DIM},
};

static const struct rows_state *rows_state(const struct tree_session *s)
{
    int failed = tree_is(s, "exited") && !(s->has_exit_code && s->exit_code == 0);
    const char *state = failed ? "failed" : s->state ? s->state : "";
    size_t i = 0;
    while (i < COUNT_OF(rows_states) - 1 && strcmp(rows_states[i].state, state) != 0)
        i++;
    return &rows_states[i];
}

static const char *rows_glyph(const struct widgets *u, const struct rows_state *state)
{
    return u->grid->ascii ? state->ascii : state->glyph;
}

/* Returns what a waiting session waits for, or NULL. */
static const char *rows_waits_for(const struct tree_session *s)
{
    return tree_is(s, "waiting") ? s->waits_for : NULL;
}

/* Returns a note on a first prompt that has not arrived, or NULL. */
static const char *rows_prompt_note(const struct tree_session *s)
{
    const char *state = s->first_prompt ? s->first_prompt : "";
    return strcmp(state, "pending") == 0  ? "prompt pending"
           : strcmp(state, "failed") == 0 ? "prompt failed"
                                          : NULL;
}

static void rows_put_state(struct widgets *u, int row, int col, int cols,
                           const struct tree_session *s, long long now)
{
    const struct rows_state *state = rows_state(s);
    struct rows_pen p = {u, row, col, col + cols};
    buf b = {0};
    buf_fmt(&b, "%s %s ", rows_glyph(u, state), s->state ? s->state : "?");
    if (s->since)
        clock_put_age(&b, now - s->since);
    if (s->source)
        buf_fmt(&b, ", by %s", s->source);
    if (rows_waits_for(s))
        buf_fmt(&b, ", for %s", s->waits_for);
    if (rows_prompt_note(s))
        buf_fmt(&b, ", %s", rows_prompt_note(s));
    if (rows_waits_for(s) && s->asked)
        buf_fmt(&b, ": %s", s->asked);
    if (s->program_title && *s->program_title && tree_title(s) != s->program_title)
        rows_right(&p, widget_min(cell_columns(buf_view(&b)), 40), s->program_title,
                   rows_style(u, THEME_DIM));
    rows_left(&p, buf_cstr(&b), rows_style(u, state->style));
    buf_free(&b);
}

static int rows_put_glyph(struct widgets *u, int row, int col, const struct tree_session *s)
{
    const struct rows_state *state = rows_state(s);
    return widget_put(u->grid, row, col, 1, rows_glyph(u, state), rows_style(u, state->style));
}

/* ---- lists ---------------------------------------------------------------------------------- */

static int rows_indent(const struct rows_list *l, int depth)
{
    return 1 + widget_min(depth * (l->cols < ROWS_INDENT_COLS ? 1 : 2), l->cols / 3);
}

static int rows_is_inside(const struct rows_list *l, int row)
{
    return row >= l->row && row < l->row + l->rows;
}

static const char *rows_fold(const struct widgets *u, int foldable, int folded)
{
    if (!foldable)
        return "  ";
    return u->grid->ascii ? (folded ? "+ " : "- ") : folded ? "▸ " : "▾ ";
}

/* Scrolls by the fewest lines so that the lines at…at + n - 1 are seen. */
static void rows_scroll(struct rows_list *l, int at, int n, int total)
{
    l->top = widget_max(0, widget_min(l->top, total - l->rows));
    if (at + n > l->top + l->rows)
        l->top = at + n - l->rows;
    if (at < l->top)
        l->top = at;
}

/* ---- the tree of sessions ------------------------------------------------------------------- */

/* Returns the number of lines of a row. */
static int rows_lines(const struct tree *t, const struct rows_list *l, int index)
{
    const struct tree_row *row = &t->rows[index];
    return row->session && (l->details || index == l->at) ? tree_session_lines(row->session) : 1;
}

/* Returns the first line of a row, counted from the list's start. */
static int rows_line(const struct tree *t, const struct rows_list *l, int index)
{
    if (l->details)
        return t->rows[index].line;
    return index + (index > l->at && l->at < t->row_count ? rows_lines(t, l, l->at) - 1 : 0);
}

static int rows_tree_row(const struct tree *t, const struct rows_list *l, int line)
{
    if (l->details)
        return tree_row_at(t, line);
    int extra = l->at < t->row_count ? rows_lines(t, l, l->at) - 1 : 0;
    line = line <= l->at ? line : widget_max(l->at, line - extra);
    return widget_max(0, widget_min(line, t->row_count - 1));
}

static int rows_tree_lines(const struct tree *t, const struct rows_list *l)
{
    int last = t->row_count - 1;
    return last < 0 ? 0 : rows_line(t, l, last) + rows_lines(t, l, last);
}

/* Draws a line with the last input or output of a session. */
static void rows_words(struct widgets *u, const struct rows_list *l, int row, int col,
                       const char *mark, const char *text, struct cell_style style)
{
    struct rows_pen p = {u, row, col, l->col + l->cols - 1};
    if (!rows_is_inside(l, row))
        return;
    rows_left(&p, mark, rows_style(u, THEME_DIM));
    rows_left(&p, text + strspn(text, " "), style);
}

/* Draws the last input, and below it the question or the last output; the newer one is bright. */
static void rows_details(struct widgets *u, const struct rows_list *l, int y, int col,
                         const struct tree_session *s)
{
    int ascii = u->grid->ascii;
    struct cell_style muted = rows_style(u, THEME_MUTED);
    if (s->last_input)
        rows_words(u, l, ++y, col, ascii ? "> " : "› ", s->last_input,
                   s->input_is_newer ? rows_style(u, THEME_INPUT) : muted);
    if (s->asked) {
        buf mark = {0};
        buf_str(&mark, ascii ? "? " : "◆ ");
        if (rows_waits_for(s))
            buf_fmt(&mark, "%s: ", s->waits_for);
        rows_words(u, l, ++y, col, buf_cstr(&mark), s->asked, rows_style(u, rows_state(s)->style));
        buf_free(&mark);
    } else if (s->last_output)
        rows_words(u, l, ++y, col, ascii ? "< " : "‹ ", s->last_output,
                   s->input_is_newer ? muted : rows_style(u, THEME_OUTPUT));
}

/* Puts the agent or program into a column of its own. */
static void rows_agent(struct rows_pen *p, const struct rows_list *l, const struct tree_session *s)
{
    int width = l->cols >= ROWS_MODES_COLS ? 12 : 7;
    buf label = {0};
    tree_put_agent(s, &label);
    if (s->agent && s->mode && width > 7)
        buf_fmt(&label, "/%.8s", s->mode);
    rows_column(p, width, buf_cstr(&label), theme_agent(p->u->theme, s->agent));
    buf_free(&label);
}

static void rows_session(struct widgets *u, const struct rows_list *l, int y,
                         const struct tree_row *row, int lines)
{
    const struct tree_session *s = row->session;
    struct rows_pen p = {u, y, l->col + rows_indent(l, row->depth), l->col + l->cols - 1};
    int inner = p.left + s->number_columns + 1;
    char note[32];
    if (lines > 1)
        rows_details(u, l, y, inner, s);
    if (!rows_is_inside(l, y))
        return;
    rows_age(&p, 12, s->activity, l->now);
    if (tree_is(s, "exited") && s->exit_code != 0) {
        snprintf(note, sizeof note, s->exit_code > 128 ? "signal %lld" : "exit %lld",
                 s->exit_code > 128 ? s->exit_code - 128 : s->exit_code);
        rows_right(&p, 14, note, rows_style(u, THEME_ALARM));
    }
    if (rows_prompt_note(s))
        rows_right(&p, 14, rows_prompt_note(s),
                   rows_style(u, strcmp(s->first_prompt, "failed") == 0 ? THEME_ALARM : THEME_DIM));
    if (rows_waits_for(s) && (lines == 1 || !s->asked))
        rows_right(&p, 14, s->waits_for, rows_style(u, THEME_WAITING));
    if (row->folded && row->waiting) {
        snprintf(note, sizeof note, "%s%d", u->grid->ascii ? "!" : "◆", row->waiting);
        rows_right(&p, 14, note, rows_style(u, THEME_WAITING));
    }
    p.left += s->number_columns - (int)strlen(s->number);
    rows_left(&p, s->number, rows_style(u, THEME_DIM));
    p.left++;
    p.left += rows_put_glyph(u, y, p.left, s) + 1;
    if (l->cols >= ROWS_AGENT_COLS)
        rows_agent(&p, l, s);
    if (row->folded)
        rows_left(&p, rows_fold(u, 1, 1), rows_style(u, THEME_DIM));
    rows_left(&p, tree_title(s), rows_style(u, s->unseen ? THEME_TITLE : THEME_TEXT));
}

static void rows_branch(struct widgets *u, const struct rows_list *l, int y,
                        const struct tree_row *row)
{
    struct rows_pen p = {u, y, l->col + rows_indent(l, row->depth), l->col + l->cols - 1};
    char counts[80] = "";
    buf path = {0};
    if (row->waiting)
        snprintf(counts, sizeof counts, u->grid->ascii ? "! %d waiting" : "◆ %d waiting",
                 row->waiting);
    else if (row->folded && row->sessions)
        snprintf(counts, sizeof counts, "%d session%s", row->sessions,
                 row->sessions == 1 ? "" : "s");
    if (!rows_right(&p, 14, counts, rows_style(u, row->waiting ? THEME_WAITING : THEME_DIM)) &&
        row->waiting)
        rows_right(&p, 8, u->grid->ascii ? "!" : "◆", rows_style(u, THEME_WAITING));
    if (row->note)
        rows_right(&p, 14, row->note, rows_style(u, THEME_POLLING));
    rows_left(&p, rows_fold(u, row->foldable, row->folded), rows_style(u, THEME_DIM));
    rows_left(&p, row->name, rows_style(u, row->kind == TREE_COMPUTER ? THEME_ACCENT
                                                                      : THEME_TITLE));
    p.left += 2;
    if (row->kind == TREE_PROJECT && p.right - p.left > 3)
        rows_left(&p, rows_path(row->path, &path), rows_style(u, THEME_DIM));
    buf_free(&path);
}

static void rows_tree(struct widgets *u, const struct tree *t, struct rows_list *l)
{
    int total = rows_tree_lines(t, l);
    if (!t->row_count || l->rows < 1)
        return;
    l->at = widget_max(0, widget_min(l->at, t->row_count - 1));
    rows_scroll(l, rows_line(t, l, l->at), widget_min(rows_lines(t, l, l->at), l->rows), total);
    for (int i = rows_tree_row(t, l, l->top); i < t->row_count; i++) {
        int line = rows_line(t, l, i), lines = rows_lines(t, l, i), y = l->row + line - l->top;
        if (line >= l->top + l->rows)
            return;
        if (t->rows[i].session)
            rows_session(u, l, y, &t->rows[i], lines);
        else if (line >= l->top)
            rows_branch(u, l, y, &t->rows[i]);
        int first = widget_max(y, l->row);
        int end = widget_min(y + lines, l->row + l->rows);
        widget_add_hit(u, first, l->col, end - first, l->cols, ROWS_ROW, i, 0);
        if (i == l->at && line >= l->top)
            rows_select(u, l, y);
    }
}

/* ---- the tree of todos ---------------------------------------------------------------------- */

static void rows_todos_counts(struct rows_pen *p, const struct todos_row *row)
{
    static const struct {
        enum todos_state state;
        const char *words;
        enum theme_name style;
    } counts[] = {{TODOS_IN_PROGRESS, "in progress", THEME_WORKING},
                  {TODOS_READY, "ready", THEME_WAITING},
                  {TODOS_PENDING, "pending", THEME_DIM}};
    char text[48];
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        if (!row->todos[counts[i].state])
            continue;
        snprintf(text, sizeof text, "%d %s", row->todos[counts[i].state], counts[i].words);
        if (rows_right(p, 16, text, rows_style(p->u, counts[i].style)))
            p->right--;
    }
}

static void rows_todos_branch(struct rows_pen *p, const struct todos_row *row)
{
    buf path = {0};
    rows_todos_counts(p, row);
    rows_left(p, rows_fold(p->u, row->foldable, row->folded), rows_style(p->u, THEME_DIM));
    rows_left(p, row->name, rows_style(p->u, row->kind == TODOS_COMPUTER ? THEME_ACCENT
                                                                        : THEME_TITLE));
    p->left += 2;
    if (row->kind == TODOS_PROJECT && p->right - p->left > 3)
        rows_left(p, rows_path(row->project->path, &path), rows_style(p->u, THEME_DIM));
    buf_free(&path);
}

/* Puts a todo's stages and documents, from the right. */
static void rows_todos_marks(struct rows_pen *p, const struct todos_todo *todo)
{
    const struct {
        const char *what, *state;
    } stages[] = {{"review", todo->review}, {"build", todo->build}};
    buf b = {0};
    for (size_t i = 0; i < COUNT_OF(stages); i++) {
        if (!stages[i].state || !*stages[i].state)
            continue;
        int failed = strstr(stages[i].state, "fail") || strstr(stages[i].state, "change");
        int good = strcmp(stages[i].state, "complete") == 0 ||
                   strcmp(stages[i].state, "approved") == 0;
        buf_clear(&b);
        buf_str(&b, stages[i].what);
        buf_byte(&b, ' ');
        utf8_put_visible(&b, span_of(stages[i].state));
        if (rows_right(p, 24, buf_cstr(&b), rows_style(p->u, failed ? THEME_FAILED
                                                            : good  ? THEME_LIVE
                                                                    : THEME_DIM)))
            p->right--;
    }
    buf_free(&b);
    if (todo->has_plan)
        rows_right(p, 24, "plan", rows_style(p->u, THEME_DIM));
    if (todo->has_requirements)
        rows_right(p, 24, "req", rows_style(p->u, THEME_DIM));
}

static void rows_todos_todo(struct rows_pen *p, const struct rows_list *l,
                           const struct todos_row *row)
{
    static const struct {
        const char *mark;
        enum theme_name style;
    } marks[TODOS_STATES] = {
        {"[ ]", THEME_DIM}, {"[.]", THEME_WAITING}, {"[>]", THEME_WORKING}};
    const struct todos_todo *todo = row->todo;
    if (l->cols >= ROWS_MARKS_COLS)
        rows_todos_marks(p, todo);
    rows_left(p, rows_fold(p->u, row->foldable, row->folded), rows_style(p->u, THEME_DIM));
    rows_left(p, marks[todo->state].mark, rows_style(p->u, marks[todo->state].style));
    p->left++;
    rows_left(p, row->name, rows_style(p->u, THEME_TEXT));
    p->left += 2;
    if (todo->description && p->right - p->left > 6)
        rows_left(p, todo->description, rows_style(p->u, THEME_DIM));
}

static void rows_todos_row(struct widgets *u, const struct rows_list *l, int y,
                          const struct todos_row *row)
{
    struct rows_pen p = {u, y, l->col + rows_indent(l, row->depth), l->col + l->cols - 1};
    if (row->kind == TODOS_COMPUTER || row->kind == TODOS_PROJECT) {
        rows_todos_branch(&p, row);
    } else if (row->kind == TODOS_TODO) {
        rows_todos_todo(&p, l, row);
    } else {
        p.left += 2;
        rows_left(&p, row->name, rows_style(u, row->present ? THEME_TEXT : THEME_DIM));
        p.left += 2;
        if (!row->present)
            rows_left(&p, "not there yet", rows_style(u, THEME_DIM));
    }
}

static void rows_todos(struct widgets *u, const struct todos *todos, struct rows_list *l)
{
    if (!todos->row_count || l->rows < 1)
        return;
    l->at = widget_max(0, widget_min(l->at, todos->row_count - 1));
    rows_scroll(l, l->at, 1, todos->row_count);
    for (int i = l->top; i < todos->row_count && i < l->top + l->rows; i++) {
        int y = l->row + i - l->top;
        rows_todos_row(u, l, y, &todos->rows[i]);
        widget_add_hit(u, y, l->col, 1, l->cols, ROWS_ROW, i, 0);
        if (i == l->at)
            rows_select(u, l, y);
    }
}

/* ---- the header ----------------------------------------------------------------------------- */

static int rows_is_available(const struct tree_agent *a, long long now)
{
    return a->available || (a->until && a->until <= now);
}

static void rows_put_agent_note(const struct tree_agent *a, long long now, buf *b)
{
    long long minutes = (a->until - now + 59999) / 60000;
    if (rows_is_available(a, now))
        return;
    if (a->until && minutes >= 60)
        buf_fmt(b, "%lldh%02lldm", minutes / 60, minutes % 60);
    else if (a->until)
        buf_fmt(b, "%lldm", minutes);
    else
        utf8_put_visible(b, span_of(a->reason && *a->reason ? a->reason : "unavailable"));
}

static int rows_is_installed(const struct tree_agent *a)
{
    return a->available || !a->reason || strcmp(a->reason, "not installed") != 0;
}

/* Puts the installed agents from the right: available, not available, or the time until then; with
 * `all` 0 only the last kind. Puts all of them or none. Returns 1 or 0. */
static int rows_agents(struct rows_pen *p, int least, const struct tree *t, long long now, int all)
{
    const char *yes = p->u->grid->ascii ? "+" : "✓", *no = p->u->grid->ascii ? "x" : "✗";
    buf notes[TREE_AGENTS_MAX];
    int width = 0, free_columns = p->right - p->left - least;
    memset(notes, 0, sizeof notes);
    for (int i = 0; i < t->agent_count; i++) {
        const struct tree_agent *a = &t->agents[i];
        if (!rows_is_installed(a) || (!all && (rows_is_available(a, now) || !a->until)))
            continue;
        utf8_put_visible(&notes[i], span_of(a->name ? a->name : "?"));
        buf_byte(&notes[i], ' ');
        if (rows_is_available(a, now) || !a->until)
            buf_str(&notes[i], rows_is_available(a, now) ? yes : no);
        else
            rows_put_agent_note(a, now, &notes[i]);
        width += cell_columns(buf_view(&notes[i])) + 2;
    }
    int fits = width > 0 && width < free_columns;
    for (int i = t->agent_count - 1; i >= 0; i--) {
        const struct tree_agent *a = &t->agents[i];
        struct cell_style style = rows_is_available(a, now) ? theme_agent(p->u->theme, a->name)
                                                            : rows_style(p->u, THEME_DIM);
        if (fits && notes[i].n && rows_right(p, 0, buf_cstr(&notes[i]), style))
            p->right--;
        buf_free(&notes[i]);
    }
    return fits;
}

static void rows_tabs(struct rows_pen *p, const struct rows_header *h)
{
    char label[32];
    for (int i = 0; i < ROWS_TABS; i++) {
        int shown = i == h->tab, from = p->left;
        if (shown || p->u->grid->cols >= ROWS_NAMES_COLS)
            snprintf(label, sizeof label, " %s ", h->tabs[i]);
        else
            snprintf(label, sizeof label, " %d ", i + 1);
        rows_left(p, label, rows_style(p->u, shown ? THEME_SELECTED : THEME_TAB));
        widget_add_hit(p->u, p->row, from, 1, p->left - from, ROWS_TAB, i, 0);
    }
}

static void rows_header(struct widgets *u, const struct tree *t, const struct rows_header *h)
{
    struct rows_pen p = {u, 0, 1, u->grid->cols - 1};
    int name = u->grid->cols >= ROWS_INDENT_COLS ? 6 : 0; /* columns of "telec " … */
    int tabs = name + (u->grid->cols >= ROWS_NAMES_COLS ? 26 : 14);
    /* … of the tabs, and of the computer in focus: these stay free of the connection's state */
    tabs += h->crumb ? widget_min(cell_columns(span_of(h->crumb)) + 3, 10) : 0;
    grid_fill(u->grid, 0, 0, 1, u->grid->cols, rows_style(u, THEME_TEXT));
    for (int i = 0; i < ROWS_LENGTHS; i++)
        if (h->push[i] && rows_right(&p, i < ROWS_LENGTHS - 1 ? tabs : 0, h->push[i],
                                     rows_style(u, h->push_style)))
            break;
    if (u->grid->cols >= ROWS_INDENT_COLS) {
        rows_left(&p, "telec", rows_style(u, THEME_ACCENT));
        p.left++;
    } else {
        p.left--;
    }
    rows_tabs(&p, h);
    if (h->crumb) {
        p.left++;
        rows_left(&p, u->grid->ascii ? "> " : "› ", rows_style(u, THEME_DIM));
        rows_left(&p, h->crumb, rows_style(u, THEME_ACCENT));
    }
    p.right--;
    if (!rows_agents(&p, 2, t, h->now, 1))
        rows_agents(&p, 2, t, h->now, 0);
}
