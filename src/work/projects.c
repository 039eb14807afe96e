#include "work.h"

/* projects - this computer's projects and their todos. While a client is subscribed, these are
 * watched:
 *
 *      each part of its path, links as such         for being replaced
 *      the nearest existing directory above it      for the next part of the path
 *      PROJECT                                      for todos and trees
 *      PROJECT/todos, PROJECT/todos/SLUG            for the files in them
 *      PROJECT/trees, …/SLUG, …/todos, …/SLUG       for state.json
 *
 * A changed project is due; PROJECTS_SETTLE_MS later its directories are watched anew, then read,
 * so that no change is missed, and its todos are published when their JSON differs. Where the
 * system can't watch (that many), files are read every PROJECTS_POLL_MS. Without subscribers each
 * request reads them. */

#define PROJECTS_BUCKETS 1024 /* a power of two */
#define PROJECTS_BUSY_MS 2    /* of reading in a pass of the loop, when no request waits */
#define PROJECTS_TRIES 3      /* to watch a path that is being created */

/* A directory of a project. */
struct projects_watch {
    struct projects_watch *next;       /* the project's */
    struct projects_watch *next_same;  /* in the bucket */
    struct project *project;
    int number;
    /* The entries that matter: "a|b"; "/" among them: every directory. Or one entry, `only`. */
    const char *names;
    char *only;
};

/* ---- the system's notices ------------------------------------------------------------------- */

#if defined(TELEC_LINUX)

