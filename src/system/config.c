#include "system.h"

/* config - paths, the configuration file, defaults.
 *
 * Comments are lines that begin with '#' or ';', and what follows a '#' between blanks outside of
 * quotes. Quotes around a value that is no command are no part of it. A bad line is reported with
 * its number; the others apply. The UI parses [keys] and [colours]. */

#define CONFIG_FILE_MAX (256 * 1024)
#define CONFIG_TLS_COMMAND                                                                         \
    "openssl s_client -quiet -verify_return_error -servername HOST -connect HOST:PORT"
#define CONFIG_ENTRIES_MAX 256

/* ---- words, quoted as in a shell ------------------------------------------------------------ */

/* Returns 0: a quote stays open. */
static int config_word(span *s, buf *out)
{
    char quote = 0;
    for (; s->n; *s = span_sub(*s, 1)) {
        char c = s->p[0];
        int escapes =
            c == '\\' && quote != '\'' && s->n > 1 && (!quote || strchr("$`\"\\", s->p[1]));
        if (escapes) {
            *s = span_sub(*s, 1);
            buf_byte(out, s->p[0]);
        } else if (quote ? c == quote : c == '\'' || c == '"') {
            quote = quote ? 0 : c;
        } else if (!quote && strchr(" \t\r\n", c)) {
            return 1;
        } else {
            buf_byte(out, c);
        }
    }
    return !quote;
}

static span config_skip_blanks(span s)
{
    while (s.n && strchr(" \t\r\n", s.p[0]))
        s = span_sub(s, 1);
    return s;
}

static char **config_words(span s)
{
    buf text = {0};
    size_t count = 0;
    if (s.n && memchr(s.p, '\0', s.n))
        return NULL;
    for (s = config_skip_blanks(s); s.n; s = config_skip_blanks(s)) {
        if (!config_word(&s, &text)) {
            buf_free(&text);
            return NULL;
        }
        buf_byte(&text, '\0');
        count++;
    }
    char **words = base_alloc((count + 1) * sizeof *words + text.n);
    char *at = (char *)(words + count + 1);
    if (text.n)
        memcpy(at, text.p, text.n);
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
        words[i] = at;
    buf_free(&text);
    return words;
}

