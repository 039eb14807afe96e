#include "screen.h"

/* grid - frames of cells: drawn into, then written as few bytes that show the changes.
 *
 * Uses ECMA-48 and xterm's additions. Handles the points on which terminals differ: the width of a
 * grapheme, and the effect of writing the last column. */

/* Resets the modes that would displace a full redraw, moves the cursor home. */
#define GRID_SEQ_REDRAW "\33[?6l\33[4l\33[r\33(B\17\33[?7h\33[m\33[H"
#define GRID_SEQ_SYNC_ON "\33[?2026h"
#define GRID_SEQ_SYNC_OFF "\33[?2026l"
#define GRID_SEQ_SHOW "\33[?25h"
#define GRID_SEQ_HIDE "\33[?25l"
#define GRID_SEQ_WRAP_ON "\33[?7h"
#define GRID_SEQ_WRAP_OFF "\33[?7l"
#define GRID_SEQ_ERASE_BELOW "\33[J"

/* ---- drawing -------------------------------------------------------------------------------- */

/* Attributes that show on a blank. */
enum { GRID_DECORATED = CELL_REVERSE | CELL_UNDERLINE | CELL_STRIKE | CELL_OVERLINE };

static const struct {
    uint16_t first, last;
    char plain;
} grid_ascii_table[] = {
    {0xa0, 0xa0, ' '},     {0xb7, 0xb7, '.'},     {0x2010, 0x2015, '-'}, {0x2018, 0x2019, '\''},
    {0x201c, 0x201d, '"'}, {0x2022, 0x2022, '*'}, {0x2026, 0x2026, '.'}, {0x2190, 0x2190, '<'},
    {0x2191, 0x2191, '^'}, {0x2192, 0x2192, '>'}, {0x2193, 0x2193, 'v'}, {0x2500, 0x2501, '-'},
    {0x2502, 0x2503, '|'}, {0x2504, 0x2505, '-'}, {0x2506, 0x2507, '|'}, {0x2508, 0x2509, '-'},
    {0x250a, 0x250b, '|'}, {0x250c, 0x254b, '+'}, {0x254c, 0x254d, '-'}, {0x254e, 0x254f, '|'},
    {0x2550, 0x2550, '='}, {0x2551, 0x2551, '|'}, {0x2552, 0x2570, '+'}, {0x2574, 0x2574, '-'},
    {0x2580, 0x259f, '#'}, {0x2039, 0x2039, '<'}, {0x203a, 0x203a, '>'}, {0x2212, 0x2212, '-'},
    {0x25b8, 0x25b8, '+'}, {0x25be, 0x25be, '-'}, {0x25c6, 0x25c6, '!'}, {0x25cb, 0x25cb, 'o'},
    {0x25cc, 0x25cc, '.'}, {0x25cf, 0x25cf, '*'}, {0x25d0, 0x25d0, '%'}, {0x2713, 0x2713, 'v'},
    {0x2717, 0x2717, 'x'},
};

static int grid_clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

/* Rows of `cells` that are never drawn into. */
enum {
    GRID_ROW_BLANK,   /* blank rows touch no memory of their own */
    GRID_ROW_UNKNOWN, /* unlike any cell */
    GRID_ROW_OWN      /* the first of the others */
};

static struct cell *grid_cells(const struct grid *g, int number)
{
    return g->cells + (size_t)number * (size_t)g->cols;
}

static void grid_set_row(struct grid *g, unsigned short *row, int number)
{
    int old = *row;
    if (number >= GRID_ROW_OWN)
        g->uses[number]++;
    *row = (unsigned short)number;
    if (old >= GRID_ROW_OWN && --g->uses[old] == 0)
        g->spare[g->spare_count++] = (unsigned short)old;
}

static void grid_free(struct grid *g)
{
    free(g->cells);
    free(g->back);
    free(g->front);
    free(g->spare);
    free(g->uses);
    free(g->notes);
    cell_pool_free(&g->pool);
    buf_free(&g->scratch);
    *g = (struct grid){.depth = g->depth, .ascii = g->ascii, .narrow = g->narrow,
                       .sync = g->sync, .most = g->most, .links = g->links};
}

static void grid_resize(struct grid *g, int rows, int cols)
{
    grid_free(g);
    g->rows = grid_clamp(rows, 1, GRID_ROWS_MAX);
    g->cols = grid_clamp(cols, 1, GRID_COLS_MAX);
    size_t rows_of = (size_t)g->rows * sizeof *g->back, size = (size_t)g->cols * sizeof *g->cells;
    g->spare_count = 2 * g->rows;
    g->cells = base_grow(NULL, (size_t)(GRID_ROW_OWN + g->spare_count) * size);
    g->back = base_alloc(rows_of);
    g->front = base_alloc(rows_of);
    g->spare = base_alloc(2 * rows_of);
    g->uses = base_alloc((size_t)(GRID_ROW_OWN + g->spare_count));
    g->notes = base_alloc((size_t)g->rows * sizeof *g->notes);
    for (int i = 0; i < g->spare_count; i++)
        g->spare[i] = (unsigned short)(GRID_ROW_OWN + g->spare_count - 1 - i);
    memset(grid_cells(g, GRID_ROW_BLANK), 0, size);
    memset(grid_cells(g, GRID_ROW_UNKNOWN), 0xff, size);
    g->shown_cursor = g->at_row = g->at_col = -1;
}

static void grid_clear(struct grid *g)
{
    for (int row = 0; row < g->rows; row++)
        grid_set_row(g, &g->back[row], GRID_ROW_BLANK);
    g->cursor_shown = 0;
}

static const struct cell *grid_back(const struct grid *g, int row)
{
    return grid_cells(g, g->back[row]);
}

