/* cli - the command line: a table of options, a table of commands, and what they do.
 *
 * Results go to stdout, everything else to stderr. Exit status: 0 ok, 1 failed, 2 usage. Help and
 * the completion script are printed from the tables that also decide what is understood. */

/* other computers may take that long to tell theirs */
#define CLI_ALL_SESSIONS "/sessions?wait_ms=1000"
#define CLI_ALL_PROJECTS "/projects-with-todos?wait_ms=1000"
#define CLI_HOOK_MS 1000 /* an agent waits for its hook no longer than this */

/* ---- options -------------------------------------------------------------------------------- */

struct cli_option {
    char letter;            /* '\0' ends a table; upper part of the alphabet: no short form */
    int is_short;           /* may be written -letter */
    const char *name, *value; /* value: what it is called; NULL: a switch */
    const char *help;
};

static const struct cli_option cli_options[] = {
    {'S', 1, "socket", "PATH", "the daemon's socket (else $TELEC_SOCKET, else the default)"},
    {'c', 1, "config", "PATH", "the configuration file (else $TELEC_CONFIG, else the default)"},
    {'D', 0, "no-daemon", NULL, "do not start a daemon when none is running"},
    {'h', 1, "help", NULL, "show this"},
    {'V', 0, "version", NULL, "show the version"},
    {'j', 0, "json", NULL, "the objects as the daemon gives them"},
    {'o', 0, "computer", "NAME", "the session's computer (list: only those of it)"},
    {'a', 1, "agent", "AGENT", "which agent: claude, gemini, codex, shell or a configured one"},
    {'m', 1, "mode", "MODE", "fast, med or slow: the agent's configured flags"},
    {'t', 1, "title", "TITLE", "the session's title"},
    {'C', 1, "directory", "DIR", "where it runs (else here)"},
    {'p', 1, "prompt", "TEXT", "a first message for it"},
    {'n', 1, "chars", "N", "how many characters from the end (else 5000)"},
    {'E', 0, "no-enter", NULL, "type the text, do not submit it"},
    {'f', 1, "follow", NULL, "go on with what is written from now on"},
    {'w', 0, "state", "STATE", "wait for that state: waiting, idle, working or exited"},
    {'T', 0, "timeout", "S", "give up after that many seconds"},
    {'i', 0, "install", "AGENT", "show what to put where: claude, gemini or codex"},
    {'y', 0, "yes", NULL, "and put it there"},
    {'s', 0, "stop", NULL, "stop the daemon; sessions go on"},
    {'R', 0, "ready-fd", "FD", "a descriptor that is told when clients are served"},
};

static const char cli_everywhere[] = "ScDhV";

struct cli {
    struct config config;
    struct loop loop;
    struct client client;
    const char *value[128]; /* of options, by letter; "" for a switch that was given */
    const struct cli_command *command;
    char **args;
    int arg_count;
    /* the answer of cli_ask */
    int answered, status;
    buf body;
};

struct cli_command {
    const char *name, *args, *help;
    const char *options;    /* letters, besides those that are valid everywhere */
    int least, most;        /* arguments; most < 0: any number */
    int (*run)(struct cli *c);
};

/* ---- saying things -------------------------------------------------------------------------- */

static int cli_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf text = {0}, shown = {0};
    char line[1024];
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    buf_str(&text, line);
    utf8_put_visible(&shown, buf_view(&text));
    fprintf(stderr, "telec: %s\n", buf_cstr(&shown));
    buf_free(&text);
    buf_free(&shown);
    return 1;
}

static int cli_usage(const char *what, const char *about)
{
    cli_fail("%s: %s (see 'telec help')", about, what);
    return 2;
}

static int cli_write(buf *b)
{
    size_t n = b->n ? fwrite(b->p, 1, b->n, stdout) : 0;
    int failed = n != b->n || fflush(stdout) != 0;
    buf_free(b);
    return failed ? cli_fail("cannot write the output: %s", strerror(errno)) : 0;
}

/* ---- asking the daemon ---------------------------------------------------------------------- */

static void cli_on_answer(void *ctx, int status, span body, const char *error)
{
    struct cli *c = ctx;
    c->answered = 1;
    c->status = status;
    buf_clear(&c->body);
    buf_span(&c->body, error ? span_of(error) : body);
}

/* Sends a request and waits for its answer, which is then in c->body. 0, or 1 after saying why
 * not. */
static int cli_ask(struct cli *c, const char *method, const char *target, const buf *body)
{
    c->answered = 0;
    client_request(&c->client, method, target, body ? buf_view(body) : (span){0}, cli_on_answer, c);
    while (!c->answered)
        loop_once(&c->loop);
    if (c->status == 0)
        return cli_fail("%s", buf_cstr(&c->body));
    if (c->status < 400)
        return 0;
    char *detail = client_detail(buf_view(&c->body));
    cli_fail("%s", detail);
    free(detail);
    return 1;
}

static struct json cli_answer(struct cli *c)
{
    struct json answer = {0};
    json_parse(buf_view(&c->body), &answer, NULL, NULL);
    return answer;
}

/* --computer as a query behind a target; it is asked, though nothing of it may be known here. */
static const char *cli_put_computer(struct cli *c, buf *target)
{
    if (c->value['o']) {
        buf_byte(target, memchr(target->p, '?', target->n) ? '&' : '?');
        buf_str(target, "computer=");
        http_put_encoded(target, span_of(c->value['o']));
    }
    return buf_cstr(target);
}

/* The one session whose id begins with `prefix`; *target becomes "/sessions/ID". 0, 1 after
 * saying why not, or -1: there is none. */
static int cli_find_in(struct cli *c, const char *how, const char *prefix, buf *target)
{
    int found = 0;
    buf list = {0};
    buf_str(&list, how);
    int failed = cli_ask(c, "GET", cli_put_computer(c, &list), NULL);
    buf_free(&list);
    if (failed)
        return 1;
    for (struct json_iter it = json_iter(cli_answer(c)); json_next(&it);) {
        char *id = json_dup_text(json_get(it.value, "session_id"));
        if (id && *prefix && strncmp(id, prefix, strlen(prefix)) == 0 &&
            (found == 0 || strcmp(id, prefix) == 0)) {
            buf_clear(target);
            buf_str(target, "/sessions/");
            http_put_encoded(target, span_of(id));
            buf_cstr(target);
        }
        found += id && strncmp(id, prefix, strlen(prefix)) == 0;
        int exact = id && strcmp(id, prefix) == 0;
        free(id);
        if (exact)
            return 0;
    }
    if (found == 1 && target->n)
        return 0;
    return found ? cli_fail("%s: %d sessions begin with that; give more of the id", prefix, found)
                 : -1;
}

