#include "private.h"

/* input - typing into the program: keys, messages and their receipts, and the grant of direct
 * writes to the pty, which saves a key the way through the holder:
 *
 *      viewer                           holder
 *        │ ── FRAME_VIEW "p" ──────────▶ │
 *        │ ◀─ FRAME_PTY "" and the fd ── │  the pty's descriptor, without a grant
 *        │ ◀─ FRAME_PTY "0" ──────────── │  granted: no input is pending, 0 FRAME_INPUT received
 *        │ ══ write ══▶ pty              │
 *        │ ── FRAME_TYPED time ────────▶ │  soon after it, for the state and the size
 *        │ ── FRAME_INPUT ─────────────▶ │  too long for a direct write; ends the grant
 *        │ ◀─ FRAME_PTY "1" ──────────── │  granted: the program has got that input
 *        │ ◀─ FRAME_PTY "" ───────────── │  withdrawn: a message or other input is pending
 *
 * A grant counts only with the number of FRAME_INPUT that the viewer has sent: others crossed one
 * on their way. Keys written before a withdrawal arrives can get into other input, as with any two
 * writers of one terminal. */

#ifndef INPUT_QUEUE_MAX
#define INPUT_QUEUE_MAX (1024 * 1024) /* bytes that the program does not read; more is refused */
#endif
#ifndef INPUT_ENTER_MS
#define INPUT_ENTER_MS 60             /* from a paste to its Enter, which it must not swallow */
#endif
#ifndef INPUT_RECEIPT_MS
#define INPUT_RECEIPT_MS 2000         /* for a program to react to a message */
#endif
#define INPUT_READ_MS 100 /* from a key to a reading of the screen */
#define INPUT_LAST_MAX 500            /* characters of last_input */

static int input_type(struct holder *h, span bytes)
{
    if (h->pty.queued + bytes.n > INPUT_QUEUE_MAX)
        return -1;
    conn_send_now(&h->pty, bytes);
    loop_defer(&h->loop, &h->offer_task);
    return 0;
}

static void input_press_enter(void *holder)
{
    input_type(holder, span_of("\r"));
}

/* Types a pending Enter now: it goes before whatever is typed next. */
static void input_settle_enter(struct holder *h)
{
    if (!h->enter_timer.slot)
        return;
    loop_timer_cancel(&h->loop, &h->enter_timer);
    input_press_enter(h);
}

/* A client has typed at a time, loop clock: its size becomes the session's. */
static void input_note(struct holder_client *c, struct state_input in)
{
    struct holder *h = c->holder;
    if (c->cols)
        viewer_set_size(h, c->cols, c->rows);
    h->typed_at = in.at;
    status_set_seen(h);
    status_apply(h, in, (span){0});
    reader_expect(h, h->loop.now + INPUT_READ_MS);
}

static void input_note_typed(struct holder_client *c, long long at)
{
    input_note(c, (struct state_input){.event = STATE_ON_TYPED, .at = at});
}

static int input_interrupts(span keys)
{
    return keys.n && (keys.p[keys.n - 1] == '\003' || keys.p[keys.n - 1] == '\033');
}

static void input_type_for(struct holder_client *c, span bytes)
{
    struct holder *h = c->holder;
    struct state_input in = {.event = frame_is_look(bytes) ? STATE_ON_LOOKED : STATE_ON_TYPED,
                             .at = h->loop.now, .interrupts = input_interrupts(bytes)};
    if (!bytes.n)
        return;
    input_note(c, in);
    input_settle_enter(h);
    input_type(h, bytes);
}

/* ---- direct writes -------------------------------------------------------------------------- */

static void input_pass_pty(struct holder_client *c)
{
    char frame[FRAME_HEAD];
    frame_put_head(frame, FRAME_PTY, 0);
    if (c->direct ||
        conn_send_fd(&c->conn, (span){frame, sizeof frame}, c->holder->pty.io.fd) != 0)
        return;
    c->direct = 1;
    c->holder->direct_count++;
    loop_defer(&c->holder->loop, &c->holder->offer_task);
}

static void input_offer_pty(void *holder)
{
    struct holder *h = holder;
    int may = !h->pty.queued && !h->enter_timer.slot && !h->typed.n && !h->exited;
    for (struct holder_client *c = h->clients; c; c = c->next) {
        buf inputs = {0};
        if (!c->direct || c->offered == may)
            continue;
        c->offered = may;
        if (may)
            frame_put_number(&inputs, c->inputs);
        frame_send(&c->conn, FRAME_PTY, buf_view(&inputs));
        buf_free(&inputs);
    }
}

/* ---- messages ------------------------------------------------------------------------------- */

