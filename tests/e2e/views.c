/* views - finding and moving, the preparation view, the mouse, what survives a restart, and daemons
 * that answer badly. */

#define VIEWS_BELL "printf '\\a'; sleep 1000"

static char *views_waiting(const char *title)
{
    char *id = ui_session_sh(title, VIEWS_BELL);
    AWAIT_SESSION(id, "state", "waiting");
    return id;
}

/* ---- finding -------------------------------------------------------------------------------- */

static void test_views_filter(void)
{
    daemon_start();
    ui_session("alpha one", NULL);
    char *beta = ui_session("beta two", NULL);
    ui_session("gamma two", beta);
    char *over = ui_session_sh("delta", "exit 3");
    AWAIT_SESSION(over, "state", "exited");
    struct ui *u = ui_live(40, 80);
    ui_select(u, "delta");
    ui_keys(u, "/");
    UI_AWAIT_TEXT(u, "4 hits");
    CHECK_HAS(pty_row(u->t, 39), "Enter keep");
    ui_keys(u, "ALP");
    UI_AWAIT_TEXT(u, "1 hit");
    UI_AWAIT_GONE(u, "beta");
    UI_AWAIT_SELECTED(u, "alpha one"); /* what was found */
    ui_keys(u, UI_CTRL_U "two");
    UI_AWAIT_TEXT(u, "2 hits");
    UI_AWAIT_SELECTED(u, "beta two");
    ui_keys(u, UI_DOWN);
    UI_AWAIT_SELECTED(u, "gamma two");
    ui_keys(u, "\r"); /* it stays, and keys are keys again */
    UI_AWAIT(u, strstr(pty_row(u->t, 39), "q quit"));
    CHECK(ui_shows(u, "2 hits"));
    ui_session("two of a kind", NULL); /* whatever comes is looked at, too */
    UI_AWAIT_TEXT(u, "3 hits");
    UI_AWAIT_TEXT(u, "two of a kind");
    CHECK_HAS(ui_selected(u), "gamma two");
    ui_session("not this one", NULL);
    ui_keys(u, "/ is:nothing");
    UI_AWAIT_TEXT(u, "Nothing matches: Esc");
    ui_keys(u, UI_CTRL_U "is:exited");
    UI_AWAIT_SELECTED(u, "delta");
    CHECK(ui_shows(u, "1 hit"));
    ui_keys(u, "\033");
    UI_AWAIT_TEXT(u, "not this one");
    CHECK(!ui_shows(u, "1 hit"));
    CHECK_HAS(ui_selected(u), "delta"); /* what was found stays selected */
    ui_keys(u, "/\033[200~gamma\ntwo\033[201~"); /* a paste is text */
    UI_AWAIT_TEXT(u, "1 hit");
    ui_keys(u, "\r");
    UI_AWAIT_TEXT(u, "q quit");
    ui_keys(u, "\033");
    UI_AWAIT_TEXT(u, "alpha one");
    ui_quit(u);
}

static void test_views_jumps(void)
{
    daemon_start();
    char *a = ui_session("alpha", NULL);
    ui_session("nested", a);
    ui_session("beta", NULL);
    struct ui *u = ui_live(40, 80);
    UI_AWAIT_TEXT(u, "beta");
    ui_keys(u, "'");
    UI_AWAIT_TEXT(u, "Go to session");
    ui_keys(u, "2");
    UI_AWAIT_SELECTED(u, "beta");
    ui_keys(u, "\033");
    UI_AWAIT_GONE(u, "Go to session");
    ui_keys(u, "'1.1");
    UI_AWAIT_SELECTED(u, "nested");
    ui_keys(u, "k"); /* any other key is for the list again */
    UI_AWAIT_SELECTED(u, "alpha");
    UI_AWAIT_GONE(u, "Go to session");
    ui_keys(u, "w");
    UI_AWAIT_TEXT(u, "no session waits");
    views_waiting("asks one");
    views_waiting("asks two");
    UI_AWAIT(u, count_of(pty_screen(u->t), "\342\227\206") >= 3); /* both, and the count */
    ui_keys(u, "w");
    UI_AWAIT_SELECTED(u, "asks one");
    ui_keys(u, "w");
    UI_AWAIT_SELECTED(u, "asks two");
    ui_keys(u, "w"); /* around */
    UI_AWAIT_SELECTED(u, "asks one");
    ui_keys(u, "g_"); /* what is folded is unfolded for it */
    UI_AWAIT_GONE(u, "asks one");
    ui_keys(u, "w");
    UI_AWAIT_SELECTED(u, "asks one");
    ui_keys(u, "o");
    UI_AWAIT_TEXT(u, "order: waiting first");
    UI_AWAIT(u, ui_row(u, "asks two") < ui_row(u, "alpha"));
    CHECK(ui_row(u, "asks one") < ui_row(u, "asks two"));
    CHECK_HAS(ui_selected(u), "asks one");
    CHECK_HAS(ui_line(u, "asks one"), " 3 "); /* its number is still its own */
    ui_keys(u, "o");
    UI_AWAIT_TEXT(u, "order: recent first");
    ui_keys(u, "o");
    UI_AWAIT_TEXT(u, "order: as listed");
    UI_AWAIT(u, ui_row(u, "asks two") > ui_row(u, "alpha"));
    ui_quit(u);
}

