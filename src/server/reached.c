#include "server.h"

/* reached - computers behind pipes: telec reach.
 *
 *      client ── routes ──▶ reached_forward ── tunnel ──▶ the link's socket ══▶ that daemon
 *      cache ◀── reached_on_event ◀── /ws of that daemon
 *
 * This daemon is a client of that one, through the link's socket. Sessions and projects come by
 * push and get the computer's name of here; requests about them are handed over as they are.
 * Computers behind that one are listed, too, unless we know one of that name: so chains work. */

/* The data of a session in the cache; all 0: it is of no reached computer. */
struct reached_session {
    struct reached *owner;
    long long listed;
};

static struct reached_session *reached_data(const struct server *server,
                                            const struct cache_session *s)
{
    return cache_data(s, server->reached_place);
}

/* ---- names ---------------------------------------------------------------------------------- */

/* Returns who has a computer: the reached one of that name, or the one it is behind. */
static struct reached *reached_find(const struct server *server, span computer)
{
    for (struct reached *r = server->reached; r; r = r->next) {
        if (span_eq(computer, r->name))
            return r;
        for (int i = 0; i < r->other_count; i++)
            if (span_eq(computer, r->others[i]))
                return r;
    }
    return NULL;
}

static int reached_is_live(const struct reached *r)
{
    return r->up && r->client.push == CLIENT_LIVE;
}

/* Returns the name here of a computer as the one there calls it, to be freed; NULL: it is known
 * here by other ways, or is this one. */
static char *reached_name(struct reached *r, struct json computer)
{
    char *name = json_dup_text(computer);
    if (!name || strcmp(name, r->self) == 0) {
        free(name);
        return base_dup(r->name);
    }
    struct reached *owner = reached_find(r->server, span_of(name));
    int taken = request_is_here(r->server, name) || (owner && owner != r) ||
                roster_find(r->server->fleet, span_of(name)) || strcmp(name, r->name) == 0;
    if (!taken && !owner && r->other_count < REACHED_OTHERS_MAX)
        r->others[r->other_count++] = base_dup(name);
    else if (!owner || taken)
        free(name), name = NULL;
    return name;
}

/* ---- what is told to clients here ------------------------------------------------------------ */

/* i: of one behind it; -1: itself. */
static void reached_put_computer(const struct reached *r, int i, buf *b)
{
    int live = reached_is_live(r);
    json_open(b, '{');
    json_field_string(b, "name", i < 0 ? r->name : r->others[i]);
    json_field_string(b, "status", live ? "online" : "stale");
    json_field_null(b, "user");
    json_field_null(b, "host");
    if (i < 0)
        json_field_string(b, "reach", live ? "ready" : r->why[0] ? r->why : "reconnecting");
    else
        json_field_string(b, "behind", r->name);
    json_close(b, '}');
}

static void reached_put_computers(const struct server *server, buf *b)
{
    for (const struct reached *r = server->reached; r; r = r->next)
        for (int i = -1; i < r->other_count; i++)
            reached_put_computer(r, i, b);
}

static void reached_put_projects(const struct server *server, const char *computer, buf *b)
{
    for (const struct reached *r = server->reached; r; r = r->next) {
        struct json array;
        if (!json_read(buf_view(&r->projects), &array))
            continue;
        for (struct json_iter it = json_iter(array); json_next(&it);)
            if (!computer || json_member_eq(it.value, "computer", computer))
                json_put_raw(b, it.value.text);
    }
}

static void reached_publish(struct reached *r, unsigned topics, const char *event, span data)
{
    roster_publish(r->server->fleet, topics, event, data);
}

static void reached_publish_computer(struct reached *r)
{
    buf b = {0};
    reached_put_computer(r, -1, &b);
    reached_publish(r, CACHE_SESSIONS | CACHE_PREPARATION, "computer_updated", buf_view(&b));
    buf_free(&b);
}

/* ---- sessions ------------------------------------------------------------------------------- */

static void reached_put_session(struct reached *r, struct json object)
{
    struct server *server = r->server;
    struct codec_session told;
    const char *why;
    buf b = {0};
    char *computer = reached_name(r, json_get(object, "computer"));
    struct cache_session *s = NULL;
    if (computer && codec_parse_session(object, &told, &why)) {
        s = cache_find(server->cache, told.id);
        if (s ? reached_data(server, s)->owner == r : r->sessions < ROSTER_SESSIONS_MAX) {
            r->sessions += s == NULL;
            codec_put_session(&b, told.object, computer);
            span json = buf_view(&b);
            s = cache_put(server->cache, told.id, computer, &json, 1, server->loop->now);
            *reached_data(server, s) = (struct reached_session){r, r->listing};
        }
    }
    free(computer);
    buf_free(&b);
}