/* Returns the number of bytes that the terminal itself echoes for `text`. */
static long long input_echo_of(const struct holder *h, span text)
{
    struct termios modes;
    long long n = 0;
    if (tcgetattr(h->slave, &modes) != 0 || !(modes.c_lflag & ECHO))
        return 0;
    for (size_t i = 0; i < text.n; i++)
        n += (unsigned char)text.p[i] < 0x20 ? 2 : 1;
    return n;
}

/* Tells whether the program reads a line without showing it: a password. */
static int input_is_secret(const struct holder *h)
{
    struct termios modes;
    return tcgetattr(h->slave, &modes) == 0 && !(modes.c_lflag & ECHO) && (modes.c_lflag & ICANON);
}

/* Appends text as it is typed: a paste where the program takes pastes, line feeds as Enter
 * elsewhere. Without ESC, or a text could end the paste by itself and press keys. */
static void input_put_typed(buf *b, span text, int paste)
{
    if (paste)
        buf_str(b, "\033[200~");
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\033' || (c == '\r' && i + 1 < text.n && text.p[i + 1] == '\n'))
            continue;
        buf_byte(b, c == '\n' && !paste ? '\r' : c);
    }
    if (paste)
        buf_str(b, "\033[201~");
}

/* Types a message. Returns the bytes of output to come that are only its echo, or -1: the program
 * does not read. */
static long long input_type_text(struct holder *h, span text, int enter)
{
    int paste = (vt_modes(h->vt) & VT_BRACKETED_PASTE) != 0, secret = input_is_secret(h);
    buf bytes = {0};
    input_settle_enter(h);
    input_put_typed(&bytes, text, paste);
    buf_str(&bytes, enter && !paste ? "\r" : "");
    long long echo = input_echo_of(h, buf_view(&bytes)) +
                     (enter && paste ? input_echo_of(h, span_of("\r")) : 0);
    int refused = input_type(h, buf_view(&bytes));
    buf_free(&bytes);
    if (refused)
        return -1;
    if (enter && paste)
        loop_timer_set(&h->loop, &h->enter_timer, h->loop.now + INPUT_ENTER_MS);
    if (secret)
        return echo;
    buf_clear(&h->last_input);
    status_put_characters(&h->last_input, text, INPUT_LAST_MAX);
    status_changed(h);
    return echo;
}

static void input_type_first(void *holder)
{
    struct holder *h = holder;
    if (!h->typed.n)
        return;
    loop_timer_cancel(&h->loop, &h->type_timer);
    buf first = h->typed;
    h->typed = (buf){0};
    input_type_text(h, buf_view(&first), 1);
    buf_free(&first);
}

/* ---- receipts ------------------------------------------------------------------------------- */

static void input_send_receipt(struct holder_client *c, const char *result)
{
    c->awaiting = 0;
    loop_timer_cancel(&c->holder->loop, &c->receipt_timer);
    frame_send(&c->conn, FRAME_RECEIPT, span_of(result));
}

static void input_on_receipt_late(void *client)
{
    input_send_receipt(client, "unconfirmed");
}

static int input_put_refusal(struct holder *h, buf *b)
{
    buf draft = {0};
    reader_read(h, 0); /* now: the dialog may be newer than the last reading */
    if (status_waits_for(h) == QUESTION_CHOICE || h->reader.kind == QUESTION_CHOICE) {
        buf_str(b, "waiting: ");
        buf_span(b, h->asked.n ? buf_view(&h->asked) : buf_view(&h->reader.asks));
    } else if (reader_put_draft(h, &draft)) {
        buf_str(b, "draft: ");
        buf_span(b, buf_view(&draft));
    }
    buf_free(&draft);
    return b->n > 0;
}

static void input_type_message(struct holder_client *c, span text, int enter)
{
    struct holder *h = c->holder;
    c->echo = input_type_text(h, text, enter);
    if (c->echo < 0) {
        input_send_receipt(c, "unconfirmed");
        return;
    }
    c->awaiting = 1;
    loop_timer_set(&h->loop, &c->receipt_timer, h->loop.now + INPUT_RECEIPT_MS);
    status_apply(h, (struct state_input){.event = STATE_ON_MESSAGE}, (span){0});
}

/* Output beyond the echo is the program's reaction; output before the Enter is not. */
static void input_count_reaction(struct holder *h, size_t n)
{
    for (struct holder_client *c = h->clients; c; c = c->next) {
        if (!c->awaiting || h->enter_timer.slot)
            continue;
        c->echo -= (long long)n;
        if (c->echo < 0)
            input_send_receipt(c, "delivered");
    }
}
