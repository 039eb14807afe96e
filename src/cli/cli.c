#include "cli.h"

/* cli - the command line: the tables of options and commands, and what is made of them.
 *
 * Help and the completion script are printed from the tables that also decide what is valid. */

/* ---- options -------------------------------------------------------------------------------- */

struct cli_option {
    char letter;            /* of context.value, and of the tables below */
    int is_short;           /* may be written -letter */
    const char *name, *value; /* value: its name in the help; NULL: a switch */
    const char *help;
    enum { CLI_NO_NAMES, CLI_AGENTS, CLI_HOOKED } names; /* the help ends with names of agents */
};

static const struct cli_option cli_options[] = {
    {'S', 1, "socket", "PATH", "the daemon's socket (else $TELEC_SOCKET, else the default)", 0},
    {'c', 1, "config", "PATH", "the configuration file (else $TELEC_CONFIG, else the default)", 0},
    {'D', 0, "no-daemon", NULL, "do not start a daemon when none is running", 0},
    {'h', 1, "help", NULL, "show this", 0},
    {'V', 0, "version", NULL, "show the version", 0},
    {'j', 0, "json", NULL, "print the daemon's JSON", 0},
    {'o', 0, "computer", "NAME", "the session's computer (list: only its sessions)", 0},
    {'a', 1, "agent", "AGENT", "an agent: ", CLI_AGENTS},
    {'m', 1, "mode", "MODE", "fast, med or slow: the agent's configured flags", 0},
    {'t', 1, "title", "TITLE", "the session's title", 0},
    {'C', 1, "directory", "DIR", "the session's directory (else this one)", 0},
    {'p', 1, "prompt", "TEXT", "the session's first message", 0},
    {'k', 0, "hooks", NULL, "have the agent report to telec: add its hooks first", 0},
    {'n', 1, "chars", "N", "the last N characters (else 5000)", 0},
    {'i', 1, "ignore-case", NULL, "large and small letters are alike", 0},
    {'l', 1, "lines", "N", "the last N lines", 0},
    {'g', 0, "attach", NULL, "attach to it at once", 0},
    {'E', 0, "no-enter", NULL, "type the text, do not submit it", 0},
    {'f', 1, "follow", NULL, "then print new output as it comes", 0},
    {'w', 0, "state", "STATE", "in this state: waiting, idle, working, exited (wait: until then)",
     0},
    {'J', 0, "project", "DIR", "sessions in this directory, or in one of that name", 0},
    {'A', 0, "all", NULL, "all sessions", 0},
    {'z', 0, "to", "ID,ID", "to these sessions, with TEXT alone", 0},
    {'T', 0, "timeout", "S", "fail after S seconds", 0},
    {'H', 0, "install", "AGENT", "print the hooks of ", CLI_HOOKED},
    {'F', 0, "force", NULL, "kill: the holder and its processes; send: whatever it waits for", 0},
    {'y', 0, "yes", NULL, "add the hooks to that file", 0},
    {'u', 0, "uninstall", "AGENT", "remove telec's hooks from that file", 0},
    {'W', 0, "waiting", NULL, "a line for each session that begins to wait: id, title, question",
     0},
    {'L', 0, "lost", NULL, "all sessions that were lost with the computer", 0},
    {'O', 0, "ended", NULL, "ended sessions whose conversation restart resumes", 0},
    {'G', 0, "fresh", NULL, "begin a new conversation, do not resume the agent's last one", 0},
    {'s', 0, "stop", NULL, "stop the daemon; sessions continue", 0},
    {'U', 0, "unit", NULL, "print a systemd user unit for it; the manual says what it is for", 0},
    {'N', 0, "name", "NAME", "the computer's name here (else its own)", 0},
    {'B', 0, "background", NULL, "stay in the foreground's place: a daemon started this", 0},
    {'P', 0, "protocol", NULL, "print what it speaks", 0},
    {'R', 0, "ready-fd", "FD", "write a line to this descriptor when clients are served", 0},
};

