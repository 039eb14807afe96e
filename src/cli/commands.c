#include "cli.h"

/* commands - one function a command: list, new, tail and the others.
 *
 * On a terminal columns are padded under a heading; elsewhere a tab follows each. Text of sessions
 * is made visible before it is printed. */

/* ---- list ----------------------------------------------------------------------------------- */

static void commands_put_age(buf *b, struct json time)
{
    long long at;
    if (json_time(time, &at))
        clock_put_age(b, clock_wall_ms() - at);
    else
        buf_byte(b, '-');
}

#define COMMANDS_SHOWN_MAX 32 /* columns of a list; one may stand there twice */

/* A session's members: those of its columns, and those that decide what a column shows. */
struct commands_row {
    struct json session, state, command, values[COMMANDS_SHOWN_MAX];
};

/* A column of list: what it shows of the row that has this member; nothing: "-". */
struct commands_field {
    const char *name, *head, *member;
    void (*put)(buf *b, const struct commands_row *row, struct json value);
};

static void commands_put_since(buf *b, const struct commands_row *row, struct json value)
{
    (void)row;
    commands_put_age(b, value);
}

static void commands_put_agent(buf *b, const struct commands_row *row, struct json value)
{
    json_put_text(b, json_type(value) == JSON_STRING ? value : row->command);
}

static void commands_put_title(buf *b, const struct commands_row *row, struct json value)
{
    int untitled;
    json_put_text(b, json_text_eq(value, "Untitled") ? context_title(row->session, &untitled)
                                                     : value);
}

static void commands_put_asked(buf *b, const struct commands_row *row, struct json value)
{
    if (json_text_eq(row->state, "waiting"))
        json_put_text(b, value);
}

static void commands_put_restart(buf *b, const struct commands_row *row, struct json value)
{
    if (json_text_eq(row->state, "exited"))
        json_put_text(b, value);
}

static const struct commands_field commands_fields[] = {
    {"id", "ID", "session_id", NULL},
    {"state", "STATE", "state", NULL},
    {"for", "FOR", "state_since", commands_put_since},
    {"by", "BY", "state_source", NULL},
    {"agent", "AGENT", "active_agent", commands_put_agent},
    {"computer", "COMPUTER", "computer", NULL},
    {"said", "SAID", "last_activity", commands_put_since},
    {"title", "TITLE", "title", commands_put_title},
    {"directory", "DIRECTORY", "working_directory", NULL},
    {"branch", "BRANCH", "branch", NULL},
    {"exit", "EXIT", "exit_code", NULL},
    {"asks", "ASKS", "state_text", commands_put_asked},
    {"restart", "RESTART", "restart", commands_put_restart},
};
#define COMMANDS_ID 8      /* characters of an id that a list shows */
#define COMMANDS_CUT_MIN 8 /* columns that a column keeps on a narrow terminal */
#define COMMANDS_COLUMNS                                                                           \
    "id,state,for,by,agent,computer,said,title,directory,branch,exit,asks,restart"
#define COMMANDS_COLUMNS_TERMINAL "id,state,for,agent,title,asks,exit,directory,branch,restart"

static const struct commands_field *commands_field(span name)
{
    for (size_t i = 0; i < COUNT_OF(commands_fields); i++)
        if (span_eq(name, commands_fields[i].name))
            return &commands_fields[i];
    return NULL;
}

/* A list: its columns in order, and on a terminal their widths and the terminal's. */
struct commands_table {
    const struct commands_field *shown[COMMANDS_SHOWN_MAX];
    size_t lengths[COMMANDS_SHOWN_MAX]; /* of their members in JSON, with the quotes */
    buf raw, text;                      /* of the cell in work */
    int widths[COMMANDS_SHOWN_MAX];
    size_t count;
    int tty, cols;
    int shows_all; /* on a terminal, also columns that no session has anything for */
};

/* Sets the columns of a list of names. Returns 0 when one is unknown or there are too many. */
static int commands_table_init(struct commands_table *t, const char *columns, int tty)
{
    *t = (struct commands_table){.tty = tty, .cols = INT_MAX};
    for (span rest = span_of(columns); rest.n; t->count++) {
        if (t->count == COMMANDS_SHOWN_MAX ||
            !(t->shown[t->count] = commands_field(span_cut(&rest, ','))))
            return 0;
        t->lengths[t->count] = strlen(t->shown[t->count]->member) + 2;
    }
    return t->count > 0;
}

