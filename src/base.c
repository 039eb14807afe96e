/* base - growable buffers, spans, UTF-8 and column width, clock and ISO-8601, log.
 *
 * UTF-8 as Unicode chapter 3.9, table 3-7, has it: no overlong forms, no surrogates. Column widths
 * follow Unicode 14: East Asian Wide and Fullwidth are 2, nonspacing and enclosing marks 0. Times
 * are read and written as ISO-8601 (RFC 3339), leap seconds left out. */

/* ---- the end of the program, memory, randomness --------------------------------------------- */

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

static void base_random(void *out, size_t n)
{
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    size_t have = 0;
    while (fd >= 0 && have < n) {
        ssize_t got = read(fd, (char *)out + have, n - have);
        if (got <= 0 && errno != EINTR)
            break;
        have += got > 0 ? (size_t)got : 0;
    }
    if (have < n)
        base_die("cannot read /dev/urandom: %s", strerror(errno));
    close(fd);
}

static void base_uuid(char out[37])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char bytes[16];
    base_random(bytes, sizeof bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[bytes[i] >> 4];
        *p++ = hex[bytes[i] & 15];
    }
    *p = '\0';
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

static int buf_read_file(buf *b, const char *path, size_t most)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -1;
    size_t before = b->n;
    ssize_t got;
    do {
        if (b->n == b->cap || b->n == before)
            buf_reserve(b, 4096);
        got = read(fd, b->p + b->n, b->cap - b->n);
        if (got > 0)
            b->n += (size_t)got;
    } while ((got > 0 && b->n - before <= most) || (got < 0 && errno == EINTR));
    int error = got < 0 ? errno : b->n - before > most ? EFBIG : 0;
    close(fd);
    if (error)
        b->n = before;
    errno = error;
    return error ? -1 : 0;
}

/* There is room. */
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

/* ---- UTF-8 ---------------------------------------------------------------------------------- */

/* What a lead byte announces: continuation bytes due, and the bounds of the first of them. */
static struct utf8_state utf8_lead(unsigned char c)
{
    if (c >= 0xc2 && c <= 0xdf)
        return (struct utf8_state){1, 0x80, 0xbf};
    if (c >= 0xe0 && c <= 0xef)
        return (struct utf8_state){2, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf};
    if (c >= 0xf0 && c <= 0xf4)
        return (struct utf8_state){3, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf};
    return (struct utf8_state){0, 0, 0};
}

static size_t utf8_next(span s, uint32_t *cp)
{
    unsigned char c = (unsigned char)s.p[0];
    if (c < 0x80) {
        *cp = c;
        return 1;
    }
    struct utf8_state st = utf8_lead(c);
    uint32_t v = c & (0x3fu >> st.left);
    *cp = 0xfffd;
    if (!st.left)
        return 1;
    for (size_t i = 1; i <= st.left; i++) {
        if (i == s.n)
            return 0;
        c = (unsigned char)s.p[i];
        if (c < st.low || c > st.high)
            return i;
        v = v << 6 | (c & 0x3f);
        st.low = 0x80, st.high = 0xbf;
    }
    *cp = v;
    return st.left + 1u;
}

static size_t utf8_encode(uint32_t cp, char out[4])
{
    if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
        cp = 0xfffd;
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, cp >>= 6)
        out[i] = (char)(0x80 | (cp & 0x3f));
    out[0] = (char)((0xf00u >> n & 0xff) | cp); /* 110…, 1110…, 11110… */
    return n;
}

/* How many bytes at the start of s are ASCII, counted in steps of eight. */
static size_t utf8_ascii_run(const char *p, size_t n)
{
    size_t i = 0;
    uint64_t eight;
    for (; i + 8 <= n; i += 8) {
        memcpy(&eight, p + i, 8);
        if (eight & 0x8080808080808080u)
            break;
    }
    return i;
}

