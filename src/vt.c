/* vt - terminal emulator: bytes in, grid of cells out; the screen as a byte string again.
 *
 * What programs use that were told TERM=xterm-256color: ECMA-48 (C0, C1, CSI), the VT220 and xterm
 * additions in the tables below, UTF-8 always on. Where terminals differ xterm is followed: erasing
 * takes the background colour, a character in the last column leaves a pending wrap that the next
 * character carries out and that moving cancels. But as in most other terminals there is nothing to
 * the right of a pending wrap: EL there does not take the last character away.
 *
 * Left out: left and right margins, rectangles, double-size lines, 132 columns, selective erase (as
 * plain erase), character sets but ASCII and DEC line drawing, printing, graphics, colour and
 * clipboard queries. Device control, APC, PM and SOS strings are swallowed.
 *
 *   scrollback (a byte ring of packed lines)     -n  oldest
 *                                                 .
 *                                                -1  newest
 *   screen (a ring of rows of cells)              0  lines[top]
 *                                                 .
 *                                            rows-1  lines[(top + rows - 1) % rows]
 *
 * Of a row only the first `used` cells are valid; what follows is blank. So a fresh row costs
 * nothing to make, however wide it is. Rows move by their 16-byte heads, the cells stay. */

#define VT_TITLE_MAX 256    /* bytes of a title or a notification */
#define VT_DIRECTORY_MAX 1024
#define VT_ANSWERS_MAX 4096 /* bytes of answers not taken yet; further ones are dropped */
#define VT_TITLES_MAX 4     /* titles that a program can push */
#define VT_KEYS_MAX 8       /* sets of kitty keyboard flags that a program can push */
#define VT_PACKED_CELL_MAX (11 + 3 + CELL_TEXT_MAX)

enum vt_state { VT_GROUND, VT_UTF8, VT_ESCAPE, VT_CSI, VT_CSI_BAD, VT_STRING };

enum vt_line_flag {
    VT_LINE_STYLED = 1, /* may hold a cell that isn't in the default style */
    VT_LINE_RUNES = 2,  /* may hold a rune that isn't ASCII */
    VT_LINE_WIDE = 4,   /* may hold a character of two columns */
    VT_LINE_WRAPPED = 8 /* the text goes on in the next row; never set on the last one */
};
#define VT_LINE_CONTENT 7

struct vt_line {
    struct cell *cells;
    uint16_t used;
    uint8_t flags;
};

/* What DECSC saves. */
struct vt_saved {
    int x, y, pending;
    struct cell_style style;
    unsigned char charset[2], shift;
    int origin;
};

/* lines is NULL until the screen is first used. */
struct vt_screen {
    struct vt_line *lines;
    struct cell *cells;
    int top;
    struct vt_saved saved;
};

#define VT_BLOCKS (0x800 + 0x80 + 1)

struct vt_record {
    uint32_t at;
    uint32_t n : 31, wrapped : 1;
};

/* Packed lines, oldest first, in a ring of bytes; their places in a ring of records. A packed line
 * has a byte for every ASCII cell (blank: 0), UTF-8 and tokens (enum vt_token) for the rest. */
struct vt_scroll {
    char *bytes;
    size_t cap, start, n;
    struct vt_record *records;
    int record_cap, first, count;
};

enum vt_token {
    VT_TOKEN_STYLE = 1,  /* fg, bg, attr of the cells that follow, as they are in memory */
    VT_TOKEN_WIDE = 2,   /* the next character has two columns */
    VT_TOKEN_CLUSTER = 3 /* a length byte and the text of a grapheme of several code points */
};

struct vt {
    int cols, rows;
    int x, y;
    int pending;       /* the last column has been written; the next character wraps first */
    int joins;         /* the cell before the cursor was printed last: marks join it, REP repeats
                        * it; always set while a wrap is pending */
    int region_top, region_bottom; /* scroll region, both included */
    struct cell_style style;
    unsigned modes;
    int shape;
    unsigned char charset[2], shift; /* '0' line drawing, else 'B' */
    unsigned char tabs[(VT_COLS_MAX + 7) / 8];
    struct vt_screen screens[2], *screen; /* primary, alternate; the one in use */
    struct vt_scroll scroll;
    struct cell_pool *pool;
    int pool_wait;     /* graphemes to do without before the full pool is swept again */
    struct cell *scratch; /* the row that vt_row gives for scrollback */
    buf packed;

    enum vt_state state;
    unsigned char prefix, inter, inter_count, final; /* of the sequence under way */
    int param_seen, param_last;      /* anything after CSI; index of the last parameter */
    uint16_t params[VT_PARAMS_MAX];
    uint32_t subs;                   /* bit i: parameter i followed a ':' */
    unsigned char string_kind;       /* ']' 'P' 'X' '^' '_' */
    int string_escape;               /* ESC seen: the end of the string if '\' follows */
    buf string;
    char utf8[4];
    int utf8_count;
    unsigned char blocks[VT_BLOCKS]; /* of code points: see vt_simple */

    unsigned signals;
    buf title, directory, notification, clipboard, answers;
    buf titles[VT_TITLES_MAX];       /* pushed, oldest first */
    int title_count;
    int modify_other_keys;           /* xterm's modifyOtherKeys, 0…2 */
    unsigned char keys[VT_KEYS_MAX]; /* kitty keyboard flags, pushed; the last are in force */
    int key_count;
};

typedef void vt_handler(struct vt *vt);

/* ---- rows ---- */

static struct vt_line *vt_line_of(const struct vt_screen *screen, int rows, int r)
{
    int i = screen->top + r;

    return &screen->lines[i < rows ? i : i - rows];
}

static struct vt_line *vt_line(const struct vt *vt, int r)
{
    return vt_line_of(vt->screen, vt->rows, r);
}

static int vt_is_blank(const struct cell *cell)
{
    return !(cell->rune | cell->fg | cell->bg | cell->attr);
}

static void vt_blank(struct cell *cells, int n, uint32_t bg)
{
    struct cell blank = {0, 0, 0, 0, 0};
    int i;

    if (n <= 0)
        return;
    if (!bg) {
        memset(cells, 0, (size_t)n * sizeof(*cells));
        return;
    }
    blank.bg = bg;
    for (i = 0; i < n; i++)
        cells[i] = blank;
}

/* How many cells of a row are text. What is right of them is blank; in a wrapped row there is
 * nothing but a last column too narrow for the wide character that comes next. */
static int vt_line_end(const struct vt_line *line, int cols)
{
    int n = line->used;

    if (line->flags & VT_LINE_WRAPPED) {
        vt_blank(line->cells + n, cols - n, 0);
        return n == cols - 1 ? n : cols;
    }
    while (n > 0 && vt_is_blank(&line->cells[n - 1]))
        n--;
    return n;
}

/* What is left of a wide character that loses one half. */
static void vt_halve(struct cell *cell)
{
    cell->rune = 0;
    cell->attr &= CELL_STYLE_MASK;
}

/* Before the cells from…to are overwritten or moved: wide characters across the edges break. */
static void vt_mend(struct vt_line *line, int from, int to)
{
    if (!(line->flags & VT_LINE_WIDE))
        return;
    if (from > 0 && from < line->used && (line->cells[from].attr & CELL_TAIL)) {
        vt_halve(&line->cells[from - 1]);
        vt_halve(&line->cells[from]);
    }
    if (to < line->used && (line->cells[to].attr & CELL_TAIL)) {
        vt_halve(&line->cells[to - 1]);
        vt_halve(&line->cells[to]);
    }
}

/* Makes n cells at x valid, to be overwritten; flags say what with. */
static inline struct cell *vt_open(struct vt_line *line, int x, int n, unsigned flags)
{
    if (x > line->used)
        vt_blank(line->cells + line->used, x - line->used, 0);
    vt_mend(line, x, x + n);
    if (x + n > line->used)
        line->used = (uint16_t)(x + n);
    line->flags |= (uint8_t)flags;
    return line->cells + x;
}

static void vt_line_clear(struct vt *vt, struct vt_line *line, uint32_t bg)
{
    line->used = 0;
    line->flags = 0;
    if (bg)
        vt_blank(vt_open(line, 0, vt->cols, VT_LINE_STYLED), vt->cols, bg);
}

static void vt_erase(struct vt *vt, int row, int from, int to)
{
    struct vt_line *line = vt_line(vt, row);
    uint32_t bg = vt->style.bg;

    if (to >= vt->cols) {
        to = vt->cols;
        line->flags &= (uint8_t)~VT_LINE_WRAPPED;
    }
    if (from >= to)
        return;
    if (!bg && to >= line->used) {
        vt_mend(line, from, line->used);
        if (from < line->used)
            line->used = (uint16_t)from;
        if (line->used == 0)
            line->flags &= VT_LINE_WRAPPED;
        return;
    }
    vt_blank(vt_open(line, from, to - from, bg ? VT_LINE_STYLED : 0), to - from, bg);
}

static void vt_screen_new(struct vt_screen *screen, int cols, int rows)
{
    int r;

    screen->lines = base_alloc((size_t)rows * sizeof(*screen->lines));
    screen->cells = base_alloc((size_t)rows * (size_t)cols * sizeof(*screen->cells));
    screen->top = 0;
    for (r = 0; r < rows; r++)
        screen->lines[r].cells = screen->cells + (size_t)r * (size_t)cols;
}

static void vt_screen_free(struct vt_screen *screen)
{
    free(screen->lines);
    free(screen->cells);
    memset(screen, 0, sizeof(*screen));
}

/* ---- scrollback ---- */

static void vt_scroll_clear(struct vt_scroll *s)
{
    free(s->bytes);
    free(s->records);
    memset(s, 0, sizeof(*s));
}

static struct vt_record *vt_record(const struct vt_scroll *s, int i)
{
    int at = s->first + i;

    return &s->records[at < s->record_cap ? at : at - s->record_cap];
}

static void vt_ring_read(const struct vt_scroll *s, const struct vt_record *record, char *out)
{
    size_t front = s->cap - record->at;

    if (front >= record->n) {
        memcpy(out, s->bytes + record->at, record->n);
        return;
    }
    memcpy(out, s->bytes + record->at, front);
    memcpy(out + front, s->bytes, record->n - front);
}

static void vt_scroll_drop(struct vt_scroll *s)
{
    s->n -= s->records[s->first].n;
    s->start += s->records[s->first].n;
    s->start -= s->start >= s->cap ? s->cap : 0;
    s->first = s->first + 1 < s->record_cap ? s->first + 1 : 0;
    s->count--;
}

/* A ring of at least `need` bytes: doubled, so that bytes move only while it is young. */
static void vt_scroll_grow_bytes(struct vt_scroll *s, size_t need)
{
    size_t cap = s->cap ? s->cap : 4096, at = 0;
    char *bytes;
    int i;

    while (cap < need)
        cap *= 2;
    if (cap > VT_SCROLL_BYTES)
        cap = VT_SCROLL_BYTES;
    bytes = base_grow(NULL, cap);
    for (i = 0; i < s->count; i++) {
        struct vt_record *record = vt_record(s, i);
        vt_ring_read(s, record, bytes + at);
        record->at = (uint32_t)at;
        at += record->n;
    }
    free(s->bytes);
    s->bytes = bytes;
    s->cap = cap;
    s->start = 0;
}

static void vt_scroll_grow_records(struct vt_scroll *s)
{
    int cap = s->record_cap ? s->record_cap * 2 : 64, i;
    struct vt_record *records;

    if (cap > VT_SCROLL_LINES)
        cap = VT_SCROLL_LINES;
    records = base_grow(NULL, (size_t)cap * sizeof(*records));
    for (i = 0; i < s->count; i++)
        records[i] = *vt_record(s, i);
    free(s->records);
    s->records = records;
    s->record_cap = cap;
    s->first = 0;
}

static void vt_scroll_push(struct vt_scroll *s, const char *p, size_t n, int wrapped)
{
    struct vt_record *record;
    size_t at, front;

    while (s->count && (s->n + n > VT_SCROLL_BYTES || s->count == VT_SCROLL_LINES))
        vt_scroll_drop(s);
    if (n > VT_SCROLL_BYTES)
        return;
    if (s->n + n > s->cap || !s->cap)
        vt_scroll_grow_bytes(s, s->n + n);
    if (s->count == s->record_cap)
        vt_scroll_grow_records(s);
    at = s->start + s->n;
    at = at < s->cap ? at : at - s->cap;
    record = vt_record(s, s->count++);
    record->at = (uint32_t)at;
    record->n = (uint32_t)n & 0x7fffffff;
    record->wrapped = wrapped != 0;
    s->n += n;
    if (n == 0)
        return;
    front = s->cap - at < n ? s->cap - at : n;
    memcpy(s->bytes + at, p, front);
    if (n > front)
        memcpy(s->bytes, p + front, n - front);
}

/* Nothing but ASCII in the default style: most lines of most programs. */
static size_t vt_pack_plain(const struct cell *cells, int n, char *out)
{
    int i = 0;

    for (; i + 4 <= n; i += 4) {
        out[i] = (char)cells[i].rune;
        out[i + 1] = (char)cells[i + 1].rune;
        out[i + 2] = (char)cells[i + 2].rune;
        out[i + 3] = (char)cells[i + 3].rune;
    }
    for (; i < n; i++)
        out[i] = (char)cells[i].rune;
    return (size_t)n;
}

/* A cell whose rune is 0x800 or more. */
static inline char *vt_pack_rune(const struct cell_pool *pool, const struct cell *cell, char *out)
{
    uint32_t rune = cell->rune;

    *out = VT_TOKEN_WIDE; /* no branch here either: it stays only before a wide one */
    out += (cell->attr & CELL_WIDE) != 0;
    if (rune < 0x10000) {
        *out++ = (char)(0xe0 | rune >> 12);
        *out++ = (char)(0x80 | (rune >> 6 & 0x3f));
        *out++ = (char)(0x80 | (rune & 0x3f));
    } else if (!(rune & CELL_CLUSTER)) {
        out += utf8_encode(rune, out);
    } else {
        size_t n = cell_text(pool, rune, out + 2);
        *out++ = VT_TOKEN_CLUSTER;
        *out++ = (char)n;
        out += n;
    }
    return out;
}

