/* Unit tests of mux and install: the two ends of a pipe in one process. */

/* ---- mux ---- */

/* A mux at one end of a socket pair. */
struct unit_mux_end {
    struct mux mux;
    struct conn pipe;
    int served;             /* the test's end of the socket that connect gave last */
    int pings, broken;
    buf hello;
};

static void unit_mux_on_hello(void *ctx, span json)
{
    buf_span(&((struct unit_mux_end *)ctx)->hello, json);
}

static int unit_mux_connect(void *ctx)
{
    struct unit_mux_end *end = ctx;
    int fds[2];
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    end->served = fds[1];
    return fds[0];
}

static void unit_mux_on_broken(void *ctx, const char *why)
{
    struct unit_mux_end *end = ctx;
    (void)why;
    end->broken++;
    conn_close(&end->pipe, NULL);
}

static const struct mux_hooks unit_mux_hooks[] = {
    {unit_mux_on_hello, NULL, unit_mux_on_broken},
    {unit_mux_on_hello, unit_mux_connect, unit_mux_on_broken}};

static void unit_mux_on_data(void *ctx)
{
    struct unit_mux_end *end = ctx;
    span got = conn_view(&end->pipe);
    end->pings += got.n == MUX_HEAD && got.p[0] == MUX_PING;
    mux_on_data(&end->mux);
}

static void unit_mux_on_drained(void *ctx)
{
    mux_on_drained(&((struct unit_mux_end *)ctx)->mux);
}

static void unit_mux_on_closed(void *ctx, const char *why)
{
    struct unit_mux_end *end = ctx;
    (void)why;
    mux_end_all(&end->mux);
    conn_free(&end->pipe);
}

static const struct conn_hooks unit_mux_pipe_hooks = {unit_mux_on_data, unit_mux_on_drained,
                                                      unit_mux_on_closed};

static void unit_mux_begin(struct unit_mux_end *end, struct loop *l, int fd, int is_far)
{
    *end = (struct unit_mux_end){.served = -1};
    end->pipe.hooks = &unit_mux_pipe_hooks;
    end->pipe.ctx = end;
    conn_open(&end->pipe, l, fd);
    end->mux = (struct mux){.loop = l, .hooks = &unit_mux_hooks[is_far], .ctx = end,
                            .in = &end->pipe, .out = &end->pipe};
}

struct unit_mux {
    struct loop loop;
    struct unit_mux_end near, far;
    int client;             /* the test's end of the stream opened last */
};

static void unit_mux_init(struct unit_mux *u)
{
    int fds[2];
    loop_init(&u->loop);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    unit_mux_begin(&u->near, &u->loop, fds[0], 0);
    unit_mux_begin(&u->far, &u->loop, fds[1], 1);
}

static void unit_mux_on_wake(void *ctx)
{
    (void)ctx;
}

static void unit_mux_turn(struct unit_mux *u)
{
    struct loop_timer wake = {.fn = unit_mux_on_wake};
    loop_timer_set(&u->loop, &wake, u->loop.now + 2); /* both ends are here: nothing comes late */
    loop_once(&u->loop);
    loop_timer_cancel(&u->loop, &wake);
}

static void unit_mux_open(struct unit_mux *u)
{
    int fds[2];
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    u->client = fds[1];
    u->far.served = -1;
    mux_open(&u->near.mux, fds[0]);
    for (int i = 0; i < 100 && u->far.served < 0; i++)
        unit_mux_turn(u);
    CHECK(u->far.served >= 0);
}

static void unit_mux_end(struct unit_mux *u)
{
    conn_close(&u->near.pipe, NULL);
    conn_close(&u->far.pipe, NULL);
    for (int i = 0; i < 5; i++)
        unit_mux_turn(u);
    CHECK(!u->near.mux.streams && !u->far.mux.streams);
    buf_free(&u->near.hello), buf_free(&u->far.hello);
    loop_free(&u->loop);
}

/* Reads up to `most` bytes, running the loop until nothing more comes; -1: the end. */
static long long unit_mux_read(struct unit_mux *u, int fd, size_t most, buf *out)
{
    char chunk[4096];
    int quiet = 0;
    size_t before = out->n;
    while (quiet < 30 && out->n - before < most) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n == 0)
            return -1;
        buf_add(out, chunk, n > 0 ? (size_t)n : 0);
        quiet = n > 0 ? 0 : quiet + 1;
        unit_mux_turn(u);
    }
    return (long long)(out->n - before);
}

