#include "session.h"

/* sessions - this computer's sessions: their records, their holders, adoption, ends.
 *
 * A session is a directory with a record, and a holder while its program runs. A record is on disk
 * before its session is announced. A starting daemon connects to the holder of every record; a
 * record without a holder is an exited session (exit.json says how), or one that was lost with the
 * computer. Each change goes to the cache as a whole object: the record's members, then the
 * status's. */

#ifndef SESSION_ADOPT_MS
#define SESSION_ADOPT_MS 1000     /* for all holders to answer a starting daemon */
#endif
#define SESSION_TITLE_MAX 400     /* bytes */
#define SESSION_NATIVE_ID_MAX 200 /* bytes */
#ifndef SESSION_UNDO_GRACE_MS
#define SESSION_UNDO_GRACE_MS 500 /* for an undo in the last moment */
#endif

/* ---- the session object --------------------------------------------------------------------- */

/* Appends the record's members. */
static void session_put_record(const struct session *s, buf *b)
{
    json_field_string(b, "session_id", s->id);
    json_field_string(b, "origin_adapter", "rest");
    json_field_string(b, "title", s->title);
    json_field_string(b, "working_directory", s->directory);
    /* TeleClaude expects a word */
    json_field_string(b, "thinking_mode", s->mode || !s->agent ? s->mode : "slow");
    json_field_string(b, "mode", s->mode);
    json_field_string(b, "active_agent", s->agent);
    json_field_string(b, "command", s->command);
    json_field_time(b, "created_at", s->created_at);
    json_field_string(b, "initiator_session_id", s->initiator);
}

/* Returns the place of the session of an object in the cache; it is NULL for another computer's. */
static struct session **session_of(const struct sessions *all, const struct cache_session *object)
{
    return cache_data(object, all->cache_place);
}

/* Writes the members that don't come from the holder; for a change of one of them. */
static void session_renew_record(struct session *s)
{
    buf_clear(&s->record);
    session_put_record(s, &s->record);
    if (!s->tells_native_id && s->native_id)
        json_field_string(&s->record, "native_session_id", s->native_id);
    json_field_string(&s->record, "computer", s->owner->config->computer);
    json_field_string(&s->record, "status", "active");
    json_field_null(&s->record, "tmux_session_name");
}

/* Takes the session out of the cache, but never another computer's of the same id. */
static void session_uncache(struct session *s)
{
    if (s->cached)
        cache_remove(s->owner->cache, s->id);
    s->cached = NULL;
}

/* Gives the cache a new object after a change. */
static void session_changed(struct session *s)
{
    struct sessions *all = s->owner;
    if (s->hidden) {
        session_uncache(s);
        return;
    }
    if (!s->record.n)
        session_renew_record(s);
    /* the status is a checked object; its members follow */
    int has_members = s->status.n > sizeof "{}" - 1;
    span object[] = {span_of("{"), buf_view(&s->record), span_of(has_members ? "," : ""),
                     has_members ? span_sub(buf_view(&s->status), 1) : span_of("}")};
    if (s->cached) {
        cache_update(all->cache, s->cached, object, COUNT_OF(object), all->loop->now);
    } else {
        cache_remove(all->cache, s->id); /* another computer's of this id */
        s->cached = cache_put(all->cache, s->id, all->config->computer, object, COUNT_OF(object),
                              all->loop->now);
        *session_of(all, s->cached) = s;
    }
}

/* ---- records -------------------------------------------------------------------------------- */

static int session_write(const struct session *s)
{
    int status = -1;
    buf record = {0};
    json_open(&record, '{');
    session_put_record(s, &record);
    json_field_string(&record, "native_session_id", s->native_id);
    json_field_bool(&record, "ending", s->ending);
    if (s->end_at > 0)
        json_field_time(&record, "end_at", s->end_at);
    else
        json_field_null(&record, "end_at");
    json_close(&record, '}');
    errno = EFBIG; /* a record that can't be read again must not be announced */
    if (record.n <= STORE_RECORD_MAX)
        status = store_write(s->dir, "record.json", buf_view(&record));
    buf_free(&record);
    return status;
}

