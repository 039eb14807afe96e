#include "server.h"

/* push - /ws: topics, their initial states, updates as they come: protocol.md section 2.
 *
 * A client that reads too slowly gets no more updates; when its queue has drained it gets the full
 * state of its topics again. */

struct push_subscriber {
    struct server *server;
    struct httpd_client *client;
    struct cache_subscriber cache;
    char *here;             /* the directory the client was opened in, or NULL */
    int overflowed;         /* updates were dropped: send the full state once drained */
};

/* Sends {"event": "sessions_initial", "data": {"sessions": […]}}. The cache's list is shared, not
 * copied: the frame is three blobs. */
static void push_send_sessions(struct push_subscriber *s)
{
    static const char before[] = "{\"event\":\"sessions_initial\",\"data\":{\"sessions\":",
                      after[] = "}}";
    blob *list = cache_list(s->server->cache);
    unsigned char head[WS_HEAD_MAX];
    buf b = {0};
    buf_add(&b, head, ws_frame_head(head, WS_TEXT, sizeof before - 1 + list->n + sizeof after - 1));
    buf_str(&b, before);
    blob *first = blob_new(buf_view(&b)), *last = blob_new(span_of(after));
    httpd_send_blob(s->client, first, 1);
    httpd_send_blob(s->client, list, 0);
    httpd_send_blob(s->client, last, 0);
    blob_drop(first);
    blob_drop(last);
    buf_free(&b);
}

static void push_send_preparation(struct push_subscriber *s)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "event", "preparation_initial");
    json_field_open(&b, "data", '{');
    json_field_open(&b, "projects", '[');
    projects_put(s->server->projects, &b, 1);
    pull_put_projects(s->server->fleet, NULL, 1, &b);
    reached_put_projects(s->server, NULL, &b);
    json_close(&b, ']');
    json_close(&b, '}');
    json_close(&b, '}');
    httpd_send_frame(s->client, WS_TEXT, buf_view(&b));
    buf_clear(&b);
    if (s->here)
        projects_put_event(s->server->projects, s->here, &b);
    if (b.n)
        httpd_send_frame(s->client, WS_TEXT, buf_view(&b));
    buf_free(&b);
}

static const struct push_topic {
    const char *name;
    unsigned topic;
    void (*send_initial)(struct push_subscriber *s);
} push_topics[] = {{"sessions", CACHE_SESSIONS, push_send_sessions},
                  {"preparation", CACHE_PREPARATION, push_send_preparation}};

static void push_send_initial(struct push_subscriber *s, unsigned topics)
{
    for (size_t i = 0; i < COUNT_OF(push_topics); i++)
        if (topics & push_topics[i].topic)
            push_topics[i].send_initial(s);
}

/* The cache's send. Past HTTPD_QUEUE_MAX it drops the queued updates and all that follow;
 * push_ws_on_drained sends the full state. A frame larger than the limit passes an empty queue. */
static void push_send_update(void *ctx, blob *frame)
{
    struct push_subscriber *s = ctx;
    if (s->overflowed)
        return;
    if (httpd_queued(s->client) && httpd_queued(s->client) + frame->n > HTTPD_QUEUE_MAX) {
        log_line(LOG_WARN, "client is slow: %zu bytes of updates dropped",
                 httpd_queued(s->client));
        s->overflowed = 1;
        httpd_drop_unsent(s->client);
        return;
    }
    httpd_send_blob(s->client, frame, 1);
}

static void push_ws_on_drained(void *ctx)
{
    struct push_subscriber *s = ctx;
    if (!s->overflowed)
        return;
    s->overflowed = 0;
    push_send_initial(s, s->cache.topics);
}

static unsigned push_topic_of(struct json name)
{
    for (size_t i = 0; i < COUNT_OF(push_topics); i++)
        if (json_text_eq(name, push_topics[i].name))
            return push_topics[i].topic;
    return 0;
}

/* Visits the directory in "here" and leaves the former one; absent or unusable: no change. */
static void push_set_here(struct push_subscriber *s, struct json here)
{
    char *path = json_has_nul(here) ? NULL : json_dup_text(here);
    request_trim_path(path);
    if (path && path[0] == '/' && strlen(path) < PATH_MAX) {
        projects_visit(s->server->projects, path);
        if (s->here)
            projects_leave(s->server->projects, s->here);
        free(s->here);
        s->here = path;
    } else {
        free(path);
    }
}

static void push_ws_on_message(void *ctx, enum ws_opcode opcode, span payload)
{
    struct push_subscriber *s = ctx;
    struct json message;
    if (opcode != WS_TEXT) {
        httpd_close_ws(s->client, 1003, "text is expected");
        return;
    }
    if (!json_read(payload, &message) ||
        json_type(message) != JSON_OBJECT) {
        log_line(LOG_WARN, "client sent a message that is not a JSON object");
        return;
    }
    struct json subscribe = json_get(message, "subscribe"),
                unsubscribe = json_get(message, "unsubscribe");
    unsigned more = push_topic_of(subscribe), less = push_topic_of(unsubscribe);
    if ((json_type(subscribe) && !more) || (json_type(unsubscribe) && !less))
        log_line(LOG_WARN, "client named an unknown topic: %.*s",
                 (int)(payload.n < 80 ? payload.n : 80), payload.p);
    if (more & CACHE_PREPARATION)
        push_set_here(s, json_get(message, "here"));
    if (more || less)
        cache_subscribe(s->server->cache, &s->cache, (s->cache.topics | more) & ~less);
    if (json_is(message, "refresh", JSON_TRUE)) {
        more = s->cache.topics;
        projects_doubt(s->server->projects);
        pull_refresh(s->server->fleet);
    }
    if (more && httpd_queued(s->client) > HTTPD_QUEUE_MAX) { /* it asks faster than it reads */
        s->overflowed = 1;
        return;
    }
    push_send_initial(s, more);
}

static void push_ws_on_closed(void *ctx, const char *why)
{
    struct push_subscriber *s = ctx;
    (void)why;
    cache_subscribe(s->server->cache, &s->cache, 0);
    if (s->here)
        projects_leave(s->server->projects, s->here);
    free(s->here);
    free(s);
}

static const struct httpd_ws_hooks push_hooks = {push_ws_on_message, push_ws_on_drained,
                                                   push_ws_on_closed};

static void push_ws(struct request *r)
{
    if (!request_require_websocket(r))
        return;
    struct push_subscriber *s = base_alloc(sizeof *s);
    s->server = r->server;
    s->client = r->client;
    s->cache.send = push_send_update;
    s->cache.ctx = s;
    if (!httpd_upgrade(r->client, r->http->head, &push_hooks, s))
        free(s);
}
