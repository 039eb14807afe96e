/* Unit tests of utf8: decoding, checking, encoding, widths, text made visible. */

/* Unicode table 3-7, row by row: the ranges of each byte of a well-formed sequence. */
static const struct unit_utf8_row {
    int n;
    unsigned char low[4], high[4];
} unit_utf8_by_table[] = {
    {1, {0x00}, {0x7f}},
    {2, {0xc2, 0x80}, {0xdf, 0xbf}},
    {3, {0xe0, 0xa0, 0x80}, {0xe0, 0xbf, 0xbf}},
    {3, {0xe1, 0x80, 0x80}, {0xec, 0xbf, 0xbf}},
    {3, {0xed, 0x80, 0x80}, {0xed, 0x9f, 0xbf}},
    {3, {0xee, 0x80, 0x80}, {0xef, 0xbf, 0xbf}},
    {4, {0xf0, 0x90, 0x80, 0x80}, {0xf0, 0xbf, 0xbf, 0xbf}},
    {4, {0xf1, 0x80, 0x80, 0x80}, {0xf3, 0xbf, 0xbf, 0xbf}},
    {4, {0xf4, 0x80, 0x80, 0x80}, {0xf4, 0x8f, 0xbf, 0xbf}},
};

/* How many bytes at the start of p fit that row; *length is the whole sequence's when all do. */
static size_t unit_utf8_fits(const struct unit_utf8_row *row, const unsigned char *p, size_t n)
{
    size_t i = 0;
    while (i < n && i < (size_t)row->n && p[i] >= row->low[i] && p[i] <= row->high[i])
        i++;
    return i;
}

/* What table 3-7 says of n bytes: the length of the first sequence, its code point; 0: they end
 * inside. */
static size_t unit_utf8_expect(const unsigned char *p, size_t n, uint32_t *cp)
{
    size_t longest = 1;
    *cp = 0xfffd;
    for (size_t r = 0; r < COUNT_OF(unit_utf8_by_table); r++) {
        const struct unit_utf8_row *row = &unit_utf8_by_table[r];
        size_t fits = unit_utf8_fits(row, p, n);
        if (fits == (size_t)row->n) {
            *cp = row->n == 1 ? p[0] : p[0] & (0x3fu >> (row->n - 1));
            for (int i = 1; i < row->n; i++)
                *cp = *cp << 6 | (p[i] & 0x3f);
            return fits;
        }
        if (fits > 0 && fits == n)
            return 0;
        longest = fits > longest ? fits : longest;
    }
    return longest;
}

static void unit_utf8_one(const unsigned char *p, size_t n)
{
    uint32_t want, got = 0;
    size_t length = unit_utf8_expect(p, n, &want);
    size_t have = utf8_next((span){(const char *)p, n}, &got);
    if (have != length || (length && got != want)) {
        CHECK_INT(have, length);
        CHECK_INT(got, want);
        printf("#   for %02x %02x %02x %02x, %zu bytes\n", p[0], n > 1 ? p[1] : 0, n > 2 ? p[2] : 0,
               n > 3 ? p[3] : 0, n);
    }
}

/* Sequences of one to four bytes, each byte at every edge of the table, at the end of a page. */
static void unit_utf8_table(void)
{
    test_begin("UTF-8 is decoded as table 3-7 of Unicode says, at every edge");
    static const unsigned char edges[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                          0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
                                          0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
    const size_t e = COUNT_OF(edges);
    unsigned char *end = (unsigned char *)guard_copy(span_of("1234")) + 4;
    for (size_t n = 1, all = e; n <= 4; n++, all *= e)
        for (size_t i = 0; i < all; i++) {
            size_t rest = i;
            for (size_t k = 1; k <= n; k++, rest /= e)
                end[-(int)k] = edges[rest % e];
            unit_utf8_one(end - n, n);
        }
    for (int first = 0; first < 256; first++)
        for (int second = 0; second < 256; second++) {
            end[-2] = (unsigned char)first, end[-1] = (unsigned char)second;
            unit_utf8_one(end - 1, 1);
            unit_utf8_one(end - 2, 2);
        }
    guard_free((char *)end - 4, 4);
}

static void unit_utf8_round_trips(void)
{
    test_begin("every code point is decoded from its encoding");
    static const struct {
        uint32_t cp;
        const char *bytes;
    } known[] = {{'A', "A"},
                 {0x7f, "\x7f"},
                 {0x80, "\xc2\x80"},
                 {0x7ff, "\xdf\xbf"},
                 {0x800, "\xe0\xa0\x80"},
                 {0xffff, "\xef\xbf\xbf"},
                 {0x10000, "\xf0\x90\x80\x80"},
                 {0x10ffff, "\xf4\x8f\xbf\xbf"},
                 {0xd800, "\xef\xbf\xbd"},
                 {0xdfff, "\xef\xbf\xbd"},
                 {0x110000, "\xef\xbf\xbd"},
                 {UINT32_MAX, "\xef\xbf\xbd"}};
    char out[4];
    for (size_t i = 0; i < COUNT_OF(known); i++)
        CHECK_SPAN(((span){out, utf8_encode(known[i].cp, out)}), known[i].bytes);
    for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
        uint32_t got;
        size_t n = utf8_encode(cp, out);
        uint32_t want = cp >= 0xd800 && cp <= 0xdfff ? 0xfffd : cp;
        if (utf8_next((span){out, n}, &got) != n || got != want)
            CHECK_INT(got, want);
    }
}