static const struct cell *grid_front(const struct grid *g, int row)
{
    return grid_cells(g, g->front[row]);
}

/* Returns a row of the back to draw into, copied when it is shared. */
static struct cell *grid_row(struct grid *g, int row)
{
    int old = g->back[row];
    if (old < GRID_ROW_OWN || g->uses[old] > 1) {
        int own = g->spare[--g->spare_count];
        memcpy(grid_cells(g, own), grid_cells(g, old), (size_t)g->cols * sizeof *g->cells);
        grid_set_row(g, &g->back[row], own);
    }
    return grid_cells(g, g->back[row]);
}

static void grid_split(const struct grid *g, struct cell *row, int col)
{
    if (col <= 0 || col >= g->cols || !(row[col].attr & CELL_TAIL))
        return;
    row[col - 1].rune = 0;
    row[col - 1].attr &= CELL_STYLE_MASK;
    row[col].attr &= CELL_STYLE_MASK;
}

static struct cell_style grid_style(const struct cell *c)
{
    struct cell_style s = {c->fg, c->bg, (uint16_t)(c->attr & CELL_LOOKS_MASK), c->extra};
    return s;
}

static struct cell grid_make_cell(uint32_t rune, struct cell_style style, unsigned half)
{
    struct cell c = {rune == ' ' ? 0 : rune, style.fg, style.bg, 0, style.extra};
    c.attr = (uint16_t)((style.attr & CELL_STYLE_MASK) | half);
    return c;
}

static void grid_set(const struct grid *g, struct cell *row, int col, uint32_t rune, int width,
                     struct cell_style style)
{
    /* in a full pool the first code point alone, which may be narrower */
    int wide = width == 2 && (rune & CELL_CLUSTER || utf8_width(rune) == 2);
    grid_split(g, row, col);
    grid_split(g, row, col + width);
    row[col] = grid_make_cell(rune, style, wide ? CELL_WIDE : 0);
    if (width == 2)
        row[col + 1] = grid_make_cell(0, style, wide ? CELL_TAIL : 0);
}

static uint32_t grid_ascii_of(uint32_t cp)
{
    uint32_t plain = cp < 0x80 ? cp : '?';
    for (size_t i = 0; i < COUNT_OF(grid_ascii_table); i++)
        if (cp >= grid_ascii_table[i].first && cp <= grid_ascii_table[i].last)
            plain = (unsigned char)grid_ascii_table[i].plain;
    return plain;
}

static void grid_set_ascii(const struct grid *g, struct cell *row, int col, uint32_t cp, int width,
                           struct cell_style style)
{
    for (; width > 0; width--)
        grid_set(g, row, col++, grid_ascii_of(cp), 1, style);
}

static int grid_is_plain(span s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || (unsigned char)s.p[i] > 0x7e)
            return 0;
    return 1;
}

/* Makes control bytes visible, cuts what `width` columns don't need. */
static span grid_clean(struct grid *g, span text, int width)
{
    size_t most = ((size_t)width + 1) * CELL_TEXT_MAX;
    if (text.n > most)
        text.n = most;
    if (grid_is_plain(text))
        return text;
    buf_clear(&g->scratch);
    utf8_put_visible(&g->scratch, text);
    return buf_view(&g->scratch);
}

static void grid_put_grapheme(struct grid *g, struct cell *row, int col, span grapheme, int width,
                              struct cell_style style)
{
    uint32_t cp = (unsigned char)grapheme.p[0];
    if (grapheme.n > 1 && g->ascii) {
        utf8_next(grapheme, &cp);
        grid_set_ascii(g, row, col, cp, width, style);
    } else {
        grid_set(g, row, col, grapheme.n > 1 ? cell_rune(&g->pool, grapheme) : cp, width, style);
    }
}

static int grid_put_plain(struct grid *g, int row, int col, int end, span text,
                          struct cell_style style)
{
    int used = text.n < (size_t)(end - col) ? (int)text.n : end - col;
    int from = col < 0 ? 0 : col, to = col + used;
    if (from >= to)
        return used;
    struct cell *cells = grid_row(g, row);
    grid_split(g, cells, from);
    grid_split(g, cells, to);
    for (int at = from; at < to; at++)
        cells[at] = grid_make_cell((unsigned char)text.p[at - col], style, 0);
    return used;
}

static int grid_put(struct grid *g, int row, int col, int width, span text, struct cell_style style)
{
    int at = col, end, step;
    size_t n;
    if (row < 0 || row >= g->rows || col >= g->cols || width <= 0 || col < -GRID_COLS_MAX)
        return 0;
    end = width > g->cols - col ? g->cols : col + width;
    text = grid_clean(g, text, end - col);
    if (grid_is_plain(text))
        return grid_put_plain(g, row, col, end, text, style);
    for (; text.n && at < end; text = span_sub(text, n), at += step) {
        n = cell_next_grapheme(text, &step);
        if (step == 0) /* a mark without a character */
            continue;
        if (at + step > end) {
            step = 1;
            if (at >= 0)
                grid_set(g, grid_row(g, row), at, 0, 1, style);
        } else if (at >= 0) {
            grid_put_grapheme(g, grid_row(g, row), at, (span){text.p, n}, step, style);
        } else if (at + step > 0) {
            grid_set(g, grid_row(g, row), 0, 0, 1, style);
        }
    }
    return at - col;
}

/* Clips to [0, most). Returns 0 when nothing is left. */
static int grid_clip(int *from, int *n, int most)
{
    long long first = *from, last = first + *n;
    if (first < 0)
        first = 0;
    if (last > most)
        last = most;
    if (*n <= 0 || first >= last)
        return 0;
    *from = (int)first;
    *n = (int)(last - first);
    return 1;
}

