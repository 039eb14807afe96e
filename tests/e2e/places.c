/* places - everyday and odd places: directories, names, hosts without this or that. */

/* The last word that `telec new` … printed is a session, whose output ends in `want`. */
static void check_said(int line, struct cli *made, const char *want)
{
    char *id = format("%.36s", made->said[0].p);
    if (made->status != 0)
        check_fatal(__FILE__, line, format("status %d: %s", made->status, made->said[1].p));
    await_session(__FILE__, line, id, "last_output", want);
}

static void test_places_directories(void)
{
    umask(027);
    struct cli c = cli("new", "-C", "/", "--", "sh", "-c", "pwd; umask; read x", NULL);
    check_said(__LINE__, &c, "0027");
    char *dir = make_dir(e2e.dir, ".dot");
    c = cli("new", "-C", ".dot", "--", "sh", "-c", "pwd; read x", NULL); /* run in e2e.dir */
    check_said(__LINE__, &c, dir);
    char *odd = make_dir(e2e.dir, "odd\xff");
    c = cli("new", "-C", odd, "--", "true", NULL);
    CHECK_INT(c.status, 1);
    CHECK_HAS(c.said[1].p, "/odd");
    CHECK_HAS(c.said[1].p, "not UTF-8");
    c = cli("new", "-C", "x", "--computer", "elsewhere", "--", "true", NULL);
    CHECK_INT(c.status, 1);
    CHECK_HAS(c.said[1].p, "x: expected an absolute path");
    c = cli("project", "add", odd, NULL);
    CHECK_INT(c.status, 1);
    CHECK_HAS(c.said[1].p, "not UTF-8");
    umask(077); /* of this caller, not of the daemon */
    c = cli("new", "--", "sh", "-c", "umask; read x", NULL);
    check_said(__LINE__, &c, "0077");
}

static void test_places_names(void)
{
    static const char *const names[] = {"x", ".hidden", "."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        file_write(format("%s/telec/config", e2e.config),
                   format("[computer]\nname = %s\n", names[i]), 0600);
        daemon_start();
        struct reply r = call("POST", "/sessions",
                              format("{\"computer\": \"%s\", \"project_dir\": \"/\", "
                                     "\"command\": [\"sleep\", \"1000\"]}", names[i]));
        CHECK_INT(r.status, 200);
        CHECK_TEXT(session_get(json_get(r.body, "session_id"), "computer"), names[i]);
        daemon_stop();
    }
}

/* make install, make clean: the file of the running daemon is moved, then removed, then another one
 * stands in its place. */
static void test_places_moved_binary(void)
{
    if (!TELEC_IS_LINUX)
        skip("the system has no name for the file of a running program");
    char *own = format("%s/telec", e2e.bin), *moved = format("%s/moved", e2e.bin);
    REQUIRE(system(format("cp '%s' '%s'", e2e.binary, own)) == 0);
    e2e.binary = own;
    daemon_start();
    for (int i = 0; i < 3; i++) {
        if (i == 0 ? rename(own, moved) : i == 1 ? unlink(moved) : 0)
            e2e_die(own);
        if (i == 2)
            file_write(own, "#!/bin/sh\nexit 1\n", 0700);
        char *id = start_sh("echo here; read x");
        AWAIT_SESSION(id, "last_output", "here");
        CHECK(holder_of(id) > 0); /* it has the program's name */
        end_session(id);
    }
}

/* A program that writes nothing has started, too. */
static void test_places_silent_program(void)
{
    struct cli c = cli("new", "sleep", "1000", NULL);
    long long began = now_ms();
    c = cli("wait", format("%.36s", c.said[0].p), NULL);
    CHECK_INT(c.status, 0);
    CHECK(now_ms() - began < 10000);
}

/* The directory that can't be used is named, with what sets another one. */
static void test_places_no_home(void)
{
    struct cli c = cli_with("XDG_STATE_HOME=/dev/null/home", "list", NULL);
    CHECK_INT(c.status, 1);
    CHECK_HAS(c.said[1].p, "/dev/null/home: Not a directory; XDG_STATE_HOME sets another one\n");
    c = cli_with("XDG_STATE_HOME=/dev/null/home", "doctor", NULL); /* says it once */
    CHECK_HAS(c.said[0].p, "/dev/null/home: Not a directory; XDG_STATE_HOME sets another one\n");
}

