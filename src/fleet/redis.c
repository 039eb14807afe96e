#include "fleet.h"

/* redis - one reconnecting Redis connection on the loop.
 *
 * A try resolves the name (in a child process: getaddrinfo blocks), connects to its addresses in
 * turn and greets: HELLO 3, or AUTH where the server refuses or closes at it; SELECT, CLIENT
 * SETNAME and ID; PING, which a server that can't serve yet refuses. Then the connection is ready.
 * A failure is told in `why` and the log; the wait before the next try doubles. Another program
 * does TLS: it is started with a socket as its stdin and stdout. A sentinel is asked for the master
 * first. Of a cluster the node is used that has the slot of the keys: they must share one. */

#define REDIS_SAID_MAX 4096 /* bytes kept of a child process's output */
#define REDIS_MOVES_MAX 3    /* MOVED in a row, each within REDIS_MOVED_MS */
#define REDIS_MOVED_MS 10000
#define REDIS_TEXT_MAX 160  /* bytes of a server's or program's text in `why` */
#define REDIS_ONE_SLOT                                                                             \
    "the server is a cluster, whose keys must be in one slot: add ?prefix={NAME}: to the url"

struct redis_pending {
    void (*done)(void *ctx, const struct resp *reply);
    void *ctx;
    long long block_ms;
    uint32_t right;
};

struct redis_address {
    struct sockaddr_storage address;
    socklen_t size;
};

/* A child process: it resolves a name (out: its answer) or does TLS (out: its stderr). */
struct redis_child {
    struct redis_child *next;
    struct redis *owner;
    struct loop_child exit;
    int exited;             /* and reaped: exit.pid may be another process's */
    struct loop_fd out;
    buf said;
};

static void redis_put_address(const struct redis *r, buf *b)
{
    redis_url_put(&r->target, b);
}

static const char *redis_state_name(const struct redis *r)
{
    if (r->state == REDIS_OFF || r->state == REDIS_READY)
        return r->state == REDIS_OFF ? "off" : "ready";
    return r->connects || r->why[0] ? "reconnecting" : "connecting";
}

/* ---- what went wrong ------------------------------------------------------------------------ */

static void redis_set_why(struct redis *r, const char *format, ...)
{
    va_list args;
    char text[2 * sizeof r->why];
    buf visible = {0};
    va_start(args, format);
    base_vfmt(text, sizeof text, format, args);
    va_end(args);
    utf8_put_visible(&visible, span_of(text));
    base_copy(r->why, sizeof r->why, buf_cstr(&visible));
    buf_free(&visible);
}

/* Logs a reason once, until a connection was ready. */
static void redis_log_failure(struct redis *r)
{
    buf address = {0};
    if (strcmp(r->logged, r->why) == 0)
        return;
    strcpy(r->logged, r->why);
    redis_put_address(r, &address);
    log_line(LOG_WARN, "redis (%s): no connection to %s: %s; trying again", r->name,
             buf_cstr(&address), r->why);
    buf_free(&address);
}

/* Back to the url's own host or sentinels. */
static void redis_unmove(struct redis *r)
{
    if (!r->target.moved)
        return;
    redis_url_free(&r->target);
    redis_url_parse(&r->target, span_of(r->config->redis_url));
}

static void redis_tell_change(struct redis *r)
{
    if (r->hooks->on_change)
        r->hooks->on_change(r->ctx);
}

/* Waits for the next try. Jitter keeps the computers of a fleet apart. */
static void redis_wait(struct redis *r)
{
    unsigned dice;
    long long twice = r->backoff * 2;
    r->backoff = !r->backoff ? r->times.backoff_min
                 : twice > r->times.backoff_max ? r->times.backoff_max : twice;
    os_random(&dice, sizeof dice);
    r->retry_at = r->loop->now + r->backoff - (long long)(dice % 1000) * r->backoff / 5000;
    r->state = REDIS_WAITING;
    loop_timer_set(r->loop, &r->timer, r->retry_at);
    redis_log_failure(r);
    redis_unmove(r);
    redis_tell_change(r);
}

