/* Unit tests of projects: the list, what is told of changes and what isn't, and looking where the
 * system does not watch. Uses the files of unit/roadmap.c. */

#define UNIT_PROJECTS_WAIT_MS 10000

struct unit_projects {
    struct loop loop;
    struct config config;
    struct cache cache;
    struct cache_subscriber subscriber;
    struct projects projects;
    struct loop_timer limit;
    buf told;               /* the events, a line each */
    int events, late;
};

static blob *unit_projects_encode(const span *parts, size_t count)
{
    return blob_join((span){0}, parts, count);
}

static void unit_projects_send(void *ctx, blob *frame)
{
    struct unit_projects *u = ctx;
    buf_span(&u->told, (span){frame->p, frame->n});
    buf_byte(&u->told, '\n');
    buf_cstr(&u->told);
    u->events++;
}

static void unit_projects_on_interest(void *ctx, unsigned topics)
{
    projects_watch(&((struct unit_projects *)ctx)->projects, (topics & CACHE_PREPARATION) != 0);
}

static void unit_projects_on_late(void *ctx)
{
    ((struct unit_projects *)ctx)->late = 1;
}

static void unit_projects_begin(struct unit_projects *u, int must_poll)
{
    static struct config_project configured;
    static char path[100];
    snprintf(path, sizeof path, "%s/configured", unit_roadmap_root);
    configured = (struct config_project){
        .path = path, .name = "conf", .description = "from the file"};
    *u = (struct unit_projects){.limit = {.fn = unit_projects_on_late, .ctx = u}};
    u->config.computer = "vm";
    u->config.state = unit_roadmap_root;
    u->config.projects = &configured;
    u->config.project_count = 1;
    loop_init(&u->loop);
    cache_init(&u->cache, unit_projects_encode);
    projects_init(&u->projects, &u->loop, &u->config, &u->cache);
    u->projects.must_poll = must_poll;
    u->cache.on_interest = unit_projects_on_interest;
    u->cache.interest_ctx = u;
    u->subscriber = (struct cache_subscriber){.send = unit_projects_send, .ctx = u};
}

static void unit_projects_end(struct unit_projects *u)
{
    cache_free(&u->cache);
    projects_free(&u->projects);
    loop_free(&u->loop);
    buf_free(&u->told);
}

/* Runs the loop until something was told; what it is is in u->told. 0: nothing came. */
static int unit_projects_await(struct unit_projects *u)
{
    buf_clear(&u->told);
    buf_cstr(&u->told);
    u->events = u->late = 0;
    loop_timer_set(&u->loop, &u->limit, clock_mono_ms() + UNIT_PROJECTS_WAIT_MS);
    while (!u->events && !u->late)
        loop_once(&u->loop);
    loop_timer_cancel(&u->loop, &u->limit);
    return u->events;
}

/* Nothing is told of what has happened up to now. */
static void unit_projects_quiet(struct unit_projects *u)
{
    u->events = u->late = 0;
    loop_timer_set(&u->loop, &u->limit, clock_mono_ms() + PROJECTS_SETTLE_MS * 3);
    while (!u->late)
        loop_once(&u->loop);
    CHECK_INT(u->events, 0);
}

static char *unit_projects_path(const char *name)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", unit_roadmap_root, name);
    return path;
}

static void unit_projects_rename(const char *from, const char *to)
{
    char first[400];
    snprintf(first, sizeof first, "%s", unit_projects_path(from));
    CHECK_INT(rename(first, unit_projects_path(to)), 0);
}