/* ---- what survives -------------------------------------------------------------------------- */

static void test_views_restart(void)
{
    daemon_start();
    char *file = format("%s/telec/ui.json", e2e.state);
    ui_session("alpha", NULL);
    char *beta = ui_session("beta", NULL);
    ui_session("nested", beta);
    struct ui *u = ui_live(40, 80);
    ui_select(u, "beta");
    ui_keys(u, UI_LEFT);
    UI_AWAIT_GONE(u, "nested");
    ui_keys(u, "op");
    UI_AWAIT_TEXT(u, "order: waiting first");
    ui_quit(u);
    CHECK_INT(file_mode(file) & 0777, 0600);
    u = ui_live(40, 80);
    UI_AWAIT_SELECTED(u, "beta");
    CHECK(!ui_shows(u, "nested"));
    CHECK(!ui_shows(u, "\342\224\200\342\224\200\342\224\200")); /* no preview: p hid it */
    ui_keys(u, "2");
    UI_AWAIT_TEXT(u, "s start");
    ui_keys(u, "q");
    pty_await_exit(u->t);
    u = ui_start(40, 80);
    UI_AWAIT_TEXT(u, "s start"); /* in its first frame */
    ui_keys(u, "q");
    pty_await_exit(u->t);
    /* A killed one has written it, too, a while after the last change. */
    static const char *const garbage[] = {"", "nonsense", "[1]", "{\"folds\": 7, \"view\": [],"
                                          "\"selected\": {}, \"prompts\": [null], \"turned\": 1}"};
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        file_write(file, garbage[i], 0600);
        u = ui_live(40, 80);
        UI_AWAIT_TEXT(u, "nested");
        ui_quit(u);
    }
    u = ui_live(40, 80);
    ui_select(u, "nested");
    unlink(file);
    UI_AWAIT(u, file_exists(file));
    kill(u->t->pid, SIGKILL);
    pty_await_exit(u->t);
    u = ui_live(40, 80);
    UI_AWAIT_SELECTED(u, "nested");
    ui_quit(u);
}

/* What was typed before is there again, also after a restart. */
static void test_views_history(void)
{
    daemon_start();
    ui_session_sh("listener", "while read x; do echo \"heard $x\"; done");
    struct ui *u = ui_live(24, 80);
    ui_select(u, "listener");
    ui_keys(u, "m");
    UI_AWAIT_TEXT(u, "Message");
    ui_keys(u, "words of before\r");
    UI_AWAIT_TEXT(u, "heard words of before");
    ui_quit(u);
    u = ui_live(24, 80);
    UI_AWAIT_SELECTED(u, "listener");
    ui_keys(u, "m");
    UI_AWAIT_TEXT(u, "Message");
    ui_keys(u, "new");
    ui_keys(u, UI_UP);
    UI_AWAIT(u, strstr(ui_line(u, "Text"), "words of before"));
    ui_keys(u, UI_DOWN);
    UI_AWAIT(u, strstr(ui_line(u, "Text"), "new"));
    ui_keys(u, "\033");
    UI_AWAIT_GONE(u, "Message");
    ui_quit(u);
}