static size_t vt_pack_cells(const struct cell_pool *pool, const struct cell *cells, int count,
                            char *out)
{
    const struct cell *cell = cells, *end = cells + count;
    uint64_t colours = 0, now; /* fg and bg, which stand side by side */
    uint16_t attr = 0;
    char *at = out;

    while (cell < end) {
        uint32_t rune = cell->rune;
        memcpy(&now, &cell->fg, 8);
        if ((now ^ colours) | ((cell->attr ^ attr) & CELL_STYLE_MASK)) {
            colours = now, attr = cell->attr & CELL_STYLE_MASK;
            *at++ = VT_TOKEN_STYLE;
            memcpy(at, &colours, 8);
            memcpy(at + 8, &attr, 2);
            at += 10;
        }
        if (rune < 0x800) { /* no branch between one byte and two: in text nobody can foretell it */
            int two = rune >= 0x80;
            at[0] = (char)(two ? 0xc0 | rune >> 6 : rune);
            at[1] = (char)(0x80 | (rune & 0x3f));
            at += 1 + two;
            cell++;
        } else {
            at = vt_pack_rune(pool, cell, at);
            cell += 1 + ((cell->attr & CELL_WIDE) != 0);
        }
    }
    return (size_t)(at - out);
}

/* Into vt->packed, whose memory stays. */
static size_t vt_pack(struct vt *vt, const struct cell *cells, int count, unsigned flags)
{
    size_t most = (size_t)count * (flags & VT_LINE_CONTENT ? VT_PACKED_CELL_MAX : 1);

    if (vt->packed.cap < most)
        buf_reserve(&vt->packed, most);
    if (flags & VT_LINE_CONTENT)
        return vt_pack_cells(vt->pool, cells, count, vt->packed.p);
    return vt_pack_plain(cells, count, vt->packed.p);
}

/* A packed line as cells, at most `most`; returns how many. */
static int vt_unpack(struct cell_pool *pool, span s, struct cell *out, int most)
{
    struct cell cell = {0, 0, 0, 0, 0};
    size_t i = 0;
    int n = 0, wide = 0;

    while (i < s.n && n + wide < most) {
        unsigned char c = (unsigned char)s.p[i];
        size_t step = 1;
        if (c == VT_TOKEN_STYLE) {
            memcpy(&cell.fg, s.p + i + 1, 4);
            memcpy(&cell.bg, s.p + i + 5, 4);
            memcpy(&cell.attr, s.p + i + 9, 2);
            i += 11;
            continue;
        }
        if (c == VT_TOKEN_WIDE) {
            wide = 1;
            i++;
            continue;
        }
        if (c == VT_TOKEN_CLUSTER) {
            step = (unsigned char)s.p[i + 1];
            cell.rune = cell_rune(pool, (span){s.p + i + 2, step});
            step += 2;
        } else {
            step = utf8_next(span_sub(s, i), &cell.rune);
        }
        out[n] = cell;
        if (wide) {
            out[n++].attr |= CELL_WIDE;
            out[n] = cell;
            out[n].rune = 0;
            out[n].attr |= CELL_TAIL;
        }
        n++;
        wide = 0;
        i += step;
    }
    return n;
}

/* Line `row` (< 0) of the scrollback into out, the rest of the cells blank. Returns its end. */
static int vt_scroll_row(const struct vt *vt, int row, struct cell *out, int *wrapped)
{
    const struct vt_record *record = vt_record(&vt->scroll, vt->scroll.count + row);
    buf whole = {NULL, 0, 0};
    span s = {vt->scroll.bytes + record->at, record->n};
    int n;

    if (vt->scroll.cap - record->at < record->n) {
        buf_reserve(&whole, record->n);
        vt_ring_read(&vt->scroll, record, whole.p);
        s.p = whole.p;
    }
    n = vt_unpack(vt->pool, s, out, vt->cols);
    vt_blank(out + n, vt->cols - n, 0);
    *wrapped = record->wrapped;
    buf_free(&whole);
    return n;
}

/* ---- scrolling ---- */

static void vt_swap_lines(struct vt *vt, int a, int b)
{
    struct vt_line *p = vt_line(vt, a), *q = vt_line(vt, b), t = *p;

    *p = *q;
    *q = t;
}

static void vt_reverse_lines(struct vt *vt, int from, int to)
{
    for (to--; from < to; from++, to--)
        vt_swap_lines(vt, from, to);
}

/* Rows top…bottom move up by n; the first n come round to the bottom. */
static void vt_rotate_lines(struct vt *vt, int top, int bottom, int n)
{
    if (top == 0 && bottom == vt->rows - 1) {
        vt->screen->top += n < vt->rows - vt->screen->top ? n : n - vt->rows;
        return;
    }
    vt_reverse_lines(vt, top, top + n);
    vt_reverse_lines(vt, top + n, bottom + 1);
    vt_reverse_lines(vt, top, bottom + 1);
}

static void vt_keep_line(struct vt *vt, const struct vt_line *line)
{
    size_t n = vt_pack(vt, line->cells, vt_line_end(line, vt->cols), line->flags);

    vt_scroll_push(&vt->scroll, vt->packed.p, n, line->flags & VT_LINE_WRAPPED);
}

static void vt_scroll_up(struct vt *vt, int top, int bottom, int n)
{
    int keep = top == 0 && vt->screen == &vt->screens[0], i;

    if (n > bottom - top + 1)
        n = bottom - top + 1;
    for (i = 0; keep && i < n; i++)
        vt_keep_line(vt, vt_line(vt, i));
    if (top > 0)
        vt_line(vt, top - 1)->flags &= (uint8_t)~VT_LINE_WRAPPED;
    vt_rotate_lines(vt, top, bottom, n);
    for (i = bottom - n + 1; i <= bottom; i++)
        vt_line_clear(vt, vt_line(vt, i), vt->style.bg);
}

static void vt_scroll_down(struct vt *vt, int top, int bottom, int n)
{
    int i;

    if (n > bottom - top + 1)
        n = bottom - top + 1;
    vt_rotate_lines(vt, top, bottom, bottom - top + 1 - n);
    for (i = top; i < top + n; i++)
        vt_line_clear(vt, vt_line(vt, i), vt->style.bg);
    if (top > 0)
        vt_line(vt, top - 1)->flags &= (uint8_t)~VT_LINE_WRAPPED;
    vt_line(vt, bottom)->flags &= (uint8_t)~VT_LINE_WRAPPED;
}

/* The cursor goes a row down; at the bottom of the region this scrolls. 0: it could not. */
static int vt_index(struct vt *vt)
{
    if (vt->y == vt->region_bottom)
        vt_scroll_up(vt, vt->region_top, vt->region_bottom, 1);
    else if (vt->y < vt->rows - 1)
        vt->y++;
    else
        return 0;
    return 1;
}

/* The cursor was moved by something else than printing. */
static void vt_moved(struct vt *vt)
{
    vt->pending = vt->joins = 0;
}

/* ---- printing ---- */

static unsigned vt_style_flag(const struct vt *vt)
{
    return vt->style.fg | vt->style.bg | vt->style.attr ? VT_LINE_STYLED : 0;
}

/* Carries out a pending wrap. */
static void vt_wrap(struct vt *vt)
{
    struct vt_line *line = vt_line(vt, vt->y);

    vt->pending = 0;
    if (vt->modes & VT_NO_WRAP)
        return;
    vt->x = 0;
    line->flags |= VT_LINE_WRAPPED; /* before it moves, maybe into the scrollback */
    if (!vt_index(vt))
        line->flags &= (uint8_t)~VT_LINE_WRAPPED;
}

static void vt_advance(struct vt *vt, int n)
{
    vt->x += n;
    vt->joins = 1;
    if (vt->x >= vt->cols) {
        vt->x = vt->cols - 1;
        vt->pending = 1;
    }
}

/* The cells from x on move right by n; what leaves the row is lost. */
static void vt_insert_cells(struct vt *vt, int n)
{
    struct vt_line *line = vt_line(vt, vt->y);
    int end = line->used + n, x = vt->x, left;

    if (n > vt->cols - x)
        n = vt->cols - x;
    if (x < line->used) {
        end = end < vt->cols ? end : vt->cols;
        left = end - n; /* cells from here on are lost */
        vt_mend(line, x, left);
        if (left > x)
            memmove(line->cells + x + n, line->cells + x, (size_t)(left - x) * sizeof(struct cell));
        line->used = (uint16_t)end;
        vt_blank(line->cells + x, n, vt->style.bg);
        line->flags |= vt->style.bg ? VT_LINE_STYLED : 0;
    } else if (vt->style.bg) {
        vt_blank(vt_open(line, x, n, VT_LINE_STYLED), n, vt->style.bg);
    }
}

static void vt_delete_cells(struct vt *vt, int n)
{
    struct vt_line *line = vt_line(vt, vt->y);
    int x = vt->x, rest;

    if (n > vt->cols - x)
        n = vt->cols - x;
    vt_mend(line, x, x + n);
    rest = line->used - x - n;
    if (rest > 0) {
        memmove(line->cells + x, line->cells + x + n, (size_t)rest * sizeof(struct cell));
        line->used = (uint16_t)(line->used - n);
    } else if (line->used > x) {
        line->used = (uint16_t)x;
    }
    if (vt->style.bg || line->flags & VT_LINE_WRAPPED)
        vt_blank(vt_open(line, vt->cols - n, n, VT_LINE_STYLED), n, vt->style.bg);
}

static void vt_put(struct vt *vt, uint32_t rune, int width)
{
    struct cell_style style = vt->style;
    struct cell *cell;
    unsigned flags;

    if (width == 2 && vt->cols < 2) {
        rune = 0xfffd;
        width = 1;
    }
    if (vt->pending)
        vt_wrap(vt);
    if (width == 2 && vt->x == vt->cols - 1) {
        if (vt->modes & VT_NO_WRAP)
            vt->x--;
        else
            vt_wrap(vt);
    }
    if (vt->modes & VT_INSERT)
        vt_insert_cells(vt, width);
    flags = vt_style_flag(vt) | (rune < 0x7f ? 0 : VT_LINE_RUNES) | (width == 2 ? VT_LINE_WIDE : 0);
    cell = vt_open(vt_line(vt, vt->y), vt->x, width, flags);
    cell[0] = (struct cell){rune, style.fg, style.bg, style.attr, 0};
    if (width == 2) {
        cell[0].attr |= CELL_WIDE;
        cell[1] = (struct cell){0, style.fg, style.bg, (uint16_t)(style.attr | CELL_TAIL), 0};
    }
    vt_advance(vt, width);
}

/* DEC special graphics, from 0x5f on. */
static const uint16_t vt_drawing[] = {
    0,      0x25c6, 0x2592, 0x2409, 0x240c, 0x240d, 0x240a, 0x00b0, 0x00b1, 0x2424, 0x240b,
    0x2518, 0x2510, 0x250c, 0x2514, 0x253c, 0x23ba, 0x23bb, 0x2500, 0x23bc, 0x23bd, 0x251c,
    0x2524, 0x2534, 0x252c, 0x2502, 0x2264, 0x2265, 0x03c0, 0x2260, 0x00a3, 0x00b7
};

static inline uint32_t vt_rune_of(uint32_t c)
{
    return c == ' ' ? 0 : c;
}

/* One printable ASCII character, in the character set in force. */
static void vt_put_ascii(struct vt *vt, uint32_t c)
{
    if (vt->charset[vt->shift] == '0' && c >= 0x5f)
        c = vt_drawing[c - 0x5f];
    vt_put(vt, vt_rune_of(c), 1);
}

/* The cell that the next mark joins; NULL when there is none. */
static struct cell *vt_last_cell(struct vt *vt, int *x)
{
    struct vt_line *line = vt_line(vt, vt->y);

    *x = vt->pending ? vt->x : vt->x - 1;
    if (!vt->joins || *x < 0)
        return NULL;
    if (*x >= line->used)
        vt_blank(vt_open(line, *x, 1, 0), 1, 0);
    if (line->cells[*x].attr & CELL_TAIL)
        --*x;
    return &line->cells[*x];
}

static void vt_pool_sweep_screen(struct vt *vt, struct vt_screen *screen, struct cell_pool *fresh)
{
    int r, x;

    for (r = 0; screen->lines && r < vt->rows; r++) {
        struct vt_line *line = vt_line_of(screen, vt->rows, r);
        for (x = 0; line->flags & VT_LINE_RUNES && x < line->used; x++) {
            char text[CELL_TEXT_MAX];
            uint32_t *rune = &line->cells[x].rune;
            if (*rune & CELL_CLUSTER)
                *rune = cell_rune(fresh, (span){text, cell_text(vt->pool, *rune, text)});
        }
    }
}

/* Makes room in a full pool by keeping only what the screens show. When they show that much indeed,
 * the next sweep waits, so that a hostile stream cannot make every character cost a sweep. */
static void vt_pool_sweep(struct vt *vt)
{
    struct cell_pool fresh = {NULL, 0, 0, NULL, 0};

    if (vt->pool->count < CELL_CLUSTERS_MAX || --vt->pool_wait > 0)
        return;
    vt_pool_sweep_screen(vt, &vt->screens[0], &fresh);
    vt_pool_sweep_screen(vt, &vt->screens[1], &fresh);
    cell_pool_free(vt->pool);
    *vt->pool = fresh;
    vt->pool_wait = fresh.count > CELL_CLUSTERS_MAX / 2 ? CELL_CLUSTERS_MAX : 0;
}

/* The narrow character at x became wide: it takes the next column too, or moves to the next row. */
static void vt_widen(struct vt *vt, struct cell *cell, int x)
{
    struct vt_line *line = vt_line(vt, vt->y);
    struct cell_style style = vt->style;
    uint32_t rune = cell->rune;

    vt->style = (struct cell_style){cell->fg, cell->bg, cell->attr & CELL_STYLE_MASK};
    vt_moved(vt);
    vt->x = x;
    if (x == vt->cols - 1)
        vt_blank(vt_open(line, x, 1, VT_LINE_STYLED), 1, vt->style.bg);
    if (vt->modes & VT_INSERT && x < vt->cols - 1)
        vt_delete_cells(vt, 1);
    vt_put(vt, rune, 2);
    vt->style = style;
}

