#include "private.h"

/* status - what a holder tells of its session, and when. The state itself is state.c's.
 *
 * A status frame goes out at most every STATUS_MS, the last one always, to a subscriber that does
 * not read once it does. While a key's echo may be
 * on its way to the user's screen, it waits: it would wake the daemon and all clients first. */

#ifndef STATUS_MS
#define STATUS_MS 100    /* between two status frames */
#endif
#ifndef STATUS_ECHO_MS
#define STATUS_ECHO_MS 4 /* from a key to its echo */
#endif
#define STATUS_QUEUE_MAX (64 * 1024) /* bytes queued for a subscriber that does not read */

static void status_put_characters(buf *b, span text, int most)
{
    while (text.n && most-- > 0) {
        uint32_t cp;
        size_t n = utf8_next(text, &cp);
        n = n ? n : text.n;
        utf8_put_clean(b, (span){text.p, n});
        text = span_sub(text, n);
    }
}

static void status_put_text(buf *b, const char *key, const buf *text)
{
    json_key(b, key);
    if (text->n)
        json_put_string(b, buf_view(text));
    else
        json_put_raw(b, span_of("null"));
}

static void status_put_exit(const struct holder *h, buf *b)
{
    if (h->state.kind != STATE_EXITED) {
        json_field_null(b, "exit_code");
    } else if (WIFSIGNALED(h->wait_status)) {
        json_field_int(b, "exit_code", 128 + WTERMSIG(h->wait_status)); /* as a shell has it */
        json_field_int(b, "exit_signal", WTERMSIG(h->wait_status));
    } else {
        json_field_int(b, "exit_code", WEXITSTATUS(h->wait_status));
    }
}

static enum question_kind status_waits_for(const struct holder *h)
{
    if (h->state.kind != STATE_WAITING)
        return QUESTION_NONE;
    if (h->reader.kind != QUESTION_NONE)
        return h->reader.kind;
    return h->state.source == STATE_BY_HOOK ? QUESTION_CHOICE : QUESTION_TEXT;
}

static void status_put_asked(const struct holder *h, buf *b)
{
    buf text = {0};
    buf_span(&text, buf_view(&h->asked));
    if (h->refused.n) {
        buf_str(&text, text.n ? " · " : "");
        utf8_put_clean(&text, buf_view(&h->refused));
    }
    status_put_text(b, "state_text", &text);
    buf_free(&text);
}

static void status_put_question(const struct holder *h, buf *b)
{
    static const char *const kinds[] = {NULL, "text", "choice", "password"};
    enum question_kind kind = status_waits_for(h);
    json_field_string(b, "waits_for", kinds[kind]);
    if (kind == QUESTION_NONE || h->reader.kind == QUESTION_NONE)
        return;
    status_put_text(b, "state_rule", &h->reader.reason);
    if (h->reader.choices.n) {
        json_field_raw(b, "choices", buf_view(&h->reader.choices));
    }
}

/* Appends the program's title without the spinner before it, which would change all the time. */
static void status_put_title(const struct holder *h, buf *b)
{
    span title = vt_title(h->vt);
    uint32_t cp;
    size_t n = title.n ? utf8_next(title, &cp) : 0;
    if (n > 1 && n < title.n && title.p[n] == ' ')
        title = span_sub(title, n + 1);
    title = span_trim(title, " ");
    if (!title.n)
        return;
    json_field_span(b, "program_title", title);
}

