#include "private.h"

/* ---- status --------------------------------------------------------------------------------- */

/* The first `most` characters of text, as valid UTF-8. */
static void state_put_characters(buf *b, span text, int most)
{
    while (text.n && most-- > 0) {
        uint32_t cp;
        size_t n = utf8_next(text, &cp);
        n = n ? n : text.n;
        utf8_put_clean(b, (span){text.p, n});
        text = span_sub(text, n);
    }
}

static void state_put_text(buf *b, const char *key, const buf *text)
{
    json_key(b, key);
    if (text->n)
        json_put_string(b, buf_view(text));
    else
        json_put_raw(b, span_of("null"));
}

static void state_put_status(const struct holder *h, buf *b)
{
    json_open(b, '{');
    json_field_string(b, "state", holder_states[h->state]);
    json_field_string(b, "state_source", holder_sources[h->source]);
    json_field_time(b, "state_since", h->since);
    state_put_text(b, "state_text", &h->asked);
    json_field_bool(b, "unseen", h->unseen);
    if (h->stopped)
        json_field_bool(b, "hidden", 1);
    json_field_time(b, "last_activity", h->activity);
    state_put_text(b, "last_input", &h->last_input);
    state_put_text(b, "last_output", &h->last_output);
    if (h->native_id.n)
        state_put_text(b, "native_session_id", &h->native_id);
    json_field_int(b, "cols", vt_cols(h->vt));
    json_field_int(b, "rows", vt_rows(h->vt));
    if (h->state == STATE_EXITED && WIFSIGNALED(h->wait_status)) {
        json_field_int(b, "exit_code", 128 + WTERMSIG(h->wait_status)); /* as a shell tells it */
        json_field_int(b, "exit_signal", WTERMSIG(h->wait_status));
    } else if (h->state == STATE_EXITED) {
        json_field_int(b, "exit_code", WEXITSTATUS(h->wait_status));
    } else {
        json_field_null(b, "exit_code");
    }
    json_close(b, '}');
}

static void state_renew_last_output(struct holder *h)
{
    buf line = {0};
    vt_put_last_line(h->vt, &line, HOLDER_LINE_MAX);
    if (line.n) { /* a cleared screen does not unsay what was said */
        buf_clear(&h->last_output);
        buf_span(&h->last_output, buf_view(&line));
    }
    buf_free(&line);
}

static void state_send_status(void *ctx)
{
    struct holder *h = ctx;
    buf json = {0};
    h->dirty = 0;
    h->status_at = h->loop.now;
    state_renew_last_output(h);
    state_put_status(h, &json);
    blob *frame = frame_put(FRAME_STATUS, buf_view(&json));
    for (struct holder_client *c = h->clients; c; c = c->next)
        if (c->watching)
            conn_send_blob(&c->conn, frame, 0, frame->n, 1);
    blob_drop(frame);
    buf_free(&json);
}

/* Something that a status frame tells has changed. While a key's echo may be on its way to the
 * user's screen, it waits: the daemon and all who watch would be woken at the same time. */
static void state_changed(struct holder *h)
{
    int echoing = h->typists || h->loop.now - h->typed_at < HOLDER_ECHO_MS;
    long long soon = h->loop.now + (echoing ? HOLDER_ECHO_MS : 0);
    long long due = h->status_at + STATE_STATUS_MS;
    if (h->dirty)
        return;
    h->dirty = 1;
    loop_timer_set(&h->loop, &h->status_timer, due > soon ? due : soon);
}

static int state_is_viewed(const struct holder *h)
{
    for (const struct holder_client *c = h->clients; c; c = c->next)
        if (c->viewing)
            return 1;
    return 0;
}

static void state_enter(struct holder *h, enum holder_state state, enum holder_source source)
{
    if (state == STATE_WAITING)
        h->waiting_at = h->loop.now;
    if (h->state == state && h->source == source)
        return;
    if (h->state != state) {
        h->since = clock_wall_ms();
        buf_clear(&h->asked);
        if (state == STATE_WAITING || state == STATE_EXITED ||
            (state == STATE_IDLE && h->state == STATE_WORKING))
            h->unseen = !state_is_viewed(h);
    }
    h->state = state;
    h->source = source;
    state_changed(h);
}

/* What it asks for, at most HOLDER_LINE_MAX characters. */
static void state_set_asked(struct holder *h, span text)
{
    buf_clear(&h->asked);
    state_put_characters(&h->asked, text, HOLDER_LINE_MAX);
}

/* Does a line ask for an answer? "Proceed?", "Overwrite [y/N] ", "Password:". */
static int state_is_question(span line)
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
static void state_on_silence(void *ctx)
{
    struct holder *h = ctx;
    long long due = h->output_at + (h->hooked ? STATE_SILENT_MS : STATE_IDLE_MS);
    if (h->state != STATE_WORKING)
        return;
    if (h->loop.now < due) {
        loop_timer_set(&h->loop, &h->state_timer, due);
        return;
    }
    state_renew_last_output(h);
    if (!state_is_question(buf_view(&h->last_output))) {
        state_enter(h, STATE_IDLE, STATE_BY_OUTPUT);
        return;
    }
    state_enter(h, STATE_WAITING, STATE_BY_OUTPUT);
    state_set_asked(h, buf_view(&h->last_output));
}

static void state_work(struct holder *h, enum holder_source source)
{
    state_enter(h, STATE_WORKING, source);
    if (!h->state_timer.slot)
        loop_timer_set(&h->loop, &h->state_timer, h->loop.now + STATE_IDLE_MS);
}

static void state_set_seen(struct holder *h)
{
    if (!h->unseen)
        return;
    h->unseen = 0;
    state_changed(h);
}

/* What output says about the state: see the table in the README's section on states. */
static void state_judge_output(struct holder *h, unsigned signals)
{
    if (signals & (VT_BELL | VT_NOTIFIED)) {
        h->bell_at = h->loop.now;
        if (!h->hooked)
            state_enter(h, STATE_WAITING, STATE_BY_BELL);
        if (!h->hooked && signals & VT_NOTIFIED)
            state_set_asked(h, vt_notification(h->vt));
        return;
    }
    if (h->state == STATE_WAITING && h->loop.now - h->bell_at < STATE_BELL_MS)
        return;
    if (!h->hooked || h->state == STATE_STARTING)
        state_work(h, STATE_BY_OUTPUT);
}

