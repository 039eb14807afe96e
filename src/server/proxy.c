#include "server.h"

/* proxy - requests about sessions of other computers.
 *
 * Each becomes a request through Redis; the other computer's answer, or its error, becomes the
 * client's reply. */

/* ---- asking another computer ---------------------------------------------------------------- */

/* A request to another computer on behalf of a client. */
struct proxy {
    struct server *server;
    struct httpd_client *client;
    struct streams_request *asked;
    char *computer, *id; /* id: the session's; or NULL */
    int changes;         /* the other computer's sessions */
    void (*answer)(struct proxy *proxy, struct json data);
};

static void proxy_free(struct proxy *proxy)
{
    free(proxy->computer);
    free(proxy->id);
    free(proxy);
}

static void proxy_on_gone(void *ctx)
{
    struct proxy *proxy = ctx;
    streams_cancel(proxy->asked);
    proxy_free(proxy);
}

static void proxy_on_done(void *ctx, const struct codec_reply *answer, struct codec_id at,
                          const char *why)
{
    struct proxy *proxy = ctx;
    (void)at;
    struct roster_peer *peer = roster_find(proxy->server->fleet, span_of(proxy->computer));
    httpd_wait(proxy->client, NULL, NULL);
    if (peer && proxy->changes)
        pull_unpushed(peer);
    char *error = answer ? json_dup_text(answer->error) : NULL;
    if (answer && answer->good)
        proxy->answer(proxy, answer->data);
    else
        request_refuse_code(proxy->client, proxy->computer, answer ? answer->code : NULL,
                            answer ? error : why);
    free(error);
    proxy_free(proxy);
}

/* Sends a request. `answer` replies from the data of a good answer; errors are replied to here. */
static void proxy_ask(struct request *r, const char *computer, const struct codec_request *request,
                      void (*answer)(struct proxy *proxy, struct json data))
{
    struct proxy *proxy = base_alloc(sizeof *proxy);
    const char *why;
    *proxy = (struct proxy){.server = r->server,
                              .client = r->client,
                              .computer = base_dup(computer),
                              .id = r->id ? base_dup(r->id) : NULL,
                              .changes = requests_is_change(request->command),
                              .answer = answer};
    proxy->asked =
        streams_ask(&r->server->fleet->streams, computer, request, proxy_on_done, proxy, &why);
    if (!proxy->asked) {
        request_refuse(r->client, 503, computer, why);
        proxy_free(proxy);
        return;
    }
    httpd_wait(r->client, proxy_on_gone, proxy);
}

/* Sends a command about r->id to r->computer. */
static void proxy_command(struct request *r, const char *const *words,
                          void (*answer)(struct proxy *proxy, struct json data))
{
    buf line = {0};
    codec_put_words(&line, words);
    struct codec_request request = {.command = buf_view(&line), .session_id = span_of(r->id)};
    proxy_ask(r, r->computer, &request, answer);
    buf_free(&line);
}

static void proxy_reply_success(struct proxy *proxy, struct json data)
{
    (void)data;
    request_reply_success(proxy->client);
}

static void proxy_reply_sessions(struct proxy *proxy, struct json data)
{
    buf b = {0};
    json_open(&b, '[');
    for (struct json_iter it = json_items(data); json_next(&it);)
        if (json_type(it.value) == JSON_OBJECT)
            codec_put_session(&b, it.value, proxy->computer);
    json_close(&b, ']');
    request_reply(proxy->client, &b);
}

static void proxy_list_sessions(struct request *r, const char *computer)
{
    struct codec_request request = {.command = span_of("list_sessions")};
    proxy_ask(r, computer, &request, proxy_reply_sessions);
}

static void proxy_reply_session(struct proxy *proxy, struct json data)
{
    buf b = {0};
    for (struct json_iter it = json_items(data); json_next(&it);)
        if (!b.n && json_member_eq(it.value, "session_id", proxy->id))
            codec_put_session(&b, it.value, proxy->computer);
    if (b.n)
        request_reply(proxy->client, &b);
    else
        httpd_reply_detail(proxy->client, 404, "Session not found");
}

