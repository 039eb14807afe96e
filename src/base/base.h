#ifndef TELEC_BASE_H
#define TELEC_BASE_H
#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700
#endif
#define _DEFAULT_SOURCE 1 /* glibc, musl: SIGWINCH, TIOCSWINSZ */
#define _DARWIN_C_SOURCE 1
#define __BSD_VISIBLE 1
#define _NETBSD_SOURCE 1

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
#if defined(__linux__)
#include <sys/epoll.h>
#include <sys/inotify.h>
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

#define TELEC_VERSION "0.1.0"

/* ==== base: buffers, spans, UTF-8 and column width, clock and ISO-8601, log ================== */

#ifndef BUF_MIN
#define BUF_MIN 256 /* first allocation of a buf, in bytes; tests shrink it */
#endif

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A list whose items have `next` and `link`, the pointer that points to them. LIST_PUSH inserts x
 * where at, the address of the list's head or of an item's next, points; the list's owner must not
 * move. LIST_REMOVE takes x out of its list and sets link NULL; it does nothing when link is NULL. */
#define LIST_PUSH(at, x)                                                                           \
    do {                                                                                           \
        (x)->link = (at);                                                                          \
        (x)->next = *(x)->link;                                                                    \
        if ((x)->next)                                                                             \
            (x)->next->link = &(x)->next;                                                          \
        *(x)->link = (x);                                                                          \
    } while (0)
#define LIST_REMOVE(x)                                                                             \
    do {                                                                                           \
        if ((x)->link) {                                                                           \
            *(x)->link = (x)->next;                                                                \
            if ((x)->next)                                                                         \
                (x)->next->link = (x)->link;                                                       \
            (x)->link = NULL;                                                                      \
        }                                                                                          \
    } while (0)

/* The three answers of every parser; "done" comes with how many bytes were used. */
enum parse { PARSE_BAD = -1, PARSE_MORE = 0, PARSE_DONE = 1 };

/* A run of bytes that somebody else owns; valid until its owner changes. p may be NULL when n is
 * 0. */
typedef struct span {
    const char *p;
    size_t n;
} span;

/* The only growable string. All zero is empty and ready; buf_free is safe twice. Running out of
 * memory ends the program with a message: nothing in telec grows without a bound. */
typedef struct buf {
    char *p;
    size_t n, cap;
} buf;

/* Bytes that never change and that several owners share; freed with the last of them. */
typedef struct blob {
    size_t refs;
    size_t n;
    char p[];
} blob;

/* Streaming UTF-8 check: all zero before the first byte. */
struct utf8_state {
    unsigned char left;     /* continuation bytes still due */
    unsigned char low, high; /* bounds of the next continuation byte */
};

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

static void base_die(const char *format, ...); /* "telec: …" on stderr, exit 1 */
static void *base_alloc(size_t size);          /* zeroed; never NULL */
static void *base_grow(void *p, size_t size);  /* realloc that never returns NULL */

static span span_of(const char *s);                /* of a C string; NULL gives the empty span */
static span span_sub(span s, size_t from);         /* from byte `from` to the end */
static size_t span_total(const span *parts, size_t count); /* bytes of all of them */
static int span_eq(span s, const char *t);         /* same bytes */
static int span_eq_nocase(span s, const char *t);  /* same but for the case of A-Z */
static int span_starts(span s, const char *t);
static span span_trim(span s, const char *set);    /* without bytes of set at both ends */
static span span_cut(span *rest, char at);         /* up to `at`; *rest becomes what follows it */
static int span_is_one_of(const char *words, const char *word); /* of "one|two|three" */
static int span_int(span s, long long *out);       /* 1: exactly [-]digits that fit; else 0 */
static char *span_dup(span s);                     /* a C string of it, to be freed; cut at a NUL */

static void buf_free(buf *b);
static void buf_clear(buf *b);                     /* empty, keeps its memory */
static void buf_reserve(buf *b, size_t more);      /* room for `more` bytes after n */
static void buf_add(buf *b, const void *p, size_t n);
static void buf_byte(buf *b, char c);
static void buf_str(buf *b, const char *s);
static void buf_span(buf *b, span s);
static void buf_int(buf *b, long long v);
static void buf_fmt(buf *b, const char *format, ...); /* printf; not for hot paths */
static void buf_drop(buf *b, size_t n);            /* removes the first n bytes */
static span buf_view(const buf *b);
static const char *buf_cstr(buf *b);               /* NUL-terminated, the NUL not counted in n */

static blob *blob_new(span s);                     /* one reference, the caller's */
/* the head and the parts, one after the other */
static blob *blob_join(span head, const span *parts, size_t count);
static blob *blob_ref(blob *b);
static void blob_drop(blob *b);                    /* NULL is fine */

