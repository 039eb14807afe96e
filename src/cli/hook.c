#include "cli.h"

/* hook - what agents tell their hooks, and adding `telec hook` to agents' settings.
 *
 * An agent runs its hooks at certain events and hands them a JSON object; system/agents.c has the
 * events of each agent. hook_read makes one of telec's five events of it. Events of single tool
 * calls, of subagents and of housekeeping do not change the session's state and are ignored.
 *
 * hook_install changes a file that belongs to the user, so it only inserts: every byte that was
 * there stays. A file that it does not fully understand is left alone. */

/* ---- events --------------------------------------------------------------------------------- */

static int hook_is_ignored(struct json input, const struct agents_event *event)
{
    struct json value = event->member ? json_get(input, event->member) : (struct json){0};
    for (const char *const *word = event->ignored; word && *word; word++)
        if (json_text_eq(value, *word))
            return 1;
    return 0;
}

/* Appends a member: a string of the input, cut at a character's start to at most `most` bytes. */
static void hook_put_cut(buf *b, const char *key, struct json string, size_t most)
{
    buf text = {0};
    json_put_text(&text, string);
    if (text.n > most) {
        text.n = most;
        while (text.n && ((unsigned char)text.p[text.n] & 0xc0) == 0x80)
            text.n--;
    }
    json_key(b, key);
    json_put_string(b, buf_view(&text));
    buf_free(&text);
}

/* Finds the event among those of all agents, and its agent's row. Returns NULL when no agent
 * reports such an event; *named then says whether the input names an event at all. */
static const struct agents_event *hook_find_event(struct json input, const struct agents_row **row,
                                                  int *named)
{
    for (size_t i = 0; (*row = agents_row(i)); i++) {
        const struct agents_hooks *hooks = &(*row)->hooks;
        struct json name = hooks->format ? json_get(input, hooks->name_member) : (struct json){0};
        if (name.type != JSON_STRING)
            continue;
        *named = 1;
        for (const struct agents_event *event = hooks->events; event->name; event++)
            if (json_text_eq(name, event->name))
                return event;
    }
    return NULL;
}

static int hook_read(span input, buf *event)
{
    struct json object;
    const struct agents_row *row;
    int named = 0;
    if (json_parse(input, &object, NULL, NULL) != PARSE_DONE || object.type != JSON_OBJECT)
        return -1;
    const struct agents_event *found = hook_find_event(object, &row, &named);
    if (!named)
        return -1;
    /* A subagent's turn is not the session's, but a subagent's question blocks the session. */
    if (!found || hook_is_ignored(object, found) ||
        (json_get(object, "agent_id").type == JSON_STRING &&
         strcmp(found->type, "notification") != 0))
        return 0;
    struct json id = json_get(object, row->hooks.id_member);
    json_open(event, '{');
    json_field_string(event, "type", found->type);
    hook_put_cut(event, "text", found->text ? json_get(object, found->text) : (struct json){0},
                 HOOK_TEXT_MAX);
    if (id.type == JSON_STRING && id.text.n > 2 && id.text.n <= HOOK_ID_MAX + 2)
        hook_put_cut(event, "native_session_id", id, HOOK_ID_MAX);
    json_close(event, '}');
    return 1;
}

/* ---- inserting into JSON -------------------------------------------------------------------- */

/* The layout of an insertion: that of the JSON around it. */
struct hook_layout {
    enum { HOOK_COMPACT, HOOK_SPACED, HOOK_LINES } how;
    const char *newline;
    span outer;        /* indentation of the line on which the container begins */
    span indent, unit; /* indentation inside the container; of one level more */
};

static size_t hook_count_space(span s)
{
    size_t n = 0;
    while (n < s.n && (s.p[n] == ' ' || s.p[n] == '\t' || s.p[n] == '\r' || s.p[n] == '\n'))
        n++;
    return n;
}

/* Returns the white space behind a container's opening bracket. */
static span hook_gap(struct json container)
{
    span inside = span_sub(container.text, 1);
    return (span){inside.p, hook_count_space(inside)};
}

static int hook_has(span s, char c)
{
    return s.n && memchr(s.p, c, s.n) != NULL;
}

/* Returns what is behind the last line feed. */
static span hook_last_line(span s)
{
    size_t at = s.n;
    while (at > 0 && s.p[at - 1] != '\n')
        at--;
    return span_sub(s, at);
}

