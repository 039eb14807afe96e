#ifndef TELEC_WIRE_H
#define TELEC_WIRE_H
#include "../base/base.h"

/* ==== http: HTTP/1.1 messages, both roles (RFC 9110, RFC 9112) =============================== */

#ifndef HTTP_HEAD_MAX
#define HTTP_HEAD_MAX (32 * 1024)   /* request line and headers, in bytes */
#endif
#define HTTP_HEADERS_MAX 101        /* 100 beside Host */
#ifndef HTTP_BODY_MAX
#define HTTP_BODY_MAX (1024 * 1024) /* a request's body, in bytes, after chunked decoding */
#endif
#define HTTP_CHUNK_LINE_MAX 256     /* a chunk's size line with its extension */

struct http_header {
    span name, value; /* value without white space around it */
};

/* A parsed message head. All spans point into the parsed bytes, but the path of a target that has
 * none: a static "/". */
struct http_head {
    span method, target;      /* request */
    span path, query;         /* of the target, still percent-encoded; query without its '?' */
    int status;               /* response */
    int minor;                /* HTTP/1.minor */
    struct http_header headers[HTTP_HEADERS_MAX];
    int header_count;
    int chunked;              /* the body is chunked */
    long long content_length; /* -1: none given */
    int keep_alive;           /* by version and Connection */
    int expect_continue;      /* Expect: 100-continue */
    int upgrade_websocket;    /* Connection: upgrade with Upgrade: websocket */
    /* PARSE_BAD: the status to reply (400, 413, 417, 431, 501, 505) and the reason, a static
     * text */
    int error_status;
    const char *error;
};

/* How far a head has been scanned. It is kept between calls, so each byte is scanned once. All zero
 * before each head. */
struct http_scan {
    size_t scanned;
};

/* How a message body is framed, and how much of it is still to come. */
struct http_body {
    enum http_body_state {
        HTTP_BODY_DONE,
        HTTP_BODY_LENGTH,     /* `left` bytes to come */
        HTTP_BODY_CHUNK_SIZE, /* a size line to come */
        HTTP_BODY_CHUNK_DATA,
        HTTP_BODY_CHUNK_END,  /* the CRLF behind a chunk's data */
        HTTP_BODY_TRAILER,    /* the start of a trailer line or of the last, empty line */
        HTTP_BODY_TRAILER_NAME,
        HTTP_BODY_TRAILER_VALUE,
        HTTP_BODY_UNTIL_CLOSE /* response without a length */
    } state;
    long long left;
    long long total;          /* body bytes returned so far */
    long long most;           /* limit of total: HTTP_BODY_MAX in a request, none in a response */
    size_t trailer;           /* bytes of trailer so far, at most HTTP_HEAD_MAX */
    int error_status;         /* PARSE_BAD: 400 or 413 */
    const char *error;
};

/* Parses a request head at the start of `in`, after at most 8 empty lines (RFC 9112 2.2). DONE:
 * *head and *used. BAD: head->error_status and head->error. Strict: CRLF only, no obs-fold, no
 * white space before a colon, token and field characters checked, exactly one Host in HTTP/1.1, one
 * framing. */
static enum parse http_parse_request(struct http_scan *scan, span in, size_t *used,
                                     struct http_head *head);
/* Parses a response head likewise; BAD: head->error alone. */
static enum parse http_parse_response(struct http_scan *scan, span in, size_t *used,
                                      struct http_head *head);
/* Prepares for the body that follows head. to_method is NULL when head is a request; for a
 * response, the request's method (there is no body after HEAD, 1xx, 204, 304). */
static void http_body_init(struct http_body *body, const struct http_head *head,
                           const char *to_method);
/* Reads body bytes from `in`: *used bytes of it are consumed; *data is the content among them,
 * maybe empty. DONE: the body is complete; the bytes after *used are the next message's. MORE: call
 * again with what follows *used; when *used is 0, with more bytes. BAD: body->error. */
static enum parse http_body_feed(struct http_body *body, span in, size_t *used, span *data);
/* Returns the value of the first header of that name, in any case; p is NULL when there is none. */
static span http_header(const struct http_head *head, const char *name);
/* Tells whether `token` is in the comma-separated list of any header of that name, in any case. */
static int http_has_token(const struct http_head *head, const char *name, const char *token);
/* Appends the percent-decoded path segment or query value; with plus 1, '+' is a space. Returns 1,
 * or 0 when a % lacks two hex digits or encodes NUL. */
static int http_decode(span s, int plus, buf *out);
/* Appends the decoded value of a query parameter. Returns 1, 0 when absent, -1 when badly
 * encoded. */
static int http_query(span query, const char *name, buf *out);
static void http_put_encoded(buf *b, span s);      /* all but unreserved characters as %XX */
static const char *http_reason(int status);        /* "Not Found"; "Unknown" when not known */
/* Appends a response head: Server, Content-Length (not with 1xx and 204), Connection: close if
 * asked, no Date. type may be NULL; extra is further header lines, each with its CRLF, or NULL. */
static void http_put_response(buf *b, int status, const char *type, size_t length, int close,
                              const char *extra);
/* Appends a request head for a Unix socket (Host: localhost); length < 0: no body. */
static void http_put_request(buf *b, const char *method, const char *target, long long length,
                             const char *extra);

/* ==== ws: WebSocket frames and handshake, both roles (RFC 6455) ============================== */

#ifndef WS_MESSAGE_MAX
#define WS_MESSAGE_MAX (1024 * 1024) /* a message that a server accepts, in bytes */
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

/* One side of a connection after the handshake. The caller sets role and message_max (bytes of a
 * message), the rest is zero; ws_free at the end. */
