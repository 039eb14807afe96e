#include "fleet.h"

/* requests - what other computers ask of this one (doc/protocol.md, section 3).
 *
 * A request runs its row of the table, and always gets a reply: at once, or when a holder has
 * answered. [peers] allow says which computers may change something here. A computer's name is its
 * own claim: only with a [peers] secret is that a protection against a computer that lies. */

#define REQUESTS_TITLE_MAX 400   /* bytes of a title */
#define REQUESTS_TAIL_CHARS 5000 /* of a transcript, unless the request says how many */

/* ---- a request ------------------------------------------------------------------------------ */

struct requests_job;

/* A command's kind: about a session; a change, which [peers] allow decides about; typed whatever
 * the session waits for; not submitted. */
enum { REQUESTS_SESSION = 1, REQUESTS_CHANGES = 2, REQUESTS_FORCE = 4, REQUESTS_OPEN = 8 };

struct requests_command {
    const char *name;
    int flags;
    void (*run)(struct requests_job *job);
};

struct requests_job {
    struct requests_job *next, **link;
    struct requests *all;
    struct codec_id id;
    char *who; /* the computer that asks */
    long long number;
    enum signature signature;
    int telec;  /* a telec daemon asks */
    int queued; /* a new session has been given a command */
    struct session_waiter waiter;
    const struct requests_command *command;
    /* during the first call only */
    const struct codec_request *fields;
    char **words;
    struct session *of; /* the session it is about */
    char session[65];
};

static void requests_end(struct requests_job *job)
{
    LIST_REMOVE(job);
    job->all->job_count--;
    free(job->who);
    free(job);
}

static void requests_reply(struct requests_job *job, span data)
{
    buf b = {0};
    codec_put_success(&b, data);
    streams_reply(&job->all->fleet->streams, job->id, buf_view(&b));
    buf_free(&b);
    requests_end(job);
}

static void requests_reply_buf(struct requests_job *job, buf *b)
{
    requests_reply(job, buf_view(b));
    buf_free(b);
}

static void requests_reply_text(struct requests_job *job, const char *text)
{
    buf b = {0};
    json_put_string(&b, span_of(text));
    requests_reply_buf(job, &b);
}

static void requests_fail(struct requests_job *job, const char *error, const char *code)
{
    peers_refuse(job->all->fleet, job->id, error, code);
    requests_end(job);
}

/* A connection to the session's holder failed. */
static void requests_fail_unreached(struct requests_job *job)
{
    const char *why = sessions_why_unreachable(job->of);
    if (record_has_exited(job->of))
        requests_fail(job, "the session has ended", "ENDED");
    else
        requests_fail(job, why ? why : "no connection to its holder", "UNREACHABLE");
}

static int requests_require_running(struct requests_job *job)
{
    if (sessions_is_running(job->of))
        return 1;
    requests_fail_unreached(job);
    return 0;
}

/* Appends the words behind the command. */
static void requests_put_rest(const struct requests_job *job, buf *b)
{
    codec_put_joined(b, job->words + 1);
}

/* ---- reading -------------------------------------------------------------------------------- */

static void requests_list_sessions(struct requests_job *job)
{
    struct json sessions;
    buf list = {0}, b = {0};
    cache_put_list(job->all->cache, job->all->config->computer, &list);
    json_read(buf_view(&list), &sessions);
    json_open(&b, '[');
    for (struct json_iter it = json_iter(sessions); json_next(&it);)
        codec_put_session(&b, it.value, NULL);
    json_close(&b, ']');
    requests_reply_buf(job, &b);
    buf_free(&list);
}

static void requests_list_projects(struct requests_job *job)
{
    buf b = {0};
    json_open(&b, '[');
    projects_put(job->all->projects, &b, 0);
    json_close(&b, ']');
    requests_reply_buf(job, &b);
}