/* Returns an id that is safe on a command line, to be freed; NULL: none. */
static char *session_dup_native_id(struct json value)
{
    char *id = json_dup_text(value);
    size_t n = id ? strlen(id) : 0, plain = 0;
    while (plain < n && (isalnum((unsigned char)id[plain]) || strchr("-_.:", id[plain])))
        plain++;
    if (n && plain == n && n <= SESSION_NATIVE_ID_MAX && isalnum((unsigned char)id[0]))
        return id;
    free(id);
    return NULL;
}

/* Keeps a status's native_session_id. It is on disk from the moment it is known: only with it can
 * the conversation be resumed. */
static void session_learn_native_id(struct session *s, struct json status)
{
    struct json told = json_get(status, "native_session_id");
    char *id = session_dup_native_id(told);
    if (s->tells_native_id != (told.type == JSON_STRING)) {
        s->tells_native_id = told.type == JSON_STRING;
        buf_clear(&s->record);
    }
    if (!id || (s->native_id && strcmp(s->native_id, id) == 0)) {
        free(id);
        return;
    }
    free(s->native_id);
    s->native_id = id;
    if (session_write(s) != 0)
        log_line(LOG_WARN, "cannot write %s/record.json: %s", s->dir, strerror(errno));
}

static void session_set_status(struct session *s, span status)
{
    struct json parsed;
    if (json_parse(status, &parsed, NULL, NULL) != PARSE_DONE || parsed.type != JSON_OBJECT)
        return;
    if (!s->status.n) /* a later status may be older than our last request */
        s->hidden = s->end_at > 0 || json_get(parsed, "hidden").type == JSON_TRUE;
    session_learn_native_id(s, parsed);
    struct json_iter members = json_iter(parsed);
    buf_clear(&s->status); /* without white space around it; "{ }" becomes "{}" */
    buf_span(&s->status, json_next(&members) ? parsed.text : span_of("{}"));
}

static int session_has_exited(const struct session *s)
{
    struct json status = {JSON_OBJECT, buf_view(&s->status)}; /* checked before */
    return s->status.n && json_text_eq(json_get(status, "state"), "exited");
}

/* Sets the state of a session whose holder was killed, or whose computer restarted. */
static void session_set_lost(struct session *s)
{
    struct json old = {0};
    long long now = clock_wall_ms();
    buf status = {0};
    json_parse(buf_view(&s->status), &old, NULL, NULL);
    json_open(&status, '{');
    for (struct json_iter it = json_iter(old); json_next(&it);) {
        static const char *const kept[] = {"last_activity", "last_input", "last_output", "cols",
                                           "rows"};
        for (size_t i = 0; i < COUNT_OF(kept); i++)
            if (json_text_eq(it.key, kept[i])) {
                json_key(&status, kept[i]);
                json_put_raw(&status, it.value.text);
            }
    }
    json_field_string(&status, "state", "exited");
    json_field_string(&status, "state_source", "exit");
    json_field_time(&status, "state_since", now);
    if (old.type != JSON_OBJECT)
        json_field_time(&status, "last_activity", now);
    json_field_null(&status, "state_text");
    json_field_bool(&status, "unseen", 1);
    json_field_null(&status, "exit_code");
    json_close(&status, '}');
    session_set_status(s, buf_view(&status));
    store_write(s->dir, "exit.json", buf_view(&status));
    buf_free(&status);
}

/* Reads exit.json, the last status of a session. Returns 1, or 0: its holder wrote none. */
static int session_read_exit(struct session *s)
{
    buf text = {0};
    int found = store_read(s->dir, "exit.json", &text) == 0;
    if (found) {
        session_set_status(s, buf_view(&text));
        store_clean(s->dir, "exit.json");
    }
    buf_free(&text);
    return found && session_has_exited(s);
}

/* ---- the list ------------------------------------------------------------------------------- */

static struct session *session_find(const struct sessions *all, const char *id)
{
    const struct cache_session *known = cache_find(all->cache, id);
    return known ? *session_of(all, known) : NULL;
}