static void unit_projects_list(void)
{
    struct unit_projects u;
    buf b = {0};
    char path[400];
    test_begin("projects come from the configuration, from memory and from visits");
    unit_projects_begin(&u, 0);
    CHECK(projects_remove(&u.projects, "/nowhere") == -1 && errno == ENOENT);
    CHECK(projects_remove(&u.projects, unit_projects_path("configured")) == -1 && errno == EPERM);
    CHECK_INT(projects_add(&u.projects, "/tmp/\xc3\xa9/last", NULL, NULL), 0);
    CHECK_INT(projects_add(&u.projects, "/tmp", "named", "words"), 0);
    CHECK_INT(projects_add(&u.projects, "/tmp/\xc3\xa9/last", "again", NULL), 0);
    CHECK_INT(projects_add(&u.projects, unit_projects_path("configured"), "other", NULL), 0);
    size_t count = u.projects.count;
    u.projects.count = PROJECTS_MAX; /* as if there were so many */
    CHECK(projects_add(&u.projects, "/tmp/one more", NULL, NULL) == -1 && errno == ENOSPC);
    projects_visit(&u.projects, "/tmp/one more");
    CHECK(u.projects.count == PROJECTS_MAX && !projects_find(&u.projects, "/tmp/one more"));
    u.projects.count = count;
    unit_projects_end(&u);
    unit_projects_begin(&u, 0); /* from the disk */
    json_open(&b, '[');
    projects_put(&u.projects, &b, 0);
    json_close(&b, ']');
    snprintf(path, sizeof path,
             "[{\"computer\":\"vm\",\"name\":\"conf\",\"path\":\"%s/configured\","
             "\"description\":\"from the file\",\"desc\":\"from the file\"},",
             unit_roadmap_root);
    CHECK(span_starts(buf_view(&b), path));
    CHECK_SPAN(span_sub(buf_view(&b), strlen(path)),
               "{\"computer\":\"vm\",\"name\":\"named\",\"path\":\"/tmp\","
               "\"description\":\"words\",\"desc\":\"words\"},{"
               "\"computer\":\"vm\",\"name\":\"again\","
               "\"path\":\"/tmp/\xc3\xa9/last\","
               "\"description\":\"\",\"desc\":\"\"}]");
    CHECK_INT(projects_remove(&u.projects, "/tmp"), 0);
    CHECK(projects_remove(&u.projects, "/tmp") == -1 && errno == ENOENT);
    CHECK_INT(projects_remove(&u.projects, "/tmp/\xc3\xa9/last"), 0);
    unit_projects_end(&u);
    unit_projects_begin(&u, 0);
    CHECK_INT(u.projects.count, 1);
    /* What can't be kept is not taken. */
    u.config.state = unit_projects_path("no-such-state");
    CHECK(projects_add(&u.projects, "/tmp", NULL, NULL) == -1 && errno == ENOENT);
    CHECK_INT(u.projects.count, 1);
    projects_visit(&u.projects, "/tmp");
    CHECK(projects_add(&u.projects, "/tmp", "x", NULL) == -1 && errno == ENOENT);
    CHECK_INT(u.projects.count, 2);
    projects_leave(&u.projects, "/tmp");
    projects_leave(&u.projects, "/tmp");
    CHECK_INT(u.projects.count, 1);
    unit_projects_end(&u);
    buf_free(&b);
}

/* Every kind of change below a project that isn't there at first. */
static void unit_projects_changes(struct unit_projects *u)
{
    CHECK_INT(u->projects.notify.slot != 0, 1);
    unit_roadmap_make("configured/todos/roadmap.md", "- [ ] a\n");
    CHECK(unit_projects_await(u) && strstr(u->told.p, "\"slug\":\"a\",\"status\":\"pending\""));
    CHECK(span_starts(buf_view(&u->told), "{\"event\":\"todos_updated\",\"data\":{\"computer\":"
                                          "\"vm\",\"project_path\":\"/"));
    unit_roadmap_make("configured/todos/.roadmap.swp", "- [.] a\n");
    unit_roadmap_make("configured/Makefile", "all:\n");
    unit_roadmap_make("configured/todos/a.c", "");
    projects_on_notify(&u->projects, POLLIN);
    CHECK_INT(u->projects.settle.slot, 0); /* an editor's own files, and others, are none of ours */
    unit_projects_rename("configured/todos/.roadmap.swp", "configured/todos/roadmap.md");
    CHECK(unit_projects_await(u) && strstr(u->told.p, "\"status\":\"ready\""));
    unit_roadmap_make("configured/todos/a/requirements.md", "x");
    CHECK(unit_projects_await(u) && strstr(u->told.p, "\"has_requirements\":true"));
    unit_roadmap_make("configured/todos/a/requirements.md", "y");
    unit_projects_quiet(u); /* nothing that is told has changed */
    static const char *const steps[] = {"configured/trees", "configured/trees/a",
                                        "configured/trees/a/todos", "configured/trees/a/todos/a"};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        unit_roadmap_make(steps[i], NULL);
        unit_projects_quiet(u);
    }
    unit_roadmap_make("configured/trees/a/todos/a/state.json", "{\"build\": \"b1\"}");
    CHECK(unit_projects_await(u) && strstr(u->told.p, "\"build_status\":\"b1\""));
    unit_roadmap_make("configured/trees/a/todos/a/state.json", "{\"build\": \"b2\"}");
    CHECK(unit_projects_await(u) && strstr(u->told.p, "\"build_status\":\"b2\""));
    unit_projects_rename("configured/todos", "configured/away");
    CHECK(unit_projects_await(u) && strstr(u->told.p, "\"todos\":[]"));
    unit_projects_rename("configured/away", "configured/todos");
    CHECK(unit_projects_await(u) && strstr(u->told.p, "\"has_requirements\":true"));
    unit_roadmap_remove(unit_projects_path("configured"));
    CHECK(unit_projects_await(u) != 0);
    while (!strstr(u->told.p, "\"todos\":[]") && unit_projects_await(u)) /* file after file */
        ;
    unit_roadmap_make("configured/todos/roadmap.md", "- [>] again\n");
    CHECK(unit_projects_await(u) && strstr(u->told.p, "\"slug\":\"again\""));
}