/* Among those that are known; then among those that other computers have, too. */
static int cli_find(struct cli *c, const char *prefix, buf *target)
{
    int status = cli_find_in(c, "/sessions", prefix, target);
    if (status < 0)
        status = cli_find_in(c, CLI_ALL_SESSIONS, prefix, target);
    return status < 0 ? cli_fail("%s: no session has that id ('telec list' shows them)", prefix)
                      : status;
}

/* GET of what cli_find found. */
static int cli_get(struct cli *c, const buf *target)
{
    buf full = {0};
    buf_span(&full, buf_view(target));
    int failed = cli_ask(c, "GET", cli_put_computer(c, &full), NULL);
    buf_free(&full);
    return failed;
}

/* The same among the records on disk; NULL: none, or several. To be freed. */
struct cli_search {
    const char *prefix;
    char *id;
    int found;
};

static void cli_search_one(void *ctx, const char *id)
{
    struct cli_search *search = ctx;
    if (strncmp(id, search->prefix, strlen(search->prefix)) != 0)
        return;
    search->found++;
    free(search->id);
    search->id = span_dup(span_of(id));
}

static char *cli_find_on_disk(const struct cli *c, const char *prefix)
{
    struct cli_search search = {.prefix = prefix};
    store_each_session(c->config.state, cli_search_one, &search);
    if (search.found == 1)
        return search.id;
    free(search.id);
    return NULL;
}

/* ---- list ----------------------------------------------------------------------------------- */

/* Appends a column: padded on a terminal, followed by a tab elsewhere. */
static void cli_put_column(buf *b, struct json value, const char *otherwise, size_t most, int width,
                           int tty)
{
    buf raw = {0}, text = {0};
    json_put_text(&raw, value);
    utf8_put_visible(&text, raw.n ? buf_view(&raw) : span_of(otherwise));
    span shown = buf_view(&text);
    int used = 0;
    if (tty || most == 8)
        shown.n = cell_fit(shown, (int)most, &used);
    buf_span(b, shown);
    for (; tty && used < width; used++)
        buf_byte(b, ' ');
    buf_str(b, tty ? "  " : "\t");
    buf_free(&raw);
    buf_free(&text);
}

static void cli_put_age(buf *b, struct json time)
{
    long long at;
    if (json_time(time, &at))
        clock_put_age(b, clock_wall_ms() - at);
    else
        buf_byte(b, '-');
}

/* How long ago, as a column. */
static void cli_put_age_column(buf *b, struct json time, int tty)
{
    size_t before = b->n;
    cli_put_age(b, time);
    for (size_t n = b->n - before; tty && n < 4; n++)
        buf_byte(b, ' ');
    buf_str(b, tty ? "  " : "\t");
}

/* Its state, since when and by what that is known; who it is; when it last said something. */
static void cli_put_session(buf *out, struct json session, int tty)
{
    struct json agent = json_get(session, "active_agent");
    cli_put_column(out, json_get(session, "session_id"), "", 8, 8, tty);
    cli_put_column(out, json_get(session, "state"), "-", 8, 8, tty);
    cli_put_age_column(out, json_get(session, "state_since"), tty);
    cli_put_column(out, json_get(session, "state_source"), "-", 6, 6, tty);
    cli_put_column(out, agent.type == JSON_STRING ? agent : json_get(session, "command"), "-", 8, 8,
                   tty);
    cli_put_column(out, json_get(session, "computer"), "-", 10, 10, tty);
    cli_put_age_column(out, json_get(session, "last_activity"), tty);
    size_t before = out->n;
    cli_put_column(out, json_get(session, "title"), "-", 200, 0, tty);
    while (out->n > before && strchr(" \t", out->p[out->n - 1]))
        out->n--;
    buf_byte(out, '\n');
}

/* The answer's own JSON, as a line. */
static int cli_write_body(struct cli *c)
{
    buf out = {0};
    buf_span(&out, buf_view(&c->body));
    buf_byte(&out, '\n');
    return cli_write(&out);
}

static int cli_list(struct cli *c)
{
    buf target = {0}, out = {0};
    int tty = isatty(1);
    buf_str(&target, CLI_ALL_SESSIONS);
    int failed = cli_ask(c, "GET", cli_put_computer(c, &target), NULL);
    buf_free(&target);
    if (failed)
        return 1;
    if (c->value['j'])
        return cli_write_body(c);
    if (tty)
        buf_str(&out, "ID        STATE     FOR   BY      AGENT     COMPUTER    SAID  TITLE\n");
    for (struct json_iter it = json_iter(cli_answer(c)); json_next(&it);)
        cli_put_session(&out, it.value, tty);
    return cli_write(&out);
}

/* ---- computers ------------------------------------------------------------------------------ */

static int cli_computers(struct cli *c)
{
    buf out = {0};
    int tty = isatty(1);
    if (cli_ask(c, "GET", "/computers", NULL) != 0)
        return 1;
    if (c->value['j'])
        return cli_write_body(c);
    if (tty)
        buf_str(&out, "NAME                  STATUS    USER          HOST\n");
    for (struct json_iter it = json_iter(cli_answer(c)); json_next(&it);) {
        cli_put_column(&out, json_get(it.value, "name"), "-", 200, 20, tty);
        cli_put_column(&out, json_get(it.value, "status"), "-", 9, 8, tty);
        cli_put_column(&out, json_get(it.value, "user"), "-", 200, 12, tty);
        cli_put_column(&out, json_get(it.value, "host"), "-", 200, 0, tty);
        if (json_text_eq(json_get(it.value, "redis"), "reconnecting"))
            buf_str(&out, "redis: reconnecting");
        cli_put_column(&out, json_get(it.value, "warning"), "", 200, 0, tty);
        while (strchr(" \t", out.p[out.n - 1]))
            out.n--;
        buf_byte(&out, '\n');
    }
    return cli_write(&out);
}

