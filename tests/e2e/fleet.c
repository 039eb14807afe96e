/* fleet - several computers on one Redis (protocol.md section 3): daemons with names of their own
 * on this machine, a real redis-server, and computers that this test plays itself, command by
 * command, as a TeleClaude daemon would. */

#define FLEET_HOSTS_MAX 4

/* A computer: a daemon with directories of its own. */
struct host {
    char *name, *run, *state, *config, *socket, *errors;
    pid_t pid;
};

static struct host hosts[FLEET_HOSTS_MAX];
static int host_count;
static pid_t redis_pid;
static char *redis_socket, *redis_port; /* port NULL: none */

/* ---- Redis ---------------------------------------------------------------------------------- */

/* A reply, flattened: its strings and numbers, a line each; nulls are "(nil)". NULL: there is more
 * to come. */
static const char *redis_flat(const char *p, const char *end, struct text *out)
{
    const char *line = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
    if (!line)
        return NULL;
    long n = strtol(p + 1, NULL, 10);
    const char *next = line + 1;
    if (*p == '$' && n >= 0) {
        if (end - next < n + 2)
            return NULL;
        text_add(out, next, (size_t)n);
        next += n + 2;
    } else if (*p == '*') {
        for (long i = 0; next && i < n; i++)
            next = redis_flat(next, end, out);
        return next;
    } else {
        text_str(out, *p == '$' ? "(nil)" : format("%.*s", (int)(line - p - 2), p + 1));
    }
    text_str(out, "\n");
    return next;
}

static char *redis_reply(struct wire *w)
{
    long long until = now_ms() + E2E_WAIT_MS;
    for (;;) {
        struct text flat = {0};
        const char *next = redis_flat(w->in.p, w->in.p + w->in.n, &flat);
        if (next) {
            wire_take(w, (size_t)(next - w->in.p));
            text_add(&flat, "", 0);
            if (flat.n)
                flat.p[flat.n - 1] = '\0'; /* the last line's end */
            return flat.p;
        }
        if (wire_read(w, until) != 1)
            FATAL("Redis does not answer");
    }
}

static void redis_put(struct text *t, const char *const *args)
{
    int n = 0;
    while (args[n])
        n++;
    text_str(t, format("*%d\r\n", n));
    for (int i = 0; i < n; i++)
        text_str(t, format("$%zu\r\n%s\r\n", strlen(args[i]), args[i]));
}

#define REDIS(...) redis_do((const char *const[]){__VA_ARGS__, NULL})

/* On a connection of its own. */
static char *redis_do(const char *const *args)
{
    struct wire w = {.fd = wire_connect(redis_socket)};
    struct text t = {0};
    if (w.fd < 0)
        FATAL("no Redis on %s", redis_socket);
    redis_put(&t, args);
    wire_write(&w, t.p, t.n);
    char *reply = redis_reply(&w);
    wire_close(&w);
    return reply;
}

static int redis_answers(void)
{
    int fd = wire_connect(redis_socket);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void redis_start(void)
{
    const char *const argv[] = {"redis-server", "--port", redis_port ? redis_port : "0", "--bind",
                                "127.0.0.1", "--unixsocket", redis_socket, "--save", "",
                                "--set-proc-title", "no", "--dir", e2e.dir, NULL};
    redis_pid = fork();
    if (redis_pid == 0) {
        int out = open(format("%s/redis.log", e2e.dir), O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(out, 1), dup2(out, 2);
        char **env = e2e_environment();
        execve("/usr/bin/redis-server", (char *const *)argv, env);
        execve("/usr/local/bin/redis-server", (char *const *)argv, env);
        _exit(E2E_SKIP);
    }
    long long until = now_ms() + E2E_WAIT_MS;
    int status;
    while (!redis_answers()) {
        if (waitpid(redis_pid, &status, WNOHANG) == redis_pid)
            skip("redis-server is not installed");
        if (now_ms() > until)
            FATAL("redis-server does not start");
        poll(NULL, 0, 5);
    }
}

static void redis_stop(void)
{
    if (redis_pid <= 0)
        return;
    kill(redis_pid, SIGKILL);
    await_exit(redis_pid);
    redis_pid = 0;
}

/* ---- a long way to it ----------------------------------------------------------------------- */

#define RELAY_WAYS 64

/* One direction of a connection through the relay: what came in waits until it is due. */
struct relay_way {
    int from, to; /* -1: it is over */
    struct text bytes;
    struct {
        long long at;
        size_t n;
    } pieces[1024];
    int count;
};

static pid_t relay_pid;
static char *relay_socket; /* NULL: computers talk to Redis itself */

static void relay_take(struct relay_way *w, long long due)
{
    char bytes[4096];
    ssize_t n = read(w->from, bytes, sizeof bytes);
    if (n <= 0) { /* an end is not held back */
        shutdown(w->to, SHUT_WR);
        w->from = -1;
        return;
    }
    text_add(&w->bytes, bytes, (size_t)n);
    w->pieces[w->count].at = due;
    w->pieces[w->count++].n = (size_t)n;
}

/* Passes on what is due; milliseconds until there is more, -1: nothing waits. */
static int relay_give(struct relay_way *w, long long now)
{
    while (w->count && w->pieces[0].at <= now) {
        size_t n = w->pieces[0].n;
        if (write(w->to, w->bytes.p, n) != (ssize_t)n)
            w->count = 1; /* the other side has gone */
        memmove(w->bytes.p, w->bytes.p + n, w->bytes.n -= n);
        memmove(&w->pieces[0], &w->pieces[1], (size_t)--w->count * sizeof w->pieces[0]);
    }
    return w->count ? (int)(w->pieces[0].at - now) : -1;
}

/* What the relay is: everything takes delay_ms each way. */
static void relay_run(int listening, int delay_ms)
{
    static struct relay_way ways[RELAY_WAYS];
    struct pollfd polls[RELAY_WAYS + 1] = {{listening, POLLIN, 0}};
    for (int count = 0;;) {
        int wait = -1;
        for (int i = 0; i < count; i++) {
            int due = relay_give(&ways[i], now_ms());
            wait = due >= 0 && (wait < 0 || due < wait) ? due : wait;
            int full = ways[i].count == (int)(sizeof ways[i].pieces / sizeof ways[i].pieces[0]);
            polls[i + 1] = (struct pollfd){full ? -1 : ways[i].from, POLLIN, 0};
        }
        if (poll(polls, (nfds_t)count + 1, wait) < 0)
            _exit(1);
        for (int i = 0; i < count; i++)
            if (polls[i + 1].revents)
                relay_take(&ways[i], now_ms() + delay_ms);
        if (polls[0].revents && count + 2 <= RELAY_WAYS) {
            int near = accept(listening, NULL, NULL), far = wire_connect(redis_socket);
            ways[count++] = (struct relay_way){.from = near, .to = far};
            ways[count++] = (struct relay_way){.from = far, .to = near};
        }
    }
}

/* From now on computers that are added reach Redis through it. */
static void relay_start(int delay_ms)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    relay_socket = format("%s/relay", e2e.dir);
    unlink(relay_socket);
    strncpy(address.sun_path, relay_socket, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 64) != 0)
        e2e_die(relay_socket);
    relay_pid = fork();
    if (relay_pid == 0) {
        signal(SIGPIPE, SIG_IGN);
        relay_run(fd, delay_ms);
    }
    close(fd);
}

static void relay_stop(void)
{
    if (relay_pid <= 0)
        return;
    kill(relay_pid, SIGKILL);
    await_exit(relay_pid);
    relay_pid = 0;
    relay_socket = NULL;
}

/* ---- computers ------------------------------------------------------------------------------ */

/* From now on calls go to that one. */
static void on(int i)
{
    e2e.run = hosts[i].run;
    e2e.state = hosts[i].state;
    e2e.config = hosts[i].config;
    e2e.socket = hosts[i].socket;
    e2e.errors = hosts[i].errors;
    e2e.daemon = hosts[i].pid;
}

static void host_begin(int i)
{
    on(i);
    daemon_start();
    hosts[i].pid = e2e.daemon;
}

static void host_end(int i)
{
    on(i);
    daemon_stop();
    hosts[i].pid = 0;
}

static char *fleet_dir(const char *parent, const char *name)
{
    char *path = format("%s/%s", parent, name);
    if (mkdir(path, 0700) != 0)
        e2e_die(path);
    return path;
}

/* A computer of that name; more: lines of its configuration. query: of the url; all of it when
 * Redis is reached by a port. */
static int host_add(const char *name, const char *query, const char *more)
{
    const char *resp2 = getenv("TELEC_E2E_RESP2") && !*query ? "?protocol=2" : "";
    const char *where = relay_socket ? relay_socket : redis_socket;
    const char *url = redis_port ? query : format("unix:%s%s%s", where, query, resp2);
    struct host *h = &hosts[host_count];
    char *dir = fleet_dir(e2e.dir, format("%d", host_count));
    h->name = format("%s", name);
    h->run = fleet_dir(dir, "r");
    h->state = fleet_dir(dir, "state");
    h->config = fleet_dir(dir, "config");
    h->socket = format("%s/telec/api.sock", h->run);
    h->errors = format("%s/errors", dir);
    file_write(format("%s/config", fleet_dir(h->config, "telec")),
               format("[computer]\nname = %s\nuser = me\nhost = %s.example\n[redis]\nurl = %s\n"
                      "%s\n", name, name, url, more), 0600);
    return host_count++;
}

static void fleet_end(void)
{
    for (int i = 0; i < host_count; i++)
        if (hosts[i].pid)
            host_end(i);
    relay_stop();
    redis_stop();
}

static int redis_is(const char *state)
{
    return json_is(get("/status").body, "redis.state", state);
}

