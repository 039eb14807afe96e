#include "ui.h"

/* pager - shows a text on the screen, with light Markdown styling.
 *
 *      text ──▶ shown: the text without markup, control characters made visible
 *               looks: the look of each byte of it
 *               lines: the place of each line in it
 *           ──▶ rows:  the lines broken at blanks, made once per width
 *           ──▶ the visible rows
 *
 * Markdown: headings (#), lists, quotes, rules, fenced code, `code`, **strong**, *emphasis*,
 * [links](target) as their text, \ before punctuation. Everything else is shown as it is: tables,
 * HTML, underlined headings, and all that depends on more than one line. */

#define PAGER_SPAN_MAX 400    /* bytes between two inline marks of a pair */
#define PAGER_NESTED_MAX 4    /* levels of inline marks */
#define PAGER_TAB 8
#define PAGER_HITS_MAX 100000
#define PAGER_INDENT_MAX 16   /* columns; deeper lists stay at this indent */

enum pager_look {
    PAGER_TEXT,
    PAGER_TITLE,              /* # */
    PAGER_HEADING,            /* ## and deeper */
    PAGER_STRONG,
    PAGER_EMPHASIS,
    PAGER_CODE,
    PAGER_QUOTE,
    PAGER_LINK,
    PAGER_MARK,               /* of a list */
    PAGER_FAINT,              /* rules, languages of code, the footer's position */
    PAGER_NAME,               /* in the footer */
    PAGER_ALARM,
    PAGER_ADDED,              /* of a diff */
    PAGER_REMOVED,
    PAGER_LOOKS
};

/* Styles by look, and their names in the theme. THEME_STYLES: the theme's text with these
 * attributes. */
static const struct {
    struct cell_style style;
    enum theme_name name;
} pager_styles[PAGER_LOOKS] = {
    [PAGER_TEXT] = {{0}, THEME_TEXT},
    [PAGER_TITLE] = {{CELL_INDEXED | 6, 0, CELL_BOLD, 0}, THEME_HEADING},
    [PAGER_HEADING] = {{0, 0, CELL_BOLD, 0}, THEME_HEADING},
    [PAGER_STRONG] = {{0, 0, CELL_BOLD, 0}, THEME_STYLES},
    [PAGER_EMPHASIS] = {{0, 0, CELL_ITALIC, 0}, THEME_STYLES},
    [PAGER_CODE] = {{CELL_INDEXED | 2, 0, 0, 0}, THEME_CODE},
    [PAGER_QUOTE] = {{0, 0, CELL_DIM, 0}, THEME_DIM},
    [PAGER_LINK] = {{0, 0, 1 << CELL_UNDERLINE_SHIFT, 0}, THEME_STYLES},
    [PAGER_MARK] = {{CELL_INDEXED | 6, 0, CELL_BOLD, 0}, THEME_ACCENT},
    [PAGER_FAINT] = {{0, 0, CELL_DIM, 0}, THEME_DIM},
    [PAGER_NAME] = {{0, 0, CELL_BOLD, 0}, THEME_TITLE},
    [PAGER_ALARM] = {{CELL_INDEXED | 1, 0, CELL_BOLD, 0}, THEME_ALARM},
    [PAGER_ADDED] = {{CELL_INDEXED | 2, 0, 0, 0}, THEME_LIVE},
    [PAGER_REMOVED] = {{CELL_INDEXED | 1, 0, 0, 0}, THEME_FAILED},
};

static struct cell_style pager_style(const struct pager *p, int look)
{
    enum theme_name name = pager_styles[look].name;
    struct cell_style style = pager_styles[look].style;
    if (!p->theme)
        return style;
    if (name < THEME_STYLES)
        return p->theme->style[name];
    struct cell_style text = p->theme->style[THEME_TEXT];
    text.attr |= style.attr;
    return text;
}

/* ---- text and lines ------------------------------------------------------------------------- */

/* Returns the array with room for one more; it grows at powers of two. */
static void *pager_grow(void *array, int count, size_t size)
{
    if (count & (count - 1))
        return array;
    return base_grow(array, (count ? (size_t)count * 2 : 1) * size);
}

static void pager_put(struct pager *p, span s, enum pager_look look)
{
    if (!s.n)
        return;
    buf_span(&p->shown, s);
    buf_reserve(&p->looks, s.n);
    memset(p->looks.p + p->looks.n, look, s.n);
    p->looks.n += s.n;
}

static struct pager_line *pager_begin_line(struct pager *p)
{
    p->lines = pager_grow(p->lines, p->line_count, sizeof *p->lines);
    struct pager_line *line = &p->lines[p->line_count++];
    *line = (struct pager_line){.at = p->shown.n};
    return line;
}

static void pager_end_line(struct pager *p)
{
    p->lines[p->line_count - 1].end = p->shown.n;
    pager_put(p, span_of("\n"), PAGER_TEXT); /* so that no hit spans two lines */
}

/* Makes a line showable: blanks for tabs, visible control characters, no final CR. */
static void pager_clean(span line, buf *out)
{
    int columns = 0;
    buf_clear(out);
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    while (line.n) {
        size_t before = line.n, start = out->n;
        span piece = span_cut(&line, '\t');
        utf8_put_visible(out, piece);
        if (piece.n == before) /* no tab follows */
            return;
        columns += cell_columns(span_sub(buf_view(out), start));
        do
            buf_byte(out, ' ');
        while (++columns % PAGER_TAB);
    }
}

