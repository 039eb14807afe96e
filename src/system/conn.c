#include "system.h"

/* conn - a stream socket or pty with queued output, and Unix sockets.
 *
 * Output is a ring of pieces of shared blobs: a message to a thousand clients is in memory once.
 * Input is read into the loop's spare buffer, which a connection keeps only while it has not
 * consumed everything. A close is told at the end of the pass. */

/* ---- output ---------------------------------------------------------------------------------- */

#define CONN_PIECES 64     /* of one writev */
#define CONN_READ_MIN 4096 /* room for a read: a pty gives this much */

static void conn_interest(struct conn *c)
{
    short events = (short)((c->eof || c->paused ? 0 : POLLIN) | (c->stuck ? POLLOUT : 0));
    if (!c->dead)
        loop_watch(c->loop, &c->io, events);
}

static struct conn_piece *conn_piece(struct conn *c, size_t i)
{
    return &c->out[(c->out_head + i) & (c->out_cap - 1)];
}

static void conn_wrote(struct conn *c, size_t n)
{
    c->queued -= n;
    while (n) {
        struct conn_piece *piece = conn_piece(c, 0);
        size_t some = piece->end - piece->at < n ? piece->end - piece->at : n;
        piece->at += some;
        piece->first = 0; /* it can't be dropped */
        n -= some;
        if (piece->at < piece->end)
            return;
        blob_drop(piece->bytes);
        c->out_head = (c->out_head + 1) & (c->out_cap - 1);
        c->out_count--;
    }
}

static void conn_reset_queue(struct conn *c)
{
    if (c->out != c->few)
        free(c->out);
    c->out = c->few;
    c->out_cap = CONN_FEW;
    c->out_head = 0;
}

static void conn_drained(struct conn *c)
{
    conn_reset_queue(c);
    if (c->finishing)
        conn_close(c, NULL);
    else if (c->hooks->on_drained)
        c->hooks->on_drained(c->ctx);
}

/* Writes; send() is the shorter way through the kernel. */
static ssize_t conn_write_bytes(struct conn *c, const char *p, size_t n)
{
    return c->is_socket ? send(c->io.fd, p, n, 0) : write(c->io.fd, p, n);
}

static ssize_t conn_write_one(struct conn *c)
{
    const struct conn_piece *piece = conn_piece(c, 0);
    return conn_write_bytes(c, piece->bytes->p + piece->at, piece->end - piece->at);
}

static ssize_t conn_write_many(struct conn *c)
{
    struct iovec iov[CONN_PIECES];
    int count = 0;
    for (; count < CONN_PIECES && (size_t)count < c->out_count; count++) {
        const struct conn_piece *piece = conn_piece(c, (size_t)count);
        iov[count].iov_base = piece->bytes->p + piece->at;
        iov[count].iov_len = piece->end - piece->at;
    }
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = count};
    return c->is_socket ? sendmsg(c->io.fd, &message, 0) : writev(c->io.fd, iov, count);
}

static void conn_write(struct conn *c)
{
    int was_stuck = c->stuck;
    c->stuck = 0;
    while (c->out_count && !c->stuck && !c->dead) {
        ssize_t n = c->out_count == 1 ? conn_write_one(c) : conn_write_many(c);
        if (n >= 0)
            conn_wrote(c, (size_t)n);
        else if (errno == EAGAIN)
            c->stuck = 1;
        else if (errno != EINTR)
            conn_close(c, strerror(errno));
    }
    if (c->dead)
        return;
    if (was_stuck != c->stuck)
        conn_interest(c);
    if (!c->out_count)
        conn_drained(c);
}

static void conn_flush(struct conn *c)
{
    if (c->out_count && !c->dead && !c->stuck)
        conn_write(c);
}

static void conn_on_flush(void *ctx)
{
    struct conn *c = ctx;
    if (!c->dead && !c->stuck)
        conn_write(c);
}

static void conn_send_blob(struct conn *c, blob *b, size_t at, size_t end, int first)
{
    if (c->dead || c->finishing || at == end)
        return;
    if (c->out_count == c->out_cap) {
        struct conn_piece *grown = base_grow(NULL, c->out_cap * 2 * sizeof *grown);
        for (size_t i = 0; i < c->out_count; i++)
            grown[i] = *conn_piece(c, i);
        size_t cap = c->out_cap * 2;
        conn_reset_queue(c);
        c->out = grown;
        c->out_cap = cap;
    }
    *conn_piece(c, c->out_count++) = (struct conn_piece){blob_ref(b), at, end, first};
    c->queued += end - at;
    if (!c->stuck)
        loop_defer(c->loop, &c->flush);
}

static void conn_queue(struct conn *c, span s, int first)
{
    if (c->dead || c->finishing || !s.n)
        return;
    blob *b = blob_new(s);
    conn_send_blob(c, b, 0, s.n, first);
    blob_drop(b);
}