/* a, b, … with their Redis, so far away, and everybody known to everybody. */
static void fleet_start_far(int count, const char *query, int delay_ms)
{
    redis_socket = format("%s/redis", e2e.dir);
    redis_start();
    if (delay_ms)
        relay_start(delay_ms);
    for (int i = 0; i < count; i++)
        host_begin(host_add(format("host%c", 'a' + i), query, ""));
    for (int i = 0; i < count; i++) {
        on(i);
        AWAIT(redis_is("ready"));
        AWAIT(json_count(get("/computers").body, "") == count);
        /* Requests are read from now on: earlier ones would not be for it. */
        AWAIT(access(format("%s/telec/requests.cursor", hosts[i].state), F_OK) == 0);
    }
    on(0);
}

static void fleet_start(int count, const char *query)
{
    fleet_start_far(count, query, 0);
}

/* ---- tests: two that are telec -------------------------------------------------------------- */

static void fleet_see_each_other(const char *query, int delay_ms)
{
    fleet_start_far(2, query, delay_ms);
    on(1);
    char *old = start_program("pause", NULL, NULL);
    AWAIT_SESSION(old, "last_output", "ready");
    host_end(0);
    host_begin(0); /* its first lists wait for what the others have */
    struct reply r = get("/sessions?wait_ms=5000");
    CHECK_INT(json_count(r.body, ""), 1);
    r = get("/computers");
    CHECK_TEXT(json_get(r.body, "0.name"), "hosta");
    CHECK_TEXT(json_get(r.body, "0.redis"), "ready");
    CHECK_TEXT(json_get(r.body, "1.name"), "hostb");
    CHECK_TEXT(json_get(r.body, "1.user"), "me");
    CHECK_TEXT(json_get(r.body, "1.host"), "hostb.example");
    CHECK_TEXT(json_get(r.body, "1.status"), "online");
    /* Whoever is interested hears of what was there, and of what is new within a second. */
    struct wire w = subscribe("sessions");
    event_await_value(&w, old, "computer", "hostb");
    on(1);
    char *id = start_program("pause", NULL, NULL);
    long long before = now_ms();
    on(0);
    event_await(&w, "session_created", id);
    CHECK(now_ms() - before < 1000);
    event_await_value(&w, id, "last_output", "ready");
    CHECK_TEXT(session_get(id, "computer"), "hostb");
    CHECK_INT(json_count(get("/sessions?computer=hostb").body, ""), 2);
    CHECK_INT(json_count(get("/sessions?computer=hosta").body, ""), 0);
    CHECK_INT(json_count(get("/sessions").body, ""), 2);
    on(1);
    end_session(id);
    on(0);
    event_await(&w, "session_removed", id);
    CHECK_INT(get(session_path(id, "")).status, 404);
    /* What passed between two that are telec is nobody else's session there. */
    on(1);
    CHECK_INT(json_count(get("/sessions").body, ""), 1);
    /* One that ends says good-bye. */
    host_end(1);
    on(0);
    event_await(&w, "session_removed", old);
    event_await(&w, "computer_removed", NULL);
    CHECK_INT(json_count(get("/computers").body, ""), 1);
    CHECK_INT(json_count(get("/sessions").body, ""), 0);
    host_begin(1);
    on(0);
    event_await_value(&w, old, "computer", "hostb");
    fleet_end();
}

static void test_fleet_push(void)
{
    fleet_see_each_other("", 0);
}

static void test_fleet_resp2(void)
{
    fleet_see_each_other("?protocol=2", 0);
}

/* 80 ms each way, so that an answer takes as long as around the world. */
static void test_fleet_far(void)
{
    fleet_see_each_other("", 80);
}

/* Redis does not answer for a while, with all its connections standing: nothing here waits for it,
 * and afterwards everything has arrived. */
static void test_fleet_stalled(void)
{
    fleet_start_far(2, "", 5);
    struct wire w = subscribe("sessions");
    on(1);
    char *before = start_program("pause", NULL, NULL);
    on(0);
    event_await_value(&w, before, "last_output", "ready");
    kill(relay_pid, SIGSTOP);
    on(1);
    char *during = start_program("pause", NULL, NULL);
    AWAIT_SESSION(during, "last_output", "ready");
    end_session(before);
    on(0);
    char *here = start_program("pause", NULL, NULL);
    event_await_value(&w, here, "last_output", "ready");
    CHECK_INT(get(session_path(before, "")).status, 200); /* as it was known last */
    struct reply r = call("POST", session_path(before, "/message"), "{\"message\": \"x\"}");
    CHECK_INT(r.status, 504);
    CHECK_HAS(r.body, "hostb");
    kill(relay_pid, SIGCONT);
    event_await_value(&w, during, "last_output", "ready");
    AWAIT(get(session_path(before, "")).status == 404);
    on(1);
    AWAIT(redis_is("ready"));
    fleet_end();
}

static void test_fleet_actions(void)
{
    fleet_start(2, "");
    /* A new session over there, with a message that every shell would take apart. */
    struct reply r = call("POST", "/sessions",
                          format("{\"computer\": \"hostb\", \"project_dir\": %s, \"agent\": "
                                 "\"shell\", \"title\": \"It's \\\"far\\\"\", \"message\": "
                                 "\"echo far'away'\"}", json_quote(e2e.dir)));
    CHECK_INT(r.status, 200);
    char *id = json_get(r.body, "session_id");
    REQUIRE(id != NULL);
    CHECK_TEXT(json_get(r.body, "data.session_id"), id);
    on(1);
    CHECK_TEXT(session_get(id, "title"), "It's \"far\"");
    CHECK_TEXT(session_get(id, "computer"), "hostb");
    on(0);
    char *path = session_path(id, "/transcript?computer=hostb&tail_chars=2000");
    AWAIT(strstr(json_get(get(path).body, "transcript"), "\nfaraway"));
    CHECK_TEXT(json_get(get(path).body, "data.project_dir"), e2e.dir);
    /* The rest without computer=, for a subscriber knows whose it is. */
    struct wire w = subscribe("sessions");
    event_await_value(&w, id, "computer", "hostb");
    r = call("POST", session_path(id, "/message"), "{\"message\": \"echo \\\"a  b\\\" 'c\\n d'\"}");
    CHECK_INT(r.status, 200);
    CHECK_TEXT(json_get(r.body, "status"), "success");
    AWAIT(strstr(json_get(get(session_path(id, "/transcript")).body, "transcript"),
                 "\n> a  b c\n d"));
    r = get(session_path(id, "/screen"));
    CHECK_INT(r.status, 200);
    CHECK_TEXT(json_get(r.body, "cols"), "80");
    CHECK_INT(call("PATCH", session_path(id, ""), "{\"title\": \"a 'new' title\"}").status, 200);
    event_await_value(&w, id, "title", "a 'new' title");
    CHECK_INT(call("POST", session_path(id, "/message"), "{\"message\": \"cat\"}").status, 200);
    CHECK_INT(call("POST", session_path(id, "/keys"), "{\"key\": \"enter\", \"count\": 3}").status,
              200);
    CHECK_INT(call("POST", session_path(id, "/keys"), "{\"key\": \"ctrl_d\"}").status, 200);
    CHECK_INT(call("POST", session_path(id, "/keys"), "{\"key\": \"nonsense\"}").status, 422);
    r = call("POST", session_path(id, "/message"), "{\"message\": \"echo un\", \"enter\": false}");
    CHECK_INT(r.status, 200);
    CHECK_INT(call("POST", session_path(id, "/message"), "{\"message\": \"broken\"}").status, 200);
    AWAIT(strstr(json_get(get(session_path(id, "/transcript")).body, "transcript"), "\nunbroken"));
    /* What can't be. */
    CHECK_INT(get("/sessions/nobody/transcript?computer=hostb").status, 404);
    CHECK_HAS(get("/sessions/nobody/transcript?computer=hostb").body, "hostb: Session not found");
    r = get("/sessions/nobody/transcript?computer=hostz");
    CHECK_INT(r.status, 404);
    CHECK_HAS(r.body, "hostz");
    r = call("POST", "/sessions", "{\"computer\": \"hostz\", \"project_dir\": \"/tmp\"}");
    CHECK_INT(r.status, 404);
    r = call("POST", "/sessions", "{\"computer\": \"hostb\", \"project_dir\": \"/nowhere\", "
                                  "\"agent\": \"shell\"}");
    CHECK_INT(r.status, 400);
    CHECK_HAS(r.body, "hostb: ");
    r = call("POST", "/sessions", "{\"computer\": \"hostb\", \"project_dir\": \"/tmp\", "
                                  "\"agent\": \"nosuch\"}");
    CHECK_INT(r.status, 400);
    /* Its program ends, and is started again. */
    CHECK_HAS(call("POST", session_path(id, "/restart"), NULL).body, "it has not exited");
    CHECK_INT(call("POST", session_path(id, "/keys"), "{\"key\": \"ctrl_d\"}").status, 200);
    event_await_value(&w, id, "state", "exited");
    CHECK_INT(call("POST", session_path(id, "/restart?computer=hostb"), NULL).status, 200);
    AWAIT(!session_is(id, "state", "exited"));
    CHECK_TEXT(session_get(id, "title"), "a 'new' title");
    /* An end that is taken back, and one that isn't. */
    r = call("DELETE", session_path(id, "?computer=hostb&undo_s=60"), NULL);
    CHECK_TEXT(json_get(r.body, "undo_s"), "60");
    event_await(&w, "session_removed", id);
    CHECK_INT(call("POST", session_path(id, "/restore?computer=hostb"), NULL).status, 200);
    event_await_value(&w, id, "title", "a 'new' title");
    CHECK_INT(call("POST", session_path("nobody", "/restore?computer=hostb"), NULL).status, 404);
    r = call("DELETE", session_path(id, "?computer=hostb"), NULL);
    CHECK_INT(r.status, 200);
    CHECK_TEXT(json_get(r.body, "status"), "success");
    event_await(&w, "session_removed", id);
    on(1);
    CHECK_INT(get(session_path(id, "")).status, 404);
    fleet_end();
}

