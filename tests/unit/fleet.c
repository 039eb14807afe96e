/* What the unit tests of the fleet's files share: a Redis in memory, and computers that meet there,
 * all on one loop. A second of the Redis's times to live is UNIT_FLEET_SECOND_MS, because the
 * fleet's intervals are shortened, too (unit.c). */

#define UNIT_FLEET_SECOND_MS PRESENCE_GONE_MS
#define UNIT_FLEET_COMPUTERS 4
#define UNIT_FLEET_WAIT_MS 8000

/* ---- a Redis in memory ---------------------------------------------------------------------- */

struct unit_fleet_entry {
    struct codec_id id;
    buf fields; /* as a RESP array */
};

struct unit_fleet_key {
    struct unit_fleet_key *next;
    char *name;
    buf value;
    long long expires; /* 0: never */
    int is_stream;
    struct unit_fleet_entry *entries;
    size_t count;
    struct codec_id last;
};

struct unit_fleet_client {
    struct unit_fleet_client *next;
    struct unit_fleet *all;
    struct conn conn;
    struct resp_scan scan;
    int id, protocol, subscribed, used;
    int stalled; /* nothing is answered any more */
    buf read; /* the XREAD that blocks, its words each followed by NUL */
    struct loop_timer block;
};

struct unit_fleet_computer {
    struct unit_fleet *all;
    struct config config;
    char name[16], url[128], state[96], holders[96];
    struct cache cache;
    struct sessions sessions;
    struct projects projects;
    struct fleet fleet;
    struct requests requests;
    struct remotes remotes;
    struct cache_subscriber client;
    buf heard;
    int on;
};

struct unit_fleet {
    struct loop loop;
    char dir[64], path[96];
    struct loop_fd listener;
    struct unit_fleet_client *clients;
    int client_count;
    struct unit_fleet_key *keys;
    buf asked;          /* the commands' words, each command ends in "|" */
    const char *refuse; /* commands that begin so get an error … */
    const char *words;  /* … these words, unless NULL */
    const char *silent; /* … get no answer, nor does what follows on that connection */
    int no_unblock, old; /* old: RESP2 only */
    int hold;           /* nothing is read */
    const char *query;  /* of the url of the next computer */
    struct unit_fleet_computer computers[UNIT_FLEET_COMPUTERS];
    int count;
    int log, log_end;   /* the log is a pipe */
    buf logged;
};

static struct unit_fleet_key *unit_fleet_key(struct unit_fleet *u, const char *name, int make)
{
    struct unit_fleet_key **at = &u->keys;
    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    struct unit_fleet_key *key = *at;
    if (key && key->expires && key->expires <= u->loop.now) {
        *at = key->next;
        for (size_t i = 0; i < key->count; i++)
            buf_free(&key->entries[i].fields);
        free(key->entries), free(key->name), buf_free(&key->value), free(key);
        key = NULL;
    }
    if (!key && make) {
        key = base_alloc(sizeof *key);
        key->name = span_dup(span_of(name));
        key->next = u->keys;
        u->keys = key;
    }
    return key;
}

static void unit_fleet_drop(struct unit_fleet *u, const char *name)
{
    struct unit_fleet_key *key = unit_fleet_key(u, name, 0);
    if (key)
        key->expires = u->loop.now;
    unit_fleet_key(u, name, 0);
}

static void unit_fleet_set(struct unit_fleet *u, const char *name, const char *value, int ttl_ms)
{
    struct unit_fleet_key *key = unit_fleet_key(u, name, 1);
    buf_clear(&key->value);
    buf_str(&key->value, value);
    key->expires = ttl_ms ? u->loop.now + ttl_ms : 0;
}

static void unit_fleet_put_entry(buf *b, const struct unit_fleet_entry *entry)
{
    buf id = {0};
    codec_put_id(&id, entry->id);
    resp_put_command(b, 2);
    resp_put_arg(b, buf_view(&id));
    buf_span(b, buf_view(&entry->fields));
    buf_free(&id);
}