/* ---- new ------------------------------------------------------------------------------------ */

static char *cli_directory(const char *given)
{
    char here[PATH_MAX];
    if (given)
        return realpath(given, NULL);
    return getcwd(here, sizeof here) ? span_dup(span_of(here)) : NULL;
}

/* argv as one line, for a title. */
static void cli_put_command(buf *b, char **argv, int count)
{
    for (int i = 0; i < count; i++) {
        buf_str(b, i ? " " : "");
        config_put_quoted(b, argv[i]);
    }
}

static int cli_create(struct cli *c, const char *agent, const char *mode, const char *title,
                      const char *message, char **command, int command_count)
{
    char *directory;
    int rows = 24, cols = 80;
    buf body = {0};
    const char *computer = c->value['o'] ? c->value['o'] : c->config.computer;
    int here = strcmp(computer, c->config.computer) == 0;
    if (mode && config_mode(mode) < 0)
        return cli_usage("fast, med or slow is expected", mode);
    if (here && !command_count && !config_agent(&c->config, agent))
        return cli_fail("%s: no such agent is configured in %s", agent, c->config.file);
    directory = !here && c->value['C'] ? span_dup(span_of(c->value['C']))
                                       : cli_directory(c->value['C']);
    if (!directory)
        return cli_fail("%s: %s", c->value['C'] ? c->value['C'] : "the current directory",
                        strerror(errno));
    term_size(1, &rows, &cols);
    json_open(&body, '{');
    json_field_string(&body, "computer", computer);
    json_field_string(&body, "project_dir", directory);
    json_field_string(&body, "agent", agent);
    json_field_string(&body, "thinking_mode", mode ? mode : "slow");
    json_field_string(&body, "title", title);
    json_field_string(&body, "message", message);
    json_field_string(&body, "initiator_session_id", getenv("TELEC_SESSION_ID"));
    json_field_int(&body, "cols", cols);
    json_field_int(&body, "rows", rows > 1 ? rows - 1 : rows);
    if (command_count) {
        json_key(&body, "command");
        json_open(&body, '[');
        for (int i = 0; i < command_count; i++)
            json_put_string(&body, span_of(command[i]));
        json_close(&body, ']');
    }
    if (here)
        client_put_environment(&body);
    json_close(&body, '}');
    int failed = cli_ask(c, "POST", "/sessions", &body);
    buf_clear(&body);
    if (!failed) {
        json_put_text(&body, json_get(cli_answer(c), "session_id"));
        buf_byte(&body, '\n');
        failed = cli_write(&body);
    }
    buf_free(&body);
    free(directory);
    return failed;
}

static int cli_new(struct cli *c)
{
    buf line = {0};
    if (c->arg_count && c->value['a'])
        return cli_usage("either an agent or a command, not both", c->value['a']);
    cli_put_command(&line, c->args, c->arg_count);
    const char *title = c->value['t'] ? c->value['t'] : c->arg_count ? buf_cstr(&line) : NULL;
    int status = cli_create(c, c->value['a'] ? c->value['a'] : "shell", c->value['m'], title,
                            c->value['p'], c->args, c->arg_count);
    buf_free(&line);
    return status;
}

/* telec /claude [mode] [prompt…], as upstream has it; the agent is the command's own name. */
static int cli_agent(struct cli *c)
{
    const char *mode = c->arg_count && config_mode(c->args[0]) >= 0 ? c->args[0] : NULL;
    buf prompt = {0};
    for (int i = mode != NULL; i < c->arg_count; i++) {
        buf_str(&prompt, prompt.n ? " " : "");
        buf_str(&prompt, c->args[i]);
    }
    int status = cli_create(c, c->command->name + 1, mode, c->value['t'],
                            prompt.n ? buf_cstr(&prompt) : NULL, NULL, 0);
    buf_free(&prompt);
    return status;
}

/* ---- send, kill, tail, watch ---------------------------------------------------------------- */

static int cli_send(struct cli *c)
{
    buf target = {0}, body = {0}, text = {0};
    for (int i = 1; i < c->arg_count; i++) {
        buf_str(&text, i > 1 ? " " : "");
        buf_str(&text, c->args[i]);
    }
    int failed = cli_find(c, c->args[0], &target);
    if (!failed) {
        json_open(&body, '{');
        json_field_string(&body, "message", buf_cstr(&text));
        json_field_bool(&body, "enter", c->value['E'] == NULL);
        json_close(&body, '}');
        buf_str(&target, "/message");
        failed = cli_ask(c, "POST", cli_put_computer(c, &target), &body);
        buf_clear(&body);
    }
    if (!failed) {
        json_put_text(&body, json_get(cli_answer(c), "result"));
        buf_byte(&body, '\n');
        failed = cli_write(&body);
    }
    buf_free(&target);
    buf_free(&body);
    buf_free(&text);
    return failed;
}

static int cli_kill(struct cli *c)
{
    int failed = 0;
    for (int i = 0; i < c->arg_count; i++) {
        buf target = {0};
        failed |= cli_find(c, c->args[i], &target) ||
                  cli_ask(c, "DELETE", cli_put_computer(c, &target), NULL);
        buf_free(&target);
    }
    return failed;
}

/* The transcript from the session's log, for when there is no daemon to ask. */
static int cli_tail_log(struct cli *c, long long chars)
{
    buf out = {0}, text = {0};
    char *id = cli_find_on_disk(c, c->args[0]);
    if (!id)
        return cli_fail("%s: no session on disk has that id, or several have", c->args[0]);
    char *dir = store_session_dir(c->config.state, id);
    hold_log_text(dir, 80, 24, &text);
    buf_span(&out, utf8_tail(buf_view(&text), chars));
    free(id), free(dir);
    buf_free(&text);
    return cli_write(&out);
}

/* Follows a session: whole lines, as they leave an emulator that is one row high. */
struct cli_follow {
    struct client_ws ws;
    struct vt *vt;
    long long chars;        /* of what there is already */
    int snapshot;           /* the next message is one, of this size */
    int cols, rows;
    int told, over;         /* what there was already is printed; no more comes */
};

