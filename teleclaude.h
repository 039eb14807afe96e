/* teleclaude.h - the map of telec: the libc headers, then one section per part, lowest first.
 * A section names everything that parts below it in the table may call. tests/layers.sh compiles
 * each part against this file cut off after its section, so nothing can call upwards. */
#ifndef TELECLAUDE_H
#define TELECLAUDE_H

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
static void base_random(void *out, size_t n);  /* from the system's generator */
/* a random UUID (RFC 9562 version 4), NUL-terminated */
static void base_uuid(char out[37]);

static span span_of(const char *s);                /* of a C string; NULL gives the empty span */
static span span_sub(span s, size_t from);         /* from byte `from` to the end */
static size_t span_total(const span *parts, size_t count); /* bytes of all of them */
static int span_eq(span s, const char *t);         /* same bytes */
static int span_eq_nocase(span s, const char *t);  /* same but for the case of A-Z */
static int span_starts(span s, const char *t);
static span span_trim(span s, const char *set);    /* without bytes of set at both ends */
static span span_cut(span *rest, char at);         /* up to `at`; *rest becomes what follows it */
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
/* appends; 0, or -1 and errno (EFBIG past most) */
static int buf_read_file(buf *b, const char *path, size_t most);

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

/* ==== http: HTTP/1.1 messages, both roles (RFC 9110, RFC 9112) =============================== */

#ifndef HTTP_HEAD_MAX
#define HTTP_HEAD_MAX (32 * 1024)   /* request line and headers, in bytes */
#endif
#define HTTP_HEADERS_MAX 100
#ifndef HTTP_BODY_MAX
#define HTTP_BODY_MAX (1024 * 1024) /* a request's body, in bytes, after chunked decoding */
#endif
#define HTTP_CHUNK_LINE_MAX 256     /* a chunk's size line with its extension */

struct http_header {
    span name, value; /* value without white space around it */
};

/* A parsed message head. All spans point into the parsed bytes (a path that the target lacks: a
 * static "/"). */
struct http_head {
    span method, target;      /* request */
    span path, query;         /* of the target, still percent-encoded; query without its '?' */
    int status;               /* response */
    int minor;                /* HTTP/1.minor */
    struct http_header headers[HTTP_HEADERS_MAX];
    int header_count;
    int chunked;              /* the body is chunked */
    long long content_length; /* -1: none given */
    int keep_alive;           /* what version and Connection say */
    int expect_continue;      /* Expect: 100-continue */
    int upgrade_websocket;    /* Connection: upgrade with Upgrade: websocket */
    /* When PARSE_BAD: what to answer (400, 413, 417, 431, 501, 505) and why, as a static text. */
    int error_status;
    const char *error;
};

/* Where a head ends is searched once per byte, however it trickles in: scanned survives between
 * calls. */
struct http_scan {
    size_t scanned;
};

/* How the body of a message is framed, and what of it is still due. */
struct http_body {
    enum http_body_state {
        HTTP_BODY_DONE,
        HTTP_BODY_LENGTH,     /* `left` bytes to come */
        HTTP_BODY_CHUNK_SIZE, /* a size line to come */
        HTTP_BODY_CHUNK_DATA,
        HTTP_BODY_CHUNK_END,  /* the CRLF behind a chunk's data */
        /* at the start of a trailer line, or of the empty line that ends all */
        HTTP_BODY_TRAILER,
        HTTP_BODY_TRAILER_NAME,
        HTTP_BODY_TRAILER_VALUE,
        HTTP_BODY_UNTIL_CLOSE /* response without a length */
    } state;
    long long left;
    long long total;          /* body bytes given out so far */
    /* bound of total: HTTP_BODY_MAX in a request, none in a response unless set */
    long long most;
    size_t trailer;           /* bytes of trailer seen, bounded by HTTP_HEAD_MAX */
    int error_status;         /* when PARSE_BAD: 400 or 413 */
    const char *error;
};

/* A request head at the start of `in` (up to 8 empty lines before it are skipped, RFC 9112 2.2).
 * DONE: *used bytes, *head filled. BAD: head->error_status and head->error. Strict: CRLF only, no
 * obs-fold, no white space before a colon, token and field characters checked, exactly one Host in
 * HTTP/1.1, one framing. */
static enum parse http_parse_request(struct http_scan *scan, span in, size_t *used,
                                     struct http_head *head);
/* A response head, likewise; `error` says why it is BAD. */
static enum parse http_parse_response(struct http_scan *scan, span in, size_t *used,
                                      struct http_head *head);
/* Prepares for the body that follows head. to_method: the request's method when head is a response
 * to it (HEAD, 1xx, 204, 304 have none), NULL when head is a request. */
static void http_body_init(struct http_body *body, const struct http_head *head,
                           const char *to_method);
/* Takes body bytes from `in`: *used bytes of it are done with, *data is a run of body content among
 * them (may be empty). DONE: the body is complete (bytes after *used belong to the next message).
 * MORE: call again with what follows *used; when *used is 0, with more bytes. BAD: body->error. */
static enum parse http_body_feed(struct http_body *body, span in, size_t *used, span *data);
/* first of that name; p NULL when absent */
static span http_header(const struct http_head *head, const char *name);
/* Is `token` one of the comma-separated tokens of any header of that name (without regard to
 * case)? */
static int http_has_token(const struct http_head *head, const char *name, const char *token);
/* Percent-decoding of a path segment or query value ('+' stays unless plus is 1). 1, or 0 when a %
 * is not followed by two hex digits or decodes to NUL. */
static int http_decode(span s, int plus, buf *out);
/* Value of a query parameter, decoded into out. 1 found, 0 absent, -1 badly encoded. */
static int http_query(span query, const char *name, buf *out);
static void http_put_encoded(buf *b, span s);      /* everything but unreserved characters as %XX */
static const char *http_reason(int status);        /* "Not Found"; "Unknown" for others */
/* A response head with Server, Date-free, Content-Length `length` and Connection: close when asked
 * (no Content-Length when status is 1xx or 204); type may be NULL, extra is further header lines
 * with their CRLF, or NULL. Ends with the empty line. */
static void http_put_response(buf *b, int status, const char *type, size_t length, int close,
                              const char *extra);
/* A request head for a Unix socket (Host: localhost); length < 0: no body. */
static void http_put_request(buf *b, const char *method, const char *target, long long length,
                             const char *extra);

/* ==== ws: WebSocket frames and handshake, both roles (RFC 6455) ============================== */

#ifndef WS_MESSAGE_MAX
#define WS_MESSAGE_MAX (1024 * 1024) /* a message that we take as the server, in bytes */
#endif
#define WS_HEAD_MAX 14

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10
};
enum ws_role { WS_SERVER, WS_CLIENT };

/* One side of a connection after the handshake. Set role and message_max (bytes a message may
 * have); the rest all zero. ws_free when done. */
struct ws {
    enum ws_role role;
    size_t message_max;
    int close_sent, close_received; /* a close frame went out (the caller sets it) / came in */
    enum ws_opcode opcode;  /* of the fragmented message under way; 0 when none */
    buf message;            /* its payload so far */
    struct utf8_state utf8;
};

/* What ws_feed found. payload is valid until the next call or until `in` changes. */
struct ws_event {
    enum ws_opcode opcode;  /* TEXT or BINARY: a whole message. PING, PONG, CLOSE: its payload */
    span payload;           /* for CLOSE: the reason, without the code */
    /* CLOSE: the peer's close code, 1005 when it gave none. BAD: the code to close with */
    int code;
    const char *error;      /* BAD: why, a static text */
};

/* Reads frames at the start of `in`, unmasking in place. DONE: *ev is an event, *used bytes are
 * done with. MORE: *used bytes (fragments) are done with, more are needed. BAD: ev->code (1002,
 * 1007, 1009) is to be sent and the connection closed. Checks: reserved bits, opcodes, minimal
 * lengths, masking as the role demands, control frames (unfragmented, at most 125 bytes), fragment
 * order, UTF-8 across fragments, close codes (RFC 6455 7.4). */
static enum parse ws_feed(struct ws *ws, char *in, size_t n, size_t *used, struct ws_event *ev);
static void ws_free(struct ws *ws);
/* A whole frame. As the client the payload is masked with a fresh random key. */
static void ws_put_frame(buf *b, enum ws_role role, enum ws_opcode opcode, span payload);
/* A server frame's head for a payload of n bytes that is sent from elsewhere; bytes written. */
static size_t ws_frame_head(unsigned char out[WS_HEAD_MAX], enum ws_opcode opcode, uint64_t n);
/* reason is cut to 123 bytes; 1005: an empty frame */
static void ws_put_close(buf *b, enum ws_role role, int code, const char *reason);
/* The server's side of the handshake (RFC 6455 4.2): appends the whole answer to a GET with
 * upgrade_websocket: 101, or 400, or 426 with Sec-WebSocket-Version: 13. Returns the status; what
 * is not 101 says Connection: close. */
static int ws_put_handshake(buf *b, const struct http_head *request);
static void ws_put_key(buf *b);                    /* a fresh Sec-WebSocket-Key */
/* The client's side (4.1): request for target with `key`, and the check of the answer: 1 accepted,
 * else 0 with *why. */
static void ws_put_upgrade(buf *b, const char *target, const char *key);
static int ws_check_upgrade(const struct http_head *response, const char *key, const char **why);

/* ==== resp: Redis protocol: replies of RESP2 and RESP3, commands ============================= */

#ifndef RESP_DEPTH
#define RESP_DEPTH 16                     /* aggregates within each other, attributes included */
#endif
#ifndef RESP_LINE_MAX
#define RESP_LINE_MAX (16 * 1024)         /* a simple string or error, in bytes */
#endif
#ifndef RESP_BULK_MAX
#define RESP_BULK_MAX (16 * 1024 * 1024)  /* one bulk string, in bytes */
#endif
#ifndef RESP_COUNT_MAX
#define RESP_COUNT_MAX (1024 * 1024)      /* elements of a whole reply, those of elements too */
#endif
#ifndef RESP_REPLY_MAX
#define RESP_REPLY_MAX (64 * 1024 * 1024) /* a whole reply, in bytes */
#endif

enum resp_type {
    RESP_NONE,    /* no reply: what an iterator gives past the end */
    RESP_NULL,    /* of either protocol: _, $-1, *-1 */
    RESP_TEXT,    /* simple, bulk or verbatim string (without its format), big number: text */
    RESP_ERROR,   /* simple or bulk: text, without the '-' */
    RESP_INTEGER, /* integer */
    RESP_DOUBLE,  /* text */
    RESP_BOOL,    /* integer: 0 or 1 */
    RESP_ARRAY,   /* a set, too */
    RESP_MAP,     /* its elements are key, value, key, value … */
    RESP_PUSH     /* out of band; only as a whole reply */
};

/* One value of a reply that resp_parse accepted; spans point into the parsed bytes. */
struct resp {
    enum resp_type type;
    span text;
    long long integer;
    size_t count;           /* elements (a map: keys and values); 0 unless an aggregate */
    span items;             /* their bytes */
};

/* How far a reply was read, however it trickles in: each byte is looked at once. All zero before
 * each reply; resp_parse leaves it so when it is DONE. */
struct resp_scan {
    size_t at;              /* bytes of it that are read */
    size_t searched;        /* offset up to which no line end was found */
    size_t need;            /* bytes without which there is nothing new to find */
    size_t count;           /* elements announced so far */
    int depth;
    size_t left[RESP_DEPTH]; /* elements due, outermost first */
    const char *error;      /* when BAD: why, a static text */
};

/* Walks the elements of an aggregate: struct resp_iter it = resp_iter(&reply); while
 * (resp_next(&it, &v)) … */
struct resp_iter {
    const char *at, *end;
    int map;                /* it was a map */
};

/* A reply at the start of `in` (the bytes of the last call and more behind them). DONE: *used
 * bytes, *out is it. MORE: it ends inside a reply that is valid so far. BAD: scan->error; streamed
 * aggregates and strings are refused. Attributes are passed over. Never allocates. */
static enum parse resp_parse(struct resp_scan *scan, span in, size_t *used, struct resp *out);
static struct resp_iter resp_iter(const struct resp *v);  /* of anything but an aggregate: empty */
/* 1: *out is the next element; 0: none is left, *out is RESP_NONE */
static int resp_next(struct resp_iter *it, struct resp *out);
/* The next two elements of a map, or of an array that stands for one: key, value, key, value …
 * (HGETALL, a stream entry's fields) or pairs [key, value] (XREAD in RESP2). 1, or 0: none is
 * left. */
static int resp_next_pair(struct resp_iter *it, struct resp *key, struct resp *value);
static int resp_is_error(const struct resp *v, const char *code); /* its first word is `code` */

/* A command is its head and exactly that many arguments, the name included. */
static void resp_put_command(buf *b, size_t args);
static void resp_put_arg(buf *b, span s);
static void resp_put_int(buf *b, long long v);
/* A whole command of C strings; the last one is followed by NULL. */
static void resp_put_strings(buf *b, const char *const *args);

/* ==== cell: what one place of a terminal screen shows; graphemes, styles as SGR ============== */

#ifndef CELL_CLUSTERS_MAX
#define CELL_CLUSTERS_MAX 4096 /* distinct graphemes of several code points a pool remembers */
#endif
/* bytes of one grapheme and its length; what goes past that is left out */
#define CELL_TEXT_MAX 40

enum cell_attr {
    CELL_BOLD = 1,
    CELL_DIM = 2,
    CELL_ITALIC = 4,
    CELL_BLINK = 8,
    CELL_REVERSE = 16,
    CELL_HIDDEN = 32,
    CELL_STRIKE = 64,
    CELL_OVERLINE = 128,
    CELL_UNDERLINE = 7 << 8, /* a field: 0 none, 1 single, 2 double, 3 curly, 4 dotted, 5 dashed */
    CELL_WIDE = 1 << 11,     /* the left half of a character two columns wide */
    CELL_TAIL = 1 << 12      /* its right half; rune is 0 */
};
#define CELL_UNDERLINE_SHIFT 8
#define CELL_STYLE_MASK 0x7ff  /* the attributes that SGR sets, without WIDE and TAIL */

/* Colours: 0 is the terminal's default; CELL_INDEXED | 0…255 the palette; CELL_RGB | 0xrrggbb. */
#define CELL_INDEXED (1u << 24)
#define CELL_RGB (2u << 24)
#define CELL_CLUSTER (1u << 31) /* a rune with this bit is an entry of the screen's cell_pool */

struct cell_style {
    uint32_t fg, bg;
    uint16_t attr;
};

struct cell {
    uint32_t rune;           /* code point, CELL_CLUSTER | entry, or 0 for a blank */
    uint32_t fg, bg;
    uint16_t attr;
    uint16_t extra;          /* for the owner of the grid; 0 otherwise */
};

/* Remembers graphemes of several code points so that a cell stays 16 bytes. All zero is empty. Past
 * CELL_CLUSTERS_MAX entries a new grapheme is shown by its first code point alone. */
struct cell_pool {
    char (*text)[CELL_TEXT_MAX]; /* entries: a length byte, then the bytes */
    uint32_t count, cap;
    uint32_t *index;             /* hash index, 0 empty, else entry + 1 */
    uint32_t index_cap;
};

/* The next grapheme of a non-empty s (a base with its combining marks, VS16, ZWJ sequences, flags,
 * Hangul): its bytes, and its width in columns: 0 (a lone mark), 1 or 2. Malformed bytes are one
 * column each (U+FFFD). Control characters have width 1 and length 1: the caller makes them visible
 * first. */
static size_t cell_next_grapheme(span s, int *width);
static int cell_columns(span s);                   /* columns of clean text */
/* bytes of the longest prefix of at most `columns` */
static size_t cell_fit(span s, int columns, int *used);
/* Does cp join the grapheme that `rune` (a cell's) shows, instead of starting a cell of its own? */
static int cell_joins(const struct cell_pool *pool, uint32_t rune, uint32_t cp);
/* its columns: 0, 1 or 2; VS16 can make 1 into 2 */
static int cell_width(const struct cell_pool *pool, uint32_t rune);
/* the rune with cp appended */
static uint32_t cell_append(struct cell_pool *pool, uint32_t rune, uint32_t cp);
/* the rune of a whole grapheme */
static uint32_t cell_rune(struct cell_pool *pool, span grapheme);
/* UTF-8; a blank is ' ' */
static size_t cell_text(const struct cell_pool *pool, uint32_t rune, char out[CELL_TEXT_MAX]);
static void cell_pool_free(struct cell_pool *pool);

enum cell_depth { CELL_MONO, CELL_16, CELL_256, CELL_TRUE }; /* colours a terminal can show */
/* Appends the shortest SGR sequence that turns style `from` into `to` (nothing when they look the
 * same at that depth); colours the depth lacks become the nearest it has, and below CELL_256 every
 * underline is a single one. */
static void cell_put_sgr(buf *b, struct cell_style from, struct cell_style to,
                         enum cell_depth depth);
static int cell_style_eq(struct cell_style a, struct cell_style b);

/* ==== vt: terminal emulator: bytes in, grid of cells out; snapshot as bytes ================== */

#ifndef VT_SCROLL_LINES
#define VT_SCROLL_LINES 1000          /* lines of scrollback */
#endif
#ifndef VT_SCROLL_BYTES
#define VT_SCROLL_BYTES (512 * 1024)  /* and the bytes they may take */
#endif
#define VT_COLS_MAX 1000
#define VT_ROWS_MAX 500
#define VT_PARAMS_MAX 32              /* parameters of one sequence, sub-parameters included */
#define VT_STRING_MAX 4096            /* bytes kept of an OSC string; the rest is swallowed */