static void test_views_rename(void)
{
    daemon_start();
    char *id = ui_session("old name", NULL);
    struct ui *u = ui_live(24, 80), *two = ui_live(24, 80);
    ui_select(u, "old name");
    ui_keys(u, "R");
    UI_AWAIT_TEXT(u, "Rename");
    ui_fill(u, "new \303\251 name");
    ui_keys(u, "\r");
    UI_AWAIT_SELECTED(u, "new \303\251 name");
    UI_AWAIT_TEXT(two, "new \303\251 name");
    CHECK_TEXT(session_get(id, "title"), "new \303\251 name");
    UI_AWAIT_TEXT(u, "renamed"); /* the push may come before the answer that closes the dialog */
    ui_keys(u, "!");
    UI_AWAIT_TEXT(u, "Messages");
    UI_AWAIT_TEXT(u, "renamed");
    ui_keys(u, "\033");
    UI_AWAIT_GONE(u, "Messages");
    ui_quit(u);
    ui_quit(two);
}

/* ---- preparation ---------------------------------------------------------------------------- */

static char *views_project(void)
{
    char *dir = format("%s/project", e2e.dir);
    mkdir(dir, 0700);
    mkdir(format("%s/todos", dir), 0700);
    mkdir(format("%s/todos/one", dir), 0700);
    file_write(format("%s/todos/roadmap.md", dir),
               "# Roadmap\n\n- [.] one\n      The first thing.\n- [ ] two\n", 0600);
    file_write(format("%s/todos/one/requirements.md", dir), "# Needs\n\nSome **words**.\n", 0600);
    file_write(format("%s/todos/one/implementation-plan.md", dir), "# Plan\n", 0600);
    CLI_OK(cli("project", "add", dir, NULL));
    return dir;
}

/* An agent that shows what it was called with. */
static void views_claude(void)
{
    file_write(format("%s/claude", e2e.bin), "#!/bin/sh\necho \"called with $*\"\nsleep 1000\n",
               0700);
}

static void test_views_plan(void)
{
    views_claude();
    daemon_start();
    char *dir = views_project();
    struct ui *u = ui_live(30, 100);
    ui_keys(u, "2");
    UI_AWAIT_TEXT(u, "[.] one");
    CHECK(ui_shows(u, "The first thing."));
    CHECK(ui_row(u, "[ ] two") > ui_row(u, "[.] one"));
    ui_select(u, "two");
    ui_keys(u, "s");
    UI_AWAIT(u, *pty_row(u->t, 28)); /* it isn't ready: that is said */
    CHECK_INT(json_count(get("/sessions").body, ""), 0);
    ui_select(u, "[.] one");
    ui_keys(u, "s"); /* nothing is started without a question that shows the command */
    UI_AWAIT_TEXT(u, "Start this agent?");
    CHECK(ui_row(u, "claude in") > 0 && ui_shows(u, "todos/one/requirements.md"));
    CHECK_INT(json_count(get("/sessions").body, ""), 0);
    ui_keys(u, "y");
    AWAIT(json_count(get("/sessions").body, "") == 1);
    char *list = get("/sessions").body;
    CHECK_TEXT(json_get(list, "0.working_directory"), dir);
    CHECK_TEXT(json_get(list, "0.active_agent"), "claude");
    CHECK_TEXT(json_get(list, "0.title"), "one");
    UI_AWAIT_TEXT(u, "started");
    ui_keys(u, "/wo");
    UI_AWAIT_TEXT(u, "1 hit");
    UI_AWAIT_GONE(u, "[.] one");
    UI_AWAIT_SELECTED(u, "[ ] two");
    ui_keys(u, "\033");
    UI_AWAIT_TEXT(u, "[.] one");
    ui_select(u, "project ");
    ui_keys(u, "\r"); /* folds */
    UI_AWAIT_GONE(u, "[.] one");
    ui_keys(u, "\r");
    UI_AWAIT_TEXT(u, "[.] one");
    ui_keys(u, "p");
    UI_AWAIT_TEXT(u, "Start this agent?");
    ui_keys(u, "y");
    AWAIT(json_count(get("/sessions").body, "") == 2);
    CHECK_TEXT(json_get(get("/sessions").body, "1.title"), "prepare project");
    /* What changes on disk shows by itself. */
    file_write(format("%s/todos/roadmap.md", dir), "- [.] one\n- [>] three\n", 0600);
    UI_AWAIT_TEXT(u, "[>] three");
    UI_AWAIT_GONE(u, "[ ] two");
    ui_select(u, "[.] one");
    ui_keys(u, UI_RIGHT);
    UI_AWAIT_TEXT(u, "implementation-plan.md");
    ui_keys(u, "j\r");
    UI_AWAIT_TEXT(u, "Some words.");
    CHECK(!ui_shows(u, "telec  Sessions"));
    ui_keys(u, "q");
    UI_AWAIT_TEXT(u, "[.] one");
    ui_keys(u, "\t"); /* the other view: the session made last is selected there */
    UI_AWAIT_SELECTED(u, "prepare");
    ui_keys(u, "\t");
    UI_AWAIT_TEXT(u, "[.] one");
    ui_keys(u, UI_LEFT UI_LEFT UI_LEFT UI_LEFT);
    UI_AWAIT_GONE(u, "[.] one");
    ui_keys(u, "+");
    UI_AWAIT_TEXT(u, "implementation-plan.md");
    ui_quit(u);
}

