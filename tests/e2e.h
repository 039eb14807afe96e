/* e2e.h - what the end-to-end tests see with: processes, HTTP, WebSocket and JSON of their own,
 * nothing of telec's. A test runs in a process of its own, in a directory of its own, against a
 * daemon of its own, so nothing in here is freed: the process's end does that. Nothing sleeps for a
 * fixed time: what is waited for is waited for with a deadline. */
#ifndef E2E_H
#define E2E_H

#define _DEFAULT_SOURCE 1 /* glibc, musl: SIGWINCH, TIOCSWINSZ */
#define _DARWIN_C_SOURCE 1
#define __BSD_VISIBLE 1
#define _NETBSD_SOURCE 1

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define E2E_WAIT_MS 15000 /* for anything that must happen; nothing waits for its end */
#define E2E_SKIP 77       /* a test's exit status when it can't run here */

struct test {
    const char *name;       /* it is the name that e2e's caller chooses it by */
    void (*run)(void);
};

/* The test that is running. */
static struct e2e {
    const char *binary;     /* telec, absolute */
    const char *self;       /* this driver, absolute: also the program inside of sessions */
    const char *name;
    char *dir;              /* the test's own directory */
    char *run, *state, *config, *home, *bin; /* XDG_…, HOME, the first place of PATH */
    char *socket;           /* the daemon's */
    char *errors;           /* the file of its stderr */
    pid_t daemon;           /* 0: none is running */
    int failures;
} e2e;

/* ---- text ----------------------------------------------------------------------------------- */

/* Bytes that grow, always with a NUL behind them. All zero is empty. */
struct text {
    char *p;
    size_t n, cap;
};

static inline void e2e_die(const char *what)
{
    printf("# %s: %s: %s\n", e2e.name ? e2e.name : "e2e", what, strerror(errno));
    fflush(stdout);
    _exit(1);
}

static inline void text_add(struct text *t, const void *p, size_t n)
{
    if (t->n + n + 1 > t->cap) {
        t->cap = (t->n + n + 1) * 2;
        t->p = realloc(t->p, t->cap);
        if (!t->p)
            e2e_die("out of memory");
    }
    if (n)
        memcpy(t->p + t->n, p, n);
    t->n += n;
    t->p[t->n] = '\0';
}

static inline void text_str(struct text *t, const char *s)
{
    text_add(t, s, strlen(s));
}

static inline char *text_vformat(const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *s = malloc((size_t)n + 1);
    if (!s)
        e2e_die("out of memory");
    vsnprintf(s, (size_t)n + 1, format, args);
    return s;
}

/* A new string. */
static inline char *format(const char *f, ...)
{
    va_list args;
    va_start(args, f);
    char *s = text_vformat(f, args);
    va_end(args);
    return s;
}

/* n times the byte c. */
static inline char *repeat(char c, size_t n)
{
    char *s = malloc(n + 1);
    if (!s)
        e2e_die("out of memory");
    memset(s, c, n);
    s[n] = '\0';
    return s;
}

/* Untrusted bytes for a report: one line, escaped, cut. */
static inline char *visible(const char *p, size_t n)
{
    struct text t = {0};
    for (size_t i = 0; i < n && i < 600; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c >= 0x20 && c < 0x7f)
            text_add(&t, &c, 1);
        else
            text_str(&t, c == '\n' ? "\\n" : c == '\r' ? "\\r" : format("\\x%02x", c));
    }
    text_str(&t, n > 600 ? "..." : "");
    return t.p;
}

/* ---- checks --------------------------------------------------------------------------------- */

