#include "cli.h"

/* acts - what changes sessions or waits for them: send, keys, answer, kill, restart, wait. Most of
 * them take several sessions, by id or by --project, --state, --agent, --all. */

/* ---- which sessions ------------------------------------------------------------------------- */

struct acts_ids {
    char **ids; /* NULL: not found, which was said */
    int count;
};

static void acts_free_ids(struct acts_ids *found)
{
    for (int i = 0; i < found->count; i++)
        free(found->ids[i]);
    free(found->ids);
    *found = (struct acts_ids){0};
}

#define ACTS_LIVE "live" /* instead of a state: any but exited */

/* Returns 1 when the session is in the project: a directory, or the last part of its path. */
static int acts_is_in(struct json session, const char *project)
{
    char *directory = json_dup_member(session, "working_directory");
    char *path = config_absolute(project);
    size_t n = span_trim(span_of(path), "/").n;
    n += n && *path == '/'; /* "/" has all; a slash behind the name is completion's */
    int is_in = directory && (strcmp(config_last_part(directory), project) == 0 ||
                              (strncmp(directory, path, n) == 0 &&
                               (!directory[n] || directory[n] == '/')));
    free(directory), free(path);
    return is_in;
}

static int acts_is_state(struct json session, const char *state)
{
    return strcmp(state, ACTS_LIVE) == 0 ? !json_member_eq(session, "state", "exited")
                                         : json_member_eq(session, "state", state);
}

static int acts_matches(const struct context *c, struct json session, const char *state)
{
    const char *project = c->value['J'], *agent = c->value['a'];
    struct json command = json_get(session, "command");
    int is_shell = agent && strcmp(agent, "shell") == 0 && json_type(command) == JSON_STRING;
    return (!project || acts_is_in(session, project)) &&
           (!state || acts_is_state(session, state)) &&
           (!agent || is_shell || json_member_eq(session, "active_agent", agent));
}

static int acts_has_filter(const struct context *c, const char *state)
{
    return c->value['J'] || c->value['a'] || c->value['A'] || state;
}

/* Adds the sessions that the filters match. Returns 0, or 1 after a message. */
static int acts_filter(struct context *c, const char *state, struct acts_ids *found)
{
    int failed = context_get_listing(c, CONTEXT_ALL_SESSIONS);
    for (struct json_iter it = json_iter(failed ? (struct json){0} : context_reply(c));
         json_next(&it);) {
        if (!acts_matches(c, it.value, state))
            continue;
        found->ids = base_grow(found->ids, (size_t)(found->count + 1) * sizeof *found->ids);
        found->ids[found->count++] = json_dup_member(it.value, "session_id");
    }
    if (!failed && !found->count)
        return context_fail("no session matches");
    return failed;
}

/* Finds the sessions of the first `count` arguments, or of the filters. state: a filter, or NULL.
 * Returns 0, 1 after a message, 2 for wrong usage. */
static int acts_select(struct context *c, char **args, int count, const char *state,
                       struct acts_ids *found)
{
    int filtered = acts_has_filter(c, state);
    *found = (struct acts_ids){0};
    if (c->value['w'] &&
        !span_is_one_of("waiting|idle|working|exited|starting|unreachable", c->value['w']))
        return context_usage("expected waiting, idle, working or exited", c->value['w']);
    if (filtered && count)
        return context_usage("give ids or filters, not both", args[0]);
    if (!filtered && !count)
        return context_usage("expected ids, --project, --agent, --state or --all", "no session");
    if (filtered)
        return acts_filter(c, state, found);
    found->ids = base_alloc((size_t)count * sizeof *found->ids);
    found->count = count;
    return context_find_many(c, args, count, found->ids);
}

/* ---- send ----------------------------------------------------------------------------------- */

/* Sends the text to one session; prints the result, after the id if there are several. */
static int acts_type_one(struct context *c, const char *id, const char *path, const buf *body,
                         int several)
{
    buf target = {0}, line = {0};
    client_put_target(&target, id, path, c->value['o']);
    int failed = context_ask(c, "POST", buf_cstr(&target), body);
    if (!failed) {
        if (several)
            buf_fmt(&line, "%s\t", id);
        size_t before = line.n;
        json_put_member(&line, context_reply(c), "result");
        /* a TeleClaude daemon gives no receipt */
        buf_str(&line, line.n > before ? "\n" : "sent\n");
        failed = context_write(&line);
    }
    buf_free(&target), buf_free(&line);
    return failed;
}

