/* fake - a daemon that is none: a process that answers with what a test wants to see on the screen,
 * or answers badly, late or never.
 *
 * It listens where telec looks for its daemon and is told by lines through a pipe: `mode NAME` (see
 * fake_modes), `event JSON` (pushed to every client), `initial` (the
 * initial states again), `sessions JSON` (what is listed from now on), `drop` (closes all
 * connections), `go` (what was held back is answered). */

/* ---- SHA-1 and base64, for the WebSocket handshake ------------------------------------------ */

static uint32_t fake_rol(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

static void fake_sha1_block(uint32_t h[5], const unsigned char *p)
{
    uint32_t w[80], v[5];
    for (int i = 0; i < 80; i++)
        w[i] = i < 16 ? (uint32_t)p[i * 4] << 24 | (uint32_t)p[i * 4 + 1] << 16 |
                            (uint32_t)p[i * 4 + 2] << 8 | p[i * 4 + 3]
                      : fake_rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    memcpy(v, h, sizeof v);
    for (int i = 0; i < 80; i++) {
        uint32_t f = i < 20   ? (v[1] & v[2]) | (~v[1] & v[3])
                     : i < 40 ? v[1] ^ v[2] ^ v[3]
                     : i < 60 ? (v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3])
                              : v[1] ^ v[2] ^ v[3];
        uint32_t k = i < 20   ? 0x5a827999u
                     : i < 40 ? 0x6ed9eba1u
                     : i < 60 ? 0x8f1bbcdcu
                              : 0xca62c1d6u;
        uint32_t next = fake_rol(v[0], 5) + f + v[4] + k + w[i];
        v[4] = v[3], v[3] = v[2], v[2] = fake_rol(v[1], 30), v[1] = v[0], v[0] = next;
    }
    for (int i = 0; i < 5; i++)
        h[i] += v[i];
}

/* Sec-WebSocket-Accept for that key (RFC 6455 section 4.2.2). */
static char *fake_accept(const char *key)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t h[5] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u};
    unsigned char block[128] = {0}, digest[21] = {0};
    char *text = format("%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key), out[29] = "";
    size_t n = strlen(text), size = n < 56 ? 64 : 128;
    if (n > 119)
        return format("");
    memcpy(block, text, n);
    block[n] = 0x80;
    block[size - 2] = (unsigned char)(n * 8 >> 8);
    block[size - 1] = (unsigned char)(n * 8);
    for (size_t i = 0; i < size; i += 64)
        fake_sha1_block(h, block + i);
    for (int i = 0; i < 20; i++)
        digest[i] = (unsigned char)(h[i / 4] >> (24 - i % 4 * 8));
    for (int i = 0, at = 0; i < 21; i += 3) {
        unsigned long v = (unsigned long)digest[i] << 16 | (unsigned long)digest[i + 1] << 8 |
                          (i + 2 < 20 ? digest[i + 2] : 0u);
        for (int k = 18; k >= 0; k -= 6)
            out[at++] = letters[v >> k & 63];
    }
    out[27] = '=';
    return format("%s", out);
}

/* ---- the process ---------------------------------------------------------------------------- */

#define FAKE_CLIENTS_MAX 64

enum fake_mode {
    FAKE_GOOD,    /* as telec's daemon */
    FAKE_FOREIGN, /* as TeleClaude's: no Server header */
    FAKE_SILENT,  /* takes connections and never answers */
    FAKE_SLOW,    /* answers what came only when it is told to go */
    FAKE_GARBAGE, /* answers what is not HTTP */
    FAKE_ERRORS,  /* answers 500 */
    FAKE_WRONG,   /* answers JSON that nobody expects */
    FAKE_CLOSES   /* closes at once */
};
static const char *const fake_modes[] = {"good",    "foreign", "silent", "slow",
                                         "garbage", "errors",  "wrong",  "closes"};

struct fake {
    enum fake_mode mode;
    const char *sessions, *projects, *computers, *agents, *preview; /* what it answers with */
    struct wire clients[FAKE_CLIENTS_MAX];
    int is_push[FAKE_CLIENTS_MAX];
    int listener, orders;
    pid_t pid;
    int told; /* the test's end of the pipe */
};

