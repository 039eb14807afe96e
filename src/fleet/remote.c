#include "fleet.h"

/* remote - attachments from here to sessions of other computers (doc/protocol.md, section 3): each
 * is a stream (session.h) that goes on where its link was lost.
 *
 *        remote_open          reply, or the first output
 *      ─────────────▶ OPENING ─────────────────────────▶ OPEN
 *                        ▲                                 │ Redis lost, a new instance, no `got`
 *                        └──────────────────── LOST ◀──────┘
 *                           timer, Redis back
 *
 * An attachment that was never open ends instead of becoming LOST. Each try has a token, and so
 * streams, of its own: what was sent on an earlier one is never read on a later one. */

#define REMOTE_INPUT_FULL (256 * 1024) /* bytes without `got`: no more should be typed now */

enum remote_state { REMOTE_OPENING, REMOTE_OPEN, REMOTE_LOST };

struct remote {
    struct stream base;      /* the first member: see struct stream */
    struct remote *next, **link;
    struct remotes *owner;
    char *computer, *id;
    int control, scrollback;
    enum remote_state state;
    int opened;              /* it was OPEN once */
    char *instance;          /* of the other computer's connection that answered; or NULL */
    char *input;             /* key; NULL: there is no token */
    struct streams_request *asked;
    long long number;        /* of the last entry of input … */
    long long piece;         /* … and of output */
    int begun;               /* a snapshot has come, and nothing is missing since */
    long long got, acked;    /* bytes of output; acked: as the other computer was told */
    int paused;              /* no acks, so that no more comes */
    int cols, rows;          /* our viewer's size; 0: unknown */
    long long typed;         /* number of the last `type` without `got`; 0: none */
    long long unconfirmed, unsent; /* bytes of input: of those; refused, or perhaps not typed */
    struct loop_timer timer; /* OPEN: for `got`; LOST: the next try */
    long long backoff, gone_at; /* gone_at: loop clock, its computer has gone; 0: it is there */
    struct loop_task end;    /* calls on_end from the loop, never from within the owner's call */
    struct streams_stream output;
    char token[37], old[37]; /* old: the one before; "-" */
    char why[200];           /* it is LOST or has ended */
    char code[32];           /* of the error that ended it */
};

/* Fields of an entry of output. */
struct remote_piece {
    struct resp number, chunk, to, snapshot, size, got, end, again, undo;
};

static void remote_free(struct remote *one)
{
    loop_task_cancel(one->owner->loop, &one->end);
    free(one->computer);
    free(one->id);
    free(one->instance);
    free(one);
}

/* Returns 0 when it can't be sent. The entry's id is its number, so that the signature covers it.
 */
static int remote_say(struct remote *one, const char *op, span data)
{
    struct streams *l = &one->owner->fleet->streams;
    struct codec_id id = {(unsigned long long)++one->number, 0};
    char at[24];
    base_fmt(at, sizeof at, "%lld", streams_now(l));
    const struct streams_field fields[] = {
        {"at", span_of(at)}, {"op", span_of(op)}, {"data", data}};
    return one->input && streams_put(l, one->input, &id, fields, COUNT_OF(fields));
}

/* Acknowledges output, but nothing more of it while the stream is paused. */
static void remote_say_ack(struct remote *one)
{
    char text[24];
    if (!one->paused)
        one->acked = one->got;
    base_fmt(text, sizeof text, "%lld", one->acked);
    remote_say(one, "ack", span_of(text));
}

static void remote_say_size(struct remote *one)
{
    buf b = {0};
    frame_put_resize(&b, one->cols, one->rows, NULL);
    remote_say(one, "size", buf_view(&b));
    buf_free(&b);
}

/* Reads and writes the streams of its token no more. */
static void remote_leave(struct remote *one)
{
    struct streams *l = &one->owner->fleet->streams;
    streams_stream_free(l, &one->output);
    if (one->asked)
        streams_cancel(one->asked);
    one->asked = NULL;
    free(one->input);
    one->input = NULL;
    loop_timer_cancel(one->owner->loop, &one->timer);
}