#define CHECK(cond) ((cond) ? (void)0 : check_failed(__FILE__, __LINE__, #cond))
#define CHECK_INT(got, want) \
    check_int(__FILE__, __LINE__, #got, (long long)(got), (long long)(want))
#define CHECK_TEXT(got, want) check_text(__FILE__, __LINE__, #got, (got), (want))
#define CHECK_HAS(text, part) check_has(__FILE__, __LINE__, #text, (text), (part))
/* Without this there is no going on. */
#define REQUIRE(cond) ((cond) ? (void)0 : check_fatal(__FILE__, __LINE__, #cond))
#define FAIL(...) check_failed(__FILE__, __LINE__, format(__VA_ARGS__))
#define FATAL(...) check_fatal(__FILE__, __LINE__, format(__VA_ARGS__))
/* Evaluates cond until it is true, or fails the test. */
#define AWAIT(cond) \
    do { \
        long long await_until = now_ms() + E2E_WAIT_MS; \
        while (!(cond)) \
            check_patience(__FILE__, __LINE__, #cond, await_until); \
    } while (0)

static inline long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline void check_failed(const char *file, int line, const char *what)
{
    e2e.failures++;
    printf("# %s:%d: %s\n", file, line, what);
    fflush(stdout);
}

static inline void check_fatal(const char *file, int line, const char *what)
{
    check_failed(file, line, what);
    _exit(1);
}

static inline void check_int(const char *file, int line, const char *what, long long got,
                             long long want)
{
    if (got != want)
        check_failed(file, line, format("%s: got %lld, want %lld", what, got, want));
}

static inline void check_text(const char *file, int line, const char *what, const char *got,
                              const char *want)
{
    if (got && want ? strcmp(got, want) == 0 : got == want)
        return;
    check_failed(file, line, format("%s: got %s%s%s, want %s%s%s", what, got ? "\"" : "",
                                    got ? visible(got, strlen(got)) : "nothing", got ? "\"" : "",
                                    want ? "\"" : "",
                                    want ? visible(want, strlen(want)) : "nothing", want ? "\""
                                    : ""));
}

static inline void check_has(const char *file, int line, const char *what, const char *text,
                             const char *part)
{
    if (!text || !strstr(text, part))
        check_failed(file, line, format("%s: \"%s\" is not in \"%s\"", what, part,
                                        visible(text ? text : "",
                                        text ? strlen(text) : 0)));
}

/* One turn of waiting: a condition that nobody tells us about is looked at again soon. */
static inline void check_patience(const char *file, int line, const char *what, long long until)
{
    if (now_ms() > until)
        check_fatal(file, line, format("never came true: %s", what));
    poll(NULL, 0, 5);
}

static inline void skip(const char *why)
{
    printf("skip: %s\n", why);
    fflush(stdout);
    _exit(E2E_SKIP);
}

/* ---- files ---------------------------------------------------------------------------------- */

/* A file's bytes; NULL when it can't be read. *n may be NULL. */
static inline char *file_read(const char *path, size_t *n)
{
    struct text t = {0};
    char chunk[65536];
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    text_add(&t, "", 0);
    while ((got = read(fd, chunk, sizeof chunk)) > 0)
        text_add(&t, chunk, (size_t)got);
    close(fd);
    if (n)
        *n = t.n;
    return t.p;
}

static inline void file_write(const char *path, const char *bytes, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    size_t n = strlen(bytes);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
        e2e_die(path);
    close(fd);
}

static inline int file_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* Permission bits; -1 when there is nothing. */
static inline int file_mode(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 ? (int)(st.st_mode & 07777) : -1;
}

static inline long long file_size(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 ? (long long)st.st_size : -1;
}

static inline char *session_file(const char *id, const char *name)
{
    return format("%s/telec/sessions/%s/%s", e2e.state, id, name);
}

static inline int count_of(const char *text, const char *part)
{
    int n = 0;
    for (const char *at = text; at && (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

/* ---- JSON: a strict reader (RFC 8259) ------------------------------------------------------- */

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

/* ---- a connection --------------------------------------------------------------------------- */

struct wire {
    int fd;
    struct text in;         /* read, not taken yet */
    int eof;                /* the other side has closed; 2: with an error */
};

static inline int wire_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        FATAL("%s is too long for a socket: set TMPDIR to a shorter one", path);
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        e2e_die("socket");
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* To the daemon. */
static inline struct wire wire_open(void)
{
    struct wire w = {.fd = wire_connect(e2e.socket)};
    if (w.fd < 0)
        FATAL("cannot connect to %s: %s", e2e.socket, strerror(errno));
    return w;
}

static inline void wire_close(struct wire *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

/* Everything, or as much as the other side takes before it closes. 1, or 0: it closed. */
static inline int wire_write(struct wire *w, const char *p, size_t n)
{
    long long until = now_ms() + E2E_WAIT_MS;
    while (n) {
        struct pollfd poll_out = {w->fd, POLLOUT, 0};
        if (poll(&poll_out, 1, (int)(until - now_ms() > 0 ? until - now_ms() : 0)) == 0)
            FATAL("the daemon does not read");
        ssize_t wrote = send(w->fd, p, n, MSG_DONTWAIT);
        if (wrote < 0 && (errno == EPIPE || errno == ECONNRESET))
            return 0;
        if (wrote < 0 && errno != EAGAIN && errno != EINTR)
            e2e_die("write");
        p += wrote > 0 ? wrote : 0;
        n -= wrote > 0 ? (size_t)wrote : 0;
    }
    return 1;
}

static inline int wire_str(struct wire *w, const char *s)
{
    return wire_write(w, s, strlen(s));
}

/* Reads once. 1: there is more; 0: the other side has closed; -1: nothing came until then. */
static inline int wire_read(struct wire *w, long long until)
{
    char chunk[65536];
    while (!w->eof) {
        struct pollfd in = {w->fd, POLLIN, 0};
        long long left = until - now_ms();
        int ready = poll(&in, 1, (int)(left > 0 ? left : 0));
        if (ready == 0)
            return -1;
        ssize_t n = read(w->fd, chunk, sizeof chunk);
        if (n > 0) {
            text_add(&w->in, chunk, (size_t)n);
            return 1;
        }
        if (n == 0 || errno != EINTR)
            w->eof = n == 0 ? 1 : 2;
    }
    return 0;
}

static inline void wire_take(struct wire *w, size_t n)
{
    memmove(w->in.p, w->in.p + n, w->in.n - n + 1);
    w->in.n -= n;
}

/* Does the other side close, without a byte more? */
static inline int wire_ends(struct wire *w)
{
    return w->in.n == 0 && wire_read(w, now_ms() + E2E_WAIT_MS) == 0;
}

/* ---- HTTP ----------------------------------------------------------------------------------- */

struct reply {
    int status;             /* 0: the connection ended before an answer began */
    char *head;             /* status line and headers, CRLF and all */
    char *body;             /* always a string */
    size_t n;
};

/* A header's value; NULL: absent, or there twice. */
static inline char *reply_header(const struct reply *r, const char *name)
{
    char *found = NULL;
    size_t n = strlen(name);
    for (const char *line = strstr(r->head, "\r\n"); line && line[2] != '\r'; line =
         strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, n) != 0 || line[2 + n] != ':')
            continue;
        if (found)
            return NULL;
        const char *value = line + 3 + n + strspn(line + 3 + n, " ");
        found = format("%.*s", (int)strcspn(value, "\r"), value);
    }
    return found;
}

static inline void reply_check(const struct reply *r, int is_head)
{
    char *type = reply_header(r, "Content-Type"), *server = reply_header(r, "Server");
    if (strncmp(r->head, "HTTP/1.1 ", 9) != 0 || !server || strncmp(server, "telec/", 6) != 0)
        FATAL("not an answer of telec's daemon: %s", visible(r->head, strlen(r->head)));
    if (r->n && (!type || strncmp(type, "application/json", 16) != 0 || !json_valid(r->body, r->n)))
        FATAL("a body that is not JSON: %s%s", visible(r->head, strlen(r->head)),
              visible(r->body, r->n));
    if (r->status >= 400 && !is_head && !json_at(r->body, "detail"))
        FATAL("an error without a detail: %s", visible(r->body, r->n));
}

/* The next answer on the connection. `method` is what it answers: HEAD has no body. */
static inline struct reply reply_read_for(struct wire *w, const char *method, int wait_ms)
{
    long long until = now_ms() + wait_ms;
    struct reply r = {.head = format(""), .body = format("")};
    char *end = NULL;
    int is_head = strcmp(method, "HEAD") == 0, got = 1;
    while (!(end = w->in.n ? strstr(w->in.p, "\r\n\r\n") : NULL) && got == 1)
        got = wire_read(w, until);
    if (!end && got == 0 && w->in.n == 0)
        return r;
    if (!end)
        FATAL("no whole answer came, but: %s", visible(w->in.n ? w->in.p : "", w->in.n));
    size_t head_n = (size_t)(end - w->in.p) + 4;
    r.head = format("%.*s", (int)head_n, w->in.p);
    r.status = atoi(r.head + (strlen(r.head) > 9 ? 9 : 0));
    char *length = reply_header(&r, "Content-Length");
    r.n = length ? strtoul(length, NULL, 10) : 0;
    if (r.status >= 200 && !length && r.status != 204)
        FATAL("an answer without a length: %s", visible(r.head, head_n));
    if (is_head || r.status < 200 || r.status == 204)
        r.n = 0;
    while (w->in.n < head_n + r.n)
        if (wire_read(w, until) != 1)
            FATAL("the body is cut short: %s", visible(w->in.p, w->in.n));
    struct text body = {0};
    text_add(&body, w->in.p + head_n, r.n);
    r.body = body.p;
    wire_take(w, head_n + r.n);
    if (r.status >= 200)
        reply_check(&r, is_head);
    return r;
}

static inline struct reply reply_read(struct wire *w)
{
    return reply_read_for(w, "GET", E2E_WAIT_MS);
}

/* A request as text; a NULL body is none. */
static inline char *request(const char *method, const char *target, const char *body)
{
    if (!body)
        return format("%s %s HTTP/1.1\r\nHost: localhost\r\n\r\n", method, target);
    return format("%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                  "application/json\r\nContent-Length: %zu\r\n"
                  "\r\n%s", method, target, strlen(body), body);
}

/* For a report: has the daemon ended, and how? */
static inline char *daemon_fate(void)
{
    int status;
    if (!e2e.daemon || waitpid(e2e.daemon, &status, WNOHANG) != e2e.daemon)
        return format("");
    return format("; the daemon has ended with %s %d", WIFSIGNALED(status) ? "signal" : "status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* One request on a connection of its own. */
static inline struct reply call(const char *method, const char *target, const char *body)
{
    struct wire w = wire_open();
    wire_str(&w, request(method, target, body));
    struct reply r = reply_read_for(&w, method, E2E_WAIT_MS);
    if (!r.status)
        FATAL("%s %s: the connection was closed without an answer%s", method, target,
              daemon_fate());
    wire_close(&w);
    return r;
}

static inline struct reply get(const char *target)
{
    return call("GET", target, NULL);
}

/* A member of GET /status as a number. */
static inline long long status_of(const char *member)
{
    char *value = json_get(get("/status").body, member);
    return value ? strtoll(value, NULL, 10) : -1;
}

/* ---- WebSocket ------------------------------------------------------------------------------ */

enum { WS_FIN = 0x80, WS_CONT = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG =
      10 };
#define WS_KEY "dGVsZWMgZW5kIHRvIGVuZA=="          /* of our handshake */
#define WS_ACCEPT "dgteYdiBsEh12phf6cwScYneTlY="   /* the answer it must get (RFC 6455 4.2.2) */

struct frame {
    int opcode;             /* -1: the connection has ended */
    char *p;                /* a string, whatever is in it */
    size_t n;
    int code;               /* of a close frame: 1005 when it has none */
};

static inline char *ws_request(const char *target, const char *extra)
{
    return format("GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: "
                  "Upgrade\r\n"
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " WS_KEY "\r\n%s\r\n", target,
                      extra);
}

/* Reads the answer to a handshake, which must be a good one. */
static inline void ws_accepted(struct wire *w)
{
    struct reply r = reply_read(w);
    char *accept = reply_header(&r, "Sec-WebSocket-Accept"), *upgrade = reply_header(&r, "Upgrade");
    if (r.status != 101 || !accept || strcmp(accept, WS_ACCEPT) != 0 || !upgrade ||
        strcasecmp(upgrade, "websocket") != 0)
        FATAL("the WebSocket was refused: %s%s", visible(r.head, strlen(r.head)), r.body);
}

static inline struct wire ws_open(const char *target)
{
    struct wire w = wire_open();
    wire_str(&w, ws_request(target, ""));
    ws_accepted(&w);
    return w;
}

/* A frame as bytes: `first` is its first byte (WS_FIN | opcode, and what must not be there). */
static inline void ws_put(struct text *t, int first, const char *p, size_t n, int masked)
{
    static const unsigned char key[4] = {0x37, 0xfa, 0x21, 0x3d};
    unsigned char head[14] = {(unsigned char)first};
    size_t size = n < 126 ? 2 : n < 65536 ? 4 : 10;
    head[1] = (unsigned char)(n < 126 ? n : n < 65536 ? 126 : 127);
    for (size_t i = 2; i < size; i++)
        head[i] = (unsigned char)(n >> 8 * (size - 1 - i));
    head[1] |= masked ? 0x80 : 0;
    if (masked)
        memcpy(head + size, key, 4);
    text_add(t, head, size + (masked ? 4 : 0));
    for (size_t i = 0; i < n; i++) {
        char c = (char)(masked ? (unsigned char)p[i] ^ key[i % 4] : (unsigned char)p[i]);
        text_add(t, &c, 1);
    }
}

static inline int ws_send(struct wire *w, int first, const char *p, size_t n)
{
    struct text t = {0};
    ws_put(&t, first, p, n, 1);
    return wire_write(w, t.p, t.n);
}

static inline void ws_say(struct wire *w, const char *text)
{
    ws_send(w, WS_FIN | WS_TEXT, text, strlen(text));
}

/* How long the frame at the start of the input is; 0: that isn't known yet. *head: of it the head.
 * */
static inline size_t ws_size(const struct wire *w, size_t *head)
{
    const unsigned char *p = (const unsigned char *)w->in.p;
    if (w->in.n < 2)
        return 0;
    size_t n = p[1] & 0x7f;
    *head = n < 126 ? 2 : n == 126 ? 4 : 10;
    if (w->in.n < *head)
        return 0;
    if (*head > 2)
        for (size_t i = n = 0; i < *head - 2; i++)
            n = n << 8 | p[2 + i];
    return *head + n;
}

/* Takes the next frame if there is one within wait_ms: 1, or 0 if not. The end counts as a frame
 * (-1). */
static inline int ws_poll(struct wire *w, struct frame *f, int wait_ms)
{
    long long until = now_ms() + wait_ms;
    size_t size = 0, head = 0;
    *f = (struct frame){.opcode = -1, .p = format("")};
    while ((size = ws_size(w, &head)) == 0 || w->in.n < size) {
        int got = wire_read(w, until);
        if (got < 0)
            return 0;
        if (got == 0)
            return 1;
    }
    const unsigned char *p = (const unsigned char *)w->in.p;
    if (size < head)
        FATAL("a frame of %zu bytes", size);
    if ((p[0] & 0xf0) != WS_FIN || (p[1] & 0x80))
        FATAL("a server's frame that begins with %02x %02x", p[0], p[1]);
    struct text payload = {0};
    text_add(&payload, w->in.p + head, size - head);
    f->opcode = p[0] & 15;
    f->p = payload.p;
    f->n = payload.n;
    if (f->opcode == WS_CLOSE)
        f->code = f->n >= 2 ? p[head] << 8 | p[head + 1] : 1005;
    wire_take(w, size);
    return 1;
}

static inline struct frame ws_next(struct wire *w)
{
    struct frame f;
    if (!ws_poll(w, &f, E2E_WAIT_MS))
        FATAL("no frame came");
    return f;
}

/* Reads on until the close frame and the end; its code, or -1 when the connection just ended. */
static inline int ws_close_code(struct wire *w)
{
    struct frame f;
    int code = -1;
    while ((f = ws_next(w)).opcode != -1)
        if (f.opcode == WS_CLOSE && code == -1)
            code = f.code;
        else if (code != -1)
            FATAL("a frame after the close frame");
    return code;
}

/* The next event within wait_ms: its JSON text, or NULL. Whatever else comes is a failure. */
static inline char *event_poll(struct wire *w, int wait_ms)
{
    struct frame f;
    if (!ws_poll(w, &f, wait_ms))
        return NULL;
    if (f.opcode != WS_TEXT || !json_valid(f.p, f.n) || !json_at(f.p, "event") ||
        !json_at(f.p, "data"))
        FATAL("not an event: opcode %d, code %d, %s", f.opcode, f.code, visible(f.p, f.n));
    return f.p;
}

static inline int event_is(const char *event, const char *name)
{
    char *is = json_get(event, "event");
    return is && strcmp(is, name) == 0;
}

static inline int json_is(const char *json, const char *path, const char *want)
{
    char *value = json_get(json, path);
    return value && strcmp(value, want) == 0;
}

/* Reads on until an event of that name, of that session when id is not NULL. */
static inline char *event_await(struct wire *w, const char *name, const char *id)
{
    long long until = now_ms() + E2E_WAIT_MS;
    char *event;
    do {
        event = event_poll(w, (int)(until - now_ms()));
        if (!event)
            FATAL("no %s came for %s", name, id ? id : "anybody");
    } while (!event_is(event, name) || (id && !json_is(event, "data.session_id", id)));
    return event;
}

/* Reads on until the session's object, in whatever event it comes, has that value. */
static inline char *event_await_value(struct wire *w, const char *id, const char *member,
                                      const char *value)
{
    long long until = now_ms() + E2E_WAIT_MS;
    char *event, *path = format("data.%s", member);
    do {
        event = event_poll(w, (int)(until - now_ms()));
        if (!event)
            FATAL("%s of %s never became %s", member, id, value);
    } while (!json_is(event, "data.session_id", id) || !json_is(event, path, value));
    return event;
}

/* A subscriber that has its initial state. */
static inline struct wire subscribe(const char *topic)
{
    struct wire w = ws_open("/ws");
    ws_say(&w, format("{\"subscribe\": \"%s\"}", topic));
    event_await(&w, format("%s_initial", topic), NULL);
    return w;
}

/* Everything sent before has been handled once this is answered. */
static inline void ws_settle(struct wire *w, const char *mark)
{
    struct frame f;
    ws_send(w, WS_FIN | WS_PING, mark, strlen(mark));
    do
        f = ws_next(w);
    while (f.opcode != WS_PONG && f.opcode != -1);
    CHECK_TEXT(f.p, mark);
}

/* ---- processes ------------------------------------------------------------------------------ */

#if defined(__linux__)
#define HAVE_PROC 1
#else
#define HAVE_PROC 0
#endif

/* A file below /proc/PID; NULL: there is none. */
static inline char *proc_read(pid_t pid, const char *name, size_t *n)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    return file_read(path, n);
}

/* The numbered field of /proc/PID/stat (as proc(5) counts, from 3 on); -1: there is none. */
static inline long proc_stat(pid_t pid, int field)
{
    char *stat = proc_read(pid, "stat", NULL);
    char *at = stat ? strrchr(stat, ')') : NULL;
    for (int i = 2; at && i < field; i++)
        at = strchr(at + 1, ' ');
    return !at ? -1 : field == 3 ? (unsigned char)at[1] : strtol(at + 1, NULL, 10);
}

/* Does it live? A zombie doesn't. */
static inline int proc_lives(pid_t pid)
{
    if (!HAVE_PROC)
        return kill(pid, 0) == 0;
    long state = proc_stat(pid, 3);
    return state != -1 && state != 'Z' && state != 'X';
}

/* Is `part` in a /proc file whose strings are separated by NUL? */
static inline int proc_has(pid_t pid, const char *name, const char *part)
{
    size_t n = 0, k = strlen(part);
    char *bytes = proc_read(pid, name, &n);
    int found = 0;
    for (size_t i = 0; bytes && i + k <= n && !found; i++)
        found = memcmp(bytes + i, part, k) == 0;
    free(bytes);
    return found;
}

/* Argument number i of the process, or NULL. */
static inline char *proc_argument(pid_t pid, int i)
{
    size_t n = 0, at = 0;
    char *bytes = proc_read(pid, "cmdline", &n);
    for (; bytes && at < n && i > 0; i--)
        at += strlen(bytes + at) + 1;
    return bytes && at < n ? bytes + at : NULL;
}

/* Every living process for which fits() is true; how many of them were stored. */
static inline int proc_find(int (*fits)(pid_t pid, const char *arg), const char *arg, pid_t *pids,
                            int most)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    int count = 0;
    while (dir && count < most && (entry = readdir(dir))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && pid != getpid() && fits(pid, arg) && proc_lives(pid))
            pids[count++] = pid;
    }
    if (dir)
        closedir(dir);
    return count;
}

/* For proc_find: belongs to the test whose directory is arg. */
static inline int proc_is_of_test(pid_t pid, const char *dir)
{
    char *mark = format("TELEC_E2E=%s", dir);
    int found = proc_has(pid, "environ", mark) || proc_has(pid, "cmdline", dir);
    free(mark);
    return found;
}

static inline int proc_is_telec(pid_t pid, const char *verb)
{
    char *name = proc_argument(pid, 0), *second = proc_argument(pid, 1);
    return name && second && strcmp(name, e2e.binary) == 0 && strcmp(second, verb) == 0;
}

static inline int proc_is_holder(pid_t pid, const char *dir)
{
    return proc_is_telec(pid, "hold") && proc_is_of_test(pid, dir);
}

static inline int proc_is_holder_of(pid_t pid, const char *id)
{
    char *third = proc_argument(pid, 2);
    return proc_is_telec(pid, "hold") && third && strcmp(third, id) == 0;
}

/* The program side of a session: what has its id in the environment and isn't telec itself. */
static inline int proc_is_inside(pid_t pid, const char *id)
{
    char *mark = format("TELEC_SESSION_ID=%s", id);
    return proc_has(pid, "environ", mark);
}

/* A session's holder (0: none) and its programs. Only where there is /proc. */
static inline pid_t holder_of(const char *id)
{
    pid_t pid[2];
    int n = proc_find(proc_is_holder_of, id, pid, 2);
    return n == 1 ? pid[0] : 0;
}

static inline int programs_of(const char *id, pid_t *pids, int most)
{
    return proc_find(proc_is_inside, id, pids, most);
}

static inline int is_gone(const char *id)
{
    pid_t pid;
    return holder_of(id) == 0 && programs_of(id, &pid, 1) == 0;
}

#define AWAIT_GONE(id) await_gone(__FILE__, __LINE__, (id))

/* Until nothing of a session is left running; without /proc nobody can tell. */
static inline void await_gone(const char *file, int line, const char *id)
{
    long long until = now_ms() + E2E_WAIT_MS;
    pid_t pid = 0;
    while (HAVE_PROC && !is_gone(id)) {
        int programs = programs_of(id, &pid, 1);
        check_patience(file, line,
                       format("nothing left of session %s: holder %ld, first program %ld", id,
                              (long)holder_of(id), (long)(programs ? pid : 0)), until);
    }
}

/* Resident memory in KiB. */
static inline long proc_rss(pid_t pid)
{
    char *status = proc_read(pid, "status", NULL);
    char *line = status ? strstr(status, "VmRSS:") : NULL;
    return line ? strtol(line + 6, NULL, 10) : -1;
}

/* ---- the daemon ----------------------------------------------------------------------------- */

/* The environment of everything a test starts: nothing of the caller's but what programs need. */
static inline char **e2e_environment(void)
{
    static char *env[16];
    int n = 0;
    const char *extra_asan = getenv("ASAN_OPTIONS"), *extra_ubsan = getenv("UBSAN_OPTIONS");
    env[n++] = format("PATH=%s:/usr/local/bin:/usr/bin:/bin", e2e.bin);
    env[n++] = format("HOME=%s", e2e.home);
    env[n++] = format("XDG_RUNTIME_DIR=%s", e2e.run);
    env[n++] = format("XDG_STATE_HOME=%s", e2e.state);
    env[n++] = format("XDG_CONFIG_HOME=%s", e2e.config);
    env[n++] = format("TELEC_E2E=%s", e2e.dir);
    env[n++] = format("ASAN_OPTIONS=%s%squarantine_size_mb=1:log_path=%s/sanitizer", extra_asan
                      ? extra_asan : "",
                      extra_asan ? ":" : "", e2e.dir);
    env[n++] = format("UBSAN_OPTIONS=%s%sprint_stacktrace=1:log_path=%s/sanitizer", extra_ubsan
                      ? extra_ubsan : "",
                      extra_ubsan ? ":" : "", e2e.dir);
    env[n++] = format("LSAN_OPTIONS=suppressions=%s/leaks:print_suppressions=0", e2e.dir);
    env[n++] = format("SHELL=/bin/sh");
    env[n++] = format("TERM=xterm-256color");
    env[n++] = format("LANG=C.UTF-8");
    env[n] = NULL;
    return env;
}

/* Starts telec with those arguments, stderr (and stdout) going to the test's file of errors. */
static inline pid_t telec_start(const char *const *argv)
{
    pid_t pid = fork();
    if (pid < 0)
        e2e_die("fork");
    if (pid > 0)
        return pid;
    int errors = open(e2e.errors, O_WRONLY | O_CREAT | O_APPEND, 0600), null =
        open("/dev/null", O_RDONLY);
    char **env = e2e_environment();
    if (errors < 0 || null < 0 || dup2(null, 0) < 0 || dup2(errors, 1) < 0 || dup2(errors, 2) < 0 ||
        chdir(e2e.dir) != 0)
        _exit(99);
    close(errors), close(null);
    signal(SIGPIPE, SIG_DFL);
    execve(e2e.binary, (char *const *)argv, env);
    _exit(98);
}

static inline pid_t telec_daemon(void)
{
    const char *const argv[] = {e2e.binary, "daemon", NULL};
    return telec_start(argv);
}

static inline char *daemon_errors(void)
{
    char *text = file_read(e2e.errors, NULL);
    return text ? text : format("");
}

/* Does somebody answer on the socket? */
static inline int daemon_answers(void)
{
    struct wire w = {.fd = wire_connect(e2e.socket)};
    if (w.fd < 0)
        return 0;
    wire_str(&w, request("GET", "/health", NULL));
    int status = reply_read(&w).status;
    wire_close(&w);
    return status == 200;
}

/* Waits until it serves. A killed daemon's socket may be open for a moment longer, in a child that
 * it was just starting: who is closed without an answer asks again. */
static inline void daemon_await(pid_t pid)
{
    long long until = now_ms() + E2E_WAIT_MS;
    int status;
    while (!daemon_answers()) {
        if (waitpid(pid, &status, WNOHANG) == pid)
            FATAL("the daemon ended with status %x: %s", status, daemon_errors());
        if (now_ms() > until)
            FATAL("the daemon does not serve: %s", daemon_errors());
        poll(NULL, 0, 2);
    }
}

static inline void daemon_start(void)
{
    e2e.daemon = telec_daemon();
    daemon_await(e2e.daemon);
}

/* The end of a child as waitpid tells it. */
static inline int await_exit(pid_t pid)
{
    int status = -1;
    pid_t got = 0;
    AWAIT((got = waitpid(pid, &status, WNOHANG)) != 0);
    REQUIRE(got == pid);
    return status;
}

static inline void daemon_kill(void)
{
    kill(e2e.daemon, SIGKILL);
    await_exit(e2e.daemon);
    e2e.daemon = 0;
}

/* Asks it to end, which it must do well. */
static inline void daemon_stop(void)
{
    if (!e2e.daemon)
        return;
    kill(e2e.daemon, SIGTERM);
    CHECK_INT(await_exit(e2e.daemon), 0);
    e2e.daemon = 0;
}

/* ---- sessions ------------------------------------------------------------------------------- */

/* POST /sessions with these members besides computer and project_dir (the test's directory). */
static inline struct reply create(const char *members)
{
    return call("POST", "/sessions", format("{\"computer\": \"local\", \"project_dir\": %s%s%s}",
                                            json_quote(e2e.dir), *members ? ", " : "", members));
}

/* The same, and it must work: the session's id. */
static inline char *start(const char *members)
{
    struct reply r = create(members);
    if (r.status != 200)
        FATAL("the session was not created: %d %s", r.status, r.body);
    return json_get(r.body, "session_id");
}

static inline char *start_sh(const char *script)
{
    return start(format("\"command\": %s", json_array("sh", "-c", script, NULL)));
}

/* One of tests/e2e/programs.c; the last argument is NULL. */
static inline char *start_program(const char *name, const char *first, const char *second)
{
    return start(format("\"command\": %s", json_array(e2e.self, "program", name, first, second,
                                                      NULL)));
}

static inline char *session_path(const char *id, const char *rest)
{
    return format("/sessions/%s%s", id, rest);
}

/* A member of the session's object; NULL: the session isn't there. */
static inline char *session_get(const char *id, const char *member)
{
    struct reply r = get(session_path(id, ""));
    return r.status == 200 ? json_get(r.body, member) : NULL;
}

static inline int session_is(const char *id, const char *member, const char *value)
{
    char *now = session_get(id, member);
    return now && strcmp(now, value) == 0;
}

#define AWAIT_SESSION(id, member, value) \
    await_session(__FILE__, __LINE__, (id), (member), (value))

static inline void await_session(const char *file, int line, const char *id, const char *member,
                                 const char *value)
{
    long long until = now_ms() + E2E_WAIT_MS;
    while (!session_is(id, member, value))
        check_patience(file, line, format("%s is \"%s\", not \"%s\"", member,
                                          session_get(id, member), value), until);
}

/* Ends a session; the answer must say so. */
static inline void end_session(const char *id)
{
    struct reply r = call("DELETE", session_path(id, ""), NULL);
    CHECK_INT(r.status, 200);
    CHECK_TEXT(r.body, format("{\"status\":\"success\",\"message\":\"Session %.8s ended "
                              "successfully\"}", id));
}

static inline char *transcript(const char *id)
{
    return json_get(get(session_path(id, "/transcript?tail_chars=100000")).body, "transcript");
}

/* The whole text shown on a session's screen, lines joined by line feeds. */
static inline char *screen_text(const char *id)
{
    struct reply r = get(session_path(id, "/screen"));
    struct text t = {0};
    text_add(&t, "", 0);
    for (int i = 0; i < json_count(r.body, "lines"); i++)
        text_str(&t, format("%s\n", json_get(r.body, format("lines.%d", i))));
    return t.p;
}

/* ---- a terminal for telec itself ------------------------------------------------------------ */

/* A process on a pseudo-terminal, and a small emulator of what that shows: enough for a program
 * that draws with cursor addressing, erasing and scrolling. A code point has one or two columns. */
#define PTY_ROWS_MAX 100
#define PTY_COLS_MAX 300

struct pty {
    int fd;                 /* of the master side */
    pid_t pid;
    int rows, cols;
    struct text raw;        /* everything that ever came */
    size_t parsed;          /* of it, what the screen shows */
    int row, col, shown, alternate; /* cursor; modes 25 and 1049 */
    int last;               /* the scroll region's last row + 1; 0: the screen's */
    /* Code points; 0 is a blank, 1 the right half of a wide one. */
    unsigned cells[PTY_ROWS_MAX][PTY_COLS_MAX];
};

static inline void pty_erase(struct pty *t, int row, int from, int to)
{
    for (int col = from; row >= 0 && row < t->rows && col < to && col < t->cols; col++)
        t->cells[row][col] = 0;
}

static inline void pty_scroll(struct pty *t)
{
    memmove(t->cells[0], t->cells[1], sizeof t->cells[0] * (size_t)(t->rows - 1));
    pty_erase(t, t->rows - 1, 0, t->cols);
}

static inline void pty_feed_line(struct pty *t)
{
    if (t->row == t->rows - 1)
        pty_scroll(t);
    else
        t->row++;
}

static inline void pty_put(struct pty *t, unsigned cp)
{
    int wide = (cp >= 0x1100 && cp <= 0x115f) || (cp >= 0x2e80 && cp <= 0xa4cf) ||
        (cp >= 0xac00 && cp <= 0xd7a3) ||
               (cp >= 0xf900 && cp <= 0xfaff) || (cp >= 0xff00 && cp <= 0xff60) ||
                   (cp >= 0x1f300 && cp <= 0x1faff);
    if ((cp >= 0x300 && cp <= 0x36f) || (cp >= 0xfe00 && cp <= 0xfe0f) || cp == 0x200d)
        return;
    if (t->col + wide >= t->cols) {
        if (t->col >= t->cols) {
            t->col = 0;
            pty_feed_line(t);
        }
    }
    t->cells[t->row][t->col++] = cp;
    if (wide && t->col < t->cols)
        t->cells[t->row][t->col++] = 1;
}

static inline int pty_clamp(int v, int most)
{
    return v < 0 ? 0 : v > most ? most : v;
}

static inline void pty_erase_display(struct pty *t, int how)
{
    for (int row = 0; row < t->rows; row++)
        if (how >= 2 || (how == 0 && row > t->row) || (how == 1 && row < t->row))
            pty_erase(t, row, 0, t->cols);
    if (how < 2)
        pty_erase(t, t->row, how == 0 ? t->col : 0, how == 0 ? t->cols : t->col + 1);
}

static inline void pty_mode(struct pty *t, const char *params, int on)
{
    if (strcmp(params, "?25") == 0)
        t->shown = on;
    if (strcmp(params, "?1049") == 0 || strcmp(params, "?47") == 0) {
        t->alternate = on;
        pty_erase_display(t, 2);
    }
}

/* Deletes (n > 0) or inserts lines at the cursor, in rows of `size` bytes that begin at `rows`. */
static inline void pty_move_lines(const struct pty *t, void *rows, size_t size, int n)
{
    int last = t->last ? t->last : t->rows, left = last - t->row, by = n < 0 ? -n : n;
    char *row = (char *)rows + (size_t)t->row * size;
    by = by < left ? by : left;
    if (left <= 0)
        return;
    if (n > 0)
        memmove(row, row + (size_t)by * size, (size_t)(left - by) * size);
    else
        memmove(row + (size_t)by * size, row, (size_t)(left - by) * size);
    memset(n > 0 ? row + (size_t)(left - by) * size : row, 0, (size_t)by * size);
}

static inline void pty_control(struct pty *t, const char *params, char final)
{
    const char *second = strchr(params, ';');
    int n = atoi(params), m = second ? atoi(second + 1) : 0, one = n > 0 ? n : 1;
    switch (final) {
    case 'A': t->row = pty_clamp(t->row - one, t->rows - 1); break;
    case 'B': t->row = pty_clamp(t->row + one, t->rows - 1); break;
    case 'C': t->col = pty_clamp(t->col + one, t->cols - 1); break;
    case 'D': t->col = pty_clamp(t->col - one, t->cols - 1); break;
    case 'E': t->row = pty_clamp(t->row + one, t->rows - 1), t->col = 0; break;
    case 'G': t->col = pty_clamp(one - 1, t->cols - 1); break;
    case 'd': t->row = pty_clamp(one - 1, t->rows - 1); break;
    case 'H':
    case 'f': t->row = pty_clamp(one - 1, t->rows - 1), t->col = pty_clamp(m - 1, t->cols - 1);
        break;
    case 'J': pty_erase_display(t, n); break;
    case 'K': pty_erase(t, t->row, n == 0 ? t->col : 0, n == 1 ? t->col + 1 : t->cols); break;
    case 'X': pty_erase(t, t->row, t->col, t->col + one); break;
    case 'L':
    case 'M': pty_move_lines(t, t->cells, sizeof t->cells[0], final == 'M' ? one : -one); break;
    case 'r': t->last = m, t->row = t->col = 0; break;
    case 'h': pty_mode(t, params, 1); break;
    case 'l': pty_mode(t, params, 0); break;
    default: break;
    }
}

/* One character or sequence at p; how many bytes it has, 0: it isn't complete. */
static inline size_t pty_sequence(struct pty *t, const char *p, size_t n)
{
    char params[64] = "";
    if (*p != '\033') {
        unsigned char c = (unsigned char)*p;
        size_t length = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        unsigned cp = c < 0x80 ? c : c & (0xffu >> (length + 1));
        if (length > n)
            return 0;
        for (size_t i = 1; i < length; i++)
            cp = cp << 6 | ((unsigned char)p[i] & 0x3f);
        if (c == '\n')
            pty_feed_line(t);
        else if (c == '\r' || c == '\b')
            t->col = c == '\r' ? 0 : pty_clamp(t->col - 1, t->cols - 1);
        else if (c >= 0x20 && c != 0x7f)
            pty_put(t, cp);
        return length;
    }
    if (n < 2)
        return 0;
    if (p[1] == ']' || p[1] == 'P' || p[1] == '_') { /* strings: passed over */
        for (size_t i = 2; i < n; i++)
            if (p[i] == '\a' || (p[i] == '\033' && i + 1 < n))
                return p[i] == '\a' ? i + 1 : i + 2;
        return 0;
    }
    if (p[1] != '[')
        return strchr("()", p[1]) ? (n > 2 ? 3 : 0) : 2;
    size_t end = 2;
    while (end < n && (unsigned char)p[end] < 0x40)
        end++;
    if (end == n)
        return 0;
    snprintf(params, sizeof params, "%.*s", (int)(end - 2), p + 2);
    pty_control(t, params, p[end]);
    return end + 1;
}

static inline void pty_set_size(struct pty *t, int rows, int cols)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    if (rows > PTY_ROWS_MAX || cols > PTY_COLS_MAX || ioctl(t->fd, TIOCSWINSZ, &size) != 0)
        e2e_die("the size of a pseudo-terminal");
    t->rows = rows;
    t->cols = cols;
    t->row = pty_clamp(t->row, rows - 1);
    t->col = pty_clamp(t->col, cols - 1);
}

static inline void pty_child(int slave, const char *const *argv)
{
    setsid();
#ifdef TIOCSCTTY
    ioctl(slave, TIOCSCTTY, 0);
#endif
    for (int fd = 0; fd < 3; fd++)
        dup2(slave, fd);
    if (slave > 2)
        close(slave);
    signal(SIGPIPE, SIG_DFL);
    if (chdir(e2e.dir) == 0)
        execve(argv[0], (char *const *)argv, e2e_environment());
    _exit(98);
}

/* Starts a program (argv[0] is its absolute path) on a pseudo-terminal of that size. */
static inline struct pty *pty_start(int rows, int cols, const char *const *argv)
{
    struct pty *t = calloc(1, sizeof *t);
    if (!t || (t->fd = posix_openpt(O_RDWR | O_NOCTTY)) < 0 || grantpt(t->fd) != 0 ||
        unlockpt(t->fd) != 0)
        e2e_die("a pseudo-terminal");
    fcntl(t->fd, F_SETFD, FD_CLOEXEC);
    t->shown = 1;
    pty_set_size(t, rows, cols);
    int slave = open(ptsname(t->fd), O_RDWR | O_NOCTTY);
    if (slave < 0 || (t->pid = fork()) < 0)
        e2e_die("a pseudo-terminal");
    if (t->pid == 0)
        pty_child(slave, argv);
    close(slave);
    return t;
}

static inline void pty_send(struct pty *t, const char *keys)
{
    for (size_t n = strlen(keys); n;) {
        ssize_t wrote = write(t->fd, keys, n);
        if (wrote < 0 && errno != EINTR)
            e2e_die("write to a pseudo-terminal");
        keys += wrote > 0 ? wrote : 0;
        n -= wrote > 0 ? (size_t)wrote : 0;
    }
}

/* Reads what there is, waiting at most wait_ms for something. 1, or 0: nothing, -1: the end. */
static inline int pty_read(struct pty *t, int wait_ms)
{
    struct pollfd in = {t->fd, POLLIN, 0};
    char chunk[65536];
    size_t used;
    if (poll(&in, 1, wait_ms) == 0)
        return 0;
    ssize_t n = read(t->fd, chunk, sizeof chunk);
    if (n <= 0)
        return n < 0 && errno == EINTR ? 0 : -1;
    text_add(&t->raw, chunk, (size_t)n);
    while (t->parsed < t->raw.n &&
           (used = pty_sequence(t, t->raw.p + t->parsed, t->raw.n - t->parsed)) > 0)
        t->parsed += used;
    return 1;
}

/* One row of the screen as text, without blanks at its end. */
static inline char *pty_row(const struct pty *t, int row)
{
    struct text line = {0};
    size_t solid = 0;
    text_add(&line, "", 0);
    for (int col = 0; col < t->cols; col++) {
        unsigned cp = t->cells[row][col];
        if (cp == 1)
            continue;
        utf8_append(&line, cp ? cp : ' ');
        if (cp && cp != ' ')
            solid = line.n;
    }
    line.p[solid] = '\0';
    return line.p;
}

static inline char *pty_screen(const struct pty *t)
{
    struct text all = {0};
    for (int row = 0; row < t->rows; row++)
        text_str(&all, format("%s\n", pty_row(t, row)));
    return all.p;
}

#define PTY_AWAIT(t, text) pty_await(__FILE__, __LINE__, (t), (text), 1)
#define PTY_AWAIT_GONE(t, text) pty_await(__FILE__, __LINE__, (t), (text), 0)

/* Until the screen shows the text, or (there = 0) doesn't any more. */
static inline void pty_await(const char *file, int line, struct pty *t, const char *text, int there)
{
    long long until = now_ms() + E2E_WAIT_MS;
    while ((strstr(pty_screen(t), text) != NULL) != there) {
        long long left = until - now_ms();
        if (left <= 0 || pty_read(t, (int)left) < 0)
            check_fatal(file, line, format("the screen %s \"%s\":\n%s", there ? "never showed"
                                           : "still shows", text,
                                           pty_screen(t)));
    }
}

/* Until the program has ended; waitpid's status. */
static inline int pty_await_exit(struct pty *t)
{
    long long until = now_ms() + E2E_WAIT_MS;
    while (now_ms() < until && pty_read(t, (int)(until - now_ms())) >= 0)
        ;
    int status = await_exit(t->pid);
    close(t->fd);
    return status;
}

#endif