/* Finds the members of all columns in one pass: a session has some forty. */
static void commands_find(const struct commands_table *t, struct json session,
                         struct commands_row *row)
{
    *row = (struct commands_row){.session = session};
    for (struct json_iter it = json_iter(session); json_next(&it);) {
        size_t n = it.key.text.n; /* 0: its length says nothing, or it has none */
        if (n && memchr(it.key.text.p, '\\', n))
            n = 0;
        for (size_t i = 0; i < t->count; i++)
            if ((n == t->lengths[i] || !n) && json_text_eq(it.key, t->shown[i]->member))
                row->values[i] = it.value;
        if (json_text_eq(it.key, "state"))
            row->state = it.value;
        else if (json_text_eq(it.key, "command"))
            row->command = it.value;
    }
}

/* Sets t->text to what column i shows of the row; of a session of type JSON_NONE to the heading. A
 * terminal gets the name of a command's program, else the whole command. */
static void commands_set_cell(struct commands_table *t, size_t i, const struct commands_row *row)
{
    const struct commands_field *f = t->shown[i];
    struct json value = row->values[i];
    buf *raw = &t->raw;
    buf_clear(raw);
    if (json_type(row->session) != JSON_OBJECT)
        buf_str(raw, f->head);
    else if (f->put)
        f->put(raw, row, value);
    else if (json_type(value) == JSON_NUMBER)
        buf_span(raw, value.text);
    else
        json_put_text(raw, value);
    if (t->tty && f->put == commands_put_agent && json_type(value) != JSON_STRING && raw->n) {
        char **words = config_words(buf_view(raw));
        if (words && words[0]) {
            buf_clear(raw);
            buf_str(raw, config_last_part(words[0]));
        }
        free(words);
    }
    if (f == commands_fields && raw->n > COMMANDS_ID)
        raw->n = COMMANDS_ID;
    if (!raw->n)
        buf_byte(raw, '-');
    buf_clear(&t->text);
    utf8_put_visible(&t->text, buf_view(raw));
}

/* Widens the columns to what they show of the session; of type JSON_NONE: to the heading of those
 * that show anything, or of all where columns were asked for. */
static void commands_widen(struct commands_table *t, struct json session)
{
    struct commands_row row;
    commands_find(t, session, &row);
    for (size_t i = 0; i < t->count; i++) {
        commands_set_cell(t, i, &row);
        int used = cell_columns(buf_view(&t->text));
        if (t->widths[i] || t->shows_all ||
            (session.text.n && !span_eq(buf_view(&t->text), "-")))
            t->widths[i] = used > t->widths[i] ? used : t->widths[i];
    }
}

/* Narrows the widest columns until a line fits. */
static void commands_narrow(struct commands_table *t)
{
    for (int total = t->cols + 1, *widest = t->widths; total > t->cols;) {
        total = -2;
        for (size_t i = 0; i < t->count; i++) {
            int *width = &t->widths[i];
            *width = *width < t->cols ? *width : t->cols;
            widest = *width > *widest ? width : widest;
            total += *width ? *width + 2 : 0;
        }
        if (total > t->cols && --*widest < COMMANDS_CUT_MIN)
            return;
    }
}

/* Appends a cell of the terminal's line: cut at `most` columns, a path at its start; padded. */
static void commands_put_padded(buf *out, span text, int most, int width, int path)
{
    int columns = cell_columns(text), cut = columns > most, used;
    if (cut && path)
        text = span_sub(text, cell_fit(text, columns - most + 1, &used));
    if (cut && path)
        buf_str(out, term_is_utf8() ? "…" : "<");
    buf_add(out, text.p, cell_fit(text, most - cut, &used));
    if (cut && !path)
        buf_str(out, term_is_utf8() ? "…" : ">");
    for (used += cut; used < width; used++)
        buf_byte(out, ' ');
}

/* Appends a line: on a terminal padded and cut at its width, else with tabs. */
static void commands_put_session(buf *out, struct commands_table *t, struct json session)
{
    struct commands_row row;
    int room = t->cols;
    commands_find(t, session, &row);
    for (size_t i = 0; i < t->count && room > 0; i++) {
        int is_last = i + 1 == t->count, width = t->widths[i];
        if (t->tty && !width)
            continue;
        commands_set_cell(t, i, &row);
        if (!t->tty) {
            buf_span(out, buf_view(&t->text));
            buf_str(out, is_last ? "" : "\t");
            continue;
        }
        commands_put_padded(out, buf_view(&t->text), width < room ? width : room,
                           is_last || room <= width + 2 ? 0 : width + 2,
                           strcmp(t->shown[i]->name, "directory") == 0);
        room -= width + 2;
    }
    buf_byte(out, '\n');
}

