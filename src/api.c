/* api - the route table, its handlers, and the topics of /ws: protocol.md sections 1 and 2.
 *
 * A handler answers at once, or asks a holder or another computer and answers when that has spoken:
 * the daemon never waits. */

#define API_VIEW_BACKLOG (256 * 1024) /* bytes queued for a viewer before its holder has to wait */
#define API_ASK_MAX_MS 5000 /* the most of wait_ms, and how long one computer is waited for */

/* ---- asking a holder ------------------------------------------------------------------------ */

/* A question to a session's holder on behalf of a client. */
struct api_ask {
    struct api *api;
    struct serve_client *client;
    struct hold_ask *asked;
    void (*answer)(struct api_ask *ask, span payload);
    void (*lost)(struct api_ask *ask); /* answers when the session ended first; NULL: 409 */
    char id[65];
    long long tail_chars;
};

static void api_ask_on_done(void *ctx, enum hold_answer how, span payload)
{
    struct api_ask *ask = ctx;
    serve_wait(ask->client, NULL, NULL);
    if (how == HOLD_ANSWERED)
        ask->answer(ask, payload);
    else if (how == HOLD_LATE)
        serve_reply_detail(ask->client, 504, "The session's holder does not answer");
    else if (ask->lost)
        ask->lost(ask);
    else
        serve_reply_detail(ask->client, 409, "The session has ended");
    free(ask);
}

static void api_ask_on_gone(void *ctx)
{
    struct api_ask *ask = ctx;
    hold_forget(ask->asked);
    free(ask);
}

/* NULL: the holder can't be reached; the caller answers. */
static struct api_ask *api_ask(struct call *call, enum hold_frame question, span payload,
                               enum hold_frame wanted,
                               void (*answer)(struct api_ask *ask, span payload))
{
    struct api_ask *ask = base_alloc(sizeof *ask);
    ask->api = call->api;
    ask->client = call->client;
    ask->answer = answer;
    snprintf(ask->id, sizeof ask->id, "%s", call->session->id);
    ask->asked = hold_ask(call->api->loop, call->session->socket, question, payload, wanted,
                          api_ask_on_done, ask);
    if (!ask->asked) {
        free(ask);
        return NULL;
    }
    serve_wait(call->client, api_ask_on_gone, ask);
    return ask;
}

/* ---- sessions ------------------------------------------------------------------------------- */

static void api_health(struct call *call)
{
    serve_reply_json(call->client, 200, span_of("{\"status\":\"ok\"}"), NULL);
}

/* A list that is sent once other computers have told theirs. */
struct api_listing {
    struct api *api;
    struct serve_client *client;
    char *computer;         /* of which alone it is; NULL or "": of all */
    void (*send)(const struct api_listing *listing);
    struct peers_gather gather;
};

static void api_listing_free(struct api_listing *listing)
{
    free(listing->computer);
    free(listing);
}

static void api_listing_on_gone(void *ctx)
{
    struct api_listing *listing = ctx;
    peers_gather_end(&listing->gather);
    api_listing_free(listing);
}

static void api_listing_on_done(void *ctx)
{
    struct api_listing *listing = ctx;
    serve_wait(listing->client, NULL, NULL);
    listing->send(listing);
    api_listing_free(listing);
}

/* computer: its own from now on. wait_ms 0: sends what is known. */
static void api_list(struct call *call, char *computer, unsigned topics, int wait_ms,
                     void (*send)(const struct api_listing *listing))
{
    struct api_listing *listing = base_alloc(sizeof *listing);
    *listing = (struct api_listing){call->api, call->client, computer, send, {0}};
    listing->gather = (struct peers_gather){.topics = topics,
                                            .computer = computer && *computer ? computer : NULL,
                                            .done = api_listing_on_done,
                                            .ctx = listing};
    if (wait_ms && peers_gather(call->api->peers, &listing->gather, wait_ms))
        serve_wait(call->client, api_listing_on_gone, listing);
    else
        api_listing_on_done(listing);
}

static void api_send_all_sessions(const struct api_listing *listing)
{
    serve_reply_blob(listing->client, cache_list(listing->api->cache));
}

static void api_list_sessions(struct call *call)
{
    struct api *a = call->api;
    char *computer = call_query(call, "computer");
    int wait_ms = call_query_int(call, "wait_ms", API_ASK_MAX_MS);
    if (call_refused(call))
        ;
    else if (!computer || !*computer) {
        api_list(call, NULL, CACHE_SESSIONS, wait_ms, api_send_all_sessions);
    } else if (!call_is_here(a, computer) && peers_must_be_asked(a->peers, computer)) {
        remote_list_sessions(call, computer);
    } else {
        buf b = {0};
        cache_put_list(a->cache, call_is_here(a, computer) ? a->config->computer : computer, &b);
        call_reply(call->client, &b);
    }
    free(computer);
}

