#include "base.h"

/* json - JSON texts (RFC 8259): a checker that makes no tree, a walk over checked text, a writer.
 *
 * Accepts exactly the grammar of sections 2 to 7 in UTF-8 (8.1), nested at most JSON_DEPTH deep.
 * Where the RFC leaves a choice: a byte order mark is refused (8.1), of equal names the last one
 * counts (4), numbers stay text and are only read as integers (6), and an escaped surrogate without
 * its other half is accepted and reads as U+FFFD (8.2). Left out: fractions as numbers, a tree,
 * pretty printing. */

enum json_state {
    JSON_WANT_VALUE,
    JSON_WANT_ELEMENT, /* a value or ']': right after '[' */
    JSON_WANT_KEY,
    JSON_WANT_MEMBER,  /* a key or '}': right after '{' */
    JSON_WANT_NEXT     /* ',' or the closing bracket, or at depth 0 nothing: right after a value */
};

/* p: the first byte not yet accepted; after BAD the offending one: the text before it could still
 * have become valid. */
struct json_scan {
    const char *p, *end;
    const char *why;
    enum json_state state;
    int depth;
    char open[JSON_DEPTH]; /* the outermost first */
};

/* The letter behind a backslash, and the reverse. 'u' is not here. */
static const char json_escape_of[128] = {
    ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'
};
static const char json_escaped[128] = {
    ['"'] = '"', ['\\'] = '\\', ['/'] = '/',
    ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'
};

/* ---- scanners, eight bytes a step; a top bit in the marks means: look at single bytes -------- */

#define JSON_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static uint64_t json_load(const char *at)
{
    uint64_t x;
    memcpy(&x, at, sizeof x);
    return x;
}

/* Marks bytes of a string that are not plain: quote, backslash, control character, non-ASCII.
 * Borrows mark other bytes, but only beside such a one. */
static uint64_t json_special_marks(uint64_t x)
{
    uint64_t quote = (x ^ JSON_EACH('"')) - JSON_EACH(1);
    uint64_t backslash = (x ^ JSON_EACH('\\')) - JSON_EACH(1);
    return (x | (x - JSON_EACH(' ')) | quote | backslash) & JSON_EACH(0x80);
}

/* The same for one byte; c is read three times. */
#define JSON_IS_PLAIN(c) ((unsigned char)((c) - ' ') < 0x80 - ' ' && (c) != '"' && (c) != '\\')

/* Returns the first marked byte's place, which no borrow has marked; on a big-endian machine p: the
 * caller looks at single bytes from there. */
static const char *json_at_mark(const char *p, uint64_t marks)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t below = (marks & -marks) - 1;
    return p + ((below & JSON_EACH(1)) * JSON_EACH(1) >> 56) - 1;
#else
    (void)marks;
    return p;
#endif
}

static const char *json_skip_plain(const char *p, const char *end)
{
    uint64_t marks = 0;
    while (end - p >= 8 && !(marks = json_special_marks(json_load(p))))
        p += 8;
    p = marks ? json_at_mark(p, marks) : p;
    while (p < end && JSON_IS_PLAIN(*p))
        p++;
    return p;
}

/* Returns the first quote or backslash; nothing else matters inside a checked string. */
static const char *json_skip_checked(const char *p, const char *end)
{
    uint64_t marks = 0;
    for (; end - p >= 8; p += 8) {
        uint64_t x = json_load(p);
        uint64_t quote = x ^ JSON_EACH('"'), backslash = x ^ JSON_EACH('\\');
        marks = (((quote - JSON_EACH(1)) & ~quote) | ((backslash - JSON_EACH(1)) & ~backslash)) &
                JSON_EACH(0x80);
        if (marks)
            break;
    }
    p = marks ? json_at_mark(p, marks) : p;
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}

