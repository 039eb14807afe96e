/* kills - daemon, holders, commands and UI killed at random moments under load: what was
 * acknowledged is there after each restart, and what was not is whole or not there.
 *
 * A round asks for some changes at once, kills the daemon while they are in flight, starts it again
 * and compares its list with what the answers have promised. TELEC_E2E_KILLS is the number of
 * seconds (15), TELEC_E2E_SEED repeats a run's choices. */

#define KILLS_S 15
#define KILLS_AT_ONCE 6
#define KILLS_SESSIONS 24 /* listed ones; past that more are ended than made */
#define KILLS_MOST 20000
#define KILLS_UNDO_MS 40000 /* of the 60 s: an end is undone this late at the latest */

/* What the answers have promised about a session. */
enum kills_fate {
    KILLS_LISTED, KILLS_HIDDEN /* its end can be undone */, KILLS_GONE,
    KILLS_ENDING /* no answer came: it stays or goes, and is left alone */
};

static struct kills_session {
    char *id;               /* NULL: no answer came to its creation */
    char *title, *other;    /* other: the title of a rename without an answer; or NULL */
    enum kills_fate fate;
    int busy;               /* a change of it is in flight */
    int may_be_dead;        /* its holder was killed, or was perhaps never started */
    long long hidden_at;
} kills_all[KILLS_MOST];
static int kills_count;
static unsigned kills_seed, kills_random_state;
static int kills_kills, kills_changes;
static pid_t kills_daemon;

static unsigned kills_random(unsigned below)
{
    kills_random_state = kills_random_state * 1664525u + 1013904223u;
    return (kills_random_state >> 8) % below;
}

/* ---- changes -------------------------------------------------------------------------------- */

enum kills_what {
    KILLS_CREATE, KILLS_RENAME, KILLS_END, KILLS_HIDE, KILLS_UNDO, KILLS_RESTART
};

struct kills_change {
    enum kills_what what;
    struct kills_session *session;
    struct wire wire;
};

/* A session with that fate that no change is in flight for, or NULL. dead: its holder may be. */
static struct kills_session *kills_pick(enum kills_fate fate, int dead)
{
    for (int i = 0, at = (int)kills_random((unsigned)kills_count + 1); i < kills_count; i++) {
        struct kills_session *s = &kills_all[(at + i) % kills_count];
        int late = fate == KILLS_HIDDEN && now_ms() > s->hidden_at + KILLS_UNDO_MS;
        if (s->id && s->fate == fate && !s->busy && !late && s->may_be_dead >= dead)
            return s;
    }
    return NULL;
}

static int kills_listed(void)
{
    int n = 0;
    for (int i = 0; i < kills_count; i++)
        n += kills_all[i].fate == KILLS_LISTED;
    return n;
}

static char *kills_ask(struct kills_change *c)
{
    struct kills_session *s = c->session;
    switch (c->what) {
    case KILLS_CREATE:
        return request("POST", "/sessions", format("{\"computer\": \"local\", \"project_dir\": "
                       "\"/\", \"title\": \"%s\", \"command\": [\"sleep\", \"1000\"]}", s->title));
    case KILLS_RENAME:
        s->other = format("again %d", kills_changes);
        return request("PATCH", session_path(s->id, ""), format("{\"title\": \"%s\"}", s->other));
    case KILLS_UNDO:
        return request("POST", session_path(s->id, "/restore"), NULL);
    case KILLS_RESTART:
        return request("POST", session_path(s->id, "/restart"), NULL);
    default:
        return request("DELETE", session_path(s->id, c->what == KILLS_HIDE ? "?undo_s=60" : ""),
                       NULL);
    }
}

/* Begins a random change; 0: there is none to make. */
static int kills_begin(struct kills_change *c)
{
    static const enum kills_what few[] = {KILLS_CREATE, KILLS_CREATE, KILLS_RENAME, KILLS_END,
                                          KILLS_HIDE, KILLS_UNDO, KILLS_RESTART},
                                 many[] = {KILLS_END, KILLS_RENAME, KILLS_HIDE, KILLS_END};
    int full = kills_listed() > KILLS_SESSIONS || kills_count == KILLS_MOST;
    *c = (struct kills_change){.what = full ? many[kills_random(4)] : few[kills_random(7)]};
    c->session = c->what == KILLS_CREATE ? &kills_all[kills_count]
        : kills_pick(c->what == KILLS_UNDO ? KILLS_HIDDEN : KILLS_LISTED,
                     c->what == KILLS_RESTART);
    if (!c->session)
        return 0;
    if (c->what == KILLS_CREATE)
        *c->session = (struct kills_session){.title = format("made %d", kills_count++)};
    kills_changes++;
    c->session->busy = 1;
    c->wire.fd = wire_connect(e2e.socket);
    char *asked = kills_ask(c);
    if (c->wire.fd >= 0)
        wire_str(&c->wire, asked);
    return 1;
}

/* No answer: the change may have happened. kills_look finds out. */
static void kills_unknown(struct kills_change *c)
{
    if (c->what == KILLS_END || c->what == KILLS_HIDE || c->what == KILLS_UNDO)
        c->session->fate = KILLS_ENDING;
}