/* Returns what a server's error means for the connection; NULL: it concerns one command only. */
static const char *redis_meaning(const struct resp *reply)
{
    static const struct {
        const char *code, *meaning;
    } known[] = {
        {"LOADING", "the server is loading its data"},
        {"READONLY", "the server is a read-only replica"},
        {"MASTERDOWN", "the server is a replica whose master is down"},
        {"CLUSTERDOWN", "the cluster is down"},
        {"CROSSSLOT", REDIS_ONE_SLOT},
        {"NOAUTH", "the server wants a password (redis://USER:PASSWORD@HOST)"},
        {"WRONGPASS", "user or password is wrong, or the user is disabled"},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (resp_is_error(reply, known[i].code))
            return known[i].meaning;
    return NULL;
}

/* Returns the offset of `what` in s, or s.n. */
static size_t redis_find(span s, const char *what)
{
    size_t n = 0;
    while (n < s.n && !span_starts(span_sub(s, n), what))
        n++;
    return n;
}

/* Sets `why` to the server's words, without those that may repeat the password. */
static void redis_set_refusal(struct redis *r, const struct resp *reply)
{
    const char *meaning = redis_meaning(reply);
    const char *password = r->target.password;
    span text = reply->text;
    if (meaning) {
        span code = span_cut(&text, ' ');
        redis_set_why(r, "%.*s: %s", (int)code.n, code.p, meaning);
        return;
    }
    text.n = redis_find(text, ", with args");
    span rest = text;
    if (password && *password && redis_find(text, password) < text.n)
        text = span_cut(&rest, ' ');
    if (reply->type != RESP_ERROR)
        redis_set_why(r, "the server gave an unexpected answer");
    else
        redis_set_why(r, "the server refused: %.*s",
                      (int)(text.n < REDIS_TEXT_MAX ? text.n : REDIS_TEXT_MAX), text.p);
}

/* ---- calls ---------------------------------------------------------------------------------- */

/* Sets the deadline of the reply that is due, or of the rest of one that has begun; none when no
 * reply is due. */
static void redis_arm(struct redis *r)
{
    int begun = conn_view(&r->conn).n > 0;
    const struct redis_pending *head =
        r->pending_count ? &r->pending[r->pending_head & (r->pending_cap - 1)] : NULL;
    if (!begun && (!head || head->block_ms < 0))
        loop_timer_cancel(r->loop, &r->timer);
    else
        loop_timer_set(r->loop, &r->timer,
                       r->loop->now + r->times.reply + (begun ? 0 : head->block_ms));
}

static void redis_expect(struct redis *r)
{
    if (!r->pending_count)
        return;
    r->pending[r->pending_head & (r->pending_cap - 1)].block_ms = 0;
    redis_arm(r);
}

static void redis_grow_pending(struct redis *r)
{
    size_t cap = r->pending_cap ? r->pending_cap * 2 : 8;
    struct redis_pending *grown = base_grow(NULL, cap * sizeof *grown);
    for (size_t i = 0; i < r->pending_count; i++)
        grown[i] = r->pending[(r->pending_head + i) & (r->pending_cap - 1)];
    free(r->pending);
    r->pending = grown;
    r->pending_head = 0;
    r->pending_cap = cap;
}

/* Returns what stands for the right that a command needs: its name, and its key without what is
 * behind the last colon. */
static uint32_t redis_right(span command)
{
    uint32_t right = 0;
    for (int i = 0; i < 5; i++) { /* *COUNT $SIZE NAME $SIZE KEY */
        span line = span_cut(&command, '\n');
        size_t n = line.n;
        while (n && line.p[n - 1] != ':')
            n--;
        right ^= i % 2 ? 0 : span_hash((span){line.p, n ? n : line.n}) + (uint32_t)i;
    }
    return right ? right : 1;
}

static void redis_send(struct redis *r, span command, long long block_ms,
                       void (*done)(void *ctx, const struct resp *reply), void *ctx)
{
    if (r->pending_count == r->pending_cap)
        redis_grow_pending(r);
    r->pending[(r->pending_head + r->pending_count++) & (r->pending_cap - 1)] =
        (struct redis_pending){done, ctx, block_ms, redis_right(command)};
    conn_send(&r->conn, command);
    if (r->pending_count == 1)
        redis_arm(r);
}

/* Completes the oldest call. Returns 0 when there is none. */
static int redis_answer(struct redis *r, const struct resp *reply)
{
    if (!r->pending_count)
        return 0;
    struct redis_pending call = r->pending[r->pending_head & (r->pending_cap - 1)];
    r->pending_head = (r->pending_head + 1) & (r->pending_cap - 1);
    r->pending_count--;
    if (call.done)
        call.done(call.ctx, reply);
    return 1;
}

/* Is SUBSCRIBE the name of the command? */
static int redis_is_subscription(span command)
{
    span rest = command;
    span_cut(&rest, '\n');
    span_cut(&rest, '\n');
    return span_eq(span_cut(&rest, '\r'), "SUBSCRIBE");
}

static int redis_call(struct redis *r, span command, long long block_ms,
                      void (*done)(void *ctx, const struct resp *reply), void *ctx)
{
    if (r->state != REDIS_READY || r->conn.dead || r->pending_count >= REDIS_PENDING_MAX ||
        (r->conn.queued && r->conn.queued + command.n > REDIS_QUEUE_MAX))
        return 0;
    r->subscribed |= r->protocol == 2 && redis_is_subscription(command);
    redis_send(r, command, block_ms, done, ctx);
    return 1;
}

/* ---- greeting ------------------------------------------------------------------------------- */

static void redis_refuse(struct redis *r, const struct resp *reply)
{
    if (r->conn.dead)
        return; /* the first reason counts */
    r->refused = r->state == REDIS_READY;
    redis_set_refusal(r, reply);
    conn_close(&r->conn, r->why);
}

static void redis_greet_with(struct redis *r, const char *const *args,
                             void (*done)(void *ctx, const struct resp *reply))
{
    buf command = {0};
    resp_put_strings(&command, args);
    redis_send(r, buf_view(&command), 0, done, r);
    if (command.p)
        memset(command.p, 0, command.n); /* it may have had the password */
    buf_free(&command);
}

static void redis_on_needed(void *ctx, const struct resp *reply)
{
    if (reply && reply->type == RESP_ERROR)
        redis_refuse(ctx, reply);
}

static void redis_on_id(void *ctx, const struct resp *reply)
{
    struct redis *r = ctx;
    if (reply && reply->type == RESP_INTEGER)
        r->id = reply->integer;
}

/* Being not allowed to PING is no failure. */
static void redis_on_ping(void *ctx, const struct resp *reply)
{
    struct redis *r = ctx;
    buf address = {0};
    if (!reply || r->conn.dead)
        return;
    if (reply->type == RESP_ERROR && !resp_is_error(reply, "NOPERM")) {
        redis_refuse(r, reply);
        return;
    }
    r->state = REDIS_READY;
    r->worked = 1;
    r->ready_at = r->loop->now;
    r->connects++;
    r->lacking = 0;
    if (!r->doubted)
        r->why[0] = r->logged[0] = '\0';
    if (r->child) /* a TLS program's output so far is not why it will end */
        buf_clear(&r->child->said);
    redis_put_address(r, &address);
    log_line(r->quiet || r->doubted ? LOG_DEBUG : LOG_INFO, "redis (%s): connected to %s", r->name,
             buf_cstr(&address));
    buf_free(&address);
    r->quiet = 0;
    if (r->hooks->on_ready)
        r->hooks->on_ready(r->ctx);
}

/* Appends telec-COMPUTER-NAME in the characters that CLIENT SETNAME allows. */
static void redis_put_client_name(const struct redis *r, buf *b)
{
    buf_fmt(b, "telec-%s-%s", r->config->computer, r->name);
    for (size_t i = 0; i < b->n; i++)
        if (b->p[i] < '!' || b->p[i] > '~')
            b->p[i] = '-';
}

/* Sends the commands after the password, pipelined. */
static void redis_greet_rest(struct redis *r)
{
    buf name = {0};
    char db[24];
    base_fmt(db, sizeof db, "%d", r->target.db);
    redis_put_client_name(r, &name);
    if (r->target.db)
        redis_greet_with(r, (const char *[]){"SELECT", db, NULL}, redis_on_needed);
    redis_greet_with(r, (const char *[]){"CLIENT", "SETNAME", buf_cstr(&name), NULL}, NULL);
    redis_greet_with(r, (const char *[]){"CLIENT", "ID", NULL}, redis_on_id);
    redis_greet_with(r, (const char *[]){"PING", NULL}, redis_on_ping);
    buf_free(&name);
}

static void redis_on_auth(void *ctx, const struct resp *reply)
{
    struct redis *r = ctx;
    if (reply && reply->type == RESP_ERROR)
        redis_refuse(r, reply);
    else if (reply)
        redis_greet_rest(r);
}

static void redis_on_auth_named(void *ctx, const struct resp *reply)
{
    struct redis *r = ctx;
    if (reply && reply->type == RESP_ERROR &&
        redis_find(reply->text, "wrong number of arguments") < reply->text.n) /* before Redis 6 */
        redis_greet_with(r, (const char *[]){"AUTH", r->target.password, NULL}, redis_on_auth);
    else
        redis_on_auth(ctx, reply);
}

static void redis_greet_resp2(struct redis *r)
{
    const struct redis_url *t = &r->target;
    r->protocol = 2;
    if (!t->password)
        redis_greet_rest(r);
    else if (t->user)
        redis_greet_with(r, (const char *[]){"AUTH", t->user, t->password, NULL},
                         redis_on_auth_named);
    else
        redis_greet_with(r, (const char *[]){"AUTH", t->password, NULL}, redis_on_auth);
}

/* Does HELLO's reply tell of a cluster, in which no hash tag keeps our keys together? */
static int redis_has_slots(const struct redis *r, const struct resp *reply)
{
    struct resp_iter it = resp_iter(reply);
    struct resp key, value;
    while (resp_next_pair(&it, &key, &value))
        if (span_eq(key.text, "mode") && span_eq(value.text, "cluster"))
            return !r->target.prefix || !strchr(r->target.prefix, '{');
    return 0;
}

static void redis_on_hello(void *ctx, const struct resp *reply)
{
    struct redis *r = ctx;
    if (!reply)
        return;
    if (reply->type == RESP_ERROR && !redis_meaning(reply) &&
        redis_find(reply->text, "max number of clients") == reply->text.n) {
        redis_greet_resp2(r); /* an old server, or a proxy, refuses in words of its own */
    } else if (reply->type != RESP_MAP) {
        redis_refuse(r, reply);
    } else if (redis_has_slots(r, reply)) {
        redis_set_why(r, "%s", REDIS_ONE_SLOT);
        conn_close(&r->conn, r->why);
    } else {
        redis_greet_rest(r);
    }
}

/* A sentinel has answered with host and port of the master. */
static void redis_on_master(void *ctx, const struct resp *reply)
{
    struct redis *r = ctx;
    struct resp host, port;
    struct resp_iter it = resp_iter(reply ? reply : &(struct resp){0});
    if (!reply)
        return;
    if (reply->type == RESP_ERROR) {
        redis_refuse(r, reply);
    } else if (resp_next(&it, &host) && resp_next(&it, &port) &&
               redis_url_move(&r->target, host.text, port.text)) {
        r->address_next = 0;
        redis_restart(r);
    } else {
        redis_set_why(r, "the sentinel knows no master of the name %s", r->target.master);
        conn_close(&r->conn, r->why);
    }
}

static void redis_greet(struct redis *r)
{
    const struct redis_url *t = &r->target;
    int asks = t->sentinels && !t->moved;
    r->state = REDIS_GREETING;
    r->protocol = asks ? 0 : 3;
    if (asks) {
        if (t->password) /* a sentinel without one refuses it, and answers */
            redis_greet_with(r,
                             t->user ? (const char *[]){"AUTH", t->user, t->password, NULL}
                                     : (const char *[]){"AUTH", t->password, NULL},
                             NULL);
        redis_greet_with(r,
                         (const char *[]){"SENTINEL", "get-master-addr-by-name", t->master, NULL},
                         redis_on_master);
        return;
    }
    if (t->protocol == 2 || r->plain)
        redis_greet_resp2(r);
    else if (!t->password)
        redis_greet_with(r, (const char *[]){"HELLO", "3", NULL}, redis_on_hello);
    else
        redis_greet_with(r,
                         (const char *[]){"HELLO", "3", "AUTH", t->user ? t->user : "default",
                                          t->password, NULL},
                         redis_on_hello);
}

/* ---- answers -------------------------------------------------------------------------------- */

/* Handles an out-of-band message. Returns 0 when it is the reply to a call: to SUBSCRIBE (or, in
 * RESP2, to PING). */
static int redis_push(struct redis *r, const struct resp *reply)
{
    struct resp kind, channel, message;
    struct resp_iter it = resp_iter(reply);
    resp_next(&it, &kind);
    if (span_eq(kind.text, "message")) {
        if (resp_next(&it, &channel) && resp_next(&it, &message) && r->hooks->on_push)
            r->hooks->on_push(r->ctx, channel.text, message.text);
        return 1;
    }
    size_t at = redis_find(kind.text, "subscribe"); /* psubscribe, unsubscribe … end in it */
    return reply->type == RESP_PUSH && at == kind.text.n;
}

/* MOVED SLOT HOST:PORT: another node of the cluster has the key's slot. */
static void redis_move(struct redis *r, const struct resp *reply)
{
    span rest = reply->text, port;
    if (r->conn.dead)
        return;
    span_cut(&rest, ' ');
    span_cut(&rest, ' ');
    size_t n = rest.n;
    while (n && rest.p[n - 1] != ':')
        n--;
    port = span_sub(rest, n);
    r->moves = r->loop->now - r->ready_at > REDIS_MOVED_MS ? 1 : r->moves + 1;
    if (n && r->moves <= REDIS_MOVES_MAX &&
        redis_url_move(&r->target, (span){rest.p, n - 1}, port)) {
        r->address_next = 0;
        redis_restart(r);
        return;
    }
    r->refused = 1;
    redis_set_why(r, "%s", REDIS_ONE_SLOT);
    conn_close(&r->conn, r->why);
}

/* An ACL lacks a right. The connection works with what is left; each fault is logged once. */
static void redis_note_denied(struct redis *r, const struct resp *reply, uint32_t right)
{
    char *said = span_dup(reply->text);
    if (!r->conn.dead && r->lacking != right) {
        redis_set_refusal(r, reply);
        r->lacking = right;
        redis_tell_change(r);
    }
    if (!r->conn.dead && r->denied.n < REDIS_SAID_MAX &&
        redis_find(buf_view(&r->denied), said) == r->denied.n) {
        buf_str(&r->denied, said);
        log_line(LOG_WARN, "redis (%s): %s", r->name, r->why);
    }
    free(said);
}

/* The right that lacked was used: it has been given meanwhile. */
static void redis_note_granted(struct redis *r)
{
    log_line(LOG_INFO, "redis (%s): no longer: %s", r->name, r->why);
    r->lacking = 0;
    r->why[0] = '\0';
    redis_tell_change(r);
}

/* RESP2 sends messages as arrays, like replies; a subscribed connection gets no other arrays. */
static void redis_on_reply(struct redis *r, const struct resp *reply)
{
    int may_push = reply->type == RESP_PUSH || (r->subscribed && reply->type == RESP_ARRAY);
    size_t head = r->pending_head & (r->pending_cap - 1);
    uint32_t right = r->pending_count ? r->pending[head].right : 0;
    if (may_push && redis_push(r, reply))
        return;
    if (!redis_answer(r, reply)) {
        redis_set_why(r, "the server sent an answer to nothing");
        if (reply->type == RESP_ERROR)
            redis_set_refusal(r, reply);
        conn_close(&r->conn, r->why);
    } else if (r->state == REDIS_READY && resp_is_error(reply, "MOVED")) {
        redis_move(r, reply);
    } else if (r->state == REDIS_READY && redis_meaning(reply)) {
        redis_refuse(r, reply);
    } else if (r->state == REDIS_READY && resp_is_error(reply, "NOPERM")) {
        redis_note_denied(r, reply, right);
    } else if (r->state == REDIS_READY && right == r->lacking && !r->conn.dead && !r->doubted) {
        redis_note_granted(r);
    }
}

/* ---- child processes ------------------------------------------------------------------------ */

/* Reads the child's output; past REDIS_SAID_MAX it is dropped. At most a pipe's worth is read at
 * once: the child may write faster than we read. */
static void redis_listen(void *ctx, short revents)
{
    struct redis_child *child = ctx;
    char bytes[1024];
    ssize_t n = 1;
    (void)revents;
    if (child->out.fd < 0)
        return;
    for (int reads = 0; n > 0 && reads < 64; reads++) {
        n = read(child->out.fd, bytes, sizeof bytes);
        size_t room = REDIS_SAID_MAX - child->said.n;
        if (n > 0)
            buf_add(&child->said, bytes, (size_t)n < room ? (size_t)n : room);
    }
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    loop_unwatch(child->owner->loop, &child->out);
    close(child->out.fd);
    child->out.fd = -1;
}

static void redis_child_free(struct redis_child *child)
{
    struct redis_child **at = &child->owner->children;
    while (*at != child)
        at = &(*at)->next;
    *at = child->next;
    if (child->out.fd >= 0) {
        loop_unwatch(child->owner->loop, &child->out);
        close(child->out.fd);
    }
    buf_free(&child->said);
    free(child);
}

static void redis_kill(const struct redis_child *child)
{
    if (kill(-child->exit.pid, SIGKILL) != 0) /* its group does not exist yet */
        kill(child->exit.pid, SIGKILL);
}

/* Kills the process of this try, if there is one, and its descendants. It has no data to lose. It
 * is freed once it is reaped. */
static void redis_kill_child(struct redis *r)
{
    struct redis_child *child = r->child;
    r->child = NULL;
    if (child && child->exited)
        redis_child_free(child);
    else if (child)
        redis_kill(child);
}

/* Returns the TLS program's message: the line with the word "error", else its last line. */
static span redis_complaint(const struct redis_child *child)
{
    span rest = span_trim(buf_view(&child->said), " \r\n"), line = rest;
    while (rest.n) {
        line = span_cut(&rest, '\n');
        if (redis_find(line, "error") < line.n)
            break;
    }
    line = span_trim(line, " \r");
    line.n = line.n < REDIS_TEXT_MAX ? line.n : REDIS_TEXT_MAX;
    return line;
}

/* The other side has closed the connection. When that is the TLS program, it says why. */
static void redis_set_gone(struct redis *r, const char *how)
{
    if (r->child)
        redis_listen(r->child, 0);
    span complaint = r->child ? redis_complaint(r->child) : (span){0};
    redis_set_why(r, complaint.n ? "%s; tls_command: %.*s" : "%s", how, (int)complaint.n,
                  complaint.p);
}

/* Starts a child process whose errors r->child gets, a pipe in the loop. Returns 0, or -1 with
 * errno. */
static int redis_start_child(struct redis *r, char *const *argv, int in, int out,
                             void (*on_exit)(void *ctx, int status))
{
    const int fds[] = {in, out, OS_PIPE};
    int end;
    pid_t pid = os_spawn_piped(argv, fds, &end);
    if (pid < 0)
        return -1;
    fcntl(end, F_SETFL, O_NONBLOCK);
    struct redis_child *child = base_alloc(sizeof *child);
    *child = (struct redis_child){.next = r->children, .owner = r};
    child->out = (struct loop_fd){.fd = end, .on_event = redis_listen, .ctx = child};
    child->exit = (struct loop_child){.pid = pid, .fn = on_exit, .ctx = child};
    r->children = r->child = child;
    loop_watch(r->loop, &child->out, POLLIN);
    loop_on_exit(r->loop, &child->exit);
    return 0;
}

/* ---- input ---------------------------------------------------------------------------------- */

static void redis_on_data(void *ctx)
{
    struct redis *r = ctx;
    struct conn *c = &r->conn;
    struct resp reply;
    size_t used = 0;
    enum parse found = PARSE_MORE;
    while (!c->dead &&
           (found = resp_parse(&r->scan, conn_view(c), &used, &reply)) == PARSE_DONE) {
        redis_on_reply(r, &reply);
        conn_consume(c, used);
    }
    if (c->dead)
        return;
    if (found == PARSE_BAD)
        redis_set_why(r, "what answers is not a Redis server: %s", r->scan.error);
    else if (c->eof)
        redis_set_gone(r, "the server closed the connection");
    if (found == PARSE_BAD || c->eof)
        conn_close(c, r->why);
    else
        redis_arm(r);
}

/* ---- connecting ----------------------------------------------------------------------------- */

static void redis_fail(struct redis *r, const char *what, const char *detail)
{
    redis_set_why(r, "%s%s%s", what, *detail ? ": " : "", detail);
    redis_wait(r);
}

/* Keepalive notices a silent connection on which nothing is sent. */
static const struct {
    int level, name, value;
} redis_tcp_options[] = {
    {SOL_SOCKET, SO_KEEPALIVE, 1},  {IPPROTO_TCP, TCP_NODELAY, 1},
#if defined(TCP_KEEPIDLE) && defined(TCP_KEEPINTVL) && defined(TCP_KEEPCNT)
    {IPPROTO_TCP, TCP_KEEPIDLE, 20}, {IPPROTO_TCP, TCP_KEEPINTVL, 5}, {IPPROTO_TCP, TCP_KEEPCNT, 4},
#endif
};

static void redis_open(struct redis *r, int fd)
{
    r->scan = (struct resp_scan){0};
    r->subscribed = 0;
    r->id = 0;
    r->open = 1;
    conn_open(&r->conn, r->loop, fd);
    redis_greet(r);
}

static void redis_stop_connecting(struct redis *r)
{
    if (r->connecting.fd < 0)
        return;
    loop_unwatch(r->loop, &r->connecting);
    close(r->connecting.fd);
    r->connecting.fd = -1;
}

/* Returns 1 when the connection is made or in progress; 0 with errno. */
static int redis_connect_to(struct redis *r, const struct redis_address *a)
{
    int fd = os_close_on_exec(socket(a->address.ss_family, SOCK_STREAM, 0));
    if (fd < 0)
        return 0;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (size_t i = 0; i < COUNT_OF(redis_tcp_options); i++)
        setsockopt(fd, redis_tcp_options[i].level, redis_tcp_options[i].name,
                   &redis_tcp_options[i].value, sizeof redis_tcp_options[i].value);
    if (connect(fd, (const struct sockaddr *)&a->address, a->size) == 0) {
        redis_open(r, fd);
        return 1;
    }
    if (errno != EINPROGRESS && errno != EINTR) {
        int saved = errno;
        close(fd);
        errno = saved;
        return 0;
    }
    r->connecting.fd = fd;
    r->state = REDIS_CONNECTING;
    loop_watch(r->loop, &r->connecting, POLLOUT);
    loop_timer_in(r->loop, &r->timer, r->times.connect);
    return 1;
}

/* Tries the next address; failed: errno of the one before. */
static void redis_connect_next(struct redis *r, int failed)
{
    while (r->address_next < r->address_count) {
        if (redis_connect_to(r, &r->addresses[r->address_next++]))
            return;
        failed = errno;
    }
    redis_fail(r, "cannot connect", strerror(failed));
}

static void redis_on_connected(void *ctx, short revents)
{
    struct redis *r = ctx;
    int failed = 0, fd = r->connecting.fd;
    socklen_t size = sizeof failed;
    (void)revents;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) != 0)
        failed = errno;
    if (failed) {
        redis_stop_connecting(r);
        redis_connect_next(r, failed);
        return;
    }
    loop_unwatch(r->loop, &r->connecting);
    r->connecting.fd = -1;
    redis_open(r, fd);
}

