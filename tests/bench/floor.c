/* floor - what a measured program is compared with: the least code that does the same job, no telec
 * in it.
 *
 *   floor paint SOCKET       asks GET /sessions once, draws one frame of titles, ends
 *   floor serve SOCKET FILE  a poll loop that answers every request with the bytes of FILE
 *   floor fan SOCKET FILE    writes FILE to every connected client whenever the trigger speaks
 *   floor fan SOCKET FILE N  the same, waiting in poll() for all of them and for N idle sockets
 *   floor spew MEGABYTES     waits for a line of input, writes that much text and END-OF-SPEW */

#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS_MAX 4096

static void die(const char *what)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int on_socket(const char *path, int (*join)(int fd, const struct sockaddr *a, socklen_t n))
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (fd < 0 || join(fd, (struct sockaddr *)&address, sizeof address) != 0)
        die(path);
    return fd;
}

static int listen_at(const char *path)
{
    int fd = on_socket(path, bind);
    if (listen(fd, 1024) != 0)
        die(path);
    return fd;
}

static char *read_file(const char *path, size_t *n)
{
    size_t cap = 1 << 22;
    char *p = malloc(cap);
    int fd = open(path, O_RDONLY);
    ssize_t got = 0;
    *n = 0;
    while (p && fd >= 0 && *n < cap && (got = read(fd, p + *n, cap - *n)) > 0)
        *n += (size_t)got;
    if (!p || fd < 0 || got < 0)
        die(path);
    close(fd);
    return p;
}

static void write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t some = write(fd, p, n);
        if (some < 0)
            die("write");
        p += some;
        n -= (size_t)some;
    }
}

/* ---- paint ---------------------------------------------------------------------------------- */

/* The answer's body in `answer`, which holds `cap` bytes. */
static char *ask_sessions(int fd, char *answer, size_t cap)
{
    static const char request[] = "GET /sessions HTTP/1.1\r\nHost: localhost\r\n\r\n";
    size_t n = 0, whole = 0;
    char *body = NULL;
    write_all(fd, request, sizeof request - 1);
    while (!body || n < whole) {
        ssize_t got = read(fd, answer + n, cap - n - 1);
        if (got <= 0)
            die("read");
        n += (size_t)got;
        answer[n] = '\0';
        if (body || !(body = strstr(answer, "\r\n\r\n")))
            continue;
        const char *length = strstr(answer, "Content-Length: ");
        body += 4;
        whole = (size_t)(body - answer) + (length ? strtoul(length + 16, NULL, 10) : 0);
    }
    return body;
}

static int paint(const char *path)
{
    static char answer[1 << 20], frame[1 << 16];
    static const char begin[] = "\033[?1049h\033[H\033[2J", end[] = "\033[?1049l",
                      key[] = "\"title\":\"";
    const char *at = ask_sessions(on_socket(path, connect), answer, sizeof answer);
    size_t n = sizeof begin - 1;
    memcpy(frame, begin, n);
    while ((at = strstr(at, key)) && n + 200 < sizeof frame) {
        size_t title = strcspn(at += sizeof key - 1, "\"");
        title = title < 100 ? title : 100;
        memcpy(frame + n, at, title);
        memcpy(frame + n + title, "\r\n", 2);
        n += title + 2;
    }
    memcpy(frame + n, end, sizeof end - 1);
    write_all(1, frame, n + sizeof end - 1);
    return 0;
}

/* ---- serve ---------------------------------------------------------------------------------- */

struct served {
    size_t due; /* bytes of the answer that are not written yet */
};

static void serve_write(struct pollfd *p, struct served *s, const char *answer, size_t n)
{
    ssize_t some = write(p->fd, answer + n - s->due, s->due);
    if (some > 0)
        s->due -= (size_t)some;
    p->events = s->due ? POLLOUT : POLLIN;
}

