#include "server.h"

/* announce - runs the command of [computer] on_state when a session of this computer waits, is idle
 * or exits, one process at a time. A session that changes again before its turn is announced once,
 * with its last state. */

static void announce_start(struct announce *a);

static void announce_remove(struct announce *a, int at)
{
    free(a->queue[at]);
    memmove(&a->queue[at], &a->queue[at + 1], (size_t)(--a->count - at) * sizeof *a->queue);
}

/* The command's process and those that it has started and that stayed in its group. */
static void announce_on_late(void *ctx)
{
    struct announce *a = ctx;
    log_line(LOG_WARN, "on_state: not done after %d s: killed", ANNOUNCE_MS / 1000);
    kill(-a->child.pid, SIGKILL);
}

static void announce_on_exit(void *ctx, int status)
{
    struct announce *a = ctx;
    a->running = 0;
    loop_timer_cancel(a->loop, &a->late_timer);
    if (WIFEXITED(status) && WEXITSTATUS(status))
        log_line(LOG_WARN, "on_state: the command ended with %d", WEXITSTATUS(status));
    announce_start(a);
}

/* Appends NAME=value, NUL-terminated; control characters become blanks. */
static void announce_put(buf *b, const char *name, struct json value)
{
    size_t from;
    buf_fmt(b, "%s=", name);
    from = b->n;
    json_put_text(b, value);
    for (size_t i = from; i < b->n; i++)
        if ((unsigned char)b->p[i] < ' ' || b->p[i] == 0x7f)
            b->p[i] = ' ';
    buf_byte(b, '\0');
}

static const char *const announce_names[][2] = {
    {"TELEC_SESSION_ID", "session_id"}, {"TELEC_STATE", "state"},
    {"TELEC_TITLE", "title"},           {"TELEC_AGENT", "active_agent"},
    {"TELEC_TEXT", "state_text"},       {"TELEC_DIRECTORY", "working_directory"}};

/* Returns the session's variables and the rest of the daemon's environment, in one block. A daemon
 * that was started in a session has that one's: shells would take them. */
static char **announce_environment(span object, buf *variables)
{
    extern char **environ;
    struct json session;
    size_t count = 0, own = COUNT_OF(announce_names), n = own;
    json_read(object, &session);
    for (size_t i = 0; i < own; i++)
        announce_put(variables, announce_names[i][0], json_get(session, announce_names[i][1]));
    while (environ[count])
        count++;
    char **all = base_alloc((own + count + 1) * sizeof *all), *at = variables->p;
    for (size_t i = 0; i < own; i++, at += strlen(at) + 1)
        all[i] = at;
    for (char **old = environ; *old; old++) {
        size_t i = 0;
        while (i < own && strncmp(*old, all[i], strcspn(all[i], "=") + 1) != 0)
            i++;
        all[n] = *old;
        n += i == own;
    }
    all[n] = NULL;
    return all;
}

/* Announces the first session of the queue that still exists. */
static void announce_start(struct announce *a)
{
    while (a->count && !a->running) {
        const struct session *s = sessions_find(a->sessions, a->queue[0]);
        char **argv = config_words(span_of(a->sessions->config->on_state));
        announce_remove(a, 0);
        if (s && s->cached && argv && argv[0]) {
            buf variables = {0};
            char **environment = announce_environment(buf_view(&s->cached->json), &variables);
            a->child.pid = os_start(&(struct os_program){
                .argv = argv, .environment = environment, .fds = {OS_NULL, OS_NULL, OS_NULL}});
            int error = a->child.pid < 0 ? errno : 0;
            a->running = !error;
            if (error)
                log_line(LOG_WARN, "on_state: cannot start %s: %s", argv[0], strerror(error));
            free(environment);
            buf_free(&variables);
        }
        free(argv);
    }
    if (a->running && !a->late_timer.slot) {
        loop_timer_in(a->loop, &a->late_timer, ANNOUNCE_MS);
        loop_on_exit(a->loop, &a->child);
    }
}

static void announce_add(struct announce *a, const char *id)
{
    for (int i = 0; i < a->count; i++)
        if (strcmp(a->queue[i], id) == 0)
            return;
    if (a->count == ANNOUNCE_QUEUE_MAX) {
        log_line(LOG_WARN, "on_state: %d sessions wait for it: one is omitted", a->count);
        announce_remove(a, 0);
    }
    a->queue[a->count++] = base_dup(id);
    announce_start(a);
}

/* The first state that is known of a session is no change. */
static void announce_on_changed(void *ctx, struct session *s)
{
    struct announce *a = ctx;
    struct json status;
    char state[sizeof s->announced] = "";
    if (!a->sessions->config->on_state || s->adopting ||
        !json_read(buf_view(&s->status), &status))
        return;
    char *text = json_dup_member(status, "state");
    base_copy(state, sizeof state, text ? text : "");
    free(text);
    int changed = *s->announced && strcmp(state, s->announced) != 0;
    strcpy(s->announced, state);
    if (changed && strcmp(state, "working") != 0 && strcmp(state, "starting") != 0)
        announce_add(a, s->id);
}

static void announce_init(struct announce *a, struct sessions *all)
{
    *a = (struct announce){.loop = all->loop, .sessions = all};
    a->late_timer = (struct loop_timer){.fn = announce_on_late, .ctx = a};
    a->child = (struct loop_child){.fn = announce_on_exit, .ctx = a};
    all->on_changed = announce_on_changed;
    all->changed_ctx = a;
}

static void announce_free(struct announce *a)
{
    while (a->count)
        announce_remove(a, a->count - 1);
    if (a->running) {
        kill(-a->child.pid, SIGKILL);
        loop_child_cancel(a->loop, &a->child); /* init reaps it */
    }
    loop_timer_cancel(a->loop, &a->late_timer);
}
