/* Unit tests of base: spans, buffers, UTF-8, widths, the clock, the log. */

static span unit_base_bytes(const void *p, size_t n)
{
    return (span){p, n};
}

/* A small generator, so that random tests are the same every time. */
static uint32_t unit_base_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* A template for mkstemp and mkdtemp where temporary files belong; short enough for sockets in it.
 */
static char *unit_base_temporary(char out[64])
{
    const char *base = getenv("TMPDIR");
    snprintf(out, 64, "%s/telec-unit-XXXXXX", base && strlen(base) < 30 ? base : "/tmp");
    return out;
}

/* ---- spans and buffers ----------------------------------------------------------------------- */

static void unit_base_spans(void)
{
    test_begin("spans compare, trim and end where their bytes end");
    CHECK_INT(span_of(NULL).n, 0);
    CHECK_SPAN(span_of("abc"), "abc");
    CHECK_SPAN(span_sub(span_of("abc"), 1), "bc");
    CHECK_SPAN(span_sub(span_of("abc"), 3), "");
    CHECK_SPAN(span_sub(span_of("abc"), 99), "");
    CHECK(span_sub((span){NULL, 0}, 1).p == NULL);
    CHECK(span_eq(span_of("abc"), "abc") && !span_eq(span_of("ab"), "abc") &&
          !span_eq(span_of("abd"), "abc"));
    CHECK(span_eq((span){NULL, 0}, "") && !span_eq((span){NULL, 0}, "a"));
    CHECK(span_eq_nocase(span_of("AbZ[@"), "aBz[@") && !span_eq_nocase(span_of("["), "{"));
    CHECK(!span_eq_nocase(span_of("@"), "`") && !span_eq_nocase(span_of("ab"), "abc"));
    CHECK(!span_eq_nocase(span_of("abc"), "ab") && span_eq_nocase((span){NULL, 0}, ""));
    CHECK(!span_eq_nocase((span){"a\0b", 3}, "a"));
    CHECK(span_starts(span_of("abc"), "") && span_starts(span_of("abc"), "abc"));
    CHECK(!span_starts(span_of("abc"), "abcd") && !span_starts(span_of("abc"), "b"));
    CHECK_SPAN(span_trim(span_of(" \t a b\t "), " \t"), "a b");
    CHECK_SPAN(span_trim(span_of("  "), " "), "");
    CHECK_INT(span_trim((span){" \0 ", 3}, " ").n, 1); /* the set has no NUL */
    char *guarded = guard_copy(span_of("   "));
    CHECK_INT(span_trim((span){guarded, 3}, " ").n, 0);
    guard_free(guarded, 3);
    char *copy = span_dup(span_of("xyz"));
    CHECK(strcmp(copy, "xyz") == 0);
    free(copy);
    copy = span_dup((span){NULL, 0});
    CHECK(strcmp(copy, "") == 0);
    free(copy);
}

static void unit_base_cuts(void)
{
    test_begin("a span is cut at each separator, empty pieces included");
    span rest = span_of("a,,bc");
    CHECK_SPAN(span_cut(&rest, ','), "a");
    CHECK_SPAN(rest, ",bc");
    CHECK_SPAN(span_cut(&rest, ','), "");
    CHECK_SPAN(span_cut(&rest, ','), "bc");
    CHECK_INT(rest.n, 0);
    CHECK_SPAN(span_cut(&rest, ','), "");
    rest = span_of("a,");
    CHECK_SPAN(span_cut(&rest, ','), "a");
    CHECK_INT(rest.n, 0);
}

