/* Unit tests of redis: urls; a server that says exactly what it is told to, whole or byte by byte;
 * every refusal and loss, and what is said of it; the real redis-server, where there is one, with
 * passwords, restarts, pauses and relays. */

/* ---- a server that says what it is told to -------------------------------------------------- */

struct unit_redis_row {
    const char *command; /* how it begins, its words with a blank in between */
    const char *answer;  /* "!" in front: then the connection is closed; NULL: silence */
};

static const struct unit_redis_row unit_redis_good[] = {
    {"HELLO 3", "%2\r\n+proto\r\n:3\r\n+modules\r\n*0\r\n"},
    {"AUTH ", "+OK\r\n"},
    {"SELECT ", "+OK\r\n"},
    {"CLIENT SETNAME ", "+OK\r\n"},
    {"CLIENT ID", ":7\r\n"},
    {"PING", "+PONG\r\n"},
    {"ECHO ", "$2\r\nhi\r\n"},
    {"FAIL", "-ERR no such thing\r\n"},
    {NULL, NULL}};

struct unit_redis {
    struct loop loop;
    struct config config;
    struct redis redis;
    char dir[64], path[96], url[200];
    struct loop_fd listener;
    struct conn conn;
    struct resp_scan scan;
    int connections, open;
    const struct unit_redis_row *rows; /* looked at before unit_redis_good */
    size_t piece;                      /* bytes of an answer in one write; 0: all of it */
    buf out;                           /* what is still to be written */
    int close_after;
    struct loop_timer feed;
    buf asked;                         /* the commands that came */
    buf told;                          /* what the redis told, a line each */
    int ready, lost, pushes, answers;
};

/* Writes the next piece; each is read before there is more. */
static void unit_redis_feed(void *ctx)
{
    struct unit_redis *u = ctx;
    size_t n = u->piece && u->piece < u->out.n ? u->piece : u->out.n;
    ssize_t wrote = u->open && n ? write(u->conn.io.fd, u->out.p, n) : 0;
    buf_drop(&u->out, wrote > 0 ? (size_t)wrote : 0);
    if (u->open && u->out.n)
        loop_timer_set(&u->loop, &u->feed, u->loop.now + 1);
    else if (u->open && u->close_after)
        conn_finish(&u->conn);
}

static void unit_redis_say(struct unit_redis *u, const char *answer)
{
    if (u->close_after)
        return; /* that was its last word */
    u->close_after |= answer && answer[0] == '!';
    buf_str(&u->out, answer ? answer + (answer[0] == '!') : "");
    loop_timer_set(&u->loop, &u->feed, u->loop.now);
}

static const char *unit_redis_answer_to(const struct unit_redis *u, span command)
{
    for (const struct unit_redis_row *row = u->rows; row && row->command; row++)
        if (span_starts(command, row->command))
            return row->answer;
    for (const struct unit_redis_row *row = unit_redis_good; row->command; row++)
        if (span_starts(command, row->command))
            return row->answer;
    return "-ERR unknown command\r\n";
}

static void unit_redis_on_data(void *ctx)
{
    struct unit_redis *u = ctx;
    struct resp command, word;
    size_t used;
    while (u->open && resp_parse(&u->scan, conn_view(&u->conn), &used, &command) == PARSE_DONE) {
        buf text = {0};
        struct resp_iter it = resp_iter(&command);
        while (resp_next(&it, &word)) {
            buf_str(&text, text.n ? " " : "");
            buf_span(&text, word.text);
        }
        conn_consume(&u->conn, used);
        buf_span(&u->asked, buf_view(&text));
        buf_byte(&u->asked, '|');
        unit_redis_say(u, unit_redis_answer_to(u, buf_view(&text)));
        buf_free(&text);
    }
    if (u->open && u->conn.eof)
        conn_close(&u->conn, NULL);
}

static void unit_redis_on_gone(void *ctx, const char *why)
{
    struct unit_redis *u = ctx;
    (void)why;
    conn_free(&u->conn);
    buf_clear(&u->out);
    u->open = u->close_after = 0;
}

static void unit_redis_on_client(void *ctx, short revents)
{
    static const struct conn_hooks hooks = {unit_redis_on_data, NULL, unit_redis_on_gone};
    struct unit_redis *u = ctx;
    (void)revents;
    int fd = u->open ? -1 : accept(u->listener.fd, NULL, NULL); /* one after the other */
    if (fd < 0)
        return;
    u->connections++;
    u->open = 1;
    u->scan = (struct resp_scan){0};
    u->conn.hooks = &hooks;
    u->conn.ctx = u;
    conn_open(&u->conn, &u->loop, fd);
}

static void unit_redis_on_ready(void *ctx)
{
    ((struct unit_redis *)ctx)->ready++;
}

static void unit_redis_on_lost(void *ctx, const char *why)
{
    struct unit_redis *u = ctx;
    u->lost++;
    buf_fmt(&u->told, "lost %s\n", why);
}

static void unit_redis_on_push(void *ctx, span channel, span message)
{
    struct unit_redis *u = ctx;
    u->pushes++;
    buf_fmt(&u->told, "push %.*s %.*s\n", (int)channel.n, channel.p, (int)message.n, message.p);
}

static void unit_redis_on_answer(void *ctx, const struct resp *reply)
{
    struct unit_redis *u = ctx;
    u->answers++;
    if (reply)
        unit_resp_put(&u->told, reply);
    buf_str(&u->told, reply ? "\n" : "none\n");
}

static const struct redis_hooks unit_redis_hooks = {unit_redis_on_ready, unit_redis_on_lost,
                                                    unit_redis_on_push, NULL};

static int unit_redis_config(struct unit_redis *u, const char *url, buf *error)
{
    snprintf(u->url, sizeof u->url, "%s", url);
    u->config = (struct config){.program = (char *)unit_program,
                                .computer = (char *)"a vm",
                                .redis_url = u->url,
                                .redis_from = (char *)"/etc/telec:7",
                                .tls_command = (char *)"false"};
    return redis_init(&u->redis, &u->loop, &u->config, "test", &unit_redis_hooks, u, error);
}

/* A server at u->path and a redis that is to connect to url; PATH in it stands for u->path. */
static void unit_redis_begin(struct unit_redis *u, const char *url,
                             const struct unit_redis_row *rows)
{
    char error[200], full[200];
    buf fault = {0};
    const char *at = strstr(url, "PATH");
    *u = (struct unit_redis){.rows = rows};
    CHECK(mkdtemp(unit_base_temporary(u->dir)) != NULL);
    snprintf(u->path, sizeof u->path, "%s/sock", u->dir);
    loop_init(&u->loop);
    u->feed = (struct loop_timer){.fn = unit_redis_feed, .ctx = u};
    u->listener = (struct loop_fd){.fd = conn_listen(u->path, error, sizeof error),
                                   .on_event = unit_redis_on_client, .ctx = u};
    CHECK(u->listener.fd >= 0);
    loop_watch(&u->loop, &u->listener, POLLIN);
    snprintf(full, sizeof full, "%.*s%s%s", at ? (int)(at - url) : (int)strlen(url), url,
             at ? u->path : "", at ? at + 4 : "");
    CHECK_INT(unit_redis_config(u, full, &fault), 0);
    CHECK_SPAN(buf_view(&fault), "");
    buf_free(&fault);
    u->redis.times.backoff_min = u->redis.times.backoff_max = 20;
}

static void unit_redis_end(struct unit_redis *u)
{
    redis_free(&u->redis);
    redis_free(&u->redis); /* twice is fine */
    if (u->open)
        conn_close(&u->conn, NULL);
    for (int i = 0; i < 3; i++)
        unit_loop_pass(&u->loop);
    CHECK_INT(u->open, 0);
    loop_timer_cancel(&u->loop, &u->feed);
    CHECK_INT(u->loop.timer_count, 0);
    loop_unwatch(&u->loop, &u->listener);
    close(u->listener.fd);
    loop_free(&u->loop);
    unlink(u->path);
    rmdir(u->dir);
    buf_free(&u->asked);
    buf_free(&u->told);
    buf_free(&u->out);
}

/* Runs passes until *count is at least `want`. */
static void unit_redis_until(struct unit_redis *u, const int *count, int want)
{
    struct loop_timer tick = {.fn = unit_loop_nothing};
    long long deadline = clock_mono_ms() + 15000;
    while (*count < want && clock_mono_ms() < deadline) {
        loop_timer_set(&u->loop, &tick, clock_mono_ms() + 2);
        loop_once(&u->loop);
    }
    loop_timer_cancel(&u->loop, &tick);
    CHECK(*count >= want);
    if (*count < want)
        printf("#   state %d, why \"%s\", asked \"%.*s\", told \"%.*s\"\n", (int)u->redis.state,
               u->redis.why, (int)u->asked.n, u->asked.n ? u->asked.p : "", (int)u->told.n,
               u->told.n ? u->told.p : "");
}

