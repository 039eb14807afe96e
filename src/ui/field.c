#include "ui.h"

/* field - text being edited: one line that scrolls sideways, or several lines that break at blanks
 * and scroll up and down.
 *
 * Positions are byte offsets at the start of a grapheme. Typed and pasted text becomes valid UTF-8
 * without control characters; only fields of several lines contain '\n'. */

#define FIELD_TEXT_MAX (256 * 1024) /* longer text is refused */
#define FIELD_TAB "    "
#define FIELD_ENTRIES_MAX 4096      /* of a directory, read to complete a name */
#define FIELD_NAMES_MAX 64          /* names offered to choose from */

static void field_place(struct field *f, span text)
{
    buf_clear(&f->text);
    buf_span(&f->text, text);
    f->cursor = f->text.n;
}

static void field_set(struct field *f, const char *text)
{
    buf clean = {0};
    utf8_put_clean(&clean, span_of(text));
    field_place(f, buf_view(&clean));
    f->back = 0;
    f->top = 0;
    buf_free(&clean);
}

static void field_free(struct field *f)
{
    buf_free(&f->text);
    buf_free(&f->draft);
    f->cursor = 0;
    f->back = f->top = 0;
}

static span field_rest(const struct field *f, size_t at)
{
    return span_sub(buf_view(&f->text), at);
}

static void field_add(struct field *f, span s)
{
    buf tail = {0};
    if (f->text.n + s.n > FIELD_TEXT_MAX)
        return;
    buf_span(&tail, field_rest(f, f->cursor));
    f->text.n = f->cursor;
    buf_span(&f->text, s);
    f->cursor = f->text.n;
    buf_span(&f->text, buf_view(&tail));
    buf_free(&tail);
}

static size_t field_after(const struct field *f, size_t at)
{
    int width;
    return at < f->text.n ? at + cell_next_grapheme(field_rest(f, at), &width) : at;
}

/* Returns the start of the grapheme before `at`; scans from the start of its line. */
static size_t field_before(const struct field *f, size_t at)
{
    size_t i = at ? at - 1 : 0, last;
    while (i > 0 && f->text.p[i - 1] != '\n')
        i--;
    for (last = i; i < at;) {
        last = i;
        i = field_after(f, i);
    }
    return last;
}

static void field_remove(struct field *f, size_t from, size_t to)
{
    if (to > from) {
        memmove(f->text.p + from, f->text.p + to, f->text.n - to);
        f->text.n -= to - from;
    }
    f->cursor = from;
}

static int field_is_blank(const struct field *f, size_t at)
{
    return f->text.p[at] == ' ' || f->text.p[at] == '\n';
}

static size_t field_word_before(const struct field *f)
{
    size_t at = f->cursor;
    while (at > 0 && field_is_blank(f, at - 1))
        at--;
    while (at > 0 && !field_is_blank(f, at - 1))
        at--;
    return at;
}

static size_t field_word_after(const struct field *f)
{
    size_t at = f->cursor;
    while (at < f->text.n && field_is_blank(f, at))
        at++;
    while (at < f->text.n && !field_is_blank(f, at))
        at++;
    return at;
}

/* Returns the start of the cursor's line, after a line break. */
static size_t field_line_start(const struct field *f)
{
    size_t at = f->cursor;
    while (at > 0 && f->text.p[at - 1] != '\n')
        at--;
    return at;
}

static size_t field_line_end(const struct field *f)
{
    size_t at = f->cursor;
    while (at < f->text.n && f->text.p[at] != '\n')
        at++;
    return at;
}

