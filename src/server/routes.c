#include "server.h"

/* routes - the route table and its handlers: protocol.md section 1.
 *
 * A handler replies at once, or asks a holder or another computer and replies when the answer has
 * come: the daemon never waits. */

#ifndef ROUTES_WAIT_MAX_MS
#define ROUTES_WAIT_MAX_MS 5000 /* the most of wait_ms, and the wait for one other computer */
#endif

#ifndef ROUTES_END_MS
#define ROUTES_END_MS 10000 /* for a session to end; SIGKILL comes after 3 s */
#endif

/* ---- sessions ------------------------------------------------------------------------------- */

static void routes_health(struct request *r)
{
    httpd_reply_json(r->client, 200, span_of("{\"status\":\"ok\"}"), NULL);
}

/* A list for a client, sent when other computers are known and have answered. */
struct routes_listing {
    struct server *server;
    struct httpd_client *client;
    char *computer;         /* the only one listed; NULL or "": all */
    void (*send)(const struct routes_listing *listing);
    struct pull_gather gather;
};

static void routes_listing_free(struct routes_listing *listing)
{
    free(listing->computer);
    free(listing);
}

static void routes_listing_on_gone(void *ctx)
{
    struct routes_listing *listing = ctx;
    pull_gather_cancel(&listing->gather);
    routes_listing_free(listing);
}

static void routes_listing_on_done(void *ctx)
{
    struct routes_listing *listing = ctx;
    httpd_wait(listing->client, NULL, NULL);
    listing->send(listing);
    routes_listing_free(listing);
}

/* Asks for the topics and sends the list when the answers have come or wait_ms (0: none) is over.
 * computer becomes the listing's to free. */
static void routes_list(struct request *r, char *computer, unsigned topics, int wait_ms,
                        void (*send)(const struct routes_listing *listing))
{
    struct routes_listing *listing = base_alloc(sizeof *listing);
    *listing = (struct routes_listing){r->server, r->client, computer, send, {0}};
    listing->gather = (struct pull_gather){.topics = topics,
                                            .computer = computer && *computer ? computer : NULL,
                                            .done = routes_listing_on_done,
                                            .ctx = listing};
    if (wait_ms && pull_gather(r->server->fleet, &listing->gather, wait_ms))
        httpd_wait(r->client, routes_listing_on_gone, listing);
    else
        routes_listing_on_done(listing);
}

static void routes_send_sessions(const struct routes_listing *listing)
{
    const struct server *server = listing->server;
    const char *computer = listing->computer;
    buf b = {0};
    if (!computer || !*computer) {
        httpd_reply_blob(listing->client, cache_list(server->cache));
        return;
    }
    cache_put_list(server->cache,
                   request_is_here(server, computer) ? server->config->computer : computer, &b);
    request_reply(listing->client, &b);
}

static void routes_list_sessions(struct request *r)
{
    struct server *server = r->server;
    char *computer = request_query(r, "computer");
    int wait_ms = request_query_int(r, "wait_ms", ROUTES_WAIT_MAX_MS),
        one = computer && *computer, here = one && request_is_here(server, computer);
    if (request_reply_faults(r)) {
        free(computer);
    } else if (one && !here && pull_must_ask(server->fleet, computer)) {
        proxy_list_sessions(r, computer);
        free(computer);
    } else {
        routes_list(r, computer, CACHE_SESSIONS, here ? 0 : wait_ms, routes_send_sessions);
    }
    sessions_expect_answers(server->sessions);
}

static void routes_list_ended(struct request *r)
{
    buf b = {0};
    if (!disk_answers(r->server->config->disk)) {
        httpd_reply_detail(r->client, 503, os_file_fault(ETIMEDOUT));
        return;
    }
    ended_put_list(r->server->config->state, r->server->config->computer, &b);
    request_reply(r->client, &b);
}

static void routes_get_session(struct request *r)
{
    if (request_reply_faults(r))
        return;
    sessions_expect_answer(r->session);
    const struct cache_session *known = cache_find(r->server->cache, r->session->id);
    httpd_reply_json(r->client, 200, buf_view(&known->json), NULL);
}