/* Modes as one bit set; what a viewer's terminal must be told, and what input must look like. */
enum vt_mode {
    VT_APP_CURSOR = 1 << 0,
    VT_APP_KEYPAD = 1 << 1,
    VT_BRACKETED_PASTE = 1 << 2,
    VT_FOCUS = 1 << 3,
    VT_MOUSE_X10 = 1 << 4,
    VT_MOUSE_NORMAL = 1 << 5,
    VT_MOUSE_BUTTON = 1 << 6,
    VT_MOUSE_ANY = 1 << 7,
    VT_MOUSE_UTF8 = 1 << 8,
    VT_MOUSE_SGR = 1 << 9,
    VT_MOUSE_URXVT = 1 << 10,
    VT_CURSOR_HIDDEN = 1 << 11,
    VT_REVERSE_VIDEO = 1 << 12,
    VT_ORIGIN = 1 << 13,
    VT_NO_WRAP = 1 << 14,
    VT_INSERT = 1 << 15,
    VT_NEWLINE = 1 << 16,
    VT_SYNC = 1 << 17,
    VT_ALT_SCREEN = 1 << 18,
    VT_CURSOR_BLINK = 1 << 19,
    VT_MOUSE_ALT_SCROLL = 1 << 20
};

/* Things a program said that are not cells; collected until vt_take_signals. */
enum vt_signal {
    VT_BELL = 1,
    VT_NOTIFIED = 2,
    VT_TITLE_CHANGED = 4,
    VT_DIRECTORY_CHANGED = 8,
    VT_CLIPBOARD = 16
};

struct vt; /* opaque: its fields are in src/vt.c */

static struct vt *vt_new(int cols, int rows);      /* clamped to 1…VT_COLS_MAX, 1…VT_ROWS_MAX */
static void vt_free(struct vt *vt);                /* NULL is fine */
static void vt_feed(struct vt *vt, span bytes);    /* O(bytes); splits anywhere */
/* reflows wrapped lines of the primary screen */
static void vt_resize(struct vt *vt, int cols, int rows);
static int vt_cols(const struct vt *vt);
static int vt_rows(const struct vt *vt);
static unsigned vt_modes(const struct vt *vt);     /* set of enum vt_mode */
static int vt_cursor_shape(const struct vt *vt);   /* DECSCUSR: 0 default … 6 */
/* from 0; col < cols even when wrap is pending */
static void vt_cursor(const struct vt *vt, int *row, int *col);
static span vt_title(const struct vt *vt);         /* clean UTF-8, at most 256 bytes */
static span vt_directory(const struct vt *vt);     /* OSC 7's path, percent-decoded, clean UTF-8 */
static span vt_notification(const struct vt *vt);  /* text of the last OSC 9, 99 or 777 */
/* What the program wants on the clipboard (OSC 52, behind its number, at most VT_STRING_MAX bytes):
 * for the caller to pass on or not. */
static span vt_clipboard(const struct vt *vt);
static unsigned vt_take_signals(struct vt *vt);    /* set of enum vt_signal since the last call */
/* Answers to device queries that the program asked (DA, DSR, CPR, DECRQM, XTVERSION, …), taken out
 * of the emulator into b. The caller sends them or drops them. */
static void vt_take_answers(struct vt *vt, buf *b);
/* cols cells; row < 0 is scrollback, -1 its newest line, valid until the next call with a row < 0
 * or that changes the emulator; a row of the screen is valid until the emulator changes */
static const struct cell *vt_row(const struct vt *vt, int row);
static int vt_scroll_count(const struct vt *vt);   /* lines of scrollback */
static const struct cell_pool *vt_pool(const struct vt *vt);
/* Bytes that, fed to a fresh emulator of this size, give the same grid, cursor, modes, title and
 * scrollback (scrollback only when asked). They begin with a reset of everything, so a used
 * emulator or a real terminal of that size comes to show the same; they end with the start of a
 * sequence that vt_feed has only part of, so the live stream can follow at any point. */
static void vt_put_snapshot(const struct vt *vt, buf *b, int scrollback);
/* Plain text of scrollback and screen, wrapped lines joined, trailing blanks and blank lines at the
 * end left out, '\n' after each line. */
static void vt_put_text(const struct vt *vt, buf *b, int scrollback);
/* Plain text of one row (as vt_row counts them), without blanks at its end. */
static void vt_put_row(const struct vt *vt, buf *b, int row);
/* The last line of text at or above the cursor that isn't blank (wrapped rows joined), at most
 * `most` characters of it; nothing when there is none. */
static void vt_put_last_line(const struct vt *vt, buf *b, int most);

/* ==== cache: sessions and who wants to hear of them ========================================== */

#ifndef CACHE_UPDATE_MS
/* at most one update of a session in this time; the last one always comes */
#define CACHE_UPDATE_MS 100
#endif

enum cache_topic { CACHE_SESSIONS = 1, CACHE_PREPARATION = 2 };
#define CACHE_TOPICS 2

/* One session object: `json`. */
struct cache_session {
    /* what every change needs, close together */
    buf json;
    long long sent_at;      /* when its last event went out */
    struct cache_session **dirty, *next_dirty; /* its update waits; dirty NULL: it does not */
    int announced;
    char *id, *computer;
    size_t place;           /* in cache.sessions */
    void *local;            /* the session itself, when it is one of this computer */
    struct cache_session *next_same; /* in its hash bucket */
    /* for part peers: of another computer's, what its state is as old as, and in which list it was
     * last; of this one's: it is still to be sent to others */
    long long activity, listed;
    unsigned long long order[2];
    int held;
};

struct cache_subscriber {
    struct cache_subscriber *next, **link; /* link NULL: not in the list */
    unsigned topics;        /* set of enum cache_topic */
    void (*send)(void *ctx, blob *frame);
    void *ctx;
};

struct cache {
    struct cache_session **sessions; /* in the order they came; NULL where one was removed */
    size_t places, cap;     /* used and allocated places of sessions */
    size_t count;           /* sessions that are there */
    struct cache_session **buckets; /* hash of id; as many as cap */
    struct cache_session *dirty_first, **dirty_last;
    struct cache_subscriber *subscribers;
    blob *list;             /* "[…]" of all sessions, NULL when one has changed since */
    /* makes the bytes that go to every subscriber of an event's JSON text, given in parts */
    blob *(*encode)(const span *parts, size_t count);
    long long events_sent, events_coalesced;
    unsigned interest;      /* topics that somebody is subscribed to */
    int wanting[CACHE_TOPICS]; /* subscribers of each */
    /* the interest has changed; may be NULL. No subscribing from within. */
    void (*on_interest)(void *ctx, unsigned topics);
    void *interest_ctx;
    /* a session's event is due, whoever is subscribed, or it is about to be removed; may be NULL */
    void (*on_session)(void *ctx, struct cache_session *s, int removed);
    void *session_ctx;
};

static void cache_init(struct cache *c, blob *(*encode)(const span *parts, size_t count));
static void cache_free(struct cache *c);
static struct cache_session *cache_find(const struct cache *c, const char *id); /* NULL: unknown */
/* Adds a session or replaces its object (JSON text, given in parts) and sends the event, at once or
 * when its time has come. */
static struct cache_session *cache_put(struct cache *c, const char *id, const char *computer,
                                       const span *parts, size_t count, long long now);
/* the same of a session that is there */
static void cache_update(struct cache *c, struct cache_session *s, const span *parts, size_t count,
                         long long now);
/* with session_removed; unknown ids are nothing */
static void cache_remove(struct cache *c, const char *id);
/* Sends the updates whose time has come. When to call again, or -1: nothing is waiting. */
static long long cache_flush(struct cache *c, long long now);
/* The JSON array of all sessions, valid until the next cache_put or cache_remove, or longer by
 * blob_ref. */
static blob *cache_list(struct cache *c);
/* of one computer's */
static void cache_put_list(const struct cache *c, const char *computer, buf *b);
/* Sets a subscriber's topics; 0 takes it out. */
static void cache_subscribe(struct cache *c, struct cache_subscriber *s, unsigned topics);
/* an event of any other kind */
static void cache_publish(struct cache *c, unsigned topics, span event_json);

/* ==== roadmap: a project's roadmap.md and state.json files into todos ======================== */

#ifndef ROADMAP_FILE_MAX
#define ROADMAP_FILE_MAX (256 * 1024)   /* bytes read of roadmap.md */
#endif
#define ROADMAP_STATE_MAX (64 * 1024)   /* a larger state.json says nothing */
#ifndef ROADMAP_TODOS_MAX
#define ROADMAP_TODOS_MAX 500           /* todos of a project; further ones are left out */
#endif
#define ROADMAP_SLUG_MAX 200            /* bytes; a line with a longer one is no todo */
#define ROADMAP_WORD_MAX 200            /* bytes of a state in state.json, as JSON */
#define ROADMAP_DESCRIPTION_MAX 4000    /* bytes; what would go past that is left out */

/* Walks the todos of a roadmap: struct roadmap_iter it = roadmap_iter(text);
 * while (roadmap_next(&it)) … it.mark, it.slug, it.lines. The spans point into text. */
struct roadmap_iter {
    span rest;
    int count;              /* todos given so far */
    char mark;              /* ' ', '.' or '>' */
    span slug;
    span lines;             /* the lines of its description, as they stand */
};

static struct roadmap_iter roadmap_iter(span text);
static int roadmap_next(struct roadmap_iter *it);
/* The lines as one, without the white space around each. */
static void roadmap_put_description(span lines, buf *b);
/* Can it be an entry of todos/ and nothing else? */
static int roadmap_slug_is_plain(span slug);
/* Replaces text by the project's roadmap; empty when there is none. project: a directory's path. */
static void roadmap_read(const char *project, buf *text);
/* Appends the JSON array of the todos of `text`, the project's roadmap, with what its files say. */
static void roadmap_put_todos(const char *project, span text, buf *out);

/* ==== loop: the one poll() table: fds, timers, signals, child exits; queued connections ====== */

#ifndef CONN_READ_MAX
#define CONN_READ_MAX (64 * 1024) /* bytes taken from one descriptor in one pass */
#endif
/* the same from a pty: it fills up again while this much is emulated */
#define CONN_READ_GREEDY (CONN_READ_MAX / 4)
/* pieces a connection queues without an allocation; a power of two */
#define CONN_FEW 4
#define LOOP_SIGNALS 65           /* signal numbers are below this */

/* A descriptor on the loop, embedded in its owner. on_event gets poll's revents; it may unwatch and
 * free anything but a struct loop_fd whose own pass is still running (use a task for that). */
struct loop_fd {
    int fd;
    int slot;               /* index in the poll table + 1; 0: not watched; -1: in the crowd */
    void (*on_event)(void *ctx, short revents);
    void *ctx;
};

/* A one-shot timer, embedded in its owner. */
struct loop_timer {
    long long due;          /* on clock_mono_ms */
    int slot;               /* index in the heap + 1; 0: not set */
    void (*fn)(void *ctx);
    void *ctx;
};

/* Work for the end of the pass, in the order it was put off; putting off twice is once. */
struct loop_task {
    struct loop_task *next;
    int queued;
    void (*fn)(void *ctx);
    void *ctx;
};

struct loop_child {
    struct loop_child *next;
    pid_t pid;
    void (*fn)(void *ctx, int status); /* waitpid's status */
    void *ctx;
};

struct loop {
    struct pollfd *polls;
    struct loop_fd **fds;   /* fds[i] owns polls[i]; NULL: unwatched in this pass */
    int count, cap, holes;
    struct loop_fd crowd;   /* one descriptor for many, see loop_crowd; fd -1: none */
    struct loop_timer **timers; /* binary heap, earliest first */
    int timer_count, timer_cap;
    struct loop_task *task_first, **task_last;
    long long now;          /* clock_mono_ms of this pass */
    buf spare;              /* lent to the connection that is reading */
    struct loop_child *children;
    struct loop_fd signal_fd;
    void (*on_signal[LOOP_SIGNALS])(void *ctx, int signo);
    void *signal_ctx[LOOP_SIGNALS];
};

static void loop_init(struct loop *l);
static void loop_free(struct loop *l);
static void loop_once(struct loop *l);             /* waits for the next events and handles them */
/* From now on descriptors are watched as a crowd, where the system can: poll() then sees one for
 * all of them, and a pass costs what is ready, not what is there. */
static void loop_expect_crowd(struct loop *l);
/* Registers f->fd, or changes what it waits for (POLLIN, POLLOUT, or 0: only hang-up). */
static void loop_watch(struct loop *l, struct loop_fd *f, short events);
static void loop_unwatch(struct loop *l, struct loop_fd *f);
static void loop_timer_set(struct loop *l, struct loop_timer *t, long long due);
static void loop_timer_stop(struct loop *l, struct loop_timer *t);
static void loop_defer(struct loop *l, struct loop_task *task);
/* O(tasks); before its memory goes */
static void loop_cancel(struct loop *l, struct loop_task *task);
static void loop_on_signal(struct loop *l, int signo, void (*fn)(void *ctx, int signo), void *ctx);
/* calls child->fn once, then forgets it */
static void loop_on_exit(struct loop *l, struct loop_child *child);
/* fn is not called any more; the caller waits for the process */
static void loop_forget_child(struct loop *l, struct loop_child *child);

/* A piece of a connection's output: bytes at…end of a shared blob. */
struct conn_piece {
    blob *bytes;
    size_t at, end;
    int first;              /* first piece of a message */
};

struct conn;
struct conn_hooks {
    void (*on_data)(void *ctx);    /* conn_view has grown, or conn->eof was set */
    void (*on_drained)(void *ctx); /* everything queued was written or dropped; may be NULL */
    /* the last call: free everything, the conn by conn_free too */
    void (*on_closed)(void *ctx, const char *why);
};

/* A stream socket (or pty) on the loop. Output is queued and written at the end of the pass, many
 * messages in one write; input owns memory only while some of it is not taken. Set hooks and ctx,
 * then conn_open. There are thousands, and an event finds all of one outside the cache: what every
 * message needs comes first. */
struct conn {
    struct loop *loop;
    struct loop_fd io;
    const struct conn_hooks *hooks;
    void *ctx;
    unsigned char is_socket; /* not a terminal or a pipe */
    unsigned char eof;      /* the peer sends no more */
    unsigned char paused;   /* not reading */
    unsigned char greedy;   /* read until nothing is left: a pty gives 4 KiB at a time */
    unsigned char stuck;    /* waiting for the descriptor to take more */
    unsigned char takes_fd; /* a descriptor may come with the input: see conn_take_fd */
    unsigned char finishing; /* close when drained */
    unsigned char dead;
    buf in;
    size_t taken;           /* bytes of in that are done with */
    struct conn_piece *out; /* ring of out_cap pieces, a power of two; starts as `few` */
    size_t out_head, out_count, out_cap;
    size_t queued;          /* bytes not written yet */
    struct loop_task flush;
    struct conn_piece few[CONN_FEW];
    struct loop_task bury;
    const char *why;        /* why it died; NULL: an orderly end */
    int passed;             /* the descriptor that came last, plus 1; 0: none */
};

/* fd becomes non-blocking and the conn's own */
static void conn_open(struct conn *c, struct loop *l, int fd);
static span conn_view(const struct conn *c);       /* input not taken yet */
static char *conn_bytes(struct conn *c);           /* the same, to be changed in place */
static void conn_take(struct conn *c, size_t n);
static void conn_pause(struct conn *c, int paused);
/* queues a copy, a message of its own; a dead conn ignores it */
static void conn_send(struct conn *c, span s);
/* the same without waiting for the end of the pass; a copy only of what cannot be written now */
static void conn_send_now(struct conn *c, span s);
/* The same with a copy of a descriptor for a peer that takes one, when nothing is queued. 0, or -1:
 * nothing was sent. */
static int conn_send_fd(struct conn *c, span s, int fd);
/* The descriptor that came with the input, now the caller's; -1: none did. */
static int conn_take_fd(struct conn *c);
/* queues a reference */
static void conn_send_blob(struct conn *c, blob *b, size_t at, size_t end, int first);
/* forgets queued messages of which nothing was written yet */
static void conn_drop_unsent(struct conn *c);
static void conn_flush(struct conn *c);            /* writes what is queued now, if it can */
static void conn_finish(struct conn *c);           /* writes what is queued, then closes */
/* at once; on_closed comes at the end of the pass */
static void conn_close(struct conn *c, const char *why);
static void conn_free(struct conn *c);             /* memory only; from on_closed */

/* 0600 Unix socket; fd or -1 */
static int conn_listen(const char *path, char *error, size_t error_size);
static int conn_connect(const char *path);         /* non-blocking fd, or -1 and errno */
static int conn_peer_is_me(int fd);                /* the process at the other end has my user id */
static int conn_close_on_exec(int fd);             /* gives fd back */

/* ==== config: paths, the config file, defaults =============================================== */

#define CONFIG_AGENTS_MAX 16
#define CONFIG_NAME_MAX 64
enum config_mode { CONFIG_FAST, CONFIG_MED, CONFIG_SLOW, CONFIG_MODES };

/* Where a value comes from: the line of the file that set it, or 0: a default. By the order of the
 * keys in config's tables. */