/* Writes the entries after `after` of each stream. Returns 0: there are none. */
static int unit_fleet_put_read(struct unit_fleet *u, char *const *words, size_t count, int protocol,
                               buf *b)
{
    buf body = {0};
    int streams = 0;
    size_t each = (count - 6) / 2;
    long long most = atoll(words[2]);
    for (size_t i = 0; i < each; i++) {
        struct unit_fleet_key *key = unit_fleet_key(u, words[6 + i], 0);
        struct codec_id after;
        buf entries = {0};
        int found = 0;
        codec_parse_id(span_of(words[6 + each + i]), &after);
        for (size_t j = 0; key && j < key->count && found < most; j++)
            if (codec_compare_ids(key->entries[j].id, after) > 0) {
                unit_fleet_put_entry(&entries, &key->entries[j]);
                found++;
            }
        if (found) {
            streams++;
            if (protocol == 2)
                buf_str(&body, "*2\r\n");
            resp_put_arg(&body, span_of(words[6 + i]));
            buf_fmt(&body, "*%d\r\n", found);
            buf_span(&body, buf_view(&entries));
        }
        buf_free(&entries);
    }
    if (streams) {
        buf_fmt(b, protocol == 2 ? "*%d\r\n" : "%%%d\r\n", streams);
        buf_span(b, buf_view(&body));
    }
    buf_free(&body);
    return streams;
}

static size_t unit_fleet_split(const buf *text, char **words, size_t most)
{
    size_t n = 0;
    for (size_t at = 0; at < text->n && n < most; at += strlen(text->p + at) + 1)
        words[n++] = text->p + at;
    return n;
}

static void unit_fleet_wake(struct unit_fleet *u)
{
    for (struct unit_fleet_client *c = u->clients; c; c = c->next) {
        char *words[200];
        buf b = {0};
        if (c->used && c->read.n &&
            unit_fleet_put_read(u, words, unit_fleet_split(&c->read, words, 200), c->protocol,
                                &b)) {
            buf_clear(&c->read);
            conn_send(&c->conn, buf_view(&b));
        }
        buf_free(&b);
    }
}

static const char *unit_fleet_null(const struct unit_fleet_client *c)
{
    return c->protocol == 2 ? "$-1\r\n" : "_\r\n";
}

static void unit_fleet_on_blocked(void *ctx)
{
    struct unit_fleet_client *c = ctx;
    if (!c->used || !c->read.n)
        return;
    buf_clear(&c->read);
    conn_send(&c->conn, span_of(unit_fleet_null(c)));
}

static void unit_fleet_publish(struct unit_fleet *u, const char *channel, const char *message)
{
    for (struct unit_fleet_client *c = u->clients; c; c = c->next) {
        buf b = {0};
        if (!c->used || !c->subscribed)
            continue;
        buf_str(&b, c->protocol == 2 ? "*3\r\n" : ">3\r\n");
        resp_put_arg(&b, span_of("message"));
        resp_put_arg(&b, span_of(channel));
        resp_put_arg(&b, span_of(message));
        conn_send(&c->conn, buf_view(&b));
        buf_free(&b);
    }
}

/* XADD KEY MAXLEN ~ N ID name value …; the test calls it, too. */
static void unit_fleet_add(struct unit_fleet *u, char *const *words, size_t count, buf *b)
{
    struct unit_fleet_key *key = unit_fleet_key(u, words[1], 1);
    struct codec_id id = {(unsigned long long)clock_wall_ms(), 0};
    size_t most = (size_t)atoll(words[4]);
    if (strcmp(words[5], "*") != 0)
        codec_parse_id(span_of(words[5]), &id);
    else if (codec_compare_ids(id, key->last) <= 0)
        id = (struct codec_id){key->last.ms, key->last.seq + 1};
    if (codec_compare_ids(id, key->last) <= 0) {
        buf_str(b, "-ERR The ID specified in XADD is equal or smaller\r\n");
        return;
    }
    key->is_stream = 1;
    key->last = id;
    if (key->count == most) {
        buf_free(&key->entries[0].fields);
        memmove(key->entries, key->entries + 1, --key->count * sizeof *key->entries);
    }
    key->entries = base_grow(key->entries, (key->count + 1) * sizeof *key->entries);
    struct unit_fleet_entry *entry = &key->entries[key->count++];
    *entry = (struct unit_fleet_entry){.id = id};
    resp_put_command(&entry->fields, count - 6);
    for (size_t i = 6; i < count; i++)
        resp_put_arg(&entry->fields, span_of(words[i]));
    buf text = {0};
    codec_put_id(&text, id);
    resp_put_arg(b, buf_view(&text));
    buf_free(&text);
}

