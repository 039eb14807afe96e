/* answer - what other computers ask of this one: their requests executed and answered, and sessions
 * shown to those who observe them: protocol.md section 3, the asked side.
 *
 * A request runs what its row in the table says and nothing else, and is always answered, at once
 * or when a holder has spoken. Who may change something here is [peers] allow's to say; a
 * computer's name is what it says itself, so that is no more than its word. */

#define ANSWER_TITLE_MAX 400         /* bytes of a title */
#define ANSWER_TAIL_CHARS 2000       /* of a transcript, when nothing else was asked for */
#define ANSWER_JOBS_MAX 1000         /* requests under way */
#define ANSWER_SHOWS_MAX 256         /* sessions being observed */
#define ANSWER_OBSERVER_MS 60000     /* an observer who has not said so again has gone */
#define ANSWER_LOOK_MS 20000         /* between two looks whether anybody observes still */
#define ANSWER_ACTIVITY_MS 1000      /* between two looks whether a session is observed at all */
#define ANSWER_FLUSH_MS 30           /* between two pieces of output */
#define ANSWER_CHUNK_MAX (64 * 1024) /* output that goes out before that */
#define ANSWER_BACKLOG (256 * 1024)  /* output that waits before its holder has to */
#define ANSWER_FLYING_MAX 4          /* pieces that Redis has not taken yet */
#define ANSWER_OUTPUT_KEPT 100       /* pieces kept in the stream */

/* ---- a request at work ---------------------------------------------------------------------- */

struct answer_job {
    struct answer_job *next, **link;
    struct answer *all;
    struct fleet_id id;
    char *who; /* who asks */
    char session[65];
    long long number;
    struct session_waiter waiter;
    /* during the first call only */
    const struct fleet_request *fields;
    char **words;
    struct session *of; /* the session that it is about */
};

static void answer_end(struct answer_job *job)
{
    *job->link = job->next;
    if (job->next)
        job->next->link = job->link;
    job->all->jobs_count--;
    free(job->who);
    free(job);
}

static void answer_data(struct answer_job *job, span data)
{
    buf b = {0};
    fleet_put_success(&b, data);
    link_answer(&job->all->peers->link, job->id, buf_view(&b));
    buf_free(&b);
    answer_end(job);
}

static void answer_text(struct answer_job *job, const char *text)
{
    buf b = {0};
    json_put_string(&b, span_of(text));
    answer_data(job, buf_view(&b));
    buf_free(&b);
}

static void answer_error(struct answer_job *job, const char *error, const char *code)
{
    buf b = {0};
    fleet_put_error(&b, error, code);
    link_answer(&job->all->peers->link, job->id, buf_view(&b));
    buf_free(&b);
    answer_end(job);
}

static int answer_is_running(struct answer_job *job)
{
    if (job->of->holder.open && !session_has_exited(job->of))
        return 1;
    answer_error(job, "the session has ended", "ENDED");
    return 0;
}

/* Everything behind the command's own word. */
static void answer_put_rest(const struct answer_job *job, buf *b)
{
    fleet_put_joined(b, job->words + 1);
}

/* ---- reading -------------------------------------------------------------------------------- */

static void answer_list_sessions(struct answer_job *job)
{
    struct json sessions = {0};
    buf list = {0}, b = {0};
    cache_put_list(job->all->cache, job->all->config->computer, &list);
    json_parse(buf_view(&list), &sessions, NULL, NULL);
    json_open(&b, '[');
    for (struct json_iter it = json_iter(sessions); json_next(&it);)
        fleet_put_session(&b, it.value, NULL); /* whose they are is clear */
    json_close(&b, ']');
    answer_data(job, buf_view(&b));
    buf_free(&list);
    buf_free(&b);
}

/* What we call description is desc to TeleClaude. */
static void answer_list_projects(struct answer_job *job)
{
    struct answer *all = job->all;
    struct json projects = {0};
    buf list = {0}, b = {0};
    json_open(&list, '[');
    projects_put(all->projects, &list, 0);
    json_close(&list, ']');
    json_parse(buf_view(&list), &projects, NULL, NULL);
    json_open(&b, '[');
    for (struct json_iter it = json_iter(projects); json_next(&it);) {
        json_open(&b, '{');
        for (struct json_iter member = json_iter(it.value); json_next(&member);) {
            json_put_raw(&b, member.key.text);
            buf_byte(&b, ':');
            json_put_raw(&b, member.value.text);
        }
        struct json description = json_get(it.value, "description");
        json_key(&b, "desc");
        json_put_raw(&b, description.type == JSON_STRING ? description.text : span_of("\"\""));
        json_close(&b, '}');
    }
    json_close(&b, ']');
    answer_data(job, buf_view(&b));
    buf_free(&list);
    buf_free(&b);
}

