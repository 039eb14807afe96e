#include "client.h"

/* settings - adding `telec hook` to the settings of agents, and removing it.
 *
 * The files are the user's: an edit changes only what is telec's own, every other byte stays, and
 * so do the file's mode, owner and links. A file that is not fully understood is left alone.
 * Comments and commas before a closing bracket are understood: they are blanked out in a copy of
 * the same length, which is what is parsed. */

/* ---- the text ------------------------------------------------------------------------------- */

/* A settings file's text, and its copy without comments, which root is parsed from. */
struct settings_text {
    buf text, blank;
    struct json root;
    const char *why; /* it can't be parsed, at this offset */
    size_t at;
};

/* Returns the length of what is no JSON at the start of s: a comment; 0: none. */
static size_t settings_comment(span s)
{
    size_t n = 2;
    if (span_starts(s, "//") || span_starts(s, "#")) {
        const char *lf = memchr(s.p, '\n', s.n);
        return lf ? (size_t)(lf - s.p) : s.n;
    }
    if (!span_starts(s, "/*"))
        return 0;
    while (n < s.n && !span_starts(span_sub(s, n), "*/"))
        n++;
    return n < s.n ? n + 2 : s.n;
}

static size_t settings_string(span s)
{
    size_t n = 1;
    while (n < s.n && s.p[n] != '"')
        n += s.p[n] == '\\' ? 2 : 1;
    return n < s.n ? n + 1 : s.n;
}

/* Replaces n bytes by blanks; line feeds stay. */
static void settings_put_blank(buf *b, span s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_byte(b, s.p[i] == '\n' || s.p[i] == '\r' ? s.p[i] : ' ');
}

static void settings_put_json(buf *b, span text)
{
    size_t comma = (size_t)-1, n = span_starts(text, "\xef\xbb\xbf") ? 3 : 0;
    settings_put_blank(b, text, n);
    for (span rest = span_sub(text, n); rest.n; rest = span_sub(rest, n)) {
        n = settings_comment(rest);
        if (n) {
            settings_put_blank(b, rest, n);
            continue;
        }
        char c = rest.p[0];
        if ((c == ']' || c == '}') && comma != (size_t)-1)
            b->p[comma] = ' ';
        if (!strchr(" \t\r\n", c))
            comma = c == ',' ? b->n : (size_t)-1;
        n = c == '"' ? settings_string(rest) : 1;
        buf_add(b, rest.p, n);
    }
}

static enum parse settings_parse(struct settings_text *t)
{
    buf_clear(&t->blank);
    settings_put_json(&t->blank, buf_view(&t->text));
    t->root = (struct json){0};
    return json_parse(buf_view(&t->blank), &t->root, &t->why, &t->at);
}

static void settings_splice(struct settings_text *t, size_t at, size_t cut, span with)
{
    span before = buf_view(&t->text);
    buf out = {0};
    buf_add(&out, before.p, at);
    buf_span(&out, with);
    buf_span(&out, span_sub(before, at + cut));
    buf_free(&t->text);
    t->text = out;
    settings_parse(t);
}

static size_t settings_offset(const struct settings_text *t, const char *at)
{
    return (size_t)(at - t->blank.p);
}

/* ---- inserting ------------------------------------------------------------------------------ */

/* The layout of an insertion: that of the JSON around it. */
struct settings_layout {
    enum { SETTINGS_COMPACT, SETTINGS_SPACED, SETTINGS_LINES } how;
    const char *newline;
    span outer;        /* indentation of the line on which the container begins */
    span indent, unit; /* indentation inside the container; of one level more */
};

static size_t settings_count_space(span s)
{
    size_t n = 0;
    while (n < s.n && (s.p[n] == ' ' || s.p[n] == '\t' || s.p[n] == '\r' || s.p[n] == '\n'))
        n++;
    return n;
}

static span settings_gap(struct json container)
{
    span inside = span_sub(container.text, 1);
    return (span){inside.p, settings_count_space(inside)};
}

static int settings_has(span s, char c)
{
    return s.n && memchr(s.p, c, s.n) != NULL;
}

static span settings_last_line(span s)
{
    size_t at = s.n;
    while (at > 0 && s.p[at - 1] != '\n')
        at--;
    return span_sub(s, at);
}

static span settings_line_indent(span text, const char *at)
{
    span line = settings_last_line((span){text.p, (size_t)(at - text.p)});
    return (span){line.p, settings_count_space(line)};
}

static int settings_is_empty(struct json container)
{
    return settings_gap(container).n + 2 == container.text.n;
}

static const char *settings_newline(span text)
{
    const char *lf = text.n ? memchr(text.p, '\n', text.n) : NULL;
    return lf && lf > text.p && lf[-1] == '\r' ? "\r\n" : "\n";
}

