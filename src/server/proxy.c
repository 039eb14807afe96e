#include "server.h"

/* remote - requests about sessions of other computers.
 *
 * Each becomes a request through Redis, and its answer, or why there is none, the client's. */

#define PROXY_VIEW_BACKLOG                                                                        \
    (256 * 1024) /* bytes queued for a viewer before something is left out */

/* ---- asking another computer ---------------------------------------------------------------- */

/* A request to another computer on behalf of a client. */
struct proxy {
    struct api *api;
    struct httpd_client *client;
    struct streams_ask *asked;
    char *computer, *id; /* id: of the session that it is about; or NULL */
    void (*answer)(struct proxy *remote, struct json data);
};

static void proxy_free(struct proxy *remote)
{
    free(remote->computer);
    free(remote->id);
    free(remote);
}

static void proxy_on_gone(void *ctx)
{
    struct proxy *remote = ctx;
    streams_forget(remote->asked);
    proxy_free(remote);
}

/* {"detail": "COMPUTER: why"} */
static void proxy_refuse(struct httpd_client *client, int status, const char *computer,
                          const char *why)
{
    buf b = {0};
    utf8_put_visible(&b, span_of(computer));
    buf_str(&b, ": ");
    utf8_put_visible(&b, span_of(why));
    httpd_reply_detail(client, status, buf_cstr(&b));
    buf_free(&b);
}

/* What an error of another computer is to our client. */
static const struct {
    const char *code;
    int status;
    const char *why; /* NULL: what it says itself */
} proxy_errors[] = {
    {"NOT_FOUND", 404, NULL},
    {"ENDED", 409, NULL},
    {"FORBIDDEN", 403, NULL},
    {"BAD_REQUEST", 400, NULL},
    {"NOT_STARTED", 400, NULL},
    {"NO_HANDLER", 501, "it does not know how to do that (a TeleClaude daemon, or an older telec)"},
};

static void proxy_reply_error(struct proxy *remote, const struct codec_answer *answer)
{
    char *error = json_dup_text(answer->error);
    const char *why = error && *error ? error : "it failed without a reason";
    int status = 502;
    for (size_t i = 0; i < COUNT_OF(proxy_errors); i++)
        if (strcmp(proxy_errors[i].code, answer->code) == 0) {
            status = proxy_errors[i].status;
            why = proxy_errors[i].why ? proxy_errors[i].why : why;
        }
    proxy_refuse(remote->client, status, remote->computer, why);
    free(error);
}

static void proxy_on_done(void *ctx, const struct codec_answer *answer, struct codec_id at,
                           const char *why)
{
    struct proxy *remote = ctx;
    (void)at;
    httpd_wait(remote->client, NULL, NULL);
    if (!answer)
        proxy_refuse(remote->client, 504, remote->computer, why);
    else if (!answer->good)
        proxy_reply_error(remote, answer);
    else
        remote->answer(remote, answer->data);
    proxy_free(remote);
}

/* Sends it; what comes back is answered by `answer`, or is an error. */
static void proxy_ask(struct request *call, const char *computer, const struct codec_request *request,
                       void (*answer)(struct proxy *remote, struct json data))
{
    struct proxy *remote = base_alloc(sizeof *remote);
    const char *why;
    *remote = (struct proxy){.api = call->api,
                              .client = call->client,
                              .computer = span_dup(span_of(computer)),
                              .id = call->id ? span_dup(span_of(call->id)) : NULL,
                              .answer = answer};
    remote->asked =
        streams_ask(&call->api->peers->link, computer, request, proxy_on_done, remote, &why);
    if (!remote->asked) {
        proxy_refuse(call->client, 503, computer, why);
        proxy_free(remote);
        return;
    }
    httpd_wait(call->client, proxy_on_gone, remote);
}

/* A command about the call's session. */
static void proxy_command(struct request *call, const char *const *words,
                           void (*answer)(struct proxy *remote, struct json data))
{
    buf line = {0};
    codec_put_words(&line, words);
    struct codec_request request = {.command = buf_view(&line), .session_id = span_of(call->id)};
    proxy_ask(call, call->computer, &request, answer);
    buf_free(&line);
}

static void proxy_take_success(struct proxy *remote, struct json data)
{
    (void)data;
    request_reply_success(remote->client);
}

static void proxy_take_sessions(struct proxy *remote, struct json data)
{
    buf b = {0};
    json_open(&b, '[');
    for (struct json_iter it = json_iter(data); data.type == JSON_ARRAY && json_next(&it);)
        if (it.value.type == JSON_OBJECT)
            codec_put_session(&b, it.value, remote->computer);
    json_close(&b, ']');
    request_reply(remote->client, &b);
}

static void proxy_list_sessions(struct request *call, const char *computer)
{
    struct codec_request request = {.command = span_of("list_sessions")};
    proxy_ask(call, computer, &request, proxy_take_sessions);
}

