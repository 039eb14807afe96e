#include "private.h"

/* viewer - a session's screen to its viewers: a snapshot, then output, and a new snapshot for each
 * viewer that was behind. For a viewer that gets all output (FRAME_VIEW_ALL) the pty is not read
 * while VIEWER_BACKLOG_MAX are queued: the program waits, as long as the viewer reads. */

#ifndef VIEWER_BACKLOG_MAX
#define VIEWER_BACKLOG_MAX (256 * 1024) /* bytes queued for a viewer that does not read */
#endif
#ifndef VIEWER_WAIT_MS
#define VIEWER_WAIT_MS 1000             /* for a viewer to read anything at all */
#endif
#ifndef VIEWER_TICK_MS
#define VIEWER_TICK_MS 20               /* a viewer that gets more output in this time, … */
#endif
#ifndef VIEWER_WHOLE_MS
#define VIEWER_WHOLE_MS 1000            /* between snapshots with scrollback while output comes */
#endif
#ifndef VIEWER_TICK_MAX
#define VIEWER_TICK_MAX (128 * 1024)    /* … in bytes, gets a snapshot at the end of it instead … */
#endif
#define VIEWER_FLOOD_MAX (VIEWER_TICK_MAX / 4) /* … and then so many bytes to the next one */

static void viewer_start_tick(struct holder *h)
{
    if (!h->tick_timer.slot)
        loop_timer_in(&h->loop, &h->tick_timer, VIEWER_TICK_MS);
}

/* Counts n bytes of output; 0: the viewer does not read them, or could not show them. */
static int viewer_keeps_up(struct holder_client *c, size_t n)
{
    if (c->holder->loop.now - c->tick_at >= VIEWER_TICK_MS) {
        c->tick_at = c->holder->loop.now;
        c->recent = 0;
    }
    c->recent += n;
    return c->all ||
           (c->recent <= VIEWER_TICK_MAX &&
            (!c->conn.stuck || c->conn.queued + n <= VIEWER_BACKLOG_MAX));
}

/* Omits output for a viewer. A FRAME_PTY may be among the frames dropped. */
static void viewer_fall_behind(struct holder_client *c)
{
    struct holder *h = c->holder;
    conn_drop_unsent(&c->conn);
    c->behind = c->missing = 1;
    c->offered = -1;
    loop_defer(&h->loop, &h->offer_task);
    viewer_start_tick(h);
}

static void viewer_put_snapshot(struct holder_client *c, int scrollback)
{
    struct holder *h = c->holder;
    buf *bytes = &h->scratch;
    buf_clear(bytes);
    if (c->sizes) {
        frame_put_size(bytes, vt_cols(h->vt), vt_rows(h->vt));
        frame_send(&c->conn, FRAME_SIZE, buf_view(bytes));
        buf_clear(bytes);
    }
    vt_put_snapshot(h->vt, bytes, scrollback);
    frame_send_snapshot(&c->conn, &h->pool, buf_view(bytes));
    if (scrollback)
        buf_free(bytes); /* megabytes */
    c->recent = c->recent > VIEWER_TICK_MAX ? VIEWER_TICK_MAX - VIEWER_FLOOD_MAX : 0;
    c->behind = 0;
    c->tick_at = h->loop.now;
}

/* A snapshot in the middle of an update would be torn: it waits, FRAME_SYNC_MS at most. */
static int viewer_must_wait(struct holder *h)
{
    if (!(vt_modes(h->vt) & VT_SYNC))
        return 0;
    h->sync_at = h->sync_at ? h->sync_at : h->loop.now;
    return h->loop.now - h->sync_at < FRAME_SYNC_MS;
}

static size_t viewer_find_screen(const struct holder *h, span output)
{
    size_t at = h->sync_at ? frame_find_update(output) : output.n;
    return at < output.n ? at : 0;
}

static void viewer_send_snapshot(struct holder_client *c, int scrollback)
{
    if (c->conn.queued > VIEWER_BACKLOG_MAX || viewer_must_wait(c->holder))
        viewer_fall_behind(c);
    else
        viewer_put_snapshot(c, scrollback);
}

/* ---- waiting for viewers -------------------------------------------------------------------- */

static int viewer_is_waited_for(const struct holder_client *c)
{
    return c->all && !c->behind && c->conn.queued > VIEWER_BACKLOG_MAX;
}

