/* Unit tests of ws: frames go through one driver that turns a stream into a transcript, which must
 * be the same however the stream is cut. */

static const unsigned char unit_ws_key[4] = {0x37, 0xfa, 0x21, 0x3d};

struct unit_ws_reader {
    struct ws ws;
    buf in, out;
    int dead;
};

static void unit_ws_tell(buf *out, enum parse got, const struct ws_event *ev)
{
    static const char *const names[16] = {
        [WS_TEXT] = "text", [WS_BINARY] = "binary", [WS_CLOSE] = "close", [WS_PING] = "ping",
        [WS_PONG] = "pong",
    };
    if (got == PARSE_BAD) {
        buf_fmt(out, "!%d", ev->code);
        CHECK(ev->error != NULL);
        return;
    }
    buf_str(out, names[ev->opcode]);
    buf_byte(out, '(');
    if (ev->opcode == WS_CLOSE)
        buf_fmt(out, "%d,", ev->code);
    buf_span(out, ev->payload);
    buf_byte(out, ')');
}

/* One call on a copy that ends at a guard page. 1: call again. */
static int unit_ws_step(struct unit_ws_reader *r)
{
    struct ws_event ev;
    size_t n = r->in.n, used;
    char *copy = guard_copy(buf_view(&r->in));
    enum parse got = ws_feed(&r->ws, copy, n, &used, &ev);
    CHECK(used <= n);
    CHECK(n == used || got == PARSE_BAD || memcmp(copy + used, r->in.p + used, n - used) == 0);
    CHECK(r->ws.message.n <= r->ws.message_max);
    if (got != PARSE_MORE)
        unit_ws_tell(&r->out, got, &ev);
    r->dead = got == PARSE_BAD;
    guard_free(copy, n);
    buf_drop(&r->in, used);
    return got == PARSE_DONE;
}

static void unit_ws_add(struct unit_ws_reader *r, span bytes)
{
    if (r->dead)
        return;
    buf_span(&r->in, bytes);
    while (unit_ws_step(r))
        ;
}

static void unit_ws_read(enum ws_role role, size_t most, span stream, size_t first, size_t piece,
                         buf *out)
{
    struct unit_ws_reader r;
    memset(&r, 0, sizeof r);
    r.ws.role = role;
    r.ws.message_max = most;
    unit_ws_add(&r, (span){stream.p, first});
    for (size_t at = first; at < stream.n; at += piece)
        unit_ws_add(&r, (span){stream.p + at, stream.n - at < piece ? stream.n - at : piece});
    if (!r.dead && (r.in.n || r.ws.opcode))
        buf_byte(&r.out, '~');
    buf_clear(out);
    buf_span(out, buf_view(&r.out));
    ws_free(&r.ws);
    ws_free(&r.ws);
    buf_free(&r.in);
    buf_free(&r.out);
}

static void unit_ws_expect(enum ws_role role, size_t most, span stream, const char *want)
{
    buf got = {0};
    for (size_t first = 0; first <= stream.n; first++) {
        unit_ws_read(role, most, stream, first, stream.n ? stream.n : 1, &got);
        CHECK_SPAN(buf_view(&got), want);
        if (!span_eq(buf_view(&got), want))
            break;
    }
    unit_ws_read(role, most, stream, 0, 1, &got);
    CHECK_SPAN(buf_view(&got), want);
    buf_free(&got);
}

/* A frame with any first byte, written byte by byte: the tests do not lean on the encoder. */
static void unit_ws_put(buf *b, enum ws_role reader, unsigned char first, const char *payload,
                        size_t n)
{
    char mask = reader == WS_SERVER ? (char)0x80 : 0;
    buf_byte(b, (char)first);
    if (n < 126) {
        buf_byte(b, (char)(n | (unsigned char)mask));
    } else {
        buf_byte(b, (char)((n < 65536 ? 126 : 127) | (unsigned char)mask));
        for (int shift = n < 65536 ? 8 : 56; shift >= 0; shift -= 8)
            buf_byte(b, (char)((uint64_t)n >> shift));
    }
    if (mask)
        buf_add(b, unit_ws_key, 4);
    for (size_t i = 0; i < n; i++)
        buf_byte(b, (char)(mask ? payload[i] ^ unit_ws_key[i % 4] : payload[i]));
}