static void unit_base_ints(void)
{
    test_begin("an integer is digits that fit, and nothing else");
    static const struct {
        const char *text;
        int good;
        long long value;
    } cases[] = {
        {"0", 1, 0},
        {"-0", 1, 0},
        {"7", 1, 7},
        {"-12", 1, -12},
        {"0012", 1, 12},
        {"", 0, 0},
        {"-", 0, 0},
        {"+1", 0, 0},
        {"1 ", 0, 0},
        {" 1", 0, 0},
        {"1a", 0, 0},
        {"--1", 0, 0},
        {"1-", 0, 0},
        {"/", 0, 0},
        {":", 0, 0},
        {"9223372036854775807", 1, LLONG_MAX},
        {"-9223372036854775808", 1, LLONG_MIN},
        {"9223372036854775808", 0, 0},
        {"-9223372036854775809", 0, 0},
        {"9999999999999999999", 0, 0},
        {"18446744073709551616", 0, 0},
        {"92233720368547758070", 0, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t n = strlen(cases[i].text);
        char *guarded = guard_copy(span_of(cases[i].text));
        long long value = 0;
        CHECK_INT(span_int((span){guarded, n}, &value), cases[i].good);
        CHECK_INT(value, cases[i].value);
        guard_free(guarded, n);
    }
    static const long long values[] = {0, 1, -1, 9, 10, 99, 100, -100, LLONG_MAX, LLONG_MIN};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        buf b = {0};
        char want[32];
        snprintf(want, sizeof want, "%lld", values[i]);
        buf_int(&b, values[i]);
        CHECK_SPAN(buf_view(&b), want);
        buf_free(&b);
    }
}

static void unit_base_buffers(void)
{
    test_begin("a buffer grows, shrinks and is freed twice");
    buf b = {0};
    CHECK_INT(buf_view(&b).n, 0);
    buf_add(&b, NULL, 0);
    CHECK(b.p == NULL);
    CHECK(strcmp(buf_cstr(&b), "") == 0 && b.n == 0);
    buf_str(&b, "abc");
    buf_byte(&b, 'd');
    buf_span(&b, span_of("ef"));
    buf_fmt(&b, "%s-%d", "g", 42);
    buf_fmt(&b, "%s", "");
    CHECK_SPAN(buf_view(&b), "abcdefg-42");
    CHECK(strcmp(buf_cstr(&b), "abcdefg-42") == 0);
    CHECK_INT(b.n, 10);
    buf_drop(&b, 0);
    buf_drop(&b, 3);
    CHECK_SPAN(buf_view(&b), "defg-42");
    size_t cap = b.cap;
    buf_drop(&b, 100);
    CHECK(b.n == 0 && b.cap == cap);
    buf_str(&b, "again");
    buf_clear(&b);
    CHECK(b.n == 0 && b.p && b.cap == cap);
    buf_reserve(&b, cap + 1);
    CHECK(b.cap >= cap + 1);
    buf_free(&b);
    buf_free(&b);
    CHECK(!b.p && !b.n && !b.cap);
}

/* Every way of adding, at random, against a plain array. */
static void unit_base_buffer_model(void)
{
    test_begin("a buffer holds what any order of additions gave it");
    static char model[4096];
    uint32_t seed = 1;
    for (int round = 0; round < 50; round++) {
        buf b = {0};
        size_t n = 0;
        while (n < sizeof model - 64) {
            uint32_t r = unit_base_random(&seed);
            size_t some = r / 8 % 20;
            char bytes[20];
            memset(bytes, (char)r, sizeof bytes);
            if (r % 8 == 0) {
                some = some < n ? some : n;
                memmove(model, model + some, n - some);
                n -= some;
                buf_drop(&b, some);
            } else if (r % 8 == 1) {
                model[n++] = (char)r;
                buf_byte(&b, (char)r);
            } else {
                memcpy(model + n, bytes, some);
                n += some;
                buf_add(&b, bytes, some);
            }
            CHECK(b.n == n && b.n <= b.cap);
        }
        CHECK(memcmp(model, b.p, n) == 0);
        buf_free(&b);
    }
}

struct unit_base_item {
    struct unit_base_item *next, **link;
};

/* The list, from its head, is these items in this order, and each link leads to its item. */
static void unit_base_is_list(struct unit_base_item **head, struct unit_base_item *const *want,
                              size_t count)
{
    struct unit_base_item **at = head;
    for (size_t i = 0; i < count; i++, at = &(*at)->next) {
        CHECK(*at == want[i] && want[i]->link == at);
        if (*at != want[i])
            return;
    }
    CHECK(*at == NULL);
}