/* telec -c <(…): the daemon that the command starts has the same configuration. */
static void test_places_piped_config(void)
{
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const char text[] = "[computer]\nname = piped\n";
    REQUIRE(write(ends[1], text, sizeof text - 1) == (ssize_t)sizeof text - 1);
    close(ends[1]);
    struct cli c = cli("-c", format("/dev/fd/%d", ends[0]), "new", "--", "sh", "-c",
                       "echo \"config=$TELEC_CONFIG\"; read x", NULL);
    close(ends[0]);
    check_said(__LINE__, &c, "config=");
    CHECK_TEXT(session_get(format("%.36s", c.said[0].p), "computer"), "piped");
}

/* A FIFO, a directory or a huge file in the place of a file of ours is refused by its name: nothing
 * waits for it. */
static void test_places_irregular_files(void)
{
    static const char *const names[] = {"record.json", "exit.json", "log"};
    daemon_start();
    char *good = start_sh("exit 3"), *ids[3];
    for (int i = 0; i < 3; i++) {
        ids[i] = start_sh("exit 3");
        AWAIT_SESSION(ids[i], "state", "exited");
    }
    AWAIT_SESSION(good, "state", "exited");
    daemon_stop();
    for (int i = 0; i < 3; i++) {
        unlink(session_file(ids[i], names[i]));
        if (mkfifo(session_file(ids[i], names[i]), 0600) != 0)
            e2e_die(names[i]);
    }
    char *projects = format("%s/telec/projects.json", e2e.state);
    REQUIRE(mkfifo(projects, 0600) == 0);
    daemon_start();
    CHECK_HAS(daemon_errors(), format("%s/record.json: it is not a regular file", ids[0]));
    CHECK_HAS(daemon_errors(), format("%s/exit.json: it is not a regular file", ids[1]));
    CHECK_HAS(daemon_errors(), "projects.json: it is not a regular file");
    CHECK_TEXT(session_get(good, "exit_code"), "3");
    AWAIT_SESSION(ids[1], "state", "exited"); /* nobody knows how */
    CHECK_TEXT(transcript(ids[2]), "");
    end_session(ids[1]);
    end_session(ids[2]);
}

