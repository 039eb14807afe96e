/* Unit tests of context, and what the tests of commands and cli use: a daemon that replies what a
 * script says, on the command's own loop, and the output of a command. */

/* ---- a daemon by script ---- */

struct unit_context_reply {
    const char *request;      /* "GET /sessions"; NULL ends a script */
    int status;
    const char *body;
};

struct unit_context {
    struct cli cli;
    struct config config;     /* moved into cli.context for a call */
    char dir[64], path[96];
    struct loop *loop;        /* the command's; or, with no command, a test's */
    struct loop_fd listener;
    const struct unit_context_reply *script;
    /* of a WebSocket: text, but binary behind "="; "!": it is cut, and what follows is the next
     * one's; NULL ends them */
    const char *const *frames;
    int no_daemon;
    int close_after;          /* the frames, with 1000 */
    buf asked;                /* requests with their bodies, one a line */
    buf out, error;           /* output of the last call */
    struct unit_context_conn *conns;
};

struct unit_context_conn {
    struct unit_context_conn *next, **link;
    struct unit_context *u;
    struct conn conn;
    int upgraded;
};

static void unit_context_reply(struct unit_context_conn *s, span request, span body)
{
    const struct unit_context_reply *r = s->u->script;
    buf out = {0}, line = {0};
    buf_span(&line, request);
    while (r && r->request && strcmp(r->request, buf_cstr(&line)) != 0)
        r++;
    buf_span(&s->u->asked, request);
    buf_byte(&s->u->asked, ' ');
    buf_span(&s->u->asked, body);
    buf_byte(&s->u->asked, '\n');
    const char *text = r && r->request ? r->body : "{\"detail\":\"not in the script\"}";
    buf_fmt(&out, "HTTP/1.1 %d X\r\nServer: telec/9\r\nContent-Length: %zu\r\n\r\n%s",
            r && r->request ? r->status : 404, strlen(text), text);
    conn_send(&s->conn, buf_view(&out));
    conn_finish(&s->conn);
    buf_free(&out);
    buf_free(&line);
}

static void unit_context_upgrade(struct unit_context_conn *s, const struct http_head *head)
{
    buf_span(&s->u->asked, head->target);
    buf_byte(&s->u->asked, '\n');
    buf b = {0}, out = {0};
    CHECK_INT(ws_put_handshake(&b, head), 101);
    const char *at = strstr(buf_cstr(&b), "Server: ");
    buf_add(&out, b.p, (size_t)(at - b.p));
    buf_fmt(&out, "Server: telec/9%s", strstr(at, "\r\n"));
    const char *const *frame = s->u->frames;
    for (; frame && *frame && **frame != '!'; frame++)
        ws_put_frame(&out, NULL, **frame == '=' ? WS_BINARY : WS_TEXT,
                     span_of(*frame + (**frame == '=')));
    int cut = frame && *frame;
    s->u->frames = cut ? frame + 1 : s->u->frames;
    if (s->u->close_after && !cut)
        ws_put_close(&out, NULL, 1000, "");
    conn_send(&s->conn, buf_view(&out));
    s->upgraded = 1;
    if (s->u->close_after || cut)
        conn_finish(&s->conn);
    buf_free(&b);
    buf_free(&out);
}

static void unit_context_on_data(void *ctx)
{
    struct unit_context_conn *s = ctx;
    span in = conn_view(&s->conn);
    struct http_scan scan = {0};
    struct http_head head;
    size_t used;
    if (s->conn.eof) {
        conn_close(&s->conn, NULL);
        return;
    }
    if (s->upgraded || http_parse_request(&scan, in, &used, &head) != PARSE_DONE)
        return;
    const char *end = memchr(in.p, '\r', in.n), *length = NULL;
    buf text = {0};
    buf_add(&text, in.p, used);
    length = strstr(buf_cstr(&text), "Content-Length: ");
    size_t body = length ? (size_t)atol(length + strlen("Content-Length: ")) : 0;
    if (strstr(text.p, "Upgrade: websocket"))
        unit_context_upgrade(s, &head);
    else if (in.n >= used + body)
        unit_context_reply(s, (span){in.p, (size_t)(end - in.p) - strlen(" HTTP/1.1")},
                           (span){in.p + used, body});
    buf_free(&text);
}

