/* Unit tests of todos: rows from events, constant keys, folds, and the actions of a row. */

static void unit_todos_json(struct todos *p, void (*take)(struct todos *p, struct json v),
                           const char *text)
{
    struct json value;
    CHECK(json_parse(span_of(text), &value, NULL, NULL) == PARSE_DONE);
    take(p, value);
}

static void unit_todos_tell(struct todos *p, const char *event, const char *data)
{
    buf b = {0};
    buf_fmt(&b, "{\"event\": \"%s\", \"data\": %s}", event, data);
    models_event(NULL, p, buf_view(&b));
    buf_free(&b);
}

/* The rows, a line each: depth as blanks, fold, key, name. */
static const char *unit_todos_rows(struct todos *p)
{
    buf_clear(&unit_text);
    todos_build(p);
    CHECK(!p->dirty);
    for (int i = 0; i < p->row_count; i++) {
        const struct todos_row *row = &p->rows[i];
        CHECK_INT(todos_find(p, row->key), i);
        buf_fmt(&unit_text, "%*s%c %s %s\n", row->depth, "",
                !row->foldable ? ' ' : row->folded ? '+' : '-', row->key, row->name);
    }
    return buf_cstr(&unit_text);
}

#define UNIT_TODOS_ROWS(p, want) CHECK_SPAN(span_of(unit_todos_rows(p)), want)

static const char unit_todos_projects[] =
    "[{\"computer\": \"vm\", \"name\": \"telec\", \"path\": \"/src\", \"description\": \"words\","
    "  \"todos\": [{\"slug\": \"b\", \"status\": \"ready\", \"has_requirements\": true},"
    "              {\"slug\": \"a\", \"status\": \"pending\", \"has_impl_plan\": true,"
    "               \"build_status\": \"complete\", \"review_status\": null},"
    "              {\"slug\": \"b\", \"status\": \"pending\"}, {\"slug\": \"\"}, 5, {},"
    "              {\"slug\": \"../x\", \"status\": \"in_progress\"}]},"
    " {\"computer\": \"far\", \"path\": \"/zoo\", \"desc\": \"theirs\", \"name\": \"\"},"
    " {\"path\": \"/etc/\"}, {\"name\": \"no path\"}, 7]";

static void unit_todos_basic(void)
{
    test_begin("a project that is named twice has one row");
    struct todos p;
    todos_init(&p, "vm", NULL);
    UNIT_TODOS_ROWS(&p, "  c:vm vm\n");
    unit_todos_json(&p, todos_set_projects, "{\"not\": \"an array\"}");
    UNIT_TODOS_ROWS(&p, "  c:vm vm\n");
    unit_todos_json(&p, todos_set_projects,
                   "[{\"path\": \"/a\", \"name\": \"n\"}, {\"path\": \"/a\", \"name\": \"n\"}]");
    UNIT_TODOS_ROWS(&p, "- c:vm vm\n   p:vm:/a n\n"); /* one of each */
    todos_free(&p);
    todos_free(&p);
}

