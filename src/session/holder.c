#include "private.h"

/* ---- typing into the program ---------------------------------------------------------------- */

static int holder_type(struct holder *h, span bytes)
{
    if (h->pty.queued + bytes.n > HOLDER_QUEUE_MAX)
        return -1;
    conn_send_now(&h->pty, bytes);
    loop_defer(&h->loop, &h->offer_task);
    return 0;
}

/* Tells those who type past us whether they may: not into a message, nor before input that the
 * program has not taken. What they type until they hear of it may still get there, as with any two
 * who write to one terminal. */
static void holder_offer_pty(void *ctx)
{
    struct holder *h = ctx;
    int may = !h->pty.queued && !h->enter_timer.slot && !h->typed.n && !h->exited;
    for (struct holder_client *c = h->clients; c; c = c->next) {
        buf inputs = {0};
        if (!c->direct || c->offered == may)
            continue;
        c->offered = may;
        if (may)
            buf_int(&inputs, c->inputs);
        frame_send(&c->conn, FRAME_PTY, buf_view(&inputs));
        buf_free(&inputs);
    }
}

static void holder_on_pty_drained(void *ctx)
{
    struct holder *h = ctx;
    loop_defer(&h->loop, &h->offer_task);
}

/* Typing goes to the program without a process more on its way, and past a holder that is busy with
 * its output. */
static void holder_pass_pty(struct holder_client *c)
{
    char frame[FRAME_HEAD];
    frame_put_head(frame, FRAME_PTY, 0);
    if (c->direct || conn_send_fd(&c->conn, (span){frame, sizeof frame}, c->hold->pty.io.fd) != 0)
        return;
    c->direct = 1;
    c->hold->typists++;
    loop_defer(&c->hold->loop, &c->hold->offer_task);
}

static void holder_press_enter(void *ctx)
{
    struct holder *h = ctx;
    holder_type(h, span_of("\r"));
}

/* An Enter that still waits goes before whatever is typed next. */
static void holder_settle_enter(struct holder *h)
{
    if (!h->enter_timer.slot)
        return;
    loop_timer_cancel(&h->loop, &h->enter_timer);
    holder_press_enter(h);
}

/* How many bytes the terminal itself will echo for `text`, when it does. */
static long long holder_echo_of(const struct holder *h, span text)
{
    struct termios modes;
    long long n = 0;
    if (tcgetattr(h->slave, &modes) != 0 || !(modes.c_lflag & ECHO))
        return 0;
    for (size_t i = 0; i < text.n; i++)
        n += (unsigned char)text.p[i] < 0x20 ? 2 : 1;
    return n;
}

/* Text as somebody would type it: a paste where the program takes pastes, line feeds as Enter
 * elsewhere. */
static void holder_put_typed(buf *b, span text, int paste)
{
    if (paste)
        buf_str(b, "\033[200~");
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\033')
            continue; /* or a text could end the paste by itself and press keys */
        if (c == '\r' && i + 1 < text.n && text.p[i + 1] == '\n')
            continue;
        buf_byte(b, c == '\n' && !paste ? '\r' : c);
    }
    if (paste)
        buf_str(b, "\033[201~");
}

/* Types a message, and Enter when asked. Returns how much of the output to come is mere echo; -1:
 * the program has stopped reading. */
static long long holder_type_message(struct holder *h, span text, int enter)
{
    int paste = (vt_modes(h->vt) & VT_BRACKETED_PASTE) != 0;
    buf bytes = {0};
    holder_settle_enter(h);
    holder_put_typed(&bytes, text, paste);
    buf_str(&bytes, enter && !paste ? "\r" : "");
    long long echo =
        holder_echo_of(h, buf_view(&bytes)) + (enter && paste ? holder_echo_of(h, span_of("\r")) : 0);
    int refused = holder_type(h, buf_view(&bytes));
    buf_free(&bytes);
    if (refused)
        return -1;
    if (enter && paste)
        loop_timer_set(&h->loop, &h->enter_timer, h->loop.now + HOLDER_ENTER_MS);
    buf_clear(&h->last_input);
    state_put_characters(&h->last_input, text, HOLDER_INPUT_MAX);
    state_changed(h);
    return echo;
}

static void holder_type_first(void *ctx)
{
    struct holder *h = ctx;
    if (!h->typed.n)
        return;
    loop_timer_cancel(&h->loop, &h->type_timer);
    buf first = h->typed;
    h->typed = (buf){0};
    holder_type_message(h, buf_view(&first), 1);
    buf_free(&first);
}

