#include "session.h"

/* ended - sessions that were ended or dismissed and whose agent's conversation can be resumed.
 *
 * STATE/ended/ID/ has record.json and exit.json of such a session, without its log, until it is
 * restarted; ENDED_DAYS long, and the last ENDED_MAX of them. */

#ifndef ENDED_MAX
#define ENDED_MAX 200
#endif
#define ENDED_DAYS 30

struct ended {
    char *id;
    long long at; /* wall clock, s: when its directory was changed last */
};

static char *ended_dir(const char *state, const char *id)
{
    buf b = {0};
    buf_fmt(&b, "%s/ended/%s", state, id);
    return b.p;
}

static int ended_is_newer(const void *a, const void *b)
{
    const struct ended *x = a, *y = b;
    return x->at != y->at ? (x->at < y->at) - (x->at > y->at) : strcmp(x->id, y->id);
}

/* Appends them to *all, the newest first. Returns their number. */
static size_t ended_list(const char *state, struct ended **all)
{
    char *path = store_path(state, "ended");
    DIR *dir = opendir(path);
    struct dirent *entry;
    size_t n = 0;
    while (dir && (entry = readdir(dir))) {
        struct stat st;
        char *one = ended_dir(state, entry->d_name);
        if (store_id_is_plain(entry->d_name) && lstat(one, &st) == 0 && S_ISDIR(st.st_mode)) {
            *all = base_grow(*all, (n + 1) * sizeof **all);
            (*all)[n++] = (struct ended){base_dup(entry->d_name), st.st_mtime};
        }
        free(one);
    }
    if (dir)
        closedir(dir);
    free(path);
    if (n)
        base_sort(*all, n, sizeof **all, ended_is_newer);
    return n;
}

static void ended_free(struct ended *all, size_t n)
{
    while (n)
        free(all[--n].id);
    free(all);
}

static void ended_expire(const char *state)
{
    struct ended *all = NULL;
    size_t n = ended_list(state, &all);
    long long oldest = clock_wall_ms() / 1000 - ENDED_DAYS * 24 * 3600;
    for (size_t i = 0; i < n; i++)
        if (i >= ENDED_MAX || all[i].at < oldest) {
            char *dir = ended_dir(state, all[i].id);
            store_remove_leaving(dir);
            free(dir);
        }
    ended_free(all, n);
}

static int ended_keep(const char *state, const char *id)
{
    static const char *const logs[] = {"log", "log.1", "log.2", STORE_HOLDER_LOCK};
    char *from = store_session_dir(state, id), *to = ended_dir(state, id);
    char *root = store_path(state, "ended");
    int status = store_make_dir(root);
    if (status == 0)
        store_remove_leaving(to);
    if (status == 0 && (status = rename(from, to)) == 0)
        for (size_t i = 0; i < COUNT_OF(logs); i++) {
            char *path = store_path(to, logs[i]);
            unlink(path);
            free(path);
        }
    if (status == 0)
        ended_expire(state);
    free(from), free(to), free(root);
    return status;
}

static int ended_revive(const char *state, const char *id)
{
    char *from = ended_dir(state, id), *to = store_session_dir(state, id);
    int status = store_id_is_plain(id) ? rename(from, to) : -1;
    free(from), free(to);
    return status;
}

/* Appends members of an object that are among `keys`. */
static void ended_put_members(struct json object, const char *const *keys, size_t count, buf *b)
{
    for (size_t i = 0; i < count; i++) {
        struct json value = json_get(object, keys[i]);
        if (json_type(value) != JSON_NONE) {
            json_field_raw(b, keys[i], value.text);
        }
    }
}

static void ended_put_list(const char *state, const char *computer, buf *b)
{
    static const char *const of_record[] = {
        "session_id", "title", "working_directory", "active_agent", "mode", "thinking_mode",
        "native_session_id", "created_at", "initiator_session_id"};
    static const char *const of_exit[] = {"state", "state_source", "state_since", "state_text",
                                          "last_activity", "last_input", "last_output",
                                          "exit_code"};
    struct ended *all = NULL;
    size_t n = ended_list(state, &all);
    json_open(b, '[');
    for (size_t i = 0; i < n; i++) {
        char *dir = ended_dir(state, all[i].id);
        buf record = {0}, end = {0};
        struct json value = {0};
        if (store_read(dir, "record.json", &record) == 0 &&
            json_read(buf_view(&record), &value)) {
            json_open(b, '{');
            ended_put_members(value, of_record, COUNT_OF(of_record), b);
            store_read(dir, "exit.json", &end);
            json_read(buf_view(&end), &value);
            ended_put_members(value, of_exit, COUNT_OF(of_exit), b);
            json_field_string(b, "computer", computer);
            json_field_string(b, "restart", "resume");
            json_field_time(b, "ended_at", all[i].at * 1000);
            json_close(b, '}');
        }
        buf_free(&record), buf_free(&end);
        free(dir);
    }
    json_close(b, ']');
    ended_free(all, n);
}
