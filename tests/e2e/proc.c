/* proc - processes and what they leave behind. */

#if defined(__linux__)
#define HAVE_PROC 1
#else
#define HAVE_PROC 0
#endif
/* The program uses /proc and inotify; not what -DTELEC_PORTABLE builds. */
#define TELEC_IS_LINUX (HAVE_PROC && !getenv("TELEC_E2E_PORTABLE"))

/* A file below /proc/PID; NULL: there is none. */
static inline char *proc_read(pid_t pid, const char *name, size_t *n)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    return file_read(path, n);
}

/* The numbered field of /proc/PID/stat (as proc(5) counts, from 3 on); -1: there is none. */
static inline long proc_stat(pid_t pid, int field)
{
    char *stat = proc_read(pid, "stat", NULL);
    char *at = stat ? strrchr(stat, ')') : NULL;
    for (int i = 2; at && i < field; i++)
        at = strchr(at + 1, ' ');
    return !at ? -1 : field == 3 ? (unsigned char)at[1] : strtol(at + 1, NULL, 10);
}

/* Does it live? A zombie doesn't. */
static inline int proc_lives(pid_t pid)
{
    if (!HAVE_PROC)
        return kill(pid, 0) == 0;
    long state = proc_stat(pid, 3);
    return state != -1 && state != 'Z' && state != 'X';
}

/* Is `part` in a /proc file whose strings are separated by NUL? */
static inline int proc_has(pid_t pid, const char *name, const char *part)
{
    size_t n = 0, k = strlen(part);
    char *bytes = proc_read(pid, name, &n);
    int found = 0;
    for (size_t i = 0; bytes && i + k <= n && !found; i++)
        found = memcmp(bytes + i, part, k) == 0;
    free(bytes);
    return found;
}

/* Argument number i of the process, or NULL. */
static inline char *proc_argument(pid_t pid, int i)
{
    size_t n = 0, at = 0;
    char *bytes = proc_read(pid, "cmdline", &n);
    for (; bytes && at < n && i > 0; i--)
        at += strlen(bytes + at) + 1;
    return bytes && at < n ? bytes + at : NULL;
}

/* Every living process for which fits() is true; how many of them were stored. */
static inline int proc_find(int (*fits)(pid_t pid, const char *arg), const char *arg, pid_t *pids,
                            int most)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    int count = 0;
    while (dir && count < most && (entry = readdir(dir))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && pid != getpid() && fits(pid, arg) && proc_lives(pid))
            pids[count++] = pid;
    }
    if (dir)
        closedir(dir);
    return count;
}

/* For proc_find: belongs to the test whose directory is arg. */
static inline int proc_is_of_test(pid_t pid, const char *dir)
{
    char *mark = format("TELEC_E2E=%s", dir);
    int found = proc_has(pid, "environ", mark) || proc_has(pid, "cmdline", dir);
    free(mark);
    return found;
}

static inline int proc_is_telec(pid_t pid, const char *verb)
{
    char *name = proc_argument(pid, 0), *second = proc_argument(pid, 1);
    return name && second && strcmp(name, e2e.binary) == 0 && strcmp(second, verb) == 0;
}

static inline int proc_is_holder(pid_t pid, const char *dir)
{
    return proc_is_telec(pid, "hold") && proc_is_of_test(pid, dir);
}

static inline int proc_is_holder_of(pid_t pid, const char *id)
{
    char *third = proc_argument(pid, 2);
    return proc_is_telec(pid, "hold") && third && strcmp(third, id) == 0;
}

/* The program side of a session: what has its id in the environment and isn't telec itself. */
static inline int proc_is_inside(pid_t pid, const char *id)
{
    char *mark = format("TELEC_SESSION_ID=%s", id);
    return proc_has(pid, "environ", mark);
}

/* A session's holder (0: none) and its programs. Only where there is /proc. A child of the holder
 * has its arguments until it has run its program. */
static inline pid_t holder_of(const char *id)
{
    pid_t pids[8];
    int n = proc_find(proc_is_holder_of, id, pids, 8), found = 0;
    for (int i = 0; i < n && n > 1; i++)
        for (int k = 0; k < n; k++)
            if (proc_stat(pids[i], 4) == pids[k]) /* its parent */
                found = k;
    return n ? pids[found] : 0;
}

static inline int programs_of(const char *id, pid_t *pids, int most)
{
    return proc_find(proc_is_inside, id, pids, most);
}

static inline int is_gone(const char *id)
{
    pid_t pid;
    return holder_of(id) == 0 && programs_of(id, &pid, 1) == 0;
}

#define AWAIT_GONE(id) await_gone(__FILE__, __LINE__, (id))

/* Until nothing of a session is left running; without /proc nobody can tell. */
static inline void await_gone(const char *file, int line, const char *id)
{
    long long until = now_ms() + E2E_WAIT_MS;
    pid_t pid = 0;
    while (HAVE_PROC && !is_gone(id)) {
        int programs = programs_of(id, &pid, 1);
        check_patience(file, line,
                       format("nothing left of session %s: holder %ld, first program %ld", id,
                              (long)holder_of(id), (long)(programs ? pid : 0)), until);
    }
}

/* Resident memory in KiB. */
static inline long proc_rss(pid_t pid)
{
    char *status = proc_read(pid, "status", NULL);
    char *line = status ? strstr(status, "VmRSS:") : NULL;
    return line ? strtol(line + 6, NULL, 10) : -1;
}