static struct settings_layout settings_layout_of(span text, struct json root, struct json container)
{
    struct settings_layout l = {SETTINGS_LINES, settings_newline(text), {0}, {0}, span_of("  ")};
    span gap = settings_gap(container);
    int root_in_lines = settings_is_empty(root) || settings_has(settings_gap(root), '\n');
    if (!settings_is_empty(root) && root_in_lines)
        l.unit = settings_last_line(settings_gap(root));
    l.outer = settings_line_indent(text, container.text.p);
    l.indent = settings_last_line(gap);
    if (settings_is_empty(container) ? !root_in_lines : !settings_has(gap, '\n')) {
        struct json_iter it = json_iter(root);
        l.how = json_next(&it) && it.value.text.p[-1] == ':' ? SETTINGS_COMPACT : SETTINGS_SPACED;
    }
    return l;
}

static void settings_put_break(buf *b, const struct settings_layout *l, size_t depth)
{
    if (l->how != SETTINGS_LINES)
        return;
    buf_str(b, l->newline);
    buf_span(b, l->indent);
    while (depth-- > 0)
        buf_span(b, l->unit);
}

static void settings_put_key(buf *b, const struct settings_layout *l, span key)
{
    buf_span(b, key);
    buf_str(b, l->how == SETTINGS_COMPACT ? ":" : ": ");
}

/* Recursive, as deep as our value. */
static void settings_put_value(buf *b, const struct settings_layout *l, struct json v, size_t depth)
{
    struct json_iter it = json_iter(v);
    if (json_type(v) != JSON_ARRAY && json_type(v) != JSON_OBJECT) {
        buf_span(b, v.text);
        return;
    }
    buf_byte(b, v.text.p[0]);
    for (int first = 1; json_next(&it); first = 0) {
        if (!first)
            buf_str(b, l->how == SETTINGS_SPACED ? ", " : ",");
        settings_put_break(b, l, depth + 1);
        if (json_type(v) == JSON_OBJECT)
            settings_put_key(b, l, it.key.text);
        settings_put_value(b, l, it.value, depth + 1);
    }
    settings_put_break(b, l, depth);
    buf_byte(b, v.text.p[v.text.n - 1]);
}

/* Behind the last one; key NULL: in a list. */
static void settings_insert(struct settings_text *t, struct json container, const char *key,
                            span value_json)
{
    span gap = settings_gap(container);
    struct settings_layout l = settings_layout_of(buf_view(&t->blank), t->root, container);
    int empty = settings_is_empty(container);
    struct json value = {0};
    buf in = {0}, indent = {0};
    const char *at = container.text.p + 1, *close = container.text.p + container.text.n - 1;
    if (empty) {
        buf_span(&indent, l.outer);
        buf_span(&indent, l.unit);
        l.indent = buf_view(&indent);
    } else {
        for (at = close; settings_count_space((span){at - 1, 1});)
            at--;
        buf_str(&in, l.how == SETTINGS_SPACED ? ", " : ",");
    }
    json_read(value_json, &value);
    settings_put_break(&in, &l, 0);
    if (key) {
        buf quoted = {0};
        json_put_string(&quoted, span_of(key));
        settings_put_key(&in, &l, buf_view(&quoted));
        buf_free(&quoted);
    }
    settings_put_value(&in, &l, value, 0);
    if (empty && l.how == SETTINGS_LINES && !settings_has(gap, '\n')) {
        buf_str(&in, l.newline);
        buf_span(&in, l.outer);
    }
    settings_splice(t, settings_offset(t, at), 0, buf_view(&in));
    buf_free(&in);
    buf_free(&indent);
}

/* ---- removing ------------------------------------------------------------------------------- */

static size_t settings_count(struct json container)
{
    size_t n = 0;
    for (struct json_iter it = json_iter(container); json_next(&it);)
        n++;
    return n;
}

static int settings_has_comment(const struct settings_text *t, size_t from, size_t to)
{
    return to > from && memcmp(t->text.p + from, t->blank.p + from, to - from) != 0;
}

/* Removes an element of a container, with its key and one comma. White space goes with it, comments
 * stay. */
static void settings_remove(struct settings_text *t, struct json container, struct json element)
{
    size_t start = 0, end = settings_offset(t, element.text.p + element.text.n), from = 0, to = 0;
    size_t open = settings_offset(t, container.text.p) + 1;
    size_t close = open + container.text.n - 2;
    for (struct json_iter it = json_iter(container); json_next(&it);) {
        const char *first = it.key.text.p ? it.key.text.p : it.value.text.p;
        if (it.value.text.p == element.text.p)
            start = settings_offset(t, first);
        else if (!start)
            from = settings_offset(t, it.value.text.p + it.value.text.n);
        else if (!to)
            to = settings_offset(t, first);
    }
    if (from) {
        to = end;
    } else if (to) {
        from = start;
    } else {
        from = open;
        to = close;
    }
    if (settings_has_comment(t, from, to)) {
        for (size_t i = from; i < to; i++) /* the comma before or behind it */
            if (t->blank.p[i] == ',' && (i < start || i >= end)) {
                settings_splice(t, i, 1, span_of(" ")); /* as long as before */
                break;
            }
        from = start;
        to = end;
    }
    settings_splice(t, from, to - from, (span){0});
}

/* ---- agents with hooks in a JSON file ------------------------------------------------------- */