/* list_todos PATH; a TeleClaude daemon has the path in args. */
static void requests_list_todos(struct requests_job *job)
{
    struct requests *all = job->all;
    struct json args = {0};
    buf b = {0};
    char *path = job->words[1] ? base_dup(job->words[1]) : NULL;
    json_parse(job->fields->args, &args, NULL, NULL);
    struct json_iter it = json_iter(args);
    if (!path && json_type(args) == JSON_ARRAY && json_next(&it))
        path = json_dup_text(it.value);
    if (path) {
        if (!projects_put_todos(all->projects, path, &b))
            buf_str(&b, "[]");
        requests_reply(job, buf_view(&b));
    } else {
        requests_fail(job, "list_todos: a project's path is expected", "BAD_REQUEST");
    }
    free(path);
    buf_free(&b);
}

/* Returns the kB in a line of /proc/meminfo; 0: there is no such line. */
static long long requests_memory(span text, const char *name)
{
    while (text.n) {
        span line = span_cut(&text, '\n');
        if (span_starts(line, name))
            return strtoll(line.p + strlen(name), NULL, 10);
    }
    return 0;
}

/* Returns hundredths of a number like 0.52; of anything else 0. */
static long long requests_hundredths(const char *text)
{
    char *end;
    long long whole = strtoll(text, &end, 10);
    return whole * 100 + (*end == '.' ? strtoll(end + 1, NULL, 10) : 0);
}

/* Adds a member with one decimal: part of whole, times `times`. */
static void requests_put_share(buf *b, const char *key, long long part, long long whole, int times)
{
    long long tenths = whole > 0 ? part * 10 * times / whole : 0;
    json_key(b, key);
    buf_fmt(b, "%lld.%lld", tenths / 10, tenths % 10);
}

/* Counts processors in /proc/stat, whose first line is of all together, the next of one each. */
static long long requests_processors(span stat)
{
    long long lines = 0;
    while (span_starts(span_cut(&stat, '\n'), "cpu"))
        lines++;
    return lines > 1 ? lines - 1 : 1;
}

/* Numbers that this system does not tell are 0. */
static void requests_get_computer_info(struct requests_job *job)
{
    const struct config *c = job->all->config;
    buf b = {0}, memory = {0}, load = {0}, stat = {0};
    struct statvfs disk = {0};
    os_read_file(&memory, "/proc/meminfo", 64 * 1024);
    os_read_file(&load, "/proc/loadavg", 1024);
    os_read_file(&stat, "/proc/stat", 1024 * 1024);
    buf_cstr(&memory);
    statvfs("/", &disk);
    long long kb = requests_memory(buf_view(&memory), "MemTotal:"),
              free_kb = requests_memory(buf_view(&memory), "MemAvailable:"),
              size = (long long)disk.f_blocks * (long long)disk.f_frsize,
              left = (long long)disk.f_bavail * (long long)disk.f_frsize,
              used = (long long)(disk.f_blocks - disk.f_bfree) * (long long)disk.f_frsize,
              busy = requests_hundredths(buf_cstr(&load)),
              most = 100 * requests_processors(buf_view(&stat));
    json_open(&b, '{');
    json_field_string(&b, "user", config_user(c));
    json_field_string(&b, "role", c->role);
    json_field_string(&b, "host", c->host);
    json_field_open(&b, "system_stats", '{');
    json_field_open(&b, "memory", '{');
    requests_put_share(&b, "total_gb", kb, 1048576, 1);
    requests_put_share(&b, "available_gb", free_kb, 1048576, 1);
    requests_put_share(&b, "percent_used", kb - free_kb, kb, 100);
    json_close(&b, '}');
    json_field_open(&b, "disk", '{');
    requests_put_share(&b, "total_gb", size, 1073741824, 1);
    requests_put_share(&b, "free_gb", left, 1073741824, 1);
    requests_put_share(&b, "percent_used", used / 1024, (used + left) / 1024, 100);
    json_close(&b, '}');
    json_field_open(&b, "cpu", '{');
    requests_put_share(&b, "percent_used", busy < most ? busy : most, most, 100);
    json_close(&b, '}'), json_close(&b, '}');
    json_close(&b, '}');
    requests_reply_buf(job, &b);
    buf_free(&memory), buf_free(&load), buf_free(&stat);
}