static int frame_put_key(buf *b, span name, int application)
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
    char last = name.n == 6 && span_starts(name, "ctrl_") ? name.p[5] : 0;
    if (!(last >= 'a' && last <= 'z'))
        return 0;
    buf_byte(b, (char)(last - 'a' + 1));
    return 1;
}

/* ---- viewers -------------------------------------------------------------------------------- */

static void holder_send_snapshot(struct holder_client *c, int scrollback)
{
    const struct vt *vt = c->hold->vt;
    buf bytes = {0};
    if (c->sizes) {
        buf_fmt(&bytes, "{\"size\":[%d,%d]}", vt_cols(vt), vt_rows(vt));
        frame_send(&c->conn, FRAME_SIZE, buf_view(&bytes));
        buf_clear(&bytes);
    }
    vt_put_snapshot(vt, &bytes, scrollback);
    frame_send(&c->conn, FRAME_SNAPSHOT, buf_view(&bytes));
    buf_free(&bytes);
    c->behind = 0;
    c->recent = 0;
    c->tick_at = c->hold->loop.now;
}

/* Does a viewer get these bytes? Not one that does not read, nor more than it could show. */
static int holder_keeps_up(struct holder_client *c, size_t n)
{
    if (c->hold->loop.now - c->tick_at >= HOLDER_TICK_MS) {
        c->tick_at = c->hold->loop.now;
        c->recent = 0;
    }
    c->recent += n;
    return c->recent <= HOLDER_TICK_MAX && (!c->conn.stuck || c->conn.queued + n <= HOLDER_BACKLOG_MAX);
}

/* The same bytes for every viewer; one that can't keep up gets a snapshot at the next tick. */
static void holder_show(struct holder *h, span bytes)
{
    blob *frame = NULL;
    for (struct holder_client *c = h->clients; c; c = c->next) {
        if (!c->viewing || c->behind)
            continue;
        if (!holder_keeps_up(c, bytes.n)) {
            conn_drop_unsent(&c->conn);
            c->behind = c->missing = 1;
            c->offered = -1; /* what it was told of it may have been dropped, too */
            loop_defer(&h->loop, &h->offer_task);
            if (!h->tick_timer.slot)
                loop_timer_set(&h->loop, &h->tick_timer, h->loop.now + HOLDER_TICK_MS);
            continue;
        }
        if (!frame)
            frame = frame_put(FRAME_OUTPUT, bytes);
        conn_send_blob(&c->conn, frame, 0, frame->n, 1);
        conn_flush(&c->conn); /* somebody waits for a key's echo; what else it means can wait */
    }
    blob_drop(frame);
}

/* Snapshots for who is behind; once it is quiet, what is missing in scrollbacks. */
static void holder_on_tick(void *ctx)
{
    struct holder *h = ctx;
    int quiet = h->loop.now - h->output_at >= HOLDER_TICK_MS, missing = 0;
    for (struct holder_client *c = h->clients; c; c = c->next) {
        if (c->conn.queued || !(c->behind || c->missing))
            continue; /* holder_on_client_drained comes back to it */
        if (c->behind || quiet)
            holder_send_snapshot(c, quiet && c->scrollback);
        c->missing &= !quiet;
        missing |= c->missing;
    }
    if (missing)
        loop_timer_set(&h->loop, &h->tick_timer, h->loop.now + HOLDER_TICK_MS);
}

/* Questions that programs ask their terminal are ours to answer: who watches only sees the screen.
 */
static void holder_answer_queries(struct holder *h)
{
    buf answers = {0};
    vt_drain_answers(h->vt, &answers);
    if (answers.n)
        holder_type(h, buf_view(&answers));
    buf_free(&answers);
}

static void holder_set_size(struct holder *h, int cols, int rows)
{
    if (cols == vt_cols(h->vt) && rows == vt_rows(h->vt))
        return;
    vt_resize(h->vt, cols, rows);
    struct winsize size = {.ws_row = (unsigned short)vt_rows(h->vt),
                           .ws_col = (unsigned short)vt_cols(h->vt)};
    ioctl(h->pty.io.fd, TIOCSWINSZ, &size);
    for (struct holder_client *c = h->clients; c; c = c->next)
        if (c->viewing && c->sizes && !c->behind)
            holder_send_snapshot(c, 0);
    state_changed(h);
}

/* ---- receipts ------------------------------------------------------------------------------- */

static void holder_send_receipt(struct holder_client *c, const char *result)
{
    c->awaiting = 0;
    loop_timer_cancel(&c->hold->loop, &c->receipt_timer);
    frame_send(&c->conn, FRAME_RECEIPT, span_of(result));
}

static void holder_receipt_late(void *ctx)
{
    holder_send_receipt(ctx, "unconfirmed");
}

