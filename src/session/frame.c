#include "private.h"

/* ---- frames --------------------------------------------------------------------------------- */

static void frame_put_head(char head[FRAME_HEAD], enum frame_type type, size_t n)
{
    for (int i = 0; i < 4; i++)
        head[i] = (char)(n >> (24 - 8 * i) & 0xff);
    head[4] = (char)type;
}

static size_t frame_size(const char *head)
{
    size_t n = 0;
    for (int i = 0; i < 4; i++)
        n = n << 8 | (unsigned char)head[i];
    return n;
}

static blob *frame_put(enum frame_type type, span payload)
{
    blob *b = base_grow(NULL, sizeof *b + FRAME_HEAD + payload.n);
    b->refs = 1;
    b->n = FRAME_HEAD + payload.n;
    frame_put_head(b->p, type, payload.n);
    if (payload.n)
        memcpy(b->p + FRAME_HEAD, payload.p, payload.n);
    return b;
}

static void frame_send(struct conn *c, enum frame_type type, span payload)
{
    blob *b = frame_put(type, payload);
    conn_send_blob(c, b, 0, b->n, 1);
    blob_drop(b);
}

/* The frame at the start of c's input. The caller takes FRAME_HEAD + payload->n bytes when done with
 * it. */
static enum parse frame_peek(const struct conn *c, enum frame_type *type, span *payload)
{
    span in = conn_view(c);
    if (in.n < FRAME_HEAD)
        return PARSE_MORE;
    size_t n = frame_size(in.p);
    if (n > FRAME_MAX)
        return PARSE_BAD;
    if (in.n < FRAME_HEAD + n)
        return PARSE_MORE;
    *type = (enum frame_type)(unsigned char)in.p[4];
    *payload = (span){in.p + FRAME_HEAD, n};
    return PARSE_DONE;
}

