#include "private.h"

/* native - the id of an agent's conversation, from the file in which it keeps what it was told.
 * Several agents may write there: an entry must have this session's last message or directory, or,
 * when the user has typed it, be of that time. */

#define NATIVE_FILE_MAX (4 << 20) /* bytes; of a longer file its end is read */
#define NATIVE_TYPED_MS 3000      /* from a key to the entry */
#define NATIVE_OWN_MS 3000        /* from a key to its prompt's hook */

struct native_search {
    const struct agents_history *names;
    const char *text;            /* of the entry; NULL: any */
    long long since, until;      /* wall clock, ms */
    buf id;
    int ids;                     /* different ones that fit */
};

static const char *native_get_env(char *const *env, const char *name)
{
    size_t n = strlen(name);
    for (; env && *env; env++)
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
            return *env + n + 1;
    return env ? NULL : getenv(name);
}

static void native_init(struct holder *h, const struct agents_row *row, char *const *env,
                        const char *directory)
{
    const struct agents_history *names = row ? &row->history : NULL;
    buf path = {0};
    if (!names || !names->file)
        return;
    const char *home = native_get_env(env, "HOME"),
               *own = native_get_env(env, names->log ? names->variable : row->hooks.variable);
    if (own && *own)
        buf_fmt(&path, "%s%s%s", own, names->log ? "" : row->hooks.in_variable, names->file);
    else if (home && *home)
        buf_fmt(&path, "%s%s%s", home, names->log ? names->in_home : row->hooks.in_home,
                names->file);
    h->history = path.p;
    h->history_names = names;
    h->history_text = names->log && directory ? realpath(directory, NULL) : NULL;
    h->started_at = clock_wall_ms();
}

static void native_look_at_entry(struct native_search *s, struct json entry)
{
    struct json id = json_get(entry, s->names->id), time = json_get(entry, s->names->time);
    long long at = 0;
    buf known = {0};
    if (json_int(time, &at))
        at = at * 1000 + 999; /* whole seconds */
    else
        json_time(time, &at);
    buf_span(&known, buf_view(&s->id));
    int fits = json_type(id) == JSON_STRING && at >= s->since && at <= s->until &&
               (!s->text || json_text_eq(json_get(entry, s->names->text), s->text));
    if (fits && !(known.n && json_text_eq(id, buf_cstr(&known)))) {
        buf_clear(&s->id);
        json_put_text(&s->id, id);
        s->ids++;
    }
    buf_free(&known);
}

/* Rewrites a log's row as JSON. Returns 0: it tells of no session. */
static int native_read_row(const struct agents_history *names, span row, buf *object)
{
    for (span words = span_of(names->log); words.n;) {
        span word = span_cut(&words, '|');
        size_t at = 0;
        while (at + word.n <= row.n && memcmp(row.p + at, word.p, word.n) != 0)
            at++;
        if (at + word.n > row.n)
            return 0;
    }
    json_open(object, '{');
    while (row.n) {
        span key = span_cut(&row, '=');
        int quoted = span_starts(row, "\"");
        row = span_sub(row, (size_t)quoted);
        span value = span_cut(&row, quoted ? '"' : ' ');
        json_put_string(object, span_trim(key, " "));
        buf_byte(object, ':');
        json_put_string(object, value);
    }
    json_close(object, '}');
    return 1;
}

static void native_look_at_row(struct native_search *s, span row)
{
    struct json value;
    buf object = {0};
    if (s->names->log && native_read_row(s->names, row, &object))
        row = buf_view(&object);
    if (json_read(row, &value))
        native_look_at_entry(s, value);
    buf_free(&object);
}

/* A file is an array, or has an entry a row. */
static void native_look_at_file(struct native_search *s, const char *path)
{
    struct json value;
    buf text = {0};
    if (os_read_end(&text, path, NATIVE_FILE_MAX) == 0) {
        span rest = buf_view(&text);
        if (rest.n && rest.p[0] == '[' && json_read(rest, &value))
            for (struct json_iter it = json_iter(value); json_next(&it);)
                native_look_at_entry(s, it.value);
        else
            while (rest.n)
                native_look_at_row(s, span_cut(&rest, '\n'));
    }
    buf_free(&text);
}

/* "*" stands for all directories. */
static void native_look_at_path(struct native_search *s, const char *path)
{
    const char *star = strchr(path, '*');
    buf above = {0};
    if (!star) {
        native_look_at_file(s, path);
        return;
    }
    buf_add(&above, path, (size_t)(star - path));
    DIR *dir = opendir(buf_cstr(&above));
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.') {
            buf one = {0};
            buf_fmt(&one, "%s%s%s", above.p, entry->d_name, star + 1);
            native_look_at_file(s, one.p);
            buf_free(&one);
        }
    if (dir)
        closedir(dir);
    buf_free(&above);
}

static void native_search(struct holder *h, const char *text, long long since, long long until)
{
    struct native_search s = {h->history_names, text, since, until, {0}, 0};
    native_look_at_path(&s, h->history);
    if (s.ids == 1)
        buf_span(&h->native_id, buf_view(&s.id));
    buf_free(&s.id);
}

/* Of several in one directory, that of the last message's time. */
static void native_look(struct holder *h)
{
    if (!h->history || h->native_id.n)
        return;
    long long at = h->submitted_at > h->typed_at ? h->submitted_at : h->typed_at;
    long long typed = clock_wall_ms() - (h->loop.now - at);
    char *told = h->history_text ? span_dup(span_of(h->history_text))
                 : h->last_input.n ? span_dup(buf_view(&h->last_input)) : NULL;
    if (told)
        native_search(h, told, h->started_at, LLONG_MAX);
    if (!told || (h->history_text && !h->native_id.n))
        native_search(h, told, typed - NATIVE_TYPED_MS, typed + NATIVE_TYPED_MS);
    free(told);
}

static int native_is_shared(const struct holder *h)
{
    return h->history && !h->history_names->log;
}

static int native_same(span text, const buf *b)
{
    return text.n == b->n && (!text.n || memcmp(text.p, b->p, text.n) == 0);
}

static int native_accept(struct holder *h, struct json id, int is_prompt, span text)
{
    buf known = {0};
    int own = (h->messages && native_same(text, &h->messages->text)) ||
              native_same(text, &h->first_argument) ||
              h->loop.now - h->typed_at < NATIVE_OWN_MS;
    native_look(h);
    buf_span(&known, buf_view(&h->native_id));
    int same = known.n && json_text_eq(id, buf_cstr(&known));
    buf_free(&known);
    return same || (is_prompt && text.n && own);
}