static const char cli_everywhere[] = "ScDhV"; /* options of every command */
static const char cli_hidden[] = "RBP";         /* options that the help does not show */

/* ---- commands ------------------------------------------------------------------------------- */

#define CLI_AGENT "/AGENT" /* the command's name in the table; people type /claude, /codex … */

struct cli;
struct cli_command {
    const char *name;
    const char *alias;      /* its other name, or NULL */
    const char *args, *help; /* help NULL: hidden */
    const char *options;    /* letters, besides cli_everywhere */
    int least, most;        /* number of arguments; most < 0: any */
    int verbatim;           /* from this argument on, words are no options; < 0: never */
    int (*run)(struct context *c); /* one of the two */
    int (*run_bare)(struct cli *cli);
};

struct cli {
    struct context context;
    const struct cli_command *command; /* NULL: the UI */
    const struct cli_programs *programs;
};

static int cli_daemon(struct cli *cli);
static int cli_config(struct context *c);
static int cli_help(struct cli *cli);
static int cli_completion(struct context *c);
static int cli_hold(struct cli *cli);
static int cli_resolve(struct cli *cli);
static int cli_transcript(struct cli *cli);

static const struct cli_command cli_commands[] = {
    {"list", "/list", "", "list sessions", "jOo", 0, 0, -1, command_list, NULL},
    {"computers", NULL, "", "list the known computers", "j", 0, 0, -1, command_computers, NULL},
    {"new", NULL, "[--] [COMMAND...]",
     "start a session: COMMAND, an agent, else a shell; prints its id", "amtCpokg", 0, -1, 0,
     enter_new, NULL},
    {"send", NULL, "ID TEXT...", "send a message to a session; prints whether the session reacted",
     "zJwaAEFo", 1, -1, 1, command_send, NULL},
    {"answer", NULL, "ID 1|yes|no|TEXT", "choose in the dialog that a session shows", "o", 2, -1, 1,
     command_answer, NULL},
    {"kill", "end", "[ID...]", "end sessions, or dismiss exited ones (also: end)", "JwaAFo", 0, -1,
     -1,
     command_kill, NULL},
    {"restart", NULL, "[ID...]", "start exited sessions again; an agent resumes its conversation",
     "LGJaAo", 0, -1, -1, command_restart, NULL},
    {"tail", NULL, "ID", "print the end of a session's output as plain text", "nlfo", 1, 1, -1,
     command_tail, NULL},
    {"grep", NULL, "TEXT [ID...]", "print the lines of sessions' output that have a fixed text",
     "io", 1, -1, 0, grep_run, NULL},
    {"status", NULL, "ID", "print a session's state and its reason", "o", 1, 1, -1, command_status,
     NULL},
    {"wait", NULL, "[ID...]", "wait until sessions stop working, or have the given state",
     "wTJaA", 0, -1, -1, command_wait, NULL},
    {"attach", NULL, "[ID]",
     "attach to it, else to one that waits; - to the one before; Ctrl-] d detaches", "o", 0,
     1, -1, enter_attach,
     NULL},
    {"watch", NULL, "", "print every event as a line of JSON until interrupted", "W", 0, 0, -1,
     command_watch, NULL},
    {"project", NULL, "[add|remove DIR]", "list projects and their todos; add or remove a project",
     "j", 0, 2, -1, command_project, NULL},
    {"doctor", NULL, "", "say what this host will do to a session, and what mends that", "j", 0, 0,
     -1, doctor_run, NULL},
    {"reach", NULL, "COMMAND...",
     "see and drive a computer through a pipe: ssh HOST, docker exec -i BOX", "NB", 1, -1, 0,
     hosts_reach, NULL},
    {"unreach", NULL, "NAME", "forget a reached computer; its sessions continue", "", 1, 1, -1,
     hosts_unreach, NULL},
    {"relay", NULL, "", NULL, "P", 0, 0, -1, hosts_relay, NULL},
    {"mcp", NULL, "", "be a server of the Model Context Protocol on stdin and stdout", "", 0, 0, -1,
     mcp_serve, NULL},
    {"hook", NULL, "[JSON]", "report an agent's hook event; agents run this", "Hyu", 0, 1, -1,
     command_hook, NULL},
    {"daemon", NULL, "", "run the daemon in the foreground; clients start one by themselves", "sUR",
     0, 0, -1, NULL, cli_daemon},
    {"config", NULL, "", "print the effective configuration and where each value comes from", "", 0,
     0, -1, cli_config, NULL},
    {"help", NULL, "[agents]", "show this; for agents: how to drive other sessions", "", 0, 1, -1,
     NULL, cli_help},
    {"completion", NULL, "bash", "print a completion script for bash", "", 1, 1, -1, cli_completion,
     NULL},
    {CLI_AGENT, NULL, "[MODE] [PROMPT...]", "start an agent: ", "tCk", 0, -1, -1, command_agent,
     NULL},
    {"hold", NULL, "", NULL, "", 0, -1, -1, NULL, cli_hold},
    {"resolve", NULL, "", NULL, "", 2, 2, -1, NULL, cli_resolve},
    {"transcript", NULL, "", NULL, "", 3, 3, -1, NULL, cli_transcript},
};

