/* Unit tests of routes: every route, with a holder that lives in this process and says what it is
 * told to. The sessions: "s1" runs, "s2" has exited, "far1" is another computer's. */

#define UNIT_SERVER_LINKS 24

struct unit_server_link {
    struct conn conn;
    struct unit_server *owner;
    int open;
};

struct unit_server {
    struct unit_httpd h;    /* the loop, the clients */
    struct unit_daemon d;   /* directories, configuration */
    struct cache cache;
    struct sessions sessions;
    struct projects projects;
    struct fleet fleet;
    struct remotes remotes;
    struct server server;
    int ready;
    /* the holder of s1 */
    struct loop_fd listener;
    struct unit_server_link links[UNIT_SERVER_LINKS];
    int link_count;
    int mute;               /* it answers nothing but the first status */
    buf frames;             /* "TYPEpayload\n" of what it got */
    buf body;               /* of the last reply */
};

/* ---- the holder ----------------------------------------------------------------------------- */

static void unit_server_holder_ends(struct unit_server *u)
{
    if (u->listener.fd >= 0) {
        loop_unwatch(&u->h.loop, &u->listener);
        close(u->listener.fd);
        unlink(sessions_find(&u->sessions, "s1") ? sessions_find(&u->sessions, "s1")->socket : "");
        u->listener.fd = -1;
    }
    for (int i = 0; i < u->link_count; i++)
        if (u->links[i].open)
            conn_close(&u->links[i].conn, NULL);
}

static void unit_server_answer(struct unit_server_link *link, enum frame_type type, span payload)
{
    struct unit_server *u = link->owner;
    static const struct {
        enum frame_type asked, type;
        const char *payload;
    } answers[] = {
        {FRAME_MESSAGE, FRAME_RECEIPT, "delivered"},
        {FRAME_ANSWER, FRAME_RECEIPT, "answered"},
        {FRAME_TEXT, FRAME_TEXT_REPLY, "line one\nline two\n"},
        {FRAME_SCREEN, FRAME_SCREEN_REPLY, "{\"lines\":[\"x\"]}"},
        {FRAME_VIEW, FRAME_SIZE, "{\"size\":[80,24]}"},
        {FRAME_VIEW, FRAME_SNAPSHOT, "SNAP"},
        {FRAME_VIEW, FRAME_OUTPUT, "OUT"},
    };
    buf_byte(&u->frames, (char)type);
    buf_span(&u->frames, payload);
    buf_byte(&u->frames, '\n');
    for (size_t i = 0; i < COUNT_OF(answers) && !u->mute; i++)
        if (answers[i].asked == type)
            frame_send(&link->conn, answers[i].type, span_of(answers[i].payload));
    if (type == FRAME_END)
        unit_server_holder_ends(u);
}

static void unit_server_link_on_data(void *ctx)
{
    struct unit_server_link *link = ctx;
    enum frame_type type;
    span payload;
    while (!link->conn.dead && frame_parse(&link->conn, &type, &payload) == PARSE_DONE) {
        unit_server_answer(link, type, payload);
        if (!link->conn.dead)
            conn_consume(&link->conn, FRAME_HEAD + payload.n);
    }
    if (link->conn.eof)
        conn_close(&link->conn, NULL);
}

static void unit_server_link_on_closed(void *ctx, const char *why)
{
    struct unit_server_link *link = ctx;
    (void)why;
    conn_free(&link->conn);
    link->open = 0;
}

static const struct conn_hooks unit_server_link_hooks = {unit_server_link_on_data, NULL,
                                                         unit_server_link_on_closed};

static void unit_server_on_link(void *ctx, short revents)
{
    struct unit_server *u = ctx;
    int fd = accept(u->listener.fd, NULL, NULL);
    (void)revents;
    if (fd < 0 || u->link_count == UNIT_SERVER_LINKS)
        return;
    struct unit_server_link *link = &u->links[u->link_count++];
    link->owner = u;
    link->open = 1;
    link->conn.hooks = &unit_server_link_hooks;
    link->conn.ctx = link;
    conn_open(&link->conn, &u->h.loop, fd);
    if (u->link_count == 1) /* the daemon's own */
        frame_send(&link->conn, FRAME_STATUS, span_of("{\"state\":\"idle\",\"size\":[80,24]}"));
}