static void config_put_quoted(buf *b, const char *word)
{
    static const char safe[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";
    if (*word && word[strspn(word, safe)] == '\0') {
        buf_str(b, word);
        return;
    }
    buf_byte(b, '\'');
    for (; *word; word++)
        *word == '\'' ? buf_str(b, "'\\''") : buf_byte(b, *word);
    buf_byte(b, '\'');
}

static const char *config_last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static int config_is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static char *config_find_program(const char *path, const char *program)
{
    if (strchr(program, '/'))
        return config_is_program(program) ? base_dup(program) : NULL;
    span rest = span_of(path ? path : "/usr/local/bin:/bin:/usr/bin");
    while (*program && rest.p && rest.n) {
        span dir = span_cut(&rest, ':');
        buf full = {0};
        buf_span(&full, dir.n ? dir : span_of("."));
        buf_byte(&full, '/');
        buf_str(&full, program);
        if (config_is_program(buf_cstr(&full)))
            return full.p;
        buf_free(&full);
    }
    return NULL;
}

static int config_is_on(const char *path, const char *program)
{
    char *found = config_find_program(path, program);
    free(found);
    return found != NULL;
}

static int config_on_path(const char *program)
{
    return config_is_on(getenv("PATH"), program);
}

static int config_can_run(const char *line)
{
    char **words = config_words(span_of(line));
    int found = words && words[0] && config_on_path(words[0]);
    free(words);
    return found;
}

/* ---- defaults ------------------------------------------------------------------------------- */

static const struct config_agent *config_agent(const struct config *c, const char *name)
{
    for (int i = 0; i < c->agent_count; i++)
        if (strcmp(c->agents[i].name, name) == 0)
            return &c->agents[i];
    return NULL;
}

static const struct config_agent *config_agent_of(const struct config *c, char *const *argv)
{
    return argv && argv[0] && !argv[1] ? config_agent(c, argv[0]) : NULL;
}

static const struct passwd *config_passwd(void)
{
    return os_user(geteuid());
}

static int config_is_shell(const char *shell)
{
    const char *name = shell && access(shell, X_OK) == 0 ? config_last_part(shell) : "false";
    return strcmp(name, "nologin") != 0 && strcmp(name, "false") != 0;
}

static const char *config_shell(void)
{
    const char *shell = getenv("SHELL");
    if (config_is_shell(shell))
        return shell;
    const struct passwd *me = config_passwd();
    return me && config_is_shell(me->pw_shell) ? me->pw_shell : "/bin/sh";
}

static int config_is_foreign_home(const char *home)
{
    struct stat st;
    return geteuid() == 0 && home && stat(home, &st) == 0 && st.st_uid != 0;
}

/* root's files in a user's home would lock that user out. */
static const char *config_home(void)
{
    const char *home = getenv("HOME");
    if (home && *home == '/' && !config_is_foreign_home(home))
        return home;
    const struct passwd *me = config_passwd();
    return me && me->pw_dir ? me->pw_dir : "/";
}

static const char *config_user(const struct config *c)
{
    const struct passwd *me = c->user ? NULL : config_passwd();
    return c->user ? c->user : me ? me->pw_name : "unknown";
}

static const char *config_keep(struct config *c, span s)
{
    struct config_text *kept = base_grow(NULL, sizeof *kept + s.n + 1);
    kept->next = c->texts;
    c->texts = kept;
    if (s.n) /* else s.p may be NULL */
        memcpy(kept->text, s.p, s.n);
    kept->text[s.n] = '\0';
    return kept->text;
}

static void config_drop_texts(struct config_text *first)
{
    for (struct config_text *next; first; first = next) {
        next = first->next;
        free(first);
    }
}

/* Returns NULL when there are too many. */
static struct config_agent *config_add_agent(struct config *c, span name)
{
    if (c->agent_count == CONFIG_AGENTS_MAX)
        return NULL;
    struct config_agent *agent = &c->agents[c->agent_count++];
    *agent = (struct config_agent){.command = NULL};
    memcpy(agent->name, name.p, name.n);
    return agent;
}

static void config_set_program(struct config *c, struct config_agent *agent, const char *program)
{
    buf command = {0};
    config_put_quoted(&command, program);
    agent->command = config_keep(c, buf_view(&command));
    buf_free(&command);
}

static void config_default_agents(struct config *c)
{
    const struct agents_row *row;
    for (size_t i = 0; (row = agents_row(i)); i++) {
        struct config_agent *agent = config_add_agent(c, span_of(row->name));
        agent->command = row->name; /* needs no quotes */
        if (strcmp(row->name, "shell") == 0)
            config_set_program(c, agent, config_shell());
        memcpy(agent->flags, row->flags, sizeof agent->flags);
        agent->session_id = row->session_id;
        agent->resume = row->resume;
        agent->prompt = row->prompt;
    }
}

/* ---- the file ------------------------------------------------------------------------------- */

struct config_line {
    struct config *config;
    int number;
    span section, name; /* [section name] */
    span key, value;
};

static void config_put_problem(const struct config *c, buf *problems, int line, span about,
                               const char *what)
{
    utf8_put_visible(problems, span_of(c->file));
    buf_byte(problems, ':');
    buf_int(problems, line);
    buf_str(problems, ": ");
    utf8_put_visible(problems, about);
    buf_str(problems, what);
    buf_byte(problems, '\n');
}

static void config_problem(struct config_line *line, const char *what, span about)
{
    config_put_problem(line->config, &line->config->problems, line->number, about, what);
}

struct config_key {
    const char *name;
    size_t at;
};

/* A key's index is also that of its line in `lines`. */
static const struct config_key config_computer_keys[] = {
    {"name", offsetof(struct config, computer)},
    {"user", offsetof(struct config, user)},
    {"host", offsetof(struct config, host)},
    {"role", offsetof(struct config, role)},
    {"on_state", offsetof(struct config, on_state)},
    {"keep_env", offsetof(struct config, keep_env)}};
static const struct config_key config_ui_keys[] = {
    {"prefix", offsetof(struct config, prefix)},
    {"clipboard", offsetof(struct config, clipboard)},
    {"mouse", offsetof(struct config, mouse)},
    {"notify", offsetof(struct config, notify)},
    {"title", offsetof(struct config, title)},
    {"prefix2", offsetof(struct config, prefix2)},
    {"utf8", offsetof(struct config, utf8)},
    {"worktrees", offsetof(struct config, worktrees)}};
static const struct config_key config_prepare_keys[] = {
    {"project", offsetof(struct config, prepare_project)},
    {"todo", offsetof(struct config, prepare_todo)},
    {"start", offsetof(struct config, prepare_start)}};
static const struct config_key config_redis_keys[] = {
    {"url", offsetof(struct config, redis_url)},
    {"tls_command", offsetof(struct config, tls_command)}};
static const struct config_key config_agents_keys[] = {
    {"answer", offsetof(struct config, answer)}};
static const struct config_key config_peers_keys[] = {
    {"allow", offsetof(struct config, allow)},
    {"attach", offsetof(struct config, attach)},
    {"secret", offsetof(struct config, secret)},
    {"secret_file", offsetof(struct config, secret_file)},
    {"unsigned", offsetof(struct config, unsigned_peers)}};
static const struct config_key config_reach_keys[] = {
    {"binaries", offsetof(struct config, binaries)}};
static const struct config_key config_agent_keys[] = {
    {"command", offsetof(struct config_agent, command)},
    {"fast", offsetof(struct config_agent, flags[AGENTS_FAST])},
    {"med", offsetof(struct config_agent, flags[AGENTS_MED])},
    {"slow", offsetof(struct config_agent, flags[AGENTS_SLOW])},
    {"session_id", offsetof(struct config_agent, session_id)},
    {"resume", offsetof(struct config_agent, resume)},
    {"login", offsetof(struct config_agent, login)},
    {"prompt", offsetof(struct config_agent, prompt)}};
static const struct config_key config_project_keys[] = {
    {"path", offsetof(struct config_project, path)},
    {"description", offsetof(struct config_project, description)}};

static const char **config_place(void *base, const struct config_key *key)
{
    return (const char **)((char *)base + key->at);
}

/* ~/ at its start becomes the home directory. */
static const char *config_keep_value(const struct config_line *line)
{
    buf full = {0};
    int in_home = span_starts(line->value, "~/") && config_home();
    buf_str(&full, in_home ? config_home() : "");
    buf_span(&full, span_sub(line->value, (size_t)in_home));
    const char *kept = config_keep(line->config, buf_view(&full));
    buf_free(&full);
    return kept;
}

static void config_set(struct config_line *line, void *base, const struct config_key *keys,
                       size_t count, int *lines)
{
    for (size_t i = 0; i < count; i++)
        if (span_eq(line->key, keys[i].name)) {
            *config_place(base, &keys[i]) = config_keep_value(line);
            lines[i] = line->number;
            return;
        }
    config_problem(line, ": no such key in this section", line->key);
}

static void config_set_computer(struct config_line *line)
{
    char **words = config_words(line->value);
    int is_command = span_eq(line->key, "on_state");
    if (!line->value.n && !is_command && !span_eq(line->key, "keep_env"))
        config_problem(line, ": expected a value", line->key);
    else if (is_command && !words)
        config_problem(line, ": expected a command with closed quotes", line->key);
    else
        config_set(line, line->config, config_computer_keys, COUNT_OF(config_computer_keys),
                   line->config->computer_lines);
    free(words);
}

static void config_set_agents(struct config_line *line)
{
    if (span_eq(line->key, "answer") && !span_eq(line->value, "all") &&
        !span_eq(line->value, "own"))
        config_problem(line, ": expected own or all", line->value);
    else
        config_set(line, line->config, config_agents_keys, COUNT_OF(config_agents_keys),
                   line->config->agents_lines);
}

static void config_set_peers(struct config_line *line)
{
    char **words = config_words(line->value);
    if (span_eq(line->key, "attach") && (!words || !words[0]))
        config_problem(line, ": expected a command with closed quotes", line->key);
    else
        config_set(line, line->config, config_peers_keys, COUNT_OF(config_peers_keys),
                   line->config->peers_lines);
    free(words);
}

static char config_ctrl_letter(const char *prefix)
{
    char c = strncmp(prefix, "Ctrl-", 5) == 0 && prefix[5] && !prefix[6] ? prefix[5] : 0;
    c = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    return c && strchr("abdefghklnopqrtuvwxyz]\\^_", c) ? c : 0;
}

static const struct {
    const char *key, *words, *expected;
} config_ui_words[] = {
    {"clipboard", " yes no ", ": expected yes or no"},
    {"mouse", " yes no ", ": expected yes or no"},
    {"utf8", " yes no ask ", ": expected yes, no or ask"},
    {"title", " yes no ", ": expected yes or no"},
    {"notify", " bell osc9 osc777 osc99 none ", ": expected bell, osc9, osc777, osc99 or none"},
};

/* Returns what the value should be, or NULL. */
static const char *config_check_ui(const struct config_line *line, const char *value)
{
    char word[16];
    if (span_eq(line->key, "prefix2") && *value && strcmp(value, "Esc Esc") != 0 &&
        !config_ctrl_letter(value))
        return ": expected Esc Esc, or Ctrl- and a letter or one of ] \\ ^ _";
    if (span_eq(line->key, "prefix") && !config_ctrl_letter(value))
        return ": expected Ctrl- and a letter or one of ] \\ ^ _";
    base_fmt(word, sizeof word, " %s ", value);
    for (size_t i = 0; i < COUNT_OF(config_ui_words); i++)
        if (span_eq(line->key, config_ui_words[i].key) &&
            !span_find(span_of(config_ui_words[i].words), word))
            return config_ui_words[i].expected;
    return NULL;
}

static void config_set_ui(struct config_line *line)
{
    char *value = span_dup(line->value);
    const char *fault = config_check_ui(line, value);
    if (fault)
        config_problem(line, fault, line->value);
    else
        config_set(line, line->config, config_ui_keys, COUNT_OF(config_ui_keys),
                   line->config->ui_lines);
    free(value);
}

static void config_set_prepare(struct config_line *line)
{
    config_set(line, line->config, config_prepare_keys, COUNT_OF(config_prepare_keys),
               line->config->prepare_lines);
}

/* Names of earlier versions in [keys] and [colours]. */
static const char *const config_renamed[][2] = {
    {"take-back", "undo"}, {"fallback", "polling"}, {"lost", "offline"}};

/* Takes the last of several lines with one name. */
static void config_set_entry(struct config_line *line, struct config_entries *entries)
{
    span name = line->key;
    int i = 0;
    for (size_t k = 0; k < COUNT_OF(config_renamed); k++)
        if (span_eq(name, config_renamed[k][0]))
            name = span_of(config_renamed[k][1]);
    while (i < entries->count && !span_eq(name, entries->items[i].name))
        i++;
    if (i == CONFIG_ENTRIES_MAX) {
        config_problem(line, ": too many lines in this section", line->key);
        return;
    }
    if (i == entries->count) {
        entries->items =
            base_grow(entries->items, (size_t)(entries->count + 1) * sizeof *entries->items);
        entries->items[entries->count++] =
            (struct config_entry){config_keep(line->config, name), NULL, 0};
    }
    entries->items[i].value = config_keep_value(line);
    entries->items[i].line = line->number;
}

static void config_set_keys(struct config_line *line)
{
    config_set_entry(line, &line->config->keys);
}

static void config_set_reach(struct config_line *line)
{
    config_set(line, line->config, config_reach_keys, COUNT_OF(config_reach_keys),
               line->config->reach_lines);
}

static void config_set_reached(struct config_line *line)
{
    char **words = config_words(line->value);
    if (!span_eq(line->key, "reach"))
        config_problem(line, ": no such key in this section", line->key);
    else if (!words || !words[0])
        config_problem(line, ": expected a command with closed quotes", line->key);
    else {
        line->key = line->name;
        config_set_entry(line, &line->config->reach);
    }
    free(words);
}

static void config_set_colours(struct config_line *line)
{
    config_set_entry(line, &line->config->colours);
}

static void config_set_redis(struct config_line *line)
{
    char **words = config_words(line->value);
    if (span_eq(line->key, "tls_command") && (!words || !words[0])) {
        config_problem(line, ": expected a command with closed quotes", line->key);
    } else {
        config_set(line, line->config, config_redis_keys, COUNT_OF(config_redis_keys),
                   line->config->redis_lines);
        if (span_eq(line->key, "url")) {
            buf from = {0};
            buf_fmt(&from, "%s:%d", line->config->file, line->number);
            line->config->redis_from = config_keep(line->config, buf_view(&from));
            buf_free(&from);
        }
    }
    free(words);
}

static void config_set_agent(struct config_line *line)
{
    struct config_agent *agent = NULL;
    char **words = config_words(line->value);
    for (int i = 0; i < line->config->agent_count; i++)
        if (span_eq(line->name, line->config->agents[i].name))
            agent = &line->config->agents[i];
    if (!words)
        config_problem(line, ": expected a closing quote", line->value);
    else if (span_eq(line->key, "command") && !words[0])
        config_problem(line, ": expected a program", line->key);
    else if (agent)
        config_set(line, agent, config_agent_keys, COUNT_OF(config_agent_keys), agent->lines);
    free(words);
}

static void config_set_project(struct config_line *line)
{
    struct config_project *project = &line->config->projects[line->config->project_count - 1];
    config_set(line, project, config_project_keys, COUNT_OF(config_project_keys), project->lines);
}

static void config_open_agent(struct config_line *line)
{
    for (int i = 0; i < line->config->agent_count; i++)
        if (span_eq(line->name, line->config->agents[i].name))
            return;
    struct config_agent *agent = config_add_agent(line->config, line->name);
    if (agent)
        config_set_program(line->config, agent, agent->name);
    else
        config_problem(line, ": too many agents", line->name);
}

static void config_open_project(struct config_line *line)
{
    struct config *c = line->config;
    c->projects = base_grow(c->projects, (size_t)(c->project_count + 1) * sizeof *c->projects);
    c->projects[c->project_count++] = (struct config_project){.path = "",
                                                              .name = config_keep(c, line->name),
                                                              .description = "",
                                                              .line = line->number};
}

#define CONFIG_COMPUTER "computer-" /* [computer-NAME] */

static const struct config_section {
    const char *name;
    int named; /* [name NAME] */
    void (*open)(struct config_line *line);
    void (*set)(struct config_line *line);
} config_sections[] = {
    {"computer", 0, NULL, config_set_computer},
    {"ui", 0, NULL, config_set_ui},
    {"prepare", 0, NULL, config_set_prepare},
    {"redis", 0, NULL, config_set_redis},
    {"keys", 0, NULL, config_set_keys},
    {"colours", 0, NULL, config_set_colours},
    {"peers", 0, NULL, config_set_peers},
    {"agents", 0, NULL, config_set_agents},
    {"agent", 1, config_open_agent, config_set_agent},
    {"project", 1, config_open_project, config_set_project},
    {"reach", 0, NULL, config_set_reach},
    {CONFIG_COMPUTER, 1, NULL, config_set_reached},
};

/* Returns NULL after a problem: the section's keys are ignored then. */
static const struct config_section *config_open_section(struct config_line *line, span head)
{
    line->name = span_trim(head, " \t");
    if (span_starts(line->name, CONFIG_COMPUTER)) {
        line->section = span_of(CONFIG_COMPUTER);
        line->name = span_sub(line->name, strlen(CONFIG_COMPUTER));
    } else {
        line->section = span_cut(&line->name, ' ');
    }
    line->name = span_trim(line->name, " \t\"");
    for (size_t i = 0; i < COUNT_OF(config_sections); i++) {
        const struct config_section *section = &config_sections[i];
        if (!span_eq(line->section, section->name))
            continue;
        if ((line->name.n > 0) != section->named || line->name.n >= CONFIG_NAME_MAX) {
            config_problem(line,
                           section->named
                               ? ": expected a name of at most 63 bytes in the section"
                               : ": this section takes no name",
                           head);
            return NULL;
        }
        if (section->open)
            section->open(line);
        return section;
    }
    config_problem(line, ": no such section", line->section);
    return NULL;
}

/* UTF-8 without control characters but tabs: it can be printed, and a C string holds it. */
static int config_is_text(span s)
{
    buf line = {0}, shown = {0};
    buf_span(&line, s);
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] == '\t')
            line.p[i] = ' ';
    utf8_put_visible(&shown, buf_view(&line));
    int same = shown.n == line.n && (!line.n || memcmp(shown.p, line.p, line.n) == 0);
    buf_free(&line);
    buf_free(&shown);
    return same;
}

