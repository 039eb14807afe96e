/* Unit tests of src/json.c. Every text of the tables is parsed whole and cut at every byte, right
 * before a page that must not be touched, and the answers to the cuts are checked too: a text that
 * is MORE is completed by trial, one that is BAD is so from its offending byte on, not before. */

#define J(text) { text, sizeof text - 1 } /* with the NULs in it */

static const span unit_json_good[] = {
    /* structure */
    J("[]"), J("{}"), J("[[]]"), J("[{}]"), J("{\"\":{}}"), J("[1,2]"), J("[null, 1, \"1\", {}]"),
    J("[[]   ]"), J("[1,null,null,null,2]"), J("{\"a\":[]}"), J("{\"a\":\"b\",\"c\":\"d\"}"),
    J("{\"a\":\"b\",\"a\":\"c\"}"), J("{\"a\":\"b\",\"a\":\"b\"}"), J("{\"\":0}"),
    J("{\"foo\\u0000bar\": 42}"), J("{\"min\":-1.0e+28,\"max\":1.0e+28}"), J("{\n\"a\": \"b\"\n}"),
    J("{ \"a\" : 1 , \"b\" : [ ] }"), J(" [] "), J("\t\r\n [] \t\r\n"), J("[[1],[2],[[3]]]"),
    /* words */
    J("null"), J("true"), J("false"), J("[true,false,null]"), J(" null "), J("[true]\n"),
    /* numbers */
    J("0"), J("-0"), J("12"), J("-12"), J("0.5"), J("-0.0"), J("0e1"), J("0e+1"), J("1E22"),
    J("1E-2"), J("1E+2"), J("123e45"), J("123.456e78"), J("123.456789"), J("[-0]"), J("[20e1]"),
    J("[1e00]"), J("[123e65]"),
    J("-0.000000000000000000000000000000000000000000000000000000000000000000000000000001"),
    J("123123123123123123123123123123123123123123123123123123123123"),
    J("1e99999999999999999999999"), J("-1e+9999"), J("1e-99999999999999999"), J("[ 4]"),
    J("[-123123123123123123123123123123]"),
    /* strings */
    J("\"\""), J("\"a\""), J("\" \""), J("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    J("\"\\u0060\\u012a\\u12AB\""), J("\"\\u0000\""), J("\"\\u0012\""), J("\"\\uFFFF\""),
    J("\"\\ud83d\\ude39\\ud83d\\udc8d\""), J("\"\x7f\""), J("\"\\\\u0000\""), J("\"\\\\a\""),
    J("\"a/*b*/c/*d//e\""), J("\"\\uDBFF\\uDFFF\""), J("\"\\uD834\\uDd1e\""), J("\"\\u0821\""),
    J("\"\\u0022\""), J("\"\\u005C\""), J("\"\\uFDD0\\uDBFF\\uDFFE\""), J("\"\xc2\x80\xdf\xbf\""),
    J("\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\""), J("\"\xef\xbf\xbd\""),
    J("\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""), J("\"\xe2\x80\xa8\xe2\x80\xa9\xef\xbb\xbf\""),
    J("\"\xcf\x80\""), J("\"0123456789abcdef0123456789abcdef\""), J("\"1234567\\n\""),
    J("\"12345678\\n\""), J("\"123456789\xc3\xa9\""),
    /* accepted by choice: half pairs (i_ in the well-known suites) */
    J("\"\\ud800\""), J("\"\\uDC00x\""), J("\"\\ud800\\ud800\""), J("\"\\ud800\\n\""),
    J("\"\\uD888\\u1234\""), J("{\"\\uDFAA\":0}"), J("\"\\uDd1e\\uD834\""), J("\"\\uDADAx\"")
};

