#include "base.h"

/* base - the end of the program on an error, memory, spans, growable buffers, shared bytes. */

/* ---- the end of the program, memory --------------------------------------------------------- */

static void base_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("telec: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void *base_grow(void *p, size_t size)
{
    void *grown = realloc(p, size ? size : 1);
    if (!grown)
        base_die("out of memory (%zu bytes wanted)", size);
    return grown;
}

static void *base_alloc(size_t size)
{
    void *p = base_grow(NULL, size);
    memset(p, 0, size);
    return p;
}

/* ---- spans ---------------------------------------------------------------------------------- */

static span span_of(const char *s)
{
    return (span){s, s ? strlen(s) : 0};
}

static span span_sub(span s, size_t from)
{
    if (from >= s.n)
        return (span){s.p ? s.p + s.n : NULL, 0};
    return (span){s.p + from, s.n - from};
}

static size_t span_total(const span *parts, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += parts[i].n;
    return n;
}

static int span_eq(span s, const char *t)
{
    size_t n = strlen(t);
    return s.n == n && (n == 0 || memcmp(s.p, t, n) == 0);
}

static int span_eq_nocase(span s, const char *t)
{
    for (size_t i = 0; i < s.n; i++) {
        char a = s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 32 : s.p[i];
        char b = t[i] >= 'A' && t[i] <= 'Z' ? t[i] + 32 : t[i];
        if (a != b || !b)
            return 0;
    }
    return t[s.n] == '\0';
}

static int span_starts(span s, const char *t)
{
    size_t n = strlen(t);
    return s.n >= n && (n == 0 || memcmp(s.p, t, n) == 0);
}

static span span_trim(span s, const char *set)
{
    while (s.n && s.p[0] && strchr(set, s.p[0]))
        s = span_sub(s, 1);
    while (s.n && s.p[s.n - 1] && strchr(set, s.p[s.n - 1]))
        s.n--;
    return s;
}

static span span_cut(span *rest, char at)
{
    size_t i = 0;
    while (i < rest->n && rest->p[i] != at)
        i++;
    span head = {rest->p, i};
    *rest = span_sub(*rest, i + 1);
    return head;
}

static int span_is_one_of(const char *words, const char *word)
{
    span rest = span_of(words);
    while (rest.n)
        if (span_eq(span_cut(&rest, '|'), word))
            return 1;
    return 0;
}

static int span_int(span s, long long *out)
{
    int negative = s.n && s.p[0] == '-';
    span digits = span_sub(s, (size_t)negative);
    unsigned long long v = 0;
    if (digits.n == 0 || digits.n > 19)
        return 0;
    for (size_t i = 0; i < digits.n; i++) {
        if (digits.p[i] < '0' || digits.p[i] > '9')
            return 0;
        v = v * 10 + (unsigned long long)(digits.p[i] - '0');
    }
    if (v > (unsigned long long)LLONG_MAX + (unsigned long long)negative)
        return 0;
    *out = negative ? (long long)(0 - v) : (long long)v;
    return 1;
}

static char *span_dup(span s)
{
    char *copy = base_grow(NULL, s.n + 1);
    if (s.n)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return copy;
}

/* ---- buffers -------------------------------------------------------------------------------- */

static void buf_free(buf *b)
{
    free(b->p);
    *b = (buf){0};
}

static void buf_clear(buf *b)
{
    b->n = 0;
}

static void buf_reserve(buf *b, size_t more)
{
    if (more <= b->cap - b->n)
        return;
    if (more > SIZE_MAX / 4 || b->n > SIZE_MAX / 4)
        base_die("out of memory (%zu bytes wanted)", more);
    size_t cap = b->cap ? b->cap : BUF_MIN;
    while (cap - b->n < more)
        cap *= 2;
    b->p = base_grow(b->p, cap);
    b->cap = cap;
}

static void buf_add(buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    buf_reserve(b, n);
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

static void buf_byte(buf *b, char c)
{
    buf_reserve(b, 1);
    b->p[b->n++] = c;
}

static void buf_str(buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

static void buf_span(buf *b, span s)
{
    buf_add(b, s.p, s.n);
}

static void buf_int(buf *b, long long v)
{
    char digits[24];
    char *p = digits + sizeof digits;
    unsigned long long u = v < 0 ? 0 - (unsigned long long)v : (unsigned long long)v;
    do
        *--p = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0)
        *--p = '-';
    buf_add(b, p, (size_t)(digits + sizeof digits - p));
}

static void buf_fmt(buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n <= 0)
        return;
    buf_reserve(b, (size_t)n + 1);
    va_start(args, format);
    vsnprintf(b->p + b->n, (size_t)n + 1, format, args);
    va_end(args);
    b->n += (size_t)n;
}

static void buf_drop(buf *b, size_t n)
{
    if (n >= b->n) {
        b->n = 0;
        return;
    }
    if (n)
        memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

static span buf_view(const buf *b)
{
    return (span){b->p, b->n};
}

static const char *buf_cstr(buf *b)
{
    buf_reserve(b, 1);
    b->p[b->n] = '\0';
    return b->p;
}

/* Appends s to a blob that has room for it. */
static void blob_put(blob *b, span s)
{
    if (s.n)
        memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
}

static blob *blob_join(span head, const span *parts, size_t count)
{
    size_t n = head.n + span_total(parts, count);
    blob *b = base_grow(NULL, sizeof *b + n);
    b->refs = 1;
    b->n = 0;
    blob_put(b, head);
    for (size_t i = 0; i < count; i++)
        blob_put(b, parts[i]);
    return b;
}

static blob *blob_new(span s)
{
    return blob_join(s, NULL, 0);
}

static blob *blob_ref(blob *b)
{
    b->refs++;
    return b;
}

static void blob_drop(blob *b)
{
    if (b && --b->refs == 0)
        free(b);
}