static void holder_count_reaction(struct holder *h, size_t n)
{
    for (struct holder_client *c = h->clients; c; c = c->next) {
        /* what comes before the Enter is no answer to it */
        if (!c->awaiting || h->enter_timer.slot)
            continue;
        c->echo -= (long long)n;
        if (c->echo < 0)
            holder_send_receipt(c, "delivered");
    }
}

/* ---- the end of a session ------------------------------------------------------------------- */

#if defined(__linux__)
/* Has it ended already, and only waits to be reaped? */
static int holder_is_zombie(pid_t pid)
{
    char path[64];
    buf text = {0};
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    const char *end = os_read_file(&text, path, 4096) == 0 ? strrchr(buf_cstr(&text), ')') : NULL;
    int zombie = !end || end[1] != ' ' || end[2] == 'Z' || end[2] == 'X'; /* (name) state … */
    buf_free(&text);
    return zombie;
}

/* Signals every live process of the session, whatever its process group; 0 only counts them. */
static int holder_signal_session(pid_t session, int signo)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    long long pid;
    int found = 0;
    while (proc && (entry = readdir(proc)))
        if (span_int(span_of(entry->d_name), &pid) && getsid((pid_t)pid) == session &&
            !holder_is_zombie((pid_t)pid))
            found += kill((pid_t)pid, signo) == 0;
    if (proc)
        closedir(proc);
    return found;
}
#else
static int holder_signal_session(pid_t session, int signo)
{
    return kill(-session, signo) == 0;
}
#endif

static void holder_signal_all(struct holder *h, int signo)
{
    pid_t foreground = tcgetpgrp(h->pty.io.fd);
    if (!h->exited)
        kill(-h->pid, signo);
    if (foreground > 1 && foreground != h->pid && foreground != getpgrp())
        kill(-foreground, signo);
    holder_signal_session(h->pid, signo);
}

static void holder_finish(struct holder *h)
{
    buf json = {0};
    state_renew_last_output(h);
    state_enter(h, STATE_EXITED, STATE_BY_EXIT);
    state_put_status(h, &json);
    if (store_write(h->dir, "exit.json", buf_view(&json)) != 0)
        log_line(LOG_ERROR, "cannot write %s/exit.json: %s", h->dir, strerror(errno));
    buf_free(&json);
    loop_timer_cancel(&h->loop, &h->status_timer);
    state_send_status(h);
    for (struct holder_client *c = h->clients; c; c = c->next) {
        if (c->awaiting)
            holder_send_receipt(c, "delivered"); /* to end is to react */
        if (c->behind || c->missing)
            holder_send_snapshot(c, c->scrollback); /* there will be no other tick */
        conn_finish(&c->conn);
    }
    store_log_close(&h->log);
    loop_unwatch(&h->loop, &h->listener);
    unlink(h->socket);
    h->over = 1;
    loop_timer_set(&h->loop, &h->drain_timer, h->loop.now + 1000); /* for clients that never read */
}

/* Over when the program has ended, its output is in, and, for a session being killed, nobody is
 * left. */
static void holder_check_end(struct holder *h)
{
    if (h->over || !h->exited || !h->drained)
        return;
    if (h->killing && holder_signal_session(h->pid, 0) > 0) {
        h->check_ms = h->check_ms ? h->check_ms * 2 : HOLDER_CHECK_MS;
        loop_timer_set(&h->loop, &h->drain_timer, h->loop.now + h->check_ms);
        return;
    }
    holder_finish(h);
}

static void holder_on_drain_timer(void *ctx)
{
    struct holder *h = ctx;
    if (h->over)
        h->over = 2;
    /* background processes still hold the terminal: their output is not waited for */
    h->drained = 1;
    holder_check_end(h);
}

static void holder_kill(struct holder *h)
{
    if (h->killing)
        return;
    h->killing = 1;
    holder_signal_all(h, SIGHUP);
    holder_signal_all(h, SIGCONT); /* what was stopped can't die of SIGHUP */
    loop_timer_set(&h->loop, &h->kill_timer, h->loop.now + HOLDER_KILL_MS);
    holder_check_end(h);
}

/* The time to undo the end is over, or the time to die of SIGHUP. */
static void holder_on_kill_timer(void *ctx)
{
    struct holder *h = ctx;
    if (!h->killing) {
        holder_kill(h);
        return;
    }
    holder_signal_all(h, SIGKILL);
    h->check_ms = 0;
    holder_check_end(h);
}

static void holder_on_exit(void *ctx, int status)
{
    struct holder *h = ctx;
    h->exited = 1;
    h->wait_status = status;
    close(h->slave); /* now the pty hangs up as soon as its last output is read */
    h->slave = -1;
    if (!h->drained)
        loop_timer_set(&h->loop, &h->drain_timer, h->loop.now + HOLDER_DRAIN_MS);
    holder_check_end(h);
}