/* Of what telec makes: a file that is so again, and directories that are empty, are removed. */
#define SETTINGS_NEW "{}\n"
#define SETTINGS_MODE 0600 /* mkstemp's */
#define SETTINGS_DIR_MODE 0700

struct settings_job {
    const struct agents_row *agent;
    const char *program;
    int remove;     /* uninstall: nothing is added */
    const char *base; /* home, or another directory that the user names */
    char *path;     /* for messages; may be a link */
    char *target;   /* the file behind links; NULL: it does not exist */
    struct stat st; /* of the target */
    buf before;     /* its text */
    struct settings_text after;
    struct settings_text missing; /* the additions alone, for the report */
    buf *error;
};

static int settings_fail(struct settings_job *job, const char *format, ...)
{
    char why[512];
    va_list args;
    va_start(args, format);
    base_vfmt(why, sizeof why, format, args);
    va_end(args);
    utf8_put_visible(job->error, span_of(job->path));
    buf_str(job->error, why);
    return -1;
}

/* {"type": "command", "command": "PROGRAM hook", "timeout": 5}, in {"hooks": […]} where the agent
 * groups its hooks. */
static void settings_put_group(buf *b, const struct settings_job *job)
{
    int grouped = job->agent->hooks.format == AGENTS_JSON;
    buf command = {0};
    config_put_quoted(&command, job->program);
    buf_str(&command, " hook");
    if (grouped) {
        json_open(b, '{');
        json_field_open(b, "hooks", '[');
    }
    json_open(b, '{');
    json_field_string(b, "type", "command");
    json_field_span(b, "command", buf_view(&command));
    json_field_int(b, "timeout", job->agent->hooks.timeout);
    json_close(b, '}');
    if (grouped) {
        json_close(b, ']');
        json_close(b, '}');
    }
    buf_free(&command);
}

enum settings_owner { SETTINGS_OTHERS, SETTINGS_FORMER, SETTINGS_OURS };

/* Tells whose the words of a command are: this program's, or those of a telec of another path. */
static enum settings_owner settings_owner_of(const struct settings_job *job, char *const *words)
{
    if (!words || !words[0] || !words[1] || words[2] || strcmp(words[1], "hook") != 0)
        return SETTINGS_OTHERS;
    if (strcmp(words[0], job->program) == 0)
        return SETTINGS_OURS;
    const char *name = config_last_part(words[0]);
    return strcmp(name, config_last_part(job->program)) == 0 || strncmp(name, "telec", 5) == 0
               ? SETTINGS_FORMER
               : SETTINGS_OTHERS;
}

static enum settings_owner settings_owner(const struct settings_job *job, struct json hook)
{
    char *command = json_dup_member(hook, "command");
    char **words = command ? config_words(span_of(command)) : NULL;
    enum settings_owner owner = settings_owner_of(job, words);
    free(words);
    free(command);
    return owner;
}

struct settings_pair {
    struct json container, element;
};

/* telec's own hooks in a file. */
struct settings_found {
    int own, good;              /* all of them; those that are as they should be */
    struct settings_pair first; /* what to remove for the first one */
};

/* Removing the last hook of a group, list or object removes that, too. */
static void settings_find_one(struct settings_found *found, enum settings_owner owner, int good,
                              const struct settings_pair *pairs, int count)
{
    if (owner == SETTINGS_OTHERS)
        return;
    found->good += good && owner == SETTINGS_OURS;
    for (int i = 0; !found->own; i++)
        if (i == count - 1 || settings_count(pairs[i].container) > 1) {
            found->first = pairs[i];
            break;
        }
    found->own++;
}

static int settings_is_installed(const struct settings_job *job, struct json event)
{
    for (const struct agents_event *e = job->agent->hooks.events; e->name; e++)
        if (e->agents & job->agent->hooks.agent && json_text_eq(event, e->name))
            return 1;
    return 0;
}

/* Looks at one element of an event's list. A hook with a matcher runs for some tools only, and of
 * several hooks the first is enough. */
static void settings_find_in(const struct settings_job *job, struct settings_found *found,
                             const struct settings_pair outer[2], struct json list,
                             struct json element, int good_before)
{
    struct json inner = json_get(element, "hooks"), matcher = json_get(element, "matcher");
    int grouped = json_type(inner) == JSON_ARRAY;
    int good =
        grouped == (job->agent->hooks.format == AGENTS_JSON) &&
        (json_type(matcher) != JSON_STRING || json_text_eq(matcher, "") ||
         json_text_eq(matcher, "*"));
    if (!grouped) {
        const struct settings_pair pairs[3] = {{list, element}, outer[0], outer[1]};
        settings_find_one(found, settings_owner(job, element), good && found->good == good_before,
                          pairs, 3);
        return;
    }
    for (struct json_iter it = json_iter(inner); json_next(&it);) {
        const struct settings_pair pairs[4] = {
            {inner, it.value}, {list, element}, outer[0], outer[1]};
        settings_find_one(found, settings_owner(job, it.value), good && found->good == good_before,
                          pairs, 4);
    }
}