static void unit_todos_tree(void)
{
    test_begin("projects, todos and files are rows in order, todos folded at first");
    struct todos p;
    todos_init(&p, "vm", NULL);
    unit_todos_json(&p, todos_set_projects, unit_todos_projects);
    UNIT_TODOS_ROWS(&p, "- c:vm vm\n"
                       "   p:vm:/etc/ /etc/\n"
                       " - p:vm:/src telec\n"
                       "  + t:vm:/src:b b\n"
                       "  + t:vm:/src:a a\n"
                       "    t:vm:/src:../x ../x\n"
                       "- c:far far\n"
                       "   p:far:/zoo zoo\n");
    const struct todos_row *vm = &p.rows[0], *src = &p.rows[2], *a = &p.rows[4], *far = &p.rows[7];
    CHECK(vm->projects == 2 && vm->todos[TODOS_PENDING] == 1 && vm->todos[TODOS_READY] == 1 &&
          vm->todos[TODOS_IN_PROGRESS] == 1);
    CHECK(src->todos[TODOS_READY] == 1 && src->project->known);
    CHECK_SPAN(span_of(src->project->description), "words");
    CHECK(a->todo->has_plan && !a->todo->has_requirements && !a->todo->review);
    CHECK_SPAN(span_of(a->todo->build), "complete");
    CHECK(!far->project->known);
    CHECK_SPAN(span_of(far->project->description), "theirs");
    /* Folds stay with the key, whatever becomes of the rest. */
    todos_set_folded(&p, "t:vm:/src:a", 0);
    todos_set_folded(&p, "p:vm:/src", 1);
    todos_set_folded(&p, "p:vm:/src", 1);
    CHECK(strstr(unit_todos_rows(&p), " + p:vm:/src telec\n- c:far") != NULL);
    CHECK_INT(p.rows[0].todos[TODOS_READY], 1);
    todos_set_folded(&p, "p:vm:/src", 0);
    unit_todos_tell(&p, "todos_updated", "{\"computer\": \"vm\", \"project_path\": \"/src\", "
                                        "\"todos\": [{\"slug\": \"a\", \"status\": \"ready\"}]}");
    CHECK(strstr(unit_todos_rows(&p), "  - t:vm:/src:a a\n"
                                     "     f:vm:/src:a:requirements.md requirements.md\n"
                                     "     f:vm:/src:a:implementation-plan.md implem") != NULL);
    todos_set_folded(&p, "c:vm", 1);
    CHECK(span_starts(span_of(unit_todos_rows(&p)), "+ c:vm vm\n- c:far"));
    CHECK_INT(p.folds.count, 2);
    CHECK_SPAN(span_of(p.folds.list[0]), "c:vm");
    CHECK_SPAN(span_of(p.folds.list[1]), "t:vm:/src:a");
    todos_set_folded(&p, "c:vm", 0);
    todos_set_folded(&p, "t:vm:/src:a", 1);
    CHECK_INT(p.folds.count, 0);
    todos_free(&p);
}

static void unit_todos_most(void)
{
    struct todos p;
    buf list = {0};
    test_begin("a list of projects is cut at TODOS_PROJECTS_MAX, and others' projects stay");
    todos_init(&p, "vm", NULL);
    unit_todos_tell(&p, "preparation_initial", "{\"projects\": [{\"path\": \"/a\"}]}");
    buf_str(&list, "{\"computer\": \"far\", \"projects\": ");
    for (int i = 0; i < TODOS_PROJECTS_MAX + 1; i++)
        buf_fmt(&list, "%c{\"path\":\"/p%d\"}", i ? ',' : '[', i);
    buf_str(&list, "]}");
    unit_todos_tell(&p, "projects_updated", buf_cstr(&list));
    CHECK_INT(p.project_count, TODOS_PROJECTS_MAX + 1);
    CHECK(todos_find_project(&p, "far", "/p9999") && !todos_find_project(&p, "far", "/p10000"));
    CHECK(todos_find_project(&p, "vm", "/a") != NULL);
    buf_free(&list);
    todos_free(&p);
}

