/* json - a strict JSON reader (RFC 8259), independent of telec's. */

static inline const char *json_space(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

static inline const char *json_string_end(const char *p)
{
    for (p++; *p != '"'; p++) {
        if ((unsigned char)*p < 0x20)
            return NULL;
        if (*p != '\\')
            continue;
        p++;
        if (*p == 'u' && strspn(p + 1, "0123456789abcdefABCDEF") >= 4)
            p += 4;
        else if (*p == '\0' || !strchr("\"\\/bfnrt", *p))
            return NULL;
    }
    return p + 1;
}

static inline const char *json_number_end(const char *p)
{
    static const char digits[] = "0123456789";
    p += *p == '-';
    size_t n = strspn(p, digits);
    if (n == 0 || (n > 1 && *p == '0'))
        return NULL;
    p += n;
    if (*p == '.') {
        n = strspn(++p, digits);
        if (n == 0)
            return NULL;
        p += n;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '-' || *p == '+';
        n = strspn(p, digits);
        if (n == 0)
            return NULL;
        p += n;
    }
    return p;
}

/* Where the value at p ends; NULL: it isn't one. */
static inline const char *json_end(const char *p)
{
    char close = *p == '{' ? '}' : ']';
    int is_object = *p == '{';
    if (*p == '"')
        return json_string_end(p);
    for (size_t i = 0; i < 3; i++) {
        const char *word = &"true\0false\0null"[i * 5 + (i > 1)];
        if (strncmp(p, word, strlen(word)) == 0)
            return p + strlen(word);
    }
    if (*p != '{' && *p != '[')
        return json_number_end(p);
    p = json_space(p + 1);
    if (*p == close)
        return p + 1;
    for (;;) {
        if (is_object) {
            p = *p == '"' ? json_string_end(p) : NULL;
            p = p ? json_space(p) : NULL;
            if (!p || *p++ != ':')
                return NULL;
            p = json_space(p);
        }
        p = json_end(p);
        p = p ? json_space(p) : NULL;
        if (!p || (*p != ',' && *p != close))
            return NULL;
        if (*p++ == close)
            return p;
        p = json_space(p);
    }
}

/* Well-formed UTF-8 without overlong forms and surrogates? */
static inline int is_utf8(const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        const unsigned char *p = (const unsigned char *)s + i;
        size_t length = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5
            ? 4 : 0;
        if (!length || i + length > n)
            return 0;
        for (size_t k = 1; k < length; k++)
            if ((p[k] & 0xc0) != 0x80)
                return 0;
        if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
            (*p == 0xf0 && p[1] < 0x90) ||
            (*p == 0xf4 && p[1] > 0x8f))
            return 0;
        i += length;
    }
    return 1;
}

/* Is all of s one JSON text in UTF-8? */
static inline int json_valid(const char *s, size_t n)
{
    const char *end = strlen(s) == n && is_utf8(s, n) ? json_end(json_space(s)) : NULL;
    return end && *json_space(end) == '\0';
}

static inline void utf8_append(struct text *t, unsigned cp)
{
    char c[4];
    size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; cp >>= 6)
        c[i] = (char)(0x80 | (cp & 0x3f));
    c[0] = (char)(n == 1 ? cp : cp | (0xf00u >> n & 0xffu));
    text_add(t, c, n);
}

static inline unsigned json_hex4(const char *p)
{
    char digits[5];
    memcpy(digits, p, 4);
    digits[4] = '\0';
    return (unsigned)strtoul(digits, NULL, 16);
}

/* The value of the string at p, decoded. */
static inline char *json_decode(const char *p)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    struct text t = {0};
    text_add(&t, "", 0);
    for (p++; *p != '"'; p++) {
        if (*p != '\\') {
            text_add(&t, p, 1);
            continue;
        }
        p++;
        const char *known = strchr(from, *p);
        if (*p == 'u') {
            unsigned cp = json_hex4(p + 1);
            p += 4;
            if (cp >= 0xd800 && cp < 0xdc00 && p[1] == '\\' && p[2] == 'u') {
                cp = 0x10000 + ((cp - 0xd800) << 10) + (json_hex4(p + 3) - 0xdc00);
                p += 6;
            }
            utf8_append(&t, cp);
        } else {
            text_add(&t, known ? &to[known - from] : p, 1);
        }
    }
    return t.p;
}

/* The member or element `step` (n bytes) of the object or array at p; NULL: there is none. */
static inline const char *json_step(const char *p, const char *step, size_t n)
{
    int is_object = *p == '{';
    long index = strtol(step, NULL, 10);
    const char *found = NULL;
    if (*p != '{' && *p != '[')
        return NULL;
    for (p = json_space(p + 1); *p != '}' && *p != ']'; p = json_space(p)) {
        char *key = NULL;
        if (is_object) {
            key = json_decode(p);
            p = json_space(json_space(json_string_end(p)) + 1);
        }
        if (is_object ? strlen(key) == n && memcmp(key, step, n) == 0 : index-- == 0)
            found = p; /* of a name that comes twice the last one counts */
        p = json_space(json_end(p));
        p += *p == ',';
    }
    return found;
}

/* The value at a path like "detail.0.type" of a valid JSON text; "" is the text itself. NULL: none.
 * */
static inline const char *json_at(const char *json, const char *path)
{
    const char *p = json ? json_space(json) : NULL;
    if (!p || !json_end(p))
        return NULL;
    while (p && *path) {
        size_t n = strcspn(path, ".");
        p = json_step(p, path, n);
        path += n + (path[n] == '.');
    }
    return p;
}

/* The same as a new string: a string's value, the text of anything else. NULL: there is none. */
static inline char *json_get(const char *json, const char *path)
{
    const char *p = json_at(json, path);
    if (!p)
        return NULL;
    return *p == '"' ? json_decode(p) : format("%.*s", (int)(json_end(p) - p), p);
}

/* The value exactly as it is written, quotes included. */
static inline char *json_raw(const char *json, const char *path)
{
    const char *p = json_at(json, path);
    return p ? format("%.*s", (int)(json_end(p) - p), p) : NULL;
}

/* Elements or members of the value at path; -1: there is none. */
static inline int json_count(const char *json, const char *path)
{
    const char *p = json_at(json, path);
    int n = 0;
    if (!p || (*p != '{' && *p != '['))
        return -1;
    int is_object = *p == '{';
    for (p = json_space(p + 1); *p != '}' && *p != ']'; n++) {
        if (is_object)
            p = json_space(json_space(json_string_end(p)) + 1);
        p = json_space(json_end(p));
        p = *p == ',' ? json_space(p + 1) : p;
    }
    return n;
}

/* A string as JSON. */
static inline char *json_quote(const char *s)
{
    struct text t = {0};
    text_str(&t, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\' || (unsigned char)*s < 0x20)
            text_str(&t, format("\\u%04x", (unsigned char)*s));
        else
            text_add(&t, s, 1);
    }
    text_str(&t, "\"");
    return t.p;
}

/* An array of strings; the last argument is NULL. */
static inline char *json_array(const char *first, ...)
{
    struct text t = {0};
    va_list args;
    va_start(args, first);
    for (const char *s = first; s; s = va_arg(args, const char *)) {
        text_str(&t, t.n ? "," : "[");
        text_str(&t, json_quote(s));
    }
    va_end(args);
    text_str(&t, "]");
    return t.p;
}