/* What is to be done there, and what changes of it is seen when it is asked for again. */
static void test_fleet_preparation(void)
{
    fleet_start(2, "");
    char *project = fleet_dir(e2e.dir, "project"), *todos = fleet_dir(project, "todos");
    file_write(format("%s/roadmap.md", todos), "- [.] far-slug\n      what it is\n", 0600);
    on(1);
    CHECK_INT(call("POST", "/projects", format("{\"path\": \"%s\", \"name\": \"far\", "
                                               "\"description\": \"d\"}", project)).status, 200);
    on(0);
    struct wire w = subscribe("preparation");
    CHECK_TEXT(json_get(get("/projects?computer=hostb").body, "0.path"), project);
    char *event = event_await(&w, "projects_updated", NULL);
    CHECK_TEXT(json_get(event, "data.computer"), "hostb");
    CHECK_TEXT(json_get(event, "data.projects.0.path"), project);
    CHECK_TEXT(json_get(event, "data.projects.0.description"), "d");
    event = event_await(&w, "todos_updated", NULL);
    CHECK_TEXT(json_get(event, "data.computer"), "hostb");
    CHECK_TEXT(json_get(event, "data.project_path"), project);
    CHECK_TEXT(json_get(event, "data.todos.0.slug"), "far-slug");
    CHECK_TEXT(json_get(event, "data.todos.0.status"), "ready");
    struct reply r = get("/projects-with-todos");
    CHECK_TEXT(json_get(r.body, "0.computer"), "hostb");
    CHECK_TEXT(json_get(r.body, "0.todos.0.slug"), "far-slug");
    CHECK_INT(json_count(get("/projects?computer=hostb").body, ""), 1);
    CHECK_INT(json_count(get("/projects?computer=hosta").body, ""), 0);
    file_write(format("%s/roadmap.md", todos), "- [>] far-slug\n", 0600);
    ws_say(&w, "{\"refresh\": true}");
    do
        event = event_await(&w, "todos_updated", NULL);
    while (!json_is(event, "data.todos.0.status", "in_progress"));
    /* Nobody is subscribed: it is asked, and so are all when somebody waits for them. */
    wire_close(&w);
    AWAIT(json_is(get("/status").body, "clients", "1"));
    file_write(format("%s/roadmap.md", todos), "- [ ] other-slug\n", 0600);
    CHECK_TEXT(get("/projects-with-todos?computer=nobody").body, "[]");
    r = get("/projects-with-todos?wait_ms=5000");
    CHECK_TEXT(json_get(r.body, "0.todos.0.slug"), "other-slug");
    file_write(format("%s/roadmap.md", todos), "- [ ] third-slug\n", 0600);
    r = get("/projects-with-todos?computer=hostb");
    CHECK_TEXT(json_get(r.body, "0.todos.0.slug"), "third-slug");
    w = subscribe("preparation");
    host_end(1);
    on(0);
    event_await(&w, "computer_removed", NULL);
    CHECK_INT(json_count(get("/projects").body, ""), 0);
    fleet_end();
}

/* By TCP, with a password, and without the right to interrupt a read. */
static void test_fleet_acl(void)
{
    redis_socket = format("%s/redis", e2e.dir);
    redis_port = format("%d", 20000 + (int)(getpid() % 20000));
    redis_start();
    REDIS("ACL", "SETUSER", "telec", "on", ">secret", "~*", "&*", "+@all", "-client|unblock");
    REDIS("ACL", "SETUSER", "default", "resetpass", ">other");
    for (int i = 0; i < 2; i++) {
        char *url = format("redis://telec:secret@127.0.0.1:%s/1", redis_port);
        host_begin(host_add(format("host%c", 'a' + i), url, ""));
        AWAIT(redis_is("ready"));
    }
    on(0);
    AWAIT(json_count(get("/computers").body, "") == 2);
    struct wire w = subscribe("sessions");
    on(1);
    char *id = start_program("pause", NULL, NULL);
    event_await_value(&w, id, "last_output", "ready");
    on(0);
    CHECK_INT(call("PATCH", session_path(id, ""), "{\"title\": \"by tcp\"}").status, 200);
    event_await_value(&w, id, "title", "by tcp");
    CHECK_HAS(daemon_errors(), "Redis refuses CLIENT UNBLOCK");
    CHECK(!strstr(daemon_errors(), "secret") && !strstr(get("/status").body, "secret"));
    fleet_end();
}

/* Who may what: reading always, the rest as [peers] allow says. */
static void test_fleet_allow(void)
{
    fleet_start(1, "");
    host_begin(host_add("closed", "", "[peers]\nallow = hostc, hostd"));
    host_begin(host_add("open", "", "[peers]\nallow = hosta"));
    on(1);
    char *id = start_program("pause", NULL, NULL);
    AWAIT_SESSION(id, "last_output", "ready");
    on(0);
    AWAIT(json_count(get("/computers").body, "") == 3);
    CHECK_INT(json_count(get("/sessions?computer=closed").body, ""), 1);
    CHECK_INT(get(session_path(id, "/transcript?computer=closed")).status, 200);
    static const char *const refused[][3] = {{"DELETE", "?computer=closed", NULL},
                                             {"POST", "/message?computer=closed",
                                              "{\"message\": \"x\"}"},
                                             {"POST", "/keys?computer=closed",
                                              "{\"key\": \"enter\"}"},
                                             {"PATCH", "?computer=closed", "{\"title\": \"x\"}"}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct reply r = call(refused[i][0], session_path(id, refused[i][1]), refused[i][2]);
        CHECK_INT(r.status, 403);
        CHECK_HAS(r.body, "closed: ");
    }
    CHECK_INT(call("POST", "/sessions", "{\"computer\": \"closed\", \"project_dir\": \"/tmp\", "
                                        "\"agent\": \"shell\"}").status, 403);
    struct reply r = call("POST", "/sessions", "{\"computer\": \"open\", \"project_dir\": "
                                               "\"/tmp\", \"agent\": \"shell\"}");
    CHECK_INT(r.status, 200);
    on(1);
    CHECK_INT(json_count(get("/sessions").body, ""), 1);
    fleet_end();
}

/* ---- tests: traffic ------------------------------------------------------------------------- */

/* What Redis was asked since the last call, as MONITOR shows it, lines of the given commands left
 * out. */
static char *monitor_rest(struct wire *monitor, const char *const *known)
{
    struct text rest = {0};
    char *mark = format("mark%lld", now_ms());
    REDIS("PING", mark);
    text_add(&rest, "", 0);
    for (;;) {
        char *line = redis_reply(monitor);
        int is_known = 0;
        for (int i = 0; known[i]; i++)
            is_known |= strstr(line, format("\"%s\"", known[i])) != NULL;
        if (strstr(line, mark))
            return rest.p;
        if (!is_known)
            text_str(&rest, format("%s\n", line));
    }
}

static void test_fleet_interest(void)
{
    static const char *const heartbeat[] = {"SETEX", "PUBLISH", "MGET", "XREAD", "SCAN",
                                            "PING", "TIME", NULL};
    struct text t = {0};
    fleet_start(3, "");
    struct wire monitor = {.fd = wire_connect(redis_socket)};
    redis_put(&t, (const char *const[]){"MONITOR", NULL});
    wire_write(&monitor, t.p, t.n);
    CHECK_TEXT(redis_reply(&monitor), "OK");
    /* Sessions come, talk and go, and nobody looks. */
    on(1);
    char *id = start_sh("for i in 1 2 3 4 5; do echo $i; sleep 0.1; done; cat");
    AWAIT_SESSION(id, "last_output", "5");
    CHECK_TEXT(monitor_rest(&monitor, heartbeat), "");
    /* Somebody at a looks: b sends to a and to nobody else. */
    on(0);
    struct wire w = subscribe("sessions");
    event_await_value(&w, id, "last_output", "5");
    CHECK_TEXT(REDIS("EXISTS", "session_events:hostc"), "0");
    CHECK_HAS(REDIS("GET", "computer:hosta:heartbeat"), "\"interested_in\":[\"sessions\"]");
    on(1);
    char *other = start_program("pause", NULL, NULL);
    on(0);
    event_await_value(&w, other, "last_output", "ready");
    CHECK_TEXT(REDIS("EXISTS", "session_events:hostc"), "0");
    CHECK_TEXT(json_get(get("/status").body, "peers.0.status"), "online");
    /* And looks away again: the last unsubscription withdraws it at once. */
    ws_say(&w, "{\"unsubscribe\": \"sessions\"}");
    AWAIT(!strstr(REDIS("GET", "computer:hosta:heartbeat"), "interested_in"));
    on(1);
    AWAIT(json_is(get("/status").body, "peers.0.interested", "false") &&
          json_is(get("/status").body, "peers.1.interested", "false"));
    char *length = REDIS("XLEN", "session_events:hosta");
    monitor_rest(&monitor, heartbeat);
    CHECK_INT(call("PATCH", session_path(other, ""), "{\"title\": \"unheard\"}").status, 200);
    AWAIT_SESSION(other, "title", "unheard");
    CHECK_TEXT(monitor_rest(&monitor, (const char *const[]){"SETEX", "PUBLISH", "MGET", "XREAD",
                                                            "SCAN", "GET", "XLEN", "TIME", NULL}),
               "");
    CHECK_TEXT(REDIS("XLEN", "session_events:hosta"), length);
    /* Interest again: what was missed is there. */
    on(0);
    ws_say(&w, "{\"subscribe\": \"sessions\"}");
    event_await_value(&w, other, "title", "unheard");
    wire_close(&w);
    wire_close(&monitor);
    fleet_end();
}

