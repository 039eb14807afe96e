/* Unit tests of conn: connections over socket pairs, cut and stopped everywhere; Unix sockets. Uses
 * helpers of unit/loop.c. */

/* ---- connections ---- */

/* A conn at one end of a socket pair; the test holds the other end. */
struct unit_conn_pair {
    struct loop *loop;
    struct conn conn;
    int peer;
    buf got;     /* what came in, as taken */
    size_t take; /* bytes taken at a time; 0: all */
    int eof, drained, closed;
    char why[64];
    size_t send_when_drained;
};

static void unit_conn_on_data(void *ctx)
{
    struct unit_conn_pair *u = ctx;
    span view = conn_view(&u->conn);
    size_t n = u->take && u->take < view.n ? u->take : view.n;
    CHECK(!n || conn_bytes(&u->conn) == view.p);
    CHECK_INT(u->closed, 0);
    buf_add(&u->got, view.p, n);
    conn_consume(&u->conn, n);
    u->eof |= u->conn.eof;
}

static void unit_conn_on_drained(void *ctx)
{
    struct unit_conn_pair *u = ctx;
    u->drained++;
    CHECK(u->conn.queued == 0 && u->conn.out_count == 0 && !u->closed);
    if (u->send_when_drained) {
        u->send_when_drained--;
        conn_send(&u->conn, span_of("more"));
    }
}

static void unit_conn_on_closed(void *ctx, const char *why)
{
    struct unit_conn_pair *u = ctx;
    u->closed++;
    snprintf(u->why, sizeof u->why, "%s", why ? why : "orderly");
    conn_free(&u->conn);
}

static const struct conn_hooks unit_conn_hooks = {unit_conn_on_data, unit_conn_on_drained,
                                                  unit_conn_on_closed};

