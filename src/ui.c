/* ui - widgets: a form, a question, messages, a box, and what is made of a key table: bindings,
 * footer and help.
 *
 * A widget is a struct, a function that takes an event, and one that draws; none of them reads or
 * writes. What can be clicked is noted while it is drawn. */

#define UI_WHEEL_LINES 3

static int ui_put(struct grid *g, int row, int col, int width, const char *text,
                  struct cell_style style)
{
    return grid_put(g, row, col, width, span_of(text), style);
}

static int ui_min(int a, int b)
{
    return a < b ? a : b;
}

static int ui_max(int a, int b)
{
    return a > b ? a : b;
}

static int ui_put_cut(struct grid *g, int row, int col, int width, const char *text,
                      struct cell_style style)
{
    buf clean = {0};
    int used = 0;
    utf8_put_visible(&clean, span_of(text));
    if (width > 0 && cell_columns(buf_view(&clean)) > width) {
        size_t fit = cell_fit(buf_view(&clean), width - 1, &used);
        used = grid_put(g, row, col, width - 1, (span){clean.p, fit}, style);
        used += ui_put(g, row, col + used, 1, g->ascii ? ">" : "…", style);
    } else if (width > 0) {
        used = grid_put(g, row, col, width, buf_view(&clean), style);
    }
    buf_free(&clean);
    return used;
}

static struct cell_style ui_style(const struct ui *u, enum theme_name name)
{
    return u->theme->style[name];
}

/* ---- what can be clicked -------------------------------------------------------------------- */

static void ui_free(struct ui *u)
{
    free(u->hits);
    u->hits = NULL;
    u->hit_count = u->hit_cap = 0;
}

static void ui_begin(struct ui *u)
{
    grid_clear(u->grid);
    u->hit_count = 0;
}

static void ui_add_hit(struct ui *u, int row, int col, int rows, int cols, int what, int index,
                       int part)
{
    if (u->hit_count == UI_HITS_MAX)
        return;
    if (u->hit_count == u->hit_cap) {
        u->hit_cap = u->hit_cap ? u->hit_cap * 2 : 64;
        u->hits = base_grow(u->hits, (size_t)u->hit_cap * sizeof *u->hits);
    }
    u->hits[u->hit_count++] = (struct ui_hit){row, col, rows, cols, what, index, part};
}

static const struct ui_hit *ui_find_hit(const struct ui *u, int row, int col)
{
    for (int i = u->hit_count - 1; i >= 0; i--) {
        const struct ui_hit *hit = &u->hits[i];
        if (row >= hit->row && row < hit->row + hit->rows && col >= hit->col &&
            col < hit->col + hit->cols)
            return hit;
    }
    return NULL;
}

static int ui_wheel(const struct term_event *ev)
{
    if (ev->type != TERM_MOUSE)
        return 0;
    return ev->mouse == TERM_WHEEL_UP     ? UI_WHEEL_LINES
           : ev->mouse == TERM_WHEEL_DOWN ? -UI_WHEEL_LINES
                                          : 0;
}

static const struct ui_hit *ui_clicked(const struct ui *u, const struct term_event *ev)
{
    int press = ev->type == TERM_MOUSE && ev->mouse == TERM_PRESS && ev->button == 0;
    return press ? ui_find_hit(u, ev->row, ev->col) : NULL;
}

/* ---- box and wrapped text ------------------------------------------------------------------- */

static void ui_box_draw(struct ui *u, int rows, int cols, const char *title, int *row, int *col)
{
    static const char *const unicode[] = {"╭", "╮", "╰", "╯", "─", "│"};
    static const char *const ascii[] = {"+", "+", "+", "+", "-", "|"};
    struct grid *g = u->grid;
    const char *const *line = g->ascii ? ascii : unicode;
    const struct cell_style border = ui_style(u, THEME_BORDER);
    rows = ui_min(rows, g->rows - 2);
    cols = ui_min(cols, g->cols - 4);
    int top = ui_max(0, (g->rows - rows - 2) / 2), left = ui_max(0, (g->cols - cols - 4) / 2);
    int bottom = top + rows + 1, right = left + cols + 3;
    u->hit_count = 0;
    grid_fill(g, top, left, rows + 2, cols + 4, ui_style(u, THEME_TEXT));
    for (int x = left + 1; x < right; x++) {
        ui_put(g, top, x, 1, line[4], border);
        ui_put(g, bottom, x, 1, line[4], border);
    }
    for (int y = top; y <= bottom; y++) {
        ui_put(g, y, left, 1, y == top ? line[0] : y == bottom ? line[2] : line[5], border);
        ui_put(g, y, right, 1, y == top ? line[1] : y == bottom ? line[3] : line[5], border);
    }
    if (title) {
        int used = 1 + ui_put_cut(g, top, left + 3, cols - 2, title, ui_style(u, THEME_TITLE));
        ui_put(g, top, left + 2, 1, " ", border);
        ui_put(g, top, left + 2 + used, 1, " ", border);
    }
    *row = top + 1;
    *col = left + 2;
}

static int ui_wrapped_draw(struct grid *g, int row, int col, int width, int rows, span text,
                           struct cell_style style)
{
    int lines = 0;
    while (text.n && width > 0) {
        int used;
        size_t n = cell_fit(text, width, &used), cut = n;
        int whole = n == text.n || text.p[n] == ' '; /* nothing is cut in two */
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
        } else if (lines < rows) { /* more than there is room for: its cut is seen */
            char *rest = span_dup((span){all.p, cell_fit(all, width + 2, &used)});
            ui_put_cut(g, row + lines, col, width, rest, style);
            free(rest);
        }
        lines++;
    }
    return lines;
}

