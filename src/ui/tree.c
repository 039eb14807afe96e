#include "ui.h"

/* tree - the model of the sessions view: computers, projects and sessions as rows of a tree, with
 * folds, a filter, a focus and an order.
 *
 * Pure: replies and events of a daemon go in, rows come out. outline_build makes the rows again
 * only when a thing came, went or moved, not for each change of a session. It sorts: O(n log n) in
 * sessions. Each row knows its first line, so drawing costs only the visible rows.
 *
 *     vm                                computer
 *       telec                           project: the longest known path above a session's
 *         1 claude  fix the parser      directory, else that directory itself
 *           1.1 codex  review it        a session that session 1 started
 *         2 shell  build
 *
 * A session keeps its number in every order. */

static struct tree_session *tree_session_of(const struct tree *t,
                                            const struct cache_session *object)
{
    return cache_data(object, t->cache_place);
}

static struct tree_session *tree_session_at(const struct tree *t, size_t place)
{
    return tree_session_of(t, t->sessions.sessions[place]);
}

static struct tree_session *tree_session(const struct tree *t, const char *id)
{
    const struct cache_session *known = cache_find(&t->sessions, id);
    return known ? tree_session_of(t, known) : NULL;
}

static void tree_put_agent(const struct tree_session *s, buf *b)
{
    char **words = s->command && !s->agent ? config_words(span_of(s->command)) : NULL;
    buf_str(b, s->agent ? s->agent : words && words[0] ? config_last_part(words[0]) : "?");
    free(words);
}

/* ---- sessions ------------------------------------------------------------------------------- */

enum tree_member { TREE_TEXT, TREE_LINES, TREE_TIME, TREE_FLAG, TREE_IS_THERE, TREE_EXIT,
                   TREE_NOTHING };

/* The members of an object, in the order in which daemons write them: most are found at once. */
static const struct {
    const char *key;
    size_t n;
    enum tree_member kind;
    size_t at;
} tree_members[] = {
#define TREE_AT(field) offsetof(struct tree_session, field)
#define TREE_NAME(name) name, sizeof name - 1
    {TREE_NAME("session_id"), TREE_TEXT, TREE_AT(id)},
    {TREE_NAME("origin_adapter"), TREE_NOTHING, 0},
    {TREE_NAME("title"), TREE_TEXT, TREE_AT(title)},
    {TREE_NAME("working_directory"), TREE_TEXT, TREE_AT(directory)},
    {TREE_NAME("thinking_mode"), TREE_TEXT, TREE_AT(mode)},
    {TREE_NAME("mode"), TREE_TEXT, TREE_AT(mode)}, /* TeleClaude has thinking_mode only */
    {TREE_NAME("active_agent"), TREE_TEXT, TREE_AT(agent)},
    {TREE_NAME("command"), TREE_TEXT, TREE_AT(command)},
    {TREE_NAME("created_at"), TREE_TIME, TREE_AT(created)},
    {TREE_NAME("ended_at"), TREE_IS_THERE, TREE_AT(ended)},
    {TREE_NAME("initiator_session_id"), TREE_TEXT, TREE_AT(initiator)},
    {TREE_NAME("computer"), TREE_TEXT, TREE_AT(computer)},
    {TREE_NAME("status"), TREE_NOTHING, 0},
    {TREE_NAME("restart"), TREE_TEXT, TREE_AT(restart)},
    {TREE_NAME("tmux_session_name"), TREE_TEXT, TREE_AT(tmux)},
    {TREE_NAME("branch"), TREE_TEXT, TREE_AT(branch)},
    {TREE_NAME("state"), TREE_TEXT, TREE_AT(state)},
    {TREE_NAME("state_source"), TREE_TEXT, TREE_AT(source)},
    {TREE_NAME("state_since"), TREE_TIME, TREE_AT(since)},
    {TREE_NAME("state_text"), TREE_TEXT, TREE_AT(asked)},
    {TREE_NAME("waits_for"), TREE_TEXT, TREE_AT(waits_for)},
    {TREE_NAME("choices"), TREE_LINES, TREE_AT(choices)},
    {TREE_NAME("unseen"), TREE_FLAG, TREE_AT(unseen)},
    {TREE_NAME("last_activity"), TREE_TIME, TREE_AT(activity)},
    {TREE_NAME("last_input"), TREE_TEXT, TREE_AT(last_input)},
    {TREE_NAME("first_prompt"), TREE_TEXT, TREE_AT(first_prompt)},
    {TREE_NAME("last_output"), TREE_TEXT, TREE_AT(last_output)},
    {TREE_NAME("program_title"), TREE_TEXT, TREE_AT(program_title)},
    {TREE_NAME("controlled_by"), TREE_TEXT, TREE_AT(controller)},
    {TREE_NAME("cols"), TREE_NOTHING, 0},
    {TREE_NAME("rows"), TREE_NOTHING, 0},
    {TREE_NAME("holder_version"), TREE_TEXT, TREE_AT(holder_version)},
    {TREE_NAME("exit_code"), TREE_EXIT, 0},
};

