/* Unit tests of term: the decoder fed in every split, frames replayed into a small model of a
 * terminal, raw mode on a real pseudo-terminal. */

/* ---- the decoder ---- */

/* The cells of a frame, row after row. */
static const struct cell *unit_at(const struct term_grid *g, int i)
{
    return &term_back(g, i / g->cols)[i % g->cols];
}

static void unit_term_describe(buf *b, const struct term_event *ev, size_t used)
{
    switch (ev->type) {
    case TERM_KEY:
        buf_fmt(b, "%x", (unsigned)ev->key);
        break;
    case TERM_PASTE:
        buf_fmt(b, "p[%.*s]", (int)ev->text.n, ev->text.p);
        break;
    case TERM_MOUSE:
        buf_fmt(b, "m%d:%d:%d,%d", (int)ev->mouse, ev->button, ev->row, ev->col);
        break;
    case TERM_FOCUS_IN:
    case TERM_FOCUS_OUT:
        buf_str(b, ev->type == TERM_FOCUS_IN ? "in" : "out");
        break;
    case TERM_BACKGROUND:
        buf_fmt(b, "b%06x", (unsigned)ev->colour);
        break;
    case TERM_MODE:
        buf_fmt(b, "d%d=%d", ev->mode, ev->value);
        break;
    case TERM_UNKNOWN:
        CHECK_INT(ev->text.n, used);
        buf_fmt(b, "?%d", (int)ev->text.n);
        break;
    }
    if (ev->mods)
        buf_fmt(b, "+%s%s%s", ev->mods & TERM_SHIFT ? "s" : "", ev->mods & TERM_ALT ? "a" : "",
                ev->mods & TERM_CTRL ? "c" : "");
    buf_byte(b, ' ');
}

/* Decodes all that is in `in`; every call sees it right before a page that must not be touched. */
static void unit_term_drain(struct term_input *st, buf *in, int flush, buf *out)
{
    for (;;) {
        struct term_event ev;
        size_t used = 999, n = in->n;
        char *copy = guard_copy(buf_view(in));
        enum parse answer = term_decode(st, (span){copy, n}, flush, &used, &ev);
        CHECK(used <= n && answer != PARSE_BAD && (answer == PARSE_MORE || used > 0));
        if (answer == PARSE_DONE)
            unit_term_describe(out, &ev, used);
        guard_free(copy, n);
        buf_drop(in, used);
        if (answer != PARSE_DONE)
            return;
    }
}

/* The events of s in pieces that end at a, b and the end, then the escape timeout. */
static void unit_term_events(span s, size_t a, size_t b, buf *out)
{
    struct term_input st = {0, 0};
    buf in = {0};

    buf_clear(out);
    buf_add(&in, s.p, a);
    unit_term_drain(&st, &in, 0, out);
    buf_add(&in, s.p + a, b - a);
    unit_term_drain(&st, &in, 0, out);
    buf_add(&in, s.p + b, s.n - b);
    unit_term_drain(&st, &in, 0, out);
    unit_term_drain(&st, &in, 1, out);
    buf_free(&in);
}

static void unit_term_bytewise(span s, buf *out)
{
    struct term_input st = {0, 0};
    buf in = {0};
    size_t i;

    buf_clear(out);
    for (i = 0; i < s.n; i++) {
        buf_byte(&in, s.p[i]);
        unit_term_drain(&st, &in, 0, out);
    }
    unit_term_drain(&st, &in, 1, out);
    buf_free(&in);
}

static void unit_term_decode_case(span s, const char *want)
{
    buf out = {0};
    size_t a, b;

    for (a = 0; a <= s.n; a++)
        for (b = a; b <= s.n; b += s.n < 24 || b == a ? 1 : s.n - b ? s.n - b : 1) {
            unit_term_events(s, a, b, &out);
            CHECK_SPAN(buf_view(&out), want);
        }
    unit_term_bytewise(s, &out);
    CHECK_SPAN(buf_view(&out), want);
    buf_free(&out);
}

#define UNIT_TERM_60 "012345678901234567890123456789012345678901234567890123456789"