/* Treats CR, LF and CR LF as one line break. */
static void field_insert(struct field *f, span text)
{
    buf clean = {0}, out = {0};
    utf8_put_clean(&clean, text);
    for (size_t i = 0; i < clean.n; i++) {
        unsigned char c = (unsigned char)clean.p[i];
        int is_break = c == '\n' || c == '\r';
        if (c == '\n' && i > 0 && clean.p[i - 1] == '\r' && f->rows > 1)
            continue;
        if (is_break && f->rows > 1)
            buf_byte(&out, '\n');
        else if (c == '\t' && f->rows > 1)
            buf_str(&out, FIELD_TAB);
        else
            buf_byte(&out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
    }
    field_add(f, buf_view(&out));
    buf_free(&clean);
    buf_free(&out);
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* A line as shown: its start, its end, and the start of the next line. */
struct field_line {
    size_t from, end, next;
    int number, last;
};

/* Breaks after a blank, else anywhere. One column stays free for the cursor after the text. */
static struct field_line field_break(const struct field *f, size_t from, int number, int width)
{
    struct field_line line = {.from = from, .number = number};
    span rest = field_rest(f, from);
    int used;
    size_t fit = cell_fit(rest, width > 1 ? width - 1 : 1, &used);
    const char *end = fit ? memchr(rest.p, '\n', fit) : NULL;
    size_t n = end ? (size_t)(end - rest.p) : fit;
    int is_break = n < rest.n && rest.p[n] == '\n';
    if (!is_break && n < rest.n) {
        size_t cut = n;
        while (cut > 0 && rest.p[cut - 1] != ' ')
            cut--;
        n = cut > 0 ? cut : n > 0 ? n : field_after(f, from) - from;
    }
    line.end = from + n;
    line.next = line.end + (size_t)is_break;
    line.last = line.end == f->text.n;
    return line;
}

/* Returns the line that shows byte `at`, or line `most` when that is later. */
static struct field_line field_find(const struct field *f, size_t at, int most, int width)
{
    struct field_line line = field_break(f, 0, 0, width);
    while (!line.last && line.next <= at && line.number < most)
        line = field_break(f, line.next, line.number + 1, width);
    return line;
}

static int field_width(const struct field *f)
{
    return f->width > 0 ? f->width : INT_MAX; /* not drawn yet: no line is broken */
}

/* Returns the text from `from` to `end`; also of an empty field, whose buffer is NULL. */
static span field_part(const struct field *f, size_t from, size_t end)
{
    span part = field_rest(f, from);
    part.n = end > from ? end - from : 0;
    return part;
}

static int field_column(const struct field *f, size_t from, size_t at)
{
    return cell_columns(field_part(f, from, at));
}

/* Returns the offset in a line that is shown at the column, or the nearest one. */
static size_t field_at_column(const struct field *f, struct field_line line, int column)
{
    int used;
    size_t at = line.from + cell_fit(field_part(f, line.from, line.end), column > 0 ? column : 0,
                                     &used);
    if (at == line.end && line.next == line.end && !line.last)
        at = field_before(f, at); /* the end of a broken line is the next line's start */
    return at;
}

/* Moves the cursor by one line. Returns 0 when there is no such line. */
static int field_step_line(struct field *f, int step)
{
    int width = field_width(f);
    struct field_line line = field_find(f, f->cursor, INT_MAX, width);
    int column = field_column(f, line.from, f->cursor);
    if (f->rows < 2 || (step < 0 ? line.number == 0 : line.last))
        return 0;
    line = step < 0 ? field_find(f, f->text.n, line.number - 1, width)
                    : field_break(f, line.next, line.number + 1, width);
    f->cursor = field_at_column(f, line, column);
    return 1;
}

/* ---- history -------------------------------------------------------------------------------- */

static int field_step_history(struct field *f, int step)
{
    int back = f->back - step;
    if (back < 0 || back > (f->history ? f->history->count : 0))
        return 0;
    if (f->back == 0) {
        buf_clear(&f->draft);
        buf_span(&f->draft, buf_view(&f->text));
    }
    f->back = back;
    field_place(f, back ? (span){NULL, 0} : buf_view(&f->draft));
    if (back)
        field_insert(f, span_of(f->history->list[f->history->count - back]));
    if (step < 0) /* the next step then goes further back */
        f->cursor = field_find(f, 0, 0, field_width(f)).end;
    return 1;
}

static int field_step(struct field *f, int step)
{
    return field_step_line(f, step) || field_step_history(f, step);
}

/* ---- keys ----------------------------------------------------------------------------------- */

static int field_break_line(struct field *f)
{
    if (f->rows > 1)
        field_insert(f, span_of("\n"));
    return f->rows > 1;
}

static int field_ctrl(struct field *f, uint32_t key)
{
    switch (key) {
    case 'a': f->cursor = field_line_start(f); return 1;
    case 'e': f->cursor = field_line_end(f); return 1;
    case 'u': field_remove(f, field_line_start(f), f->cursor); return 1;
    case 'k': field_remove(f, f->cursor, field_line_end(f)); return 1;
    case 'w': field_remove(f, field_word_before(f), f->cursor); return 1;
    case 'j': return field_break_line(f);
    case TERM_LEFT: f->cursor = field_word_before(f); return 1;
    case TERM_RIGHT: f->cursor = field_word_after(f); return 1;
    default: return 0;
    }
}

static int field_alt(struct field *f, uint32_t key)
{
    switch (key) {
    case 'b': f->cursor = field_word_before(f); return 1;
    case 'f': f->cursor = field_word_after(f); return 1;
    case 'd': field_remove(f, f->cursor, field_word_after(f)); return 1;
    case 0x7f: field_remove(f, field_word_before(f), f->cursor); return 1;
    case TERM_LEFT: f->cursor = field_word_before(f); return 1;
    case TERM_RIGHT: f->cursor = field_word_after(f); return 1;
    case '\r': return field_break_line(f);
    default: return 0;
    }
}

static int field_plain(struct field *f, uint32_t key)
{
    char bytes[4];
    switch (key) {
    case TERM_UP: return field_step(f, -1);
    case TERM_DOWN: return field_step(f, 1);
    case TERM_LEFT: f->cursor = field_before(f, f->cursor); return 1;
    case TERM_RIGHT: f->cursor = field_after(f, f->cursor); return 1;
    case TERM_HOME: f->cursor = field_line_start(f); return 1;
    case TERM_END: f->cursor = field_line_end(f); return 1;
    case TERM_DELETE: field_remove(f, f->cursor, field_after(f, f->cursor)); return 1;
    case 0x7f: field_remove(f, field_before(f, f->cursor), f->cursor); return 1;
    default: break;
    }
    if (key < 0x20 || key >= 0x110000)
        return 0;
    field_add(f, (span){bytes, utf8_encode(key, bytes)});
    return 1;
}

static int field_event(struct field *f, const struct term_event *ev)
{
    if (ev->type == TERM_PASTE) {
        field_insert(f, ev->text);
        return 1;
    }
    if (ev->type != TERM_KEY)
        return 0;
    if ((ev->mods & (TERM_ALT | TERM_CTRL)) == (TERM_ALT | TERM_CTRL))
        return 0;
    return ev->mods & TERM_ALT    ? field_alt(f, ev->key)
           : ev->mods & TERM_CTRL ? field_ctrl(f, ev->key)
                                  : field_plain(f, ev->key);
}

/* ---- drawing -------------------------------------------------------------------------------- */

static int field_height(const struct field *f, int width)
{
    return f->rows < 2 ? 1 : field_find(f, f->text.n, f->rows - 1, width).number + 1;
}

/* Returns the offset from which a single line is drawn, so that its cursor is within `width`
 * columns. */
static size_t field_first(const struct field *f, int width)
{
    size_t from = 0;
    int columns = field_column(f, 0, f->cursor), w;
    for (; columns >= width; columns -= w)
        from += cell_next_grapheme(field_rest(f, from), &w);
    return from;
}

static void field_show_cursor(struct grid *g, int row, int col)
{
    g->cursor_row = row;
    g->cursor_col = col;
    g->cursor_shown = row >= 0 && row < g->rows && col >= 0 && col < g->cols;
}

static void field_draw_line(struct grid *g, int row, int col, int width, struct field *f,
                            struct cell_style style, int focused)
{
    size_t from = field_first(f, width);
    grid_fill(g, row, col, 1, width, style);
    grid_put(g, row, col, width, field_rest(f, from), style);
    if (focused)
        field_show_cursor(g, row, col + field_column(f, from, f->cursor));
}

static void field_draw(struct grid *g, int row, int col, int rows, int width, struct field *f,
                       struct cell_style style, int focused)
{
    f->width = width;
    if (width < 1 || rows < 1)
        return;
    if (f->rows < 2) {
        field_draw_line(g, row, col, width, f, style, focused);
        return;
    }
    int height = field_height(f, width), at = field_find(f, f->cursor, INT_MAX, width).number;
    rows = height < rows ? height : rows;
    f->top = f->top > at ? at : f->top <= at - rows ? at - rows + 1 : f->top;
    grid_fill(g, row, col, rows, width, style);
    struct field_line line = field_find(f, f->text.n, f->top, width);
    for (int y = 0; y < rows; y++) {
        grid_put(g, row + y, col, width, field_part(f, line.from, line.end), style);
        if (focused && line.number == at)
            field_show_cursor(g, row + y, col + field_column(f, line.from, f->cursor));
        if (line.last)
            break;
        line = field_break(f, line.next, line.number + 1, width);
    }
}

static void field_click(struct field *f, int row, int col)
{
    int width = field_width(f);
    struct field_line line = {.end = f->text.n, .next = f->text.n, .last = 1};
    if (f->rows < 2)
        line.from = field_first(f, width);
    else
        line = field_find(f, f->text.n, f->top + row, width);
    f->cursor = field_at_column(f, line, col);
}

/* ---- completion ----------------------------------------------------------------------------- */

/* Names with a common prefix. */
struct field_names {
    char *names[FIELD_NAMES_MAX];
    int count, more;        /* more: some names are not listed */
    size_t common;          /* length of the prefix of all names, listed or not */
};

static void field_add_name(struct field_names *n, const char *name)
{
    const char *first = n->names[0];
    size_t i = 0;
    for (int k = 0; k < n->count; k++)
        if (strcmp(n->names[k], name) == 0)
            return;
    while (first && i < n->common && name[i] == first[i])
        i++;
    n->common = first ? i : strlen(name);
    if (n->count < FIELD_NAMES_MAX)
        n->names[n->count++] = base_dup(name);
    else
        n->more = 1;
}

/* Returns 1 for a directory, or with `program` for a file that can be run. */
static int field_is_wanted(const char *dir, const char *name, int program)
{
    struct stat st;
    buf path = {0};
    buf_fmt(&path, "%s/%s", dir, name);
    int is = stat(buf_cstr(&path), &st) == 0 && S_ISDIR(st.st_mode) == !program &&
             (!program || access(path.p, X_OK) == 0);
    buf_free(&path);
    return is;
}

/* Lists the directories, or programs, in `dir` that begin with `begin`; hidden ones only when
 * `begin` is hidden. */
static void field_list_names(const char *dir, span begin, int programs, struct field_names *n)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    for (int i = 0; d && i < FIELD_ENTRIES_MAX && (entry = readdir(d)); i++) {
        const char *name = entry->d_name;
        if (strlen(name) < begin.n || (begin.n && memcmp(name, begin.p, begin.n) != 0))
            continue;
        if (name[0] == '.' && (!begin.n || !name[1] || (name[1] == '.' && !name[2])))
            continue;
        if (field_is_wanted(dir, name, programs))
            field_add_name(n, name);
    }
    if (d)
        closedir(d);
}

static int field_compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void field_put_names(struct field_names *n, buf *hint)
{
    base_sort(n->names, (size_t)n->count, sizeof *n->names, field_compare_names);
    for (int i = 0; i < n->count; i++) {
        buf_str(hint, i ? "  " : "");
        utf8_put_visible(hint, span_of(n->names[i]));
    }
    buf_str(hint, n->more ? "  …" : "");
}

/* Returns the length of the name's prefix of n bytes without a cut character. */
static size_t field_whole_utf8(const char *name, size_t n)
{
    while (n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80)
        n--;
    return n;
}

/* Replaces a leading "~" by the home directory. */
static void field_expand_home(struct field *f)
{
    const char *home = getenv("HOME");
    if (!home || home[0] != '/' || !f->text.n || f->text.p[0] != '~' ||
        (f->text.n > 1 && f->text.p[1] != '/'))
        return;
    f->cursor = 0;
    field_remove(f, 0, 1);
    field_insert(f, span_of(home));
    f->cursor = f->text.n;
}

/* Completes the text from `at` on as far as the names agree, with `end` after a single one; else
 * lists them. Frees the names. Returns 1 when it did either. */
static int field_complete(struct field *f, size_t at, struct field_names *found, const char *end,
                          buf *hint)
{
    size_t typed = f->text.n - at;
    size_t common = found->count ? field_whole_utf8(found->names[0], found->common) : 0;
    int single = found->count == 1 && !found->more;
    if (common > typed) {
        f->cursor = f->text.n;
        field_insert(f, (span){found->names[0] + typed, common - typed});
        field_insert(f, span_of(single ? end : ""));
    } else if (found->count > 1) {
        field_put_names(found, hint);
    }
    int done = common > typed || found->count > 1;
    for (int i = 0; i < found->count; i++)
        free(found->names[i]);
    return done;
}

static int field_complete_directory(struct field *f, buf *hint)
{
    struct field_names found = {.count = 0};
    size_t before = f->text.n, slash;
    field_expand_home(f);
    int expanded = f->text.n != before;
    for (slash = f->text.n; slash > 0 && f->text.p[slash - 1] != '/'; slash--)
        ;
    char *dir = span_dup(slash ? (span){f->text.p, slash} : span_of("."));
    field_list_names(dir, field_rest(f, slash), 0, &found);
    free(dir);
    return field_complete(f, slash, &found, "/", hint) | expanded;
}

static int field_complete_command(struct field *f, buf *hint)
{
    struct field_names found = {.count = 0};
    const char *path = getenv("PATH"), *begin = buf_cstr(&f->text);
    span typed = buf_view(&f->text), rest = span_of(path ? path : "");
    for (int i = f->history ? f->history->count : 0; i-- > 0 && typed.n;)
        if (span_starts(span_of(f->history->list[i]), begin))
            field_add_name(&found, f->history->list[i]);
    while (rest.n && typed.n && !memchr(typed.p, ' ', typed.n)) {
        char *dir = span_dup(span_cut(&rest, ':'));
        field_list_names(dir, typed, 1, &found);
        free(dir);
    }
    return field_complete(f, 0, &found, "", hint);
}
