#include "cli.h"

/* enter - telec attach: which session, and how. */

/* Runs a program on this terminal until it ends. Returns its exit status, or -1 with errno. */
static int enter_run(char *const *argv)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old_int, old_quit;
    int status = -1;
    sigaction(SIGINT, &ignore, &old_int); /* Ctrl-C and Ctrl-\ are for the program */
    sigaction(SIGQUIT, &ignore, &old_quit);
    pid_t pid = fork();
    if (pid == 0) {
        sigaction(SIGINT, &old_int, NULL);
        sigaction(SIGQUIT, &old_quit, NULL);
        execvp(argv[0], argv);
        context_fail("cannot run %s: %s", argv[0], strerror(errno));
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGQUIT, &old_quit, NULL);
    return pid < 0 ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Attaches to a session of another computer, by running telec there through ssh; or through the
 * daemon, when the computer is behind a pipe of it. */
static int enter_elsewhere(struct context *c, struct json session, const char *id,
                           const char *computer)
{
    buf line = {0}, error = {0}, kept = {0};
    struct json object;
    buf_span(&kept, session.text); /* the next reply replaces this one */
    if (context_ask(c, "GET", "/computers", NULL) != 0) {
        buf_free(&kept);
        return 1;
    }
    if (client_is_piped(client_find_computer(context_reply(c), computer))) {
        buf_free(&kept);
        return commands_ui(c, id, computer);
    }
    json_read(buf_view(&kept), &object);
    if (!client_put_attach(&c->config, object, context_reply(c), &line, &error)) {
        context_fail("%s", buf_cstr(&error));
        buf_free(&kept), buf_free(&line), buf_free(&error);
        return 1;
    }
    buf_str(&line, c->value['r'] ? " -r" : ""); /* tmux has it, too */
    char **argv = config_words(buf_view(&line));
    int status = enter_run(argv);
    if (status != 0) {
        int tmux = json_is(object, "tmux_session_name", JSON_STRING);
        client_put_attach_fault(&c->config, tmux, status, &error);
        context_fail("'%s': %s", buf_cstr(&line), buf_cstr(&error));
    }
    free(argv);
    buf_free(&kept), buf_free(&line), buf_free(&error);
    return status != 0;
}

/* ---- which one ------------------------------------------------------------------------------ */

/* Appends the id of the session that has waited longest, else of the one that was active last.
 * Returns 0, or 1 after a message. */
static int enter_find_next(struct context *c, buf *id)
{
    long long best = -1;
    if (context_ask(c, "GET", CONTEXT_ALL_SESSIONS, NULL) != 0)
        return 1;
    for (struct json_iter it = json_iter(context_reply(c)); json_next(&it);) {
        int waits = json_member_eq(it.value, "state", "waiting");
        long long at = 0;
        json_time(json_get(it.value, waits ? "state_since" : "last_activity"), &at);
        long long rank = waits ? LLONG_MAX - at : at;
        if (json_member_eq(it.value, "state", "exited") || rank <= best)
            continue;
        best = rank;
        buf_clear(id);
        json_put_member(id, it.value, "session_id");
    }
    buf_cstr(id);
    return id->n ? 0 : context_fail("no session runs: 'telec new' starts one");
}

static int enter_session(struct context *c, const char *word)
{
    buf target = {0};
    int status = context_find(c, word, &target);
    if (status == 0)
        status = context_get(c, &target);
    if (status == 0 && json_member_eq(context_reply(c), "state", "exited")) {
        buf_free(&target);
        context_fail("%s: the session has ended; 'telec tail' prints its output", word);
        return word != c->created; /* telec new --attach has started it all the same */
    }
    struct json session = context_reply(c);
    char *computer = json_dup_member(session, "computer");
    int elsewhere = computer && strcmp(computer, c->config.computer) != 0 &&
                    strcmp(c->config.attach, CONFIG_ATTACH_REDIS) != 0;
    if (status == 0)
        attach_note(&c->config, target.p + strlen("/sessions/"));
    if (status == 0 && (elsewhere || json_is(session, "tmux_session_name", JSON_STRING)))
        status = enter_elsewhere(c, session, target.p + strlen("/sessions/"), computer);
    else if (status == 0)
        status = commands_ui(c, target.p + strlen("/sessions/"), computer);
    free(computer);
    buf_free(&target);
    return status;
}

static int enter_attach(struct context *c)
{
    buf id = {0};
    int failed = 0;
    if (!c->arg_count)
        failed = enter_find_next(c, &id);
    else if (strcmp(c->args[0], "-") == 0)
        attach_put_noted(&c->config, 1, &id);
    else
        buf_str(&id, c->args[0]);
    if (c->arg_count && !id.n)
        failed = context_fail("-: no session was attached to before the last one");
    failed = failed || enter_session(c, buf_cstr(&id));
    buf_free(&id);
    return failed;
}

static int enter_new(struct context *c)
{
    int attach = c->value['g'] != NULL;
    int status = attach && commands_check_terminal() ? 1 : commands_new(c);
    return attach && status == 0 ? enter_session(c, c->created) : status;
}
