#include "client.h"

/* ---- in the background ---------------------------------------------------------------------- */

/* The daemon's own log, STATE/daemon.log; one that has grown large becomes daemon.log.1. */
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

/* Runs between fork and exec in a process of its own session. */
static void spawn_become(const struct config *config, int ready_fd, int err_fd)
{
    int null = open("/dev/null", O_RDWR);
    setsid();
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(err_fd, 2) < 0)
        _exit(1);
    if (ready_fd != 3)
        dup2(ready_fd, 3);
    holder_close_inherited(4); /* what the caller's shell had open is none of the daemon's */
    if (chdir("/") != 0)
        _exit(1);
    setenv("TELEC_SOCKET", config->socket, 1);
    setenv("TELEC_CONFIG", config->file, 1);
    execl(config->program, config->program, "daemon", "--ready-fd", "3", (char *)NULL);
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
        if (fork() == 0) /* a grandchild: nobody has to wait for it */
            spawn_become(config, pipe_fds[1], err_fd);
        _exit(0);
    }
    close(pipe_fds[1]);
    close(err_fd);
    if (pid > 0) {
        waitpid(pid, NULL, 0);
        return conn_close_on_exec(pipe_fds[0]);
    }
    buf_fmt(error, "cannot start the daemon: %s", strerror(errno));
    close(pipe_fds[0]);
    return -1;
}

/* The process that holds the daemon's lock; 0: nobody does. */
static pid_t spawn_pid(const struct config *config)
{
    buf name = {0};
    pid_t pid = 0;
    buf_fmt(&name, "%s.lock", config->socket);
    if (access(buf_cstr(&name), F_OK) == 0) {
        int fd = store_lock(name.p, &pid);
        if (fd >= 0)
            close(fd);
    }
    buf_free(&name);
    return pid;
}

static int spawn_stop(const struct config *config, buf *error)
{
    pid_t pid = spawn_pid(config);
    if (pid <= 0)
        return 1;
    if (kill(pid, SIGTERM) != 0) {
        buf_fmt(error, "cannot stop process %ld: %s", (long)pid, strerror(errno));
        return -1;
    }
    for (int waited = 0; waited < SPAWN_STOP_MS * 2; waited += 10) {
        if (spawn_pid(config) != pid)
            return 0;
        poll(NULL, 0, 10);
    }
    buf_fmt(error, "process %ld does not end", (long)pid);
    return -1;
}
