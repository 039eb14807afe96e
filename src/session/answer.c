#include "private.h"

/* answer - choosing in the dialog on the screen: by an option's number; then, where that only marks
 * it, Enter; where it does nothing, cursor keys and Enter. Another text goes into the option that
 * takes one. After each key the screen decides: nothing is typed into a dialog that has changed. */

#ifndef ANSWER_STEP_MS
#define ANSWER_STEP_MS 250
#endif
#ifndef ANSWER_DEAF_MS
#define ANSWER_DEAF_MS 1000  /* without output: the key does nothing */
#endif
#ifndef ANSWER_AWAIT_MS
#define ANSWER_AWAIT_MS 2000 /* from a hook's question to its dialog */
#endif
#ifndef ANSWER_LATE_MS
#define ANSWER_LATE_MS 2800
#endif

/* ---- which option --------------------------------------------------------------------------- */

static int answer_begins(span label, const char *words)
{
    for (span rest = span_of(words); rest.n;)
        if (span_starts_nocase(label, span_cut(&rest, '|')))
            return 1;
    return 0;
}

static int answer_find(const struct question *q, const char *words)
{
    for (int i = 0; i < q->option_count; i++)
        if (answer_begins(q->options[i], words))
            return i;
    return -1;
}

static int answer_option(const struct question *q, const char *text)
{
    long long number;
    if (span_int(span_of(text), &number))
        return number >= 1 && number <= q->option_count ? (int)number - 1 : -1;
    if (strcmp(text, "yes") == 0)
        return answer_find(q, "yes|allow|approve|accept|proceed|trust|continue|confirm|ok");
    if (strcmp(text, "no") == 0)
        return answer_find(q, "no|reject|deny|don't|cancel|exit|back|quit");
    return strchr(text, '|') || !*text ? -1 : answer_find(q, text);
}

static int answer_text_option(const struct question *q)
{
    return answer_find(
        q, "type |other|none of the above|enter |no, and |no, suggest|no, tell|tell ");
}

/* ---- keys ----------------------------------------------------------------------------------- */

static void answer_type(struct holder *h, const char *bytes)
{
    struct state_input in = {.event = STATE_ON_TYPED, .at = h->loop.now};
    input_type(h, span_of(bytes));
    status_apply(h, in, (span){0});
}

static void answer_move(struct holder *h, const struct question *q, int option)
{
    int application = (vt_modes(h->vt) & VT_APP_CURSOR) != 0, by = option - q->selected;
    span forward = span_of(q->buttons ? "key_right" : "key_down"),
         back = span_of(q->buttons ? "key_left" : "key_up");
    buf bytes = {0};
    for (int i = 0; i < (by < 0 ? -by : by); i++)
        frame_put_key_bytes(&bytes, by < 0 ? back : forward, application);
    if (bytes.n)
        answer_type(h, buf_cstr(&bytes));
    buf_free(&bytes);
}

static void answer_finish(struct holder *h, const char *result)
{
    struct answer *a = h->answer;
    if (!h->exited)
        reader_read(h, 1); /* before its receipt */
    if (a->client)
        message_put_receipt(a->client, result);
    h->answer = NULL;
    loop_timer_cancel(&h->loop, &h->answer_timer);
    buf_free(&a->asks);
    buf_free(&a->text);
    free(a);
}

static void answer_type_text(struct holder *h, const struct answer *a)
{
    buf bytes = {0};
    for (size_t i = 0; i < a->text.n; i++)
        buf_byte(&bytes, (unsigned char)a->text.p[i] < 0x20 ? ' ' : a->text.p[i]);
    answer_type(h, buf_cstr(&bytes));
    buf_free(&bytes);
}

static void answer_go_on(struct holder *h, const struct question *q)
{
    struct answer *a = h->answer;
    char digit[2] = {(char)('1' + a->option), '\0'};
    int marked = q->option_count && q->selected == a->option;
    a->stepped = h->loop.now;
    if (a->next == ANSWER_NUMBER && !q->buttons && !q->listed && !marked) {
        a->next = ANSWER_MOVE;
        answer_type(h, digit);
    } else if (a->next <= ANSWER_MOVE && q->option_count && !marked) {
        a->next = ANSWER_TEXT;
        answer_move(h, q, a->option);
    } else if (a->next <= ANSWER_TEXT && a->text.n) {
        a->next = ANSWER_ENTER;
        answer_type_text(h, a);
    } else if (a->next <= ANSWER_ENTER && (a->text.n || q->buttons || marked)) {
        a->next = ANSWER_DONE;
        answer_type(h, "\r");
    }
}

/* A slow program must not get a second key that its next dialog reads. */
static int answer_is_consumed(const struct holder *h)
{
    long long since = h->loop.now - h->answer->stepped;
    int wrote = h->reader.output_at > h->answer->stepped;
    return since >= (wrote ? ANSWER_STEP_MS : ANSWER_DEAF_MS);
}

/* Above a next dialog that asks the same, more than a timer has changed. */
static int answer_is_same(const struct holder *h, const struct question *q, span asks)
{
    struct answer *a = h->answer;
    return q->kind == QUESTION_CHOICE && span_eq(asks, buf_cstr(&a->asks)) &&
           reader_changed_rows(h, &a->mark, a->first) < 2;
}

