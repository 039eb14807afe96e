#include "server.h"

/* daemon - wires the parts together, runs them, shuts down.
 *
 * There is one daemon per socket and per state directory: both are locked, so of two that start at
 * once one ends. The locks' files name its process and socket: a client in another environment
 * finds it by the state directory's. SIGUSR1 asks it to make a socket that is gone again. */

#ifndef DAEMON_STOP_MS
#define DAEMON_STOP_MS 2000 /* at shutdown, for clients to read what is queued for them */
#endif
#ifndef DAEMON_CLAIM_MS
#define DAEMON_CLAIM_MS 1000 /* for a killed daemon's children to close its socket */
#endif

#ifndef DAEMON_LOG_MAX
#define DAEMON_LOG_MAX (1024 * 1024) /* bytes of daemon.log, and of the one before it */
#endif

struct daemon {
    struct config *config;
    struct loop loop;
    struct cache cache;
    struct sessions sessions;
    struct announce announce;
    struct projects projects;
    struct git git;
    struct fleet fleet;
    struct remotes remotes;
    struct requests requests;
    struct httpd httpd;
    struct server server;
    int listening_fd, ready_fd;
    int state_lock, twin_lock, socket_lock; /* descriptors; -1: this file system has no locks */
    ino_t socket_node;           /* of the socket's file, as it was made */
    int stopping, late; /* late: DAEMON_STOP_MS are over, nothing is waited for */
    struct loop_timer stop_timer;
    buf log_path; /* of daemon.log */
    struct disk disk;
};

/* Tells the parts which topics local clients are subscribed to. */
static void daemon_on_interest(void *ctx, unsigned topics)
{
    struct daemon *d = ctx;
    projects_watch(&d->projects, (topics & CACHE_PREPARATION) != 0);
    peers_set_interest(&d->fleet, topics);
}

static void daemon_on_ready(void *ctx)
{
    struct daemon *d = ctx;
    requests_init(&d->requests, &d->loop, d->config, &d->cache, &d->sessions, &d->projects,
                  &d->fleet);
    httpd_accept(&d->httpd, d->listening_fd);
    log_line(LOG_INFO, "serving %zu sessions on %s", d->sessions.count, d->config->socket);
    if (d->ready_fd >= 0) {
        ssize_t n = write(d->ready_fd, "", 1);
        (void)n; /* the starter may have ended */
        close(d->ready_fd);
        d->ready_fd = -1;
    }
}

static void daemon_on_stop_late(void *ctx)
{
    struct daemon *d = ctx;
    httpd_drop_clients(&d->httpd);
    d->late = 1;
}

static void daemon_on_signal(void *ctx, int signo)
{
    struct daemon *d = ctx;
    if (d->stopping)
        return;
    log_line(LOG_INFO, "signal %d: shutting down; sessions keep running", signo);
    d->stopping = 1;
    unlink(d->config->socket);
    httpd_shutdown(&d->httpd);
    peers_leave(&d->fleet);
    loop_timer_in(&d->loop, &d->stop_timer, DAEMON_STOP_MS);
}

/* Appends who has a lock, and what to do about it. */
static void daemon_put_owner(const char *lock, buf *error)
{
    struct store_daemon owner;
    store_find_daemon(lock, &owner);
    buf_str(error, "a daemon is running already: ");
    store_put_process(&owner, error);
    buf_fmt(error, " holds %s", lock);
    if (owner.socket)
        buf_fmt(error, " and serves %s", owner.socket);
    if (owner.socket && owner.pid > 0)
        buf_str(error, "; telec daemon --stop ends it");
    else if (owner.pid > 0)
        buf_fmt(error, "; kill %ld ends it, sessions continue", (long)owner.pid);
    else
        buf_str(error, "; stop it there");
    free(owner.socket);
}

/* Takes a lock that lasts until the process ends; *fd -1: where the file system has no locks, the
 * probe of the socket must do. Returns 0, or -1 with a message. */