/* ---- the program's output ------------------------------------------------------------------- */

static void holder_on_output(void *ctx)
{
    struct holder *h = ctx;
    span bytes = conn_view(&h->pty);
    if (bytes.n) {
        holder_show(h, bytes);
        vt_feed(h->vt, bytes);
        store_log_write(&h->log, bytes);
        holder_answer_queries(h);
        holder_count_reaction(h, bytes.n);
        h->activity = clock_wall_ms();
        h->output_at = h->loop.now;
        state_judge_output(h, vt_drain_signals(h->vt));
        state_changed(h);
        conn_consume(&h->pty, bytes.n);
        holder_type_first(h);
    }
    if (h->pty.eof)
        conn_close(&h->pty, NULL);
}

static void holder_on_pty_closed(void *ctx, const char *why)
{
    struct holder *h = ctx;
    (void)why;
    h->drained = 1;
    holder_check_end(h);
}

static const struct conn_hooks holder_pty_hooks = {holder_on_output, holder_on_pty_drained,
                                                 holder_on_pty_closed};

/* ---- frames from the daemon ----------------------------------------------------------------- */

static int holder_size_of(struct json size, int *cols, int *rows)
{
    long long c, r;
    if (!json_int(json_get(size, "cols"), &c) || !json_int(json_get(size, "rows"), &r) || c < 1 ||
        r < 1 || c > VT_COLS_MAX || r > VT_ROWS_MAX)
        return 0;
    *cols = (int)c;
    *rows = (int)r;
    return 1;
}

/* Somebody types, or has typed at that time: the size is theirs, and it answers what was asked
 * before. */
static void holder_note_typing(struct holder_client *c, long long at)
{
    struct holder *h = c->hold;
    if (c->cols)
        holder_set_size(h, c->cols, c->rows);
    h->typed_at = at;
    state_set_seen(h);
    if (h->state == STATE_WAITING && h->waiting_at <= at)
        state_work(h, STATE_BY_OUTPUT);
}

static void holder_type_for(struct holder_client *c, span bytes)
{
    if (!bytes.n)
        return;
    holder_note_typing(c, c->hold->loop.now);
    holder_settle_enter(c->hold);
    holder_type(c->hold, bytes);
}

static void holder_take_input(struct holder_client *c, span payload)
{
    c->inputs++;
    c->offered = 0; /* until this is with the program */
    holder_type_for(c, payload);
    loop_defer(&c->hold->loop, &c->hold->offer_task);
}

static void holder_take_typed(struct holder_client *c, span payload)
{
    long long at, now = c->hold->loop.now;
    if (span_int(payload, &at) && at >= 0) /* a question of the same moment stands */
        holder_note_typing(c, (at < now ? at : now) - 1);
}

static void holder_take_message(struct holder_client *c, span payload)
{
    struct json message;
    buf text = {0};
    if (json_parse(payload, &message, NULL, NULL) != PARSE_DONE)
        return;
    json_put_text(&text, json_get(message, "text"));
    int enter = json_get(message, "enter").type != JSON_FALSE;
    c->echo = holder_type_message(c->hold, buf_view(&text), enter);
    buf_free(&text);
    if (c->echo < 0) {
        holder_send_receipt(c, "unconfirmed");
        return;
    }
    c->awaiting = 1;
    loop_timer_set(&c->hold->loop, &c->receipt_timer, c->hold->loop.now + HOLDER_RECEIPT_MS);
    if (c->hold->state == STATE_WAITING)
        state_work(c->hold, STATE_BY_OUTPUT);
}

static void holder_take_resize(struct holder_client *c, span payload)
{
    struct json size;
    if (json_parse(payload, &size, NULL, NULL) == PARSE_DONE &&
        holder_size_of(size, &c->cols, &c->rows))
        holder_set_size(c->hold, c->cols, c->rows);
}

static void holder_take_keys(struct holder_client *c, span payload)
{
    struct json request;
    buf name = {0}, bytes = {0};
    long long count = 1;
    int application = (vt_modes(c->hold->vt) & VT_APP_CURSOR) != 0;
    if (json_parse(payload, &request, NULL, NULL) != PARSE_DONE)
        return;
    json_put_text(&name, json_get(request, "key"));
    json_int(json_get(request, "count"), &count);
    for (long long i = 0; i < count && i < HOLDER_KEYS_MAX; i++)
        frame_put_key(&bytes, buf_view(&name), application);
    holder_type_for(c, buf_view(&bytes));
    buf_free(&name);
    buf_free(&bytes);
}