static const span unit_json_bad[] = {
    /* structure */
    J("[1 true]"), J("[a\xc3\xa5]"), J("[\"\": 1]"), J("[\"\"],"), J("[,1]"), J("[1,,2]"),
    J("[\"x\",,]"), J("[\"x\"]]"), J("[\"\",]"), J("[x"), J("[3[4]]"), J("[1:2]"), J("[,]"),
    J("[,"), J("[   , \"\"]"), J("[\"a\",4,1,]"), J("[1,]"), J("[*"), J("[}"), J("{]"),
    J("{[: \"x\"}"), J("{\"x\", null}"), J("{\"x\"::\"b\"}"), J("{\"a\":\"a\" 123}"),
    J("{key: 'v'}"), J("{1:1}"), J("{9999E9999:1}"), J("{null:null,null:null}"),
    J("{\"id\":0,,,,,}"), J("{'a':0}"), J("{\"id\":0,}"), J("{\"a\":\"b\"}/**/"),
    J("{\"a\":\"b\"}//"), J("{\"a\":\"b\",,\"c\":\"d\"}"), J("{a: \"b\"}"),
    J("{ \"foo\" : \"bar\", \"a\" }"), J("{\"a\":\"b\"}#"), J("{,}"), J("{\"a\" b}"), J("{\"a\":}"),
    J("{\"a\":1]"), J("[1}"), J("{}}"), J("[][]"), J("1]"), J("}"), J("]"), J(","), J(":"),
    J("<null>"), J("<.>"), J("{\"a\":/*comment*/\"b\"}"), J("[1]x"), J("{\"a\": true} \"x\""),
    J("*"), J("[\\u000A\"\"]"), J("[\x0c]"), J("\x0b[]"), J("[\xe2\x81\xa0]"), J("\xef\xbb\xbf[]"),
    J("\xef\xbb\xbf"), J("[\x00]"), J("[]\x00"), J("\x00"), J("\xa0"), J("\xc2\xa0[]"),
    J("[1,\n1\n,1}"), J("{\"a\" \"b\"}"), J("{\"\":1 \"b\":2}"),
    /* words */
    J("[nul]"), J("[tru]"), J("[fals]"), J("[True]"), J("nulL"), J("nullx"), J("truefalse"),
    J("True"), J("[NaN]"), J("NaN"), J("Infinity"), J("[-Infinity]"), J("undefined"), J("nan"),
    J("inf"),
    /* numbers */
    J("01"), J("-01"), J("-012"), J("00"), J("[-2.]"), J("[.5]"), J(".5"), J("-.5"), J("+1"),
    J("++1234"), J("[+Inf]"), J("[--2.]"), J("[0.1.2]"), J("[0.3e+]"), J("[0.3e]"), J("[0.e1]"),
    J("[0E+]"), J("[0E]"), J("[1.0e-]"), J("[1 000.0]"), J("[1eE2]"), J("[2.e+3]"), J("[9.e+]"),
    J("[1+2]"), J("[0x1]"), J("[0x42]"), J("[1e1.5]"), J("[- 1]"), J("[-]"), J("[-foo]"),
    J("[1ea]"), J("[1.a]"), J("[123\xe5]"), J("[-1x]"), J("[1.8011670033376514H-308]"), J("1_000"),
    J("[\xef\xbc\x91]"), J("12 3"), J("0 0"), J("1.e"), J("- "), J("1. "), J("1e "), J("1-"),
    J("1e+-1"),
    /* strings */
    J("'a'"), J("[\"\\x00\"]"), J("\"\\a\""), J("\"\\U0000\""), J("\"\\u12G4\""), J("\"\\u\"\""),
    J("\"\\u1\""), J("\"\\u12 4\""), J("\"\\ud83d\\u\""), J("\"\\\xf0\x9f\x8c\x80\""),
    J("\"\\\x00\""), J("\"\n\""), J("\"\t\""), J("\"\x00\""), J("\"\x1f\""), J("\"a\"b"),
    J("\"a\" \"b\""), J("\"\\'\""), J("\"\\0\""), J("\"\\u-123\""), J("\"\\u+123\""),
    J("\"\\u00\xc3\xa9\""), J("\"1234567\x01\""), J("\"12345678\x1f\""), J("\"\\\n\""),
    J("\"\\u123\""), J("\"\\u123G\""), J("\"\\\xee\""), J("\"\\u{41}\""),
    /* not UTF-8 */
    J("\"\x80\""), J("\"\xbf\""), J("\"\xc0\xaf\""), J("\"\xc1\xbf\""), J("\"\xc3\""),
    J("\"\xe0\x80\xaf\""), J("\"\xe0\x9f\xbf\""), J("\"\xed\xa0\x80\""), J("\"\xed\xbf\xbf\""),
    J("\"\xe2\x82\""), J("\"\xf0\x80\x80\x80\""), J("\"\xf0\x8f\xbf\xbf\""),
    J("\"\xf4\x90\x80\x80\""), J("\"\xf5\x80\x80\x80\""), J("\"\xf8\x88\x80\x80\x80\""),
    J("\"\xfe\""), J("\"\xff\""), J("\"\xe9\""), J("\"\xf0\x9f\x98\""), J("\"\xef\xbf\""),
    J("\"\xc3\xc3\""), J("\"12345678\xff\""), J("\xe9"), J("[\xff]")
};

static const span unit_json_more[] = {
    J(""), J(" "), J("\n\t\r "), J("["), J("{"), J("[1"), J("[1,"), J("[1 "), J("{\""), J("{\"a"),
    J("{\"a\""), J("{\"a\" "), J("{\"a\":"), J("{\"a\": "), J("{\"a\":1"), J("{\"a\":1,"),
    J("{\"a\":[{}"), J("n"), J("nul"), J("t"), J("tru"), J("f"), J("fals"), J("[fals"), J("-"),
    J("1."), J("-0."), J("1e"), J("1E"), J("1e+"), J("1E-"), J("0.5e"), J("[-"), J("[1."), J("[12"),
    J("\""), J("\"a"), J("\"\\"), J("\"\\u"), J("\"\\u0"), J("\"\\u00"), J("\"\\u004"),
    J("\"\\u0041"), J("\"\\ud83d"), J("\"\\ud83d\\"), J("\"\\ud83d\\u"), J("\"\xc3"), J("\"\xe0"),
    J("\"\xe0\xa0"), J("\"\xed\x9f"), J("\"\xf0\x90"), J("\"\xf0\x90\x80"), J("\"\xf4\x8f\xbf"),
    J("\"12345678")
};

