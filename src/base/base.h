#ifndef TELEC_BASE_H
#define TELEC_BASE_H
#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700
#endif
#define _DEFAULT_SOURCE 1 /* glibc, musl: SIGWINCH, TIOCSWINSZ */
#define _DARWIN_C_SOURCE 1
#define __BSD_VISIBLE 1 /* FreeBSD, DragonFly */
#define _BSD_SOURCE 1   /* OpenBSD */
#define _NETBSD_SOURCE 1
#define __EXTENSIONS__ 1 /* illumos */
#if !defined(__LP64__)
#define _FILE_OFFSET_BITS 64 /* else stat fails for large inode numbers */
#define _TIME_BITS 64
#endif

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__) && !defined(TELEC_PORTABLE)
#define TELEC_LINUX 1
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#endif
#if defined(__sun)
#include <stropts.h>
#include <sys/filio.h>
#include <ucred.h>
#endif
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#if !defined(__OpenBSD__)
#include <utmpx.h>
#endif
#if defined(TELEC_PORTABLE) /* a test of what other systems run: without what some of them lack */
#undef RLIMIT_NPROC
#undef TCP_KEEPIDLE
#undef TIOCGPTN
#endif

#define TELEC_VERSION "0.1.0"
#ifdef TELEC_TARGET /* of a release: tests/dist.sh */
#define TELEC_BUILD TELEC_VERSION " (" TELEC_TARGET ", commit " TELEC_COMMIT ")"
#else
#define TELEC_BUILD TELEC_VERSION
#endif

/* Between the two a build for size (src/small.sh) is made for speed: what each byte of a screen
 * passes. Not on s390x, where gcc 12 makes code of it that crashes. Elsewhere than aligned the
 * hottest loop is up to 20 % slower. */
#if defined(__OPTIMIZE_SIZE__) && defined(__GNUC__) && !defined(__clang__) && !defined(__s390x__)
#define TELEC_PRAGMA(words) _Pragma(#words) /* one pragma: each undoes the one before */
#define TELEC_FAST                                                                                 \
    _Pragma("GCC push_options")                                                                    \
    TELEC_PRAGMA(GCC optimize("O2,tree-sra,jump-tables,inline-functions-called-once",              \
                              "expensive-optimizations,thread-jumps,caller-saves,tree-ch",         \
                              "tree-loop-im,move-loop-invariants,guess-branch-probability",        \
                              "if-conversion,shrink-wrap,tree-dominator-opts,tree-fre,tree-pre",   \
                              "early-inlining,ssa-phiopt,forward-propagate,tree-forwprop",         \
                              "tree-tail-merge"))
#define TELEC_SMALL _Pragma("GCC pop_options")
#define TELEC_ALIGNED __attribute__((aligned(32)))
#else
#define TELEC_ALIGNED
#define TELEC_FAST
#define TELEC_SMALL
#endif

/* ==== base ==================================================================================== */

#ifndef BUF_MIN
#define BUF_MIN 256 /* first allocation of a buf, in bytes */
#endif

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Items have `next` and `link`, the address of what points to them: LIST_PUSH's at, a list's head
 * or an item's next. The head must not move. LIST_REMOVE sets link NULL, and ignores a NULL one. */
#define LIST_PUSH(at, x)                                                                           \
    do {                                                                                           \
        (x)->link = (at);                                                                          \
        (x)->next = *(x)->link;                                                                    \
        if ((x)->next)                                                                             \
            (x)->next->link = &(x)->next;                                                          \
        *(x)->link = (x);                                                                          \
    } while (0)
#undef LIST_REMOVE /* <sys/queue.h>'s, where libc includes that */
#define LIST_REMOVE(x)                                                                             \
    do {                                                                                           \
        if ((x)->link) {                                                                           \
            *(x)->link = (x)->next;                                                                \
            if ((x)->next)                                                                         \
                (x)->next->link = (x)->link;                                                       \
            (x)->link = NULL;                                                                      \
        }                                                                                          \
    } while (0)

enum parse { PARSE_BAD = -1, PARSE_MORE = 0, PARSE_DONE = 1 };

/* Bytes of another object, valid until it changes. */
typedef struct span {
    const char *p;
    size_t n;
} span;

/* The only growable string; all zero is empty. Out of memory, the program ends: nothing grows
 * without a bound. */
typedef struct buf {
    char *p;
    size_t n, cap;
} buf;

/* Bytes that never change, of several owners. */
typedef struct blob {
    size_t refs;
    size_t n;
    char p[];
} blob;

#if defined(__GNUC__)
#define BASE_FORMAT(text, first) __attribute__((format(printf, text, first)))
#else
#define BASE_FORMAT(text, first)
#endif