/* A session being created for a client. */
struct routes_creating {
    struct httpd_client *client; /* NULL: it has left */
};

static void routes_creating_on_gone(void *ctx)
{
    ((struct routes_creating *)ctx)->client = NULL;
}

static struct httpd_client *routes_creating_end(struct routes_creating *creating)
{
    struct httpd_client *client = creating->client;
    free(creating);
    if (client)
        httpd_wait(client, NULL, NULL);
    return client;
}

static void routes_on_created(void *ctx, struct session *s, const char *error)
{
    struct httpd_client *client = routes_creating_end(ctx);
    if (!client)
        return;
    if (!s) {
        httpd_reply_detail(client, 400, error);
        return;
    }
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "status", "success");
    json_field_string(&b, "session_id", s->id);
    json_field_null(&b, "tmux_session_name");
    json_field_open(&b, "data", '{');
    json_field_string(&b, "session_id", s->id);
    json_field_null(&b, "tmux_session_name");
    json_close(&b, '}');
    json_close(&b, '}');
    request_reply(client, &b);
}

/* Returns the member `command`, an array of strings or one string to be split, as config_words
 * does. NULL: absent, or a fault. */
static char **routes_command(struct request *r)
{
    struct json value = json_get(r->body, "command");
    buf line = {0};
    if (json_type(value) == JSON_NONE || json_type(value) == JSON_NULL)
        return NULL;
    if (json_type(value) == JSON_STRING)
        json_put_text(&line, value);
    for (struct json_iter it = json_items(value); json_next(&it);) {
        char *word = json_dup_text(it.value);
        if (word) {
            config_put_quoted(&line, word);
            buf_byte(&line, ' ');
        } else {
            request_fault(r, "string_type", "body", "command",
                          "Input should be an array of strings");
        }
        free(word);
    }
    char **argv = config_words(buf_view(&line));
    buf_free(&line);
    if (argv && argv[0])
        return argv;
    free(argv);
    request_fault(r, "string_type", "body", "command", "Input should be a command line");
    return NULL;
}

/* Returns the body's agent, to be freed; NULL: the first one, or a fault. Of another computer, and
 * beside a command, any name is taken. */
static char *routes_agent(struct request *r, int any)
{
    struct config *c = r->server->sessions->config;
    struct json value = json_get(r->body, "agent");
    struct request_field field = {"agent", json_type(value) != JSON_NONE, 0, NULL};
    buf names = {0};
    config_renew_agents(c);
    for (int i = 0; i < c->agent_count; i++)
        buf_fmt(&names, "%s%s", i ? "|" : "", c->agents[i].name);
    if (json_type(value) != JSON_STRING || !any)
        field.literals = buf_cstr(&names);
    char *agent = request_string(r, &field);
    buf_free(&names);
    return agent;
}

/* Returns the directory of a new session, to be freed. project_path is an alias of project_dir. */
static char *routes_directory(struct request *r)
{
    static const struct request_field dir = {"project_dir", 1, 1, NULL},
                                   path = {"project_path", 1, 1, NULL};
    int other = json_is(r->body, "project_dir", JSON_NONE) &&
                !json_is(r->body, "project_path", JSON_NONE);
    char *directory = request_string(r, other ? &path : &dir);
    if (directory && *directory && !strchr("/~", *directory))
        request_fault(r, "value_error", "body", (other ? &path : &dir)->name,
                      "Input should be an absolute path");
    return directory;
}