/* Until there was a try that failed. */
static void unit_redis_until_waiting(struct unit_redis *u)
{
    struct loop_timer tick = {.fn = unit_loop_nothing};
    long long deadline = clock_mono_ms() + 15000;
    while (u->redis.state != REDIS_WAITING && clock_mono_ms() < deadline) {
        loop_timer_set(&u->loop, &tick, clock_mono_ms() + 2);
        loop_once(&u->loop);
    }
    loop_timer_cancel(&u->loop, &tick);
    CHECK_INT(u->redis.state, REDIS_WAITING);
}

/* Sends a command, its words separated by blanks. */
static int unit_redis_call(struct unit_redis *u, const char *words, long long block_ms)
{
    buf command = {0};
    span rest = span_of(words);
    size_t count = 1;
    for (const char *p = words; *p; p++)
        count += *p == ' ';
    resp_put_command(&command, count);
    while (count--)
        resp_put_arg(&command, span_cut(&rest, ' '));
    int sent = redis_call(&u->redis, buf_view(&command), block_ms, unit_redis_on_answer, u);
    buf_free(&command);
    return sent;
}

static void unit_redis_told(struct unit_redis *u, const char *want)
{
    CHECK_SPAN(buf_view(&u->told), want);
    buf_clear(&u->told);
}

/* ---- urls ----------------------------------------------------------------------------------- */

static void unit_redis_urls(void)
{
    test_begin("a url gives host, port, user, password and database");
    static const struct {
        const char *url, *path, *host, *user, *password, *shown;
        int port, tls, db, protocol;
    } rows[] = {
        {"redis://vm", NULL, "vm", NULL, NULL, "redis://vm:6379", 6379, 0, 0, 3},
        {"redis://", NULL, "localhost", NULL, NULL, "redis://localhost:6379", 6379, 0, 0, 3},
        {"redis://vm:7000/3", NULL, "vm", NULL, NULL, "redis://vm:7000/3", 7000, 0, 3, 3},
        {"redis://vm/", NULL, "vm", NULL, NULL, "redis://vm:6379", 6379, 0, 0, 3},
        {"redis://vm?db=4&protocol=2", NULL, "vm", NULL, NULL, "redis://vm:6379/4", 6379, 0, 4, 2},
        {"redis://:s3cret@vm", NULL, "vm", NULL, "s3cret", "redis://vm:6379", 6379, 0, 0, 3},
        {"redis://me@vm", NULL, "vm", "me", NULL, "redis://vm:6379", 6379, 0, 0, 3},
        {"redis://me:s3cret@vm:1", NULL, "vm", "me", "s3cret", "redis://vm:1", 1, 0, 0, 3},
        {"redis://m%65:a%2Fb%40%3a@vm", NULL, "vm", "me", "a/b@:", "redis://vm:6379", 6379, 0, 0,
         3},
        {"redis://me:a@b@vm", NULL, "vm", "me", "a@b", "redis://vm:6379", 6379, 0, 0, 3},
        {"redis://[::1]", NULL, "::1", NULL, NULL, "redis://[::1]:6379", 6379, 0, 0, 3},
        {"redis://u:p@[fe80::1%25eth0]:65535/0", NULL, "fe80::1%eth0", "u", "p",
         "redis://[fe80::1%eth0]:65535", 65535, 0, 0, 3},
        {"rediss://vm.example", NULL, "vm.example", NULL, NULL, "rediss://vm.example:6379", 6379, 1,
         0, 3},
        {"unix:/run/redis.sock", "/run/redis.sock", NULL, NULL, NULL, "unix:/run/redis.sock", 0, 0,
         0, 3},
        {"unix:///a%20b?db=2", "/a b", NULL, NULL, NULL, "unix:/a b?db=2", 0, 0, 2, 3},
        {"unix://u:p@/s", "/s", NULL, "u", "p", "unix:/s", 0, 0, 0, 3},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct redis r = {0};
        buf shown = {0};
        const char *fault = redis_url_parse(&r.target, span_of(rows[i].url));
        const char *const got[] = {r.target.path, r.target.host, r.target.user, r.target.password};
        const char *const want[] = {rows[i].path, rows[i].host, rows[i].user, rows[i].password};
        CHECK_SPAN(span_of(fault), "");
        for (size_t k = 0; k < COUNT_OF(got); k++) {
            CHECK(!got[k] == !want[k]);
            CHECK_SPAN(span_of(got[k]), want[k] ? want[k] : "");
        }
        CHECK_INT(r.target.port, rows[i].port);
        CHECK_INT(r.target.tls, rows[i].tls);
        CHECK_INT(r.target.db, rows[i].db);
        CHECK_INT(r.target.protocol, rows[i].protocol);
        redis_put_address(&r, &shown);
        CHECK_SPAN(buf_view(&shown), rows[i].shown);
        buf_free(&shown);
        redis_url_free(&r.target);
    }
}

/* Each is refused with a reason, which never repeats the password. */
static void unit_redis_bad_urls(void)
{
    static const char *const rows[][2] = {
        {"", "expected redis://, rediss://, sentinel:// or unix:/"},
        {"http://me:s3cret@vm", "expected redis://, rediss://, sentinel:// or unix:/"},
        {"redis:vm", "expected redis://, rediss://, sentinel:// or unix:/"},
        {"redis://me:s3cret%4@vm", "a % in user or password"},
        {"redis://me:s3cret%00@vm", "a % in user or password"},
        {"redis://:s3cret/x@vm", "the port must be a number from 1 to 65535 (a / or #"},
        {"redis://vm:0", "the port must be a number"},
        {"redis://vm:65536", "the port must be a number"},
        {"redis://vm:s3cret", "the port must be a number"},
        {"redis://::1", "an IPv6 address stands in [ and ]"},
        {"redis://[::1", "a ] is expected"},
        {"redis://[::1]7", "a ] is expected"},
        {"redis://-oProxy", "the host's name"},
        {"redis://a b", "the host's name"},
        {"redis://a%0ab", "the host's name"},
        {"redis://vm/s3cret", "the database behind the / must be a number"},
        {"redis://vm/-1", "the database behind the / must be a number"},
        {"redis://vm?db=s3cret", "behind the ? a number is expected"},
        {"sentinel:///mm", "the sentinels' hosts are expected"},
        {"sentinel://a,b", "the master's name is expected"},
        {"sentinel://a,b:x/mm", "the port must be a number"},
        {"redis://vm?protocol=1", "behind the ? a number is expected"},
        {"redis://vm?prefix=a*", "a prefix has up to 64 letters"},
        {"redis://vm?prefix=", "a prefix has up to 64 letters"},
        {"redis://vm?protocol=0", "protocol is 2 or 3"},
        {"redis://vm?password=s3cret", "behind the ? only db=N"},
        {"unix:run/s", "an absolute path is expected"},
        {"unix:", "an absolute path is expected"},
        {"unix:/%zz", "an absolute path is expected"},
        {"unix://vm/s", "a Unix socket has no host"},
    };
    test_begin("a url that cannot be used is refused with the reason");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct unit_redis u = {0};
        buf error = {0};
        loop_init(&u.loop);
        CHECK_INT(unit_redis_config(&u, rows[i][0], &error), -1);
        CHECK(strncmp(buf_cstr(&error), "/etc/telec:7: the redis url cannot be used: ", 44) == 0);
        CHECK(strstr(buf_cstr(&error), rows[i][1]) != NULL);
        CHECK(strstr(buf_cstr(&error), "s3cret") == NULL);
        redis_free(&u.redis);
        loop_free(&u.loop);
        buf_free(&error);
    }
}

/* ---- greeting ------------------------------------------------------------------------------- */

static const struct unit_redis_row unit_redis_old[] = {
    {"HELLO", "-ERR unknown command `HELLO`, with args beginning with: `3` `AUTH` `s3cret`\r\n"},
    {NULL, NULL}};
static const struct unit_redis_row unit_redis_noproto[] = {
    {"HELLO", "-NOPROTO unsupported protocol version\r\n"}, {NULL, NULL}};
static const struct unit_redis_row unit_redis_proxy[] = {
    {"HELLO", "-PROXYERR what is that\r\n"}, {NULL, NULL}};
static const struct unit_redis_row unit_redis_nameless[] = {
    {"AUTH me", "-ERR wrong number of arguments for 'auth' command\r\n"}, {NULL, NULL}};