static struct settings_found settings_find(const struct settings_job *job, struct json root,
                                           const char *event)
{
    struct settings_found found = {0};
    struct json hooks = json_get(root, "hooks");
    for (struct json_iter events = json_iter(hooks); json_next(&events);) {
        const struct settings_pair outer[2] = {{hooks, events.value}, {root, hooks}};
        struct json_iter it = json_iter(events.value);
        int good_before = settings_is_installed(job, events.key) ? found.good : -1;
        while ((!event || json_text_eq(events.key, event)) && json_next(&it))
            settings_find_in(job, &found, outer, events.value, it.value, good_before);
    }
    return found;
}

/* Returns a member of an object that is of the given type, after replacing null; NONE: absent. */
static int settings_member(struct settings_job *job, struct settings_text *t, struct json object,
                           const char *name, enum json_type type, struct json *member)
{
    *member = json_get(object, name);
    if (json_type(*member) == JSON_NULL) {
        settings_splice(t, settings_offset(t, member->text.p), member->text.n,
                        span_of(type == JSON_OBJECT ? "{}" : "[]"));
        return 1;
    }
    if (json_type(*member) != JSON_NONE && json_type(*member) != type)
        return settings_fail(job, ": \"%s\" is not %s there; left as it is", name,
                             type == JSON_OBJECT ? "an object" : "a list");
    return 0;
}

/* Adds the hook of one event. Returns 1, 0 when the hook is there, or -1 with a message. */
static int settings_add_event(struct settings_job *job, struct settings_text *t, const char *event)
{
    struct json container, hooks, list = {0};
    buf value = {0};
    const char *key = event;
    int replaced;
    if (settings_parse(t) != PARSE_DONE)
        return settings_fail(job, ": nested too deeply to add to it; left as it is");
    if (settings_find(job, t->root, event).good)
        return 0;
    while ((replaced = settings_member(job, t, t->root, "hooks", JSON_OBJECT, &hooks)) > 0 ||
           (!replaced && (replaced = settings_member(job, t, hooks, event, JSON_ARRAY, &list)) > 0))
        ;
    if (replaced < 0)
        return -1;
    if (json_type(list) == JSON_ARRAY) {
        container = list;
        key = NULL;
        settings_put_group(&value, job);
    } else if (json_type(hooks) == JSON_OBJECT) {
        container = hooks;
        json_open(&value, '[');
        settings_put_group(&value, job);
        json_close(&value, ']');
    } else {
        container = t->root;
        key = "hooks";
        json_open(&value, '{');
        json_field_open(&value, event, '[');
        settings_put_group(&value, job);
        json_close(&value, ']');
        json_close(&value, '}');
    }
    settings_insert(t, container, key, buf_view(&value));
    buf_free(&value);
    return 1;
}

static int settings_line_number(span text, size_t at)
{
    int line = 1;
    for (size_t i = 0; i < at && i < text.n; i++)
        line += text.p[i] == '\n';
    return line;
}

static int settings_check_json(struct settings_job *job)
{
    struct settings_text *t = &job->after;
    enum parse parsed = settings_parse(t);
    if (parsed == PARSE_DONE && json_type(t->root) == JSON_OBJECT)
        return 0;
    if (parsed == PARSE_DONE)
        return settings_fail(job, ": holds no JSON object; left as it is");
    if (parsed == PARSE_MORE)
        return settings_fail(job, ":%d: not valid JSON (it ends too early); left as it is",
                             settings_line_number(buf_view(&t->text), t->text.n));
    return settings_fail(job, ":%d: not valid JSON (%s); left as it is",
                         settings_line_number(buf_view(&t->text), t->at), t->why ? t->why : "");
}

static int settings_remove_own(struct settings_job *job)
{
    int count = 0;
    for (;; count++) {
        struct settings_found found = settings_find(job, job->after.root, NULL);
        if (!found.own)
            return count;
        settings_remove(&job->after, found.first.container, found.first.element);
    }
}

static int settings_is_made(const struct settings_job *job)
{
    struct stat st;
    return span_eq(buf_view(&job->after.text), SETTINGS_NEW) && lstat(job->path, &st) == 0 &&
           S_ISREG(st.st_mode) && (st.st_mode & 07777) == SETTINGS_MODE;
}

/* Adds the hooks of all events; hooks of a telec of another path, and doubled ones, make room.
 * Returns 1, 0 or -1 as settings_install does. */
static int settings_change_json(struct settings_job *job)
{
    int changed = 0, status = 0;
    if (settings_count_space(buf_view(&job->after.text)) == job->after.text.n) {
        if (job->remove)
            return 0;
        buf_clear(&job->after.text);
        buf_str(&job->after.text, SETTINGS_NEW);
    }
    status = settings_check_json(job);
    struct settings_found found = settings_find(job, job->after.root, NULL);
    if (status == 0 && (job->remove || found.own != found.good))
        changed = settings_remove_own(job);
    for (const struct agents_event *event = job->agent->hooks.events; event->name; event++) {
        if (!(event->agents & job->agent->hooks.agent) || job->remove)
            continue;
        int one = status < 0 ? status : settings_add_event(job, &job->after, event->name);
        if (one < 0)
            status = -1;
        if (one == 0)
            continue;
        changed = 1;
        if (!job->missing.text.n)
            buf_str(&job->missing.text, "{}\n");
        settings_add_event(job, &job->missing, event->name);
    }
    if (status == 0 && changed)
        status = settings_check_json(job);
    if (job->remove && changed && settings_is_made(job))
        buf_clear(&job->after.text);
    return status < 0 ? -1 : changed != 0;
}

