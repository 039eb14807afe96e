#include "ui.h"

/* tui - the terminal UI: input, events of the daemon, start and end.
 *
 * Nothing here waits. A key changes the app's state or sends a request, a reply or an event changes
 * the tree and the todos, and each marks the screen as out of date. A frame is drawn at most every
 * 16 ms, and only after the terminal has taken the last one. The sessions are asked for first of
 * all, and the first frame waits 2 ms for them. */

#ifndef TUI_ESCAPE_MS
#define TUI_ESCAPE_MS 30     /* a lone ESC is the Escape key after this */
#endif
#define TUI_ASKS_MS 10000    /* the first answers may take so long */
#ifndef TUI_PASTE_MS
#define TUI_PASTE_MS 1000    /* a paste without an end mark ends after so long without input */
#endif
#ifndef TUI_DOUBLE_MS
#define TUI_DOUBLE_MS 400    /* two clicks on a row within this time open it */
#endif
#define TUI_FIRST_MS 2       /* the first frame waits so long for the sessions */
#define TUI_FRAME_BYTES 4096 /* enough for most frames */
#ifndef TUI_REST_MS
#define TUI_REST_MS 20       /* at the start, other requests wait so long for the sessions */
#endif
#ifndef TUI_AGES_MS
#define TUI_AGES_MS 60000    /* from one drawing of the ages to the next */
#endif

/* ---- input ---------------------------------------------------------------------------------- */

static void tui_run_key(struct app *t, const struct keymap_key *key)
{
    app_settle(t); /* the action needs rows that are up to date */
    key->run(t, key->arg);
}

/* Selects a row by its key, because the rows may have changed since the frame; a second click opens
 * the row. */
static void tui_click_row(struct app *t, const char *key)
{
    int again = t->clicked && strcmp(t->clicked, key) == 0 &&
                t->loop.now - t->clicked_at < TUI_DOUBLE_MS;
    app_set(&t->clicked, key);
    t->clicked_at = again ? 0 : t->loop.now;
    app_set(&app_view(t)->wanted, key);
    app_settle(t);
    if (again)
        keys_open(t, 0);
}

/* A click refers to the last frame. One on a row counts only if the rows are the same since. */
static void tui_click(struct app *t, const struct term_event *ev)
{
    const struct widget_hit *hit = widget_clicked(&t->ui, ev);
    if (!hit)
        return;
    if (hit->what == WIDGET_KEY && t->keys.rows[hit->index].contexts & t->mode) {
        tui_run_key(t, &t->keys.rows[hit->index]);
    } else if (hit->what == ROWS_TAB) {
        app_show(t, hit->index ? APP_TODOS : APP_SESSIONS);
    } else if (hit->what == ROWS_PANE && hit->index < PANES_MAX && t->panes[hit->index]) {
        buf key = {0};
        buf_fmt(&key, "s:%s", t->panes[hit->index]->id);
        tui_click_row(t, buf_cstr(&key));
        buf_free(&key);
    } else if (hit->what == ROWS_WAITING) {
        keys_next_waiting(t, 0);
    } else if (hit->what == ROWS_ROW && t->drawn == t->built && hit->index < app_rows(t)) {
        if (t->mode != APP_FILTER)
            t->mode = t->shown;
        tui_click_row(t, t->shown == APP_TODOS ? t->todos.rows[hit->index].key
                                              : t->tree.rows[hit->index].key);
    }
}

static void tui_mouse_event(struct app *t, const struct term_event *ev)
{
    int lines = widget_wheel(ev);
    const struct widget_hit *hit = lines ? widget_find_hit(&t->ui, ev->row, ev->col) : NULL;
    if (lines && hit && hit->what == ROWS_PREVIEW && t->view)
        attach_scroll(t, lines);
    else if (lines)
        keys_scroll(t, -lines);
    else if (ev->mouse == TERM_PRESS)
        tui_click(t, ev);
}

static int tui_help_event(struct app *t, const struct term_event *ev)
{
    return keymap_help_event(&t->help, ev);
}

static int tui_toasts_event(struct app *t, const struct term_event *ev)
{
    return widget_scroll_event(&t->toasts.list, ev);
}