/* ---- daemon, config, child processes -------------------------------------------------------- */

static void cli_log_problems(const buf *problems)
{
    for (span rest = buf_view(problems); rest.n;) {
        span line = span_cut(&rest, '\n');
        log_line(LOG_WARN, "%.*s", (int)line.n, line.p);
    }
}

static int cli_stop_daemon(const struct config *config, buf *error)
{
    int status = spawn_stop(config, error);
    if (status == 1)
        buf_fmt(error, "no daemon is running on %s", config->socket);
    return status != 0;
}

/* Appends a word as systemd.unit(5) quotes it: % begins a specifier, $ a variable. */
static void cli_put_unit_word(buf *b, const char *word)
{
    buf_str(b, b->p[b->n - 1] == '=' ? "\"" : " \"");
    for (; *word; word++) {
        if (*word == '"' || *word == '\\')
            buf_byte(b, '\\');
        else if (*word == '%' || *word == '$')
            buf_byte(b, *word);
        buf_byte(b, *word);
    }
    buf_byte(b, '"');
}

/* Prints a unit whose end leaves the holders alone: they are in its control group. */
static int cli_print_unit(const struct context *c)
{
    buf out = {0};
    buf_str(&out, "# telec daemon --unit > ~/.config/systemd/user/telec.service\n"
                  "# systemctl --user enable --now telec; loginctl enable-linger\n"
                  "[Unit]\nDescription=telec: terminal and AI-agent sessions\n\n"
                  "[Service]\nExecStart=");
    cli_put_unit_word(&out, c->config.program);
    if (c->value['S'])
        cli_put_unit_word(&out, "-S"), cli_put_unit_word(&out, c->config.socket);
    if (c->value['c'])
        cli_put_unit_word(&out, "-c"), cli_put_unit_word(&out, c->config.file);
    buf_str(&out, " daemon\nKillMode=process\nOOMPolicy=continue\nRestart=on-failure\n\n"
                  "[Install]\nWantedBy=default.target\n");
    return context_write(&out);
}

static int cli_daemon(struct cli *cli)
{
    struct context *c = &cli->context;
    buf error = {0};
    long long ready_fd = -1;
    int status;
    if (c->value['U']) {
        status = cli_print_unit(c);
    } else if (c->value['s']) {
        status = cli_stop_daemon(&c->config, &error);
    } else {
        if (c->value['R'] && !span_int(span_of(c->value['R']), &ready_fd))
            return context_usage("expected a descriptor's number", c->value['R']);
        if (strncmp(c->config.file, CONFIG_INHERITED, strlen(CONFIG_INHERITED)) == 0)
            unsetenv("TELEC_CONFIG"); /* the programs of sessions don't have it */
        log_open(2, LOG_INFO);
        cli_log_problems(&c->config.problems);
        status = cli->programs->daemon(&c->config, (int)ready_fd, &error);
    }
    if (error.n)
        context_fail("%s", buf_cstr(&error));
    buf_free(&error);
    return status;
}