static void api_get_session(struct call *call)
{
    const struct cache_session *known = cache_find(call->api->cache, call->session->id);
    serve_reply_json(call->client, 200, buf_view(&known->json), NULL);
}

/* A session being created for a client. */
struct api_creating {
    struct serve_client *client; /* NULL: it has gone */
};

static void api_creating_on_gone(void *ctx)
{
    ((struct api_creating *)ctx)->client = NULL;
}

static void api_on_created(void *ctx, struct session *s, const char *error)
{
    struct api_creating *creating = ctx;
    struct serve_client *client = creating->client;
    free(creating);
    if (!client)
        return;
    serve_wait(client, NULL, NULL);
    if (!s) {
        serve_reply_detail(client, 400, error);
        return;
    }
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "status", "success");
    json_field_string(&b, "session_id", s->id);
    json_field_null(&b, "tmux_session_name");
    json_key(&b, "data");
    json_open(&b, '{');
    json_field_string(&b, "session_id", s->id);
    json_field_null(&b, "tmux_session_name");
    json_close(&b, '}');
    json_close(&b, '}');
    call_reply(client, &b);
}

/* The member `command`: an array of strings, or one string to be split. NULL without a fault:
 * absent. */
static char **api_command(struct call *call)
{
    struct json value = json_get(call->body, "command");
    buf line = {0};
    if (value.type == JSON_NONE || value.type == JSON_NULL)
        return NULL;
    if (value.type == JSON_STRING)
        json_put_text(&line, value);
    for (struct json_iter it = json_iter(value); value.type == JSON_ARRAY && json_next(&it);) {
        char *word = json_dup_text(it.value);
        if (word) {
            config_put_quoted(&line, word);
            buf_byte(&line, ' ');
        } else {
            call_fault(call, "string_type", "body", "command",
                       "Input should be an array of strings");
        }
        free(word);
    }
    char **argv = config_words(buf_view(&line));
    buf_free(&line);
    if (argv && argv[0])
        return argv;
    free(argv);
    call_fault(call, "string_type", "body", "command", "Input should be a command line");
    return NULL;
}

/* The directory of a new session, to be freed. project_path is another name for project_dir. */
static char *api_directory(struct call *call)
{
    static const struct call_field dir = {"project_dir", 1, 2, NULL},
                                   path = {"project_path", 1, 2, NULL};
    int other = json_get(call->body, "project_dir").type == JSON_NONE &&
                json_get(call->body, "project_path").type != JSON_NONE;
    return call_string(call, other ? &path : &dir);
}

static void api_create_session(struct call *call)
{
    static const struct call_field computer_field = {"computer", 1, 2, NULL},
                                   agent_field = {"agent", 0, 1, NULL},
                                   mode_field = {"thinking_mode", 0, 0, "fast|med|slow"},
                                   title_field = {"title", 0, 0, NULL},
                                   message_field = {"message", 0, 0, NULL},
                                   initiator_field = {"initiator_session_id", 0, 0, NULL};
    char *computer = call_string(call, &computer_field), *directory = api_directory(call);
    char *agent = call_string(call, &agent_field), *mode = call_string(call, &mode_field);
    char *title = call_string(call, &title_field), *message = call_string(call, &message_field);
    char *initiator = call_string(call, &initiator_field);
    char **command = api_command(call);
    struct session_plan plan = {.title = title && *title ? title : NULL,
                                .directory = directory,
                                .agent = agent ? agent : "claude",
                                .mode = mode ? mode : "slow",
                                .initiator = initiator,
                                .message = message && *message ? message : NULL,
                                .command = command,
                                .env = json_get(call->body, "env")};
    plan.cols = call_int(call, "cols", 1, VT_COLS_MAX, 80);
    plan.rows = call_int(call, "rows", 1, VT_ROWS_MAX, 24);
    int here = call_is_here(call->api, computer);
    if (here && !command && !config_agent(call->api->config, plan.agent))
        call_fault(call, "literal_error", "body", "agent", "Input should be a configured agent");
    if (call_refused(call)) {
        ;
    } else if (!here) {
        remote_create(call, computer, &plan);
    } else {
        struct api_creating *creating = base_alloc(sizeof *creating);
        creating->client = call->client;
        serve_wait(call->client, api_creating_on_gone, creating);
        session_create(call->api->sessions, &plan, api_on_created, creating);
    }
    free(computer), free(directory), free(agent), free(mode), free(title), free(message),
        free(initiator);
    free(command);
}

