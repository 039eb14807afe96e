/* Unit tests of grid: what frames show on a model of a terminal, and what they cost. */

/* The cells of a frame, row after row. */
static const struct cell *unit_at(const struct grid *g, int i)
{
    return &grid_back(g, i / g->cols)[i % g->cols];
}

/* ---- a model of a terminal: only what frames may contain, everything else fails the test ---- */

struct unit_grid_model {
    int rows, cols, row, col, pending, wrap, shown, sync;
    int loose;       /* 1: it knows no graphemes, every code point has the width it has alone;
                      * 2: and ambiguous characters have two columns, the emoji of plane 0 one */
    int joinable;    /* the character before the cursor was written just now */
    int top, bottom; /* the scroll region */
    int moves;       /* how often lines were deleted or inserted */
    int erases_ground;
    struct cell *cells;
    struct cell_pool pool;
    struct cell_style style;
};

static void unit_grid_model_start(struct unit_grid_model *m, int rows, int cols, int loose)
{
    size_t n = (size_t)rows * (size_t)cols;
    free(m->cells);
    cell_pool_free(&m->pool);
    memset(m, 0, sizeof *m);
    m->rows = rows;
    m->cols = cols;
    m->loose = loose;
    m->wrap = 1;
    m->shown = 1;
    m->bottom = rows - 1;
    m->row = rows / 2;
    m->cells = base_alloc(n * sizeof *m->cells);
    for (size_t i = 0; i < n; i++)
        m->cells[i].rune = 'X';
}

static void unit_grid_model_split(struct unit_grid_model *m, struct cell *row, int col)
{
    if (col <= 0 || col >= m->cols || !(row[col].attr & CELL_TAIL))
        return;
    row[col - 1].rune = row[col].rune = 0;
    row[col - 1].attr &= CELL_STYLE_MASK;
    row[col].attr &= CELL_STYLE_MASK;
}

static void unit_grid_model_cell(struct unit_grid_model *m, int col, uint32_t rune, unsigned half)
{
    struct cell *row = m->cells + m->row * m->cols;
    struct cell c = {rune == ' ' ? 0 : rune, m->style.fg, m->style.bg, 0, 0};
    c.attr = (uint16_t)(m->style.attr | half);
    unit_grid_model_split(m, row, col);
    unit_grid_model_split(m, row, col + 1);
    row[col] = c;
}

/* Joins cp to the character before the cursor; 1 if it did. */
static int unit_grid_model_join(struct unit_grid_model *m, uint32_t cp)
{
    int col = m->pending ? m->col : m->col - 1;
    struct cell *row = m->cells + m->row * m->cols, *c;
    if (!m->joinable || col < 0)
        return 0;
    col -= (row[col].attr & CELL_TAIL) != 0;
    c = &row[col];
    if (m->loose ? utf8_width(cp) != 0 : !cell_joins(&m->pool, c->rune, cp))
        return 0;
    c->rune = cell_append(&m->pool, c->rune, cp);
    if (!m->loose && !(c->attr & CELL_WIDE) && cell_width(&m->pool, c->rune) == 2 &&
        col + 1 < m->cols) {
        c->attr |= CELL_WIDE;
        unit_grid_model_cell(m, col + 1, 0, CELL_TAIL);
        c->attr |= CELL_WIDE;
        m->col = col + 2 < m->cols ? col + 2 : m->cols - 1;
        m->pending = col + 2 == m->cols;
    }
    return 1;
}

static int unit_grid_is_old_emoji(uint32_t cp)
{
    return cp < 0x3000 && utf8_is_emoji(cp) && utf8_width(cp) == 2;
}

/* Tells whether the model gives an ambiguous character two columns; 3: emoji alone. */
static int unit_grid_doubles(const struct unit_grid_model *m, uint32_t cp)
{
    return m->loose >= 2 && utf8_is_ambiguous(cp) && (m->loose == 2 || utf8_is_emoji(cp));
}

static void unit_grid_model_char(struct unit_grid_model *m, uint32_t cp, int cluster)
{
    int width = utf8_width(cp), joined = m->joinable;
    if (m->loose >= 2 && width > 0 && m->cols > 1)
        width = unit_grid_doubles(m, cp) ? 2 : unit_grid_is_old_emoji(cp) ? 1 : width;
    if (unit_grid_model_join(m, cp))
        return;
    /* the corner is written without wrap, but for what consists of several code points */
    CHECK(width == 1 || width == 2);
    if ((m->pending || m->col + width > m->cols) && m->wrap) {
        CHECK(!"a character wrapped");
        return;
    }
    if (m->col + width > m->cols)
        m->col = m->cols - width;
    unit_grid_model_cell(m, m->col, cp, width == 2 ? CELL_WIDE : 0);
    if (width == 2) {
        unit_grid_model_cell(m, m->col + 1, 0, CELL_TAIL);
        m->cells[m->row * m->cols + m->col].rune = cp;
        m->cells[m->row * m->cols + m->col].attr |= CELL_WIDE;
    }
    m->col += width;
    m->joinable = 1;
    m->pending = m->col == m->cols;
    if (m->pending) {
        CHECK(m->row < m->rows - 1 || !m->wrap || cluster || (m->loose && joined));
        m->col--;
    }
}

