/* check - what every end-to-end test uses: text, checks, files. A test runs in a process of its
 * own, so nothing is freed: the end of the process does that. Nothing sleeps for a fixed time: a
 * test waits for what must happen, with a deadline. */
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
    char *extra[4];         /* more of the environment of what a test starts; NULL-terminated */
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

static inline char *make_dir(const char *parent, const char *name)
{
    char *path = format("%s/%s", parent, name);
    if (mkdir(path, 0700) != 0)
        e2e_die(path);
    return path;
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