/* Removes its sessions that the listing did not have; all: every one. */
static void reached_drop_sessions(struct reached *r, int all)
{
    struct cache *cache = r->server->cache;
    for (size_t i = 0; i < cache->places; i++) {
        struct cache_session *s = cache->sessions[i];
        struct reached_session *data = s ? reached_data(r->server, s) : NULL;
        if (data && data->owner == r && (all || data->listed != r->listing)) {
            r->sessions--;
            cache_remove(cache, s->id);
        }
    }
}

static void reached_on_sessions(struct reached *r, struct json data)
{
    r->listing++;
    for (struct json_iter it = json_iter(json_get(data, "sessions")); json_next(&it);)
        reached_put_session(r, it.value);
    reached_drop_sessions(r, 0);
}

static void reached_on_removed(struct reached *r, struct json data)
{
    char *id = json_dup_member(data, "session_id");
    struct cache_session *s = id ? cache_find(r->server->cache, id) : NULL;
    long long undo_s;
    if (s && reached_data(r->server, s)->owner == r) {
        if (json_int(json_get(data, "undo_s"), &undo_s) && undo_s > 0 && undo_s < 3600)
            s->undo_s = (int)undo_s;
        r->sessions--;
        cache_remove(r->server->cache, id);
    }
    free(id);
}

/* ---- projects ------------------------------------------------------------------------------- */

/* Appends an object with the computer's name here; nothing when that is not shown. */
static void reached_put_renamed(struct reached *r, struct json object, buf *b)
{
    char *computer = reached_name(r, json_get(object, "computer"));
    if (computer)
        codec_put_session(b, object, computer);
    free(computer);
}

static void reached_fetch_projects(struct reached *r);

static void reached_on_projects(void *ctx, int status, span body, const char *error)
{
    struct reached *r = ctx;
    struct json array;
    (void)error;
    r->fetching = 0;
    if (status == 200 && body.n <= ROSTER_TODOS_MAX &&
        json_read(body, &array)) {
        buf_clear(&r->projects);
        json_open(&r->projects, '[');
        for (struct json_iter it = json_iter(array); json_next(&it);)
            reached_put_renamed(r, it.value, &r->projects);
        json_close(&r->projects, ']');
    }
    if (r->fetch_again)
        reached_fetch_projects(r);
}

static void reached_fetch_projects(struct reached *r)
{
    r->fetch_again = r->fetching;
    if (r->fetching)
        return;
    r->fetching = 1;
    client_request(&r->client, "GET", "/projects-with-todos", (span){0}, reached_on_projects, r);
}

/* ---- events --------------------------------------------------------------------------------- */

static void reached_on_computer(struct reached *r, struct json data)
{
    free(reached_name(r, json_get(data, "name")));
}

static void reached_on_preparation(struct reached *r, struct json data)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "computer", r->name);
    json_field_open(&b, "projects", '[');
    for (struct json_iter it = json_iter(json_get(data, "projects")); json_next(&it);)
        reached_put_renamed(r, it.value, &b);
    json_close(&b, ']');
    json_close(&b, '}');
    reached_publish(r, CACHE_PREPARATION, "projects_updated", buf_view(&b));
    buf_free(&b);
    reached_fetch_projects(r);
}

static void reached_on_event(void *ctx, span text)
{
    static const struct {
        const char *event;
        void (*apply)(struct reached *r, struct json data);
        int passes; /* it goes on to clients here */
    } events[] = {
        {"sessions_initial", reached_on_sessions, 0},
        {"session_created", reached_put_session, 0},
        {"session_updated", reached_put_session, 0},
        {"session_removed", reached_on_removed, 0},
        {"computer_updated", reached_on_computer, 0},
        {"preparation_initial", reached_on_preparation, 0},
        {"projects_updated", NULL, 1},
        {"todos_updated", NULL, 1},
    };
    struct reached *r = ctx;
    struct json message;
    buf b = {0};
    if (!json_read(text, &message))
        return;
    struct json name = json_get(message, "event"), data = json_get(message, "data");
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        if (!json_text_eq(name, events[i].event) || json_type(data) != JSON_OBJECT)
            continue;
        if (events[i].apply)
            events[i].apply(r, data);
        if (!events[i].passes)
            continue;
        reached_put_renamed(r, data, &b);
        if (b.n)
            reached_publish(r, CACHE_PREPARATION, events[i].event, buf_view(&b));
        reached_fetch_projects(r);
    }
    buf_free(&b);
}