/* Deletes both streams of a token: the other computer writes there no more, or will delete what it
 * writes. */
static void remote_delete_keys(struct remote *one, const char *token)
{
    static const char *const before[] = {STREAMS_INPUT_KEY, STREAMS_OUTPUT_KEY};
    for (size_t i = 0; i < COUNT_OF(before); i++) {
        char *key = streams_key(&one->owner->fleet->streams, before[i], token);
        streams_delete(&one->owner->fleet->streams, key);
        free(key);
    }
}

static void remote_stop(struct remote *one)
{
    struct remotes *all = one->owner;
    if (!one->link)
        return;
    remote_leave(one);
    LIST_REMOVE(one);
    if (!all->first)
        loop_timer_cancel(all->loop, &all->renew_timer);
}

static void remote_on_end(void *ctx)
{
    struct remote *one = ctx;
    one->base.hooks->on_end(one->base.ctx, one->why);
    remote_free(one);
}

static void remote_end(struct remote *one, const char *why)
{
    if (!one->link)
        return;
    base_copy(one->why, sizeof one->why, why);
    remote_stop(one);
    loop_defer(one->owner->loop, &one->end);
}

/* Tells the owner whether the link is lost or back, where that is a change for it. */
static void remote_tell(struct remote *one, const char *why)
{
    if (one->base.hooks && one->base.hooks->on_link)
        one->base.hooks->on_link(one->base.ctx, why, one->unsent);
}

/* Tries again at once if Redis is connected and `now`; else after the backoff. */
static void remote_try_later(struct remote *one, int now)
{
    if (!now)
        one->backoff = !one->backoff ? REMOTE_BACKOFF_MIN_MS
                       : one->backoff < REMOTE_BACKOFF_MAX_MS / 2 ? one->backoff * 2
                                                                  : REMOTE_BACKOFF_MAX_MS;
    loop_timer_in(one->owner->loop, &one->timer, (now ? 0 : one->backoff));
}

static void remote_drained(struct remote *one)
{
    int waited = one->unconfirmed > REMOTE_INPUT_FULL;
    one->typed = one->unconfirmed = 0;
    if (waited && one->base.hooks && one->base.hooks->on_drained)
        one->base.hooks->on_drained(one->base.ctx);
}

static void remote_lose(struct remote *one, const char *why, int try_now)
{
    if (!one->opened) {
        remote_end(one, why);
        return;
    }
    remote_leave(one);
    base_copy(one->old, sizeof one->old, one->token);
    base_copy(one->why, sizeof one->why, why);
    one->unsent += one->unconfirmed;
    remote_drained(one);
    one->state = REMOTE_LOST;
    remote_try_later(one, try_now);
    remote_tell(one, one->why);
}

static void remote_opened(struct remote *one)
{
    int again = one->opened;
    if (one->state == REMOTE_OPEN)
        return;
    one->state = REMOTE_OPEN;
    one->opened = 1;
    one->backoff = 0;
    if (one->typed)
        loop_timer_in(one->owner->loop, &one->timer, REMOTE_CONFIRM_MS);
    if (again) {
        remote_tell(one, NULL);
        one->unsent = 0;
    }
}

static void remote_on_asked(void *ctx, const struct codec_reply *answer, struct codec_id at,
                            const char *why)
{
    static const char *const passing[] = {"UNREACHABLE", "BUSY", "EXPIRED", "LATE", "CURSOR"};
    struct remote *one = ctx;
    int again = answer == NULL;
    (void)at;
    one->asked = NULL;
    if (answer && answer->good) {
        free(one->instance);
        one->instance = json_dup_member(answer->data, "instance");
        remote_opened(one);
        return;
    }
    for (size_t i = 0; answer && i < COUNT_OF(passing); i++)
        again |= strcmp(answer->code, passing[i]) == 0;
    char *error = answer ? json_dup_text(answer->error) : NULL;
    const char *reason = error ? error : why ? why : "that computer refuses";
    remote_delete_keys(one, one->token);
    if (answer) {
        base_copy(one->code, sizeof one->code, answer->code);
        one->base.code = one->code;
    }
    if (again)
        remote_lose(one, reason, 0);
    else
        remote_end(one, reason);
    free(error);
}

