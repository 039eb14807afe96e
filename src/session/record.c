#include "session.h"

/* record - a session's record and last status, on disk and in the cache.
 *
 * A session is a directory with a record, and a holder while its program runs. A record is on disk
 * before its session is announced. Each change goes to the cache as a whole object: the record's
 * members, then the status's. */

#define RECORD_NATIVE_ID_MAX 200 /* bytes */

/* ---- the session object --------------------------------------------------------------------- */

static void record_put(const struct session *s, buf *b)
{
    json_field_string(b, "session_id", s->id);
    json_field_string(b, "origin_adapter", "rest");
    json_field_string(b, "title", s->title);
    json_field_string(b, "working_directory", s->directory);
    /* TeleClaude expects a word */
    json_field_string(b, "thinking_mode", s->mode ? s->mode : "slow");
    json_field_string(b, "mode", s->mode);
    json_field_string(b, "active_agent", s->agent);
    json_field_string(b, "command", s->command);
    json_field_time(b, "created_at", s->created_at);
    json_field_string(b, "initiator_session_id", s->initiator);
}

static int record_names_conversation(const struct config_agent *agent)
{
    const struct agents_row *row = agents_find(agent->name);
    const char *const options[] = {row ? row->conversation : "--session-id|--resume|--continue",
                                   agent->session_id, agent->resume};
    char **words = config_words(span_of(agent->command));
    int found = 0;
    for (char **word = words; word && *word; word++) {
        (*word)[strcspn(*word, "=")] = '\0';
        for (size_t i = 0; **word && i < COUNT_OF(options); i++)
            for (span rest = span_of(options[i]); rest.n && !found;)
                found = span_eq(span_trim(span_cut(&rest, '|'), "="), *word);
    }
    free(words);
    return found;
}

static int record_resumes(const struct session *s)
{
    const struct config_agent *agent = s->agent ? config_agent(s->owner->config, s->agent) : NULL;
    return agent && agent->resume && *agent->resume && s->native_id &&
           !record_names_conversation(agent);
}

static struct session **record_session(const struct sessions *all,
                                       const struct cache_session *object)
{
    return cache_data(object, all->cache_place);
}

/* Writes the part of the object that does not come from the holder. */
static void record_renew(struct session *s)
{
    const struct sessions *all = s->owner;
    buf_clear(&s->record);
    record_put(s, &s->record);
    if (!s->tells_native_id && s->native_id)
        json_field_string(&s->record, "native_session_id", s->native_id);
    json_field_string(&s->record, "computer", all->config->computer);
    json_field_string(&s->record, "status", "active");
    json_field_string(&s->record, "restart", record_resumes(s) ? "resume" : "fresh");
    json_field_null(&s->record, "tmux_session_name");
    const char *branch = all->find_branch ? all->find_branch(all->branch_ctx, s) : NULL;
    if (branch)
        json_field_string(&s->record, "branch", branch);
}

static void record_uncache(struct session *s)
{
    if (s->cached)
        cache_remove(s->owner->cache, s->id);
    s->cached = NULL;
}

static void record_changed(struct session *s)
{
    struct sessions *all = s->owner;
    if (s->hidden) {
        if (s->cached && s->end_at > clock_wall_ms())
            s->cached->undo_s = (int)((s->end_at - clock_wall_ms() + 999) / 1000);
        record_uncache(s);
        return;
    }
    if (!s->record.n)
        record_renew(s);
    /* the status is a checked object; its members follow */
    int has_members = s->status.n > sizeof "{}" - 1;
    span object[4] = {span_of("{"), buf_view(&s->record), span_of(has_members ? "," : ""),
                     has_members ? span_sub(buf_view(&s->status), 1) : span_of("}")};
    if (s->cached) {
        cache_update(all->cache, s->cached, object, COUNT_OF(object), all->loop->now);
    } else {
        cache_remove(all->cache, s->id); /* another computer's of this id */
        s->cached = cache_put(all->cache, s->id, all->config->computer, object, COUNT_OF(object),
                              all->loop->now);
        *record_session(all, s->cached) = s;
        const struct session *next = s->next; /* one whose end was undone comes to its place */
        while (next && !next->cached)
            next = next->next;
        if (next)
            cache_move_before(all->cache, s->cached, next->cached);
    }
    if (all->on_changed)
        all->on_changed(all->changed_ctx, s);
}