/* The link's caller waits until the sessions are known. */
static void reached_on_push(void *ctx)
{
    struct reached *r = ctx;
    buf b = {0};
    reached_publish_computer(r);
    if (!reached_is_live(r))
        return;
    json_open(&b, '{');
    json_field_int(&b, "sessions", (long long)r->sessions);
    json_close(&b, '}');
    httpd_send_frame(r->holder, WS_TEXT, buf_view(&b));
    buf_free(&b);
}

static const struct client_hooks reached_client_hooks = {reached_on_event, reached_on_push, NULL};

/* ---- requests ------------------------------------------------------------------------------- */

/* Returns the query without `computer`, and with another one unless the request is for the reached
 * computer itself. */
static void reached_put_query(const struct reached *r, span query, span computer, buf *b)
{
    char mark = '?';
    while (query.n) {
        span pair = span_cut(&query, '&');
        if (span_starts(pair, "computer=") || !pair.n)
            continue;
        buf_byte(b, mark);
        buf_span(b, pair);
        mark = '&';
    }
    if (!span_eq(computer, r->name)) {
        buf_byte(b, mark);
        buf_str(b, "computer=");
        http_put_encoded(b, computer);
    }
}

/* Appends a body for the computer there: without what is true here only. */
static void reached_put_body(const struct reached *r, struct json body, span computer, buf *b)
{
    json_open(b, '{');
    for (struct json_iter it = json_iter(body); json_next(&it);) {
        if (json_text_eq(it.key, "env") || json_text_eq(it.key, "umask") ||
            json_text_eq(it.key, "from") || json_text_eq(it.key, "computer"))
            continue;
        char *key = json_dup_text(it.key);
        json_field_raw(b, key ? key : "", it.value.text);
        free(key);
    }
    if (json_type(json_get(body, "computer"))) {
        json_field_span(b, "computer", span_eq(computer, r->name) ? span_of("local") : computer);
    }
    json_close(b, '}');
}

/* A WebSocket's handshake goes on as it came. */
static void reached_put_headers(const struct httpd_request *request, buf *b)
{
    static const char *const names[] = {"Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version"};
    int upgrades = request->head && http_header(request->head, "Upgrade").p;
    buf_str(b, upgrades ? "Connection: Upgrade\r\n" : "Connection: close\r\n");
    for (size_t i = 0; upgrades && i < COUNT_OF(names); i++) {
        span value = http_header(request->head, names[i]);
        if (value.p)
            buf_fmt(b, "%s: %.*s\r\n", names[i], (int)value.n, value.p);
    }
}

static void reached_hand_over(struct reached *r, struct httpd_request *request, struct json body,
                              span computer)
{
    buf method = {0}, target = {0}, content = {0}, headers = {0}, out = {0};
    int fd = reached_is_live(r) ? conn_connect(r->config.socket) : -1;
    if (fd < 0) {
        buf_fmt(&out, "%s can't be reached now%s%s", r->name, r->why[0] ? ": " : "", r->why);
        httpd_reply_detail(request->client, 503, buf_cstr(&out));
        buf_free(&out);
        return;
    }
    buf_span(&method, request->method);
    buf_span(&target, request->path);
    reached_put_query(r, request->query, computer, &target);
    if (json_type(body) == JSON_OBJECT)
        reached_put_body(r, body, computer, &content);
    else
        buf_span(&content, request->body);
    reached_put_headers(request, &headers);
    http_put_request(&out, buf_cstr(&method), buf_cstr(&target),
                     content.n ? (long long)content.n : -1, buf_cstr(&headers));
    buf_span(&out, buf_view(&content));
    httpd_tunnel(request->client, fd, buf_view(&out));
    buf_free(&method), buf_free(&target), buf_free(&content), buf_free(&headers), buf_free(&out);
}