/* 1: cp was taken into the grapheme before the cursor. */
static int vt_join(struct vt *vt, uint32_t cp)
{
    int x;
    struct cell *cell = vt_last_cell(vt, &x);
    uint32_t rune, before;

    if (!cell || !cell_joins(vt->pool, cell->rune, cp))
        return 0;
    vt_pool_sweep(vt);
    before = cell->rune;
    rune = cell_append(vt->pool, before, cp);
    if (rune == before)
        return 1;
    cell->rune = rune;
    vt_line(vt, vt->y)->flags |= VT_LINE_RUNES;
    if (!(cell->attr & CELL_WIDE) && cell_width(vt->pool, rune) == 2) {
        if (vt->cols < 2)
            cell->rune = before;
        else
            vt_widen(vt, cell, x);
    }
    return 1;
}

/* ---- C0 ---- */

static void vt_c0_bell(struct vt *vt)
{
    vt->signals |= VT_BELL;
}

static void vt_c0_backspace(struct vt *vt)
{
    if (vt->x > 0)
        vt->x--;
    vt_moved(vt);
}

static void vt_c0_tab(struct vt *vt)
{
    if (vt->x >= vt->cols - 1)
        return; /* a pending wrap stays */
    do
        vt->x++;
    while (vt->x < vt->cols - 1 && !(vt->tabs[vt->x / 8] & 1 << vt->x % 8));
    vt_moved(vt);
}

static void vt_c0_return(struct vt *vt)
{
    vt->x = 0;
    vt_moved(vt);
}

static void vt_c0_line_feed(struct vt *vt)
{
    vt_index(vt);
    if (vt->modes & VT_NEWLINE)
        vt->x = 0;
    vt_moved(vt);
}

static void vt_c0_shift_out(struct vt *vt)
{
    vt->shift = 1;
}

static void vt_c0_shift_in(struct vt *vt)
{
    vt->shift = 0;
}

static void vt_c0_cancel(struct vt *vt)
{
    vt->state = VT_GROUND;
}

static void vt_c0_escape(struct vt *vt)
{
    vt->state = VT_ESCAPE;
    vt->inter = vt->inter_count = 0;
}

static vt_handler *const vt_c0[32] = {
    [0x07] = vt_c0_bell,      [0x08] = vt_c0_backspace, [0x09] = vt_c0_tab,
    [0x0a] = vt_c0_line_feed, [0x0b] = vt_c0_line_feed, [0x0c] = vt_c0_line_feed,
    [0x0d] = vt_c0_return,    [0x0e] = vt_c0_shift_out, [0x0f] = vt_c0_shift_in,
    [0x18] = vt_c0_cancel,    [0x1a] = vt_c0_cancel,    [0x1b] = vt_c0_escape,
};

static void vt_control(struct vt *vt, unsigned char c)
{
    if (c < 32 && vt_c0[c])
        vt_c0[c](vt);
}

/* ---- parameters and answers ---- */

static int vt_param(const struct vt *vt, int i)
{
    return i <= vt->param_last && i < VT_PARAMS_MAX ? vt->params[i] : 0;
}

/* A count or a position: 0 and absent mean 1. */
static int vt_count(const struct vt *vt, int i)
{
    int v = vt_param(vt, i);

    return v ? v : 1;
}

static int vt_params(const struct vt *vt)
{
    return vt->param_last < VT_PARAMS_MAX ? vt->param_last + 1 : VT_PARAMS_MAX;
}

static int vt_is_sub(const struct vt *vt, int i)
{
    return i < vt_params(vt) && (vt->subs >> i & 1);
}

static int vt_clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

static void vt_answer(struct vt *vt, const char *format, int a, int b)
{
    if (vt->answers.n + 64 <= VT_ANSWERS_MAX)
        buf_fmt(&vt->answers, format, a, b);
}

/* ---- cursor ---- */

/* Row and column from 0, the row counted from the region's top in origin mode. */
static void vt_goto(struct vt *vt, int row, int col)
{
    int top = 0, bottom = vt->rows - 1;

    if (vt->modes & VT_ORIGIN) {
        top = vt->region_top;
        bottom = vt->region_bottom;
    }
    vt->y = vt_clamp(top + row, top, bottom);
    vt->x = vt_clamp(col, 0, vt->cols - 1);
    vt_moved(vt);
}

static int vt_origin_row(const struct vt *vt)
{
    return vt->modes & VT_ORIGIN ? vt->y - vt->region_top : vt->y;
}

static void vt_csi_up(struct vt *vt)
{
    int top = vt->y >= vt->region_top ? vt->region_top : 0;

    vt->y = vt_clamp(vt->y - vt_count(vt, 0), top, vt->rows - 1);
    vt_moved(vt);
}

static void vt_csi_down(struct vt *vt)
{
    int bottom = vt->y <= vt->region_bottom ? vt->region_bottom : vt->rows - 1;

    vt->y = vt_clamp(vt->y + vt_count(vt, 0), 0, bottom);
    vt_moved(vt);
}

static void vt_csi_right(struct vt *vt)
{
    vt->x = vt_clamp(vt->x + vt_count(vt, 0), 0, vt->cols - 1);
    vt_moved(vt);
}

static void vt_csi_left(struct vt *vt)
{
    vt->x = vt_clamp(vt->x - vt_count(vt, 0), 0, vt->cols - 1);
    vt_moved(vt);
}

static void vt_csi_next_line(struct vt *vt)
{
    vt->x = 0;
    vt_csi_down(vt);
}

static void vt_csi_previous_line(struct vt *vt)
{
    vt->x = 0;
    vt_csi_up(vt);
}

static void vt_csi_column(struct vt *vt)
{
    vt->x = vt_clamp(vt_count(vt, 0) - 1, 0, vt->cols - 1);
    vt_moved(vt);
}

static void vt_csi_row(struct vt *vt)
{
    vt_goto(vt, vt_count(vt, 0) - 1, vt->x);
}

static void vt_csi_row_right(struct vt *vt)
{
    vt_goto(vt, vt_origin_row(vt) + vt_count(vt, 0), vt->x);
}

static void vt_csi_position(struct vt *vt)
{
    vt_goto(vt, vt_count(vt, 0) - 1, vt_count(vt, 1) - 1);
}

static void vt_csi_tab(struct vt *vt)
{
    int n = vt_count(vt, 0);

    while (n-- > 0 && vt->x < vt->cols - 1)
        vt_c0_tab(vt);
}

static void vt_csi_tab_back(struct vt *vt)
{
    int n = vt_count(vt, 0);

    while (n > 0 && vt->x > 0) {
        vt->x--;
        if (vt->tabs[vt->x / 8] & 1 << vt->x % 8)
            n--;
    }
    vt_moved(vt);
}

static void vt_save(struct vt *vt)
{
    struct vt_saved *s = &vt->screen->saved;

    s->x = vt->x;
    s->y = vt->y;
    s->pending = vt->pending;
    s->style = vt->style;
    memcpy(s->charset, vt->charset, sizeof(s->charset));
    s->shift = vt->shift;
    s->origin = (vt->modes & VT_ORIGIN) != 0;
}

/* In origin mode the cursor never is outside of the region, even when that was set after saving. */
static void vt_restore(struct vt *vt)
{
    const struct vt_saved *s = &vt->screen->saved;

    vt->modes = s->origin ? vt->modes | VT_ORIGIN : vt->modes & ~(unsigned)VT_ORIGIN;
    vt_goto(vt, s->origin ? s->y - vt->region_top : s->y, s->x);
    vt->pending = vt->joins = s->pending && vt->x == vt->cols - 1 && vt->y == s->y;
    vt->style = s->style;
    memcpy(vt->charset, s->charset, sizeof(s->charset));
    vt->shift = s->shift;
}

static void vt_saved_reset(struct vt_saved *s)
{
    memset(s, 0, sizeof(*s));
    s->charset[0] = s->charset[1] = 'B';
}

/* ---- erasing, inserting, scrolling ---- */

static void vt_erase_rows(struct vt *vt, int from, int to)
{
    int r;

    for (r = from; r < to; r++)
        vt_line_clear(vt, vt_line(vt, r), vt->style.bg);
}

static void vt_csi_erase_line(struct vt *vt)
{
    int what = vt_param(vt, 0);

    if (what <= 2 && !(what == 0 && vt->pending))
        vt_erase(vt, vt->y, what == 0 ? vt->x : 0, what == 1 ? vt->x + 1 : vt->cols);
}

static void vt_csi_erase_display(struct vt *vt)
{
    int what = vt_param(vt, 0);

    if (what == 3)
        vt_scroll_clear(&vt->scroll);
    if (what >= 3)
        return;
    if (what != 0)
        vt_erase_rows(vt, 0, what == 1 ? vt->y : vt->rows);
    if (what == 0)
        vt_erase_rows(vt, vt->y + 1, vt->rows);
    if (what != 2)
        vt_csi_erase_line(vt);
}

static void vt_csi_erase_cells(struct vt *vt)
{
    if (!vt->pending)
        vt_erase(vt, vt->y, vt->x, vt->x + vt_count(vt, 0));
}

static void vt_csi_insert_cells(struct vt *vt)
{
    if (!vt->pending)
        vt_insert_cells(vt, vt_count(vt, 0));
}

static void vt_csi_delete_cells(struct vt *vt)
{
    if (!vt->pending)
        vt_delete_cells(vt, vt_count(vt, 0));
}

static void vt_csi_insert_lines(struct vt *vt)
{
    if (vt->y < vt->region_top || vt->y > vt->region_bottom)
        return;
    vt_scroll_down(vt, vt->y, vt->region_bottom, vt_count(vt, 0));
    vt_c0_return(vt);
}

/* What is deleted at the top of the screen isn't scrolled: the scrollback doesn't get it. */
static void vt_csi_delete_lines(struct vt *vt)
{
    int n = vt_count(vt, 0), most = vt->region_bottom - vt->y + 1;

    if (vt->y < vt->region_top || vt->y > vt->region_bottom)
        return;
    n = n < most ? n : most;
    if (vt->y > 0)
        vt_line(vt, vt->y - 1)->flags &= (uint8_t)~VT_LINE_WRAPPED;
    vt_rotate_lines(vt, vt->y, vt->region_bottom, n);
    vt_erase_rows(vt, vt->region_bottom - n + 1, vt->region_bottom + 1);
    vt_c0_return(vt);
}

static void vt_csi_scroll_up(struct vt *vt)
{
    vt_scroll_up(vt, vt->region_top, vt->region_bottom, vt_count(vt, 0));
    vt_moved(vt);
}

static void vt_csi_scroll_down(struct vt *vt)
{
    if (vt->param_last > 0)
        return; /* highlight mouse tracking */
    vt_scroll_down(vt, vt->region_top, vt->region_bottom, vt_count(vt, 0));
    vt_moved(vt);
}

static void vt_csi_region(struct vt *vt)
{
    int top = vt_count(vt, 0) - 1, bottom = vt_param(vt, 1) - 1;

    if (bottom < 0 || bottom >= vt->rows)
        bottom = vt->rows - 1;
    if (top >= bottom && (vt->rows > 1 || top > 0))
        return;
    vt->region_top = top;
    vt->region_bottom = bottom;
    vt_goto(vt, 0, 0);
}

static void vt_csi_repeat(struct vt *vt)
{
    int n = vt_count(vt, 0), x;
    const struct cell *cell = vt_last_cell(vt, &x);
    uint32_t rune;
    int width;

    if (!cell)
        return;
    rune = cell->rune;
    width = cell->attr & CELL_WIDE ? 2 : 1;
    while (n-- > 0)
        vt_put(vt, rune, width);
}

/* ---- SGR ---- */

/* What codes 0…9, 21…29 and 53, 55 clear and set. */
static const struct {
    unsigned char code;
    uint16_t clear, set;
} vt_sgr_attrs[] = {
    {1, 0, CELL_BOLD}, {2, 0, CELL_DIM}, {3, 0, CELL_ITALIC},
    {4, CELL_UNDERLINE, 1 << CELL_UNDERLINE_SHIFT}, {5, 0, CELL_BLINK}, {6, 0, CELL_BLINK},
    {7, 0, CELL_REVERSE}, {8, 0, CELL_HIDDEN}, {9, 0, CELL_STRIKE},
    {21, CELL_UNDERLINE, 2 << CELL_UNDERLINE_SHIFT}, {22, CELL_BOLD | CELL_DIM, 0},
    {23, CELL_ITALIC, 0}, {24, CELL_UNDERLINE, 0}, {25, CELL_BLINK, 0}, {27, CELL_REVERSE, 0},
    {28, CELL_HIDDEN, 0}, {29, CELL_STRIKE, 0}, {53, 0, CELL_OVERLINE}, {55, CELL_OVERLINE, 0},
};

static uint32_t vt_byte(const struct vt *vt, int i)
{
    return (uint32_t)vt_param(vt, i) & 255;
}

/* The colour of 38, 48 or 58 at parameter i: "5;n", "2;r;g;b", "5:n", "2:r:g:b" or "2:space:r:g:b".
 * Returns how many parameters belong to it. */
static int vt_sgr_extended(const struct vt *vt, int i, uint32_t *colour)
{
    int subs = 0, rgb = i + 2, kind = vt_param(vt, i + 1), taken;

    while (vt_is_sub(vt, i + 1 + subs))
        subs++;
    if (subs > 4 && kind == 2)
        rgb++;
    taken = subs ? subs : kind == 5 ? 2 : kind == 2 ? 4 : 1;
    if (i + taken >= vt_params(vt) + (subs > 0))
        return taken;
    if (kind == 5 && taken >= 2 && vt_param(vt, i + 2) <= 255)
        *colour = CELL_INDEXED | (uint32_t)vt_param(vt, i + 2);
    if (kind == 2 && taken >= 4)
        *colour = CELL_RGB | vt_byte(vt, rgb) << 16 | vt_byte(vt, rgb + 1) << 8 |
                  vt_byte(vt, rgb + 2);
    return taken;
}

