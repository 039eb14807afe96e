/* fleet_load - many computers with many sessions on one Redis, and what a daemon that sees them
 * costs.
 *
 *   fleet_load REDIS-URL API-SOCKET STATE-DIR [COMPUTERS SESSIONS]
 *
 * The computers (200 with 50 sessions, unless told) are telec's own fleet code, all in this
 * process. The daemon at API-SOCKET has the same url; this program is its only client. Printed: the
 * time until that client has all sessions, the time until one update and an update of each session
 * arrive, the events that they cost, and the daemon's memory. */
#define main telec_main
#include "../../teleclaude.c"
#undef main

struct load_computer {
    struct config config;
    char name[16], state[PATH_MAX];
    struct cache cache;
    struct sessions sessions;
    struct projects projects;
    struct fleet fleet;
    struct requests requests;
};

static struct load {
    struct loop loop;
    struct load_computer *computers;
    int count, each;
    struct config config;
    struct client client;
    struct client_ws ws;
    struct cache seen;  /* what the daemon has pushed */
    long long revision; /* of the updates that are being waited for */
    long updated;       /* sessions of that revision that were pushed */
    char *reply;
} load; /* a program of its own may have one */

static void load_die(const char *what)
{
    fprintf(stderr, "fleet_load: %s\n", what);
    exit(1);
}

static void load_put(struct load_computer *c, int session, long long revision)
{
    char id[64];
    buf b = {0};
    snprintf(id, sizeof id, "%s-%d", c->name, session);
    buf_fmt(&b,
            "{\"session_id\":\"%s\",\"computer\":\"%s\",\"title\":\"session %d\",\"revision\":%lld,"
            "\"working_directory\":\"/home/user/project\",\"active_agent\":\"claude\",\"state\":"
            "\"working\",\"last_output\":\"%0300d\",\"last_input\":\"%0200d\"}",
            id, c->name, session, revision, 1, 2);
    span part = buf_view(&b);
    cache_put(&c->cache, id, c->name, &part, 1, load.loop.now);
    buf_free(&b);
}

static void load_on_sessions(void *ctx)
{
    (void)ctx;
}

static void load_add(struct load_computer *c, int i, char *url, const char *dir)
{
    buf error = {0};
    snprintf(c->name, sizeof c->name, "load%d", i);
    snprintf(c->state, sizeof c->state, "%s/%d", dir, i);
    mkdir(dir, 0700), mkdir(c->state, 0700);
    c->config = (struct config){.program = (char *)"/bin/false", .computer = c->name,
                                .user = (char *)"me", .host = (char *)"example",
                                .redis_url = url, .redis_from = (char *)"argument",
                                .tls_command = (char *)"false", .role = (char *)"development",
                                .allow = (char *)"*", .state = c->state, .holders = c->state};
    cache_init(&c->cache, httpd_text_frame);
    cache_use_loop(&c->cache, &load.loop);
    projects_init(&c->projects, &load.loop, &c->config, &c->cache);
    if (peers_init(&c->fleet, &load.loop, &c->config, &c->cache, &error) != 0)
        load_die(buf_cstr(&error));
    sessions_init(&c->sessions, &load.loop, &c->config, &c->cache, load_on_sessions, c);
    for (int k = 0; k < load.each; k++)
        load_put(c, k, 0);
    requests_init(&c->requests, &load.loop, &c->config, &c->cache, &c->sessions, &c->projects,
                  &c->fleet);
}

static void load_on_reply(void *ctx, int status, span body, const char *error)
{
    (void)ctx, (void)status;
    load.reply = span_dup(error ? span_of(error) : body);
}

/* Returns the reply to a GET, to be freed. */
static char *load_get(const char *target)
{
    load.reply = NULL;
    client_request(&load.client, "GET", target, (span){0}, load_on_reply, NULL);
    while (!load.reply)
        loop_once(&load.loop);
    return load.reply;
}

static void load_see(struct json session)
{
    char *id = json_dup_text(json_get(session, "session_id"));
    long long revision = 0;
    span text = session.text;
    if (id && json_int(json_get(session, "revision"), &revision)) {
        cache_put(&load.seen, id, "", &text, 1, 0);
        load.updated += revision == load.revision;
    }
    free(id);
}

static void load_on_message(void *ctx, enum ws_opcode opcode, span payload)
{
    struct json event;
    (void)ctx, (void)opcode;
    if (json_parse(payload, &event, NULL, NULL) != PARSE_DONE)
        return;
    struct json data = json_get(event, "data"), list = json_get(data, "sessions");
    for (struct json_iter it = json_iter(list); json_type(list) == JSON_ARRAY && json_next(&it);)
        load_see(it.value);
    load_see(data);
}

static void load_on_open(void *ctx)
{
    (void)ctx;
    client_ws_send(&load.ws, WS_TEXT, span_of("{\"subscribe\":\"sessions\"}"));
}

