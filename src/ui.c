/* ui - widgets: an edited line, a form, a box, and what is drawn from a key table: footer and help.
 *
 * A widget is a struct, a function that takes an event, and one that draws; none of them reads or
 * writes. Colours are the terminal's own: default foreground and background, and its palette for
 * accents. */

static int ui_put(struct term_grid *g, int row, int col, int width, const char *text,
                  struct cell_style style)
{
    return term_put(g, row, col, width, span_of(text), style);
}

static int ui_min(int a, int b)
{
    return a < b ? a : b;
}

static int ui_max(int a, int b)
{
    return a > b ? a : b;
}

/* ---- text field ----------------------------------------------------------------------------- */

static void ui_field_set(struct ui_field *f, const char *text)
{
    buf_clear(&f->text);
    utf8_put_clean(&f->text, span_of(text));
    f->cursor = f->text.n;
}

static void ui_field_free(struct ui_field *f)
{
    buf_free(&f->text);
    f->cursor = 0;
}

static void ui_field_insert(struct ui_field *f, span s)
{
    buf tail = {0};
    buf_span(&tail, span_sub(buf_view(&f->text), f->cursor));
    f->text.n = f->cursor;
    buf_span(&f->text, s);
    f->cursor = f->text.n;
    buf_span(&f->text, buf_view(&tail));
    buf_free(&tail);
}

/* The start of the grapheme before `at`. */
static size_t ui_field_before(const struct ui_field *f, size_t at)
{
    size_t i = 0, last = 0;
    int width;
    while (i < at) {
        last = i;
        i += cell_next_grapheme((span){f->text.p + i, f->text.n - i}, &width);
    }
    return last;
}

static size_t ui_field_after(const struct ui_field *f, size_t at)
{
    int width;
    return at < f->text.n ? at + cell_next_grapheme((span){f->text.p + at, f->text.n - at}, &width)
                          : at;
}

static void ui_field_remove(struct ui_field *f, size_t from, size_t to)
{
    if (to > from) {
        memmove(f->text.p + from, f->text.p + to, f->text.n - to);
        f->text.n -= to - from;
    }
    f->cursor = from;
}

static size_t ui_field_word_before(const struct ui_field *f)
{
    size_t at = f->cursor;
    while (at > 0 && f->text.p[at - 1] == ' ')
        at--;
    while (at > 0 && f->text.p[at - 1] != ' ')
        at--;
    return at;
}

/* A paste becomes one line: what can't stand in it becomes blanks. */
static void ui_field_paste(struct ui_field *f, span text)
{
    buf clean = {0};
    utf8_put_clean(&clean, text);
    for (size_t i = 0; i < clean.n; i++)
        if ((unsigned char)clean.p[i] < 0x20 || clean.p[i] == 0x7f)
            clean.p[i] = ' ';
    ui_field_insert(f, buf_view(&clean));
    buf_free(&clean);
}

static int ui_field_ctrl(struct ui_field *f, uint32_t key)
{
    switch (key) {
    case 'a': f->cursor = 0; return 1;
    case 'e': f->cursor = f->text.n; return 1;
    case 'u': ui_field_remove(f, 0, f->cursor); return 1;
    case 'k': ui_field_remove(f, f->cursor, f->text.n); return 1;
    case 'w': ui_field_remove(f, ui_field_word_before(f), f->cursor); return 1;
    default: return 0;
    }
}

static int ui_field_event(struct ui_field *f, const struct term_event *ev)
{
    char bytes[4];
    if (ev->type == TERM_PASTE) {
        ui_field_paste(f, ev->text);
        return 1;
    }
    if (ev->type != TERM_KEY || (ev->mods & TERM_ALT))
        return 0;
    if (ev->mods & TERM_CTRL)
        return ui_field_ctrl(f, ev->key);
    switch (ev->key) {
    case TERM_LEFT: f->cursor = ui_field_before(f, f->cursor); return 1;
    case TERM_RIGHT: f->cursor = ui_field_after(f, f->cursor); return 1;
    case TERM_HOME: f->cursor = 0; return 1;
    case TERM_END: f->cursor = f->text.n; return 1;
    case TERM_DELETE: ui_field_remove(f, f->cursor, ui_field_after(f, f->cursor)); return 1;
    case 0x7f: ui_field_remove(f, ui_field_before(f, f->cursor), f->cursor); return 1;
    default: break;
    }
    if (ev->key < 0x20 || ev->key >= 0x110000)
        return 0;
    ui_field_insert(f, (span){bytes, utf8_encode(ev->key, bytes)});
    return 1;
}