/* A quote that nothing closes is an apostrophe. */
static span config_cut_comment(span s)
{
    char quote = 0, before = ' ';
    size_t quoted = s.n; /* the comment, if the open quote is none */
    for (size_t i = 0; i < s.n; before = s.p[i++]) {
        int after_blank = before == ' ' || before == '\t';
        if (quote && s.p[i] == quote) {
            quote = 0;
            quoted = s.n;
        } else if (!quote && (s.p[i] == '\'' || s.p[i] == '"') && (after_blank || before == '=')) {
            quote = s.p[i];
        } else if (s.p[i] == '#' && after_blank && i + 1 < s.n && strchr(" \t", s.p[i + 1])) {
            if (!quote)
                return span_trim((span){s.p, i}, " \t");
            quoted = i < quoted ? i : quoted;
        }
    }
    return span_trim((span){s.p, quote ? quoted : s.n}, " \t");
}

/* Returns the value without the quotes around it; a command's are kept, for they make words. */
static span config_unquote(span key, span value)
{
    static const char *const commands[] = {"command", "fast", "med", "slow", "session_id", "resume",
                                           "prompt", "on_state", "tls_command", "attach", "reach"};
    char quote = value.n > 1 ? value.p[0] : 0;
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (span_eq(key, commands[i]))
            return value;
    if ((quote == '"' || quote == '\'') &&
        memchr(value.p + 1, quote, value.n - 1) == value.p + value.n - 1)
        return (span){value.p + 1, value.n - 2};
    return value;
}