static void requests_transcript(struct requests_job *job, span text)
{
    buf b = {0};
    sessions_put_transcript(job->all->sessions, job->session, text, job->number, &b);
    requests_reply_buf(job, &b);
}

static void requests_on_log(void *ctx, const char *error, span text)
{
    if (error)
        requests_fail(ctx, error, "LATE");
    else
        requests_transcript(ctx, text);
}

static void requests_log(struct requests_job *job, const struct session *s)
{
    if (!sessions_read_log(s, 0, requests_on_log, job))
        requests_fail(job, strerror(errno), "BUSY");
}

/* Returns 1 when the holder has answered, or 0 after replying with an error. */
static int requests_has(struct requests_job *job, enum holder_answer how)
{
    if (how == HOLDER_ANSWERED)
        return 1;
    requests_fail(
        job, how == HOLDER_LATE ? "the session's holder does not answer" : "the session has ended",
        how == HOLDER_LATE ? "LATE" : "ENDED");
    return 0;
}

static void requests_on_text(void *ctx, enum holder_answer how, span payload)
{
    struct requests_job *job = ctx;
    const struct session *s = sessions_find(job->all->sessions, job->session);
    if (how == HOLDER_ENDED && s)
        requests_log(job, s);
    else if (requests_has(job, how))
        requests_transcript(job, payload);
}

/* get_session_data [SINCE] [UNTIL] [TAIL_CHARS]. A transcript has no times: SINCE and UNTIL, which
 * may be "-", only have to be times. */
static void requests_get_session_data(struct requests_job *job)
{
    struct session *s = job->of;
    long long ms;
    job->number = REQUESTS_TAIL_CHARS;
    for (char **word = job->words + 1; *word; word++) {
        if (strcmp(*word, "-") == 0 || !**word || clock_parse_iso(span_of(*word), &ms))
            continue;
        if (word[1] || !span_int(span_of(*word), &job->number) || job->number < 0) {
            requests_fail(job, "get_session_data: [SINCE] [UNTIL] [TAIL_CHARS] are expected",
                          "BAD_REQUEST");
            return;
        }
    }
    if (!sessions_is_running(s) ||
        !holder_link_ask(job->all->loop, sessions_find_socket(s), FRAME_TEXT, (span){0},
                         FRAME_TEXT_REPLY, requests_on_text, job))
        requests_log(job, s);
}

/* Asks the session's holder. */
static void requests_ask(struct requests_job *job, enum frame_type frame, span payload,
                         enum frame_type reply,
                         void (*done)(void *ctx, enum holder_answer how, span payload))
{
    if (requests_require_running(job) &&
        !holder_link_ask(job->all->loop, sessions_find_socket(job->of), frame, payload, reply, done,
                         job))
        requests_fail_unreached(job);
}

static void requests_on_screen(void *ctx, enum holder_answer how, span payload)
{
    if (requests_has(ctx, how))
        requests_reply(ctx, payload);
}

static void requests_screen(struct requests_job *job)
{
    requests_ask(job, FRAME_SCREEN, (span){0}, FRAME_SCREEN_REPLY, requests_on_screen);
}

/* view TOKEN HOW OLD; attach TOKEN HOW OLD [COLS ROWS] */
static void requests_begin_guest(struct requests_job *job)
{
    static const struct {
        const char *code, *error;
    } errors[] = {{"BUSY", "too many sessions are attached to from elsewhere"},
                  {"ENDED", "the session has ended"},
                  {"BAD_REQUEST", "expected TOKEN HOW OLD, and for attach COLS ROWS"}};
    char **words = job->words;
    int count = 0, control = job->command->flags & REQUESTS_CHANGES;
    buf b = {0};
    long long cols = 0, rows = 0;
    while (words[count])
        count++;
    if (!requests_require_running(job))
        return;
    struct guest_plan plan = {.who = job->who, .control = control};
    int good = count == 4 || (count == 6 && control && span_int(span_of(words[4]), &cols) &&
                              span_int(span_of(words[5]), &rows) && cols > 0 && rows > 0 &&
                              cols <= GRID_COLS_MAX && rows <= GRID_ROWS_MAX);
    if (good) {
        plan.token = words[1];
        plan.scrollback = strcmp(words[2], "scrollback") == 0;
        plan.old = words[3];
        plan.cols = (int)cols;
        plan.rows = (int)rows;
    }
    const char *code = good ? guest_open(&job->all->guests, job->of, &plan) : "BAD_REQUEST";
    for (size_t i = 0; code && i < COUNT_OF(errors); i++)
        if (strcmp(code, errors[i].code) == 0) {
            requests_fail(job, errors[i].error, code);
            return;
        }
    json_open(&b, '{');
    json_field_string(&b, "instance", job->all->fleet->self.instance);
    json_close(&b, '}');
    requests_reply_buf(job, &b);
}

