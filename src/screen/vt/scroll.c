#include "private.h"

/* vt/scroll - the scrollback: rows that left the primary screen at its top, packed into a ring of
 * bytes. A packed row has one byte for an ASCII cell (a blank: 0), UTF-8 and tokens (enum
 * vt_token) for everything else. One of the default style without clusters has UTF-16 instead, for
 * speed: a unit a column, where a pair is a character of two columns. */

enum vt_token {
    VT_TOKEN_STYLE = 1,  /* fg, bg, attr, extra of the cells that follow, as they are in memory */
    VT_TOKEN_WIDE = 2,   /* the next character has two columns */
    VT_TOKEN_CLUSTER = 3 /* a length byte and the text of a grapheme of several code points */
};
#define VT_TOKEN_STYLE_BYTES 13

/* ---- the ring ------------------------------------------------------------------------------- */

static void vt_scroll_clear(struct vt_scroll *s)
{
    free(s->bytes);
    free(s->records);
    buf_free(&s->packed);
    *s = (struct vt_scroll){0};
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
    s->cost -= s->records[s->first].cost;
    s->lines -= !s->records[s->first].wrapped || s->count == 1;
    s->n -= s->records[s->first].n;
    s->start += s->records[s->first].n;
    s->start -= s->start >= s->cap ? s->cap : 0;
    s->first = s->first + 1 < s->record_cap ? s->first + 1 : 0;
    s->count--;
    s->recent = s->recent < s->count ? s->recent : s->count;
}