#define CONFIG_ORIGINS 5

struct config_agent {
    char name[CONFIG_NAME_MAX];
    char *command;              /* program and arguments, quoted as in a shell */
    char *flags[CONFIG_MODES];  /* added for fast, med, slow */
    char *prompt;               /* put before a first prompt; NULL: the prompt is typed instead */
    int lines[CONFIG_ORIGINS];
};

struct config_project {
    char *path, *name, *description;
    int line, lines[CONFIG_ORIGINS]; /* of its section, of its keys */
};

/* A line of [keys] or [colours]: what it means only the UI can say. */
struct config_entry {
    char *name, *value;
    int line;
};

struct config_entries {
    struct config_entry *items;
    int count;
};

struct config {
    char *program;              /* this binary's path */
    char *socket, *holders;     /* API socket; directory of holder sockets */
    char *state;                /* directory of records and logs */
    char *file;                 /* configuration file */
    char *computer, *user, *host; /* what other computers see */
    char *clipboard;            /* "yes": an attached session may set the terminal's clipboard */
    char *prefix;               /* "Ctrl-]": what leads a command while attached */
    char *redis_url;            /* where computers meet; "": nowhere */
    char *redis_from;           /* where that was read: "FILE:LINE" or "$TELEC_REDIS" */
    char *role;                 /* a word for others: "development" */
    char *allow;                /* computers that may change something here; "*": all */
    char *attach;               /* how to get to another computer; DEST stands for [user@]host */
    char *tls_command;          /* does TLS for rediss://; HOST and PORT stand for the url's */
    char *mouse;                /* "yes": clicks and the wheel are the UI's */
    int computer_lines[CONFIG_ORIGINS], ui_lines[CONFIG_ORIGINS], redis_lines[CONFIG_ORIGINS],
        peers_lines[CONFIG_ORIGINS];
    struct config_entries keys, colours; /* [keys] and [colours] as they stand in the file */
    /* what named the path: an option ("-S"), an environment variable; NULL: nothing */
    const char *socket_from, *state_from, *file_from;
    struct config_agent agents[CONFIG_AGENTS_MAX];
    int agent_count;
    struct config_project *projects;
    int project_count;
    buf problems;               /* "FILE:LINE: what was expected", one a line */
};

/* Fills in paths, defaults and what the file says. socket and file are the options -S and -c, or
 * NULL. A missing file is fine unless `file` names it. 0, or -1 with a message in *error. */
static int config_load(struct config *c, const char *program, const char *socket, const char *file,
                       buf *error);
static void config_free(struct config *c);
/* A problem with a line of the file, found by whoever knows what it means: appends
 * "FILE:LINE: ABOUTWHAT" (about is made visible). */
static void config_put_problem(const struct config *c, buf *problems, int line, span about,
                               const char *what);
/* The effective configuration as a file that says the same, each value under a comment that says
 * where it comes from; all but [keys] and [colours]. */
static void config_put(const struct config *c, buf *b);
/* One value of it: the comment and the line. */
static void config_put_value(const struct config *c, buf *b, const char *name, const char *value,
                             int line);
/* Makes the run-time and state directories, and refuses those that are a link, somebody else's or
 * open to others. 0, or -1 with a message. */
static int config_make_dirs(const struct config *c, buf *error);
/* NULL: not configured */
static const struct config_agent *config_agent(const struct config *c, const char *name);
/* The configured user, else this process's; until the next call. (Asked for late: it reads files.)
 */
static const char *config_user(const struct config *c);
/* The letter x of a prefix written "Ctrl-x"; 0: it isn't one. */
static char config_ctrl_letter(const char *prefix);
static int config_mode(const char *name);          /* enum config_mode, or -1 */
/* Splits as a POSIX shell does (quotes, backslashes; no expansions). A NULL-terminated argv in one
 * block to be freed with free(), or NULL: an open quote. */
static char **config_words(span s);
static void config_put_quoted(buf *b, const char *word); /* so that config_words gives it back */
static int config_on_path(const char *program);    /* would execvp find it? */
static const char *config_last_part(const char *path); /* a name for what is there */

/* ==== store: session records on disk, written so that a crash loses nothing ================== */

#define STORE_RECORD_MAX (64 * 1024)
#define STORE_LOG_MAX (1024 * 1024) /* bytes of each of a session's two log files */

static int store_write_all(int fd, span s);        /* 0, or -1 and errno */
/* Replaces DIR/NAME by `bytes`: temporary file, fsync, rename, fsync of DIR. 0, or -1 and errno. */
static int store_write(const char *dir, const char *name, span bytes);
/* appends; 0, or -1 and errno */
static int store_read(const char *dir, const char *name, buf *out);
/* STATE/sessions/ID, to be freed */
static char *store_session_dir(const char *state, const char *id);
/* One directory, 0700, on disk before it returns. 0 also when it is there; -1 and errno. */
static int store_make_dir(const char *path);
static void store_remove_session(const char *state, const char *id); /* record, status, log */
/* Calls each for every session directory; ids that are not plain file names are passed over. */
static void store_each_session(const char *state, void (*each)(void *ctx, const char *id),
                               void *ctx);
static int store_id_is_plain(const char *id);      /* 1…64 of a-z A-Z 0-9 - _ */
/* An exclusive lock that lasts until the process ends. The fd, or -1 (errno EAGAIN: somebody holds
 * it, *pid). */
static int store_lock(const char *path, pid_t *pid);

/* A session's log: DIR/log, and DIR/log.1 with what came before it. */
struct store_log {
    int fd;
    size_t size;
    char *path, *old;
};

/* appends to what is there; 0, or -1 and errno */
static int store_log_open(struct store_log *log, const char *dir);
static void store_log_write(struct store_log *log, span bytes);
static void store_log_close(struct store_log *log);
static void store_log_read(const char *dir, buf *out); /* both files, oldest first */

/* ==== fleet: what computers write to each other through Redis, as bytes ====================== */

#define FLEET_KEYS "computer:*:heartbeat" /* for SCAN */
#define FLEET_NAME_MAX 128             /* bytes of a computer's name */
#define FLEET_SESSION_MAX (64 * 1024)  /* bytes of one session object */
/* arrays and objects within each other; what is passed on is put into two or three more */
#define FLEET_DEPTH_MAX (JSON_DEPTH / 2)

/* A stream entry's id: when Redis took it, and the how manyth of that millisecond. */
struct fleet_id {
    unsigned long long ms, seq;
};

struct fleet_heartbeat {
    char name[FLEET_NAME_MAX + 1], user[65], host[256]; /* "" where nothing usable was said */
    char telec[32];         /* its version; "": a TeleClaude daemon */
    char instance[64];      /* anew for every run of the daemon, and for every connection */
    unsigned interest;      /* set of enum cache_topic */
    int leaving;            /* it ends now */
};

/* A session object of another computer; object points into the parsed text. */
struct fleet_session {
    char id[65];
    struct json object;
    long long activity;     /* last_activity, wall clock; 0: it says none */
};

struct fleet_event {
    int removed;            /* session_removed: of the session there is the id only */
    char source[FLEET_NAME_MAX + 1];
    struct fleet_session session;
};

/* A request's fields; empty spans where there is none. They point into the entry. */
struct fleet_request {
    span command, initiator, session_id, title, project_dir, metadata, auto_command;
    span type, from, args;  /* of a system message */
};

struct fleet_answer {
    int good;
    struct json data;       /* of a good one */
    struct json error;      /* of a bad one: a text, for people */
    char code[32];
};

/* Is it a text of 1 to FLEET_NAME_MAX bytes without control characters? */
static int fleet_name_is_good(span name);
/* NAME of "computer:NAME:heartbeat"; empty: it is no such key */
static span fleet_key_name(span key);
static void fleet_put_key(buf *b, const char *computer);
/* "1700000000000-0": 1, or 0 */
static int fleet_parse_id(span text, struct fleet_id *id);
static void fleet_put_id(buf *b, struct fleet_id id);
static int fleet_compare_ids(struct fleet_id a, struct fleet_id b); /* < 0, 0, > 0 */

/* The parsers below give 1; or 0, and *why is a static text. */
static void fleet_put_heartbeat(buf *b, const struct fleet_heartbeat *h, long long wall_ms);
static int fleet_parse_heartbeat(span text, struct fleet_heartbeat *h, const char **why);
static int fleet_parse_object(span text, struct json *out, const char **why);
static int fleet_parse_session(struct json object, struct fleet_session *s, const char **why);
/* The object as it is, but for its member "computer"; NULL: it has none. */
static void fleet_put_session(buf *b, struct json object, const char *computer);
static void fleet_put_event(buf *b, const char *event, span data, long long wall_ms,
                            const char *computer);
static int fleet_parse_event(span payload, struct fleet_event *e, const char **why);
/* A field of a stream entry; unknown ones are passed over. */
static void fleet_take_field(struct fleet_request *r, span name, span value);
/* A command's words, split as a POSIX shell does, without the leading slash: as config_words. NULL:
 * there is none, or a quote stays open, or a NUL is in it. */
static char **fleet_words(span text);
static void fleet_put_words(buf *b, const char *const *words); /* fleet_words gives them back */
static void fleet_put_joined(buf *b, char *const *words);      /* with blanks between, and a NUL */
static void fleet_put_success(buf *b, span data);
static void fleet_put_error(buf *b, const char *error, const char *code); /* code may be NULL */
static int fleet_parse_answer(span chunk, struct fleet_answer *a, const char **why);
/* {"size": [cols, rows]} of a screen that may be. 1, or 0. */
static int fleet_parse_size(span text, int *cols, int *rows);
/* Is the computer in the comma-separated list? "*" is everybody. */
static int fleet_is_allowed(const char *allow, span computer);

/* ==== hold: the session holder, and the daemon's side of talking to it ======================= */

#define HOLD_FRAME_MAX (2 * 1024 * 1024) /* payload of one frame, in bytes */
#ifndef HOLD_BACKLOG_MAX
/* a viewer that is further behind gets a snapshot instead */
#define HOLD_BACKLOG_MAX (256 * 1024)
#endif
/* a viewer that gets more than it could show in this time */
#define HOLD_TICK_MS 20
#define HOLD_TICK_MAX (128 * 1024)       /* (bytes) is shown a snapshot at the end of it instead */
#define HOLD_STATUS_MS 100               /* between two status frames */
#define HOLD_ECHO_MS 4                   /* from a key to its echo, and then to a status frame */
#define HOLD_IDLE_MS 3000                /* without output: idle */
#define HOLD_RECEIPT_MS 2000             /* for a program to react to a message */
#define HOLD_KEYS_MAX 100                /* presses in one request */
#define HOLD_KILL_MS 3000                /* from SIGHUP to SIGKILL */

/* A frame is its payload's length (4 bytes, most significant first), a type, the payload. A holder
 * may be older than the daemon: types and JSON members that are not known are passed over. */
enum hold_frame {
    /* to the holder */
    HOLD_INPUT = 'i',    /* bytes for the program; makes the sender the controller of the size */
    /* The same was written to the pty by the sender, the last of it at that time of the monotonic
     * clock (milliseconds), which all of a machine share. */
    HOLD_TYPED = 'Y',
    HOLD_MESSAGE = 'm',  /* {"text", "enter"}: typed and submitted; answered by HOLD_RECEIPT */
    HOLD_RESIZE = 'r',   /* {"cols", "rows"} */
    HOLD_KEYS = 'K',     /* {"key", "count"}: keys by name, see hold_put_key */
    HOLD_KILL = 'k',     /* end the session */
    /* {"undo_ms"}: stop its processes now, and end it after that time unless it goes on */
    HOLD_STOP = 'p',
    HOLD_CONTINUE = 'c', /* let its processes go on */
    HOLD_SEEN = 'n',     /* somebody has looked at it */
    HOLD_EVENT = 'e',    /* {"type", "text", "native_session_id"}: what an agent's hook reports */
    HOLD_WATCH = 'w',    /* send status frames from now on */
    /* Send a snapshot, then the output as it comes. The payload is a set of the letters below. */
    HOLD_VIEW = 'v',
    HOLD_SCREEN = 's',   /* answered by HOLD_SCREEN_IS */
    HOLD_TEXT = 't',     /* answered by HOLD_TEXT_IS */
    HOLD_SPEC = 'L',     /* on descriptor 0 at its start: what to start */
    /* from the holder */
    HOLD_STATUS = 'S',   /* a session's live members, as in its session object */
    HOLD_OUTPUT = 'O',   /* bytes the program wrote */
    HOLD_SIZE = 'Z',     /* {"size": [cols, rows]} of the snapshot that follows */
    HOLD_SNAPSHOT = 'N', /* bytes that repaint the whole screen */
    /* A number: you may write to the pty yourself, once you have sent that many HOLD_INPUT (the
     * program has got them all); empty: not now. */
    HOLD_PTY = 'P',
    HOLD_SCREEN_IS = 'C',/* GET …/screen's object */
    HOLD_TEXT_IS = 'T',  /* plain text of scrollback and screen */
    HOLD_RECEIPT = 'R'   /* "delivered" or "unconfirmed" */
};

#define HOLD_VIEW_SIZES 'z'      /* HOLD_SIZE before each snapshot, and a new one after a resize */
#define HOLD_VIEW_SCROLLBACK 'b' /* the first snapshot has the scrollback, too */
#define HOLD_VIEW_PTY 'p'        /* HOLD_PTY: the first one brings the pty's descriptor */

/* What a key sends ("enter", "key_up", "ctrl_c", "f1", …); application: the program asked for
 * application cursor keys. 1, or 0: no key of that name. */
static int hold_put_key(buf *b, span name, int application);
/* The holder's main: reads what to start from descriptor 0, answers there {"pid"} or {"error"}, and
 * lives in the background until the session ends. Returns the process's exit status. */
static int hold_main(void);

/* Closes every descriptor from `first` on: what was inherited by mistake. */
static void hold_close_inherited(int first);

/* What a new session is. */
struct hold_spec {
    const char *id, *socket, *state_dir; /* its socket; its directory of record and log */
    const char *api_socket;  /* where the program finds the daemon: TELEC_SOCKET */
    char *const *argv;
    const char *directory;
    /* array of "NAME=value"; anything else: the daemon's own environment */
    struct json env;
    int cols, rows;
    /* a first message: typed and submitted once the program shows something; or NULL */
    const char *typed;
    const char *last_input;  /* what the session object shows as such at first; or NULL */
};

/* Starts a holder; done is called once, from the loop: error is NULL, or says why there is no
 * session. Freed by itself. */
static void hold_launch(struct loop *l, const char *program, const struct hold_spec *spec,
                        void (*done)(void *ctx, const char *error), void *ctx);

/* A connection to a holder. Set the hooks, then hold_open; on_closed is the last call. */
struct hold_link {
    int open;
    void (*on_frame)(void *ctx, enum hold_frame type, span payload);
    void (*on_closed)(void *ctx); /* after it the link may be opened again or its memory freed */
    void *ctx;
    struct conn conn;
};

/* 0, or -1 and errno */
static int hold_open(struct hold_link *link, struct loop *l, const char *socket);
static void hold_send(struct hold_link *link, enum hold_frame type, span payload);
static void hold_close(struct hold_link *link);    /* on_closed comes at the end of the pass */
static void hold_leave(struct hold_link *link);    /* the same once everything has been sent */
static void hold_abandon(struct hold_link *link);  /* at the program's end: no callback */

/* How a question to a holder came out: answered, the session ended first, no answer in time. */
enum hold_answer { HOLD_ANSWERED, HOLD_ENDED, HOLD_LATE };

/* A question under way, on a connection of its own; freed by itself. */
struct hold_ask {
    struct hold_link link;
    struct loop_timer timer;
    enum hold_frame wanted;
    void (*done)(void *ctx, enum hold_answer how, span payload); /* NULL: nobody wants to know */
    void *ctx;
};

/* Sends `question` and calls done once, from the loop, with the first frame of type `wanted`. NULL:
 * the holder can't be reached, and done is not called. */
static struct hold_ask *hold_ask(struct loop *l, const char *socket, enum hold_frame question,
                                 span payload, enum hold_frame wanted,
                                 void (*done)(void *ctx, enum hold_answer how, span payload),
                                 void *ctx);
static void hold_forget(struct hold_ask *ask);     /* done is not called any more */

/* Plain text of a session that has no holder any more, from its log, as HOLD_TEXT gives it. */
static void hold_log_text(const char *state_dir, int cols, int rows, buf *out);

/* ==== sessions: the sessions of this computer: records, holders, adoption, ends ============== */

struct session {
    struct sessions *owner;
    struct session *next, **link;
    char *id, *dir, *socket;
    /* the record */
    char *title, *directory, *agent, *mode, *initiator, *command; /* NULL where there is none */
    long long created_at;
    int ending;             /* to be removed as soon as it has ended */
    /* live */
    long long looked_at;    /* when it was last looked whether a computer observes it */
    struct session_waiter *waiters; /* for its end */
    struct session_creating *creating; /* who waits for its beginning; or NULL */
    int hidden;             /* stopped and about to be ended by its holder; not in the cache */
    struct cache_session *cached; /* NULL: not in the cache */
    buf record;             /* the members of its object that seldom change, without braces */
    buf status;             /* the holder's last status object, {} before the first */
    struct hold_link holder;
};

/* Somebody who waits for a session's end; embedded. ended is called once; cancel by
 * session_forget. */
