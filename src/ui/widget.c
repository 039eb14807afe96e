#include "ui.h"

/* widget - forms, questions, messages, a framed box, and the places of a frame that can be clicked.
 *
 * A widget is a struct, a function that handles an event, and one that draws. None does I/O.
 * Drawing collects the places that can be clicked. */

#define WIDGET_WHEEL_LINES 3

static int widget_put(struct grid *g, int row, int col, int width, const char *text,
                      struct cell_style style)
{
    return grid_put(g, row, col, width, span_of(text), style);
}

static int widget_min(int a, int b)
{
    return a < b ? a : b;
}

static int widget_max(int a, int b)
{
    return a > b ? a : b;
}

static int widget_put_cut(struct grid *g, int row, int col, int width, const char *text,
                          struct cell_style style)
{
    buf clean = {0};
    int used = 0;
    utf8_put_visible(&clean, span_of(text));
    if (width > 0 && cell_columns(buf_view(&clean)) > width) {
        size_t fit = cell_fit(buf_view(&clean), width - 1, &used);
        used = grid_put(g, row, col, width - 1, (span){clean.p, fit}, style);
        used += widget_put(g, row, col + used, 1, g->ascii ? ">" : "…", style);
    } else if (width > 0) {
        used = grid_put(g, row, col, width, buf_view(&clean), style);
    }
    buf_free(&clean);
    return used;
}

static struct cell_style widget_style(const struct widgets *u, enum theme_name name)
{
    return u->theme->style[name];
}

/* ---- what can be clicked -------------------------------------------------------------------- */

static void widget_free(struct widgets *u)
{
    free(u->hits);
    u->hits = NULL;
    u->hit_count = u->hit_cap = 0;
}

static void widget_begin(struct widgets *u)
{
    grid_clear(u->grid);
    u->hit_count = u->avoid_rows = 0;
}

static void widget_add_hit(struct widgets *u, int row, int col, int rows, int cols, int what,
                           int index, int part)
{
    if (u->hit_count == WIDGET_HITS_MAX)
        return;
    u->hits = base_room(u->hits, u->hit_count, &u->hit_cap, sizeof *u->hits);
    u->hits[u->hit_count++] = (struct widget_hit){row, col, rows, cols, what, index, part};
}

static const struct widget_hit *widget_find_hit(const struct widgets *u, int row, int col)
{
    for (int i = u->hit_count - 1; i >= 0; i--) {
        const struct widget_hit *hit = &u->hits[i];
        if (row >= hit->row && row < hit->row + hit->rows && col >= hit->col &&
            col < hit->col + hit->cols)
            return hit;
    }
    return NULL;
}

static int widget_wheel(const struct term_event *ev)
{
    if (ev->type != TERM_MOUSE)
        return 0;
    return ev->mouse == TERM_WHEEL_UP     ? WIDGET_WHEEL_LINES
           : ev->mouse == TERM_WHEEL_DOWN ? -WIDGET_WHEEL_LINES
                                          : 0;
}

static const struct widget_hit *widget_clicked(const struct widgets *u, const struct term_event *ev)
{
    int press = ev->type == TERM_MOUSE && ev->mouse == TERM_PRESS && ev->button == 0;
    return press ? widget_find_hit(u, ev->row, ev->col) : NULL;
}

/* ---- box and wrapped text ------------------------------------------------------------------- */

/* Returns the first row of a box: centred, or below or above the rows to avoid. */
static int widget_box_top(const struct widgets *u, int height)
{
    int top = widget_max(0, (u->grid->rows - height) / 2), end = u->avoid + u->avoid_rows;
    if (!u->avoid_rows || top >= end || top + height <= u->avoid)
        return top;
    return end + height <= u->grid->rows ? end : u->avoid >= height ? u->avoid - height : top;
}