static void config_parse(struct config *c, span text)
{
    struct config_line line = {.config = c};
    const struct config_section *section = NULL;
    int in_section = 0;
    if (span_starts(text, "\xef\xbb\xbf"))
        text = span_sub(text, 3);
    while (text.n) {
        span s = config_cut_comment(span_trim(span_cut(&text, '\n'), " \t\r"));
        line.number++;
        if (!s.n || s.p[0] == '#' || s.p[0] == ';')
            continue;
        if (!config_is_text(s)) {
            config_problem(&line, ": expected UTF-8 without control characters", s);
            continue;
        }
        if (s.p[0] == '[' && s.p[s.n - 1] == ']') {
            section = config_open_section(&line, (span){s.p + 1, s.n - 2});
            in_section = 1;
            continue;
        }
        line.value = s;
        line.key = span_trim(span_cut(&line.value, '='), " \t");
        line.value = config_unquote(line.key, span_trim(line.value, " \t"));
        if (s.p[0] == '[')
            section = NULL; /* what follows is of no section before it */
        if (!memchr(s.p, '=', s.n) || !line.key.n) {
            span rest = s; /* the others may be a password */
            config_problem(&line, ": expected [section] or key = value", span_cut(&rest, ' '));
        } else if (!in_section) {
            config_problem(&line, ": expected a [section] before the first key", line.key);
        } else if (section) {
            section->set(&line);
        }
    }
}