struct session_waiter {
    struct session_waiter *next, **link;
    void (*ended)(void *ctx);
    void *ctx;
};

struct sessions {
    struct loop *loop;
    const struct config *config;
    struct cache *cache;
    struct session *first, **last;
    size_t count, adopting;
    struct loop_timer flush_timer, adopt_timer;
    void (*ready)(void *ctx); /* every holder has answered */
    void *ready_ctx;
};

/* What a new session shall be; strings are copied. */
struct session_plan {
    const char *title, *directory, *agent, *mode, *initiator, *message; /* NULL: none */
    char *const *command;   /* NULL: the agent's */
    struct json env;
    int cols, rows;
};

/* Loads the records and connects to every holder; ready is called from the loop once all have
 * answered, or a second has passed. */
static void sessions_init(struct sessions *all, struct loop *l, const struct config *config,
                          struct cache *cache, void (*ready)(void *ctx), void *ctx);
static void sessions_free(struct sessions *all);   /* leaves every session running */
static struct session *session_find(const struct sessions *all, const char *id);
/* Starts a session. done is called once, from the loop or at once: with the new session (its object
 * is in the cache), or NULL and why not. */
static void session_create(struct sessions *all, const struct session_plan *plan,
                           void (*done)(void *ctx, struct session *s, const char *error),
                           void *ctx);
/* 0, or -1 and errno: not on disk */
static int session_rename(struct session *s, const char *title);
/* Ends a running session or dismisses an exited one. The waiter is told when it is gone. */
static void session_end(struct session *s, struct session_waiter *waiter);
#define SESSION_UNDO_MAX_S 60
/* Ends a running session in a way that can be undone for undo_s seconds: its processes are stopped
 * and it is out of the list at once; its holder ends it when the time is up, whatever becomes of
 * the daemon. */
static void session_stop(struct session *s, int undo_s);
static struct session *session_find_hidden(const struct sessions *all, const char *id);
static void session_continue(struct session *s);   /* undoes session_stop */
static void session_forget(struct session_waiter *waiter);
/* what an agent's hook says (HOLD_EVENT) */
static void session_set_seen(struct session *s); /* somebody has looked at it */
static void session_report(struct session *s, span event_json);
/* an exited session's transcript, from its log */
static void session_text(const struct session *s, buf *out);
/* The object that tells a session's transcript, of which text is all that there is. */
static void session_put_transcript(const struct sessions *all, const char *id, span text,
                                   long long tail_chars, buf *b);
static int session_has_exited(const struct session *s);
static int session_size(const struct session *s, int *cols, int *rows); /* as last reported */
/* The command line that starts an agent; message: with that prompt where it takes one; or NULL. */
static void session_put_agent_command(const struct config_agent *agent, int mode,
                                      const char *message, buf *b);

/* ==== projects: this computer's projects and their todos, watched while somebody looks ======= */

#define PROJECTS_MAX 1000
#ifndef PROJECTS_WATCHES_MAX
#define PROJECTS_WATCHES_MAX 8192 /* directories that the system watches for us, of all projects */
#endif
#define PROJECTS_SETTLE_MS 80     /* from the first sign of a change to reading */
#ifndef PROJECTS_LOOK_MS
#define PROJECTS_LOOK_MS 2000     /* between two looks where the system does not watch */
#endif

enum project_source {
    PROJECT_CONFIGURED,     /* in the configuration file */
    PROJECT_REMEMBERED,     /* in STATE/projects.json */
    PROJECT_GUEST           /* only watched, for clients that were opened there */
};

struct project {
    struct project *next;
    char *path, *name, *description;
    enum project_source source;
    int guests;             /* clients that were opened there */
    buf todos;              /* the JSON array as last told; empty: nobody has been told */
    int due;                /* to be read again */
    int blind;              /* not all of it could be watched: it is looked at */
    struct projects_watch *watches; /* directories (src/projects.c) */
};

struct projects {
    struct loop *loop;
    const struct config *config;
    struct cache *cache;
    struct project *first;  /* configured, remembered, guests */
    int count;
    int watching;           /* somebody is subscribed */
    int must_look;          /* never ask the system to watch (for tests) */
    long long doubted_at;   /* when projects_doubt was last taken at its word */
    struct loop_fd notify;  /* fd -1: the system does not watch */
    struct loop_timer settle, look;
    struct projects_watch **buckets; /* by watch number; NULL: nothing is watched */
    size_t watch_count;
    buf roadmap, json;      /* the ones at work; kept, for there are many */
};

static void projects_init(struct projects *all, struct loop *l, const struct config *config,
                          struct cache *cache);
static void projects_free(struct projects *all);
/* Appends the projects' objects to an open JSON array, each with its todos if asked. */
static void projects_put(struct projects *all, buf *b, int with_todos);
/* Appends the array of one project's todos. 1, or 0: there is no such project. */
static int projects_put_todos(struct projects *all, const char *path, buf *b);
/* Remembers a project, or replaces what is remembered of it, and tells who is subscribed. name NULL
 * or empty: the path's last part. 0, or -1 and errno (ENOSPC: too many). */
static int projects_add(struct projects *all, const char *path, const char *name,
                        const char *description);
/* Forgets a remembered one. 0, or -1 and errno: ENOENT it is none, EPERM the configuration's. */
static int projects_remove(struct projects *all, const char *path);
/* Begins to watch the files of all projects and to tell of changes, or stops. */
static void projects_watch(struct projects *all, int wanted);
/* A client was opened in that directory: its todos are told as if it were a project. projects_leave
 * when the client has gone. */
static void projects_visit(struct projects *all, const char *path);
static void projects_leave(struct projects *all, const char *path);
/* What was read may be wrong (files of a network, say): the next projects_put reads all again, once
 * in PROJECTS_LOOK_MS. */
static void projects_doubt(struct projects *all);
/* The event todos_updated of a project's todos; nothing when none are watched. */
static void projects_put_event(struct projects *all, const char *path, buf *event);

/* ==== redis: one reconnecting Redis connection on the loop =================================== */

#define REDIS_BACKOFF_MIN_MS 1000   /* before the second try; doubles, with 20 % of jitter … */
#define REDIS_BACKOFF_MAX_MS 30000  /* … up to this; the first again after a connection that … */
#define REDIS_LASTING_MS 10000      /* … was ready for this long */
#define REDIS_CONNECT_MS 5000       /* for the look-up of the name; for each address */
#define REDIS_REPLY_MS 10000        /* for an answer, or for more of one that has begun */
#define REDIS_ADDRESSES_MAX 8       /* of one host name, tried in order */
#ifndef REDIS_PENDING_MAX
#define REDIS_PENDING_MAX 65536     /* calls without an answer yet */
#endif
#define REDIS_QUEUE_MAX (64 * 1024 * 1024) /* bytes of commands that the server has not taken */

enum redis_state {
    REDIS_OFF,        /* not started */
    REDIS_RESOLVING,  /* a child process looks the name up */
    REDIS_CONNECTING,
    REDIS_GREETING,   /* protocol, password, database */
    REDIS_READY,
    REDIS_WAITING     /* lost, or there was none; the next try is at retry_at */
};

/* All are called from the loop, and may call anything of the part but redis_free. */
struct redis_hooks {
    void (*on_ready)(void *ctx);
    /* It was ready and is not any more; the calls without an answer have been told before. */
    void (*on_lost)(void *ctx, const char *why);
    /* A message of a channel that was subscribed to; NULL: nobody does. */
    void (*on_push)(void *ctx, span channel, span message);
};

/* What a url says. */
struct redis_target {
    char *path;             /* of a Unix socket; or NULL and … */
    char *host;             /* … name or address, without brackets */
    int port;
    int tls;                /* through the tls_command */
    char *user, *password;  /* NULL: none */
    int db;
    int protocol;           /* 3: RESP3 when the server has it, else 2 */
};

/* Milliseconds; the constants above, unless a test changes them. */
struct redis_times {
    long long backoff_min, backoff_max, lasting, connect, reply;
};

struct redis {
    struct loop *loop;
    const struct config *config;
    const char *name;       /* what the connection is for, in a word */
    const struct redis_hooks *hooks;
    void *ctx;
    struct redis_target target;
    struct redis_times times;
    enum redis_state state;
    char why[256];          /* what the last connection was lost or refused for; "": nothing yet */
    long long id;           /* the server's CLIENT ID of this connection; 0: unknown */
    int protocol;           /* 2 or 3, of this connection */
    long long connects, losses; /* times it became ready; times that was lost, restarts apart */
    long long retry_at;     /* when WAITING: on clock_mono_ms */
    /* the connection */
    struct loop_timer timer; /* of the state: look-up, connect, answer, next try */
    struct loop_fd connecting;
    struct conn conn;
    int open;               /* conn is */
    int closing;            /* its end is being told */
    int again;              /* closed by redis_restart */
    int quiet;              /* that the next one stands is not worth a line of the log */
    int subscribed;         /* in RESP2 */
    struct resp_scan scan;
    struct redis_pending *pending; /* ring of pending_cap calls, a power of two */
    size_t pending_head, pending_count, pending_cap;
    struct redis_address *addresses;
    int address_count, address_next;
    struct redis_child *children; /* processes not reaped yet */
    struct redis_child *child; /* the look-up or the TLS program of this connection */
    long long backoff, ready_at;
    char logged[256];       /* the failure that the log has already */
};

/* Prepares a connection to config->redis_url. name is for the log and for CLIENT SETNAME
 * (telec-COMPUTER-NAME), a static text. 0, or -1 with a message that says where the url was read
 * and what is wrong, and never has the password. */
static int redis_init(struct redis *r, struct loop *l, const struct config *config,
                      const char *name, const struct redis_hooks *hooks, void *ctx, buf *error);
static void redis_start(struct redis *r);          /* connects, and again whenever it is lost */
/* Ends it at once, without a hook; calls without an answer are told. Safe twice, and after a failed
 * redis_init. */
static void redis_free(struct redis *r);
/* Sends a command written by resp_put_command. Calls are pipelined: done is called once, in order,
 * with the answer (valid during the call; an error is one, too), or with NULL when the connection
 * was lost first. done may be NULL. block_ms: how long the command itself waits (XREAD BLOCK);
 * 0 not at all; -1 for ever. An answer that takes REDIS_REPLY_MS longer loses the connection. 1, or
 * 0 when there is no connection that could take it; done is not called then. SUBSCRIBE takes one
 * channel a call; in RESP2 a connection that has subscribed can do nothing else. */
static int redis_call(struct redis *r, span command, long long block_ms,
                      void (*done)(void *ctx, const struct resp *reply), void *ctx);
/* Drops the connection and connects again at once, to the same address, e.g. to interrupt a
 * blocking XREAD (CLIENT UNBLOCK of r->id from another connection does it more cheaply). Does not
 * wait any longer when WAITING. */
static void redis_restart(struct redis *r);
static const char *redis_state_name(const struct redis *r); /* "ready", "reconnecting", … */
static void redis_put_address(const struct redis *r, buf *b); /* the url without user, password */
/* The hidden command `telec resolve HOST PORT`: numeric addresses, one a line. Exit status. */
static int redis_resolve_main(const char *host, const char *port);

/* ==== link: the conversations with Redis: commands, streams, requests and their answers ====== */

#define LINK_ASK_MS 5000               /* for an answer */
#define LINK_ASKS_MAX 8192             /* requests under way */
#define LINK_ANSWER_KEY "output:"
#define LINK_REQUESTS_KEY "messages:"

/* A stream that is read. take is called with each entry, its fields not yet looked at. */
struct link_stream {
    struct link_stream *next, **link; /* link NULL: it is not read */
    char *key;
    struct fleet_id at;     /* the last entry taken */
    int reading;            /* its place in the XREAD under way + 1; 0: none */
    void (*take)(struct link_stream *s, struct fleet_id id, const struct resp *fields);
    void *owner;
};

/* A request to another computer. done is called once: answer NULL: there was none, and why says so;
 * at is the answer's id. */
struct link_ask {
    struct link_ask *next, **link;
    struct link *owner;
    char *computer;
    struct link_stream stream;
    struct loop_timer timer;
    int sending;            /* the XADD is not answered yet: the memory must last */
    buf again;              /* the XADD once more, with an id of Redis's choice */
    void (*done)(void *ctx, const struct fleet_answer *answer, struct fleet_id at,
                 const char *why); /* NULL: nobody wants to know any more */
    void *ctx;
};

/* What the owner hears of it all, from the loop. */
struct link_hooks {
    const char *channel;           /* that is listened to */
    void (*on_ready)(void *ctx);   /* commands are taken */
    void (*on_lost)(void *ctx);    /* not any more; those without an answer have been told */
    void (*on_said)(void *ctx, span message); /* on the channel */
    void (*on_listening)(void *ctx); /* on a connection of its own: what was said before is lost */
};

struct link {
    struct loop *loop;
    const struct config *config;
    const struct link_hooks *hooks;
    void *ctx;
    int on;                 /* there is a url: without one nothing of this runs */
    int ready;              /* `calls` is */
    struct redis calls, reader, ear;
    int ear_started;
    long long clock;        /* Redis's clock, from clock_mono_ms */
    unsigned long long number; /* of the next request: random at first */
    /* reading */
    struct link_stream *streams;
    struct link_stream **reading; /* those of the XREAD under way, in its order */
    size_t reading_count;
    int stopped;            /* nothing is read any more */
    int blocked;            /* an XREAD is under way */
    int stale_read;         /* what is to be read has changed since it began */
    int no_unblock;         /* CLIENT UNBLOCK is refused */
    int read_count;         /* entries of each stream that one XREAD asks for */
    size_t batch;           /* entries of one stream in the XREAD being taken */
    struct loop_task reread;
    struct loop_timer unblock_timer;
    /* asking */
    struct link_ask *asks;
    size_t ask_count;
    long long logged_at, quiet; /* complaints: when the last was logged; how many were not since */
};

/* 0; or -1 with a message: the url is wrong, and nothing of this runs. */
static int link_init(struct link *l, struct loop *loop, const struct config *config,
                     const struct link_hooks *hooks, void *ctx, buf *error);
static void link_start(struct link *l);
static void link_stop_reading(struct link *l);     /* for good */
static int link_is_busy(const struct link *l);     /* commands have no answer yet */
static void link_free(struct link *l);             /* requests under way end without an answer */
/* A line in the log about what another computer wrote: at most one a second. */
static void link_complain(struct link *l, const char *what, span who, const char *why);
/* A command of C strings, the last one followed by NULL; of spans, on one of the connections. See
 * redis_call. */
static int link_call(struct link *l, const char *const *args,
                     void (*done)(void *ctx, const struct resp *reply), void *ctx);
static int link_send(struct redis *r, const span *args, size_t count, long long block_ms,
                     void (*done)(void *ctx, const struct resp *reply), void *ctx);
static char *link_key(const char *before, const char *name); /* both in one, to be freed */
/* XADD of fields (name, value, name, value …, at most 26) to a stream that is cut to `most` and
 * forgotten after ttl_s. */
static int link_add(struct link *l, const char *key, int most, const span *fields, size_t count,
                    int ttl_s, void (*done)(void *ctx, const struct resp *reply), void *ctx);
static void link_put_time(char out[32]);           /* now, in seconds, as streams have it */
/* Is anything at `key`? 0: it can't be asked now, and done is not called. */
static int link_exists(struct link *l, const char *key, void (*done)(void *ctx, int exists),
                       void *ctx);
/* XREVRANGE of a stream's last entry, and what it gave; 0-0: the stream is empty. */
static void link_find_end(struct link *l, const char *key,
                          void (*done)(void *ctx, const struct resp *reply), void *ctx);
static struct fleet_id link_last_id(const struct resp *reply);
static void link_stream_open(struct link *l, struct link_stream *s);  /* reads from s->at on */
static void link_stream_close(struct link *l, struct link_stream *s); /* take is not called again */
static void link_stream_free(struct link *l, struct link_stream *s);  /* the key, too */
static void link_reread(struct link *l);           /* fewer streams are to be read */
/* Sends a request (the fields that are not empty, timestamp and initiator). done is called from the
 * loop, within LINK_ASK_MS. NULL: it can't be sent now; *why says so, and done is not called. */
static struct link_ask *link_ask(struct link *l, const char *computer,
                                 const struct fleet_request *request,
                                 void (*done)(void *ctx, const struct fleet_answer *answer,
                                              struct fleet_id at, const char *why),
                                 void *ctx, const char **why);
static void link_forget(struct link_ask *ask);     /* done is not called any more */
/* Answers a request; envelope is JSON. */
static void link_answer(struct link *l, struct fleet_id request, span envelope);

/* ==== peers: the other computers: who is there, what they tell, asking them ================== */

#ifndef PEERS_BEAT_MS
#define PEERS_BEAT_MS 30000            /* between two heartbeats */
#define PEERS_STALE_MS 45000           /* without a heartbeat: stale … */
#define PEERS_GONE_MS 60000            /* … and gone; also the heartbeat key's time to live */
#endif
#define PEERS_MAX 1000                 /* computers */
#define PEERS_SESSIONS_MAX 10000       /* of one computer */
#define PEERS_PROJECTS_MAX 1000        /* of one computer */
#define PEERS_TODOS_MAX (256 * 1024)   /* bytes of one project's todos */
#define PEERS_BUCKETS 256
#define PEERS_REMOVED_MAX 32           /* removals of one computer that a pull may come behind */