static enum parse utf8_check(struct utf8_state *st, span s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (st->left) {
            if (c < st->low || c > st->high)
                return PARSE_BAD;
            st->left--;
            st->low = 0x80, st->high = 0xbf;
        } else if (c < 0x80) {
            size_t run = utf8_ascii_run(s.p + i, s.n - i);
            i += run ? run - 1 : 0;
        } else {
            *st = utf8_lead(c);
            if (!st->left)
                return PARSE_BAD;
        }
    }
    return st->left ? PARSE_MORE : PARSE_DONE;
}

struct utf8_range {
    uint32_t first, last;
};

static const struct utf8_range utf8_zero[] = {
    {0x300, 0x36f}, {0x483, 0x489}, {0x591, 0x5bd}, {0x5bf, 0x5bf}, {0x5c1, 0x5c2},
    {0x5c4, 0x5c5}, {0x5c7, 0x5c7}, {0x610, 0x61a}, {0x64b, 0x65f}, {0x670, 0x670},
    {0x6d6, 0x6dc}, {0x6df, 0x6e4}, {0x6e7, 0x6e8}, {0x6ea, 0x6ed}, {0x711, 0x711},
    {0x730, 0x74a}, {0x7a6, 0x7b0}, {0x7eb, 0x7f3}, {0x7fd, 0x7fd}, {0x816, 0x819},
    {0x81b, 0x823}, {0x825, 0x827}, {0x829, 0x82d}, {0x859, 0x85b}, {0x898, 0x89f},
    {0x8ca, 0x8e1}, {0x8e3, 0x902}, {0x93a, 0x93a}, {0x93c, 0x93c}, {0x941, 0x948},
    {0x94d, 0x94d}, {0x951, 0x957}, {0x962, 0x963}, {0x981, 0x981}, {0x9bc, 0x9bc},
    {0x9c1, 0x9c4}, {0x9cd, 0x9cd}, {0x9e2, 0x9e3}, {0x9fe, 0xa02}, {0xa3c, 0xa3c},
    {0xa41, 0xa51}, {0xa70, 0xa71}, {0xa75, 0xa75}, {0xa81, 0xa82}, {0xabc, 0xabc},
    {0xac1, 0xac8}, {0xacd, 0xacd}, {0xae2, 0xae3}, {0xafa, 0xb01}, {0xb3c, 0xb3c},
    {0xb3f, 0xb3f}, {0xb41, 0xb44}, {0xb4d, 0xb56}, {0xb62, 0xb63}, {0xb82, 0xb82},
    {0xbc0, 0xbc0}, {0xbcd, 0xbcd}, {0xc00, 0xc00}, {0xc04, 0xc04}, {0xc3c, 0xc3c},
    {0xc3e, 0xc40}, {0xc46, 0xc56}, {0xc62, 0xc63}, {0xc81, 0xc81}, {0xcbc, 0xcbc},
    {0xcbf, 0xcbf}, {0xcc6, 0xcc6}, {0xccc, 0xccd}, {0xce2, 0xce3}, {0xd00, 0xd01},
    {0xd3b, 0xd3c}, {0xd41, 0xd44}, {0xd4d, 0xd4d}, {0xd62, 0xd63}, {0xd81, 0xd81},
    {0xdca, 0xdca}, {0xdd2, 0xdd6}, {0xe31, 0xe31}, {0xe34, 0xe3a}, {0xe47, 0xe4e},
    {0xeb1, 0xeb1}, {0xeb4, 0xebc}, {0xec8, 0xecd}, {0xf18, 0xf19}, {0xf35, 0xf35},
    {0xf37, 0xf37}, {0xf39, 0xf39}, {0xf71, 0xf7e}, {0xf80, 0xf84}, {0xf86, 0xf87},
    {0xf8d, 0xfbc}, {0xfc6, 0xfc6}, {0x102d, 0x1030}, {0x1032, 0x1037}, {0x1039, 0x103a},
    {0x103d, 0x103e}, {0x1058, 0x1059}, {0x105e, 0x1060}, {0x1071, 0x1074}, {0x1082, 0x1082},
    {0x1085, 0x1086}, {0x108d, 0x108d}, {0x109d, 0x109d}, {0x1160, 0x11ff}, {0x135d, 0x135f},
    {0x1712, 0x1714}, {0x1732, 0x1733}, {0x1752, 0x1753}, {0x1772, 0x1773}, {0x17b4, 0x17b5},
    {0x17b7, 0x17bd}, {0x17c6, 0x17c6}, {0x17c9, 0x17d3}, {0x17dd, 0x17dd}, {0x180b, 0x180d},
    {0x180f, 0x180f}, {0x1885, 0x1886}, {0x18a9, 0x18a9}, {0x1920, 0x1922}, {0x1927, 0x1928},
    {0x1932, 0x1932}, {0x1939, 0x193b}, {0x1a17, 0x1a18}, {0x1a1b, 0x1a1b}, {0x1a56, 0x1a56},
    {0x1a58, 0x1a60}, {0x1a62, 0x1a62}, {0x1a65, 0x1a6c}, {0x1a73, 0x1a7f}, {0x1ab0, 0x1b03},
    {0x1b34, 0x1b34}, {0x1b36, 0x1b3a}, {0x1b3c, 0x1b3c}, {0x1b42, 0x1b42}, {0x1b6b, 0x1b73},
    {0x1b80, 0x1b81}, {0x1ba2, 0x1ba5}, {0x1ba8, 0x1ba9}, {0x1bab, 0x1bad}, {0x1be6, 0x1be6},
    {0x1be8, 0x1be9}, {0x1bed, 0x1bed}, {0x1bef, 0x1bf1}, {0x1c2c, 0x1c33}, {0x1c36, 0x1c37},
    {0x1cd0, 0x1cd2}, {0x1cd4, 0x1ce0}, {0x1ce2, 0x1ce8}, {0x1ced, 0x1ced}, {0x1cf4, 0x1cf4},
    {0x1cf8, 0x1cf9}, {0x1dc0, 0x1dff}, {0x200b, 0x200d}, {0x2060, 0x2064}, {0x20d0, 0x20f0},
    {0x2cef, 0x2cf1}, {0x2d7f, 0x2d7f}, {0x2de0, 0x2dff}, {0x302a, 0x302d}, {0x3099, 0x309a},
    {0xa66f, 0xa672}, {0xa674, 0xa67d}, {0xa69e, 0xa69f}, {0xa6f0, 0xa6f1}, {0xa802, 0xa802},
    {0xa806, 0xa806}, {0xa80b, 0xa80b}, {0xa825, 0xa826}, {0xa82c, 0xa82c}, {0xa8c4, 0xa8c5},
    {0xa8e0, 0xa8f1}, {0xa8ff, 0xa8ff}, {0xa926, 0xa92d}, {0xa947, 0xa951}, {0xa980, 0xa982},
    {0xa9b3, 0xa9b3}, {0xa9b6, 0xa9b9}, {0xa9bc, 0xa9bd}, {0xa9e5, 0xa9e5}, {0xaa29, 0xaa2e},
    {0xaa31, 0xaa32}, {0xaa35, 0xaa36}, {0xaa43, 0xaa43}, {0xaa4c, 0xaa4c}, {0xaa7c, 0xaa7c},
    {0xaab0, 0xaab0}, {0xaab2, 0xaab4}, {0xaab7, 0xaab8}, {0xaabe, 0xaabf}, {0xaac1, 0xaac1},
    {0xaaec, 0xaaed}, {0xaaf6, 0xaaf6}, {0xabe5, 0xabe5}, {0xabe8, 0xabe8}, {0xabed, 0xabed},
    {0xd7b0, 0xd7ff}, {0xfb1e, 0xfb1e}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff},
    {0x101fd, 0x101fd}, {0x102e0, 0x102e0}, {0x10376, 0x1037a}, {0x10a01, 0x10a0f},
    {0x10a38, 0x10a3f}, {0x10ae5, 0x10ae6}, {0x10d24, 0x10d27}, {0x10eab, 0x10eac},
    {0x10f46, 0x10f50}, {0x10f82, 0x10f85}, {0x11001, 0x11001}, {0x11038, 0x11046},
    {0x11070, 0x11070}, {0x11073, 0x11074}, {0x1107f, 0x11081}, {0x110b3, 0x110b6},
    {0x110b9, 0x110ba}, {0x110c2, 0x110c2}, {0x11100, 0x11102}, {0x11127, 0x1112b},
    {0x1112d, 0x11134}, {0x11173, 0x11173}, {0x11180, 0x11181}, {0x111b6, 0x111be},
    {0x111c9, 0x111cc}, {0x111cf, 0x111cf}, {0x1122f, 0x11231}, {0x11234, 0x11234},
    {0x11236, 0x11237}, {0x1123e, 0x1123e}, {0x112df, 0x112df}, {0x112e3, 0x112ea},
    {0x11300, 0x11301}, {0x1133b, 0x1133c}, {0x11340, 0x11340}, {0x11366, 0x11374},
    {0x11438, 0x1143f}, {0x11442, 0x11444}, {0x11446, 0x11446}, {0x1145e, 0x1145e},
    {0x114b3, 0x114b8}, {0x114ba, 0x114ba}, {0x114bf, 0x114c0}, {0x114c2, 0x114c3},
    {0x115b2, 0x115b5}, {0x115bc, 0x115bd}, {0x115bf, 0x115c0}, {0x115dc, 0x115dd},
    {0x11633, 0x1163a}, {0x1163d, 0x1163d}, {0x1163f, 0x11640}, {0x116ab, 0x116ab},
    {0x116ad, 0x116ad}, {0x116b0, 0x116b5}, {0x116b7, 0x116b7}, {0x1171d, 0x1171f},
    {0x11722, 0x11725}, {0x11727, 0x1172b}, {0x1182f, 0x11837}, {0x11839, 0x1183a},
    {0x1193b, 0x1193c}, {0x1193e, 0x1193e}, {0x11943, 0x11943}, {0x119d4, 0x119db},
    {0x119e0, 0x119e0}, {0x11a01, 0x11a0a}, {0x11a33, 0x11a38}, {0x11a3b, 0x11a3e},
    {0x11a47, 0x11a47}, {0x11a51, 0x11a56}, {0x11a59, 0x11a5b}, {0x11a8a, 0x11a96},
    {0x11a98, 0x11a99}, {0x11c30, 0x11c3d}, {0x11c3f, 0x11c3f}, {0x11c92, 0x11ca7},
    {0x11caa, 0x11cb0}, {0x11cb2, 0x11cb3}, {0x11cb5, 0x11cb6}, {0x11d31, 0x11d45},
    {0x11d47, 0x11d47}, {0x11d90, 0x11d91}, {0x11d95, 0x11d95}, {0x11d97, 0x11d97},
    {0x11ef3, 0x11ef4}, {0x16af0, 0x16af4}, {0x16b30, 0x16b36}, {0x16f4f, 0x16f4f},
    {0x16f8f, 0x16f92}, {0x16fe4, 0x16fe4}, {0x1bc9d, 0x1bc9e}, {0x1cf00, 0x1cf46},
    {0x1d167, 0x1d169}, {0x1d17b, 0x1d182}, {0x1d185, 0x1d18b}, {0x1d1aa, 0x1d1ad},
    {0x1d242, 0x1d244}, {0x1da00, 0x1da36}, {0x1da3b, 0x1da6c}, {0x1da75, 0x1da75},
    {0x1da84, 0x1da84}, {0x1da9b, 0x1daaf}, {0x1e000, 0x1e02a}, {0x1e130, 0x1e136},
    {0x1e2ae, 0x1e2ae}, {0x1e2ec, 0x1e2ef}, {0x1e8d0, 0x1e8d6}, {0x1e944, 0x1e94a},
    {0xe0000, 0xe0fff},
};