/* Appends JSON for a terminal: what could act on it becomes an escape of the same value. */
static void commands_put_json(buf *b, span json)
{
    while (json.n) {
        uint32_t cp;
        size_t n = utf8_next(json, &cp);
        n = n ? n : json.n;
        if (cp == 0x7f || utf8_is_deceptive(cp))
            buf_fmt(b, "\\u%04x", (unsigned)cp);
        else
            utf8_put_clean(b, (span){json.p, n});
        json = span_sub(json, n);
    }
}

static int commands_write_body(struct context *c)
{
    buf out = {0};
    if (isatty(1))
        commands_put_json(&out, buf_view(&c->body));
    else
        buf_span(&out, buf_view(&c->body));
    buf_byte(&out, '\n');
    return context_write(&out);
}

/* Drops other computers' sessions from the list: a TeleClaude daemon always lists its own, too. */
static void commands_keep_computer(struct context *c, const char *computer)
{
    buf kept = {0};
    json_open(&kept, '[');
    for (struct json_iter it = json_iter(context_reply(c)); json_next(&it);)
        if (json_member_eq(it.value, "computer", computer))
            json_put_raw(&kept, it.value.text);
    json_close(&kept, ']');
    buf_free(&c->body);
    c->body = kept;
}

static int commands_put_list(struct context *c, struct commands_table *t)
{
    buf out = {0};
    int rows, as_json = c->value['X'] != NULL;
    struct json list = context_reply(c);
    buf_reserve(&out, c->body.n); /* it is less: at most one block */
    if (t->tty && !as_json) {
        for (struct json_iter it = json_iter(list); json_next(&it);)
            commands_widen(t, it.value);
        commands_widen(t, (struct json){0});
        if (term_size(1, &rows, &t->cols) == 0)
            commands_narrow(t);
        commands_put_session(&out, t, (struct json){0});
    }
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (!as_json)
            commands_put_session(&out, t, it.value);
        else if (t->tty)
            commands_put_json(&out, it.value.text);
        else
            buf_span(&out, it.value.text);
        buf_str(&out, as_json ? "\n" : "");
    }
    buf_free(&t->raw), buf_free(&t->text);
    return context_write(&out);
}

/* Says, once, what the daemon has found bad about its host. */
static void commands_say_host(struct context *c)
{
    context_send(c, "GET", "/status", NULL);
    struct json host = c->status == 200 ? json_get(context_reply(c), "host") : (struct json){0};
    for (struct json_iter it = json_items(host); json_next(&it);) {
        char *text = json_dup_text(it.value);
        if (text && hints_say_once(&c->config, text))
            context_fail("%s", text);
        free(text);
    }
}

static int commands_list(struct context *c)
{
    struct commands_table t;
    int tty = isatty(1);
    const char *columns = c->value['Q'] ? c->value['Q']
                          : tty         ? COMMANDS_COLUMNS_TERMINAL
                                        : COMMANDS_COLUMNS;
    if (!commands_table_init(&t, columns, tty))
        return context_usage("expected columns of " COMMANDS_COLUMNS, columns);
    if (context_get_listing(c, c->value['O'] ? CONTEXT_ENDED_SESSIONS : CONTEXT_ALL_SESSIONS) != 0)
        return 1;
    if (c->client.foreign && c->value['o'])
        commands_keep_computer(c, c->value['o']);
    struct json_iter first = json_iter(context_reply(c));
    t.shows_all = c->value['Q'] || !json_next(&first);
    int status = c->value['j'] ? commands_write_body(c) : commands_put_list(c, &t);
    if (tty && !c->client.foreign)
        commands_say_host(c);
    return status;
}

/* ---- computers ------------------------------------------------------------------------------ */

/* Appends a column, on a terminal padded to `width`. `otherwise` stands for no value. */
static void commands_put_column(buf *b, struct json value, const char *otherwise, int width,
                                int tty)
{
    buf raw = {0}, text = {0};
    json_put_text(&raw, value);
    utf8_put_visible(&text, raw.n ? buf_view(&raw) : span_of(otherwise));
    commands_put_padded(b, buf_view(&text), INT_MAX, tty ? width : 0, 0);
    buf_str(b, tty ? "  " : "\t");
    buf_free(&raw);
    buf_free(&text);
}

/* Appends what has passed between that computer and this one, and how late and skewed it is. */
static void commands_put_counters(buf *out, struct json computer)
{
    static const struct {
        const char *key, *before, *unit;
    } counters[] = {{"events_in", "in ", ""},           {"events_out", ", out ", ""},
                    {"coalesced", ", coalesced ", ""},  {"dropped", ", dropped ", ""},
                    {"lag_ms", ", lag ", " ms"},        {"skew_s", ", skew ", " s"}};
    for (size_t i = 0; i < COUNT_OF(counters); i++) {
        buf_str(out, counters[i].before);
        buf_span(out, json_get(computer, counters[i].key).text);
        buf_str(out, counters[i].unit);
    }
}

