#include "ui.h"

/* rows - draws the rows of sessions, projects and todos, and the header.
 *
 * Pure: rows of the tree and of the todos go in, cells come out, the time is an argument. The cost
 * of a list is that of its visible rows, whatever its length. A line is filled from both ends:
 * names from the left, states from the right. Text without room is omitted or cut. */

/* From this width in columns on … */
#define ROWS_AGENT_COLS 42   /* a row names the session's agent or program */
#define ROWS_INDENT_COLS 40  /* a level is indented by two columns, not one */
#define ROWS_NAMES_COLS 52   /* the header names every tab */
#define ROWS_MARKS_COLS 70   /* a todo's row has its documents and stages */
#define ROWS_MODES_COLS 90   /* a row adds the agent's thinking mode */
#define ROWS_COUNTS_COLS 34  /* of the header stay free of agents, for the sessions' counts */

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

static const char *rows_path(const char *path, buf *b)
{
    const char *home = getenv("HOME");
    size_t n = home ? strlen(home) : 0;
    int inside = n > 1 && strncmp(path, home, n) == 0 && (path[n] == '/' || !path[n]);
    buf_str(b, inside ? "~" : "");
    utf8_put_visible(b, span_of(inside ? path + n : path));
    return buf_cstr(b);
}

/* Puts a path; one without room loses characters in its middle. */
static void rows_left_path(struct rows_pen *p, const char *path, struct cell_style style)
{
    int room = p->right - p->left, used, width;
    buf whole = {0}, cut = {0};
    span rest = span_of(rows_path(path, &whole));
    if (room > 3 && cell_columns(rest) > room) {
        buf_add(&cut, whole.p, cell_fit(rest, room / 3, &used));
        buf_str(&cut, p->u->grid->ascii ? ">" : "…");
        while (rest.n && cell_columns(rest) > room - used - 1)
            rest = span_sub(rest, cell_next_grapheme(rest, &width));
        buf_span(&cut, rest);
    }
    if (room > 3)
        rows_left(p, cut.n ? buf_cstr(&cut) : whole.p, style);
    buf_free(&whole), buf_free(&cut);
}

/* Puts the selected row on one ground, paler while the terminal has no focus. */
static void rows_select(struct widgets *u, const struct rows_list *l, int row)
{
    enum theme_name name = l->unfocused ? THEME_UNFOCUSED : THEME_SELECTED;
    grid_ground(u->grid, row, l->col, l->cols, rows_style(u, THEME_DIM).fg, rows_style(u, name));
}

/* ---- states --------------------------------------------------------------------------------- */

struct rows_state {
    const char *state, *glyph;
    enum theme_name style;
};

/* Each state has its own shape, for screens and eyes without colours. */
static const struct rows_state rows_states[] = {
    {"starting", "◌", THEME_STARTING}, {"working", "●", THEME_WORKING},
    {"waiting", "◆", THEME_WAITING},   {"idle", "○", THEME_IDLE},
    {"exited", "✓", THEME_EXITED},     {"failed", "✗", THEME_FAILED},
    {"unreachable", "?", THEME_FAILED}, {"", "·", THEME_DIM},
};