static long long tree_time(struct json value)
{
    long long ms = 0;
    json_time(value, &ms);
    return ms;
}

/* Appends a string, or where lines are wanted those of an array, each with a newline. Returns the
 * text; NULL: none. */
static const char *tree_put_text(buf *text, struct json value, int lines)
{
    size_t from = text->n;
    if (lines)
        for (struct json_iter it = json_items(value); json_next(&it); buf_byte(text, '\n'))
            json_put_text(text, it.value);
    else
        json_put_text(text, value);
    if (text->n == from && (lines || json_type(value) != JSON_STRING))
        return NULL;
    text->p[text->n++] = '\0';
    return text->p + from;
}

/* text: with room for the value. */
static void tree_set_member(struct tree_session *s, size_t i, struct json value, buf *text)
{
    enum tree_member kind = tree_members[i].kind;
    void *at = (char *)s + tree_members[i].at;
    switch (kind) {
    case TREE_TEXT:
    case TREE_LINES: *(const char **)at = tree_put_text(text, value, kind == TREE_LINES); break;
    case TREE_TIME: *(long long *)at = tree_time(value); break;
    case TREE_FLAG: *(int *)at = json_type(value) == JSON_TRUE; break;
    case TREE_IS_THERE: *(int *)at = 1; break;
    case TREE_EXIT: s->has_exit_code = json_int(value, &s->exit_code); break;
    case TREE_NOTHING: break;
    }
}

/* Reads the next member. Returns its row; COUNT_OF: it has none. next: the row that is likely. */
static size_t tree_next_member(struct json_iter *it, size_t next, int *more)
{
    size_t at;
    *more = 1;
    for (at = next; at < COUNT_OF(tree_members); at++)
        if (json_next_is(it, tree_members[at].key, tree_members[at].n))
            return at;
    *more = json_next(it);
    for (at = 0; *more && at < COUNT_OF(tree_members); at++)
        if (JSON_MAY_BE(it->key, tree_members[at].key) &&
            json_text_eq(it->key, tree_members[at].key))
            break;
    return *more ? at : COUNT_OF(tree_members);
}

/* Parses an object in one pass over its members. computer: of an object without one. */
static void tree_parse(struct tree_session *s, struct json_iter *it, const char *computer)
{
    struct json values[COUNT_OF(tree_members)];
    size_t members[COUNT_OF(tree_members)], count = 0, next = 0, at, room = strlen(computer) + 1;
    for (int more; (at = tree_next_member(it, next, &more)), more;) {
        if (at == COUNT_OF(tree_members) || count == COUNT_OF(values)) /* unknown; or one twice */
            continue;
        values[count] = it->value;
        members[count++] = at;
        if (tree_members[at].kind <= TREE_LINES && *it->value.text.p != 'n')
            room += it->value.text.n - 1; /* not of null */
        next = at + 1;
    }
    buf text = {base_grow(NULL, room), strlen(computer) + 1, room};
    *s = (struct tree_session){.text = text.p};
    memcpy(text.p, computer, text.n); /* the block is not moved: no text needs more */
    for (size_t i = 0; i < count; i++)
        tree_set_member(s, members[i], values[i], &text);
    s->computer = s->computer ? s->computer : s->text;
    s->input_is_newer = s->last_input && !s->last_output; /* unknown: later changes correct it */
}