static span hook_line_indent(span text, const char *at)
{
    span line = hook_last_line((span){text.p, (size_t)(at - text.p)});
    return (span){line.p, hook_count_space(line)};
}

static int hook_is_empty(struct json container)
{
    return hook_gap(container).n + 2 == container.text.n;
}

static const char *hook_newline(span text)
{
    const char *lf = text.n ? memchr(text.p, '\n', text.n) : NULL;
    return lf && lf > text.p && lf[-1] == '\r' ? "\r\n" : "\n";
}

static struct hook_layout hook_layout_of(span text, struct json root, struct json container)
{
    struct hook_layout l = {HOOK_LINES, hook_newline(text), {0}, {0}, span_of("  ")};
    span gap = hook_gap(container);
    int root_in_lines = hook_is_empty(root) || hook_has(hook_gap(root), '\n');
    if (!hook_is_empty(root) && root_in_lines)
        l.unit = hook_last_line(hook_gap(root));
    l.outer = hook_line_indent(text, container.text.p);
    l.indent = hook_last_line(gap);
    if (hook_is_empty(container) ? !root_in_lines : !hook_has(gap, '\n')) {
        struct json_iter it = json_iter(root);
        l.how = json_next(&it) && it.value.text.p[-1] == ':' ? HOOK_COMPACT : HOOK_SPACED;
    }
    return l;
}

static void hook_put_break(buf *b, const struct hook_layout *l, size_t depth)
{
    if (l->how != HOOK_LINES)
        return;
    buf_str(b, l->newline);
    buf_span(b, l->indent);
    while (depth-- > 0)
        buf_span(b, l->unit);
}

static void hook_put_key(buf *b, const struct hook_layout *l, span key)
{
    buf_span(b, key);
    buf_str(b, l->how == HOOK_COMPACT ? ":" : ": ");
}

/* Appends a value of ours. The recursion is as deep as our value. */
static void hook_put_value(buf *b, const struct hook_layout *l, struct json v, size_t depth)
{
    struct json_iter it = json_iter(v);
    if (v.type != JSON_ARRAY && v.type != JSON_OBJECT) {
        buf_span(b, v.text);
        return;
    }
    buf_byte(b, v.text.p[0]);
    for (int first = 1; json_next(&it); first = 0) {
        if (!first)
            buf_str(b, l->how == HOOK_SPACED ? ", " : ",");
        hook_put_break(b, l, depth + 1);
        if (v.type == JSON_OBJECT)
            hook_put_key(b, l, it.key.text);
        hook_put_value(b, l, it.value, depth + 1);
    }
    hook_put_break(b, l, depth);
    buf_byte(b, v.text.p[v.text.n - 1]);
}

/* Inserts a value behind the last one of a container in *text; key: its name, NULL in a list. */
static void hook_insert(buf *text, struct json root, struct json container, const char *key,
                        span value_json)
{
    span before = buf_view(text), gap = hook_gap(container);
    struct hook_layout l = hook_layout_of(before, root, container);
    int empty = hook_is_empty(container);
    struct json value = {0};
    buf out = {0}, indent = {0};
    const char *at = container.text.p + 1, *close = container.text.p + container.text.n - 1;
    if (empty) {
        buf_span(&indent, l.outer);
        buf_span(&indent, l.unit);
        l.indent = buf_view(&indent);
    } else {
        for (at = close; hook_count_space((span){at - 1, 1});)
            at--;
    }
    json_parse(value_json, &value, NULL, NULL);
    buf_add(&out, before.p, (size_t)(at - before.p));
    if (!empty)
        buf_str(&out, l.how == HOOK_SPACED ? ", " : ",");
    hook_put_break(&out, &l, 0);
    if (key) {
        buf quoted = {0};
        json_put_string(&quoted, span_of(key));
        hook_put_key(&out, &l, buf_view(&quoted));
        buf_free(&quoted);
    }
    hook_put_value(&out, &l, value, 0);
    if (empty && l.how == HOOK_LINES && !hook_has(gap, '\n')) {
        buf_str(&out, l.newline);
        buf_span(&out, l.outer);
    }
    buf_span(&out, span_sub(before, (size_t)(at - before.p)));
    buf_free(text);
    buf_free(&indent);
    *text = out;
}

/* ---- agents with hooks in a JSON file ------------------------------------------------------- */

/* A change to a settings file. */
struct hook_job {
    const struct agents_row *agent;
    const char *program;
    char *path;        /* for messages; may be a link */
    char *target;      /* the file behind links; NULL: it does not exist */
    struct stat st;    /* of the target */
    buf before, after; /* its text */
    buf missing;       /* the additions alone, for the report */
    buf *error;
};