static void unit_fleet_get(struct unit_fleet_client *c, const char *name, buf *b)
{
    struct unit_fleet_key *key = unit_fleet_key(c->all, name, 0);
    if (key && !key->is_stream)
        resp_put_arg(b, buf_view(&key->value));
    else
        buf_str(b, unit_fleet_null(c));
}

static int unit_fleet_is(char *const *words, const char *name)
{
    return strcmp(words[0], name) == 0;
}

static void unit_fleet_scan(struct unit_fleet *u, buf *b)
{
    buf names = {0};
    size_t n = 0;
    for (struct unit_fleet_key *key = u->keys; key; key = key->next)
        if (!key->is_stream && (!key->expires || key->expires > u->loop.now)) {
            resp_put_arg(&names, span_of(key->name));
            n++;
        }
    buf_fmt(b, "*2\r\n$1\r\n0\r\n*%zu\r\n", n);
    buf_span(b, buf_view(&names));
    buf_free(&names);
}

static void unit_fleet_unblock(struct unit_fleet *u, int id, buf *b)
{
    struct unit_fleet_client *c = u->clients;
    while (c && (c->id != id || !c->used || !c->read.n))
        c = c->next;
    if (c) {
        buf_clear(&c->read);
        conn_send(&c->conn, span_of(unit_fleet_null(c)));
    }
    buf_str(b, c ? ":1\r\n" : ":0\r\n");
}

/* Answers one command. */
static void unit_fleet_command(struct unit_fleet_client *c, char *const *words, size_t count,
                               buf *b)
{
    struct unit_fleet *u = c->all;
    struct unit_fleet_key *key = count > 1 ? unit_fleet_key(u, words[1], 0) : NULL;
    if (unit_fleet_is(words, "HELLO") && u->old) {
        c->protocol = 2;
        buf_str(b, "-ERR unknown command 'HELLO'\r\n");
    } else if (unit_fleet_is(words, "HELLO")) {
        buf_str(b, "%1\r\n+proto\r\n:3\r\n");
    } else if (unit_fleet_is(words, "CLIENT") && strcmp(words[1], "ID") == 0) {
        buf_fmt(b, ":%d\r\n", c->id);
    } else if (unit_fleet_is(words, "CLIENT") && strcmp(words[1], "UNBLOCK") == 0) {
        if (u->no_unblock)
            buf_str(b, "-NOPERM no\r\n");
        else
            unit_fleet_unblock(u, atoi(words[2]), b);
    } else if (unit_fleet_is(words, "TIME")) {
        long long now = clock_wall_ms();
        buf_fmt(b, "*2\r\n:%lld\r\n:%lld\r\n", now / 1000, now % 1000 * 1000);
    } else if (unit_fleet_is(words, "SUBSCRIBE")) {
        c->subscribed = 1;
        buf_fmt(b, "%s3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n", c->protocol == 2 ? "*" : ">");
    } else if (unit_fleet_is(words, "PUBLISH")) {
        unit_fleet_publish(u, words[1], words[2]);
        buf_str(b, ":1\r\n");
    } else if (unit_fleet_is(words, "SETEX")) {
        unit_fleet_set(u, words[1], words[3], atoi(words[2]) * UNIT_FLEET_SECOND_MS);
        buf_str(b, "+OK\r\n");
    } else if (unit_fleet_is(words, "GET")) {
        unit_fleet_get(c, words[1], b);
    } else if (unit_fleet_is(words, "MGET")) {
        buf_fmt(b, "*%zu\r\n", count - 1);
        for (size_t i = 1; i < count; i++)
            unit_fleet_get(c, words[i], b);
    } else if (unit_fleet_is(words, "DEL")) {
        unit_fleet_drop(u, words[1]);
        buf_str(b, ":1\r\n");
    } else if (unit_fleet_is(words, "EXPIRE")) {
        if (key)
            key->expires = u->loop.now + atoi(words[2]) * UNIT_FLEET_SECOND_MS;
        buf_str(b, key ? ":1\r\n" : ":0\r\n");
    } else if (unit_fleet_is(words, "PTTL")) {
        buf_fmt(b, ":%lld\r\n", !key ? -2 : key->expires ? key->expires - u->loop.now : -1);
    } else if (unit_fleet_is(words, "EXISTS")) {
        buf_str(b, key ? ":1\r\n" : ":0\r\n");
    } else if (unit_fleet_is(words, "SCAN")) {
        unit_fleet_scan(u, b);
    } else if (unit_fleet_is(words, "XADD")) {
        unit_fleet_add(u, words, count, b);
    } else if (unit_fleet_is(words, "XDEL")) {
        struct codec_id id = {0};
        size_t i = 0;
        codec_parse_id(span_of(words[2]), &id);
        while (key && i < key->count && codec_compare_ids(key->entries[i].id, id) != 0)
            i++;
        buf_str(b, key && i < key->count ? ":1\r\n" : ":0\r\n");
        if (key && i < key->count) {
            buf_free(&key->entries[i].fields);
            memmove(&key->entries[i], &key->entries[i + 1],
                    (--key->count - i) * sizeof *key->entries);
        }
    } else if (unit_fleet_is(words, "XREVRANGE") || unit_fleet_is(words, "XRANGE")) {
        int last = words[0][1] == 'R' && words[0][2] == 'E';
        buf_fmt(b, "*%d\r\n", key && key->count ? 1 : 0);
        if (key && key->count)
            unit_fleet_put_entry(b, &key->entries[last ? key->count - 1 : 0]);
    } else if (unit_fleet_is(words, "XREAD")) {
        if (!unit_fleet_put_read(u, words, count, c->protocol, b)) {
            for (size_t i = 0; i < count; i++)
                buf_add(&c->read, words[i], strlen(words[i]) + 1);
            if (atoll(words[4]))
                loop_timer_set(&u->loop, &c->block, u->loop.now + atoll(words[4]));
        }
    } else {
        buf_str(b, "+OK\r\n");
    }
}

