#include "session.h"

/* life - whether a session's holder lives. The holder locks holder.lock in the session's directory
 * as long as it lives; the kernel frees the lock, however it ends. The file says who has it:
 *
 *      {"pid", "start", "program", "program_start", "machine", "boot", "socket", "remakes",
 *       "joins"}
 *
 * The lock decides. Machine and boot count only when it is not held; a failed connection only where
 * there is no lock, as with the holders of an older telec. */

/* ---- the decision --------------------------------------------------------------------------- */

/* A fact in a rule: -1 matches any value. */
static const struct life_rule {
    int lock, same_machine, same_boot, no_socket, holder, programs;
    enum life life;
} life_rules[] = {
    {STORE_LOCK_HELD, -1, -1, -1, -1, -1, LIFE_LIVES},
    {-1, 0, -1, -1, -1, -1, LIFE_ELSEWHERE},
    {STORE_LOCK_UNKNOWN, -1, -1, -1, -1, -1, LIFE_UNKNOWN},
    {-1, -1, 0, -1, -1, -1, LIFE_LOST},
    {STORE_LOCK_FREE, -1, -1, -1, -1, 1, LIFE_ORPHANED},
    {STORE_LOCK_FREE, -1, -1, -1, -1, 0, LIFE_DEAD},
    {STORE_LOCK_ABSENT, -1, -1, -1, 1, -1, LIFE_LIVES},
    {STORE_LOCK_ABSENT, -1, -1, 1, 0, -1, LIFE_DEAD},
};

static int life_rule_holds(const struct life_rule *rule, const struct life_facts *f)
{
    const int pairs[][2] = {{rule->lock, (int)f->lock},
                            {rule->same_machine, f->same_machine},
                            {rule->same_boot, f->same_boot},
                            {rule->no_socket, life_is_no_socket(f->error)},
                            {rule->holder, f->holder},
                            {rule->programs, f->programs}};
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        if (pairs[i][0] != -1 && pairs[i][0] != pairs[i][1])
            return 0;
    return 1;
}

static enum life life_decide(const struct life_facts *f)
{
    for (size_t i = 0; i < COUNT_OF(life_rules); i++)
        if (life_rule_holds(&life_rules[i], f))
            return life_rules[i].life;
    return LIFE_UNKNOWN;
}

static int life_is_no_socket(int error)
{
    return error == ENOENT || error == ECONNREFUSED || error == ENOTDIR;
}

/* ---- the processes of a session ------------------------------------------------------------- */

static void life_put_pid(buf *pids, pid_t pid)
{
    buf_span(pids, (span){(const char *)&pid, sizeof pid});
}

#if defined(TELEC_LINUX)
/* /proc/PID/stat is "PID (NAME) STATE …". */
static char life_process_state(pid_t pid)
{
    char path[64];
    buf text = {0};
    base_fmt(path, sizeof path, OS_PROC "/%ld/stat", (long)pid);
    const char *end = os_read_file(&text, path, 4096) == 0 ? strrchr(buf_cstr(&text), ')') : NULL;
    char state = end && end[1] == ' ' && end[2] != 'X' ? end[2] : 'Z';
    buf_free(&text);
    return state;
}

/* Finds the session's processes that /proc shows: 2.7 ms with 3,000 processes. Returns 0 when there
 * is no /proc. */
static int life_find_shown(pid_t session, buf *pids)
{
    DIR *proc = opendir(OS_PROC);
    struct dirent *entry;
    long long pid;
    int is_proc = 0;
    while (proc && (entry = readdir(proc))) {
        if (!span_int(span_of(entry->d_name), &pid))
            continue;
        is_proc = 1;
        if (getsid((pid_t)pid) == session && life_process_state((pid_t)pid) != 'Z')
            life_put_pid(pids, (pid_t)pid);
    }
    if (proc)
        closedir(proc);
    return is_proc;
}
#else
static char life_process_state(pid_t pid)
{
    return kill(pid, 0) == 0 ? 'R' : 'Z'; /* whether it is stopped is not known */
}

static int life_find_shown(pid_t session, buf *pids)
{
    (void)session, (void)pids;
    return 0;
}
#endif

/* Takes a read for granted where the kernel tells "0" of a process that sleeps. */
static int life_reads(pid_t session)
{
    buf pids = {0};
    int reads = !life_find_shown(session, &pids);
    for (size_t i = 0; i < life_count_pids(&pids) && !reads; i++) {
        char path[64];
        buf where = {0};
        base_fmt(path, sizeof path, OS_PROC "/%ld/wchan", (long)life_pid(&pids, i));
        os_read_file(&where, path, 256);
        reads = strstr(buf_cstr(&where), "wait_woken") || strstr(where.p, "tty") ||
                ((!where.n || where.p[0] == '0') &&
                 life_process_state(life_pid(&pids, i)) != 'R');
        buf_free(&where);
    }
    buf_free(&pids);
    return reads;
}

