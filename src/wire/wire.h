#ifndef TELEC_WIRE_H
#define TELEC_WIRE_H
#include "../base/base.h"

/* ==== http ==================================================================================== */

#ifndef HTTP_HEAD_MAX
#define HTTP_HEAD_MAX (32 * 1024)   /* bytes of start line and headers */
#endif
#define HTTP_HEADERS_MAX 101
#ifndef HTTP_BODY_MAX
#define HTTP_BODY_MAX (1024 * 1024) /* bytes of a request's body, decoded */
#endif
#define HTTP_CHUNK_LINE_MAX 256

struct http_header {
    span name, value; /* trimmed */
};

/* Spans point into the parsed bytes; the path of a target without one is a static "/". */
struct http_head {
    span method, target;      /* of a request */
    span path, query;         /* percent-encoded, without the '?' */
    int status;               /* of a response */
    int minor;                /* HTTP/1.minor */
    int header_count;
    int chunked;
    long long content_length; /* -1: none */
    int keep_alive;
    int expect_continue;
    int upgrade_websocket;
    int error_status;         /* BAD: 400, 413, 417, 431, 501 or 505 … */
    const char *error;        /* … and why, a static text */
    struct http_header headers[HTTP_HEADERS_MAX];
};

/* Kept between calls, so that each byte is scanned once; zero before each head. */
struct http_scan {
    size_t scanned;
};

struct http_body {
    enum http_body_state {
        HTTP_BODY_DONE,
        HTTP_BODY_LENGTH,
        HTTP_BODY_CHUNK_SIZE,
        HTTP_BODY_CHUNK_DATA,
        HTTP_BODY_CHUNK_END,  /* the CRLF behind the data */
        HTTP_BODY_TRAILER,    /* the start of a line */
        HTTP_BODY_TRAILER_NAME,
        HTTP_BODY_TRAILER_VALUE,
        HTTP_BODY_UNTIL_CLOSE /* a response without a length */
    } state;
    long long left;
    long long total;          /* content bytes so far */
    long long most;           /* limit of total: HTTP_BODY_MAX in a request */
    size_t trailer;           /* bytes so far, at most HTTP_HEAD_MAX */
    int error_status;         /* BAD: 400 or 413 */
    const char *error;
};

/* Parses a head at the start of `in`, after at most 8 empty lines (RFC 9112 2.2). Strict: CRLF
 * only, no obs-fold, no white space before a colon, one Host in HTTP/1.1, one framing. */
static enum parse http_parse_request(struct http_scan *scan, span in, size_t *used,
                                     struct http_head *head);
static enum parse http_parse_response(struct http_scan *scan, span in, size_t *used,
                                      struct http_head *head);
/* to_method: of the request that the head replies to; NULL: it is a request. */
static void http_body_init(struct http_body *body, const struct http_head *head,
                           const char *to_method);
/* Consumes *used bytes of `in`; *data is the content among them, maybe empty. MORE: call again with
 * what follows *used; when *used is 0, with more bytes. */
static enum parse http_body_feed(struct http_body *body, span in, size_t *used, span *data);
/* Returns the first header's value; p NULL: none. */
static span http_header(const struct http_head *head, const char *name);
/* Is the token in the list of any header of that name? */
static int http_has_token(const struct http_head *head, const char *name, const char *token);
/* Percent-decodes; plus: '+' is a space. Returns 0 for a bad escape or a NUL. */
static int http_decode(span s, int plus, buf *out);
/* Appends a parameter's decoded value. Returns 1, 0: absent, -1: badly encoded. */
static int http_query(span query, const char *name, buf *out);
static void http_put_encoded(buf *b, span s);
static const char *http_reason(int status);
/* Appends a response head, without Date. extra: further lines with their CRLF, or NULL, as type. */
static void http_put_response(buf *b, int status, const char *type, size_t length, int close,
                              const char *extra);
/* length < 0: no body. */
static void http_put_request(buf *b, const char *method, const char *target, long long length,
                             const char *extra);

/* ==== ws ====================================================================================== */

#ifndef WS_MESSAGE_MAX
#define WS_MESSAGE_MAX (1024 * 1024) /* bytes, to a server */
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

/* One side of a connection. The caller sets role and message_max, in bytes; zero the rest. */
struct ws {
    enum ws_role role;
    size_t message_max;
    int close_sent, close_received; /* close_sent: by the caller */
    enum ws_opcode opcode;  /* of the unfinished message; 0: none */
    buf message;            /* its payload so far */
    struct utf8_state utf8;
};

/* payload is valid until the next call or until `in` changes. */
struct ws_event {
    enum ws_opcode opcode;  /* never WS_CONTINUATION */
    span payload;           /* of CLOSE: the reason */
    int code;               /* CLOSE: the peer's, 1005: none. BAD: to be sent */
    const char *error;      /* BAD: a static text */
};