struct peers_project {
    char *path, *name, *description;
    char *todos;            /* JSON array; NULL: not known yet */
};

/* Another computer. */
struct peers_peer {
    struct peers_peer *next, **link, *next_same;
    struct peers *peers;
    struct fleet_heartbeat beat;
    buf text;               /* its last heartbeat, as it was written */
    long long beat_at;      /* when it was written, as far as we know; clock_mono_ms */
    int stale;
    int checking;           /* its key is being looked at */
    int pulling, pull_again; /* list_sessions is under way; and due once more after it */
    long long pulled_at;
    int preparing;          /* list_projects and list_todos under way, asked in this life: */
    long long life;         /* since it, or the connection, was there anew */
    struct {
        char id[65];
        struct fleet_id at;
    } removed[PEERS_REMOVED_MAX]; /* ring of what it removed last */
    int removed_next;
    size_t sessions;
    int suspect;            /* events of it may have been cut off, or it did not answer */
    int failures;           /* list_sessions without a usable answer since the last good one */
    char user[65], host[256]; /* what a TeleClaude daemon answered */
    struct peers_project *projects;
    int project_count;
    long long projects_at;  /* when list_projects was answered; 0: never */
    long long events_in, events_out, coalesced, dropped, lag_ms;
};

/* A request from another computer; the spans are valid during the call. */
struct peers_request {
    struct fleet_id id;
    struct fleet_request fields;
};

struct peers_hooks {
    /* Does it change anything here? Then it is noted as handled before on_request gets it. */
    int (*changes)(void *ctx, const struct peers_request *request);
    void (*on_request)(void *ctx, const struct peers_request *request);
    /* Something about one of this computer's own sessions has changed. */
    void (*on_activity)(void *ctx, const char *session_id);
};

/* Somebody who waits until others have told what they have; embedded. */
struct peers_gather {
    unsigned topics;
    const char *computer;   /* NULL: all of them */
    struct peers_gather *next, **link; /* link NULL: it does not wait */
    struct peers *peers;
    struct loop_timer timer;
    void (*done)(void *ctx);
    void *ctx;
};

struct peers {
    struct loop *loop;
    const struct config *config;
    struct cache *cache;
    const struct peers_hooks *hooks;
    void *hooks_ctx;
    struct link link;       /* link.on: there is a url; else nothing of this runs */
    unsigned interest;      /* topics that local clients are subscribed to */
    unsigned announced;     /* what the last heartbeat said of it */
    struct fleet_heartbeat self;
    char run[37];           /* this run of the daemon, in self.instance */
    buf beat;               /* our last heartbeat, as it was written */
    struct loop_timer beat_timer, late_timer, cursor_timer, pull_timer, flush_timer;
    long long beats;        /* heartbeats written */
    long long looked_at;    /* when a key was looked at last because its owner said something */
    char trouble[128];      /* what Redis says to the heartbeat; "": nothing */
    long long clash_at;     /* when another computer was last heard with our name; 0: never */
    /* the table */
    struct peers_peer *first, **last, *buckets[PEERS_BUCKETS];
    size_t count;
    long long listing;      /* number of the last list_sessions taken */
    long long lives;        /* of all peers so far */
    /* streams */
    struct link_stream messages, events;
    int cursor_known, cursor_dirty;
    int scanning;           /* pages of the SCAN under way */
    /* sending */
    size_t flying;          /* XADDs of events without an answer yet */
    int held;               /* sessions whose events wait */
    char (*lost)[65];       /* ids removed while there was no connection */
    size_t lost_count;
    int leaving;
    struct peers_gather *gathers;
    /* a session of another computer (id NULL: all of them) is no more; may be NULL */
    void (*on_gone)(void *ctx, const char *computer, const char *id, const char *why);
    void *gone_ctx;
};

/* 0; or -1 with a message: the url is wrong, and nothing of this runs. */
static int peers_init(struct peers *p, struct loop *l, const struct config *config,
                      struct cache *cache, buf *error);
static void peers_start(struct peers *p, const struct peers_hooks *hooks, void *ctx);
static void peers_free(struct peers *p);
static void peers_leave(struct peers *p);          /* says good-bye; link_is_busy until it is out */
static void peers_set_interest(struct peers *p, unsigned topics); /* of local clients */
/* Asks for what nobody is subscribed to, and what therefore is not kept up to date. 1: done is
 * called once all who were asked have answered, or after `ms`, unless it is ended first. 0: nothing
 * is to be waited for. */
static int peers_gather(struct peers *p, struct peers_gather *gather, long long ms);
static void peers_gather_end(struct peers_gather *gather);
static void peers_refresh(struct peers *p);        /* asks everybody for everything anew */
/* Is it a computer whose sessions are not kept up to date here, for want of interest? */
static int peers_must_be_asked(const struct peers *p, const char *computer);
static struct peers_peer *peers_find(const struct peers *p, span computer); /* NULL: unknown */
/* Is a TeleClaude daemon interested in sessions? */
static int peers_is_heard_abroad(const struct peers *p);
/* Appended to an open JSON array. computer NULL: of all; of projects without or with todos. */
static void peers_put_computers(const struct peers *p, buf *b); /* this one first */
static void peers_put_projects(const struct peers *p, const char *computer, int with_todos, buf *b);
static void peers_put_status(const struct peers *p, buf *b); /* members "redis" and "peers" */

/* ==== watch: looking at sessions of other computers ========================================== */

/* What an observer hears. on_ended is the last call. */
struct watch_hooks {
    void (*on_size)(void *ctx, span size_json); /* {"size": [cols, rows]} */
    void (*on_output)(void *ctx, span bytes);
    void (*on_ended)(void *ctx, const char *why);
};

struct watches {
    struct loop *loop;
    struct peers *peers;
    struct watch *first;
    struct loop_timer timer;
};

struct watch {
    struct watch *next, **link;
    struct watches *owner;
    char *computer, *id;
    struct link_stream stream;
    struct link_ask *asked;
    int telec;              /* it numbers what it sends, and begins with a snapshot */
    int begun;
    int calls;              /* commands without an answer yet: the memory must last */
    long long number;       /* of the last piece */
    const struct watch_hooks *hooks; /* NULL: nobody listens any more */
    void *ctx;
    struct loop_task end;   /* from the loop, never from within a call of the owner */
    char why[200];
};

static void watch_init(struct watches *all, struct loop *l, struct peers *peers);
/* NULL: it can't be done now. */
static struct watch *watch_open(struct watches *all, const char *computer, const char *id,
                                const struct watch_hooks *hooks, void *ctx);
static void watch_restart(struct watch *w);        /* from a new snapshot on, where it can be had */
static void watch_close(struct watch *w);          /* no hook is called any more */

/* ==== answer: what other computers ask of this one =========================================== */

#define ANSWER_OBSERVERS 16 /* computers that observe one session */

struct answer {
    struct loop *loop;
    const struct config *config;
    struct cache *cache;
    struct sessions *sessions;
    struct projects *projects;
    struct peers *peers;
    struct answer_job *jobs;  /* requests under way */
    int jobs_count;
    struct answer_show *shows; /* sessions being observed */
    int show_count;
    struct loop_timer look_timer;
};

/* Starts `peers`, too. */
static void answer_init(struct answer *all, struct loop *l, const struct config *config,
                        struct cache *cache, struct sessions *sessions, struct projects *projects,
                        struct peers *peers);
static int answer_is_busy(const struct answer *all); /* requests are under way */
static void answer_free(struct answer *all);

/* ==== serve: one client connection's HTTP and WebSocket states; calls a handler pointer ====== */

#define SERVE_IDLE_MS 75000              /* a connection without a request is closed after this */
#ifndef SERVE_QUEUE_MAX
/* bytes queued for one client before pushes are dropped */
#define SERVE_QUEUE_MAX (4 * 1024 * 1024)
#endif

struct serve_client;

/* A request, valid during the handler's call. */
struct serve_request {
    struct serve_client *client;
    span method, path, query; /* path and query still percent-encoded */
    span body;
    const struct http_head *head; /* only of a request without a body; else NULL */
};

/* What a WebSocket's owner wants to hear. ctx is serve_upgrade's. */
struct serve_ws_hooks {
    void (*on_message)(void *ctx, enum ws_opcode opcode, span payload);
    void (*on_drained)(void *ctx); /* everything queued has left; may be NULL */
    /* the last call; the client is about to be freed */
    void (*on_closed)(void *ctx, const char *why);
};

struct serve {
    struct loop *loop;
    struct loop_fd listener;
    struct loop_timer retry;
    /* Answers every request, at once or later, by exactly one of serve_reply…, serve_upgrade. */
    void (*handle)(void *ctx, struct serve_request *request);
    void *ctx;
    struct serve_client *clients;
    buf answer;               /* the one being made; kept, for there are many */
    long long count, dropped; /* clients connected; clients closed because of a failure */
};

static void serve_init(struct serve *s, struct loop *l,
                       void (*handle)(void *ctx, struct serve_request *r), void *ctx);
static void serve_accept(struct serve *s, int listening_fd); /* begins to take clients */
static void serve_reply_json(struct serve_client *c, int status, span json,
                             const char *extra_headers);
/* {"detail": …} */
static void serve_reply_detail(struct serve_client *c, int status, const char *detail);
/* A 200 whose body is bytes that somebody else owns (a blob): referenced, not copied. */
static void serve_reply_blob(struct serve_client *c, blob *body);
/* For an answer that comes later: gone is called if the client goes first (it must not be answered
 * then); NULL when the answer is about to be given. */
static void serve_wait(struct serve_client *c, void (*gone)(void *ctx), void *ctx);
/* Answers a WebSocket handshake. 1: the client is a WebSocket now; 0: it was refused, and
 * answered. */
static int serve_upgrade(struct serve_client *c, const struct http_head *head,
                         const struct serve_ws_hooks *hooks, void *ctx);
static void serve_send_frame(struct serve_client *c, enum ws_opcode opcode, span payload);
/* A frame that is one blob, or several with first set on the first one only. */
static void serve_send_blob(struct serve_client *c, blob *b, int first);
static size_t serve_queued(const struct serve_client *c); /* bytes not written yet */
static void serve_drop_unsent(struct serve_client *c);
/* with a close frame */
static void serve_close_ws(struct serve_client *c, int code, const char *reason);
/* Takes no more clients and closes all: WebSockets with 1001, the others once answered. */
static void serve_shutdown(struct serve *s);
static void serve_drop_clients(struct serve *s);   /* closes whoever is left, at once */
static void serve_free(struct serve *s);           /* once all clients have gone */
/* a text frame as a blob for many clients; its payload is the parts together */
static blob *serve_text_frame(const span *parts, size_t count);

/* ==== call: one request at work: its parameters, their faults, the usual answers ============= */

/* What requests are about. */
struct api {
    struct loop *loop;
    const struct config *config;
    struct cache *cache;
    struct sessions *sessions;
    struct projects *projects;
    struct peers *peers;
    struct watches *watches;
    struct serve *serve;
    long long started_at;   /* wall clock */
};

/* What a handler needs. */
struct call {
    struct api *api;
    struct serve_client *client;
    const struct serve_request *request;
    struct session *session; /* of {id}, when the path has one and it is here */
    const char *id, *computer; /* else its id, and the other computer that has it */
    struct json body;        /* type JSON_NONE without a body */
    buf faults;              /* 422: array of what does not fit, as far as it was found */
};

/* What a member of the body or a parameter of the query must be. */
struct call_field {
    const char *name;
    int required;
    size_t shortest;        /* characters */
    const char *literals;   /* "|"-separated allowed values; NULL: any */
};

static void call_parse_body(struct call *call);    /* into call->body: an object, or a fault */
/* A fault of the member (or NULL) of "body" or "query"; type and message are Pydantic's. */
static void call_fault(struct call *call, const char *type, const char *where, const char *name,
                       const char *message);
static int call_refused(struct call *call);        /* 1: there were faults; it has answered 422 */
static int call_is_literal(const char *literals, const char *value); /* is it one of "a|b|c"? */
/* A fault when the value is not what the field must be. */
static void call_check(struct call *call, const struct call_field *field, const char *where,
                       const char *value);
/* A string member of the body, to be freed; NULL: absent or null (a fault when required) or not a
 * string. */
static char *call_string(struct call *call, const struct call_field *field);
/* An integer of the body from least to most; `otherwise` when absent. */
static int call_int(struct call *call, const char *name, int least, int most, int otherwise);
/* A query parameter, to be freed; NULL: absent, or badly encoded (a fault). */
static char *call_query(struct call *call, const char *name);
/* An integer of the query from 0 to most; 0 when absent. */
static int call_query_int(struct call *call, const char *name, int most);
static char *call_title(struct call *call);        /* the body's, to be freed; NULL, or a fault */
/* A key's name, to be freed, and how often; NULL, or a fault. */
static char *call_key(struct call *call, int *count);
static long long call_tail_chars(struct call *call); /* how much of a transcript, or a fault */
/* What the query of an attach asks for: 1: control, 0: view; how is what a holder is told. Or a
 * fault. */
static int call_view_mode(struct call *call, char how[3]);
static int call_wants_websocket(struct call *call); /* 0: it does not; it has got 426 */
static void call_reply(struct serve_client *client, buf *json); /* 200; frees it */
static void call_reply_success(struct serve_client *client); /* {"status": "success"} */
static int call_is_running(struct call *call);     /* call->session; 0: it has got 409 */
/* Is that this computer? NULL, "" and "local" are, too. */
static int call_is_here(const struct api *a, const char *computer);

/* ==== remote: requests about sessions of other computers ===================================== */

/* Each answers the call when the other computer has; of call->computer and call->id. */
static void remote_get(struct call *call);
static void remote_rename(struct call *call);
static void remote_delete(struct call *call);
static void remote_restore(struct call *call);
static void remote_message(struct call *call);
static void remote_keys(struct call *call);
static void remote_transcript(struct call *call);
static void remote_screen(struct call *call);
static void remote_attach(struct call *call);      /* a WebSocket, to look at it */
/* Of a computer that the call does not name itself. */
static void remote_list_sessions(struct call *call, const char *computer);
static void remote_create(struct call *call, const char *computer,
                          const struct session_plan *plan);

/* ==== api: route table, handlers, /ws topics ================================================= */

static void api_init(struct api *a, struct loop *l, const struct config *config,
                     struct cache *cache, struct sessions *sessions, struct projects *projects,
                     struct peers *peers, struct watches *watches, struct serve *serve);
/* serve's handler; ctx is the api */
static void api_handle(void *ctx, struct serve_request *request);

/* ==== daemon: socket, wiring, start, shutdown ================================================ */

/* Runs until SIGTERM or SIGINT; ready_fd >= 0 gets a byte as soon as clients are served, and is
 * closed. Returns the exit status; *error says why it is not 0. */
static int daemon_run(const struct config *config, int ready_fd, buf *error);
/* Starts a daemon in the background. A descriptor that gives one byte when it serves and end of
 * file when it failed, or -1 with a message. */
static int daemon_spawn(const struct config *config, buf *error);
/* Asks the running daemon to end (SIGTERM) and waits until it has. 0 ended, 1 none was running, -1
 * with a message. */
static int daemon_stop(const struct config *config, buf *error);

/* ==== hook: what agents' hooks say, and putting them in place ================================ */

#define HOOK_TEXT_MAX 4096          /* text passed on, in bytes */
#define HOOK_ID_MAX 200             /* an agent's own session id, in bytes; longer: left out */
#define HOOK_INPUT_MAX (4 << 20)    /* what is worth reading of a hook's stdin, in bytes */
#ifndef HOOK_FILE_MAX
#define HOOK_FILE_MAX (1 << 20)     /* a settings file larger than this is left alone */
#endif

/* Takes the JSON that Claude Code, Gemini CLI or Codex hand to a hook (on stdin; Codex's notify: as
 * the last argument) and appends the body of POST /sessions/{id}/event. 1; 0: an event that says
 * nothing about the session's state; -1: not understood. */
static int hook_read(span input, buf *event);
/* Puts `PROGRAM hook` (an absolute path) among the hooks of agent "claude", "gemini" or "codex",
 * in the settings of the user whose home is given (CLAUDE_CONFIG_DIR, GEMINI_CLI_HOME and
 * CODEX_HOME are respected), without disturbing what else is in that file; without `write` the file
 * stays as it is. 1: added, or missing without write; 0: all there already. report says which file
 * and what, in lines. -1: refused, the file is untouched and error says why; report then says what
 * to put in by hand. */
static int hook_install(const char *agent, const char *home, const char *program, int write,
                        buf *report, buf *error);

/* ==== client: HTTP and WebSocket towards a daemon; reconnect, backoff, REST fallback ========= */

#define CLIENT_BACKOFF_MIN_MS 1000
#define CLIENT_BACKOFF_MAX_MS 30000
#define CLIENT_FETCH_MS 5000      /* between two fetches by REST while there is no push */
#define CLIENT_REQUEST_MS 15000   /* for an answer */
#define CLIENT_BODY_MAX (64 * 1024 * 1024)
#define CLIENT_MESSAGE_MAX (64 * 1024 * 1024)

/* Where push stands. */
enum client_push {
    CLIENT_OFF,        /* not asked for */
    CLIENT_CONNECTING,
    CLIENT_LIVE,       /* a subscription was answered: every change arrives by itself */
    /* connected to a TeleClaude daemon: its own sessions are fetched every 5 s */
    CLIENT_PARTIAL,
    CLIENT_WAITING     /* lost; the next try is at client.retry_at */
};

