/* Unit tests of life: the table that decides, and the lock. */

static void unit_life_decides(void)
{
    enum { NO = 0, YES = 1, ANY = -1 };
    static const struct {
        const char *name;
        struct life_facts facts;
        enum life life;
    } cases[] = {
        {"a lock that is held: its holder lives, whatever else is said",
         {STORE_LOCK_HELD, NO, NO, ECONNREFUSED, NO, NO}, LIFE_LIVES},
        {"a lock that can't be asked: nobody knows, whatever else is said",
         {STORE_LOCK_UNKNOWN, YES, NO, ENOENT, NO, NO}, LIFE_UNKNOWN},
        {"a free lock of this boot, no process left: dead",
         {STORE_LOCK_FREE, YES, YES, ENOENT, ANY, NO}, LIFE_DEAD},
        {"a free lock is enough, however connecting failed",
         {STORE_LOCK_FREE, ANY, ANY, EMFILE, ANY, NO}, LIFE_DEAD},
        {"a free lock, and processes are left: orphaned",
         {STORE_LOCK_FREE, YES, YES, ECONNREFUSED, ANY, YES}, LIFE_ORPHANED},
        {"a free lock of another boot: lost with the computer",
         {STORE_LOCK_FREE, YES, NO, ENOENT, ANY, YES}, LIFE_LOST},
        {"a free lock of another machine means nothing here",
         {STORE_LOCK_FREE, NO, NO, ENOENT, ANY, NO}, LIFE_ELSEWHERE},
        {"no lock, another machine", {STORE_LOCK_ABSENT, NO, ANY, ENOENT, NO, ANY}, LIFE_ELSEWHERE},
        {"no lock, another boot", {STORE_LOCK_ABSENT, YES, NO, ENOENT, ANY, ANY}, LIFE_LOST},
        {"no lock, no socket, no process: dead",
         {STORE_LOCK_ABSENT, ANY, ANY, ENOENT, NO, ANY}, LIFE_DEAD},
        {"no lock, nobody listens, no process: dead",
         {STORE_LOCK_ABSENT, ANY, ANY, ECONNREFUSED, NO, ANY}, LIFE_DEAD},
        {"no lock, no socket, but its process: it lives",
         {STORE_LOCK_ABSENT, ANY, ANY, ENOENT, YES, ANY}, LIFE_LIVES},
        {"no lock, no socket, processes can't be listed",
         {STORE_LOCK_ABSENT, ANY, ANY, ENOENT, ANY, ANY}, LIFE_UNKNOWN},
        {"no lock, a full backlog", {STORE_LOCK_ABSENT, ANY, ANY, EAGAIN, NO, ANY}, LIFE_UNKNOWN},
        {"no lock, no descriptors", {STORE_LOCK_ABSENT, ANY, ANY, EMFILE, NO, ANY}, LIFE_UNKNOWN},
        {"no lock, no memory", {STORE_LOCK_ABSENT, ANY, ANY, ENOMEM, NO, ANY}, LIFE_UNKNOWN},
        {"no lock, no buffers", {STORE_LOCK_ABSENT, ANY, ANY, ENOBUFS, NO, ANY}, LIFE_UNKNOWN},
        {"no lock, a reset", {STORE_LOCK_ABSENT, ANY, ANY, ECONNRESET, NO, ANY}, LIFE_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        test_begin(cases[i].name);
        CHECK_INT(life_decide(&cases[i].facts), cases[i].life);
    }
}

static void unit_life_locks(void)
{
    struct life_owner owner;
    char dir[64], path[128], byte;
    int ends[2], status;
    test_begin("the lock says who holds a session, with which program and where it listens");
    CHECK(mkdtemp(unit_base_temporary(dir)) && pipe(ends) == 0);
    CHECK_INT(life_look(dir, &owner), STORE_LOCK_ABSENT);
    pid_t child = fork();
    if (child == 0) {
        setsid();
        int fd = life_lock(dir);
        if (fd >= 0 && life_publish(fd, getpid(), "/the/socket") == 0 && write(ends[1], "", 1) == 1)
            pause();
        _exit(1);
    }
    CHECK_INT(read(ends[0], &byte, 1), 1);
    CHECK_INT(life_look(dir, &owner), STORE_LOCK_HELD);
    CHECK(owner.pid == child && owner.program == child);
    CHECK_SPAN(span_of(owner.socket), "/the/socket");
    CHECK_INT(life_signal_programs(&owner, 0), 1);
    owner.program_start++; /* the id is another process's by now */
    CHECK_INT(life_signal_programs(&owner, SIGKILL), os_process_start(child) == 0);
    CHECK(life_lock(dir) == -1 && errno == EAGAIN);
    life_free_owner(&owner);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    CHECK_INT(life_look(dir, &owner), STORE_LOCK_FREE);
    CHECK(owner.pid == 0 && owner.program == child);
    CHECK_INT(life_signal_programs(&owner, 0), 0);
    life_free_owner(&owner);
    snprintf(path, sizeof path, "%s/" STORE_HOLDER_LOCK, dir);
    test_begin("a lock's file that is none is unknown, and never waited for");
    unlink(path);
    CHECK_INT(mkfifo(path, 0600), 0);
    CHECK_INT(life_look(dir, &owner), STORE_LOCK_UNKNOWN);
    unlink(path), rmdir(dir);
    close(ends[0]), close(ends[1]);
}

static void unit_life_programs(void)
{
    buf pids = {0};
    int ends[2];
    test_begin("a session's processes are found by ps as in /proc, and whether all of them sleep");
    CHECK_INT(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        setsid();
        close(ends[1]);
        _exit(read(ends[0], &byte, 1) != 0);
    }
    close(ends[0]);
    for (int tries = 500; tries && life_is_asleep(pid) != 1; tries--)
        poll(NULL, 0, 10);
    CHECK(life_is_asleep(pid) == 1 || access(OS_PROC "/self/stat", R_OK) != 0);
    if (life_find_listed(pid, &pids)) {
        CHECK_INT(life_count_pids(&pids), 1);
        CHECK_INT(life_pid(&pids, 0), pid);
    }
    close(ends[1]);
    waitpid(pid, NULL, 0);
    CHECK(life_is_asleep(pid) != 1);
    struct life_owner old = {.pid = getpid(), .remakes = 0};
    CHECK(!life_summon(&old)); /* SIGUSR1 would end it */
    life_summon_holder("/nonexistent");
    buf_free(&pids);
}

static void unit_life(void)
{
    unit_life_programs();
    unit_life_decides();
    unit_life_locks();
}