static void unit_fleet_on_data(void *ctx)
{
    struct unit_fleet_client *c = ctx;
    struct unit_fleet *u = c->all;
    struct resp command, word;
    size_t used;
    while (c->used && !u->hold &&
           resp_parse(&c->scan, conn_view(&c->conn), &used, &command) == PARSE_DONE) {
        char *words[200];
        size_t count = 0;
        buf text = {0}, b = {0};
        struct resp_iter it = resp_iter(&command);
        while (count < 200 && resp_next(&it, &word)) {
            words[count++] = span_dup(word.text);
            buf_str(&text, text.n ? " " : "");
            buf_span(&text, word.text);
        }
        conn_consume(&c->conn, used);
        buf_cstr(&text);
        buf_str(&u->asked, text.p);
        buf_byte(&u->asked, '|');
        if (u->refuse && strncmp(text.p, u->refuse, strlen(u->refuse)) == 0)
            buf_fmt(&b, "-%s\r\n", u->words ? u->words : "ERR refused for a test");
        else if (u->silent && strncmp(text.p, u->silent, strlen(u->silent)) == 0)
            c->stalled = 1;
        else if (!c->stalled)
            unit_fleet_command(c, words, count, &b);
        conn_send(&c->conn, buf_view(&b));
        unit_fleet_wake(u);
        while (count)
            free(words[--count]);
        buf_free(&text), buf_free(&b);
    }
    if (c->used && c->conn.eof)
        conn_close(&c->conn, NULL);
}

static void unit_fleet_on_gone(void *ctx, const char *why)
{
    struct unit_fleet_client *c = ctx;
    (void)why;
    conn_free(&c->conn);
    loop_timer_cancel(&c->all->loop, &c->block);
    buf_free(&c->read);
    c->used = c->subscribed = 0;
}