static void widget_box_draw(struct widgets *u, int rows, int cols, const char *title, int *row,
                            int *col)
{
    struct grid *g = u->grid;
    const struct cell_style border = widget_style(u, THEME_BORDER);
    rows = widget_min(rows, g->rows - 2);
    cols = widget_min(cols, g->cols - 4);
    int top = widget_box_top(u, rows + 2);
    u->box = top, u->box_rows = rows + 2;
    int left = widget_max(0, (g->cols - cols - 4) / 2);
    int bottom = top + rows + 1, right = left + cols + 3;
    u->hit_count = 0;
    grid_fill(g, top, left, rows + 2, cols + 4, widget_style(u, THEME_TEXT));
    for (int x = left + 1; x < right; x++) {
        widget_put(g, top, x, 1, "─", border);
        widget_put(g, bottom, x, 1, "─", border);
    }
    for (int y = top; y <= bottom; y++) {
        widget_put(g, y, left, 1, y == top ? "╭" : y == bottom ? "╰" : "│", border);
        widget_put(g, y, right, 1, y == top ? "╮" : y == bottom ? "╯" : "│", border);
    }
    if (title) {
        int used =
            1 + widget_put_cut(g, top, left + 3, cols - 2, title, widget_style(u, THEME_TITLE));
        widget_put(g, top, left + 2, 1, " ", border);
        widget_put(g, top, left + 2 + used, 1, " ", border);
    }
    *row = top + 1;
    *col = left + 2;
}

static int widget_wrapped_draw(struct grid *g, int row, int col, int width, int rows, span text,
                               struct cell_style style)
{
    int lines = 0;
    while (text.n && width > 0) {
        int used;
        size_t n = cell_fit(text, width, &used), cut = n;
        int whole = n == text.n || text.p[n] == ' '; /* no word is cut in two */
        while (!whole && cut > 0 && text.p[cut - 1] != ' ')
            cut--;
        n = !whole && cut > 0 ? cut : n;
        if (n == 0)
            break;
        span line = {text.p, n}, all = text;
        text = span_sub(text, n);
        while (text.n && text.p[0] == ' ')
            text = span_sub(text, 1);
        if (lines < rows - 1 || (lines < rows && !text.n)) {
            grid_put(g, row + lines, col, width, line, style);
        } else if (lines < rows) { /* no room for the rest: show that it is cut */
            char *rest = span_dup((span){all.p, cell_fit(all, width + 2, &used)});
            widget_put_cut(g, row + lines, col, width, rest, style);
            free(rest);
        }
        lines++;
    }
    return lines;
}

/* ---- buttons -------------------------------------------------------------------------------- */

/* Draws [ Word ], or [Word] where there is little room. */
static int widget_button_draw(struct widgets *u, int row, int col, int width, const char *word,
                              int index, int focused, int tight)
{
    struct cell_style style = widget_style(u, focused ? THEME_SELECTED : THEME_BUTTON);
    int used = widget_put(u->grid, row, col, width, tight ? "[" : "[ ", style);
    used += widget_put_cut(u->grid, row, col + used, width - 2 * used, word, style);
    used += widget_put(u->grid, row, col + used, width - used, tight ? "]" : " ]", style);
    widget_add_hit(u, row, col, 1, used, WIDGET_BUTTON, index, 0);
    return used;
}

/* Draws two buttons in a row. focus: 0, 1 or neither. */
static void widget_buttons_draw(struct widgets *u, int row, int col, int width, const char *yes,
                                const char *no, int focus)
{
    int second = cell_columns(span_of(no)), words = cell_columns(span_of(yes)) + second;
    int tight = words + 8 + 1 > width;
    int most = widget_max((width - 1) / 2, width - 1 - second - (tight ? 2 : 4));
    int used = widget_button_draw(u, row, col, most, yes, 0, focus == 0, tight) + 1;
    used += words + 8 + 2 <= width;
    widget_button_draw(u, row, col + used, width - used, no, 1, focus == 1, tight);
}

/* ---- form ----------------------------------------------------------------------------------- */

static uint32_t widget_first_letter(const char *word)
{
    unsigned char c = (unsigned char)word[0];
    return c >= 'A' && c <= 'Z' ? c + 32u : c;
}

static struct widget_line *widget_form_add(struct widget_form *f, const char *label,
                                           const char *text)
{
    struct widget_line *line = &f->lines[f->count++];
    *line = (struct widget_line){.label = label};
    field_set(&line->field, text);
    return line;
}

static void widget_form_choose(struct widget_line *line, int step)
{
    line->choice = (line->choice + line->choice_count + step) % line->choice_count;
}

static void widget_form_move(struct widget_form *f, int step)
{
    int stops = f->count + 2;
    f->focus = (f->focus + stops + step) % stops;
}

