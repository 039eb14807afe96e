#include "fleet.h"

/* codec - what computers write to each other through Redis, as bytes (doc/protocol.md, section 3).
 *
 * Pure: texts in, values out, and back; the time is an argument. The texts come from other
 * computers, perhaps from other programs (Python's JSON has ", " and "\u" escapes, even lone
 * surrogates): what does not fit is refused with a reason, unknown members are kept. */

#define CODEC_KEY_BEFORE "computer:"
#define CODEC_KEY_AFTER ":heartbeat"

/* ---- names, ids ----------------------------------------------------------------------------- */

/* Names are shown, logged and made into keys: text without control characters. */
static int codec_name_is_good(span name)
{
    struct utf8_state utf8 = {0};
    if (!name.n || name.n > CODEC_NAME_MAX || utf8_check(&utf8, name) != PARSE_DONE)
        return 0;
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f)
            return 0;
    return 1;
}

static span codec_key_name(span key)
{
    size_t before = sizeof CODEC_KEY_BEFORE - 1, after = sizeof CODEC_KEY_AFTER - 1;
    span end = key.n > after ? span_sub(key, key.n - after) : (span){0};
    if (key.n <= before + after || !span_starts(key, CODEC_KEY_BEFORE) ||
        !span_eq(end, CODEC_KEY_AFTER))
        return (span){0};
    span name = {key.p + before, key.n - before - after};
    return codec_name_is_good(name) ? name : (span){0};
}

static void codec_put_key(buf *b, const char *prefix, const char *computer)
{
    buf_str(b, prefix);
    buf_str(b, CODEC_KEY_BEFORE);
    buf_str(b, computer);
    buf_str(b, CODEC_KEY_AFTER);
}

/* Digits only, and no sign: what span_int does not insist on. */
static int codec_parse_part(span s, unsigned long long *out)
{
    unsigned long long v = 0;
    if (!s.n || s.n > 20)
        return 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
        if (digit > 9 || v > (ULLONG_MAX - digit) / 10)
            return 0;
        v = v * 10 + digit;
    }
    *out = v;
    return 1;
}

static int codec_parse_id(span text, struct codec_id *id)
{
    span rest = text, ms = span_cut(&rest, '-');
    *id = (struct codec_id){0};
    return ms.n < text.n && codec_parse_part(ms, &id->ms) && codec_parse_part(rest, &id->seq);
}

static void codec_put_id(buf *b, struct codec_id id)
{
    buf_fmt(b, "%llu-%llu", id.ms, id.seq);
}

static int codec_compare_ids(struct codec_id a, struct codec_id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}

/* ---- JSON objects --------------------------------------------------------------------------- */

static int codec_parse_object(span text, struct json *out, const char **why)
{
    int depth = 0, deepest = 0, quoted = 0;
    *why = "the text ends too early";
    if (json_parse(text, out, why, NULL) != PARSE_DONE)
        return 0;
    *why = json_type(*out) == JSON_OBJECT ? NULL : "not an object";
    for (size_t i = 0; i < text.n; i++) { /* well-formed: count brackets outside of strings */
        char c = text.p[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted)
            depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        deepest = depth > deepest ? depth : deepest;
    }
    if (deepest > CODEC_DEPTH_MAX)
        *why = "nested too deep";
    return *why == NULL;
}