static void kills_promised(struct kills_change *c, const struct reply *r)
{
    static const enum kills_fate fates[] = {KILLS_LISTED, KILLS_LISTED, KILLS_GONE, KILLS_HIDDEN,
                                            KILLS_LISTED, KILLS_LISTED};
    struct kills_session *s = c->session;
    s->fate = fates[c->what];
    s->hidden_at = now_ms();
    if (c->what == KILLS_CREATE)
        s->id = json_get(r->body, "session_id");
    if (c->what == KILLS_RESTART) /* it runs, whatever became of its last holder */
        s->may_be_dead = 0;
    if (c->what == KILLS_RENAME)
        s->title = s->other, s->other = NULL;
}

static void kills_end_change(struct kills_change *c)
{
    struct reply r = {0};
    if (c->wire.fd >= 0) {
        r = reply_read_for(&c->wire, "GET", E2E_WAIT_MS);
        wire_close(&c->wire);
    }
    c->session->busy = 0;
    if (r.status == 200)
        kills_promised(c, &r);
    else if (!r.status)
        kills_unknown(c);
    else if (!c->session->may_be_dead)
        FAIL("seed %u, change %d: the answer is %d %s", kills_seed, kills_changes, r.status,
             r.body);
}

/* ---- kills ---------------------------------------------------------------------------------- */

static void kills_kill_holder(void)
{
    struct kills_session *s = kills_pick(KILLS_LISTED, 0);
    pid_t pid = s ? holder_of(s->id) : 0;
    if (pid <= 0)
        return;
    s->may_be_dead = 1;
    kill(pid, SIGKILL);
    kills_kills++;
}

/* Starts a command that changes something, or NULL's: one that reads. */
static pid_t kills_start_command(struct kills_session **changed)
{
    struct kills_session *made = &kills_all[kills_count], *old = kills_pick(KILLS_LISTED, 0);
    const char *title = format("made %d", kills_count);
    const char *const create[] = {e2e.binary, "new", "-t", title, "--", "sleep", "1000", NULL};
    const char *const list[] = {e2e.binary, "list", NULL};
    const char *const end[] = {e2e.binary, "kill", old ? old->id : "", NULL};
    const char *const again[] = {e2e.binary, "restart", old ? old->id : "", NULL};
    int what = (int)kills_random(4);
    *changed = NULL;
    if (what == 0 && kills_count < KILLS_MOST) {
        kills_count++;
        *made = (struct kills_session){.title = (char *)title, .may_be_dead = 1};
        return telec_start(create);
    }
    if (what == 1 || !old)
        return telec_start(list);
    *changed = old;
    if (what == 2)
        old->fate = KILLS_ENDING;
    old->may_be_dead = 1;
    return telec_start(what == 2 ? end : again);
}

/* A command that is killed as it runs: its change has happened or not, and is whole. */
static void kills_kill_command(void)
{
    struct kills_session *changed;
    pid_t pid = kills_start_command(&changed);
    poll(NULL, 0, (int)kills_random(15));
    kill(pid, SIGKILL);
    await_exit(pid);
    kills_kills++;
}

/* Kills the daemon, whoever has started it. */
static void kills_kill_daemon(void)
{
    kills_kills++;
    if (e2e.daemon) {
        daemon_kill();
        return;
    }
    kill(kills_daemon, SIGKILL);
    AWAIT(!proc_lives(kills_daemon));
}

/* Starts a daemon, now and then by a command, which may be killed meanwhile. */
static void kills_start_daemon(void)
{
    if (kills_random(3)) {
        daemon_start();
        kills_daemon = e2e.daemon;
        return;
    }
    const char *const list[] = {e2e.binary, "list", NULL};
    pid_t pid = telec_start(list);
    if (kills_random(2)) {
        poll(NULL, 0, (int)kills_random(10));
        kill(pid, SIGKILL);
        kills_kills++;
    }
    await_exit(pid);
    pid = telec_start(list); /* who comes next gets an answer */
    int status = await_exit(pid);
    if (status != 0)
        FATAL("seed %u, change %d: telec list: status %x: %s", kills_seed, kills_changes, status,
              daemon_errors());
    AWAIT(daemon_answers());
    kills_daemon = (pid_t)status_of("pid");
}

/* ---- what is there -------------------------------------------------------------------------- */

static int kills_is_as_promised(const struct kills_session *s, const char *list)
{
    int there = s->id ? strstr(list, s->id) != NULL
                      : strstr(list, format("\"%s\"", s->title)) != NULL;
    if (!s->id || s->fate == KILLS_ENDING)
        return 1;
    if (s->fate != KILLS_LISTED)
        return !there;
    char *state = there ? session_get(s->id, "state") : NULL;
    char *title = there ? session_get(s->id, "title") : NULL;
    if (!state || !title || (strcmp(title, s->title) != 0 &&
                             (!s->other || strcmp(title, s->other) != 0)))
        return 0;
    return s->may_be_dead || (strcmp(state, "exited") != 0 && strcmp(state, "unreachable") != 0);
}

