#include "screen.h"

/* cell - one place of a terminal screen: graphemes and their columns, styles as SGR.
 *
 * Graphemes follow UAX 29 as far as terminals show them: combining marks and other code points of
 * no width, variation selectors, emoji modifiers, ZWJ sequences, pairs of regional indicators
 * (flags), keycaps, conjoining Hangul. Left out: prepended marks and spacing marks (Indic vowel
 * signs), which terminals give columns of their own, and narrowing by VS15, which few terminals do.
 *
 * SGR is ECMA-48 8.3.117 with the xterm additions: 38/48 in the ';' form, 90-97 and 100-107, 4:n
 * underlines, 53/55 overline. */

enum cell_class {
    CELL_CLASS_NONE, /* before the first code point */
    CELL_CLASS_OTHER,
    CELL_CLASS_CONTROL,
    CELL_CLASS_EXTEND,
    CELL_CLASS_ZWJ,
    CELL_CLASS_VS16,
    CELL_CLASS_KEYCAP,   /* # * 0-9: VS16 makes them emoji */
    CELL_CLASS_EMOJI,
    CELL_CLASS_MODIFIER, /* skin tone */
    CELL_CLASS_REGIONAL,
    CELL_CLASS_L,        /* Hangul: leading consonant, vowel, trailing consonant, whole syllables */
    CELL_CLASS_V,
    CELL_CLASS_T,
    CELL_CLASS_LV,
    CELL_CLASS_LVT
};

/* A grapheme so far: what decides whether the next code point belongs to it. */
struct cell_cluster {
    enum cell_class last;
    int emoji; /* it began with an emoji */
    int width;
};

static enum cell_class cell_classify_ascii(uint32_t cp)
{
    if (cp < 0x20 || cp == 0x7f)
        return CELL_CLASS_CONTROL;
    if ((cp >= '0' && cp <= '9') || cp == '#' || cp == '*')
        return CELL_CLASS_KEYCAP;
    return CELL_CLASS_OTHER;
}

static enum cell_class cell_classify_hangul(uint32_t cp)
{
    if ((cp >= 0x1100 && cp <= 0x115f) || (cp >= 0xa960 && cp <= 0xa97c))
        return CELL_CLASS_L;
    if ((cp >= 0x1160 && cp <= 0x11a7) || (cp >= 0xd7b0 && cp <= 0xd7c6))
        return CELL_CLASS_V;
    if ((cp >= 0x11a8 && cp <= 0x11ff) || (cp >= 0xd7cb && cp <= 0xd7fb))
        return CELL_CLASS_T;
    if (cp >= 0xac00 && cp <= 0xd7a3)
        return (cp - 0xac00) % 28 == 0 ? CELL_CLASS_LV : CELL_CLASS_LVT;
    return CELL_CLASS_NONE;
}

static enum cell_class cell_classify(uint32_t cp)
{
    enum cell_class hangul;
    if (cp < 0x80)
        return cell_classify_ascii(cp);
    if (cp >= 0x3400 && cp < 0xa000) /* ideographs: most wide text */
        return CELL_CLASS_OTHER;
    if (cp == 0x200d)
        return CELL_CLASS_ZWJ;
    if (cp == 0xfe0f)
        return CELL_CLASS_VS16;
    if (cp >= 0x1f1e6 && cp <= 0x1f1ff)
        return CELL_CLASS_REGIONAL;
    if (cp >= 0x1f3fb && cp <= 0x1f3ff)
        return CELL_CLASS_MODIFIER;
    hangul = cell_classify_hangul(cp);
    if (hangul != CELL_CLASS_NONE)
        return hangul;
    if (cp < 0xa0)
        return CELL_CLASS_CONTROL;
    if (utf8_is_emoji(cp))
        return CELL_CLASS_EMOJI;
    return cp >= 0x300 && utf8_width(cp) == 0 ? CELL_CLASS_EXTEND : CELL_CLASS_OTHER;
}