static void unit_conn_open(struct unit_conn_pair *u, struct loop *l, int small)
{
    int fds[2], size = 1; /* the system's least */
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    if (small)
        setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    *u = (struct unit_conn_pair){.loop = l, .peer = fds[1]};
    u->conn.hooks = &unit_conn_hooks;
    u->conn.ctx = u;
    conn_open(&u->conn, l, fds[0]);
    CHECK(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
}

static void unit_conn_end(struct unit_conn_pair *u)
{
    conn_close(&u->conn, "test");
    unit_loop_pass(u->loop);
    CHECK_INT(u->closed, 1);
    if (u->peer >= 0)
        close(u->peer);
    buf_free(&u->got);
}

/* Everything that can be read at the test's end. 1: and its end was seen. */
static int unit_conn_drain(int fd, buf *out)
{
    char bytes[65536];
    ssize_t n;
    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        buf_add(out, bytes, (size_t)n);
    return n == 0;
}

/* Reads until everything queued has come through. */
static void unit_conn_drain_all(struct unit_conn_pair *u, buf *out)
{
    for (int pass = 0; pass < 10000 && !u->drained; pass++) {
        unit_conn_drain(u->peer, out);
        unit_loop_pass(u->loop);
    }
    unit_conn_drain(u->peer, out);
}

static void unit_conn_fill(buf *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_byte(b, (char)(i * 31 + i / 256));
}

/* Input cut everywhere, taken at once or in bits; what isn't taken stays. */
static void unit_conn_input(void)
{
    test_begin("input that is not consumed stays");
    struct loop l;
    struct unit_conn_pair u;
    static const char text[] = "the quick brown fox";
    size_t all = sizeof text - 1;
    loop_init(&l);
    for (size_t take = 0; take < 4; take++)
        for (size_t cut = 0; cut <= all; cut++) {
            unit_conn_open(&u, &l, 0);
            u.take = take;
            CHECK(write(u.peer, text, cut) == (ssize_t)cut);
            unit_loop_pass(&l);
            CHECK(write(u.peer, text + cut, all - cut) == (ssize_t)(all - cut));
            for (int pass = 0; pass < 12 && u.got.n + conn_view(&u.conn).n < all; pass++)
                unit_loop_pass(&l);
            buf whole = {0};
            buf_span(&whole, buf_view(&u.got));
            buf_span(&whole, conn_view(&u.conn));
            CHECK_SPAN(buf_view(&whole), text);
            CHECK(take == 0 ? u.got.n == all : u.got.n <= all);
            buf_free(&whole);
            unit_conn_end(&u);
        }
    loop_free(&l);
}

/* Input that is never taken is kept whole, and so is its order. */
static void unit_conn_big_input(void)
{
    test_begin("large input arrives whole");
    struct loop l;
    struct unit_conn_pair u, other;
    buf big = {0};
    size_t sent = 0;
    loop_init(&l);
    unit_conn_fill(&big, CONN_READ_MAX > 4096 ? 300000 : 2000);
    unit_conn_open(&u, &l, 0);
    unit_conn_open(&other, &l, 0);
    u.take = 1;
    while (u.got.n + conn_view(&u.conn).n < big.n) {
        ssize_t n = write(u.peer, big.p + sent, big.n - sent);
        sent += n > 0 ? (size_t)n : 0;
        CHECK(write(other.peer, "!", 1) ==
              1); /* another one uses the loop's spare memory in between */
        unit_loop_pass(&l);
    }
    span rest = conn_view(&u.conn);
    CHECK(memcmp(u.got.p, big.p, u.got.n) == 0 && memcmp(rest.p, big.p + u.got.n, rest.n) == 0);
    CHECK_INT(u.got.n + rest.n, big.n);
    while (span_trim(buf_view(&other.got), "!").n == 0 && other.got.n < 3)
        unit_loop_pass(&l);
    CHECK_INT(span_trim(buf_view(&other.got), "!").n, 0);
    unit_conn_end(&u);
    unit_conn_end(&other);
    loop_free(&l);
    buf_free(&big);
}

static void unit_conn_eof(void)
{
    test_begin("the end of input is told once, after the last bytes");
    struct loop l;
    struct unit_conn_pair u;
    loop_init(&l);
    unit_conn_open(&u, &l, 0);
    CHECK(write(u.peer, "last words", 10) == 10);
    shutdown(u.peer, SHUT_WR);
    unit_loop_until(&l, &u.eof);
    CHECK_SPAN(buf_view(&u.got), "last words");
    CHECK_INT(u.closed, 0);
    conn_send(&u.conn, span_of("answer")); /* the other direction still works */
    unit_loop_until(&l, &u.drained);
    buf out = {0};
    unit_conn_drain(u.peer, &out);
    CHECK_SPAN(buf_view(&out), "answer");
    buf_free(&out);
    unit_conn_end(&u);

    unit_conn_open(&u, &l, 0); /* the whole other end goes */
    CHECK(write(u.peer, "x", 1) == 1);
    close(u.peer);
    u.peer = -1;
    unit_loop_until(&l, &u.eof);
    CHECK_SPAN(buf_view(&u.got), "x");
    unit_loop_until(&l, &u.closed);
    CHECK(strcmp(u.why, "the peer hung up") == 0);
    buf_free(&u.got);

    unit_conn_open(&u, &l, 0); /* and goes while something is written to it */
    close(u.peer);
    u.peer = -1;
    conn_send(&u.conn, span_of("too late"));
    unit_loop_until(&l, &u.closed);
    CHECK_INT(u.closed, 1);
    CHECK(strcmp(u.why, strerror(EPIPE)) == 0);
    buf_free(&u.got);
    loop_free(&l);
}

static void unit_conn_pausing(void)
{
    test_begin("a paused connection reads nothing");
    struct loop l;
    struct unit_conn_pair u;
    loop_init(&l);
    unit_conn_open(&u, &l, 0);
    conn_pause(&u.conn, 1);
    CHECK(write(u.peer, "abc", 3) == 3);
    for (int i = 0; i < 3; i++)
        unit_loop_pass(&l);
    CHECK(u.got.n == 0 && conn_view(&u.conn).n == 0);
    conn_pause(&u.conn, 0);
    for (int i = 0; i < 3; i++)
        unit_loop_pass(&l);
    CHECK_SPAN(buf_view(&u.got), "abc");
    unit_conn_end(&u);
    loop_free(&l);
}

/* Many messages queued in one pass leave in order, through a socket that takes little; conn_finish
 * closes once all is written. */
static void unit_conn_output(int count, size_t size, int small)
{
    struct loop l;
    struct unit_conn_pair u;
    buf want = {0}, got = {0};
    loop_init(&l);
    unit_conn_open(&u, &l, small);
    for (int i = 0; i < count; i++) {
        size_t before = want.n;
        unit_conn_fill(&want, size + (size_t)i % 3);
        conn_send(&u.conn, (span){want.p + before, want.n - before});
    }
    CHECK_INT(u.conn.queued, want.n);
    unit_conn_drain(u.peer, &got);
    CHECK_INT(got.n, 0); /* nothing is written before the end of the pass */
    conn_finish(&u.conn);
    conn_send(&u.conn, span_of("after the end"));
    int ended = 0;
    for (int pass = 0; pass < 100000 && !ended; pass++) {
        unit_loop_pass(&l);
        ended = unit_conn_drain(u.peer, &got);
    }
    CHECK(ended && got.n == want.n && memcmp(got.p, want.p, want.n) == 0);
    CHECK_INT(u.closed, 1);
    CHECK_INT(u.drained, 0);
    CHECK(strcmp(u.why, "orderly") == 0);
    close(u.peer);
    buf_free(&got);
    buf_free(&want);
    buf_free(&u.got);
    loop_free(&l);
}

/* A conn whose peer does not read: it gets stuck, and what it queued can be dropped by whole
 * messages. */
static void unit_conn_dropping(void)
{
    test_begin("messages that have not begun can be dropped");
    struct loop l;
    struct unit_conn_pair u;
    buf message = {0}, got = {0};
    loop_init(&l);
    unit_conn_fill(&message, 1000);
    blob *shared = blob_new(buf_view(&message));
    unit_conn_open(&u, &l, 1);
    for (int i = 0; i < 100; i++) { /* each message is of three pieces */
        conn_send_blob(&u.conn, shared, 0, 300, 1);
        conn_send_blob(&u.conn, shared, 300, 300, 0); /* nothing */
        conn_send_blob(&u.conn, shared, 300, 999, 0);
        conn_send_blob(&u.conn, shared, 999, 1000, 0);
    }
    CHECK_INT(u.conn.queued, 100000);
    unit_loop_pass(&l);
    CHECK(u.conn.stuck && u.conn.queued > 0 && u.conn.queued < 100000);
    size_t written = 100000 - u.conn.queued, rest = (1000 - written % 1000) % 1000;
    conn_drop_unsent(&u.conn);
    CHECK_INT(u.conn.queued, rest);
    conn_drop_unsent(&u.conn); /* nothing more to drop */
    CHECK_INT(u.conn.queued, rest);
    CHECK_INT(u.drained, 0);
    conn_send(&u.conn, span_of("state"));
    unit_conn_drain_all(&u, &got);
    CHECK_INT(got.n, written + rest + 5);
    CHECK_SPAN(span_sub(buf_view(&got), got.n - 5), "state");
    for (size_t i = 0; i + 5 < got.n; i++)
        if (got.p[i] != message.p[i % 1000])
            CHECK_INT(i, -1);
    CHECK_INT(shared->refs, 1);
    CHECK_INT(u.conn.stuck, 0);
    /* Dropped while nothing was written yet: everything goes, and it counts as drained. */
    u.drained = 0;
    conn_send_blob(&u.conn, shared, 0, 1000, 1);
    conn_drop_unsent(&u.conn);
    CHECK(u.conn.queued == 0 && shared->refs == 1);
    unit_loop_until(&l, &u.drained);
    /* Closed with a queue: the references go with it. */
    for (int i = 0; i < 100; i++)
        conn_send_blob(&u.conn, shared, 0, 1000, 1);
    unit_loop_pass(&l);
    unit_conn_end(&u);
    CHECK_INT(shared->refs, 1);
    blob_drop(shared);
    buf_free(&message);
    buf_free(&got);
    loop_free(&l);
}

/* One big message, stuck in the middle of its only piece: it is begun, so its rest must still be
 * sent. */
static void unit_conn_begun(void)
{
    test_begin("a message that has begun is always finished");
    struct loop l;
    struct unit_conn_pair u;
    buf message = {0}, got = {0};
    loop_init(&l);
    unit_conn_fill(&message, 2000000);
    unit_conn_open(&u, &l, 1);
    conn_send(&u.conn, buf_view(&message));
    conn_send(&u.conn, span_of("dropped"));
    unit_loop_pass(&l);
    size_t left = u.conn.queued;
    CHECK(u.conn.stuck && left > 7 && left < message.n);
    conn_drop_unsent(&u.conn);
    CHECK_INT(u.conn.queued, left - 7);
    unit_conn_drain_all(&u, &got);
    CHECK(got.n == message.n && memcmp(got.p, message.p, got.n) == 0);
    unit_conn_end(&u);
    buf_free(&message);
    buf_free(&got);
    loop_free(&l);
}

/* What is sent at once goes out within the call, unless something is queued before it; what the
 * socket does not take is a message begun. */
static void unit_conn_now(void)
{
    test_begin("sending at once keeps the order");
    struct loop l;
    struct unit_conn_pair u;
    buf message = {0}, got = {0};
    loop_init(&l);
    unit_conn_fill(&message, 2000000);
    unit_conn_open(&u, &l, 1);
    conn_send_now(&u.conn, (span){0});
    conn_send_now(&u.conn, span_of("at once "));
    unit_conn_drain(u.peer, &got);
    CHECK_SPAN(buf_view(&got), "at once ");
    conn_send(&u.conn, span_of("queued "));
    conn_send_now(&u.conn, span_of("behind it"));
    CHECK_INT(u.conn.queued, 16);
    unit_loop_pass(&l);
    unit_conn_drain(u.peer, &got);
    CHECK_SPAN(buf_view(&got), "at once queued behind it");
    buf_clear(&got);
    u.drained = 0;
    conn_send_now(&u.conn, buf_view(&message));
    CHECK(u.conn.queued > 0 && u.conn.queued < message.n);
    conn_send_now(&u.conn, span_of("!"));
    conn_drop_unsent(&u.conn);
    CHECK(u.conn.queued > 1);
    unit_conn_drain_all(&u, &got);
    CHECK(got.n == message.n && memcmp(got.p, message.p, got.n) == 0);
    close(u.peer);
    conn_send_now(&u.conn, span_of("nobody"));
    conn_send_now(&u.conn, span_of("there"));
    unit_loop_until(&l, &u.closed);
    CHECK(strcmp(u.why, "orderly") != 0);
    conn_send_now(&u.conn, span_of("dead"));
    buf_free(&u.got);
    buf_free(&message);
    buf_free(&got);
    loop_free(&l);
}

/* A descriptor comes with the bytes it was sent with, once, and is closed when nobody takes it. */
static void unit_conn_descriptor(void)
{
    test_begin("a descriptor comes with its message");
    struct loop l;
    struct unit_conn_pair from, to;
    int ends[2], more[2], fds[2];
    char byte;
    loop_init(&l);
    unit_conn_open(&from, &l, 0);
    unit_conn_open(&to, &l, 0);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    CHECK(pipe(ends) == 0 && pipe(more) == 0);
    dup2(fds[0], from.conn.io.fd);
    dup2(fds[1], to.conn.io.fd);
    close(fds[0]);
    close(fds[1]);
    fcntl(from.conn.io.fd, F_SETFL, O_NONBLOCK);
    fcntl(to.conn.io.fd, F_SETFL, O_NONBLOCK);
    to.conn.accepts_fd = 1;
    CHECK_INT(conn_receive_fd(&to.conn), -1);
    conn_send(&from.conn, span_of("queued"));
    CHECK_INT(conn_send_fd(&from.conn, span_of("no"), ends[1]), -1);
    for (int i = 0; i < 5; i++)
        unit_loop_pass(&l);
    CHECK_SPAN(buf_view(&to.got), "queued");
    CHECK_INT(conn_receive_fd(&to.conn), -1);
    CHECK_INT(conn_send_fd(&from.conn, span_of("first"), ends[1]), 0);
    CHECK_INT(conn_send_fd(&from.conn, span_of("second"), ends[1]), 0);
    CHECK_INT(conn_send_fd(&from.conn, span_of("third"), more[1]), 0);
    close(more[1]);
    for (int i = 0; i < 9; i++)
        unit_loop_pass(&l);
    CHECK_SPAN(buf_view(&to.got), "queuedfirstsecondthird");
    int fd = conn_receive_fd(&to.conn); /* the last one; those before it are closed */
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) & FD_CLOEXEC && conn_receive_fd(&to.conn) == -1);
    CHECK(write(fd, "!", 1) == 1 && read(more[0], &byte, 1) == 1 && byte == '!');
    close(fd);
    CHECK_INT(read(more[0], &byte, 1), 0);
    CHECK_INT(conn_send_fd(&from.conn, span_of("left"), ends[1]), 0);
    close(ends[1]);
    for (int i = 0; i < 5; i++)
        unit_loop_pass(&l);
    unit_conn_end(&to);
    CHECK_INT(read(ends[0], &byte, 1), 0); /* it went with the connection */
    unit_conn_end(&from);
    CHECK_INT(conn_send_fd(&from.conn, span_of("dead"), more[0]), -1);
    close(ends[0]);
    close(more[0]);
    loop_free(&l);
}

