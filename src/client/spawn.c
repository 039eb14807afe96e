#include "client.h"

/* spawn - starts a daemon in the background, and stops a running one.
 *
 * The starter is the daemon's grandparent: init adopts the daemon. A running one is found by its
 * locks: SOCKET.lock, or the state directory's, which names the socket of another environment. */

#ifndef SPAWN_LOG_MAX
#define SPAWN_LOG_MAX (1024 * 1024) /* bytes: a larger one is renamed at the next start */
#endif
#ifndef SPAWN_STOP_MS
#define SPAWN_STOP_MS 4000 /* for the daemon to end: twice what it gives its clients */
#endif
#ifndef SPAWN_POLL_MS
#define SPAWN_POLL_MS 10   /* between two looks at its lock: a lock's end is not an event */
#endif
#ifndef SPAWN_SUMMON_MS
#define SPAWN_SUMMON_MS 2000 /* for a daemon that lives to serve a socket again … */
#endif
#define SPAWN_SIGNAL_MS 100  /* … asked this often: it may be starting */

static int spawn_open_log(const struct config *config)
{
    buf path = {0}, old = {0};
    struct stat st;
    buf_fmt(&path, "%s/daemon.log", config->state);
    buf_fmt(&old, "%s.1", buf_cstr(&path));
    if (stat(path.p, &st) == 0 && st.st_size > SPAWN_LOG_MAX)
        rename(path.p, buf_cstr(&old));
    int fd = open(path.p, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
    buf_free(&path);
    buf_free(&old);
    return fd;
}

/* Leaves the caller's session and files; what is told goes to descriptor 3. */
static void spawn_detach(int ready_fd, int err_fd)
{
    const char *why = os_point_at_null(0, 1) != 0 ? strerror(errno) : NULL;
    setsid();
    dup2(err_fd, 2);
    if (ready_fd != 3)
        dup2(ready_fd, 3);
    os_close_inherited(4); /* the caller's open files stay the caller's */
    if (why || chdir("/") != 0) {
        os_print(3, "%s: %s", why ? "/dev/null" : "/", why ? why : strerror(errno));
        _exit(1);
    }
}

#define SPAWN_CONFIG_FD 4 /* the daemon's, for a configuration that only we could read */

/* A nameless file. Returns 0 or -1. */
static int spawn_put_config(const struct config *config)
{
    buf path = {0};
    buf_fmt(&path, "%s/config.XXXXXX", config->state);
    int fd = mkstemp(path.p);
    int good = fd >= 0 && unlink(path.p) == 0 &&
               base_write(fd, buf_view(&config->text)) == 0 && lseek(fd, 0, SEEK_SET) == 0 &&
               (fd == SPAWN_CONFIG_FD || dup2(fd, SPAWN_CONFIG_FD) >= 0);
    buf_free(&path);
    return good ? 0 : -1;
}

/* Becomes the daemon: runs between fork and exec, and never returns. */
static void spawn_become(const struct config *config)
{
    static const char *const cookies[] = {CONFIG_COOKIES};
    for (size_t i = 0; i < COUNT_OF(cookies); i++)
        unsetenv(cookies[i]);
    if (config_is_set(config))
        setenv("TELEC_SOCKET", config->socket, 1);
    setenv("TELEC_CONFIG", config->file, 1);
    if (config->is_read_once && spawn_put_config(config) == 0)
        setenv("TELEC_CONFIG", CONFIG_INHERITED "4", 1);
    char *const argv[] = {config->program, "daemon", "--ready-fd", "3", NULL};
    execv(config_program(config), argv);
    os_print(3, "cannot run %s: %s", config->program, strerror(errno));
    _exit(1);
}

static void spawn_find(const struct config *config, struct store_daemon *daemon)
{
    static const char *const locks[] = {STORE_STATE_LOCK, STORE_TWIN_LOCK};
    buf lock = {0};
    *daemon = (struct store_daemon){0};
    for (size_t i = 0; i < COUNT_OF(locks) && !daemon->held; i++) {
        buf_clear(&lock);
        buf_fmt(&lock, "%s%s", config->state, locks[i]);
        store_find_daemon(buf_cstr(&lock), daemon);
    }
    buf_free(&lock);
}

static int spawn_is_absent(int error)
{
    return error == ENOENT || error == ECONNREFUSED || error == ECONNRESET || error == ENOTDIR ||
           error == EACCES; /* in a directory of another user */
}

static int spawn_connect(const struct config *config)
{
    struct store_daemon daemon;
    int fd = conn_connect(config->socket), error = errno;
    if (fd >= 0 || !spawn_is_absent(error))
        return fd;
    spawn_find(config, &daemon);
    if (daemon.socket && (fd = conn_connect(daemon.socket)) < 0 && !spawn_is_absent(errno))
        error = errno;
    free(daemon.socket);
    errno = error;
    return fd;
}

/* Waits, as a process of its own, until a daemon that has the state directory serves a socket, and
 * tells that, or why not. Never returns. */
static void spawn_summon(const struct config *config)
{
    struct store_daemon daemon;
    for (int waited = 0; waited < SPAWN_SUMMON_MS; waited += SPAWN_POLL_MS) {
        if (spawn_connect(config) >= 0) {
            os_print(3, "%c", '\0');
            _exit(0);
        }
        spawn_find(config, &daemon);
        if (daemon.pid > 0 && daemon.remakes && waited % SPAWN_SIGNAL_MS == 0)
            kill(daemon.pid, SIGUSR1);
        free(daemon.socket);
        poll(NULL, 0, SPAWN_POLL_MS);
    }
    buf why = {0};
    spawn_find(config, &daemon);
    store_put_process(&daemon, &why);
    buf_fmt(&why, " has %s" STORE_STATE_LOCK " and does not answer on %s; ", config->state,
            daemon.socket ? daemon.socket : config->socket);
    if (daemon.pid > 0)
        buf_fmt(&why, "telec daemon --stop, or kill %ld, ends it, sessions continue",
                (long)daemon.pid);
    else
        buf_str(&why, "stop it there");
    base_write(3, buf_view(&why));
    _exit(1);
}

static int spawn_daemon(const struct config *config, buf *error)
{
    struct store_daemon daemon;
    int pipe_fds[2];
    spawn_find(config, &daemon);
    free(daemon.socket);
    if (!daemon.held && places_make_state(config, error) != 0)
        return -1;
    int err_fd = spawn_open_log(config);
    if (err_fd < 0 || pipe(pipe_fds) != 0) {
        buf_fmt(error, "cannot open %s/daemon.log: %s", config->state, strerror(errno));
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(pipe_fds[0]);
        if ((pid = fork()) == 0) {
            spawn_detach(pipe_fds[1], err_fd);
            if (daemon.held)
                spawn_summon(config);
            spawn_become(config);
        }
        if (pid < 0)
            os_print(pipe_fds[1], "%s", strerror(errno));
        _exit(0);
    }
    close(pipe_fds[1]);
    close(err_fd);
    if (pid > 0) {
        waitpid(pid, NULL, 0);
        return os_close_on_exec(pipe_fds[0]);
    }
    buf_str(error, strerror(errno));
    close(pipe_fds[0]);
    return -1;
}

/* Returns the process id of the running daemon; 0: none runs, -1: it is in another container. */
static pid_t spawn_pid(const struct config *config, int only_there)
{
    struct store_daemon daemon;
    buf name = {0};
    buf_fmt(&name, "%s" STORE_SOCKET_LOCK, config->socket);
    store_find_daemon(buf_cstr(&name), &daemon);
    if (!daemon.held && !only_there)
        spawn_find(config, &daemon);
    free(daemon.socket);
    buf_free(&name);
    return daemon.pid > 0 ? daemon.pid : -daemon.held;
}

static int spawn_stop(const struct config *config, int only_there, buf *error)
{
    pid_t pid = spawn_pid(config, only_there);
    if (pid < 0)
        buf_fmt(error, "daemon: it runs in another container, and has %s" STORE_STATE_LOCK
                "; stop it there", config->state);
    if (pid <= 0)
        return pid < 0 ? -1 : 1;
    if (kill(pid, SIGTERM) != 0) {
        buf_fmt(error, "daemon: cannot stop process %ld: %s", (long)pid, strerror(errno));
        return -1;
    }
    for (int waited = 0; waited < SPAWN_STOP_MS; waited += SPAWN_POLL_MS) {
        if (spawn_pid(config, only_there) != pid)
            return 0;
        poll(NULL, 0, SPAWN_POLL_MS);
    }
    buf_fmt(error, "daemon: process %ld has not ended after %d s; end it with kill -9 %ld",
            (long)pid, SPAWN_STOP_MS / 1000, (long)pid);
    return -1;
}