static void record_branch_changed(struct session *s)
{
    buf_clear(&s->record);
    if (s->cached)
        record_changed(s);
}

/* ---- records -------------------------------------------------------------------------------- */

static int record_disk_answers(const struct session *s)
{
    int answers = disk_answers(s->owner->config->disk);
    errno = answers ? errno : ETIMEDOUT;
    return answers;
}

static int record_write(const struct session *s, int starts)
{
    int status = -1;
    buf record = {0};
    if (!record_disk_answers(s))
        return -1;
    json_open(&record, '{');
    record_put(s, &record);
    json_field_string(&record, "native_session_id", s->native_id);
    json_field_null(&record, "end_at"); /* store_put_end has it: for an older telec */
    json_field_string(&record, "machine", s->machine);
    json_field_string(&record, "host", s->host);
    json_field_string(&record, "boot", s->boot);
    json_field_string(&record, "socket", s->socket);
    json_close(&record, '}');
    errno = EFBIG; /* a record that can't be read again must not be announced */
    if (record.n <= STORE_RECORD_MAX)
        status = (starts ? store_write_unsynced : store_write)(s->dir, "record.json",
                                                               buf_view(&record));
    buf_free(&record);
    return status;
}

/* Safe on a command line, to be freed; NULL: none. */
static char *record_dup_native_id(struct json value)
{
    char *id = json_dup_text(value);
    size_t n = id ? strlen(id) : 0, plain = 0;
    while (plain < n && (isalnum((unsigned char)id[plain]) || strchr("-_.:", id[plain])))
        plain++;
    if (n && plain == n && n <= RECORD_NATIVE_ID_MAX && isalnum((unsigned char)id[0]))
        return id;
    free(id);
    return NULL;
}

/* Writes the id as soon as it is known: else the conversation can't be resumed. */
static void record_learn_native_id(struct session *s, struct json status)
{
    struct json told = json_get(status, "native_session_id");
    char *id = record_dup_native_id(told);
    if (s->tells_native_id != (json_type(told) == JSON_STRING)) {
        s->tells_native_id = json_type(told) == JSON_STRING;
        buf_clear(&s->record);
    }
    if (!id || (s->native_id && strcmp(s->native_id, id) == 0) || !record_disk_answers(s)) {
        free(id);
        return;
    }
    free(s->native_id);
    s->native_id = id;
    buf_clear(&s->record);
    if (record_write(s, 0) != 0)
        log_line(LOG_WARN, "cannot write %s/record.json: %s", s->dir, strerror(errno));
}

/* A status can't change a session's identity. */
static int record_is_of_record(struct json key)
{
    static const char *const keys[] = {
        "session_id", "origin_adapter",    "title",        "working_directory",
        "mode",       "thinking_mode",     "active_agent", "command",
        "created_at", "initiator_session_id", "computer",  "status",
        "tmux_session_name", "branch"};
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        if (JSON_MAY_BE(key, keys[i]) && json_text_eq(key, keys[i]))
            return 1;
    return 0;
}

static void record_set_status(struct session *s, span status)
{
    struct json parsed;
    if (!json_read(status, &parsed) || json_type(parsed) != JSON_OBJECT)
        return;
    if (!s->status.n) /* a later one may be older than our last request */
        s->hidden = s->end_at > 0 || (s->end_at == SESSION_END_UNKNOWN &&
                                      json_is(parsed, "hidden", JSON_TRUE));
    record_learn_native_id(s, parsed);
    buf_clear(&s->status);
    json_open(&s->status, '{');
    for (struct json_iter it = json_iter(parsed); json_next(&it);)
        if (!record_is_of_record(it.key)) {
            json_put_raw(&s->status, it.key.text);
            buf_byte(&s->status, ':');
            json_put_raw(&s->status, it.value.text);
        }
    json_close(&s->status, '}');
}

static int record_has_exited(const struct session *s)
{
    struct json status = {buf_view(&s->status)}; /* checked before */
    return s->status.n && json_member_eq(status, "state", "exited");
}