/* ---- Markdown: within a line ---------------------------------------------------------------- */

static int pager_is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (unsigned char)c >= 0x80;
}

static int pager_is_punctuation(char c)
{
    return c > ' ' && c < 0x7f && !pager_is_word(c);
}

static size_t pager_run(span s, size_t at, char c)
{
    size_t n = at;
    while (n < s.n && s.p[n] == c)
        n++;
    return n - at;
}

/* Returns the index of the next run of exactly n times c, or s.n when none is near. */
static size_t pager_find_run(span s, size_t from, char c, size_t n)
{
    size_t most = s.n - from > PAGER_SPAN_MAX ? from + PAGER_SPAN_MAX : s.n;
    for (size_t at = from; at < most;) {
        size_t run = pager_run(s, at, c);
        if (run == n)
            return at;
        at += run ? run : 1;
    }
    return s.n;
}

/* `code`, ``co`de``. Returns the bytes consumed; 0: no code. */
static size_t pager_code(struct pager *p, span s, size_t at)
{
    size_t marks = pager_run(s, at, '`');
    size_t end = pager_find_run(s, at + marks, '`', marks);
    if (end == s.n)
        return 0;
    span text = {s.p + at + marks, end - at - marks};
    if (text.n > 2 && text.p[0] == ' ' && text.p[text.n - 1] == ' ')
        text = (span){text.p + 1, text.n - 2};
    pager_put(p, text, PAGER_CODE);
    return end + marks - at;
}

static void pager_inline(struct pager *p, span s, enum pager_look look, int depth);

/* **strong**, *emphasis*, and with _, which is no mark within a word. Returns the bytes
 * consumed. */
static size_t pager_emphasis(struct pager *p, span s, size_t at, enum pager_look look, int depth)
{
    char c = s.p[at];
    size_t marks = pager_run(s, at, c), from = at + marks, end = from;
    if (marks > 2 || from >= s.n || s.p[from] == ' ' ||
        (c == '_' && at > 0 && pager_is_word(s.p[at - 1])))
        return 0;
    for (;;) {
        end = pager_find_run(s, end, c, marks);
        /* a mark after a blank opens another pair, so this one stays text */
        if (end >= s.n || end - from > PAGER_SPAN_MAX || end == from || s.p[end - 1] == ' ')
            return 0;
        size_t after = end + marks;
        if (c != '_' || after >= s.n || !pager_is_word(s.p[after]))
            break;
        end = after;
    }
    pager_inline(p, (span){s.p + from, end - from},
                 look != PAGER_TEXT ? look
                 : marks == 2       ? PAGER_STRONG
                                    : PAGER_EMPHASIS,
                 depth + 1);
    return end + marks - at;
}

/* [text](target), ![text](target). Returns the bytes consumed. */
static size_t pager_link(struct pager *p, span s, size_t at, int depth)
{
    size_t open = at + (s.p[at] == '!');
    if (open >= s.n || s.p[open] != '[')
        return 0;
    size_t close = open + 1;
    while (close < s.n && close - open < PAGER_SPAN_MAX && !strchr("[]", s.p[close]))
        close++;
    if (close + 1 >= s.n || s.p[close] != ']' || s.p[close + 1] != '(' || close == open + 1)
        return 0;
    size_t end = pager_find_run(s, close + 2, ')', 1);
    if (end == s.n)
        return 0;
    pager_inline(p, (span){s.p + open + 1, close - open - 1}, PAGER_LINK, depth + 1);
    return end + 1 - at;
}

/* Returns the bytes of the mark at `at` and its content; 0: it is plain text. */
static size_t pager_mark(struct pager *p, span s, size_t at, enum pager_look look, int depth)
{
    switch (s.p[at]) {
    case '\\':
        if (at + 1 >= s.n || !pager_is_punctuation(s.p[at + 1]))
            return 0;
        pager_put(p, (span){s.p + at + 1, 1}, look);
        return 2;
    case '`': return pager_code(p, s, at);
    case '*':
    case '_': return pager_emphasis(p, s, at, look, depth);
    case '!':
    case '[': return pager_link(p, s, at, depth);
    default: return 0;
    }
}

/* Adds text with inline marks. Recursive, at most PAGER_NESTED_MAX deep. */
static void pager_inline(struct pager *p, span s, enum pager_look look, int depth)
{
    size_t plain = 0, at = 0;
    if (!s.n)
        return;
    while (at < s.n) {
        size_t took = 0;
        if (depth < PAGER_NESTED_MAX && strchr("\\`*_![", s.p[at]) && s.p[at]) {
            /* the plain text before it */
            pager_put(p, (span){s.p + plain, at - plain}, look);
            plain = at;
            took = pager_mark(p, s, at, look, depth);
        }
        if (!took && s.p[at] && strchr("`*_", s.p[at]))
            at += pager_run(s, at, s.p[at]); /* the whole run: its tail is no mark either */
        else if (!took)
            at++;
        if (took)
            plain = at += took;
    }
    pager_put(p, (span){s.p + plain, at - plain}, look);
}

/* ---- Markdown: lines ------------------------------------------------------------------------ */

