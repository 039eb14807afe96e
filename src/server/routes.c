#include "server.h"

/* ---- sessions ------------------------------------------------------------------------------- */

static void routes_health(struct request *call)
{
    httpd_reply_json(call->client, 200, span_of("{\"status\":\"ok\"}"), NULL);
}

/* A list that is sent once other computers have told theirs. */
struct api_listing {
    struct api *api;
    struct httpd_client *client;
    char *computer;         /* of which alone it is; NULL or "": of all */
    void (*send)(const struct api_listing *listing);
    struct pull_gather gather;
};

static void routes_listing_free(struct api_listing *listing)
{
    free(listing->computer);
    free(listing);
}

static void routes_listing_on_gone(void *ctx)
{
    struct api_listing *listing = ctx;
    pull_gather_end(&listing->gather);
    routes_listing_free(listing);
}

static void routes_listing_on_done(void *ctx)
{
    struct api_listing *listing = ctx;
    httpd_wait(listing->client, NULL, NULL);
    listing->send(listing);
    routes_listing_free(listing);
}

/* computer: its own from now on. wait_ms 0: sends what is known. */
static void routes_list(struct request *call, char *computer, unsigned topics, int wait_ms,
                     void (*send)(const struct api_listing *listing))
{
    struct api_listing *listing = base_alloc(sizeof *listing);
    *listing = (struct api_listing){call->api, call->client, computer, send, {0}};
    listing->gather = (struct pull_gather){.topics = topics,
                                            .computer = computer && *computer ? computer : NULL,
                                            .done = routes_listing_on_done,
                                            .ctx = listing};
    if (wait_ms && pull_gather(call->api->peers, &listing->gather, wait_ms))
        httpd_wait(call->client, routes_listing_on_gone, listing);
    else
        routes_listing_on_done(listing);
}

static void routes_send_all_sessions(const struct api_listing *listing)
{
    httpd_reply_blob(listing->client, cache_list(listing->api->cache));
}

static void routes_list_sessions(struct request *call)
{
    struct api *a = call->api;
    char *computer = request_query(call, "computer");
    int wait_ms = request_query_int(call, "wait_ms", API_ASK_MAX_MS);
    if (request_refused(call))
        ;
    else if (!computer || !*computer) {
        routes_list(call, NULL, CACHE_SESSIONS, wait_ms, routes_send_all_sessions);
    } else if (!request_is_here(a, computer) && presence_must_be_asked(a->peers, computer)) {
        proxy_list_sessions(call, computer);
    } else {
        buf b = {0};
        cache_put_list(a->cache, request_is_here(a, computer) ? a->config->computer : computer, &b);
        request_reply(call->client, &b);
    }
    free(computer);
}

static void routes_get_session(struct request *call)
{
    const struct cache_session *known = cache_find(call->api->cache, call->session->id);
    httpd_reply_json(call->client, 200, buf_view(&known->json), NULL);
}

/* A session being created for a client. */
struct api_creating {
    struct httpd_client *client; /* NULL: it has gone */
};

static void routes_creating_on_gone(void *ctx)
{
    ((struct api_creating *)ctx)->client = NULL;
}

static void routes_on_created(void *ctx, struct session *s, const char *error)
{
    struct api_creating *creating = ctx;
    struct httpd_client *client = creating->client;
    free(creating);
    if (!client)
        return;
    httpd_wait(client, NULL, NULL);
    if (!s) {
        httpd_reply_detail(client, 400, error);
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
    request_reply(client, &b);
}

/* The member `command`: an array of strings, or one string to be split. NULL without a fault:
 * absent. */
static char **routes_command(struct request *call)
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
            request_fault(call, "string_type", "body", "command",
                       "Input should be an array of strings");
        }
        free(word);
    }
    char **argv = config_words(buf_view(&line));
    buf_free(&line);
    if (argv && argv[0])
        return argv;
    free(argv);
    request_fault(call, "string_type", "body", "command", "Input should be a command line");
    return NULL;
}

/* The directory of a new session, to be freed. project_path is another name for project_dir. */
static char *routes_directory(struct request *call)
{
    static const struct request_field dir = {"project_dir", 1, 2, NULL},
                                   path = {"project_path", 1, 2, NULL};
    int other = json_get(call->body, "project_dir").type == JSON_NONE &&
                json_get(call->body, "project_path").type != JSON_NONE;
    return request_string(call, other ? &path : &dir);
}