/* ---- the server ----------------------------------------------------------------------------- */

static void unit_server_on_ready(void *ctx)
{
    ((struct unit_server *)ctx)->ready = 1;
}

static void unit_server_record(struct unit_server *u, const char *id, const char *file,
                               const char *json)
{
    char *dir = store_session_dir(u->d.state, id);
    mkdir(dir, 0700);
    CHECK_INT(store_write(dir, file, span_of(json)), 0);
    free(dir);
}

static void unit_server_init(struct unit_server *u)
{
    static const char record[] = "{\"title\":\"T\",\"working_directory\":\"/tmp\",\"created_at\":"
                                 "\"2026-01-01T00:00:00+00:00\"}";
    char error[100], path[128];
    buf said = {0};
    memset(u, 0, sizeof *u);
    unit_httpd_init(&u->h);
    unit_daemon_init(&u->d);
    u->d.config.computer = "here";
    u->d.config.redis_url = "";
    CHECK_INT(places_make_dirs(&u->d.config, &said), 0);
    buf_fmt(&said, "%s/sessions", u->d.state);
    mkdir(buf_cstr(&said), 0700);
    mkdir(u->d.config.holders, 0700);
    buf_free(&said);
    unit_server_record(u, "s1", "record.json", record);
    unit_server_record(u, "s2", "record.json", record);
    unit_server_record(u, "s2", "exit.json", "{\"state\":\"exited\",\"exit_code\":3}");
    unit_server_record(u, "s2", "log", "old words\r\n");
    snprintf(path, sizeof path, "%s/s1.sock", u->d.config.holders);
    u->listener = (struct loop_fd){.fd = conn_listen(path, error, sizeof error),
                                   .on_event = unit_server_on_link, .ctx = u};
    CHECK(u->listener.fd >= 0);
    loop_watch(&u->h.loop, &u->listener, POLLIN);
    cache_init(&u->cache, httpd_text_frame);
    httpd_init(&u->h.httpd, &u->h.loop, routes_handle, &u->server);
    CHECK_INT(peers_init(&u->fleet, &u->h.loop, &u->d.config, &u->cache, &said), 0);
    remote_init(&u->remotes, &u->h.loop, &u->fleet);
    projects_init(&u->projects, &u->h.loop, &u->d.config, &u->cache);
    routes_init(&u->server, &u->h.loop, &u->d.config, &u->cache, &u->sessions, &u->projects,
                &u->fleet, &u->remotes, &u->h.httpd);
    reached_init(&u->server);
    sessions_init(&u->sessions, &u->h.loop, &u->d.config, &u->cache, unit_server_on_ready, u);
    UNIT_HTTPD_UNTIL(&u->h, u->ready);
    struct codec_heartbeat beat = {.name = "far"};
    u->fleet.streams.on = 1; /* as with a url; nothing is connected */
    roster_add(&u->fleet, &beat);
    span far = span_of("{\"session_id\":\"far1\",\"computer\":\"far\"}");
    cache_put(&u->cache, "far1", "far", &far, 1, u->h.loop.now);
    unit_httpd_connect(&u->h);
}

static void unit_server_free(struct unit_server *u)
{
    unit_server_holder_ends(u);
    httpd_drop_clients(&u->h.httpd);
    UNIT_HTTPD_UNTIL(&u->h, !u->h.httpd.clients);
    peers_free(&u->fleet);
    sessions_free(&u->sessions);
    cache_free(&u->cache);
    projects_free(&u->projects);
    for (int i = 0; i < u->link_count; i++)
        if (u->links[i].open)
            conn_close(&u->links[i].conn, NULL);
    unit_httpd_loop(&u->h);
    unit_httpd_free(&u->h);
    reached_free(&u->server);
    unit_daemon_free(&u->d);
    buf_free(&u->frames);
    buf_free(&u->body);
}

/* A request on the first connection; its status, its body in u->body. */
static int unit_server_ask(struct unit_server *u, const char *method, const char *target,
                           const char *json)
{
    return unit_httpd_ask(&u->h, 0, method, target, json, &u->body);
}

static int unit_server_said(struct unit_server *u, const char *text)
{
    return strstr(buf_cstr(&u->body), text) != NULL;
}

/* ---- routes --------------------------------------------------------------------------------- */