static const struct utf8_range utf8_wide[] = {
    {0x1100, 0x115f}, {0x231a, 0x231b}, {0x2329, 0x232a}, {0x23e9, 0x23ec}, {0x23f0, 0x23f0},
    {0x23f3, 0x23f3}, {0x25fd, 0x25fe}, {0x2614, 0x2615}, {0x2648, 0x2653}, {0x267f, 0x267f},
    {0x2693, 0x2693}, {0x26a1, 0x26a1}, {0x26aa, 0x26ab}, {0x26bd, 0x26be}, {0x26c4, 0x26c5},
    {0x26ce, 0x26ce}, {0x26d4, 0x26d4}, {0x26ea, 0x26ea}, {0x26f2, 0x26f3}, {0x26f5, 0x26f5},
    {0x26fa, 0x26fa}, {0x26fd, 0x26fd}, {0x2705, 0x2705}, {0x270a, 0x270b}, {0x2728, 0x2728},
    {0x274c, 0x274c}, {0x274e, 0x274e}, {0x2753, 0x2755}, {0x2757, 0x2757}, {0x2795, 0x2797},
    {0x27b0, 0x27b0}, {0x27bf, 0x27bf}, {0x2b1b, 0x2b1c}, {0x2b50, 0x2b50}, {0x2b55, 0x2b55},
    {0x2e80, 0x3029}, {0x302e, 0x303e}, {0x3041, 0x3096}, {0x309b, 0x3247}, {0x3250, 0x4dbf},
    {0x4e00, 0xa4c6}, {0xa960, 0xa97c}, {0xac00, 0xd7a3}, {0xf900, 0xfad9}, {0xfe10, 0xfe19},
    {0xfe30, 0xfe6b}, {0xff01, 0xff60}, {0xffe0, 0xffe6}, {0x16fe0, 0x16fe3}, {0x16ff0, 0x18d08},
    {0x1aff0, 0x1b2fb}, {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e},
    {0x1f191, 0x1f19a}, {0x1f200, 0x1f265}, {0x1f300, 0x1f320}, {0x1f32d, 0x1f335},
    {0x1f337, 0x1f37c}, {0x1f37e, 0x1f393}, {0x1f3a0, 0x1f3ca}, {0x1f3cf, 0x1f3d3},
    {0x1f3e0, 0x1f3f0}, {0x1f3f4, 0x1f3f4}, {0x1f3f8, 0x1f43e}, {0x1f440, 0x1f440},
    {0x1f442, 0x1f4fc}, {0x1f4ff, 0x1f53d}, {0x1f54b, 0x1f54e}, {0x1f550, 0x1f567},
    {0x1f57a, 0x1f57a}, {0x1f595, 0x1f596}, {0x1f5a4, 0x1f5a4}, {0x1f5fb, 0x1f64f},
    {0x1f680, 0x1f6c5}, {0x1f6cc, 0x1f6cc}, {0x1f6d0, 0x1f6d2}, {0x1f6d5, 0x1f6df},
    {0x1f6eb, 0x1f6ec}, {0x1f6f4, 0x1f6fc}, {0x1f7e0, 0x1f7f0}, {0x1f90c, 0x1f93a},
    {0x1f93c, 0x1f945}, {0x1f947, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x3fffd},
};