static void routes_create_session(struct request *call)
{
    static const struct request_field computer_field = {"computer", 1, 2, NULL},
                                   agent_field = {"agent", 0, 1, NULL},
                                   mode_field = {"thinking_mode", 0, 0, "fast|med|slow"},
                                   title_field = {"title", 0, 0, NULL},
                                   message_field = {"message", 0, 0, NULL},
                                   initiator_field = {"initiator_session_id", 0, 0, NULL};
    char *computer = request_string(call, &computer_field), *directory = routes_directory(call);
    char *agent = request_string(call, &agent_field), *mode = request_string(call, &mode_field);
    char *title = request_string(call, &title_field), *message = request_string(call, &message_field);
    char *initiator = request_string(call, &initiator_field);
    char **command = routes_command(call);
    struct session_plan plan = {.title = title && *title ? title : NULL,
                                .directory = directory,
                                .agent = agent ? agent : "claude",
                                .mode = mode ? mode : "slow",
                                .initiator = initiator,
                                .message = message && *message ? message : NULL,
                                .command = command,
                                .env = json_get(call->body, "env")};
    plan.cols = request_int(call, "cols", 1, VT_COLS_MAX, 80);
    plan.rows = request_int(call, "rows", 1, VT_ROWS_MAX, 24);
    int here = request_is_here(call->api, computer);
    if (here && !command && !config_agent(call->api->config, plan.agent))
        request_fault(call, "literal_error", "body", "agent", "Input should be a configured agent");
    if (request_refused(call)) {
        ;
    } else if (!here) {
        proxy_create(call, computer, &plan);
    } else {
        struct api_creating *creating = base_alloc(sizeof *creating);
        creating->client = call->client;
        httpd_wait(call->client, routes_creating_on_gone, creating);
        session_create(call->api->sessions, &plan, routes_on_created, creating);
    }
    free(computer), free(directory), free(agent), free(mode), free(title), free(message),
        free(initiator);
    free(command);
}

static void routes_rename_session(struct request *call)
{
    char *title = request_title(call);
    if (request_refused(call))
        ;
    else if (session_rename(call->session, title) == 0)
        routes_get_session(call);
    else
        httpd_reply_detail(call->client, 500, strerror(errno));
    free(title);
}

/* A client that waits for a session's end. */
struct api_ending {
    struct session_waiter waiter;
    struct httpd_client *client;
    char id[9];
};

static void routes_ending_on_gone(void *ctx)
{
    struct api_ending *ending = ctx;
    session_forget(&ending->waiter); /* it ends all the same */
    free(ending);
}

static void routes_on_ended(void *ctx)
{
    struct api_ending *ending = ctx;
    buf b = {0}, message = {0};
    buf_fmt(&message, "Session %s ended successfully", ending->id);
    json_open(&b, '{');
    json_field_string(&b, "status", "success");
    json_field_string(&b, "message", buf_cstr(&message));
    json_close(&b, '}');
    httpd_wait(ending->client, NULL, NULL);
    request_reply(ending->client, &b);
    buf_free(&message);
    free(ending);
}

static void routes_stop_session(struct request *call, int undo_s)
{
    buf b = {0}, message = {0};
    session_stop(call->session, undo_s);
    buf_fmt(&message, "Session %.8s ends in %d s", call->session->id, undo_s);
    json_open(&b, '{');
    json_field_string(&b, "status", "success");
    json_field_string(&b, "message", buf_cstr(&message));
    json_field_int(&b, "undo_s", undo_s);
    json_close(&b, '}');
    request_reply(call->client, &b);
    buf_free(&message);
}

/* Only a session that is about to be ended gets here. */
static void routes_restore_session(struct request *call)
{
    session_continue(call->session);
    routes_get_session(call);
}

static void routes_delete_session(struct request *call)
{
    int undo_s = request_query_int(call, "undo_s", SESSION_UNDO_MAX_S);
    if (request_refused(call))
        return;
    if (undo_s && call->session->holder.open && !session_has_exited(call->session)) {
        routes_stop_session(call, undo_s);
        return;
    }
    struct api_ending *ending = base_alloc(sizeof *ending);
    ending->client = call->client;
    ending->waiter = (struct session_waiter){.ended = routes_on_ended, .ctx = ending};
    snprintf(ending->id, sizeof ending->id, "%.8s", call->session->id);
    httpd_wait(call->client, routes_ending_on_gone, ending);
    session_end(call->session, &ending->waiter);
}