/* Overlays and the attached session get events before the key table. Returns 1 when consumed. */
static int tui_overlay_event(struct app *t, const struct term_event *ev)
{
    static const struct {
        unsigned modes;
        int (*event)(struct app *t, const struct term_event *ev);
    } overlays[] = {{APP_ATTACHED, attach_event},        {APP_DIALOGS, dialog_event},
                    {APP_PAGERS, reading_event},        {APP_FILTER, keys_filter_event},
                    {APP_JUMP, keys_jump_event},         {APP_HELP, tui_help_event},
                    {APP_TOASTS, tui_toasts_event}};
    int attached = t->mode == APP_ATTACHED; /* its view marks the screen, when the echo comes */
    for (size_t i = 0; i < COUNT_OF(overlays); i++) {
        if (!(overlays[i].modes & t->mode))
            continue;
        int consumed = overlays[i].event(t, ev);
        if (consumed && !attached)
            app_changed(t);
        return consumed;
    }
    return 0;
}

/* Escape just leaves the prefix. */
static void tui_unknown_prefix_key(struct app *t, const struct term_event *ev)
{
    buf key = {0};
    keymap_put_key(&key, ev->key, ev->mods);
    if (ev->key != 0x1b)
        base_fmt(t->notice, sizeof t->notice, "%.20s does nothing after %s", buf_cstr(&key),
                 t->left_by ? t->left_by : t->config->prefix);
    buf_free(&key);
    app_set_mode(t, APP_ATTACHED);
}

static void tui_key_event(struct app *t, const struct term_event *ev)
{
    const struct keymap_key *key = keymap_find_key(t->keys.rows, t->keys.count, t->mode, ev);
    if (t->mode == APP_PREFIX && !key) {
        if (ev->key == (uint32_t)config_ctrl_letter(t->config->prefix))
            attach_send_prefix(t);
        else
            tui_unknown_prefix_key(t, ev);
    } else if (key) {
        tui_run_key(t, key);
    } else if (t->mode & APP_LISTS && ev->key > ' ' && ev->key < 0x7f && !ev->mods) {
        char text[64];
        base_fmt(text, sizeof text, "%c does nothing here; ? lists the keys", (int)ev->key);
        app_say(t, 0, text);
    }
}

/* [ui] utf8: yes, no, or ask: the terminal tells, and until then the locale. */
static const char *tui_utf8(const struct app *t)
{
    return t->config->utf8 ? t->config->utf8 : "ask";
}

/* which: of struct vt_colours. Programs that we start find the ground in COLORFGBG, too. */
static void tui_set_colour(struct app *t, int which, uint32_t colour)
{
    t->colours.value[which] = colour;
    t->colours.known |= 1 << which;
    if (t->mode & APP_SCREENS)
        view_set_colours(t->view, &t->colours);
    if (which != 1)
        return;
    t->ground = theme_ground(colour);
    setenv("COLORFGBG", t->ground == THEME_LIGHT ? "0;15" : "15;0", 1);
    app_set_theme(t, NULL);
}

/* Handles the terminal's focus and its answers to term_queries. */
static void tui_terminal_event(struct app *t, const struct term_event *ev)
{
    if (ev->type == TERM_MODE && ev->mode == 2026)
        t->grid.sync = ev->value == 1 || ev->value == 2;
    if (ev->type == TERM_FOCUS_IN || ev->type == TERM_FOCUS_OUT) {
        t->unfocused = ev->type == TERM_FOCUS_OUT;
        app_changed(t);
    }
    if (ev->type == TERM_ANSWERED) {
        term_expect_answers('c', 0);
        pace_set_round_trip(&t->pace, (int)(t->loop.now - t->asked_at));
    }
    if (ev->type == TERM_STATUS) {
        pace_on_answer(&t->pace, t->loop.now);
        term_expect_answers('n', 0);
        loop_timer_cancel(&t->loop, &t->frame_timer);
        if (t->stale)
            app_changed(t);
    }
    if (ev->type == TERM_POSITION && ev->row == 1) {
        t->grid.narrow = ev->col == 3;
        if (strcmp(tui_utf8(t), "ask") == 0)
            t->grid.ascii = ev->col > 4;
        app_changed(t);
    }
    if (ev->type == TERM_KEYBOARD || (ev->type == TERM_ANSWERED && !t->keyboards)) {
        t->keyboards = ev->type == TERM_KEYBOARD ? TERM_KEYS_KITTY : TERM_KEYS_OTHER;
        if (t->mode & APP_SCREENS)
            view_set_terminal(t->view, app_wants_mouse(t), t->keyboards);
        app_changed(t);
    }
    if (ev->type == TERM_THEME)
        conn_send(&t->terminal, span_of(term_colour_queries()));
    if (ev->type == TERM_COLOUR)
        tui_set_colour(t, ev->mode - 10, ev->colour);
}