static int commands_computers(struct context *c)
{
    buf out = {0};
    int tty = isatty(1);
    if (context_ask(c, "GET", CONTEXT_COMPUTERS, NULL) != 0)
        return 1;
    if (c->value['j'])
        return commands_write_body(c);
    if (tty)
        buf_str(&out, "NAME                  STATUS    USER          HOST\n");
    for (struct json_iter it = json_iter(context_reply(c)); json_next(&it);) {
        commands_put_column(&out, json_get(it.value, "name"), "-", 20, tty);
        commands_put_column(&out, json_get(it.value, "status"), "-", 8, tty);
        commands_put_column(&out, json_get(it.value, "user"), "-", 12, tty);
        commands_put_column(&out, json_get(it.value, "host"), "-", 0, tty);
        struct json why = json_get(it.value, "redis_why"), reach = json_get(it.value, "reach");
        if (json_type(reach) && !json_text_eq(reach, "ready"))
            commands_put_column(&out, reach, "", 0, tty);
        int alone = json_member_eq(it.value, "redis", "reconnecting");
        buf_str(&out, alone ? "redis: reconnecting" : json_type(why) ? "redis" : "");
        buf_str(&out, json_type(why) ? ": " : "");
        if (json_type(why))
            commands_put_column(&out, why, "", 0, tty);
        commands_put_column(&out, json_get(it.value, "warning"), "", 0, tty);
        if (json_is(it.value, "events_in", JSON_NUMBER))
            commands_put_counters(&out, it.value);
        while (strchr(" \t", out.p[out.n - 1]))
            out.n--;
        buf_byte(&out, '\n');
    }
    return context_write(&out);
}

/* ---- new ------------------------------------------------------------------------------------ */

/* Returns the absolute path of a directory (NULL: the current one), to be freed, or NULL after a
 * message. On another computer the path is given as it is. */
static char *commands_directory(const char *given, int here)
{
    struct utf8_state checked = {0};
    char current[PATH_MAX];
    char *path = !given && getcwd(current, sizeof current) ? base_dup(current)
                 : given && here                           ? realpath(given, NULL)
                 : given                                   ? base_dup(given)
                                                           : NULL;
    if (!path)
        context_fail("%s: %s", given ? given : "the current directory", strerror(errno));
    else if (utf8_check(&checked, span_of(path)) != PARSE_DONE)
        context_fail("%s: its name is not UTF-8; JSON can't have it", path);
    else if (!here && !strchr("/~", path[0]))
        context_fail("%s: expected an absolute path, as it is on the other computer", path);
    else
        return path;
    free(path);
    return NULL;
}

/* Appends argv, quoted, as a title. */
static void commands_put_command(buf *b, char **argv, int count)
{
    for (int i = 0; i < count; i++) {
        buf_str(b, i ? " " : "");
        config_put_quoted(b, argv[i]);
    }
}

/* Has an agent of this computer report to telec (--hooks), or says once that it does not. */
static void commands_hint_hooks(struct context *c, const char *agent)
{
    buf report = {0}, error = {0};
    const char *home = getenv("HOME"), *computer = c->value['o'];
    if (computer && strcmp(computer, c->config.computer) != 0)
        return;
    if (c->value['k'] &&
        settings_install(agent, home, c->config.program, SETTINGS_ADD, &report, &error) < 0)
        context_fail("%s", buf_cstr(&error));
    else if (!c->value['k'] && hints_is_due(&c->config, agent))
        context_fail("%s does not report to telec yet: 'telec hook --install %s --yes' adds its "
                     "hooks, 'telec new --hooks' at a start (this is said once)", agent, agent);
    buf_free(&report);
    buf_free(&error);
}

