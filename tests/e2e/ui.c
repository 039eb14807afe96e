/* ui - the terminal UI on a real pseudo-terminal: what its screen shows, and what it leaves
 * behind. */

/* ---- a person's terminal -------------------------------------------------------------------- */

/* The terminal, and which of its cells are shown in reverse: that is how the selected row looks. */
struct ui {
    struct pty *t, *mirror;
    size_t at;              /* of t->raw, what the mirror shows */
    int reverse;
    unsigned char marks[PTY_ROWS_MAX][PTY_COLS_MAX];
};

#define UI_UP "\033[A"
#define UI_DOWN "\033[B"
#define UI_RIGHT "\033[C"
#define UI_LEFT "\033[D"
#define UI_PREFIX "\035"    /* Ctrl-] */
#define UI_CTRL_S "\023"
#define UI_CTRL_U "\025"

/* Does a colour stand among these SGR parameters? */
static int ui_sgr_has_colour(const char *params)
{
    for (;;) {
        long n = strtol(params, NULL, 10);
        if ((n >= 30 && n <= 49) || (n >= 90 && n <= 107))
            return 1;
        params += strcspn(params, ";:m");
        if (*params == 'm' || !*params)
            return 0;
        params++;
    }
}

static void ui_sgr(struct ui *u, const char *params)
{
    for (;;) {
        long n = strtol(params, NULL, 10);
        u->reverse = n == 7 ? 1 : n == 0 || n == 27 ? 0 : u->reverse;
        if (n == 38 || n == 48) /* what follows is the colour's */
            return;
        params += strcspn(params, ";m");
        if (*params != ';')
            return;
        params++;
    }
}

static void ui_sync(struct ui *u)
{
    struct pty *m = u->mirror;
    m->rows = u->t->rows;
    m->cols = u->t->cols;
    while (u->at < u->t->parsed) {
        const char *p = u->t->raw.p + u->at;
        m->row = pty_clamp(m->row, m->rows - 1);
        size_t n = pty_sequence(m, p, u->t->parsed - u->at);
        if (n == 0)
            return;
        if (*p == '\033' && n > 2 && p[1] == '[' && p[n - 1] == 'm' && !strchr("?>", p[2]))
            ui_sgr(u, p + 2);
        else if (*p == '\033' && n > 2 && p[1] == '[' && (p[n - 1] == 'L' || p[n - 1] == 'M'))
            pty_move_lines(m, u->marks, sizeof u->marks[0],
                           (p[n - 1] == 'M' ? 1 : -1) * (n > 3 ? atoi(p + 2) : 1));
        else if ((unsigned char)*p >= 0x20 && m->col > 0)
            u->marks[m->row][m->col - 1] = (unsigned char)u->reverse;
        u->at += n;
    }
}

static struct ui *ui_of(struct pty *t)
{
    struct ui *u = calloc(1, sizeof *u);
    if (!u || !(u->mirror = calloc(1, sizeof *u->mirror)))
        e2e_die("out of memory");
    u->t = t;
    return u;
}

/* telec's UI on a terminal of that size. */
static struct ui *ui_start(int rows, int cols)
{
    const char *const argv[] = {e2e.binary, NULL};
    return ui_of(pty_start(rows, cols, argv));
}

/* The same with a variable more in its environment. */
static struct ui *ui_start_with(int rows, int cols, const char *variable)
{
    const char *const argv[] = {"/usr/bin/env", variable, e2e.binary, NULL};
    return ui_of(pty_start(rows, cols, argv));
}

static void ui_keys(struct ui *u, const char *keys)
{
    pty_send(u->t, keys);
}

/* The row of the screen that shows the text, from `from` on; -1: none. */
static int ui_row_from(const struct ui *u, const char *text, int from)
{
    for (int row = from; row < u->t->rows; row++) {
        char *shown = pty_row(u->t, row);
        int found = strstr(shown, text) != NULL;
        free(shown);
        if (found)
            return row;
    }
    return -1;
}

static int ui_row(const struct ui *u, const char *text)
{
    return ui_row_from(u, text, 0);
}

static int ui_shows(const struct ui *u, const char *text)
{
    return ui_row(u, text) >= 0;
}

/* The row with the text, as it is. */
static char *ui_line(const struct ui *u, const char *text)
{
    int row = ui_row(u, text);
    return row < 0 ? format("") : pty_row(u->t, row);
}

/* The text of the selected row of the tree; "" when none is. */
static char *ui_selected(struct ui *u)
{
    ui_sync(u);
    for (int row = 1; row < u->t->rows - 1; row++)
        if (u->marks[row][0] && u->t->cells[row][0])
            return pty_row(u->t, row);
    return format("");
}

/* Reads until cond is true. */
#define UI_AWAIT(u, cond) \
    do { \
        long long ui_until = now_ms() + E2E_WAIT_MS; \
        while (!(cond)) \
            ui_wait(__FILE__, __LINE__, (u), #cond, ui_until); \
    } while (0)
#define UI_AWAIT_TEXT(u, text) UI_AWAIT((u), ui_shows((u), (text)))
#define UI_AWAIT_GONE(u, text) UI_AWAIT((u), !ui_shows((u), (text)))
#define UI_AWAIT_SELECTED(u, text) UI_AWAIT((u), strstr(ui_selected(u), (text)))
#define UI_LIVE "\342\227\217 live"

static void ui_wait(const char *file, int line, struct ui *u, const char *what, long long until)
{
    long long left = until - now_ms();
    /* Not only what is read can make a condition true. */
    if (left <= 0 || pty_read(u->t, left < 50 ? (int)left : 50) < 0)
        check_fatal(file, line,
                    format("never came true: %s; selected is \"%s\"; the screen:\n%s", what,
                           ui_selected(u), pty_screen(u->t)));
}

/* Everything typed before has been done once the help, asked for behind it, was there and is
 * closed. */
static void ui_settle(struct ui *u)
{
    ui_keys(u, "?");
    UI_AWAIT(u, ui_shows(u, " Keys "));
    ui_keys(u, "?");
    UI_AWAIT(u, !ui_shows(u, " Keys "));
}

/* Keys count again after the UI has changed without one. */
static void ui_await_pause(struct ui *u)
{
    UI_AWAIT_TEXT(u, "q quit");
}

static struct ui *ui_live(int rows, int cols)
{
    struct ui *u = ui_start(rows, cols);
    UI_AWAIT_TEXT(u, UI_LIVE);
    return u;
}

/* A session with a title that runs until it is ended. */
static char *ui_session(const char *title, const char *initiator)
{
    return start(
        format("\"command\": [\"sleep\", \"1000\"], \"title\": %s, \"initiator_session_id\": %s",
               json_quote(title), initiator ? json_quote(initiator) : "null"));
}

static char *ui_session_sh(const char *title, const char *script)
{
    return start(format("\"command\": %s, \"title\": %s", json_array("sh", "-c", script, NULL),
                        json_quote(title)));
}

/* Moves the selection to the row with that text. */
static void ui_select(struct ui *u, const char *text)
{
    UI_AWAIT_TEXT(u, text);
    ui_keys(u, "g");
    UI_AWAIT(u, *ui_selected(u) && ui_row(u, ui_selected(u)) == 1);
    for (int i = 0; !strstr(ui_selected(u), text); i++) {
        char *before = ui_selected(u);
        if (i > 100)
            FATAL("\"%s\" can't be selected:\n%s", text, pty_screen(u->t));
        ui_keys(u, "j");
        UI_AWAIT(u, strcmp(ui_selected(u), before) != 0);
    }
}

/* A dialog that is answered late drops the keys typed meanwhile: q is typed until telec ends. */
static void ui_quit(struct ui *u)
{
    ui_keys(u, "q");
    for (int got; (got = pty_read(u->t, 1000)) >= 0;)
        if (!got)
            ui_keys(u, "q");
    CHECK_INT(pty_await_exit(u->t), 0);
    CHECK_INT(u->t->alternate, 0);
    CHECK_INT(u->t->shown, 1);
}

/* What the program has told the terminal last about a mode: 1 on, 0 off, -1 nothing. */
static int ui_mode(const struct ui *u, const char *mode)
{
    int on = -1;
    const char *raw = u->t->raw.p ? u->t->raw.p : "";
    for (const char *at = raw; (at = strstr(at, "\033[?")); at += 3) {
        size_t n = strlen(mode);
        if (strncmp(at + 3, mode, n) == 0 && strchr("hl", at[3 + n]) && at[3 + n])
            on = at[3 + n] == 'h';
    }
    return on;
}

/* ---- what is shown -------------------------------------------------------------------------- */

/* Nobody answers yet; the screen is there, and does what it can. */
static void test_ui_first_frame(void)
{
    daemon_start();
    kill(e2e.daemon, SIGSTOP);
    struct ui *u = ui_start(24, 80);
    UI_AWAIT_TEXT(u, "connecting");
    CHECK_INT(ui_row(u, "telec  Sessions"), 0);
    CHECK_HAS(pty_row(u->t, 23), "q quit");
    CHECK(ui_mode(u, "1049") == 1);
    CHECK(*ui_selected(u));
    CHECK(ui_shows(u, strrchr(e2e.dir, '/') + 1)); /* this directory is a project already */
    ui_keys(u, "?");
    UI_AWAIT_TEXT(u, "Keys");
    ui_keys(u, "?");
    UI_AWAIT_GONE(u, "Keys");
    kill(e2e.daemon, SIGCONT);
    UI_AWAIT_TEXT(u, UI_LIVE);
    ui_quit(u);
}

/* Where the text of a row begins. */
static int ui_indent(const struct ui *u, const char *text)
{
    return (int)strspn(ui_line(u, text), " ");
}

static void test_ui_tree(void)
{
    daemon_start();
    char *first = ui_session("first thing", NULL);
    char *child = ui_session("its child", first);
    ui_session("grandchild", child);
    ui_session("second thing", NULL);
    char *over = ui_session_sh("third thing", "echo some words; exit 3");
    AWAIT_SESSION(over, "state", "exited");
    char *talker = ui_session_sh("fourth thing", "read x; echo \"heard $x\"; read x");
    call("POST", session_path(talker, "/message"), "{\"message\": \"a message\"}");
    AWAIT_SESSION(talker, "last_output", "heard a message");
    struct ui *u = ui_live(44, 80);
    UI_AWAIT_TEXT(u, "fourth thing");
    static const struct {
        const char *title, *number;
        int deeper;
    } rows[] = {{"first thing", " 1 ", 0}, {"its child", " 1.1 ", 2}, {"grandchild", " 1.1.1 ", 4},
                {"second thing", " 2 ", 0}, {"third thing", " 3 ", 0}, {"fourth thing", " 4 ", 0}};
    int before = 0, left = ui_indent(u, "first thing");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK_HAS(ui_line(u, rows[i].title), rows[i].number);
        CHECK_INT(ui_indent(u, rows[i].title) - left, rows[i].deeper);
        CHECK(ui_row(u, rows[i].title) > before);
        before = ui_row(u, rows[i].title);
    }
    CHECK(ui_row(u, strrchr(e2e.dir, '/') + 1) < ui_row(u, "first thing"));
    CHECK_HAS(ui_line(u, "first thing"), "sleep");
    CHECK_HAS(ui_line(u, "third thing"), "exit 3");
    CHECK_HAS(ui_line(u, "third thing"), "\342\234\227"); /* failed: a shape of its own */
    ui_keys(u, "i"); /* the details of all */
    UI_AWAIT_TEXT(u, "\342\200\271 some words");
    CHECK_INT(ui_row(u, "\342\200\271 some words"), ui_row(u, "third thing") + 1);
    CHECK_INT(ui_row(u, "\342\200\272 a message"), ui_row(u, "fourth thing") + 1);
    CHECK_INT(ui_row(u, "\342\200\271 heard a message"), ui_row(u, "fourth thing") + 2);
    ui_quit(u);
}