static void grid_fill(struct grid *g, int row, int col, int rows, int cols, struct cell_style style)
{
    const struct cell blank = grid_make_cell(0, style, 0);
    int plain = !blank.fg && !blank.bg && !blank.attr;
    if (!grid_clip(&row, &rows, g->rows) || !grid_clip(&col, &cols, g->cols))
        return;
    for (; rows > 0; rows--, row++) {
        if (g->back[row] == GRID_ROW_BLANK && plain)
            continue;
        struct cell *cells = grid_row(g, row);
        grid_split(g, cells, col);
        grid_split(g, cells, col + cols);
        for (int i = 0; i < cols; i++)
            cells[col + i] = blank;
    }
}

/* Widens the columns to whole wide characters. */
static struct cell *grid_whole(struct grid *g, int row, int col, int *cols)
{
    if (row < 0 || row >= g->rows || !grid_clip(&col, cols, g->cols)) {
        *cols = 0;
        return NULL;
    }
    struct cell *cells = grid_row(g, row);
    int end = col + *cols;
    col -= (cells[col].attr & CELL_TAIL) != 0;
    end += end < g->cols && cells[end].attr & CELL_TAIL;
    *cols = end - col;
    return cells + col;
}

static void grid_restyle(struct grid *g, int row, int col, int cols, unsigned set_attr)
{
    unsigned clear = set_attr & CELL_UNDERLINE ? CELL_UNDERLINE : 0;
    struct cell *cells = grid_whole(g, row, col, &cols);
    for (int i = 0; i < cols; i++)
        cells[i].attr = (uint16_t)((cells[i].attr & ~clear) | (set_attr & CELL_STYLE_MASK));
}

static void grid_invert(struct grid *g, int row, int col, int cols)
{
    struct cell *cells = grid_whole(g, row, col, &cols);
    for (int i = 0; i < cols; i++)
        cells[i].attr ^= CELL_REVERSE;
}

/* Returns the rune in our pool. Control characters become harmless. */
static uint32_t grid_adopt(struct grid *g, uint32_t rune, const struct cell_pool *pool,
                           uint32_t *first)
{
    char text[CELL_TEXT_MAX];
    size_t n;
    *first = rune;
    if ((rune >= 0x20 && rune < 0x7f) || (rune >= 0xa0 && rune < 0x2000) || rune == 0)
        return rune;
    if (rune >= 0x2070 && !(rune & CELL_CLUSTER))
        return rune;
    n = cell_text(pool, rune, text);
    buf_clear(&g->scratch);
    utf8_put_visible(&g->scratch, (span){text, n});
    utf8_next(buf_view(&g->scratch), first);
    if (g->scratch.n != n || memcmp(g->scratch.p, text, n) != 0)
        return *first;
    return cell_rune(&g->pool, (span){text, n});
}

/* A wide character without room is a blank. Returns the columns drawn. */
static int grid_put_cell(struct grid *g, int row, int col, int room, const struct cell *cell,
                         const struct cell_pool *pool)
{
    struct cell_style style = grid_style(cell);
    struct cell_extra extra = cell_extra_of(pool, cell->extra);
    style.extra = cell_extra_add(&g->pool, extra.underline, (span){extra.link, extra.n});
    int width = cell->attr & CELL_WIDE ? 2 : 1;
    struct cell *cells = grid_row(g, row);
    uint32_t first, rune = cell->attr & CELL_TAIL ? 0 : grid_adopt(g, cell->rune, pool, &first);
    if (width > room)
        rune = 0, width = 1;
    if (rune >= 0x80 && g->ascii)
        grid_set_ascii(g, cells, col, first, width, style);
    else
        grid_set(g, cells, col, rune, width, style);
    return width;
}

/* Tells whether plain characters replace plain ones: the usual case. */
static int grid_is_simple(const struct cell *from, const struct cell *to)
{
    return ((from->rune >= 0x20 && from->rune < 0x7f) || from->rune == 0) && !from->extra &&
           !((from->attr | to->attr) & (CELL_WIDE | CELL_TAIL));
}

static void grid_put_cells(struct grid *g, int row, int col, const struct cell *cells, int n,
                           const struct cell_pool *pool)
{
    int skipped = col, most = n;
    if (row < 0 || row >= g->rows || !grid_clip(&col, &most, g->cols))
        return;
    cells += col - skipped;
    for (struct cell *to = grid_row(g, row) + col; most > 0;) {
        int width = 1;
        if (grid_is_simple(cells, to))
            *to = grid_make_cell(cells->rune, grid_style(cells), 0);
        else
            width = grid_put_cell(g, row, col, most, cells, pool);
        most -= width, to += width, cells += width, col += width;
    }
}

static void grid_ground(struct grid *g, int row, int col, int cols, uint32_t muted,
                        struct cell_style style)
{
    struct cell *cells = grid_whole(g, row, col, &cols);
    for (int i = 0; i < cols; i++) {
        struct cell *cell = &cells[i];
        int plain = style.attr & CELL_REVERSE || !cell->fg || cell->fg == muted;
        cell->fg = plain ? style.fg : cell->fg;
        cell->bg = style.bg;
        cell->attr = (uint16_t)(cell->attr | (style.attr & CELL_STYLE_MASK));
    }
}

/* ---- the frame ------------------------------------------------------------------------------ */

/* The terminal while a frame is written; -1: unknown. */
struct grid_pen {
    const struct grid *g;
    buf *b;
    int row, col;
    int ahead;   /* columns, of a terminal whose ambiguous characters have two */
    int no_wrap; /* wrapping is off */
    int dirty;   /* up to here cells may be overwritten */
    int cleared; /* from here on the row is blank, with that ground */
    uint32_t ground;
    const struct cell *back, *front; /* the row */
    struct cell_style style;
};

