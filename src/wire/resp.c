#include "wire.h"

/* resp - the Redis protocol: replies of RESP2 and RESP3 checked and walked, commands written.
 *
 * A scan checks a reply once, counting the elements to come at each depth. To it an attribute of n
 * pairs with its value is an aggregate of 2n + 1 elements. Left out: streamed strings and
 * aggregates (no Redis sends them), numbers as doubles. */

#define RESP_NUMBER_MAX 32 /* bytes */

/* Form of what follows a type byte. */
enum resp_form {
    RESP_FORM_LINE,   /* text up to the line's end */
    RESP_FORM_NUMBER, /* a line with a number, boolean or null */
    RESP_FORM_BULK,   /* a length, then as many bytes and a line's end */
    RESP_FORM_NEST    /* a count, then as many values (times `each`, and `more`) */
};

struct resp_head {
    const struct resp_kind *kind;
    span line;              /* behind the type byte, without the line's end */
    long long number;       /* length, count, integer; -1 of a length or count: null */
};

static const struct resp_kind {
    char byte;
    enum resp_type type;
    enum resp_form form;
    int each, more;         /* of an aggregate */
} resp_kinds[] = {
    {'+', RESP_TEXT, RESP_FORM_LINE, 0, 0},      {'-', RESP_ERROR, RESP_FORM_LINE, 0, 0},
    {':', RESP_INTEGER, RESP_FORM_NUMBER, 0, 0}, {'$', RESP_TEXT, RESP_FORM_BULK, 0, 0},
    {'*', RESP_ARRAY, RESP_FORM_NEST, 1, 0},     {'_', RESP_NULL, RESP_FORM_NUMBER, 0, 0},
    {'#', RESP_BOOL, RESP_FORM_NUMBER, 0, 0},    {',', RESP_DOUBLE, RESP_FORM_NUMBER, 0, 0},
    {'(', RESP_TEXT, RESP_FORM_LINE, 0, 0},      {'!', RESP_ERROR, RESP_FORM_BULK, 0, 0},
    {'=', RESP_TEXT, RESP_FORM_BULK, 0, 0},      {'%', RESP_MAP, RESP_FORM_NEST, 2, 0},
    {'~', RESP_ARRAY, RESP_FORM_NEST, 1, 0},     {'>', RESP_PUSH, RESP_FORM_NEST, 1, 0},
    {'|', RESP_NONE, RESP_FORM_NEST, 2, 1},
};

static const struct resp_kind *resp_kind_of(char byte)
{
    for (size_t i = 0; i < COUNT_OF(resp_kinds); i++)
        if (resp_kinds[i].byte == byte)
            return &resp_kinds[i];
    return NULL;
}

/* ---- lines ---------------------------------------------------------------------------------- */

static size_t resp_digits(span s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return n;
}

static span resp_skip_sign(span s)
{
    return s.n && (s.p[0] == '-' || s.p[0] == '+') ? span_sub(s, 1) : s;
}

static int resp_is_big(span s)
{
    s = resp_skip_sign(s);
    return s.n > 0 && resp_digits(s) == s.n;
}

/* [+-]digits[.digits][e[+-]digits], inf, -inf, nan */
static int resp_is_double(span s)
{
    span number = resp_skip_sign(s);
    size_t n = resp_digits(number);
    if (!n)
        return span_eq(number, "inf") || span_eq(number, "nan");
    number = span_sub(number, n);
    if (number.n && number.p[0] == '.')
        number = span_sub(number, 1 + resp_digits(span_sub(number, 1)));
    if (number.n && (number.p[0] == 'e' || number.p[0] == 'E'))
        return resp_is_big(span_sub(number, 1));
    return number.n == 0;
}

/* Returns NULL, or what is wrong. */
static const char *resp_check_number(struct resp_head *head)
{
    span s = head->line;
    switch (head->kind->byte) {
    case '_':
        return s.n ? "a null has no value" : NULL;
    case '#':
        head->number = span_eq(s, "t");
        return head->number || span_eq(s, "f") ? NULL : "a boolean is t or f";
    case ',':
        return resp_is_double(s) ? NULL : "not a double";
    default: /* one '+' before the digits is allowed */
        if (s.n > 1 && s.p[0] == '+' && s.p[1] != '-')
            s = span_sub(s, 1);
        return span_int(s, &head->number) ? NULL : "not an integer";
    }
}

/* Checks digits, or -1 for a null. */
static const char *resp_check_size(struct resp_head *head)
{
    char byte = head->kind->byte;
    if (span_eq(head->line, "?"))
        return "streamed values are not supported";
    if (!span_int(head->line, &head->number) || span_eq(head->line, "-0"))
        return "not a length";
    if (head->number == -1 && (byte == '$' || byte == '*'))
        return NULL;
    if (head->number < 0)
        return "a negative length";
    if (head->kind->form == RESP_FORM_BULK && head->number > RESP_BULK_MAX)
        return "a string is too long";
    return byte == '=' && head->number < 4 ? "a verbatim string without a format" : NULL;
}