/* The first code point of a non-empty s: its length in bytes, *cp its value. A malformed sequence
 * gives the length of its longest valid prefix (at least 1) and U+FFFD. 0: s ends inside a sequence
 * that is valid so far. (Unicode 3.9, table 3-7) */
static size_t utf8_next(span s, uint32_t *cp);
/* bytes written; surrogates give U+FFFD */
static size_t utf8_encode(uint32_t cp, char out[4]);
static enum parse utf8_check(struct utf8_state *st, span s);  /* MORE: ends inside a sequence */
/* columns: 0 combining, 1, 2; -1 a control character */
static int utf8_width(uint32_t cp);
static span utf8_tail(span s, long long chars);    /* the last `chars` characters */
static void utf8_put_clean(buf *b, span s);        /* valid UTF-8 of s: malformed bytes as U+FFFD */
/* Untrusted text made visible: C0 as ^X, C1, bidi controls and malformed bytes as U+FFFD. */
static void utf8_put_visible(buf *b, span s);

static long long clock_mono_ms(void);              /* milliseconds, never goes back */
static long long clock_wall_ms(void);              /* milliseconds since 1970 UTC */
static void clock_put_iso(buf *b, long long wall_ms); /* 2026-01-31T23:59:59.123+00:00 */
/* 1: an ISO-8601 time (no offset: UTC); else 0 */
static int clock_parse_iso(span s, long long *wall_ms);
static void clock_put_age(buf *b, long long ms);   /* how long ago, short: now, 5m, 3h, 2d */

/* fd < 0: no log; lines more detailed than most are dropped */
static void log_open(int fd, enum log_level most);
static void log_line(enum log_level level, const char *format, ...); /* control bytes are escaped */

/* ==== json: tokenizer over a span (RFC 8259), writer into a buffer =========================== */

#ifndef JSON_DEPTH
#define JSON_DEPTH 64 /* arrays and objects within each other */
#endif

enum json_type {
    JSON_NONE, /* no such member: what json_get gives for an absent key */
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* One value inside a text that json_parse accepted; text is the value's own bytes (a string's
 * quotes included), valid as long as the parsed text. */
struct json {
    enum json_type type;
    span text;
};

/* Walks the members of an object or the elements of an array: struct json_iter it = json_iter(v);
 * while (json_next(&it)) … it.key (raw, with quotes; empty in arrays), it.value. O(bytes) in
 * all. */
struct json_iter {
    const char *at, *end;
    struct json key, value;
};

/* Checks all of `text` as one RFC 8259 value with nothing but white space around it. DONE: *out is
 * the value. MORE: it ends inside a value that is valid so far (or is blank). BAD: *why says what
 * is wrong (a static text) and *at the offset. why and at may be NULL. Never allocates. */
static enum parse json_parse(span text, struct json *out, const char **why, size_t *at);
static struct json_iter json_iter(struct json v);  /* of anything but an array or object: empty */
static int json_next(struct json_iter *it);
static struct json json_get(struct json object, const char *key); /* the last member of that name */
/* a string's value as UTF-8; lone surrogates as U+FFFD */
static void json_put_text(buf *b, struct json string);
/* the same as a C string to be freed; NULL unless a string; cut at U+0000 */
static char *json_dup_text(struct json string);
static int json_text_eq(struct json string, const char *s); /* compares the decoded value */
/* 1: an integer that fits (1e3 and 2.0 count as one) */
static int json_int(struct json number, long long *out);
/* 1: a time as clock_parse_iso takes it; else *wall_ms is as before */
static int json_time(struct json string, long long *wall_ms);

/* Writer: appends to b and sets commas by itself (a comma unless b is empty or ends in [ { : , or a
 * line feed). Text that isn't UTF-8 gets U+FFFD. Keys are C strings. */
static void json_open(buf *b, char bracket);       /* '{' or '[' */
static void json_close(buf *b, char bracket);      /* '}' or ']' */
static void json_key(buf *b, const char *key);
static void json_put_string(buf *b, span s);
static void json_put_int(buf *b, long long v);
static void json_put_raw(buf *b, span json_text);  /* a value that is JSON already */
/* "key": value, in one call; a NULL string is null. */
static void json_field_string(buf *b, const char *key, const char *s);
static void json_field_int(buf *b, const char *key, long long v);
static void json_field_bool(buf *b, const char *key, int v);
static void json_field_null(buf *b, const char *key);
static void json_field_time(buf *b, const char *key, long long wall_ms); /* as clock_put_iso */

/* ==== digest: SHA-1 (RFC 3174), base64 (RFC 4648 section 4) ================================== */

static void sha1(span s, unsigned char out[20]);
static void b64_put(buf *b, span s);
/* appends; 1, or 0 when s is not canonical padded base64 */
static int b64_decode(span s, buf *out);

#endif