/* State from line to line. */
struct pager_state {
    char fence;               /* the character of the open fence; 0 none */
    size_t fence_marks;
    int markdown;             /* or PAGER_DIFF */
    int in_hunk;
    buf line, raw;
};

static size_t pager_blanks(span s)
{
    return pager_run(s, 0, ' ');
}

/* ``` or ~~~, around code. Returns 1 when the line is a fence. */
static int pager_parse_fence(struct pager *p, struct pager_state *st, span line)
{
    span s = span_sub(line, pager_blanks(line));
    char c = s.n ? s.p[0] : 0;
    size_t marks = c == '`' || c == '~' ? pager_run(s, 0, c) : 0;
    span rest = span_trim(span_sub(s, marks), " ");
    if (marks < 3 || (c == '`' && rest.n && memchr(rest.p, '`', rest.n)))
        return 0;
    if (st->fence) {
        if (c != st->fence || marks < st->fence_marks || rest.n)
            return 0;
        st->fence = 0;
        return 1;
    }
    st->fence = c;
    st->fence_marks = marks;
    if (rest.n) {
        pager_begin_line(p);
        pager_put(p, span_of("  "), PAGER_FAINT);
        pager_put(p, rest, PAGER_FAINT);
        pager_end_line(p);
    }
    return 1;
}

/* ---, ***, ___, with or without blanks. */
static int pager_is_rule(span line)
{
    span s = span_trim(line, " ");
    size_t marks = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != s.p[0] && s.p[i] != ' ')
            return 0;
        marks += s.p[i] != ' ';
    }
    return marks >= 3 && strchr("-*_", s.p[0]) != NULL;
}

/* Returns the text of a heading; an empty span: the line is none. */
static span pager_heading(span line, size_t *level)
{
    *level = pager_run(line, 0, '#');
    if (*level < 1 || *level > 6 || *level >= line.n || line.p[*level] != ' ')
        return (span){0};
    span text = span_trim(span_sub(line, *level), " "), bare = span_trim(text, "#");
    size_t end = (size_t)(bare.p - text.p) + bare.n; /* closing marks follow a blank */
    return bare.n && end < text.n && text.p[end - 1] == ' ' ? (span){text.p, end} : text;
}

/* Returns the bytes of a list mark with its blanks; 0: the line is no item. */
static size_t pager_item(span line)
{
    size_t at = pager_blanks(line), digits = at;
    if (at >= line.n)
        return 0;
    if (strchr("-*+", line.p[at]) && line.p[at]) {
        at++;
    } else {
        while (digits < line.n && digits - at < 9 && isdigit((unsigned char)line.p[digits]))
            digits++;
        if (digits == at || digits >= line.n || (line.p[digits] != '.' && line.p[digits] != ')'))
            return 0;
        at = digits + 1;
    }
    size_t blanks = pager_run(line, at, ' ');
    return blanks ? at + blanks : 0;
}

/* Draws the quote marks at the start of a line as bars. Returns the rest of the line. */
static span pager_parse_quote(struct pager *p, span line, int *depth)
{
    *depth = 0;
    for (;;) {
        size_t blanks = pager_blanks(line);
        if (blanks > 3 || blanks >= line.n || line.p[blanks] != '>')
            return line;
        line = span_sub(line, blanks + 1);
        if (line.n && line.p[0] == ' ')
            line = span_sub(line, 1);
        pager_put(p, span_of("\xe2\x94\x82 "), PAGER_FAINT);
        if (++*depth == PAGER_INDENT_MAX / 2)
            return line;
    }
}

static void pager_add_markdown(struct pager *p, span line)
{
    struct pager_line *row = pager_begin_line(p);
    size_t level, mark;
    int quotes;
    if (pager_is_rule(line)) {
        row->rule = 1;
        pager_end_line(p);
        return;
    }
    span heading = pager_heading(line, &level);
    if (heading.n) {
        pager_inline(p, span_trim(heading, " "), level == 1 ? PAGER_TITLE : PAGER_HEADING, 0);
        pager_end_line(p);
        return;
    }
    line = pager_parse_quote(p, line, &quotes);
    if ((mark = pager_item(line)))
        pager_put(p, (span){line.p, mark}, PAGER_MARK);
    size_t indent = (size_t)quotes * 2 + (mark ? mark : pager_blanks(line));
    row->indent = indent < PAGER_INDENT_MAX ? (int)indent : PAGER_INDENT_MAX;
    pager_inline(p, span_sub(line, mark), quotes ? PAGER_QUOTE : PAGER_TEXT, 0);
    pager_end_line(p);
}

static void pager_add_plain(struct pager *p, span line, const char *before, enum pager_look look)
{
    pager_begin_line(p);
    pager_put(p, span_of(before), look);
    pager_put(p, line, look);
    pager_end_line(p);
}

static enum pager_look pager_diff_look(struct pager_state *st, span line)
{
    char c = line.n ? line.p[0] : ' ';
    st->in_hunk = c == '@' || (st->in_hunk && strchr("+- \\", c) != NULL);
    return c == '@'       ? PAGER_MARK
           : !st->in_hunk ? PAGER_STRONG
           : c == '+'     ? PAGER_ADDED
           : c == '-'     ? PAGER_REMOVED
                          : PAGER_TEXT;
}