static void fake_close(struct fake *f, int i)
{
    wire_close(&f->clients[i]);
    f->clients[i].in.n = 0;
    f->clients[i].eof = 0;
    f->is_push[i] = 0;
}

/* Whoever does not read is not waited for. */
static void fake_say(struct wire *w, const struct text *t)
{
    for (size_t at = 0; at < t->n;) {
        ssize_t n = send(w->fd, t->p + at, t->n - at, 0);
        if (n <= 0)
            return;
        at += (size_t)n;
    }
}

static void fake_frame(struct wire *w, int opcode, const char *p, size_t n)
{
    struct text t = {0};
    ws_put(&t, WS_FIN | opcode, p, n, 0);
    fake_say(w, &t);
}

static void fake_event(struct wire *w, const char *json)
{
    fake_frame(w, WS_TEXT, json, strlen(json));
}

static void fake_initial(struct fake *f, struct wire *w)
{
    fake_event(w, format("{\"event\":\"sessions_initial\",\"data\":{\"sessions\":%s}}",
                         f->mode == FAKE_FOREIGN ? "[]" : f->sessions)); /* others' only */
    fake_event(w, format("{\"event\":\"preparation_initial\",\"data\":{\"projects\":%s}}",
                         f->projects));
}

static void fake_upgrade(struct fake *f, int i, const char *path)
{
    struct wire *w = &f->clients[i];
    struct text t = {0};
    const char *at = strstr(w->in.p, "\r\nSec-WebSocket-Key:");
    at = at ? at + 20 + strspn(at + 20, " ") : "";
    text_str(&t, format("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
                        "Upgrade\r\n%sSec-WebSocket-Accept: %s\r\n\r\n",
                        f->mode == FAKE_FOREIGN ? "" : "Server: telec/fake\r\n",
                        fake_accept(format("%.*s", (int)strcspn(at, "\r"), at))));
    fake_say(w, &t);
    f->is_push[i] = strncmp(path, "/ws", 3) == 0;
    if (f->is_push[i] && f->mode == FAKE_WRONG) {
        fake_event(w, "[]");
        fake_event(w, "{\"event\":\"sessions_initial\",\"data\":{\"sessions\":{\"a\":1}}}");
        fake_event(w, "{\"event\":7,\"data\":null}");
        fake_event(w, "not JSON");
    } else if (f->is_push[i]) {
        fake_initial(f, w);
    } else {
        fake_event(w, "{\"size\":[80,24]}");
        fake_frame(w, WS_BINARY, f->preview, strlen(f->preview));
    }
}

static const char *fake_body(const struct fake *f, const char *method, const char *path)
{
    const struct {
        const char *path, *body;
    } bodies[] = {{"/computers", f->computers},
                  {"/projects-with-todos", f->projects},
                  {"/agents/availability", f->agents}};
    if (f->mode == FAKE_WRONG)
        return "{\"what\": [1, {\"is\": \"this\"}]}";
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        if (strncmp(path, bodies[i].path, strlen(bodies[i].path)) == 0)
            return bodies[i].body;
    if (strcmp(method, "GET") == 0 && strstr(path, "/transcript"))
        return format("{\"status\":\"success\",\"transcript\":%s,\"data\":{\"session_id\":"
                      "\"%.*s\"}}",
                      json_quote(f->preview), (int)strcspn(path + 10, "/"), path + 10);
    if (strcmp(method, "GET") == 0)
        return f->sessions;
    if (strcmp(method, "DELETE") == 0)
        return "{\"status\":\"success\",\"message\":\"it ends\",\"undo_s\":10}";
    if (strcmp(path, "/sessions") == 0)
        return NULL; /* refused */
    return "{\"status\":\"success\",\"result\":\"delivered\"}";
}