static void unit_context_on_closed(void *ctx, const char *why)
{
    struct unit_context_conn *s = ctx;
    (void)why;
    LIST_REMOVE(s);
    conn_free(&s->conn);
    free(s);
}

static const struct conn_hooks unit_context_hooks = {unit_context_on_data, NULL,
                                                     unit_context_on_closed};

static void unit_context_accept(void *ctx, short revents)
{
    struct unit_context *u = ctx;
    struct unit_context_conn *s = base_alloc(sizeof *s);
    (void)revents;
    *s = (struct unit_context_conn){.u = u};
    LIST_PUSH(&u->conns, s);
    s->conn.hooks = &unit_context_hooks;
    s->conn.ctx = s;
    conn_open(&s->conn, u->loop, accept(u->listener.fd, NULL, NULL));
}

static void unit_context_init(struct unit_context *u, const struct unit_context_reply *script)
{
    buf error = {0};
    *u = (struct unit_context){.script = script};
    CHECK(mkdtemp(unit_base_temporary(u->dir)) != NULL);
    snprintf(u->path, sizeof u->path, "%s/s", u->dir);
    setenv("XDG_STATE_HOME", u->dir, 1);
    CHECK_INT(config_load(&u->config, "/bin/sh", u->path, "/dev/null", &error), 0);
    buf_free(&error);
}

static void unit_context_free(struct unit_context *u)
{
    while (u->conns)
        unit_context_on_closed(u->conns, NULL);
    config_free(&u->config);
    buf_free(&u->asked);
    buf_free(&u->out);
    buf_free(&u->error);
    unlink(u->path);
    rmdir(u->dir);
    unsetenv("XDG_STATE_HOME");
}

/* Lets stdin have a text; returns what it was, for unit_context_stdin_back. */
static int unit_context_stdin(const char *text)
{
    int ends[2], saved = dup(0);
    CHECK_INT(pipe(ends), 0);
    CHECK(write(ends[1], text, strlen(text)) == (ssize_t)strlen(text));
    close(ends[1]);
    dup2(ends[0], 0), close(ends[0]);
    return saved;
}

static void unit_context_stdin_back(int saved)
{
    dup2(saved, 0), close(saved);
}

/* Lets fd be a file of its own; returns what it was. */
static int unit_context_capture(int fd, FILE *file)
{
    int saved = dup(fd);
    dup2(fileno(file), fd);
    return saved;
}

static void unit_context_release(int fd, int saved, FILE *file, buf *out)
{
    char bytes[4096];
    dup2(saved, fd);
    close(saved);
    rewind(file);
    buf_clear(out);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, file)) > 0;)
        buf_add(out, bytes, n);
    fclose(file);
    buf_cstr(out);
}

static void unit_context_listen(struct unit_context *u, struct loop *loop)
{
    char error[200];
    u->loop = loop;
    u->listener = (struct loop_fd){.fd = conn_listen(u->path, error, sizeof error),
                                   .on_event = unit_context_accept, .ctx = u};
    CHECK(u->listener.fd >= 0);
    loop_watch(loop, &u->listener, POLLIN);
}

static int unit_context_run(struct unit_context *u)
{
    struct context *c = &u->cli.context;
    c->config = u->config;
    loop_init(&c->loop);
    client_init(&c->client, &c->loop, &c->config, 0, NULL, NULL);
    if (!u->no_daemon)
        unit_context_listen(u, &c->loop);
    int status = u->cli.command->run(c);
    client_free(&c->client);
    for (int i = 0; i < 3; i++) { /* the ends of connections */
        struct loop_timer now = {.fn = unit_loop_nothing};
        loop_timer_set(&c->loop, &now, 0);
        loop_once(&c->loop);
    }
    if (!u->no_daemon)
        close(u->listener.fd);
    loop_free(&c->loop);
    return status;
}