static void unit_grid_model_sgr(struct unit_grid_model *m, const int *p, const char *before, int n)
{
    static const uint16_t attr[] = {0,          CELL_BOLD, CELL_DIM,     CELL_ITALIC, 0,
                                    CELL_BLINK, 0,         CELL_REVERSE, CELL_HIDDEN, CELL_STRIKE};
    for (int i = 0; i < n; i++) {
        int v = p[i], base = v >= 40 && v < 50 ? 40 : v >= 100 ? 100 : v >= 90 ? 90 : 30;
        uint32_t *colour = base == 40 || base == 100 ? &m->style.bg : &m->style.fg;
        if (v == 0)
            memset(&m->style, 0, sizeof m->style);
        else if (v == 53 || v == 55)
            m->style.attr = (uint16_t)(v == 53 ? m->style.attr | CELL_OVERLINE
                                               : m->style.attr & ~CELL_OVERLINE);
        else if (v == 4 || v == 24) {
            int kind = v == 24 ? 0 : i + 1 < n && before[i + 1] == ':' ? p[++i] : 1;
            m->style.attr =
                (uint16_t)((m->style.attr & ~CELL_UNDERLINE) | kind << CELL_UNDERLINE_SHIFT);
        } else if (v < 10)
            m->style.attr |= attr[v];
        else if (v == 22)
            m->style.attr &= (uint16_t) ~(CELL_BOLD | CELL_DIM);
        else if (v < 30)
            m->style.attr &= (uint16_t)~attr[v - 20];
        else if (v == base + 8 && p[i + 1] == 5)
            *colour = CELL_INDEXED | (uint32_t)p[i + 2], i += 2;
        else if (v == base + 8)
            *colour = CELL_RGB | (uint32_t)(p[i + 2] << 16 | p[i + 3] << 8 | p[i + 4]), i += 4;
        else if (v == base + 9)
            *colour = 0;
        else
            *colour = CELL_INDEXED | (uint32_t)(v - base + (base >= 90 ? 8 : 0));
    }
}

static void unit_grid_model_erase_cells(struct unit_grid_model *m, int n)
{
    CHECK((m->style.bg == 0 || m->erases_ground) && m->col + n <= m->cols);
    CHECK(!(m->style.attr & GRID_DECORATED));
    for (int col = m->col; col < m->col + n && col < m->cols; col++)
        unit_grid_model_cell(m, col, 0, 0);
}

static void unit_grid_model_erase(struct unit_grid_model *m, int to_row)
{
    const struct cell_style style = m->style;
    int row = m->row;
    CHECK((style.bg == 0 || (m->erases_ground && to_row == row)) && !(style.attr & GRID_DECORATED));
    for (; m->row <= to_row; m->row++)
        for (int col = m->row == row ? m->col : 0; col < m->cols; col++)
            unit_grid_model_cell(m, col, 0, 0);
    m->row = row;
}

/* Deletes (or inserts) n lines at the cursor, within the region. */
static void unit_grid_model_lines(struct unit_grid_model *m, int n, int insert)
{
    size_t cols = (size_t)m->cols, size = sizeof *m->cells;
    struct cell *row = m->cells + (size_t)m->row * cols;
    int rows = m->bottom - m->row + 1;
    m->moves++;
    CHECK(m->row >= m->top && m->row <= m->bottom && m->col == 0 && n <= rows);
    CHECK(m->style.bg == 0 && m->style.attr == 0);
    if (m->row < m->top || m->row > m->bottom || n > rows)
        return;
    if (insert)
        memmove(row + (size_t)n * cols, row, (size_t)(rows - n) * cols * size);
    else
        memmove(row, row + (size_t)n * cols, (size_t)(rows - n) * cols * size);
    memset(insert ? row : row + (size_t)(rows - n) * cols, 0, (size_t)n * cols * size);
}

static void unit_grid_model_region(struct unit_grid_model *m, int top, int bottom)
{
    m->top = top ? top - 1 : 0;
    m->bottom = bottom ? bottom - 1 : m->rows - 1;
    CHECK(m->top < m->bottom || m->rows == 1);
    CHECK(m->bottom < m->rows);
    m->row = m->col = 0;
}

static void unit_grid_model_mode(struct unit_grid_model *m, int mode, int on)
{
    if (mode == 7)
        m->wrap = on;
    else if (mode == 25)
        m->shown = on;
    else if (mode == 2026) {
        CHECK(m->sync != on);
        m->sync = on;
    } else
        CHECK(mode == 6 && !on);
}

