#ifndef TELEC_WIRE_H
#define TELEC_WIRE_H
#include "../base/base.h"

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
#define WS_MASK_BYTES 4
#define WS_KEY_BYTES 16

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
/* Appends a whole frame. A client passes a mask of WS_MASK_BYTES random bytes, fresh for each frame
 * (RFC 6455 5.3); a server passes NULL. */
static void ws_put_frame(buf *b, const unsigned char *mask, enum ws_opcode opcode, span payload);
/* A server frame's head for a payload of n bytes that is sent from elsewhere; bytes written. */
static size_t ws_frame_head(unsigned char out[WS_HEAD_MAX], enum ws_opcode opcode, uint64_t n);
/* reason is cut to 123 bytes; 1005: an empty frame */
static void ws_put_close(buf *b, const unsigned char *mask, int code, const char *reason);
/* The server's side of the handshake (RFC 6455 4.2): appends the whole answer to a GET with
 * upgrade_websocket: 101, or 400, or 426 with Sec-WebSocket-Version: 13. Returns the status; what
 * is not 101 says Connection: close. */
static int ws_put_handshake(buf *b, const struct http_head *request);
/* The client's side (4.1): the request for target, whose `key` is WS_KEY_BYTES random bytes in
 * base64, and the check of the answer: 1 accepted, else 0 with *why. */
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

#endif
