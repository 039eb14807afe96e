#include "base.h"

/* log - one line a message: time, level, text. The descriptor and the level are file-scope: every
 * part logs. Left out: rotation, which is the owner's of the descriptor. */

static int log_fd = -1;
static enum log_level log_most = LOG_INFO;

static void log_open(int fd, enum log_level most)
{
    log_fd = fd;
    log_most = most;
}

/* One write per line, so that lines of several processes don't mix. */
static void log_line(enum log_level level, const char *format, ...)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char text[1024];
    va_list args;
    if (log_fd < 0 || level > log_most)
        return;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t length = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    buf line = {0};
    clock_put_iso(&line, clock_wall_ms());
    buf_byte(&line, ' ');
    buf_str(&line, names[level]);
    buf_byte(&line, ' ');
    utf8_put_visible(&line, (span){text, length});
    buf_byte(&line, '\n');
    ssize_t written = write(log_fd, line.p, line.n);
    (void)written; /* a full disk must not stop the daemon, and there is nowhere left to tell it */
    buf_free(&line);
}
