/* hold - the session holder: one small process per session, and the daemon's side of talking to it.
 *
 *      daemon ── frames ──▶ ┌──────────────┐ ── bytes ──▶ pseudo-terminal ── program
 *      viewers ◀─ frames ── │ emulator, log │ ◀─ bytes ──
 *                           └──────────────┘
 *
 * The holder owns what must outlive the daemon: the pseudo-terminal, the screen, the log, and what
 * is known of the session's state. It leaves the daemon's session and process group and keeps none
 * of its descriptors, so nothing that happens to the daemon reaches the program. It ends with the
 * program, after writing down how that ended. A viewer that does not read costs it nothing but a
 * bounded queue. */

#define HOLD_HEAD 5              /* bytes of a frame before its payload */
#define HOLD_LINE_MAX 200        /* characters of last_output */
#define HOLD_INPUT_MAX 500       /* characters of last_input */
/* input the program does not read, in bytes; more is refused */
#define HOLD_QUEUE_MAX (1024 * 1024)
#define HOLD_TYPE_MS 500         /* a first message is typed after this at the latest */
/* between a pasted text and its Enter: a paste must not swallow it */
#define HOLD_ENTER_MS 60
#define HOLD_DRAIN_MS 200        /* output may trail the program's end for this long */
#define HOLD_CHECK_MS 20         /* for the rest of a killed session to go; then twice as long … */
#define HOLD_SILENT_MS 10000     /* without output an agent that reported work no longer works */
#define HOLD_BELL_MS 300         /* output this soon after a bell belongs to it */

/* ---- frames --------------------------------------------------------------------------------- */

static void hold_put_head(char head[HOLD_HEAD], enum hold_frame type, size_t n)
{
    for (int i = 0; i < 4; i++)
        head[i] = (char)(n >> (24 - 8 * i) & 0xff);
    head[4] = (char)type;
}

static size_t hold_frame_size(const char *head)
{
    size_t n = 0;
    for (int i = 0; i < 4; i++)
        n = n << 8 | (unsigned char)head[i];
    return n;
}

static blob *hold_frame(enum hold_frame type, span payload)
{
    blob *b = base_grow(NULL, sizeof *b + HOLD_HEAD + payload.n);
    b->refs = 1;
    b->n = HOLD_HEAD + payload.n;
    hold_put_head(b->p, type, payload.n);
    if (payload.n)
        memcpy(b->p + HOLD_HEAD, payload.p, payload.n);
    return b;
}

static void hold_send_frame(struct conn *c, enum hold_frame type, span payload)
{
    blob *b = hold_frame(type, payload);
    conn_send_blob(c, b, 0, b->n, 1);
    blob_drop(b);
}

/* The frame at the start of c's input. The caller takes HOLD_HEAD + payload->n bytes when done with
 * it. */
static enum parse hold_peek_frame(const struct conn *c, enum hold_frame *type, span *payload)
{
    span in = conn_view(c);
    if (in.n < HOLD_HEAD)
        return PARSE_MORE;
    size_t n = hold_frame_size(in.p);
    if (n > HOLD_FRAME_MAX)
        return PARSE_BAD;
    if (in.n < HOLD_HEAD + n)
        return PARSE_MORE;
    *type = (enum hold_frame)(unsigned char)in.p[4];
    *payload = (span){in.p + HOLD_HEAD, n};
    return PARSE_DONE;
}

/* ---- the holder's own state ----------------------------------------------------------------- */

enum hold_state { HOLD_STARTING, HOLD_WORKING, HOLD_WAITING, HOLD_IDLE, HOLD_EXITED };
static const char *const hold_states[] = {"starting", "working", "waiting", "idle", "exited"};

enum hold_source { HOLD_BY_OUTPUT, HOLD_BY_BELL, HOLD_BY_HOOK, HOLD_BY_EXIT };
static const char *const hold_sources[] = {"output", "bell", "hook", "exit"};

struct hold {
    struct loop loop;
    char *id, *socket, *dir, *api_socket;
    struct vt *vt;
    struct store_log log;
    struct conn pty;
    int slave;               /* kept open, so that the pty hangs up only when we say so */
    struct loop_child child;
    pid_t pid;
    struct loop_fd listener;
    struct hold_client *clients;
    /* what a status frame tells */
    enum hold_state state;
    enum hold_source source;
    long long since, activity; /* wall clock, milliseconds */
    buf last_input, last_output, native_id;
    buf asked;                 /* what it said when it began to wait */
    int unseen;                /* it finished or asked, and nobody has looked since */
    int wait_status;           /* waitpid's, once exited */
    /* what happens next */
    /* loop clock, of the last ones; and since when it waits for what it asked last */
    long long output_at, bell_at, typed_at, waiting_at;
    int hooked;                /* an agent reports its state: output alone does not change it */
    int dirty;                 /* a status frame is due */
    int typists;               /* clients that have the pty's descriptor */
    struct loop_task offer_task;
    struct loop_timer status_timer, state_timer, kill_timer, drain_timer, type_timer, enter_timer,
        tick_timer;
    long long status_at;       /* when the last one went out */
    buf typed;                 /* first message, not yet typed */
    int killing, exited, drained, over;
    int stopped;               /* its processes are, until the kill timer ends the session */
    int check_ms;              /* until the next look whether anybody of a killed session is left */
};

struct hold_client {
    struct hold *hold;
    struct hold_client *next, **link;
    struct conn conn;
    int watching, viewing;
    int direct;                /* it has the pty's descriptor, */
    int offered;               /* and may write to it now; -1: who knows what it was told */
    long long inputs;          /* frames of input that came from it */
    int behind;                /* output was left out: a snapshot is due */
    int missing;               /* what was left out may be missing in its scrollback */
    int scrollback;            /* it has one */
    long long tick_at;         /* since when `recent` counts */
    size_t recent;             /* bytes of output sent to it in this tick */
    /* a viewer that is told the size before a snapshot, and of resizes */
    int sizes;
    int cols, rows;            /* its own size; 0: it never told */
    int awaiting;              /* a receipt is due */
    /* bytes of output that are only the terminal's echo of the message */
    long long echo;
    struct loop_timer receipt_timer;
};

/* ---- status --------------------------------------------------------------------------------- */

/* The first `most` characters of text, as valid UTF-8. */
static void hold_put_characters(buf *b, span text, int most)
{
    while (text.n && most-- > 0) {
        uint32_t cp;
        size_t n = utf8_next(text, &cp);
        n = n ? n : text.n;
        utf8_put_clean(b, (span){text.p, n});
        text = span_sub(text, n);
    }
}

