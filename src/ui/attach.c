#include "ui.h"

/* attach - the preview of the selected session, and attaching to a session.
 *
 * The preview shows a session after the selection has rested on it. While attached, the session's
 * screen fills the terminal, and the program gets every key but the prefix. */

#define ATTACH_PAN_ROWS 5
#define ATTACH_PAN_COLS 20
#ifndef ATTACH_PREVIEW_MS
#define ATTACH_PREVIEW_MS 60 /* the selection rests so long before its screen is fetched */
#endif
#ifndef ATTACH_REOPEN_MAX_MS
/* A view that keeps being lost opens after ATTACH_PREVIEW_MS, then after twice that, up to this. */
#define ATTACH_REOPEN_MAX_MS 30000
#endif
#ifndef ATTACH_STUCK_MS
#define ATTACH_STUCK_MS 10000 /* without a byte read: a program does not read a paste */
#endif
#define ATTACH_ESCAPES_MS 300 /* two Esc within this time are prefix2 */
#define ATTACH_PREVIEW_CHARS 20000 /* of an exited session's transcript */

/* ---- the view ------------------------------------------------------------------------------- */

static void attach_release_terminal(void *ctx)
{
    struct app *t = ctx;
    if (!t->held)
        return;
    t->held = 0;
    loop_timer_cancel(&t->loop, &t->stuck_timer);
    conn_pause(&t->terminal, 0);
    loop_defer(&t->loop, &t->input_task);
}

static void attach_hold_terminal(struct app *t)
{
    t->held = view_pending(t->view);
    conn_pause(&t->terminal, 1);
    loop_timer_in(&t->loop, &t->stuck_timer, ATTACH_STUCK_MS);
}

/* A program that does not read would make the UI deaf: the rest of the paste is dropped. */
static void attach_on_stuck(void *ctx)
{
    struct app *t = ctx;
    if (t->view && view_pending(t->view) < t->held) {
        attach_hold_terminal(t);
        return;
    }
    t->paste_cut = 1;
    base_fmt(t->notice, sizeof t->notice, "paste cut: the program does not read");
    attach_release_terminal(t);
    app_changed(t);
}

static void attach_close_view(struct app *t)
{
    attach_release_terminal(t);
    view_close(t->view);
    t->view = NULL;
    loop_timer_cancel(&t->loop, &t->preview_timer);
}

static void attach_on_view_changed(void *ctx)
{
    struct app *t = ctx;
    t->reopen_ms = ATTACH_PREVIEW_MS;
    t->grown = 1;
    app_changed(t);
}

/* Opens the lost view again later: preview_timer. */
static void attach_reopen_later(struct app *t)
{
    if (t->preview_timer.slot)
        return;
    t->reopen_ms = widget_max(t->reopen_ms, ATTACH_PREVIEW_MS);
    loop_timer_in(&t->loop, &t->preview_timer, t->reopen_ms);
    t->reopen_ms = widget_min(t->reopen_ms * 2, ATTACH_REOPEN_MAX_MS);
}

static void attach_put_modes_back(struct app *t)
{
    buf modes = {0};
    view_put_modes_back(t->view, &modes);
    conn_send(&t->terminal, buf_view(&modes));
    buf_free(&modes);
}

static void attach_end(struct app *t, const char *why)
{
    if (why) {
        app_say(t, 1, why);
        app_pause_keys(t);
    }
    attach_put_modes_back(t);
    t->attach_failed = !t->view->vt;
    attach_close_view(t);
    t->grid.known = 0;
    if (t->attach_only)
        t->quit = 1;
    app_set_mode(t, t->shown);
}

/* When the UI ends, too, its caller, a shell, would read the keys that the user still types: the
 * last screen stays until he pauses. */
static void attach_end_unasked(struct app *t)
{
    char why[sizeof t->view->reason];
    base_copy(why, sizeof why, t->view->reason);
    if (t->mode == APP_READING)
        return; /* reading_close calls this again */
    if (t->attach_only) {
        app_set_mode(t, APP_ATTACHED);
        app_pause_keys(t);
    } else {
        attach_end(t, why);
    }
}

static void attach_on_pause_over(void *ctx)
{
    struct app *t = ctx;
    char why[sizeof t->view->reason];
    if (t->attach_only && t->mode & APP_SCREENS && !view_is_open(t->view) && !t->view->lost) {
        base_copy(why, sizeof why, t->view->reason);
        attach_end(t, why);
    }
    app_changed(t);
}