static int utf8_in(const struct utf8_range *table, size_t count, uint32_t cp)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (cp > table[mid].last)
            low = mid + 1;
        else
            high = mid;
    }
    return low < count && cp >= table[low].first;
}

static int utf8_width(uint32_t cp)
{
    if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
        return -1;
    if (cp < 0x300)
        return 1;
    if (cp >= 0x2500 && cp < 0x25fd) /* box drawing and blocks: the most frequent by far */
        return 1;
    if (utf8_in(utf8_wide, COUNT_OF(utf8_wide), cp))
        return 2;
    return utf8_in(utf8_zero, COUNT_OF(utf8_zero), cp) ? 0 : 1;
}

/* One code point at s.p[*i], an unfinished one at the end counting as malformed; *i moves behind
 * it. */
static uint32_t utf8_step(span s, size_t *i)
{
    uint32_t cp;
    size_t n = utf8_next(span_sub(s, *i), &cp);
    if (n == 0)
        cp = 0xfffd, n = s.n - *i;
    *i += n;
    return cp;
}

static void utf8_put(buf *b, uint32_t cp)
{
    char bytes[4];
    buf_add(b, bytes, utf8_encode(cp, bytes));
}

static span utf8_tail(span s, long long chars)
{
    size_t at = s.n;
    while (at > 0 && chars > 0) {
        at--;
        chars -= ((unsigned char)s.p[at] & 0xc0) != 0x80;
    }
    return span_sub(s, at);
}