/* The text from far enough on that the cursor is within `width` columns. */
static void ui_field_draw(struct term_grid *g, int row, int col, int width,
                          const struct ui_field *f, int focused)
{
    static const struct cell_style line = {0, 0, 1 << CELL_UNDERLINE_SHIFT};
    size_t from = 0;
    int w;
    if (width < 1)
        return;
    while (cell_columns((span){f->text.p + from, f->cursor - from}) >= width)
        from += cell_next_grapheme((span){f->text.p + from, f->text.n - from}, &w);
    term_fill(g, row, col, 1, width, line);
    term_put(g, row, col, width, span_sub(buf_view(&f->text), from), line);
    if (!focused)
        return;
    g->cursor_row = row;
    g->cursor_col =
        col + (f->cursor > from ? cell_columns((span){f->text.p + from, f->cursor - from}) : 0);
    g->cursor_shown = 1;
}

/* ---- box and wrapped text ------------------------------------------------------------------- */

static void ui_box_draw(struct term_grid *g, int rows, int cols, const char *title, int *row,
                        int *col)
{
    const char *const *line;
    static const char *const unicode[] = {"╭", "╮", "╰", "╯", "─", "│"};
    static const char *const ascii[] = {"+", "+", "+", "+", "-", "|"};
    rows = ui_min(rows, g->rows - 2);
    cols = ui_min(cols, g->cols - 4);
    int top = ui_max(0, (g->rows - rows - 2) / 2), left = ui_max(0, (g->cols - cols - 4) / 2);
    int bottom = top + rows + 1, right = left + cols + 3;
    line = g->ascii ? ascii : unicode;
    term_fill(g, top, left, rows + 2, cols + 4, ui_plain);
    for (int x = left + 1; x < right; x++) {
        ui_put(g, top, x, 1, line[4], ui_dim);
        ui_put(g, bottom, x, 1, line[4], ui_dim);
    }
    for (int y = top; y <= bottom; y++) {
        ui_put(g, y, left, 1, y == top ? line[0] : y == bottom ? line[2] : line[5], ui_dim);
        ui_put(g, y, right, 1, y == top ? line[1] : y == bottom ? line[3] : line[5], ui_dim);
    }
    if (title) {
        int used = 1 + ui_put(g, top, left + 3, cols - 2, title, ui_bold);
        ui_put(g, top, left + 2, 1, " ", ui_plain);
        ui_put(g, top, left + 2 + used, 1, " ", ui_plain);
    }
    *row = top + 1;
    *col = left + 2;
}

static int ui_wrapped_draw(struct term_grid *g, int row, int col, int width, int rows, span text,
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
        if (lines < rows)
            term_put(g, row + lines, col, width, (span){text.p, n}, style);
        lines++;
        text = span_sub(text, n);
        while (text.n && text.p[0] == ' ')
            text = span_sub(text, 1);
    }
    return lines;
}

/* ---- form ----------------------------------------------------------------------------------- */

static struct ui_line *ui_form_add(struct ui_form *f, const char *label, const char *text)
{
    struct ui_line *line = &f->lines[f->count++];
    *line = (struct ui_line){.label = label};
    ui_field_set(&line->field, text);
    return line;
}

static void ui_form_choose(struct ui_line *line, int step)
{
    line->choice = (line->choice + line->choice_count + step) % line->choice_count;
}

static enum ui_answer ui_form_event(struct ui_form *f, const struct term_event *ev)
{
    struct ui_line *line = &f->lines[f->focus];
    int key = ev->type == TERM_KEY && !(ev->mods & ~(unsigned)TERM_SHIFT) ? (int)ev->key : -1;
    int back = key == TERM_UP || (key == '\t' && (ev->mods & TERM_SHIFT));
    if (key == 0x1b)
        return UI_CANCEL;
    if (f->busy)
        return UI_NOT_YET;
    buf_clear(&f->error);
    if (ev->type == TERM_KEY && ev->key == 's' && ev->mods == TERM_CTRL)
        return UI_SUBMIT;
    if (key == '\r' && f->focus == f->count - 1)
        return UI_SUBMIT;
    if (back)
        f->focus = (f->focus + f->count - 1) % f->count;
    else if (key == '\t' || key == '\r' || key == TERM_DOWN)
        f->focus = (f->focus + 1) % f->count;
    else if (!line->choices)
        ui_field_event(&line->field, ev);
    else if (key == TERM_RIGHT || key == ' ')
        ui_form_choose(line, 1);
    else if (key == TERM_LEFT)
        ui_form_choose(line, -1);
    return UI_NOT_YET;
}