static void proxy_get(struct request *r)
{
    const struct cache_session *known = cache_find(r->server->cache, r->id);
    struct codec_request list = {.command = span_of("list_sessions")};
    if (pull_must_ask(r->server->fleet, r->computer))
        proxy_ask(r, r->computer, &list, proxy_reply_session);
    else if (known && strcmp(known->computer, r->computer) == 0)
        httpd_reply_json(r->client, 200, buf_view(&known->json), NULL);
    else
        httpd_reply_detail(r->client, 404, "Session not found");
}

static void proxy_rename(struct request *r)
{
    char *title = request_title(r);
    const char *const words[] = {"rename", title, NULL};
    if (!request_reply_faults(r))
        proxy_command(r, words, proxy_reply_success);
    free(title);
}

static void proxy_reply_ended(struct proxy *proxy, struct json data)
{
    long long undo_s;
    if (!json_int(json_get(data, "undo_s"), &undo_s) || undo_s > SESSION_UNDO_MAX_S)
        undo_s = 0;
    request_reply_ended(proxy->client, proxy->id, (int)undo_s);
}

/* undo_s and force go to a telec only: a TeleClaude daemon knows neither. */
static void proxy_delete(struct request *r)
{
    const struct roster_peer *peer = roster_find(r->server->fleet, span_of(r->computer));
    int undo_s = request_query_int(r, "undo_s", SESSION_UNDO_MAX_S);
    char seconds[16];
    base_fmt(seconds, sizeof seconds, "%d", undo_s);
    const char *how = request_query_int(r, "force", 1) ? "force" : undo_s ? seconds : NULL;
    const char *const words[] = {"end_session", r->id, peer && peer->beat.telec[0] ? how : NULL,
                                 NULL};
    if (!request_reply_faults(r))
        proxy_command(r, words, proxy_reply_ended);
}

static void proxy_undo_end(struct request *r)
{
    const char *const words[] = {"restore_session", r->id, NULL};
    proxy_command(r, words, proxy_reply_success);
}

/* The environment stays here: the other computer's daemon has its own. */
static void proxy_restart(struct request *r)
{
    if (r->http->body.n)
        request_parse_body(r);
    int fresh = json_is(r->body, "fresh", JSON_TRUE);
    const char *const words[] = {"restart_session", r->id, fresh ? "fresh" : NULL, NULL};
    if (!request_reply_faults(r))
        proxy_command(r, words, proxy_reply_success);
}

static void proxy_reply_result(struct proxy *proxy, struct json data)
{
    request_reply_result(proxy->client, json_type(data) == JSON_NONE ? span_of("null") : data.text);
}

static void proxy_message(struct request *r)
{
    struct frame_message m;
    char *text = request_message(r, &m);
    const char *const words[] = {!m.enter ? "type" : m.force ? "force" : "message", text, NULL};
    if (!request_reply_faults(r) && (!m.force || request_require_driver(r)))
        proxy_command(r, words, proxy_reply_result);
    free(text);
}

static void proxy_answer(struct request *r)
{
    char *text = request_answer(r);
    const char *const words[] = {"answer", text, NULL};
    if (!request_reply_faults(r) && request_require_driver(r))
        proxy_command(r, words, proxy_reply_result);
    free(text);
}

static void proxy_keys(struct request *r)
{
    char count[16];
    int presses;
    char *key = request_key(r, &presses);
    const char *const words[] = {"keys", key, count, NULL};
    base_fmt(count, sizeof count, "%d", presses);
    if (!request_reply_faults(r) && request_require_driver(r))
        proxy_command(r, words, proxy_reply_success);
    free(key);
}

static void proxy_reply_transcript(struct proxy *proxy, struct json data)
{
    struct json messages = json_get(data, "messages");
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "status", "success");
    json_field_raw(&b, "transcript",
                   json_type(messages) == JSON_STRING ? messages.text : span_of("\"\""));
    json_field_raw(&b, "data", json_type(data) == JSON_NONE ? span_of("null") : data.text);
    json_close(&b, '}');
    request_reply(proxy->client, &b);
}

static void proxy_transcript(struct request *r)
{
    char number[24];
    long long chars = request_tail_chars(r);
    const char *const words[] = {"get_session_data", number, NULL};
    base_fmt(number, sizeof number, "%lld", chars);
    if (!request_reply_faults(r))
        proxy_command(r, words, proxy_reply_transcript);
}

static void proxy_reply_object(struct proxy *proxy, struct json data)
{
    httpd_reply_json(proxy->client, 200, json_type(data) == JSON_NONE ? span_of("null") : data.text,
                     NULL);
}