/* ---- Codex's config.toml -------------------------------------------------------------------- */

/* A key with its value, or a table's header. */
struct settings_statement {
    int is_table;
    span key; /* the first part of its name, with its quotes */
    span value;
};

static size_t settings_line(span s)
{
    const char *lf = s.n ? memchr(s.p, '\n', s.n) : NULL;
    return lf ? (size_t)(lf - s.p) + 1 : s.n;
}

/* Returns the length of the string at the start of s (TOML 1.0: basic or literal, of one line or
 * several); 0: it does not end. */
static size_t settings_toml_string(span s)
{
    char quote = s.p[0];
    size_t marks = s.n >= 3 && s.p[1] == quote && s.p[2] == quote ? 3 : 1, run = 0;
    for (size_t i = marks; i < s.n; i++) {
        run = s.p[i] == quote ? run + 1 : 0;
        if (run == marks) {
            /* up to two quotes may stand right before the three that end it */
            for (i++; marks == 3 && run < 5 && i < s.n && s.p[i] == quote; run++)
                i++;
            return i;
        }
        if (s.p[i] == '\n' && marks == 1)
            return 0;
        if (s.p[i] == '\\' && quote == '"')
            i++;
    }
    return 0;
}

/* Returns the length of the value at the start of s: up to `until`, the end of its line or its
 * comment; (size_t)-1: a bracket or string does not end. */
static size_t settings_toml_value(span s, char until)
{
    size_t i = 0, depth = 0;
    while (i < s.n) {
        char c = s.p[i];
        if (depth == 0 && (c == until || c == '\n' || c == '#'))
            return i;
        if (c == '"' || c == '\'') {
            size_t n = settings_toml_string(span_sub(s, i));
            if (!n)
                return (size_t)-1;
            i += n;
            continue;
        }
        if (c == '#') {
            i += settings_line(span_sub(s, i));
            continue;
        }
        if (c == '[' || c == '{')
            depth++;
        if ((c == ']' || c == '}') && depth-- == 0)
            return (size_t)-1;
        i++;
    }
    return depth ? (size_t)-1 : i;
}

/* Returns the first part of the dotted key at the start of s. */
static span settings_toml_first_part(span s)
{
    size_t n = 0;
    if (s.n && (s.p[0] == '"' || s.p[0] == '\''))
        return (span){s.p, settings_toml_string(s)};
    while (n < s.n && !strchr(" \t\r\n.=#[]", s.p[n]))
        n++;
    return (span){s.p, n};
}

/* Parses the next statement and moves *rest behind its line. PARSE_MORE: there is none. */
static enum parse settings_toml_next(span *rest, struct settings_statement *st)
{
    for (;;) {
        *rest = span_sub(*rest, settings_count_space(*rest));
        if (!rest->n)
            return PARSE_MORE;
        if (rest->p[0] != '#')
            break;
        *rest = span_sub(*rest, settings_line(*rest));
    }
    *st = (struct settings_statement){0};
    st->is_table = rest->p[0] == '[';
    if (st->is_table) {
        st->key =
            settings_toml_first_part(span_trim((span){rest->p, settings_line(*rest)}, "[ \t"));
        *rest = span_sub(*rest, settings_line(*rest));
        return PARSE_DONE;
    }
    size_t key = settings_toml_value(*rest, '=');
    if (key >= rest->n || rest->p[key] != '=')
        return PARSE_BAD;
    st->key = settings_toml_first_part((span){rest->p, key});
    *rest = span_sub(*rest, key + 1);
    size_t value = settings_toml_value(*rest, '\n');
    if (value == (size_t)-1)
        return PARSE_BAD;
    st->value = span_trim((span){rest->p, value}, " \t\r");
    *rest = span_sub(*rest, value);
    *rest = span_sub(*rest, settings_line(*rest));
    return st->key.n && st->value.n ? PARSE_DONE : PARSE_BAD;
}

static int settings_toml_is_notify(span key)
{
    return span_eq(key, "notify") || span_eq(key, "\"notify\"") || span_eq(key, "'notify'");
}

static void settings_put_dense(buf *b, span value)
{
    while (value.n) {
        int is_string = value.p[0] == '"' || value.p[0] == '\'';
        size_t n = is_string ? settings_toml_string(value) : 1;
        span token = {value.p, n};
        if (is_string && value.p[0] == '\'' && !settings_has(token, '"') &&
            !settings_has(token, '\\')) {
            buf_byte(b, '"');
            buf_span(b, span_trim(token, "'"));
            buf_byte(b, '"');
        } else if (!settings_count_space(token)) {
            if (*token.p == ']' && b->n && b->p[b->n - 1] == ',')
                b->n--;
            buf_span(b, token);
        }
        value = span_sub(value, n ? n : value.n);
    }
}

