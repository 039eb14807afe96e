#include "cli.h"

/* follow - telec tail --follow: a session's output as whole lines, as they come.
 *
 * The output feeds an emulator one row high; a line that scrolls out of it is whole, and is
 * printed. A session of this computer comes from its holder, with all its output, whatever becomes
 * of the daemon. Another computer's comes through the daemon, which omits what it can't hold. After
 * a gap a snapshot follows: it is printed from behind the last printed lines on. */

#define FOLLOW_KEPT_LINES 20 /* printed lines that are searched for in a snapshot */

struct follow {
    struct context *context;
    const char *target;
    char *computer;         /* another one: a daemon that has just started knows it first */
    char *id;
    struct stream *stream;  /* NULL: ended, or to be tried again */
    struct loop_timer retry;
    long long retry_ms;
    int refused;            /* tries in a row */
    struct vt *vt;
    int cols, rows;         /* of the snapshot */
    int in_snapshot, told;  /* it is coming; the first one was printed */
    buf last;               /* the last printed lines */
    int over, failed;
    buf snapshot;
};

/* Prints lines, and keeps the last of them. */
static void follow_print(struct follow *f, span lines)
{
    buf out = {0};
    buf_span(&out, lines);
    buf_span(&f->last, lines);
    size_t at = f->last.n;
    for (int n = 0; at > 0 && n <= FOLLOW_KEPT_LINES; n += at > 0 && f->last.p[at - 1] == '\n')
        at--;
    buf_drop(&f->last, at);
    if (out.n && context_write(&out) != 0)
        f->over = f->failed = 1;
    buf_free(&out);
}

/* Appends the lines that have left the emulator; rest: its own row, too, if anything is on it. */
static void follow_put_whole(struct follow *f, int rest, buf *out)
{
    for (int row = -vt_scroll_count(f->vt); row < (rest ? 1 : 0); row++) {
        buf line = {0};
        vt_put_row(f->vt, &line, row);
        if (row < 0 || line.n) {
            utf8_put_visible(out, buf_view(&line));
            buf_byte(out, '\n');
        }
        buf_free(&line);
    }
    vt_feed(f->vt, span_of("\033[3J"));
}

/* Feeds output; a piece has no more lines than the scrollback. */
static void follow_feed(struct follow *f, span bytes)
{
    buf out = {0};
    while (bytes.n) {
        span piece = {bytes.p, bytes.n < VT_SCROLL_LINES ? bytes.n : VT_SCROLL_LINES};
        vt_feed(f->vt, piece);
        follow_put_whole(f, 0, &out);
        bytes = span_sub(bytes, piece.n);
    }
    if (out.n)
        follow_print(f, buf_view(&out));
    buf_free(&out);
}

/* Returns the place behind `part` where `text` has it last; 0: it has it not. */
static size_t follow_find_last(span text, span part)
{
    for (size_t end = text.n; part.n && end >= part.n; end--)
        if (memcmp(text.p + end - part.n, part.p, part.n) == 0 &&
            (end == part.n || text.p[end - part.n - 1] == '\n'))
            return end;
    return 0;
}

/* Cuts the lines that are printed already from a snapshot's: all of `last` anywhere, or a part of
 * it where the snapshot begins. Says so when there is a gap. */
static span follow_cut_printed(struct follow *f, span lines)
{
    span last = buf_view(&f->last);
    size_t end = follow_find_last(lines, last);
    while (!end && last.n) {
        span_cut(&last, '\n');
        if (last.n && last.n <= lines.n && memcmp(lines.p, last.p, last.n) == 0)
            end = last.n;
    }
    if (!end && f->last.n)
        context_fail("output is missing here: it came faster than it was read");
    return span_sub(lines, end);
}

/* Prints what is new in a snapshot, but not the line that the program has begun: that one goes to
 * the emulator. */
static void follow_tell(struct follow *f)
{
    struct vt *screen = vt_new(f->cols, f->rows);
    buf text = {0}, lines = {0};
    int row, col;
    vt_feed(screen, buf_view(&f->snapshot));
    buf_clear(&f->snapshot);
    vt_put_text(screen, &text, 1);
    vt_cursor(screen, &row, &col);
    size_t end = text.n;
    if (col > 0 && end > 0)
        for (end--; end > 0 && text.p[end - 1] != '\n'; end--)
            ;
    vt_feed(f->vt, span_of("\r\033[2K"));
    vt_feed(f->vt, span_trim(span_sub(buf_view(&text), end), "\n"));
    context_put_lines(&lines, (span){text.p, end});
    span from = buf_view(&lines);
    if (f->told) {
        follow_print(f, follow_cut_printed(f, from));
    } else {
        span shown = context_tail(f->context, from);
        buf_span(&f->last, (span){from.p, from.n - shown.n});
        follow_print(f, shown);
    }
    f->told = 1;
    buf_free(&text), buf_free(&lines);
    vt_free(screen);
}

