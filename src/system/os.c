#include "system.h"

/* os - random bytes, files read whole, descriptors, and what tells machines, boots and processes
 * apart. */

static void os_improvise(char *out, size_t n)
{
    static unsigned long long calls;
    unsigned char hash[20];
    while (n) {
        struct timespec wall, mono;
        buf seed = {0};
        clock_gettime(CLOCK_REALTIME, &wall);
        clock_gettime(CLOCK_MONOTONIC, &mono);
        buf_fmt(&seed, "%llu %ld %zx %lld.%ld %lld.%ld", ++calls, (long)getpid(), (size_t)&seed,
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

static int os_read_end(buf *b, const char *path, size_t most)
{
    struct stat st;
    int fd = os_open_regular(path, O_RDONLY);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > (off_t)most)
        lseek(fd, -(off_t)most, SEEK_END);
    return fd < 0 ? -1 : os_read_rest(b, fd, 2 * most);
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
           : error == ETIMEDOUT ? "the disk does not answer"
                            : strerror(error);
}

static int os_is_last_fd(int fd)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
           (rlim_t)fd + (limit.rlim_cur < 4 * OS_FDS_LEFT ? limit.rlim_cur / 4 : OS_FDS_LEFT) >=
               limit.rlim_cur;
}

#if defined(TELEC_LINUX)
/* musl's setrlimit brings 1.4 KB for kernels of before 2010. */
#define OS_SETRLIMIT(what, limit) syscall(SYS_prlimit64, 0, what, limit, NULL)
#else
#define OS_SETRLIMIT(what, limit) setrlimit(what, limit)
#endif

static void os_raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        OS_SETRLIMIT(RLIMIT_NOFILE, &limit);
    }
}

static void os_print(int fd, const char *format, ...)
{
    char text[5000];
    va_list args;
    va_start(args, format);
    size_t n = base_vfmt(text, sizeof text, format, args);
    va_end(args);
    ssize_t written = write(fd, text, n < sizeof text ? n : sizeof text - 1);
    (void)written;
}

static int os_close_on_exec(int fd)
{
    if (fd >= 0)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

#if defined(__GLIBC__)
/* As os_start; a program that can't run exits with 127. glibc's posix_spawn does not go on without
 * clone3 where a container forbids it with EPERM, as Docker did before 20.10.10. */
static pid_t os_fork(const struct os_program *program)
{
    extern char **environ;
    sigset_t none;
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (!program->in_our_group)
        setpgid(0, 0);
    for (int fd = 0; fd < 3; fd++)
        if (program->fds[fd] != OS_OURS)
            dup2(program->fds[fd] == OS_NULL ? open("/dev/null", O_RDWR | O_CLOEXEC)
                                             : program->fds[fd], fd);
    if (program->environment)
        environ = (char **)(uintptr_t)program->environment;
    execvp(program->file ? program->file : program->argv[0], program->argv);
    _exit(127);
}
#else
static pid_t os_fork(const struct os_program *program)
{
    (void)program;
    errno = EPERM;
    return -1;
}
#endif

static pid_t os_start(const struct os_program *program)
{
    extern char **environ;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    pid_t pid;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE); /* the loop ignores both */
    sigaddset(&defaults, SIGXFSZ);
    posix_spawn_file_actions_init(&actions);
    for (int fd = 0; fd < 3; fd++)
        if (program->fds[fd] == OS_NULL)
            posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
        else if (program->fds[fd] != OS_OURS)
            posix_spawn_file_actions_adddup2(&actions, program->fds[fd], fd);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              (program->in_our_group ? 0 : POSIX_SPAWN_SETPGROUP));
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    int failed = posix_spawnp(&pid, program->file ? program->file : program->argv[0], &actions,
                              &attributes, program->argv,
                              program->environment ? program->environment : environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    errno = failed;
    return failed == EPERM ? os_fork(program) : failed ? -1 : pid;
}

static pid_t os_spawn(char *const *argv, int in, int out, int err)
{
    return os_start(&(struct os_program){.argv = argv, .fds = {in, out < 0 ? err : out, err}});
}