static void unit_routes_table(void)
{
    static const struct {
        const char *method, *target, *json;
        int status;
        const char *said;
    } cases[] = {
        {"GET", "/health", NULL, 200, "{\"status\":\"ok\"}"},
        {"GET", "/nothing", NULL, 404, "Not Found"},
        {"GET", "/sessions/", NULL, 404, "Not Found"},
        {"GET", "/sessions/a/b/message", NULL, 404, "Not Found"},
        {"PUT", "/sessions", NULL, 405, "Method Not Allowed"},
        {"GET", "/sessions", NULL, 200, "\"session_id\":\"s1\""},
        {"GET", "/sessions?computer=here", NULL, 200, "\"session_id\":\"s2\""},
        {"GET", "/sessions?computer=far", NULL, 200, "[{\"session_id\":\"far1\""},
        {"GET", "/sessions?computer=none", NULL, 200, "[]"},
        {"GET", "/sessions?wait_ms=5001", NULL, 422, "wait_ms"},
        {"GET", "/sessions?computer=%zz", NULL, 422, "percent"},
        {"GET", "/sessions/s1", NULL, 200, "\"state\":\"idle\""},
        {"GET", "/sessions/s%31", NULL, 200, "\"session_id\":\"s1\""},
        {"GET", "/sessions/s2", NULL, 200, "\"exit_code\":3"},
        {"GET", "/sessions/s3", NULL, 404, "Session not found"},
        {"GET", "/sessions/%zz", NULL, 404, "Session not found"},
        {"GET", "/sessions/s1?computer=local", NULL, 200, "\"session_id\":\"s1\""},
        {"GET", "/sessions/s1?computer=nowhere", NULL, 404, "Computer 'nowhere' is not known"},
        {"GET", "/sessions/far1", NULL, 200, "\"session_id\":\"far1\""},
        {"GET", "/sessions/far1?computer=here", NULL, 404, "Session not found"},
        {"GET", "/sessions/s1?computer=far", NULL, 404, "Session not found"},
        {"PATCH", "/sessions/s1", "{\"title\":\"New\"}", 200, "\"title\":\"New\""},
        {"PATCH", "/sessions/s1", "{}", 422, "missing"},
        {"POST", "/sessions/s1/event", "{\"type\":\"stop\"}", 200, "success"},
        {"POST", "/sessions/far1/event", "{\"type\":\"stop\"}", 404, "Session not found"},
        {"POST", "/sessions/s2/event", "{\"type\":\"stop\"}", 409, "Session s2 has ended"},
        {"POST", "/sessions/s1/restore", NULL, 404, "Session not found"},
        {"POST", "/sessions/s2/message", "{\"message\":\"x\"}", 409, "has ended"},
        {"POST", "/sessions/s1/message", "{\"message\":\"\"}", 422, "string_too_short"},
        {"POST", "/sessions/s1/message", "[]", 422, "model_attributes_type"},
        {"POST", "/sessions/s1/message", NULL, 422, "missing"},
        {"POST", "/sessions/s1/message", "{\"message\":\"hi\"}", 200, "\"result\":\"delivered\""},
        {"POST", "/sessions/s1/answer", "{\"answer\":\"yes\"}", 200, "\"result\":\"answered\""},
        {"POST", "/sessions/s1/answer", "{\"answer\":\"\"}", 422, "string_too_short"},
        {"POST", "/sessions/s1/keys", "{\"key\":\"enter\",\"count\":2}", 200, "success"},
        {"POST", "/sessions/s1/keys", "{\"key\":\"no\"}", 422, "literal_error"},
        {"GET", "/sessions/s1/screen", NULL, 200, "{\"lines\":[\"x\"]}"},
        {"GET", "/sessions/s2/screen", NULL, 409, "has ended"},
        {"GET", "/sessions/s1/transcript", NULL, 200, "\"transcript\":\"line one\\nline two\\n\""},
        {"GET", "/sessions/s1/transcript?tail_chars=4", NULL, 200, "\"transcript\":\"two\\n\""},
        {"GET", "/sessions/s2/transcript", NULL, 200, "\"transcript\":\"old words\\n\""},
        {"GET", "/sessions/s1/transcript?tail_chars=x", NULL, 422, "int_parsing"},
        {"GET", "/sessions/s1/attach", NULL, 426, "WebSocket"},
        {"GET", "/sessions/s2/attach", NULL, 409, "has ended"},
        {"GET", "/sessions/s1/attach?mode=steal", NULL, 422, "'view' or 'control'"},
        {"GET", "/ws", NULL, 426, "WebSocket"},
        {"GET", "/computers", NULL, 200, "\"far\""},
        {"GET", "/projects", NULL, 200, "["},
        {"GET", "/projects?computer=far", NULL, 200, "[]"},
        {"GET", "/projects-with-todos?wait_ms=1", NULL, 200, "["},
        {"GET", "/projects?wait_ms=x", NULL, 422, "wait_ms"},
        {"POST", "/projects", "{\"path\":\"relative\"}", 400, "absolute path"},
        {"POST", "/projects", "{\"path\":\"/tmp/\",\"name\":\"N\"}", 200, "success"},
        {"GET", "/projects", NULL, 200, "\"path\":\"/tmp\""},
        {"DELETE", "/projects?path=/tmp/", NULL, 200, "success"},
        {"DELETE", "/projects?path=/tmp", NULL, 404, "no such project"},
        {"DELETE", "/projects", NULL, 422, "missing"},
        {"GET", "/agents/availability", NULL, 200, "\"shell\""},
        {"GET", "/status", NULL, 200, "\"clients\":1"},
        {"DELETE", "/sessions/s1?undo_s=61", NULL, 422, "undo_s"},
        {"POST", "/sessions", "{}", 422, "computer"},
        {"POST", "/sessions", "{\"computer\":\"here\",\"project_dir\":\"/tmp\",\"agent\":\"none\"}",
         422, "Input should be 'claude', "},
        {"POST", "/sessions", "{\"computer\":\"here\",\"project_dir\":\"/tmp\",\"command\":\"'\"}",
         422, "command line"},
        {"POST", "/sessions", "{\"computer\":\"here\",\"project_dir\":\"/tmp\",\"command\":[1]}",
         422, "array of strings"},
        {"POST", "/sessions",
         "{\"computer\":\"nowhere\",\"project_path\":\"/tmp\",\"agent\":\"shell\"}", 404,
         "no computer of that name"},
    };
    struct unit_server u;
    test_begin("every route replies with its status and its body");
    unit_server_init(&u);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int status = unit_server_ask(&u, cases[i].method, cases[i].target, cases[i].json);
        if (status == cases[i].status && unit_server_said(&u, cases[i].said))
            continue;
        test_fail(__FILE__, __LINE__, cases[i].target);
        printf("#   %s: %d %s\n", cases[i].method, status, buf_cstr(&u.body));
    }
    CHECK(strstr(buf_cstr(&u.frames), "m{\"text\":\"hi\",\"enter\":true,\"until\":") != NULL);
    CHECK(strstr(u.frames.p, "K{\"key\":\"enter\",\"count\":2}\n") != NULL);
    CHECK(strstr(u.frames.p, "e{\"type\":\"stop\"}\n") != NULL);
    unit_server_free(&u);
}