/* Long as the table is: a line for every kind of sequence. */
static void unit_term_decode(void)
{
    static const struct {
        const char *bytes, *want;
    } cases[] = {
        {"", ""},
        {"aZ ~", "61 5a 20 7e "},
        {"\r\t\x7f", "d 9 7f "},
        {"\x01\x1a\n\x08", "61+c 7a+c 6a+c 68+c "},
        {"\x1d\x1c\x1e\x1f", "5d+c 5c+c 5e+c 5f+c "},
        {"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80", "e9 4e2d 1f600 "},
        {"\xff"
         "a\xe4\xb8",
         "fffd 61 fffd "},
        {"\xc2\x9b"
         "A",
         "?2 41 "}, /* C1 */
        {"\33", "1b "},
        {"\33\33", "1b 1b "},
        {"\33\33x", "1b 78+a "},
        {"\33x\33X\33\x7f\33\r\33\x01", "78+a 58+a 7f+a d+a 61+ac "},
        {"\33\xc3\xa9", "e9+a "},
        {"\33\xc3", "fffd+a "},
        {"\33[A\33[B\33[C\33[D", "110000 110001 110003 110002 "},
        {"\33OA\33OH\33OF\33OP\33OS", "110000 110004 110005 11000a 11000d "},
        {"\33\33[A\33\33OB", "110000+a 110001+a "},
        {"\33\33[200~x\33[201~", "1b p[x] "},
        {"\33[H\33[F\33[1~\33[4~\33[7~\33[8~", "110004 110005 110004 110005 110004 110005 "},
        {"\33[2~\33[3~\33[5~\33[6~", "110008 110009 110006 110007 "},
        {"\33[1;5A\33[1;2D\33[1;8H\33[3;3~", "110000+c 110002+s 110004+sac 110009+a "},
        {"\33[1;2R\33[12;40R", "11000c+s ?8 "},
        {"\33[11~\33[15~\33[17~\33[24~\33[25~", "11000a 11000e 11000f 110015 ?5 "},
        {"\33[[A\33[[E\33[[Z", "11000a 11000e ?4 "},
        {"\33[3$\33[3^\33[3@\33[a\33Oa", "110009+s 110009+c 110009+sc 110000+s 110000+c "},
        {"\33[Z\33[1;6Z", "9+s 9+sc "},
        {"\33[27;5;9~\33[27;6;65~\33[27;2;65~", "9+c 61+sc 41 "},
        {"\33[97;5u\33[97;6u\33[97;2u\33[27u\33[13;2u", "61+c 61+sc 41 1b d+s "},
        {"\33[97:65;2u\33[97;5:1u\33[97;5:3u\33[57417u\33[57399u", "41 61+c ?9 110002 30 "},
        {"\33[55296u\33[1114112u\33[99999999999u\33[u", "?8 ?10 ?14 ?3 "},
        {"\33[13;;u\33[;;;;;;;;;;;;;;1u", "d ?18 "},
        {"\33O5A\33O1;5B\33Oj\33OM\33Oy\33O ", "110000+c 110001+c 2a d 39 20 "},
        {"\33O", "4f+a "},
        {"\33Oz", "4f+a 7a "},
        {"\33[", "5b+a "},
        {"\33[\r", "5b+a d "},
        {"\33[12", "?4 "},
        {"\33[1;\33[A", "?4 110000 "},
        {"\33[I\33[O", "in out "},
        {"\33[<0;10;5M\33[<0;10;5m\33[<2;1;1M", "m0:0:4,9 m1:0:4,9 m0:2:0,0 "},
        {"\33[<64;3;2M\33[<65;3;2M\33[<66;3;2M", "m4:0:1,2 m5:0:1,2 ?10 "},
        {"\33[<32;3;2M\33[<35;3;2M\33[<28;3;2M\33[<0;0;0M\33[<0;3M",
         "m2:0:1,2 m3:0:1,2 m0:0:1,2+sac m0:0:0,0 ?7 "},
        {"\33[M !!\33[M#\"!x", "m0:0:0,0 m1:0:0,1 78 "},
        {"\33[M !", "?5 "},
        {"\33[32;5;6M", "m0:0:5,4 "},
        {"\33[?2026;2$y\33[?2026;9$y\33[4;1$y", "d2026=2 ?11 ?7 "},
        {"\33]11;rgb:ffff/8080/0000\33\\\33]11;rgb:1/2/3\a", "bff8000 b112233 "},
        {"\33]11;rgba:12/34/56/78\a\33]11;rgb:zz/1/1\a\33]0;x\a", "b123456 ?16 ?6 "},
        {"\33]11;rgb:12/34\33[A", "?14 110000 "},
        {"\33]", "5d+a "},
        {"\33]x", "5d+a 78 "},
        {"\33]1", "?3 "},
        {"\33P>|x 1\33\\y\33P1$r0m\33\\\33Pq", "?9 79 ?9 50+a 71 "},
        {"\33_Gi=1;OK\33\\\33_x", "?11 5f+a 78 "},
        {"\33[200~a\33[A\r\33[201b\33[201~z", "p[a\33[A\r\33[201b] 7a "},
        {"\33[200~\33[201~\33[201~", "p[] ?6 "},
        {"\33[" UNIT_TERM_60 UNIT_TERM_60 "AB", "?64 42 "},
        {"\33[" UNIT_TERM_60 UNIT_TERM_60 "\rB", "?64 d 42 "},
        {"\33]0" UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 "\33\\x",
         "?256 78 "},
        {"\33]0" UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 "\ax",
         "?256 78 "},
        {"\33]0" UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 "012345678901\33\\x",
         "?255 78 "},
        {"\33]0" UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 "01234567890\33\\x",
         "?256 78 "},
    };
    size_t i;

    for (i = 0; i < COUNT_OF(cases); i++) {
        if (strstr(cases[i].bytes, "\33[200~") && TERM_PASTE_MAX < 20)
            continue;
        unit_term_decode_case(span_of(cases[i].bytes), cases[i].want);
    }
    unit_term_decode_case((span){"\0x", 2}, "20+c 78 ");
}

static void unit_term_paste_limits(void)
{
    static const int extra[] = {-1, 0, 1, 5, 6, 7, 100};
    size_t i, j;
    buf s = {0}, out = {0}, want = {0};

    for (i = 0; i < COUNT_OF(extra); i++) {
        size_t body = (size_t)(TERM_PASTE_MAX + extra[i]);
        buf_clear(&s);
        buf_clear(&want);
        buf_str(&s, "\33[200~");
        for (j = 0; j < body; j++)
            buf_byte(&s, "pasted\33"[j % 7]);
        buf_str(&want, "p[");
        buf_add(&want, s.p + 6, body < TERM_PASTE_MAX ? body : TERM_PASTE_MAX);
        buf_str(&want, "] 78 ");
        buf_str(&s, "\33[201~x");
        for (j = 0; j <= 12 && j <= s.n; j++) {
            unit_term_events(buf_view(&s), j, s.n - j < j ? j : s.n - j, &out);
            CHECK_SPAN(buf_view(&out), buf_cstr(&want));
        }
    }
    buf_free(&s);
    buf_free(&out);
    buf_free(&want);
}

/* A paste that comes byte by byte is searched once, and ends only with its mark. */
static void unit_term_paste_trickle(void)
{
    struct term_input st = {0, 0};
    struct term_event ev;
    size_t used, i;
    buf s = {0};

    buf_str(&s, "\33[200~");
    for (i = 0; i < TERM_PASTE_MAX; i++) {
        buf_byte(&s, 'y');
        CHECK_INT(term_decode(&st, buf_view(&s), i & 1, &used, &ev), PARSE_MORE);
        CHECK(used == 0 && st.searched + 6 > s.n);
    }
    buf_str(&s, "\33[201~");
    CHECK_INT(term_decode(&st, buf_view(&s), 0, &used, &ev), PARSE_DONE);
    CHECK(used == s.n && ev.type == TERM_PASTE && ev.text.n == TERM_PASTE_MAX && st.searched == 0);
    buf_free(&s);
}

/* ---- a model of a terminal: only what frames may contain, everything else fails the test ---- */

