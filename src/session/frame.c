#include "session.h"

/* frame - the frames between a holder and its clients, and their payloads. The payloads of
 * FRAME_SPEC (holder_link.c) and FRAME_STATUS (status.c) are where they are used. */

/* ---- frames --------------------------------------------------------------------------------- */

static void frame_put_head(char head[FRAME_HEAD], enum frame_type type, size_t n)
{
    for (int i = 0; i < 4; i++)
        head[i] = (char)(n >> (24 - 8 * i) & 0xff);
    head[4] = (char)type;
}

static size_t frame_length(const char head[FRAME_HEAD])
{
    size_t n = 0;
    for (int i = 0; i < 4; i++)
        n = n << 8 | (unsigned char)head[i];
    return n;
}

/* Returns the place of a blob that no queue has; NULL: there is none. */
static blob **frame_find_pooled(struct frame_pool *pool, size_t n)
{
    for (int i = 0; pool && n <= FRAME_POOLED_MAX && i < FRAME_POOL; i++)
        if (!pool->frames[i] || pool->frames[i]->refs == 1)
            return &pool->frames[i];
    return NULL;
}

static blob *frame_new(struct frame_pool *pool, enum frame_type type, span payload)
{
    blob **place = frame_find_pooled(pool, payload.n), *b = place ? *place : NULL;
    if (!b) {
        b = base_grow(NULL, sizeof *b + FRAME_HEAD + (place ? FRAME_POOLED_MAX : payload.n));
        b->refs = 0;
        if (place)
            *place = blob_ref(b);
    }
    b->n = FRAME_HEAD + payload.n;
    frame_put_head(b->p, type, payload.n);
    if (payload.n)
        memcpy(b->p + FRAME_HEAD, payload.p, payload.n);
    return blob_ref(b);
}

static void frame_send(struct conn *c, enum frame_type type, span payload)
{
    blob *b = frame_new(NULL, type, payload);
    conn_send_blob(c, b, 0, b->n, 1);
    blob_drop(b);
}

static void frame_send_snapshot(struct conn *c, struct frame_pool *pool, span bytes)
{
    enum frame_type type = FRAME_SNAPSHOT;
    size_t n;
    do {
        n = bytes.n < FRAME_PIECE ? bytes.n : FRAME_PIECE;
        blob *b = frame_new(pool, type, (span){bytes.p, n});
        conn_send_blob(c, b, 0, b->n, type == FRAME_SNAPSHOT);
        blob_drop(b);
        bytes = span_sub(bytes, n);
        type = FRAME_OUTPUT;
    } while (n == FRAME_PIECE);
}

static void frame_send_reply(struct conn *c, enum frame_type type, span payload)
{
    for (; payload.n > FRAME_MAX; payload = span_sub(payload, FRAME_MAX))
        frame_send(c, FRAME_MORE, (span){payload.p, FRAME_MAX});
    frame_send(c, type, payload);
}

static enum parse frame_parse(const struct conn *c, enum frame_type *type, span *payload)
{
    span in = conn_view(c);
    if (in.n < FRAME_HEAD)
        return PARSE_MORE;
    size_t n = frame_length(in.p);
    if (n > FRAME_MAX)
        return PARSE_BAD;
    if (in.n < FRAME_HEAD + n)
        return PARSE_MORE;
    *type = (enum frame_type)(unsigned char)in.p[4];
    *payload = (span){in.p + FRAME_HEAD, n};
    return PARSE_DONE;
}

/* ---- payloads ------------------------------------------------------------------------------- */

static void frame_put_size(buf *b, int cols, int rows)
{
    buf_fmt(b, "{\"size\":[%d,%d]}", cols, rows);
}

static void frame_put_resize(buf *b, int cols, int rows, const char *from)
{
    json_open(b, '{');
    json_field_int(b, "cols", cols);
    json_field_int(b, "rows", rows);
    if (from)
        json_field_string(b, "from", from);
    json_close(b, '}');
}

static void frame_put_message(buf *b, const struct frame_message *m)
{
    json_open(b, '{');
    json_field_span(b, "text", m->text);
    json_field_bool(b, "enter", m->enter);
    if (m->force)
        json_field_bool(b, "force", 1);
    if (m->from)
        json_field_string(b, "from", m->from);
    if (m->until)
        json_field_int(b, "until", m->until);
    json_close(b, '}');
}

static void frame_put_answer(buf *b, const char *answer)
{
    json_open(b, '{');
    json_field_string(b, "answer", answer);
    json_close(b, '}');
}

static int frame_is_refusal(span receipt)
{
    return span_starts(receipt, "waiting: ") || span_starts(receipt, "draft: ") ||
           span_starts(receipt, "no choice: ");
}

static void frame_put_colours(buf *b, const struct vt_colours *colours)
{
    json_open(b, '[');
    for (int i = 0; i < 3; i++)
        if (colours->known >> i & 1)
            json_put_int(b, (long long)colours->value[i]);
        else
            json_put_raw(b, span_of("null"));
    json_close(b, ']');
}

static int frame_read_colours(struct json array, struct vt_colours *colours)
{
    struct json_iter it = json_iter(array);
    long long value;
    *colours = (struct vt_colours){.known = 0};
    for (int i = 0; json_type(array) == JSON_ARRAY && i < 3 && json_next(&it); i++)
        if (json_int(it.value, &value) && value >= 0 && value <= 0xffffff) {
            colours->value[i] = (uint32_t)value;
            colours->known |= 1 << i;
        }
    return colours->known;
}