static int tree_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static int tree_is(const struct tree_session *s, const char *state)
{
    return s->state && *s->state == *state && strcmp(s->state, state) == 0;
}

static int tree_is_older_version(const char *version)
{
    const char *own = TELEC_VERSION;
    for (int i = 0; i < 3; i++) {
        char *end, *own_end;
        long long number = strtoll(version, &end, 10), mine = strtoll(own, &own_end, 10);
        if (end == version || number > mine)
            return 0;
        if (number < mine)
            return 1;
        version = end + (*end == '.');
        own = own_end + (*own_end == '.');
    }
    return 0;
}

static int tree_waits_for(const struct tree_session *s, const char *what)
{
    return tree_is(s, "waiting") && s->waits_for && strcmp(s->waits_for, what) == 0;
}

static int tree_has_failed(const struct tree_session *s)
{
    return tree_is(s, "exited") && !(s->has_exit_code && s->exit_code == 0);
}

/* The daemon names a session without a title "Untitled". */
static const char *tree_title(const struct tree_session *s)
{
    const char *const titles[] = {s->title && strcmp(s->title, "Untitled") != 0 ? s->title : NULL,
                                  s->program_title, s->agent ? s->last_input : s->command,
                                  s->agent};
    size_t i = 0;
    while (i < COUNT_OF(titles) && !(titles[i] && *titles[i]))
        i++;
    return i < COUNT_OF(titles) ? titles[i] : "";
}

static struct tree_totals tree_totals(const struct tree *t)
{
    struct tree_totals totals = {0};
    for (size_t i = 0; i < t->sessions.places; i++) {
        const struct tree_session *s = t->sessions.sessions[i] ? tree_session_at(t, i) : NULL;
        if (!s)
            continue;
        totals.waiting += tree_is(s, "waiting");
        totals.working += tree_is(s, "working");
        totals.idle += tree_is(s, "idle");
        totals.failed += tree_has_failed(s);
    }
    return totals;
}

/* ---- filter --------------------------------------------------------------------------------- */

/* Matches is:STATE or a prefix of it, so that the filter works while it is typed. */
static int tree_has_state(const struct filter_word *w, const struct tree_session *s)
{
    const char *want = (const char *)w->text + 3;
    size_t n = (size_t)w->n - 3;
    return (s->state && strncmp(s->state, want, n) == 0) ||
           (s->unseen && strncmp("unseen", want, n) == 0);
}

static int tree_word_matches(const struct filter_word *w, const struct tree_session *s)
{
    if (w->is_state)
        return tree_has_state(w, s);
    if (!s->agent && s->command) {
        buf agent = {0};
        tree_put_agent(s, &agent);
        int has = filter_has(w, buf_cstr(&agent));
        buf_free(&agent);
        if (has)
            return 1;
    }
    return filter_has(w, tree_title(s)) || filter_has(w, s->agent) ||
           filter_has(w, s->directory) || filter_has(w, s->computer) ||
           filter_has(w, s->last_input) || filter_has(w, s->asked) ||
           filter_has(w, s->last_output) || filter_has(w, s->branch);
}

static int tree_matches(const struct tree *t, const struct tree_session *s)
{
    for (int i = 0; i < t->filter.count; i++)
        if (!tree_word_matches(&t->filter.words[i], s))
            return 0;
    return 1;
}

/* A project matches by its name or path, even without a session. */
static int tree_project_matches(const struct tree *t, const char *name, const char *path)
{
    for (int i = 0; i < t->filter.count; i++)
        if (t->filter.words[i].is_state ||
            !(filter_has(&t->filter.words[i], name) || filter_has(&t->filter.words[i], path)))
            return 0;
    return 1;
}

static void tree_set_filter(struct tree *t, const char *text)
{
    filter_set(&t->filter, text);
    t->dirty = 1;
}

static int tree_session_lines(const struct tree_session *s, int full)
{
    if (!full)
        return 1 + (s->asked && tree_is(s, "waiting"));
    return 1 + (s->last_input != NULL) + (s->asked || s->last_output);
}

/* Returns a session's sort key before its age; lower comes first. Times are rounded to minutes, so
 * that two busy sessions don't keep changing places. */