static void unit_mux_streams(void)
{
    struct unit_mux u;
    buf got = {0};
    test_begin("streams carry bytes both ways, and ends; a socket's end ends its stream only");
    unit_mux_init(&u);
    unit_mux_open(&u);
    int client = u.client, served = u.far.served;
    unit_mux_open(&u);
    CHECK_INT(write(client, "question", 8), 8);
    CHECK_INT(unit_mux_read(&u, served, 8, &got), 8);
    CHECK_INT(write(served, "answer", 6), 6);
    CHECK_INT(unit_mux_read(&u, client, 6, &got), 6);
    CHECK_SPAN(buf_view(&got), "questionanswer");
    CHECK_INT(write(served, "last", 4), 4);
    close(served);
    CHECK_INT(unit_mux_read(&u, client, 100, &got), -1);
    CHECK_SPAN(buf_view(&got), "questionanswerlast");
    CHECK_INT(u.near.mux.count, 1);
    CHECK_INT(write(u.client, "x", 1), 1);
    CHECK_INT(unit_mux_read(&u, u.far.served, 1, &got), 1);
    close(u.client);
    CHECK_INT(unit_mux_read(&u, u.far.served, 1, &got), -1);
    close(client), close(u.far.served);
    mux_send(&u.far.mux, MUX_HELLO, 0, span_of("{}"));
    mux_send(&u.near.mux, MUX_PING, 0, (span){0});
    for (int i = 0; i < 20; i++)
        unit_mux_turn(&u);
    CHECK_SPAN(buf_view(&u.near.hello), "{}");
    CHECK_INT(u.near.pings, 1); /* the far end's answer */
    unit_mux_end(&u);
    buf_free(&got);
}

static void unit_mux_full(void)
{
    struct unit_mux u;
    buf got = {0};
    int fds[2];
    test_begin("a stream past the limit of either end is closed, and those before it go on");
    unit_mux_init(&u);
    u.near.mux.count = u.far.mux.count = MUX_STREAMS_MAX - 1; /* as if so many were open */
    unit_mux_open(&u);
    int client = u.client;
    for (int at_far = 0; at_far < 2; at_far++) {
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        fcntl(fds[1], F_SETFL, O_NONBLOCK);
        mux_open(&u.near.mux, fds[0]);
        CHECK_INT(unit_mux_read(&u, fds[1], 1, &got), -1);
        close(fds[1]);
        CHECK_INT(u.near.mux.number, 1 + at_far); /* only the far end's limit costs a frame */
        CHECK_INT(u.far.mux.count, MUX_STREAMS_MAX);
        CHECK_INT(u.near.mux.count, at_far ? 1 : MUX_STREAMS_MAX);
        u.near.mux.count = 1; /* this end would have room for the next one */
    }
    CHECK_INT(write(client, "x", 1), 1);
    CHECK_INT(unit_mux_read(&u, u.far.served, 1, &got), 1);
    close(client), close(u.far.served);
    unit_mux_end(&u);
    buf_free(&got);
}

static void unit_mux_window(void)
{
    struct unit_mux u;
    buf got = {0};
    size_t sent = 0;
    char chunk[8192];
    if (CONN_READ_MAX < 100) /* a window in pieces of a few bytes takes too long */
        return;
    test_begin("a stream that nobody reads holds a window at most, and holds up no other");
    memset(chunk, 'x', sizeof chunk);
    unit_mux_init(&u);
    unit_mux_open(&u);
    int deaf = u.far.served, flood = u.client;
    unit_mux_open(&u);
    for (int quiet = 0; quiet < 20;) {
        ssize_t n = write(flood, chunk, sizeof chunk);
        sent += n > 0 ? (size_t)n : 0;
        quiet = n > 0 ? 0 : quiet + 1;
        unit_mux_turn(&u);
        CHECK(u.near.pipe.queued <= MUX_QUEUE + MUX_PIECE + MUX_HEAD);
    }
    struct mux_stream *s = mux_find(&u.far.mux, 1);
    CHECK(s && s->socket.queued <= MUX_WINDOW && sent < 2 << 20);
    CHECK_INT(write(u.client, "key", 3), 3);
    CHECK_INT(unit_mux_read(&u, u.far.served, 3, &got), 3);
    CHECK_INT(unit_mux_read(&u, deaf, sent, &got), (long long)sent); /* and now it is read */
    close(flood), close(deaf), close(u.client), close(u.far.served);
    unit_mux_end(&u);
    buf_free(&got);
}

/* Feeds bytes to a mux of its own, in pieces; returns what its hooks saw. */
static struct unit_mux_end unit_mux_feed(span bytes, size_t piece)
{
    struct unit_mux u;
    struct unit_mux_end seen;
    unit_mux_init(&u);
    conn_pause(&u.far.pipe, 1);
    for (size_t at = 0; at < bytes.n; at += piece) {
        size_t n = bytes.n - at < piece ? bytes.n - at : piece;
        conn_send_now(&u.far.pipe, (span){bytes.p + at, n});
        unit_mux_turn(&u);
    }
    for (int i = 0; i < 5; i++)
        unit_mux_turn(&u);
    seen = u.near;
    seen.hello = (buf){0};
    buf_span(&seen.hello, buf_view(&u.near.hello));
    unit_mux_end(&u);
    return seen;
}

