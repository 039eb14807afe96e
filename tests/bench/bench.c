/* bench - measures telec beside floors: programs that do the same job with the least code
 * (floor.c).
 *
 *   bench TELEC FLOOR VT DIR [SECTION…]
 *
 * TELEC, FLOOR and VT are built the same way; DIR is an empty directory for everything that they
 * write. Subject and floor take turns in the same run, talk to the same client code below, and are
 * compared by their medians. This program shares no code with telec. */

#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700
#endif
#define _DEFAULT_SOURCE 1
#define _DARWIN_C_SOURCE 1
#define _NETBSD_SOURCE 1
#define __BSD_VISIBLE 1

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#define CLIENTS_MAX 1000  /* subscribers at once */
#define SESSIONS 100      /* real ones, each with its holder */
#define SESSIONS_OLD 1000 /* exited ones, made by writing their files */
#define SESSIONS_ACTED 20 /* whose holder is this program */
#define SESSIONS_FEW 5    /* for the first paint */
#define UPDATE_BYTES 600  /* of one pushed event */
#define UPDATE_GAP_NS                                                                              \
    112e6 /* a session's updates are limited to 10 a second: not two of one sooner */
#define RATE_SLICE_NS 80e6
#define RATE_SLICES 7
#define SPEW_MB 48 /* so much that what a viewer waits for the last line weighs little */
#define SPEW_ROUNDS 8
#define ECHO_KEYS 150
#define ECHO_BURST 200 /* keys in a row */
#define ECHO_BURSTS 25
#define ECHO_WARM 3      /* rounds that do not count */
#define ECHO_TARGET 1.05 /* no slower than tmux, and what two runs of one thing may differ by */
#define IDLE_S 5
#define WAIT_MS 10000 /* for anything to happen */
#define ANSWER_MAX (4 << 20)
#define FILES (3 * CLIENTS_MAX + 200) /* that this program has open */

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* One set of run-time, state and configuration directories: one daemon's world. */
struct home {
    char path[128], holders[160], socket[180];
    pid_t daemon;
    struct home *next;
};

static const char *telec, *floor_program, *dir;
static struct home *homes;
static const char *tmux; /* NULL: there is none */
static char *dtach_file; /* has the pid of dtach's program; NULL: there is none */
static pid_t children[256];
static size_t child_count;
static volatile sig_atomic_t interrupted;
static double *exec_at; /* shared with a child: when it called exec */
static int misses;

static void clean_up(void);

/* ---- small things --------------------------------------------------------------------------- */

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void die(const char *format, ...)
{
    va_list args;
    int error = errno;
    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fprintf(stderr, interrupted ? ": interrupted\n" : ": %s\n", strerror(error));
    va_end(args);
    clean_up();
    exit(1);
}

static void on_signal(int signo)
{
    (void)signo;
    interrupted = 1;
}

/* A path or a text made of parts; lives for the run. */
static char *text_of(const char *format, ...)
{
    va_list args;
    char *s = malloc(4096);
    va_start(args, format);
    vsnprintf(s, 4096, format, args);
    va_end(args);
    return s;
}

static void write_all(int fd, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n) {
        ssize_t some = write(fd, p, n);
        if (some < 0)
            die("write");
        p += some;
        n -= (size_t)some;
    }
}

/* Waits for input; 0 after WAIT_MS. */
static int wait_for(int fd, int ms)
{
    struct pollfd p = {fd, POLLIN, 0};
    int ready = interrupted ? -1 : poll(&p, 1, ms);
    if (ready < 0)
        die("poll");
    return ready;
}

static size_t read_some(int fd, void *p, size_t n)
{
    if (!wait_for(fd, WAIT_MS)) {
        errno = ETIMEDOUT;
        die("read");
    }
    ssize_t got = read(fd, p, n);
    if (got < 0 && errno != EIO)
        die("read");
    return got > 0 ? (size_t)got : 0;
}

static void pause_until(double ns)
{
    double left = ns - now_ns();
    if (left > 0 && poll(NULL, 0, (int)(left / 1e6) + 1) < 0)
        die("poll");
}

static void write_file(const char *path, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0)
        die("%s", path);
    write_all(fd, bytes, n);
    close(fd);
}

/* Finds a text in a stream that comes in pieces. Its first character must not come again inside it
 * but where a mismatch may start it anew. */
struct match {
    const char *text;
    size_t n, seen;
};

static struct match match_of(const char *text)
{
    return (struct match){text, strlen(text), 0};
}

static int match_feed(struct match *m, const char *p, size_t n)
{
    for (size_t i = 0; i < n && m->seen < m->n; i++) {
        if (m->seen == 0) {
            const char *at = memchr(p + i, m->text[0], n - i);
            if (!at)
                break;
            i = (size_t)(at - p);
        }
        if (p[i] == m->text[m->seen])
            m->seen++;
        else
            m->seen = p[i] == m->text[0];
    }
    return m->seen == m->n;
}

static int chosen_count;
static char **chosen;

static int is_chosen(const char *section)
{
    for (int i = 0; i < chosen_count; i++)
        if (strcmp(chosen[i], section) == 0)
            return 1;
    return chosen_count == 0;
}

/* ---- figures -------------------------------------------------------------------------------- */

struct samples {
    double v[2048];
    size_t n;
};

static void sample(struct samples *s, double v)
{
    if (interrupted)
        die("stopped");
    if (s->n < COUNT_OF(s->v))
        s->v[s->n++] = v;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(struct samples *s)
{
    if (!s->n)
        return 0;
    qsort(s->v, s->n, sizeof *s->v, by_value);
    return s->v[s->n / 2];
}

static const char *number(double v)
{
    return text_of(v >= 100 ? "%.0f" : v >= 10 ? "%.1f" : "%.2f", v);
}

static void line(const char *what, const char *figure, const char *beside, const char *ratio,
                 const char *target, const char *verdict)
{
    printf("%-44s %-30s %-12s %-8s %-9s %s\n", what, figure, beside, ratio, target, verdict);
    fflush(stdout);
    misses += strcmp(verdict, "MISS") == 0;
}

enum better { LESS, MORE };

/* A figure beside its floor; target 0: none was set. */
static void report(const char *what, const char *unit, struct samples *subject,
                   struct samples *beside, double target, enum better better)
{
    double s = median(subject), f = median(beside);
    if (!subject->n || !beside->n) {
        line(what, "not measured", "", "", "", target > 0 ? "MISS" : "");
        return;
    }
    double ratio = s / f;
    int met = better == LESS ? ratio <= target : ratio >= target;
    line(what,
         text_of("%s %s (%s-%s)", number(s), unit, number(subject->v[0]),
                 number(subject->v[subject->n - 1])),
         text_of("%s %s", number(f), unit), text_of("%.2fx", ratio),
         target > 0 ? text_of("%s %.2fx", better == LESS ? "<=" : ">=", target) : "",
         target > 0 ? met ? "ok" : "MISS" : "");
}

/* ---- processes ------------------------------------------------------------------------------ */

static void in_child(char *const argv[], int in, int out, int err, const char *tty)
{
    static const int defaults[] = {SIGPIPE, SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < COUNT_OF(defaults); i++)
        signal(defaults[i], SIG_DFL);
#if defined(__linux__)
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* nothing survives a bench that was killed */
#endif
    if (tty) {
        setsid();
        in = out = err = open(tty, O_RDWR);
#ifdef TIOCSCTTY
        ioctl(in, TIOCSCTTY, 0);
#endif
    }
    dup2(in, 0), dup2(out, 1), dup2(err, 2);
    for (int fd = 3; fd < 64; fd++)
        close(fd);
    *exec_at = now_ns();
    execv(argv[0], argv);
    _exit(127);
}

/* Starts a program on the terminal `tty`, or with these descriptors. */
static pid_t start(char *const argv[], int in, int out, int err, const char *tty)
{
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0)
        in_child(argv, in, out, err, tty);
    if (child_count < COUNT_OF(children))
        children[child_count++] = pid;
    return pid;
}

static void forget(pid_t pid)
{
    for (size_t i = 0; i < child_count; i++)
        if (children[i] == pid)
            children[i--] = children[--child_count];
}

static int reap(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    forget(pid);
    return status;
}

/* SIGTERM, and SIGKILL for what ignores it. */
static void stop(pid_t pid)
{
    kill(pid, SIGTERM);
    for (int i = 0; i < 600; i++) {
        if (waitpid(pid, NULL, WNOHANG) == pid) {
            forget(pid);
            return;
        }
        poll(NULL, 0, 5);
    }
    kill(pid, SIGKILL);
    reap(pid);
}

