#include "private.h"

/* message - typing messages so that the program submits them, and receipts that are true.
 *
 *      asked ── text typed ──▶ pasted ── Enter ──▶ entered ── the program's reaction ──▶ receipt
 *
 * One message at a time: a second one waits until the first is submitted. A program that takes
 * pastes gets Enter once it has read the paste, has reacted to it, and its input line no longer
 * changes: some swallow an Enter that comes sooner. The receipt comes after MESSAGE_RECEIPT_MS at
 * the latest; a message that is not submitted then is still followed to its end, or the next one
 * would be glued to it. */

#ifndef MESSAGE_RECEIPT_MS
#define MESSAGE_RECEIPT_MS 2800 /* clients of TeleClaude give up after 5 s */
#endif
#ifndef MESSAGE_STILL_MS
#define MESSAGE_STILL_MS 60     /* without a change: the input line is complete */
#endif
#ifndef MESSAGE_ENTER_MS
#define MESSAGE_ENTER_MS 1000   /* at most from reading a paste to its Enter */
#endif
#ifndef MESSAGE_AGAIN_MS
#define MESSAGE_AGAIN_MS 700    /* the text still stands: the Enter is lost */
#endif
#ifndef MESSAGE_LOOK_MS
#define MESSAGE_LOOK_MS 100
#endif
#define MESSAGE_SLEEPS 4
#define MESSAGE_CALM_MS 3000    /* an agent that never sleeps has started */
#define MESSAGE_PRESSES_MAX 3
#define MESSAGE_BEGINNING 16    /* bytes by which it is known in the input box */
#ifndef MESSAGE_HOOK_MS
#define MESSAGE_HOOK_MS 1500    /* for a hook to report it; then the screen tells */
#endif
#ifndef MESSAGE_TICK_MS
#define MESSAGE_TICK_MS 20
#endif
#ifndef MESSAGE_FIRST_MS
#define MESSAGE_FIRST_MS 30000  /* to become ready for the first prompt */
#endif
#ifndef MESSAGE_BUSY_MS
#define MESSAGE_BUSY_MS 5000    /* more for a program that is busy then … */
#endif
#define MESSAGE_BUSY_MAX 18     /* … so many times: some need a minute of CPU to start */
#ifndef MESSAGE_READY_MS
#define MESSAGE_READY_MS 500    /* without output: a reader of lines is ready */
#endif
#define MESSAGE_POLL_MS 10000   /* … that polls is, too */
#define MESSAGE_BOX_MS 1500     /* for an agent that draws its screen anew */
#define MESSAGE_LINES_MS 3000   /* an agent that reads lines may be a script */
#define MESSAGE_SLOW_MS 15000   /* for a slow agent to submit it */
#define MESSAGE_LAST_MAX 500    /* of last_input */
#define MESSAGE_QUEUE_MAX 100   /* more are refused */

/* ---- receipts ------------------------------------------------------------------------------- */

/* A receipt must not be newer than the status. */
static void message_put_receipt(struct holder_client *c, const char *result)
{
    struct holder *h = c->holder;
    if (h->dirty) {
        loop_timer_cancel(&h->loop, &h->status_timer);
        status_send(h);
    }
    frame_send(&c->conn, FRAME_RECEIPT, span_of(result));
}

static void message_note_first(struct holder *h, enum message_first state)
{
    if (h->first == MESSAGE_FIRST_PENDING)
        h->first = state;
    status_changed(h);
}

static void message_remove_first(struct holder *h)
{
    struct message *m = h->messages;
    h->messages = m->next;
    if (m->first && !h->typed.n) /* unless it was delivered */
        message_note_first(h, MESSAGE_FIRST_FAILED);
    buf_free(&m->text);
    free(m);
    loop_defer(&h->loop, &h->offer_task);
}

static void message_note_input(struct holder *h, const struct message *m)
{
    if (m->secret || !m->enter)
        return;
    buf_clear(&h->last_input);
    status_put_characters(&h->last_input, buf_view(&m->text), MESSAGE_LAST_MAX);
    status_changed(h);
}

static void message_answer(struct message *m, const char *result)
{
    if (m->client)
        message_put_receipt(m->client, result);
    m->client = NULL;
}

static void message_submitted(struct holder *h, const char *result)
{
    struct message *m = h->messages;
    h->queued |= strcmp(result, "queued") == 0;
    message_note_input(h, m);
    h->submitted_at = h->loop.now;
    if (m->first)
        message_note_first(h, MESSAGE_FIRST_DELIVERED);
    message_answer(m, result);
    message_remove_first(h);
}

