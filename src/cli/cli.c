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
    {'X', 0, "jsonl", NULL, "print a line of JSON for each", 0},
    {'Q', 0, "columns", "NAMES", "these columns, as id,title,asks; a wrong one names all", 0},
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
    {'r', 1, "read-only", NULL, "only look: nothing that is typed goes to it", 0},
    {'E', 0, "no-enter", NULL, "type the text, do not submit it", 0},
    {'f', 1, "follow", NULL, "then print new output as it comes", 0},
    {'w', 0, "state", "STATE", "in this state: waiting, idle, working, exited (wait: until then)",
     0},
    {'J', 0, "project", "DIR", "sessions in this directory, or in one of that name", 0},
    {'A', 0, "all", NULL, "all sessions", 0},
    {'z', 0, "to", "ID,ID", "to these sessions, in place of ID", 0},
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
    {'e', 0, "restart", NULL, "stop the daemon if it runs, and start this telec's", 0},
    {'U', 0, "unit", NULL, "print a systemd user unit for it; the manual says what it is for", 0},
    {'M', 0, "man", NULL, "print the manual page telec(1), for man or mandoc", 0},
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
static int cli_print_man(void);
static int cli_completion(struct cli *cli);
static int cli_complete(struct context *c);
static int cli_hold(struct cli *cli);
static int cli_disk(struct cli *cli);
static int cli_native(struct cli *cli);
static int cli_resolve(struct cli *cli);
static int cli_transcript(struct cli *cli);

static const struct cli_command cli_commands[] = {
    {"list", "/list", "", "list sessions", "jXQOo", 0, 0, -1, commands_list, NULL},
    {"computers", NULL, "", "list the known computers", "j", 0, 0, -1, commands_computers, NULL},
    {"new", NULL, "[--] [COMMAND...]",
     "start a session: COMMAND, an agent, else a shell; prints its id", "amtCpokg", 0, -1, 0,
     enter_new, NULL},
    {"send", NULL, "ID TEXT...", "send a message to a session; prints whether the session reacted",
     "zJwaAEFo", 1, -1, 1, acts_send, NULL},
    {"keys", NULL, "ID KEY...", "press keys in a session: " ACTS_KEYS, "zJwaAo", 1, -1, -1,
     acts_keys, NULL},
    {"answer", NULL, "ID 1|yes|no|TEXT", "choose in the dialog that a session shows", "o", 2, -1, 1,
     acts_answer, NULL},
    {"kill", "end", "[ID...]", "end sessions, or dismiss exited ones (also: end)", "JwaAFo", 0, -1,
     -1,
     acts_kill, NULL},
    {"restart", NULL, "[ID...]", "start exited sessions again; an agent resumes its conversation",
     "LGJaAo", 0, -1, -1, acts_restart, NULL},
    {"tail", NULL, "ID", "print the end of a session's output as plain text", "nlfo", 1, 1, -1,
     commands_tail, NULL},
    {"grep", NULL, "TEXT [ID...]", "print the lines of sessions' output that have a fixed text",
     "io", 1, -1, 0, grep_run, NULL},
    {"status", NULL, "ID", "print a session's state and its reason", "o", 1, 1, -1, commands_status,
     NULL},
    {"wait", NULL, "[ID...]", "wait until sessions stop working, or have the given state",
     "wTJaA", 0, -1, -1, acts_wait, NULL},
    {"attach", NULL, "[ID]",
     "attach to it, else to one that waits; - to the one before; Ctrl-] d detaches", "or", 0,
     1, -1, enter_attach,
     NULL},
    {"watch", NULL, "", "print every event as a line of JSON until interrupted", "W", 0, 0, -1,
     commands_watch, NULL},
    {"project", NULL, "[add|remove DIR]", "list projects and their todos; add or remove a project",
     "j", 0, 2, -1, commands_project, NULL},
    {"doctor", NULL, "", "say what this host will do to a session, and what mends that", "j", 0, 0,
     -1, doctor_run, NULL},
    {"reach", NULL, "COMMAND...",
     "see and drive a computer through a pipe: ssh HOST, docker exec -i BOX", "NB", 1, -1, 0,
     hosts_reach, NULL},
    {"unreach", NULL, "NAME", "end the link to a computer; its sessions continue", "", 1, 1, -1,
     hosts_unreach, NULL},
    {"relay", NULL, "", NULL, "P", 0, 0, -1, hosts_relay, NULL},
    {"mcp", NULL, "", "be a server of the Model Context Protocol on stdin and stdout", "", 0, 0, -1,
     mcp_serve, NULL},
    {"hook", NULL, "[JSON]", "report an agent's hook event; agents run this", "Hyu", 0, 1, -1,
     commands_hook, NULL},
    {"daemon", NULL, "", "run the daemon in the foreground; clients start one by themselves",
     "seUR",
     0, 0, -1, NULL, cli_daemon},
    {"config", NULL, "", "print the effective configuration and where each value comes from", "", 0,
     0, -1, cli_config, NULL},
    {"help", NULL, "[COMMAND|agents]", "show this; of agents: how they drive other sessions", "M",
     0,
     1, -1, NULL, cli_help},
    {"completion", NULL, "bash|zsh|fish", "print a completion script for that shell", "", 1, 1, -1,
     NULL, cli_completion},
    {CLI_AGENT, NULL, "[MODE] [PROMPT...]", "start an agent: ", "tCk", 0, -1, -1, commands_agent,
     NULL},
    {"complete", NULL, "", NULL, "", 1, -1, -1, cli_complete, NULL},
    {"hold", NULL, "", NULL, "", 0, -1, -1, NULL, cli_hold},
    {"disk", NULL, "", NULL, "", 2, 2, -1, NULL, cli_disk},
    {"native", NULL, "", NULL, "", 5, 5, -1, NULL, cli_native},
    {"resolve", NULL, "", NULL, "", 2, 2, -1, NULL, cli_resolve},
    {"transcript", NULL, "", NULL, "", 3, 4, -1, NULL, cli_transcript},
};