/* Prints the effective configuration: defaults, file, environment, options. Problems of the file go
 * to stderr and make the command fail. */
static int cli_config(struct context *c)
{
    buf out = {0}, problems = {0};
    buf_span(&problems, buf_view(&c->config.problems));
    config_put(&c->config, &out);
    buf_byte(&out, '\n');
    keys_put_config(&c->config, &out, &problems);
    int status = context_write(&out);
    for (span rest = buf_view(&problems); rest.n;) {
        span line = span_cut(&rest, '\n');
        status = context_fail("%.*s", (int)line.n, line.p);
    }
    buf_free(&problems);
    return status;
}

static int cli_hold(struct cli *cli)
{
    return cli->programs->holder();
}

static int cli_resolve(struct cli *cli)
{
    return cli->programs->resolve(cli->context.args[0], cli->context.args[1]);
}

static int cli_transcript(struct cli *cli)
{
    char **args = cli->context.args;
    return transcript_main(args[0], args[1], args[2]);
}

/* ---- help, completion ----------------------------------------------------------------------- */

/* Appends "/claude, /gemini and /codex": the agents that `telec /AGENT` starts. */
static void cli_put_agents(buf *b, const char *separator)
{
    const struct agents_row *row;
    for (size_t i = 0, put = 0; (row = agents_row(i)); i++)
        if (row->resume)
            buf_fmt(b, "%s/%s", put++ ? separator : "", row->name);
}

static void cli_put_option(buf *out, const struct cli_option *option)
{
    char form[64];
    base_fmt(form, sizeof form, "%c%c%s--%s%s%s", option->is_short ? '-' : ' ',
             option->is_short ? option->letter : ' ', option->is_short ? ", " : "  ", option->name,
             option->value ? " " : "", option->value ? option->value : "");
    buf_fmt(out, "      %-24s %s", form, option->help);
    if (option->names)
        agents_put_names(out, option->names == CLI_HOOKED, "");
    buf_byte(out, '\n');
}

static void cli_put_options(buf *out, const char *letters)
{
    for (size_t k = 0; k < COUNT_OF(cli_options); k++)
        if (strchr(letters, cli_options[k].letter) && !strchr(cli_hidden, cli_options[k].letter))
            cli_put_option(out, &cli_options[k]);
}

static void cli_put_command(buf *out, const struct cli_command *command)
{
    char form[64];
    base_fmt(form, sizeof form, "%s %s", command->name, command->args);
    buf_fmt(out, "  %-28s %s", form, command->help);
    if (command->run == command_agent)
        cli_put_agents(out, ", ");
    buf_byte(out, '\n');
    cli_put_options(out, command->options);
}

/* Returns the command that the help is asked of; NULL: all. */
static const struct cli_command *cli_helped(const struct cli *cli)
{
    const struct context *c = &cli->context;
    if (cli->command && cli->command->run_bare != cli_help)
        return cli->command;
    for (size_t i = 0; c->arg_count && i < COUNT_OF(cli_commands); i++)
        if (cli_commands[i].help && strcmp(cli_commands[i].name, c->args[0]) == 0)
            return &cli_commands[i];
    return NULL;
}