static void routes_create_session(struct request *r)
{
    static const struct request_field computer_field = {"computer", 1, 1, NULL},
                                   mode_field = {"thinking_mode", 0, 0, "fast|med|slow"},
                                   title_field = {"title", 0, 0, NULL},
                                   message_field = {"message", 0, 0, NULL},
                                   initiator_field = {"initiator_session_id", 0, 0, NULL};
    char *computer = request_string(r, &computer_field), *directory = routes_directory(r);
    int here = request_is_here(r->server, computer);
    char *agent = routes_agent(r, !here || !json_is(r->body, "command", JSON_NONE));
    char *mode = request_string(r, &mode_field);
    char *title = request_string(r, &title_field), *message = request_string(r, &message_field);
    char *initiator = request_string(r, &initiator_field);
    char **command = routes_command(r);
    struct session_plan plan = {.title = title && *title ? title : NULL,
                                .directory = directory,
                                .agent = agent ? agent : agents_row(0)->name,
                                .mode = mode,
                                .initiator = initiator,
                                .message = message && *message ? message : NULL,
                                .command = command,
                                .env = json_get(r->body, "env"),
                                .umask = json_get(r->body, "umask")};
    if (here && config_agent_of(r->server->sessions->config, command)) {
        plan.agent = command[0]; /* list, restart and resume know it then */
        plan.command = NULL;
    }
    request_int(r, "umask", 0, 0777, 0);
    plan.cols = request_int(r, "cols", 1, GRID_COLS_MAX, 80);
    plan.rows = request_int(r, "rows", 1, GRID_ROWS_MAX, 24);
    if (request_reply_faults(r)) {
        ;
    } else if (!here) {
        proxy_create(r, computer, &plan);
    } else {
        struct routes_creating *creating = base_alloc(sizeof *creating);
        creating->client = r->client;
        httpd_wait(r->client, routes_creating_on_gone, creating);
        launch_create(r->server->sessions, &plan, routes_on_created, creating);
    }
    free(computer), free(directory), free(agent), free(mode), free(title), free(message),
        free(initiator);
    free(command);
}

static void routes_on_restarted(void *ctx, struct session *s, const char *error)
{
    struct httpd_client *client = routes_creating_end(ctx);
    if (!client)
        return;
    if (s && s->cached)
        httpd_reply_json(client, 200, buf_view(&s->cached->json), NULL);
    else
        httpd_reply_detail(client, 409, s ? "the session was ended meanwhile" : error);
}

/* The body may be missing. */
static void routes_restart_session(struct request *r)
{
    struct session_plan plan = {0};
    if (span_eq(buf_view(&r->lost), "Session not found") &&
        (r->session = sessions_revive(r->server->sessions, r->id)))
        buf_clear(&r->lost);
    if (r->http->body.n)
        request_parse_body(r);
    plan.env = json_get(r->body, "env");
    plan.umask = json_get(r->body, "umask");
    plan.cols = request_int(r, "cols", 1, GRID_COLS_MAX, 0);
    plan.rows = request_int(r, "rows", 1, GRID_ROWS_MAX, 0);
    if (request_reply_faults(r))
        return;
    struct routes_creating *creating = base_alloc(sizeof *creating);
    creating->client = r->client;
    httpd_wait(r->client, routes_creating_on_gone, creating);
    launch_restart(r->session, &plan, json_is(r->body, "fresh", JSON_TRUE),
                   routes_on_restarted, creating);
}

static void routes_rename_session(struct request *r)
{
    char *title = request_title(r);
    if (request_reply_faults(r))
        ;
    else if (sessions_rename(r->session, title) == 0)
        routes_get_session(r);
    else
        httpd_reply_detail(r->client, 500, os_file_fault(errno));
    free(title);
}

/* A client that waits for a session's end. */
struct routes_ending {
    struct server *server;
    struct loop_timer timer;
    struct session_waiter waiter;
    struct httpd_client *client;
    char id[9];
};

static void routes_ending_on_gone(void *ctx)
{
    struct routes_ending *ending = ctx;
    sessions_cancel_wait(&ending->waiter); /* the session still ends */
    loop_timer_cancel(ending->server->loop, &ending->timer);
    free(ending);
}

static void routes_ending_on_late(void *ctx)
{
    struct routes_ending *ending = ctx;
    struct httpd_client *client = ending->client;
    httpd_wait(client, NULL, NULL);
    routes_ending_on_gone(ending);
    httpd_reply_detail(client, 504, "The session's holder does not answer; the session ends when "
                                    "it does, or at once by force");
}