/* Removes the marks of prompts from a line. Returns 1 when it has any. */
static int pager_drop_marks(span *line, buf *rest)
{
    if (!line->n || !memchr(line->p, VT_PROMPT_MARK, line->n))
        return 0;
    buf_clear(rest);
    while (line->n)
        buf_span(rest, span_cut(line, VT_PROMPT_MARK));
    *line = buf_view(rest);
    return 1;
}

static void pager_add_line(struct pager *p, struct pager_state *st, span raw)
{
    int first = p->line_count, prompt = !st->markdown && pager_drop_marks(&raw, &st->raw);
    pager_clean(raw, &st->line);
    span line = buf_view(&st->line);
    if (st->markdown == PAGER_DIFF)
        pager_add_plain(p, line, "", pager_diff_look(st, line));
    else if (!st->markdown)
        pager_add_plain(p, line, "", PAGER_TEXT);
    else if (pager_parse_fence(p, st, line))
        ;
    else if (st->fence)
        pager_add_plain(p, line, "  ", PAGER_CODE);
    else
        pager_add_markdown(p, line);
    if (prompt)
        p->lines[first].prompt = 1;
}

static void pager_clear_hits(struct pager *p)
{
    free(p->hits);
    p->hits = NULL;
    p->hit_count = 0;
    p->hit = -1;
    p->missed = 0;
}

