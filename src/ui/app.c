#include "ui.h"

/* app - the UI's state: modes, selection, requests, saved state, and the terminal while another
 * program has it.
 *
 * Nothing here waits: each change marks the screen as out of date, and the loop delivers the
 * replies of requests. The actions of keys are in dialog, attach and keys. */

#ifndef APP_FRAME_MS
#define APP_FRAME_MS 16      /* from one frame to the next */
#endif
#ifndef APP_BURST_MS
#define APP_BURST_MS 32      /* after a pause, so many milliseconds' worth of frames come at once */
#endif
#define APP_ECHOES_MAX 256
#ifndef APP_ECHO_MS
#define APP_ECHO_MS 100      /* a key that changes nothing for so long has no echo */
#endif
#ifndef APP_SAVE_MS
#define APP_SAVE_MS 5000     /* from a change of the saved state to its writing */
#endif
#ifndef APP_PAUSE_MS
#define APP_PAUSE_MS 500     /* without a key: a pause of typing */
#endif
#define APP_STATE_FILE "ui.json"

/* ---- frames and messages -------------------------------------------------------------------- */

/* Allows one frame for the echo of a key typed into a session, so that the echo does not wait for
 * APP_FRAME_MS. */
static void app_expect_echo(struct app *t)
{
    if (t->loop.now >= t->echo_until)
        t->echoes = 0; /* the keys before had no echo */
    if (t->echoes < APP_ECHOES_MAX)
        t->echoes++;
    t->echo_until = t->loop.now + APP_ECHO_MS;
}

static int app_expects_echo(const struct app *t)
{
    return t->echoes > 0 && t->loop.now < t->echo_until;
}

static void app_changed(struct app *t)
{
    t->stale = 1;
    if ((t->frame_timer.slot && !app_expects_echo(t)) || t->terminal.queued || t->program_runs)
        return;
    if (t->loop.now >= t->frame_due || app_expects_echo(t))
        loop_defer(&t->loop, &t->draw_task);
    else
        loop_timer_set(&t->loop, &t->frame_timer, t->frame_due);
}

static void app_count_frame(struct app *t)
{
    long long earliest = t->loop.now - APP_BURST_MS;
    if (app_expects_echo(t))
        t->echoes--;
    else
        t->frame_due = (t->frame_due > earliest ? t->frame_due : earliest) + APP_FRAME_MS;
    t->stale = 0;
}

static void app_say(struct app *t, int alarm, const char *text)
{
    widget_toast_add(&t->toasts, alarm, text, t->loop.now);
    if (t->toasts.until)
        loop_timer_set(&t->loop, &t->toast_timer, t->toasts.until);
    app_changed(t);
}

static void app_on_toast_over(void *ctx)
{
    struct app *t = ctx;
    if (widget_toast_expire(&t->toasts, t->loop.now))
        app_changed(t);
    if (t->toasts.until)
        loop_timer_set(&t->loop, &t->toast_timer, t->toasts.until);
}

static void app_set_mode(struct app *t, enum app_mode mode)
{
    t->mode = mode;
    app_changed(t);
}

static void app_pause_keys(struct app *t)
{
    loop_timer_in(&t->loop, &t->pause_timer, APP_PAUSE_MS);
    app_changed(t);
}

static int app_drops(struct app *t, const struct term_event *ev)
{
    int typed = ev->type == TERM_KEY || ev->type == TERM_PASTE ||
                (ev->type == TERM_MOUSE && ev->mouse == TERM_PRESS);
    if (!t->pause_timer.slot || !typed)
        return 0;
    loop_timer_in(&t->loop, &t->pause_timer, APP_PAUSE_MS);
    return 1;
}

static void app_set_theme(struct app *t, buf *problems)
{
    theme_set(&t->theme, t->config, t->ground, t->grid.depth, problems);
    app_changed(t);
}

static void app_say_problems(struct app *t, const buf *more)
{
    const buf *lists[] = {more, &t->config->problems};
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        for (size_t end = lists[i]->n; end;) { /* from the last line: the first one is shown */
            size_t at = end - 1;
            while (at && lists[i]->p[at - 1] != '\n')
                at--;
            char *text = span_dup(span_trim((span){lists[i]->p + at, end - at}, "\n"));
            app_say(t, 1, text);
            free(text);
            end = at;
        }
}

static void app_set(char **place, const char *value)
{
    char *copy = value ? base_dup(value) : NULL;
    free(*place);
    *place = copy;
}

