#include "ui.h"

/* view - a session's screen inside the UI, for the preview and for attaching.
 *
 * The session's bytes never reach the user's terminal: they feed an emulator, and its cells are
 * drawn like everything else. So a program leaves nothing behind on the terminal, and a terminal
 * of any size can show a part of the screen. While attached, the terminal gets the input modes
 * that the program asked for (cursor keys, paste, mouse, focus): its keys are then the bytes that
 * the program expects. */

/* Modes that term_enter switches on, besides the mouse. */
#define VIEW_UI_MODES (VT_BRACKETED_PASTE | VT_FOCUS)
#define VIEW_UI_MOUSE (VT_MOUSE_NORMAL | VT_MOUSE_BUTTON | VT_MOUSE_SGR)
/* bytes typed in one pass of the loop, or before the connection is open */
#define VIEW_TYPED_MAX (512 * 1024)
#ifndef VIEW_NOTIFY_MS
#define VIEW_NOTIFY_MS 1000 /* between two notifications of a program */
#endif
#define VIEW_HELD_MAX (1024 * 1024) /* bytes of an update that has not ended */
#define VIEW_PIECE (32 * 1024) /* of input in one frame, so that the holder can hold the next */
#define VIEW_DIRECT_MAX 256  /* bytes written to the pty directly; more may be cut halfway */
#ifndef VIEW_NOTICE_MS
#define VIEW_NOTICE_MS 5     /* delay of FRAME_TYPED, so that it does not delay the keys' echo */
#endif
#define VIEW_WAITING_COLS 80 /* until the size is known */
#define VIEW_WAITING_ROWS 24

/* ---- the connection ------------------------------------------------------------------------- */

static void view_send_notice(void *ctx)
{
    struct view *v = ctx;
    buf at = {0};
    frame_put_typed(&at, v->typed_at, v->looked);
    v->looked = 1;
    holder_link_send(v->stream->link, FRAME_TYPED, buf_view(&at));
    buf_free(&at);
}

/* Writes keys to the session's pty, if we have it and no input through the holder is in flight
 * (the keys could get between its bytes). Returns the number of bytes written. */
static size_t view_type_directly(struct view *v, span keys)
{
    if (!v->may_type || keys.n > VIEW_DIRECT_MAX)
        return 0;
    ssize_t n = write(v->pty, keys.p, keys.n);
    if (n <= 0)
        return 0;
    if (frame_is_report((span){keys.p, (size_t)n}))
        return (size_t)n; /* the holder need not know: it ends no question and takes no size */
    v->looked &= frame_is_look((span){keys.p, (size_t)n});
    v->typed_at = v->loop->now;
    if (!v->notice_timer.slot)
        loop_timer_in(v->loop, &v->notice_timer, VIEW_NOTICE_MS);
    return (size_t)n;
}

/* Sends keys through the holder. Its next FRAME_PTY that counts them allows direct writes again. */
static void view_type_through(struct view *v, span keys)
{
    v->may_type = 0;
    loop_timer_cancel(v->loop, &v->notice_timer);
    for (; keys.n; keys = span_sub(keys, keys.n < VIEW_PIECE ? keys.n : VIEW_PIECE)) {
        v->inputs++;
        holder_link_send(v->stream->link, FRAME_INPUT,
                         (span){keys.p, keys.n < VIEW_PIECE ? keys.n : VIEW_PIECE});
    }
    conn_flush(&v->stream->link->conn);
}

/* Sends the keys of one pass of the loop as one message, without delay. */
static void view_send_typed(void *ctx)
{
    struct view *v = ctx;
    if (!v->typed.n || !v->stream)
        return;
    size_t n = view_type_directly(v, buf_view(&v->typed));
    span rest = span_sub(buf_view(&v->typed), n);
    if (rest.n && v->stream->link)
        view_type_through(v, rest);
    else if (rest.n && stream_type(v->stream, rest) < 0)
        return; /* not connected yet: view_on_drained sends them */
    buf_clear(&v->typed);
}