/* A streaming check gives the same answer wherever the bytes are cut: as utf8_next says of the
 * whole. */
static void unit_utf8_checked(const unsigned char *p, size_t n)
{
    enum parse want = PARSE_DONE;
    for (size_t i = 0; i < n && want == PARSE_DONE;) {
        uint32_t cp;
        size_t step = unit_utf8_expect(p + i, n - i, &cp);
        want = step == 0                                      ? PARSE_MORE
               : cp == 0xfffd && !(step == 3 && p[i] == 0xef) ? PARSE_BAD
                                                              : PARSE_DONE;
        i += step;
    }
    for (size_t cut = 0; cut <= n; cut++) {
        struct utf8_state st = {0};
        enum parse got = utf8_check(&st, (span){(const char *)p, cut});
        if (got != PARSE_BAD)
            got = utf8_check(&st, (span){(const char *)p + cut, n - cut});
        CHECK_INT(got, want);
    }
}

static void unit_utf8_streams(void)
{
    test_begin("a stream of UTF-8 is checked the same however it is cut");
    static const char *const pieces[] = {"a",
                                         "12345678",
                                         "\xc3\xa9",
                                         "\xe6\xbc\xa2",
                                         "\xf0\x9f\x98\x80",
                                         "\xef\xbf\xbd",
                                         "\xed\x9f\xbf",
                                         "\xf4\x8f\xbf\xbf",
                                         "abcdefghijklmnopq"};
    static const char *const bad[] = {"\x80",        "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xff",        "\xc3",     "\xe6\xbc",     "\xf0\x9f\x98",
                                      "\xe0\x80\x80"};
    uint32_t seed = 7;
    for (int round = 0; round < 400; round++) {
        buf b = {0};
        int faulty = round % 2 ? (int)(unit_base_random(&seed) % 8) : -1;
        for (int i = 0; i < 8; i++)
            buf_str(&b, i == faulty ? bad[unit_base_random(&seed) % COUNT_OF(bad)]
                                    : pieces[unit_base_random(&seed) % COUNT_OF(pieces)]);
        char *guarded = guard_copy(buf_view(&b));
        unit_utf8_checked((unsigned char *)guarded, b.n);
        guard_free(guarded, b.n);
        buf_free(&b);
    }
}

static void unit_utf8_expect_shown(span s, const char *clean, const char *visible)
{
    buf b = {0};
    char *guarded = guard_copy(s);
    utf8_put_clean(&b, unit_base_bytes(guarded, s.n));
    CHECK_SPAN(buf_view(&b), clean);
    buf_clear(&b);
    utf8_put_visible(&b, unit_base_bytes(guarded, s.n));
    CHECK_SPAN(buf_view(&b), visible);
    guard_free(guarded, s.n);
    buf_free(&b);
}

#define FFFD "\xef\xbf\xbd"

