#include "cli.h"

/* ---- daemon, help --------------------------------------------------------------------------- */

static int cli_daemon(struct cli *c)
{
    buf error = {0};
    long long ready_fd = -1;
    int status;
    if (c->value['s']) {
        status = spawn_stop(&c->config, &error);
        if (status == 1)
            buf_fmt(&error, "no daemon is running on %s", c->config.socket);
        status = status != 0;
    } else {
        if (c->value['R'] && !span_int(span_of(c->value['R']), &ready_fd))
            return cli_usage("a descriptor's number is expected", c->value['R']);
        log_open(2, LOG_INFO);
        for (span rest = buf_view(&c->config.problems); rest.n;) {
            span line = span_cut(&rest, '\n');
            log_line(LOG_WARN, "%.*s", (int)line.n, line.p);
        }
        status = daemon_run(&c->config, (int)ready_fd, &error);
    }
    if (error.n)
        cli_fail("%s", buf_cstr(&error));
    buf_free(&error);
    return status;
}

/* The configuration as it is after defaults, environment, options and file; what the file says
 * wrong goes to stderr. */
static int cli_config(struct cli *c)
{
    buf out = {0}, problems = {0};
    buf_span(&problems, buf_view(&c->config.problems));
    config_put(&c->config, &out);
    buf_byte(&out, '\n');
    keys_put_config(&c->config, &out, &problems);
    int status = cli_write(&out);
    for (span rest = buf_view(&problems); rest.n;) {
        span line = span_cut(&rest, '\n');
        status = cli_fail("%.*s", (int)line.n, line.p);
    }
    buf_free(&problems);
    return status;
}

static int cli_help(struct cli *c);
static int cli_completion(struct cli *c);
static int cli_hold(struct cli *c);
static int cli_resolve(struct cli *c);

static const struct cli_command cli_commands[] = {
    {"list", "", "list the sessions", "jo", 0, 0, command_list},
    {"computers", "", "list the computers that are known", "j", 0, 0, command_computers},
    {"new", "[--] [COMMAND...]",
     "start a session: COMMAND, or an agent (else a shell); prints its id", "amtCpo", 0, -1,
     command_new},
    {"send", "ID TEXT...", "type a message into a session and submit it; says whether it reacted",
     "Eo", 2, -1, command_send},
    {"kill", "ID...", "end sessions, or dismiss exited ones", "o", 1, -1, command_kill},
    {"tail", "ID", "the end of what a session's program wrote, as plain text", "nfo", 1, 1,
     command_tail},
    {"status", "ID", "a session's state, and why", "o", 1, 1, command_status},
    {"wait", "ID", "until the session does not work any more, or is in that state", "wT", 1, 1,
     command_wait},
    {"attach", "ID", "be in that session; Ctrl-] d leaves it", "o", 1, 1, command_attach},
    {"watch", "", "every event as a line of JSON, until interrupted", "", 0, 0, command_watch},
    {"project", "[add|remove DIR]",
     "list the projects with their todos; remember a directory, or forget it", "j", 0, 2,
     command_project},
    {"hook", "[JSON]", "for agents to call: reports what their hooks say of the session", "iy", 0,
     1, command_hook},
    {"daemon", "", "run the daemon in the foreground; clients start one by themselves", "sR", 0, 0,
     cli_daemon},
    {"config", "", "print the effective configuration, and where each value comes from", "", 0, 0,
     cli_config},
    {"help", "", "show this", "", 0, 1, cli_help},
    {"completion", "bash", "print a completion script for bash", "", 1, 1, cli_completion},
    {"/list", "", NULL, "jo", 0, 0, command_list},
    {"/claude", "[MODE] [PROMPT...]", "start that agent (also /gemini, /codex)", "tC", 0, -1,
     command_agent},
    {"/gemini", "", NULL, "tC", 0, -1, command_agent},
    {"/codex", "", NULL, "tC", 0, -1, command_agent},
    {"hold", "", NULL, "", 0, -1, cli_hold},
    {"resolve", "", NULL, "", 2, 2, cli_resolve},
};

static int cli_hold(struct cli *c)
{
    (void)c;
    return holder_main();
}

static int cli_resolve(struct cli *c)
{
    return redis_resolve_main(c->args[0], c->args[1]);
}

static void cli_put_option(buf *out, const struct cli_option *option)
{
    char form[64];
    snprintf(form, sizeof form, "%c%c%s--%s%s%s", option->is_short ? '-' : ' ',
             option->is_short ? option->letter : ' ', option->is_short ? ", " : "  ", option->name,
             option->value ? " " : "", option->value ? option->value : "");
    buf_fmt(out, "      %-24s %s\n", form, option->help);
}

static int cli_help(struct cli *c)
{
    buf out = {0};
    (void)c;
    buf_str(
        &out,
        "telec " TELEC_VERSION " - see and drive terminal and AI-agent sessions, live\n\n"
        "  telec [OPTIONS]                 open the terminal UI\n"
        "  telec [OPTIONS] COMMAND ...\n\nCommands (ID: a session's id, or the beginning of it)\n");
    for (size_t i = 0; i < COUNT_OF(cli_commands); i++) {
        const struct cli_command *command = &cli_commands[i];
        char form[64];
        if (!command->help)
            continue;
        snprintf(form, sizeof form, "%s %s", command->name, command->args);
        buf_fmt(&out, "  %-28s %s\n", form, command->help);
        for (size_t k = 0; k < COUNT_OF(cli_options); k++)
            if (strchr(command->options, cli_options[k].letter) && cli_options[k].letter != 'R')
                cli_put_option(&out, &cli_options[k]);
    }
    buf_str(&out, "\nOptions\n");
    for (size_t k = 0; k < COUNT_OF(cli_options); k++)
        if (strchr(cli_everywhere, cli_options[k].letter))
            cli_put_option(&out, &cli_options[k]);
    buf_str(&out, "\nKeys of the terminal UI\n");
    keys_put_table(&out);
    return cli_write(&out);
}

