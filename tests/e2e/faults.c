/* faults - every system call of a change fails once, or is the last of its process: afterwards the
 * old or the new state is there, and an answer has told which.
 *
 * A change runs again and again; in its n-th run its n-th call fails, until no call is left. Then
 * the daemon is killed and started anew. preload.c stands in front of libc; where it can't (a
 * static program, no compiler) the tests are skipped. */

#include "fault.h"
#include <sys/mman.h>

#define FAULTS_MOST 200 /* calls of one change */

static struct fault *faults_shared;

/* Compiles preload.c, for LD_PRELOAD. */
static char *faults_object(void)
{
    char *object = format("%s/fault.so", e2e.dir);
    char *source = format("%.*spreload.c", (int)(strlen(__FILE__) - strlen("faults.c")), __FILE__);
    if (!HAVE_PROC || system(format("cc -w -shared -fPIC -o '%s' '%s' -ldl 2>/dev/null", object,
                                    source)) != 0)
        skip("no shared object can be made that makes system calls fail");
    return format("LD_PRELOAD=%s", object);
}

static void faults_map(const char *verb)
{
    char *shared = format("%s/fault", e2e.dir), *object = faults_object();
    struct fault none = {.left = 0};
    int fd = open(shared, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || write(fd, &none, sizeof none) != sizeof none)
        e2e_die(shared);
    faults_shared = mmap(NULL, sizeof *faults_shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (faults_shared == MAP_FAILED)
        e2e_die("mmap");
    e2e.extra[0] = object;
    e2e.extra[1] = format("TELEC_E2E_FAULT=%s", shared);
    e2e.extra[2] = format("TELEC_E2E_BINARY=%s", e2e.binary);
    strcpy(faults_shared->verb, verb);
}

static void faults_start(void)
{
    faults_map("daemon");
    faults_shared->left = FAULTS_MOST;
    faults_shared->error = ENOSYS;
    daemon_start();
    if (faults_shared->left == FAULTS_MOST)
        skip("the program does not take a shared object");
    faults_shared->left = 0;
}

/* A request whose answer may not come. */
static int faults_call(const char *method, const char *target, const char *body)
{
    struct wire w = {.fd = wire_connect(e2e.socket)};
    if (w.fd < 0)
        return 0;
    wire_str(&w, request(method, target, body));
    int status = reply_read_for(&w, method, E2E_WAIT_MS).status;
    wire_close(&w);
    return status;
}

static char *faults_id, *faults_title; /* the session of the change; the title it is to get */
static char *faults_undoable; /* a session whose end can be undone */

static int faults_is_listed(const char *id)
{
    return strstr(get("/sessions").body, id) != NULL;
}

/* A session whose end can be undone is not listed. */
static int faults_may_undo(const char *id)
{
    return faults_undoable && strcmp(id, faults_undoable) == 0;
}

/* What the disk has is what the list has: no directory, temporary file or holder is left. */
static char *faults_leftover(int (*may_undo)(const char *id))
{
    char *list = get("/sessions").body, *root = format("%s/telec/sessions", e2e.state);
    DIR *dir = opendir(root);
    struct dirent *entry;
    char *found = NULL;
    while (dir && !found && (entry = readdir(dir))) {
        const char *id = entry->d_name;
        if (strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
            continue;
        if (!strstr(list, id) && !may_undo(id))
            found = format("directory %s", id);
        DIR *inside = opendir(format("%s/%s", root, id));
        while (inside && !found && (entry = readdir(inside)))
            if (strstr(entry->d_name, ".tmp") || strstr(entry->d_name, ".old"))
                found = format("file %s of %s", entry->d_name, id);
        if (inside)
            closedir(inside);
    }
    if (dir)
        closedir(dir);
    pid_t pids[64];
    int n = found ? 0 : proc_find(proc_is_holder, e2e.dir, pids, 64);
    for (int i = 0; i < n && !found; i++) {
        char *id = proc_argument(pids[i], 2);
        if (id && !strstr(list, id) && !may_undo(id))
            found = format("holder of %s", id);
    }
    return found;
}

/* ---- changes -------------------------------------------------------------------------------- */

struct faults_change {
    const char *name;
    void (*prepare)(void);
    int (*run)(void);       /* the answer's status; 0: none */
    int (*is_new)(void);    /* after a restart: it has happened */
};

static void faults_prepare_create(void)
{
    static int count;
    faults_title = format("made %d", ++count);
}

static int faults_create(void)
{
    return faults_call("POST", "/sessions",
                       format("{\"computer\": \"local\", \"project_dir\": \"/\", "
                              "\"title\": \"%s\", \"command\": [\"sleep\", \"1000\"]}",
                              faults_title));
}

static int faults_title_is_listed(void)
{
    return strstr(get("/sessions").body, format("\"%s\"", faults_title)) != NULL;
}

static void faults_prepare_rename(void)
{
    if (!faults_id)
        faults_id = start_program("pause", NULL, NULL);
    faults_prepare_create();
}

static int faults_rename(void)
{
    return faults_call("PATCH", session_path(faults_id, ""),
                       format("{\"title\": \"%s\"}", faults_title));
}

static void faults_prepare_running(void)
{
    faults_id = start_program("pause", NULL, NULL);
    AWAIT_SESSION(faults_id, "last_output", "ready");
}

static void faults_prepare_exited(void)
{
    faults_id = start_sh("exit 3");
    AWAIT_SESSION(faults_id, "state", "exited");
}

static int faults_end(void)
{
    return faults_call("DELETE", session_path(faults_id, ""), NULL);
}

static int faults_end_undoably(void)
{
    faults_undoable = faults_id;
    return faults_call("DELETE", session_path(faults_id, "?undo_s=60"), NULL);
}

static int faults_has_ended(void)
{
    return !faults_is_listed(faults_id);
}

static void faults_prepare_undo(void)
{
    faults_prepare_running();
    CHECK_INT(faults_end_undoably(), 200);
}

static int faults_undo(void)
{
    return faults_call("POST", session_path(faults_id, "/restore"), NULL);
}

static int faults_is_restored(void)
{
    return faults_is_listed(faults_id);
}

/* It exits with 3 the first time, and then runs. */
static void faults_prepare_again(void)
{
    static int count;
    faults_id = start_sh(format("f=%s/again%d; [ -e $f ] && exec sleep 1000; : > $f; exit 3",
                                e2e.dir, ++count));
    AWAIT_SESSION(faults_id, "state", "exited");
}

static int faults_restart_session(void)
{
    return faults_call("POST", session_path(faults_id, "/restart"), NULL);
}

/* Its holder may be killed after the answer: then its exit is another one. */
static int faults_runs_again(void)
{
    char *body = get(session_path(faults_id, "")).body;
    return !json_is(body, "state", "exited") || !json_is(body, "exit_code", "3");
}

static void faults_prepare_project(void)
{
    static int count;
    faults_title = format("%s/p%d", e2e.dir, ++count);
    if (mkdir(faults_title, 0700) != 0)
        e2e_die(faults_title);
}

static int faults_add_project(void)
{
    return faults_call("POST", "/projects", format("{\"path\": \"%s\"}", faults_title));
}

static int faults_has_project(void)
{
    return strstr(get("/projects").body, format("\"%s\"", faults_title)) != NULL;
}

/* ---- the tests ------------------------------------------------------------------------------ */

static void faults_restart(void)
{
    if (e2e.daemon)
        kill(e2e.daemon, SIGKILL);
    await_exit(e2e.daemon);
    e2e.daemon = 0;
    daemon_start();
}

/* Ends every session that is listed, so that runs don't add up; but the one that is kept. */
static void faults_clear(const char *keep)
{
    if (faults_undoable)
        call("POST", session_path(faults_undoable, "/restore"), NULL);
    faults_undoable = NULL;
    char *list = get("/sessions").body;
    for (int i = 0; i < json_count(list, ""); i++) {
        char *id = json_get(list, format("%d.session_id", i));
        if (!keep || strcmp(id, keep) != 0)
            call("DELETE", session_path(id, ""), NULL);
    }
    if (!keep)
        faults_id = NULL;
}

/* One run; 0: the change has no n-th call. */
static int faults_run_one(const struct faults_change *change, const char *verb, int error, int n)
{
    change->prepare();
    memset(faults_shared->name, 0, sizeof faults_shared->name);
    strcpy(faults_shared->verb, verb);
    faults_shared->error = error;
    faults_shared->left = n;
    int status = change->run();
    int struck = faults_shared->left <= 0;
    faults_shared->left = 0;
    char *what = format("%s: call %d of the %s, %s: %s; the answer was %d", change->name, n, verb,
                        faults_shared->name, error ? strerror(error) : "killed", status);
    faults_restart();
    long long until = now_ms() + E2E_WAIT_MS;
    while (status == 200 && !change->is_new())
        check_patience(__FILE__, __LINE__, format("%s; it has happened", what), until);
    if (status >= 400 && change->is_new())
        FAIL("%s; it has happened nevertheless", what);
    char *left;
    while ((left = faults_leftover(faults_may_undo)))
        check_patience(__FILE__, __LINE__, format("%s; nothing is left but %s", what, left), until);
    faults_clear(strcmp(change->name, "rename") == 0 ? faults_id : NULL);
    return struck;
}

static void faults_run(const struct faults_change *change)
{
    static const char *const verbs[] = {"daemon", "hold"};
    static const int errors[] = {0, EIO};
    faults_start();
    for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++)
        for (size_t e = 0; e < sizeof errors / sizeof *errors; e++) {
            int n = 1;
            while (n < FAULTS_MOST && faults_run_one(change, verbs[v], errors[e], n))
                n++;
            if (getenv("TELEC_E2E_TIMES"))
                printf("# %s: %d calls of the %s, %s\n", change->name, n - 1, verbs[v],
                       errors[e] ? "failed" : "killed");
        }
}

#define FAULTS_TEST(name, prepare, run, is_new) \
    static void test_faults_##name(void) \
    { \
        faults_run(&(struct faults_change){#name, prepare, run, is_new}); \
    }

FAULTS_TEST(create, faults_prepare_create, faults_create, faults_title_is_listed)
FAULTS_TEST(rename, faults_prepare_rename, faults_rename, faults_title_is_listed)
FAULTS_TEST(end, faults_prepare_running, faults_end, faults_has_ended)
FAULTS_TEST(dismiss, faults_prepare_exited, faults_end, faults_has_ended)
FAULTS_TEST(end_undoably, faults_prepare_running, faults_end_undoably, faults_has_ended)
FAULTS_TEST(undo, faults_prepare_undo, faults_undo, faults_is_restored)
FAULTS_TEST(restart, faults_prepare_again, faults_restart_session, faults_runs_again)
FAULTS_TEST(project, faults_prepare_project, faults_add_project, faults_has_project)

/* ---- a home that is slow, or gone ------------------------------------------------------------ */

static void faults_start_home(void)
{
    faults_map("");
    snprintf(faults_shared->home, sizeof faults_shared->home, "%s/", e2e.dir);
    daemon_start();
}

/* Types a line into a session and waits for its echo. Returns how long that took, ms. */
static long long faults_echo(struct wire *view, const char *line)
{
    long long began = now_ms();
    ws_send(view, 0x82, line, strlen(line));
    while (!strstr(ws_next(view).p, "echoed"))
        ;
    return now_ms() - began;
}

static int faults_has_logged(const char *id, const char *text)
{
    char *log = file_read(session_file(id, "log"), NULL);
    return log && strstr(log, text) != NULL;
}

/* A key echoes, an end is told, lists and screens are answered; what needs the disk is refused, and
 * never happens afterwards. */
static void test_faults_slow_home(void)
{
    faults_start_home();
    char *id = start_sh("stty -echo; echo ready; while read x; do echo \"echoed $x\"; done");
    char *other = start_sh("echo ready; read x; exit 3");
    AWAIT_SESSION(id, "last_output", "ready");
    AWAIT_SESSION(other, "last_output", "ready");
    struct wire view = ws_open(session_path(id, "/attach?mode=control&cols=40&rows=10"));
    struct wire end = ws_open(session_path(other, "/attach?mode=control&cols=40&rows=10"));
    faults_shared->slow_ms = 8000;
    ws_send(&end, 0x82, "x\n", 2);
    CHECK(faults_echo(&view, "one\n") < 1500);
    CHECK(faults_echo(&view, "two\n") < 1500);
    AWAIT_SESSION(other, "exit_code", "3");
    poll(NULL, 0, 20); /* an answer counts for a moment */
    long long began = now_ms();
    struct reply r = create("\"command\": [\"sleep\", \"1000\"]");
    CHECK(r.status >= 400);
    CHECK_HAS(r.body, "does not answer");
    r = call("DELETE", session_path(id, ""), NULL);
    CHECK_INT(r.status, 500);
    CHECK_HAS(r.body, "does not answer");
    CHECK_INT(call("PATCH", session_path(id, ""), "{\"title\": \"new\"}").status, 500);
    CHECK_INT(call("DELETE", session_path(id, "?undo_s=9"), NULL).status, 500);
    CHECK_INT(json_count(get("/sessions").body, ""), 2);
    CHECK(!file_read(session_file(other, "exit.json"), NULL));
    CHECK_HAS(transcript(id), "echoed two");
    CHECK_HAS(CLI_OK(cli("list", NULL)).said[0].p, format("%.8s\t", id));
    CHECK_HAS(CLI_OK(cli("tail", id, NULL)).said[0].p, "echoed two");
    CHECK(now_ms() - began < 6000);
    faults_shared->slow_ms = 0;
    CHECK(faults_echo(&view, "three\n") < 1500);
    AWAIT(faults_has_logged(id, "echoed three"));
    CHECK_HAS(file_read(session_file(id, "log"), NULL), "echoed one");
    AWAIT(file_read(session_file(other, "exit.json"), NULL));
    AWAIT(create("\"command\": [\"sleep\", \"1000\"]").status == 200);
    CHECK_INT(json_count(get("/sessions").body, ""), 3);
    CHECK(!json_is(get(session_path(id, "")).body, "title", "new"));
}

/* Files of a home that was away are others than before: the log goes on in a new one. */
static void test_faults_stale_home(void)
{
    faults_start_home();
    char *id = start_sh("stty -echo; echo ready; while read x; do echo \"echoed $x\"; done");
    AWAIT_SESSION(id, "last_output", "ready");
    AWAIT(faults_has_logged(id, "ready"));
    struct wire view = ws_open(session_path(id, "/attach?mode=control&cols=40&rows=10"));
    faults_shared->stale = 1;
    CHECK(faults_echo(&view, "one\n") < 1500);
    CHECK(create("\"command\": [\"sleep\", \"1000\"]").status >= 400);
    CHECK_INT(json_count(get("/sessions").body, ""), 1);
    faults_shared->stale = 2;
    AWAIT(faults_echo(&view, "two\n") < 1500 && faults_has_logged(id, "echoed two"));
    CHECK(create("\"command\": [\"sleep\", \"1000\"]").status == 200);
}

/* A file system without locks: nobody "runs already", and no session is taken for dead. */
static void test_faults_no_locks(void)
{
    faults_map("");
    faults_shared->no_locks = ENOLCK;
    daemon_start();
    char *id = start_sh("echo ready; exec cat");
    AWAIT_SESSION(id, "last_output", "ready");
    check_refuses(__LINE__, "something else is serving");
    faults_restart();
    AWAIT_SESSION(id, "state", "idle");
    CHECK_INT(call("POST", session_path(id, "/message"), "{\"message\": \"words\"}").status, 200);
    AWAIT_SESSION(id, "last_output", "words");
}

static const struct test faults_tests[] = {
    {"faults_no_locks", test_faults_no_locks},
    {"faults_slow_home", test_faults_slow_home},
    {"faults_stale_home", test_faults_stale_home},
    {"faults_create", test_faults_create},
    {"faults_rename", test_faults_rename},
    {"faults_end", test_faults_end},
    {"faults_dismiss", test_faults_dismiss},
    {"faults_end_undoably", test_faults_end_undoably},
    {"faults_undo", test_faults_undo},
    {"faults_restart", test_faults_restart},
    {"faults_project", test_faults_project},
};