static void view_feed(struct view *v, span bytes)
{
    buf answers = {0};
    vt_feed(v->vt, bytes);
    vt_drain_answers(v->vt, &answers); /* dropped: the holder's emulator has answered */
    buf_free(&answers);
    v->signals |= vt_drain_signals(v->vt);
}

/* Feeds what gives a whole screen: an update that has begun waits for its end, FRAME_SYNC_MS at
 * most. Programs that know no updates cost no search. */
static void view_receive(struct view *v, span bytes)
{
    size_t before = v->held.n, n = bytes.n;
    if (before)
        buf_span(&v->held, bytes), bytes = buf_view(&v->held);
    if (v->signals & VT_SYNCED)
        n = frame_find_update(bytes);
    if (before && n == 0 && bytes.n < VIEW_HELD_MAX)
        return; /* the same update goes on */
    n = bytes.n - n < VIEW_HELD_MAX ? n : bytes.n;
    if (!before && n < bytes.n)
        buf_span(&v->held, span_sub(bytes, n));
    view_feed(v, (span){bytes.p, n});
    if (before)
        buf_drop(&v->held, n);
    v->torn = (vt_modes(v->vt) & VT_SYNC) != 0;
    if (v->loop && (v->held.n || v->torn))
        loop_timer_in(v->loop, &v->sync_timer, FRAME_SYNC_MS);
    else if (v->loop)
        loop_timer_cancel(v->loop, &v->sync_timer);
    v->hooks->changed(v->ctx);
}

static void view_on_sync_over(void *ctx)
{
    struct view *v = ctx;
    view_feed(v, buf_view(&v->held));
    buf_clear(&v->held);
    v->torn = 0;
    v->hooks->changed(v->ctx);
}

static struct view *view_new(const char *id, const struct view_hooks *hooks, void *ctx)
{
    struct view *v = base_alloc(sizeof *v);
    v->id = base_dup(id);
    v->hooks = hooks;
    v->ctx = ctx;
    v->terminal.modes = v->widget_modes = VIEW_UI_MODES;
    v->wheel = v->looked = 1;
    v->send_task = (struct loop_task){.fn = view_send_typed, .ctx = v};
    v->notice_timer = (struct loop_timer){.fn = view_send_notice, .ctx = v};
    v->sync_timer = (struct loop_timer){.fn = view_on_sync_over, .ctx = v};
    v->pty = -1;
    return v;
}

static void view_free(struct view *v)
{
    vt_free(v->vt);
    buf_free(&v->typed);
    buf_free(&v->held);
    free(v->computer);
    free(v->id);
    free(v);
}

static void view_on_size(void *ctx, int cols, int rows)
{
    struct view *v = ctx;
    if (!v->vt)
        v->vt = vt_new(cols, rows);
    vt_resize(v->vt, cols, rows);
}

static void view_on_output(void *ctx, span bytes, int snapshot)
{
    struct view *v = ctx;
    if (!v->vt)
        v->vt = vt_new(VIEW_WAITING_COLS, VIEW_WAITING_ROWS);
    if (snapshot)
        buf_clear(&v->held);
    view_receive(v, bytes);
}

/* Cancels the task and the timer, and closes the pty: an open descriptor of it would keep the
 * program's terminal from hanging up. */
static void view_cancel(struct view *v)
{
    if (!v->loop)
        return;
    loop_task_cancel(v->loop, &v->send_task);
    loop_timer_cancel(v->loop, &v->notice_timer);
    loop_timer_cancel(v->loop, &v->sync_timer);
    if (v->pty >= 0)
        close(v->pty);
    v->pty = -1;
    v->may_type = 0;
}

static void view_on_end(void *ctx, const char *why)
{
    struct view *v = ctx;
    v->lost |= v->stream && v->stream->over == STREAM_LOST;
    v->unlinked = 0;
    v->link_reason[0] = '\0';
    v->stream = NULL;
    view_cancel(v);
    if (v->held.n)
        view_on_sync_over(v);
    base_copy(v->reason, sizeof v->reason, why);
    v->hooks->ended(v->ctx);
}