struct grid_move {
    size_t n;
    char text[64];
};

static int grid_is_blank(const struct cell *c)
{
    return c->rune == 0 && !(c->attr & (CELL_WIDE | CELL_TAIL));
}

static int grid_is_ground(const struct cell *c, uint32_t bg)
{
    return grid_is_blank(c) && c->bg == bg && !c->extra && !(c->attr & GRID_DECORATED);
}

/* Compares two words each: most cells are equal. */
static int grid_same(const struct cell *a, const struct cell *b)
{
    uint64_t x[2], y[2];
    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    if (x[0] == y[0] && x[1] == y[1])
        return 1;
    return grid_is_blank(a) && grid_is_blank(b) && a->bg == b->bg && a->extra == b->extra &&
           !((a->attr | b->attr) & GRID_DECORATED);
}

static int grid_pen_fits(const struct grid_pen *pen, const struct cell *c)
{
    if (grid_is_blank(c) && !((c->attr | pen->style.attr) & GRID_DECORATED))
        return c->bg == pen->style.bg && c->extra == pen->style.extra;
    return cell_style_eq(pen->style, grid_style(c));
}

static void grid_set_pen(struct grid_pen *pen, struct cell_style style)
{
    cell_put_sgr(pen->b, pen->style, style, pen->g->depth);
    if (style.extra != pen->style.extra)
        cell_put_extra(pen->b, &pen->g->pool, pen->style.extra, style.extra, pen->g->depth,
                       pen->g->links ? 2 : 0);
    pen->style = style;
}

static void grid_move_add(struct grid_move *m, char c, int times)
{
    while (times-- > 0 && m->n < sizeof m->text)
        m->text[m->n++] = c;
}

/* n = 1 is omitted */
static void grid_move_csi(struct grid_move *m, int n, char final)
{
    grid_move_add(m, '\33', 1);
    grid_move_add(m, '[', 1);
    if (n >= 1000)
        grid_move_add(m, (char)('0' + n / 1000), 1);
    if (n >= 100)
        grid_move_add(m, (char)('0' + n / 100 % 10), 1);
    if (n >= 10)
        grid_move_add(m, (char)('0' + n / 10 % 10), 1);
    if (n > 1)
        grid_move_add(m, (char)('0' + n % 10), 1);
    if (final)
        grid_move_add(m, final, 1);
}

static struct grid_move grid_move_absolute(int row, int col)
{
    struct grid_move m = {0, ""}, right = {0, ""};
    grid_move_csi(&m, row + 1, 0);
    if (col > 0) {
        grid_move_csi(&right, col + 1, 0);
        grid_move_add(&m, ';', 1);
        memcpy(m.text + m.n, right.text + 2, right.n - 2);
        m.n += right.n - 2;
    }
    grid_move_add(&m, 'H', 1);
    return m;
}

static struct grid_move grid_move_along(int from, int col)
{
    struct grid_move best = {0, ""}, other = {0, ""};
    if (from == col)
        return best;
    grid_move_csi(&best, col + 1, 'G');
    grid_move_add(&other, '\r', 1);
    if (col > 0)
        grid_move_csi(&other, col, 'C');
    if (other.n < best.n)
        best = other;
    if (from < 0)
        return best;
    other.n = 0;
    if (from < col)
        grid_move_csi(&other, col - from, 'C');
    else if (from - col <= 3)
        grid_move_add(&other, '\b', from - col);
    else
        grid_move_csi(&other, from - col, 'D');
    return other.n < best.n ? other : best;
}

static void grid_move_down(struct grid_move *m, int rows)
{
    if (rows < 0)
        grid_move_csi(m, -rows, 'A');
    else if (rows <= 3)
        grid_move_add(m, '\n', rows);
    else
        grid_move_csi(m, rows, 'B');
}

/* Tells whether drawing the cells up to col again takes less than `most` bytes. */
static int grid_gap_is_cheap(const struct grid_pen *pen, int col, size_t most)
{
    const struct cell *cells = grid_back(pen->g, pen->row);
    if (col <= pen->col || (size_t)(col - pen->col) >= most)
        return 0;
    for (int i = pen->col; i < col; i++)
        if (cells[i].rune >= 0x7f || cells[i].attr & CELL_TAIL || !grid_pen_fits(pen, &cells[i]))
            return 0;
    return 1;
}

static void grid_goto(struct grid_pen *pen, int row, int col)
{
    struct grid_move move, other;
    if (pen->ahead)
        pen->col = -1;
    pen->ahead = 0;
    if (pen->row == row && pen->col == col)
        return;
    move = grid_move_absolute(row, col);
    if (pen->row >= 0) {
        other = grid_move_along(pen->col, col); /* first: it ends a pending wrap */
        grid_move_down(&other, row - pen->row);
        if (other.n <= move.n)
            move = other;
    }
    if (pen->row == row && pen->col >= 0 && grid_gap_is_cheap(pen, col, move.n)) {
        const struct cell *cells = grid_back(pen->g, row);
        for (; pen->col < col; pen->col++)
            buf_byte(pen->b, cells[pen->col].rune ? (char)cells[pen->col].rune : ' ');
        return;
    }
    buf_add(pen->b, move.text, move.n);
    pen->row = row;
    pen->col = col;
}