static long long tree_rank(const struct tree *t, const struct tree_session *s)
{
    if (s->ended)
        return LLONG_MAX;
    if (t->order == TREE_WAITING)
        return !tree_is(s, "waiting");
    return t->order == TREE_RECENT ? -(s->activity / 60000) : 0;
}

/* Returns 1 when the new object changes the session's place in the tree. */
static int tree_moves(const struct tree *t, const struct tree_session *old,
                      const struct tree_session *now)
{
    return !tree_equal(old->computer, now->computer) ||
           !tree_equal(old->directory, now->directory) ||
           !tree_equal(old->initiator, now->initiator) || old->created != now->created ||
           tree_session_lines(old, 0) != tree_session_lines(now, 0) ||
           tree_session_lines(old, 1) != tree_session_lines(now, 1) ||
           tree_rank(t, old) != tree_rank(t, now);
}

/* Adds a session's state to the counts of the rows above it; sign -1 subtracts it. */
static void tree_count(struct tree *t, const struct tree_session *s, int sign)
{
    const int rows[] = {s->computer_row, s->project_row};
    int working = tree_is(s, "working") * sign, waiting = tree_is(s, "waiting") * sign;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i] >= 0) {
            t->rows[rows[i]].working += working;
            t->rows[rows[i]].waiting += waiting;
        }
    for (const struct tree_session *up = s->parent; up; up = up->parent)
        if (up->row >= 0)
            t->rows[up->row].waiting += waiting;
}

/* Notes a session that has begun to wait, finished unseen or failed. */
static void tree_note_news(struct tree *t, const struct tree_session *old,
                           const struct tree_session *now)
{
    if ((tree_is(now, "waiting") && !tree_is(old, "waiting")) ||
        (((tree_is(now, "idle") && !tree_is(old, "starting")) || tree_is(now, "exited")) &&
         now->unseen && !old->unseen) ||
        (tree_has_failed(now) && !tree_is(old, "exited")))
        base_copy(t->news, sizeof t->news, now->id);
}

/* Copies the new object into the old one and keeps what outline_build computed. */
static void tree_replace(struct tree *t, struct tree_session *old, struct tree_session *now)
{
    t->dirty |= tree_moves(t, old, now);
    tree_note_news(t, old, now);
    if (!t->dirty)
        tree_count(t, old, -1);
    now->input_is_newer = !tree_equal(old->last_output, now->last_output) ? !now->last_output
                          : !tree_equal(old->last_input, now->last_input) || old->input_is_newer;
    free(old->text);
    memcpy(old, now, offsetof(struct tree_session, parent));
    if (!t->dirty)
        tree_count(t, old, 1);
    t->dirty |= t->filter.count && tree_matches(t, old) != old->hit;
}

static struct tree_session *tree_put(struct tree *t, struct json_iter *members)
{
    struct tree_session now;
    tree_parse(&now, members, names_first(&t->computers));
    if (!now.id || strlen(now.id) > 128) {
        free(now.text);
        return NULL;
    }
    const span nothing = {"", 0}; /* the object's text is kept nowhere: it costs 1 KB */
    struct tree_session *s =
        tree_session_of(t, cache_put(&t->sessions, now.id, now.computer, &nothing, 1, 0));
    if (s->text) {
        tree_replace(t, s, &now);
    } else {
        *s = now;
        t->dirty = 1;
    }
    return s;
}

static void tree_remove(struct tree *t, const char *id)
{
    struct tree_session *s = tree_session(t, id);
    if (!s)
        return;
    free(s->text);
    cache_remove(&t->sessions, id);
    t->dirty = 1;
}

static int tree_add_ended(struct tree *t, struct json array)
{
    int count = 0;
    for (struct json_iter it = json_iter(array); json_next(&it);) {
        char *id = json_dup_member(it.value, "session_id");
        struct json_iter members = json_iter(it.value);
        count += id && !tree_session(t, id) && tree_put(t, &members);
        free(id);
    }
    return count;
}