/* Whatever happens elsewhere shows by itself, in every UI, within a second. */
static void test_ui_push(void)
{
    daemon_start();
    struct ui *one = ui_live(40, 80), *two = ui_live(30, 120);
    ui_keys(one, "i");
    ui_keys(two, "i");
    struct cli c =
        CLI_OK(cli("new", "-t", "from elsewhere", "--", "sh", "-c",
                   "echo 'first words'; read x; echo 'then more'; read x; exit 9", NULL));
    long long began = now_ms();
    char *id = cli_line(&c);
    UI_AWAIT_TEXT(one, "from elsewhere");
    UI_AWAIT_TEXT(two, "from elsewhere");
    UI_AWAIT_TEXT(one, "first words");
    UI_AWAIT_TEXT(two, "first words");
    CHECK(now_ms() - began < 1000);
    CLI_OK(cli("send", id, "go", NULL));
    UI_AWAIT_TEXT(one, "then more");
    UI_AWAIT_TEXT(two, "then more");
    UI_AWAIT_TEXT(one, "\342\200\272 go");
    CLI_OK(cli("send", id, "on", NULL));
    UI_AWAIT_TEXT(one, "exit 9");
    UI_AWAIT_TEXT(two, "exit 9");
    CLI_OK(cli("kill", id, NULL));
    began = now_ms();
    UI_AWAIT_GONE(one, "from elsewhere");
    UI_AWAIT_GONE(two, "from elsewhere");
    CHECK(now_ms() - began < 1000);
    id = ui_session("a running one", NULL);
    UI_AWAIT_TEXT(one, "a running one");
    end_session(id);
    UI_AWAIT_GONE(one, "a running one");
    UI_AWAIT_GONE(two, "a running one");
    UI_AWAIT_TEXT(one, "No sessions yet");
    ui_quit(one);
    ui_quit(two);
}

/* The selection stays on its session, whatever comes and goes around it. */
static void test_ui_selection(void)
{
    daemon_start();
    char *a = ui_session("alpha", NULL), *b = ui_session("beta", NULL),
         *c = ui_session("gamma", NULL);
    struct ui *u = ui_live(24, 80);
    ui_select(u, "beta");
    int row = ui_row(u, "beta");
    ui_session("nested", a); /* above it */
    UI_AWAIT_TEXT(u, "nested");
    CHECK_HAS(ui_selected(u), "beta");
    CHECK_INT(ui_row(u, "beta"), row + 1);
    end_session(a);
    UI_AWAIT(u, !ui_shows(u, "alpha"));
    CHECK_HAS(ui_selected(u), "beta");
    end_session(c);
    UI_AWAIT_GONE(u, "gamma");
    CHECK_HAS(ui_selected(u), "beta");
    ui_session("delta", NULL);
    UI_AWAIT_TEXT(u, "delta");
    CHECK_HAS(ui_selected(u), "beta");
    ui_keys(u, "r"); /* the whole list anew */
    UI_AWAIT_TEXT(u, "refreshed");
    CHECK(!ui_shows(u, "the daemon")); /* the configuration is as it was */
    CHECK_HAS(ui_selected(u), "beta");
    end_session(b); /* it goes itself: something near is selected */
    UI_AWAIT_GONE(u, "beta");
    UI_AWAIT(u, *ui_selected(u));
    CHECK(strstr(ui_selected(u), "delta") || strstr(ui_selected(u), "nested"));
    ui_quit(u);
}

/* ---- keys ----------------------------------------------------------------------------------- */

static void test_ui_moves(void)
{
    daemon_start();
    ui_session("alpha", NULL);
    ui_session("beta", NULL);
    struct ui *u = ui_live(24, 80);
    const char *project = strrchr(e2e.dir, '/') + 1;
    ui_select(u, "alpha");
    ui_keys(u, "j");
    UI_AWAIT_SELECTED(u, "beta");
    ui_keys(u, "jjjj"); /* there is nothing below */
    ui_settle(u);
    CHECK_HAS(ui_selected(u), "beta");
    ui_keys(u, "k");
    UI_AWAIT_SELECTED(u, "alpha");
    ui_keys(u, UI_DOWN);
    UI_AWAIT_SELECTED(u, "beta");
    ui_keys(u, UI_UP UI_UP);
    UI_AWAIT_SELECTED(u, project);
    ui_keys(u, "G");
    UI_AWAIT_SELECTED(u, "beta");
    ui_keys(u, "g");
    UI_AWAIT(u, ui_row(u, ui_selected(u)) == 1);
    ui_keys(u, "\033[6~"); /* PgDn */
    UI_AWAIT_SELECTED(u, "beta");
    ui_keys(u, "\033[5~");
    UI_AWAIT(u, ui_row(u, ui_selected(u)) == 1);
    ui_keys(u, "\033[F"); /* End */
    UI_AWAIT_SELECTED(u, "beta");
    ui_keys(u, "\033OH"); /* Home, as some send it */
    UI_AWAIT(u, ui_row(u, ui_selected(u)) == 1);
    ui_keys(u, "kkk" "\033[A");
    ui_settle(u);
    CHECK_INT(ui_row(u, ui_selected(u)), 1);
    ui_quit(u);
}

static void test_ui_folds(void)
{
    daemon_start();
    char *a = ui_session("alpha", NULL);
    ui_session("nested", a);
    ui_session("beta", NULL);
    struct ui *u = ui_live(24, 80);
    const char *project = strrchr(e2e.dir, '/') + 1;
    ui_select(u, "alpha");
    ui_keys(u, UI_LEFT);
    UI_AWAIT_GONE(u, "nested");
    CHECK_HAS(ui_selected(u), "alpha");
    CHECK_HAS(ui_line(u, "alpha"), "\342\226\270"); /* the mark of a folded row */
    ui_session("another", a); /* stays folded */
    ui_session("gamma", NULL);
    UI_AWAIT_TEXT(u, "gamma");
    CHECK(!ui_shows(u, "another"));
    ui_keys(u, UI_RIGHT);
    UI_AWAIT_TEXT(u, "nested");
    CHECK(ui_shows(u, "another"));
    ui_select(u, "nested");
    ui_keys(u, UI_LEFT); /* nothing to fold: to the row above */
    UI_AWAIT_SELECTED(u, "alpha");
    ui_select(u, project);
    ui_keys(u, "\r");
    UI_AWAIT_GONE(u, "alpha");
    CHECK_HAS(ui_line(u, project), "5 sessions");
    ui_keys(u, "\r");
    UI_AWAIT_TEXT(u, "nested");
    ui_keys(u, "g" UI_LEFT);
    UI_AWAIT_GONE(u, project);
    ui_keys(u, UI_LEFT UI_LEFT);
    ui_settle(u);
    ui_keys(u, UI_RIGHT);
    UI_AWAIT_TEXT(u, "beta");
    ui_quit(u);
}

/* Replaces what stands in the line of the form that has the focus. */
static void ui_fill(struct ui *u, const char *text)
{
    ui_keys(u, UI_CTRL_U);
    ui_keys(u, text);
}

static void test_ui_new(void)
{
    daemon_start();
    char *dir = format("%s/work", e2e.dir);
    mkdir(dir, 0700);
    ui_session("already there", NULL);
    struct ui *u = ui_live(24, 80);
    ui_keys(u, "n");
    UI_AWAIT_TEXT(u, "New session");
    CHECK_HAS(ui_line(u, "Agent"), "shell");
    CHECK_HAS(ui_line(u, "Directory"), e2e.dir);
    ui_keys(u, "\033");
    UI_AWAIT_GONE(u, "New session");
    /* Agents that are not here are not offered. */
    ui_keys(u, "n");
    UI_AWAIT_TEXT(u, "New session");
    CHECK(!strstr(ui_line(u, "Agent"), "claude"));
    ui_keys(u, "\033[Z"); /* Shift-Tab, back to the directory */
    ui_fill(u, "/nonexistent/place");
    UI_AWAIT_TEXT(u, "/nonexistent/place");
    ui_keys(u, "\r\r\r\r"); /* past agent, command and mode */
    ui_fill(u, "a title \303\251\302\240x");
    ui_keys(u, "\177\177");
    ui_keys(u, "\t");
    ui_fill(u, "echo said by the prompt");
    ui_keys(u, UI_CTRL_S);
    UI_AWAIT(u, ui_row_from(u, "/nonexistent/place", ui_row(u, "Prompt")) > 0);
    CHECK(ui_shows(u, "a title \303\251"));
    CHECK_INT(json_count(get("/sessions").body, ""), 1);
    ui_keys(u, "\033[Z\033[Z\033[Z\033[Z\033[Z"); /* back to the directory */
    ui_fill(u, dir);
    UI_AWAIT_TEXT(u, dir);
    ui_keys(u, UI_CTRL_S);
    UI_AWAIT_GONE(u, "New session");
    UI_AWAIT_SELECTED(u, "a title \303\251"); /* what was made is selected */
    UI_AWAIT_TEXT(u, "said by the prompt");
    char *list = get("/sessions").body;
    CHECK_TEXT(json_get(list, "1.working_directory"), dir);
    CHECK_TEXT(json_get(list, "1.active_agent"), "shell");
    CHECK_TEXT(json_get(list, "1.title"), "a title \303\251");
    CHECK_TEXT(json_get(list, "1.thinking_mode"), "slow");
    CHECK_TEXT(json_raw(list, "1.mode"), "null");
    ui_quit(u);
}