/* Returns the columns on a terminal that shows code points one by one. */
static int grid_loose_width(const struct cell_pool *pool, uint32_t rune)
{
    char text[CELL_TEXT_MAX];
    span s = {text, cell_text(pool, rune, text)};
    int columns = 0;
    while (s.n) {
        uint32_t cp;
        int width;
        s = span_sub(s, utf8_next(s, &cp));
        width = utf8_width(cp);
        columns += width > 0 ? width : 0;
    }
    return columns;
}

static int grid_is_corner(const struct grid *g, int row, int col, int width)
{
    return row == g->rows - 1 && col + width == g->cols;
}

static void grid_set_wrap(struct grid_pen *pen, int off)
{
    if (pen->no_wrap != off)
        buf_str(pen->b, off ? GRID_SEQ_WRAP_OFF : GRID_SEQ_WRAP_ON);
    pen->no_wrap = off;
}

static void grid_put_no_wrap(struct grid_pen *pen, span text, int no_wrap)
{
    int was = pen->no_wrap;
    grid_set_wrap(pen, was | no_wrap);
    buf_span(pen->b, text);
    grid_set_wrap(pen, was);
}

/* Draws a grapheme of unclear width: blanks its columns first; then the cursor's place is unknown.
 * Returns how many columns behind it must be drawn again. */
static int grid_draw_loose(struct grid_pen *pen, int row, int col, const struct cell *c, int width)
{
    char text[CELL_TEXT_MAX];
    span s = {text, cell_text(&pen->g->pool, c->rune, text)};
    const struct cell *front = grid_front(pen->g, row) + col;
    int loose = grid_loose_width(&pen->g->pool, c->rune);
    int corner = grid_is_corner(pen->g, row, col, width);
    int wraps = loose > width && col + loose > pen->g->cols;
    if (width == 2 && (loose < 2 || !(c->rune & CELL_CLUSTER)) &&
        (col + 1 < pen->dirty || !grid_is_ground(front + 1, 0))) {
        grid_goto(pen, row, col + 1);
        grid_put_no_wrap(pen, (span){" ", 1}, corner);
        pen->col = -1;
        grid_goto(pen, row, col);
    }
    /* only where needed: without wrap some terminals lose marks in the last column */
    grid_put_no_wrap(pen, s, wraps || (corner && !(c->rune & CELL_CLUSTER)));
    /* accented letters have the same width everywhere */
    pen->col = loose == width && (unsigned char)text[0] < 0xe1 && col + width < pen->g->cols
                   ? col + width
                   : -1;
    return loose > width ? loose - width : 0;
}

/* Tells whether terminals may differ: clusters; emoji; what would join the character before: flag
 * halves, leading jamo. */
static int grid_is_loose(uint32_t rune)
{
    return rune >= 0x1f000 || (rune >= 0x1100 && rune <= 0x115f) ||
           (rune >= 0x2300 && rune < 0x2e80 && utf8_width(rune) == 2) ||
           (rune >= 0xa960 && rune <= 0xa97c);
}

static int grid_is_ambiguous(const struct grid *g, const struct cell *c)
{
    return c->rune >= 0xa1 && !(c->attr & CELL_WIDE) && !grid_is_loose(c->rune) &&
           utf8_is_ambiguous(c->rune) && (!g->narrow || utf8_is_emoji(c->rune));
}

/* One movement for the run, behind it. Returns the columns that a terminal is ahead then. */
static int grid_goto_ambiguous(struct grid_pen *pen, int row, int col)
{
    if (pen->row != row || pen->col != col)
        grid_goto(pen, row, col);
    pen->ahead++;
    if (col + 1 + pen->ahead >= pen->g->cols + (row < pen->g->rows - 1))
        grid_set_wrap(pen, 1); /* until the end of the row */
    return pen->ahead;
}

/* *damage: columns behind it to be drawn again. Returns its width. */
static int grid_draw(struct grid_pen *pen, int row, int col, int *damage)
{
    const struct cell *c = grid_back(pen->g, row) + col;
    int width = c->attr & CELL_WIDE ? 2 : 1;
    char text[4] = " ";
    size_t n = 1;
    *damage = 0;
    if (grid_is_ambiguous(pen->g, c))
        *damage = grid_goto_ambiguous(pen, row, col);
    else
        grid_goto(pen, row, col);
    if (!grid_pen_fits(pen, c))
        grid_set_pen(pen, grid_style(c));
    if (grid_is_loose(c->rune)) {
        *damage = grid_draw_loose(pen, row, col, c, width);
        return width;
    }
    if (c->rune)
        n = utf8_encode(c->rune, text);
    if (grid_is_corner(pen->g, row, col, width))
        grid_put_no_wrap(pen, (span){text, n}, 1);
    else
        buf_add(pen->b, text, n);
    pen->col = col + width == pen->g->cols ? -1 : col + width; /* at the end a wrap is pending */
    return width;
}

/* Lets what is erased have this background: the pen's other looks don't show on a blank. */
static void grid_set_ground(struct grid_pen *pen, uint32_t bg)
{
    grid_set_pen(pen, (struct cell_style){pen->style.fg, bg, pen->style.attr & ~GRID_DECORATED, 0});
}

#define GRID_BLANKS_MIN 12 /* fewer are drawn, */
#define GRID_TAIL_MIN 4    /* and at the end of a row, where EL needs no number */

/* Tells whether the screen shows what the row has in that column. */
static int grid_is_shown(const struct grid_pen *pen, int col)
{
    return col < pen->cleared ? grid_same(&pen->back[col], &pen->front[col])
                              : grid_is_ground(&pen->back[col], pen->ground);
}

/* Erases the blanks from col on where that takes fewer bytes than drawing those that have changed.
 * EL, which needs no number, also erases what is drawn again after them. Returns their number, or
 * 0. */
