/* Unit tests of base: spans, buffers, lists, blobs, the end on an error. */

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

/* A template for mkstemp and mkdtemp where temporary files belong; short enough for sockets in
 * it. */
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
    span parts[3] = {span_of("two"), {NULL, 0}, span_of(" three")};
    CHECK_INT(span_total(parts, COUNT_OF(parts)), 9);
    b = blob_join(span_of("one "), parts, COUNT_OF(parts));
    CHECK_SPAN(((span){b->p, b->n}), "one two three");
    blob_drop(b);
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

/* The same by libc. */
#define UNIT_BASE_FORMAT(...)                                                                      \
    do {                                                                                           \
        char want[64], got[64];                                                                    \
        int n = snprintf(want, sizeof want, __VA_ARGS__);                                          \
        CHECK_INT(base_fmt(got, sizeof got, __VA_ARGS__), n);                                      \
        CHECK_SPAN(span_of(got), want);                                                            \
        CHECK_INT(base_fmt(got, 4, __VA_ARGS__), n); /* too long: cut */                           \
        CHECK(strlen(got) <= 3 && strncmp(got, want, strlen(got)) == 0);                           \
        buf b = {0};                                                                               \
        buf_fmt(&b, __VA_ARGS__);                                                                  \
        CHECK_SPAN(buf_view(&b), want);                                                            \
        buf_free(&b);                                                                              \
    } while (0)

static void unit_base_formats(void)
{
    test_begin("a format gives what libc's printf gives");
    UNIT_BASE_FORMAT("plain");
    UNIT_BASE_FORMAT("%d|%d|%d", 0, INT_MAX, INT_MIN);
    UNIT_BASE_FORMAT("%ld|%lld", LONG_MIN, LLONG_MIN);
    UNIT_BASE_FORMAT("%u|%lu|%llu|%zu", UINT_MAX, 7ul, ULLONG_MAX, (size_t)9);
    UNIT_BASE_FORMAT("%x|%X|%06lx|%02X|%04x", 0xbeefu, 0xbeefu, 0xabcul, 0x1234u, 0u);
    UNIT_BASE_FORMAT("%03d|%03d|%3d|%-3d|", -5, 5, -5, 5);
    UNIT_BASE_FORMAT("%s|%6s|%-6s|", "abc", "abc", "abc");
    UNIT_BASE_FORMAT("%.2s|%.*s|%.8s|%6.1s|%.0s|", "abc", 1, "xyz", "ab", "q", "r");
    UNIT_BASE_FORMAT("%c%%%c|%3c|", 'a', 'b', 'c');
    UNIT_BASE_FORMAT("%*s|%*d", 5, "ab", 4, 7);
    UNIT_BASE_FORMAT("%.*s", 2, (const char[]){'n', 'o'}); /* not terminated */
}

static int unit_base_compare(const void *a, const void *b)
{
    const unsigned *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void unit_base_sorts(void)
{
    test_begin("what base_sort sorts is as qsort sorts it");
    unsigned items[200], want[200];
    for (size_t n = 0; n <= COUNT_OF(items); n++) {
        for (size_t i = 0; i < n; i++)
            items[i] = want[i] = (unsigned)(i * i * 31421u % (n % 7 ? 65521u : 5u));
        base_sort(items, n, sizeof *items, unit_base_compare);
        qsort(want, n, sizeof *want, unit_base_compare);
        CHECK(memcmp(items, want, n * sizeof *items) == 0);
        base_sort(items, n, sizeof *items, unit_base_compare); /* what is sorted already */
        CHECK(memcmp(items, want, n * sizeof *items) == 0);
    }
}

static void unit_base_finds(void)
{
    test_begin("a text is found in a span, and never behind its end");
    span s = {"abcabd", 5};
    CHECK(span_find(s, "ab") == s.p && span_find(s, "cab") == s.p + 2);
    CHECK(!span_find(s, "abd") && !span_find((span){0}, "a"));
    CHECK(span_find(s, "") == s.p);
}

static void unit_base(void)
{
    unit_base_sorts();
    unit_base_finds();
    unit_base_formats();
    unit_base_spans();
    unit_base_cuts();
    unit_base_ints();
    unit_base_buffers();
    unit_base_buffer_model();
    unit_base_lists();
    unit_base_blobs();
    unit_base_dying();
}