/* One CSI sequence; returns its bytes. */
static size_t unit_grid_model_csi(struct unit_grid_model *m, span s)
{
    int p[16] = {0}, n = 0, private = 0, one;
    char before[16] = {0}, c;
    size_t i = 2;
    for (; i < s.n; i++) {
        c = s.p[i];
        if (c == '?')
        private = 1;
        else if (c >= '0' && c <= '9') p[n] = p[n] * 10 + c - '0';
        else if ((c == ';' || c == ':') && n < 14) before[++n] = c;
        else break;
    }
    CHECK(i < s.n);
    c = i < s.n ? s.p[i] : 0;
    one = p[0] ? p[0] : 1;
    if (c != 'm' && !private)
        m->pending = m->joinable = 0;
    if (private)
        unit_grid_model_mode(m, p[0], c == 'h');
    else if (c == 'm')
        unit_grid_model_sgr(m, p, before, n + 1);
    else if (c == 'A' || c == 'B')
        m->row += c == 'A' ? -one : one;
    else if (c == 'C' || c == 'D')
        m->col += c == 'D' ? -one : one;
    else if (c == 'G')
        m->col = one - 1;
    else if (c == 'H')
        m->row = one - 1, m->col = p[1] ? p[1] - 1 : 0;
    else if (c == 'K')
        unit_grid_model_erase(m, m->row);
    else if (c == 'J')
        unit_grid_model_erase(m, m->rows - 1);
    else if (c == 'X')
        unit_grid_model_erase_cells(m, one);
    else if (c == 'L' || c == 'M')
        unit_grid_model_lines(m, one, c == 'L');
    else if (c == 'r')
        unit_grid_model_region(m, p[0], p[1]);
    else
        CHECK(c == 'l' && p[0] == 4);
    CHECK(m->row >= 0 && m->row < m->rows && m->col >= 0 && m->col < m->cols);
    m->row = grid_clamp(m->row, 0, m->rows - 1);
    m->col = grid_clamp(m->col, 0, m->cols - 1);
    return i + 1;
}

static void unit_grid_model_feed(struct unit_grid_model *m, span s)
{
    while (s.n) {
        size_t n = 1;
        uint32_t cp;
        int width;
        if (span_starts(s, "\33["))
            n = unit_grid_model_csi(m, s);
        else if (span_starts(s, "\33(B"))
            n = 3;
        else if (s.p[0] == '\r')
            m->col = m->pending = m->joinable = 0;
        else if (s.p[0] == '\b' && m->col > 0 && !m->pending)
            m->col--, m->joinable = 0;
        else if (s.p[0] == '\n' && m->row < m->rows - 1 && !m->pending)
            m->row++, m->joinable = 0;
        else if (s.p[0] != 017) {
            n = utf8_next(s, &cp);
            CHECK(n > 0 && cp >= 0x20);
            unit_grid_model_char(m, cp, cell_next_grapheme(s, &width) > n);
        }
        s = span_sub(s, n ? n : s.n);
    }
}

/* ---- the grid ------------------------------------------------------------------------------- */

/* Does the model show what the back says, at the grid's depth? */
static void unit_grid_compare(const struct grid *g, const struct unit_grid_model *m)
{
    int bad = 0;
    for (int i = 0; i < g->rows * g->cols && !bad; i++) {
        struct cell a = *unit_at(g, i), b = m->cells[i];
        char at[CELL_TEXT_MAX], bt[CELL_TEXT_MAX];
        size_t an, bn;
        uint32_t left = a.attr & CELL_TAIL ? unit_at(g, i - 1)->rune : 0;
        if (m->loose >= 2 && (unit_grid_doubles(m, a.rune) || unit_grid_is_old_emoji(a.rune)))
            continue;
        if (m->loose >= 2 && unit_grid_is_old_emoji(left)) {
            CHECK(grid_is_blank(&b));
            continue;
        }
        if (m->loose && a.attr & CELL_TAIL && unit_at(g, i - 1)->rune & CELL_CLUSTER) {
            /* what a terminal that takes it as narrow shows beside it is nothing */
            int loose = grid_loose_width(&g->pool, unit_at(g, i - 1)->rune);
            CHECK(loose != 1 || grid_is_blank(&b));
            continue;
        }
        if (m->loose && a.rune & CELL_CLUSTER)
            continue;
        an = cell_text(&g->pool, a.rune, at);
        bn = cell_text(&m->pool, b.rune, bt);
        if (grid_is_blank(&a) && grid_is_blank(&b) && !((a.attr | b.attr) & GRID_DECORATED))
            a.fg = b.fg = a.attr = b.attr = 0;
        bad = an != bn || memcmp(at, bt, an) != 0 ||
              ((a.attr ^ b.attr) & (CELL_WIDE | CELL_TAIL)) ||
              !cell_style_eq(cell_reduce(grid_style(&a), g->depth), grid_style(&b));
        if (bad)
            printf("# %dx%d cell %d,%d: rune %x attr %x, terminal %x attr %x\n", g->rows, g->cols,
                   i / g->cols, i % g->cols, (unsigned)a.rune, a.attr, (unsigned)b.rune, b.attr);
    }
    CHECK(!bad);
    for (int i = 0; i < g->rows * g->cols; i++) {
        const struct cell *cell = unit_at(g, i);
        int col = i % g->cols;
        CHECK(!(cell->attr & CELL_WIDE) || (col < g->cols - 1 && cell[1].attr & CELL_TAIL));
        CHECK(!(cell->attr & CELL_TAIL) || (col > 0 && cell[-1].attr & CELL_WIDE));
    }
    CHECK_INT(m->shown, g->cursor_shown != 0);
    if (g->cursor_shown) {
        CHECK_INT(m->row, grid_clamp(g->cursor_row, 0, g->rows - 1));
        CHECK_INT(m->col, grid_clamp(g->cursor_col, 0, g->cols - 1));
    }
    CHECK(m->top == 0 && m->bottom == m->rows - 1);
    CHECK(m->wrap && !m->sync && cell_style_eq(m->style, (struct cell_style){0}));
}