static int grid_erase(struct grid_pen *pen, int row, int col)
{
    const struct cell *back = pen->back;
    struct grid_move erase = {0, ""};
    int n = 0, end = col, cols = pen->g->cols, from = col;
    uint32_t bg = back[col].bg;
    if (bg && pen->g->depth < CELL_256)
        return 0;
    for (; end < cols && grid_is_ground(&back[end], bg); end++)
        if (!grid_is_shown(pen, end))
            n = end + 1 - col;
    if (n < (end == cols ? GRID_TAIL_MIN : GRID_BLANKS_MIN))
        return 0;
    int rest = end;
    while (rest < cols && !grid_is_shown(pen, rest))
        rest++;
    int all = rest == cols && (end == cols || !grid_is_ambiguous(pen->g, &back[cols - 1]));
    if (all) {
        n = end - col;
        pen->cleared = col;
        pen->ground = bg;
        while (from > 0 && from > pen->col && grid_is_ground(&back[from - 1], bg))
            from--;
    }
    grid_goto(pen, row, pen->row == row && from == pen->col ? from : col);
    grid_set_ground(pen, bg);
    grid_move_csi(&erase, all ? 0 : n, all ? 'K' : 'X');
    buf_add(pen->b, erase.text, erase.n);
    return n;
}

/* Compares words: some libc's memcmp goes byte by byte. */
static int grid_equal(const struct cell *a, const struct cell *b, int n)
{
    uint64_t x[2], y[2], differ = 0;
    for (int i = 0; i < n; i++) {
        memcpy(x, &a[i], sizeof x);
        memcpy(y, &b[i], sizeof y);
        differ |= (x[0] ^ y[0]) | (x[1] ^ y[1]);
    }
    return differ == 0;
}

#define GRID_STRIDE 8

static int grid_note_changes(struct grid *g, int row)
{
    const struct cell *back = grid_back(g, row), *front = grid_front(g, row);
    int a = back == front ? g->cols : 0, z = g->cols;
    while (z - a >= GRID_STRIDE && grid_equal(&back[a], &front[a], GRID_STRIDE))
        a += GRID_STRIDE;
    while (a < z && grid_same(&back[a], &front[a]))
        a++;
    while (z - a >= GRID_STRIDE &&
           grid_equal(&back[z - GRID_STRIDE], &front[z - GRID_STRIDE], GRID_STRIDE))
        z -= GRID_STRIDE;
    while (z > a && grid_same(&back[z - 1], &front[z - 1]))
        z--;
    g->notes[row].first = a;
    g->notes[row].last = z - 1;
    return a < z;
}

/* Draws an ambiguous character in the last column; what it may overwrite is drawn later. */
static void grid_draw_last(struct grid_pen *pen, int row)
{
    int last = pen->g->cols - 1, damage;
    grid_draw(pen, row, last, &damage);
    if (grid_back(pen->g, row)[last - 1].attr & CELL_TAIL) {
        grid_goto(pen, row, last - 1);
        buf_byte(pen->b, ' ');
        pen->col = -1;
    }
}

/*   first..last   the changes          |..unchanged..|#changed#|..|##|###changed to blanks###|
 *   again         from here on one in the last column, which is drawn first, may have
 * Both halves of a wide character have one style, so they change together. */
static void grid_draw_row(struct grid_pen *pen, int row, int first, int last)
{
    const struct cell *back = pen->back = grid_back(pen->g, row);
    int cols = pen->g->cols, again = cols, blanks, damage;
    pen->front = grid_front(pen->g, row);
    pen->dirty = 0;
    pen->cleared = cols;
    int beside = cols - 2 - (cols > 2 && back[cols - 2].attr & CELL_TAIL);
    int overwrites = cols > 1 && grid_is_ambiguous(pen->g, &back[cols - 1]) &&
                     !grid_is_ambiguous(pen->g, &back[beside]);
    if (last == cols - 1 && overwrites) {
        grid_draw_last(pen, row);
        last--;
        again = last - ((back[last].attr & CELL_TAIL) != 0);
        first = first < again ? first : again;
    }
    for (int col = first; col <= last || col < pen->dirty;) {
        int same = col >= pen->dirty && col < again && grid_is_shown(pen, col);
        if (same) {
            col++;
            continue;
        }
        if ((blanks = grid_erase(pen, row, col)) > 0) {
            col += blanks;
            continue;
        }
        if (col == cols - 1 && overwrites) { /* damage has reached it */
            grid_draw_last(pen, row);
            grid_draw(pen, row, beside, &damage);
            break;
        }
        col += grid_draw(pen, row, col, &damage);
        if (damage && col + damage > pen->dirty)
            pen->dirty = col + damage < cols ? col + damage : cols;
    }
    grid_set_wrap(pen, 0);
}

static int grid_row_is_erased(const struct grid *g, int row)
{
    int col = g->back[row] == GRID_ROW_BLANK ? 0 : g->cols;
    while (col > 0 && grid_is_ground(&grid_back(g, row)[col - 1], 0))
        col--;
    return col == 0;
}

/* Returns the last row to draw. In synchronised output all is erased, which saves bytes; otherwise
 * only rows that stay blank: the others would flash. */
static int grid_start_redraw(struct grid *g, struct grid_pen *pen)
{
    int row = g->rows;
    while (row > 0 && (g->sync || grid_row_is_erased(g, row - 1)))
        row--;
    buf_str(pen->b, GRID_SEQ_REDRAW);
    pen->row = pen->col = 0;
    if (row < g->rows) {
        grid_goto(pen, row, 0);
        buf_str(pen->b, GRID_SEQ_ERASE_BELOW);
    }
    if (!g->sync)
        return row - 1;
    for (row = 0; row < g->rows; row++) {
        grid_set_row(g, &g->front[row], GRID_ROW_BLANK);
        grid_note_changes(g, row);
    }
    return g->rows - 1;
}

