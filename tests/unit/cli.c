/* Unit tests of cli: what the parser makes of words, and help. Uses context.c's calls. */

/* Parses a command line; the result in *cli, arguments in args. */
static int unit_cli_parse(struct cli *cli, char **args, char **words)
{
    *cli = (struct cli){.command = NULL};
    cli->context.args = args;
    fflush(stderr);
    FILE *error = tmpfile();
    int saved = unit_context_capture(2, error), status = cli_parse(cli, words);
    buf said = {0};
    unit_context_release(2, saved, error, &said);
    CHECK((status == 0) == (said.n == 0));
    buf_free(&said);
    return status;
}

static void unit_cli_options(void)
{
    static const struct {
        const char *line, *command;
        char letter;
        const char *value;    /* NULL: not given */
        int args;
    } good[] = {
        {"list --json", "list", 'j', "", 0},
        {"send --help", "send", 'h', "", 0},
        {"--json list", NULL, 0, NULL, -1}, /* options of a command follow it */
        {"-S /s list", "list", 'S', "/s", 0},
        {"-S/s list", "list", 'S', "/s", 0},
        {"--socket=/s list", "list", 'S', "/s", 0},
        {"list --socket /s", "list", 'S', "/s", 0},
        {"list -S ''", "list", 'S', "", 0},
        {"tail -n 3 x", "tail", 'n', "3", 1},
        {"tail -n3 x", "tail", 'n', "3", 1},
        {"tail --chars= x", "tail", 'n', "", 1},
        {"new sh -S /s", "new", 'S', NULL, 3},
        {"new -- -S", "new", 'S', NULL, 1},
        {"send x -S /s", "send", 'S', "/s", 1}, /* the text is missing: the command says so */
        {"-- list --json", "list", 'j', "", 0},
        {"send x y -S /s", "send", 'S', NULL, 4},
        {"kill -- -x --", "kill", 'o', NULL, 2},
        {"/codex fast x", CLI_AGENT, 'a', "codex", 2},
        {"end x", "kill", 'a', NULL, 1},
        {"", NULL, 'S', NULL, 0},
    };
    test_begin("options are parsed before and after the command, but not in its text");
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct cli cli;
        char **words = config_words(span_of(good[i].line)), *args[16];
        int status = unit_cli_parse(&cli, args, words);
        CHECK_INT(status, good[i].args < 0 ? 2 : 0);
        const char *value = cli.context.value[(int)good[i].letter];
        if (status == 0) {
            CHECK(good[i].command ? cli.command && strcmp(cli.command->name, good[i].command) == 0
                                  : !cli.command);
            CHECK(good[i].value ? value && strcmp(value, good[i].value) == 0 : !value);
            CHECK_INT(cli.context.arg_count, good[i].args);
        }
        free(words);
    }
}

static void unit_cli_refused(void)
{
    static const char *const bad[] = {
        "bogus",       "--bogus",    "-Z",         "list --agent x", "list --json=1", "-S",
        "--socket",    "-h3",        "list x",     "send",           "tail",          "tail a b",
        "--socke=/s",  "--sockets /s", "/shell",   "/AGENT",         "x y",           "-- -S",
        "answer x",    "completion", "resolve a",  "new --title",    "list -j"};
    test_begin("a command line that is not understood is refused with a message");
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct cli cli;
        char **words = config_words(span_of(bad[i])), *args[16];
        CHECK_INT(unit_cli_parse(&cli, args, words), 2);
        free(words);
    }
}

static void unit_cli_tables(void)
{
    test_begin("every option of a command is in the table, and no name is twice");
    for (size_t i = 0; i < COUNT_OF(cli_commands); i++) {
        const struct cli_command *command = &cli_commands[i];
        CHECK(!command->run != !command->run_bare);
        for (const char *letter = command->options; *letter; letter++) {
            size_t k = 0;
            while (k < COUNT_OF(cli_options) && cli_options[k].letter != *letter)
                k++;
            CHECK(k < COUNT_OF(cli_options) && !strchr(cli_everywhere, *letter));
        }
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(cli_commands[k].name, command->name) != 0);
    }
    for (size_t i = 0; i < COUNT_OF(cli_options); i++)
        for (size_t k = 0; k < i; k++)
            CHECK(cli_options[k].letter != cli_options[i].letter &&
                  strcmp(cli_options[k].name, cli_options[i].name) != 0);
}

