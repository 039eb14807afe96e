#include "system.h"

/* host - what this host will do to sessions: files are read and tried, no program is run. */

#define HOST_FILE_MAX (1 << 20)

static void host_say(const struct host *h, enum host_verdict verdict, const char *about,
                     const char *found, const char *mend)
{
    h->say(h->ctx, verdict, about, found, mend);
}

/* Reads a file; "" when that fails. */
static void host_read(const char *path, buf *b)
{
    buf_clear(b);
    os_read_any(b, path, HOST_FILE_MAX);
    buf_cstr(b);
}

/* ---- logging out ---------------------------------------------------------------------------- */

static const char *const host_logind[] = {"/etc/systemd/logind.conf", "/etc/systemd/logind.conf.d",
                                          "/usr/lib/systemd/logind.conf.d",
                                          "/run/systemd/logind.conf.d"};

/* Returns 1 when logind kills what a user leaves behind. Of several files the last one counts. */
static int host_kills(const char *const *places, size_t count)
{
    int kills = 0;
    for (size_t i = 0; i < count; i++) {
        DIR *dir = opendir(places[i]);
        struct dirent *entry = NULL;
        while (!dir || (entry = readdir(dir))) {
            buf path = {0}, text = {0};
            buf_str(&path, places[i]);
            if (entry)
                buf_fmt(&path, "/%s", entry->d_name);
            host_read(buf_cstr(&path), &text);
            const char *key = span_find(buf_view(&text), "\nKillUserProcesses=");
            if (key)
                kills = memchr("yt1", key[strlen("\nKillUserProcesses=")], 3) != NULL;
            buf_free(&path), buf_free(&text);
            if (!dir)
                break;
        }
        if (dir)
            closedir(dir);
    }
    return kills;
}

static void host_logout(const struct host *h)
{
    buf path = {0};
    if (access("/run/systemd/system", F_OK) != 0) {
        host_say(h, HOST_GOOD, "logout", "no logind here: nothing ends with a login", NULL);
        return;
    }
    buf_fmt(&path, "/var/lib/systemd/linger/%s", config_user(h->config));
    int lingers = access(buf_cstr(&path), F_OK) == 0;
    if (lingers)
        host_say(h, HOST_GOOD, "logout", "you linger: sessions outlive your logins", NULL);
    else if (host_kills(host_logind, COUNT_OF(host_logind)))
        host_say(h, HOST_BAD, "logout", "KillUserProcesses=yes: logging out ends sessions",
                 "loginctl enable-linger; telec daemon --unit says how to install the unit");
    else
        host_say(h, HOST_NOTE, "logout",
                 "sessions outlive it, the runtime directory does not: it is made again",
                 "loginctl enable-linger keeps it");
    buf_free(&path);
}

/* The control group that a daemon started here would be in: a service's ends with it. */
static void host_cgroup(const struct host *h)
{
    buf text = {0};
    host_read("/proc/self/cgroup", &text);
    span line = buf_view(&text), group = {0};
    while (line.n) {
        group = span_cut(&line, '\n');
        if (span_starts(group, "0::"))
            break;
    }
    span name = group;
    for (size_t i = 0; i < group.n; i++)
        if (group.p[i] == '/')
            name = span_sub(group, i + 1);
    char *shown = span_dup(name);
    int is_service = name.n > 8 && memcmp(name.p + name.n - 8, ".service", 8) == 0;
    if (is_service && !span_starts(name, "user@") && !span_starts(name, "telec"))
        host_say(h, HOST_BAD, "cgroup", shown,
                 "sessions started here end with that service: start the daemon elsewhere, or by "
                 "telec daemon --unit");
    else
        host_say(h, HOST_GOOD, "cgroup", *shown ? shown : "none: nothing ends with it", NULL);
    free(shown);
    buf_free(&text);
}

/* ---- limits --------------------------------------------------------------------------------- */

static void host_limit(const struct host *h, const char *about, int which, long long needed)
{
    struct rlimit limit;
    char found[64];
    if (getrlimit(which, &limit) != 0)
        return;
    if (limit.rlim_max == RLIM_INFINITY)
        base_fmt(found, sizeof found, "no limit");
    else
        base_fmt(found, sizeof found, "%lld at most", (long long)limit.rlim_max);
    int few = limit.rlim_max != RLIM_INFINITY && (long long)limit.rlim_max < needed;
    host_say(h, few ? HOST_NOTE : HOST_GOOD, about, found,
             few ? "ulimit -H, or /etc/security/limits.conf: each session needs some" : NULL);
}

static void host_limits(const struct host *h)
{
    host_limit(h, "descriptors", RLIMIT_NOFILE, 256);
#ifdef RLIMIT_NPROC
    host_limit(h, "processes", RLIMIT_NPROC, 100);
#endif
}

/* ---- directories ---------------------------------------------------------------------------- */