/* ---- output --------------------------------------------------------------------------------- */

static struct remote_piece remote_read(const struct resp *fields)
{
    struct remote_piece piece = {0};
    const struct {
        const char *name;
        struct resp *place;
    } wanted[] = {{"n", &piece.number}, {"chunk", &piece.chunk}, {"to", &piece.to},
                  {"snapshot", &piece.snapshot}, {"size", &piece.size}, {"got", &piece.got},
                  {"end", &piece.end}, {"again", &piece.again}, {"undo", &piece.undo}};
    struct resp_iter it = resp_iter(fields);
    struct resp key, value;
    while (resp_next_pair(&it, &key, &value))
        for (size_t i = 0; i < COUNT_OF(wanted); i++)
            if (span_eq(key.text, wanted[i].name))
                *wanted[i].place = value;
    return piece;
}

static void remote_confirm(struct remote *one, long long got)
{
    if (!one->typed)
        return;
    loop_timer_cancel(one->owner->loop, &one->timer);
    if (got >= one->typed)
        remote_drained(one);
    else
        loop_timer_in(one->owner->loop, &one->timer, REMOTE_CONFIRM_MS);
}

/* Does the piece follow the one before? Else asks for a snapshot, and waits for it. */
static int remote_follows(struct remote *one, const struct remote_piece *piece)
{
    long long number = 0;
    span_int(piece->number.text, &number);
    int follows = number == one->piece + 1;
    one->piece = number;
    if (!follows && piece->snapshot.type == RESP_NONE)
        remote_say(one, "again", (span){0});
    one->begun = piece->snapshot.type != RESP_NONE || (one->begun && follows);
    return one->begun;
}

/* Passes a piece on; the owner may close the stream meanwhile. */
static void remote_deliver(struct remote *one, const struct remote_piece *piece)
{
    const struct stream_hooks *hooks = one->base.hooks;
    int cols, rows;
    long long undo_ms;
    if (span_int(piece->undo.text, &undo_ms) && hooks->on_ending)
        hooks->on_ending(one->base.ctx, undo_ms);
    if (frame_parse_size(piece->size.text, &cols, &rows))
        hooks->on_size(one->base.ctx, cols, rows);
    if (piece->chunk.text.n)
        hooks->on_output(one->base.ctx, piece->chunk.text, piece->snapshot.type != RESP_NONE);
}

static void remote_on_entry(struct streams_stream *s, struct codec_id id,
                            const struct resp *fields)
{
    struct remote *one = s->owner;
    struct remote_piece piece = remote_read(fields);
    long long got;
    (void)id;
    if (piece.end.type != RESP_NONE) {
        char *why = span_dup(piece.end.text);
        remote_delete_keys(one, one->token);
        if (piece.again.type != RESP_NONE)
            remote_lose(one, why, 1);
        else
            remote_end(one, why);
        free(why);
        return;
    }
    remote_opened(one);
    if (span_int(piece.got.text, &got))
        remote_confirm(one, got);
    span_int(piece.to.text, &one->got);
    if (!one->paused && one->got - one->acked >= REMOTE_ACK_BYTES)
        remote_say_ack(one);
    if (remote_follows(one, &piece))
        remote_deliver(one, &piece); /* the last: it may have been freed */
}

/* ---- opening -------------------------------------------------------------------------------- */