static int daemon_lock(const char *path, const char *suffix, int *fd, buf *error)
{
    buf name = {0};
    pid_t pid;
    buf_fmt(&name, "%s%s", path, suffix);
    *fd = store_lock(buf_cstr(&name), &pid);
    if (*fd < 0 && errno == EAGAIN) {
        store_make_own(&name);
        *fd = store_lock(buf_cstr(&name), &pid);
    }
    int fault = *fd < 0 ? errno : 0;
    int none = fault == ENOLCK || fault == ENOSYS || fault == EINVAL || fault == ENOTSUP;
    if (fault == EAGAIN)
        daemon_put_owner(name.p, error);
    else if (none)
        log_line(LOG_WARN, "%s: cannot be locked (%s): start one daemon only", name.p,
                 strerror(fault));
    else if (fault)
        buf_fmt(error, "cannot lock %s: %s", name.p, strerror(fault));
    buf_free(&name);
    return fault && !none ? -1 : 0;
}

/* Returns 1 when a process listens on the socket; a full backlog (EAGAIN) counts. A daemon that was
 * killed while it started a program left its listening socket to that child until the child's exec:
 * a connection then hangs up within DAEMON_CLAIM_MS, and the next one is refused. */
static int daemon_socket_is_live(const struct config *config)
{
    struct pollfd probe = {.fd = conn_connect(config->socket)};
    if (probe.fd < 0)
        return errno == EAGAIN;
    poll(&probe, 1, DAEMON_CLAIM_MS); /* for POLLHUP alone */
    close(probe.fd);
    probe.fd = conn_connect(config->socket);
    if (probe.fd < 0)
        return errno == EAGAIN;
    close(probe.fd);
    return 1;
}

/* Takes the socket's lock and listens. Returns 0, or -1 with a message. */
static int daemon_claim_socket(struct daemon *d, buf *error)
{
    const char *socket = d->config->socket;
    struct stat st = {0};
    if (daemon_lock(socket, STORE_SOCKET_LOCK, &d->socket_lock, error) != 0)
        return -1;
    if (daemon_socket_is_live(d->config)) {
        buf_fmt(error, "something else is serving %s", socket);
        return -1;
    }
    d->listening_fd = places_listen(socket, error);
    if (d->listening_fd < 0)
        return -1;
    lstat(socket, &st);
    d->socket_node = st.st_ino;
    store_put_daemon(d->socket_lock, socket);
    store_put_daemon(d->state_lock, socket);
    store_put_daemon(d->twin_lock, socket);
    return 0;
}

static int daemon_claim(struct daemon *d, buf *error)
{
    if (places_settle(d->config, config_is_set(d->config), error) != 0)
        return -1;
    if (error->n)
        log_line(LOG_WARN, "the socket is %s: %s", d->config->socket, buf_cstr(error));
    buf_clear(error);
    if (daemon_lock(d->config->state, STORE_STATE_LOCK, &d->state_lock, error) != 0)
        return -1;
    int status = daemon_lock(d->config->state, STORE_TWIN_LOCK, &d->twin_lock, error);
    if (status == 0 && (status = daemon_claim_socket(d, error)) != 0)
        close(d->socket_lock), close(d->twin_lock);
    if (status != 0)
        close(d->state_lock);
    return status;
}

/* SIGUSR1: a client found no socket. A runtime directory that can't be made again is left. */
static void daemon_on_summons(void *ctx, int signo)
{
    struct daemon *d = ctx;
    struct stat st;
    buf error = {0};
    int lost = d->listening_fd;
    (void)signo;
    if (d->stopping ||
        (lstat(d->config->socket, &st) == 0 && st.st_ino == d->socket_node))
        return;
    if (places_settle(d->config, 0, &error) != 0 || daemon_claim_socket(d, &error) != 0) {
        log_line(LOG_ERROR, "cannot make the socket again: %s", buf_cstr(&error));
        d->listening_fd = lost;
    } else {
        log_line(LOG_WARN, "the socket was gone; now it is %s", d->config->socket);
        if (d->httpd.listener.fd >= 0) /* else daemon_on_ready does that */
            httpd_accept(&d->httpd, d->listening_fd);
        close(lost);
    }
    buf_free(&error);
}

/* Faults of this host go into the log and to /status: lists say them once. */
static void daemon_note_host(void *ctx, enum host_verdict verdict, const char *about,
                             const char *found, const char *mend)
{
    struct daemon *d = ctx;
    buf line = {0};
    if (verdict != HOST_BAD)
        return;
    buf_fmt(&line, "%s: %s%s%s", about, found, mend ? ": " : "", mend ? mend : "");
    log_line(LOG_WARN, "%s", buf_cstr(&line));
    json_put_string(&d->server.host, buf_view(&line));
    buf_free(&line);
}