static void unit_todos_events(void)
{
    test_begin("each event replaces what it is about; malformed ones change nothing");
    struct todos p;
    todos_init(&p, "vm", NULL);
    unit_todos_json(&p, todos_set_computers, "[{\"name\": \"vm\"}, {\"name\": \"far\"}, {}, 5]");
    UNIT_TODOS_ROWS(&p, "  c:vm vm\n  c:far far\n");
    unit_todos_tell(&p, "preparation_initial",
                   "{\"projects\": [{\"path\": \"/a\", \"todos\": [{\"slug\": \"x\"}]}, "
                   "{\"computer\": \"far\", \"path\": \"/a\", \"todos\": []}]}");
    UNIT_TODOS_ROWS(&p, "- c:vm vm\n - p:vm:/a a\n  + t:vm:/a:x x\n- c:far far\n   p:far:/a a\n");
    /* A list without todos (a TeleClaude daemon's) doesn't take away what is known. */
    unit_todos_tell(&p, "preparation_initial", "{\"projects\": [{\"path\": \"/a\"}]}");
    UNIT_TODOS_ROWS(&p, "- c:vm vm\n - p:vm:/a a\n  + t:vm:/a:x x\n  c:far far\n");
    unit_todos_tell(&p, "projects_updated", "{\"computer\": \"far\", \"projects\": "
                                           "[{\"path\": \"/b\", \"computer\": \"liar\"}]}");
    unit_todos_tell(&p, "todos_updated", "{\"computer\": \"far\", \"project_path\": \"/b\", "
                                        "\"todos\": [{\"slug\": \"y\"}]}");
    UNIT_TODOS_ROWS(&p, "- c:vm vm\n - p:vm:/a a\n  + t:vm:/a:x x\n"
                       "- c:far far\n - p:far:/b b\n  + t:far:/b:y y\n");
    /* What is said of others, wrongly or not at all changes nothing. */
    static const char *const nothing[][2] = {
        {"todos_updated", "{\"computer\": \"far\", \"project_path\": \"/a\", \"todos\": []}"},
        {"todos_updated", "{\"computer\": \"far\", \"project_path\": \"/b\", \"todos\": null}"},
        {"todos_updated", "{}"},
        {"todos_updated", "[]"},
        {"projects_updated", "{\"computer\": \"far\"}"},
        {"preparation_initial", "{\"projects\": {}}"},
        {"computer_removed", "{\"name\": \"vm\"}"},
        {"computer_removed", "{\"name\": \"nobody\"}"},
        {"computer_updated", "{\"name\": \"far\"}"},
        {"computer_updated", "{\"name\": null}"},
        {"session_created", "{\"session_id\": \"1\"}"},
    };
    for (size_t i = 0; i < COUNT_OF(nothing); i++) {
        unit_todos_tell(&p, nothing[i][0], nothing[i][1]);
        UNIT_TODOS_ROWS(&p, "- c:vm vm\n - p:vm:/a a\n  + t:vm:/a:x x\n"
                           "- c:far far\n - p:far:/b b\n  + t:far:/b:y y\n");
    }
    models_event(NULL, &p, span_of("{\"event\": \"computer_removed\", \"data\": {\"name\": \"far"));
    unit_todos_tell(&p, "computer_removed", "{\"name\": \"far\"}");
    UNIT_TODOS_ROWS(&p, "- c:vm vm\n - p:vm:/a a\n  + t:vm:/a:x x\n");
    unit_todos_tell(&p, "computer_updated", "{\"name\": \"far\"}"); /* comes back with nothing */
    UNIT_TODOS_ROWS(&p, "- c:vm vm\n - p:vm:/a a\n  + t:vm:/a:x x\n  c:far far\n");
    todos_free(&p);
}

static void unit_todos_here(void)
{
    test_begin("the current directory is listed as a project, once");
    struct todos p;
    todos_init(&p, "vm", "/m");
    UNIT_TODOS_ROWS(&p, "- c:vm vm\n   p:vm:/m m\n");
    unit_todos_tell(&p, "preparation_initial",
                   "{\"projects\": [{\"path\": \"/z\"}, {\"path\": \"/a\"}]}");
    UNIT_TODOS_ROWS(&p, "- c:vm vm\n   p:vm:/a a\n   p:vm:/m m\n   p:vm:/z z\n");
    unit_todos_tell(&p, "todos_updated",
                   "{\"computer\": \"vm\", \"project_path\": \"/m\", "
                   "\"todos\": [{\"slug\": \"h\"}]}");
    UNIT_TODOS_ROWS(&p, "- c:vm vm\n   p:vm:/a a\n - p:vm:/m m\n  + t:vm:/m:h h\n   p:vm:/z z\n");
    unit_todos_tell(&p, "preparation_initial",
                   "{\"projects\": [{\"path\": \"/m\", \"name\": \"known\"}]}");
    UNIT_TODOS_ROWS(&p, "- c:vm vm\n   p:vm:/m known\n");
    todos_free(&p);
}