struct unit_term_model {
    int rows, cols, row, col, pending, wrap, shown, sync;
    int loose; /* 1: it knows no graphemes, every code point has the width it has alone */
    int joinable; /* the character before the cursor was written just now */
    int top, bottom; /* the scroll region */
    int moves;       /* how often lines were deleted or inserted */
    struct cell *cells;
    struct cell_pool pool;
    struct cell_style style;
};

static void unit_term_model_start(struct unit_term_model *m, int rows, int cols, int loose)
{
    size_t i, n = (size_t)rows * (size_t)cols;

    free(m->cells);
    cell_pool_free(&m->pool);
    memset(m, 0, sizeof(*m));
    m->rows = rows;
    m->cols = cols;
    m->loose = loose;
    m->wrap = 1;
    m->shown = 1;
    m->bottom = rows - 1;
    m->row = rows / 2;
    m->cells = base_alloc(n * sizeof(*m->cells));
    for (i = 0; i < n; i++)
        m->cells[i].rune = 'X';
}

static void unit_term_model_split(struct unit_term_model *m, struct cell *row, int col)
{
    if (col <= 0 || col >= m->cols || !(row[col].attr & CELL_TAIL))
        return;
    row[col - 1].rune = row[col].rune = 0;
    row[col - 1].attr &= CELL_STYLE_MASK;
    row[col].attr &= CELL_STYLE_MASK;
}

static void unit_term_model_cell(struct unit_term_model *m, int col, uint32_t rune, unsigned half)
{
    struct cell *row = m->cells + m->row * m->cols;
    struct cell c = {rune == ' ' ? 0 : rune, m->style.fg, m->style.bg, 0, 0};

    c.attr = (uint16_t)(m->style.attr | half);
    unit_term_model_split(m, row, col);
    unit_term_model_split(m, row, col + 1);
    row[col] = c;
}

/* Joins cp to the character before the cursor; 1 if it did. */
static int unit_term_model_join(struct unit_term_model *m, uint32_t cp)
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
        unit_term_model_cell(m, col + 1, 0, CELL_TAIL);
        c->attr |= CELL_WIDE;
        m->col = col + 2 < m->cols ? col + 2 : m->cols - 1;
        m->pending = col + 2 == m->cols;
    }
    return 1;
}