static const struct unit_redis_row unit_redis_strict[] = {
    {"CLIENT", "-NOPERM this user has no permissions\r\n"},
    {"PING", "-NOPERM this user has no permissions\r\n"},
    {NULL, NULL}};

/* What is sent, in both protocols, however the answers come. */
static void unit_redis_greetings(void)
{
    test_begin("the greeting is HELLO 3, else AUTH and SELECT");
#define REST "CLIENT SETNAME telec-a-vm-test|CLIENT ID|PING|"
    static const struct {
        const char *url;
        const struct unit_redis_row *rows;
        const char *asked;
        int protocol, id;
    } rows[] = {
        {"unix:PATH", NULL, "HELLO 3|" REST, 3, 7},
        {"unix:PATH?db=2", NULL, "HELLO 3|SELECT 2|" REST, 3, 7},
        {"unix://me:s3cret@PATH", NULL, "HELLO 3 AUTH me s3cret|" REST, 3, 7},
        {"unix://:s3cret@PATH?db=1", NULL, "HELLO 3 AUTH default s3cret|SELECT 1|" REST, 3, 7},
        {"unix:PATH?protocol=2", NULL, REST, 2, 7},
        {"unix://me:s3cret@PATH?protocol=2", NULL, "AUTH me s3cret|" REST, 2, 7},
        {"unix://:s3cret@PATH?protocol=2", NULL, "AUTH s3cret|" REST, 2, 7},
        {"unix:PATH", unit_redis_old, "HELLO 3|" REST, 2, 7},
        {"unix:PATH", unit_redis_noproto, "HELLO 3|" REST, 2, 7},
        {"unix://me:s3cret@PATH?db=1", unit_redis_old,
         "HELLO 3 AUTH me s3cret|AUTH me s3cret|SELECT 1|" REST, 2, 7},
        {"unix:PATH", unit_redis_strict, "HELLO 3|" REST, 3, 0},
        {"unix:PATH", unit_redis_proxy, "HELLO 3|" REST, 2, 7},
        {"unix://me:s3cret@PATH?protocol=2", unit_redis_nameless,
         "AUTH me s3cret|AUTH s3cret|" REST, 2, 7},
    };
#undef REST
    for (size_t i = 0; i < COUNT_OF(rows) * 2; i++) {
        struct unit_redis u;
        unit_redis_begin(&u, rows[i / 2].url, rows[i / 2].rows);
        u.piece = i % 2;
        CHECK_SPAN(span_of(redis_state_name(&u.redis)), "off");
        redis_start(&u.redis);
        CHECK_SPAN(span_of(redis_state_name(&u.redis)), "connecting");
        unit_redis_until(&u, &u.ready, 1);
        CHECK_SPAN(span_of(redis_state_name(&u.redis)), "ready");
        CHECK_SPAN(buf_view(&u.asked), rows[i / 2].asked);
        CHECK_INT(u.redis.protocol, rows[i / 2].protocol);
        CHECK_INT(u.redis.id, rows[i / 2].id);
        CHECK_INT(u.redis.connects, 1);
        CHECK_INT(u.loop.timer_count, 0); /* ready, and nothing to wait for */
        unit_redis_end(&u);
    }
}

static void unit_redis_closes_at_hello(void)
{
    static const struct unit_redis_row rows[] = {{"HELLO", "!"}, {NULL, NULL}};
    struct unit_redis u;
    test_begin("a server that closes at HELLO is greeted without it the next time");
    unit_redis_begin(&u, "unix:PATH", rows);
    u.redis.times.backoff_min = u.redis.times.backoff_max = 10;
    redis_start(&u.redis);
    unit_redis_until(&u, &u.ready, 1);
    CHECK_INT(u.redis.protocol, 2);
    CHECK_INT(u.connections, 2);
    unit_redis_end(&u);
}

/* A server that can't serve, or isn't one: why, and another try. */
static void unit_redis_refusals(void)
{
    test_begin("a refused greeting is told in Redis's words");
    static const struct {
        struct unit_redis_row rows[2];
        const char *url, *why;
    } rows[] = {
        {{{"HELLO", "-WRONGPASS invalid username-password pair\r\n"}, {0}}, "unix://:s3cret@PATH",
         "WRONGPASS: user or password is wrong"},
        {{{"HELLO", "-NOAUTH HELLO must be called with\r\n"}, {0}}, "unix:PATH",
         "NOAUTH: the server wants a password"},
        {{{"AUTH", "-ERR invalid password\r\n"}, {0}}, "unix://:s3cret@PATH?protocol=2",
         "the server refused: ERR invalid password"},
        {{{"AUTH", "-ERR unknown command 'AUTH', with args beginning with: 's3cret'\r\n"}, {0}},
         "unix://:s3cret@PATH?protocol=2", "the server refused: ERR unknown command 'AUTH'"},
        {{{"AUTH", "-ERR I do not know s3cret\r\n"}, {0}}, "unix://:s3cret@PATH?protocol=2",
         "the server refused: ERR"},
        {{{"HELLO", "-ERR max number of clients reached\r\n"}, {0}}, "unix:PATH",
         "the server refused: ERR max number of clients reached"},
        {{{"HELLO", "+OK\r\n"}, {0}}, "unix:PATH", "the server gave an unexpected answer"},
        {{{"SELECT", "-ERR DB index is out of range\r\n"}, {0}}, "unix:PATH?db=99",
         "the server refused: ERR DB index is out of range"},
        {{{"PING", "-LOADING Redis is loading the dataset in memory\r\n"}, {0}}, "unix:PATH",
         "LOADING: the server is loading its data"},
        {{{"PING", "-MASTERDOWN Link with MASTER is down\r\n"}, {0}}, "unix:PATH",
         "MASTERDOWN: the server is a replica whose master is down"},
        {{{"HELLO", "HTTP/1.1 400 Bad Request\r\n"}, {0}}, "unix:PATH",
         "what answers is not a Redis server: not a type of reply"},
        {{{"HELLO", "!"}, {0}}, "unix:PATH", "the server closed the connection"},
        {{{"HELLO", "!%2\r\n+proto\r\n"}, {0}}, "unix:PATH", "the server closed the connection"},
        {{{"PING", "!+PO"}, {0}}, "unix:PATH", "the server closed the connection"},
        {{{"PING", "-\x1b[31m\r\n"}, {0}}, "unix:PATH", "the server refused: ^[[31m"},
        {{{"HELLO", NULL}, {0}}, "unix:PATH", "the server did not answer within 0 s"},
        {{{"HELLO", "%2\r\n+proto\r\n"}, {0}}, "unix:PATH", "the server did not answer within 0 s"},
        {{{"PING", "+PONG\r\n+PONG\r\n"}, {0}}, "unix:PATH",
         "the server sent an answer to nothing"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct unit_redis u;
        unit_redis_begin(&u, rows[i].url, rows[i].rows);
        if (strstr(rows[i].why, "0 s"))
            u.redis.times.reply = 50;
        redis_start(&u.redis);
        unit_redis_until_waiting(&u);
        CHECK_SPAN(span_of(redis_state_name(&u.redis)), "reconnecting");
        CHECK(strncmp(u.redis.why, rows[i].why, strlen(rows[i].why)) == 0);
        CHECK(strstr(u.redis.why, "s3cret") == NULL);
        if (strncmp(u.redis.why, rows[i].why, strlen(rows[i].why)) != 0)
            printf("#   row %d: %s\n", (int)i, u.redis.why);
        unit_redis_until(&u, &u.connections, 2);
        u.rows = NULL; /* the server has recovered */
        if (u.open)
            conn_close(&u.conn, NULL);
        unit_redis_until(&u, &u.ready, u.ready + 1);
        unit_redis_end(&u);
    }
}

/* ---- tries ---------------------------------------------------------------------------------- */

/* The waits double up to the most, each up to a fifth shorter; a connection that was ready starts
 * again, unless the server then refused to serve. */
static void unit_redis_backoff(void)
{
    static const long long want[] = {10, 20, 40, 40, 40};
    struct unit_redis u;
    test_begin("reconnecting waits longer each time");
    unit_redis_begin(&u, "unix:/nonexistent/PATH", NULL);
    u.redis.times.backoff_min = 10;
    u.redis.times.backoff_max = 40;
    redis_start(&u.redis);
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        long long wait = u.redis.retry_at - u.loop.now;
        CHECK_INT(u.redis.state, REDIS_WAITING);
        CHECK_INT(u.redis.backoff, want[i]);
        CHECK(wait <= want[i] && wait >= want[i] * 8 / 10 - 1);
        CHECK_SPAN(span_of(u.redis.why), "cannot connect: No such file or directory");
        CHECK_INT(u.loop.timers[0] == &u.redis.timer && u.redis.timer.due == u.redis.retry_at, 1);
        u.loop.now = u.redis.retry_at;
        redis_on_timer(&u.redis); /* as the loop would then: only one try is in flight */
    }
    unit_redis_end(&u);
    test_begin("a connection that was ready resets the wait, one that was refused does not");
    for (int refused = 0; refused < 2; refused++) {
        unit_redis_begin(&u, "unix:PATH", NULL);
        u.redis.times.backoff_min = 10;
        u.redis.times.backoff_max = 1000;
        u.redis.backoff = 20; /* of tries before */
        redis_start(&u.redis);
        unit_redis_until(&u, &u.ready, 1);
        u.redis.refused = refused; /* as redis_refuse does */
        conn_close(&u.conn, NULL);
        unit_redis_until_waiting(&u);
        CHECK_INT(u.redis.backoff, refused ? 40 : 10);
        CHECK_INT(u.lost, 1);
        unit_redis_told(&u, "lost the server closed the connection\n");
        unit_redis_until(&u, &u.ready, 2);
        CHECK_INT(u.redis.losses, 1);
        CHECK_INT(u.redis.connects, 2);
        unit_redis_end(&u);
    }
}