static void hold_put_text(buf *b, const char *key, const buf *text)
{
    json_key(b, key);
    if (text->n)
        json_put_string(b, buf_view(text));
    else
        json_put_raw(b, span_of("null"));
}

static void hold_put_status(const struct hold *h, buf *b)
{
    json_open(b, '{');
    json_field_string(b, "state", hold_states[h->state]);
    json_field_string(b, "state_source", hold_sources[h->source]);
    json_field_time(b, "state_since", h->since);
    hold_put_text(b, "state_text", &h->asked);
    json_field_bool(b, "unseen", h->unseen);
    if (h->stopped)
        json_field_bool(b, "hidden", 1);
    json_field_time(b, "last_activity", h->activity);
    hold_put_text(b, "last_input", &h->last_input);
    hold_put_text(b, "last_output", &h->last_output);
    if (h->native_id.n)
        hold_put_text(b, "native_session_id", &h->native_id);
    json_field_int(b, "cols", vt_cols(h->vt));
    json_field_int(b, "rows", vt_rows(h->vt));
    if (h->state == HOLD_EXITED && WIFSIGNALED(h->wait_status)) {
        json_field_int(b, "exit_code", 128 + WTERMSIG(h->wait_status)); /* as a shell tells it */
        json_field_int(b, "exit_signal", WTERMSIG(h->wait_status));
    } else if (h->state == HOLD_EXITED) {
        json_field_int(b, "exit_code", WEXITSTATUS(h->wait_status));
    } else {
        json_field_null(b, "exit_code");
    }
    json_close(b, '}');
}

static void hold_renew_last_output(struct hold *h)
{
    buf line = {0};
    vt_put_last_line(h->vt, &line, HOLD_LINE_MAX);
    if (line.n) { /* a cleared screen does not unsay what was said */
        buf_clear(&h->last_output);
        buf_span(&h->last_output, buf_view(&line));
    }
    buf_free(&line);
}

static void hold_send_status(void *ctx)
{
    struct hold *h = ctx;
    buf json = {0};
    h->dirty = 0;
    h->status_at = h->loop.now;
    hold_renew_last_output(h);
    hold_put_status(h, &json);
    blob *frame = hold_frame(HOLD_STATUS, buf_view(&json));
    for (struct hold_client *c = h->clients; c; c = c->next)
        if (c->watching)
            conn_send_blob(&c->conn, frame, 0, frame->n, 1);
    blob_drop(frame);
    buf_free(&json);
}

/* Something that a status frame tells has changed. While a key's echo may be on its way to the
 * user's screen, it waits: the daemon and all who watch would be woken at the same time. */
static void hold_changed(struct hold *h)
{
    int echoing = h->typists || h->loop.now - h->typed_at < HOLD_ECHO_MS;
    long long soon = h->loop.now + (echoing ? HOLD_ECHO_MS : 0);
    long long due = h->status_at + HOLD_STATUS_MS;
    if (h->dirty)
        return;
    h->dirty = 1;
    loop_timer_set(&h->loop, &h->status_timer, due > soon ? due : soon);
}

static int hold_is_viewed(const struct hold *h)
{
    for (const struct hold_client *c = h->clients; c; c = c->next)
        if (c->viewing)
            return 1;
    return 0;
}

static void hold_enter(struct hold *h, enum hold_state state, enum hold_source source)
{
    if (state == HOLD_WAITING)
        h->waiting_at = h->loop.now;
    if (h->state == state && h->source == source)
        return;
    if (h->state != state) {
        h->since = clock_wall_ms();
        buf_clear(&h->asked);
        if (state == HOLD_WAITING || state == HOLD_EXITED ||
            (state == HOLD_IDLE && h->state == HOLD_WORKING))
            h->unseen = !hold_is_viewed(h);
    }
    h->state = state;
    h->source = source;
    hold_changed(h);
}

/* What it asks for, at most HOLD_LINE_MAX characters. */
static void hold_set_asked(struct hold *h, span text)
{
    buf_clear(&h->asked);
    hold_put_characters(&h->asked, text, HOLD_LINE_MAX);
}

/* Does a line ask for an answer? "Proceed?", "Overwrite [y/N] ", "Password:". */
static int hold_is_question(span line)
{
    static const char *const endings[] = {"?", "y/n]", "y/n)", "yes/no]", "yes/no)", "password",
                                          "passphrase"};
    line = span_trim(line, " :>");
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        size_t n = strlen(endings[i]);
        if (line.n >= n && span_eq_nocase(span_sub(line, line.n - n), endings[i]))
            return 1;
    }
    return 0;
}

/* Silence: what worked is idle now. */
static void hold_on_silence(void *ctx)
{
    struct hold *h = ctx;
    long long due = h->output_at + (h->hooked ? HOLD_SILENT_MS : HOLD_IDLE_MS);
    if (h->state != HOLD_WORKING)
        return;
    if (h->loop.now < due) {
        loop_timer_set(&h->loop, &h->state_timer, due);
        return;
    }
    hold_renew_last_output(h);
    if (!hold_is_question(buf_view(&h->last_output))) {
        hold_enter(h, HOLD_IDLE, HOLD_BY_OUTPUT);
        return;
    }
    hold_enter(h, HOLD_WAITING, HOLD_BY_OUTPUT);
    hold_set_asked(h, buf_view(&h->last_output));
}

static void hold_work(struct hold *h, enum hold_source source)
{
    hold_enter(h, HOLD_WORKING, source);
    if (!h->state_timer.slot)
        loop_timer_set(&h->loop, &h->state_timer, h->loop.now + HOLD_IDLE_MS);
}

static void hold_set_seen(struct hold *h)
{
    if (!h->unseen)
        return;
    h->unseen = 0;
    hold_changed(h);
}

/* What output says about the state: see the table in the README's section on states. */
static void hold_judge_output(struct hold *h, unsigned signals)
{
    if (signals & (VT_BELL | VT_NOTIFIED)) {
        h->bell_at = h->loop.now;
        if (!h->hooked)
            hold_enter(h, HOLD_WAITING, HOLD_BY_BELL);
        if (!h->hooked && signals & VT_NOTIFIED)
            hold_set_asked(h, vt_notification(h->vt));
        return;
    }
    if (h->state == HOLD_WAITING && h->loop.now - h->bell_at < HOLD_BELL_MS)
        return;
    if (!h->hooked || h->state == HOLD_STARTING)
        hold_work(h, HOLD_BY_OUTPUT);
}