static void config_check_projects(struct config *c)
{
    int kept = 0;
    for (int i = 0; i < c->project_count; i++) {
        struct config_project *project = &c->projects[i];
        if (project->path[0] == '/') {
            c->projects[kept++] = *project;
            continue;
        }
        buf about = {0};
        buf_fmt(&about, "project %s", project->name);
        config_put_problem(c, &c->problems, project->lines[0] ? project->lines[0] : project->line,
                           buf_view(&about), ": expected an absolute path");
        buf_free(&about);
    }
    c->project_count = kept;
}

/* The environment's url counts, too; a secret is read where it is needed. */
static void config_check_peers(struct config *c)
{
    struct redis_url url = {0};
    const char *fault = c->redis_url[0] ? redis_url_parse(&url, span_of(c->redis_url)) : NULL;
    if (fault)
        buf_fmt(&c->problems, "%s: the redis url cannot be used: %s\n", c->redis_from, fault);
    if (c->secret_file && *c->secret_file && access(c->secret_file, R_OK) != 0)
        config_put_problem(c, &c->problems, c->peers_lines[3], span_of("secret_file"),
                           ": expected a file that can be read");
    redis_url_free(&url);
}

/* ---- paths ---------------------------------------------------------------------------------- */

static char *config_join(const char *dir, const char *name)
{
    buf b = {0};
    buf_str(&b, dir);
    if (!b.n || b.p[b.n - 1] != '/')
        buf_byte(&b, '/');
    buf_str(&b, name);
    buf_cstr(&b);
    return b.p;
}