static void cli_follow_on_open(void *ctx)
{
    (void)ctx;
}

static void cli_follow_print(struct cli_follow *f, int with_last)
{
    buf out = {0};
    for (int row = -vt_scroll_count(f->vt); row < (with_last ? 1 : 0); row++) {
        vt_put_row(f->vt, &out, row);
        buf_byte(&out, '\n');
    }
    vt_feed(f->vt, span_of("\033[3J"));
    if (out.n && (!with_last || out.n > 1) && cli_write(&out) != 0)
        f->over = 1;
    buf_free(&out);
}

/* The first snapshot, with its scrollback: all but the line that is still being written, which the
 * follower's emulator goes on with. */
static void cli_follow_tell(struct cli_follow *f, span snapshot)
{
    struct vt *screen = vt_new(f->cols, f->rows);
    buf text = {0}, out = {0};
    int row, col;
    vt_feed(screen, snapshot);
    vt_put_text(screen, &text, 1);
    vt_cursor(screen, &row, &col);
    size_t end = text.n;
    if (col > 0 && end > 0)
        for (end--; end > 0 && text.p[end - 1] != '\n'; end--)
            ;
    vt_feed(f->vt, span_trim(span_sub(buf_view(&text), end), "\n"));
    buf_span(&out, utf8_tail((span){text.p, end}, f->chars));
    if (out.n && cli_write(&out) != 0)
        f->over = 1;
    f->told = 1;
    buf_free(&text);
    vt_free(screen);
}

static void cli_follow_on_message(void *ctx, enum ws_opcode opcode, span payload)
{
    struct cli_follow *f = ctx;
    if (opcode == WS_TEXT) {
        f->snapshot = view_parse_size(payload, &f->cols, &f->rows);
        return;
    }
    if (f->snapshot && !f->told)
        cli_follow_tell(f, payload);
    while (payload.n && !f->snapshot) { /* by pieces that the scrollback surely holds */
        span piece = {payload.p, payload.n < VT_SCROLL_LINES ? payload.n : VT_SCROLL_LINES};
        vt_feed(f->vt, piece);
        cli_follow_print(f, 0);
        payload = span_sub(payload, piece.n);
    }
    f->snapshot = 0;
}

static void cli_follow_on_closed(void *ctx, int code, const char *why)
{
    struct cli_follow *f = ctx;
    (void)code, (void)why;
    f->over = 1;
}

static int cli_follow(struct cli *c, const char *session, long long chars)
{
    struct cli_follow f = {.vt = vt_new(VT_COLS_MAX, 1), .chars = chars};
    buf target = {0};
    buf_fmt(&target, "%s/attach?sizes=1&scrollback=1", session);
    cli_put_computer(c, &target);
    f.ws.on_open = cli_follow_on_open;
    f.ws.on_message = cli_follow_on_message;
    f.ws.on_closed = cli_follow_on_closed;
    f.ws.ctx = &f;
    int failed = client_ws_open(&f.ws, &c->client, buf_cstr(&target)) != 0;
    while (!failed && !f.over)
        loop_once(&c->loop);
    if (!failed)
        cli_follow_print(&f, 1);
    vt_free(f.vt);
    buf_free(&target);
    return failed ? cli_fail("cannot follow the session: %s", strerror(errno)) : 0;
}

static int cli_tail(struct cli *c)
{
    buf target = {0}, query = {0}, out = {0};
    long long chars = 5000;
    int fd = conn_connect(c->config.socket);
    if (c->value['n'] && (!span_int(span_of(c->value['n']), &chars) || chars < 0))
        return cli_usage("a number of characters is expected", c->value['n']);
    if (fd < 0 && c->value['D'])
        return cli_tail_log(c, chars);
    if (fd >= 0)
        close(fd);
    int failed = cli_find(c, c->args[0], &target) || cli_get(c, &target);
    int over = json_text_eq(json_get(cli_answer(c), "state"), "exited");
    if (!failed && c->value['f'] && !over) {
        failed = cli_follow(c, buf_cstr(&target), chars);
    } else if (!failed) {
        buf_fmt(&query, "%s/transcript?tail_chars=%lld", target.p, chars);
        failed = cli_ask(c, "GET", cli_put_computer(c, &query), NULL);
        json_put_text(&out, json_get(cli_answer(c), "transcript"));
        failed = failed || cli_write(&out);
    }
    buf_free(&target);
    buf_free(&query);
    return failed;
}

/* ---- status, wait --------------------------------------------------------------------------- */

static const char *cli_explain(struct json session)
{
    static const struct {
        const char *state, *source, *words;
    } reasons[] = {
        {"starting", NULL, "nothing was written yet"},
        {"working", "hook", "its agent reported a prompt, and works on it"},
        {"working", NULL, "it is writing"},
        {"waiting", "hook", "its agent reported that it asks for something"},
        {"waiting", "output", "it has stopped at a question"},
        {"waiting", NULL, "it rang the bell or sent a notification"},
        {"idle", "hook", "its agent reported the end of its turn"},
        {"idle", NULL, "it has stopped writing"},
        {"exited", NULL, "its program has ended"},
    };
    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (json_text_eq(json_get(session, "state"), reasons[i].state) &&
            (!reasons[i].source ||
             json_text_eq(json_get(session, "state_source"), reasons[i].source)))
            return reasons[i].words;
    return "this daemon does not tell";
}

static void cli_put_line(buf *b, const char *label, struct json value)
{
    buf text = {0};
    if (value.type != JSON_STRING && value.type != JSON_NUMBER)
        return;
    buf_fmt(b, "%-12s", label);
    if (value.type == JSON_NUMBER)
        buf_span(b, value.text);
    json_put_text(&text, value);
    utf8_put_visible(b, buf_view(&text));
    buf_byte(b, '\n');
    buf_free(&text);
}