/* What the list says about changes that had no answer. */
static void kills_learn(struct kills_session *s, const char *list)
{
    for (int i = 0; !s->id && i < json_count(list, ""); i++)
        if (strcmp(json_get(list, format("%d.title", i)), s->title) == 0) {
            s->id = json_get(list, format("%d.session_id", i));
            s->may_be_dead = 1;
        }
    if (!s->id)
        s->fate = KILLS_GONE;
    if (s->other && s->id && s->fate == KILLS_LISTED)
        s->title = session_get(s->id, "title");
    s->other = NULL;
}

static void kills_look(void)
{
    long long until = now_ms() + E2E_WAIT_MS;
    char *list = get("/sessions").body;
    for (int i = 0; i < kills_count; i++) {
        struct kills_session *s = &kills_all[i];
        if (s->fate == KILLS_GONE && i + 200 < kills_count)
            continue;
        for (; !kills_is_as_promised(s, list); list = get("/sessions").body)
            check_patience(__FILE__, __LINE__,
                           format("seed %u, change %d: session %s, \"%s\"%s: %s", kills_seed,
                                  kills_changes, s->id, s->title,
                                  s->may_be_dead ? ", whose holder may be dead" : "",
                                  s->fate == KILLS_LISTED ? "it is listed and runs"
                                                          : "it is not listed"), until);
        kills_learn(s, list);
    }
}

static void kills_round(void)
{
    struct kills_change changes[KILLS_AT_ONCE];
    int n = 0;
    for (int i = 0; i < KILLS_AT_ONCE; i++)
        n += kills_begin(&changes[n]);
    if (kills_random(4) == 0)
        kills_kill_holder();
    if (kills_random(4) == 0)
        kills_kill_command();
    poll(NULL, 0, (int)kills_random(40));
    kills_kill_daemon();
    for (int i = 0; i < n; i++)
        kills_end_change(&changes[i]);
    kills_start_daemon();
    kills_look();
}

static int kills_may_be_hidden(const char *id)
{
    for (int i = 0; i < kills_count; i++)
        if (kills_all[i].id && strcmp(kills_all[i].id, id) == 0)
            return kills_all[i].fate == KILLS_HIDDEN || kills_all[i].fate == KILLS_ENDING;
    return 0;
}

/* A UI is there all the time; it is killed now and then. */
static struct pty *kills_ui(struct pty *ui)
{
    const char *const argv[] = {e2e.binary, "--no-daemon", NULL};
    if (ui && kills_random(8) != 0 && proc_lives(ui->pid))
        return ui;
    if (ui) {
        kill(ui->pid, SIGKILL);
        pty_await_exit(ui);
        kills_kills++;
    }
    return pty_start(24, 80, argv);
}

static void test_kills(void)
{
    const char *wanted = getenv("TELEC_E2E_KILLS"), *seed = getenv("TELEC_E2E_SEED");
    long long until = now_ms() + 1000LL * (wanted ? atoi(wanted) : KILLS_S);
    struct pty *ui = NULL;
    if (!HAVE_PROC)
        skip("there is no /proc to find the processes in");
    kills_seed = kills_random_state = seed ? (unsigned)strtoul(seed, NULL, 10) : (unsigned)now_ms();
    daemon_start();
    do {
        ui = kills_ui(ui);
        pty_read(ui, 0);
        kills_round();
    } while (now_ms() < until && !e2e.failures);
    long long settled = now_ms() + E2E_WAIT_MS;
    char *left;
    while ((left = faults_leftover(kills_may_be_hidden)))
        check_patience(__FILE__, __LINE__, format("seed %u: nothing is left but %s", kills_seed,
                                                  left), settled);
    CHECK(proc_lives(ui->pid));
    if (wanted)
        fprintf(stderr, "# kills: seed %u, %d changes, %d kills\n", kills_seed, kills_changes,
                kills_kills);
}

/* A stopped holder has not read of the end; the next daemon knows of it all the same. */
static void test_kills_end_of_stopped_holder(void)
{
    if (!HAVE_PROC)
        skip("there is no /proc to find the holder in");
    daemon_start();
    char *id = start_program("pause", NULL, NULL);
    AWAIT_SESSION(id, "last_output", "ready");
    pid_t holder = holder_of(id);
    REQUIRE(holder > 0);
    kill(holder, SIGSTOP);
    CHECK_INT(call("DELETE", session_path(id, "?undo_s=60"), NULL).status, 200);
    daemon_kill();
    daemon_start();
    CHECK_TEXT(get("/sessions").body, "[]");
    kill(holder, SIGCONT);
    daemon_stop();
    daemon_start();
    CHECK_TEXT(get("/sessions").body, "[]");
    CHECK_INT(call("POST", session_path(id, "/restore"), NULL).status, 200);
    AWAIT_SESSION(id, "last_output", "ready");
    end_session(id);
    AWAIT_GONE(id);
}

static const struct test kills_tests[] = {
    {"kills", test_kills},
    {"kills_end_of_stopped_holder", test_kills_end_of_stopped_holder},
};