/* A server that greets and then refuses, each time: no storm, and one line in the log. */
static void unit_redis_doubted(void)
{
    static const struct unit_redis_row rows[] = {
        {"SET", "-READONLY You can't write against a read only replica.\r\n"}, {NULL, NULL}};
    struct unit_redis u;
    test_begin("a server that refuses after each greeting is tried less often, and logged once");
    unit_redis_begin(&u, "unix:PATH", rows);
    u.redis.times.backoff_min = 5;
    u.redis.times.backoff_max = 1000;
    redis_start(&u.redis);
    for (int i = 1; i <= 4; i++) {
        unit_redis_until(&u, &u.ready, i);
        CHECK(i == 1 || (u.redis.doubted && u.redis.logged[0] && u.redis.why[0]));
        CHECK(unit_redis_call(&u, "SET a b", 0));
        unit_redis_until(&u, &u.lost, i);
        unit_redis_until_waiting(&u);
        CHECK_INT(u.redis.backoff, 5 << (i - 1));
    }
    u.rows = NULL;
    unit_redis_until(&u, &u.ready, 5);
    redis_trust(&u.redis);
    CHECK(!u.redis.doubted && !u.redis.logged[0] && !u.redis.why[0]);
    conn_close(&u.conn, NULL);
    unit_redis_until_waiting(&u);
    CHECK_INT(u.redis.backoff, 5);
    unit_redis_end(&u);
}

static void unit_redis_denied(void)
{
    static const struct unit_redis_row rows[] = {
        {"SCAN", "-NOPERM this user has no permissions to run the 'scan' command\r\n"},
        {"TIME", "-NOPERM this user has no permissions to run the 'time' command\r\n"},
        {NULL, NULL}};
    struct unit_redis u;
    test_begin("a right that the ACL lacks is told once, and the connection goes on");
    unit_redis_begin(&u, "unix:PATH", rows);
    redis_start(&u.redis);
    unit_redis_until(&u, &u.ready, 1);
    for (int i = 0; i < 4; i++)
        CHECK(unit_redis_call(&u, i % 2 ? "SCAN 0" : "TIME", 0));
    unit_redis_until(&u, &u.answers, 4);
    CHECK(strstr(u.redis.why, "run the 'scan' command") && u.redis.state == REDIS_READY);
    CHECK_INT(u.redis.denied.n, 2 * (strlen(rows[0].answer) - 3));
    redis_restart(&u.redis);
    unit_redis_until(&u, &u.ready, 2);
    CHECK(unit_redis_call(&u, "SCAN 0", 0));
    unit_redis_until(&u, &u.answers, 5);
    CHECK(strstr(u.redis.why, "run the 'scan' command"));
    u.rows = NULL; /* the right is given */
    CHECK(unit_redis_call(&u, "TIME", 0));
    unit_redis_until(&u, &u.answers, 6);
    CHECK(strstr(u.redis.why, "run the 'scan' command"));
    CHECK(unit_redis_call(&u, "SCAN 0", 0));
    unit_redis_until(&u, &u.answers, 7);
    CHECK(!u.redis.why[0] && u.redis.state == REDIS_READY);
    unit_redis_end(&u);

    test_begin("a right is of a command and of a kind of keys");
    const char *const commands[] = {"*2\r\n$3\r\nGET\r\n$3\r\na:b\r\n",
                                    "*2\r\n$3\r\nGET\r\n$5\r\na:c\r\n",
                                    "*2\r\n$3\r\nGET\r\n$3\r\nb:b\r\n",
                                    "*2\r\n$3\r\nDEL\r\n$3\r\na:b\r\n"};
    for (size_t i = 1; i < COUNT_OF(commands); i++)
        CHECK_INT(redis_right(span_of(commands[i])) == redis_right(span_of(commands[0])), i == 1);
}