static pid_t os_spawn_piped(char *const *argv, const int fds[3], int *end)
{
    struct os_program program = {.argv = argv};
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    os_close_on_exec(ends[0]);
    os_close_on_exec(ends[1]);
    for (int i = 0; i < 3; i++)
        program.fds[i] = fds[i] == OS_PIPE ? ends[1] : fds[i];
    pid_t pid = os_start(&program);
    int saved = errno;
    close(ends[1]);
    if (pid < 0)
        close(ends[0]);
    errno = saved;
    *end = ends[0];
    return pid;
}

static int os_point_at_null(int first, int last)
{
    int null = open("/dev/null", O_RDWR), saved = errno;
    for (int fd = first; null >= 0 && fd <= last; fd++)
        if (fd != null)
            dup2(null, fd);
    if (null >= 0 && (null < first || null > last))
        close(null);
    errno = saved;
    return null < 0 ? -1 : 0;
}

static void os_hold_standard(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            open("/dev/null", O_RDONLY); /* becomes fd, the least that is free */
}

static void os_close_inherited(int first)
{
    DIR *dir = opendir(OS_OPEN_FDS);
    struct dirent *entry;
    long long fd;
    int open_fds[OS_FDS_AT_ONCE], count = 0;
    while (dir && count < OS_FDS_AT_ONCE && (entry = readdir(dir)))
        if (span_int(span_of(entry->d_name), &fd) && fd >= first && fd != dirfd(dir))
            open_fds[count++] = (int)fd;
    if (dir)
        closedir(dir);
    for (int most = first + OS_INHERITED_MAX; !count && most > first;) /* no list of them here */
        close(--most);
    int may_be_more = count == OS_FDS_AT_ONCE;
    while (count > 0)
        close(open_fds[--count]);
    if (may_be_more)
        os_close_inherited(first);
}

/* ---- users ---------------------------------------------------------------------------------- */

#if defined(__linux__) && !defined(__GLIBC__)
#define OS_GETPWUID(uid) NULL /* musl's knows no other file, and takes 6 KB */
#else
#define OS_GETPWUID(uid) getpwuid(uid)
#endif

/* Cuts a line of /etc/passwd, name:password:uid:gid:comment:home:shell, in place. */
static int os_cut_user(char *line, struct passwd *user)
{
    char *field[7] = {NULL};
    for (int i = 0; i < 7 && line; i++) {
        field[i] = line;
        if ((line = strchr(line, ':')))
            *line++ = '\0';
    }
    user->pw_name = field[0], user->pw_dir = field[5], user->pw_shell = field[6];
    return field[6] != NULL;
}

static const struct passwd *os_user(uid_t uid)
{
    static char kept[1024];
    static struct passwd user;
    buf text = {0};
    int found = 0;
    os_read_file(&text, "/etc/passwd", OS_PASSWD_MAX);
    for (span rest = buf_view(&text); rest.n && !found;) {
        span line = span_cut(&rest, '\n'), left = line;
        long long id;
        span_cut(&left, ':'), span_cut(&left, ':');
        if (!span_int(span_cut(&left, ':'), &id) || id != (long long)uid)
            continue;
        base_fmt(kept, sizeof kept, "%.*s", (int)line.n, line.p);
        found = os_cut_user(kept, &user);
    }
    buf_free(&text);
    return found ? &user : OS_GETPWUID(uid);
}

/* ---- machine, boot, process ----------------------------------------------------------------- */

/* Returns 0 for a file of other text than a word. */
static int os_put_word(buf *b, const char *path)
{
    buf text = {0};
    span word = os_read_file(&text, path, 200) == 0 ? span_trim(buf_view(&text), " \n") : (span){0};
    int good = word.n >= 16; /* "uninitialized" is none, nor is an empty file */
    for (size_t i = 0; i < word.n; i++)
        good &= isxdigit((unsigned char)word.p[i]) || word.p[i] == '-';
    if (good)
        buf_span(b, word);
    buf_free(&text);
    return good;
}

static void os_put_machine(buf *b)
{
    struct utsname host;
    if (!os_put_word(b, "/etc/machine-id") && !os_put_word(b, "/etc/hostid") && uname(&host) == 0)
        buf_str(b, host.nodename);
}