static int app_is_foreign(const struct app *t)
{
    return t->client.ws && t->client.ws->accepted && t->client.ws->foreign;
}

static int app_wants_title(const struct app *t)
{
    return *term_queries() && (!t->config->title || strcmp(t->config->title, "no") != 0);
}

static int app_wants_mouse(const struct app *t)
{
    return !t->config->mouse || strcmp(t->config->mouse, "no") != 0;
}

/* ---- selection ------------------------------------------------------------------------------ */

static struct app_view *app_view(struct app *t)
{
    return &t->views[t->shown == APP_TODOS];
}

static const struct filter *app_filter(const struct app *t)
{
    return t->shown == APP_TODOS ? &t->todos.filter : &t->tree.filter;
}

static int app_rows(const struct app *t)
{
    return t->shown == APP_TODOS ? t->todos.row_count : t->tree.row_count;
}

static const char *app_key_of(const struct app *t, int at)
{
    return t->shown == APP_TODOS ? t->todos.rows[at].key : t->tree.rows[at].key;
}

static void app_select(struct app *t, int at)
{
    struct app_view *view = app_view(t);
    if (app_rows(t) == 0)
        return;
    view->list.at = widget_max(0, widget_min(at, app_rows(t) - 1));
    if (!view->selected || strcmp(view->selected, app_key_of(t, view->list.at)) != 0) {
        app_set(&view->selected, app_key_of(t, view->list.at));
        app_state_changed(t);
    }
    app_changed(t);
}

static int app_find(const struct app *t, const char *key)
{
    if (!key)
        return -1;
    return t->shown == APP_TODOS ? todos_find(&t->todos, key) : outline_find(&t->tree, key);
}

/* Returns `at` if that row matches the filter, else the first row that does (not a row above a
 * match), else `at`. */
static int app_first_hit(const struct app *t, int at)
{
    if (t->shown == APP_TODOS) {
        int hit = at >= 0 && t->todos.rows[at].todo ? at : 0;
        while (hit < t->todos.row_count && !t->todos.rows[hit].todo)
            hit++;
        return hit < t->todos.row_count ? hit : at;
    }
    if (at >= 0 && t->tree.rows[at].session && t->tree.rows[at].session->hit)
        return at;
    for (int i = 0; i < t->tree.row_count; i++)
        if (t->tree.rows[i].session && t->tree.rows[i].session->hit)
            return i;
    return at;
}

/* Unfolds what hides a session. Returns its row, or -1. */
static int app_unfold(struct app *t, const char *key)
{
    const struct tree_session *s = key[0] == 's' ? tree_session(&t->tree, key + 2) : NULL;
    int folds = t->tree.folds.count, at = s ? outline_show(&t->tree, s) : -1;
    if (folds != t->tree.folds.count) {
        t->built++;
        app_state_changed(t);
    }
    return at;
}

static void app_settle(struct app *t)
{
    struct app_view *view = app_view(t);
    int dirty = t->shown == APP_TODOS ? t->todos.dirty : t->tree.dirty;
    t->built += dirty;
    if (dirty && t->shown == APP_TODOS)
        todos_build(&t->todos);
    else if (dirty)
        outline_build(&t->tree);
    int wanted = app_find(t, view->wanted);
    if (wanted < 0 && view == &t->views[0] && view->wanted)
        wanted = app_unfold(t, view->wanted);
    if (!dirty && wanted < 0)
        return;
    int at = wanted >= 0 ? wanted : app_find(t, view->selected);
    if (wanted >= 0)
        app_set(&view->wanted, NULL);
    if (t->find_hit && app_filter(t)->count)
        at = app_first_hit(t, at);
    t->find_hit = 0;
    app_select(t, at >= 0 ? at : view->list.at);
}

static void app_show(struct app *t, enum app_mode view)
{
    t->shown = view;
    app_state_changed(t);
    app_set_mode(t, view);
}

static struct tree_row *app_row(struct app *t)
{
    if (t->shown != APP_SESSIONS)
        return NULL;
    app_settle(t); /* the rows may be out of date */
    int at = t->views[0].list.at;
    return at >= 0 && at < t->tree.row_count ? &t->tree.rows[at] : NULL;
}

static struct tree_session *app_session(struct app *t)
{
    struct tree_row *row = app_row(t);
    return row ? row->session : NULL;
}

