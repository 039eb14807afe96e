#include "work.h"

/* git - the branches of the directories in which this computer's sessions were started.
 *
 * git is not needed: HEAD is read. It is in the .git of the directory or of one above; a .git that
 * is a file (a linked worktree, a submodule) names another place. Watched is the directory with
 * HEAD, which git replaces, or the session's, for a new .git. Where the system can't watch, they
 * are read every GIT_POLL_MS. */

#define GIT_HEAD_MAX 1024  /* bytes of HEAD, and of a .git file less its path */
#define GIT_NAME_MAX 250   /* bytes */
#define GIT_COMMIT_DIGITS 8 /* of a commit that no branch has */
#ifndef GIT_POLL_MS
#define GIT_POLL_MS 10000
#endif

struct git_place {
    struct git_place *next;
    char *directory, *name;   /* name NULL: no repository */
    int number;               /* of the watch; -1: none */
    const char *awaited;      /* the entry that matters */
    int due;                  /* to be read again */
    int used;                 /* for git_sweep */
};

/* ---- reading -------------------------------------------------------------------------------- */

/* Appends the place that a .git file names. Returns 0: it names none. */
static int git_follow(const char *file, span parent, buf *git)
{
    buf text = {0};
    os_read_file(&text, file, GIT_HEAD_MAX + PATH_MAX);
    span rest = span_trim(buf_view(&text), "\r\n"), place = {0};
    if (span_starts(rest, "gitdir: "))
        place = span_sub(rest, 8);
    if (place.n && place.p[0] != '/') {
        buf_span(git, parent);
        buf_byte(git, '/');
    }
    buf_span(git, place);
    buf_free(&text);
    return place.n > 0;
}

static int git_find(const char *directory, buf *git, int *linked)
{
    span parent = span_of(directory);
    struct stat st;
    buf path = {0};
    int found = 0;
    *linked = 0;
    while (parent.n && !found) {
        while (parent.n && parent.p[parent.n - 1] == '/')
            parent.n--;
        buf_clear(&path);
        buf_span(&path, parent);
        buf_str(&path, "/.git");
        if (stat(buf_cstr(&path), &st) == 0) {
            *linked = !S_ISDIR(st.st_mode);
            if (!*linked)
                buf_span(git, buf_view(&path));
            found = !*linked || git_follow(path.p, parent, git);
        }
        while (parent.n && parent.p[parent.n - 1] != '/')
            parent.n--;
    }
    buf_free(&path);
    return found;
}

/* Returns 0: the directory is in no repository. *linked: it is in a linked worktree, and git has
 * the place of its HEAD. */
static int git_find_main(const char *directory, buf *main, buf *git, int *linked)
{
    static const char between[] = "/worktrees";
    size_t n = sizeof between - 1;
    if (!git_find(directory, git, linked))
        return 0;
    span path = buf_view(git), end = span_of("/.git");
    const char *name = strrchr(buf_cstr(git), '/');
    *linked = *linked && (size_t)(name - git->p) > n && memcmp(name - n, between, n) == 0;
    if (*linked)
        path.n = (size_t)(name - git->p) - n;
    if (path.n > end.n && memcmp(path.p + path.n - end.n, end.p, end.n) == 0)
        path.n -= end.n;
    buf_span(main, path);
    return 1;
}

static int git_put_place(const char *directory, const char *branch, const char *root, buf *place)
{
    buf main = {0}, git = {0};
    int linked, found = git_find_main(directory, &main, &git, &linked);
    if (root && *root)
        buf_fmt(place, "%s/%s", root, config_last_part(buf_cstr(&main)));
    else
        buf_span(place, buf_view(&main));
    buf_byte(place, '-');
    for (; *branch; branch++)
        buf_byte(place, *branch == '/' ? '-' : *branch);
    buf_free(&main), buf_free(&git);
    return found;
}

static int git_put_removal(const char *directory, buf *command)
{
    buf main = {0}, git = {0}, own = {0};
    int linked, found = git_find_main(directory, &main, &git, &linked) && linked;
    if (found) {
        buf_str(&git, "/gitdir"); /* names the worktree's own .git */
        os_read_file(&own, buf_cstr(&git), GIT_HEAD_MAX + PATH_MAX);
        span top = span_trim(buf_view(&own), "\r\n");
        while (top.n && top.p[top.n - 1] != '/')
            top.n--;
        char *path = span_dup(span_trim(top, "/").n ? (span){top.p, top.n - 1} : span_of("/"));
        buf_str(command, "git -C ");
        config_put_quoted(command, buf_cstr(&main));
        buf_str(command, " worktree remove ");
        config_put_quoted(command, path);
        free(path);
    }
    buf_free(&main), buf_free(&git), buf_free(&own);
    return found;
}

/* Returns the branch of a HEAD file, or the first digits of its commit; NULL: neither. */
static char *git_parse(span head)
{
    span name = span_trim(head, "\r\n");
    size_t digits = 0;
    if (span_starts(name, "ref: ")) {
        name = span_sub(name, 5);
        name = span_starts(name, "refs/heads/") ? span_sub(name, 11) : name;
    } else {
        while (digits < name.n && isxdigit((unsigned char)name.p[digits]))
            digits++;
        name.n = digits == name.n && digits > GIT_COMMIT_DIGITS ? GIT_COMMIT_DIGITS : 0;
    }
    return name.n && name.n <= GIT_NAME_MAX ? span_dup(name) : NULL;
}