/* Adds a numeric address to the list. Returns 0 when it isn't one. */
static int redis_add_address(struct redis *r, const char *host)
{
    struct addrinfo want = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                            .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char port[16];
    base_fmt(port, sizeof port, "%d", r->target.port);
    if (r->address_count == REDIS_ADDRESSES_MAX || getaddrinfo(host, port, &want, &found) != 0)
        return 0;
    struct redis_address *a = &r->addresses[r->address_count++];
    memcpy(&a->address, found->ai_addr, found->ai_addrlen);
    a->size = found->ai_addrlen;
    freeaddrinfo(found);
    return 1;
}

/* The child has exited; its output: addresses, one a line, or '!' and why there are none. */
static void redis_on_looked_up(void *ctx, int status)
{
    struct redis_child *child = ctx;
    struct redis *r = child->owner;
    redis_listen(child, 0);
    if (r->child == child) {
        r->child = NULL;
        span said = buf_view(&child->said), fault = {0};
        while (said.n) {
            span line = span_cut(&said, '\n');
            char *address = span_dup(line);
            if (!redis_add_address(r, address))
                fault = line;
            free(address);
        }
        if (r->address_count) {
            redis_connect_next(r, 0);
        } else {
            char *text = span_dup(span_starts(fault, "!") ? span_sub(fault, 1) : fault);
            redis_fail(r, "cannot look up the server's name",
                       *text ? text : status ? "the look-up failed" : "it has no address");
            free(text);
        }
    }
    redis_child_free(child);
}

