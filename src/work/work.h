#ifndef TELEC_WORK_H
#define TELEC_WORK_H
#include "../session/session.h"

/* ==== roadmap ================================================================================= */

#ifndef ROADMAP_FILE_MAX
#define ROADMAP_FILE_MAX (256 * 1024)   /* bytes read of roadmap.md */
#endif
#define ROADMAP_STATE_MAX (64 * 1024)   /* bytes; a larger state.json is ignored */
#ifndef ROADMAP_TODOS_MAX
#define ROADMAP_TODOS_MAX 500           /* todos of a project; further ones are omitted */
#endif
#define ROADMAP_SLUG_MAX 200            /* bytes; a line with a longer one is no todo */
#define ROADMAP_WORD_MAX 200            /* bytes of a state in state.json, as JSON */
#define ROADMAP_DESCRIPTION_MAX 4000    /* bytes; further lines are omitted */

/* Walks the todos of a roadmap; the spans point into its text. */
struct roadmap_iter {
    span rest;
    int count;              /* so far */
    char mark;              /* ' ', '.' or '>' */
    span slug;
    span lines;             /* of its description, with indentation */
};

static struct roadmap_iter roadmap_iter(span text);
static int roadmap_next(struct roadmap_iter *it);
/* Appends the lines, joined by blanks. */
static void roadmap_put_description(span lines, buf *b);
/* Tells whether the slug names nothing but an entry of todos/. */
static int roadmap_slug_is_plain(span slug);
/* Replaces text by the project's roadmap, or by nothing. project: a directory. */
static void roadmap_read(const char *project, buf *text);
/* Appends the JSON array of a roadmap's todos; reads their files. */
static void roadmap_put_todos(const char *project, span text, buf *out);

/* ==== projects ================================================================================ */

#define PROJECTS_MAX 1000
#ifndef PROJECTS_WATCHES_MAX
#define PROJECTS_WATCHES_MAX 8192 /* directories, of all projects */
#endif
#ifndef PROJECTS_SETTLE_MS
#define PROJECTS_SETTLE_MS 80     /* from a change to reading */
#endif
#ifndef PROJECTS_POLL_MS
#define PROJECTS_POLL_MS 2000     /* where the system does not watch */
#endif

enum project_source {
    PROJECT_CONFIGURED,
    PROJECT_REMEMBERED,     /* in STATE/projects.json */
    PROJECT_GUEST           /* watched for clients opened there; not in the list */
};

/* A notice of a watched file: it goes or moves; its entries do; contents of those change. */
enum projects_notice { PROJECTS_ITSELF, PROJECTS_ENTRIES, PROJECTS_CONTENTS };

struct project {
    struct project *next;
    char *path, *name, *description;
    enum project_source source;
    int guests;             /* clients that were opened there */
    buf todos;              /* JSON, as published last; empty: not yet */
    int due;                /* to be read again */
    int polled;             /* not all could be watched */
    struct projects_watch *watches;
};

struct projects {
    struct loop *loop;
    const struct config *config;
    struct cache *cache;
    struct project *first;  /* configured, remembered, guests */
    int count;
    int watching;           /* a client is subscribed */
    int must_poll;          /* for tests: the system does not watch */
    long long doubted_at;   /* projects_doubt's last effect */
    struct loop_fd notify;  /* fd -1: the system does not watch, or nobody asked yet. It stays
                             * open: to close it takes Linux 15 ms */
    struct loop_timer settle, poll;
    struct projects_watch **buckets; /* by number; NULL: nothing is watched */
    size_t watch_count;
    buf roadmap, json;      /* scratch space */
};

static void projects_init(struct projects *all, struct loop *l, const struct config *config,
                          struct cache *cache);
static void projects_free(struct projects *all);
/* Appends the projects' objects to an open JSON array. */
static void projects_put(struct projects *all, buf *b, int with_todos);
/* Appends the JSON array of a project's todos. Returns 0: there is no such project. */
static int projects_put_todos(struct projects *all, const char *path, buf *b);
/* Remembers a project, or replaces its name (NULL, "": the path's last part) and description.
 * Returns 0, or -1 with errno (ENOSPC: too many). */
static int projects_add(struct projects *all, const char *path, const char *name,
                        const char *description);
/* Forgets a project. Returns 0, or -1 with errno (ENOENT; EPERM: it is configured). */
static int projects_remove(struct projects *all, const char *path);
/* Begins or ends watching all projects and publishing changes. */
static void projects_watch(struct projects *all, int wanted);
/* A client was opened there: the directory's todos are published until projects_leave. */
static void projects_visit(struct projects *all, const char *path);
static void projects_leave(struct projects *all, const char *path);
/* Changes may have gone unnoticed, as on network file systems: the next projects_put reads all
 * again, at most once in PROJECTS_POLL_MS. */
static void projects_doubt(struct projects *all);
/* Appends todos_updated of a project; nothing when projects are not watched. */
static void projects_put_event(struct projects *all, const char *path, buf *event);

/* Reads the system's notices; for git.c alone. */
static int projects_notify_open(void);
static int projects_notify_add(int fd, const char *path, enum projects_notice what);
static void projects_notify_remove(int fd, int number);
static void projects_notify_read(int fd, void (*each)(void *ctx, int number, span name, int is_dir),
                                 void *ctx);

/* ==== git ===================================================================================== */

struct git {
    struct loop *loop;
    struct sessions *sessions;
    struct git_place *first;
    size_t count;
    struct loop_fd notify;  /* fd -1: the system does not watch */
    struct loop_timer settle, poll;
};

/* Appends the directory that has HEAD. Returns 0: the absolute path is in no repository. *linked: a
 * file names that directory. */
static int git_find(const char *directory, buf *git, int *linked);
/* Appends where a new worktree goes: below root, or (NULL, "") beside the repository as
 * "/src/telec-BRANCH". Returns 0: the directory is in no repository. */
static int git_put_place(const char *directory, const char *branch, const char *root, buf *place);
/* Appends the command that removes the directory's linked worktree. Returns 0: it is in none. */
static int git_put_removal(const char *directory, buf *command);
/* Keeps the member branch of all sessions' objects. */
static void git_init(struct git *all, struct loop *l, struct sessions *sessions);
static void git_free(struct git *all); /* before sessions_free */

#endif
