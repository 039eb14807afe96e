/* Unit tests of app: selection, frames, requests, saved state. Also the harness of the UI's tests:
 * the UI with a socket as its terminal, an emulator that shows what the user sees, a daemon and a
 * holder that reply as told, all in one loop. */

/* ---- harness -------------------------------------------------------------------------------- */

#define UNIT_APP_CONNS 24
#define UNIT_APP_REPLIES 16

struct unit_app_conn {
    struct unit_app *u;
    struct conn conn;
    int open, ws, holder;
    struct ws codec;
};

struct unit_app {
    struct app *t;
    struct config config;
    char dir[64], socket[96], ui_json[96];
    int terminal;             /* the user's end of it */
    struct vt *screen;
    struct loop_fd daemon, holder;
    char holder_path[160];
    struct unit_app_conn conns[UNIT_APP_CONNS];
    struct {
        const char *request, *reply; /* request: its start, "GET /sessions" */
        int status;
    } replies[UNIT_APP_REPLIES];
    int reply_count;
    size_t shown;             /* bytes that the terminal got */
    int frames;               /* passes in which it got some */
    buf asked;                /* "METHOD target body", one a line */
    buf input;                /* bytes for the session, from WebSocket or holder */
    buf said;                 /* other messages for the session, one a line */
};

static void unit_app_request(struct unit_app_conn *c, span in, const struct http_head *head,
                             size_t used)
{
    struct unit_app *u = c->u;
    buf out = {0};
    span line = in;
    line = span_cut(&line, '\r');
    line.n -= strlen(" HTTP/1.1");
    size_t from = u->asked.n;
    buf_span(&u->asked, line);
    buf_byte(&u->asked, ' ');
    buf_span(&u->asked, span_sub(in, used));
    buf_byte(&u->asked, '\n');
    if (strstr(buf_cstr(&u->asked) + from, "/attach?") || strstr(u->asked.p + from, "GET /ws")) {
        c->ws = ws_put_handshake(&out, head) == 101;
    } else {
        const char *reply = "{}";
        int status = 200;
        for (int i = 0; i < u->reply_count; i++)
            if (strncmp(u->asked.p + from, u->replies[i].request, strlen(u->replies[i].request)) ==
                0) {
                reply = u->replies[i].reply;
                status = u->replies[i].status;
            }
        buf_fmt(&out, "HTTP/1.1 %d x\r\nServer: telec/9\r\nContent-Length: %zu\r\n\r\n%s", status,
                strlen(reply), reply);
    }
    conn_send(&c->conn, buf_view(&out));
    buf_free(&out);
}

static void unit_app_frames(struct unit_app_conn *c)
{
    struct ws_event ev;
    enum frame_type type;
    span payload;
    size_t used = 0;
    while (c->ws && conn_view(&c->conn).n &&
           ws_feed(&c->codec, conn_bytes(&c->conn), conn_view(&c->conn).n, &used, &ev) ==
               PARSE_DONE) {
        buf_span(ev.opcode == WS_BINARY ? &c->u->input : &c->u->said, ev.payload);
        if (ev.opcode == WS_TEXT)
            buf_byte(&c->u->said, '\n');
        conn_consume(&c->conn, used);
    }
    while (c->holder && frame_parse(&c->conn, &type, &payload) == PARSE_DONE) {
        buf *b = type == FRAME_INPUT ? &c->u->input : &c->u->said;
        if (type != FRAME_INPUT)
            buf_byte(b, (char)type);
        buf_span(b, payload);
        if (type != FRAME_INPUT)
            buf_byte(b, '\n');
        conn_consume(&c->conn, FRAME_HEAD + payload.n);
    }
}