/* ---- buttons -------------------------------------------------------------------------------- */

/* [ Word ], or [Word] where room is short. */
static int ui_button_draw(struct ui *u, int row, int col, int width, const char *word, int index,
                          int focused, int tight)
{
    struct cell_style style = ui_style(u, focused ? THEME_SELECTED : THEME_BUTTON);
    int used = ui_put(u->grid, row, col, width, tight ? "[" : "[ ", style);
    used += ui_put_cut(u->grid, row, col + used, width - 2 * used, word, style);
    used += ui_put(u->grid, row, col + used, width - used, tight ? "]" : " ]", style);
    ui_add_hit(u, row, col, 1, used, UI_BUTTON, index, 0);
    return used;
}

/* Both in a row; focus: 0, 1 or neither. */
static void ui_buttons_draw(struct ui *u, int row, int col, int width, const char *yes,
                            const char *no, int focus)
{
    int second = cell_columns(span_of(no)), words = cell_columns(span_of(yes)) + second;
    int tight = words + 8 + 1 > width;
    int most = ui_max((width - 1) / 2, width - 1 - second - (tight ? 2 : 4));
    int used = ui_button_draw(u, row, col, most, yes, 0, focus == 0, tight) + 1;
    used += words + 8 + 2 <= width;
    ui_button_draw(u, row, col + used, width - used, no, 1, focus == 1, tight);
}

/* ---- form ----------------------------------------------------------------------------------- */

static struct ui_line *ui_form_add(struct ui_form *f, const char *label, const char *text)
{
    struct ui_line *line = &f->lines[f->count++];
    *line = (struct ui_line){.label = label};
    field_set(&line->field, text);
    return line;
}

static void ui_form_choose(struct ui_line *line, int step)
{
    line->choice = (line->choice + line->choice_count + step) % line->choice_count;
}

static void ui_form_move(struct ui_form *f, int step)
{
    int stops = f->count + 2;
    f->focus = (f->focus + stops + step) % stops;
}

/* What can't be had is said, not sent. */
static enum ui_answer ui_form_submit(struct ui_form *f)
{
    for (int i = 0; i < f->count; i++) {
        const struct ui_line *line = &f->lines[i];
        const char *note = line->choices && line->notes ? line->notes[line->choice] : NULL;
        if (!note)
            continue;
        f->focus = i;
        buf_fmt(&f->error, "%s: %s", line->choices[line->choice], note);
        return UI_NOT_YET;
    }
    return UI_SUBMIT;
}

static enum ui_answer ui_form_click(struct ui *u, struct ui_form *f, const struct term_event *ev)
{
    const struct ui_hit *hit = ui_clicked(u, ev);
    if (!hit)
        return UI_NOT_YET;
    if (hit->what == UI_BUTTON)
        return hit->index == 1 ? UI_CANCEL : f->busy ? UI_NOT_YET : ui_form_submit(f);
    if (hit->what != UI_LINE || hit->index >= f->count || f->busy)
        return UI_NOT_YET;
    struct ui_line *line = &f->lines[f->focus = hit->index];
    if (line->choices && hit->part >= 0 && hit->part < line->choice_count)
        line->choice = hit->part;
    else if (!line->choices && hit->part >= 0)
        field_click(&line->field, ev->row - hit->row, ev->col - hit->col);
    return UI_NOT_YET;
}

/* Tab in a text line: 1: it completed something, or shows what there is to choose from. */
static int ui_form_complete(struct ui_form *f, struct ui_line *line)
{
    int shown = f->hint.n > 0;
    size_t before = line->field.text.n;
    buf_clear(&f->hint);
    if (!line->complete || !line->complete(&line->field, &f->hint))
        return 0;
    if (shown && f->hint.n && line->field.text.n == before) { /* seen, and passed over */
        buf_clear(&f->hint);
        return 0;
    }
    return 1;
}

static enum ui_answer ui_form_button_key(struct ui_form *f, int key)
{
    if (key == '\r' || key == ' ')
        return f->focus == f->count ? ui_form_submit(f) : UI_CANCEL;
    if (key == TERM_LEFT || key == TERM_UP)
        ui_form_move(f, -1);
    else if (key == TERM_RIGHT || key == TERM_DOWN)
        ui_form_move(f, 1);
    return UI_NOT_YET;
}

static void ui_form_line_key(struct ui_form *f, struct ui_line *line, int key,
                             const struct term_event *ev)
{
    int taken = 1;
    if (!line->choices)
        taken = field_event(&line->field, ev);
    else if (key == TERM_RIGHT || key == ' ')
        ui_form_choose(line, 1);
    else if (key == TERM_LEFT)
        ui_form_choose(line, -1);
    else
        taken = 0;
    if (!taken && (key == TERM_UP || key == TERM_DOWN))
        ui_form_move(f, key == TERM_UP ? -1 : 1);
}