/* Opens {key: text, "from": the session that this runs in}. */
static void acts_open_body(buf *body, const char *key, buf *text)
{
    const char *from = getenv("TELEC_SESSION_ID");
    json_open(body, '{');
    json_field_string(body, key, buf_cstr(text));
    if (from && *from)
        json_field_string(body, "from", from);
}

/* Types the arguments from `first` on into the sessions. */
static int acts_type(struct context *c, const char *key, const char *path, int first,
                     const struct acts_ids *found)
{
    buf body = {0}, text = {0};
    int failed = 0;
    for (int i = first; i < c->arg_count; i++) {
        buf_str(&text, i > first ? " " : "");
        buf_str(&text, c->args[i]);
    }
    acts_open_body(&body, key, &text);
    json_field_bool(&body, "enter", c->value['E'] == NULL);
    if (c->value['F'])
        json_field_bool(&body, "force", 1);
    json_close(&body, '}');
    for (int i = 0; i < found->count; i++)
        if (found->ids[i])
            failed |= acts_type_one(c, found->ids[i], path, &body, found->count > 1);
    buf_free(&body), buf_free(&text);
    return failed;
}

/* Splits --to ID,ID in place. */
static int acts_select_listed(struct context *c, struct acts_ids *found)
{
    char *list = base_dup(c->value['z']), **ids = NULL;
    int count = 0;
    for (char *at = list; at && *at;) {
        ids = base_grow(ids, (size_t)(count + 1) * sizeof *ids);
        ids[count++] = at;
        if ((at = strchr(at, ',')))
            *at++ = '\0';
    }
    int failed = acts_select(c, ids, count, NULL, found);
    free(ids), free(list);
    return failed;
}

/* Finds the sessions that get the arguments from *first on: those of --to or of the filters, else
 * that of the first argument. Returns as acts_select. */
static int acts_select_receivers(struct context *c, const char *command, struct acts_ids *found,
                                 int *first)
{
    const char *state = c->value['w'];
    int many = c->value['z'] || acts_has_filter(c, state);
    *found = (struct acts_ids){0};
    *first = !many;
    if (c->arg_count < 2 - many)
        return context_usage("more arguments are needed", command);
    return c->value['z'] ? acts_select_listed(c, found)
           : many        ? acts_select(c, NULL, 0, state ? state : ACTS_LIVE, found)
                         : acts_select(c, c->args, 1, NULL, found);
}

