#include "system.h"

/* disk - a process that waits for the disk.
 *
 *      holder ── output ──▶ telec disk log DIR      appends it to the session's log
 *                           telec disk start DIR    the first one: it syncs the record, too
 *      holder ── status ──▶ telec disk exit DIR     writes it into exit.json
 *      daemon ── a byte ──▶ telec disk probe DIR    touches DIR, and answers a byte
 *
 * The socket is the queue: where it is full, what is logged is lost. A home may answer after
 * seconds, or never. */

#define DISK_WAIT_MS 200  /* for room in the queue, the first time */
#define DISK_READ_MAX 65536 /* bytes */
#define DISK_START_MS 1   /* before a process starts: an echo goes out first */
#define DISK_BETWEEN_MS 20 /* two wake-ups of the process; in a flood … */
#define DISK_FLOOD_MS 250 /* … this: a killed holder's last output is not logged */
#define DISK_FLOOD (256 * 1024) /* pending bytes that make one */
#define DISK_KEEP (2 * STORE_LOG_MAX) /* bytes of a flood */
#define DISK_FRESH_MS 5   /* an answer counts: for one request */
#define DISK_REST_MS 3000 /* without output, to the process's end */

/* Whatever signals come. Returns 0 when the time is over. */
static int disk_wait(const struct disk *d, short events, int ms)
{
    struct pollfd p = {.fd = d->fd, .events = events};
    long long until = clock_mono_ms() + ms, left = ms;
    while (poll(&p, 1, (int)left) <= 0)
        if ((left = until - clock_mono_ms()) <= 0)
            return 0;
    return 1;
}

static void disk_on_exit(void *ctx, int status)
{
    struct disk *d = ctx;
    (void)status;
    close(d->fd);
    d->runs = 0;
}

static int disk_is_log(const char *what)
{
    return strcmp(what, "log") == 0 || strcmp(what, "start") == 0;
}

/* Not os_spawn: that waits for exec, and this program's file may be on that disk. Where it can't be
 * run a copy of this process does the work. */
static pid_t disk_fork(const struct disk *d, int fd)
{
    char *argv[] = {(char *)d->program, "disk", (char *)d->what, (char *)d->dir, NULL};
    pid_t pid = fork();
    if (pid)
        return pid;
    setpgid(0, 0);
    dup2(fd, 0), dup2(fd, 1);
    execvp(argv[0], argv);
    log_open(-1, LOG_ERROR);
    _exit(disk_main(d->what, d->dir));
}