/* Refuses a choice with a note; the note becomes the error. */
static enum widget_answer widget_form_submit(struct widget_form *f)
{
    for (int i = 0; i < f->count; i++) {
        const struct widget_line *line = &f->lines[i];
        const char *note = line->choices && line->notes ? line->notes[line->choice] : NULL;
        if (!note)
            continue;
        f->focus = i;
        buf_fmt(&f->error, "%s: %s", line->choices[line->choice], note);
        return WIDGET_NOT_YET;
    }
    return WIDGET_SUBMIT;
}

static enum widget_answer widget_form_click(struct widgets *u, struct widget_form *f,
                                            const struct term_event *ev)
{
    const struct widget_hit *hit = widget_clicked(u, ev);
    if (!hit)
        return WIDGET_NOT_YET;
    if (hit->what == WIDGET_BUTTON)
        return hit->index == 1 ? WIDGET_CANCEL : f->busy ? WIDGET_NOT_YET : widget_form_submit(f);
    if (hit->what != WIDGET_LINE || hit->index >= f->count || f->busy)
        return WIDGET_NOT_YET;
    struct widget_line *line = &f->lines[f->focus = hit->index];
    if (line->choices && hit->part >= 0 && hit->part < line->choice_count)
        line->choice = hit->part;
    else if (!line->choices && hit->part >= 0)
        field_click(&line->field, ev->row - hit->row, ev->col - hit->col);
    return WIDGET_NOT_YET;
}

/* Completes a text line. Returns 1 when text was added or choices are shown. */
static int widget_form_complete(struct widget_form *f, struct widget_line *line)
{
    int shown = f->hint.n > 0;
    size_t before = line->field.text.n;
    buf_clear(&f->hint);
    if (!line->complete || !line->complete(&line->field, &f->hint))
        return 0;
    if (shown && f->hint.n && line->field.text.n == before) { /* already shown: go on */
        buf_clear(&f->hint);
        return 0;
    }
    return 1;
}

/* Runs a command while a button has the focus. */
static enum widget_answer widget_form_run_button(struct widget_form *f, enum widget_command command)
{
    if (command == WIDGET_DO_ENTER || command == WIDGET_DO_SPACE)
        return f->focus == f->count ? widget_form_submit(f) : WIDGET_CANCEL;
    if (command == WIDGET_DO_LEFT || command == WIDGET_DO_UP)
        widget_form_move(f, -1);
    else if (command == WIDGET_DO_RIGHT || command == WIDGET_DO_DOWN)
        widget_form_move(f, 1);
    return WIDGET_NOT_YET;
}

/* Returns 1 when Enter submits: on the last line, the first button, a command that is typed. */
static int widget_form_ends(const struct widget_form *f)
{
    return f->focus == f->count - 1 || f->focus == f->count ||
           (f->focus < f->count && f->lines[f->focus].submits && f->lines[f->focus].field.text.n);
}

static enum widget_answer widget_form_run_line(struct widget_form *f, struct widget_line *line,
                                               enum widget_command command)
{
    if (command == WIDGET_DO_ENTER && widget_form_ends(f))
        return widget_form_submit(f);
    if (command == WIDGET_DO_ENTER || command == WIDGET_DO_DOWN)
        widget_form_move(f, 1);
    else if (command == WIDGET_DO_UP)
        widget_form_move(f, -1);
    else if (line->choices && (command == WIDGET_DO_RIGHT || command == WIDGET_DO_SPACE))
        widget_form_choose(line, 1);
    else if (line->choices && command == WIDGET_DO_LEFT)
        widget_form_choose(line, -1);
    return WIDGET_NOT_YET;
}

static enum widget_answer widget_form_run(struct widget_form *f, enum widget_command command)
{
    struct widget_line *line = f->focus < f->count ? &f->lines[f->focus] : NULL;
    if (command == WIDGET_DO_CANCEL)
        return WIDGET_CANCEL;
    if (f->busy)
        return WIDGET_NOT_YET;
    buf_clear(&f->error);
    if (command == WIDGET_DO_TAB && line && widget_form_complete(f, line))
        return WIDGET_NOT_YET;
    buf_clear(&f->hint);
    if (command == WIDGET_DO_SUBMIT)
        return widget_form_submit(f);
    if (command == WIDGET_DO_TAB || command == WIDGET_DO_BACK)
        widget_form_move(f, command == WIDGET_DO_TAB ? 1 : -1);
    else if (line)
        return widget_form_run_line(f, line, command);
    else
        return widget_form_run_button(f, command);
    return WIDGET_NOT_YET;
}