static char *session_socket(const struct sessions *all, const char *id)
{
    buf b = {0};
    buf_fmt(&b, "%s/%s.sock", all->config->holders, id);
    return b.p;
}

static struct session *session_new(struct sessions *all, const char *id)
{
    struct session *s = base_alloc(sizeof *s);
    s->owner = all;
    s->id = span_dup(span_of(id));
    s->dir = store_session_dir(all->config->state, id);
    s->socket = session_socket(all, id);
    s->created_at = clock_wall_ms();
    LIST_PUSH(all->last, s);
    all->last = &s->next;
    all->count++;
    return s;
}

/* Takes a session out of the list and frees it; its holder link is closed. */
static void session_delete(struct session *s)
{
    if (!s->next)
        s->owner->last = s->link;
    loop_timer_cancel(s->owner->loop, &s->end_timer);
    LIST_REMOVE(s);
    s->owner->count--;
    char *const strings[] = {s->id,    s->dir,  s->socket,    s->title,  s->directory,
                             s->agent, s->mode, s->initiator, s->command,
                             s->native_id};
    for (size_t i = 0; i < COUNT_OF(strings); i++)
        free(strings[i]);
    buf_free(&s->status);
    buf_free(&s->record);
    free(s);
}

/* ---- ends ----------------------------------------------------------------------------------- */

static void session_cancel_wait(struct session_waiter *waiter)
{
    LIST_REMOVE(waiter);
}

static void session_remove(struct session *s)
{
    struct sessions *all = s->owner;
    store_remove_session(all->config->state, s->id);
    unlink(s->socket);
    session_uncache(s);
    s->hidden = 0; /* session_find_hidden must not find it from within a waiter */
    log_line(LOG_INFO, "session %s: removed", s->id);
    while (s->waiters) {
        struct session_waiter *waiter = s->waiters;
        session_cancel_wait(waiter);
        waiter->ended(waiter->ctx);
    }
    session_delete(s);
}

static void session_end(struct session *s, struct session_waiter *waiter)
{
    LIST_PUSH(&s->waiters, waiter);
    if (!s->holder.open) {
        session_remove(s);
        return;
    }
    if (!s->ending) {
        s->ending = 1; /* on disk first: a daemon that dies now finishes this at its next start */
        if (session_write(s) != 0)
            log_line(LOG_WARN, "cannot write %s/record.json: %s", s->dir, strerror(errno));
    }
    holder_link_send(&s->holder, FRAME_END, (span){0});
}

static void session_on_end_timer(void *ctx)
{
    session_remove(ctx);
}

/* Hides a session until end_at. Then its holder ends it; an exited one, which has none, is removed
 * from here. */
static void session_hide(struct session *s)
{
    long long left = s->end_at - clock_wall_ms();
    buf request = {0};
    left = (left > 0 ? left : 0) + SESSION_UNDO_GRACE_MS;
    frame_put_end_undoably(&request, left);
    holder_link_send(&s->holder, FRAME_END_UNDOABLY, buf_view(&request));
    buf_free(&request);
    s->end_timer.fn = session_on_end_timer;
    s->end_timer.ctx = s;
    if (!s->holder.open)
        loop_timer_set(s->owner->loop, &s->end_timer, s->owner->loop->now + left);
    s->hidden = 1;
    session_changed(s);
}

/* Writes the time of a hidden session's end: the next daemon keeps to it, too. */
static void session_write_end(struct session *s, long long end_at)
{
    s->end_at = end_at;
    if (session_write(s) != 0)
        log_line(LOG_WARN, "cannot write %s/record.json: %s", s->dir, strerror(errno));
}

static void session_end_undoably(struct session *s, int undo_s)
{
    session_write_end(s, clock_wall_ms() + undo_s * 1000LL);
    session_hide(s);
}

static struct session *session_find_hidden(const struct sessions *all, const char *id)
{
    struct session *s = all->first;
    while (s && (!s->hidden || strcmp(s->id, id) != 0))
        s = s->next;
    return s;
}