static void unit_utf8_shown(void)
{
    test_begin("untrusted text is shown without control bytes");
    unit_utf8_expect_shown(span_of("plain \xc3\xa9"), "plain \xc3\xa9", "plain \xc3\xa9");
    unit_utf8_expect_shown(span_of(""), "", "");
    unit_utf8_expect_shown(span_of("\x1b[31m\x7f\n"), "\x1b[31m\x7f\n", "^[[31m^?^J");
    unit_utf8_expect_shown(span_of("\xc2\x9b"), "\xc2\x9b", FFFD); /* C1 CSI */
    unit_utf8_expect_shown(span_of("a\xe2\x80\xae"
                            "b\xe2\x81\xa6\xe2\x80\x8f\xe2\x80\xa8"),
                    "a\xe2\x80\xae"
                    "b\xe2\x81\xa6\xe2\x80\x8f\xe2\x80\xa8",
                    "a" FFFD "b" FFFD FFFD FFFD);
    unit_utf8_expect_shown(span_of("\xe6\xbc"), FFFD, FFFD); /* one for the longest valid prefix */
    unit_utf8_expect_shown(span_of("\xf0\x9f\x98x"), FFFD "x", FFFD "x");
    unit_utf8_expect_shown(span_of("\xed\xa0\x80"), FFFD FFFD FFFD, FFFD FFFD FFFD);
    unit_utf8_expect_shown(span_of("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82"
                            "A"),
                    FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A",
                    FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A");
    /* Unicode's own example, table 3-8 and those after it */
    unit_utf8_expect_shown(span_of("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf"
                            "A"),
                    FFFD FFFD FFFD FFFD "A", FFFD FFFD FFFD FFFD "A");
    buf b = {0};
    utf8_put_visible(&b, (span){"\0", 1});
    CHECK_SPAN(buf_view(&b), "^@");
    buf_free(&b);
}

static void unit_utf8_widths(void)
{
    test_begin("columns of code points follow Unicode");
    static const struct {
        uint32_t cp;
        int width;
    } cases[] = {
        {0, -1},       {0x1b, -1},   {0x1f, -1},   {' ', 1},     {'~', 1},     {0x7f, -1},
        {0x80, -1},    {0x9f, -1},   {0xa0, 1},    {0xad, 1},    {0xe9, 1},    {0x2ff, 1},
        {0x300, 0},    {0x36f, 0},   {0x370, 1},   {0x483, 0},   {0x5d0, 1},   {0x64b, 0},
        {0x10ff, 1},   {0x1100, 2},  {0x115f, 2},  {0x1160, 0},  {0x11ff, 0},  {0x200b, 0},
        {0x200d, 0},   {0x2014, 1},  {0x20ac, 1},  {0x20d0, 0},  {0x231a, 2},  {0x231c, 1},
        {0x2500, 1},   {0x2580, 1},  {0x25fc, 1},  {0x25fd, 2},  {0x2603, 1},  {0x2614, 2},
        {0x2764, 1},   {0x2e80, 2},  {0x3000, 2},  {0x302a, 0},  {0x303f, 1},  {0x3042, 2},
        {0x3099, 0},   {0x4e00, 2},  {0x6f22, 2},  {0xa4c6, 2},  {0xac00, 2},  {0xd7a3, 2},
        {0xd7b0, 0},   {0xfe0f, 0},  {0xff01, 2},  {0xff60, 2},  {0xff61, 1},  {0xffe0, 2},
        {0xfffd, 1},   {0x1d11e, 1}, {0x1f600, 2}, {0x1f1e6, 1}, {0x1f3fb, 2}, {0x1f468, 2},
        {0x1acf, 0},   {0x2630, 2},  {0x4dc0, 2},  {0x1faea, 2}, /* of Unicode 16 and 17 */
        {0xfaff, 2},   {0x1faff, 2}, {0x20000, 2}, {0x2fffd, 2}, {0x3fffd, 2}, {0x40000, 1},
        {0xe0100, 0},  {0x10ffff, 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (utf8_width(cases[i].cp) != cases[i].width)
            printf("#   U+%04X\n", (unsigned)cases[i].cp);
        CHECK_INT(utf8_width(cases[i].cp), cases[i].width);
    }
    static const uint32_t ambiguous[] = {0xa1,   0xe9,   0x430,   0x2500,
                                         0x25cf, 0xe0b0, 0x1f100, 0xf0000};
    static const uint32_t certain[] = {'a', 0xa0, 0x300, 0x2705, 0x4e00, 0x1f600, 0xe0100};
    static const uint32_t emoji[] = {0xa9, 0x26a1, 0x2705, 0x1f600, 0x1faea};
    static const uint32_t none[] = {'1', 0x430, 0x4e00, 0x1f1e6, 0x1f3fb, 0x2f600};
    for (size_t i = 0; i < COUNT_OF(ambiguous); i++)
        CHECK(utf8_is_ambiguous(ambiguous[i]));
    for (size_t i = 0; i < COUNT_OF(certain); i++)
        CHECK(!utf8_is_ambiguous(certain[i]));
    for (size_t i = 0; i < COUNT_OF(emoji); i++)
        CHECK(utf8_is_emoji(emoji[i]));
    for (size_t i = 0; i < COUNT_OF(none); i++)
        CHECK(!utf8_is_emoji(none[i]));
}

static void unit_utf8_table_order(const struct utf8_range *table, size_t second, size_t count)
{
    for (size_t i = 0; i < count; i++)
        CHECK(table[i].first <= table[i].last &&
              (i == 0 || i == second || table[i].first > table[i - 1].last));
}

static void unit_utf8_tables(void)
{
    test_begin("tables of widths are in order");
    unit_utf8_table_order(utf8_zero, UTF8_ZERO_SECOND, COUNT_OF(utf8_zero));
    unit_utf8_table_order(utf8_wide, UTF8_WIDE_SECOND, COUNT_OF(utf8_wide));
    unit_utf8_table_order(utf8_ambiguous, UTF8_AMBIGUOUS_SECOND, COUNT_OF(utf8_ambiguous));
    unit_utf8_table_order(utf8_emoji, UTF8_EMOJI_SECOND, COUNT_OF(utf8_emoji));
}

static void unit_utf8(void)
{
    unit_utf8_table();
    unit_utf8_round_trips();
    unit_utf8_streams();
    unit_utf8_shown();
    unit_utf8_widths();
    unit_utf8_tables();
}