static const char *json_skip_blank(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

static int json_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int json_hex(char c) /* its value, or -1 */
{
    if (json_is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---- checking: each scan starts at a byte that is there ------------------------------------- */

static enum parse json_bad(struct json_scan *s, const char *why)
{
    s->why = why;
    return PARSE_BAD;
}

static enum parse json_scan_escape(struct json_scan *s)
{
    if (++s->p == s->end)
        return PARSE_MORE;
    unsigned char c = (unsigned char)*s->p;
    if (c != 'u' && (c >= 0x80 || !json_escaped[c]))
        return json_bad(s, "unknown escape in a string");
    s->p++;
    for (int digits = c == 'u' ? 4 : 0; digits > 0; digits--, s->p++) {
        if (s->p == s->end)
            return PARSE_MORE;
        if (json_hex(*s->p) < 0)
            return json_bad(s, "\\u needs four hexadecimal digits");
    }
    return PARSE_DONE;
}

static enum parse json_scan_utf8(struct json_scan *s) /* a run of non-ASCII */
{
    while (s->p < s->end && (unsigned char)*s->p >= 0x80) {
        unsigned char lead = (unsigned char)*s->p;
        uint32_t cp;
        size_t n = utf8_next((span){s->p, (size_t)(s->end - s->p)}, &cp);
        if (n == 0)
            return PARSE_MORE;
        /* U+FFFD also means malformed; its own is the only sequence of 3 with that lead. */
        if (cp == 0xfffd && (n != 3 || lead != 0xef)) {
            s->p += lead >= 0xc2 && lead <= 0xf4 ? n : 0;
            return json_bad(s, "a string is not UTF-8");
        }
        s->p += n;
    }
    return PARSE_DONE;
}

static enum parse json_scan_string(struct json_scan *s)
{
    enum parse r = PARSE_DONE;
    s->p++;
    while (r == PARSE_DONE) {
        s->p = json_skip_plain(s->p, s->end);
        if (s->p == s->end)
            return PARSE_MORE;
        if (*s->p == '"') {
            s->p++;
            return PARSE_DONE;
        }
        if (*s->p == '\\')
            r = json_scan_escape(s);
        else if ((unsigned char)*s->p >= 0x80)
            r = json_scan_utf8(s);
        else
            r = json_bad(s, "control character in a string");
    }
    return r;
}

static enum parse json_scan_word(struct json_scan *s, const char *word)
{
    for (; *word; word++, s->p++) {
        if (s->p == s->end)
            return PARSE_MORE;
        if (*s->p != *word)
            return json_bad(s, "expected a value");
    }
    return PARSE_DONE;
}

static enum parse json_scan_digits(struct json_scan *s) /* one or more */
{
    if (s->p == s->end)
        return PARSE_MORE;
    if (!json_is_digit(*s->p))
        return json_bad(s, "expected a digit");
    while (s->p < s->end && json_is_digit(*s->p))
        s->p++;
    return PARSE_DONE;
}

static int json_scan_one_of(struct json_scan *s, char a, char b) /* consumes a or b */
{
    int found = s->p < s->end && (*s->p == a || *s->p == b);
    s->p += found;
    return found;
}

/* A digit after a leading zero is left for the next scan, which refuses it. */
static enum parse json_scan_number(struct json_scan *s)
{
    json_scan_one_of(s, '-', '-');
    enum parse r = json_scan_one_of(s, '0', '0') ? PARSE_DONE : json_scan_digits(s);
    if (r == PARSE_DONE && json_scan_one_of(s, '.', '.'))
        r = json_scan_digits(s);
    if (r == PARSE_DONE && json_scan_one_of(s, 'e', 'E')) {
        json_scan_one_of(s, '+', '-');
        r = json_scan_digits(s);
    }
    return r;
}

static enum parse json_scan_open(struct json_scan *s)
{
    if (s->depth == JSON_DEPTH)
        return json_bad(s, "nested too deeply");
    s->open[s->depth++] = *s->p;
    s->state = *s->p == '{' ? JSON_WANT_MEMBER : JSON_WANT_ELEMENT;
    s->p++;
    return PARSE_DONE;
}

static enum parse json_scan_close(struct json_scan *s)
{
    s->p++;
    s->depth--;
    s->state = JSON_WANT_NEXT;
    return PARSE_DONE;
}

static enum parse json_scan_value(struct json_scan *s)
{
    s->state = JSON_WANT_NEXT;
    switch (*s->p) {
    case '"':
        return json_scan_string(s);
    case '{':
    case '[':
        return json_scan_open(s);
    case 't':
        return json_scan_word(s, "true");
    case 'f':
        return json_scan_word(s, "false");
    case 'n':
        return json_scan_word(s, "null");
    default:
        if (*s->p == '-' || json_is_digit(*s->p))
            return json_scan_number(s);
        return json_bad(s, "expected a value");
    }
}

static enum parse json_scan_key(struct json_scan *s)
{
    if (*s->p != '"')
        return json_bad(s, "expected a key in quotes");
    enum parse r = json_scan_string(s);
    if (r != PARSE_DONE)
        return r;
    s->p = json_skip_blank(s->p, s->end);
    if (s->p == s->end)
        return PARSE_MORE;
    if (*s->p != ':')
        return json_bad(s, "expected a colon");
    s->p++;
    s->state = JSON_WANT_VALUE;
    return PARSE_DONE;
}

static enum parse json_scan_next(struct json_scan *s)
{
    char open = s->open[s->depth - 1];
    if (*s->p == open + 2) /* in ASCII a closing bracket is two after its opening one */
        return json_scan_close(s);
    if (*s->p != ',')
        return json_bad(s, open == '{' ? "expected a comma or }" : "expected a comma or ]");
    s->p++;
    s->state = open == '{' ? JSON_WANT_KEY : JSON_WANT_VALUE;
    return PARSE_DONE;
}

static enum parse json_scan_all(struct json_scan *s)
{
    enum parse r = PARSE_DONE;
    while (r == PARSE_DONE && (s->depth > 0 || s->state != JSON_WANT_NEXT)) {
        s->p = json_skip_blank(s->p, s->end);
        if (s->p == s->end)
            return PARSE_MORE;
        if (s->state == JSON_WANT_NEXT)
            r = json_scan_next(s);
        else if (s->state == JSON_WANT_KEY || (s->state == JSON_WANT_MEMBER && *s->p != '}'))
            r = json_scan_key(s);
        else if (s->state == JSON_WANT_VALUE || (s->state == JSON_WANT_ELEMENT && *s->p != ']'))
            r = json_scan_value(s);
        else
            r = json_scan_close(s);
    }
    return r;
}

static enum json_type json_type(struct json v)
{
    if (v.text.n && *v.text.p == '"')
        return JSON_STRING; /* most are */
    switch (v.text.n ? *v.text.p : 0) {
    case 0:
        return JSON_NONE;
    case 'n':
        return JSON_NULL;
    case 'f':
        return JSON_FALSE;
    case 't':
        return JSON_TRUE;
    case '[':
        return JSON_ARRAY;
    case '{':
        return JSON_OBJECT;
    default:
        return JSON_NUMBER;
    }
}

static enum parse json_parse(span text, struct json *out, const char **why, size_t *at)
{
    if (text.n == 0)
        return PARSE_MORE;
    struct json_scan s = {.p = text.p, .end = text.p + text.n, .state = JSON_WANT_VALUE};
    s.p = json_skip_blank(s.p, s.end);
    const char *start = s.p;
    enum parse r = json_scan_all(&s);
    const char *stop = s.p;
    if (r == PARSE_DONE) {
        s.p = json_skip_blank(s.p, s.end);
        if (s.p < s.end)
            r = json_bad(&s, "something follows the value");
    }
    if (r == PARSE_DONE)
        *out = (struct json){{start, (size_t)(stop - start)}};
    if (r == PARSE_BAD && why)
        *why = s.why;
    if (r == PARSE_BAD && at)
        *at = (size_t)(s.p - text.p);
    return r;
}

static int json_read(span text, struct json *out)
{
    *out = (struct json){0};
    return json_parse(text, out, NULL, NULL) == PARSE_DONE;
}

/* ---- walking a checked text ----------------------------------------------------------------- */

static const char *json_skip_string(const char *p, const char *end) /* p: the opening quote */
{
    p = json_skip_checked(p + 1, end);
    while (end - p >= 2 && *p == '\\')
        p = json_skip_checked(p + 2, end);
    return p < end ? p + 1 : end;
}

static const char *json_skip_nest(const char *p, const char *end) /* p: the opening bracket */
{
    int depth = 0;
    while (p < end) {
        if (*p == '"') {
            p = json_skip_string(p, end);
            continue;
        }
        if (*p == '{' || *p == '[')
            depth++;
        else if (*p == '}' || *p == ']')
            depth--;
        p++;
        if (depth == 0)
            break;
    }
    return p;
}

static const char *json_skip_scalar(const char *p, const char *end) /* a number or a word */
{
    while (p < end && *p > ' ' && *p != ',' && *p != ']' && *p != '}')
        p++;
    return p;
}

/* Returns the value at *p and moves *p behind it. */
static struct json json_read_value(const char **p, const char *end)
{
    const char *start = *p;
    if (*start == '"')
        *p = json_skip_string(start, end);
    else if (*start == '[' || *start == '{')
        *p = json_skip_nest(start, end);
    else
        *p = json_skip_scalar(start, end);
    return (struct json){{start, (size_t)(*p - start)}};
}

static struct json_iter json_iter(struct json v)
{
    struct json_iter it = {0};
    enum json_type type = json_type(v);
    if (type != JSON_ARRAY && type != JSON_OBJECT)
        return it;
    it.at = v.text.p + 1;
    it.end = v.text.p + v.text.n - 1;
    it.keyed = type == JSON_OBJECT;
    return it;
}

static struct json_iter json_items(struct json v)
{
    return json_type(v) == JSON_ARRAY ? json_iter(v) : (struct json_iter){0};
}

static int json_next(struct json_iter *it)
{
    const char *p = json_skip_blank(it->at, it->end);
    if (p < it->end && *p == ',')
        p = json_skip_blank(p + 1, it->end);
    if (p >= it->end || *p == '}' || *p == ']')
        return 0;
    if (it->keyed) {
        it->key = json_read_value(&p, it->end);
        p = json_skip_blank(p, it->end);
        p = json_skip_blank(p + 1, it->end); /* past the colon */
    }
    it->value = json_read_value(&p, it->end);
    it->at = p;
    return 1;
}

static int json_next_is(struct json_iter *it, const char *key, size_t n)
{
    const char *p = it->at;
    uint32_t want, have;
    if (p < it->end && *p == ',')
        p++;
    if (p >= it->end || *p++ != '"' || (size_t)(it->end - p) < n + 2)
        return 0;
    for (size_t i = 0; i < n; i += sizeof want) { /* by words: half of the time of bytes */
        size_t at = i + sizeof want < n ? i : n - sizeof want;
        memcpy(&want, key + at, sizeof want);
        memcpy(&have, p + at, sizeof have);
        if (want != have)
            return 0;
    }
    if (p[n] != '"' || p[n + 1] != ':')
        return 0;
    p = json_skip_blank(p + n + 2, it->end);
    it->value = json_read_value(&p, it->end);
    it->at = p;
    return 1;
}

static int json_next_object(struct json_iter *it, struct json_iter *members)
{
    if (members->keyed)
        it->at = json_skip_blank(members->at, it->end) + 1;
    *members = (struct json_iter){0};
    const char *p = json_skip_blank(it->at, it->end);
    if (p < it->end && *p == ',')
        p = json_skip_blank(p + 1, it->end);
    if (p >= it->end)
        return 0;
    if (*p == '{')
        *members = (struct json_iter){.at = p + 1, .end = it->end, .keyed = 1};
    else
        json_read_value(&p, it->end), it->at = p;
    return 1;
}

static struct json json_get(struct json object, const char *key)
{
    struct json found = {0};
    if (json_type(object) != JSON_OBJECT)
        return found;
    struct json_iter it = json_iter(object);
    while (json_next(&it))
        if (JSON_MAY_BE(it.key, key) && json_text_eq(it.key, key))
            found = it.value;
    return found;
}

static int json_is(struct json object, const char *key, enum json_type type)
{
    return json_type(json_get(object, key)) == type;
}

/* ---- strings and numbers of a checked text -------------------------------------------------- */

static uint32_t json_hex4(const char *p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++)
        v = v << 4 | (uint32_t)json_hex(p[i]);
    return v;
}

/* Returns the bytes written; *used: the escape's length. The closing quote ends the look-ahead for
 * the second half of a pair. */
static size_t json_decode_escape(const char *p, char out[4], size_t *used)
{
    *used = 2;
    if (p[1] != 'u') {
        out[0] = json_escaped[(unsigned char)p[1] & 127];
        return 1;
    }
    *used = 6;
    uint32_t cp = json_hex4(p + 2);
    if (cp >= 0xd800 && cp < 0xdc00 && p[6] == '\\' && p[7] == 'u') {
        uint32_t low = json_hex4(p + 8);
        if (low >= 0xdc00 && low < 0xe000) {
            *used = 12;
            cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    return utf8_encode(cp, out); /* a lone surrogate gives U+FFFD */
}

static void json_put_text(buf *b, struct json string)
{
    size_t used;
    if (json_type(string) != JSON_STRING)
        return;
    buf_reserve(b, string.text.n - 1); /* an escape is at least as long as its character */
    const char *p = string.text.p + 1, *end = string.text.p + string.text.n - 1;
    for (char *to = b->p + b->n;; p += used) {
        const char *run = p;
        p = json_skip_checked(p, end);
        memcpy(to, run, (size_t)(p - run));
        to += p - run;
        b->n = (size_t)(to - b->p);
        if (p >= end)
            return;
        to += json_decode_escape(p, to, &used);
    }
}

static char *json_dup_text(struct json string)
{
    if (json_type(string) != JSON_STRING)
        return NULL;
    span plain = {string.text.p + 1, string.text.n - 2};
    if (json_skip_checked(plain.p, plain.p + plain.n) == plain.p + plain.n)
        return span_dup(plain); /* the usual case: no escape */
    /* without its quotes, a literal is as long as its text or longer */
    buf b = {.p = base_grow(NULL, string.text.n), .cap = string.text.n};
    json_put_text(&b, string);
    buf_byte(&b, '\0');
    return b.p;
}

static int json_time(struct json string, long long *wall_ms)
{
    buf text = {0};
    if (json_type(string) != JSON_STRING)
        return 0;
    if (clock_parse_iso((span){string.text.p + 1, string.text.n - 2}, wall_ms))
        return 1; /* the usual case: no escape, no copy */
    json_put_text(&text, string);
    int ok = clock_parse_iso(buf_view(&text), wall_ms);
    buf_free(&text);
    return ok;
}

static int json_decoded_eq(const char *p, const char *end, const char *s)
{
    while (p < end) {
        char utf8[4] = {*p};
        size_t used = 1, n = *p == '\\' ? json_decode_escape(p, utf8, &used) : 1;
        for (size_t i = 0; i < n; i++, s++)
            if (*s == '\0' || *s != utf8[i]) /* an escaped U+0000 is no end of s */
                return 0;
        p += used;
    }
    return *s == '\0';
}

static int json_has_nul(struct json v)
{
    span s = v.text; /* only strings have backslashes */
    for (const char *at; s.n && (at = memchr(s.p, '\\', s.n));) {
        s = span_sub(s, (size_t)(at - s.p) + 1);
        if (span_starts(s, "u0000"))
            return 1;
        s = span_sub(s, s.n ? 1 : 0); /* what is escaped may be a backslash */
    }
    return 0;
}

static int json_text_eq(struct json string, const char *s)
{
    if (!string.text.n || *string.text.p != '"')
        return 0;
    const char *p = string.text.p + 1, *end = string.text.p + string.text.n - 1;
    for (; p < end && *p != '\\'; p++, s++) /* the usual case: no escape */
        if (*p != *s)
            return 0;
    return p == end ? *s == '\0' : json_decoded_eq(p, end, s);
}

static void json_put_member(buf *b, struct json object, const char *key)
{
    json_put_text(b, json_get(object, key));
}

static char *json_dup_member(struct json object, const char *key)
{
    return json_dup_text(json_get(object, key));
}

static int json_member_eq(struct json object, const char *key, const char *s)
{
    return json_text_eq(json_get(object, key), s);
}

/* Makes *v <= 0 *v * 10 - digit: LLONG_MIN has no positive twin. Returns 0 when it doesn't fit. */
static int json_push_digit(long long *v, int digit)
{
    if (*v < (LLONG_MIN + digit) / 10)
        return 0;
    *v = *v * 10 - digit;
    return 1;
}

/* Returns the exponent at p ("e+12"), 0 at the end. It stops growing past what any text can
 * need. */
static long long json_exponent(const char *p, const char *end)
{
    if (p == end)
        return 0;
    int negative = *++p == '-';
    long long e = 0;
    for (p += !json_is_digit(*p); p < end; p++)
        if (e < LLONG_MAX / 100)
            e = e * 10 + (*p - '0');
    return negative ? -e : e;
}

/* Exact: the value is the digits up to the last one that isn't 0, times ten to the power
 * `zeros`. */
static int json_int(struct json number, long long *out)
{
    if (json_type(number) != JSON_NUMBER)
        return 0;
    const char *p = number.text.p, *end = p + number.text.n;
    const char *digits = p + (*p == '-'), *last = NULL, *point = NULL;
    for (p = digits; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.')
            point = p;
        else if (*p != '0')
            last = p;
    }
    long long v = 0, zeros = json_exponent(p, end);
    if (last)
        zeros += !point ? p - last - 1 : point > last ? point - last - 1 : point - last;
    if (last && zeros < 0)
        return 0;
    for (p = digits; last && p <= last; p++)
        if (*p != '.' && !json_push_digit(&v, *p - '0'))
            return 0;
    for (; v < 0 && zeros > 0; zeros--)
        if (!json_push_digit(&v, 0))
            return 0;
    if (*number.text.p != '-' && v == LLONG_MIN)
        return 0;
    *out = *number.text.p == '-' ? v : -v;
    return 1;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void json_comma(buf *b)
{
    if (b->n == 0)
        return;
    char c = b->p[b->n - 1];
    if (c != '[' && c != '{' && c != ':' && c != ',' && c != '\n')
        buf_byte(b, ',');
}

static void json_open(buf *b, char bracket)
{
    json_comma(b);
    buf_byte(b, bracket);
}

static void json_close(buf *b, char bracket)
{
    buf_byte(b, bracket);
}

/* Copies the plain bytes at p; the caller has made room for them. Returns where they end. */
static const char *json_copy_plain(buf *b, const char *p, const char *end)
{
    char *to = b->p + b->n;
    const char *start = p;
    for (; end - p >= 8 && !json_special_marks(json_load(p)); p += 8, to += 8)
        memcpy(to, p, 8);
    while (p < end && JSON_IS_PLAIN(*p))
        *to++ = *p++;
    b->n += (size_t)(p - start);
    return p;
}

static void json_put_escape(buf *b, unsigned char c) /* of an ASCII character */
{
    char escape[6] = {'\\', json_escape_of[c], '0', '0', (char)('0' + (c >> 4))};
    size_t n = 2;
    if (!escape[1]) {
        escape[1] = 'u';
        escape[5] = "0123456789abcdef"[c & 15];
        n = 6;
    }
    buf_add(b, escape, n);
}

/* Returns the length of the character or malformed sequence at p. */
static size_t json_put_special(buf *b, const char *p, const char *end)
{
    if ((unsigned char)*p < 0x80) {
        json_put_escape(b, (unsigned char)*p);
        return 1;
    }
    uint32_t cp = 0xfffd;
    size_t n = utf8_next((span){p, (size_t)(end - p)}, &cp);
    if (cp == 0xfffd)
        buf_add(b, "\xef\xbf\xbd", 3);
    for (size_t i = 0; cp != 0xfffd && i < n; i++) /* libc's memcpy is slow on four bytes */
        buf_byte(b, p[i]);
    return n ? n : (size_t)(end - p); /* 0: an unfinished sequence at the end */
}

static void json_put_string(buf *b, span s)
{
    json_comma(b);
    const char *p = s.n ? s.p : "", *end = p + s.n;
    buf_reserve(b, s.n + 2);
    buf_byte(b, '"');
    while ((p = json_copy_plain(b, p, end)) < end) {
        do
            p += json_put_special(b, p, end);
        while (p < end && !JSON_IS_PLAIN(*p));
        buf_reserve(b, (size_t)(end - p) + 1);
    }
    buf_byte(b, '"');
}

static void json_key(buf *b, const char *key)
{
    json_put_string(b, span_of(key));
    buf_byte(b, ':');
}

static void json_put_int(buf *b, long long v)
{
    json_comma(b);
    buf_int(b, v);
}

static void json_put_raw(buf *b, span json_text)
{
    json_comma(b);
    buf_span(b, json_text);
}

static void json_field_open(buf *b, const char *key, char bracket)
{
    json_key(b, key);
    json_open(b, bracket);
}

static void json_field_span(buf *b, const char *key, span s)
{
    json_key(b, key);
    json_put_string(b, s);
}

static void json_field_raw(buf *b, const char *key, span json_text)
{
    json_key(b, key);
    json_put_raw(b, json_text);
}

static void json_field_null(buf *b, const char *key)
{
    json_key(b, key);
    buf_add(b, "null", 4);
}

static void json_field_string(buf *b, const char *key, const char *s)
{
    if (!s) {
        json_field_null(b, key);
        return;
    }
    json_field_span(b, key, span_of(s));
}

static void json_field_int(buf *b, const char *key, long long v)
{
    json_key(b, key);
    json_put_int(b, v);
}

static void json_field_bool(buf *b, const char *key, int v)
{
    json_key(b, key);
    buf_str(b, v ? "true" : "false");
}

static void json_field_strings(buf *b, const char *key, char *const *strings, int count)
{
    json_field_open(b, key, '[');
    for (int i = 0; count < 0 ? strings[i] != NULL : i < count; i++)
        json_put_string(b, span_of(strings[i]));
    json_close(b, ']');
}

static void json_field_time(buf *b, const char *key, long long wall_ms)
{
    json_key(b, key);
    buf_byte(b, '"');
    clock_put_iso(b, wall_ms);
    buf_byte(b, '"');
}