/* Runs a command line, "telec" left out. Returns the exit status. */
static int unit_context_call(struct unit_context *u, const char *line)
{
    char **words = config_words(span_of(line)), *args[32];
    u->cli = (struct cli){.command = NULL};
    u->cli.context.args = args;
    buf_clear(&u->asked);
    fflush(stdout);
    FILE *out = tmpfile(), *error = tmpfile();
    int saved = unit_context_capture(1, out), saved_error = unit_context_capture(2, error);
    int status = cli_parse(&u->cli, words);
    if (status == 0)
        status = unit_context_run(u);
    fflush(stdout);
    unit_context_release(1, saved, out, &u->out);
    unit_context_release(2, saved_error, error, &u->error);
    buf_cstr(&u->asked);
    buf_free(&u->cli.context.body);
    free(words);
    return status;
}

/* ---- the tests ---- */

#define UNIT_CONTEXT_THREE \
    "[{\"session_id\":\"abcde1\"},{\"session_id\":\"abcde2\"},{\"session_id\":\"abcde\"}]"

static void unit_context_find(void)
{
    static const struct unit_context_reply script[] = {
        {"GET /sessions", 200, UNIT_CONTEXT_THREE},
        {"GET /sessions?wait_ms=1000", 200,
         "[{\"session_id\":\"faraway\",\"title\":\"one name\"},"
         "{\"session_id\":\"fara77\",\"title\":\"twice\"},"
         "{\"session_id\":\"f3\",\"title\":\"twice\"},"
         "{\"session_id\":\"f4\",\"title\":\"fara7\"},"
         "{\"session_id\":\"f5\",\"title\":\"Untitled\",\"command\":\"one name\"},"
         "{\"session_id\":\"f6\",\"title\":\"Untitled\",\"command\":\"make all\"}]"},
        {"DELETE /sessions/f6", 200, "{}"},
        {"DELETE /sessions/abcde1", 200, "{}"},
        {"DELETE /sessions/abcde", 200, "{}"},
        {"DELETE /sessions/faraway", 200, "{}"},
        {NULL, 0, NULL}};
    struct unit_context u;
    test_begin("a session is found by its id, its beginning, or its title, here and elsewhere");
    unit_context_init(&u, script);
    CHECK_INT(unit_context_call(&u, "kill abcde1"), 0);
    CHECK(strstr(u.asked.p, "DELETE /sessions/abcde1 \n") != NULL);
    CHECK_INT(unit_context_call(&u, "kill abcde"), 0); /* others begin with it */
    CHECK(strstr(u.asked.p, "DELETE /sessions/abcde \n") != NULL);
    CHECK_INT(unit_context_call(&u, "end faraw"), 0);
    CHECK(strstr(u.asked.p, "DELETE /sessions/faraway \n") != NULL);
    CHECK_INT(unit_context_call(&u, "end 'one name'"), 0);
    CHECK(strstr(u.asked.p, "DELETE /sessions/faraway \n") != NULL);
    CHECK_INT(unit_context_call(&u, "end 'make all'"), 0); /* as the list shows it */
    CHECK(strstr(u.asked.p, "DELETE /sessions/f6 \n") != NULL);
    CHECK_INT(unit_context_call(&u, "end Untitled"), 1);
    CHECK_INT(unit_context_call(&u, "end twice"), 1);
    CHECK(strstr(u.error.p, "twice: 2 sessions have that") != NULL);
    CHECK_INT(unit_context_call(&u, "end 'one nam'"), 1);
    CHECK_INT(unit_context_call(&u, "kill abcd"), 1);
    CHECK(strstr(u.error.p, "abcd: 3 sessions have that") != NULL);
    CHECK_INT(unit_context_call(&u, "kill far"), 1); /* too short for an id */
    CHECK(strstr(u.error.p, "far: no session has that title; of an id give 4") != NULL);
    CHECK_INT(unit_context_call(&u, "kill abcde1x"), 1);
    CHECK_INT(unit_context_call(&u, "kill fara7"), 1); /* a title, and the start of an id */
    CHECK(strstr(u.error.p, "fara7: 2 sessions have that") != NULL);
    CHECK_INT(unit_context_call(&u, "kill nope"), 1);
    CHECK(strstr(u.error.p, "nope: no session has that id or title") != NULL);
    CHECK_INT(unit_context_call(&u, "kill ''"), 1); /* every id begins so */
    CHECK(strstr(u.asked.p, "DELETE") == NULL);
    unit_context_free(&u);
}