static void answer_list_todos(struct answer_job *job)
{
    struct answer *all = job->all;
    buf b = {0};
    if (!job->words[1]) {
        answer_error(job, "list_todos: a project's path is expected", "BAD_REQUEST");
        return;
    }
    if (!projects_put_todos(all->projects, job->words[1], &b))
        buf_str(&b, "[]");
    answer_data(job, buf_view(&b));
    buf_free(&b);
}

/* kB of a line of /proc/meminfo; 0: it isn't there */
static double answer_memory(span text, const char *name)
{
    while (text.n) {
        span line = span_cut(&text, '\n');
        if (span_starts(line, name))
            return strtod(line.p + strlen(name), NULL);
    }
    return 0;
}

static double answer_percent(double used, double total)
{
    return total > 0 ? 100 * used / total : 0;
}

/* Zero stands for what this system does not tell. */
static void answer_get_computer_info(struct answer_job *job)
{
    const struct config *c = job->all->config;
    buf b = {0}, memory = {0}, load = {0};
    struct statvfs disk = {0};
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    buf_read_file(&memory, "/proc/meminfo", 64 * 1024);
    buf_read_file(&load, "/proc/loadavg", 1024);
    buf_cstr(&memory);
    statvfs("/", &disk);
    double kb = answer_memory(buf_view(&memory), "MemTotal:"),
           free_kb = answer_memory(buf_view(&memory), "MemAvailable:"),
           size = (double)disk.f_blocks * (double)disk.f_frsize,
           left = (double)disk.f_bavail * (double)disk.f_frsize,
           busy = answer_percent(strtod(buf_cstr(&load), NULL), (double)(cpus > 0 ? cpus : 1));
    json_open(&b, '{');
    json_field_string(&b, "user", config_user(c));
    json_field_string(&b, "role", c->role);
    json_field_string(&b, "host", c->host);
    buf_fmt(&b,
            ",\"system_stats\":{\"memory\":{\"total_gb\":%.1f,\"available_gb\":%.1f,"
            "\"percent_used\":%.1f},\"disk\":{\"total_gb\":%.1f,\"free_gb\":%.1f,"
            "\"percent_used\":%.1f},\"cpu\":{\"percent_used\":%.1f}}",
            kb / 1048576, free_kb / 1048576, answer_percent(kb - free_kb, kb), size / 1073741824,
            left / 1073741824, answer_percent(size - left, size), busy > 100 ? 100 : busy);
    json_close(&b, '}');
    answer_data(job, buf_view(&b));
    buf_free(&b), buf_free(&memory), buf_free(&load);
}

static void answer_transcript(struct answer_job *job, span text)
{
    buf b = {0};
    session_put_transcript(job->all->sessions, job->session, text, job->number, &b);
    answer_data(job, buf_view(&b));
    buf_free(&b);
}

static void answer_log(struct answer_job *job, const struct session *s)
{
    buf text = {0};
    session_text(s, &text);
    answer_transcript(job, buf_view(&text));
    buf_free(&text);
}

/* The holder has answered `how`, or the session has ended meanwhile: 1, or the job is over. */
static int answer_has(struct answer_job *job, enum hold_answer how)
{
    if (how == HOLD_ANSWERED)
        return 1;
    answer_error(
        job, how == HOLD_LATE ? "the session's holder does not answer" : "the session has ended",
        how == HOLD_LATE ? "LATE" : "ENDED");
    return 0;
}

static void answer_on_text(void *ctx, enum hold_answer how, span payload)
{
    struct answer_job *job = ctx;
    const struct session *s = session_find(job->all->sessions, job->session);
    if (how == HOLD_ENDED && s)
        answer_log(job, s);
    else if (answer_has(job, how))
        answer_transcript(job, payload);
}