/* Returns the code unit of an escape \uXXXX at the beginning of s; -1: there is none. */
static int codec_unit(span s)
{
    int unit = 0;
    if (s.n < 6 || s.p[0] != '\\' || s.p[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = memchr(digits, tolower((unsigned char)s.p[i]), 16);
        if (!digit)
            return -1;
        unit = unit * 16 + (int)(digit - digits);
    }
    return unit;
}

static span codec_mend(span text, buf *mended)
{
    for (size_t i = 0; i + 1 < text.n; i++) {
        if (text.p[i] != '\\')
            continue;
        int unit = codec_unit(span_sub(text, i));
        int pair = unit >= 0xd800 && unit < 0xdc00 ? codec_unit(span_sub(text, i + 6)) : -1;
        if (pair >= 0xdc00 && pair < 0xe000) {
            i += 11;
        } else if (unit >= 0xd800 && unit < 0xe000) {
            if (!mended->n)
                buf_span(mended, text);
            memcpy(mended->p + i, "\\ufffd", 6);
            i += 5;
        } else {
            i++; /* an escaped backslash begins no escape */
        }
    }
    return mended->n ? buf_view(mended) : text;
}

static void codec_copy_text(struct json object, const char *key, char *out, size_t size)
{
    char *text = json_dup_member(object, key);
    out[0] = '\0';
    if (text && strlen(text) < size)
        memcpy(out, text, strlen(text) + 1);
    free(text);
}

/* ---- heartbeats ----------------------------------------------------------------------------- */

static const struct {
    const char *name;
    unsigned topic;
} codec_topics[] = {{"sessions", CACHE_SESSIONS}, {"preparation", CACHE_PREPARATION}};

static void codec_put_heartbeat(buf *b, const struct codec_heartbeat *h, long long wall_ms)
{
    json_open(b, '{');
    json_field_string(b, "computer_name", h->name);
    json_field_time(b, "last_seen", wall_ms);
    if (h->interest) {
        json_field_open(b, "interested_in", '[');
        for (size_t i = 0; i < COUNT_OF(codec_topics); i++)
            if (h->interest & codec_topics[i].topic)
                json_put_string(b, span_of(codec_topics[i].name));
        json_close(b, ']');
    }
    json_field_string(b, "user", h->user);
    json_field_string(b, "host", h->host);
    json_field_string(b, "telec", h->telec);
    json_field_string(b, "instance", h->instance);
    if (h->leaving)
        json_field_bool(b, "leaving", 1);
    json_close(b, '}');
}

static int codec_parse_heartbeat(span text, struct codec_heartbeat *h, const char **why)
{
    struct json object;
    *h = (struct codec_heartbeat){0};
    if (!codec_parse_object(text, &object, why))
        return 0;
    codec_copy_text(object, "computer_name", h->name, sizeof h->name);
    codec_copy_text(object, "user", h->user, sizeof h->user);
    codec_copy_text(object, "host", h->host, sizeof h->host);
    codec_copy_text(object, "telec", h->telec, sizeof h->telec);
    codec_copy_text(object, "instance", h->instance, sizeof h->instance);
    h->leaving = json_is(object, "leaving", JSON_TRUE);
    json_time(json_get(object, "last_seen"), &h->last_seen);
    struct json interest = json_get(object, "interested_in");
    for (struct json_iter it = json_items(interest); json_next(&it);)
        for (size_t i = 0; i < COUNT_OF(codec_topics); i++)
            if (json_text_eq(it.value, codec_topics[i].name))
                h->interest |= codec_topics[i].topic;
    *why = "no usable computer_name";
    return codec_name_is_good(span_of(h->name));
}

/* ---- sessions and events -------------------------------------------------------------------- */

static int codec_parse_session(struct json object, struct codec_session *s, const char **why)
{
    *s = (struct codec_session){.object = object};
    codec_copy_text(object, "session_id", s->id, sizeof s->id);
    *why = json_type(object) != JSON_OBJECT          ? "a session is not an object"
           : !store_id_is_plain(s->id)         ? "no usable session_id"
           : object.text.n > CODEC_SESSION_MAX ? "a session is too large"
                                               : NULL;
    return *why == NULL;
}

static void codec_put_session(buf *b, struct json object, const char *computer)
{
    json_open(b, '{');
    for (struct json_iter it = json_iter(object); json_next(&it);) {
        if (json_text_eq(it.key, "computer"))
            continue;
        json_put_raw(b, it.key.text);
        buf_byte(b, ':');
        json_put_raw(b, it.value.text);
    }
    if (computer)
        json_field_string(b, "computer", computer);
    json_close(b, '}');
}

static void codec_put_event(buf *b, const char *event, span data, long long wall_ms,
                            const char *computer)
{
    json_open(b, '{');
    json_field_string(b, "event", event);
    json_field_raw(b, "data", data);
    json_field_time(b, "timestamp", wall_ms);
    json_field_string(b, "source_computer", computer);
    json_close(b, '}');
}

static int codec_parse_event(span payload, struct codec_event *e, const char **why)
{
    struct json object;
    *e = (struct codec_event){0};
    if (!codec_parse_object(payload, &object, why))
        return 0;
    struct json name = json_get(object, "event");
    e->removed = json_text_eq(name, "session_removed");
    *why = "an unknown event";
    if (!e->removed && !json_text_eq(name, "session_updated") &&
        !json_text_eq(name, "session_created"))
        return 0;
    codec_copy_text(object, "source_computer", e->source, sizeof e->source);
    *why = "no usable source_computer";
    return codec_name_is_good(span_of(e->source)) &&
           codec_parse_session(json_get(object, "data"), &e->session, why);
}

/* ---- requests ------------------------------------------------------------------------------- */

static void codec_set_field(struct codec_request *r, span name, span value)
{
    static const struct {
        const char *name;
        size_t at;
    } fields[] = {{"command", offsetof(struct codec_request, command)},
                  {"initiator", offsetof(struct codec_request, initiator)},
                  {"session_id", offsetof(struct codec_request, session_id)},
                  {"title", offsetof(struct codec_request, title)},
                  {"project_dir", offsetof(struct codec_request, project_dir)},
                  {"channel_metadata", offsetof(struct codec_request, metadata)},
                  {"auto_command", offsetof(struct codec_request, auto_command)},
                  {"type", offsetof(struct codec_request, type)},
                  {"from_computer", offsetof(struct codec_request, from)},
                  {"args", offsetof(struct codec_request, args)},
                  {"asked_ms", offsetof(struct codec_request, asked_ms)},
                  {"wait_ms", offsetof(struct codec_request, wait_ms)}};
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (span_eq(name, fields[i].name))
            *(span *)((char *)r + fields[i].at) = value;
}

static span codec_field(const struct resp *fields, const char *name)
{
    struct resp_iter it = resp_iter(fields);
    struct resp key, value;
    while (resp_next_pair(&it, &key, &value))
        if (span_eq(key.text, name))
            return value.text;
    return (span){0};
}

static void codec_read_input(struct codec_id id, const struct resp *fields, struct codec_input *in)
{
    *in = (struct codec_input){.number = id.ms <= LLONG_MAX && !id.seq ? (long long)id.ms : 0,
                               .op = codec_field(fields, "op"),
                               .data = codec_field(fields, "data")};
    span_int(codec_field(fields, "at"), &in->at);
}

static int codec_has_nul(const struct codec_request *r)
{
    const span fields[6] = {r->command, r->initiator, r->session_id,
                           r->title,   r->project_dir, r->auto_command};
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (fields[i].n && memchr(fields[i].p, '\0', fields[i].n))
            return 1;
    return json_has_nul((struct json){r->metadata});
}

static int codec_is_blank(char c)
{
    return c && strchr(CODEC_BLANKS, c);
}

static span codec_cut_word(span *rest)
{
    size_t n = 0;
    while (n < rest->n && !codec_is_blank(rest->p[n]))
        n++;
    span word = {rest->p, n};
    *rest = span_sub(*rest, n);
    return word;
}

/* Splits at white space, as config_words. */
static char **codec_split(span text)
{
    buf quoted = {0};
    for (span rest = text; (rest = span_trim(rest, CODEC_BLANKS)).n;) {
        char *word = span_dup(codec_cut_word(&rest));
        buf_str(&quoted, " ");
        config_put_quoted(&quoted, word);
        free(word);
    }
    char **words = config_words(buf_view(&quoted));
    buf_free(&quoted);
    return words;
}

static char **codec_words(span text)
{
    text = span_trim(text, CODEC_BLANKS);
    if (text.n && text.p[0] == '/')
        text = span_sub(text, 1);
    char **words = config_words(text);
    if (!words && !memchr(text.n ? text.p : "", '\0', text.n))
        words = codec_split(text); /* an open quote: TeleClaude does not quote what people type */
    if (words && words[0])
        return words;
    free(words);
    return NULL;
}

/* Appends what 's' quotes; `quote` is a quote within it. Returns 0 when s is not that. */
static int codec_unquote(span s, const char *quote, buf *text)
{
    if (!span_starts(s, "'"))
        return 0;
    for (s = span_sub(s, 1); s.n; s = span_sub(s, 1)) {
        int inner = span_starts(s, quote);
        if (s.p[0] == '\'' && !inner)
            return s.n == 1;
        buf_byte(text, s.p[0]);
        s = inner ? span_sub(s, strlen(quote) - 1) : s;
    }
    return 0;
}

static char *codec_text_behind(span command)
{
    static const char *const quotes[] = {"'\\''", "'\"'\"'"}; /* telec's, Python's */
    while (command.n && codec_is_blank(command.p[0]))
        command = span_sub(command, 1);
    codec_cut_word(&command);
    span rest = command.n ? span_sub(command, 1) : command;
    for (size_t i = 0; i < COUNT_OF(quotes); i++) {
        buf text = {0};
        char *found = codec_unquote(rest, quotes[i], &text) ? span_dup(buf_view(&text)) : NULL;
        buf_free(&text);
        if (found)
            return found;
    }
    return span_dup(rest);
}

static void codec_put_words(buf *b, const char *const *words)
{
    for (size_t i = 0; words[i]; i++) {
        if (i)
            buf_byte(b, ' ');
        config_put_quoted(b, words[i]);
    }
}

static void codec_put_joined(buf *b, char *const *words)
{
    for (size_t i = 0; words[i]; i++) {
        buf_str(b, i ? " " : "");
        buf_str(b, words[i]);
    }
    buf_cstr(b);
}

/* ---- replies -------------------------------------------------------------------------------- */

static void codec_put_success(buf *b, span data)
{
    json_open(b, '{');
    json_field_string(b, "status", "success");
    json_field_raw(b, "data", data);
    json_close(b, '}');
}

static void codec_put_error(buf *b, const char *error, const char *code)
{
    json_open(b, '{');
    json_field_string(b, "status", "error");
    json_field_string(b, "error", error);
    if (code)
        json_field_string(b, "code", code);
    json_close(b, '}');
}

static int codec_parse_reply(span chunk, struct codec_reply *a, const char **why)
{
    struct json object;
    *a = (struct codec_reply){0};
    if (!codec_parse_object(chunk, &object, why))
        return 0;
    struct json status = json_get(object, "status");
    a->good = json_text_eq(status, "success");
    a->data = json_get(object, "data");
    codec_copy_text(object, "code", a->code, sizeof a->code);
    a->error = json_get(object, "error");
    *why = "an answer without a usable status";
    return a->good || json_text_eq(status, "error");
}

/* ---- permission ----------------------------------------------------------------------------- */

static int codec_is_allowed(const char *allow, span computer)
{
    span rest = span_of(allow ? allow : "");
    while (rest.n) {
        span name = span_trim(span_cut(&rest, ','), " \t");
        if (span_eq(name, "*") ||
            (name.n && name.n == computer.n && memcmp(name.p, computer.p, name.n) == 0))
            return 1;
    }
    return 0;
}