static void unit_fleet_on_client(void *ctx, short revents)
{
    static const struct conn_hooks hooks = {unit_fleet_on_data, NULL, unit_fleet_on_gone};
    struct unit_fleet *u = ctx;
    int fd = accept(u->listener.fd, NULL, NULL);
    (void)revents;
    if (fd < 0)
        return;
    struct unit_fleet_client *c = base_alloc(sizeof *c);
    *c = (struct unit_fleet_client){
        .next = u->clients, .all = u, .id = ++u->client_count, .protocol = 3, .used = 1};
    c->block = (struct loop_timer){.fn = unit_fleet_on_blocked, .ctx = c};
    c->conn.hooks = &hooks;
    c->conn.ctx = c;
    u->clients = c;
    conn_open(&c->conn, &u->loop, fd);
}

/* ---- computers ------------------------------------------------------------------------------ */

static void unit_fleet_on_event(void *ctx, blob *frame)
{
    struct unit_fleet_computer *c = ctx;
    buf_add(&c->heard, frame->p, frame->n);
    buf_byte(&c->heard, '\n');
}

static void unit_fleet_on_sessions(void *ctx)
{
    (void)ctx;
}

static void unit_fleet_on_interest(void *ctx, unsigned topics)
{
    struct unit_fleet_computer *c = ctx;
    peers_set_interest(&c->fleet, topics);
}

/* Adds a computer that is not started yet. */
static struct unit_fleet_computer *unit_fleet_new(struct unit_fleet *u, const char *name)
{
    struct unit_fleet_computer *c = &u->computers[u->count++];
    buf error = {0};
    c->all = u;
    snprintf(c->name, sizeof c->name, "%s", name);
    snprintf(c->url, sizeof c->url, "unix:%s%s", u->path, u->query ? u->query : "");
    snprintf(c->state, sizeof c->state, "%s/%s", u->dir, name);
    snprintf(c->holders, sizeof c->holders, "%s/%s.h", u->dir, name);
    mkdir(c->state, 0700), mkdir(c->holders, 0700);
    c->config = (struct config){.program = (char *)unit_program, .computer = c->name,
                                .user = (char *)"ann", .host = (char *)"example",
                                .redis_url = c->url, .redis_from = (char *)"test",
                                .tls_command = (char *)"false", .role = (char *)"development",
                                .allow = (char *)"*", .state = c->state, .holders = c->holders};
    cache_init(&c->cache, unit_cache_encode);
    cache_use_loop(&c->cache, &u->loop);
    projects_init(&c->projects, &u->loop, &c->config, &c->cache);
    CHECK_INT(peers_init(&c->fleet, &u->loop, &c->config, &c->cache, &error), 0);
    CHECK_SPAN(buf_view(&error), "");
    buf_free(&error);
    struct redis *const all[] = {&c->fleet.streams.calls, &c->fleet.streams.reader,
                                 &c->fleet.streams.subscriber};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        all[i]->times.backoff_min = all[i]->times.backoff_max = 20;
    sessions_init(&c->sessions, &u->loop, &c->config, &c->cache, unit_fleet_on_sessions, c);
    remote_init(&c->remotes, &u->loop, &c->fleet);
    c->cache.on_interest = unit_fleet_on_interest;
    c->cache.interest_ctx = c;
    c->client = (struct cache_subscriber){.send = unit_fleet_on_event, .ctx = c};
    c->on = 1;
    return c;
}

static void unit_fleet_start(struct unit_fleet_computer *c)
{
    requests_init(&c->requests, &c->all->loop, &c->config, &c->cache, &c->sessions, &c->projects,
                  &c->fleet);
}

static void unit_fleet_subscribe(struct unit_fleet_computer *c, unsigned topics)
{
    cache_subscribe(&c->cache, &c->client, topics);
}

static void unit_fleet_stop(struct unit_fleet_computer *c)
{
    if (!c->on)
        return;
    c->on = 0;
    unit_fleet_subscribe(c, 0);
    c->cache.on_interest = NULL;
    loop_timer_cancel(&c->all->loop, &c->sessions.adopt_timer);
    requests_free(&c->requests);
    peers_free(&c->fleet);
    sessions_free(&c->sessions);
    config_drop_texts(c->config.texts), config_drop_texts(c->config.renewed);
    cache_free(&c->cache);
    projects_free(&c->projects);
    buf_free(&c->heard);
}

