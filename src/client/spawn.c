#include "client.h"

/* spawn - starts a daemon in the background, and stops a running one.
 *
 * The starter is the daemon's grandparent: init adopts the daemon, so nothing has to wait for it.
 * Stopping finds the daemon by the lock on SOCKET.lock. */

#ifndef SPAWN_LOG_MAX
#define SPAWN_LOG_MAX (1024 * 1024) /* bytes of daemon.log from which the next start renames it */
#endif
#ifndef SPAWN_STOP_MS
#define SPAWN_STOP_MS 4000 /* for the daemon to end: twice what it gives its clients */
#endif
#ifndef SPAWN_POLL_MS
#define SPAWN_POLL_MS 10   /* between two looks at its lock: a lock's end is not an event */
#endif

/* Opens the daemon's log, STATE/daemon.log; a large one is renamed to daemon.log.1 before. */
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

/* Becomes the daemon: runs between fork and exec, and never returns. */
static void spawn_become(const struct config *config, int ready_fd, int err_fd)
{
    int null = open("/dev/null", O_RDWR);
    setsid();
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(err_fd, 2) < 0)
        _exit(1);
    if (ready_fd != 3)
        dup2(ready_fd, 3);
    os_close_inherited(4); /* the caller's open files stay the caller's */
    if (chdir("/") != 0)
        _exit(1);
    setenv("TELEC_SOCKET", config->socket, 1);
    setenv("TELEC_CONFIG", config->file, 1);
    execl(config_program(config), config->program, "daemon", "--ready-fd", "3", (char *)NULL);
    _exit(1);
}

static int spawn_daemon(const struct config *config, buf *error)
{
    int pipe_fds[2];
    if (config_make_dirs(config, error) != 0)
        return -1;
    int err_fd = spawn_open_log(config);
    if (err_fd < 0 || pipe(pipe_fds) != 0) {
        buf_fmt(error, "cannot open %s/daemon.log: %s", config->state, strerror(errno));
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(pipe_fds[0]);
        if (fork() == 0)
            spawn_become(config, pipe_fds[1], err_fd);
        _exit(0);
    }
    close(pipe_fds[1]);
    close(err_fd);
    if (pid > 0) {
        waitpid(pid, NULL, 0);
        return os_close_on_exec(pipe_fds[0]);
    }
    buf_fmt(error, "cannot start the daemon: %s", strerror(errno));
    close(pipe_fds[0]);
    return -1;
}

/* The process id of the running daemon; 0: none runs. */
static pid_t spawn_pid(const struct config *config)
{
    buf name = {0};
    buf_fmt(&name, "%s" STORE_SOCKET_LOCK, config->socket);
    pid_t pid;
    store_look_at_lock(buf_cstr(&name), &pid, NULL);
    buf_free(&name);
    return pid;
}

static int spawn_stop(const struct config *config, buf *error)
{
    pid_t pid = spawn_pid(config);
    if (pid <= 0)
        return 1;
    if (kill(pid, SIGTERM) != 0) {
        buf_fmt(error, "daemon: cannot stop process %ld: %s", (long)pid, strerror(errno));
        return -1;
    }
    for (int waited = 0; waited < SPAWN_STOP_MS; waited += SPAWN_POLL_MS) {
        if (spawn_pid(config) != pid)
            return 0;
        poll(NULL, 0, SPAWN_POLL_MS);
    }
    buf_fmt(error, "daemon: process %ld has not ended after %d s; end it with kill -9 %ld",
            (long)pid, SPAWN_STOP_MS / 1000, (long)pid);
    return -1;
}