static void api_rename_session(struct call *call)
{
    char *title = call_title(call);
    if (call_refused(call))
        ;
    else if (session_rename(call->session, title) == 0)
        api_get_session(call);
    else
        serve_reply_detail(call->client, 500, strerror(errno));
    free(title);
}

/* A client that waits for a session's end. */
struct api_ending {
    struct session_waiter waiter;
    struct serve_client *client;
    char id[9];
};

static void api_ending_on_gone(void *ctx)
{
    struct api_ending *ending = ctx;
    session_forget(&ending->waiter); /* it ends all the same */
    free(ending);
}

static void api_on_ended(void *ctx)
{
    struct api_ending *ending = ctx;
    buf b = {0}, message = {0};
    buf_fmt(&message, "Session %s ended successfully", ending->id);
    json_open(&b, '{');
    json_field_string(&b, "status", "success");
    json_field_string(&b, "message", buf_cstr(&message));
    json_close(&b, '}');
    serve_wait(ending->client, NULL, NULL);
    call_reply(ending->client, &b);
    buf_free(&message);
    free(ending);
}

static void api_stop_session(struct call *call, int undo_s)
{
    buf b = {0}, message = {0};
    session_stop(call->session, undo_s);
    buf_fmt(&message, "Session %.8s ends in %d s", call->session->id, undo_s);
    json_open(&b, '{');
    json_field_string(&b, "status", "success");
    json_field_string(&b, "message", buf_cstr(&message));
    json_field_int(&b, "undo_s", undo_s);
    json_close(&b, '}');
    call_reply(call->client, &b);
    buf_free(&message);
}

/* Only a session that is about to be ended gets here. */
static void api_restore_session(struct call *call)
{
    session_continue(call->session);
    api_get_session(call);
}

static void api_delete_session(struct call *call)
{
    int undo_s = call_query_int(call, "undo_s", SESSION_UNDO_MAX_S);
    if (call_refused(call))
        return;
    if (undo_s && call->session->holder.open && !session_has_exited(call->session)) {
        api_stop_session(call, undo_s);
        return;
    }
    struct api_ending *ending = base_alloc(sizeof *ending);
    ending->client = call->client;
    ending->waiter = (struct session_waiter){.ended = api_on_ended, .ctx = ending};
    snprintf(ending->id, sizeof ending->id, "%.8s", call->session->id);
    serve_wait(call->client, api_ending_on_gone, ending);
    session_end(call->session, &ending->waiter);
}

static void api_answer_receipt(struct api_ask *ask, span payload)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "status", "success");
    json_key(&b, "result");
    json_put_string(&b, payload);
    json_close(&b, '}');
    call_reply(ask->client, &b);
}

static void api_send_message(struct call *call)
{
    static const struct call_field field = {"message", 1, 1, NULL};
    char *text = call_string(call, &field);
    if (!call_refused(call) && call_is_running(call)) {
        buf b = {0};
        json_open(&b, '{');
        json_field_string(&b, "text", text);
        json_field_bool(&b, "enter", json_get(call->body, "enter").type != JSON_FALSE);
        json_close(&b, '}');
        if (!api_ask(call, HOLD_MESSAGE, buf_view(&b), HOLD_RECEIPT, api_answer_receipt))
            serve_reply_detail(call->client, 409, "The session has ended");
        buf_free(&b);
    }
    free(text);
}

static void api_send_keys(struct call *call)
{
    int count;
    char *key = call_key(call, &count);
    if (!call_refused(call) && call_is_running(call)) {
        buf b = {0};
        json_open(&b, '{');
        json_field_string(&b, "key", key);
        json_field_int(&b, "count", count);
        json_close(&b, '}');
        hold_send(&call->session->holder, HOLD_KEYS, buf_view(&b));
        buf_free(&b);
        call_reply_success(call->client);
    }
    free(key);
}

static void api_send_event(struct call *call)
{
    static const struct call_field
        type_field = {"type", 1, 1, "prompt|stop|notification|session_start|session_end"},
        text_field = {"text", 0, 0, NULL}, native_field = {"native_session_id", 0, 0, NULL};
    char *type = call_string(call, &type_field), *text = call_string(call, &text_field);
    char *native = call_string(call, &native_field);
    if (!call_refused(call) && call_is_running(call)) {
        session_report(call->session, call->body.text);
        call_reply_success(call->client);
    }
    free(type), free(text), free(native);
}

/* ---- transcript and screen ------------------------------------------------------------------ */