static void unit_term_model_char(struct unit_term_model *m, uint32_t cp, int cluster)
{
    int width = utf8_width(cp), joined = m->joinable;

    if (unit_term_model_join(m, cp))
        return;
    /* the corner is written without wrap, but for what consists of several code points */
    CHECK(width == 1 || width == 2);
    if ((m->pending || m->col + width > m->cols) && m->wrap) {
        CHECK(!"a character wrapped");
        return;
    }
    if (m->col + width > m->cols)
        m->col = m->cols - width;
    unit_term_model_cell(m, m->col, cp, width == 2 ? CELL_WIDE : 0);
    if (width == 2) {
        unit_term_model_cell(m, m->col + 1, 0, CELL_TAIL);
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

static void unit_term_model_sgr(struct unit_term_model *m, const int *p, const char *before, int n)
{
    static const uint16_t attr[] = {0,          CELL_BOLD, CELL_DIM,     CELL_ITALIC, 0,
                                    CELL_BLINK, 0,         CELL_REVERSE, CELL_HIDDEN, CELL_STRIKE};
    int i;

    for (i = 0; i < n; i++) {
        int v = p[i], base = v >= 40 && v < 50 ? 40 : v >= 100 ? 100 : v >= 90 ? 90 : 30;
        uint32_t *colour = base == 40 || base == 100 ? &m->style.bg : &m->style.fg;
        if (v == 0)
            memset(&m->style, 0, sizeof(m->style));
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
            m->style.attr &= (uint16_t)~(CELL_BOLD | CELL_DIM);
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

static void unit_term_model_erase_cells(struct unit_term_model *m, int n)
{
    CHECK(m->style.bg == 0 && m->style.attr == 0 && m->col + n <= m->cols);
    for (int col = m->col; col < m->col + n && col < m->cols; col++)
        unit_term_model_cell(m, col, 0, 0);
}

static void unit_term_model_erase(struct unit_term_model *m, int to_row)
{
    const struct cell_style style = m->style;
    int row = m->row, col;

    CHECK(style.bg == 0 && style.attr == 0);
    for (; m->row <= to_row; m->row++)
        for (col = m->row == row ? m->col : 0; col < m->cols; col++)
            unit_term_model_cell(m, col, 0, 0);
    m->row = row;
}

/* Deletes (or inserts) n lines at the cursor, within the region. */
static void unit_term_model_lines(struct unit_term_model *m, int n, int insert)
{
    size_t cols = (size_t)m->cols, size = sizeof(*m->cells);
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

static void unit_term_model_region(struct unit_term_model *m, int top, int bottom)
{
    m->top = top ? top - 1 : 0;
    m->bottom = bottom ? bottom - 1 : m->rows - 1;
    CHECK(m->top < m->bottom || m->rows == 1);
    CHECK(m->bottom < m->rows);
    m->row = m->col = 0;
}

static void unit_term_model_mode(struct unit_term_model *m, int mode, int on)
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
static size_t unit_term_model_csi(struct unit_term_model *m, span s)
{
    int p[16] = {0}, n = 0, private = 0, one;
    char before[16] = {0}, c;
    size_t i = 2;

    for (; i < s.n; i++) {
        c = s.p[i];
        if (c == '?')
            private = 1;
        else if (c >= '0' && c <= '9')
            p[n] = p[n] * 10 + c - '0';
        else if ((c == ';' || c == ':') && n < 14)
            before[++n] = c;
        else
            break;
    }
    CHECK(i < s.n);
    c = i < s.n ? s.p[i] : 0;
    one = p[0] ? p[0] : 1;
    if (c != 'm' && !private)
        m->pending = m->joinable = 0;
    if (private)
        unit_term_model_mode(m, p[0], c == 'h');
    else if (c == 'm')
        unit_term_model_sgr(m, p, before, n + 1);
    else if (c == 'A' || c == 'B')
        m->row += c == 'A' ? -one : one;
    else if (c == 'C' || c == 'D')
        m->col += c == 'D' ? -one : one;
    else if (c == 'G')
        m->col = one - 1;
    else if (c == 'H')
        m->row = one - 1, m->col = p[1] ? p[1] - 1 : 0;
    else if (c == 'K')
        unit_term_model_erase(m, m->row);
    else if (c == 'J')
        unit_term_model_erase(m, m->rows - 1);
    else if (c == 'X')
        unit_term_model_erase_cells(m, one);
    else if (c == 'L' || c == 'M')
        unit_term_model_lines(m, one, c == 'L');
    else if (c == 'r')
        unit_term_model_region(m, p[0], p[1]);
    else
        CHECK(c == 'l' && p[0] == 4);
    CHECK(m->row >= 0 && m->row < m->rows && m->col >= 0 && m->col < m->cols);
    m->row = term_clamp(m->row, 0, m->rows - 1);
    m->col = term_clamp(m->col, 0, m->cols - 1);
    return i + 1;
}

static void unit_term_model_feed(struct unit_term_model *m, span s)
{
    while (s.n) {
        size_t n = 1;
        uint32_t cp;
        int width;
        if (span_starts(s, "\33["))
            n = unit_term_model_csi(m, s);
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
            unit_term_model_char(m, cp, cell_next_grapheme(s, &width) > n);
        }
        s = span_sub(s, n ? n : s.n);
    }
}

/* ---- the grid ---- */

/* Does the model show what the back says, at the grid's depth? */
static void unit_term_compare(const struct term_grid *g, const struct unit_term_model *m)
{
    int i, bad = 0;

    for (i = 0; i < g->rows * g->cols && !bad; i++) {
        struct cell a = *unit_at(g, i), b = m->cells[i];
        char at[CELL_TEXT_MAX], bt[CELL_TEXT_MAX];
        size_t an, bn;
        if (m->loose && a.attr & CELL_TAIL && unit_at(g, i - 1)->rune & CELL_CLUSTER) {
            /* what a terminal that takes it as narrow shows beside it is nothing */
            int loose = term_loose_width(&g->pool, unit_at(g, i - 1)->rune);
            CHECK(loose != 1 || term_is_blank(&b));
            continue;
        }
        if (m->loose && a.rune & CELL_CLUSTER)
            continue;
        an = cell_text(&g->pool, a.rune, at);
        bn = cell_text(&m->pool, b.rune, bt);
        if (term_is_blank(&a) && term_is_blank(&b) && !((a.attr | b.attr) & TERM_DECORATED))
            a.fg = b.fg = a.attr = b.attr = 0;
        bad = an != bn || memcmp(at, bt, an) != 0 ||
              ((a.attr ^ b.attr) & (CELL_WIDE | CELL_TAIL)) ||
              !cell_style_eq(cell_reduce(term_style(&a), g->depth), term_style(&b));
        if (bad)
            printf("# %dx%d cell %d,%d: rune %x attr %x, terminal %x attr %x\n", g->rows, g->cols,
                   i / g->cols, i % g->cols, (unsigned)a.rune, a.attr, (unsigned)b.rune, b.attr);
    }
    CHECK(!bad);
    for (i = 0; i < g->rows * g->cols; i++) {
        const struct cell *cell = unit_at(g, i);
        int col = i % g->cols;
        CHECK(!(cell->attr & CELL_WIDE) || (col < g->cols - 1 && cell[1].attr & CELL_TAIL));
        CHECK(!(cell->attr & CELL_TAIL) || (col > 0 && cell[-1].attr & CELL_WIDE));
    }
    CHECK_INT(m->shown, g->cursor_shown != 0);
    if (g->cursor_shown) {
        CHECK_INT(m->row, term_clamp(g->cursor_row, 0, g->rows - 1));
        CHECK_INT(m->col, term_clamp(g->cursor_col, 0, g->cols - 1));
    }
    CHECK(m->top == 0 && m->bottom == m->rows - 1);
    CHECK(m->wrap && !m->sync && cell_style_eq(m->style, (struct cell_style){0, 0, 0}));
}

static uint32_t unit_term_random(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 8) % below;
}

static const char *const unit_term_texts[] = {
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
    /* from here on clusters */
    "e\xcc\x81t",
    "\xe2\x9d\xa4\xef\xb8\x8f",
    "x\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbby",
    "\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa",
    "\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd",
    "1\xef\xb8\x8f\xe2\x83\xa3",
};
#define UNIT_TERM_PLAIN_TEXTS 10

static struct cell_style unit_term_random_style(uint32_t *seed)
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
    struct cell_style s;

    s.fg = colours[unit_term_random(seed, COUNT_OF(colours))];
    s.bg = colours[unit_term_random(seed, COUNT_OF(colours))];
    s.attr = attrs[unit_term_random(seed, COUNT_OF(attrs))];
    return s;
}

/* A band of rows moves, as what scrolls does. */
static void unit_term_move_rows(struct term_grid *g, uint32_t *seed)
{
    int from = (int)unit_term_random(seed, (uint32_t)g->rows);
    int to = (int)unit_term_random(seed, (uint32_t)g->rows);
    int most = g->rows - (from > to ? from : to);
    int n = 1 + (int)unit_term_random(seed, (uint32_t)most);

    for (int i = 0; i < n; i++) {
        int k = from < to ? n - 1 - i : i; /* so that none is overwritten before it has moved */
        memmove(term_row(g, to + k), term_back(g, from + k),
                (size_t)g->cols * sizeof(struct cell));
    }
}

static void unit_term_random_op(struct term_grid *g, uint32_t *seed)
{
    uint32_t texts = CELL_CLUSTERS_MAX < 64 ? UNIT_TERM_PLAIN_TEXTS : COUNT_OF(unit_term_texts);
    span text = span_of(unit_term_texts[unit_term_random(seed, texts)]);
    int row = (int)unit_term_random(seed, (uint32_t)g->rows + 2) - 1;
    int col = (int)unit_term_random(seed, (uint32_t)g->cols + 4) - 2, width, used;
    struct cell_style style = unit_term_random_style(seed);
    struct cell_pool pool = {0};
    struct cell c[2] = {{0, style.fg, style.bg, style.attr, 0}};

    switch (unit_term_random(seed, 12)) {
    case 0:
        if (unit_term_random(seed, 3))
            unit_term_move_rows(g, seed);
        else
            term_clear(g);
        break;
    case 1:
        term_fill(g, row, col, (int)unit_term_random(seed, 4), (int)unit_term_random(seed, 40),
                  style);
        break;
    case 2:
        term_restyle(g, row, col, (int)unit_term_random(seed, 9), style.attr);
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
        term_put_cells(g, row, col, c, 1 + (int)unit_term_random(seed, 2), &pool);
        cell_pool_free(&pool);
        break;
    default:
        width = (int)unit_term_random(seed, 12);
        used = term_put(g, row, col, width, text, style);
        CHECK(used >= 0 && used <= width);
    }
}

static void unit_term_random_frames(int loose, uint32_t seed)
{
    struct term_grid g = {0};
    struct unit_term_model m;
    buf b = {0};
    int frame, i;

    memset(&m, 0, sizeof(m));
    for (frame = 0; frame < 3000; frame++) {
        if (frame % 40 == 0) {
            int big = frame % 400 == 0, middle = frame % 120 == 0;
            term_grid_resize(&g, 1 + (int)unit_term_random(&seed, big ? 60 : middle ? 16 : 5),
                             1 + (int)unit_term_random(&seed, big ? 200 : middle ? 40 : 14));
            unit_term_model_start(&m, g.rows, g.cols, loose);
            g.depth = (enum cell_depth)unit_term_random(&seed, 4);
            g.sync = (int)unit_term_random(&seed, 2);
        }
        for (i = (int)unit_term_random(&seed, 6); i > 0; i--)
            unit_term_random_op(&g, &seed);
        g.cursor_shown = (int)unit_term_random(&seed, 2);
        g.cursor_row = (int)unit_term_random(&seed, 8) - 1;
        g.cursor_col = (int)unit_term_random(&seed, 20) - 1;
        if (unit_term_random(&seed, 30) == 0)
            g.known = 0;
        buf_clear(&b);
        term_frame(&g, &b);
        unit_term_model_feed(&m, buf_view(&b));
        unit_term_compare(&g, &m);
        buf_clear(&b);
        term_frame(&g, &b);
        CHECK_INT(b.n, 0);
    }
    term_grid_free(&g);
    term_grid_free(&g);
    buf_free(&b);
    free(m.cells);
    cell_pool_free(&m.pool);
}

static void unit_term_put_some(struct term_grid *g, int row, int col, uint32_t *seed)
{
    span text = span_of(unit_term_texts[unit_term_random(seed, UNIT_TERM_PLAIN_TEXTS)]);

    term_put(g, row, col, 9, text, unit_term_random_style(seed));
}

/* What fills the screen moves by some rows, as in a pager, and some of it changes besides. */
static void unit_term_moving_frames(int loose, uint32_t seed)
{
    struct term_grid g = {0};
    struct unit_term_model m;
    buf b = {0};
    int moves = 0, frames = 1200;

    memset(&m, 0, sizeof(m));
    for (int frame = 0; frame < frames && !test_failures; frame++) {
        if (frame % 60 == 0) {
            moves += m.moves;
            term_grid_resize(&g, 3 + (int)unit_term_random(&seed, 20),
                             10 + (int)unit_term_random(&seed, 60));
            unit_term_model_start(&m, g.rows, g.cols, loose);
            g.depth = (enum cell_depth)unit_term_random(&seed, 4);
            g.sync = (int)unit_term_random(&seed, 2);
        }
        if (unit_term_random(&seed, 4))
            unit_term_move_rows(&g, &seed);
        for (int row = 0; row < g.rows; row++)
            if (frame % 60 == 0 || unit_term_random(&seed, 12) == 0)
                for (int col = 0; col < g.cols; col += 5)
                    unit_term_put_some(&g, row, col, &seed);
        if (unit_term_random(&seed, 3) == 0)
            unit_term_random_op(&g, &seed);
        g.cursor_shown = (int)unit_term_random(&seed, 2);
        buf_clear(&b);
        term_frame(&g, &b);
        unit_term_model_feed(&m, buf_view(&b));
        unit_term_compare(&g, &m);
    }
    CHECK(moves > frames / 10);
    term_grid_free(&g);
    buf_free(&b);
    free(m.cells);
    cell_pool_free(&m.pool);
}

static void unit_term_frame_case(struct term_grid *g, const char *want)
{
    buf b = {0};

    term_frame(g, &b);
    CHECK_SPAN(buf_view(&b), want);
    buf_free(&b);
}

/* The very bytes of small frames: that they are few is the point. */
static void unit_term_exact_frames(void)
{
    const struct cell_style plain = {0, 0, 0}, bold = {0, 0, CELL_BOLD};
    struct term_grid g = {0};

    term_grid_resize(&g, 4, 40);
    g.depth = CELL_TRUE;
    unit_term_frame_case(&g, TERM_SEQ_HIDE TERM_SEQ_REDRAW TERM_SEQ_ERASE_BELOW);
    unit_term_frame_case(&g, "");
    CHECK_INT(term_put(&g, 0, 0, 40, span_of("one two"), plain), 7);
    unit_term_frame_case(&g, "one two");
    term_put(&g, 1, 0, 40, span_of("three"), bold);
    unit_term_frame_case(&g, "\r\n\33[1mthree\33[m");
    term_put(&g, 0, 4, 3, span_of("TWO"), plain);
    unit_term_frame_case(&g, "\b\33[ATWO");
    term_fill(&g, 0, 1, 1, 39, plain);
    unit_term_frame_case(&g, "\33[2G\33[K");
    term_put(&g, 0, 1, 9, span_of("xyz"), plain);
    unit_term_frame_case(&g, "xyz");
    term_fill(&g, 0, 2, 1, 9, plain);
    unit_term_frame_case(&g, "\b\b  ");
    term_put(&g, 0, 1, 9, span_of("abcd"), plain);
    unit_term_frame_case(&g, "\b\b\babcd");
    term_put(&g, 0, 1, 9, span_of("abcd"), plain);
    g.cursor_shown = 1, g.cursor_row = 0, g.cursor_col = 5;
    unit_term_frame_case(&g, TERM_SEQ_SHOW);
    term_put(&g, 0, 5, 1, span_of("e"), plain);
    g.cursor_col = 6;
    unit_term_frame_case(&g, "e");
    g.cursor_col = 5;
    unit_term_frame_case(&g, "\b");
    term_put(&g, 0, 0, 1, span_of("O"), plain);
    term_put(&g, 0, 3, 1, span_of("C"), plain);
    unit_term_frame_case(&g, "\rOabCd");
    g.sync = 1;
    term_put(&g, 3, 39, 1, span_of("#"), plain);
    unit_term_frame_case(&g, TERM_SEQ_SYNC_ON "\33[4;40H" TERM_SEQ_WRAP_OFF "#" TERM_SEQ_WRAP_ON
                             "\33[;6H" TERM_SEQ_SYNC_OFF);
    term_put(&g, 0, 8, 1, span_of("!"), plain);
    unit_term_frame_case(&g, "e  !\33[6G"); /* one row, and nothing runs about */
    g.cursor_shown = g.sync = 0;
    unit_term_frame_case(&g, TERM_SEQ_HIDE);
    term_put(&g, 2, 0, 9, span_of("e\xcc\x81\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80" "a"), plain);
    unit_term_frame_case(&g, "\r\n\ne\xcc\x81\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\33[7Ga");
    term_grid_free(&g);
}

/* ---- what frames cost ----------------------------------------------------------------------- */

/* A list such as the UI's: 22 rows of 80 columns from entry `top` on, one of them selected. */
static void unit_term_list(struct term_grid *g, int top, int selected)
{
    static const struct cell_style dim = {0, 0, CELL_DIM}, green = {CELL_INDEXED | 2, 0, 0},
                                   yellow = {CELL_INDEXED | 3, 0, 0}, plain = {0, 0, 0};
    char text[80];
    term_clear(g);
    term_put(g, 0, 1, 20, span_of("telec  Sessions"), plain);
    for (int y = 1; y < g->rows - 1; y++) {
        int entry = top + y - 1;
        snprintf(text, sizeof text, "%d", entry);
        term_put(g, y, 3, 5, span_of(text), dim);
        term_put(g, y, 7, 1, span_of("\342\227\217"), green);
        term_put(g, y, 9, 8, span_of(entry % 3 ? "claude" : "codex"), yellow);
        snprintf(text, sizeof text, "entry %d, whose title is so and so long", entry * 7919 % 1000);
        term_put(g, y, 18, 50, span_of(text), plain);
        snprintf(text, sizeof text, "%dm", 1 + entry % 50);
        term_put(g, y, 76, 3, span_of(text), dim);
        if (entry == selected)
            term_restyle(g, y, 0, g->cols, CELL_REVERSE);
    }
    term_put(g, g->rows - 1, 1, 70, span_of("Enter open  n new  m message  ? help  q quit"), dim);
}

/* The bytes of the frame; it shows what it should. */
static int unit_term_cost(struct term_grid *g, struct unit_term_model *m)
{
    buf b = {0};
    term_frame(g, &b);
    unit_term_model_feed(m, buf_view(&b));
    unit_term_compare(g, m);
    int n = (int)b.n;
    if (getenv("UNIT_TERM_COSTS"))
        printf("# %d bytes\n", n);
    buf_free(&b);
    return n;
}

/* Over a line of 1,200 bytes a second these are felt. */
static void unit_term_costs(void)
{
    struct term_grid g = {0};
    struct unit_term_model m;
    memset(&m, 0, sizeof m);
    for (int sync = 0; sync < 2; sync++) {
        int frame = sync ? (int)strlen(TERM_SEQ_SYNC_ON TERM_SEQ_SYNC_OFF) : 0;
        term_grid_resize(&g, 24, 80);
        g.depth = CELL_256;
        g.sync = sync;
        unit_term_model_start(&m, 24, 80, 0);
        unit_term_list(&g, 100, 105);
        CHECK(unit_term_cost(&g, &m) <= 2250 + frame); /* all of it */
        term_put(&g, 6, 40, 1, span_of("#"), (struct cell_style){0, 0, 0});
        CHECK(unit_term_cost(&g, &m) <= 8); /* one cell */
        unit_term_list(&g, 100, 105);
        unit_term_cost(&g, &m);
        unit_term_list(&g, 100, 106);
        CHECK(unit_term_cost(&g, &m) <= 240 + frame); /* the selection, by a row */
        unit_term_list(&g, 100, -1);
        unit_term_cost(&g, &m);
        unit_term_list(&g, 101, -1);
        CHECK(unit_term_cost(&g, &m) <= 120 + frame); /* all the list, by a row */
        unit_term_list(&g, 98, -1);
        CHECK(unit_term_cost(&g, &m) <= 300 + frame); /* back by three */
        unit_term_list(&g, 99, 99);
        unit_term_cost(&g, &m);
        unit_term_list(&g, 300, -1);
        CHECK(unit_term_cost(&g, &m) <= 860 + frame); /* another page of it */
    }
    term_grid_free(&g);
    free(m.cells);
    cell_pool_free(&m.pool);
}

/* A full redraw erases first only where that is not seen. */
static void unit_term_redraw(void)
{
    const struct cell_style plain = {0, 0, 0};
    struct term_grid g = {0};

    term_grid_resize(&g, 4, 9);
    term_put(&g, 0, 0, 9, span_of("ab"), plain);
    term_put(&g, 1, 3, 9, span_of("cdefgh"), plain);
    unit_term_frame_case(&g, TERM_SEQ_HIDE TERM_SEQ_REDRAW
                         "\n\n" TERM_SEQ_ERASE_BELOW "\33[Hab" TERM_SEQ_ERASE_LINE "\r\n   cdefgh");
    g.known = 0;
    g.sync = 1;
    unit_term_frame_case(&g, TERM_SEQ_SYNC_ON TERM_SEQ_REDRAW TERM_SEQ_ERASE_BELOW
                         "ab\33[C\ncdefgh" TERM_SEQ_HIDE TERM_SEQ_SYNC_OFF);
    term_grid_free(&g);
}

static void unit_term_row_text(const struct term_grid *g, int row, buf *out)
{
    int col;

    buf_clear(out);
    for (col = 0; col < g->cols; col++) {
        char text[CELL_TEXT_MAX];
        const struct cell *c = &term_back(g, row)[col];
        if (c->attr & CELL_TAIL)
            buf_byte(out, '<');
        else
            buf_add(out, text, cell_text(&g->pool, c->rune, text));
    }
}

/* Long for its table of cases. */
static void unit_term_drawing(void)
{
    const struct cell_style plain = {0, 0, 0};
    struct term_grid g = {0};
    buf out = {0};
    int i;
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
        {0, 8, 3, "a\xff" "b", "a\xef\xbf\xbd" "b     "},
        {0, 8, 4, "\xe4\xb8\xad\xe6\x96\x87", "\xe4\xb8\xad<\xe6\x96\x87<    "},
        {0, 3, 3, "\xe4\xb8\xad\xe6\x96\x87", "\xe4\xb8\xad<      "},
        {7, 3, 1, "\xe4\xb8\xad", "        "},
        {-1, 8, 4, "\xe4\xb8\xad\xe6\x96\x87", " \xe6\x96\x87<     "},
        {0, 8, 1, "\xcc\x81" "a", "a       "},
        {0, 8, 2, "\xe2\x80\xae" "a", "\xef\xbf\xbd" "a      "},
    };

    for (i = 0; i < (int)COUNT_OF(cases); i++) {
        term_grid_resize(&g, 2, 8);
        CHECK_INT(term_put(&g, 0, cases[i].col, cases[i].width, span_of(cases[i].text), plain),
                  cases[i].used);
        CHECK_INT(term_put(&g, 2, 0, 8, span_of("out"), plain), 0);
        CHECK_INT(term_put(&g, -1, 0, 8, span_of("out"), plain), 0);
        unit_term_row_text(&g, 0, &out);
        CHECK_SPAN(buf_view(&out), cases[i].row);
        unit_term_row_text(&g, 1, &out);
        CHECK_SPAN(buf_view(&out), "        ");
    }
    term_grid_resize(&g, 1, 8);
    term_put(&g, 0, 0, 8, span_of("\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97\xe5\xad\x97"), plain);
    term_put(&g, 0, 1, 2, span_of("ab"), plain);
    term_restyle(&g, 0, 5, 1, CELL_REVERSE);
    unit_term_row_text(&g, 0, &out);
    CHECK_SPAN(buf_view(&out), " ab \xe5\xad\x97<\xe5\xad\x97<");
    CHECK(unit_at(&g, 4)->attr & CELL_REVERSE && unit_at(&g, 5)->attr & CELL_REVERSE &&
          !(unit_at(&g, 6)->attr & CELL_REVERSE));
    term_restyle(&g, 0, 6, 1, CELL_BOLD);
    CHECK(unit_at(&g, 6)->attr & CELL_BOLD && unit_at(&g, 7)->attr & CELL_BOLD &&
          !(unit_at(&g, 5)->attr & CELL_BOLD));
    g.ascii = 1;
    term_clear(&g);
    term_put(&g, 0, 0, 8,
             span_of("\xe2\x94\x8c\xe2\x94\x80\xe4\xb8\xad\xe2\x80\xa6"
                     "e\xcc\x81"),
             plain);
    unit_term_row_text(&g, 0, &out);
    CHECK_SPAN(buf_view(&out), "+-\?\?.e  ");
    term_grid_resize(&g, 0, -3);
    CHECK(g.rows == 1 && g.cols == 1);
    term_grid_resize(&g, 99999, 99999);
    CHECK(g.rows == VT_ROWS_MAX && g.cols == VT_COLS_MAX);
    term_put(&g, VT_ROWS_MAX - 1, VT_COLS_MAX - 2, 5, span_of("zz"), plain);
    g.sync = 1;
    buf_clear(&out);
    term_frame(&g, &out);
    CHECK(out.n < 100);
    term_grid_free(&g);
    buf_free(&out);
}

/* Graphemes that are gone from the screen leave the pool. */
static void unit_term_pool(void)
{
    struct term_grid g = {0};
    buf b = {0};
    uint32_t i;

    term_grid_resize(&g, 1, 4);
    for (i = 0; i < CELL_CLUSTERS_MAX * 2 + 9; i++) {
        char text[8];
        size_t n = utf8_encode(0x4e00 + i, text);
        memcpy(text + n, "\xcc\x81", 2);
        term_put(&g, 0, 0, 4, (span){text, n + 2}, (struct cell_style){0, 0, 0});
        buf_clear(&b);
        term_frame(&g, &b);
        CHECK(unit_at(&g, 0)->rune & CELL_CLUSTER);
    }
    CHECK(g.pool.count <= CELL_CLUSTERS_MAX / 2 + 1);
    term_grid_free(&g);
    buf_free(&b);
}

/* ---- the terminal itself ---- */

static int unit_term_open_pty(int *slave)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);

    *slave = -1;
    if (master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0)
        *slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    return master;
}