static void view_on_link(void *ctx, const char *why, long long unsent)
{
    struct view *v = ctx;
    v->unlinked = why != NULL;
    base_copy(v->link_reason, sizeof v->link_reason, why ? why : "");
    v->unsent = unsent;
    v->hooks->changed(v->ctx);
}

static size_t view_pending(const struct view *v)
{
    return v->typed.n + stream_queued(v->stream);
}

static void view_on_drained(void *ctx)
{
    struct view *v = ctx;
    v->lost = 0;
    if (!v->stream->link)
        view_send_typed(v);
    if (v->hooks && v->hooks->drained)
        v->hooks->drained(v->ctx);
}

static void view_on_pty(void *ctx, span payload)
{
    struct view *v = ctx;
    long long inputs;
    if (v->pty < 0)
        v->pty = conn_receive_fd(&v->stream->link->conn);
    v->may_type = v->pty >= 0 && span_int(payload, &inputs) && inputs == v->inputs;
}

static const struct stream_hooks view_stream_hooks = {
    view_on_size, view_on_output, view_on_pty, view_on_end, view_on_drained, view_on_link, NULL};

/* Connects to the session's holder, if that is on this computer: each process between a key and
 * its echo costs two wake-ups. Else through the daemon. */
static int view_reopen(struct view *v, struct client *client)
{
    const char how[] = {FRAME_VIEW_SIZES, FRAME_VIEW_SCROLLBACK, FRAME_VIEW_PTY};
    v->stream = stream_open_session(client->loop, client->config, v->id,
                                    (span){how, v->control ? 3 : v->history ? 2 : 1},
                                    &view_stream_hooks, v);
    if (!v->stream)
        v->stream = relayed_open(client, v->id, v->computer, v->control, v->history,
                                 &view_stream_hooks, v);
    if (!v->stream)
        return -1;
    if (v->want_cols)
        view_resize(v, v->want_cols, v->want_rows);
    view_set_colours(v, &v->colours);
    return 0;
}

static struct view *view_open(struct client *client, const char *id, const char *computer,
                              unsigned what, const struct view_hooks *hooks, void *ctx)
{
    struct view *v = view_new(id, hooks, ctx);
    v->loop = client->loop;
    v->computer = computer ? base_dup(computer) : NULL;
    v->here = client->config->computer;
    v->control = what == VIEW_CONTROL;
    v->history = what != VIEW_SCREEN;
    if (view_reopen(v, client) == 0)
        return v;
    view_free(v);
    return NULL;
}

static int view_is_open(const struct view *v)
{
    return v->stream != NULL;
}

static struct view *view_of_text(const char *id, span text, int cols, int rows)
{
    struct view *v = view_new(id, NULL, NULL);
    v->vt = vt_new(cols, rows);
    text = span_trim(text, "\n");
    while (text.n) {
        vt_feed(v->vt, span_cut(&text, '\n'));
        if (text.n)
            vt_feed(v->vt, span_of("\r\n"));
    }
    vt_feed(v->vt, span_of("\033[?25l"));
    return v;
}

static void view_close(struct view *v)
{
    if (!v)
        return;
    v->hooks = NULL;
    if (v->send_task.queued)
        view_send_typed(v);
    if (v->notice_timer.slot)
        view_send_notice(v);
    view_cancel(v);
    stream_drain(v->stream);
    view_free(v);
}

static void view_discard(struct view *v)
{
    if (!v)
        return;
    view_cancel(v);
    stream_cancel(v->stream);
    view_free(v);
}

static void view_send(struct view *v, span input)
{
    v->back = 0;
    if (v->lost) {
        v->unsent += (long long)input.n;
        v->hooks->changed(v->ctx);
        return;
    }
    if (v->unsent && !v->unlinked) {
        v->unsent = 0;
        v->hooks->changed(v->ctx);
    }
    if (v->typed.n + input.n > VIEW_TYPED_MAX)
        view_send_typed(v);
    if (v->typed.n + input.n <= VIEW_TYPED_MAX)
        buf_span(&v->typed, input);
    loop_defer(v->loop, &v->send_task);
}

