#include "private.h"

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

