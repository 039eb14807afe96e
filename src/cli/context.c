#include "cli.h"

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