/* ---- rows that only moved ------------------------------------------------------------------- */

#define GRID_SCROLL_COST 28 /* bytes, and some */
#define GRID_SCROLL_ROWS 3  /* fewer are drawn */
#define GRID_SCROLL_MAX 40  /* largest distance */

/* A move: rows first … last get the content of the rows `by` below (above when negative). Together
 * with those rows they are the band that moves:
 *
 *      top      a        b          first = top, last = bottom - by, by = 1; the row that the move
 *               b   →    c          leaves blank is the band's last one
 *      bottom   c        (blank)                                                            */
struct grid_scroll {
    int first, last, by, gain;
};

/* A sum: no cell waits for the one before it. Rows that differ may have one digest. */
static uint64_t grid_digest(const struct cell *cells, int n)
{
    uint64_t sum = 0, words[2];
    for (int i = 0; i < n; i++) {
        memcpy(words, &cells[i], sizeof words);
        words[0] ^= words[1] * 0xbf58476d1ce4e5b9u;
        sum += words[0] * (0x9e3779b97f4a7c15u + 2 * (uint64_t)i);
    }
    return sum; /* 0 for a blank row */
}

static void grid_note_rows(struct grid *g, int top, int bottom)
{
    for (int row = top; row <= bottom; row++) {
        const struct cell *back = grid_back(g, row), *front = grid_front(g, row);
        struct grid_note *note = &g->notes[row];
        note->back = g->back[row] == GRID_ROW_BLANK ? 0 : grid_digest(back, g->cols);
        note->front = note->first > note->last          ? note->back
                      : g->front[row] == GRID_ROW_BLANK ? 0
                                                        : grid_digest(front, g->cols);
        note->changed = note->filled = 0;
        for (int col = note->first; col <= note->last; col++)
            note->changed += !grid_equal(&back[col], &front[col], 1);
        for (int col = 0; col < g->cols && g->back[row] != GRID_ROW_BLANK; col++)
            note->filled += back[col].rune != 0;
    }
}

static int grid_band_first(const struct grid_scroll *s)
{
    return s->by < 0 ? s->first + s->by : s->first;
}

static int grid_band_last(const struct grid_scroll *s)
{
    return s->by > 0 ? s->last + s->by : s->last;
}

/* Counts the cells saved less the cells damaged. */
static int grid_scroll_gain(const struct grid *g, const struct grid_scroll *s)
{
    int gain = -GRID_SCROLL_COST;
    for (int row = grid_band_first(s); row <= grid_band_last(s); row++) {
        const struct grid_note *note = &g->notes[row];
        if (row >= s->first && row <= s->last)
            gain += note->changed;
        else if (note->changed <= note->filled)
            gain += note->changed - note->filled;
    }
    return gain;
}

/* gain is 0 when no move saves bytes. Cost: rows times distances. */
static struct grid_scroll grid_find_scroll(const struct grid *g, int top, int bottom)
{
    struct grid_scroll best = {0};
    int most = bottom - top < GRID_SCROLL_MAX ? bottom - top : GRID_SCROLL_MAX;
    for (int by = -most; by <= most; by++) {
        int low = by < 0 ? top - by : top, high = by > 0 ? bottom - by : bottom;
        for (int row = low; by != 0 && row <= high; row++) {
            struct grid_scroll s = {row, row, by, 0};
            for (; row <= high && g->notes[row].back == g->notes[row + by].front; row++)
                s.gain += g->notes[row].changed;
            s.last = row - 1;
            if (s.gain <= GRID_SCROLL_COST)
                continue;
            s.gain = grid_scroll_gain(g, &s);
            if (s.gain > best.gain)
                best = s;
        }
    }
    return best;
}

static void grid_put_scroll(struct grid_pen *pen, int first, int last, int by)
{
    const int whole = first == 0 && last == pen->g->rows - 1;
    struct grid_move move = {0, ""};
    if (!whole) {
        buf_fmt(pen->b, "\33[%d;%dr", first + 1, last + 1);
        pen->row = pen->col = 0; /* setting the region moves the cursor home */
    }
    grid_goto(pen, first, 0);
    grid_move_csi(&move, by < 0 ? -by : by, by < 0 ? 'L' : 'M');
    buf_add(pen->b, move.text, move.n);
    if (!whole) {
        buf_str(pen->b, "\33[r");
        pen->row = pen->col = 0;
    }
}

static void grid_move_front(struct grid *g, int first, int last, int by)
{
    int step = by > 0 ? 1 : -1, row = by > 0 ? first : last;
    for (int left = last - first + 1; left > 0; left--, row += step) {
        int from = row + by, inside = from >= first && from <= last;
        grid_set_row(g, &g->front[row], inside ? g->front[from] : GRID_ROW_BLANK);
    }
}

static void grid_scroll(struct grid *g, struct grid_pen *pen, int top, int bottom)
{
    struct grid_scroll s;
    if (bottom - top + 1 < GRID_SCROLL_ROWS)
        return;
    grid_note_rows(g, top, bottom);
    s = grid_find_scroll(g, top, bottom);
    for (int row = s.first; s.gain > 0 && row <= s.last; row++) /* equal digests may lie */
        if (!grid_equal(grid_back(g, row), grid_front(g, row + s.by), g->cols))
            return;
    if (s.gain <= 0)
        return;
    grid_put_scroll(pen, grid_band_first(&s), grid_band_last(&s), s.by);
    grid_move_front(g, grid_band_first(&s), grid_band_last(&s), s.by);
    for (int row = grid_band_first(&s); row <= grid_band_last(&s); row++)
        grid_note_changes(g, row);
}