static int projects_notify_open(void)
{
    return inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

/* Returns the file's number, or -1 with errno. */
static int projects_notify_add(int fd, const char *path, enum projects_notice what)
{
    static const uint32_t masks[] = {
        [PROJECTS_ITSELF] = IN_DONT_FOLLOW,
        [PROJECTS_ENTRIES] = IN_ONLYDIR | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO,
        [PROJECTS_CONTENTS] = IN_ONLYDIR | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                              IN_MODIFY | IN_CLOSE_WRITE};
    return inotify_add_watch(fd, path,
                             IN_MASK_ADD | IN_DELETE_SELF | IN_MOVE_SELF | masks[what]);
}

static void projects_notify_remove(int fd, int number)
{
    inotify_rm_watch(fd, number);
}

/* number -1: notices were lost. name: the entry's; empty: the directory itself. */
static void projects_notify_read(int fd, void (*each)(void *ctx, int number, span name, int is_dir),
                                 void *ctx)
{
    char bytes[16 * 1024];
    ssize_t n;
    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        for (const char *p = bytes; p < bytes + n;) {
            struct inotify_event e;
            memcpy(&e, p, sizeof e);
            p += sizeof e;
            each(ctx, e.mask & IN_Q_OVERFLOW ? -1 : e.wd, span_of(e.len ? p : ""),
                 (e.mask & IN_ISDIR) != 0);
            p += e.len;
        }
}

#else

static int projects_notify_open(void)
{
    return -1;
}

static int projects_notify_add(int fd, const char *path, enum projects_notice what)
{
    (void)fd, (void)path, (void)what;
    errno = ENOSYS;
    return -1;
}

static void projects_notify_remove(int fd, int number)
{
    (void)fd, (void)number;
}

static void projects_notify_read(int fd, void (*each)(void *ctx, int number, span name, int is_dir),
                                 void *ctx)
{
    (void)fd, (void)each, (void)ctx;
}
#endif

/* ---- watches -------------------------------------------------------------------------------- */

static struct projects_watch **projects_bucket(const struct projects *all, int number)
{
    return &all->buckets[(unsigned)number & (PROJECTS_BUCKETS - 1)];
}

static int projects_is_watched(const struct projects *all, int number)
{
    const struct projects_watch *w = *projects_bucket(all, number);
    while (w && w->number != number)
        w = w->next_same;
    return w != NULL;
}

/* Directories that no project needs are no longer watched. */
static void projects_drop_watches(struct projects *all, struct projects_watch *w)
{
    for (struct projects_watch *next; w; w = next) {
        struct projects_watch **at = projects_bucket(all, w->number);
        next = w->next;
        while (*at != w)
            at = &(*at)->next_same;
        *at = w->next_same;
        all->watch_count--;
        if (!projects_is_watched(all, w->number))
            projects_notify_remove(all->notify.fd, w->number);
        free(w->only);
        free(w);
    }
}

/* Watches a directory; where that fails, the project is polled. Returns 0 when there is no dir. */
static int projects_watch_dir(struct projects *all, struct project *p, const char *dir,
                              const char *names, span only, enum projects_notice what)
{
    struct stat st;
    int full = all->watch_count >= PROJECTS_WATCHES_MAX;
    int number = full ? -1 : projects_notify_add(all->notify.fd, dir, what);
    if (number < 0) {
        int gone = !full && (errno == ENOENT || errno == ENOTDIR);
        if (gone || stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
            return 0;
        p->polled = 1;
        return 1;
    }
    struct projects_watch *w = base_alloc(sizeof *w), **bucket = projects_bucket(all, number);
    *w = (struct projects_watch){p->watches, *bucket, p, number, names,
                                 only.n ? span_dup(only) : NULL};
    p->watches = *bucket = w;
    all->watch_count++;
    return 1;
}

/* Returns the length of a path's parent; *last: where the last component begins. */
static size_t projects_above(const char *path, size_t n, size_t *last)
{
    while (n > 1 && path[n - 1] != '/')
        n--;
    *last = n;
    while (n > 1 && path[n - 1] == '/')
        n--;
    return n;
}

/* Watches the nearest existing directory above. Returns 1: what it waits for has come meanwhile. */
static int projects_watch_above(struct projects *all, struct project *p)
{
    size_t end = strlen(p->path), last, above;
    struct stat st;
    buf dir = {0};
    int came = 0, watched = 0;
    while (end > 1 && !watched) {
        above = projects_above(p->path, end, &last);
        buf_clear(&dir);
        buf_span(&dir, (span){p->path, above});
        watched = projects_watch_dir(all, p, buf_cstr(&dir), NULL,
                                     (span){p->path + last, end - last}, PROJECTS_ENTRIES);
        if (watched) {
            buf_clear(&dir);
            buf_span(&dir, (span){p->path, end});
            came = stat(buf_cstr(&dir), &st) == 0;
            p->polled |= !came && lstat(dir.p, &st) == 0; /* a link to nothing */
        }
        end = above;
    }
    buf_free(&dir);
    return came;
}

static void projects_watch_parts(struct projects *all, struct project *p, const char *path)
{
    buf part = {0};
    for (const char *end = strchr(path + 1, '/'); *path; end = strchr(end + 1, '/')) {
        buf_clear(&part);
        buf_span(&part, end ? (span){path, (size_t)(end - path)} : span_of(path));
        projects_watch_dir(all, p, buf_cstr(&part), "", (span){0}, PROJECTS_ITSELF);
        if (!end)
            break;
    }
    buf_free(&part);
}

/* Returns 1: the project's directory exists; else one above is watched. */
static int projects_watch_path(struct projects *all, struct project *p)
{
    projects_watch_parts(all, p, p->path);
    char *real = realpath(p->path, NULL);
    if (real && strcmp(real, p->path) != 0)
        projects_watch_parts(all, p, real);
    free(real);
    for (int tries = 0; tries < PROJECTS_TRIES; tries++) {
        if (projects_watch_dir(all, p, p->path, "todos|trees", (span){0}, PROJECTS_ENTRIES))
            return 1;
        if (!projects_watch_above(all, p))
            return 0;
    }
    return 0;
}

static void projects_watch_todo(struct projects *all, struct project *p, const char *slug)
{
    static const char files[] = "requirements.md|implementation-plan.md|state.json";
    static const struct {
        const char *format, *names;
        enum projects_notice what;
    } dirs[] = {{"%s/trees/%s", "todos", PROJECTS_ENTRIES},
                {"%s/trees/%s/todos", "/", PROJECTS_ENTRIES},
                {"%s/trees/%s/todos/%s", "state.json", PROJECTS_CONTENTS}};
    buf dir = {0};
    buf_fmt(&dir, "%s/todos/%s", p->path, slug);
    projects_watch_dir(all, p, buf_cstr(&dir), files, (span){0}, PROJECTS_CONTENTS);
    for (size_t i = 0; i < COUNT_OF(dirs); i++) {
        buf_clear(&dir);
        buf_fmt(&dir, dirs[i].format, p->path, slug, slug);
        if (!projects_watch_dir(all, p, buf_cstr(&dir), dirs[i].names, (span){0}, dirs[i].what))
            break;
    }
    buf_free(&dir);
}

/* Also reads the roadmap, which names the todos. */
static void projects_watch_project(struct projects *all, struct project *p)
{
    buf dir = {0};
    p->watches = NULL;
    p->polled = all->notify.fd < 0;
    if (p->polled) {
        roadmap_read(p->path, &all->roadmap);
        return;
    }
    if (projects_watch_path(all, p)) {
        buf_fmt(&dir, "%s/todos", p->path);
        projects_watch_dir(all, p, buf_cstr(&dir), "roadmap.md|/", (span){0}, PROJECTS_CONTENTS);
        buf_clear(&dir);
        buf_fmt(&dir, "%s/trees", p->path);
        projects_watch_dir(all, p, buf_cstr(&dir), "/", (span){0}, PROJECTS_ENTRIES);
        buf_free(&dir);
    }
    roadmap_read(p->path, &all->roadmap);
    for (struct roadmap_iter it = roadmap_iter(buf_view(&all->roadmap)); roadmap_next(&it);)
        if (roadmap_slug_is_plain(it.slug)) {
            char *slug = span_dup(it.slug);
            projects_watch_todo(all, p, slug);
            free(slug);
        }
}

/* ---- todos ---------------------------------------------------------------------------------- */

static void projects_open_event(buf *event, const char *name, const struct config *config)
{
    json_open(event, '{');
    json_field_string(event, "event", name);
    json_field_open(event, "data", '{');
    json_field_string(event, "computer", config->computer);
}

static void projects_close_event(buf *event)
{
    json_close(event, '}');
    json_close(event, '}');
}

static void projects_put_todos_event(const struct projects *all, const struct project *p,
                                     buf *event)
{
    projects_open_event(event, "todos_updated", all->config);
    json_field_string(event, "project_path", p->path);
    json_field_raw(event, "todos", buf_view(&p->todos));
    projects_close_event(event);
}

/* Reads into all->json. */
static void projects_read(struct projects *all, struct project *p)
{
    if (!disk_answers(all->config->disk)) { /* most are in a home: they are as they were */
        buf_clear(&all->json);
        buf_str(&all->json, p->todos.n ? buf_cstr(&p->todos) : "[]");
        return;
    }
    struct projects_watch *before = p->watches;
    if (all->watching) {
        size_t leaving = 0; /* replaced watches don't count against the limit */
        for (const struct projects_watch *w = before; w; w = w->next)
            leaving++;
        all->watch_count -= leaving;
        projects_watch_project(all, p);
        all->watch_count += leaving;
        projects_drop_watches(all, before);
    } else {
        roadmap_read(p->path, &all->roadmap);
    }
    buf_clear(&all->json);
    roadmap_put_todos(p->path, buf_view(&all->roadmap), &all->json);
}

/* Returns 1: the todos have changed. */
static int projects_refresh(struct projects *all, struct project *p)
{
    p->due = 0;
    projects_read(all, p);
    if (p->todos.n == all->json.n && memcmp(p->todos.p, all->json.p, p->todos.n) == 0)
        return 0;
    buf_clear(&p->todos);
    buf_span(&p->todos, buf_view(&all->json));
    return 1;
}

/* Publishes changed todos. Projects still due at `until` wait for the loop's next pass. */
static void projects_settle(struct projects *all, long long until)
{
    buf event = {0};
    loop_timer_cancel(all->loop, &all->settle);
    for (struct project *p = all->first; p; p = p->next) {
        if (p->due && clock_mono_ms() > until) {
            loop_timer_set(all->loop, &all->settle, all->loop->now);
            break;
        }
        if (!p->due || !projects_refresh(all, p))
            continue;
        buf_clear(&event);
        projects_put_todos_event(all, p, &event);
        cache_publish(all->cache, CACHE_PREPARATION, buf_view(&event));
    }
    buf_free(&event);
}

static void projects_plan_poll(struct projects *all)
{
    int polled = 0;
    for (const struct project *p = all->first; p; p = p->next)
        polled |= p->polled;
    if (polled && all->watching && !all->poll.slot)
        loop_timer_in(all->loop, &all->poll, PROJECTS_POLL_MS);
}

static void projects_on_poll(void *ctx)
{
    struct projects *all = ctx;
    for (struct project *p = all->first; p; p = p->next)
        p->due |= p->polled;
    projects_settle(all, clock_mono_ms() + PROJECTS_BUSY_MS);
    projects_plan_poll(all);
}

static void projects_on_settle(void *ctx)
{
    projects_settle(ctx, clock_mono_ms() + PROJECTS_BUSY_MS);
    projects_plan_poll(ctx);
}

static int projects_matters(const struct projects_watch *w, span name, int is_dir)
{
    if (!name.n) /* the directory itself */
        return 1;
    if (w->only)
        return span_eq(name, w->only);
    for (span rest = span_of(w->names); rest.n;) {
        span one = span_cut(&rest, '|');
        if (one.n == name.n && memcmp(one.p, name.p, one.n) == 0)
            return 1;
        if (is_dir && span_eq(one, "/"))
            return 1;
    }
    return 0;
}

static void projects_on_change(void *ctx, int number, span name, int is_dir)
{
    struct projects *all = ctx;
    int due = 0;
    if (!all->watching) /* it comes from a watch that was removed */
        return;
    for (struct project *p = all->first; number < 0 && p; p = p->next)
        due = p->due = 1;
    for (struct projects_watch *w = number < 0 ? NULL : *projects_bucket(all, number); w;
         w = w->next_same)
        if (w->number == number && projects_matters(w, name, is_dir))
            due = w->project->due = 1;
    if (due && !all->settle.slot)
        loop_timer_in(all->loop, &all->settle, PROJECTS_SETTLE_MS);
}

static void projects_on_notify(void *ctx, short revents)
{
    struct projects *all = ctx;
    (void)revents;
    projects_notify_read(all->notify.fd, projects_on_change, all);
}

static void projects_catch_up(struct projects *all)
{
    if (!all->watching)
        return;
    if (all->notify.fd >= 0)
        projects_on_notify(all, POLLIN);
    for (struct project *p = all->first; p; p = p->next)
        p->due |= p->polled;
    projects_settle(all, LLONG_MAX);
}

static void projects_watch(struct projects *all, int wanted)
{
    if (wanted == all->watching)
        return;
    all->watching = wanted;
    if (wanted) {
        all->buckets = base_alloc(PROJECTS_BUCKETS * sizeof *all->buckets);
        if (all->notify.fd < 0 && !all->must_poll &&
            (all->notify.fd = projects_notify_open()) >= 0)
            loop_watch(all->loop, &all->notify, POLLIN);
        for (struct project *p = all->first; p; p = p->next)
            projects_refresh(all, p);
        projects_plan_poll(all);
        return;
    }
    loop_timer_cancel(all->loop, &all->settle);
    loop_timer_cancel(all->loop, &all->poll);
    for (struct project *p = all->first; p; p = p->next) {
        projects_drop_watches(all, p->watches);
        p->watches = NULL;
        p->due = p->polled = 0;
        buf_free(&p->todos);
    }
    free(all->buckets);
    all->buckets = NULL;
}

/* ---- the list ------------------------------------------------------------------------------- */

static struct project *projects_find(const struct projects *all, const char *path)
{
    struct project *p = all->first;
    while (p && strcmp(p->path, path) != 0)
        p = p->next;
    return p;
}

/* Returns the place behind the others of that source. */
static struct project **projects_place(struct projects *all, enum project_source source)
{
    struct project **at = &all->first;
    while (*at && (*at)->source <= source)
        at = &(*at)->next;
    return at;
}

static void projects_insert(struct projects *all, struct project *p)
{
    struct project **at = projects_place(all, p->source);
    p->next = *at;
    *at = p;
}

static void projects_unlink(struct projects *all, struct project *p)
{
    struct project **at = &all->first;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
}

static void projects_describe(struct project *p, const char *name, const char *description)
{
    free(p->name), free(p->description);
    p->name = base_dup(name && *name ? name : config_last_part(p->path));
    p->description = base_dup(description ? description : "");
}

static struct project *projects_new(struct projects *all, enum project_source source,
                                    const char *path, const char *name, const char *description)
{
    struct project *p = base_alloc(sizeof *p);
    p->path = base_dup(path);
    p->source = source;
    projects_describe(p, name, description);
    projects_insert(all, p);
    all->count++;
    if (all->watching) {
        projects_refresh(all, p);
        projects_plan_poll(all);
    }
    return p;
}

static void projects_delete(struct projects *all, struct project *p)
{
    projects_unlink(all, p);
    all->count--;
    projects_drop_watches(all, p->watches);
    free(p->path), free(p->name), free(p->description);
    buf_free(&p->todos);
    free(p);
}

/* Writes STATE/projects.json. Returns 0, or -1 with errno. */
static int projects_save(const struct projects *all)
{
    buf b = {0};
    json_open(&b, '[');
    for (const struct project *p = all->first; p; p = p->next) {
        if (p->source != PROJECT_REMEMBERED)
            continue;
        json_open(&b, '{');
        json_field_string(&b, "path", p->path);
        json_field_string(&b, "name", p->name);
        json_field_string(&b, "description", p->description);
        json_close(&b, '}');
    }
    json_close(&b, ']');
    int status = -1;
    errno = EFBIG; /* store_read would refuse a larger file */
    if (!disk_answers(all->config->disk))
        errno = ETIMEDOUT;
    else if (b.n <= STORE_RECORD_MAX)
        status = store_write(all->config->state, "projects.json", buf_view(&b));
    buf_free(&b);
    return status;
}

static void projects_load(struct projects *all)
{
    buf text = {0};
    struct json remembered = {0};
    store_clean(all->config->state, "projects.json");
    store_read(all->config->state, "projects.json", &text);
    if (!json_read(buf_view(&text), &remembered))
        remembered = (struct json){0};
    for (struct json_iter it = json_iter(remembered); json_next(&it);) {
        char *path = json_dup_member(it.value, "path"),
             *name = json_dup_member(it.value, "name"),
             *description = json_dup_member(it.value, "description");
        if (path && *path == '/' && !projects_find(all, path) && all->count < PROJECTS_MAX)
            projects_new(all, PROJECT_REMEMBERED, path, name, description);
        free(path), free(name), free(description);
    }
    buf_free(&text);
}

static void projects_put_one(struct projects *all, struct project *p, buf *b, int with_todos)
{
    json_open(b, '{');
    json_field_string(b, "computer", all->config->computer);
    json_field_string(b, "name", p->name);
    json_field_string(b, "path", p->path);
    json_field_string(b, "description", p->description);
    json_field_string(b, "desc", p->description); /* as TeleClaude says it in some places */
    if (with_todos && !all->watching)
        projects_read(all, p);
    if (with_todos) {
        json_field_raw(b, "todos", buf_view(all->watching ? &p->todos : &all->json));
    }
    json_close(b, '}');
}

static void projects_put(struct projects *all, buf *b, int with_todos)
{
    if (with_todos)
        projects_catch_up(all);
    for (struct project *p = all->first; p; p = p->next)
        if (p->source != PROJECT_GUEST)
            projects_put_one(all, p, b, with_todos);
}

static int projects_put_todos(struct projects *all, const char *path, buf *b)
{
    struct project *p = projects_find(all, path);
    if (!p || p->source == PROJECT_GUEST)
        return 0;
    projects_read(all, p);
    json_put_raw(b, buf_view(&all->json));
    return 1;
}

static void projects_publish(struct projects *all)
{
    buf event = {0};
    if (!all->watching)
        return;
    projects_open_event(&event, "projects_updated", all->config);
    json_field_open(&event, "projects", '[');
    projects_put(all, &event, 1);
    json_close(&event, ']');
    projects_close_event(&event);
    cache_publish(all->cache, CACHE_PREPARATION, buf_view(&event));
    buf_free(&event);
}

/* ---- changes of the list --------------------------------------------------------------------- */

static void projects_set_source(struct projects *all, struct project *p,
                                enum project_source source)
{
    projects_unlink(all, p);
    p->source = source;
    projects_insert(all, p);
}

/* Also saves the list; where that fails, takes the change back. Returns 0, or -1 with errno. */
static int projects_change(struct projects *all, struct project *p, enum project_source source)
{
    enum project_source before = p->source;
    projects_set_source(all, p, source);
    if (projects_save(all) == 0)
        return 0;
    int saved = errno;
    projects_set_source(all, p, before);
    return errno = saved, -1;
}

static void projects_drop_unused(struct projects *all, struct project *p)
{
    if (p->source == PROJECT_GUEST && !p->guests)
        projects_delete(all, p);
}

static int projects_add(struct projects *all, const char *path, const char *name,
                        const char *description)
{
    struct project *p = projects_find(all, path);
    if (p && p->source == PROJECT_CONFIGURED)
        return 0; /* the configuration file wins */
    if (!p && all->count >= PROJECTS_MAX)
        return errno = ENOSPC, -1;
    if (!p)
        p = projects_new(all, PROJECT_GUEST, path, NULL, NULL);
    char *old_name = p->name, *old_description = p->description;
    p->name = p->description = NULL;
    projects_describe(p, name, description);
    if (projects_change(all, p, PROJECT_REMEMBERED) != 0) {
        int saved = errno;
        free(p->name), free(p->description);
        p->name = old_name, p->description = old_description;
        projects_drop_unused(all, p);
        return errno = saved, -1;
    }
    free(old_name), free(old_description);
    projects_publish(all);
    return 0;
}

static int projects_remove(struct projects *all, const char *path)
{
    struct project *p = projects_find(all, path);
    if (!p || p->source == PROJECT_GUEST)
        return errno = ENOENT, -1;
    if (p->source == PROJECT_CONFIGURED)
        return errno = EPERM, -1;
    if (projects_change(all, p, PROJECT_GUEST) != 0)
        return -1;
    projects_drop_unused(all, p);
    projects_publish(all);
    return 0;
}

static void projects_visit(struct projects *all, const char *path)
{
    struct project *p = projects_find(all, path);
    if (!p && all->count < PROJECTS_MAX)
        p = projects_new(all, PROJECT_GUEST, path, NULL, NULL);
    if (p)
        p->guests++;
}

static void projects_leave(struct projects *all, const char *path)
{
    struct project *p = projects_find(all, path);
    if (!p || !p->guests)
        return;
    p->guests--;
    projects_drop_unused(all, p);
}

static void projects_doubt(struct projects *all)
{
    if (all->doubted_at && all->loop->now < all->doubted_at + PROJECTS_POLL_MS)
        return; /* caps the cost of frequent refreshes */
    all->doubted_at = all->loop->now;
    for (struct project *p = all->first; p; p = p->next)
        p->due = 1;
}

static void projects_put_event(struct projects *all, const char *path, buf *event)
{
    struct project *p = projects_find(all, path);
    if (!p || !all->watching)
        return;
    projects_catch_up(all);
    projects_put_todos_event(all, p, event);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void projects_init(struct projects *all, struct loop *l, const struct config *config,
                          struct cache *cache)
{
    *all = (struct projects){.loop = l, .config = config, .cache = cache};
    all->notify = (struct loop_fd){.fd = -1, .on_event = projects_on_notify, .ctx = all};
    all->settle = (struct loop_timer){.fn = projects_on_settle, .ctx = all};
    all->poll = (struct loop_timer){.fn = projects_on_poll, .ctx = all};
    for (int i = 0; i < config->project_count; i++) {
        const struct config_project *p = &config->projects[i];
        if (!projects_find(all, p->path) && all->count < PROJECTS_MAX)
            projects_new(all, PROJECT_CONFIGURED, p->path, p->name, p->description);
    }
    projects_load(all);
}

static void projects_free(struct projects *all)
{
    projects_watch(all, 0);
    if (all->notify.fd >= 0) {
        loop_unwatch(all->loop, &all->notify);
        close(all->notify.fd);
    }
    while (all->first)
        projects_delete(all, all->first);
    buf_free(&all->roadmap);
    buf_free(&all->json);
}