static enum widget_answer widget_form_event(struct widgets *u, struct widget_form *f,
                                            const struct term_event *ev)
{
    struct widget_line *line = f->focus < f->count ? &f->lines[f->focus] : NULL;
    if (ev->type == TERM_MOUSE) {
        if (ev->mouse == TERM_PRESS)
            buf_clear(&f->error), buf_clear(&f->hint);
        return widget_form_click(u, f, ev);
    }
    if (f->busy || !line || line->choices || !field_event(&line->field, ev))
        return WIDGET_PASSED;
    buf_clear(&f->error), buf_clear(&f->hint);
    return WIDGET_NOT_YET;
}

static int widget_choice_columns(const struct widget_line *line, int i)
{
    const char *note = line->notes && i == line->choice ? line->notes[i] : NULL;
    return cell_columns(span_of(line->choices[i])) + 2 +
           (note ? cell_columns(span_of(note)) + 2 : 0);
}

/* Returns the first choice to draw so that the selected one fits into `width`. */
static int widget_first_choice(const struct widget_line *line, int width)
{
    int first = line->choice, columns = widget_choice_columns(line, first);
    while (first > 0 && columns + widget_choice_columns(line, first - 1) <= width)
        columns += widget_choice_columns(line, --first);
    return first;
}

static void widget_form_draw_choices(struct widgets *u, int row, int col, int width, int index,
                                     const struct widget_line *line, int focused)
{
    int at = 0;
    for (int i = widget_first_choice(line, width); i < line->choice_count && at < width; i++) {
        const char *note = line->notes ? line->notes[i] : NULL;
        struct cell_style style = widget_style(u, i == line->choice
                                               ? (focused ? THEME_SELECTED : THEME_TITLE)
                                               : note ? THEME_DIM
                                               : THEME_TEXT);
        buf text = {0};
        int with_note = i == line->choice && note;
        buf_fmt(&text, " %s%s%s ", line->choices[i], with_note ? ": " : "", with_note ? note : "");
        int used = widget_put_cut(u->grid, row, col + at, width - at, buf_cstr(&text), style);
        widget_add_hit(u, row, col + at, 1, used, WIDGET_LINE, index, i);
        at += used;
        buf_free(&text);
    }
}

static void widget_form_draw_line(struct widgets *u, struct widget_form *f, int i, int row, int col,
                                  int rows, int width, int label)
{
    struct widget_line *line = &f->lines[i];
    int focused = i == f->focus;
    widget_put_cut(u->grid, row, col, label - 1, line->label,
                   widget_style(u, focused ? THEME_ACCENT : THEME_DIM));
    widget_add_hit(u, row, col, rows, label, WIDGET_LINE, i, -1);
    if (line->choices) {
        widget_form_draw_choices(u, row, col + label, width - label, i, line, focused);
        return;
    }
    field_draw(u->grid, row, col + label, rows, width - label, &line->field,
               widget_style(u, THEME_FIELD), focused && !f->busy);
    widget_add_hit(u, row, col + label, rows, width - label, WIDGET_LINE, i, 0);
}

#define WIDGET_NOTE_ROWS 10     /* on a lower screen a form shows no note */

/* Appends what the keys do at the focus. */
static void widget_form_put_keys(const struct widget_form *f, buf *b)
{
    char submit[24];
    int last = widget_form_ends(f);
    base_copy(submit, sizeof submit, f->submit);
    submit[0] = (char)widget_first_letter(submit);
    if (f->busy)
        buf_str(b, "one moment…");
    else
        buf_fmt(b, "Enter %s, %s%s%s%sEsc cancel",
                f->focus > f->count ? "cancel" : last ? submit : "next",
                f->focus < f->count && f->lines[f->focus].field.rows > 1 ? "Alt-Enter new line, "
                                                                         : "",
                last ? "" : "Ctrl-S ", last ? "" : submit, last ? "" : ", ");
}