static void routes_answer_receipt(struct relay_ask *ask, span payload)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "status", "success");
    json_key(&b, "result");
    json_put_string(&b, payload);
    json_close(&b, '}');
    request_reply(ask->client, &b);
}

static void routes_send_message(struct request *call)
{
    static const struct request_field field = {"message", 1, 1, NULL};
    char *text = request_string(call, &field);
    if (!request_refused(call) && request_is_running(call)) {
        buf b = {0};
        json_open(&b, '{');
        json_field_string(&b, "text", text);
        json_field_bool(&b, "enter", json_get(call->body, "enter").type != JSON_FALSE);
        json_close(&b, '}');
        if (!relay_ask(call, FRAME_MESSAGE, buf_view(&b), FRAME_RECEIPT, routes_answer_receipt))
            httpd_reply_detail(call->client, 409, "The session has ended");
        buf_free(&b);
    }
    free(text);
}

static void routes_send_keys(struct request *call)
{
    int count;
    char *key = request_key(call, &count);
    if (!request_refused(call) && request_is_running(call)) {
        buf b = {0};
        json_open(&b, '{');
        json_field_string(&b, "key", key);
        json_field_int(&b, "count", count);
        json_close(&b, '}');
        holder_link_send(&call->session->holder, FRAME_KEYS, buf_view(&b));
        buf_free(&b);
        request_reply_success(call->client);
    }
    free(key);
}

static void routes_send_event(struct request *call)
{
    static const struct request_field
        type_field = {"type", 1, 1, "prompt|stop|notification|session_start|session_end"},
        text_field = {"text", 0, 0, NULL}, native_field = {"native_session_id", 0, 0, NULL};
    char *type = request_string(call, &type_field), *text = request_string(call, &text_field);
    char *native = request_string(call, &native_field);
    if (!request_refused(call) && request_is_running(call)) {
        session_report(call->session, call->body.text);
        request_reply_success(call->client);
    }
    free(type), free(text), free(native);
}

/* ---- transcript and screen ------------------------------------------------------------------ */

static void routes_reply_transcript(struct api *api, struct httpd_client *client, const char *id,
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
    request_reply(client, &b);
}

static void routes_answer_text(struct relay_ask *ask, span payload)
{
    routes_reply_transcript(ask->api, ask->client, ask->id, payload, ask->tail_chars);
}

static void routes_reply_log(struct api *api, struct httpd_client *client, const char *id,
                          long long tail_chars)
{
    struct session *s = session_find(api->sessions, id);
    buf text = {0};
    if (s) {
        session_set_seen(s);
        session_text(s, &text);
    }
    routes_reply_transcript(api, client, id, buf_view(&text), tail_chars);
    buf_free(&text);
}

static void routes_text_lost(struct relay_ask *ask)
{
    routes_reply_log(ask->api, ask->client, ask->id, ask->tail_chars);
}

static void routes_transcript(struct request *call)
{
    long long tail_chars = request_tail_chars(call);
    if (request_refused(call))
        return;
    int running = call->session->holder.open && !session_has_exited(call->session);
    struct relay_ask *ask =
        running ? relay_ask(call, FRAME_TEXT, (span){0}, FRAME_TEXT_IS, routes_answer_text) : NULL;
    if (!ask) {
        routes_reply_log(call->api, call->client, call->session->id, tail_chars);
        return;
    }
    ask->tail_chars = tail_chars;
    ask->lost = routes_text_lost;
    session_set_seen(call->session);
}

static void routes_answer_screen(struct relay_ask *ask, span payload)
{
    httpd_reply_json(ask->client, 200, payload, NULL);
}

static void routes_screen(struct request *call)
{
    if (request_is_running(call) &&
        !relay_ask(call, FRAME_SCREEN, (span){0}, FRAME_SCREEN_IS, routes_answer_screen))
        httpd_reply_detail(call->client, 409, "The session has ended");
}

/* ---- computers, projects, agents, status ---------------------------------------------------- */

static void routes_list_computers(struct request *call)
{
    buf b = {0};
    json_open(&b, '[');
    roster_put_computers(call->api->peers, &b);
    json_close(&b, ']');
    request_reply(call->client, &b);
}

