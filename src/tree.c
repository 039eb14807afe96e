/* tree - what the UI shows: computers, projects and sessions, as rows of a tree.
 *
 * Pure: answers and events of a daemon go in, rows come out. The rows are built anew only when
 * something came or went (not for each change of a session), by sorting: O(n log n) in sessions.
 *
 *      vm                                   computer
 *        telec                              project: the longest known path above a session's
 * directory, 1 claude  fix the parser                  else that directory itself 1.1 codex  review
 * it           a session that session 1 started 2 shell  build */

static struct tree_session *tree_session(const struct tree *t, const char *id)
{
    const struct cache_session *known = cache_find(&t->sessions, id);
    return known ? known->local : NULL;
}

static const char *tree_last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static void tree_put_agent(const struct tree_session *s, buf *b)
{
    char **words = s->command && !s->agent ? config_words(span_of(s->command)) : NULL;
    buf_str(b, s->agent ? s->agent : words && words[0] ? tree_last_part(words[0]) : "?");
    free(words);
}

/* ---- sessions ------------------------------------------------------------------------------- */

static const struct {
    const char *key;
    size_t at;
} tree_strings[] = {
    {"session_id", offsetof(struct tree_session, id)},
    {"computer", offsetof(struct tree_session, computer)},
    {"title", offsetof(struct tree_session, title)},
    {"working_directory", offsetof(struct tree_session, directory)},
    {"active_agent", offsetof(struct tree_session, agent)},
    {"thinking_mode", offsetof(struct tree_session, mode)},
    {"command", offsetof(struct tree_session, command)},
    {"state", offsetof(struct tree_session, state)},
    {"last_input", offsetof(struct tree_session, last_input)},
    {"last_output", offsetof(struct tree_session, last_output)},
    {"initiator_session_id", offsetof(struct tree_session, initiator)},
    {"tmux_session_name", offsetof(struct tree_session, tmux)},
    {"state_text", offsetof(struct tree_session, asked)},
    {"state_source", offsetof(struct tree_session, source)},
};

static char **tree_string(struct tree_session *s, size_t i)
{
    return (char **)((char *)s + tree_strings[i].at);
}

static void tree_free_session(struct tree_session *s)
{
    for (size_t i = 0; s && i < COUNT_OF(tree_strings); i++)
        free(*tree_string(s, i));
    free(s);
}

static long long tree_time(struct json value)
{
    buf text = {0};
    long long ms = 0;
    json_put_text(&text, value);
    clock_parse_iso(buf_view(&text), &ms);
    buf_free(&text);
    return ms;
}

/* The object's members, in one walk. */
static struct tree_session *tree_parse(struct json object)
{
    struct tree_session *s = base_alloc(sizeof *s);
    for (struct json_iter it = json_iter(object); json_next(&it);) {
        for (size_t i = 0; i < COUNT_OF(tree_strings); i++)
            if (json_text_eq(it.key, tree_strings[i].key)) {
                free(*tree_string(s, i));
                *tree_string(s, i) = json_dup_text(it.value);
            }
        if (json_text_eq(it.key, "last_activity"))
            s->activity = tree_time(it.value);
        else if (json_text_eq(it.key, "created_at"))
            s->created = tree_time(it.value);
        else if (json_text_eq(it.key, "state_since"))
            s->since = tree_time(it.value);
        else if (json_text_eq(it.key, "unseen"))
            s->unseen = it.value.type == JSON_TRUE;
        else if (json_text_eq(it.key, "exit_code"))
            s->has_exit_code = json_int(it.value, &s->exit_code);
    }
    return s;
}

static int tree_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Does the new object put the session elsewhere in the tree? */
static int tree_moves(const struct tree_session *old, const struct tree_session *now)
{
    return !tree_same(old->computer, now->computer) || !tree_same(old->directory, now->directory) ||
           !tree_same(old->initiator, now->initiator) || old->created != now->created ||
           !tree_same(old->state, now->state); /* the counts above it */
}