static void vt_sgr_underline(struct vt *vt, unsigned style)
{
    if (style > 5)
        style = 1;
    vt->style.attr = (uint16_t)((vt->style.attr & ~CELL_UNDERLINE) | style << CELL_UNDERLINE_SHIFT);
}

static void vt_sgr_attr(struct vt *vt, int code)
{
    unsigned attr = vt->style.attr;
    size_t i = 0;

    while (i < COUNT_OF(vt_sgr_attrs) && vt_sgr_attrs[i].code != code)
        i++;
    if (i < COUNT_OF(vt_sgr_attrs))
        attr = (attr & ~(unsigned)vt_sgr_attrs[i].clear) | vt_sgr_attrs[i].set;
    vt->style.attr = (uint16_t)attr;
}

/* One SGR code at parameter i; returns the index of the next one. */
static int vt_sgr_one(struct vt *vt, int i)
{
    struct cell_style *style = &vt->style;
    int code = vt->params[i];
    uint32_t ignored, colour = CELL_INDEXED | (uint32_t)(code % 10);

    if (code == 0)
        memset(style, 0, sizeof(*style));
    else if (code == 4 && vt_is_sub(vt, i + 1))
        vt_sgr_underline(vt, vt->params[i + 1]);
    else if (code < 30 || code == 53 || code == 55)
        vt_sgr_attr(vt, code);
    else if (code == 38 || code == 48 || code == 58)
        i += vt_sgr_extended(vt, i, code == 38 ? &style->fg : code == 48 ? &style->bg : &ignored);
    else if (code <= 39)
        style->fg = code == 39 ? 0 : colour;
    else if (code <= 49)
        style->bg = code == 49 ? 0 : colour;
    else if (code >= 90 && code <= 97)
        style->fg = colour + 8;
    else if (code >= 100 && code <= 107)
        style->bg = colour + 8;
    do
        i++;
    while (vt_is_sub(vt, i));
    return i;
}

static void vt_csi_sgr(struct vt *vt)
{
    int i = 0, n = vt_params(vt);

    while (i < n)
        i = vt_sgr_one(vt, i);
}

/* ---- modes ---- */

static void vt_alt_leave(struct vt *vt)
{
    vt->screen = &vt->screens[0];
    vt->modes &= ~(unsigned)VT_ALT_SCREEN;
    vt_moved(vt);
}

static void vt_alt_enter(struct vt *vt)
{
    vt->screen = &vt->screens[1];
    if (!vt->screen->lines) {
        vt_screen_new(vt->screen, vt->cols, vt->rows);
        vt_saved_reset(&vt->screen->saved);
    }
    vt->modes |= VT_ALT_SCREEN;
    vt_moved(vt);
}

static void vt_mode_origin(struct vt *vt, int on)
{
    vt->modes = on ? vt->modes | VT_ORIGIN : vt->modes & ~(unsigned)VT_ORIGIN;
    vt_goto(vt, 0, 0);
}

static void vt_mode_alt_plain(struct vt *vt, int on)
{
    if (on)
        vt_alt_enter(vt);
    else
        vt_alt_leave(vt);
}

/* 1047: the alternate screen is emptied when it is left. */
static void vt_mode_alt_clear(struct vt *vt, int on)
{
    vt_mode_alt_plain(vt, on);
    if (!on)
        vt_screen_free(&vt->screens[1]);
}

static void vt_mode_save(struct vt *vt, int on)
{
    if (on)
        vt_save(vt);
    else
        vt_restore(vt);
}

/* 1049: saves the cursor, and starts with an empty alternate screen. */
static void vt_mode_alt(struct vt *vt, int on)
{
    if (on) {
        vt_save(vt);
        vt_alt_enter(vt);
        vt_erase_rows(vt, 0, vt->rows);
    } else {
        vt_mode_alt_clear(vt, 0);
        vt_restore(vt);
    }
}

#define VT_MOUSE_MODES (VT_MOUSE_X10 | VT_MOUSE_NORMAL | VT_MOUSE_BUTTON | VT_MOUSE_ANY)
#define VT_MOUSE_FORMS (VT_MOUSE_UTF8 | VT_MOUSE_SGR | VT_MOUSE_URXVT)

/* DEC private modes. A mode that belongs to a group switches the others of it off, set or reset. */
static const struct vt_mode_row {
    uint16_t number;
    unsigned bit, group;
    int inverted;                         /* the bit is set when the mode is reset */
    void (*change)(struct vt *vt, int on); /* instead of just the bit */
} vt_dec_modes[] = {
    {1, VT_APP_CURSOR, 0, 0, NULL},
    {5, VT_REVERSE_VIDEO, 0, 0, NULL},
    {6, VT_ORIGIN, 0, 0, vt_mode_origin},
    {7, VT_NO_WRAP, 0, 1, NULL},
    {9, VT_MOUSE_X10, VT_MOUSE_MODES, 0, NULL},
    {12, VT_CURSOR_BLINK, 0, 0, NULL},
    {25, VT_CURSOR_HIDDEN, 0, 1, NULL},
    {47, VT_ALT_SCREEN, 0, 0, vt_mode_alt_plain},
    {66, VT_APP_KEYPAD, 0, 0, NULL},
    {1000, VT_MOUSE_NORMAL, VT_MOUSE_MODES, 0, NULL},
    {1002, VT_MOUSE_BUTTON, VT_MOUSE_MODES, 0, NULL},
    {1003, VT_MOUSE_ANY, VT_MOUSE_MODES, 0, NULL},
    {1004, VT_FOCUS, 0, 0, NULL},
    {1005, VT_MOUSE_UTF8, VT_MOUSE_FORMS, 0, NULL},
    {1006, VT_MOUSE_SGR, VT_MOUSE_FORMS, 0, NULL},
    {1007, VT_MOUSE_ALT_SCROLL, 0, 0, NULL},
    {1015, VT_MOUSE_URXVT, VT_MOUSE_FORMS, 0, NULL},
    {1047, VT_ALT_SCREEN, 0, 0, vt_mode_alt_clear},
    {1048, 0, 0, 0, vt_mode_save},
    {1049, VT_ALT_SCREEN, 0, 0, vt_mode_alt},
    {2004, VT_BRACKETED_PASTE, 0, 0, NULL},
    {2026, VT_SYNC, 0, 0, NULL},
};

static const struct vt_mode_row vt_ansi_modes[] = {
    {4, VT_INSERT, 0, 0, NULL},
    {20, VT_NEWLINE, 0, 0, NULL},
};

/* The mode of that number; NULL when there is none. */
static const struct vt_mode_row *vt_find_mode(const struct vt *vt, int number)
{
    const struct vt_mode_row *table = vt->prefix ? vt_dec_modes : vt_ansi_modes;
    size_t i, n = vt->prefix ? COUNT_OF(vt_dec_modes) : COUNT_OF(vt_ansi_modes);

    for (i = 0; i < n; i++)
        if (table[i].number == number)
            return &table[i];
    return NULL;
}

static void vt_change_modes(struct vt *vt, int on)
{
    int i;

    for (i = 0; i < vt_params(vt); i++) {
        const struct vt_mode_row *mode = vt_find_mode(vt, vt->params[i]);
        if (!mode)
            continue;
        if (mode->change) {
            mode->change(vt, on);
            continue;
        }
        vt->modes &= ~(mode->bit | mode->group);
        if (on != mode->inverted)
            vt->modes |= mode->bit;
    }
}

static void vt_csi_set(struct vt *vt)
{
    vt_change_modes(vt, 1);
}

static void vt_csi_reset(struct vt *vt)
{
    vt_change_modes(vt, 0);
}

/* DECRQM: 0 not known, 1 set, 2 reset. */
static void vt_csi_ask_mode(struct vt *vt)
{
    const struct vt_mode_row *mode = vt_find_mode(vt, vt->params[0]);
    int value = 0;

    if (mode)
        value = ((vt->modes & mode->bit) != 0) != mode->inverted ? 1 : 2;
    vt_answer(vt, vt->prefix ? "\033[?%d;%d$y" : "\033[%d;%d$y", vt->params[0], value);
}

/* ---- tab stops, resets, cursor shape ---- */

static void vt_tabs_default(struct vt *vt)
{
    memset(vt->tabs, 1, sizeof(vt->tabs));
}

static void vt_esc_tab_set(struct vt *vt)
{
    vt->tabs[vt->x / 8] |= (unsigned char)(1 << vt->x % 8);
}

static void vt_csi_tab_clear(struct vt *vt)
{
    if (vt_param(vt, 0) == 3)
        memset(vt->tabs, 0, sizeof(vt->tabs));
    else if (vt_param(vt, 0) == 0)
        vt->tabs[vt->x / 8] &= (unsigned char)~(1 << vt->x % 8);
}

static void vt_csi_tabs_default(struct vt *vt) /* DECST8C */
{
    if (vt_param(vt, 0) == 5)
        vt_tabs_default(vt);
}

static void vt_csi_soft_reset(struct vt *vt)
{
    vt->modes &= ~(unsigned)(VT_CURSOR_HIDDEN | VT_ORIGIN | VT_NO_WRAP | VT_INSERT | VT_APP_CURSOR |
                             VT_APP_KEYPAD);
    vt->region_top = 0;
    vt->region_bottom = vt->rows - 1;
    memset(&vt->style, 0, sizeof(vt->style));
    vt->charset[0] = vt->charset[1] = 'B';
    vt->shift = 0;
    vt_saved_reset(&vt->screen->saved);
}

static void vt_esc_reset(struct vt *vt)
{
    vt_alt_leave(vt);
    vt_screen_free(&vt->screens[1]);
    vt_csi_soft_reset(vt);
    vt->modes = 0;
    vt->shape = 0;
    vt->key_count = vt->modify_other_keys = vt->title_count = 0;
    vt_tabs_default(vt);
    vt_erase_rows(vt, 0, vt->rows);
    vt_scroll_clear(&vt->scroll);
    vt_goto(vt, 0, 0);
}

static void vt_esc_align(struct vt *vt) /* DECALN */
{
    int r, x;

    memset(&vt->style, 0, sizeof(vt->style));
    vt->region_top = 0;
    vt->region_bottom = vt->rows - 1;
    for (r = 0; r < vt->rows; r++) {
        struct cell *cells;
        vt_line_clear(vt, vt_line(vt, r), 0);
        cells = vt_open(vt_line(vt, r), 0, vt->cols, 0);
        vt_blank(cells, vt->cols, 0);
        for (x = 0; x < vt->cols; x++)
            cells[x].rune = 'E';
    }
    vt_mode_origin(vt, (vt->modes & VT_ORIGIN) != 0);
}

static void vt_csi_shape(struct vt *vt)
{
    if (vt_param(vt, 0) <= 6)
        vt->shape = vt_param(vt, 0);
}

/* ---- queries ---- */

static void vt_csi_ask_device(struct vt *vt)
{
    if (vt_param(vt, 0) == 0)
        vt_answer(vt, "\033[?62;22c", 0, 0); /* a VT220 with colours */
}

static void vt_csi_ask_device2(struct vt *vt)
{
    if (vt_param(vt, 0) == 0)
        vt_answer(vt, "\033[>1;380;0c", 0, 0); /* the age of xterm that this follows */
}

static void vt_csi_ask_status(struct vt *vt)
{
    const char *position = vt->prefix ? "\033[?%d;%d;1R" : "\033[%d;%dR";

    if (vt_param(vt, 0) == 5 && !vt->prefix)
        vt_answer(vt, "\033[0n", 0, 0);
    if (vt_param(vt, 0) == 6)
        vt_answer(vt, position, vt_origin_row(vt) + 1, vt->x + 1);
}

static void vt_csi_ask_version(struct vt *vt)
{
    if (vt_param(vt, 0) == 0)
        vt_answer(vt, "\033P>|telec(" TELEC_VERSION ")\033\\", 0, 0);
}

/* ---- keyboard: xterm's modifyOtherKeys, kitty's flags --------------------------------------- */

static void vt_csi_modify_keys(struct vt *vt)
{
    if (vt_param(vt, 0) == 4 || (vt->param_last == 0 && vt->params[0] == 0))
        vt->modify_other_keys = vt_clamp(vt_param(vt, 1), 0, 2);
}

static void vt_csi_keys_push(struct vt *vt)
{
    if (vt->key_count == VT_KEYS_MAX) {
        memmove(vt->keys, vt->keys + 1, VT_KEYS_MAX - 1);
        vt->key_count--;
    }
    vt->keys[vt->key_count++] = (unsigned char)(vt_param(vt, 0) & 31);
}

static void vt_csi_keys_pop(struct vt *vt)
{
    vt->key_count = vt_clamp(vt->key_count - vt_count(vt, 0), 0, VT_KEYS_MAX);
}

static void vt_csi_keys_set(struct vt *vt)
{
    int flags = vt_param(vt, 0) & 31, how = vt_count(vt, 1);
    unsigned char *top;

    if (vt->key_count == 0) {
        vt->keys[0] = 0;
        vt->key_count = 1;
    }
    top = &vt->keys[vt->key_count - 1];
    *top = (unsigned char)(how == 1 ? flags : how == 2 ? *top | flags : *top & ~flags);
}

/* ---- title ---- */

static void vt_title_push(struct vt *vt)
{
    buf oldest = vt->titles[0];

    if (vt->title_count == VT_TITLES_MAX) {
        memmove(vt->titles, vt->titles + 1, sizeof(vt->titles) - sizeof(oldest));
        vt->titles[--vt->title_count] = oldest;
    }
    buf_clear(&vt->titles[vt->title_count]);
    buf_span(&vt->titles[vt->title_count++], buf_view(&vt->title));
}

static void vt_title_pop(struct vt *vt)
{
    if (vt->title_count == 0)
        return;
    buf_clear(&vt->title);
    buf_span(&vt->title, buf_view(&vt->titles[--vt->title_count]));
    vt->signals |= VT_TITLE_CHANGED;
}

static void vt_csi_window(struct vt *vt)
{
    int what = vt_param(vt, 0), of_title = vt_param(vt, 1) != 1;

    if (what == 18)
        vt_answer(vt, "\033[8;%d;%dt", vt->rows, vt->cols);
    else if (what == 22 && of_title)
        vt_title_push(vt);
    else if (what == 23 && of_title)
        vt_title_pop(vt);
}