/* Resolves the name in a process of its own: getaddrinfo may block for long. */
static void redis_look_up(struct redis *r)
{
    char port[16];
    char *argv[] = {(char *)config_program(r->config), (char *)"resolve", r->target.host, port,
                    NULL};
    base_fmt(port, sizeof port, "%d", r->target.port);
    r->state = REDIS_RESOLVING;
    loop_timer_in(r->loop, &r->timer, r->times.connect);
    if (redis_start_child(r, argv, OS_NULL, OS_PIPE, redis_on_looked_up) != 0)
        redis_fail(r, "cannot start the look-up of the server's name", strerror(errno));
}

/* ---- TLS ------------------------------------------------------------------------------------ */

static int redis_is_word_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Returns a word of the tls_command with HOST and PORT, where they are whole words, replaced. */
static char *redis_substituted(const struct redis_url *t, const char *word)
{
    buf b = {0};
    for (const char *p = word; *p; p++) {
        int whole = (p == word || !redis_is_word_byte(p[-1])) && strlen(p) >= 4 &&
                    !redis_is_word_byte(p[4]);
        if (whole && strncmp(p, "HOST", 4) == 0) {
            int brackets = p[4] == ':' && strchr(t->host, ':');
            buf_fmt(&b, "%s%s%s", brackets ? "[" : "", t->host, brackets ? "]" : "");
            p += 3;
        } else if (whole && strncmp(p, "PORT", 4) == 0) {
            buf_int(&b, t->port);
            p += 3;
        } else {
            buf_byte(&b, *p);
        }
    }
    buf_cstr(&b);
    return b.p;
}