static void conn_send(struct conn *c, span s)
{
    conn_queue(c, s, 1);
}

static void conn_send_now(struct conn *c, span s)
{
    ssize_t n = 0;
    if (s.n && !c->out_count && !c->dead && !c->finishing)
        n = conn_write_bytes(c, s.p, s.n);
    conn_queue(c, span_sub(s, n > 0 ? (size_t)n : 0), n <= 0); /* the flush meets an error again */
}

union conn_control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static struct msghdr conn_message(struct iovec *bytes, union conn_control *control)
{
    memset(control, 0, sizeof *control);
    return (struct msghdr){.msg_iov = bytes, .msg_iovlen = 1, .msg_control = control->bytes,
                           .msg_controllen = sizeof control->bytes};
}

static int conn_send_fd(struct conn *c, span s, int fd)
{
    union conn_control control;
    struct iovec bytes = {(void *)(uintptr_t)s.p, s.n};
    struct msghdr m = conn_message(&bytes, &control);
    if (c->out_count || c->dead || c->finishing)
        return -1;
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(h), &fd, sizeof(int));
    ssize_t n = sendmsg(c->io.fd, &m, 0);
    if (n < 0)
        return -1;
    conn_queue(c, span_sub(s, (size_t)n), 0);
    return 0;
}

static void conn_drop_unsent(struct conn *c)
{
    size_t keep = 0; /* pieces of the message that has begun */
    while (keep < c->out_count && !conn_piece(c, keep)->first)
        keep++;
    while (c->out_count > keep) {
        struct conn_piece *piece = conn_piece(c, --c->out_count);
        c->queued -= piece->end - piece->at;
        blob_drop(piece->bytes);
    }
    if (!c->stuck && !c->dead)
        loop_defer(c->loop, &c->flush);
}

/* ---- input ----------------------------------------------------------------------------------- */

static span conn_view(const struct conn *c)
{
    return (span){c->in.p ? c->in.p + c->consumed : NULL, c->in.n - c->consumed};
}

static char *conn_bytes(struct conn *c)
{
    return c->in.p ? c->in.p + c->consumed : NULL;
}

static void conn_consume(struct conn *c, size_t n)
{
    c->consumed += n;
}

static void conn_pause(struct conn *c, int paused)
{
    if (c->paused == paused)
        return;
    c->paused = paused != 0;
    conn_interest(c);
}

static void conn_settle(struct conn *c)
{
    buf_drop(&c->in, c->consumed);
    c->consumed = 0;
    if (c->in.cap < CONN_READ_MAX && c->in.n)
        return;
    if (c->loop->spare.p || c->in.n > CONN_READ_MAX / 2 || c->in.cap > 2 * CONN_READ_MAX) {
        if (!c->in.n)
            buf_free(&c->in);
        return;
    }
    buf rest = {0};
    buf_span(&rest, buf_view(&c->in));
    buf_clear(&c->in);
    c->loop->spare = c->in;
    c->in = rest;
}

static ssize_t conn_read_message(struct conn *c, char *p, size_t n)
{
    union conn_control control;
    struct iovec bytes = {p, n};
    struct msghdr m = conn_message(&bytes, &control);
    ssize_t got = recvmsg(c->io.fd, &m, 0);
    struct cmsghdr *h = got > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS &&
        h->cmsg_len == CMSG_LEN(sizeof(int))) {
        int fd = conn_receive_fd(c);
        if (fd >= 0)
            close(fd);
        memcpy(&fd, CMSG_DATA(h), sizeof fd);
        c->passed = os_close_on_exec(fd) + 1;
    }
    return got;
}

static ssize_t conn_read_bytes(struct conn *c, char *p, size_t n)
{
    if (c->accepts_fd)
        return conn_read_message(c, p, n);
    return c->is_socket ? recv(c->io.fd, p, n, 0) : read(c->io.fd, p, n);
}

static int conn_receive_fd(struct conn *c)
{
    int fd = c->passed - 1;
    c->passed = 0;
    return fd;
}

static void conn_read(struct conn *c)
{
    if (!c->in.p) {
        c->in = c->loop->spare;
        c->loop->spare = (buf){0};
    }
    size_t room = c->loop->reads_much ? CONN_READ_MAX : CONN_READ_FIRST;
    buf_reserve(&c->in, room);
    size_t most = c->in.n + (c->greedy && room > CONN_READ_GREEDY ? CONN_READ_GREEDY : room);
    ssize_t n;
    do {
        n = conn_read_bytes(c, c->in.p + c->in.n, most - c->in.n);
        c->in.n += n > 0 ? (size_t)n : 0;
    } while (n > 0 && c->greedy && most - c->in.n >= CONN_READ_MIN);
    c->loop->reads_much |= c->in.n == most;
    /* EIO: no process has the other side of this pty open any more */
    if (n == 0 || (n < 0 && errno == EIO))
        c->eof = 1;
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        conn_close(c, strerror(errno));
    if (!c->dead)
        c->hooks->on_data(c->ctx);
    conn_settle(c);
    if (c->eof)
        conn_interest(c);
}