/* What the owner of a client wants to hear; all may be NULL. */
struct client_hooks {
    void (*on_event)(void *ctx, span json);     /* a message of /ws */
    void (*on_push)(void *ctx);                 /* client.push has changed */
    void (*on_fetch)(void *ctx);                /* time to fetch by REST: there is no full push */
};

struct client {
    struct loop *loop;
    const struct config *config;
    int may_start;            /* start a daemon when none answers */
    const struct client_hooks *hooks;
    void *ctx;
    const char *here;         /* a directory whose todos are wanted, project or not; or NULL */
    struct client_request *requests; /* under way */
    struct loop_fd starting;  /* watched while a daemon that we started gets ready */
    int started;              /* one was started by us already */
    int stopped;              /* push ended with 1001: none is started until the user asks */
    char *start_error;        /* why that failed; NULL: it did not */
    /* push */
    enum client_push push;
    int answered;             /* requests have been answered since the last failure */
    struct client_ws *ws;
    long long backoff, retry_at; /* ms; on clock_mono_ms */
    struct loop_timer retry, fetch;
    const char *why;          /* what push was lost for */
};

static void client_init(struct client *c, struct loop *l, const struct config *config,
                        int may_start, const struct client_hooks *hooks, void *ctx);
static void client_free(struct client *c);         /* requests under way end with an error */
/* Sends a request on a connection of its own; body p NULL: none. done is called once, from the
 * loop: status 0: there was no answer, and error says why; else body is the answer's, valid during
 * the call. */
static void client_request(struct client *c, const char *method, const char *target, span body,
                           void (*done)(void *ctx, int status, span body, const char *error),
                           void *ctx);
/* Connects to /ws and subscribes to sessions and preparation, for as long as the client lives:
 * reconnects after a loss, and asks for fetches by REST meanwhile. */
static void client_watch(struct client *c);
static void client_refresh(struct client *c);      /* asks for the initial states again */
static void client_retry_now(struct client *c);    /* does not wait for the next try any longer */

/* the member "env" of POST /sessions: this process's own */
static void client_put_environment(buf *b);
/* what an error's answer says, for people; to be freed */
static char *client_detail(span body);
/* The command line (for config_words) that leads into a session of another computer, given its
 * object and the array of /computers: [peers] attach with [user@]host for DEST, and what is to be
 * run there. 1, or 0 with a message. */
static int client_put_attach(const struct config *config, struct json session,
                             struct json computers, buf *line, buf *error);

/* A WebSocket to the daemon. Set the hooks, then client_ws_open. */
struct client_ws {
    struct client *client;
    struct conn conn;
    struct ws ws;
    int open, accepted;       /* connected; the handshake was answered */
    int foreign;              /* the daemon is not telec's */
    char key[32];
    struct http_scan scan;
    void (*on_open)(void *ctx);
    void (*on_message)(void *ctx, enum ws_opcode opcode, span payload);
    /* the last call; code 0: no close frame came */
    void (*on_closed)(void *ctx, int code, const char *why);
    void *ctx;
    int code;
    char reason[124];
};

/* 0, or -1 and errno */
static int client_ws_open(struct client_ws *w, struct client *c, const char *target);
static void client_ws_send(struct client_ws *w, enum ws_opcode opcode, span payload);
/* at the program's end: no callback, no close frame */
static void client_ws_abandon(struct client_ws *w);
static void client_ws_close(struct client_ws *w);  /* on_closed comes at the end of the pass */

/* ==== tree: what the UI shows: computers, projects, sessions as rows of a tree =============== */

#define TREE_DEPTH_MAX 32 /* sessions started by sessions; deeper ones stand at this depth */
#define TREE_FOLDS_MAX 1000
#define TREE_WORDS_MAX 16 /* of a filter; more are ignored */
#define TREE_WORD_MAX 64  /* bytes of one; more are ignored */
#define TREE_AGENTS_MAX 16

/* A session as the daemon told it; strings are NULL where there is none. */
struct tree_session {
    char *id, *computer, *title, *directory, *agent, *mode, *command, *state, *last_input,
        *last_output, *initiator, *tmux, *asked, *source;
    long long activity, created, since; /* wall clock, milliseconds; 0 unknown */
    long long exit_code;
    int has_exit_code;
    int unseen;             /* it finished or asked, and nobody has looked since */
    int input_is_newer;     /* last_input has changed after last_output */
    /* what tree_build made of it */
    struct tree_session *parent, *first_child, **last_child, *next;
    char number[100];       /* 1, 1.1, 2 … within its project, by age */
    int number_columns;     /* of the widest number beside it */
    int row, project_row, computer_row; /* indices of rows; -1: not shown */
    int hit, kept;          /* the filter's words match it; it, or one that it started */
    long long rank;         /* where the order puts it; the least of it and what it started */
    int mark;
};

enum tree_kind { TREE_COMPUTER, TREE_PROJECT, TREE_SESSION };

struct tree_row {
    enum tree_kind kind;
    int depth;
    const char *computer, *path, *name; /* path, name: of a project; name of a computer */
    const char *note;       /* what is wrong with a computer; NULL: nothing */
    struct tree_session *session;
    /* stays the same as long as the thing exists: "c:vm", "p:vm:/src", "s:ID" */
    char *key;
    int folded, foldable;
    int sessions, working; /* below a computer or project */
    int waiting;           /* below any row */
    int line;              /* its first line, when every row is shown with all of its lines */
};

struct tree_project {
    char *computer, *path, *name;
};

/* An agent that can be started, or not. */
struct tree_agent {
    char *name, *reason;    /* reason: why not; NULL: none was given */
    int available;
    long long until;        /* wall clock, milliseconds: not before; 0: not known */
};

/* A word of the filter, in lower case, made ready for the search. */
struct tree_word {
    unsigned char text[TREE_WORD_MAX], back[TREE_WORD_MAX];
    int n, is_state;        /* is_state: "is:…" */
};

/* By age; those that wait first; those that said something last first. */
enum tree_order { TREE_LISTED, TREE_WAITING, TREE_RECENT, TREE_ORDERS };

struct tree {
    struct cache sessions;  /* the raw objects by id; local is the tree_session */
    char **computers;       /* names, this computer first */
    const char **computer_notes; /* of each; static texts, or NULL */
    int computer_count;
    struct tree_project *projects;
    int project_count;
    struct tree_agent agents[TREE_AGENTS_MAX];
    int agent_count;        /* 0: nobody has told yet */
    /* a directory of this computer that is shown as a project in any case; or NULL */
    char *here;
    char **folds;           /* keys of folded rows, sorted */
    int fold_count;
    char *focus;            /* the only computer whose rows there are, without its own; or NULL */
    enum tree_order order;
    struct tree_word words[TREE_WORDS_MAX]; /* the filter; while there is one nothing is folded */
    int word_count;
    struct tree_row *rows;
    int row_count, row_cap;
    int lines;              /* of all rows */
    int hits;               /* sessions that match, and projects that do without one that does */
    int dirty;              /* rows are out of date */
};

static void tree_init(struct tree *t, const char *computer, const char *here);
static void tree_free(struct tree *t);
/* a message of /ws; what isn't understood is passed over */
static void tree_event(struct tree *t, span json);
static void tree_set_sessions(struct tree *t, struct json array); /* replaces all */
static void tree_set_computers(struct tree *t, struct json array);
static void tree_set_projects(struct tree *t, struct json array);
static void tree_set_agents(struct tree *t, struct json object); /* of /agents/availability */
static void tree_build(struct tree *t);            /* brings the rows up to date */
static int tree_find(const struct tree *t, const char *key); /* index of a row, -1: none */
static void tree_set_folded(struct tree *t, const char *key, int folded);
/* every project; and with folded 0 everything else, too */
static void tree_fold_all(struct tree *t, int folded);
static void tree_set_focus(struct tree *t, const char *computer); /* NULL: all computers */
static void tree_set_order(struct tree *t, enum tree_order order);
/* Only rows that match stay, and those above them: words, separated by blanks, that all must be
 * found (A-Z as a-z) in a session's title, agent, directory, computer or last lines; "is:waiting"
 * and the like in its state ("is:unseen": nobody has looked since). O(bytes of all texts) when the
 * rows are built. NULL or "": no filter. */
static void tree_set_filter(struct tree *t, const char *text);
/* The next row after `from` (around, itself last) of a session that waits, unfolding what it is in;
 * -1: none. Builds the rows. */
static int tree_next_waiting(struct tree *t, int from);
/* The row of the session with that number, in the project of the row `from` if there is one; -1 */
static int tree_find_number(const struct tree *t, int from, const char *number);
static int tree_row_at(const struct tree *t, int line); /* index of the row on that line */
static int tree_session_lines(const struct tree_session *s); /* of its row: 1 to 3 */
/* "waiting", "working", …: is that its state? */
static int tree_is(const struct tree_session *s, const char *state);
/* Members of an open JSON object: focus, order, folds; and what was put, taken back (garbage is
 * passed over). */
static void tree_put_state(const struct tree *t, buf *b);
static void tree_take_state(struct tree *t, struct json state);
static struct tree_session *tree_session(const struct tree *t, const char *id); /* NULL: unknown */
/* The agent's name, or the program that the session runs. */
static void tree_put_agent(const struct tree_session *s, buf *b);

/* ==== plan: what the preparation view shows: computers, projects, todos, files as rows ======= */

#define PLAN_DESCRIPTION_MAX 400 /* bytes kept of a description: a row shows no more */

/* Where a todo stands: its mark in the roadmap. */
enum plan_state { PLAN_PENDING, PLAN_READY, PLAN_IN_PROGRESS, PLAN_STATES };

/* Strings are NULL where there is none. */
struct plan_todo {
    char *slug, *description;
    char *build, *review;     /* "pending", "complete", "approved" … as its state.json says */
    enum plan_state state;
    int has_requirements, has_plan;
};

struct plan_project {
    char *computer, *path, *name, *description;
    struct plan_todo *todos;  /* in the roadmap's order */
    int todo_count;
    int known;                /* its todos were told; 0: not yet */
};

enum plan_kind { PLAN_COMPUTER, PLAN_PROJECT, PLAN_TODO, PLAN_FILE };

/* What its pointers refer to is valid until the next event or answer that plan takes. */
struct plan_row {
    enum plan_kind kind;
    int depth;
    const char *computer;
    const struct plan_project *project; /* of a project and what is below it */
    const struct plan_todo *todo;       /* of a todo and its files */
    const char *file;                   /* "requirements.md", "implementation-plan.md" */
    const char *name;                   /* what the row is called: computer, project, slug, file */
    int present;                        /* of a file: it is there */
    /* stays the same as long as the thing exists: "c:vm", "p:vm:/src", "t:vm:/src:slug",
     * "f:vm:/src:slug:requirements.md" */
    char *key;
    int folded, foldable;
    int projects, todos[PLAN_STATES];   /* below a computer or project */
};

struct plan {
    char **computers;         /* names, this computer first */
    int computer_count;
    struct plan_project *projects;
    int project_count;
    /* a directory of this computer that is shown as a project in any case; or NULL */
    char *here;
    struct plan_project here_project;
    /* Keys, sorted, of rows that are not as they are at first: todos folded, the others open. */
    char **turned;
    int turned_count;
    struct plan_row *rows;
    int row_count, row_cap;
    int dirty;                /* rows are out of date */
};

static void plan_init(struct plan *p, const char *computer, const char *here);
static void plan_free(struct plan *p);
/* a message of /ws; what isn't understood is passed over */
static void plan_event(struct plan *p, span json);
static void plan_set_computers(struct plan *p, struct json array); /* GET /computers */
/* GET /projects-with-todos: replaces all. A project that comes without todos keeps those that were
 * known of it. */
static void plan_set_projects(struct plan *p, struct json array);
static void plan_build(struct plan *p);            /* brings the rows up to date */
static int plan_find(const struct plan *p, const char *key); /* index of a row, -1: none */
static void plan_set_folded(struct plan *p, const char *key, int folded);
/* Folds or unfolds if it is not as it is at first, and back: what a saved key of `turned` means. */
static void plan_turn(struct plan *p, const char *key);
static void plan_fold_all(struct plan *p, int folded); /* all that is foldable, computers apart */

/* What can be done with a row. */
enum plan_action {
    PLAN_START,               /* begin the work: a todo that is ready */
    PLAN_PREPARE,             /* a project, or one todo */
    PLAN_VIEW,                /* plan_put_file's file, in the pager */
    PLAN_EDIT                 /* the same, in the editor; made if it isn't there */
};

/* 1, or 0 with the reason in *why (a static text, a sentence for people). */
static int plan_can(const struct plan *p, const struct plan_row *row, enum plan_action action,
                    const char **why);
/* The first message of the session that does it: "/prime-orchestrator SLUG" to PLAN_START,
 * "/next-prepare" or "/next-prepare SLUG" to PLAN_PREPARE. (POST /sessions with the row's computer,
 * its project's path as project_dir, and this as message.) */
static void plan_put_message(const struct plan_row *row, enum plan_action action, buf *b);
/* The path that PLAN_VIEW and PLAN_EDIT are about: of a file its own; of a todo its requirements
 * (to view: its implementation plan if only that is there); of a project its todos/roadmap.md. */
static void plan_put_file(const struct plan_row *row, enum plan_action action, buf *b);
/* The editor's argv for that path, from $VISUAL, else $EDITOR, else vi: one block to be freed with
 * free(). Makes the path's directory, and the one above that. NULL with a message: no such
 * editor, or no such directory. */
static char **plan_editor(const char *path, buf *error);

/* ==== grid: frames of cells, written as the fewest bytes that show what changed ============== */

/* A screen that is drawn into (back) and what the terminal shows (front). */
struct grid {
    int rows, cols;
    /* The back is what is being drawn, the front what the terminal shows. Each row of theirs is the
     * number of one in `cells`; equal rows may be one. See grid_row. */
    struct cell *cells;
    unsigned short *back, *front;
    unsigned short *spare; /* numbers of rows that neither has, */
    int spare_count;       /* so many */
    unsigned char *uses;   /* of each row in cells */
    struct cell_pool pool;
    int cursor_row, cursor_col, cursor_shown; /* where the cursor shall be after the frame */
    int known; /* the front is what the terminal shows; 0: everything is redrawn */
    enum cell_depth depth;
    /* the terminal is not UTF-8: lines are drawn as + - |, what has no likeness as '?' */
    int ascii;
    int sync;                /* wrap frames in synchronised output (mode 2026) */
    int shown_cursor;        /* what the terminal's cursor is now: 0 hidden, 1 shown, -1 unknown */
    int at_row, at_col;      /* where the terminal's cursor is now; -1 unknown */
    buf scratch;             /* text made visible before it is drawn */
    struct grid_note *notes; /* one a row, while a frame is written */
};

/* What is known of a row while a frame is written. */
struct grid_note {
    int first, last; /* the columns that have changed; last < first: none have */
    /* for finding rows that only moved: digests of the cells, how many of them have changed, how
     * many are not blank */
    uint64_t back, front;
    int changed, filled;
};

/* also the first set-up; all blank, front unknown */
static void grid_resize(struct grid *g, int rows, int cols);
static void grid_free(struct grid *g);
/* back to blanks in default style, cursor hidden */
static void grid_clear(struct grid *g);
/* Draws text at row, col within `width` columns, cut (not wrapped) there; text is made visible (no
 * control byte reaches the grid). A wide character that does not fit leaves a blank. Halves of wide
 * characters that are overwritten are blanked. Outside of the grid: nothing. Returns the columns
 * used. */
static int grid_put(struct grid *g, int row, int col, int width, span text,
                    struct cell_style style);
/* blanks */
static void grid_fill(struct grid *g, int row, int col, int rows, int cols,
                      struct cell_style style);
/* e.g. reverse a row */
static void grid_restyle(struct grid *g, int row, int col, int cols, unsigned set_attr);
/* Other colours; 0: as they are. */
static void grid_recolour(struct grid *g, int row, int col, int cols, uint32_t fg, uint32_t bg);
/* Copies n cells of a row of another grid (an emulator's) with its pool. The right half of a wide
 * character is copied with its left one; alone it is a blank. */
static void grid_put_cells(struct grid *g, int row, int col, const struct cell *cells, int n,
                           const struct cell_pool *pool);
/* Appends to b the bytes that turn the front into the back, as few as cheaply found (cursor moves,
 * erasing, scrolling of bands of rows; nothing when nothing changed), and makes the front equal. */
static void grid_frame(struct grid *g, buf *b);

/* ==== term: raw mode, input decoder ========================================================== */

/* Keys that are not characters; above every code point. */
enum term_keycode {
    TERM_UP = 0x110000,
    TERM_DOWN,
    TERM_LEFT,
    TERM_RIGHT,
    TERM_HOME,
    TERM_END,
    TERM_PGUP,
    TERM_PGDN,
    TERM_INSERT,
    TERM_DELETE,
    TERM_F1,
    TERM_F2,
    TERM_F3,
    TERM_F4,
    TERM_F5,
    TERM_F6,
    TERM_F7,
    TERM_F8,
    TERM_F9,
    TERM_F10,
    TERM_F11,
    TERM_F12
};
/* Enter is '\r', Tab '\t', Escape 0x1b, Backspace 0x7f; Ctrl-A is 'a' with TERM_CTRL; Shift-Tab is
 * '\t' with TERM_SHIFT. */
