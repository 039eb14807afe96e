#include "ui.h"

/* outline - the rows of the tree: sorted, numbered, folded; and the tree's life. */

/* ---- rows ----------------------------------------------------------------------------------- */

/* Items of outline_sort: each session, and each project once. */
struct outline_item {
    int computer;
    const char *path, *name;
    struct tree_session *session; /* NULL: the project, which comes before its sessions */
    long long rank;               /* of the project: the lowest of its sessions */
};

static int outline_compare_paths(const struct outline_item *x, const struct outline_item *y)
{
    return x->path == y->path ? 0 : strcmp(x->path, y->path);
}

/* Orders by computer, project and age. */
static int outline_compare(const void *a, const void *b)
{
    const struct outline_item *x = a, *y = b;
    if (x->computer != y->computer)
        return x->computer < y->computer ? -1 : 1;
    int paths = outline_compare_paths(x, y);
    if (paths)
        return paths;
    if (!x->session || !y->session)
        return (x->session != NULL) - (y->session != NULL);
    if (x->session->created != y->session->created)
        return x->session->created < y->session->created ? -1 : 1;
    return strcmp(x->session->id, y->session->id);
}

/* Orders by computer, then the ranks of projects and sessions, then as outline_compare. */
static int outline_compare_ranked(const void *a, const void *b)
{
    const struct outline_item *x = a, *y = b;
    if (x->computer != y->computer)
        return x->computer < y->computer ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    int paths = outline_compare_paths(x, y);
    if (!paths && x->session && y->session && x->session->rank != y->session->rank)
        return x->session->rank < y->session->rank ? -1 : 1;
    return outline_compare(a, b);
}

static struct tree_row *outline_add_row(struct tree *t, enum tree_kind kind, int depth,
                                        const char *prefix, const char *name, const char *tail)
{
    t->rows = base_room(t->rows, t->row_count, &t->row_cap, sizeof *t->rows);
    struct tree_row *row = &t->rows[t->row_count++];
    size_t size = strlen(prefix) + strlen(name) + strlen(tail) + 2;
    char *key = base_grow(NULL, size);
    size_t n = base_copy(key, size, prefix);
    n += base_copy(key + n, size - n, name);
    n += base_copy(key + n, size - n, tail[0] ? ":" : "");
    base_copy(key + n, size - n, tail);
    *row = (struct tree_row){.kind = kind, .depth = depth - (t->focus != NULL), .key = key,
                             .line = {t->lines[0]++, t->lines[1]++}};
    row->folded = !t->filter.count && tree_is_folded(t, key);
    return row;
}

static const char *outline_directory(const struct tree_session *s)
{
    return s->directory && *s->directory ? s->directory : "?";
}

