#include "session.h"

/* launch - starting a session's program: a new session, and a restart of one that has exited.
 *
 * A restart keeps id, place, command, directory, title, agent and mode; the environment is the
 * restarter's. An agent whose conversation is known resumes it. The exit before is set aside until
 * the new holder runs, and stands again when it does not. */

#define LAUNCH_TITLE_MAX 400 /* bytes */

/* ---- creating ------------------------------------------------------------------------------- */

static void launch_not_created(struct session *s, const char *why)
{
    struct session_creating *creating = s->creating;
    store_remove_session(s->owner->config->state, s->id);
    sessions_delete(s);
    creating->done(creating->ctx, NULL, why);
    free(creating);
}

static void launch_not_restarted(struct session *s, const char *why)
{
    struct session_creating *creating = s->creating;
    s->creating = NULL;
    record_recover_exit(s);
    record_set_status(s, buf_view(&creating->end));
    record_changed(s);
    creating->done(creating->ctx, NULL, why);
    buf_free(&creating->end);
    free(creating);
    if (s->ending)
        sessions_remove(s);
}

static void launch_on_answer(void *ctx, const char *error)
{
    struct session *s = ctx;
    if (error && s->creating->end.n) {
        launch_not_restarted(s, error);
    } else if (error) {
        launch_not_created(s, error);
    } else if (!s->holder.open) {
        sessions_reach(s); /* session_created follows */
    }
}

static char *launch_dup(const char *s)
{
    return s ? base_dup(s) : NULL;
}

static char *launch_quoted(char *const *argv)
{
    buf b = {0};
    for (size_t i = 0; argv[i]; i++) {
        if (i)
            buf_byte(&b, ' ');
        config_put_quoted(&b, argv[i]);
    }
    buf_cstr(&b);
    return b.p;
}

/* Appends the agent's command as one string, which config_words splits. An option that ends with =
 * and the id are one word. */
static void launch_put_agent_command(const struct config_agent *agent, int mode,
                                     const char *option, const char *id, const char *message,
                                     buf *b)
{
    buf_str(b, agent->command);
    if (mode >= 0 && agent->flags[mode])
        buf_fmt(b, " %s", agent->flags[mode]);
    if (id && option && *option)
        buf_fmt(b, " %s%s%s", option, option[strlen(option) - 1] == '=' ? "" : " ", id);
    if (!message || !agent->prompt)
        return;
    buf_byte(b, ' ');
    buf_str(b, agent->prompt);
    buf_byte(b, ' ');
    config_put_quoted(b, message);
}

static void launch_fill_place(struct session *s)
{
    free(s->machine), free(s->host), free(s->boot);
    s->machine = span_dup(buf_view(&s->owner->machine));
    s->host = launch_dup(s->owner->config->host);
    s->boot = span_dup(buf_view(&s->owner->boot));
}

static void launch_fill(struct session *s, const struct session_plan *plan)
{
    int from_message = plan->message && plan->message[0] == '/';
    s->title = launch_dup(plan->title ? plan->title : from_message ? plan->message : "Untitled");
    size_t n = strlen(s->title);
    while (n > LAUNCH_TITLE_MAX || (n && (s->title[n] & 0xc0) == 0x80))
        n--; /* to the end of a character */
    s->title[n] = '\0';
    s->directory = launch_dup(plan->directory);
    s->agent = plan->command ? NULL : launch_dup(plan->agent);
    s->mode = plan->command ? NULL : launch_dup(plan->mode);
    s->initiator = launch_dup(plan->initiator);
    s->command = plan->command ? launch_quoted(plan->command) : NULL;
    launch_fill_place(s);
}

static const struct config_agent *launch_agent(struct sessions *all, const char *name)
{
    config_renew_agents(all->config);
    return config_agent(all->config, name);
}

/* Chooses the id of a new conversation, where the agent takes one. */
static void launch_choose_native_id(struct session *s, const struct config_agent *agent)
{
    char id[37];
    if (!agent->session_id || !*agent->session_id || record_names_conversation(agent))
        return;
    os_uuid(id);
    s->native_id = base_dup(id);
}

/* Returns a variable of the caller's environment, to be freed; NULL: it has none. */
static char *launch_env(struct json env, const char *name)
{
    for (struct json_iter it = json_items(env); json_next(&it);) {
        char *one = json_dup_text(it.value);
        size_t n = strlen(name);
        if (one && strncmp(one, name, n) == 0 && one[n] == '=') {
            memmove(one, one + n + 1, strlen(one + n + 1) + 1);
            return one;
        }
        free(one);
    }
    return NULL;
}

/* Returns the words of an agent's command line: a shell is the caller's, unless the configuration
 * names one; with login = yes a login shell runs the program. */