static int acts_send(struct context *c)
{
    struct acts_ids found;
    int first, failed = acts_select_receivers(c, "send", &found, &first), blank = 1;
    for (int i = first; i < c->arg_count; i++)
        blank &= c->args[i][strspn(c->args[i], " \t\r\n")] == '\0';
    if (failed != 2 && blank && !c->value['E'])
        failed = context_usage("expected a text", "send");
    if (failed != 2)
        failed |= acts_type(c, "message", "/message", first, &found);
    acts_free_ids(&found);
    return failed;
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* Puts the name of a key as the daemon knows it: Up is key_up, Ctrl-C ctrl_c. Returns 0: there is
 * none. */
static int acts_put_key(buf *name, const char *word)
{
    buf bytes = {0};
    int known = 0;
    for (int i = 0; i < 2 && !known; i++) {
        buf_clear(name);
        buf_str(name, i ? "key_" : "");
        for (const char *at = word; *at; at++)
            buf_byte(name, *at >= 'A' && *at <= 'Z' ? (char)(*at + 32) : *at == '-' ? '_' : *at);
        known = frame_put_key_bytes(&bytes, buf_view(name), 0);
    }
    buf_free(&bytes);
    return known;
}

static int acts_press(struct context *c, const char *id, const char *word)
{
    buf name = {0}, body = {0}, target = {0};
    acts_put_key(&name, word);
    acts_open_body(&body, "key", &name);
    json_close(&body, '}');
    client_put_target(&target, id, "/keys", c->value['o']);
    int failed = context_ask(c, "POST", buf_cstr(&target), &body);
    buf_free(&name), buf_free(&body), buf_free(&target);
    return failed;
}

/* A wrong name is told before the first key is pressed. */
static int acts_check_keys(const struct context *c, int first)
{
    buf name = {0};
    int i = first;
    while (i < c->arg_count && acts_put_key(&name, c->args[i]))
        i++;
    buf_free(&name);
    return i == c->arg_count ? 0 : context_usage("expected a key, as " ACTS_KEYS, c->args[i]);
}

static int acts_keys(struct context *c)
{
    struct acts_ids found;
    int first, failed = acts_select_receivers(c, "keys", &found, &first);
    int wrong = failed == 2 ? 2 : acts_check_keys(c, first);
    for (int i = 0; !wrong && i < found.count; i++)
        for (int at = first, refused = !found.ids[i]; !refused && at < c->arg_count; at++)
            failed |= refused = acts_press(c, found.ids[i], c->args[at]);
    acts_free_ids(&found);
    return wrong ? wrong : failed;
}

static int acts_answer(struct context *c)
{
    struct acts_ids found;
    int failed = acts_select(c, c->args, 1, NULL, &found);
    failed |= acts_type(c, "answer", "/answer", 1, &found);
    acts_free_ids(&found);
    return failed;
}

/* ---- kill ----------------------------------------------------------------------------------- */

static int acts_kill_one(struct context *c, const char *id)
{
    buf target = {0};
    /* a TeleClaude daemon wants any name */
    client_put_target(&target, id, c->value['F'] ? "?force=1" : "",
                      c->client.foreign && !c->value['o'] ? "local" : c->value['o']);
    int failed = context_ask(c, "DELETE", buf_cstr(&target), NULL);
    buf_free(&target);
    return failed;
}

/* Appends {"ids": …, "computer": …} without its end. */
static void acts_put_ids(const struct context *c, buf *body, char *const *ids, int count)
{
    json_open(body, '{');
    json_field_string(body, "computer", c->value['o']);
    json_field_open(body, "ids", '[');
    for (int i = 0; i < count; i++)
        if (ids[i])
            json_put_string(body, span_of(ids[i]));
    json_close(body, ']');
}

/* Ends many sessions side by side. Returns -1 when the daemon, an older one or TeleClaude's, ends
 * them one by one only. */
static int acts_kill_many(struct context *c, const struct acts_ids *found)
{
    buf body = {0};
    int failed = 0;
    acts_put_ids(c, &body, found->ids, found->count);
    json_close(&body, '}');
    context_send(c, "POST", "/sessions/end", &body);
    buf_free(&body);
    if (c->status == 404 || c->status == 405)
        return -1;
    if (context_check(c) != 0)
        return 1;
    struct json_iter it = json_iter(json_get(context_reply(c), "failed"));
    while (json_next(&it)) {
        char *id = json_dup_member(it.value, "session_id");
        char *detail = json_dup_member(it.value, "detail");
        failed |= context_fail("%s: %s", id ? id : "", detail ? detail : "");
        free(id), free(detail);
    }
    return failed;
}

static int acts_kill(struct context *c)
{
    struct acts_ids found;
    int missing = acts_select(c, c->args, c->arg_count, c->value['w'], &found), known = 0;
    for (int i = 0; i < found.count; i++)
        known += found.ids[i] != NULL;
    int failed = known > 1 && !c->value['F'] ? acts_kill_many(c, &found) : -1;
    for (int i = 0; failed < 0 && i < found.count; i++)
        if (found.ids[i])
            missing |= acts_kill_one(c, found.ids[i]);
    acts_free_ids(&found);
    return missing ? missing : failed > 0;
}

/* ---- restart -------------------------------------------------------------------------------- */

static int acts_restart_one(struct context *c, const char *id)
{
    buf target = {0}, body = {0};
    client_put_target(&target, id, "/restart", c->value['o']);
    json_open(&body, '{');
    json_field_bool(&body, "fresh", c->value['G'] != NULL);
    client_put_environment(&body);
    json_close(&body, '}');
    int failed = context_ask(c, "POST", buf_cstr(&target), &body);
    buf_clear(&body);
    buf_fmt(&body, "%s\n", id);
    if (!failed)
        failed = context_write(&body);
    buf_free(&target), buf_free(&body);
    return failed;
}

/* Restarts all sessions that were lost with the computer. */
static int acts_restart_lost(struct context *c)
{
    buf list = {0};
    struct json sessions = {0};
    int failed = context_get_listing(c, c->value['o'] ? "/sessions" : "/sessions?computer=local");
    buf_span(&list, failed ? (span){0} : buf_view(&c->body)); /* the next reply replaces it */
    json_read(buf_view(&list), &sessions);
    for (struct json_iter it = json_iter(sessions); json_next(&it);) {
        char *id = json_dup_member(it.value, "session_id");
        if (id && json_member_eq(it.value, "state", "exited") &&
            json_member_eq(it.value, "state_source", "lost"))
            failed |= acts_restart_one(c, id);
        free(id);
    }
    buf_free(&list);
    return failed;
}

/* Its filters are about exited sessions only. */
static int acts_restart(struct context *c)
{
    struct acts_ids found = {0};
    int failed = c->value['L'] ? acts_restart_lost(c) : 0;
    if (c->arg_count && !acts_has_filter(c, NULL)) {
        found.ids = base_alloc((size_t)c->arg_count * sizeof *found.ids);
        found.count = c->arg_count;
        failed |= context_find_many_ended(c, c->args, c->arg_count, found.ids);
    } else if (!c->value['L']) {
        failed |= acts_select(c, c->args, c->arg_count,
                              acts_has_filter(c, NULL) ? "exited" : NULL, &found);
    }
    for (int i = 0; i < found.count; i++)
        if (found.ids[i])
            failed |= acts_restart_one(c, found.ids[i]);
    acts_free_ids(&found);
    return failed;
}

/* ---- wait ----------------------------------------------------------------------------------- */

struct acts_wait {
    char *id;
    const char *wanted; /* NULL: any but working and starting */
    int stateless;      /* its end is all that is known of it, and is what is waited for */
    int asking;         /* for the list */
    int over, status;
    const char *why;
    struct client *client;
    struct loop *loop;
    struct loop_timer gone; /* set: its end can still be undone */
};

static void acts_wait_end(struct acts_wait *w, int status, const char *why)
{
    if (w->over)
        return;
    w->over = 1;
    w->status = status;
    w->why = why;
}

static void acts_wait_look(struct acts_wait *w, struct json session)
{
    struct json state = json_get(session, "state");
    if (!json_member_eq(session, "session_id", w->id))
        return;
    loop_timer_cancel(w->loop, &w->gone);
    if (json_type(state) != JSON_STRING) { /* TeleClaude's: only its end can be seen */
        if (!w->wanted || strcmp(w->wanted, "exited") != 0)
            acts_wait_end(w, 1, "TeleClaude does not tell its state; --state exited waits for "
                                   "its end");
        w->stateless = 1;
        return;
    }
    int busy = json_text_eq(state, "working") || json_text_eq(state, "starting") ||
               json_text_eq(state, "unreachable");
    if (w->wanted ? json_text_eq(state, w->wanted) : !busy)
        acts_wait_end(w, 0, NULL);
    else if (json_text_eq(state, "exited"))
        acts_wait_end(w, 1, "the session has exited");
}

static void acts_wait_on_gone(void *ctx)
{
    struct acts_wait *w = ctx;
    if (w->stateless)
        acts_wait_end(w, 0, NULL);
    else
        acts_wait_end(w, 1, "the session is gone");
}

/* The session is off the list: for good, unless its end can be undone for a while. */
static void acts_wait_lose(struct acts_wait *w, struct json removed)
{
    long long undo_s = 0;
    if (json_int(json_get(removed, "undo_s"), &undo_s) && undo_s > 0)
        loop_timer_in(w->loop, &w->gone, (undo_s + 1) * 1000);
    else if (!w->gone.slot)
        acts_wait_on_gone(w);
}

static void acts_wait_event(struct acts_wait *w, struct json event)
{
    struct json name = json_get(event, "event"), data = json_get(event, "data");
    if (json_text_eq(name, "sessions_initial")) {
        struct json_iter it = json_iter(json_get(data, "sessions"));
        int found = 0;
        while (json_next(&it)) {
            found |= json_member_eq(it.value, "session_id", w->id);
            acts_wait_look(w, it.value);
        }
        if (!found && !w->client->ws->foreign) /* TeleClaude's has other computers' only */
            acts_wait_lose(w, data);
    } else if (json_text_eq(name, "session_removed")) {
        if (json_member_eq(data, "session_id", w->id))
            acts_wait_lose(w, data);
    } else {
        acts_wait_look(w, data);
    }
}

/* Several sessions that are waited for. */
struct acts_waits {
    struct acts_wait *items;
    int count;
};

static void acts_wait_on_event(void *ctx, span text)
{
    struct acts_waits *all = ctx;
    struct json event;
    if (!json_read(text, &event))
        return;
    for (int i = 0; i < all->count; i++)
        acts_wait_event(&all->items[i], event);
}

static void acts_wait_on_late(void *ctx)
{
    struct acts_waits *all = ctx;
    for (int i = 0; i < all->count; i++)
        acts_wait_end(&all->items[i], 1, "the time is up");
}

static void acts_wait_on_list(void *ctx, int status, span body, const char *error)
{
    struct acts_wait *w = ctx;
    struct json list;
    int found = 0;
    w->asking = 0;
    if (error || status != 200 || !json_read(body, &list))
        return;
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        found |= json_member_eq(it.value, "session_id", w->id);
        acts_wait_look(w, it.value);
    }
    if (!found)
        acts_wait_lose(w, (struct json){0});
}