static int cell_class_joins(const struct cell_cluster *c, enum cell_class next, uint32_t cp)
{
    enum cell_class last = c->last;
    if (last == CELL_CLASS_NONE || last == CELL_CLASS_CONTROL)
        return 0;
    switch (next) {
    case CELL_CLASS_EXTEND:
    case CELL_CLASS_ZWJ:
    case CELL_CLASS_VS16:
        return 1;
    case CELL_CLASS_MODIFIER:
        return c->emoji && (last == CELL_CLASS_EMOJI || last == CELL_CLASS_VS16);
    case CELL_CLASS_EMOJI:
        return c->emoji && last == CELL_CLASS_ZWJ;
    case CELL_CLASS_REGIONAL:
        return last == CELL_CLASS_REGIONAL;
    case CELL_CLASS_L:
    case CELL_CLASS_LV:
    case CELL_CLASS_LVT:
        return last == CELL_CLASS_L;
    case CELL_CLASS_V: /* terminals that know no jamo give these no width */
    case CELL_CLASS_T:
        if (utf8_width(cp) == 0 || last == CELL_CLASS_V || last == CELL_CLASS_LV)
            return 1;
        if (next == CELL_CLASS_T)
            return last == CELL_CLASS_T || last == CELL_CLASS_LVT;
        return last == CELL_CLASS_L;
    default:
        return 0;
    }
}

/* Returns 0, having changed nothing, when cp doesn't belong there. */
static int cell_cluster_add(struct cell_cluster *c, uint32_t cp)
{
    enum cell_class next = cell_classify(cp);
    int first = c->last == CELL_CLASS_NONE;
    int width = next == CELL_CLASS_CONTROL ? 1 : utf8_width(cp);
    if (!first && !cell_class_joins(c, next, cp))
        return 0;
    if (first)
        c->emoji = next == CELL_CLASS_EMOJI;
    if (width > c->width)
        c->width = width;
    if (next == CELL_CLASS_VS16 && (c->last == CELL_CLASS_EMOJI || c->last == CELL_CLASS_KEYCAP))
        c->width = 2;
    if (next == CELL_CLASS_REGIONAL && !first) {
        c->width = 2;
        next = CELL_CLASS_OTHER; /* a third one begins the next flag */
    }
    c->last = next;
    return 1;
}

/* Like utf8_next, but an unfinished sequence at the end is one malformed character. */
static size_t cell_next_rune(span s, uint32_t *cp)
{
    size_t n = utf8_next(s, cp);
    if (n == 0) {
        *cp = 0xfffd;
        return s.n;
    }
    return n;
}

static int cell_is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f;
}

static size_t cell_next_grapheme(span s, int *width)
{
    struct cell_cluster c = {CELL_CLASS_NONE, 0, 0};
    size_t n = 0;
    if (cell_is_plain((unsigned char)s.p[0]) && (s.n == 1 || (unsigned char)s.p[1] < 0x80)) {
        *width = 1;
        return 1;
    }
    while (n < s.n) {
        uint32_t cp;
        size_t step = cell_next_rune(span_sub(s, n), &cp);
        if (!cell_cluster_add(&c, cp))
            break;
        n += step;
    }
    *width = c.width;
    return n;
}

static size_t cell_fit(span s, int columns, int *used)
{
    size_t n = 0;
    int total = 0;
    while (n < s.n) {
        int width;
        size_t step = cell_next_grapheme(span_sub(s, n), &width);
        if (width > columns - total)
            break;
        total += width;
        n += step;
    }
    *used = total;
    return n;
}

static int cell_columns(span s)
{
    int used;
    cell_fit(s, INT_MAX, &used);
    return used;
}

/* ---- the pool ------------------------------------------------------------------------------- */

static size_t cell_text(const struct cell_pool *pool, uint32_t rune, char out[CELL_TEXT_MAX])
{
    uint32_t entry = rune & ~CELL_CLUSTER;
    if (!(rune & CELL_CLUSTER))
        return utf8_encode(rune ? rune : ' ', out);
    if (entry >= pool->count)
        return utf8_encode(0xfffd, out);
    memcpy(out, pool->text[entry] + 1, (unsigned char)pool->text[entry][0]);
    return (unsigned char)pool->text[entry][0];
}