static void holder_take_kill(struct holder_client *c, span payload)
{
    (void)payload;
    holder_kill(c->hold);
}

static void holder_take_stop(struct holder_client *c, span payload)
{
    struct holder *h = c->hold;
    struct json request;
    long long undo_ms;
    if (h->killing || json_parse(payload, &request, NULL, NULL) != PARSE_DONE ||
        !json_int(json_get(request, "undo_ms"), &undo_ms))
        return;
    h->stopped = 1;
    holder_signal_all(h, SIGSTOP);
    loop_timer_set(&h->loop, &h->kill_timer, h->loop.now + undo_ms);
    state_changed(h);
}

static void holder_take_continue(struct holder_client *c, span payload)
{
    struct holder *h = c->hold;
    (void)payload;
    if (h->killing || !h->stopped)
        return;
    h->stopped = 0;
    loop_timer_cancel(&h->loop, &h->kill_timer);
    holder_signal_all(h, SIGCONT);
    state_changed(h);
}

/* What an agent reports is believed over what its output looks like. */
static void holder_take_event(struct holder_client *c, span payload)
{
    static const struct {
        const char *type;
        enum holder_state state;
        /* an agent that reports this reports everything; Codex only tells "stop" */
        int speaks_for_all;
    } events[] = {{"session_start", STATE_IDLE, 1},
                  {"prompt", STATE_WORKING, 1},
                  {"notification", STATE_WAITING, 1},
                  {"stop", STATE_IDLE, 0},
                  {"session_end", STATE_IDLE, 0}};
    struct holder *h = c->hold;
    struct json event;
    if (json_parse(payload, &event, NULL, NULL) != PARSE_DONE)
        return;
    struct json type = json_get(event, "type"), native = json_get(event, "native_session_id");
    if (native.type == JSON_STRING && native.text.n <= 256) {
        buf_clear(&h->native_id);
        json_put_text(&h->native_id, native);
    }
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        if (!json_text_eq(type, events[i].type))
            continue;
        h->hooked |= events[i].speaks_for_all;
        h->hooked &= strcmp(events[i].type, "session_end") != 0;
        h->output_at = h->loop.now;
        if (events[i].state == STATE_WORKING)
            state_work(h, STATE_BY_HOOK);
        else
            state_enter(h, events[i].state, STATE_BY_HOOK);
        if (events[i].state == STATE_WAITING) {
            buf text = {0};
            json_put_text(&text, json_get(event, "text"));
            state_set_asked(h, buf_view(&text));
            buf_free(&text);
        }
    }
    state_changed(h);
}

static void holder_take_watch(struct holder_client *c, span payload)
{
    struct holder *h = c->hold;
    buf json = {0};
    (void)payload;
    c->watching = 1;
    state_renew_last_output(h);
    state_put_status(h, &json);
    frame_send(&c->conn, FRAME_STATUS, buf_view(&json));
    buf_free(&json);
}

static void holder_take_seen(struct holder_client *c, span payload)
{
    (void)payload;
    state_set_seen(c->hold);
}

static void holder_take_view(struct holder_client *c, span payload)
{
    int scrollback = 0;
    for (size_t i = 0; i < payload.n; i++) {
        c->sizes |= payload.p[i] == FRAME_VIEW_SIZES;
        scrollback |= payload.p[i] == FRAME_VIEW_SCROLLBACK;
        if (payload.p[i] == FRAME_VIEW_PTY)
            holder_pass_pty(c);
    }
    c->viewing = 1;
    c->scrollback = scrollback;
    state_set_seen(c->hold);
    holder_send_snapshot(c, scrollback);
}

static void holder_take_screen(struct holder_client *c, span payload)
{
    struct holder *h = c->hold;
    buf b = {0};
    int row, col;
    (void)payload;
    vt_cursor(h->vt, &row, &col);
    json_open(&b, '{');
    json_field_int(&b, "cols", vt_cols(h->vt));
    json_field_int(&b, "rows", vt_rows(h->vt));
    json_key(&b, "cursor");
    json_open(&b, '[');
    json_put_int(&b, row);
    json_put_int(&b, col);
    json_close(&b, ']');
    json_key(&b, "title");
    json_put_string(&b, vt_title(h->vt));
    json_key(&b, "directory");
    json_put_string(&b, vt_directory(h->vt));
    json_key(&b, "lines");
    json_open(&b, '[');
    for (int i = 0; i < vt_rows(h->vt); i++) {
        buf line = {0};
        vt_put_row(h->vt, &line, i);
        json_put_string(&b, buf_view(&line));
        buf_free(&line);
    }
    json_close(&b, ']');
    json_close(&b, '}');
    frame_send(&c->conn, FRAME_SCREEN_IS, buf_view(&b));
    buf_free(&b);
}