static int base_write(int fd, span s);         /* 0, or -1 with errno */
static void base_die(const char *format, ...) BASE_FORMAT(1, 2);
/* Formats as snprintf, but no floating point. */
static size_t base_fmt(char *out, size_t size, const char *format, ...) BASE_FORMAT(3, 4);
static size_t base_vfmt(char *out, size_t size, const char *format, va_list args) BASE_FORMAT(3, 0);
static size_t base_copy(char *out, size_t size, const char *s); /* as base_fmt of "%s" */
/* As qsort, which takes 2 KB of musl; of items whose size is a multiple of 4. */
static void base_sort(void *items, size_t count, size_t size,
                      int (*compare)(const void *a, const void *b));
static void *base_alloc(size_t size);          /* zeroed; never NULL */
static void *base_grow(void *p, size_t size);  /* never NULL */
/* Returns the items with room for one more; *cap, which counts items, doubles. */
static void *base_room(void *items, int count, int *cap, size_t size);

static span span_of(const char *s);                /* NULL: empty */
static span span_sub(span s, size_t from);
static size_t span_total(const span *parts, size_t count);
static int span_eq(span s, const char *t);
static int span_starts_nocase(span s, span begin);
static int span_eq_nocase(span s, const char *t);  /* A-Z only */
static int span_starts(span s, const char *t);
static const char *span_find(span s, const char *t); /* or NULL */
static uint32_t span_hash(span s);
static span span_trim(span s, const char *set);
static span span_cut(span *rest, char at);         /* up to `at`; *rest becomes what follows it */
/* Reads [-]digits. Returns 1, or 0 for anything else or more. */
static int span_int(span s, long long *out);
static char *span_dup(span s);
static char *base_dup(const char *s);              /* NULL: empty */
static int span_is_one_of(const char *words, const char *word); /* of "one|two|three" */

static void buf_free(buf *b);
static void buf_clear(buf *b);                     /* keeps its memory */
static void buf_reserve(buf *b, size_t more);
static void buf_add(buf *b, const void *p, size_t n);
static void buf_byte(buf *b, char c);
static void buf_str(buf *b, const char *s);
static void buf_span(buf *b, span s);
static void buf_int(buf *b, long long v);
/* Leaves a NUL that n doesn't count; not for hot paths. */
static void buf_fmt(buf *b, const char *format, ...) BASE_FORMAT(2, 3);
static void buf_drop(buf *b, size_t n);            /* the first n bytes */
static span buf_view(const buf *b);                /* valid until b changes */
static const char *buf_cstr(buf *b);               /* adds a NUL that n doesn't count */

static blob *blob_new(span s);                     /* one reference */
static blob *blob_join(span head, const span *parts, size_t count);
static blob *blob_ref(blob *b);
static void blob_drop(blob *b);                    /* NULL is fine */

/* ==== utf8 ==================================================================================== */

struct utf8_state {
    unsigned char left;     /* continuation bytes still to come */
    unsigned char low, high; /* bounds of the next continuation byte */
};

/* Decodes the first code point of a non-empty s. Returns its bytes; 0: s ends inside a sequence. A
 * malformed one is U+FFFD, its bytes the longest valid prefix, at least 1. */
static size_t utf8_next(span s, uint32_t *cp);
/* A surrogate becomes U+FFFD. */
static size_t utf8_encode(uint32_t cp, char out[4]);
static enum parse utf8_check(struct utf8_state *st, span s);  /* MORE: s ends inside a sequence */
static int utf8_width(uint32_t cp); /* columns: 0 (combining), 1, 2; -1: a control character */
static int utf8_is_ambiguous(uint32_t cp); /* some terminals give it two columns */
static int utf8_is_emoji(uint32_t cp); /* it can start one; not ASCII, flags and skin tones */
static span utf8_tail(span s, long long chars);    /* the last chars */
static void utf8_put_clean(buf *b, span s);        /* malformed bytes become U+FFFD */
static int utf8_is_deceptive(uint32_t cp); /* a C1 or bidi control, a line separator */
/* Untrusted text: C0 as ^X, the deceptive and malformed as U+FFFD. */
static void utf8_put_visible(buf *b, span s);

/* ==== clock =================================================================================== */

static long long clock_mono_ms(void);
static long long clock_wall_ms(void);
static void clock_put_iso(buf *b, long long wall_ms); /* 2026-01-31T23:59:59.123+00:00 */
/* Takes a time without an offset as UTC. Returns 1, or 0 for no time. */
static int clock_parse_iso(span s, long long *wall_ms);
static void clock_put_age(buf *b, long long ms);   /* now, 5m, 3h, 2d */