static enum parse unit_json_guarded(span text, size_t *at)
{
    char *copy = guard_copy(text);
    struct json v = { 0 };
    const char *why = NULL;
    enum parse r = json_parse((span){ copy, text.n }, &v, &why, at);
    CHECK((r == PARSE_BAD) == (why != NULL));
    CHECK((r == PARSE_DONE) == (json_type(v) != JSON_NONE));
    guard_free(copy, text.n);
    return r;
}

/* Completes a text that is MORE: a quote first, so that strings end; then closing brackets, and
 * whatever words, numbers, escapes and sequences may wait for. DONE is what should come back. */
static enum parse unit_json_complete(span text)
{
    static const char tries[] = "\"]}:0truefalsn\x80\xbf\x90";
    buf b = { 0 };
    buf_span(&b, text);
    enum parse r = PARSE_MORE;
    for (int most = 3 * JSON_DEPTH + 16; r == PARSE_MORE && most > 0; most--) {
        struct json v;
        for (const char *c = tries; *c; c++) {
            buf_byte(&b, *c);
            r = json_parse(buf_view(&b), &v, NULL, NULL);
            if (r != PARSE_BAD)
                break;
            b.n--;
        }
    }
    buf_free(&b);
    return r;
}

/* Every prefix: none of them BAD, and those that are MORE can be completed. */
static void unit_json_prefixes(span text)
{
    for (size_t n = 0; n < text.n; n++) {
        enum parse r = unit_json_guarded((span){ text.p, n }, NULL);
        CHECK(r != PARSE_BAD);
        if (r == PARSE_MORE)
            CHECK_INT(unit_json_complete((span){ text.p, n }), PARSE_DONE);
    }
}

static void unit_json_expect(span text, enum parse want)
{
    size_t at = 0;
    int before = test_failures;
    CHECK_INT(unit_json_guarded(text, &at), want);
    if (want == PARSE_BAD) {
        CHECK(at < text.n);
        CHECK_INT(unit_json_guarded((span){ text.p, at + 1 }, NULL), PARSE_BAD);
        text.n = at;
    }
    unit_json_prefixes(text);
    if (want == PARSE_MORE)
        CHECK_INT(unit_json_complete(text), PARSE_DONE);
    if (test_failures > before)
        printf("#   text: %.*s\n", (int)text.n, text.p);
}

static void unit_json_tables(void)
{
    test_begin("texts are accepted, refused or unfinished as RFC 8259 says");
    for (size_t i = 0; i < COUNT_OF(unit_json_good); i++)
        unit_json_expect(unit_json_good[i], PARSE_DONE);
    for (size_t i = 0; i < COUNT_OF(unit_json_bad); i++)
        unit_json_expect(unit_json_bad[i], PARSE_BAD);
    for (size_t i = 0; i < COUNT_OF(unit_json_more); i++)
        unit_json_expect(unit_json_more[i], PARSE_MORE);
}

static void unit_json_offsets(void)
{
    test_begin("an error tells the offset of its byte");
    static const struct {
        span text;
        size_t at;
        const char *why;
    } cases[] = {
        { J("  x"), 2, "expected a value" }, { J("trux"), 3, "expected a value" },
        { J("[1 2]"), 3, "expected a comma or ]" }, { J("{\"a\":1 x"), 7, "expected a comma or }" },
        { J("{1"), 1, "expected a key in quotes" }, { J("{\"a\" 1"), 5, "expected a colon" },
        { J("01"), 1, "something follows the value" }, { J("1.x"), 2, "expected a digit" },
        { J("\"a\x01"), 2, "control character in a string" },
        { J("\"\\q"), 2, "unknown escape in a string" },
        { J("\"\\u00x"), 5, "\\u needs four hexadecimal digits" },
        { J("\"\x80"), 1, "a string is not UTF-8" },
        { J("\"\xe2\x82x"), 3, "a string is not UTF-8" },
        { J("\"\xe0\x80"), 2, "a string is not UTF-8" }
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct json v;
        const char *why = "";
        size_t at = 99;
        CHECK_INT(json_parse(cases[i].text, &v, &why, &at), PARSE_BAD);
        CHECK_INT(at, cases[i].at);
        CHECK_SPAN(span_of(why), cases[i].why);
    }
}

