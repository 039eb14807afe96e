/* Fuzz target of term and grid. The decoder: any split of the input gives the same events. The
 * grid: frames replayed into the emulator show what was drawn. */

static void fuzz_term_require(int ok)
{
    if (!ok)
        abort();
}

static void fuzz_term_describe(buf *b, const struct term_event *ev)
{
    const long long values[] = {ev->type, ev->key, ev->mods, ev->mouse, ev->button, ev->row,
                                ev->col, ev->colour, ev->mode, ev->value, (long long)ev->text.n};

    if (ev->type != TERM_PASTE) /* which comes in pieces */
        buf_add(b, values, sizeof(values));
    else if (ev->first)
        buf_str(b, "paste");
    buf_span(b, ev->text);
    buf_str(b, ev->last ? "end" : "");
}

/* The events of data, given in pieces whose sizes `seed` decides (0: all at once). */
static void fuzz_term_events(span data, uint32_t seed, buf *out)
{
    struct term_input st = {0, 0};
    struct term_event ev;
    buf in = {0};
    size_t used;
    int end = 0;

    while (!end) {
        size_t piece = seed ? seed >> 16 & 7 : data.n;
        seed = seed * 1103515245 + (seed != 0) * 12345;
        piece = piece < data.n ? piece : data.n;
        end = data.n == 0;
        buf_add(&in, data.p, piece);
        data = span_sub(data, piece);
        while (term_decode(&st, buf_view(&in), end, &used, &ev) == PARSE_DONE) {
            fuzz_term_require((used > 0 || ev.last) && used <= in.n);
            fuzz_term_describe(out, &ev);
            buf_drop(&in, used);
        }
        fuzz_term_require(used <= in.n);
        buf_drop(&in, used);
        /* what is kept is bounded, and after the end nothing is */
        fuzz_term_require(in.n <= TERM_STRING_MAX && (!end || in.n == 0));
    }
    buf_free(&in);
}

static void fuzz_term_decode(span data, uint32_t seed)
{
    buf whole = {0}, pieces = {0};

    fuzz_term_events(data, 0, &whole);
    fuzz_term_events(data, seed | 1, &pieces);
    fuzz_term_require(whole.n == pieces.n &&
                      (whole.n == 0 || memcmp(whole.p, pieces.p, whole.n) == 0));
    buf_free(&whole);
    buf_free(&pieces);
}

static int fuzz_term_is_blank(const struct cell *c)
{
    return (c->rune == 0 || c->rune == ' ') && !(c->attr & (CELL_WIDE | CELL_TAIL));
}

static void fuzz_term_compare(const struct grid *g, const struct vt *vt)
{
    int row, col;

    for (row = 0; row < g->rows; row++)
        for (col = 0; col < g->cols; col++) {
            const struct cell *a = &grid_back(g, row)[col], *b = &vt_row(vt, row)[col];
            char at[CELL_TEXT_MAX], bt[CELL_TEXT_MAX];
            size_t an = cell_text(&g->pool, a->rune, at), bn = cell_text(vt_pool(vt), b->rune, bt);
            struct cell_style as = {a->fg, a->bg, a->attr, 0}, bs = {b->fg, b->bg, b->attr, 0};
            if (fuzz_term_is_blank(a) && fuzz_term_is_blank(b) &&
                !((a->attr | b->attr) & GRID_DECORATED))
                as.fg = bs.fg = as.attr = bs.attr = 0;
            fuzz_term_require(an == bn && memcmp(at, bt, an) == 0);
            fuzz_term_require(!((a->attr ^ b->attr) & (CELL_WIDE | CELL_TAIL)));
            fuzz_term_require(cell_style_eq(as, bs));
        }
}

/* One drawing operation taken off data. */
static void fuzz_term_draw(struct grid *g, span *data)
{
    const unsigned char *p = (const unsigned char *)data->p;
    int row = p[1] % 8 - 1, col = p[2] % 24 - 2, width = p[3] % 24;
    struct cell_style style = {0, 0, (uint16_t)(p[4] & 0xff), 0};
    size_t n = p[5] % 32;

    style.fg = p[6] & 1 ? CELL_INDEXED | p[6] : p[6] & 2 ? CELL_RGB | p[6] * 0x10203u : 0;
    style.bg = p[7] & 1 ? CELL_INDEXED | p[7] : 0;
    *data = span_sub(*data, 8);
    n = n < data->n ? n : data->n;
    switch (p[0] % 6) {
    case 0:
        grid_clear(g);
        break;
    case 1:
        grid_fill(g, row, col, p[5] % 5, width, style);
        break;
    case 2:
        grid_restyle(g, row, col, width, style.attr);
        grid_ground(g, row, col, width, 0, style);
        break;
    default:
        grid_put(g, row, col, width, (span){data->p, n}, style);
        *data = span_sub(*data, n);
    }
}

static void fuzz_term_grid(span data, uint32_t seed)
{
    struct grid g = {0};
    int rows = 1 + (int)(seed & 7), cols = 1 + (int)(seed >> 3 & 31);
    struct vt *vt = vt_new(cols, rows);
    buf b = {0};

    grid_resize(&g, rows, cols);
    g.depth = CELL_TRUE;
    g.sync = (int)(seed >> 8 & 1);
    while (data.n >= 8) {
        int frame = data.p[0] & 64;
        if ((data.p[0] & 0x30) == 0x30)
            g.known = 0;
        fuzz_term_draw(&g, &data);
        if (!frame)
            continue;
        buf_clear(&b);
        grid_frame(&g, &b);
        vt_feed(vt, buf_view(&b));
        fuzz_term_compare(&g, vt);
        fuzz_term_require(vt_scroll_count(vt) == 0);
        buf_clear(&b);
        grid_frame(&g, &b);
        fuzz_term_require(b.n == 0);
    }
    buf_free(&b);
    grid_free(&g);
    vt_free(vt);
}

static int fuzz_term(const uint8_t *data, size_t size)
{
    span s = {(const char *)data, size};
    uint32_t seed;

    if (size < 3)
        return 0;
    seed = data[1] | (uint32_t)data[2] << 8;
    if (data[0] & 1)
        fuzz_term_decode(span_sub(s, 3), seed);
    else
        fuzz_term_grid(span_sub(s, 3), seed);
    return 0;
}