static uint32_t cell_hash(span s)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 16777619u;
    return h ^ h >> 15;
}

/* Returns the index slot of s, or the empty slot where it belongs. */
static uint32_t *cell_pool_slot(const struct cell_pool *pool, span s)
{
    uint32_t mask = pool->index_cap - 1, at = cell_hash(s) & mask;
    for (;; at = (at + 1) & mask) {
        const char *text;
        if (pool->index[at] == 0)
            return &pool->index[at];
        text = pool->text[pool->index[at] - 1];
        if ((unsigned char)text[0] == s.n && memcmp(text + 1, s.p, s.n) == 0)
            return &pool->index[at];
    }
}

static void cell_pool_grow(struct cell_pool *pool)
{
    pool->cap = pool->cap ? pool->cap * 2 : 8;
    pool->text = base_grow(pool->text, pool->cap * sizeof *pool->text);
    free(pool->index);
    pool->index_cap = pool->cap * 2; /* a power of two, at most half full */
    pool->index = base_alloc(pool->index_cap * sizeof *pool->index);
    for (uint32_t i = 0; i < pool->count; i++) {
        span s = {pool->text[i] + 1, (unsigned char)pool->text[i][0]};
        *cell_pool_slot(pool, s) = i + 1;
    }
}

/* Returns the rune of a text of several code points, at most CELL_TEXT_MAX - 1 bytes; `otherwise`
 * when the pool is full. */
static uint32_t cell_pool_add(struct cell_pool *pool, span s, uint32_t otherwise)
{
    uint32_t *slot;
    if (pool->count == pool->cap && pool->count < CELL_CLUSTERS_MAX)
        cell_pool_grow(pool);
    if (pool->index_cap == 0)
        return otherwise;
    slot = cell_pool_slot(pool, s);
    if (*slot)
        return CELL_CLUSTER | (*slot - 1);
    if (pool->count >= CELL_CLUSTERS_MAX)
        return otherwise;
    pool->text[pool->count][0] = (char)s.n;
    memcpy(pool->text[pool->count] + 1, s.p, s.n);
    *slot = ++pool->count;
    return CELL_CLUSTER | (pool->count - 1);
}

static struct cell_extra cell_extra_of(const struct cell_pool *pool, unsigned extra)
{
    return extra && (int)extra <= pool->extra_end ? pool->extras[extra - 1]
                                                    : (struct cell_extra){0, 0, NULL};
}

static int cell_extra_is(const struct cell_extra *e, uint32_t underline, span link)
{
    return e->underline == underline && e->n == link.n &&
           (!link.n || memcmp(e->link, link.p, link.n) == 0);
}

static uint16_t cell_extra_add(struct cell_pool *pool, uint32_t underline, span link)
{
    int at = pool->extra_end;
    if (!underline && !link.n)
        return 0;
    for (int i = at; i-- > 0;) { /* the newest first: they repeat */
        if (cell_extra_is(&pool->extras[i], underline, link))
            return (uint16_t)(i + 1);
        if (!pool->extras[i].underline && !pool->extras[i].n)
            at = i;
    }
    if (at == CELL_EXTRAS_MAX || pool->link_bytes + link.n > CELL_LINKS_BYTES)
        return 0;
    if (!pool->extras)
        pool->extras = base_alloc(CELL_EXTRAS_MAX * sizeof *pool->extras);
    pool->extras[at] = (struct cell_extra){underline, link.n, link.n ? span_dup(link) : NULL};
    pool->extra_end += at == pool->extra_end;
    pool->extra_count++;
    pool->link_bytes += link.n;
    return (uint16_t)(at + 1);
}

static void cell_extra_keep(struct cell_pool *pool, const unsigned char *used)
{
    for (int i = 0; i < pool->extra_end; i++) {
        struct cell_extra *e = &pool->extras[i];
        if (used[i + 1] || (!e->underline && !e->n))
            continue;
        pool->extra_count--;
        pool->link_bytes -= e->n;
        free(e->link);
        *e = (struct cell_extra){0};
    }
}