/* Finds the computer that a request is about, in the query, the body, or by its session. */
static struct reached *reached_of(struct server *server, const struct httpd_request *request,
                                  struct json body, buf *computer, buf *id)
{
    span path = request->path, named;
    int is_session = span_starts(path, "/sessions/");
    if (is_session) {
        path = span_sub(path, strlen("/sessions/"));
        named = span_cut(&path, '/');
        http_decode(named, 0, id);
    }
    if (http_query(request->query, "computer", computer) <= 0) {
        buf_clear(computer);
        char *in_body = json_dup_member(body, "computer");
        struct cache_session *s = id->n ? cache_find(server->cache, buf_cstr(id)) : NULL;
        buf_str(computer, in_body ? in_body : s ? s->computer : "");
        free(in_body);
    }
    int is_read = span_eq(request->method, "GET") &&
                  (!is_session || (!path.n && request->path.p[request->path.n - 1] != '/'));
    return is_read ? NULL : reached_find(server, buf_view(computer));
}

static int reached_forward(struct server *server, struct httpd_request *request)
{
    struct json body;
    buf computer = {0}, id = {0};
    if (!server->reached)
        return 0;
    json_read(request->body, &body);
    struct reached *r = reached_of(server, request, body, &computer, &id);
    struct request asked = {.server = server, .client = request->client, .http = request,
                            .id = buf_cstr(&id), .body = body};
    if (r && (!id.n || request_require_driver(&asked)))
        reached_hand_over(r, request, body, buf_view(&computer));
    buf_free(&computer), buf_free(&id);
    return r != NULL;
}

static int reached_ask_end(const struct server *server, const char *computer, const char *id,
                           int undo_s, int restores,
                           void (*done)(void *ctx, int status, span body, const char *error),
                           void *ctx)
{
    struct reached *r = reached_find(server, span_of(computer));
    buf target = {0};
    char tail[32];
    if (!r)
        return 0;
    base_fmt(tail, sizeof tail, restores ? "/restore" : "?undo_s=%d", undo_s);
    client_put_target(&target, id, tail, strcmp(computer, r->name) != 0 ? computer : NULL);
    client_request(&r->client, restores ? "POST" : "DELETE", buf_cstr(&target), (span){0}, done,
                   ctx);
    buf_free(&target);
    return 1;
}

/* ---- links ---------------------------------------------------------------------------------- */

static void reached_on_message(void *ctx, enum ws_opcode opcode, span payload)
{
    struct reached *r = ctx;
    struct json message;
    if (opcode != WS_TEXT || !json_read(payload, &message))
        return;
    char *why = json_dup_member(message, "why");
    int was_up = r->up;
    r->up = json_is(message, "up", JSON_TRUE);
    base_copy(r->why, sizeof r->why, why && !r->up ? why : "");
    free(why);
    if (r->up && !was_up)
        client_retry_now(&r->client);
    if (r->up && r->client.push == CLIENT_OFF)
        client_subscribe(&r->client);
    reached_publish_computer(r);
}

static void reached_on_closed(void *ctx, const char *why)
{
    struct reached *r = ctx;
    buf b = {0};
    int was_added = r->link != NULL;
    log_line(LOG_INFO, "computer %s: not reached%s%s", r->name, why ? ": " : "", why ? why : "");
    LIST_REMOVE(r);
    reached_drop_sessions(r, 1);
    for (int i = -1; was_added && i < r->other_count; i++) {
        buf_clear(&b);
        json_open(&b, '{');
        json_field_string(&b, "name", i < 0 ? r->name : r->others[i]);
        json_close(&b, '}');
        reached_publish(r, CACHE_SESSIONS | CACHE_PREPARATION, "computer_removed", buf_view(&b));
    }
    client_free(&r->client);
    while (r->other_count)
        free(r->others[--r->other_count]);
    free(r->name), free(r->self), free(r->config.socket);
    buf_free(&r->projects), buf_free(&b);
    free(r);
}

static const struct httpd_ws_hooks reached_hooks = {reached_on_message, NULL, reached_on_closed};