static void unit_conn_closing(void)
{
    test_begin("a connection finishes its queue, or closes at once, and is told once");
    struct loop l;
    struct unit_conn_pair u;
    loop_init(&l);
    unit_conn_open(&u, &l, 0);
    u.send_when_drained = 3; /* a handler that sends at once is called again */
    conn_send(&u.conn, span_of("one"));
    for (int i = 0; i < 10; i++)
        unit_loop_pass(&l);
    CHECK_INT(u.drained, 4);
    buf got = {0};
    unit_conn_drain(u.peer, &got);
    CHECK_SPAN(buf_view(&got), "onemoremoremore");
    conn_send(&u.conn, span_of("never sent"));
    conn_close(&u.conn, "first");
    conn_close(&u.conn, "second");
    conn_finish(&u.conn);
    conn_send(&u.conn, span_of("ignored"));
    CHECK_INT(u.closed, 0); /* at the end of the pass, not now */
    unit_loop_pass(&l);
    unit_loop_pass(&l);
    CHECK_INT(u.closed, 1);
    CHECK(strcmp(u.why, "first") == 0);
    buf_clear(&got);
    CHECK_INT(unit_conn_drain(u.peer, &got), 1);
    CHECK_INT(got.n, 0);
    close(u.peer);
    unit_conn_open(&u, &l, 0);
    conn_finish(&u.conn); /* nothing is queued: it closes */
    unit_loop_until(&l, &u.closed);
    CHECK(strcmp(u.why, "orderly") == 0);
    close(u.peer);
    buf_free(&got);
    loop_free(&l);
}

