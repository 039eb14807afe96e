/* preload - makes one system call of telec fail, or kills the process before it; or makes the calls
 * for files of a home slow or fail. With
 * TELEC_E2E_BLIND_TTY poll refuses /dev/tty, as macOS's does. faults.c compiles this as a shared
 * object and puts it in front of libc. Linux only: what is not meant to fail is passed to the
 * kernel as it is. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "fault.h"

static struct fault *fault;

static __attribute__((constructor)) void fault_init(void)
{
    const char *path = getenv("TELEC_E2E_FAULT"), *program = getenv("TELEC_E2E_BINARY");
    char bytes[4200];
    if (!path || !program)
        return;
    ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", bytes, sizeof bytes - 1);
    bytes[n > 0 ? n : 0] = '\0';
    if (strcmp(bytes, program) != 0)
        return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY);
    n = syscall(SYS_read, fd, bytes, sizeof bytes - 1);
    syscall(SYS_close, fd);
    bytes[n > 0 ? n : 0] = '\0';
    const char *verb = bytes + strlen(bytes) + 1;
    fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR);
    void *p = mmap(NULL, sizeof *fault, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (p == MAP_FAILED)
        return;
    fault = p;
    if (n > 0 && fault->verb[0] && strcmp(verb, fault->verb) != 0)
        fault = NULL;
}

/* Is this the call that fails? Then errno is set. */
static int fault_strikes(const char *name)
{
    if (!fault || fault->left <= 0 || __sync_sub_and_fetch(&fault->left, 1) != 0)
        return 0;
    strncpy(fault->name, name, sizeof fault->name - 1);
    if (!fault->error)
        syscall(SYS_kill, getpid(), SIGKILL);
    errno = fault->error;
    return 1;
}

/* For each descriptor below 1024: 0, or 1 + the value of `stale` when it was opened. */
static int homes[1024];

/* Waits; returns 1 when the call fails, with errno. */
static int fault_holds(int is_home, int was_stale)
{
    struct timespec wait = {0, 20 * 1000000L};
    if (!fault || !is_home)
        return 0;
    for (int ms = 0; ms < fault->slow_ms; ms += 20)
        syscall(SYS_nanosleep, &wait, NULL);
    errno = ESTALE;
    return fault->stale != was_stale;
}

static int fault_holds_path(const char *path)
{
    return fault && fault->home[0] &&
           fault_holds(strncmp(path, fault->home, strlen(fault->home)) == 0, fault->stale & ~1);
}

static int fault_holds_fd(int fd)
{
    return fd >= 0 && fd < 1024 && fault_holds(homes[fd] > 0, homes[fd] - 1);
}

static int fault_path(const char *name, const char *path)
{
    return fault_holds_path(path) || fault_strikes(name);
}

static int fault_fd(const char *name, int fd)
{
    return fault_holds_fd(fd) || fault_strikes(name);
}

static int blind_fd = -1;

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    int fd = fault_path("open", path)
                 ? -1
                 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (fd >= 0 && fd < 1024 && fault)
        homes[fd] = fault->home[0] && strncmp(path, fault->home, strlen(fault->home)) == 0
                        ? fault->stale + 1
                        : 0;
    if (fd >= 0 && strcmp(path, "/dev/tty") == 0 && getenv("TELEC_E2E_BLIND_TTY"))
        blind_fd = fd;
    else if (fd == blind_fd)
        blind_fd = -1;
    return fd;
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    nfds_t blind = 0;
    while (blind < count && (blind_fd < 0 || fds[blind].fd != blind_fd))
        blind++;
    timeout = blind < count ? 0 : timeout;
    struct timespec wait = {timeout / 1000, timeout % 1000 * 1000000L};
    int ready = (int)syscall(SYS_ppoll, fds, count, timeout < 0 ? NULL : &wait, NULL, 8);
    if (blind < count) {
        ready += !fds[blind].revents;
        fds[blind].revents = POLLNVAL;
    }
    return ready;
}

static int fault_fcntl(int fd, int command, long arg)
{
    if (fault && fault->no_locks && (command == F_SETLK || command == F_GETLK)) {
        errno = fault->no_locks;
        return -1;
    }
    return (int)syscall(SYS_fcntl, fd, command, arg);
}

int fcntl(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    long arg = va_arg(args, long);
    va_end(args);
    return fault_fcntl(fd, command, arg);
}

int fcntl64(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    long arg = va_arg(args, long);
    va_end(args);
    return fault_fcntl(fd, command, arg);
}

int mkdir(const char *path, mode_t mode)
{
    return fault_path("mkdir", path) ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int rmdir(const char *path)
{
    return fault_path("rmdir", path) ? -1
                                  : (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

int unlink(const char *path)
{
    return fault_path("unlink", path) ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int rename(const char *from, const char *to)
{
    return fault_path("rename", from)
               ? -1
               : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int link(const char *from, const char *to)
{
    return fault_path("link", to) ? -1 : (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int symlink(const char *text, const char *path)
{
    return fault_path("symlink", path) ? -1 : (int)syscall(SYS_symlinkat, text, AT_FDCWD, path);
}

int fsync(int fd)
{
    return fault_fd("fsync", fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

/* Of a file: half of it is written, as on a disk that fills up. */
ssize_t write(int fd, const void *p, size_t n)
{
    struct stat st;
    if (fault_holds_fd(fd))
        return -1;
    if (fault && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && fault_strikes("write")) {
        int error = errno;
        syscall(SYS_write, fd, p, n / 2);
        errno = error;
        return -1;
    }
    return syscall(SYS_write, fd, p, n);
}

int close(int fd)
{
    if (fd >= 0 && fd < 1024)
        homes[fd] = 0;
    return (int)syscall(SYS_close, fd);
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
    return fault_strikes("socketpair") ? -1
                                       : (int)syscall(SYS_socketpair, domain, type, protocol, fds);
}

int pipe(int fds[2])
{
    return fault_strikes("pipe") ? -1 : (int)syscall(SYS_pipe2, fds, 0);
}

int bind(int fd, const struct sockaddr *address, socklen_t n)
{
    return fault_strikes("bind") ? -1 : (int)syscall(SYS_bind, fd, address, n);
}

int listen(int fd, int backlog)
{
    return fault_strikes("listen") ? -1 : (int)syscall(SYS_listen, fd, backlog);
}

int chdir(const char *path)
{
    return fault_strikes("chdir") ? -1 : (int)syscall(SYS_chdir, path);
}

pid_t fork(void)
{
    pid_t (*next)(void);
    *(void **)&next = dlsym(RTLD_NEXT, "fork");
    return fault_strikes("fork") ? -1 : next();
}

int posix_openpt(int flags)
{
    int (*next)(int);
    *(void **)&next = dlsym(RTLD_NEXT, "posix_openpt");
    return fault_strikes("posix_openpt") ? -1 : next(flags);
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    int (*next)(pid_t *, const char *, const posix_spawn_file_actions_t *,
                const posix_spawnattr_t *, char *const[], char *const[]);
    *(void **)&next = dlsym(RTLD_NEXT, "posix_spawn");
    return fault_strikes("posix_spawn") ? errno : next(pid, path, actions, attributes, argv, envp);
}