static void test_ui_message(void)
{
    daemon_start();
    char *id = ui_session_sh("listener", "while read x; do echo \"heard $x\"; done");
    char *over = ui_session_sh("gone", "true");
    AWAIT_SESSION(over, "state", "exited");
    struct ui *u = ui_live(24, 80);
    ui_select(u, "listener");
    ui_keys(u, "m");
    UI_AWAIT_TEXT(u, "Message");
    ui_keys(u, "qjx? \342\202\254\033[200~pasted text\033[201~"); /* keys are text in here */
    UI_AWAIT_TEXT(u, "qjx? \342\202\254pasted text");
    ui_keys(u, "\r");
    UI_AWAIT_TEXT(u, "heard qjx? \342\202\254pasted text");
    UI_AWAIT_TEXT(u, "sent");
    CHECK_TEXT(session_get(id, "last_input"), "qjx? \342\202\254pasted text");
    ui_keys(u, "m");
    UI_AWAIT_TEXT(u, "Message");
    ui_keys(u, "never sent");
    UI_AWAIT_TEXT(u, "never sent");
    ui_keys(u, "\033");
    UI_AWAIT_GONE(u, "never sent");
    ui_select(u, "gone");
    ui_keys(u, "m");
    UI_AWAIT_TEXT(u, "has exited");
    ui_keys(u, "g");
    UI_AWAIT_GONE(u, "has exited"); /* until the next key */
    ui_keys(u, "m");
    UI_AWAIT_TEXT(u, "select a session first");
    CHECK(!cli_wrote(id, "never sent"));
    /* What can't be done stays in its dialog. */
    ui_select(u, "listener");
    ui_keys(u, "m");
    UI_AWAIT_TEXT(u, "Message");
    UI_AWAIT_TEXT(u, "never sent"); /* the draft */
    ui_keys(u, "\025");
    UI_AWAIT_GONE(u, "never sent");
    ui_keys(u, UI_CTRL_S);
    UI_AWAIT_TEXT(u, "at least 1");
    CHECK(ui_shows(u, "Message"));
    ui_keys(u, "\033");
    UI_AWAIT_GONE(u, "Message");
    ui_quit(u);
}

/* A message into a dialog does no harm: it is refused, and forced only after a question. */
static void test_ui_asks(void)
{
    daemon_start();
    char *id = start(format("\"title\": \"asker\", \"command\": %s",
                            json_array(e2e.self, "program", "menu", NULL)));
    AWAIT_SESSION(id, "waits_for", "choice");
    struct ui *u = ui_live(30, 100);
    ui_select(u, "asker");
    UI_AWAIT_TEXT(u, "        Do you want to proceed?"); /* in the row */
    UI_AWAIT_TEXT(u, "waits: Do you want");              /* above the preview */
    UI_AWAIT_TEXT(u, "rm -rf build");
    ui_keys(u, "m");
    UI_AWAIT_TEXT(u, "it waits for a choice");
    ui_keys(u, "stop that" UI_CTRL_S);
    UI_AWAIT_TEXT(u, "Type it all the same?");
    CHECK(ui_shows(u, "waiting: Do you want to proceed?"));
    ui_keys(u, "n");
    UI_AWAIT_TEXT(u, "stop that");
    CHECK(session_is(id, "waits_for", "choice"));
    CHECK(!strstr(screen_text(id), "got"));
    ui_keys(u, UI_CTRL_S);
    UI_AWAIT_TEXT(u, "Type it all the same?");
    ui_keys(u, "y");
    AWAIT(strstr(screen_text(id), "got <73><74><6f><70>"));
    UI_AWAIT_GONE(u, "◆ waits");
    ui_await_pause(u);
    ui_keys(u, "a");
    UI_AWAIT_TEXT(u, "asks nothing");
    char *other = start(format("\"title\": \"chooser\", \"command\": %s",
                               json_array(e2e.self, "program", "menu", NULL)));
    AWAIT_SESSION(other, "waits_for", "choice");
    UI_AWAIT_TEXT(u, "        Do you want to proceed?");
    ui_select(u, "chooser");
    ui_keys(u, "a");
    UI_AWAIT_TEXT(u, "2 No, and tell it what to do");
    ui_keys(u, "2");
    AWAIT(strstr(screen_text(other), "got <"));
    UI_AWAIT_TEXT(u, "answered");
    ui_quit(u);
}

static void test_ui_end(void)
{
    daemon_start();
    char *id = ui_session("doomed", NULL), *over = ui_session_sh("gone", "exit 2");
    AWAIT_SESSION(over, "state", "exited");
    struct ui *u = ui_live(24, 80);
    ui_select(u, "doomed");
    static const char *const no[] = {"n", "\033", "q"};
    for (size_t i = 0; i < 3; i++) {
        ui_keys(u, "x");
        UI_AWAIT_TEXT(u, "End this session?");
        CHECK(ui_row(u, "runs sleep") > 0);
        CHECK_HAS(pty_row(u->t, 23), "n no");
        ui_keys(u, no[i]);
        UI_AWAIT_GONE(u, "End this session?");
    }
    CHECK_INT(get(session_path(id, "")).status, 200);
    ui_keys(u, "x");
    UI_AWAIT_TEXT(u, "End this session?");
    ui_keys(u, "j \033[A"); /* neither yes nor no */
    ui_keys(u, "y");
    UI_AWAIT_GONE(u, "End this session?");
    UI_AWAIT_TEXT(u, "ended doomed");
    UI_AWAIT_TEXT(u, "u undoes the end (");
    CHECK_INT(count_of(pty_screen(u->t), "doomed"), 1); /* it is off the list */
    CHECK_INT(get(session_path(id, "")).status, 404);
    ui_keys(u, "u");
    UI_AWAIT_SELECTED(u, "doomed");
    UI_AWAIT_TEXT(u, "end undone");
    CHECK(!ui_shows(u, "u undoes the end"));
    CHECK_INT(get(session_path(id, "")).status, 200);
    UI_AWAIT_GONE(u, "end undone");
    ui_keys(u, "u"); /* there is nothing more */
    UI_AWAIT_TEXT(u, "no end to undo");
    UI_AWAIT_SELECTED(u, "doomed");
    ui_keys(u, "x");
    UI_AWAIT_TEXT(u, "End this session?");
    ui_keys(u, "\t\r"); /* the other button */
    UI_AWAIT_TEXT(u, "u undoes the end (9 s)"); /* counting */
    UI_AWAIT(u, !ui_shows(u, "doomed")); /* it is over */
    if (HAVE_PROC)
        AWAIT(is_gone(id));
    ui_select(u, "gone");
    ui_keys(u, "x"); /* nothing is lost: no question */
    UI_AWAIT_TEXT(u, "No sessions yet");
    ui_keys(u, "gx");
    UI_AWAIT_TEXT(u, "no session to end");
    ui_quit(u);
}

/* s starts an exited session again, in its place. */
static void test_ui_restart(void)
{
    daemon_start();
    char *id = ui_session_sh("done", format("f=%s/again; [ -e $f ] && exec sleep 1000; : > $f; "
                                            "exit 3", e2e.dir));
    ui_session("other", NULL);
    AWAIT_SESSION(id, "state", "exited");
    struct ui *u = ui_live(24, 80);
    ui_select(u, "other");
    ui_keys(u, "s");
    UI_AWAIT_TEXT(u, "only an exited session");
    ui_select(u, "done");
    ui_keys(u, "s");
    AWAIT(!session_is(id, "state", "exited"));
    UI_AWAIT_GONE(u, "exit 3");
    UI_AWAIT_SELECTED(u, "done");
    CHECK_TEXT(json_get(get("/sessions").body, "0.session_id"), id);
    ui_quit(u);
}

/* Two ends in a row are taken back one by one, the later one first. */
static void test_ui_end_two(void)
{
    daemon_start();
    static const char *const titles[] = {"early", "later"};
    char *ids[] = {ui_session(titles[0], NULL), ui_session(titles[1], NULL)};
    struct ui *u = ui_live(24, 80);
    for (int i = 0; i < 2; i++) {
        ui_select(u, titles[i]);
        ui_keys(u, "x");
        UI_AWAIT_TEXT(u, "End this session?");
        ui_keys(u, "y");
        UI_AWAIT_TEXT(u, format("ended %s", titles[i]));
    }
    for (int i = 1; i >= 0; i--) {
        UI_AWAIT_TEXT(u, format("ended %s", titles[i]));
        ui_keys(u, "u");
        UI_AWAIT_SELECTED(u, titles[i]);
        CHECK_INT(get(session_path(ids[i], "")).status, 200);
    }
    UI_AWAIT_GONE(u, "end undone");
    ui_keys(u, "u");
    UI_AWAIT_TEXT(u, "no end to undo");
    ui_quit(u);
}

/* It ends by itself while the question stands. */
static void test_ui_end_late(void)
{
    daemon_start();
    char *go = format("%s/go", e2e.dir);
    if (mkfifo(go, 0600) != 0)
        e2e_die(go);
    ui_session_sh("doomed", format("echo its last words; read x < '%s'; exit 5", go));
    struct ui *u = ui_live(24, 80);
    ui_select(u, "doomed");
    ui_keys(u, "x");
    UI_AWAIT_TEXT(u, "End this session?");
    file_write(go, "x\n", 0600);
    UI_AWAIT_TEXT(u, "exited by itself");
    ui_keys(u, "y"); /* the question was another one */
    UI_AWAIT_TEXT(u, "x dismisses it");
    UI_AWAIT_TEXT(u, "its last words");
    ui_keys(u, "x");
    UI_AWAIT_TEXT(u, "No sessions yet");
    char *id = ui_session("other", NULL);
    ui_select(u, "other");
    ui_keys(u, "x");
    UI_AWAIT_TEXT(u, "End this session?");
    end_session(id);
    UI_AWAIT_TEXT(u, "exited by itself");
    ui_keys(u, "y");
    UI_AWAIT_GONE(u, "End this session?");
    ui_settle(u);
    ui_quit(u);
}

