/* wire - connections, HTTP and WebSocket, independent of telec's. */

/* ---- a connection --------------------------------------------------------------------------- */

struct wire {
    int fd;
    struct text in;         /* read, not taken yet */
    int eof;                /* the other side has closed; 2: with an error */
};

static inline int wire_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        FATAL("%s is too long for a socket: set TMPDIR to a shorter one", path);
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        e2e_die("socket");
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* To the daemon. */
static inline struct wire wire_open(void)
{
    struct wire w = {.fd = wire_connect(e2e.socket)};
    if (w.fd < 0)
        FATAL("cannot connect to %s: %s", e2e.socket, strerror(errno));
    return w;
}

static inline void wire_close(struct wire *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

/* Everything, or as much as the other side takes before it closes. 1, or 0: it closed. */
static inline int wire_write(struct wire *w, const char *p, size_t n)
{
    long long until = now_ms() + E2E_WAIT_MS;
    while (n) {
        struct pollfd poll_out = {w->fd, POLLOUT, 0};
        if (poll(&poll_out, 1, (int)(until - now_ms() > 0 ? until - now_ms() : 0)) == 0)
            FATAL("the daemon does not read");
        ssize_t wrote = send(w->fd, p, n, MSG_DONTWAIT);
        if (wrote < 0 && (errno == EPIPE || errno == ECONNRESET))
            return 0;
        if (wrote < 0 && errno != EAGAIN && errno != EINTR)
            e2e_die("write");
        p += wrote > 0 ? wrote : 0;
        n -= wrote > 0 ? (size_t)wrote : 0;
    }
    return 1;
}

static inline int wire_str(struct wire *w, const char *s)
{
    return wire_write(w, s, strlen(s));
}

/* Reads once. 1: there is more; 0: the other side has closed; -1: nothing came until then. */
static inline int wire_read(struct wire *w, long long until)
{
    char chunk[65536];
    while (!w->eof) {
        struct pollfd in = {w->fd, POLLIN, 0};
        long long left = until - now_ms();
        int ready = poll(&in, 1, (int)(left > 0 ? left : 0));
        if (ready == 0)
            return -1;
        ssize_t n = read(w->fd, chunk, sizeof chunk);
        if (n > 0) {
            text_add(&w->in, chunk, (size_t)n);
            return 1;
        }
        if (n == 0 || errno != EINTR)
            w->eof = n == 0 ? 1 : 2;
    }
    return 0;
}

static inline void wire_take(struct wire *w, size_t n)
{
    memmove(w->in.p, w->in.p + n, w->in.n - n + 1);
    w->in.n -= n;
}

/* Does the other side close, without a byte more? */
static inline int wire_ends(struct wire *w)
{
    return w->in.n == 0 && wire_read(w, now_ms() + E2E_WAIT_MS) == 0;
}

/* ---- HTTP ----------------------------------------------------------------------------------- */

struct reply {
    int status;             /* 0: the connection ended before an answer began */
    char *head;             /* status line and headers, CRLF and all */
    char *body;             /* always a string */
    size_t n;
};

/* A header's value; NULL: absent, or there twice. */
static inline char *reply_header(const struct reply *r, const char *name)
{
    char *found = NULL;
    size_t n = strlen(name);
    for (const char *line = strstr(r->head, "\r\n"); line && line[2] != '\r'; line =
         strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, n) != 0 || line[2 + n] != ':')
            continue;
        if (found)
            return NULL;
        const char *value = line + 3 + n + strspn(line + 3 + n, " ");
        found = format("%.*s", (int)strcspn(value, "\r"), value);
    }
    return found;
}

