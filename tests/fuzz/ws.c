/* Fuzzes ws. The first byte chooses the role and how the rest is cut. Properties: a stream of
 * frames gives the same events whole, cut in pieces and byte by byte; no more than message_max is
 * kept; text messages are UTF-8; each event, encoded and read by the other side, gives itself. */

#define FUZZ_WS_MAX 200 /* message_max: small, so that the limit is met */

static void fuzz_ws_assert(int holds)
{
    if (!holds)
        abort();
}

/* Sends the event as `from`, reads it as the other side. */
static void fuzz_ws_round_trip(enum ws_role from, const struct ws_event *ev)
{
    buf frame = {0}, reason = {0};
    const unsigned char *mask = from == WS_CLIENT ? (const unsigned char *)"\x80\0\xff\1" : NULL;
    struct ws ws;
    struct ws_event again;
    size_t used;
    memset(&ws, 0, sizeof ws);
    ws.role = from == WS_SERVER ? WS_CLIENT : WS_SERVER;
    ws.message_max = FUZZ_WS_MAX;
    int nul = ev->payload.n && memchr(ev->payload.p, 0, ev->payload.n) != NULL;
    buf_span(&reason, ev->payload);
    if (ev->opcode != WS_CLOSE)
        ws_put_frame(&frame, mask, ev->opcode, ev->payload);
    else
        ws_put_close(&frame, mask, ev->code, buf_cstr(&reason));
    fuzz_ws_assert(ws_feed(&ws, frame.p, frame.n, &used, &again) == PARSE_DONE && used == frame.n);
    fuzz_ws_assert(again.opcode == ev->opcode && again.code == ev->code);
    if (ev->opcode != WS_CLOSE || !nul)
        fuzz_ws_assert(again.payload.n == reason.n &&
                       (reason.n == 0 || memcmp(again.payload.p, reason.p, reason.n) == 0));
    ws_free(&ws);
    buf_free(&frame);
    buf_free(&reason);
}

static void fuzz_ws_check(const struct ws *ws, const struct ws_event *ev)
{
    struct utf8_state text = {0};
    int control = ev->opcode >= WS_CLOSE;
    fuzz_ws_assert(ev->error == NULL && ev->payload.n <= (control ? 125 : ws->message_max));
    if (ev->opcode == WS_TEXT || ev->opcode == WS_CLOSE)
        fuzz_ws_assert(utf8_check(&text, ev->payload) == PARSE_DONE);
    fuzz_ws_assert(ws->close_received == (ev->opcode == WS_CLOSE));
    fuzz_ws_round_trip(WS_SERVER, ev);
    fuzz_ws_round_trip(WS_CLIENT, ev);
}

/* One call; 1: call again. */
static int fuzz_ws_step(struct ws *ws, buf *in, buf *out)
{
    struct ws_event ev;
    size_t used;
    int closed = ws->close_received;
    char *copy = base_alloc(in->n + 1); /* exact, so that the sanitizer sees its end */
    copy = base_grow(copy, in->n ? in->n : 1);
    if (in->n)
        memcpy(copy, in->p, in->n);
    enum parse got = ws_feed(ws, copy, in->n, &used, &ev);
    fuzz_ws_assert(used <= in->n && ws->message.n <= ws->message_max);
    if (got == PARSE_DONE) {
        fuzz_ws_assert(!closed);
        buf_fmt(out, "%d,%d,%d:", (int)ev.opcode, ev.code, (int)ev.payload.n);
        buf_span(out, ev.payload);
        fuzz_ws_check(ws, &ev);
    } else if (got == PARSE_BAD) {
        fuzz_ws_assert(ev.error && (ev.code == 1002 || ev.code == 1007 || ev.code == 1009));
        buf_fmt(out, "!%d", ev.code);
    } else { /* what waits is the start of one frame that will be taken; it is as it came */
        fuzz_ws_assert(in->n - used < FUZZ_WS_MAX + WS_HEAD_MAX && (!closed || used == in->n));
        fuzz_ws_assert(in->n == used || memcmp(copy + used, in->p + used, in->n - used) == 0);
    }
    buf_drop(in, got == PARSE_BAD ? in->n : used);
    free(copy);
    return got;
}

static void fuzz_ws_read(enum ws_role role, span stream, size_t piece, buf *out)
{
    struct ws ws;
    buf in = {0};
    int got = PARSE_MORE;
    memset(&ws, 0, sizeof ws);
    memset(out, 0, sizeof *out);
    ws.role = role;
    ws.message_max = FUZZ_WS_MAX;
    for (size_t at = 0; at < stream.n && got != PARSE_BAD; at += piece) {
        buf_span(&in, (span){stream.p + at, stream.n - at < piece ? stream.n - at : piece});
        while ((got = fuzz_ws_step(&ws, &in, out)) == PARSE_DONE)
            ;
    }
    buf_fmt(out, "~%d,%d,%d", (int)in.n, (int)ws.message.n, (int)ws.opcode);
    ws_free(&ws);
    buf_free(&in);
}

/* Frames as they should be, made of the same bytes: first byte, length, payload, and so on. */
static void fuzz_ws_make(enum ws_role reader, span from, buf *out)
{
    const unsigned char *mask = reader == WS_SERVER ? (const unsigned char *)"\x80\0\xff\1" : NULL;
    while (from.n >= 2) {
        size_t start = out->n, n = (unsigned char)from.p[1];
        char first = from.p[0];
        from = span_sub(from, 2);
        n = n < from.n ? n : from.n;
        ws_put_frame(out, mask, WS_BINARY, (span){from.p, n});
        out->p[start] = first;
        from = span_sub(from, n);
    }
}

static void fuzz_ws_compare(enum ws_role role, span stream, size_t piece)
{
    const size_t pieces[] = {stream.n + 1, piece, 1};
    buf out[COUNT_OF(pieces)];
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        fuzz_ws_read(role, stream, pieces[i], &out[i]);
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        fuzz_ws_assert(out[i].n == out[0].n && memcmp(out[i].p, out[0].p, out[0].n) == 0);
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        buf_free(&out[i]);
}

static int fuzz_ws(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    span bytes = {(const char *)data + 1, size - 1};
    enum ws_role role = data[0] & 1 ? WS_CLIENT : WS_SERVER;
    buf made = {0};
    fuzz_ws_compare(role, bytes, 1 + (data[0] >> 1));
    fuzz_ws_make(role, bytes, &made);
    fuzz_ws_compare(role, buf_view(&made), 1 + (data[0] >> 1));
    buf_free(&made);
    return 0;
}