static void unit_base_lists(void)
{
    test_begin("a list's items are inserted before any item and removed from any place, once");
    struct unit_base_item *head = NULL, a = {0}, b = {0}, c = {0}, d = {0};
    LIST_PUSH(&head, &a);
    LIST_PUSH(&head, &b);
    LIST_PUSH(&b.next, &c);
    LIST_PUSH(&a.next, &d);
    unit_base_is_list(&head, (struct unit_base_item *[]){&b, &c, &a, &d}, 4);
    LIST_REMOVE(&c);
    CHECK(c.link == NULL);
    LIST_REMOVE(&c);
    unit_base_is_list(&head, (struct unit_base_item *[]){&b, &a, &d}, 3);
    LIST_REMOVE(&b);
    LIST_REMOVE(&d);
    unit_base_is_list(&head, (struct unit_base_item *[]){&a}, 1);
    LIST_REMOVE(&a);
    CHECK(head == NULL);
}

static void unit_base_blobs(void)
{
    test_begin("a blob lives until its last owner drops it");
    blob *b = blob_new(span_of("shared"));
    CHECK(blob_ref(b) == b && b->refs == 2);
    blob_drop(b);
    CHECK_SPAN(((span){b->p, b->n}), "shared");
    blob_drop(b); /* the leak checker and the address checker see the rest */
    blob_drop(NULL);
    b = blob_new((span){NULL, 0});
    CHECK_INT(b->n, 0);
    blob_drop(b);
    span parts[] = {span_of("two"), {NULL, 0}, span_of(" three")};
    CHECK_INT(span_total(parts, COUNT_OF(parts)), 9);
    b = blob_join(span_of("one "), parts, COUNT_OF(parts));
    CHECK_SPAN(((span){b->p, b->n}), "one two three");
    blob_drop(b);
}

/* ---- UTF-8
 * --------------------------------------------------------------------------------------- */