static void routes_on_ended(void *ctx)
{
    struct routes_ending *ending = ctx;
    httpd_wait(ending->client, NULL, NULL);
    if (ending->waiter.error)
        httpd_reply_detail(ending->client, 500, os_file_fault(ending->waiter.error));
    else
        request_reply_ended(ending->client, ending->id, 0);
    loop_timer_cancel(ending->server->loop, &ending->timer);
    free(ending);
}

static void routes_end_session(struct request *r, int undo_s)
{
    if (sessions_end_undoably(r->session, undo_s) != 0)
        httpd_reply_detail(r->client, 500, os_file_fault(errno));
    else
        request_reply_ended(r->client, r->session->id, undo_s);
}

/* Undoes an end; r->session is hidden (see routes_table). */
static void routes_undo_end(struct request *r)
{
    if (request_reply_faults(r))
        return;
    if (sessions_undo_end(r->session) == 0)
        routes_get_session(r);
    else
        httpd_reply_detail(r->client, 500, os_file_fault(errno));
}

static void routes_delete_session(struct request *r)
{
    int undo_s = request_query_int(r, "undo_s", SESSION_UNDO_MAX_S);
    int force = request_query_int(r, "force", 1);
    if (request_reply_faults(r))
        return;
    if (!force && sessions_why_unreachable(r->session)) {
        request_reply_unreached(r);
        return;
    }
    if (!force && undo_s) {
        routes_end_session(r, undo_s);
        return;
    }
    struct routes_ending *ending = base_alloc(sizeof *ending);
    ending->client = r->client;
    ending->server = r->server;
    ending->timer = (struct loop_timer){.fn = routes_ending_on_late, .ctx = ending};
    loop_timer_in(r->server->loop, &ending->timer, ROUTES_END_MS);
    ending->waiter = (struct session_waiter){.ended = routes_on_ended, .ctx = ending};
    base_fmt(ending->id, sizeof ending->id, "%.8s", r->session->id);
    httpd_wait(r->client, routes_ending_on_gone, ending);
    (force ? sessions_end_by_force : sessions_end)(r->session, &ending->waiter);
}

static void routes_answer_receipt(struct relay_ask *ask, span payload)
{
    buf b = {0};
    if (frame_is_refusal(payload)) {
        buf_span(&b, payload);
        httpd_reply_detail(ask->client, 409, buf_cstr(&b));
    } else {
        json_put_string(&b, payload);
        request_reply_result(ask->client, buf_view(&b));
    }
    buf_free(&b);
}

static void routes_ask_holder(struct request *r, enum frame_type type, buf *payload)
{
    if (!relay_ask(r, type, buf_view(payload), FRAME_RECEIPT, routes_answer_receipt))
        request_reply_unreached(r);
    buf_free(payload);
}

static void routes_send_message(struct request *r)
{
    struct frame_message message;
    char *text = request_message(r, &message);
    if (!request_reply_faults(r) && request_require_running(r) &&
        (!message.force || request_require_driver(r))) {
        buf b = {0};
        frame_put_message(&b, &message);
        routes_ask_holder(r, FRAME_MESSAGE, &b);
    }
    free(text);
}

static void routes_send_answer(struct request *r)
{
    char *text = request_answer(r);
    if (!request_reply_faults(r) && request_require_running(r) && request_require_driver(r)) {
        buf b = {0};
        frame_put_answer(&b, text);
        routes_ask_holder(r, FRAME_ANSWER, &b);
    }
    free(text);
}

/* refused: what holder_link_offer returned. */
static void routes_reply_offered(struct request *r, int refused)
{
    if (refused)
        httpd_reply_detail(r->client, 503, "The session's holder does not read");
    else
        request_reply_success(r->client);
}