static void answer_get_session_data(struct answer_job *job)
{
    struct session *s = job->of;
    job->number = ANSWER_TAIL_CHARS;
    if (job->words[1] && (!span_int(span_of(job->words[1]), &job->number) || job->number < 0)) {
        answer_error(job, "get_session_data: a number of characters is expected", "BAD_REQUEST");
        return;
    }
    if (!s->holder.open || session_has_exited(s) ||
        !hold_ask(job->all->loop, s->socket, HOLD_TEXT, (span){0}, HOLD_TEXT_IS, answer_on_text,
                  job))
        answer_log(job, s);
}

static void answer_on_screen(void *ctx, enum hold_answer how, span payload)
{
    if (answer_has(ctx, how))
        answer_data(ctx, payload);
}

static void answer_screen(struct answer_job *job)
{
    if (answer_is_running(job) && !hold_ask(job->all->loop, job->of->socket, HOLD_SCREEN, (span){0},
                                            HOLD_SCREEN_IS, answer_on_screen, job))
        answer_error(job, "the session has ended", "ENDED");
}

/* ---- changing ------------------------------------------------------------------------------- */

static void answer_on_created(void *ctx, struct session *s, const char *error)
{
    struct answer_job *job = ctx;
    buf b = {0};
    if (!s) {
        answer_error(job, error, "NOT_STARTED");
        return;
    }
    json_open(&b, '{');
    json_field_string(&b, "session_id", s->id);
    json_field_null(&b, "tmux_session_name");
    json_close(&b, '}');
    answer_data(job, buf_view(&b));
    buf_free(&b);
}

/* telec's own additions, in the object "telec" of channel_metadata. */
static void answer_read_metadata(span metadata, struct session_plan *plan, char **initiator)
{
    struct json object = {0};
    const char *why;
    long long cols, rows;
    plan->cols = 80;
    plan->rows = 24;
    *initiator = NULL;
    if (!fleet_parse_object(metadata, &object, &why))
        return;
    struct json telec = json_get(object, "telec");
    if (json_int(json_get(telec, "cols"), &cols) && json_int(json_get(telec, "rows"), &rows) &&
        cols > 0 && cols <= VT_COLS_MAX && rows > 0 && rows <= VT_ROWS_MAX) {
        plan->cols = (int)cols;
        plan->rows = (int)rows;
    }
    plan->initiator = *initiator = json_dup_text(json_get(telec, "initiator_session_id"));
    if (*initiator && !store_id_is_plain(*initiator))
        plan->initiator = NULL;
}

/* auto_command: `agent AGENT MODE …` or `agent_then_message AGENT MODE 'TEXT'`; what stands behind
 * the mode is the prompt. Without one it is a shell, in which agents are started later. 0: it is
 * none of that. */
static int answer_read_auto(char **words, struct session_plan *plan, buf *prompt)
{
    plan->agent = "shell";
    plan->mode = "slow";
    if (!words)
        return 1;
    if ((strcmp(words[0], "agent") != 0 && strcmp(words[0], "agent_then_message") != 0) ||
        !words[1])
        return 0;
    int has_mode = words[2] && config_mode(words[2]) >= 0;
    plan->agent = words[1];
    if (has_mode)
        plan->mode = words[2];
    fleet_put_joined(prompt, words + 2 + has_mode);
    if (prompt->n)
        plan->message = prompt->p;
    return 1;
}

static void answer_new_session(struct answer_job *job)
{
    const struct fleet_request *r = job->fields;
    struct session_plan plan = {0};
    char *title = span_dup(r->title.n ? r->title : span_of(job->words[1])), *initiator;
    const char *home = getenv("HOME");
    char *directory = span_dup(r->project_dir.n ? r->project_dir : span_of(home ? home : "/"));
    char **words = r->auto_command.n ? fleet_words(r->auto_command) : NULL;
    buf prompt = {0};
    answer_read_metadata(r->metadata, &plan, &initiator);
    int good = (words || !r->auto_command.n) && answer_read_auto(words, &plan, &prompt);
    plan.title = *title ? title : NULL;
    plan.directory = directory;
    if (!good)
        answer_error(job,
                     "auto_command: agent AGENT MODE, or agent_then_message AGENT MODE TEXT, "
                     "is expected",
                     "BAD_REQUEST");
    else if (directory[0] != '/')
        answer_error(job, "project_dir: an absolute path is expected", "BAD_REQUEST");
    else
        session_create(job->all->sessions, &plan, answer_on_created, job);
    free(title), free(initiator), free(directory), free(words);
    buf_free(&prompt);
}