static void session_undo_end(struct session *s)
{
    holder_link_send(&s->holder, FRAME_UNDO_END, (span){0});
    loop_timer_cancel(s->owner->loop, &s->end_timer);
    session_write_end(s, 0);
    s->hidden = 0;
    session_changed(s);
}

/* ---- holders -------------------------------------------------------------------------------- */

static void session_adopted(struct sessions *all)
{
    if (all->adopting == 0 || --all->adopting > 0)
        return;
    loop_timer_cancel(all->loop, &all->adopt_timer);
    all->ready(all->ready_ctx);
}

/* The pending call of session_create. */
struct session_creating {
    struct session *session;
    void (*done)(void *ctx, struct session *s, const char *error);
    void *ctx;
};

/* Announces a session: its first status has come, or it has ended already. */
static void session_created(struct session *s)
{
    struct session_creating *creating = s->creating;
    s->creating = NULL;
    log_line(LOG_INFO, "session %s started in %s: %s", s->id, s->directory,
             s->command ? s->command : s->agent);
    creating->done(creating->ctx, s, NULL);
    free(creating);
}

static void session_on_frame(void *ctx, enum frame_type type, span payload)
{
    struct session *s = ctx;
    int first = s->status.n == 0;
    if (type != FRAME_STATUS)
        return;
    session_set_status(s, payload);
    if (first && s->hidden && s->end_at == 0) /* the daemon before died while it undid an end */
        session_undo_end(s);
    session_changed(s);
    if (s->creating)
        session_created(s);
    else if (first)
        session_adopted(s->owner);
}

static void session_on_link_closed(void *ctx)
{
    struct session *s = ctx;
    int first = s->status.n == 0;
    struct sessions *all = s->owner;
    if (!session_has_exited(s) && !session_read_exit(s)) {
        log_line(LOG_WARN, "session %s: its holder exited without a status", s->id);
        session_set_lost(s);
    }
    int creating = s->creating != NULL;
    if (!s->ending)
        session_changed(s);
    if (creating)
        session_created(s);
    if (s->hidden && s->end_at > clock_wall_ms()) /* it exited before the end */
        session_hide(s);
    else if (s->ending || s->hidden)
        session_remove(s);
    if (first && !creating)
        session_adopted(all);
}

static void session_set_link_hooks(struct session *s)
{
    s->holder.on_frame = session_on_frame;
    s->holder.on_closed = session_on_link_closed;
    s->holder.ctx = s;
}

static int session_connect(struct session *s)
{
    session_set_link_hooks(s);
    if (holder_link_open(&s->holder, s->owner->loop, s->socket) != 0)
        return -1;
    holder_link_send(&s->holder, FRAME_SUBSCRIBE, (span){0});
    return 0;
}

/* An exited session has no holder: its exit.json keeps this. */
static void session_set_seen(struct session *s)
{
    struct json status;
    buf now = {0};
    if (s->holder.open && !session_has_exited(s)) {
        holder_link_send(&s->holder, FRAME_SEEN, (span){0});
        return;
    }
    if (json_parse(buf_view(&s->status), &status, NULL, NULL) != PARSE_DONE ||
        json_get(status, "unseen").type != JSON_TRUE)
        return;
    json_open(&now, '{');
    for (struct json_iter it = json_iter(status); json_next(&it);) {
        buf key = {0};
        json_put_text(&key, it.key);
        json_key(&now, buf_cstr(&key));
        json_put_raw(&now, span_eq(buf_view(&key), "unseen") ? span_of("false") : it.value.text);
        buf_free(&key);
    }
    json_close(&now, '}');
    if (store_write(s->dir, "exit.json", buf_view(&now)) == 0) {
        session_set_status(s, buf_view(&now));
        session_changed(s);
    }
    buf_free(&now);
}

static void session_send_event(struct session *s, span event_json)
{
    holder_link_send(&s->holder, FRAME_EVENT, event_json);
}

static int session_rename(struct session *s, const char *title)
{
    char *old = s->title;
    s->title = span_dup(span_of(title));
    if (session_write(s) != 0) {
        free(s->title);
        s->title = old;
        return -1;
    }
    free(old);
    buf_clear(&s->record);
    session_changed(s);
    return 0;
}