static void holder_take_text(struct holder_client *c, span payload)
{
    buf text = {0};
    (void)payload;
    vt_put_text(c->hold->vt, &text, 1);
    frame_send(&c->conn, FRAME_TEXT_IS, buf_view(&text));
    buf_free(&text);
}

static const struct {
    enum frame_type type;
    void (*take)(struct holder_client *c, span payload);
} holder_requests[] = {
    {FRAME_INPUT, holder_take_input},   {FRAME_TYPED, holder_take_typed},
    {FRAME_MESSAGE, holder_take_message},
    {FRAME_RESIZE, holder_take_resize}, {FRAME_KILL, holder_take_kill},
    {FRAME_EVENT, holder_take_event},   {FRAME_WATCH, holder_take_watch},
    {FRAME_VIEW, holder_take_view},     {FRAME_SCREEN, holder_take_screen},
    {FRAME_TEXT, holder_take_text},     {FRAME_KEYS, holder_take_keys},
    {FRAME_SEEN, holder_take_seen},     {FRAME_STOP, holder_take_stop},
    {FRAME_CONTINUE, holder_take_continue},
};

static void holder_on_client_data(void *ctx)
{
    struct holder_client *c = ctx;
    enum frame_type type;
    enum parse parsed;
    span payload;
    while ((parsed = frame_peek(&c->conn, &type, &payload)) == PARSE_DONE) {
        for (size_t i = 0; i < COUNT_OF(holder_requests); i++)
            if (holder_requests[i].type == type)
                holder_requests[i].take(c, payload);
        conn_consume(&c->conn, FRAME_HEAD + payload.n);
    }
    if (parsed == PARSE_BAD || c->conn.eof)
        conn_close(&c->conn, NULL);
}

static void holder_on_client_drained(void *ctx)
{
    struct holder_client *c = ctx;
    if (c->behind && !c->hold->tick_timer.slot)
        loop_timer_set(&c->hold->loop, &c->hold->tick_timer, c->hold->loop.now + HOLDER_TICK_MS);
}

static void holder_on_client_closed(void *ctx, const char *why)
{
    struct holder_client *c = ctx;
    (void)why;
    loop_timer_cancel(&c->hold->loop, &c->receipt_timer);
    c->hold->typists -= c->direct;
    LIST_REMOVE(c);
    conn_free(&c->conn);
    free(c);
}

static const struct conn_hooks holder_client_hooks = {holder_on_client_data, holder_on_client_drained,
                                                    holder_on_client_closed};

static void holder_on_accept(void *ctx, short revents)
{
    struct holder *h = ctx;
    int fd = accept(h->listener.fd, NULL, NULL);
    (void)revents;
    if (fd < 0)
        return;
    if (!conn_peer_is_me(fd)) {
        close(fd);
        return;
    }
    struct holder_client *c = base_alloc(sizeof *c);
    c->hold = h;
    LIST_PUSH(&h->clients, c);
    c->receipt_timer = (struct loop_timer){.fn = holder_receipt_late, .ctx = c};
    c->conn.hooks = &holder_client_hooks;
    c->conn.ctx = c;
    conn_open(&c->conn, &h->loop, fd);
}

/* ---- starting ------------------------------------------------------------------------------- */

static void holder_point_at_null(int fd)
{
    int null = open("/dev/null", O_RDWR);
    if (null >= 0 && null != fd) {
        dup2(null, fd);
        close(null);
    }
}

/* A NULL-terminated array of the strings in a JSON array, to be freed one by one; NULL: it isn't
 * one. */
static char **holder_strings(struct json array)
{
    size_t count = 0;
    struct json_iter it = json_iter(array);
    if (array.type != JSON_ARRAY)
        return NULL;
    while (json_next(&it))
        count++;
    char **strings = base_alloc((count + 1) * sizeof *strings);
    it = json_iter(array);
    for (size_t i = 0; json_next(&it);) {
        char *s = json_dup_text(it.value);
        if (s)
            strings[i++] = s;
    }
    return strings;
}