static int cli_status(struct cli *c)
{
    static const char *const lines[][2] = {
        {"asks", "state_text"},       {"exit code", "exit_code"},
        {"title", "title"},           {"agent", "active_agent"},
        {"command", "command"},       {"directory", "working_directory"},
        {"computer", "computer"},     {"created", "created_at"},
        {"last input", "last_input"}, {"last output", "last_output"}};
    buf target = {0}, out = {0}, state = {0};
    int failed = cli_find(c, c->args[0], &target) || cli_get(c, &target);
    buf_free(&target);
    if (failed)
        return 1;
    struct json session = cli_answer(c);
    json_put_text(&state, json_get(session, "state"));
    buf_fmt(&out, "%-12s%s", "state", buf_cstr(&state));
    buf_str(&out, " (");
    cli_put_age(&out, json_get(session, "state_since"));
    buf_fmt(&out, "): %s%s\n", cli_explain(session),
            json_get(session, "unseen").type == JSON_TRUE ? "; nobody has looked since" : "");
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        cli_put_line(&out, lines[i][0], json_get(session, lines[i][1]));
    buf_free(&state);
    return cli_write(&out);
}

/* Waiting for a session's state, told by push. */
struct cli_wait {
    char *id;
    const char *wanted; /* NULL: any in which it does not work */
    int over, status;
    const char *why;
};

static void cli_wait_end(struct cli_wait *w, int status, const char *why)
{
    if (w->over)
        return;
    w->over = 1;
    w->status = status;
    w->why = why;
}

static void cli_wait_look(struct cli_wait *w, struct json session)
{
    struct json state = json_get(session, "state");
    if (!json_text_eq(json_get(session, "session_id"), w->id))
        return;
    int busy = json_text_eq(state, "working") || json_text_eq(state, "starting");
    if (w->wanted ? json_text_eq(state, w->wanted) : !busy)
        cli_wait_end(w, 0, NULL);
    else if (json_text_eq(state, "exited"))
        cli_wait_end(w, 1, "the session has exited");
}

static void cli_wait_on_event(void *ctx, span text)
{
    struct cli_wait *w = ctx;
    struct json event;
    if (json_parse(text, &event, NULL, NULL) != PARSE_DONE)
        return;
    struct json name = json_get(event, "event"), data = json_get(event, "data");
    if (json_text_eq(name, "sessions_initial")) {
        struct json_iter it = json_iter(json_get(data, "sessions"));
        int found = 0;
        while (json_next(&it)) {
            found |= json_text_eq(json_get(it.value, "session_id"), w->id);
            cli_wait_look(w, it.value);
        }
        if (!found)
            cli_wait_end(w, 1, "the session is gone");
    } else if (json_text_eq(name, "session_removed")) {
        if (json_text_eq(json_get(data, "session_id"), w->id))
            cli_wait_end(w, 1, "the session is gone");
    } else {
        cli_wait_look(w, data);
    }
}

static void cli_wait_on_late(void *ctx)
{
    cli_wait_end(ctx, 1, "the time is up");
}

static const struct client_hooks cli_wait_hooks = {cli_wait_on_event, NULL, NULL};

static int cli_wait(struct cli *c)
{
    struct cli_wait w = {.wanted = c->value['w']};
    struct loop_timer timer = {.fn = cli_wait_on_late, .ctx = &w};
    buf target = {0};
    long long seconds = 0;
    if (w.wanted && !call_is_literal("waiting|idle|working|exited", w.wanted))
        return cli_usage("waiting, idle, working or exited is expected", w.wanted);
    if (c->value['T'] && (!span_int(span_of(c->value['T']), &seconds) || seconds < 0))
        return cli_usage("a number of seconds is expected", c->value['T']);
    if (cli_find(c, c->args[0], &target) != 0)
        return 1;
    w.id = span_dup(span_sub(buf_view(&target), strlen("/sessions/")));
    c->client.hooks = &cli_wait_hooks;
    c->client.ctx = &w;
    if (c->value['T'])
        loop_timer_set(&c->loop, &timer, c->loop.now + seconds * 1000);
    client_watch(&c->client);
    while (!w.over)
        loop_once(&c->loop);
    if (w.why)
        cli_fail("%s: %s", w.id, w.why);
    free(w.id);
    buf_free(&target);
    return w.status;
}

/* ---- watch ---------------------------------------------------------------------------------- */

static void cli_on_event(void *ctx, span json)
{
    struct cli *c = ctx;
    fwrite(json.p, 1, json.n, stdout);
    putchar('\n');
    if (fflush(stdout) != 0) /* nobody listens any more */
        c->answered = 1;
}

static const struct client_hooks cli_watch_hooks = {cli_on_event, NULL, NULL};

static int cli_watch(struct cli *c)
{
    c->client.hooks = &cli_watch_hooks;
    c->client.ctx = c;
    client_watch(&c->client);
    while (!c->answered)
        loop_once(&c->loop);
    return 0;
}

/* ---- projects ------------------------------------------------------------------------------- */

/* A text made visible, then a tab or a line feed. */
static void cli_put_cell(buf *b, struct json value, char end)
{
    buf text = {0};
    json_put_text(&text, value);
    utf8_put_visible(b, buf_view(&text));
    buf_byte(b, end);
    buf_free(&text);
}

static const char *cli_todo_mark(struct json todo)
{
    struct json status = json_get(todo, "status");
    return json_text_eq(status, "ready") ? "[.]" : json_text_eq(status, "in_progress") ? "[>]"
                                                                                        : "[ ]";
}

/* A project's path and name, and below it its todos: mark, slug, which of the two files are there,
 * description. */
static void cli_put_project(buf *out, struct json project)
{
    cli_put_cell(out, json_get(project, "path"), '\t');
    cli_put_cell(out, json_get(project, "name"), '\n');
    for (struct json_iter it = json_iter(json_get(project, "todos")); json_next(&it);) {
        int requirements = json_get(it.value, "has_requirements").type == JSON_TRUE,
            plan = json_get(it.value, "has_impl_plan").type == JSON_TRUE;
        buf_fmt(out, "  %s\t", cli_todo_mark(it.value));
        cli_put_cell(out, json_get(it.value, "slug"), '\t');
        buf_str(out, requirements && plan ? "requirements, plan\t"
                     : requirements       ? "requirements\t"
                     : plan               ? "plan\t"
                                          : "-\t");
        cli_put_cell(out, json_get(it.value, "description"), '\n');
    }
}