/* Draws the error, else the completion's choices, else the keys. Returns the lines needed. */
static int widget_form_draw_status(struct widgets *u, const struct widget_form *f, int row, int col,
                                   int width, int rows)
{
    buf keys = {0};
    int lines = 0;
    widget_form_put_keys(f, &keys);
    if (f->error.n) {
        lines = widget_wrapped_draw(u->grid, row, col, width, rows, buf_view(&f->error),
                                    widget_style(u, THEME_ALARM));
    } else if (f->hint.n) {
        lines = widget_wrapped_draw(u->grid, row, col, width, rows, buf_view(&f->hint),
                                    widget_style(u, THEME_HINT));
    } else {
        if (f->note.n && u->grid->rows >= WIDGET_NOTE_ROWS)
            lines = widget_wrapped_draw(u->grid, row, col, width, rows, buf_view(&f->note),
                                        widget_style(u, THEME_ACCENT));
        if (rows > lines)
            widget_put_cut(u->grid, row + lines, col, width, buf_cstr(&keys),
                           widget_style(u, THEME_HINT));
        lines++;
    }
    buf_free(&keys);
    return lines;
}

static int widget_form_height(const struct widget_form *f, int i, int width, int most)
{
    const struct widget_line *line = &f->lines[i];
    if (i >= f->count || line->choices)
        return 1;
    return widget_max(1, widget_min(most, field_height(&line->field, width)));
}

#define WIDGET_FORM_STATUS_MAX 3
#define WIDGET_FORM_COLS 72

/* Draws the lines, a blank, the buttons and the status; on a low screen only those around the
 * focus. */
static void widget_form_draw(struct widgets *u, struct widget_form *f)
{
    int label = 0, width = widget_min(WIDGET_FORM_COLS, u->grid->cols - 4), row, col, total = 0;
    for (int i = 0; i < f->count; i++)
        label = widget_max(label, cell_columns(span_of(f->lines[i].label)) + 2);
    if (width < 40)
        label = widget_min(label, width / 3);
    int status = widget_min(widget_form_draw_status(u, f, 0, 0, width, 0), WIDGET_FORM_STATUS_MAX);
    int most = widget_max(1, u->grid->rows - 2 - status);
    for (int i = 0; i <= f->count; i++)
        total += widget_form_height(f, i, width - label, most);
    int gap = total + 2 <= most, rows = widget_min(total + 2 * gap, most);
    widget_box_draw(u, rows + status, width, f->title, &row, &col);
    int focus = widget_min(f->focus, f->count), first = focus;
    int used = widget_form_height(f, focus, width - label, most);
    while (first > 0 && used + widget_form_height(f, first - 1, width - label, most) <= rows)
        used += widget_form_height(f, --first, width - label, most);
    for (int i = first, y = row; i <= f->count; i++) {
        int height = widget_form_height(f, i, width - label, most);
        y += i == f->count ? gap : 0;
        if (y + height > row + rows)
            break;
        if (i < f->count)
            widget_form_draw_line(u, f, i, y, col, height, width, label);
        else
            widget_buttons_draw(u, y, col, width, f->submit, f->cancel ? f->cancel : "Cancel",
                                f->busy ? -1 : f->focus - f->count);
        y += height;
    }
    widget_form_draw_status(u, f, row + rows, col, width, status);
}

static struct widget_line *widget_form_line(const struct widget_form *f, const char *label)
{
    for (int i = 0; i < f->count; i++)
        if (strcmp(f->lines[i].label, label) == 0)
            return (struct widget_line *)&f->lines[i];
    return NULL;
}

static const char *widget_form_text(struct widget_form *f, const char *label)
{
    struct widget_line *line = widget_form_line(f, label);
    return line ? buf_cstr(&line->field.text) : "";
}

static const char *widget_form_choice(const struct widget_form *f, const char *label)
{
    const struct widget_line *line = widget_form_line(f, label);
    return line && line->choices ? line->choices[line->choice] : NULL;
}

static void widget_form_free(struct widget_form *f)
{
    for (int i = 0; i < f->count; i++)
        field_free(&f->lines[i].field);
    buf_free(&f->error);
    buf_free(&f->hint);
    buf_free(&f->note);
    *f = (struct widget_form){0};
}

/* ---- confirmation --------------------------------------------------------------------------- */

static enum widget_answer widget_confirm_run(struct widget_confirm *c, enum widget_command command)
{
    switch (command) {
    case WIDGET_DO_TAB:
    case WIDGET_DO_BACK:
    case WIDGET_DO_LEFT:
    case WIDGET_DO_RIGHT: c->focus = !c->focus; return WIDGET_NOT_YET;
    case WIDGET_DO_ENTER: return c->focus ? WIDGET_CANCEL : WIDGET_SUBMIT;
    case WIDGET_DO_SUBMIT: return WIDGET_SUBMIT;
    case WIDGET_DO_CANCEL: return WIDGET_CANCEL;
    default: return WIDGET_NOT_YET;
    }
}

