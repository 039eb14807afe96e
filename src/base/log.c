#include "base.h"

/* log - one line a message: time, level, text. A line that comes again and again is written the
 * first, second, fourth, eighth … time, with the count. Where the log is a file, log_limit bounds
 * it. The sink is file-scope: every part logs. */

static struct {
    int fd;
    enum log_level most, level; /* the most that is written; of the last line */
    char last[1024];
    unsigned long long times, told; /* the last line came; was written with that count */
    const char *path; /* of log_limit; NULL: no limit */
    int (*may_write)(void *ctx);
    void *guard_ctx;
    unsigned long long lost; /* lines that could not be written */
    size_t size, size_max;
} log_sink = {.fd = -1, .most = LOG_INFO};

static void log_open(int fd, enum log_level most)
{
    log_sink.fd = fd;
    log_sink.most = most;
    log_sink.path = NULL;
    log_sink.may_write = NULL;
    log_sink.last[0] = '\0';
    log_sink.times = log_sink.told = 0;
}

static void log_guard(int (*may_write)(void *ctx), void *ctx)
{
    log_sink.may_write = may_write;
    log_sink.guard_ctx = ctx;
}

static int log_is_open(const char *path)
{
    struct stat file, sink;
    return stat(path, &file) == 0 && fstat(log_sink.fd, &sink) == 0 &&
           file.st_dev == sink.st_dev && file.st_ino == sink.st_ino;
}

static void log_limit(const char *path, size_t size_max)
{
    struct stat st;
    if (!log_is_open(path) || fstat(log_sink.fd, &st) != 0)
        return;
    log_sink.path = path;
    log_sink.size = (size_t)st.st_size;
    log_sink.size_max = size_max;
}

/* Begins a new file. Where that fails (no descriptor, no room in the directory) the old one is
 * emptied. */
static void log_rotate(void)
{
    struct stat st;
    buf old = {0};
    buf_fmt(&old, "%s.1", log_sink.path);
    int stays = log_is_open(log_sink.path) && rename(log_sink.path, buf_cstr(&old)) != 0;
    int fd = open(log_sink.path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (stays || fd < 0 || dup2(fd, log_sink.fd) < 0)
        stays = ftruncate(log_sink.fd, 0);
    log_sink.size = fstat(log_sink.fd, &st) == 0 ? (size_t)st.st_size : 0;
    if (fd >= 0)
        close(fd);
    buf_free(&old);
}

/* One write per line, so that lines of several processes don't mix. */
static void log_write(void)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    buf line = {0};
    log_sink.told = log_sink.times;
    if (log_sink.may_write && !log_sink.may_write(log_sink.guard_ctx)) {
        log_sink.lost++;
        return;
    }
    clock_put_iso(&line, clock_wall_ms());
    buf_byte(&line, ' ');
    buf_str(&line, names[log_sink.level]);
    buf_byte(&line, ' ');
    utf8_put_visible(&line, span_of(log_sink.last));
    if (log_sink.times > 1)
        buf_fmt(&line, " (%llu times)", log_sink.times);
    if (log_sink.lost)
        buf_fmt(&line, " (%llu lines before it are lost)", log_sink.lost);
    log_sink.lost = 0;
    buf_byte(&line, '\n');
    if (log_sink.path && log_sink.size + line.n > log_sink.size_max)
        log_rotate();
    ssize_t written = write(log_sink.fd, line.p, line.n);
    log_sink.size += written > 0 ? (size_t)written : 0; /* there is nowhere to tell of a failure */
    buf_free(&line);
}

static void log_line(enum log_level level, const char *format, ...)
{
    char text[sizeof log_sink.last];
    va_list args;
    if (log_sink.fd < 0 || level > log_sink.most)
        return;
    va_start(args, format);
    base_vfmt(text, sizeof text, format, args);
    va_end(args);
    if (log_sink.times && log_sink.level == level && strcmp(text, log_sink.last) == 0) {
        log_sink.times++;
        if ((log_sink.times & (log_sink.times - 1)) == 0)
            log_write();
        return;
    }
    if (log_sink.told < log_sink.times)
        log_write();
    strcpy(log_sink.last, text);
    log_sink.level = level;
    log_sink.times = 1;
    log_write();
}