/* ---- git ------------------------------------------------------------------------------------ */

static void views_git(const char *words)
{
    char *log = format("%s/repo/git.log", e2e.dir);
    char *line = format("cd %s/repo && git -c user.name=n -c user.email=e -c commit.gpgsign=false "
                        "-c init.defaultBranch=main %s >%s 2>&1", e2e.dir, words, log);
    if (system(line) != 0)
        check_fatal(__FILE__, __LINE__, format("git %s: %s", words, file_read(log, NULL)));
}

static void views_repository(void)
{
    if (system("git --version >/dev/null 2>&1") != 0)
        skip("there is no git");
    mkdir(format("%s/repo", e2e.dir), 0700);
    file_write(format("%s/repo/file", e2e.dir), "old\nsame\n", 0600);
    file_write(format("%s/repo/.gitignore", e2e.dir), "git.log\n", 0600);
    views_git("init");
    views_git("add .");
    views_git("commit -m first");
}

static void test_views_git(void)
{
    views_repository();
    daemon_start();
    char *id = start(format("\"project_dir\": \"%s/repo\", \"command\": %s, \"title\": \"t\"",
                            e2e.dir, json_array("sh", "-c", "read x", NULL)));
    AWAIT_SESSION(id, "branch", "main");
    file_write(format("%s/repo/file", e2e.dir), "new\nsame\nmore\n", 0600);
    struct ui *u = ui_live(30, 140);
    ui_select(u, " t ");
    UI_AWAIT(u, strstr(pty_row(u->t, 1), "main +2 \342\210\2221"));
    views_git("checkout -b other");
    UI_AWAIT(u, strstr(pty_row(u->t, 1), "other +2 \342\210\2221"));
    CHECK_TEXT(session_get(id, "branch"), "other");
    file_write(format("%s/repo/fresh", e2e.dir), "one\n", 0600);
    ui_keys(u, "d");
    UI_AWAIT_TEXT(u, "+more");
    CHECK(ui_shows(u, "-old"));
    CHECK(ui_row(u, "untracked fresh") < ui_row(u, "+one"));
    ui_keys(u, "q");
    UI_AWAIT_TEXT(u, "q quit");
    CHECK(strstr(pty_row(u->t, 1), "+2"));
    call("POST", session_path(id, "/message"), "{\"message\": \"x\"}"); /* it exits */
    UI_AWAIT(u, strstr(pty_row(u->t, 1), "other +3 \342\210\2221"));
    ui_quit(u);
}

static void test_views_worktree(void)
{
    views_claude();
    views_repository();
    daemon_start();
    start(format("\"project_dir\": \"%s/repo\", \"command\": [\"cat\"], \"title\": \"t\"",
                 e2e.dir));
    struct ui *u = ui_live(30, 140);
    ui_select(u, " t ");
    ui_keys(u, "n");
    UI_AWAIT_TEXT(u, "Worktree");
    ui_keys(u, "\033[Z"); /* from Agent one up */
    UI_AWAIT_TEXT(u, "name a new branch");
    ui_keys(u, "main\023"); /* which is there already: nothing is started */
    UI_AWAIT_TEXT(u, "'main' already exists");
    CHECK_INT(json_count(get("/sessions").body, ""), 1);
    ui_keys(u, UI_CTRL_U "fix/it");
    UI_AWAIT_TEXT(u, format("it starts in %s/repo-fix-it", e2e.dir));
    ui_keys(u, "\023");
    AWAIT(json_count(get("/sessions").body, "") == 2);
    char *list = get("/sessions").body;
    CHECK_TEXT(json_get(list, "1.working_directory"), format("%s/repo-fix-it", e2e.dir));
    CHECK_TEXT(json_get(list, "1.branch"), "fix/it");
    ui_await_pause(u); /* the form is gone */
    UI_AWAIT_TEXT(u, "fix/it");
    CHECK(access(format("%s/repo-fix-it/file", e2e.dir), F_OK) == 0);
    ui_quit(u);
}