/* ---- typing --------------------------------------------------------------------------------- */

static long long message_echo_of(const struct holder *h, span text)
{
    struct termios modes;
    long long n = 0;
    if (tcgetattr(h->slave, &modes) != 0 || !(modes.c_lflag & ECHO))
        return 0;
    for (size_t i = 0; i < text.n; i++)
        n += (unsigned char)text.p[i] < 0x20 ? 2 : 1;
    return n;
}

static int message_is_read(const struct holder *h)
{
    int unread = 0;
    if (h->slave >= 0 && ioctl(h->slave, FIONREAD, &unread) != 0)
        unread = 0;
    return !h->pty.queued && unread == 0;
}

/* Tells whether a password is read. */
static int message_is_secret(const struct holder *h)
{
    struct termios modes;
    return tcgetattr(h->slave, &modes) == 0 && !(modes.c_lflag & ECHO) && (modes.c_lflag & ICANON);
}

/* A paste where the program takes pastes, else line feeds as Enter. Without ESC: a text could end
 * the paste and press keys. */
static void message_put_typed(buf *b, span text, int paste)
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

static void message_entered(struct holder *h, struct message *m)
{
    m->phase = MESSAGE_ENTERED;
    m->entered_at = h->loop.now;
    m->prompts = h->prompts;
    m->read_at = 0;
    m->sleeps = 0;
    m->presses++;
    reader_mark(h, &m->mark);
    m->line = reader_line(h);
    status_apply(h, (struct state_input){.event = STATE_ON_MESSAGE}, (span){0});
}

static void message_press_enter(struct holder *h, struct message *m)
{
    message_entered(h, m);
    m->echo += message_echo_of(h, span_of("\r"));
    input_type(h, span_of("\r"));
}

static void message_type(struct holder *h, struct message *m)
{
    int paste = (vt_modes(h->vt) & VT_BRACKETED_PASTE) != 0;
    buf bytes = {0};
    m->secret = message_is_secret(h);
    m->busy = h->state.works || (h->state.hooked && h->state.kind == STATE_WORKING);
    m->line = reader_line(h);
    m->shown = reader_count_shown(h, buf_view(&m->text));
    reader_mark(h, &m->mark);
    message_put_typed(&bytes, buf_view(&m->text), paste);
    buf_str(&bytes, m->enter && !paste ? "\r" : "");
    m->echo = message_echo_of(h, buf_view(&bytes));
    m->phase = MESSAGE_PASTED;
    m->pasted_at = m->changed_at = h->loop.now;
    if (input_type(h, buf_view(&bytes)) != 0) {
        message_answer(m, "unconfirmed");
        message_remove_first(h);
    } else if (!paste || !m->enter) {
        message_entered(h, m);
    }
    buf_free(&bytes);
}

/* Tells whether a dialog is open, which Enter would answer. */
static int message_is_blocked(struct holder *h)
{
    reader_read(h, 0);
    return h->reader.kind == QUESTION_CHOICE;
}

static void message_settle(struct holder *h)
{
    struct message *m = h->messages;
    if (m && m->phase == MESSAGE_PASTED && (m->force || !message_is_blocked(h)))
        message_press_enter(h, m);
}

/* ---- what the program makes of it ----------------------------------------------------------- */

static int message_stands(const struct holder *h)
{
    buf draft = {0};
    int stands = reader_put_draft(h, &draft);
    buf_free(&draft);
    return stands;
}

/* Tells whether the input box has the message: its beginning, or "[Pasted text" in its place. */
static int message_stands_itself(const struct holder *h, const struct message *m)
{
    buf draft = {0};
    span text = span_trim(buf_view(&m->text), " ");
    size_t n = 0, most = reader_put_draft(h, &draft) ? draft.n : 0;
    while (n < most && n < text.n && n < MESSAGE_BEGINNING && text.p[n] == draft.p[n])
        n++;
    int stands = most && (span_starts(buf_view(&draft), "[Past") || n == MESSAGE_BEGINNING ||
                          n == most || n == text.n || text.p[n] == '\n' || text.p[n] == '\t');
    buf_free(&draft);
    return stands;
}