/* Every byte at every place of a string, so at every place of an eight-byte step and its tail. */
static void unit_json_every_byte(void)
{
    test_begin("each byte at each place of a string is judged the same");
    for (int c = 0; c < 256; c++)
        for (size_t place = 0; place < 18; place++) {
            char text[21] = "\"aaaaaaaaaaaaaaaaaa\"";
            text[1 + place] = (char)c;
            span whole = { text, 20 };
            int plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
            enum parse want = plain ? PARSE_DONE : PARSE_BAD;
            if (c == '\\' && place == 17)
                want = PARSE_MORE; /* the last quote is escaped */
            CHECK_INT(unit_json_guarded(whole, NULL), want);
        }
}

static void unit_json_nest(buf *b, const char *open, const char *inner, char close, int depth)
{
    buf_clear(b);
    for (int i = 0; i < depth; i++)
        buf_str(b, open);
    buf_str(b, inner);
    for (int i = 0; i < depth; i++)
        buf_byte(b, close);
}

static void unit_json_depth(void)
{
    test_begin("nesting is bounded");
    buf b = { 0 };
    size_t at = 0;
    unit_json_nest(&b, "[", "", ']', JSON_DEPTH);
    unit_json_expect(buf_view(&b), PARSE_DONE);
    unit_json_nest(&b, "{\"k\":", "0", '}', JSON_DEPTH);
    unit_json_expect(buf_view(&b), PARSE_DONE);
    unit_json_nest(&b, "[", "[]", ']', JSON_DEPTH);
    unit_json_expect(buf_view(&b), PARSE_BAD);
    CHECK_INT(unit_json_guarded(buf_view(&b), &at), PARSE_BAD);
    CHECK_INT(at, JSON_DEPTH);
    unit_json_nest(&b, "[", "{}", ']', JSON_DEPTH);
    unit_json_expect(buf_view(&b), PARSE_BAD);
    unit_json_nest(&b, "[", "", ']', 100000);
    CHECK_INT(unit_json_guarded(buf_view(&b), &at), PARSE_BAD);
    buf_clear(&b);
    buf_str(&b, "[[]"); /* side by side is not deep */
    for (int i = 0; i < 3 * JSON_DEPTH; i++)
        buf_str(&b, ",[]");
    buf_str(&b, "]");
    unit_json_expect(buf_view(&b), PARSE_DONE);
    buf_free(&b);
}

static struct json unit_json_value(const char *text) /* of a text that is good */
{
    struct json v = { 0 };
    CHECK_INT(json_parse(span_of(text), &v, NULL, NULL), PARSE_DONE);
    return v;
}

static void unit_json_huge(void)
{
    test_begin("large arrays and strings are parsed");
    buf b = { 0 };
    struct json v = { 0 };
    long long n;
    for (int i = 0; i < 100000; i++)
        buf_byte(&b, '7');
    CHECK_INT(json_parse(buf_view(&b), &v, NULL, NULL), PARSE_DONE);
    CHECK_INT(v.text.n, 100000);
    CHECK(!json_int(v, &n));
    buf_clear(&b);
    buf_str(&b, "5");
    for (int i = 0; i < 100000; i++)
        buf_byte(&b, '0');
    buf_str(&b, "e-100000");
    CHECK_INT(json_parse(buf_view(&b), &v, NULL, NULL), PARSE_DONE);
    CHECK(json_int(v, &n) && n == 5);
    buf_clear(&b);
    buf_str(&b, "0.");
    for (int i = 0; i < 100000; i++)
        buf_byte(&b, '0');
    buf_str(&b, "42e100002");
    CHECK_INT(json_parse(buf_view(&b), &v, NULL, NULL), PARSE_DONE);
    CHECK(json_int(v, &n) && n == 42);
    buf_free(&b);
}