static int cli_completion(struct cli *c)
{
    buf out = {0};
    if (strcmp(c->args[0], "bash") != 0)
        return cli_usage("only bash is known", c->args[0]);
    buf_str(&out, "_telec() {\n    local word=${COMP_WORDS[COMP_CWORD]}\n    if [ \"$COMP_CWORD\" "
                  "= 1 ]; then\n"
                  "        mapfile -t COMPREPLY < <(compgen -W '");
    for (size_t i = 0; i < COUNT_OF(cli_commands); i++)
        if (cli_commands[i].help)
            buf_fmt(&out, "%s ", cli_commands[i].name);
    buf_str(&out, "' -- \"$word\")\n    else\n        mapfile -t COMPREPLY < <(compgen -W \"");
    for (size_t k = 0; k < COUNT_OF(cli_options); k++)
        buf_fmt(&out, "--%s ", cli_options[k].name);
    buf_str(&out, "$(telec --no-daemon list 2>/dev/null | cut -f 1)\" -- \"$word\")\n    fi\n}\n"
                  "complete -F _telec telec\n");
    return cli_write(&out);
}

/* ---- the command line ----------------------------------------------------------------------- */

static const struct cli_option *cli_find_option(const char *word, size_t n)
{
    for (size_t i = 0; i < COUNT_OF(cli_options); i++) {
        const struct cli_option *option = &cli_options[i];
        if (word[1] == '-'
                ? n == strlen(option->name) + 2 && strncmp(word + 2, option->name, n - 2) == 0
                : option->is_short && option->letter == word[1])
            return option;
    }
    return NULL;
}

static int cli_is_valid(const struct cli *c, const struct cli_option *option)
{
    return strchr(cli_everywhere, option->letter) ||
           (c->command && strchr(c->command->options, option->letter));
}

/* One option at argv[0], its value behind '=' (or the letter) or in argv[1]. How many words it
 * took; -1: usage. */
static int cli_take_option(struct cli *c, char **argv)
{
    const char *word = argv[0], *equals = word[1] == '-' ? strchr(word, '=') : NULL;
    const struct cli_option *option =
        cli_find_option(word, equals ? (size_t)(equals - word) : strlen(word));
    const char *attached = equals ? equals + 1 : word[1] != '-' && word[2] ? word + 2 : NULL;
    if (!option || !cli_is_valid(c, option))
        return cli_usage(c->command ? "no such option for this command" : "no such option", word),
               -1;
    if (!option->value && attached)
        return cli_usage("this option takes no value", word), -1;
    if (option->value && !attached && !argv[1])
        return cli_usage("this option needs a value", word), -1;
    c->value[(int)option->letter] = option->value ? (attached ? attached : argv[1]) : "";
    return option->value && !attached ? 2 : 1;
}

static const struct cli_command *cli_find_command(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(cli_commands); i++)
        if (strcmp(cli_commands[i].name, name) == 0)
            return &cli_commands[i];
    return NULL;
}

/* Options may stand before and after the command; what follows "--", or new's COMMAND, is left
 * alone. */
static int cli_parse(struct cli *c, char **argv)
{
    while (*argv) {
        if (strcmp(*argv, "--") == 0) {
            for (argv++; *argv; argv++)
                c->args[c->arg_count++] = *argv;
            break;
        }
        if ((*argv)[0] == '-' && (*argv)[1]) {
            int took = cli_take_option(c, argv);
            if (took < 0)
                return 2;
            argv += took;
        } else if (!c->command) {
            if (!(c->command = cli_find_command(*argv)))
                return cli_usage("no such command", *argv);
            argv++;
        } else {
            int rest =
                c->command->run == command_new || (c->command->run == command_send && c->arg_count == 1);
            do
                c->args[c->arg_count++] = *argv++;
            while (rest && *argv);
        }
    }
    if (c->command && c->arg_count < c->command->least)
        return cli_usage("more arguments are needed", c->command->name);
    if (c->arg_count && (!c->command || (c->command->most >= 0 && c->arg_count > c->command->most)))
        return cli_usage("too many arguments", c->args[c->arg_count - 1]);
    return 0;
}

/* ---- main ----------------------------------------------------------------------------------- */

static int cli_run(struct cli *c)
{
    if (!c->command)
        return command_ui(c, NULL);
    loop_init(&c->loop);
    client_init(&c->client, &c->loop, &c->config, c->value['D'] == NULL, NULL, NULL);
    int status = c->command->run(c);
    client_free(&c->client);
    loop_free(&c->loop);
    return status;
}

static int cli_main(int argc, char **argv)
{
    struct cli c = {.args = base_alloc((size_t)(argc + 1) * sizeof(char *))};
    buf error = {0};
    int status = cli_parse(&c, argv + (argc > 0));
    if (status == 0 && c.value['V']) {
        printf("telec %s\n", TELEC_VERSION);
    } else if (status == 0 && (c.value['h'] || (c.command && c.command->run == cli_help))) {
        status = cli_help(&c);
    } else if (status == 0 && c.command &&
               (c.command->run == cli_hold || c.command->run == cli_resolve)) {
        status = c.command->run(&c); /* these two need no configuration */
    } else if (status == 0) {
        if (config_load(&c.config, argv[0], c.value['S'], c.value['c'], &error) != 0)
            status = cli_fail("%s", buf_cstr(&error));
        else
            status = cli_run(&c);
        config_free(&c.config);
    }
    buf_free(&error);
    buf_free(&c.body);
    free(c.args);
    return status;
}
