/* Fuzzes http. The first byte chooses a role and how the rest is cut. Properties: a stream of
 * messages means the same whole, cut in pieces and byte by byte; a body never gives out more than
 * it announced; a head that was accepted means the same after being written anew; percent-encoding
 * round-trips. */

static void fuzz_http_assert(int holds)
{
    if (!holds)
        abort();
}

struct fuzz_http_reader {
    const char *to_method;
    buf in, out; /* unused bytes; what was understood */
    struct http_scan scan;
    struct http_head head;
    struct http_body body;
    int in_body, dead;
};

static void fuzz_http_put_lengths(buf *out, const struct http_head *head)
{
    buf_fmt(out, "%d 1.%d %lld%s%s%s%s", head->status, head->minor, head->content_length,
            head->chunked ? " chunked" : "", head->keep_alive ? " keep" : "",
            head->expect_continue ? " continue" : "", head->upgrade_websocket ? " ws" : "");
}

/* The head in a canonical form that is a head again. */
static void fuzz_http_put_head(buf *out, const struct http_head *head)
{
    if (head->status) {
        buf_fmt(out, "HTTP/1.%d %d \r\n", head->minor, head->status);
    } else {
        buf_span(out, head->method);
        buf_byte(out, ' ');
        buf_span(out, head->target);
        buf_fmt(out, " HTTP/1.%d\r\n", head->minor);
    }
    for (int i = 0; i < head->header_count; i++) {
        buf_span(out, head->headers[i].name);
        buf_byte(out, ':');
        buf_span(out, head->headers[i].value);
        buf_str(out, "\r\n");
    }
    buf_str(out, "\r\n");
}

static void fuzz_http_rewrite(const struct http_head *head)
{
    static struct http_head again;
    struct http_scan scan = {0};
    buf text = {0}, one = {0}, two = {0};
    size_t used;
    fuzz_http_put_head(&text, head);
    enum parse got = head->status ? http_parse_response(&scan, buf_view(&text), &used, &again)
                                  : http_parse_request(&scan, buf_view(&text), &used, &again);
    fuzz_http_assert(got == PARSE_DONE && used == text.n);
    fuzz_http_put_lengths(&one, head);
    fuzz_http_put_lengths(&two, &again);
    fuzz_http_put_head(&two, &again);
    buf_span(&one, buf_view(&text));
    fuzz_http_assert(one.n == two.n && memcmp(one.p, two.p, one.n) == 0);
    buf_free(&text);
    buf_free(&one);
    buf_free(&two);
}

static int fuzz_http_head_step(struct fuzz_http_reader *r)
{
    span in = buf_view(&r->in);
    size_t used = 0;
    enum parse got = r->to_method ? http_parse_response(&r->scan, in, &used, &r->head)
                                  : http_parse_request(&r->scan, in, &used, &r->head);
    fuzz_http_assert(used <= in.n);
    if (got == PARSE_DONE) {
        fuzz_http_assert(r->head.path.n || r->to_method);
        fuzz_http_rewrite(&r->head);
        fuzz_http_put_lengths(&r->out, &r->head);
        fuzz_http_put_head(&r->out, &r->head);
        http_body_init(&r->body, &r->head, r->to_method);
        r->in_body = 1;
    } else if (got == PARSE_MORE) {
        fuzz_http_assert(used == 0 && in.n < HTTP_HEAD_MAX + 64 && r->scan.scanned + 1 >= in.n);
    } else {
        fuzz_http_assert(r->head.error && r->head.error_status >= 400);
        buf_fmt(&r->out, "!%d", r->head.error_status);
        r->dead = 1;
    }
    buf_drop(&r->in, used);
    return got == PARSE_DONE;
}