/* Opens the attached session's lost view again, while the session runs. */
static void attach_reconnect(struct app *t)
{
    if (view_is_open(t->view) || !t->view->lost || t->client.push != CLIENT_LIVE)
        return; /* attach_on_live calls this */
    const struct tree_session *s = tree_session(&t->tree, t->view->id);
    if (s ? tree_is(s, "exited") : t->view->listed) {
        t->view->lost = 0;
        attach_end_unasked(t);
    } else if (view_reopen(t->view, &t->client) != 0) {
        attach_reopen_later(t);
    }
}

static void attach_on_live(struct app *t)
{
    t->reopen_ms = 0;
    loop_timer_cancel(&t->loop, &t->preview_timer);
    if (t->mode & APP_SCREENS)
        attach_reconnect(t);
    else
        app_changed(t); /* attach_follow opens the preview */
}

static void attach_on_view_ended(void *ctx)
{
    struct app *t = ctx;
    attach_release_terminal(t);
    if (t->mode & APP_SCREENS && t->view->lost)
        attach_reopen_later(t);
    else if (t->mode & APP_SCREENS)
        attach_end_unasked(t);
    app_changed(t); /* of a preview the last screen stays until another row is selected */
}

static const struct view_hooks attach_view_hooks = {attach_on_view_changed, attach_on_view_ended,
                                                    attach_release_terminal};

/* ---- scrollback ----------------------------------------------------------------------------- */

static struct view *attach_history(struct app *t, int *never)
{
    const struct tree_session *s = t->mode & APP_SCREENS ? NULL : app_session(t);
    struct view *v = t->view;
    *never = !(t->mode & APP_SCREENS) && (!s || tree_is(s, "exited") || app_is_foreign(t));
    if (*never || (v && v->history && (!s || strcmp(v->id, s->id) == 0)))
        return !*never && v->vt ? v : NULL;
    if (!s || !(v = view_open(&t->client, s->id, s->computer, VIEW_HISTORY, &attach_view_hooks, t)))
        return *never = 1, NULL;
    attach_close_view(t);
    base_copy(t->previewed, sizeof t->previewed, s->id);
    t->view = v;
    return NULL;
}

static void attach_scroll(struct app *t, int lines)
{
    int never;
    if (attach_history(t, &never) || never) {
        if (t->view)
            view_scroll(t->view, lines);
        app_changed(t);
    } else if (t->view) { /* the screen that comes is drawn that far back */
        t->view->back = widget_max(0, t->view->back + lines);
    }
}

static void attach_on_transcript(struct app *t, struct json answer, struct app_request *request)
{
    const struct tree_session *s = app_session(t);
    buf text = {0};
    (void)request;
    if (!s || t->mode & APP_SCREENS || (t->view && strcmp(t->view->id, s->id) != 0) ||
        !json_member_eq(json_get(answer, "data"), "session_id", s->id))
        return;
    json_put_member(&text, answer, "transcript");
    attach_close_view(t);
    t->view = view_of_text(s->id, buf_view(&text), widget_max(t->grid.cols, 80), t->grid.rows);
    buf_free(&text);
    app_changed(t);
}

/* Returns the session that the pager shows, which may be back after its computer was gone, else the
 * selected one, or NULL. */
static const struct tree_session *attach_session(struct app *t)
{
    return t->mode == APP_PAGER && *t->read ? tree_session(&t->tree, t->read) : app_session(t);
}

/* Opens the view of that session, again if it was lost, or fetches an exited session's transcript.
 * While attached, opens a lost view again. */
static void attach_on_preview(void *ctx)
{
    struct app *t = ctx;
    const struct tree_session *s = attach_session(t);
    if (t->mode & APP_SCREENS)
        attach_reconnect(t);
    if (!s || t->mode & APP_SCREENS || (t->view && strcmp(s->id, t->view->id) != 0))
        return;
    if (!tree_is(s, "exited") && !app_is_foreign(t)) { /* TeleClaude's daemon has no screens */
        if (!t->view)
            t->view = view_open(&t->client, s->id, s->computer,
                                strcmp(s->id, t->read) == 0 ? VIEW_HISTORY : VIEW_SCREEN,
                                &attach_view_hooks, t);
        else if (view_reopen(t->view, &t->client) != 0)
            attach_reopen_later(t);
        return;
    }
    buf target = {0};
    client_put_target(&target, s->id, "/transcript", s->computer);
    buf_fmt(&target, "&tail_chars=%d", ATTACH_PREVIEW_CHARS);
    app_request(t, "GET", buf_cstr(&target), (span){0}, 0, attach_on_transcript);
    buf_free(&target);
}

