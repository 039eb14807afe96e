#include "system.h"

/* store - session records and logs on disk.
 *
 * STATE/sessions/ID/ has record.json and end, the daemon's; exit.json, log, log.1 (its output) and
 * holder.lock, its holder's. A session is removed at once: its directory becomes .ID, whose files
 * follow. A directory without a record is the rest of one. A record is replaced whole: temporary
 * file, fsync, rename, fsync of the directory. Logs are not synced. */

#define STORE_TEMPORARY ".tmp"
#define STORE_OLD ".old"       /* the old file, while it is replaced */
#define STORE_END "end"

static int store_open_dir(const char *dir)
{
    return open(dir, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
}

static int store_sync(int dir)
{
    int status = fsync(dir);
    /* this file system can't sync a directory */
    return status != 0 && (errno == EINVAL || errno == ENOTSUP) ? 0 : status;
}

static char *store_path(const char *dir, const char *name)
{
    buf b = {0};
    buf_fmt(&b, "%s/%s", dir, name);
    return b.p; /* buf_fmt leaves a NUL behind it */
}

static int store_sync_path(const char *dir, const char *name)
{
    char *path = store_path(dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int status = fd < 0 ? -1 : store_sync(fd);
    if (fd >= 0)
        close(fd);
    free(path);
    return status;
}

static int store_write_temporary(const char *path, span bytes, int synced)
{
    int fd = os_open_regular(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
    if (fd < 0)
        return -1;
    int status = base_write(fd, bytes) == 0 && (!synced || fsync(fd) == 0) ? 0 : -1;
    int saved = errno;
    if (close(fd) != 0 && status == 0) /* a network's file system says only now that it is full */
        status = -1, saved = errno;
    if (status != 0)
        unlink(path);
    errno = saved;
    return status;
}

/* Until the rename is synced a second name keeps the old file: the next reader must not find a
 * change that failed. */
static int store_replace(int dir, const char *temporary, const char *path, const char *old)
{
    unlink(old);
    int kept = link(path, old) == 0, is_new = !kept && errno == ENOENT;
    int status = rename(temporary, path);
    if (status == 0 && (status = store_sync(dir)) != 0) {
        int saved = errno;
        if (kept)
            rename(old, path);
        else if (is_new)
            unlink(path);
        errno = saved;
    }
    int saved = errno;
    if (status != 0)
        unlink(temporary);
    if (kept)
        unlink(old);
    errno = saved;
    return status;
}

static int store_put(const char *dir, const char *name, span bytes, int synced)
{
    buf path = {0}, temporary = {0}, old = {0};
    buf_fmt(&path, "%s/%s", dir, name);
    buf_fmt(&temporary, "%s" STORE_TEMPORARY, path.p);
    buf_fmt(&old, "%s" STORE_OLD, path.p);
    int fd = synced ? store_open_dir(dir) : -1; /* there may be none after the change */
    int status = (synced && fd < 0) || store_write_temporary(temporary.p, bytes, synced) != 0 ? -1
                 : synced ? store_replace(fd, temporary.p, path.p, old.p)
                          : rename(temporary.p, path.p);
    int saved = errno;
    if (fd >= 0)
        close(fd);
    buf_free(&path), buf_free(&temporary), buf_free(&old);
    errno = saved;
    return status;
}

static int store_write(const char *dir, const char *name, span bytes)
{
    return store_put(dir, name, bytes, 1);
}

static int store_write_unsynced(const char *dir, const char *name, span bytes)
{
    return store_put(dir, name, bytes, 0);
}

static int store_put_end(const char *dir, long long at)
{
    char *path = store_path(dir, STORE_END);
    char *temporary = store_path(dir, STORE_END STORE_TEMPORARY);
    char text[24];
    base_fmt(text, sizeof text, "%lld", at);
    int status = symlink(text, path);
    if (status != 0 && errno == EEXIST) {
        unlink(temporary);
        status = symlink(text, temporary) == 0 ? rename(temporary, path) : -1;
    }
    if (status != 0 && errno != ENOSPC) /* this file system may have no symbolic links */
        status = store_write_unsynced(dir, STORE_END, span_of(text));
    int saved = errno;
    free(path), free(temporary);
    errno = saved;
    return status;
}

static int store_drop_end(const char *dir)
{
    char *path = store_path(dir, STORE_END);
    int status = unlink(path) == 0 || errno == ENOENT ? 0 : -1, saved = errno;
    free(path);
    errno = saved;
    return status;
}

static long long store_find_end(const char *dir)
{
    char *path = store_path(dir, STORE_END);
    char link[24];
    long long at = -1;
    ssize_t n = readlink(path, link, sizeof link);
    buf text = {0};
    if (n > 0)
        buf_add(&text, link, (size_t)n);
    else if (errno == EINVAL)
        store_read(dir, STORE_END, &text);
    if (!span_int(buf_view(&text), &at) || at < 0)
        at = -1;
    buf_free(&text);
    free(path);
    return at;
}

static int store_read(const char *dir, const char *name, buf *out)
{
    char *path = store_path(dir, name);
    int status = os_read_file(out, path, STORE_RECORD_MAX);
    int saved = errno;
    if (status != 0 && saved != ENOENT)
        log_line(LOG_WARN, "cannot read %s: %s", path, os_file_fault(saved));
    free(path);
    errno = saved;
    return status;
}

static void store_clean(const char *dir, const char *name)
{
    static const char *const endings[] = {STORE_TEMPORARY, STORE_OLD};
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        buf path = {0};
        buf_fmt(&path, "%s/%s%s", dir, name, endings[i]);
        unlink(path.p);
        buf_free(&path);
    }
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
    struct stat st;
    int there = mkdir(path, 0700) == 0 ||
                (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode));
    return there ? 0 : -1;
}

static void store_remove_leaving(const char *dir)
{
    static const char *const files[] = {"record.json", "record.json" STORE_TEMPORARY,
                                        "record.json" STORE_OLD, "exit.json",
                                        "exit.json" STORE_TEMPORARY, "exit.json" STORE_OLD,
                                        STORE_LAST_EXIT, "log", "log.1", "log.2",
                                        STORE_HOLDER_LOCK, STORE_END, STORE_END STORE_TEMPORARY};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char *path = store_path(dir, files[i]);
        unlink(path);
        free(path);
    }
    if (rmdir(dir) != 0 && errno != ENOENT)
        log_line(LOG_WARN, "cannot remove %s: %s", dir, strerror(errno));
}