static uint32_t unit_grid_random(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 8) % below;
}

static const char *const unit_grid_texts[] = {
    "x",
    "hello",
    "a b  c",
    "    ",
    "\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97",
    "\xc3\xa9t\xc3\xa9",
    "\xe2\x94\x8c\xe2\x94\x80\xe2\x94\x80\xe2\x94\x90",
    "tab\tesc\33[31m",
    "\xe2\x80\xae-bidi\xff",
    "\xf0\x9f\x98\x80!",
    "\xe2\x9c\x85 \xe2\x9d\x8c\xe2\x9a\xa1.",
    "\xe2\x94\x80",
    "\xe2\x98\x8e",
    "\xe1\x84\x80",
    /* from here on clusters */
    "e\xcc\x81t",
    "\xe2\x9d\xa4\xef\xb8\x8f",
    "x\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbby",
    "\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa",
    "\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd",
    "1\xef\xb8\x8f\xe2\x83\xa3",
};
#define UNIT_GRID_PLAIN_TEXTS 14

static struct cell_style unit_grid_random_style(uint32_t *seed)
{
    static const uint32_t colours[] = {
        0, 0, 0, CELL_INDEXED | 1, CELL_INDEXED | 12, CELL_INDEXED | 99, CELL_RGB | 0x123456};
    static const uint16_t attrs[] = {0,
                                     0,
                                     0,
                                     CELL_BOLD,
                                     CELL_DIM | CELL_ITALIC,
                                     CELL_REVERSE,
                                     CELL_OVERLINE,
                                     3 << CELL_UNDERLINE_SHIFT,
                                     CELL_STRIKE | CELL_BOLD};
    struct cell_style s = {0};
    s.fg = colours[unit_grid_random(seed, COUNT_OF(colours))];
    s.bg = colours[unit_grid_random(seed, COUNT_OF(colours))];
    s.attr = attrs[unit_grid_random(seed, COUNT_OF(attrs))];
    return s;
}

/* A band of rows moves, as what scrolls does. */
static void unit_grid_move_rows(struct grid *g, uint32_t *seed)
{
    int from = (int)unit_grid_random(seed, (uint32_t)g->rows);
    int to = (int)unit_grid_random(seed, (uint32_t)g->rows);
    int most = g->rows - (from > to ? from : to);
    int n = 1 + (int)unit_grid_random(seed, (uint32_t)most);
    for (int i = 0; i < n; i++) {
        int k = from < to ? n - 1 - i : i; /* so that none is overwritten before it has moved */
        memmove(grid_row(g, to + k), grid_back(g, from + k), (size_t)g->cols * sizeof(struct cell));
    }
}

static void unit_grid_random_op(struct grid *g, uint32_t *seed)
{
    uint32_t texts = CELL_CLUSTERS_MAX < 64 ? UNIT_GRID_PLAIN_TEXTS : COUNT_OF(unit_grid_texts);
    span text = span_of(unit_grid_texts[unit_grid_random(seed, texts)]);
    int row = (int)unit_grid_random(seed, (uint32_t)g->rows + 2) - 1;
    int col = (int)unit_grid_random(seed, (uint32_t)g->cols + 4) - 2, width, used;
    struct cell_style style = unit_grid_random_style(seed);
    struct cell_pool pool = {0};
    struct cell c[2] = {{0, style.fg, style.bg, style.attr, 0}};
    switch (unit_grid_random(seed, 12)) {
    case 0:
        if (unit_grid_random(seed, 3))
            unit_grid_move_rows(g, seed);
        else
            grid_clear(g);
        break;
    case 1:
        grid_fill(g, row, col, (int)unit_grid_random(seed, 4), (int)unit_grid_random(seed, 40),
                  style);
        break;
    case 2:
        if (unit_grid_random(seed, 2))
            grid_restyle(g, row, col, (int)unit_grid_random(seed, 9), style.attr);
        else
            grid_ground(g, row, col, (int)unit_grid_random(seed, 9), 0, style);
        break;
    case 3:
    case 4:
        c[0].rune = cell_rune(&pool, (span){text.p, cell_next_grapheme(text, &width)});
        c[1] = c[0];
        if (width == 2) {
            c[0].attr |= CELL_WIDE;
            c[1].rune = 0;
            c[1].attr |= CELL_TAIL;
        }
        grid_put_cells(g, row, col, c, 1 + (int)unit_grid_random(seed, 2), &pool);
        cell_pool_free(&pool);
        break;
    default:
        width = (int)unit_grid_random(seed, 12);
        used = grid_put(g, row, col, width, text, style);
        CHECK(used >= 0 && used <= width);
    }
}