/* Returns 0, and *why, when it can't be asked for. */
static int remote_begin(struct remote *one, const char **why)
{
    struct fleet *f = one->owner->fleet;
    struct streams *l = &f->streams;
    char cols[16], rows[16];
    buf line = {0};
    base_fmt(cols, sizeof cols, "%d", one->cols);
    base_fmt(rows, sizeof rows, "%d", one->rows);
    if (one->opened)
        remote_delete_keys(one, one->old);
    os_uuid(one->token);
    const char *const words[] = {one->control ? "attach" : "view", one->token,
                                 one->scrollback ? "scrollback" : "screen", one->old,
                                 one->control && one->cols ? cols : NULL, rows, NULL};
    one->state = REMOTE_OPENING;
    one->number = one->piece = one->got = one->acked = 0;
    one->begun = 0;
    one->input = streams_key(l, STREAMS_INPUT_KEY, one->token);
    one->output = (struct streams_stream){.key = streams_key(l, STREAMS_OUTPUT_KEY, one->token),
                                          .owner = one, .deletes = 1,
                                          .on_entry = remote_on_entry};
    codec_put_words(&line, words);
    struct codec_request request = {.command = buf_view(&line), .session_id = span_of(one->id)};
    one->asked = streams_ask(l, one->computer, &request, remote_on_asked, one, why);
    buf_free(&line);
    if (one->asked)
        streams_stream_open(l, &one->output);
    return one->asked != NULL;
}

/* OPEN: input has not arrived. LOST: another try, unless Redis or the computer is not connected:
 * then remote_on_link tries. */
static void remote_on_timer(void *ctx)
{
    struct remote *one = ctx;
    long long gone_for = one->gone_at ? one->owner->loop->now - one->gone_at : 0;
    const char *why;
    if (one->state == REMOTE_OPEN) {
        remote_lose(one, "does not answer", 1);
    } else if (gone_for >= REMOTE_GONE_MS) {
        remote_end(one, one->why);
    } else if (one->gone_at) {
        loop_timer_set(one->owner->loop, &one->timer, one->gone_at + REMOTE_GONE_MS);
    } else if (one->owner->fleet->streams.ready && !remote_begin(one, &why)) {
        remote_leave(one);
        one->state = REMOTE_LOST;
        remote_try_later(one, 0);
    }
}

/* Does the computer's heartbeat come from a connection that our attachment is not of? A request
 * that is pending will be answered by the new one. */
static int remote_is_renewed(const struct remote *one)
{
    const struct roster_peer *peer = roster_find(one->owner->fleet, span_of(one->computer));
    return !one->asked && one->instance && peer &&
           strcmp(one->instance, peer->beat.instance) != 0;
}

/* Is the fleet's on_link. */
static void remote_on_link(void *ctx, const char *computer)
{
    struct remotes *all = ctx;
    int ready = all->fleet->streams.ready;
    for (struct remote *one = all->first, *next; one; one = next) {
        next = one->next;
        if (computer && strcmp(computer, one->computer) != 0)
            continue;
        if (computer)
            one->gone_at = 0;
        if (one->state == REMOTE_LOST && ready)
            remote_try_later(one, 1);
        else if (one->state != REMOTE_LOST && !ready)
            remote_lose(one, "the link to Redis was lost", 0);
        else if (one->state == REMOTE_OPEN && remote_is_renewed(one))
            remote_lose(one, "it has connected again", 1);
    }
}

/* fleet.on_gone. The other computer itself ends an OPEN attachment, after the last output; one to a
 * session whose end can be undone goes on, as it does there. A computer that has gone may come
 * back: its daemon is started anew. */
static void remote_on_gone(void *ctx, const char *computer, const char *id, const char *why)
{
    struct remotes *all = ctx;
    observe_on_gone(&all->observations, computer, id, why);
    for (struct remote *one = all->first, *next; one; one = next) {
        next = one->next;
        if (strcmp(one->computer, computer) != 0)
            continue;
        if (!id) {
            one->gone_at = all->loop->now;
            remote_lose(one, why, 1);
        } else if (strcmp(one->id, id) == 0 && one->state == REMOTE_LOST && !one->gone_at) {
            remote_end(one, why);
        }
    }
}

static void remote_on_renew(void *ctx)
{
    struct remotes *all = ctx;
    for (struct remote *one = all->first; one; one = one->next)
        if (one->state == REMOTE_OPEN)
            remote_say_ack(one);
    loop_timer_in(all->loop, &all->renew_timer, REMOTE_RENEW_MS);
}

