/* Unit tests of cell: graphemes against hand-made cases, the pool, SGR against a small model of a
 * terminal. */

static void unit_cell_graphemes(void)
{
    test_begin("text is split into graphemes with their columns");
    static const struct {
        const char *text;
        size_t first;
        int width;
    } cases[] = {
        {"a", 1, 1},
        {"ab", 1, 1},
        {" b", 1, 1},
        {"\x1b[", 1, 1}, /* a control character stands alone */
        {"\x1b\xcc\x81", 1, 1},
        {"e\xcc\x81x", 3, 1}, /* e with an acute */
        {"e\xcc\x81\xcc\xa3x", 5, 1},
        {"\xcc\x81x", 2, 0}, /* a lone mark */
        {"\xc3\xa9", 2, 1},
        {"\xe4\xb8\xad\xe6\x96\x87", 3, 2},   /* two ideographs */
        {"\xe2\x9d\xa4x", 3, 1},              /* a heart as text */
        {"\xe2\x9d\xa4\xef\xb8\x8fx", 6, 2},  /* with VS16 */
        {"\xe2\x9d\xa4\xef\xb8\x8ex", 6, 1},  /* with VS15 */
        {"x\xef\xb8\x8fy", 4, 1},             /* VS16 after a letter changes nothing */
        {"1\xef\xb8\x8f\xe2\x83\xa3z", 7, 2}, /* keycap */
        {"#\xef\xb8\x8fz", 4, 2},
        {"\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 4, 2},  /* two faces */
        {"\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbdx", 8, 2}, /* thumb with a skin tone */
        {"\xe2\x98\x9d\xf0\x9f\x8f\xbdx", 7, 2},     /* a text emoji with a skin tone */
        {"x\xf0\x9f\x8f\xbd", 1, 1},                 /* a skin tone does not join a letter */
        {"\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa\xf0\x9f\x87\xab", 8, 2}, /* flag, then half of one */
        {"\xf0\x9f\x87\xa9x", 4, 1},
        {"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbbx", 11, 2},             /* woman ZWJ laptop */
        {"\xf0\x9f\x8f\xb3\xef\xb8\x8f\xe2\x80\x8d\xf0\x9f\x8c\x88x", 14, 2}, /* rainbow flag */
        {"x\xe2\x80\x8d\xf0\x9f\x92\xbb", 4, 1},         /* ZWJ after a letter joins nothing on */
        {"\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8x", 9, 2}, /* Hangul L V T */
        {"\xea\xb0\x80\xe1\x86\xa8x", 6, 2},             /* LV T */
        {"\xea\xb0\x80\xea\xb0\x80", 3, 2},              /* two syllables */
        {"\xf0\x9f\x8f\xb4\xf3\xa0\x81\xa7\xf3\xa0\x81\xa2\xf3\xa0\x81\xbfx", 16, 2}, /* tags */
        {"\xff\xff", 1, 1}, /* malformed */
        {"\xe4\xb8", 2, 1}, /* cut off */
        {"\xe4\xb8x", 2, 1},
        {"\xff\xcc\x81x", 3, 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        span s = span_of(cases[i].text);
        char *copy = guard_copy(s);
        int width = -1;
        size_t n = cell_next_grapheme((span){copy, s.n}, &width);
        if (n != cases[i].first || width != cases[i].width)
            printf("# case %d: %d bytes, width %d\n", (int)i, (int)n, width);
        CHECK_INT(n, cases[i].first);
        CHECK_INT(width, cases[i].width);
        guard_free(copy, s.n);
    }
}

static void unit_cell_fit(void)
{
    test_begin("text is cut at a column, never inside a grapheme");
    span s = span_of("a\xe4\xb8\xad" "e\xcc\x81x");
    int used;
    CHECK_INT(cell_columns(s), 5);
    CHECK_INT(cell_columns((span){NULL, 0}), 0);
    CHECK_INT(cell_fit(s, 0, &used), 0);
    CHECK_INT(cell_fit(s, 1, &used), 1);
    CHECK_INT(cell_fit(s, 2, &used), 1); /* half of a wide one does not fit */
    CHECK_INT(used, 1);
    CHECK_INT(cell_fit(s, 3, &used), 4);
    CHECK_INT(used, 3);
    CHECK_INT(cell_fit(s, 4, &used), 7); /* the accent goes with its letter */
    CHECK_INT(cell_fit(s, 99, &used), 8);
    CHECK_INT(used, 5);
}

/* Building a grapheme code point by code point gives the rune and width that it has as a whole. */
static void unit_cell_append(void)
{
    test_begin("a grapheme built one code point at a time is the same as a whole one");
    static const uint32_t letters[] = {'a',     ' ',    '1',     0x301,   0x200d,  0xfe0f, 0xfe0e,
                                       0x1f600, 0x2764, 0x1f3fd, 0x1f1e9, 0x1f1ea, 0x1100, 0x1161,
                                       0x11a8,  0xac00, 0xac01,  0x4e2d,  0xe9};
    struct cell_pool pool = {0};
    uint32_t seed = 7;
    for (int round = 0; round < 3000; round++) {
        char text[64], got[CELL_TEXT_MAX], want[CELL_TEXT_MAX];
        size_t n = 0, first;
        uint32_t rune = 0, whole;
        int width;
        for (int i = 0; i < 6; i++) {
            seed = seed * 1103515245 + 12345;
            n += utf8_encode(letters[seed >> 16 & 0xff ? (seed >> 16) % COUNT_OF(letters) : 0],
                             text + n);
        }
        first = cell_next_grapheme((span){text, n}, &width);
        whole = cell_rune(&pool, (span){text, first});
        for (n = 0; n < first;) {
            uint32_t cp;
            size_t start = n;
            n += utf8_next((span){text + n, first - n}, &cp);
            CHECK_INT(start == 0 || cell_joins(&pool, rune, cp), 1);
            rune = start == 0 ? (cp == ' ' ? 0 : cp) : cell_append(&pool, rune, cp);
        }
        n = cell_text(&pool, rune, got);
        if (pool.count < CELL_CLUSTERS_MAX) { /* a full one leaves code points out */
            CHECK_INT(rune, whole);
            CHECK_INT(n, first);
            CHECK(memcmp(got, text, n) == 0);
            CHECK_INT(cell_width(&pool, rune), width);
        }
        CHECK(cell_text(&pool, whole, want) <= first);
    }
    cell_pool_free(&pool);
    cell_pool_free(&pool);
}

static void unit_cell_pool_bounds(void)
{
    test_begin("the pool of graphemes is bounded");
    struct cell_pool pool = {0};
    char text[CELL_TEXT_MAX * 3], out[CELL_TEXT_MAX];
    uint32_t i, rune, first;
    size_t n;
    first = cell_append(&pool, 'a', 0x301);
    CHECK_INT(first, CELL_CLUSTER);
    for (i = 0; i < CELL_CLUSTERS_MAX + 50; i++) {
        rune = cell_append(&pool, 0x4e00 + i, 0x301);
        n = cell_text(&pool, rune, out);
        CHECK_INT(n, i + 1 < CELL_CLUSTERS_MAX ? 5 : 3);
    }
    CHECK_INT(pool.count, CELL_CLUSTERS_MAX);
    CHECK_INT(cell_append(&pool, 'a', 0x301), first); /* still found when full */
    CHECK_INT(cell_rune(&pool, span_of("z\xcc\x81")), 'z');
    CHECK_INT(cell_rune(&pool, span_of("a\xcc\x81")), first);
    cell_pool_free(&pool);
    for (n = 0; n < sizeof text - 2; n += 2) /* an endless pile of accents */
        memcpy(text + n, "\xcc\x81", 2);
    text[0] = 'a', text[1] = 'b';
    rune = cell_rune(&pool, (span){text + 1, n - 1});
    n = cell_text(&pool, rune, out);
    CHECK(n <= CELL_TEXT_MAX - 1 && n >= CELL_TEXT_MAX - 3);
    CHECK_INT(cell_append(&pool, rune, 0x1f600), rune);
    for (rune = 'a', i = 0; i < CELL_TEXT_MAX; i++) {
        rune = cell_append(&pool, rune, 0x20d0);
        CHECK(cell_text(&pool, rune, out) <= CELL_TEXT_MAX - 1);
    }
    CHECK_INT(cell_rune(&pool, (span){NULL, 0}), 0);
    CHECK_INT(cell_rune(&pool, span_of(" ")), 0);
    CHECK_INT(cell_rune(&pool, span_of("\xff")), 0xfffd);
    CHECK_INT(cell_text(&pool, 0, out), 1);
    CHECK_INT(out[0], ' ');
    CHECK_INT(cell_text(&pool, CELL_CLUSTER | 77, out), 3);
    cell_pool_free(&pool);
}

static void unit_cell_sgr_case(struct cell_style from, struct cell_style to, enum cell_depth depth,
                               const char *want)
{
    buf b = {0};
    cell_put_sgr(&b, from, to, depth);
    CHECK_SPAN(buf_view(&b), want);
    buf_free(&b);
}

static void unit_cell_sgr(void)
{
    test_begin("a change of style is the shortest sequence");
    const struct cell_style plain = {0}, bold = {0, 0, CELL_BOLD, 0},
                            red = {CELL_INDEXED | 1, 0, 0, 0};
    const struct cell_style loud = {CELL_INDEXED | 9, CELL_INDEXED | 200,
                                    CELL_BOLD | CELL_ITALIC | CELL_OVERLINE, 0};
    const struct cell_style dim = {0, 0, CELL_DIM, 0}, both = {0, 0, CELL_BOLD | CELL_DIM, 0};
    const struct cell_style curly = {0, 0, 3 << CELL_UNDERLINE_SHIFT, 0},
                            line = {0, 0, 1 << CELL_UNDERLINE_SHIFT, 0};
    const struct cell_style rgb = {CELL_RGB | 0xff8001, CELL_RGB | 0x0a0b0c, 0, 0};
    const struct cell_style wide = {0, 0, CELL_WIDE, 0};
    unit_cell_sgr_case(plain, plain, CELL_TRUE, "");
    unit_cell_sgr_case(plain, wide, CELL_TRUE, "");
    unit_cell_sgr_case(plain, bold, CELL_TRUE, "\33[1m");
    unit_cell_sgr_case(bold, plain, CELL_TRUE, "\33[m");
    unit_cell_sgr_case(loud, plain, CELL_TRUE, "\33[m");
    unit_cell_sgr_case(bold, dim, CELL_TRUE, "\33[;2m");
    unit_cell_sgr_case(both, dim, CELL_TRUE, "\33[;2m");
    unit_cell_sgr_case(plain, loud, CELL_256, "\33[1;3;53;91;48;5;200m");
    unit_cell_sgr_case(loud, red, CELL_256, "\33[;31m");
    unit_cell_sgr_case(red, plain, CELL_16, "\33[m");
    unit_cell_sgr_case(plain, red, CELL_MONO, "");
    unit_cell_sgr_case(plain, loud, CELL_MONO, "\33[1;3;53m");
    unit_cell_sgr_case(plain, curly, CELL_TRUE, "\33[4:3m");
    unit_cell_sgr_case(plain, line, CELL_TRUE, "\33[4m");
    unit_cell_sgr_case(line, curly, CELL_TRUE, "\33[4:3m");
    unit_cell_sgr_case(plain, curly, CELL_PLAIN, "\33[4m");
    unit_cell_sgr_case(line, curly, CELL_PLAIN, "");
    unit_cell_sgr_case(line, curly, CELL_16, "");
    unit_cell_sgr_case(plain, rgb, CELL_TRUE, "\33[38;2;255;128;1;48;2;10;11;12m");
    unit_cell_sgr_case(plain, rgb, CELL_256, "\33[38;5;208;48;5;232m");
    unit_cell_sgr_case(plain, rgb, CELL_16, "\33[33;40m");
    unit_cell_sgr_case(plain, loud, CELL_16, "\33[1;3;53;91;105m");
}

/* A terminal's reading of SGR; in one piece as every branch works on the same code and style. */
static struct cell_style unit_cell_apply(struct cell_style s, span text)
{
    while (text.n) {
        int code[8] = {0}, n = 0;
        size_t i = 2;
        CHECK(text.n > 2 && text.p[0] == '\33' && text.p[1] == '[');
        for (;; i++) {
            char c = i < text.n ? text.p[i] : 'm';
            if (c >= '0' && c <= '9') {
                code[n] = code[n] * 10 + c - '0';
                continue;
            }
            if (c == ':' ||
                ((code[0] == 38 || code[0] == 48) && n < (n && code[1] == 5 ? 2 : 4) && c == ';')) {
                n++;
                continue;
            }
            if (code[0] == 0)
                s = (struct cell_style){0};
            else if (code[0] == 38 || code[0] == 48)
                *(code[0] == 38 ? &s.fg : &s.bg) =
                    code[1] == 5 ? CELL_INDEXED | (uint32_t)code[2]
                                 : CELL_RGB | (uint32_t)(code[2] << 16 | code[3] << 8 | code[4]);
            else if (code[0] == 39 || code[0] == 49)
                *(code[0] == 39 ? &s.fg : &s.bg) = 0;
            else if ((code[0] >= 30 && code[0] <= 37) || (code[0] >= 90 && code[0] <= 97))
                s.fg = CELL_INDEXED | (uint32_t)(code[0] < 90 ? code[0] - 30 : code[0] - 82);
            else if ((code[0] >= 40 && code[0] <= 47) || (code[0] >= 100 && code[0] <= 107))
                s.bg = CELL_INDEXED | (uint32_t)(code[0] < 100 ? code[0] - 40 : code[0] - 92);
            else if (code[0] == 4 || code[0] == 24)
                s.attr = (uint16_t)((s.attr & ~CELL_UNDERLINE) |
                                    (code[0] == 4 ? n ? code[1] : 1 : 0) << CELL_UNDERLINE_SHIFT);
            else if (code[0] == 22)
                s.attr &= (uint16_t)~(CELL_BOLD | CELL_DIM);
            else if (code[0] == 53 || code[0] == 55)
                s.attr =
                    (uint16_t)(code[0] == 53 ? s.attr | CELL_OVERLINE : s.attr & ~CELL_OVERLINE);
            else {
                static const uint16_t attr[] = {0,           CELL_BOLD,  CELL_DIM, CELL_ITALIC,
                                                0,           CELL_BLINK, 0,        CELL_REVERSE,
                                                CELL_HIDDEN, CELL_STRIKE};
                int off = code[0] > 20;
                CHECK(code[0] < 30 && attr[code[0] % 20]);
                s.attr =
                    (uint16_t)(off ? s.attr & ~attr[code[0] % 20] : s.attr | attr[code[0] % 20]);
            }
            memset(code, 0, sizeof code), n = 0;
            if (c == 'm')
                break;
        }
        text = span_sub(text, i + 1);
    }
    return s;
}

static uint32_t unit_cell_random_colour(uint32_t r)
{
    static const uint32_t some[] = {0, 0, CELL_INDEXED | 3, CELL_INDEXED | 12, CELL_INDEXED | 16,
                                    CELL_INDEXED | 255, CELL_RGB | 0, CELL_RGB | 0xffffff};
    return r & 8 ? CELL_RGB | (r >> 4 & 0xffffff) : some[r & 7];
}

static void unit_cell_sgr_random(void)
{
    test_begin("any style turns into any other");
    uint32_t seed = 99;
    struct cell_style style[2] = {{0}, {0}};
    buf b = {0};
    for (int round = 0; round < 4000; round++) {
        uint32_t r[3];
        for (int i = 0; i < 3; i++)
            r[i] = seed = seed * 1664525 + 1013904223, r[i] ^= r[i] >> 15;
        style[1] = (struct cell_style){unit_cell_random_colour(r[0]), unit_cell_random_colour(r[1]),
                                       (uint16_t)(r[2] & r[2] >> 11 & CELL_STYLE_MASK), 0};
        if ((style[1].attr & CELL_UNDERLINE) >> CELL_UNDERLINE_SHIFT > 5)
            style[1].attr &= (uint16_t)~CELL_UNDERLINE;
        for (int depth = CELL_MONO; depth <= CELL_TRUE; depth++) {
            struct cell_style from = cell_reduce(style[0], (enum cell_depth)depth);
            struct cell_style to = cell_reduce(style[1], (enum cell_depth)depth);
            buf_clear(&b);
            cell_put_sgr(&b, style[0], style[1], (enum cell_depth)depth);
            CHECK(cell_style_eq(unit_cell_apply(from, buf_view(&b)), to));
            CHECK((b.n == 0) == cell_style_eq(from, to));
        }
        style[0] = style[1];
    }
    buf_free(&b);
}

/* Down-conversion really is the nearest of the palette. */
static void unit_cell_nearest(void)
{
    test_begin("a colour becomes the nearest one of a smaller palette");
    for (uint32_t rgb = 0; rgb < 0x1000000; rgb += 4999) {
        uint32_t best = UINT32_MAX;
        for (uint32_t i = 16; i < 256; i++)
            if (cell_distance(rgb, cell_palette_rgb(i)) < best)
                best = cell_distance(rgb, cell_palette_rgb(i));
        CHECK_INT(cell_distance(rgb, cell_palette_rgb(cell_nearest_256(rgb))), best);
    }
    CHECK_INT(cell_nearest_16(0xf00000), 9);
    CHECK_INT(cell_nearest_16(0x000010), 0);
}

static void unit_cell(void)
{
    unit_cell_graphemes();
    unit_cell_fit();
    unit_cell_append();
    unit_cell_pool_bounds();
    unit_cell_sgr();
    unit_cell_sgr_random();
    unit_cell_nearest();
}