/* ---- tests: watching ------------------------------------------------------------------------ */

/* Reads binary frames until they have that text. */
static void glance_await(struct wire *w, const char *text)
{
    struct text seen = {0};
    struct frame f;
    do {
        f = ws_next(w);
        if (f.opcode == WS_CLOSE || f.opcode == -1)
            FATAL("closed before %s was seen in %s", text, visible(seen.p, seen.n));
        text_add(&seen, f.p, f.n);
    } while (!strstr(seen.p, text));
}

static void test_fleet_watch(void)
{
    fleet_start(3, "");
    on(1);
    char *id = start_sh("echo first; while read x; do echo \"got $x \xe2\x82\xac\"; done");
    AWAIT_SESSION(id, "last_output", "first");
    CHECK_TEXT(REDIS("EXISTS", format("output:%s", id)), "0");
    on(0);
    struct wire list = subscribe("sessions");
    event_await_value(&list, id, "computer", "hostb");
    struct wire w = ws_open(session_path(id, "/attach?mode=view&sizes=1"));
    struct frame f = ws_next(&w);
    CHECK_INT(f.opcode, WS_TEXT);
    CHECK_TEXT(f.p, "{\"size\":[80,24]}");
    glance_await(&w, "first");
    CHECK_INT(call("POST", session_path(id, "/message"), "{\"message\": \"this\"}").status, 200);
    glance_await(&w, "got this \xe2\x82\xac");
    /* A second observer begins with the whole screen, and the first goes on. */
    on(2);
    struct wire other = ws_open(session_path(id, "/attach?mode=view&computer=hostb"));
    glance_await(&other, "first");
    on(1);
    CHECK_INT(call("POST", session_path(id, "/message"), "{\"message\": \"that\"}").status, 200);
    glance_await(&w, "got that");
    glance_await(&other, "got that");
    /* Nobody looks any more: nothing is sent. */
    wire_close(&w);
    wire_close(&other);
    on(1);
    AWAIT_SESSION(id, "last_input", "that");
    AWAIT(!*REDIS("KEYS", "output:*-*-*-*-*"));
    call("POST", session_path(id, "/message"), "{\"message\": \"unseen\"}");
    CHECK_TEXT(REDIS("KEYS", "output:*-*-*-*-*"), "");
    on(0);
    /* It ends while somebody looks. */
    w = ws_open(session_path(id, "/attach?mode=view"));
    glance_await(&w, "first");
    on(1);
    end_session(id);
    CHECK_INT(ws_close_code(&w), 1000);
    fleet_end();
}

/* ---- tests: what goes wrong ----------------------------------------------------------------- */

static void test_fleet_redis_restart(void)
{
    fleet_start(2, "");
    struct wire w = subscribe("sessions");
    on(1);
    char *kept = start_program("pause", NULL, NULL), *gone = start_program("pause", NULL, NULL);
    on(0);
    event_await_value(&w, kept, "last_output", "ready");
    event_await_value(&w, gone, "last_output", "ready");
    redis_stop();
    char *event;
    do
        event = event_await(&w, "computer_updated", NULL);
    while (!json_is(event, "data.redis", "reconnecting"));
    CHECK_TEXT(json_get(event, "data.name"), "hosta");
    /* Local life goes on; the others' sessions stay in the list. */
    char *local = start_program("pause", NULL, NULL);
    event_await_value(&w, local, "last_output", "ready");
    CHECK_INT(json_count(get("/sessions").body, ""), 3);
    struct reply r = call("DELETE", session_path(kept, ""), NULL);
    CHECK(r.status == 503 || r.status == 504);
    CHECK_HAS(r.body, "hostb: ");
    on(1);
    end_session(gone);
    char *new_one = start_program("pause", NULL, NULL);
    redis_start(); /* empty */
    on(0);
    event_await_value(&w, new_one, "computer", "hostb");
    AWAIT(get(session_path(gone, "")).status == 404);
    CHECK_INT(json_count(get("/sessions").body, ""), 3);
    AWAIT(redis_is("ready"));
    CHECK(json_at(get("/status").body, "redis.reconnects") &&
          atoi(json_get(get("/status").body, "redis.reconnects")) >= 1);
    /* And push works again. */
    on(1);
    CHECK_INT(call("PATCH", session_path(new_one, ""), "{\"title\": \"after\"}").status, 200);
    event_await_value(&w, new_one, "title", "after");
    /* A flush takes the keys, and nothing else. */
    REDIS("FLUSHALL");
    CHECK_INT(call("PATCH", session_path(new_one, ""), "{\"title\": \"flushed\"}").status, 200);
    event_await_value(&w, new_one, "title", "flushed");
    on(0);
    CHECK_INT(call("DELETE", session_path(new_one, ""), NULL).status, 200);
    /* All connections are cut. */
    REDIS("CLIENT", "KILL", "TYPE", "normal");
    on(1);
    char *cut = start_program("pause", NULL, NULL);
    event_await_value(&w, cut, "computer", "hostb");
    fleet_end();
}

static void test_fleet_no_redis(void)
{
    redis_socket = format("%s/nothing", e2e.dir);
    host_begin(host_add("hosta", "", ""));
    char *id = start_program("pause", NULL, NULL);
    AWAIT_SESSION(id, "last_output", "ready");
    CHECK_TEXT(json_get(get("/computers").body, "0.redis"), "reconnecting");
    CHECK(!redis_is("ready") && json_at(get("/status").body, "redis.why"));
    /* A url that is none: said, and everything else works. */
    host_end(0);
    file_write(format("%s/telec/config", hosts[0].config), "[redis]\nurl = http://x\n", 0600);
    host_begin(0);
    CHECK_TEXT(json_raw(get("/status").body, "redis"), "null");
    CHECK_HAS(daemon_errors(), "no other computers");
    CHECK_INT(json_count(get("/sessions").body, ""), 1);
    fleet_end();
}

/* A request, as another computer makes it; its id. */
static char *ask(const char *to, const char *const *more)
{
    const char *args[24] = {"XADD", format("messages:%s", to), "*", "timestamp", "1700000000.5",
                            "initiator", "python"};
    for (int i = 0; more[i] && i < 16; i++)
        args[7 + i] = more[i];
    return redis_do(args);
}

#define ASK(to, ...) ask(to, (const char *const[]){__VA_ARGS__, NULL})

/* Its answer's chunk. */
static char *answer(const char *id)
{
    char *key = format("output:%s", id), *reply;
    AWAIT(!strcmp(REDIS("EXISTS", key), "1"));
    reply = REDIS("XRANGE", key, "-", "+", "COUNT", "1");
    char *chunk = strstr(reply, "chunk\n");
    REQUIRE(chunk != NULL);
    chunk = format("%.*s", (int)strcspn(chunk + 6, "\n"), chunk + 6);
    CHECK(json_valid(chunk, strlen(chunk)));
    CHECK_HAS(reply, format("message_id\n%s", id));
    CHECK(atoi(REDIS("TTL", key)) > 0);
    return chunk;
}

static int sessions_on_disk(void)
{
    DIR *dir = opendir(format("%s/telec/sessions", e2e.state));
    struct dirent *entry;
    int n = 0;
    while (dir && (entry = readdir(dir)))
        n += strlen(entry->d_name) == 36; /* an id; the daemon has a lock there, too */
    if (dir)
        closedir(dir);
    return n;
}

static void test_fleet_cursor(void)
{
    fleet_start(1, "");
    host_end(0);
    /* What was asked before the first start of all is nobody's. */
    REDIS("FLUSHALL");
    unlink(format("%s/telec/requests.cursor", hosts[0].state));
    ASK("hosta", "command", "new_session", "title", "before", "project_dir", "/tmp");
    host_begin(0);
    AWAIT(!strcmp(REDIS("EXISTS", "computer:hosta:heartbeat"), "1")); /* it knows where to begin */
    char *id = ASK("hosta", "command", "new_session", "title", "one", "project_dir", "/tmp");
    CHECK_TEXT(json_get(answer(id), "status"), "success");
    CHECK_INT(json_count(get("/sessions").body, ""), 1);
    /* While it is away, and while it is being killed: everything once, but what was noted and not
     * begun when the end came. */
    for (int round = 0; round < 3; round++) {
        char *ids[5];
        for (int i = 0; i < 5; i++) {
            if (i == 2)
                kill(hosts[0].pid, SIGKILL);
            if (i == 3)
                await_exit(hosts[0].pid);
            ids[i] = ASK("hosta", "command", "new_session", "title", "more", "project_dir",
                         "/tmp");
        }
        host_begin(0);
        for (int i = 3; i < 5; i++)
            answer(ids[i]);
        int count = json_count(get("/sessions").body, "");
        CHECK(count <= 1 + 5 * (round + 1) && count >= 1 + 2 * (round + 1));
    }
    host_end(0);
    int count = sessions_on_disk();
    /* A stream that can't be read, and then one that is new, are no reason to do it all again. */
    char *cursor = file_read(format("%s/telec/requests.cursor", e2e.state), NULL);
    REDIS("RENAME", "messages:hosta", "kept");
    REDIS("SET", "messages:hosta", "no stream");
    host_begin(0);
    AWAIT(strstr(daemon_errors(), "WRONGTYPE"));
    CHECK_TEXT(file_read(format("%s/telec/requests.cursor", e2e.state), NULL), cursor);
    host_end(0);
    REDIS("DEL", "messages:hosta");
    host_begin(0);
    AWAIT(redis_is("ready"));
    answer(ASK("hosta", "command", "get_computer_info"));
    host_end(0);
    REDIS("RENAME", "kept", "messages:hosta");
    host_begin(0);
    AWAIT(redis_is("ready"));
    id = ASK("hosta", "command", "list_sessions");
    CHECK_INT(json_count(answer(id), "data"), count);
    fleet_end();
}