/* A TeleClaude daemon does not push its own sessions: they are fetched. */
static void acts_wait_on_fetch(void *ctx)
{
    struct acts_waits *all = ctx;
    for (int i = 0; i < all->count; i++) {
        struct acts_wait *w = &all->items[i];
        if (w->asking || !w->client->foreign)
            continue;
        w->asking = 1;
        client_request(w->client, "GET", "/sessions", (span){0}, acts_wait_on_list, w);
    }
}

static const struct client_hooks acts_wait_hooks = {
    .on_event = acts_wait_on_event, .on_fetch = acts_wait_on_fetch};

static int acts_wait_is_over(const struct acts_waits *all)
{
    int over = 1;
    for (int i = 0; i < all->count; i++)
        over &= all->items[i].over && !all->items[i].asking;
    return over;
}

/* Waits for all; says of each why not. Returns the exit status. */
static int acts_wait_all(struct context *c, struct acts_waits *all, long long seconds)
{
    struct loop_timer timer = {.fn = acts_wait_on_late, .ctx = all};
    int status = 0;
    c->client.hooks = &acts_wait_hooks;
    c->client.ctx = all;
    if (c->value['T'])
        loop_timer_in(&c->loop, &timer, seconds * 1000);
    client_subscribe(&c->client);
    acts_wait_on_fetch(all);
    while (!acts_wait_is_over(all))
        loop_once(&c->loop);
    for (int i = 0; i < all->count; i++) {
        struct acts_wait *w = &all->items[i];
        if (w->why)
            context_fail("%s: %s", w->id, w->why);
        loop_timer_cancel(&c->loop, &w->gone);
        status |= w->status;
    }
    loop_timer_cancel(&c->loop, &timer);
    return status;
}

static int acts_wait(struct context *c)
{
    struct acts_ids found;
    struct acts_waits all = {0};
    long long seconds = 0;
    if (c->value['T'] && (!span_int(span_of(c->value['T']), &seconds) || seconds < 0))
        return context_usage("expected a number of seconds", c->value['T']);
    int status = acts_select(c, c->args, c->arg_count, NULL, &found);
    if (status == 0) {
        all.items = base_alloc((size_t)found.count * sizeof *all.items);
        for (; all.count < found.count; all.count++) {
            struct acts_wait *w = &all.items[all.count];
            *w = (struct acts_wait){.id = found.ids[all.count], .wanted = c->value['w'],
                                       .loop = &c->loop, .client = &c->client};
            w->gone = (struct loop_timer){.fn = acts_wait_on_gone, .ctx = w};
        }
        status = acts_wait_all(c, &all, seconds);
    }
    free(all.items);
    acts_free_ids(&found);
    return status;
}
