/* e2e - telec as its users have it: the real binary, real pseudo-terminals, real kills.
 *
 *      cc -std=c99 -D_XOPEN_SOURCE=700 -o build/e2e tests/e2e.c
 *      build/e2e TELEC_BINARY [NAME…]      all tests, or those whose name begins with one of NAME
 *
 * This is the table of contents: first the tools of the tests, then the tests. Every test is a
 * process with a directory and a daemon of its own. When it is over, the driver ends what it
 * started. The test fails when a program that should end does not, or when a sanitizer reports.
 * A test that failed beside others runs once more by itself when all are over: a loaded machine
 * answers late. What it said the first time is printed, and a sanitizer's report counts always.
 *
 * Environment: TELEC_E2E_JOBS tests run at a time (6), TELEC_E2E_SESSIONS sessions at once (100);
 * TELEC_E2E_TIMES prints each test's duration; TELEC_E2E_KEEP keeps the directory of a failed test;
 * TELEC_E2E_PORTABLE: the binary is built with -DTELEC_PORTABLE; TELEC_E2E_RESP2 limits the fleet
 * to RESP2; TELEC_E2E_KILLS is how many seconds kills goes on (15), TELEC_E2E_SEED repeats what it
 * does. */

#include "e2e/check.c"    /* text, checks, files */
#include "e2e/json.c"     /* a strict JSON reader */
#include "e2e/wire.c"     /* connections, HTTP, WebSocket */
#include "e2e/proc.c"     /* processes and what they leave behind */
#include "e2e/daemon.c"   /* a daemon of the test's own, and its sessions */
#include "e2e/pty.c"      /* a pseudo-terminal and its screen */

#include "e2e/programs.c" /* what runs inside of the sessions: this driver itself */
#include "e2e/http.c"     /* HTTP/1.1, every route, every refusal */
#include "e2e/sessions.c" /* a session's life, what can be asked of it and typed into it */
#include "e2e/agents.c"   /* a program like an AI agent: dialogs, messages, first prompts */
#include "e2e/attach.c"   /* a session's terminal over a WebSocket */
#include "e2e/push.c"     /* /ws */
#include "e2e/robust.c"   /* kills, crowds, floods, garbage */
#include "e2e/limits.c"   /* little of everything: descriptors, memory, time */
#include "e2e/cli.c"      /* the command line */
#include "e2e/faults.c"   /* every system call of a change fails once */
#include "e2e/kills.c"    /* kills at random moments under load */
#include "e2e/life.c"     /* who lives: lost directories, hanging and killed holders */
#include "e2e/places.c"   /* directories, names, hosts without this or that */
#include "e2e/reach.c"    /* computers behind pipes */
#include "e2e/projects.c" /* projects and their todos */
#include "e2e/fleet.c"    /* several computers on one Redis */
#include "e2e/ui.c"       /* the terminal UI, on a terminal */
#include "e2e/remote.c"   /* attached to a session of another computer */
#include "e2e/fake.c"     /* a daemon that is none */
#include "e2e/foreign.c"  /* commands on a TeleClaude daemon */
#include "e2e/screens.c"  /* every view and dialog, compared with golden files */
#include "e2e/day.c"      /* a day's tasks, counted in keys */
#include "e2e/views.c"    /* finding, preparation, mouse, restarts, bad daemons */

#define E2E_TEST_MS 60000 /* no test takes longer */
#define E2E_JOBS_MAX 64
#define E2E_AGAIN_MAX 6  /* more failures than that are not chance */
#define E2E_REPORT_LINES 25 /* of a sanitizer's report; TELEC_E2E_KEEP keeps all of it */