/* [keys] and [colours], and what is wrong in them. */
static void test_ui_configured(void)
{
    char *file = format("%s/telec/config", e2e.config);
    file_write(file,
               "[keys]\nquit = Z, Ctrl-Q\nnew = F2\nhelp = y, ?\nend = j\n[colours]\n"
               "accent = 201\n",
               0600);
    daemon_start();
    struct ui *u = ui_live(24, 100);
    UI_AWAIT_TEXT(u, format("%s:5: j", file)); /* an error stays until a key is pressed */
    CHECK_HAS(pty_row(u->t, 23), "F2 new");
    CHECK_HAS(pty_row(u->t, 23), "Z, Ctrl-Q quit");
    ui_keys(u, "\033OQ");
    UI_AWAIT_TEXT(u, "New session");
    CHECK_HAS(u->t->raw.p, "38;5;201"); /* the focused line's label */
    ui_keys(u, "\033");
    UI_AWAIT_GONE(u, "New session");
    ui_keys(u, "q");
    UI_AWAIT_TEXT(u, "q does nothing here");
    ui_keys(u, "y");
    UI_AWAIT_TEXT(u, " Keys ");
    ui_keys(u, "goes on");
    UI_AWAIT_TEXT(u, "  1 of "); /* the footer has the keys, too */
    UI_AWAIT_TEXT(u, "Z, Ctrl-Q"); /* the help knows */
    ui_keys(u, "\033");
    UI_AWAIT_GONE(u, "  1 of ");
    ui_keys(u, "?");
    UI_AWAIT_GONE(u, " Keys ");
    ui_keys(u, "\021"); /* Ctrl-Q */
    CHECK_INT(pty_await_exit(u->t), 0);
}

static void test_ui_help(void)
{
    daemon_start();
    struct ui *u = ui_live(12, 80);
    ui_keys(u, "?");
    UI_AWAIT_TEXT(u, " Keys ");
    UI_AWAIT_TEXT(u, "attach to the session");
    CHECK(!ui_shows(u, "Reading: close")); /* more than fits */
    for (int i = 0; i < 100; i++)
        ui_keys(u, UI_DOWN);
    UI_AWAIT_TEXT(u, "Reading: close");
    CHECK(!ui_shows(u, "attach to the session"));
    ui_keys(u, UI_UP); /* the end was the end: one up shows at once */
    UI_AWAIT_GONE(u, "Reading: close");
    ui_keys(u, "\033[5~\033[5~\033[5~\033[5~\033[5~\033[5~\033[5~\033[5~\033[5~");
    UI_AWAIT_TEXT(u, "attach to the session");
    ui_keys(u, "Rename"); /* what is typed filters */
    UI_AWAIT_TEXT(u, "rename the selected session");
    UI_AWAIT_GONE(u, "attach to the session");
    CHECK(ui_shows(u, "1 of "));
    ui_keys(u, "\033"); /* first the filter goes, then the help */
    UI_AWAIT_TEXT(u, "attach to the session");
    ui_keys(u, "\033");
    UI_AWAIT_GONE(u, " Keys ");
    ui_keys(u, "Q");
    UI_AWAIT_TEXT(u, "Q does nothing here; ? lists the keys");
    ui_keys(u, "\033[24~\033[1;5A\033[99~\033O\033Z\xff"); /* nothing comes of these, and no harm */
    ui_settle(u);
    ui_keys(u, "\003"); /* Ctrl-C */
    CHECK_INT(pty_await_exit(u->t), 0);
}

/* ---- the terminal --------------------------------------------------------------------------- */

/* telec as a job of a shell that says how the terminal was set before and after. */
static struct ui *ui_in_shell(const char *before, const char *after)
{
    char *script = format("stty -echoe intr ^T; %s\nsaved=$(stty -g)\nsh -c 'echo $$ > pid; exec "
                          "\"$0\"' '%s'\nstatus=$?\n"
                          "[ \"$saved\" = \"$(stty -g)\" ] && echo \"modes kept, status $status\" "
                          "|| echo modes lost\n%s",
                          before, e2e.binary, after);
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    return ui_of(pty_start(24, 80, argv));
}

static pid_t ui_pid(void)
{
    char *text = file_read(format("%s/pid", e2e.dir), NULL);
    return (pid_t)(text ? atol(text) : 0);
}

static void ui_check_left(const char *file, int line, struct ui *u, int status)
{
    UI_AWAIT(u, strstr(u->t->raw.p, "modes "));
    check_has(file, line, "the terminal's modes", u->t->raw.p,
              format("modes kept, status %d", status));
    check_int(file, line, "the alternate screen", u->t->alternate, 0);
    check_int(file, line, "the cursor", u->t->shown, 1);
    static const char *const off[] = {"1049", "2004", "1004", "1000", "1002", "1003", "1006", "1"};
    for (size_t i = 0; i < sizeof off / sizeof *off; i++)
        check_int(file, line, format("mode %s", off[i]), ui_mode(u, off[i]) == 1, 0);
    pty_await_exit(u->t);
}

#define UI_CHECK_LEFT(u, status) ui_check_left(__FILE__, __LINE__, (u), (status))

static void test_ui_quit(void)
{
    daemon_start();
    char *id = ui_session("stays", NULL);
    struct ui *u = ui_in_shell("", "");
    UI_AWAIT_TEXT(u, "stays");
    ui_keys(u, "q");
    UI_CHECK_LEFT(u, 0);
    CHECK(!session_is(id, "state", "exited"));
    AWAIT(status_of("clients") == 1); /* the one that asks */
}

static void test_ui_terminal_not_polled(void)
{
    daemon_start();
    ui_session("stays", NULL);
    e2e.extra[0] = faults_object();
    e2e.extra[1] = "TELEC_E2E_BLIND_TTY=1";
    struct ui *u = ui_start(24, 80);
    UI_AWAIT_TEXT(u, "stays");
    ui_keys(u, "q");
    CHECK_INT(pty_await_exit(u->t), 0);
}

static void test_ui_killed(void)
{
    static const int signals[] = {SIGTERM, SIGSEGV, SIGABRT, SIGBUS};
    daemon_start();
    ui_session("stays", NULL);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct ui *u = ui_in_shell("", "");
        UI_AWAIT_TEXT(u, "stays");
        kill(ui_pid(), signals[i]);
        UI_CHECK_LEFT(u, 128 + signals[i]);
    }
    /* While attached, with all that the program has asked for. */
    char *id = start_sh(
        "printf '\\033[?1049h\\033[?1003h\\033[?1006h\\033[?2004h\\033[?1hready'; sleep 1000");
    AWAIT_SESSION(id, "last_output", "ready");
    struct ui *u = ui_in_shell("", "");
    ui_select(u, "sh ");
    ui_keys(u, "\r");
    UI_AWAIT(u, ui_mode(u, "1003") == 1 && ui_mode(u, "1") == 1);
    kill(ui_pid(), SIGTERM);
    UI_CHECK_LEFT(u, 128 + SIGTERM);
}

/* The terminal goes away: so does telec. */
static void test_ui_hangup(void)
{
    daemon_start();
    char *id = ui_session("stays", NULL);
    struct ui *u = ui_live(24, 80);
    close(u->t->fd);
    await_exit(u->t->pid);
    CHECK(!session_is(id, "state", "exited"));
}

static void test_ui_sizes(void)
{
    static const int sizes[][2] = {{60, 200}, {24, 80}, {10, 40}, {6, 24}, {5, 24}, {6, 23},
                                   {9, 40},   {2, 9},   {1, 1},   {24, 80}, {24, 79}};
    daemon_start();
    ui_session("alpha", NULL);
    ui_session("beta", NULL);
    struct ui *u = ui_live(24, 80);
    ui_select(u, "beta");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int rows = sizes[i][0], cols = sizes[i][1];
        memset(u->t->cells, 0, sizeof u->t->cells); /* a terminal may keep anything */
        for (int row = 0; row < rows; row++)
            for (int col = 0; col < cols; col++)
                u->t->cells[row][col] = '#';
        pty_set_size(u->t, rows, cols);
        if (rows >= 6 && cols >= 24) {
            UI_AWAIT(u, !ui_shows(u, "#") && ui_row(u, "\342\227\217") == 0 &&
                            ui_row(u, "Sessions") == 0);
            UI_AWAIT(u, ui_shows(u, "beta"));
            CHECK_HAS(pty_row(u->t, rows - 1), "Enter attach");
            if (cols >= 60)
                CHECK_HAS(ui_line(u, "beta"), "sleep");
            CHECK_INT(count_of(pty_screen(u->t), "beta"), 1 + (cols >= 100)); /* the headline */
        } else if (rows > 2) {
            UI_AWAIT(u, ui_shows(u, format("%dx%d", cols, rows)) && !ui_shows(u, "#"));
            CHECK(ui_shows(u, "telec needs 24x6"));
        } else {
            UI_AWAIT(u, !ui_shows(u, "#"));
        }
    }
    ui_quit(u);
}

