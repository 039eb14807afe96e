/* Unit tests of http: every message goes through one driver that turns a stream of bytes into a
 * transcript; the transcript must be the same however the stream is cut. */

/* Reads a stream of messages as a connection would: keeps what was not used, feeds again. */
struct unit_http_reader {
    const char *to_method; /* NULL: reads requests */
    buf in, out;           /* not used yet; transcript so far */
    struct http_scan scan;
    struct http_body body;
    int in_body, dead;
};

static void unit_http_tell_head(buf *out, const struct http_head *head, int request)
{
    if (request) {
        buf_span(out, head->method);
        buf_byte(out, ' ');
        buf_span(out, head->path);
        if (head->query.p)
            buf_fmt(out, "?%.*s", (int)head->query.n, head->query.p);
    } else {
        buf_fmt(out, "%d", head->status);
    }
    buf_fmt(out, " 1.%d", head->minor);
    for (int i = 0; i < head->header_count; i++)
        if (!span_eq(head->headers[i].name, "Host")) {
            buf_fmt(out, " %.*s=", (int)head->headers[i].name.n, head->headers[i].name.p);
            buf_span(out, head->headers[i].value);
        }
    if (head->content_length >= 0)
        buf_fmt(out, " length:%lld", head->content_length);
    buf_str(out, head->chunked ? " chunked" : "");
    buf_str(out, head->keep_alive ? "" : " close");
    buf_str(out, head->expect_continue ? " continue" : "");
    buf_str(out, head->upgrade_websocket ? " websocket" : "");
    buf_str(out, " {");
}

/* One call of the parser that is due, on a copy that ends at a guard page. 1: call again. */
static int unit_http_step(struct unit_http_reader *r)
{
    size_t n = r->in.n, used = 0;
    char *copy = guard_copy(buf_view(&r->in));
    span in = {copy, n}, data = {NULL, 0};
    static struct http_head head;
    enum parse got;
    int status;
    if (r->in_body) {
        long long before = r->body.total;
        got = http_body_feed(&r->body, in, &used, &data);
        status = r->body.error_status;
        CHECK(data.n <= used && r->body.total - before == (long long)data.n);
        CHECK(data.n == 0 || (data.p >= copy && data.p + data.n <= copy + used));
        buf_span(&r->out, data);
        if (got == PARSE_DONE)
            buf_byte(&r->out, '}');
        r->in_body = got != PARSE_DONE;
    } else {
        got = r->to_method ? http_parse_response(&r->scan, in, &used, &head)
                           : http_parse_request(&r->scan, in, &used, &head);
        status = head.error_status;
        if (got == PARSE_DONE) {
            unit_http_tell_head(&r->out, &head, r->to_method == NULL);
            http_body_init(&r->body, &head, r->to_method);
            r->in_body = 1;
            CHECK_INT(r->scan.scanned, 0);
        } else if (got == PARSE_MORE) {
            CHECK(r->scan.scanned + 1 >= n); /* nothing is scanned twice */
        }
    }
    CHECK(used <= n);
    if (got == PARSE_BAD)
        buf_fmt(&r->out, "!%d", status);
    CHECK(got != PARSE_BAD || (r->in_body ? r->body.error : head.error) != NULL);
    r->dead = got == PARSE_BAD;
    guard_free(copy, n);
    buf_drop(&r->in, used);
    return got == PARSE_DONE || (got == PARSE_MORE && used > 0);
}

static void unit_http_add(struct unit_http_reader *r, span bytes)
{
    if (r->dead)
        return;
    buf_span(&r->in, bytes);
    while (r->in.n || r->in_body)
        if (!unit_http_step(r))
            break;
}

/* The transcript of a stream that comes in pieces of `first` bytes, then `piece` bytes each. */
static void unit_http_read(const char *to_method, span stream, size_t first, size_t piece, buf *out)
{
    struct unit_http_reader r;
    memset(&r, 0, sizeof r);
    r.to_method = to_method;
    unit_http_add(&r, (span){stream.p, first});
    for (size_t at = first; at < stream.n; at += piece)
        unit_http_add(&r, (span){stream.p + at, stream.n - at < piece ? stream.n - at : piece});
    if (!r.dead && (r.in_body || r.in.n))
        buf_str(&r.out, "~");
    buf_clear(out);
    buf_span(out, buf_view(&r.out));
    buf_free(&r.in);
    buf_free(&r.out);
}