static void answer_on_receipt(void *ctx, enum hold_answer how, span payload)
{
    buf b = {0};
    if (!answer_has(ctx, how))
        return;
    json_put_string(&b, payload);
    answer_data(ctx, buf_view(&b));
    buf_free(&b);
}

static void answer_type(struct answer_job *job, span text, int enter)
{
    buf b = {0};
    json_open(&b, '{');
    json_key(&b, "text");
    json_put_string(&b, text);
    json_field_bool(&b, "enter", enter);
    json_close(&b, '}');
    if (answer_is_running(job) && !hold_ask(job->all->loop, job->of->socket, HOLD_MESSAGE,
                                            buf_view(&b), HOLD_RECEIPT, answer_on_receipt, job))
        answer_error(job, "the session has ended", "ENDED");
    buf_free(&b);
}

static void answer_type_rest(struct answer_job *job, int enter)
{
    buf text = {0};
    answer_put_rest(job, &text);
    if (text.n)
        answer_type(job, buf_view(&text), enter);
    else
        answer_error(job, "a text is expected", "BAD_REQUEST");
    buf_free(&text);
}

static void answer_message(struct answer_job *job)
{
    answer_type_rest(job, 1);
}

static void answer_message_part(struct answer_job *job)
{
    answer_type_rest(job, 0);
}

static void answer_cd(struct answer_job *job)
{
    const char *const words[] = {"cd", job->words[1], NULL};
    buf line = {0};
    fleet_put_words(&line, words);
    if (words[1])
        answer_type(job, buf_view(&line), 1);
    else
        answer_error(job, "cd: a path is expected", "BAD_REQUEST");
    buf_free(&line);
}

/* The configured command line, typed into the session's shell. */
static void answer_agent(struct answer_job *job)
{
    struct session_plan plan = {0};
    buf prompt = {0}, line = {0};
    int read = answer_read_auto(job->words, &plan, &prompt);
    const struct config_agent *agent = read ? config_agent(job->all->config, plan.agent) : NULL;
    if (agent) {
        session_put_agent_command(agent, config_mode(plan.mode), plan.message, &line);
        answer_type(job, buf_view(&line), 1);
    } else {
        answer_error(job, "agent: no such agent is configured here", "BAD_REQUEST");
    }
    buf_free(&prompt);
    buf_free(&line);
}

static void answer_on_ended(void *ctx)
{
    answer_text(ctx, "ended");
}

/* end_session ID [SECONDS]: for SECONDS, which only a telec says, it can be undone. */
static void answer_end_session(struct answer_job *job)
{
    long long undo_s = 0;
    buf b = {0};
    if (job->words[1] && job->words[2] && job->of->holder.open && !session_has_exited(job->of) &&
        span_int(span_of(job->words[2]), &undo_s) && undo_s > 0 && undo_s <= SESSION_UNDO_MAX_S) {
        session_stop(job->of, (int)undo_s);
        json_open(&b, '{');
        json_field_int(&b, "undo_s", undo_s);
        json_close(&b, '}');
        answer_data(job, buf_view(&b));
        buf_free(&b);
        return;
    }
    job->waiter = (struct session_waiter){.ended = answer_on_ended, .ctx = job};
    session_end(job->of, &job->waiter);
}

static void answer_restore_session(struct answer_job *job)
{
    const char *id = job->words[1] ? job->words[1] : "";
    struct session *s = session_find_hidden(job->all->sessions, id);
    if (!s) {
        answer_error(job, "Session not found", "NOT_FOUND");
        return;
    }
    session_continue(s);
    answer_text(job, "restored");
}

static void answer_keys(struct answer_job *job)
{
    const char *key = job->words[1];
    long long count = 1;
    buf bytes = {0}, b = {0};
    if (!key || !hold_put_key(&bytes, span_of(key), 0) ||
        (job->words[2] && !span_int(span_of(job->words[2]), &count)) || count < 1 ||
        count > HOLD_KEYS_MAX) {
        answer_error(job, "keys: the name of a key and how often are expected", "BAD_REQUEST");
    } else if (answer_is_running(job)) {
        json_open(&b, '{');
        json_field_string(&b, "key", key);
        json_field_int(&b, "count", count);
        json_close(&b, '}');
        hold_send(&job->of->holder, HOLD_KEYS, buf_view(&b));
        answer_text(job, "sent");
    }
    buf_free(&bytes);
    buf_free(&b);
}

