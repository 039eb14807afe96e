#include "private.h"

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

/* ---- views of rows ---- */


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