static void daemon_check_host(struct daemon *d)
{
    const struct host host = {d->config, daemon_note_host, d, 1};
    json_open(&d->server.host, '[');
    host_check(&host);
    json_close(&d->server.host, ']');
}

static int daemon_may_log(void *ctx)
{
    return disk_answers(ctx);
}

/* Makes the parts in the order in which they use each other. */
static void daemon_open(struct daemon *d)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    struct config *config = d->config;
    buf error = {0};
    d->stop_timer = (struct loop_timer){.fn = daemon_on_stop_late, .ctx = d};
    for (size_t i = 0; i < COUNT_OF(signals); i++)
        loop_on_signal(&d->loop, signals[i], daemon_on_signal, d);
    loop_on_signal(&d->loop, SIGUSR1, daemon_on_summons, d);
    cache_init(&d->cache, httpd_text_frame);
    cache_use_loop(&d->cache, &d->loop);
    httpd_init(&d->httpd, &d->loop, routes_handle, &d->server);
    if (peers_init(&d->fleet, &d->loop, config, &d->cache, &error) != 0)
        log_line(LOG_ERROR, "no other computers: %s", buf_cstr(&error));
    buf_free(&error);
    remote_init(&d->remotes, &d->loop, &d->fleet);
    projects_init(&d->projects, &d->loop, config, &d->cache);
    d->cache.on_interest = daemon_on_interest;
    d->cache.interest_ctx = d;
    routes_init(&d->server, &d->loop, config, &d->cache, &d->sessions, &d->projects, &d->fleet,
                &d->remotes, &d->httpd);
    daemon_check_host(d);
    reached_init(&d->server);
    sessions_init(&d->sessions, &d->loop, config, &d->cache, daemon_on_ready, d);
    announce_init(&d->announce, &d->sessions);
    git_init(&d->git, &d->loop, &d->sessions);
}

static void daemon_close(struct daemon *d)
{
    sessions_stop_waiting(&d->sessions);
    requests_free(&d->requests);
    peers_free(&d->fleet);
    announce_free(&d->announce);
    git_free(&d->git);
    sessions_free(&d->sessions);
    httpd_free(&d->httpd);
    cache_free(&d->cache);
    projects_free(&d->projects);
    log_guard(NULL, NULL);
    d->config->disk = NULL;
    disk_finish(&d->disk, 0);
    loop_free(&d->loop);
    reached_free(&d->server);
    close(d->listening_fd);
    log_open(-1, LOG_INFO);
    buf_free(&d->log_path);
    buf_free(&d->server.host);
}

/* Tells whether requests of other computers, or children that read logs, are in flight. */
static int daemon_is_busy(const struct daemon *d)
{
    return requests_is_busy(&d->requests) || streams_is_busy(&d->fleet.streams) ||
           d->sessions.reading;
}

static int daemon_run(struct config *config, int ready_fd, buf *error)
{
    struct daemon d = {.config = config, .ready_fd = ready_fd};
    signal(SIGUSR1, SIG_IGN); /* until it is handled below */
    if (daemon_claim(&d, error) != 0) {
        ssize_t told = write(ready_fd, error->p, error->n);
        (void)told; /* the starter, if there is one, tells its user */
        return 1;
    }
    buf_fmt(&d.log_path, "%s/daemon.log", config->state);
    log_limit(buf_cstr(&d.log_path), DAEMON_LOG_MAX);
    os_raise_descriptors();
    loop_init(&d.loop); /* from here on a full log file is no signal */
    loop_expect_crowd(&d.loop);
    disk_init(&d.disk, &d.loop, config_program(config), "probe", config->state);
    config->disk = &d.disk;
    log_guard(daemon_may_log, &d.disk);
    log_line(LOG_INFO, "telec %s, process %ld", TELEC_VERSION, (long)getpid());
    daemon_open(&d);
    while (!d.stopping || d.httpd.clients || (!d.late && daemon_is_busy(&d)))
        loop_once(&d.loop);
    log_line(LOG_INFO, "stopped");
    daemon_close(&d);
    return 0;
}