static void api_reply_transcript(struct api *api, struct serve_client *client, const char *id,
                                 span text, long long tail_chars)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "status", "success");
    json_key(&b, "transcript");
    json_put_string(&b, utf8_tail(text, tail_chars));
    json_key(&b, "data");
    session_put_transcript(api->sessions, id, text, tail_chars, &b);
    json_close(&b, '}');
    call_reply(client, &b);
}

static void api_answer_text(struct api_ask *ask, span payload)
{
    api_reply_transcript(ask->api, ask->client, ask->id, payload, ask->tail_chars);
}

static void api_reply_log(struct api *api, struct serve_client *client, const char *id,
                          long long tail_chars)
{
    struct session *s = session_find(api->sessions, id);
    buf text = {0};
    if (s) {
        session_set_seen(s);
        session_text(s, &text);
    }
    api_reply_transcript(api, client, id, buf_view(&text), tail_chars);
    buf_free(&text);
}

static void api_text_lost(struct api_ask *ask)
{
    api_reply_log(ask->api, ask->client, ask->id, ask->tail_chars);
}

static void api_transcript(struct call *call)
{
    long long tail_chars = call_tail_chars(call);
    if (call_refused(call))
        return;
    int running = call->session->holder.open && !session_has_exited(call->session);
    struct api_ask *ask =
        running ? api_ask(call, HOLD_TEXT, (span){0}, HOLD_TEXT_IS, api_answer_text) : NULL;
    if (!ask) {
        api_reply_log(call->api, call->client, call->session->id, tail_chars);
        return;
    }
    ask->tail_chars = tail_chars;
    ask->lost = api_text_lost;
    session_set_seen(call->session);
}

static void api_answer_screen(struct api_ask *ask, span payload)
{
    serve_reply_json(ask->client, 200, payload, NULL);
}

static void api_screen(struct call *call)
{
    if (call_is_running(call) &&
        !api_ask(call, HOLD_SCREEN, (span){0}, HOLD_SCREEN_IS, api_answer_screen))
        serve_reply_detail(call->client, 409, "The session has ended");
}

/* ---- attach: a WebSocket on one side, a holder on the other --------------------------------- */

struct api_attach {
    struct serve_client *client; /* NULL: it has gone */
    struct hold_link link;
    int control;
};

static void api_attach_free(struct api_attach *attach)
{
    if (!attach->client && !attach->link.open)
        free(attach);
}

static void api_attach_on_frame(void *ctx, enum hold_frame type, span payload)
{
    struct api_attach *attach = ctx;
    if (!attach->client)
        return;
    if (type == HOLD_SIZE)
        serve_send_frame(attach->client, WS_TEXT, payload);
    else if (type == HOLD_OUTPUT || type == HOLD_SNAPSHOT)
        serve_send_frame(attach->client, WS_BINARY, payload);
    if (serve_queued(attach->client) > API_VIEW_BACKLOG)
        conn_pause(&attach->link.conn, 1); /* the holder notices, and skips to a snapshot */
}

static void api_attach_on_link_closed(void *ctx)
{
    struct api_attach *attach = ctx;
    if (attach->client)
        serve_close_ws(attach->client, 1000, "the session has ended");
    api_attach_free(attach);
}

static void api_attach_on_message(void *ctx, enum ws_opcode opcode, span payload)
{
    struct api_attach *attach = ctx;
    struct json message, size, cols = {0}, rows = {0};
    if (!attach->control)
        return;
    if (opcode == WS_BINARY) {
        hold_send(&attach->link, HOLD_INPUT, payload);
        return;
    }
    if (json_parse(payload, &message, NULL, NULL) != PARSE_DONE)
        return;
    size = json_get(message, "resize");
    struct json_iter it = json_iter(size);
    if (size.type != JSON_ARRAY || !json_next(&it))
        return;
    cols = it.value;
    if (!json_next(&it))
        return;
    rows = it.value;
    buf b = {0};
    json_open(&b, '{');
    json_key(&b, "cols");
    json_put_raw(&b, cols.text);
    json_key(&b, "rows");
    json_put_raw(&b, rows.text);
    json_close(&b, '}');
    hold_send(&attach->link, HOLD_RESIZE, buf_view(&b));
    buf_free(&b);
}

static void api_attach_on_drained(void *ctx)
{
    struct api_attach *attach = ctx;
    if (attach->link.open)
        conn_pause(&attach->link.conn, 0);
}

static void api_attach_on_closed(void *ctx, const char *why)
{
    struct api_attach *attach = ctx;
    (void)why;
    attach->client = NULL;
    hold_close(&attach->link);
    api_attach_free(attach);
}

static const struct serve_ws_hooks api_attach_hooks = {api_attach_on_message, api_attach_on_drained,
                                                       api_attach_on_closed};