static char *config_absolute(const char *path)
{
    char here[PATH_MAX];
    if (path[0] == '/' || !getcwd(here, sizeof here))
        return base_dup(path);
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    return config_join(here, path);
}

/* Returns $NAME/tail, or HOME/otherwise, to be freed; *from becomes NAME or NULL. */
static char *config_xdg(const char *name, const char *tail, const char *otherwise,
                        const char **from)
{
    const char *dir = getenv(name);
    *from = dir && dir[0] == '/' ? name : NULL;
    return *from ? config_join(dir, tail) : config_join(config_home(), otherwise);
}

static int config_holds_sockets(const char *dir)
{
    return strlen(dir) + CONFIG_HOLDER_SOCKET <= OS_SOCKET_PATH;
}

static char *config_socket_place(int i, const char *name)
{
    const char *const bases[CONFIG_PLACES] = {getenv("TMPDIR"), "/tmp", "/dev/shm"};
    buf b = {0};
    if (!bases[i] || bases[i][0] != '/')
        return NULL;
    buf_fmt(&b, "%s/telec-%ld/", bases[i], (long)geteuid());
    int fits = config_holds_sockets(b.p) && (i > 0 || access(bases[i], W_OK | X_OK) == 0);
    buf_str(&b, name);
    buf_cstr(&b);
    if (!fits)
        buf_free(&b);
    return fits ? b.p : NULL;
}

static char *config_short_place(const char *name)
{
    char *place = config_socket_place(0, name);
    return place ? place : config_socket_place(1, name);
}

/* Beside the daemon's, if their paths are short enough. */
static char *config_holders(const char *socket)
{
    char *dir = span_dup((span){socket, (size_t)(strrchr(socket, '/') - socket)});
    char *holders = config_join(dir, strcmp(strrchr(socket, '/'), "/s") == 0 ? "s.d" : "s");
    free(dir);
    if (config_holds_sockets(holders))
        return holders;
    free(holders);
    return config_short_place("s");
}

static char *config_default_socket(const char **from)
{
    const char *from_env = getenv("TELEC_SOCKET");
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    *from = "TELEC_SOCKET";
    if (from_env && *from_env)
        return config_absolute(from_env);
    *from = "XDG_RUNTIME_DIR";
    if (runtime && runtime[0] == '/') {
        char *holders = config_join(runtime, "telec/s");
        int fits = config_holds_sockets(holders);
        free(holders);
        if (fits)
            return config_join(runtime, "telec/api.sock");
    }
    *from = NULL;
    return config_short_place("api.sock");
}

static char *config_default_file(const char **from)
{
    const char *from_env = getenv("TELEC_CONFIG");
    *from = "TELEC_CONFIG";
    return from_env && *from_env
               ? config_absolute(from_env)
               : config_xdg("XDG_CONFIG_HOME", "telec/config", ".config/telec/config", from);
}

static void config_identity(struct config *c)
{
    struct utsname host;
    span name = span_of(uname(&host) == 0 && host.nodename[0] ? host.nodename : "localhost");
    c->host = config_keep(c, name);
    span first = name.p[0] == '.' ? name : span_cut(&name, '.');
    c->computer = config_keep(c, first);
}

static void config_redis_from_environment(struct config *c)
{
    const char *url = getenv("TELEC_REDIS");
    if (!url) /* set to "": no Redis */
        return;
    c->redis_url = config_keep(c, span_of(url));
    c->redis_from = "$TELEC_REDIS";
}