static int session_size(const struct session *s, int *cols, int *rows)
{
    struct json status;
    long long c = 80, r = 24;
    int known = json_parse(buf_view(&s->status), &status, NULL, NULL) == PARSE_DONE &&
                json_int(json_get(status, "cols"), &c) && json_int(json_get(status, "rows"), &r);
    *cols = (int)c;
    *rows = (int)r;
    return known;
}

static void session_text(const struct session *s, buf *out)
{
    int cols, rows;
    session_size(s, &cols, &rows);
    holder_log_text(s->dir, cols, rows, out);
}

static void session_put_transcript(const struct sessions *all, const char *id, span text,
                                   long long tail_chars, buf *b)
{
    static const char *const members[][2] = {{"project_dir", "working_directory"},
                                             {"created_at", "created_at"},
                                             {"last_activity", "last_activity"}};
    const struct cache_session *known = cache_find(all->cache, id);
    struct json object = {0};
    if (known)
        json_parse(buf_view(&known->json), &object, NULL, NULL);
    json_open(b, '{');
    json_field_string(b, "status", "success");
    json_field_string(b, "session_id", id);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        struct json value = json_get(object, members[i][1]);
        json_key(b, members[i][0]);
        json_put_raw(b, value.type == JSON_NONE ? span_of("null") : value.text);
    }
    json_key(b, "messages");
    json_put_string(b, utf8_tail(text, tail_chars));
    json_close(b, '}');
}

/* ---- creating ------------------------------------------------------------------------------- */

static void session_not_created(struct session *s, const char *why)
{
    struct session_creating *creating = s->creating;
    store_remove_session(s->owner->config->state, s->id);
    session_delete(s);
    creating->done(creating->ctx, NULL, why);
    free(creating);
}

static void session_on_launched(void *ctx, const char *error)
{
    struct session *s = ctx;
    if (error) {
        session_not_created(s, error);
    } else if (!s->holder.open) {
        if (!session_read_exit(s)) {
            session_not_created(s, "the session ended before it could be reached");
            return;
        }
        session_changed(s);
        session_created(s);
    }
}

static char *session_dup(const char *s)
{
    return s ? span_dup(span_of(s)) : NULL;
}

static char *session_quoted(char *const *argv)
{
    buf b = {0};
    for (size_t i = 0; argv[i]; i++) {
        if (i)
            buf_byte(&b, ' ');
        config_put_quoted(&b, argv[i]);
    }
    buf_cstr(&b);
    return b.p;
}

/* One string, to be split by config_words. An option that ends with = is of one word with the id. */
static void session_put_agent_command(const struct config_agent *agent, int mode,
                                      const char *option, const char *id, const char *message,
                                      buf *b)
{
    buf_str(b, agent->command);
    if (mode >= 0 && agent->flags[mode])
        buf_fmt(b, " %s", agent->flags[mode]);
    if (id && option && *option)
        buf_fmt(b, " %s%s%s", option, option[strlen(option) - 1] == '=' ? "" : " ", id);
    if (!message || !agent->prompt)
        return;
    buf_byte(b, ' ');
    buf_str(b, agent->prompt);
    buf_byte(b, ' ');
    config_put_quoted(b, message);
}

/* Fills the record from the plan. */
static void session_fill(struct session *s, const struct session_plan *plan)
{
    int from_message = plan->message && plan->message[0] == '/';
    s->title = session_dup(plan->title ? plan->title : from_message ? plan->message : "Untitled");
    if (strlen(s->title) > SESSION_TITLE_MAX)
        s->title[SESSION_TITLE_MAX] = '\0';
    s->directory = session_dup(plan->directory);
    s->agent = plan->command ? NULL : session_dup(plan->agent);
    s->mode = plan->command ? NULL : session_dup(plan->mode);
    s->initiator = session_dup(plan->initiator);
    s->command = plan->command ? session_quoted(plan->command) : NULL;
}

static const struct config_agent *sessions_agent(struct sessions *all, const char *name)
{
    config_renew_agents(all->config);
    return config_agent(all->config, name);
}