static void answer_rename(struct answer_job *job)
{
    buf title = {0};
    answer_put_rest(job, &title);
    if (!title.n || title.n > ANSWER_TITLE_MAX)
        answer_error(job, "rename: a title of 1 to 400 bytes is expected", "BAD_REQUEST");
    else if (session_rename(job->of, title.p) != 0)
        answer_error(job, strerror(errno), "NOT_WRITTEN");
    else
        answer_text(job, "renamed");
    buf_free(&title);
}

/* ---- showing a session to those who observe it ---------------------------------------------- */

/* The connection to the holder; it outlives its show by a pass. */
struct answer_view {
    struct hold_link link;
    struct answer_show *show; /* NULL: replaced, or over */
};

struct answer_show {
    struct answer_show *next, **link;
    struct answer *all;
    char id[65];
    struct answer_view *view;
    struct {
        char *name;
        long long until;
    } observers[ANSWER_OBSERVERS];
    int foreign;      /* the observation key is there: a TeleClaude daemon observes */
    buf bytes, size;  /* what goes out next; size is "" unless it is new */
    int snapshot;     /* bytes begin with one */
    long long number; /* of the last piece */
    long long flushed_at;
    int flying;
    struct loop_timer flush_timer;
};

static void answer_show_free(struct answer_show *show)
{
    if (show->flying || show->link)
        return;
    buf_free(&show->bytes);
    buf_free(&show->size);
    free(show);
}

static void answer_view_on_closed(void *ctx)
{
    free(ctx);
}

static void answer_view_close(struct answer_show *show)
{
    if (!show->view)
        return;
    show->view->show = NULL;
    hold_close(&show->view->link);
    show->view = NULL;
}

static void answer_show_end(struct answer_show *show)
{
    if (!show->link)
        return;
    *show->link = show->next;
    if (show->next)
        show->next->link = show->link;
    show->link = NULL;
    show->all->show_count--;
    loop_timer_stop(show->all->loop, &show->flush_timer);
    answer_view_close(show);
    for (int i = 0; i < ANSWER_OBSERVERS; i++)
        free(show->observers[i].name);
    answer_show_free(show);
}

static void answer_show_flush(struct answer_show *show);

static void answer_show_on_sent(void *ctx, const struct resp *reply)
{
    struct answer_show *show = ctx;
    (void)reply;
    show->flying--;
    if (!show->link)
        answer_show_free(show);
    else if (show->bytes.n && !show->flush_timer.slot)
        answer_show_flush(show);
}

/* Bytes of s that are whole characters: a reader may want text. */
static size_t answer_whole(span s)
{
    for (size_t back = 1; back <= 3 && back <= s.n; back++) {
        unsigned char c = (unsigned char)s.p[s.n - back];
        uint32_t cp;
        if (c >= 0xc0)
            return utf8_next(span_sub(s, s.n - back), &cp) == 0 ? s.n - back : s.n;
        if (c < 0x80)
            return s.n;
    }
    return s.n;
}

static void answer_show_flush(struct answer_show *show)
{
    struct answer *all = show->all;
    size_t n = answer_whole(buf_view(&show->bytes));
    char number[24], time[32];
    buf key = {0};
    if (!n || show->flying >= ANSWER_FLYING_MAX)
        return;
    buf_fmt(&key, "output:%s", show->id);
    link_put_time(time);
    snprintf(number, sizeof number, "%lld", ++show->number);
    span fields[12] = {span_of("chunk"), (span){show->bytes.p, n}, span_of("timestamp"),
                       span_of(time),    span_of("session_id"),    span_of(show->id),
                       span_of("n"),     span_of(number)};
    size_t count = 8;
    if (show->snapshot) {
        fields[count++] = span_of("snapshot");
        fields[count++] = span_of("1");
    }
    if (show->size.n) {
        fields[count++] = span_of("size");
        fields[count++] = buf_view(&show->size);
    }
    show->flying += link_add(&all->peers->link, buf_cstr(&key), ANSWER_OUTPUT_KEPT, fields, count,
                             60, answer_show_on_sent, show);
    show->flushed_at = all->loop->now;
    show->snapshot = 0;
    buf_clear(&show->size);
    buf_drop(&show->bytes, n);
    if (show->view && show->bytes.n < ANSWER_BACKLOG / 2)
        conn_pause(&show->view->link.conn, 0);
    buf_free(&key);
}

static void answer_show_on_due(void *ctx)
{
    answer_show_flush(ctx);
}