/* ---- daemon, config, child processes -------------------------------------------------------- */

static void cli_log_problems(const buf *problems)
{
    for (span rest = buf_view(problems); rest.n;) {
        span line = span_cut(&rest, '\n');
        log_line(LOG_WARN, "%.*s", (int)line.n, line.p);
    }
}

static int cli_stop_daemon(const struct context *c, buf *error)
{
    int status = spawn_stop(&c->config, c->value['S'] != NULL, error);
    if (status == 1)
        buf_fmt(error, "no daemon is running on %s", c->config.socket);
    return status != 0;
}

static int cli_run_client(struct context *c, int (*run)(struct context *c), int may_start)
{
    loop_init(&c->loop);
    client_init(&c->client, &c->loop, &c->config, may_start, NULL, NULL);
    int status = run(c);
    client_free(&c->client);
    loop_free(&c->loop);
    return status;
}

static int cli_greet(struct context *c)
{
    return context_ask(c, "GET", "/health", NULL);
}

/* Sessions continue: the new daemon finds their holders. */
static int cli_restart_daemon(struct context *c, buf *error)
{
    return spawn_stop(&c->config, 0, error) < 0 ? 1 : cli_run_client(c, cli_greet, 1);
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
        status = cli_stop_daemon(c, &error);
    } else if (c->value['e']) {
        status = cli_restart_daemon(c, &error);
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

static int cli_disk(struct cli *cli)
{
    return disk_main(cli->context.args[0], cli->context.args[1]);
}

static int cli_native(struct cli *cli)
{
    return native_main(cli->context.args);
}

static int cli_resolve(struct cli *cli)
{
    return cli->programs->resolve(cli->context.args[0], cli->context.args[1]);
}

static int cli_transcript(struct cli *cli)
{
    char **args = cli->context.args;
    return transcript_main(args[0], args[1], args[2], cli->context.arg_count > 3);
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
    if (command->run == commands_agent)
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
    if (cli->context.value['M'])
        return cli_print_man();
    if (!only && cli->context.arg_count)
        return context_usage("no such command", cli->context.args[0]);
    if (only) {
        cli_put_command(&out, only);
        return context_write(&out);
    }
    buf_str(&out, "telec " TELEC_VERSION
                  " - see and drive terminal and AI-agent sessions, live\n\n"
                  "  telec [OPTIONS]                 open the terminal UI\n"
                  "  telec [OPTIONS] COMMAND ...\n\n"
                  "Commands (ID: a session's title, or its id: 4 characters are enough)\n");
    for (size_t i = 0; i < COUNT_OF(cli_commands); i++)
        if (cli_commands[i].help)
            cli_put_command(&out, &cli_commands[i]);
    buf_str(&out, "\nOptions\n");
    cli_put_options(&out, cli_everywhere);
    buf_str(&out, "\nKeys of the terminal UI\n");
    keys_put_table(&out);
    return context_write(&out);
}

/* ---- the manual page: mdoc(7) ---------------------------------------------------------------- */

#define CLI_MAN_DATE "November 26, 2026"

/* Appends a text's bytes; a dash is one that can be copied. */
static void cli_put_roff(buf *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        buf_str(out, "\\&");
    for (; *text; text++)
        *text == '\\' ? buf_str(out, "\\e") : *text == '-' ? buf_str(out, "\\-")
                                                          : buf_byte(out, *text);
}

static void cli_put_man_options(buf *out, const char *letters)
{
    buf_str(out, ".Bl -tag -width Ds -compact\n");
    for (size_t k = 0; k < COUNT_OF(cli_options); k++) {
        const struct cli_option *option = &cli_options[k];
        if (!strchr(letters, option->letter) || strchr(cli_hidden, option->letter))
            continue;
        buf_str(out, ".It ");
        if (option->is_short)
            buf_fmt(out, "Fl %c , ", option->letter);
        buf_fmt(out, "Fl -%s%s%s\n", option->name, option->value ? " Ar " : "",
                option->value ? option->value : "");
        cli_put_roff(out, option->help);
        if (option->names)
            agents_put_names(out, option->names == CLI_HOOKED, "");
        buf_byte(out, '\n');
    }
    buf_str(out, ".El\n");
}

static void cli_put_man_command(buf *out, const struct cli_command *command)
{
    buf_fmt(out, ".It Ic %s", command->name);
    if (command->args[0]) {
        buf_str(out, " Ar \"");
        cli_put_roff(out, command->args);
        buf_byte(out, '"');
    }
    buf_byte(out, '\n');
    cli_put_roff(out, command->help);
    if (command->run == commands_agent)
        cli_put_agents(out, ", ");
    buf_byte(out, '\n');
    if (command->options[0])
        cli_put_man_options(out, command->options);
}

static void cli_put_man_keys(buf *out)
{
    buf keys = {0};
    keys_put_table(&keys);
    for (span rest = buf_view(&keys); rest.n;) {
        char *line = span_dup(span_cut(&rest, '\n'));
        cli_put_roff(out, line);
        buf_byte(out, '\n');
        free(line);
    }
    buf_free(&keys);
}

static int cli_print_man(void)
{
    buf out = {0};
    buf_str(&out,
            ".Dd " CLI_MAN_DATE "\n.Dt TELEC 1\n.Os\n.Sh NAME\n.Nm telec\n"
            ".Nd see and drive terminal and AI-agent sessions, live\n.Sh SYNOPSIS\n"
            ".Nm\n.Op Ar options\n.Nm\n.Op Ar options\n.Ar command ...\n.Sh DESCRIPTION\n"
            "Without a command\n.Nm\n"
            "opens its screen: all sessions of this computer and of others,\n"
            "with their states.\nA session goes on when the terminal is closed.\n"
            "A daemon, which clients start by themselves, serves them.\n"
            "An\n.Ar ID\nis the title of a session, or its id, of which 4 characters are enough.\n"
            "The commands are:\n.Bl -tag -width Ds\n");
    for (size_t i = 0; i < COUNT_OF(cli_commands); i++)
        if (cli_commands[i].help)
            cli_put_man_command(&out, &cli_commands[i]);
    buf_str(&out, ".El\n.Pp\nThe options of every command are:\n");
    cli_put_man_options(&out, cli_everywhere);
    buf_str(&out, ".Pp\nThe keys of the screen are:\n.Bd -literal\n");
    cli_put_man_keys(&out);
    buf_str(&out,
            ".Ed\n.Sh ENVIRONMENT\n.Bl -tag -width Ds\n"
            ".It Ev TELEC_SOCKET\nThe socket of the daemon.\n"
            ".It Ev TELEC_CONFIG\nThe configuration file.\n"
            ".It Ev TELEC_REDIS\nThe url of the Redis on which computers meet.\n"
            ".It Ev TELEC_SESSION_ID\nIn a session: its id.\n"
            ".It Ev NO_COLOR\nThe screen has no colours.\n.El\n"
            ".Sh FILES\n.Bl -tag -width Ds\n"
            ".It Pa ~/.config/telec/config\nThe configuration.\n"
            ".It Pa ~/.local/state/telec\nSessions, their output, the log of the daemon.\n"
            ".It Pa $XDG_RUNTIME_DIR/telec\nSockets.\n.El\n"
            ".Sh EXIT STATUS\n0: it is done; 1: it has failed, with a message; 2: wrong usage.\n"
            ".Sh SEE ALSO\n.Xr ssh 1 ,\n.Xr tmux 1\n");
    return context_write(&out);
}

/* ---- completion ----------------------------------------------------------------------------- */

/* The scripts ask `telec complete -- WORD...` what the last word can be. A line of the answer is a
 * value, a tab and what it is, or the name of what the shell itself completes. */
static const struct {
    const char *shell, *script;
} cli_scripts[] = {
    {"bash",
     "_telec() {\n"
     "    local IFS=$'\\n' word=${COMP_WORDS[COMP_CWORD]} line about\n"
     "    COMPREPLY=()\n"
     "    while IFS=$'\\t' read -r line about; do\n"
     "        case $line in\n"
     "        :dirs) compopt -o filenames; COMPREPLY+=($(compgen -d -- \"$word\")) ;;\n"
     "        :files) compopt -o filenames; COMPREPLY+=($(compgen -f -- \"$word\")) ;;\n"
     "        :programs) COMPREPLY+=($(compgen -c -- \"$word\")) ;;\n"
     "        *) printf -v line '%q\\t%s' \"$line\" \"$about\"; COMPREPLY+=(\"$line\") ;;\n"
     "        esac\n"
     "    done < <(\"${COMP_WORDS[0]}\" complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" "
     "2> /dev/null)\n"
     "    case ${#COMPREPLY[@]}:$COMP_TYPE in\n" /* bash lists what is ambiguous: with what it is */
     "    [!1]*:63 | 1?*:63) COMPREPLY=(\"${COMPREPLY[@]/$'\\t'/  }\") ;;\n"
     "    *) COMPREPLY=(\"${COMPREPLY[@]%%$'\\t'*}\") ;;\n"
     "    esac\n"
     "}\n"
     "complete -F _telec telec\n"},
    {"zsh",
     "#compdef telec\n"
     "_telec() {\n"
     "    local line\n"
     "    local -a values\n"
     "    for line in \"${(@f)$(${words[1]} complete -- \"${(@)words[2,CURRENT]}\" "
     "2> /dev/null)}\"; do\n"
     "        case $line in\n"
     "        :dirs) _directories ;;\n"
     "        :files) _files ;;\n"
     "        :programs) _command_names ;;\n"
     "        ?*) values+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\") ;;\n"
     "        esac\n"
     "    done\n"
     "    (( $#values )) && _describe -V telec values\n"
     "}\n"
     "[ \"$funcstack[1]\" = _telec ] && _telec \"$@\" || compdef _telec telec\n"},
    {"fish",
     "function __telec\n"
     "    set -l words (commandline -opc)\n"
     "    set -l word (commandline -ct)\n"
     "    for line in ($words[1] complete -- $words[2..-1] \"$word\" 2> /dev/null)\n"
     "        switch $line\n"
     "            case :dirs\n"
     "                __fish_complete_directories \"$word\"\n"
     "            case :files\n"
     "                __fish_complete_path \"$word\"\n"
     "            case :programs\n"
     "                __fish_complete_command\n"
     "            case '*'\n"
     "                echo $line\n"
     "        end\n"
     "    end\n"
     "end\n"
     "complete -c telec -f -a '(__telec)'\n"},
};

static int cli_completion(struct cli *cli)
{
    for (size_t i = 0; i < COUNT_OF(cli_scripts); i++)
        if (strcmp(cli->context.args[0], cli_scripts[i].shell) == 0) {
            buf out = {0};
            buf_str(&out, cli_scripts[i].script);
            return context_write(&out);
        }
    return context_usage("expected bash, zsh or fish", cli->context.args[0]);
}

/* Puts a value, when it begins with the word that is being completed. */
static void cli_put_value(struct context *c, buf *out, span value, span about)
{
    if (!value.n || !span_starts(value, c->args[c->arg_count - 1]))
        return;
    utf8_put_visible(out, value);
    buf_byte(out, '\t');
    utf8_put_visible(out, about);
    buf_byte(out, '\n');
}

static void cli_complete_sessions(struct context *c, buf *out)
{
    if (context_ask(c, "GET", "/sessions", NULL) != 0)
        return;
    for (struct json_iter it = json_iter(context_reply(c)); json_next(&it);) {
        buf id = {0}, title = {0};
        json_put_member(&id, it.value, "session_id");
        json_put_member(&title, it.value, "title");
        cli_put_value(c, out, (span){id.p, id.n < 8 ? id.n : 8}, buf_view(&title));
        buf_free(&id), buf_free(&title);
    }
}

static void cli_complete_computers(struct context *c, buf *out)
{
    if (context_ask(c, "GET", "/computers", NULL) != 0)
        return;
    for (struct json_iter it = json_iter(context_reply(c)); json_next(&it);) {
        buf name = {0};
        json_put_member(&name, it.value, "name");
        cli_put_value(c, out, buf_view(&name), span_of("computer"));
        buf_free(&name);
    }
}

static void cli_complete_agents(struct context *c, buf *out)
{
    for (int i = 0; i < c->config.agent_count; i++)
        cli_put_value(c, out, span_of(c->config.agents[i].name),
                      span_of(c->config.agents[i].command));
}

static void cli_complete_commands(struct context *c, buf *out)
{
    for (size_t i = 0; i < COUNT_OF(cli_commands); i++)
        if (cli_commands[i].help && cli_commands[i].run != commands_agent)
            cli_put_value(c, out, span_of(cli_commands[i].name), span_of(cli_commands[i].help));
}

static void cli_complete_start(struct context *c, buf *out)
{
    const struct agents_row *row;
    cli_complete_commands(c, out);
    for (size_t i = 0; (row = agents_row(i)); i++) {
        buf name = {0};
        buf_fmt(&name, "/%s", row->name);
        if (row->resume)
            cli_put_value(c, out, buf_view(&name), span_of(row->title));
        buf_free(&name);
    }
}

/* Values that can stand where help names a place. Other places have none. */
static const struct {
    const char *place, *words; /* words: these, or what the shell completes; NULL: put */
    void (*put)(struct context *c, buf *out);
} cli_places[] = {
    {"ID", NULL, cli_complete_sessions},    {"NAME", NULL, cli_complete_computers},
    {"AGENT", NULL, cli_complete_agents},   {"COMMAND", NULL, cli_complete_commands},
    {"MODE", "fast|med|slow", NULL},        {"STATE", "waiting|idle|working|exited", NULL},
    {"DIR", ":dirs", NULL},                 {"PATH", ":files", NULL},
    {"COMMAND...", ":programs", NULL},
    {"KEY", "escape|enter|tab|shift-tab|space|backspace|delete|up|down|left|right|home|end|page-up|"
            "page-down|ctrl-c|ctrl-d|ctrl-u|f1", NULL},
};

static void cli_complete_place(struct context *c, buf *out, span place);

/* Completes one of "add|remove", "1|yes|no|TEXT" …: small letters are words, capitals a place. */
static void cli_complete_words(struct context *c, buf *out, span words)
{
    while (words.n) {
        span word = span_cut(&words, '|');
        if (word.n && word.p[0] >= 'A' && word.p[0] <= 'Z')
            cli_complete_place(c, out, word);
        else
            cli_put_value(c, out, word, (span){0});
    }
}

static void cli_complete_place(struct context *c, buf *out, span place)
{
    for (size_t i = 0; i < COUNT_OF(cli_places); i++) {
        if (!span_eq(place, cli_places[i].place))
            continue;
        if (cli_places[i].put)
            cli_places[i].put(c, out);
        else if (cli_places[i].words[0] == ':')
            buf_fmt(out, "%s\n", cli_places[i].words);
        else
            cli_complete_words(c, out, span_of(cli_places[i].words));
    }
}

/* Completes an argument, as the command's args name it: the last one may stand for many. */
static void cli_complete_argument(struct context *c, buf *out, const struct cli_command *command,
                                  int number)
{
    span rest = span_of(command->args), place = {0};
    for (int i = 0; rest.n && i <= number;) {
        place = span_trim(span_cut(&rest, ' '), "[]");
        i += !span_eq(place, "--");
    }
    int many = place.n > 3 && memcmp(place.p + place.n - 3, "...", 3) == 0;
    if (many && !span_eq(place, "COMMAND..."))
        place.n -= 3;
    cli_complete_words(c, out, place);
}

/* command NULL: none yet. */
static int cli_is_valid(const struct cli_command *command, const struct cli_option *option)
{
    return strchr(cli_everywhere, option->letter) ||
           (command && strchr(command->options, option->letter));
}

static void cli_complete_options(struct context *c, buf *out, const struct cli_command *command)
{
    for (size_t i = 0; i < COUNT_OF(cli_options); i++) {
        const struct cli_option *option = &cli_options[i];
        buf name = {0};
        buf_fmt(&name, "--%s", option->name);
        if (!strchr(cli_hidden, option->letter) && cli_is_valid(command, option))
            cli_put_value(c, out, buf_view(&name), span_of(option->help));
        buf_free(&name);
    }
}

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

/* Finds a command; an agent's, as /claude, sets --agent of the context. NULL: none. */
static const struct cli_command *cli_find_command(struct context *c, const char *word)
{
    const struct agents_row *agent = word[0] == '/' ? agents_find(word + 1) : NULL;
    if (agent && agent->resume)
        c->value['a'] = agent->name;
    for (size_t i = 0; i < COUNT_OF(cli_commands); i++) {
        const struct cli_command *command = &cli_commands[i];
        if (command->run == commands_agent
                ? agent && agent->resume
                : strcmp(command->name, word) == 0 ||
                      (command->alias && strcmp(command->alias, word) == 0))
            return command;
    }
    return NULL;
}

/* Completes the last of the words that stand behind the program's name. */
static int cli_complete(struct context *c)
{
    const struct cli_command *command = NULL;
    const struct cli_option *option = NULL; /* whose value comes next */
    int verbatim = 0, arguments = 0, last = c->arg_count - 1;
    buf out = {0};
    for (int i = 0; i < last; i++) {
        const char *word = c->args[i];
        if (option) {
            option = NULL;
        } else if (!verbatim && strcmp(word, "--") == 0) {
            verbatim = command != NULL;
        } else if (!verbatim && word[0] == '-' && word[1]) {
            option = strchr(word, '=') ? NULL : cli_find_option(word, strlen(word));
            if (option && (!option->value || (word[1] != '-' && word[2])))
                option = NULL;
        } else if (!command) {
            if (!(command = cli_find_command(c, word)))
                return 1;
        } else {
            verbatim |= arguments++ == command->verbatim;
        }
    }
    if (option)
        cli_complete_place(c, &out, span_of(option->value));
    else if (!verbatim && c->args[last][0] == '-')
        cli_complete_options(c, &out, command);
    else if (command)
        cli_complete_argument(c, &out, command, arguments);
    else
        cli_complete_start(c, &out);
    return context_write(&out);
}

/* ---- parsing -------------------------------------------------------------------------------- */

/* Parses the option at argv[0]; its value is behind '=', behind the letter, or in argv[1]. Returns
 * the number of words, or -1 after a message. */
static int cli_parse_option(struct cli *cli, char **argv)
{
    const char *word = argv[0], *equals = word[1] == '-' ? strchr(word, '=') : NULL;
    const struct cli_option *option =
        cli_find_option(word, equals ? (size_t)(equals - word) : strlen(word));
    const char *attached = equals ? equals + 1 : word[1] != '-' && word[2] ? word + 2 : NULL;
    const char *fault = NULL;
    if (!option || !cli_is_valid(cli->command, option))
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
            if (!(cli->command = cli_find_command(c, *argv)))
                return context_usage("no such command", *argv);
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
        return commands_ui(c, NULL, NULL);
    if (cli->command->run_bare)
        return cli->command->run_bare(cli);
    return cli_run_client(c, cli->command->run,
                          !c->value['D'] && cli->command->run != cli_complete);
}

/* Tells who started this daemon why it does not start. */
static void cli_tell_starter(const struct context *c, span why)
{
    long long fd;
    if (c->value['R'] && span_int(span_of(c->value['R']), &fd))
        base_write((int)fd, why);
}

/* A running daemon's version is told without the file: a home may not answer. */
static int cli_needs_file(const struct cli *cli)
{
    const struct context *c = &cli->context;
    int only_tells = cli->command && (cli->command->run == commands_list ||
                                      (cli->command->run == commands_tail && !c->value['f']));
    return !only_tells || c->value['c'] || getenv("TELEC_CONFIG");
}

static int cli_run_configured(struct cli *cli, const char *program)
{
    struct context *c = &cli->context;
    const char *file = cli_needs_file(cli) ? c->value['c'] : CONFIG_UNREAD;
    buf error = {0};
    int status = 1;
    if (config_load(&c->config, program, c->value['S'], file, &error) == 0) {
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

static const char cli_version[] = "telec " TELEC_BUILD "\n";

static int cli_start(int argc, char **argv, const struct cli_programs *programs)
{
    struct cli cli = {.programs = programs};
    os_hold_standard();
    cli.context.args = base_alloc((size_t)(argc + 1) * sizeof *cli.context.args);
    int status = cli_parse(&cli, argv + (argc > 0));
    buf version = {0};
    if (status == 0 && cli.context.value['V'])
        buf_str(&version, cli_version), status = context_write(&version);
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

/* The version is asked for by scripts, often: on half the pages of memory. */
static int cli_main(int argc, char **argv, const struct cli_programs *programs)
{
    int quick = argc == 2 && strcmp(argv[1], "--version") == 0 &&
                base_write(1, span_of(cli_version)) == 0;
    return quick ? 0 : cli_start(argc, argv, programs);
}