static inline void reply_check(const struct reply *r, int is_head)
{
    char *type = reply_header(r, "Content-Type"), *server = reply_header(r, "Server");
    if (strncmp(r->head, "HTTP/1.1 ", 9) != 0 || !server || strncmp(server, "telec/", 6) != 0)
        FATAL("not an answer of telec's daemon: %s", visible(r->head, strlen(r->head)));
    if (r->n && (!type || strncmp(type, "application/json", 16) != 0 || !json_valid(r->body, r->n)))
        FATAL("a body that is not JSON: %s%s", visible(r->head, strlen(r->head)),
              visible(r->body, r->n));
    if (r->status >= 400 && !is_head && !json_at(r->body, "detail"))
        FATAL("an error without a detail: %s", visible(r->body, r->n));
}

/* The next answer on the connection. `method` is what it answers: HEAD has no body. */
static inline struct reply reply_read_for(struct wire *w, const char *method, int wait_ms)
{
    long long until = now_ms() + wait_ms;
    struct reply r = {.head = format(""), .body = format("")};
    char *end = NULL;
    int is_head = strcmp(method, "HEAD") == 0, got = 1;
    while (!(end = w->in.n ? strstr(w->in.p, "\r\n\r\n") : NULL) && got == 1)
        got = wire_read(w, until);
    if (!end && got == 0 && w->in.n == 0)
        return r;
    if (!end)
        FATAL("no whole answer came, but: %s", visible(w->in.n ? w->in.p : "", w->in.n));
    size_t head_n = (size_t)(end - w->in.p) + 4;
    r.head = format("%.*s", (int)head_n, w->in.p);
    r.status = atoi(r.head + (strlen(r.head) > 9 ? 9 : 0));
    char *length = reply_header(&r, "Content-Length");
    r.n = length ? strtoul(length, NULL, 10) : 0;
    if (r.status >= 200 && !length && r.status != 204)
        FATAL("an answer without a length: %s", visible(r.head, head_n));
    if (is_head || r.status < 200 || r.status == 204)
        r.n = 0;
    while (w->in.n < head_n + r.n)
        if (wire_read(w, until) != 1)
            FATAL("the body is cut short: %s", visible(w->in.p, w->in.n));
    struct text body = {0};
    text_add(&body, w->in.p + head_n, r.n);
    r.body = body.p;
    wire_take(w, head_n + r.n);
    if (r.status >= 200)
        reply_check(&r, is_head);
    return r;
}

static inline struct reply reply_read(struct wire *w)
{
    return reply_read_for(w, "GET", E2E_WAIT_MS);
}

/* A request as text; a NULL body is none. */
static inline char *request(const char *method, const char *target, const char *body)
{
    if (!body)
        return format("%s %s HTTP/1.1\r\nHost: localhost\r\n\r\n", method, target);
    return format("%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                  "application/json\r\nContent-Length: %zu\r\n"
                  "\r\n%s", method, target, strlen(body), body);
}