static void view_resize(struct view *v, int cols, int rows)
{
    v->want_cols = cols;
    v->want_rows = rows;
    if (v->stream)
        stream_resize(v->stream, cols, rows, v->here);
}

static void view_set_colours(struct view *v, const struct vt_colours *colours)
{
    v->colours = *colours;
    if (v->control && v->stream)
        stream_set_colours(v->stream, colours);
}

/* ---- drawing -------------------------------------------------------------------------------- */

static void view_scroll(struct view *v, int lines)
{
    int most = v->vt && !(vt_modes(v->vt) & VT_ALT_SCREEN) ? vt_scroll_count(v->vt) : 0;
    v->back = widget_max(0, widget_min(v->back + lines, most));
}

static void view_pan(struct view *v, int rows, int cols)
{
    v->pan_rows += rows;
    v->pan_cols += cols;
}

/* Returns the first line to show of `size` lines, of which `room` fit, so that line `at` is seen;
 * the same for columns. */
static int view_crop(int size, int room, int at)
{
    if (size <= room || at < room)
        return 0;
    return widget_min(at - room + 1, size - room);
}

/* view_crop, moved by *pan, which is limited to what the screen has. */
static int view_crop_panned(int size, int room, int at, int *pan)
{
    int first = view_crop(size, room, at);
    *pan = widget_max(-first, widget_min(*pan, widget_max(0, size - room) - first));
    return first + *pan;
}

/* Sets the columns from…to-1 of a row that are selected. */
static void view_selected(const struct view *v, int row, int *from, int *to)
{
    int back = v->from_row > v->to_row || (v->from_row == v->to_row && v->from_col > v->to_col);
    int first = back ? v->to_row : v->from_row, last = back ? v->from_row : v->to_row;
    int start = back ? v->to_col : v->from_col, end = back ? v->from_col : v->to_col;
    *from = row == first ? start : 0;
    *to = row == last ? end + 1 : vt_cols(v->vt);
    if (!v->selecting || row < first || row > last)
        *to = *from;
}

static void view_draw(struct view *v, struct grid *g, int row, int col, int rows, int cols,
                      int cursor)
{
    int at_row, at_col;
    if (!v->vt)
        return;
    view_scroll(v, 0); /* within what there is */
    vt_cursor(v->vt, &at_row, &at_col);
    int hidden = (vt_modes(v->vt) & VT_CURSOR_HIDDEN) != 0;
    int top = view_crop_panned(vt_rows(v->vt), rows, at_row, &v->pan_rows) - v->back;
    at_col = hidden || !cursor ? 0 : at_col;
    int left = view_crop_panned(vt_cols(v->vt), cols, at_col, &v->pan_cols);
    int height = widget_min(rows, vt_rows(v->vt)), width = widget_min(cols, vt_cols(v->vt) - left);
    for (int y = 0; y < height; y++) {
        const struct cell *cells = vt_row(v->vt, widget_max(top + y, -vt_scroll_count(v->vt)));
        grid_put_cells(g, row + y, col, cells + left, width, vt_pool(v->vt));
        int from, to;
        view_selected(v, top + y, &from, &to);
        from = widget_max(from, left), to = widget_min(to, left + width);
        if (vt_modes(v->vt) & VT_REVERSE_VIDEO)
            grid_invert(g, row + y, col, width);
        grid_invert(g, row + y, col + from - left, to - from);
    }
    v->top = top, v->left = left, v->shown_rows = height;
    int y = at_row - top, x = at_col - left;
    if (cursor && !hidden && !v->back && y >= 0 && y < rows && x >= 0 && x < cols) {
        g->cursor_row = row + y;
        g->cursor_col = col + x;
        g->cursor_shown = 1;
    }
}

