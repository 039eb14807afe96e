/* cli - every command of `telec help`, good and bad, as a script and as a person call it. */

/* ---- calling telec -------------------------------------------------------------------------- */

/* A telec that runs with pipes for stdin, stdout and stderr. */
struct cli {
    pid_t pid;
    int fds[2];             /* the reading ends of stdout and stderr; -1: at its end */
    struct text said[2];
    int status;             /* its exit status; 128 + N: ended by signal N */
};

/* The environment with `extra` ("NAME=value", each valid instead of what stands there;
 * NULL-terminated). */
static char **cli_environment(const char *const *extra)
{
    static char *env[64];
    int n = 0;
    for (; extra && extra[n]; n++)
        env[n] = format("%s", extra[n]);
    int own = n;
    for (char **base = e2e_environment(); *base; base++) {
        size_t name = strcspn(*base, "=") + 1;
        int replaced = 0;
        for (int i = 0; i < own; i++)
            replaced |= strncmp(env[i], *base, name) == 0;
        if (!replaced)
            env[n++] = *base;
    }
    env[n] = NULL;
    return env;
}

static void cli_child(const int *write_ends, char **argv, char **env)
{
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0 || dup2(write_ends[0], 1) < 0 || dup2(write_ends[1], 2) < 0 ||
        chdir(e2e.dir) != 0)
        _exit(99);
    signal(SIGPIPE, SIG_DFL);
    execve(argv[0], argv, env);
    _exit(98);
}

static struct cli cli_spawn(const char *const *extra, char **argv)
{
    struct cli c = {.pid = 0};
    int ends[2][2], write_ends[2];
    for (int i = 0; i < 2; i++) {
        if (pipe(ends[i]) != 0)
            e2e_die("pipe");
        fcntl(ends[i][0], F_SETFD, FD_CLOEXEC);
        fcntl(ends[i][1], F_SETFD, FD_CLOEXEC);
        c.fds[i] = ends[i][0];
        write_ends[i] = ends[i][1];
        text_add(&c.said[i], "", 0);
    }
    char **env = cli_environment(extra);
    if ((c.pid = fork()) < 0)
        e2e_die("fork");
    if (c.pid == 0)
        cli_child(write_ends, argv, env);
    close(write_ends[0]), close(write_ends[1]);
    return c;
}

/* Reads what is there, waiting for it until then. 0: nothing came, or all has ended. */
static int cli_read(struct cli *c, long long until)
{
    char chunk[65536];
    struct pollfd polls[2] = {{c->fds[0], POLLIN, 0}, {c->fds[1], POLLIN, 0}};
    long long left = until - now_ms();
    if ((c->fds[0] < 0 && c->fds[1] < 0) || poll(polls, 2, (int)(left > 0 ? left : 0)) <= 0)
        return 0;
    for (int i = 0; i < 2; i++) {
        ssize_t n = polls[i].revents ? read(c->fds[i], chunk, sizeof chunk) : -1;
        if (n > 0)
            text_add(&c->said[i], chunk, (size_t)n);
        if (n == 0) {
            close(c->fds[i]);
            c->fds[i] = -1;
        }
    }
    return 1;
}