/* $EDITOR has the terminal, as it was before; afterwards telec has it again. */
static void test_views_editor(void)
{
    daemon_start();
    char *dir = views_project(), *editor = format("%s/editor", e2e.bin);
    file_write(editor,
               "#!/bin/sh\nstty -a | grep -q ' icanon' && echo \"editing $1\"\nread line\n"
               "echo \"$line\" > \"$1\"\nexit $2\n", 0700);
    struct ui *u = ui_start_with(30, 100, format("EDITOR=%s", editor));
    UI_AWAIT_TEXT(u, UI_LIVE);
    ui_keys(u, "2");
    ui_select(u, "[ ] two");
    ui_keys(u, "e");
    UI_AWAIT(u, strstr(u->t->raw.p, format("editing %s/todos/two/requirements.md", dir)));
    CHECK_INT(u->t->alternate, 0);
    CHECK_INT(ui_mode(u, "1000") == 1, 0);
    size_t before = u->t->raw.n;
    ui_session("made meanwhile", NULL); /* the screen is the editor's */
    pty_set_size(u->t, 28, 90);
    ui_keys(u, "some new words\r");
    UI_AWAIT(u, u->t->alternate && ui_shows(u, "[ ] two"));
    CHECK(strstr(u->t->raw.p + before, "\033[?1049h") != NULL);
    CHECK_TEXT(file_read(format("%s/todos/two/requirements.md", dir), NULL), "some new words\n");
    CHECK_HAS(pty_row(u->t, 27), "q quit"); /* of the new size */
    UI_AWAIT(u, strstr(ui_line(u, "[ ] two"), "req"));
    ui_quit(u);
    u = ui_start_with(30, 100, "EDITOR=no-such-editor");
    UI_AWAIT_TEXT(u, "[ ] two");
    ui_select(u, "[ ] two");
    ui_keys(u, "e");
    UI_AWAIT_TEXT(u, "no-such-editor");
    CHECK_INT(u->t->alternate, 1);
    ui_quit(u);
}

/* ---- the mouse ------------------------------------------------------------------------------ */

/* A press and a release of the left button at that place; both count from 0. */
static void views_click(struct ui *u, int row, int col)
{
    ui_keys(u, format("\033[<0;%d;%dM\033[<0;%d;%dm", col + 1, row + 1, col + 1, row + 1));
}

/* The column at which the text begins. */
static int views_col(const struct ui *u, const char *text)
{
    char *line = ui_line(u, text);
    int col = 0;
    for (const char *p = line, *end = strstr(line, text); p && p < end; p++)
        col += ((unsigned char)*p & 0xc0) != 0x80;
    return col;
}

static void views_click_text(struct ui *u, const char *text)
{
    UI_AWAIT_TEXT(u, text);
    views_click(u, ui_row(u, text), views_col(u, text));
}