static enum ui_answer ui_form_event(struct ui *u, struct ui_form *f, const struct term_event *ev)
{
    int on_line = f->focus < f->count;
    struct ui_line *line = on_line ? &f->lines[f->focus] : NULL;
    int key = ev->type == TERM_KEY && !(ev->mods & ~(unsigned)TERM_SHIFT) ? (int)ev->key : -1;
    int back = key == '\t' && (ev->mods & TERM_SHIFT);
    if (key == 0x1b)
        return UI_CANCEL;
    if (ev->type == TERM_MOUSE) {
        if (ev->mouse == TERM_PRESS)
            buf_clear(&f->error), buf_clear(&f->hint);
        return ui_form_click(u, f, ev);
    }
    if (f->busy || (ev->type != TERM_KEY && ev->type != TERM_PASTE))
        return UI_NOT_YET;
    buf_clear(&f->error);
    if (key == '\t' && !back && on_line && ui_form_complete(f, line))
        return UI_NOT_YET;
    buf_clear(&f->hint);
    if (ev->type == TERM_KEY && ev->key == 's' && ev->mods == TERM_CTRL)
        return ui_form_submit(f);
    if (key == '\t')
        ui_form_move(f, back ? -1 : 1);
    else if (!on_line)
        return ui_form_button_key(f, key);
    else if (key == '\r' && f->focus == f->count - 1)
        return ui_form_submit(f);
    else if (key == '\r')
        ui_form_move(f, 1);
    else
        ui_form_line_key(f, line, key, ev);
    return UI_NOT_YET;
}

static int ui_choice_columns(const struct ui_line *line, int i)
{
    const char *note = line->notes && i == line->choice ? line->notes[i] : NULL;
    return cell_columns(span_of(line->choices[i])) + 2 +
           (note ? cell_columns(span_of(note)) + 2 : 0);
}

/* The first choice to draw so that the chosen one is within `width`. */
static int ui_first_choice(const struct ui_line *line, int width)
{
    int first = line->choice, columns = ui_choice_columns(line, first);
    while (first > 0 && columns + ui_choice_columns(line, first - 1) <= width)
        columns += ui_choice_columns(line, --first);
    return first;
}

static void ui_form_draw_choices(struct ui *u, int row, int col, int width, int index,
                                 const struct ui_line *line, int focused)
{
    int at = 0;
    for (int i = ui_first_choice(line, width); i < line->choice_count && at < width; i++) {
        const char *note = line->notes ? line->notes[i] : NULL;
        struct cell_style style = ui_style(u, i == line->choice
                                                  ? (focused ? THEME_SELECTED : THEME_TITLE)
                                              : note ? THEME_DIM
                                                     : THEME_TEXT);
        buf text = {0};
        int with_note = i == line->choice && note;
        buf_fmt(&text, " %s%s%s ", line->choices[i], with_note ? ": " : "", with_note ? note : "");
        int used = ui_put_cut(u->grid, row, col + at, width - at, buf_cstr(&text), style);
        ui_add_hit(u, row, col + at, 1, used, UI_LINE, index, i);
        at += used;
        buf_free(&text);
    }
}

static void ui_form_draw_line(struct ui *u, struct ui_form *f, int i, int row, int col, int rows,
                              int width, int label)
{
    struct ui_line *line = &f->lines[i];
    int focused = i == f->focus;
    ui_put_cut(u->grid, row, col, label - 1, line->label,
               ui_style(u, focused ? THEME_ACCENT : THEME_DIM));
    ui_add_hit(u, row, col, rows, label, UI_LINE, i, -1);
    if (line->choices) {
        ui_form_draw_choices(u, row, col + label, width - label, i, line, focused);
        return;
    }
    field_draw(u->grid, row, col + label, rows, width - label, &line->field,
               ui_style(u, THEME_FIELD), focused && !f->busy);
    ui_add_hit(u, row, col + label, rows, width - label, UI_LINE, i, 0);
}

/* Below the lines: what went wrong, else what completion offers, else the keys. */
static int ui_form_draw_status(struct ui *u, const struct ui_form *f, int row, int col, int width,
                               int rows)
{
    buf keys = {0};
    int lines;
    if (f->busy)
        buf_str(&keys, "one moment…");
    else
        buf_fmt(&keys, "Enter next, %sCtrl-S %s, Esc cancel",
                f->focus < f->count && f->lines[f->focus].field.rows > 1 ? "Alt-Enter new line, "
                                                                         : "",
                f->submit);
    if (f->error.n) {
        lines = ui_wrapped_draw(u->grid, row, col, width, rows, buf_view(&f->error),
                                ui_style(u, THEME_ALARM));
    } else if (f->hint.n) {
        lines = ui_wrapped_draw(u->grid, row, col, width, rows, buf_view(&f->hint),
                                ui_style(u, THEME_HINT));
    } else {
        lines = 1;
        if (rows)
            ui_put_cut(u->grid, row, col, width, buf_cstr(&keys), ui_style(u, THEME_HINT));
    }
    buf_free(&keys);
    return lines;
}

static int ui_form_height(const struct ui_form *f, int i, int width, int most)
{
    const struct ui_line *line = &f->lines[i];
    if (i >= f->count || line->choices)
        return 1;
    return ui_max(1, ui_min(most, field_height(&line->field, width)));
}

#define UI_FORM_STATUS_MAX 3
#define UI_FORM_COLS 72