/* Tells whether a configured command names its conversation itself. */
static int session_names_conversation(const char *line)
{
    static const char *const options[] = {"--session-id", "--resume", "--continue", "-r", "-c"};
    char **words = config_words(span_of(line));
    int found = 0;
    for (char **word = words; word && *word; word++)
        for (size_t i = 0; i < COUNT_OF(options); i++) {
            size_t n = strlen(options[i]);
            found |= strncmp(*word, options[i], n) == 0 && strchr("=", (*word)[n]);
        }
    free(words);
    return found;
}

/* Chooses the id of a new conversation, where the agent takes one. */
static void session_choose_native_id(struct session *s, const struct config_agent *agent)
{
    char id[37];
    if (!agent->session_id || !*agent->session_id || session_names_conversation(agent->command))
        return;
    os_uuid(id);
    s->native_id = span_dup(span_of(id));
}

static const char *session_agent_fault(const struct config_agent *agent, char **argv)
{
    if (!agent)
        return "no such agent is configured";
    if (!argv || !argv[0])
        return "the agent's configured command is not a command line";
    return config_on_path(argv[0]) ? NULL : "not installed (its program is not on PATH)";
}

static void session_create(struct sessions *all, const struct session_plan *plan,
                           void (*done)(void *ctx, struct session *s, const char *error), void *ctx)
{
    const struct config_agent *agent =
        plan->command ? NULL : sessions_agent(all, plan->agent);
    int mode = agents_mode(plan->mode);
    buf line = {0}, error = {0};
    char **argv = NULL;
    char id[37];
    os_uuid(id);
    struct session *s = session_new(all, id);
    session_fill(s, plan);
    if (agent) {
        session_choose_native_id(s, agent);
        session_put_agent_command(agent, mode, agent->session_id, s->native_id, plan->message,
                                  &line);
        argv = config_words(buf_view(&line));
    }
    const char *fault = plan->command ? NULL : session_agent_fault(agent, argv);
    if (fault)
        buf_fmt(&error, "%s: %s", plan->agent, fault);
    else if (store_make_dir(s->dir) != 0 || session_write(s) != 0)
        buf_fmt(&error, "cannot write %s/record.json: %s", s->dir, strerror(errno));
    if (error.n) {
        store_remove_session(all->config->state, id);
        session_delete(s);
        done(ctx, NULL, buf_cstr(&error));
    } else {
        struct session_creating *creating = base_alloc(sizeof *creating);
        *creating = (struct session_creating){s, done, ctx};
        s->creating = creating;
        struct holder_spec spec = {.id = s->id,
                                 .binary = config_program(all->config),
                                 .socket = s->socket,
                                 .state_dir = s->dir,
                                 .api_socket = all->config->socket,
                                 .argv = plan->command ? plan->command : argv,
                                 .agent = s->agent,
                                 .directory = s->directory,
                                 .env = plan->env,
                                 .umask = plan->umask,
                                 .cols = plan->cols,
                                 .rows = plan->rows,
                                 .typed = agent && agent->prompt ? NULL : plan->message,
                                 .last_input = plan->message,
                                 .native_id = s->native_id};
        session_set_link_hooks(s);
        holder_launch(all->loop, all->config->program, &spec, &s->holder, session_on_launched, s);
    }
    buf_free(&line);
    buf_free(&error);
    free(argv);
}

/* ---- adoption ------------------------------------------------------------------------------- */

