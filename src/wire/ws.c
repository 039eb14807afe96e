#include "wire.h"

/* ws - WebSocket in both roles: RFC 6455 1.3, 4.1, 4.2, 5, 7.4, 8.1.
 *
 * A frame is read once it is complete: the caller buffers message_max + WS_HEAD_MAX bytes. Left
 * out: extensions (a reserved bit is an error), subprotocols, sending in fragments. */

#define WS_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define WS_CONTROL_MAX 125

enum { WS_FIN = 0x80, WS_RESERVED = 0x70, WS_OPCODE = 0x0f, WS_MASKED = 0x80, WS_LENGTH = 0x7f };

struct ws_frame {
    int fin;
    enum ws_opcode opcode;
    size_t head, length;       /* bytes of head and payload */
    const unsigned char *mask; /* NULL: not masked */
};

static enum parse ws_bad(struct ws_event *ev, int code, const char *error)
{
    ev->code = code;
    ev->error = error;
    return PARSE_BAD;
}

static int ws_is_control(enum ws_opcode opcode)
{
    return (opcode & 8) != 0;
}

static enum parse ws_check_first(const struct ws *ws, unsigned char byte, struct ws_event *ev)
{
    int opcode = byte & WS_OPCODE;
    if (byte & WS_RESERVED)
        return ws_bad(ev, 1002, "reserved bit set");
    if ((opcode & 7) > 2)
        return ws_bad(ev, 1002, "unknown opcode");
    if (ws_is_control(opcode))
        return byte & WS_FIN ? PARSE_DONE : ws_bad(ev, 1002, "fragmented control frame");
    if (opcode == WS_CONTINUATION && !ws->opcode)
        return ws_bad(ev, 1002, "continuation of nothing");
    if (opcode != WS_CONTINUATION && ws->opcode)
        return ws_bad(ev, 1002, "new message inside a fragmented one");
    return PARSE_DONE;
}

static enum parse ws_check_second(const struct ws *ws, enum ws_opcode opcode, unsigned char byte,
                                  struct ws_event *ev)
{
    if (ws->role == WS_SERVER && !(byte & WS_MASKED))
        return ws_bad(ev, 1002, "frame from a client is not masked");
    if (ws->role == WS_CLIENT && (byte & WS_MASKED))
        return ws_bad(ev, 1002, "frame from a server is masked");
    if (ws_is_control(opcode) && (byte & WS_LENGTH) > WS_CONTROL_MAX)
        return ws_bad(ev, 1002, "control frame too long");
    return PARSE_DONE;
}

/* Parses a frame's head byte by byte: a bad one is refused before it is complete. */
static enum parse ws_parse_head(const struct ws *ws, const unsigned char *p, size_t n,
                                struct ws_frame *f, struct ws_event *ev)
{
    if (ws_check_first(ws, p[0], ev) != PARSE_DONE)
        return PARSE_BAD;
    f->fin = (p[0] & WS_FIN) != 0;
    f->opcode = (enum ws_opcode)(p[0] & WS_OPCODE);
    if (n < 2)
        return PARSE_MORE;
    if (ws_check_second(ws, f->opcode, p[1], ev) != PARSE_DONE)
        return PARSE_BAD;
    uint64_t length = p[1] & WS_LENGTH;
    size_t wide = length < 126 ? 0 : length == 126 ? 2 : 8;
    if (n < 2 + wide)
        return PARSE_MORE;
    if (wide) {
        length = 0;
        for (size_t i = 0; i < wide; i++)
            length = length << 8 | p[2 + i];
        if (length < (wide == 2 ? 126 : 65536) || length >> 63)
            return ws_bad(ev, 1002, "frame length not in its shortest form");
    }
    if (!ws_is_control(f->opcode) && length > ws->message_max - ws->message.n)
        return ws_bad(ev, 1009, "message too large");
    f->mask = p[1] & WS_MASKED ? p + 2 + wide : NULL;
    f->head = 2 + wide + (f->mask ? 4 : 0);
    f->length = (size_t)length;
    return n < f->head || n - f->head < f->length ? PARSE_MORE : PARSE_DONE;
}

static void ws_mask(char *p, size_t n, const unsigned char key[4])
{
    uint64_t mask, word;
    memcpy(&mask, key, 4);
    memcpy((char *)&mask + 4, key, 4);
    size_t i = 0;
    for (; n - i >= sizeof word; i += sizeof word) {
        memcpy(&word, p + i, sizeof word);
        word ^= mask;
        memcpy(p + i, &word, sizeof word);
    }
    for (; i < n; i++)
        p[i] = (char)(p[i] ^ key[i & 3]);
}