static void utf8_put_clean(buf *b, span s)
{
    struct utf8_state st = {0};
    if (utf8_check(&st, s) == PARSE_DONE) {
        buf_span(b, s);
        return;
    }
    for (size_t i = 0; i < s.n;)
        utf8_put(b, utf8_step(s, &i));
}

/* Bidi controls and separators could reorder or break a line that somebody else's text is shown
 * in. */
static int utf8_is_deceptive(uint32_t cp)
{
    return (cp >= 0x80 && cp < 0xa0) || (cp >= 0x202a && cp <= 0x202e) ||
           (cp >= 0x2066 && cp <= 0x2069) || cp == 0x200e || cp == 0x200f || cp == 0x2028 ||
           cp == 0x2029;
}

static void utf8_put_visible(buf *b, span s)
{
    for (size_t i = 0, run; i < s.n;) {
        for (run = i; run < s.n && s.p[run] >= 0x20 && s.p[run] < 0x7f; run++)
            ;
        buf_add(b, s.p + i, run - i);
        i = run;
        if (i == s.n)
            break;
        uint32_t cp = utf8_step(s, &i);
        if (cp < 0x20 || cp == 0x7f) {
            buf_byte(b, '^');
            buf_byte(b, (char)(cp ^ 0x40));
        } else {
            utf8_put(b, utf8_is_deceptive(cp) ? 0xfffd : cp);
        }
    }
}

