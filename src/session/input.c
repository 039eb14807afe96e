#include "private.h"

/* input - typing into the program: keys, what must not be typed, and the grant of direct
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
#define INPUT_QUEUE_MAX (1024 * 1024) /* bytes not read by the program */
#endif
#define INPUT_DRAWN_MS 1500 /* from a message to an empty input box */
#define INPUT_READ_MS 100 /* to a reading of the screen */

static int input_type(struct holder *h, span bytes)
{
    if (h->pty.queued + bytes.n > INPUT_QUEUE_MAX)
        return -1;
    conn_send_now(&h->pty, bytes);
    loop_defer(&h->loop, &h->offer_task);
    return 0;
}

/* The client has typed (is_key: its size becomes the session's), or moved, and controls it now. */
static void input_note(struct holder_client *c, struct state_input in, int is_key)
{
    struct holder *h = c->holder;
    in.by_viewer = c->viewing;
    if (is_key)
        viewer_apply_size(c);
    h->typed_at = in.at;
    if (c->viewing && h->controller != c) {
        h->controller = c;
        status_changed(h);
    }
    status_set_seen(h);
    status_apply(h, in, (span){0});
    reader_expect(h, h->loop.now + INPUT_READ_MS);
}

static void input_note_typed(struct holder_client *c, long long at, int looked)
{
    input_note(c, (struct state_input){.event = looked ? STATE_ON_LOOKED : STATE_ON_TYPED,
                                       .at = at}, 1);
}

static int input_interrupts(span keys)
{
    static const char *const forms[] = {"\003", "\033", "\033[99;5u", "\033[27u", "\033[27;5;99~"};
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        size_t n = strlen(forms[i]);
        if (keys.n >= n && span_eq(span_sub(keys, keys.n - n), forms[i]))
            return 1;
    }
    return 0;
}

static void input_type_for(struct holder_client *c, span bytes)
{
    struct holder *h = c->holder;
    struct state_input in = {.event = frame_is_look(bytes) ? STATE_ON_LOOKED : STATE_ON_TYPED,
                             .at = h->loop.now, .interrupts = input_interrupts(bytes)};
    if (!bytes.n)
        return;
    input_note(c, in, !frame_is_report(bytes));
    input_type(h, bytes);
}

/* Tells programs that read keys: a shell would show the bytes. */
static void input_tell_focus(struct holder *h)
{
    struct termios modes;
    int unfocused = !status_is_viewed(h);
    if (!(vt_modes(h->vt) & VT_FOCUS))
        h->told_unfocused = 0;
    else if (unfocused != h->told_unfocused && tcgetattr(h->slave, &modes) == 0 &&
             !(modes.c_lflag & ICANON)) {
        h->told_unfocused = unfocused;
        status_apply(h, (struct state_input){.event = STATE_ON_LOOKED}, (span){0});
        input_type(h, span_of(unfocused ? "\033[O" : "\033[I"));
    }
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
    int may = !h->pty.queued && !h->messages && !h->typed.n && !h->exited;
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

/* ---- the guard ------------------------------------------------------------------------------ */

/* The agent draws the submitted message late. */
static int input_is_submitted(const struct holder *h, span draft)
{
    return h->loop.now - h->submitted_at < INPUT_DRAWN_MS && h->last_input.n >= draft.n &&
           memcmp(h->last_input.p, draft.p, draft.n) == 0;
}

static int input_put_refusal(struct holder *h, buf *b)
{
    buf draft = {0};
    reader_read(h, 0); /* the dialog may be new */
    if (status_waits_for(h) == QUESTION_CHOICE || h->reader.kind == QUESTION_CHOICE) {
        buf_str(b, "waiting: ");
        buf_span(b, h->asked.n ? buf_view(&h->asked) : buf_view(&h->reader.asks));
    } else if (reader_put_draft(h, &draft) && !input_is_submitted(h, buf_view(&draft))) {
        buf_str(b, "draft: ");
        buf_span(b, buf_view(&draft));
    }
    buf_free(&draft);
    return b->n > 0;
}