static void api_attach(struct call *call)
{
    char how[3];
    int control = call_view_mode(call, how);
    if (call_refused(call) || !call_is_running(call) || !call_wants_websocket(call))
        return;
    struct api_attach *attach = base_alloc(sizeof *attach);
    attach->control = control;
    attach->link.on_frame = api_attach_on_frame;
    attach->link.on_closed = api_attach_on_link_closed;
    attach->link.ctx = attach;
    if (hold_open(&attach->link, call->api->loop, call->session->socket) != 0) {
        serve_reply_detail(call->client, 409, "The session's holder is not there");
        free(attach);
    } else if (serve_upgrade(call->client, call->request->head, &api_attach_hooks, attach)) {
        attach->client = call->client;
        hold_send(&attach->link, HOLD_VIEW, span_of(how));
    } else {
        hold_close(&attach->link);
    }
}

/* ---- computers, projects, agents, status ---------------------------------------------------- */

static void api_list_computers(struct call *call)
{
    buf b = {0};
    json_open(&b, '[');
    peers_put_computers(call->api->peers, &b);
    json_close(&b, ']');
    call_reply(call->client, &b);
}

static void api_send_projects_as(const struct api_listing *listing, int with_todos)
{
    const struct api *a = listing->api;
    buf b = {0};
    json_open(&b, '[');
    if (call_is_here(a, listing->computer))
        projects_put(a->projects, &b, with_todos);
    if (!listing->gather.computer || !call_is_here(a, listing->computer))
        peers_put_projects(a->peers, listing->gather.computer, with_todos, &b);
    json_close(&b, ']');
    call_reply(listing->client, &b);
}

static void api_send_projects(const struct api_listing *listing)
{
    api_send_projects_as(listing, 0);
}

static void api_send_todos(const struct api_listing *listing)
{
    api_send_projects_as(listing, 1);
}

/* Of another computer alone: it is asked, unless what it has is known. */
static void api_list_projects_as(struct call *call, void (*send)(const struct api_listing *listing))
{
    char *computer = call_query(call, "computer");
    int wait_ms = call_query_int(call, "wait_ms", API_ASK_MAX_MS);
    if (call_refused(call)) {
        free(computer);
        return;
    }
    if (!call_is_here(call->api, computer) && !wait_ms)
        wait_ms = API_ASK_MAX_MS;
    api_list(call, computer, CACHE_PREPARATION, wait_ms, send);
}

static void api_list_projects(struct call *call)
{
    api_list_projects_as(call, api_send_projects);
}

static void api_list_projects_with_todos(struct call *call)
{
    api_list_projects_as(call, api_send_todos);
}

/* A path as projects are known by: without slashes at its end. */
static void api_trim_path(char *path)
{
    size_t n = path ? strlen(path) : 0;
    while (n > 1 && path[n - 1] == '/')
        path[--n] = '\0';
}

static void api_reply_path(struct call *call, int status, const char *path, const char *what)
{
    buf b = {0};
    utf8_put_visible(&b, span_of(path));
    buf_str(&b, what);
    serve_reply_detail(call->client, status, buf_cstr(&b));
    buf_free(&b);
}

static void api_add_project(struct call *call)
{
    static const struct call_field path_field = {"path", 1, 1, NULL},
                                   name_field = {"name", 0, 0, NULL},
                                   description_field = {"description", 0, 0, NULL};
    char *path = call_string(call, &path_field), *name = call_string(call, &name_field);
    char *description = call_string(call, &description_field);
    struct stat st;
    api_trim_path(path);
    if (call_refused(call))
        ;
    else if (path[0] != '/' || stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        api_reply_path(call, 400, path, ": the absolute path of a directory is expected");
    else if (projects_add(call->api->projects, path, name, description) == 0)
        call_reply_success(call->client);
    else
        serve_reply_detail(call->client, 500, strerror(errno));
    free(path), free(name), free(description);
}

static void api_remove_project(struct call *call)
{
    char *path = call_query(call, "path");
    api_trim_path(path);
    if (!path && !call->faults.n)
        call_fault(call, "missing", "query", "path", "Field required");
    if (call_refused(call))
        ;
    else if (projects_remove(call->api->projects, path) == 0)
        call_reply_success(call->client);
    else if (errno == ENOENT)
        api_reply_path(call, 404, path, ": no such project is remembered");
    else if (errno == EPERM)
        api_reply_path(call, 409, path, ": this project stands in the configuration file");
    else
        serve_reply_detail(call->client, 500, strerror(errno));
    free(path);
}

static void api_list_agents(struct call *call)
{
    const struct config *config = call->api->config;
    buf b = {0};
    json_open(&b, '{');
    for (int i = 0; i < config->agent_count; i++) {
        char **words = config_words(span_of(config->agents[i].command));
        int available = words && words[0] && config_on_path(words[0]);
        json_key(&b, config->agents[i].name);
        json_open(&b, '{');
        json_field_string(&b, "agent", config->agents[i].name);
        json_field_bool(&b, "available", available);
        json_field_null(&b, "unavailable_until");
        json_field_string(&b, "reason", available ? NULL : "not installed");
        json_close(&b, '}');
        free(words);
    }
    json_close(&b, '}');
    call_reply(call->client, &b);
}

static void api_status(struct call *call)
{
    const struct api *a = call->api;
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "version", TELEC_VERSION);
    json_field_int(&b, "pid", getpid());
    json_field_int(&b, "uptime_s", (clock_wall_ms() - a->started_at) / 1000);
    json_field_int(&b, "clients", a->serve->count);
    json_field_int(&b, "sessions", (long long)a->cache->count);
    json_field_int(&b, "events_sent", a->cache->events_sent);
    json_field_int(&b, "events_coalesced", a->cache->events_coalesced);
    json_field_int(&b, "clients_dropped", a->serve->dropped);
    peers_put_status(a->peers, &b);
    json_close(&b, '}');
    call_reply(call->client, &b);
}

