#include "cli.h"

/* context - a command's context: its options, its output, and its requests to the daemon.
 *
 * Results go to stdout, messages to stderr. A request blocks until its reply is there: a command
 * has nothing else to do meanwhile. */

/* ---- output --------------------------------------------------------------------------------- */

static int context_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf shown = {0};
    char line[1024];
    base_vfmt(line, sizeof line, format, args);
    va_end(args);
    buf_str(&shown, "telec: ");
    utf8_put_visible(&shown, span_of(line));
    buf_byte(&shown, '\n');
    base_write(STDERR_FILENO, buf_view(&shown));
    buf_free(&shown);
    return 1;
}

static int context_usage(const char *what, const char *about)
{
    context_fail("%s: %s (see 'telec help')", about, what);
    return 2;
}

static int context_write(buf *b)
{
    int failed = base_write(STDOUT_FILENO, buf_view(b));
    buf_free(b);
    return failed ? context_fail("cannot write the output: %s", strerror(errno)) : 0;
}

/* ---- requests ------------------------------------------------------------------------------- */

static void context_on_reply(void *ctx, int status, span body, const char *error)
{
    struct context *c = ctx;
    (void)body;
    c->replied = 1;
    c->status = status;
    buf_free(&c->body);
    if (error) {
        buf_str(&c->body, error);
        return;
    }
    c->body = *c->client.body; /* `body`, taken: it may be long */
    *c->client.body = (buf){0};
}

static void context_send(struct context *c, const char *method, const char *target,
                         const buf *body)
{
    c->replied = 0;
    client_request(&c->client, method, target, body ? buf_view(body) : (span){0}, context_on_reply,
                   c);
    while (!c->replied)
        loop_once(&c->loop);
}

static struct json context_reply(const struct context *c)
{
    struct json reply;
    json_read(buf_view(&c->body), &reply);
    return reply;
}

static int context_check(struct context *c)
{
    if (c->status == 0)
        return context_fail("%s", buf_cstr(&c->body));
    if (c->status < 400 && !c->client.foreign)
        return 0;
    struct json reply = context_reply(c), why = json_get(reply, "message");
    int failed = c->client.foreign && json_member_eq(reply, "status", "error");
    if (c->status < 400 && !failed)
        return 0;
    int unknown = c->client.foreign && (c->status == 404 || c->status == 405);
    char *detail = !failed ? client_detail(buf_view(&c->body))
                           : json_dup_text(json_type(why) ? why : json_get(reply, "error"));
    context_fail("%s%s", detail ? detail : "the daemon gave no reason",
                 unknown ? " (this is a TeleClaude daemon)" : "");
    free(detail);
    return 1;
}

static int context_ask(struct context *c, const char *method, const char *target, const buf *body)
{
    context_send(c, method, target, body);
    return context_check(c);
}

static void context_on_late(void *ctx)
{
    struct context *c = ctx;
    c->replied = 1;
}

static int context_post(struct context *c, const char *target, const buf *body, int ms)
{
    struct loop_timer timer = {.fn = context_on_late, .ctx = c};
    c->client.may_start = 0;
    c->replied = 0;
    c->status = 0;
    loop_timer_in(&c->loop, &timer, ms);
    client_request(&c->client, "POST", target, buf_view(body), context_on_reply, c);
    while (!c->replied)
        loop_once(&c->loop);
    loop_timer_cancel(&c->loop, &timer);
    return c->status >= 200 && c->status < 300;
}

static int context_check_computer(struct context *c, const char *name)
{
    int found = 0;
    buf kept = c->body;
    c->body = (buf){0};
    if (context_ask(c, "GET", CONTEXT_COMPUTERS, NULL) == 0)
        for (struct json_iter it = json_iter(context_reply(c)); json_next(&it);)
            found |= json_member_eq(it.value, "name", name);
    buf_free(&c->body);
    c->body = kept;
    return found || strcmp(name, "local") == 0
               ? 0
               : context_fail("%s: no computer has that name ('telec computers' shows them)", name);
}

