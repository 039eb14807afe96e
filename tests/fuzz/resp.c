/* Fuzz target of src/resp.c. Any input: what is read whole is what is read in pieces, each ending
 * right before memory that isn't ours; a scan that has answered MORE never goes back; the walk
 * stays inside and finds as many elements as were said; a reply, written again from what the walk
 * says, reads the same. Any bytes, put as arguments, come back. */

#define FUZZ_RESP_MOST 1024

static void fuzz_resp_need(int cond)
{
    if (!cond)
        abort();
}

/* On a copy of exactly that size, so that reading past it is noticed. */
static enum parse fuzz_resp_read(struct resp_scan *scan, span text, size_t *used)
{
    char *copy = malloc(text.n ? text.n : 1);
    struct resp v = {0};
    fuzz_resp_need(copy != NULL);
    if (text.n)
        memcpy(copy, text.p, text.n);
    size_t before = scan->at;
    enum parse r = resp_parse(scan, (span){copy, text.n}, used, &v);
    fuzz_resp_need((r == PARSE_BAD) == (scan->error != NULL));
    fuzz_resp_need(r != PARSE_DONE || (*used > 0 && *used <= text.n && v.type != RESP_NONE));
    fuzz_resp_need(r != PARSE_MORE || (scan->at >= before && scan->at <= text.n));
    free(copy);
    return r;
}

/* In pieces of `step` bytes; *at is where it ended. */
static enum parse fuzz_resp_pieces(span text, size_t step, size_t *used)
{
    struct resp_scan scan = {0};
    enum parse r = PARSE_MORE;
    for (size_t n = 0; r == PARSE_MORE && n <= text.n; n += step)
        r = fuzz_resp_read(&scan, (span){text.p, n}, used);
    return r == PARSE_MORE ? fuzz_resp_read(&scan, text, used) : r;
}

static void fuzz_resp_put(buf *b, const struct resp *v)
{
    static const char bytes[] = {[RESP_ARRAY] = '*', [RESP_MAP] = '%', [RESP_PUSH] = '>'};
    struct resp_iter it = resp_iter(v);
    struct resp element;
    size_t count = 0;
    if (v->type == RESP_TEXT || v->type == RESP_ERROR)
        buf_fmt(b, "%c%d\r\n", v->type == RESP_TEXT ? '$' : '!', (int)v->text.n),
            buf_span(b, v->text);
    else if (v->type == RESP_INTEGER)
        buf_fmt(b, ":%lld", v->integer);
    else if (v->type == RESP_DOUBLE)
        buf_byte(b, ','), buf_span(b, v->text);
    else if (v->type == RESP_BOOL || v->type == RESP_NULL)
        buf_str(b, v->type == RESP_NULL ? "_" : v->integer ? "#t" : "#f");
    else
        buf_fmt(b, "%c%d", bytes[v->type], (int)(v->type == RESP_MAP ? v->count / 2 : v->count));
    buf_str(b, "\r\n");
    for (; resp_next(&it, &element); count++)
        fuzz_resp_put(b, &element);
    fuzz_resp_need(count == v->count);
    fuzz_resp_need(it.at == it.end);
}

static void fuzz_resp_round_trip(span text)
{
    buf once = {0}, twice = {0};
    for (buf *to = &once;; to = &twice) {
        struct resp_scan scan = {0};
        struct resp v, key, value;
        size_t used;
        fuzz_resp_need(resp_parse(&scan, text, &used, &v) == PARSE_DONE);
        fuzz_resp_put(to, &v);
        for (struct resp_iter it = resp_iter(&v); resp_next_pair(&it, &key, &value);)
            fuzz_resp_need(key.type != RESP_NONE && value.type != RESP_NONE);
        fuzz_resp_need(to == &once || used == text.n);
        if (to == &twice)
            break;
        text = buf_view(&once);
    }
    fuzz_resp_need(once.n == twice.n && memcmp(once.p, twice.p, once.n) == 0);
    buf_free(&once);
    buf_free(&twice);
}

static void fuzz_resp_command(span bytes)
{
    struct resp_scan scan = {0};
    struct resp v, arg;
    size_t used;
    buf b = {0};
    resp_put_command(&b, 3);
    resp_put_arg(&b, bytes);
    resp_put_int(&b, -(long long)bytes.n);
    resp_put_arg(&b, span_of(""));
    fuzz_resp_need(resp_parse(&scan, buf_view(&b), &used, &v) == PARSE_DONE && used == b.n);
    struct resp_iter it = resp_iter(&v);
    long long n;
    fuzz_resp_need(resp_next(&it, &arg) && arg.type == RESP_TEXT && arg.text.n == bytes.n);
    fuzz_resp_need(bytes.n == 0 || memcmp(arg.text.p, bytes.p, bytes.n) == 0);
    fuzz_resp_need(resp_next(&it, &arg) && span_int(arg.text, &n) && n == -(long long)bytes.n);
    fuzz_resp_need(resp_next(&it, &arg) && arg.text.n == 0 && !resp_next(&it, &arg));
    buf_free(&b);
}

static int fuzz_resp(const uint8_t *data, size_t size)
{
    span text = {(const char *)data, size < FUZZ_RESP_MOST ? size : FUZZ_RESP_MOST};
    fuzz_resp_command(text);
    while (text.n) {
        struct resp_scan scan = {0};
        size_t used = 0, in_pieces = 0;
        enum parse r = fuzz_resp_read(&scan, text, &used);
        for (size_t step = 1; step < 8; step += 3) {
            fuzz_resp_need(fuzz_resp_pieces(text, step, &in_pieces) == r);
            fuzz_resp_need(r != PARSE_DONE || in_pieces == used);
        }
        if (r != PARSE_DONE)
            break;
        fuzz_resp_round_trip(text);
        text = span_sub(text, used);
    }
    return 0;
}