static void load_on_closed(void *ctx, int code, const char *why)
{
    (void)ctx, (void)code;
    load_die(why ? why : "the daemon has closed the connection");
}

/* Events that the computers have sent so far. */
static long long load_events(void)
{
    long long sum = 0;
    for (int i = 0; i < load.count; i++)
        for (const struct roster_peer *p = load.computers[i].fleet.first; p; p = p->next)
            sum += p->events_out;
    return sum;
}

static int load_all_online(void)
{
    for (int i = 0; i < load.count; i++)
        if (!load.computers[i].fleet.messages.link)
            return 0;
    return 1;
}

/* Updates the first session of the first `count` computers, or all of their sessions; prints how
 * long it takes until the client has them, and the events. */
static void load_update(const char *what, int computers, int sessions)
{
    long long events = load_events(), before = clock_mono_ms();
    load.revision++;
    load.updated = 0;
    for (int k = 0; k < sessions; k++)
        for (int i = 0; i < computers; i++)
            load_put(&load.computers[i], k, load.revision);
    while (load.updated < (long)computers * sessions)
        loop_once(&load.loop);
    printf("%-28s %6lld ms, %lld events\n", what, clock_mono_ms() - before, load_events() - events);
}

static long long load_daemon_pid(void)
{
    struct json status;
    long long pid = 0;
    char *reply = load_get("/status");
    json_parse(span_of(reply), &status, NULL, NULL);
    json_int(json_get(status, "pid"), &pid);
    free(reply);
    return pid;
}

/* Returns the CPU time of a process so far, in milliseconds. */
static long long load_cpu_ms(long long pid)
{
    char path[64];
    long user = 0, kernel = 0;
    buf text = {0};
    snprintf(path, sizeof path, "/proc/%lld/stat", pid);
    os_read_file(&text, path, 4096);
    sscanf(buf_cstr(&text), "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user,
           &kernel);
    buf_free(&text);
    return (user + kernel) * 1000 / sysconf(_SC_CLK_TCK);
}

/* The computers and the client are played by this process, one after the other. */
static void load_see_all(long long pid)
{
    long long before = clock_mono_ms();
    long long daemon_cpu = load_cpu_ms(pid), own_cpu = load_cpu_ms(getpid());
    load.ws = (struct client_ws){
        .on_open = load_on_open, .on_message = load_on_message, .on_closed = load_on_closed};
    if (client_ws_open(&load.ws, &load.client, "/ws") != 0)
        load_die("no daemon");
    while (load.seen.count < (size_t)load.count * (size_t)load.each)
        loop_once(&load.loop);
    printf("%-28s %6lld ms\n", "a new client sees all", clock_mono_ms() - before);
    printf("%-28s %6lld ms; of those who are played: %lld ms\n", "    CPU of the daemon",
           load_cpu_ms(pid) - daemon_cpu, load_cpu_ms(getpid()) - own_cpu);
}

static void load_print_memory(long long pid)
{
    char path[64];
    buf text = {0};
    snprintf(path, sizeof path, "/proc/%lld/status", pid);
    os_read_file(&text, path, 64 * 1024);
    const char *rss = strstr(buf_cstr(&text), "VmRSS:");
    if (rss)
        printf("%-28s %6.1f MB\n", "memory of the daemon", atof(rss + 6) / 1024);
    buf_free(&text);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        load_die("expected REDIS-URL API-SOCKET STATE-DIR [COMPUTERS SESSIONS]");
    load.count = argc > 4 ? atoi(argv[4]) : 200;
    load.each = argc > 5 ? atoi(argv[5]) : 50;
    log_open(2, LOG_ERROR);
    loop_init(&load.loop);
    cache_init(&load.seen, NULL);
    load.computers = base_alloc((size_t)load.count * sizeof *load.computers);
    for (int i = 0; i < load.count; i++)
        load_add(&load.computers[i], i, argv[1], argv[3]);
    load.config = (struct config){.program = (char *)"/bin/false", .socket = argv[2],
                                  .state = argv[3], .holders = argv[3]};
    client_init(&load.client, &load.loop, &load.config, 0, NULL, NULL);
    for (int known = 0; known <= load.count;) { /* the daemon is one more */
        struct json list;
        while (!load_all_online())
            loop_once(&load.loop);
        char *reply = load_get("/computers");
        known = 0;
        json_parse(span_of(reply), &list, NULL, NULL);
        for (struct json_iter it = json_iter(list); json_next(&it);)
            known++;
        free(reply);
    }
    long long pid = load_daemon_pid();
    load_see_all(pid);
    load_update("one update", 1, 1);
    load_update("one update a computer", load.count, 1);
    load_update("an update of each session", load.count, load.each);
    load_print_memory(pid);
    return 0;
}