static enum widget_answer widget_confirm_event(struct widgets *u, const struct widget_confirm *c,
                                               const struct term_event *ev)
{
    const struct widget_hit *hit = widget_clicked(u, ev);
    int plain = ev->type == TERM_KEY && !(ev->mods & ~(unsigned)TERM_SHIFT);
    if (hit && hit->what == WIDGET_BUTTON)
        return hit->index == 0 ? WIDGET_SUBMIT : WIDGET_CANCEL;
    return plain && ev->key == widget_first_letter(c->yes)  ? WIDGET_SUBMIT
           : plain && ev->key == widget_first_letter(c->no) ? WIDGET_CANCEL
                                                            : WIDGET_PASSED;
}

static void widget_confirm_draw(struct widgets *u, const struct widget_confirm *c, span text)
{
    int width = widget_min(60, u->grid->cols - 4), row, col;
    struct cell_style style = widget_style(u, THEME_TEXT);
    int lines = widget_wrapped_draw(u->grid, 0, 0, width, 0, text, style);
    lines = widget_max(0, widget_min(lines, u->grid->rows - 3));
    int gap = lines + 4 <= u->grid->rows;
    widget_box_draw(u, lines + gap + 1, width, c->title, &row, &col);
    widget_wrapped_draw(u->grid, row, col, width, lines, text, style);
    widget_buttons_draw(u, row + lines + gap, col, width, c->yes, c->no, c->focus);
}

/* ---- menu ----------------------------------------------------------------------------------- */

static enum widget_answer widget_menu_run(struct widget_menu *m, enum widget_command command)
{
    if (command == WIDGET_DO_UP || command == WIDGET_DO_DOWN)
        m->at = (m->at + m->items.count + (command == WIDGET_DO_DOWN ? 1 : -1)) % m->items.count;
    return command == WIDGET_DO_ENTER    ? WIDGET_SUBMIT
           : command == WIDGET_DO_CANCEL ? WIDGET_CANCEL
                                         : WIDGET_NOT_YET;
}

static enum widget_answer widget_menu_event(struct widgets *u, struct widget_menu *m,
                                            const struct term_event *ev)
{
    const struct widget_hit *hit = widget_clicked(u, ev);
    int at = hit && hit->what == WIDGET_LINE ? hit->index : -1;
    if (ev->type == TERM_KEY && !ev->mods && ev->key >= '1' && ev->key <= '9')
        at = (int)ev->key - '1';
    if (at < 0 || at >= m->items.count)
        return WIDGET_PASSED;
    m->at = at;
    return WIDGET_SUBMIT;
}

static void widget_menu_draw(struct widgets *u, const struct widget_menu *m, span text)
{
    int width = widget_min(60, u->grid->cols - 4), row, col, room = u->grid->rows - 2;
    struct cell_style style = widget_style(u, THEME_TEXT);
    int lines = widget_wrapped_draw(u->grid, 0, 0, width, 0, text, style);
    lines = widget_max(0, widget_min(lines, room - m->items.count));
    widget_box_draw(u, lines + m->items.count, width, m->title, &row, &col);
    widget_wrapped_draw(u->grid, row, col, width, lines, text, style);
    for (int i = 0; i < m->items.count && lines + i < room; i++) {
        char number[16];
        int y = row + lines + i;
        base_fmt(number, sizeof number, "%d ", i + 1);
        style = widget_style(u, i == m->at ? THEME_SELECTED : THEME_TEXT);
        grid_fill(u->grid, y, col, 1, width, style);
        int used = widget_put(u->grid, y, col, width, number, style);
        widget_put_cut(u->grid, y, col + used, width - used, m->items.list[i], style);
        widget_add_hit(u, y, col, 1, width, WIDGET_LINE, i, 0);
    }
}

/* ---- toasts --------------------------------------------------------------------------------- */

#define WIDGET_TOAST_BYTES_MAX 1024 /* of a message; the rest is dropped */

static void widget_toast_add(struct widget_toasts *t, int alarm, const char *text, long long now)
{
    struct widget_toast *toast = &t->ring[t->next];
    span s = span_of(text);
    s.n = s.n < WIDGET_TOAST_BYTES_MAX ? s.n : WIDGET_TOAST_BYTES_MAX;
    free(toast->text);
    *toast = (struct widget_toast){span_dup(s), alarm, clock_wall_ms()};
    t->unread += alarm;
    if (alarm || !t->unread) { /* an error stays until it is read */
        t->shown = t->next + 1;
        t->until = alarm ? 0 : now + WIDGET_TOAST_MS;
    }
    t->next = (t->next + 1) % WIDGET_TOASTS_MAX;
    t->count += t->count < WIDGET_TOASTS_MAX;
}

