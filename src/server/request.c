#include "server.h"

/* request - one request's parameters, validation errors and usual replies: protocol.md section 1.
 *
 * All faults of a request are reported together, in Pydantic's words. */

/* ---- faults --------------------------------------------------------------------------------- */

static void request_fault(struct request *r, const char *type, const char *where, const char *name,
                          const char *message)
{
    buf *b = &r->faults;
    if (!b->n)
        json_open(b, '[');
    json_open(b, '{');
    json_field_string(b, "type", type);
    json_field_open(b, "loc", '[');
    json_put_string(b, span_of(where));
    if (name && *name >= '0' && *name <= '9') /* an offset, not a member */
        json_put_raw(b, span_of(name));
    else if (name)
        json_put_string(b, span_of(name));
    json_close(b, ']');
    json_field_string(b, "msg", message);
    json_close(b, '}');
}

static int request_reply_faults(struct request *r)
{
    if (r->unreadable)
        httpd_reply_detail(r->client, 400, "There was an error parsing the body");
    else if (!r->faults.n && r->lost.n)
        httpd_reply_detail(r->client, 404, buf_cstr(&r->lost));
    if (r->unreadable || !r->faults.n)
        return r->unreadable || r->lost.n;
    buf b = {0};
    json_close(&r->faults, ']');
    json_open(&b, '{');
    json_field_raw(&b, "detail", buf_view(&r->faults));
    json_close(&b, '}');
    httpd_reply_json(r->client, 422, buf_view(&b), NULL);
    buf_free(&b);
    buf_free(&r->faults);
    return 1;
}