static void answer_view_on_frame(void *ctx, enum hold_frame type, span payload)
{
    struct answer_view *view = ctx;
    struct answer_show *show = view->show;
    if (!show || (type != HOLD_SIZE && type != HOLD_SNAPSHOT && type != HOLD_OUTPUT))
        return;
    if (type == HOLD_SIZE) {
        buf_clear(&show->size);
        buf_span(&show->size, payload);
        return;
    }
    if (type == HOLD_SNAPSHOT) { /* whatever was to go before it is in it */
        buf_clear(&show->bytes);
        show->snapshot = 1;
    }
    buf_span(&show->bytes, payload);
    long long due = show->flushed_at + ANSWER_FLUSH_MS;
    if (show->bytes.n >= ANSWER_CHUNK_MAX || show->all->loop->now >= due)
        answer_show_flush(show);
    if (show->bytes.n && !show->flush_timer.slot)
        loop_timer_set(show->all->loop, &show->flush_timer,
                       due > show->all->loop->now ? due : show->all->loop->now + ANSWER_FLUSH_MS);
    if (show->bytes.n > ANSWER_BACKLOG)
        conn_pause(&view->link.conn, 1); /* the holder notices, and skips to a snapshot */
}

static void answer_view_on_ended(void *ctx)
{
    struct answer_view *view = ctx;
    if (view->show) {
        view->show->view = NULL;
        answer_show_flush(view->show);
        answer_show_end(view->show);
    }
    answer_view_on_closed(view);
}

/* From a fresh snapshot on; 0: the holder can't be reached. */
static int answer_show_begin(struct answer_show *show, const struct session *s)
{
    static const char how[] = {HOLD_VIEW_SIZES};
    struct answer_view *view = base_alloc(sizeof *view);
    answer_view_close(show);
    view->show = show;
    view->link.on_frame = answer_view_on_frame;
    view->link.on_closed = answer_view_on_ended;
    view->link.ctx = view;
    if (hold_open(&view->link, show->all->loop, s->socket) != 0) {
        free(view);
        return 0;
    }
    show->view = view;
    hold_send(&view->link, HOLD_VIEW, (span){how, sizeof how});
    return 1;
}

static struct answer_show *answer_find_show(const struct answer *all, const char *id)
{
    struct answer_show *show = all->shows;
    while (show && strcmp(show->id, id) != 0)
        show = show->next;
    return show;
}

static struct answer_show *answer_new_show(struct answer *all, const char *id)
{
    if (all->show_count >= ANSWER_SHOWS_MAX)
        return NULL;
    struct answer_show *show = base_alloc(sizeof *show);
    show->all = all;
    snprintf(show->id, sizeof show->id, "%s", id);
    show->flush_timer = (struct loop_timer){.fn = answer_show_on_due, .ctx = show};
    show->next = all->shows;
    show->link = &all->shows;
    if (show->next)
        show->next->link = &show->next;
    all->shows = show;
    all->show_count++;
    if (!all->look_timer.slot)
        loop_timer_set(all->loop, &all->look_timer, all->loop->now + ANSWER_LOOK_MS);
    return show;
}

/* Notes until when `who` observes; until 0: not any more. How many do. */
static int answer_note_observer(struct answer_show *show, const char *who, long long until)
{
    long long now = show->all->loop->now;
    int free_place = -1, count = 0;
    for (int i = 0; i < ANSWER_OBSERVERS; i++) {
        char *name = show->observers[i].name;
        if (name && who && strcmp(name, who) == 0) {
            show->observers[i].until = until;
            who = NULL;
        }
        if (name && show->observers[i].until <= now) {
            free(name);
            show->observers[i].name = NULL;
        }
        if (show->observers[i].name)
            count++;
        else if (free_place < 0)
            free_place = i;
    }
    if (who && until > now && free_place >= 0) {
        show->observers[free_place].name = span_dup(span_of(who));
        show->observers[free_place].until = until;
        count++;
    }
    return count;
}