/* A pty whose other side is closed ends like a file, and a greedy conn reads more than one piece a
 * pass. */
static void unit_conn_pty(void)
{
    test_begin("a pty is read until it is empty");
    struct loop l;
    struct unit_conn_pair u = {.loop = &l, .peer = -1};
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    loop_init(&l);
    CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    u.conn.hooks = &unit_conn_hooks;
    u.conn.ctx = &u;
    conn_open(&u.conn, &l, master);
    u.conn.greedy = 1;
    CHECK(write(slave, "bytes", 5) == 5);
    close(slave);
    unit_loop_until(&l, &u.eof);
    CHECK_SPAN(buf_view(&u.got), "bytes");
    conn_close(&u.conn, NULL);
    unit_loop_until(&l, &u.closed);
    buf_free(&u.got);
    loop_free(&l);
}

/* ---- Unix sockets ---- */

static void unit_conn_unix_sockets(void)
{
    test_begin("a Unix socket is private, and its faults are told");
    char dir[64], path[100], error[200] = "";
    struct stat st;
    CHECK(mkdtemp(unit_base_temporary(dir)) != NULL);
    snprintf(path, sizeof path, "%s/a.sock", dir);
    CHECK(conn_connect(path) == -1 && errno == ENOENT);
    int listener = conn_listen(path, error, sizeof error);
    CHECK(listener >= 0 && stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    int fd = conn_connect(path);
    CHECK(fd >= 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
    CHECK(fcntl(listener, F_GETFD) & FD_CLOEXEC);
    CHECK_INT(conn_peer_is_me(fd), 1);
    close(fd);
    close(listener);
    CHECK(conn_connect(path) == -1 && errno == ECONNREFUSED);
    listener = conn_listen(path, error, sizeof error); /* what a dead one left is replaced */
    CHECK(listener >= 0 && (fd = conn_connect(path)) >= 0);
    close(fd);
    close(listener);
    unlink(path);
    rmdir(dir);
    CHECK(conn_listen(path, error, sizeof error) == -1 && strstr(error, path) &&
          strstr(error, strerror(ENOENT)));
    char longer[300];
    memset(longer, 'x', sizeof longer);
    longer[0] = '/', longer[sizeof longer - 1] = '\0';
    CHECK(conn_connect(longer) == -1 && errno == ENAMETOOLONG);
    CHECK(conn_listen(longer, error, sizeof error) == -1);
    /* In /tmp, since the temporary directory may be closed to others. */
    if (geteuid() == 0) { /* somebody else at the other end: a child that gives up being root */
        int pair[2], go[2];
        CHECK(pipe(go) == 0 && mkdtemp(strcpy(dir, "/tmp/telec-unit-XXXXXX")) &&
              chmod(dir, 0755) == 0);
        snprintf(path, sizeof path, "%s/a.sock", dir);
        listener = conn_listen(path, error, sizeof error);
        CHECK(listener >= 0 && chmod(path, 0666) == 0);
        pid_t pid = fork();
        if (pid == 0) {
            char byte;
            int mine = setuid(65534) == 0 ? conn_connect(path) : -1;
            _exit(write(go[1], "", 1) == 1 && mine >= 0 && read(mine, &byte, 1) == -1 &&
                          errno == EAGAIN
                      ? 0
                      : 1);
        }
        char byte;
        int status = 1;
        CHECK(read(go[0], &byte, 1) == 1 && waitpid(pid, &status, 0) == pid && status == 0);
        pair[0] = accept(listener, NULL, NULL);
        CHECK(pair[0] >= 0);
        CHECK_INT(conn_peer_is_me(pair[0]), !CONN_KNOWS_PEERS);
        close(pair[0]), close(listener), close(go[0]), close(go[1]);
        unlink(path);
        rmdir(dir);
    }
}

/* Connects as another user when this process may become one; the connection's descriptor. */
static int unit_conn_stranger(const char *path)
{
    int fd = -1;
    if (geteuid() == 0 && seteuid(65534) == 0) {
        fd = conn_connect(path);
        CHECK_INT(seteuid(0), 0);
    }
    return fd;
}

/* Another user listens at dir/name: a child that becomes that user. Returns its pid, or 0 where
 * there is no other user to be had. */
static pid_t unit_conn_stranger_listens(const char *dir, const char *name)
{
    char error[100], byte;
    int ends[2];
    if (geteuid() != 0 || !CONN_KNOWS_PEERS)
        return 0;
    CHECK(pipe(ends) == 0 && chmod(dir, 0777) == 0);
    pid_t pid = fork();
    if (pid == 0) { /* that user can't enter each directory above */
        int fd = chdir(dir) == 0 && setuid(65534) == 0 ? conn_listen(name, error, sizeof error)
                                                       : -1;
        if (fd >= 0 && write(ends[1], "", 1) == 1)
            pause();
        _exit(1);
    }
    close(ends[1]);
    CHECK_INT(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return pid;
}

static void unit_conn_stranger_ends(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void unit_conn(void)
{
    unit_conn_input();
    unit_conn_big_input();
    unit_conn_eof();
    unit_conn_pausing();
    test_begin("output arrives whole and in order, whatever its pieces");
    unit_conn_output(1, 1, 0);
    unit_conn_output(300, 10, 0);
    unit_conn_output(300, 5000, 1);
    unit_conn_output(3, 500000, 0);
    unit_conn_dropping();
    unit_conn_begun();
    unit_conn_now();
    unit_conn_descriptor();
    unit_conn_closing();
    unit_conn_pty();
    unit_conn_unix_sockets();
}