static int life_is_asleep(pid_t session)
{
    buf pids = {0};
    int asleep = life_find_shown(session, &pids) ? pids.n > 0 : -1;
    for (size_t i = 0; i < life_count_pids(&pids); i++)
        asleep &= strchr("SIZ", life_process_state(life_pid(&pids, i))) != NULL;
    buf_free(&pids);
    return asleep;
}

/* Finds those that ps lists; it is waited for, as only the end of a session needs it. Returns 0
 * when ps lists nothing. */
static int life_find_listed(pid_t session, buf *pids)
{
    buf lines = {0};
    long long pid;
    os_put_processes(&lines);
    int listed = lines.n > 0;
    for (span rest = buf_view(&lines); rest.n;) {
        span line = span_trim(span_cut(&rest, '\n'), " ");
        span number = span_cut(&line, ' ');
        if (span_int(number, &pid) && pid > 0 && getsid((pid_t)pid) == session &&
            !span_find(line, "<defunct>")) /* a zombie */
            life_put_pid(pids, (pid_t)pid);
    }
    buf_free(&lines);
    return listed;
}

static void life_find_processes(pid_t session, buf *pids)
{
    if (!life_find_shown(session, pids) && !life_find_listed(session, pids) &&
        kill(-session, 0) == 0)
        life_put_pid(pids, -session);
}

static size_t life_count_pids(const buf *pids)
{
    return pids->n / sizeof(pid_t);
}

static pid_t life_pid(const buf *pids, size_t i)
{
    pid_t pid;
    memcpy(&pid, pids->p + i * sizeof pid, sizeof pid);
    return pid;
}

static int life_signal_session(pid_t session, int signo)
{
    buf pids = {0};
    int found = 0;
    life_find_processes(session, &pids);
    for (size_t i = 0; i < life_count_pids(&pids); i++)
        found += kill(life_pid(&pids, i), signo) == 0;
    buf_free(&pids);
    return found;
}

static int life_signal_programs(const struct life_owner *owner, int signo)
{
    long long start = owner->program > 0 ? os_process_start(owner->program) : 0;
    if (owner->program <= 0 || (start && owner->program_start && start != owner->program_start))
        return 0; /* the leader's id is another process's now: nothing of its session is left */
    return life_signal_session(owner->program, signo);
}

/* ---- the lock ------------------------------------------------------------------------------- */

static char *life_lock_path(const char *dir)
{
    buf b = {0};
    buf_fmt(&b, "%s/" STORE_HOLDER_LOCK, dir);
    return b.p;
}

static int life_lock(const char *dir)
{
    char *path = life_lock_path(dir);
    pid_t pid;
    int fd = store_lock(path, &pid);
    int error = errno;
    if (fd >= 0)
        store_fill_lock(fd, (span){0}); /* it may name an earlier holder */
    else if (error != EAGAIN)
        unlink(path); /* a lock that is free would say that no holder lives */
    free(path);
    errno = error;
    return fd;
}

static int life_publish(int fd, pid_t program, const char *socket)
{
    buf b = {0}, machine = {0}, boot = {0};
    os_put_machine(&machine);
    os_put_boot(&boot);
    json_open(&b, '{');
    json_field_int(&b, "pid", getpid());
    json_field_int(&b, "start", os_process_start(getpid()));
    json_field_int(&b, "program", program);
    json_field_int(&b, "program_start", os_process_start(program));
    json_field_string(&b, "machine", buf_cstr(&machine));
    json_field_string(&b, "boot", buf_cstr(&boot));
    json_field_string(&b, "socket", socket);
    json_field_bool(&b, "remakes", 1);
    json_field_bool(&b, "joins", 1);
    json_close(&b, '}');
    int status = store_fill_lock(fd, buf_view(&b));
    buf_free(&b), buf_free(&machine), buf_free(&boot);
    return status;
}

