#include "ui.h"

/* todos - the model of the view Preparation: computers, projects, todos and their files as rows.
 *
 * Pure: replies and events of a daemon go in, rows come out. todos_build makes the rows again when
 * a thing changed.
 *
 *      vm                           computer
 *        telec                      project, by its path
 *          [.] parser-errors        todo, in the roadmap's order; folded at first
 *              requirements.md      its two files, present or not
 *
 * The end of the file says which actions a row allows, and finds the user's editor. Only
 * todos_editor reads this computer's files. */

#define TODOS_PROJECTS_MAX 10000 /* of all computers; the rest is ignored */

static const char *const todos_files[] = {"requirements.md", "implementation-plan.md"};

/* ---- computers ------------------------------------------------------------------------------ */

static void todos_add_computer(struct todos *p, const char *name)
{
    if (names_find(&p->computers, name) >= 0)
        return;
    names_add(&p->computers, base_dup(name));
    p->dirty = 1;
}

static void todos_set_computers(struct todos *p, struct json array)
{
    if (json_type(array) != JSON_ARRAY)
        return;
    names_free(&p->computers);
    for (struct json_iter it = json_iter(array); json_next(&it);) {
        char *name = json_dup_member(it.value, "name");
        if (name && *name)
            todos_add_computer(p, name);
        free(name);
    }
    p->dirty = 1;
}

/* Returns the member `computer`, or this computer's name; the caller frees it. */
static char *todos_dup_computer(const struct todos *p, struct json object)
{
    char *name = json_dup_member(object, "computer");
    if (name && *name)
        return name;
    free(name);
    return base_dup(names_first(&p->computers));
}

/* ---- todos ---------------------------------------------------------------------------------- */

/* Returns a copy of at most `most` bytes, cut between characters; NULL for an empty text or no
 * text. */