static int commands_create(struct context *c, const char *agent, const char *mode,
                           const char *title, const char *message, char **command,
                           int command_count)
{
    char *directory;
    int rows = 24, cols = 80;
    buf body = {0};
    const char *computer = c->value['o'] ? c->value['o'] : c->config.computer;
    int here = strcmp(computer, c->config.computer) == 0;
    if (mode && agents_mode(mode) < 0)
        return context_usage("expected fast, med or slow", mode);
    if (here && !command_count && !config_agent(&c->config, agent))
        return context_fail("%s: no such agent is configured in %s", agent, c->config.file);
    directory = commands_directory(c->value['C'], here);
    if (!directory)
        return 1;
    if (!here && context_check_computer(c, computer) != 0) { /* the daemon may still look for it */
        free(directory);
        return 1;
    }
    term_size(1, &rows, &cols);
    json_open(&body, '{');
    json_field_string(&body, "computer", computer);
    json_field_string(&body, "project_dir", directory);
    json_field_string(&body, "agent", agent);
    if (mode) /* TeleClaude refuses null */
        json_field_string(&body, "thinking_mode", mode);
    json_field_string(&body, "title", title);
    json_field_string(&body, "message", message);
    json_field_string(&body, "initiator_session_id", getenv("TELEC_SESSION_ID"));
    json_field_int(&body, "cols", cols);
    json_field_int(&body, "rows", rows > 1 ? rows - 1 : rows);
    if (command_count)
        json_field_strings(&body, "command", command, command_count);
    if (here)
        client_put_environment(&body);
    json_close(&body, '}');
    if (!command_count && c->value['k'])
        commands_hint_hooks(c, agent);
    int failed = context_ask(c, "POST", "/sessions", &body);
    buf_clear(&body);
    if (!failed) {
        struct json reply = context_reply(c);
        json_put_member(&body, reply, "session_id");
        if (!body.n) /* some TeleClaude daemons */
            json_put_member(&body, json_get(reply, "data"), "session_id");
        base_copy(c->created, sizeof c->created, buf_cstr(&body));
        buf_byte(&body, '\n');
        failed = !c->value['g'] && context_write(&body);
    }
    if (!failed && !command_count && !c->value['k'])
        commands_hint_hooks(c, agent);
    buf_free(&body);
    free(directory);
    return failed;
}

static int commands_new(struct context *c)
{
    buf line = {0};
    if (c->arg_count && c->value['a'])
        return context_usage("give an agent or a command, not both", c->value['a']);
    const struct config_agent *named = config_agent_of(&c->config, c->args);
    const char *agent = named ? named->name : c->value['a'] ? c->value['a'] : "shell";
    int words = named ? 0 : c->arg_count;
    commands_put_command(&line, c->args, words);
    const char *title = c->value['t'] ? c->value['t'] : words ? buf_cstr(&line) : NULL;
    int status = commands_create(c, agent, c->value['m'], title, c->value['p'], c->args, words);
    buf_free(&line);
    return status;
}

/* telec /claude [mode] [prompt…], as in TeleClaude; the name is the value of --agent. */
static int commands_agent(struct context *c)
{
    const char *mode = c->arg_count && agents_mode(c->args[0]) >= 0 ? c->args[0] : NULL;
    buf prompt = {0};
    for (int i = mode != NULL; i < c->arg_count; i++) {
        buf_str(&prompt, prompt.n ? " " : "");
        buf_str(&prompt, c->args[i]);
    }
    int status = commands_create(c, c->value['a'], mode, c->value['t'],
                            prompt.n ? buf_cstr(&prompt) : NULL, NULL, 0);
    buf_free(&prompt);
    return status;
}

/* ---- tail ----------------------------------------------------------------------------------- */

/* Prints the transcript from the session's log on disk: there is no daemon to ask. */
static int commands_tail_log(struct context *c)
{
    buf out = {0}, text = {0};
    char *id = context_find_on_disk(c, c->args[0]);
    if (!id)
        return context_fail("%s: no session on disk has that id, or several have", c->args[0]);
    char *dir = store_session_dir(c->config.state, id);
    holder_link_log_text(dir, 80, 24, 0, &text);
    context_put_lines(&out, context_tail(c, buf_view(&text)));
    free(id), free(dir);
    buf_free(&text);
    return context_write(&out);
}

static int commands_tail(struct context *c)
{
    buf target = {0}, query = {0}, out = {0}, text = {0};
    long long chars = CONTEXT_CHARS, lines = 0;
    int fd = spawn_connect(&c->config);
    if (c->value['n'] && (!span_int(span_of(c->value['n']), &chars) || chars < 0))
        return context_usage("expected a number of characters", c->value['n']);
    if (c->value['l'] && (!span_int(span_of(c->value['l']), &lines) || lines < 0))
        return context_usage("expected a number of lines", c->value['l']);
    if (fd < 0 && c->value['D'])
        return commands_tail_log(c);
    if (fd >= 0)
        close(fd);
    int failed = context_find(c, c->args[0], &target) || context_get(c, &target);
    int over = json_member_eq(context_reply(c), "state", "exited");
    if (!failed && c->value['f'] && c->client.foreign)
        failed = context_fail("%s: a TeleClaude daemon can't be followed", c->args[0]);
    else if (!failed && c->value['f'] && !over)
        failed = follow_run(c, buf_cstr(&target));
    if (failed < 0 || (!failed && (over || !c->value['f']))) {
        buf_fmt(&query, "%s/transcript?tail_chars=%lld", target.p,
                c->value['l'] ? INT_MAX : chars);
        failed = context_get_listing(c, buf_cstr(&query));
        struct json data = json_get(context_reply(c), "data");
        json_put_member(&text, context_reply(c), "transcript");
        if (!text.n) /* some TeleClaude daemons */
            json_put_member(&text, data, "messages");
        context_put_lines(&out, context_tail(c, buf_view(&text)));
        buf_free(&text);
        failed = failed || context_write(&out);
    }
    buf_free(&target);
    buf_free(&query);
    return failed;
}