/* Lines, a blank, the buttons, the status; where that is too high, what is around the focus. */
static void ui_form_draw(struct ui *u, struct ui_form *f)
{
    int label = 0, width = ui_min(UI_FORM_COLS, u->grid->cols - 4), row, col, total = 0;
    for (int i = 0; i < f->count; i++)
        label = ui_max(label, cell_columns(span_of(f->lines[i].label)) + 2);
    if (width < 40)
        label = ui_min(label, width / 3);
    int status = ui_min(ui_form_draw_status(u, f, 0, 0, width, 0), UI_FORM_STATUS_MAX);
    int most = ui_max(1, u->grid->rows - 2 - status);
    for (int i = 0; i <= f->count; i++)
        total += ui_form_height(f, i, width - label, most);
    int gap = total + 2 <= most, rows = ui_min(total + 2 * gap, most);
    ui_box_draw(u, rows + status, width, f->title, &row, &col);
    int focus = ui_min(f->focus, f->count), first = focus;
    int used = ui_form_height(f, focus, width - label, most);
    while (first > 0 && used + ui_form_height(f, first - 1, width - label, most) <= rows)
        used += ui_form_height(f, --first, width - label, most);
    for (int i = first, y = row; i <= f->count; i++) {
        int height = ui_form_height(f, i, width - label, most);
        y += i == f->count ? gap : 0;
        if (y + height > row + rows)
            break;
        if (i < f->count)
            ui_form_draw_line(u, f, i, y, col, height, width, label);
        else
            ui_buttons_draw(u, y, col, width, f->submit, f->cancel ? f->cancel : "Cancel",
                            f->busy ? -1 : f->focus - f->count);
        y += height;
    }
    ui_form_draw_status(u, f, row + rows, col, width, status);
}

static struct ui_line *ui_form_line(const struct ui_form *f, const char *label)
{
    for (int i = 0; i < f->count; i++)
        if (strcmp(f->lines[i].label, label) == 0)
            return (struct ui_line *)&f->lines[i];
    return NULL;
}

static const char *ui_form_text(struct ui_form *f, const char *label)
{
    struct ui_line *line = ui_form_line(f, label);
    return line ? buf_cstr(&line->field.text) : "";
}

static const char *ui_form_choice(const struct ui_form *f, const char *label)
{
    const struct ui_line *line = ui_form_line(f, label);
    return line && line->choices ? line->choices[line->choice] : NULL;
}

static void ui_form_free(struct ui_form *f)
{
    for (int i = 0; i < f->count; i++)
        field_free(&f->lines[i].field);
    buf_free(&f->error);
    buf_free(&f->hint);
    *f = (struct ui_form){0};
}

/* ---- confirmation --------------------------------------------------------------------------- */

static uint32_t ui_first_letter(const char *word)
{
    unsigned char c = (unsigned char)word[0];
    return c >= 'A' && c <= 'Z' ? c + 32u : c;
}

static enum ui_answer ui_confirm_event(struct ui *u, struct ui_confirm *c,
                                       const struct term_event *ev)
{
    const struct ui_hit *hit = ui_clicked(u, ev);
    if (hit && hit->what == UI_BUTTON)
        return hit->index == 0 ? UI_SUBMIT : UI_CANCEL;
    if (ev->type != TERM_KEY || ev->mods & ~(unsigned)TERM_SHIFT)
        return UI_NOT_YET;
    switch (ev->key) {
    case '\t':
    case TERM_LEFT:
    case TERM_RIGHT: c->focus = !c->focus; return UI_NOT_YET;
    case '\r': return c->focus ? UI_CANCEL : UI_SUBMIT;
    case 'y': return UI_SUBMIT;
    case 'n':
    case 0x1b: return UI_CANCEL;
    default: break;
    }
    return ev->key == ui_first_letter(c->yes)  ? UI_SUBMIT
           : ev->key == ui_first_letter(c->no) ? UI_CANCEL
                                               : UI_NOT_YET;
}

static void ui_confirm_draw(struct ui *u, const struct ui_confirm *c, span text)
{
    int width = ui_min(60, u->grid->cols - 4), row, col;
    struct cell_style style = ui_style(u, THEME_TEXT);
    int lines = ui_wrapped_draw(u->grid, 0, 0, width, 0, text, style);
    lines = ui_max(0, ui_min(lines, u->grid->rows - 3));
    int gap = lines + 4 <= u->grid->rows;
    ui_box_draw(u, lines + gap + 1, width, c->title, &row, &col);
    ui_wrapped_draw(u->grid, row, col, width, lines, text, style);
    ui_buttons_draw(u, row + lines + gap, col, width, c->yes, c->no, c->focus);
}

/* ---- toasts --------------------------------------------------------------------------------- */

#define UI_TOAST_BYTES_MAX 1024 /* of a message; more isn't kept */

static void ui_toast_add(struct ui_toasts *t, int alarm, const char *text, long long now)
{
    struct ui_toast *toast = &t->ring[t->next];
    span s = span_of(text);
    s.n = s.n < UI_TOAST_BYTES_MAX ? s.n : UI_TOAST_BYTES_MAX;
    free(toast->text);
    *toast = (struct ui_toast){span_dup(s), alarm, clock_wall_ms()};
    t->unread += alarm;
    if (alarm || !t->unread) { /* what went wrong stays until it was read */
        t->shown = t->next + 1;
        t->until = alarm ? 0 : now + UI_TOAST_MS;
    }
    t->next = (t->next + 1) % UI_TOASTS_MAX;
    t->count += t->count < UI_TOASTS_MAX;
}