/* Tells whether a notify's value is ["PROGRAM", "hook"]. */
static int settings_is_own_notify(const struct settings_job *job, span value)
{
    buf list = {0};
    struct json parsed;
    char *words[4] = {0};
    int count = 0;
    settings_put_dense(&list, value);
    json_read(buf_view(&list), &parsed);
    for (struct json_iter it = json_iter(parsed); count < 3 && json_next(&it);)
        words[count++] = json_dup_text(it.value);
    int own = json_type(parsed) == JSON_ARRAY && settings_owner_of(job, words) != SETTINGS_OTHERS;
    while (count)
        free(words[--count]);
    buf_free(&list);
    return own;
}

/* Removes the line, which stands before the first table. Returns 1 or 0. */
static int settings_change_toml(struct settings_job *job)
{
    struct settings_statement st;
    span text = buf_view(&job->before);
    span rest = span_sub(text, span_starts(text, "\xef\xbb\xbf") ? 3 : 0);
    while (settings_toml_next(&rest, &st) == PARSE_DONE && !st.is_table)
        if (settings_toml_is_notify(st.key) && settings_is_own_notify(job, st.value)) {
            buf_clear(&job->after.text);
            buf_add(&job->after.text, text.p, (size_t)(st.key.p - text.p));
            buf_span(&job->after.text, rest);
            return 1;
        }
    return 0;
}

/* ---- opencode's plugin: a file of telec's own ----------------------------------------------- */

/* The plugin gives `telec hook` events of Claude Code's names. A session with a parent is a
 * subagent's: only its questions count. */
static const char settings_plugin_mark[] = "// telec: ";
static const char settings_plugin_head[] = "// telec: reports opencode's sessions to telec. `telec "
                                           "hook --uninstall opencode` removes it.\n"
                                           "import { spawn } from \"node:child_process\";\n";
static const char settings_plugin_body[] =
    "const children = new Set();\n"
    "let last = Promise.resolve();\n"
    "function report(name, id, more) {\n"
    "  if (!process.env.TELEC_SESSION_ID) return;\n"
    "  const agent = children.has(id) ? { agent_id: id } : { session_id: id };\n"
    "  const input = JSON.stringify({ hook_event_name: name, ...agent, ...more });\n"
    "  last = last.then(() => new Promise((done) => {\n"
    "    const hook = spawn(program, [\"hook\"], { stdio: [\"pipe\", \"ignore\", \"ignore\"] });\n"
    "    hook.on(\"error\", done).on(\"close\", done);\n"
    "    hook.stdin.on(\"error\", done).end(input);\n"
    "  }));\n"
    "}\n"
    "function textOf(parts) {\n"
    "  return (parts || []).filter((p) => p.type === \"text\" && !p.synthetic).map((p) => p.text)\n"
    "    .join(\"\\n\");\n"
    "}\n"
    "const said = new Map();\n"
    "const onEvent = {\n"
    "  \"session.created\": ({ info }) => {\n"
    "    if (info.parentID) children.add(info.id);\n"
    "    else report(\"SessionStart\", info.id, { source: \"startup\" });\n"
    "  },\n"
    "  \"message.part.updated\": ({ part }) => {\n"
    "    if (part.type === \"text\") said.set(part.sessionID, part.text);\n"
    "  },\n"
    "  \"permission.asked\": (p) =>\n"
    "    report(\"PermissionRequest\", p.sessionID, { tool_name: p.permission,\n"
    "      tool_input: { command: p.metadata?.command || (p.patterns || []).join(\" \") } }),\n"
    "  \"permission.replied\": (p) => report(\"PostToolUse\", p.sessionID),\n"
    "  \"question.asked\": (p) => report(\"PermissionRequest\", p.sessionID, { tool_name: "
    "\"question\",\n"
    "    tool_input: { questions: p.questions } }),\n"
    "  \"question.replied\": (p) => report(\"PostToolUse\", p.sessionID),\n"
    "  \"question.rejected\": (p) => report(\"PostToolUse\", p.sessionID),\n"
    "  \"session.idle\": (p) =>\n"
    "    report(\"Stop\", p.sessionID, { last_assistant_message: said.get(p.sessionID) || \"\" "
    "}),\n"
    "};\n"
    "export const Telec = async () => ({\n"
    "  event: async ({ event }) => onEvent[event.type]?.(event.properties),\n"
    "  \"chat.message\": async (input, output) =>\n"
    "    report(\"UserPromptSubmit\", input.sessionID, { prompt: textOf(output.parts) }),\n"
    "});\n";

/* Writes the whole file, or removes it; a file that does not begin as ours does is not. */
static int settings_change_plugin(struct settings_job *job)
{
    span before = buf_view(&job->before);
    buf *text = &job->after.text, program = {0};
    int ours = span_starts(before, settings_plugin_mark);
    buf_clear(text);
    if (!job->remove) {
        buf_str(text, settings_plugin_head);
        json_put_string(&program, span_of(job->program));
        buf_fmt(text, "const program = %s;\n", buf_cstr(&program));
        buf_free(&program);
        buf_str(text, settings_plugin_body);
        buf_span(&job->missing.text, buf_view(text));
    }
    if (job->target && !ours)
        return job->remove ? 0 : settings_fail(job, ": is not telec's; left as it is");
    return job->remove ? job->target != NULL
                       : before.n != text->n || memcmp(before.p, text->p, text->n) != 0;
}