static void answer_check(struct holder *h, const struct reader_screen *seen,
                         const struct question *q)
{
    struct answer *a = h->answer;
    buf asks = {0};
    question_put_text(&seen->screen, q, &asks);
    int same = answer_is_same(h, q, buf_view(&asks));
    int types = a->text.n && a->next > ANSWER_NUMBER && a->next < ANSWER_DONE;
    if (!same && !types)
        answer_finish(h, "answered");
    else if (h->loop.now - a->began >= ANSWER_LATE_MS)
        answer_finish(h, "unconfirmed");
    else if (a->option >= 0 && answer_is_consumed(h))
        answer_go_on(h, q);
    buf_free(&asks);
}

/* ---- asking --------------------------------------------------------------------------------- */

/* Returns the keys of an answer to a question without options, or NULL. */
static const char *answer_keys(const struct question *q, const char *text)
{
    int yes_no = strcmp(q->rule, "y/n") == 0;
    if (strcmp(text, "yes") == 0)
        return yes_no ? "y" : "\r";
    if (strcmp(text, "no") == 0)
        return yes_no ? "n" : "\033";
    return NULL;
}

static void answer_begin(struct holder_client *c, const struct reader_screen *seen,
                         const struct question *q, const char *text)
{
    struct holder *h = c->holder;
    int option = answer_option(q, text), refusing = option < 0 && strcmp(text, "no") == 0;
    const char *keys = q->option_count && !refusing ? NULL : answer_keys(q, text);
    int own = option < 0 && !keys && *text ? answer_text_option(q) : -1;
    if (option >= 0 && question_has(q->options[option], "(esc")) {
        keys = "\033";
        option = -1;
    }
    if (option < 0 && own < 0 && !keys) {
        message_put_receipt(c, q->option_count ? "no choice: the dialog has no such option"
                                               : "no choice: its options can't be read; use keys");
        return;
    }
    struct answer *a = h->answer = base_alloc(sizeof *a);
    a->client = c;
    a->option = own >= 0 ? own : option;
    if (own >= 0)
        buf_str(&a->text, text);
    a->began = a->stepped = h->loop.now;
    a->first = q->first;
    reader_mark(h, &a->mark);
    question_put_text(&seen->screen, q, &a->asks);
    if (a->option >= 0)
        answer_go_on(h, q);
    else
        answer_type(h, keys);
    loop_timer_in(&h->loop, &h->answer_timer, ANSWER_STEP_MS / 5);
}

/* Keys typed before the dialog is drawn would be a message. */
static void answer_await(struct holder *h, const struct reader_screen *seen,
                         const struct question *q)
{
    struct holder_client *c = h->answer->client;
    char *text = span_dup(buf_view(&h->answer->text));
    if (q->kind == QUESTION_CHOICE) {
        h->answer->client = NULL;
        answer_finish(h, "");
        if (c)
            answer_begin(c, seen, q, text);
    } else if (h->state.kind != STATE_WAITING) {
        answer_finish(h, "no choice: it asks nothing");
    } else if (h->loop.now - h->answer->began >= ANSWER_AWAIT_MS) {
        answer_finish(h, "no choice: its dialog is not on the screen; use keys");
    }
    free(text);
}

static void answer_step(void *holder)
{
    struct holder *h = holder;
    struct reader_screen seen;
    struct question q;
    if (!h->answer)
        return;
    reader_scan(h, &seen, &q);
    if (h->answer->awaits)
        answer_await(h, &seen, &q);
    else
        answer_check(h, &seen, &q);
    reader_drop(&seen);
    if (h->answer)
        loop_timer_in(&h->loop, &h->answer_timer, ANSWER_STEP_MS / 5);
    reader_expect(h, h->loop.now + ANSWER_STEP_MS / 5);
}

static void answer_begin_awaiting(struct holder_client *c, const char *text)
{
    struct holder *h = c->holder;
    struct answer *a = h->answer = base_alloc(sizeof *a);
    a->client = c;
    a->awaits = 1;
    a->began = h->loop.now;
    buf_str(&a->text, text);
    loop_timer_in(&h->loop, &h->answer_timer, ANSWER_STEP_MS / 5);
}

/* Returns "y" or "yes", as the question itself says. */
static const char *answer_to_line(const struct question *q, const struct reader_screen *seen,
                                  const char *text)
{
    int shorter = q->row >= 0 && question_has(seen->screen.rows[q->row], "y/n|(y)|[y,n");
    if (shorter && (strcmp(text, "yes") == 0 || strcmp(text, "no") == 0))
        return text[0] == 'y' ? "y" : "n";
    return text;
}

static void answer_ask(struct holder_client *c, const char *text)
{
    static const struct frame_message how = {.enter = 1, .force = 1};
    struct holder *h = c->holder;
    struct reader_screen seen;
    struct question q;
    reader_read(h, 1); /* an answer to nothing would be a message */
    reader_scan(h, &seen, &q);
    if (h->answer || (q.kind == QUESTION_NONE && h->state.kind != STATE_WAITING))
        message_put_receipt(c, h->answer ? "no choice: another answer is on its way"
                                         : "no choice: it asks nothing");
    else if (q.kind == QUESTION_CHOICE)
        answer_begin(c, &seen, &q, text);
    else if (status_waits_for(h) == QUESTION_CHOICE)
        answer_begin_awaiting(c, text);
    else
        message_add(h, c, span_of(answer_to_line(&q, &seen, text)), &how);
    reader_drop(&seen);
}

static void answer_drop_client(struct holder_client *c)
{
    if (c->holder->answer && c->holder->answer->client == c)
        c->holder->answer->client = NULL;
}

static void answer_end(struct holder *h)
{
    if (h->answer)
        answer_finish(h, "answered"); /* an exit is one, too */
}