static const struct todos_row *app_todos_row(struct app *t)
{
    if (t->shown != APP_TODOS)
        return NULL;
    app_settle(t);
    int at = t->views[1].list.at;
    return at >= 0 && at < t->todos.row_count ? &t->todos.rows[at] : NULL;
}

/* ---- requests ------------------------------------------------------------------------------- */

static int app_is_open(const struct app_request *request)
{
    const struct app *t = request->app;
    return request->dialog && t->mode == request->dialog && t->opening == request->opening;
}

static void app_pause_if_late(const struct app_request *request)
{
    struct app *t = request->app;
    if (t->loop.now - request->at >= APP_PAUSE_MS || t->keys_typed != request->keys_typed)
        app_pause_keys(t);
}

static void app_refuse(struct app_request *request, const char *what)
{
    struct app *t = request->app;
    if (app_is_open(request) && t->form.busy) {
        t->form.busy = 0;
        buf_clear(&t->form.error);
        buf_str(&t->form.error, what);
        app_changed(t);
    } else if (request->dialog || t->client.push == CLIENT_LIVE) {
        app_say(t, 1, what);
    }
}

static void app_on_reply(void *ctx, int status, span body, const char *error)
{
    struct app_request *request = ctx;
    struct json answer = {0};
    const char *why = error;
    char *detail = NULL;
    if (!error && (status >= 400 || !json_read(body, &answer)))
        why = detail = client_detail(body);
    struct json failed = json_get(answer, "status"); /* TeleClaude reports errors with a 200 */
    if (!why && json_text_eq(failed, "error")) {
        detail = json_dup_member(answer, "message");
        why = detail ? detail : "the daemon gave no reason";
    }
    if (why && request->about)
        app_remove_ended(request->app, app_find_ended(request->app, request->about));
    if (why && !(request->on_error && request->on_error(request->app, why, request)))
        app_refuse(request, why);
    else if (!why && request->on_reply)
        request->on_reply(request->app, answer, request);
    free(detail);
    free(request->about);
    free(request);
}

static struct app_request *app_request(
    struct app *t, const char *method, const char *target, span body, enum app_mode dialog,
    void (*on_reply)(struct app *t, struct json answer, struct app_request *request))
{
    struct app_request *request = base_alloc(sizeof *request);
    *request = (struct app_request){
        .app = t, .on_reply = on_reply, .events = t->events, .dialog = dialog,
        .opening = t->opening, .keys_typed = t->keys_typed, .at = t->loop.now};
    client_request(&t->client, method, target, body, app_on_reply, request);
    return request;
}

/* Selects the first session that waits, unless the user has moved or the selected one waits. If
 * none waits, the selection stays, or without one goes to the session used last. */
static void app_select_first(struct app *t)
{
    const char *key = t->views[0].wanted;
    const struct tree_session *s = key && key[0] == 's' ? tree_session(&t->tree, key + 2) : NULL;
    int keep = s || (key && key[0] != 's');
    if (t->chosen++ || t->keys_typed || (s && tree_is(s, "waiting")))
        return; /* events may have come before the first reply */
    outline_build(&t->tree);
    t->built++;
    int at = outline_next_waiting(&t->tree, -1), last = -1;
    for (int i = 0; i < t->tree.row_count; i++) {
        const struct tree_session *one = t->tree.rows[i].session;
        if (one && !one->ended &&
            (last < 0 || one->activity > t->tree.rows[last].session->activity))
            last = i;
    }
    at = at >= 0 || keep ? at : last;
    if (at >= 0)
        app_set(&t->views[0].wanted, t->tree.rows[at].key);
}

/* Ignores the list if events came after the request: they are newer. */
static void app_on_sessions(struct app *t, struct json answer, struct app_request *request)
{
    if (request->events == t->events || t->client.push == CLIENT_PARTIAL)
        tree_set_sessions(&t->tree, answer);
    app_select_first(t);
    if (!t->fetched++) { /* the first list is drawn at once */
        loop_timer_cancel(&t->loop, &t->frame_timer);
        t->frame_due = 0;
    }
    if (t->rest_timer.slot) /* send the other requests of the start now */
        loop_timer_in(&t->loop, &t->rest_timer, 1);
    app_changed(t);
}

static void app_on_computers(struct app *t, struct json answer, struct app_request *request)
{
    (void)request;
    tree_set_computers(&t->tree, answer);
    todos_set_computers(&t->todos, answer);
    app_changed(t);
}