/* ---- the stream ----------------------------------------------------------------------------- */

static void remote_pause(struct stream *s, int paused)
{
    struct remote *one = (struct remote *)s;
    one->paused = paused;
    if (one->link && !paused && one->got - one->acked >= REMOTE_ACK_BYTES)
        remote_say_ack(one);
}

static void remote_close(struct stream *s)
{
    struct remote *one = (struct remote *)s;
    remote_say(one, "end", (span){0});
    remote_stop(one);
    remote_free(one);
}

/* Input while the link is lost is refused: sent later, it would be typed into another screen. */
static int remote_type(struct stream *s, span input)
{
    struct remote *one = (struct remote *)s;
    if (one->unconfirmed + (long long)input.n > HOLDER_QUEUE_MAX)
        return -1;
    if (!one->control || !one->link || !input.n)
        return 0;
    int lost = one->opened && one->state != REMOTE_OPEN;
    if (lost || !remote_say(one, "type", input)) {
        one->unsent += (long long)input.n;
        if (lost)
            remote_tell(one, one->why);
        else
            remote_lose(one, "Redis does not take what is typed", 0);
        return 0;
    }
    if (!one->typed && one->state == REMOTE_OPEN)
        loop_timer_in(one->owner->loop, &one->timer, REMOTE_CONFIRM_MS);
    one->typed = one->number;
    one->unconfirmed += (long long)input.n;
    return one->unconfirmed > REMOTE_INPUT_FULL;
}

static int remote_resize(struct stream *s, int cols, int rows, const char *from)
{
    struct remote *one = (struct remote *)s;
    (void)from; /* the other computer knows who we are */
    one->cols = cols;
    one->rows = rows;
    if (one->control && one->link && one->state != REMOTE_LOST)
        remote_say_size(one);
    return 0;
}

static void remote_colour(struct stream *s, const struct vt_colours *colours)
{
    struct remote *one = (struct remote *)s;
    buf b = {0};
    frame_put_colours(&b, colours);
    if (one->control && one->link && one->state != REMOTE_LOST)
        remote_say(one, "colours", buf_view(&b));
    buf_free(&b);
}

static const struct stream_source remote_source = {
    .pause = remote_pause, .close = remote_close, .type = remote_type, .resize = remote_resize,
    .colours = remote_colour};

static struct stream *remote_open(struct remotes *all, const char *computer, const char *id,
                                  int control, int scrollback, const struct stream_hooks *hooks,
                                  void *ctx, const char **why)
{
    struct roster_peer *peer = roster_find(all->fleet, span_of(computer));
    *why = "it can't be reached now";
    if (!peer || !all->fleet->streams.ready)
        return NULL;
    if (!peer->beat.telec[0])
        return observe_open(&all->observations, computer, id, hooks, ctx);
    struct remote *one = base_alloc(sizeof *one);
    one->base = (struct stream){.source = &remote_source, .hooks = hooks, .ctx = ctx};
    one->owner = all;
    one->computer = base_dup(computer);
    one->id = base_dup(id);
    one->control = control;
    one->scrollback = scrollback;
    base_fmt(one->old, sizeof one->old, "-");
    one->timer = (struct loop_timer){.fn = remote_on_timer, .ctx = one};
    one->end = (struct loop_task){.fn = remote_on_end, .ctx = one};
    LIST_PUSH(&all->first, one);
    if (!remote_begin(one, why)) {
        remote_stop(one);
        remote_free(one);
        return NULL;
    }
    if (!all->renew_timer.slot)
        loop_timer_in(all->loop, &all->renew_timer, REMOTE_RENEW_MS);
    return &one->base;
}

static void remote_init(struct remotes *all, struct loop *l, struct fleet *fleet)
{
    *all = (struct remotes){.loop = l, .fleet = fleet};
    all->renew_timer = (struct loop_timer){.fn = remote_on_renew, .ctx = all};
    observe_init(&all->observations, l, fleet);
    fleet->on_gone = remote_on_gone;
    fleet->on_link = remote_on_link;
    fleet->remote_ctx = all;
}