static void attach_follow(struct app *t)
{
    int read = t->mode == APP_PAGER || (t->reading && t->reading == t->keys_typed);
    const struct tree_session *s = t->has_preview || read ? attach_session(t) : NULL;
    if (t->mode & APP_SCREENS)
        return;
    int exited = s && tree_is(s, "exited"), restarted = t->view && !t->view->hooks && s && !exited;
    if (t->view && (!s || strcmp(s->id, t->view->id) != 0 || restarted)) {
        attach_close_view(t);
        t->reopen_ms = 0;
        t->previewed[0] = '\0';
    }
    if (t->view && t->view->hooks && !view_is_open(t->view) && t->client.push == CLIENT_LIVE)
        attach_reopen_later(t);
    if (!s || (!t->view && exited != t->previewed_exited))
        t->previewed[0] = '\0'; /* fetch it again when it is selected again or has started */
    if (!s || t->view || t->client.push == CLIENT_WAITING || strcmp(s->id, t->previewed) == 0)
        return;
    base_copy(t->previewed, sizeof t->previewed, s->id);
    t->previewed_exited = exited;
    loop_timer_in(&t->loop, &t->preview_timer, ATTACH_PREVIEW_MS);
}

/* The view has the holder's socket: whether the holder answers is for the daemon to tell. */
static void attach_ask_daemon(struct app *t)
{
    buf target = {0};
    client_put_target(&target, t->view->id, "", t->config->computer);
    if (t->view->stream && t->view->stream->link)
        app_request(t, "GET", buf_cstr(&target), (span){0}, 0, NULL);
    buf_free(&target);
}

static void attach_begin(struct app *t, const char *id)
{
    attach_close_view(t);
    const struct tree_session *s = tree_session(&t->tree, id);
    t->view = view_open(&t->client, id, s ? s->computer : t->attach_computer,
                        t->read_only ? VIEW_HISTORY : VIEW_CONTROL, &attach_view_hooks, t);
    t->previewed[0] = '\0';
    if (!t->view) {
        app_say(t, 1, "the daemon can't be reached");
        if (t->mode & APP_SCREENS) /* switching from another session: leave attach mode */
            app_pause_keys(t);
        t->quit |= t->attach_only != NULL;
        app_set_mode(t, t->shown);
        return;
    }
    view_set_terminal(t->view, app_wants_mouse(t), t->keyboards);
    view_reset_modes(t->view);
    if (!t->read_only)
        view_resize(t->view, t->grid.cols, t->grid.rows - 1);
    view_set_colours(t->view, &t->colours);
    t->grid.known = 0;
    attach_note(t->config, id);
    attach_ask_daemon(t);
    app_set_mode(t, APP_ATTACHED);
}

static void attach_switch(struct app *t, const struct tree_session *s)
{
    attach_put_modes_back(t);
    attach_begin(t, s->id);
}

/* ---- the sessions attached to last ---------------------------------------------------------- */

#define ATTACH_FILE "attached" /* their ids, the last one first */

static void attach_put_noted(const struct config *c, int line, buf *id)
{
    buf lines = {0};
    store_read(c->state, ATTACH_FILE, &lines);
    span rest = buf_view(&lines), text = {0};
    for (; line >= 0; line--)
        text = span_cut(&rest, '\n');
    buf_span(id, text);
    buf_cstr(id);
    buf_free(&lines);
}

static void attach_note(const struct config *c, const char *id)
{
    buf last = {0}, lines = {0};
    attach_put_noted(c, 0, &last);
    if (!span_eq(buf_view(&last), id)) {
        buf_fmt(&lines, "%s\n%s\n", id, buf_cstr(&last));
        store_write_unsynced(c->state, ATTACH_FILE, buf_view(&lines)); /* else `-` finds none */
    }
    buf_free(&last), buf_free(&lines);
}