/* ulimit -f: a write that fails is that write's fault; daemon, holder and session go on. */
static void test_places_file_limit(void)
{
    struct rlimit before, none;
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    none = (struct rlimit){4000, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
    daemon_start();
    setrlimit(RLIMIT_FSIZE, &before);
    char *id = start_sh("trap '' XFSZ 2>/dev/null; i=0; while [ $i -lt 900 ]; do i=$((i+1)); "
                        "echo line $i; done; read x; exit 5");
    AWAIT_SESSION(id, "last_output", "line 900");
    CHECK_INT(call("PATCH", session_path(id, ""),
                   format("{\"title\": \"%s\"}", repeat('t', 390))).status, 200);
    CHECK_INT(create(format("\"command\": [\"true\", \"%s\"]", repeat('x', 5000))).status, 400);
    CHECK_INT(json_count(get("/sessions").body, ""), 1);
    AWAIT(file_size(session_file(id, "log")) == 4000); /* another process writes it */
    for (int i = 0; i < 20; i++) /* the daemon's own log is full, too */
        CHECK_INT(get("/health").status, 200);
    end_session(id);
}

/* What the host does to a session is said, with what mends it. */
static void test_places_doctor(void)
{
    struct cli c = CLI_OK(cli("doctor", NULL));
    CHECK_HAS(c.said[0].p, format("%s/telec: ", e2e.state));
    CHECK_HAS(c.said[0].p, "redis        not configured");
    c = CLI_OK(cli("doctor", "--json", NULL));
    CHECK(json_valid(c.said[0].p, c.said[0].n));
    CHECK_TEXT(json_get(c.said[0].p, "1.about"), "cgroup");
    c = cli_with("TELEC_REDIS=unix:/nonexistent/redis", "doctor", NULL);
    CHECK_INT(c.status, 1);
    CHECK_HAS(c.said[0].p, "BAD   redis");
    CHECK_HAS(c.said[0].p, "No such file");
    CHECK(chmod(format("%s/telec", e2e.run), 0755) == 0);
    c = cli_with(format("TELEC_SOCKET=%s", e2e.socket), "doctor", "--no-daemon", NULL);
    CHECK_INT(c.status, 1);
    CHECK_HAS(c.said[0].p, "BAD   directories  cannot use the directory");
    chmod(format("%s/telec", e2e.run), 0700);
    CLI_OK(cli("daemon", "--stop", NULL));
}

/* A settings file that is mounted, as into a container, can't be replaced: it is written in place,
 * and a copy is kept. */
static void test_places_mounted_settings(void)
{
    char *dir = make_dir(e2e.dir, ".claude"), *file = format("%s/settings.json", dir);
    const char *before = "{\n  \"model\": \"opus\"\n}\n";
    file_write(file, before, 0600);
    if (system("unshare -rm true 2>/dev/null") != 0)
        skip("no mounts of its own");
    CHECK_INT(system(format("HOME='%s' unshare -rm sh -c \"mount --bind '%s' '%s' && '%s' hook "
                            "--install claude --yes\" > /dev/null",
                            e2e.dir, file, file, e2e.binary)), 0);
    CHECK_HAS(file_read(file, NULL), "UserPromptSubmit");
    CHECK_TEXT(file_read(format("%s.before-telec", file), NULL), before);
}

/* A closed standard descriptor does not become one of telec's own files. */
static void test_places_closed_descriptors(void)
{
    char *script = format("%s/closed", e2e.dir);
    file_write(script, format("#!/bin/sh\nexec %s \"$@\" <&-\n", e2e.binary), 0700);
    e2e.binary = script;
    CLI_OK(cli("mcp", NULL));
}

/* A runtime directory that can't be used is passed by with a word: the socket is elsewhere, and the
 * lock of the state directory says where. */
static void test_places_fall_through(void)
{
    static const char *const faults[] = {"chmod 755", "rmdir", "chown 65534"};
    char *dir = make_dir(e2e.run, "telec"), *tmp = make_dir(e2e.dir, "tmp");
    e2e.extra[0] = format("TMPDIR=%s", tmp);
    for (int i = 0; i < 3 - (geteuid() != 0); i++) {
        CHECK_INT(system(format("%s '%s' && [ -d '%s' ] || echo no > '%s'", faults[i], dir, dir,
                                dir)), 0);
        struct cli c = CLI_OK(cli("new", "sleep", "1000", NULL));
        char *id = cli_line(&c);
        CHECK(file_exists(format("%s/telec-%ld/api.sock", tmp, (long)geteuid())));
        CHECK_HAS(file_read(format("%s/telec/daemon.log", e2e.state), NULL),
                  format("cannot use the directory %s: ", dir));
        CLI_OK(cli("kill", id, NULL));
        CLI_OK(cli("daemon", "--stop", NULL));
        CHECK_INT(system(format("rm -rf '%s' && mkdir -m 700 '%s'", dir, dir)), 0);
    }
    CLI_FAILS(cli_with("TELEC_SOCKET=/dev/null/x/api.sock", "list", NULL), 1, "/dev/null/x");
}

/* From now on telec runs behind these commands, which may mount. */
static void host_be(const char *commands)
{
    static const char *binary;
    binary = binary ? binary : e2e.binary;
    char *script = format("%s/host", e2e.dir);
    file_write(script, format("#!/bin/sh\nexec unshare -rm sh -c '%s; exec %s \"$@\"' sh \"$@\"\n",
                              commands, binary), 0700);
    e2e.binary = script;
}

/* XDG_RUNTIME_DIR of the user before, as su keeps it: this user can't even look into it. */
static void test_places_another_users(void)
{
    char *dir = make_dir(e2e.run, "telec"), *tmp = make_dir(e2e.dir, "tmp");
    e2e.extra[0] = format("TMPDIR=%s", tmp);
    if (geteuid() == 0 && system("unshare -rm true 2>/dev/null") != 0)
        skip("no other users");
    if (geteuid() != 0) {
        CHECK_INT(chmod(dir, 0), 0);
    } else {
        CHECK_INT(chown(dir, 65534, (gid_t)-1), 0);
        host_be(":"); /* root is not root of that user's files there */
    }
    CLI_FAILS(cli("--no-daemon", "list", NULL), 1, strerror(EACCES));
    CLI_OK(cli("new", "sleep", "1000", NULL));
    CHECK(file_exists(format("%s/telec-%ld/api.sock", tmp, (long)geteuid())));
    CLI_OK(cli("kill", "--all", NULL));
    CLI_OK(cli("daemon", "--stop", NULL));
    CHECK_INT(chown(dir, geteuid(), (gid_t)-1) | chmod(dir, 0700), 0);
}

/* A runtime directory that is too long for sockets is named with where they are; so is a socket
 * that has to be there. */
static void test_places_long(void)
{
    char *tmp = make_dir(e2e.dir, "tmp"), *is_long = make_dir(e2e.dir, repeat('x', 100));
    e2e.extra[0] = format("TMPDIR=%s", tmp);
    CLI_OK(cli_with(format("XDG_RUNTIME_DIR=%s", is_long), "list", NULL));
    CHECK_HAS(file_read(format("%s/telec/daemon.log", e2e.state), NULL),
              format("the socket is %s/telec-%ld/api.sock: XDG_RUNTIME_DIR is too long for "
                     "sockets\n", tmp, (long)geteuid()));
    struct cli c = CLI_OK(cli_with(format("XDG_RUNTIME_DIR=%s", is_long), "doctor", NULL));
    CHECK_HAS(c.said[0].p, "XDG_RUNTIME_DIR is too long");
    CLI_OK(cli("daemon", "--stop", NULL)); /* it is the state directory's */
    char *socket = format("%s/api.sock", is_long);
    CLI_FAILS(cli("-S", socket, "list", NULL), 1, strerror(ENAMETOOLONG));
}

/* Two machines with one home, whose locks reach each other: each has a daemon. Another machine's is
 * one whose lock says so. */
static void test_places_two_machines(void)
{
    static const char *const locks[] = {"daemon.lock", "state.lock"};
    daemon_start();
    char *id = start_sh("read x");
    for (int i = 0; i < 2; i++) {
        char *path = format("%s/telec/%s", e2e.state, locks[i]), *text = file_read(path, NULL);
        char *machine = strstr(text, "\"machine\":\"");
        int fd = open(path, O_WRONLY);
        REQUIRE(machine && fd >= 0);
        memcpy(machine + 11, "XY", 2);
        REQUIRE(pwrite(fd, text, strlen(text), 0) == (ssize_t)strlen(text));
        close(fd);
    }
    char *other = format("XDG_RUNTIME_DIR=%s", make_dir(e2e.dir, "r2"));
    CHECK_HAS(CLI_OK(cli_with(other, "list", NULL)).said[0].p, format("%.8s\t", id));
    CHECK(file_exists(format("%s/r2/telec/api.sock", e2e.dir)));
    CHECK_INT(get("/health").status, 200);
    CLI_OK(cli_with(other, "list", NULL)); /* finds its own */
    CLI_OK(cli_with(other, "daemon", "--stop", NULL));
    CHECK_INT(get("/health").status, 200);
}

/* root with a user's HOME makes no files in it, which would be root's. */
static void test_places_foreign_home(void)
{
    char *home = make_dir(e2e.dir, "theirs");
    if (geteuid() != 0 || chown(home, 65534, (gid_t)-1) != 0)
        skip("only root has another user's home");
    struct cli c = cli_with(format("HOME=%s", home), "config", NULL);
    CHECK_HAS(c.said[0].p, "configuration file: ");
    CHECK(!strstr(c.said[0].p, home));
}

/* What a CI runner kills by does not travel into daemon, holders and sessions. */
static void test_places_cookies(void)
{
    e2e.extra[0] = "RUNNER_TRACKING_ID=github_1";
    e2e.extra[1] = "JENKINS_NODE_COOKIE=cookie";
    struct cli c = CLI_OK(cli("new", "--", "sh", "-c", "env; echo end; read x", NULL));
    char *id = format("%.36s", c.said[0].p);
    AWAIT_SESSION(id, "last_output", "end");
    CHECK(!strstr(CLI_OK(cli("tail", id, NULL)).said[0].p, "github_1"));
    pid_t pid = holder_of(id);
    CHECK(!pid || (!proc_has(pid, "environ", "JENKINS_NODE_COOKIE=cookie") &&
                   !proc_has(pid, "environ", "RUNNER_TRACKING_ID=github_1")));
}

/* SHELL and PATH are the caller's; what only a login shell finds is run by one. */
static void test_places_callers_shell(void)
{
    char *shell = format("%s/own-shell", e2e.dir), *bin = make_dir(e2e.dir, "own-bin");
    file_write(shell, "#!/bin/sh\necho my own shell; read x\n", 0700);
    file_write(format("%s/agent", bin), "#!/bin/sh\necho \"agent $1\"; read x\n", 0700);
    file_write(format("%s/.profile", e2e.home), format("PATH=$PATH:%s\n", bin), 0600);
    file_write(format("%s/telec/config", e2e.config),
               "[agent plain]\ncommand = agent plain\n"
               "[agent deep]\ncommand = agent deep\nlogin = yes\n", 0600);
    daemon_start();
    struct cli c = cli_with(format("SHELL=%s", shell), "new", NULL);
    check_said(__LINE__, &c, "my own shell");
    c = cli_with("SHELL=/sbin/nologin", "new", NULL);
    CHECK_INT(c.status, 0);
    CLI_OK(cli_with("SHELL=/nonexistent/sh", "new", NULL)); /* another root's */
    c = cli_with(format("PATH=/usr/bin:/bin:%s", bin), "new", "-a", "plain", NULL);
    check_said(__LINE__, &c, "agent plain");
    CLI_FAILS(cli("new", "-a", "plain", NULL), 1, "login = yes");
    c = cli_with("SHELL=/bin/sh", "new", "-a", "deep", NULL);
    check_said(__LINE__, &c, "agent deep");
}

/* ---- kernels that lack a call, or forbid it; hosts that lack a file ------------------------- */

/* A session's life: with a client that is told, and one that waits for its end. */
static void check_life(void)
{
    struct cli c = CLI_OK(cli("new", "--", "sh", "-c", "read x; echo got $x; exit 3", NULL));
    char *id = cli_line(&c);
    struct wire w = subscribe("preparation");
    CLI_OK(cli("send", id, "word", NULL));
    CLI_OK(cli("wait", id, "--state", "exited", NULL));
    CHECK_HAS(CLI_OK(cli("tail", id, NULL)).said[0].p, "got word");
    CHECK_TEXT(session_get(id, "exit_code"), "3");
    wire_close(&w);
    CLI_OK(cli("kill", id, NULL));
    CLI_OK(cli("daemon", "--stop", NULL));
}

/* Each works, or names what is missing. */
static void test_places_missing(void)
{
    static const char *const works[] = {
        "mount --bind /dev/null /dev/urandom",
        "mount --bind /dev/null /etc/passwd; unset HOME SHELL USER LOGNAME", "ulimit -n 20",
        "mount -t tmpfs none /proc", "ulimit -v 16384"};
    if (system("unshare -rm true 2>/dev/null") != 0)
        skip("no mounts of its own");
    int is_checked = system(format("grep -q __asan_init '%s'", e2e.binary)) == 0;
    for (size_t i = 0; i < (is_checked ? 3 : 5); i++) { /* the sanitizer needs the last two */
        host_be(works[i]);
        check_life();
    }
    host_be("mount -t tmpfs none /dev/pts");
    CLI_FAILS(cli("new", "true", NULL), 1, "/dev/pts");
    CLI_OK(cli("daemon", "--stop", NULL));
    host_be("mount -t tmpfs none /dev");
    CLI_FAILS(cli("list", NULL), 1, "cannot start the daemon: /dev/null: ");
}

static int places_is_daemon(pid_t pid, const char *dir)
{
    return proc_is_telec(pid, "daemon") && proc_is_of_test(pid, dir);
}

/* As process 1 of a container the daemon gets all orphans, and leaves no zombies; SIGTERM ends
 * it. */
static void test_places_process_one(void)
{
    const char *binary = e2e.binary;
    char *script = format("%s/one", e2e.dir), *mark = format("%s/orphan", e2e.dir);
    pid_t pid = 0;
    if (!HAVE_PROC || system("unshare -rm --pid --fork --mount-proc true 2>/dev/null") != 0)
        skip("no processes of its own");
    file_write(script, format("#!/bin/sh\nexec unshare -rm --pid --fork --mount-proc %s \"$@\"\n",
                              binary), 0700);
    e2e.binary = script;
    daemon_start();
    e2e.binary = binary;
    AWAIT(proc_find(places_is_daemon, e2e.dir, &pid, 1) == 1);
    start_sh(format("trap \"\" HUP; (setsid sh -c 'sleep 0.1; echo > %s' &); exit 0", mark));
    AWAIT(file_exists(mark));
    AWAIT(system(format("ps -A -o ppid=,stat=,args= | grep -qE '^ *%ld (Z|.*orphan)'",
                        (long)pid)) != 0);
    kill(pid, SIGTERM);
    CHECK_INT(await_exit(e2e.daemon), 0);
    e2e.daemon = 0;
}

#if defined(__linux__)
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#if !defined(SYS_clone3)
#define SYS_clone3 435
#define SYS_pidfd_open 434
#endif

/* From now on the kernel refuses both calls with that error to this process and all that it starts;
 * of several refusals the last one counts. */
static void kernel_refuse(long call, long other, int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)other, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        skip("no calls can be refused here");
    errno = 0;
    CHECK(syscall(call, 0, 0, 0) < 0 && errno == error);
}