static int ui_toast_expire(struct ui_toasts *t, long long now)
{
    int over = t->until && now >= t->until;
    if (over)
        t->shown = 0, t->until = 0;
    return over;
}

static void ui_toast_read(struct ui_toasts *t)
{
    if (t->unread)
        t->shown = 0;
    t->unread = 0;
}

static int ui_toast_rows(const struct ui_toasts *t)
{
    return t->shown > 0;
}

static void ui_toast_draw(struct ui *u, const struct ui_toasts *t, int row)
{
    struct grid *g = u->grid;
    char more[40] = "";
    if (!t->shown)
        return;
    const struct ui_toast *toast = &t->ring[t->shown - 1];
    if (t->unread > 1)
        snprintf(more, sizeof more, "and %d more: !", t->unread - 1);
    int width = g->cols - 2, columns = (int)strlen(more);
    if (columns && columns + 10 < width) {
        ui_put(g, row, g->cols - 1 - columns, columns, more, ui_style(u, THEME_HINT));
        width -= columns + 1;
    }
    ui_put_cut(g, row, 1, width, toast->text,
               ui_style(u, toast->alarm ? THEME_ALARM : THEME_TEXT));
}

/* Keys and the wheel move the top of something that is scrolled. */
static int ui_scroll(struct ui_scroll *s, int page, const struct term_event *ev)
{
    int step = 0, most = s->drawn ? s->most : INT_MAX / 4;
    if (ev->type == TERM_MOUSE)
        step = ev->mouse == TERM_WHEEL_UP ? -3 : ev->mouse == TERM_WHEEL_DOWN ? 3 : 0;
    else if (ev->type == TERM_KEY && !ev->mods)
        step = ev->key == TERM_UP     ? -1
               : ev->key == TERM_DOWN ? 1
               : ev->key == TERM_PGUP ? -page
               : ev->key == TERM_PGDN ? page
               : ev->key == TERM_HOME ? -s->top
               : ev->key == TERM_END  ? INT_MAX / 2
                                      : 0;
    s->top = ui_max(0, ui_min(s->top + step, most));
    return step != 0 || (ev->type == TERM_KEY && ev->key == TERM_HOME);
}

/* It is drawn: `rows` of which `shown` have room. */
static void ui_scroll_fit(struct ui_scroll *s, int rows, int shown)
{
    s->most = ui_max(0, rows - shown);
    s->top = ui_min(s->top, s->most);
    s->drawn = 1;
}

#define UI_PAGE 10

static int ui_toasts_event(struct ui_toasts *t, const struct term_event *ev)
{
    return ui_scroll(&t->list, UI_PAGE, ev);
}

static void ui_put_clock(buf *b, long long wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm local;
    char text[16] = "";
    if (localtime_r(&seconds, &local))
        strftime(text, sizeof text, "%H:%M:%S", &local);
    buf_str(b, text);
}

static void ui_toasts_draw(struct ui *u, struct ui_toasts *t)
{
    int row, col, width = ui_min(76, u->grid->cols - 4), rows = ui_max(1, t->count);
    ui_box_draw(u, rows, width, "Messages", &row, &col);
    int shown = ui_min(rows, u->grid->rows - 2);
    ui_scroll_fit(&t->list, rows, shown);
    if (!t->count)
        ui_put_cut(u->grid, row, col, width, "nothing was said yet", ui_style(u, THEME_DIM));
    for (int y = 0; y < shown && t->list.top + y < t->count; y++) {
        int at = (t->next - 1 - t->list.top - y + 2 * UI_TOASTS_MAX) % UI_TOASTS_MAX;
        const struct ui_toast *toast = &t->ring[at];
        buf when = {0};
        ui_put_clock(&when, toast->at);
        int used =
            ui_put(u->grid, row + y, col, width, buf_cstr(&when), ui_style(u, THEME_DIM)) + 1;
        ui_put_cut(u->grid, row + y, col + used, width - used, toast->text,
                   ui_style(u, toast->alarm ? THEME_ALARM : THEME_TEXT));
        buf_free(&when);
    }
}

static void ui_toasts_free(struct ui_toasts *t)
{
    for (int i = 0; i < UI_TOASTS_MAX; i++)
        free(t->ring[i].text);
    *t = (struct ui_toasts){.count = 0};
}

/* ---- names of keys -------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint32_t key;
} ui_key_names[] = {
    {"up", TERM_UP},     {"down", TERM_DOWN},     {"left", TERM_LEFT},   {"right", TERM_RIGHT},
    {"Home", TERM_HOME}, {"End", TERM_END},       {"PgUp", TERM_PGUP},   {"PgDn", TERM_PGDN},
    {"Enter", '\r'},     {"Tab", '\t'},           {"Space", ' '},        {"Esc", 0x1b},
    {"Ins", TERM_INSERT}, {"Del", TERM_DELETE},   {"Backspace", 0x7f},   {"comma", ','},
    {"F1", TERM_F1},     {"F2", TERM_F2},         {"F3", TERM_F3},       {"F4", TERM_F4},
    {"F5", TERM_F5},     {"F6", TERM_F6},         {"F7", TERM_F7},       {"F8", TERM_F8},
    {"F9", TERM_F9},     {"F10", TERM_F10},       {"F11", TERM_F11},     {"F12", TERM_F12},
};

static const struct {
    const char *name;
    unsigned mod;
} ui_mod_names[] = {{"ctrl-", TERM_CTRL}, {"alt-", TERM_ALT}, {"shift-", TERM_SHIFT}};

static char ui_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static int ui_has_prefix(span s, const char *prefix)
{
    size_t n = strlen(prefix), i = 0;
    while (i < n && i < s.n && ui_lower(s.p[i]) == ui_lower(prefix[i]))
        i++;
    return i == n;
}

/* As the decoder tells keys: no Shift on a character, a letter with Ctrl small, Ctrl-I is Tab. */
static int ui_tidy_key(uint32_t *key, unsigned *mods)
{
    if (*key > ' ' && *key < 0x110000 && *key != 0x7f) {
        if (*mods & TERM_SHIFT && *key >= 'a' && *key <= 'z')
            *key -= 32;
        *mods &= ~(unsigned)TERM_SHIFT;
    }
    if (!(*mods & TERM_CTRL) || *key >= 0x110000)
        return 1;
    if (*key >= 'A' && *key <= 'Z')
        *key += 32;
    if (*key == 'i' || *key == 'm' || *key == '[') {
        *key = *key == 'i' ? '\t' : *key == 'm' ? '\r' : 0x1b;
        *mods &= ~(unsigned)TERM_CTRL;
    }
    return *key < 0x80; /* a terminal has no other ones */
}