static void app_on_projects(struct app *t, struct json answer, struct app_request *request)
{
    (void)request;
    tree_set_projects(&t->tree, answer);
    todos_set_projects(&t->todos, answer);
    app_changed(t);
}

static void app_on_agents(struct app *t, struct json answer, struct app_request *request)
{
    (void)request;
    tree_set_agents(&t->tree, answer);
    app_changed(t);
}

/* Says, once, what is bad about the daemon's host; one point at a time. */
static void app_on_status(struct app *t, struct json answer, struct app_request *request)
{
    struct json host = json_get(answer, "host");
    int said = 0;
    (void)request;
    for (struct json_iter it = json_iter(host);
         json_type(host) == JSON_ARRAY && !said && json_next(&it);) {
        char *text = json_dup_text(it.value);
        said = text && hints_say_once(t->config, text);
        if (said)
            app_say(t, 1, text);
        free(text);
    }
}

static void app_on_ended(struct app *t, struct json answer, struct app_request *request)
{
    (void)request;
    tree_add_ended(&t->tree, answer);
    app_changed(t);
}

/* A daemon of an earlier version has none. */
static int app_on_no_ended(struct app *t, const char *why, struct app_request *request)
{
    (void)t, (void)why, (void)request;
    return 1;
}

static void app_fetch_sessions(struct app *t)
{
    app_request(t, "GET", "/sessions", (span){0}, 0, app_on_sessions);
}

static void app_fetch_rest(struct app *t)
{
    app_request(t, "GET", "/computers", (span){0}, 0, app_on_computers);
    if (t->client.push != CLIENT_CONNECTING) /* else they are pushed: the daemon reads them once */
        app_request(t, "GET", "/projects-with-todos", (span){0}, 0, app_on_projects);
    app_request(t, "GET", "/agents/availability", (span){0}, 0, app_on_agents);
    app_request(t, "GET", "/status", (span){0}, 0, app_on_status);
    if (!app_is_foreign(t))
        app_request(t, "GET", "/sessions/ended", (span){0}, 0, app_on_ended)->on_error =
            app_on_no_ended;
}

static void app_fetch(struct app *t)
{
    app_fetch_sessions(t);
    app_fetch_rest(t);
}

/* ---- ended sessions, until their end can't be undone ---------------------------------------- */

static void app_remove_ended(struct app *t, int at)
{
    if (at < 0)
        return;
    struct app_ended *e = &t->ended[at];
    free(e->id), free(e->title), free(e->computer), free(e->after);
    memmove(e, e + 1, (size_t)(--t->ended_count - at) * sizeof *e);
}

static void app_finish_ended(struct app *t, int at)
{
    span rest = span_of(at >= 0 && t->ended[at].after ? t->ended[at].after : "");
    while (rest.n) {
        char *line = span_dup(span_cut(&rest, '\n'));
        app_say(t, 0, line);
        free(line);
    }
    app_remove_ended(t, at);
}

static void app_expire_ended(struct app *t)
{
    for (int i = t->ended_count - 1; i >= 0; i--)
        if (t->ended[i].until && t->ended[i].until <= t->loop.now)
            app_finish_ended(t, i);
}

static void app_add_ended(struct app *t, const char *id, const char *title, const char *computer)
{
    app_expire_ended(t);
    if (t->ended_count == APP_ENDED_MAX)
        app_remove_ended(t, 0);
    t->ended[t->ended_count++] = (struct app_ended){
        base_dup(id), base_dup(title), base_dup(computer), 0, NULL};
}

static int app_find_ended(const struct app *t, const char *id)
{
    int at = t->ended_count - 1;
    while (at >= 0 && strcmp(t->ended[at].id, id) != 0)
        at--;
    return at;
}

static int app_last_ended(const struct app *t)
{
    int at = t->ended_count - 1;
    while (at >= 0 && t->ended[at].until <= t->loop.now)
        at--;
    return at;
}

/* ---- saved state ---------------------------------------------------------------------------- */

static void app_state_changed(struct app *t)
{
    t->unsaved = 1;
    if (!t->save_timer.slot)
        loop_timer_in(&t->loop, &t->save_timer, APP_SAVE_MS);
}

static void app_add_line(struct app *t, struct names *history, const char *line)
{
    if (!*line || strlen(line) > APP_LINE_MAX ||
        (history->count && strcmp(history->list[history->count - 1], line) == 0))
        return;
    if (history->count == APP_HISTORY_MAX)
        names_remove(history, 0);
    names_add(history, base_dup(line));
    app_state_changed(t);
}