/* ---- typing into the program ---------------------------------------------------------------- */

static int hold_type(struct hold *h, span bytes)
{
    if (h->pty.queued + bytes.n > HOLD_QUEUE_MAX)
        return -1;
    conn_send_now(&h->pty, bytes);
    loop_defer(&h->loop, &h->offer_task);
    return 0;
}

/* Tells those who type past us whether they may: not into a message, nor before input that the
 * program has not taken. What they type until they hear of it may still get there, as with any two
 * who write to one terminal. */
static void hold_offer_pty(void *ctx)
{
    struct hold *h = ctx;
    int may = !h->pty.queued && !h->enter_timer.slot && !h->typed.n && !h->exited;
    for (struct hold_client *c = h->clients; c; c = c->next) {
        buf inputs = {0};
        if (!c->direct || c->offered == may)
            continue;
        c->offered = may;
        if (may)
            buf_int(&inputs, c->inputs);
        hold_send_frame(&c->conn, HOLD_PTY, buf_view(&inputs));
        buf_free(&inputs);
    }
}

static void hold_on_pty_drained(void *ctx)
{
    struct hold *h = ctx;
    loop_defer(&h->loop, &h->offer_task);
}

/* Typing goes to the program without a process more on its way, and past a holder that is busy with
 * its output. */
static void hold_pass_pty(struct hold_client *c)
{
    char frame[HOLD_HEAD];
    hold_put_head(frame, HOLD_PTY, 0);
    if (c->direct || conn_send_fd(&c->conn, (span){frame, sizeof frame}, c->hold->pty.io.fd) != 0)
        return;
    c->direct = 1;
    c->hold->typists++;
    loop_defer(&c->hold->loop, &c->hold->offer_task);
}

static void hold_press_enter(void *ctx)
{
    struct hold *h = ctx;
    hold_type(h, span_of("\r"));
}

/* An Enter that still waits goes before whatever is typed next. */
static void hold_settle_enter(struct hold *h)
{
    if (!h->enter_timer.slot)
        return;
    loop_timer_stop(&h->loop, &h->enter_timer);
    hold_press_enter(h);
}

/* How many bytes the terminal itself will echo for `text`, when it does. */
static long long hold_echo_of(const struct hold *h, span text)
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
static void hold_put_typed(buf *b, span text, int paste)
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
static long long hold_type_message(struct hold *h, span text, int enter)
{
    int paste = (vt_modes(h->vt) & VT_BRACKETED_PASTE) != 0;
    buf bytes = {0};
    hold_settle_enter(h);
    hold_put_typed(&bytes, text, paste);
    buf_str(&bytes, enter && !paste ? "\r" : "");
    long long echo =
        hold_echo_of(h, buf_view(&bytes)) + (enter && paste ? hold_echo_of(h, span_of("\r")) : 0);
    int refused = hold_type(h, buf_view(&bytes));
    buf_free(&bytes);
    if (refused)
        return -1;
    if (enter && paste)
        loop_timer_set(&h->loop, &h->enter_timer, h->loop.now + HOLD_ENTER_MS);
    buf_clear(&h->last_input);
    hold_put_characters(&h->last_input, text, HOLD_INPUT_MAX);
    hold_changed(h);
    return echo;
}

static void hold_type_first(void *ctx)
{
    struct hold *h = ctx;
    if (!h->typed.n)
        return;
    loop_timer_stop(&h->loop, &h->type_timer);
    buf first = h->typed;
    h->typed = (buf){0};
    hold_type_message(h, buf_view(&first), 1);
    buf_free(&first);
}

static int hold_put_key(buf *b, span name, int application)
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

static void hold_send_snapshot(struct hold_client *c, int scrollback)
{
    const struct vt *vt = c->hold->vt;
    buf bytes = {0};
    if (c->sizes) {
        buf_fmt(&bytes, "{\"size\":[%d,%d]}", vt_cols(vt), vt_rows(vt));
        hold_send_frame(&c->conn, HOLD_SIZE, buf_view(&bytes));
        buf_clear(&bytes);
    }
    vt_put_snapshot(vt, &bytes, scrollback);
    hold_send_frame(&c->conn, HOLD_SNAPSHOT, buf_view(&bytes));
    buf_free(&bytes);
    c->behind = 0;
    c->recent = 0;
    c->tick_at = c->hold->loop.now;
}

/* Does a viewer get these bytes? Not one that does not read, nor more than it could show. */
static int hold_keeps_up(struct hold_client *c, size_t n)
{
    if (c->hold->loop.now - c->tick_at >= HOLD_TICK_MS) {
        c->tick_at = c->hold->loop.now;
        c->recent = 0;
    }
    c->recent += n;
    return c->recent <= HOLD_TICK_MAX && (!c->conn.stuck || c->conn.queued + n <= HOLD_BACKLOG_MAX);
}

/* The same bytes for every viewer; one that can't keep up gets a snapshot at the next tick. */
static void hold_show(struct hold *h, span bytes)
{
    blob *frame = NULL;
    for (struct hold_client *c = h->clients; c; c = c->next) {
        if (!c->viewing || c->behind)
            continue;
        if (!hold_keeps_up(c, bytes.n)) {
            conn_drop_unsent(&c->conn);
            c->behind = c->missing = 1;
            c->offered = -1; /* what it was told of it may have been dropped, too */
            loop_defer(&h->loop, &h->offer_task);
            if (!h->tick_timer.slot)
                loop_timer_set(&h->loop, &h->tick_timer, h->loop.now + HOLD_TICK_MS);
            continue;
        }
        if (!frame)
            frame = hold_frame(HOLD_OUTPUT, bytes);
        conn_send_blob(&c->conn, frame, 0, frame->n, 1);
        conn_flush(&c->conn); /* somebody waits for a key's echo; what else it means can wait */
    }
    blob_drop(frame);
}

/* Snapshots for who is behind; once it is quiet, what is missing in scrollbacks. */
static void hold_on_tick(void *ctx)
{
    struct hold *h = ctx;
    int quiet = h->loop.now - h->output_at >= HOLD_TICK_MS, missing = 0;
    for (struct hold_client *c = h->clients; c; c = c->next) {
        if (c->conn.queued || !(c->behind || c->missing))
            continue; /* hold_on_client_drained comes back to it */
        if (c->behind || quiet)
            hold_send_snapshot(c, quiet && c->scrollback);
        c->missing &= !quiet;
        missing |= c->missing;
    }
    if (missing)
        loop_timer_set(&h->loop, &h->tick_timer, h->loop.now + HOLD_TICK_MS);
}