static size_t request_characters(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* Names the allowed values as Pydantic does: 'a', 'b' or 'c'. */
static void request_fault_literal(struct request *r, const struct request_field *field,
                                  const char *where)
{
    buf message = {0};
    buf_str(&message, "Input should be ");
    for (span rest = span_of(field->literals); rest.n;) {
        span value = span_cut(&rest, '|');
        buf_fmt(&message, "'%.*s'%s", (int)value.n, value.p,
                !rest.n                           ? ""
                : memchr(rest.p, '|', rest.n) ? ", "
                                                  : " or ");
    }
    request_fault(r, "literal_error", where, field->name, buf_cstr(&message));
    buf_free(&message);
}

static void request_check(struct request *r, const struct request_field *field, const char *where,
                          const char *value)
{
    char message[160];
    if (field->shortest && request_characters(value) < field->shortest) {
        base_fmt(message, sizeof message, "String should have at least %zu character%s",
                 field->shortest, field->shortest == 1 ? "" : "s");
        request_fault(r, "string_too_short", where, field->name, message);
    } else if (field->literals && !span_is_one_of(field->literals, value)) {
        request_fault_literal(r, field, where);
    }
}

static char *request_string(struct request *r, const struct request_field *field)
{
    struct json value = json_get(r->body, field->name);
    if (json_type(value) == JSON_NONE || (json_type(value) == JSON_NULL && !field->required)) {
        if (field->required)
            request_fault(r, "missing", "body", field->name, "Field required");
        return NULL;
    }
    if (json_type(value) != JSON_STRING && field->literals) {
        request_fault_literal(r, field, "body");
        return NULL;
    }
    if (json_type(value) != JSON_STRING) {
        request_fault(r, "string_type", "body", field->name, "Input should be a valid string");
        return NULL;
    }
    char *text = json_dup_text(value);
    request_check(r, field, "body", text);
    return text;
}

static int request_int(struct request *r, const char *name, int least, int most, int otherwise)
{
    struct json value = json_get(r->body, name);
    char message[100];
    long long v;
    if (json_type(value) == JSON_NONE || json_type(value) == JSON_NULL)
        return otherwise;
    if (json_int(value, &v) && v >= least && v <= most)
        return (int)v;
    base_fmt(message, sizeof message, "Input should be a valid integer from %d to %d", least, most);
    request_fault(r, "int_parsing", "body", name, message);
    return otherwise;
}

static char *request_query(struct request *r, const char *name)
{
    buf value = {0};
    int found = http_query(r->http->query, name, &value);
    if (found == 1)
        return buf_cstr(&value), value.p;
    buf_free(&value);
    if (found < 0)
        request_fault(r, "string_type", "query", name, "Input should be percent-encoded text");
    return NULL;
}

static int request_query_int(struct request *r, const char *name, int most)
{
    char *text = request_query(r, name), message[100];
    long long v = 0;
    if (text && (!span_int(span_of(text), &v) || v < 0 || v > most)) {
        base_fmt(message, sizeof message, "Input should be a valid integer from 0 to %d", most);
        request_fault(r, "int_parsing", "query", name, message);
    }
    free(text);
    return (int)v;
}

static const char request_no_nul[] = "String should have no U+0000"; /* a C string would be cut */

static int request_has_nul(span encoded)
{
    for (; encoded.n; encoded = span_sub(encoded, 1))
        if (span_starts(encoded, "%00"))
            return 1;
    return 0;
}

static void request_check_target(struct request *r, span encoded_id)
{
    if (request_has_nul(encoded_id))
        request_fault(r, "string_type", "path", "id", request_no_nul);
    if (request_has_nul(r->http->query))
        request_fault(r, "string_type", "query", NULL, request_no_nul);
}

static void request_check_body(struct request *r)
{
    for (struct json_iter it = json_iter(r->body); json_next(&it);) {
        char *key = json_dup_text(it.key);
        if (json_has_nul(it.key) || json_has_nul(it.value))
            request_fault(r, "string_type", "body", json_has_nul(it.key) ? NULL : key,
                          request_no_nul);
        free(key);
    }
}

static void request_parse_body(struct request *r)
{
    const char *why = "the text ends too early";
    size_t at = r->http->body.n; /* where a text that ends too early is bad */
    char where[32];
    struct utf8_state utf8 = {0};
    if (utf8_check(&utf8, r->http->body) != PARSE_DONE) {
        r->unreadable = 1;
        return;
    }
    if (!r->http->body.n || span_eq(span_trim(r->http->body, " \t\r\n"), "null")) {
        request_fault(r, "missing", "body", NULL, "Field required");
        return;
    }
    if (json_parse(r->http->body, &r->body, &why, &at) != PARSE_DONE) {
        base_fmt(where, sizeof where, "%zu", at);
        request_fault(r, "json_invalid", "body", where, why);
        r->body = (struct json){0};
    } else if (json_type(r->body) != JSON_OBJECT) {
        request_fault(r, "model_attributes_type", "body", NULL,
                      "Input should be a valid dictionary or object to extract fields from");
    } else {
        request_check_body(r);
    }
}

/* ---- parameters of several routes ----------------------------------------------------------- */

static char *request_title(struct request *r)
{
    static const struct request_field field = {"title", 1, 1, NULL};
    char *title = request_string(r, &field);
    if (title && strlen(title) > REQUEST_TITLE_MAX)
        request_fault(r, "string_too_long", "body", "title",
                      "String should have at most 400 bytes");
    return title;
}

static char *request_key(struct request *r, int *count)
{
    static const struct request_field field = {"key", 1, 1, NULL};
    char *key = request_string(r, &field);
    buf bytes = {0};
    *count = request_int(r, "count", 1, FRAME_KEYS_MAX, 1);
    if (key && !frame_put_key_bytes(&bytes, span_of(key), 0))
        request_fault(r, "literal_error", "body", "key", "Input should be the name of a key");
    buf_free(&bytes);
    return key;
}

static char *request_message(struct request *r, struct frame_message *m)
{
    static const struct request_field field = {"message", 1, 1, NULL};
    char *text = request_string(r, &field);
    *m = (struct frame_message){.text = span_of(text ? text : ""),
                                .enter = !json_is(r->body, "enter", JSON_FALSE),
                                .force = json_is(r->body, "force", JSON_TRUE),
                                .until = r->server->loop->now + HOLDER_TYPE_MS};
    if (m->enter && m->text.n && !span_trim(m->text, " \t\r\n").n)
        request_fault(r, "value_error", "body", "message", "Input should not be blank");
    return text;
}

static char *request_answer(struct request *r)
{
    static const struct request_field field = {"answer", 1, 1, NULL};
    return request_string(r, &field);
}

static long long request_tail_chars(struct request *r)
{
    char *tail = request_query(r, "tail_chars");
    long long tail_chars = REQUEST_TAIL_CHARS;
    span digits = span_of(tail ? tail : "0");
    int negative = digits.n && digits.p[0] == '-';
    digits = span_sub(digits, negative);
    size_t n = 0;
    while (n < digits.n && isdigit((unsigned char)digits.p[n]))
        n++;
    if (tail && (negative || !span_int(digits, &tail_chars))) /* as many as there are, or none */
        tail_chars = negative ? 0 : LLONG_MAX;
    if (!n || n < digits.n)
        request_fault(r, "int_parsing", "query", "tail_chars",
                      "Input should be a valid integer, unable to parse string as an integer");
    free(tail);
    return tail_chars;
}

static int request_require_websocket(struct request *r)
{
    if (r->http->head && r->http->head->upgrade_websocket)
        return 1;
    httpd_reply_json(r->client, 426, span_of("{\"detail\":\"This is a WebSocket endpoint\"}"),
                     "Upgrade: websocket\r\n");
    return 0;
}

static int request_view_mode(struct request *r, char how[3])
{
    static const struct request_field field = {"mode", 0, 0, "view|control"};
    char *mode = request_query(r, "mode");
    if (mode)
        request_check(r, &field, "query", mode);
    char *sizes = request_query(r, "sizes"), *scrollback = request_query(r, "scrollback");
    int control = mode && strcmp(mode, "control") == 0;
    how[0] = sizes ? FRAME_VIEW_SIZES : ' ';
    how[1] = scrollback ? FRAME_VIEW_SCROLLBACK : ' ';
    how[2] = '\0';
    free(mode), free(sizes), free(scrollback);
    return control;
}

/* ---- replies -------------------------------------------------------------------------------- */

static void request_reply(struct httpd_client *client, buf *json)
{
    httpd_reply_json(client, 200, buf_view(json), NULL);
    buf_free(json);
}

static void request_reply_success(struct httpd_client *client)
{
    httpd_reply_json(client, 200, span_of("{\"status\":\"success\"}"), NULL);
}

static void request_reply_result(struct httpd_client *client, span json)
{
    buf b = {0};
    json_open(&b, '{');
    json_field_string(&b, "status", "success");
    json_field_raw(&b, "result", json);
    json_close(&b, '}');
    request_reply(client, &b);
}

static void request_reply_ended(struct httpd_client *client, const char *id, int undo_s)
{
    buf b = {0}, message = {0};
    buf_fmt(&message, undo_s ? "Session %.8s ends in %d s" : "Session %.8s ended successfully", id,
            undo_s);
    json_open(&b, '{');
    json_field_string(&b, "status", "success");
    json_field_string(&b, "message", buf_cstr(&message));
    if (undo_s)
        json_field_int(&b, "undo_s", undo_s);
    json_close(&b, '}');
    request_reply(client, &b);
    buf_free(&message);
}

static int request_is_here(const struct server *server, const char *computer)
{
    return !computer || !*computer || strcmp(computer, server->config->computer) == 0 ||
           strcmp(computer, "local") == 0;
}

static void request_reply_unreached(struct request *r)
{
    const char *why = sessions_why_unreachable(r->session);
    int exited = record_has_exited(r->session);
    buf b = {0};
    if (exited)
        buf_fmt(&b, "Session %.8s has ended", r->session->id);
    else
        buf_fmt(&b, "Session %.8s can't be reached: %s", r->session->id,
                why ? why : "no connection to its holder");
    httpd_reply_detail(r->client, exited ? 409 : 503, buf_cstr(&b));
    buf_free(&b);
}

static void request_refuse(struct httpd_client *client, int status, const char *computer,
                           const char *why)
{
    buf b = {0};
    utf8_put_visible(&b, span_of(computer));
    buf_str(&b, ": ");
    utf8_put_visible(&b, span_of(why && *why ? why : "it failed without a reason"));
    httpd_reply_detail(client, status, buf_cstr(&b));
    buf_free(&b);
}

static void request_refuse_code(struct httpd_client *client, const char *computer,
                                const char *code, const char *why)
{
    static const struct {
        const char *code;
        int status;
        const char *why; /* NULL: the error's own text */
    } errors[] = {
        {"NOT_FOUND", 404, NULL},
        {"ENDED", 409, NULL},
        {"WAITING", 409, NULL},
        {"UNREACHABLE", 503, NULL},
        {"BUSY", 503, NULL},
        {"FORBIDDEN", 403, NULL},
        {"BAD_REQUEST", 400, NULL},
        {"EXPIRED", 504, NULL},
        {"LATE", 504, NULL},
        {"NOT_WRITTEN", 500, NULL},
        {"NOT_STARTED", 400, NULL},
        {"NOT_RESTARTED", 409, NULL},
        {"NO_HANDLER", 501,
         "it does not know how to do that (a TeleClaude daemon, or an older telec)"},
    };
    int status = code ? 502 : 504;
    for (size_t i = 0; code && i < COUNT_OF(errors); i++)
        if (strcmp(errors[i].code, code) == 0) {
            status = errors[i].status;
            why = errors[i].why ? errors[i].why : why;
        }
    request_refuse(client, status, computer, why);
}

/* Appends the id of the session that started session `id`. Returns 0: none is known. */
static int request_put_initiator(const struct server *server, const char *id, buf *b)
{
    const struct cache_session *known = cache_find(server->cache, id);
    struct json object;
    if (!known || !json_read(buf_view(&known->json), &object))
        return 0;
    json_put_member(b, object, "initiator_session_id");
    return b->n > 0;
}

static int request_require_driver(struct request *r)
{
    struct json from = json_get(r->body, "from");
    char *id = base_dup(r->id);
    int may = json_type(from) != JSON_STRING || strcmp(r->server->config->answer, "all") == 0;
    for (int i = 0; !may && id && i < REQUEST_ANCESTORS_MAX; i++) {
        buf initiator = {0};
        int known = request_put_initiator(r->server, id, &initiator);
        free(id);
        id = known ? span_dup(buf_view(&initiator)) : NULL;
        may = known && json_text_eq(from, id);
        buf_free(&initiator);
    }
    free(id);
    if (!may)
        httpd_reply_detail(r->client, 403, "A session answers, forces and presses keys only in "
                                           "sessions that it has started ([agents] answer = all: "
                                           "in any)");
    return may;
}

static int request_require_running(struct request *r)
{
    if (sessions_is_running(r->session))
        return 1;
    request_reply_unreached(r);
    return 0;
}

static void request_trim_path(char *path)
{
    size_t n = path ? strlen(path) : 0;
    while (n > 1 && path[n - 1] == '/')
        path[--n] = '\0';
}