static int cli_list_projects(struct cli *c)
{
    buf out = {0};
    if (cli_ask(c, "GET", CLI_ALL_PROJECTS, NULL) != 0)
        return 1;
    if (c->value['j'])
        return cli_write_body(c);
    for (struct json_iter it = json_iter(cli_answer(c)); json_next(&it);)
        cli_put_project(&out, it.value);
    return cli_write(&out);
}

static int cli_add_project(struct cli *c, const char *path)
{
    buf body = {0};
    json_open(&body, '{');
    json_field_string(&body, "path", path);
    json_close(&body, '}');
    int failed = cli_ask(c, "POST", "/projects", &body);
    buf_free(&body);
    return failed;
}

static int cli_remove_project(struct cli *c, const char *path)
{
    buf target = {0};
    buf_str(&target, "/projects?path=");
    http_put_encoded(&target, span_of(path));
    int failed = cli_ask(c, "DELETE", buf_cstr(&target), NULL);
    buf_free(&target);
    return failed;
}

/* A directory that is gone can be forgotten, too, by the path that the list shows. */
static int cli_project(struct cli *c)
{
    if (!c->arg_count)
        return cli_list_projects(c);
    int add = strcmp(c->args[0], "add") == 0;
    if (!add && strcmp(c->args[0], "remove") != 0)
        return cli_usage("add or remove is expected", c->args[0]);
    if (c->arg_count < 2)
        return cli_usage("a directory is expected", c->args[0]);
    char *path = realpath(c->args[1], NULL);
    if (!path && !add && c->args[1][0] == '/')
        path = span_dup(span_of(c->args[1]));
    if (!path)
        return cli_fail("%s: %s", c->args[1], strerror(errno));
    int failed = add ? cli_add_project(c, path) : cli_remove_project(c, path);
    free(path);
    return failed;
}

/* ---- hook ----------------------------------------------------------------------------------- */

/* What the agent hands over: as an argument (Codex), else on stdin. */
static void cli_hook_input(struct cli *c, buf *input)
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

static void cli_hook_on_late(void *ctx)
{
    *(int *)ctx = 1;
}

/* An agent runs this: whatever goes wrong, it prints nothing and succeeds, and soon. */
static int cli_hook_report(struct cli *c)
{
    const char *id = getenv("TELEC_SESSION_ID");
    int late = 0;
    struct loop_timer timer = {.fn = cli_hook_on_late, .ctx = &late};
    buf input = {0}, event = {0}, target = {0};
    if (id && *id) {
        cli_hook_input(c, &input);
        if (hook_read(buf_view(&input), &event) == 1) {
            buf_str(&target, "/sessions/");
            http_put_encoded(&target, span_of(id));
            buf_str(&target, "/event");
            c->client.may_start = 0;
            loop_timer_set(&c->loop, &timer, c->loop.now + CLI_HOOK_MS);
            client_request(&c->client, "POST", buf_cstr(&target), buf_view(&event), cli_on_answer,
                           c);
            while (!c->answered && !late)
                loop_once(&c->loop);
            loop_timer_stop(&c->loop, &timer);
        }
    }
    buf_free(&input);
    buf_free(&event);
    buf_free(&target);
    return 0;
}

static int cli_hook(struct cli *c)
{
    const char *agent = c->value['i'], *home = getenv("HOME");
    buf report = {0}, error = {0};
    if (!agent)
        return cli_hook_report(c);
    if (!call_is_literal("claude|gemini|codex", agent))
        return cli_usage("claude, gemini or codex is expected", agent);
    int status = hook_install(agent, home ? home : "/", c->config.program, c->value['y'] != NULL,
                              &report, &error);
    int failed = cli_write(&report);
    if (status < 0)
        failed = cli_fail("%s", buf_cstr(&error));
    buf_free(&error);
    return failed;
}

/* ---- the terminal UI ------------------------------------------------------------------------ */

static int cli_ui(struct cli *c, const char *attach)
{
    buf error = {0};
    const char *terminal = getenv("TERM");
    if (!isatty(0) || !isatty(1))
        return cli_fail("the terminal UI needs a terminal; 'telec list' does not");
    if (!terminal || !*terminal || strcmp(terminal, "dumb") == 0)
        return cli_fail("this terminal (TERM=%s) can't show the UI; 'telec list' works",
                        terminal ? terminal : "");
    int status = tui_run(&c->config, c->value['D'] == NULL, attach, &error);
    if (error.n)
        cli_fail("%s", buf_cstr(&error));
    buf_free(&error);
    return status;
}