static const struct {
    const struct test *tests;
    size_t count;
} suites[] = {
    {http_tests, sizeof http_tests / sizeof *http_tests},
    {session_tests, sizeof session_tests / sizeof *session_tests},
    {agents_tests, sizeof agents_tests / sizeof *agents_tests},
    {attach_tests, sizeof attach_tests / sizeof *attach_tests},
    {push_tests, sizeof push_tests / sizeof *push_tests},
    {robust_tests, sizeof robust_tests / sizeof *robust_tests},
    {limits_tests, sizeof limits_tests / sizeof *limits_tests},
    {faults_tests, sizeof faults_tests / sizeof *faults_tests},
    {kills_tests, sizeof kills_tests / sizeof *kills_tests},
    {fleet_tests, sizeof fleet_tests / sizeof *fleet_tests},
    {remote_tests, sizeof remote_tests / sizeof *remote_tests},
    {cli_tests, sizeof cli_tests / sizeof *cli_tests},
    {life_tests, sizeof life_tests / sizeof *life_tests},
    {places_tests, sizeof places_tests / sizeof *places_tests},
    {reach_tests, sizeof reach_tests / sizeof *reach_tests},
    {projects_tests, sizeof projects_tests / sizeof *projects_tests},
    {ui_tests, sizeof ui_tests / sizeof *ui_tests},
    {screens_tests, sizeof screens_tests / sizeof *screens_tests},
    {day_tests, sizeof day_tests / sizeof *day_tests},
    {foreign_tests, sizeof foreign_tests / sizeof *foreign_tests},
    {views_tests, sizeof views_tests / sizeof *views_tests},
};

/* ---- one test ------------------------------------------------------------------------------- */

/* Short paths: a Unix socket's has 104 bytes at most. */
static void make_dirs(const struct test *test)
{
    const char *base = getenv("TMPDIR");
    e2e.name = test->name;
    e2e.dir = format("%s/e2e.XXXXXX", base && base[0] == '/' && strlen(base) < 30 ? base : "/tmp");
    if (!mkdtemp(e2e.dir))
        e2e_die(e2e.dir);
    e2e.run = make_dir(e2e.dir, "r");
    e2e.state = make_dir(e2e.dir, "state");
    e2e.config = make_dir(e2e.dir, "config");
    e2e.home = make_dir(e2e.dir, "home");
    e2e.bin = make_dir(e2e.dir, "bin");
    make_dir(e2e.config, "telec");
    e2e.socket = format("%s/telec/api.sock", e2e.run);
    e2e.errors = format("%s/errors", e2e.dir);
    /* What lives as long as its process isn't lost. */
    file_write(format("%s/leaks", e2e.dir),
               "leak:config_load\nleak:daemon_claim\nleak:holder_main\nleak:near_hold\n"
               "leak:far_run\n", 0600);
}

/* In the test's own process. Sessions that still run are ended by clean_up_processes; a host
 * without /proc has only the daemon to do that. */
static void run_test(const struct test *test)
{
    setpgid(0, 0);
    signal(SIGPIPE, SIG_IGN);
    test->run();
    if (!HAVE_PROC && e2e.daemon) {
        struct reply list = get("/sessions");
        for (int i = 0; i < json_count(list.body, ""); i++)
            end_session(json_get(list.body, format("%d.session_id", i)));
    }
    daemon_stop();
    fflush(stdout);
    _exit(e2e.failures > 0);
}

/* ---- afterwards ----------------------------------------------------------------------------- */

static int is_left(pid_t pid, const char *dir)
{
    return proc_is_of_test(pid, dir) && !proc_is_telec(pid, "hold");
}

static int is_daemon(pid_t pid, const char *dir)
{
    return proc_is_of_test(pid, dir) && proc_is_telec(pid, "daemon");
}

static int is_client(pid_t pid, const char *dir)
{
    return is_left(pid, dir) && !is_daemon(pid, dir) &&
        !proc_has(pid, "environ", "TELEC_SESSION_ID=");
}

static void kill_all(int (*fits)(pid_t pid, const char *arg))
{
    pid_t pids[2048];
    long long until = now_ms() + 5000;
    int n;
    while ((n = proc_find(fits, e2e.dir, pids, 2048)) > 0 && now_ms() < until) {
        while (n > 0)
            kill(pids[--n], SIGKILL);
        poll(NULL, 0, 5);
    }
}