static int session_load(struct session *s)
{
    const struct {
        const char *key;
        char **place;
    } strings[] = {{"title", &s->title},
                   {"working_directory", &s->directory},
                   {"active_agent", &s->agent},
                   {"mode", &s->mode},
                   {"initiator_session_id", &s->initiator},
                   {"command", &s->command}};
    buf text = {0};
    struct json record = {0};
    store_clean(s->dir, "record.json");
    if (store_read(s->dir, "record.json", &text) == 0)
        json_parse(buf_view(&text), &record, NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(strings); i++)
        *strings[i].place = json_dup_text(json_get(record, strings[i].key));
    if (json_get(record, "mode").type == JSON_NONE) /* a record of an older version */
        s->mode = json_dup_text(json_get(record, "thinking_mode"));
    s->native_id = session_dup_native_id(json_get(record, "native_session_id"));
    json_time(json_get(record, "created_at"), &s->created_at);
    s->ending = json_get(record, "ending").type == JSON_TRUE;
    s->end_at = json_get(record, "end_at").type == JSON_NONE ? SESSION_END_UNKNOWN : 0;
    json_time(json_get(record, "end_at"), &s->end_at);
    int ok = s->title && s->directory;
    buf_free(&text);
    return ok;
}

/* Takes session_set_lost back: the holder had not listened yet. */
static void session_unlose(struct session *s)
{
    buf path = {0};
    buf_fmt(&path, "%s/exit.json", s->dir);
    unlink(buf_cstr(&path));
    buf_free(&path);
    buf_clear(&s->status);
}

static void session_adopt(void *ctx, const char *id)
{
    struct sessions *all = ctx;
    struct session *s = session_new(all, id);
    if (!session_load(s)) {
        log_line(LOG_WARN, "%s has no readable record.json: ignored", s->dir);
        rmdir(s->dir); /* removes only an empty one: its record was never written */
        session_delete(s);
        return;
    }
    int lost = 0;
    if (!session_read_exit(s)) {
        int connected = session_connect(s) == 0;
        if (!connected && !session_read_exit(s)) { /* nor has it ended just now */
            session_set_lost(s);
            lost = 1;
            connected = session_connect(s) == 0; /* see holder_is_given_up */
        }
        if (connected) {
            if (lost)
                session_unlose(s);
            all->adopting++;
            if (s->ending)
                holder_link_send(&s->holder, FRAME_END, (span){0});
            else if (s->end_at > 0)
                session_hide(s);
            return;
        }
    }
    if (s->ending || (s->hidden && s->end_at <= 0))
        session_remove(s);
    else if (s->end_at > 0)
        session_hide(s);
}

static int session_is_older(const void *a, const void *b)
{
    const struct session *x = *(struct session *const *)a, *y = *(struct session *const *)b;
    return x->created_at < y->created_at ? -1 : x->created_at > y->created_at;
}

/* Directories come in any order; the list is by age. Announces every session. */
static void sessions_sort(struct sessions *all)
{
    struct session **array = base_alloc((all->count + 1) * sizeof *array);
    size_t n = 0;
    for (struct session *s = all->first; s; s = s->next)
        array[n++] = s;
    qsort(array, n, sizeof *array, session_is_older);
    all->first = NULL;
    all->last = &all->first;
    for (size_t i = 0; i < n; i++) {
        LIST_PUSH(all->last, array[i]);
        all->last = &array[i]->next;
    }
    free(array);
    for (struct session *s = all->first; s; s = s->next)
        session_changed(s);
}

static void session_adopt_late(void *ctx)
{
    struct sessions *all = ctx;
    log_line(LOG_WARN, "%zu holders have not answered in time", all->adopting);
    all->adopting = 0;
    all->ready(all->ready_ctx);
}

static void sessions_init(struct sessions *all, struct loop *l, struct config *config,
                          struct cache *cache, void (*ready)(void *ctx), void *ctx)
{
    *all = (struct sessions){
        .loop = l, .config = config, .cache = cache, .ready = ready, .ready_ctx = ctx};
    all->last = &all->first;
    all->cache_place = cache_reserve(cache, sizeof(struct session *));
    all->adopt_timer = (struct loop_timer){.fn = session_adopt_late, .ctx = all};
    all->adopting = 1; /* this function itself */
    store_each_session(config->state, session_adopt, all);
    sessions_sort(all);
    loop_timer_set(l, &all->adopt_timer, l->now + SESSION_ADOPT_MS);
    session_adopted(all);
}

static void sessions_free(struct sessions *all)
{
    while (all->first) {
        struct session *s = all->first;
        holder_link_cancel(&s->holder);
        session_delete(s);
    }
}