/* ---- input modes ---------------------------------------------------------------------------- */

static const struct {
    unsigned mode;
    const char *on, *off;
} view_modes[] = {
    {VT_APP_CURSOR, "\033[?1h", "\033[?1l"},
    {VT_APP_KEYPAD, "\033=", "\033>"},
    {VT_BRACKETED_PASTE, "\033[?2004h", "\033[?2004l"},
    {VT_FOCUS, "\033[?1004h", "\033[?1004l"},
    {VT_CURSOR_BLINK, "\033[?12h", "\033[?12l"},
    {VT_MOUSE_NORMAL, "\033[?1000h", "\033[?1000l"},
    {VT_MOUSE_BUTTON, "\033[?1002h", "\033[?1002l"},
    {VT_MOUSE_ANY, "\033[?1003h", "\033[?1003l"},
    {VT_MOUSE_SGR, "\033[?1006h", "\033[?1006l"},
};
#define VIEW_MOUSE (VT_MOUSE_X10 | VT_MOUSE_NORMAL | VT_MOUSE_BUTTON | VT_MOUSE_ANY)

/* The modes that the program's terminal has, as the user's terminal is to have them. Mouse events
 * always come in the SGR form: view_put_mouse writes the program's. */
static struct view_terminal view_wanted(const struct view *v)
{
    struct view_terminal w = {.modes = v->vt ? vt_modes(v->vt) & ~VT_MOUSE_X10 : 0};
    if (v->history && !v->control) /* its program gets no input */
        return (struct view_terminal){.modes = v->widget_modes};
    w.modes |= VT_FOCUS; /* the UI calls its user only when that is needed */
    unsigned mouse = v->vt ? vt_modes(v->vt) & VIEW_MOUSE : 0;
    if (mouse == VT_MOUSE_X10)
        w.modes |= VT_MOUSE_NORMAL;
    else if (!mouse && v->wheel) /* for scrolling back and selecting */
        w.modes |= VT_MOUSE_BUTTON;
    if (w.modes & VIEW_MOUSE)
        w.modes |= VT_MOUSE_SGR;
    w.shape = v->vt ? vt_cursor_shape(v->vt) : 0;
    w.progress = v->vt && v->keyboards ? vt_progress(v->vt) : 0;
    int kitty = v->vt ? keyboard_ask(vt_key_flags(v->vt)) : 0;
    int other = v->vt ? vt_other_keys(v->vt) : 0;
    if (v->keyboards == TERM_KEYS_KITTY)
        w.kitty = kitty ? kitty : 1;
    else if (v->keyboards == TERM_KEYS_OTHER)
        w.other_keys = kitty ? 2 : other ? other : 1;
    return w;
}

static void view_put_keyboard(const struct view_terminal *from, const struct view_terminal *to,
                              buf *b)
{
    if (from->kitty && !to->kitty)
        buf_str(b, "\033[<u");
    else if (from->kitty != to->kitty)
        buf_fmt(b, from->kitty ? "\033[=%du" : "\033[>%du", to->kitty);
    if (from->other_keys && !to->other_keys)
        buf_str(b, "\033[>4m\033[m"); /* where '>' is not known, that is an underline */
    else if (from->other_keys != to->other_keys)
        buf_fmt(b, "\033[>4;%dm\033[m", to->other_keys);
}

/* The terminal's state that is no mode. */
static void view_put_state(const struct view_terminal *from, const struct view_terminal *to, buf *b)
{
    if (to->shape != from->shape)
        buf_fmt(b, "\033[%d q", to->shape);
    if (to->progress != from->progress)
        buf_fmt(b, "\033]9;4;%d;%d\033\\", to->progress >> 8, to->progress & 255);
    view_put_keyboard(from, to, b);
}