static void unit_routes_ends(void)
{
    struct unit_server u;
    test_begin("a delete is replied to when the session has ended, an exited one's at once");
    unit_server_init(&u);
    CHECK_INT(unit_server_ask(&u, "DELETE", "/sessions/s2", NULL), 200);
    CHECK(unit_server_said(&u, "Session s2 ended successfully"));
    CHECK_INT(unit_server_ask(&u, "GET", "/sessions/s2", NULL), 404);
    CHECK_INT(unit_server_ask(&u, "DELETE", "/sessions/s1", NULL), 200);
    CHECK(unit_server_said(&u, "Session s1 ended successfully"));
    CHECK_INT(unit_server_ask(&u, "GET", "/sessions/s1", NULL), 404);
    unit_server_free(&u);
}

static void unit_routes_conversation(void)
{
    struct unit_server u;
    static const char event[] = "{\"type\":\"stop\",\"native_session_id\":\"n1\"}";
    test_begin("a hook's event reaches the session whose conversation it is of");
    unit_server_init(&u);
    CHECK_INT(unit_server_ask(&u, "POST", "/sessions/s2/event", event), 409);
    struct session *s1 = sessions_find(&u.sessions, "s1");
    s1->native_id = base_dup("n1");
    CHECK_INT(unit_server_ask(&u, "POST", "/sessions/s2/event", event), 200);
    UNIT_HTTPD_UNTIL(&u.h, strstr(buf_cstr(&u.frames), event) != NULL);
    unit_server_free(&u);
}