/* Questions that programs ask their terminal are ours to answer: who watches only sees the screen.
 */
static void hold_answer_queries(struct hold *h)
{
    buf answers = {0};
    vt_take_answers(h->vt, &answers);
    if (answers.n)
        hold_type(h, buf_view(&answers));
    buf_free(&answers);
}

static void hold_set_size(struct hold *h, int cols, int rows)
{
    if (cols == vt_cols(h->vt) && rows == vt_rows(h->vt))
        return;
    vt_resize(h->vt, cols, rows);
    struct winsize size = {.ws_row = (unsigned short)vt_rows(h->vt),
                           .ws_col = (unsigned short)vt_cols(h->vt)};
    ioctl(h->pty.io.fd, TIOCSWINSZ, &size);
    for (struct hold_client *c = h->clients; c; c = c->next)
        if (c->viewing && c->sizes && !c->behind)
            hold_send_snapshot(c, 0);
    hold_changed(h);
}

/* ---- receipts ------------------------------------------------------------------------------- */

static void hold_send_receipt(struct hold_client *c, const char *result)
{
    c->awaiting = 0;
    loop_timer_stop(&c->hold->loop, &c->receipt_timer);
    hold_send_frame(&c->conn, HOLD_RECEIPT, span_of(result));
}

static void hold_receipt_late(void *ctx)
{
    hold_send_receipt(ctx, "unconfirmed");
}

static void hold_count_reaction(struct hold *h, size_t n)
{
    for (struct hold_client *c = h->clients; c; c = c->next) {
        /* what comes before the Enter is no answer to it */
        if (!c->awaiting || h->enter_timer.slot)
            continue;
        c->echo -= (long long)n;
        if (c->echo < 0)
            hold_send_receipt(c, "delivered");
    }
}

/* ---- the end of a session ------------------------------------------------------------------- */

#if defined(__linux__)
/* Has it ended already, and only waits to be reaped? */
static int hold_is_zombie(pid_t pid)
{
    char path[64];
    buf text = {0};
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    const char *end = buf_read_file(&text, path, 4096) == 0 ? strrchr(buf_cstr(&text), ')') : NULL;
    int zombie = !end || end[1] != ' ' || end[2] == 'Z' || end[2] == 'X'; /* (name) state … */
    buf_free(&text);
    return zombie;
}

/* Signals every live process of the session, whatever its process group; 0 only counts them. */
static int hold_signal_session(pid_t session, int signo)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    long long pid;
    int found = 0;
    while (proc && (entry = readdir(proc)))
        if (span_int(span_of(entry->d_name), &pid) && getsid((pid_t)pid) == session &&
            !hold_is_zombie((pid_t)pid))
            found += kill((pid_t)pid, signo) == 0;
    if (proc)
        closedir(proc);
    return found;
}
#else
static int hold_signal_session(pid_t session, int signo)
{
    return kill(-session, signo) == 0;
}
#endif

static void hold_signal_all(struct hold *h, int signo)
{
    pid_t foreground = tcgetpgrp(h->pty.io.fd);
    if (!h->exited)
        kill(-h->pid, signo);
    if (foreground > 1 && foreground != h->pid && foreground != getpgrp())
        kill(-foreground, signo);
    hold_signal_session(h->pid, signo);
}

