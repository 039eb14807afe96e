/* projects - what is to be done: roadmaps, what is pushed of their changes, and what is watched. */

/* A file below the test's directory, written in place; its directories are made. */
static void projects_put(const char *path, const char *text)
{
    char *full = format("%s/%s", e2e.dir, path);
    for (char *p = full + strlen(e2e.dir) + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        mkdir(full, 0700);
        *p = '/';
    }
    file_write(full, text, 0600);
}

/* As editors do it: a new file, renamed over the old one. */
static void projects_replace(const char *path, const char *text)
{
    projects_put("new-file", text);
    if (rename(format("%s/new-file", e2e.dir), format("%s/%s", e2e.dir, path)) != 0)
        e2e_die(path);
}

static void projects_append(const char *path, const char *text)
{
    FILE *file = fopen(format("%s/%s", e2e.dir, path), "ab");
    REQUIRE(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void projects_add(const char *name)
{
    mkdir(format("%s/%s", e2e.dir, name), 0700);
    CHECK_INT(call("POST", "/projects", format("{\"path\": \"%s/%s\"}", e2e.dir, name)).status,
              200);
}

/* The next todos_updated of that project in which a member of its todos has that value. */
static void projects_await(const char *file, int line, struct wire *w, const char *name,
                           const char *member, const char *value)
{
    long long until = now_ms() + E2E_WAIT_MS;
    char *path = format("%s/%s", e2e.dir, name), *event;
    do {
        event = event_poll(w, (int)(until - now_ms()));
        if (!event)
            check_fatal(file, line, format("%s of %s never became %s", member, name, value));
    } while (!event_is(event, "todos_updated") || !json_is(event, "data.project_path", path) ||
             !json_is(event, member, value));
}
#define AWAIT_TODO(w, name, member, value) \
    projects_await(__FILE__, __LINE__, w, name, member, value)

static void test_projects_list(void)
{
    static const struct {
        const char *method, *target, *body;
        int status;
        const char *part;
    } cases[] = {
        {"DELETE", "/projects", NULL, 422, "Field required"},
        {"DELETE", "/projects?path=%zz", NULL, 422, "percent-encoded"},
        {"DELETE", "/projects?path=/nowhere", NULL, 404, "/nowhere: no such project"},
        {"DELETE", "/projects?path=/tmp/%1b%5b2J", NULL, 404, "^["},
        {"DELETE", "/projects?path=/", NULL, 409, "configuration file"},
        {"POST", "/projects", "{\"path\": \"tmp\"}", 400, "absolute path"},
        {"POST", "/projects", "{\"path\": \"/dev/null\"}", 400, "absolute path"},
    };
    file_write(format("%s/telec/config", e2e.config), "[project root]\npath = /\n", 0600);
    daemon_start();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct reply r = call(cases[i].method, cases[i].target, cases[i].body);
        CHECK_INT(r.status, cases[i].status);
        CHECK_HAS(r.body, cases[i].part);
    }
    projects_put("p/todos/roadmap.md", "- [.] one\n      says\n- [x] two\n- [>] ../three\n");
    projects_put("p/todos/one/requirements.md", "");
    projects_add("p/");
    char *list = get("/projects-with-todos").body;
    CHECK_TEXT(json_get(list, "0.name"), "root");
    CHECK_TEXT(json_get(list, "1.path"), format("%s/p", e2e.dir));
    CHECK_TEXT(json_raw(list, "1.todos"),
               "[{\"slug\":\"one\",\"status\":\"ready\",\"description\":\"says\","
               "\"has_requirements\":true,\"has_impl_plan\":false,\"build_status\":null,"
               "\"review_status\":null},{\"slug\":\"../three\",\"status\":\"in_progress\","
               "\"description\":\"\",\"has_requirements\":false,\"has_impl_plan\":false,"
               "\"build_status\":null,\"review_status\":null}]");
    CHECK(!json_at(get("/projects").body, "1.todos"));
    CHECK_INT(json_count(get("/projects-with-todos?computer=elsewhere").body, ""), 0);
    CHECK_INT(json_count(get("/projects-with-todos?computer=local").body, ""), 2);
    daemon_kill(); /* it was on disk before it was answered */
    daemon_start();
    CHECK_TEXT(json_get(get("/projects").body, "1.path"), format("%s/p", e2e.dir));
    CHECK_INT(call("DELETE", format("/projects?path=%s/p/", e2e.dir), NULL).status, 200);
    CHECK_INT(json_count(get("/projects").body, ""), 1);
}

/* Everything that is done to a project's files arrives. */
static void test_projects_push(void)
{
    daemon_start();
    projects_add("p");
    struct wire w = subscribe("preparation");
    projects_put("p/todos/roadmap.md", "- [ ] a\n");
    AWAIT_TODO(&w, "p", "data.todos.0.status", "pending");
    projects_replace("p/todos/roadmap.md", "- [.] a\n");
    AWAIT_TODO(&w, "p", "data.todos.0.status", "ready");
    projects_append("p/todos/roadmap.md", "      words\n- [>] b\n");
    AWAIT_TODO(&w, "p", "data.todos.1.slug", "b");
    projects_put("p/todos/b/implementation-plan.md", "");
    AWAIT_TODO(&w, "p", "data.todos.1.has_impl_plan", "true");
    projects_put("p/trees/b/todos/b/state.json", "{\"build\": \"complete\"}");
    AWAIT_TODO(&w, "p", "data.todos.1.build_status", "complete");
    unlink(format("%s/p/todos/b/implementation-plan.md", e2e.dir));
    AWAIT_TODO(&w, "p", "data.todos.1.has_impl_plan", "false");
    unlink(format("%s/p/todos/roadmap.md", e2e.dir));
    AWAIT_TODO(&w, "p", "data.todos", "[]");
    projects_replace("p/todos/roadmap.md", "- [ ] back\n");
    AWAIT_TODO(&w, "p", "data.todos.0.slug", "back");
    /* The whole project goes and comes back. */
    CHECK_INT(rename(format("%s/p", e2e.dir), format("%s/q", e2e.dir)), 0);
    AWAIT_TODO(&w, "p", "data.todos", "[]");
    CHECK_INT(rename(format("%s/q", e2e.dir), format("%s/p", e2e.dir)), 0);
    AWAIT_TODO(&w, "p", "data.todos.0.slug", "back");
    /* A new project comes with its todos; one that is forgotten is not told of any more. */
    projects_put("n/todos/roadmap.md", "- [ ] new\n");
    projects_add("n");
    char *event = event_await(&w, "projects_updated", NULL);
    CHECK_TEXT(json_get(event, "data.projects.1.todos.0.slug"), "new");
    CHECK_INT(call("DELETE", format("/projects?path=%s/n", e2e.dir), NULL).status, 200);
    event = event_await(&w, "projects_updated", NULL);
    CHECK_INT(json_count(event, "data.projects"), 1);
    projects_replace("n/todos/roadmap.md", "- [ ] unheard\n");
    projects_replace("p/todos/roadmap.md", "- [ ] heard\n");
    event = event_await(&w, "todos_updated", NULL);
    CHECK_TEXT(json_get(event, "data.todos.0.slug"), "heard");
}

/* A thousand changes are a few events, and the last state comes. */
static void test_projects_burst(void)
{
    long long before;
    daemon_start();
    projects_add("p");
    struct wire w = subscribe("preparation");
    before = status_of("events_sent");
    projects_put("p/todos/roadmap.md", "");
    for (int i = 0; i < 1000; i++)
        projects_replace("p/todos/roadmap.md", format("- [ ] a\n      %d\n", i));
    AWAIT_TODO(&w, "p", "data.todos.0.description", "999");
    CHECK(status_of("events_sent") - before < 200);
    /* What changes nothing that is shown isn't told: the next event is another one. */
    projects_replace("p/todos/roadmap.md", "# the same\n- [ ] a\n      999\n");
    projects_put("p/todos/a/notes.md", "words");
    projects_put("p/Makefile", "all:\n");
    ws_settle(&w, "same");
    projects_add("other");
    CHECK(event_is(event_poll(&w, E2E_WAIT_MS), "projects_updated"));
}

/* A client's own directory is told of to all, and is no project. */
static void test_projects_here(void)
{
    daemon_start();
    projects_put("here/todos/roadmap.md", "- [ ] h\n");
    struct wire w = ws_open("/ws");
    ws_say(&w, format("{\"subscribe\": \"preparation\", \"here\": \"%s/here\"}", e2e.dir));
    CHECK_INT(json_count(event_await(&w, "preparation_initial", NULL), "data.projects"), 0);
    AWAIT_TODO(&w, "here", "data.todos.0.slug", "h");
    projects_replace("here/todos/roadmap.md", "- [.] h\n");
    AWAIT_TODO(&w, "here", "data.todos.0.status", "ready");
    ws_say(&w, "{\"refresh\": true}");
    event_await(&w, "preparation_initial", NULL);
    AWAIT_TODO(&w, "here", "data.todos.0.status", "ready");
    CHECK_TEXT(get("/projects").body, "[]");
    ws_say(&w, "{\"subscribe\": \"preparation\", \"here\": \"nowhere\"}");
    ws_say(&w, "{\"subscribe\": \"preparation\", \"here\": 5}");
    ws_say(&w, "{\"unsubscribe\": \"preparation\"}");
    ws_say(&w, format("{\"subscribe\": \"preparation\", \"here\": \"%s/away\"}", e2e.dir));
    AWAIT_TODO(&w, "away", "data.todos", "[]");
    projects_put("away/todos/roadmap.md", "- [ ] there\n");
    AWAIT_TODO(&w, "away", "data.todos.0.slug", "there");
}

/* inotify watches of the daemon; -1: it has no such descriptor. */
static int projects_watches(void)
{
    char *path = format("/proc/%ld/fd", (long)e2e.daemon);
    DIR *dir = opendir(path);
    struct dirent *entry;
    int watches = -1;
    while (dir && (entry = readdir(dir))) {
        char target[64] = "";
        if (readlink(format("%s/%s", path, entry->d_name), target, sizeof target - 1) > 0 &&
            strcmp(target, "anon_inode:inotify") == 0)
            watches = count_of(file_read(format("/proc/%ld/fdinfo/%s", (long)e2e.daemon,
                                                entry->d_name), NULL), "inotify wd:");
    }
    if (dir)
        closedir(dir);
    return watches;
}

static void test_projects_watched(void)
{
    if (!TELEC_IS_LINUX)
        skip("no inotify");
    daemon_start();
    projects_put("p/todos/roadmap.md", "- [ ] a\n");
    projects_put("p/todos/a/requirements.md", "");
    projects_add("p");
    CHECK_INT(projects_watches(), -1);
    get("/projects-with-todos");
    struct wire sessions = subscribe("sessions");
    CHECK_INT(projects_watches(), -1);
    struct wire one = subscribe("preparation"), two = subscribe("preparation");
    int above = 0;
    for (const char *c = e2e.dir; *c; c++)
        above += *c == '/';
    CHECK_INT(projects_watches(), above + 3); /* p, p/todos, p/todos/a */
    projects_put("p/trees/a/todos/a/state.json", "{\"build\": \"x\"}");
    AWAIT_TODO(&one, "p", "data.todos.0.build_status", "x");
    AWAIT(projects_watches() == above + 7);
    ws_say(&one, "{\"unsubscribe\": \"preparation\"}");
    ws_settle(&one, "one");
    CHECK_INT(projects_watches(), above + 7);
    wire_close(&two); /* it goes without a word */
    AWAIT(projects_watches() == 0);
    ws_settle(&sessions, "sessions");
}

static void test_projects_hostile(void)
{
    static const char *const slugs[] = {"../../secret", "/etc", "..", ".", ".git", "link", "a/b"};
    struct text roadmap = {0};
    daemon_start();
    projects_put("secret/requirements.md", "");
    projects_put("secret/state.json", "{\"build\": \"told\"}");
    for (size_t i = 0; i < sizeof slugs / sizeof *slugs; i++)
        text_str(&roadmap, format("- [ ] %s\n", slugs[i]));
    projects_put("p/todos/roadmap.md", roadmap.p);
    projects_put("p/todos/.git/requirements.md", "");
    projects_put("p/todos/a/b/requirements.md", "");
    CHECK_INT(symlink("../../secret", format("%s/p/todos/link", e2e.dir)), 0);
    projects_add("p");
    struct wire w = subscribe("preparation");
    char *list = get("/projects-with-todos").body;
    CHECK_INT(json_count(list, "0.todos"), sizeof slugs / sizeof *slugs);
    CHECK(!strstr(list, "true") && !strstr(list, "told"));
    /* A pipe in a roadmap's place, which nobody writes to, holds up nobody. */
    unlink(format("%s/p/todos/roadmap.md", e2e.dir));
    CHECK_INT(mkfifo(format("%s/p/todos/roadmap.md", e2e.dir), 0600), 0);
    AWAIT_TODO(&w, "p", "data.todos", "[]");
    CHECK_INT(get("/projects-with-todos").status, 200);
}

static void test_projects_cli(void)
{
    daemon_start();
    CLI_OK(cli("project", NULL));
    projects_put("p/todos/roadmap.md", "- [.] one\n      says \033[31mred\n- [ ] two\n");
    projects_put("p/todos/one/requirements.md", "");
    CLI_OK(cli("project", "add", "p", NULL));
    struct cli c = CLI_OK(cli("project", NULL));
    CHECK_TEXT(c.said[0].p, format("%s/p\tp\n  [.]\tone\trequirements\tsays ^[[31mred\n"
                                   "  [ ]\ttwo\t-\t\n", e2e.dir));
    c = CLI_OK(cli("project", "--json", NULL));
    CHECK_TEXT(json_get(c.said[0].p, "0.todos.1.slug"), "two");
    CLI_FAILS(cli("project", "add", "nowhere", NULL), 1, "No such file");
    CLI_FAILS(cli("project", "remove", "/nowhere", NULL), 1, "no such project");
    CLI_FAILS(cli("project", "add", "/dev/null", NULL), 1, "absolute path of a directory");
    CLI_FAILS(cli("project", "frob", "p", NULL), 2, "add or remove");
    CLI_FAILS(cli("project", "add", NULL), 2, "expected a directory");
    CLI_FAILS(cli("project", "add", "p", "q", NULL), 2, "too many");
    /* One that is gone can be forgotten. */
    CHECK_INT(rename(format("%s/p", e2e.dir), format("%s/q", e2e.dir)), 0);
    CLI_OK(cli("project", "remove", format("%s/p", e2e.dir), NULL));
    CHECK_TEXT(CLI_OK(cli("project", NULL)).said[0].p, "");
}

static const struct test projects_tests[] = {
    {"projects_list", test_projects_list},       {"projects_push", test_projects_push},
    {"projects_burst", test_projects_burst},     {"projects_here", test_projects_here},
    {"projects_watched", test_projects_watched}, {"projects_hostile", test_projects_hostile},
    {"projects_cli", test_projects_cli},
};