static void unit_todos_fold_all(void)
{
    test_begin("folding all keeps computers open, and unfolding all opens todos");
    struct todos p;
    todos_init(&p, "vm", "/h");
    unit_todos_tell(&p, "preparation_initial",
                   "{\"projects\": [{\"path\": \"/a\", \"todos\": [{\"slug\": \"x\"}]}, "
                   "{\"computer\": \"far\", \"path\": \"/a\", \"todos\": [{\"slug\": \"y\"}]}]}");
    todos_set_folded(&p, "c:far", 1);
    todos_set_folded(&p, "t:vm:/a:x", 0);
    todos_fold_all(&p, 1);
    UNIT_TODOS_ROWS(&p, "- c:vm vm\n + p:vm:/a a\n   p:vm:/h h\n+ c:far far\n");
    todos_fold_all(&p, 1);
    CHECK_INT(p.folds.count, 4);
    todos_set_folded(&p, "c:far", 0);
    todos_set_folded(&p, "p:far:/a", 0);
    UNIT_TODOS_ROWS(&p, "- c:vm vm\n + p:vm:/a a\n   p:vm:/h h\n"
                       "- c:far far\n - p:far:/a a\n  + t:far:/a:y y\n");
    todos_fold_all(&p, 0);
    CHECK_INT(p.folds.count, 2);
    todos_set_folded(&p, "t:far:/a:y", 1);
    UNIT_TODOS_ROWS(&p, "- c:vm vm\n - p:vm:/a a\n  - t:vm:/a:x x\n"
                       "     f:vm:/a:x:requirements.md requirements.md\n"
                       "     f:vm:/a:x:implementation-plan.md implementation-plan.md\n"
                       "   p:vm:/h h\n- c:far far\n - p:far:/a a\n  + t:far:/a:y y\n");
    todos_free(&p);
}

static void unit_todos_filter(void)
{
    test_begin("a filter keeps matching todos and projects, and unfolds what is above them");
    struct todos p;
    todos_init(&p, "vm", NULL);
    unit_todos_tell(
        &p, "preparation_initial",
        "{\"projects\": [{\"path\": \"/a\", \"todos\": ["
        "{\"slug\": \"x\", \"status\": \"ready\"}, {\"slug\": \"y\", "
        "\"description\": \"about Zoos\"}]},"
        "{\"computer\": \"far\", \"path\": \"/zoo\", \"todos\": [{\"slug\": \"z\"}]}]}");
    todos_fold_all(&p, 1);
    todos_set_folded(&p, "c:vm", 1);
    todos_set_filter(&p, "zoo");
    UNIT_TODOS_ROWS(&p, "- c:vm vm\n   p:vm:/a a\n  + t:vm:/a:y y\n"
                       "- c:far far\n   p:far:/zoo zoo\n  + t:far:/zoo:z z\n");
    CHECK_INT(p.hits, 2);
    todos_set_filter(&p, "is:rea");
    UNIT_TODOS_ROWS(&p, "- c:vm vm\n   p:vm:/a a\n  + t:vm:/a:x x\n");
    CHECK(span_eq(span_of(filter_complete(&p.filter)), "dy") && !filter_wrong(&p.filter));
    todos_set_filter(&p, "is:waiting");
    UNIT_TODOS_ROWS(&p, "");
    CHECK(strstr(filter_wrong(&p.filter), "is: pending") != NULL);
    todos_set_filter(&p, NULL);
    UNIT_TODOS_ROWS(&p, "+ c:vm vm\n- c:far far\n + p:far:/zoo zoo\n");
    todos_free(&p);
}

/* Any order of turning leaves the list sorted, and each key what it was told last. */
static void unit_todos_folds(void)
{
    test_begin("a row's fold is kept by its key while it comes and goes");
    struct todos p;
    uint32_t seed = 5;
    int folded[50];
    char key[20];
    todos_init(&p, "vm", NULL);
    for (int i = 0; i < 50; i++)
        folded[i] = i % 2;
    for (int i = 0; i < 2000; i++) {
        seed = seed * 1664525u + 1013904223u;
        int k = (int)(seed >> 8) % 50;
        folded[k] = (int)(seed >> 20) & 1;
        snprintf(key, sizeof key, "%c:%d", k % 2 ? 't' : 'p', k);
        todos_set_folded(&p, key, folded[k]);
    }
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "%c:%d", i % 2 ? 't' : 'p', i);
        CHECK_INT(todos_is_folded(&p, key), folded[i]);
    }
    for (int i = 1; i < p.folds.count; i++)
        CHECK(strcmp(p.folds.list[i - 1], p.folds.list[i]) < 0);
    todos_free(&p);
}

/* ---- what can be done ----------------------------------------------------------------------- */