static void status_put(const struct holder *h, buf *b)
{
    static const char *const firsts[] = {NULL, "pending", "delivered", "failed"};
    json_open(b, '{');
    json_field_string(b, "state", state_name(h->state.kind));
    json_field_string(b, "state_source", state_source_name(h->state.source));
    json_field_time(b, "state_since", h->since);
    status_put_asked(h, b);
    status_put_question(h, b);
    json_field_bool(b, "unseen", h->state.unseen);
    if (h->stopped && (h->killing || !h->exited))
        json_field_bool(b, "hidden", 1);
    json_field_time(b, "last_activity", h->activity);
    status_put_text(b, "last_input", &h->last_input);
    if (h->first != MESSAGE_FIRST_NONE)
        json_field_string(b, "first_prompt", firsts[h->first]);
    status_put_text(b, "last_output", &h->last_output);
    status_put_title(h, b);
    if (h->native_id.n)
        status_put_text(b, "native_session_id", &h->native_id);
    if (h->controller && h->controller->from)
        json_field_string(b, "controlled_by", h->controller->from);
    json_field_int(b, "cols", vt_cols(h->vt));
    json_field_int(b, "rows", vt_rows(h->vt));
    json_field_string(b, "holder_version", TELEC_VERSION);
    status_put_exit(h, b);
    json_close(b, '}');
}

/* An agent's last output is what its hook told last, else what its screen shows; never the
 * furniture of its input box, its dialogs and its start. */
static void status_renew_last_output(struct holder *h)
{
    const struct reader *r = &h->reader;
    int reads_keys = r->agent && r->agent->said && !r->lines;
    span line = buf_view(&h->said);
    buf_clear(&h->scratch);
    if (!line.n && (r->boxed || (reads_keys && (r->ready || r->kind == QUESTION_CHOICE ||
                                                h->state.kind == STATE_STARTING))))
        line = buf_view(&r->said);
    else if (!line.n) {
        vt_put_last_line(h->vt, &h->scratch, HOLDER_LINE_MAX);
        line = buf_view(&h->scratch);
    }
    if (line.n) {
        buf_clear(&h->last_output);
        buf_span(&h->last_output, line);
    }
}

static void status_send(void *holder)
{
    struct holder *h = holder;
    h->dirty = 0;
    h->status_at = h->loop.now;
    status_renew_last_output(h);
    buf_clear(&h->scratch);
    status_put(h, &h->scratch);
    blob *frame = frame_new(&h->pool, FRAME_STATUS, buf_view(&h->scratch));
    for (struct holder_client *c = h->clients; c; c = c->next) {
        c->status_due = c->subscribed && c->conn.queued > STATUS_QUEUE_MAX &&
                        h->state.kind != STATE_EXITED;
        if (c->subscribed && !c->status_due)
            conn_send_blob(&c->conn, frame, 0, frame->n, 1);
    }
    blob_drop(frame);
}

static void status_changed(struct holder *h)
{
    int echoing = h->direct_count || h->loop.now - h->typed_at < STATUS_ECHO_MS;
    long long soon = h->loop.now + (echoing ? STATUS_ECHO_MS : 0);
    long long due = h->status_at + STATUS_MS;
    if (h->dirty)
        return;
    h->dirty = 1;
    loop_timer_set(&h->loop, &h->status_timer, due > soon ? due : soon);
}

/* ---- the state ------------------------------------------------------------------------------ */

static int status_is_viewed(const struct holder *h)
{
    for (const struct holder_client *c = h->clients; c; c = c->next)
        if (c->viewing)
            return 1;
    return 0;
}

static void status_apply(struct holder *h, struct state_input in, span asked)
{
    enum state_kind kind = h->state.kind;
    enum state_source source = h->state.source;
    in.viewed = status_is_viewed(h);
    if (!state_apply(&h->state, &in, h->loop.now))
        return;
    if (h->state.kind != kind) {
        h->since = clock_wall_ms();
        buf_clear(&h->asked);
        buf_clear(&h->refused);
        if (h->state.kind == STATE_IDLE)
            native_look(h);
    }
    if (h->state.kind == STATE_WAITING && asked.p) {
        buf_clear(&h->asked);
        status_put_characters(&h->asked, asked, HOLDER_LINE_MAX);
    }
    if (h->state.kind == STATE_WORKING && (h->state.kind != kind || !h->silence_timer.slot))
        loop_timer_in(&h->loop, &h->silence_timer, STATE_IDLE_MS);
    if (h->state.kind != kind || h->state.source != source)
        status_changed(h);
}

static void status_set_seen(struct holder *h)
{
    if (!h->state.unseen)
        return;
    h->state.unseen = 0;
    status_changed(h);
}
