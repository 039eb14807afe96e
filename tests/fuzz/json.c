/* Fuzz target of src/json.c. Any input: json_parse agrees with a plain recursive reading of the
 * grammar; MORE can be completed; BAD is BAD from its offset on, and not before. A good text,
 * written again, reads the same. Any bytes, put as a string, come back as clean UTF-8. */

#define FUZZ_JSON_MOST 2048 /* bytes of input looked at: the properties are quadratic */

struct fuzz_json_ref {
    const uint8_t *p;
    size_t n, i;
};

static void fuzz_json_need(int cond)
{
    if (!cond)
        abort();
}

static int fuzz_json_peek(const struct fuzz_json_ref *r)
{
    return r->i < r->n ? r->p[r->i] : -1;
}

static void fuzz_json_blank(struct fuzz_json_ref *r)
{
    while (r->i < r->n && (r->p[r->i] == ' ' || (r->p[r->i] >= 9 && r->p[r->i] <= 13 &&
                                                 r->p[r->i] != 11 && r->p[r->i] != 12)))
        r->i++;
}

/* One byte of low…high: the step that everything else is made of. */
static enum parse fuzz_json_range(struct fuzz_json_ref *r, int low, int high)
{
    int c = fuzz_json_peek(r);
    if (c < 0)
        return PARSE_MORE;
    if (c < low || c > high)
        return PARSE_BAD;
    r->i++;
    return PARSE_DONE;
}

static enum parse fuzz_json_utf8(struct fuzz_json_ref *r)
{
    /* Unicode table 3-7: lead bytes, second bytes, how many more */
    static const uint8_t rows[][5] = {
        { 0xc2, 0xdf, 0x80, 0xbf, 0 }, { 0xe0, 0xe0, 0xa0, 0xbf, 1 }, { 0xe1, 0xec, 0x80, 0xbf, 1 },
        { 0xed, 0xed, 0x80, 0x9f, 1 }, { 0xee, 0xef, 0x80, 0xbf, 1 }, { 0xf0, 0xf0, 0x90, 0xbf, 2 },
        { 0xf1, 0xf3, 0x80, 0xbf, 2 }, { 0xf4, 0xf4, 0x80, 0x8f, 2 }
    };
    for (size_t k = 0; k < COUNT_OF(rows); k++) {
        if (fuzz_json_range(r, rows[k][0], rows[k][1]) != PARSE_DONE)
            continue;
        enum parse a = fuzz_json_range(r, rows[k][2], rows[k][3]);
        for (int more = rows[k][4]; a == PARSE_DONE && more > 0; more--)
            a = fuzz_json_range(r, 0x80, 0xbf);
        return a;
    }
    return PARSE_BAD;
}

static enum parse fuzz_json_escape(struct fuzz_json_ref *r)
{
    int c = fuzz_json_peek(r);
    if (c < 0)
        return PARSE_MORE;
    if (c == 0 || !strchr("\"\\/bfnrtu", c))
        return PARSE_BAD;
    r->i++;
    for (int k = 0; c == 'u' && k < 4; k++) {
        int h = fuzz_json_peek(r);
        if (h < 0)
            return PARSE_MORE;
        if (h == 0 || !strchr("0123456789abcdefABCDEF", h))
            return PARSE_BAD;
        r->i++;
    }
    return PARSE_DONE;
}

static enum parse fuzz_json_string(struct fuzz_json_ref *r)
{
    enum parse a = fuzz_json_range(r, '"', '"');
    while (a == PARSE_DONE) {
        int c = fuzz_json_peek(r);
        if (c < 0)
            return PARSE_MORE;
        if (c < 0x20)
            return PARSE_BAD;
        if (c >= 0x80) {
            a = fuzz_json_utf8(r);
            continue;
        }
        r->i++;
        if (c == '"')
            return PARSE_DONE;
        if (c == '\\')
            a = fuzz_json_escape(r);
    }
    return a;
}

static enum parse fuzz_json_digits(struct fuzz_json_ref *r)
{
    enum parse a = fuzz_json_range(r, '0', '9');
    while (a == PARSE_DONE && fuzz_json_range(r, '0', '9') == PARSE_DONE)
        ;
    return a;
}

