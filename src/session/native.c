#include "private.h"

/* native - the id of an agent's conversation, from the file in which it keeps what it was told.
 * Several agents may write there: an entry must have this session's last message or directory, or,
 * when the user has typed it, be of that time. A process reads the file (telec native): a home may
 * answer after seconds. */

#define NATIVE_FILE_MAX (4 << 20) /* bytes; of a longer file its end is read */
#define NATIVE_TYPED_MS 3000      /* from a key to the entry */
#define NATIVE_OWN_MS 3000        /* from a key to its prompt's hook */
#define NATIVE_LATE_MS 20000      /* to read the file */

struct native_search {
    const struct agents_history *names;
    uint32_t text;               /* digest of the entry's text; 0: any */
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
    h->history_of = row;
    h->history_text = names->log && directory ? realpath(directory, NULL) : NULL;
    h->started_at = clock_wall_ms();
}

/* FNV-1a. A holder passes it to its program's file, which may be a newer one: it never changes. */
static uint32_t native_hash(span s)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 16777619u;
    return h;
}

static int native_has_text(const struct native_search *s, struct json entry)
{
    buf text = {0};
    json_put_member(&text, entry, s->names->text);
    int has = native_hash(buf_view(&text)) == s->text;
    buf_free(&text);
    return has;
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
               (!s->text || native_has_text(s, entry));
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

static void native_search(struct native_search s, const char *path, buf *id)
{
    native_look_at_path(&s, path);
    if (s.ids == 1)
        buf_span(id, buf_view(&s.id));
    buf_free(&s.id);
}

/* Finds, of several entries in one directory, that of the last message's time. */
static void native_find(const struct agents_history *names, const char *path, uint32_t text,
                        long long started, long long typed, buf *id)
{
    if (text)
        native_search((struct native_search){names, text, started, LLONG_MAX, {0}, 0}, path, id);
    if (!id->n && (!text || names->log))
        native_search((struct native_search){names, text, typed - NATIVE_TYPED_MS,
                                             typed + NATIVE_TYPED_MS, {0}, 0}, path, id);
}

/* AGENT FILE TEXT STARTED TYPED; writes the id. */
static int native_main(char *const *args)
{
    const struct agents_row *row = agents_find(args[0]);
    long long n[3];
    buf id = {0};
    for (int i = 0; i < 3; i++)
        if (!row || !row->history.file || !span_int(span_of(args[2 + i]), &n[i]))
            return 2;
    native_find(&row->history, args[1], (uint32_t)n[0], n[1], n[2], &id);
    int status = base_write(1, buf_view(&id)) != 0;
    buf_free(&id);
    return status;
}

/* ---- the holder's side ---------------------------------------------------------------------- */

static void native_on_found(void *ctx, enum output_fault fault, int status, span id)
{
    struct holder *h = ctx;
    h->looking = NULL;
    if (!h->native_id.n && fault == OUTPUT_WHOLE && status == 0)
        buf_span(&h->native_id, id);
    loop_defer(&h->loop, &h->looked_task);
}

static void native_look(struct holder *h)
{
    static const struct output_limits limits = {HOLDER_NATIVE_ID_MAX, NATIVE_LATE_MS, 0};
    char numbers[3][24];
    if (!h->history || h->native_id.n || h->looking)
        return;
    long long at = h->submitted_at > h->typed_at ? h->submitted_at : h->typed_at;
    long long typed = clock_wall_ms() - (h->loop.now - at);
    span told = h->history_text ? span_of(h->history_text) : buf_view(&h->last_input);
    const long long values[] = {told.n ? native_hash(told) : 0, h->started_at,
                                typed > 0 ? typed : 0};
    for (int i = 0; i < 3; i++)
        base_fmt(numbers[i], sizeof numbers[i], "%lld", values[i]);
    char *argv[] = {h->program, "native", (char *)h->history_of->name, h->history,
                    numbers[0], numbers[1], numbers[2], NULL};
    if (h->program)
        h->looking = output_read(&h->loop, argv, &limits, native_on_found, h);
    if (!h->looking) /* no process can be started */
        native_find(&h->history_of->history, h->history, (uint32_t)values[0], values[1], values[2],
                    &h->native_id);
}

static int native_is_shared(const struct holder *h)
{
    return h->history && !h->history_of->history.log;
}

static int native_same(span text, const buf *b)
{
    return text.n == b->n && (!text.n || memcmp(text.p, b->p, text.n) == 0);
}

static int native_accept(struct holder *h, struct json id, int is_prompt, span text)
{
    int own = (h->messages && native_same(text, &h->messages->text)) ||
              native_same(text, &h->first_argument) ||
              (!h->looked && h->loop.now - h->typed_at < NATIVE_OWN_MS);
    if (is_prompt && text.n && own)
        return 1;
    if (!h->looked)
        native_look(h);
    if (h->looking && !h->looked)
        return -1;
    return h->native_id.n && json_text_eq(id, buf_cstr(&h->native_id));
}