/* The network of a stalls, b's daemon is dead for a while: what was answered with an error is not
 * carried out afterwards. */
static void test_fleet_expired(void)
{
    redis_socket = format("%s/redis", e2e.dir);
    redis_start();
    relay_start(0);
    host_begin(host_add("hosta", "", ""));
    relay_socket = NULL;
    host_begin(host_add("hostb", "", ""));
    AWAIT(json_count(get("/computers").body, "") == 2);
    char *id = start_sh("while read x; do echo \"got $x\"; done");
    char *path = session_path(id, "/message?computer=hostb");
    on(0);
    AWAIT(json_count(get("/computers").body, "") == 2);
    CHECK_INT(call("POST", path, "{\"message\": \"first\"}").status, 200);
    kill(relay_pid, SIGSTOP);
    struct reply r = call("POST", path, "{\"message\": \"stalled\"}");
    CHECK_INT(r.status, 504);
    CHECK_HAS(r.body, "may have been carried out");
    kill(relay_pid, SIGCONT);
    AWAIT(call("POST", path, "{\"message\": \"second\"}").status == 200);
    /* It dies, is asked, and starts again. */
    kill(hosts[1].pid, SIGKILL);
    await_exit(hosts[1].pid);
    CHECK_INT(call("POST", path, "{\"message\": \"dead\"}").status, 504);
    AWAIT(!strstr(REDIS("XRANGE", "messages:hostb", "-", "+"), "message dead"));
    char *old = REDIS("XADD", "messages:hostb", "*", "command", "message older", "session_id", id,
                      "initiator", "x", "asked_ms", "1700000000000", "wait_ms", "5000");
    host_begin(1);
    CHECK_TEXT(json_get(answer(old), "code"), "EXPIRED");
    on(0);
    AWAIT(call("POST", path, "{\"message\": \"third\"}").status == 200);
    on(1);
    AWAIT(strstr(transcript(id), "got third"));
    CHECK_HAS(transcript(id), "got second");
    CHECK(!strstr(transcript(id), "stalled") && !strstr(transcript(id), "dead") &&
          !strstr(transcript(id), "older"));
    fleet_end();
}

/* A TeleClaude daemon does not say how long it waits: five minutes. */
static void test_fleet_old_requests(void)
{
    fleet_start(1, "");
    long long now = atoll(REDIS("TIME")) * 1000;
    static const int ages[] = {330000, 270000};
    for (int i = 0; i < 2; i++) {
        char *id = format("%lld-1", now - ages[i]);
        REDIS("XADD", "messages:hosta", id, "command", "end_session nobody", "initiator", "python");
        CHECK_TEXT(json_get(answer(id), "code"), i ? "NOT_FOUND" : "EXPIRED");
    }
    fleet_end();
}

/* Computers with a secret take changes from one another only: what others ask, what somebody else
 * repeats, and what was altered on its way, is refused. */
static void test_fleet_secret(void)
{
    char *file = format("%s/secret", e2e.dir);
    redis_socket = format("%s/redis", e2e.dir);
    redis_start();
    file_write(file, "open sesame\n", 0600);
    host_begin(host_add("hosta", "", format("[peers]\nsecret_file = %s", file)));
    host_begin(host_add("hostb", "", "[peers]\nsecret = open sesame\nunsigned = python"));
    host_begin(host_add("hostc", "", ""));
    on(1);
    char *id = start_program("pause", NULL, NULL);
    AWAIT(json_count(get("/computers").body, "") == 3);
    char *path = session_path(id, "?computer=hostb");
    on(2);
    AWAIT(json_count(get("/computers").body, "") == 3);
    struct reply r = call("PATCH", path, "{\"title\": \"unsigned\"}");
    CHECK_INT(r.status, 403);
    CHECK_HAS(r.body, "only signed requests");
    CHECK_INT(json_count(get("/sessions?computer=hostb").body, ""), 1); /* reading is open */
    on(0);
    AWAIT(json_count(get("/computers").body, "") == 3);
    on(1);
    char *typed = start_sh("while read x; do echo \"got $x\"; done");
    on(0);
    struct wire w = ws_open(session_path(typed, "/attach?mode=control&computer=hostb"));
    ws_send(&w, WS_FIN | WS_BINARY, "signed\r", 7);
    on(1);
    AWAIT(strstr(transcript(typed), "got signed"));
    wire_close(&w);
    on(2);
    CHECK_INT(ws_refused(session_path(typed, "/attach?mode=control&computer=hostb")).status, 403);
    on(0);
    CHECK_INT(call("PATCH", path, "{\"title\": \"signed\"}").status, 200);
    char *last = REDIS("XREVRANGE", "messages:hostb", "+", "-", "COUNT", "1"), *lines[30];
    int count = 0;
    for (char *line = strtok(last, "\n"); line && count < 30; line = strtok(NULL, "\n"))
        lines[count++] = line;
    CHECK_TEXT(lines[count - 2], "signature");
    const char *copy[40] = {"XADD", "messages:hostb", "*"};
    for (int i = 1; i < count; i++)
        copy[2 + i] = lines[i];
    char *said = answer(redis_do(copy));
    CHECK_TEXT(json_get(said, "code"), "FORBIDDEN");
    CHECK_HAS(said, "signature is wrong");
    said = answer(REDIS("XADD", "messages:hostb", "*", "command", "rename by python", "session_id",
                        id, "initiator", "python"));
    CHECK_TEXT(json_get(said, "status"), "success");
    on(1);
    CHECK_TEXT(session_get(id, "title"), "by python");
    CHECK_INT(call("PATCH", session_path(id, ""), "{\"title\": \"own\"}").status, 200);
    fleet_end();
}

/* ---- tests: a TeleClaude daemon, played by hand ---------------------------------------------- */

/* Its heartbeat, with Python's separators. */
static void python_beats(const char *name, int interested, int ttl)
{
    static int beat;
    REDIS("SETEX", format("computer:%s:heartbeat", name), format("%d", ttl),
          format("{\"computer_name\": \"%s\", \"last_seen\": \"2019-05-05T10:00:%02d.123456\"%s}",
                 name, beat++ % 60, interested ? ", \"interested_in\": [\"sessions\"]" : ""));
}

static char *python_session(const char *id, const char *title, int second)
{
    return format("{\"session_id\": \"%s\", \"origin_adapter\": \"telegram\", \"title\": \"%s\", "
                  "\"working_directory\": \"/home/p\", \"thinking_mode\": \"slow\", "
                  "\"active_agent\": \"claude\", \"status\": \"active\", \"created_at\": "
                  "\"2026-01-01T00:00:00\", \"last_activity\": \"2026-01-01T00:00:%02d.5+00:00\", "
                  "\"last_input\": null, \"tmux_session_name\": \"tc_%s\", \"odd\": {\"x\": [1, "
                  "null]}}", id, title, second, id);
}

static void python_sends(const char *to, const char *source, const char *event, const char *data)
{
    REDIS("XADD", format("session_events:%s", to), "MAXLEN", "~", "100", "*", "payload",
          format("{\"event\": \"%s\", \"data\": %s, \"timestamp\": \"2026-01-01T00:00:00+00:00\", "
                 "\"source_computer\": \"%s\"}", event, data, source));
}

/* Waits for a request to `name` whose command begins so, and answers it; what was asked. */
static char *python_answers(const char *name, const char *command, const char *envelope)
{
    static char *last; /* the entry answered last */
    char *key = format("messages:%s", name), *reply, *found;
    if (!last)
        last = format("-");
    AWAIT((found = strstr(reply = REDIS("XRANGE", key, last[0] == '-' ? "-" : format("(%s", last),
                                        "+"), format("command\n%s", command))) != NULL);
    char *id = found;
    while (id > reply && !(id[-1] == '\n' && strspn(id, "0123456789") >= 10 &&
                           id[strspn(id, "0123456789")] == '-'))
        id--;
    last = format("%.*s", (int)strcspn(id, "\n"), id);
    REDIS("XADD", format("output:%s", last), "*", "chunk", envelope, "timestamp", "1", "message_id",
          last);
    return format("%s", found);
}