static void unit_json_ints(void)
{
    test_begin("a number is an integer only when it is whole and fits");
    static const struct {
        const char *text;
        int fits;
        long long value;
    } cases[] = {
        { "0", 1, 0 }, { "-0", 1, 0 }, { "7", 1, 7 }, { "-7", 1, -7 }, { "10", 1, 10 },
        { "1200", 1, 1200 }, { "1e3", 1, 1000 }, { "1E+3", 1, 1000 }, { "2.0", 1, 2 },
        { "-2.000", 1, -2 }, { "120.00", 1, 120 }, { "1.5", 0, 0 }, { "1.5e1", 1, 15 },
        { "1.50e1", 1, 15 }, { "1.25e1", 0, 0 }, { "1.25e2", 1, 125 }, { "10e-1", 1, 1 },
        { "10e-2", 0, 0 }, { "100.0e-2", 1, 1 }, { "0.0", 1, 0 }, { "-0.0e-5", 1, 0 },
        { "0e999999999999999999999999", 1, 0 }, { "0.5", 0, 0 }, { "0.001e3", 1, 1 },
        { "0.001e2", 0, 0 }, { "9223372036854775807", 1, LLONG_MAX },
        { "9223372036854775808", 0, 0 }, { "-9223372036854775808", 1, LLONG_MIN },
        { "-9223372036854775809", 0, 0 }, { "9223372036854775807.0", 1, LLONG_MAX },
        { "922337203685477580.7e1", 1, LLONG_MAX }, { "922337203685477580.8e1", 0, 0 },
        { "92233720368547758070e-1", 1, LLONG_MAX }, { "9.223372036854775807e18", 1, LLONG_MAX },
        { "-9.223372036854775808E18", 1, LLONG_MIN }, { "9223372036854775807.5", 0, 0 },
        { "1e18", 1, 1000000000000000000 }, { "1e19", 0, 0 }, { "-1e19", 0, 0 },
        { "1e99999999999999999999", 0, 0 }, { "1e-99999999999999999999", 0, 0 },
        { "18446744073709551617", 0, 0 }, { "100000000000000000000", 0, 0 }, { "\"1\"", 0, 0 },
        { "true", 0, 0 }, { "null", 0, 0 }, { "[1]", 0, 0 }
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        long long got = -99;
        int fits = json_int(unit_json_value(cases[i].text), &got);
        CHECK_INT(fits, cases[i].fits);
        CHECK_INT(got, fits ? cases[i].value : -99);
        if (fits != cases[i].fits)
            printf("#   number: %s\n", cases[i].text);
    }
    long long got = -99;
    CHECK(!json_int((struct json){ 0 }, &got));
}

static void unit_json_times(void)
{
    test_begin("a time is read from seconds or from an ISO-8601 string");
    static const struct {
        const char *text;
        long long ms;
    } cases[] = {
        { "\"1970-01-01T00:00:01Z\"", 1000 }, { "\"1970-01-01T00:00:01.25+00:00\"", 1250 },
        { "\"\\u0031970-01-01T00\\u003a00:02Z\"", 2000 }, { "\"\"", -99 }, { "\"\\n\"", -99 },
        { "\"1970-01-01\\T00:00:01Z\"", -99 }, { "\"1970-01-01T00:00:01Z \"", -99 },
        { "1000", -99 }, { "null", -99 }, { "{}", -99 }
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct json v = { 0 };
        long long got = -99;
        json_parse(span_of(cases[i].text), &v, NULL, NULL); /* one of them is no JSON at all */
        CHECK_INT(json_time(v, &got), cases[i].ms >= 0);
        CHECK_INT(got, cases[i].ms);
    }
}

static void unit_json_text(void)
{
    test_begin("a string is decoded with its escapes");
    static const struct {
        const char *text;
        span value;
    } cases[] = {
        { "\"\"", J("") }, { "\"plain\"", J("plain") },
        { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", J("\"\\/\b\f\n\r\t") },
        { "\"\\u0041\\u00e9\\u20AC\"", J("A\xc3\xa9\xe2\x82\xac") },
        { "\"\\ud83d\\ude00\"", J("\xf0\x9f\x98\x80") },
        { "\"\\uDBFF\\uDFFF\"", J("\xf4\x8f\xbf\xbf") },
        { "\"\\ud800\\udc00\"", J("\xf0\x90\x80\x80") }, { "\"\\ud83d\"", J("\xef\xbf\xbd") },
        { "\"\\ude00\"", J("\xef\xbf\xbd") }, { "\"\\ud83dx\"", J("\xef\xbf\xbdx") },
        { "\"\\ud83d\\n\"", J("\xef\xbf\xbd\n") }, { "\"\\ud83d\\u0041\"", J("\xef\xbf\xbd""A") },
        { "\"\\ud83d\\ud83d\\ude00\"", J("\xef\xbf\xbd\xf0\x9f\x98\x80") },
        { "\"\\ude00\\ude00\"", J("\xef\xbf\xbd\xef\xbf\xbd") },
        { "\"\\ude00\\ud83d\"", J("\xef\xbf\xbd\xef\xbf\xbd") }, { "\"a\\u0000b\"", J("a\0b") },
        { "\"\\\\u0041\"", J("\\u0041") }, { "\"12345678\\n12345678\"", J("12345678\n12345678") },
        { "\"h\xc3\xa9\\u00e9\"", J("h\xc3\xa9\xc3\xa9") },
        { "\"\\uffff\\ufffd\"", J("\xef\xbf\xbf\xef\xbf\xbd") }
    };
    buf b = { 0 };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *copy = guard_copy(span_of(cases[i].text));
        struct json v = { { copy, strlen(cases[i].text) } };
        span want = cases[i].value;
        buf_clear(&b);
        json_put_text(&b, v);
        CHECK(b.n == want.n && (want.n == 0 || memcmp(b.p, want.p, b.n) == 0));
        char *dup = json_dup_text(v);
        CHECK(dup && memcmp(dup, want.p, want.n + 1) == 0);
        free(dup);
        CHECK_INT(json_text_eq(v, want.p), strlen(want.p) == want.n);
        if (want.n > 0)
            CHECK(!json_text_eq(v, want.p + 1));
        guard_free(copy, strlen(cases[i].text));
    }
    buf_free(&b);
    CHECK(!json_text_eq(unit_json_value("\"ab\""), "a"));
    CHECK(!json_text_eq(unit_json_value("\"ab\""), "abc"));
    CHECK(!json_text_eq(unit_json_value("\"a\\u0000\""), "a"));
    CHECK(!json_text_eq(unit_json_value("1"), "1"));
    CHECK(!json_text_eq((struct json){ 0 }, ""));
    CHECK(json_dup_text(unit_json_value("12")) == NULL);
    CHECK(json_dup_text((struct json){ 0 }) == NULL);
}