static int message_is_ready_for_enter(struct holder *h, struct message *m)
{
    uint32_t line = reader_line(h);
    if (!message_is_read(h))
        return 0;
    if (!m->read_at)
        m->read_at = m->changed_at = h->loop.now;
    if (line != m->line) {
        m->line = line;
        m->reacted = 1;
        m->stood = m->stood || message_stands(h);
        m->changed_at = h->loop.now;
    }
    return (m->reacted && h->loop.now - m->changed_at >= MESSAGE_STILL_MS) ||
           h->loop.now - m->read_at >= MESSAGE_ENTER_MS;
}

/* The text has left the input line, and more than a spinner has changed. It must have been seen: an
 * agent that draws its screen anew may lose it. */
static int message_has_left(struct holder *h, struct message *m)
{
    int boxed = h->reader.agent->box || h->reader.agent->foot;
    if (message_stands(h)) {
        m->stood = 1;
        return 0;
    }
    return reader_has_moved(h, &m->mark) &&
           (boxed ? m->stood || reader_count_shown(h, buf_view(&m->text)) > m->shown
                  : reader_line(h) != m->line);
}

/* Returns "queued" while a turn goes on. */
static const char *message_judge_agent(struct holder *h, struct message *m)
{
    long long since = h->loop.now - m->entered_at;
    if (h->prompts != m->prompts)
        return "delivered";
    if (message_is_read(h) && message_has_left(h, m) &&
        (!h->state.hooked || m->busy || since >= MESSAGE_HOOK_MS))
        return m->busy ? "queued" : "delivered";
    return NULL;
}

/* Where nothing tells of its processes a program that does not write sleeps. */
static int message_is_asleep(const struct holder *h)
{
    int asleep = life_is_asleep(h->pid);
    return asleep < 0 ? h->loop.now - h->reader.output_at >= MESSAGE_LOOK_MS : asleep;
}

/* The program has written since, or its processes have slept for a while. */
static int message_is_handled(struct holder *h, struct message *m)
{
    if (h->reader.output_at - m->read_at >= MESSAGE_AGAIN_MS / 2)
        return 1;
    if (h->loop.now - m->looked_at >= MESSAGE_LOOK_MS) {
        m->looked_at = h->loop.now;
        m->sleeps = message_is_asleep(h) ? m->sleeps + 1 : 0;
    }
    return m->sleeps >= MESSAGE_SLEEPS;
}

/* A slow agent would give the second Enter to its next dialog: it must have handled the first. */
static void message_press_again(struct holder *h, struct message *m)
{
    if (!m->read_at && message_is_read(h))
        m->read_at = h->loop.now;
    if (m->presses >= MESSAGE_PRESSES_MAX || !m->enter || !m->read_at ||
        h->loop.now - m->read_at < MESSAGE_AGAIN_MS || !message_is_handled(h, m) ||
        !message_stands_itself(h, m))
        return;
    reader_read(h, 0);
    if (h->reader.kind == QUESTION_NONE)
        message_press_enter(h, m);
}

/* Text that is not read yet may still be submitted; but a terminal itself keeps lines apart. */
static int message_is_given_up(struct holder *h, struct message *m)
{
    if (m->client)
        return 0;
    if (m->first && h->reader.kind == QUESTION_CHOICE) /* it may have opened a dialog */
        m->entered_at = h->loop.now;
    if (!h->reader.agent)
        return !m->first || h->loop.now - m->entered_at >= MESSAGE_RECEIPT_MS;
    return (message_is_read(h) &&
            ((m->presses >= MESSAGE_PRESSES_MAX && !m->first) || !m->enter ||
             h->loop.now - m->entered_at >= MESSAGE_SLOW_MS));
}

static void message_give_up(struct holder *h)
{
    struct message *m = h->messages;
    if (!h->reader.agent && !message_stands(h) && !m->first)
        message_note_input(h, m);
    message_remove_first(h);
}

/* Behind its first box an agent may go on starting, and open a trust dialog that what is typed
 * would answer. */
static int message_is_calm(struct holder *h)
{
    if (h->calm >= MESSAGE_SLEEPS || h->loop.now - h->calm_at < MESSAGE_LOOK_MS)
        return h->calm >= MESSAGE_SLEEPS;
    h->calm_at = h->loop.now;
    h->calm_since = h->calm_since ? h->calm_since : h->loop.now;
    h->calm = message_is_asleep(h) ? h->calm + 1 : 0;
    if (h->loop.now - h->calm_since >= MESSAGE_CALM_MS)
        h->calm = MESSAGE_SLEEPS;
    return h->calm >= MESSAGE_SLEEPS;
}