/* Until it has ended and nobody holds its pipes any more: a daemon in the background must not. */
static void cli_wait(const char *file, int line, struct cli *c)
{
    long long until = now_ms() + E2E_WAIT_MS;
    while (c->fds[0] >= 0 || c->fds[1] >= 0)
        if (!cli_read(c, until))
            check_fatal(file, line, format("it does not end: %s%s", c->said[0].p, c->said[1].p));
    int status = await_exit(c->pid);
    c->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define CLI_ARGS_MAX 40

static char **cli_argv(const char *first, va_list args)
{
    static char *argv[CLI_ARGS_MAX];
    int n = 0;
    argv[n++] = (char *)e2e.binary;
    for (const char *s = first; s && n < CLI_ARGS_MAX - 1; s = va_arg(args, const char *))
        argv[n++] = (char *)s;
    argv[n] = NULL;
    return argv;
}

/* Runs telec with those arguments until it has ended; the last one is NULL. */
static struct cli cli(const char *first, ...)
{
    va_list args;
    va_start(args, first);
    struct cli c = cli_spawn(NULL, cli_argv(first, args));
    va_end(args);
    cli_wait(__FILE__, __LINE__, &c);
    return c;
}

/* The same with one variable more in the environment. */
static struct cli cli_with(const char *variable, const char *first, ...)
{
    const char *const extra[] = {variable, NULL};
    va_list args;
    va_start(args, first);
    struct cli c = cli_spawn(extra, cli_argv(first, args));
    va_end(args);
    cli_wait(__FILE__, __LINE__, &c);
    return c;
}

#define CLI_OK(c) cli_check(__FILE__, __LINE__, (c), 0, NULL)
/* It must end with that status, print nothing and say `part` on stderr, in one line of "telec:
 * …". */
#define CLI_FAILS(c, status, part) cli_check(__FILE__, __LINE__, (c), (status), (part))

static struct cli cli_check(const char *file, int line, struct cli c, int status, const char *part)
{
    if (c.status != status)
        check_failed(file, line,
                     format("exit status %d, not %d; it said: %s%s", c.status, status,
                            visible(c.said[0].p, c.said[0].n), visible(c.said[1].p, c.said[1].n)));
    if (!part)
        check_text(file, line, "stderr", c.said[1].p, "");
    if (part) {
        check_text(file, line, "stdout", c.said[0].p, "");
        check_has(file, line, "stderr", c.said[1].p, part);
        check_int(file, line, "one line on stderr that begins with telec:",
                  count_of(c.said[1].p, "\n") == 1 && strncmp(c.said[1].p, "telec: ", 7) == 0, 1);
    }
    return c;
}

/* What it printed: one line, without its end. */
static char *cli_line(const struct cli *c)
{
    size_t n = c->said[0].n;
    REQUIRE(n > 0 && c->said[0].p[n - 1] == '\n' && count_of(c->said[0].p, "\n") == 1);
    return format("%.*s", (int)n - 1, c->said[0].p);
}

/* `telec new` with these arguments: the id. */
static char *cli_new(const char *first, const char *second, const char *third, const char *fourth)
{
    struct cli c = CLI_OK(cli("new", first, second, third, fourth, NULL));
    char *id = cli_line(&c);
    CHECK_INT(strlen(id), 36);
    return id;
}

/* Has the session written that? A session that is just ending may have no answer. */
static int cli_wrote(const char *id, const char *part)
{
    char *text = transcript(id);
    return text && strstr(text, part);
}

/* A program of that name on everybody's PATH. */
static void cli_install(const char *name, const char *script)
{
    file_write(format("%s/%s", e2e.bin, name), format("#!/bin/sh\n%s\n", script), 0700);
}

/* ---- help, usage ---------------------------------------------------------------------------- */

static void test_cli_help(void)
{
    static const char *const words[] = {
        "list",        "new",       "send",       "kill",    "tail",   "attach",   "watch",
        "daemon",      "help",      "completion", "/claude", "--json", "--socket", "--config",
        "--no-daemon", "--version", "--stop",     "Ctrl-Z",  "quit"};
    CLI_FAILS(cli("help", "lisp", NULL), 2, "lisp: no such command");
    struct cli help = CLI_OK(cli("help", NULL));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        CHECK_HAS(help.said[0].p, words[i]);
    CHECK(!strstr(help.said[0].p, "  hold ") && !strstr(help.said[0].p, "ready-fd"));
    CHECK(!strchr(help.said[0].p, '\033'));
    CHECK_TEXT(CLI_OK(cli("-h", NULL)).said[0].p, help.said[0].p);
    CHECK_TEXT(CLI_OK(cli("--help", NULL)).said[0].p, help.said[0].p);
    CHECK(strncmp(CLI_OK(cli("list", "--help", NULL)).said[0].p, "  list  ", 8) == 0);
    struct cli version = CLI_OK(cli("--version", NULL));
    CHECK(strncmp(cli_line(&version), "telec 0.", 8) == 0);
    CHECK(!file_exists(e2e.socket)); /* none of it needs a daemon */
}

/* What is not understood is named; exit status 2; nothing is started for it. */
static void test_cli_usage(void)
{
    static const char *const bad[][5] = {
        {"bogus", "bogus"},                        /* the last word is what must be said */
        {"--bogus", "--bogus"},
        {"-Z", "-Z"},
        {"-", "-"},
        {"", ":"},
        {"list", "--bogus", "--bogus"},
        {"list", "--agent", "--agent"},
        {"list", "more", "more"},
        {"list", "--computer", "--computer"},      /* without its value */
        {"list", "--json=1", "--json=1"},
        {"-S", "-S"},
        {"--socket", "--socket"},
        {"--version=3", "--version=3"},
        {"-h3", "-h3"},
        {"new", "-a", "-a"},
        {"new", "--bogus", "sh", "--bogus"},
        {"new", "-a", "claude", "sh", "claude"},   /* an agent and a command */
        {"send", "send"},
        {"send", "1", "send"},
        {"kill", "no session"},
        {"kill", "-x", "-x"},
        {"end", "no session"},
        {"tail", "tail"},
        {"tail", "1", "2", "2"},
        {"tail", "1", "-n", "few", "few"},
        {"tail", "1", "-n", "-3", "-3"},
        {"watch", "me", "me"},
        {"daemon", "now", "now"},
        {"daemon", "--ready-fd", "x", "x"},
        {"completion", "completion"},
        {"completion", "tcsh", "tcsh"},
        {"/list", "x", "x"},
        {"/claude", "--agent", "--agent"},
        {"/shell", "/shell"},
        {"/AGENT", "/AGENT"},
        {"hook", "--install", "emacs", "emacs"},
        {"hook", "--install", "shell", "shell"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *words[5] = {0};
        int n = 0;
        while (n < 4 && bad[i][n + 1]) {
            words[n] = bad[i][n];
            n++;
        }
        CLI_FAILS(cli(words[0], words[1], words[2], words[3], NULL), 2, bad[i][n]);
    }
    CHECK(!file_exists(e2e.socket));
}

/* ---- sessions ------------------------------------------------------------------------------- */

static void test_cli_list(void)
{
    daemon_start();
    struct cli empty = CLI_OK(cli("list", NULL));
    CHECK_TEXT(empty.said[0].p, "");
    CHECK_TEXT(CLI_OK(cli("list", "--json", NULL)).said[0].p, "[]\n");
    char *id = cli_new("-t", "a \033[31mtitle\n\xff\xe2\x82\xac", "--", "true");
    AWAIT_SESSION(id, "state", "exited");
    struct cli list = CLI_OK(cli("list", NULL));
    char *line = cli_line(&list); /* no header line where nobody reads it, and one line a session */
    CHECK(!strchr(line, '\033') && !strchr(line, '\r'));
    CHECK(strncmp(line, format("%.8s\texited\t", id), 16) == 0);
    CHECK_INT(count_of(line, "\t"), 12);
    CHECK_HAS(line, "a ^[[31mtitle");
    CHECK(is_utf8(line, strlen(line)));
    struct cli json = CLI_OK(cli("list", "--json", NULL));
    CHECK(json_valid(cli_line(&json), json.said[0].n - 1));
    CHECK_TEXT(json_get(json.said[0].p, "0.session_id"), id);
    CHECK_TEXT(CLI_OK(cli("/list", "--json", NULL)).said[0].p, json.said[0].p);
    CLI_FAILS(cli("list", "--computer", "nowhere", NULL), 1, "nowhere");
    char *here = json_get(json.said[0].p, "0.computer");
    struct cli same = CLI_OK(cli("list", "--json", "--computer", here, NULL));
    CHECK_TEXT(json_get(same.said[0].p, "0.session_id"), id);
}

/* Columns are as wide as what they show; the widest ones are cut where there is no room. */
static void test_cli_list_on_terminal(void)
{
    daemon_start();
    cli_new("-t", "a title", "/bin/sleep", "1000");
    const char *const argv[] = {e2e.binary, "list", NULL};
    struct pty *t = pty_start(24, 160, argv);
    CHECK_INT(pty_await_exit(t), 0);
    CHECK(strncmp(pty_row(t, 0), "ID        STATE  ", 17) == 0);
    CHECK_HAS(pty_row(t, 1), "  sleep  a title  /"); /* no column of what no session has */
    CHECK(!strchr(t->raw.p, '\t'));
    const char *const narrow[] = {e2e.binary, "list", "--columns", "agent,directory,title", NULL};
    t = pty_start(24, 30, narrow);
    CHECK_INT(pty_await_exit(t), 0);
    CHECK_HAS(pty_row(t, 1), "sleep  …"); /* of a path the end tells */
    CHECK_HAS(pty_row(t, 1), format("%s  a title", e2e.dir + strlen(e2e.dir) - 8));
    const char *const wanted[] = {e2e.binary, "list", "--columns", "asks,exit,title", NULL};
    t = pty_start(24, 80, wanted);
    CHECK_INT(pty_await_exit(t), 0);
    CHECK(strncmp(pty_row(t, 0), "ASKS  EXIT  TITLE", 17) == 0);
    start("\"command\": [\"sh\", \"-c\", \"printf 'Go on? [y/N] '; read x\"]");
    AWAIT(strstr(cli("list", "--columns", "asks", NULL).said[0].p, "Go on?"));
    const char *const small[] = {e2e.binary, "list", NULL};
    t = pty_start(24, 50, small);
    CHECK_INT(pty_await_exit(t), 0);
    CHECK_HAS(pty_row(t, 0), "  ASKS"); /* which has room before where it runs */
}

static void test_cli_new(void)
{
    daemon_start();
    char *id = cli_new("sh", "-c", "pwd; echo \"$TELEC_SESSION_ID\"; read x", NULL);
    AWAIT_SESSION(id, "last_output", id); /* its id is in its environment */
    CHECK_HAS(transcript(id), e2e.dir);
    CHECK_TEXT(session_get(id, "title"), "sh -c 'pwd; echo \"$TELEC_SESSION_ID\"; read x'");
    CHECK_TEXT(session_get(id, "initiator_session_id"), "null");
    /* Inside of a session, what is started is that session's. */
    char *child =
        cli_line(&(struct cli){.said = {CLI_OK(cli_with(format("TELEC_SESSION_ID=%s", id), "new",
                                                        "-t", "child", "sleep", "1000", NULL))
                                            .said[0]}});
    CHECK_TEXT(session_get(child, "initiator_session_id"), id);
    CHECK_TEXT(session_get(child, "title"), "child");
    /* Elsewhere; the caller's environment and none of the daemon's. */
    char *dir = format("%s/a b", e2e.dir);
    mkdir(dir, 0700);
    char *there = cli_line(
        &(struct cli){.said = {CLI_OK(cli_with("E2E_WORD=from the caller", "new", "-C", "a b", "--",
                                               "sh", "-c", "pwd; echo \"$E2E_WORD\"; read x", NULL))
                                   .said[0]}});
    AWAIT_SESSION(there, "last_output", "from the caller");
    CHECK_HAS(transcript(there), dir);
    CHECK_TEXT(session_get(there, "working_directory"), dir);
    /* An option behind the command is the command's. */
    char *options = cli_new("--", "echo", "--title", "-t");
    AWAIT(cli_wrote(options, "--title -t"));
    options = cli_new("echo", "-a", "--json", NULL);
    AWAIT(cli_wrote(options, "-a --json"));
    CLI_FAILS(cli("new", "-C", "/nonexistent/place", "true", NULL), 1, "/nonexistent/place");
    CLI_FAILS(cli("new", "no-such-program-here", NULL), 1, "no-such-program-here");
    CLI_FAILS(cli("new", "-a", "nobody", NULL), 1, "nobody");
    CLI_FAILS(cli("new", "-m", "sideways", NULL), 2, "sideways");
}

/* Started inside of a session for real: by its own shell, which finds the daemon by itself. */
static void test_cli_new_inside(void)
{
    daemon_start();
    char *id =
        cli_new("--", "sh", "-c",
                format("unset XDG_RUNTIME_DIR; '%s' new -t inner sleep 1000 > '%s/id'; read x",
                       e2e.binary, e2e.dir));
    char *inner = NULL, *path = format("%s/id", e2e.dir);
    AWAIT((inner = file_read(path, NULL)) && strlen(inner) == 37);
    inner[36] = '\0';
    CHECK_TEXT(session_get(inner, "initiator_session_id"), id);
}

static void test_cli_agents(void)
{
    daemon_start();
    file_write(format("%s/telec/hints", e2e.state), "claude\n", 0600); /* see cli_hook_hint */
    cli_install("claude",
                "for word; do echo \"[$word]\"; done; echo end of words; while read line; do echo "
                "\"<$line>\"; done");
    struct cli c = CLI_OK(cli("/claude", "med", "fix", "it's \"broken\"", NULL));
    char *id = cli_line(&c);
    AWAIT(cli_wrote(id, "[fix it's \"broken\"]"));
    CHECK(cli_wrote(id, "[--model]\n[sonnet]\n"));
    CHECK_TEXT(session_get(id, "active_agent"), "claude");
    CHECK_TEXT(session_get(id, "thinking_mode"), "med");
    CHECK_TEXT(session_get(id, "first_prompt"), "pending"); /* it never shows that it works */
    c = CLI_OK(cli("/claude", NULL)); /* without a mode no flags are added, nor a prompt */
    id = cli_line(&c);
    AWAIT(cli_wrote(id, "end of words"));
    CHECK(!cli_wrote(id, "[--model]") && !cli_wrote(id, "[]"));
    CHECK_TEXT(session_get(id, "thinking_mode"), "slow");
    c = CLI_OK(cli("/claude", "a", "prompt", "-t", "named", NULL));
    id = cli_line(&c);
    AWAIT(cli_wrote(id, "[a prompt]"));
    CHECK_TEXT(session_get(id, "title"), "named");
    c = CLI_OK(cli("new", "-a", "claude", "-m", "fast", "-p", "hello", NULL));
    id = cli_line(&c);
    AWAIT(cli_wrote(id, "[hello]"));
    CHECK(cli_wrote(id, "[--model]\n[haiku]\n"));
    c = CLI_OK(cli("new", "claude", NULL)); /* a command that names an agent is that agent */
    CHECK_TEXT(session_get(cli_line(&c), "active_agent"), "claude");
    struct reply named = create("\"command\": [\"claude\"]");
    CHECK_TEXT(session_get(json_get(named.body, "session_id"), "active_agent"), "claude");
    CLI_FAILS(cli("new", "-a", "codex", NULL), 1, "codex");
    struct cli gemini = CLI_FAILS(cli("/gemini", "fast", "hello", NULL), 1, "gemini");
    CHECK_HAS(gemini.said[1].p, "not installed");
    CHECK_INT(json_count(get("/sessions").body, ""), 6); /* nothing came of those */
    /* an agent that the configuration gets while the daemon runs */
    file_write(format("%s/telec/config", e2e.config), "[agent later]\ncommand = echo it works\n",
               0600);
    c = CLI_OK(cli("new", "-a", "later", NULL));
    id = cli_line(&c);
    AWAIT(cli_wrote(id, "it works"));
    CHECK_TEXT(json_get(get("/agents/availability").body, "later.available"), "true");
}

/* Four characters of an id are enough, and so is a title that one session alone has. */
static void test_cli_prefixes(void)
{
    daemon_start();
    char *ids[2];
    for (int i = 0; i < 2; i++)
        ids[i] = start("\"title\": \"twin\", \"command\": [\"sleep\", \"1000\"]");
    const char *letters = format("%.3s", ids[0]);
    static const char *const commands[] = {"kill", "tail", "attach"};
    for (size_t i = 0; i < 3; i++) {
        CLI_FAILS(cli(commands[i], "twin", NULL), 1, "twin: 2 sessions");
        CLI_FAILS(cli(commands[i], letters, NULL), 1, format("%s: no session", letters));
        CLI_FAILS(cli(commands[i], "zzz", NULL), 1, "zzz: no session");
    }
    CLI_FAILS(cli("send", "twin", "text", NULL), 1, "twin: 2 sessions");
    CLI_FAILS(cli("send", "zzz", "text", NULL), 1, "zzz: no session");
    CLI_FAILS(cli("kill", "", NULL), 1, "no session");
    CLI_FAILS(cli("kill", format("%s0", ids[0]), NULL), 1, ids[0]); /* longer than any id */
    CHECK_INT(json_count(get("/sessions").body, ""), 2);
    CLI_OK(cli("kill", format("%.12s", ids[0]), NULL));
    CHECK_INT(get(session_path(ids[0], "")).status, 404);
    CLI_OK(cli("kill", "twin", NULL));
    CHECK_INT(json_count(get("/sessions").body, ""), 0);
}

static void test_cli_send(void)
{
    daemon_start();
    char *id = start_sh("while read line; do echo \"got <$line>\"; done");
    CHECK_TEXT(CLI_OK(cli("send", id, "hello", "there", NULL)).said[0].p, "delivered\n");
    AWAIT_SESSION(id, "last_output", "got <hello there>");
    /* What looks like an option behind the first word of the text, or behind --, is text. */
    CLI_OK(cli("send", id, "text", "--json", "-x", NULL));
    AWAIT_SESSION(id, "last_output", "got <text --json -x>");
    CLI_OK(cli("send", id, "--", "--json", NULL));
    AWAIT_SESSION(id, "last_output", "got <--json>");
    CLI_FAILS(cli("send", id, "--json", NULL), 2, "--json");
    CLI_OK(cli("send", "--no-enter", id, "half ", NULL));
    CLI_OK(cli("send", id, "a line", NULL));
    AWAIT_SESSION(id, "last_output", "got <half a line>");
    char *deaf = start("\"command\": [\"sleep\", \"1000\"]");
    CHECK_TEXT(CLI_OK(cli("send", deaf, "hello", NULL)).said[0].p, "unconfirmed\n");
    char *over = start_sh("exit 3");
    AWAIT_SESSION(over, "state", "exited");
    CLI_FAILS(cli("send", over, "hello", NULL), 1, "has e"); /* exited, ended */
    CLI_FAILS(cli("send", id, "", NULL), 2, "expected a text");
    CLI_FAILS(cli("send", id, " ", "\t", NULL), 2, "expected a text");
    CHECK_INT(call("POST", session_path(id, "/message"), "{\"message\": \" \\n\"}").status, 422);
    CLI_OK(cli("send", "--all", "to all that run", NULL)); /* not to the one that is over */
    AWAIT_SESSION(id, "last_output", "got <to all that run>");
}

/* Keys by their names; a wrong one is told before the first is pressed. */
static void test_cli_keys(void)
{
    daemon_start();
    static const char program[] = "stty -icanon -echo -isig; echo ready; exec cat -v";
    char *id = start_sh(program), *other = start_sh(program);
    AWAIT_SESSION(id, "last_output", "ready");
    AWAIT_SESSION(other, "last_output", "ready");
    CLI_FAILS(cli("keys", id, "up", "upp", NULL), 2, "upp");
    CLI_FAILS(cli("keys", id, NULL), 2, "keys");
    CHECK_TEXT(CLI_OK(cli("keys", id, "Ctrl-C", "up", "key_down", "F1", "enter", NULL)).said[0].p,
               "");
    AWAIT_SESSION(id, "last_output", "^C^[[A^[[B^[OP");
    CLI_OK(cli("keys", "--all", "escape", "page-up", "enter", NULL));
    AWAIT_SESSION(id, "last_output", "^[^[[5~");
    AWAIT_SESSION(other, "last_output", "^[^[[5~");
    CLI_OK(cli("keys", id, "enter", "ctrl-d", NULL));
    AWAIT_SESSION(id, "last_output", "^D");
    char *keys = CLI_OK(cli("complete", "--", "keys", id, "", NULL)).said[0].p;
    CHECK(count_of(keys, "\n") > 15);
    for (char *key = strtok(keys, "\t\n"); key; key = strtok(NULL, "\t\n"))
        CLI_OK(cli("keys", id, key, NULL));
    char *over = start_sh("exit 3");
    AWAIT_SESSION(over, "state", "exited");
    CLI_FAILS(cli("keys", over, "enter", NULL), 1, "has e"); /* exited, ended */
}

static void test_cli_kill(void)
{
    daemon_start();
    char *a = start("\"command\": [\"sleep\", \"1000\"]"),
         *b = start("\"command\": [\"sleep\", \"1000\"]"), *c = start_sh("exit 3"),
         *d = start("\"command\": [\"sleep\", \"1000\"]");
    AWAIT_SESSION(c, "state", "exited");
    CHECK_TEXT(CLI_OK(cli("kill", a, c, NULL)).said[0].p, ""); /* one runs, one is dismissed */
    CHECK_INT(json_count(get("/sessions").body, ""), 2);
    char *other = start("\"command\": [\"sleep\", \"1000\"]");
    CHECK_TEXT(CLI_OK(cli("end", other, NULL)).said[0].p, ""); /* the same by its other name */
    CHECK_INT(get(session_path(other, "")).status, 404);
    /* a failure does not spare the others */
    CLI_FAILS(cli("kill", a, b, NULL), 1, a);
    CHECK_INT(get(session_path(b, "")).status, 404);
    CHECK_INT(get(session_path(d, "")).status, 200);
    if (HAVE_PROC)
        AWAIT(is_gone(a) && is_gone(b));
}

static void test_cli_tail(void)
{
    daemon_start();
    char *id = start_sh("printf '\\033[1mbold\\033[0m\\n'; seq 1 3000; read x; echo bye; exit 4");
    AWAIT_SESSION(id, "last_output", "3000");
    struct cli tail = CLI_OK(cli("tail", "-n", "15", id, NULL));
    CHECK_HAS(tail.said[0].p, "3000\n");
    CHECK(tail.said[0].n <= 15 && !strstr(tail.said[0].p, "2990"));
    CHECK(CLI_OK(cli("tail", "-n0", id, NULL)).said[0].n == 0);
    tail = CLI_OK(cli("tail", id, NULL));
    CHECK(tail.said[0].n <= 5000 && strstr(tail.said[0].p, "\n2500\n"));
    CHECK(!strchr(tail.said[0].p, '\033'));
    CLI_OK(cli("send", id, "go", NULL));
    AWAIT_SESSION(id, "exit_code", "4");
    tail = CLI_OK(cli("tail", id, "--chars=100", NULL)); /* from its log now */
    CHECK_HAS(tail.said[0].p, "\nbye\n");
    CHECK_HAS(tail.said[0].p, "3000\n");
    CHECK(!strchr(tail.said[0].p, '\033'));
}

/* Whenever it is asked for: while the session ends, too. */
static void test_cli_tail_at_its_end(void)
{
    daemon_start();
    for (int i = 0; i < 20; i++) {
        char *id = cli_new("echo", format("number %d", i), NULL, NULL);
        CLI_OK(cli("tail", id, NULL));
    }
}

/* Without a daemon, a session's log says the same. */
static void test_cli_tail_without_daemon(void)
{
    daemon_start();
    char *id = start_sh("echo one; echo two; exit 3");
    AWAIT_SESSION(id, "state", "exited");
    char *with = CLI_OK(cli("tail", id, NULL)).said[0].p;
    daemon_stop();
    CHECK_TEXT(CLI_OK(cli("--no-daemon", "tail", format("%.35s", id), NULL)).said[0].p, with);
    CHECK_TEXT(CLI_OK(cli("--no-daemon", "tail", "-n", "4", id, NULL)).said[0].p, "two\n");
    CLI_FAILS(cli("--no-daemon", "tail", "zzz", NULL), 1, "zzz");
    CHECK(!file_exists(e2e.socket));
}

/* Every line comes once, however fast, and whatever becomes of the daemon. */
static void test_cli_tail_follow(void)
{
    enum { LINES = 300000 };
    daemon_start();
    char *go = format("%s/go", e2e.dir);
    char *id = start_sh(format("echo ready; while [ ! -e %s ]; do sleep 0.02; done; seq %d", go,
                               LINES));
    char *argv[] = {(char *)e2e.binary, "tail", "-f", id, NULL};
    struct cli tail = cli_spawn(NULL, argv);
    long long until = now_ms() + E2E_WAIT_MS;
    while (!strstr(tail.said[0].p, "ready"))
        if (!cli_read(&tail, until))
            FATAL("it prints nothing: %s", tail.said[1].p);
    daemon_kill();
    file_write(go, "", 0600);
    cli_wait(__FILE__, __LINE__, &tail);
    CHECK_INT(tail.status, 0);
    int next = 0;
    for (char *at = tail.said[0].p, *end; (end = strchr(at, '\n')); at = end + 1, next++)
        if (next && atoi(at) != next)
            FATAL("not line %d, but %.40s", next, at);
    CHECK_INT(next, LINES + 1);
    daemon_start();
    CLI_FAILS(cli("tail", "-f", "zzz", NULL), 1, "zzz");
}

static void test_cli_status(void)
{
    daemon_start();
    char *id = start(
        format("\"command\": [\"sleep\", \"1000\"], \"title\": %s", json_quote("a \033[31mtitle")));
    struct cli c = CLI_OK(cli("status", id, NULL));
    CHECK(strncmp(c.said[0].p, "state ", 6) == 0);
    CHECK_HAS(c.said[0].p, "a ^[[31mtitle\n");
    CHECK_HAS(c.said[0].p, e2e.dir);
    CHECK(!strchr(c.said[0].p, '\033'));
    char *over = start_sh("exit 3");
    AWAIT_SESSION(over, "state", "exited");
    c = CLI_OK(cli("status", over, NULL));
    CHECK_HAS(c.said[0].p, "exited");
    CHECK_HAS(c.said[0].p, "exit code");
    CLI_FAILS(cli("status", "zzz", NULL), 1, "zzz");
    CLI_FAILS(cli("status", NULL), 2, "status");
}

static void test_cli_tail_lines(void)
{
    daemon_start();
    char *id = start_sh("seq 1 300; exit 0");
    AWAIT_SESSION(id, "state", "exited");
    CHECK_TEXT(CLI_OK(cli("tail", "-l", "2", id, NULL)).said[0].p, "299\n300\n");
    CHECK_TEXT(CLI_OK(cli("tail", "-l0", id, NULL)).said[0].p, "");
    CHECK_INT(count_of(CLI_OK(cli("tail", "--lines", "1000", id, NULL)).said[0].p, "\n"), 300);
    CLI_FAILS(cli("tail", "-l", "few", id, NULL), 2, "few");
}

static void test_cli_grep(void)
{
    daemon_start();
    char *one = start_sh("echo a Needle here; echo other; exec cat");
    char *two = start_sh("echo nothing; exit 3");
    AWAIT_SESSION(one, "last_output", "other");
    AWAIT_SESSION(two, "state", "exited");
    struct cli c = CLI_OK(cli("grep", "Needle", NULL));
    CHECK_TEXT(c.said[0].p, format("%.8s: a Needle here\n", one));
    CHECK_TEXT(CLI_OK(cli("grep", "-i", "needle", one, NULL)).said[0].p, c.said[0].p);
    c = CLI_OK(cli("grep", "thing", NULL)); /* of the exited one, too */
    CHECK_TEXT(c.said[0].p, format("%.8s: nothing\n", two));
    c = cli("grep", "needle", NULL);
    CHECK_INT(c.status, 1);
    CHECK_TEXT(c.said[0].p, "");
    CHECK_INT(cli("grep", "x", "no-such-id", NULL).status, 2);
}

static void test_cli_wait(void)
{
    daemon_start();
    char *id = start_sh("echo ready; read x; exit 3");
    AWAIT_SESSION(id, "last_output", "ready");
    struct cli late = cli("wait", "--state", "exited", "--timeout", "0", id, NULL);
    CHECK(late.status != 0 && late.status != 2);
    CHECK_HAS(late.said[1].p, id);
    char *argv[] = {(char *)e2e.binary, "wait", "--state", "exited", id, NULL};
    struct cli wait = cli_spawn(NULL, argv);
    AWAIT(status_of("clients") >= 2); /* it is there, besides the one that asks */
    CHECK(waitpid(wait.pid, &wait.status, WNOHANG) == 0);
    CLI_OK(cli("send", id, "x", NULL));
    cli_wait(__FILE__, __LINE__, &wait);
    CHECK_INT(wait.status, 0);
    CLI_OK(cli("wait", "--state", "exited", id, NULL)); /* it is already */
    CLI_FAILS(cli("wait", "--state", "sideways", id, NULL), 2, "sideways");
    CLI_FAILS(cli("kill", "--state", "sideways", NULL), 2, "sideways: expected waiting");
    CLI_FAILS(cli("wait", "--timeout", "soon", id, NULL), 2, "soon");
    CLI_FAILS(cli("wait", "zzz", NULL), 1, "zzz");
    char *other = start("\"command\": [\"sleep\", \"1000\"]"),
         *its[] = {(char *)e2e.binary, "wait", "--state", "exited", other, NULL};
    wait = cli_spawn(NULL, its);
    AWAIT(status_of("clients") >= 2);
    CLI_OK(cli("kill", other, NULL)); /* gone, it will never be in that state */
    cli_wait(__FILE__, __LINE__, &wait);
    CHECK(wait.status == 0 || wait.status == 1);
}

/* ---- watch ---------------------------------------------------------------------------------- */

/* Reads on until a line with both parts has come, which must be JSON like every other line; how
 * many lines came before. */
static char *cli_watch_await(const char *file, int line, struct cli *c, const char *event,
                             const char *part)
{
    long long until = now_ms() + E2E_WAIT_MS;
    size_t at = 0;
    for (;;) {
        char *end = strchr(c->said[0].p + at, '\n');
        if (end) {
            char *text =
                format("%.*s", (int)(end - c->said[0].p - (ptrdiff_t)at), c->said[0].p + at);
            at = (size_t)(end - c->said[0].p) + 1;
            if (!json_valid(text, strlen(text)))
                check_fatal(file, line,
                            format("not a line of JSON: %s", visible(text, strlen(text))));
            if (event_is(text, event) && strstr(text, part))
                return text;
        } else if (!cli_read(c, until)) {
            check_fatal(
                file, line,
                format("no %s with %s, but: %s%s", event, part, c->said[0].p, c->said[1].p));
        }
    }
}

#define CLI_WATCH_AWAIT(c, event, part) cli_watch_await(__FILE__, __LINE__, (c), (event), (part))

static void test_cli_watch(void)
{
    daemon_start();
    char *argv[] = {(char *)e2e.binary, "watch", NULL};
    struct cli watch = cli_spawn(NULL, argv);
    CLI_WATCH_AWAIT(&watch, "sessions_initial", "[]");
    char *id = cli_new("--", "sh", "-c", "echo one; read x; exit 6");
    CLI_WATCH_AWAIT(&watch, "session_created", id);
    CLI_WATCH_AWAIT(&watch, "session_updated", "\"last_output\":\"one\"");
    /* It outlives its daemon and starts the next one itself. */
    watch.said[0].n = 0;
    watch.said[0].p[0] = '\0';
    daemon_kill();
    CHECK_HAS(CLI_WATCH_AWAIT(&watch, "sessions_initial", id), "\"state\"");
    CLI_OK(cli("send", id, "x", NULL));
    CLI_WATCH_AWAIT(&watch, "session_updated", "\"exit_code\":6");
    CLI_OK(cli("kill", id, NULL));
    CLI_WATCH_AWAIT(&watch, "session_removed", id);
    CHECK(waitpid(watch.pid, &watch.status, WNOHANG) == 0);
    kill(watch.pid, SIGINT);
    cli_wait(__FILE__, __LINE__, &watch);
    CHECK_INT(watch.status, 128 + SIGINT);
    CLI_OK(cli("daemon", "--stop", NULL));
}

/* As a background job of a script starts it, with SIGINT ignored. */
/* One command acts on several sessions: by ids, by project, state, agent, or on all. */
static void test_cli_several(void)
{
    daemon_start();
    char *dir = format("%s/proj", e2e.dir);
    mkdir(dir, 0700);
    struct cli c = CLI_OK(cli("new", "-C", dir, "--", "sh", "-c", "read x; exit 3", NULL));
    char *one = cli_line(&c);
    c = CLI_OK(cli("new", "-C", dir, "--", "sh", "-c", "read x; exit 4", NULL));
    char *two = cli_line(&c);
    char *other = cli_new("--", "sleep", "1000", NULL);
    CHECK(cli("wait", one, "--all", NULL).status == 2);
    CHECK(cli("kill", NULL).status == 2);
    CHECK(cli("kill", "--agent", "codex", NULL).status == 1);
    CLI_OK(cli("wait", "--state", "idle", "--timeout", "10", one, two, NULL));
    c = CLI_OK(cli("send", "--to", format("%s,%s", one, two), "go on", NULL));
    CHECK_HAS(c.said[0].p, format("%s\tdelivered\n", one));
    CLI_OK(cli("wait", "--project", "proj", "--state", "exited", "--timeout", "10", NULL));
    CHECK(session_is(one, "state", "exited") && session_is(two, "state", "exited"));
    CLI_OK(cli("restart", "--project", dir, NULL));
    CLI_OK(cli("kill", "--project", dir, NULL));
    c = CLI_OK(cli("list", NULL));
    CHECK(!strstr(c.said[0].p, one) && strstr(c.said[0].p, format("%.8s", other)));
    CLI_OK(cli("kill", "--all", NULL));
    c = CLI_OK(cli("list", NULL));
    CHECK_TEXT(c.said[0].p, "");
}

/* What needs its user is told by watch --waiting, and by the command of on_state. */
static void test_cli_attention(void)
{
    char *told = format("%s/told", e2e.dir);
    file_write(format("%s/telec/config", e2e.config),
               format("[computer]\non_state = sh -c 'echo \"$TELEC_STATE $TELEC_TITLE $TELEC_TEXT "
                      "$TELEC_SESSION_ID\" >> %s; exec sleep 0.1' # told\n", told),
               0600);
    daemon_start();
    char *argv[] = {(char *)e2e.binary, "watch", "--waiting", NULL};
    struct cli watch = cli_spawn(NULL, argv);
    struct cli c = CLI_OK(cli("new", "-t", "asker", "--", e2e.self, "program", "menu", NULL));
    char *id = cli_line(&c);
    while (!strchr(watch.said[0].p, '\n') && cli_read(&watch, now_ms() + E2E_WAIT_MS))
        ;
    CHECK_TEXT(watch.said[0].p, format("%s\tasker\tDo you want to proceed?\n", id));
    AWAIT(file_read(told, NULL) && strstr(file_read(told, NULL), id));
    CHECK_TEXT(file_read(told, NULL), format("waiting asker Do you want to proceed? %s\n", id));
    CLI_OK(cli("answer", id, "2", NULL));
    CLI_OK(cli("kill", id, NULL));
    kill(watch.pid, SIGINT);
    cli_wait(__FILE__, __LINE__, &watch);
}

static void test_cli_watch_interrupted(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    daemon_start();
    char *argv[] = {(char *)e2e.binary, "watch", NULL};
    sigaction(SIGINT, &ignore, &before);
    struct cli watch = cli_spawn(NULL, argv);
    sigaction(SIGINT, &before, NULL);
    CLI_WATCH_AWAIT(&watch, "sessions_initial", "[]");
    kill(watch.pid, SIGINT);
    cli_wait(__FILE__, __LINE__, &watch);
    CHECK_INT(watch.status, 128 + SIGINT);
}

/* Nobody reads any more: it ends with the next event. */
static void test_cli_watch_pipe_closed(void)
{
    daemon_start();
    char *argv[] = {(char *)e2e.binary, "watch", NULL};
    struct cli watch = cli_spawn(NULL, argv);
    CLI_WATCH_AWAIT(&watch, "sessions_initial", "[]");
    close(watch.fds[0]);
    start("\"command\": [\"true\"]");
    await_exit(watch.pid);
}

/* ---- hooks ---------------------------------------------------------------------------------- */

/* What an agent does: its hooks run `telec hook` inside the session, with JSON on stdin (Codex: as
 * the argument). The session's program prints the exit status and whatever the hook printed. */
static void test_cli_hook(void)
{
    daemon_start();
    char *go = format("%s/go", e2e.dir);
    if (mkfifo(go, 0600) != 0)
        e2e_die(go);
    char *id = start_sh(format(
        "while read -r json < %s; do case $json in argument*) %s hook \"${json#argument}\" 2>&1;; "
        "*) echo \"$json\" | %s hook 2>&1;; esac; echo \"ended $?\"; done; sleep 1000",
        go, e2e.binary, e2e.binary));
    file_write(go, "{\"hook_event_name\":\"UserPromptSubmit\",\"prompt\":\"fix it\","
                   "\"session_id\":\"native-7\"}\n", 0600);
    AWAIT_SESSION(id, "state_source", "hook");
    CHECK_TEXT(session_get(id, "state"), "working");
    CHECK_TEXT(session_get(id, "native_session_id"), "native-7");
    file_write(go, "{\"hook_event_name\":\"PermissionRequest\",\"tool_name\":\"Bash\"}\n", 0600);
    AWAIT_SESSION(id, "state", "waiting");
    CHECK_TEXT(session_get(id, "state_text"), "Bash");
    file_write(go, "argument{\"type\":\"agent-turn-complete\",\"thread-id\":\"native-7\"}\n", 0600);
    AWAIT_SESSION(id, "state", "idle");
    file_write(go, "not JSON\n", 0600);
    AWAIT(count_of(transcript(id), "ended 0") == 4);
    CHECK_INT(count_of(transcript(id), "\n"), 4); /* and nothing else was printed */
    /* without a daemon the holder gets it, and the next daemon has it from there */
    daemon_kill();
    file_write(go,
        "{\"hook_event_name\":\"PermissionRequest\",\"tool_name\":\"Bash\",\"tool_input\":"
                   "{\"command\":\"rm -rf build\"}}\n", 0600);
    AWAIT(count_of(file_read(format("%s/telec/sessions/%s/log", e2e.state, id), NULL), "ended 0") ==
        5);
    daemon_start();
    AWAIT_SESSION(id, "state", "waiting");
    CHECK_TEXT(session_get(id, "state_text"), "Bash: rm -rf build");
}

/* An agent that does not report is said once; --hooks adds its hooks. */
static void test_cli_hook_hint(void)
{
    char *home = format("HOME=%s", e2e.dir),
         *settings = format("%s/.claude/settings.json", e2e.dir);
    daemon_start();
    cli_install("claude", "sleep 1000");
    cli_install("qwen", "sleep 1000");
    struct cli c = cli_with(home, "new", "-a", "claude", NULL);
    CHECK_INT(c.status, 0);
    CHECK_HAS(c.said[1].p, "claude does not report to telec yet");
    CLI_OK(cli_with(home, "new", "-a", "claude", NULL));
    CHECK(!file_exists(settings));
    CLI_OK(cli_with(home, "new", "-a", "claude", "--hooks", NULL));
    CHECK_HAS(file_read(settings, NULL), format("%s hook", e2e.binary));
    CLI_OK(cli_with(home, "new", "-a", "qwen", "--hooks", NULL));
    CLI_OK(cli_with(home, "new", "-a", "qwen", NULL)); /* it reports: nothing to say */
    CLI_OK(cli_with(home, "new", "-a", "shell", NULL));
}

/* An agent must not be disturbed: no daemon, no session, no such session. */
static void test_cli_hook_silent(void)
{
    static const char stop[] = "{\"hook_event_name\":\"Stop\"}";
    CHECK_TEXT(CLI_OK(cli_with("TELEC_SESSION_ID=gone", "hook", stop, NULL)).said[0].p, "");
    CHECK(!file_exists(e2e.socket)); /* a hook starts no daemon */
    daemon_start();
    char *id = start("\"command\": [\"sleep\", \"1000\"]");
    CHECK_TEXT(CLI_OK(cli_with("TELEC_SESSION_ID=gone", "hook", stop, NULL)).said[0].p, "");
    CHECK_TEXT(CLI_OK(cli_with("TELEC_SESSION_ID=", "hook", stop, NULL)).said[0].p, "");
    CHECK_TEXT(CLI_OK(cli("hook", stop, NULL)).said[0].p, "");
    CHECK_TEXT(CLI_OK(cli("hook", NULL)).said[0].p, ""); /* stdin is empty */
    CHECK(strcmp(session_get(id, "state_source"), "hook") != 0);
}

/* --install shows, --yes writes; what is in the file already stays. */
static void test_cli_hook_install(void)
{
    char *home = format("HOME=%s", e2e.dir), *dir = format("%s/.claude", e2e.dir),
         *file = format("%s/settings.json", dir);
    struct cli c = CLI_OK(cli_with(home, "hook", "--install", "claude", NULL));
    CHECK_HAS(c.said[0].p, file);
    CHECK_HAS(c.said[0].p, "\"UserPromptSubmit\"");
    CHECK_HAS(c.said[0].p, format("%s hook", e2e.binary));
    CHECK(!file_exists(dir));
    if (mkdir(dir, 0700) != 0)
        e2e_die(dir);
    file_write(file, "{\n  \"model\": \"opus\"\n}\n", 0600);
    CHECK_HAS(CLI_OK(cli_with(home, "hook", "--install", "claude", "--yes", NULL)).said[0].p, file);
    char *text = file_read(file, NULL);
    CHECK(json_valid(text, strlen(text)));
    CHECK_HAS(text, "\"model\": \"opus\"");
    CHECK_INT(count_of(text, format("%s hook", e2e.binary)), 14); /* one of each event */
    c = CLI_OK(cli_with(home, "hook", "--install", "claude", "--yes", NULL));
    CHECK_HAS(c.said[0].p, "already");
    CHECK_TEXT(file_read(file, NULL), text);
    CHECK_HAS(CLI_OK(cli_with(home, "hook", "--uninstall", "claude", NULL)).said[0].p, "no longer");
    CHECK_TEXT(file_read(file, NULL), "{\n  \"model\": \"opus\"\n}\n");
    CHECK_HAS(CLI_OK(cli_with(home, "hook", "--uninstall", "claude", NULL)).said[0].p, "nothing");
    /* what can't be added to is left alone, and what belongs there is printed */
    file_write(file, "[]\n", 0600);
    c = cli_with(home, "hook", "--install", "claude", "--yes", NULL);
    CHECK_INT(c.status, 1);
    CHECK_HAS(c.said[0].p, "\"Stop\"");
    CHECK_HAS(c.said[1].p, file);
    CHECK_TEXT(file_read(file, NULL), "[]\n");
    CHECK(!file_exists(e2e.socket)); /* none of it needs a daemon */
}

/* ---- the Model Context Protocol ------------------------------------------------------------- */

/* What a server writes for these lines on its stdin. */
static char *cli_mcp(const char *lines)
{
    file_write(format("%s/lines", e2e.dir), lines, 0600);
    char *argv[] = {(char *)"/bin/sh", (char *)"-c",
                    format("%s mcp < %s/lines", e2e.binary, e2e.dir), NULL};
    struct cli c = cli_spawn(NULL, argv);
    cli_wait(__FILE__, __LINE__, &c);
    CHECK_INT(c.status, 0);
    CHECK_TEXT(c.said[1].p, "");
    return c.said[0].p;
}

#define CLI_MCP(id, method, params)                                                                \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\",\"params\":{" params "}}\n"
#define CLI_MCP_TOOL(id, name, arguments)                                                          \
    CLI_MCP(id, "tools/call", "\"name\":\"" name "\",\"arguments\":{" arguments "}")

static void test_cli_mcp(void)
{
    daemon_start();
    char *said = cli_mcp(CLI_MCP("1", "initialize", "\"protocolVersion\":\"2025-06-18\"")
                         "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n"
                         CLI_MCP("\"p\"", "ping", "") CLI_MCP("2", "tools/list", "")
                         CLI_MCP("3", "resources/list", "") "[]\nnonsense\n");
    CHECK_HAS(said, "\"protocolVersion\":\"2025-06-18\",\"capabilities\":{\"tools\":{}}");
    CHECK_HAS(said, "{\"jsonrpc\":\"2.0\",\"id\":\"p\",\"result\":{}}\n");
    CHECK_HAS(said, "\"name\":\"answer\"");
    CHECK_HAS(said, "\"required\":[\"id\",\"text\"]");
    CHECK_HAS(said, "\"id\":3,\"error\":{\"code\":-32601");
    CHECK_HAS(said, "\"id\":null,\"error\":{\"code\":-32600"); /* no batches in this version */
    CHECK_HAS(said, "\"id\":null,\"error\":{\"code\":-32700");
    for (char *line = strtok(said, "\n"); line; line = strtok(NULL, "\n"))
        CHECK(json_valid(line, strlen(line)));
    /* batches before it; an unknown version gets ours */
    CHECK_HAS(cli_mcp(CLI_MCP("1", "initialize", "\"protocolVersion\":\"2025-03-26\"")
                      "[{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}]"),
                      "\"id\":7,\"result\":{}");
    CHECK_HAS(cli_mcp(CLI_MCP("1", "initialize", "\"protocolVersion\":\"1999-01-01\"")),
              "\"protocolVersion\":\"2025-06-18\"");
    /* a session from its start to its end */
    said = cli_mcp(CLI_MCP_TOOL("1", "start", "\"title\":\"it's\",\"command\":[\"sh\",\"-c\","
                                "\"while read x; do echo heard $x; done\"]"));
    CHECK_HAS(said, "\"isError\":false");
    char *id = json_get(get("/sessions").body, "0.session_id");
    REQUIRE(id);
    CHECK_HAS(said, id);
    CHECK_TEXT(session_get(id, "title"), "it's");
    AWAIT(strstr(cli_mcp(format(CLI_MCP_TOOL("2", "send",
        "\"id\":\"%s\",\"text\":\"-t 'a b' $HOME\""),
                                id)), "delivered"));
    AWAIT_SESSION(id, "last_output", "heard -t 'a b' $HOME");
    said = cli_mcp(format(CLI_MCP_TOOL("3", "read", "\"id\":\"%s\",\"chars\":14"), id));
    CHECK_HAS(said, "'a b' $HOME");
    CHECK(!strstr(said, "heard"));
    CHECK_HAS(cli_mcp(format(CLI_MCP_TOOL("4", "wait", "\"id\":\"%s\",\"state\":\"idle\""), id)),
              "state       idle");
    CHECK_HAS(cli_mcp(CLI_MCP_TOOL("5", "read", "\"id\":\"nothing\"")), "\"isError\":true");
    CHECK_HAS(cli_mcp(format(CLI_MCP_TOOL("6", "send", "\"id\":\"%s\""), id)), "-32602");
    CHECK_HAS(cli_mcp(CLI_MCP_TOOL("7", "no-such", "")), "-32602");
    static const char press[] =
        CLI_MCP_TOOL("7", "keys", "\"id\":\"%s\",\"keys\":[\"tab\",\"%s\"]");
    CHECK_HAS(cli_mcp(format(press, id, "upp")), "upp: expected a key");
    CHECK_HAS(cli_mcp(format(press, id, "enter")), "\"isError\":false");
    AWAIT_SESSION(id, "last_output", "heard");
    CHECK_HAS(cli_mcp(format(CLI_MCP_TOOL("8", "end", "\"id\":\"%s\",\"no-daemon\":true"), id)),
              "\"isError\":false");
    CHECK_TEXT(get("/sessions").body, "[]");
}

/* A cancelled call gives no response, and its process ends. */
static void test_cli_mcp_cancel(void)
{
    daemon_start();
    char *id = start("\"command\": [\"sleep\", \"1000\"]");
    long long before = now_ms();
    CHECK_TEXT(cli_mcp(format(CLI_MCP_TOOL("9", "wait", "\"id\":\"%s\",\"state\":\"exited\"")
                              "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
                              "\"params\":{\"requestId\":9}}\n", id)), "");
    CHECK(now_ms() - before < 4000); /* it would have waited 5 s, and then been ended */
}

static void test_cli_help_agents(void)
{
    char *said = CLI_OK(cli("help", "agents", NULL)).said[0].p;
    CHECK(count_of(said, "\n") > 40 && count_of(said, "\n") <= 60);
    for (char *line = said, *end; (end = strchr(line, '\n')); line = end + 1)
        CHECK(end - line <= 100);
    CHECK_HAS(said, "telec wait");
    CHECK_HAS(said, "telec answer");
}

/* ---- the daemon ----------------------------------------------------------------------------- */

static void test_cli_starts_daemon(void)
{
    CLI_FAILS(cli("--no-daemon", "list", NULL), 1, e2e.socket);
    CLI_FAILS(cli("list", "--no-daemon", NULL), 1, e2e.socket);
    CLI_FAILS(cli("kill", "1", "--no-daemon", NULL), 1, e2e.socket);
    CLI_FAILS(cli("daemon", "--stop", NULL), 1, e2e.socket);
    CHECK(!file_exists(e2e.socket));
    CHECK_TEXT(CLI_OK(cli("list", NULL)).said[0].p, "");
    char *pid = json_get(get("/status").body, "pid");
    CHECK_TEXT(CLI_OK(cli("list", NULL)).said[0].p, "");
    CHECK_TEXT(json_get(get("/status").body, "pid"), pid); /* the same one */
    CHECK(file_size(format("%s/telec/daemon.log", e2e.state)) > 0);
    char *id = cli_new("sleep", "1000", NULL, NULL);
    char *elsewhere = format("%s/elsewhere", e2e.dir); /* no daemon is there: ours is not meant */
    CLI_FAILS(cli("daemon", "--stop", "-S", elsewhere, NULL), 1, elsewhere);
    CHECK_TEXT(json_get(get("/status").body, "pid"), pid);
    CHECK_TEXT(CLI_OK(cli("daemon", "--stop", NULL)).said[0].p, "");
    CHECK(!file_exists(e2e.socket));
    if (HAVE_PROC)
        CHECK(!proc_lives((pid_t)atol(pid)));
    CLI_FAILS(cli("daemon", "--stop", NULL), 1, e2e.socket);
    CLI_FAILS(cli("--no-daemon", "send", id, "hello", NULL), 1, e2e.socket);
    struct cli list = CLI_OK(cli("list", NULL)); /* a new one finds the session */
    CHECK(strncmp(cli_line(&list), id, 8) == 0);
    pid = json_get(get("/status").body, "pid");
    CHECK_TEXT(CLI_OK(cli("daemon", "--restart", NULL)).said[0].p, "");
    CHECK(strcmp(json_get(get("/status").body, "pid"), pid) != 0);
    list = CLI_OK(cli("list", NULL));
    CHECK(strncmp(cli_line(&list), id, 8) == 0);
    CLI_OK(cli("kill", id, NULL));
    CLI_OK(cli("daemon", "--stop", NULL));
}

/* A daemon that can't start says why, to whoever wanted it. */
static void test_cli_daemon_cannot_start(void)
{
    file_write(format("%s/telec", e2e.state), "not a directory", 0600);
    struct cli list = CLI_FAILS(cli("list", NULL), 1, "daemon");
    CHECK(list.said[1].n < 1000);
    struct cli daemon = cli("daemon", NULL);
    CHECK_INT(daemon.status, 1);
    CHECK_HAS(daemon.said[1].p, format("%s/telec", e2e.state));
}

static void test_cli_sockets(void)
{
    char *other = format("%s/o/api.sock", e2e.dir);
    daemon_start();
    char *id = cli_new("-t", "default", "sleep", "1000");
    mkdir(format("%s/o", e2e.dir), 0700);
    char *elsewhere = format("XDG_STATE_HOME=%s/o", e2e.dir); /* another daemon's */
    CLI_FAILS(cli_with(elsewhere, "-S", other, "--no-daemon", "list", NULL), 1, other);
    struct cli list = CLI_OK(cli("-S", other, "--no-daemon", "list", NULL));
    CHECK(strncmp(cli_line(&list), id, 8) == 0); /* one daemon serves this state */
    list = CLI_OK(cli_with(format("TELEC_SOCKET=%s", other), "--no-daemon", "list", NULL));
    CHECK(strncmp(cli_line(&list), id, 8) == 0);
    list =
        CLI_OK(cli_with(format("TELEC_SOCKET=%s", other), "-S", e2e.socket, "list", NULL));
    CHECK(strncmp(cli_line(&list), id, 8) == 0); /* the option counts more */
    CHECK(strncmp(
              cli_line(&(struct cli){
                  .said = {CLI_OK(cli(format("--socket=%s", e2e.socket), "list", NULL)).said[0]}}),
              id, 8) == 0);
    list = CLI_OK(cli("-S", "r/telec/api.sock", "list", NULL)); /* from here */
    CHECK(strncmp(cli_line(&list), id, 8) == 0);
    char *plain = format("%s/plain", e2e.dir);
    file_write(plain, "", 0600);
    CLI_FAILS(cli_with(elsewhere, "-S", plain, "--no-daemon", "list", NULL), 1, plain);
    char *longest = format("%s/%s", e2e.dir, repeat('x', 200));
    CLI_FAILS(cli("-S", longest, "--no-daemon", "list", NULL), 1, "xxx");
}

static void test_cli_config(void)
{
    char *path = format("%s/other config", e2e.dir), *missing = format("%s/missing", e2e.dir);
    file_write(path,
               "[computer]\nname = elsewhere\n[agent mine]\ncommand = sh -c 'echo \"$0\"; read "
               "x'\nmed = middling\n",
               0600);
    CLI_FAILS(cli("-c", missing, "list", NULL), 1, missing);
    CLI_FAILS(cli_with(format("TELEC_CONFIG=%s", e2e.dir), "list", NULL), 1, e2e.dir);
    CHECK(!file_exists(e2e.socket));
    CLI_OK(cli("-c", path, "list", NULL)); /* its daemon reads the same file */
    CHECK_TEXT(json_get(get("/computers").body, "0.name"), "elsewhere");
    struct cli c = CLI_OK(cli("-c", path, "new", "-a", "mine", "-m", "med", NULL));
    char *id = cli_line(&c);
    AWAIT_SESSION(id, "last_output", "middling");
    CLI_OK(cli("kill", id, NULL));
    CLI_OK(cli("daemon", "--stop", NULL));
}

/* The effective configuration, read again, is itself; what is wrong is said, and nothing else is
 * lost. */
static void test_cli_effective_config(void)
{
    char *path = format("%s/one", e2e.dir), *again = format("%s/two", e2e.dir);
    struct cli c = CLI_OK(cli("config", NULL));
    CHECK_HAS(c.said[0].p, format("# socket: %s (environment XDG_RUNTIME_DIR)\n", e2e.socket));
    CHECK_HAS(c.said[0].p, "# default\nquit = q\n");
    CHECK_HAS(c.said[0].p, "\n[agent gemini]\n");
    CHECK(!file_exists(e2e.socket)); /* nobody was started for that */
    file_write(path,
               "[ui]\nmouse = no\nprefix = Ctrl-a\n[keys]\nnew = N\n\n[colours]\n"
               "accent = bold #123456 on 17\n[agent mine]\ncommand = sh -c 'a b'\n"
               "[project p]\npath = /tmp\ndescription = words = more\n"
               "[redis]\nurl = redis://me:secret@host:6380/1\n",
               0600);
    struct cli one = CLI_OK(cli("-c", path, "config", NULL));
    CHECK_HAS(one.said[0].p, format("# configuration file: %s (option -c)\n", path));
    CHECK_HAS(one.said[0].p, format("# %s:2\nmouse = no\n", path));
    CHECK_HAS(one.said[0].p, format("# %s:5\nnew = N\n", path));
    CHECK_HAS(one.said[0].p, format("# %s:8\naccent = bold #123456 on 17\n", path));
    CHECK_HAS(one.said[0].p, format("# %s:10\ncommand = sh -c 'a b'\n", path));
    CHECK_HAS(one.said[0].p, format("# %s:13\ndescription = words = more\n", path));
    CHECK_HAS(one.said[0].p, format("# %s:15\nurl = redis://me:***@host:6380/1\n", path));
    CHECK_TEXT(one.said[1].p ? one.said[1].p : "", "");
    file_write(again, one.said[0].p, 0600);
    struct cli two =
        CLI_OK(cli_with(format("TELEC_CONFIG=%s", again), "-S", "/x/y", "config", NULL));
    CHECK_HAS(two.said[0].p,
              format("# configuration file: %s (environment TELEC_CONFIG)\n", again));
    CHECK_HAS(two.said[0].p, "# socket: /x/y (option -S)\n");
    struct cli env =
        CLI_OK(cli_with("TELEC_REDIS=redis://:pass@elsewhere", "-c", path, "config", NULL));
    CHECK_HAS(env.said[0].p, "# environment TELEC_REDIS\nurl = redis://:***@elsewhere\n");
    const char *a = one.said[0].p, *b = two.said[0].p;
    while (*a || *b) { /* but for the comments, line by line */
        size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
        if (*a != '#' && *b != '#' && (n != m || strncmp(a, b, n) != 0))
            FATAL("\"%.*s\" became \"%.*s\"", (int)n, a, (int)m, b);
        int skip_a = *a == '#' || *b != '#', skip_b = *b == '#' || *a != '#';
        a += skip_a ? n + (a[n] == '\n') : 0;
        b += skip_b ? m + (b[m] == '\n') : 0;
    }
    file_write(path, "[ui]\nmouse = maybe\n[keys]\nnew = q\nquit\n[colours]\ndim = loud\n[what]\n",
               0600);
    struct cli bad = cli("-c", path, "config", NULL);
    CHECK_INT(bad.status, 1);
    CHECK_HAS(bad.said[0].p, "# default\nmouse = yes\n");
    CHECK_HAS(bad.said[0].p, "# default\nnew = n\n");
    CHECK_HAS(bad.said[0].p, "# default\ndim = 247\n");
    CHECK_HAS(bad.said[1].p, format("telec: %s:2: maybe: expected yes or no\n", path));
    CHECK_HAS(bad.said[1].p, format("telec: %s:4: q: a key that nothing else has", path));
    CHECK_HAS(bad.said[1].p, format("telec: %s:5: quit: expected [section]", path));
    CHECK_HAS(bad.said[1].p, format("telec: %s:7: loud: expected [bold]", path));
    CHECK_HAS(bad.said[1].p, format("telec: %s:8: what: no such section", path));
}

/* ---- what it is connected to ---------------------------------------------------------------- */

static void test_cli_terminal_needed(void)
{
    daemon_start();
    char *id = start("\"command\": [\"sleep\", \"1000\"]");
    CLI_FAILS(cli(NULL), 1, "terminal");
    CLI_FAILS(cli("attach", id, NULL), 1, "terminal");
    static const char *const terms[] = {"TERM=dumb", "TERM="};
    for (size_t i = 0; i < 2; i++) {
        const char *const argv[] = {"/usr/bin/env", terms[i], e2e.binary, NULL};
        struct pty *t = pty_start(24, 80, argv);
        int status = pty_await_exit(t);
        CHECK_INT(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 1);
        CHECK_HAS(t->raw.p, terms[i]);
        CHECK(!strchr(t->raw.p, '\033'));
    }
}

static void test_cli_output_lost(void)
{
    daemon_start();
    if (!file_exists("/dev/full"))
        skip("no /dev/full");
    static const char *const commands[] = {"list --json", "help", "completion bash",
                                           "--version"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char *argv[] = {"/bin/sh", "-c", format("'%s' %s > /dev/full", e2e.binary, commands[i]),
                        NULL};
        struct cli c = cli_spawn(NULL, argv);
        cli_wait(__FILE__, __LINE__, &c);
        CLI_FAILS(c, 1, "cannot write");
    }
}

static void test_cli_attach(void)
{
    daemon_start();
    char *id = start_sh("stty -echo; echo ready; while read line; do echo \"got <$line>\"; "
                        "[ \"$line\" = end ] && exit 7; done");
    const char *const argv[] = {e2e.binary, "attach", id, NULL};
    AWAIT_SESSION(id, "last_output", "ready");
    struct pty *t = pty_start(24, 80, argv);
    PTY_AWAIT(t, "ready");
    pty_send(t, "hello\r");
    PTY_AWAIT(t, "got <hello>");
    pty_send(t, "\035d"); /* Ctrl-] d */
    CHECK_INT(pty_await_exit(t), 0);
    CHECK_INT(t->alternate, 0);
    CHECK(!session_is(id, "state", "exited"));
    t = pty_start(24, 80, argv);
    PTY_AWAIT(t, "got <hello>"); /* it is all there again */
    pty_send(t, "end\r");
    int status = pty_await_exit(t);
    CHECK(WIFEXITED(status));
    CHECK_INT(t->alternate, 0);
    CHECK_HAS(t->raw.p, format("ended; 'telec tail %.8s' prints", id));
    AWAIT_SESSION(id, "exit_code", "7");
    t = pty_start(24, 80, argv);
    status = pty_await_exit(t);
    CHECK_INT(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 1);
    CHECK_HAS(t->raw.p, "telec: "); /* and it says why */
}

/* telec attach without an id, with "-", and telec new --attach. */
static void test_cli_attach_which(void)
{
    static const char *const say = "echo \"this is $0\"; read x; echo more; read x";
    daemon_start();
    char *asks = start("\"title\": \"asks\", "
                       "\"command\": [\"sh\", \"-c\", \"printf 'Name: '; read x\"]");
    AWAIT_SESSION(asks, "state", "waiting");
    const char *const made[] = {e2e.binary, "new", "--attach", "-t", "one", "--", "sh", "-c", say,
                                "one", NULL};
    struct pty *t = pty_start(24, 80, made);
    PTY_AWAIT(t, "this is one");
    pty_send(t, "\035d");
    CHECK_INT(pty_await_exit(t), 0);
    const char *const waits[] = {e2e.binary, "attach", NULL};
    t = pty_start(24, 80, waits);
    PTY_AWAIT(t, "Name:");
    pty_send(t, "\035d");
    CHECK_INT(pty_await_exit(t), 0);
    const char *const before[] = {e2e.binary, "attach", "-", NULL};
    t = pty_start(24, 80, before);
    PTY_AWAIT(t, "this is one");
    pty_send(t, "\035d");
    CHECK_INT(pty_await_exit(t), 0);
    t = pty_start(24, 80, before); /* and back */
    PTY_AWAIT(t, "Name:");
    pty_send(t, "\035d");
    CHECK_INT(pty_await_exit(t), 0);
    const char *const quick[] = {e2e.binary, "new", "--attach", "true", NULL};
    t = pty_start(24, 80, quick);
    CHECK_INT(pty_await_exit(t), 0); /* whether or not its screen came in time */
    CHECK_HAS(t->raw.p, "telec tail");
}

static const struct test cli_tests[] = {
    {"cli_help", test_cli_help},
    {"cli_usage", test_cli_usage},
    {"cli_list", test_cli_list},
    {"cli_list_on_terminal", test_cli_list_on_terminal},
    {"cli_new", test_cli_new},
    {"cli_new_inside", test_cli_new_inside},
    {"cli_agents", test_cli_agents},
    {"cli_prefixes", test_cli_prefixes},
    {"cli_send", test_cli_send},
    {"cli_keys", test_cli_keys},
    {"cli_kill", test_cli_kill},
    {"cli_tail", test_cli_tail},
    {"cli_tail_at_its_end", test_cli_tail_at_its_end},
    {"cli_tail_without_daemon", test_cli_tail_without_daemon},
    {"cli_tail_follow", test_cli_tail_follow},
    {"cli_status", test_cli_status},
    {"cli_tail_lines", test_cli_tail_lines},
    {"cli_grep", test_cli_grep},
    {"cli_wait", test_cli_wait},
    {"cli_watch", test_cli_watch},
    {"cli_several", test_cli_several},
    {"cli_attention", test_cli_attention},
    {"cli_watch_interrupted", test_cli_watch_interrupted},
    {"cli_watch_pipe_closed", test_cli_watch_pipe_closed},
    {"cli_hook", test_cli_hook},
    {"cli_hook_silent", test_cli_hook_silent},
    {"cli_hook_hint", test_cli_hook_hint},
    {"cli_mcp", test_cli_mcp},
    {"cli_mcp_cancel", test_cli_mcp_cancel},
    {"cli_help_agents", test_cli_help_agents},
    {"cli_hook_install", test_cli_hook_install},
    {"cli_starts_daemon", test_cli_starts_daemon},
    {"cli_daemon_cannot_start", test_cli_daemon_cannot_start},
    {"cli_sockets", test_cli_sockets},
    {"cli_config", test_cli_config},
    {"cli_effective_config", test_cli_effective_config},
    {"cli_terminal_needed", test_cli_terminal_needed},
    {"cli_output_lost", test_cli_output_lost},
    {"cli_attach", test_cli_attach},
    {"cli_attach_which", test_cli_attach_which},
};