static void viewer_hold_pty(struct holder *h)
{
    for (struct holder_client *c = h->clients; c; c = c->next)
        c->unread = c->conn.queued;
    conn_pause(&h->pty, 1);
    loop_timer_in(&h->loop, &h->wait_timer, VIEWER_WAIT_MS);
}

static void viewer_release_pty(struct holder *h)
{
    for (struct holder_client *c = h->clients; c; c = c->next)
        if (viewer_is_waited_for(c))
            return;
    loop_timer_cancel(&h->loop, &h->wait_timer);
    if (!h->pty.dead)
        conn_pause(&h->pty, 0);
}

static void viewer_on_wait(void *holder)
{
    struct holder *h = holder;
    for (struct holder_client *c = h->clients; c; c = c->next) {
        if (viewer_is_waited_for(c) && c->conn.queued >= c->unread)
            viewer_fall_behind(c);
        c->unread = c->conn.queued;
    }
    loop_timer_in(&h->loop, &h->wait_timer, VIEWER_WAIT_MS);
    viewer_release_pty(h);
}

static int viewer_reads(struct holder *h)
{
    int reads = 0;
    for (struct holder_client *c = h->clients; c; c = c->next) {
        reads |= c->all && c->conn.queued < c->unread;
        c->unread = c->conn.queued;
    }
    return reads;
}

/* ---- output --------------------------------------------------------------------------------- */

static void viewer_send_output(struct holder *h, span output)
{
    int must_wait = 0;
    blob *frame = NULL;
    for (struct holder_client *c = h->clients; c; c = c->next) {
        if (!c->viewing || c->behind)
            continue;
        if (!viewer_keeps_up(c, output.n)) {
            viewer_fall_behind(c);
            continue;
        }
        if (!frame)
            frame = frame_new(&h->pool, FRAME_OUTPUT, output);
        conn_send_blob(&c->conn, frame, 0, frame->n, 1);
        conn_flush(&c->conn); /* a key's echo goes before the rest of this pass */
        must_wait |= viewer_is_waited_for(c);
    }
    blob_drop(frame);
    if (must_wait)
        viewer_hold_pty(h);
}

/* Sends snapshots to viewers that are behind; once the session is quiet, and now and then before,
 * with their scrollback. A viewer with bytes queued gets its own when they are drained. */
static void viewer_on_tick(void *holder)
{
    struct holder *h = holder;
    int quiet = h->loop.now - h->state.output_at >= VIEWER_TICK_MS, missing = 0;
    if (viewer_must_wait(h)) {
        viewer_start_tick(h);
        return;
    }
    h->sync_at = 0;
    for (struct holder_client *c = h->clients; c; c = c->next) {
        if (c->conn.queued || !(c->behind || c->missing))
            continue;
        int whole = quiet || c->all || h->loop.now - c->whole_at >= VIEWER_WHOLE_MS;
        if (c->behind || whole)
            viewer_send_snapshot(c, whole && c->scrollback);
        c->whole_at = whole ? h->loop.now : c->whole_at;
        c->missing &= !whole;
        missing |= c->missing;
    }
    if (missing)
        viewer_start_tick(h);
}

static void viewer_set_size(struct holder *h, int cols, int rows)
{
    if (cols == vt_cols(h->vt) && rows == vt_rows(h->vt))
        return;
    vt_resize(h->vt, cols, rows);
    status_apply(h, (struct state_input){.event = STATE_ON_LOOKED}, (span){0});
    struct winsize size = {.ws_row = (unsigned short)vt_rows(h->vt),
                           .ws_col = (unsigned short)vt_cols(h->vt)};
    ioctl(h->pty.io.fd, TIOCSWINSZ, &size);
    for (struct holder_client *c = h->clients; c; c = c->next)
        if (c->viewing && c->sizes && !c->behind && !c->all)
            viewer_send_snapshot(c, 0);
    status_changed(h);
}

static void viewer_apply_size(struct holder_client *c)
{
    struct holder *h = c->holder;
    c->active_at = h->loop.now;
    if (!c->cols)
        return;
    h->sizer = c;
    viewer_set_size(h, c->cols, c->rows);
}

static void viewer_leave_size(struct holder_client *c)
{
    struct holder *h = c->holder;
    struct holder_client *last = NULL;
    if (h->sizer != c)
        return;
    h->sizer = NULL;
    for (struct holder_client *other = h->clients; other; other = other->next)
        if (other != c && other->cols && (!last || other->active_at > last->active_at))
            last = other;
    if (last && !h->exited)
        viewer_apply_size(last);
}