/* RFC 6455 7.4.1, 7.4.2 and the registry. */
static int ws_code_valid(int code)
{
    int registered = code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
    return registered || (code >= 3000 && code <= 4999);
}

static enum parse ws_parse_close(struct ws *ws, span payload, struct ws_event *ev)
{
    struct utf8_state text = {0};
    ev->code = 1005;
    if (payload.n == 1)
        return ws_bad(ev, 1002, "close frame with half a code");
    if (payload.n) {
        ev->code = (unsigned char)payload.p[0] << 8 | (unsigned char)payload.p[1];
        ev->payload = span_sub(payload, 2);
        if (!ws_code_valid(ev->code))
            return ws_bad(ev, 1002, "invalid close code");
        if (utf8_check(&text, ev->payload) != PARSE_DONE)
            return ws_bad(ev, 1007, "close reason is not UTF-8");
    }
    ws->close_received = 1;
    return PARSE_DONE;
}

/* A message of one frame is not copied. */
static enum parse ws_handle_data(struct ws *ws, const struct ws_frame *f, span payload,
                               struct ws_event *ev)
{
    int whole = f->fin && f->opcode != WS_CONTINUATION;
    if (f->opcode != WS_CONTINUATION)
        ws->opcode = f->opcode;
    if (ws->opcode == WS_TEXT) {
        enum parse text = utf8_check(&ws->utf8, payload);
        if (text == PARSE_BAD || (f->fin && text != PARSE_DONE))
            return ws_bad(ev, 1007, "text is not UTF-8");
    }
    if (!whole)
        buf_add(&ws->message, payload.p, payload.n);
    if (!f->fin)
        return PARSE_MORE;
    ev->opcode = ws->opcode;
    ev->payload = whole ? payload : buf_view(&ws->message);
    ws->opcode = WS_CONTINUATION;
    return PARSE_DONE;
}

static enum parse ws_handle_frame(struct ws *ws, const struct ws_frame *f, span payload,
                                struct ws_event *ev)
{
    if (!ws_is_control(f->opcode))
        return ws_handle_data(ws, f, payload, ev);
    ev->opcode = f->opcode;
    ev->payload = payload;
    return f->opcode == WS_CLOSE ? ws_parse_close(ws, payload, ev) : PARSE_DONE;
}

static enum parse ws_feed(struct ws *ws, char *in, size_t n, size_t *used, struct ws_event *ev)
{
    *used = ws->close_received ? n : 0; /* bytes behind a close frame are ignored */
    *ev = (struct ws_event){0};
    if (!ws->opcode)
        buf_free(&ws->message); /* the last fragmented message's event was handled */
    while (*used < n) {
        struct ws_frame f;
        enum parse got = ws_parse_head(ws, (unsigned char *)in + *used, n - *used, &f, ev);
        if (got != PARSE_DONE)
            return got;
        span payload = {in + *used + f.head, f.length};
        if (f.mask)
            ws_mask(in + *used + f.head, f.length, f.mask);
        *used += f.head + f.length;
        got = ws_handle_frame(ws, &f, payload, ev);
        if (got != PARSE_MORE)
            return got;
    }
    return PARSE_MORE;
}

static void ws_free(struct ws *ws)
{
    buf_free(&ws->message);
}

/* ---- frames out ----------------------------------------------------------------------------- */

static size_t ws_frame_head(unsigned char out[WS_HEAD_MAX], enum ws_opcode opcode, uint64_t n)
{
    size_t wide = n < 126 ? 0 : n < 65536 ? 2 : 8;
    out[0] = (unsigned char)(WS_FIN | opcode);
    out[1] = (unsigned char)(wide == 0 ? n : wide == 2 ? 126 : 127);
    for (size_t i = 0; i < wide; i++)
        out[2 + i] = (unsigned char)(n >> 8 * (wide - 1 - i));
    return 2 + wide;
}

static void ws_put_frame(buf *b, const unsigned char *mask, enum ws_opcode opcode, span payload)
{
    unsigned char head[WS_HEAD_MAX];
    size_t n = ws_frame_head(head, opcode, payload.n);
    buf_reserve(b, WS_HEAD_MAX + payload.n);
    if (mask)
        head[1] |= WS_MASKED;
    buf_add(b, head, n);
    if (mask)
        buf_add(b, mask, WS_MASK_BYTES);
    buf_span(b, payload);
    if (mask)
        ws_mask(b->p + b->n - payload.n, payload.n, mask);
}