struct ws {
    enum ws_role role;
    size_t message_max;
    int close_sent, close_received; /* close_sent is set by the caller */
    enum ws_opcode opcode;  /* of the unfinished fragmented message; 0: none */
    buf message;            /* its payload so far */
    struct utf8_state utf8;
};

/* An event of ws_feed. payload is valid until the next call or until `in` changes. */
struct ws_event {
    enum ws_opcode opcode;  /* TEXT or BINARY: a whole message. PING, PONG, CLOSE: its payload */
    span payload;           /* for CLOSE: the reason, without the code */
    int code;               /* CLOSE: the peer's, 1005 when it sent none. BAD: the one to send */
    const char *error;      /* BAD: why, a static text */
};

/* Reads frames at the start of `in`, unmasking in place; *used bytes (also with MORE: fragments)
 * are consumed. DONE: *ev is an event. BAD: the caller sends ev->code (1002, 1007, 1009) and closes
 * the connection. Checks reserved bits, opcodes, minimal lengths, masking by role, control frames
 * (unfragmented, at most 125 bytes), order of fragments, UTF-8 across fragments, close codes (RFC
 * 6455 7.4). */
static enum parse ws_feed(struct ws *ws, char *in, size_t n, size_t *used, struct ws_event *ev);
static void ws_free(struct ws *ws);
/* Appends a whole frame. A client passes a mask of WS_MASK_BYTES random bytes, fresh for each frame
 * (RFC 6455 5.3); a server passes NULL. */
static void ws_put_frame(buf *b, const unsigned char *mask, enum ws_opcode opcode, span payload);
/* Writes a server frame's head; the caller sends the payload of n bytes. Returns the head's
 * bytes. */
static size_t ws_frame_head(unsigned char out[WS_HEAD_MAX], enum ws_opcode opcode, uint64_t n);
/* Appends a close frame; the reason is cut to 123 bytes. Code 1005: an empty frame. */
static void ws_put_close(buf *b, const unsigned char *mask, int code, const char *reason);
/* The server's side of the handshake (RFC 6455 4.2): appends the whole response to a GET with
 * upgrade_websocket. Returns its status: 101; or 400, 426, with Connection: close. */
static int ws_put_handshake(buf *b, const struct http_head *request);
/* The client's side (4.1): appends the request; key is WS_KEY_BYTES random bytes in base64. Then
 * checks the response. Returns 1, or 0 and the reason in *why. */
static void ws_put_upgrade(buf *b, const char *target, const char *key);
static int ws_check_upgrade(const struct http_head *response, const char *key, const char **why);

/* ==== resp: Redis protocol: replies of RESP2 and RESP3, commands ============================= */

#ifndef RESP_DEPTH
#define RESP_DEPTH 16                     /* nested aggregates, attributes included */
#endif
#ifndef RESP_LINE_MAX
#define RESP_LINE_MAX (16 * 1024)         /* a simple string or error, in bytes */
#endif
#ifndef RESP_BULK_MAX
#define RESP_BULK_MAX (16 * 1024 * 1024)  /* one bulk string, in bytes */
#endif
#ifndef RESP_COUNT_MAX
#define RESP_COUNT_MAX (1024 * 1024)      /* elements of a whole reply, at all depths */
#endif
#ifndef RESP_REPLY_MAX
#define RESP_REPLY_MAX (64 * 1024 * 1024) /* a whole reply, in bytes */
#endif

enum resp_type {
    RESP_NONE,    /* no value: an iterator at its end */
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

/* How far a reply has been scanned; kept between calls, so each byte is scanned once. All zero
 * before each reply; resp_parse leaves it so when DONE. */
struct resp_scan {
    size_t at;              /* bytes scanned */
    size_t searched;        /* offset before which there is no line end */
    size_t need;            /* bytes needed for the next step */
    size_t count;           /* elements announced so far */
    int depth;
    size_t left[RESP_DEPTH]; /* elements to come, outermost first */
    const char *error;      /* BAD: the reason, a static text */
};

/* Walks the elements of an aggregate: struct resp_iter it = resp_iter(&reply); while
 * (resp_next(&it, &v)) … */
struct resp_iter {
    const char *at, *end;
    int map;                /* it was a map */
};

/* Parses a reply at the start of `in`, which holds the bytes of the last call and maybe more. DONE:
 * *out and *used. MORE: `in` ends inside a reply that is valid so far. BAD: scan->error; streamed
 * aggregates and strings are refused. Attributes are skipped. Never allocates. */
static enum parse resp_parse(struct resp_scan *scan, span in, size_t *used, struct resp *out);
static struct resp_iter resp_iter(const struct resp *v);  /* empty unless v is an aggregate */
/* Returns 1 with the next element in *out; 0 at the end, *out is RESP_NONE. */
static int resp_next(struct resp_iter *it, struct resp *out);
/* Reads the next key and value of a map, or of an array used as one: key, value, key, value …
 * (HGETALL, a stream entry's fields) or pairs [key, value] (XREAD in RESP2). Returns 0 at the
 * end. */
static int resp_next_pair(struct resp_iter *it, struct resp *key, struct resp *value);
static int resp_is_error(const struct resp *v, const char *code); /* its first word is `code` */

/* Begins a command of `args` arguments, its name included, which the caller appends. */
static void resp_put_command(buf *b, size_t args);
static void resp_put_arg(buf *b, span s);
static void resp_put_int(buf *b, long long v);
/* Appends a whole command of C strings; NULL ends the list. */
static void resp_put_strings(buf *b, const char *const *args);

#endif