/* Clean UTF-8 of at most `most` bytes and without control characters. */
static void vt_set_text(buf *b, span s, size_t most)
{
    buf clean = {NULL, 0, 0};
    size_t i = 0, n;
    uint32_t cp;

    utf8_put_clean(&clean, s);
    buf_clear(b);
    for (; i < clean.n; i += n) {
        n = utf8_next(span_sub(buf_view(&clean), i), &cp);
        if (n == 0 || b->n + n > most)
            break;
        if (utf8_width(cp) >= 0)
            buf_add(b, clean.p + i, n);
    }
    buf_free(&clean);
}

/* ---- strings ---- */

static void vt_osc_title(struct vt *vt, span s)
{
    vt_set_text(&vt->title, s, VT_TITLE_MAX);
    vt->signals |= VT_TITLE_CHANGED;
}

static int vt_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void vt_osc_directory(struct vt *vt, span s) /* file://host/path */
{
    buf path = {NULL, 0, 0};
    size_t i = 7;

    if (!span_starts(s, "file://"))
        return;
    while (i < s.n && s.p[i] != '/')
        i++;
    for (; i < s.n; i++) {
        int high = i + 2 < s.n ? vt_hex(s.p[i + 1]) : -1;
        int low = i + 2 < s.n ? vt_hex(s.p[i + 2]) : -1;
        int escaped = s.p[i] == '%' && high >= 0 && low >= 0;
        buf_byte(&path, escaped ? (char)(high << 4 | low) : s.p[i]);
        i += escaped ? 2 : 0;
    }
    vt_set_text(&vt->directory, buf_view(&path), VT_DIRECTORY_MAX);
    vt->signals |= VT_DIRECTORY_CHANGED;
    buf_free(&path);
}

static void vt_notify(struct vt *vt, span s)
{
    vt_set_text(&vt->notification, s, VT_TITLE_MAX);
    vt->signals |= VT_NOTIFIED;
}

/* iTerm2: the text. "9;4;…" and its like are ConEmu's: progress bars and such. */
static void vt_osc_notify(struct vt *vt, span s)
{
    size_t digits = 0;

    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;
    if (digits == 0 || (digits < s.n && s.p[digits] != ';'))
        vt_notify(vt, s);
}

/* kitty: metadata;text. Queries and closing show nothing. */
static void vt_osc_notify_kitty(struct vt *vt, span s)
{
    span part, meta = span_cut(&s, ';');

    while (meta.n) {
        part = span_cut(&meta, ':');
        if (span_eq(part, "p=?") || span_eq(part, "p=close") || span_eq(part, "p=alive"))
            return;
    }
    vt_notify(vt, s);
}

static void vt_osc_notify_urxvt(struct vt *vt, span s) /* notify;title;text */
{
    buf text = {NULL, 0, 0};

    if (!span_eq(span_cut(&s, ';'), "notify"))
        return;
    buf_span(&text, span_cut(&s, ';'));
    if (text.n && s.n)
        buf_str(&text, ": ");
    buf_span(&text, s);
    vt_notify(vt, buf_view(&text));
    buf_free(&text);
}

static void vt_osc_clipboard(struct vt *vt, span s)
{
    buf_clear(&vt->clipboard);
    buf_span(&vt->clipboard, s);
    vt->signals |= VT_CLIPBOARD;
}

static const struct {
    const char *number;
    void (*handle)(struct vt *vt, span s);
} vt_osc[] = {
    {"0", vt_osc_title},    {"2", vt_osc_title},          {"7", vt_osc_directory},
    {"9", vt_osc_notify},   {"52", vt_osc_clipboard},     {"99", vt_osc_notify_kitty},
    {"777", vt_osc_notify_urxvt},
};

static void vt_osc_done(struct vt *vt)
{
    span s = buf_view(&vt->string), number = span_cut(&s, ';');
    size_t i;

    for (i = 0; i < COUNT_OF(vt_osc); i++)
        if (span_eq(number, vt_osc[i].number))
            vt_osc[i].handle(vt, s);
}

/* DECRQSS. vim takes an answer that says "invalid" for keys, so what programs do ask is answered.
 */
static void vt_answer_setting(struct vt *vt, span what)
{
    const struct cell_style plain = {0, 0, 0};
    buf b = {0};

    buf_str(&b, "\033P1$r");
    if (span_eq(what, " q")) {
        buf_fmt(&b, "%d q", vt->shape);
    } else if (span_eq(what, "r")) {
        buf_fmt(&b, "%d;%dr", vt->region_top + 1, vt->region_bottom + 1);
    } else if (span_eq(what, "m")) {
        size_t at = b.n;
        buf_str(&b, "0");
        cell_put_sgr(&b, plain, vt->style, CELL_TRUE); /* ESC [ … m, or nothing */
        if (b.n > at + 1) {
            b.p[at + 1] = ';';
            memmove(b.p + at + 2, b.p + at + 3, b.n - at - 3);
            b.n -= 2;
        }
        buf_byte(&b, 'm');
    } else {
        buf_clear(&b);
        buf_str(&b, "\033P0$r");
    }
    buf_str(&b, "\033\\");
    if (vt->answers.n + b.n <= VT_ANSWERS_MAX)
        buf_span(&vt->answers, buf_view(&b));
    buf_free(&b);
}

static void vt_string_done(struct vt *vt)
{
    vt->state = VT_GROUND;
    if (vt->string_kind == ']')
        vt_osc_done(vt);
    else if (vt->string_kind == 'P' && span_starts(buf_view(&vt->string), "$q"))
        vt_answer_setting(vt, span_sub(buf_view(&vt->string), 2));
    else if (vt->string_kind == 'P' && span_starts(buf_view(&vt->string), "+q"))
        vt_answer(vt, "\033P0+r\033\\", 0, 0); /* XTGETTCAP */
}

static void vt_esc_string(struct vt *vt)
{
    vt->state = VT_STRING;
    vt->string_kind = vt->final;
    vt->string_escape = 0;
    buf_clear(&vt->string);
}

/* ---- escape sequences ---- */

static void vt_esc_csi(struct vt *vt)
{
    vt->state = VT_CSI;
    vt->prefix = vt->inter = vt->inter_count = 0;
    vt->param_seen = vt->param_last = 0;
    vt->params[0] = 0;
    vt->subs = 0;
}

static void vt_esc_index(struct vt *vt)
{
    vt_index(vt);
    vt_moved(vt);
}

static void vt_esc_next_line(struct vt *vt)
{
    vt->x = 0;
    vt_esc_index(vt);
}

static void vt_esc_reverse_index(struct vt *vt)
{
    if (vt->y == vt->region_top)
        vt_scroll_down(vt, vt->region_top, vt->region_bottom, 1);
    else if (vt->y > 0)
        vt->y--;
    vt_moved(vt);
}

static void vt_esc_app_keypad(struct vt *vt)
{
    vt->modes |= VT_APP_KEYPAD;
}

static void vt_esc_normal_keypad(struct vt *vt)
{
    vt->modes &= ~(unsigned)VT_APP_KEYPAD;
}

static void vt_esc_charset(struct vt *vt)
{
    vt->charset[vt->inter == ')'] = vt->final == '0' ? '0' : 'B';
}

struct vt_sequence {
    char prefix, inter, final; /* 0: none; a final of 0 stands for every one */
    vt_handler *handle;
};

static const struct vt_sequence vt_escapes[] = {
    {0, 0, '[', vt_esc_csi},         {0, 0, ']', vt_esc_string},
    {0, 0, 'P', vt_esc_string},      {0, 0, 'X', vt_esc_string},
    {0, 0, '^', vt_esc_string},      {0, 0, '_', vt_esc_string},
    {0, 0, '7', vt_save},            {0, 0, '8', vt_restore},
    {0, 0, 'D', vt_esc_index},       {0, 0, 'E', vt_esc_next_line},
    {0, 0, 'M', vt_esc_reverse_index}, {0, 0, 'H', vt_esc_tab_set},
    {0, 0, '=', vt_esc_app_keypad},  {0, 0, '>', vt_esc_normal_keypad},
    {0, 0, 'c', vt_esc_reset},       {0, '#', '8', vt_esc_align},
    {0, '(', 0, vt_esc_charset},     {0, ')', 0, vt_esc_charset},
};

/* CSI sequences of a final byte alone, by that. */
static vt_handler *const vt_csi[64] = {
    ['@' - '@'] = vt_csi_insert_cells,  ['A' - '@'] = vt_csi_up,
    ['B' - '@'] = vt_csi_down,          ['C' - '@'] = vt_csi_right,
    ['D' - '@'] = vt_csi_left,          ['E' - '@'] = vt_csi_next_line,
    ['F' - '@'] = vt_csi_previous_line, ['G' - '@'] = vt_csi_column,
    ['H' - '@'] = vt_csi_position,      ['I' - '@'] = vt_csi_tab,
    ['J' - '@'] = vt_csi_erase_display, ['K' - '@'] = vt_csi_erase_line,
    ['L' - '@'] = vt_csi_insert_lines,  ['M' - '@'] = vt_csi_delete_lines,
    ['P' - '@'] = vt_csi_delete_cells,  ['S' - '@'] = vt_csi_scroll_up,
    ['T' - '@'] = vt_csi_scroll_down,   ['X' - '@'] = vt_csi_erase_cells,
    ['Z' - '@'] = vt_csi_tab_back,      ['`' - '@'] = vt_csi_column,
    ['a' - '@'] = vt_csi_right,         ['b' - '@'] = vt_csi_repeat,
    ['c' - '@'] = vt_csi_ask_device,    ['d' - '@'] = vt_csi_row,
    ['e' - '@'] = vt_csi_row_right,     ['f' - '@'] = vt_csi_position,
    ['g' - '@'] = vt_csi_tab_clear,     ['h' - '@'] = vt_csi_set,
    ['l' - '@'] = vt_csi_reset,         ['m' - '@'] = vt_csi_sgr,
    ['n' - '@'] = vt_csi_ask_status,    ['r' - '@'] = vt_csi_region,
    ['s' - '@'] = vt_save,              ['t' - '@'] = vt_csi_window,
    ['u' - '@'] = vt_restore,
};

/* The others. */
static const struct vt_sequence vt_csi_more[] = {
    {'?', 0, 'h', vt_csi_set},           {'?', 0, 'l', vt_csi_reset},
    {'?', 0, 'J', vt_csi_erase_display}, {'?', 0, 'K', vt_csi_erase_line},
    {'?', 0, 'W', vt_csi_tabs_default},  {'?', 0, 'n', vt_csi_ask_status},
    {'?', '$', 'p', vt_csi_ask_mode},    {0, '$', 'p', vt_csi_ask_mode},
    {0, '!', 'p', vt_csi_soft_reset},    {0, ' ', 'q', vt_csi_shape},
    {'>', 0, 'c', vt_csi_ask_device2},   {'>', 0, 'q', vt_csi_ask_version},
    {'>', 0, 'm', vt_csi_modify_keys},   {'>', 0, 'u', vt_csi_keys_push},
    {'<', 0, 'u', vt_csi_keys_pop},      {'=', 0, 'u', vt_csi_keys_set},
};

static void vt_find_sequence(struct vt *vt, const struct vt_sequence *table, size_t n)
{
    size_t i;

    if (vt->inter_count > 1)
        return;
    for (i = 0; i < n; i++) {
        const struct vt_sequence *row = &table[i];
        if ((unsigned char)row->prefix == vt->prefix && (unsigned char)row->inter == vt->inter &&
            (row->final == 0 || (unsigned char)row->final == vt->final)) {
            row->handle(vt);
            return;
        }
    }
}

static void vt_escape_done(struct vt *vt)
{
    vt->state = VT_GROUND;
    vt->prefix = 0;
    vt_find_sequence(vt, vt_escapes, COUNT_OF(vt_escapes));
}

static void vt_csi_done(struct vt *vt)
{
    vt->state = VT_GROUND;
    if (vt->prefix || vt->inter_count)
        vt_find_sequence(vt, vt_csi_more, COUNT_OF(vt_csi_more));
    else if (vt_csi[vt->final - '@'])
        vt_csi[vt->final - '@'](vt);
}

/* ---- states: each takes bytes as long as it lasts and returns where it stopped -------------- */

/* Code points with their columns that are printed without looking at the cell before: the bulk of
 * text that isn't ASCII. Those with `after` join some graphemes, but none that ends in these. */
static const struct vt_simple {
    uint32_t first, last;
    short width, after;
} vt_simple[] = {
    {0xa1, 0xa8, 1, 0},       {0xaf, 0x2ff, 1, 0},      {0x370, 0x482, 1, 0},
    {0x48a, 0x52f, 1, 0},     {0x5d0, 0x5ea, 1, 0},     {0x620, 0x64a, 1, 0},
    {0x904, 0x939, 1, 0},     {0xe01, 0xe30, 1, 0},     {0x1e00, 0x1eff, 1, 0},
    {0x2010, 0x2027, 1, 0},   {0x2190, 0x2193, 1, 0},   {0x2500, 0x259f, 1, 0},
    {0x25a0, 0x25df, 1, 1},   {0x2800, 0x28ff, 1, 0},   {0x3001, 0x3029, 2, 0},
    {0x3041, 0x3096, 2, 0},   {0x30a1, 0x30ff, 2, 0},   {0x3400, 0x4dbf, 2, 0},
    {0x4e00, 0x9fff, 2, 0},   {0xac00, 0xd7a3, 2, 1},   {0xe000, 0xf8ff, 1, 0},
    {0xff01, 0xff60, 2, 0},   {0x1f400, 0x1f43e, 2, 1}, {0x1f442, 0x1f4fc, 2, 1},
    {0x1f550, 0x1f567, 2, 1}, {0x1f600, 0x1f64f, 2, 1}, {0x1f680, 0x1f6c5, 2, 1},
    {0x1f947, 0x1f9ff, 2, 1},
};