/* Appends the type of a path's file system, where /proc/mounts tells it. */
static void host_put_type(const char *path, buf *b)
{
    buf mounts = {0};
    span best = {0};
    size_t length = 0;
    host_read("/proc/self/mounts", &mounts);
    for (span rest = buf_view(&mounts); rest.n;) {
        span line = span_cut(&rest, '\n');
        span_cut(&line, ' ');
        span place = span_cut(&line, ' '), type = span_cut(&line, ' ');
        int within = strlen(path) >= place.n && memcmp(path, place.p, place.n) == 0 &&
                     (place.n == 1 || !path[place.n] || path[place.n] == '/');
        if (within && place.n >= length) {
            length = place.n;
            best = type;
        }
    }
    buf_span(b, best.n ? best : span_of("a file system"));
    buf_free(&mounts);
}

/* Returns why it fails, or NULL. *ms: a synced write. */
static const char *host_try(const char *dir, int sockets, long long *ms)
{
    buf path = {0};
    struct stat st;
    pid_t owner;
    char error[256];
    const char *why = NULL;
    int locked, listening = -1;
    long long begun = clock_mono_ms();
    buf_fmt(&path, "%s/doctor-%ld", dir, (long)getpid());
    int fd = open(buf_cstr(&path), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        why = strerror(errno);
    else if (base_write(fd, span_of("doctor")) != 0 || fsync(fd) != 0)
        why = strerror(errno);
    else if (fstat(fd, &st) != 0 || (st.st_mode & 0777) != 0600)
        why = "it does not keep modes: others may read what is there";
    else if (st.st_uid != geteuid())
        why = "it does not keep owners";
    *ms = clock_mono_ms() - begun;
    if (fd >= 0)
        close(fd);
    if (!why && (locked = store_lock(path.p, &owner)) < 0)
        why = "it has no locks: two daemons could share it";
    unlink(path.p);
    if (!why && sockets && (listening = conn_listen(path.p, error, sizeof error)) < 0)
        why = "it has no sockets";
    if (listening >= 0) {
        close(listening);
        unlink(path.p);
    }
    buf_free(&path);
    return why;
}

static void host_directory(const struct host *h, const char *about, const char *dir, int sockets,
                           const char *setting)
{
    struct statvfs room;
    long long ms = 0;
    buf found = {0};
    const char *why = h->cheap ? NULL : host_try(dir, sockets, &ms);
    buf_fmt(&found, "%s: ", dir);
    if (why) {
        buf_str(&found, why);
        host_say(h, HOST_BAD, about, buf_cstr(&found), setting);
    } else {
        host_put_type(dir, &found);
        buf_fmt(&found, ", a synced write takes %lld ms", ms);
        int is_full = statvfs(dir, &room) == 0 &&
                      ((unsigned long long)room.f_bavail * room.f_frsize < 16 << 20 ||
                       (room.f_files && room.f_favail < 100));
        buf_str(&found, is_full ? ", and hardly any room or inodes are left" : "");
        host_say(h, is_full ? HOST_BAD : ms > 500 ? HOST_NOTE : HOST_GOOD, about,
                 buf_cstr(&found), is_full || ms > 500 ? setting : NULL);
    }
    buf_free(&found);
}

static void host_directories(const struct host *h)
{
    struct config *config = h->config;
    buf error = {0};
    if (!h->cheap && places_settle(config, config_is_set(config), &error) != 0)
        host_say(h, HOST_BAD, "directories", buf_cstr(&error), NULL);
    else {
        if (error.n)
            host_say(h, HOST_NOTE, "directories", buf_cstr(&error), NULL);
        if (config_is_foreign_home(getenv("HOME")))
            host_say(h, HOST_NOTE, "home", "HOME is another user's: telec's files are root's",
                     "sudo -H, or su -");
        const char *slash = strrchr(config->socket, '/');
        char *runtime = span_dup((span){config->socket, (size_t)(slash - config->socket)});
        host_directory(h, "sockets", runtime, 1, "XDG_RUNTIME_DIR or -S SOCKET moves it");
        host_directory(h, "state", config->state, 0, "XDG_STATE_HOME moves it");
        free(runtime);
    }
    buf_free(&error);
}

/* ---- identity ------------------------------------------------------------------------------- */

static void host_identity(const struct host *h)
{
    buf boot = {0}, machine = {0};
    os_put_boot(&boot);
    os_put_machine(&machine);
    if (!boot.n)
        host_say(h, HOST_NOTE, "boot", "neither its id nor its time can be read",
                 "after a reboot sessions may be shown as unreachable: telec kill --force");
    else
        host_say(h, HOST_GOOD, "boot", buf_cstr(&boot), NULL);
    host_say(h, HOST_GOOD, "machine", buf_cstr(&machine), NULL);
    if (clock_wall_ms() < 1700000000000LL)
        host_say(h, HOST_NOTE, "clock", "it is in the past", "set it: ages are wrong");
    buf_free(&boot), buf_free(&machine);
}

static void host_check(const struct host *h)
{
    host_logout(h);
    host_cgroup(h);
    host_limits(h);
    host_directories(h);
    host_identity(h);
}
