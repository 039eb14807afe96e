#include "system.h"

/* store - session records and logs on disk.
 *
 * STATE/sessions/ID/ has four files. record.json (the session's description) is the daemon's;
 * exit.json (its end), log and log.1 (its output) are its holder's. A record is replaced whole:
 * temporary file, fsync, rename, fsync of the directory. A reader sees the old or the new one, also
 * after a crash. Logs are not synced: a crash of the computer may cost their end. */

static int store_sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (fd < 0)
        return -1;
    int status = fsync(fd);
    /* this file system can't sync a directory */
    if (status != 0 && (errno == EINVAL || errno == ENOTSUP))
        status = 0;
    close(fd);
    return status;
}

static char *store_path(const char *dir, const char *name)
{
    buf b = {0};
    buf_fmt(&b, "%s/%s", dir, name);
    return b.p; /* buf_fmt leaves a NUL behind it */
}

static int store_write_all(int fd, span s)
{
    while (s.n) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno != EINTR)
            return -1;
        s = span_sub(s, n > 0 ? (size_t)n : 0);
    }
    return 0;
}

static int store_write(const char *dir, const char *name, span bytes)
{
    char *path = store_path(dir, name);
    buf temporary = {0};
    buf_fmt(&temporary, "%s.tmp", path);
    int status = -1;
    int fd =
        open(buf_cstr(&temporary), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) {
        status = store_write_all(fd, bytes) == 0 && fsync(fd) == 0 ? 0 : -1;
        int saved = errno;
        close(fd);
        if (status == 0 && (status = rename(temporary.p, path)) == 0)
            status = store_sync_dir(dir);
        else
            unlink(temporary.p), errno = saved;
    }
    buf_free(&temporary);
    free(path);
    return status;
}

static int store_read(const char *dir, const char *name, buf *out)
{
    char *path = store_path(dir, name);
    int status = os_read_file(out, path, STORE_RECORD_MAX);
    free(path);
    return status;
}

static int store_id_is_plain(const char *id)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    size_t n = strspn(id, plain);
    return n >= 1 && n <= 64 && id[n] == '\0';
}

static char *store_session_dir(const char *state, const char *id)
{
    buf b = {0};
    buf_fmt(&b, "%s/sessions/%s", state, id);
    return b.p;
}

static int store_make_dir(const char *path)
{
    char *parent = span_dup(span_of(path));
    char *slash = strrchr(parent, '/');
    if (slash && slash > parent)
        *slash = '\0';
    struct stat st;
    int made =
        mkdir(path, 0700) == 0 || (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode));
    int status = made ? store_sync_dir(parent) : -1;
    free(parent);
    return status;
}

static void store_remove_session(const char *state, const char *id)
{
    static const char *const files[] = {
        "record.json", "record.json.tmp", "exit.json", "exit.json.tmp", "log", "log.1"};
    char *dir = store_session_dir(state, id);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char *path = store_path(dir, files[i]);
        unlink(path);
        free(path);
    }
    if (rmdir(dir) != 0 && errno != ENOENT)
        log_line(LOG_WARN, "cannot remove %s: %s", dir, strerror(errno));
    free(dir);
}

static void store_each_session(const char *state, void (*each)(void *ctx, const char *id),
                               void *ctx)
{
    char *path = store_path(state, "sessions");
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (store_id_is_plain(entry->d_name))
            each(ctx, entry->d_name);
    if (dir)
        closedir(dir);
    free(path);
}

/* The kernel frees an fcntl lock when its process ends, in whatever way. */
static int store_lock(const char *path, pid_t *pid)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    *pid = 0;
    if (fd < 0 || fcntl(fd, F_SETLK, &lock) == 0)
        return fd;
    if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
        *pid = lock.l_pid;
    close(fd);
    errno = EAGAIN;
    return -1;
}

static pid_t store_lock_owner(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    pid_t pid = 0;
    if (fd < 0)
        return 0;
    if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
        pid = lock.l_pid;
    close(fd);
    return pid;
}

/* ---- logs ----------------------------------------------------------------------------------- */

static int store_log_open(struct store_log *log, const char *dir)
{
    struct stat st;
    log->path = store_path(dir, "log");
    log->old = store_path(dir, "log.1");
    log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    log->size = log->fd >= 0 && fstat(log->fd, &st) == 0 ? (size_t)st.st_size : 0;
    return log->fd < 0 ? -1 : 0;
}

/* Renames the full log to log.1 and opens a new one. When that fails the log stays full and later
 * output is lost until it succeeds: the session must go on. When only opening fails, the log is
 * log.1 already and must not be unlinked the next time. */
static void store_log_rotate(struct store_log *log)
{
    struct stat st;
    if (lstat(log->path, &st) == 0) {
        unlink(log->old); /* a rename over it makes some file systems write it out at once */
        if (rename(log->path, log->old) != 0)
            return;
    }
    int fd =
        open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_TRUNC, 0600);
    if (fd < 0)
        return;
    close(log->fd);
    log->fd = fd;
    log->size = 0;
}

static void store_log_write(struct store_log *log, span bytes)
{
    while (bytes.n && log->fd >= 0) {
        if (log->size >= STORE_LOG_MAX)
            store_log_rotate(log);
        size_t room = log->size < STORE_LOG_MAX ? STORE_LOG_MAX - log->size : 0;
        ssize_t n = write(log->fd, bytes.p, bytes.n < room ? bytes.n : room);
        if (n <= 0 && !(n < 0 && errno == EINTR))
            /* the disk is full: the output is lost, and the program is not held up */
            return;
        log->size += n > 0 ? (size_t)n : 0;
        bytes = span_sub(bytes, n > 0 ? (size_t)n : 0);
    }
}

static void store_log_close(struct store_log *log)
{
    if (log->fd >= 0)
        close(log->fd);
    free(log->path);
    free(log->old);
    *log = (struct store_log){.fd = -1};
}

static void store_log_read(const char *dir, buf *out)
{
    static const char *const names[] = {"log.1", "log"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char *path = store_path(dir, names[i]);
        os_read_file(out, path, STORE_LOG_MAX);
        free(path);
    }
}