static void unit_routes_undo(void)
{
    struct unit_server u;
    test_begin("an end with undo_s hides the session until it is restored");
    unit_server_init(&u);
    CHECK_INT(unit_server_ask(&u, "DELETE", "/sessions/s1?undo_s=9", NULL), 200);
    CHECK(unit_server_said(&u, "\"undo_s\":9"));
    CHECK_INT(unit_server_ask(&u, "GET", "/sessions/s1", NULL), 404);
    CHECK_INT(unit_server_ask(&u, "POST", "/sessions/s1/restore", NULL), 200);
    CHECK_INT(unit_server_ask(&u, "GET", "/sessions/s1", NULL), 200);
    UNIT_HTTPD_UNTIL(&u.h, strstr(buf_cstr(&u.frames), "c\n") != NULL);
    CHECK(strstr(u.frames.p, "p{\"undo_ms\":9") != NULL);
    unit_server_free(&u);
}

static void unit_routes_batch(void)
{
    static const struct {
        const char *target, *json;
        int status;
        const char *said;
    } cases[] = {
        {"/sessions/end", "{}", 422, "missing"},
        {"/sessions/end", "{\"ids\":[]}", 422, "list_type"},
        {"/sessions/end", "{\"ids\":[\"s1\",1]}", 422, "list_type"},
        {"/sessions/end", "{\"ids\":[\"s1\"],\"undo_s\":61}", 422, "undo_s"},
        {"/sessions/end", "{\"ids\":[\"s1\",\"none\",\"s2\"],\"undo_s\":9}", 200,
         "{\"ended\":[\"s1\",\"s2\"],\"failed\":[{\"session_id\":\"none\",\"detail\":"
         "\"Session not found\"}],\"undo_s\":9"},
        {"/sessions/restore", "{\"ids\":[\"s1\",\"s2\"]}", 200,
         "{\"restored\":[\"s1\",\"s2\"],\"failed\":[]"},
        {"/sessions/restore", "{\"ids\":[\"s1\"]}", 200, "\"restored\":[]"},
        {"/sessions/end", "{\"ids\":[\"s1\"],\"undo_s\":9}", 200, "\"ended\":[\"s1\"]"},
        {"/sessions/end", "{\"ids\":[\"s2\",\"s1\",\"far1\"]}", 200,
         "{\"ended\":[\"s2\",\"s1\"],\"failed\":[{\"session_id\":\"far1\""},
        {"/sessions/restore", "{\"ids\":[\"s1\",\"s2\"]}", 200, "\"restored\":[]"},
    };
    struct unit_server u;
    test_begin("many sessions end, and are restored, with one request");
    unit_server_init(&u);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK_INT(unit_server_ask(&u, "POST", cases[i].target, cases[i].json), cases[i].status);
        if (!unit_server_said(&u, cases[i].said))
            test_fail(__FILE__, __LINE__, buf_cstr(&u.body));
        if (i == 4)
            CHECK_INT(unit_server_ask(&u, "GET", "/sessions/s2", NULL), 404);
        if (i == 5)
            CHECK_INT(unit_server_ask(&u, "GET", "/sessions/s2", NULL), 200);
    }
    CHECK_INT(u.sessions.count, 0);
    unit_server_free(&u);
}

static void unit_routes_batch_most(void)
{
    struct unit_server u;
    buf ids = {0};
    test_begin("one request ends at most 20000 sessions");
    unit_server_init(&u);
    buf_str(&ids, "{\"ids\":[\"s1\"");
    for (int i = 0; i < 20000; i++)
        buf_str(&ids, ",\"s\"");
    buf_str(&ids, "]}");
    CHECK_INT(unit_server_ask(&u, "POST", "/sessions/end", buf_cstr(&ids)),
              HTTP_BODY_MAX < ids.n ? 413 : 422);
    CHECK(sessions_find(&u.sessions, "s1") != NULL);
    buf_free(&ids);
    unit_server_free(&u);
}