enum term_mod { TERM_SHIFT = 1, TERM_ALT = 2, TERM_CTRL = 4 };

enum term_event_type {
    TERM_KEY,
    /* text: the whole paste, raw bytes, at most TERM_PASTE_MAX (the rest is dropped) */
    TERM_PASTE,
    TERM_MOUSE,
    TERM_FOCUS_IN,
    TERM_FOCUS_OUT,
    TERM_BACKGROUND, /* answer to OSC 11: colour is 0xrrggbb */
    TERM_MODE,       /* answer to DECRQM: mode, and value 0…4 */
    TERM_UNKNOWN     /* a sequence that is none of these; text holds it */
};

enum term_mouse { TERM_PRESS, TERM_RELEASE, TERM_DRAG, TERM_MOVE, TERM_WHEEL_UP, TERM_WHEEL_DOWN };

struct term_event {
    enum term_event_type type;
    uint32_t key;            /* code point or enum term_keycode */
    unsigned mods;           /* set of enum term_mod */
    enum term_mouse mouse;
    int button, row, col;    /* button 0 left, 1 middle, 2 right; row and col from 0 */
    uint32_t colour;
    int mode, value;
    span text;               /* the event's bytes; valid until the input changes */
};

#ifndef TERM_PASTE_MAX
#define TERM_PASTE_MAX (256 * 1024)
#endif
/* bytes of one escape sequence (OSC answers and pastes apart: 256 and TERM_PASTE_MAX) */
#define TERM_SEQUENCE_MAX 64

/* What the decoder remembers between calls; all zero before the first. */
struct term_input {
    int dropping;            /* what is too long and therefore dropped until its end */
    size_t searched;         /* bytes of the unfinished paste in which there is no end */
};

/* The next event of `in`, which goes on where the last call's *used left it. DONE: *used bytes are
 * done with and *ev is it. MORE: the bytes after the first *used (0 unless something too long is
 * being dropped) are the start of a longer sequence (a lone ESC is). With `flush` (the caller's
 * escape timeout has passed) what is there becomes events as it stands: a lone ESC is the Escape
 * key, ESC x is Alt-x; MORE then means that nothing is left, or a paste whose end has not come.
 * Never BAD: garbage becomes TERM_UNKNOWN or U+FFFD keys. Understands CSI and SS3 keys with xterm
 * modifiers, CSI u (kitty), modifyOtherKeys, SGR mouse, bracketed paste, focus, OSC 11, DECRPM,
 * UTF-8. */
static enum parse term_decode(struct term_input *st, span in, int flush, size_t *used,
                              struct term_event *ev);

/* Bytes that ask the terminal for its background colour (TERM_BACKGROUND) and for synchronised
 * output (TERM_MODE 2026: value 1 or 2 means it has it); "" where asking would show as garbage. */
static const char *term_queries(void);

/* The terminal itself. Saves its modes once; term_leave restores them exactly and is safe to call
 * from a signal handler and more than once. */
/* Raw mode; appends to b what is to be written first: alternate screen, bracketed paste, focus,
 * mouse. 0, or -1 and errno */
static int term_enter(int in_fd, int out_fd, int mouse, buf *b);
static void term_entered(void);                    /* it is written now: term_leave undoes it */
static void term_leave(void);
/* on a fatal signal: term_leave, then the default action */
static void term_crash_guard(void);
static int term_size(int fd, int *rows, int *cols); /* 0, or -1 */
static enum cell_depth term_depth(void);           /* from NO_COLOR, COLORTERM and TERM */
static int term_is_utf8(void);                     /* from LC_ALL, LC_CTYPE, LANG */

/* ==== theme: named styles: defaults for dark, light and unknown grounds, the user's own ====== */

/* What things look like, by name; the names in the configuration are those of the table in theme.c.
 */
enum theme_name {
    THEME_TEXT,
    THEME_DIM,
    THEME_ACCENT,    /* names, the focused label */
    THEME_TITLE,
    THEME_ALARM,     /* what went wrong */
    THEME_SELECTED,
    THEME_BORDER,
    THEME_FIELD,     /* text that can be edited */
    THEME_BUTTON,
    THEME_KEY,       /* a key's name in footer and help */
    THEME_HINT,      /* what stands beside it */
    THEME_TAB,       /* the tab that is not shown; the shown one is THEME_SELECTED */
    THEME_MATCH,     /* what a filter has found */
    THEME_INPUT,     /* the last thing said to a session, when it is the newer one */
    THEME_OUTPUT,    /* the last thing said by it, when that is */
    THEME_MUTED,     /* the older one of the two */
    THEME_LIVE,      /* the connection: push, REST, none */
    THEME_FALLBACK,
    THEME_LOST,
    THEME_STARTING,  /* a session's state */
    THEME_WORKING,
    THEME_WAITING,
    THEME_IDLE,
    THEME_EXITED,
    THEME_FAILED,
    THEME_HEADING,   /* the pager */
    THEME_CODE,
    THEME_STYLES
};

enum theme_ground { THEME_NEUTRAL, THEME_DARK, THEME_LIGHT };

struct theme {
    struct cell_style style[THEME_STYLES];
    struct {
        char name[CONFIG_NAME_MAX];
        struct cell_style style;
    } agents[CONFIG_AGENTS_MAX];
    int agent_count;
};

/* The default styles for that ground, and what the configuration's [colours] set over them. Lines
 * that can't be used are told in *problems (NULL: to nobody, as when the ground became known). */
static void theme_set(struct theme *th, const struct config *c, enum theme_ground ground,
                      buf *problems);
static enum theme_ground theme_ground(uint32_t rgb); /* of a terminal's answer to OSC 11 */
static struct cell_style theme_agent(const struct theme *th, const char *agent); /* NULL is fine */
/* "bold red on #202020", parsed and written. 1, or 0: it is not a style. */
static int theme_parse(span s, struct cell_style *style);
static void theme_put(buf *b, struct cell_style style);
/* [colours] of the effective configuration. */
static void theme_put_config(const struct config *c, buf *b);

/* ==== field: text being edited, of one line or of several ==================================== */

/* All zero is empty, and one line. The owner may set rows and history. */
struct field {
    buf text;
    size_t cursor;          /* byte offset, at a grapheme's start */
    int rows;               /* more than 1: several lines, of which at most so many are shown */
    const char *const *history; /* earlier entries, the newest last; the owner's */
    int history_count;
    int back;               /* how far back in it: 0 is what is being typed … */
    buf draft;              /* … which is kept here meanwhile */
    int width, top;         /* as drawn last: columns; first line shown */
};

static void field_set(struct field *f, const char *text); /* the cursor goes to the end */
static void field_free(struct field *f);
/* Text at the cursor, as a paste: what can't stand in the field becomes blanks. */
static void field_insert(struct field *f, span text);
/* 1: it was for the field. Alt-Enter and Ctrl-J begin a new line where there are several. Up on the
 * first line goes back in the history, down on the last one forth; without one they are not for the
 * field. */
static int field_event(struct field *f, const struct term_event *ev);
/* How many lines it takes at that width: 1 … rows. */
static int field_height(const struct field *f, int width);
/* Draws at most `rows` lines, those around the cursor. */
static void field_draw(struct grid *g, int row, int col, int rows, int width, struct field *f,
                       struct cell_style style, int focused);
/* A click at that place of the field as it was drawn last, from its first cell on. */
static void field_click(struct field *f, int row, int col);
/* Completes the local directory that is typed: 1: something was added, or *hint says what there is
 * to choose from; 0: there is nothing to complete. */
static int field_complete_directory(struct field *f, buf *hint);

/* ==== ui: widgets: form, box, confirmation, toasts, key table, help, footer ================== */

static const struct cell_style ui_plain = {0, 0, 0};
static const struct cell_style ui_dim = {0, 0, CELL_DIM};
static const struct cell_style ui_bold = {0, 0, CELL_BOLD};
static const struct cell_style ui_accent = {CELL_INDEXED | 6, 0, CELL_BOLD};
static const struct cell_style ui_alarm = {CELL_INDEXED | 1, 0, CELL_BOLD};
static const struct cell_style ui_selected = {0, 0, CELL_REVERSE};

static int ui_min(int a, int b);
static int ui_max(int a, int b);
/* grid_put of a C string. */
static int ui_put(struct grid *g, int row, int col, int width, const char *text,
                  struct cell_style style);
/* The same, but what does not fit is cut with … (> in ASCII). */
static int ui_put_cut(struct grid *g, int row, int col, int width, const char *text,
                      struct cell_style style);

/* What a place of the screen is for. */
enum ui_what {
    UI_NOTHING,
    UI_KEY,      /* index: a row of the key table */
    UI_LINE,     /* index: a form's line; part: the choice, or -1 */
    UI_BUTTON,   /* index: 0 does it, 1 cancels */
    UI_OWN = 16  /* from here on the owner's own */
};

struct ui_hit {
    int row, col, rows, cols;
    int what, index, part;
};

#define UI_HITS_MAX 1024 /* a screen's worth; what comes after them can't be clicked */

/* What widgets are drawn on, and with. The hits of a frame are collected while it is drawn. */
struct ui {
    struct grid *grid;
    const struct theme *theme;
    struct ui_hit *hits;
    int hit_count, hit_cap;
};

static void ui_free(struct ui *u);
/* A blank frame without places to click. */
static void ui_begin(struct ui *u);
static void ui_add_hit(struct ui *u, int row, int col, int rows, int cols, int what, int index,
                       int part);
/* What was drawn last at that place of the last frame; NULL: nothing to click. */
static const struct ui_hit *ui_find_hit(const struct ui *u, int row, int col);
/* The lines that a turn of the wheel scrolls, upwards positive; 0: the event is none. */
static int ui_wheel(const struct term_event *ev);
/* The same for an event: only of a press of the left button, else NULL. */
static const struct ui_hit *ui_clicked(const struct ui *u, const struct term_event *ev);

#define UI_FORM_MAX 8

/* A line of a form: text, or one of several choices. */
struct ui_line {
    const char *label;
    struct field field;             /* text; its rows and history may be set */
    const char *const *choices;     /* NULL: text */
    /* why a choice can't be taken; NULL or NULL entries: it can */
    const char *const *notes;
    int choice_count, choice;
    /* What Tab does in a text line: field_complete_directory, or NULL */
    int (*complete)(struct field *f, buf *hint);
};

struct ui_form {
    const char *title;
    const char *submit, *cancel;    /* the buttons' words ("Start"); cancel NULL: "Cancel" */
    struct ui_line lines[UI_FORM_MAX];
    int count, focus;               /* count is the first button, count + 1 the second one */
    buf error;                      /* shown until the next key */
    buf hint;                       /* what completion has to offer, until the next key */
    int busy;                       /* submitted, no answer yet */
};

enum ui_answer { UI_NOT_YET, UI_SUBMIT, UI_CANCEL };

static struct ui_line *ui_form_add(struct ui_form *f, const char *label, const char *text);
/* Of keys, pastes and the mouse. A choice that can't be taken is not submitted: its note becomes
 * the error. */
static enum ui_answer ui_form_event(struct ui *u, struct ui_form *f, const struct term_event *ev);
static void ui_form_draw(struct ui *u, struct ui_form *f);
/* a text line's text, NUL-terminated */
static const char *ui_form_text(struct ui_form *f, const char *label);
static const char *ui_form_choice(const struct ui_form *f, const char *label);
static void ui_form_free(struct ui_form *f);

/* A question with two buttons. */
struct ui_confirm {
    const char *title;
    const char *yes, *no;           /* the buttons' words; their first letters are keys, too */
    int focus;                      /* the button that Enter presses: 0 yes, 1 no */
};

static enum ui_answer ui_confirm_event(struct ui *u, struct ui_confirm *c,
                                       const struct term_event *ev);
static void ui_confirm_draw(struct ui *u, const struct ui_confirm *c, span text);

/* Short messages: the last one is shown for a time, an error until it was read, and all can be
 * listed. All zero is none. */
#define UI_TOASTS_MAX 50
#define UI_TOAST_MS 4000

struct ui_toast {
    char *text;
    int alarm;
    long long at;                   /* wall clock, ms */
};

/* What is longer than its place, as it was drawn last. */
struct ui_scroll {
    int top;                        /* lines scrolled down */
    int most;                       /* where its end is in sight */
    int drawn;                      /* that is known */
};

struct ui_toasts {
    struct ui_toast ring[UI_TOASTS_MAX];
    int count, next;                /* how many are there; where the next one goes */
    int shown;                      /* the one on the screen, or 0: index + 1 */
    int unread;                     /* errors not read */
    long long until;                /* loop clock: when the shown one goes; 0: it stays */
    struct ui_scroll list;
};

static void ui_toast_add(struct ui_toasts *t, int alarm, const char *text, long long now);
/* 1: the shown one went because its time is over (t->until is when to ask; 0: it stays). */
static int ui_toast_expire(struct ui_toasts *t, long long now);
static void ui_toast_read(struct ui_toasts *t); /* a key was pressed: errors have been read */
static int ui_toast_rows(const struct ui_toasts *t); /* 0 or 1: lines that ui_toast_draw takes */
static void ui_toast_draw(struct ui *u, const struct ui_toasts *t, int row);
/* The list, the newest first. Its event function takes what scrolls: 1, or 0: not for it. */
static int ui_toasts_event(struct ui_toasts *t, const struct term_event *ev);
static void ui_toasts_draw(struct ui *u, struct ui_toasts *t);
static void ui_toasts_free(struct ui_toasts *t);

/* A row of the key table: behaviour, footer, help and README come from it. */
struct ui_key {
    uint32_t key;
    unsigned mods;
    unsigned contexts;              /* where it is valid: bits of the owner's own */
    const char *shown;              /* how the key is called */
    const char *footer;             /* its word in the footer; NULL: not there */
    const char *help;               /* a line of help; NULL: like the row before it */
    void (*run)(void *ctx);
    /* its name in [keys]; rows of one name are one action's; NULL: it can't be bound anew */
    const char *action;
};

/* The effective table: what the owner offers, with the keys that [keys] gives. */
struct ui_keys {
    struct ui_key *rows;
    int *lines;                     /* of the file, that gave the row its key; 0: none did */
    size_t count, cap;
    char **owned;                   /* names made for it */
    size_t owned_count;
    const struct ui_key *table;     /* the owner's, with the keys that come with it */
    size_t table_count;
};

/* "Ctrl-x", "Alt-x", "Shift-Tab", "F1", "Space", "PgUp", "up", "x" … 1, or 0: not a key. */
static int ui_parse_key(span s, uint32_t *key, unsigned *mods);
static void ui_put_key(buf *b, uint32_t key, unsigned mods);
/* Fills in *keys; the table must outlive it. "ACTION =" takes all keys away. A line of [keys] with
 * an unknown action or key, or with a key that is bound already where the action is valid, is a
 * problem (told in *problems unless NULL), and the rest applies. A bound action has the contexts of
 * its first row. */
static void ui_bind_keys(struct ui_keys *keys, const struct ui_key *table, size_t count,
                         const struct config *c, buf *problems);
static void ui_free_keys(struct ui_keys *keys);
/* [keys] of the effective configuration. */
static void ui_put_keys(const struct ui_keys *keys, const struct config *c, buf *b);
static const struct ui_key *ui_find_key(const struct ui_key *keys, size_t count, unsigned context,
                                        const struct term_event *ev); /* NULL: no such key here */
/* The last row of the grid; each key can be clicked (UI_KEY). */
static void ui_footer_draw(struct ui *u, const struct ui_key *keys, size_t count,
                           unsigned context);

/* The list of all keys; what is typed filters it. */
struct ui_help {
    struct field filter;
    struct ui_scroll list;
};

/* 1: it was for it: typed text, Backspace, what scrolls; Esc while there is a filter. */
static int ui_help_event(struct ui_help *h, const struct term_event *ev);
static void ui_help_draw(struct ui *u, struct ui_help *h, const struct ui_key *keys, size_t count,
                         const char *title);
static void ui_help_free(struct ui_help *h);
/* A frame in the middle, cut to the screen; *row and *col become the place of its first inner
 * line. What was drawn before can't be clicked any more: draw the footer after it. */
static void ui_box_draw(struct ui *u, int rows, int cols, const char *title, int *row, int *col);
/* Text broken at blanks into lines of at most `width` columns; draws at most `rows`, returns how
 * many it needs. */
static int ui_wrapped_draw(struct grid *g, int row, int col, int width, int rows, span text,
                           struct cell_style style);

/* ==== pager: a file's text, with light Markdown styling ====================================== */

#ifndef PAGER_FILE_MAX
#define PAGER_FILE_MAX (4 * 1024 * 1024) /* bytes shown of a file */
#endif

/* A line of the text without its markup, in pager.shown. */
struct pager_line {
    size_t at, end;
    int indent;               /* columns before the rows that continue it */
    int rule;                 /* it is a line across the screen instead */
};

/* A row of the screen: a part of a line. */
struct pager_row {
    size_t at, end;
    int indent, line;
};