static void cell_pool_replace(struct cell_pool *pool, const struct cell_pool *fresh)
{
    free(pool->text);
    free(pool->index);
    pool->text = fresh->text;
    pool->index = fresh->index;
    pool->count = fresh->count;
    pool->cap = fresh->cap;
    pool->index_cap = fresh->index_cap;
}

static void cell_pool_free(struct cell_pool *pool)
{
    for (int i = 0; i < pool->extra_end; i++)
        free(pool->extras[i].link);
    free(pool->extras);
    free(pool->text);
    free(pool->index);
    *pool = (struct cell_pool){0};
}

static struct cell_cluster cell_cluster_of(const struct cell_pool *pool, uint32_t rune)
{
    struct cell_cluster c = {CELL_CLASS_NONE, 0, 0};
    char text[CELL_TEXT_MAX];
    span s = {text, cell_text(pool, rune, text)};
    while (s.n) {
        uint32_t cp;
        s = span_sub(s, cell_next_rune(s, &cp));
        cell_cluster_add(&c, cp);
    }
    return c;
}

static int cell_joins(const struct cell_pool *pool, uint32_t rune, uint32_t cp)
{
    enum cell_class next = cell_classify(cp);
    struct cell_cluster c;
    if (next <= CELL_CLASS_CONTROL || next == CELL_CLASS_KEYCAP)
        return 0;
    c = cell_cluster_of(pool, rune);
    return cell_class_joins(&c, next, cp);
}

static int cell_width(const struct cell_pool *pool, uint32_t rune)
{
    return cell_cluster_of(pool, rune).width;
}

static uint32_t cell_append(struct cell_pool *pool, uint32_t rune, uint32_t cp)
{
    char text[CELL_TEXT_MAX + 4];
    size_t n = cell_text(pool, rune, text);
    n += utf8_encode(cp, text + n);
    if (n > CELL_TEXT_MAX - 1)
        return rune;
    return cell_pool_add(pool, (span){text, n}, rune);
}

static uint32_t cell_rune(struct cell_pool *pool, span grapheme)
{
    char text[CELL_TEXT_MAX + 4];
    size_t n = 0, read = 0;
    uint32_t cp, first = 0;
    while (read < grapheme.n) {
        size_t step;
        read += cell_next_rune(span_sub(grapheme, read), &cp);
        if (n == 0)
            first = cp;
        step = utf8_encode(cp, text + n);
        if (n + step > CELL_TEXT_MAX - 1)
            break;
        n += step;
        if (read == grapheme.n && n == step)
            return cp == ' ' ? 0 : cp; /* the usual case: one code point */
    }
    return n ? cell_pool_add(pool, (span){text, n}, first) : 0;
}

/* ---- styles --------------------------------------------------------------------------------- */

/* xterm's colours of the first 16 entries of the palette. */
static const uint32_t cell_palette[16] = {
    0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5,
    0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff,
};

/* SGR codes that set and clear one attribute each; but 22 clears bold and dim. */
static const struct {
    unsigned attr;
    unsigned char on, off;
} cell_attr_codes[] = {
    {CELL_BOLD, 1, 22},   {CELL_DIM, 2, 22},    {CELL_ITALIC, 3, 23}, {CELL_BLINK, 5, 25},
    {CELL_REVERSE, 7, 27}, {CELL_HIDDEN, 8, 28}, {CELL_STRIKE, 9, 29}, {CELL_OVERLINE, 53, 55},
};

static uint32_t cell_distance(uint32_t a, uint32_t b)
{
    int red = (int)(a >> 16 & 255) - (int)(b >> 16 & 255);
    int green = (int)(a >> 8 & 255) - (int)(b >> 8 & 255);
    int blue = (int)(a & 255) - (int)(b & 255);
    return (uint32_t)(red * red + green * green + blue * blue);
}

static uint32_t cell_cube_level(uint32_t i)
{
    return i ? 55 + 40 * i : 0;
}