#if defined(__OpenBSD__) /* it has no <utmpx.h> */
static void os_put_boot_time(buf *b)
{
    (void)b;
}
#else
static void os_put_boot_time(buf *b)
{
    struct utmpx boot = {.ut_type = BOOT_TIME}, *found;
    setutxent();
    if ((found = getutxid(&boot)))
        buf_int(b, found->ut_tv.tv_sec);
    endutxent();
}
#endif

static void os_put_boot(buf *b)
{
    if (!os_put_word(b, OS_PROC "/sys/kernel/random/boot_id"))
        os_put_boot_time(b);
}

/* Reads a numbered field of /proc/PID/stat, see proc(5); 0: no such process, or unknown. */
static long long os_process_field(pid_t pid, int number)
{
    char path[64];
    buf text = {0};
    long long value = 0;
    base_fmt(path, sizeof path, OS_PROC "/%ld/stat", (long)pid);
    int found = os_read_file(&text, path, OS_COMMAND_MAX) == 0;
    span fields = span_of(found ? strrchr(buf_cstr(&text), ')') : NULL); /* ") STATE PPID …" */
    for (int i = 2; i < number; i++)
        span_cut(&fields, ' ');
    span_int(span_cut(&fields, ' '), &value);
    buf_free(&text);
    return value;
}

static long long os_process_start(pid_t pid)
{
    return os_process_field(pid, 22);
}

static pid_t os_find_child(pid_t parent)
{
    DIR *proc = opendir(OS_PROC);
    struct dirent *entry;
    long long pid, child = 0;
    while (proc && !child && (entry = readdir(proc)))
        if (span_int(span_of(entry->d_name), &pid) && os_process_field((pid_t)pid, 4) == parent)
            child = pid;
    if (proc)
        closedir(proc);
    return (pid_t)child;
}

static int os_is_command(span words, char end, const char *first, const char *second)
{
    span_cut(&words, end);
    span one = span_cut(&words, end), two = span_cut(&words, end);
    return span_eq(one, first) && span_eq(two, second);
}

static pid_t os_find_in_proc(DIR *proc, const char *first, const char *second)
{
    struct dirent *entry;
    char path[64];
    buf words = {0};
    long long pid, found = 0;
    while (!found && (entry = readdir(proc))) {
        if (!span_int(span_of(entry->d_name), &pid))
            continue;
        base_fmt(path, sizeof path, OS_PROC "/%lld/cmdline", pid);
        buf_clear(&words);
        if (os_read_file(&words, path, OS_COMMAND_MAX) == 0 &&
            os_is_command(buf_view(&words), '\0', first, second))
            found = pid;
    }
    buf_free(&words);
    return (pid_t)found;
}

static void os_put_processes(buf *b)
{
    static const char *const argv[] = {"ps", "-A", "-o", "pid=", "-o", "args=", NULL};
    static const int fds[] = {OS_NULL, OS_PIPE, OS_NULL};
    int end;
    pid_t pid = os_spawn_piped((char *const *)(uintptr_t)argv, fds, &end);
    if (pid > 0)
        os_read_rest(b, end, OS_PROCESSES_MAX);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* Lines "PID PROGRAM FIRST SECOND". -1: ps can't run. */
static pid_t os_find_by_ps(const char *first, const char *second)
{
    buf lines = {0};
    long long pid, found = -1;
    os_put_processes(&lines);
    for (span rest = buf_view(&lines); rest.n;) {
        span words = span_trim(span_cut(&rest, '\n'), " ");
        span number = span_cut(&words, ' ');
        found = found < 0 ? 0 : found;
        if (span_int(number, &pid) && os_is_command(span_trim(words, " "), ' ', first, second))
            found = pid;
    }
    buf_free(&lines);
    return (pid_t)found;
}

static pid_t os_find_process(const char *first, const char *second)
{
    DIR *proc = access(OS_PROC "/self/cmdline", R_OK) == 0 ? opendir(OS_PROC) : NULL;
    if (!proc)
        return os_find_by_ps(first, second);
    pid_t pid = os_find_in_proc(proc, first, second);
    closedir(proc);
    return pid;
}