/* Doubles the ring: bytes move only until it has its full size. */
static void vt_scroll_grow_bytes(struct vt_scroll *s, size_t need)
{
    size_t cap = s->cap ? s->cap : 4096, at = 0;
    char *bytes;
    while (cap < need)
        cap *= 2;
    bytes = base_grow(NULL, cap);
    for (int i = 0; i < s->count; i++) {
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
    int cap = s->record_cap ? s->record_cap * 2 : 64;
    struct vt_record *records;
    records = base_grow(NULL, (size_t)cap * sizeof *records);
    for (int i = 0; i < s->count; i++)
        records[i] = *vt_record(s, i);
    free(s->records);
    s->records = records;
    s->record_cap = cap;
    s->first = 0;
}

static int vt_scroll_wraps(const struct vt_scroll *s)
{
    return s->count && vt_record(s, s->count - 1)->wrapped;
}

static void vt_scroll_cleared(struct vt_scroll *s)
{
    s->recent = 0;
    if (s->count)
        vt_record(s, s->count - 1)->wrapped = 0;
}

static void vt_scroll_push(struct vt_scroll *s, const char *p, size_t n, size_t cost, int utf16,
                           int wrapped)
{
    struct vt_record *record;
    size_t at, front;
    while (s->count && (s->cost + cost > VT_SCROLL_BYTES ||
                        (s->lines == VT_SCROLL_LINES && !vt_scroll_wraps(s))))
        vt_scroll_drop(s);
    if (cost > VT_SCROLL_BYTES)
        return;
    s->lines += !vt_scroll_wraps(s);
    s->cost += cost;
    s->recent++;
    if (s->n + n > s->cap || !s->cap)
        vt_scroll_grow_bytes(s, s->n + n);
    if (s->count == s->record_cap)
        vt_scroll_grow_records(s);
    at = s->start + s->n;
    at = at < s->cap ? at : at - s->cap;
    record = vt_record(s, s->count++);
    record->at = (uint32_t)at;
    record->n = (uint32_t)n & 0x3fffffff;
    record->utf16 = utf16 != 0;
    record->wrapped = wrapped != 0;
    record->cost = (uint32_t)cost;
    s->n += n;
    if (n == 0 || p == s->bytes + at)
        return;
    front = s->cap - at < n ? s->cap - at : n;
    memcpy(s->bytes + at, p, front);
    if (n > front)
        memcpy(s->bytes, p + front, n - front);
}

/* ---- packing -------------------------------------------------------------------------------- */

/* Packs ASCII in the default style: most lines of most programs. */
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

#define VT_UTF16_TAIL 0xdfff /* the second column of a character of one unit */

static inline void vt_pack_unit(char *out, int i, uint32_t unit)
{
    uint16_t value = (uint16_t)unit;
    memcpy(out + 2 * i, &value, 2);
}

/* Packs cells in the default style as UTF-16. Returns the row's cost, or 0: a cell is in the way.
 * A second column costs the token of a wide character. The first loop has no branches: text of
 * several scripts would make them unpredictable. */
static size_t vt_pack_utf16(const struct cell *cells, int n, char *out)
{
    uint32_t cost = 0, all = 0;
    for (int i = 0; i < n; i++) {
        uint32_t rune = cells[i].rune;
        cost += 1 + ((0x7f - rune) >> 31) + ((0x7ff - rune) >> 31);
        all |= rune;
        vt_pack_unit(out, i, cells[i].attr & CELL_TAIL ? VT_UTF16_TAIL : rune);
    }
    for (int i = 0; i < n && all >= 0x10000; i++) {
        uint32_t rune = cells[i].rune;
        if (rune < 0x10000)
            continue;
        if (rune & CELL_CLUSTER || !(cells[i].attr & CELL_WIDE))
            return 0;
        vt_pack_unit(out, i, 0xd7c0 + (rune >> 10));
        vt_pack_unit(out, ++i, 0xdc00 | (rune & 0x3ff));
        cost++;
    }
    return cost;
}

/* Packs a cell whose rune is 0x800 or more. */
static inline char *vt_pack_rune(const struct cell_pool *pool, const struct cell *cell, char *out)
{
    uint32_t rune = cell->rune;
    *out = VT_TOKEN_WIDE; /* without a branch: kept only before a wide one */
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

/* A cell as two words; compared as such, without its fields one by one. */
struct vt_words {
    uint64_t low, high;
};

static inline struct vt_words vt_words_of(const struct cell *cell)
{
    struct vt_words words;
    memcpy(&words, cell, sizeof words);
    return words;
}

/* Tells how a cell differs in the bits of a mask: 0, not at all. */
static inline uint64_t vt_differs(const struct cell *cell, struct vt_words style,
                                  struct vt_words mask)
{
    struct vt_words words = vt_words_of(cell);
    return ((words.low ^ style.low) & mask.low) | ((words.high ^ style.high) & mask.high);
}

static size_t vt_pack_cells(const struct cell_pool *pool, const struct cell *cells, int count,
                            char *out)
{
    const struct cell colours = {0, ~0u, ~0u, CELL_STYLE_MASK, 0xffff};
    const struct cell letters = {~0x7fu, ~0u, ~0u, CELL_STYLE_MASK, 0xffff};
    const struct vt_words styled = vt_words_of(&colours), plain = vt_words_of(&letters);
    const struct cell *cell = cells, *end = cells + count;
    struct vt_words style = {0, 0};
    char *at = out;
    while (cell < end) {
        uint32_t rune = cell->rune;
        if (end - cell >= 4 && /* most cells */
            !(vt_differs(cell, style, plain) | vt_differs(cell + 1, style, plain) |
              vt_differs(cell + 2, style, plain) | vt_differs(cell + 3, style, plain))) {
            at += vt_pack_plain(cell, 4, at);
            cell += 4;
            continue;
        }
        if (vt_differs(cell, style, styled)) {
            uint16_t attr = cell->attr & CELL_STYLE_MASK;
            style = vt_words_of(cell);
            style.low &= styled.low;
            style.high &= styled.high;
            *at++ = VT_TOKEN_STYLE;
            memcpy(at, &cell->fg, 8);
            memcpy(at + 8, &attr, 2);
            memcpy(at + 10, &cell->extra, 2);
            at += VT_TOKEN_STYLE_BYTES - 1;
        }
        if (rune < 0x800) { /* no branch between one byte and two: unpredictable */
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

static struct cell_style vt_style_of(const struct cell *cell)
{
    return (struct cell_style){cell->fg, cell->bg, cell->attr & CELL_STYLE_MASK,
                               cell->extra};
}

static int vt_has_style(struct cell_style style)
{
    return (style.fg | style.bg | style.attr | style.extra) != 0;
}

static int vt_cell_width(const struct cell *cell)
{
    return cell->attr & CELL_WIDE ? 2 : 1;
}

/* Returns where to pack a row of at most `most` bytes: its place in the ring, or beside it where
 * the ring is too full or ends. */
static char *vt_scroll_room(struct vt_scroll *s, size_t most)
{
    size_t at = s->start + s->n;
    at = at < s->cap ? at : at - s->cap;
    if (most && s->n + most <= s->cap && at + most <= s->cap)
        return s->bytes + at;
    if (s->packed.cap < most)
        buf_reserve(&s->packed, most);
    return s->packed.p;
}

/* Repeats n bytes. Returns how many they are then. */
static size_t vt_repeat_bytes(char *p, size_t n, size_t times)
{
    size_t all = n * times;
    for (size_t some; n < all; n += some) {
        some = n < all - n ? n : all - n;
        memcpy(p + n, p, some);
    }
    return all;
}

static void vt_scroll_keep(struct vt_scroll *s, const struct cell_pool *pool,
                           const struct cell *cells, int count, unsigned flags)
{
    int plain = !(flags & VT_LINE_CONTENT);
    int utf16 = (flags & VT_LINE_CONTENT) && !(flags & VT_LINE_STYLED);
    size_t most = (size_t)count * (plain ? 1 : VT_PACKED_CELL_MAX), n = 0, cost = 0;
    struct cell_style first = {0}, last = {0};
    int valid = flags & VT_LINE_REPEATS ? vt_cell_width(cells) : count;
    char *to = vt_scroll_room(s, most);
    if (utf16)
        cost = vt_pack_utf16(cells, valid, to), n = 2 * (size_t)valid;
    if (!cost) {
        utf16 = 0;
        n = plain ? vt_pack_plain(cells, valid, to) : vt_pack_cells(pool, cells, valid, to);
    }
    if (flags & VT_LINE_STYLED && count) {
        first = vt_style_of(cells);
        last = vt_style_of(cells + valid - 1);
    }
    if (valid < count) {
        size_t head = vt_has_style(first) ? VT_TOKEN_STYLE_BYTES : 0;
        size_t times = (size_t)(count / valid);
        n = head + vt_repeat_bytes(to + head, n - head, times);
        cost *= times;
    }
    cost = utf16 ? cost : n;
    if (vt_scroll_wraps(s)) { /* the style goes on, or ends: an unwrapped line has that once */
        cost -= vt_has_style(first) ? VT_TOKEN_STYLE_BYTES : 0;
        cost += cell_style_eq(first, s->last) ? 0 : VT_TOKEN_STYLE_BYTES;
    }
    s->last = last;
    vt_scroll_push(s, to, n, cost, utf16, flags & VT_LINE_WRAPPED);
}

static void vt_scroll_keep_text(struct vt_scroll *s, span line)
{
    while (line.n && line.p[line.n - 1] == ' ')
        line.n--;
    char *to = vt_scroll_room(s, line.n);
    for (size_t i = 0; i < line.n; i++)
        to[i] = line.p[i] == ' ' ? 0 : line.p[i];
    s->last = (struct cell_style){0};
    vt_scroll_push(s, to, line.n, line.n, 0, 0);
}

/* ---- unpacking ------------------------------------------------------------------------------ */

static int vt_unpack(struct cell_pool *pool, span s, struct cell *out, int most)
{
    struct cell cell = {0};
    size_t i = 0;
    int n = 0, wide = 0;
    while (i < s.n && n + wide < most) {
        unsigned char c = (unsigned char)s.p[i];
        size_t step = 1;
        if (c == VT_TOKEN_STYLE) {
            memcpy(&cell.fg, s.p + i + 1, 4);
            memcpy(&cell.bg, s.p + i + 5, 4);
            memcpy(&cell.attr, s.p + i + 9, 2);
            memcpy(&cell.extra, s.p + i + 11, 2);
            i += VT_TOKEN_STYLE_BYTES;
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

static int vt_unpack_utf16(span s, struct cell *out, int most)
{
    int n = s.n / 2 < (size_t)most ? (int)(s.n / 2) : most;
    for (int i = 0; i < n; i++) {
        uint16_t unit;
        memcpy(&unit, s.p + 2 * i, 2);
        out[i] = (struct cell){.rune = unit};
        if (i == 0 || unit < 0xdc00 || unit > VT_UTF16_TAIL)
            continue;
        if (unit != VT_UTF16_TAIL || out[i - 1].rune >> 10 == 0x36) /* the second of a pair */
            out[i - 1].rune = ((out[i - 1].rune - 0xd7c0) << 10) | (unit & 0x3ff);
        out[i].rune = 0;
        out[i].attr = CELL_TAIL;
        out[i - 1].attr = CELL_WIDE;
    }
    if (n && out[n - 1].rune >> 10 == 0x36)
        n--; /* half a character */
    return n;
}

static int vt_scroll_row(const struct vt_scroll *s, struct cell_pool *pool, int row,
                         struct cell *out, int most, int *wrapped)
{
    const struct vt_record *record = vt_record(s, s->count + row);
    buf whole = {0};
    span packed = {s->bytes + record->at, record->n};
    if (s->cap - record->at < record->n) {
        buf_reserve(&whole, record->n);
        vt_ring_read(s, record, whole.p);
        packed.p = whole.p;
    }
    int n = record->utf16 ? vt_unpack_utf16(packed, out, most) : vt_unpack(pool, packed, out, most);
    *wrapped = record->wrapped;
    buf_free(&whole);
    return n;
}

/* ---- links and underline colours ------------------------------------------------------------ */

static unsigned char *vt_ring_byte(const struct vt_scroll *s, const struct vt_record *record,
                                   size_t i)
{
    size_t at = record->at + i;
    return (unsigned char *)s->bytes + (at < s->cap ? at : at - s->cap);
}

/* Handles the style token at byte i of a row. Returns the bytes of its extra's link if it is now
 * marked first. */
static size_t vt_scroll_mark_style(struct vt_scroll *s, const struct vt_record *record, size_t i,
                                   const struct cell_pool *pool, int room, unsigned char *used)
{
    unsigned char *low = vt_ring_byte(s, record, i + 11), *high = vt_ring_byte(s, record, i + 12);
    unsigned char bytes[2] = {*low, *high};
    uint16_t extra;
    memcpy(&extra, bytes, 2);
    if (!extra || used[extra])
        return 0;
    if (!room) {
        *low = *high = 0;
        return 0;
    }
    used[extra] = 1;
    return cell_extra_of(pool, extra).n + 1;
}

static void vt_scroll_mark_extras(struct vt_scroll *s, const struct cell_pool *pool,
                                  unsigned char *used)
{
    size_t bytes = 0;
    int count = 0;
    for (int i = 1; i <= CELL_EXTRAS_MAX; i++) {
        count += used[i];
        bytes += used[i] ? cell_extra_of(pool, (unsigned)i).n : 0;
    }
    for (int row = s->count; row-- > 0;) {
        const struct vt_record *record = vt_record(s, row);
        for (size_t i = 0; i < record->n && !record->utf16; i++) {
            unsigned char c = *vt_ring_byte(s, record, i);
            if (c == VT_TOKEN_STYLE) {
                int room = count < CELL_EXTRAS_MAX / 4 * 3 && bytes < CELL_LINKS_BYTES / 4 * 3;
                size_t n = vt_scroll_mark_style(s, record, i, pool, room, used);
                count += n > 0;
                bytes += n;
                i += VT_TOKEN_STYLE_BYTES - 1;
            } else if (c == VT_TOKEN_CLUSTER) {
                i += 1 + *vt_ring_byte(s, record, i + 1);
            }
        }
    }
}