static void unit_fleet_begin(struct unit_fleet *u)
{
    char error[200];
    int ends[2];
    *u = (struct unit_fleet){0};
    CHECK(mkdtemp(unit_base_temporary(u->dir)) != NULL);
    snprintf(u->path, sizeof u->path, "%s/r", u->dir);
    loop_init(&u->loop);
    u->listener = (struct loop_fd){.fd = conn_listen(u->path, error, sizeof error),
                                   .on_event = unit_fleet_on_client, .ctx = u};
    CHECK(u->listener.fd >= 0);
    loop_watch(&u->loop, &u->listener, POLLIN);
    CHECK_INT(pipe(ends), 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    u->log = ends[0];
    u->log_end = ends[1];
    log_open(ends[1], LOG_INFO);
}

static void unit_fleet_remove(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char inner[512];
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unit_fleet_remove(inner);
    }
    if (dir)
        closedir(dir);
    remove(path);
}

static void unit_fleet_end(struct unit_fleet *u)
{
    for (int i = 0; i < u->count; i++)
        unit_fleet_stop(&u->computers[i]);
    for (struct unit_fleet_client *c = u->clients; c; c = c->next)
        if (c->used)
            conn_close(&c->conn, NULL);
    for (int i = 0; i < 3; i++)
        unit_loop_pass(&u->loop);
    for (struct unit_fleet_client *c; (c = u->clients);) {
        u->clients = c->next;
        free(c);
    }
    while (u->keys)
        unit_fleet_drop(u, u->keys->name);
    loop_unwatch(&u->loop, &u->listener);
    close(u->listener.fd);
    CHECK_INT(u->loop.timer_count, 0);
    log_open(-1, LOG_INFO);
    close(u->log);
    close(u->log_end);
    loop_free(&u->loop);
    buf_free(&u->asked), buf_free(&u->logged);
    unit_fleet_remove(u->dir);
}

/* One pass of the loop, of at most 20 ms. */
static void unit_fleet_pass(struct unit_fleet *u)
{
    struct loop_timer soon = {.fn = unit_loop_nothing};
    char bytes[4096];
    ssize_t n;
    loop_timer_set(&u->loop, &soon, clock_mono_ms() + 20);
    loop_once(&u->loop);
    loop_timer_cancel(&u->loop, &soon);
    while ((n = read(u->log, bytes, sizeof bytes)) > 0)
        buf_add(&u->logged, bytes, (size_t)n);
}

static void unit_fleet_for(struct unit_fleet *u, long long ms)
{
    long long until = clock_mono_ms() + ms;
    while (clock_mono_ms() < until)
        unit_fleet_pass(u);
}

static int unit_fleet_has(const buf *b, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i + n <= b->n; i++)
        if (memcmp(b->p + i, text, n) == 0)
            return 1;
    return 0;
}

static int unit_fleet_times(const buf *b, const char *text)
{
    size_t n = strlen(text);
    int times = 0;
    for (size_t i = 0; i + n <= b->n; i++)
        times += memcmp(b->p + i, text, n) == 0;
    return times;
}

/* Runs the loop until `condition` holds; a check fails when it does not in time. */
#define UNIT_FLEET_UNTIL(u, condition)                                                             \
    do {                                                                                           \
        long long until_ = clock_mono_ms() + UNIT_FLEET_WAIT_MS;                                   \
        while (!(condition) && clock_mono_ms() < until_)                                           \
            unit_fleet_pass(u);                                                                    \
        CHECK(condition);                                                                          \
    } while (0)

static int unit_fleet_knows(const struct unit_fleet_computer *c, const char *name)
{
    return roster_find(&c->fleet, span_of(name)) != NULL;
}