static void unit_grid_last_column(void)
{
    test_begin("nothing of unclear width stands in the last column beside something like it");
    struct grid g = {0};
    buf b = {0};
    for (int narrow = 0; narrow < 2; narrow++) {
        g.narrow = narrow;
        grid_resize(&g, 1, 4);
        grid_put(&g, 0, 0, 4, span_of("xxe\xcc\x81\xe2\x94\x80"), (struct cell_style){0});
        grid_frame(&g, &b);
        CHECK_INT(unit_at(&g, 3)->rune, narrow ? 0x2500 : '-');
    }
    grid_free(&g);
    buf_free(&b);
}

static void unit_grid_random_frames(int loose, uint32_t seed)
{
    test_begin(loose == 3   ? "random frames show on a terminal with wide emoji, else narrow"
               : loose == 2 ? "random frames show on a terminal with other widths"
               : loose ? "random frames show on a terminal that knows no graphemes"
                     : "random frames show on a terminal that knows graphemes");
    struct grid g = {0};
    struct unit_grid_model m;
    buf b = {0};
    memset(&m, 0, sizeof m);
    for (int frame = 0; frame < 3000; frame++) {
        if (frame % 40 == 0) {
            int big = frame % 400 == 0, middle = frame % 120 == 0;
            grid_resize(&g,
                        1 + (int)unit_grid_random(&seed, big      ? 60
                                                         : middle ? 16
                                                                  : 5),
                        1 + (int)unit_grid_random(&seed, big      ? 200
                                                         : middle ? 40
                                                                  : 14));
            g.narrow = loose == 3;
            unit_grid_model_start(&m, g.rows, g.cols, loose);
            g.depth = (enum cell_depth)unit_grid_random(&seed, 4);
            g.sync = (int)unit_grid_random(&seed, 2);
            m.erases_ground = g.depth >= CELL_256;
        }
        for (int i = (int)unit_grid_random(&seed, 6); i > 0; i--)
            unit_grid_random_op(&g, &seed);
        g.cursor_shown = (int)unit_grid_random(&seed, 2);
        g.cursor_row = (int)unit_grid_random(&seed, 8) - 1;
        g.cursor_col = (int)unit_grid_random(&seed, 20) - 1;
        if (unit_grid_random(&seed, 30) == 0)
            g.known = 0;
        buf_clear(&b);
        grid_frame(&g, &b);
        unit_grid_model_feed(&m, buf_view(&b));
        unit_grid_compare(&g, &m);
        buf_clear(&b);
        grid_frame(&g, &b);
        CHECK_INT(b.n, 0);
    }
    grid_free(&g);
    grid_free(&g);
    buf_free(&b);
    free(m.cells);
    cell_pool_free(&m.pool);
}

static void unit_grid_put_some(struct grid *g, int row, int col, uint32_t *seed)
{
    span text = span_of(unit_grid_texts[unit_grid_random(seed, UNIT_GRID_PLAIN_TEXTS)]);
    grid_put(g, row, col, 9, text, unit_grid_random_style(seed));
}

/* What fills the screen moves by some rows, as in a pager, and some of it changes besides. */
static void unit_grid_moving_frames(int loose, uint32_t seed)
{
    test_begin(loose == 2 ? "rows that move show on a terminal with other widths"
               : loose ? "rows that move show on a terminal that knows no graphemes"
                     : "rows that move show on a terminal that knows graphemes");
    struct grid g = {0};
    struct unit_grid_model m;
    buf b = {0};
    int moves = 0, frames = 1200;
    memset(&m, 0, sizeof m);
    for (int frame = 0; frame < frames && !test_failures; frame++) {
        if (frame % 60 == 0) {
            moves += m.moves;
            grid_resize(&g, 3 + (int)unit_grid_random(&seed, 20),
                        10 + (int)unit_grid_random(&seed, 60));
            unit_grid_model_start(&m, g.rows, g.cols, loose);
            g.depth = (enum cell_depth)unit_grid_random(&seed, 4);
            g.sync = (int)unit_grid_random(&seed, 2);
            m.erases_ground = g.depth >= CELL_256;
        }
        if (unit_grid_random(&seed, 4))
            unit_grid_move_rows(&g, &seed);
        for (int row = 0; row < g.rows; row++)
            if (frame % 60 == 0 || unit_grid_random(&seed, 12) == 0)
                for (int col = 0; col < g.cols; col += 5)
                    unit_grid_put_some(&g, row, col, &seed);
        if (unit_grid_random(&seed, 3) == 0)
            unit_grid_random_op(&g, &seed);
        g.cursor_shown = (int)unit_grid_random(&seed, 2);
        buf_clear(&b);
        grid_frame(&g, &b);
        unit_grid_model_feed(&m, buf_view(&b));
        unit_grid_compare(&g, &m);
    }
    CHECK(moves > frames / 10);
    grid_free(&g);
    buf_free(&b);
    free(m.cells);
    cell_pool_free(&m.pool);
}

static void unit_grid_frame_case(struct grid *g, const char *want)
{
    buf b = {0};
    grid_frame(g, &b);
    CHECK_SPAN(buf_view(&b), want);
    buf_free(&b);
}