static void routes_send_projects_as(const struct api_listing *listing, int with_todos)
{
    const struct api *a = listing->api;
    buf b = {0};
    json_open(&b, '[');
    if (request_is_here(a, listing->computer))
        projects_put(a->projects, &b, with_todos);
    if (!listing->gather.computer || !request_is_here(a, listing->computer))
        pull_put_projects(a->peers, listing->gather.computer, with_todos, &b);
    json_close(&b, ']');
    request_reply(listing->client, &b);
}

static void routes_send_projects(const struct api_listing *listing)
{
    routes_send_projects_as(listing, 0);
}

static void routes_send_todos(const struct api_listing *listing)
{
    routes_send_projects_as(listing, 1);
}

/* Of another computer alone: it is asked, unless what it has is known. */
static void routes_list_projects_as(struct request *call, void (*send)(const struct api_listing *listing))
{
    char *computer = request_query(call, "computer");
    int wait_ms = request_query_int(call, "wait_ms", API_ASK_MAX_MS);
    if (request_refused(call)) {
        free(computer);
        return;
    }
    if (!request_is_here(call->api, computer) && !wait_ms)
        wait_ms = API_ASK_MAX_MS;
    routes_list(call, computer, CACHE_PREPARATION, wait_ms, send);
}

static void routes_list_projects(struct request *call)
{
    routes_list_projects_as(call, routes_send_projects);
}

static void routes_list_projects_with_todos(struct request *call)
{
    routes_list_projects_as(call, routes_send_todos);
}

static void routes_reply_path(struct request *call, int status, const char *path, const char *what)
{
    buf b = {0};
    utf8_put_visible(&b, span_of(path));
    buf_str(&b, what);
    httpd_reply_detail(call->client, status, buf_cstr(&b));
    buf_free(&b);
}

static void routes_add_project(struct request *call)
{
    static const struct request_field path_field = {"path", 1, 1, NULL},
                                   name_field = {"name", 0, 0, NULL},
                                   description_field = {"description", 0, 0, NULL};
    char *path = request_string(call, &path_field), *name = request_string(call, &name_field);
    char *description = request_string(call, &description_field);
    struct stat st;
    api_trim_path(path);
    if (request_refused(call))
        ;
    else if (path[0] != '/' || stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        routes_reply_path(call, 400, path, ": the absolute path of a directory is expected");
    else if (projects_add(call->api->projects, path, name, description) == 0)
        request_reply_success(call->client);
    else
        httpd_reply_detail(call->client, 500, strerror(errno));
    free(path), free(name), free(description);
}

static void routes_remove_project(struct request *call)
{
    char *path = request_query(call, "path");
    api_trim_path(path);
    if (!path && !call->faults.n)
        request_fault(call, "missing", "query", "path", "Field required");
    if (request_refused(call))
        ;
    else if (projects_remove(call->api->projects, path) == 0)
        request_reply_success(call->client);
    else if (errno == ENOENT)
        routes_reply_path(call, 404, path, ": no such project is remembered");
    else if (errno == EPERM)
        routes_reply_path(call, 409, path, ": this project stands in the configuration file");
    else
        httpd_reply_detail(call->client, 500, strerror(errno));
    free(path);
}

static void routes_list_agents(struct request *call)
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
    request_reply(call->client, &b);
}

static void routes_status(struct request *call)
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
    request_reply(call->client, &b);
}

/* ---- routes --------------------------------------------------------------------------------- */

static const struct api_route {
    const char *method, *path; /* {} stands for a session's id */
    void (*handle)(struct request *call);
    void (*elsewhere)(struct request *call); /* the session is another computer's; NULL: 404 */
    int has_body;
    int hidden; /* {} is one that is about to be ended */
} api_routes[] = {
    {"GET", "/health", routes_health, NULL, 0, 0},
    {"GET", "/sessions", routes_list_sessions, NULL, 0, 0},
    {"POST", "/sessions", routes_create_session, NULL, 1, 0},
    {"GET", "/sessions/{}", routes_get_session, proxy_get, 0, 0},
    {"PATCH", "/sessions/{}", routes_rename_session, proxy_rename, 1, 0},
    {"DELETE", "/sessions/{}", routes_delete_session, proxy_delete, 0, 0},
    {"POST", "/sessions/{}/restore", routes_restore_session, proxy_restore, 0, 1},
    {"POST", "/sessions/{}/message", routes_send_message, proxy_message, 1, 0},
    {"POST", "/sessions/{}/keys", routes_send_keys, proxy_keys, 1, 0},
    {"POST", "/sessions/{}/event", routes_send_event, NULL, 1, 0},
    {"GET", "/sessions/{}/transcript", routes_transcript, proxy_transcript, 0, 0},
    {"GET", "/sessions/{}/screen", routes_screen, proxy_screen, 0, 0},
    {"GET", "/sessions/{}/attach", relay_attach, proxy_attach, 0, 0},
    {"GET", "/computers", routes_list_computers, NULL, 0, 0},
    {"GET", "/projects", routes_list_projects, NULL, 0, 0},
    {"POST", "/projects", routes_add_project, NULL, 1, 0},
    {"DELETE", "/projects", routes_remove_project, NULL, 0, 0},
    {"GET", "/projects-with-todos", routes_list_projects_with_todos, NULL, 0, 0},
    {"GET", "/agents/availability", routes_list_agents, NULL, 0, 0},
    {"GET", "/status", routes_status, NULL, 0, 0},
    {"GET", "/ws", push_ws, NULL, 0, 0},
};