static void unit_json_walk(void)
{
    test_begin("an array is walked in order, white space or not");
    struct json v = unit_json_value(
        " [ 1 , \"a,]\\\"}\" ,[ [ ] , {\"x\":[\"]\"]} ], { } ,true,null , -1.5e3 ] ");
    static const struct {
        enum json_type type;
        const char *text;
    } want[] = {
        { JSON_NUMBER, "1" }, { JSON_STRING, "\"a,]\\\"}\"" },
        { JSON_ARRAY, "[ [ ] , {\"x\":[\"]\"]} ]" }, { JSON_OBJECT, "{ }" }, { JSON_TRUE, "true" },
        { JSON_NULL, "null" }, { JSON_NUMBER, "-1.5e3" }
    };
    CHECK_INT(json_type(v), JSON_ARRAY);
    CHECK(v.text.p[0] == '[' && v.text.p[v.text.n - 1] == ']');
    struct json_iter it = json_iter(v);
    size_t i = 0;
    for (; json_next(&it) && i < COUNT_OF(want); i++) {
        CHECK_INT(json_type(it.value), want[i].type);
        CHECK_SPAN(it.value.text, want[i].text);
        CHECK_INT(it.key.text.n, 0);
    }
    CHECK_INT(i, COUNT_OF(want));
    CHECK(!json_next(&it));
    CHECK(!json_next(&it));
    static const char *const empty[] = {
        "[]", "{}", "[ ]", "{ \n}", "1", "\"[1]\"", "null", "true", "false"
    };
    for (i = 0; i < COUNT_OF(empty); i++) {
        it = json_iter(unit_json_value(empty[i]));
        CHECK(!json_next(&it));
    }
    it = json_iter((struct json){ 0 });
    CHECK(!json_next(&it));
}

static int unit_json_next_is(struct json_iter *it, const char *key)
{
    return json_next_is(it, key, strlen(key));
}

static void unit_json_objects(void)
{
    test_begin("an array's objects are read member by member, by the names that are expected");
    struct json v = unit_json_value(
        "[{\"aaaa\":1,\"bbbbbbbb1\":{\"a\":[2]}} , 7,{},[{\"aaaa\":3}],{ \"aaaa\":4},"
        "{\"aaaab\": \"}\",\"\\u0061aaa\":5}]");
    struct json_iter it = json_iter(v), one = {0};
    CHECK(json_next_object(&it, &one));
    CHECK(!unit_json_next_is(&one, "bbbbbbbb1") && !unit_json_next_is(&one, "aaaab") &&
          !unit_json_next_is(&one, "aaab"));
    CHECK(unit_json_next_is(&one, "aaaa"));
    CHECK_SPAN(one.value.text, "1");
    CHECK(!unit_json_next_is(&one, "bbbbbbbb2") && !unit_json_next_is(&one, "bbbb1bbb1"));
    CHECK(unit_json_next_is(&one, "bbbbbbbb1"));
    CHECK_SPAN(one.value.text, "{\"a\":[2]}");
    CHECK(!unit_json_next_is(&one, "aaaa") && !json_next(&one));
    for (int i = 0; i < 3; i++) { /* 7, {}, [...] have no members */
        CHECK(json_next_object(&it, &one));
        CHECK(!unit_json_next_is(&one, "aaaa") && !json_next(&one));
    }
    CHECK(json_next_object(&it, &one));
    CHECK(!unit_json_next_is(&one, "aaaa")); /* a blank before it */
    CHECK(json_next(&one));
    CHECK_SPAN(one.value.text, "4");
    CHECK(!json_next(&one));
    CHECK(json_next_object(&it, &one));
    CHECK(!unit_json_next_is(&one, "aaaa"));
    CHECK(unit_json_next_is(&one, "aaaab"));
    CHECK_SPAN(one.value.text, "\"}\"");
    CHECK(!unit_json_next_is(&one, "aaaa")); /* written otherwise */
    CHECK(json_next(&one) && json_text_eq(one.key, "aaaa"));
    CHECK(!json_next(&one));
    CHECK(!json_next_object(&it, &one));
    CHECK(!json_next_object(&it, &one));
    it = json_iter(unit_json_value("[ ]")), one = (struct json_iter){0};
    CHECK(!json_next_object(&it, &one));
}