static char *todos_dup_text(struct json value, size_t most)
{
    char *text = json_dup_text(value);
    size_t n = text ? strlen(text) : 0;
    if (n > most) {
        for (n = most; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
            ;
        text[n] = '\0';
    }
    if (n)
        return text;
    free(text);
    return NULL;
}

static enum todos_state todos_state(struct json status)
{
    static const char *const names[TODOS_STATES] = {"pending", "ready", "in_progress"};
    for (int i = 0; i < TODOS_STATES; i++)
        if (json_text_eq(status, names[i]))
            return (enum todos_state)i;
    return TODOS_PENDING;
}

static void todos_free_todo(struct todos_todo *t)
{
    free(t->slug), free(t->description), free(t->build), free(t->review);
}

static void todos_free_todos(struct todos_project *project)
{
    for (int i = 0; i < project->todo_count; i++)
        todos_free_todo(&project->todos[i]);
    free(project->todos);
    project->todos = NULL;
    project->todo_count = 0;
}

static struct todos_todo todos_parse_todo(struct json object)
{
    return (struct todos_todo){
        .slug = json_dup_member(object, "slug"),
        .description = todos_dup_text(json_get(object, "description"), TODOS_DESCRIPTION_MAX),
        .build = todos_dup_text(json_get(object, "build_status"), ROADMAP_WORD_MAX),
        .review = todos_dup_text(json_get(object, "review_status"), ROADMAP_WORD_MAX),
        .state = todos_state(json_get(object, "status")),
        .has_requirements = json_is(object, "has_requirements", JSON_TRUE),
        .has_plan = json_is(object, "has_impl_plan", JSON_TRUE)};
}

static int todos_compare_slugs(const void *a, const void *b)
{
    const struct todos_todo *x = *(struct todos_todo *const *)a;
    const struct todos_todo *y = *(struct todos_todo *const *)b;
    int order = strcmp(x->slug, y->slug);
    return order ? order : (x > y) - (x < y);
}

/* Removes all but the first todo of each slug: a row's key must be unique. */
static void todos_drop_doubles(struct todos_project *project)
{
    int n = project->todo_count, kept = 0;
    struct todos_todo **sorted = base_alloc((size_t)(n + 1) * sizeof *sorted);
    char *doubled = base_alloc((size_t)n + 1);
    for (int i = 0; i < n; i++)
        sorted[i] = &project->todos[i];
    base_sort(sorted, (size_t)n, sizeof *sorted, todos_compare_slugs);
    for (int i = 1; i < n; i++)
        if (strcmp(sorted[i]->slug, sorted[i - 1]->slug) == 0)
            doubled[sorted[i] - project->todos] = 1;
    for (int i = 0; i < n; i++) {
        if (doubled[i])
            todos_free_todo(&project->todos[i]);
        else
            project->todos[kept++] = project->todos[i];
    }
    project->todo_count = kept;
    free(sorted);
    free(doubled);
}

static void todos_set_todos(struct todos_project *project, struct json array)
{
    int cap = 0;
    if (json_type(array) != JSON_ARRAY)
        return;
    todos_free_todos(project);
    project->known = 1;
    for (struct json_iter it = json_iter(array);
         json_next(&it) && project->todo_count < ROADMAP_TODOS_MAX;) {
        struct todos_todo todo = todos_parse_todo(it.value);
        if (!todo.slug || !*todo.slug || strlen(todo.slug) > ROADMAP_SLUG_MAX) {
            todos_free_todo(&todo);
            continue;
        }
        project->todos =
            base_room(project->todos, project->todo_count, &cap, sizeof *project->todos);
        project->todos[project->todo_count++] = todo;
    }
    todos_drop_doubles(project);
}

/* ---- projects ------------------------------------------------------------------------------- */

static void todos_free_project(struct todos_project *project)
{
    todos_free_todos(project);
    free(project->computer), free(project->path), free(project->name), free(project->description);
}

static int todos_is_project(const struct todos_project *project, const char *computer,
                            const char *path)
{
    return strcmp(project->path, path) == 0 && strcmp(project->computer, computer) == 0;
}

static int todos_compare_projects(const void *a, const void *b)
{
    const struct todos_project *x = a, *y = b;
    int order = strcmp(x->computer, y->computer);
    return order ? order : strcmp(x->path, y->path);
}

/* Parses one project; "desc" is TeleClaude's name of the description. Returns 0 without a path. */
static int todos_parse_project(const struct todos *p, struct json object, struct todos_project *out)
{
    *out = (struct todos_project){.path = json_dup_member(object, "path")};
    if (!out->path || !*out->path || strlen(out->path) >= PATH_MAX) {
        free(out->path);
        return 0;
    }
    out->computer = todos_dup_computer(p, object);
    out->name = todos_dup_text(json_get(object, "name"), TODOS_DESCRIPTION_MAX);
    if (!out->name)
        out->name = base_dup(config_last_part(out->path));
    out->description = todos_dup_text(json_get(object, "description"), TODOS_DESCRIPTION_MAX);
    if (!out->description)
        out->description = todos_dup_text(json_get(object, "desc"), TODOS_DESCRIPTION_MAX);
    todos_set_todos(out, json_get(object, "todos"));
    return 1;
}

/* Keeps the known todos of a project when the new object has none. */
static void todos_keep_todos(struct todos_project *now, struct todos_project *old)
{
    if (now->known || !old->known)
        return;
    now->todos = old->todos;
    now->todo_count = old->todo_count;
    now->known = 1;
    old->todos = NULL;
    old->todo_count = 0;
}

/* Sorts by computer and path, and removes duplicates. */
static void todos_sort_projects(struct todos *p)
{
    int kept = 0;
    if (p->project_count)
        base_sort(p->projects, (size_t)p->project_count, sizeof *p->projects,
                  todos_compare_projects);
    for (int i = 0; i < p->project_count; i++) {
        if (kept && todos_compare_projects(&p->projects[kept - 1], &p->projects[i]) == 0)
            todos_free_project(&p->projects[i]);
        else
            p->projects[kept++] = p->projects[i];
    }
    p->project_count = kept;
}

/* Returns the project in the sorted list, or NULL. */
static struct todos_project *todos_find_project(const struct todos *p, const char *computer,
                                                const char *path)
{
    struct todos_project key = {.computer = (char *)computer, .path = (char *)path};
    return p->project_count ? bsearch(&key, p->projects, (size_t)p->project_count,
                                      sizeof *p->projects, todos_compare_projects)
                            : NULL;
}

/* Replaces the projects of one computer, or of all (NULL), by those of the array. */
static void todos_replace_projects(struct todos *p, const char *computer, struct json array)
{
    struct todos old = {.projects = p->projects, .project_count = p->project_count};
    struct todos_project one;
    int cap = 0;
    p->projects = NULL;
    p->project_count = 0;
    for (struct json_iter it = json_iter(array);
         json_next(&it) && p->project_count < TODOS_PROJECTS_MAX;) {
        if (!todos_parse_project(p, it.value, &one))
            continue;
        if (computer) { /* the sender of the list owns its projects */
            free(one.computer);
            one.computer = base_dup(computer);
        }
        struct todos_project *before = todos_find_project(&old, one.computer, one.path);
        if (before)
            todos_keep_todos(&one, before);
        todos_add_computer(p, one.computer);
        p->projects = base_room(p->projects, p->project_count, &cap, sizeof *p->projects);
        p->projects[p->project_count++] = one;
    }
    p->projects = base_grow(p->projects, (size_t)(p->project_count + old.project_count + 1) *
                                             sizeof *p->projects);
    for (int i = 0; i < old.project_count; i++) {
        if (computer && strcmp(old.projects[i].computer, computer) != 0)
            p->projects[p->project_count++] = old.projects[i];
        else
            todos_free_project(&old.projects[i]);
    }
    free(old.projects);
    todos_sort_projects(p);
    p->dirty = 1;
}

static void todos_set_projects(struct todos *p, struct json array)
{
    if (json_type(array) == JSON_ARRAY)
        todos_replace_projects(p, NULL, array);
}

/* ---- events --------------------------------------------------------------------------------- */

static void todos_on_projects(struct todos *p, struct json data)
{
    char *computer = todos_dup_computer(p, data);
    if (json_is(data, "projects", JSON_ARRAY))
        todos_replace_projects(p, computer, json_get(data, "projects"));
    free(computer);
}

static void todos_on_todos(struct todos *p, struct json data)
{
    char *computer = todos_dup_computer(p, data),
         *path = json_dup_member(data, "project_path");
    struct todos_project *project = path ? todos_find_project(p, computer, path) : NULL;
    if (project)
        todos_set_todos(project, json_get(data, "todos"));
    if (path && p->here && todos_is_project(&p->here_project, computer, path))
        todos_set_todos(&p->here_project, json_get(data, "todos"));
    p->dirty = 1;
    free(computer), free(path);
}

static void todos_on_computer(struct todos *p, struct json data)
{
    char *name = json_dup_member(data, "name");
    if (name && *name)
        todos_add_computer(p, name);
    free(name);
}

static void todos_on_computer_removed(struct todos *p, struct json data)
{
    char *name = json_dup_member(data, "name");
    int i = name ? names_find(&p->computers, name) : -1;
    if (i > 0) { /* never this computer */
        names_remove(&p->computers, i);
        todos_replace_projects(p, name, (struct json){0});
    }
    free(name);
}

/* ---- folds ---------------------------------------------------------------------------------- */

static int todos_folded_at_first(const char *key)
{
    return key[0] == 't';
}

static int todos_is_folded(const struct todos *p, const char *key)
{
    return names_has(&p->folds, key) != todos_folded_at_first(key);
}

static void todos_set_folded(struct todos *p, const char *key, int folded)
{
    p->dirty |= names_set(&p->folds, key, !!folded != todos_folded_at_first(key));
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* Returns the key of a row, which the caller frees: "c:vm", "p:vm:/src", "t:vm:/src:slug",
 * "f:vm:/src:slug:file". */
static char *todos_key(const char *prefix, const char *computer, const char *path, const char *slug,
                       const char *file)
{
    const char *const parts[] = {computer, path, slug, file};
    buf key = {0};
    buf_str(&key, prefix);
    for (size_t i = 0; i < COUNT_OF(parts) && parts[i]; i++) {
        buf_str(&key, i ? ":" : "");
        buf_str(&key, parts[i]);
    }
    buf_cstr(&key);
    return key.p;
}

static struct todos_row *todos_add_row(struct todos *p, enum todos_kind kind, const char *computer,
                                       char *key)
{
    p->rows = base_room(p->rows, p->row_count, &p->row_cap, sizeof *p->rows);
    struct todos_row *row = &p->rows[p->row_count++];
    *row = (struct todos_row){.kind = kind, .depth = (int)kind, .computer = computer, .key = key};
    row->folded = todos_is_folded(p, key);
    return row;
}

static void todos_add_files(struct todos *p, const char *computer,
                            const struct todos_project *project, const struct todos_todo *todo)
{
    const int present[] = {todo->has_requirements, todo->has_plan};
    for (size_t i = 0; i < COUNT_OF(todos_files); i++) {
        struct todos_row *row =
            todos_add_row(p, TODOS_FILE, computer,
                          todos_key("f:", computer, project->path, todo->slug, todos_files[i]));
        row->project = project;
        row->todo = todo;
        row->name = row->file = todos_files[i];
        row->present = present[i];
        row->folded = 0;
    }
}

static void todos_add_todo(struct todos *p, const char *computer,
                           const struct todos_project *project, const struct todos_todo *todo)
{
    struct todos_row *row = todos_add_row(p, TODOS_TODO, computer,
                                        todos_key("t:", computer, project->path, todo->slug, NULL));
    row->project = project;
    row->todo = todo;
    row->name = todo->slug;
    row->foldable = roadmap_slug_is_plain(span_of(todo->slug));
    row->folded = row->folded && row->foldable;
    if (row->foldable && !row->folded)
        todos_add_files(p, computer, project, todo);
}

/* Tells whether the filter has the todo; NULL: the project. */
static int todos_matches(const struct todos *p, const struct todos_project *project,
                         const struct todos_todo *todo)
{
    static const char *const states[TODOS_STATES] = {"pending", "ready", "in_progress"};
    for (int i = 0; i < p->filter.count; i++) {
        const struct filter_word *w = &p->filter.words[i];
        const char *state = (const char *)w->text + 3;
        if (w->is_state ? !todo || strncmp(states[todo->state], state, (size_t)w->n - 3) != 0
                        : !filter_has(w, project->name) && !filter_has(w, project->path) &&
                              !(todo && (filter_has(w, todo->slug) ||
                                         filter_has(w, todo->description))))
            return 0;
    }
    return 1;
}

/* `at` is the index of the computer's row. */
static void todos_add_project(struct todos *p, const struct todos_project *project, int at)
{
    const char *computer = p->rows[at].computer;
    struct todos_row count = {0}, *row;
    int hits = 0;
    for (int i = 0; i < project->todo_count; i++) {
        count.todos[project->todos[i].state]++;
        hits += todos_matches(p, project, &project->todos[i]);
    }
    if (!hits && !todos_matches(p, project, NULL))
        return;
    p->hits += hits ? hits : 1;
    for (int i = 0; i < TODOS_STATES; i++)
        p->rows[at].todos[i] += count.todos[i];
    p->rows[at].projects++;
    p->rows[at].foldable = 1;
    if (p->rows[at].folded)
        return;
    row = todos_add_row(p, TODOS_PROJECT, computer,
                        todos_key("p:", computer, project->path, NULL, NULL));
    row->project = project;
    row->name = project->name;
    row->projects = 1;
    memcpy(row->todos, count.todos, sizeof row->todos);
    row->foldable = project->todo_count > 0 && !p->filter.count;
    row->folded = row->folded && row->foldable;
    for (int i = 0, shown = !row->folded; shown && i < project->todo_count; i++)
        if (todos_matches(p, project, &project->todos[i]))
            todos_add_todo(p, computer, project, &project->todos[i]);
}

/* Returns the index of a computer's first project in the sorted list. */
static int todos_first_project(const struct todos *p, const char *computer)
{
    int from = 0, to = p->project_count;
    while (from < to) {
        int middle = from + (to - from) / 2;
        if (strcmp(p->projects[middle].computer, computer) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return to;
}

/* Adds the rows of a computer and below it. The directory in which telec was started is listed
 * among the computer's projects. */
static void todos_add_all(struct todos *p, int c)
{
    const char *computer = p->computers.list[c];
    struct todos_row *row = todos_add_row(p, TODOS_COMPUTER, computer,
                                          todos_key("c:", computer, NULL, NULL, NULL));
    const struct todos_project *here = c == 0 && p->here ? &p->here_project : NULL;
    int at = p->row_count - 1;
    row->name = computer;
    row->folded = row->folded && !p->filter.count;
    for (int i = todos_first_project(p, computer);
         i < p->project_count && strcmp(p->projects[i].computer, computer) == 0; i++) {
        int order = here ? strcmp(here->path, p->projects[i].path) : 1;
        if (order < 0)
            todos_add_project(p, here, at);
        here = order > 0 ? here : NULL;
        todos_add_project(p, &p->projects[i], at);
    }
    if (here)
        todos_add_project(p, here, at);
    p->rows[at].folded = p->rows[at].folded && p->rows[at].foldable;
    if (p->filter.count && p->row_count == at + 1)
        free(p->rows[--p->row_count].key);
}

static void todos_clear_rows(struct todos *p)
{
    while (p->row_count)
        free(p->rows[--p->row_count].key);
}

static void todos_build(struct todos *p)
{
    if (!p->dirty)
        return;
    p->dirty = p->hits = 0;
    todos_clear_rows(p);
    for (int c = 0; c < p->computers.count; c++)
        todos_add_all(p, c);
}

static void todos_set_filter(struct todos *p, const char *text)
{
    filter_set(&p->filter, text);
    p->dirty = 1;
}

static int todos_find(const struct todos *p, const char *key)
{
    for (int i = 0; i < p->row_count; i++)
        if (strcmp(p->rows[i].key, key) == 0)
            return i;
    return -1;
}

static void todos_fold_all(struct todos *p, int folded)
{
    for (int i = p->folds.count; i-- > 0;)
        if (p->folds.list[i][0] == (folded ? 't' : 'p'))
            names_remove(&p->folds, i);
    for (int i = -1; i < p->project_count; i++) {
        const struct todos_project *one = i < 0 ? &p->here_project : &p->projects[i];
        if (folded && one->path)
            names_add(&p->folds, todos_key("p:", one->computer, one->path, NULL, NULL));
        for (int k = 0; !folded && k < one->todo_count; k++)
            names_add(&p->folds,
                      todos_key("t:", one->computer, one->path, one->todos[k].slug, NULL));
    }
    names_sort(&p->folds);
    p->dirty = 1;
}

/* ---- what can be done ----------------------------------------------------------------------- */

static int todos_has_todo(const struct todos_row *row)
{
    return row->todo != NULL;
}

static int todos_is_local(const struct todos *p, const struct todos_row *row)
{
    return strcmp(names_first(&p->computers), row->computer) == 0;
}

/* Returns why a session can't be started for the row, or NULL. */
static const char *todos_no_session(const struct todos_row *row, enum todos_action action)
{
    static const char *const not_ready[TODOS_STATES] = {
        "it is not ready: its mark in the roadmap is [ ], not [.]", NULL,
        "it is in progress already: its mark in the roadmap is [>]"};
    if (row->kind == TODOS_COMPUTER)
        return action == TODOS_START ? "select a todo that is ready" : "select a project or a todo";
    if (todos_has_todo(row) && !roadmap_slug_is_plain(span_of(row->todo->slug)))
        return "its name can't be that of a directory in todos";
    if (action == TODOS_PREPARE)
        return NULL;
    return todos_has_todo(row) ? not_ready[row->todo->state] : "select a todo that is ready";
}

/* Returns why the row's file can't be opened, or NULL. */
static const char *todos_no_file(const struct todos *p, const struct todos_row *row,
                                 enum todos_action action)
{
    if (row->kind == TODOS_COMPUTER)
        return "select a project, a todo or a file";
    if (!todos_is_local(p, row))
        return "its files are on another computer, and can't be opened from here";
    if (todos_has_todo(row) && !roadmap_slug_is_plain(span_of(row->todo->slug)))
        return "its name can't be that of a directory in todos";
    if (action == TODOS_EDIT)
        return NULL;
    if (row->kind == TODOS_FILE && !row->present)
        return "this file is not there yet; e creates it";
    if (row->kind == TODOS_TODO && !row->todo->has_requirements && !row->todo->has_plan)
        return "it has no requirements and no plan yet; e creates the requirements";
    return NULL;
}

static int todos_can(const struct todos *p, const struct todos_row *row, enum todos_action action,
                     const char **why)
{
    *why = action == TODOS_START || action == TODOS_PREPARE ? todos_no_session(row, action)
                                                          : todos_no_file(p, row, action);
    return *why == NULL;
}

static void todos_put_message(const struct todos_row *row, enum todos_action action,
                              const struct config *config, int foreign, buf *b)
{
    const struct {
        const char *configured, *foreign;
    } messages[] = {{config->prepare_project, "/next-prepare"},
                    {config->prepare_todo, "/next-prepare SLUG"},
                    {config->prepare_start, "/prime-orchestrator SLUG"}};
    int i = action == TODOS_START ? 2 : todos_has_todo(row);
    foreign = foreign && !config->prepare_lines[i];
    span rest = span_of(foreign ? messages[i].foreign : messages[i].configured);
    while (rest.n) {
        int is_slug = todos_has_todo(row) && span_starts(rest, "SLUG");
        if (is_slug)
            buf_str(b, row->todo->slug);
        else
            buf_byte(b, rest.p[0]);
        rest = span_sub(rest, is_slug ? 4 : 1);
    }
}

static void todos_put_file(const struct todos_row *row, enum todos_action action, buf *b)
{
    if (!row->project)
        return;
    buf_str(b, row->project->path);
    buf_str(b, b->n && b->p[b->n - 1] == '/' ? "todos/" : "/todos/");
    if (!todos_has_todo(row)) {
        buf_str(b, "roadmap.md");
        return;
    }
    int plan = action == TODOS_VIEW && !row->todo->has_requirements && row->todo->has_plan;
    buf_str(b, row->todo->slug);
    buf_byte(b, '/');
    buf_str(b, row->file ? row->file : todos_files[plan]);
}

/* ---- the editor ----------------------------------------------------------------------------- */

/* Returns the length of the path (n bytes) without its last component. */
static size_t todos_parent(const char *path, size_t n)
{
    while (n > 0 && path[n - 1] != '/')
        n--;
    while (n > 0 && path[n - 1] == '/')
        n--;
    return n;
}

/* Makes the path's directory, and "todos" above it, but no project. Returns 0, or -1 with errno. */
static int todos_make_dirs(const char *path)
{
    static const char todos[] = "/todos";
    size_t own = todos_parent(path, strlen(path)), above = todos_parent(path, own);
    char *dir = span_dup((span){path, own});
    dir[above] = '\0';
    if (above >= sizeof todos - 1 && strcmp(dir + above - (sizeof todos - 1), todos) == 0)
        mkdir(dir, 0777); /* the next mkdir reports an error */
    memcpy(dir, path, own);
    int status = own && mkdir(dir, 0777) != 0 && errno != EEXIST ? -1 : 0;
    free(dir);
    return status;
}

static char **todos_editor(const char *path, buf *error)
{
    const char *visual = getenv("VISUAL"), *editor = getenv("EDITOR");
    const char *line = visual && *visual ? visual : editor && *editor ? editor : "vi";
    buf command = {0};
    if (!config_can_run(line)) {
        buf_str(error, "the editor ");
        utf8_put_visible(error, span_of(line));
        buf_str(error, " can't be found; set $VISUAL or $EDITOR");
        return NULL;
    }
    if (todos_make_dirs(path) != 0) {
        utf8_put_visible(error, span_of(path));
        buf_fmt(error, ": its directory can't be made: %s", strerror(errno));
        return NULL;
    }
    buf_str(&command, line);
    buf_byte(&command, ' ');
    config_put_quoted(&command, path);
    char **words = config_words(buf_view(&command));
    buf_free(&command);
    return words;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void todos_init(struct todos *p, const char *computer, const char *here)
{
    *p = (struct todos){.filter = {.of_todos = 1},
                        .here = here ? base_dup(here) : NULL, .dirty = 1};
    todos_add_computer(p, computer);
    if (here)
        p->here_project = (struct todos_project){.computer = base_dup(computer),
                                                .path = base_dup(here),
                                                .name = base_dup(config_last_part(here))};
}

static void todos_free(struct todos *p)
{
    todos_clear_rows(p);
    while (p->project_count)
        todos_free_project(&p->projects[--p->project_count]);
    names_free(&p->computers);
    names_free(&p->folds);
    todos_free_project(&p->here_project);
    free(p->projects), free(p->rows), free(p->here);
    *p = (struct todos){0};
}