/* Unicode table 3-7, row by row: the ranges of each byte of a well-formed sequence. */
static const struct unit_base_row {
    int n;
    unsigned char low[4], high[4];
} unit_base_table[] = {
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
static size_t unit_base_fits(const struct unit_base_row *row, const unsigned char *p, size_t n)
{
    size_t i = 0;
    while (i < n && i < (size_t)row->n && p[i] >= row->low[i] && p[i] <= row->high[i])
        i++;
    return i;
}

/* What table 3-7 says of n bytes: the length of the first sequence, its code point; 0: they end
 * inside. */
static size_t unit_base_expect(const unsigned char *p, size_t n, uint32_t *cp)
{
    size_t longest = 1;
    *cp = 0xfffd;
    for (size_t r = 0; r < COUNT_OF(unit_base_table); r++) {
        const struct unit_base_row *row = &unit_base_table[r];
        size_t fits = unit_base_fits(row, p, n);
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

static void unit_base_utf8_one(const unsigned char *p, size_t n)
{
    uint32_t want, got = 0;
    size_t length = unit_base_expect(p, n, &want);
    size_t have = utf8_next((span){(const char *)p, n}, &got);
    if (have != length || (length && got != want)) {
        CHECK_INT(have, length);
        CHECK_INT(got, want);
        printf("#   for %02x %02x %02x %02x, %zu bytes\n", p[0], n > 1 ? p[1] : 0, n > 2 ? p[2] : 0,
               n > 3 ? p[3] : 0, n);
    }
}

/* Sequences of one to four bytes, each byte at every edge of the table, at the end of a page. */
static void unit_base_utf8_table(void)
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
            unit_base_utf8_one(end - n, n);
        }
    for (int first = 0; first < 256; first++)
        for (int second = 0; second < 256; second++) {
            end[-2] = (unsigned char)first, end[-1] = (unsigned char)second;
            unit_base_utf8_one(end - 1, 1);
            unit_base_utf8_one(end - 2, 2);
        }
    guard_free((char *)end - 4, 4);
}

static void unit_base_utf8_round_trips(void)
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
static void unit_base_utf8_checked(const unsigned char *p, size_t n)
{
    enum parse want = PARSE_DONE;
    for (size_t i = 0; i < n && want == PARSE_DONE;) {
        uint32_t cp;
        size_t step = unit_base_expect(p + i, n - i, &cp);
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

static void unit_base_utf8_streams(void)
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
        unit_base_utf8_checked((unsigned char *)guarded, b.n);
        guard_free(guarded, b.n);
        buf_free(&b);
    }
}

static void unit_base_shown(span s, const char *clean, const char *visible)
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

static void unit_base_utf8_shown(void)
{
    test_begin("untrusted text is shown without control bytes");
    unit_base_shown(span_of("plain \xc3\xa9"), "plain \xc3\xa9", "plain \xc3\xa9");
    unit_base_shown(span_of(""), "", "");
    unit_base_shown(span_of("\x1b[31m\x7f\n"), "\x1b[31m\x7f\n", "^[[31m^?^J");
    unit_base_shown(span_of("\xc2\x9b"), "\xc2\x9b", FFFD); /* C1 CSI */
    unit_base_shown(span_of("a\xe2\x80\xae"
                            "b\xe2\x81\xa6\xe2\x80\x8f\xe2\x80\xa8"),
                    "a\xe2\x80\xae"
                    "b\xe2\x81\xa6\xe2\x80\x8f\xe2\x80\xa8",
                    "a" FFFD "b" FFFD FFFD FFFD);
    unit_base_shown(span_of("\xe6\xbc"), FFFD, FFFD); /* one for the longest valid prefix */
    unit_base_shown(span_of("\xf0\x9f\x98x"), FFFD "x", FFFD "x");
    unit_base_shown(span_of("\xed\xa0\x80"), FFFD FFFD FFFD, FFFD FFFD FFFD);
    unit_base_shown(span_of("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82"
                            "A"),
                    FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A",
                    FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A");
    /* Unicode's own example, table 3-8 and those after it */
    unit_base_shown(span_of("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf"
                            "A"),
                    FFFD FFFD FFFD FFFD "A", FFFD FFFD FFFD FFFD "A");
    buf b = {0};
    utf8_put_visible(&b, (span){"\0", 1});
    CHECK_SPAN(buf_view(&b), "^@");
    buf_free(&b);
}

static void unit_base_widths(void)
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
        {0x1faff, 2},  {0x20000, 2}, {0x2fffd, 2}, {0x3fffd, 2}, {0x40000, 1}, {0xe0100, 0},
        {0x10ffff, 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (utf8_width(cases[i].cp) != cases[i].width)
            printf("#   U+%04X\n", (unsigned)cases[i].cp);
        CHECK_INT(utf8_width(cases[i].cp), cases[i].width);
    }
    /* The binary search needs its tables in order, and no code point in both. */
    for (size_t i = 0; i < COUNT_OF(utf8_zero); i++)
        CHECK(utf8_zero[i].first <= utf8_zero[i].last &&
              (!i || utf8_zero[i].first > utf8_zero[i - 1].last));
    for (size_t i = 0; i < COUNT_OF(utf8_wide); i++) {
        CHECK(utf8_wide[i].first <= utf8_wide[i].last &&
              (!i || utf8_wide[i].first > utf8_wide[i - 1].last));
        for (size_t k = 0; k < COUNT_OF(utf8_zero); k++)
            CHECK(utf8_zero[k].last < utf8_wide[i].first || utf8_zero[k].first > utf8_wide[i].last);
    }
}

/* ---- time
 * ---------------------------------------------------------------------------------------- */

static void unit_base_iso_is(long long ms, const char *want)
{
    buf b = {0};
    long long back = 1;
    clock_put_iso(&b, ms);
    CHECK_SPAN(buf_view(&b), want);
    CHECK_INT(clock_parse_iso(buf_view(&b), &back), 1);
    CHECK_INT(back, ms);
    buf_free(&b);
}

static int unit_base_is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Every day from 1600 to 2400, counted by hand. */
static void unit_base_calendar(void)
{
    test_begin("every day from 1600 to 2400 has its date");
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    long long day = -135140; /* 1600-01-01 */
    buf b = {0};
    char want[64];
    for (int year = 1600; year < 2400; year++)
        for (int month = 1; month <= 12; month++)
            for (int d = 1; d <= lengths[month - 1] + (month == 2 && unit_base_is_leap(year));
                 d++, day++) {
                long long ms = day * 86400000LL + (day * 7919 % 86400000 + 86400000) % 86400000,
                          back = 0;
                long long in_day = ms - day * 86400000LL;
                snprintf(want, sizeof want, "%04d-%02d-%02dT%02d:%02d:%02d.%03d+00:00", year, month,
                         d, (int)(in_day / 3600000), (int)(in_day / 60000 % 60),
                         (int)(in_day / 1000 % 60), (int)(in_day % 1000));
                buf_clear(&b);
                clock_put_iso(&b, ms);
                if (!span_eq(buf_view(&b), want))
                    CHECK_SPAN(buf_view(&b), want);
                if (!clock_parse_iso(buf_view(&b), &back) || back != ms)
                    CHECK_INT(back, ms);
            }
    CHECK_INT(day, 157054); /* 2400-01-01 */
    buf_free(&b);
}

static void unit_base_iso(void)
{
    test_begin("times are written and read as ISO-8601");
    unit_base_iso_is(0, "1970-01-01T00:00:00.000+00:00");
    unit_base_iso_is(-1, "1969-12-31T23:59:59.999+00:00");
    unit_base_iso_is(951782399999LL, "2000-02-28T23:59:59.999+00:00");
    unit_base_iso_is(951782400000LL, "2000-02-29T00:00:00.000+00:00");
    unit_base_iso_is(951868800000LL, "2000-03-01T00:00:00.000+00:00");
    unit_base_iso_is(1769903999123LL, "2026-01-31T23:59:59.123+00:00");
    unit_base_iso_is(4107542400000LL, "2100-03-01T00:00:00.000+00:00");
    static const struct {
        const char *text;
        long long ms;
    } same[] = {
        {"2026-01-31T23:59:59.123+00:00", 1769903999123LL},
        {"2026-01-31T23:59:59.123Z", 1769903999123LL},
        {"2026-01-31t23:59:59.123z", 1769903999123LL},
        {"2026-01-31 23:59:59,123", 1769903999123LL},
        {"2026-01-31T23:59:59", 1769903999000LL},
        {"2026-01-31T23:59:59.1Z", 1769903999100LL},
        {"2026-01-31T23:59:59.123456Z", 1769903999123LL},
        {"2026-02-01T01:29:59.123+01:30", 1769903999123LL},
        {"2026-01-31T15:59:59.123-0800", 1769903999123LL},
        {"2026-01-31T23:59:59.000000001+00:00", 1769903999000LL},
        {"2024-02-29T00:00:00Z", 1709164800000LL},
    };
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        long long ms = -7;
        size_t n = strlen(same[i].text);
        char *guarded = guard_copy(span_of(same[i].text));
        CHECK_INT(clock_parse_iso((span){guarded, n}, &ms), 1);
        CHECK_INT(ms, same[i].ms);
        guard_free(guarded, n);
    }
    static const char *const bad[] = {
        "",
        "2026",
        "2026-01-31",
        "2026-01-31T23:59",
        "2026-1-31T23:59:59",
        "2026-13-01T00:00:00",
        "2026-00-01T00:00:00",
        "2026-01-00T00:00:00",
        "2026-01-32T00:00:00",
        "2026-01-01T24:00:00",
        "2026-01-01T00:60:00",
        "2026-01-01T00:00:61",
        "2026-01-01T00:00:00.",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+",
        "2026-01-01T00:00:00+1",
        "2026-01-01T00:00:00+01",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+01:60",
        "2026-01-01T00:00:00ZZ",
        "2026-01-01T00:00:00Zx",
        "2026-01-01x00:00:00",
        "x026-01-01T00:00:00",
        "2026-02-29T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-01-01T00:00:00+01:00x",
        "2026/01/01T00:00:00",
        "20260101T000000Z",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        long long ms = 42;
        size_t n = strlen(bad[i]);
        char *guarded = guard_copy(span_of(bad[i]));
        if (clock_parse_iso((span){guarded, n}, &ms))
            printf("#   %s\n", bad[i]);
        CHECK_INT(clock_parse_iso((span){guarded, n}, &ms), 0);
        CHECK_INT(ms, 42);
        guard_free(guarded, n);
    }
}