static void tui_on_event(struct app *t, const struct term_event *ev)
{
    tui_terminal_event(t, ev);
    t->keys_typed += ev->type == TERM_KEY || ev->type == TERM_PASTE;
    if (app_drops(t, ev))
        return;
    if (ev->type == TERM_KEY && !(t->mode & APP_SCREENS) && t->toasts.unread) {
        widget_toast_read(&t->toasts);
        app_changed(t);
    }
    if (tui_overlay_event(t, ev))
        return;
    if (ev->type == TERM_KEY)
        tui_key_event(t, ev);
    else if (ev->type == TERM_MOUSE && t->mode & (APP_LISTS | APP_FILTER))
        tui_mouse_event(t, ev);
    else if (ev->type == TERM_MOUSE && ev->mouse == TERM_PRESS)
        tui_click(t, ev);
}

/* The bytes of one key may come one by one on a slow line, which a long round trip tells. Until
 * that is known the line may be the slowest: 33 ms a byte at 300 baud. */
static long long tui_escape_ms(const struct app *t)
{
    int asks = t->asked_at && !t->pace.rtt && t->loop.now - t->asked_at < TUI_ASKS_MS;
    long long half = asks ? 8 * TUI_ESCAPE_MS : t->pace.rtt / 2;
    return half < TUI_ESCAPE_MS ? TUI_ESCAPE_MS : half > 1000 ? 1000 : half;
}

static void tui_decode(struct app *t, int flush)
{
    struct term_event ev;
    size_t used = 0;
    while (!t->quit && !t->program_runs && !t->held &&
           (conn_view(&t->terminal).n || (flush && t->input.pasting))) {
        enum parse parsed = term_decode(&t->input, conn_view(&t->terminal), flush, &used, &ev);
        if (parsed == PARSE_DONE)
            tui_on_event(t, &ev);
        conn_consume(&t->terminal, used);
        if (parsed != PARSE_DONE)
            break;
    }
    if (!t->held && t->input.pasting)
        loop_timer_in(&t->loop, &t->escape_timer, TUI_PASTE_MS);
    else if (!t->held && conn_view(&t->terminal).n && !flush)
        loop_timer_in(&t->loop, &t->escape_timer, tui_escape_ms(t));
    else
        loop_timer_cancel(&t->loop, &t->escape_timer);
}

static void tui_on_escape(void *ctx)
{
    tui_decode(ctx, 1);
}

static void tui_on_input(void *ctx)
{
    struct app *t = ctx;
    tui_decode(t, 0);
    if (t->terminal.eof)
        t->quit = 1;
}

static void tui_on_drained(void *ctx)
{
    struct app *t = ctx;
    app_run_now(t);
    if (t->stale)
        app_changed(t);
}

static void tui_on_terminal_closed(void *ctx, const char *why)
{
    (void)why;
    ((struct app *)ctx)->quit = 1;
}

static const struct conn_hooks tui_terminal_hooks = {tui_on_input, tui_on_drained,
                                                     tui_on_terminal_closed};

/* ---- push ----------------------------------------------------------------------------------- */

static void tui_on_push_event(void *ctx, span json)
{
    struct app *t = ctx;
    t->events++;
    if (app_is_foreign(t)) { /* TeleClaude's initial states are incomplete: fetch them */
        struct json message;
        if (json_read(json, &message) &&
            (json_member_eq(message, "event", "sessions_initial") ||
             json_member_eq(message, "event", "preparation_initial"))) {
            app_fetch(t);
            return;
        }
    }
    models_event(&t->tree, &t->todos, json);
    t->fetched = 1;
    attention_follow(t);
    app_changed(t);
}

/* Draws every second while the screen shows a countdown. */
static void tui_on_second(void *ctx)
{
    struct app *t = ctx;
    app_expire_ended(t);
    if (t->client.push == CLIENT_WAITING || app_last_ended(t) >= 0)
        loop_timer_in(&t->loop, &t->second_timer, 1000);
    app_changed(t);
}

/* After an upgrade the old daemon goes on until somebody ends it. */
static void tui_tell_version(struct app *t)
{
    char text[160];
    if (!t->client.ws || !tree_is_older_version(t->client.ws->version))
        return;
    base_fmt(text, sizeof text,
             "the daemon is telec %s, this is " TELEC_VERSION
             ": telec daemon --restart replaces it; sessions continue", t->client.ws->version);
    app_say(t, 0, text);
}