static int store_remove_session(const char *state, const char *id)
{
    char *dir = store_session_dir(state, id);
    buf leaving = {0};
    buf_fmt(&leaving, "%s/sessions/.%s", state, id);
    int status = rename(dir, leaving.p) == 0 || errno == ENOENT ? 0 : -1;
    int saved = errno;
    if (status == 0)
        store_remove_leaving(leaving.p);
    buf_free(&leaving);
    free(dir);
    errno = saved;
    return status;
}

static void store_remove_leavings(const char *state)
{
    char *root = store_path(state, "sessions");
    DIR *dir = opendir(root);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] == '.' && store_id_is_plain(entry->d_name + 1)) {
            char *path = store_path(root, entry->d_name);
            store_remove_leaving(path);
            free(path);
        }
    if (dir)
        closedir(dir);
    free(root);
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

static int store_lock(const char *path, pid_t *pid)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    *pid = 0;
    if (fd < 0 || fcntl(fd, F_SETLK, &lock) == 0)
        return fd;
    int error = errno == EACCES ? EAGAIN : errno; /* POSIX allows both for a lock that is held */
    if (error == EAGAIN && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
        *pid = lock.l_pid;
    close(fd);
    errno = error;
    return -1;
}

/* Reads a file's beginning until two reads agree: a writer can tear one. */
static ssize_t store_read_steady(int fd, char bytes[STORE_LOCK_MAX])
{
    char again[STORE_LOCK_MAX];
    ssize_t n = pread(fd, bytes, STORE_LOCK_MAX, 0), m;
    for (int i = 0; i < 10; i++) {
        m = pread(fd, again, STORE_LOCK_MAX, 0);
        if (m == n && (n <= 0 || memcmp(bytes, again, (size_t)n) == 0))
            break;
        n = m;
        memcpy(bytes, again, sizeof again);
    }
    return n;
}

static enum store_lock store_look_at_lock(const char *path, pid_t *pid, buf *content)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char bytes[STORE_LOCK_MAX];
    struct stat st;
    *pid = 0;
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? STORE_LOCK_ABSENT : STORE_LOCK_UNKNOWN;
    int known = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && fcntl(fd, F_GETLK, &lock) == 0;
    ssize_t n = known && content ? store_read_steady(fd, bytes) : 0;
    if (n > 0)
        buf_add(content, bytes, (size_t)n);
    close(fd);
    if (known && lock.l_type != F_UNLCK)
        *pid = lock.l_pid;
    return !known ? STORE_LOCK_UNKNOWN : lock.l_type != F_UNLCK ? STORE_LOCK_HELD : STORE_LOCK_FREE;
}

static int store_fill_lock(int fd, span content)
{
    char bytes[STORE_LOCK_MAX];
    struct stat st;
    if (content.n > sizeof bytes || fstat(fd, &st) != 0)
        return -1;
    memset(bytes, ' ', sizeof bytes);
    memcpy(bytes, content.n ? content.p : "", content.n);
    size_t n = (size_t)st.st_size > sizeof bytes ? sizeof bytes : (size_t)st.st_size;
    n = n > content.n ? n : content.n; /* not truncated: a reader would find it empty or cut */
    return pwrite(fd, bytes, n, 0) == (ssize_t)n ? 0 : -1;
}