static void unit_base_ages(void)
{
    test_begin("an age is short");
    static const struct {
        long long ms;
        const char *text;
    } cases[] = {{-5, "now"},
                 {0, "now"},
                 {59999, "now"},
                 {60000, "1m"},
                 {3599999, "59m"},
                 {3600000, "1h"},
                 {86399999, "23h"},
                 {86400000, "1d"},
                 {31535999999LL, "364d"},
                 {31536000000LL, "1y"},
                 {315360000000LL, "10y"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf b = {0};
        clock_put_age(&b, cases[i].ms);
        CHECK_SPAN(buf_view(&b), cases[i].text);
        buf_free(&b);
    }
    long long before = clock_mono_ms();
    CHECK(clock_mono_ms() >= before);
    CHECK(clock_wall_ms() > 1700000000000LL);
}

/* ---- log
 * ----------------------------------------------------------------------------------------- */

/* What the pipe holds, without the time at the start of the line. */
static void unit_base_logged(int fd, const char *want)
{
    char line[4096];
    ssize_t n = read(fd, line, sizeof line);
    span s = {line, n > 0 ? (size_t)n : 0};
    long long ms = 0;
    CHECK(s.n > 30 && clock_parse_iso((span){line, 29}, &ms) && ms <= clock_wall_ms());
    CHECK_SPAN(span_sub(s, 30), want);
}

static void unit_base_log(void)
{
    test_begin("a log line has its time and level, control bytes escaped");
    int fds[2];
    CHECK_INT(pipe(fds), 0);
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    log_open(fds[1], LOG_INFO);
    log_line(LOG_INFO, "client %d: %s", 3, "gone");
    unit_base_logged(fds[0], "info client 3: gone\n");
    log_line(LOG_ERROR, "bad \x1b]0;x\a\r\n\xff name");
    unit_base_logged(fds[0], "error bad ^[]0;x^G^M^J\xef\xbf\xbd name\n");
    log_line(LOG_WARN, "%s", "");
    unit_base_logged(fds[0], "warn \n");
    char byte;
    log_line(LOG_DEBUG, "too much");
    CHECK(read(fds[0], &byte, 1) < 0 && errno == EAGAIN);
    char longer[3000];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    log_line(LOG_INFO, "%s", longer); /* cut, and still one line */
    longer[1023] = '\0';
    buf want = {0};
    buf_fmt(&want, "info %s\n", longer);
    unit_base_logged(fds[0], buf_cstr(&want));
    buf_free(&want);
    log_open(-1, LOG_DEBUG);
    log_line(LOG_ERROR, "nobody listens");
    CHECK(read(fds[0], &byte, 1) < 0 && errno == EAGAIN);
    log_open(-1, LOG_INFO);
    close(fds[0]);
    close(fds[1]);
}

/* The program ends with a message and status 1. */
static void unit_base_dying(void)
{
    test_begin("a fatal error prints a message and exits with 1");
    int fds[2], status = 0;
    CHECK_INT(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], 2);
        base_die("cannot open %s: %s", "x", "why");
    }
    close(fds[1]);
    char text[100];
    size_t n = 0;
    for (ssize_t got; n < sizeof text && (got = read(fds[0], text + n, sizeof text - n)) > 0;)
        n += (size_t)got;
    CHECK_SPAN(((span){text, n}), "telec: cannot open x: why\n");
    close(fds[0]);
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static void unit_base(void)
{
    unit_base_spans();
    unit_base_cuts();
    unit_base_ints();
    unit_base_buffers();
    unit_base_buffer_model();
    unit_base_lists();
    unit_base_blobs();
    unit_base_utf8_table();
    unit_base_utf8_round_trips();
    unit_base_utf8_streams();
    unit_base_utf8_shown();
    unit_base_widths();
    unit_base_iso();
    unit_base_calendar();
    unit_base_ages();
    unit_base_log();
    unit_base_dying();
}