static void conn_event(void *ctx, short revents)
{
    struct conn *c = ctx;
    if (revents & POLLOUT)
        conn_write(c);
    if (c->dead)
        return;
    if ((revents & (POLLIN | POLLHUP)) && !c->eof && !c->paused)
        conn_read(c);
    else if ((revents & (POLLHUP | POLLERR)) == POLLHUP && c->paused && !c->eof)
        loop_unwatch(c->loop, &c->io); /* unread input stays until reading resumes */
    else if (revents & (POLLHUP | POLLERR | POLLNVAL))
        conn_close(c, "the peer hung up"); /* else poll reports it for ever */
}

/* ---- life ------------------------------------------------------------------------------------ */

static void conn_bury(void *ctx)
{
    struct conn *c = ctx;
    c->hooks->on_closed(c->ctx, c->why);
}

static void conn_open(struct conn *c, struct loop *l, int fd)
{
    const struct conn_hooks *hooks = c->hooks;
    void *ctx = c->ctx;
    int type;
    socklen_t size = sizeof type;
    *c = (struct conn){.loop = l, .hooks = hooks, .ctx = ctx, .out = c->few};
    c->is_socket = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
    c->io = (struct loop_fd){.fd = fd, .on_event = conn_event, .ctx = c};
    c->flush = (struct loop_task){.fn = conn_on_flush, .ctx = c};
    c->bury = (struct loop_task){.fn = conn_bury, .ctx = c};
    conn_reset_queue(c);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    os_close_on_exec(fd);
    conn_interest(c);
}

static void conn_finish(struct conn *c)
{
    if (c->dead || c->finishing)
        return;
    c->finishing = 1;
    if (!c->stuck)
        loop_defer(c->loop, &c->flush);
}

static void conn_close(struct conn *c, const char *why)
{
    if (c->dead)
        return;
    c->dead = 1;
    c->why = why;
    loop_unwatch(c->loop, &c->io);
    close(c->io.fd);
    c->io.fd = -1;
    loop_defer(c->loop, &c->bury);
}

static void conn_free(struct conn *c)
{
    while (c->out_count)
        blob_drop(conn_piece(c, --c->out_count)->bytes);
    conn_reset_queue(c);
    buf_free(&c->in);
    int fd = conn_receive_fd(c);
    if (fd >= 0)
        close(fd);
}

static void conn_cancel(struct conn *c)
{
    loop_unwatch(c->loop, &c->io);
    loop_task_cancel(c->loop, &c->flush);
    loop_task_cancel(c->loop, &c->bury);
    if (c->io.fd >= 0)
        close(c->io.fd);
    conn_free(c);
}

/* ---- Unix sockets --------------------------------------------------------------------------- */

static int conn_address(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= OS_SOCKET_PATH) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address->sun_path, path);
    return 0;
}

static int conn_socket(void)
{
    int fd = os_close_on_exec(socket(AF_UNIX, SOCK_STREAM, 0));
    if (fd >= 0)
        fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static int conn_connect(const char *path)
{
    struct sockaddr_un address;
    if (conn_address(path, &address) != 0)
        return -1;
    int fd = conn_socket();
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int conn_is_exhausted(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

static int conn_listen(const char *path, char *error, size_t error_size)
{
    struct sockaddr_un address;
    int fd = -1;
    if (conn_address(path, &address) == 0 && (fd = conn_socket()) >= 0) {
        unlink(path);
        mode_t mask = umask(0177);
        int bound = bind(fd, (struct sockaddr *)&address, sizeof address);
        umask(mask);
        if (bound == 0 && listen(fd, 1024) == 0)
            return fd;
    }
    base_fmt(error, error_size, "cannot listen on %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

#if defined(TELEC_LINUX)
#define CONN_KNOWS_PEERS 1
struct conn_credentials { /* struct ucred, which libc shows only with _GNU_SOURCE */
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

static int conn_peer_is_me(int fd)
{
    struct conn_credentials peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__) || \
    defined(__DragonFly__)
#define CONN_KNOWS_PEERS 1
static int conn_peer_is_me(int fd)
{
    uid_t uid;
    gid_t gid;
    return getpeereid(fd, &uid, &gid) == 0 && uid == geteuid();
}
#elif defined(__sun)
#define CONN_KNOWS_PEERS 1
static int conn_peer_is_me(int fd)
{
    ucred_t *peer = NULL;
    if (getpeerucred(fd, &peer) != 0)
        return 0;
    int is_me = ucred_geteuid(peer) == geteuid();
    ucred_free(peer);
    return is_me;
}
#else
#define CONN_KNOWS_PEERS 0
static int conn_peer_is_me(int fd)
{
    (void)fd;
    return 1; /* unknown; the socket's directory is open to its owner only */
}
#endif