/* Returns the longest known project path above the session's directory, else that directory. */
static const char *outline_project_of(const struct tree *t, const struct tree_session *s)
{
    const char *dir = outline_directory(s), *best = dir;
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

/* Sets each session's parent and cuts rings of parents. Also sets hit, kept and rank: a session is
 * kept when it or one that it started matches. */
static void outline_find_parents(struct tree *t)
{
    for (size_t i = 0; i < t->sessions.places; i++) {
        if (!t->sessions.sessions[i])
            continue;
        struct tree_session *s = tree_session_at(t, i);
        struct tree_session *parent = s->initiator ? tree_session(t, s->initiator) : NULL;
        s->parent = parent && strcmp(parent->computer, s->computer) == 0 ? parent : NULL;
        s->row = s->project_row = s->computer_row = -1;
        s->hit = s->kept = tree_matches(t, s);
        s->rank = tree_rank(t, s);
        t->hits += s->hit;
    }
    for (size_t i = 0; i < t->sessions.places; i++) {
        if (!t->sessions.sessions[i])
            continue;
        struct tree_session *s = tree_session_at(t, i), *up = s->parent;
        int steps = 0;
        while (up && up != s && ++steps < TREE_DEPTH_MAX)
            up = up->parent;
        if (up)
            s->parent = NULL;
    }
    for (size_t i = 0; i < t->sessions.places; i++) {
        if (!t->sessions.sessions[i])
            continue;
        const struct tree_session *s = tree_session_at(t, i);
        for (struct tree_session *up = s->parent; up; up = up->parent) {
            up->kept |= s->hit;
            up->rank = up->rank < s->rank ? up->rank : s->rank;
        }
    }
}

/* Returns the number of items in the first item's project. */
static size_t outline_project_items(const struct outline_item *items, size_t n)
{
    size_t count = 1;
    while (count < n && items[count].computer == items[0].computer &&
           outline_compare_paths(&items[count], &items[0]) == 0)
        count++;
    return count;
}

/* Links each session of a project below its parent, in the order of the items. Returns the first
 * session without a parent. */
static struct tree_session *outline_chain(struct outline_item *items, size_t n)
{
    struct tree_session *roots = NULL, **last = &roots;
    for (size_t i = 0; i < n; i++)
        if (items[i].session) {
            items[i].session->first_child = items[i].session->next = NULL;
            items[i].session->last_child = &items[i].session->first_child;
        }
    for (size_t i = 0; i < n; i++) {
        struct tree_session *s = items[i].session;
        if (!s)
            continue;
        struct tree_session ***list = s->parent ? &s->parent->last_child : &last;
        **list = s;
        *list = &s->next;
    }
    return roots;
}

/* Numbers the sessions of a list and those below. before: columns of "1.", the number above it. All
 * numbers of a list get the width of the last. Recursive, at most TREE_DEPTH_MAX deep. */
static void outline_number(struct tree_session *first, int before)
{
    int n = 0, columns = before;
    for (struct tree_session *s = first; s; s = s->next)
        s->number = ++n;
    for (; n; n /= 10)
        columns++;
    for (struct tree_session *s = first; s; s = s->next) {
        s->number_columns = columns;
        outline_number(s->first_child, columns + 1);
    }
}

static void outline_put_number(const struct tree_session *s, buf *b)
{
    if (s->parent) {
        outline_put_number(s->parent, b);
        buf_byte(b, '.');
    }
    buf_int(b, s->number);
}

/* Numbers the sessions by age, then applies the order. */
static void outline_sort(struct outline_item *items, size_t n)
{
    base_sort(items, n, sizeof *items, outline_compare);
    for (size_t at = 0, count; at < n; at += count) {
        count = outline_project_items(items + at, n - at);
        outline_number(outline_chain(items + at, count), 0);
        long long rank = LLONG_MAX;
        for (size_t i = at; i < at + count; i++)
            if (items[i].session && items[i].session->rank < rank)
                rank = items[i].session->rank;
        for (size_t i = at; i < at + count; i++)
            items[i].rank = rank;
    }
    base_sort(items, n, sizeof *items, outline_compare_ranked); /* projects without sessions last */
}

/* Adds the rows of sessions and of those below them; filtered sessions get none. Recursive, at most
 * TREE_DEPTH_MAX deep. Returns the number of waiting sessions. */
static int outline_add_sessions(struct tree *t, struct tree_session *s, const char *computer,
                                int depth, int shown)
{
    int waiting = 0;
    for (; s; s = s->next) {
        int folded = 0, visible = shown && s->kept;
        if (visible) {
            struct tree_row *row = outline_add_row(t, TREE_SESSION, depth, "s:", s->id, "");
            row->session = s;
            row->computer = computer;
            row->foldable = s->first_child != NULL && !t->filter.count;
            folded = row->folded = row->folded && row->foldable;
            s->row = t->row_count - 1;
            for (int full = 0; full < 2; full++)
                t->lines[full] += tree_session_lines(s, full) - 1;
        }
        int below = outline_add_sessions(t, s->first_child, computer, depth + 1,
                                         visible && !folded);
        if (visible)
            t->rows[s->row].waiting = below;
        waiting += below + tree_is(s, "waiting");
    }
    return waiting;
}

static int outline_has_kept(const struct outline_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (items[i].session && items[i].session->kept)
            return 1;
    return 0;
}

/* Adds the row of one project, then the rows of its sessions. */
static void outline_add_project(struct tree *t, struct outline_item *items, size_t n,
                                int computer_row)
{
    const struct outline_item *first = &items[0];
    const char *computer = t->computers.list[first->computer];
    struct tree_session *roots = outline_chain(items, n);
    int shown = computer_row < 0 || !t->rows[computer_row].folded, at = -1;
    if (t->filter.count && !outline_has_kept(items, n)) {
        shown = tree_project_matches(t, first->name, first->path);
        t->hits += shown;
    }
    if (shown) {
        struct tree_row *row =
            outline_add_row(t, TREE_PROJECT, 1, "p:", computer, first->path);
        row->computer = computer;
        row->path = row->key + strlen("p::") + strlen(computer);
        row->name = first->session ? config_last_part(row->path) : first->name;
        row->ended = roots && roots->ended ? roots : NULL;
        row->foldable = roots != NULL && !t->filter.count;
        at = t->row_count - 1;
    }
    for (size_t i = 0; i < n; i++) {
        struct tree_session *s = items[i].session;
        if (!s)
            continue;
        s->computer_row = computer_row;
        s->project_row = at;
        tree_count(t, s, 1);
        if (computer_row >= 0)
            t->rows[computer_row].sessions++;
        if (at >= 0)
            t->rows[at].sessions++;
    }
    outline_add_sessions(t, roots, computer, 2, at >= 0 && !t->rows[at].folded);
}

static const char *outline_path(const struct tree_row *row)
{
    const struct tree_session *s = row->session ? row->session : row->ended;
    return s ? outline_directory(s) : row->path;
}

static int outline_knows_project(const struct tree *t, const char *computer, const char *path)
{
    for (int i = 0; i < t->project_count; i++)
        if (strcmp(t->projects[i].path, path) == 0 &&
            strcmp(t->projects[i].computer, computer) == 0)
            return 1;
    return 0;
}

/* Returns an item for each session and project, unsorted; the caller frees the array. */
static struct outline_item *outline_items(struct tree *t, size_t *count)
{
    struct outline_item *items =
        base_alloc((t->sessions.count + (size_t)t->project_count + 1) * sizeof *items);
    size_t n = 0;
    for (size_t i = 0; i < t->sessions.places; i++) {
        if (!t->sessions.sessions[i])
            continue;
        struct tree_session *s = tree_session_at(t, i), *root = s;
        while (root->parent)
            root = root->parent;
        /* ended ones have a fold of their own */
        const char *path = root->ended ? TREE_ENDED : outline_project_of(t, root);
        if (n && strcmp(items[n - 1].path, path) == 0)
            path = items[n - 1].path; /* one pointer: less to compare */
        items[n++] = (struct outline_item){names_find(&t->computers, s->computer), path,
                                           config_last_part(path), s, 0};
    }
    for (int i = 0; i < t->project_count; i++)
        items[n++] = (struct outline_item){names_find(&t->computers, t->projects[i].computer),
                                           t->projects[i].path, t->projects[i].name, NULL, 0};
    if (t->here && t->computers.count && !outline_knows_project(t, t->computers.list[0], t->here))
        items[n++] = (struct outline_item){0, t->here, config_last_part(t->here), NULL, 0};
    *count = n;
    return items;
}

static void outline_clear_rows(struct tree *t)
{
    while (t->row_count)
        free(t->rows[--t->row_count].key);
    t->lines[0] = t->lines[1] = t->hits = 0;
}

/* Adds a computer's row (none when it is in focus) and the rows below it. Removes the row again
 * when the filter leaves nothing below it. */
static void outline_add_computer_rows(struct tree *t, int c, struct outline_item *items, size_t n)
{
    int before = t->row_count, at = -1;
    if (!t->focus) {
        struct tree_row *row = outline_add_row(t, TREE_COMPUTER, 0, "c:", t->computers.list[c], "");
        row->computer = row->name = t->computers.list[c];
        row->note = &t->computer_notes[c];
        row->foldable = n > 0 && !t->filter.count;
        at = before;
    }
    for (size_t i = 0, count; i < n; i += count) {
        count = outline_project_items(items + i, n - i);
        outline_add_project(t, items + i, count, at);
    }
    if (t->filter.count && at >= 0 && t->row_count == before + 1) {
        free(t->rows[--t->row_count].key);
        t->lines[0]--, t->lines[1]--;
        for (size_t i = 0; i < n; i++)
            if (items[i].session)
                items[i].session->computer_row = -1;
    }
}

static void outline_build(struct tree *t)
{
    size_t count = 0, i = 0;
    if (!t->dirty)
        return;
    outline_clear_rows(t);
    for (size_t k = 0; k < t->sessions.places; k++)
        if (t->sessions.sessions[k])
            tree_add_computer(t, tree_session_at(t, k)->computer);
    if (t->focus && names_find(&t->computers, t->focus) < 0)
        tree_set_focus(t, NULL);
    outline_find_parents(t);
    struct outline_item *items = outline_items(t, &count);
    outline_sort(items, count);
    while (i < count && items[i].computer < 0)
        i++;
    for (int c = 0; c < t->computers.count; c++) {
        size_t first = i;
        while (i < count && items[i].computer == c)
            i++;
        if (!t->focus || strcmp(t->focus, t->computers.list[c]) == 0)
            outline_add_computer_rows(t, c, items + first, i - first);
    }
    free(items);
    t->dirty = 0;
}

static int outline_find(const struct tree *t, const char *key)
{
    for (int i = 0; i < t->row_count; i++)
        if (strcmp(t->rows[i].key, key) == 0)
            return i;
    return -1;
}

static int outline_show(struct tree *t, const struct tree_session *s)
{
    for (; s->row < 0; outline_build(t)) {
        const struct tree_session *up = s->parent;
        while (up && up->row < 0)
            up = up->parent;
        int at = up ? up->row : s->project_row >= 0 ? s->project_row : s->computer_row;
        if (at < 0 || !t->rows[at].folded)
            return -1;
        tree_set_folded(t, t->rows[at].key, 0);
    }
    return s->row;
}

static int outline_next_waiting(struct tree *t, int from)
{
    outline_build(t);
    for (int i = 0; i <= t->row_count && t->row_count; i++) {
        int at = ((from + i) % t->row_count + t->row_count) % t->row_count;
        const struct tree_row *row = &t->rows[at];
        if (i && row->session && tree_is(row->session, "waiting"))
            return at;
        /* a waiting session is folded away: unfold; the rows before it don't change */
        if (row->folded && row->waiting) {
            tree_set_folded(t, row->key, 0);
            outline_build(t);
            from = at;
            i = 0;
        }
    }
    return -1;
}

static int outline_find_number(const struct tree *t, int from, const char *number)
{
    int start = from > 0 && from < t->row_count ? from : 0, found = -1;
    buf own = {0};
    while (start > 0 && t->rows[start].kind == TREE_SESSION)
        start--;
    for (int i = 0; i < t->row_count && found < 0; i++, buf_clear(&own)) {
        int at = (start + i) % t->row_count;
        if (t->rows[at].session)
            outline_put_number(t->rows[at].session, &own);
        found = span_eq(buf_view(&own), number) ? at : -1;
    }
    buf_free(&own);
    return found;
}

/* Returns the last row that begins at or before the line. */
static int outline_row_at(const struct tree *t, int line, int full)
{
    int low = 0, high = t->row_count - 1;
    while (low < high) {
        int middle = (low + high + 1) / 2;
        if (t->rows[middle].line[full] <= line)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static void outline_fold_all(struct tree *t, int folded)
{
    names_free(&t->folds);
    t->dirty = 1;
    if (!folded)
        return;
    outline_build(t); /* now every project has a row */
    for (int i = 0; i < t->row_count; i++)
        if (t->rows[i].kind == TREE_PROJECT)
            tree_set_folded(t, t->rows[i].key, 1);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void outline_init(struct tree *t, const char *computer, const char *here)
{
    *t = (struct tree){0};
    cache_init(&t->sessions, NULL);
    t->cache_place = cache_reserve(&t->sessions, sizeof(struct tree_session));
    tree_add_computer(t, computer);
    t->here = here ? base_dup(here) : NULL;
    t->dirty = 1;
}

static void outline_free(struct tree *t)
{
    outline_clear_rows(t);
    for (size_t i = 0; i < t->sessions.places; i++)
        if (t->sessions.sessions[i])
            free(tree_session_at(t, i)->text);
    cache_free(&t->sessions);
    tree_free_projects(t, NULL);
    names_free(&t->computers);
    names_free(&t->folds);
    tree_free_agents(t);
    free(t->computer_notes), free(t->projects), free(t->rows), free(t->here), free(t->focus);
    *t = (struct tree){0};
}