static void proxy_screen(struct request *r)
{
    static const char *const words[] = {"screen", NULL};
    proxy_command(r, words, proxy_reply_object);
}

static void proxy_reply_created(struct proxy *proxy, struct json data)
{
    static const char *const members[] = {"session_id", "tmux_session_name"};
    buf b = {0};
    if (!json_is(data, "session_id", JSON_STRING)) {
        request_refuse(proxy->client, 502, proxy->computer, "it names no new session");
        return;
    }
    json_open(&b, '{');
    json_field_string(&b, "status", "success");
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        struct json value = json_get(data, members[i]);
        json_field_raw(&b, members[i],
                       json_type(value) == JSON_NONE ? span_of("null") : value.text);
    }
    json_field_raw(&b, "data", data.text);
    json_close(&b, '}');
    request_reply(proxy->client, &b);
}

/* Sends new_session, its auto_command naming the agent to start. A command line of the client's
 * becomes the first message of a shell. */
static void proxy_create(struct request *r, const char *computer, const struct session_plan *plan)
{
    const struct roster_peer *peer = roster_find(r->server->fleet, span_of(computer));
    const char *agent = plan->command ? "shell" : plan->agent, *message = plan->message;
    buf typed = {0}, line = {0}, metadata = {0};
    if (plan->command) {
        codec_put_words(&typed, (const char *const *)plan->command);
        message = buf_cstr(&typed);
    }
    /* without a mode the next word is the message, but TeleClaude's commands need one */
    int bare = peer && peer->beat.telec[0] && !plan->mode && agents_mode(message) < 0;
    const char *const words[] = {message ? "agent_then_message" : "agent", agent,
                                 bare ? message : plan->mode ? plan->mode : "slow",
                                 bare ? NULL : message, NULL};
    if (peer && (peer->beat.telec[0] || strcmp(agent, "shell") != 0))
        codec_put_words(&line, words); /* a TeleClaude session without auto_command is a shell */
    json_open(&metadata, '{');
    json_field_open(&metadata, "telec", '{');
    json_field_int(&metadata, "cols", plan->cols);
    json_field_int(&metadata, "rows", plan->rows);
    json_field_string(&metadata, "initiator_session_id", plan->initiator);
    json_close(&metadata, '}');
    if (plan->initiator) /* as TeleClaude reads it */
        json_field_string(&metadata, "initiator_session_id", plan->initiator);
    json_close(&metadata, '}');
    struct codec_request request = {.command = span_of("new_session"),
                                    .title = span_of(plan->title ? plan->title : "Untitled"),
                                    .project_dir = span_of(plan->directory),
                                    .metadata = buf_view(&metadata),
                                    .auto_command = buf_view(&line)};
    if (!peer)
        request_refuse(r->client, 404, computer, "no computer of that name is known here");
    else if (!line.n && message)
        request_refuse(r->client, 501, computer,
                     "a TeleClaude daemon starts shells without a first message");
    else
        proxy_ask(r, computer, &request, proxy_reply_created);
    buf_free(&typed), buf_free(&line), buf_free(&metadata);
}

static struct stream *proxy_open(struct request *r, span how, int control,
                                 const struct stream_hooks *hooks, void *ctx)
{
    const char *why;
    int scrollback = frame_views(how, FRAME_VIEW_SCROLLBACK);
    struct stream *s = remote_open(r->server->remotes, r->computer, r->id, control, scrollback,
                                   hooks, ctx, &why);
    if (!s)
        request_refuse(r->client, 503, r->computer, why);
    return s;
}

static void proxy_attach(struct request *r)
{
    char how[3];
    int control = request_view_mode(r, how);
    const struct roster_peer *peer = roster_find(r->server->fleet, span_of(r->computer));
    if (request_reply_faults(r))
        return;
    if (control && peer && !peer->beat.telec[0])
        request_refuse(r->client, 409, r->computer,
                     "a session of a TeleClaude daemon can only be observed from here (mode=view); "
                     "telec attach attaches to it by ssh");
    else if (request_require_websocket(r))
        relay_view(r, span_of(how), control, proxy_open,
                   peer && peer->beat.telec[0] ? httpd_upgrade_later : httpd_upgrade);
}