static void config_set_defaults(struct config *c)
{
    c->prefix = "Ctrl-]";
    c->prefix2 = "";
    c->utf8 = "ask";
    c->clipboard = "no";
    c->role = "development";
    c->answer = "own";
    c->allow = "*";
    c->attach = CONFIG_ATTACH_REDIS;
    c->redis_url = "";
    c->redis_from = c->file;
    c->tls_command = CONFIG_TLS_COMMAND;
    c->mouse = "yes";
    c->notify = "bell";
    c->binaries = "";
    c->title = "yes";
    c->worktrees = "";
    c->prepare_project =
        "Prepare the next todo of todos/roadmap.md that is not ready ([ ]): write its "
        "requirements.md and implementation-plan.md in todos, below its name.";
    c->prepare_todo =
        "Prepare the todo SLUG of todos/roadmap.md: write todos/SLUG/requirements.md and "
        "todos/SLUG/implementation-plan.md.";
    c->prepare_start =
        "Do the todo SLUG of todos/roadmap.md. Read todos/SLUG/requirements.md and "
        "todos/SLUG/implementation-plan.md first.";
}

static int config_is_set(const struct config *c)
{
    return c->socket_from && strcmp(c->socket_from, "XDG_RUNTIME_DIR") != 0;
}

static int config_load(struct config *c, const char *program, const char *socket, const char *file,
                       buf *error)
{
    *c = (struct config){0};
    char *found = config_find_program(getenv("PATH"), program);
    c->program = config_absolute(found ? found : program);
    c->loaded = 1;
    if (stat(c->program, &c->binary) != 0)
        c->binary = (struct stat){0};
    free(found);
    c->socket_from = "-S";
    c->socket = socket ? config_absolute(socket) : config_default_socket(&c->socket_from);
    c->holders = config_holders(c->socket);
    c->state = config_xdg("XDG_STATE_HOME", "telec", ".local/state/telec", &c->state_from);
    c->file_from = "-c";
    int unread = file && strcmp(file, CONFIG_UNREAD) == 0;
    file = unread ? NULL : file;
    c->file = file ? config_absolute(file) : config_default_file(&c->file_from);
    config_set_defaults(c);
    config_identity(c);
    config_default_agents(c);
    buf text = {0};
    int is_named = file || (c->file_from && strcmp(c->file_from, "TELEC_CONFIG") == 0);
    int status = unread     ? 0
                 : is_named ? os_read_any(&text, c->file, CONFIG_FILE_MAX)
                            : os_read_file(&text, c->file, CONFIG_FILE_MAX);
    if (status != 0 && (file || (errno != ENOENT && errno != ENOTDIR))) {
        buf_fmt(error, "cannot read the configuration %s: %s", c->file, os_file_fault(errno));
        buf_free(&text);
        return -1;
    }
    config_parse(c, buf_view(&text));
    config_redis_from_environment(c);
    config_check_projects(c);
    config_check_peers(c);
    struct stat st;
    c->is_read_once = is_named && !unread && stat(c->file, &st) == 0 && !S_ISREG(st.st_mode);
    if (c->is_read_once)
        c->text = text;
    else
        buf_free(&text);
    return 0;
}

static const char *config_program(const struct config *c)
{
    static const char running[] = OS_PROC "/self/exe";
    struct stat now;
    int same = stat(c->program, &now) == 0 && now.st_ino == c->binary.st_ino &&
               now.st_dev == c->binary.st_dev;
    return c->loaded && !same && access(running, X_OK) == 0 ? running : c->program;
}

static void config_free(struct config *c)
{
    free(c->state), free(c->file), free(c->socket), free(c->holders), free(c->program);
    free(c->keys.items), free(c->colours.items), free(c->reach.items), free(c->projects);
    config_drop_texts(c->texts);
    config_drop_texts(c->renewed);
    buf_free(&c->problems);
    buf_free(&c->text);
    *c = (struct config){0};
}

static void config_renew_agents(struct config *c)
{
    struct config fresh = {0};
    buf error = {0};
    if (disk_answers(c->disk) &&
        config_load(&fresh, c->program, c->socket, c->file, &error) == 0) {
        memcpy(c->agents, fresh.agents, sizeof c->agents);
        c->agent_count = fresh.agent_count;
        config_drop_texts(c->renewed);
        c->renewed = fresh.texts;
        fresh.texts = NULL;
    }
    config_free(&fresh);
    buf_free(&error);
}

/* ---- the effective configuration ------------------------------------------------------------ */

static void config_put_value(const struct config *c, buf *b, const char *name, const char *value,
                             int line)
{
    buf_str(b, line ? "# " : "# default\n");
    if (line) {
        utf8_put_visible(b, span_of(c->file));
        buf_fmt(b, ":%d\n", line);
    }
    span shown = span_of(value ? value : "");
    const char *quote = config_cut_comment(shown).n == shown.n   ? ""
                        : memchr(shown.p, '"', shown.n) ? "'"
                                                        : "\"";
    buf_fmt(b, "%s =%s%s%s%s\n", name, shown.n ? " " : "", quote, value ? value : "", quote);
}