static void routes_send_keys(struct request *r)
{
    int count;
    char *key = request_key(r, &count);
    if (!request_reply_faults(r) && request_require_running(r) && request_require_driver(r)) {
        buf b = {0};
        frame_put_keys(&b, key, count);
        int refused = sessions_offer(r->session, FRAME_KEYS, buf_view(&b));
        buf_free(&b);
        routes_reply_offered(r, refused);
    }
    free(key);
}

static void routes_send_event(struct request *r)
{
    static const struct request_field
        type_field = {"type", 1, 1, "prompt|stop|notification|session_start|session_end"},
        text_field = {"text", 0, 0, NULL}, native_field = {"native_session_id", 0, 0, NULL};
    char *type = request_string(r, &type_field), *text = request_string(r, &text_field);
    char *native = request_string(r, &native_field);
    if (!request_reply_faults(r)) {
        r->session = sessions_of_conversation(r->session, native);
        if (request_require_running(r))
            routes_reply_offered(r, sessions_offer(r->session, FRAME_EVENT, r->body.text));
    }
    free(type), free(text), free(native);
}

/* ---- transcript and screen ------------------------------------------------------------------ */

static void routes_reply_transcript(struct server *server, struct httpd_client *client,
                                    const char *id,
                                    span text, long long tail_chars)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "status", "success");
    json_field_span(&b, "transcript", utf8_tail(text, tail_chars));
    json_key(&b, "data");
    sessions_put_transcript(server->sessions, id, text, tail_chars, &b);
    json_close(&b, '}');
    request_reply(client, &b);
}

static void routes_answer_text(struct relay_ask *ask, span payload)
{
    routes_reply_transcript(ask->server, ask->client, ask->id, payload, ask->tail_chars);
}

/* A client that waits for the transcript of an exited session. */
struct routes_log {
    struct server *server;
    struct httpd_client *client;
    struct transcript *reading;
    char id[65];
    long long tail_chars;
};

static void routes_log_on_gone(void *ctx)
{
    struct routes_log *log = ctx;
    transcript_cancel(log->reading);
    free(log);
}

static void routes_log_on_done(void *ctx, const char *error, span text)
{
    struct routes_log *log = ctx;
    httpd_wait(log->client, NULL, NULL);
    if (error)
        httpd_reply_detail(log->client, strcmp(error, TRANSCRIPT_LATE) == 0 ? 504 : 500, error);
    else
        routes_reply_transcript(log->server, log->client, log->id, text, log->tail_chars);
    free(log);
}

static void routes_reply_log(struct server *server, struct httpd_client *client, const char *id,
                             long long tail_chars, int prompts)
{
    struct session *s = sessions_find(server->sessions, id);
    if (!s) {
        httpd_reply_detail(client, 404, "Session not found");
        return;
    }
    sessions_set_seen(s);
    struct routes_log *log = base_alloc(sizeof *log);
    *log = (struct routes_log){.server = server, .client = client, .tail_chars = tail_chars};
    base_copy(log->id, sizeof log->id, id);
    log->reading = sessions_read_log(s, prompts, routes_log_on_done, log);
    if (log->reading) {
        httpd_wait(client, routes_log_on_gone, log);
        return;
    }
    free(log);
    httpd_reply_detail(client, 503, strerror(errno));
}

static void routes_text_lost(struct relay_ask *ask)
{
    routes_reply_log(ask->server, ask->client, ask->id, ask->tail_chars, ask->prompts);
}

static void routes_transcript(struct request *r)
{
    long long tail_chars = request_tail_chars(r);
    int prompts = request_query_int(r, "prompts", 1);
    if (request_reply_faults(r))
        return;
    struct relay_ask *ask = NULL;
    if (sessions_is_running(r->session))
        ask = relay_ask(r, FRAME_TEXT, span_of(prompts ? "p" : ""), FRAME_TEXT_REPLY,
                        routes_answer_text);
    if (!ask) {
        routes_reply_log(r->server, r->client, r->session->id, tail_chars, prompts);
        return;
    }
    ask->tail_chars = tail_chars;
    ask->prompts = prompts;
    ask->lost = routes_text_lost;
    sessions_set_seen(r->session);
}