/* RFC 6455 section 5.7, as it stands there. */
static void unit_ws_rfc_examples(void)
{
    test_begin("the examples of RFC 6455 5.7 are read as it says");
    static const struct {
        enum ws_role role;
        const char *bytes;
        size_t n;
        const char *want;
    } cases[] = {
        {WS_CLIENT, "\x81\x05\x48\x65\x6c\x6c\x6f", 7, "text(Hello)"},
        {WS_SERVER, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11, "text(Hello)"},
        {WS_CLIENT, "\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f", 9, "text(Hello)"},
        {WS_CLIENT, "\x89\x05\x48\x65\x6c\x6c\x6f", 7, "ping(Hello)"},
        {WS_SERVER, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11, "pong(Hello)"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        unit_ws_expect(cases[i].role, 100, (span){cases[i].bytes, cases[i].n}, cases[i].want);
    static const struct {
        const char *head;
        size_t head_n, n;
    } binaries[] = {
        {"\x82\x7e\x01\x00", 4, 256},
        {"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10, 65536},
    };
    for (size_t i = 0; i < COUNT_OF(binaries); i++) {
        buf in = {0}, want = {0}, got = {0};
        buf_add(&in, binaries[i].head, binaries[i].head_n);
        buf_str(&want, "binary(");
        for (size_t k = 0; k < binaries[i].n; k++) {
            buf_byte(&in, (char)('a' + k % 26));
            buf_byte(&want, (char)('a' + k % 26));
        }
        buf_byte(&want, ')');
        unit_ws_read(WS_CLIENT, 65536, buf_view(&in), 0, 997, &got);
        CHECK_SPAN(buf_view(&got), buf_cstr(&want));
        buf_free(&in);
        buf_free(&want);
        buf_free(&got);
    }
}

#define UNIT_WS_MAX 300 /* message_max of the tables */
#define UNIT_WS_A10 "aaaaaaaaaa"
#define UNIT_WS_A120 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10 \
    UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10
#define F(first, payload) {first, payload, sizeof payload - 1}

struct unit_ws_case {
    const char *want;
    struct {
        unsigned char first;
        const char *payload;
        size_t n;
    } frames[7]; /* up to one without a payload pointer */
};

static const struct unit_ws_case unit_ws_cases[] = {
    {"", {{0, NULL, 0}}},
    /* plain messages and their lengths */
    {"text()", {F(0x81, "")}},
    {"binary()", {F(0x82, "")}},
    {"text(a)text(b)binary(\xff)", {F(0x81, "a"), F(0x81, "b"), F(0x82, "\xff")}},
    {"text(" UNIT_WS_A120 "12345)", {F(0x81, UNIT_WS_A120 "12345")}},
    {"text(" UNIT_WS_A120 "123456)", {F(0x81, UNIT_WS_A120 "123456")}},
    {"binary(" UNIT_WS_A120 "1234567)", {F(0x82, UNIT_WS_A120 "1234567")}},
    /* control frames */
    {"ping()pong(x)", {F(0x89, ""), F(0x8a, "x")}},
    {"ping(" UNIT_WS_A120 "12345)", {F(0x89, UNIT_WS_A120 "12345")}},
    {"ping(\xff)", {F(0x89, "\xff")}},
    {"!1002", {F(0x89, UNIT_WS_A120 "123456")}},
    {"!1002", {F(0x8a, UNIT_WS_A120 "123456")}},
    {"!1002", {F(0x88, "\x03\xe8" UNIT_WS_A120 "1234")}},
    {"!1002", {F(0x09, "")}},
    {"!1002", {F(0x0a, "")}},
    {"!1002", {F(0x08, "")}},
    /* fragments, with control frames between them */
    {"text(abc)", {F(0x01, "a"), F(0x00, "b"), F(0x80, "c")}},
    {"text()", {F(0x01, ""), F(0x00, ""), F(0x80, "")}},
    {"text(a)", {F(0x01, ""), F(0x00, "a"), F(0x80, "")}},
    {"binary(\xff\xfe)binary(x)", {F(0x02, "\xff"), F(0x80, "\xfe"), F(0x82, "x")}},
    {"ping(p)pong()text(abc)text(d)",
     {F(0x01, "a"), F(0x89, "p"), F(0x00, "b"), F(0x8a, ""), F(0x80, "c"), F(0x81, "d")}},
    {"text(ab)ping()text(cd)",
     {F(0x01, "a"), F(0x80, "b"), F(0x01, "c"), F(0x89, ""), F(0x80, "d")}},
    {"~", {F(0x01, "a")}},
    {"ping()~", {F(0x01, "a"), F(0x89, "")}},
    {"close(1000,)~", {F(0x01, "a"), F(0x88, "\x03\xe8"), F(0x80, "b")}},
    {"!1002", {F(0x80, "a")}},
    {"!1002", {F(0x00, "a")}},
    {"text(a)!1002", {F(0x81, "a"), F(0x80, "b")}},
    {"text(ab)!1002", {F(0x01, "a"), F(0x80, "b"), F(0x80, "c")}},
    {"!1002", {F(0x01, "a"), F(0x01, "b")}},
    {"!1002", {F(0x01, "a"), F(0x81, "b")}},
    {"!1002", {F(0x02, "a"), F(0x82, "b")}},
    /* reserved bits and opcodes */
    {"!1002", {F(0xc1, "a")}},
    {"!1002", {F(0xa1, "a")}},
    {"!1002", {F(0x91, "a")}},
    {"!1002", {F(0xc9, "")}},
    {"text(a)!1002", {F(0x81, "a"), F(0xf8, "")}},
    {"!1002", {F(0x83, "")}},
    {"!1002", {F(0x84, "")}},
    {"!1002", {F(0x87, "")}},
    {"!1002", {F(0x8b, "")}},
    {"!1002", {F(0x8f, "")}},
    {"!1002", {F(0x03, "")}},
    /* UTF-8: U+03BA U+1F600 in pieces, and what is none */
    {"text(\xce\xba\xf0\x9f\x98\x80)", {F(0x81, "\xce\xba\xf0\x9f\x98\x80")}},
    {"text(\xce\xba)", {F(0x01, "\xce"), F(0x80, "\xba")}},
    {"ping(\xff)text(\xf0\x9f\x98\x80)",
     {F(0x01, "\xf0"), F(0x00, "\x9f"), F(0x89, "\xff"), F(0x00, "\x98"), F(0x80, "\x80")}},
    {"text(\xce\xba)", {F(0x01, "\xce"), F(0x00, ""), F(0x80, "\xba")}},
    {"text(\xef\xbf\xbf\xf4\x8f\xbf\xbf)", {F(0x81, "\xef\xbf\xbf\xf4\x8f\xbf\xbf")}},
    {"!1007", {F(0x81, "\xce")}},
    {"!1007", {F(0x01, "\xce"), F(0x80, "")}},
    {"!1007", {F(0x01, "\xce"), F(0x80, "a")}},
    {"!1007", {F(0x01, "a\xff"), F(0x80, "a")}},
    {"!1007", {F(0x01, "a"), F(0x00, "\xed\xa0")}},
    {"!1007", {F(0x81, "\xed\xa0\x80")}},
    {"!1007", {F(0x81, "\xc0\xaf")}},
    {"!1007", {F(0x81, "\xf4\x90\x80\x80")}},
    {"!1007", {F(0x81, "12345678\x80")}},
    {"!1007", {F(0x81, "1234567890123456789\xf8\x88\x80\x80\x80")}},
    {"text(\xce\xba)!1007", {F(0x81, "\xce\xba"), F(0x81, "\xba")}},
    /* close */
    {"close(1005,)", {F(0x88, "")}},
    {"close(1005,)", {F(0x88, ""), F(0x81, "ignored"), F(0xff, "x")}},
    {"close(1000,bye)", {F(0x88, "\x03\xe8" "bye"), F(0x89, "")}},
    {"close(1001,\xce\xba)", {F(0x88, "\x03\xe9\xce\xba")}},
    {"close(1000," UNIT_WS_A120 "123)", {F(0x88, "\x03\xe8" UNIT_WS_A120 "123")}},
    {"!1002", {F(0x88, "\x03")}},
    {"!1007", {F(0x88, "\x03\xe8\xff")}},
    {"!1007", {F(0x88, "\x03\xe8\xce")}},
    /* the largest message */
    {"text(" UNIT_WS_A120 UNIT_WS_A120 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10
     UNIT_WS_A10 ")text(b)",
     {F(0x81, UNIT_WS_A120 UNIT_WS_A120 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10
      UNIT_WS_A10), F(0x81, "b")}},
    {"!1009", {F(0x82, UNIT_WS_A120 UNIT_WS_A120 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10
      UNIT_WS_A10 UNIT_WS_A10 "b")}},
    {"ping(" UNIT_WS_A120 ")binary(" UNIT_WS_A120 UNIT_WS_A120 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10
     UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10 ")",
     {F(0x02, UNIT_WS_A120), F(0x89, UNIT_WS_A120), F(0x00, UNIT_WS_A120), F(0x80, UNIT_WS_A10
      UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10)}},
    {"!1009", {F(0x02, UNIT_WS_A120), F(0x00, UNIT_WS_A120), F(0x80, UNIT_WS_A10
      UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10 UNIT_WS_A10 "b")}},
};
#undef F

static void unit_ws_messages(enum ws_role role)
{
    test_begin(role == WS_SERVER ? "a server reads the messages of a client"
                                 : "a client reads the messages of a server");
    for (size_t i = 0; i < COUNT_OF(unit_ws_cases); i++) {
        const struct unit_ws_case *c = &unit_ws_cases[i];
        buf in = {0};
        for (size_t f = 0; f < COUNT_OF(c->frames) && c->frames[f].payload; f++)
            unit_ws_put(&in, role, c->frames[f].first, c->frames[f].payload, c->frames[f].n);
        unit_ws_expect(role, UNIT_WS_MAX, buf_view(&in), c->want);
        buf_free(&in);
    }
}

/* Heads that are refused before the frame is complete. */
static void unit_ws_early(void)
{
    test_begin("a bad frame is refused before all of it has come");
    static const struct {
        enum ws_role role;
        const char *bytes;
        size_t n;
        const char *want;
    } cases[] = {
        {WS_SERVER, "\x83", 1, "!1002"},
        {WS_SERVER, "\x80", 1, "!1002"},
        {WS_SERVER, "\x81", 1, "~"},
        {WS_SERVER, "\x81\x05", 2, "!1002"},         /* unmasked from a client */
        {WS_SERVER, "\x89\x00", 2, "!1002"},
        {WS_CLIENT, "\x81\x85", 2, "!1002"},         /* masked from a server */
        {WS_CLIENT, "\x8a\x80", 2, "!1002"},
        {WS_SERVER, "\x89\xfe", 2, "!1002"},
        {WS_SERVER, "\x88\xff", 2, "!1002"},
        {WS_SERVER, "\x81\xfe\x00\x7d", 4, "!1002"}, /* longer forms than needed */
        {WS_SERVER, "\x81\xff\0\0\0\0\0\0\xff\xff", 10, "!1002"},
        {WS_SERVER, "\x81\xff\x80\0\0\0\0\1\0\0", 10, "!1002"},
        {WS_SERVER, "\x81\xfe\x01\x2d", 4, "!1009"}, /* 301 bytes announced */
        {WS_SERVER, "\x81\xff\0\0\0\0\0\1\0\0", 10, "!1009"},
        {WS_CLIENT, "\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10, "!1009"},
        {WS_SERVER, "\x81\xfe\x01\x2c", 4, "~"},     /* 300 */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        unit_ws_expect(cases[i].role, UNIT_WS_MAX, (span){cases[i].bytes, cases[i].n},
                       cases[i].want);
}

static void unit_ws_close_codes(void)
{
    test_begin("only close codes that RFC 6455 allows are accepted");
    for (int code = 0; code < 65536; code++) {
        int good = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                   (code >= 3000 && code <= 4999);
        char frame[4] = {(char)0x88, 2, (char)(code >> 8), (char)code};
        struct ws ws;
        struct ws_event ev;
        size_t used;
        memset(&ws, 0, sizeof ws);
        ws.role = WS_CLIENT;
        enum parse got = ws_feed(&ws, frame, 4, &used, &ev);
        if (good != (got == PARSE_DONE) || ev.code != (good ? code : 1002))
            test_fail(__FILE__, __LINE__, "close code");
        if (good != ws.close_received)
            test_fail(__FILE__, __LINE__, "close_received");
    }
}

/* A message in one frame is given out where it lies; a fragmented one until the next call. */
static void unit_ws_lifetime(void)
{
    test_begin("a message lies where it came, a fragmented one until the next call");
    char in[] = "\x81\x03" "abc" "\x01\x01" "d" "\x80\x02" "ef";
    size_t n = sizeof in - 1, used = 0, more;
    struct ws_event ev;
    struct ws ws;
    memset(&ws, 0, sizeof ws);
    ws.role = WS_CLIENT;
    ws.message_max = 3;
    CHECK_INT(ws_feed(&ws, in, n, &used, &ev), PARSE_DONE);
    CHECK(ev.payload.p == in + 2 && used == 5 && ws.message.p == NULL);
    CHECK_INT(ws_feed(&ws, in + used, n - used, &more, &ev), PARSE_DONE);
    CHECK_SPAN(ev.payload, "def");
    CHECK(ev.payload.p == ws.message.p && used + more == n);
    CHECK_INT(ws_feed(&ws, in + n, 0, &more, &ev), PARSE_MORE);
    CHECK(ws.message.p == NULL && more == 0);
    ws_free(&ws);
    CHECK_INT(ws_feed(&ws, NULL, 0, &more, &ev), PARSE_MORE);
}

static const unsigned char unit_ws_mask[WS_MASK_BYTES] = {0x81, 0, 0xff, 0x5a};

/* What the encoder writes, the decoder reads at lengths around the forms and the unmasking step. */
static void unit_ws_round_trips(void)
{
    test_begin("a frame that is written is read, at every form of length");
    static const size_t lengths[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 125, 126, 127,
                                     128, 65535, 65536, 65537, 100000};
    for (size_t i = 0; i < COUNT_OF(lengths); i++)
        for (int role = WS_SERVER; role <= WS_CLIENT; role++) {
            buf text = {0}, frame = {0};
            struct ws ws;
            struct ws_event ev;
            unsigned char head[WS_HEAD_MAX];
            const unsigned char *mask = role == WS_CLIENT ? unit_ws_mask : NULL;
            size_t used, n = ws_frame_head(head, WS_BINARY, lengths[i]);
            memset(&ws, 0, sizeof ws);
            ws.role = role == WS_SERVER ? WS_CLIENT : WS_SERVER;
            ws.message_max = lengths[i];
            for (size_t k = 0; k < lengths[i]; k++)
                buf_byte(&text, (char)(k * 7));
            buf_str(&frame, "x"); /* frames are appended */
            ws_put_frame(&frame, mask, WS_BINARY, buf_view(&text));
            CHECK_INT(frame.n, 1 + n + (role == WS_CLIENT ? 4 : 0) + lengths[i]);
            CHECK(role == WS_CLIENT || memcmp(frame.p + 1, head, n) == 0);
            CHECK_INT(ws_feed(&ws, frame.p + 1, frame.n - 1, &used, &ev), PARSE_DONE);
            CHECK(used == frame.n - 1 && ev.opcode == WS_BINARY && ev.payload.n == text.n);
            CHECK(text.n == 0 || memcmp(ev.payload.p, text.p, text.n) == 0);
            ws_free(&ws);
            buf_free(&text);
            buf_free(&frame);
        }
}

static void unit_ws_closing(void)
{
    test_begin("a close reason is cut at 123 bytes, never inside a character");
    static const char frames[] = "\x88\x05\x03\xe9" "bye\x88\0\x88\x02\x03\xe8";
    buf out = {0}, euros = {0};
    ws_put_close(&out, NULL, 1001, "bye");
    ws_put_close(&out, NULL, 1005, NULL);
    ws_put_close(&out, NULL, 1000, NULL);
    CHECK(out.n == sizeof frames - 1 && memcmp(out.p, frames, out.n) == 0);
    buf_byte(&euros, '1');
    while (euros.n < 127)
        buf_str(&euros, "\xe2\x82\xac");
    buf_clear(&out);
    ws_put_close(&out, NULL, 1002, buf_cstr(&euros)); /* cut before a character, not in it */
    CHECK_INT(out.n, 2 + 2 + 121);
    buf_clear(&out);
    ws_put_close(&out, NULL, 1002, buf_cstr(&euros) + 4); /* 123 bytes fit */
    CHECK_INT(out.n, 2 + 2 + 123);
    buf_free(&out);
    buf_free(&euros);
}

#define UNIT_WS_FIELDS "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
#define UNIT_WS_KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UNIT_WS_13 "Sec-WebSocket-Version: 13\r\n"

static void unit_ws_server_handshake(void)
{
    test_begin("the server answers 101, or says what is wrong");
    static const struct {
        int status;
        const char *text;
    } cases[] = {
        {101, "GET /chat HTTP/1.1\r\n" UNIT_WS_FIELDS UNIT_WS_KEY "Origin: http://example.com\r\n"
              "Sec-WebSocket-Protocol: chat, superchat\r\n" UNIT_WS_13 "\r\n"}, /* section 1.2 */
        {101, "GET / HTTP/1.1\r\nhost: h\r\nupgrade: WebSocket\r\n"
              "connection: keep-alive, upgrade\r\n"
              "sec-websocket-extensions: permessage-deflate\r\nContent-Length: 0\r\n"
              "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"},
        {101, "GET / HTTP/1.1\r\nConnection: keep-alive\r\n" UNIT_WS_FIELDS UNIT_WS_KEY UNIT_WS_13
              "\r\n"},
        {426, "GET / HTTP/1.1\r\n" UNIT_WS_FIELDS UNIT_WS_KEY "Sec-WebSocket-Version: 8\r\n\r\n"},
        {426, "GET / HTTP/1.1\r\n" UNIT_WS_FIELDS UNIT_WS_KEY
              "Sec-WebSocket-Version: 13, 8\r\n\r\n"},
        {426, "GET / HTTP/1.1\r\n" UNIT_WS_FIELDS UNIT_WS_KEY "\r\n"},
        {400, "GET / HTTP/1.1\r\n" UNIT_WS_FIELDS UNIT_WS_13 "\r\n"},
        {400, "GET / HTTP/1.1\r\n" UNIT_WS_FIELDS UNIT_WS_KEY UNIT_WS_KEY UNIT_WS_13 "\r\n"},
        {400, "GET / HTTP/1.1\r\n" UNIT_WS_FIELDS UNIT_WS_13 "Sec-WebSocket-Key:\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" UNIT_WS_FIELDS UNIT_WS_13
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" UNIT_WS_FIELDS UNIT_WS_13
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWU=\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" UNIT_WS_FIELDS UNIT_WS_13
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" UNIT_WS_FIELDS UNIT_WS_13
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\n" UNIT_WS_FIELDS UNIT_WS_KEY UNIT_WS_13 "\r\n"},
        {400, "GET / HTTP/1.0\r\n" UNIT_WS_FIELDS UNIT_WS_KEY UNIT_WS_13 "\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n" UNIT_WS_KEY UNIT_WS_13 "\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\n" UNIT_WS_KEY UNIT_WS_13 "\r\n"},
        {400, "GET / HTTP/1.1\r\n" UNIT_WS_FIELDS UNIT_WS_KEY UNIT_WS_13
              "Content-Length: 1\r\n\r\n"},
    };
    static struct http_head head;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_scan scan = {0};
        buf out = {0};
        size_t used;
        if (strlen(cases[i].text) > HTTP_HEAD_MAX)
            continue;
        CHECK_INT(http_parse_request(&scan, span_of(cases[i].text), &used, &head), PARSE_DONE);
        CHECK_INT(ws_put_handshake(&out, &head), cases[i].status);
        CHECK_INT(http_parse_response(&scan, buf_view(&out), &used, &head), PARSE_DONE);
        CHECK_INT(head.status, cases[i].status);
        CHECK_INT(head.upgrade_websocket, cases[i].status != 400);
        CHECK_INT(head.keep_alive, cases[i].status == 101);
        CHECK_INT(head.content_length, cases[i].status == 101 ? -1 : (long long)(out.n - used));
        CHECK_SPAN(http_header(&head, "Sec-WebSocket-Version"), cases[i].status == 426 ? "13" : "");
        CHECK_SPAN(http_header(&head, "Sec-WebSocket-Accept"),
                   cases[i].status == 101 ? "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" : "");
        CHECK(http_header(&head, "Sec-WebSocket-Extensions").p == NULL);
        CHECK(http_header(&head, "Sec-WebSocket-Protocol").p == NULL);
        buf_free(&out);
    }
}

#define UNIT_WS_101 "HTTP/1.1 101 Switching Protocols\r\n"
#define UNIT_WS_UP "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define UNIT_WS_ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static void unit_ws_client_handshake(void)
{
    test_begin("the client checks the answer to its upgrade");
    static const struct {
        int good;
        const char *text;
    } cases[] = {
        {1, UNIT_WS_101 UNIT_WS_UP UNIT_WS_ACCEPT "\r\n"},
        {1, UNIT_WS_101 "upgrade: WebSocket\r\nconnection: upgrade\r\n" UNIT_WS_ACCEPT "\r\n"},
        {0, "HTTP/1.1 200 OK\r\n" UNIT_WS_UP UNIT_WS_ACCEPT "\r\n"},
        {0, "HTTP/1.0 101 x\r\n" UNIT_WS_UP UNIT_WS_ACCEPT "\r\n"},
        {0, UNIT_WS_101 "Connection: Upgrade\r\n" UNIT_WS_ACCEPT "\r\n"},
        {0, UNIT_WS_101 "Upgrade: websocket\r\n" UNIT_WS_ACCEPT "\r\n"},
        {0, UNIT_WS_101 "Upgrade: h2c\r\nConnection: Upgrade\r\n" UNIT_WS_ACCEPT "\r\n"},
        {0, UNIT_WS_101 UNIT_WS_UP "\r\n"},
        {0, UNIT_WS_101 UNIT_WS_UP UNIT_WS_ACCEPT UNIT_WS_ACCEPT "\r\n"},
        {0, UNIT_WS_101 UNIT_WS_UP "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"},
        {0, UNIT_WS_101 UNIT_WS_UP "Sec-WebSocket-Accept:\r\n\r\n"},
        {0, UNIT_WS_101 UNIT_WS_UP UNIT_WS_ACCEPT "Sec-WebSocket-Protocol: chat\r\n\r\n"},
        {0, UNIT_WS_101 UNIT_WS_UP UNIT_WS_ACCEPT
            "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"},
    };
    static struct http_head head;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_scan scan = {0};
        size_t used;
        const char *why;
        if (strlen(cases[i].text) > HTTP_HEAD_MAX)
            continue;
        CHECK_INT(http_parse_response(&scan, span_of(cases[i].text), &used, &head), PARSE_DONE);
        CHECK_INT(ws_check_upgrade(&head, "dGhlIHNhbXBsZSBub25jZQ==", &why), cases[i].good);
        CHECK((why == NULL) == cases[i].good);
    }
}

/* Our client's request pleases our server, and its answer our client. */
static void unit_ws_both_handshakes(void)
{
    test_begin("the client and the server accept each other");
    static struct http_head head;
    struct http_scan scan = {0};
    buf key = {0}, ask = {0}, answer = {0};
    size_t used;
    const char *why;
    b64_put(&key, span_of("0123456789abcdef"));
    ws_put_upgrade(&ask, "/ws?a=b", buf_cstr(&key));
    CHECK_INT(http_parse_request(&scan, buf_view(&ask), &used, &head), PARSE_DONE);
    CHECK_INT(used, ask.n);
    CHECK_SPAN(head.target, "/ws?a=b");
    CHECK_INT(ws_put_handshake(&answer, &head), 101);
    CHECK_INT(http_parse_response(&scan, buf_view(&answer), &used, &head), PARSE_DONE);
    CHECK_INT(used, answer.n);
    CHECK_INT(ws_check_upgrade(&head, buf_cstr(&key), &why), 1);
    buf_free(&key);
    buf_free(&ask);
    buf_free(&answer);
}

static void unit_ws(void)
{
    unit_ws_rfc_examples();
    unit_ws_messages(WS_SERVER);
    unit_ws_messages(WS_CLIENT);
    unit_ws_early();
    unit_ws_close_codes();
    unit_ws_lifetime();
    unit_ws_round_trips();
    unit_ws_closing();
    unit_ws_server_handshake();
    unit_ws_client_handshake();
    unit_ws_both_handshakes();
}