/* The very bytes of small frames: that they are few is the point. */
static void unit_grid_exact_frames(void)
{
    test_begin("small changes are few bytes");
    const struct cell_style plain = {0}, bold = {0, 0, CELL_BOLD, 0};
    struct grid g = {0};
    grid_resize(&g, 4, 40);
    g.depth = CELL_TRUE;
    unit_grid_frame_case(&g, GRID_SEQ_HIDE GRID_SEQ_REDRAW GRID_SEQ_ERASE_BELOW);
    unit_grid_frame_case(&g, "");
    CHECK_INT(grid_put(&g, 0, 0, 40, span_of("one two"), plain), 7);
    unit_grid_frame_case(&g, "one two");
    grid_put(&g, 1, 0, 40, span_of("three"), bold);
    unit_grid_frame_case(&g, "\r\n\33[1mthree\33[m");
    grid_put(&g, 0, 4, 3, span_of("TWO"), plain);
    unit_grid_frame_case(&g, "\b\33[ATWO");
    grid_fill(&g, 0, 1, 1, 39, plain);
    unit_grid_frame_case(&g, "\33[2G\33[K");
    grid_put(&g, 0, 1, 9, span_of("xyz"), plain);
    unit_grid_frame_case(&g, "xyz");
    grid_fill(&g, 0, 2, 1, 9, plain);
    unit_grid_frame_case(&g, "\b\b  ");
    grid_put(&g, 0, 1, 9, span_of("abcd"), plain);
    unit_grid_frame_case(&g, "\b\b\babcd");
    grid_put(&g, 0, 1, 9, span_of("abcd"), plain);
    g.cursor_shown = 1, g.cursor_row = 0, g.cursor_col = 5;
    unit_grid_frame_case(&g, GRID_SEQ_SHOW);
    grid_put(&g, 0, 5, 1, span_of("e"), plain);
    g.cursor_col = 6;
    unit_grid_frame_case(&g, "e");
    g.cursor_col = 5;
    unit_grid_frame_case(&g, "\b");
    grid_put(&g, 0, 0, 1, span_of("O"), plain);
    grid_put(&g, 0, 3, 1, span_of("C"), plain);
    unit_grid_frame_case(&g, "\rOabCd");
    g.sync = 1;
    grid_put(&g, 3, 39, 1, span_of("#"), plain);
    unit_grid_frame_case(&g, GRID_SEQ_SYNC_ON "\33[4;40H" GRID_SEQ_WRAP_OFF "#" GRID_SEQ_WRAP_ON
                                              "\33[;6H" GRID_SEQ_SYNC_OFF);
    grid_put(&g, 0, 8, 1, span_of("!"), plain);
    unit_grid_frame_case(&g, "e  !\33[6G"); /* one row, and nothing runs about */
    g.cursor_shown = g.sync = 0;
    unit_grid_frame_case(&g, GRID_SEQ_HIDE);
    grid_put(&g, 2, 0, 9,
             span_of("e\xcc\x81\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80"
                     "a"),
             plain);
    unit_grid_frame_case(&g, "\r\n\ne\xcc\x81\xc3\xa9\33[3G\xe4\xb8\xad\xf0\x9f\x98\x80\33[7Ga");
    grid_put(&g, 1, 0, 9, span_of("\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80 x"), plain);
    unit_grid_frame_case(&g, "\r\33[A\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80\33[4G x ");
    grid_free(&g);
}

/* ---- what frames cost ----------------------------------------------------------------------- */

/* A list such as the UI's: 22 rows of 80 columns from entry `top` on, one of them selected. */
static void unit_grid_list(struct grid *g, int top, int selected)
{
    static const struct cell_style dim = {0, 0, CELL_DIM, 0}, green = {CELL_INDEXED | 2, 0, 0, 0},
                                   yellow = {CELL_INDEXED | 3, 0, 0, 0}, plain = {0};
    char text[80];
    grid_clear(g);
    grid_put(g, 0, 1, 20, span_of("telec  Sessions"), plain);
    for (int y = 1; y < g->rows - 1; y++) {
        int entry = top + y - 1;
        snprintf(text, sizeof text, "%d", entry);
        grid_put(g, y, 3, 5, span_of(text), dim);
        grid_put(g, y, 7, 1, span_of("\342\227\217"), green);
        grid_put(g, y, 9, 8, span_of(entry % 3 ? "claude" : "codex"), yellow);
        snprintf(text, sizeof text, "entry %d, whose title is so and so long", entry * 7919 % 1000);
        grid_put(g, y, 18, 50, span_of(text), plain);
        snprintf(text, sizeof text, "%dm", 1 + entry % 50);
        grid_put(g, y, 76, 3, span_of(text), dim);
        if (entry == selected)
            grid_restyle(g, y, 0, g->cols, CELL_REVERSE);
    }
    grid_put(g, g->rows - 1, 1, 70, span_of("Enter open  n new  m message  ? help  q quit"), dim);
}

/* The bytes of the frame; it shows what it should. */
static int unit_grid_cost(struct grid *g, struct unit_grid_model *m)
{
    buf b = {0};
    grid_frame(g, &b);
    unit_grid_model_feed(m, buf_view(&b));
    unit_grid_compare(g, m);
    int n = (int)b.n;
    if (getenv("UNIT_GRID_COSTS"))
        printf("# %d bytes\n", n);
    buf_free(&b);
    return n;
}