/* Does path fit the pattern? *id is what stands for {}. */
static int routes_path_fits(const char *pattern, span path, span *id)
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
static int routes_find(struct request *call, const char *id, const char *computer, int hidden)
{
    struct api *a = call->api;
    const struct cache_session *known = cache_find(a->cache, id);
    buf b = {0};
    call->id = id;
    if (request_is_here(a, computer))
        call->session =
            hidden ? session_find_hidden(a->sessions, id) : session_find(a->sessions, id);
    if (!call->session && (!computer || !*computer) && known && !request_is_here(a, known->computer))
        call->computer = known->computer;
    else if (!request_is_here(a, computer) && roster_find(a->peers, span_of(computer)))
        call->computer = computer;
    if (call->session || (call->computer && store_id_is_plain(id)))
        return 1;
    if (request_is_here(a, computer)) {
        httpd_reply_detail(call->client, 404, "Session not found");
        return 0;
    }
    buf_str(&b, "Computer '");
    utf8_put_visible(&b, span_of(computer));
    buf_str(&b, "' is not known here");
    httpd_reply_detail(call->client, 404, buf_cstr(&b));
    buf_free(&b);
    return 0;
}

static void routes_run_found(struct request *call, const struct api_route *route)
{
    void (*handle)(struct request * call) = call->computer ? route->elsewhere : route->handle;
    if (!handle) {
        httpd_reply_detail(call->client, 404, "Session not found");
        return;
    }
    if (route->has_body)
        request_parse_body(call);
    if (call->body.type == JSON_OBJECT || !request_refused(call))
        handle(call);
}

static void routes_run(struct request *call, const struct api_route *route, span encoded_id)
{
    buf id = {0};
    if (!encoded_id.p) {
        routes_run_found(call, route);
    } else if (!http_decode(encoded_id, 0, &id)) {
        httpd_reply_detail(call->client, 404, "Session not found");
    } else {
        char *computer = request_query(call, "computer");
        if (!request_refused(call) && routes_find(call, buf_cstr(&id), computer, route->hidden))
            routes_run_found(call, route);
        free(computer);
    }
    buf_free(&id);
    buf_free(&call->faults);
}

static void routes_handle(void *ctx, struct httpd_request *request)
{
    struct request call = {.api = ctx, .client = request->client, .request = request};
    buf allow = {0};
    for (size_t i = 0; i < COUNT_OF(api_routes); i++) {
        span id = {0};
        if (!routes_path_fits(api_routes[i].path, request->path, &id))
            continue;
        if (span_eq(request->method, api_routes[i].method)) {
            buf_free(&allow);
            routes_run(&call, &api_routes[i], id);
            return;
        }
        buf_str(&allow, allow.n ? ", " : "Allow: ");
        buf_str(&allow, api_routes[i].method);
    }
    buf_str(&allow, allow.n ? "\r\n" : "");
    if (allow.n)
        httpd_reply_json(request->client, 405, span_of("{\"detail\":\"Method Not Allowed\"}"),
                         buf_cstr(&allow));
    else
        httpd_reply_detail(request->client, 404, "Not Found");
    buf_free(&allow);
}

static void routes_init(struct api *a, struct loop *l, const struct config *config,
                     struct cache *cache, struct sessions *sessions, struct projects *projects,
                     struct peers *peers, struct observations *watches, struct httpd *serve)
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