static void unit_context_kill_many(void)
{
    static const struct unit_context_reply script[] = {
        {"GET /sessions", 200, UNIT_CONTEXT_THREE},
        {"GET /sessions?wait_ms=1000", 200, "[{\"session_id\":\"faraway\"}]"},
        {"POST /sessions/end", 200, "{\"failed\":[]}"},
        {NULL, 0, NULL}};
    static const struct unit_context_reply refusing[] = {
        {"GET /sessions", 200, UNIT_CONTEXT_THREE},
        {"POST /sessions/end", 200,
         "{\"failed\":[{\"session_id\":\"abcde1\",\"detail\":\"stuck\"}]}"},
        {NULL, 0, NULL}};
    static const struct unit_context_reply older[] = {
        {"GET /sessions", 200, UNIT_CONTEXT_THREE},
        {"POST /sessions/end", 405, "{}"},
        {"DELETE /sessions/abcde1", 200, "{}"},
        {"DELETE /sessions/abcde2", 200, "{}"},
        {NULL, 0, NULL}};
    struct unit_context u;
    test_begin("many sessions are ended with one request");
    unit_context_init(&u, script);
    CHECK_INT(unit_context_call(&u, "kill abcde1 fara abcde"), 0);
    CHECK(strstr(u.asked.p, "POST /sessions/end {\"computer\":null,\"ids\":"
                            "[\"abcde1\",\"faraway\",\"abcde\"]}") != NULL);
    CHECK(strstr(u.asked.p, "DELETE") == NULL);
    CHECK_INT(unit_context_call(&u, "kill abcde1 nope abcd abcde2"), 1); /* the others end */
    CHECK(strstr(u.asked.p, "\"ids\":[\"abcde1\",\"abcde2\"]}") != NULL);
    CHECK(strstr(u.error.p, "nope: no session has that id or title") != NULL);
    CHECK(strstr(strstr(u.error.p, "abcd: 3 sessions") + 1, "abcd: 3 sessions") == NULL);
    unit_context_free(&u);
    unit_context_init(&u, refusing);
    CHECK_INT(unit_context_call(&u, "kill abcde1 abcde2"), 1);
    CHECK(strstr(u.error.p, "abcde1: stuck") != NULL);
    unit_context_free(&u);
    test_begin("an older daemon ends them one by one");
    unit_context_init(&u, older);
    CHECK_INT(unit_context_call(&u, "kill abcde1 abcde2"), 0);
    CHECK(strstr(u.asked.p, "DELETE /sessions/abcde1") != NULL);
    CHECK(strstr(u.asked.p, "DELETE /sessions/abcde2") != NULL);
    unit_context_free(&u);
}

static void unit_context_computer(void)
{
    static const struct unit_context_reply script[] = {
        {"GET /sessions?computer=a%26b", 200, "[{\"session_id\":\"abc\"}]"},
        {"DELETE /sessions/abc?computer=a%26b", 200, "{}"},
        {"GET /sessions?wait_ms=1000&computer=far", 200, "[]"},
        {"GET /computers?wait_ms=1000", 200, "[{\"name\":\"far\"}]"},
        {NULL, 0, NULL}};
    struct unit_context u;
    test_begin("--computer goes with every request, encoded");
    unit_context_init(&u, script);
    CHECK_INT(unit_context_call(&u, "kill --computer 'a&b' abc"), 0);
    CHECK_INT(unit_context_call(&u, "list --computer=far"), 0);
    unit_context_free(&u);
}

static void unit_context_errors(void)
{
    static const struct unit_context_reply script[] = {
        {"GET /computers?wait_ms=1000", 500, "{\"detail\":\"it is \\u001b[31mbroken\"}"},
        {NULL, 0, NULL}};
    struct unit_context u;
    test_begin("an error of the daemon is a message without control bytes, and status 1");
    unit_context_init(&u, script);
    CHECK_INT(unit_context_call(&u, "computers"), 1);
    CHECK(strstr(u.error.p, "broken") && !strchr(u.error.p, '\033'));
    CHECK_INT(u.out.n, 0);
    u.no_daemon = 1;
    CHECK_INT(unit_context_call(&u, "computers"), 1);
    CHECK(strstr(u.error.p, u.path) != NULL);
    unit_context_free(&u);
}

static void unit_context(void)
{
    unit_context_find();
    unit_context_kill_many();
    unit_context_computer();
    unit_context_errors();
}
