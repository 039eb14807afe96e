#include "cli.h"

/* doctor - telec doctor: what this host will do to a session, each point with what mends it.
 *
 * Files are read and tried, no program is run. Redis is the daemon's to judge: /status. */

enum doctor_verdict { DOCTOR_GOOD, DOCTOR_NOTE, DOCTOR_BAD };

struct doctor {
    struct context *c;
    buf text, json;         /* the report, line by line; an open array */
    int bad;
};

/* Adds a point: what was found, and what mends it (NULL: nothing has to be mended). */
static void doctor_say(struct doctor *d, enum doctor_verdict verdict, const char *about,
                       const char *found, const char *mend)
{
    static const char *const marks[] = {"ok  ", "note", "BAD "}, *const words[] = {"ok", "note",
                                                                                   "bad"};
    buf_fmt(&d->text, "%s  %-12s ", marks[verdict], about);
    utf8_put_visible(&d->text, span_of(found));
    buf_byte(&d->text, '\n');
    if (mend)
        buf_fmt(&d->text, "%20s-> %s\n", "", mend);
    json_open(&d->json, '{');
    json_field_string(&d->json, "about", about);
    json_field_string(&d->json, "verdict", words[verdict]);
    json_field_string(&d->json, "found", found);
    json_field_string(&d->json, "mend", mend);
    json_close(&d->json, '}');
    d->bad |= verdict == DOCTOR_BAD;
}

/* Reads a small file; "" when it can't be read. */
static void doctor_read(const char *path, buf *b)
{
    buf_clear(b);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    buf_reserve(b, 16384);
    ssize_t n = fd >= 0 ? read(fd, b->p, 16383) : 0; /* files of /proc say no size */
    b->n = n > 0 ? (size_t)n : 0;
    if (fd >= 0)
        close(fd);
    buf_cstr(b);
}

/* ---- logging out ---------------------------------------------------------------------------- */

/* Returns 1 when logind kills what a user leaves behind. Of several files the last one counts. */
static int doctor_kills(void)
{
    static const char *const places[] = {"/etc/systemd/logind.conf", "/etc/systemd/logind.conf.d",
                                         "/usr/lib/systemd/logind.conf.d",
                                         "/run/systemd/logind.conf.d"};
    int kills = 0;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        DIR *dir = opendir(places[i]);
        struct dirent *entry = NULL;
        while (!dir || (entry = readdir(dir))) {
            buf path = {0}, text = {0};
            buf_str(&path, places[i]);
            if (entry)
                buf_fmt(&path, "/%s", entry->d_name);
            doctor_read(buf_cstr(&path), &text);
            const char *key = text.n ? strstr(text.p, "\nKillUserProcesses=") : NULL;
            if (key)
                kills = strchr("yt1", key[strlen("\nKillUserProcesses=")]) != NULL;
            buf_free(&path), buf_free(&text);
            if (!dir)
                break;
        }
        if (dir)
            closedir(dir);
    }
    return kills;
}

static void doctor_logout(struct doctor *d)
{
    buf path = {0};
    if (access("/run/systemd/system", F_OK) != 0) {
        doctor_say(d, DOCTOR_GOOD, "logout", "no logind here: nothing ends with a login", NULL);
        return;
    }
    buf_fmt(&path, "/var/lib/systemd/linger/%s", config_user(&d->c->config));
    int lingers = access(buf_cstr(&path), F_OK) == 0;
    if (lingers)
        doctor_say(d, DOCTOR_GOOD, "logout", "you linger: sessions outlive your logins", NULL);
    else if (doctor_kills())
        doctor_say(d, DOCTOR_BAD, "logout", "KillUserProcesses=yes: logging out ends sessions",
                   "loginctl enable-linger; telec daemon --unit says how to install the unit");
    else
        doctor_say(d, DOCTOR_NOTE, "logout",
                   "sessions outlive it, the runtime directory does not: it is made again",
                   "loginctl enable-linger keeps it");
    buf_free(&path);
}

/* The control group that a daemon started here would be in: a service's ends with it. */
static void doctor_cgroup(struct doctor *d)
{
    buf text = {0};
    doctor_read("/proc/self/cgroup", &text);
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
    if (is_service && !span_starts(name, "user@"))
        doctor_say(d, DOCTOR_BAD, "cgroup", shown,
                   "sessions started here end with that service: start the daemon elsewhere, or by "
                   "telec daemon --unit");
    else
        doctor_say(d, DOCTOR_GOOD, "cgroup", *shown ? shown : "none: nothing ends with it", NULL);
    free(shown);
    buf_free(&text);
}