static void routes_answer_screen(struct relay_ask *ask, span payload)
{
    httpd_reply_json(ask->client, 200, payload, NULL);
}

static void routes_screen(struct request *r)
{
    if (!request_reply_faults(r) && request_require_running(r) &&
        !relay_ask(r, FRAME_SCREEN, (span){0}, FRAME_SCREEN_REPLY, routes_answer_screen))
        request_reply_unreached(r);
}

/* ---- computers, projects, agents, status ---------------------------------------------------- */

static void routes_send_computers(const struct routes_listing *listing)
{
    buf b = {0};
    json_open(&b, '[');
    roster_put_computers(listing->server->fleet, &b);
    reached_put_computers(listing->server, &b);
    json_close(&b, ']');
    request_reply(listing->client, &b);
}

static void routes_list_computers(struct request *r)
{
    int wait_ms = request_query_int(r, "wait_ms", ROUTES_WAIT_MAX_MS);
    if (!request_reply_faults(r))
        routes_list(r, NULL, 0, wait_ms, routes_send_computers);
}

static void routes_send_projects_as(const struct routes_listing *listing, int with_todos)
{
    const struct server *server = listing->server;
    buf b = {0};
    json_open(&b, '[');
    if (request_is_here(server, listing->computer))
        projects_put(server->projects, &b, with_todos);
    if (!listing->gather.computer || !request_is_here(server, listing->computer))
        pull_put_projects(server->fleet, listing->gather.computer, with_todos, &b);
    reached_put_projects(server, listing->gather.computer, &b);
    json_close(&b, ']');
    request_reply(listing->client, &b);
}

static void routes_send_projects(const struct routes_listing *listing)
{
    routes_send_projects_as(listing, 0);
}

static void routes_send_todos(const struct routes_listing *listing)
{
    routes_send_projects_as(listing, 1);
}

/* One other computer is asked, within ROUTES_WAIT_MAX_MS, unless its projects are known. */
static void routes_list_projects_as(struct request *r,
                                    void (*send)(const struct routes_listing *listing))
{
    char *computer = request_query(r, "computer");
    int wait_ms = request_query_int(r, "wait_ms", ROUTES_WAIT_MAX_MS);
    if (request_reply_faults(r)) {
        free(computer);
        return;
    }
    if (!request_is_here(r->server, computer) && !wait_ms)
        wait_ms = ROUTES_WAIT_MAX_MS;
    routes_list(r, computer, CACHE_PREPARATION, wait_ms, send);
}

static void routes_list_projects(struct request *r)
{
    routes_list_projects_as(r, routes_send_projects);
}

static void routes_list_projects_with_todos(struct request *r)
{
    routes_list_projects_as(r, routes_send_todos);
}

static void routes_reply_path(struct request *r, int status, const char *path, const char *what)
{
    buf b = {0};
    utf8_put_visible(&b, span_of(path));
    buf_str(&b, what);
    httpd_reply_detail(r->client, status, buf_cstr(&b));
    buf_free(&b);
}