static char *find_program(const char *name)
{
    const char *path = getenv("PATH");
    for (size_t n; path && *path; path += n + (path[n] == ':')) {
        n = strcspn(path, ":");
        char *file = text_of("%.*s/%s", (int)n, path, name);
        if (access(file, X_OK) == 0)
            return file;
        free(file);
    }
    return NULL;
}

static int null_fd(void)
{
    static int fd = -1;
    return fd >= 0 ? fd : (fd = open("/dev/null", O_RDWR | O_CLOEXEC));
}

/* ---- sockets and HTTP ----------------------------------------------------------------------- */

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        die("%s: too long for a socket", path);
    strcpy(address.sun_path, path);
    return address;
}

static int try_connect(const char *path)
{
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        die("socket");
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Connects to what was just started: it may not listen yet. */
static int connect_to(const char *path)
{
    for (double end = now_ns() + WAIT_MS * 1e6; now_ns() < end; poll(NULL, 0, 1)) {
        int fd = try_connect(path);
        if (fd >= 0)
            return fd;
        if (interrupted)
            break;
    }
    die("%s", path);
    return -1;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 16) != 0)
        die("%s", path);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

static char answer[ANSWER_MAX + 1]; /* the last one: head and body */
static size_t answer_head;          /* bytes of its head */

static const char *find(const char *in, size_t n, const char *what)
{
    size_t m = strlen(what);
    for (const char *end = in + n; n >= m && (in = memchr(in, what[0], (size_t)(end - in))); in++) {
        if ((size_t)(end - in) < m)
            return NULL;
        if (memcmp(in, what, m) == 0)
            return in;
    }
    return NULL;
}

/* Reads one answer; its size. */
static size_t http_take(int fd)
{
    size_t n = 0, whole = 0;
    answer_head = 0;
    while (!answer_head || n < whole) {
        ssize_t got = read(fd, answer + n, ANSWER_MAX - n);
        if (got <= 0)
            die("no answer");
        n += (size_t)got;
        const char *end = answer_head ? NULL : find(answer, n, "\r\n\r\n");
        if (!end)
            continue;
        answer_head = (size_t)(end + 4 - answer);
        const char *length = find(answer, answer_head, "Content-Length: ");
        whole = answer_head + (length ? strtoul(length + 16, NULL, 10) : 0);
    }
    answer[n] = '\0';
    return n;
}

static int http_status(void)
{
    return atoi(answer + 9);
}

static void http_put(int fd, const char *method, const char *target, const char *body)
{
    char request[8192];
    int n = snprintf(request, sizeof request,
                     "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s", method,
                     target, strlen(body), body);
    write_all(fd, request, (size_t)n);
}

static size_t http_ask(int fd, const char *method, const char *target, const char *body)
{
    http_put(fd, method, target, body);
    return http_take(fd);
}

/* ---- WebSocket clients ---------------------------------------------------------------------- */

/* A connection that carries frames: a WebSocket's, or a holder's (4 bytes of length, a type). */
struct ws {
    int fd;
    int of_holder;
    unsigned char head[10];
    size_t head_n;
    int closed;         /* a WebSocket's close frame came */
    uint64_t left;      /* of the payload under way */
    long frames;        /* that are complete */
    struct match match; /* what is looked for in the payloads */
};

static size_t ws_head_size(const struct ws *c)
{
    if (c->head_n < 2 || c->of_holder)
        return c->of_holder ? 5 : 2;
    return (c->head[1] & 127) < 126 ? 2 : (c->head[1] & 127) == 126 ? 4 : 10;
}

static uint64_t ws_length(const struct ws *c)
{
    size_t size = ws_head_size(c);
    uint64_t n = 0;
    if (size == 2)
        return c->head[1] & 127;
    for (size_t i = c->of_holder ? 0 : 2; i < (c->of_holder ? 4 : size); i++)
        n = n << 8 | c->head[i];
    return n;
}

static void ws_feed(struct ws *c, const char *p, size_t n)
{
    while (n) {
        if (c->head_n < ws_head_size(c)) {
            c->head[c->head_n++] = (unsigned char)*p++;
            n--;
            if (c->head_n < 2 || c->head_n < ws_head_size(c))
                continue;
            c->left = ws_length(c);
        }
        size_t some = c->left < n ? (size_t)c->left : n;
        if (c->match.n)
            match_feed(&c->match, p, some);
        p += some;
        n -= some;
        c->left -= some;
        if (c->left == 0) {
            c->closed |= !c->of_holder && (c->head[0] & 15) == 8;
            c->frames++, c->head_n = 0;
        }
    }
}

static void ws_read(struct ws *c)
{
    static char bytes[1 << 16];
    size_t n = read_some(c->fd, bytes, sizeof bytes);
    if (!n)
        die("a subscriber was disconnected");
    ws_feed(c, bytes, n);
}

static void ws_put(struct ws *c, int opcode, const char *payload)
{
    char frame[256];
    size_t n = strlen(payload); /* below 126 here; a mask of zeros is a mask */
    frame[0] = (char)(0x80 | opcode);
    frame[1] = (char)(0x80 | n);
    memset(frame + 2, 0, 4);
    memcpy(frame + 6, payload, n);
    write_all(c->fd, frame, n + 6);
}