/* Every dialog fits at 24x6, and survives a change of the size. */
static void test_ui_small_dialogs(void)
{
    static const struct {
        const char *key, *title, *end;
    } dialogs[] = {{"n", "New session", "\033"},
                   {"m", "Message", "\033"},
                   {"R", "Rename", "\033"},
                   {"x", "End this sess", "n"},
                   {"!", "Messages", "\033"},
                   {"?", "Keys", "\033"}};
    daemon_start();
    ui_session("alpha", NULL);
    struct ui *u = ui_start(6, 24);
    UI_AWAIT_TEXT(u, "alpha");
    ui_select(u, "alpha");
    for (size_t i = 0; i < sizeof dialogs / sizeof *dialogs; i++) {
        ui_keys(u, dialogs[i].key);
        UI_AWAIT_TEXT(u, dialogs[i].title);
        /* the whole frame */
        CHECK(ui_row(u, "\342\225\256") >= 0 && ui_row(u, "\342\225\257") >= 0);
        pty_set_size(u->t, 100, 100); /* the help has more than 70 lines */
        UI_AWAIT(u, ui_shows(u, "telec  Sessions") && ui_row(u, dialogs[i].title) > 0);
        pty_set_size(u->t, 5, 20);
        UI_AWAIT_TEXT(u, "needs");
        pty_set_size(u->t, 6, 24);
        UI_AWAIT_TEXT(u, dialogs[i].title);
        ui_keys(u, dialogs[i].end);
        UI_AWAIT_TEXT(u, "Enter attach"); /* the footer, which a dialog has no room for here */
    }
    ui_quit(u);
}

/* Ctrl-Z gives the terminal back to the shell; fg takes it again. */
static void test_ui_suspend(void)
{
    daemon_start();
    ui_session("alpha", NULL);
    const char *const argv[] = {
        "/bin/sh", "-c",
        format(
            "set -m\nsaved=$(stty -g)\n'%s'\n"
            "[ \"$saved\" = \"$(stty -g)\" ] && echo stopped, modes kept\nread x\nfg\necho over\n",
            e2e.binary),
        NULL};
    struct ui *u = ui_of(pty_start(24, 80, argv));
    UI_AWAIT_TEXT(u, UI_LIVE);
    ui_keys(u, "\032");
    UI_AWAIT(u, strstr(u->t->raw.p, "stopped, modes kept"));
    CHECK_INT(u->t->alternate, 0);
    CHECK_INT(ui_mode(u, "2004"), 0);
    ui_session("beta", NULL); /* meanwhile */
    ui_keys(u, "x\r");
    UI_AWAIT(u, u->t->alternate && ui_shows(u, "alpha") && ui_shows(u, "beta"));
    CHECK_INT(ui_mode(u, "2004"), 1);
    ui_keys(u, "q");
    UI_AWAIT(u, strstr(u->t->raw.p, "over"));
    CHECK_INT(u->t->alternate, 0);
    pty_await_exit(u->t);
}

/* Nobody would ever continue it: as `ssh -t host telec` and `xterm -e telec` run it. */
static void test_ui_no_job_control(void)
{
    daemon_start();
    struct ui *u = ui_live(24, 80);
    for (int i = 0; i < 2; i++) {
        size_t before = u->t->raw.n;
        if (i == 0)
            ui_keys(u, "\032");
        else
            kill(u->t->pid, SIGTSTP);
        UI_AWAIT(u, strstr(u->t->raw.p + before, "\033[?1049h"));
        ui_keys(u, "?");
        UI_AWAIT_TEXT(u, " Keys ");
        ui_keys(u, "?");
        UI_AWAIT_GONE(u, " Keys ");
    }
    ui_quit(u);
}

static void test_ui_no_color(void)
{
    daemon_start();
    char *over = start_sh("printf '\\033[31mred\\033[0m\\n'; exit 3");
    AWAIT_SESSION(over, "state", "exited");
    ui_session("alpha", NULL);
    static const char *const plain[] = {"NO_COLOR=1", "TERM=vt100"};
    for (size_t i = 0; i < 3; i++) {
        struct ui *u = i < 2 ? ui_start_with(24, 120, plain[i]) : ui_start(24, 120);
        UI_AWAIT_TEXT(u, "exit 3");
        ui_select(u, "exit 3");
        UI_AWAIT_TEXT(u, "\342\224\202 red"); /* the preview: a red word */
        int colours = 0;
        for (const char *at = u->t->raw.p; (at = strstr(at, "\033[")); at += 2) {
            size_t n = strspn(at + 2, "0123456789;:");
            colours += at[2 + n] == 'm' && ui_sgr_has_colour(at + 2);
        }
        CHECK(i < 2 ? colours == 0 : colours > 0);
        ui_quit(u);
    }
}

static void test_ui_ascii(void)
{
    daemon_start();
    char *over = start_sh("echo 'caf\303\251 \342\224\200'; exit 3");
    AWAIT_SESSION(over, "state", "exited");
    ui_session("a title \342\202\254 \346\227\245\346\234\254", NULL);
    struct ui *u = ui_start_with(24, 120, "LANG=C");
    UI_AWAIT_TEXT(u, "exit 3");
    ui_select(u, "a title");
    ui_keys(u, "x");
    UI_AWAIT_TEXT(u, "End this session?");
    ui_keys(u, "n");
    UI_AWAIT_GONE(u, "End this session?");
    ui_select(u, "exit 3");
    UI_AWAIT_TEXT(u, "| caf");
    ui_keys(u, "n");
    UI_AWAIT_TEXT(u, "New session");
    ui_keys(u, "\033");
    UI_AWAIT_GONE(u, "New session");
    const char *asked = strstr(u->t->raw.p, "\033[6n"); /* behind characters: is it UTF-8? */
    CHECK(asked != NULL);
    for (size_t i = asked ? (size_t)(asked - u->t->raw.p) : 0; i < u->t->raw.n; i++)
        if ((unsigned char)u->t->raw.p[i] >= 0x80)
            FATAL("byte %02x: %s", (unsigned char)u->t->raw.p[i], visible(u->t->raw.p + i, 40));
    ui_quit(u);
}

/* ---- the daemon goes and comes -------------------------------------------------------------- */

static void test_ui_daemon_killed(void)
{
    daemon_start();
    char *go = format("%s/go", e2e.dir);
    if (mkfifo(go, 0600) != 0)
        e2e_die(go);
    ui_session_sh("leaves", format("read x < '%s'; exit 4", go));
    ui_session("stays", NULL);
    struct ui *u = ui_live(24, 80);
    ui_select(u, "stays");
    daemon_kill();
    file_write(go, "x\n", 0600); /* while there is no daemon */
    UI_AWAIT_TEXT(u, "the daemon has gone");
    CHECK(ui_shows(u, "stays")); /* what was known last is still there */
    UI_AWAIT_TEXT(u, UI_LIVE); /* it has started another one */
    UI_AWAIT_TEXT(u, "exit 4");
    CHECK_HAS(ui_selected(u), "stays");
    ui_session("new here", NULL);
    UI_AWAIT_TEXT(u, "new here");
    ui_quit(u);
    CLI_OK(cli("daemon", "--stop", NULL));
}

/* Stopped on purpose: it is not started again until somebody wants it. */
static void test_ui_daemon_stopped(void)
{
    daemon_start();
    ui_session("stays", NULL);
    struct ui *u = ui_live(24, 80);
    CLI_OK(cli("daemon", "--stop", NULL));
    await_exit(e2e.daemon);
    e2e.daemon = 0;
    UI_AWAIT_TEXT(u, "the daemon was stopped");
    CHECK(ui_shows(u, "stays"));
    /* After 1 s and after 2 s it has looked whether there is one again. */
    UI_AWAIT(u, ui_shows(u, "stopped, 4 s") || ui_shows(u, "stopped, 5 s"));
    CHECK(ui_shows(u, "the daemon was stopped"));
    CHECK(!file_exists(e2e.socket));
    ui_keys(u, "r");
    UI_AWAIT_TEXT(u, UI_LIVE);
    CHECK(ui_shows(u, "stays"));
    ui_quit(u);
    CLI_OK(cli("daemon", "--stop", NULL));
}

/* It starts one itself, unless it must not. */
static void test_ui_starts_daemon(void)
{
    const char *const argv[] = {e2e.binary, "--no-daemon", NULL};
    struct ui *u = ui_of(pty_start(24, 80, argv));
    UI_AWAIT_TEXT(u, "offline");
    CHECK(!file_exists(e2e.socket));
    ui_quit(u);
    u = ui_live(24, 80);
    CHECK(file_exists(e2e.socket));
    ui_quit(u);
    CLI_OK(cli("daemon", "--stop", NULL));
}

/* ---- preview and attach --------------------------------------------------------------------- */

static void test_ui_preview(void)
{
    daemon_start();
    ui_session_sh("a talker", "printf 'first\\nline two'; read x; printf "
                              "'\\033[2J\\033[5;10Hsomewhere else'; read x; echo bye; exit 3");
    char *over = ui_session_sh("a dead one", "echo last words; exit 1");
    AWAIT_SESSION(over, "state", "exited");
    struct ui *u = ui_live(24, 120);
    ui_select(u, "a talker");
    UI_AWAIT_TEXT(u, "\342\224\202 first");
    UI_AWAIT_TEXT(u, "\342\224\202 line two");
    ui_keys(u, "m");
    UI_AWAIT_TEXT(u, "Message");
    ui_keys(u, "go\r");
    UI_AWAIT_GONE(u, " Message "); /* until then keys are the dialog's */
    UI_AWAIT_TEXT(u, "\342\224\202          somewhere else");
    UI_AWAIT_GONE(u, "Message"); /* its receipt can be later than what it did */
    ui_select(u, "a dead one");
    UI_AWAIT_TEXT(u, "\342\224\202 last words");
    CHECK(!ui_shows(u, "\342\224\202          somewhere else"));
    ui_select(u, "a talker");
    UI_AWAIT_TEXT(u, "         somewhere else");
    ui_keys(u, "m");
    UI_AWAIT_TEXT(u, "Message");
    ui_keys(u, "on\r"); /* it ends while it is shown: what it left is shown */
    UI_AWAIT_GONE(u, " Message ");
    UI_AWAIT_TEXT(u, "exit 3");
    UI_AWAIT(u, ui_row(u, "bye") > 0);
    UI_AWAIT_GONE(u, "Message");
    ui_keys(u, "g"); /* nothing to show for a computer */
    UI_AWAIT_GONE(u, "somewhere else");
    ui_quit(u);
}