/* All zero before the first pager_open or pager_set. */
struct pager {
    const struct theme *theme; /* the owner's, or NULL: styles of its own; stays when closed */
    char *title, *path;
    buf error;                /* why nothing is shown; else empty */
    int cut;                  /* the file is longer than what is shown of it */
    buf shown, looks;         /* the text, and an enum pager_look for each of its bytes */
    struct pager_line *lines;
    struct pager_row *rows;   /* of the lines, at `width` columns; made when that changes */
    int line_count, row_count, width;
    int top, height;          /* first row shown; rows shown by the last pager_draw */
    buf needle;               /* what is searched for */
    int typing;               /* it is being typed */
    int missed;               /* it isn't there */
    size_t *hits;             /* where it is, ascending; hit: the one that was gone to, or -1 */
    int hit_count, hit;
};

enum pager_answer {
    PAGER_PASSED,             /* the event was not for it */
    PAGER_TAKEN,              /* it was; draw again */
    PAGER_CLOSE               /* q or Esc: the owner closes it */
};

/* Shows the file. Never fails: what can't be read is told where the text would be. */
static void pager_open(struct pager *p, const char *title, const char *path);
/* Reads the file again and stays at the same line, e.g. after it was edited. */
static void pager_reload(struct pager *p);
/* Shows a text, as Markdown or as it is. */
static void pager_set(struct pager *p, const char *title, span text, int markdown);
static void pager_free(struct pager *p);           /* empty again; safe twice */
/* Keys, the wheel, and a paste while it is searched. Not for it: what its keys (pager_put_keys)
 * don't name. */
static enum pager_answer pager_event(struct pager *p, const struct term_event *ev);
/* Draws into the rectangle, the last row of it being the footer: title, where in the text, how far
 * down. */
static void pager_draw(struct pager *p, struct grid *g, int row, int col, int rows, int cols);
static void pager_put_keys(buf *b);                /* its keys as lines of help */
/* What its keys do, for buttons and the like. */
static void pager_scroll(struct pager *p, int rows);  /* down; negative: up */
static void pager_page(struct pager *p, int pages);
static void pager_go(struct pager *p, int end);       /* 0: to the start; 1: to the end */
static void pager_search(struct pager *p, const char *needle); /* from the first row shown on */
static void pager_next(struct pager *p, int step);    /* 1: the next hit, -1: the one before */

/* ==== view: a session's live screen inside the UI: preview and attach ======================== */

struct view_hooks {
    void (*changed)(void *ctx);
    void (*ended)(void *ctx); /* no more comes: view->reason says why; view_close is still due */
};

/* A connection to a session's screen, and the emulator that it feeds. */
struct view {
    struct hold_link link;   /* to its holder, when that is on this computer; */
    struct client_ws ws;     /* else through the daemon */
    struct loop *loop;       /* NULL: a view of plain text */
    struct vt *vt;           /* NULL until the first bytes have come */
    char *id;                /* the session's */
    int back;                /* lines scrolled back */
    int pan_rows, pan_cols;  /* how far from the cursor's surroundings the cut-out was moved */
    buf typed;               /* input that leaves at the end of the pass, or once connected */
    struct loop_task send_task;
    int pty;                 /* the session's, for typing past its holder; -1: none */
    int may_type;            /* and nothing that anybody typed otherwise is under way */
    long long inputs;        /* frames of input that went through the holder */
    long long typed_at;      /* loop clock: when the pty was written to last */
    struct loop_timer notice_timer; /* until the holder is told that it was used */
    int want_cols, want_rows; /* the size to ask for; 0: none */
    unsigned modes;          /* what view_put_modes told the terminal last */
    unsigned ui_modes;       /* what the UI has switched on itself */
    int wheel;               /* scrolls back where the program does not want the mouse */
    int shape;
    char reason[128];
    const struct view_hooks *hooks; /* NULL once closed */
    void *ctx;
};

/* Opens the screen of session `id`, with input and scrollback when control is 1. NULL: the daemon
 * can't be reached. */
static struct view *view_open(struct client *client, const char *id, int control,
                              const struct view_hooks *hooks, void *ctx);
/* A view of plain text: the transcript of a session that has ended. */
static struct view *view_of_text(const char *id, span text, int cols, int rows);
/* {"size": [cols, rows]}, the text message before a snapshot of that size. 1, or 0: it isn't one.
 */
static int view_parse_size(span text, int *cols, int *rows);
static int view_is_open(const struct view *v);     /* more may come */
static void view_close(struct view *v);            /* no hook is called any more; NULL is fine */
static void view_abandon(struct view *v);          /* at the program's end */
static void view_send(struct view *v, span input); /* bytes for the program */
static void view_resize(struct view *v, int cols, int rows); /* asks for that size */
static void view_scroll(struct view *v, int lines); /* back (positive) or forth */
static void view_pan(struct view *v, int rows, int cols); /* moves the cut-out of a larger screen */
/* Draws into the rectangle, cropped around the cursor where the session's screen is larger; with
 * `cursor` the terminal's cursor goes to the session's. */
static void view_draw(struct view *v, struct grid *g, int row, int col, int rows, int cols,
                      int cursor);
/* Appends what tells the terminal the input modes that the program wants now. */
static void view_put_modes(struct view *v, buf *b);
/* Appends what the program has put on the clipboard since the last call. */
static void view_put_clipboard(struct view *v, buf *b);
static void view_put_modes_back(struct view *v, buf *b); /* and what takes them back */
/* Before the first view_put_modes: the UI has switched the mouse on itself, or (on 0) leaves it to
 * the terminal altogether. */
static void view_set_mouse(struct view *v, int on);
/* The terminal is set as the UI sets it: whatever was told before is to be told again. */
static void view_forget_modes(struct view *v);

/* ==== look: how sessions, projects and todos are drawn ======================================= */

/* A list's place on the screen, and how far it is scrolled. */
struct look_list {
    int row, col, rows, cols;
    int at, top;            /* the selected row; the first line shown */
    int details;            /* every session with its last words, not only the selected one */
    long long now;          /* wall clock, ms: what ages are counted from */
};

/* What can be clicked: a row (index: of the tree or plan), a tab (index). */
enum look_hit { LOOK_ROW = UI_OWN, LOOK_TAB, LOOK_PREVIEW };

#define LOOK_TABS 2
#define LOOK_TELLINGS 3     /* ways to tell the state of the connection */

struct look_header {
    const char *tabs[LOOK_TABS];
    int tab;                /* the one that is shown */
    const char *crumb;      /* what is in focus, or NULL */
    const char *push[LOOK_TELLINGS]; /* how the connection is: at length, shorter, in a word */
    enum theme_name push_style;
    long long now;          /* wall clock, ms */
};

/* Draws the rows that are seen, scrolled so that the selected one is among them. */
static void look_tree(struct ui *u, const struct tree *t, struct look_list *l);
static void look_plan(struct ui *u, const struct plan *plan, struct look_list *l);
/* The lines that the rows take in all, and the row that stands on one of them. */
static int look_tree_lines(const struct tree *t, const struct look_list *l);
static int look_tree_row(const struct tree *t, const struct look_list *l, int line);
/* The first line of the screen: name, tabs, what is in focus, agents, connection. */
static void look_header(struct ui *u, const struct tree *t, const struct look_header *h);
/* One line: the session's state, for how long, and how that is known. */
static void look_put_state(struct ui *u, int row, int col, int cols, const struct tree_session *s,
                           long long now);
static int look_put_glyph(struct ui *u, int row, int col, const struct tree_session *s);
static struct cell_style look_style(const struct ui *u, enum theme_name name);
/* Why an agent can't be started now, or for how long: "not installed", "42m"; nothing if it can. */
static void look_put_agent_note(const struct tree_agent *a, long long now, buf *b);

/* ==== app: the UI's state: what is shown and selected, requests, what survives a restart ===== */

#define APP_PROMPTS_MAX 20
#define APP_ENDED_MAX 8    /* sessions that can be taken back */
#define APP_PROMPT_MAX 1000 /* bytes; longer ones are not remembered */

/* What the keyboard is talking to; bits, for the key table's contexts. */
enum app_mode {
    APP_SESSIONS = 1,       /* the two views … */
    APP_PLAN = 2,
    APP_FILTER = 4,         /* … and what stands over them: a filter is typed */
    APP_JUMP = 8,           /* a session's number is typed */
    APP_HELP = 16,
    APP_TOASTS = 32,        /* the last messages */
    APP_CONFIRM = 64,
    APP_NEW = 128,
    APP_MESSAGE = 256,
    APP_RENAME = 512,
    APP_PAGER = 1024,
    APP_ATTACHED = 2048,    /* what is typed goes to the session */
    APP_PREFIX = 4096       /* but for the key after the prefix */
};
#define APP_LISTS (APP_SESSIONS | APP_PLAN)
#define APP_SCREENS (APP_ATTACHED | APP_PREFIX)
#define APP_FORMS (APP_NEW | APP_MESSAGE | APP_RENAME)

/* One of the two views: its list, and what is selected. */
struct app_view {
    struct look_list list;
    char *selected;         /* key of the selected row */
    char *wanted;           /* key to select as soon as it is there: a session just made */
};

/* A session that was ended here and can be taken back. */
struct app_ended {
    char *id, *title, *computer;
    long long until;        /* loop clock; 0: the daemon has not said yet */
};

struct app {
    const struct config *config;
    struct loop loop;
    struct client client;
    struct tree tree;
    struct plan plan;
    struct theme theme;
    struct grid grid;
    struct ui ui;
    struct ui_keys keys;
    struct ui_toasts toasts;
    struct ui_help help;
    struct ui_form form;
    struct ui_confirm confirm;
    struct pager pager;
    struct term_input input;
    struct conn terminal;
    enum app_mode mode, shown; /* shown: APP_SESSIONS or APP_PLAN */
    struct app_view views[2];  /* in that order */
    struct field filter;
    int find_hit;             /* it has changed: something that it has found is to be selected */
    char jump[16];            /* the number as far as it is typed */
    int fetched;              /* the sessions have been told */
    /* the session that a dialog is about, and its computer, or where a new one shall be */
    char *target, *target_computer;
    /* the form's choices */
    char *agents[TREE_AGENTS_MAX], *notes[TREE_AGENTS_MAX], **computers;
    int agent_count, computer_count;
    char *prompts[APP_PROMPTS_MAX]; /* given before, the newest last */
    int prompt_count;
    struct app_ended ended[APP_ENDED_MAX]; /* the newest last */
    int ended_count;
    char followed[132];       /* the session whose preview was fetched last */
    struct view *view;        /* the preview, or the attached session's screen; or NULL */
    int no_preview;           /* Space has put it away where it would stand below the list */
    int has_preview;
    int list_cols, list_bottom; /* where the list ends; the preview begins behind it */
    const char *attach_only;  /* begin and end with this session attached; or NULL */
    long long events;         /* messages of /ws so far */
    long long frame_due;      /* the next frame isn't drawn before this, */
    int echoes;               /* but for so many that are owed to keys typed into a session, */
    long long echo_until;     /* until then */
    int stale;                /* the screen is out of date */
    int quit;
    int keep_due;             /* what is written to disk is out of date */
    /* a program that has the terminal */
    struct loop_child program;
    char **program_argv;      /* waits for the terminal to take the last frame; or NULL */
    int program_runs;
    void (*program_done)(struct app *t, int status, const char *error);
    char *clicked;            /* the row that was clicked last, and when: two clicks open it */
    long long clicked_at;
    int built, drawn;         /* how often rows were built; and when the last frame was drawn */
    buf frame;                /* what goes to the terminal with the next frame */
    struct loop_timer frame_timer, escape_timer, ages_timer, second_timer, toast_timer,
        preview_timer, rest_timer, keep_timer;
    struct loop_task connect_task, blank_task, draw_task;
};

/* A request by REST, and what its answer is for. */
struct app_ask {
    struct app *app;
    void (*take)(struct app *t, struct json answer, struct app_ask *ask);
    long long events;         /* messages of /ws when it was sent */
    enum app_mode dialog;     /* the form that waits for it; 0: none */
    char *about;              /* a session; or NULL */
};

/* The screen is out of date: a frame is drawn as soon as one is due. */
static void app_changed(struct app *t);
static void app_count_frame(struct app *t);        /* one is drawn: it is up to date again */
static void app_owe_echo(struct app *t);           /* a key was typed into a session */
static void app_on_toast_over(void *ctx);          /* a toast's time may be over */
static void app_say(struct app *t, int alarm, const char *text);
static void app_set_mode(struct app *t, enum app_mode mode);
/* Sessions that can be taken back: by place among t->ended, -1 where there is none. */
static void app_add_ended(struct app *t, const char *id, const char *title, const char *computer);
static void app_forget_ended(struct app *t, int at); /* -1: none */
static int app_find_ended(const struct app *t, const char *id);
static int app_last_ended(const struct app *t);    /* the one that was ended last */
static void app_set(char **place, const char *value); /* a copy; NULL is fine */
static struct app_view *app_view(struct app *t);   /* the one that is shown */
static void app_show(struct app *t, enum app_mode view); /* one of APP_LISTS */
static int app_rows(const struct app *t);          /* of the view that is shown */
static void app_select(struct app *t, int at);     /* the nearest row there is */
/* Brings the rows up to date. The selection stays on its thing, or near where that was. */
static void app_settle(struct app *t);
static struct tree_row *app_row(struct app *t);    /* the selected one of the sessions; or NULL */
static struct tree_session *app_session(struct app *t);
static const struct plan_row *app_plan_row(struct app *t);
/* Sends a request; take is called with a good answer. A failure is told where it belongs: in the
 * dialog that asked, or as a toast. The ask may be told more until the answer comes, which frees
 * it. */
static struct app_ask *app_request(
    struct app *t, const char *method, const char *target, span body, enum app_mode dialog,
    void (*take)(struct app *t, struct json answer, struct app_ask *ask));
/* The answer, good as it looked, is none: told as a failure is. */
static void app_refuse(struct app_ask *ask, const char *why);
static void app_put_target(buf *b, const char *id, const char *tail, const char *computer);
static void app_fetch_sessions(struct app *t);
static void app_fetch_rest(struct app *t);
static void app_fetch(struct app *t);
static int app_is_foreign(const struct app *t);    /* the daemon is TeleClaude's */
/* What survives the UI's end, in STATE/ui.json: read once at the start; written when it has
 * changed, now and then, and at the end. */
static void app_keep(struct app *t);               /* it has changed */
static void app_write(void *ctx);                  /* now, if it is out of date */
static void app_read(struct app *t);
static void app_add_prompt(struct app *t, const char *prompt);
/* Gives the terminal to a program (argv in one block, freed with free) until it ends; then done,
 * with waitpid's status, or an error when it could not be started. */
static void app_run(struct app *t, char **argv,
                    void (*done)(struct app *t, int status, const char *error));
static void app_run_now(struct app *t);            /* the terminal has taken the last frame */
static void app_resize(struct app *t);             /* asks the terminal for its size */
static int app_wants_mouse(const struct app *t);
static void app_free(struct app *t);

/* ==== dialog: starting, messaging, renaming, ending a session ================================ */

static void dialog_new(struct app *t, const char *prompt); /* in what is selected */
static void dialog_message(struct app *t);
static void dialog_rename(struct app *t);
static void dialog_end(struct app *t);             /* asks first, unless it has exited */
static void dialog_take_back(struct app *t);       /* the session that was ended last */
static void dialog_event(struct app *t, const struct term_event *ev);
static void dialog_draw(struct app *t);
static void dialog_close(struct app *t);
/* Starts a session without asking: what the preparation view does. */
static void dialog_start(struct app *t, const char *computer, const char *directory,
                         const char *message);

/* ==== attach: a session's screen: beside the list, or over all of the terminal =============== */

/* In the session; the view on it replaces the preview. */
static void attach_begin(struct app *t, const char *id);
/* Back to the tree, or to the shell when telec was called to attach only; why is said, or NULL. */
static void attach_end(struct app *t, const char *why);
/* Does only a program of its own lead there: ssh to another computer, tmux? */
static int attach_is_elsewhere(const struct app *t, const struct tree_session *s);
static void attach_follow(struct app *t);          /* keeps the preview on the selection */
static void attach_on_preview(void *ctx);          /* the app's preview_timer */
/* An event while attached: the prefix, what scrolls back; everything else is the session's. */
static void attach_event(struct app *t, const struct term_event *ev);
static void attach_send_prefix(struct app *t);     /* the prefix itself */
/* into what has scrolled off; negative: back */
static void attach_scroll(struct app *t, int lines);
/* keys of the table, after the prefix */
static void attach_key_pan_up(void *ctx);
static void attach_key_pan_down(void *ctx);
static void attach_key_pan_left(void *ctx);
static void attach_key_pan_right(void *ctx);
static void attach_key_detach(void *ctx);
static void attach_key_next(void *ctx);
static void attach_key_previous(void *ctx);
static void attach_key_next_waiting(void *ctx);

/* ==== paint: a frame: where things are, and drawing them ===================================== */

/* Draws and writes what has changed, when it has and the terminal takes more; a task of the app. */
static void paint_frame(void *ctx);

/* ==== tui: the terminal UI: keys, mouse, answers, events, life =============================== */

/* Runs until the user quits; the exit status. attach: the session to begin (and end) with, or NULL.
 */
static int tui_run(const struct config *config, int may_start, const char *attach, buf *error);
static void tui_put_keys(buf *b);                  /* the key table as text, for help and README */
/* [keys] and [colours] of the effective configuration; what is wrong with them in *problems. */
static void tui_put_config(const struct config *config, buf *b, buf *problems);

/* ==== cli: command table and commands ======================================================== */

static int cli_main(int argc, char **argv);        /* exit status: 0 ok, 1 failed, 2 usage */

#endif