static void unit_http_expect(const char *to_method, span stream, const char *want)
{
    buf got = {0};
    for (size_t first = 0; first <= stream.n; first++) {
        unit_http_read(to_method, stream, first, stream.n ? stream.n : 1, &got);
        CHECK_SPAN(buf_view(&got), want);
        if (!span_eq(buf_view(&got), want))
            break;
    }
    unit_http_read(to_method, stream, 0, 1, &got);
    CHECK_SPAN(buf_view(&got), want);
    buf_free(&got);
}

struct unit_http_case {
    const char *in, *want;
};

/* Skips what a build with shrunken limits cannot hold. */
static void unit_http_table(const char *to_method, const struct unit_http_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(cases[i].in) <= HTTP_HEAD_MAX && strlen(cases[i].in) <= HTTP_BODY_MAX)
            unit_http_expect(to_method, span_of(cases[i].in), cases[i].want);
}

#define UNIT_HTTP_GET(fields) "GET / HTTP/1.1\r\nHost: h\r\n" fields "\r\n"
#define UNIT_HTTP_CHUNKED "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
#define UNIT_HTTP_CHUNKED_HEAD "POST / 1.1 Transfer-Encoding=chunked chunked {"

static void unit_http_good_requests(void)
{
    test_begin("a good request is parsed, however it is cut");
    static const struct unit_http_case cases[] = {
        {"", ""},
        {"\r\n", "~"},
        {"GET / HTTP/1.1\r\nHost: h\r\n\r", "~"},
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / 1.1 {}"},
        {"\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / 1.1 {}"},
        {"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / 1.1 {}"},
        {"GET / HTTP/1.0\r\n\r\n", "GET / 1.0 close {}"},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET / 1.0 Connection=keep-alive {}"},
        {"GET / HTTP/1.7\r\nHost: h\r\n\r\n", "GET / 1.1 {}"},
        {"GET /a%20b?c=d&e HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a%20b?c=d&e 1.1 {}"},
        {"GET /? HTTP/1.1\r\nHost: h\r\n\r\n", "GET /? 1.1 {}"},
        {"GET //x/../y HTTP/1.1\r\nHost: h\r\n\r\n", "GET //x/../y 1.1 {}"},
        {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS * 1.1 {}"},
        {"GET http://u:80/p?q HTTP/1.1\r\nHost: h\r\n\r\n", "GET /p?q 1.1 {}"},
        {"GET HTTP://[::1]:8 HTTP/1.1\r\nHost: h\r\n\r\n", "GET / 1.1 {}"},
        {"GET http://u?q HTTP/1.1\r\nHost: h\r\n\r\n", "GET /?q 1.1 {}"},
        {"M-SEARCH!#$%&'*+.^_`|~ / HTTP/1.1\r\nHost:\r\n\r\n", "M-SEARCH!#$%&'*+.^_`|~ / 1.1 {}"},
        {UNIT_HTTP_GET("A:\r\nB: \t \r\nC:c\r\nD:  d\t e \t\r\n"),
         "GET / 1.1 A= B= C=c D=d\t e {}"},
        {UNIT_HTTP_GET("A: \xc3\xa9\xff\x80\r\n"), "GET / 1.1 A=\xc3\xa9\xff\x80 {}"},
        {UNIT_HTTP_GET("Connection: x , CLOSE\r\n"), "GET / 1.1 Connection=x , CLOSE close {}"},
        {UNIT_HTTP_GET("Connection: a\r\nConnection: close\r\n"),
         "GET / 1.1 Connection=a Connection=close close {}"},
        {UNIT_HTTP_GET("Connection: closed\r\n"), "GET / 1.1 Connection=closed {}"},
        {UNIT_HTTP_GET("Upgrade: h2c, WebSocket\r\nConnection: keep-alive,Upgrade\r\n"),
         "GET / 1.1 Upgrade=h2c, WebSocket Connection=keep-alive,Upgrade websocket {}"},
        {UNIT_HTTP_GET("Upgrade: websocket\r\n"), "GET / 1.1 Upgrade=websocket {}"},
        {UNIT_HTTP_GET("Connection: upgrade\r\n"), "GET / 1.1 Connection=upgrade {}"},
        {"GET / HTTP/1.0\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
         "GET / 1.0 Upgrade=websocket Connection=upgrade close {}"},
        {UNIT_HTTP_GET("Content-Length: 0\r\n"), "GET / 1.1 Content-Length=0 length:0 {}"},
        {UNIT_HTTP_GET("content-length: 5\r\n") "hello",
         "GET / 1.1 content-length=5 length:5 {hello}"},
        {UNIT_HTTP_GET("Content-Length: 5\r\n") "hell",
         "GET / 1.1 Content-Length=5 length:5 {hell~"},
        {UNIT_HTTP_GET("Content-Length: 03, 3 ,\t3\r\nContent-Length: 3\r\n") "abc",
         "GET / 1.1 Content-Length=03, 3 ,\t3 Content-Length=3 length:3 {abc}"},
        {UNIT_HTTP_GET("Expect: 100-Continue\r\nContent-Length: 1\r\n") "x",
         "GET / 1.1 Expect=100-Continue Content-Length=1 length:1 continue {x}"},
        {"GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
         "GET / 1.0 Expect=100-continue close {}"},
        /* pipelined: bodies are told from the next head */
        {UNIT_HTTP_GET("Content-Length: 2\r\n") "ab" UNIT_HTTP_GET("")
         UNIT_HTTP_CHUNKED "1\r\nc\r\n0\r\n\r\n" "\r\nPUT /z HTTP/1.1\r\nHost: h\r\n\r\n",
         "GET / 1.1 Content-Length=2 length:2 {ab}GET / 1.1 {}" UNIT_HTTP_CHUNKED_HEAD
         "c}PUT /z 1.1 {}"},
        {UNIT_HTTP_GET("") "G", "GET / 1.1 {}~"},
    };
    unit_http_table(NULL, cases, COUNT_OF(cases));
}

static void unit_http_bad_requests(void)
{
    test_begin("a bad request is refused with its status");
    static const struct unit_http_case cases[] = {
        /* request line */
        {"GET /\r\n\r\n", "!400"},
        {"GET / \r\n\r\n", "!400"},
        {"GET\r\n\r\n", "!400"},
        {" / HTTP/1.1\r\nHost: h\r\n\r\n", "!400"},
        {" GET / HTTP/1.1\r\nHost: h\r\n\r\n", "!400"},
        {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "!400"},
        {"GET /  HTTP/1.1\r\nHost: h\r\n\r\n", "!400"},
        {"GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", "!400"},
        {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", "!400"},
        {"G(T / HTTP/1.1\r\nHost: h\r\n\r\n", "!400"},
        {"GET a HTTP/1.1\r\nHost: h\r\n\r\n", "!400"},
        {"GET * HTTP/1.1\r\nHost: h\r\n\r\n", "!400"},
        {"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", "!400"},
        {"GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", "!400"},
        {"GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n", "!400"},
        {"GET http:///p HTTP/1.1\r\nHost: h\r\n\r\n", "!400"},
        {"GET http:// HTTP/1.1\r\nHost: h\r\n\r\n", "!400"},
        {"GET http://a@b/ HTTP/1.1\r\nHost: h\r\n\r\n", "!400"},
        {"GET ftp://b/ HTTP/1.1\r\nHost: h\r\n\r\n", "!400"},
        {"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", "!400"},
        {"GET / http/1.1\r\nHost: h\r\n\r\n", "!400"},
        {"GET / HTTP/1\r\nHost: h\r\n\r\n", "!400"},
        {"GET / HTTP/1.10\r\nHost: h\r\n\r\n", "!400"},
        {"GET / HTTP/1,1\r\nHost: h\r\n\r\n", "!400"},
        {"GET / HTTP/x.1\r\nHost: h\r\n\r\n", "!400"},
        {"GET / HTTP/1.x\r\nHost: h\r\n\r\n", "!400"},
        {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", "!505"},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "!505"},
        {"GET / HTTP/0.9\r\n\r\n", "!505"},
        {"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "!400"},
        /* line ends and control characters */
        {"GET / HTTP/1.1\nHost: h\n\n", "!400"},
        {"\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "!400"},
        {"\rGET / HTTP/1.1\r\nHost: h\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\nHost: h\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\nHost: h\r\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\nHost: h\r\n\n", "!400"},
        {"GET / HTTP/1.1\r\nHost: h\r\n\rx", "!400"},
        {UNIT_HTTP_GET("A: b\x01""c\r\n"), "!400"},
        {UNIT_HTTP_GET("A: b\x7f""c\r\n"), "!400"},
        {UNIT_HTTP_GET("A: 12345678901234567890\x1f\r\n"), "!400"},
        {"\x16\x03\x01\x02", "!400"},
        /* fields */
        {UNIT_HTTP_GET("A: b\r\n c\r\n"), "!400"},
        {UNIT_HTTP_GET("A: b\r\n\tc: d\r\n"), "!400"},
        {"GET / HTTP/1.1\r\n Host: h\r\n\r\n", "!400"},
        {UNIT_HTTP_GET("A : b\r\n"), "!400"},
        {UNIT_HTTP_GET("A\t: b\r\n"), "!400"},
        {UNIT_HTTP_GET(": b\r\n"), "!400"},
        {UNIT_HTTP_GET("A\r\n"), "!400"},
        {UNIT_HTTP_GET("A b: c\r\n"), "!400"},
        {UNIT_HTTP_GET("\xc3\xa9: c\r\n"), "!400"},
        {"GET / HTTP/1.1\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n", "!400"},
        {"GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "!400"},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "!400"},
        {UNIT_HTTP_GET("Expect: 200-ok\r\n"), "!417"},
        {UNIT_HTTP_GET("Expect: 100-continue, x\r\n"), "!417"},
        /* framing */
        {UNIT_HTTP_GET("Content-Length: 5\r\nContent-Length: 6\r\n"), "!400"},
        {UNIT_HTTP_GET("Content-Length: 5, 6\r\n"), "!400"},
        {UNIT_HTTP_GET("Content-Length: 5,\r\n"), "!400"},
        {UNIT_HTTP_GET("Content-Length: ,5\r\n"), "!400"},
        {UNIT_HTTP_GET("Content-Length:\r\n"), "!400"},
        {UNIT_HTTP_GET("Content-Length: +5\r\n"), "!400"},
        {UNIT_HTTP_GET("Content-Length: -0\r\n"), "!400"},
        {UNIT_HTTP_GET("Content-Length: 0x5\r\n"), "!400"},
        {UNIT_HTTP_GET("Content-Length: a\r\n"), "!400"},
        {UNIT_HTTP_GET("Content-Length: 1 2\r\n"), "!400"},
        {UNIT_HTTP_GET("Content-Length: 5.0\r\n"), "!400"},
        {UNIT_HTTP_GET("Content-Length: 9223372036854775807\r\n"), "!413"},
        {UNIT_HTTP_GET("Content-Length: 9223372036854775808\r\n"), "!400"},
        {UNIT_HTTP_GET("Content-Length: 18446744073709551621\r\n"), "!400"},
        {UNIT_HTTP_GET("Content-Length: 99999999999999999999999\r\n"), "!400"},
        {UNIT_HTTP_GET("Transfer-Encoding: gzip\r\n"), "!501"},
        {UNIT_HTTP_GET("Transfer-Encoding: gzip, chunked\r\n"), "!501"},
        {UNIT_HTTP_GET("Transfer-Encoding: chunked, gzip\r\n"), "!501"},
        {UNIT_HTTP_GET("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "!501"},
        {UNIT_HTTP_GET("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"), "!501"},
        {UNIT_HTTP_GET("Transfer-Encoding: \"chunked\"\r\n"), "!501"},
        {UNIT_HTTP_GET("Transfer-Encoding: \x0b""chunked\r\n"), "!400"},
        {UNIT_HTTP_GET("Transfer-Encoding:\r\n"), "!501"},
        {UNIT_HTTP_GET("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), "!400"},
        {UNIT_HTTP_GET("Content-Length: 0\r\nTransfer-Encoding: x\r\n"), "!400"},
        {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "!400"},
        {UNIT_HTTP_GET("") "GET /\r\n\r\n", "GET / 1.1 {}!400"},
    };
    unit_http_table(NULL, cases, COUNT_OF(cases));
    unit_http_expect(NULL, (span){"GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 29}, "!400");
}

static void unit_http_chunked(void)
{
    test_begin("chunked bodies are joined, malformed ones refused");
    static const struct unit_http_case cases[] = {
        {"0\r\n\r\n", "}"},
        {"5\r\nhello\r\n0\r\n\r\n", "hello}"},
        {"5\r\nhello\r\n1;a=\"b;\xff\"\r\n!\r\n000;last\r\n\r\n", "hello!}"},
        {"00a\r\n0123456789\r\n0\r\n\r\n", "0123456789}"},
        {"A \t;x\r\n0123456789\r\n0\r\nA: b\r\nC:\t d\t\r\n\r\n", "0123456789}"},
        {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n}"},
        {"5\r\nhel", "hel~"},
        {"1\r\nx\r\n0\r\n\r", "x~"},
        {"\r\n", "!400"},
        {"g\r\n", "!400"},
        {"0x1\r\nx\r\n", "!400"},
        {"-1\r\nx\r\n", "!400"},
        {"+1\r\nx\r\n", "!400"},
        {" 1\r\nx\r\n", "!400"},
        {"1 \r\nx\r\n", "!400"},
        {"1 x\r\nx\r\n", "!400"},
        {";x\r\n", "!400"},
        {"1\nx\r\n", "!400"},
        {"1\r1\r\nx\r\n", "!400"},
        {"1;a\nb\r\nx\r\n", "!400"},
        {"1;a\rb\r\nx\r\n", "!400"},
        {"1;a\x01\r\nx\r\n", "!400"},
        {"1\r\nxy\r\n", "x!400"},
        {"1\r\nx\n0\r\n\r\n", "x!400"},
        {"1\r\nx\rx", "x!400"},
        {"7fffffffffffffff\r\n", "!413"},
        {"8000000000000000\r\n", "!400"},
        {"10000000000000001\r\nx", "!400"},
        {"1\r\nx\r\n7fffffffffffffff\r\n", "x!413"},
        {"0\r\nA b: c\r\n\r\n", "!400"},
        {"0\r\nA\r\n\r\n", "!400"},
        {"0\r\n: b\r\n\r\n", "!400"},
        {"0\r\nA: b\r\n c\r\n\r\n", "!400"},
        {"0\r\nA: b\n\r\n", "!400"},
        {"0\r\nA: b\rc\r\n\r\n", "!400"},
        {"0\r\n\rx", "!400"},
        {"0\r\n\n", "!400"},
    };
    buf in = {0}, want = {0};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_clear(&in);
        buf_str(&in, UNIT_HTTP_CHUNKED);
        buf_str(&in, cases[i].in);
        buf_clear(&want);
        buf_str(&want, UNIT_HTTP_CHUNKED_HEAD);
        buf_str(&want, cases[i].want);
        if (in.n <= HTTP_HEAD_MAX && in.n <= HTTP_BODY_MAX)
            unit_http_expect(NULL, buf_view(&in), buf_cstr(&want));
    }
    buf_free(&in);
    buf_free(&want);
}

static void unit_http_responses(void)
{
    test_begin("the length of a response follows from its status and headers");
    static const struct unit_http_case get[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
         "200 1.1 Content-Length=2 length:2 {ok}"},
        {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "200 1.1 Content-Length=0 length:0 {}"},
        {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "200 1.1 Content-Length=0 length:0 {}"},
        {"HTTP/1.1 404 Not \xc3\xa9\tFound\r\nContent-Length: 0\r\n\r\n",
         "404 1.1 Content-Length=0 length:0 {}"},
        {"HTTP/1.1 200 OK\r\n\r\nall of it", "200 1.1 {all of it~"},
        {"HTTP/1.0 200 OK\r\n\r\nall", "200 1.0 close {all~"},
        {"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n",
         "204 1.1 {}304 1.1 Content-Length=9 length:9 {}"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
         "2\r\nab\r\n0\r\n\r\n",
         "100 1.1 {}200 1.1 Transfer-Encoding=Chunked chunked {ab}"},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
         "101 1.1 Upgrade=websocket Connection=Upgrade websocket {}"},
        {"HTTP/1.1 200 OK\r\nExpect: x\r\nHost: a b\r\nContent-Length: 0\r\n\r\n",
         "200 1.1 Expect=x Content-Length=0 length:0 {}"},
        {"\r\nHTTP/1.1 200 OK\r\n\r\n", "!400"},
        {"HTTP/2 200\r\n\r\n", "!400"},
        {"HTTP/2.0 200 OK\r\n\r\n", "!505"},
        {"HTTP/1.1 20 OK\r\n\r\n", "!400"},
        {"HTTP/1.1 2000 OK\r\n\r\n", "!400"},
        {"HTTP/1.1 099 OK\r\n\r\n", "!400"},
        {"HTTP/1.1 600 OK\r\n\r\n", "!400"},
        {"HTTP/1.1  200 OK\r\n\r\n", "!400"},
        {"HTTP/1.1 200 O\x01K\r\n\r\n", "!400"},
        {"HTTP/1.1 2\r\n\r\n", "!400"},
        {"HTTP\r\n\r\n", "!400"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "!400"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "!400"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "!501"},
    };
    static const struct unit_http_case head[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
         "200 1.1 Content-Length=2 length:2 {}200 1.1 {}"},
    };
    unit_http_table("GET", get, COUNT_OF(get));
    unit_http_table("HEAD", head, COUNT_OF(head));
}

/* What a stream gives when fed whole, and in pieces of 100 bytes. */
static void unit_http_expect_end(span stream, const char *end)
{
    buf got = {0};
    for (int round = 0; round < 2; round++) {
        unit_http_read(NULL, stream, 0, round ? stream.n / 50 + 1 : stream.n, &got);
        span tail = span_sub(buf_view(&got), got.n > strlen(end) ? got.n - strlen(end) : 0);
        CHECK_SPAN(tail, end);
    }
    buf_free(&got);
}

static void unit_http_fill(buf *b, char c, size_t n)
{
    buf_reserve(b, n);
    while (n--)
        buf_byte(b, c);
}

static void unit_http_head_limits(void)
{
    test_begin("a head past its limit is refused");
    static const char lines[] = "GET / HTTP/1.1\r\nHost: h\r\nA: \r\n\r\n";
    buf in = {0};
    for (int over = 0; over <= 1; over++) {
        buf_clear(&in);
        buf_str(&in, "\r\nGET / HTTP/1.1\r\nHost: h\r\nA: ");
        unit_http_fill(&in, 'a', HTTP_HEAD_MAX + (size_t)over - strlen(lines));
        buf_str(&in, "\r\n\r\n");
        unit_http_expect_end(buf_view(&in), over ? "!431" : "{}");
    }
    for (int count = HTTP_HEADERS_MAX; count <= HTTP_HEADERS_MAX + 1; count++) {
        buf_clear(&in);
        buf_str(&in, "GET / HTTP/1.1\r\nHost: h\r\n");
        for (int i = 1; i < count; i++)
            buf_str(&in, "a:\r\n");
        buf_str(&in, "\r\n");
        int over = count > HTTP_HEADERS_MAX || in.n > HTTP_HEAD_MAX;
        unit_http_expect_end(buf_view(&in), over ? "!431" : "{}");
    }
    buf_clear(&in); /* without an end it is refused as soon as it is too long */
    unit_http_fill(&in, 'a', HTTP_HEAD_MAX - 1);
    unit_http_expect_end(buf_view(&in), "~");
    buf_byte(&in, 'a');
    unit_http_expect_end(buf_view(&in), "!431");
    buf_free(&in);
}

static void unit_http_body_limits(void)
{
    test_begin("a body past its limit is refused");
    buf in = {0};
    for (int over = 0; over <= 1; over++) {
        buf_clear(&in);
        buf_fmt(&in, "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n",
                HTTP_BODY_MAX + over);
        unit_http_fill(&in, 'b', HTTP_BODY_MAX + (size_t)over);
        unit_http_expect_end(buf_view(&in), over ? "!413" : "bbb}");
        buf_clear(&in);
        buf_str(&in, UNIT_HTTP_CHUNKED);
        buf_fmt(&in, "%x\r\n", HTTP_BODY_MAX - 3);
        unit_http_fill(&in, 'b', HTTP_BODY_MAX - 3);
        buf_fmt(&in, "\r\n%d\r\n%s\r\n0\r\n\r\n", 3 + over, over ? "cccc" : "ccc");
        unit_http_expect_end(buf_view(&in), over ? "b!413" : "ccc}");
        buf_clear(&in);
        buf_str(&in, UNIT_HTTP_CHUNKED "1;");
        unit_http_fill(&in, 'x', HTTP_CHUNK_LINE_MAX - strlen("1;\r\n") + (size_t)over);
        buf_str(&in, "\r\nb\r\n0\r\n\r\n");
        unit_http_expect_end(buf_view(&in), over ? "!400" : "b}");
        buf_clear(&in);
        buf_str(&in, UNIT_HTTP_CHUNKED "0\r\nA:");
        unit_http_fill(&in, 'x', HTTP_HEAD_MAX - strlen("A:") + (size_t)over);
        buf_str(&in, "\r\n\r\n");
        unit_http_expect_end(buf_view(&in), over ? "!400" : "}");
    }
    buf_free(&in);
}

/* A response has no bound but the one that the caller sets. */
static void unit_http_response_bound(void)
{
    test_begin("a response is bounded only by its caller");
    static const char text[] = "HTTP/1.1 200 OK\r\n\r\n";
    struct http_scan scan = {0};
    static struct http_head head;
    struct http_body body;
    size_t used;
    span data;
    CHECK_INT(http_parse_response(&scan, span_of(text), &used, &head), PARSE_DONE);
    CHECK_INT(used, strlen(text));
    http_body_init(&body, &head, "GET");
    CHECK_INT(body.most, LLONG_MAX);
    body.most = 5;
    CHECK_INT(http_body_feed(&body, span_of("abcde"), &used, &data), PARSE_MORE);
    CHECK_SPAN(data, "abcde");
    CHECK_INT(http_body_feed(&body, span_of("f"), &used, &data), PARSE_BAD);
    CHECK_INT(data.n, 0);
}

/* A head that trickles in is scanned once: what the scan has passed it does not look at again. */
static void unit_http_scan_once(void)
{
    test_begin("a head that trickles in is scanned once");
    char text[] = "GET / HTTP/1.1\r\nHost: h\r\nA: bcd\r\n\r\n";
    struct http_scan scan = {0};
    static struct http_head head;
    size_t used, n = strlen(text);
    CHECK_INT(http_parse_request(&scan, (span){text, n - 2}, &used, &head), PARSE_MORE);
    CHECK_INT(scan.scanned, n - 2);
    text[n - 6] = '\x01'; /* the c, where only the scan would refuse it */
    CHECK_INT(http_parse_request(&scan, (span){text, n}, &used, &head), PARSE_DONE);
    CHECK_INT(http_parse_request(&scan, (span){text, n}, &used, &head), PARSE_BAD);
}

static void unit_http_lookup(void)
{
    test_begin("headers are found by name in any case");
    static const char text[] = UNIT_HTTP_GET("A: 1\r\na: 2\r\nE:\r\nL: x, Y ,z\r\nl: w,,\r\n");
    struct http_scan scan = {0};
    static struct http_head head;
    size_t used;
    CHECK_INT(http_parse_request(&scan, span_of(text), &used, &head), PARSE_DONE);
    CHECK_INT(head.header_count, 6);
    CHECK_SPAN(http_header(&head, "a"), "1");
    CHECK(http_header(&head, "E").p != NULL && http_header(&head, "E").n == 0);
    CHECK(http_header(&head, "F").p == NULL);
    CHECK(http_has_token(&head, "L", "x") && http_has_token(&head, "L", "y"));
    CHECK(http_has_token(&head, "L", "z") && http_has_token(&head, "L", "W"));
    CHECK(!http_has_token(&head, "L", "v") && !http_has_token(&head, "A", "x"));
}

static void unit_http_decoding(void)
{
    test_begin("percent escapes are decoded, malformed ones refused");
    static const struct {
        const char *in;
        int plus;
        const char *want; /* NULL: refused */
    } cases[] = {
        {"", 0, ""}, {"a+b", 0, "a+b"}, {"a+b", 1, "a b"}, {"%41%2f%e9%2B", 1, "A/\xe9+"},
        {"%", 0, NULL}, {"%4", 0, NULL}, {"ab%4", 0, NULL}, {"%4g", 0, NULL}, {"%g4", 0, NULL},
        {"% 4", 0, NULL}, {"%+4", 0, NULL}, {"%00", 0, NULL}, {"%%41", 0, NULL},
        {"%2541", 0, "%41"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf out = {0};
        span in = span_of(cases[i].in);
        char *copy = guard_copy(in);
        buf_str(&out, "=");
        CHECK_INT(http_decode((span){copy, in.n}, cases[i].plus, &out), cases[i].want != NULL);
        CHECK_SPAN(span_sub(buf_view(&out), 1), cases[i].want ? cases[i].want : "");
        guard_free(copy, in.n);
        buf_free(&out);
    }
}

static void unit_http_queries(void)
{
    test_begin("a query parameter is found and decoded");
    static const struct {
        const char *query, *name;
        int found;
        const char *value;
    } cases[] = {
        {"", "a", 0, ""}, {"a", "a", 1, ""}, {"a=", "a", 1, ""}, {"a=b", "a", 1, "b"},
        {"x=1&a=b+c%20d&a=2", "a", 1, "b c d"}, {"aa=1&ba=2", "a", 0, ""}, {"%61=1", "a", 1, "1"},
        {"a=b=c", "a", 1, "b=c"}, {"a=%", "a", -1, ""}, {"%=1&a=2", "a", 1, "2"},
        {"&&a=1", "a", 1, "1"}, {"x=%zz&a=1", "a", 1, "1"}, {"a+b=1", "a b", 1, "1"},
        {"=1", "", 1, "1"}, {"A=1", "a", 0, ""}, {"a;b=1", "b", 0, ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf out = {0};
        span in = span_of(cases[i].query);
        char *copy = guard_copy(in);
        CHECK_INT(http_query((span){copy, in.n}, cases[i].name, &out), cases[i].found);
        CHECK_SPAN(buf_view(&out), cases[i].value);
        guard_free(copy, in.n);
        buf_free(&out);
    }
}

static void unit_http_writing(void)
{
    test_begin("heads are written with length and connection");
    buf out = {0};
    http_put_response(&out, 404, "application/json", 22, 1, "Allow: GET\r\n");
    CHECK_SPAN(buf_view(&out), "HTTP/1.1 404 Not Found\r\nServer: telec/" TELEC_VERSION "\r\n"
               "Content-Type: application/json\r\nContent-Length: 22\r\nConnection: close\r\n"
               "Allow: GET\r\n\r\n");
    buf_clear(&out);
    http_put_response(&out, 100, NULL, 0, 0, NULL);
    CHECK_SPAN(buf_view(&out), "HTTP/1.1 100 Continue\r\nServer: telec/" TELEC_VERSION "\r\n\r\n");
    buf_clear(&out);
    http_put_request(&out, "POST", "/a", 3, "X: y\r\n");
    http_put_request(&out, "GET", "/", -1, NULL);
    CHECK_SPAN(buf_view(&out), "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
               "X: y\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    buf_clear(&out);
    http_put_encoded(&out, (span){"aZ09-._~ /?&=+%\xc3\xa9\0!", 19});
    CHECK_SPAN(buf_view(&out), "aZ09-._~%20%2F%3F%26%3D%2B%25%C3%A9%00%21");
    CHECK(strcmp(http_reason(422), "Unprocessable Content") == 0);
    CHECK(strcmp(http_reason(299), "Unknown") == 0);
    buf_free(&out);
}

/* Every byte in every place where only some may be, against the grammars written out. */
static void unit_http_bytes(void)
{
    test_begin("each byte is allowed just where the grammar allows it");
    static const char tchars[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static struct http_head head;
    for (int c = 1; c < 256; c++) {
        int token = strchr(tchars, c) != NULL, graph = c > 0x20 && c < 0x7f;
        const struct {
            const char *format;
            int good;
        } places[] = {
            {"GE%cT / HTTP/1.1\r\nHost: h\r\n\r\n", token},
            {"GET /x%cx HTTP/1.1\r\nHost: h\r\n\r\n", graph && c != '#'},
            {"GET / HTTP/1.1\r\nHost: h\r\na%cb: c\r\n\r\n", token || c == ':'},
            {"GET / HTTP/1.1\r\nHost: h\r\na: 1234567%c2345678\r\n\r\n",
             graph || c >= 0x80 || c == ' ' || c == '\t'},
        };
        for (size_t i = 0; i < COUNT_OF(places); i++) {
            buf in = {0};
            struct http_scan scan = {0};
            size_t used;
            buf_fmt(&in, places[i].format, c);
            enum parse got = http_parse_request(&scan, buf_view(&in), &used, &head);
            if ((got == PARSE_DONE) != places[i].good)
                printf("# byte 0x%02x in place %d\n", c, (int)i);
            CHECK_INT(got, places[i].good ? PARSE_DONE : PARSE_BAD);
            buf_free(&in);
        }
    }
}

static void unit_http(void)
{
    unit_http_good_requests();
    unit_http_bad_requests();
    unit_http_chunked();
    unit_http_responses();
    unit_http_head_limits();
    unit_http_body_limits();
    unit_http_response_bound();
    unit_http_scan_once();
    unit_http_lookup();
    unit_http_decoding();
    unit_http_queries();
    unit_http_writing();
    unit_http_bytes();
}