static uint32_t cell_palette_rgb(uint32_t i)
{
    if (i < 16)
        return cell_palette[i];
    if (i >= 232)
        return (8 + 10 * (i - 232)) * 0x010101u;
    i -= 16;
    return cell_cube_level(i / 36) << 16 | cell_cube_level(i / 6 % 6) << 8 | cell_cube_level(i % 6);
}

static uint32_t cell_nearest_level(uint32_t v)
{
    return v < 48 ? 0 : v < 115 ? 1 : (v - 35) / 40;
}

/* Returns the nearest entry of the palette's cube and greys; the first 16 the user may have
 * changed. */
static uint32_t cell_nearest_256(uint32_t rgb)
{
    uint32_t red = rgb >> 16 & 255, green = rgb >> 8 & 255, blue = rgb & 255;
    uint32_t mean = (red + green + blue) / 3;
    uint32_t grey = 232 + (mean < 8 ? 0 : mean > 238 ? 23 : (mean - 3) / 10);
    uint32_t cube = 16 + 36 * cell_nearest_level(red) + 6 * cell_nearest_level(green) +
                    cell_nearest_level(blue);
    if (cell_distance(rgb, cell_palette_rgb(grey)) < cell_distance(rgb, cell_palette_rgb(cube)))
        return grey;
    return cube;
}

static uint32_t cell_nearest_16(uint32_t rgb)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < 16; i++)
        if (cell_distance(rgb, cell_palette[i]) < cell_distance(rgb, cell_palette[best]))
            best = i;
    return best;
}

static uint32_t cell_reduce_colour(uint32_t colour, enum cell_depth depth)
{
    if (colour == 0 || depth == CELL_TRUE)
        return colour;
    if (depth == CELL_MONO)
        return 0;
    if (depth > CELL_16)
        return colour & CELL_RGB ? CELL_INDEXED | cell_nearest_256(colour & 0xffffff) : colour;
    if (colour & CELL_RGB)
        return CELL_INDEXED | cell_nearest_16(colour & 0xffffff);
    if ((colour & 255) < 16)
        return colour;
    return CELL_INDEXED | cell_nearest_16(cell_palette_rgb(colour & 255));
}

static struct cell_style cell_reduce(struct cell_style s, enum cell_depth depth)
{
    s.fg = cell_reduce_colour(s.fg, depth);
    s.bg = cell_reduce_colour(s.bg, depth);
    s.attr &= CELL_LOOKS_MASK;
    if (depth < CELL_256 && s.attr & CELL_UNDERLINE) /* such terminals don't know 4:n */
        s.attr = (uint16_t)((s.attr & ~CELL_UNDERLINE) | 1 << CELL_UNDERLINE_SHIFT);
    return s;
}

static int cell_style_eq(struct cell_style a, struct cell_style b)
{
    return a.fg == b.fg && a.bg == b.bg && a.extra == b.extra &&
           ((a.attr ^ b.attr) & CELL_STYLE_MASK) == 0;
}

/* Room for every attribute and two 38;2;255;255;255. */
struct cell_sgr {
    size_t n;
    char text[96];
};

static void cell_sgr_number(struct cell_sgr *sgr, unsigned v, char separator)
{
    if (separator && sgr->n)
        sgr->text[sgr->n++] = separator;
    if (v >= 100)
        sgr->text[sgr->n++] = (char)('0' + v / 100);
    if (v >= 10)
        sgr->text[sgr->n++] = (char)('0' + v / 10 % 10);
    sgr->text[sgr->n++] = (char)('0' + v % 10);
}

/* base: 30 for the foreground, 40 for the background. */
static void cell_sgr_colour(struct cell_sgr *sgr, uint32_t colour, unsigned base)
{
    unsigned i = colour & 255;
    if (colour & CELL_RGB) {
        cell_sgr_number(sgr, base + 8, ';');
        cell_sgr_number(sgr, 2, ';');
        cell_sgr_number(sgr, colour >> 16 & 255, ';');
        cell_sgr_number(sgr, colour >> 8 & 255, ';');
        cell_sgr_number(sgr, i, ';');
    } else if (!(colour & CELL_INDEXED)) {
        cell_sgr_number(sgr, base + 9, ';');
    } else if (i < 16) {
        cell_sgr_number(sgr, i < 8 ? base + i : base + 60 + i - 8, ';');
    } else {
        cell_sgr_number(sgr, base + 8, ';');
        cell_sgr_number(sgr, 5, ';');
        cell_sgr_number(sgr, i, ';');
    }
}