static char **launch_agent_words(const struct config_agent *agent, struct json env,
                                 const buf *line)
{
    buf whole = {0};
    span rest = buf_view(line);
    char *shell = launch_env(env, "SHELL");
    int named = config_is_shell(shell);
    if (strcmp(agent->name, "shell") == 0 && !agent->lines[0] && named) {
        config_put_quoted(&whole, shell);
        rest = span_sub(rest, strlen(agent->command));
    } else if (agent->login && strcmp(agent->login, "yes") == 0) {
        config_put_quoted(&whole, named ? shell : config_shell());
        buf_str(&whole, " -lc 'exec \"$0\" \"$@\"' ");
    }
    buf_span(&whole, rest);
    char **words = config_words(buf_view(&whole));
    buf_free(&whole);
    free(shell);
    return words;
}

static const char *launch_agent_fault(const struct config_agent *agent, char **argv,
                                      struct json env)
{
    if (!agent)
        return "no such agent is configured";
    if (!argv || !argv[0])
        return "the agent's configured command is not a command line";
    char *path = launch_env(env, "PATH"); /* with which the program is looked for */
    int found = config_is_on(path ? path : getenv("PATH"), argv[0]);
    free(path);
    return found ? NULL : "not installed (its program is not on PATH; where only a login shell "
                          "finds it: [agent NAME] login = yes)";
}

/* launch_on_answer follows. */
static void launch_start(struct session *s, const struct session_plan *plan, char *const *argv,
                         const char *typed, const char *argument)
{
    struct sessions *all = s->owner;
    struct holder_spec spec = {.id = s->id,
                               .binary = config_program(all->config),
                               .socket = s->socket,
                               .state_dir = s->dir,
                               .api_socket = all->config->socket,
                               .keep_env = all->config->keep_env,
                               .argv = argv,
                               .agent = s->agent,
                               .directory = s->directory,
                               .env = plan->env,
                               .umask = plan->umask,
                               .cols = plan->cols,
                               .rows = plan->rows,
                               .typed = typed,
                               .argument = argument,
                               .native_id = s->native_id};
    sessions_set_link_hooks(s);
    holder_link_launch(all->loop, all->config->program, &spec, &s->holder, launch_on_answer, s);
}

static void launch_create(struct sessions *all, const struct session_plan *plan,
                          void (*done)(void *ctx, struct session *s, const char *error), void *ctx)
{
    const struct config_agent *agent =
        plan->command ? NULL : launch_agent(all, plan->agent);
    int mode = agents_mode(plan->mode);
    buf line = {0}, error = {0};
    char **argv = NULL;
    char id[37];
    os_uuid(id);
    struct session *s = sessions_new(all, id);
    int answers = record_disk_answers(s);
    launch_fill(s, plan);
    if (agent) {
        launch_choose_native_id(s, agent);
        launch_put_agent_command(agent, mode, agent->session_id, s->native_id, plan->message,
                                 &line);
        argv = launch_agent_words(agent, plan->env, &line);
    }
    const char *fault = plan->command ? NULL : launch_agent_fault(agent, argv, plan->env);
    if (fault)
        buf_fmt(&error, "%s: %s", plan->agent, fault);
    else if (!answers)
        buf_fmt(&error, "cannot write %s: %s", s->dir, os_file_fault(ETIMEDOUT));
    else if (store_make_dir(s->dir) != 0 || record_write(s, 1) != 0)
        buf_fmt(&error, "cannot write %s/record.json: %s", s->dir, strerror(errno));
    if (error.n) {
        if (answers)
            store_remove_session(all->config->state, id);
        sessions_delete(s);
        done(ctx, NULL, buf_cstr(&error));
    } else {
        s->creating = base_alloc(sizeof *s->creating);
        *s->creating = (struct session_creating){.done = done, .ctx = ctx};
        launch_start(s, plan, plan->command ? plan->command : argv,
                     agent && agent->prompt ? NULL : plan->message,
                     agent && agent->prompt ? plan->message : NULL);
    }
    buf_free(&line);
    buf_free(&error);
    free(argv);
}

/* ---- restarting ----------------------------------------------------------------------------- */

/* Waits until the last run's holder has gone. */
struct launch_restarting {
    struct session_plan plan;
    buf env, umask;
    int fresh;
    void (*done)(void *ctx, struct session *s, const char *error);
    void *ctx;
};

static void launch_log_restart(const struct session *s)
{
    struct store_log log;
    if (store_log_open(&log, s->dir) == 0)
        store_log_write(&log, span_of("\033[?47l\033[!p\033[m\r\n\033[J"));
    store_log_close(&log);
}