static void tree_set_sessions(struct tree *t, struct json array)
{
    if (json_type(array) != JSON_ARRAY)
        return;
    for (size_t i = 0; i < t->sessions.places; i++)
        if (t->sessions.sessions[i])
            tree_session_at(t, i)->mark = !tree_session_at(t, i)->ended;
    struct json_iter it = json_iter(array), members = {0};
    while (json_next_object(&it, &members)) {
        struct tree_session *s = tree_put(t, &members);
        if (s)
            s->mark = 0;
    }
    for (size_t i = 0; i < t->sessions.places; i++) {
        struct cache_session *known = t->sessions.sessions[i];
        if (known && tree_session_at(t, i)->mark)
            tree_remove(t, known->id);
    }
}

/* ---- computers and projects ----------------------------------------------------------------- */

static void tree_add_computer(struct tree *t, const char *name)
{
    if (names_find(&t->computers, name) >= 0)
        return;
    names_add(&t->computers, base_dup(name));
    t->computer_notes =
        base_grow(t->computer_notes, (size_t)t->computers.count * sizeof *t->computer_notes);
    t->computer_notes[t->computers.count - 1] = (struct tree_note){0};
    t->dirty = 1;
}

/* Adds a computer, or updates its note. */
static void tree_put_computer(struct tree *t, struct json object)
{
    char *name = json_dup_member(object, "name");
    int alone = json_member_eq(object, "redis", "reconnecting");
    int twice = json_is(object, "warning", JSON_STRING);
    char *why = json_dup_member(object, "redis_why");
    struct tree_note note = {.piped = client_is_piped(object)};
    json_time(json_get(object, "sessions_at"), &note.pulled_at);
    base_fmt(note.why, sizeof note.why, "%s%s", why ? "redis: " : "", why ? why : "");
    int stale = json_member_eq(object, "status", "stale");
    note.text = alone   ? "redis: reconnecting"
                : twice ? "another computer has this name"
                : stale ? "stale" : NULL;
    if (name) {
        tree_add_computer(t, name);
        int i = names_find(&t->computers, name);
        t->dirty |= memcmp(&t->computer_notes[i], &note, sizeof note) != 0;
        t->computer_notes[i] = note;
    }
    free(name), free(why);
}

static void tree_set_computers(struct tree *t, struct json array)
{
    if (json_type(array) != JSON_ARRAY)
        return;
    names_free(&t->computers);
    for (struct json_iter it = json_iter(array); json_next(&it);)
        tree_put_computer(t, it.value);
    t->dirty = 1;
}

static void tree_free_projects(struct tree *t, const char *computer)
{
    int kept = 0;
    for (int i = 0; i < t->project_count; i++) {
        struct tree_project *p = &t->projects[i];
        if (computer && strcmp(p->computer, computer) != 0) {
            t->projects[kept++] = *p;
            continue;
        }
        free(p->computer), free(p->path), free(p->name);
    }
    t->project_count = kept;
}

static void tree_add_projects(struct tree *t, struct json array)
{
    for (struct json_iter it = json_iter(array); json_next(&it);) {
        char *computer = json_dup_member(it.value, "computer");
        char *path = json_dup_member(it.value, "path"),
             *name = json_dup_member(it.value, "name");
        if (path && *path) {
            t->projects =
                base_grow(t->projects, (size_t)(t->project_count + 1) * sizeof *t->projects);
            t->projects[t->project_count++] = (struct tree_project){
                computer ? computer : base_dup(names_first(&t->computers)),
                path, name && *name ? name : base_dup(config_last_part(path))};
            if (name && !*name)
                free(name);
            continue;
        }
        free(computer), free(path), free(name);
    }
    t->dirty = 1;
}

static void tree_set_projects(struct tree *t, struct json array)
{
    if (json_type(array) != JSON_ARRAY)
        return;
    tree_free_projects(t, NULL);
    tree_add_projects(t, array);
}

/* ---- agents --------------------------------------------------------------------------------- */

static void tree_free_agents(struct tree *t)
{
    while (t->agent_count) {
        struct tree_agent *a = &t->agents[--t->agent_count];
        free(a->name), free(a->reason);
    }
}