/* ---- changing ------------------------------------------------------------------------------- */

static void requests_on_created(void *ctx, struct session *s, const char *error)
{
    struct requests_job *job = ctx;
    buf b = {0};
    if (!s) {
        requests_fail(job, error, "NOT_STARTED");
        return;
    }
    json_open(&b, '{');
    json_field_string(&b, "session_id", s->id);
    json_field_null(&b, "tmux_session_name");
    if (job->queued) {
        json_field_string(&b, "auto_command_status", "queued");
        json_field_string(&b, "auto_command_message", "The command runs in the new session");
    }
    json_close(&b, '}');
    requests_reply_buf(job, &b);
}

/* Is it a path below a directory, without ".." in it? */
static int requests_is_below(const char *path)
{
    for (span rest = span_of(path); rest.n;)
        if (span_eq(span_cut(&rest, '/'), ".."))
            return 0;
    return *path != '/';
}

/* Makes the directory and those above it. */
static void requests_make_dir(const char *path)
{
    char *part = base_dup(path);
    for (char *p = part + 1; *p; p++)
        if (*p == '/') {
            *p = '\0';
            mkdir(part, 0777);
            *p = '/';
        }
    mkdir(part, 0777);
    free(part);
}

/* Returns the directory of a new session: project_dir, whose ~ is the home directory, and below it
 * channel_metadata.subfolder. NULL: there can be no such directory. */
static char *requests_directory(const struct codec_request *r)
{
    const char *home = getenv("HOME"), *why;
    struct json object = {0};
    buf path = {0};
    span given = r->project_dir;
    int tilde = given.n && given.p[0] == '~' && (given.n == 1 || given.p[1] == '/');
    if (!given.n || tilde)
        buf_str(&path, home ? home : "/");
    buf_span(&path, tilde ? span_sub(given, 1) : given);
    char *below = codec_parse_object(r->metadata, &object, &why)
                      ? json_dup_member(object, "subfolder")
                      : NULL;
    int good = path.p[0] == '/' && (!below || requests_is_below(below));
    if (good && below && *below) {
        buf_str(&path, "/");
        buf_str(&path, below);
    }
    free(below);
    buf_cstr(&path);
    if (good)
        return path.p;
    buf_free(&path);
    return NULL;
}

/* Reads who asked, as TeleClaude writes it, and telec's own additions: the object "telec" in
 * channel_metadata. */
static void requests_read_metadata(span metadata, struct session_plan *plan, char **initiator)
{
    struct json object = {0};
    const char *why;
    long long cols, rows;
    plan->cols = 80;
    plan->rows = 24;
    *initiator = NULL;
    if (!codec_parse_object(metadata, &object, &why))
        return;
    struct json telec = json_get(object, "telec");
    if (json_int(json_get(telec, "cols"), &cols) && json_int(json_get(telec, "rows"), &rows) &&
        cols > 0 && cols <= GRID_COLS_MAX && rows > 0 && rows <= GRID_ROWS_MAX) {
        plan->cols = (int)cols;
        plan->rows = (int)rows;
    }
    struct json asker = json_get(telec, "initiator_session_id");
    if (json_type(asker) != JSON_STRING)
        asker = json_get(object, "initiator_session_id");
    plan->initiator = *initiator = json_dup_text(asker);
    if (*initiator && !store_id_is_plain(*initiator))
        plan->initiator = NULL;
}