static int context_get_listing(struct context *c, const char *target)
{
    buf query = {0};
    const char *computer = c->value['o'];
    buf_str(&query, target);
    client_put_computer(&query, computer);
    int failed = context_ask(c, "GET", buf_cstr(&query), NULL);
    buf_free(&query);
    return failed || (computer && span_eq(buf_view(&c->body), "[]") &&
                      context_check_computer(c, computer));
}

/* ---- sessions by their id or title ----------------------------------------------------------- */

struct context_name {
    char *id, *title;
    int untitled;
};

static struct json context_title(struct json session, int *untitled)
{
    static const char *const others[] = {"program_title", "last_input", "command",
                                         "active_agent"};
    struct json title = json_get(session, "title");
    *untitled = json_text_eq(title, "Untitled");
    for (size_t i = 0; i < COUNT_OF(others) && json_text_eq(title, "Untitled"); i++)
        if (json_is(session, others[i], JSON_STRING))
            title = json_get(session, others[i]);
    return title;
}

static void context_free_names(struct context_name *names)
{
    for (struct context_name *name = names; name && name->id; name++)
        free(name->id), free(name->title);
    free(names);
}

/* Returns the names of the sessions that GET `list` gives, ended by an id NULL; NULL after a
 * message. */
static struct context_name *context_list_names(struct context *c, const char *list)
{
    size_t count = 0;
    if (context_get_listing(c, list) != 0)
        return NULL;
    for (struct json_iter it = json_iter(context_reply(c)); json_next(&it);)
        count++;
    struct context_name *names = base_alloc((count + 1) * sizeof *names);
    count = 0;
    for (struct json_iter it = json_iter(context_reply(c)); json_next(&it);)
        if ((names[count].id = json_dup_member(it.value, "session_id"))) {
            struct json title = context_title(it.value, &names[count].untitled);
            names[count++].title = json_dup_text(title);
        }
    return names;
}

/* Counts the sessions that a word names: by the whole id, which is then the only one, or by the
 * first characters of it, or by the title; only if there is none, by what a list shows as title.
 * *match is the last one. */
static int context_count_matches(const char *word, const struct context_name *names,
                                 const char **match)
{
    const char *untitled = NULL;
    int count = 0, untitled_count = 0;
    size_t n = strlen(word);
    for (; names->id; names++) {
        int is_title = names->title && strcmp(names->title, word) == 0;
        if (strcmp(names->id, word) == 0) {
            *match = names->id;
            return 1;
        }
        if ((n >= CONTEXT_ID_MIN && strncmp(names->id, word, n) == 0) ||
            (is_title && !names->untitled)) {
            *match = names->id;
            count++;
        } else if (is_title) {
            untitled = names->id;
            untitled_count++;
        }
    }
    *match = count ? *match : untitled;
    return count ? count : untitled_count;
}

/* Returns the id of the session that a word names, to be freed; "" after a message; NULL: there is
 * none, which the last list tells. */
static char *context_match(const char *word, const struct context_name *names, int last)
{
    const char *match = NULL;
    int matches = context_count_matches(word, names, &match);
    if (matches == 1 && *word)
        return base_dup(match);
    if (!matches && !last)
        return NULL;
    if (matches)
        context_fail("%s: %d sessions have that; give more of the id", word, matches);
    else
        context_fail(strlen(word) < CONTEXT_ID_MIN
                         ? "%s: no session has that title; of an id give 4 characters or more"
                         : "%s: no session has that id or title ('telec list' shows them)", word);
    return span_dup((span){0});
}

/* Searches the lists, the next one only for what is in none before it: other computers cost up to a
 * second. */