static const struct {
    const char *key, *start, *prepare, *view, *edit; /* part of why not; NULL: it can be done */
    const char *begin, *viewed, *edited;
} unit_todos_cans[] = {
    {"c:vm", "select a todo", "select a project", "select a project", "select a project",
     "/prime-orchestrator SLUG", "", ""},
    {"p:vm:/p", "select a todo", NULL, NULL, NULL, "/prime-orchestrator SLUG",
     "/p/todos/roadmap.md",
     "/p/todos/roadmap.md"},
    {"t:vm:/p:new", "not ready", NULL, "no requirements and no plan", NULL,
     "/prime-orchestrator new", "/p/todos/new/requirements.md", "/p/todos/new/requirements.md"},
    {"t:vm:/p:go", NULL, NULL, NULL, NULL, "/prime-orchestrator go",
     "/p/todos/go/implementation-plan.md", "/p/todos/go/requirements.md"},
    {"f:vm:/p:go:requirements.md", NULL, NULL, "not there yet", NULL, "/prime-orchestrator go",
     "/p/todos/go/requirements.md", "/p/todos/go/requirements.md"},
    {"f:vm:/p:go:implementation-plan.md", NULL, NULL, NULL, NULL, "/prime-orchestrator go",
     "/p/todos/go/implementation-plan.md", "/p/todos/go/implementation-plan.md"},
    {"t:vm:/p:busy", "in progress", NULL, NULL, NULL, "/prime-orchestrator busy",
     "/p/todos/busy/requirements.md", "/p/todos/busy/requirements.md"},
    {"t:vm:/p:../x", "can't be", "can't be", "can't be", "can't be", NULL, NULL, NULL},
    {"t:far:/q:r", NULL, NULL, "another computer", "another computer", "/prime-orchestrator r",
     NULL, NULL},
    {"p:far:/q", "select a todo", NULL, "another computer", "another computer", NULL, NULL, NULL},
};

static void unit_todos_check(const struct todos *p, const struct todos_row *row,
                            enum todos_action action, const char *part)
{
    const char *why = NULL;
    int can = todos_can(p, row, action, &why);
    CHECK(part ? !can && why && strstr(why, part) : can);
    if (part && (can || !strstr(why, part)))
        printf("#   %s, %d: %s\n", row->key, action, can ? "it can" : why);
}

static void unit_todos_can(void)
{
    test_begin("each action says why it can't be done, or what it sends and opens");
    struct todos p;
    struct config config = {.prepare_todo = (char *)"do SLUG, SLUG/x"};
    buf b = {0};
    todos_init(&p, "vm", NULL);
    unit_todos_tell(
        &p, "preparation_initial",
        "{\"projects\": [{\"path\": \"/p\", \"todos\": [{\"slug\": \"new\", \"status\": \"?\"},"
        "{\"slug\": \"go\", \"status\": \"ready\", \"has_impl_plan\": true},"
        "{\"slug\": \"busy\", \"status\": \"in_progress\", \"has_requirements\": true},"
        "{\"slug\": \"../x\", \"status\": \"ready\"}]}, {\"computer\": \"far\", \"path\": \"/q\","
        "\"todos\": [{\"slug\": \"r\", \"status\": \"ready\"}]}]}");
    todos_fold_all(&p, 0);
    todos_build(&p);
    for (size_t i = 0; i < COUNT_OF(unit_todos_cans); i++) {
        int at = todos_find(&p, unit_todos_cans[i].key);
        CHECK(at >= 0);
        const struct todos_row *row = &p.rows[at];
        unit_todos_check(&p, row, TODOS_START, unit_todos_cans[i].start);
        unit_todos_check(&p, row, TODOS_PREPARE, unit_todos_cans[i].prepare);
        unit_todos_check(&p, row, TODOS_VIEW, unit_todos_cans[i].view);
        unit_todos_check(&p, row, TODOS_EDIT, unit_todos_cans[i].edit);
        if (unit_todos_cans[i].begin) {
            buf_clear(&b);
            todos_put_message(row, TODOS_START, &config, 1, &b);
            CHECK_SPAN(buf_view(&b), unit_todos_cans[i].begin);
            buf_clear(&b);
            todos_put_message(row, TODOS_PREPARE, &config, 1, &b);
            CHECK(span_starts(buf_view(&b), "/next-prepare") &&
                  (strstr(unit_todos_cans[i].begin, "SLUG") != NULL) == (b.n == 13));
            for (int foreign = 0; foreign < 2 && row->todo; foreign++) {
                buf_clear(&b);
                config.prepare_lines[1] = foreign;
                todos_put_message(row, TODOS_PREPARE, &config, foreign, &b);
                CHECK(span_starts(buf_view(&b), "do "));
                CHECK_INT(b.n, 7 + 2 * strlen(row->todo->slug));
            }
            config.prepare_lines[1] = 0;
        }
        if (!unit_todos_cans[i].viewed)
            continue;
        buf_clear(&b);
        todos_put_file(row, TODOS_VIEW, &b);
        CHECK_SPAN(buf_view(&b), unit_todos_cans[i].viewed);
        buf_clear(&b);
        todos_put_file(row, TODOS_EDIT, &b);
        CHECK_SPAN(buf_view(&b), unit_todos_cans[i].edited);
    }
    todos_free(&p);
    buf_free(&b);
}