static void proxy_take_session(struct proxy *remote, struct json data)
{
    buf b = {0};
    for (struct json_iter it = json_iter(data); data.type == JSON_ARRAY && json_next(&it);)
        if (!b.n && json_text_eq(json_get(it.value, "session_id"), remote->id))
            codec_put_session(&b, it.value, remote->computer);
    if (b.n)
        request_reply(remote->client, &b);
    else
        httpd_reply_detail(remote->client, 404, "Session not found");
}

static void proxy_get(struct request *call)
{
    const struct cache_session *known = cache_find(call->api->cache, call->id);
    struct codec_request list = {.command = span_of("list_sessions")};
    if (presence_must_be_asked(call->api->peers, call->computer))
        proxy_ask(call, call->computer, &list, proxy_take_session);
    else if (known && strcmp(known->computer, call->computer) == 0)
        httpd_reply_json(call->client, 200, buf_view(&known->json), NULL);
    else
        httpd_reply_detail(call->client, 404, "Session not found");
}

static void proxy_rename(struct request *call)
{
    char *title = request_title(call);
    const char *const words[] = {"rename", title, NULL};
    if (!request_refused(call))
        proxy_command(call, words, proxy_take_success);
    free(title);
}

static void proxy_take_ended(struct proxy *remote, struct json data)
{
    long long undo_s;
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "status", "success");
    json_field_string(&b, "message", "Session ended successfully");
    if (json_int(json_get(data, "undo_s"), &undo_s))
        json_field_int(&b, "undo_s", undo_s);
    json_close(&b, '}');
    request_reply(remote->client, &b);
}

/* Only a telec can undo an end. */
static void proxy_delete(struct request *call)
{
    const struct peers_peer *peer = roster_find(call->api->peers, span_of(call->computer));
    int undo_s = request_query_int(call, "undo_s", SESSION_UNDO_MAX_S);
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%d", undo_s);
    const char *const words[] = {"end_session", call->id,
                                 undo_s && peer && peer->beat.telec[0] ? seconds : NULL, NULL};
    if (!request_refused(call))
        proxy_command(call, words, proxy_take_ended);
}

static void proxy_restore(struct request *call)
{
    const char *const words[] = {"restore_session", call->id, NULL};
    proxy_command(call, words, proxy_take_success);
}

static void proxy_take_result(struct proxy *remote, struct json data)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "status", "success");
    json_key(&b, "result");
    json_put_raw(&b, data.type == JSON_NONE ? span_of("null") : data.text);
    json_close(&b, '}');
    request_reply(remote->client, &b);
}

static void proxy_message(struct request *call)
{
    static const struct request_field field = {"message", 1, 1, NULL};
    char *text = request_string(call, &field);
    int enter = json_get(call->body, "enter").type != JSON_FALSE;
    const char *const words[] = {enter ? "message" : "type", text, NULL};
    if (!request_refused(call))
        proxy_command(call, words, proxy_take_result);
    free(text);
}

static void proxy_keys(struct request *call)
{
    char count[16];
    int presses;
    char *key = request_key(call, &presses);
    const char *const words[] = {"keys", key, count, NULL};
    snprintf(count, sizeof count, "%d", presses);
    if (!request_refused(call))
        proxy_command(call, words, proxy_take_success);
    free(key);
}

static void proxy_take_transcript(struct proxy *remote, struct json data)
{
    struct json messages = json_get(data, "messages");
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "status", "success");
    json_key(&b, "transcript");
    json_put_raw(&b, messages.type == JSON_STRING ? messages.text : span_of("\"\""));
    json_key(&b, "data");
    json_put_raw(&b, data.type == JSON_NONE ? span_of("null") : data.text);
    json_close(&b, '}');
    request_reply(remote->client, &b);
}

static void proxy_transcript(struct request *call)
{
    char number[24];
    long long chars = request_tail_chars(call);
    const char *const words[] = {"get_session_data", number, NULL};
    snprintf(number, sizeof number, "%lld", chars);
    if (!request_refused(call))
        proxy_command(call, words, proxy_take_transcript);
}

static void proxy_take_object(struct proxy *remote, struct json data)
{
    httpd_reply_json(remote->client, 200, data.type == JSON_NONE ? span_of("null") : data.text,
                     NULL);
}

static void proxy_screen(struct request *call)
{
    static const char *const words[] = {"screen", NULL};
    proxy_command(call, words, proxy_take_object);
}

static void proxy_take_created(struct proxy *remote, struct json data)
{
    static const char *const members[] = {"session_id", "tmux_session_name"};
    buf b = {0};
    if (json_get(data, "session_id").type != JSON_STRING) {
        proxy_refuse(remote->client, 502, remote->computer, "it names no new session");
        return;
    }
    json_open(&b, '{');
    json_field_string(&b, "status", "success");
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        struct json value = json_get(data, members[i]);
        json_key(&b, members[i]);
        json_put_raw(&b, value.type == JSON_NONE ? span_of("null") : value.text);
    }
    json_key(&b, "data");
    json_put_raw(&b, data.text);
    json_close(&b, '}');
    request_reply(remote->client, &b);
}