static int store_put_daemon(int fd, const char *socket)
{
    buf b = {0}, machine = {0};
    json_open(&b, '{');
    json_field_int(&b, "pid", getpid());
    json_field_string(&b, "socket", socket);
    json_field_bool(&b, "remakes", 1);
    os_put_machine(&machine);
    json_field_string(&b, "machine", buf_cstr(&machine));
    json_close(&b, '}');
    int status = store_fill_lock(fd, buf_view(&b));
    buf_free(&b), buf_free(&machine);
    return status;
}

static int store_make_own(buf *path)
{
    struct json content = {0};
    buf text = {0}, machine = {0};
    pid_t pid;
    enum store_lock lock = store_look_at_lock(buf_cstr(path), &pid, &text);
    json_read(buf_view(&text), &content);
    struct json theirs = json_get(content, "machine");
    os_put_machine(&machine);
    int elsewhere = lock == STORE_LOCK_HELD && json_type(theirs) == JSON_STRING &&
                    !json_text_eq(theirs, buf_cstr(&machine));
    if (elsewhere)
        buf_fmt(path, ".%s", machine.p);
    buf_free(&text), buf_free(&machine);
    return elsewhere;
}

static void store_find_daemon(const char *lock, struct store_daemon *daemon)
{
    struct json content = {0};
    buf text = {0}, path = {0};
    *daemon = (struct store_daemon){0};
    buf_str(&path, lock);
    store_make_own(&path);
    daemon->held = store_look_at_lock(path.p, &daemon->pid, &text) == STORE_LOCK_HELD;
    buf_free(&path);
    json_read(buf_view(&text), &content);
    if (daemon->held)
        daemon->socket = json_dup_member(content, "socket");
    daemon->remakes = daemon->held && json_is(content, "remakes", JSON_TRUE);
    buf_free(&text);
}

static void store_put_process(const struct store_daemon *daemon, buf *b)
{
    if (daemon->pid > 0)
        buf_fmt(b, "process %ld", (long)daemon->pid);
    else
        buf_str(b, "a process of another container");
}

/* ---- logs ----------------------------------------------------------------------------------- */

static int store_log_reopen(struct store_log *log)
{
    struct stat st;
    log->fd = os_open_regular(log->path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW);
    log->size = log->fd >= 0 && fstat(log->fd, &st) == 0 ? (size_t)st.st_size : 0;
    return log->fd < 0 ? -1 : 0;
}

static int store_log_open(struct store_log *log, const char *dir)
{
    log->path = store_path(dir, "log");
    log->old = store_path(dir, "log.1");
    log->older = store_path(dir, "log.2");
    return store_log_reopen(log);
}

/* Makes the full log log.1. When a step fails it goes on in its file, and the next write tries
 * again. Until then log.1 is kept as log.2, but where it is the current file, as undoing failed. */
static void store_log_rotate(struct store_log *log)
{
    struct stat st;
    int fd = -1;
    if (lstat(log->path, &st) == 0) {
        int kept = rename(log->old, log->older) == 0;
        if (!kept && errno != ENOENT)
            return;
        if (rename(log->path, log->old) != 0) {
            if (kept)
                rename(log->older, log->old);
            return;
        }
    }
    fd = os_open_regular(log->path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_TRUNC);
    if (fd < 0) {
        if (rename(log->old, log->path) == 0)
            rename(log->older, log->old);
        return;
    }
    unlink(log->older);
    close(log->fd);
    log->fd = fd;
    log->size = 0;
}

static void store_log_write(struct store_log *log, span bytes)
{
    int tries = 0;
    if (!log->path || (log->fd < 0 && store_log_reopen(log) != 0))
        return;
    while (bytes.n) {
        if (log->size >= STORE_LOG_MAX)
            store_log_rotate(log);
        size_t most = log->size < STORE_LOG_MAX ? STORE_LOG_MAX : STORE_LOG_MOST;
        size_t room = log->size < most ? most - log->size : 0;
        ssize_t n = write(log->fd, bytes.p, bytes.n < room ? bytes.n : room);
        if (n < 0 && !tries++ && (errno == ESTALE || errno == EIO || errno == ENOTCONN)) {
            close(log->fd); /* a network's file system has come back: its files are others */
            if (store_log_reopen(log) == 0)
                continue;
        }
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return; /* the disk is full: the output is lost */
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
    free(log->older);
    *log = (struct store_log){.fd = -1};
}

static void store_log_read(const char *dir, buf *out)
{
    static const char *const names[] = {"log.2", "log.1", "log"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char *path = store_path(dir, names[i]);
        os_read_file(out, path, STORE_LOG_MOST);
        free(path);
    }
}