/* Is it an agent's name that is a command, too: `claude MODE …` is `agent claude MODE …`? */
static int requests_is_agent(span word)
{
    const struct agents_row *row;
    for (size_t i = 0; (row = agents_row(i)); i++)
        if (span_eq(word, row->name) && strcmp(row->name, "shell") != 0)
            return 1;
    return 0;
}

/* Parses auto_command: `agent AGENT MODE …`, `AGENT MODE …` or `agent_then_message AGENT MODE
 * 'TEXT'`; the words behind the mode are the prompt. words NULL: a shell. Returns 0 when it is none
 * of these. */
static int requests_read_auto(char **words, struct session_plan *plan, buf *prompt)
{
    plan->agent = "shell";
    if (!words)
        return 1;
    if (strcmp(words[0], "agent") == 0 || strcmp(words[0], "agent_then_message") == 0)
        words++;
    else if (!requests_is_agent(span_of(words[0])))
        return 0;
    if (!words[0])
        return 0;
    int has_mode = words[1] && agents_mode(words[1]) >= 0;
    plan->agent = words[0];
    if (has_mode)
        plan->mode = words[1];
    codec_put_joined(prompt, words + 1 + has_mode);
    if (prompt->n)
        plan->message = prompt->p;
    return 1;
}

static void requests_new_session(struct requests_job *job)
{
    const struct codec_request *r = job->fields;
    struct session_plan plan = {0};
    char *title = span_dup(r->title.n ? r->title : span_of(job->words[1])), *initiator;
    char *directory = requests_directory(r);
    char **words = r->auto_command.n ? codec_words(r->auto_command) : NULL;
    buf prompt = {0};
    requests_read_metadata(r->metadata, &plan, &initiator);
    int good = (words || !r->auto_command.n) && requests_read_auto(words, &plan, &prompt);
    plan.title = *title ? title : NULL;
    plan.directory = directory;
    if (!good)
        requests_fail(job,
                     "auto_command: agent AGENT MODE, or agent_then_message AGENT MODE TEXT, "
                     "is expected",
                     "BAD_REQUEST");
    else if (!directory)
        requests_fail(job, "project_dir: an absolute path, or one that begins with ~, is expected",
                      "BAD_REQUEST");
    else {
        if (!job->telec) /* TeleClaude expects it; for telec's users it would hide a typing error */
            requests_make_dir(directory);
        job->queued = words != NULL;
        launch_create(job->all->sessions, &plan, requests_on_created, job);
    }
    free(title), free(initiator), free(directory), free(words);
    buf_free(&prompt);
}

/* TeleClaude expects null where a telec daemon gets the receipt. */
static void requests_on_receipt(void *ctx, enum holder_answer how, span payload)
{
    const struct requests_job *job = ctx;
    buf b = {0};
    if (!requests_has(ctx, how))
        return;
    if (frame_is_refusal(payload)) {
        buf_span(&b, payload);
        log_line(LOG_WARN, "a message of another computer was refused: %s", buf_cstr(&b));
        requests_fail(ctx, buf_cstr(&b), "WAITING");
    } else {
        json_put_string(&b, payload);
        requests_reply(ctx, job->telec ? buf_view(&b) : span_of("null"));
    }
    buf_free(&b);
}

static void requests_type(struct requests_job *job, span text)
{
    int flags = job->command->flags;
    buf b = {0}, from = {0};
    buf_span(&from, job->fields->initiator);
    const struct frame_message message = {
        .text = text, .enter = !(flags & REQUESTS_OPEN), .force = flags & REQUESTS_FORCE,
        .from = buf_cstr(&from),
        .until = job->all->loop->now + HOLDER_TYPE_MS};
    frame_put_message(&b, &message);
    buf_free(&from);
    requests_ask(job, FRAME_MESSAGE, buf_view(&b), FRAME_RECEIPT, requests_on_receipt);
    buf_free(&b);
}

static void requests_type_rest(struct requests_job *job)
{
    buf text = {0};
    requests_put_rest(job, &text);
    if (text.n)
        requests_type(job, buf_view(&text));
    else
        requests_fail(job, "a text is expected", "BAD_REQUEST");
    buf_free(&text);
}