/* Over a line of 1,200 bytes a second these are felt. */
static void unit_grid_costs(void)
{
    test_begin("common changes of a list cost few bytes");
    struct grid g = {0};
    struct unit_grid_model m;
    memset(&m, 0, sizeof m);
    for (int sync = 0; sync < 2; sync++) {
        int frame = sync ? (int)strlen(GRID_SEQ_SYNC_ON GRID_SEQ_SYNC_OFF) : 0;
        grid_resize(&g, 24, 80);
        g.depth = CELL_256;
        g.sync = sync;
        g.narrow = 0;
        unit_grid_model_start(&m, 24, 80, 0);
        m.erases_ground = 1;
        unit_grid_list(&g, 100, 105);
        CHECK(unit_grid_cost(&g, &m) <= 2350 + frame); /* all of it, with a mark of unclear width */
        g.known = 0;
        g.narrow = 1;
        CHECK(unit_grid_cost(&g, &m) <= 2250 + frame); /* all of it */
        grid_put(&g, 6, 40, 1, span_of("#"), (struct cell_style){0});
        CHECK(unit_grid_cost(&g, &m) <= 8); /* one cell */
        unit_grid_list(&g, 100, 105);
        unit_grid_cost(&g, &m);
        unit_grid_list(&g, 100, 106);
        CHECK(unit_grid_cost(&g, &m) <= 240 + frame); /* the selection, by a row */
        g.most = 1000;
        unit_grid_list(&g, 100, 107);
        CHECK(unit_grid_cost(&g, &m) <= 240); /* a slow line has no synchronised output */
        g.most = 0;
        grid_fill(&g, 3, 9, 1, 60, (struct cell_style){0, CELL_INDEXED | 237, 0, 0});
        CHECK(unit_grid_cost(&g, &m) <= 30 + frame); /* a ground of its own is erased, too */
        unit_grid_list(&g, 100, 106);
        unit_grid_cost(&g, &m);
        unit_grid_list(&g, 100, -1);
        unit_grid_cost(&g, &m);
        unit_grid_list(&g, 101, -1);
        CHECK(unit_grid_cost(&g, &m) <= 120 + frame); /* all the list, by a row */
        unit_grid_list(&g, 98, -1);
        CHECK(unit_grid_cost(&g, &m) <= 300 + frame); /* back by three */
        unit_grid_list(&g, 99, 99);
        unit_grid_cost(&g, &m);
        unit_grid_list(&g, 300, -1);
        CHECK(unit_grid_cost(&g, &m) <= 860 + frame); /* another page of it */
    }
    grid_free(&g);
    free(m.cells);
    cell_pool_free(&m.pool);
}

/* A full redraw erases first only where that is not seen. */
static void unit_grid_redraw(void)
{
    test_begin("a full redraw erases only where that is not seen");
    const struct cell_style plain = {0};
    struct grid g = {0};
    grid_resize(&g, 4, 9);
    grid_put(&g, 0, 0, 9, span_of("ab"), plain);
    grid_put(&g, 1, 3, 9, span_of("cdefgh"), plain);
    unit_grid_frame_case(&g, GRID_SEQ_HIDE GRID_SEQ_REDRAW
                         "\n\n" GRID_SEQ_ERASE_BELOW "\33[Hab" "\33[K" "\r\n   cdefgh");
    g.known = 0;
    g.sync = 1;
    unit_grid_frame_case(&g, GRID_SEQ_SYNC_ON GRID_SEQ_REDRAW GRID_SEQ_ERASE_BELOW
                         "ab\33[C\ncdefgh" GRID_SEQ_HIDE GRID_SEQ_SYNC_OFF);
    grid_free(&g);
}

static void unit_grid_row_text(const struct grid *g, int row, buf *out)
{
    buf_clear(out);
    for (int col = 0; col < g->cols; col++) {
        char text[CELL_TEXT_MAX];
        const struct cell *c = &grid_back(g, row)[col];
        if (c->attr & CELL_TAIL)
            buf_byte(out, '<');
        else
            buf_add(out, text, cell_text(&g->pool, c->rune, text));
    }
}