static void test_ui_preview_below(void)
{
    daemon_start();
    ui_session_sh("a talker", "echo words of the program; read x; echo more of them; sleep 1000");
    struct ui *u = ui_live(24, 80);
    ui_select(u, "a talker");
    UI_AWAIT_TEXT(u, "\342\200\271 words of the program");
    UI_AWAIT(u, count_of(pty_screen(u->t), "words of the program") == 2);
    CHECK(ui_row_from(u, "words of the program", 12) > 0);
    CHECK_INT(ui_row(u, "\342\224\200\342\224\200\342\224\200"), 12);
    pty_set_size(u->t, 24, 120); /* room beside: it goes there */
    UI_AWAIT_TEXT(u, "\342\224\202 words of the program");
    ui_keys(u, "p");
    UI_AWAIT_GONE(u, "\342\224\202");
    pty_set_size(u->t, 24, 80); /* it was put away: it stays away */
    UI_AWAIT(u, count_of(pty_screen(u->t), "words of the program") == 1);
    ui_keys(u, "p");
    UI_AWAIT(u, count_of(pty_screen(u->t), "words of the program") == 2);
    pty_set_size(u->t, 24, 59); /* room for the list alone */
    UI_AWAIT(u, count_of(pty_screen(u->t), "words of the program") == 1);
    CHECK(!ui_shows(u, "\342\224\200\342\224\200\342\224\200"));
    ui_quit(u);
}

/* Attaches to the session with that title and waits for what it shows. */
static void ui_attach(struct ui *u, const char *title, const char *shown)
{
    ui_select(u, title);
    ui_keys(u, "\r");
    UI_AWAIT_TEXT(u, "Ctrl-] d detaches");
    UI_AWAIT_TEXT(u, shown);
}

static void ui_detach(struct ui *u)
{
    ui_keys(u, UI_PREFIX "d");
    UI_AWAIT_TEXT(u, "telec  Sessions");
}

static void test_ui_attach(void)
{
    daemon_start();
    char *id = start(format("\"title\": \"keys\", \"command\": %s",
                            json_array(e2e.self, "program", "hex", NULL)));
    AWAIT_SESSION(id, "last_output", "ready");
    struct ui *u = ui_live(24, 80);
    ui_attach(u, "keys", "ready");
    CHECK_HAS(pty_row(u->t, 23), "keys");
    ui_keys(u, "aq\033[A\r\003\032?\342\202\254");
    UI_AWAIT_TEXT(u, "<61><71><1b><5b><41><0d><03><1a><3f><e2><82><ac>");
    ui_keys(u, "\033"); /* alone, it is the Escape key */
    UI_AWAIT_TEXT(u, "<ac><1b>");
    ui_keys(u, UI_PREFIX);
    UI_AWAIT_TEXT(u, "d detach  n next");
    ui_keys(u, "]");
    UI_AWAIT_TEXT(u, "<1b><1d>");
    ui_keys(u, UI_PREFIX "z"); /* no such command: nothing, and back to the program */
    UI_AWAIT_TEXT(u, "Ctrl-] d detaches");
    ui_keys(u, "b");
    UI_AWAIT_TEXT(u, "<1d><62>");
    AWAIT_SESSION(id, "cols", "80");
    AWAIT_SESSION(id, "rows", "23"); /* one line is telec's */
    ui_detach(u);
    CHECK(ui_shows(u, "keys"));
    CHECK_HAS(ui_selected(u), "keys");
    ui_quit(u);
    CHECK(!session_is(id, "state", "exited"));
}

/* `telec attach`: whatever is typed from its first frame on is the session's, never the tree's. */
static void test_ui_attach_typed_ahead(void)
{
    daemon_start();
    char *id =
        ui_session_sh("listener", "stty -echo; echo ready; while read x; do echo \"<$x>\"; done");
    AWAIT_SESSION(id, "last_output", "ready");
    const char *const argv[] = {e2e.binary, "attach", id, NULL};
    for (int i = 0; i < 5; i++) {
        struct ui *u = ui_of(pty_start(24, 80, argv));
        UI_AWAIT(u, u->t->alternate);
        ui_keys(u, format("nxqy %d\r", i));
        UI_AWAIT_TEXT(u, format("<nxqy %d>", i));
        ui_keys(u, UI_PREFIX "d");
        CHECK_INT(pty_await_exit(u->t), 0);
    }
}

static void test_ui_attach_resize(void)
{
    daemon_start();
    start(format("\"title\": \"sizes\", \"command\": %s",
                 json_array(e2e.self, "program", "winch", NULL)));
    struct ui *u = ui_live(24, 80);
    ui_attach(u, "sizes", "80x23");
    pty_set_size(u->t, 40, 132);
    UI_AWAIT_TEXT(u, "winch 132x39");
    pty_set_size(u->t, 8, 30); /* smaller than the tree needs: the session is not */
    UI_AWAIT_TEXT(u, "winch 30x7");
    CHECK_HAS(pty_row(u->t, 7), "sizes");
    pty_set_size(u->t, 24, 80);
    UI_AWAIT(u, strstr(ui_line(u, "winch 80x23"), "winch"));
    ui_detach(u);
    ui_quit(u);
}

static void test_ui_attach_next(void)
{
    daemon_start();
    ui_session_sh("number one", "echo I am the first; sleep 1000");
    ui_session_sh("number two", "echo I am the second; sleep 1000");
    char *over = ui_session_sh("gone", "seq 1 90; echo its last words");
    AWAIT_SESSION(over, "state", "exited");
    struct ui *u = ui_live(24, 80);
    ui_attach(u, "number one", "I am the first");
    ui_keys(u, UI_PREFIX "n");
    UI_AWAIT_TEXT(u, "I am the second");
    CHECK_HAS(pty_row(u->t, 23), "number two");
    CHECK(!ui_shows(u, "I am the first"));
    ui_keys(u, UI_PREFIX "n"); /* past the exited one, around */
    UI_AWAIT_TEXT(u, "I am the first");
    ui_keys(u, UI_PREFIX "p");
    UI_AWAIT_TEXT(u, "I am the second");
    ui_detach(u);
    UI_AWAIT_SELECTED(u, "number two"); /* the selection has followed */
    ui_select(u, "gone"); /* what it left can be read */
    ui_keys(u, "\r");
    UI_AWAIT(u, ui_shows(u, "its last words") && !ui_shows(u, "telec  Sessions"));
    ui_keys(u, "q");
    UI_AWAIT_TEXT(u, "telec  Sessions");
    ui_quit(u);
}

/* Types the text again and again, as a person does, until cond is true; then for half a second
 * more. */