static void unit_term_read_pty(int fd, buf *b)
{
    struct pollfd ready = {fd, POLLIN, 0};
    char bytes[512];

    while (poll(&ready, 1, 50) > 0) {
        ssize_t n = read(fd, bytes, sizeof(bytes));
        if (n <= 0)
            return;
        buf_add(b, bytes, (size_t)n);
    }
}

static int unit_term_modes_eq(const struct termios *a, const struct termios *b)
{
    return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag &&
           a->c_lflag == b->c_lflag && memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) == 0 &&
           cfgetispeed(a) == cfgetispeed(b) && cfgetospeed(a) == cfgetospeed(b);
}

static void unit_term_raw_mode(void)
{
    struct termios before, inside, after;
    int slave, master = unit_term_open_pty(&slave), rows = 0, cols = 0;
    struct winsize size = {33, 101, 0, 0};
    buf b = {0};

    memset(&before, 0, sizeof(before)); /* not every libc fills all of c_cc */
    memset(&after, 0, sizeof(after));
    CHECK(slave >= 0);
    CHECK_INT(tcgetattr(slave, &before), 0);
    before.c_cc[VINTR] = 7; /* odd settings must come back too */
    before.c_iflag |= IXON | ISTRIP;
    CHECK_INT(tcsetattr(slave, TCSANOW, &before), 0);
    CHECK_INT(tcgetattr(slave, &before), 0);
    CHECK_INT(term_enter(slave, slave, 1, &b), 0);
    CHECK_SPAN(buf_view(&b), TERM_SEQ_ENTER TERM_SEQ_MOUSE);
    CHECK_INT(tcgetattr(slave, &inside), 0);
    CHECK(!(inside.c_lflag & (ICANON | ECHO | ISIG)) && !(inside.c_oflag & OPOST));
    CHECK(!(inside.c_iflag & (IXON | ICRNL | ISTRIP)));
    errno = 12345;
    term_leave();
    CHECK_INT(errno, 12345);
    term_leave();
    CHECK_INT(tcgetattr(slave, &after), 0);
    CHECK(unit_term_modes_eq(&before, &after));
    buf_clear(&b);
    unit_term_read_pty(master, &b);
    CHECK_INT(b.n, 0); /* nothing of it was shown */
    CHECK_INT(term_enter(slave, slave, 0, &b), 0);
    CHECK_SPAN(buf_view(&b), TERM_SEQ_ENTER);
    term_entered();
    term_leave();
    term_leave();
    buf_clear(&b);
    unit_term_read_pty(master, &b);
    CHECK_SPAN(buf_view(&b), TERM_SEQ_LEAVE);
    CHECK_INT(ioctl(master, TIOCSWINSZ, &size), 0);
    CHECK_INT(term_size(slave, &rows, &cols), 0);
    CHECK(rows == 33 && cols == 101);
    CHECK_INT(term_size(-1, &rows, &cols), -1);
    CHECK_INT(term_enter(-1, slave, 0, &b), -1);
    close(slave);
    close(master);
    buf_free(&b);
}