/* ---- limits --------------------------------------------------------------------------------- */

static void doctor_limit(struct doctor *d, const char *about, int which, long long needed)
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
    doctor_say(d, few ? DOCTOR_NOTE : DOCTOR_GOOD, about, found,
               few ? "ulimit -H, or /etc/security/limits.conf: each session needs some" : NULL);
}

static void doctor_limits(struct doctor *d)
{
    doctor_limit(d, "descriptors", RLIMIT_NOFILE, 256);
#ifdef RLIMIT_NPROC
    doctor_limit(d, "processes", RLIMIT_NPROC, 100);
#endif
}

/* ---- directories ---------------------------------------------------------------------------- */

/* Appends the type of a path's file system, where /proc/mounts tells it. */
static void doctor_put_type(const char *path, buf *b)
{
    buf mounts = {0};
    span best = {0};
    size_t length = 0;
    doctor_read("/proc/self/mounts", &mounts);
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

/* Tries what telec needs of a directory. Returns why it fails, or NULL. *ms: a synced write. */
static const char *doctor_try(const char *dir, int sockets, long long *ms)
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
    else if (store_write_all(fd, span_of("doctor")) != 0 || fsync(fd) != 0)
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

static void doctor_directory(struct doctor *d, const char *about, const char *dir, int sockets,
                             const char *setting)
{
    struct statvfs room;
    long long ms;
    buf found = {0};
    const char *why = doctor_try(dir, sockets, &ms);
    buf_fmt(&found, "%s: ", dir);
    if (why) {
        buf_str(&found, why);
        doctor_say(d, DOCTOR_BAD, about, buf_cstr(&found), setting);
    } else {
        doctor_put_type(dir, &found);
        buf_fmt(&found, ", a synced write takes %lld ms", ms);
        int is_full = statvfs(dir, &room) == 0 &&
                      ((unsigned long long)room.f_bavail * room.f_frsize < 16 << 20 ||
                       (room.f_files && room.f_favail < 100));
        buf_str(&found, is_full ? ", and hardly any room or inodes are left" : "");
        doctor_say(d, is_full ? DOCTOR_BAD : ms > 500 ? DOCTOR_NOTE : DOCTOR_GOOD, about,
                   buf_cstr(&found), is_full || ms > 500 ? setting : NULL);
    }
    buf_free(&found);
}

static void doctor_directories(struct doctor *d)
{
    struct config *config = &d->c->config;
    buf error = {0};
    if (places_settle(config, config_is_set(config), &error) != 0)
        doctor_say(d, DOCTOR_BAD, "directories", buf_cstr(&error), NULL);
    else {
        if (error.n)
            doctor_say(d, DOCTOR_NOTE, "directories", buf_cstr(&error), NULL);
        if (config_is_foreign_home(getenv("HOME")))
            doctor_say(d, DOCTOR_NOTE, "home", "HOME is another user's: telec's files are root's",
                       "sudo -H, or su -");
        const char *slash = strrchr(config->socket, '/');
        char *runtime = span_dup((span){config->socket, (size_t)(slash - config->socket)});
        doctor_directory(d, "sockets", runtime, 1, "XDG_RUNTIME_DIR or -S SOCKET moves it");
        doctor_directory(d, "state", config->state, 0, "XDG_STATE_HOME moves it");
        free(runtime);
    }
    buf_free(&error);
}

/* ---- what telec knows of this host ---------------------------------------------------------- */

static void doctor_identity(struct doctor *d)
{
    buf boot = {0}, machine = {0};
    os_put_boot(&boot);
    os_put_machine(&machine);
    if (!boot.n)
        doctor_say(d, DOCTOR_NOTE, "boot", "neither its id nor its time can be read",
                   "after a reboot sessions may be shown as unreachable: telec kill --force");
    else
        doctor_say(d, DOCTOR_GOOD, "boot", buf_cstr(&boot), NULL);
    doctor_say(d, DOCTOR_GOOD, "machine", buf_cstr(&machine), NULL);
    if (clock_wall_ms() < 1700000000000LL)
        doctor_say(d, DOCTOR_NOTE, "clock", "it is in the past", "set it: ages are wrong");
    buf_free(&boot), buf_free(&machine);
}

static void doctor_terminal(struct doctor *d)
{
    struct winsize size = {0};
    const char *term = getenv("TERM"), *locale = getenv("LC_ALL");
    locale = locale && *locale ? locale : getenv("LC_CTYPE");
    locale = locale && *locale ? locale : getenv("LANG");
    buf found = {0};
    int utf8 = locale && (strstr(locale, "UTF-8") || strstr(locale, "utf8"));
    if (!isatty(1) && !isatty(0)) {
        doctor_say(d, DOCTOR_NOTE, "terminal", "none here", NULL);
        return;
    }
    ioctl(isatty(1) ? 1 : 0, TIOCGWINSZ, &size);
    buf_fmt(&found, "%s, %d x %d, %s", term && *term ? term : "TERM is not set", size.ws_col,
            size.ws_row, utf8 ? "UTF-8" : "no UTF-8 by the locale");
    doctor_say(d, utf8 && term ? DOCTOR_GOOD : DOCTOR_NOTE, "terminal", buf_cstr(&found),
               utf8 ? NULL : "LANG=C.UTF-8 if this terminal shows UTF-8");
    buf_free(&found);
}

static void doctor_agents(struct doctor *d)
{
    const struct config *config = &d->c->config;
    int found = 0;
    for (int i = 0; i < config->agent_count; i++) {
        const struct agents_row *row = agents_find(config->agents[i].name);
        buf report = {0}, error = {0}, mend = {0};
        int is_there = row && row->resume && config_can_run(config->agents[i].command);
        int lacks = is_there && row->hooks.format &&
                    settings_install(row->name, getenv("HOME"), config->program, SETTINGS_SHOW,
                                     &report, &error) > 0;
        buf_fmt(&mend, "telec hook --install %s --yes", config->agents[i].name);
        if (is_there)
            doctor_say(d, lacks ? DOCTOR_NOTE : DOCTOR_GOOD, config->agents[i].name,
                       lacks ? "it does not report to telec: its state is read from its screen"
                             : "it is installed, and reports",
                       lacks ? buf_cstr(&mend) : NULL);
        found += is_there;
        buf_free(&report), buf_free(&error), buf_free(&mend);
    }
    if (!found)
        doctor_say(d, DOCTOR_NOTE, "agents", "none is on PATH", NULL);
}

static void doctor_redis(struct doctor *d)
{
    struct context *c = d->c;
    buf found = {0};
    if (!c->config.redis_url[0]) {
        doctor_say(d, DOCTOR_GOOD, "redis", "not configured: this computer is alone", NULL);
        return;
    }
    context_send(c, "GET", "/status", NULL);
    struct json redis = c->status == 200 ? json_get(context_reply(c), "redis") : (struct json){0};
    char *state = json_dup_text(json_get(redis, "state"));
    char *why = json_dup_text(json_get(redis, "why"));
    char *address = json_dup_text(json_get(redis, "address"));
    int good = state && strcmp(state, "ready") == 0;
    buf_fmt(&found, "%s: %s", address ? address : "redis",
            state ? state : "the daemon does not answer");
    if (why && *why && !good)
        buf_fmt(&found, ", %s", why);
    doctor_say(d, good ? DOCTOR_GOOD : DOCTOR_BAD, "redis", buf_cstr(&found),
               good ? NULL : "other computers are not seen until it answers: [redis] url");
    free(state), free(why), free(address);
    buf_free(&found);
}

static int doctor_run(struct context *c)
{
    static void (*const checks[])(struct doctor *d) = {
        doctor_logout,   doctor_cgroup,   doctor_limits, doctor_directories,
        doctor_identity, doctor_terminal, doctor_agents, doctor_redis,
    };
    struct doctor d = {.c = c};
    json_open(&d.json, '[');
    for (size_t i = 0; i < COUNT_OF(checks); i++)
        checks[i](&d);
    json_close(&d.json, ']');
    buf_byte(&d.json, '\n');
    int status = context_write(c->value['j'] ? &d.json : &d.text);
    buf_free(c->value['j'] ? &d.text : &d.json);
    return status || d.bad;
}