/* The server listens on a port of this computer from now on. */
static int unit_redis_use_tcp(struct unit_redis *u)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    loop_unwatch(&u->loop, &u->listener);
    close(u->listener.fd);
    u->listener.fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(bind(u->listener.fd, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_INT(getsockname(u->listener.fd, (struct sockaddr *)&address, &size), 0);
    CHECK_INT(listen(u->listener.fd, 5), 0);
    loop_watch(&u->loop, &u->listener, POLLIN);
    return ntohs(address.sin_port);
}

static void unit_redis_sentinel(void)
{
    struct unit_redis u;
    struct unit_redis_row rows[] = {{"SENTINEL", "*-1\r\n"}, {NULL, NULL}};
    char answer[80], port[8];
    test_begin("a sentinel is asked for the master, after each loss again, or the next sentinel");
    unit_redis_begin(&u, "sentinel://:pw@127.0.0.1:1,127.0.0.1/mm", rows);
    snprintf(port, sizeof port, "%d", unit_redis_use_tcp(&u));
    snprintf(u.url, sizeof u.url, "sentinel://:pw@127.0.0.1:1,127.0.0.1:%s/mm", port);
    u.redis.target.moved = 1; /* read the url again */
    redis_unmove(&u.redis);
    redis_start(&u.redis);
    unit_redis_until_waiting(&u);
    CHECK(strstr(u.redis.why, "cannot connect") != NULL);
    unit_redis_until(&u, &u.connections, 1);
    unit_redis_until_waiting(&u);
    CHECK_SPAN(span_of(u.redis.why), "the sentinel knows no master of the name mm");
    snprintf(answer, sizeof answer, "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n", strlen(port),
             port);
    rows[0].answer = answer;
    for (int i = 1; i <= 2; i++) {
        buf_clear(&u.asked);
        unit_redis_until(&u, &u.ready, i);
        CHECK(strstr(buf_cstr(&u.asked), "AUTH pw|SENTINEL get-master-addr-by-name mm|HELLO 3 AUTH "
                                          "default pw|") != NULL);
        CHECK_INT(u.redis.protocol, 3);
        conn_close(&u.conn, NULL);
        unit_redis_until(&u, &u.lost, i);
    }
    unit_redis_end(&u);
}

static void unit_redis_moved(void)
{
    static const struct unit_redis_row rows[] = {{"GET", "-MOVED 5 127.0.0.1:1\r\n"},
                                                 {NULL, NULL}};
    struct unit_redis u;
    test_begin("another node of a cluster is used, and the url's own when that one fails");
    unit_redis_begin(&u, "unix:PATH", rows);
    redis_start(&u.redis);
    unit_redis_until(&u, &u.ready, 1);
    CHECK(unit_redis_call(&u, "GET a", 0));
    unit_redis_until_waiting(&u);
    CHECK_SPAN(span_of(u.redis.why), "cannot connect: Connection refused");
    CHECK_INT(u.redis.losses, 0);
    unit_redis_until(&u, &u.ready, 2);
    CHECK(u.redis.target.path && !u.redis.target.moved);

    test_begin("keys that are in several slots of a cluster make no storm");
    u.redis.moves = REDIS_MOVES_MAX;
    CHECK(unit_redis_call(&u, "GET a", 0));
    unit_redis_until_waiting(&u);
    CHECK(strstr(u.redis.why, "?prefix={NAME}:") != NULL);
    CHECK_INT(u.redis.doubted, 1);
    unit_redis_end(&u);

    test_begin("a cluster is used when a hash tag keeps all keys in one slot, else refused");
    static const struct unit_redis_row hello[] = {
        {"HELLO", "%1\r\n$4\r\nmode\r\n$7\r\ncluster\r\n"}, {NULL, NULL}};
    unit_redis_begin(&u, "unix:PATH", hello);
    redis_start(&u.redis);
    unit_redis_until_waiting(&u);
    CHECK_SPAN(span_of(u.redis.why), REDIS_ONE_SLOT);
    u.redis.target.prefix = span_dup(span_of("{team}:"));
    unit_redis_until(&u, &u.ready, 1);
    unit_redis_end(&u);
}

/* Several addresses: the first that takes the connection. */
static void unit_redis_addresses(void)
{
    struct unit_redis u;
    struct sockaddr_in address = {.sin_family = AF_INET};
    test_begin("each address of a host is tried");
    socklen_t size = sizeof address;
    unit_redis_begin(&u, "redis://name.invalid", NULL);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    loop_unwatch(&u.loop, &u.listener);
    close(u.listener.fd);
    u.listener.fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(bind(u.listener.fd, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_INT(getsockname(u.listener.fd, (struct sockaddr *)&address, &size), 0);
    u.redis.target.port = ntohs(address.sin_port);
    CHECK(redis_add_address(&u.redis, "127.0.0.1")); /* nobody listens there yet */
    redis_connect_next(&u.redis, 0);
    unit_redis_until_waiting(&u);
    CHECK_SPAN(span_of(u.redis.why), "cannot connect: Connection refused");
    loop_timer_cancel(&u.loop, &u.redis.timer);
    CHECK_INT(listen(u.listener.fd, 5), 0);
    loop_watch(&u.loop, &u.listener, POLLIN);
    u.redis.address_count = u.redis.address_next = 0;
    CHECK(redis_add_address(&u.redis, "127.255.255.254"));
    CHECK(redis_add_address(&u.redis, "::1"));
    CHECK(redis_add_address(&u.redis, "127.0.0.1"));
    CHECK(!redis_add_address(&u.redis, "localhost"));
    redis_connect_next(&u.redis, 0);
    unit_redis_until(&u, &u.ready, 1);
    CHECK_INT(u.redis.address_next, 3);
    unit_redis_end(&u);
}

/* An address that says nothing, like behind a firewall: a listener whose queue is full. After its
 * time the next one is tried. */
static void unit_redis_silent_address(void)
{
    struct unit_redis u;
    struct sockaddr_in address = {.sin_family = AF_INET};
    test_begin("an address that does not answer gives way to the next");
    socklen_t size = sizeof address;
    int full = socket(AF_INET, SOCK_STREAM, 0), fillers[4];
    unit_redis_begin(&u, "redis://name.invalid", NULL);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_INT(bind(full, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_INT(listen(full, 0), 0);
    CHECK_INT(getsockname(full, (struct sockaddr *)&address, &size), 0);
    for (size_t i = 0; i < COUNT_OF(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM, 0);
        fcntl(fillers[i], F_SETFL, O_NONBLOCK);
        CHECK(connect(fillers[i], (struct sockaddr *)&address, size) == 0 || errno == EINPROGRESS);
    }
    u.redis.target.port = ntohs(address.sin_port);
    u.redis.times.connect = 30;
    CHECK(redis_add_address(&u.redis, "127.0.0.1"));
    CHECK(redis_add_address(&u.redis, "127.0.0.1"));
    redis_connect_next(&u.redis, 0);
    CHECK_INT(u.redis.state, REDIS_CONNECTING);
    CHECK_INT(u.redis.address_next, 1);
    unit_redis_until_waiting(&u);
    CHECK_INT(u.redis.address_next, 2);
    CHECK_SPAN(span_of(u.redis.why), "cannot connect: Connection timed out");
    unit_redis_end(&u);
    for (size_t i = 0; i < COUNT_OF(fillers); i++)
        close(fillers[i]);
    close(full);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void unit_redis_calls(void)
{
    test_begin("replies come to their calls in order");
    for (size_t piece = 0; piece < 3; piece++) {
        struct unit_redis u;
        unit_redis_begin(&u, "unix:PATH", NULL);
        u.piece = piece;
        CHECK_INT(unit_redis_call(&u, "ECHO early", 0), 0);
        redis_start(&u.redis);
        CHECK_INT(unit_redis_call(&u, "ECHO early", 0), 0);
        unit_redis_until(&u, &u.ready, 1);
        buf_clear(&u.asked);
        for (int i = 0; i < 5; i++) { /* more than the ring has room for */
            CHECK_INT(unit_redis_call(&u, "ECHO a b", 0), 1);
            CHECK_INT(unit_redis_call(&u, "FAIL", 0), 1);
        }
        CHECK_INT(redis_call(&u.redis, span_of("*1\r\n$4\r\nPING\r\n"), 0, NULL, NULL), 1);
        CHECK_INT(unit_redis_call(&u, "PING", 0), 1);
        unit_redis_until(&u, &u.answers, 11);
        unit_redis_told(&u, "'hi'\n(ERR no such thing)\n'hi'\n(ERR no such thing)\n"
                            "'hi'\n(ERR no such thing)\n'hi'\n(ERR no such thing)\n"
                            "'hi'\n(ERR no such thing)\n'PONG'\n");
        CHECK_INT(u.loop.timer_count, 0);
        CHECK_INT(u.lost, 0);
        unit_redis_end(&u);
    }
}

/* Calls that get no answer are told so once, in order, before the loss itself; then there is
 * nobody to call. */
static void unit_redis_lost_calls(void)
{
    static const struct unit_redis_row rows[] = {
        {"ECHO", "!$2\r\nh"}, {"XREAD", NULL}, {NULL, NULL}};
    struct unit_redis u;
    test_begin("calls of a lost connection end without a reply");
    unit_redis_begin(&u, "unix:PATH", rows);
    redis_start(&u.redis);
    unit_redis_until(&u, &u.ready, 1);
    CHECK(unit_redis_call(&u, "PING", 0) && unit_redis_call(&u, "ECHO x", 0));
    CHECK(unit_redis_call(&u, "PING", 0));
    unit_redis_until(&u, &u.lost, 1);
    /* closed, or reset: there was a command that the server had not read */
    CHECK(strncmp(buf_cstr(&u.told), "'PONG'\nnone\nnone\nlost ", 22) == 0);
    buf_clear(&u.told);
    CHECK_INT(unit_redis_call(&u, "PING", 0), 0);
    unit_redis_until(&u, &u.ready, 2);
    CHECK_INT(unit_redis_call(&u, "XREAD", -1), 1);
    redis_free(&u.redis);
    unit_redis_told(&u, "none\n");
    unit_redis_end(&u);
}

static void unit_redis_again(void *ctx, const struct resp *reply)
{
    struct unit_redis *u = ctx;
    unit_redis_on_answer(u, reply);
    if (u->answers < 3)
        CHECK_INT(redis_call(&u->redis, span_of("*1\r\n$4\r\nPING\r\n"), 0, unit_redis_again, u),
                  reply != NULL);
    else if (reply)
        redis_restart(&u->redis);
}

/* A call, and a restart, from within an answer; and a call from within a loss. */
static void unit_redis_nested(void)
{
    struct unit_redis u;
    test_begin("a call made within a reply is answered, too");
    unit_redis_begin(&u, "unix:PATH", NULL);
    redis_start(&u.redis);
    unit_redis_until(&u, &u.ready, 1);
    unit_redis_again(&u, &(struct resp){.type = RESP_NULL});
    unit_redis_until(&u, &u.ready, 2);
    unit_redis_told(&u, "~\n'PONG'\n'PONG'\nlost restarted\n");
    u.answers = 1;
    static const struct unit_redis_row silence[] = {{"PING", NULL}, {NULL, NULL}};
    u.rows = silence;
    CHECK_INT(redis_call(&u.redis, span_of("*1\r\n$4\r\nPING\r\n"), 0, unit_redis_again, &u), 1);
    for (int i = 0; i < 5; i++)
        unit_loop_pass(&u.loop);
    conn_close(&u.conn, NULL);
    unit_redis_until(&u, &u.lost, 2);
    unit_redis_told(&u, "none\nlost the server closed the connection\n");
    unit_redis_end(&u);
}

/* An answer that is late, or stops half-way, loses the connection; one that may take its time does
 * not. */
static void unit_redis_deadlines(void)
{
    test_begin("a call without a reply in time loses the connection");
    static const struct unit_redis_row rows[] = {
        {"HALF", "*2\r\n:1\r\n"}, {"LATE", NULL}, {"XREAD", NULL}, {NULL, NULL}};
    static const struct {
        const char *command;
        long long block_ms;
        int lost;
    } cases[] = {{"LATE", 0, 1}, {"HALF", 0, 1}, {"HALF", -1, 1}, {"XREAD", 60000, 0},
                 {"XREAD", -1, 0}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct unit_redis u;
        unit_redis_begin(&u, "unix:PATH", rows);
        redis_start(&u.redis);
        unit_redis_until(&u, &u.ready, 1);
        u.redis.times.reply = 30;
        CHECK_INT(unit_redis_call(&u, cases[i].command, cases[i].block_ms), 1);
        CHECK_INT(u.redis.timer.slot > 0, cases[i].block_ms >= 0);
        if (cases[i].lost) {
            unit_redis_until(&u, &u.lost, 1);
            unit_redis_told(&u, "none\nlost the server did not answer within 0 s\n");
        } else {
            CHECK(cases[i].block_ms < 0 || u.redis.timer.due >= u.loop.now + 60000);
            unit_redis_until(&u, &u.connections, 1);
            for (int pass = 0; pass < 5; pass++)
                unit_loop_pass(&u.loop);
            unit_redis_say(&u, "$1\r\nx\r\n");
            unit_redis_until(&u, &u.answers, 1);
            unit_redis_told(&u, "'x'\n");
        }
        unit_redis_end(&u);
    }
}

/* What is said by the server of itself in an ordinary answer: the caller gets it, and another
 * connection is tried. */
static void unit_redis_demoted(void)
{
    static const struct unit_redis_row rows[] = {
        {"SET", "-READONLY You can't write against a read only replica.\r\n"},
        {"GET", "-OOM command not allowed when used memory > 'maxmemory'.\r\n"},
        {NULL, NULL}};
    struct unit_redis u;
    test_begin("a server that became a replica is left");
    unit_redis_begin(&u, "unix:PATH", rows);
    redis_start(&u.redis);
    unit_redis_until(&u, &u.ready, 1);
    CHECK(unit_redis_call(&u, "GET a", 0) && unit_redis_call(&u, "SET a b", 0) &&
          unit_redis_call(&u, "PING", 0));
    unit_redis_until(&u, &u.lost, 1);
    unit_redis_told(&u, "(OOM command not allowed when used memory > 'maxmemory'.)\n"
                        "(READONLY You can't write against a read only replica.)\nnone\n"
                        "lost READONLY: the server is a read-only replica\n");
    unit_redis_until(&u, &u.ready, 2);
    unit_redis_end(&u);
}

static void unit_redis_restarts(void)
{
    static const struct unit_redis_row rows[] = {{"XREAD", NULL}, {NULL, NULL}};
    struct unit_redis u;
    test_begin("a server that comes back is greeted again");
    unit_redis_begin(&u, "unix:PATH", rows);
    u.redis.times.backoff_min = u.redis.times.backoff_max = 1000000;
    redis_restart(&u.redis); /* not started: nothing */
    CHECK_INT(u.redis.state, REDIS_OFF);
    redis_start(&u.redis);
    redis_restart(&u.redis); /* while greeting */
    unit_redis_until(&u, &u.ready, 1);
    CHECK_INT(unit_redis_call(&u, "XREAD BLOCK 0", -1), 1);
    redis_restart(&u.redis);
    redis_restart(&u.redis);
    CHECK_INT(unit_redis_call(&u, "PING", 0), 0);
    unit_redis_until(&u, &u.ready, 2);
    unit_redis_told(&u, "none\nlost restarted\n");
    CHECK_INT(u.redis.losses, 0);
    conn_close(&u.conn, NULL);
    unit_redis_until_waiting(&u);
    redis_restart(&u.redis); /* does not wait for the next try */
    unit_redis_until(&u, &u.ready, 3);
    unit_redis_end(&u);
}

static void unit_redis_pushes(void)
{
    static const struct unit_redis_row resp3[] = {
        {"SUBSCRIBE c", ">3\r\n+subscribe\r\n+c\r\n:1\r\n>3\r\n+message\r\n+c\r\n+one\r\n"},
        {"ECHO", ">2\r\n+invalidate\r\n*0\r\n>3\r\n+message\r\n+d\r\n+two\r\n$2\r\nhi\r\n"},
        {NULL, NULL}};
    static const struct unit_redis_row resp2[] = {
        {"SUBSCRIBE c", "*3\r\n+subscribe\r\n+c\r\n:1\r\n*3\r\n+message\r\n+c\r\n+one\r\n"},
        {"ECHO", "*3\r\n+message\r\n+d\r\n+two\r\n*2\r\n+pong\r\n+\r\n"},
        {"LRANGE", "*3\r\n+message\r\n+c\r\n+no\r\n"},
        {NULL, NULL}};
    test_begin("pushed messages are no replies");
    for (int i = 0; i < 4; i++) {
        struct unit_redis u;
        unit_redis_begin(&u, i & 1 ? "unix:PATH?protocol=2" : "unix:PATH", i & 1 ? resp2 : resp3);
        u.piece = i / 2 ? 1 : 0;
        redis_start(&u.redis);
        unit_redis_until(&u, &u.ready, 1);
        if (i & 1) {
            CHECK_INT(unit_redis_call(&u, "LRANGE", 0), 1); /* an answer like any other */
            unit_redis_until(&u, &u.answers, 1);
            unit_redis_told(&u, "['message' 'c' 'no']\n");
        }
        CHECK(unit_redis_call(&u, "SUBSCRIBE c", 0) && unit_redis_call(&u, "ECHO", 0));
        unit_redis_until(&u, &u.answers, 2 + (i & 1));
        unit_redis_told(&u, i & 1 ? "['subscribe' 'c' 1]\npush c one\npush d two\n['pong' '']\n"
                                  : ">'subscribe' 'c' 1<\npush c one\npush d two\n'hi'\n");
        CHECK_INT(u.lost, 0);
        unit_redis_end(&u);
    }
}

/* Calls that nobody answers are not queued without a bound. */
static void unit_redis_bounds(void)
{
    static const struct unit_redis_row rows[] = {{"GET", NULL}, {NULL, NULL}};
    struct unit_redis u;
    int sent = 0;
    test_begin("pending calls and bytes are bounded");
    unit_redis_begin(&u, "unix:PATH", rows);
    redis_start(&u.redis);
    unit_redis_until(&u, &u.ready, 1);
    size_t queued = u.redis.conn.queued;
    span get = span_of("*1\r\n$3\r\nGET\r\n");
    u.redis.conn.queued = REDIS_QUEUE_MAX - get.n + 1;
    CHECK_INT(redis_call(&u.redis, get, 0, NULL, NULL), 0);
    u.redis.conn.queued = queued;
    while (sent <= REDIS_PENDING_MAX &&
           redis_call(&u.redis, span_of("*1\r\n$3\r\nGET\r\n"), 0, NULL, NULL))
        sent++;
    CHECK_INT(sent, REDIS_PENDING_MAX);
    unit_redis_end(&u);
}

/* ---- TLS by another program ----------------------------------------------------------------- */

static void unit_redis_words(void)
{
    static const char *const rows[][3] = {
        {"HOST:PORT", "vm", "vm:77"},        {"HOST:PORT", "::1", "[::1]:77"},
        {"HOST", "::1", "::1"},              {"-h=HOST", "vm", "-h=vm"},
        {"GHOST", "vm", "GHOST"},            {"HOSTS PORT_", "vm", "HOSTS PORT_"},
        {"PORT/HOST,PORT", "vm", "77/vm,77"}, {"", "vm", ""},
        {"HOS", "vm", "HOS"},                {"HOST HOST", "PORT", "PORT PORT"},
    };
    test_begin("commands of words are encoded as they are");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct redis_url t = {.host = (char *)rows[i][1], .port = 77};
        char *got = redis_substituted(&t, rows[i][0]);
        CHECK_SPAN(span_of(got), rows[i][2]);
        free(got);
    }
}

/* Programs that fail: what they said is what is told; they are reaped. */
static void unit_redis_bad_tls(void)
{
    static const char *const rows[][2] = {
        {"/nonexistent/tls HOST", "cannot start the tls_command: No such file or directory"},
        {"sh -c 'echo depth=0 >&2; echo verify error:num=18 >&2; echo more >&2; exit 1'",
         "; tls_command: verify error:num=18"},
        {"sh -c 'echo Connection refused. >&2'", "; tls_command: Connection refused."},
        {"sh -c 'echo HTTP/1.1; sleep 100'", "what answers is not a Redis server"},
        {"sh -c 'exec sleep 100'", "the server did not answer within 0 s"},
    };
    test_begin("a TLS program that fails is told");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct unit_redis u;
        unit_redis_begin(&u, "rediss://vm:1", NULL);
        u.config.tls_command = (char *)rows[i][0];
        u.redis.times.backoff_min = u.redis.times.backoff_max = 1000000;
        u.redis.times.reply = strstr(rows[i][1], "0 s") ? 100 : 10000;
        redis_start(&u.redis);
        unit_redis_until_waiting(&u);
        CHECK(strstr(u.redis.why, rows[i][1]) != NULL);
        if (!strstr(u.redis.why, rows[i][1]))
            printf("#   row %d: %s\n", (int)i, u.redis.why);
        long long deadline = clock_mono_ms() + 10000;
        while (u.redis.children && clock_mono_ms() < deadline) {
            unit_loop_pass(&u.loop);
            poll(NULL, 0, 1);
        }
        CHECK(u.redis.children == NULL && u.loop.children == NULL);
        unit_redis_end(&u);
    }
}

/* ---- the real server ------------------------------------------------------------------------ */

/* Passes on what comes between stdin, stdout and a server: `unit relay HOST PORT`, a tls_command
 * without TLS. */
static int unit_redis_relay(const char *host, const char *port)
{
    struct addrinfo want = {.ai_socktype = SOCK_STREAM}, *found;
    char bytes[4096];
    ssize_t n;
    if (getaddrinfo(host, port, &want, &found) != 0)
        return 1;
    int fd = socket(found->ai_family, SOCK_STREAM, 0);
    if (connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
        fprintf(stderr, "relay error: %s\n", strerror(errno));
        return 1;
    }
    freeaddrinfo(found);
    for (;;) {
        struct pollfd polls[] = {{0, POLLIN, 0}, {fd, POLLIN, 0}};
        poll(polls, 2, -1);
        for (int i = 0; i < 2; i++)
            if (polls[i].revents && ((n = read(polls[i].fd, bytes, sizeof bytes)) <= 0 ||
                                     write(i ? 1 : fd, bytes, (size_t)n) != n))
                return 0;
    }
}

struct unit_redis_server {
    char dir[64], sock[96], port[16];
    pid_t pid;
};

/* Starts redis-server on its socket and port; again on the same, when it was ended. tls: the port
 * speaks TLS, with what is in cert.pem and key.pem. */
static void unit_redis_server_run(struct unit_redis_server *s, int tls)
{
    s->pid = fork();
    if (s->pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0), dup2(null, 1), dup2(null, 2);
        alarm(120); /* it outlasts exec: a test that breaks off leaves no server for long */
        if (chdir(s->dir) == 0 && tls)
            execlp("redis-server", "redis-server", "--port", "0", "--tls-port", s->port,
                   "--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem", "--tls-auth-clients",
                   "no", "--bind", "127.0.0.1", "--save", "", (char *)NULL);
        else
            execlp("redis-server", "redis-server", "--port", s->port, "--bind", "127.0.0.1",
                   "--unixsocket", s->sock, "--save", "", "--appendonly", "no", (char *)NULL);
        _exit(1);
    }
}

static void unit_redis_server_end(struct unit_redis_server *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    unlink(s->sock);
}

static void unit_redis_server_begin(struct unit_redis_server *s)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_INT(bind(fd, (struct sockaddr *)&address, sizeof address), 0); /* to a free port */
    CHECK_INT(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    snprintf(s->port, sizeof s->port, "%d", ntohs(address.sin_port));
    CHECK(mkdtemp(unit_base_temporary(s->dir)) != NULL);
    snprintf(s->sock, sizeof s->sock, "%s/redis", s->dir);
}

/* A redis at `url` of that server: PATH and PORT in it stand for the server's. */
static void unit_redis_at(struct unit_redis *u, const struct unit_redis_server *s, const char *url,
                          const char *tls_command)
{
    char full[200];
    const char *at = strstr(url, "PORT") ? strstr(url, "PORT") : strstr(url, "PATH");
    snprintf(full, sizeof full, "%.*s%s%s", (int)(at - url), url, at[1] == 'O' ? s->port : s->sock,
             at + 4);
    unit_redis_begin(u, full, NULL);
    u->config.tls_command = (char *)tls_command;
    redis_start(&u->redis);
}

/* The same, ready. */
static void unit_redis_real(struct unit_redis *u, const struct unit_redis_server *s,
                            const char *url)
{
    unit_redis_at(u, s, url, "false");
    unit_redis_until(u, &u->ready, 1);
}

/* A call and what comes of it. */
static void unit_redis_does(struct unit_redis *u, const char *words, const char *want)
{
    int answers = u->answers;
    CHECK_INT(unit_redis_call(u, words, 0), 1);
    unit_redis_until(u, &u->answers, answers + 1);
    if (want)
        unit_redis_told(u, want);
    buf_clear(&u->told);
}

/* Every way to the server, in both protocols. */
static void unit_redis_ways(const struct unit_redis_server *s)
{
    static const char *const urls[] = {
        "unix:PATH", "unix:PATH?protocol=2", "redis://127.0.0.1:PORT/1",
        "redis://127.0.0.1:PORT?protocol=2&db=1", "redis://localhost:PORT",
        "rediss://localhost:PORT", "rediss://localhost:PORT?protocol=2"};
    char relay[PATH_MAX + 40];
    snprintf(relay, sizeof relay, "%s relay HOST PORT", unit_program);
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct unit_redis u;
        unit_redis_at(&u, s, urls[i], relay);
        unit_redis_until(&u, &u.ready, 1);
        CHECK_INT(u.redis.protocol, strstr(urls[i], "protocol=2") ? 2 : 3);
        CHECK(u.redis.id > 0);
        unit_redis_does(&u, "DEL a s", NULL);
        unit_redis_does(&u, "SET a 12", "'OK'\n");
        unit_redis_does(&u, "GET a", "'12'\n");
        unit_redis_does(&u, "GET b", "~\n");
        unit_redis_does(&u, "CLIENT GETNAME", "'telec-a-vm-test'\n");
        unit_redis_does(&u, "XADD s 5-1 k v", "'5-1'\n");
        unit_redis_does(&u, "XREAD STREAMS s 0",
                        u.redis.protocol == 2 ? "[['s' [['5-1' ['k' 'v']]]]]\n"
                                              : "{'s' [['5-1' ['k' 'v']]]}\n");
        unit_redis_does(&u, "NOSUCH", NULL);
        unit_redis_does(&u, "SUBSCRIBE c", u.redis.protocol == 2 ? "['subscribe' 'c' 1]\n"
                                                                 : ">'subscribe' 'c' 1<\n");
        CHECK_INT(u.lost, 0);
        CHECK_INT(u.loop.timer_count, 0);
        unit_redis_end(&u);
    }
}

/* A restart goes to the address that it had: no name is looked up; after a loss it is. */
static void unit_redis_same_address(const struct unit_redis_server *s)
{
    struct unit_redis u, other;
    char text[100];
    unit_redis_real(&u, s, "redis://localhost:PORT");
    unit_redis_real(&other, s, "unix:PATH");
    u.config.program = (char *)"/nonexistent/telec";
    redis_restart(&u.redis);
    unit_redis_until(&u, &u.ready, 2);
    snprintf(text, sizeof text, "CLIENT KILL ID %lld", u.redis.id);
    unit_redis_does(&other, text, "1\n");
    unit_redis_until(&u, &u.lost, 2);
    long long deadline = clock_mono_ms() + 10000;
    while (!strstr(u.redis.why, "look-up") && clock_mono_ms() < deadline)
        unit_loop_pass(&u.loop);
    CHECK_SPAN(span_of(u.redis.why), "cannot start the look-up of the server's name: "
                                     "No such file or directory");
    u.config.program = (char *)unit_program;
    unit_redis_until(&u, &u.ready, 3);
    unit_redis_end(&u);
    unit_redis_end(&other);
}

/* What the server and another connection do to one: it comes back. */
static void unit_redis_blows(struct unit_redis_server *s)
{
    struct unit_redis u, other;
    char text[100];
    unit_redis_real(&u, s, "redis://127.0.0.1:PORT");
    unit_redis_real(&other, s, "unix:PATH");
    CHECK_INT(unit_redis_call(&u, "XREAD BLOCK 0 STREAMS none $", -1), 1);
    CHECK_INT(u.loop.timer_count, 0);
    do {
        snprintf(text, sizeof text, "CLIENT UNBLOCK %lld", u.redis.id);
        unit_redis_does(&other, text, NULL); /* 0 until the XREAD has arrived */
        for (int i = 0; i < 10; i++)
            unit_loop_pass(&u.loop);
    } while (!u.answers);
    unit_redis_told(&u, "~\n");
    CHECK_INT(unit_redis_call(&u, "XREAD BLOCK 0 STREAMS none $", -1), 1);
    redis_restart(&u.redis);
    unit_redis_until(&u, &u.ready, 2);
    unit_redis_told(&u, "none\nlost restarted\n");
    snprintf(text, sizeof text, "CLIENT KILL ID %lld", u.redis.id);
    unit_redis_does(&other, text, "1\n");
    unit_redis_until(&u, &u.ready, 3);
    unit_redis_told(&u, "lost the server closed the connection\n");
    u.redis.times.reply = 200; /* a server that is there and says nothing */
    unit_redis_does(&other, "CLIENT PAUSE 700 ALL", "'OK'\n");
    CHECK_INT(unit_redis_call(&u, "GET a", 0), 1);
    unit_redis_until(&u, &u.lost, 3);
    unit_redis_told(&u, "none\nlost the server did not answer within 0 s\n");
    unit_redis_until(&u, &u.ready, 4);
    u.redis.times.reply = 10000;
    unit_redis_server_end(s);
    unit_redis_until(&u, &u.lost, 4);
    unit_redis_until(&other, &other.lost, 1);
    unit_redis_until_waiting(&u);
    unit_redis_server_run(s, 0);
    unit_redis_until(&u, &u.ready, 5);
    unit_redis_until(&other, &other.ready, 2);
    CHECK_INT(u.redis.losses, 3);
    unit_redis_end(&u);
    unit_redis_end(&other);
}

/* A wrong password, a right one, a user's, and one that is changed under us. */
static void unit_redis_passwords(const struct unit_redis_server *s)
{
    static const struct {
        const char *url, *why;
    } rows[] = {
        {"unix:PATH", "NOAUTH: the server wants a password"},
        {"unix:PATH?protocol=2", "NOAUTH: the server wants a password"},
        {"unix://:wrong@PATH", "WRONGPASS: user or password is wrong"},
        {"unix://:wrong@PATH?protocol=2", "WRONGPASS: user or password is wrong"},
        {"unix://nobody:p%2Fq@PATH", "WRONGPASS: user or password is wrong"},
        {"unix://me:p%2Fq@PATH", NULL},
        {"unix://me:p%2Fq@PATH?protocol=2", NULL},
        {"redis://me:p%2Fq@127.0.0.1:PORT", NULL},
        {"unix://:s3cret@PATH", NULL},
        {"unix://:s3cret@PATH?protocol=2", NULL},
    };
    struct unit_redis admin, u;
    unit_redis_real(&admin, s, "unix:PATH");
    unit_redis_does(&admin, "ACL SETUSER me on >p/q ~* &* +@all -ping -client", "'OK'\n");
    unit_redis_does(&admin, "CONFIG SET requirepass s3cret", "'OK'\n");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].why) {
            unit_redis_at(&u, s, rows[i].url, "false");
            unit_redis_until_waiting(&u);
            CHECK(strncmp(u.redis.why, rows[i].why, strlen(rows[i].why)) == 0);
        } else {
            unit_redis_real(&u, s, rows[i].url);
            unit_redis_does(&u, "SET a 1", "'OK'\n");
        }
        unit_redis_end(&u);
    }
    unit_redis_end(&admin);
}