/* Ends the daemon and the holders the hard way; their programs must follow by themselves. */
static int clean_up_processes(struct text *report)
{
    pid_t pids[2048];
    long long until = now_ms() + 10000;
    int n, failures = 0;
    if (!HAVE_PROC)
        return 0;
    kill_all(is_daemon);
    kill_all(is_client);
    kill_all(proc_is_holder);
    while ((n = proc_find(is_left, e2e.dir, pids, 2048)) > 0 && now_ms() < until)
        poll(NULL, 0, 5);
    for (int i = 0; i < n; i++, failures++) {
        char *name = proc_argument(pids[i], 0), *verb = proc_argument(pids[i], 1);
        text_str(report, format("# left running: process %ld, %s %s\n", (long)pids[i],
                                name ? name : "?", verb ? verb : ""));
    }
    kill_all(is_left);
    return failures;
}

/* The beginning of what a sanitizer has to say. */
static void report_text(struct text *report, const char *said)
{
    for (int lines = 0; said && *said && lines < E2E_REPORT_LINES; lines++) {
        size_t n = strcspn(said, "\n");
        text_str(report, format("#   %.*s\n", (int)n, said));
        said += n + (said[n] == '\n');
    }
}

static int report_sanitizer(struct text *report)
{
    DIR *dir = opendir(e2e.dir);
    struct dirent *entry;
    char *errors = daemon_errors();
    int failures = 0;
    while (dir && (entry = readdir(dir))) {
        if (strncmp(entry->d_name, "sanitizer", 9) != 0)
            continue;
        text_str(report, format("# %s:\n", entry->d_name));
        if (failures++ == 0)
            report_text(report, file_read(format("%s/%s", e2e.dir, entry->d_name), NULL));
    }
    if (dir)
        closedir(dir);
    if (strstr(errors, "Sanitizer") || strstr(errors, "runtime error")) {
        text_str(report, "# the daemon said:\n");
        report_text(report, errors);
        failures++;
    }
    return failures;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

/* ---- all tests, some at a time -------------------------------------------------------------- */

struct job {
    const struct test *test; /* NULL: free */
    struct e2e e2e;
    pid_t pid;
    int fd;                 /* what the test says */
    struct text said;
    long long began;
};

static int tests_failed;
static const struct test *tests_again[E2E_AGAIN_MAX]; /* failed once */
static int again_count, again_now;

/* No test takes longer, but kills takes as long as it is asked to. */
static long long test_ms(void)
{
    const char *kills = getenv("TELEC_E2E_KILLS");
    return E2E_TEST_MS + 1000LL * (kills ? atoi(kills) : 0);
}

static void job_start(struct job *job, const struct test *test)
{
    int ends[2];
    make_dirs(test);
    fflush(stdout);
    if (pipe(ends) != 0)
        e2e_die("pipe");
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    *job = (struct job){.test = test, .e2e = e2e, .pid = fork(), .fd = ends[0], .began = now_ms()};
    if (job->pid < 0)
        e2e_die("fork");
    if (job->pid == 0) {
        dup2(ends[1], 1);
        close(ends[1]);
        run_test(test);
    }
    close(ends[1]);
    setpgid(job->pid, job->pid);
}

static void job_finish(struct job *job)
{
    struct text report = job->said;
    int status = 0;
    e2e = job->e2e;
    text_add(&report, "", 0);
    if (now_ms() - job->began >= test_ms())
        text_str(&report, format("# not over after %lld s\n", test_ms() / 1000));
    kill(-job->pid, SIGKILL);
    while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR)
        ;
    int skipped = WIFEXITED(status) && WEXITSTATUS(status) == E2E_SKIP;
    int failed = !skipped && (!WIFEXITED(status) || WEXITSTATUS(status) != 0);
    failed |= clean_up_processes(&report) > 0;
    int certain = report_sanitizer(&report) > 0;
    failed |= certain;
    if (failed && !strchr(report.p, '#'))
        text_str(&report, format("# ended with status %x\n", status));
    int again = failed && !certain && !again_now && again_count < E2E_AGAIN_MAX;
    if (again) {
        tests_again[again_count++] = job->test;
        printf("# again: %s\n%s", job->test->name, report.p);
    } else if (skipped && !failed)
        printf("skip - e2e %s: %s", job->test->name, strncmp(report.p, "skip: ", 6) == 0
               ? report.p + 6 : report.p);
    else
        printf("%sok - e2e %s\n%s", failed ? "not " : "", job->test->name, failed ? report.p : "");
    if (getenv("TELEC_E2E_TIMES"))
        printf("# %s: %lld ms\n", job->test->name, now_ms() - job->began);
    if (failed && getenv("TELEC_E2E_KEEP"))
        printf("# kept: %s\n", e2e.dir);
    else
        nftw(e2e.dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    fflush(stdout);
    tests_failed += failed && !again;
    close(job->fd);
    job->test = NULL;
}

/* Reads what the running tests say, and finishes those that are over. */
static void jobs_wait(struct job *jobs, int count)
{
    struct pollfd polls[E2E_JOBS_MAX];
    char chunk[4096];
    for (int i = 0; i < count; i++)
        polls[i] = (struct pollfd){jobs[i].test ? jobs[i].fd : -1, POLLIN, 0};
    poll(polls, (nfds_t)count, 500);
    for (int i = 0; i < count; i++) {
        ssize_t n = 1;
        if (!jobs[i].test)
            continue;
        if (polls[i].revents && (n = read(jobs[i].fd, chunk, sizeof chunk)) > 0)
            text_add(&jobs[i].said, chunk, (size_t)n);
        if (n <= 0 || now_ms() - jobs[i].began >= test_ms())
            job_finish(&jobs[i]);
    }
}

static int jobs_free(const struct job *jobs, int count)
{
    for (int i = 0; i < count; i++)
        if (!jobs[i].test)
            return i;
    return -1;
}

static int jobs_running(const struct job *jobs, int count)
{
    int n = 0;
    for (int i = 0; i < count; i++)
        n += jobs[i].test != NULL;
    return n;
}

/* Tests named quick_… need a program with short times, and run only when they are asked for. */
static int is_chosen(const struct test *test, char **names)
{
    for (int i = 0; names[i]; i++)
        if (strncmp(test->name, names[i], strlen(names[i])) == 0)
            return 1;
    return !names[0] && strncmp(test->name, "quick_", 6) != 0;
}

int main(int argc, char **argv)
{
    static struct job jobs[E2E_JOBS_MAX];
    const char *wanted = getenv("TELEC_E2E_JOBS");
    int count = wanted ? atoi(wanted) : 6, run = 0, place;
    count = count < 1 ? 1 : count > E2E_JOBS_MAX ? E2E_JOBS_MAX : count;
    if (argc > 2 && strcmp(argv[1], "program") == 0)
        return program_main(argv + 2);
    e2e.binary = argc > 1 ? realpath(argv[1], NULL) : NULL;
    e2e.self = realpath(argv[0], NULL);
    if (!e2e.binary || !e2e.self) {
        fprintf(stderr, "usage: %s TELEC_BINARY [NAME...]\n", argv[0]);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    for (size_t s = 0; s < sizeof suites / sizeof *suites; s++)
        for (size_t i = 0; i < suites[s].count; i++) {
            if (!is_chosen(&suites[s].tests[i], argv + 2))
                continue;
            while ((place = jobs_free(jobs, count)) < 0)
                jobs_wait(jobs, count);
            job_start(&jobs[place], &suites[s].tests[i]);
            run++;
        }
    while (jobs_running(jobs, count))
        jobs_wait(jobs, count);
    again_now = 1;
    for (int i = 0; i < again_count; i++) {
        job_start(&jobs[0], tests_again[i]);
        while (jobs_running(jobs, 1))
            jobs_wait(jobs, 1);
    }
    if (!run)
        fprintf(stderr, "no test of that name\n");
    return tests_failed > 0 || !run;
}