static void test_fleet_python(void)
{
    fleet_start(1, "");
    python_beats("python", 0, 60);
    struct wire w = subscribe("sessions");
    char *event = event_await(&w, "computer_updated", NULL);
    CHECK_TEXT(json_get(event, "data.name"), "python");
    /* It is asked for its sessions, and who it is. */
    char *asked = python_answers("python", "list_sessions",
                                 format("{\"status\": \"success\", \"data\": [%s]}",
                                        python_session("p-1", "caf\\u00e9 \\ud83d\\ude00 "
                                                              "\\ud800!", 1)));
    CHECK_HAS(asked, "initiator\nhosta");
    event = event_await(&w, "session_created", "p-1");
    CHECK_TEXT(json_get(event, "data.computer"), "python");
    CHECK_TEXT(json_get(event, "data.odd.x.0"), "1");
    CHECK_TEXT(json_get(event, "data.tmux_session_name"), "tc_p-1");
    CHECK_HAS(json_raw(event, "data.title"), "\\ud83d\\ude00 \\ufffd!");
    python_answers("python", "get_computer_info",
                   "{\"status\": \"success\", \"data\": {\"user\": \"guido\", \"role\": \"d\", "
                   "\"host\": \"py.example\"}}");
    do
        event = event_await(&w, "computer_updated", NULL);
    while (!json_is(event, "data.user", "guido"));
    CHECK_TEXT(json_get(event, "data.host"), "py.example");
    /* Events: in the order of the stream, though its clock was set back; others' are ignored. */
    python_sends("hosta", "python", "session_updated", python_session("p-1", "newer", 20));
    event_await_value(&w, "p-1", "title", "newer");
    python_sends("hosta", "python", "session_updated", python_session("p-1", "older", 10));
    python_sends("hosta", "python", "session_updated", python_session("p-2", "second", 10));
    event_await_value(&w, "p-2", "title", "second");
    CHECK_TEXT(session_get("p-1", "title"), "older");
    char *own = start_program("pause", NULL, NULL);
    event_await_value(&w, own, "last_output", "ready");
    char *title = session_get(own, "title");
    python_sends("hosta", "python", "session_updated", python_session(own, "stolen", 59));
    python_sends("hosta", "python", "session_removed", format("{\"session_id\": \"%s\"}", own));
    python_sends("hosta", "hosta", "session_updated", python_session(own, "echoed", 59));
    python_sends("hosta", "python", "session_removed", "{\"session_id\": \"p-2\"}");
    event_await(&w, "session_removed", "p-2");
    CHECK_TEXT(session_get(own, "title"), title);
    CHECK_TEXT(session_get(own, "computer"), "hosta");
    /* What we ask of it changes its sessions: it does not push them, so they are pulled. */
    struct wire c = wire_open();
    wire_str(&c, request("POST", "/sessions/p-1/message", "{\"message\": \"say it's me\"}"));
    asked = python_answers("python", "message", "{\"status\": \"success\", \"data\": null}");
    CHECK_HAS(asked, "session_id\np-1");
    struct reply r = reply_read(&c);
    CHECK_INT(r.status, 200);
    CHECK_TEXT(json_raw(r.body, "result"), "null");
    python_answers("python", "list_sessions",
                   format("{\"status\": \"success\", \"data\": [%s]}",
                          python_session("p-1", "pulled", 30)));
    event_await_value(&w, "p-1", "title", "pulled");
    CHECK(json_at(get("/computers").body, "1.sessions_at") != NULL);
    /* It becomes interested, and says so as it does: a key and a question. */
    python_beats("python", 1, 60);
    char *id = ASK("hosta", "command", "list_sessions"), *list = answer(id);
    CHECK_TEXT(json_get(list, "status"), "success");
    CHECK_TEXT(json_get(list, "data.0.session_id"), own);
    CHECK(!json_at(list, "data.0.computer"));
    AWAIT(json_is(get("/status").body, "peers.0.interested", "true"));
    CHECK_INT(call("PATCH", session_path(own, ""), "{\"title\": \"for all\"}").status, 200);
    AWAIT(strstr(REDIS("XRANGE", "session_events:python", "-", "+"), "for all"));
    char *events = REDIS("XRANGE", "session_events:python", "-", "+");
    CHECK_HAS(events, "\"source_computer\":\"hosta\"");
    CHECK(!strstr(events, "p-1")); /* nothing is passed on */
    /* What it can't: a clear word. */
    struct text ignored = {0};
    (void)ignored;
    wire_close(&w);
    fleet_end();
}

/* What a TeleClaude daemon asks of us, command by command. */
static void test_fleet_asked(void)
{
    fleet_start(1, "");
    char *a = answer(ASK("hosta", "command", "/get_computer_info"));
    CHECK_TEXT(json_get(a, "data.user"), "me");
    CHECK_TEXT(json_get(a, "data.host"), "hosta.example");
    CHECK(json_at(a, "data.system_stats.memory.total_gb") &&
          json_at(a, "data.system_stats.disk.percent_used") &&
          json_at(a, "data.system_stats.cpu.percent_used"));
    a = answer(ASK("hosta", "command", "list_projects"));
    CHECK_INT(json_count(a, "data"), 0);
    call("POST", "/projects", format("{\"path\": \"%s\"}", e2e.home));
    a = answer(ASK("hosta", "command", "list_projects"));
    CHECK_TEXT(json_get(a, "data.0.path"), e2e.home);
    CHECK_TEXT(json_get(a, "data.0.desc"), "");
    a = answer(ASK("hosta", "command", format("list_todos '%s'", e2e.home)));
    CHECK_INT(json_count(a, "data"), 0);
    /* A shell, in which things are typed. */
    a = answer(ASK("hosta", "command", "new_session", "title", "sh", "project_dir", e2e.dir,
                   "channel_metadata", "{\"target_computer\": \"x\"}"));
    char *id = json_get(a, "data.session_id");
    REQUIRE(id != NULL);
    CHECK_TEXT(json_raw(a, "data.tmux_session_name"), "null");
    a = answer(ASK("hosta", "command", format("cd '%s'", e2e.home), "session_id", id));
    CHECK_TEXT(json_get(a, "status"), "success");
    a = answer(ASK("hosta", "command", "message pwd; echo \"it's\"", "session_id", id));
    CHECK_TEXT(json_raw(a, "data"), "null");
    AWAIT(strstr(transcript(id), format("\n%s\n", e2e.home)));
    AWAIT(strstr(transcript(id), "\nit's\n"));
    a = answer(ASK("hosta", "command", "get_session_data 10", "session_id", id));
    CHECK_TEXT(json_get(a, "data.session_id"), id);
    CHECK(strlen(json_get(a, "data.messages")) <= 40);
    a = answer(ASK("hosta", "command", "agent nosuch slow 'x'", "session_id", id));
    CHECK_TEXT(json_get(a, "status"), "error");
    a = answer(ASK("hosta", "command", format("end_session %s", id)));
    CHECK_TEXT(json_get(a, "status"), "success");
    CHECK_INT(get(session_path(id, "")).status, 404);
    /* With an agent at once. */
    a = answer(ASK("hosta", "command", "/new_session", "title", "auto", "project_dir", e2e.dir,
                   "auto_command", "agent_then_message shell slow 'echo by-itself'"));
    id = json_get(a, "data.session_id");
    CHECK_TEXT(json_get(a, "data.auto_command_status"), "queued");
    AWAIT(strstr(transcript(id), "\nby-itself"));
    /* A directory below the home directory that does not exist yet. */
    a = answer(ASK("hosta", "command", "new_session", "title", "w", "project_dir", "~/new/one",
                   "channel_metadata", "{\"subfolder\": \"trees/x\", "
                                       "\"initiator_session_id\": \"asker\"}"));
    id = json_get(a, "data.session_id");
    CHECK_TEXT(session_get(id, "working_directory"), format("%s/new/one/trees/x", e2e.home));
    CHECK_TEXT(session_get(id, "initiator_session_id"), "asker");
    CHECK_TEXT(session_get(id, "thinking_mode"), "slow");
    CHECK(file_exists(format("%s/new/one/trees/x", e2e.home)));
    a = answer(ASK("hosta", "command", "new_session", "project_dir", "/tmp", "channel_metadata",
                   "{\"subfolder\": \"../etc\"}"));
    CHECK_TEXT(json_get(a, "code"), "BAD_REQUEST");
    /* What is no request, or none that we know: always an envelope. */
    static const char *const bad[][2] = {{"fly", "NO_HANDLER"},
                                         {"", "NO_HANDLER"},
                                         {"/", "NO_HANDLER"},
                                         {"sh -c 'touch /tmp/owned'", "NO_HANDLER"},
                                         {"message 'open", "NOT_FOUND"},
                                         {"message", "NOT_FOUND"},
                                         {"message x", "NOT_FOUND"},
                                         {"end_session nobody", "NOT_FOUND"},
                                         {"end_session ../../x", "NOT_FOUND"},
                                         {"list_todos", "BAD_REQUEST"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        a = answer(ASK("hosta", "command", bad[i][0]));
        CHECK_TEXT(json_get(a, "status"), "error");
        CHECK_TEXT(json_get(a, "code"), bad[i][1]);
        CHECK(json_at(a, "error") != NULL);
    }
    char *system = REDIS("XADD", "messages:hosta", "*", "type", "system", "command", "deploy",
                         "from_computer", "py\033[2J", "args", "{}");
    answer(ASK("hosta", "command", "list_sessions"));
    CHECK_TEXT(REDIS("EXISTS", format("output:%s", system)), "0");
    CHECK_HAS(daemon_errors(), "deploy");
    CHECK(!strchr(daemon_errors(), '\033'));
    fleet_end();
}

static void test_fleet_late(void)
{
    fleet_start(1, "");
    python_beats("python", 0, 60);
    struct wire w = subscribe("sessions");
    event_await(&w, "computer_updated", NULL);
    long long before = now_ms();
    struct reply r = call("DELETE", "/sessions/p-1?computer=python", NULL);
    CHECK_INT(r.status, 504);
    CHECK_HAS(r.body, "python");
    CHECK(now_ms() - before >= 4900 && now_ms() - before < 8000);
    AWAIT(!strstr(REDIS("XRANGE", "messages:python", "-", "+"), "end_session")); /* withdrawn */
    struct wire c = wire_open();
    wire_str(&c, request("POST", "/sessions/p-1/keys?computer=python", "{\"key\": \"enter\"}"));
    python_answers("python", "keys",
                   "{\"status\": \"error\", \"error\": \"?\", \"code\": \"NO_HANDLER\"}");
    r = reply_read(&c);
    CHECK_INT(r.status, 501);
    CHECK_HAS(r.body, "python");
    fleet_end();
}

static void test_fleet_malformed(void)
{
    static const char *const garbage[] = {
        "", "{", "[]", "null", "\"x\"", "{}", "{\"event\": \"session_updated\"}",
        "{\"event\": 5, \"data\": [], \"source_computer\": \"python\"}",
        "{\"event\": \"session_updated\", \"data\": null, \"source_computer\": \"python\"}",
        "{\"event\": \"session_updated\", \"data\": {}, \"source_computer\": \"python\"}",
        "{\"event\": \"session_updated\", \"data\": {\"session_id\": 5}, \"source_computer\": "
        "\"python\"}",
        "{\"event\": \"session_updated\", \"data\": {\"session_id\": \"../x\"}, "
        "\"source_computer\": \"python\"}",
        "{\"event\": \"session_updated\", \"data\": {\"session_id\": \"y\"}, \"source_computer\": "
        "\"\\u0000\"}",
        "{\"event\": \"explode\", \"data\": {\"session_id\": \"y\"}, \"source_computer\": "
        "\"python\"}",
        "\xff\xfe\x00", "{\"computer_name\": 5}", "{\"computer_name\": \"\\u001b[2J\"}"};
    fleet_start(1, "");
    python_beats("python", 1, 60);
    struct wire w = subscribe("sessions");
    event_await(&w, "computer_updated", NULL);
    python_answers("python", "list_sessions", "{\"status\": \"success\", \"data\": [5, null, {}, "
                                              "{\"session_id\": \"ok\"}, {\"session_id\": []}]}");
    event_await(&w, "session_created", "ok");
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        REDIS("XADD", "session_events:hosta", "*", "payload", garbage[i]);
        REDIS("XADD", "session_events:hosta", "*", "other", garbage[i]);
        REDIS("XADD", "messages:hosta", "*", garbage[i], garbage[i]);
        REDIS("XADD", "messages:hosta", "*", "command", garbage[i], "channel_metadata", garbage[i]);
        REDIS("PUBLISH", "telec:presence", garbage[i]);
        REDIS("SET", format("computer:garbage%zu:heartbeat", i), garbage[i]);
    }
    char *deep = format("%s%s", repeat('[', 60), repeat(']', 60));
    python_sends("hosta", "python", "session_updated",
                 format("{\"session_id\": \"deep\", \"x\": %s}", deep));
    python_sends("hosta", "python", "session_updated",
                 format("{\"session_id\": \"huge\", \"x\": \"%s\"}", repeat('x', 100000)));
    python_sends("hosta", "python", "session_updated", python_session("p-9", "alive", 1));
    event_await_value(&w, "p-9", "title", "alive");
    CHECK_INT(json_count(get("/sessions").body, ""), 2);
    CHECK_INT(json_count(get("/computers").body, ""), 2);
    CHECK(!strchr(daemon_errors(), '\033'));
    CHECK_TEXT(json_get(answer(ASK("hosta", "command", "list_sessions")), "status"), "success");
    fleet_end();
}