/* Runs in the child, between fork and exec: nothing here allocates but setenv. */
static void holder_become_program(struct holder *h, char **argv, char **env, const char *directory)
{
    extern char **environ;
    static const char *const foreign[] = {"TMUX",  "TMUX_PANE", "STY",
                                          "LINES", "COLUMNS",   "TERMCAP"};
    static const int defaults[] = {SIGPIPE, SIGHUP,  SIGINT,  SIGTERM, SIGQUIT,  SIGCHLD, SIGTSTP,
                                   SIGTTOU, SIGTTIN, SIGUSR1, SIGUSR2, SIGWINCH, SIGALRM, SIGCONT};
    sigset_t none;
    setsid();
#ifdef TIOCSCTTY
    ioctl(h->slave, TIOCSCTTY, 0);
#endif
    for (int fd = 0; fd < 3; fd++)
        dup2(h->slave, fd);
    for (size_t i = 0; i < COUNT_OF(defaults); i++)
        signal(defaults[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (env)
        environ = env;
    for (size_t i = 0; i < COUNT_OF(foreign); i++)
        unsetenv(foreign[i]);
    setenv("TERM", "xterm-256color", 1);
    setenv("COLORTERM", "truecolor", 1);
    setenv("TELEC_SESSION_ID", h->id, 1);
    if (h->api_socket)
        setenv("TELEC_SOCKET", h->api_socket, 1);
    if (chdir(directory) == 0) {
        setenv("PWD", directory, 1);
        execvp(argv[0], argv);
    }
}

/* Forks the program on the pty's slave side. NULL, or what went wrong. The pipe closes when exec
 * works. */
static const char *holder_start_program(struct holder *h, char **argv, char **env,
                                      const char *directory)
{
    int report[2], error = 0;
    if (pipe(report) != 0)
        return strerror(errno);
    os_close_on_exec(report[0]);
    os_close_on_exec(report[1]);
    h->pid = fork();
    if (h->pid < 0)
        return strerror(errno);
    if (h->pid == 0) {
        holder_become_program(h, argv, env, directory);
        error = errno;
        ssize_t told = write(report[1], &error, sizeof error);
        _exit(told == (ssize_t)sizeof error ? 127 : 126);
    }
    close(report[1]);
    while (read(report[0], &error, sizeof error) < 0 && errno == EINTR)
        ;
    close(report[0]);
    return error ? strerror(error) : NULL;
}

static const char *holder_open_pty(struct holder *h, int cols, int rows)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    int master = os_close_on_exec(posix_openpt(O_RDWR | O_NOCTTY));
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        return "no pseudo-terminal is left";
    const char *name = ptsname(master);
    h->slave = name ? os_close_on_exec(open(name, O_RDWR | O_NOCTTY)) : -1;
    if (h->slave < 0 || ioctl(master, TIOCSWINSZ, &size) != 0)
        return "cannot open the pseudo-terminal";
    h->pty.hooks = &holder_pty_hooks;
    h->pty.ctx = h;
    conn_open(&h->pty, &h->loop, master);
    h->pty.greedy = 1;
    return NULL;
}

static void holder_init(struct holder *h)
{
    const struct {
        struct loop_timer *timer;
        void (*fn)(void *ctx);
    } timers[] = {{&h->status_timer, state_send_status}, {&h->state_timer, state_on_silence},
                  {&h->kill_timer, holder_on_kill_timer}, {&h->drain_timer, holder_on_drain_timer},
                  {&h->type_timer, holder_type_first},    {&h->enter_timer, holder_press_enter},
                  {&h->tick_timer, holder_on_tick}};
    for (size_t i = 0; i < COUNT_OF(timers); i++)
        *timers[i].timer = (struct loop_timer){.fn = timers[i].fn, .ctx = h};
    h->offer_task = (struct loop_task){.fn = holder_offer_pty, .ctx = h};
    loop_init(&h->loop);
    h->since = h->activity = clock_wall_ms();
    h->status_at = h->loop.now - STATE_STATUS_MS;
    h->typed_at = h->loop.now - HOLDER_ECHO_MS;
}

/* A daemon that starts while we do and can't reach us writes down that the session is lost, and
 * then looks again; we listen first, and then look. So one of both sees the other. */
static int holder_is_given_up(const struct holder *h)
{
    buf b = {0};
    int given_up =
        store_read(h->dir, "exit.json", &b) == 0 || store_read(h->dir, "record.json", &b) != 0;
    buf_free(&b);
    return given_up;
}

/* Everything up to a running program, in the order in which a failure costs least. */
static const char *holder_start(struct holder *h, struct json spec, buf *error)
{
    int cols = 80, rows = 24;
    char **argv = holder_strings(json_get(spec, "argv"));
    char **env = holder_strings(json_get(spec, "env"));
    char *directory = json_dup_text(json_get(spec, "directory"));
    char message[256] = "";
    h->id = json_dup_text(json_get(spec, "id"));
    h->socket = json_dup_text(json_get(spec, "socket"));
    h->dir = json_dup_text(json_get(spec, "dir"));
    h->api_socket = json_dup_text(json_get(spec, "api_socket"));
    holder_size_of(spec, &cols, &rows);
    if (!argv || !argv[0] || !directory || !h->id || !h->socket || !h->dir)
        return "the session's description is incomplete";
    json_put_text(&h->typed, json_get(spec, "typed"));
    json_put_text(&h->last_input, json_get(spec, "last_input"));
    h->vt = vt_new(cols, rows);
    const char *fault = holder_open_pty(h, cols, rows);
    if (fault)
        return fault;
    if (store_log_open(&h->log, h->dir) != 0)
        log_line(LOG_WARN, "no log in %s: %s", h->dir, strerror(errno));
    h->listener = (struct loop_fd){.fd = conn_listen(h->socket, message, sizeof message),
                                   .on_event = holder_on_accept, .ctx = h};
    if (h->listener.fd < 0) {
        buf_str(error, message);
        return buf_cstr(error);
    }
    if (holder_is_given_up(h)) {
        unlink(h->socket);
        return "the daemon that asked for it has gone";
    }
    fault = holder_start_program(h, argv, env, directory);
    if (fault) {
        unlink(h->socket);
        struct stat st;
        int bad_dir =
            stat(directory, &st) != 0 || !S_ISDIR(st.st_mode) || access(directory, X_OK) != 0;
        buf_fmt(error, bad_dir ? "cannot enter %s: %s" : "cannot run %s: %s",
                bad_dir ? directory : argv[0], fault);
        return buf_cstr(error);
    }
    for (size_t i = 0; argv[i]; i++)
        free(argv[i]);
    for (size_t i = 0; env && env[i]; i++)
        free(env[i]);
    free(argv), free(env), free(directory);
    return NULL;
}

static void holder_answer_launch(const struct holder *h, const char *error)
{
    buf b = {0};
    json_open(&b, '{');
    if (error)
        json_field_string(&b, "error", error);
    else
        json_field_int(&b, "pid", h->pid);
    json_close(&b, '}');
    ssize_t n = write(0, b.p, b.n);
    (void)n; /* a daemon that has gone finds the session by its socket */
    buf_free(&b);
    holder_point_at_null(0);
}

/* The background half: own session, own process group, nothing inherited. */
static int holder_run(span spec_text)
{
    static const int ignored[] = {SIGHUP,  SIGINT,  SIGTERM, SIGQUIT, SIGTSTP,
                                  SIGTTOU, SIGTTIN, SIGUSR1, SIGUSR2};
    struct holder h = {.slave = -1};
    struct json spec;
    buf error = {0};
    setsid();
    os_close_inherited(3);
    /* only the program's end or FRAME_KILL ends a session */
    for (size_t i = 0; i < COUNT_OF(ignored); i++)
        signal(ignored[i], SIG_IGN);
    holder_init(&h);
    const char *fault = json_parse(spec_text, &spec, NULL, NULL) == PARSE_DONE
                            ? holder_start(&h, spec, &error)
                            : "the session's description is not JSON";
    holder_answer_launch(&h, fault);
    if (fault)
        return 1;
    if (chdir("/") != 0)
        return 1;
    h.child = (struct loop_child){.pid = h.pid, .fn = holder_on_exit, .ctx = &h};
    loop_on_exit(&h.loop, &h.child);
    loop_watch(&h.loop, &h.listener, POLLIN);
    if (h.typed.n)
        loop_timer_set(&h.loop, &h.type_timer, h.loop.now + HOLDER_TYPE_MS);
    while (h.over < 2 && (!h.over || h.clients))
        loop_once(&h.loop);
    return 0;
}

/* Exactly n bytes of descriptor 0, or none. */
static size_t holder_read_exactly(char *to, size_t n)
{
    size_t have = 0;
    while (have < n) {
        ssize_t got = read(0, to + have, n - have);
        if (got == 0 || (got < 0 && errno != EINTR))
            return 0;
        have += got > 0 ? (size_t)got : 0;
    }
    return have;
}

static int holder_main(void)
{
    char head[FRAME_HEAD];
    if (!holder_read_exactly(head, FRAME_HEAD) || head[4] != FRAME_SPEC)
        base_die("'hold' is for the daemon to start: see 'telec help'");
    size_t n = frame_size(head);
    if (n > FRAME_MAX)
        base_die("the session's description is too long (%zu bytes)", n);
    char *spec = base_alloc(n + 1);
    if (!holder_read_exactly(spec, n))
        return 1;
    holder_point_at_null(1);
    holder_point_at_null(2);
    pid_t pid = fork();
    if (pid != 0)
        _exit(pid < 0);
    return holder_run((span){spec, n});
}