static int ui_parse_key(span s, uint32_t *key, unsigned *mods)
{
    *mods = 0;
    for (size_t i = 0; i < COUNT_OF(ui_mod_names); i++)
        if (s.n > strlen(ui_mod_names[i].name) && ui_has_prefix(s, ui_mod_names[i].name)) {
            *mods |= ui_mod_names[i].mod;
            s = span_sub(s, strlen(ui_mod_names[i].name));
        }
    for (size_t i = 0; i < COUNT_OF(ui_key_names); i++)
        if (s.n == strlen(ui_key_names[i].name) && ui_has_prefix(s, ui_key_names[i].name)) {
            *key = ui_key_names[i].key;
            return ui_tidy_key(key, mods);
        }
    return s.n && utf8_next(s, key) == s.n && *key > ' ' && *key != 0x7f && *key != 0xfffd &&
           (*key < 0x7f || *key >= 0xa0) && ui_tidy_key(key, mods);
}

static void ui_put_key(buf *b, uint32_t key, unsigned mods)
{
    char bytes[4];
    buf_str(b, mods & TERM_CTRL ? "Ctrl-" : "");
    buf_str(b, mods & TERM_ALT ? "Alt-" : "");
    buf_str(b, mods & TERM_SHIFT ? "Shift-" : "");
    for (size_t i = 0; i < COUNT_OF(ui_key_names); i++)
        if (ui_key_names[i].key == key) {
            buf_str(b, ui_key_names[i].name);
            return;
        }
    if (mods & TERM_CTRL && key >= 'a' && key <= 'z')
        key -= 32;
    buf_add(b, bytes, utf8_encode(key, bytes));
}

/* ---- the key table -------------------------------------------------------------------------- */

#define UI_BOUND_MAX 8 /* keys of one action */
#define UI_KEY_EXPECTED \
    ": expected a key: a character, Enter, Tab, Space, Esc, up, PgUp, F1 …, with Ctrl-, Alt- or " \
    "Shift- before it"

static const struct config_entry *ui_bound_to(const struct config *c, const char *action)
{
    for (int i = 0; action && i < c->keys.count; i++)
        if (strcmp(c->keys.items[i].name, action) == 0)
            return &c->keys.items[i];
    return NULL;
}

static const struct ui_key *ui_row_of(const struct ui_key *rows, size_t count, const char *action)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].action && strcmp(rows[i].action, action) == 0)
            return &rows[i];
    return NULL;
}

static void ui_push_key(struct ui_keys *keys, const struct ui_key *row, int line)
{
    if (keys->count == keys->cap) {
        keys->cap = keys->cap ? keys->cap * 2 : keys->table_count;
        keys->rows = base_grow(keys->rows, keys->cap * sizeof *keys->rows);
        keys->lines = base_grow(keys->lines, keys->cap * sizeof *keys->lines);
    }
    keys->rows[keys->count] = *row;
    keys->lines[keys->count++] = line;
}

static const char *ui_own(struct ui_keys *keys, const buf *name)
{
    keys->owned = base_grow(keys->owned, (keys->owned_count + 1) * sizeof *keys->owned);
    return keys->owned[keys->owned_count++] = span_dup(buf_view(name));
}

/* What ui_bind_keys works on. */
struct ui_binding {
    struct ui_keys *keys;
    const struct ui_key *table;
    size_t count;
    const struct config *config;
    buf *problems; /* may be NULL */
};

static const struct ui_key *ui_same_key(const struct ui_key *row, const struct ui_key *like)
{
    return row->key == like->key && row->mods == like->mods && row->contexts & like->contexts
               ? row
               : NULL;
}

/* Who has that key already: an action that keeps its keys, or one that was bound before. */
static const struct ui_key *ui_clash(const struct ui_binding *b, const struct ui_key *like)
{
    const struct ui_key *found = NULL;
    for (size_t i = 0; i < b->count && !found; i++)
        if (!ui_bound_to(b->config, b->table[i].action))
            found = ui_same_key(&b->table[i], like);
    for (size_t i = 0; i < b->keys->count && !found; i++)
        found = ui_same_key(&b->keys->rows[i], like);
    return found;
}