/* message TEXT: a telec daemon quotes the text, TeleClaude does not. */
static void requests_message(struct requests_job *job)
{
    if (job->telec) {
        requests_type_rest(job);
        return;
    }
    char *text = codec_text_behind(job->fields->command);
    if (*text)
        requests_type(job, span_of(text));
    else
        requests_fail(job, "a text is expected", "BAD_REQUEST");
    free(text);
}

static void requests_cd(struct requests_job *job)
{
    const char *const words[] = {"cd", job->words[1], NULL};
    buf line = {0};
    codec_put_words(&line, words);
    if (words[1])
        requests_type(job, buf_view(&line));
    else
        requests_fail(job, "cd: a path is expected", "BAD_REQUEST");
    buf_free(&line);
}

/* Types the agent's configured command line into the session's shell. */
static void requests_agent(struct requests_job *job)
{
    struct session_plan plan = {0};
    buf prompt = {0}, line = {0};
    int read = requests_read_auto(job->words, &plan, &prompt);
    const struct config_agent *agent = read ? launch_agent(job->all->sessions, plan.agent) : NULL;
    if (agent) {
        launch_put_agent_command(agent, agents_mode(plan.mode), NULL, NULL, plan.message, &line);
        requests_type(job, buf_view(&line));
    } else {
        requests_fail(job, "agent: no such agent is configured here", "BAD_REQUEST");
    }
    buf_free(&prompt);
    buf_free(&line);
}

static void requests_on_ended(void *ctx)
{
    struct requests_job *job = ctx;
    if (job->waiter.error)
        requests_fail(job, strerror(job->waiter.error), "NOT_WRITTEN");
    else
        requests_reply_text(job, "ended");
}

/* end_session ID [SECONDS | force]: the end can be undone for SECONDS, or needs no help of the
 * holder; only telec sends these. */
static void requests_end_session(struct requests_job *job)
{
    int force = job->words[1] && job->words[2] && strcmp(job->words[2], "force") == 0;
    long long undo_s = 0;
    buf b = {0};
    if (!force && sessions_why_unreachable(job->of)) {
        requests_fail(job, sessions_why_unreachable(job->of), "UNREACHABLE");
        return;
    }
    if (job->words[1] && job->words[2] && span_int(span_of(job->words[2]), &undo_s) &&
        undo_s > 0 && undo_s <= SESSION_UNDO_MAX_S) {
        if (sessions_end_undoably(job->of, (int)undo_s) != 0) {
            requests_fail(job, strerror(errno), "NOT_WRITTEN");
            return;
        }
        json_open(&b, '{');
        json_field_int(&b, "undo_s", undo_s);
        json_close(&b, '}');
        requests_reply_buf(job, &b);
        return;
    }
    job->waiter = (struct session_waiter){.ended = requests_on_ended, .ctx = job};
    (force ? sessions_end_by_force : sessions_end)(job->of, &job->waiter);
}

static void requests_undo_end(struct requests_job *job)
{
    const char *id = job->words[1] ? job->words[1] : "";
    struct session *s = sessions_find_hidden(job->all->sessions, id);
    if (!s) {
        requests_fail(job, "Session not found", "NOT_FOUND");
        return;
    }
    if (sessions_undo_end(s) == 0)
        requests_reply_text(job, "restored");
    else
        requests_fail(job, strerror(errno), "NOT_WRITTEN");
}

static void requests_answer(struct requests_job *job)
{
    buf b = {0};
    if (!job->words[1]) {
        requests_fail(job, "answer: a number, yes, no or a text is expected", "BAD_REQUEST");
        return;
    }
    frame_put_answer(&b, job->words[1]);
    requests_ask(job, FRAME_ANSWER, buf_view(&b), FRAME_RECEIPT, requests_on_receipt);
    buf_free(&b);
}

static void requests_on_restarted(void *ctx, struct session *s, const char *error)
{
    if (s)
        requests_reply_text(ctx, "restarted");
    else
        requests_fail(ctx, error, "NOT_RESTARTED");
}