static void attach_last(struct app *t)
{
    buf id = {0}, key = {0};
    attach_put_noted(t->config, 1, &id);
    if (!id.n && !(t->mode & APP_SCREENS))
        attach_put_noted(t->config, 0, &id);
    const struct tree_session *s = tree_session(&t->tree, buf_cstr(&id));
    if (t->mode & APP_SCREENS)
        app_set_mode(t, APP_ATTACHED);
    if (s && !tree_is(s, "exited") && !attach_needs_program(t, s)) {
        buf_fmt(&key, "s:%s", s->id);
        app_set(&t->views[0].wanted, buf_cstr(&key));
        if (t->mode & APP_SCREENS)
            attach_switch(t, s);
        else
            t->read_only = 0, attach_begin(t, s->id);
    } else if (t->mode & APP_SCREENS) {
        base_fmt(t->notice, sizeof t->notice, "there is no session before this one");
    } else {
        app_say(t, 0, "no session that runs was attached to before");
    }
    buf_free(&id), buf_free(&key);
}

static void attach_pan(struct app *t, int down, int right)
{
    if (t->view)
        view_pan(t->view, down * ATTACH_PAN_ROWS, right * ATTACH_PAN_COLS);
    if (t->mode == APP_PREFIX)
        t->mode = APP_ATTACHED;
    app_changed(t);
}

static int attach_needs_program(const struct app *t, const struct tree_session *s)
{
    int i = names_find(&t->tree.computers, s->computer); /* 0: this one */
    return s->tmux || (strcmp(t->config->attach, CONFIG_ATTACH_REDIS) != 0 && i > 0 &&
                       !t->tree.computer_notes[i].piped);
}

static void attach_put_controller(const struct app *t, buf *b)
{
    const struct tree_session *s = tree_session(&t->tree, t->view->id);
    if (s && s->controller && strcmp(s->controller, t->config->computer) != 0)
        buf_fmt(b, "%s types  ", s->controller);
}

static void attach_step(struct app *t, int step)
{
    int from = t->views[0].list.at;
    for (int i = 1, count = t->tree.row_count; i < count; i++) {
        int at = ((from + i * step) % count + count) % count;
        const struct tree_session *s = t->tree.rows[at].session;
        if (!s || tree_is(s, "exited") || attach_needs_program(t, s))
            continue;
        app_select(t, at);
        attach_switch(t, s);
        return;
    }
    app_set_mode(t, APP_ATTACHED);
    base_fmt(t->notice, sizeof t->notice, "there is no other session");
}

/* Sends input to the session. Only its echo changes the screen, except that input ends scrolling
 * back. */
static void attach_send_input(struct app *t, span input)
{
    int back = t->view->back;
    if (!t->view->control) {
        base_fmt(t->notice, sizeof t->notice, "read-only: nothing is typed");
        app_changed(t);
        return;
    }
    view_send(t->view, input);
    app_expect_echo(t);
    if (back)
        app_changed(t);
}

/* Returns what Shift-Enter is for the session's agent, or NULL. */
static const char *attach_newline(const struct app *t)
{
    const struct tree_session *s = tree_session(&t->tree, t->view->id);
    buf name = {0};
    if (s)
        tree_put_agent(s, &name);
    const struct agents_row *row = agents_find(buf_cstr(&name));
    buf_free(&name);
    return row ? row->newline : NULL;
}

static void attach_send_key(struct app *t, const struct term_event *ev)
{
    buf b = {0};
    view_put_key(t->view, ev, attach_newline(t), &b);
    attach_send_input(t, buf_view(&b));
    buf_free(&b);
}

static void attach_send_prefix(struct app *t)
{
    struct term_event ev = {.type = TERM_KEY, .mods = TERM_CTRL};
    ev.key = (uint32_t)config_ctrl_letter(t->config->prefix);
    attach_send_key(t, &ev);
    app_set_mode(t, APP_ATTACHED);
}

/* Sends a piece of a paste. While the session does not read it, the terminal is not read either. */
static void attach_send_paste(struct app *t, const struct term_event *ev, int bracketed)
{
    buf b = {0};
    if (ev->first) {
        t->brackets = bracketed;
        t->paste_cut = 0;
        buf_str(&b, bracketed ? "\033[200~" : "");
    }
    if (!t->paste_cut)
        buf_span(&b, ev->text);
    if (ev->last && t->brackets)
        buf_str(&b, "\033[201~");
    t->brackets &= !ev->last;
    if (b.n)
        attach_send_input(t, buf_view(&b));
    buf_free(&b);
    if (view_pending(t->view) > VIEW_FULL && !t->paste_cut)
        attach_hold_terminal(t);
}

/* Sends arrows for the wheel: the program has the alternate screen, but no mouse mode. */
static void attach_send_arrows(struct app *t, int lines)
{
    struct keyboard k = {.application = (vt_modes(t->view->vt) & VT_APP_CURSOR) != 0};
    buf b = {0};
    for (int i = 0; i < lines || i < -lines; i++)
        keyboard_put_key(&b, lines > 0 ? TERM_UP : TERM_DOWN, 0, &k);
    attach_send_input(t, buf_view(&b));
    buf_free(&b);
}