/* Draws the cursor's row first when there is a limit; the next frame goes on where this one
 * stopped. */
static void grid_draw_rows(struct grid *g, struct grid_pen *pen, int top, int bottom)
{
    int count = bottom - top + 1, drawn = 0, first = g->resume;
    size_t start = pen->b->n;
    g->partial = g->resume = 0;
    for (int row = 0; row < g->rows; row++)
        if (row < top || row > bottom || g->notes[row].first > g->notes[row].last)
            grid_set_row(g, &g->front[row], g->back[row]);
    for (int i = g->most ? -1 : 0; i < count && !g->partial; i++) {
        int row = i < 0 ? g->cursor_row : top + (i + (first > top ? first - top : 0)) % count;
        if (row < top || row > bottom || g->notes[row].first > g->notes[row].last)
            continue;
        if (g->most && drawn && pen->b->n - start >= g->most) {
            g->partial = 1;
            g->resume = row;
            continue;
        }
        grid_draw_row(pen, row, g->notes[row].first, g->notes[row].last);
        grid_set_row(g, &g->front[row], g->back[row]);
        g->notes[row].last = g->notes[row].first - 1;
        drawn = 1;
    }
}

/* Replaces an ambiguous character in the last column beside one that is loose: each could overwrite
 * the other. */
static void grid_settle_last(struct grid *g, int row)
{
    const struct cell *cells = grid_back(g, row) + g->cols;
    if (g->back[row] == GRID_ROW_BLANK || g->cols < 2 || !grid_is_ambiguous(g, &cells[-1]))
        return;
    if (grid_is_loose(cells[-2].rune) ||
        (cells[-2].attr & CELL_TAIL && grid_is_loose(cells[-3].rune))) {
        struct cell *last = grid_row(g, row) + g->cols - 1;
        last->rune = grid_ascii_of(last->rune);
    }
}

/* Returns 0 when nothing has changed; 2: the caller ends synchronised output, which one row and
 * frames in parts do without. A visible cursor is hidden, unless it stays in the only row that
 * changes. */
static int grid_draw_changes(struct grid *g, struct grid_pen *pen)
{
    int top = g->rows, bottom = -1;
    for (int row = 0; row < g->rows; row++) {
        grid_settle_last(g, row);
        if (grid_note_changes(g, row)) {
            top = top < row ? top : row;
            bottom = row;
        }
    }
    if (top > bottom) /* an unknown front: every row has changed */
        return 0;
    int jumps = g->shown_cursor && !(top == bottom && g->cursor_shown && g->cursor_row == top);
    int in_sync = g->sync && !g->most && (top < bottom || !g->known || jumps);
    if (in_sync)
        buf_str(pen->b, GRID_SEQ_SYNC_ON);
    else if (jumps) {
        buf_str(pen->b, GRID_SEQ_HIDE);
        g->shown_cursor = 0;
    }
    if (g->known)
        grid_scroll(g, pen, top, bottom);
    else
        bottom = grid_start_redraw(g, pen);
    grid_draw_rows(g, pen, top, bottom);
    grid_set_pen(pen, (struct cell_style){0});
    g->known = 1;
    return 1 + in_sync;
}

static void grid_place_cursor(struct grid *g, struct grid_pen *pen)
{
    if (g->cursor_shown)
        grid_goto(pen, grid_clamp(g->cursor_row, 0, g->rows - 1),
                  grid_clamp(g->cursor_col, 0, g->cols - 1));
    if (g->shown_cursor != (g->cursor_shown != 0))
        buf_str(pen->b, g->cursor_shown ? GRID_SEQ_SHOW : GRID_SEQ_HIDE);
    g->shown_cursor = g->cursor_shown != 0;
    g->at_row = pen->row;
    g->at_col = pen->ahead ? -1 : pen->col;
}

/* Drops what is no longer on the screen. Back and front are equal. */
static void grid_tidy_pool(struct grid *g)
{
    unsigned char used[CELL_EXTRAS_MAX + 1] = {0};
    struct cell_pool fresh = {0};
    char text[CELL_TEXT_MAX];
    for (int number = GRID_ROW_OWN; number < GRID_ROW_OWN + 2 * g->rows; number++) {
        struct cell *cells = grid_cells(g, number);
        for (int col = 0; g->uses[number] && col < g->cols; col++) {
            used[cells[col].extra] = 1;
            if (cells[col].rune & CELL_CLUSTER) {
                span s = {text, cell_text(&g->pool, cells[col].rune, text)};
                cells[col].rune = cell_rune(&fresh, s);
            }
        }
    }
    cell_pool_replace(&g->pool, &fresh);
    cell_extra_keep(&g->pool, used);
}

static void grid_frame(struct grid *g, buf *b)
{
    struct grid_pen pen = {.g = g, .b = b, .row = g->at_row, .col = g->at_col};
    int drawn;
    if (!g->known) {
        for (int row = 0; row < g->rows; row++)
            grid_set_row(g, &g->front[row], GRID_ROW_UNKNOWN);
        g->shown_cursor = -1;
    }
    drawn = grid_draw_changes(g, &pen);
    grid_place_cursor(g, &pen);
    if (drawn > 1)
        buf_str(b, GRID_SEQ_SYNC_OFF);
    if (drawn && !g->partial && (g->pool.count > CELL_CLUSTERS_MAX / 2 ||
                                 g->pool.extra_count > CELL_EXTRAS_MAX / 2 ||
                                 g->pool.link_bytes > CELL_LINKS_BYTES / 2))
        grid_tidy_pool(g);
}