static void record_set_own_status(struct session *s, enum state_kind kind,
                                  enum state_source source, const char *text)
{
    struct json old;
    long long now = clock_wall_ms();
    buf status = {0};
    json_read(buf_view(&s->status), &old);
    json_open(&status, '{');
    json_field_string(&status, "state", state_name(kind));
    json_field_string(&status, "state_source", state_source_name(source));
    json_field_time(&status, "state_since", now);
    json_field_string(&status, "state_text", text);
    json_field_bool(&status, "unseen",
                    kind == STATE_EXITED || json_is(old, "unseen", JSON_TRUE));
    if (json_type(old) != JSON_OBJECT)
        json_field_time(&status, "last_activity", now);
    for (struct json_iter it = json_iter(old); json_next(&it);) {
        static const char *const kept[] = {"last_activity", "last_input", "last_output",
                                           "native_session_id", "cols", "rows"};
        for (size_t i = 0; i < COUNT_OF(kept); i++)
            if (json_text_eq(it.key, kept[i])) {
                json_field_raw(&status, kept[i], it.value.text);
            }
    }
    json_field_null(&status, "exit_code");
    json_close(&status, '}');
    record_set_status(s, buf_view(&status));
    buf_free(&status);
}

static void record_set_lost(struct session *s, enum life life)
{
    if (life == LIFE_LOST)
        record_set_own_status(s, STATE_EXITED, STATE_BY_LOSS, "lost with the computer");
    else
        record_set_own_status(s, STATE_EXITED, STATE_BY_EXIT, "its holder was killed");
    if (store_write_unsynced(s->dir, "exit.json", buf_view(&s->status)) != 0)
        log_line(LOG_WARN, "cannot write %s/exit.json: %s", s->dir, strerror(errno));
}

static int record_read_exit(struct session *s)
{
    buf text = {0};
    int found = store_read(s->dir, "exit.json", &text) == 0;
    if (found) {
        record_set_status(s, buf_view(&text));
        store_clean(s->dir, "exit.json");
    }
    buf_free(&text);
    return found && record_has_exited(s);
}

static int record_recover_exit(struct session *s)
{
    char *exit = store_path(s->dir, "exit.json"), *last = store_path(s->dir, STORE_LAST_EXIT);
    int restored = rename(last, exit) == 0 && record_read_exit(s);
    free(exit), free(last);
    return restored;
}

static void record_discard_exit(const struct session *s)
{
    char *last = store_path(s->dir, STORE_LAST_EXIT);
    unlink(last);
    free(last);
}

/* An older telec wrote the end into the record: "ending", "end_at". */
static void record_load_end(struct session *s, struct json record)
{
    long long end = -1;
    if (json_is(record, "ending", JSON_TRUE))
        end = 0;
    else
        json_time(json_get(record, "end_at"), &end);
    if (end >= 0 && store_put_end(s->dir, end) == 0)
        record_write(s, 0);
    end = end >= 0 ? end : store_find_end(s->dir);
    s->ending = end == 0;
    s->end_at = end > 0                                         ? end
                : json_is(record, "end_at", JSON_NONE) ? SESSION_END_UNKNOWN
                                                               : 0;
}

static int record_load(struct session *s)
{
    const struct {
        const char *key;
        char **place;
    } strings[] = {{"title", &s->title},
                   {"working_directory", &s->directory},
                   {"active_agent", &s->agent},
                   {"mode", &s->mode},
                   {"initiator_session_id", &s->initiator},
                   {"command", &s->command},
                   {"machine", &s->machine},
                   {"host", &s->host},
                   {"boot", &s->boot}};
    buf text = {0};
    struct json record;
    store_clean(s->dir, "record.json");
    int missing = store_read(s->dir, "record.json", &text) != 0 && errno == ENOENT;
    json_read(buf_view(&text), &record);
    for (size_t i = 0; i < COUNT_OF(strings); i++)
        *strings[i].place = json_dup_member(record, strings[i].key);
    if (json_is(record, "mode", JSON_NONE)) /* a record of an older version */
        s->mode = json_dup_member(record, "thinking_mode");
    s->native_id = record_dup_native_id(json_get(record, "native_session_id"));
    json_time(json_get(record, "created_at"), &s->created_at);
    char *socket = json_dup_member(record, "socket");
    if (socket && *socket == '/') {
        free(s->socket);
        s->socket = socket;
    } else {
        free(socket);
    }
    int ok = s->title && s->directory;
    if (ok)
        record_load_end(s, record);
    buf_free(&text);
    return ok ? 1 : missing ? 0 : -1;
}