static int hook_fail(struct hook_job *job, const char *format, ...)
{
    char why[512];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    utf8_put_visible(job->error, span_of(job->path));
    buf_str(job->error, why);
    return -1;
}

static void hook_put_command(buf *b, const struct hook_job *job)
{
    config_put_quoted(b, job->program);
    buf_str(b, " hook");
}

/* {"hooks": [{"type": "command", "command": "PROGRAM hook", "timeout": 5}]} */
static void hook_put_group(buf *b, const struct hook_job *job)
{
    buf command = {0};
    hook_put_command(&command, job);
    json_open(b, '{');
    json_key(b, "hooks");
    json_open(b, '[');
    json_open(b, '{');
    json_field_string(b, "type", "command");
    json_key(b, "command");
    json_put_string(b, buf_view(&command));
    json_field_int(b, "timeout", job->agent->hooks.timeout);
    json_close(b, '}');
    json_close(b, ']');
    json_close(b, '}');
    buf_free(&command);
}

static int hook_list_has(struct json list, const char *command)
{
    struct json_iter groups = json_iter(list);
    while (json_next(&groups)) {
        struct json_iter hooks = json_iter(json_get(groups.value, "hooks"));
        while (json_next(&hooks))
            if (json_text_eq(json_get(hooks.value, "command"), command))
                return 1;
    }
    return 0;
}

/* Adds the hook of one event to *text, a JSON object. Returns 1, 0 when the hook is there, or -1
 * with a message. */
static int hook_add_event(struct hook_job *job, buf *text, const char *event)
{
    struct json root, container;
    buf value = {0}, command = {0};
    if (json_parse(buf_view(text), &root, NULL, NULL) != PARSE_DONE)
        return hook_fail(job, ": nested too deeply to add to it; left as it is");
    struct json hooks = json_get(root, "hooks"), list = json_get(hooks, event);
    const char *key = event;
    if (hooks.type != JSON_NONE && hooks.type != JSON_OBJECT)
        return hook_fail(job, ": \"hooks\" is not an object there; left as it is");
    if (list.type != JSON_NONE && list.type != JSON_ARRAY)
        return hook_fail(job, ": \"%s\" in \"hooks\" is not a list there; left as it is", event);
    hook_put_command(&command, job);
    int there = hook_list_has(list, buf_cstr(&command));
    buf_free(&command);
    if (there)
        return 0;
    if (list.type == JSON_ARRAY) {
        container = list;
        key = NULL;
        hook_put_group(&value, job);
    } else if (hooks.type == JSON_OBJECT) {
        container = hooks;
        json_open(&value, '[');
        hook_put_group(&value, job);
        json_close(&value, ']');
    } else {
        container = root;
        key = "hooks";
        json_open(&value, '{');
        json_key(&value, event);
        json_open(&value, '[');
        hook_put_group(&value, job);
        json_close(&value, ']');
        json_close(&value, '}');
    }
    hook_insert(text, root, container, key, buf_view(&value));
    buf_free(&value);
    return 1;
}

static int hook_check_json(struct hook_job *job)
{
    struct json root = {0};
    const char *why = NULL;
    size_t at = 0;
    span text = buf_view(&job->after);
    enum parse parsed = json_parse(text, &root, &why, &at);
    if (parsed == PARSE_DONE && root.type == JSON_OBJECT)
        return 0;
    if (parsed == PARSE_DONE)
        return hook_fail(job, ": holds no JSON object; left as it is");
    int line = 1;
    for (size_t i = 0; i < at && i < text.n; i++)
        line += text.p[i] == '\n';
    if (parsed == PARSE_MORE)
        return hook_fail(job, ": not valid JSON (it ends too early); left as it is");
    return hook_fail(job, ":%d: not valid JSON (%s)%s; left as it is", line, why ? why : "",
                     at < text.n && (text.p[at] == '/' || text.p[at] == '#')
                         ? ", comments are not understood"
                         : "");
}