/* Replaces the text of the pager. */
static void pager_set_text(struct pager *p, span text, int markdown)
{
    struct pager_state st = {.markdown = markdown};
    buf_clear(&p->shown);
    buf_clear(&p->looks);
    p->line_count = p->row_count = p->width = 0;
    p->prompt = -1;
    p->selecting = PAGER_NONE, p->pressed = 0;
    pager_clear_hits(p);
    while (text.n)
        pager_add_line(p, &st, span_cut(&text, '\n'));
    buf_free(&st.line), buf_free(&st.raw);
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* Returns the bytes of s that fit into `columns`, broken at a blank where there is one. */
static size_t pager_break(span s, int columns)
{
    int used;
    size_t n = cell_fit(s, columns < 1 ? 1 : columns, &used), at = n, start = pager_blanks(s);
    if (n == s.n)
        return n;
    if (n == 0) /* not one character fits: drawing cuts it */
        return cell_next_grapheme(s, &used);
    if (s.p[n] == ' ')
        return n;
    while (at > start && s.p[at - 1] != ' ')
        at--;
    return at > start ? at : n;
}

static void pager_add_row(struct pager *p, size_t at, size_t end, int indent, int line)
{
    p->rows = pager_grow(p->rows, p->row_count, sizeof *p->rows);
    p->rows[p->row_count++] = (struct pager_row){at, end, indent, line};
}

static void pager_add_rows(struct pager *p, int index)
{
    const struct pager_line *line = &p->lines[index];
    size_t at = line->at;
    int indent = 0;
    do {
        span rest = {p->shown.p + at, line->end - at};
        size_t n = pager_break(rest, p->width - indent);
        pager_add_row(p, at, at + n, indent, index);
        at += n;
        while (at < line->end && p->shown.p[at] == ' ' && n < rest.n)
            at++;
        indent = line->indent < p->width / 2 ? line->indent : 0;
    } while (at < line->end);
}

/* Returns the last row that begins at or before the offset. */
static int pager_row_at(const struct pager *p, size_t at)
{
    int from = 0, to = p->row_count;
    while (from < to) {
        int middle = from + (to - from) / 2;
        if (p->rows[middle].at <= at)
            from = middle + 1;
        else
            to = middle;
    }
    return from ? from - 1 : 0;
}

static void pager_set_top(struct pager *p, int top)
{
    int most = p->row_count - (p->height > 0 ? p->height : 1); /* at least one row is shown */
    p->top = top > most ? most : top;
    p->top = p->top < 0 ? 0 : p->top;
}

/* Makes the rows for a width; the top row keeps its text. */
static void pager_layout(struct pager *p, int width)
{
    size_t at = p->top < p->row_count ? p->rows[p->top].at : 0;
    if (width == p->width)
        return;
    p->width = width;
    p->row_count = 0;
    p->selecting = PAGER_NONE, p->pressed = 0;
    for (int i = 0; i < p->line_count; i++)
        pager_add_rows(p, i);
    if (p->top)
        p->top = pager_row_at(p, at);
}

/* Scrolls as little as shows the row. */
static void pager_show_row(struct pager *p, int row)
{
    if (row < p->top)
        pager_set_top(p, row);
    else if (row >= p->top + p->height)
        pager_set_top(p, row - p->height + 1);
}

static int pager_by_keys(const struct pager *p)
{
    return p->selecting == PAGER_LINES || p->selecting == PAGER_BLOCK;
}

static void pager_scroll(struct pager *p, int rows)
{
    p->follow &= rows >= 0;
    p->prompt = -1;
    if (!pager_by_keys(p)) {
        pager_set_top(p, p->top + rows);
        return;
    }
    p->to_row = widget_max(0, widget_min(p->to_row + rows, p->row_count - 1));
    pager_show_row(p, p->to_row);
}

static void pager_page(struct pager *p, int pages)
{
    pager_scroll(p, pages * (p->height > 2 ? p->height - 1 : 1)); /* one row stays visible */
}

static void pager_go(struct pager *p, int end)
{
    pager_scroll(p, end ? p->row_count : -p->row_count);
}

/* Goes to a prompt: the next or previous one of that shown last, else of the rows shown. */
static void pager_next_prompt(struct pager *p, int step)
{
    int last = widget_min(p->top + p->height, p->row_count) - 1;
    int at = p->row_count ? p->rows[step > 0 ? p->top : widget_max(last, 0)].line : 0;
    int line = p->prompt >= 0 ? p->prompt + step : at + (step < 0 ? 0 : 1);
    while (line >= 0 && line < p->line_count && !p->lines[line].prompt)
        line += step;
    if (line < 0 || line >= p->line_count) {
        base_fmt(p->note, sizeof p->note, "no prompt %s: shells mark them with OSC 133",
                 step < 0 ? "before" : "follows");
        return;
    }
    int row = pager_row_at(p, p->lines[line].at);
    pager_scroll(p, row - (pager_by_keys(p) ? p->to_row : p->top));
    p->prompt = line;
    p->follow = 0;
}

/* ---- selecting ------------------------------------------------------------------------------ */

static void pager_select(struct pager *p)
{
    int last = widget_max(0, widget_min(p->top + p->height, p->row_count) - 1);
    int hit = p->hit >= 0 ? pager_row_at(p, p->hits[p->hit]) : -1;
    p->follow = 0;
    if (!p->row_count || p->selecting == PAGER_BLOCK) {
        p->selecting = PAGER_NONE;
    } else if (p->selecting == PAGER_LINES) {
        p->selecting = PAGER_BLOCK;
    } else {
        p->selecting = PAGER_LINES;
        p->from_row = hit >= p->top && hit <= last ? hit : last;
        p->from_row = p->prompt >= 0 ? pager_row_at(p, p->lines[p->prompt].at) : p->from_row;
        p->to_row = p->from_row;
        p->from_col = p->to_col = 0;
    }
}

/* Moves a side of the block; while lines are selected, where a block will begin. */
static void pager_move_col(struct pager *p, int cols)
{
    if (pager_by_keys(p))
        p->to_col = widget_max(0, widget_min(p->to_col + cols, p->width - 1));
    if (p->selecting == PAGER_LINES)
        p->from_col = p->to_col;
}

/* Returns 1 when cells from…to-1 of the row are selected. */
static int pager_selected(const struct pager *p, int row, int *from, int *to)
{
    int back = p->from_row > p->to_row || (p->from_row == p->to_row && p->from_col > p->to_col);
    int first = back ? p->to_row : p->from_row, last = back ? p->from_row : p->to_row;
    int start = back ? p->to_col : p->from_col, end = back ? p->from_col : p->to_col;
    *from = 0, *to = p->width;
    if (p->selecting == PAGER_LINES) /* whole ones */
        return p->rows[row].line >= p->rows[first].line && p->rows[row].line <= p->rows[last].line;
    if (p->selecting == PAGER_BLOCK) {
        *from = widget_min(p->from_col, p->to_col);
        *to = widget_max(p->from_col, p->to_col) + 1;
    } else {
        *from = row == first ? start : 0;
        *to = row == last ? end + 1 : p->width;
    }
    return p->selecting && row >= first && row <= last;
}

static span pager_row_text(const struct pager *p, int row)
{
    return (span){p->shown.p + p->rows[row].at, p->rows[row].end - p->rows[row].at};
}

/* Rows of one line are joined, by the blanks between them. */
static void pager_put_selected(const struct pager *p, buf *b)
{
    int from, to, used, any = 0;
    for (int i = 0; i < p->row_count; i++) {
        const struct pager_row *row = &p->rows[i];
        if (!pager_selected(p, i, &from, &to))
            continue;
        int same = any && row->line == row[-1].line && p->selecting != PAGER_BLOCK;
        if (same)
            buf_span(b, (span){p->shown.p + row[-1].end, row->at - row[-1].end});
        else if (any)
            buf_byte(b, '\n');
        any = 1;
        span text = pager_row_text(p, i);
        size_t end = cell_fit(text, widget_max(0, to - row->indent), &used);
        if (used < to - row->indent) /* a wide character is taken whole */
            end = cell_fit(text, to + 1 - row->indent, &used);
        text.n = end;
        buf_span(b, span_sub(text, cell_fit(text, widget_max(0, from - row->indent), &used)));
    }
    if (any && p->selecting != PAGER_RUN)
        buf_byte(b, '\n');
    if (!p->selecting && p->hit >= 0) {
        const struct pager_line *line = &p->lines[p->rows[pager_row_at(p, p->hits[p->hit])].line];
        buf_span(b, (span){p->shown.p + line->at, line->end + 1 - line->at});
    }
}

/* A drag of the left button selects, with Alt a block. Past an edge it scrolls. */
static int pager_mouse_event(struct pager *p, const struct term_event *ev)
{
    int row = p->top + ev->row;
    if (ev->type != TERM_MOUSE || ev->button)
        return 0;
    if (ev->mouse == TERM_PRESS && row < p->row_count && ev->row < p->height) {
        p->selecting = PAGER_NONE;
        p->pressed = 1;
        p->from_row = row, p->from_col = ev->col;
    } else if (ev->mouse == TERM_DRAG && p->pressed) {
        p->selecting = ev->mods & TERM_ALT ? PAGER_BLOCK : PAGER_RUN;
        p->follow = 0;
        p->to_row = widget_max(0, widget_min(row, p->row_count - 1)), p->to_col = ev->col;
        if (ev->row == 0 || ev->row >= p->height)
            pager_set_top(p, p->top + (ev->row ? 1 : -1));
    } else {
        p->pressed = 0;
    }
    return 1;
}

/* ---- searching ------------------------------------------------------------------------------ */

static char pager_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static int pager_matches(const struct pager *p, size_t at, span needle)
{
    const char *s = p->shown.p + at;
    size_t i = 0;
    while (i < needle.n &&
           (p->exact ? s[i] == needle.p[i] : pager_lower(s[i]) == pager_lower(needle.p[i])))
        i++;
    return i == needle.n && (!p->whole || ((!at || !pager_is_word(s[-1]) || !pager_is_word(*s)) &&
                                           (!pager_is_word(s[i - 1]) || !pager_is_word(s[i]))));
}

static void pager_find_hits(struct pager *p)
{
    span needle = buf_view(&p->needle);
    pager_clear_hits(p);
    for (size_t at = 0; needle.n && at + needle.n <= p->shown.n && p->hit_count < PAGER_HITS_MAX;) {
        if (!pager_matches(p, at, needle)) {
            at++;
            continue;
        }
        p->hits = pager_grow(p->hits, p->hit_count, sizeof *p->hits);
        p->hits[p->hit_count++] = at;
        at += needle.n;
    }
    p->missed = needle.n && !p->hit_count;
}

/* Returns the first hit at or after the offset, or hit_count. */
static int pager_hit_from(const struct pager *p, size_t at)
{
    int from = 0, to = p->hit_count;
    while (from < to) {
        int middle = from + (to - from) / 2;
        if (p->hits[middle] < at)
            from = middle + 1;
        else
            to = middle;
    }
    return to;
}

/* Goes to a hit, in the upper third of the screen unless it is visible. */
static void pager_show_hit(struct pager *p, int hit)
{
    int row = pager_row_at(p, p->hits[hit]);
    p->hit = hit;
    p->follow = 0;
    p->prompt = -1;
    if (pager_by_keys(p))
        pager_scroll(p, row - p->to_row);
    else if (row < p->top || row >= p->top + p->height)
        pager_set_top(p, row - p->height / 3);
}

/* Adds typed or pasted text to the needle or the command, up to the end of its line. */
static void pager_add_typed(buf *b, span text)
{
    size_t n = 0;
    while (n < text.n && (unsigned char)text.p[n] >= ' ' && text.p[n] != 0x7f)
        n++;
    if (b->n + n <= PAGER_NEEDLE_MAX)
        utf8_put_clean(b, (span){text.p, n});
}

static void pager_type(struct pager *p, char what)
{
    p->typing = what;
    buf_clear(what == '|' ? &p->command : &p->needle);
    if (what == '/')
        pager_clear_hits(p);
}

static void pager_search(struct pager *p, const char *needle)
{
    buf_clear(&p->needle);
    pager_add_typed(&p->needle, span_of(needle));
    p->typing = 0;
    if (p->needle.n)
        base_copy(p->last, sizeof p->last, buf_cstr(&p->needle));
    pager_find_hits(p);
    if (p->hit_count) {
        int hit = pager_hit_from(p, p->top < p->row_count ? p->rows[p->top].at : 0);
        pager_show_hit(p, hit < p->hit_count ? hit : 0);
    }
}

static void pager_next(struct pager *p, int step)
{
    if (!p->needle.n) {
        pager_search(p, p->last);
        return;
    }
    if (!p->hit_count)
        pager_find_hits(p);
    if (!p->hit_count)
        return;
    int from = p->hit;
    if (from < 0) /* no current hit: start at the top row */
        from = pager_hit_from(p, p->top < p->row_count ? p->rows[p->top].at : 0) - (step > 0);
    pager_show_hit(p, (from + step + p->hit_count) % p->hit_count);
}

static void pager_find_again(struct pager *p)
{
    size_t at = p->hit >= 0 ? p->hits[p->hit] : 0;
    pager_find_hits(p);
    int hit = pager_hit_from(p, at);
    if (p->hit_count)
        pager_show_hit(p, hit < p->hit_count ? hit : 0);
    base_fmt(p->note, sizeof p->note, "%s, %s", p->exact ? "case counts" : "any case",
             p->whole ? "whole words" : "parts of words");
}

/* ---- files ---------------------------------------------------------------------------------- */

static int pager_is_markdown(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (strcmp(dot, ".md") == 0 || strcmp(dot, ".markdown") == 0);
}

/* Reads up to PAGER_FILE_MAX bytes of a regular file. Returns NULL, or an error text. */
static const char *pager_read(const char *path, buf *text, int *cut)
{
    struct stat st;
    ssize_t n = 1;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return strerror(errno);
    const char *why = fstat(fd, &st) != 0 ? strerror(errno) : NULL;
    if (!why && !S_ISREG(st.st_mode))
        why = S_ISDIR(st.st_mode) ? "it is a directory" : "it is not a regular file";
    while (!why && n != 0 && text->n <= PAGER_FILE_MAX) {
        buf_reserve(text, 64 * 1024);
        n = read(fd, text->p + text->n, text->cap - text->n);
        text->n += n > 0 ? (size_t)n : 0;
        why = n < 0 && errno != EINTR ? strerror(errno) : NULL;
    }
    close(fd);
    *cut = text->n > PAGER_FILE_MAX;
    text->n = *cut ? PAGER_FILE_MAX : text->n;
    return why;
}

static void pager_load(struct pager *p)
{
    buf text = {0};
    const char *why = pager_read(p->path, &text, &p->cut);
    buf_clear(&p->error);
    if (why) {
        utf8_put_visible(&p->error, span_of(p->path));
        buf_fmt(&p->error, ": %s", why);
        buf_clear(&text);
    }
    pager_set_text(p, buf_view(&text), pager_is_markdown(p->path));
    buf_free(&text);
}

static void pager_open(struct pager *p, const char *title, const char *path)
{
    pager_free(p);
    p->title = base_dup(title);
    p->path = base_dup(path);
    pager_load(p);
}

static void pager_reload(struct pager *p)
{
    int line = p->top < p->row_count ? p->rows[p->top].line : 0, width = p->width;
    if (!p->path)
        return;
    pager_load(p);
    pager_layout(p, width);
    pager_set_top(p, line < p->line_count ? pager_row_at(p, p->lines[line].at) : p->row_count);
    if (p->needle.n)
        pager_find_hits(p);
}

static void pager_set(struct pager *p, const char *title, span text, int markdown)
{
    pager_free(p);
    p->title = base_dup(title);
    p->cut = text.n > PAGER_FILE_MAX;
    text.n = p->cut ? PAGER_FILE_MAX : text.n;
    pager_set_text(p, text, markdown);
}

static void pager_update(struct pager *p, span text)
{
    int width = p->width, top = p->top;
    pager_set_text(p, text, 0);
    pager_layout(p, width);
    pager_set_top(p, p->follow ? p->row_count : top);
    if (p->needle.n)
        pager_find_hits(p);
}

static void pager_free(struct pager *p)
{
    free(p->title), free(p->path), free(p->lines), free(p->rows), free(p->hits);
    buf_free(&p->error);
    buf_free(&p->shown);
    buf_free(&p->looks);
    buf_free(&p->needle), buf_free(&p->command);
    struct pager empty = {.theme = p->theme, .hit = -1, .prompt = -1, .exact = p->exact,
                          .whole = p->whole};
    memcpy(empty.last, p->last, sizeof empty.last);
    *p = empty;
}

/* ---- keys ----------------------------------------------------------------------------------- */

static void pager_typing_event(struct pager *p, const struct term_event *ev)
{
    char bytes[4];
    buf *text = p->typing == '|' ? &p->command : &p->needle;
    if (ev->type == TERM_PASTE) {
        pager_add_typed(text, ev->text);
    } else if (ev->key == 0x1b) {
        buf_clear(text);
        p->typing = 0;
    } else if (ev->key == '\r') {
        char *needle = text->n ? span_dup(buf_view(text)) : base_dup(p->last);
        pager_search(p, needle);
        free(needle);
    } else if (ev->key == 0x7f) {
        if (!text->n)
            p->typing = 0;
        while (text->n && ((unsigned char)text->p[--text->n] & 0xc0) == 0x80)
            ;
    } else if (ev->key >= ' ' && ev->key < TERM_UP && !(ev->mods & (TERM_CTRL | TERM_ALT))) {
        pager_add_typed(text, (span){bytes, utf8_encode(ev->key, bytes)});
    }
}

static int pager_event(struct pager *p, const struct term_event *ev)
{
    int lines = widget_wheel(ev);
    if (ev->type == TERM_KEY || (ev->type == TERM_MOUSE && ev->mouse == TERM_PRESS))
        p->note[0] = '\0';
    if (p->typing && (ev->type == TERM_KEY || ev->type == TERM_PASTE))
        pager_typing_event(p, ev);
    else if (lines)
        pager_scroll(p, -lines);
    else
        return pager_mouse_event(p, ev);
    return 1;
}

/* ---- drawing -------------------------------------------------------------------------------- */

static void pager_draw_hits(const struct pager *p, struct grid *g, const struct pager_row *row,
                            int y, int x, int width)
{
    for (int i = pager_hit_from(p, row->at < p->needle.n ? 0 : row->at - p->needle.n + 1);
         i < p->hit_count && p->hits[i] < row->end; i++) {
        size_t from = p->hits[i] < row->at ? row->at : p->hits[i];
        size_t to = p->hits[i] + p->needle.n < row->end ? p->hits[i] + p->needle.n : row->end;
        if (to <= from)
            continue;
        int col = row->indent + cell_columns((span){p->shown.p + row->at, from - row->at});
        int cols = cell_columns((span){p->shown.p + from, to - from});
        if (col + cols > width)
            cols = width - col;
        if (cols > 0)
            grid_restyle(g, y, x + col, cols,
                         i == p->hit ? CELL_REVERSE | CELL_BOLD : CELL_REVERSE);
    }
}

static void pager_draw_row(const struct pager *p, struct grid *g, const struct pager_row *row,
                           int y, int x, int width)
{
    int used = row->indent;
    for (int i = 0; p->lines[row->line].rule && i < width; i++)
        grid_put(g, y, x + i, 1, span_of("\xe2\x94\x80"), pager_style(p, PAGER_FAINT));
    for (size_t at = row->at; at < row->end && used < width;) {
        size_t end = at + 1;
        while (end < row->end && p->looks.p[end] == p->looks.p[at])
            end++;
        used += grid_put(g, y, x + used, width - used, (span){p->shown.p + at, end - at},
                         pager_style(p, p->looks.p[at]));
        at = end;
    }
    pager_draw_hits(p, g, row, y, x, width);
    int from, to;
    if (pager_selected(p, (int)(row - p->rows), &from, &to))
        grid_invert(g, y, x + from, widget_min(to, width) - from);
}

/* Writes the right part of the footer: hits, limit, position. */
static void pager_put_place(const struct pager *p, buf *b)
{
    long long seen = p->top + (p->height > 0 ? p->height : 0);
    if (p->missed)
        buf_str(b, "not found  ");
    else if (p->hit >= 0)
        buf_fmt(b, "%d of %d%s  ", p->hit + 1, p->hit_count,
                p->hit_count == PAGER_HITS_MAX ? "+" : "");
    if (p->needle.n && (p->exact || p->whole))
        buf_str(b, !p->whole ? "case  " : p->exact ? "case, words  " : "words  ");
    if (p->follow)
        buf_str(b, "following  ");
    if (p->cut)
        buf_fmt(b, "first %d KiB  ", PAGER_FILE_MAX / 1024);
    if (p->error.n || p->row_count == 0)
        return;
    buf_fmt(b, "%lld%%", seen >= p->row_count ? 100 : seen * 100 / p->row_count);
}

#define PAGER_KEYS "/ find  v select  y copy  | pipe  q back"

/* Draws what is typed, found or noted, else the title and the keys. Returns its columns. */
static int pager_draw_state(const struct pager *p, struct grid *g, int row, int col, int cols)
{
    const buf *typed = p->typing == '|' ? &p->command : &p->needle;
    char mark[2] = {p->typing ? p->typing : '/', '\0'};
    int rows = abs(p->to_row - p->from_row) + 1;
    char text[120];
    base_fmt(text, sizeof text, "%s of %d row%s: y copies, | pipes, %s",
             p->selecting == PAGER_BLOCK ? "block" : "text", rows, rows == 1 ? "" : "s",
             p->selecting == PAGER_LINES ? "v: a block, Esc: nothing" : "Esc: nothing");
    if (!p->typing && (p->note[0] || p->selecting))
        return widget_put_cut(g, row, col, cols, p->note[0] ? p->note : text,
                              pager_style(p, PAGER_TEXT));
    if (!p->typing && !p->needle.n)
        return p->title ? widget_put_cut(g, row, col, cols, p->title, pager_style(p, PAGER_NAME))
                        : 0;
    int used = widget_put(g, row, col, cols, mark, pager_style(p, PAGER_MARK));
    span seen = buf_view(typed);
    for (uint32_t cp; p->typing && cell_columns(seen) >= cols - used && seen.n;)
        seen = span_sub(seen, utf8_next(seen, &cp)); /* its end, where the cursor is */
    used += grid_put(g, row, col + used, cols - used, seen, pager_style(p, PAGER_TEXT));
    if (p->typing) {
        g->cursor_row = row;
        g->cursor_col = widget_min(col + used, col + cols - 1);
        g->cursor_shown = 1;
    }
    return used;
}

static void pager_draw_footer(const struct pager *p, struct grid *g, int row, int col, int cols)
{
    buf place = {0};
    pager_put_place(p, &place);
    int width = cell_columns(buf_view(&place)), at = col + cols - width;
    int used = pager_draw_state(p, g, row, col, at > col + 1 ? at - col - 1 : cols);
    int keys = (int)strlen(PAGER_KEYS);
    if (!p->typing && col + used + keys + 4 < at)
        widget_put(g, row, at - keys - 2, keys, PAGER_KEYS, pager_style(p, PAGER_FAINT));
    if (at >= col && width)
        grid_put(g, row, at, width, buf_view(&place),
                 pager_style(p, p->missed ? PAGER_ALARM : PAGER_FAINT));
    buf_free(&place);
}

static void pager_draw_cursor(const struct pager *p, struct grid *g, int row, int col)
{
    int at = pager_by_keys(p)   ? p->to_row
             : p->prompt >= 0   ? pager_row_at(p, p->lines[p->prompt].at)
                                : -1;
    if (p->typing || at < p->top || at >= p->top + p->height)
        return;
    g->cursor_row = row + at - p->top;
    g->cursor_col = col + (pager_by_keys(p) ? p->to_col : 0);
    g->cursor_shown = 1;
}

static void pager_draw(struct pager *p, struct grid *g, int row, int col, int rows, int cols)
{
    if (rows < 1 || cols < 1)
        return;
    p->height = rows - 1;
    pager_layout(p, cols);
    pager_set_top(p, p->top);
    grid_fill(g, row, col, rows, cols, pager_style(p, PAGER_TEXT));
    if (p->error.n)
        widget_wrapped_draw(g, row, col, cols, p->height, buf_view(&p->error),
                            pager_style(p, PAGER_ALARM));
    else if (p->row_count == 0 && p->height > 0)
        widget_put(g, row, col, cols, "(empty)", pager_style(p, PAGER_FAINT));
    for (int i = 0; i < p->height && p->top + i < p->row_count; i++)
        pager_draw_row(p, g, &p->rows[p->top + i], row + i, col, cols);
    pager_draw_cursor(p, g, row, col);
    pager_draw_footer(p, g, row + rows - 1, col, cols);
}