static void ui_form_draw_choice(struct term_grid *g, int row, int col, int width,
                                const struct ui_line *line, int focused)
{
    int at = 0;
    for (int i = 0; i < line->choice_count && at < width; i++) {
        const char *note = line->notes ? line->notes[i] : NULL;
        struct cell_style style = i == line->choice ? (focused ? ui_selected : ui_bold) : ui_dim;
        at += ui_put(g, row, col + at, width - at, " ", style);
        at += ui_put(g, row, col + at, width - at, line->choices[i], style);
        if (note && i == line->choice) {
            at += ui_put(g, row, col + at, width - at, ": ", style);
            at += ui_put(g, row, col + at, width - at, note, style);
        }
        at += ui_put(g, row, col + at, width - at, " ", style);
    }
}

static void ui_form_draw(struct term_grid *g, const struct ui_form *f)
{
    int label = 0, width = ui_min(72, g->cols - 4), row, col;
    char hint[160];
    for (int i = 0; i < f->count; i++)
        label = ui_max(label, cell_columns(span_of(f->lines[i].label)) + 1);
    if (width < 40)
        label = ui_min(label, width / 3);
    int error_rows =
        f->error.n ? ui_wrapped_draw(g, 0, 0, width, 0, buf_view(&f->error), ui_alarm) : 0;
    int rows = ui_min(f->count + 1 + ui_min(error_rows, 3), g->rows - 2);
    ui_box_draw(g, rows, width, f->title, &row, &col);
    int first = ui_max(0, f->focus - ui_max(0, rows - 2 - ui_min(error_rows, 3)));
    for (int i = first; i < f->count && i - first < rows; i++) {
        const struct ui_line *line = &f->lines[i];
        int y = row + i - first, focused = i == f->focus;
        ui_put(g, y, col, label, line->label, focused ? ui_accent : ui_dim);
        if (line->choices)
            ui_form_draw_choice(g, y, col + label, width - label, line, focused);
        else
            ui_field_draw(g, y, col + label, width - label, &line->field, focused && !f->busy);
    }
    snprintf(hint, sizeof hint, f->busy ? "%s…" : "Enter next, Ctrl-S %s, Esc cancel",
             f->busy ? "one moment" : f->submit);
    int y = row + ui_min(f->count, rows - 1 - ui_min(error_rows, 3));
    if (error_rows)
        ui_wrapped_draw(g, y, col, width, 3, buf_view(&f->error), ui_alarm);
    if (rows > f->count)
        ui_put(g, row + rows - 1, col, width, hint, ui_dim);
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
        ui_field_free(&f->lines[i].field);
    buf_free(&f->error);
    *f = (struct ui_form){0};
}

/* ---- keys ----------------------------------------------------------------------------------- */

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

static void ui_footer_draw(struct term_grid *g, const struct ui_key *keys, size_t count,
                           unsigned context)
{
    int col = 1;
    for (size_t i = 0; i < count; i++) {
        if (!keys[i].footer || !(keys[i].contexts & context))
            continue;
        int width =
            cell_columns(span_of(keys[i].shown)) + 1 + cell_columns(span_of(keys[i].footer));
        if (col + width >= g->cols)
            return;
        col += ui_put(g, g->rows - 1, col, g->cols - col, keys[i].shown, ui_bold) + 1;
        col += ui_put(g, g->rows - 1, col, g->cols - col, keys[i].footer, ui_dim) + 2;
    }
}

static int ui_help_draw(struct term_grid *g, const struct ui_key *keys, size_t count,
                        const char *title, int top)
{
    int rows = 0, row, col, width = ui_min(76, g->cols - 4), line = 0;
    for (size_t i = 0; i < count; i++)
        rows += keys[i].help != NULL;
    ui_box_draw(g, rows, width, title, &row, &col);
    int shown = ui_min(rows, g->rows - 2);
    top = ui_max(0, ui_min(top, rows - shown));
    for (size_t i = 0; i < count; i++) {
        if (!keys[i].help)
            continue;
        int y = line++ - top;
        if (y < 0 || y >= shown)
            continue;
        ui_put(g, row + y, col, ui_min(14, width), keys[i].shown, ui_bold);
        ui_put(g, row + y, col + 15, width - 15, keys[i].help, ui_plain);
    }
    return top;
}