/* ---- watching ------------------------------------------------------------------------------- */

static int git_is_watched(const struct git *all, int number)
{
    const struct git_place *b = all->first;
    while (b && b->number != number)
        b = b->next;
    return b != NULL;
}

static void git_set_watch(struct git *all, struct git_place *b, int number)
{
    int before = b->number;
    b->number = number;
    if (before >= 0 && !git_is_watched(all, before))
        projects_notify_remove(all->notify.fd, before);
}

/* Watches, then reads. Returns 1 when the name has changed. */
static int git_look(struct git *all, struct git_place *b)
{
    buf git = {0}, head = {0};
    int linked, found = git_find(b->directory, &git, &linked);
    b->awaited = found ? "HEAD" : ".git";
    int number = projects_notify_add(all->notify.fd, found ? buf_cstr(&git) : b->directory,
                                     PROJECTS_ENTRIES);
    /* a second look sees what came before the watch */
    b->due = number >= 0 && number != b->number;
    git_set_watch(all, b, number);
    if (number < 0 && !all->poll.slot && (all->notify.fd < 0 || errno == ENOSPC))
        loop_timer_in(all->loop, &all->poll, GIT_POLL_MS);
    if (found) {
        buf_str(&git, "/HEAD");
        os_read_file(&head, buf_cstr(&git), GIT_HEAD_MAX);
    }
    char *name = git_parse(buf_view(&head)), *old = b->name;
    int changed = old && name ? strcmp(old, name) != 0 : old != name;
    b->name = name;
    free(old);
    buf_free(&git), buf_free(&head);
    return changed;
}

static void git_settle_later(struct git *all)
{
    if (!all->settle.slot)
        loop_timer_in(all->loop, &all->settle, PROJECTS_SETTLE_MS);
}

static void git_on_settle(void *ctx)
{
    struct git *all = ctx;
    for (struct git_place *b = all->first; b; b = b->next) {
        int changed = b->due && git_look(all, b);
        if (b->due)
            git_settle_later(all);
        for (struct session *s = all->sessions->first; changed && s; s = s->next)
            if (s->branch == b)
                record_branch_changed(s);
    }
}

static void git_on_poll(void *ctx)
{
    struct git *all = ctx;
    for (struct git_place *b = all->first; b; b = b->next)
        b->due |= b->number < 0;
    git_on_settle(all);
}

static void git_on_change(void *ctx, int number, span name, int is_dir)
{
    struct git *all = ctx;
    (void)is_dir;
    for (struct git_place *b = all->first; b; b = b->next)
        if (number < 0 || (b->number == number && (!name.n || span_eq(name, b->awaited)))) {
            b->due = 1;
            git_settle_later(all);
        }
}

static void git_on_notify(void *ctx, short revents)
{
    struct git *all = ctx;
    (void)revents;
    projects_notify_read(all->notify.fd, git_on_change, all);
}

/* ---- the list ------------------------------------------------------------------------------- */

static void git_remove(struct git *all, struct git_place **at)
{
    struct git_place *b = *at;
    *at = b->next;
    git_set_watch(all, b, -1);
    all->count--;
    free(b->directory), free(b->name);
    free(b);
}

static void git_sweep(struct git *all)
{
    for (struct git_place *b = all->first; b; b = b->next)
        b->used = 0;
    for (const struct session *s = all->sessions->first; s; s = s->next)
        if (s->branch)
            ((struct git_place *)s->branch)->used = 1;
    for (struct git_place **at = &all->first; *at;)
        if ((*at)->used)
            at = &(*at)->next;
        else
            git_remove(all, at);
}

static const char *git_find_branch(void *ctx, struct session *s)
{
    struct git *all = ctx;
    struct git_place *b = s->branch ? s->branch : all->first;
    while (b && strcmp(b->directory, s->directory) != 0)
        b = b->next;
    if (!b) {
        if (all->count > 2 * all->sessions->count)
            git_sweep(all);
        b = base_alloc(sizeof *b);
        *b = (struct git_place){all->first, base_dup(s->directory), NULL, -1, NULL, 0, 0};
        all->first = b;
        if (!all->count++ && all->notify.fd < 0) { /* a daemon without sessions watches nothing */
            all->notify.fd = projects_notify_open();
            if (all->notify.fd >= 0)
                loop_watch(all->loop, &all->notify, POLLIN);
        }
        git_look(all, b);
        if (b->due)
            git_settle_later(all);
    }
    s->branch = b;
    return b->name;
}

static void git_init(struct git *all, struct loop *l, struct sessions *sessions)
{
    *all = (struct git){.loop = l, .sessions = sessions};
    all->settle = (struct loop_timer){.fn = git_on_settle, .ctx = all};
    all->poll = (struct loop_timer){.fn = git_on_poll, .ctx = all};
    all->notify = (struct loop_fd){.fd = -1, .on_event = git_on_notify, .ctx = all};
    sessions->find_branch = git_find_branch;
    sessions->branch_ctx = all;
    for (struct session *s = sessions->first; s; s = s->next)
        record_branch_changed(s);
}

static void git_free(struct git *all)
{
    all->sessions->find_branch = NULL;
    while (all->first)
        git_remove(all, &all->first);
    loop_timer_cancel(all->loop, &all->settle);
    loop_timer_cancel(all->loop, &all->poll);
    if (all->notify.fd >= 0) {
        loop_unwatch(all->loop, &all->notify);
        close(all->notify.fd);
    }
}