static void unit_term_crash_child(int slave, int how)
{
    buf enter = {0};
    signal(SIGABRT, SIG_DFL);
    term_crash_guard();
    if (term_enter(slave, slave, 0, &enter) == 0 &&
        write(slave, enter.p, enter.n) == (ssize_t)enter.n) {
        term_entered();
        if (how == SIGABRT)
            abort();
        raise(how);
    }
    _exit(0);
}

static void unit_term_crash(void)
{
    static const int signals[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
    struct termios before, after;
    size_t i;

    memset(&before, 0, sizeof(before));
    memset(&after, 0, sizeof(after));
    for (i = 0; i < COUNT_OF(signals); i++) {
        int slave, master = unit_term_open_pty(&slave), status = 0;
        buf b = {0};
        pid_t child;
        tcgetattr(slave, &before);
        fflush(stdout);
        child = fork();
        if (child == 0)
            unit_term_crash_child(slave, signals[i]);
        waitpid(child, &status, 0);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signals[i]);
        tcgetattr(slave, &after);
        CHECK(unit_term_modes_eq(&before, &after));
        unit_term_read_pty(master, &b);
        CHECK_SPAN(buf_view(&b), TERM_SEQ_ENTER TERM_SEQ_LEAVE);
        close(slave);
        close(master);
        buf_free(&b);
    }
}