static void ws_open(struct ws *c, const char *socket_path, const char *target)
{
    char in[4096];
    size_t n = 0;
    const char *end = NULL;
    *c = (struct ws){.fd = connect_to(socket_path)};
    char *request = text_of(
        "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        target);
    write_all(c->fd, request, strlen(request));
    free(request);
    while (!end && n < sizeof in) {
        n += read_some(c->fd, in + n, sizeof in - n);
        end = find(in, n, "\r\n\r\n");
    }
    if (!end || strncmp(in, "HTTP/1.1 101", 12) != 0)
        die("%s: no WebSocket", target);
    ws_feed(c, end + 4, n - (size_t)(end + 4 - in));
}

/* Subscribers of one server, and the table that waits for them. */
struct crowd {
    struct ws *clients;
    struct pollfd *polls;
    int count;
};

static struct crowd crowd_open(const char *socket_path, int count)
{
    struct crowd crowd = {calloc((size_t)count, sizeof *crowd.clients),
                          calloc((size_t)count, sizeof *crowd.polls), count};
    for (int i = 0; i < count; i++) {
        struct ws *c = &crowd.clients[i];
        ws_open(c, socket_path, "/ws");
        ws_put(c, 1, "{\"subscribe\":\"sessions\"}");
        while (!c->frames) /* its initial state */
            ws_read(c);
        crowd.polls[i].events = POLLIN;
    }
    return crowd;
}

static void crowd_close(struct crowd *crowd)
{
    for (int i = 0; i < crowd->count; i++)
        close(crowd->clients[i].fd);
    free(crowd->clients);
    free(crowd->polls);
}

static void crowd_arm(struct crowd *crowd, const char *token)
{
    for (int i = 0; i < crowd->count; i++) {
        crowd->clients[i].frames = 0;
        crowd->clients[i].match = token ? match_of(token) : (struct match){0};
        crowd->polls[i].fd = crowd->clients[i].fd;
    }
}

/* Until every client has a frame, or the one with the token. */
static void crowd_wait(struct crowd *crowd)
{
    for (int due = crowd->count; due > 0;) {
        if (poll(crowd->polls, (nfds_t)crowd->count, WAIT_MS) <= 0)
            die("%d of %d subscribers did not get an update", due, crowd->count);
        for (int i = 0; i < crowd->count; i++) {
            struct ws *c = &crowd->clients[i];
            if (!crowd->polls[i].revents)
                continue;
            ws_read(c);
            if (c->match.n ? c->match.seen < c->match.n : !c->frames)
                continue;
            crowd->polls[i].fd = -1;
            crowd->polls[i].revents = 0;
            due--;
        }
    }
}

/* ---- a daemon and its sessions -------------------------------------------------------------- */

static struct home *home_new(const char *name)
{
    static const char *const parts[] = {"",    "/r",        "/r/telec",           "/r/telec/s",
                                        "/st", "/st/telec", "/st/telec/sessions", "/c"};
    struct home *h = calloc(1, sizeof *h);
    snprintf(h->path, sizeof h->path, "%s/%s", dir, name);
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (mkdir(text_of("%s%s", h->path, parts[i]), 0700) != 0)
            die("%s%s", h->path, parts[i]);
    snprintf(h->holders, sizeof h->holders, "%s/r/telec/s", h->path);
    snprintf(h->socket, sizeof h->socket, "%s/r/telec/api.sock", h->path);
    h->next = homes;
    homes = h;
    setenv("HOME", h->path, 1);
    setenv("XDG_RUNTIME_DIR", text_of("%s/r", h->path), 1);
    setenv("XDG_STATE_HOME", text_of("%s/st", h->path), 1);
    setenv("XDG_CONFIG_HOME", text_of("%s/c", h->path), 1);
    return h;
}

static void home_start(struct home *h)
{
    char *const argv[] = {(char *)telec, "daemon", NULL};
    int err =
        open(text_of("%s/daemon.err", h->path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    h->daemon = start(argv, null_fd(), err, err, NULL);
    close(err);
}

/* Ends every session through its holder's socket, and waits for it. */
static void end_sessions(struct home *h)
{
    static int fds[SESSIONS_OLD];
    int count = 0;
    DIR *holders = opendir(h->holders);
    struct dirent *entry;
    while (holders && count < SESSIONS_OLD && (entry = readdir(holders))) {
        char *path = text_of("%s/%s", h->holders, entry->d_name);
        int fd = entry->d_name[0] == '.' ? -1 : try_connect(path);
        if (fd >= 0 && write(fd, "\0\0\0\0k", 5) == 5)
            fds[count++] = fd;
        free(path);
    }
    if (holders)
        closedir(holders);
    for (int i = 0; i < count; i++) {
        char bytes[4096];
        struct pollfd p = {fds[i], POLLIN, 0};
        while (poll(&p, 1, 5000) > 0 && read(fds[i], bytes, sizeof bytes) > 0)
            ;
        close(fds[i]);
    }
}

static void home_end(struct home *h)
{
    if (h->daemon)
        stop(h->daemon);
    h->daemon = 0;
    end_sessions(h);
}

/* A command to a tmux server of our own, with up to two arguments. */
static int tmux_run(char *command, char *argument, char *other)
{
    char *const argv[] = {(char *)tmux, "-L", "bench", "-f", "/dev/null", command, argument, other,
                          NULL};
    return reap(start(argv, null_fd(), null_fd(), 2, NULL));
}

/* The server is no child of ours any more: it ends only when told. */
static void tmux_end(void)
{
    if (tmux)
        tmux_run("kill-server", NULL, NULL);
    tmux = NULL;
}

/* dtach ends with its program, which is no child of ours. */
static void dtach_end(void)
{
    char text[32] = "";
    int fd = dtach_file ? open(dtach_file, O_RDONLY) : -1;
    if (fd >= 0 && read(fd, text, sizeof text - 1) > 0 && atol(text) > 1)
        kill((pid_t)atol(text), SIGKILL);
    if (fd >= 0)
        close(fd);
    dtach_file = NULL;
}

static void clean_up(void)
{
    static int cleaning;
    if (cleaning++)
        return;
    interrupted = 0;
    tmux_end();
    dtach_end();
    for (struct home *h = homes; h; h = h->next)
        end_sessions(h);
    while (child_count)
        stop(children[child_count - 1]);
    while (waitpid(-1, NULL, WNOHANG) > 0) /* holders: see adopt_orphans */
        ;
}

/* Starts a session; its id lives for the run. `command` is a JSON array. */
static char *session_start(int fd, const char *title, const char *command)
{
    char *body =
        text_of("{\"computer\":\"local\",\"project_dir\":\"/tmp\",\"title\":\"%s\",\"command\":%s}",
                title, command);
    http_ask(fd, "POST", "/sessions", body);
    const char *id = http_status() == 200 ? strstr(answer, "\"session_id\":\"") : NULL;
    if (!id)
        die("POST /sessions: %s", answer);
    free(body);
    return text_of("%.36s", id + 14);
}

static void session_wait_idle(int fd, const char *id)
{
    for (double end = now_ns() + WAIT_MS * 1e6; now_ns() < end; poll(NULL, 0, 50)) {
        http_ask(fd, "GET", text_of("/sessions/%s", id), "");
        if (strstr(answer, "\"state\":\"idle\""))
            return;
    }
    die("session %s does not become idle", id);
}

/* ---- what /proc tells ----------------------------------------------------------------------- */

/* The number behind `key` in /proc/PID/FILE, all occurrences added; -1: not on this system. */
static long long proc_number(pid_t pid, const char *file, const char *key)
{
    char path[64], text[256];
    long long sum = -1;
    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, file);
    FILE *f = fopen(path, "r");
    while (f && fgets(text, sizeof text, f))
        if (strncmp(text, key, strlen(key)) == 0)
            sum = (sum < 0 ? 0 : sum) + atoll(text + strlen(key));
    if (f)
        fclose(f);
    return sum;
}

static double private_kb(pid_t pid)
{
    return (double)(proc_number(pid, "smaps_rollup", "Private_Clean:") +
                    proc_number(pid, "smaps_rollup", "Private_Dirty:"));
}

static void report_memory(const char *what, pid_t pid, double target_kb)
{
    double own = private_kb(pid);
    if (pid <= 0 || own < 0) {
        line(what, "not measured", "", "", "", target_kb > 0 ? "MISS" : "");
        return;
    }
    line(what,
         text_of("%lld KB resident, %.0f KB private", proc_number(pid, "status", "VmRSS:"), own),
         "", "", target_kb > 0 ? text_of("<= %.0f KB", target_kb) : "",
         target_kb > 0 ? own <= target_kb ? "ok" : "MISS" : "");
}

/* CPU time so far; 0 where the system does not tell. */
static double cpu_ns(pid_t pid)
{
    double ns = 0;
    char *path = text_of("/proc/%ld/schedstat", (long)pid);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%lf", &ns) != 1)
        ns = 0;
    if (f)
        fclose(f);
    free(path);
    return ns;
}

static void report_cpu(const char *what, double subject_ns, double floor_ns)
{
    if (subject_ns > 0 && floor_ns > 0)
        line(what, text_of("%s us", number(subject_ns / 1e3)),
             text_of("%s us", number(floor_ns / 1e3)), text_of("%.2fx", subject_ns / floor_ns), "",
             "");
}

/* The holder of a session: `telec hold ID`. 0: not found. */
static pid_t find_holder(const char *id)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;
    while (proc && !found && (entry = readdir(proc))) {
        char text[512];
        char *path = text_of("/proc/%s/cmdline", entry->d_name);
        int fd = open(path, O_RDONLY);
        ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : 0;
        if (n > 0 && find(text, (size_t)n, id) && find(text, (size_t)n, "hold"))
            found = (pid_t)atol(entry->d_name);
        if (fd >= 0)
            close(fd);
        free(path);
    }
    if (proc)
        closedir(proc);
    return found;
}

/* ---- terminals ------------------------------------------------------------------------------ */

struct terminal {
    int master, slave;
    char *name;
};

static struct terminal terminal_open(int cols, int rows)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    struct terminal t = {.master = posix_openpt(O_RDWR | O_NOCTTY)};
    if (t.master < 0 || grantpt(t.master) != 0 || unlockpt(t.master) != 0)
        die("no pseudo-terminal");
    t.name = text_of("%s", ptsname(t.master));
    t.slave = open(t.name, O_RDWR | O_NOCTTY);
    ioctl(t.master, TIOCSWINSZ, &size);
    fcntl(t.master, F_SETFD, FD_CLOEXEC);
    fcntl(t.slave, F_SETFD, FD_CLOEXEC);
    return t;
}

static void terminal_close(struct terminal *t)
{
    close(t->slave);
    close(t->master);
    free(t->name);
}

/* Reads the terminal until `token` shows; 1, or 0: the program ended, or nothing came. */
static int terminal_await(struct terminal *t, pid_t pid, const char *token, int ms)
{
    static char bytes[1 << 16];
    struct match match = match_of(token);
    double end = now_ns() + ms * 1e6;
    while (now_ns() < end) {
        if (wait_for(t->master, 50)) {
            ssize_t n = read(t->master, bytes, sizeof bytes);
            if (n > 0 && match_feed(&match, bytes, (size_t)n))
                return 1;
        } else if (waitpid(pid, NULL, WNOHANG) == pid) {
            forget(pid);
            return 0;
        }
    }
    return 0;
}

/* Reads on until the program has gone. */
static void terminal_outlive(struct terminal *t, pid_t pid)
{
    static char bytes[1 << 16];
    for (double end = now_ns() + 1e9; now_ns() < end;) {
        if (waitpid(pid, NULL, WNOHANG) == pid) {
            forget(pid);
            return;
        }
        if (wait_for(t->master, 1) && read(t->master, bytes, sizeof bytes) < 0)
            break;
    }
    stop(pid);
}