static void answer_observe(struct answer_job *job)
{
    struct answer *all = job->all;
    struct answer_show *show = answer_find_show(all, job->session);
    const char *how = job->words[1] ? job->words[1] : "begin";
    buf b = {0};
    int cols, rows;
    if (strcmp(how, "end") == 0) {
        if (show && answer_note_observer(show, job->who, 0) == 0 && !show->foreign)
            answer_show_end(show);
        answer_text(job, "ended");
        return;
    }
    if (!answer_is_running(job))
        return;
    int begins = !show || !show->view || strcmp(how, "renew") != 0;
    if (!show && !(show = answer_new_show(all, job->session))) {
        answer_error(job, "too many sessions are observed", "BUSY");
        return;
    }
    answer_note_observer(show, job->who, all->loop->now + ANSWER_OBSERVER_MS);
    if (begins && !answer_show_begin(show, job->of)) {
        answer_show_end(show);
        answer_error(job, "the session has ended", "ENDED");
        return;
    }
    session_size(job->of, &cols, &rows);
    json_open(&b, '{');
    json_field_int(&b, "cols", cols);
    json_field_int(&b, "rows", rows);
    json_close(&b, '}');
    answer_data(job, buf_view(&b));
    buf_free(&b);
}

/* Asked of a session by id: the answer may find it gone. */
struct answer_look {
    struct answer *all;
    char id[65];
};

static void answer_on_looked(void *ctx, int exists)
{
    struct answer_look *look = ctx;
    struct answer *all = look->all;
    struct answer_show *show = answer_find_show(all, look->id);
    const struct session *s = session_find(all->sessions, look->id);
    if (exists && !show && s && s->holder.open && !session_has_exited(s) &&
        (show = answer_new_show(all, look->id)) && !answer_show_begin(show, s)) {
        answer_show_end(show);
        show = NULL;
    }
    if (show) {
        show->foreign = exists;
        if (!exists && answer_note_observer(show, NULL, 0) == 0)
            answer_show_end(show);
    }
    free(look);
}

static void answer_look(struct answer *all, const char *id)
{
    struct answer_look *look = base_alloc(sizeof *look);
    buf key = {0};
    look->all = all;
    snprintf(look->id, sizeof look->id, "%s", id);
    buf_fmt(&key, "observation:%s:%s", all->config->computer, id);
    if (!link_exists(&all->peers->link, buf_cstr(&key), answer_on_looked, look))
        free(look);
    buf_free(&key);
}

static void answer_on_look_due(void *ctx)
{
    struct answer *all = ctx;
    for (struct answer_show *show = all->shows, *next; show; show = next) {
        next = show->next;
        if (show->foreign)
            answer_look(all, show->id);
        else if (answer_note_observer(show, NULL, 0) == 0)
            answer_show_end(show);
    }
    if (all->shows)
        loop_timer_set(all->loop, &all->look_timer, all->loop->now + ANSWER_LOOK_MS);
}

/* A TeleClaude daemon that observes says so by a key alone, and only one that is interested in
 * sessions can observe one. */
static void answer_on_activity(void *ctx, const char *id)
{
    struct answer *all = ctx;
    struct session *s = session_find(all->sessions, id);
    if (!s || !peers_is_heard_abroad(all->peers) || answer_find_show(all, id) ||
        all->loop->now < s->looked_at + ANSWER_ACTIVITY_MS)
        return;
    s->looked_at = all->loop->now;
    answer_look(all, id);
}

/* ---- the table ------------------------------------------------------------------------------ */

enum { ANSWER_SESSION = 1, ANSWER_CHANGES = 2 };

static const struct answer_command {
    const char *name;
    int flags; /* is about a session; changes something here */
    void (*run)(struct answer_job *job);
} answer_commands[] = {
    {"list_sessions", 0, answer_list_sessions},
    {"list_projects", 0, answer_list_projects},
    {"list_todos", 0, answer_list_todos},
    {"get_computer_info", 0, answer_get_computer_info},
    {"get_session_data", ANSWER_SESSION, answer_get_session_data},
    {"screen", ANSWER_SESSION, answer_screen},
    {"observe", ANSWER_SESSION, answer_observe},
    {"new_session", ANSWER_CHANGES, answer_new_session},
    {"message", ANSWER_SESSION | ANSWER_CHANGES, answer_message},
    {"type", ANSWER_SESSION | ANSWER_CHANGES, answer_message_part},
    {"end_session", ANSWER_SESSION | ANSWER_CHANGES, answer_end_session},
    {"restore_session", ANSWER_CHANGES, answer_restore_session},
    {"cd", ANSWER_SESSION | ANSWER_CHANGES, answer_cd},
    {"agent", ANSWER_SESSION | ANSWER_CHANGES, answer_agent},
    {"keys", ANSWER_SESSION | ANSWER_CHANGES, answer_keys},
    {"rename", ANSWER_SESSION | ANSWER_CHANGES, answer_rename},
};