static int widget_toast_expire(struct widget_toasts *t, long long now)
{
    int over = t->until && now >= t->until;
    if (over)
        t->shown = 0, t->until = 0;
    return over;
}

static void widget_toast_read(struct widget_toasts *t)
{
    if (t->unread)
        t->shown = 0;
    t->unread = 0;
}

static int widget_toast_draw(struct widgets *u, const struct widget_toasts *t, int row, int rows)
{
    char more[40] = "";
    if (!t->shown)
        return 0;
    const struct widget_toast *toast = &t->ring[t->shown - 1];
    if (t->unread > 1)
        base_fmt(more, sizeof more, "and %d more: !", t->unread - 1);
    int width = u->grid->cols - 2, columns = (int)strlen(more);
    if (columns && columns + 10 < width) {
        if (rows)
            widget_put(u->grid, row, u->grid->cols - 1 - columns, columns, more,
                       widget_style(u, THEME_HINT));
        width -= columns + 1;
    }
    return widget_wrapped_draw(u->grid, row, 1, width, rows, span_of(toast->text),
                               widget_style(u, toast->alarm ? THEME_ALARM : THEME_TEXT));
}

static void widget_scroll_by(struct widget_scroll *s, int lines)
{
    int most = s->drawn ? s->most : INT_MAX / 4;
    s->top = widget_max(0, widget_min(s->top + lines, most));
}

static int widget_scroll_event(struct widget_scroll *s, const struct term_event *ev)
{
    int lines = widget_wheel(ev);
    widget_scroll_by(s, -lines);
    return lines != 0;
}

/* Sets the limit of a list: `rows` in all, `shown` at once. */
static void widget_scroll_fit(struct widget_scroll *s, int rows, int shown)
{
    s->most = widget_max(0, rows - shown);
    s->top = widget_min(s->top, s->most);
    s->drawn = 1;
}

static const struct widget_toast *widget_toast_at(const struct widget_toasts *t, int i)
{
    return &t->ring[(t->next - 1 - i + 2 * WIDGET_TOASTS_MAX) % WIDGET_TOASTS_MAX];
}

/* Draws a message behind its age, in at most `rows` lines. Returns how many it has. */
static int widget_toast_put(struct widgets *u, const struct widget_toast *toast, int row, int col,
                            int width, int rows)
{
    enum { AGE = 5 }; /* columns */
    buf age = {0};
    clock_put_age(&age, clock_wall_ms() - toast->at);
    if (rows > 0)
        widget_put(u->grid, row, col, width, buf_cstr(&age), widget_style(u, THEME_DIM));
    buf_free(&age);
    return widget_max(1, widget_wrapped_draw(u->grid, row, col + AGE, width - AGE, rows,
                                             span_of(toast->text),
                                             widget_style(u, toast->alarm ? THEME_ALARM
                                                                          : THEME_TEXT)));
}

static void widget_toasts_draw(struct widgets *u, struct widget_toasts *t)
{
    int row, col, width = widget_min(76, u->grid->cols - 4), room = u->grid->rows - 2;
    int lines = 0, shown = 0; /* of all; how many of the last ones have room */
    for (int i = t->count - 1; i >= 0; i--) {
        lines += widget_toast_put(u, widget_toast_at(t, i), 0, 0, width, 0);
        shown += lines <= room;
    }
    widget_box_draw(u, widget_max(1, lines), width, "Messages", &row, &col);
    widget_scroll_fit(&t->list, widget_max(1, t->count), widget_max(1, shown));
    if (!t->count)
        widget_put_cut(u->grid, row, col, width, "no messages yet", widget_style(u, THEME_DIM));
    for (int i = t->list.top, y = 0; i < t->count && y < room; i++)
        y += widget_toast_put(u, widget_toast_at(t, i), row + y, col, width, room - y);
}

static void widget_toasts_free(struct widget_toasts *t)
{
    for (int i = 0; i < WIDGET_TOASTS_MAX; i++)
        free(t->ring[i].text);
    *t = (struct widget_toasts){.count = 0};
}