/* As TeleClaude's daemon answers about sessions (doc/protocol.md); NULL: as the others. */
static const char *fake_foreign_body(const struct fake *f, const char *method, const char *path,
                                     const char *whole, int *status)
{
    const char *rest = strncmp(path, "/sessions/", 10) == 0 ? path + 10 : "";
    char *id = format("%.*s", (int)strcspn(rest, "/?"), rest);
    int known = *id && strstr(f->sessions, format("\"%s\"", id)) != NULL;
    const char *end = rest + strcspn(rest, "/?");
    if (!strcmp(method, "POST") && !strcmp(path, "/sessions") && strstr(whole, "do it"))
        return "{\"status\":\"success\",\"session_id\":\"fresh-1\",\"tmux_session_name\":"
               "\"tc_1\",\"data\":{\"session_id\":\"fresh-1\",\"tmux_session_name\":\"tc_1\"}}";
    if (!*id)
        return NULL;
    if (!strcmp(method, "DELETE") && !strstr(path, "computer=")) {
        *status = 422;
        return "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"query\",\"computer\"],\"msg\":"
               "\"Field required\",\"input\":null}]}";
    }
    if (!strcmp(method, "DELETE"))
        return known ? format("{\"status\":\"success\",\"message\":\"Session %.8s ended "
                              "successfully\"}", id)
                     : "{\"status\":\"error\",\"message\":\"Session not found\"}";
    if (!strcmp(method, "POST") && !strncmp(end, "/message", 8))
        return known ? "{\"status\":\"success\",\"result\":null}"
                     : "{\"status\":\"error\",\"message\":\"Session not found\"}";
    if (!strcmp(method, "GET") && !strncmp(end, "/transcript", 11))
        return "{\"status\":\"success\",\"data\":{\"status\":\"success\",\"messages\":\"what it "
               "said\\n\"}}";
    *status = *end == '/' ? 404 : 405;
    return *end == '/' ? "{\"detail\":\"Not Found\"}"
                       : "{\"detail\":\"Method Not Allowed\"}";
}

static void fake_answer(struct fake *f, int i, const char *method, const char *path)
{
    struct wire *w = &f->clients[i];
    struct text t = {0};
    int foreign_status = 200;
    const char *body = f->mode == FAKE_FOREIGN
                           ? fake_foreign_body(f, method, path, w->in.p, &foreign_status)
                           : NULL;
    int is_foreign = body != NULL;
    if (!body)
        body = fake_body(f, method, path);
    int status = is_foreign ? foreign_status : f->mode == FAKE_ERRORS ? 500 : body ? 200 : 422;
    if (status == 500)
        body = "{\"detail\": \"everything \\u001b[31mis\\u0007 broken\"}";
    else if (!body)
        body = "{\"detail\": \"the directory /nowhere does not exist\"}";
    text_str(&t, format("HTTP/1.1 %d OK\r\n%sContent-Type: application/json\r\nContent-Length: "
                        "%zu\r\nConnection: close\r\n\r\n%s",
                        status, f->mode == FAKE_FOREIGN ? "" : "Server: telec/fake\r\n",
                        strlen(body), body));
    fake_say(w, &t);
    fake_close(f, i);
}

/* A whole request, if there is one. */
static void fake_request(struct fake *f, int i)
{
    struct wire *w = &f->clients[i];
    char method[8] = "", path[512] = "";
    const char *end = w->in.n ? strstr(w->in.p, "\r\n\r\n") : NULL;
    if (!end || sscanf(w->in.p, "%7s %511s", method, path) != 2)
        return;
    const char *length = strstr(w->in.p, "\r\nContent-Length:");
    if (length && length < end &&
        (size_t)(end + 4 - w->in.p) + (size_t)atol(length + 17) > w->in.n)
        return;
    if (f->mode == FAKE_SILENT || f->mode == FAKE_SLOW)
        return;
    if (f->mode == FAKE_CLOSES) {
        fake_close(f, i);
    } else if (f->mode == FAKE_GARBAGE) {
        struct text t = {0};
        text_str(&t, "\001\002 this is not HTTP at all\r\n\r\n");
        fake_say(w, &t);
        fake_close(f, i);
    } else if (strstr(w->in.p, "\r\nUpgrade:") && f->mode != FAKE_ERRORS) {
        fake_upgrade(f, i, path);
        w->in.n = 0;
    } else {
        fake_answer(f, i, method, path);
    }
}