/* Unmasks in place; consumes *used bytes, also with MORE (fragments). BAD: the caller sends
 * ev->code and closes. Checks reserved bits, opcodes, minimal lengths, masking by role, control
 * frames, order of fragments, UTF-8 across them, close codes (RFC 6455 7.4). */
static enum parse ws_feed(struct ws *ws, char *in, size_t n, size_t *used, struct ws_event *ev);
static void ws_free(struct ws *ws);
/* mask: of a client, WS_MASK_BYTES random bytes, fresh for each frame (RFC 6455 5.3); or NULL. */
static void ws_put_frame(buf *b, const unsigned char *mask, enum ws_opcode opcode, span payload);
/* Writes the head of a server's frame of n bytes. Returns the head's bytes. */
static size_t ws_frame_head(unsigned char out[WS_HEAD_MAX], enum ws_opcode opcode, uint64_t n);
/* The reason is cut to 123 bytes. Code 1005: an empty frame. */
static void ws_put_close(buf *b, const unsigned char *mask, int code, const char *reason);
/* Appends the response to a GET with upgrade_websocket (RFC 6455 4.2). Returns its status: 101; or
 * 400, 426, with Connection: close. */
static int ws_put_handshake(buf *b, const struct http_head *request);
/* The client's side (4.1): the request, whose key is WS_KEY_BYTES random bytes in base64; then the
 * check of the response, 1 or 0 with *why. */
static void ws_put_upgrade(buf *b, const char *target, const char *key);
static int ws_check_upgrade(const struct http_head *response, const char *key, const char **why);

/* ==== resp ==================================================================================== */

#ifndef RESP_DEPTH
#define RESP_DEPTH 16                     /* nested aggregates */
#endif
#ifndef RESP_LINE_MAX
#define RESP_LINE_MAX (16 * 1024)         /* bytes of a simple string */
#endif
#ifndef RESP_BULK_MAX
#define RESP_BULK_MAX (16 * 1024 * 1024)  /* bytes of a bulk string */
#endif
#ifndef RESP_COUNT_MAX
#define RESP_COUNT_MAX (1024 * 1024)      /* elements of a reply, at all depths */
#endif
#ifndef RESP_REPLY_MAX
#define RESP_REPLY_MAX (64 * 1024 * 1024) /* bytes of a reply */
#endif

enum resp_type {
    RESP_NONE,
    RESP_NULL,
    RESP_TEXT,    /* any string, or a big number */
    RESP_ERROR,   /* text without the '-' */
    RESP_INTEGER,
    RESP_DOUBLE,  /* text */
    RESP_BOOL,    /* integer */
    RESP_ARRAY,   /* or a set */
    RESP_MAP,     /* elements: key, value, key, value … */
    RESP_PUSH     /* only as a whole reply */
};

/* Spans point into the parsed bytes. */
struct resp {
    enum resp_type type;
    span text;
    long long integer;
    size_t count;           /* elements; of a map keys and values */
    span items;             /* their bytes */
};

/* Kept between calls, so that each byte is scanned once; zero before a reply, and after DONE. */
struct resp_scan {
    size_t at;              /* bytes scanned */
    size_t searched;        /* offset before which there is no line end */
    size_t need;            /* bytes, for the next step */
    size_t count;           /* elements announced */
    int depth;
    size_t left[RESP_DEPTH]; /* elements to come, outermost first */
    const char *error;      /* BAD: a static text */
};

/* for (struct resp_iter it = resp_iter(&reply); resp_next(&it, &v);) … */
struct resp_iter {
    const char *at, *end;
    int map;
};

/* Parses a reply at the start of `in`: the bytes of the last call and maybe more. Streamed
 * aggregates and strings are BAD; attributes are skipped. */
static enum parse resp_parse(struct resp_scan *scan, span in, size_t *used, struct resp *out);
static struct resp_iter resp_iter(const struct resp *v);
/* Returns 0 at the end: *out is RESP_NONE. */
static int resp_next(struct resp_iter *it, struct resp *out);
/* Reads a map, or an array: key, value … or pairs [key, value] (XREAD in RESP2). */
static int resp_next_pair(struct resp_iter *it, struct resp *key, struct resp *value);
static int resp_is_error(const struct resp *v, const char *code); /* its first word is `code` */

/* The caller appends `args` arguments, the command's name included. */
static void resp_put_command(buf *b, size_t args);
static void resp_put_arg(buf *b, span s);
static void resp_put_int(buf *b, long long v);
/* A whole command; NULL ends the list. */
static void resp_put_strings(buf *b, const char *const *args);

#endif