static void tui_on_push_state(void *ctx)
{
    struct app *t = ctx;
    if (t->client.push == CLIENT_LIVE) {
        tui_tell_version(t);
        t->previewed[0] = '\0';
        attach_on_live(t);
    }
    tui_on_second(t);
}

/* Sessions that are not pushed are asked for; the rest only when it never came. */
static void tui_on_fetch(void *ctx)
{
    struct app *t = ctx;
    app_fetch_sessions(t);
    if (!t->tree.agent_count || !t->events)
        app_fetch_rest(t);
}

static const struct client_hooks tui_client_hooks = {tui_on_push_event, tui_on_push_state,
                                                     tui_on_fetch};

static void tui_on_ages(void *ctx)
{
    struct app *t = ctx;
    loop_timer_in(&t->loop, &t->ages_timer, TUI_AGES_MS);
    app_changed(t);
}

/* Sends the other requests of the start after the sessions have come: people wait for those. */
static void tui_connect_rest(void *ctx)
{
    struct app *t = ctx;
    client_subscribe(&t->client);
    app_fetch_rest(t);
}

static void tui_ask(struct app *t)
{
    app_fetch_sessions(t);
    loop_run_tasks(&t->loop); /* the daemon answers while the UI starts */
    loop_timer_in(&t->loop, &t->rest_timer, TUI_REST_MS);
}

/* ---- life ----------------------------------------------------------------------------------- */

static int tui_can_poll(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    return fd >= 0 && poll(&p, 1, 0) >= 0 && !(p.revents & POLLNVAL);
}

/* Opens the terminal anew: O_NONBLOCK on our descriptor must not reach the caller's. macOS can't
 * poll /dev/tty, but the terminal's own name. */
static int tui_open_terminal(void)
{
    const char *name = "/dev/tty";
    for (int i = 0; i < 2 && name; i++, name = ttyname(0)) {
        int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (tui_can_poll(fd))
            return fd;
        if (fd >= 0)
            close(fd);
    }
    return fcntl(0, F_DUPFD_CLOEXEC, 3);
}

static void tui_on_signal(void *ctx, int signo)
{
    struct app *t = ctx;
    if (t->program_runs && !(t->suspended && signo == SIGCONT) &&
        (signo == SIGINT || signo == SIGCONT || signo == SIGWINCH || signo == SIGTSTP))
        return; /* another program has the terminal: the signal is for that */
    if (signo == SIGWINCH) {
        app_resize(t);
    } else if (signo == SIGCONT) {
        app_resume(t);
    } else if (signo == SIGTSTP) {
        app_suspend(t, 0);
    } else {
        t->quit = signo;
    }
}

static void tui_set_timers(struct app *t)
{
    const struct {
        struct loop_timer *timer;
        void (*fn)(void *ctx);
    } timers[] = {{&t->frame_timer, layout_frame},       {&t->escape_timer, tui_on_escape},
                  {&t->ages_timer, tui_on_ages},        {&t->second_timer, tui_on_second},
                  {&t->toast_timer, app_on_toast_over}, {&t->preview_timer, attach_on_preview},
                  {&t->rest_timer, tui_connect_rest},   {&t->save_timer, app_save},
                  {&t->pause_timer, attach_on_pause_over},
                  {&t->stuck_timer, attach_on_stuck},   {&t->call_timer, attention_call}};
    for (size_t i = 0; i < COUNT_OF(timers); i++)
        *timers[i].timer = (struct loop_timer){.fn = timers[i].fn, .ctx = t};
    t->draw_task = (struct loop_task){.fn = layout_frame, .ctx = t};
    t->input_task = (struct loop_task){.fn = tui_on_input, .ctx = t};
}