static enum store_lock life_look(const char *dir, struct life_owner *owner)
{
    char *path = life_lock_path(dir);
    struct json content = {0};
    long long program = 0;
    buf text = {0};
    *owner = (struct life_owner){0};
    enum store_lock lock = store_look_at_lock(path, &owner->pid, &text);
    json_read(buf_view(&text), &content);
    json_int(json_get(content, "program"), &program);
    json_int(json_get(content, "program_start"), &owner->program_start);
    owner->program = (pid_t)program;
    owner->machine = json_dup_member(content, "machine");
    owner->boot = json_dup_member(content, "boot");
    owner->socket = json_dup_member(content, "socket");
    owner->remakes = json_is(content, "remakes", JSON_TRUE);
    owner->joins = json_is(content, "joins", JSON_TRUE);
    buf_free(&text);
    free(path);
    return lock;
}

static void life_free_owner(struct life_owner *owner)
{
    free(owner->machine), free(owner->boot), free(owner->socket);
    *owner = (struct life_owner){0};
}

static int life_is_same(void (*put)(buf *b), const char *recorded)
{
    buf mine = {0};
    put(&mine);
    int same = mine.n && recorded && *recorded ? span_eq(buf_view(&mine), recorded) : -1;
    buf_free(&mine);
    return same;
}

/* ---- a socket that is gone ------------------------------------------------------------------ */

/* A number of another machine's process must not be signalled here. */
static int life_summon(const struct life_owner *owner)
{
    return owner->pid > 0 && owner->remakes && life_is_same(os_put_machine, owner->machine) &&
           kill(owner->pid, SIGUSR1) == 0;
}

static void life_summon_holder(const char *dir)
{
    struct life_owner owner;
    life_look(dir, &owner);
    life_summon(&owner);
    life_free_owner(&owner);
}

static char *life_find_socket(const char *dir, const char *recorded)
{
    struct life_owner owner;
    struct stat st;
    char *socket = NULL;
    for (int waited = 0; !socket && waited <= LIFE_SUMMON_MS; waited += LIFE_POLL_MS) {
        enum store_lock lock = life_look(dir, &owner);
        const char *now = owner.socket ? owner.socket : recorded;
        if (lstat(now, &st) == 0 || lock != STORE_LOCK_HELD || waited == LIFE_SUMMON_MS ||
            (!waited && !life_summon(&owner)))
            socket = base_dup(now);
        else
            poll(NULL, 0, LIFE_POLL_MS);
        life_free_owner(&owner);
    }
    return socket;
}

/* ---- a holder that can't be reached --------------------------------------------------------- */

static void life_put_reason(enum life life, const struct life_record *r, pid_t program, int error,
                            buf *why)
{
    if (life == LIFE_ELSEWHERE)
        buf_fmt(why, "its record is of another machine: %s", r->host ? r->host : "unknown");
    else if (life == LIFE_ORPHANED)
        buf_fmt(why, "its holder was killed, its program (process %ld) lives on", (long)program);
    else
        buf_fmt(why, "%s, cannot connect to %s: %s",
                life == LIFE_LIVES ? "its holder lives" : "its holder may live", r->socket,
                strerror(error));
}

static enum life life_judge(const struct life_record *r, int error, int exited, buf *why)
{
    struct life_owner owner;
    struct life_facts f = {.lock = life_look(r->dir, &owner), .error = error, .holder = -1};
    f.same_machine = life_is_same(os_put_machine, r->machine ? r->machine : owner.machine);
    f.same_boot = life_is_same(os_put_boot, owner.boot ? owner.boot : r->boot);
    f.programs = -1;
    if (f.lock == STORE_LOCK_FREE && f.same_boot) /* looks at every process */
        f.programs = life_signal_programs(&owner, 0) > 0;
    if (f.lock == STORE_LOCK_ABSENT && f.same_machine && f.same_boot && !exited)
        f.holder = (int)os_find_process("hold", r->id); /* looks at every process */
    f.holder = f.holder > 0 ? 1 : f.holder;
    enum life life = life_decide(&f);
    if (life == LIFE_LIVES && life_is_no_socket(error))
        life_summon(&owner);
    life_put_reason(life, r, owner.program, error, why);
    life_free_owner(&owner);
    return life;
}

static int life_kill(const char *dir, const char *id)
{
    struct life_owner owner;
    enum store_lock lock = life_look(dir, &owner);
    if (life_is_same(os_put_machine, owner.machine) == 0) {
        life_free_owner(&owner);
        return 0;
    }
    pid_t holder = lock == STORE_LOCK_HELD ? owner.pid : os_find_process("hold", id);
    if (!owner.program && holder > 0)
        owner.program = os_find_child(holder); /* of an older telec's holder */
    int killed = life_signal_programs(&owner, SIGKILL);
    if (holder > 0 && holder != getpid())
        killed += kill(holder, SIGKILL) == 0;
    life_free_owner(&owner);
    return killed;
}