static void frame_put_keys(buf *b, const char *key, long long count)
{
    json_open(b, '{');
    json_field_string(b, "key", key);
    json_field_int(b, "count", count);
    json_close(b, '}');
}

static void frame_put_end_undoably(buf *b, long long undo_ms)
{
    json_open(b, '{');
    json_field_int(b, "undo_ms", undo_ms);
    json_close(b, '}');
}

static int frame_read_undo(span payload, long long *undo_ms)
{
    struct json request;
    return json_read(payload, &request) &&
           json_int(json_get(request, "undo_ms"), undo_ms);
}

static void frame_put_number(buf *b, long long number)
{
    buf_int(b, number);
}

static void frame_put_typed(buf *b, long long at_ms, int look)
{
    buf_int(b, at_ms);
    buf_str(b, look ? " look" : "");
}

static int frame_views(span how, char what)
{
    return how.n && memchr(how.p, what, how.n) != NULL;
}

static int frame_read_size(struct json value, int *cols, int *rows)
{
    struct json pair[2] = {json_get(value, "cols"), json_get(value, "rows")};
    struct json_iter it = json_iter(value);
    long long c, r;
    for (int i = 0; json_type(value) == JSON_ARRAY && i < 2 && json_next(&it); i++)
        pair[i] = it.value;
    if (!json_int(pair[0], &c) || !json_int(pair[1], &r) || c < 1 || r < 1 || c > GRID_COLS_MAX ||
        r > GRID_ROWS_MAX)
        return 0;
    *cols = (int)c;
    *rows = (int)r;
    return 1;
}

static int frame_parse_size(span text, int *cols, int *rows)
{
    struct json message;
    return json_read(text, &message) &&
           frame_read_size(json_get(message, "size"), cols, rows);
}

/* ---- updates --------------------------------------------------------------------------------- */

static size_t frame_find_update(span output)
{
    static const char mark[] = "\033[?2026";
    const size_t n = sizeof mark - 1;
    for (size_t at = output.n; at-- > 0;) {
        size_t left = output.n - at;
        if (output.p[at] != '\033' || memcmp(output.p + at, mark, left < n ? left : n) != 0)
            continue;
        if (left <= n || output.p[at + n] == 'h')
            return at;
        if (output.p[at + n] == 'l')
            return output.n;
    }
    return output.n;
}

/* ---- keys ----------------------------------------------------------------------------------- */

static int frame_put_key_bytes(buf *b, span name, int application)
{
    static const struct {
        const char *name, *bytes, *application; /* NULL: the same */
    } keys[] = {
        {"enter", "\r", NULL},
        {"escape", "\033", NULL},
        {"tab", "\t", NULL},
        {"shift_tab", "\033[Z", NULL},
        {"backspace", "\177", NULL},
        {"space", " ", NULL},
        {"delete", "\033[3~", NULL},
        {"insert", "\033[2~", NULL},
        {"page_up", "\033[5~", NULL},
        {"page_down", "\033[6~", NULL},
        {"key_up", "\033[A", "\033OA"},
        {"key_down", "\033[B", "\033OB"},
        {"key_right", "\033[C", "\033OC"},
        {"key_left", "\033[D", "\033OD"},
        {"home", "\033[H", "\033OH"},
        {"end", "\033[F", "\033OF"},
        {"f1", "\033OP", NULL},
        {"f2", "\033OQ", NULL},
        {"f3", "\033OR", NULL},
        {"f4", "\033OS", NULL},
        {"f5", "\033[15~", NULL},
        {"f6", "\033[17~", NULL},
        {"f7", "\033[18~", NULL},
        {"f8", "\033[19~", NULL},
        {"f9", "\033[20~", NULL},
        {"f10", "\033[21~", NULL},
        {"f11", "\033[23~", NULL},
        {"f12", "\033[24~", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        if (span_eq(name, keys[i].name)) {
            buf_str(b, application && keys[i].application ? keys[i].application : keys[i].bytes);
            return 1;
        }
    char letter = name.n == 6 && span_starts(name, "ctrl_") ? name.p[5] : 0;
    if (!(letter >= 'a' && letter <= 'z'))
        return 0;
    buf_byte(b, (char)(letter - 'a' + 1));
    return 1;
}

/* Consumes one sequence that ends with one of the final bytes. Returns 0: the keys begin with
 * something else. */
static int frame_cut_sequence(span *keys, const char *finals)
{
    size_t i = 2;
    if (keys->n < 3 || keys->p[0] != '\033' || (keys->p[1] != '[' && keys->p[1] != 'O'))
        return 0;
    while (keys->p[1] == '[' && i < keys->n && keys->p[i] >= ' ' && keys->p[i] < '@')
        i++;
    if (i == keys->n || !strchr(finals, keys->p[i]) ||
        (keys->p[i] == '~' && (keys->p[2] == '2' || keys->p[2] == '3'))) /* paste, delete, f9 … */
        return 0;
    size_t n = i + 1 + (i == 2 && keys->p[1] == '[' && keys->p[i] == 'M' ? 3 : 0);
    *keys = span_sub(*keys, n < keys->n ? n : keys->n);
    return 1;
}

static int frame_is_look(span keys)
{
    while (keys.n && frame_cut_sequence(&keys, "ABCDEFHIMORcmny~"))
        ;
    return keys.n == 0;
}

static int frame_is_report(span keys)
{
    while (keys.n > 1 && keys.p[1] == '[' && frame_cut_sequence(&keys, "IMORcmny"))
        ;
    return keys.n == 0;
}