static const struct rows_state *rows_state(const struct tree_session *s)
{
    const char *state = tree_has_failed(s) ? "failed" : s->state ? s->state : "";
    size_t i = 0;
    while (i < COUNT_OF(rows_states) - 1 && strcmp(rows_states[i].state, state) != 0)
        i++;
    return &rows_states[i];
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

/* Appends a duration in words; nothing below a minute. */
static void rows_put_duration(buf *b, const char *before, long long ms, const char *after)
{
    static const struct {
        long long minutes;
        const char *unit;
    } units[] = {{2880, "days"}, {60, "h"}, {1, "min"}};
    static const long long sizes[] = {1440, 60, 1};
    long long minutes = ms / 60000;
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (minutes >= units[i].minutes) {
            buf_fmt(b, "%s%lld %s%s", before, minutes / sizes[i], units[i].unit, after);
            return;
        }
}

/* Appends how a session has ended. */
static void rows_put_end(buf *b, const struct tree_session *s, long long ms)
{
    buf_str(b, s->source && strcmp(s->source, "lost") == 0 ? "lost with the computer" : "exited");
    rows_put_duration(b, " ", ms, " ago");
    if (s->has_exit_code && s->exit_code > 128)
        buf_fmt(b, " by signal %lld", s->exit_code - 128);
    else if (s->has_exit_code && s->exit_code)
        buf_fmt(b, " with %lld", s->exit_code);
    if (s->restart && s->agent)
        buf_str(b, strcmp(s->restart, "resume") == 0 ? "; s resumes it" : "; s starts it anew");
}

/* Appends the state in words: "waits 2 min: Bash: make check". */
static void rows_put_words(buf *b, const struct tree_session *s, long long now, int with_source)
{
    long long ms = s->since ? now - s->since : 0;
    if (tree_is(s, "waiting")) {
        buf_str(b, "waits");
        rows_put_duration(b, " ", ms, "");
        if (!s->asked)
            buf_fmt(b, " for %s", rows_waits_for(s) ? rows_waits_for(s) : "an answer");
    } else if (tree_is(s, "exited")) {
        rows_put_end(b, s, ms);
    } else if (tree_is(s, "idle") && s->unseen) {
        buf_str(b, "finished");
        rows_put_duration(b, " ", ms, " ago");
    } else {
        buf_str(b, s->state ? s->state : "?");
        rows_put_duration(b, " for ", ms, "");
    }
    if (with_source && s->source)
        buf_fmt(b, ", by %s", s->source);
    if (rows_prompt_note(s))
        buf_fmt(b, ", %s", rows_prompt_note(s));
    if (s->holder_version && !tree_is(s, "exited") && tree_is_older_version(s->holder_version))
        buf_fmt(b, ", held by telec %s: a restart renews that", s->holder_version);
    if (s->asked && (tree_is(s, "waiting") || tree_is(s, "unreachable")))
        buf_fmt(b, ": %s", s->asked);
}

static void rows_put_branch(struct rows_pen *p, const char *branch)
{
    buf name = {0};
    utf8_put_visible(&name, span_of(branch ? branch : ""));
    if (rows_right(p, 16, buf_cstr(&name), rows_style(p->u, THEME_DIM)))
        p->right--;
    buf_free(&name);
}

/* Puts the agent with its mode, the branch and the directory at the right. */
static void rows_put_place(struct rows_pen *p, const struct tree_session *s, const char *changes)
{
    buf agent = {0}, path = {0};
    rows_path(s->directory ? s->directory : "", &path);
    if (path.n && rows_right(p, 24, path.p, rows_style(p->u, THEME_DIM)))
        p->right--;
    if (changes)
        rows_right(p, 24, changes, rows_style(p->u, THEME_DIM));
    rows_put_branch(p, s->branch);
    tree_put_agent(s, &agent);
    if (s->agent && s->mode)
        buf_fmt(&agent, "/%.8s", s->mode);
    if (rows_right(p, 16, buf_cstr(&agent), theme_agent(p->u->theme, s->agent)))
        p->right--;
    buf_free(&agent), buf_free(&path);
}

static void rows_headline(struct widgets *u, int row, int col, int cols, int lines,
                          const struct tree_session *s, const struct rows_facts *facts)
{
    const struct rows_state *state = rows_state(s);
    struct rows_pen p = {u, row, col, col + cols};
    buf words = {0};
    if (lines > 1) {
        rows_put_place(&p, s, facts->changes);
        rows_left(&p, tree_title(s), rows_style(u, THEME_TITLE));
        p = (struct rows_pen){u, row + 1, col, col + cols};
    }
    rows_put_words(&words, s, facts->now, facts->with_source);
    if (facts->note)
        rows_right(&p, 20, facts->note, rows_style(u, THEME_DIM));
    if (s->program_title && *s->program_title && tree_title(s) != s->program_title)
        rows_right(&p, widget_min(cell_columns(buf_view(&words)) + 2, 40), s->program_title,
                   rows_style(u, THEME_DIM));
    p.left += rows_put_glyph(u, p.row, p.left, s) + 1;
    if (lines == 1 && facts->titled) {
        rows_left(&p, tree_title(s), rows_style(u, THEME_TITLE));
        p.left += 2;
    }
    rows_left(&p, buf_cstr(&words), rows_style(u, state->style));
    buf_free(&words);
}

static int rows_put_glyph(struct widgets *u, int row, int col, const struct tree_session *s)
{
    const struct rows_state *state = rows_state(s);
    return widget_put(u->grid, row, col, 1, state->glyph, rows_style(u, state->style));
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

static const char *rows_fold(int foldable, int folded)
{
    return !foldable ? "  " : folded ? "▸ " : "▾ ";
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

/* Returns the number of lines of a row. The selected one is shown in full. */
static int rows_lines(const struct tree *t, const struct rows_list *l, int index)
{
    const struct tree_session *s = t->rows[index].session;
    int full = l->details == ROWS_FULL || index == l->at;
    return s && (full || l->details) ? tree_session_lines(s, full) : 1;
}

/* Returns the lines that the selected row has because it is selected. */
static int rows_extra(const struct tree *t, const struct rows_list *l)
{
    if (l->details == ROWS_FULL || l->at < 0 || l->at >= t->row_count || !t->rows[l->at].session)
        return 0;
    const struct tree_session *s = t->rows[l->at].session;
    return tree_session_lines(s, 1) - (l->details ? tree_session_lines(s, 0) : 1);
}

static int rows_tree_line(const struct tree *t, const struct rows_list *l, int index)
{
    int line = l->details ? t->rows[index].line[l->details == ROWS_FULL] : index;
    return line + (index > l->at ? rows_extra(t, l) : 0);
}

static int rows_tree_row(const struct tree *t, const struct rows_list *l, int line)
{
    int extra = rows_extra(t, l), full = l->details == ROWS_FULL;
    if (extra && line > rows_tree_line(t, l, l->at))
        line = widget_max(rows_tree_line(t, l, l->at), line - extra);
    return l->details ? outline_row_at(t, line, full)
                      : widget_max(0, widget_min(line, t->row_count - 1));
}

static int rows_tree_lines(const struct tree *t, const struct rows_list *l)
{
    int last = t->row_count - 1;
    return last < 0 ? 0 : rows_tree_line(t, l, last) + rows_lines(t, l, last);
}

/* Draws a line with the last input or output of a session. */
static void rows_words(struct widgets *u, const struct rows_list *l, int row, int col,
                       const char *mark, const char *text, struct cell_style style)
{
    struct rows_pen p = {u, row, col, l->col + l->cols - 1};
    if (!rows_is_inside(l, row))
        return;
    char *line = base_dup(text + strspn(text, " \n"));
    for (char *c = line; *c; c++)
        *c = *c == '\n' || *c == '\t' || *c == '\r' ? ' ' : *c;
    rows_left(&p, mark, style);
    rows_left(&p, line, style);
    free(line);
}

/* Draws the last input if the row is full, and below it the question or the last output; the newer
 * one is bright. */
static void rows_details(struct widgets *u, const struct rows_list *l, int y, int col,
                         const struct tree_session *s, int full)
{
    struct cell_style muted = rows_style(u, THEME_MUTED);
    if (s->last_input && full)
        rows_words(u, l, ++y, col, "› ", s->last_input,
                   s->input_is_newer ? rows_style(u, THEME_INPUT) : muted);
    if (s->asked)
        rows_words(u, l, ++y, col, "", s->asked, rows_style(u, rows_state(s)->style));
    else if (s->last_output && full)
        rows_words(u, l, ++y, col, "‹ ", s->last_output,
                   s->input_is_newer ? muted : rows_style(u, THEME_OUTPUT));
}

#define ROWS_AGE_COLS 6 /* of "exit 2"; the agent stands before it */

/* Puts the age, or how it failed, and before that the agent or program in a column of its own. */
static void rows_session_end(struct rows_pen *p, const struct rows_list *l,
                             const struct tree_session *s)
{
    int width = l->cols >= ROWS_MODES_COLS ? 12 : 8, at = p->right - ROWS_AGE_COLS - 1 - width;
    char note[32] = "";
    if (tree_has_failed(s) && s->has_exit_code)
        base_fmt(note, sizeof note, s->exit_code > 128 ? "signal %lld" : "exit %lld",
                 s->exit_code > 128 ? s->exit_code - 128 : s->exit_code);
    if (!*note || !rows_right(p, 12, note, rows_style(p->u, THEME_ALARM)))
        rows_age(p, 12, s->activity, l->now);
    if (l->cols < ROWS_AGENT_COLS)
        return;
    buf label = {0};
    tree_put_agent(s, &label);
    if (s->agent && s->mode && width > 8)
        buf_fmt(&label, "/%.8s", s->mode);
    widget_put_cut(p->u->grid, p->row, at, widget_min(width, p->right - at), buf_cstr(&label),
                   theme_agent(p->u->theme, s->agent));
    p->right = at - 1;
    buf_free(&label);
}

/* Puts what the age and the agent leave untold. */
static void rows_session_notes(struct rows_pen *p, const struct tree_row *row, const char *branch,
                               int lines)
{
    const struct tree_session *s = row->session;
    char note[32];
    if (rows_prompt_note(s))
        rows_right(p, 14, rows_prompt_note(s),
                   rows_style(p->u, strcmp(s->first_prompt, "failed") == 0 ? THEME_ALARM
                                                                           : THEME_DIM));
    if (rows_waits_for(s) && (lines == 1 || !s->asked) && !tree_waits_for(s, "text"))
        rows_right(p, 14, s->waits_for, rows_style(p->u, THEME_WAITING));
    if (row->folded && row->waiting) {
        base_fmt(note, sizeof note, "◆%d", row->waiting);
        rows_right(p, 14, note, rows_style(p->u, THEME_WAITING));
    }
    if (s->branch && strcmp(s->branch, branch) != 0)
        rows_put_branch(p, s->branch);
}

static void rows_session(struct widgets *u, const struct rows_list *l, int y,
                         const struct tree_row *row, const char *branch, int lines, int full)
{
    const struct tree_session *s = row->session;
    struct rows_pen p = {u, y, l->col + rows_indent(l, row->depth), l->col + l->cols - 1};
    int inner = p.left + s->number_columns + 1;
    buf number = {0};
    if (lines > 1)
        rows_details(u, l, y, inner + 2, s, full);
    if (!rows_is_inside(l, y))
        return;
    if (s->marked)
        widget_put(u->grid, y, p.left - 1, 1, "•",
                   rows_style(u, THEME_ACCENT));
    rows_session_end(&p, l, s);
    rows_session_notes(&p, row, branch, lines);
    outline_put_number(s, &number);
    rows_left(&p, buf_cstr(&number), rows_style(u, THEME_DIM));
    buf_free(&number);
    p.left = inner;
    p.left += rows_put_glyph(u, y, p.left, s) + 1;
    if (row->folded)
        rows_left(&p, rows_fold(1, 1), rows_style(u, THEME_DIM));
    rows_left(&p, tree_title(s), rows_style(u, s->unseen ? THEME_TITLE : THEME_TEXT));
}

/* Puts what is wrong with a computer; else the age of its sessions, when it does not push them. */
static void rows_note(struct rows_pen *p, const struct tree_note *note, long long now)
{
    struct cell_style style = rows_style(p->u, THEME_POLLING);
    buf age = {0};
    if (note->why[0] && rows_right(p, 14, note->why, style))
        return; /* it says more than the text */
    if (!note->text && note->pulled_at) {
        buf_str(&age, "◐ ");
        clock_put_age(&age, now - note->pulled_at);
    }
    rows_right(p, 14, note->text ? note->text : buf_cstr(&age), style);
    buf_free(&age);
}

static void rows_branch(struct widgets *u, const struct rows_list *l, int y,
                        const struct tree_row *row, const char *branch)
{
    struct rows_pen p = {u, y, l->col + rows_indent(l, row->depth), l->col + l->cols - 1};
    char counts[80] = "";
    if (row->folded && row->sessions)
        base_fmt(counts, sizeof counts, "%d session%s", row->sessions,
                 row->sessions == 1 ? "" : "s");
    if (rows_right(&p, 14, counts, rows_style(u, THEME_DIM)))
        p.right--;
    if (row->folded && row->waiting) {
        base_fmt(counts, sizeof counts, "◆ %d", row->waiting);
        rows_right(&p, 8, counts, rows_style(u, THEME_WAITING));
    }
    if (row->note)
        rows_note(&p, row->note, l->now);
    rows_put_branch(&p, branch);
    rows_left(&p, rows_fold(row->foldable, row->folded), rows_style(u, THEME_DIM));
    rows_left(&p, row->name, rows_style(u, row->kind == TREE_COMPUTER ? THEME_ACCENT
                                                                      : THEME_TITLE));
    p.left += 2;
    if (row->kind == TREE_PROJECT)
        rows_left_path(&p, outline_path(row), rows_style(u, THEME_DIM));
}

/* Returns the git branch of the project's first session, where row i is in a project, or "". Its
 * other sessions have mostly the same, so that it stands once, in the project's row. */
static const char *rows_branch_of(const struct tree *t, int i)
{
    while (i > 0 && t->rows[i].session)
        i--;
    const struct tree_session *s = i + 1 < t->row_count ? t->rows[i + 1].session : NULL;
    return s && s->branch && t->rows[i].kind == TREE_PROJECT ? s->branch : "";
}

static void rows_tree(struct widgets *u, const struct tree *t, struct rows_list *l)
{
    int total = rows_tree_lines(t, l);
    if (!t->row_count || l->rows < 1)
        return;
    l->at = widget_max(0, widget_min(l->at, t->row_count - 1));
    rows_scroll(l, rows_tree_line(t, l, l->at), widget_min(rows_lines(t, l, l->at), l->rows),
                total);
    const char *branch = "";
    int top = rows_tree_row(t, l, l->top);
    for (int i = top; i < t->row_count; i++) {
        int line = rows_tree_line(t, l, i), lines = rows_lines(t, l, i), y = l->row + line - l->top;
        if (line >= l->top + l->rows)
            return;
        if (i == top || !t->rows[i].session)
            branch = rows_branch_of(t, i);
        if (t->rows[i].session)
            rows_session(u, l, y, &t->rows[i], branch, lines,
                         l->details == ROWS_FULL || i == l->at);
        else if (line >= l->top)
            rows_branch(u, l, y, &t->rows[i], branch);
        int first = widget_max(y, l->row);
        int end = widget_min(y + lines, l->row + l->rows);
        widget_add_hit(u, first, l->col, end - first, l->cols, ROWS_ROW, i, 0);
        if (i == l->at && line >= l->top) {
            rows_select(u, l, y);
            u->avoid = y;
            u->avoid_rows = end - y;
        }
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
        base_fmt(text, sizeof text, "%d %s", row->todos[counts[i].state], counts[i].words);
        if (rows_right(p, 16, text, rows_style(p->u, counts[i].style)))
            p->right--;
    }
}

static void rows_todos_branch(struct rows_pen *p, const struct todos_row *row)
{
    rows_todos_counts(p, row);
    rows_left(p, rows_fold(row->foldable, row->folded), rows_style(p->u, THEME_DIM));
    rows_left(p, row->name, rows_style(p->u, row->kind == TODOS_COMPUTER ? THEME_ACCENT
                                                                        : THEME_TITLE));
    p->left += 2;
    if (row->kind == TODOS_PROJECT)
        rows_left_path(p, row->project->path, rows_style(p->u, THEME_DIM));
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
        span state = span_of(stages[i].state);
        int failed = span_find(state, "fail") || span_find(state, "change");
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
    rows_left(p, rows_fold(row->foldable, row->folded), rows_style(p->u, THEME_DIM));
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
            buf_str(&notes[i], rows_is_available(a, now) ? "✓" : "✗");
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
            base_fmt(label, sizeof label, " %s ", h->tabs[i]);
        else
            base_fmt(label, sizeof label, " %d ", i + 1);
        rows_left(p, label, rows_style(p->u, shown ? THEME_SELECTED : THEME_TAB));
        widget_add_hit(p->u, p->row, from, 1, p->left - from, ROWS_TAB, i, 0);
    }
}

/* Puts the sessions' counts from the right; the waiting ones always, the others if they fit. */
static void rows_counts(struct rows_pen *p, const struct tree_totals *totals)
{
    const struct {
        int count;
        const char *glyph;
        enum theme_name style;
    } others[] = {{totals->failed, "✗", THEME_FAILED}, {totals->idle, "○", THEME_IDLE},
                  {totals->working, "●", THEME_WORKING}};
    char text[48];
    int waiting = totals->waiting ? 12 : 0, from;
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        base_fmt(text, sizeof text, "%s %d", others[i].glyph, others[i].count);
        if (others[i].count && rows_right(p, waiting + 8, text, rows_style(p->u, others[i].style)))
            p->right -= 2;
    }
    if (!totals->waiting)
        return;
    from = p->right;
    base_fmt(text, sizeof text, "◆ %d waiting", totals->waiting);
    if (!rows_right(p, 2, text, rows_style(p->u, THEME_WAITING))) {
        base_fmt(text, sizeof text, "◆%d", totals->waiting);
        rows_right(p, 0, text, rows_style(p->u, THEME_WAITING));
    }
    widget_add_hit(p->u, p->row, p->right + 1, 1, from - p->right - 1, ROWS_WAITING, 0, 0);
}

static void rows_header(struct widgets *u, const struct tree *t, const struct rows_header *h)
{
    struct rows_pen p = {u, 0, 1, u->grid->cols - 1};
    struct tree_totals totals = tree_totals(t);
    int name = u->grid->cols >= ROWS_INDENT_COLS ? 6 : 0; /* columns of "telec " … */
    int tabs = name + (u->grid->cols >= ROWS_NAMES_COLS ? 26 : 14);
    /* … of the tabs, of the computer in focus, of the waiting: free of the connection's state */
    tabs += h->crumb ? widget_min(cell_columns(span_of(h->crumb)) + 3, 10) : 0;
    tabs += totals.waiting ? 4 : 0;
    grid_fill(u->grid, 0, 0, 1, u->grid->cols, rows_style(u, THEME_TEXT));
    for (int i = 0; i < ROWS_LENGTHS; i++)
        if (h->push[i] && rows_right(&p, i < ROWS_LENGTHS - 1 ? tabs : 0, h->push[i],
                                     rows_style(u, h->push_style)))
            break;
    p.right -= u->grid->cols >= ROWS_INDENT_COLS;
    if (u->grid->cols >= ROWS_INDENT_COLS) {
        rows_left(&p, "telec", rows_style(u, THEME_ACCENT));
        p.left++;
    } else {
        p.left--;
    }
    rows_tabs(&p, h);
    if (h->crumb) {
        p.left++;
        rows_left(&p, "› ", rows_style(u, THEME_DIM));
        rows_left(&p, h->crumb, rows_style(u, THEME_ACCENT));
    }
    if (!rows_agents(&p, ROWS_COUNTS_COLS, t, h->now, 1))
        rows_agents(&p, ROWS_COUNTS_COLS, t, h->now, 0);
    rows_counts(&p, &totals);
}