static int fuzz_http_body_step(struct fuzz_http_reader *r)
{
    span in = buf_view(&r->in), data;
    size_t used = 0;
    long long before = r->body.total, left = r->body.left;
    enum http_body_state state = r->body.state;
    enum parse got = http_body_feed(&r->body, in, &used, &data);
    fuzz_http_assert(used <= in.n && data.n <= used && r->body.left >= 0);
    fuzz_http_assert(data.n == 0 || (data.p >= in.p && data.p + data.n <= in.p + used));
    fuzz_http_assert(r->body.total == before + (long long)data.n && r->body.total <= r->body.most);
    if (state == HTTP_BODY_LENGTH || state == HTTP_BODY_CHUNK_DATA)
        fuzz_http_assert((long long)data.n <= left);
    if (got == PARSE_DONE && !r->head.chunked && r->head.content_length > 0 && r->body.total)
        fuzz_http_assert(r->body.total == r->head.content_length);
    if (got == PARSE_MORE && used == 0) /* what may wait is bounded */
        fuzz_http_assert(in.n < HTTP_CHUNK_LINE_MAX);
    buf_span(&r->out, data);
    if (got == PARSE_BAD) {
        fuzz_http_assert(r->body.error && r->body.error_status >= 400 && data.n == 0);
        buf_fmt(&r->out, "!%d", r->body.error_status);
        r->dead = 1;
    }
    r->in_body = got == PARSE_MORE;
    buf_drop(&r->in, used);
    return got == PARSE_DONE || (got == PARSE_MORE && used > 0);
}

static void fuzz_http_read(const char *to_method, span stream, size_t piece, buf *out)
{
    static struct fuzz_http_reader r;
    memset(&r, 0, sizeof r);
    r.to_method = to_method;
    for (size_t at = 0; at < stream.n && !r.dead; at += piece) {
        buf_span(&r.in, (span){stream.p + at, stream.n - at < piece ? stream.n - at : piece});
        while (!r.dead && (r.in.n || r.in_body))
            if (!(r.in_body ? fuzz_http_body_step(&r) : fuzz_http_head_step(&r)))
                break;
    }
    if (!r.dead)
        buf_fmt(&r.out, "~%d,%d", r.in_body, (int)r.in.n);
    *out = r.out;
    buf_free(&r.in);
}

static void fuzz_http_encoding(span s)
{
    buf text = {0}, back = {0}, query = {0};
    int clean = 1;
    for (size_t i = 0; i < s.n; i++)
        clean = clean && s.p[i];
    http_decode(s, 0, &back); /* whatever it says of garbage */
    http_query(s, "a", &back);
    buf_clear(&back);
    http_put_encoded(&text, s);
    fuzz_http_assert(http_decode(buf_view(&text), 1, &back) == clean);
    if (clean) {
        fuzz_http_assert(back.n == s.n && (s.n == 0 || memcmp(back.p, s.p, s.n) == 0));
        buf_str(&query, "b=1&key=");
        buf_span(&query, buf_view(&text));
        buf_clear(&back);
        fuzz_http_assert(http_query(buf_view(&query), "key", &back) == 1);
        fuzz_http_assert(back.n == s.n && (s.n == 0 || memcmp(back.p, s.p, s.n) == 0));
    }
    buf_free(&text);
    buf_free(&back);
    buf_free(&query);
}

static int fuzz_http(const uint8_t *data, size_t size)
{
    static const char *const methods[] = {NULL, NULL, "GET", "HEAD"};
    if (size == 0)
        return 0;
    span stream = {(const char *)data + 1, size - 1};
    const char *to_method = methods[data[0] & 3];
    const size_t pieces[] = {stream.n + 1, 1 + (data[0] >> 2), 1};
    buf out[COUNT_OF(pieces)];
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        fuzz_http_read(to_method, stream, pieces[i], &out[i]);
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        fuzz_http_assert(out[i].n == out[0].n &&
                         (out[0].n == 0 || memcmp(out[i].p, out[0].p, out[0].n) == 0));
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        buf_free(&out[i]);
    fuzz_http_encoding(stream);
    return 0;
}