/* Blocks of 32 code points: those of the first plane, then those of the emoji; one for the rest. */
static inline size_t vt_block(uint32_t cp)
{
    return cp < 0x10000          ? cp >> 5
           : cp >> 12 == 0x1f ? 0x800 + (cp >> 5 & 0x7f)
                                 : VT_BLOCKS - 1;
}

/* Each block's range; of two in one block the later one, the other is looked at more closely. */
static void vt_init_blocks(struct vt *vt)
{
    size_t i, block;

    for (i = 0; i < COUNT_OF(vt_simple); i++)
        for (block = vt_block(vt_simple[i].first); block <= vt_block(vt_simple[i].last); block++)
            vt->blocks[block] = (unsigned char)i;
}

/* In constant time, for text may change between scripts at every word. */
static inline const struct vt_simple *vt_find_simple(const unsigned char *blocks, uint32_t cp)
{
    const struct vt_simple *simple = &vt_simple[blocks[vt_block(cp)]];

    return cp >= simple->first && cp <= simple->last ? simple : NULL;
}

/* A character that may be anything: a control, a mark, part of a grapheme. */
static void vt_put_odd(struct vt *vt, uint32_t cp)
{
    const struct vt_simple *simple = vt_find_simple(vt->blocks, cp);
    int width = simple ? simple->width : utf8_width(cp);

    if (width < 0) {
        if (cp >= 0x80) { /* a C1 control is ESC and the letter 0x40 below */
            vt->inter_count = 0;
            vt->inter = 0;
            vt->final = (unsigned char)(cp - 0x40);
            vt_escape_done(vt);
        }
        return;
    }
    if (simple && !simple->after)
        vt_put(vt, cp, width);
    else if (!vt_join(vt, cp) && width > 0)
        vt_put(vt, cp, width);
}

/* A well-formed sequence of several bytes at p, with *cp; 0: look closer. */
static inline size_t vt_decode(const unsigned char *p, size_t n, uint32_t *cp)
{
    if (n >= 2 && p[0] >= 0xc2 && p[0] < 0xe0 && (p[1] & 0xc0) == 0x80) {
        *cp = (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
        return 2;
    }
    if (n >= 3 && (p[0] & 0xf0) == 0xe0 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80) {
        *cp = (uint32_t)(p[0] & 0xf) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
        return *cp >= 0x800 && (*cp < 0xd800 || *cp > 0xdfff) ? 3 : 0;
    }
    if (n >= 4 && p[0] == 0xf0 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80 &&
        (p[3] & 0xc0) == 0x80) {
        *cp = (uint32_t)(p[1] & 0x3f) << 12 | (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3f);
        return *cp >= 0x10000 ? 4 : 0;
    }
    return 0;
}

/* Eight printable ASCII characters at p. */
static inline int vt_is_plain8(const char *p)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t v, low, del;

    memcpy(&v, p, 8);
    low = v - 0x20 * ones;          /* borrows where a byte is below ' ' */
    del = (v ^ 0x7f * ones) - ones; /* and where it is DEL */
    return !((v | low | del) & high);
}

/* A cell in two halves that are stored at once: the compiler would write the fields one by one.
 * `one` is what a rune of 1 adds to the first half, in whichever order the machine has bytes. */
struct vt_pen {
    uint64_t low, high, one, wide, tail;
};

static struct vt_pen vt_pen_of(struct cell_style style)
{
    const struct cell blank = {0, style.fg, style.bg, style.attr, 0}, unit = {1, 0, 0, 0, 0};
    const struct cell wide = {0, 0, 0, CELL_WIDE, 0}, tail = {0, 0, 0, CELL_TAIL, 0};
    struct vt_pen pen;

    memcpy(&pen.low, &blank, 8);
    memcpy(&pen.high, (const char *)&blank + 8, 8);
    memcpy(&pen.one, &unit, 8);
    memcpy(&pen.wide, (const char *)&wide + 8, 8);
    memcpy(&pen.tail, (const char *)&tail + 8, 8);
    return pen;
}

static inline void vt_draw(struct cell *at, uint64_t low, uint64_t high)
{
    memcpy(at, &low, 8);
    memcpy((char *)at + 8, &high, 8);
}

/* Characters that need no thought (printable ASCII, vt_simple), as many as fit into the cells from
 * `cell` to `limit`. *cell moves on; *seen gets the enum vt_line_flag of what was written. This is
 * where the time goes, so it is one loop over local variables. */
static const char *vt_fill(const char *p, const char *end, struct cell_style style,
                           const unsigned char *blocks, struct cell **cell,
                           const struct cell *limit, unsigned *seen)
{
    const struct vt_simple *simple;
    const struct vt_pen pen = vt_pen_of(style);
    struct cell *at = *cell;
    unsigned flags = 0;

    while (p < end && at < limit) {
        uint32_t cp = (unsigned char)*p;
        size_t n;
        if (cp < 0x80) {
            if (end - p >= 8 && limit - at >= 8 && vt_is_plain8(p)) {
                for (n = 0; n < 8; n++)
                    vt_draw(at + n, pen.low + pen.one * vt_rune_of((unsigned char)p[n]), pen.high);
                at += 8;
                p += 8;
                continue;
            }
            if (cp < 0x20 || cp == 0x7f)
                break;
            vt_draw(at++, pen.low + pen.one * vt_rune_of(cp), pen.high);
            p++;
            continue;
        }
        n = vt_decode((const unsigned char *)p, (size_t)(end - p), &cp);
        simple = n ? vt_find_simple(blocks, cp) : NULL;
        if (!simple || limit - at < simple->width || (simple->after && at == *cell))
            break;
        flags |= VT_LINE_RUNES;
        if (simple->width == 2) {
            flags |= VT_LINE_WIDE;
            vt_draw(at++, pen.low + pen.one * cp, pen.high + pen.wide);
            vt_draw(at++, pen.low, pen.high + pen.tail);
        } else {
            vt_draw(at++, pen.low + pen.one * cp, pen.high);
        }
        p += n;
    }
    *cell = at;
    *seen |= flags;
    return p;
}

/* A run of text in the cursor's row; stops, maybe at once, at what needs more thought. */
static const char *vt_put_run(struct vt *vt, const char *p, const char *end)
{
    struct vt_line *line = vt_line(vt, vt->y);
    struct cell *from = line->cells + vt->x, *cell = from;
    unsigned seen = vt_style_flag(vt);
    int x, in_tail = vt->x < line->used && from->attr & CELL_TAIL;

    if (vt->pending || vt->modes & VT_INSERT || vt->charset[vt->shift] == '0')
        return p;
    p = vt_fill(p, end, vt->style, vt->blocks, &cell, line->cells + vt->cols, &seen);
    x = (int)(cell - line->cells);
    if (x == vt->x)
        return p;
    if (in_tail)
        vt_halve(from - 1);
    vt_blank(line->cells + line->used, vt->x - line->used, 0);
    if (x < line->used && cell->attr & CELL_TAIL)
        vt_halve(cell); /* its head was written over */
    if (x > line->used)
        line->used = (uint16_t)x;
    line->flags |= (uint8_t)seen;
    vt_advance(vt, x - vt->x);
    return p;
}

/* One character that isn't ASCII. An unfinished one at the end is put aside. */
static const char *vt_put_utf8(struct vt *vt, const char *p, const char *end)
{
    uint32_t cp;
    size_t n = utf8_next((span){p, (size_t)(end - p)}, &cp);

    if (n == 0) {
        vt->utf8_count = (int)(end - p);
        memcpy(vt->utf8, p, (size_t)(end - p));
        vt->state = VT_UTF8;
        return end;
    }
    vt_put_odd(vt, cp);
    return p + n;
}

/* Inside a character that the last bytes left unfinished. */
static const char *vt_utf8(struct vt *vt, const char *p, const char *end)
{
    while (p < end) {
        uint32_t cp;
        size_t n;
        vt->utf8[vt->utf8_count++] = *p;
        n = utf8_next((span){vt->utf8, (size_t)vt->utf8_count}, &cp);
        if (n == 0) {
            p++;
            continue;
        }
        p += n == (size_t)vt->utf8_count; /* the byte that made it malformed is looked at anew */
        vt->state = VT_GROUND;
        vt_put_odd(vt, cp);
        break;
    }
    return p;
}

static const char *vt_escape(struct vt *vt, const char *p, const char *end)
{
    while (p < end && vt->state == VT_ESCAPE) {
        unsigned char c = (unsigned char)*p++;
        if (c < 0x20) {
            vt_control(vt, c);
        } else if (c < 0x30) {
            vt->inter = vt->inter_count ? vt->inter : c;
            vt->inter_count = vt->inter_count ? 2 : 1;
        } else if (c < 0x7f) {
            vt->final = c;
            vt_escape_done(vt);
        }
    }
    return p;
}

static void vt_csi_digit(struct vt *vt, unsigned digit)
{
    unsigned v;

    if (vt->param_last >= VT_PARAMS_MAX)
        return;
    v = vt->params[vt->param_last] * 10u + digit;
    vt->params[vt->param_last] = (uint16_t)(v < 65535 ? v : 65535);
}

static void vt_csi_next_param(struct vt *vt, int sub)
{
    if (vt->param_last < VT_PARAMS_MAX)
        vt->param_last++;
    if (vt->param_last < VT_PARAMS_MAX) {
        vt->params[vt->param_last] = 0;
        vt->subs |= (uint32_t)sub << vt->param_last;
    }
}

/* A byte 0x20…0x3f of a CSI sequence. Digits after an intermediate, a late prefix: no sequence. */
static void vt_csi_byte(struct vt *vt, unsigned char c)
{
    if (c < 0x30) {
        vt->inter = vt->inter_count ? vt->inter : c;
        vt->inter_count = vt->inter_count ? 2 : 1;
    } else if (vt->inter_count || (c >= 0x3c && vt->param_seen)) {
        vt->state = VT_CSI_BAD;
    } else if (c >= 0x3c) {
        vt->prefix = c;
    } else if (c <= '9') {
        vt_csi_digit(vt, c - '0');
    } else {
        vt_csi_next_param(vt, c == ':');
    }
    vt->param_seen = 1;
}

static const char *vt_csi_run(struct vt *vt, const char *p, const char *end)
{
    while (p < end && vt->state == VT_CSI) {
        unsigned char c = (unsigned char)*p++;
        if (c < 0x20) {
            vt_control(vt, c);
        } else if (c < 0x40) {
            vt_csi_byte(vt, c);
        } else if (c < 0x7f) {
            vt->final = c;
            vt_csi_done(vt);
        }
    }
    return p;
}

static const char *vt_ground(struct vt *vt, const char *p, const char *end)
{
    while (p < end && vt->state == VT_GROUND) {
        unsigned char c = (unsigned char)*p;
        const char *run = p;
        if (c >= 0x20)
            run = vt_put_run(vt, p, end);
        if (run > p) {
            p = run;
        } else if (c == 0x1b && end - p > 1 && p[1] == '[') {
            vt_esc_csi(vt); /* not by way of VT_ESCAPE, for speed alone */
            p = vt_csi_run(vt, p + 2, end);
        } else if (c >= 0x80) {
            p = vt_put_utf8(vt, p, end);
        } else {
            if (c >= 0x20 && c < 0x7f)
                vt_put_ascii(vt, c);
            else
                vt_control(vt, c);
            p++;
        }
    }
    return p;
}

static const char *vt_csi_bad(struct vt *vt, const char *p, const char *end)
{
    while (p < end && vt->state == VT_CSI_BAD) {
        unsigned char c = (unsigned char)*p++;
        if (c < 0x20)
            vt_control(vt, c);
        else if (c >= 0x40 && c < 0x7f)
            vt->state = VT_GROUND;
    }
    return p;
}

static void vt_string_keep(struct vt *vt, const char *p, size_t n)
{
    size_t room = VT_STRING_MAX - vt->string.n;

    if (vt->string_kind == ']' || vt->string_kind == 'P')
        buf_add(&vt->string, p, n < room ? n : room);
}

static const char *vt_string(struct vt *vt, const char *p, const char *end)
{
    while (p < end && vt->state == VT_STRING) {
        const char *run = p;
        unsigned char c;
        if (vt->string_escape) {
            vt_c0_escape(vt); /* ESC and anything but '\' gives the string up */
            if (*p == '\\') {
                vt_string_done(vt);
                p++;
            }
            break;
        }
        while (run < end && (unsigned char)*run >= 0x20)
            run++;
        vt_string_keep(vt, p, (size_t)(run - p));
        p = run;
        if (p == end)
            break;
        c = (unsigned char)*p++;
        if (c == 0x1b)
            vt->string_escape = 1;
        else if (c == 0x18 || c == 0x1a)
            vt->state = VT_GROUND;
        else if (c == 0x07 && vt->string_kind == ']')
            vt_string_done(vt);
    }
    return p;
}

static const char *(*const vt_states[])(struct vt *vt, const char *p, const char *end) = {
    [VT_GROUND] = vt_ground,   [VT_UTF8] = vt_utf8,         [VT_ESCAPE] = vt_escape,
    [VT_CSI] = vt_csi_run,     [VT_CSI_BAD] = vt_csi_bad,   [VT_STRING] = vt_string,
};

static void vt_feed(struct vt *vt, span bytes)
{
    const char *p = bytes.p, *end = bytes.n ? p + bytes.n : p;

    while (p < end)
        p = vt_states[vt->state](vt, p, end);
}

/* ---- views of rows ---- */

/* A row as text: n cells (see vt_line_end); those up to cols are blank. */
struct vt_view {
    const struct cell *cells;
    int n, wrapped;
};

/* scratch: room for a row of scrollback. */
static struct vt_view vt_view(const struct vt *vt, const struct vt_screen *screen, int row,
                              struct cell *scratch)
{
    struct vt_view view = {scratch, 0, 0};
    const struct vt_line *line;

    if (row < 0) {
        view.n = vt_scroll_row(vt, row, scratch, &view.wrapped);
        return view;
    }
    line = vt_line_of(screen, vt->rows, row);
    vt_blank(line->cells + line->used, vt->cols - line->used, 0);
    view.cells = line->cells;
    view.n = vt_line_end(line, vt->cols);
    view.wrapped = (line->flags & VT_LINE_WRAPPED) != 0;
    return view;
}