static const char *resp_check_line(struct resp_head *head)
{
    if (head->kind->form == RESP_FORM_NUMBER)
        return resp_check_number(head);
    if (head->kind->form != RESP_FORM_LINE)
        return resp_check_size(head);
    return head->kind->byte == '(' && !resp_is_big(head->line) ? "not a number" : NULL;
}

/* ---- checking ------------------------------------------------------------------------------- */

static enum parse resp_bad(struct resp_scan *scan, const char *why)
{
    scan->error = why;
    return PARSE_BAD;
}

/* *end is the offset behind the line's CRLF. */
static enum parse resp_scan_line(struct resp_scan *scan, span in, struct resp_head *head,
                                 size_t *end)
{
    size_t start = scan->at + 1, n = start > scan->searched ? start : scan->searched;
    int is_number = head->kind->form != RESP_FORM_LINE;
    size_t most = start + (is_number ? RESP_NUMBER_MAX : RESP_LINE_MAX);
    while (n < in.n && n <= most && in.p[n] != '\r' && in.p[n] != '\n')
        n++;
    scan->searched = n;
    if (n > most)
        return resp_bad(scan, is_number ? "a number is too long" : "a line is too long");
    if (n == in.n || (in.p[n] == '\r' && n + 1 == in.n))
        return PARSE_MORE;
    if (in.p[n] != '\r' || in.p[n + 1] != '\n')
        return resp_bad(scan, "a line does not end with CR LF");
    head->line = (span){in.p + start, n - start};
    *end = n + 2;
    return PARSE_DONE;
}

static enum parse resp_scan_bulk(struct resp_scan *scan, span in, const struct resp_head *head,
                                 size_t *at)
{
    size_t end = *at + (size_t)head->number;
    scan->need = end + 2;
    if (scan->need > RESP_REPLY_MAX)
        return resp_bad(scan, "a reply is too long");
    if (in.n < scan->need)
        return PARSE_MORE;
    if (in.p[end] != '\r' || in.p[end + 1] != '\n')
        return resp_bad(scan, "a string does not end with CR LF");
    if (head->kind->byte == '=' && in.p[*at + 3] != ':')
        return resp_bad(scan, "a verbatim string without a format");
    *at = end + 2;
    return PARSE_DONE;
}

static enum parse resp_scan_nest(struct resp_scan *scan, const struct resp_head *head)
{
    if (head->number > RESP_COUNT_MAX)
        return resp_bad(scan, "a reply has too many elements");
    size_t elements = (size_t)head->number * (size_t)head->kind->each + (size_t)head->kind->more;
    scan->count += elements;
    if (scan->count > RESP_COUNT_MAX)
        return resp_bad(scan, "a reply has too many elements");
    if (!elements)
        return PARSE_DONE;
    if (scan->depth == RESP_DEPTH)
        return resp_bad(scan, "nested too deeply");
    scan->left[scan->depth++] = elements;
    return PARSE_DONE;
}

/* Counts a value as read, and each aggregate whose last element it was. */
static void resp_scan_leave(struct resp_scan *scan)
{
    while (scan->depth && --scan->left[scan->depth - 1] == 0)
        scan->depth--;
}

/* Scans one value without its elements. */
static enum parse resp_scan_value(struct resp_scan *scan, span in)
{
    struct resp_head head = {.kind = resp_kind_of(in.p[scan->at])};
    size_t end = 0;
    int depth = scan->depth;
    if (!head.kind)
        return resp_bad(scan, "not a type of reply");
    if (head.kind->byte == '>' && depth > 0)
        return resp_bad(scan, "a push inside of a reply");
    enum parse r = resp_scan_line(scan, in, &head, &end);
    if (r != PARSE_DONE)
        return r;
    const char *why = resp_check_line(&head);
    if (why)
        return resp_bad(scan, why);
    if (head.kind->form == RESP_FORM_BULK && head.number >= 0)
        r = resp_scan_bulk(scan, in, &head, &end);
    else if (head.kind->form == RESP_FORM_NEST && head.number >= 0)
        r = resp_scan_nest(scan, &head);
    if (r != PARSE_DONE)
        return r;
    scan->at = end;
    if (scan->at > RESP_REPLY_MAX)
        return resp_bad(scan, "a reply is too long");
    if (scan->depth == depth)
        resp_scan_leave(scan);
    return PARSE_DONE;
}

/* ---- walking a checked reply ---------------------------------------------------------------- */