/* ==== log ===================================================================================== */

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* fd < 0: no log. */
static void log_open(int fd, enum log_level most);
/* Before the log exceeds size_max bytes, it is renamed to PATH.1. Keeps path. */
static void log_limit(const char *path, size_t size_max);
/* Drops and counts lines while may_write returns 0. */
static void log_guard(int (*may_write)(void *ctx), void *ctx);
static void log_line(enum log_level level, const char *format, ...); /* control bytes visible */

/* ==== json ==================================================================================== */

#ifndef JSON_DEPTH
#define JSON_DEPTH 64 /* nested arrays and objects */
#endif

enum json_type {
    JSON_NONE, /* what json_get returns for an absent key */
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* A value in a text that json_parse accepted; a string has its quotes. All zero: JSON_NONE. */
struct json {
    span text;
};

/* for (struct json_iter it = json_iter(v); json_next(&it);) … it.value, it.key: in O(bytes); key
 * has its quotes. */
struct json_iter {
    const char *at, *end;
    int keyed;
    struct json key, value;
};

/* Checks that text is one value. MORE: it is blank, or ends inside the value. BAD: *why is the
 * reason, static, *at the offset; both may be NULL. */
static enum json_type json_type(struct json v);
static enum parse json_parse(span text, struct json *out, const char **why, size_t *at);
static int json_read(span text, struct json *out); /* 1; 0: not one value, *out is JSON_NONE */
static struct json_iter json_iter(struct json v);  /* empty unless v is an array or object */
static struct json_iter json_items(struct json v); /* empty unless v is an array */
static int json_next(struct json_iter *it);
/* As json_next if the next member's key is written as the n bytes of `key`, 4 or more, without a
 * blank around it; else 0. */
static int json_next_is(struct json_iter *it, const char *key, size_t n);
/* Steps over an array's objects without looking for their ends: the caller reads each one's members
 * by json_next, to the last. members: zeros before the first; empty for what is no object. */
static int json_next_object(struct json_iter *it, struct json_iter *members);
static struct json json_get(struct json object, const char *key); /* the last member of that name */
static int json_is(struct json object, const char *key, enum json_type type); /* that member */
/* A lone surrogate is U+FFFD. */
static void json_put_text(buf *b, struct json string);
/* Cut at U+0000; NULL unless it is a string. */
static char *json_dup_text(struct json string);
static int json_text_eq(struct json string, const char *s);
/* 0: a member's key isn't that name, by its first character. Spares most calls of json_text_eq. */
#define JSON_MAY_BE(key, name)                                                                     \
    ((key).text.n && (!*(name) || (key).text.p[1] == *(name) || (key).text.p[1] == '\\'))
/* As those three, of a member. */
static void json_put_member(buf *b, struct json object, const char *key);
static char *json_dup_member(struct json object, const char *key);
static int json_member_eq(struct json object, const char *key, const char *s);
/* 1: a string in it, or a key, has U+0000, which no C string holds. */
static int json_has_nul(struct json v);
/* Returns 1 for an integer that fits (also 1e3, 2.0), else 0. */
static int json_int(struct json number, long long *out);
/* Returns 0 and leaves *wall_ms for no time. */
static int json_time(struct json string, long long *wall_ms);

/* The writer puts a comma first unless b is empty or ends in [ { : , or a line feed. Malformed text
 * becomes U+FFFD. */
static void json_open(buf *b, char bracket);       /* '{' or '[' */
static void json_close(buf *b, char bracket);      /* '}' or ']' */
static void json_key(buf *b, const char *key);
static void json_put_string(buf *b, span s);
static void json_put_int(buf *b, long long v);
static void json_put_raw(buf *b, span json_text);
/* A key with its value; a NULL string is null. */
static void json_field_string(buf *b, const char *key, const char *s);
static void json_field_int(buf *b, const char *key, long long v);
static void json_field_bool(buf *b, const char *key, int v);
static void json_field_null(buf *b, const char *key);
static void json_field_open(buf *b, const char *key, char bracket);
static void json_field_span(buf *b, const char *key, span s);
/* count -1: up to NULL */
static void json_field_strings(buf *b, const char *key, char *const *strings, int count);
static void json_field_raw(buf *b, const char *key, span json_text);
static void json_field_time(buf *b, const char *key, long long wall_ms); /* as clock_put_iso */

/* ==== digest ================================================================================== */

#define SHA256_BYTES 32

static void sha1(span s, unsigned char out[20]);
static void sha256(span s, unsigned char out[SHA256_BYTES]);
static void hmac_sha256(span key, span text, unsigned char out[SHA256_BYTES]);
static void b64_put(buf *b, span s);
/* Returns 1, or 0 for what is not canonical padded base64. */
static int b64_decode(span s, buf *out);

#endif