static void test_views_mouse(void)
{
    daemon_start();
    ui_session_sh("alpha", "echo here is alpha; sleep 1000");
    for (int i = 0; i < 30; i++)
        ui_session(format("number %02d", i), NULL);
    struct ui *u = ui_live(19, 90);
    CHECK(ui_mode(u, "1000") == 1 && ui_mode(u, "1006") == 1);
    UI_AWAIT_SELECTED(u, "number 29"); /* the one used last */
    ui_keys(u, "g");
    UI_AWAIT_TEXT(u, "number 05");
    views_click_text(u, "number 05");
    UI_AWAIT_SELECTED(u, "number 05");
    ui_keys(u, "\033[<65;5;5M\033[<65;5;5M\033[<65;5;5M\033[<65;5;5M"); /* the wheel, down */
    UI_AWAIT_GONE(u, "alpha");
    UI_AWAIT(u, *ui_selected(u)); /* the selection stays on the screen */
    for (int i = 0; i < 20; i++)
        ui_keys(u, "\033[<64;5;5M");
    UI_AWAIT_TEXT(u, "alpha");
    views_click_text(u, "Preparation");
    UI_AWAIT_TEXT(u, "s start");
    views_click_text(u, "Sessions");
    UI_AWAIT_TEXT(u, "w waits");
    views_click_text(u, "n new"); /* a key of the footer */
    UI_AWAIT_TEXT(u, "New session");
    views_click_text(u, "[ Cancel ]");
    UI_AWAIT_GONE(u, "New session");
    views_click_text(u, "? help");
    UI_AWAIT_TEXT(u, " Keys ");
    views_click(u, 5, 5); /* nothing there */
    views_click_text(u, "Esc back");
    UI_AWAIT_GONE(u, " Keys ");
    views_click_text(u, "alpha");
    UI_AWAIT_SELECTED(u, "alpha");
    views_click_text(u, "alpha"); /* soon after: it opens */
    views_click_text(u, "alpha");
    UI_AWAIT_TEXT(u, "Ctrl-] d detaches");
    ui_detach(u);
    CHECK(ui_mode(u, "1000") == 1); /* the mouse is the UI's again */
    ui_quit(u);
    CHECK(ui_mode(u, "1000") == 0);
}

static void test_views_no_mouse(void)
{
    file_write(format("%s/telec/config", e2e.config), "[ui]\nmouse = no\n", 0600);
    daemon_start();
    ui_session_sh("alpha", "echo here is alpha; sleep 1000");
    struct ui *u = ui_live(24, 80);
    ui_attach(u, "alpha", "here is alpha");
    ui_detach(u);
    CHECK(!strstr(u->t->raw.p, "\033[?1000h") && !strstr(u->t->raw.p, "\033[?1002h"));
    ui_quit(u);
}

/* ---- what it must stand --------------------------------------------------------------------- */

/* Sizes that change faster than frames are drawn, garbage, and every key there is, twice. */
static void test_views_storm(void)
{
    static const char *const garbage[] = {
        "\033[", "\033]11;rgb:zz\033\\", "\033[<0;9999;9999M", "\033[<999999999999;1;1M",
        "\xff\xfe",
        "\033[200~never ending \001\002\003", "\033[201~", "\033P1;2|x\033\\", "\033[?2026;9$y",
        "\033[M   ", "\033[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18A", "\302\205\342\200\256"};
    daemon_start();
    ui_session("alpha", NULL);
    views_waiting("beta");
    struct ui *u = ui_live(24, 80);
    unsigned seed = 11;
    for (int i = 0; i < 300; i++) {
        seed = seed * 1664525u + 1013904223u;
        pty_set_size(u->t, 1 + (int)(seed >> 8) % 90, 1 + (int)(seed >> 16) % 250);
        if (i % 3 == 0)
            ui_keys(u, garbage[seed % (sizeof garbage / sizeof *garbage)]);
        pty_read(u->t, 0);
    }
    pty_set_size(u->t, 24, 80);
    ui_keys(u, "\033[201~\033");
    UI_AWAIT(u, ui_shows(u, UI_LIVE) && ui_shows(u, "beta"));
    /* Every character, in both views and in each dialog; q apart, which quits. */
    static const char *const before[] = {"", "2", "1/", "n", "?", "!", "'", "m", "R"};
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        ui_keys(u, before[i]);
        for (char c = ' '; c < 0x7f; c++)
            if (c != 'q' && c != 'x' && c != 'n' && c != 'm' && c != 'R')
                ui_keys(u, format("%c", c));
        for (int k = 0; k < 4; k++) { /* out of whatever that has opened */
            ui_keys(u, "\033");
            while (pty_read(u->t, 80) > 0)
                ;
        }
    }
    ui_keys(u, "1");
    UI_AWAIT_TEXT(u, "w waits");
    ui_quit(u);
}