static int tui_start(struct app *t, buf *error)
{
    static const int signals[] = {SIGWINCH, SIGCONT, SIGTERM, SIGHUP, SIGINT};
    int fd = tui_open_terminal(), rows = 24, cols = 80;
    buf_reserve(&t->frame, TUI_FRAME_BYTES);
    for (size_t i = 0; i < COUNT_OF(signals); i++)
        loop_on_signal(&t->loop, signals[i], tui_on_signal, t);
    struct sigaction stop;
    t->unstoppable = sigaction(SIGTSTP, NULL, &stop) == 0 && stop.sa_handler == SIG_IGN;
    if (!t->unstoppable)
        loop_on_signal(&t->loop, SIGTSTP, tui_on_signal, t);
    if (fd < 0 || term_enter(fd, app_wants_mouse(t), app_wants_title(t), &t->frame) != 0) {
        buf_fmt(error, "cannot use this terminal: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    term_crash_guard();
    t->terminal.hooks = &tui_terminal_hooks;
    t->terminal.ctx = t;
    conn_open(&t->terminal, &t->loop, fd);
    buf_str(&t->frame, strcmp(tui_utf8(t), "no") ? term_width_query() : "");
    buf_str(&t->frame, term_queries());
    if (*term_queries()) {
        term_expect_answers('c', t->loop.now + TERM_ANSWERS_MS);
        pace_start(&t->pace);
    }
    t->asked_at = t->loop.now;
    t->grid.ascii = strcmp(tui_utf8(t), "ask") ? strcmp(tui_utf8(t), "yes") != 0 : !term_is_utf8();
    term_size(fd, &rows, &cols);
    t->grid.links = *term_queries() != '\0';
    grid_resize(&t->grid, rows, cols);
    return 0;
}

static void tui_init(struct app *t)
{
    buf problems = {0};
    char here[PATH_MAX], *directory = getcwd(here, sizeof here);
    changes_init(t);
    t->ui.grid = &t->grid;
    t->ui.theme = &t->theme;
    t->grid.depth = term_depth();
    app_set_theme(t, &problems);
    keys_bind(&t->keys, t->config, &problems);
    outline_init(&t->tree, t->config->computer, directory);
    todos_init(&t->todos, t->config->computer, directory);
    if (!t->attach_only)
        app_load(t);
    app_say_problems(t, &problems);
    buf_free(&problems);
}

/* Says why an attachment has ended, and what can be done next. Returns 1: its program has ended. */
static int tui_put_end(const struct app *t, buf *b)
{
    buf id = {0};
    attach_put_noted(t->config, 0, &id);
    const struct tree_session *s = tree_session(&t->tree, buf_cstr(&id));
    int exited = s && tree_is(s, "exited");
    if (t->toasts.unread && t->toasts.shown)
        buf_fmt(b, exited ? "%s; 'telec tail %.8s' prints its output" : "%s",
                t->toasts.ring[t->toasts.shown - 1].text, id.p);
    else if (t->quit == 1 && !t->attach_failed)
        buf_fmt(b, "detached; 'telec attach %.8s' attaches again", id.p);
    buf_free(&id);
    return exited;
}

static int tui_run(const struct config *config, int may_start, const char *attach,
                   const char *computer, int read_only, buf *error)
{
    struct app *t = base_alloc(sizeof *t);
    t->config = config;
    t->mode = t->shown = APP_SESSIONS;
    t->attach_only = attach;
    t->attach_computer = computer;
    t->read_only = read_only;
    loop_init(&t->loop);
    tui_set_timers(t);
    client_init(&t->client, &t->loop, config, may_start, &tui_client_hooks, t);
    tui_ask(t);
    tui_init(t);
    int failed = tui_start(t, error) != 0, exited = 0;
    if (!failed) {
        t->client.here = t->todos.here;
        t->pager.theme = &t->theme;
        if (attach) /* before the first key is read: it belongs to the session */
            attach_begin(t, attach);
        loop_task_cancel(&t->loop, &t->draw_task); /* the sessions may be there in time for it */
        t->loop.now = clock_mono_ms(); /* a slow host's start takes longer than this */
        loop_timer_in(&t->loop, &t->frame_timer, TUI_FIRST_MS);
        loop_timer_in(&t->loop, &t->ages_timer, TUI_AGES_MS);
        while (!t->quit)
            loop_once(&t->loop);
        exited = attach && tui_put_end(t, error);
        term_leave();
        if (!t->attach_only)
            app_save(t);
        view_discard(t->view);
        for (int i = 0; i < PANES_MAX; i++)
            view_discard(t->panes[i]);
        vcs_cancel(&t->changes.vcs);
        free(t->changes.place);
        dialog_close(t); /* frees what it lists */
    }
    client_free(&t->client);
    failed |= attach && t->attach_failed && !exited;
    int signo = t->quit > 1 && t->quit != SIGINT ? t->quit : 0;
    app_free(t);
    free(t);
    return failed ? 1 : signo ? 128 + signo : 0;
}