/* A snapshot has pieces of FRAME_PIECE bytes; the last one is shorter. */
static void follow_receive(struct follow *f, span bytes)
{
    if (!f->in_snapshot) {
        follow_feed(f, bytes);
        return;
    }
    buf_span(&f->snapshot, bytes);
    if (bytes.n == FRAME_PIECE)
        return;
    f->in_snapshot = 0;
    follow_tell(f);
}

/* ---- the stream ----------------------------------------------------------------------------- */

static void follow_on_size(void *ctx, int cols, int rows)
{
    struct follow *f = ctx;
    f->cols = cols;
    f->rows = rows;
    f->in_snapshot = 1;
    f->refused = 0;
    f->retry_ms = 0;
}

static void follow_on_output(void *ctx, span bytes, int snapshot)
{
    (void)snapshot; /* follow_on_size has announced it */
    follow_receive(ctx, bytes);
}

static void follow_on_ending(void *ctx, long long undo_ms)
{
    (void)ctx;
    if (undo_ms)
        context_fail("the session ends in %lld s, unless that is undone", undo_ms / 1000);
    else
        context_fail("the session goes on");
}

static void follow_retry_later(struct follow *f)
{
    if (!f->retry_ms)
        context_fail("the daemon has gone: trying again; output of meanwhile may be missing");
    f->retry_ms = f->retry_ms ? f->retry_ms * 2 : FOLLOW_RETRY_MS;
    if (f->retry_ms > FOLLOW_RETRY_MAX_MS)
        f->retry_ms = FOLLOW_RETRY_MAX_MS;
    loop_timer_in(&f->context->loop, &f->retry, f->retry_ms);
}

/* A daemon that starts does not know other computers' sessions yet. */
static void follow_on_end(void *ctx, const char *why)
{
    struct follow *f = ctx;
    enum stream_over over = f->stream->over;
    f->stream = NULL;
    buf_clear(&f->snapshot);
    f->in_snapshot = 0;
    f->refused += over == STREAM_REFUSED;
    if (over != STREAM_ENDED && (f->told || !f->refused) && f->refused < FOLLOW_REFUSED_MAX) {
        follow_retry_later(f);
        return;
    }
    f->over = 1;
    f->failed = over != STREAM_ENDED && f->told && context_fail("%s: %s", f->target, why);
}

static const struct stream_hooks follow_hooks = {follow_on_size, follow_on_output, NULL,
                                                 follow_on_end, NULL, NULL, follow_on_ending};

static void follow_connect(void *ctx)
{
    struct follow *f = ctx;
    f->stream = relayed_open(&f->context->client, f->id, f->computer, 0, 1, &follow_hooks, f);
    if (!f->stream && f->told)
        follow_retry_later(f);
    else
        f->over |= !f->stream;
}

static int follow_run(struct context *c, const char *target)
{
    static const char how[] = {FRAME_VIEW_SIZES, FRAME_VIEW_SCROLLBACK, FRAME_VIEW_ALL};
    struct follow f = {.context = c, .target = target};
    struct json session = context_reply(c);
    f.id = json_dup_member(session, "session_id");
    f.vt = vt_new(GRID_COLS_MAX, 1);
    f.retry = (struct loop_timer){.fn = follow_connect, .ctx = &f};
    if (!json_member_eq(session, "computer", c->config.computer))
        f.computer = json_dup_member(session, "computer");
    else if (f.id)
        f.stream = stream_open_session(&c->loop, &c->config, f.id, (span){how, sizeof how},
                                       &follow_hooks, &f);
    if (!f.stream)
        follow_connect(&f);
    while (!f.over)
        loop_once(&c->loop);
    buf rest = {0};
    follow_put_whole(&f, 1, &rest);
    follow_print(&f, buf_view(&rest));
    stream_cancel(f.stream);
    loop_timer_cancel(&c->loop, &f.retry);
    vt_free(f.vt);
    buf_free(&rest), buf_free(&f.snapshot), buf_free(&f.last);
    free(f.id), free(f.computer);
    return f.told ? f.failed : -1;
}
