#include "server.h"

/* call - one request at work: what was asked for, what does not fit, the usual answers.
 *
 * What does not fit is said as Pydantic words it, all of it at once: protocol.md section 1. */

#define REQUEST_TITLE_MAX 400   /* bytes of a title */
#define REQUEST_TAIL_CHARS 5000 /* of a transcript, when nothing else was asked for */

/* ---- faults of a request, as Pydantic words them -------------------------------------------- */

static void request_fault(struct request *call, const char *type, const char *where, const char *name,
                       const char *message)
{
    buf *b = &call->faults;
    if (!b->n)
        json_open(b, '[');
    json_open(b, '{');
    json_field_string(b, "type", type);
    json_key(b, "loc");
    json_open(b, '[');
    json_put_string(b, span_of(where));
    if (name && *name >= '0' && *name <= '9') /* a place in the text, not a member */
        json_put_raw(b, span_of(name));
    else if (name)
        json_put_string(b, span_of(name));
    json_close(b, ']');
    json_field_string(b, "msg", message);
    json_close(b, '}');
}

static int request_refused(struct request *call)
{
    if (!call->faults.n)
        return 0;
    buf b = {0};
    json_close(&call->faults, ']');
    json_open(&b, '{');
    json_key(&b, "detail");
    json_put_raw(&b, buf_view(&call->faults));
    json_close(&b, '}');
    httpd_reply_json(call->client, 422, buf_view(&b), NULL);
    buf_free(&b);
    buf_free(&call->faults);
    return 1;
}