/* A starting agent would lose it; one without its box has a moment to draw it. */
static int message_must_wait(struct holder *h, const struct message *m)
{
    const struct agents_screen *agent = h->reader.agent;
    int knows = agent && (agent->box || agent->foot);
    int quiet_ms = reader_is_line(h) ? MESSAGE_LINES_MS : STATE_START_MS;
    int settled = h->loop.now - h->reader.output_at >= quiet_ms && !reader_is_blank(h);
    if (knows && h->reader.boxed)
        return !message_is_calm(h);
    return knows &&
           (h->reader.ready ? h->loop.now - m->asked_at < MESSAGE_BOX_MS : !settled);
}

/* Types it, unless a dialog has opened meanwhile. */
static void message_start(struct holder *h)
{
    struct message *m = h->messages;
    buf refusal = {0};
    if (!m->force && input_put_refusal(h, &refusal)) {
        if (m->first)
            buf_span(&h->typed, buf_view(&m->text));
        message_answer(m, buf_cstr(&refusal));
        message_remove_first(h);
    } else if (!m->force && message_must_wait(h, m)) {
        if (h->loop.now - m->asked_at >= MESSAGE_FIRST_MS)
            message_remove_first(h);
    } else {
        message_type(h, m);
    }
    buf_free(&refusal);
}

static void message_step_entered(struct holder *h, struct message *m)
{
    const char *result = NULL;
    if (h->reader.agent)
        result = m->enter || m->presses > 1 ? message_judge_agent(h, m)
                 : m->echo < 0              ? "delivered"
                                            : NULL;
    else if (m->echo < 0)
        result = "delivered";
    if (result)
        message_submitted(h, result);
    else if (message_is_given_up(h, m))
        message_give_up(h);
    else
        message_press_again(h, m);
}

/* After a dialog that has opened behind the paste. */
static void message_enter(struct holder *h, struct message *m)
{
    if (m->force || !message_is_blocked(h))
        message_press_enter(h, m);
    else if (h->loop.now - m->pasted_at >= MESSAGE_FIRST_MS)
        message_remove_first(h);
}

static void message_step(void *holder)
{
    struct holder *h = holder;
    for (struct message *m = h->messages; m; m = m->next)
        if (m->client && h->loop.now - m->asked_at >= MESSAGE_RECEIPT_MS) {
            if (m->phase == MESSAGE_ENTERED && !h->reader.agent)
                message_note_input(h, m);
            message_answer(m, "unconfirmed");
        }
    struct message *m = h->messages;
    if (m && m->phase == MESSAGE_ASKED)
        message_start(h);
    else if (m && m->phase == MESSAGE_PASTED && message_is_ready_for_enter(h, m))
        message_enter(h, m);
    else if (m && m->phase == MESSAGE_ENTERED)
        message_step_entered(h, m);
    if (h->messages)
        loop_timer_in(&h->loop, &h->message_timer, MESSAGE_TICK_MS);
}

/* The agent's work, its answer, or output where neither is known, shows that it was submitted. */
static void message_check_argument(struct holder *h)
{
    int waits = h->first == MESSAGE_FIRST_PENDING && !h->typed.n && h->first_argument.n;
    if (!waits || (h->state.phrased && !h->state.works &&
                   !(h->reader.boxed && h->reader.said.n && !message_stands(h) &&
                     reader_count_shown(h, buf_view(&h->first_argument)))))
        return;
    message_note_first(h, MESSAGE_FIRST_DELIVERED);
    buf_clear(&h->last_input);
    status_put_characters(&h->last_input, buf_view(&h->first_argument), MESSAGE_LAST_MAX);
}

static void message_on_output(struct holder *h, size_t n)
{
    struct message *m = h->messages;
    if (!h->state.phrased)
        message_check_argument(h);
    if (!m)
        return;
    if (m->phase == MESSAGE_ENTERED)
        m->echo -= (long long)n;
    if (m->phase == MESSAGE_ENTERED && !h->reader.agent && m->echo < 0)
        message_step(h);
}

static void message_on_prompt(struct holder *h, span text)
{
    h->prompts++;
    h->queued = 0;
    if (text.n) {
        buf_clear(&h->last_input);
        status_put_characters(&h->last_input, text, MESSAGE_LAST_MAX);
    }
    if (h->first == MESSAGE_FIRST_PENDING && !h->typed.n && !h->messages)
        message_note_first(h, MESSAGE_FIRST_DELIVERED);
    message_step(h);
}