static struct vt_view vt_view_plain(const struct vt *vt, int row)
{
    return vt_view(vt, vt->screen, row, vt->scratch);
}

/* ---- resizing ---- */

/* A place in the text that is followed through a reflow. */
struct vt_mark {
    int from_row, from_x;
    int row, x;
};

/* Writes the rows of `from` anew, `cols` wide. It runs twice: first to see what comes to lie where
 * (into is NULL), then for good. */
struct vt_reflow {
    const struct vt *from;
    struct vt *into;
    int cols;
    struct cell *out, *scratch; /* the new row under way, and room for an old one */
    int n, row;                 /* cells in it; its number, from 0 for the oldest */
    int top;                    /* the new row that becomes the screen's first */
    int screen_row;             /* the new row where the old screen's first one begins */
    int last_row;               /* the last one with text */
    struct vt_mark marks[2];    /* cursor, saved cursor of the primary screen */
};

static void vt_reflow_store(struct vt_reflow *f, int wrapped)
{
    struct vt *vt = f->into;
    struct vt_line row = {f->out, (uint16_t)f->n, VT_LINE_CONTENT}, *line;
    int r = f->row - f->top;

    row.flags |= wrapped ? VT_LINE_WRAPPED : 0;
    if (r < 0) {
        vt_keep_line(vt, &row);
    } else if (r < vt->rows) {
        line = &vt->screens[0].lines[r];
        memcpy(line->cells, f->out, (size_t)f->n * sizeof(*f->out));
        line->used = row.used;
        line->flags = r < vt->rows - 1 ? row.flags : VT_LINE_CONTENT;
    }
}

static void vt_reflow_end_row(struct vt_reflow *f, int wrapped)
{
    if (f->into)
        vt_reflow_store(f, wrapped);
    if (f->n)
        f->last_row = f->row;
    f->row++;
    f->n = 0;
}

static void vt_reflow_mark(struct vt_reflow *f, int row, int from, int to, int x)
{
    int i;

    for (i = 0; i < 2; i++) {
        struct vt_mark *mark = &f->marks[i];
        if (mark->from_row != row || mark->from_x < from || mark->from_x >= to)
            continue;
        mark->row = f->row;
        mark->x = vt_clamp(x + mark->from_x - from, 0, f->cols - 1);
    }
}

static void vt_reflow_row(struct vt_reflow *f, int row, struct vt_view view)
{
    int i, width;

    for (i = 0; i < view.n; i += width) {
        struct cell cell = view.cells[i];
        int room;
        width = cell.attr & CELL_WIDE ? 2 : 1;
        room = width < f->cols ? width : f->cols;
        if (f->n + room > f->cols)
            vt_reflow_end_row(f, 1);
        vt_reflow_mark(f, row, i, i + width, f->n);
        if (room < width) {
            cell.rune = 0xfffd;
            cell.attr &= CELL_STYLE_MASK;
        }
        f->out[f->n] = cell;
        if (room == 2)
            f->out[f->n + 1] = view.cells[i + 1];
        f->n += room;
    }
    vt_reflow_mark(f, row, view.n, INT_MAX, f->n);
    if (!view.wrapped)
        vt_reflow_end_row(f, 0);
}

/* One run over the rows up to the screen's row `last`. */
static void vt_reflow_run(struct vt_reflow *f, int last)
{
    const struct vt *from = f->from;
    int r;

    f->n = f->row = 0;
    f->last_row = -1;
    for (r = -from->scroll.count; r <= last; r++) {
        struct vt_view view = vt_view(from, &from->screens[0], r, f->scratch);
        view.wrapped = view.wrapped && r < last;
        if (r == 0)
            f->screen_row = f->row;
        vt_reflow_row(f, r, view);
    }
}

/* Which new row shall be the screen's first. The text keeps its distance from the bottom, blank
 * rows below it give way first, and the cursor stays on the screen. */
static int vt_reflow_top(const struct vt_reflow *f, int rows, int blank_below)
{
    int last = f->last_row > f->marks[0].row ? f->last_row : f->marks[0].row;
    int top = last + blank_below - rows + 1;

    if (top > f->screen_row) {
        top = last - rows + 1;
        top = top > f->screen_row ? top : f->screen_row;
    }
    if (top > f->marks[0].row)
        top = f->marks[0].row;
    return top > 0 ? top : 0;
}

static int vt_last_row(const struct vt *vt)
{
    int r = vt->rows - 1;

    while (r > 0 && vt_view(vt, &vt->screens[0], r, NULL).n == 0)
        r--;
    return r;
}

/* Where a cursor is after the reflow; with a pending wrap it was followed by its last character. */
static void vt_reflow_cursor(const struct vt_reflow *f, const struct vt_mark *mark, int *x, int *y,
                             int *pending)
{
    int rows = f->into->rows;

    *y = vt_clamp(mark->row - f->top, 0, rows - 1);
    *x = mark->x;
    if (*pending && *x < f->cols - 1) {
        ++*x;
        *pending = 0;
    }
}

/* The primary screen and the scrollback of `from` into vt, whose size is set and whose primary
 * screen is new. In the alternate screen the saved cursor stands for the cursor: leaving restores
 * it. */
static void vt_reflow_primary(struct vt *vt, const struct vt *from)
{
    struct vt_saved *saved = &vt->screens[0].saved;
    int alt = (vt->modes & VT_ALT_SCREEN) != 0, last = vt_last_row(from);
    int x = alt ? saved->x : vt->x, y = alt ? saved->y : vt->y;
    struct vt_reflow f;

    last = last > y ? last : y;
    memset(&f, 0, sizeof(f));
    f.from = from;
    f.cols = vt->cols;
    f.out = base_alloc((size_t)vt->cols * sizeof(*f.out));
    f.scratch = base_alloc((size_t)from->cols * sizeof(*f.scratch));
    f.marks[0] = (struct vt_mark){y, x, 0, 0};
    f.marks[1] = (struct vt_mark){saved->y, saved->x, 0, 0};
    vt_reflow_run(&f, last);
    if (saved->y > last)
        f.marks[1] = (struct vt_mark){INT_MIN, 0, f.row + saved->y - last - 1,
                                      vt_clamp(saved->x, 0, f.cols - 1)};
    f.top = vt_reflow_top(&f, vt->rows, from->rows - 1 - last);
    f.into = vt;
    vt_reflow_run(&f, last);
    if (!alt)
        vt_reflow_cursor(&f, &f.marks[0], &vt->x, &vt->y, &vt->pending);
    vt_reflow_cursor(&f, &f.marks[1], &saved->x, &saved->y, &saved->pending);
    free(f.out);
    free(f.scratch);
}

static void vt_crop_cursor(const struct vt *vt, int *x, int *y, int *pending)
{
    *y = vt_clamp(*y, 0, vt->rows - 1);
    *pending = *pending && *x == vt->cols - 1;
    *x = vt_clamp(*x, 0, vt->cols - 1);
}

/* The alternate screen is cropped: at the bottom, or at the top as far as the cursor needs it. */
static void vt_crop_alternate(struct vt *vt, const struct vt *from)
{
    struct vt_screen *screen = &vt->screens[1];
    int alt = (vt->modes & VT_ALT_SCREEN) != 0, skip = 0, r;

    if (alt && vt->y >= vt->rows)
        skip = vt->y - vt->rows + 1;
    for (r = 0; r < vt->rows && r + skip < from->rows; r++) {
        struct vt_line *line = &screen->lines[r];
        struct vt_line *old = vt_line_of(&from->screens[1], from->rows, r + skip);
        line->used = old->used < vt->cols ? old->used : (uint16_t)vt->cols;
        line->flags = old->flags & VT_LINE_CONTENT;
        vt_mend(old, 0, line->used);
        memcpy(line->cells, old->cells, line->used * sizeof(*line->cells));
    }
    if (alt) {
        vt->y -= skip;
        vt_crop_cursor(vt, &vt->x, &vt->y, &vt->pending);
    }
    vt_crop_cursor(vt, &screen->saved.x, &screen->saved.y, &screen->saved.pending);
}

static void vt_resize(struct vt *vt, int cols, int rows)
{
    struct vt old = *vt;

    cols = vt_clamp(cols, 1, VT_COLS_MAX);
    rows = vt_clamp(rows, 1, VT_ROWS_MAX);
    if (cols == vt->cols && rows == vt->rows)
        return;
    vt->cols = cols;
    vt->rows = rows;
    memset(&vt->scroll, 0, sizeof(vt->scroll));
    vt_screen_new(&vt->screens[0], cols, rows);
    vt_reflow_primary(vt, &old);
    if (old.screens[1].lines) {
        vt_screen_new(&vt->screens[1], cols, rows);
        vt_crop_alternate(vt, &old);
    }
    vt_screen_free(&old.screens[0]);
    vt_screen_free(&old.screens[1]);
    vt_scroll_clear(&old.scroll);
    vt->scratch = base_grow(vt->scratch, (size_t)cols * sizeof(*vt->scratch));
    vt->region_top = 0;
    vt->region_bottom = rows - 1;
    vt->joins = vt->pending;
}

/* ---- snapshot ---- */

/* What has been written, and the style the reader is in. */
struct vt_paint {
    const struct vt *vt;
    buf *b;
    struct cell_style style;
};

static const struct cell_style vt_plain = {0, 0, 0};

static void vt_paint_style(struct vt_paint *p, struct cell_style style)
{
    cell_put_sgr(p->b, p->style, style, CELL_TRUE);
    p->style = style;
}

static void vt_paint_csi(struct vt_paint *p, int n, char final)
{
    buf_str(p->b, "\033[");
    buf_int(p->b, n);
    buf_byte(p->b, final);
}

static void vt_paint_goto(struct vt_paint *p, int row, int col)
{
    buf_str(p->b, "\033[");
    buf_int(p->b, row + 1);
    buf_byte(p->b, ';');
    buf_int(p->b, col + 1);
    buf_byte(p->b, 'H');
}

static void vt_paint_cell(struct vt_paint *p, const struct cell *cell)
{
    char text[CELL_TEXT_MAX];

    vt_paint_style(p, (struct cell_style){cell->fg, cell->bg, cell->attr & CELL_STYLE_MASK});
    if (cell->rune < 0x80)
        buf_byte(p->b, cell->rune ? (char)cell->rune : ' ');
    else
        buf_add(p->b, text, cell_text(p->vt->pool, cell->rune, text));
}

/* Would cell, printed right after `before`, become one grapheme with it? */
static int vt_paint_sticks(const struct vt_paint *p, const struct cell *before,
                           const struct cell *cell)
{
    char text[CELL_TEXT_MAX];
    uint32_t cp;

    if (!before || cell->rune < 0x80)
        return 0;
    if (utf8_next((span){text, cell_text(p->vt->pool, cell->rune, text)}, &cp) == 0)
        return 0;
    return cell_joins(p->vt->pool, before->rune, cp);
}

/* How many cells from x on are blanks worth jumping over. */
static int vt_paint_gap(struct vt_view view, int x)
{
    int n = x;

    while (n < view.n && vt_is_blank(&view.cells[n]))
        n++;
    return n < view.n && n - x > 4 ? n - x : 0;
}

static void vt_paint_cells(struct vt_paint *p, struct vt_view view)
{
    const struct cell *before = NULL;
    int x = 0;

    while (x < view.n) {
        const struct cell *cell = &view.cells[x];
        int gap = vt_is_blank(cell) ? vt_paint_gap(view, x) : 0;
        if (gap) {
            vt_paint_csi(p, gap, 'C');
            x += gap;
            before = NULL;
            continue;
        }
        if (vt_paint_sticks(p, before, cell))
            vt_paint_csi(p, x + 1, 'G'); /* a move keeps them apart */
        vt_paint_cell(p, cell);
        before = cell;
        x += cell->attr & CELL_WIDE ? 2 : 1;
    }
}

/* Between a wrapped row that ends in `before` (full: in the last column) and the row that goes on:
 * that row's first character carries out the wrap. Where it would do more than that (fill a new row
 * with its background, stick to the last character) a blank goes first. */
static void vt_paint_wrap(struct vt_paint *p, const struct cell *before, int full,
                          struct vt_view view)
{
    const struct cell *first = view.cells;
    int blank = view.n == 0 || vt_is_blank(first) || first->bg || vt_paint_sticks(p, before, first);

    if (!blank && (full || first->attr & CELL_WIDE))
        return;
    vt_paint_style(p, vt_plain);
    if (!full)
        buf_byte(p->b, ' ');
    if (blank)
        buf_str(p->b, " \r");
}

/* The rows from `row` (scrollback: < 0) on, onto an empty screen with the cursor at home. */
static void vt_paint_rows(struct vt_paint *p, const struct vt_screen *screen, int row)
{
    struct vt_view view = {NULL, 0, 0};
    struct cell last = {0, 0, 0, 0, 0};
    int wrapped = 0, full = 0;

    for (; row < p->vt->rows; row++) {
        view = vt_view(p->vt, screen, row, p->vt->scratch);
        if (wrapped)
            vt_paint_wrap(p, &last, full, view);
        vt_paint_cells(p, view);
        wrapped = view.wrapped;
        full = view.n == p->vt->cols;
        if (view.n)
            last = view.cells[view.n - (view.cells[view.n - 1].attr & CELL_TAIL ? 2 : 1)];
        if (wrapped || row == p->vt->rows - 1)
            continue;
        if (p->style.bg)
            vt_paint_style(p, vt_plain); /* or the new row would be filled */
        buf_str(p->b, "\r\n");
    }
}

static void vt_paint_screen(struct vt_paint *p, const struct vt_screen *screen, int row)
{
    p->style = vt_plain;
    buf_str(p->b, "\033[m\033[H\033[2J");
    vt_paint_rows(p, screen, row);
}

/* Puts the cursor there; one that stands behind a character just printed by printing that again.
 * top: what rows are counted from. */