/* ---- memory, request rate ------------------------------------------------------------------- */

/* Requests a second over `connections`, all of them busy. */
static double rate_slice(const int *fds, int connections)
{
    double begin = now_ns(), spent = 0;
    long done = 0;
    for (; spent < RATE_SLICE_NS; spent = now_ns() - begin) {
        for (int i = 0; i < connections; i++)
            http_put(fds[i], "GET", "/sessions", "");
        for (int i = 0; i < connections; i++, done++)
            http_take(fds[i]);
    }
    return (double)done / spent * 1e9;
}

/* `what` is reported of telec, and of the program of `floor_pid` at the socket `beside`. */
static void measure_rate_over(struct home *h, const char *beside, pid_t floor_pid, const char *what,
                              double target, int connections)
{
    int subject[8], other[8];
    struct samples s = {.n = 0}, f = {.n = 0};
    double cpu[2] = {cpu_ns(h->daemon), cpu_ns(floor_pid)}, requests[2] = {0, 0};
    for (int i = 0; i < connections; i++)
        subject[i] = connect_to(h->socket), other[i] = connect_to(beside);
    for (int i = 0; i < RATE_SLICES; i++) {
        sample(&s, rate_slice(subject, connections));
        sample(&f, rate_slice(other, connections));
        requests[0] += s.v[i] * RATE_SLICE_NS / 1e9;
        requests[1] += f.v[i] * RATE_SLICE_NS / 1e9;
    }
    cpu[0] = (cpu_ns(h->daemon) - cpu[0]) / requests[0];
    cpu[1] = (cpu_ns(floor_pid) - cpu[1]) / requests[1];
    for (int i = 0; i < connections; i++)
        close(subject[i]), close(other[i]);
    report(text_of("%s, %d connection%s", what, connections, connections > 1 ? "s" : ""), "/s", &s,
           &f, target, MORE);
    report_cpu("    CPU of one", cpu[0], cpu[1]);
}