static void redis_on_tls_exit(void *ctx, int status)
{
    struct redis_child *child = ctx;
    (void)status; /* the end of the socket tells of it, and uses its output */
    redis_listen(child, 0);
    child->exited = 1;
    if (child->owner->child != child)
        redis_child_free(child);
}

static void redis_start_tls(struct redis *r)
{
    int ends[2], failed = ENOMEM;
    char **words = config_words(span_of(r->config->tls_command));
    size_t count = 0;
    for (; words && words[count]; count++)
        words[count] = redis_substituted(&r->target, words[count]);
    if (!count || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        redis_fail(r, "cannot start the tls_command", count ? strerror(errno) : "it is empty");
    } else {
        os_close_on_exec(ends[0]);
        os_close_on_exec(ends[1]);
        failed = redis_start_child(r, words, ends[1], ends[1], redis_on_tls_exit) ? errno : 0;
        close(ends[1]);
        if (failed)
            close(ends[0]);
        if (failed)
            redis_fail(r, "cannot start the tls_command", strerror(failed));
        else
            redis_open(r, ends[0]);
    }
    while (count)
        free(words[--count]);
    free(words);
}

/* ---- tries ---------------------------------------------------------------------------------- */

static void redis_connect_unix(struct redis *r)
{
    int fd = conn_connect(r->target.path);
    if (fd < 0)
        redis_fail(r, "cannot connect", strerror(errno));
    else
        redis_open(r, fd);
}