static void ui_bind_problem(struct ui_binding *b, const struct config_entry *entry, span about,
                            const char *what)
{
    if (b->problems)
        config_put_problem(b->config, b->problems, entry->line, about, what);
}

/* Why a key of the entry isn't bound: not a key, another one's, or one too many. */
static void ui_bind_refused(struct ui_binding *b, const struct config_entry *entry, span name,
                            const struct ui_key *other, int known)
{
    buf what = {0};
    if (!known)
        buf_str(&what, UI_KEY_EXPECTED);
    else if (other)
        buf_fmt(&what, ": a key that nothing else has is expected: this one is bound to %s",
                other->action ? other->action : "something fixed");
    else
        buf_fmt(&what, ": at most %d keys are expected", UI_BOUND_MAX);
    ui_bind_problem(b, entry, name, buf_cstr(&what));
    buf_free(&what);
}

/* Makes rows like `first` with the keys of the entry; 0: there are some, but none to be used. */
static int ui_bind_action(struct ui_binding *b, const struct config_entry *entry,
                          const struct ui_key *first)
{
    struct ui_key row = *first;
    int made = 0;
    for (span rest = span_of(entry->value); rest.p && rest.n;) {
        const struct ui_key *other = NULL;
        span name = span_trim(span_cut(&rest, ','), " \t");
        int known = ui_parse_key(name, &row.key, &row.mods);
        if (known)
            other = ui_clash(b, &row);
        if (!known || other || made == UI_BOUND_MAX) {
            ui_bind_refused(b, entry, name, known ? other : NULL, known);
            continue;
        }
        buf shown = {0};
        ui_put_key(&shown, row.key, row.mods);
        row.shown = ui_own(b->keys, &shown);
        buf_free(&shown);
        ui_push_key(b->keys, &row, entry->line);
        row.footer = row.help = NULL;
        made++;
    }
    return made || !entry->value[0];
}

/* An action keeps those of its own keys that nobody else was given. */
static void ui_keep_action(struct ui_binding *b, const struct ui_key *first)
{
    for (size_t i = (size_t)(first - b->table); i < b->count; i++)
        if (b->table[i].action && strcmp(b->table[i].action, first->action) == 0 &&
            !ui_clash(b, &b->table[i]))
            ui_push_key(b->keys, &b->table[i], 0);
}

/* A line of help and those like it name all their keys, if one was bound anew. */
static void ui_name_group(struct ui_keys *keys, size_t head)
{
    buf names = {0};
    int bound = 0;
    for (size_t i = head; i < keys->count && (i == head || !keys->rows[i].help); i++) {
        const struct ui_key *row = &keys->rows[i];
        if (!(row->contexts & keys->rows[head].contexts))
            continue;
        bound |= keys->lines[i] > 0;
        buf_str(&names, names.n ? ", " : "");
        ui_put_key(&names, row->key, row->mods);
    }
    if (bound)
        keys->rows[head].shown = ui_own(keys, &names);
    buf_free(&names);
}

static void ui_bind_keys(struct ui_keys *keys, const struct ui_key *table, size_t count,
                         const struct config *c, buf *problems)
{
    struct ui_binding b = {keys, table, count, c, problems};
    const struct ui_key *helpless = NULL; /* has help for the rows after it, but no key */
    *keys = (struct ui_keys){.table = table, .table_count = count};
    for (size_t i = 0; i < count; i++) {
        const struct config_entry *entry = ui_bound_to(c, table[i].action);
        size_t before = keys->count;
        if (!entry)
            ui_push_key(keys, &table[i], 0);
        else if (ui_row_of(table, count, table[i].action) == &table[i] &&
                 !ui_bind_action(&b, entry, &table[i]))
            ui_keep_action(&b, &table[i]);
        if (table[i].help)
            helpless = keys->count == before ? &table[i] : NULL;
        else if (helpless && keys->count > before && table[i].contexts & helpless->contexts) {
            keys->rows[before].help = helpless->help;
            helpless = NULL;
        }
    }
    for (int i = 0; i < c->keys.count; i++)
        if (!ui_row_of(table, count, c->keys.items[i].name))
            ui_bind_problem(&b, &c->keys.items[i], span_of(c->keys.items[i].name),
                            ": no such action; telec config lists them");
    for (size_t i = 0; c->keys.count && i < keys->count; i++)
        if (keys->rows[i].help)
            ui_name_group(keys, i);
}

static void ui_free_keys(struct ui_keys *keys)
{
    for (size_t i = 0; i < keys->owned_count; i++)
        free(keys->owned[i]);
    free(keys->owned);
    free(keys->rows);
    free(keys->lines);
    *keys = (struct ui_keys){0};
}

static void ui_put_keys(const struct ui_keys *keys, const struct config *c, buf *b)
{
    buf_str(b, "[keys]\n");
    for (size_t i = 0; i < keys->table_count; i++) {
        const char *action = keys->table[i].action;
        buf names = {0};
        int line = 0;
        if (!action || ui_row_of(keys->table, keys->table_count, action) != &keys->table[i])
            continue;
        const struct config_entry *entry = ui_bound_to(c, action);
        if (entry && !entry->value[0])
            line = entry->line;
        for (size_t k = 0; k < keys->count; k++) {
            const struct ui_key *row = &keys->rows[k];
            if (!row->action || strcmp(row->action, action) != 0)
                continue;
            line = keys->lines[k];
            buf_str(&names, names.n ? ", " : "");
            ui_put_key(&names, row->key, row->mods);
        }
        config_put_value(c, b, action, buf_cstr(&names), line);
        buf_free(&names);
    }
}