/* Returns why a computer of that name can't be added, or NULL. */
static const char *reached_fault(const struct server *server, const char *name)
{
    if (!codec_name_is_good(span_of(name)))
        return "that is no name for a computer; --name NAME gives one";
    if (request_is_here(server, name))
        return "that is this computer's name; --name NAME gives another one";
    const struct reached *r = reached_find(server, span_of(name));
    if (r && (r->up || strcmp(r->name, name) != 0))
        return "a computer of that name is reached already; --name NAME gives another one";
    return roster_find(server->fleet, span_of(name))
               ? "a computer of that name is known by Redis; --name NAME gives another one"
               : NULL;
}

/* A lost one that asks for a password comes back only from a terminal. */
static void reached_replace(struct server *server, const char *name)
{
    struct reached *r = reached_find(server, span_of(name));
    if (!r)
        return;
    reached_drop_sessions(r, 1);
    LIST_REMOVE(r);
    httpd_close_ws(r->holder, 1000, "reached anew");
}

static void reached_add(struct request *request)
{
    struct server *server = request->server;
    char *name = request_query(request, "name"), *socket = request_query(request, "socket");
    char *self = request_query(request, "self");
    if (!request_reply_faults(request) && (!name || !socket || !self))
        httpd_reply_detail(request->client, 400, "expected name, self and socket");
    else if (name && socket && self && request_require_websocket(request)) {
        struct reached *r = base_alloc(sizeof *r);
        const char *fault = reached_fault(server, name);
        *r = (struct reached){.server = server, .holder = request->client, .name = name,
                              .self = self, .config = *server->config};
        r->config.socket = socket;
        client_init(&r->client, server->loop, &r->config, 0, &reached_client_hooks, r);
        r->client.exact = 1;
        if (!httpd_upgrade(request->client, request->http->head, &reached_hooks, r)) {
            client_free(&r->client);
            free(r);
        } else {
            name = socket = self = NULL;
            if (fault)
                httpd_close_ws(request->client, 1008, fault);
            else {
                reached_replace(server, r->name);
                LIST_PUSH(&server->reached, r);
                log_line(LOG_INFO, "computer %s: reached", r->name);
            }
        }
    }
    free(name), free(socket), free(self);
}

static void reached_close(struct request *request)
{
    char *name = request_query(request, "name");
    struct reached *r = NULL;
    if (!request_reply_faults(request)) {
        for (r = request->server->reached; r && (!name || strcmp(name, r->name) != 0);)
            r = r->next;
        if (r) {
            httpd_close_ws(r->holder, 1000, "telec unreach");
            request_reply_success(request->client);
        } else {
            httpd_reply_detail(request->client, 404,
                               "no computer of that name is reached from here");
        }
    }
    free(name);
}

/* ---- configured links ----------------------------------------------------------------------- */

static void reached_on_link_end(void *ctx, int status)
{
    (void)ctx, (void)status; /* the link has said why, on our stderr */
}

static void reached_init(struct server *server)
{
    const struct config *config = server->config;
    server->reached_place = cache_reserve(server->cache, sizeof(struct reached_session));
    server->links = base_alloc(((size_t)config->reach.count + 1) * sizeof *server->links);
    int ends[2] = {-1, -1};
    if (config->reach.count && pipe(ends) == 0)
        os_close_on_exec(ends[0]), os_close_on_exec(ends[1]);
    for (int i = 0; i < config->reach.count; i++) {
        const struct config_entry *entry = &config->reach.items[i];
        char **words = config_words(span_of(entry->value));
        size_t count = 0;
        while (words && words[count])
            count++;
        const char *const first[7] = {config_program(config), "-S", config->socket, "reach",
                                      "--background", "--name", entry->name};
        char **argv = base_alloc((COUNT_OF(first) + count + 1) * sizeof *argv);
        memcpy(argv, first, sizeof first);
        if (count)
            memcpy(argv + COUNT_OF(first), words, count * sizeof *words);
        struct loop_child *child = &server->links[i];
        *child = (struct loop_child){.pid = count ? os_spawn(argv, ends[0], -1, STDERR_FILENO) : -1,
                                     .fn = reached_on_link_end, .ctx = child};
        if (child->pid < 0) {
            log_line(LOG_WARN, "reach %s: cannot start %s", entry->name, argv[0]);
        } else {
            loop_on_exit(server->loop, child);
        }
        free(argv), free(words);
    }
    server->links_fd = ends[1]; /* its end is the links' */
    if (ends[0] >= 0)
        close(ends[0]);
}

static void reached_free(struct server *server)
{
    if (server->links_fd >= 0)
        close(server->links_fd);
    free(server->links);
}