static int unit_projects_watches(const struct unit_projects *u)
{
    int n = 0;
    for (const struct project *p = u->projects.first; p; p = p->next)
        for (const struct projects_watch *w = p->watches; w; w = w->next)
            n++;
    CHECK_INT(u->projects.watch_count, n);
    return n;
}

static void unit_projects_watching(void)
{
    struct unit_projects u;
    int before;
    test_begin("a change of a roadmap is pushed while a client watches");
    unit_projects_begin(&u, 0);
    CHECK_INT(u.projects.notify.fd, -1);
    cache_subscribe(&u.cache, &u.subscriber, CACHE_SESSIONS);
    CHECK_INT(u.projects.notify.fd, -1);
    cache_subscribe(&u.cache, &u.subscriber, CACHE_PREPARATION);
    if (u.projects.notify.fd < 0) { /* this system can't: unit_projects_polling is all there is */
        unit_projects_end(&u);
        return;
    }
    unit_projects_changes(&u);
    before = unit_projects_watches(&u);
    /* Nothing piles up. */
    for (int i = 0; i < 5; i++) {
        unit_roadmap_make("configured/todos/roadmap.md", i % 2 ? "- [>] again\n" : "- [ ] again\n");
        CHECK(unit_projects_await(&u));
        CHECK_INT(unit_projects_watches(&u), before);
    }
    /* Two projects that share directories; one goes. */
    CHECK_INT(projects_add(&u.projects, unit_projects_path("configured/todos"), NULL, NULL), 0);
    CHECK_INT(projects_remove(&u.projects, unit_projects_path("configured/todos")), 0);
    CHECK_INT(unit_projects_watches(&u), before);
    unit_roadmap_make("configured/todos/roadmap.md", "- [.] still\n");
    CHECK(unit_projects_await(&u) && strstr(u.told.p, "still"));
    /* A visitor's directory is told of, and is no project. */
    unit_roadmap_make("guest/todos/roadmap.md", "- [.] visited\n");
    projects_visit(&u.projects, unit_projects_path("guest"));
    unit_roadmap_make("guest/todos/roadmap.md", "- [>] visited\n");
    CHECK(unit_projects_await(&u) && strstr(u.told.p, "visited"));
    buf b = {0};
    projects_put(&u.projects, &b, 1);
    CHECK(strstr(buf_cstr(&b), "still") && !strstr(b.p, "visited"));
    buf_clear(&b);
    CHECK_INT(projects_put_todos(&u.projects, unit_projects_path("guest"), &b), 0);
    CHECK_INT(projects_put_todos(&u.projects, unit_projects_path("configured"), &b), 1);
    CHECK(span_starts(buf_view(&b), "[{\"slug\":\"still\""));
    buf_clear(&b);
    projects_put_event(&u.projects, unit_projects_path("guest"), &b);
    CHECK(strstr(buf_cstr(&b), "\"slug\":\"visited\",\"status\":\"in_progress\"") != NULL);
    buf_free(&b);
    projects_leave(&u.projects, unit_projects_path("guest"));
    CHECK_INT(unit_projects_watches(&u), before);
    /* Nobody looks any more. */
    int fd = u.projects.notify.fd;
    cache_subscribe(&u.cache, &u.subscriber, 0);
    CHECK_INT(u.projects.notify.fd, fd); /* closing it would stop the daemon for 15 ms */
    CHECK_INT(unit_projects_watches(&u), 0);
    projects_on_notify(&u.projects, POLLIN); /* the system tells that each watch has ended */
    CHECK_INT(u.projects.settle.slot + u.projects.poll.slot, 0);
    unit_projects_end(&u);
    unit_roadmap_remove(unit_projects_path("configured"));
    unit_roadmap_remove(unit_projects_path("guest"));
}

/* What was written just before is in the answer, whatever the loop has not seen yet. */
static void unit_projects_fresh(void)
{
    struct unit_projects u;
    buf b = {0};
    test_begin("what is written while nobody watches is read at the next look");
    for (int must_poll = 0; must_poll < 2; must_poll++)
        for (int subscribed = 0; subscribed < 2; subscribed++) {
            unit_roadmap_make("configured/todos/roadmap.md", "- [ ] old\n");
            unit_projects_begin(&u, must_poll);
            cache_subscribe(&u.cache, &u.subscriber, subscribed ? CACHE_PREPARATION : 0);
            unit_roadmap_make("configured/todos/roadmap.md", "- [ ] new\n");
            buf_clear(&b);
            projects_put(&u.projects, &b, 1);
            CHECK(strstr(buf_cstr(&b), "\"slug\":\"new\"") != NULL);
            unit_projects_end(&u);
        }
    buf_free(&b);
    unit_roadmap_remove(unit_projects_path("configured"));
}