/* Adds the hooks of all events. Returns 1, 0 or -1 as hook_install does. */
static int hook_add_json(struct hook_job *job)
{
    int added = 0, status = 0;
    if (hook_count_space(buf_view(&job->after)) == job->after.n) {
        buf_clear(&job->after);
        buf_str(&job->after, "{}\n");
    }
    status = hook_check_json(job);
    for (const struct agents_event *event = job->agent->hooks.events; event->name; event++) {
        if (!event->installed)
            continue;
        int one = status < 0 ? status : hook_add_event(job, &job->after, event->name);
        if (one < 0)
            status = -1;
        if (one == 0)
            continue;
        added = 1;
        if (!job->missing.n)
            buf_str(&job->missing, "{}\n");
        hook_add_event(job, &job->missing, event->name);
    }
    if (status == 0 && added)
        status = hook_check_json(job);
    return status < 0 ? -1 : added;
}

/* ---- Codex's config.toml -------------------------------------------------------------------- */

/* A key with its value, or a table's header. */
struct hook_statement {
    int is_table;
    span key; /* the first part of its name, with its quotes */
    span value;
};

static size_t hook_line(span s)
{
    const char *lf = s.n ? memchr(s.p, '\n', s.n) : NULL;
    return lf ? (size_t)(lf - s.p) + 1 : s.n;
}

/* Returns the length of the string at the start of s (TOML 1.0: basic or literal, of one line or
 * several); 0: it does not end. */