static void ws_put_close(buf *b, const unsigned char *mask, int code, const char *reason)
{
    char payload[WS_CONTROL_MAX];
    span text = span_of(reason);
    size_t n = text.n < WS_CONTROL_MAX - 2 ? text.n : WS_CONTROL_MAX - 2;
    while (n < text.n && n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n--; /* not inside a character */
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    if (n)
        memcpy(payload + 2, text.p, n);
    /* 1005 means "no code": the reply to an empty close frame is empty */
    ws_put_frame(b, mask, WS_CLOSE, (span){payload, code == 1005 ? 0 : n + 2});
}

/* ---- handshake ------------------------------------------------------------------------------ */

/* Appends it as 4.2.2, step 5.4. */
static void ws_put_accept(buf *b, span key)
{
    unsigned char sum[20];
    buf text = {0};
    buf_span(&text, key);
    buf_str(&text, WS_GUID);
    sha1(buf_view(&text), sum);
    b64_put(b, (span){(const char *)sum, sizeof sum});
    buf_free(&text);
}

static int ws_key_valid(span key)
{
    buf bytes = {0};
    int valid = key.n <= 24 && b64_decode(key, &bytes) && bytes.n == WS_KEY_BYTES;
    buf_free(&bytes);
    return valid;
}

/* p NULL: there is none, or several. */
static span ws_only_header(const struct http_head *head, const char *name)
{
    span found = {0};
    for (int i = 0; i < head->header_count; i++)
        if (span_eq_nocase(head->headers[i].name, name)) {
            if (found.p)
                return (span){0};
            found = head->headers[i].value;
        }
    return found;
}

/* Returns NULL, or why; *status is the reply's. */
static const char *ws_check_request(const struct http_head *request, int *status)
{
    *status = 400;
    if (!span_eq(request->method, "GET"))
        return "A WebSocket starts with a GET";
    if (!request->upgrade_websocket) /* never set in HTTP/1.0 */
        return "HTTP/1.1 with Upgrade: websocket and Connection: Upgrade is needed";
    if (request->chunked || request->content_length > 0)
        return "A WebSocket request has no body";
    if (!ws_key_valid(ws_only_header(request, "Sec-WebSocket-Key")))
        return "Sec-WebSocket-Key is not 16 bytes in base64";
    *status = 426;
    if (!span_eq(ws_only_header(request, "Sec-WebSocket-Version"), "13"))
        return "Sec-WebSocket-Version is not 13";
    *status = 101;
    return NULL;
}

static int ws_put_handshake(buf *b, const struct http_head *request)
{
    int status;
    const char *wrong = ws_check_request(request, &status);
    buf extra = {0}, body = {0};
    if (status != 400)
        buf_str(&extra, "Upgrade: websocket\r\nConnection: Upgrade\r\n");
    if (status == 426)
        buf_str(&extra, "Sec-WebSocket-Version: 13\r\n");
    if (status == 101) {
        buf_str(&extra, "Sec-WebSocket-Accept: ");
        ws_put_accept(&extra, http_header(request, "Sec-WebSocket-Key"));
        buf_str(&extra, "\r\n");
    } else {
        json_open(&body, '{');
        json_field_string(&body, "detail", wrong);
        json_close(&body, '}');
    }
    http_put_response(b, status, wrong ? "application/json" : NULL, body.n, wrong != NULL,
                      buf_cstr(&extra));
    buf_span(b, buf_view(&body));
    buf_free(&extra);
    buf_free(&body);
    return status;
}

static void ws_put_upgrade(buf *b, const char *target, const char *key)
{
    buf extra = {0};
    buf_str(&extra, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
    buf_str(&extra, "Sec-WebSocket-Key: ");
    buf_str(&extra, key);
    buf_str(&extra, "\r\n");
    http_put_request(b, "GET", target, -1, buf_cstr(&extra));
    buf_free(&extra);
}

static int ws_accepts(span accept, const char *key)
{
    buf want = {0};
    ws_put_accept(&want, span_of(key));
    int same = span_eq(accept, buf_cstr(&want));
    buf_free(&want);
    return same;
}

static int ws_check_upgrade(const struct http_head *response, const char *key, const char **why)
{
    *why = NULL;
    if (response->status != 101)
        *why = "the server does not switch to WebSocket";
    else if (!response->upgrade_websocket)
        *why = "the server's answer lacks Upgrade: websocket and Connection: Upgrade";
    else if (!ws_accepts(ws_only_header(response, "Sec-WebSocket-Accept"), key))
        *why = "the server's Sec-WebSocket-Accept does not fit";
    else if (http_header(response, "Sec-WebSocket-Extensions").p)
        *why = "the server wants an extension that was not offered";
    else if (http_header(response, "Sec-WebSocket-Protocol").p)
        *why = "the server wants a subprotocol that was not offered";
    return *why == NULL;
}