static void kernel_lives_without(long call, long other)
{
    static const int errors[] = {ENOSYS, EPERM};
    for (int i = 0; i < 2; i++) {
        kernel_refuse(call, other, errors[i]);
        check_life();
    }
}
#else
static void kernel_lives_without(long call, long other)
{
    (void)call, (void)other;
    skip("not Linux");
}
#define SYS_epoll_create1 0
#define SYS_inotify_init1 0
#define SYS_getrandom 0
#define SYS_clone3 0
#define SYS_pidfd_open 0
#define SYS_pidfd_send_signal 0
#endif

static void test_places_no_epoll(void)
{
    kernel_lives_without(SYS_epoll_create1, SYS_epoll_create1);
}

static void test_places_no_inotify(void)
{
    kernel_lives_without(SYS_inotify_init1, SYS_inotify_init1);
}

static void test_places_no_getrandom(void)
{
    kernel_lives_without(SYS_getrandom, SYS_getrandom);
}

static void test_places_no_clone3(void)
{
    kernel_lives_without(SYS_clone3, SYS_clone3);
}

static void test_places_no_pidfd(void)
{
    kernel_lives_without(SYS_pidfd_open, SYS_pidfd_send_signal);
}

static const struct test places_tests[] = {
    {"places_process_one", test_places_process_one},
    {"places_missing", test_places_missing},
    {"places_no_epoll", test_places_no_epoll},
    {"places_no_inotify", test_places_no_inotify},
    {"places_no_getrandom", test_places_no_getrandom},
    {"places_no_clone3", test_places_no_clone3},
    {"places_no_pidfd", test_places_no_pidfd},
    {"places_callers_shell", test_places_callers_shell},
    {"places_fall_through", test_places_fall_through},
    {"places_closed_descriptors", test_places_closed_descriptors},
    {"places_another_users", test_places_another_users},
    {"places_long", test_places_long},
    {"places_foreign_home", test_places_foreign_home},
    {"places_two_machines", test_places_two_machines},
    {"places_cookies", test_places_cookies},
    {"places_mounted_settings", test_places_mounted_settings},
    {"places_directories", test_places_directories},
    {"places_names", test_places_names},
    {"places_moved_binary", test_places_moved_binary},
    {"places_silent_program", test_places_silent_program},
    {"places_piped_config", test_places_piped_config},
    {"places_irregular_files", test_places_irregular_files},
    {"places_file_limit", test_places_file_limit},
    {"places_no_home", test_places_no_home},
    {"places_doctor", test_places_doctor},
};