static void unit_app_on_data(void *ctx)
{
    struct unit_app_conn *c = ctx;
    struct http_scan scan = {0};
    struct http_head head;
    size_t used = 0;
    span in = conn_view(&c->conn);
    if (!c->ws && !c->holder && http_parse_request(&scan, in, &used, &head) == PARSE_DONE) {
        size_t body = head.content_length > 0 ? (size_t)head.content_length : 0;
        if (in.n < used + body)
            return;
        unit_app_request(c, in, &head, used);
        conn_consume(&c->conn, used + body);
    }
    unit_app_frames(c);
    if (c->conn.eof)
        conn_close(&c->conn, NULL);
}

static void unit_app_on_closed(void *ctx, const char *why)
{
    struct unit_app_conn *c = ctx;
    (void)why;
    c->open = 0;
    ws_free(&c->codec);
    conn_free(&c->conn);
}

static const struct conn_hooks unit_app_conn_hooks = {unit_app_on_data, NULL, unit_app_on_closed};

static void unit_app_accept(struct unit_app *u, int listener, int holder)
{
    int fd = accept(listener, NULL, NULL), i = 0;
    while (i < UNIT_APP_CONNS - 1 && u->conns[i].open)
        i++;
    CHECK(fd >= 0 && !u->conns[i].open);
    u->conns[i] = (struct unit_app_conn){.u = u, .open = 1, .holder = holder};
    u->conns[i].codec.message_max = 1 << 20;
    u->conns[i].conn.hooks = &unit_app_conn_hooks;
    u->conns[i].conn.ctx = &u->conns[i];
    conn_open(&u->conns[i].conn, &u->t->loop, fd);
}

static void unit_app_on_daemon(void *ctx, short revents)
{
    (void)revents;
    unit_app_accept(ctx, ((struct unit_app *)ctx)->daemon.fd, 0);
}

static void unit_app_on_holder(void *ctx, short revents)
{
    (void)revents;
    unit_app_accept(ctx, ((struct unit_app *)ctx)->holder.fd, 1);
}

static void unit_app_listen(struct unit_app *u, struct loop_fd *fd, const char *path,
                            void (*accepted)(void *ctx, short revents))
{
    char error[200];
    *fd = (struct loop_fd){
        .fd = conn_listen(path, error, sizeof error), .on_event = accepted, .ctx = u};
    CHECK(fd->fd >= 0);
    loop_watch(&u->t->loop, fd, POLLIN);
}

/* The connection of the session's view, of either kind. */
static struct unit_app_conn *unit_app_view(struct unit_app *u)
{
    for (int i = 0; i < UNIT_APP_CONNS; i++)
        if (u->conns[i].open && (u->conns[i].ws || u->conns[i].holder))
            return &u->conns[i];
    return NULL;
}

/* A frame of the holder, or the message of the daemon's WebSocket that has the same meaning. */
static void unit_app_frame(struct unit_app *u, enum frame_type type, const char *bytes)
{
    struct unit_app_conn *c = unit_app_view(u);
    buf b = {0};
    CHECK(c != NULL);
    if (c && c->holder) {
        frame_send(&c->conn, type, span_of(bytes));
    } else if (c) {
        ws_put_frame(&b, NULL, type == FRAME_SIZE ? WS_TEXT : WS_BINARY, span_of(bytes));
        conn_send(&c->conn, buf_view(&b));
    }
    buf_free(&b);
}

