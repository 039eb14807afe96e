#include "private.h"

/* vt/print - printing: one character at the cursor, marks that join the character before it, and
 * the fast path for runs of simple characters. */

/* ---- one character -------------------------------------------------------------------------- */

static unsigned vt_style_flag(const struct vt *vt)
{
    return vt->style.fg | vt->style.bg | vt->style.attr | vt->style.extra ? VT_LINE_STYLED : 0;
}

/* Moves to the next row, unless wrapping is off. */
static void vt_wrap(struct vt *vt)
{
    struct vt_line *line = vt_line_head(vt->screen, vt->rows, vt->y);
    if (vt->pending && line->used < vt->cols)
        vt_reach(vt_line(vt, vt->y), vt->cols);
    vt->pending = 0;
    if (vt->modes & VT_NO_WRAP)
        return;
    vt->x = 0;
    line->flags |= VT_LINE_WRAPPED; /* now: the row may move into the scrollback */
    if (!vt_index(vt))
        line->flags &= (uint8_t)~VT_LINE_WRAPPED;
}

/* Wraps before a wide character: a blank last column is no text. */
static void vt_wrap_early(struct vt *vt)
{
    struct vt_line *line = vt_line(vt, vt->y);
    vt_reach(line, vt->x);
    if (line->used == vt->cols && vt_is_blank(&line->cells[vt->x]))
        line->used--;
    vt_wrap(vt);
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

static void vt_put(struct vt *vt, uint32_t rune, int width)
{
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
            vt_wrap_early(vt);
    }
    if (vt->modes & VT_INSERT)
        vt_insert_cells(vt, width);
    flags = vt_style_flag(vt) | (rune < 0x7f ? 0 : VT_LINE_RUNES) | (width == 2 ? VT_LINE_WIDE : 0);
    vt_set_cells(vt_open(vt_line(vt, vt->y), vt->x, width, flags), 1, rune, width, vt->style);
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

static void vt_put_ascii(struct vt *vt, uint32_t c)
{
    if (vt->charset[vt->shift] == '0' && c >= 0x5f)
        c = vt_drawing[c - 0x5f];
    vt_put(vt, vt_rune_of(c), 1);
}

/* Returns the cell that the next mark joins, its column in *x; NULL when there is none. */
static struct cell *vt_last_cell(struct vt *vt, int *x)
{
    struct vt_line *line = vt_line(vt, vt->y);
    *x = vt->pending ? vt->x : vt->x - 1;
    if (!vt->joins || *x < 0)
        return NULL;
    vt_reach(line, *x + 1);
    if (line->cells[*x].attr & CELL_TAIL)
        --*x;
    return &line->cells[*x];
}

TELEC_SMALL
/* More than the whole screen can't be seen. */
static void vt_repeat(struct vt *vt, int n)
{
    int x, most = vt->modes & VT_NO_WRAP ? vt->cols : vt->cols * vt->rows;
    const struct cell *cell = vt_last_cell(vt, &x);
    if (!cell)
        return;
    uint32_t rune = cell->rune;
    int width = vt_cell_width(cell);
    unsigned flags = vt_style_flag(vt) | (rune < 0x7f ? 0 : VT_LINE_RUNES) |
                     (width == 2 ? VT_LINE_WIDE : 0);
    for (n = n < most ? n : most; n > 0;) {
        if (vt->pending && !(vt->modes & VT_NO_WRAP))
            vt_wrap(vt);
        int room = (vt->cols - vt->x) / width, some = n < room ? n : room;
        struct vt_line *head = vt_line_head(vt->screen, vt->rows, vt->y);
        if (vt->pending || !room) {
            vt_put(vt, rune, width);
            n--;
            continue;
        }
        if (vt->x == 0 && some * width >= head->used && some == room) {
            vt_line_repeat(head, some, rune, width, vt->style, flags);
        } else {
            if (vt->modes & VT_INSERT)
                vt_insert_cells(vt, some * width);
            vt_set_cells(vt_open(vt_line(vt, vt->y), vt->x, some * width, flags), some, rune, width,
                         vt->style);
        }
        vt_advance(vt, some * width);
        n -= some;
    }
}

/* ---- graphemes ------------------------------------------------------------------------------ */

static void vt_pool_sweep_screen(struct vt *vt, struct vt_screen *screen, struct cell_pool *fresh)
{
    for (int r = 0; screen->live && r < vt->rows; r++) {
        struct vt_line *line = vt_line_of(screen, vt->rows, r);
        for (int x = 0; line->flags & VT_LINE_RUNES && x < line->used; x++) {
            char text[CELL_TEXT_MAX];
            uint32_t *rune = &line->cells[x].rune;
            if (*rune & CELL_CLUSTER)
                *rune = cell_rune(fresh, (span){text, cell_text(vt->pool, *rune, text)});
        }
    }
}

static void vt_extra_mark_screen(const struct vt *vt, const struct vt_screen *screen,
                                 unsigned char *used)
{
    used[screen->saved.style.extra] = 1;
    for (int r = 0; screen->lines && r < vt->rows; r++) {
        const struct vt_line *line = vt_line_of(screen, vt->rows, r);
        for (int x = 0; x < line->used; x++)
            used[line->cells[x].extra] = 1;
    }
}

/* Keeps extras on the screens, and the scrollback's newest. When that frees few, the next sweep
 * waits, as in vt_pool_sweep. */
static void vt_extra_sweep(struct vt *vt)
{
    unsigned char used[CELL_EXTRAS_MAX + 1] = {0};
    vt_extra_mark_screen(vt, &vt->screens[0], used);
    vt_extra_mark_screen(vt, &vt->screens[1], used);
    vt_scroll_mark_extras(&vt->scroll, vt->pool, used);
    cell_extra_keep(vt->pool, used);
    int full = vt->pool->extra_count > CELL_EXTRAS_MAX / 8 * 7 ||
               vt->pool->link_bytes > CELL_LINKS_BYTES / 8 * 7;
    vt->extra_wait = full ? CELL_EXTRAS_MAX / 4 : 0;
}

static void vt_set_extra(struct vt *vt)
{
    span link = buf_view(&vt->link);
    vt->style.extra = cell_extra_add(vt->pool, vt->underline, link);
    if (vt->style.extra || (!vt->underline && !link.n) || --vt->extra_wait > 0)
        return;
    vt_extra_sweep(vt);
    vt->style.extra = cell_extra_add(vt->pool, vt->underline, link);
}

/* Keeps only the graphemes on the screens. When those fill half of it, the next sweep waits: else a
 * hostile stream makes every character cost a sweep. */
static void vt_pool_sweep(struct vt *vt)
{
    struct cell_pool fresh = {0};
    if (vt->pool->count < CELL_CLUSTERS_MAX || --vt->pool_wait > 0)
        return;
    vt_pool_sweep_screen(vt, &vt->screens[0], &fresh);
    vt_pool_sweep_screen(vt, &vt->screens[1], &fresh);
    cell_pool_replace(vt->pool, &fresh);
    vt->pool_wait = fresh.count > CELL_CLUSTERS_MAX / 2 ? CELL_CLUSTERS_MAX : 0;
}
TELEC_FAST

/* Makes the character at x, which a mark has made wide, use the next column too, or moves it to the
 * next row. */
static void vt_widen(struct vt *vt, struct cell *cell, int x)
{
    struct cell_style style = vt->style;
    uint32_t rune = cell->rune;
    vt->style = (struct cell_style){cell->fg, cell->bg, cell->attr & CELL_STYLE_MASK,
                                    cell->extra};
    vt_moved(vt);
    vt->x = x;
    if (x == vt->cols - 1) {
        vt_line(vt, vt->y)->used = (uint16_t)x;
        vt_line(vt, vt->y)->bg = 0;
    }
    if (vt->modes & VT_INSERT && x < vt->cols - 1)
        vt_delete_cells(vt, 1);
    vt_put(vt, rune, 2);
    vt->style = style;
}

/* Returns 0 when cp doesn't belong to the grapheme before the cursor. */
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

/* ---- simple characters ---------------------------------------------------------------------- */

/* Simple code points and their columns: most text that isn't ASCII. None joins a simple character,
 * so a run of them is printed without reading the cell before. Those with `after` may join another
 * character; the others never join. */
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

/* Returns the block of 32 code points: of the first plane, of the emoji, or the one for all
 * others. */
static inline size_t vt_block(uint32_t cp)
{
    return cp < 0x10000          ? cp >> 5
           : cp >> 12 == 0x1f ? 0x800 + (cp >> 5 & 0x7f)
                                 : VT_BLOCKS - 1;
}

/* Sets each block's range; of two ranges in a block, the later (the other one takes the slow
 * path). */
static void vt_init_blocks(struct vt *vt)
{
    for (size_t i = 0; i < COUNT_OF(vt_simple); i++)
        for (size_t b = vt_block(vt_simple[i].first); b <= vt_block(vt_simple[i].last); b++)
            vt->blocks[b] = (unsigned char)i;
}

/* Constant time: text may change its script at every word. */
static inline const struct vt_simple *vt_find_simple(const unsigned char *blocks, uint32_t cp)
{
    const struct vt_simple *simple = &vt_simple[blocks[vt_block(cp)]];
    return cp >= simple->first && cp <= simple->last ? simple : NULL;
}

static int vt_put_odd(struct vt *vt, uint32_t cp)
{
    const struct vt_simple *simple = vt_find_simple(vt->blocks, cp);
    int width = simple ? simple->width : utf8_width(cp);
    if (width < 0)
        return 0;
    if ((simple && !simple->after) || (!vt_join(vt, cp) && width > 0))
        vt_put(vt, cp, width);
    return 1;
}

/* ---- runs ----------------------------------------------------------------------------------- */

/* Decodes a well-formed sequence of 2 to 4 bytes at p. Returns its length; 0: take the slow
 * path. */
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

static inline int vt_is_plain8(const char *p)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t v, low, del;
    memcpy(&v, p, 8);
    low = v - 0x20 * ones;          /* borrows where a byte is below ' ' */
    del = (v ^ 0x7f * ones) - ones; /* and where it is DEL */
    return !((v | low | del) & high);
}