/* Stand-ins for the programs: what they were called with. */
static int unit_cli_daemon(struct config *config, int ready_fd, buf *error)
{
    buf_fmt(error, "ready %d, %s", ready_fd, config->computer[0] ? "configured" : "");
    return 1;
}

static int unit_cli_holder(void)
{
    return 41;
}

static int unit_cli_resolver(const char *host, const char *port)
{
    return strcmp(host, "h") == 0 && strcmp(port, "7") == 0 ? 42 : 1;
}

/* Runs main with the words of a line; the output in *out and *error. */
static int unit_cli_main(const char *line, buf *out, buf *error)
{
    static const struct cli_programs programs = {unit_cli_daemon, unit_cli_holder,
                                                 unit_cli_resolver};
    char **words = config_words(span_of(line));
    int count = 0;
    while (words[count])
        count++;
    fflush(stdout);
    FILE *out_file = tmpfile(), *error_file = tmpfile();
    int saved = unit_context_capture(1, out_file);
    int saved_error = unit_context_capture(2, error_file);
    int status = cli_main(count, words, &programs);
    fflush(stdout);
    unit_context_release(1, saved, out_file, out);
    unit_context_release(2, saved_error, error_file, error);
    free(words);
    return status;
}

static void unit_cli_mains(void)
{
    static const struct {
        const char *line;
        int status;
        const char *out, *error; /* parts of what is printed */
    } calls[] = {
        {"telec hold", 41, "", ""},
        {"telec resolve h 7", 42, "", ""},
        {"telec -c /nowhere hold", 41, "", ""}, /* needs no configuration */
        {"telec daemon --ready-fd 9 -c /dev/null", 1, "", "telec: ready 9, configured"},
        {"telec daemon --ready-fd x -c /dev/null", 2, "", "expected a descriptor's number"},
        {"telec daemon --stop -c /dev/null -S /nowhere/s", 1, "", "/nowhere/s"},
        {"telec -c /nowhere list", 1, "", "/nowhere"},
        {"telec --version", 0, "telec " TELEC_VERSION "\n", ""},
        {"telec -c /nowhere help", 0, "Commands (ID", ""},
        {"telec list -h", 0, "list sessions\n", ""},
        {"telec help", 0,
         "an agent: claude, gemini, codex, opencode, qwen, copilot and shell\n", ""},
        {"telec help", 0, "start an agent: /claude, /gemini, /codex, /opencode, /qwen, /copilot\n",
         ""},
        {"telec help", 0, "hooks of claude, gemini, codex, opencode, qwen and copilot\n", ""},
        {"telec completion bash", 0, "complete -F _telec telec\n", ""},
        {"telec completion zsh", 0, "#compdef telec\n", ""},
        {"telec completion fish", 0, "complete -c telec", ""},
        {"telec completion csh", 2, "", "expected bash, zsh or fish"},
        {"telec help --man", 0, ".It Ic kill Ar \"[ID...]\"\n", ""},
        {"telec help --man", 0, ".It Fl C , Fl -directory Ar DIR\n", ""},
        {"telec -c /dev/null complete -- nonsense x", 1, "", ""},
        {"telec -c /dev/null config", 0, "[agent codex]", ""},
        {"telec -c /dev/null list --no-daemon -S /nowhere/s", 1, "", "/nowhere/s"},
        {"telec -c /dev/null", 1, "", "needs a terminal"},
    };
    test_begin("main runs the command, the UI or what another part handed over");
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        buf out = {0}, error = {0};
        CHECK_INT(unit_cli_main(calls[i].line, &out, &error), calls[i].status);
        CHECK(strstr(out.p, calls[i].out) != NULL);
        if (!strstr(error.p, calls[i].error) || (!calls[i].error[0] && error.n)) {
            CHECK(!"the message");
            printf("#   %s: %s", calls[i].line, error.p);
        }
        buf_free(&out);
        buf_free(&error);
    }
}