/* A holder does not start where one stands. Returns NULL, or the fault. */
static const char *launch_set_exit_aside(struct session *s)
{
    char *exit = store_path(s->dir, "exit.json"), *last = store_path(s->dir, STORE_LAST_EXIT);
    int failed = rename(exit, last) != 0 && errno != ENOENT;
    free(exit), free(last);
    if (!failed && record_write(s, 1) == 0)
        return NULL;
    const char *why = strerror(errno);
    record_recover_exit(s);
    return why;
}

static void launch_run_again(struct session *s, struct launch_restarting *r, char *const *argv)
{
    struct session_creating *creating = base_alloc(sizeof *creating);
    *creating = (struct session_creating){.done = r->done, .ctx = r->ctx};
    buf_span(&creating->end, buf_view(&s->status));
    s->creating = creating;
    loop_timer_cancel(s->owner->loop, &s->retry_timer);
    s->retry_ms = 0;
    launch_log_restart(s);
    if (r->fresh)
        buf_clear(&s->status); /* it has the id of the conversation before */
    record_set_own_status(s, STATE_STARTING, STATE_BY_OUTPUT, NULL);
    buf_clear(&s->record);
    record_changed(s);
    launch_start(s, &r->plan, argv, NULL, NULL);
}

static void launch_again(struct session *s, struct launch_restarting *r)
{
    const struct config_agent *agent = s->agent ? launch_agent(s->owner, s->agent) : NULL;
    buf line = {0}, error = {0};
    int resumes = !r->fresh && record_resumes(s);
    if (s->agent && agent && !resumes) {
        free(s->native_id);
        s->native_id = NULL;
        launch_choose_native_id(s, agent);
    }
    if (s->command)
        buf_str(&line, s->command);
    else if (agent)
        launch_put_agent_command(agent, agents_mode(s->mode),
                                 resumes ? agent->resume : agent->session_id, s->native_id, NULL,
                                 &line);
    char **argv = agent && !s->command ? launch_agent_words(agent, r->plan.env, &line)
                                       : config_words(buf_view(&line));
    const char *fault = s->command ? (argv && argv[0] ? NULL : "its command is not a command line")
                                   : launch_agent_fault(agent, argv, r->plan.env);
    launch_fill_place(s);
    free(s->socket);
    s->socket = sessions_socket(s->owner, s->id);
    if (!fault)
        fault = launch_set_exit_aside(s);
    if (fault) {
        buf_fmt(&error, "%s: %s", s->command ? s->command : s->agent, fault);
        r->done(r->ctx, NULL, buf_cstr(&error));
    } else {
        launch_run_again(s, r, argv);
    }
    buf_free(&line), buf_free(&error);
    free(argv);
}

static void launch_on_gone(void *ctx, struct session *s, int removed)
{
    struct launch_restarting *r = ctx;
    s->on_gone = NULL;
    if (removed)
        r->done(r->ctx, NULL, "the session was removed meanwhile");
    else
        launch_again(s, r);
    buf_free(&r->env), buf_free(&r->umask);
    free(r);
}

/* Returns NULL, or why not. */
static const char *launch_restart_fault(const struct session *s)
{
    if (!record_has_exited(s) || s->creating || s->on_gone)
        return "it has not exited";
    if (s->ending || s->hidden)
        return "it is being removed";
    if (life_is_same(os_put_machine, s->machine) == 0)
        return "its record is of another machine";
    if (!record_disk_answers(s))
        return os_file_fault(ETIMEDOUT);
    return NULL;
}

static struct json launch_keep(struct json value, buf *text)
{
    struct json kept;
    buf_span(text, value.text);
    json_read(buf_view(text), &kept);
    return kept;
}

static void launch_restart(struct session *s, const struct session_plan *plan, int fresh,
                           void (*done)(void *ctx, struct session *s, const char *error),
                           void *ctx)
{
    const char *fault = launch_restart_fault(s);
    if (fault) {
        done(ctx, NULL, fault);
        return;
    }
    struct launch_restarting *r = base_alloc(sizeof *r);
    int cols, rows;
    sessions_size(s, &cols, &rows);
    *r = (struct launch_restarting){.fresh = fresh, .done = done, .ctx = ctx};
    r->plan.cols = plan->cols ? plan->cols : cols;
    r->plan.rows = plan->rows ? plan->rows : rows;
    if (json_type(plan->env) == JSON_ARRAY)
        r->plan.env = launch_keep(plan->env, &r->env);
    if (json_type(plan->umask) == JSON_NUMBER)
        r->plan.umask = launch_keep(plan->umask, &r->umask);
    s->gone_ctx = r;
    s->on_gone = launch_on_gone;
    if (s->holder.open)
        holder_link_close(&s->holder); /* launch_on_gone follows */
    else
        launch_on_gone(r, s, 0);
}