/* Moves *p behind the head, and behind a string's bytes. */
static struct resp_head resp_read_head(const char **p)
{
    struct resp_head head = {.kind = resp_kind_of(**p)};
    const char *end = *p + 1;
    while (*end != '\r')
        end++;
    head.line = (span){*p + 1, (size_t)(end - *p - 1)};
    resp_check_line(&head);
    *p = end + 2;
    if (head.kind->form == RESP_FORM_BULK && head.number >= 0)
        *p += head.number + 2;
    return head;
}

static size_t resp_elements(const struct resp_head *head)
{
    if (head->kind->form != RESP_FORM_NEST || head->number < 0)
        return 0;
    return (size_t)head->number * (size_t)head->kind->each + (size_t)head->kind->more;
}

static const char *resp_skip(const char *p, size_t values)
{
    for (; values; values--) {
        struct resp_head head = resp_read_head(&p);
        values += resp_elements(&head);
    }
    return p;
}

static struct resp resp_scalar(const struct resp_head *head, const char *end)
{
    struct resp v = {.type = head->kind->type, .text = head->line};
    if (head->number < 0 && head->kind->form != RESP_FORM_NUMBER)
        return (struct resp){.type = RESP_NULL};
    if (head->kind->form == RESP_FORM_BULK)
        v.text = (span){end - 2 - head->number, (size_t)head->number};
    if (head->kind->byte == '=')
        v.text = span_sub(v.text, 4);
    if (v.type == RESP_INTEGER || v.type == RESP_BOOL)
        v.integer = head->number;
    return v;
}

/* Skips an attribute. */
static struct resp resp_read_value(const char **p)
{
    struct resp_head head = resp_read_head(p);
    while (head.kind->byte == '|') {
        *p = resp_skip(*p, resp_elements(&head) - 1);
        head = resp_read_head(p);
    }
    if (head.kind->form != RESP_FORM_NEST || head.number < 0)
        return resp_scalar(&head, *p);
    struct resp v = {.type = head.kind->type, .count = resp_elements(&head)};
    const char *start = *p;
    *p = resp_skip(start, v.count);
    v.items = (span){start, (size_t)(*p - start)};
    return v;
}

static enum parse resp_parse(struct resp_scan *scan, span in, size_t *used, struct resp *out)
{
    enum parse r = PARSE_DONE;
    while (r == PARSE_DONE) {
        if (in.n <= scan->at || in.n < scan->need)
            return PARSE_MORE;
        r = resp_scan_value(scan, in);
        if (r == PARSE_DONE && !scan->depth)
            break;
    }
    if (r != PARSE_DONE)
        return r;
    const char *p = in.p;
    *out = resp_read_value(&p);
    *used = scan->at;
    *scan = (struct resp_scan){0};
    return PARSE_DONE;
}

static struct resp_iter resp_iter(const struct resp *v)
{
    const char *end = v->items.n ? v->items.p + v->items.n : v->items.p;
    return (struct resp_iter){v->items.p, end, v->type == RESP_MAP};
}

static int resp_next(struct resp_iter *it, struct resp *out)
{
    *out = (struct resp){0};
    if (it->at == it->end)
        return 0;
    *out = resp_read_value(&it->at);
    return 1;
}

static int resp_next_pair(struct resp_iter *it, struct resp *key, struct resp *value)
{
    *value = (struct resp){0};
    if (!resp_next(it, key))
        return 0;
    if (it->map || key->type != RESP_ARRAY || key->count != 2)
        return resp_next(it, value);
    struct resp_iter pair = resp_iter(key);
    return resp_next(&pair, key) && resp_next(&pair, value);
}

static int resp_is_error(const struct resp *v, const char *code)
{
    span rest = v->text;
    return v->type == RESP_ERROR && span_eq(span_cut(&rest, ' '), code);
}

/* ---- commands ------------------------------------------------------------------------------- */

static void resp_put_head(buf *b, char type, size_t n)
{
    buf_byte(b, type);
    buf_int(b, (long long)n);
    buf_add(b, "\r\n", 2);
}

static void resp_put_command(buf *b, size_t args)
{
    resp_put_head(b, '*', args);
}

static void resp_put_arg(buf *b, span s)
{
    resp_put_head(b, '$', s.n);
    buf_span(b, s);
    buf_add(b, "\r\n", 2);
}

static void resp_put_int(buf *b, long long v)
{
    char digits[24]; /* of 2^63 and its sign */
    size_t n = sizeof digits;
    unsigned long long left = v < 0 ? 0 - (unsigned long long)v : (unsigned long long)v;
    do
        digits[--n] = (char)('0' + left % 10);
    while (left /= 10);
    if (v < 0)
        digits[--n] = '-';
    resp_put_arg(b, (span){digits + n, sizeof digits - n});
}

static void resp_put_strings(buf *b, const char *const *args)
{
    size_t count = 0;
    while (args[count])
        count++;
    resp_put_command(b, count);
    for (; *args; args++)
        resp_put_arg(b, span_of(*args));
}