static void redis_try(struct redis *r)
{
    const char *fault;
    r->address_count = r->address_next = 0;
    if (r->target.sentinels && !r->target.moved &&
        !redis_url_choose(&r->target, r->sentinel++, &fault)) {
        r->sentinel = 1;
        redis_url_choose(&r->target, 0, &fault);
    }
    if (r->target.path)
        redis_connect_unix(r);
    else if (r->target.tls)
        redis_start_tls(r);
    else if (redis_add_address(r, r->target.host))
        redis_connect_next(r, 0);
    else
        redis_look_up(r);
}

/* After a restart: connects to the same address, without resolving the name again. */
static void redis_try_again(struct redis *r)
{
    if (!r->address_next) {
        redis_try(r);
        return;
    }
    r->address_next--;
    redis_connect_next(r, 0);
}

/* Ends what the state waits for, but not the connection itself. */
static void redis_stop_trying(struct redis *r)
{
    loop_timer_cancel(r->loop, &r->timer);
    redis_stop_connecting(r);
    redis_kill_child(r);
}

static void redis_on_closed(void *ctx, const char *why)
{
    struct redis *r = ctx;
    int worked = r->worked;
    int by_us = why == r->why && !r->conn.eof;
    if (r->state == REDIS_GREETING && !r->again && !by_us) /* HELLO may be what it closes at */
        r->plain = r->protocol == 3;
    if (why && why != r->why)
        redis_set_gone(r, why);
    r->state = REDIS_WAITING; /* redis_call fails from here on */
    r->open = r->protocol = 0;
    r->id = r->worked = 0;
    r->closing = 1;
    conn_free(&r->conn);
    redis_stop_trying(r);
    while (redis_answer(r, NULL))
        ;
    if (worked && !r->refused && !r->doubted)
        r->backoff = 0;
    r->doubted |= r->refused;
    r->refused = 0;
    if (worked && r->hooks->on_lost)
        r->hooks->on_lost(r->ctx, r->again ? "restarted" : r->why);
    r->losses += worked && !r->again;
    r->closing = 0;
    if (!r->again) {
        redis_wait(r);
        return;
    }
    r->again = 0;
    r->quiet = worked;
    redis_try_again(r);
}