/* Computers hosta and hostb that know each other; client: hosta has one, subscribed to all. */
static void unit_fleet_two(struct unit_fleet *u, struct unit_fleet_computer **a,
                           struct unit_fleet_computer **b, unsigned topics)
{
    unit_fleet_begin(u);
    *a = unit_fleet_new(u, "hosta");
    *b = unit_fleet_new(u, "hostb");
    unit_fleet_subscribe(*a, topics);
    unit_fleet_start(*a);
    unit_fleet_start(*b);
    UNIT_FLEET_UNTIL(u, unit_fleet_knows(*a, "hostb") && unit_fleet_knows(*b, "hosta") &&
                            (*a)->fleet.messages.link && (*b)->fleet.messages.link);
    struct roster_peer *peer = roster_find(&(*a)->fleet, span_of("hostb"));
    UNIT_FLEET_UNTIL(u, !(topics & CACHE_SESSIONS) || (peer->pulled_at && !peer->pulling));
}

/* A session of a computer itself, without a holder. */
static void unit_fleet_put(struct unit_fleet_computer *c, const char *id, const char *title)
{
    buf b = {0};
    buf_fmt(&b, "{\"session_id\":\"%s\",\"title\":\"%s\",\"computer\":\"%s\"}", id, title, c->name);
    span part = buf_view(&b);
    cache_put(&c->cache, id, c->name, &part, 1, c->all->loop.now);
    buf_free(&b);
}

/* What a cache says of a session; "": nothing. Valid until the cache changes. */
static const char *unit_fleet_session(struct unit_fleet_computer *c, const char *id)
{
    struct cache_session *s = cache_find(&c->cache, id);
    return s ? buf_cstr(&s->json) : "";
}

/* An entry of a stream, written by a program that is no telec: name, value … NULL. */
static void unit_fleet_send(struct unit_fleet *u, const char *key, const char *id,
                            const char *const *fields)
{
    char *words[40] = {(char *)"XADD", (char *)key,    (char *)"MAXLEN",
                       (char *)"~",    (char *)"1000", (char *)(id ? id : "*")};
    size_t n = 6;
    buf b = {0};
    while (*fields)
        words[n++] = (char *)*fields++;
    unit_fleet_add(u, words, n, &b);
    unit_fleet_wake(u);
    buf_free(&b);
}

/* What a computer has replied to a request sent as `id`; NULL: nothing yet. */
static const char *unit_fleet_reply(struct unit_fleet *u, const char *id)
{
    char name[80];
    snprintf(name, sizeof name, "%s%s", STREAMS_OUTPUT_KEY, id);
    struct unit_fleet_key *key = unit_fleet_key(u, name, 0);
    return key && key->count ? buf_cstr(&key->entries[0].fields) : NULL;
}

static void unit_fleet_beat(struct unit_fleet *u, const char *name, const char *more, int ttl_ms)
{
    char key[80], text[400];
    snprintf(key, sizeof key, "computer:%s:heartbeat", name);
    snprintf(text, sizeof text, "{\"computer_name\":\"%s\"%s}", name, more);
    unit_fleet_set(u, key, text, ttl_ms);
    unit_fleet_publish(u, PRESENCE_CHANNEL, text);
}

/* ---- a session with a holder that the test plays -------------------------------------------- */

#define UNIT_FLEET_VIEWERS 12

/* Each connection to the holder: the daemon's own first, then streams and questions. */
struct unit_fleet_viewer {
    struct unit_fleet_holder *holder;
    struct conn conn;
    int used, views;
};

struct unit_fleet_holder {
    struct unit_fleet *all;
    struct session *session;
    struct loop_fd listener;
    struct unit_fleet_viewer viewers[UNIT_FLEET_VIEWERS];
    int silent; /* questions get no answer */
    buf asked;  /* type and payload of each other frame than FRAME_SUBSCRIBE, a line each */
};

