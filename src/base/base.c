#include "base.h"

/* base - the end of the program on an error, memory, spans, growable buffers, shared bytes. */

/* ---- the end of the program, memory --------------------------------------------------------- */

static int base_write(int fd, span s)
{
    while (s.n) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno != EINTR)
            return -1;
        s.p += n > 0 ? n : 0;
        s.n -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static void base_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char text[1024], line[sizeof text + 16];
    base_vfmt(text, sizeof text, format, args);
    va_end(args);
    base_fmt(line, sizeof line, "telec: %s\n", text);
    base_write(STDERR_FILENO, (span){line, strlen(line)});
    exit(1);
}

static void *base_check(void *p, size_t size)
{
    if (!p)
        base_die("out of memory (%zu bytes wanted)", size);
    return p;
}

static void *base_grow(void *p, size_t size)
{
    return base_check(realloc(p, size ? size : 1), size);
}

static void *base_alloc(size_t size)
{
    return base_check(calloc(1, size ? size : 1), size);
}

static void *base_room(void *items, int count, int *cap, size_t size)
{
    if (count < *cap)
        return items;
    *cap = *cap ? *cap * 2 : 16;
    return base_grow(items, (size_t)*cap * size);
}

/* By merging runs twice as long each time. */
static void base_sort(void *items, size_t count, size_t size,
                      int (*compare)(const void *a, const void *b))
{
    size_t bytes = count * size, sorted = size;
    while (sorted < bytes && compare((char *)items + sorted - size, (char *)items + sorted) <= 0)
        sorted += size;
    if (sorted >= bytes)
        return;
    char *spare = base_grow(NULL, bytes), *from = items, *to = spare;
    for (size_t run = size; run < bytes; run *= 2) {
        for (size_t at = 0, out = 0; at < bytes; at += 2 * run) {
            size_t middle = at + run < bytes ? at + run : bytes;
            size_t end = middle + run < bytes ? middle + run : bytes, a = at, b = middle;
            for (; out < end; out += size) {
                int first = a < middle && (b == end || compare(from + a, from + b) <= 0);
                size_t *next = first ? &a : &b;
                memcpy(to + out, from + *next, size);
                *next += size;
            }
        }
        char *merged = to;
        to = from;
        from = merged;
    }
    if (from != items)
        memcpy(items, from, bytes);
    free(spare);
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

static int span_starts_nocase(span s, span begin)
{
    for (size_t i = 0; i < begin.n && i < s.n; i++) {
        char a = s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 32 : s.p[i];
        char b = begin.p[i] >= 'A' && begin.p[i] <= 'Z' ? begin.p[i] + 32 : begin.p[i];
        if (a != b)
            return 0;
    }
    return s.n >= begin.n;
}

static int span_eq_nocase(span s, const char *t)
{
    return s.n == strlen(t) && span_starts_nocase(s, span_of(t));
}

static uint32_t span_hash(span s)
{
    uint64_t h = 0, word;
    for (; s.n >= sizeof word; s.p += sizeof word, s.n -= sizeof word) {
        memcpy(&word, s.p, sizeof word);
        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 32;
    }
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(h ^ h >> 32);
}

static int span_starts(span s, const char *t)
{
    size_t n = strlen(t);
    return s.n >= n && (n == 0 || memcmp(s.p, t, n) == 0);
}

static const char *span_find(span s, const char *t)
{
    while (s.n && !span_starts(s, t))
        s = span_sub(s, 1);
    return s.n ? s.p : NULL;
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

static char *base_dup(const char *s)
{
    return span_dup(span_of(s));
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

/* A buf, or memory as far as the text fits. */
struct base_sink {
    buf *b;
    char *p;
    size_t size, n; /* also of what did not fit */
};

static void base_sink_add(struct base_sink *to, const char *p, size_t n)
{
    if (to->b)
        buf_add(to->b, p, n);
    else if (to->n < to->size)
        memcpy(to->p + to->n, p, n < to->size - to->n ? n : to->size - to->n);
    to->n += n;
}

static void base_sink_fill(struct base_sink *to, char c, long long n)
{
    while (n-- > 0)
        base_sink_add(to, &c, 1);
}

/* A directive of a format: %[-0][width][.precision][l|ll|z]type, with at most one '*'. */
struct base_directive {
    int left, zeros, width, precision, length; /* length: 'l', 'L' for ll, 'z' or 0 */
    char type;
};

static void base_sink_text(struct base_sink *to, const struct base_directive *d, span text)
{
    long long blanks = d->width - (long long)text.n;
    base_sink_fill(to, ' ', d->left ? 0 : blanks);
    base_sink_add(to, text.p, text.n);
    base_sink_fill(to, ' ', d->left ? blanks : 0);
}

static void base_sink_number(struct base_sink *to, const struct base_directive *d,
                             unsigned long long v, int negative)
{
    const char *digits = d->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    unsigned base = d->type == 'd' || d->type == 'u' ? 10 : 16;
    char text[32], *p = text + sizeof text;
    do
        *--p = digits[v % base];
    while ((v /= base));
    while (d->zeros && text + sizeof text - p + negative < d->width && p > text + 1)
        *--p = '0';
    if (negative)
        *--p = '-';
    base_sink_text(to, d, (span){p, (size_t)(text + sizeof text - p)});
}

/* Parses what is behind a '%'; star: the value of its '*'. Returns the type's place. */
static const char *base_parse_directive(const char *p, struct base_directive *d, int star)
{
    for (; *p == '-' || *p == '0'; p++)
        *(*p == '-' ? &d->left : &d->zeros) = 1;
    if (*p == '*')
        d->width = star, p++;
    for (; *p >= '0' && *p <= '9'; p++)
        d->width = d->width * 10 + *p - '0';
    d->precision = *p == '.' ? 0 : -1;
    if (*p == '.' && *++p == '*')
        d->precision = star, p++;
    for (; *p >= '0' && *p <= '9'; p++)
        d->precision = d->precision * 10 + *p - '0';
    for (; *p == 'l' || *p == 'z'; p++)
        d->length = d->length == 'l' ? 'L' : *p;
    d->type = *p;
    return p;
}

/* libc's own printf brings 13 KB of floating point to a static program. Known are the types d, u,
 * x, X, c, s and %, and for s a precision. */
static void base_format(struct base_sink *to, const char *format, va_list args)
{
    for (const char *p = format; *p; p++) {
        const char *percent = strchr(p, '%');
        size_t n = percent ? (size_t)(percent - p) : strlen(p);
        base_sink_add(to, p, n);
        if (!percent)
            return;
        struct base_directive d = {0};
        int star = percent[1 + (percent[1] == '.')] == '*' ? va_arg(args, int) : 0;
        p = base_parse_directive(percent + 1, &d, star);
        if (d.type == 's') {
            const char *s = va_arg(args, const char *);
            size_t most = d.precision >= 0 ? (size_t)d.precision : SIZE_MAX;
            const char *end = most < SIZE_MAX && most ? memchr(s, '\0', most) : NULL;
            base_sink_text(to, &d, (span){s, end ? (size_t)(end - s) : most < SIZE_MAX ? most
                                                                                      : strlen(s)});
        } else if (d.type == 'c') {
            char c = (char)va_arg(args, int);
            base_sink_text(to, &d, (span){&c, 1});
        } else if (d.type == 'd') {
            long long v = d.length == 'L'   ? va_arg(args, long long)
                          : d.length == 'l' ? va_arg(args, long)
                                            : va_arg(args, int);
            base_sink_number(to, &d, v < 0 ? 0 - (unsigned long long)v : (unsigned long long)v,
                             v < 0);
        } else if (d.type == '%') {
            base_sink_add(to, p, 1);
        } else {
            base_sink_number(to, &d,
                             d.length == 'L'   ? va_arg(args, unsigned long long)
                             : d.length == 'l' ? va_arg(args, unsigned long)
                             : d.length == 'z' ? va_arg(args, size_t)
                                               : va_arg(args, unsigned),
                             0);
        }
    }
}

static void buf_fmt(buf *b, const char *format, ...)
{
    struct base_sink to = {.b = b};
    va_list args;
    va_start(args, format);
    base_format(&to, format, args);
    va_end(args);
    buf_cstr(b);
}

static size_t base_vfmt(char *out, size_t size, const char *format, va_list args)
{
    struct base_sink to = {.p = out, .size = size};
    base_format(&to, format, args);
    if (size)
        out[to.n < size ? to.n : size - 1] = '\0';
    return to.n;
}

static size_t base_fmt(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t n = base_vfmt(out, size, format, args);
    va_end(args);
    return n;
}

static size_t base_copy(char *out, size_t size, const char *s)
{
    size_t n = strlen(s), most = n < size ? n : size - 1;
    memcpy(out, s, most);
    out[most] = '\0';
    return n;
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