/* 1: the server takes connections at the port that speaks TLS; 0: it can't do TLS, and has
 * ended. */
static int unit_redis_tls_is_up(struct unit_redis_server *s)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_port = htons((uint16_t)atoi(s->port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int up = 0; !up;) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        up = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
        close(fd);
        if (!up && waitpid(s->pid, NULL, WNOHANG) == s->pid)
            return 0;
        poll(NULL, 0, up ? 0 : 5);
    }
    return 1;
}

/* TLS in earnest, with a certificate that nobody vouches for: the default tls_command refuses it
 * and says so; one that knows it passes on whatever is sent, letters included that are commands to
 * an s_client at a terminal. */
static void unit_redis_tls(struct unit_redis_server *s)
{
    struct unit_redis u;
    char command[400];
    size_t n = RESP_BULK_MAX < 300000 ? RESP_BULK_MAX : 300000;
    buf big = {0};
    snprintf(command, sizeof command,
             "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
             "-addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem 2>/dev/null",
             s->dir);
    if (!config_on_path("openssl") || system(command) != 0) {
        puts("skip - unit redis, TLS: openssl is not installed, or makes no certificate");
        return;
    }
    unit_redis_server_run(s, 1);
    if (!unit_redis_tls_is_up(s)) {
        puts("skip - unit redis, TLS: this redis-server does none");
        return;
    }
    unit_redis_at(&u, s, "rediss://localhost:PORT", CONFIG_TLS_COMMAND);
    unit_redis_until_waiting(&u);
    CHECK(strstr(u.redis.why, "; tls_command: verify error:num=18:") != NULL);
    unit_redis_end(&u);
    snprintf(command, sizeof command, "%s -CAfile %s/cert.pem", CONFIG_TLS_COMMAND, s->dir);
    unit_redis_at(&u, s, "rediss://localhost:PORT", command);
    unit_redis_until(&u, &u.ready, 1);
    resp_put_command(&big, 3);
    resp_put_arg(&big, span_of("SET"));
    resp_put_arg(&big, span_of("a"));
    char *text = base_alloc(n), length[24];
    for (size_t i = 0; i < n; i++)
        text[i] = "RQ\nBk"[i / 2 % 5];
    resp_put_arg(&big, (span){text, n});
    snprintf(length, sizeof length, "%d\n", (int)n);
    CHECK_INT(redis_call(&u.redis, buf_view(&big), 0, NULL, NULL), 1);
    unit_redis_does(&u, "STRLEN a", length);
    CHECK_INT(unit_redis_call(&u, "GET a", 0), 1);
    unit_redis_until(&u, &u.answers, 2);
    CHECK(u.told.n == n + 3 && memcmp(u.told.p + 1, text, n) == 0);
    unit_redis_end(&u);
    unit_redis_server_end(s);
    free(text);
    buf_free(&big);
}

