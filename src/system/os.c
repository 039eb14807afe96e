#include "system.h"

/* os - random bytes, files read whole, descriptors. */

/* Fills out with hashes of what differs from call to call and from process to process. */
static void os_improvise(char *out, size_t n)
{
    static unsigned long long calls;
    unsigned char hash[20];
    while (n) {
        struct timespec wall, mono;
        buf seed = {0};
        clock_gettime(CLOCK_REALTIME, &wall);
        clock_gettime(CLOCK_MONOTONIC, &mono);
        buf_fmt(&seed, "%llu %ld %p %lld.%ld %lld.%ld", ++calls, (long)getpid(), (void *)&seed,
                (long long)wall.tv_sec, wall.tv_nsec, (long long)mono.tv_sec, mono.tv_nsec);
        sha1(buf_view(&seed), hash);
        buf_free(&seed);
        size_t some = n < sizeof hash ? n : sizeof hash;
        memcpy(out, hash, some);
        out += some;
        n -= some;
    }
}

static void os_random(void *out, size_t n)
{
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    size_t have = 0;
    while (fd >= 0 && have < n) {
        ssize_t got = read(fd, (char *)out + have, n - have);
        if (got <= 0 && errno != EINTR)
            break;
        have += got > 0 ? (size_t)got : 0;
    }
    if (fd >= 0)
        close(fd);
    os_improvise((char *)out + have, n - have);
}

static void os_uuid(char out[37])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char bytes[16];
    os_random(bytes, sizeof bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[bytes[i] >> 4];
        *p++ = hex[bytes[i] & 15];
    }
    *p = '\0';
}

/* Appends what can be read from fd, and closes it. */
static int os_read_rest(buf *b, int fd, size_t most)
{
    size_t before = b->n;
    ssize_t got;
    do {
        if (b->n == b->cap || b->n == before)
            buf_reserve(b, 4096);
        got = read(fd, b->p + b->n, b->cap - b->n);
        if (got > 0)
            b->n += (size_t)got;
    } while ((got > 0 && b->n - before <= most) || (got < 0 && errno == EINTR));
    int error = got < 0 ? errno : b->n - before > most ? EFBIG : 0;
    close(fd);
    if (error)
        b->n = before;
    errno = error;
    return error ? -1 : 0;
}

static int os_open_regular(const char *path, int flags)
{
    struct stat st;
    int fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (fd < 0 && errno == ENXIO)
        errno = ENOTSUP; /* a FIFO without a reader, or a socket */
    if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
        return fd;
    close(fd);
    errno = ENOTSUP;
    return -1;
}

static int os_read_file(buf *b, const char *path, size_t most)
{
    int fd = os_open_regular(path, O_RDONLY);
    return fd < 0 ? -1 : os_read_rest(b, fd, most);
}

static int os_read_any(buf *b, const char *path, size_t most)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? -1 : os_read_rest(b, fd, most);
}

static const char *os_file_fault(int error)
{
    return error == ENOTSUP ? "it is not a regular file"
           : error == EFBIG ? "it is too large"
                            : strerror(error);
}

static int os_close_on_exec(int fd)
{
    if (fd >= 0)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

static void os_close_inherited(int first)
{
    DIR *dir = opendir("/dev/fd");
    struct dirent *entry;
    long long fd;
    int open_fds[256], count = 0;
    while (dir && count < 256 && (entry = readdir(dir)))
        if (span_int(span_of(entry->d_name), &fd) && fd >= first && fd != dirfd(dir))
            open_fds[count++] = (int)fd;
    if (dir)
        closedir(dir);
    while (count > 0)
        close(open_fds[--count]);
}