/* ---- status --------------------------------------------------------------------------------- */

static const char *commands_explain(struct json session)
{
    static const struct {
        const char *state, *source, *words;
    } reasons[] = {
        {"starting", NULL, "it has no output yet"},
        {"working", "hook", "its agent reported a prompt"},
        {"working", "message", "it got a message"},
        {"working", "screen", "its screen shows that it works"},
        {"working", NULL, "it has new output"},
        {"waiting", "hook", "its agent reported a question"},
        {"waiting", "screen", "its screen shows a question"},
        {"waiting", "output", "its output has stopped at a question"},
        {"waiting", NULL, "it rang the bell or sent a notification"},
        {"idle", "hook", "its agent reported the end of its turn"},
        {"idle", "screen", "its screen no longer shows that it works"},
        {"idle", NULL, "its output has stopped"},
        {"unreachable", NULL, "it may live, and its holder can't be reached"},
        {"exited", "lost", "it was lost with the computer"},
        {"exited", NULL, "its program has ended"},
    };
    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (json_member_eq(session, "state", reasons[i].state) &&
            (!reasons[i].source ||
             json_member_eq(session, "state_source", reasons[i].source)))
            return reasons[i].words;
    return "this daemon gives no reason";
}

static void commands_put_line(buf *b, const char *label, struct json value)
{
    buf text = {0};
    if (json_type(value) != JSON_STRING && json_type(value) != JSON_NUMBER)
        return;
    buf_fmt(b, "%-12s", label);
    if (json_type(value) == JSON_NUMBER)
        buf_span(b, value.text);
    json_put_text(&text, value);
    utf8_put_visible(b, buf_view(&text));
    buf_byte(b, '\n');
    buf_free(&text);
}

static int commands_status(struct context *c)
{
    static const char *const lines[][2] = {
        {"asks", "state_text"},       {"waits for", "waits_for"},
        {"seen by", "state_rule"},    {"exit code", "exit_code"},
        {"title", "title"},           {"agent", "active_agent"},
        {"mode", "mode"},             {"agent's id", "native_session_id"},
        {"command", "command"},       {"directory", "working_directory"},
        {"restart", "restart"},       {"holder", "holder_version"},
        {"computer", "computer"},     {"created", "created_at"},
        {"last input", "last_input"}, {"last output", "last_output"}};
    buf target = {0}, out = {0}, state = {0};
    int failed = context_find(c, c->args[0], &target) || context_get(c, &target);
    buf_free(&target);
    if (failed)
        return 1;
    struct json session = context_reply(c);
    json_put_member(&state, session, "state");
    buf_fmt(&out, "%-12s%s", "state", state.n ? buf_cstr(&state) : "unknown");
    buf_str(&out, " (");
    commands_put_age(&out, json_get(session, "state_since"));
    buf_fmt(&out, "): %s%s\n", commands_explain(session),
            json_is(session, "unseen", JSON_TRUE) ? "; not seen since" : "");
    int waits = strcmp(buf_cstr(&state), "waiting") == 0;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        int untitled, is_title = strcmp(lines[i][1], "title") == 0;
        commands_put_line(&out, i || waits ? lines[i][0] : "because",
                          is_title ? context_title(session, &untitled)
                                   : json_get(session, lines[i][1]));
    }
    buf_free(&state);
    return context_write(&out);
}

/* A wait for a session's state, which events report. */
/* ---- watch ---------------------------------------------------------------------------------- */

struct commands_watch {
    struct context *context;
    struct tree tree;
};

static void commands_watch_on_event(void *ctx, span json)
{
    struct context *c = ctx;
    buf line = {0};
    buf_span(&line, json);
    buf_byte(&line, '\n');
    if (base_write(STDOUT_FILENO, buf_view(&line)) != 0) /* the reader has closed the pipe */
        c->replied = 1;
    buf_free(&line);
}