/* ---- asking --------------------------------------------------------------------------------- */

static void message_add(struct holder *h, struct holder_client *c, span text,
                        const struct frame_message *how)
{
    struct message *m = base_alloc(sizeof *m), **last = &h->messages;
    size_t count = 0;
    for (; *last; last = &(*last)->next)
        count++;
    if (count >= MESSAGE_QUEUE_MAX) {
        message_put_receipt(c, "unconfirmed");
        free(m);
        return;
    }
    m->client = c;
    m->enter = how->enter;
    m->force = how->force;
    m->first = !c;
    m->asked_at = h->loop.now;
    buf_span(&m->text, text);
    *last = m;
    loop_defer(&h->loop, &h->offer_task);
    if (!count)
        message_step(h);
}

static void message_drop_client(struct holder_client *c)
{
    for (struct message *m = c->holder->messages; m; m = m->next)
        if (m->client == c)
            m->client = NULL;
}

static void message_end_all(struct holder *h)
{
    while (h->messages && h->messages->phase == MESSAGE_ENTERED)
        message_submitted(h, "delivered");
    while (h->messages) {
        message_answer(h->messages, "unconfirmed");
        message_remove_first(h);
    }
    message_note_first(h, MESSAGE_FIRST_FAILED);
}

/* ---- the first prompt ----------------------------------------------------------------------- */

/* The program reads keys or pastes, and its screen is complete; an agent's input box is there. */
static int message_is_ready(struct holder *h)
{
    struct termios modes = {.c_lflag = ICANON};
    long long quiet = h->loop.now - h->reader.output_at;
    tcgetattr(h->slave, &modes);
    if (!(modes.c_lflag & ICANON) || (vt_modes(h->vt) & VT_BRACKETED_PASTE)) {
        if (h->reader.agent && (h->reader.agent->box || h->reader.agent->foot))
            return reader_has_box(h) ? message_is_calm(h) && quiet >= MESSAGE_STILL_MS
                                     : quiet >= STATE_START_MS && !reader_is_blank(h);
        return quiet >= MESSAGE_READY_MS &&
               ((!h->first_strict && !h->reader.agent) || !reader_is_blank(h));
    }
    return !h->reader.agent && quiet >= MESSAGE_READY_MS &&
           (!h->first_strict || !reader_is_blank(h)) &&
           (quiet >= MESSAGE_POLL_MS || life_reads(h->pid));
}

/* Its time is over, and the program is not busy with its start any more. */
static int message_is_late(struct holder *h)
{
    if (h->loop.now < h->first_until)
        return 0;
    if (h->first_busy >= MESSAGE_BUSY_MAX || life_is_asleep(h->pid))
        return 1;
    h->first_busy++;
    h->first_until = h->loop.now + MESSAGE_BUSY_MS;
    return 0;
}

/* An open trust dialog stops the time. */
static void message_on_first_timer(void *holder)
{
    static const struct frame_message how = {.enter = 1};
    struct holder *h = holder;
    long long now = h->loop.now;
    if (h->first != MESSAGE_FIRST_PENDING || h->exited)
        return;
    if (h->reader.kind == QUESTION_CHOICE || status_waits_for(h) == QUESTION_CHOICE) {
        h->first_until += now - h->first_looked_at;
    } else if (h->typed.n && !(h->state.phrased && h->state.works) && message_is_ready(h)) {
        buf first = h->typed;
        h->typed = (buf){0};
        message_add(h, NULL, buf_view(&first), &how);
        buf_free(&first);
    }
    if (h->state.phrased)
        message_check_argument(h);
    h->first_looked_at = now;
    if ((h->typed.n || h->first_argument.n) && message_is_late(h)) {
        buf_clear(&h->typed);
        message_note_first(h, MESSAGE_FIRST_FAILED);
    }
    if (h->first == MESSAGE_FIRST_PENDING)
        loop_timer_set(&h->loop, &h->type_timer, now + 5 * MESSAGE_TICK_MS);
}

static void message_start_first(struct holder *h)
{
    if (h->first != MESSAGE_FIRST_PENDING)
        return;
    h->first_looked_at = h->loop.now;
    h->first_until = h->loop.now + MESSAGE_FIRST_MS;
    h->reader.output_at = h->loop.now;
    status_changed(h);
    message_on_first_timer(h);
}