/* ---- /ws ------------------------------------------------------------------------------------ */

struct api_subscriber {
    struct api *api;
    struct serve_client *client;
    struct cache_subscriber cache;
    char *here;             /* the directory it was opened in, if it said so */
    /* updates were dropped: the full state is due when the queue has drained */
    int overflowed;
};

/* {"event": "sessions_initial", "data": {"sessions": […]}}: the list itself is shared, not
 * copied. */
static void api_send_sessions(struct api_subscriber *s)
{
    static const char before[] = "{\"event\":\"sessions_initial\",\"data\":{\"sessions\":",
                      after[] = "}}";
    blob *list = cache_list(s->api->cache);
    unsigned char head[WS_HEAD_MAX];
    buf b = {0};
    buf_add(&b, head, ws_frame_head(head, WS_TEXT, sizeof before - 1 + list->n + sizeof after - 1));
    buf_str(&b, before);
    blob *first = blob_new(buf_view(&b)), *last = blob_new(span_of(after));
    serve_send_blob(s->client, first, 1);
    serve_send_blob(s->client, list, 0);
    serve_send_blob(s->client, last, 0);
    blob_drop(first);
    blob_drop(last);
    buf_free(&b);
}

static void api_send_preparation(struct api_subscriber *s)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "event", "preparation_initial");
    json_key(&b, "data");
    json_open(&b, '{');
    json_key(&b, "projects");
    json_open(&b, '[');
    projects_put(s->api->projects, &b, 1);
    peers_put_projects(s->api->peers, NULL, 1, &b);
    json_close(&b, ']');
    json_close(&b, '}');
    json_close(&b, '}');
    serve_send_frame(s->client, WS_TEXT, buf_view(&b));
    buf_clear(&b);
    if (s->here)
        projects_put_event(s->api->projects, s->here, &b);
    if (b.n)
        serve_send_frame(s->client, WS_TEXT, buf_view(&b));
    buf_free(&b);
}

static const struct api_topic {
    const char *name;
    unsigned topic;
    void (*send_initial)(struct api_subscriber *s);
} api_topics[] = {{"sessions", CACHE_SESSIONS, api_send_sessions},
                  {"preparation", CACHE_PREPARATION, api_send_preparation}};

static void api_send_initial(struct api_subscriber *s, unsigned topics)
{
    for (size_t i = 0; i < COUNT_OF(api_topics); i++)
        if (topics & api_topics[i].topic)
            api_topics[i].send_initial(s);
}

/* Past the limit a client gets no more updates but, once it has read what is under way, everything
 * anew. */
static void api_push(void *ctx, blob *frame)
{
    struct api_subscriber *s = ctx;
    if (s->overflowed)
        return;
    if (serve_queued(s->client) && serve_queued(s->client) + frame->n > SERVE_QUEUE_MAX) {
        log_line(LOG_WARN, "a client is slow: %zu bytes of updates dropped",
                 serve_queued(s->client));
        s->overflowed = 1;
        serve_drop_unsent(s->client);
        return;
    }
    serve_send_blob(s->client, frame, 1);
}

static void api_ws_on_drained(void *ctx)
{
    struct api_subscriber *s = ctx;
    if (!s->overflowed)
        return;
    s->overflowed = 0;
    api_send_initial(s, s->cache.topics);
}