/* Prints a line for each session that has begun to wait since the last event. */
static void commands_watch_on_waiting(void *ctx, span json)
{
    struct commands_watch *w = ctx;
    buf out = {0};
    models_event(&w->tree, NULL, json);
    for (size_t i = 0; i < w->tree.sessions.places; i++) {
        const struct cache_session *known = w->tree.sessions.sessions[i];
        struct tree_session *s = known ? tree_session(&w->tree, known->id) : NULL;
        int waits = s && tree_is(s, "waiting");
        if (waits && !s->told) {
            buf_fmt(&out, "%s\t", s->id);
            utf8_put_visible(&out, span_of(tree_title(s)));
            buf_byte(&out, '\t');
            utf8_put_visible(&out, span_of(s->asked ? s->asked : ""));
            buf_byte(&out, '\n');
        }
        if (s)
            s->told = waits;
    }
    if (out.n)
        w->context->replied = context_write(&out);
}

static const struct client_hooks commands_waiting_hooks = {commands_watch_on_waiting, NULL, NULL};
static const struct client_hooks commands_watch_hooks = {commands_watch_on_event, NULL, NULL};

/* SIGINT is the way to end this command. A script's background jobs inherit it as ignored: without
 * the default action `telec watch & … kill -INT $!` would never end. */
static int commands_watch(struct context *c)
{
    struct sigaction end = {.sa_handler = SIG_DFL};
    struct commands_watch w = {.context = c};
    sigaction(SIGINT, &end, NULL);
    outline_init(&w.tree, c->config.computer, NULL);
    c->client.hooks = c->value['W'] ? &commands_waiting_hooks : &commands_watch_hooks;
    c->client.ctx = c->value['W'] ? (void *)&w : (void *)c;
    client_subscribe(&c->client);
    while (!c->replied)
        loop_once(&c->loop);
    outline_free(&w.tree);
    return 0;
}

/* ---- projects ------------------------------------------------------------------------------- */

/* Appends a text and `end`, a tab or a line feed. */
static void commands_put_cell(buf *b, struct json value, char end)
{
    buf text = {0};
    json_put_text(&text, value);
    utf8_put_visible(b, buf_view(&text));
    buf_byte(b, end);
    buf_free(&text);
}

static const char *commands_todo_mark(struct json todo)
{
    struct json status = json_get(todo, "status");
    return json_text_eq(status, "ready") ? "[.]" : json_text_eq(status, "in_progress") ? "[>]"
                                                                                        : "[ ]";
}

/* Appends a project's path and name, then its todos: mark, slug, which of the two files exist,
 * description. */
static void commands_put_project(buf *out, struct json project)
{
    commands_put_cell(out, json_get(project, "path"), '\t');
    commands_put_cell(out, json_get(project, "name"), '\n');
    for (struct json_iter it = json_iter(json_get(project, "todos")); json_next(&it);) {
        int requirements = json_is(it.value, "has_requirements", JSON_TRUE),
            plan = json_is(it.value, "has_impl_plan", JSON_TRUE);
        buf_fmt(out, "  %s\t", commands_todo_mark(it.value));
        commands_put_cell(out, json_get(it.value, "slug"), '\t');
        buf_str(out, requirements && plan ? "requirements, plan\t"
                     : requirements       ? "requirements\t"
                     : plan               ? "plan\t"
                                          : "-\t");
        commands_put_cell(out, json_get(it.value, "description"), '\n');
    }
}

static int commands_list_projects(struct context *c)
{
    buf out = {0};
    if (context_ask(c, "GET", CONTEXT_ALL_PROJECTS, NULL) != 0)
        return 1;
    if (c->value['j'])
        return commands_write_body(c);
    for (struct json_iter it = json_iter(context_reply(c)); json_next(&it);)
        commands_put_project(&out, it.value);
    return context_write(&out);
}

static int commands_add_project(struct context *c, const char *path)
{
    buf body = {0};
    json_open(&body, '{');
    json_field_string(&body, "path", path);
    json_close(&body, '}');
    int failed = context_ask(c, "POST", "/projects", &body);
    buf_free(&body);
    return failed;
}

static int commands_remove_project(struct context *c, const char *path)
{
    buf target = {0};
    buf_str(&target, "/projects?path=");
    http_put_encoded(&target, span_of(path));
    int failed = context_ask(c, "DELETE", buf_cstr(&target), NULL);
    buf_free(&target);
    return failed;
}