static const struct conn_hooks redis_conn_hooks = {redis_on_data, NULL, redis_on_closed};

static void redis_on_timer(void *ctx)
{
    struct redis *r = ctx;
    if (r->state == REDIS_WAITING) {
        redis_try(r);
    } else if (r->state == REDIS_RESOLVING) {
        redis_kill_child(r);
        redis_fail(r, "cannot look up the server's name", "no answer in time");
    } else if (r->state == REDIS_CONNECTING) {
        redis_stop_connecting(r);
        redis_connect_next(r, ETIMEDOUT);
    } else if (!r->conn.dead) {
        redis_set_why(r, "the server did not answer within %lld s", r->times.reply / 1000);
        conn_close(&r->conn, r->why);
    }
}

static void redis_trust(struct redis *r)
{
    if (!r->doubted || r->state != REDIS_READY)
        return;
    log_line(LOG_INFO, "redis (%s): the server serves again", r->name);
    r->doubted = 0;
    r->why[0] = r->logged[0] = '\0';
}

static void redis_restart(struct redis *r)
{
    if (r->state == REDIS_OFF)
        return;
    if (r->open || r->closing) {
        r->again = 1;
        if (r->open)
            conn_close(&r->conn, r->why);
        return;
    }
    redis_stop_trying(r);
    redis_try(r);
}