static void routes_add_project(struct request *r)
{
    static const struct request_field path_field = {"path", 1, 1, NULL},
                                   name_field = {"name", 0, 0, NULL},
                                   description_field = {"description", 0, 0, NULL};
    char *path = request_string(r, &path_field), *name = request_string(r, &name_field);
    char *description = request_string(r, &description_field);
    struct stat st;
    request_trim_path(path);
    if (request_reply_faults(r))
        ;
    else if (path[0] != '/' || stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        routes_reply_path(r, 400, path, ": not the absolute path of a directory");
    else if (projects_add(r->server->projects, path, name, description) == 0)
        request_reply_success(r->client);
    else
        httpd_reply_detail(r->client, 500, os_file_fault(errno));
    free(path), free(name), free(description);
}

static void routes_remove_project(struct request *r)
{
    char *path = request_query(r, "path");
    request_trim_path(path);
    if (!path && !r->faults.n)
        request_fault(r, "missing", "query", "path", "Field required");
    if (request_reply_faults(r))
        ;
    else if (projects_remove(r->server->projects, path) == 0)
        request_reply_success(r->client);
    else if (errno == ENOENT)
        routes_reply_path(r, 404, path, ": no such project is remembered");
    else if (errno == EPERM)
        routes_reply_path(r, 409, path, ": it is in the configuration file; remove it there");
    else
        httpd_reply_detail(r->client, 500, os_file_fault(errno));
    free(path);
}

static void routes_list_agents(struct request *r)
{
    struct config *config = r->server->sessions->config;
    buf b = {0};
    config_renew_agents(config);
    json_open(&b, '{');
    for (int i = 0; i < config->agent_count; i++) {
        const struct config_agent *agent = &config->agents[i];
        int available = agent->login || config_can_run(agent->command);
        json_field_open(&b, config->agents[i].name, '{');
        json_field_string(&b, "agent", config->agents[i].name);
        json_field_bool(&b, "available", available);
        json_field_null(&b, "unavailable_until");
        json_field_string(&b, "reason", available ? NULL : "not installed");
        json_close(&b, '}');
    }
    json_close(&b, '}');
    request_reply(r->client, &b);
}

static void routes_status(struct request *r)
{
    const struct server *server = r->server;
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "version", TELEC_VERSION);
    json_field_int(&b, "pid", getpid());
    json_field_int(&b, "uptime_s", (clock_wall_ms() - server->started_at) / 1000);
    json_field_int(&b, "clients", server->httpd->count);
    json_field_int(&b, "sessions", (long long)server->cache->count);
    json_field_int(&b, "events_sent", server->cache->events_sent);
    json_field_int(&b, "events_coalesced", server->cache->events_coalesced);
    json_field_int(&b, "clients_dropped", server->httpd->dropped);
    json_field_raw(&b, "host", server->host.n ? buf_view(&server->host) : span_of("[]"));
    peers_put_status(server->fleet, &b);
    json_close(&b, '}');
    request_reply(r->client, &b);
    sessions_expect_answers(server->sessions);
}

/* ---- routes --------------------------------------------------------------------------------- */

static const struct routes_route {
    const char *method, *path; /* {}: a session's id */
    void (*handle)(struct request *r);
    void (*elsewhere)(struct request *r); /* for another computer's session; NULL: 404 */
    int has_body;
    int hidden; /* {} is a session whose end can be undone */
} routes_table[] = {
    {"GET", "/health", routes_health, NULL, 0, 0},
    {"GET", "/sessions", routes_list_sessions, NULL, 0, 0},
    {"POST", "/sessions", routes_create_session, NULL, 1, 0},
    {"POST", "/sessions/end", batch_end_sessions, NULL, 1, 0},
    {"POST", "/sessions/restore", batch_undo_ends, NULL, 1, 0},
    {"GET", "/sessions/ended", routes_list_ended, NULL, 0, 0},
    {"GET", "/sessions/{}", routes_get_session, proxy_get, 0, 0},
    {"PATCH", "/sessions/{}", routes_rename_session, proxy_rename, 1, 0},
    {"DELETE", "/sessions/{}", routes_delete_session, proxy_delete, 0, 0},
    {"POST", "/sessions/{}/restore", routes_undo_end, proxy_undo_end, 0, 1},
    {"POST", "/sessions/{}/restart", routes_restart_session, proxy_restart, 0, 0},
    {"POST", "/sessions/{}/message", routes_send_message, proxy_message, 1, 0},
    {"POST", "/sessions/{}/answer", routes_send_answer, proxy_answer, 1, 0},
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
    {"GET", "/reach", reached_add, NULL, 0, 0},
    {"DELETE", "/reach", reached_close, NULL, 0, 0},
};