static void attach_select(struct app *t, const struct term_event *ev)
{
    buf text = {0};
    if (view_select(t->view, ev, &text))
        app_changed(t);
    if (text.n)
        app_copy(t, buf_view(&text), t->notice, sizeof t->notice);
    buf_free(&text);
}

static void attach_mouse(struct app *t, const struct term_event *ev)
{
    unsigned modes = t->view->vt && t->view->control ? vt_modes(t->view->vt) : 0;
    int lines = widget_wheel(ev);
    buf b = {0};
    if (modes & (VT_MOUSE_X10 | VT_MOUSE_NORMAL | VT_MOUSE_BUTTON | VT_MOUSE_ANY)) {
        view_put_mouse(t->view, ev, &b);
        if (b.n)
            attach_send_input(t, buf_view(&b));
    } else if (lines && modes & VT_ALT_SCREEN) {
        if (!(modes & VT_NO_ALT_SCROLL))
            attach_send_arrows(t, lines);
    } else if (lines) {
        attach_scroll(t, lines);
    } else {
        attach_select(t, ev);
    }
    buf_free(&b);
}

/* Shift-PgUp and Shift-PgDn; without Shift, too, while scrolled back. Returns lines, or 0. */
static int attach_page(const struct app *t, const struct term_event *ev)
{
    int pages = ev->key == TERM_PGUP ? 1 : ev->key == TERM_PGDN ? -1 : 0;
    if (ev->type != TERM_KEY || (ev->mods != TERM_SHIFT && (ev->mods || !t->view->back)))
        return 0;
    return pages * widget_max(1, t->grid.rows / 2);
}

static int attach_is_prefix(const struct app *t, const struct term_event *ev)
{
    const char *second = t->config->prefix2 ? t->config->prefix2 : "";
    char letters[] = {config_ctrl_letter(t->config->prefix), config_ctrl_letter(second)};
    for (size_t i = 0; i < sizeof letters; i++)
        if (letters[i] && ev->mods == TERM_CTRL && ev->key == (uint32_t)letters[i])
            return 1 + (int)i;
    return 0;
}

/* The second Esc of two: the first one has gone to the program. */
static int attach_is_second_escape(struct app *t, const struct term_event *ev)
{
    if (ev->type != TERM_KEY || !t->config->prefix2 || strcmp(t->config->prefix2, "Esc Esc") != 0)
        return 0;
    int is_escape = ev->key == 0x1b && !ev->mods;
    int second = is_escape && t->loop.now - t->escaped_at < ATTACH_ESCAPES_MS;
    t->escaped_at = is_escape && !second ? t->loop.now : t->loop.now - ATTACH_ESCAPES_MS;
    return second;
}

static int attach_event(struct app *t, const struct term_event *ev)
{
    unsigned modes = t->view->vt ? vt_modes(t->view->vt) : 0;
    int lines = attach_page(t, ev), is_key = ev->type == TERM_KEY || ev->type == TERM_UNKNOWN;
    if (t->notice[0] && (is_key || ev->type == TERM_MOUSE)) {
        t->notice[0] = '\0';
        app_changed(t);
    }
    int prefix = ev->type == TERM_KEY ? attach_is_prefix(t, ev) : 0;
    const struct widget_hit *hit = widget_clicked(&t->ui, ev);
    if (attach_is_second_escape(t, ev))
        prefix = 2;
    if (hit && hit->what == ROWS_DETACH) {
        attach_end(t, NULL);
    } else if (prefix) {
        t->left_by = prefix == 2 ? t->config->prefix2 : t->config->prefix;
        app_set_mode(t, APP_PREFIX);
    } else if (lines)
        attach_scroll(t, lines);
    else if (ev->type == TERM_MOUSE)
        attach_mouse(t, ev);
    else if (ev->type == TERM_PASTE)
        attach_send_paste(t, ev, (modes & VT_BRACKETED_PASTE) != 0);
    else if (is_key && !(ev->released && attach_is_prefix(t, ev)) && !ev->stray)
        attach_send_key(t, ev);
    else if (modes & VT_FOCUS && (ev->type == TERM_FOCUS_IN || ev->type == TERM_FOCUS_OUT))
        attach_send_input(t, ev->text);
    return 1;
}