static size_t request_characters(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static int request_is_literal(const char *literals, const char *value)
{
    span rest = span_of(literals);
    while (rest.n)
        if (span_eq(span_cut(&rest, '|'), value))
            return 1;
    return 0;
}

static void request_check(struct request *call, const struct request_field *field, const char *where,
                       const char *value)
{
    char message[160];
    if (field->shortest && request_characters(value) < field->shortest) {
        snprintf(message, sizeof message, "String should have at least %zu character%s",
                 field->shortest, field->shortest == 1 ? "" : "s");
        request_fault(call, "string_too_short", where, field->name, message);
    } else if (field->literals && !request_is_literal(field->literals, value)) {
        snprintf(message, sizeof message, "Input should be one of: %.100s", field->literals);
        request_fault(call, "literal_error", where, field->name, message);
    }
}

static char *request_string(struct request *call, const struct request_field *field)
{
    struct json value = json_get(call->body, field->name);
    if (value.type == JSON_NONE || (value.type == JSON_NULL && !field->required)) {
        if (field->required)
            request_fault(call, "missing", "body", field->name, "Field required");
        return NULL;
    }
    if (value.type != JSON_STRING) {
        request_fault(call, "string_type", "body", field->name, "Input should be a valid string");
        return NULL;
    }
    char *text = json_dup_text(value);
    request_check(call, field, "body", text);
    return text;
}

static int request_int(struct request *call, const char *name, int least, int most, int otherwise)
{
    struct json value = json_get(call->body, name);
    char message[100];
    long long v;
    if (value.type == JSON_NONE || value.type == JSON_NULL)
        return otherwise;
    if (json_int(value, &v) && v >= least && v <= most)
        return (int)v;
    snprintf(message, sizeof message, "Input should be a valid integer from %d to %d", least, most);
    request_fault(call, "int_parsing", "body", name, message);
    return otherwise;
}

static char *request_query(struct request *call, const char *name)
{
    buf value = {0};
    int found = http_query(call->request->query, name, &value);
    if (found == 1)
        return buf_cstr(&value), value.p;
    buf_free(&value);
    if (found < 0)
        request_fault(call, "string_type", "query", name, "Input should be percent-encoded text");
    return NULL;
}

static int request_query_int(struct request *call, const char *name, int most)
{
    char *text = request_query(call, name), message[100];
    long long v = 0;
    if (text && (!span_int(span_of(text), &v) || v < 0 || v > most)) {
        snprintf(message, sizeof message, "Input should be a valid integer from 0 to %d", most);
        request_fault(call, "int_parsing", "query", name, message);
    }
    free(text);
    return (int)v;
}

static void request_parse_body(struct request *call)
{
    const char *why = "the text ends too early";
    size_t at = 0;
    char where[32];
    if (!call->request->body.n) {
        request_fault(call, "missing", "body", NULL, "Field required");
        return;
    }
    if (json_parse(call->request->body, &call->body, &why, &at) != PARSE_DONE) {
        snprintf(where, sizeof where, "%zu", at);
        request_fault(call, "json_invalid", "body", where, why);
        call->body = (struct json){0};
    } else if (call->body.type != JSON_OBJECT) {
        request_fault(call, "model_attributes_type", "body", NULL,
                   "Input should be a valid dictionary or object to extract fields from");
    }
}

/* ---- what several requests ask for ---------------------------------------------------------- */

static char *request_title(struct request *call)
{
    static const struct request_field field = {"title", 1, 1, NULL};
    char *title = request_string(call, &field);
    if (title && strlen(title) > REQUEST_TITLE_MAX)
        request_fault(call, "string_too_long", "body", "title",
                   "String should have at most 400 bytes");
    return title;
}

static char *request_key(struct request *call, int *count)
{
    static const struct request_field field = {"key", 1, 1, NULL};
    char *key = request_string(call, &field);
    buf bytes = {0};
    *count = request_int(call, "count", 1, HOLDER_KEYS_MAX, 1);
    if (key && !frame_put_key(&bytes, span_of(key), 0))
        request_fault(call, "literal_error", "body", "key", "Input should be the name of a key");
    buf_free(&bytes);
    return key;
}

static long long request_tail_chars(struct request *call)
{
    char *tail = request_query(call, "tail_chars");
    long long tail_chars = REQUEST_TAIL_CHARS;
    if (tail && (!span_int(span_of(tail), &tail_chars) || tail_chars < 0))
        request_fault(call, "int_parsing", "query", "tail_chars",
                   "Input should be a valid integer, unable to parse string as an integer");
    free(tail);
    return tail_chars;
}

static int request_wants_websocket(struct request *call)
{
    if (call->request->head && call->request->head->upgrade_websocket)
        return 1;
    httpd_reply_json(call->client, 426, span_of("{\"detail\":\"This is a WebSocket endpoint\"}"),
                     "Upgrade: websocket\r\n");
    return 0;
}

static int request_view_mode(struct request *call, char how[3])
{
    static const struct request_field field = {"mode", 0, 0, "view|control"};
    char *mode = request_query(call, "mode");
    if (mode)
        request_check(call, &field, "query", mode);
    char *sizes = request_query(call, "sizes"), *scrollback = request_query(call, "scrollback");
    int control = mode && strcmp(mode, "control") == 0;
    how[0] = sizes ? FRAME_VIEW_SIZES : ' ';
    how[1] = scrollback ? FRAME_VIEW_SCROLLBACK : ' ';
    how[2] = '\0';
    free(mode), free(sizes), free(scrollback);
    return control;
}

/* ---- answers -------------------------------------------------------------------------------- */

static void request_reply(struct httpd_client *client, buf *json)
{
    httpd_reply_json(client, 200, buf_view(json), NULL);
    buf_free(json);
}

static void request_reply_success(struct httpd_client *client)
{
    httpd_reply_json(client, 200, span_of("{\"status\":\"success\"}"), NULL);
}

static int request_is_here(const struct api *a, const char *computer)
{
    return !computer || !*computer || strcmp(computer, a->config->computer) == 0 ||
           strcmp(computer, "local") == 0;
}

static int request_is_running(struct request *call)
{
    if (call->session->holder.open && !session_has_exited(call->session))
        return 1;
    buf b = {0};
    buf_fmt(&b, "Session %.8s has ended", call->session->id);
    httpd_reply_detail(call->client, 409, buf_cstr(&b));
    buf_free(&b);
    return 0;
}

/* A path as projects are known by: without slashes at its end. */
static void api_trim_path(char *path)
{
    size_t n = path ? strlen(path) : 0;
    while (n > 1 && path[n - 1] == '/')
        path[--n] = '\0';
}