static int cli_help(struct cli *cli)
{
    buf out = {0};
    const struct cli_command *only = cli_helped(cli);
    if (!only && cli->context.arg_count && strcmp(cli->context.args[0], "agents") == 0)
        return guide_print();
    if (only) {
        cli_put_command(&out, only);
        return context_write(&out);
    }
    buf_str(&out, "telec " TELEC_VERSION
                  " - see and drive terminal and AI-agent sessions, live\n\n"
                  "  telec [OPTIONS]                 open the terminal UI\n"
                  "  telec [OPTIONS] COMMAND ...\n\n"
                  "Commands (ID: a session's id, or its beginning)\n");
    for (size_t i = 0; i < COUNT_OF(cli_commands); i++)
        if (cli_commands[i].help)
            cli_put_command(&out, &cli_commands[i]);
    buf_str(&out, "\nOptions\n");
    cli_put_options(&out, cli_everywhere);
    buf_str(&out, "\nKeys of the terminal UI\n");
    keys_put_table(&out);
    return context_write(&out);
}

static int cli_completion(struct context *c)
{
    buf out = {0};
    if (strcmp(c->args[0], "bash") != 0)
        return context_usage("expected bash", c->args[0]);
    buf_str(&out, "_telec() {\n    local word=${COMP_WORDS[COMP_CWORD]}\n    if [ \"$COMP_CWORD\" "
                  "= 1 ]; then\n"
                  "        mapfile -t COMPREPLY < <(compgen -W '");
    for (size_t i = 0; i < COUNT_OF(cli_commands); i++)
        if (cli_commands[i].help && cli_commands[i].run != command_agent)
            buf_fmt(&out, "%s ", cli_commands[i].name);
    cli_put_agents(&out, " ");
    buf_str(&out, "' -- \"$word\")\n    else\n        mapfile -t COMPREPLY < <(compgen -W \"");
    for (size_t k = 0; k < COUNT_OF(cli_options); k++)
        buf_fmt(&out, "--%s ", cli_options[k].name);
    buf_str(&out, "$(telec --no-daemon list 2>/dev/null | cut -f 1)\" -- \"$word\")\n    fi\n}\n"
                  "complete -F _telec telec\n");
    return context_write(&out);
}

/* ---- parsing -------------------------------------------------------------------------------- */

/* Finds the option of a word of n characters: --name, or -l and what follows. NULL: none. */
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

static int cli_is_valid(const struct cli *cli, const struct cli_option *option)
{
    return strchr(cli_everywhere, option->letter) ||
           (cli->command && strchr(cli->command->options, option->letter));
}

/* Parses the option at argv[0]; its value is behind '=', behind the letter, or in argv[1]. Returns
 * the number of words, or -1 after a message. */
static int cli_parse_option(struct cli *cli, char **argv)
{
    const char *word = argv[0], *equals = word[1] == '-' ? strchr(word, '=') : NULL;
    const struct cli_option *option =
        cli_find_option(word, equals ? (size_t)(equals - word) : strlen(word));
    const char *attached = equals ? equals + 1 : word[1] != '-' && word[2] ? word + 2 : NULL;
    const char *fault = NULL;
    if (!option || !cli_is_valid(cli, option))
        fault = cli->command ? "no such option for this command" : "no such option";
    else if (!option->value && attached)
        fault = "this option takes no value";
    else if (option->value && !attached && !argv[1])
        fault = "this option needs a value";
    if (fault)
        return context_usage(fault, word), -1;
    cli->context.value[(int)option->letter] =
        option->value ? (attached ? attached : argv[1]) : "";
    return option->value && !attached ? 2 : 1;
}

/* Parses the command's name; /claude is --agent claude of the command /AGENT. Returns 0, or 2 after
 * a message. */
static int cli_parse_command(struct cli *cli, const char *word)
{
    const struct agents_row *agent = word[0] == '/' ? agents_find(word + 1) : NULL;
    if (agent && agent->resume) {
        cli->context.value['a'] = agent->name;
        word = CLI_AGENT;
    } else if (strcmp(word, CLI_AGENT) == 0) {
        word = "";
    }
    for (size_t i = 0; i < COUNT_OF(cli_commands); i++) {
        const struct cli_command *command = &cli_commands[i];
        if (strcmp(command->name, word) == 0 ||
            (command->alias && strcmp(command->alias, word) == 0)) {
            cli->command = command;
            return 0;
        }
    }
    return context_usage("no such command", *word ? word : CLI_AGENT);
}