static void view_put_mode_changes(struct view *v, const struct view_terminal *to, buf *b)
{
    const unsigned exclusive = VIEW_MOUSE | VT_MOUSE_SGR;
    struct view_terminal *from = &v->terminal, own = {.modes = v->widget_modes};
    unsigned off = from->modes & ~to->modes, on = to->modes & ~from->modes;
    buf undo = {0};
    if (off & exclusive) /* some terminals switch all of them off with one */
        on |= to->modes & exclusive;
    for (size_t i = 0; i < COUNT_OF(view_modes); i++)
        if (off & view_modes[i].mode)
            buf_str(b, view_modes[i].off);
    for (size_t i = 0; i < COUNT_OF(view_modes); i++)
        if (on & view_modes[i].mode)
            buf_str(b, view_modes[i].on);
    view_put_state(from, to, b);
    *from = *to;
    view_put_state(to, &own, &undo);
    if (to->modes & VT_CURSOR_BLINK)
        buf_str(&undo, "\033[?12l");
    term_set_undo(buf_view(&undo));
    buf_free(&undo);
}

static void view_set_terminal(struct view *v, int mouse, enum term_keys keyboards)
{
    v->wheel = mouse;
    v->keyboards = keyboards;
    v->widget_modes = VIEW_UI_MODES | (mouse ? VIEW_UI_MOUSE : 0u);
}

static void view_reset_modes(struct view *v)
{
    v->terminal = (struct view_terminal){.modes = v->widget_modes};
}

static void view_put_modes(struct view *v, buf *b)
{
    struct view_terminal wanted = view_wanted(v);
    view_put_mode_changes(v, &wanted, b);
}

/* ---- keys and mouse ------------------------------------------------------------------------- */

static void view_put_key(const struct view *v, const struct term_event *ev, const char *newline,
                         buf *b)
{
    unsigned modes = v->vt ? vt_modes(v->vt) : 0;
    struct keyboard k = {.application = (modes & VT_APP_CURSOR) != 0, .newline = newline};
    k.kitty = v->vt ? vt_key_flags(v->vt) : 0;
    k.other_keys = v->vt && !k.kitty ? vt_other_keys(v->vt) : 0;
    int same = v->terminal.kitty == keyboard_ask(k.kitty) && v->terminal.other_keys == k.other_keys;
    int lone = k.kitty && ev->key == 0x1b; /* which may begin a sequence */
    if (ev->text.n && (same || (!ev->extended && !v->terminal.kitty && !lone)))
        buf_span(b, ev->text);
    else if (ev->type == TERM_KEY)
        keyboard_put_key(b, ev->key, ev->mods, &k);
    else if (!ev->extended && !ev->released)
        buf_span(b, ev->text);
}

/* Appends a mouse report in the form that the program has asked for. x, y: from 1. */
static void view_put_report(unsigned modes, unsigned code, int x, int y, int release, buf *b)
{
    char text[4];
    unsigned old = release ? (code & ~3u) | 3 : code; /* tells no button's release */
    const uint32_t values[] = {32 + old, 32 + (unsigned)x, 32 + (unsigned)y};
    if (modes & VT_MOUSE_SGR) {
        buf_fmt(b, "\033[<%u;%d;%d%c", code, x, y, release ? 'm' : 'M');
    } else if (modes & VT_MOUSE_URXVT) {
        buf_fmt(b, "\033[%u;%d;%dM", 32 + old, x, y);
    } else if (modes & VT_MOUSE_UTF8 || (x < 224 && y < 224)) {
        buf_str(b, "\033[M");
        for (size_t i = 0; i < COUNT_OF(values); i++)
            if (modes & VT_MOUSE_UTF8)
                buf_add(b, text, utf8_encode(values[i], text));
            else
                buf_byte(b, (char)values[i]);
    }
}

static int view_locate(const struct view *v, const struct term_event *ev, int *row, int *col)
{
    int y = ev->row + v->top, x = ev->col + v->left, rows = vt_rows(v->vt), cols = vt_cols(v->vt);
    int first = -vt_scroll_count(v->vt), last = v->top + v->shown_rows - 1;
    *row = widget_max(first, widget_min(y, widget_min(last, rows - 1)));
    *col = widget_max(0, widget_min(x, cols - 1));
    return *row == y && *col == x;
}