static enum parse fuzz_json_number(struct fuzz_json_ref *r)
{
    fuzz_json_range(r, '-', '-');
    enum parse a = PARSE_DONE;
    if (fuzz_json_range(r, '0', '0') != PARSE_DONE)
        a = fuzz_json_digits(r);
    if (a == PARSE_DONE && fuzz_json_range(r, '.', '.') == PARSE_DONE)
        a = fuzz_json_digits(r);
    if (a != PARSE_DONE || (fuzz_json_peek(r) != 'e' && fuzz_json_peek(r) != 'E'))
        return a;
    r->i++;
    if (fuzz_json_range(r, '+', '+') != PARSE_DONE)
        fuzz_json_range(r, '-', '-');
    return fuzz_json_digits(r);
}

static enum parse fuzz_json_value(struct fuzz_json_ref *r, int depth);

static enum parse fuzz_json_member(struct fuzz_json_ref *r, int depth, int object)
{
    enum parse a = PARSE_DONE;
    fuzz_json_blank(r);
    if (object) {
        a = fuzz_json_string(r);
        fuzz_json_blank(r);
        if (a == PARSE_DONE)
            a = fuzz_json_range(r, ':', ':');
    }
    return a == PARSE_DONE ? fuzz_json_value(r, depth) : a;
}

static enum parse fuzz_json_nest(struct fuzz_json_ref *r, int depth)
{
    int object = r->p[r->i++] == '{', close = object ? '}' : ']';
    fuzz_json_blank(r);
    if (fuzz_json_range(r, close, close) == PARSE_DONE)
        return PARSE_DONE;
    for (;;) {
        enum parse a = fuzz_json_member(r, depth, object);
        if (a != PARSE_DONE)
            return a;
        fuzz_json_blank(r);
        if (fuzz_json_range(r, close, close) == PARSE_DONE)
            return PARSE_DONE;
        a = fuzz_json_range(r, ',', ',');
        if (a != PARSE_DONE)
            return a;
    }
}

static enum parse fuzz_json_value(struct fuzz_json_ref *r, int depth)
{
    static const char *const words[] = { "true", "false", "null" };
    fuzz_json_blank(r);
    int c = fuzz_json_peek(r);
    if (c < 0)
        return PARSE_MORE;
    if (c == '"')
        return fuzz_json_string(r);
    if (c == '[' || c == '{')
        return depth == JSON_DEPTH ? PARSE_BAD : fuzz_json_nest(r, depth + 1);
    for (size_t k = 0; k < COUNT_OF(words); k++) {
        enum parse a = PARSE_DONE;
        for (const char *w = words[k]; c == words[k][0] && *w && a == PARSE_DONE; w++)
            a = fuzz_json_range(r, *w, *w);
        if (c == words[k][0])
            return a;
    }
    return fuzz_json_number(r);
}

static enum parse fuzz_json_reference(span text)
{
    struct fuzz_json_ref r = { (const uint8_t *)text.p, text.n, 0 };
    enum parse a = fuzz_json_value(&r, 0);
    fuzz_json_blank(&r);
    return a == PARSE_DONE && r.i < r.n ? PARSE_BAD : a;
}

/* On a copy of exactly that size, so that reading past it is noticed. */
static enum parse fuzz_json_parse(span text, size_t *at)
{
    char *copy = malloc(text.n ? text.n : 1);
    fuzz_json_need(copy != NULL);
    if (text.n)
        memcpy(copy, text.p, text.n);
    struct json v = { 0 };
    const char *why = NULL;
    enum parse a = json_parse((span){ copy, text.n }, &v, &why, at);
    fuzz_json_need((a == PARSE_BAD) == (why != NULL));
    fuzz_json_need((a == PARSE_DONE) == (json_type(v) != JSON_NONE));
    fuzz_json_need(a == fuzz_json_reference(text));
    free(copy);
    return a;
}

static void fuzz_json_complete(span text)
{
    static const char tries[] = "\"]}:0truefalsn\x80\xbf\x90";
    enum parse a = PARSE_MORE;
    buf b = { 0 };
    buf_span(&b, text);
    for (int most = 3 * JSON_DEPTH + 16; a == PARSE_MORE && most > 0; most--) {
        a = PARSE_BAD;
        for (const char *c = tries; *c && a == PARSE_BAD; c++) {
            struct json v;
            buf_byte(&b, *c);
            a = json_parse(buf_view(&b), &v, NULL, NULL);
            b.n -= a == PARSE_BAD;
        }
    }
    fuzz_json_need(a == PARSE_DONE);
    buf_free(&b);
}