/* Two TeleClaude daemons that echo one another's events, and ours, for ever. */
static void test_fleet_echo(void)
{
    fleet_start(1, "");
    python_beats("python", 1, 60);
    python_beats("cobra", 1, 60);
    struct wire w = subscribe("sessions");
    python_answers("python", "list_sessions", "{\"status\": \"success\", \"data\": []}");
    char *own = start_program("pause", NULL, NULL);
    event_await_value(&w, own, "last_output", "ready");
    python_sends("hosta", "python", "session_updated", python_session("p-1", "mine", 1));
    event_await_value(&w, "p-1", "title", "mine");
    struct wire redis = {.fd = wire_connect(redis_socket)};
    struct text t = {0};
    for (int i = 0; i < 2000; i++) {
        char *payload = format("{\"event\": \"session_updated\", \"data\": %s, \"timestamp\": "
                               "\"2026-01-01T00:00:00\", \"source_computer\": \"%s\"}",
                               python_session(i % 2 ? own : "p-1", "echo", 30 + i % 20), "cobra");
        redis_put(&t, (const char *const[]){"XADD", "session_events:hosta", "MAXLEN", "~", "100",
                                            "*", "payload", payload, NULL});
        free(payload);
    }
    wire_write(&redis, t.p, t.n);
    for (int i = 0; i < 2000; i++)
        redis_reply(&redis);
    python_sends("hosta", "python", "session_updated", python_session("p-1", "still mine", 50));
    event_await_value(&w, "p-1", "title", "still mine");
    CHECK_TEXT(session_get("p-1", "computer"), "python");
    CHECK_TEXT(session_get(own, "computer"), "hosta");
    /* While ours is hidden somebody else can have one of that name, until ours is back. */
    CHECK_INT(call("DELETE", session_path(own, "?undo_s=10"), NULL).status, 200);
    event_await(&w, "session_removed", own);
    python_sends("hosta", "python", "session_updated", python_session(own, "theirs", 51));
    event_await_value(&w, own, "title", "theirs");
    CHECK_INT(call("POST", session_path(own, "/restore"), NULL).status, 200);
    event_await_value(&w, own, "last_output", "ready");
    CHECK_TEXT(session_get(own, "computer"), "hosta");
    python_sends("hosta", "python", "session_removed", format("{\"session_id\": \"%s\"}", own));
    python_sends("hosta", "python", "session_removed", "{\"session_id\": \"p-1\"}");
    event_await(&w, "session_removed", "p-1");
    CHECK_INT(call("PATCH", session_path(own, ""), "{\"title\": \"renamed\"}").status, 200);
    event_await_value(&w, own, "title", "renamed");
    /* And its end takes nothing of theirs away. */
    CHECK_INT(call("DELETE", session_path(own, "?undo_s=1"), NULL).status, 200);
    event_await(&w, "session_removed", own);
    python_sends("hosta", "python", "session_updated", python_session(own, "theirs", 52));
    event_await_value(&w, own, "title", "theirs");
    AWAIT_GONE(own);
    AWAIT(!file_exists(session_file(own, "record.json")));
    CHECK_TEXT(session_get(own, "title"), "theirs");
    char *sent = REDIS("XRANGE", "session_events:cobra", "-", "+");
    CHECK(!strstr(sent, "p-1") && !strstr(sent, "\"echo\""));
    fleet_end();
}

static void test_fleet_stale(void)
{
    fleet_start(1, "");
    struct wire w = subscribe("sessions");
    python_beats("python", 0, 4); /* it was alive 56 seconds ago */
    python_sends("hosta", "python", "session_updated", python_session("p-1", "x", 1));
    char *event;
    do
        event = event_await(&w, "computer_updated", NULL);
    while (!json_is(event, "data.status", "stale"));
    python_answers("python", "list_sessions",
                   format("{\"status\": \"success\", \"data\": [%s]}",
                          python_session("p-1", "x", 1)));
    event_await(&w, "session_created", "p-1");
    event_await(&w, "session_removed", "p-1");
    event = event_await(&w, "computer_removed", NULL);
    CHECK_TEXT(json_get(event, "data.name"), "python");
    CHECK_INT(json_count(get("/computers").body, ""), 1);
    CHECK_INT(json_count(get("/sessions").body, ""), 0);
    fleet_end();
}

static void test_fleet_same_name(void)
{
    fleet_start(1, "");
    struct wire w = subscribe("sessions");
    host_begin(host_add("hosta", "", ""));
    AWAIT(json_at(get("/computers").body, "0.warning") ||
          (on(0), json_at(get("/computers").body, "0.warning")));
    on(0);
    AWAIT(json_at(get("/computers").body, "0.warning"));
    event_await(&w, "computer_updated", NULL);
    CHECK_HAS(daemon_errors(), "has the name hosta, too");
    CHECK_TEXT(json_get(get("/status").body, "redis.same_name"), "true");
    CHECK_INT(json_count(get("/computers").body, ""), 1);
    fleet_end();
}

/* Who observes whom, with a TeleClaude daemon on either side. */
static void test_fleet_observation(void)
{
    fleet_start(1, "");
    python_beats("python", 1, 60);
    struct wire list = subscribe("sessions");
    python_answers("python", "list_sessions",
                   format("{\"status\": \"success\", \"data\": [%s]}",
                          python_session("p-1", "x", 1)));
    event_await(&list, "session_created", "p-1");
    /* We look: the key says so, and what it sends is shown as it comes. */
    struct wire w = ws_open("/sessions/p-1/attach?mode=view");
    AWAIT(!strcmp(REDIS("EXISTS", "observation:python:p-1"), "1"));
    CHECK_HAS(REDIS("GET", "observation:python:p-1"), "\"observer\":\"hosta\"");
    CHECK(atoi(REDIS("TTL", "observation:python:p-1")) > 0);
    char *key = "output:p-1";
    for (int i = 0; i < 2; i++) { /* the first may come before the end of the stream was known */
        REDIS("XADD", key, "*", "chunk", "line of text\r\n", "timestamp", "1", "session_id", "p-1");
        if (i == 0)
            ws_settle(&w, "open");
    }
    glance_await(&w, "line of text");
    wire_close(&w);
    /* It looks: nothing goes out before, and from then on what is written. */
    char *id = start_sh("while read x; do echo \"got $x\"; done");
    CHECK_INT(call("POST", session_path(id, "/message"), "{\"message\": \"unseen\"}").status, 200);
    AWAIT_SESSION(id, "last_output", "got unseen");
    key = format("output:%s", id);
    CHECK_TEXT(REDIS("EXISTS", key), "0");
    REDIS("SETEX", format("observation:hosta:%s", id), "60", "{\"observer\": \"python\"}");
    long long until = now_ms() + E2E_WAIT_MS;
    for (int i = 0; !strstr(REDIS("XRANGE", key, "-", "+"), "got seen"); i++) {
        call("POST", session_path(id, "/message"), "{\"message\": \"seen\"}");
        if (now_ms() > until)
            FATAL("no output came");
    }
    CHECK_HAS(REDIS("XRANGE", key, "-", "+"), format("session_id\n%s", id));
    fleet_end();
}

