/* Unit tests of resp: every type of both protocols, every fault, each input cut at every byte and
 * read against a guard page; the limits; a large reply that trickles in. */

/* Writes what a reply is, so that a test is a line: text in quotes, (error), 12, ~null, t or f,
 * <double>, [array], {map}, >push<. */
static void unit_resp_put(buf *b, const struct resp *v)
{
    static const char *const around[][2] = {
        [RESP_NONE] = {"?", ""},   [RESP_NULL] = {"~", ""},   [RESP_TEXT] = {"'", "'"},
        [RESP_ERROR] = {"(", ")"}, [RESP_INTEGER] = {"", ""}, [RESP_DOUBLE] = {"<", ">"},
        [RESP_BOOL] = {"", ""},    [RESP_ARRAY] = {"[", "]"}, [RESP_MAP] = {"{", "}"},
        [RESP_PUSH] = {">", "<"}};
    struct resp_iter it = resp_iter(v);
    struct resp element;
    size_t count = 0;
    buf_str(b, around[v->type][0]);
    if (v->type == RESP_INTEGER)
        buf_int(b, v->integer);
    else if (v->type == RESP_BOOL)
        buf_str(b, v->integer ? "t" : "f");
    else if (v->type == RESP_TEXT || v->type == RESP_ERROR || v->type == RESP_DOUBLE)
        buf_span(b, v->text);
    for (; resp_next(&it, &element); count++) {
        buf_str(b, count ? " " : "");
        unit_resp_put(b, &element);
    }
    CHECK_INT(element.type, RESP_NONE);
    CHECK_INT(count, v->count);
    buf_str(b, around[v->type][1]);
}

/* Parses s in the two pieces cut at `cut`, each against a guard page. */
static enum parse unit_resp_parse(span s, size_t cut, buf *out, const char **why)
{
    struct resp_scan scan = {0};
    struct resp reply = {0};
    size_t used = 0;
    char *first = guard_copy((span){s.p, cut}), *whole = guard_copy(s);
    enum parse r = resp_parse(&scan, (span){first, cut}, &used, &reply);
    if (r == PARSE_MORE)
        r = resp_parse(&scan, (span){whole, s.n}, &used, &reply);
    else if (r == PARSE_DONE) /* only what stands behind it was cut off */
        CHECK(used <= cut);
    if (r == PARSE_DONE) {
        unit_resp_put(out, &reply);
        buf_str(out, "|");
        buf_span(out, span_sub(s, used));
        CHECK(scan.at == 0 && scan.depth == 0 && scan.count == 0);
    }
    *why = scan.error;
    guard_free(first, cut);
    guard_free(whole, s.n);
    return r;
}

/* want: as unit_resp_put writes it, then | and what is left of the input; "" for MORE; "!why" for
 * BAD. */
static void unit_resp_check(const char *text, const char *want)
{
    span s = span_of(text);
    for (size_t cut = 0; cut <= s.n; cut++) {
        buf got = {0};
        const char *why = NULL;
        enum parse r = unit_resp_parse(s, cut, &got, &why);
        CHECK_INT(r, want[0] == '!' ? PARSE_BAD : want[0] ? PARSE_DONE : PARSE_MORE);
        if (r == PARSE_BAD)
            buf_fmt(&got, "!%s", why);
        CHECK_SPAN(buf_view(&got), want);
        buf_free(&got);
    }
}

