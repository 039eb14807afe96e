/* Fuzz target of pager: any text gives visible text of known looks, lines and rows that lie within
 * it in order, whole at every width; no key leaves its place; and nothing is drawn elsewhere. */

static void fuzz_pager_require(int ok)
{
    if (!ok)
        abort();
}

/* The corpus knows no Markdown: half of the bytes stand for some. */
static void fuzz_pager_text(span data, buf *text)
{
    static const char *const words[] = {
        "**", "*", "_", "`", "```\n", "[a](b)", "[", "](", ")", "!", "# ", "> ", "- ", "1. ", "\\",
        "\n", "\r\n", "\t", "a", " b ", "\xe6\xbc\xa2", "e\xcc\x81", "   ", "~~~\n", "---\n"};
    for (size_t i = 0; i < data.n; i++) {
        unsigned char c = (unsigned char)data.p[i];
        if (c & 1)
            buf_str(text, words[c / 2 % COUNT_OF(words)]);
        else
            buf_byte(text, (char)c);
    }
}

static void fuzz_pager_check(const struct pager *p)
{
    size_t at = 0;
    fuzz_pager_require(p->shown.n == p->looks.n);
    for (size_t i = 0; i < p->shown.n; i++)
        fuzz_pager_require(((unsigned char)p->shown.p[i] >= ' ' || p->shown.p[i] == '\n') &&
                           (unsigned char)p->looks.p[i] < PAGER_LOOKS);
    for (int i = 0; i < p->line_count; i++) {
        fuzz_pager_require(p->lines[i].at == at && p->lines[i].end >= at);
        at = p->lines[i].end + 1;
    }
    fuzz_pager_require(at == p->shown.n);
    for (int i = 0; i < p->row_count; i++) {
        const struct pager_row *row = &p->rows[i];
        fuzz_pager_require(row->at >= p->lines[row->line].at &&
                           row->at <= row->end && row->end <= p->lines[row->line].end);
        fuzz_pager_require(i == 0 || row->at >= p->rows[i - 1].end);
    }
}

static void fuzz_pager_press(struct pager *p, uint32_t key)
{
    switch (key % 10) {
    case 0: pager_scroll(p, (int)(key % 7) - 3); break;
    case 1: pager_page(p, key % 2 ? 1 : -1); break;
    case 2: pager_go(p, key % 4 == 0); break;
    case 3: pager_type(p, "/|"[key / 6 % 2]); break;
    case 4: pager_next(p, key % 8 == 4 ? 1 : -1); break;
    case 5: pager_select(p); break;
    case 6: pager_move_col(p, (int)(key % 7) - 3); break;
    case 7: pager_next_prompt(p, key % 20 == 7 ? 1 : -1); break;
    case 8: p->whole ^= 1, p->exact ^= key / 10 & 1, pager_find_again(p); break;
    default: {
        buf text = {0};
        pager_put_selected(p, &text);
        fuzz_pager_require(text.n <= 2 * p->shown.n + 1);
        buf_free(&text);
    }
    }
}

static void fuzz_pager_use(struct pager *p, struct grid *g, span keys)
{
    for (size_t i = 0; i < keys.n && i < 40; i++) {
        struct term_event ev = {.type = TERM_KEY, .key = (unsigned char)keys.p[i]};
        if (ev.key >= 0xe0 && ev.key < 0xf0)
            ev = (struct term_event){.type = TERM_MOUSE, .mouse = keys.p[i] & 3,
                                     .row = keys.p[i] & 7, .col = keys.p[i] & 15,
                                     .mods = keys.p[i] & TERM_ALT};
        if (ev.key >= 0xf0)
            ev.key = TERM_UP + (ev.key & 7);
        if (!pager_event(p, &ev))
            fuzz_pager_press(p, ev.key);
        pager_draw(p, g, keys.p[i] % 4, keys.p[i] % 7, keys.p[i] % 5, keys.p[i] % 23);
        fuzz_pager_require(p->top >= 0 && (p->top < p->row_count || p->top == 0));
        fuzz_pager_require(p->hit < p->hit_count && p->needle.n <= 3 * PAGER_NEEDLE_MAX);
    }
}

static int fuzz_pager(const uint8_t *data, size_t size)
{
    struct pager p = {0};
    struct grid g = {0};
    span s = {(const char *)data, size};
    buf text = {0};
    if (size < 2)
        return 0;
    fuzz_pager_text(span_sub(s, 2), &text);
    char *copy = malloc(text.n ? text.n : 1); /* its end is guarded by the address sanitizer */
    if (text.n)
        memcpy(copy, text.p, text.n);
    grid_resize(&g, 5, 20);
    pager_set(&p, "title", (span){copy, text.n}, data[0] & 1);
    free(copy);
    fuzz_pager_check(&p);
    pager_draw(&p, &g, 0, 0, 5, 1 + data[1] % 20);
    fuzz_pager_check(&p);
    fuzz_pager_use(&p, &g, s);
    fuzz_pager_check(&p);
    pager_free(&p);
    grid_free(&g);
    buf_free(&text);
    return 0;
}