static void app_put_state(const struct app *t, buf *b)
{
    json_open(b, '{');
    json_field_string(b, "view", t->shown == APP_TODOS ? "preparation" : "sessions");
    json_field_string(b, "selected", t->views[0].wanted ? t->views[0].wanted
                                                        : t->views[0].selected);
    json_field_string(b, "todo", t->views[1].wanted ? t->views[1].wanted : t->views[1].selected);
    json_field_bool(b, "preview", !t->no_preview);
    json_field_bool(b, "details", t->details);
    json_field_int(b, "panes", t->pane_count);
    tree_put_state(&t->tree, b);
    names_put(&t->todos.folds, "turned", b);
    names_put(&t->prompts, "prompts", b);
    names_put(&t->commands, "commands", b);
    json_close(b, '}');
    buf_byte(b, '\n');
}

static void app_load_lines(struct app *t, struct names *history, struct json array)
{
    for (struct json_iter it = json_iter(array); json_next(&it);) {
        char *line = json_dup_text(it.value);
        app_add_line(t, history, line ? line : "");
        free(line);
    }
}

static void app_load_state(struct app *t, struct json state)
{
    if (json_member_eq(state, "view", "preparation") && !t->attach_only)
        t->mode = t->shown = APP_TODOS;
    t->views[0].wanted = json_dup_member(state, "selected");
    t->views[1].wanted = json_dup_member(state, "todo");
    t->no_preview = json_is(state, "preview", JSON_FALSE);
    t->details = json_is(state, "details", JSON_TRUE);
    long long panes = 0;
    if (json_int(json_get(state, "panes"), &panes) && panes >= 0 && panes <= PANES_MAX)
        t->pane_count = (int)panes;
    tree_load_state(&t->tree, state);
    names_load(&t->todos.folds, json_get(state, "turned"));
    app_load_lines(t, &t->prompts, json_get(state, "prompts"));
    app_load_lines(t, &t->commands, json_get(state, "commands"));
}

static void app_load(struct app *t)
{
    struct json state;
    buf text = {0};
    store_clean(t->config->state, APP_STATE_FILE);
    if (store_read(t->config->state, APP_STATE_FILE, &text) == 0 && text.n <= STORE_RECORD_MAX &&
        json_read(buf_view(&text), &state))
        app_load_state(t, state);
    buf_free(&text);
    t->unsaved = 0;
    loop_timer_cancel(&t->loop, &t->save_timer);
}

/* A failure to write is logged, and the UI goes on: only the saved state is lost. */
static void app_save(void *ctx)
{
    struct app *t = ctx;
    buf text = {0};
    if (!t->unsaved)
        return;
    t->unsaved = 0;
    app_put_state(t, &text);
    if (text.n <= STORE_RECORD_MAX && store_write_unsynced(t->config->state, APP_STATE_FILE,
                                                        buf_view(&text)) != 0)
        log_line(LOG_INFO, "cannot write %s/%s: %s", t->config->state, APP_STATE_FILE,
                 strerror(errno));
    buf_free(&text);
}

/* ---- the clipboard -------------------------------------------------------------------------- */

#define APP_COPY_MAX 74994 /* bytes that every terminal with OSC 52 takes: 100,000 of base64 */
#define APP_COPY_FILE "copied"

static void app_copy(struct app *t, span text, char *what, size_t size)
{
    if (*term_queries() && text.n <= APP_COPY_MAX) {
        buf_str(&t->frame, "\033]52;c;");
        b64_put(&t->frame, text);
        buf_byte(&t->frame, '\a');
        base_fmt(what, size, "%d characters copied", cell_columns(text));
    } else if (store_write_unsynced(t->config->state, APP_COPY_FILE, text) == 0) {
        base_fmt(what, size, "%zu bytes written to %s/%s", text.n, t->config->state,
                 APP_COPY_FILE);
    } else {
        base_fmt(what, size, "%s/%s: %s", t->config->state, APP_COPY_FILE, strerror(errno));
    }
}

/* ---- the terminal, and programs that use it ------------------------------------------------- */

static void app_resize(struct app *t)
{
    int rows, cols;
    if (t->program_runs)
        return;
    if (term_size(t->terminal.io.fd, &rows, &cols) == 0)
        grid_resize(&t->grid, rows, cols);
    if (t->mode & APP_SCREENS)
        view_resize(t->view, t->grid.cols, t->grid.rows - 1);
    app_changed(t);
}

