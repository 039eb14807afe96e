#include "cli.h"

/* hook - the JSON that agents hand to their hooks becomes one of telec's five events. Turns of
 * subagents are ignored; their questions are not, nor is the work that follows an answer. */

static int hook_is_ignored(struct json input, const struct agents_event *event)
{
    struct json value = event->member ? json_get(input, event->member) : (struct json){0};
    for (const char *const *word = event->ignored; word && *word; word++)
        if (json_text_eq(value, *word))
            return 1;
    return 0;
}

/* Cuts at a character's start, to at most `most` bytes. */
static void hook_put_cut(buf *b, const char *key, struct json string, size_t most)
{
    buf text = {0};
    json_put_text(&text, string);
    if (text.n > most) {
        text.n = most;
        while (text.n && ((unsigned char)text.p[text.n] & 0xc0) == 0x80)
            text.n--;
    }
    json_field_span(b, key, buf_view(&text));
    buf_free(&text);
}

/* Codex's notify, from an earlier version: it reports finished turns only. */
static const struct agents_event hook_notify = {
    "agent-turn-complete", "stop", "last-assistant-message", 0, NULL, NULL};

/* Returns NULL for an unknown event; *named: the input names one. */
static const struct agents_event *hook_find_event(struct json input, int *named)
{
    struct json name = json_get(input, "hook_event_name");
    if (json_member_eq(input, "type", hook_notify.name)) {
        *named = 1;
        return &hook_notify;
    }
    *named = json_type(name) == JSON_STRING;
    return *named ? agents_find_event(name) : NULL;
}

/* Returns the member that says most of a tool's work; or NONE. */
static struct json hook_detail(struct json input)
{
    static const char *const objects[] = {"tool_input", "details"};
    static const char *const members[] = {"command", "cmd", "file_path", "filePath", "fileName",
                                          "path", "url", "pattern", "query", "prompt", "plan"};
    struct json none = {0};
    for (size_t i = 0; i < COUNT_OF(objects); i++) {
        struct json object = json_get(input, objects[i]);
        struct json_iter questions = json_iter(json_get(object, "questions"));
        if (json_next(&questions) && json_is(questions.value, "question", JSON_STRING))
            return json_get(questions.value, "question");
        for (size_t k = 0; k < COUNT_OF(members); k++)
            if (json_is(object, members[k], JSON_STRING))
                return json_get(object, members[k]);
    }
    return none;
}

/* Appends "Bash: rm -rf build". */
static void hook_put_question(buf *b, struct json input, struct json text)
{
    buf asks = {0}, detail = {0};
    json_put_text(&asks, text);
    json_put_text(&detail, hook_detail(input));
    if (detail.n) {
        buf_str(&asks, asks.n ? ": " : "");
        buf_span(&asks, buf_view(&detail));
    }
    json_put_string(b, buf_view(&asks));
    buf_free(&asks);
    buf_free(&detail);
}

/* An agent that names a transcript has sent a PermissionRequest, which says more, before. */
static int hook_is_repeated(struct json input)
{
    return json_member_eq(input, "notification_type", "permission_prompt") &&
           json_is(input, "transcript_path", JSON_STRING);
}

static int hook_read(span input, buf *event)
{
    struct json object;
    int named = 0;
    if (!json_read(input, &object) || json_type(object) != JSON_OBJECT)
        return -1;
    const struct agents_event *found = hook_find_event(object, &named);
    if (!named)
        return -1;
    if (!found || hook_is_ignored(object, found) || hook_is_repeated(object))
        return 0;
    int asks = strcmp(found->type, "notification") == 0;
    int goes_on = strcmp(found->type, "prompt") == 0 && !found->text;
    if (json_is(object, "agent_id", JSON_STRING) && !asks && !goes_on)
        return 0;
    struct json id =
        json_get(object, found == &hook_notify ? "thread-id" : "session_id");
    struct json text = found->text ? json_get(object, found->text) : (struct json){0};
    buf question = {0};
    if (asks) {
        hook_put_question(&question, object, text);
        json_read(buf_view(&question), &text);
    }
    json_open(event, '{');
    json_field_string(event, "type", found->type);
    hook_put_cut(event, "text", text, HOOK_TEXT_MAX);
    if (json_type(id) == JSON_STRING && id.text.n > 2 && id.text.n <= HOOK_ID_MAX + 2)
        hook_put_cut(event, "native_session_id", id, HOOK_ID_MAX);
    json_close(event, '}');
    buf_free(&question);
    return 1;
}