static int disk_start(struct disk *d)
{
    int ends[2];
    if (d->runs)
        return 0;
    if (!d->program || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return -1;
    os_close_on_exec(ends[0]), os_close_on_exec(ends[1]);
    pid_t pid = disk_fork(d, ends[1]);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return -1;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    d->fd = ends[0];
    d->runs = 1;
    d->what = disk_is_log(d->what) ? "log" : d->what;
    d->rests = d->stuck = d->asked = 0;
    d->child = (struct loop_child){.pid = pid, .fn = disk_on_exit, .ctx = d};
    loop_on_exit(d->loop, &d->child);
    return 0;
}

/* Returns 0 when the process, told to end, still waits for the disk after ms; -1: for ever. */
static int disk_reap(struct disk *d, int ms)
{
    if (ms >= 0 && !disk_wait(d, POLLIN, ms))
        return 0;
    loop_child_cancel(d->loop, &d->child);
    while (waitpid(d->child.pid, NULL, 0) < 0 && errno == EINTR)
        ;
    disk_on_exit(d, 0);
    return 1;
}

static void disk_init(struct disk *d, struct loop *l, const char *program, const char *what,
                      const char *dir)
{
    *d = (struct disk){.loop = l, .program = program, .what = what, .dir = dir};
    d->flush = (struct loop_task){.fn = disk_flush, .ctx = d};
    d->timer = (struct loop_timer){.fn = disk_on_timer, .ctx = d};
}

/* ---- logging -------------------------------------------------------------------------------- */

static void disk_write_exit(const char *dir, span status)
{
    if (store_write(dir, "exit.json", status) != 0)
        log_line(LOG_ERROR, "cannot write %s/exit.json: %s", dir, strerror(errno));
}

/* Writes here, as no process can be started. */
static void disk_write_here(const struct disk *d)
{
    struct store_log log;
    if (!disk_is_log(d->what)) {
        disk_write_exit(d->dir, buf_view(&d->pending));
        return;
    }
    store_log_open(&log, d->dir);
    store_log_write(&log, buf_view(&d->pending));
    store_log_close(&log);
}

static void disk_send(struct disk *d, span bytes)
{
    int ms = d->stuck ? 0 : DISK_WAIT_MS;
    while (bytes.n) {
        ssize_t n = write(d->fd, bytes.p, bytes.n);
        if (n > 0)
            bytes = span_sub(bytes, (size_t)n);
        else if (errno != EINTR && (errno != EAGAIN || !disk_wait(d, POLLOUT, ms)))
            break;
    }
    d->stuck = bytes.n > 0;
}

static void disk_flush(void *ctx)
{
    struct disk *d = ctx;
    if (d->runs && d->rests && !disk_reap(d, d->stuck ? 0 : DISK_WAIT_MS))
        d->stuck = 1;
    else if (disk_start(d) == 0)
        disk_send(d, buf_view(&d->pending));
    else
        disk_write_here(d);
    d->pending.cap > DISK_FLOOD ? buf_free(&d->pending) : buf_clear(&d->pending);
    d->flushed_at = d->loop->now;
    if (d->runs)
        loop_timer_in(d->loop, &d->timer, DISK_REST_MS);
}

static void disk_log(struct disk *d, span bytes)
{
    if (!d->loop)
        return;
    long long next = d->runs && !d->rests ? d->flushed_at + DISK_BETWEEN_MS
                                          : d->loop->now + DISK_START_MS;
    if (!d->pending.n && next <= d->loop->now)
        loop_defer(d->loop, &d->flush);
    else if (!d->pending.n)
        loop_timer_set(d->loop, &d->timer, next);
    if (d->pending.n + bytes.n > 2 * DISK_KEEP)
        buf_drop(&d->pending, d->pending.n - DISK_KEEP);
    buf_span(&d->pending, bytes);
}

static void disk_rest(struct disk *d)
{
    if (!d->runs || d->rests || d->pending.n)
        return;
    shutdown(d->fd, SHUT_WR);
    d->rests = 1;
}

static void disk_on_timer(void *ctx)
{
    struct disk *d = ctx;
    if (d->pending.n > DISK_FLOOD && d->loop->now < d->flushed_at + DISK_FLOOD_MS)
        loop_timer_set(d->loop, &d->timer, d->flushed_at + DISK_FLOOD_MS);
    else if (d->pending.n)
        disk_flush(d);
    else
        disk_rest(d);
}

static void disk_finish(struct disk *d, int ms)
{
    if (!d->loop)
        return;
    loop_task_cancel(d->loop, &d->flush);
    if (d->pending.n)
        disk_flush(d);
    disk_rest(d);
    if (d->runs)
        disk_reap(d, ms);
    loop_timer_cancel(d->loop, &d->timer);
    buf_free(&d->pending);
}

/* ---- asking --------------------------------------------------------------------------------- */

static int disk_answers(struct disk *d)
{
    char byte;
    if (!d || clock_mono_ms() - d->good_at < DISK_FRESH_MS || disk_start(d) != 0)
        return 1; /* the caller tries itself */
    if (d->asked && read(d->fd, &byte, 1) != 1)
        return 0;
    d->asked = write(d->fd, "?", 1) == 1;
    if (!d->asked)
        return 1;
    disk_wait(d, POLLIN, DISK_ANSWER_MS);
    if (read(d->fd, &byte, 1) == 1) { /* a late answer says nothing of now */
        d->asked = 0;
        d->good_at = clock_mono_ms();
    }
    return !d->asked;
}

/* ---- the process ---------------------------------------------------------------------------- */

/* Changes the directory's time: no cache can answer that. */
static void disk_touch(const char *dir)
{
    int fd = store_open_dir(dir);
    if (fd >= 0) {
        futimens(fd, NULL);
        close(fd);
    }
}

/* The record of a session that starts: the daemon did not wait for that, nor does the log. */
static void disk_sync_record(const char *dir)
{
    signal(SIGCHLD, SIG_IGN);
    if (fork() != 0)
        return;
    close(0), close(1); /* the holder waits for their end */
    store_sync_path(dir, "record.json"), store_sync_path(dir, "."), store_sync_path(dir, "..");
    _exit(0);
}

static int disk_main(const char *what, const char *dir)
{
    struct store_log log = {.fd = -1};
    char bytes[DISK_READ_MAX];
    buf status = {0};
    struct json whole;
    ssize_t n;
    int logs = disk_is_log(what), ends = strcmp(what, "exit") == 0;
    os_close_inherited(3);
    if (strcmp(what, "start") == 0)
        disk_sync_record(dir);
    if (logs)
        store_log_open(&log, dir);
    while ((n = read(0, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR)) {
        span got = {bytes, n > 0 ? (size_t)n : 0};
        if (logs) {
            store_log_write(&log, got);
        } else if (ends) {
            buf_span(&status, got);
        } else if (got.n) {
            disk_touch(dir);
            base_write(1, got);
        }
    }
    if (ends && json_read(buf_view(&status), &whole)) /* else the holder was killed meanwhile */
        disk_write_exit(dir, buf_view(&status));
    _exit(0); /* all is written */
}