static void unit_json_members(void)
{
    test_begin("a member is found by its decoded name");
    struct json v = unit_json_value(
        "{ \"a\" : 1 ,\"b\":{\"a\":9,\"z\":\"}\"},\"\\u0061\":[2] , \"\":false,\"a\\\"\":null}");
    static const char *const keys[] = { "\"a\"", "\"b\"", "\"\\u0061\"", "\"\"", "\"a\\\"\"" };
    struct json_iter it = json_iter(v);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        CHECK(json_next(&it));
        CHECK_INT(json_type(it.key), JSON_STRING);
        CHECK_SPAN(it.key.text, keys[i]);
    }
    CHECK(!json_next(&it));
    CHECK_SPAN(json_get(v, "a").text, "[2]"); /* the last one, and names are compared decoded */
    CHECK_SPAN(json_get(json_get(v, "b"), "a").text, "9");
    CHECK_INT(json_type(json_get(v, "")), JSON_FALSE);
    CHECK_INT(json_type(json_get(v, "a\"")), JSON_NULL);
    CHECK_INT(json_type(json_get(v, "z")), JSON_NONE);
    CHECK_INT(json_type(json_get(json_get(v, "z"), "z")), JSON_NONE);
    CHECK_INT(json_type(json_get(unit_json_value("[\"a\",1]"), "a")), JSON_NONE);
    CHECK_INT(json_type(json_get(unit_json_value("\"a\""), "a")), JSON_NONE);
    CHECK_INT(json_type(json_get(unit_json_value("{}"), "a")), JSON_NONE);
}

static void unit_json_writer(void)
{
    test_begin("the writer sets commas, colons and brackets");
    buf b = { 0 };
    json_open(&b, '{');
    json_field_string(&b, "s", "a\"b");
    json_field_string(&b, "none", NULL);
    json_field_int(&b, "min", LLONG_MIN);
    json_field_int(&b, "i", 0);
    json_field_bool(&b, "t", 2);
    json_field_bool(&b, "f", 0);
    json_field_null(&b, "n");
    json_field_open(&b, "k\n", '[');
    json_put_int(&b, 1);
    json_put_string(&b, span_of(","));
    json_put_string(&b, (span){ NULL, 0 });
    json_put_raw(&b, span_of("{\"x\":1}"));
    json_open(&b, '[');
    json_close(&b, ']');
    json_open(&b, '{');
    json_close(&b, '}');
    json_put_int(&b, -2);
    json_close(&b, ']');
    json_field_string(&b, "", "[");
    json_field_int(&b, "z", 3);
    json_close(&b, '}');
    CHECK_SPAN(buf_view(&b),
               "{\"s\":\"a\\\"b\",\"none\":null,\"min\":-9223372036854775808,\"i\":0,\"t\":true,"
               "\"f\":false,\"n\":null,"
               "\"k\\n\":[1,\",\",\"\",{\"x\":1},[],{},-2],\"\":\"[\",\"z\":3}");
    buf_byte(&b, '\n');
    size_t line = b.n;
    json_put_int(&b, 5); /* a line feed begins a text of its own */
    CHECK_SPAN(span_sub(buf_view(&b), line), "5");
    buf_free(&b);
}