static const struct ui_key *ui_find_key(const struct ui_key *keys, size_t count, unsigned context,
                                        const struct term_event *ev)
{
    for (size_t i = 0; i < count; i++) {
        unsigned mods = ev->mods;
        if (ev->key < 0x110000 && ev->key > ' ' && ev->key != 0x7f)
            mods &= ~(unsigned)TERM_SHIFT; /* a character has its shift in itself */
        if ((keys[i].contexts & context) && keys[i].key == ev->key && keys[i].mods == mods)
            return &keys[i];
    }
    return NULL;
}

static void ui_footer_draw(struct ui *u, const struct ui_key *keys, size_t count, unsigned context)
{
    struct grid *g = u->grid;
    int col = 1, row = g->rows - 1;
    for (size_t i = 0; i < count; i++) {
        if (!keys[i].footer || !(keys[i].contexts & context))
            continue;
        int shown = cell_columns(span_of(keys[i].shown));
        int width = shown + 1 + cell_columns(span_of(keys[i].footer));
        if (col + width >= g->cols)
            return;
        ui_put(g, row, col, shown, keys[i].shown, ui_style(u, THEME_KEY));
        ui_put(g, row, col + shown + 1, width - shown - 1, keys[i].footer,
               ui_style(u, THEME_HINT));
        ui_add_hit(u, row, col, 1, width, UI_KEY, (int)i, 0);
        col += width + 2;
    }
}

/* ---- help ----------------------------------------------------------------------------------- */

static int ui_help_event(struct ui_help *h, const struct term_event *ev)
{
    if (ev->type == TERM_KEY && ev->key == 0x1b && h->filter.text.n) {
        field_set(&h->filter, "");
        return 1;
    }
    if (ui_scroll(&h->list, UI_PAGE, ev))
        return 1;
    if (ev->type == TERM_KEY && !ev->mods && ev->key == '?' && !h->filter.text.n)
        return 0; /* the key that opened it closes it */
    size_t before = h->filter.text.n;
    int taken = field_event(&h->filter, ev);
    h->list.top = h->filter.text.n != before ? 0 : h->list.top;
    return taken;
}

/* Does the text contain the filter, small and large letters being the same? */
static int ui_contains(const char *text, span filter)
{
    size_t n = strlen(text);
    for (size_t i = 0; i + filter.n <= n; i++) {
        size_t k = 0;
        while (k < filter.n && ui_lower(text[i + k]) == ui_lower(filter.p[k]))
            k++;
        if (k == filter.n)
            return 1;
    }
    return 0;
}

static int ui_help_matches(const struct ui_help *h, const struct ui_key *key)
{
    span filter = buf_view(&h->filter.text);
    return key->help && (ui_contains(key->shown, filter) || ui_contains(key->help, filter));
}

/* How many lines there are, how many of them match, and the columns that the names take. */
static void ui_help_count(const struct ui_help *h, const struct ui_key *keys, size_t count,
                          int *all, int *found, int *names)
{
    *all = *found = *names = 0;
    for (size_t i = 0; i < count; i++) {
        *all += keys[i].help != NULL;
        *found += ui_help_matches(h, &keys[i]);
        if (keys[i].help)
            *names = ui_max(*names, cell_columns(span_of(keys[i].shown)));
    }
}

/* The filter's line: what is typed, and how much of all it leaves. */
static void ui_help_draw_filter(struct ui *u, struct ui_help *h, int row, int col, int width,
                                int found, int all)
{
    char counts[40];
    snprintf(counts, sizeof counts, "%d of %d", found, all);
    int columns = (int)strlen(counts), label = 8;
    int room = width - columns - 1;
    ui_put(u->grid, row, col + width - columns, columns, counts, ui_style(u, THEME_DIM));
    if (room <= label + 2)
        label = 0;
    else
        ui_put(u->grid, row, col, label, "Filter", ui_style(u, THEME_ACCENT));
    field_draw(u->grid, row, col + label, 1, room - label, &h->filter, ui_style(u, THEME_FIELD), 1);
}

static void ui_help_draw(struct ui *u, struct ui_help *h, const struct ui_key *keys, size_t count,
                         const char *title)
{
    int all, found, names, row, col, width = ui_min(76, u->grid->cols - 4), line = 0;
    ui_help_count(h, keys, count, &all, &found, &names);
    names = ui_min(names, width / 2);
    ui_box_draw(u, all + 1, width, title, &row, &col);
    int shown = ui_max(0, ui_min(all, u->grid->rows - 3));
    ui_help_draw_filter(u, h, row++, col, width, found, all);
    ui_scroll_fit(&h->list, found, shown);
    for (size_t i = 0; i < count; i++) {
        int y = line - h->list.top;
        if (!ui_help_matches(h, &keys[i]))
            continue;
        line++;
        if (y < 0 || y >= shown)
            continue;
        ui_put_cut(u->grid, row + y, col, names, keys[i].shown, ui_style(u, THEME_KEY));
        ui_put_cut(u->grid, row + y, col + names + 2, width - names - 2, keys[i].help,
                   ui_style(u, THEME_TEXT));
    }
}

static void ui_help_free(struct ui_help *h)
{
    field_free(&h->filter);
    h->list = (struct ui_scroll){0};
}