static void hold_finish(struct hold *h)
{
    buf json = {0};
    hold_renew_last_output(h);
    hold_enter(h, HOLD_EXITED, HOLD_BY_EXIT);
    hold_put_status(h, &json);
    if (store_write(h->dir, "exit.json", buf_view(&json)) != 0)
        log_line(LOG_ERROR, "cannot write %s/exit.json: %s", h->dir, strerror(errno));
    buf_free(&json);
    loop_timer_stop(&h->loop, &h->status_timer);
    hold_send_status(h);
    for (struct hold_client *c = h->clients; c; c = c->next) {
        if (c->awaiting)
            hold_send_receipt(c, "delivered"); /* to end is to react */
        if (c->behind || c->missing)
            hold_send_snapshot(c, c->scrollback); /* there will be no other tick */
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
static void hold_check_end(struct hold *h)
{
    if (h->over || !h->exited || !h->drained)
        return;
    if (h->killing && hold_signal_session(h->pid, 0) > 0) {
        h->check_ms = h->check_ms ? h->check_ms * 2 : HOLD_CHECK_MS;
        loop_timer_set(&h->loop, &h->drain_timer, h->loop.now + h->check_ms);
        return;
    }
    hold_finish(h);
}

static void hold_on_drain_timer(void *ctx)
{
    struct hold *h = ctx;
    if (h->over)
        h->over = 2;
    /* background processes still hold the terminal: their output is not waited for */
    h->drained = 1;
    hold_check_end(h);
}

static void hold_kill(struct hold *h)
{
    if (h->killing)
        return;
    h->killing = 1;
    hold_signal_all(h, SIGHUP);
    hold_signal_all(h, SIGCONT); /* what was stopped can't die of SIGHUP */
    loop_timer_set(&h->loop, &h->kill_timer, h->loop.now + HOLD_KILL_MS);
    hold_check_end(h);
}

/* The time to undo the end is over, or the time to die of SIGHUP. */
static void hold_on_kill_timer(void *ctx)
{
    struct hold *h = ctx;
    if (!h->killing) {
        hold_kill(h);
        return;
    }
    hold_signal_all(h, SIGKILL);
    h->check_ms = 0;
    hold_check_end(h);
}

static void hold_on_exit(void *ctx, int status)
{
    struct hold *h = ctx;
    h->exited = 1;
    h->wait_status = status;
    close(h->slave); /* now the pty hangs up as soon as its last output is read */
    h->slave = -1;
    if (!h->drained)
        loop_timer_set(&h->loop, &h->drain_timer, h->loop.now + HOLD_DRAIN_MS);
    hold_check_end(h);
}

/* ---- the program's output ------------------------------------------------------------------- */

static void hold_on_output(void *ctx)
{
    struct hold *h = ctx;
    span bytes = conn_view(&h->pty);
    if (bytes.n) {
        hold_show(h, bytes);
        vt_feed(h->vt, bytes);
        store_log_write(&h->log, bytes);
        hold_answer_queries(h);
        hold_count_reaction(h, bytes.n);
        h->activity = clock_wall_ms();
        h->output_at = h->loop.now;
        hold_judge_output(h, vt_take_signals(h->vt));
        hold_changed(h);
        conn_take(&h->pty, bytes.n);
        hold_type_first(h);
    }
    if (h->pty.eof)
        conn_close(&h->pty, NULL);
}

static void hold_on_pty_closed(void *ctx, const char *why)
{
    struct hold *h = ctx;
    (void)why;
    h->drained = 1;
    hold_check_end(h);
}

static const struct conn_hooks hold_pty_hooks = {hold_on_output, hold_on_pty_drained,
                                                 hold_on_pty_closed};

/* ---- frames from the daemon ----------------------------------------------------------------- */

static int hold_size_of(struct json size, int *cols, int *rows)
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
static void hold_note_typing(struct hold_client *c, long long at)
{
    struct hold *h = c->hold;
    if (c->cols)
        hold_set_size(h, c->cols, c->rows);
    h->typed_at = at;
    hold_set_seen(h);
    if (h->state == HOLD_WAITING && h->waiting_at <= at)
        hold_work(h, HOLD_BY_OUTPUT);
}

static void hold_type_for(struct hold_client *c, span bytes)
{
    if (!bytes.n)
        return;
    hold_note_typing(c, c->hold->loop.now);
    hold_settle_enter(c->hold);
    hold_type(c->hold, bytes);
}

static void hold_take_input(struct hold_client *c, span payload)
{
    c->inputs++;
    c->offered = 0; /* until this is with the program */
    hold_type_for(c, payload);
    loop_defer(&c->hold->loop, &c->hold->offer_task);
}

static void hold_take_typed(struct hold_client *c, span payload)
{
    long long at, now = c->hold->loop.now;
    if (span_int(payload, &at) && at >= 0) /* a question of the same moment stands */
        hold_note_typing(c, (at < now ? at : now) - 1);
}

static void hold_take_message(struct hold_client *c, span payload)
{
    struct json message;
    buf text = {0};
    if (json_parse(payload, &message, NULL, NULL) != PARSE_DONE)
        return;
    json_put_text(&text, json_get(message, "text"));
    int enter = json_get(message, "enter").type != JSON_FALSE;
    c->echo = hold_type_message(c->hold, buf_view(&text), enter);
    buf_free(&text);
    if (c->echo < 0) {
        hold_send_receipt(c, "unconfirmed");
        return;
    }
    c->awaiting = 1;
    loop_timer_set(&c->hold->loop, &c->receipt_timer, c->hold->loop.now + HOLD_RECEIPT_MS);
    if (c->hold->state == HOLD_WAITING)
        hold_work(c->hold, HOLD_BY_OUTPUT);
}

static void hold_take_resize(struct hold_client *c, span payload)
{
    struct json size;
    if (json_parse(payload, &size, NULL, NULL) == PARSE_DONE &&
        hold_size_of(size, &c->cols, &c->rows))
        hold_set_size(c->hold, c->cols, c->rows);
}

static void hold_take_keys(struct hold_client *c, span payload)
{
    struct json request;
    buf name = {0}, bytes = {0};
    long long count = 1;
    int application = (vt_modes(c->hold->vt) & VT_APP_CURSOR) != 0;
    if (json_parse(payload, &request, NULL, NULL) != PARSE_DONE)
        return;
    json_put_text(&name, json_get(request, "key"));
    json_int(json_get(request, "count"), &count);
    for (long long i = 0; i < count && i < HOLD_KEYS_MAX; i++)
        hold_put_key(&bytes, buf_view(&name), application);
    hold_type_for(c, buf_view(&bytes));
    buf_free(&name);
    buf_free(&bytes);
}

static void hold_take_kill(struct hold_client *c, span payload)
{
    (void)payload;
    hold_kill(c->hold);
}

static void hold_take_stop(struct hold_client *c, span payload)
{
    struct hold *h = c->hold;
    struct json request;
    long long undo_ms;
    if (h->killing || json_parse(payload, &request, NULL, NULL) != PARSE_DONE ||
        !json_int(json_get(request, "undo_ms"), &undo_ms))
        return;
    h->stopped = 1;
    hold_signal_all(h, SIGSTOP);
    loop_timer_set(&h->loop, &h->kill_timer, h->loop.now + undo_ms);
    hold_changed(h);
}

static void hold_take_continue(struct hold_client *c, span payload)
{
    struct hold *h = c->hold;
    (void)payload;
    if (h->killing || !h->stopped)
        return;
    h->stopped = 0;
    loop_timer_stop(&h->loop, &h->kill_timer);
    hold_signal_all(h, SIGCONT);
    hold_changed(h);
}

/* What an agent reports is believed over what its output looks like. */
static void hold_take_event(struct hold_client *c, span payload)
{
    static const struct {
        const char *type;
        enum hold_state state;
        /* an agent that reports this reports everything; Codex only tells "stop" */
        int speaks_for_all;
    } events[] = {{"session_start", HOLD_IDLE, 1},
                  {"prompt", HOLD_WORKING, 1},
                  {"notification", HOLD_WAITING, 1},
                  {"stop", HOLD_IDLE, 0},
                  {"session_end", HOLD_IDLE, 0}};
    struct hold *h = c->hold;
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
        if (events[i].state == HOLD_WORKING)
            hold_work(h, HOLD_BY_HOOK);
        else
            hold_enter(h, events[i].state, HOLD_BY_HOOK);
        if (events[i].state == HOLD_WAITING) {
            buf text = {0};
            json_put_text(&text, json_get(event, "text"));
            hold_set_asked(h, buf_view(&text));
            buf_free(&text);
        }
    }
    hold_changed(h);
}

static void hold_take_watch(struct hold_client *c, span payload)
{
    struct hold *h = c->hold;
    buf json = {0};
    (void)payload;
    c->watching = 1;
    hold_renew_last_output(h);
    hold_put_status(h, &json);
    hold_send_frame(&c->conn, HOLD_STATUS, buf_view(&json));
    buf_free(&json);
}

static void hold_take_seen(struct hold_client *c, span payload)
{
    (void)payload;
    hold_set_seen(c->hold);
}

static void hold_take_view(struct hold_client *c, span payload)
{
    int scrollback = 0;
    for (size_t i = 0; i < payload.n; i++) {
        c->sizes |= payload.p[i] == HOLD_VIEW_SIZES;
        scrollback |= payload.p[i] == HOLD_VIEW_SCROLLBACK;
        if (payload.p[i] == HOLD_VIEW_PTY)
            hold_pass_pty(c);
    }
    c->viewing = 1;
    c->scrollback = scrollback;
    hold_set_seen(c->hold);
    hold_send_snapshot(c, scrollback);
}

static void hold_take_screen(struct hold_client *c, span payload)
{
    struct hold *h = c->hold;
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
    hold_send_frame(&c->conn, HOLD_SCREEN_IS, buf_view(&b));
    buf_free(&b);
}

static void hold_take_text(struct hold_client *c, span payload)
{
    buf text = {0};
    (void)payload;
    vt_put_text(c->hold->vt, &text, 1);
    hold_send_frame(&c->conn, HOLD_TEXT_IS, buf_view(&text));
    buf_free(&text);
}

static const struct {
    enum hold_frame type;
    void (*take)(struct hold_client *c, span payload);
} hold_requests[] = {
    {HOLD_INPUT, hold_take_input},   {HOLD_TYPED, hold_take_typed},
    {HOLD_MESSAGE, hold_take_message},
    {HOLD_RESIZE, hold_take_resize}, {HOLD_KILL, hold_take_kill},
    {HOLD_EVENT, hold_take_event},   {HOLD_WATCH, hold_take_watch},
    {HOLD_VIEW, hold_take_view},     {HOLD_SCREEN, hold_take_screen},
    {HOLD_TEXT, hold_take_text},     {HOLD_KEYS, hold_take_keys},
    {HOLD_SEEN, hold_take_seen},     {HOLD_STOP, hold_take_stop},
    {HOLD_CONTINUE, hold_take_continue},
};

static void hold_on_client_data(void *ctx)
{
    struct hold_client *c = ctx;
    enum hold_frame type;
    enum parse parsed;
    span payload;
    while ((parsed = hold_peek_frame(&c->conn, &type, &payload)) == PARSE_DONE) {
        for (size_t i = 0; i < COUNT_OF(hold_requests); i++)
            if (hold_requests[i].type == type)
                hold_requests[i].take(c, payload);
        conn_take(&c->conn, HOLD_HEAD + payload.n);
    }
    if (parsed == PARSE_BAD || c->conn.eof)
        conn_close(&c->conn, NULL);
}

static void hold_on_client_drained(void *ctx)
{
    struct hold_client *c = ctx;
    if (c->behind && !c->hold->tick_timer.slot)
        loop_timer_set(&c->hold->loop, &c->hold->tick_timer, c->hold->loop.now + HOLD_TICK_MS);
}

static void hold_on_client_closed(void *ctx, const char *why)
{
    struct hold_client *c = ctx;
    (void)why;
    loop_timer_stop(&c->hold->loop, &c->receipt_timer);
    c->hold->typists -= c->direct;
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    conn_free(&c->conn);
    free(c);
}

static const struct conn_hooks hold_client_hooks = {hold_on_client_data, hold_on_client_drained,
                                                    hold_on_client_closed};

static void hold_on_accept(void *ctx, short revents)
{
    struct hold *h = ctx;
    int fd = accept(h->listener.fd, NULL, NULL);
    (void)revents;
    if (fd < 0)
        return;
    if (!conn_peer_is_me(fd)) {
        close(fd);
        return;
    }
    struct hold_client *c = base_alloc(sizeof *c);
    c->hold = h;
    c->next = h->clients;
    c->link = &h->clients;
    if (c->next)
        c->next->link = &c->next;
    h->clients = c;
    c->receipt_timer = (struct loop_timer){.fn = hold_receipt_late, .ctx = c};
    c->conn.hooks = &hold_client_hooks;
    c->conn.ctx = c;
    conn_open(&c->conn, &h->loop, fd);
}

/* ---- starting ------------------------------------------------------------------------------- */

static void hold_close_inherited(int first)
{
    DIR *dir = opendir("/dev/fd");
    struct dirent *entry;
    long long fd;
    int open_fds[256], count = 0;
    while (dir && count < 256 && (entry = readdir(dir)))
        if (span_int(span_of(entry->d_name), &fd) && fd >= first && fd != dirfd(dir))
            open_fds[count++] = (int)fd;
    if (dir)
        closedir(dir);
    while (count > 0)
        close(open_fds[--count]);
}

static void hold_point_at_null(int fd)
{
    int null = open("/dev/null", O_RDWR);
    if (null >= 0 && null != fd) {
        dup2(null, fd);
        close(null);
    }
}

/* A NULL-terminated array of the strings in a JSON array, to be freed one by one; NULL: it isn't
 * one. */
static char **hold_strings(struct json array)
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
static void hold_become_program(struct hold *h, char **argv, char **env, const char *directory)
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
static const char *hold_start_program(struct hold *h, char **argv, char **env,
                                      const char *directory)
{
    int report[2], error = 0;
    if (pipe(report) != 0)
        return strerror(errno);
    conn_close_on_exec(report[0]);
    conn_close_on_exec(report[1]);
    h->pid = fork();
    if (h->pid < 0)
        return strerror(errno);
    if (h->pid == 0) {
        hold_become_program(h, argv, env, directory);
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

static const char *hold_open_pty(struct hold *h, int cols, int rows)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    int master = conn_close_on_exec(posix_openpt(O_RDWR | O_NOCTTY));
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        return "no pseudo-terminal is left";
    const char *name = ptsname(master);
    h->slave = name ? conn_close_on_exec(open(name, O_RDWR | O_NOCTTY)) : -1;
    if (h->slave < 0 || ioctl(master, TIOCSWINSZ, &size) != 0)
        return "cannot open the pseudo-terminal";
    h->pty.hooks = &hold_pty_hooks;
    h->pty.ctx = h;
    conn_open(&h->pty, &h->loop, master);
    h->pty.greedy = 1;
    return NULL;
}

static void hold_init(struct hold *h)
{
    const struct {
        struct loop_timer *timer;
        void (*fn)(void *ctx);
    } timers[] = {{&h->status_timer, hold_send_status}, {&h->state_timer, hold_on_silence},
                  {&h->kill_timer, hold_on_kill_timer}, {&h->drain_timer, hold_on_drain_timer},
                  {&h->type_timer, hold_type_first},    {&h->enter_timer, hold_press_enter},
                  {&h->tick_timer, hold_on_tick}};
    for (size_t i = 0; i < COUNT_OF(timers); i++)
        *timers[i].timer = (struct loop_timer){.fn = timers[i].fn, .ctx = h};
    h->offer_task = (struct loop_task){.fn = hold_offer_pty, .ctx = h};
    loop_init(&h->loop);
    h->since = h->activity = clock_wall_ms();
    h->status_at = h->loop.now - HOLD_STATUS_MS;
    h->typed_at = h->loop.now - HOLD_ECHO_MS;
}

/* A daemon that starts while we do and can't reach us writes down that the session is lost, and
 * then looks again; we listen first, and then look. So one of both sees the other. */
static int hold_is_given_up(const struct hold *h)
{
    buf b = {0};
    int given_up =
        store_read(h->dir, "exit.json", &b) == 0 || store_read(h->dir, "record.json", &b) != 0;
    buf_free(&b);
    return given_up;
}

/* Everything up to a running program, in the order in which a failure costs least. */
static const char *hold_start(struct hold *h, struct json spec, buf *error)
{
    int cols = 80, rows = 24;
    char **argv = hold_strings(json_get(spec, "argv"));
    char **env = hold_strings(json_get(spec, "env"));
    char *directory = json_dup_text(json_get(spec, "directory"));
    char message[256] = "";
    h->id = json_dup_text(json_get(spec, "id"));
    h->socket = json_dup_text(json_get(spec, "socket"));
    h->dir = json_dup_text(json_get(spec, "dir"));
    h->api_socket = json_dup_text(json_get(spec, "api_socket"));
    hold_size_of(spec, &cols, &rows);
    if (!argv || !argv[0] || !directory || !h->id || !h->socket || !h->dir)
        return "the session's description is incomplete";
    json_put_text(&h->typed, json_get(spec, "typed"));
    json_put_text(&h->last_input, json_get(spec, "last_input"));
    h->vt = vt_new(cols, rows);
    const char *fault = hold_open_pty(h, cols, rows);
    if (fault)
        return fault;
    if (store_log_open(&h->log, h->dir) != 0)
        log_line(LOG_WARN, "no log in %s: %s", h->dir, strerror(errno));
    h->listener = (struct loop_fd){.fd = conn_listen(h->socket, message, sizeof message),
                                   .on_event = hold_on_accept, .ctx = h};
    if (h->listener.fd < 0) {
        buf_str(error, message);
        return buf_cstr(error);
    }
    if (hold_is_given_up(h)) {
        unlink(h->socket);
        return "the daemon that asked for it has gone";
    }
    fault = hold_start_program(h, argv, env, directory);
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

static void hold_answer_launch(const struct hold *h, const char *error)
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
    hold_point_at_null(0);
}

/* The background half: own session, own process group, nothing inherited. */
static int hold_run(span spec_text)
{
    static const int ignored[] = {SIGHUP,  SIGINT,  SIGTERM, SIGQUIT, SIGTSTP,
                                  SIGTTOU, SIGTTIN, SIGUSR1, SIGUSR2};
    struct hold h = {.slave = -1};
    struct json spec;
    buf error = {0};
    setsid();
    hold_close_inherited(3);
    /* only the program's end or HOLD_KILL ends a session */
    for (size_t i = 0; i < COUNT_OF(ignored); i++)
        signal(ignored[i], SIG_IGN);
    hold_init(&h);
    const char *fault = json_parse(spec_text, &spec, NULL, NULL) == PARSE_DONE
                            ? hold_start(&h, spec, &error)
                            : "the session's description is not JSON";
    hold_answer_launch(&h, fault);
    if (fault)
        return 1;
    if (chdir("/") != 0)
        return 1;
    h.child = (struct loop_child){.pid = h.pid, .fn = hold_on_exit, .ctx = &h};
    loop_on_exit(&h.loop, &h.child);
    loop_watch(&h.loop, &h.listener, POLLIN);
    if (h.typed.n)
        loop_timer_set(&h.loop, &h.type_timer, h.loop.now + HOLD_TYPE_MS);
    while (h.over < 2 && (!h.over || h.clients))
        loop_once(&h.loop);
    return 0;
}

/* Exactly n bytes of descriptor 0, or none. */
static size_t hold_read_exactly(char *to, size_t n)
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

static int hold_main(void)
{
    char head[HOLD_HEAD];
    if (!hold_read_exactly(head, HOLD_HEAD) || head[4] != HOLD_SPEC)
        base_die("'hold' is for the daemon to start: see 'telec help'");
    size_t n = hold_frame_size(head);
    if (n > HOLD_FRAME_MAX)
        base_die("the session's description is too long (%zu bytes)", n);
    char *spec = base_alloc(n + 1);
    if (!hold_read_exactly(spec, n))
        return 1;
    hold_point_at_null(1);
    hold_point_at_null(2);
    pid_t pid = fork();
    if (pid != 0)
        _exit(pid < 0);
    return hold_run((span){spec, n});
}

/* ---- the daemon's side: launching ----------------------------------------------------------- */

struct hold_launching {
    struct conn conn;
    pid_t pid; /* the half that stays in the foreground, and ends before the answer is complete */
    void (*done)(void *ctx, const char *error);
    void *ctx;
};

/* The answer is complete when the holder closes its end. */
static void hold_launch_on_data(void *ctx)
{
    struct hold_launching *launch = ctx;
    if (launch->conn.eof)
        conn_close(&launch->conn, NULL);
}

static void hold_launch_on_closed(void *ctx, const char *why)
{
    struct hold_launching *launch = ctx;
    struct json answer = {0};
    (void)why;
    json_parse(conn_view(&launch->conn), &answer, NULL, NULL);
    char *error = json_dup_text(json_get(answer, "error"));
    int started = json_get(answer, "pid").type == JSON_NUMBER;
    launch->done(launch->ctx, started ? NULL
                              : error ? error
                                      : "the session's holder did not start");
    free(error);
    conn_free(&launch->conn);
    waitpid(launch->pid, NULL, 0);
    free(launch);
}

static const struct conn_hooks hold_launch_hooks = {hold_launch_on_data, NULL,
                                                    hold_launch_on_closed};

static void hold_put_spec(buf *b, const struct hold_spec *spec)
{
    json_open(b, '{');
    json_field_string(b, "id", spec->id);
    json_field_string(b, "socket", spec->socket);
    json_field_string(b, "dir", spec->state_dir);
    json_field_string(b, "api_socket", spec->api_socket);
    json_field_string(b, "directory", spec->directory);
    json_key(b, "argv");
    json_open(b, '[');
    for (size_t i = 0; spec->argv[i]; i++)
        json_put_string(b, span_of(spec->argv[i]));
    json_close(b, ']');
    if (spec->env.type == JSON_ARRAY) {
        json_key(b, "env");
        json_put_raw(b, spec->env.text);
    }
    json_field_int(b, "cols", spec->cols);
    json_field_int(b, "rows", spec->rows);
    json_field_string(b, "typed", spec->typed);
    json_field_string(b, "last_input", spec->last_input);
    json_close(b, '}');
}

/* posix_spawn, not fork: the daemon may be large. fd becomes the child's descriptor 0. */
static pid_t hold_spawn(const char *program, const char *id, int fd)
{
    extern char **environ;
    char *argv[] = {(char *)program, "hold", (char *)id, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t pid;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fd, 0);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    errno = posix_spawn(&pid, program, &actions, &attributes, argv, environ);
    int failed = errno;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    errno = failed;
    return failed ? -1 : pid;
}

static void hold_launch(struct loop *l, const char *program, const struct hold_spec *spec,
                        void (*done)(void *ctx, const char *error), void *ctx)
{
    int ends[2];
    pid_t pid = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0) {
        conn_close_on_exec(ends[0]);
        conn_close_on_exec(ends[1]);
        pid = hold_spawn(program, spec->id, ends[1]);
        int saved = errno;
        close(ends[1]);
        if (pid < 0)
            close(ends[0]);
        errno = saved;
    }
    if (pid < 0) {
        buf error = {0};
        buf_fmt(&error, "cannot start %s: %s", program, strerror(errno));
        done(ctx, buf_cstr(&error));
        buf_free(&error);
        return;
    }
    struct hold_launching *launch = base_alloc(sizeof *launch);
    launch->done = done;
    launch->ctx = ctx;
    launch->pid = pid;
    launch->conn.hooks = &hold_launch_hooks;
    launch->conn.ctx = launch;
    conn_open(&launch->conn, l, ends[0]);
    buf text = {0};
    hold_put_spec(&text, spec);
    hold_send_frame(&launch->conn, HOLD_SPEC, buf_view(&text));
    buf_free(&text);
}

/* ---- the daemon's side: links --------------------------------------------------------------- */

static void hold_link_on_data(void *ctx)
{
    struct hold_link *link = ctx;
    enum hold_frame type;
    enum parse parsed = PARSE_MORE;
    span payload;
    while (!link->conn.dead &&
           (parsed = hold_peek_frame(&link->conn, &type, &payload)) == PARSE_DONE) {
        link->on_frame(link->ctx, type, payload);
        conn_take(&link->conn, HOLD_HEAD + payload.n);
    }
    if (parsed == PARSE_BAD || link->conn.eof)
        conn_close(&link->conn, NULL);
}

static void hold_link_on_closed(void *ctx, const char *why)
{
    struct hold_link *link = ctx;
    (void)why;
    conn_free(&link->conn);
    link->open = 0;
    link->on_closed(link->ctx);
}

static const struct conn_hooks hold_link_hooks = {hold_link_on_data, NULL, hold_link_on_closed};

static int hold_open(struct hold_link *link, struct loop *l, const char *socket)
{
    int fd = conn_connect(socket);
    if (fd < 0)
        return -1;
    if (!conn_peer_is_me(fd)) {
        close(fd);
        errno = EPERM;
        return -1;
    }
    link->conn.hooks = &hold_link_hooks;
    link->conn.ctx = link;
    conn_open(&link->conn, l, fd);
    link->open = 1;
    return 0;
}

static void hold_send(struct hold_link *link, enum hold_frame type, span payload)
{
    if (link->open)
        hold_send_frame(&link->conn, type, payload);
}

static void hold_close(struct hold_link *link)
{
    if (link->open)
        conn_close(&link->conn, NULL);
}

static void hold_leave(struct hold_link *link)
{
    if (link->open)
        conn_finish(&link->conn);
}

static void hold_abandon(struct hold_link *link)
{
    if (!link->open)
        return;
    close(link->conn.io.fd);
    conn_free(&link->conn);
    link->open = 0;
}

/* ---- the daemon's side: questions ----------------------------------------------------------- */

#define HOLD_ASK_MS 5000 /* for a holder to answer */

static void hold_ask_finish(struct hold_ask *ask, enum hold_answer how, span payload)
{
    void (*done)(void *ctx, enum hold_answer how, span payload) = ask->done;
    ask->done = NULL;
    if (done)
        done(ask->ctx, how, payload);
    hold_close(&ask->link);
}

static void hold_ask_on_frame(void *ctx, enum hold_frame type, span payload)
{
    struct hold_ask *ask = ctx;
    if (type == ask->wanted && ask->done)
        hold_ask_finish(ask, HOLD_ANSWERED, payload);
}

static void hold_ask_on_closed(void *ctx)
{
    struct hold_ask *ask = ctx;
    loop_timer_stop(ask->link.conn.loop, &ask->timer);
    hold_ask_finish(ask, HOLD_ENDED, (span){0});
    free(ask);
}

static void hold_ask_on_late(void *ctx)
{
    hold_ask_finish(ctx, HOLD_LATE, (span){0});
}

static struct hold_ask *hold_ask(struct loop *l, const char *socket, enum hold_frame question,
                                 span payload, enum hold_frame wanted,
                                 void (*done)(void *ctx, enum hold_answer how, span payload),
                                 void *ctx)
{
    struct hold_ask *ask = base_alloc(sizeof *ask);
    ask->wanted = wanted;
    ask->done = done;
    ask->ctx = ctx;
    ask->link.on_frame = hold_ask_on_frame;
    ask->link.on_closed = hold_ask_on_closed;
    ask->link.ctx = ask;
    ask->timer = (struct loop_timer){.fn = hold_ask_on_late, .ctx = ask};
    if (hold_open(&ask->link, l, socket) != 0) {
        free(ask);
        return NULL;
    }
    loop_timer_set(l, &ask->timer, l->now + HOLD_ASK_MS);
    hold_send(&ask->link, question, payload);
    return ask;
}

static void hold_forget(struct hold_ask *ask)
{
    ask->done = NULL;
    hold_close(&ask->link);
}

static void hold_log_text(const char *state_dir, int cols, int rows, buf *out)
{
    struct vt *vt = vt_new(cols, rows);
    buf log = {0};
    store_log_read(state_dir, &log);
    vt_feed(vt, buf_view(&log));
    vt_put_text(vt, out, 1);
    buf_free(&log);
    vt_free(vt);
}