static unsigned api_topic_of(struct json name)
{
    for (size_t i = 0; i < COUNT_OF(api_topics); i++)
        if (json_text_eq(name, api_topics[i].name))
            return api_topics[i].topic;
    return 0;
}

/* "here": the directory the client was opened in; absent: as before. */
static void api_set_here(struct api_subscriber *s, struct json here)
{
    char *path = json_dup_text(here);
    api_trim_path(path);
    if (path && path[0] == '/' && strlen(path) < PATH_MAX) {
        projects_visit(s->api->projects, path);
        if (s->here)
            projects_leave(s->api->projects, s->here);
        free(s->here);
        s->here = path;
    } else {
        free(path);
    }
}

static void api_ws_on_message(void *ctx, enum ws_opcode opcode, span payload)
{
    struct api_subscriber *s = ctx;
    struct json message;
    if (opcode != WS_TEXT) {
        serve_close_ws(s->client, 1003, "text is expected");
        return;
    }
    if (json_parse(payload, &message, NULL, NULL) != PARSE_DONE || message.type != JSON_OBJECT) {
        log_line(LOG_WARN, "a client sent what is not a JSON object: %.*s",
                 (int)(payload.n < 80 ? payload.n : 80), payload.p);
        return;
    }
    struct json subscribe = json_get(message, "subscribe"),
                unsubscribe = json_get(message, "unsubscribe");
    unsigned more = api_topic_of(subscribe), less = api_topic_of(unsubscribe);
    if ((subscribe.type && !more) || (unsubscribe.type && !less))
        log_line(LOG_WARN, "a client named an unknown topic: %.*s",
                 (int)(payload.n < 80 ? payload.n : 80), payload.p);
    if (more & CACHE_PREPARATION)
        api_set_here(s, json_get(message, "here"));
    if (more || less)
        cache_subscribe(s->api->cache, &s->cache, (s->cache.topics | more) & ~less);
    if (json_get(message, "refresh").type == JSON_TRUE) {
        more = s->cache.topics;
        projects_doubt(s->api->projects);
        peers_refresh(s->api->peers);
    }
    if (more && serve_queued(s->client) > SERVE_QUEUE_MAX) { /* asks faster than it reads */
        s->overflowed = 1;
        return;
    }
    api_send_initial(s, more);
}

static void api_ws_on_closed(void *ctx, const char *why)
{
    struct api_subscriber *s = ctx;
    (void)why;
    cache_subscribe(s->api->cache, &s->cache, 0);
    if (s->here)
        projects_leave(s->api->projects, s->here);
    free(s->here);
    free(s);
}

static const struct serve_ws_hooks api_ws_hooks = {api_ws_on_message, api_ws_on_drained,
                                                   api_ws_on_closed};

static void api_ws(struct call *call)
{
    if (!call_wants_websocket(call))
        return;
    struct api_subscriber *s = base_alloc(sizeof *s);
    s->api = call->api;
    s->client = call->client;
    s->cache.send = api_push;
    s->cache.ctx = s;
    if (!serve_upgrade(call->client, call->request->head, &api_ws_hooks, s))
        free(s);
}

/* ---- routes --------------------------------------------------------------------------------- */

static const struct api_route {
    const char *method, *path; /* {} stands for a session's id */
    void (*handle)(struct call *call);
    void (*elsewhere)(struct call *call); /* the session is another computer's; NULL: 404 */
    int has_body;
    int hidden; /* {} is one that is about to be ended */
} api_routes[] = {
    {"GET", "/health", api_health, NULL, 0, 0},
    {"GET", "/sessions", api_list_sessions, NULL, 0, 0},
    {"POST", "/sessions", api_create_session, NULL, 1, 0},
    {"GET", "/sessions/{}", api_get_session, remote_get, 0, 0},
    {"PATCH", "/sessions/{}", api_rename_session, remote_rename, 1, 0},
    {"DELETE", "/sessions/{}", api_delete_session, remote_delete, 0, 0},
    {"POST", "/sessions/{}/restore", api_restore_session, remote_restore, 0, 1},
    {"POST", "/sessions/{}/message", api_send_message, remote_message, 1, 0},
    {"POST", "/sessions/{}/keys", api_send_keys, remote_keys, 1, 0},
    {"POST", "/sessions/{}/event", api_send_event, NULL, 1, 0},
    {"GET", "/sessions/{}/transcript", api_transcript, remote_transcript, 0, 0},
    {"GET", "/sessions/{}/screen", api_screen, remote_screen, 0, 0},
    {"GET", "/sessions/{}/attach", api_attach, remote_attach, 0, 0},
    {"GET", "/computers", api_list_computers, NULL, 0, 0},
    {"GET", "/projects", api_list_projects, NULL, 0, 0},
    {"POST", "/projects", api_add_project, NULL, 1, 0},
    {"DELETE", "/projects", api_remove_project, NULL, 0, 0},
    {"GET", "/projects-with-todos", api_list_projects_with_todos, NULL, 0, 0},
    {"GET", "/agents/availability", api_list_agents, NULL, 0, 0},
    {"GET", "/status", api_status, NULL, 0, 0},
    {"GET", "/ws", api_ws, NULL, 0, 0},
};