#define UI_TYPE_UNTIL(u, text, cond) \
    do { \
        long long ui_until = now_ms() + E2E_WAIT_MS, ui_after = 0; \
        while (!ui_after || now_ms() < ui_after) { \
            ui_keys((u), (text)); \
            pty_read((u)->t, 20); \
            if (!ui_after && (cond)) \
                ui_after = now_ms() + 500; \
            if (now_ms() > ui_until) \
                ui_wait(__FILE__, __LINE__, (u), #cond, 0); \
        } \
    } while (0)

/* The program ends, or is killed: back in the tree, which says why. */
static void test_ui_attach_ends(void)
{
    daemon_start();
    ui_session_sh("leaves", "echo ready; read x; exit 6");
    char *killed = ui_session_sh("killed", "echo waiting; sleep 1000");
    struct ui *u = ui_live(24, 80);
    ui_attach(u, "leaves", "ready");
    ui_keys(u, "\r");
    UI_AWAIT_TEXT(u, "telec  Sessions");
    UI_AWAIT_TEXT(u, "exit 6");
    CHECK_HAS(pty_row(u->t, 22), "ended");
    ui_await_pause(u);
    ui_attach(u, "killed", "waiting");
    end_session(killed);
    UI_AWAIT_TEXT(u, "telec  Sessions");
    CHECK_HAS(pty_row(u->t, 22), "ended");
    UI_AWAIT_GONE(u, "killed");
    ui_await_pause(u);
    ui_quit(u);
}

/* A program that repeats each line it reads. */
static char *ui_listener(const char *title)
{
    return ui_session_sh(
        title, "stty -echo; echo ready; while read x; do echo \"<$x>\"; done; sleep 1000");
}

/* Another daemon is there, and the footer of an attached session has no mark any more. It has none
 * yet, either, while nobody has seen that the daemon before was killed. */
static void ui_await_footer(struct ui *u)
{
    AWAIT(daemon_answers());
    UI_AWAIT(u, strstr(pty_row(u->t, 23), "detaches") && !strstr(pty_row(u->t, 23), "offline") &&
                    !strstr(pty_row(u->t, 23), "connecting") &&
                    !strstr(pty_row(u->t, 23), "polling"));
}

/* An attached user stays so, whatever happens to the daemon. */
static void test_ui_attach_daemon_killed(void)
{
    daemon_start();
    ui_listener("listener");
    struct ui *u = ui_live(24, 80);
    ui_attach(u, "listener", "ready");
    daemon_kill();
    ui_keys(u, "please fix my code, q\r");
    UI_AWAIT_TEXT(u, "<please fix my code, q>");
    UI_AWAIT(u, strstr(pty_row(u->t, 23), "offline")); /* the footer knows */
    ui_await_footer(u); /* another daemon */
    CHECK_HAS(pty_row(u->t, 23), "listener");
    CLI_OK(cli("daemon", "--stop", NULL));
    UI_AWAIT(u, strstr(pty_row(u->t, 23), "offline"));
    ui_keys(u, "xy\r");
    UI_AWAIT_TEXT(u, "<xy>");
    ui_detach(u);
    UI_AWAIT_TEXT(u, "was stopped");
    ui_keys(u, "r");
    UI_AWAIT_TEXT(u, UI_LIVE);
    CHECK(ui_shows(u, "listener"));
    ui_quit(u);
    CLI_OK(cli("daemon", "--stop", NULL));
}

/* `telec attach` in a shell: the shell gets no key that was typed into the session. */
static struct ui *ui_attach_in_shell(const char *id)
{
    const char *const argv[] = {
        "/bin/sh", "-c",
        format("'%s' attach %s; echo back; read x; echo \"shell got <$x>\"; read x", e2e.binary,
               id),
        NULL};
    struct ui *u = ui_of(pty_start(24, 80, argv));
    UI_AWAIT_TEXT(u, "ready");
    return u;
}

static void test_ui_attach_shell(void)
{
    daemon_start();
    char *id = ui_listener("listener");
    AWAIT_SESSION(id, "last_output", "ready");
    struct ui *u = ui_attach_in_shell(id);
    UI_AWAIT(u, strstr(pty_row(u->t, 23), "listener")); /* the daemon has told of it */
    daemon_kill();
    ui_keys(u, "rm -rf please\r");
    UI_AWAIT_TEXT(u, "<rm -rf please>");
    ui_await_footer(u);
    ui_keys(u, "\004"); /* end of file: still there */
    char *over = ui_session_sh("leaves", "stty -echo; echo ready; read x; exit 0");
    AWAIT_SESSION(over, "last_output", "ready");
    ui_keys(u, UI_PREFIX "d");
    UI_AWAIT_TEXT(u, "back");
    ui_keys(u, "\r\r");
    pty_await_exit(u->t);
    u = ui_attach_in_shell(over);
    UI_TYPE_UNTIL(u, "ls\r", ui_shows(u, "keys are ignored"));
    CHECK(!ui_shows(u, "back"));
    UI_AWAIT_TEXT(u, "back");
    CHECK(ui_shows(u, "the session has ended"));
    ui_keys(u, "mine\r");
    UI_AWAIT_TEXT(u, "shell got <mine>");
    ui_keys(u, "\r");
    pty_await_exit(u->t);
    CLI_OK(cli("daemon", "--stop", NULL));
}

/* The program ends in the middle of a sentence: the sentence does nothing to the tree. */
static void test_ui_attach_ends_typing(void)
{
    daemon_start();
    char *id = ui_session_sh("first", "echo ready; read x; exit 0");
    char *other = ui_session_sh("second", "echo ready; sleep 1000");
    struct ui *u = ui_live(24, 80);
    ui_attach(u, "first", "ready");
    UI_TYPE_UNTIL(u, "\rxyjxyq", ui_shows(u, "telec  Sessions"));
    CHECK(ui_shows(u, "keys are ignored") && !ui_shows(u, "End this session?"));
    CHECK(ui_shows(u, "the session has ended")); /* it has not been read */
    ui_await_pause(u);
    CHECK_HAS(ui_selected(u), "first");
    CHECK_INT(get(session_path(id, "")).status, 200);
    CHECK_INT(get(session_path(other, "")).status, 200);
    ui_keys(u, "j");
    UI_AWAIT_SELECTED(u, "second");
    ui_quit(u);
}

/* A reply that comes after its dialog was closed does nothing to what is on the screen then. */
static void test_ui_late_replies(void)
{
    daemon_start();
    ui_listener("listener");
    ui_session_sh("second", "echo I am the second; sleep 1000");
    struct ui *u = ui_live(24, 80);
    ui_select(u, "listener");
    kill(e2e.daemon, SIGSTOP);
    ui_keys(u, "m");
    UI_AWAIT_TEXT(u, "Message");
    ui_keys(u, "first" UI_CTRL_S "\033");
    UI_AWAIT_GONE(u, "Message");
    ui_keys(u, "m");
    UI_AWAIT_TEXT(u, "Message");
    ui_keys(u, "half a sentence");
    UI_AWAIT_TEXT(u, "half a sentence");
    kill(e2e.daemon, SIGCONT);
    UI_AWAIT(u, strstr(pty_row(u->t, 22), "sent"));
    CHECK(ui_shows(u, "half a sentence"));
    ui_keys(u, " more");
    UI_AWAIT_TEXT(u, "half a sentence more");
    ui_keys(u, "\033");
    UI_AWAIT_GONE(u, "Message");
    kill(e2e.daemon, SIGSTOP);
    ui_keys(u, "n");
    UI_AWAIT_TEXT(u, "New session");
    ui_keys(u, UI_CTRL_S "\033");
    UI_AWAIT_GONE(u, "New session");
    ui_attach(u, "second", "I am the second");
    kill(e2e.daemon, SIGCONT);
    AWAIT(json_count(get("/sessions").body, "") == 3);
    ui_keys(u, UI_PREFIX);
    UI_AWAIT_TEXT(u, "d detach  n next");
    ui_keys(u, "d");
    UI_AWAIT_TEXT(u, "the new session has started");
    UI_AWAIT_SELECTED(u, "second");
    /* A late reply closes its own dialog: what is typed meanwhile is not for the tree. */
    ui_keys(u, "m");
    UI_AWAIT_TEXT(u, "Message");
    kill(e2e.daemon, SIGSTOP);
    ui_keys(u, "text" UI_CTRL_S "xyq");
    UI_AWAIT_TEXT(u, "text");
    kill(e2e.daemon, SIGCONT);
    UI_TYPE_UNTIL(u, "xyq", ui_shows(u, "keys are ignored"));
    CHECK(!ui_shows(u, "End this session?"));
    ui_await_pause(u);
    CHECK_HAS(ui_selected(u), "second");
    ui_quit(u);
}

static void test_ui_attach_scroll(void)
{
    daemon_start();
    char *id = ui_session_sh("long", "seq 1 200; while read x; do echo \"got $x\"; done");
    AWAIT_SESSION(id, "last_output", "200");
    struct ui *u = ui_live(24, 80);
    ui_attach(u, "long", "200");
    CHECK(!ui_shows(u, "170"));
    ui_keys(u, "\033[5;2~"); /* Shift-PgUp */
    UI_AWAIT_TEXT(u, "lines up");
    UI_AWAIT_TEXT(u, "170");
    CHECK(!ui_shows(u, "200"));
    ui_keys(u, "\033[5;2~\033[5;2~\033[5;2~\033[5;2~\033[5;2~\033[5;2~\033[5;2~\033[5;2~\033[5;2~"
               "\033[5;2~\033[5;2~"
               "\033[5;2~\033[5;2~\033[5;2~\033[5;2~\033[5;2~\033[5;2~\033[5;2~\033[5;2~\033[5;2~");
    UI_AWAIT(u, strcmp(pty_row(u->t, 0), "1") == 0); /* the first line, and not further */
    ui_keys(u, "\033[6;2~");
    UI_AWAIT(u, strcmp(pty_row(u->t, 0), "1") != 0);
    ui_keys(u, "x\r"); /* typing goes back to the end */
    UI_AWAIT_TEXT(u, "got x");
    CHECK(!ui_shows(u, "lines up"));
    ui_keys(u, "\033[<64;5;5M"); /* so does the wheel, where the program does not want it */
    UI_AWAIT_TEXT(u, "3 lines up");
    ui_keys(u, "\033[<65;5;5M");
    UI_AWAIT_GONE(u, "lines up");
    ui_detach(u);
    ui_quit(u);
}

static void test_ui_attach_paste(void)
{
    daemon_start();
    char *plain = start(format("\"title\": \"plain\", \"command\": %s",
                               json_array(e2e.self, "program", "hex", NULL)));
    char *asks = start(format("\"title\": \"asks\", \"command\": %s",
                              json_array(e2e.self, "program", "hex", "paste", NULL)));
    AWAIT_SESSION(plain, "last_output", "ready");
    AWAIT_SESSION(asks, "last_output", "ready");
    struct ui *u = ui_live(24, 80);
    ui_attach(u, "plain", "ready");
    ui_keys(u, "\033[200~a" UI_PREFIX "d\033[201~b");
    UI_AWAIT_TEXT(u, "<61><1d><64><62>"); /* as typed; and a pasted prefix is text */
    ui_detach(u);
    ui_attach(u, "asks", "ready");
    UI_AWAIT(u, ui_mode(u, "2004") == 1);
    ui_keys(u, "\033[200~a\rb\033[201~c");
    UI_AWAIT_TEXT(u, "<1b><5b><32><30><30><7e><61><0d><62><1b><5b><32><30><31><7e><63>");
    ui_detach(u);
    ui_quit(u);
}

/* Keys that a program does not read yet reach it all the same, in their order, and they reach it
 * while its holder is busy with something else. */
static void test_ui_attach_types_past_the_holder(void)
{
    daemon_start();
    char *go = format("%s/go", e2e.dir), *file = format("%s/typed", e2e.dir);
    char *want = format("a");
    if (mkfifo(go, 0600) != 0)
        e2e_die(go);
    char *id = ui_session_sh(
        "deaf", format("stty raw -echo; echo ready; head -c 1 > %s; read x < %s; cat >> %s", file,
                       go, file));
    struct ui *u = ui_live(24, 80);
    ui_attach(u, "deaf", "ready");
    ui_keys(u, "a");
    AWAIT(file_size(file) == 1);
    for (int i = 0; i < 400; i++) { /* more than a terminal keeps */
        char *keys = format("%05d %*s", i, 40 + i % 9, i % 50 ? "." : "long");
        want = format("%s%s", want, keys);
        ui_keys(u, keys);
        pty_read(u->t, 0);
    }
    file_write(go, "x\n", 0600);
    AWAIT(file_size(file) == (long long)strlen(want));
    CHECK_TEXT(file_read(file, NULL), want);
    long long typed = (long long)strlen(want);
    int past = !HAVE_PROC;
    for (int i = 0; i < 20 && !past; i++) { /* it may not have heard yet that the way is free */
        kill(holder_of(id), SIGSTOP);
        ui_keys(u, "b");
        typed++;
        for (long long until = now_ms() + 500; now_ms() < until && !past; pty_read(u->t, 5))
            past = file_size(file) == typed;
        kill(holder_of(id), SIGCONT);
        AWAIT(file_size(file) == typed);
    }
    CHECK(past);
    ui_detach(u);
    ui_quit(u);
}

/* What a program asks in answer to a key is not taken as answered by that key. */
static void test_ui_attach_asks(void)
{
    daemon_start();
    char *id = ui_session_sh("asks", "stty raw -echo; printf ready; head -c 1; "
                                     "printf ' may I\\a'; head -c 1; sleep 1000");
    struct ui *u = ui_live(24, 80);
    ui_attach(u, "asks", "ready");
    ui_keys(u, "y");
    AWAIT_SESSION(id, "state", "waiting");
    ui_detach(u); /* by then the holder has heard that somebody typed */
    CHECK_TEXT(session_get(id, "state"), "waiting");
    ui_attach(u, "asks", "may I");
    ui_keys(u, "y");
    AWAIT_SESSION(id, "state", "working");
    ui_detach(u);
    ui_quit(u);
}

/* Esc in vi, a completion without a match. */
static void test_ui_attach_rings(void)
{
    daemon_start();
    char *id = NULL;
    struct ui *u = ui_live(24, 80);
    int asks = 1;
    for (int i = 0; i < 9 && asks; i++) { /* a busy machine lets it ring too late */
        char *title = format("rings %d", i);
        id = ui_session_sh(title, "stty raw -echo; printf ready; head -c 1; printf '\\a'; "
                                  "sleep 0.3; printf next; head -c 1; printf '\\a'; sleep 1000");
        ui_attach(u, title, "ready");
        ui_keys(u, "y");
        UI_AWAIT_TEXT(u, "next");
        asks = strcmp(session_get(id, "state"), "waiting") == 0;
        ui_detach(u);
    }
    CHECK(!asks);
    CHECK_INT(call("POST", session_path(id, "/keys"), "{\"key\": \"enter\"}").status, 200);
    AWAIT_SESSION(id, "state", "waiting");
    ui_quit(u);
}

/* A program that takes the whole screen. */
static void test_ui_attach_full_screen(void)
{
    daemon_start();
    char *file = format("%s/text", e2e.dir);
    file_write(file, "one line\nanother line\n", 0600);
    const char *vim = file_exists("/usr/bin/vim") ? "/usr/bin/vim" : NULL;
    char *script =
        "printf '\\033[?1049h\\033[2J\\033[H'; stty raw -echo; i=1; while [ $i -lt 24 ]; do "
        "printf '\\033[%d;%dH%d' $i $((i * 3)) $i; i=$((i + 1)); done; printf '\\033[5;60Hone "
        "line'; "
        "dd bs=1 count=1 2>/dev/null; printf '\\033[5;60HINSERT'; dd bs=1 count=4 2>/dev/null; "
        "printf '\\033[?1049l'; stty sane";
    struct ui *u = ui_live(24, 80);
    char *id = start(
        format("\"title\": \"editor\", \"command\": %s",
               vim ? json_array(vim, "-u", "NONE", "-c", "set nocp showmode noswapfile", file, NULL)
                   : json_array("sh", "-c", script, NULL)));
    ui_attach(u, "editor", "one line");
    ui_keys(u, "i");
    UI_AWAIT_TEXT(u, "INSERT");
    if (vim) {
        CHECK_INT(ui_row(u, "one line"), 0);
        ui_keys(u, "typed ");
        UI_AWAIT(u, strcmp(pty_row(u->t, 0), "typed one line") == 0);
        CHECK_TEXT(pty_row(u->t, 2), "~");
        ui_detach(u);
        CHECK(!ui_shows(u, "~                "));
        ui_attach(u, "editor", "typed one line"); /* it is all there again */
        CHECK_INT(ui_row(u, "INSERT"), 22);
        ui_keys(u, "\033");
        UI_AWAIT_GONE(u, "INSERT");
        ui_keys(u, ":wq\r");
    } else {
        ui_keys(u, "x:wq");
    }
    UI_AWAIT_TEXT(u, "telec  Sessions");
    AWAIT_SESSION(id, "exit_code", "0");
    if (vim)
        CHECK_TEXT(file_read(file, NULL), "typed one line\nanother line\n");
    ui_await_pause(u);
    ui_quit(u);
}

/* ---- what a screen must stand --------------------------------------------------------------- */

static void test_ui_titles(void)
{
    static const char *const titles[] = {"\033[31mred\033[2J\033[H\007\r\nnext",
                                         "\302\233\062J c1",
                                         "wide \346\227\245\346\234\254\350\252\236",
                                         "\360\237\221\251\342\200\215\360\237\222\273 family",
                                         "combining e\314\201\314\201\314\201",
                                         "\342\200\256rtl",
                                         "tab\there"};
    daemon_start();
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        ui_session(titles[i], NULL);
    ui_session(format("long %s", repeat('x', 380)), NULL);
    struct text wide = {0};
    for (int i = 0; i < 100; i++)
        text_str(&wide, "\346\227\245");
    ui_session(wide.p, NULL);
    start("\"title\": \"last one\", \"command\": [\"printf\", \"\\u001b]0;evil\\u0007 words "
          "\\u009b31m\"]");
    struct ui *u = ui_live(40, 80);
    UI_AWAIT_TEXT(u, "last one");
    ui_keys(u, "G");
    UI_AWAIT_SELECTED(u, "last one");
    CHECK_INT(ui_row(u, "telec  Sessions"), 0);
    CHECK(ui_shows(u, "^[[31mred"));
    CHECK(ui_shows(u, "wide \346\227\245\346\234\254\350\252\236"));
    CHECK(ui_shows(u, "tab^Ihere"));
    int row = ui_row(u, "^[[31mred");
    /* one row each, in order */
    for (size_t i = 0; i < sizeof titles / sizeof *titles + 3; i++, row++) {
        CHECK_HAS(pty_row(u->t, row), format(" %zu ", i + 1));
        unsigned last = u->t->cells[row][78];
        CHECK(last == 'w' || last == 'm'); /* the age (now, 1m) is not pushed out */
    }
    CHECK(!strstr(u->t->raw.p, "\033]0;evil"));
    CHECK(!strstr(u->t->raw.p, "\302\233") && !strstr(u->t->raw.p, "\342\200\256"));
    pty_set_size(u->t, 40, 41);
    /* cut, and said so */
    UI_AWAIT(u, ui_shows(u, "telec  Sessions") && ui_shows(u, "\342\200\246"));
    ui_quit(u);
}

/* More than the screen holds. The sessions are records of some that ended long ago. */
static void test_ui_many(void)
{
    daemon_start();
    char *id = ui_session_sh("TITLE-OF-IT", "true");
    AWAIT_SESSION(id, "state", "exited");
    daemon_stop();
    char *record = file_read(session_file(id, "record.json"), NULL),
         *exit = file_read(session_file(id, "exit.json"), NULL);
    char *at = record ? strstr(record, id) : NULL,
         *title = record ? strstr(record, "TITLE-OF-IT") : NULL;
    REQUIRE(at && title && exit);
    for (int i = 0; i < 300; i++) {
        char number[13];
        snprintf(number, sizeof number, "%012d", i);
        memcpy(at + 24, number, 12);
        char *copy = format("%.36s", at);
        snprintf(number, sizeof number, "number %03d!", i);
        memcpy(title, number, 11);
        mkdir(format("%s/telec/sessions/%s", e2e.state, copy), 0700);
        file_write(session_file(copy, "record.json"), record, 0600);
        file_write(session_file(copy, "exit.json"), exit, 0600);
    }
    daemon_start();
    CHECK_INT(json_count(get("/sessions").body, ""), 301);
    struct ui *u = ui_live(24, 80);
    ui_keys(u, "g");
    UI_AWAIT_TEXT(u, "number 000");
    ui_keys(u, "G");
    UI_AWAIT(u, ui_row(u, "number 299") > 0 || ui_row(u, "TITLE-OF-IT") > 0);
    CHECK(!ui_shows(u, "number 000"));
    CHECK(*ui_selected(u));
    CHECK_INT(ui_row(u, "telec  Sessions"), 0);
    CHECK_HAS(pty_row(u->t, 23), "q quit");
    for (int i = 0; i < 40; i++)
        ui_keys(u, "\033[5~");
    UI_AWAIT(u, *ui_selected(u) && ui_row(u, ui_selected(u)) == 1);
    /* Down one by one: the selection is always on the screen. */
    for (int i = 0; i < 60; i++)
        ui_keys(u, "j");
    UI_AWAIT(u, strstr(ui_selected(u), " 59 ") || strstr(ui_selected(u), " 58 "));
    ui_keys(u, "k");
    UI_AWAIT(u, strstr(ui_selected(u), " 58 ") || strstr(ui_selected(u), " 57 "));
    end_session(id);
    UI_AWAIT(u, *ui_selected(u));
    ui_quit(u);
}

static const struct test ui_tests[] = {
    {"ui_first_frame", test_ui_first_frame},
    {"ui_tree", test_ui_tree},
    {"ui_terminal_not_polled", test_ui_terminal_not_polled},
    {"ui_push", test_ui_push},
    {"ui_selection", test_ui_selection},
    {"ui_moves", test_ui_moves},
    {"ui_folds", test_ui_folds},
    {"ui_new", test_ui_new},
    {"ui_message", test_ui_message},
    {"ui_asks", test_ui_asks},
    {"ui_end", test_ui_end},
    {"ui_restart", test_ui_restart},
    {"ui_end_two", test_ui_end_two},
    {"ui_end_late", test_ui_end_late},
    {"ui_help", test_ui_help},
    {"ui_configured", test_ui_configured},
    {"ui_quit", test_ui_quit},
    {"ui_killed", test_ui_killed},
    {"ui_hangup", test_ui_hangup},
    {"ui_sizes", test_ui_sizes},
    {"ui_small_dialogs", test_ui_small_dialogs},
    {"ui_suspend", test_ui_suspend},
    {"ui_no_job_control", test_ui_no_job_control},
    {"ui_no_color", test_ui_no_color},
    {"ui_ascii", test_ui_ascii},
    {"ui_daemon_killed", test_ui_daemon_killed},
    {"ui_daemon_stopped", test_ui_daemon_stopped},
    {"ui_starts_daemon", test_ui_starts_daemon},
    {"ui_preview", test_ui_preview},
    {"ui_preview_below", test_ui_preview_below},
    {"ui_attach", test_ui_attach},
    {"ui_attach_typed_ahead", test_ui_attach_typed_ahead},
    {"ui_attach_resize", test_ui_attach_resize},
    {"ui_attach_next", test_ui_attach_next},
    {"ui_attach_ends", test_ui_attach_ends},
    {"ui_attach_ends_typing", test_ui_attach_ends_typing},
    {"ui_attach_daemon_killed", test_ui_attach_daemon_killed},
    {"ui_attach_shell", test_ui_attach_shell},
    {"ui_late_replies", test_ui_late_replies},
    {"ui_attach_scroll", test_ui_attach_scroll},
    {"ui_attach_paste", test_ui_attach_paste},
    {"ui_attach_types_past_the_holder", test_ui_attach_types_past_the_holder},
    {"ui_attach_asks", test_ui_attach_asks},
    {"ui_attach_rings", test_ui_attach_rings},
    {"ui_attach_full_screen", test_ui_attach_full_screen},
    {"ui_titles", test_ui_titles},
    {"ui_many", test_ui_many},
};