/* More events at once than a stream keeps: what was cut off is asked for. */
static void test_fleet_storm(void)
{
    struct text t = {0}, old = {0}, new_list = {0};
    fleet_start(1, "");
    python_beats("python", 0, 60);
    struct wire w = subscribe("sessions");
    for (int i = 0; i < 300; i++) {
        text_str(&old, format("%s%s", i ? ", " : "",
                              python_session(format("p-%d", i), "calm", 1)));
        text_str(&new_list, format("%s%s", i ? ", " : "",
                                   python_session(format("p-%d", i), "stormy", 2)));
    }
    python_answers("python", "list_sessions",
                   format("{\"status\": \"success\", \"data\": [%s]}", old.p));
    event_await_value(&w, "p-299", "title", "calm");
    struct wire redis = {.fd = wire_connect(redis_socket)};
    redis_put(&t, (const char *const[]){"MULTI", NULL});
    for (int i = 0; i < 300; i++)
        redis_put(&t, (const char *const[]){
                          "XADD", "session_events:hosta", "MAXLEN", "100", "*", "payload",
                          format("{\"event\": \"session_updated\", \"data\": %s, \"timestamp\": "
                                 "\"\", \"source_computer\": \"python\"}",
                                 python_session(format("p-%d", i), "stormy", 2)), NULL});
    redis_put(&t, (const char *const[]){"EXEC", NULL});
    wire_write(&redis, t.p, t.n);
    event_await_value(&w, "p-299", "title", "stormy");
    CHECK_TEXT(session_get("p-0", "title"), "calm");
    python_answers("python", "list_sessions",
                   format("{\"status\": \"success\", \"data\": [%s]}", new_list.p));
    event_await_value(&w, "p-0", "title", "stormy");
    CHECK_INT(json_count(get("/sessions").body, ""), 300);
    wire_close(&redis);
    fleet_end();
}

/* ---- tests: many ---------------------------------------------------------------------------- */

#define CROWD 50
#define CROWD_SESSIONS 100

static char *crowd_list(int i)
{
    struct text t = {0};
    text_str(&t, "{\"status\": \"success\", \"data\": [");
    for (int s = 0; s < CROWD_SESSIONS; s++)
        text_str(&t, format("%s%s", s ? ", " : "",
                            python_session(format("c%d-%d", i, s), "one of many", 1)));
    text_str(&t, "]}");
    return t.p;
}

/* Answers the first request that a computer gets: list_sessions. */
static void crowd_answers(int i, const char *list)
{
    char *key = format("messages:crowd%d", i), *reply;
    AWAIT(strstr(reply = REDIS("XRANGE", key, "-", "+", "COUNT", "1"), "list_sessions") != NULL);
    REDIS("XADD", format("output:%.*s", (int)strcspn(reply, "\n"), reply), "*", "chunk", list,
          "timestamp", "1");
}

/* Fifty computers with a hundred sessions each; all of them talk at once. */
static void test_fleet_crowd(void)
{
    fleet_start(1, "");
    for (int i = 0; i < CROWD; i++)
        python_beats(format("crowd%d", i), 0, 60);
    subscribe("sessions"); /* and reads no further: a slow client */
    for (int i = 0; i < CROWD; i++)
        crowd_answers(i, crowd_list(i));
    AWAIT(json_is(get("/status").body, "sessions", format("%d", CROWD * CROWD_SESSIONS)));
    CHECK_INT(json_count(get("/computers").body, ""), CROWD + 1);
    for (int i = 0; i < CROWD; i++)
        python_sends("hosta", format("crowd%d", i), "session_updated",
                     python_session(format("c%d-%d", i, i % CROWD_SESSIONS), "changed", 30));
    for (int i = 0; i < CROWD; i++)
        AWAIT_SESSION(format("c%d-%d", i, i % CROWD_SESSIONS), "title", "changed");
    CHECK_INT(json_count(get("/sessions").body, ""), CROWD * CROWD_SESSIONS);
    /* Here nobody notices. */
    char *id = start_program("pause", NULL, NULL);
    AWAIT_SESSION(id, "last_output", "ready");
    fleet_end();
}

/* ---- tests: the command line ---------------------------------------------------------------- */

static void test_fleet_cli(void)
{
    redis_socket = format("%s/redis", e2e.dir);
    redis_start();
    /* What attach runs here instead of ssh. */
    file_write(format("%s/far", e2e.bin), format("#!/bin/sh\necho \"$@\" >> %s/far\n", e2e.dir),
               0700);
    host_begin(host_add("hosta", "", "[peers]\nattach = far -t DEST"));
    host_begin(host_add("hostb", "", ""));
    python_beats("python", 0, 60);
    on(0);
    AWAIT(redis_is("ready"));
    struct wire w = subscribe("sessions");
    AWAIT(json_count(get("/computers").body, "") == 3);
    python_answers("python", "list_sessions",
                   format("{\"status\": \"success\", \"data\": [%s]}",
                          python_session("p-1", "x", 1)));
    python_answers("python", "get_computer_info",
                   "{\"status\": \"success\", \"data\": {\"user\": \"-oProxyCommand=x\", "
                   "\"host\": \"py.example\"}}");
    struct cli c = CLI_OK(cli("computers", NULL));
    CHECK_HAS(c.said[0].p, "hosta\tonline\tme\thosta.example\n");
    CHECK_HAS(c.said[0].p, "hostb\tonline\tme\thostb.example\t\tin ");
    CHECK_HAS(c.said[0].p, ", skew 0 s\n");
    c = CLI_OK(cli("computers", "--json", NULL));
    CHECK_TEXT(json_get(c.said[0].p, "0.name"), "hosta");
    /* Everything there, with and without somebody who looks. */
    for (int looked_at = 1; looked_at >= 0; looked_at--) {
        c = CLI_OK(cli("new", "--computer", "hostb", "-C", e2e.dir, "-t", "far away", "-a", "shell",
                       NULL));
        char *id = cli_line(&c);
        c = CLI_OK(cli("list", "--computer", "hostb", NULL));
        CHECK_HAS(c.said[0].p, "far away");
        CHECK_INT(count_of(c.said[0].p, "\n"), 1);
        CLI_OK(cli("send", "--computer", "hostb", id, "echo", "so it is", NULL));
        do
            c = CLI_OK(cli("tail", "--computer", "hostb", id, NULL));
        while (!strstr(c.said[0].p, "\nso it is\n"));
        c = CLI_OK(cli("status", id, "--computer", "hostb", NULL));
        CHECK_HAS(c.said[0].p, "hostb");
        CLI_OK(cli("attach", id, "--computer", "hostb", NULL)); /* by the command that is set */
        CHECK_HAS(file_read(format("%s/far", e2e.dir), NULL),
                  format("-t me@hostb.example telec attach %s\n", id));
        c = CLI_OK(cli("status", id, NULL));
        CHECK_HAS(c.said[0].p, "hostb");
        c = CLI_OK(cli("list", NULL));
        CHECK_HAS(c.said[0].p, "far away");
        CLI_OK(cli("kill", "--computer", "hostb", id, NULL));
        c = CLI_OK(cli("list", "--computer", "hostb", NULL));
        CHECK_TEXT(c.said[0].p, "");
        if (!looked_at)
            CHECK_INT(count_of(CLI_OK(cli("list", NULL)).said[0].p, "far away"), 0);
        if (looked_at) {
            AWAIT(strstr(get("/computers").body, "\"py.example\""));
            CLI_OK(cli("attach", "p-1", NULL)); /* its user is no word for a command line */
            CHECK_HAS(file_read(format("%s/far", e2e.dir), NULL),
                      "-t py.example tmux attach -t tc_p-1\n");
            ws_say(&w, "{\"unsubscribe\": \"sessions\"}");
            ws_settle(&w, "no more");
        }
    }
    file_write(format("%s/far", e2e.bin), "#!/bin/sh\nexit 255\n", 0700);
    c = CLI_OK(cli("new", "--computer", "hostb", "-C", e2e.dir, "-a", "shell", NULL));
    CLI_FAILS(cli("attach", "--computer", "hostb", cli_line(&c), NULL), 1, "ended with status 255");
    CLI_FAILS(cli("list", "--computer", "hostb", "--json", "x", NULL), 2, "too many arguments");
    fleet_end();
}

static const struct test fleet_tests[] = {
    {"fleet_push", test_fleet_push},
    {"fleet_resp2", test_fleet_resp2},
    {"fleet_far", test_fleet_far},
    {"fleet_stalled", test_fleet_stalled},
    {"fleet_actions", test_fleet_actions},
    {"fleet_preparation", test_fleet_preparation},
    {"fleet_acl", test_fleet_acl},
    {"fleet_allow", test_fleet_allow},
    {"fleet_secret", test_fleet_secret},
    {"fleet_interest", test_fleet_interest},
    {"fleet_watch", test_fleet_watch},
    {"fleet_redis_restart", test_fleet_redis_restart},
    {"fleet_no_redis", test_fleet_no_redis},
    {"fleet_cursor", test_fleet_cursor},
    {"fleet_python", test_fleet_python},
    {"fleet_asked", test_fleet_asked},
    {"fleet_expired", test_fleet_expired},
    {"fleet_old_requests", test_fleet_old_requests},
    {"fleet_late", test_fleet_late},
    {"fleet_malformed", test_fleet_malformed},
    {"fleet_echo", test_fleet_echo},
    {"fleet_stale", test_fleet_stale},
    {"fleet_same_name", test_fleet_same_name},
    {"fleet_observation", test_fleet_observation},
    {"fleet_storm", test_fleet_storm},
    {"fleet_crowd", test_fleet_crowd},
    {"fleet_cli", test_fleet_cli},
};