/* Does path fit the pattern? *id is what stands for {}. */
static int api_path_fits(const char *pattern, span path, span *id)
{
    const char *hole = strstr(pattern, "{}");
    if (!hole)
        return span_eq(path, pattern);
    size_t before = (size_t)(hole - pattern), after = strlen(hole + 2);
    if (path.n <= before + after || memcmp(path.p, pattern, before) != 0)
        return 0;
    *id = (span){path.p + before, path.n - before - after};
    for (size_t i = 0; i < id->n; i++)
        if (id->p[i] == '/')
            return 0;
    return memcmp(path.p + path.n - after, hole + 2, after) == 0;
}

/* Whose session the path is about: call->session, or call->computer; 0: answered. computer= goes
 * before what is known of the id. */
static int api_find(struct call *call, const char *id, const char *computer, int hidden)
{
    struct api *a = call->api;
    const struct cache_session *known = cache_find(a->cache, id);
    buf b = {0};
    call->id = id;
    if (call_is_here(a, computer))
        call->session =
            hidden ? session_find_hidden(a->sessions, id) : session_find(a->sessions, id);
    if (!call->session && (!computer || !*computer) && known && !call_is_here(a, known->computer))
        call->computer = known->computer;
    else if (!call_is_here(a, computer) && peers_find(a->peers, span_of(computer)))
        call->computer = computer;
    if (call->session || (call->computer && store_id_is_plain(id)))
        return 1;
    if (call_is_here(a, computer)) {
        serve_reply_detail(call->client, 404, "Session not found");
        return 0;
    }
    buf_str(&b, "Computer '");
    utf8_put_visible(&b, span_of(computer));
    buf_str(&b, "' is not known here");
    serve_reply_detail(call->client, 404, buf_cstr(&b));
    buf_free(&b);
    return 0;
}

static void api_run_found(struct call *call, const struct api_route *route)
{
    void (*handle)(struct call * call) = call->computer ? route->elsewhere : route->handle;
    if (!handle) {
        serve_reply_detail(call->client, 404, "Session not found");
        return;
    }
    if (route->has_body)
        call_parse_body(call);
    if (call->body.type == JSON_OBJECT || !call_refused(call))
        handle(call);
}

static void api_run(struct call *call, const struct api_route *route, span encoded_id)
{
    buf id = {0};
    if (!encoded_id.p) {
        api_run_found(call, route);
    } else if (!http_decode(encoded_id, 0, &id)) {
        serve_reply_detail(call->client, 404, "Session not found");
    } else {
        char *computer = call_query(call, "computer");
        if (!call_refused(call) && api_find(call, buf_cstr(&id), computer, route->hidden))
            api_run_found(call, route);
        free(computer);
    }
    buf_free(&id);
    buf_free(&call->faults);
}

static void api_handle(void *ctx, struct serve_request *request)
{
    struct call call = {.api = ctx, .client = request->client, .request = request};
    buf allow = {0};
    for (size_t i = 0; i < COUNT_OF(api_routes); i++) {
        span id = {0};
        if (!api_path_fits(api_routes[i].path, request->path, &id))
            continue;
        if (span_eq(request->method, api_routes[i].method)) {
            buf_free(&allow);
            api_run(&call, &api_routes[i], id);
            return;
        }
        buf_str(&allow, allow.n ? ", " : "Allow: ");
        buf_str(&allow, api_routes[i].method);
    }
    buf_str(&allow, allow.n ? "\r\n" : "");
    if (allow.n)
        serve_reply_json(request->client, 405, span_of("{\"detail\":\"Method Not Allowed\"}"),
                         buf_cstr(&allow));
    else
        serve_reply_detail(request->client, 404, "Not Found");
    buf_free(&allow);
}

static void api_init(struct api *a, struct loop *l, const struct config *config,
                     struct cache *cache, struct sessions *sessions, struct projects *projects,
                     struct peers *peers, struct watches *watches, struct serve *serve)
{
    *a = (struct api){.loop = l,
                      .config = config,
                      .cache = cache,
                      .sessions = sessions,
                      .projects = projects,
                      .peers = peers,
                      .watches = watches,
                      .serve = serve,
                      .started_at = clock_wall_ms()};
}