/* One pass of the loop; what the UI writes goes to the emulator. */
static void unit_app_pass(struct unit_app *u)
{
    struct loop_timer tick = {.fn = unit_loop_nothing};
    char bytes[65536];
    ssize_t n;
    loop_timer_set(&u->t->loop, &tick, clock_mono_ms() + 5);
    loop_once(&u->t->loop);
    loop_timer_cancel(&u->t->loop, &tick);
    size_t before = u->shown;
    while ((n = recv(u->terminal, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        vt_feed(u->screen, (span){bytes, (size_t)n});
        u->shown += (size_t)n;
    }
    u->frames += u->shown > before;
    if (u->t->pace.pending && u->screen->answers.n >= 4 &&
        memcmp(u->screen->answers.p + u->screen->answers.n - 4, "\033[0n", 4) == 0) {
        u->screen->answers.n -= 4;
        CHECK(send(u->terminal, "\033[0n", 4, 0) == 4); /* the frame is shown */
    }
}

#define UNIT_APP_UNTIL(u, cond) \
    do { \
        long long unit_until = clock_mono_ms() + 10000; \
        while (!(cond) && clock_mono_ms() < unit_until) \
            unit_app_pass(u); \
        CHECK(cond); \
    } while (0)

/* Does the user see that text? */
static int unit_app_shows(const struct unit_app *u, const char *text)
{
    buf b = {0};
    vt_put_text(u->screen, &b, 0);
    int shows = strstr(buf_cstr(&b), text) != NULL;
    buf_free(&b);
    return shows;
}

#define UNIT_APP_SEE(u, text) UNIT_APP_UNTIL(u, unit_app_shows(u, text))

static int unit_app_has(const buf *b, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i + n <= b->n; i++)
        if (memcmp(b->p + i, text, n) == 0)
            return 1;
    return 0;
}

/* The user types; returns when the UI has read it. */
static void unit_app_type(struct unit_app *u, const char *keys)
{
    CHECK(send(u->terminal, keys, strlen(keys), 0) == (ssize_t)strlen(keys));
    int queued = 1;
    UNIT_APP_UNTIL(u, ioctl(u->t->terminal.io.fd, FIONREAD, &queued) == 0 && queued == 0 &&
                          !conn_view(&u->t->terminal).n);
}

static void unit_app_reply(struct unit_app *u, const char *request, int status, const char *reply)
{
    CHECK(u->reply_count < UNIT_APP_REPLIES);
    u->replies[u->reply_count].request = request;
    u->replies[u->reply_count].status = status;
    u->replies[u->reply_count++].reply = reply;
}

static void unit_app_event(struct unit_app *u, const char *json)
{
    tui_client_hooks.on_event(u->t, span_of(json));
}

/* Keys count again after a change that no key has made. */
#define UNIT_APP_RESUME(u) UNIT_APP_UNTIL(u, !(u)->t->pause_timer.slot)

/* A session of computer vm in /src. */
static void unit_app_session(struct unit_app *u, const char *id, const char *state,
                             const char *members)
{
    char json[600];
    snprintf(json, sizeof json,
             "{\"event\":\"session_created\",\"data\":{\"session_id\":\"%s\",\"computer\":\"vm\","
             "\"working_directory\":\"/src\",\"title\":\"title %s\",\"state\":\"%s\"%s}}",
             id, id, state, members);
    unit_app_event(u, json);
    app_settle(u->t);
}

static void unit_app_begin(struct unit_app *u, int rows, int cols)
{
    int ends[2];
    memset(u, 0, sizeof *u);
    snprintf(u->dir, sizeof u->dir, "/tmp/telec-app-XXXXXX");
    if (!mkdtemp(u->dir) || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        base_die("%s: %s", u->dir, strerror(errno));
    snprintf(u->socket, sizeof u->socket, "%s/s", u->dir);
    snprintf(u->ui_json, sizeof u->ui_json, "%s/%s", u->dir, APP_STATE_FILE);
    u->config = (struct config){.socket = u->socket, .holders = u->dir, .state = u->dir,
                                .computer = (char *)"vm", .prefix = (char *)"Ctrl-]",
                                .attach = (char *)"redis", .clipboard = (char *)"yes",
                                .notify = (char *)"bell", .mouse = (char *)"yes",
                                .file = (char *)"/etc/telec", .redis_url = (char *)"",
                                .redis_from = (char *)""};
    u->t = base_alloc(sizeof *u->t);
    u->t->config = &u->config;
    u->t->mode = u->t->shown = APP_SESSIONS;
    u->terminal = ends[0];
    u->screen = vt_new(cols, rows);
    loop_init(&u->t->loop);
    tui_set_timers(u->t);
    tui_init(u->t);
    free(u->t->tree.here); /* no row for the tests' own directory */
    free(u->t->todos.here);
    u->t->tree.here = u->t->todos.here = NULL;
    u->t->tree.dirty = u->t->todos.dirty = 1;
    u->t->terminal.hooks = &tui_terminal_hooks;
    u->t->terminal.ctx = u->t;
    conn_open(&u->t->terminal, &u->t->loop, ends[1]);
    grid_resize(&u->t->grid, rows, cols);
    client_init(&u->t->client, &u->t->loop, &u->config, 0, &tui_client_hooks, u->t);
    u->t->client.push = CLIENT_LIVE;
    u->t->pager.theme = &u->t->theme;
    unit_app_listen(u, &u->daemon, u->socket, unit_app_on_daemon);
    u->holder.fd = -1;
    app_changed(u->t);
}

static void unit_app_close(struct loop *l, struct loop_fd *fd, const char *path)
{
    if (fd->fd < 0)
        return;
    loop_unwatch(l, fd);
    close(fd->fd);
    unlink(path);
    fd->fd = -1;
}

static void unit_app_end(struct unit_app *u)
{
    struct loop *l = &u->t->loop;
    dialog_free_choices(u->t);
    u->t->program_runs = 1; /* no frame any more */
    attach_close_view(u->t);
    panes_close(u->t, 0);
    for (int i = 0; i < 4; i++) /* the view's connection is sent out, closed and freed */
        unit_app_pass(u);
    client_free(&u->t->client);
    unit_app_close(l, &u->daemon, u->socket);
    unit_app_close(l, &u->holder, u->holder_path);
    for (int i = 0; i < UNIT_APP_CONNS; i++)
        if (u->conns[i].open)
            conn_close(&u->conns[i].conn, NULL);
    unit_loop_pass(l);
    close(u->terminal);
    app_free(u->t);
    free(u->t);
    vt_free(u->screen);
    static const char *const left[] = {APP_STATE_FILE, ATTACH_FILE, APP_COPY_FILE};
    for (size_t i = 0; i < COUNT_OF(left); i++) {
        char *path = store_path(u->dir, left[i]);
        unlink(path);
        free(path);
    }
    rmdir(u->dir);
    buf_free(&u->asked);
    buf_free(&u->input);
    buf_free(&u->said);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void unit_app_selection(void)
{
    struct unit_app u;
    test_begin("the selection stays on its row, or at the place of a row that is gone");
    unit_app_begin(&u, 24, 80);
    unit_app_session(&u, "a", "idle", ",\"created_at\":\"2026-01-01T00:00:01Z\"");
    unit_app_session(&u, "b", "idle", ",\"created_at\":\"2026-01-01T00:00:02Z\"");
    app_set(&u.t->views[0].wanted, "s:b");
    app_settle(u.t);
    CHECK(!u.t->views[0].wanted && strcmp(app_session(u.t)->id, "b") == 0);
    int at = u.t->views[0].list.at;
    unit_app_session(&u, "c", "idle", ",\"created_at\":\"2025-01-01T00:00:00Z\"");
    CHECK(strcmp(app_session(u.t)->id, "b") == 0 && u.t->views[0].list.at == at + 1);
    unit_app_event(&u, "{\"event\":\"session_removed\",\"data\":{\"session_id\":\"b\"}}");
    CHECK(app_session(u.t) && strcmp(app_session(u.t)->id, "a") == 0); /* the last row now */
    CHECK_INT(u.t->views[0].list.at, at);
    /* What was started or attached to last is unfolded; what a filter hides stays hidden. */
    tree_set_folded(&u.t->tree, u.t->tree.rows[app_session(u.t)->project_row].key, 1);
    tree_set_folded(&u.t->tree, "c:vm", 1);
    app_settle(u.t);
    CHECK(!app_session(u.t));
    app_set(&u.t->views[0].wanted, "s:c");
    CHECK(app_session(u.t) && strcmp(app_session(u.t)->id, "c") == 0);
    tree_set_filter(&u.t->tree, "nothing");
    app_settle(u.t);
    app_set(&u.t->views[0].wanted, "s:a");
    CHECK(!app_session(u.t) && u.t->views[0].wanted);
    tree_set_filter(&u.t->tree, NULL);
    CHECK(app_session(u.t) && strcmp(app_session(u.t)->id, "a") == 0);
    app_select(u.t, 1000);
    CHECK_INT(u.t->views[0].list.at, app_rows(u.t) - 1);
    app_select(u.t, -1000);
    CHECK(u.t->views[0].list.at == 0 && !app_session(u.t));
    app_show(u.t, APP_TODOS);
    CHECK(!app_row(u.t) && !app_session(u.t) && app_todos_row(u.t));
    unit_app_end(&u);
}

static void unit_app_first_selection(void)
{
#define UNIT_APP_ONE(id, state, age, used) \
    "{\"session_id\":\"" id "\",\"computer\":\"vm\",\"working_directory\":\"/src\",\"state\":\"" \
    state "\",\"created_at\":\"2026-01-01T00:00:" age "Z\",\"last_activity\":" \
    "\"2026-01-02T00:00:" used "Z\"}"
#define UNIT_APP_THREE(state) \
    "[" UNIT_APP_ONE("a", state, "01", "01") "," UNIT_APP_ONE("b", "idle", "02", "09") "," \
    UNIT_APP_ONE("c", "working", "03", "03") "]"
    static const struct {
        const char *saved, *sessions, *selected;
    } starts[] = {{NULL, UNIT_APP_THREE("idle"), "s:b"},
                  {NULL, UNIT_APP_THREE("waiting"), "s:a"},
                  {"s:c", UNIT_APP_THREE("idle"), "s:c"},
                  {"s:gone", UNIT_APP_THREE("idle"), "s:b"},
                  {"p:vm:/src", UNIT_APP_THREE("idle"), "p:vm:/src"}};
    struct unit_app u;
    test_begin("at first what waits is selected, else the row of the last time, else what was "
               "used last");
    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        unit_app_begin(&u, 24, 80);
        app_set(&u.t->views[0].wanted, starts[i].saved);
        unit_app_reply(&u, "GET /sessions", 200, starts[i].sessions);
        app_fetch_sessions(u.t);
        UNIT_APP_UNTIL(&u, u.t->fetched);
        app_settle(u.t);
        CHECK(strcmp(u.t->views[0].selected, starts[i].selected) == 0);
        unit_app_end(&u);
    }
}

static void unit_app_frame_times(void)
{
    struct unit_app u;
    test_begin("a frame comes every 16 ms, but the echo of a key comes at once");
    unit_app_begin(&u, 24, 80);
    struct app *t = u.t;
    UNIT_APP_UNTIL(&u, !t->stale);
    t->loop.now = t->frame_due = 100000;
    app_count_frame(t);
    CHECK_INT(t->frame_due, 100000 + APP_FRAME_MS);
    app_changed(t);
    CHECK(t->frame_timer.slot && !t->draw_task.queued); /* not before it is due */
    app_expect_echo(t);
    app_changed(t);
    CHECK(t->draw_task.queued);
    app_count_frame(t);
    CHECK(t->frame_due == 100000 + APP_FRAME_MS && !t->echoes); /* the echo's frame is extra */
    app_expect_echo(t);
    t->loop.now += APP_ECHO_MS; /* the program did not echo */
    CHECK(!app_expects_echo(t));
    for (int i = 0; i < APP_ECHOES_MAX + 5; i++)
        app_expect_echo(t);
    CHECK_INT(t->echoes, APP_ECHOES_MAX);
    t->loop.now += 10000;
    app_count_frame(t); /* after a pause, two frames may come without one */
    CHECK_INT(t->frame_due, t->loop.now - APP_BURST_MS + APP_FRAME_MS);
    t->loop.now = clock_mono_ms();
    unit_app_end(&u);
}

static void unit_app_waits(void)
{
    struct unit_app u;
    test_begin("no frame is drawn before the terminal has taken the last, or while a program runs");
    unit_app_begin(&u, 24, 80);
    UNIT_APP_UNTIL(&u, unit_app_shows(&u, "telec") && !u.t->draw_task.queued);
    for (int program = 0; program < 2; program++) {
        u.t->stale = 0;
        u.t->terminal.queued += !program;
        u.t->program_runs = program;
        app_expect_echo(u.t);
        app_changed(u.t);
        CHECK(u.t->stale && !u.t->draw_task.queued);
        u.t->terminal.queued -= !program;
    }
    u.t->program_runs = 0;
    app_changed(u.t);
    CHECK(u.t->draw_task.queued);
    unit_app_end(&u);
}

static void unit_app_requests(void)
{
    struct unit_app u;
    test_begin("an error of a request is a message, and a list older than an event is ignored");
    unit_app_begin(&u, 24, 80);
    unit_app_reply(&u, "GET /computers", 503, "{\"detail\":\"no computers today\"}");
    unit_app_reply(&u, "GET /agents", 200, "{\"status\":\"error\",\"message\":\"agents fail\"}");
    unit_app_reply(&u, "GET /projects", 200, "not json");
    unit_app_reply(&u, "GET /sessions", 200,
                   "[{\"session_id\":\"old\",\"computer\":\"vm\",\"title\":\"t\"}]");
    unit_app_reply(&u, "GET /sessions/ended", 404, "{}"); /* of an older daemon: no message */
    app_fetch_rest(u.t);
    UNIT_APP_UNTIL(&u, u.t->toasts.count == 3);
    UNIT_APP_SEE(&u, "!");
    u.t->client.push = CLIENT_WAITING; /* the header says so: no message each time */
    app_fetch_rest(u.t);
    UNIT_APP_UNTIL(&u, !u.t->client.requests);
    CHECK_INT(u.t->toasts.count, 3);
    u.t->client.push = CLIENT_LIVE;
    app_fetch_sessions(u.t);
    unit_app_session(&u, "new", "idle", "");
    UNIT_APP_UNTIL(&u, !u.t->client.requests);
    CHECK(tree_session(&u.t->tree, "new") && !tree_session(&u.t->tree, "old"));
    app_fetch_sessions(u.t);
    UNIT_APP_UNTIL(&u, tree_session(&u.t->tree, "old"));
    CHECK(!tree_session(&u.t->tree, "new"));
    unit_app_end(&u);
}

static void unit_app_ends(void)
{
    struct unit_app u;
    char id[8] = "s0";
    test_begin("the newest ends can be undone, until their time is over");
    unit_app_begin(&u, 24, 80);
    CHECK(app_last_ended(u.t) == -1 && app_find_ended(u.t, "s0") == -1);
    for (int i = 0; i <= APP_ENDED_MAX; i++) {
        id[1] = (char)('0' + i);
        app_add_ended(u.t, id, "title", "vm");
        CHECK(app_last_ended(u.t) != u.t->ended_count - 1); /* the daemon has not replied */
        u.t->ended[app_find_ended(u.t, id)].until = u.t->loop.now + 1000;
    }
    CHECK(u.t->ended_count == APP_ENDED_MAX && app_find_ended(u.t, "s0") == -1);
    CHECK_INT(app_last_ended(u.t), APP_ENDED_MAX - 1);
    app_remove_ended(u.t, 0);
    CHECK(app_find_ended(u.t, "s1") == -1 && app_find_ended(u.t, "s2") == 0);
    u.t->loop.now += 1000;
    CHECK_INT(app_last_ended(u.t), -1);
    app_add_ended(u.t, "x", "title", "vm");
    CHECK_INT(u.t->ended_count, 1);
    app_set(&u.t->ended[0].after, "first word\nlast word\n");
    app_expire_ended(u.t);
    CHECK_INT(u.t->ended_count, 1); /* the daemon has not replied */
    u.t->ended[0].until = u.t->loop.now;
    app_expire_ended(u.t);
    CHECK_INT(u.t->ended_count, 0);
    UNIT_APP_SEE(&u, "last word");
    app_add_ended(u.t, "left", "title", "vm"); /* the UI ends first */
    unit_app_end(&u);
}

static void unit_app_saves(void)
{
    struct unit_app u;
    buf text = {0};
    test_begin("view, selection, preview and prompts survive a restart");
    unit_app_begin(&u, 24, 80);
    unit_app_session(&u, "a", "idle", "");
    app_set(&u.t->views[0].wanted, "s:a");
    app_settle(u.t);
    for (int i = 0; i <= APP_HISTORY_MAX; i++) {
        char prompt[32];
        snprintf(prompt, sizeof prompt, "prompt %d", i);
        app_add_line(u.t, &u.t->prompts, prompt);
        app_add_line(u.t, &u.t->prompts, prompt); /* once in a row */
    }
    app_add_line(u.t, &u.t->prompts, "");
    CHECK(u.t->prompts.count == APP_HISTORY_MAX && strcmp(u.t->prompts.list[0], "prompt 1") == 0);
    unit_app_type(&u, "p2");
    CHECK(u.t->save_timer.slot && u.t->unsaved);
    *unit_syncs = 0;
    app_save(u.t);
    CHECK_INT(*unit_syncs, 0); /* the user may be typing */
    CHECK(!u.t->unsaved && store_read(u.dir, APP_STATE_FILE, &text) == 0);
    struct app *again = base_alloc(sizeof *again);
    again->config = &u.config;
    again->mode = again->shown = APP_SESSIONS;
    loop_init(&again->loop);
    tui_set_timers(again);
    tui_init(again);
    CHECK(again->shown == APP_TODOS && again->mode == APP_TODOS && again->no_preview);
    CHECK(strcmp(again->views[0].wanted, "s:a") == 0);
    CHECK(again->prompts.count == APP_HISTORY_MAX && !again->unsaved && !again->save_timer.slot);
    app_free(again);
    free(again);
    unlink(u.ui_json);
    app_save(u.t); /* nothing has changed */
    CHECK(access(u.ui_json, F_OK) != 0);
    buf_free(&text);
    unit_app_end(&u);
}

static int unit_app_done;

static void unit_app_on_done(struct app *t, int status, const char *error)
{
    (void)t;
    CHECK(status == 0 && error && strstr(error, "/nowhere/editor"));
    unit_app_done++;
}

static void unit_app_programs(void)
{
    struct unit_app u;
    test_begin("a program that can't be started gives the terminal back and says why");
    unit_app_begin(&u, 24, 80);
    unit_app_done = 0;
    app_run(u.t, config_words(span_of("/nowhere/editor file")), unit_app_on_done);
    UNIT_APP_UNTIL(&u, unit_app_done);
    CHECK(!u.t->program_runs && !u.t->program_argv && u.t->stale);
    u.t->program_runs = 1; /* only one has the terminal */
    app_run(u.t, config_words(span_of("/nowhere/editor file")), unit_app_on_done);
    CHECK(unit_app_done == 1 && !u.t->program_argv);
    u.t->program_runs = 0;
    app_changed(u.t);
    UNIT_APP_SEE(&u, "telec");
    unit_app_end(&u);
}

static void unit_app(void)
{
    unit_app_selection();
    unit_app_first_selection();
    unit_app_frame_times();
    unit_app_waits();
    unit_app_requests();
    unit_app_ends();
    unit_app_saves();
    unit_app_programs();
}