static void view_put_mouse(struct view *v, const struct term_event *ev, buf *b)
{
    int row, col, inside = view_locate(v, ev, &row, &col), release = ev->mouse == TERM_RELEASE;
    unsigned modes = vt_modes(v->vt);
    int held = v->pressed && (release || ev->mouse == TERM_DRAG);
    if (ev->mouse == TERM_PRESS || release)
        v->pressed = ev->mouse == TERM_PRESS && inside;
    if ((!inside && !held) || row < 0)
        return;
    if (modes & VT_MOUSE_X10 && (ev->mouse != TERM_PRESS))
        return;
    view_put_report(modes, modes & VT_MOUSE_X10 ? ev->code & 3 : ev->code, col + 1, row + 1,
                    release, b);
}

/* ---- selecting ------------------------------------------------------------------------------ */

/* Appends the selected text: wrapped rows joined, no blanks at the ends of lines. */
static void view_put_selected(struct view *v, buf *b)
{
    int first = widget_min(v->from_row, v->to_row), last = widget_max(v->from_row, v->to_row);
    for (int row = first; row <= last; row++) {
        int from, to;
        view_selected(v, row, &from, &to);
        vt_put_cells(v->vt, b, row, from, to);
        if (row < last && !vt_is_wrapped(v->vt, row))
            buf_byte(b, '\n');
    }
}

static int view_select(struct view *v, const struct term_event *ev, buf *text)
{
    int row, col, inside;
    if (!v->vt || ev->code & ~(32u | 16 | 8 | 4))
        return 0; /* another button */
    inside = view_locate(v, ev, &row, &col);
    if (ev->mouse == TERM_PRESS && inside) {
        v->from_row = row, v->from_col = col;
        v->pressed = 1;
    } else if (ev->mouse == TERM_DRAG && v->pressed) {
        v->to_row = row, v->to_col = col;
        v->selecting = 1;
    } else if (ev->mouse == TERM_RELEASE) {
        if (v->selecting)
            view_put_selected(v, text);
        v->selecting = v->pressed = 0;
    }
    return v->selecting || text->n;
}

/* ---- what goes through to the terminal ------------------------------------------------------ */

/* Appends the program's OSC 52 string, if it has only characters of base64 and its separators. */
static void view_put_clipboard(const struct view *v, buf *b)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=;";
    span s = vt_clipboard(v->vt);
    for (size_t i = 0; i < s.n; i++)
        if (!s.p[i] || !strchr(plain, s.p[i]))
            return; /* on a query ("c;?") the terminal would type the clipboard's text */
    buf_str(b, "\033]52;");
    buf_span(b, s);
    buf_byte(b, '\a');
}

/* Appends the program's last notification in its own form. */
static void view_put_notification(const struct view *v, buf *b)
{
    int osc = vt_notified_by(v->vt);
    span s = vt_notification(v->vt);
    buf_fmt(b, "\033]%d;%s", osc, osc == 777 ? "notify;" : osc == 99 ? ";" : "");
    buf_span(b, s);
    buf_str(b, osc == 777 ? ";\033\\" : "\033\\");
}

static void view_put_signals(struct view *v, int clipboard, long long now, buf *b)
{
    if (!v->vt)
        return;
    v->signals |= vt_drain_signals(v->vt);
    if (v->signals & VT_BELL)
        buf_byte(b, '\a');
    if (v->signals & VT_CLIPBOARD && clipboard)
        view_put_clipboard(v, b);
    if (v->signals & VT_NOTIFIED && v->keyboards && now >= v->notify_at) {
        view_put_notification(v, b);
        v->notify_at = now + VIEW_NOTIFY_MS;
    }
    v->signals &= VT_SYNCED;
}

static void view_put_modes_back(struct view *v, buf *b)
{
    struct view_terminal own = {.modes = v->widget_modes};
    view_put_mode_changes(v, &own, b);
}