/* However the daemon answers, keys work and nothing of its garbage reaches the terminal. */
static void test_views_bad_daemons(void)
{
    static const char *const modes[] = {"silent", "garbage", "errors",
                                        "wrong",  "closes",  "foreign"};
    struct fake *f = screens_fake();
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        fake_tell(f, format("mode %s", modes[i]));
        struct ui *u = ui_start(24, 80);
        UI_AWAIT_TEXT(u, "telec  Sessions");
        ui_settle(u);
        ui_keys(u, "r2");
        UI_AWAIT_TEXT(u, "s start");
        ui_keys(u, "1n");
        UI_AWAIT_TEXT(u, "New session");
        ui_keys(u, UI_CTRL_S);
        if (strcmp(modes[i], "silent") != 0)
            UI_AWAIT(u, !ui_shows(u, "one moment"));
        ui_keys(u, "\033");
        UI_AWAIT_GONE(u, "New session");
        if (strcmp(modes[i], "foreign") == 0)
            UI_AWAIT_TEXT(u, "live, in part");
        else
            CHECK(!ui_shows(u, UI_LIVE) || strcmp(modes[i], "wrong") == 0);
        ui_settle(u);
        CHECK(!strstr(u->t->raw.p, "\033[31mis"));
        ui_quit(u);
        unlink(format("%s/telec/ui.json", e2e.state));
    }
    /* What was held back comes, and everything is there. */
    fake_tell(f, "mode slow");
    struct ui *u = ui_start(30, 100);
    UI_AWAIT_TEXT(u, "Asking the daemon");
    ui_settle(u);
    fake_tell(f, "mode good");
    UI_AWAIT_TEXT(u, UI_LIVE);
    UI_AWAIT_TEXT(u, "make the tests pa");
    fake_tell(f, "mode closes\ndrop"); /* it goes: what was known stays */
    UI_AWAIT(u, ui_shows(u, "offline") || ui_shows(u, "polling"));
    CHECK(ui_shows(u, "make the tests pa"));
    fake_tell(f, "mode good");
    ui_keys(u, "r");
    UI_AWAIT_TEXT(u, UI_LIVE);
    ui_quit(u);
    fake_stop(f);
}

/* Many updates at once: few frames, the last state, and a key is still answered. */
static void test_views_burst(void)
{
    struct fake *f = screens_fake();
    struct ui *u = ui_start(24, 80);
    UI_AWAIT_TEXT(u, "make the tests pa");
    pty_read(u->t, 200);
    size_t before = u->t->raw.n;
    struct text events = {0};
    for (int i = 0; i < 10000; i++)
        text_str(&events, format("event {\"event\":\"session_updated\",\"data\":{\"session_id\":"
                                 "\"11111111-1111-4111-8111-111111111111\",\"computer\":\"tower\","
                                 "\"working_directory\":\"/burst\",\"state\":\"%s\",\"title\":"
                                 "\"update %d\"}}\n", i % 2 ? "idle" : "working", i));
    events.p[events.n - 1] = '\0';
    fake_tell(f, events.p);
    ui_keys(u, "?");
    UI_AWAIT_TEXT(u, " Keys ");
    ui_keys(u, "?");
    UI_AWAIT_TEXT(u, "update 9999");
    CHECK(u->t->raw.n - before < 100000); /* 10,000 frames would be ten times that */
    ui_quit(u);
    fake_stop(f);
}

/* The directory that telec was opened in has its todos shown and watched, project or not. */
static void test_views_here(void)
{
    daemon_start();
    projects_put("todos/roadmap.md", "- [ ] first-thing\n      says what it is\n");
    struct ui *u = ui_live(24, 80);
    ui_keys(u, "2");
    UI_AWAIT_TEXT(u, "[ ] first-thing");
    CHECK_TEXT(get("/projects").body, "[]");
    projects_replace("todos/roadmap.md", "- [.] first-thing\n- [>] second\n");
    UI_AWAIT_TEXT(u, "[.] first-thing");
    UI_AWAIT_TEXT(u, "[>] second");
    ui_quit(u);
}

static const struct test views_tests[] = {
    {"views_here", test_views_here},       {"views_git", test_views_git},
    {"views_worktree", test_views_worktree},
    {"views_filter", test_views_filter},   {"views_jumps", test_views_jumps},
    {"views_restart", test_views_restart}, {"views_history", test_views_history},
    {"views_rename", test_views_rename},   {"views_plan", test_views_plan},
    {"views_editor", test_views_editor},   {"views_mouse", test_views_mouse},
    {"views_no_mouse", test_views_no_mouse}, {"views_storm", test_views_storm},
    {"views_bad_daemons", test_views_bad_daemons}, {"views_burst", test_views_burst},
};