/* The path that the list shows also removes a project whose directory is gone. */
static int commands_project(struct context *c)
{
    if (!c->arg_count)
        return commands_list_projects(c);
    int add = strcmp(c->args[0], "add") == 0;
    if (!add && strcmp(c->args[0], "remove") != 0)
        return context_usage("expected add or remove", c->args[0]);
    if (c->arg_count < 2)
        return context_usage("expected a directory", c->args[0]);
    struct stat st;
    int gone = !add && c->args[1][0] == '/' && stat(c->args[1], &st) != 0;
    char *path = commands_directory(c->args[1], !gone);
    if (!path)
        return 1;
    int failed = add ? commands_add_project(c, path) : commands_remove_project(c, path);
    free(path);
    return failed;
}

/* ---- hook ----------------------------------------------------------------------------------- */

/* Reads the agent's JSON: the argument (Codex), else stdin. */
static void commands_hook_input(struct context *c, buf *input)
{
    if (c->arg_count) {
        buf_str(input, c->args[0]);
        return;
    }
    ssize_t n;
    do {
        buf_reserve(input, 4096);
        n = read(0, input->p + input->n, input->cap - input->n);
        input->n += n > 0 ? (size_t)n : 0;
    } while ((n > 0 && input->n < HOOK_INPUT_MAX) || (n < 0 && errno == EINTR));
}

/* Sends an event to the session's holder: the daemon is away, and the next one asks the holder. */
static void commands_hook_directly(struct context *c, const char *id, const buf *event)
{
    buf path = {0};
    buf_fmt(&path, "%s/%s.sock", c->config.holders, id);
    int fd = store_id_is_plain(id) ? conn_connect(buf_cstr(&path)) : -1;
    if (fd >= 0) {
        blob *frame = frame_new(NULL, FRAME_EVENT, buf_view(event));
        struct pollfd ready = {.fd = fd, .events = POLLOUT};
        if (poll(&ready, 1, COMMAND_HOOK_MS) == 1)
            base_write(fd, (span){frame->p, frame->n});
        blob_drop(frame);
        close(fd);
    }
    buf_free(&path);
}

/* An agent runs this: whatever goes wrong, the command prints nothing, succeeds, and ends soon. */
static int commands_hook_report(struct context *c)
{
    const char *id = getenv("TELEC_SESSION_ID");
    buf input = {0}, event = {0}, target = {0};
    if (id && *id) {
        commands_hook_input(c, &input);
        if (hook_read(buf_view(&input), &event) == 1) {
            client_put_target(&target, id, "/event", NULL);
            if (!context_post(c, buf_cstr(&target), &event, COMMAND_HOOK_MS))
                commands_hook_directly(c, id, &event);
        }
    }
    buf_free(&input);
    buf_free(&event);
    buf_free(&target);
    return 0;
}

static int commands_hook(struct context *c)
{
    int removes = c->value['u'] != NULL;
    const char *agent = removes ? c->value['u'] : c->value['H'], *home = getenv("HOME");
    buf report = {0}, error = {0};
    if (!agent)
        return commands_hook_report(c);
    if (!agents_find(agent) || !agents_find(agent)->hooks.format) {
        agents_put_names(&error, 1, "");
        buf_str(&error, " have hooks");
        int usage = context_usage(buf_cstr(&error), agent);
        buf_free(&error);
        return usage;
    }
    enum settings_act act = c->value['y'] ? SETTINGS_ADD : SETTINGS_SHOW;
    act = removes ? SETTINGS_REMOVE : act;
    int status =
        settings_install(agent, home ? home : "/", c->config.program, act, &report, &error);
    int failed = context_write(&report);
    if (status < 0)
        failed = context_fail("%s", buf_cstr(&error));
    buf_free(&error);
    return failed;
}

/* ---- the terminal UI ------------------------------------------------------------------------ */

static int commands_check_terminal(void)
{
    const char *terminal = getenv("TERM");
    if (!isatty(0) || !isatty(1))
        return context_fail("the terminal UI needs a terminal; use 'telec list'");
    if (!terminal || !*terminal || strcmp(terminal, "dumb") == 0)
        return context_fail("TERM=%s: this terminal can't show the UI; use 'telec list'",
                        terminal ? terminal : "");
    return 0;
}

static int commands_ui(struct context *c, const char *attach, const char *computer)
{
    buf error = {0};
    if (commands_check_terminal())
        return 1;
    int status = tui_run(&c->config, c->value['D'] == NULL, attach, computer, c->value['r'] != NULL,
                         &error);
    if (error.n)
        context_fail("%s", buf_cstr(&error));
    buf_free(&error);
    return status;
}