/* Long for its table of cases. */
static void unit_grid_drawing(void)
{
    test_begin("text is drawn into the back buffer, cut at edges");
    const struct cell_style plain = {0};
    struct grid g = {0};
    buf out = {0};
    static const struct {
        int col, width, used;
        const char *text, *row;
    } cases[] = {
        {0, 8, 3, "abc", "abc     "},
        {0, 2, 2, "abc", "ab      "},
        {6, 9, 2, "abc", "      ab"},
        {-1, 8, 3, "abc", "bc      "},
        {-5, 4, 3, "abc", "        "},
        {8, 4, 0, "abc", "        "},
        {2, 0, 0, "abc", "        "},
        {2, INT_MAX, 3, "abc", "  abc   "},
        {INT_MIN, INT_MAX, 0, "abc", "        "},
        {0, 8, 5, "a\33\t", "a^[^I   "},
        {0, 8, 3,
         "a\xff"
         "b",
         "a\xef\xbf\xbd"
         "b     "},
        {0, 8, 4, "\xe4\xb8\xad\xe6\x96\x87", "\xe4\xb8\xad<\xe6\x96\x87<    "},
        {0, 3, 3, "\xe4\xb8\xad\xe6\x96\x87", "\xe4\xb8\xad<      "},
        {7, 3, 1, "\xe4\xb8\xad", "        "},
        {-1, 8, 4, "\xe4\xb8\xad\xe6\x96\x87", " \xe6\x96\x87<     "},
        {0, 8, 1,
         "\xcc\x81"
         "a",
         "a       "},
        {0, 8, 2,
         "\xe2\x80\xae"
         "a",
         "\xef\xbf\xbd"
         "a      "},
    };
    for (int i = 0; i < (int)COUNT_OF(cases); i++) {
        grid_resize(&g, 2, 8);
        CHECK_INT(grid_put(&g, 0, cases[i].col, cases[i].width, span_of(cases[i].text), plain),
                  cases[i].used);
        CHECK_INT(grid_put(&g, 2, 0, 8, span_of("out"), plain), 0);
        CHECK_INT(grid_put(&g, -1, 0, 8, span_of("out"), plain), 0);
        unit_grid_row_text(&g, 0, &out);
        CHECK_SPAN(buf_view(&out), cases[i].row);
        unit_grid_row_text(&g, 1, &out);
        CHECK_SPAN(buf_view(&out), "        ");
    }
    grid_resize(&g, 1, 8);
    grid_put(&g, 0, 0, 8, span_of("\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97\xe5\xad\x97"), plain);
    grid_put(&g, 0, 1, 2, span_of("ab"), plain);
    grid_restyle(&g, 0, 5, 1, CELL_REVERSE);
    unit_grid_row_text(&g, 0, &out);
    CHECK_SPAN(buf_view(&out), " ab \xe5\xad\x97<\xe5\xad\x97<");
    CHECK(unit_at(&g, 4)->attr & CELL_REVERSE && unit_at(&g, 5)->attr & CELL_REVERSE &&
          !(unit_at(&g, 6)->attr & CELL_REVERSE));
    grid_restyle(&g, 0, 6, 1, CELL_BOLD);
    CHECK(unit_at(&g, 6)->attr & CELL_BOLD && unit_at(&g, 7)->attr & CELL_BOLD &&
          !(unit_at(&g, 5)->attr & CELL_BOLD));
    g.ascii = 1;
    grid_clear(&g);
    grid_put(&g, 0, 0, 8,
             span_of("\xe2\x94\x8c\xe2\x94\x80\xe4\xb8\xad\xe2\x80\xa6"
                     "e\xcc\x81"),
             plain);
    unit_grid_row_text(&g, 0, &out);
    CHECK_SPAN(buf_view(&out), "+-\?\?.e  ");
    grid_resize(&g, 0, -3);
    CHECK(g.rows == 1 && g.cols == 1);
    grid_resize(&g, 99999, 99999);
    CHECK(g.rows == GRID_ROWS_MAX && g.cols == GRID_COLS_MAX);
    grid_put(&g, GRID_ROWS_MAX - 1, GRID_COLS_MAX - 2, 5, span_of("zz"), plain);
    g.sync = 1;
    buf_clear(&out);
    grid_frame(&g, &out);
    CHECK(out.n < 100);
    grid_free(&g);
    buf_free(&out);
}

/* Graphemes that are gone from the screen leave the pool. */
static void unit_grid_pool(void)
{
    test_begin("graphemes that left the screen leave the pool");
    struct grid g = {0};
    buf b = {0};
    grid_resize(&g, 1, 4);
    for (uint32_t i = 0; i < CELL_CLUSTERS_MAX * 2 + 9; i++) {
        char text[8], shown[CELL_TEXT_MAX];
        size_t n = utf8_encode(0x4e00 + i, text);
        memcpy(text + n, "\xcc\x81", 2);
        grid_put(&g, 0, 0, 4, (span){text, n + 2}, (struct cell_style){0});
        buf_clear(&b);
        grid_frame(&g, &b);
        CHECK(unit_at(&g, 0)->rune & CELL_CLUSTER);
        CHECK(cell_text(&g.pool, unit_at(&g, 0)->rune, shown) == n + 2 &&
              memcmp(shown, text, n + 2) == 0);
    }
    CHECK(g.pool.count <= CELL_CLUSTERS_MAX / 2 + 1);
    grid_free(&g);
    buf_free(&b);
}

static void unit_grid(void)
{
    unit_grid_drawing();
    unit_grid_exact_frames();
    unit_grid_redraw();
    unit_grid_costs();
    unit_grid_last_column();
    unit_grid_random_frames(0, 1);
    unit_grid_random_frames(1, 2);
    unit_grid_random_frames(2, 3);
    unit_grid_random_frames(3, 4);
    unit_grid_moving_frames(0, 5);
    unit_grid_moving_frames(1, 6);
    unit_grid_moving_frames(2, 7);
    unit_grid_pool();
}