static int cli_check_count(const struct cli *cli)
{
    const struct cli_command *command = cli->command;
    int count = cli->context.arg_count;
    if (cli->context.value['h'])
        return 0;
    if (command && count < command->least)
        return context_usage("more arguments are needed", command->name);
    if (count && (!command || (command->most >= 0 && count > command->most)))
        return context_usage("too many arguments", cli->context.args[count - 1]);
    return 0;
}

/* Parses the words behind the program's name. Options may precede and follow the command; the words
 * after "--", and the COMMAND of new and the TEXT of send, are kept as they are. Returns 0, or 2
 * after a message. */
static int cli_parse(struct cli *cli, char **argv)
{
    struct context *c = &cli->context;
    int verbatim = 0;
    for (int words; *argv; argv += words) {
        words = 1;
        if (verbatim) {
            c->args[c->arg_count++] = *argv;
        } else if (strcmp(*argv, "--") == 0) {
            verbatim = cli->command != NULL;
        } else if ((*argv)[0] == '-' && (*argv)[1]) {
            if ((words = cli_parse_option(cli, argv)) < 0)
                return 2;
        } else if (!cli->command) {
            if (cli_parse_command(cli, *argv) != 0)
                return 2;
        } else {
            verbatim = c->arg_count == cli->command->verbatim;
            c->args[c->arg_count++] = *argv;
        }
    }
    return cli_check_count(cli);
}

/* ---- main ----------------------------------------------------------------------------------- */

static int cli_run(struct cli *cli)
{
    struct context *c = &cli->context;
    if (!cli->command)
        return command_ui(c, NULL, NULL);
    if (cli->command->run_bare)
        return cli->command->run_bare(cli);
    loop_init(&c->loop);
    client_init(&c->client, &c->loop, &c->config, c->value['D'] == NULL, NULL, NULL);
    int status = cli->command->run(c);
    client_free(&c->client);
    loop_free(&c->loop);
    return status;
}

/* Tells who started this daemon why it does not start. */
static void cli_tell_starter(const struct context *c, span why)
{
    long long fd;
    if (c->value['R'] && span_int(span_of(c->value['R']), &fd))
        store_write_all((int)fd, why);
}

static int cli_run_configured(struct cli *cli, const char *program)
{
    struct context *c = &cli->context;
    buf error = {0};
    int status = 1;
    if (config_load(&c->config, program, c->value['S'], c->value['c'], &error) == 0) {
        status = cli_run(cli);
    } else {
        context_fail("%s", buf_cstr(&error));
        cli_tell_starter(c, buf_view(&error));
    }
    config_free(&c->config);
    buf_free(&error);
    return status;
}

/* hold, resolve and help run without a configuration: a broken one must not stop them. */
static int cli_is_bare(const struct cli_command *command)
{
    return command && command->run_bare && command->run_bare != cli_daemon;
}

static int cli_main(int argc, char **argv, const struct cli_programs *programs)
{
    struct cli cli = {.programs = programs};
    cli.context.args = base_alloc((size_t)(argc + 1) * sizeof *cli.context.args);
    int status = cli_parse(&cli, argv + (argc > 0));
    if (status == 0 && cli.context.value['V'])
        puts("telec " TELEC_BUILD);
    else if (status == 0 && cli.context.value['h'])
        status = cli_help(&cli);
    else if (status == 0 && cli_is_bare(cli.command))
        status = cli.command->run_bare(&cli);
    else if (status == 0)
        status = cli_run_configured(&cli, argv[0]);
    buf_free(&cli.context.body);
    free(cli.context.args);
    return status;
}