static size_t hook_toml_string(span s)
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
static size_t hook_toml_value(span s, char until)
{
    size_t i = 0, depth = 0;
    while (i < s.n) {
        char c = s.p[i];
        if (depth == 0 && (c == until || c == '\n' || c == '#'))
            return i;
        if (c == '"' || c == '\'') {
            size_t n = hook_toml_string(span_sub(s, i));
            if (!n)
                return (size_t)-1;
            i += n;
            continue;
        }
        if (c == '#') {
            i += hook_line(span_sub(s, i));
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
static span hook_toml_first_part(span s)
{
    size_t n = 0;
    if (s.n && (s.p[0] == '"' || s.p[0] == '\''))
        return (span){s.p, hook_toml_string(s)};
    while (n < s.n && !strchr(" \t\r\n.=#[]", s.p[n]))
        n++;
    return (span){s.p, n};
}

/* Parses the next statement and moves *rest behind its line. PARSE_MORE: there is none. */
static enum parse hook_toml_next(span *rest, struct hook_statement *st)
{
    for (;;) {
        *rest = span_sub(*rest, hook_count_space(*rest));
        if (!rest->n)
            return PARSE_MORE;
        if (rest->p[0] != '#')
            break;
        *rest = span_sub(*rest, hook_line(*rest));
    }
    *st = (struct hook_statement){0};
    st->is_table = rest->p[0] == '[';
    if (st->is_table) {
        st->key = hook_toml_first_part(span_trim((span){rest->p, hook_line(*rest)}, "[ \t"));
        *rest = span_sub(*rest, hook_line(*rest));
        return PARSE_DONE;
    }
    size_t key = hook_toml_value(*rest, '=');
    if (key >= rest->n || rest->p[key] != '=')
        return PARSE_BAD;
    st->key = hook_toml_first_part((span){rest->p, key});
    *rest = span_sub(*rest, key + 1);
    size_t value = hook_toml_value(*rest, '\n');
    if (value == (size_t)-1)
        return PARSE_BAD;
    st->value = span_trim((span){rest->p, value}, " \t\r");
    *rest = span_sub(*rest, value);
    *rest = span_sub(*rest, hook_line(*rest));
    return st->key.n && st->value.n ? PARSE_DONE : PARSE_BAD;
}

static int hook_toml_is_notify(span key)
{
    return span_eq(key, "notify") || span_eq(key, "\"notify\"") || span_eq(key, "'notify'");
}

static void hook_put_toml_string(buf *b, const char *s)
{
    buf_byte(b, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_byte(b, '\\');
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            buf_fmt(b, "\\u%04x", (unsigned)*s);
        else
            buf_byte(b, *s);
    }
    buf_byte(b, '"');
}

/* notify = ["PROGRAM", "hook"] */
static void hook_put_notify(buf *b, const struct hook_job *job)
{
    buf_str(b, "notify = [");
    hook_put_toml_string(b, job->program);
    buf_str(b, ", \"hook\"]");
}

/* Appends a list of strings in one spelling, so that two lists can be compared. */
static void hook_put_dense(buf *b, span value)
{
    while (value.n) {
        int is_string = value.p[0] == '"' || value.p[0] == '\'';
        size_t n = is_string ? hook_toml_string(value) : 1;
        span token = {value.p, n};
        if (is_string && value.p[0] == '\'' && !hook_has(token, '"') && !hook_has(token, '\\')) {
            buf_byte(b, '"');
            buf_span(b, span_trim(token, "'"));
            buf_byte(b, '"');
        } else if (!hook_count_space(token)) {
            if (*token.p == ']' && b->n && b->p[b->n - 1] == ',')
                b->n--;
            buf_span(b, token);
        }
        value = span_sub(value, n ? n : value.n);
    }
}

static int hook_is_our_notify(const struct hook_job *job, span value)
{
    buf ours = {0}, want = {0}, have = {0};
    hook_put_notify(&ours, job);
    hook_put_dense(&want, span_sub(buf_view(&ours), strlen("notify = ")));
    hook_put_dense(&have, value);
    int same = want.n == have.n && memcmp(want.p, have.p, want.n) == 0;
    buf_free(&ours);
    buf_free(&want);
    buf_free(&have);
    return same;
}

static int hook_line_number(const struct hook_job *job, const char *at)
{
    int line = 1;
    for (const char *p = job->after.p; p < at; p++)
        line += *p == '\n';
    return line;
}

static int hook_refuse_notify(struct hook_job *job, span key)
{
    return hook_fail(job,
                     ":%d: notify is set already, and Codex runs only one; left as it is. To have "
                     "both, let that program run `telec hook` with its own last argument",
                     hook_line_number(job, key.p));
}

/* Inserts notify at `at`: behind the line of the last key, or before the first line. */
static void hook_insert_notify(struct hook_job *job, size_t at, int has_keys)
{
    span text = buf_view(&job->before);
    const char *newline = hook_newline(text);
    buf_clear(&job->after);
    buf_add(&job->after, text.p, at);
    if (has_keys && text.p[at - 1] != '\n')
        buf_str(&job->after, newline);
    hook_put_notify(&job->after, job);
    buf_str(&job->after, newline);
    if (!has_keys && at < text.n)
        buf_str(&job->after, newline);
    buf_span(&job->after, span_sub(text, at));
}

/* Adds notify behind the last key before the first table. Returns 1, 0 or -1, see hook_install. */
static int hook_add_toml(struct hook_job *job)
{
    struct hook_statement st;
    span text = buf_view(&job->after), rest = text;
    size_t at = span_starts(text, "\xef\xbb\xbf") ? 3 : 0;
    int tables = 0, has_keys = 0;
    enum parse parsed;
    hook_put_notify(&job->missing, job);
    buf_byte(&job->missing, '\n');
    rest = span_sub(rest, at);
    while ((parsed = hook_toml_next(&rest, &st)) == PARSE_DONE) {
        int is_notify = hook_toml_is_notify(st.key) && (st.is_table || !tables);
        if (is_notify && !st.is_table && hook_is_our_notify(job, st.value))
            return 0;
        if (is_notify)
            return hook_refuse_notify(job, st.key);
        tables += st.is_table;
        if (!tables) {
            has_keys = 1;
            at = text.n - rest.n;
        }
    }
    if (parsed == PARSE_BAD)
        return hook_fail(job, ":%d: not understood as TOML; left as it is",
                         hook_line_number(job, rest.p));
    hook_insert_notify(job, at, has_keys);
    return 1;
}

/* ---- the file ------------------------------------------------------------------------------- */

static char *hook_path(const struct agents_row *agent, const char *home)
{
    const struct agents_hooks *hooks = &agent->hooks;
    const char *dir = getenv(hooks->variable);
    buf b = {0};
    int is_set = dir && *dir;
    buf_fmt(&b, "%s%s/%s", is_set ? dir : home, is_set ? hooks->in_variable : hooks->in_home,
            hooks->file);
    return b.p; /* buf_fmt leaves a NUL behind it */
}

/* Reads the file, if it exists. Returns 0, or -1 with a message. */
static int hook_load(struct hook_job *job)
{
    struct stat link;
    job->target = realpath(job->path, NULL);
    if (!job->target && errno == ENOENT && lstat(job->path, &link) != 0)
        return 0;
    if (!job->target || stat(job->target, &job->st) != 0)
        return hook_fail(job, ": %s", strerror(errno));
    if (!S_ISREG(job->st.st_mode))
        return hook_fail(job, ": not a file");
    if (os_read_file(&job->before, job->target, HOOK_FILE_MAX) != 0)
        return hook_fail(job, ": %s", strerror(errno));
    return 0;
}

/* Writes the new file, with the owner and mode of the old one. Returns 0, or -1 with errno. */
static int hook_fill(const struct hook_job *job, int fd)
{
    struct stat own;
    if (job->target) {
        if (fstat(fd, &own) != 0)
            return -1;
        if ((own.st_uid != job->st.st_uid || own.st_gid != job->st.st_gid) &&
            fchown(fd, job->st.st_uid, job->st.st_gid) != 0)
            return -1;
        if (fchmod(fd, job->st.st_mode & 07777) != 0)
            return -1;
    }
    return store_write_all(fd, buf_view(&job->after)) == 0 && fsync(fd) == 0 ? 0 : -1;
}

/* Returns whether the file is as it was read. */
static int hook_is_unchanged(const struct hook_job *job)
{
    struct stat st;
    buf now = {0};
    if (!job->target)
        return lstat(job->path, &st) != 0;
    int same = os_read_file(&now, job->target, HOOK_FILE_MAX) == 0 && now.n == job->before.n &&
               (now.n == 0 || memcmp(now.p, job->before.p, now.n) == 0);
    buf_free(&now);
    return same;
}

/* Replaces the file whole by job->after. Returns 0, or -1 with a message. */
static int hook_store(struct hook_job *job)
{
    const char *target = job->target ? job->target : job->path;
    char *dir = span_dup(span_of(target));
    buf temporary = {0};
    int status = 0, fd = -1;
    *strrchr(dir, '/') = '\0';
    buf_fmt(&temporary, "%s.XXXXXX", target);
    if (job->target ? access(target, W_OK) != 0 : mkdir(dir, 0700) != 0 && errno != EEXIST)
        status = hook_fail(job, ": cannot be written: %s", strerror(errno));
    else if ((fd = mkstemp(temporary.p)) < 0)
        status = hook_fail(job, ": cannot be replaced: %s", strerror(errno));
    else if (hook_fill(job, fd) != 0)
        status = hook_fail(job, ": cannot be replaced: %s", strerror(errno));
    else if (!hook_is_unchanged(job))
        status = hook_fail(job, ": changed in the meantime; left as it is. Try again");
    else if (rename(temporary.p, target) != 0)
        status = hook_fail(job, ": cannot be replaced: %s", strerror(errno));
    else
        store_sync_dir(dir); /* the file is in place already, so a failure changes nothing */
    if (fd >= 0 && status < 0)
        unlink(temporary.p);
    if (fd >= 0)
        close(fd);
    buf_free(&temporary);
    free(dir);
    return status;
}

/* ---- installing ----------------------------------------------------------------------------- */

/* The formats of settings. add puts what is missing into job->after and job->missing, and returns
 * 1, 0 or -1 as hook_install does. */
static const struct {
    int (*add)(struct hook_job *job);
    const char *note; /* ends the report */
} hook_formats[AGENTS_FORMATS] = {
    [AGENTS_JSON] = {hook_add_json, ""},
    [AGENTS_TOML_NOTIFY] = {hook_add_toml, "The line reports finished turns only; it belongs above "
                                           "the first [table].\n"},
};

static void hook_put_report(buf *b, const struct hook_job *job, int status, int written)
{
    utf8_put_visible(b, span_of(job->path));
    if (status == 0) {
        buf_fmt(b, ": %s reports to telec already; nothing to do\n", job->agent->title);
        return;
    }
    buf_fmt(b,
            written ? ": %s reports to telec from its next start on; added:\n"
                    : ": for %s to report to telec, put in:\n",
            job->agent->title);
    buf_span(b, buf_view(&job->missing));
    buf_str(b, hook_formats[job->agent->hooks.format].note);
}

static int hook_run(struct hook_job *job, int write, buf *report)
{
    int loaded = hook_load(job); /* an unreadable file counts as empty in the report */
    buf_span(&job->after, buf_view(&job->before));
    int status = hook_formats[job->agent->hooks.format].add(job);
    if (loaded < 0)
        status = -1;
    int written = status > 0 && write;
    if (written && hook_store(job) < 0)
        status = -1;
    hook_put_report(report, job, status, written && status > 0);
    return status;
}

static int hook_install(const char *agent, const char *home, const char *program, int write,
                        buf *report, buf *error)
{
    struct hook_job job = {.program = program, .error = error};
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
    job.path = hook_path(job.agent, home);
    int status = hook_run(&job, write, report);
    free(job.path);
    free(job.target);
    buf_free(&job.before);
    buf_free(&job.after);
    buf_free(&job.missing);
    return status;
}