/* ---- the file ------------------------------------------------------------------------------- */

/* The directory below which the agent's settings are, and all on the way to them. */
static const char *settings_base(const struct agents_row *agent, const char *home,
                                 const char **within)
{
    const struct agents_hooks *hooks = &agent->hooks;
    const char *dir = getenv(hooks->variable);
    int is_set = dir && *dir;
    *within = is_set ? hooks->in_variable : hooks->in_home;
    return is_set ? dir : home;
}

static char *settings_path(const struct agents_row *agent, const char *home, const char *file)
{
    const char *within, *base = settings_base(agent, home, &within);
    buf b = {0};
    buf_fmt(&b, "%s%s/%s", base, within, file);
    return b.p; /* buf_fmt leaves a NUL behind it */
}

static int settings_load(struct settings_job *job)
{
    struct stat link;
    job->target = realpath(job->path, NULL);
    if (!job->target && errno == ENOENT && lstat(job->path, &link) != 0)
        return 0;
    if (!job->target || stat(job->target, &job->st) != 0)
        return settings_fail(job, ": %s", strerror(errno));
    if (!S_ISREG(job->st.st_mode))
        return settings_fail(job, ": not a file");
    if (os_read_file(&job->before, job->target, SETTINGS_FILE_MAX) != 0)
        return settings_fail(job, ": %s", strerror(errno));
    return 0;
}

static int settings_put(int fd, const buf *text)
{
    return base_write(fd, buf_view(text)) == 0 && fsync(fd) == 0 ? 0 : -1;
}

/* Writes the file with the owner and mode of the old one. Returns 0, or -1 with errno. */
static int settings_fill(const struct settings_job *job, int fd)
{
    struct stat own;
    if (job->target) {
        if (fstat(fd, &own) != 0 ||
            ((own.st_uid != job->st.st_uid || own.st_gid != job->st.st_gid) &&
             fchown(fd, job->st.st_uid, job->st.st_gid) != 0) ||
            fchmod(fd, job->st.st_mode & 07777) != 0)
            return -1;
    }
    return settings_put(fd, &job->after.text);
}

static int settings_is_unchanged(const struct settings_job *job)
{
    struct stat st;
    buf now = {0};
    if (!job->target)
        return lstat(job->path, &st) != 0;
    int same = os_read_file(&now, job->target, SETTINGS_FILE_MAX) == 0 && now.n == job->before.n &&
               (now.n == 0 || memcmp(now.p, job->before.p, now.n) == 0);
    buf_free(&now);
    return same;
}