static void unit_fleet_on_frame(void *ctx)
{
    struct unit_fleet_viewer *v = ctx;
    enum frame_type type;
    span payload;
    while (v->used && frame_parse(&v->conn, &type, &payload) == PARSE_DONE) {
        if (type != FRAME_SUBSCRIBE)
            buf_fmt(&v->holder->asked, "%c%.*s\n", type, (int)payload.n,
                    payload.n ? payload.p : "");
        conn_consume(&v->conn, FRAME_HEAD + payload.n);
        if (v->holder->silent)
            continue;
        if (type == FRAME_SUBSCRIBE)
            frame_send(&v->conn, FRAME_STATUS, span_of("{\"state\":\"idle\"}"));
        if (type == FRAME_VIEW) {
            v->views = 1;
            frame_send(&v->conn, FRAME_SIZE, span_of("{\"size\":[80,24]}"));
            frame_send(&v->conn, FRAME_SNAPSHOT, span_of("<snapshot>"));
        }
        if (type == FRAME_TEXT)
            frame_send(&v->conn, FRAME_TEXT_REPLY, span_of("the text"));
        if (type == FRAME_SCREEN)
            frame_send(&v->conn, FRAME_SCREEN_REPLY, span_of("{\"screen\":1}"));
        if (type == FRAME_MESSAGE)
            frame_send(&v->conn, FRAME_RECEIPT, span_of("delivered"));
    }
    if (v->used && v->conn.eof)
        conn_close(&v->conn, NULL);
}

static void unit_fleet_on_viewer_gone(void *ctx, const char *why)
{
    struct unit_fleet_viewer *v = ctx;
    (void)why;
    conn_free(&v->conn);
    v->used = v->views = 0;
}

static void unit_fleet_on_viewer(void *ctx, short revents)
{
    static const struct conn_hooks hooks = {unit_fleet_on_frame, NULL, unit_fleet_on_viewer_gone};
    struct unit_fleet_holder *h = ctx;
    int fd = accept(h->listener.fd, NULL, NULL);
    (void)revents;
    if (fd < 0)
        return;
    struct unit_fleet_viewer *v = h->viewers;
    while (v < h->viewers + UNIT_FLEET_VIEWERS && v->used)
        v++;
    if (v == h->viewers + UNIT_FLEET_VIEWERS) {
        CHECK(!"too many connections to a holder");
        close(fd);
        return;
    }
    v->holder = h;
    v->used = 1;
    v->conn.hooks = &hooks;
    v->conn.ctx = v;
    conn_open(&v->conn, &h->all->loop, fd);
}

/* Begins a session of that computer, running and idle. */
static void unit_fleet_hold(struct unit_fleet_computer *c, struct unit_fleet_holder *h,
                            const char *id)
{
    char error[200];
    *h = (struct unit_fleet_holder){.all = c->all};
    struct session *s = h->session = sessions_new(&c->sessions, id);
    s->title = span_dup(span_of("title"));
    s->directory = span_dup(span_of("/"));
    s->agent = span_dup(span_of("shell"));
    s->mode = span_dup(span_of("slow"));
    char sessions[128];
    snprintf(sessions, sizeof sessions, "%s/sessions", c->state);
    mkdir(sessions, 0700), mkdir(s->dir, 0700);
    h->listener = (struct loop_fd){.fd = conn_listen(s->socket, error, sizeof error),
                                   .on_event = unit_fleet_on_viewer, .ctx = h};
    CHECK(h->listener.fd >= 0);
    loop_watch(&c->all->loop, &h->listener, POLLIN);
    CHECK_INT(sessions_connect(s), 0);
    UNIT_FLEET_UNTIL(c->all, s->status.n && s->cached);
}

static void unit_fleet_hang_up(struct unit_fleet_holder *h)
{
    for (int i = 0; i < UNIT_FLEET_VIEWERS; i++)
        if (h->viewers[i].used)
            conn_close(&h->viewers[i].conn, NULL);
    loop_unwatch(&h->all->loop, &h->listener);
    close(h->listener.fd);
    for (int i = 0; i < 3; i++)
        unit_loop_pass(&h->all->loop);
    buf_free(&h->asked);
}

static int unit_fleet_views(const struct unit_fleet_holder *h)
{
    int n = 0;
    for (int i = 0; i < UNIT_FLEET_VIEWERS; i++)
        n += h->viewers[i].views;
    return n;
}

static void unit_fleet_output(struct unit_fleet_holder *h, const char *bytes)
{
    for (int i = 0; i < UNIT_FLEET_VIEWERS; i++)
        if (h->viewers[i].views)
            frame_send(&h->viewers[i].conn, FRAME_OUTPUT, span_of(bytes));
}