/* Without the system's help: the timer's work, done by hand. */
static void unit_projects_polling(void)
{
    struct unit_projects u;
    test_begin("without file events the files are read at intervals");
    unit_projects_begin(&u, 1);
    CHECK_INT(u.projects.poll.slot, 0);
    cache_subscribe(&u.cache, &u.subscriber, CACHE_PREPARATION);
    CHECK(u.projects.notify.fd == -1 && u.projects.poll.slot != 0);
    CHECK(u.projects.poll.due <= clock_mono_ms() + PROJECTS_POLL_MS);
    unit_roadmap_make("configured/todos/roadmap.md", "- [ ] seen\n");
    loop_timer_cancel(&u.loop, &u.projects.poll);
    projects_on_poll(&u.projects);
    CHECK(u.events == 1 && strstr(u.told.p, "\"slug\":\"seen\""));
    CHECK(u.projects.poll.slot != 0); /* and on it goes */
    projects_on_poll(&u.projects);
    CHECK_INT(u.events, 1);
    cache_subscribe(&u.cache, &u.subscriber, 0);
    CHECK_INT(u.projects.poll.slot, 0);
    unit_projects_end(&u);
    unit_roadmap_remove(unit_projects_path("configured"));
}

/* When reading takes long, the rest is left to the next passes, and all of it comes. */
static void unit_projects_busy(void)
{
    struct unit_projects u;
    char name[40];
    test_begin("a file that changes all the time is not read each time");
    unit_projects_begin(&u, 0);
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "many-%d", i);
        projects_visit(&u.projects, unit_projects_path(name));
    }
    cache_subscribe(&u.cache, &u.subscriber, CACHE_PREPARATION);
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "many-%d/todos/roadmap.md", i);
        unit_roadmap_make(name, "- [ ] x\n");
    }
    projects_doubt(&u.projects);
    projects_settle(&u.projects, clock_mono_ms() - 1);
    CHECK(u.events == 0 && u.projects.settle.slot != 0);
    for (int told = 0; told < 5; told += u.events)
        if (!unit_projects_await(&u)) {
            CHECK(0);
            break;
        }
    unit_projects_end(&u);
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "many-%d", i);
        unit_roadmap_remove(unit_projects_path(name));
    }
}

/* The path of a project names another place: a directory above it, a link in it, or one above the
 * link's target is replaced. */
static void unit_projects_replaced(void)
{
    struct unit_projects u;
    char link[400];
    test_begin("a project whose parent or link is replaced is watched at its new place");
    unit_roadmap_make("up/one/p/todos/roadmap.md", "- [ ] first\n");
    unit_roadmap_make("up/two/p/todos/roadmap.md", "- [ ] second\n");
    unit_roadmap_link("up/one", "link");
    unit_projects_begin(&u, 0);
    cache_subscribe(&u.cache, &u.subscriber, CACHE_PREPARATION);
    projects_add(&u.projects, unit_projects_path("link/p"), NULL, NULL);
    if (u.projects.notify.fd >= 0) {
        snprintf(link, sizeof link, "%s", unit_projects_path("link"));
        unlink(link);
        unit_roadmap_link("up/two", "link");
        CHECK(unit_projects_await(&u) && strstr(u.told.p, "second"));
        unit_roadmap_make("link/p/todos/roadmap.md", "- [ ] third\n");
        CHECK(unit_projects_await(&u) && strstr(u.told.p, "third"));
        unit_projects_rename("up", "away");
        CHECK(unit_projects_await(&u) && strstr(u.told.p, "\"todos\":[]"));
        unit_roadmap_make("up/two/p/todos/roadmap.md", "- [ ] fourth\n");
        while (unit_projects_await(&u) && !strstr(u.told.p, "fourth"))
            ;
        CHECK(strstr(u.told.p, "fourth"));
    }
    unit_projects_end(&u);
    unit_roadmap_remove(unit_projects_path("link"));
    unit_roadmap_remove(unit_projects_path("up"));
    unit_roadmap_remove(unit_projects_path("away"));
    unlink(unit_projects_path("projects.json"));
}

static void unit_projects(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(unit_roadmap_root, sizeof unit_roadmap_root, "%s/telec-projects.XXXXXX",
             base && strlen(base) < 40 ? base : "/tmp");
    if (!mkdtemp(unit_roadmap_root))
        base_die("mkdtemp: %s", strerror(errno));
    unit_projects_list();
    unit_projects_watching();
    unit_projects_fresh();
    unit_projects_polling();
    unit_projects_busy();
    unit_projects_replaced();
    unit_roadmap_remove(unit_roadmap_root);
}