/* Takes over what tree_build had found out about the old one. */
static void tree_replace(struct tree *t, struct tree_session *old, struct tree_session *now)
{
    t->dirty |= tree_moves(old, now);
    for (size_t i = 0; i < COUNT_OF(tree_strings); i++) {
        char *value = *tree_string(old, i);
        if (tree_same(value, *tree_string(now, i)))
            continue; /* rows may refer to it */
        *tree_string(old, i) = *tree_string(now, i);
        *tree_string(now, i) = value;
    }
    old->activity = now->activity;
    old->created = now->created;
    old->since = now->since;
    old->exit_code = now->exit_code;
    old->has_exit_code = now->has_exit_code;
    old->unseen = now->unseen;
    tree_free_session(now);
}

static struct tree_session *tree_put(struct tree *t, struct json object)
{
    struct tree_session *now = tree_parse(object);
    if (!now->id || strlen(now->id) > 128) {
        tree_free_session(now);
        return NULL;
    }
    if (!now->computer)
        now->computer = span_dup(span_of(t->computer_count ? t->computers[0] : "local"));
    struct tree_session *old = tree_session(t, now->id);
    cache_put(&t->sessions, now->id, now->computer, object.text, 0);
    if (old) {
        tree_replace(t, old, now);
        return old;
    }
    cache_find(&t->sessions, now->id)->local = now;
    t->dirty = 1;
    return now;
}

static void tree_remove(struct tree *t, const char *id)
{
    struct tree_session *s = tree_session(t, id);
    if (!s)
        return;
    cache_remove(&t->sessions, id);
    tree_free_session(s);
    t->dirty = 1;
}

static void tree_set_sessions(struct tree *t, struct json array)
{
    if (array.type != JSON_ARRAY)
        return;
    for (size_t i = 0; i < t->sessions.places; i++)
        if (t->sessions.sessions[i])
            ((struct tree_session *)t->sessions.sessions[i]->local)->mark = 1;
    for (struct json_iter it = json_iter(array); json_next(&it);) {
        struct tree_session *s = tree_put(t, it.value);
        if (s)
            s->mark = 0;
    }
    for (size_t i = 0; i < t->sessions.places; i++) {
        struct cache_session *known = t->sessions.sessions[i];
        if (known && ((struct tree_session *)known->local)->mark)
            tree_remove(t, ((struct tree_session *)known->local)->id);
    }
}

/* ---- computers and projects ----------------------------------------------------------------- */

static int tree_computer(const struct tree *t, const char *name)
{
    for (int i = 0; i < t->computer_count; i++)
        if (strcmp(t->computers[i], name) == 0)
            return i;
    return -1;
}

static void tree_add_computer(struct tree *t, const char *name)
{
    if (tree_computer(t, name) >= 0)
        return;
    t->computers = base_grow(t->computers, (size_t)(t->computer_count + 1) * sizeof *t->computers);
    t->computers[t->computer_count++] = span_dup(span_of(name));
    t->dirty = 1;
}