/* ---- life ----------------------------------------------------------------------------------- */

static int redis_init(struct redis *r, struct loop *l, const struct config *config,
                      const char *name, const struct redis_hooks *hooks, void *ctx, buf *error)
{
    *r = (struct redis){.loop = l, .config = config, .name = name, .hooks = hooks, .ctx = ctx};
    r->times = (struct redis_times){REDIS_BACKOFF_MIN_MS, REDIS_BACKOFF_MAX_MS, REDIS_CONNECT_MS,
                                    REDIS_REPLY_MS};
    r->timer = (struct loop_timer){.fn = redis_on_timer, .ctx = r};
    r->connecting = (struct loop_fd){.fd = -1, .on_event = redis_on_connected, .ctx = r};
    r->conn.hooks = &redis_conn_hooks;
    r->conn.ctx = r;
    const char *fault = redis_url_parse(&r->target, span_of(config->redis_url));
    if (!fault) {
        r->addresses = base_alloc(REDIS_ADDRESSES_MAX * sizeof *r->addresses);
        return 0;
    }
    buf_fmt(error, "%s: the redis url cannot be used: %s", config->redis_from, fault);
    redis_url_free(&r->target);
    return -1;
}

static void redis_start(struct redis *r)
{
    if (r->state == REDIS_OFF)
        redis_try(r);
}

static void redis_close_now(struct redis *r)
{
    struct conn *c = &r->conn;
    loop_task_cancel(r->loop, &c->flush);
    loop_task_cancel(r->loop, &c->bury);
    loop_unwatch(r->loop, &c->io);
    if (c->io.fd >= 0)
        close(c->io.fd);
    conn_free(c);
    r->open = 0;
}

static void redis_free(struct redis *r)
{
    if (!r->loop)
        return;
    r->state = REDIS_OFF;
    redis_stop_trying(r);
    if (r->open)
        redis_close_now(r);
    while (redis_answer(r, NULL))
        ;
    while (r->children) { /* killed: waiting is short */
        struct redis_child *child = r->children;
        redis_kill(child);
        loop_child_cancel(r->loop, &child->exit);
        waitpid(child->exit.pid, NULL, 0);
        redis_child_free(child);
    }
    redis_url_free(&r->target);
    free(r->addresses);
    free(r->pending);
    buf_free(&r->denied);
    *r = (struct redis){0};
}