/* ---- time ----------------------------------------------------------------------------------- */

static long long clock_mono_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static long long clock_wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Days since 1970-01-01 of a proleptic Gregorian date. Years begin in March, so that the leap day
 * is a year's last: the days before month m are (153 * m + 2) / 5. */
static long long clock_days(long long year, int month, int day)
{
    year -= month <= 2;
    long long era = (year >= 0 ? year : year - 399) / 400;
    long long of_era = year - era * 400;
    long long of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void clock_put_digits(buf *b, long long v, int width)
{
    char digits[8];
    for (int i = width - 1; i >= 0; i--, v /= 10)
        digits[i] = (char)('0' + v % 10);
    buf_add(b, digits, (size_t)width);
}

static void clock_put_iso(buf *b, long long wall_ms)
{
    long long ms = wall_ms % 86400000, days = wall_ms / 86400000;
    if (ms < 0)
        ms += 86400000, days--;
    long long z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    long long yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    long long doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    long long month = mp < 10 ? mp + 3 : mp - 9;
    const long long field[] = {yoe + era * 400 + (month <= 2), month, doy - (153 * mp + 2) / 5 + 1,
                               ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000};
    static const char before[] = "\0--T::.";
    for (int i = 0; i < 7; i++) {
        if (before[i])
            buf_byte(b, before[i]);
        clock_put_digits(b, field[i], i == 0 ? 4 : i == 6 ? 3 : 2);
    }
    buf_str(b, "+00:00");
}

/* Exactly `count` digits at the start of *s. */
static int clock_take_digits(span *s, int count, int *out)
{
    *out = 0;
    for (int i = 0; i < count; i++) {
        if (s->n == 0 || s->p[0] < '0' || s->p[0] > '9')
            return 0;
        *out = *out * 10 + (s->p[0] - '0');
        *s = span_sub(*s, 1);
    }
    return 1;
}

static int clock_take(span *s, const char *one_of)
{
    if (s->n == 0 || !strchr(one_of, s->p[0]) || !s->p[0])
        return 0;
    *s = span_sub(*s, 1);
    return 1;
}

/* "Z", "+02:00", "-0530" or nothing: minutes east of UTC. */
static int clock_take_offset(span *s, int *minutes)
{
    int hours, rest;
    *minutes = 0;
    if (s->n == 0 || (s->n == 1 && clock_take(s, "Zz")))
        return 1;
    int sign = s->p[0] == '-' ? -1 : 1;
    if (!clock_take(s, "+-") || !clock_take_digits(s, 2, &hours))
        return 0;
    clock_take(s, ":");
    if (!clock_take_digits(s, 2, &rest) || s->n || hours > 23 || rest > 59)
        return 0;
    *minutes = sign * (hours * 60 + rest);
    return 1;
}

static int clock_parse_iso(span s, long long *wall_ms)
{
    int year, month, day, hour, minute, second, digit, fraction = 0, east;
    if (!clock_take_digits(&s, 4, &year) || !clock_take(&s, "-") ||
        !clock_take_digits(&s, 2, &month) || !clock_take(&s, "-") ||
        !clock_take_digits(&s, 2, &day) || !clock_take(&s, "Tt ") ||
        !clock_take_digits(&s, 2, &hour) || !clock_take(&s, ":") ||
        !clock_take_digits(&s, 2, &minute) || !clock_take(&s, ":") ||
        !clock_take_digits(&s, 2, &second))
        return 0;
    if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60 ||
        clock_days(year, month, day) >= clock_days(year + month / 12, month % 12 + 1, 1))
        return 0;
    if (clock_take(&s, ".,")) {
        if (!clock_take_digits(&s, 1, &digit))
            return 0;
        fraction = digit * 100;
        for (int unit = 10; clock_take_digits(&s, 1, &digit); unit /= 10)
            fraction += digit * unit;
    }
    if (!clock_take_offset(&s, &east))
        return 0;
    long long seconds = clock_days(year, month, day) * 86400 + hour * 3600LL + minute * 60 + second;
    *wall_ms = (seconds - east * 60LL) * 1000 + fraction;
    return 1;
}