/* Runs a program in the foreground, whose terminal it is meanwhile. Its exit status; -1: errno. */
static int cli_run_program(char *const *argv)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old_int, old_quit;
    int status = -1;
    sigaction(SIGINT, &ignore, &old_int); /* the keys that send them are the program's */
    sigaction(SIGQUIT, &ignore, &old_quit);
    pid_t pid = fork();
    if (pid == 0) {
        sigaction(SIGINT, &old_int, NULL);
        sigaction(SIGQUIT, &old_quit, NULL);
        execvp(argv[0], argv);
        fprintf(stderr, "telec: cannot run %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGQUIT, &old_quit, NULL);
    return pid < 0 ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Being in a session of another computer: there, by ssh. */
static int cli_attach_elsewhere(struct cli *c, struct json session)
{
    buf line = {0}, error = {0}, kept = {0};
    struct json object;
    buf_span(&kept, session.text); /* the next answer takes the place of this one */
    if (cli_ask(c, "GET", "/computers", NULL) != 0) {
        buf_free(&kept);
        return 1;
    }
    json_parse(buf_view(&kept), &object, NULL, NULL);
    if (!client_put_attach(&c->config, object, cli_answer(c), &line, &error)) {
        cli_fail("%s", buf_cstr(&error));
        buf_free(&kept), buf_free(&line), buf_free(&error);
        return 1;
    }
    char **argv = config_words(buf_view(&line));
    int status = cli_run_program(argv);
    if (status != 0)
        cli_fail("'%s' ended with status %d; it must work without questions asked ([peers] attach "
                 "in %s says how to get there)",
                 buf_cstr(&line), status, c->config.file);
    free(argv);
    buf_free(&kept), buf_free(&line), buf_free(&error);
    return status != 0;
}

static int cli_attach(struct cli *c)
{
    buf target = {0};
    int status = cli_find(c, c->args[0], &target);
    if (status == 0)
        status = cli_get(c, &target);
    if (status == 0 && json_text_eq(json_get(cli_answer(c), "state"), "exited"))
        status =
            cli_fail("%s: the session has ended; 'telec tail' shows what it wrote", c->args[0]);
    struct json computer = json_get(cli_answer(c), "computer");
    int elsewhere =
        computer.type == JSON_STRING && !json_text_eq(computer, c->config.computer);
    if (status == 0 &&
        (elsewhere || json_get(cli_answer(c), "tmux_session_name").type == JSON_STRING))
        status = cli_attach_elsewhere(c, cli_answer(c));
    else if (status == 0)
        status = cli_ui(c, target.p + strlen("/sessions/"));
    buf_free(&target);
    return status;
}

/* ---- daemon, help --------------------------------------------------------------------------- */

static int cli_daemon(struct cli *c)
{
    buf error = {0};
    long long ready_fd = -1;
    int status;
    if (c->value['s']) {
        status = daemon_stop(&c->config, &error);
        if (status == 1)
            buf_fmt(&error, "no daemon is running on %s", c->config.socket);
        status = status != 0;
    } else {
        if (c->value['R'] && !span_int(span_of(c->value['R']), &ready_fd))
            return cli_usage("a descriptor's number is expected", c->value['R']);
        log_open(2, LOG_INFO);
        for (span rest = buf_view(&c->config.problems); rest.n;) {
            span line = span_cut(&rest, '\n');
            log_line(LOG_WARN, "%.*s", (int)line.n, line.p);
        }
        status = daemon_run(&c->config, (int)ready_fd, &error);
    }
    if (error.n)
        cli_fail("%s", buf_cstr(&error));
    buf_free(&error);
    return status;
}

/* The configuration as it is after defaults, environment, options and file; what the file says
 * wrong goes to stderr. */
static int cli_config(struct cli *c)
{
    buf out = {0}, problems = {0};
    buf_span(&problems, buf_view(&c->config.problems));
    config_put(&c->config, &out);
    buf_byte(&out, '\n');
    tui_put_config(&c->config, &out, &problems);
    int status = cli_write(&out);
    for (span rest = buf_view(&problems); rest.n;) {
        span line = span_cut(&rest, '\n');
        status = cli_fail("%.*s", (int)line.n, line.p);
    }
    buf_free(&problems);
    return status;
}

static int cli_help(struct cli *c);
static int cli_completion(struct cli *c);
static int cli_hold(struct cli *c);
static int cli_resolve(struct cli *c);

static const struct cli_command cli_commands[] = {
    {"list", "", "list the sessions", "jo", 0, 0, cli_list},
    {"computers", "", "list the computers that are known", "j", 0, 0, cli_computers},
    {"new", "[--] [COMMAND...]",
     "start a session: COMMAND, or an agent (else a shell); prints its id", "amtCpo", 0, -1,
     cli_new},
    {"send", "ID TEXT...", "type a message into a session and submit it; says whether it reacted",
     "Eo", 2, -1, cli_send},
    {"kill", "ID...", "end sessions, or dismiss exited ones", "o", 1, -1, cli_kill},
    {"tail", "ID", "the end of what a session's program wrote, as plain text", "nfo", 1, 1,
     cli_tail},
    {"status", "ID", "a session's state, and why", "o", 1, 1, cli_status},
    {"wait", "ID", "until the session does not work any more, or is in that state", "wT", 1, 1,
     cli_wait},
    {"attach", "ID", "be in that session; Ctrl-] d leaves it", "o", 1, 1, cli_attach},
    {"watch", "", "every event as a line of JSON, until interrupted", "", 0, 0, cli_watch},
    {"project", "[add|remove DIR]",
     "list the projects with their todos; remember a directory, or forget it", "j", 0, 2,
     cli_project},
    {"hook", "[JSON]", "for agents to call: reports what their hooks say of the session", "iy", 0,
     1, cli_hook},
    {"daemon", "", "run the daemon in the foreground; clients start one by themselves", "sR", 0, 0,
     cli_daemon},
    {"config", "", "print the effective configuration, and where each value comes from", "", 0, 0,
     cli_config},
    {"help", "", "show this", "", 0, 1, cli_help},
    {"completion", "bash", "print a completion script for bash", "", 1, 1, cli_completion},
    {"/list", "", NULL, "jo", 0, 0, cli_list},
    {"/claude", "[MODE] [PROMPT...]", "start that agent (also /gemini, /codex)", "tC", 0, -1,
     cli_agent},
    {"/gemini", "", NULL, "tC", 0, -1, cli_agent},
    {"/codex", "", NULL, "tC", 0, -1, cli_agent},
    {"hold", "", NULL, "", 0, -1, cli_hold},
    {"resolve", "", NULL, "", 2, 2, cli_resolve},
};

static int cli_hold(struct cli *c)
{
    (void)c;
    return hold_main();
}

static int cli_resolve(struct cli *c)
{
    return redis_resolve_main(c->args[0], c->args[1]);
}

static void cli_put_option(buf *out, const struct cli_option *option)
{
    char form[64];
    snprintf(form, sizeof form, "%c%c%s--%s%s%s", option->is_short ? '-' : ' ',
             option->is_short ? option->letter : ' ', option->is_short ? ", " : "  ", option->name,
             option->value ? " " : "", option->value ? option->value : "");
    buf_fmt(out, "      %-24s %s\n", form, option->help);
}

static int cli_help(struct cli *c)
{
    buf out = {0};
    (void)c;
    buf_str(
        &out,
        "telec " TELEC_VERSION " - see and drive terminal and AI-agent sessions, live\n\n"
        "  telec [OPTIONS]                 open the terminal UI\n"
        "  telec [OPTIONS] COMMAND ...\n\nCommands (ID: a session's id, or the beginning of it)\n");
    for (size_t i = 0; i < COUNT_OF(cli_commands); i++) {
        const struct cli_command *command = &cli_commands[i];
        char form[64];
        if (!command->help)
            continue;
        snprintf(form, sizeof form, "%s %s", command->name, command->args);
        buf_fmt(&out, "  %-28s %s\n", form, command->help);
        for (size_t k = 0; k < COUNT_OF(cli_options); k++)
            if (strchr(command->options, cli_options[k].letter) && cli_options[k].letter != 'R')
                cli_put_option(&out, &cli_options[k]);
    }
    buf_str(&out, "\nOptions\n");
    for (size_t k = 0; k < COUNT_OF(cli_options); k++)
        if (strchr(cli_everywhere, cli_options[k].letter))
            cli_put_option(&out, &cli_options[k]);
    buf_str(&out, "\nKeys of the terminal UI\n");
    tui_put_keys(&out);
    return cli_write(&out);
}

static int cli_completion(struct cli *c)
{
    buf out = {0};
    if (strcmp(c->args[0], "bash") != 0)
        return cli_usage("only bash is known", c->args[0]);
    buf_str(&out, "_telec() {\n    local word=${COMP_WORDS[COMP_CWORD]}\n    if [ \"$COMP_CWORD\" "
                  "= 1 ]; then\n"
                  "        mapfile -t COMPREPLY < <(compgen -W '");
    for (size_t i = 0; i < COUNT_OF(cli_commands); i++)
        if (cli_commands[i].help)
            buf_fmt(&out, "%s ", cli_commands[i].name);
    buf_str(&out, "' -- \"$word\")\n    else\n        mapfile -t COMPREPLY < <(compgen -W \"");
    for (size_t k = 0; k < COUNT_OF(cli_options); k++)
        buf_fmt(&out, "--%s ", cli_options[k].name);
    buf_str(&out, "$(telec --no-daemon list 2>/dev/null | cut -f 1)\" -- \"$word\")\n    fi\n}\n"
                  "complete -F _telec telec\n");
    return cli_write(&out);
}

/* ---- the command line ----------------------------------------------------------------------- */

static const struct cli_option *cli_find_option(const char *word, size_t n)
{
    for (size_t i = 0; i < COUNT_OF(cli_options); i++) {
        const struct cli_option *option = &cli_options[i];
        if (word[1] == '-'
                ? n == strlen(option->name) + 2 && strncmp(word + 2, option->name, n - 2) == 0
                : option->is_short && option->letter == word[1])
            return option;
    }
    return NULL;
}

static int cli_is_valid(const struct cli *c, const struct cli_option *option)
{
    return strchr(cli_everywhere, option->letter) ||
           (c->command && strchr(c->command->options, option->letter));
}

/* One option at argv[0], its value behind '=' (or the letter) or in argv[1]. How many words it
 * took; -1: usage. */
static int cli_take_option(struct cli *c, char **argv)
{
    const char *word = argv[0], *equals = word[1] == '-' ? strchr(word, '=') : NULL;
    const struct cli_option *option =
        cli_find_option(word, equals ? (size_t)(equals - word) : strlen(word));
    const char *attached = equals ? equals + 1 : word[1] != '-' && word[2] ? word + 2 : NULL;
    if (!option || !cli_is_valid(c, option))
        return cli_usage(c->command ? "no such option for this command" : "no such option", word),
               -1;
    if (!option->value && attached)
        return cli_usage("this option takes no value", word), -1;
    if (option->value && !attached && !argv[1])
        return cli_usage("this option needs a value", word), -1;
    c->value[(int)option->letter] = option->value ? (attached ? attached : argv[1]) : "";
    return option->value && !attached ? 2 : 1;
}

static const struct cli_command *cli_find_command(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(cli_commands); i++)
        if (strcmp(cli_commands[i].name, name) == 0)
            return &cli_commands[i];
    return NULL;
}

/* Options may stand before and after the command; what follows "--", or new's COMMAND, is left
 * alone. */
static int cli_parse(struct cli *c, char **argv)
{
    while (*argv) {
        if (strcmp(*argv, "--") == 0) {
            for (argv++; *argv; argv++)
                c->args[c->arg_count++] = *argv;
            break;
        }
        if ((*argv)[0] == '-' && (*argv)[1]) {
            int took = cli_take_option(c, argv);
            if (took < 0)
                return 2;
            argv += took;
        } else if (!c->command) {
            if (!(c->command = cli_find_command(*argv)))
                return cli_usage("no such command", *argv);
            argv++;
        } else {
            int rest =
                c->command->run == cli_new || (c->command->run == cli_send && c->arg_count == 1);
            do
                c->args[c->arg_count++] = *argv++;
            while (rest && *argv);
        }
    }
    if (c->command && c->arg_count < c->command->least)
        return cli_usage("more arguments are needed", c->command->name);
    if (c->arg_count && (!c->command || (c->command->most >= 0 && c->arg_count > c->command->most)))
        return cli_usage("too many arguments", c->args[c->arg_count - 1]);
    return 0;
}

/* ---- main ----------------------------------------------------------------------------------- */

static int cli_run(struct cli *c)
{
    if (!c->command)
        return cli_ui(c, NULL);
    loop_init(&c->loop);
    client_init(&c->client, &c->loop, &c->config, c->value['D'] == NULL, NULL, NULL);
    int status = c->command->run(c);
    client_free(&c->client);
    loop_free(&c->loop);
    return status;
}

static int cli_main(int argc, char **argv)
{
    struct cli c = {.args = base_alloc((size_t)(argc + 1) * sizeof(char *))};
    buf error = {0};
    int status = cli_parse(&c, argv + (argc > 0));
    if (status == 0 && c.value['V']) {
        printf("telec %s\n", TELEC_VERSION);
    } else if (status == 0 && (c.value['h'] || (c.command && c.command->run == cli_help))) {
        status = cli_help(&c);
    } else if (status == 0 && c.command &&
               (c.command->run == cli_hold || c.command->run == cli_resolve)) {
        status = c.command->run(&c); /* these two need no configuration */
    } else if (status == 0) {
        if (config_load(&c.config, argv[0], c.value['S'], c.value['c'], &error) != 0)
            status = cli_fail("%s", buf_cstr(&error));
        else
            status = cli_run(&c);
        config_free(&c.config);
    }
    buf_free(&error);
    buf_free(&c.body);
    free(c.args);
    return status;
}