static void unit_mux_frames(void)
{
    static const struct {
        const char *bytes;
        size_t n;
        int broken;
    } rows[] = {{"P\0\0\0\0\0\0\0H\0\0\2\0\0\0\0{}", 18, 0}, {"X\0\0\0\0\0\0\0", 8, 1},
                {"D\xff\xff\xff\0\0\0\1", 8, 1},             {"D\0\0\1\0\0\0\7x", 9, 0},
                {"T\0\0\0\0\0\0\7", 8, 0},                   {"HTTP/1.1 ", 9, 1}};
    test_begin("frames are read at every cut; what is none breaks the pipe");
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (size_t piece = 1; piece <= rows[i].n; piece += piece < 3 ? 1 : 5) {
            struct unit_mux_end seen = unit_mux_feed((span){rows[i].bytes, rows[i].n}, piece);
            CHECK_INT(seen.broken != 0, rows[i].broken);
            CHECK_SPAN(buf_view(&seen.hello), i == 0 ? "{}" : "");
            buf_free(&seen.hello);
        }
}

/* ---- install ---- */

static void unit_install_lines(void)
{
    struct config config = {.program = span_dup(span_of("/nonexistent/telec")),
                            .binaries = ""};
    struct install in = {0};
    buf out = {0}, error = {0}, line = {0};
    test_begin("noise is skipped; a host of an unknown kind is told that there is no binary");
    install_begin(&in, &config, &out);
    CHECK(strstr(buf_cstr(&out), in.mark) != NULL);
    buf_clear(&out);
    CHECK_INT(install_line(&in, span_of("Welcome! ok"), &out, &error), INSTALL_MORE);
    CHECK_INT(install_line(&in, (span){NULL, 0}, &out, &error), INSTALL_MORE);
    buf_fmt(&line, "%s kind Plan9 vax 1\r", in.mark);
    CHECK_INT(install_line(&in, buf_view(&line), &out, &error), INSTALL_MORE);
    CHECK_SPAN(buf_view(&out), "Plan9-vax 0\n");
    buf_clear(&out), buf_clear(&line);
    buf_fmt(&line, "%s failed no room", in.mark);
    CHECK_INT(install_line(&in, buf_view(&line), &out, &error), INSTALL_FAILED);
    CHECK_SPAN(buf_view(&error), "no room");
    CHECK_SPAN(buf_view(&out), "");
    buf_clear(&line);
    buf_fmt(&line, "%s ok", in.mark);
    CHECK_INT(install_line(&in, buf_view(&line), &out, &error), INSTALL_DONE);
    install_free(&in);
    buf_free(&out), buf_free(&error), buf_free(&line);
    free(config.program);
}

static void unit_install_names(void)
{
    static const char *const kinds[][4] = {
        {"Linux", "x86_64", "1", "linux-x86_64"},  {"Linux", "armv5tejl", "1", "linux-armel"},
        {"Linux", "mips64", "256", "linux-mips"},  {"Linux", "mips", "1", "linux-mipsel"},
        {"Linux", "s390x", "256", "linux-s390x"},  {"Darwin", "arm64", "1", "macos-aarch64"},
        {"Darwin", "x86_64", "", "macos-x86_64"},  {"FreeBSD", "x86_64", "1", ""},
        {"Linux", "mips", "", ""},                 {"Linux", "x86", "1", ""},
        {"Linux", "", "1", ""}};
    test_begin("a host's kind names the release's program for it");
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        buf name = {0};
        install_put_kind(&name, span_of(kinds[i][0]), span_of(kinds[i][1]), span_of(kinds[i][2]));
        CHECK_SPAN(buf_view(&name), kinds[i][3]);
        buf_free(&name);
    }
}

static void unit_install_kinds(void)
{
    buf dir = {0}, path = {0}, out = {0}, line = {0}, error = {0};
    struct install in = {0};
    test_begin("the binary is that of [reach] binaries for the host's kind, with its hash");
    char name[64];
    CHECK(mkdtemp(unit_base_temporary(name)) != NULL);
    buf_str(&dir, name);
    struct config config = {.program = span_dup(span_of("/nonexistent/telec")),
                            .binaries = buf_cstr(&dir)};
    buf_fmt(&path, "%s/telec-%s-linux-mipsel", buf_cstr(&dir), TELEC_VERSION);
    int fd = open(buf_cstr(&path), O_WRONLY | O_CREAT, 0600);
    CHECK_INT(base_write(fd, span_of("abc")), 0);
    close(fd);
    install_begin(&in, &config, &out);
    buf_clear(&out);
    buf_fmt(&line, "%s kind Linux mips   1", in.mark);
    CHECK_INT(install_line(&in, buf_view(&line), &out, &error), INSTALL_MORE);
    CHECK_SPAN(buf_view(&out),
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3\n");
    buf_clear(&out), buf_clear(&line);
    buf_fmt(&line, "%s send", in.mark);
    CHECK_INT(install_line(&in, buf_view(&line), &out, &error), INSTALL_MORE);
    CHECK_SPAN(buf_view(&out), "abc");
    unlink(buf_cstr(&path)), rmdir(buf_cstr(&dir));
    install_free(&in);
    buf_free(&dir), buf_free(&path), buf_free(&out), buf_free(&line), buf_free(&error);
    free(config.program);
}

static void unit_mux(void)
{
    unit_mux_streams();
    unit_mux_full();
    unit_mux_window();
    unit_mux_frames();
    unit_install_lines();
    unit_install_names();
    unit_install_kinds();
}