/* Handles restart_session ID [fresh]. */
static void requests_restart(struct requests_job *job)
{
    struct session_plan plan = {0};
    int fresh = job->words[1] && job->words[2] && strcmp(job->words[2], "fresh") == 0;
    launch_restart(job->of, &plan, fresh, requests_on_restarted, job);
}

static void requests_keys(struct requests_job *job)
{
    const char *key = job->words[1];
    long long count = 1;
    buf bytes = {0}, b = {0};
    if (!key || !frame_put_key_bytes(&bytes, span_of(key), 0) ||
        (job->words[2] && !span_int(span_of(job->words[2]), &count)) || count < 1 ||
        count > FRAME_KEYS_MAX) {
        requests_fail(job, "keys: the name of a key and how often are expected", "BAD_REQUEST");
    } else if (requests_require_running(job)) {
        frame_put_keys(&b, key, count);
        if (sessions_offer(job->of, FRAME_KEYS, buf_view(&b)) == 0)
            requests_reply_text(job, "sent");
        else
            requests_fail(job, "the session's holder does not read", "BUSY");
    }
    buf_free(&bytes);
    buf_free(&b);
}

static void requests_rename(struct requests_job *job)
{
    buf title = {0};
    requests_put_rest(job, &title);
    if (!title.n || title.n > REQUESTS_TITLE_MAX)
        requests_fail(job, "rename: a title of 1 to 400 bytes is expected", "BAD_REQUEST");
    else if (sessions_rename(job->of, title.p) != 0)
        requests_fail(job, strerror(errno), "NOT_WRITTEN");
    else
        requests_reply_text(job, "renamed");
    buf_free(&title);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const struct requests_command requests_commands[] = {
    {"list_sessions", 0, requests_list_sessions},
    {"list_projects", 0, requests_list_projects},
    {"list_todos", 0, requests_list_todos},
    {"get_computer_info", 0, requests_get_computer_info},
    {"get_session_data", REQUESTS_SESSION, requests_get_session_data},
    {"screen", REQUESTS_SESSION, requests_screen},
    {"view", REQUESTS_SESSION, requests_begin_guest},
    {"attach", REQUESTS_SESSION | REQUESTS_CHANGES, requests_begin_guest},
    {"new_session", REQUESTS_CHANGES, requests_new_session},
    {"message", REQUESTS_SESSION | REQUESTS_CHANGES, requests_message},
    {"force", REQUESTS_SESSION | REQUESTS_CHANGES | REQUESTS_FORCE, requests_type_rest},
    {"type", REQUESTS_SESSION | REQUESTS_CHANGES | REQUESTS_OPEN, requests_type_rest},
    {"end_session", REQUESTS_SESSION | REQUESTS_CHANGES, requests_end_session},
    {"restore_session", REQUESTS_CHANGES, requests_undo_end},
    {"restart_session", REQUESTS_SESSION | REQUESTS_CHANGES, requests_restart},
    {"cd", REQUESTS_SESSION | REQUESTS_CHANGES, requests_cd},
    {"agent", REQUESTS_SESSION | REQUESTS_CHANGES, requests_agent},
    {"answer", REQUESTS_SESSION | REQUESTS_CHANGES, requests_answer},
    {"keys", REQUESTS_SESSION | REQUESTS_CHANGES, requests_keys},
    {"rename", REQUESTS_SESSION | REQUESTS_CHANGES, requests_rename},
};

/* Finds a command by its first word, whatever else is wrong with it. NULL: unknown. */
static const struct requests_command *requests_find(span command)
{
    command = span_trim(command, CODEC_BLANKS);
    if (command.n && command.p[0] == '/')
        command = span_sub(command, 1);
    span name = codec_cut_word(&command);
    for (size_t i = 0; i < COUNT_OF(requests_commands); i++)
        if (span_eq(name, requests_commands[i].name))
            return &requests_commands[i];
    return requests_is_agent(name) ? requests_find(span_of("agent")) : NULL;
}

static int requests_is_change(span command)
{
    const struct requests_command *found = requests_find(command);
    return found && (found->flags & REQUESTS_CHANGES);
}

static int requests_changes(void *ctx, const struct peers_request *request)
{
    (void)ctx;
    return !span_eq(request->fields.type, "system") && requests_is_change(request->fields.command);
}

static void requests_run(struct requests_job *job)
{
    struct requests *all = job->all;
    const struct requests_command *command = job->command;
    const struct codec_request *r = job->fields;
    char *id = span_dup(r->session_id.n ? r->session_id : span_of(job->words[1]));
    if (command->flags & REQUESTS_SESSION) {
        job->of = sessions_find(all->sessions, id);
        base_fmt(job->session, sizeof job->session, "%.64s", id);
    }
    free(id);
    const char *why = command->flags & REQUESTS_CHANGES
                          ? peers_why_not(all->fleet, span_of(job->who), job->signature)
                          : NULL;
    if (why) {
        log_line(LOG_WARN, "%s may not %s here: %s", job->who, command->name, why);
        requests_fail(job, why, "FORBIDDEN");
    } else if ((command->flags & REQUESTS_SESSION) && !job->of) {
        requests_fail(job, "Session not found", "NOT_FOUND");
    } else {
        command->run(job);
    }
}

static void requests_system(struct requests_job *job)
{
    const struct codec_request *r = job->fields;
    log_line(LOG_INFO, "system message of %.*s, not for telec: %.*s",
             (int)(r->from.n < 80 ? r->from.n : 80), r->from.n ? r->from.p : "",
             (int)(r->command.n < 80 ? r->command.n : 80), r->command.n ? r->command.p : "");
    requests_end(job); /* TeleClaude expects no answer */
}

static void requests_on_request(void *ctx, const struct peers_request *request)
{
    struct requests *all = ctx;
    const struct codec_request *r = &request->fields;
    struct requests_job *job = base_alloc(sizeof *job);
    job->all = all;
    job->id = request->id;
    job->command = requests_find(r->command);
    job->fields = r;
    job->signature = request->signature;
    job->who = span_dup(r->initiator);
    const struct roster_peer *peer = roster_find(all->fleet, r->initiator);
    job->telec = peer && peer->beat.telec[0];
    LIST_PUSH(&all->jobs, job);
    all->job_count++;
    char **words = job->words = codec_words(r->command);
    if (all->job_count > REQUESTS_MAX)
        requests_fail(job, "too many requests are at work", "BUSY");
    else if (span_eq(r->type, "system"))
        requests_system(job);
    else if (!job->command)
        requests_fail(job, "no handler for that command", "NO_HANDLER");
    else if (codec_has_nul(r))
        requests_fail(job, "a text has U+0000", "BAD_REQUEST");
    else
        requests_run(job);
    free(words);
}

static void requests_on_activity(void *ctx, const char *session_id)
{
    struct requests *all = ctx;
    broadcast_on_activity(&all->broadcasts, session_id);
}

static void requests_on_lost(void *ctx)
{
    struct requests *all = ctx;
    guest_drop_all(&all->guests);
}

static const struct peers_hooks requests_peers_hooks = {requests_changes, requests_on_request,
                                                        requests_on_activity, requests_on_lost};

static void requests_init(struct requests *all, struct loop *l, const struct config *config,
                          struct cache *cache, struct sessions *sessions,
                          struct projects *projects, struct fleet *fleet)
{
    *all = (struct requests){.loop = l,
                             .config = config,
                             .cache = cache,
                             .sessions = sessions,
                             .projects = projects,
                             .fleet = fleet};
    broadcast_init(&all->broadcasts, l, config, sessions, fleet);
    guest_init(&all->guests, l, sessions, fleet);
    peers_start(fleet, &requests_peers_hooks, all);
}

static int requests_is_busy(const struct requests *all)
{
    return all->jobs != NULL;
}

static void requests_free(struct requests *all)
{
    broadcast_free_all(&all->broadcasts);
    guest_free_all(&all->guests);
    while (all->jobs)
        requests_end(all->jobs);
}