/* One request: what is to be started stands in auto_command. A command line of one's own becomes
 * what is typed into a shell. */
static void proxy_create(struct request *call, const char *computer, const struct session_plan *plan)
{
    const struct peers_peer *peer = roster_find(call->api->peers, span_of(computer));
    const char *agent = plan->command ? "shell" : plan->agent, *message = plan->message;
    buf typed = {0}, line = {0}, metadata = {0};
    if (plan->command) {
        codec_put_words(&typed, (const char *const *)plan->command);
        message = buf_cstr(&typed);
    }
    const char *const words[] = {message ? "agent_then_message" : "agent", agent, plan->mode,
                                 message, NULL};
    if (peer && (peer->beat.telec[0] || strcmp(agent, "shell") != 0))
        codec_put_words(&line, words); /* TeleClaude's sessions without an agent are shells */
    json_open(&metadata, '{');
    json_key(&metadata, "telec");
    json_open(&metadata, '{');
    json_field_int(&metadata, "cols", plan->cols);
    json_field_int(&metadata, "rows", plan->rows);
    json_field_string(&metadata, "initiator_session_id", plan->initiator);
    json_close(&metadata, '}');
    json_close(&metadata, '}');
    struct codec_request request = {.command = span_of("new_session"),
                                    .title = span_of(plan->title ? plan->title : "Untitled"),
                                    .project_dir = span_of(plan->directory),
                                    .metadata = buf_view(&metadata),
                                    .auto_command = buf_view(&line)};
    if (!peer)
        proxy_refuse(call->client, 404, computer, "no computer of that name is known here");
    else if (!line.n && message)
        proxy_refuse(call->client, 501, computer,
                      "a TeleClaude daemon starts shells without a first message");
    else
        proxy_ask(call, computer, &request, proxy_take_created);
    buf_free(&typed), buf_free(&line), buf_free(&metadata);
}

/* A WebSocket on one side, another computer's session on the other: to look at only. */
struct proxy_glance {
    struct httpd_client *client; /* NULL: it has gone */
    struct observation *watch;
    int sizes;
    int behind; /* it takes too long to read: something was left out */
};

static void proxy_glance_on_size(void *ctx, span size_json)
{
    struct proxy_glance *glance = ctx;
    if (glance->sizes)
        httpd_send_frame(glance->client, WS_TEXT, size_json);
}

static void proxy_glance_on_output(void *ctx, span bytes)
{
    struct proxy_glance *glance = ctx;
    glance->behind |= httpd_queued(glance->client) > PROXY_VIEW_BACKLOG;
    if (!glance->behind)
        httpd_send_frame(glance->client, WS_BINARY, bytes);
}

/* What was left out comes in a new snapshot. */
static void proxy_glance_on_drained(void *ctx)
{
    struct proxy_glance *glance = ctx;
    if (glance->behind && glance->watch)
        observe_restart(glance->watch);
    glance->behind = 0;
}

static void proxy_glance_on_ended(void *ctx, const char *why)
{
    struct proxy_glance *glance = ctx;
    glance->watch = NULL;
    httpd_close_ws(glance->client, 1000, why);
}

static const struct observe_hooks proxy_glance_watch = {
    proxy_glance_on_size, proxy_glance_on_output, proxy_glance_on_ended};

static void proxy_glance_on_message(void *ctx, enum ws_opcode opcode, span payload)
{
    (void)ctx, (void)opcode, (void)payload;
}

static void proxy_glance_on_closed(void *ctx, const char *why)
{
    struct proxy_glance *glance = ctx;
    (void)why;
    if (glance->watch)
        observe_close(glance->watch);
    free(glance);
}

static const struct httpd_ws_hooks proxy_glance_hooks = {
    proxy_glance_on_message, proxy_glance_on_drained, proxy_glance_on_closed};

static void proxy_attach(struct request *call)
{
    char how[3];
    int control = request_view_mode(call, how);
    if (request_refused(call))
        return;
    if (control) {
        proxy_refuse(call->client, 409, call->computer,
                      "a session there can be looked at from here (mode=view); to be in it, "
                      "telec attach goes there by ssh");
        return;
    }
    if (!request_wants_websocket(call))
        return;
    struct proxy_glance *glance = base_alloc(sizeof *glance);
    glance->client = call->client;
    glance->sizes = how[0] == FRAME_VIEW_SIZES;
    glance->watch =
        observe_open(call->api->watches, call->computer, call->id, &proxy_glance_watch, glance);
    if (!glance->watch) {
        proxy_refuse(call->client, 503, call->computer, "it can't be reached now");
        free(glance);
    } else if (!httpd_upgrade(call->client, call->request->head, &proxy_glance_hooks, glance)) {
        observe_close(glance->watch);
        free(glance);
    }
}