static void clock_put_age(buf *b, long long ms)
{
    long long minutes = ms / 60000;
    if (minutes < 1) {
        buf_str(b, "now");
        return;
    }
    static const struct { long long minutes; char letter; } units[] = {
        {525600, 'y'}, {1440, 'd'}, {60, 'h'}, {1, 'm'}};
    size_t i = 0;
    while (minutes < units[i].minutes)
        i++;
    buf_int(b, minutes / units[i].minutes);
    buf_byte(b, units[i].letter);
}

/* ---- log ------------------------------------------------------------------------------------ */

static int log_fd = -1;
static enum log_level log_most = LOG_INFO;

static void log_open(int fd, enum log_level most)
{
    log_fd = fd;
    log_most = most;
}

/* One write per line, so that lines of several processes don't mix. */
static void log_line(enum log_level level, const char *format, ...)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char text[1024];
    va_list args;
    if (log_fd < 0 || level > log_most)
        return;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t length = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    buf line = {0};
    clock_put_iso(&line, clock_wall_ms());
    buf_byte(&line, ' ');
    buf_str(&line, names[level]);
    buf_byte(&line, ' ');
    utf8_put_visible(&line, (span){text, length});
    buf_byte(&line, '\n');
    ssize_t written = write(log_fd, line.p, line.n);
    (void)written; /* a full disk must not stop the daemon, and there is nowhere left to tell it */
    buf_free(&line);
}