static void app_resume_terminal(struct app *t)
{
    buf_clear(&t->frame);
    buf_clear(&t->title);
    term_enter(t->terminal.io.fd, app_wants_mouse(t), app_wants_title(t), &t->frame);
    if (t->mode & APP_SCREENS)
        view_reset_modes(t->view);
    t->program_runs = t->suspended = 0;
    conn_pause(&t->terminal, t->held > 0);
    t->grid.known = 0;
    app_resize(t);
}

static void app_resume(struct app *t)
{
    pid_t foreground = tcgetpgrp(t->terminal.io.fd);
    if (foreground < 0 || foreground == getpgrp())
        app_resume_terminal(t);
    else
        raise(SIGTTOU); /* resumed in the background: stops again, until SIGCONT */
}

/* Takes the terminal back at once where nothing stops us, without job control, or SIGCONT never
 * comes. */
static void app_suspend(struct app *t, int whole)
{
    struct sigaction stop = {.sa_handler = SIG_DFL}, ours;
    if (t->unstoppable)
        return;
    t->program_runs = t->suspended = 1;
    conn_pause(&t->terminal, 1);
    term_leave();
    sigaction(SIGTSTP, &stop, &ours);
    kill(whole ? 0 : getpid(), SIGTSTP);
    sigaction(SIGTSTP, &ours, NULL);
    app_resume(t);
}

static void app_on_program_exit(void *ctx, int status)
{
    struct app *t = ctx;
    app_resume_terminal(t);
    if (t->program_done)
        t->program_done(t, status, NULL);
}

/* Starts the program on /dev/tty, because our descriptor of the terminal does not block. The
 * program stays in our process group: so it is in the foreground, and Ctrl-Z stops both. Returns 0
 * or an errno. */
static int app_spawn(char *const *argv, pid_t *pid)
{
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (tty < 0)
        return errno;
    *pid = os_start(&(struct os_program){.argv = argv, .fds = {tty, tty, tty}, .in_our_group = 1});
    int error = *pid < 0 ? errno : 0;
    close(tty);
    return error;
}

static void app_run_now(struct app *t)
{
    char **argv = t->program_argv;
    if (!argv || t->terminal.queued || t->terminal.dead)
        return;
    t->program_argv = NULL;
    t->program_runs = 1;
    conn_pause(&t->terminal, 1);
    term_leave();
    t->program = (struct loop_child){.fn = app_on_program_exit, .ctx = t};
    int error = app_spawn(argv, &t->program.pid);
    if (error) {
        buf text = {0};
        buf_fmt(&text, "cannot start %s: %s", argv[0], strerror(error));
        app_resume_terminal(t);
        t->program_done(t, 0, buf_cstr(&text));
        buf_free(&text);
    } else {
        loop_on_exit(&t->loop, &t->program);
    }
    free(argv);
}

static void app_run(struct app *t, char **argv,
                    void (*done)(struct app *t, int status, const char *error))
{
    if (t->program_runs || t->program_argv) {
        free(argv);
        return;
    }
    t->program_argv = argv;
    t->program_done = done;
    app_run_now(t); /* if output is still queued, tui_on_drained calls it again */
}

static void app_free(struct app *t)
{
    char *const strings[] = {t->views[0].selected, t->views[0].wanted, t->views[1].selected,
                             t->views[1].wanted,   t->target,          t->target_computer,
                             t->clicked,           t->asked,           t->draft,
                             t->draft_to,          t->form_title,      t->start_directory,
                             t->start_agent,       t->start_title,     t->start_message};
    for (size_t i = 0; i < COUNT_OF(strings); i++)
        free(strings[i]);
    names_free(&t->prompts);
    names_free(&t->commands);
    names_free(&t->many.ids);
    while (t->ended_count)
        app_remove_ended(t, t->ended_count - 1);
    free(t->many.why);
    config_free(&t->again);
    free(t->program_argv);
    widget_form_free(&t->form);
    keymap_help_free(&t->help);
    widget_toasts_free(&t->toasts);
    keymap_free_keys(&t->keys);
    widget_free(&t->ui);
    field_free(&t->views[0].filter), field_free(&t->views[1].filter);
    pager_free(&t->pager);
    todos_free(&t->todos);
    outline_free(&t->tree);
    grid_free(&t->grid);
    buf_free(&t->frame);
    buf_free(&t->title);
    conn_free(&t->terminal);
    loop_free(&t->loop);
}