/* Returns 1 when path fits the pattern; *id is the part at {}. */
static int routes_path_fits(const char *pattern, span path, span *id)
{
    const char *hole = span_find(span_of(pattern), "{}");
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

/* Resolves {id} to a local session (r->session) or to its computer (r->computer); the query's
 * computer= takes precedence over the cache. Or sets r->lost: body and query are checked first. */
static void routes_find(struct request *r, const char *id, const char *computer, int hidden)
{
    struct server *server = r->server;
    const struct cache_session *known = cache_find(server->cache, id);
    r->id = id;
    if (request_is_here(server, computer))
        r->session =
            (hidden ? sessions_find_hidden : sessions_find)(server->sessions, id);
    if (!r->session && (!computer || !*computer) && known &&
        !request_is_here(server, known->computer))
        r->computer = known->computer;
    else if (!request_is_here(server, computer) &&
             (roster_find(server->fleet, span_of(computer)) ||
              reached_find(server, span_of(computer))))
        r->computer = computer;
    if (r->session || (r->computer && store_id_is_plain(id)))
        return;
    r->computer = NULL;
    if (request_is_here(server, computer) || roster_find(server->fleet, span_of(computer))) {
        buf_str(&r->lost, "Session not found");
        return;
    }
    buf_str(&r->lost, "Computer '");
    utf8_put_visible(&r->lost, span_of(computer));
    buf_str(&r->lost, "' is not known here");
}

/* The handler of an unknown session runs, too: it checks body and query first, and then must ask
 * request_reply_faults before it uses r->session. */
static void routes_run_found(struct request *r, const struct routes_route *route)
{
    void (*handle)(struct request *r) = r->computer ? route->elsewhere : route->handle;
    if (!handle) {
        httpd_reply_detail(r->client, 404, "Session not found");
        return;
    }
    if (route->has_body)
        request_parse_body(r);
    if (json_type(r->body) == JSON_OBJECT || (r->lost.n && !route->has_body) ||
        !request_reply_faults(r))
        handle(r);
}

static void routes_run(struct request *r, const struct routes_route *route, span encoded_id)
{
    buf id = {0};
    request_check_target(r, encoded_id);
    if (!encoded_id.p) {
        routes_run_found(r, route);
    } else if (request_reply_faults(r)) {
        ;
    } else if (!http_decode(encoded_id, 0, &id)) {
        httpd_reply_detail(r->client, 404, "Session not found");
    } else {
        char *computer = request_query(r, "computer");
        routes_find(r, buf_cstr(&id), computer, route->hidden);
        routes_run_found(r, route);
        free(computer);
    }
    buf_free(&id);
    buf_free(&r->faults), buf_free(&r->lost);
}

static void routes_handle(void *ctx, struct httpd_request *request)
{
    struct request r = {.server = ctx, .client = request->client, .http = request};
    buf allow = {0};
    if (reached_forward(ctx, request))
        return;
    for (size_t i = 0; i < COUNT_OF(routes_table); i++) {
        span id = {0};
        if (!routes_path_fits(routes_table[i].path, request->path, &id))
            continue;
        if (span_eq(request->method, routes_table[i].method)) {
            buf_free(&allow);
            routes_run(&r, &routes_table[i], id);
            return;
        }
        buf_str(&allow, allow.n ? ", " : "Allow: ");
        buf_str(&allow, routes_table[i].method);
    }
    buf_str(&allow, allow.n ? "\r\n" : "");
    if (allow.n)
        httpd_reply_json(request->client, 405, span_of("{\"detail\":\"Method Not Allowed\"}"),
                         buf_cstr(&allow));
    else
        httpd_reply_detail(request->client, 404, "Not Found");
    buf_free(&allow);
}

static void routes_init(struct server *server, struct loop *l, const struct config *config,
                        struct cache *cache, struct sessions *sessions, struct projects *projects,
                        struct fleet *fleet, struct remotes *remotes, struct httpd *httpd)
{
    *server = (struct server){.loop = l,
                      .config = config,
                      .cache = cache,
                      .sessions = sessions,
                      .projects = projects,
                      .fleet = fleet,
                      .remotes = remotes,
                      .httpd = httpd,
                      .started_at = clock_wall_ms()};
}