static int context_find_listed(struct context *c, const char *const *lists, size_t list_count,
                               char *const *words, int count, char **found)
{
    int missing = count, failed = 0;
    memset(found, 0, (size_t)count * sizeof *found);
    for (size_t k = 0; k < list_count && missing; k++) {
        struct context_name *names = context_list_names(c, lists[k]);
        failed |= names == NULL;
        for (int i = missing = 0; names && i < count; i++) {
            if (!found[i])
                found[i] = context_match(words[i], names, k == list_count - 1);
            missing += !found[i];
        }
        context_free_names(names);
    }
    for (int i = 0; i < count; i++)
        if (found[i] && !*found[i]) {
            free(found[i]);
            found[i] = NULL;
            failed = 1;
        }
    return failed;
}

static int context_find_many(struct context *c, char *const *words, int count, char **found)
{
    static const char *const lists[] = {"/sessions", CONTEXT_ALL_SESSIONS};
    return context_find_listed(c, lists, COUNT_OF(lists), words, count, found);
}

static int context_find(struct context *c, const char *word, buf *target)
{
    char *words[] = {(char *)(uintptr_t)word}, *id;
    if (context_find_many(c, words, 1, &id) != 0)
        return 1;
    client_put_target(target, id, "", NULL);
    buf_cstr(target);
    free(id);
    return 0;
}

static int context_find_many_ended(struct context *c, char *const *words, int count,
                                   char **found)
{
    static const char *const lists[] = {"/sessions", CONTEXT_ENDED_SESSIONS, CONTEXT_ALL_SESSIONS};
    size_t here = !c->value['o']; /* only this computer's ended sessions are known */
    if (here)
        return context_find_listed(c, lists, COUNT_OF(lists), words, count, found);
    return context_find_many(c, words, count, found);
}

/* Finds the session in the list, for a TeleClaude daemon gives none alone. */
static int context_get_listed(struct context *c, const char *id)
{
    buf found = {0};
    if (context_ask(c, "GET", "/sessions", NULL) != 0)
        return 1;
    for (struct json_iter it = json_iter(context_reply(c)); json_next(&it);)
        if (!found.n && json_member_eq(it.value, "session_id", id))
            buf_span(&found, it.value.text);
    if (!found.n)
        return context_fail("%s: the session is gone", id);
    buf_free(&c->body);
    c->body = found;
    return 0;
}

static int context_get(struct context *c, buf *target)
{
    return c->client.foreign ? context_get_listed(c, target->p + strlen("/sessions/"))
                             : context_get_listing(c, buf_cstr(target));
}

struct context_search {
    const char *prefix;
    char *id;
    int found;
};

static void context_search_one(void *ctx, const char *id)
{
    struct context_search *search = ctx;
    size_t n = strlen(search->prefix);
    if (n < CONTEXT_ID_MIN || strncmp(id, search->prefix, n) != 0)
        return;
    search->found++;
    free(search->id);
    search->id = base_dup(id);
}

static char *context_find_on_disk(const struct context *c, const char *prefix)
{
    struct context_search search = {.prefix = prefix};
    store_each_session(c->config.state, context_search_one, &search);
    if (search.found == 1)
        return search.id;
    free(search.id);
    return NULL;
}

static void context_put_lines(buf *b, span text)
{
    while (text.n) {
        size_t before = text.n;
        span line = span_cut(&text, '\n');
        utf8_put_visible(b, line);
        if (line.n < before)
            buf_byte(b, '\n');
    }
}

static span context_tail(const struct context *c, span text)
{
    long long chars = CONTEXT_CHARS, lines = 0;
    if (c->value['n'])
        span_int(span_of(c->value['n']), &chars);
    if (!c->value['l'])
        return utf8_tail(text, chars);
    span_int(span_of(c->value['l']), &lines);
    size_t at = text.n;
    while (at > 0 && (lines > 0 || text.p[at - 1] != '\n')) {
        at--;
        lines -= at > 0 && text.p[at - 1] == '\n';
    }
    return span_sub(text, at);
}