static void unit_todos_editor(void)
{
    test_begin("the editor comes from the environment, and its file's directory is made");
    char root[64] = "/tmp/telec-plan.XXXXXX", path[120];
    struct stat st;
    buf error = {0};
    char **argv;
    if (!mkdtemp(root))
        base_die("mkdtemp: %s", strerror(errno));
    snprintf(path, sizeof path, "%s/todos/a b/x.md", root);
    setenv("VISUAL", "no-such-editor --wait", 1);
    setenv("EDITOR", "sh -c 'exit 3'", 1);
    CHECK(!todos_editor(path, &error) && strstr(buf_cstr(&error), "no-such-editor"));
    snprintf(path, sizeof path, "%s/todos", root);
    CHECK(stat(path, &st) != 0); /* nothing is made for nobody */
    setenv("VISUAL", "", 1);
    snprintf(path, sizeof path, "%s/todos/a b/x.md", root);
    buf_clear(&error);
    argv = todos_editor(path, &error);
    CHECK(argv && strcmp(argv[0], "sh") == 0 && strcmp(argv[2], "exit 3") == 0 &&
          strcmp(argv[3], path) == 0 && !argv[4] && error.n == 0);
    free(argv);
    snprintf(path, sizeof path, "%s/todos/a b", root);
    CHECK(stat(path, &st) == 0 && S_ISDIR(st.st_mode));
    rmdir(path);
    /* A project that has gone is not made anew. */
    snprintf(path, sizeof path, "%s/gone/todos/roadmap.md", root);
    CHECK(!todos_editor(path, &error) && strstr(buf_cstr(&error), "No such file"));
    snprintf(path, sizeof path, "%s/gone/todos/a/x.md", root);
    CHECK(!todos_editor(path, &error));
    snprintf(path, sizeof path, "%s/gone", root);
    CHECK(stat(path, &st) != 0);
    unsetenv("VISUAL");
    setenv("EDITOR", "'open", 1); /* a quote that isn't closed */
    buf_clear(&error);
    CHECK(!todos_editor(root, &error) && strstr(buf_cstr(&error), "can't be found"));
    unsetenv("EDITOR");
    snprintf(path, sizeof path, "%s/todos", root);
    rmdir(path);
    rmdir(root);
    buf_free(&error);
}

static void unit_todos_limits(void)
{
    test_begin("projects, todos and texts are capped");
    struct todos p;
    buf b = {0};
    todos_init(&p, "vm", NULL);
    buf_str(&b, "[{\"path\": \"/p\", \"description\": \"");
    for (int i = 0; i < 1000; i++)
        buf_str(&b, "\xe2\x82\xac");
    buf_str(&b, "\", \"todos\": [");
    for (int i = 0; i < ROADMAP_TODOS_MAX + 5; i++)
        buf_fmt(&b, "%s{\"slug\": \"s%d\"}", i ? "," : "", i);
    buf_str(&b, "]}]");
    unit_todos_json(&p, todos_set_projects, buf_cstr(&b));
    todos_build(&p);
    CHECK_INT(p.rows[1].todos[TODOS_PENDING], ROADMAP_TODOS_MAX);
    CHECK_INT(strlen(p.rows[1].project->description), TODOS_DESCRIPTION_MAX / 3 * 3);
    todos_free(&p);
    buf_free(&b);
}

static void unit_todos(void)
{
    unit_todos_basic();
    unit_todos_tree();
    unit_todos_most();
    unit_todos_events();
    unit_todos_here();
    unit_todos_fold_all();
    unit_todos_filter();
    unit_todos_folds();
    unit_todos_can();
    unit_todos_editor();
    unit_todos_limits();
}