static void cell_sgr_underline(struct cell_sgr *sgr, unsigned style)
{
    if (style == 0) {
        cell_sgr_number(sgr, 24, ';');
        return;
    }
    cell_sgr_number(sgr, 4, ';');
    if (style > 1)
        cell_sgr_number(sgr, style, ':');
}

/* Appends the codes from one style to the other, without a reset. */
static void cell_sgr_change(struct cell_sgr *sgr, struct cell_style from, struct cell_style to)
{
    unsigned have = from.attr, want = to.attr;
    if (have & ~want & (CELL_BOLD | CELL_DIM)) {
        cell_sgr_number(sgr, 22, ';');
        have &= ~(unsigned)(CELL_BOLD | CELL_DIM);
    }
    for (size_t i = 0; i < COUNT_OF(cell_attr_codes); i++) {
        int on = (want & cell_attr_codes[i].attr) != 0;
        if ((have ^ want) & cell_attr_codes[i].attr)
            cell_sgr_number(sgr, on ? cell_attr_codes[i].on : cell_attr_codes[i].off, ';');
    }
    if ((have ^ want) & CELL_UNDERLINE)
        cell_sgr_underline(sgr, (want & CELL_UNDERLINE) >> CELL_UNDERLINE_SHIFT);
    if (from.fg != to.fg)
        cell_sgr_colour(sgr, to.fg, 30);
    if (from.bg != to.bg)
        cell_sgr_colour(sgr, to.bg, 40);
}

static void cell_put_sgr(buf *b, struct cell_style from, struct cell_style to,
                         enum cell_depth depth)
{
    const struct cell_style plain = {0};
    struct cell_sgr change = {0, ""}, anew = {0, ""};
    const struct cell_sgr *best = &change;
    from = cell_reduce(from, depth);
    to = cell_reduce(to, depth);
    if (cell_style_eq(from, to))
        return;
    cell_sgr_change(&change, from, to);
    if (!change.n)
        return; /* only extras differ */
    if (!from.extra && !cell_style_eq(from, plain)) { /* a reset would end an underline's colour */
        cell_sgr_change(&anew, plain, to);
        if (anew.n + (anew.n > 0) < change.n) /* "\33[;…m": the empty first parameter resets */
            best = &anew;
    }
    buf_add(b, "\33[;", best == &anew && anew.n ? 3 : 2);
    buf_add(b, best->text, best->n);
    buf_byte(b, 'm');
}

/* The colour with colons: terminals that don't know it would take semicolons for attributes. */
static void cell_put_underline(buf *b, uint32_t colour)
{
    if (colour & CELL_RGB)
        buf_fmt(b, "\33[58:2::%d:%d:%dm", (int)(colour >> 16 & 255), (int)(colour >> 8 & 255),
                (int)(colour & 255));
    else if (colour)
        buf_fmt(b, "\33[58:5:%dm", (int)(colour & 255));
    else
        buf_str(b, "\33[59m");
}

static void cell_put_extra(buf *b, const struct cell_pool *pool, unsigned from, unsigned to,
                           enum cell_depth depth, int links)
{
    struct cell_extra old = cell_extra_of(pool, from), now = cell_extra_of(pool, to);
    span link = {now.link, now.n};
    if (depth >= CELL_256 && old.underline != now.underline)
        cell_put_underline(b, now.underline);
    if (!links || cell_extra_is(&old, old.underline, link))
        return;
    buf_str(b, "\33]8;");
    if (links > 1 && link.n && link.p[0] == ';')
        buf_fmt(b, "id=telec%d", (int)to);
    buf_span(b, link.n ? link : span_of(";"));
    buf_str(b, "\33\\");
}