/* nginx, one process, serves the body of the last answer as the file /sessions. */
static void measure_nginx(struct home *h)
{
    static const char *const temporary[] = {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"};
    char *program = find_program("nginx"), *config = text_of("%s/nginx.conf", h->path);
    char *path = text_of("%s/nginx.sock", h->path), *temp = text_of("");
    if (!program && access("/usr/sbin/nginx", X_OK) == 0)
        program = text_of("/usr/sbin/nginx");
    if (!program) {
        puts("    (nginx is not installed)");
        return;
    }
    for (size_t i = 0; i < COUNT_OF(temporary); i++)
        temp = text_of("%s %s_temp_path %s/nginx;", temp, temporary[i], h->path);
    char *text = text_of("daemon off; master_process off; pid %s/nginx.pid;\n"
                         "error_log %s/nginx.log; events {}\n"
                         "http { access_log off; keepalive_requests 100000000; sendfile on;%s\n"
                         "default_type application/json; open_file_cache max=9;\n"
                         "server { listen unix:%s; root %s; } }\n",
                         h->path, h->path, temp, path, h->path);
    char *const argv[] = {program, "-c", config, "-e", text_of("%s/nginx.log", h->path), NULL};
    char *file = text_of("%s/sessions", h->path);
    write_file(config, text, strlen(text));
    write_file(file, answer + answer_head, strlen(answer + answer_head));
    pid_t pid = start(argv, null_fd(), null_fd(), 2, NULL);
    int fd = connect_to(path);
    http_ask(fd, "GET", "/sessions", "");
    if (http_status() != 200)
        die("nginx answers %d", http_status());
    close(fd);
    measure_rate_over(h, path, pid, "    beside nginx and a file", 0, 1);
    measure_rate_over(h, path, pid, "    beside nginx and a file", 0, 8);
    stop(pid);
}

static void measure_rate(struct home *h, int sessions)
{
    char *file = text_of("%s/answer", h->path), *path = text_of("%s/serve.sock", h->path);
    char *what = text_of("GET /sessions, %d of them", sessions);
    int fd = connect_to(h->socket);
    size_t n = http_ask(fd, "GET", "/sessions", "");
    write_file(file, answer, n);
    char *const argv[] = {(char *)floor_program, "serve", path, file, NULL};
    pid_t pid = start(argv, null_fd(), null_fd(), 2, NULL);
    printf("    (an answer of %zu bytes)\n", n);
    measure_rate_over(h, path, pid, what, 0.8, 1);
    measure_rate_over(h, path, pid, what, 0.8, 8);
    stop(pid);
    http_ask(fd, "GET", "/sessions", "");
    close(fd);
    measure_nginx(h);
}

/* Exited sessions, as the daemon itself would have left them. */
static void write_old_sessions(struct home *h, int count)
{
    static const char record[] =
        "{\"session_id\":\"%s\",\"origin_adapter\":\"rest\",\"title\":\"Old session "
        "%04d\",\"working_directory\":"
        "\"/tmp/project-%d\",\"thinking_mode\":null,\"active_agent\":null,\"command\":\"make -j4 "
        "all\",\"created_at\":"
        "\"2026-01-31T10:%02d:%02d.123+00:00\",\"initiator_session_id\":null,\"ending\":false}";
    static const char end[] =
        "{\"pid\":1,\"state\":\"exited\",\"state_source\":\"exit\",\"state_since\":\"2026-01-31T11:"
        "00:00.000+00:00\","
        "\"last_activity\":\"2026-01-31T11:00:00.000+00:00\",\"last_input\":null,\"last_output\":"
        "\"gcc -O2 -c part.c -o part.o: done\",\"cols\":80,\"rows\":24,\"exit_code\":0}";
    for (int i = 0; i < count; i++) {
        char *id = text_of("00000000-0000-4000-8000-%012d", i);
        char *path = text_of("%s/st/telec/sessions/%s", h->path, id);
        char *text = text_of(record, id, i, i % 10, i / 60 % 60, i % 60);
        char *file = text_of("%s/record.json", path), *other = text_of("%s/exit.json", path);
        if (mkdir(path, 0700) != 0)
            die("%s", path);
        write_file(file, text, strlen(text));
        write_file(other, end, sizeof end - 1);
        free(id), free(path), free(text), free(file), free(other);
    }
}

static void measure_old(void)
{
    struct home *h = home_new("old");
    write_old_sessions(h, SESSIONS_OLD);
    home_start(h);
    close(connect_to(h->socket));
    report_memory("daemon, 1000 exited sessions (from files)", h->daemon, 0);
    measure_rate(h, SESSIONS_OLD);
    home_end(h);
}

/* ---- fan-out -------------------------------------------------------------------------------- */

/* A session whose holder is this program: an update begins with one status frame from here. */
struct acted {
    char *id, *socket;
    int listener, fd;
    double used_at;
};

static struct acted acted[SESSIONS_ACTED];

/* A status frame of a holder that makes an event of UPDATE_BYTES bytes. */
static size_t acted_status(char *out, size_t size, int number)
{
    static const char format[] = "{\"pid\":1,\"state\":\"working\",\"state_source\":\"output\","
                                 "\"state_since\":\"2026-01-31T11:00:00.000+00:00\","
                                 "\"last_activity\":\"2026-01-31T11:00:00.000+00:00\",\"last_"
                                 "input\":null,\"last_output\":\"%s %06d\","
                                 "\"cols\":80,\"rows\":24,\"exit_code\":null}";
    int n = snprintf(out + 5, size - 5, format, "a line that the program wrote, like this", number);
    for (int i = 0; i < 4; i++)
        out[i] = (char)(n >> (24 - 8 * i) & 0xff);
    out[4] = 'S';
    return (size_t)n + 5;
}

static void acted_make(struct home *h)
{
    static const char record[] =
        "{\"session_id\":\"%s\",\"origin_adapter\":\"rest\",\"title\":\"Session "
        "%02d\",\"working_directory\":\"/tmp\","
        "\"thinking_mode\":null,\"active_agent\":null,\"command\":\"true\",\"created_at\":"
        "\"2026-01-31T10:00:%02d.123+00:00\",\"initiator_session_id\":null,\"ending\":false}";
    for (int i = 0; i < SESSIONS_ACTED; i++) {
        struct acted *a = &acted[i];
        *a = (struct acted){.id = text_of("00000000-0000-4000-8000-%012d", i)};
        a->socket = text_of("%s/%s.sock", h->holders, a->id);
        char *path = text_of("%s/st/telec/sessions/%s", h->path, a->id);
        char *text = text_of(record, a->id, i, i);
        mkdir(path, 0700);
        write_file(text_of("%s/record.json", path), text, strlen(text));
        a->listener = listen_at(a->socket);
    }
}

/* The daemon has started: it connects to every holder and asks for its status. */
static void acted_answer(void)
{
    char bytes[1024];
    for (int i = 0; i < SESSIONS_ACTED; i++) {
        struct acted *a = &acted[i];
        if (!wait_for(a->listener, WAIT_MS) || (a->fd = accept(a->listener, NULL, NULL)) < 0)
            die("the daemon does not connect to %s", a->socket);
        fcntl(a->fd, F_SETFD, FD_CLOEXEC);
        read_some(a->fd, bytes, sizeof bytes);
        write_all(a->fd, bytes, acted_status(bytes, sizeof bytes, 0));
        close(a->listener);
        unlink(a->socket);
    }
}

static double update_once(struct crowd *crowd, int trigger, const char *bytes, size_t n)
{
    crowd_arm(crowd, NULL);
    double begin = now_ns();
    write_all(trigger, bytes, n);
    crowd_wait(crowd);
    return now_ns() - begin;
}

/* The bytes of one update as a subscriber gets them. */
static size_t update_capture(struct home *h, char *out, size_t size)
{
    char bytes[1024];
    struct crowd one = crowd_open(h->socket, 1);
    while (wait_for(one.clients[0].fd, 200)) /* the sessions' first updates */
        ws_read(&one.clients[0]);
    write_all(acted[0].fd, bytes, acted_status(bytes, sizeof bytes, 1));
    size_t n = read_some(one.clients[0].fd, out, size);
    crowd_close(&one);
    acted[0].used_at = now_ns();
    return n;
}

static struct acted *acted_next(void)
{
    static int turn;
    struct acted *a = &acted[turn++ % SESSIONS_ACTED];
    pause_until(a->used_at + UPDATE_GAP_NS);
    return a;
}

/* A bare fan-out: its clients, and the connection that makes it write. */
struct fan {
    pid_t pid;
    struct crowd crowd;
    int trigger;
    double cpu;
    struct samples samples;
};

static void fan_open(struct fan *f, const char *path, const char *frame_file, int clients,
                     char *idle)
{
    char *const argv[] = {(char *)floor_program, "fan", (char *)path,
                          (char *)frame_file,    idle,  NULL};
    f->pid = start(argv, null_fd(), null_fd(), 2, NULL);
    f->crowd = crowd_open(path, clients);
    f->trigger = connect_to(path);
    f->samples.n = 0;
    update_once(&f->crowd, f->trigger, "begin", 5);
    f->cpu = cpu_ns(f->pid);
}

static void fan_close(struct fan *f)
{
    close(f->trigger);
    stop(f->pid);
    crowd_close(&f->crowd);
}

/* Beside a bare loop of writes and, the floor, beside one that waits in poll() for as many
 * descriptors as the daemon has. They take turns, each of them first as often. */
static void measure_fan_over(struct home *h, const char *frame_file, int clients, int rounds)
{
    static struct fan bare, polling;
    static int number = 1;
    struct crowd subject = crowd_open(h->socket, clients);
    struct samples s = {.n = 0};
    char bytes[1024];
    fan_open(&bare, text_of("%s/bare-%d.sock", h->path, clients), frame_file, clients, NULL);
    fan_open(&polling, text_of("%s/poll-%d.sock", h->path, clients), frame_file, clients,
             text_of("%d", SESSIONS_ACTED + 2));
    double cpu = cpu_ns(h->daemon);
    for (int i = 0; i < rounds; i++) {
        struct acted *a = acted_next();
        size_t n = acted_status(bytes, sizeof bytes, ++number);
        for (int turn = i; turn < i + 3; turn++) {
            struct fan *f = turn % 3 == 1 ? &bare : &polling;
            struct samples *of = turn % 3 ? &f->samples : &s;
            struct crowd *crowd = turn % 3 ? &f->crowd : &subject;
            sample(of, update_once(crowd, turn % 3 ? f->trigger : a->fd, bytes, n) / 1e3);
        }
        a->used_at = now_ns();
    }
    report(text_of("one update to %d client%s", clients, clients > 1 ? "s" : ""), "us", &s,
           &bare.samples, 0, LESS);
    report_cpu("    CPU of it", (cpu_ns(h->daemon) - cpu) / rounds,
               (cpu_ns(bare.pid) - bare.cpu) / rounds);
    report("    beside a loop that polls as many sockets", "us", &s, &polling.samples, 1.1, LESS);
    if (clients == CLIENTS_MAX)
        report_memory("daemon, 1000 subscribers", h->daemon, 0);
    fan_close(&bare);
    fan_close(&polling);
    crowd_close(&subject);
}

static void measure_fan(void)
{
    struct home *h = home_new("fan");
    char frame[4096];
    char *file = text_of("%s/frame", h->path);
    acted_make(h);
    home_start(h);
    acted_answer();
    size_t n = update_capture(h, frame, sizeof frame);
    write_file(file, frame, n);
    printf("    (an update of %zu bytes; it begins with a status frame of a session's holder, "
           "played by the bench)\n",
           n);
    measure_fan_over(h, file, 1, 200);
    measure_fan_over(h, file, 100, 200);
    measure_fan_over(h, file, CLIENTS_MAX, 120);
    home_end(h);
}

/* ---- real sessions -------------------------------------------------------------------------- */

/* POST …/event, through the session's holder and back, until the last client has it. */
static double event_once(struct crowd *crowd, int fd, const char *id, int number)
{
    char token[32], target[80], body[120];
    snprintf(token, sizeof token, "~bench-%06d", number);
    snprintf(target, sizeof target, "/sessions/%s/event", id);
    snprintf(body, sizeof body, "{\"type\":\"%s\",\"text\":\"%s\"}",
             number & 1 ? "prompt" : "notification", token);
    crowd_arm(crowd, token);
    double begin = now_ns();
    http_put(fd, "POST", target, body);
    crowd_wait(crowd);
    double spent = now_ns() - begin;
    http_take(fd);
    if (http_status() != 200)
        die("POST %s: %s", target, answer);
    return spent;
}

static void measure_event(struct home *h, char *const *ids, int count, int clients)
{
    static double used_at[SESSIONS];
    static int turns[SESSIONS];
    struct crowd crowd = crowd_open(h->socket, clients);
    struct samples s = {.n = 0};
    int fd = connect_to(h->socket);
    for (int i = 0; i < 100; i++) {
        int turn = i % count;
        pause_until(used_at[turn] + UPDATE_GAP_NS);
        sample(&s, event_once(&crowd, fd, ids[turn], ++turns[turn]) / 1e3);
        used_at[turn] = now_ns();
    }
    double m = median(&s);
    line(text_of("POST event, by its holder, to %d client%s", clients, clients > 1 ? "s" : ""),
         text_of("%s us (%s-%s)", number(m), number(s.v[0]), number(s.v[s.n - 1])), "", "", "", "");
    close(fd);
    crowd_close(&crowd);
}

/* Wake-ups of each in IDLE_S seconds. What counted any is looked at once more: a UI renews the ages
 * it shows once a minute, and that may fall into one of the two. */
static void measure_idle(const char *const *names, const pid_t *pids, size_t count)
{
    static const char key[] = "voluntary_ctxt_switches:";
    long long woken[8] = {0};
    for (int again = 0, due = 1; again < 2 && due; again++) {
        long long before[8];
        for (size_t i = 0; i < count; i++)
            before[i] = proc_number(pids[i], "status", key);
        pause_until(now_ns() + IDLE_S * 1e9);
        due = 0;
        for (size_t i = 0; i < count; i++) {
            long long n = proc_number(pids[i], "status", key) - before[i];
            woken[i] = again && woken[i] < n ? woken[i] : n;
            due |= woken[i] > 0;
        }
    }
    for (size_t i = 0; i < count; i++)
        if (pids[i] > 0)
            line(text_of("%s, idle for %d s", names[i], IDLE_S), text_of("%lld wake-ups", woken[i]),
                 "", "", "0", woken[i] ? "MISS" : "ok");
        else
            line(text_of("%s, idle for %d s", names[i], IDLE_S), "not measured", "", "", "0",
                 "MISS");
}

/* ---- a program's output --------------------------------------------------------------------- */

/* Who looks at it: a WebSocket through the daemon, a client of the holder, a reader of the bare
 * terminal. */
enum view { VIEW_DAEMON, VIEW_HOLDER, VIEW_BARE, VIEWS };

static void view_begin(enum view view, struct ws *c)
{
    if (view == VIEW_DAEMON)
        ws_put(c, 2, "\n");
    else if (view == VIEW_HOLDER)
        write_all(c->fd, "\0\0\0\1i\n", 6);
    else
        write_all(c->fd, "\n", 1);
}

/* Lets the program write, once; MB/s until its last line was seen, or 0: it never was. Returns when
 * the viewer was told of the program's end, which comes right after that line; what a holder then
 * writes down about it is not measured. */
static double view_once(enum view view, struct ws *c)
{
    static char bytes[1 << 16];
    double begin = now_ns(), shown = 0;
    ssize_t n;
    c->match = match_of("END-OF-SPEW;");
    view_begin(view, c);
    while (!c->closed && !(view == VIEW_BARE && shown > 0) && wait_for(c->fd, WAIT_MS) &&
           (n = read(c->fd, bytes, sizeof bytes)) > 0) {
        if (view == VIEW_BARE)
            match_feed(&c->match, bytes, (size_t)n);
        else
            ws_feed(c, bytes, (size_t)n);
        if (!shown && c->match.seen == c->match.n)
            shown = now_ns();
    }
    return shown > 0 ? SPEW_MB * 1.048576e9 / (shown - begin) : 0;
}

#define SETTLE_MS 20

/* What comes before anything was asked for: a snapshot. */
static void view_settle(enum view view, struct ws *c)
{
    static char bytes[1 << 16];
    ssize_t n;
    while (wait_for(c->fd, SETTLE_MS) && (n = read(c->fd, bytes, sizeof bytes)) > 0)
        if (view != VIEW_BARE)
            ws_feed(c, bytes, (size_t)n);
}

/* Starts the program for one of them, waits until it waits for its line, and measures it. */
static double view_program(enum view view, struct home *h, int fd)
{
    char *megabytes = text_of("%d", SPEW_MB);
    char *const argv[] = {(char *)floor_program, "spew", megabytes, NULL};
    char *command = text_of("[\"%s\",\"spew\",\"%s\"]", floor_program, megabytes);
    struct terminal bare = terminal_open(80, 24);
    pid_t pid = 0;
    struct ws c = {.of_holder = view == VIEW_HOLDER};
    if (view == VIEW_BARE) {
        pid = start(argv, -1, -1, -1, bare.name);
        c.fd = bare.master;
    } else if (view == VIEW_HOLDER) {
        c.fd = connect_to(text_of("%s/%s.sock", h->holders, session_start(fd, "spew", command)));
        write_all(c.fd, "\0\0\0\0v", 5);
    } else {
        ws_open(&c, h->socket,
                text_of("/sessions/%s/attach?mode=control", session_start(fd, "spew", command)));
    }
    view_settle(view, &c);
    double rate = view_once(view, &c);
    if (pid)
        reap(pid);
    else
        close(c.fd);
    terminal_close(&bare);
    return rate;
}

static void measure_spew(void)
{
    static struct samples s[VIEWS];
    struct home *h = home_new("spew");
    int lost = 0;
    home_start(h);
    int fd = connect_to(h->socket);
    for (int view = 0; view < VIEWS; view++)
        s[view].n = 0;
    for (int round = 0; round < SPEW_ROUNDS; round++)
        for (int turn = round; turn < round + VIEWS; turn++) {
            double rate = view_program((enum view)(turn % VIEWS), h, fd);
            if (rate > 0)
                sample(&s[turn % VIEWS], rate);
            else
                lost++;
        }
    report("output to a viewer, through holder and daemon", "MB/s", &s[VIEW_DAEMON], &s[VIEW_BARE],
           0.92, MORE);
    report("    the same at the holder's socket", "MB/s", &s[VIEW_HOLDER], &s[VIEW_BARE], 0, MORE);
    line("    programs whose last line was not shown", text_of("%d of %d", lost, SPEW_ROUNDS * 2),
         "", "", "0", lost ? "MISS" : "ok");
    close(fd);
    home_end(h);
}

/* ---- key to echo ---------------------------------------------------------------------------- */

#define ECHO_PROGRAM "stty raw -echo; printf 'echo-%s' ready; exec cat"

/* Who stands between the keyboard and the program: telec, another, or nobody. */
enum between { BY_TELEC, BY_TMUX, BY_DTACH, BY_NONE, BETWEEN };

struct typist {
    struct terminal terminal;
    pid_t pid; /* 0: it takes no part */
    struct samples samples;
};

static void typist_open(struct typist *t, char *const argv[])
{
    t->terminal = terminal_open(80, 24);
    t->pid = start(argv, -1, -1, -1, t->terminal.name);
    if (!terminal_await(&t->terminal, t->pid, "echo-ready", WAIT_MS))
        die("%s: the program's screen is not shown", argv[0]);
}

static void typist_settle(struct typist *t)
{
    view_settle(VIEW_BARE, &(struct ws){.fd = t->terminal.master});
}

/* Types n keys, one by one; microseconds until the last of them is on the terminal. It differs from
 * those before it, and is none that ends an escape sequence. */
static double typist_type(struct typist *t, size_t n)
{
    static const char keys[] = "abcdefghijklmnopqrstuvwxyz", lasts[] = "~{}|";
    static char bytes[1 << 16];
    static size_t turn;
    char last = lasts[turn++ % 4];
    size_t got;
    double begin = now_ns();
    for (size_t i = 0; i + 1 < n; i++)
        write_all(t->terminal.master, &keys[i * 7 % 26], 1);
    write_all(t->terminal.master, &last, 1);
    do
        if (!(got = read_some(t->terminal.master, bytes, sizeof bytes)))
            die("a terminal was closed");
    while (!memchr(bytes, last, got));
    return (now_ns() - begin) / 1e3;
}

/* They take turns, each of them first as often, and rest until nothing comes any more: frames are
 * not to pile up. */
static void measure_keys(const char *what, struct typist *typists, size_t keys, int rounds,
                         double target)
{
    struct samples *s = &typists[BY_TELEC].samples;
    for (int i = 0; i < BETWEEN; i++)
        typists[i].samples.n = 0;
    for (int round = 0; round < rounds; round++)
        for (int turn = round; turn < round + BETWEEN; turn++) {
            struct typist *t = &typists[turn % BETWEEN];
            if (!t->pid)
                continue;
            double spent = typist_type(t, keys);
            if (round >= ECHO_WARM)
                sample(&t->samples, spent);
            typist_settle(t);
        }
    for (int by = BY_TMUX; by < BY_NONE; by++) {
        const char *name = by == BY_TMUX ? "tmux" : "dtach";
        if (typists[by].pid)
            report(text_of("%s, beside %s", what, name), "us", s, &typists[by].samples,
                   by == BY_TMUX ? target : 0, LESS);
        else
            line(text_of("%s, beside %s", what, name), text_of("skipped: no %s here", name), "",
                 "", "", "");
    }
    report("    beside the bare terminal", "us", s, &typists[BY_NONE].samples, 0, LESS);
}

/* The same without a terminal of the user's: a WebSocket of the daemon, or the holder's socket. */
static void sample_key(enum view view, struct ws *c, struct samples *s)
{
    view_settle(view, c);
    c->match = match_of("~");
    double begin = now_ns();
    if (view == VIEW_HOLDER)
        write_all(c->fd, "\0\0\0\1i~", 6);
    else
        ws_put(c, 2, "~");
    while (c->match.seen < c->match.n)
        ws_read(c);
    sample(s, (now_ns() - begin) / 1e3);
    c->match = (struct match){0};
}

static void measure_key_through(enum view view, struct ws *c, const char *what)
{
    struct samples s = {.n = 0};
    for (int i = 0; i < ECHO_KEYS; i++)
        sample_key(view, c, &s);
    double m = median(&s);
    line(what, text_of("%s us (%s-%s)", number(m), number(s.v[0]), number(s.v[s.n - 1])), "", "",
         "", "");
}

/* Where the time goes: each of these is one process less on the way. */
static void measure_key_parts(struct home *h, int fd, const char *command)
{
    struct ws daemon, holder = {.of_holder = 1};
    char *id = session_start(fd, "echo", command);
    ws_open(&daemon, h->socket, text_of("/sessions/%s/attach?mode=control", id));
    measure_key_through(VIEW_DAEMON, &daemon, "    key to echo at the daemon's socket");
    close(daemon.fd);
    holder.fd = connect_to(text_of("%s/%s.sock", h->holders, id));
    write_all(holder.fd, "\0\0\0\0v", 5);
    measure_key_through(VIEW_HOLDER, &holder, "    key to echo at the holder's socket");
    close(holder.fd);
}

static void measure_echo(void)
{
    static const char command[] = "[\"sh\",\"-c\",\"" ECHO_PROGRAM "\"]";
    static struct typist typists[BETWEEN];
    struct home *h = home_new("echo");
    home_start(h);
    int fd = connect_to(h->socket);
    char *id = session_start(fd, "echo", command);
    char *const bare[] = {"/bin/sh", "-c", ECHO_PROGRAM, NULL};
    char *const attach[] = {(char *)telec, "attach", id, NULL};
    typist_open(&typists[BY_NONE], bare);
    typist_open(&typists[BY_TELEC], attach);
    typists[BY_TMUX].pid = typists[BY_DTACH].pid = 0;
    if ((tmux = find_program("tmux"))) {
        char *const argv[] = {(char *)tmux, "-L", "bench", "-f", "/dev/null", "attach", NULL};
        setenv("TMUX_TMPDIR", h->path, 1);
        if (tmux_run("new-session", "-d", ECHO_PROGRAM) != 0)
            die("tmux new-session failed");
        typist_open(&typists[BY_TMUX], argv);
    }
    const char *dtach = find_program("dtach");
    if (dtach) {
        dtach_file = text_of("%s/dtach.pid", h->path);
        char *const argv[] = {(char *)dtach, "-c", text_of("%s/dtach.sock", h->path), "-r", "none",
                              "/bin/sh", "-c",
                              text_of("echo $$ > %s; %s", dtach_file, ECHO_PROGRAM), NULL};
        typist_open(&typists[BY_DTACH], argv);
    }
    for (int i = 0; i < BETWEEN; i++)
        if (typists[i].pid)
            typist_settle(&typists[i]);
    measure_keys("key to echo while attached", typists, 1, ECHO_KEYS, ECHO_TARGET);
    measure_key_parts(h, fd, command);
    measure_keys(text_of("%d keys in a row to the last echo", ECHO_BURST), typists, ECHO_BURST,
                 ECHO_BURSTS, ECHO_TARGET);
    for (int i = 0; i < BETWEEN; i++)
        if (typists[i].pid) {
            stop(typists[i].pid);
            terminal_close(&typists[i].terminal);
        }
    tmux_end();
    dtach_end();
    close(fd);
    home_end(h);
}

/* ---- a session of another computer, through Redis -------------------------------------------- */

#define FLEET_KEYS 100
#define FLEET_FLOOD_KEYS 200
#define FLEET_TEXT (1 << 20) /* bytes that the flooding program writes again and again */
#define FLEET_FLOOD_US 50000 /* the most that a flood of output may delay a key */

/* Two connections to Redis: microseconds from an XADD to what a blocked XREAD gets of it. It begins
 * after as long a pause as a key's, for a core that has slept wakes up slowly. */
static void sample_hop(const char *path, struct samples *s)
{
    static const char add[] = "XADD hop * k v\r\n", get[] = "XREAD BLOCK 0 STREAMS hop $\r\n";
    static int adds, gets;
    char bytes[4096];
    if (!adds)
        adds = connect_to(path), gets = connect_to(path);
    write_all(gets, get, sizeof get - 1);
    poll(NULL, 0, SETTLE_MS); /* it blocks */
    double begin = now_ns();
    write_all(adds, add, sizeof add - 1);
    read_some(gets, bytes, sizeof bytes);
    sample(s, (now_ns() - begin) / 1e3);
    read_some(adds, bytes, sizeof bytes);
}

static struct home *fleet_home(const char *name, const char *redis)
{
    struct home *h = home_new(name);
    char *config = text_of("[computer]\nname = %s\n[redis]\nurl = unix:%s\n", name, redis);
    mkdir(text_of("%s/c/telec", h->path), 0700);
    write_file(text_of("%s/c/telec/config", h->path), config, strlen(config));
    home_start(h);
    return h;
}

/* A key goes to a program whose screen is flooded; it writes what it gets into a FIFO. */
static void sample_flooded(int fifo, struct ws *c, struct samples *s)
{
    static char bytes[1 << 16];
    struct pollfd p[2] = {{fifo, POLLIN, 0}, {c->fd, POLLIN, 0}};
    double until = now_ns() + 25e6, begin = 0;
    for (int typed = 0;;) {
        if (poll(p, 2, typed ? WAIT_MS : 5) < 0 || (begin > 0 && now_ns() - begin > WAIT_MS * 1e6))
            die("a key was not typed");
        if (p[1].revents)
            ws_read(c);
        if (p[0].revents && read(fifo, bytes, sizeof bytes) > 0)
            break;
        if (!typed && now_ns() > until) {
            typed = 1;
            begin = now_ns();
            ws_put(c, 2, "~");
        }
    }
    sample(s, (now_ns() - begin) / 1e3);
}

/* Measures the keys; returns the program's output meanwhile, in MB/s. `count` has a byte for each
 * FLEET_TEXT of it. */
static double sample_flood(int fifo, struct ws *c, const char *count, struct samples *s)
{
    struct stat before, after;
    double begin = now_ns();
    if (stat(count, &before) != 0)
        before.st_size = 0;
    for (int i = 0; i < FLEET_FLOOD_KEYS; i++)
        sample_flooded(fifo, c, s);
    if (stat(count, &after) != 0)
        die("%s", count);
    return (double)(after.st_size - before.st_size) * FLEET_TEXT / ((now_ns() - begin) / 1e3);
}

static void measure_flooded(struct home *a, struct home *b, int fd)
{
    static struct samples near, far;
    char *fifo = text_of("%s/fifo", b->path), *text = text_of("%s/text", b->path);
    char *count = text_of("%s/count", b->path);
    char *command = text_of("[\"sh\",\"-c\",\"stty raw -echo; "
                            "while cat %s; do printf . >> %s; done & exec cat > %s\"]",
                            text, count, fifo);
    static char lines[FLEET_TEXT];
    struct ws local, remote;
    for (size_t i = 0; i < sizeof lines; i++)
        lines[i] = i % 80 == 79 ? '\n' : (char)('a' + i % 23);
    write_file(text, lines, sizeof lines);
    if (mkfifo(fifo, 0600) != 0)
        die("%s", fifo);
    int keys = open(fifo, O_RDWR | O_CLOEXEC);
    char *id = session_start(fd, "flood", command);
    ws_open(&local, b->socket, text_of("/sessions/%s/attach?mode=control", id));
    double near_rate = sample_flood(keys, &local, count, &near);
    close(local.fd);
    ws_open(&remote, a->socket, text_of("/sessions/%s/attach?mode=control&computer=far", id));
    double far_rate = sample_flood(keys, &remote, count, &far);
    close(remote.fd), close(keys);
    report("key to a program that floods, elsewhere", "us", &far, &near, 0, LESS);
    double worst = far.v[far.n - 1];
    line("    the slowest of its keys", text_of("%s us", number(worst)),
         text_of("%s us", number(near.v[near.n - 1])), "",
         text_of("<= %d us", FLEET_FLOOD_US), worst <= FLEET_FLOOD_US ? "ok" : "MISS");
    line("    that program's output meanwhile", text_of("%s MB/s", number(far_rate)),
         text_of("%s MB/s", number(near_rate)), "", "", "");
}

static void measure_fleet(void)
{
    static struct samples hop, local, remote, budget;
    char *server = find_program("redis-server"), *path = text_of("%s/redis", dir);
    char *const argv[] = {server, "--port", "0", "--unixsocket", path, "--save", "", NULL};
    struct ws near, far;
    if (!server) {
        line("key to echo on another computer", "skipped: no redis-server here", "", "", "", "");
        return;
    }
    int null = null_fd();
    pid_t redis = start(argv, null, null, null, NULL);
    close(connect_to(path));
    struct home *b = fleet_home("far", path), *a = fleet_home("near", path);
    int fd = connect_to(b->socket), asks = connect_to(a->socket);
    char *id = session_start(fd, "echo", "[\"sh\",\"-c\",\"" ECHO_PROGRAM "\"]");
    for (double end = now_ns() + WAIT_MS * 1e6; now_ns() < end; poll(NULL, 0, 20)) {
        http_ask(asks, "GET", "/computers", "");
        if (strstr(answer, "\"far\""))
            break;
    }
    ws_open(&near, b->socket, text_of("/sessions/%s/attach?mode=control", id));
    ws_open(&far, a->socket, text_of("/sessions/%s/attach?mode=control&computer=far", id));
    for (int i = 0; i < FLEET_KEYS; i++) {
        sample_hop(path, &hop);
        sample_key(VIEW_DAEMON, &near, &local);
        view_settle(VIEW_DAEMON, &far); /* it saw that key, too */
        sample_key(VIEW_DAEMON, &far, &remote);
        view_settle(VIEW_DAEMON, &near);
    }
    sample(&budget, 3 * median(&hop) + median(&local));
    report("key to echo on another computer", "us", &remote, &budget, 1, LESS);
    line("    of it a bare hop through Redis, the way there",
         text_of("%s us, %s us", number(median(&hop)), number(median(&local))), "", "", "", "");
    close(near.fd), close(far.fd);
    measure_flooded(a, b, fd);
    close(fd), close(asks);
    home_end(a), home_end(b);
    stop(redis);
}

/* ---- the programs that people start --------------------------------------------------------- */

static char title[] = "zebra"; /* part of every title here; not of anything else on a screen */

/* From exec until a session's title is on the terminal; negative: it never was. */
static double paint_once(char *const argv[])
{
    struct terminal t = terminal_open(100, 40);
    pid_t pid = start(argv, -1, -1, -1, t.name);
    int painted = terminal_await(&t, pid, title, 3000);
    double spent = now_ns() - *exec_at;
    if (painted) {
        ssize_t n = write(t.master, "q", 1);
        (void)n; /* the bare one has ended already */
        terminal_outlive(&t, pid);
    }
    terminal_close(&t);
    return painted ? spent : -1;
}

/* From exec to exit; negative: it failed. */
static double run_once(char *const argv[])
{
    int status = reap(start(argv, null_fd(), null_fd(), null_fd(), NULL));
    return status == 0 ? now_ns() - *exec_at : -1;
}

/* Does the program's output name the sessions? */
static int shows_title(char *const argv[])
{
    int ends[2], status;
    size_t n = 0, some;
    if (pipe(ends) != 0)
        die("pipe");
    pid_t pid = start(argv, null_fd(), ends[1], null_fd(), NULL);
    close(ends[1]);
    while ((some = read_some(ends[0], answer + n, ANSWER_MAX - n)) > 0)
        n += some;
    close(ends[0]);
    status = reap(pid);
    return status == 0 && find(answer, n, title) != NULL;
}

static void compare(const char *what, double (*once)(char *const argv[]), char *const subject[],
                    char *const beside[], int rounds, double target)
{
    struct samples s = {.n = 0}, f = {.n = 0};
    for (int i = 0; i < rounds; i++) {
        double a = once(i & 1 ? beside : subject), b = once(i & 1 ? subject : beside);
        if (a < 0 || b < 0)
            break;
        sample(i & 1 ? &f : &s, a / 1e6);
        sample(i & 1 ? &s : &f, b / 1e6);
    }
    report(what, "ms", &s, &f, target, LESS);
}

/* The UI on a terminal, once it shows sessions; 0: it does not. */
static pid_t start_ui(struct terminal *t)
{
    char *const argv[] = {(char *)telec, NULL};
    pid_t pid = start(argv, -1, -1, -1, t->name);
    return terminal_await(t, pid, title, 3000) ? pid : 0;
}

static void measure_idle_in(struct home *h)
{
    static const char *const names[] = {"daemon", "holder", "UI"};
    struct terminal t = terminal_open(100, 40);
    struct crowd crowd = crowd_open(h->socket, 1);
    int fd = connect_to(h->socket);
    char *shell = session_start(fd, text_of("%s shell", title), "[\"sh\"]");
    session_wait_idle(fd, shell);
    close(fd);
    pid_t pids[] = {h->daemon, find_holder(shell), start_ui(&t)};
    view_settle(VIEW_BARE, &(struct ws){.fd = t.master});
    report_memory("holder, idle shell", pids[1], 512);
    report_memory("UI", pids[2], 0);
    measure_idle(names, pids, COUNT_OF(pids));
    if (pids[2])
        stop(pids[2]);
    crowd_close(&crowd);
    terminal_close(&t);
}

static struct home *home_with_sessions(const char *name, int count)
{
    struct home *h = home_new(name);
    home_start(h);
    int fd = connect_to(h->socket);
    for (int i = 0; i < count; i++)
        session_start(fd, text_of("%s %d", title, i), "[\"sleep\",\"300\"]");
    close(fd);
    return h;
}

static void measure_programs(void)
{
    struct home *h = home_with_sessions("few", SESSIONS_FEW);
    if (is_chosen("idle"))
        measure_idle_in(h);
    if (!is_chosen("programs")) {
        home_end(h);
        return;
    }
    char *const bare[] = {(char *)floor_program, "paint", h->socket, NULL};
    char *const list[] = {(char *)telec, "list", NULL}, *const ui[] = {(char *)telec, NULL};
    char *const version[] = {(char *)telec, "--version", NULL};
    char *const word[] = {(char *)floor_program, "word", NULL};
    if (shows_title(list))
        compare("telec list, exec to exit", run_once, list, bare, 100, 1.3);
    else
        line("telec list, exec to exit", "not measured: no list", "", "", "<= 1.30x", "MISS");
    compare("telec --version, exec to exit", run_once, version, word, 200, 1.15);
    compare("telec, exec to first paint with live data", paint_once, ui, bare, 60, 1.6);
    home_end(h);
}

/* ---- sections ------------------------------------------------------------------------------- */

static void measure_real(void)
{
    static char *ids[SESSIONS];
    struct home *h = home_new("real");
    home_start(h);
    int fd = connect_to(h->socket), count = 0;
    http_ask(fd, "GET", "/sessions", "");
    report_memory("daemon, no session", h->daemon, 0);
    for (; count < 20; count++)
        ids[count] = session_start(fd, text_of("%s %d", title, count), "[\"sleep\",\"300\"]");
    if (is_chosen("rate"))
        measure_rate(h, 20);
    for (; count < SESSIONS; count++)
        ids[count] = session_start(fd, text_of("%s %d", title, count), "[\"sleep\",\"300\"]");
    report_memory("daemon, 100 sessions", h->daemon, 0);
    for (int clients = 1; is_chosen("event") && clients <= CLIENTS_MAX;
         clients *= clients < 100 ? 100 : 10)
        measure_event(h, ids, count, clients);
    close(fd);
    home_end(h);
}

static void measure_emulator(char *program)
{
    char *const argv[] = {program, NULL};
    fflush(stdout);
    if (reap(start(argv, null_fd(), 1, 2, NULL)) != 0)
        die("%s", program);
}

/* Holders leave their daemon; where the first process of a system reaps nobody they would stay as
 * zombies. */
static void adopt_orphans(void)
{
#if defined(__linux__)
    prctl(PR_SET_CHILD_SUBREAPER, 1);
#endif
}

static void prepare(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM};
    struct rlimit files;
    for (size_t i = 0; i < COUNT_OF(signals); i++) {
        struct sigaction action = {.sa_handler =
                                       on_signal}; /* no SA_RESTART: what waits gives up */
        sigaction(signals[i], &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
    alarm(600);
    adopt_orphans();
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur < FILES)
        die("%d open files are needed (ulimit -n)", FILES);
    exec_at =
        mmap(NULL, sizeof *exec_at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (exec_at == MAP_FAILED)
        die("mmap");
    setenv("TERM", "xterm-256color", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    unsetenv("TELEC_SOCKET"), unsetenv("TELEC_CONFIG"), unsetenv("TELEC_SESSION_ID");
    unsetenv("TMUX"), unsetenv("TMUX_PANE");
    umask(077);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fputs("usage: bench TELEC FLOOR VT DIR "
              "[real|rate|event|spew|echo|fleet|idle|old|fan|emulator|programs]…\n",
              stderr);
        return 2;
    }
    telec = argv[1], floor_program = argv[2], dir = argv[4];
    chosen = argv + 5, chosen_count = argc - 5;
    prepare();
    line("what", "telec: median (min-max)", "floor", "ratio", "target", "");
    if (is_chosen("emulator"))
        measure_emulator(argv[3]);
    if (is_chosen("fan"))
        measure_fan();
    if (is_chosen("old") || is_chosen("rate"))
        measure_old();
    if (is_chosen("real") || is_chosen("rate") || is_chosen("event"))
        measure_real();
    if (is_chosen("spew"))
        measure_spew();
    if (is_chosen("echo"))
        measure_echo();
    if (is_chosen("fleet"))
        measure_fleet();
    if (is_chosen("programs") || is_chosen("idle"))
        measure_programs();
    if (misses)
        printf("%d figure%s missed the target\n", misses, misses > 1 ? "s" : "");
    clean_up();
    return 0;
}