static void tree_set_computers(struct tree *t, struct json array)
{
    if (array.type != JSON_ARRAY)
        return;
    while (t->computer_count)
        free(t->computers[--t->computer_count]);
    for (struct json_iter it = json_iter(array); json_next(&it);) {
        char *name = json_dup_text(json_get(it.value, "name"));
        if (name)
            tree_add_computer(t, name);
        free(name);
    }
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
        char *computer = json_dup_text(json_get(it.value, "computer"));
        char *path = json_dup_text(json_get(it.value, "path")),
             *name = json_dup_text(json_get(it.value, "name"));
        if (path && *path) {
            t->projects =
                base_grow(t->projects, (size_t)(t->project_count + 1) * sizeof *t->projects);
            t->projects[t->project_count++] = (struct tree_project){
                computer ? computer
                         : span_dup(span_of(t->computer_count ? t->computers[0] : "local")),
                path, name && *name ? name : span_dup(span_of(tree_last_part(path)))};
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
    if (array.type != JSON_ARRAY)
        return;
    tree_free_projects(t, NULL);
    tree_add_projects(t, array);
}

/* ---- events --------------------------------------------------------------------------------- */

static void tree_on_sessions(struct tree *t, struct json data)
{
    tree_set_sessions(t, json_get(data, "sessions"));
}

static void tree_on_session(struct tree *t, struct json data)
{
    tree_put(t, data);
}

static void tree_on_removed(struct tree *t, struct json data)
{
    char *id = json_dup_text(json_get(data, "session_id"));
    if (id)
        tree_remove(t, id);
    free(id);
}

static void tree_on_preparation(struct tree *t, struct json data)
{
    tree_set_projects(t, json_get(data, "projects"));
}

static void tree_on_projects(struct tree *t, struct json data)
{
    char *computer = json_dup_text(json_get(data, "computer"));
    if (computer && json_get(data, "projects").type == JSON_ARRAY) {
        tree_free_projects(t, computer);
        tree_add_projects(t, json_get(data, "projects"));
    }
    free(computer);
}

static void tree_on_computer(struct tree *t, struct json data)
{
    char *name = json_dup_text(json_get(data, "name"));
    if (name)
        tree_add_computer(t, name);
    free(name);
}

static void tree_on_computer_removed(struct tree *t, struct json data)
{
    char *name = json_dup_text(json_get(data, "name"));
    int i = name ? tree_computer(t, name) : -1;
    if (i > 0) { /* never this one */
        free(t->computers[i]);
        memmove(&t->computers[i], &t->computers[i + 1],
                (size_t)(--t->computer_count - i) * sizeof *t->computers);
        t->dirty = 1;
    }
    free(name);
}

static void tree_event(struct tree *t, span text)
{
    static const struct {
        const char *event;
        void (*take)(struct tree *t, struct json data);
    } events[] = {
        {"sessions_initial", tree_on_sessions}, {"session_created", tree_on_session},
        {"session_updated", tree_on_session},   {"session_removed", tree_on_removed},
        {"computer_updated", tree_on_computer}, {"computer_removed", tree_on_computer_removed},
        {"projects_updated", tree_on_projects}, {"preparation_initial", tree_on_preparation},
    };
    struct json message;
    if (json_parse(text, &message, NULL, NULL) != PARSE_DONE)
        return;
    struct json name = json_get(message, "event");
    for (size_t i = 0; i < COUNT_OF(events); i++)
        if (json_text_eq(name, events[i].event))
            events[i].take(t, json_get(message, "data"));
}

/* ---- folds ---------------------------------------------------------------------------------- */

static int tree_fold_at(const struct tree *t, const char *key)
{
    for (int i = 0; i < t->fold_count; i++)
        if (strcmp(t->folds[i], key) == 0)
            return i;
    return -1;
}

static void tree_set_folded(struct tree *t, const char *key, int folded)
{
    int at = tree_fold_at(t, key);
    if (folded == (at >= 0))
        return;
    if (folded) {
        t->folds = base_grow(t->folds, (size_t)(t->fold_count + 1) * sizeof *t->folds);
        t->folds[t->fold_count++] = span_dup(span_of(key));
    } else {
        free(t->folds[at]);
        t->folds[at] = t->folds[--t->fold_count];
    }
    t->dirty = 1;
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* What is sorted: sessions, and every project once for itself. */
struct tree_item {
    int computer;
    const char *path, *name;
    struct tree_session *session; /* NULL: the project itself, which comes first */
};

static int tree_compare(const void *a, const void *b)
{
    const struct tree_item *x = a, *y = b;
    if (x->computer != y->computer)
        return x->computer < y->computer ? -1 : 1;
    int paths = strcmp(x->path, y->path);
    if (paths)
        return paths;
    if (!x->session || !y->session)
        return (x->session != NULL) - (y->session != NULL);
    if (x->session->created != y->session->created)
        return x->session->created < y->session->created ? -1 : 1;
    return strcmp(x->session->id, y->session->id);
}

static struct tree_row *tree_add_row(struct tree *t, enum tree_kind kind, int depth,
                                     const char *prefix, const char *name, const char *tail)
{
    if (t->row_count == t->row_cap) {
        t->row_cap = t->row_cap ? t->row_cap * 2 : 64;
        t->rows = base_grow(t->rows, (size_t)t->row_cap * sizeof *t->rows);
    }
    struct tree_row *row = &t->rows[t->row_count++];
    buf key = {0};
    buf_str(&key, prefix);
    buf_str(&key, name);
    buf_str(&key, tail[0] ? ":" : "");
    buf_str(&key, tail);
    buf_cstr(&key);
    *row = (struct tree_row){.kind = kind, .depth = depth, .key = key.p};
    row->folded = tree_fold_at(t, row->key) >= 0;
    return row;
}

static const char *tree_directory(const struct tree_session *s)
{
    return s->directory && *s->directory ? s->directory : "?";
}

/* The longest known project above the session's directory, else the directory itself. */
static const char *tree_project_of(const struct tree *t, const struct tree_session *s)
{
    const char *dir = tree_directory(s), *best = dir;
    size_t longest = 0;
    for (int i = 0; i < t->project_count; i++) {
        const char *path = t->projects[i].path;
        size_t n = strlen(path);
        if (n > longest && strncmp(dir, path, n) == 0 &&
            (dir[n] == '\0' || dir[n] == '/' || n == 1) &&
            strcmp(t->projects[i].computer, s->computer) == 0) {
            best = path;
            longest = n;
        }
    }
    return best;
}

/* Links every session below the one that started it; a ring of starters is cut. */
static void tree_link(struct tree *t)
{
    for (size_t i = 0; i < t->sessions.places; i++) {
        if (!t->sessions.sessions[i])
            continue;
        struct tree_session *s = t->sessions.sessions[i]->local;
        struct tree_session *parent = s->initiator ? tree_session(t, s->initiator) : NULL;
        s->parent = parent && strcmp(parent->computer, s->computer) == 0 ? parent : NULL;
        s->first_child = s->next = NULL;
        s->last_child = &s->first_child;
    }
    for (size_t i = 0; i < t->sessions.places; i++) {
        if (!t->sessions.sessions[i])
            continue;
        struct tree_session *s = t->sessions.sessions[i]->local, *up = s->parent;
        int steps = 0;
        while (up && up != s && ++steps < TREE_DEPTH_MAX)
            up = up->parent;
        if (up)
            s->parent = NULL;
    }
}

static void tree_count_session(struct tree_row *row, const struct tree_session *s)
{
    row->sessions++;
    row->working += tree_same(s->state, "working");
    row->waiting += tree_same(s->state, "waiting");
}

/* A session's row and those of the sessions it started. Recursive, to TREE_DEPTH_MAX at most. */
static void tree_add_sessions(struct tree *t, struct tree_session *s, const char *prefix, int depth,
                              int shown)
{
    for (int n = 1; s; s = s->next, n++) {
        snprintf(s->number, sizeof s->number, "%.80s%s%d", prefix, *prefix ? "." : "", n);
        int folded = 0;
        if (shown) {
            struct tree_row *row = tree_add_row(t, TREE_SESSION, depth, "s:", s->id, "");
            row->session = s;
            row->computer = s->computer;
            row->path = tree_directory(s);
            row->foldable = s->first_child != NULL;
            folded = row->folded = row->folded && row->foldable;
        }
        tree_add_sessions(t, s->first_child, s->number, depth + 1, shown && !folded);
    }
}

/* One project's items: its row, then its sessions. Returns how many items it took. */
static size_t tree_add_project(struct tree *t, struct tree_item *items, size_t n, int computer_row)
{
    const struct tree_item *first = &items[0];
    size_t count = 0;
    struct tree_session *roots = NULL, **last = &roots;
    int shown = !t->rows[computer_row].folded, at = -1;
    if (shown) {
        struct tree_row *row =
            tree_add_row(t, TREE_PROJECT, 1, "p:", t->computers[first->computer], first->path);
        row->computer = t->computers[first->computer];
        row->path = first->path;
        row->name = first->name;
        at = t->row_count - 1;
    }
    for (; count < n && items[count].computer == first->computer &&
           strcmp(items[count].path, first->path) == 0;
         count++) {
        struct tree_session *s = items[count].session;
        if (!s)
            continue;
        tree_count_session(&t->rows[computer_row], s);
        if (at >= 0)
            tree_count_session(&t->rows[at], s);
        struct tree_session ***list = s->parent ? &s->parent->last_child : &last;
        **list = s;
        *list = &s->next;
    }
    if (at >= 0)
        t->rows[at].foldable = roots != NULL;
    tree_add_sessions(t, roots, "", 2, at >= 0 && !t->rows[at].folded);
    return count;
}

static int tree_knows_project(const struct tree *t, const char *computer, const char *path)
{
    for (int i = 0; i < t->project_count; i++)
        if (strcmp(t->projects[i].path, path) == 0 &&
            strcmp(t->projects[i].computer, computer) == 0)
            return 1;
    return 0;
}

/* Everything that gets a row, sorted by computer, project and age. */
static struct tree_item *tree_items(struct tree *t, size_t *count)
{
    struct tree_item *items =
        base_alloc((t->sessions.count + (size_t)t->project_count + 1) * sizeof *items);
    size_t n = 0;
    for (size_t i = 0; i < t->sessions.places; i++) {
        if (!t->sessions.sessions[i])
            continue;
        struct tree_session *s = t->sessions.sessions[i]->local, *root = s;
        while (root->parent)
            root = root->parent;
        const char *path = tree_project_of(t, root);
        items[n++] =
            (struct tree_item){tree_computer(t, s->computer), path, tree_last_part(path), s};
    }
    for (int i = 0; i < t->project_count; i++)
        items[n++] = (struct tree_item){tree_computer(t, t->projects[i].computer),
                                        t->projects[i].path, t->projects[i].name, NULL};
    if (t->here && t->computer_count && !tree_knows_project(t, t->computers[0], t->here))
        items[n++] = (struct tree_item){0, t->here, tree_last_part(t->here), NULL};
    qsort(items, n, sizeof *items, tree_compare);
    *count = n;
    return items;
}

static void tree_clear_rows(struct tree *t)
{
    while (t->row_count)
        free(t->rows[--t->row_count].key);
}

static void tree_build(struct tree *t)
{
    size_t count = 0, i = 0;
    if (!t->dirty)
        return;
    t->dirty = 0;
    tree_clear_rows(t);
    for (size_t k = 0; k < t->sessions.places; k++)
        if (t->sessions.sessions[k])
            tree_add_computer(t, ((struct tree_session *)t->sessions.sessions[k]->local)->computer);
    tree_link(t);
    struct tree_item *items = tree_items(t, &count);
    while (i < count && items[i].computer < 0)
        i++;
    for (int c = 0; c < t->computer_count; c++) {
        struct tree_row *row = tree_add_row(t, TREE_COMPUTER, 0, "c:", t->computers[c], "");
        int at = t->row_count - 1;
        row->computer = row->name = t->computers[c];
        row->foldable = i < count && items[i].computer == c;
        while (i < count && items[i].computer == c)
            i += tree_add_project(t, items + i, count - i, at);
    }
    free(items);
    t->dirty = 0;
}

static int tree_find(const struct tree *t, const char *key)
{
    for (int i = 0; i < t->row_count; i++)
        if (strcmp(t->rows[i].key, key) == 0)
            return i;
    return -1;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void tree_init(struct tree *t, const char *computer, const char *here)
{
    *t = (struct tree){0};
    cache_init(&t->sessions, NULL);
    tree_add_computer(t, computer);
    t->here = here ? span_dup(span_of(here)) : NULL;
    t->dirty = 1;
}

static void tree_free(struct tree *t)
{
    tree_clear_rows(t);
    for (size_t i = 0; i < t->sessions.places; i++)
        if (t->sessions.sessions[i])
            tree_free_session(t->sessions.sessions[i]->local);
    cache_free(&t->sessions);
    tree_free_projects(t, NULL);
    while (t->computer_count)
        free(t->computers[--t->computer_count]);
    while (t->fold_count)
        free(t->folds[--t->fold_count]);
    free(t->computers), free(t->projects), free(t->folds), free(t->rows), free(t->here);
    *t = (struct tree){0};
}