static void vt_paint_cursor(struct vt_paint *p, const struct vt_screen *screen,
                            const struct vt_saved *at, int joins, int top)
{
    struct vt_view view = vt_view(p->vt, screen, at->y, NULL);
    int x = at->pending ? at->x : at->x - 1;

    if (!joins) {
        vt_paint_goto(p, at->y - top, at->x);
        return;
    }
    x -= view.cells[x].attr & CELL_TAIL ? 1 : 0;
    vt_paint_goto(p, at->y - top, x);
    vt_paint_cell(p, &view.cells[x]);
}

static void vt_paint_charsets(struct vt_paint *p, const unsigned char *charset, int shift)
{
    if (charset[0] == '0')
        buf_str(p->b, "\033(0");
    if (charset[1] == '0')
        buf_str(p->b, "\033)0");
    if (shift)
        buf_byte(p->b, 0x0e);
}

/* Brings about a screen's saved cursor by `how`, while the region is still the whole screen. */
static void vt_paint_saved(struct vt_paint *p, const struct vt_screen *screen, const char *how)
{
    const struct vt_saved *s = &screen->saved;

    if (s->origin)
        buf_str(p->b, "\033[?6h");
    vt_paint_cursor(p, screen, s, s->pending, 0);
    vt_paint_charsets(p, s->charset, s->shift);
    vt_paint_style(p, s->style);
    buf_str(p->b, how);
    buf_str(p->b, "\033[?6l\033(B\033)B\017");
    vt_paint_style(p, vt_plain);
}

static void vt_paint_screens(struct vt_paint *p, int scrollback)
{
    const struct vt *vt = p->vt;
    const struct vt_screen *alternate = &vt->screens[1];
    int alt = vt->screen == alternate;

    vt_paint_screen(p, &vt->screens[0], scrollback ? -vt->scroll.count : 0);
    vt_paint_saved(p, &vt->screens[0], alt ? "\033[?1049h" : "\0337");
    if (!alternate->lines)
        return;
    if (!alt)
        buf_str(p->b, "\033[?47h");
    vt_paint_screen(p, alternate, 0);
    vt_paint_saved(p, alternate, "\0337");
    if (!alt)
        buf_str(p->b, "\033[?47l");
}

static void vt_paint_tabs(struct vt_paint *p)
{
    const unsigned char *tabs = p->vt->tabs;
    int x, usual = 1;

    for (x = 0; x < p->vt->cols; x++)
        usual = usual && (tabs[x / 8] >> x % 8 & 1) == (x % 8 == 0);
    if (usual)
        return;
    buf_str(p->b, "\033[3g");
    for (x = 0; x < p->vt->cols; x++) {
        if (!(tabs[x / 8] >> x % 8 & 1))
            continue;
        vt_paint_csi(p, x + 1, 'G');
        buf_str(p->b, "\033H");
    }
}

static void vt_paint_title(struct vt_paint *p, const buf *title)
{
    buf_str(p->b, "\033]2;");
    buf_span(p->b, buf_view(title));
    buf_str(p->b, "\033\\");
}

static void vt_paint_directory(struct vt_paint *p)
{
    static const char hex[] = "0123456789ABCDEF";
    span s = buf_view(&p->vt->directory);
    size_t i;

    if (!s.n)
        return;
    buf_str(p->b, "\033]7;file://");
    for (i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c > ' ' && c < 0x7f && c != '%') {
            buf_byte(p->b, (char)c);
            continue;
        }
        buf_byte(p->b, '%');
        buf_byte(p->b, hex[c >> 4]);
        buf_byte(p->b, hex[c & 15]);
    }
    buf_str(p->b, "\033\\");
}

static void vt_paint_texts(struct vt_paint *p)
{
    const struct vt *vt = p->vt;
    int i;

    for (i = 0; i < vt->title_count; i++) {
        vt_paint_title(p, &vt->titles[i]);
        buf_str(p->b, "\033[22;2t");
    }
    if (vt->title.n || vt->title_count)
        vt_paint_title(p, &vt->title);
    vt_paint_directory(p);
}

static void vt_paint_keyboard(struct vt_paint *p)
{
    int i;

    if (p->vt->modify_other_keys)
        buf_fmt(p->b, "\033[>4;%dm", p->vt->modify_other_keys);
    for (i = 0; i < p->vt->key_count; i++)
        buf_fmt(p->b, "\033[>%du", p->vt->keys[i]);
}

static void vt_paint_modes(struct vt_paint *p)
{
    unsigned modes = p->vt->modes;
    size_t i;

    for (i = 0; i < COUNT_OF(vt_dec_modes); i++) {
        const struct vt_mode_row *mode = &vt_dec_modes[i];
        if (!mode->change && modes & mode->bit & ~(unsigned)(VT_APP_KEYPAD | VT_SYNC))
            buf_fmt(p->b, "\033[?%d%c", mode->number, mode->inverted ? 'l' : 'h');
    }
    for (i = 0; i < COUNT_OF(vt_ansi_modes); i++)
        if (modes & vt_ansi_modes[i].bit)
            buf_fmt(p->b, "\033[%dh", vt_ansi_modes[i].number);
    if (modes & VT_APP_KEYPAD)
        buf_str(p->b, "\033=");
    if (modes & VT_SYNC)
        buf_str(p->b, "\033[?2026h");
}

/* Cursor, style and modes, in an order in which none disturbs another: the region and origin mode
 * move the cursor, insertion would change what placing it prints. */
static void vt_paint_state(struct vt_paint *p)
{
    const struct vt *vt = p->vt;
    struct vt_saved at = {vt->x, vt->y, vt->pending, vt->style, {'B', 'B'}, 0, 0};
    int origin = (vt->modes & VT_ORIGIN) != 0;

    if (vt->region_top != 0 || vt->region_bottom != vt->rows - 1)
        buf_fmt(p->b, "\033[%d;%dr", vt->region_top + 1, vt->region_bottom + 1);
    if (origin)
        buf_str(p->b, "\033[?6h");
    if (vt->shape)
        buf_fmt(p->b, "\033[%d q", vt->shape);
    vt_paint_keyboard(p);
    vt_paint_cursor(p, vt->screen, &at, vt->joins, origin ? vt->region_top : 0);
    vt_paint_charsets(p, vt->charset, vt->shift);
    vt_paint_style(p, vt->style);
    vt_paint_modes(p);
}

static void vt_paint_params(struct vt_paint *p)
{
    const struct vt *vt = p->vt;
    int i;

    if (vt->prefix)
        buf_byte(p->b, (char)vt->prefix);
    for (i = 0; i <= vt->param_last && vt->param_seen; i++) {
        if (i)
            buf_byte(p->b, vt_is_sub(vt, i) ? ':' : ';');
        if (i < VT_PARAMS_MAX && (vt->params[i] || !vt->prefix))
            buf_int(p->b, vt->params[i]);
    }
}

/* The start of a sequence or character whose rest is still to come. */
static void vt_paint_unfinished(struct vt_paint *p)
{
    const struct vt *vt = p->vt;

    if (vt->state == VT_UTF8) {
        buf_add(p->b, vt->utf8, (size_t)vt->utf8_count);
        return;
    }
    if (vt->state == VT_GROUND)
        return;
    buf_byte(p->b, 0x1b);
    if (vt->state == VT_STRING) {
        buf_byte(p->b, (char)vt->string_kind);
        buf_span(p->b, buf_view(&vt->string));
        if (vt->string_escape)
            buf_byte(p->b, 0x1b);
        return;
    }
    if (vt->state == VT_CSI_BAD)
        buf_str(p->b, "[0?");
    if (vt->state == VT_CSI) {
        buf_byte(p->b, '[');
        vt_paint_params(p);
    }
    if (vt->state != VT_CSI_BAD && vt->inter_count)
        buf_byte(p->b, (char)vt->inter);
    if (vt->state != VT_CSI_BAD && vt->inter_count > 1)
        buf_byte(p->b, ' ');
}

/* Whatever the reader is in the middle of: cancelled; all modes and the screen as after a reset. */
static const char vt_paint_start[] =
    "\030\033[?1049l\033[!p\033[?1;5;6;9;12;1000;1002;1003;1004;1005;1006;1007;1015;2004;2026l"
    "\033[?7;25h\033[4;20l\033>\033[r\033(B\033)B\017\033[>4;0m\033[<8u\033[0 q\033[?5W";

static void vt_put_snapshot(const struct vt *vt, buf *b, int scrollback)
{
    struct vt_paint p = {vt, b, {0, 0, 0}};

    buf_str(b, vt_paint_start);
    vt_paint_screens(&p, scrollback);
    vt_paint_tabs(&p);
    vt_paint_texts(&p);
    vt_paint_state(&p);
    vt_paint_unfinished(&p);
}

/* ---- text ---- */

/* Line feeds and blanks that are due before the next visible character, if one comes. */
struct vt_text {
    buf *b;
    int lines, blanks, any;
};

static void vt_text_cell(struct vt_text *t, const struct cell_pool *pool, const struct cell *cell)
{
    char text[CELL_TEXT_MAX];

    if (cell->attr & CELL_TAIL)
        return;
    if (!cell->rune) {
        t->blanks++;
        return;
    }
    for (; t->lines; t->lines--)
        buf_byte(t->b, '\n');
    for (; t->blanks; t->blanks--)
        buf_byte(t->b, ' ');
    buf_add(t->b, text, cell_text(pool, cell->rune, text));
    t->any = 1;
}

static void vt_put_text(const struct vt *vt, buf *b, int scrollback)
{
    struct vt_text t = {b, 0, 0, 0};
    int row, i;

    for (row = scrollback ? -vt->scroll.count : 0; row < vt->rows; row++) {
        struct vt_view view = vt_view_plain(vt, row);
        for (i = 0; i < view.n; i++)
            vt_text_cell(&t, vt->pool, &view.cells[i]);
        if (view.wrapped)
            continue;
        t.blanks = 0;
        t.lines++;
    }
    if (t.any)
        buf_byte(b, '\n');
}

static void vt_put_row(const struct vt *vt, buf *b, int row)
{
    struct vt_text t = {b, 0, 0, 0};
    struct vt_view view = vt_view_plain(vt, row);
    int i;

    for (i = 0; i < view.n; i++)
        vt_text_cell(&t, vt->pool, &view.cells[i]);
}

static int vt_row_is_blank(const struct vt *vt, int row)
{
    struct vt_view view = vt_view_plain(vt, row);
    int i;

    for (i = 0; i < view.n; i++)
        if (view.cells[i].rune && view.cells[i].rune != ' ')
            return 0;
    return 1;
}

static void vt_put_last_line(const struct vt *vt, buf *b, int most)
{
    struct vt_text t = {b, 0, 0, 0};
    int row = vt->y, oldest = vt->modes & VT_ALT_SCREEN ? 0 : -vt->scroll.count, i;

    while (row >= oldest && vt_row_is_blank(vt, row))
        row--;
    while (row > oldest && vt_view_plain(vt, row - 1).wrapped)
        row--;
    for (; row >= oldest && row < vt->rows && most > 0; row++) {
        struct vt_view view = vt_view_plain(vt, row);
        for (i = 0; i < view.n && most > 0; i++)
            if (!(view.cells[i].attr & CELL_TAIL)) {
                vt_text_cell(&t, vt->pool, &view.cells[i]);
                most--;
            }
        if (!view.wrapped)
            break;
    }
}

/* ---- life and looks ---- */

static struct vt *vt_new(int cols, int rows)
{
    struct vt *vt = base_alloc(sizeof(*vt));

    vt->cols = vt_clamp(cols, 1, VT_COLS_MAX);
    vt->rows = vt_clamp(rows, 1, VT_ROWS_MAX);
    vt_init_blocks(vt);
    vt->screen = &vt->screens[0];
    vt->pool = base_alloc(sizeof(*vt->pool));
    vt->scratch = base_alloc((size_t)vt->cols * sizeof(*vt->scratch));
    vt_screen_new(vt->screen, vt->cols, vt->rows);
    vt_tabs_default(vt);
    vt_csi_soft_reset(vt);
    return vt;
}

static void vt_free(struct vt *vt)
{
    int i;

    if (!vt)
        return;
    vt_screen_free(&vt->screens[0]);
    vt_screen_free(&vt->screens[1]);
    vt_scroll_clear(&vt->scroll);
    cell_pool_free(vt->pool);
    free(vt->pool);
    free(vt->scratch);
    for (i = 0; i < VT_TITLES_MAX; i++)
        buf_free(&vt->titles[i]);
    buf_free(&vt->packed);
    buf_free(&vt->string);
    buf_free(&vt->title);
    buf_free(&vt->directory);
    buf_free(&vt->notification);
    buf_free(&vt->clipboard);
    buf_free(&vt->answers);
    free(vt);
}

static int vt_cols(const struct vt *vt)
{
    return vt->cols;
}

static int vt_rows(const struct vt *vt)
{
    return vt->rows;
}

static unsigned vt_modes(const struct vt *vt)
{
    return vt->modes;
}

static int vt_cursor_shape(const struct vt *vt)
{
    return vt->shape;
}

static void vt_cursor(const struct vt *vt, int *row, int *col)
{
    *row = vt->y;
    *col = vt->x;
}

static span vt_title(const struct vt *vt)
{
    return buf_view(&vt->title);
}

static span vt_directory(const struct vt *vt)
{
    return buf_view(&vt->directory);
}

static span vt_clipboard(const struct vt *vt)
{
    return buf_view(&vt->clipboard);
}

static span vt_notification(const struct vt *vt)
{
    return buf_view(&vt->notification);
}

static unsigned vt_take_signals(struct vt *vt)
{
    unsigned signals = vt->signals;

    vt->signals = 0;
    return signals;
}

static void vt_take_answers(struct vt *vt, buf *b)
{
    buf_span(b, buf_view(&vt->answers));
    buf_clear(&vt->answers);
}

static const struct cell *vt_row(const struct vt *vt, int row)
{
    if (row < -vt->scroll.count || row >= vt->rows) {
        vt_blank(vt->scratch, vt->cols, 0);
        return vt->scratch;
    }
    return vt_view_plain(vt, row).cells;
}

static int vt_scroll_count(const struct vt *vt)
{
    return vt->scroll.count;
}

static const struct cell_pool *vt_pool(const struct vt *vt)
{
    return vt->pool;
}