/* A cell as two words, each stored at once: the compiler would store the fields one by one. `one`
 * is what a rune of 1 adds to the first word, in any byte order. */
struct vt_pen {
    uint64_t low, high, one, wide, tail;
};

static struct vt_pen vt_pen_of(struct cell_style style)
{
    const struct cell blank = {0, style.fg, style.bg, style.attr, style.extra};
    const struct cell unit = {1, 0, 0, 0, 0};
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

/* Writes simple characters (printable ASCII, vt_simple) into the cells from *cell to limit. *cell
 * moves behind the last; *seen gets the flags (enum vt_line_flag) of what was written. Returns
 * where it stopped. Most time is spent here, hence one long loop over local variables: its inner
 * loops keep to what can be predicted, that a script goes on. */
static const char *vt_fill(const struct vt *vt, const char *p, const char *end, struct cell **cell,
                           const struct cell *limit, unsigned *seen)
{
    const struct vt_simple *simple = vt_simple;
    const struct vt_pen pen = vt_pen_of(vt->style);
    const unsigned char *blocks = vt->blocks;
    struct cell *at = *cell, *joins = vt->joins ? at : NULL;
    unsigned flags = 0;
    while (p < end && at < limit) {
        uint32_t cp;
        size_t n;
        for (; end - p >= 8 && limit - at >= 8 && vt_is_plain8(p); p += 8)
            for (n = 0; n < 8; n++)
                vt_draw(at++, pen.low + pen.one * vt_rune_of((unsigned char)p[n]), pen.high);
        for (; p < end && at < limit && (unsigned char)*p - 0x20u < 0x5f; p++)
            vt_draw(at++, pen.low + pen.one * vt_rune_of((unsigned char)*p), pen.high);
        if (p == end || at == limit || !(*p & 0x80))
            break;
        do {
            n = vt_decode((const unsigned char *)p, (size_t)(end - p), &cp);
            if (!n)
                goto done;
            if (cp - simple->first > simple->last - simple->first &&
                !(simple = vt_find_simple(blocks, cp)))
                goto done;
            if (limit - at < simple->width || (simple->after && at == joins))
                goto done;
            flags |= VT_LINE_RUNES;
            if (simple->width == 2) {
                flags |= VT_LINE_WIDE;
                vt_draw(at++, pen.low + pen.one * cp, pen.high + pen.wide);
                vt_draw(at++, pen.low, pen.high + pen.tail);
            } else {
                vt_draw(at++, pen.low + pen.one * cp, pen.high);
            }
            p += n;
        } while (p < end && at < limit && *p & 0x80);
    }
done:
    *cell = at;
    *seen |= flags;
    return p;
}

static const char *vt_put_run(struct vt *vt, const char *p, const char *end)
{
    struct vt_line *line = vt_line(vt, vt->y);
    struct cell *from = line->cells + vt->x, *cell = from;
    unsigned seen = vt_style_flag(vt);
    int x, in_tail = vt->x < line->used && from->attr & CELL_TAIL;
    if (vt->pending || vt->modes & VT_INSERT || vt->charset[vt->shift] == '0')
        return p;
    p = vt_fill(vt, p, end, &cell, line->cells + vt->cols, &seen);
    x = (int)(cell - line->cells);
    if (x == vt->x)
        return p;
    if (in_tail)
        vt_halve(from - 1);
    line->flags |= (uint8_t)seen;
    if (vt->x > line->used) {
        vt_blank(line->cells + line->used, vt->x - line->used, line->bg);
        line->flags |= line->bg ? VT_LINE_STYLED : 0;
    }
    if (x < line->used && cell->attr & CELL_TAIL)
        vt_halve(cell); /* its left half was overwritten */
    if (x > line->used)
        line->used = (uint16_t)x;
    vt_advance(vt, x - vt->x);
    return p;
}

/* ---- a flood -------------------------------------------------------------------------------- */

#define VT_FLOOD_AGAIN 1024 /* bytes after a line that is not plain */

/* It fits the screen and ends in CR LF; or NULL. */
static const char *vt_plain_line(const struct vt *vt, const char *p, const char *end)
{
    const char *limit = end - p > vt->cols ? p + vt->cols : end;
    while (limit - p >= 8 && vt_is_plain8(p))
        p += 8;
    while (p < limit && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f)
        p++;
    return end - p >= 2 && p[0] == '\r' && p[1] == '\n' ? p + 2 : NULL;
}

TELEC_SMALL
static int vt_can_flood(const struct vt *vt)
{
    const struct vt_line *line = vt_line(vt, vt->y);
    return vt->y == vt->rows - 1 && !vt->x && !vt->pending && !vt->region_top &&
           vt->region_bottom == vt->y && vt->screen == &vt->screens[0] && !vt_style_flag(vt) &&
           !(vt->modes & VT_INSERT) && vt->charset[vt->shift] != '0' &&
           !(line->used | line->flags | line->bg) &&
           !(vt->y && vt_line(vt, vt->y - 1)->flags & VT_LINE_WRAPPED);
}

static const char *vt_put_flood(struct vt *vt, const char *p, const char *end, const char **next)
{
    const char *line_end = p;
    int count = 0;
    if (!vt_can_flood(vt))
        return p;
    for (*next = p; (line_end = vt_plain_line(vt, *next, end)); count++)
        *next = line_end;
    if (count < vt->rows) {
        *next += end - *next > VT_FLOOD_AGAIN ? VT_FLOOD_AGAIN : end - *next;
        return p;
    }
    vt_scroll_up(vt, 0, vt->y, vt->y);
    for (; count >= vt->rows; count--) {
        line_end = vt_plain_line(vt, p, end);
        vt_scroll_keep_text(&vt->scroll, (span){p, (size_t)(line_end - p) - 2});
        p = line_end;
    }
    vt->y = 0;
    return p;
}
TELEC_FAST