static void unit_cli_man(void)
{
    buf out = {0}, error = {0};
    test_begin("the manual page has under a command the options that it takes, and no other");
    CHECK_INT(unit_cli_main("telec help --man", &out, &error), 0);
    char *list = strstr(buf_cstr(&out), "\n.It Ic list"), *next = list ? list + 1 : NULL;
    next = next ? strstr(next, "\n.It Ic ") : NULL;
    CHECK(list && next);
    if (next) {
        *next = '\0';
        CHECK(strstr(list, "Fl -json\n") && strstr(list, "Fl -computer Ar "));
        CHECK(!strstr(list, "Fl -directory") && !strstr(list, "Fl -socket"));
    }
    buf_free(&out), buf_free(&error);
}

static void unit_cli_completes(void)
{
    static const char *const calls[][2] = { /* words, and the first fields of the answer's lines */
        {"ki", "kill"},
        {"/", "/claude /gemini /codex /opencode /qwen /copilot"},
        {"--so", "--socket"},
        {"list --", "--socket --config --no-daemon --help --version --json "
                    "--jsonl --columns --computer "
                    "--ended"},
        {"--no-daemon lis", "list"},
        {"wait --state w", "waiting working"},
        {"wait --state=w x --state i", "idle"},
        {"new -m ''", "fast med slow"},
        {"new -mfast --agent co", "codex copilot"},
        {"new -C ''", ":dirs"},
        {"new ''", ":programs"},
        {"new make -", ":programs"}, /* the command's own option */
        {"project r", "remove"},
        {"project add x", ":dirs"},
        {"answer ID y", "yes"},
        {"/claude me", "med"},
        {"/claude med x", ""},
        {"help li", "list"},
        {"help a", "answer attach agents"},
        {"completion ''", "bash zsh fish"},
        {"-c ''", ":files"},
        {"daemon ''", ""},
    };
    test_begin("a word is completed as the tables of commands and options say");
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        buf line = {0}, out = {0}, error = {0}, got = {0};
        buf_fmt(&line, "telec -c /dev/null complete -- %s", calls[i][0]);
        CHECK_INT(unit_cli_main(buf_cstr(&line), &out, &error), 0);
        for (span rest = buf_view(&out); rest.n;) {
            span answer = span_cut(&rest, '\n');
            buf_str(&got, got.n ? " " : "");
            buf_span(&got, span_cut(&answer, '\t'));
        }
        CHECK_SPAN(buf_view(&got), calls[i][1]);
        buf_free(&line), buf_free(&out), buf_free(&error), buf_free(&got);
    }
}

static void unit_cli_tells_starter(void)
{
    int ends[2];
    char line[80], said[200] = "";
    buf out = {0}, error = {0};
    test_begin("a daemon that can't read its configuration tells its starter");
    CHECK_INT(pipe(ends), 0);
    snprintf(line, sizeof line, "telec -c /nowhere/config daemon --ready-fd %d", ends[1]);
    CHECK_INT(unit_cli_main(line, &out, &error), 1);
    ssize_t n = read(ends[0], said, sizeof said - 1);
    CHECK(n > 0 && strstr(buf_cstr(&error), "/nowhere/config") != NULL);
    CHECK(n > 0 && strstr(said, "/nowhere/config") != NULL);
    close(ends[0]), close(ends[1]);
    buf_free(&out), buf_free(&error);
}

static void unit_cli(void)
{
    unit_cli_options();
    unit_cli_refused();
    unit_cli_tables();
    unit_cli_mains();
    unit_cli_tells_starter();
    unit_cli_man();
    unit_cli_completes();
}