static void serve(const char *path, const char *file)
{
    static struct pollfd polls[CLIENTS_MAX];
    static struct served clients[CLIENTS_MAX];
    char request[4096];
    size_t n;
    char *answer = read_file(file, &n);
    int count = 1;
    polls[0] = (struct pollfd){listen_at(path), POLLIN, 0};
    for (;;) {
        if (poll(polls, (nfds_t)count, -1) < 0)
            die("poll");
        for (int i = 1; i < count; i++) {
            if (polls[i].revents & POLLOUT)
                serve_write(&polls[i], &clients[i], answer, n);
            else if (polls[i].revents && read(polls[i].fd, request, sizeof request) > 0)
                clients[i].due = n, serve_write(&polls[i], &clients[i], answer, n);
            else if (polls[i].revents)
                close(polls[i].fd), polls[i].fd = -1;
        }
        if (polls[0].revents && count < CLIENTS_MAX) {
            int fd = accept(polls[0].fd, NULL, NULL);
            fcntl(fd, F_SETFL, O_NONBLOCK);
            polls[count++] = (struct pollfd){fd, POLLIN, 0};
        }
    }
}

/* ---- fan ------------------------------------------------------------------------------------ */

/* Accepts WebSocket clients (without a look at what they ask for) until one begins with something
 * other than GET: the trigger. */
static int fan_accept(int listening, int *clients, int *trigger)
{
    static const char hello[] = "HTTP/1.1 101 Switching Protocols\r\n\r\n\201\002{}";
    char in[4096];
    for (int count = 0;; count++) {
        int fd = accept(listening, NULL, NULL);
        if (fd < 0 || count == CLIENTS_MAX || read(fd, in, sizeof in) <= 0)
            die("accept");
        if (memcmp(in, "GET", 3) != 0) {
            *trigger = fd;
            return count;
        }
        write_all(fd, hello, sizeof hello - 1);
        clients[count] = fd;
    }
}

/* The table of a server that also listens to its clients and to idle others. */
static int fan_watch(struct pollfd *polls, const int *clients, int count, int idle)
{
    char in[4096];
    int n = 0, ends[2];
    for (int i = 0; i < idle && n < CLIENTS_MAX; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
            die("socketpair");
        polls[n++] = (struct pollfd){ends[0], POLLIN, 0};
    }
    for (int i = 0; i < count; i++) {
        if (read(clients[i], in, sizeof in) <= 0) /* what it subscribes to */
            die("read");
        polls[n++] = (struct pollfd){clients[i], POLLIN, 0};
    }
    return n;
}

/* Whatever arrives from the trigger makes one round of writes. */
static int fan(const char *path, const char *file, int idle)
{
    static int clients[CLIENTS_MAX];
    static struct pollfd polls[CLIENTS_MAX * 2 + 1];
    static char in[1 << 16];
    size_t n;
    char *frame = read_file(file, &n);
    int trigger, count = fan_accept(listen_at(path), clients, &trigger);
    int watched = idle > 0 ? fan_watch(polls, clients, count, idle) : 0;
    polls[watched] = (struct pollfd){trigger, POLLIN, 0};
    do {
        for (int i = 0; i < count; i++)
            if (write(clients[i], frame, n) != (ssize_t)n)
                die("write");
        if (idle > 0 && poll(polls, (nfds_t)watched + 1, -1) < 0)
            die("poll");
    } while (read(trigger, in, sizeof in) > 0);
    return 0;
}

/* ---- spew ----------------------------------------------------------------------------------- */

static int spew(size_t megabytes)
{
    static const char end[] = "\nEND-OF-SPEW;\n";
    static char text[1 << 16], line[256];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 80 == 79 ? '\n' : (char)('a' + (i * 7 + i / 80) % 26);
    if (read(0, line, sizeof line) <= 0)
        die("read");
    for (size_t done = 0; done < megabytes << 20; done += sizeof text)
        write_all(1, text, sizeof text);
    write_all(1, end, sizeof end - 1);
    return 0;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc == 2 && strcmp(argv[1], "word") == 0)
        return write(1, "floor\n", 6) != 6;
    if (argc == 3 && strcmp(argv[1], "paint") == 0)
        return paint(argv[2]);
    if (argc == 4 && strcmp(argv[1], "serve") == 0)
        serve(argv[2], argv[3]);
    if (argc >= 4 && strcmp(argv[1], "fan") == 0)
        return fan(argv[2], argv[3], argc > 4 ? atoi(argv[4]) : 0);
    if (argc == 3 && strcmp(argv[1], "spew") == 0)
        return spew(strtoul(argv[2], NULL, 10));
    fputs("usage: floor paint SOCKET | serve SOCKET FILE | fan SOCKET FILE [N] | spew MEGABYTES\n",
          stderr);
    return 2;
}