static void unit_redis_with_server(void)
{
    struct unit_redis_server s;
    test_begin("a real Redis answers as the played one");
    if (!config_on_path("redis-server")) {
        puts("skip - unit redis, the real server: redis-server is not installed");
        return;
    }
    unit_redis_server_begin(&s);
    unit_redis_server_run(&s, 0);
    unit_redis_ways(&s);
    unit_redis_same_address(&s);
    unit_redis_blows(&s);
    unit_redis_passwords(&s);
    unit_redis_server_end(&s);
    unit_redis_tls(&s);
    char *cert = config_join(s.dir, "cert.pem"), *key = config_join(s.dir, "key.pem");
    unlink(cert);
    unlink(key);
    free(cert);
    free(key);
    CHECK_INT(rmdir(s.dir), 0);
}

/* Names that are looked up by a child: one that is there and one that isn't. */
static void unit_redis_look_ups(void)
{
    struct unit_redis u;
    test_begin("a name is looked up in a process of its own");
    unit_redis_begin(&u, "redis://name.invalid", NULL);
    redis_start(&u.redis);
    CHECK_INT(u.redis.state, REDIS_RESOLVING);
    unit_redis_until_waiting(&u);
    CHECK(strncmp(u.redis.why, "cannot look up the server's name: ", 34) == 0);
    CHECK(u.loop.children == NULL);
    unit_redis_end(&u);
    unit_redis_begin(&u, "redis://name.invalid", NULL);
    u.config.program = (char *)"/bin/true";
    redis_start(&u.redis);
    unit_redis_until_waiting(&u);
    CHECK_SPAN(span_of(u.redis.why), "cannot look up the server's name: it has no address");
    unit_redis_end(&u);
    unit_redis_begin(&u, "redis://name.invalid", NULL);
    redis_start(&u.redis);
    unit_redis_end(&u); /* while it is looked up */
}

static void unit_redis(void)
{
    unit_redis_urls();
    unit_redis_bad_urls();
    unit_redis_greetings();
    unit_redis_refusals();
    unit_redis_backoff();
    unit_redis_closes_at_hello();
    unit_redis_doubted();
    unit_redis_sentinel();
    unit_redis_moved();
    unit_redis_denied();
    unit_redis_addresses();
    unit_redis_silent_address();
    unit_redis_calls();
    unit_redis_lost_calls();
    unit_redis_nested();
    unit_redis_deadlines();
    unit_redis_demoted();
    unit_redis_restarts();
    unit_redis_pushes();
    unit_redis_bounds();
    unit_redis_words();
    unit_redis_bad_tls();
    unit_redis_look_ups();
    unit_redis_with_server();
}