static void unit_term_environment(void)
{
    static const char *const names[] = {"TERM",   "COLORTERM", "NO_COLOR",
                                        "LC_ALL", "LC_CTYPE",  "LANG"};
    static const struct {
        const char *values[6];
        enum cell_depth depth;
        int utf8;
    } cases[] = {
        {{"xterm-256color", NULL, NULL, NULL, NULL, "en_US.UTF-8"}, CELL_256, 1},
        {{"xterm", NULL, NULL, NULL, NULL, "C"}, CELL_16, 0},
        {{"xterm", "truecolor", "", "C", NULL, "de_DE.utf8@euro"}, CELL_TRUE, 0},
        {{"xterm", "24bit", NULL, "", "C.utf8", "C"}, CELL_TRUE, 1},
        {{"xterm-kitty", NULL, "1", NULL, NULL, "de_DE.utf8@euro"}, CELL_MONO, 1},
        {{"xterm-kitty", NULL, NULL, NULL, NULL, NULL}, CELL_TRUE, 0},
        {{"dumb", "truecolor", NULL, NULL, NULL, "en_US.ISO-8859-1"}, CELL_MONO, 0},
        {{NULL, NULL, NULL, NULL, NULL, ""}, CELL_MONO, 0},
    };
    char *saved[6];
    size_t i, j;

    for (j = 0; j < COUNT_OF(names); j++)
        saved[j] = getenv(names[j]) ? span_dup(span_of(getenv(names[j]))) : NULL;
    for (i = 0; i < COUNT_OF(cases); i++) {
        for (j = 0; j < COUNT_OF(names); j++)
            if (cases[i].values[j])
                setenv(names[j], cases[i].values[j], 1);
            else
                unsetenv(names[j]);
        CHECK_INT(term_depth(), cases[i].depth);
        CHECK_INT(term_is_utf8(), cases[i].utf8);
        CHECK_INT(*term_queries() != 0, cases[i].values[0] && cases[i].values[0][0] == 'x');
    }
    for (j = 0; j < COUNT_OF(names); j++) {
        if (saved[j])
            setenv(names[j], saved[j], 1);
        else
            unsetenv(names[j]);
        free(saved[j]);
    }
}

static void unit_term(void)
{
    unit_term_decode();
    unit_term_paste_limits();
    unit_term_paste_trickle();
    unit_term_drawing();
    unit_term_exact_frames();
    unit_term_redraw();
    unit_term_costs();
    unit_term_random_frames(0, 1);
    unit_term_random_frames(1, 2);
    unit_term_moving_frames(0, 5);
    unit_term_moving_frames(1, 6);
    unit_term_pool();
    unit_term_raw_mode();
    unit_term_crash();
    unit_term_environment();
}