static void config_put_section(const struct config *c, buf *b, const void *base,
                               const struct config_key *keys, size_t count, const int *lines)
{
    for (size_t i = 0; i < count; i++) {
        const char *value = *config_place((void *)base, &keys[i]);
        int hidden = value && *value && strcmp(keys[i].name, "secret") == 0;
        config_put_value(c, b, keys[i].name, hidden ? "***" : value, lines[i]);
    }
}

/* Appends a path, as a comment: the file can't set it. */
static void config_put_path(buf *b, const char *what, const char *path, const char *from)
{
    buf_fmt(b, "# %s: ", what);
    utf8_put_visible(b, span_of(path));
    if (!from)
        buf_str(b, " (default)\n");
    else
        buf_fmt(b, " (%s %s)\n", from[0] == '-' ? "option" : "environment", from);
}

/* Leaves the password out: people paste this into reports. */
static void config_put_url(buf *b, const char *url)
{
    const char *scheme = span_find(span_of(url), "://"), *at = strrchr(url, '@');
    const char *colon = scheme && at ? strchr(scheme + 3, ':') : NULL;
    if (!colon || colon > at) {
        buf_str(b, url);
        return;
    }
    buf_add(b, url, (size_t)(colon - url));
    buf_str(b, ":***");
    buf_str(b, at);
}

static void config_put_redis(const struct config *c, buf *b)
{
    buf url = {0};
    config_put_url(&url, c->redis_url);
    buf_str(b, "\n[redis]\n");
    if (c->redis_from[0] == '$') {
        buf_fmt(b, "# environment %s\nurl =%s", c->redis_from + 1, url.n ? " " : "");
        utf8_put_visible(b, buf_view(&url));
        buf_byte(b, '\n');
    } else {
        config_put_value(c, b, "url", buf_cstr(&url), c->redis_lines[0]);
    }
    config_put_value(c, b, "tls_command", c->tls_command, c->redis_lines[1]);
    buf_free(&url);
}

static void config_put_agent(const struct config *c, buf *b, const struct config_agent *agent)
{
    size_t count = COUNT_OF(config_agent_keys);
    buf_fmt(b, "\n[agent %s]\n", agent->name);
    if (!agent->prompt) {
        buf_str(b, "# no prompt: a first prompt is typed once it has started\n");
        count--;
    }
    config_put_section(c, b, agent, config_agent_keys, count, agent->lines);
}

static void config_put(const struct config *c, buf *b)
{
    config_put_path(b, "configuration file", c->file, c->file_from);
    config_put_path(b, "socket", c->socket, c->socket_from);
    config_put_path(b, "state", c->state, c->state_from);
    buf_str(b, "\n[computer]\n");
    config_put_value(c, b, "name", c->computer, c->computer_lines[0]);
    config_put_value(c, b, "user", config_user(c), c->computer_lines[1]);
    config_put_value(c, b, "host", c->host, c->computer_lines[2]);
    config_put_value(c, b, "role", c->role, c->computer_lines[3]);
    config_put_value(c, b, "on_state", c->on_state ? c->on_state : "", c->computer_lines[4]);
    config_put_value(c, b, "keep_env", c->keep_env ? c->keep_env : "", c->computer_lines[5]);
    for (int i = 0; i < c->agent_count; i++)
        config_put_agent(c, b, &c->agents[i]);
    for (int i = 0; i < c->project_count; i++) {
        const struct config_project *project = &c->projects[i];
        buf_fmt(b, "\n[project %s]\n", project->name);
        config_put_section(c, b, project, config_project_keys, COUNT_OF(config_project_keys),
                           project->lines);
    }
    buf_str(b, "\n[agents]\n");
    config_put_section(c, b, c, config_agents_keys, COUNT_OF(config_agents_keys), c->agents_lines);
    config_put_redis(c, b);
    buf_str(b, "\n[peers]\n");
    config_put_section(c, b, c, config_peers_keys, COUNT_OF(config_peers_keys), c->peers_lines);
    buf_str(b, "\n[reach]\n");
    config_put_section(c, b, c, config_reach_keys, COUNT_OF(config_reach_keys), c->reach_lines);
    for (int i = 0; i < c->reach.count; i++) {
        buf_fmt(b, "\n[" CONFIG_COMPUTER "%s]\n", c->reach.items[i].name);
        config_put_value(c, b, "reach", c->reach.items[i].value, c->reach.items[i].line);
    }
    buf_str(b, "\n[prepare]\n");
    config_put_section(c, b, c, config_prepare_keys, COUNT_OF(config_prepare_keys),
                       c->prepare_lines);
    buf_str(b, "\n[ui]\n");
    config_put_section(c, b, c, config_ui_keys, COUNT_OF(config_ui_keys), c->ui_lines);
}
