/* Fuzz target of the terminal emulator. The first three bytes give the size and how the rest is
 * read: as it is, or every two bytes as one token of a meaningful stream. */

static void fuzz_vt_check(int ok)
{
    if (ok)
        return;
    fflush(stdout);
    abort();
}

static void fuzz_vt_stream(buf *b, span s, int tokens)
{
    if (!tokens) {
        buf_span(b, s);
        return;
    }
    for (size_t i = 0; i + 1 < s.n; i += 2)
        unit_vt_put_token(b, (unsigned char)s.p[i], (unsigned char)s.p[i + 1]);
}

static void fuzz_vt_splits(span s, const struct vt *whole, unsigned step)
{
    struct vt *vt = vt_new(whole->cols, whole->rows);
    for (size_t i = 0; i < s.n; i += step) {
        span piece = {s.p + i, s.n - i < step ? s.n - i : step};
        char *copy = malloc(piece.n); /* its end is guarded by the address sanitizer */
        memcpy(copy, piece.p, piece.n);
        vt_feed(vt, (span){copy, piece.n});
        free(copy);
    }
    fuzz_vt_check(unit_vt_same(whole, vt, 1, "split"));
    vt_free(vt);
}

static int fuzz_vt(const uint8_t *data, size_t size)
{
    buf stream = {0}, text = {0};
    struct vt *vt, *used;
    size_t half;
    if (size < 3 || size > 4096)
        return 0;
    vt = vt_new(1 + data[0] % 24, 1 + data[1] % 8);
    used = vt_new(vt->cols, vt->rows);
    fuzz_vt_stream(&stream, (span){(const char *)data + 3, size - 3}, data[2] & 1);
    half = stream.n / 2;
    vt_feed(vt, (span){stream.p, half});
    fuzz_vt_splits((span){stream.p, half}, vt, 1 + (data[2] >> 1) % 8);
    vt_feed(used, span_sub(buf_view(&stream), half));
    fuzz_vt_check(unit_vt_snapshot_same(vt, span_sub(buf_view(&stream), half), used));
    vt_resize(vt, 1 + data[1] % 24, 1 + data[0] % 8);
    fuzz_vt_check(unit_vt_snapshot_same(vt, buf_view(&stream), NULL));
    vt_put_text(vt, &text, 1);
    fuzz_vt_check(vt->y >= 0 && vt->y < vt->rows && vt->x >= 0 && vt->x < vt->cols);
    fuzz_vt_check(vt->answers.n <= VT_ANSWERS_MAX);
    vt_free(vt);
    vt_free(used);
    buf_free(&stream);
    buf_free(&text);
    return 0;
}