/* By its first word, whatever else is wrong with it. NULL: there is no such command. */
static const struct answer_command *answer_find(span command)
{
    command = span_trim(command, " \t\r\n");
    if (command.n && command.p[0] == '/')
        command = span_sub(command, 1);
    size_t n = 0;
    while (n < command.n && !strchr(" \t\r\n", command.p[n]))
        n++;
    for (size_t i = 0; i < COUNT_OF(answer_commands); i++)
        if (span_eq((span){command.p, n}, answer_commands[i].name))
            return &answer_commands[i];
    return NULL;
}

static int answer_changes(void *ctx, const struct peers_request *request)
{
    (void)ctx;
    const struct answer_command *command = answer_find(request->fields.command);
    return !span_eq(request->fields.type, "system") && command && (command->flags & ANSWER_CHANGES);
}

static void answer_run(struct answer_job *job, const struct answer_command *command)
{
    struct answer *all = job->all;
    const struct fleet_request *r = job->fields;
    char *id = span_dup(r->session_id.n ? r->session_id : span_of(job->words[1]));
    if (command->flags & ANSWER_SESSION) {
        job->of = session_find(all->sessions, id);
        snprintf(job->session, sizeof job->session, "%.64s", id);
    }
    free(id);
    if ((command->flags & ANSWER_CHANGES) &&
        !fleet_is_allowed(all->config->allow, span_of(job->who))) {
        log_line(LOG_WARN, "%s may not %s here ([peers] allow)", job->who, command->name);
        answer_error(job, "this computer does not allow that ([peers] allow)", "FORBIDDEN");
    } else if ((command->flags & ANSWER_SESSION) && !job->of) {
        answer_error(job, "Session not found", "NOT_FOUND");
    } else {
        command->run(job);
    }
}

static void answer_system(struct answer_job *job)
{
    const struct fleet_request *r = job->fields;
    log_line(LOG_INFO, "system message of %.*s, not for telec: %.*s",
             (int)(r->from.n < 80 ? r->from.n : 80), r->from.n ? r->from.p : "",
             (int)(r->command.n < 80 ? r->command.n : 80), r->command.n ? r->command.p : "");
    answer_error(job, "telec takes no system messages", "NO_HANDLER");
}

static void answer_on_request(void *ctx, const struct peers_request *request)
{
    struct answer *all = ctx;
    const struct fleet_request *r = &request->fields;
    const struct answer_command *command = answer_find(r->command);
    struct answer_job *job = base_alloc(sizeof *job);
    job->all = all;
    job->id = request->id;
    job->fields = r;
    job->who = span_dup(r->initiator);
    job->next = all->jobs;
    job->link = &all->jobs;
    if (job->next)
        job->next->link = &job->next;
    all->jobs = job;
    all->jobs_count++;
    char **words = job->words = fleet_words(r->command);
    if (all->jobs_count > ANSWER_JOBS_MAX)
        answer_error(job, "too many requests are under way", "BUSY");
    else if (span_eq(r->type, "system"))
        answer_system(job);
    else if (!command)
        answer_error(job, "no handler for that command", "NO_HANDLER");
    else if (!words)
        answer_error(job, "the command's quotes do not close", "BAD_REQUEST");
    else
        answer_run(job, command);
    free(words);
}

static const struct peers_hooks answer_peers_hooks = {answer_changes, answer_on_request,
                                                      answer_on_activity};

static void answer_init(struct answer *all, struct loop *l, const struct config *config,
                        struct cache *cache, struct sessions *sessions, struct projects *projects,
                        struct peers *peers)
{
    *all = (struct answer){.loop = l,
                           .config = config,
                           .cache = cache,
                           .sessions = sessions,
                           .projects = projects,
                           .peers = peers};
    all->look_timer = (struct loop_timer){.fn = answer_on_look_due, .ctx = all};
    peers_start(peers, &answer_peers_hooks, all);
}

static int answer_is_busy(const struct answer *all)
{
    return all->jobs != NULL;
}

static void answer_free(struct answer *all)
{
    while (all->shows) {
        struct answer_view *view = all->shows->view;
        all->shows->view = NULL;
        if (view)
            hold_abandon(&view->link);
        free(view);
        answer_show_end(all->shows);
    }
    while (all->jobs)
        answer_end(all->jobs);
}