/* For a report: has the daemon ended, and how? */
static inline char *daemon_fate(void)
{
    int status;
    if (!e2e.daemon || waitpid(e2e.daemon, &status, WNOHANG) != e2e.daemon)
        return format("");
    return format("; the daemon has ended with %s %d", WIFSIGNALED(status) ? "signal" : "status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* One request on a connection of its own. */
static inline struct reply call(const char *method, const char *target, const char *body)
{
    struct wire w = wire_open();
    wire_str(&w, request(method, target, body));
    struct reply r = reply_read_for(&w, method, E2E_WAIT_MS);
    if (!r.status)
        FATAL("%s %s: the connection was closed without an answer%s", method, target,
              daemon_fate());
    wire_close(&w);
    return r;
}

static inline struct reply get(const char *target)
{
    return call("GET", target, NULL);
}

/* A member of GET /status as a number. */
static inline long long status_of(const char *member)
{
    char *value = json_get(get("/status").body, member);
    return value ? strtoll(value, NULL, 10) : -1;
}

/* ---- WebSocket ------------------------------------------------------------------------------ */

enum {
    WS_FIN = 0x80, WS_CONT = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10
};
#define WS_KEY "dGVsZWMgZW5kIHRvIGVuZA=="          /* of our handshake */
#define WS_ACCEPT "dgteYdiBsEh12phf6cwScYneTlY="   /* the answer it must get (RFC 6455 4.2.2) */

struct frame {
    int opcode;             /* -1: the connection has ended */
    char *p;                /* a string, whatever is in it */
    size_t n;
    int code;               /* of a close frame: 1005 when it has none */
};

static inline char *ws_request(const char *target, const char *extra)
{
    return format("GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: "
                  "Upgrade\r\n"
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " WS_KEY "\r\n%s\r\n", target,
                      extra);
}

/* Reads the answer to a handshake, which must be a good one. */
static inline void ws_accepted(struct wire *w)
{
    struct reply r = reply_read(w);
    char *accept = reply_header(&r, "Sec-WebSocket-Accept"), *upgrade = reply_header(&r, "Upgrade");
    if (r.status != 101 || !accept || strcmp(accept, WS_ACCEPT) != 0 || !upgrade ||
        strcasecmp(upgrade, "websocket") != 0)
        FATAL("the WebSocket was refused: %s%s", visible(r.head, strlen(r.head)), r.body);
}

static inline struct wire ws_open(const char *target)
{
    struct wire w = wire_open();
    wire_str(&w, ws_request(target, ""));
    ws_accepted(&w);
    return w;
}

/* A frame as bytes: `first` is its first byte (WS_FIN | opcode, and what must not be there). */
/* Returns the reply to a handshake that is no upgrade. */
static inline struct reply ws_refused(const char *target)
{
    struct wire w = wire_open();
    wire_str(&w, ws_request(target, ""));
    struct reply r = reply_read(&w);
    wire_close(&w);
    return r;
}

static inline void ws_put(struct text *t, int first, const char *p, size_t n, int masked)
{
    static const unsigned char key[4] = {0x37, 0xfa, 0x21, 0x3d};
    unsigned char head[14] = {(unsigned char)first};
    size_t size = n < 126 ? 2 : n < 65536 ? 4 : 10;
    head[1] = (unsigned char)(n < 126 ? n : n < 65536 ? 126 : 127);
    for (size_t i = 2; i < size; i++)
        head[i] = (unsigned char)(n >> 8 * (size - 1 - i));
    head[1] |= masked ? 0x80 : 0;
    if (masked)
        memcpy(head + size, key, 4);
    text_add(t, head, size + (masked ? 4 : 0));
    for (size_t i = 0; i < n; i++) {
        char c = (char)(masked ? (unsigned char)p[i] ^ key[i % 4] : (unsigned char)p[i]);
        text_add(t, &c, 1);
    }
}

static inline int ws_send(struct wire *w, int first, const char *p, size_t n)
{
    struct text t = {0};
    ws_put(&t, first, p, n, 1);
    return wire_write(w, t.p, t.n);
}

static inline void ws_say(struct wire *w, const char *text)
{
    ws_send(w, WS_FIN | WS_TEXT, text, strlen(text));
}

/* How long the frame at the start of the input is; 0: that isn't known yet. *head: of it the head.
 * */
static inline size_t ws_size(const struct wire *w, size_t *head)
{
    const unsigned char *p = (const unsigned char *)w->in.p;
    if (w->in.n < 2)
        return 0;
    size_t n = p[1] & 0x7f;
    *head = n < 126 ? 2 : n == 126 ? 4 : 10;
    if (w->in.n < *head)
        return 0;
    if (*head > 2)
        for (size_t i = n = 0; i < *head - 2; i++)
            n = n << 8 | p[2 + i];
    return *head + n;
}

/* Takes the next frame if there is one within wait_ms: 1, or 0 if not. The end counts as a frame
 * (-1). */
static inline int ws_poll(struct wire *w, struct frame *f, int wait_ms)
{
    long long until = now_ms() + wait_ms;
    size_t size = 0, head = 0;
    *f = (struct frame){.opcode = -1, .p = format("")};
    while ((size = ws_size(w, &head)) == 0 || w->in.n < size) {
        int got = wire_read(w, until);
        if (got < 0)
            return 0;
        if (got == 0)
            return 1;
    }
    const unsigned char *p = (const unsigned char *)w->in.p;
    if (size < head)
        FATAL("a frame of %zu bytes", size);
    if ((p[0] & 0xf0) != WS_FIN || (p[1] & 0x80))
        FATAL("a server's frame that begins with %02x %02x", p[0], p[1]);
    struct text payload = {0};
    text_add(&payload, w->in.p + head, size - head);
    f->opcode = p[0] & 15;
    f->p = payload.p;
    f->n = payload.n;
    if (f->opcode == WS_CLOSE)
        f->code = f->n >= 2 ? p[head] << 8 | p[head + 1] : 1005;
    wire_take(w, size);
    return 1;
}

static inline struct frame ws_next(struct wire *w)
{
    struct frame f;
    if (!ws_poll(w, &f, E2E_WAIT_MS))
        FATAL("no frame came");
    return f;
}

/* Reads on until the close frame and the end; its code, or -1 when the connection just ended. */
static inline int ws_close_code(struct wire *w)
{
    struct frame f;
    int code = -1;
    while ((f = ws_next(w)).opcode != -1)
        if (f.opcode == WS_CLOSE && code == -1)
            code = f.code;
        else if (code != -1)
            FATAL("a frame after the close frame");
    return code;
}

/* The next event within wait_ms: its JSON text, or NULL. Whatever else comes is a failure. */
static inline char *event_poll(struct wire *w, int wait_ms)
{
    struct frame f;
    if (!ws_poll(w, &f, wait_ms))
        return NULL;
    if (f.opcode != WS_TEXT || !json_valid(f.p, f.n) || !json_at(f.p, "event") ||
        !json_at(f.p, "data"))
        FATAL("not an event: opcode %d, code %d, %s", f.opcode, f.code, visible(f.p, f.n));
    return f.p;
}

static inline int event_is(const char *event, const char *name)
{
    char *is = json_get(event, "event");
    return is && strcmp(is, name) == 0;
}

static inline int json_is(const char *json, const char *path, const char *want)
{
    char *value = json_get(json, path);
    return value && strcmp(value, want) == 0;
}

/* Reads on until an event of that name, of that session when id is not NULL. */
static inline char *event_await(struct wire *w, const char *name, const char *id)
{
    long long until = now_ms() + E2E_WAIT_MS;
    char *event;
    do {
        event = event_poll(w, (int)(until - now_ms()));
        if (!event)
            FATAL("no %s came for %s", name, id ? id : "anybody");
    } while (!event_is(event, name) || (id && !json_is(event, "data.session_id", id)));
    return event;
}

/* Reads on until the session's object, in whatever event it comes, has that value. */
static inline char *event_await_value(struct wire *w, const char *id, const char *member,
                                      const char *value)
{
    long long until = now_ms() + E2E_WAIT_MS;
    char *event, *path = format("data.%s", member);
    do {
        event = event_poll(w, (int)(until - now_ms()));
        if (!event)
            FATAL("%s of %s never became %s", member, id, value);
    } while (!json_is(event, "data.session_id", id) || !json_is(event, path, value));
    return event;
}

/* A subscriber that has its initial state. */
static inline struct wire subscribe(const char *topic)
{
    struct wire w = ws_open("/ws");
    ws_say(&w, format("{\"subscribe\": \"%s\"}", topic));
    event_await(&w, format("%s_initial", topic), NULL);
    return w;
}

/* Everything sent before has been handled once this is answered. */
static inline void ws_settle(struct wire *w, const char *mark)
{
    struct frame f;
    ws_send(w, WS_FIN | WS_PING, mark, strlen(mark));
    do
        f = ws_next(w);
    while (f.opcode != WS_PONG && f.opcode != -1);
    CHECK_TEXT(f.p, mark);
}