static int settings_make_dirs(char *dir)
{
    for (char *slash = strchr(dir + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(dir, SETTINGS_DIR_MODE);
        *slash = '/';
    }
    return mkdir(dir, SETTINGS_DIR_MODE) == 0 || errno == EEXIST ? 0 : -1;
}

static int settings_remove_file(const struct settings_job *job, char *dir)
{
    struct stat st;
    size_t n = strlen(job->base);
    if (unlink(job->target) != 0)
        return -1;
    while (strncmp(dir, job->base, n) == 0 && dir[n] == '/' && stat(dir, &st) == 0 &&
           (st.st_mode & 07777) == SETTINGS_DIR_MODE && rmdir(dir) == 0)
        *strrchr(dir, '/') = '\0';
    return 0;
}

/* A file that is a mount point can't be replaced: it is written in place, after what it was has
 * become the file `copy`. Returns 0, or -1 with a message. */
static int settings_store_in_place(struct settings_job *job, int copy_fd, const char *copy)
{
    buf kept = {0};
    buf_fmt(&kept, "%s.before-telec", job->target);
    int copied = ftruncate(copy_fd, 0) == 0 && lseek(copy_fd, 0, SEEK_SET) == 0 &&
                 settings_put(copy_fd, &job->before) == 0 && rename(copy, buf_cstr(&kept)) == 0;
    int fd = copied ? open(job->target, O_WRONLY | O_TRUNC | O_CLOEXEC) : -1;
    int status = fd >= 0 && settings_put(fd, &job->after.text) == 0
                     ? 0
                     : settings_fail(job, ": a mount point: not written whole: %s; %s is its copy",
                                     strerror(errno), copied ? buf_cstr(&kept) : "none");
    if (fd >= 0)
        close(fd);
    buf_free(&kept);
    return status;
}

static int settings_store(struct settings_job *job)
{
    const char *target = job->target ? job->target : job->path;
    char *dir = base_dup(target);
    buf temporary = {0};
    int status = 0, fd = -1;
    *strrchr(dir, '/') = '\0';
    buf_fmt(&temporary, "%s.XXXXXX", target);
    if (job->after.text.n == 0 && job->target && job->remove)
        status = settings_remove_file(job, dir) == 0
                     ? 0
                     : settings_fail(job, ": cannot be removed: %s", strerror(errno));
    else if (job->target ? access(target, W_OK) != 0 : settings_make_dirs(dir) != 0)
        status = settings_fail(job, ": cannot be written: %s", strerror(errno));
    else if ((fd = mkstemp(temporary.p)) < 0 || settings_fill(job, fd) != 0)
        status = settings_fail(job, ": cannot be replaced: %s", strerror(errno));
    else if (!settings_is_unchanged(job))
        status = settings_fail(job, ": changed in the meantime; left as it is. Try again");
    else if (rename(temporary.p, target) != 0)
        status = errno == EBUSY && job->target
                     ? settings_store_in_place(job, fd, temporary.p)
                     : settings_fail(job, ": cannot be replaced: %s", strerror(errno));
    else
        store_sync_path(dir, "."); /* the file is in place already, so a failure changes nothing */
    if (fd >= 0 && status < 0)
        unlink(temporary.p);
    if (fd >= 0)
        close(fd);
    buf_free(&temporary);
    free(dir);
    return status;
}

/* ---- installing and uninstalling ----------------------------------------------------------- */

/* The formats of settings. A change is put into job->after and job->missing; returns 1, 0 or -1 as
 * settings_install does. */
static int (*const settings_formats[AGENTS_FORMATS])(struct settings_job *job) = {
    [AGENTS_JSON] = settings_change_json,
    [AGENTS_JSON_FLAT] = settings_change_json,
    [AGENTS_PLUGIN] = settings_change_plugin};

/* Tells whether the file keeps all hooks from running. */
static int settings_are_off(struct settings_job *job)
{
    settings_parse(&job->after);
    return json_is(job->after.root, "disableAllHooks", JSON_TRUE);
}

static void settings_put_report(buf *b, struct settings_job *job, int status, int written)
{
    const char *title = job->agent->title;
    utf8_put_visible(b, span_of(job->path));
    if (job->remove) {
        buf_fmt(b,
                status > 0 ? ": %s no longer reports to telec, from its next start on\n"
                           : ": %s does not report to telec; nothing to remove\n",
                title);
        return;
    }
    if (status == 0) {
        buf_fmt(b, ": %s reports to telec already; nothing to do\n", title);
    } else {
        buf_fmt(b,
                written ? ": %s reports to telec from its next start on; added:\n"
                        : ": for %s to report to telec, put in:\n",
                title);
        buf_span(b, buf_view(&job->missing.text));
        buf_str(b, job->agent->hooks.note ? job->agent->hooks.note : "");
    }
    if (settings_are_off(job))
        buf_str(b, "\"disableAllHooks\" is true in that file: no hook runs until that changes.\n");
}

static int settings_run(struct settings_job *job, int (*change)(struct settings_job *job),
                        int write)
{
    int loaded = settings_load(job); /* an unreadable file counts as empty in the report */
    buf_span(&job->after.text, buf_view(&job->before));
    int status = change(job);
    if (loaded < 0)
        status = -1;
    if (status > 0 && write && settings_store(job) < 0)
        status = -1;
    return status;
}

static void settings_free(struct settings_job *job)
{
    buf *const bufs[] = {&job->before, &job->after.text, &job->after.blank, &job->missing.text,
                         &job->missing.blank};
    for (size_t i = 0; i < COUNT_OF(bufs); i++)
        buf_free(bufs[i]);
    free(job->path);
    free(job->target);
}

static int settings_change(struct settings_job *job, const char *home, int write, buf *report)
{
    const struct agents_hooks *hooks = &job->agent->hooks;
    const char *within;
    job->base = settings_base(job->agent, home, &within);
    job->path = settings_path(job->agent, home, hooks->file);
    int status = settings_run(job, settings_formats[hooks->format], write);
    settings_put_report(report, job, status, write && status > 0);
    if (hooks->former && status >= 0 && write) {
        struct settings_job former = {
            .agent = job->agent, .program = job->program, .error = job->error};
        former.path = settings_path(job->agent, home, hooks->former);
        if (settings_run(&former, settings_change_toml, write) < 0)
            status = -1;
        settings_free(&former);
    }
    settings_free(job);
    return status;
}

static int settings_install(const char *agent, const char *home, const char *program,
                            enum settings_act act, buf *report, buf *error)
{
    struct settings_job job = {.program = program, .error = error};
    struct utf8_state utf8 = {0};
    job.agent = agents_find(agent);
    if (!job.agent || !job.agent->hooks.format) {
        utf8_put_visible(error, span_of(agent));
        buf_str(error, ": no hooks are known of it; agents with hooks: ");
        agents_put_names(error, 1, "");
        return -1;
    }
    if (program[0] != '/' || utf8_check(&utf8, span_of(program)) != PARSE_DONE) {
        utf8_put_visible(error, span_of(program));
        buf_str(error, ": a hook needs an absolute path in UTF-8");
        return -1;
    }
    if (!home || !*home) {
        buf_str(error, "HOME is not set: no telling where the settings are");
        return -1;
    }
    job.remove = act == SETTINGS_REMOVE;
    return settings_change(&job, home, act != SETTINGS_SHOW, report);
}