/* Sends a request and hangs up before its reply. */
static void unit_routes_ask_and_leave(struct unit_server *u, const char *method, const char *target,
                                      const char *json, char frame)
{
    buf b = {0};
    char want[3] = {frame, json ? '{' : '\n', '\0'};
    int i = unit_httpd_connect(&u->h);
    http_put_request(&b, method, target, json ? (long long)strlen(json) : -1, NULL);
    buf_str(&b, json ? json : "");
    buf_clear(&u->frames);
    unit_httpd_say(&u->h, i, buf_view(&b));
    UNIT_HTTPD_UNTIL(&u->h, strstr(buf_cstr(&u->frames), want) != NULL);
    unit_httpd_hang_up(&u->h, i);
    UNIT_HTTPD_UNTIL(&u->h, u->h.httpd.count == 1);
    buf_free(&b);
}

static void unit_routes_client_leaves(void)
{
    struct unit_server u;
    test_begin("a client that hangs up while a holder is asked leaves nothing behind");
    unit_server_init(&u);
    u.mute = 1;
    unit_routes_ask_and_leave(&u, "GET", "/sessions/s1/screen", NULL, FRAME_SCREEN);
    unit_routes_ask_and_leave(&u, "GET", "/sessions/s1/transcript", NULL, FRAME_TEXT);
    unit_routes_ask_and_leave(&u, "POST", "/sessions/s1/message", "{\"message\":\"x\"}",
                              FRAME_MESSAGE);
    u.mute = 0;
    CHECK_INT(unit_server_ask(&u, "GET", "/sessions/s1/screen", NULL), 200);
    unit_routes_ask_and_leave(&u, "DELETE", "/sessions/s1", NULL, FRAME_END);
    UNIT_HTTPD_UNTIL(&u.h, !sessions_find(&u.sessions, "s1")); /* it ends all the same */
    unit_server_free(&u);
}

static void unit_routes_creating_client_leaves(void)
{
    struct unit_server u;
    buf b = {0};
    static const char json[] =
        "{\"computer\":\"local\",\"project_dir\":\"/tmp\",\"command\":[\"true\"]}";
    test_begin("a session that can't be started is a 400, or nothing when its client has left");
    unit_server_init(&u);
    unit_spawn_program(&u.d, "exit 1"); /* a holder that ends without a word */
    CHECK_INT(unit_server_ask(&u, "POST", "/sessions", json), 400);
    size_t count = u.sessions.count;
    unit_spawn_program(&u.d, "dd bs=1 count=1 >/dev/null 2>&1; exit 1");
    int i = unit_httpd_connect(&u.h);
    http_put_request(&b, "POST", "/sessions", (long long)strlen(json), NULL);
    buf_str(&b, json);
    unit_httpd_say(&u.h, i, buf_view(&b));
    UNIT_HTTPD_UNTIL(&u.h, u.sessions.count > count);
    unit_httpd_hang_up(&u.h, i);
    UNIT_HTTPD_UNTIL(&u.h, u.h.httpd.count == 1);
    UNIT_HTTPD_UNTIL(&u.h, u.sessions.count == count);
    buf_free(&b);
    unit_server_free(&u);
}

static void unit_routes_unknown(void)
{
    static const char *const bodies[] = {
        NULL, "{}", "{\"title\":\"t\",\"message\":\"m\",\"answer\":\"1\",\"key\":\"enter\","
                    "\"type\":\"stop\",\"force\":true,\"from\":\"x\"}"};
    struct unit_server u;
    test_begin("every route of a session refuses one that nobody knows");
    unit_server_init(&u);
    for (size_t i = 0; i < COUNT_OF(routes_table); i++) {
        const char *tail = strchr(routes_table[i].path, '{');
        for (size_t k = 0; tail && k < COUNT_OF(bodies); k++) {
            char target[100];
            snprintf(target, sizeof target, "/sessions/nobody%s", tail + 2);
            int status = unit_server_ask(&u, routes_table[i].method, target, bodies[k]);
            CHECK(status == 404 || status == 422);
        }
    }
    unit_server_free(&u);
}

static void unit_routes(void)
{
    unit_routes_table();
    unit_routes_unknown();
    unit_routes_ends();
    unit_routes_conversation();
    unit_routes_undo();
    unit_routes_batch();
    unit_routes_batch_most();
    unit_routes_client_leaves();
    unit_routes_creating_client_leaves();
}