static void unit_json_strings_out(void)
{
    test_begin("the writer escapes what JSON needs escaped");
    static const struct {
        span s;
        const char *want;
    } cases[] = {
        { J(""), "\"\"" },
        { J("plain text of more than eight"), "\"plain text of more than eight\"" },
        { J("\"\\/\b\f\n\r\t"), "\"\\\"\\\\/\\b\\f\\n\\r\\t\"" },
        { J("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\x7f\"" },
        { J("\x0b\x1b["), "\"\\u000b\\u001b[\"" },
        { J("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
        { J("a\xff""b"), "\"a\xef\xbf\xbd""b\"" }, { J("\xe2\x82"), "\"\xef\xbf\xbd\"" },
        { J("x\xf0\x9f"), "\"x\xef\xbf\xbd\"" }, { J("\xe2\x82x"), "\"\xef\xbf\xbdx\"" },
        { J("\xef\xbf\xbd!"), "\"\xef\xbf\xbd!\"" },
        { J("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { J("1234567\n89012345\"6"), "\"1234567\\n89012345\\\"6\"" },
        { J("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\"" }
    };
    buf b = { 0 };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *copy = guard_copy(cases[i].s);
        buf_clear(&b);
        json_put_string(&b, (span){ copy, cases[i].s.n });
        CHECK_SPAN(buf_view(&b), cases[i].want);
        guard_free(copy, cases[i].s.n);
    }
    buf_free(&b);
}

/* Escapes take more room than was set aside for the string: what follows must still have some. */
static void unit_json_room(void)
{
    test_begin("escapes that fill the buffer leave room for what follows");
    for (size_t special = 1; special < 40; special += 13)
        for (size_t plain = 0; plain < 64; plain++) {
            char s[104];
            buf b = { 0 };
            struct json v = { 0 };
            memset(s, 1, special);
            memset(s + special, 'x', plain);
            json_put_string(&b, (span){ s, special + plain });
            CHECK_INT(b.n, 6 * special + plain + 2);
            CHECK_INT(json_parse(buf_view(&b), &v, NULL, NULL), PARSE_DONE);
            buf_free(&b);
        }
}

/* Any bytes, written as a string, are a good text; and what was UTF-8 comes back as it was. */
static void unit_json_bytes_back(void)
{
    test_begin("any bytes written as a string are good JSON, and UTF-8 is read back");
    buf b = { 0 }, back = { 0 };
    for (int c = 0; c < 0x110000; c += c < 0x3000 ? 1 : 997) {
        char s[12] = "0123456";
        size_t n = 7 + utf8_encode((uint32_t)c, s + 7);
        struct json v = { 0 };
        buf_clear(&b);
        buf_clear(&back);
        json_put_string(&b, (span){ s, n });
        CHECK_INT(json_parse(buf_view(&b), &v, NULL, NULL), PARSE_DONE);
        json_put_text(&back, v);
        CHECK(back.n == n && memcmp(back.p, s, n) == 0);
    }
    buf_free(&b);
    buf_free(&back);
}

/* Writes v again; the recursion is bounded by JSON_DEPTH. */
static void unit_json_copy(buf *b, struct json v)
{
    struct json_iter it = json_iter(v);
    if (json_type(v) == JSON_STRING) {
        buf text = { 0 };
        json_put_text(&text, v);
        json_put_string(b, buf_view(&text));
        buf_free(&text);
    } else if (json_type(v) != JSON_ARRAY && json_type(v) != JSON_OBJECT) {
        json_put_raw(b, v.text);
    } else {
        json_open(b, json_type(v) == JSON_ARRAY ? '[' : '{');
        while (json_next(&it)) {
            if (json_type(v) == JSON_OBJECT) {
                char *key = json_dup_text(it.key);
                json_key(b, key);
                free(key);
            }
            unit_json_copy(b, it.value);
        }
        json_close(b, json_type(v) == JSON_ARRAY ? ']' : '}');
    }
}

static void unit_json_round_trips(void)
{
    test_begin("parsed values are written as they were");
    static const char *const canonical[] = {
        "[]", "{}", "[1,2,[3,{\"a\":[]}]]",
        "{\"a\":{\"b\":{\"c\":[null,true,false]}}}", "\"\\n\\\"\\\\\"", "-1.5e+3",
        "{\"\":\"\",\"x\":[\"]\",\"}\",\",\",\":\"]}", "[\"\xf0\x9f\x98\x80\",\"\\u0001\"]"
    };
    buf b = { 0 };
    for (size_t i = 0; i < COUNT_OF(canonical); i++) {
        buf_clear(&b);
        unit_json_copy(&b, unit_json_value(canonical[i]));
        CHECK_SPAN(buf_view(&b), canonical[i]);
    }
    buf_clear(&b);
    const char *loose = " { \"a\" : [ 1 , 2 ] , \"\\u0041\\/\" : \"\\ud83d\\ude00\" } ";
    unit_json_copy(&b, unit_json_value(loose));
    CHECK_SPAN(buf_view(&b), "{\"a\":[1,2],\"A/\":\"\xf0\x9f\x98\x80\"}");
    for (size_t i = 0; i < COUNT_OF(unit_json_good); i++) {
        struct json v = { 0 }, again = { 0 };
        json_parse(unit_json_good[i], &v, NULL, NULL);
        buf_clear(&b);
        unit_json_copy(&b, v);
        CHECK_INT(json_parse(buf_view(&b), &again, NULL, NULL), PARSE_DONE);
        CHECK_INT(json_type(again), json_type(v));
    }
    buf_free(&b);
}

static void unit_json(void)
{
    unit_json_tables();
    unit_json_offsets();
    unit_json_every_byte();
    unit_json_depth();
    unit_json_huge();
    unit_json_ints();
    unit_json_times();
    unit_json_text();
    unit_json_walk();
    unit_json_objects();
    unit_json_members();
    unit_json_writer();
    unit_json_strings_out();
    unit_json_room();
    unit_json_bytes_back();
    unit_json_round_trips();
}
#undef J