static void tree_set_agents(struct tree *t, struct json object)
{
    if (json_type(object) != JSON_OBJECT)
        return;
    tree_free_agents(t);
    for (struct json_iter it = json_iter(object);
         t->agent_count < TREE_AGENTS_MAX && json_next(&it);) {
        struct tree_agent *a = &t->agents[t->agent_count++];
        *a = (struct tree_agent){.name = json_dup_text(it.key),
                                 .reason = json_dup_member(it.value, "reason"),
                                 .until = tree_time(json_get(it.value, "unavailable_until"))};
        a->available = !json_is(it.value, "available", JSON_FALSE);
    }
}

/* ---- events --------------------------------------------------------------------------------- */

static void tree_on_session(struct tree *t, struct json data)
{
    struct json_iter members = json_iter(data);
    tree_put(t, &members);
}

static void tree_on_removed(struct tree *t, struct json data)
{
    char *id = json_dup_member(data, "session_id");
    struct tree_session *s = id ? tree_session(t, id) : NULL;
    int kept = s && s->restart && strcmp(s->restart, "resume") == 0 &&
               strcmp(s->computer, names_first(&t->computers)) == 0;
    if (kept) { /* its daemon keeps it, too, and tells no more of it */
        s->ended = t->dirty = 1;
        s->state = "exited";
    } else if (s) {
        tree_remove(t, id);
    }
    free(id);
}

static void tree_on_projects(struct tree *t, struct json data)
{
    char *computer = json_dup_member(data, "computer");
    if (computer && json_is(data, "projects", JSON_ARRAY)) {
        tree_free_projects(t, computer);
        tree_add_projects(t, json_get(data, "projects"));
    }
    free(computer);
}

static void tree_on_computer_removed(struct tree *t, struct json data)
{
    char *name = json_dup_member(data, "name");
    int i = name ? names_find(&t->computers, name) : -1;
    if (i > 0) { /* never this computer */
        names_remove(&t->computers, i);
        memmove(&t->computer_notes[i], &t->computer_notes[i + 1],
                (size_t)(t->computers.count - i) * sizeof *t->computer_notes);
        t->dirty = 1;
    }
    free(name);
}

/* ---- folds ---------------------------------------------------------------------------------- */

/* The fold of ended sessions is the one that `folds` opens. */
static int tree_opens(const char *key)
{
    size_t n = strlen(key), end = strlen(":" TREE_ENDED);
    return n > end && strcmp(key + n - end, ":" TREE_ENDED) == 0;
}

static int tree_is_folded(const struct tree *t, const char *key)
{
    return names_has(&t->folds, key) != tree_opens(key);
}

static void tree_set_folded(struct tree *t, const char *key, int folded)
{
    t->dirty |= names_set(&t->folds, key, !!folded != tree_opens(key));
}

static void tree_set_focus(struct tree *t, const char *computer)
{
    char *copy = computer ? base_dup(computer) : NULL;
    free(t->focus);
    t->focus = copy;
    t->dirty = 1;
}

static void tree_set_order(struct tree *t, enum tree_order order)
{
    t->order = order;
    t->dirty = 1;
}

/* ---- what survives the UI's end ------------------------------------------------------------- */

static const char *const tree_orders[TREE_ORDERS] = {"listed", "waiting", "recent"};

static void tree_put_state(const struct tree *t, buf *b)
{
    struct names live = {base_alloc(((size_t)t->folds.count + 1) * sizeof *live.list), 0};
    for (int i = 0; i < t->folds.count; i++) {
        char *key = t->folds.list[i];
        if (key[0] != 's' || !t->sessions.count || tree_session(t, key + 2))
            live.list[live.count++] = key;
    }
    json_field_string(b, "focus", t->focus);
    json_field_string(b, "order", tree_orders[t->order]);
    names_put(&live, "folds", b);
    free(live.list);
}

static void tree_load_state(struct tree *t, struct json state)
{
    char *focus = json_dup_member(state, "focus");
    for (int i = 0; i < TREE_ORDERS; i++)
        if (json_member_eq(state, "order", tree_orders[i]))
            tree_set_order(t, (enum tree_order)i);
    names_load(&t->folds, json_get(state, "folds"));
    t->dirty = 1;
    if (focus)
        tree_set_focus(t, focus);
    free(focus);
}