static void fake_order(struct fake *f, char *line)
{
    if (strncmp(line, "mode ", 5) == 0)
        for (size_t i = 0; i < sizeof fake_modes / sizeof *fake_modes; i++)
            if (strcmp(fake_modes[i], line + 5) == 0)
                f->mode = (enum fake_mode)i;
    if (strncmp(line, "sessions ", 9) == 0)
        f->sessions = format("%s", line + 9);
    for (int i = 0; i < FAKE_CLIENTS_MAX; i++) {
        if (f->clients[i].fd < 0)
            continue;
        if (strcmp(line, "drop") == 0)
            fake_close(f, i);
        else if (strncmp(line, "event ", 6) == 0 && f->is_push[i])
            fake_event(&f->clients[i], line + 6);
        else if (strcmp(line, "initial") == 0 && f->is_push[i])
            fake_initial(f, &f->clients[i]);
        else if (strncmp(line, "mode ", 5) == 0 && f->clients[i].in.n && !f->is_push[i])
            fake_request(f, i); /* what was held back */
    }
}

static void fake_orders(struct fake *f, struct text *lines)
{
    char chunk[65536], *end;
    ssize_t n = read(f->orders, chunk, sizeof chunk);
    if (n <= 0)
        _exit(0); /* the test is over */
    text_add(lines, chunk, (size_t)n);
    while ((end = memchr(lines->p, '\n', lines->n))) {
        *end = '\0';
        fake_order(f, lines->p);
        size_t used = (size_t)(end + 1 - lines->p);
        memmove(lines->p, lines->p + used, lines->n - used + 1);
        lines->n -= used;
    }
}

static void fake_accept_client(struct fake *f)
{
    int fd = accept(f->listener, NULL, NULL);
    for (int i = 0; i < FAKE_CLIENTS_MAX && fd >= 0; i++)
        if (f->clients[i].fd < 0) {
            f->clients[i].fd = fd;
            return;
        }
    close(fd);
}

static void fake_main(struct fake *f)
{
    struct text lines = {0};
    struct pollfd polls[FAKE_CLIENTS_MAX + 2];
    for (int i = 0; i < FAKE_CLIENTS_MAX; i++)
        f->clients[i].fd = -1;
    for (;;) {
        polls[0] = (struct pollfd){f->listener, POLLIN, 0};
        polls[1] = (struct pollfd){f->orders, POLLIN, 0};
        for (int i = 0; i < FAKE_CLIENTS_MAX; i++)
            polls[i + 2] = (struct pollfd){f->clients[i].fd, POLLIN, 0};
        poll(polls, FAKE_CLIENTS_MAX + 2, -1);
        for (int i = 0; i < FAKE_CLIENTS_MAX; i++) {
            struct wire *w = &f->clients[i];
            if (w->fd < 0 || !polls[i + 2].revents)
                continue;
            if (f->is_push[i])
                w->in.n = 0; /* what it subscribes to is known */
            if (wire_read(w, now_ms()) == 0)
                fake_close(f, i);
            else if (!f->is_push[i])
                fake_request(f, i);
        }
        if (polls[1].revents)
            fake_orders(f, &lines);
        if (polls[0].revents)
            fake_accept_client(f);
    }
}

/* Starts it; whatever it is told goes through fake_tell. */
static struct fake *fake_start(struct fake given)
{
    struct fake *f = calloc(1, sizeof *f);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int ends[2];
    if (!f || pipe(ends) != 0)
        e2e_die("pipe");
    *f = given;
    strcpy(address.sun_path, e2e.socket);
    char *dir = format("%s", e2e.socket);
    *strrchr(dir, '/') = '\0';
    mkdir(dir, 0700);
    f->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(f->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(f->listener, 64) != 0)
        e2e_die(e2e.socket);
    chmod(e2e.socket, 0600);
    fcntl(ends[0], F_SETFD, FD_CLOEXEC), fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    fcntl(f->listener, F_SETFD, FD_CLOEXEC);
    f->pid = fork();
    if (f->pid == 0) {
        close(ends[1]);
        f->orders = ends[0];
        fake_main(f);
    }
    close(ends[0]);
    close(f->listener);
    f->told = ends[1];
    return f;
}

static void fake_tell(struct fake *f, const char *line)
{
    char *text = format("%s\n", line);
    for (size_t at = 0, n = strlen(text); at < n;) {
        ssize_t wrote = write(f->told, text + at, n - at);
        if (wrote < 0 && errno != EINTR)
            e2e_die("the fake daemon");
        at += wrote > 0 ? (size_t)wrote : 0;
    }
}

static void fake_stop(struct fake *f)
{
    int status;
    close(f->told);
    waitpid(f->pid, &status, 0);
    unlink(e2e.socket);
}