static void fuzz_json_check_scalar(struct json v)
{
    long long got, want;
    if (json_type(v) == JSON_NUMBER && span_int(v.text, &want))
        fuzz_json_need(json_int(v, &got) && got == want);
    else if (json_type(v) == JSON_NUMBER && json_int(v, &got)) /* with a point or an exponent */
        fuzz_json_need(got == 0 || (got < 0) == (v.text.p[0] == '-'));
    else
        fuzz_json_need(json_type(v) == JSON_NUMBER || !json_int(v, &got));
}

/* Writes v again from what the walk and the decoder say. */
static void fuzz_json_copy(buf *b, struct json v)
{
    struct json again = { 0 };
    fuzz_json_need(json_parse(v.text, &again, NULL, NULL) == PARSE_DONE);
    fuzz_json_need(json_type(again) == json_type(v) && again.text.p == v.text.p &&
                   again.text.n == v.text.n);
    buf text = { 0 };
    struct json_iter it = json_iter(v);
    if (json_type(v) == JSON_ARRAY || json_type(v) == JSON_OBJECT) {
        json_open(b, json_type(v) == JSON_ARRAY ? '[' : '{');
        while (json_next(&it)) {
            fuzz_json_need((json_type(it.key) == JSON_STRING) == (json_type(v) == JSON_OBJECT));
            if (json_type(v) == JSON_OBJECT) {
                char *key = json_dup_text(it.key);
                buf_clear(&text);
                json_put_text(&text, it.key);
                int whole = strlen(key) == text.n; /* else it has a U+0000 */
                fuzz_json_need(json_text_eq(it.key, key) == whole);
                fuzz_json_need(!whole || json_type(json_get(v, key)) != JSON_NONE);
                json_put_string(b, buf_view(&text));
                buf_byte(b, ':');
                free(key);
            }
            fuzz_json_copy(b, it.value);
        }
        json_close(b, json_type(v) == JSON_ARRAY ? ']' : '}');
    } else if (json_type(v) == JSON_STRING) {
        json_put_text(&text, v);
        json_put_string(b, buf_view(&text));
    } else {
        fuzz_json_check_scalar(v);
        json_put_raw(b, v.text);
    }
    buf_free(&text);
}

static void fuzz_json_round_trip(span text)
{
    struct json v = { 0 }, again = { 0 };
    buf once = { 0 }, twice = { 0 };
    fuzz_json_need(json_parse(text, &v, NULL, NULL) == PARSE_DONE);
    fuzz_json_copy(&once, v);
    fuzz_json_need(json_parse(buf_view(&once), &again, NULL, NULL) == PARSE_DONE);
    fuzz_json_copy(&twice, again);
    fuzz_json_need(once.n == twice.n && memcmp(once.p, twice.p, once.n) == 0);
    buf_free(&once);
    buf_free(&twice);
}

static void fuzz_json_bytes(span bytes)
{
    struct json v = { 0 };
    buf b = { 0 }, back = { 0 }, clean = { 0 };
    json_put_string(&b, bytes);
    fuzz_json_need(json_parse(buf_view(&b), &v, NULL, NULL) == PARSE_DONE);
    json_put_text(&back, v);
    utf8_put_clean(&clean, bytes);
    fuzz_json_need(back.n == clean.n && (back.n == 0 || memcmp(back.p, clean.p, back.n) == 0));
    buf_free(&b);
    buf_free(&back);
    buf_free(&clean);
}

static int fuzz_json(const uint8_t *data, size_t size)
{
    span text = { (const char *)data, size < FUZZ_JSON_MOST ? size : FUZZ_JSON_MOST };
    size_t at = 0;
    enum parse a = fuzz_json_parse(text, &at);
    if (a == PARSE_BAD) {
        fuzz_json_need(at < text.n);
        fuzz_json_need(fuzz_json_parse((span){ text.p, at + 1 }, NULL) == PARSE_BAD);
        fuzz_json_need(fuzz_json_parse((span){ text.p, at }, NULL) != PARSE_BAD);
    }
    for (size_t n = a == PARSE_BAD ? at : text.n, cut = n < 64 ? 0 : n - 64; cut < n; cut++)
        fuzz_json_need(fuzz_json_parse((span){ text.p, cut }, NULL) != PARSE_BAD);
    if (a == PARSE_MORE)
        fuzz_json_complete(text);
    if (a == PARSE_DONE)
        fuzz_json_round_trip(text);
    fuzz_json_bytes(text);
    return 0;
}