static void unit_resp_types(void)
{
    test_begin("every type of reply is read, however it is cut");
    static const char *const rows[][2] = {
        {"+OK\r\n", "'OK'|"},
        {"+\r\nx", "''|x"},
        {"-ERR no\r\n+", "(ERR no)|+"},
        {":0\r\n", "0|"},
        {":-12\r\n", "-12|"},
        {":+7\r\n", "7|"},
        {":9223372036854775807\r\n", "9223372036854775807|"},
        {":-9223372036854775808\r\n", "-9223372036854775808|"},
        {"$5\r\na\r\nbc\r\n", "'a\r\nbc'|"},
        {"$0\r\n\r\n", "''|"},
        {"$-1\r\n", "~|"},
        {"*-1\r\n", "~|"},
        {"_\r\n", "~|"},
        {"*0\r\n", "[]|"},
        {"*3\r\n:1\r\n$1\r\nx\r\n*1\r\n$-1\r\n$1\r\ny\r\n", "[1 'x' [~]]|$1\r\ny\r\n"},
        {"%2\r\n+a\r\n:1\r\n+b\r\n%0\r\n", "{'a' 1 'b' {}}|"},
        {"~2\r\n:1\r\n:2\r\n", "[1 2]|"},
        {",3.25\r\n", "<3.25>|"},
        {",-1e-9\r\n", "<-1e-9>|"},
        {",10\r\n", "<10>|"},
        {",inf\r\n", "<inf>|"},
        {",-inf\r\n", "<-inf>|"},
        {",nan\r\n", "<nan>|"},
        {"#t\r\n", "t|"},
        {"#f\r\n", "f|"},
        {"(-3492890328409238509324850943850943825024385\r\n",
         "'-3492890328409238509324850943850943825024385'|"},
        {"=8\r\ntxt:some\r\n", "'some'|"},
        {"=4\r\nmkd:\r\n", "''|"},
        {"!7\r\nSYN bad\r\n", "(SYN bad)|"},
        {">3\r\n+message\r\n+c\r\n$2\r\nhi\r\n", ">'message' 'c' 'hi'<|"},
        /* attributes, of the whole, of elements, of attributes */
        {"|1\r\n+ttl\r\n:9\r\n:5\r\n", "5|"},
        {"*2\r\n|2\r\n+a\r\n*1\r\n:0\r\n+b\r\n:1\r\n:5\r\n:6\r\n:7\r\n", "[5 6]|:7\r\n"},
        {"|1\r\n|0\r\n+k\r\n|1\r\n+x\r\n+y\r\n+v\r\n|0\r\n*1\r\n+z\r\n", "['z']|"},
        /* not whole yet */
        {"", ""},
        {"+OK\r", ""},
        {"$5\r\nabcde\r", ""},
        {"*2\r\n:1\r\n", ""},
        {"|1\r\n+ttl\r\n:9\r\n", ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        unit_resp_check(rows[i][0], rows[i][1]);
}

static void unit_resp_faults(void)
{
    test_begin("a malformed reply is refused");
    static const char *const rows[][2] = {
        {"HTTP/1.1 200 OK\r\n", "!not a type of reply"},
        {"*1\r\nx", "!not a type of reply"},
        {"+O\nK\r\n", "!a line does not end with CR LF"},
        {"+O\rK\r\n", "!a line does not end with CR LF"},
        {":\r\n", "!not an integer"},
        {":1x\r\n", "!not an integer"},
        {":+-1\r\n", "!not an integer"},
        {":9223372036854775808\r\n", "!not an integer"},
        {":00000000000000000000000000000000000000001\r\n", "!a number is too long"},
        {"$\r\n", "!not a length"},
        {"$-0\r\n", "!not a length"},
        {"$ 1\r\n", "!not a length"},
        {"$-2\r\n", "!a negative length"},
        {"*-2\r\n", "!a negative length"},
        {"%-1\r\n", "!a negative length"},
        {"!-1\r\n", "!a negative length"},
        {"$1\r\nabc", "!a string does not end with CR LF"},
        {"$1\r\na\rc", "!a string does not end with CR LF"},
        {"$?\r\n", "!streamed values are not supported"},
        {"*?\r\n", "!streamed values are not supported"},
        {"%?\r\n", "!streamed values are not supported"},
        {"_x\r\n", "!a null has no value"},
        {"#1\r\n", "!a boolean is t or f"},
        {"#\r\n", "!a boolean is t or f"},
        {",\r\n", "!not a double"},
        {",1.2.3\r\n", "!not a double"},
        {",e5\r\n", "!not a double"},
        {",1e\r\n", "!not a double"},
        {",infinity\r\n", "!not a double"},
        {"(\r\n", "!not a number"},
        {"(12a\r\n", "!not a number"},
        {"=3\r\nabc\r\n", "!a verbatim string without a format"},
        {"=5\r\nabcde\r\n", "!a verbatim string without a format"},
        {"*1\r\n>1\r\n:1\r\n", "!a push inside of a reply"},
        {"$99999999999999\r\n", "!a string is too long"},
        {"*99999999999999\r\n", "!a reply has too many elements"},
        {"%9223372036854775807\r\n", "!a reply has too many elements"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        unit_resp_check(rows[i][0], rows[i][1]);
}

/* One more than what is allowed is refused, before it has come; what is allowed is taken. */
static void unit_resp_limits(void)
{
    test_begin("a reply past a limit is refused before it has come");
    buf b = {0};
    const char *why;
    for (int more = 0; more < 2; more++) {
        buf got = {0};
        for (int i = 0; i < RESP_DEPTH + more; i++)
            buf_str(&b, "*1\r\n");
        enum parse r = unit_resp_parse(buf_view(&b), 5, &got, &why);
        CHECK_INT(r, more ? PARSE_BAD : PARSE_MORE);
        if (more)
            CHECK_SPAN(span_of(why), "nested too deeply");
        buf_clear(&b);
        buf_fmt(&b, "*%d\r\n", RESP_COUNT_MAX + more);
        CHECK_INT(unit_resp_parse(buf_view(&b), 0, &got, &why), more ? PARSE_BAD : PARSE_MORE);
        buf_clear(&b);
        buf_fmt(&b, "*2\r\n*%d\r\n", RESP_COUNT_MAX - 2 + more); /* all of them together */
        CHECK_INT(unit_resp_parse(buf_view(&b), 0, &got, &why), more ? PARSE_BAD : PARSE_MORE);
        buf_clear(&b);
        buf_fmt(&b, "$%d\r\n", RESP_BULK_MAX + more);
        CHECK_INT(unit_resp_parse(buf_view(&b), 0, &got, &why), more ? PARSE_BAD : PARSE_MORE);
        buf_clear(&b);
        buf_byte(&b, '+');
        for (int i = 0; i < RESP_LINE_MAX + more; i++)
            buf_byte(&b, 'x');
        CHECK_INT(unit_resp_parse(buf_view(&b), 3, &got, &why), more ? PARSE_BAD : PARSE_MORE);
        buf_str(&b, "\r\n");
        CHECK_INT(unit_resp_parse(buf_view(&b), 3, &got, &why), more ? PARSE_BAD : PARSE_DONE);
        buf_clear(&b);
        buf_free(&got);
    }
    buf_free(&b);
}

/* A reply of many strings that together are too much, though each is not. */
static void unit_resp_whole_limit(void)
{
    test_begin("many strings that are too long together are refused");
    struct resp_scan scan = {0};
    struct resp reply;
    size_t used, each = RESP_BULK_MAX, strings = RESP_REPLY_MAX / RESP_BULK_MAX + 1;
    buf b = {0};
    buf_fmt(&b, "*%d\r\n", (int)strings);
    enum parse r = PARSE_MORE;
    size_t i = 0;
    for (; r == PARSE_MORE && i < strings; i++) {
        buf_fmt(&b, "$%d\r\n", (int)each);
        buf_reserve(&b, each);
        memset(b.p + b.n, 'x', each);
        b.n += each;
        buf_str(&b, "\r\n");
        r = resp_parse(&scan, buf_view(&b), &used, &reply);
    }
    CHECK_INT(r, PARSE_BAD);
    CHECK(b.n > RESP_REPLY_MAX && b.n - each - 16 <= RESP_REPLY_MAX); /* and not before */
    CHECK_SPAN(span_of(scan.error), "a reply is too long");
    buf_free(&b);
}

/* Byte by byte, a reply of many elements is read once: the scan never goes back over what it has
 * read, which would take hours here. */
static void unit_resp_trickle(void)
{
    test_begin("a reply that trickles in is scanned once");
    struct resp_scan scan = {0};
    struct resp reply, element;
    size_t used, at = 0;
    int count = RESP_COUNT_MAX < 200000 ? RESP_COUNT_MAX / 2 : 100000;
    buf b = {0};
    buf_fmt(&b, "*%d\r\n", count);
    for (int i = 0; i < count; i++)
        buf_str(&b, i % 3 ? "$3\r\nabc\r\n" : "*1\r\n:1\r\n");
    enum parse r = PARSE_MORE;
    long long sum = 0;
    while (r == PARSE_MORE && at < b.n) {
        size_t before = scan.at;
        r = resp_parse(&scan, (span){b.p, ++at}, &used, &reply);
        CHECK(r != PARSE_MORE || (scan.at >= before && at - scan.at < 16));
    }
    CHECK_INT(r, PARSE_DONE);
    CHECK_INT(used, b.n);
    CHECK_INT(reply.count, count);
    struct resp_iter it = resp_iter(&reply);
    while (resp_next(&it, &element))
        sum += element.type == RESP_ARRAY ? 1 : (long long)element.text.n;
    CHECK_INT(sum, (count + 2) / 3 + 3LL * (count - (count + 2) / 3));
    buf_free(&b);
}

static void unit_resp_put_pairs(const char *text, const char *want)
{
    struct resp_scan scan = {0};
    struct resp reply = {0}, key, value;
    size_t used;
    buf got = {0};
    CHECK_INT(resp_parse(&scan, span_of(text), &used, &reply), PARSE_DONE);
    struct resp_iter it = resp_iter(&reply);
    while (resp_next_pair(&it, &key, &value)) {
        unit_resp_put(&got, &key);
        buf_byte(&got, '=');
        unit_resp_put(&got, &value);
        buf_byte(&got, ';');
    }
    CHECK_SPAN(buf_view(&got), want);
    buf_free(&got);
}

static void unit_resp_pairs(void)
{
    test_begin("pairs are read from a map and from an array");
    unit_resp_put_pairs("%2\r\n+a\r\n*2\r\n:1\r\n:2\r\n+b\r\n:3\r\n", "'a'=[1 2];'b'=3;");
    unit_resp_put_pairs("*4\r\n+a\r\n*2\r\n:1\r\n:2\r\n+b\r\n:3\r\n", "'a'=[1 2];'b'=3;");
    unit_resp_put_pairs("*2\r\n*2\r\n+a\r\n*1\r\n:1\r\n*2\r\n+b\r\n:3\r\n", "'a'=[1];'b'=3;");
    unit_resp_put_pairs("*3\r\n+a\r\n:1\r\n+b\r\n", "'a'=1;"); /* a key alone is no pair */
    unit_resp_put_pairs("_\r\n", "");
    unit_resp_put_pairs("+a\r\n", "");
}

static void unit_resp_errors(void)
{
    test_begin("an error is recognised by its first word");
    static const struct {
        enum resp_type type;
        const char *text;
        int want;
    } rows[] = {{RESP_ERROR, "LOADING wait", 1}, {RESP_ERROR, "LOADING", 1},
                {RESP_ERROR, "LOADINGX y", 0},   {RESP_ERROR, "", 0},
                {RESP_TEXT, "LOADING wait", 0}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct resp v = {.type = rows[i].type, .text = span_of(rows[i].text)};
        CHECK_INT(resp_is_error(&v, "LOADING"), rows[i].want);
    }
}

static void unit_resp_commands(void)
{
    test_begin("a command is written as an array of strings");
    static const char want[] = "*5\r\n$3\r\nSET\r\n$4\r\na\0\r\n\r\n$1\r\n0\r\n"
                               "$20\r\n-9223372036854775808\r\n$19\r\n9223372036854775807\r\n";
    buf b = {0};
    resp_put_command(&b, 5);
    resp_put_arg(&b, span_of("SET"));
    resp_put_arg(&b, (span){"a\0\r\n", 4});
    resp_put_int(&b, 0);
    resp_put_int(&b, LLONG_MIN);
    resp_put_int(&b, LLONG_MAX);
    CHECK_INT(b.n, sizeof want - 1);
    CHECK(memcmp(b.p, want, b.n) == 0);
    buf_clear(&b);
    resp_put_strings(&b, (const char *[]){"GET", "", NULL});
    CHECK_SPAN(buf_view(&b), "*2\r\n$3\r\nGET\r\n$0\r\n\r\n");
    buf_free(&b);
}

static void unit_resp(void)
{
    unit_resp_types();
    unit_resp_faults();
    unit_resp_limits();
    unit_resp_whole_limit();
    unit_resp_trickle();
    unit_resp_pairs();
    unit_resp_errors();
    unit_resp_commands();
}
