#ifndef TELEC_WORK_H
#define TELEC_WORK_H
#include "../session/session.h"

/* ==== roadmap: a project's roadmap.md and state.json files into todos ======================== */

#ifndef ROADMAP_FILE_MAX
#define ROADMAP_FILE_MAX (256 * 1024)   /* bytes read of roadmap.md */
#endif
#define ROADMAP_STATE_MAX (64 * 1024)   /* a larger state.json says nothing */
#ifndef ROADMAP_TODOS_MAX
#define ROADMAP_TODOS_MAX 500           /* todos of a project; further ones are left out */
#endif
#define ROADMAP_SLUG_MAX 200            /* bytes; a line with a longer one is no todo */
#define ROADMAP_WORD_MAX 200            /* bytes of a state in state.json, as JSON */
#define ROADMAP_DESCRIPTION_MAX 4000    /* bytes; what would go past that is left out */

/* Walks the todos of a roadmap: struct roadmap_iter it = roadmap_iter(text);
 * while (roadmap_next(&it)) … it.mark, it.slug, it.lines. The spans point into text. */
struct roadmap_iter {
    span rest;
    int count;              /* todos given so far */
    char mark;              /* ' ', '.' or '>' */
    span slug;
    span lines;             /* the lines of its description, as they stand */
};

static struct roadmap_iter roadmap_iter(span text);
static int roadmap_next(struct roadmap_iter *it);
/* The lines as one, without the white space around each. */
static void roadmap_put_description(span lines, buf *b);
/* Can it be an entry of todos/ and nothing else? */
static int roadmap_slug_is_plain(span slug);
/* Replaces text by the project's roadmap; empty when there is none. project: a directory's path. */
static void roadmap_read(const char *project, buf *text);
/* Appends the JSON array of the todos of `text`, the project's roadmap, with what its files say. */
static void roadmap_put_todos(const char *project, span text, buf *out);

/* ==== projects: this computer's projects and their todos, watched while somebody looks ======= */

#define PROJECTS_MAX 1000
#ifndef PROJECTS_WATCHES_MAX
#define PROJECTS_WATCHES_MAX 8192 /* directories that the system watches for us, of all projects */
#endif
#ifndef PROJECTS_SETTLE_MS
#define PROJECTS_SETTLE_MS 80     /* from the first sign of a change to reading */
#endif
#ifndef PROJECTS_LOOK_MS
#define PROJECTS_LOOK_MS 2000     /* between two looks where the system does not watch */
#endif

enum project_source {
    PROJECT_CONFIGURED,     /* in the configuration file */
    PROJECT_REMEMBERED,     /* in STATE/projects.json */
    PROJECT_GUEST           /* only watched, for clients that were opened there */
};

struct project {
    struct project *next;
    char *path, *name, *description;
    enum project_source source;
    int guests;             /* clients that were opened there */
    buf todos;              /* the JSON array as last told; empty: nobody has been told */
    int due;                /* to be read again */
    int blind;              /* not all of it could be watched: it is looked at */
    struct projects_watch *watches; /* directories (src/projects.c) */
};

struct projects {
    struct loop *loop;
    const struct config *config;
    struct cache *cache;
    struct project *first;  /* configured, remembered, guests */
    int count;
    int watching;           /* somebody is subscribed */
    int must_look;          /* never ask the system to watch (for tests) */
    long long doubted_at;   /* when projects_doubt was last taken at its word */
    struct loop_fd notify;  /* fd -1: the system does not watch */
    struct loop_timer settle, look;
    struct projects_watch **buckets; /* by watch number; NULL: nothing is watched */
    size_t observe_count;
    buf roadmap, json;      /* the ones at work; kept, for there are many */
};

static void projects_init(struct projects *all, struct loop *l, const struct config *config,
                          struct cache *cache);
static void projects_free(struct projects *all);
/* Appends the projects' objects to an open JSON array, each with its todos if asked. */
static void projects_put(struct projects *all, buf *b, int with_todos);
/* Appends the array of one project's todos. 1, or 0: there is no such project. */
static int projects_put_todos(struct projects *all, const char *path, buf *b);
/* Remembers a project, or replaces what is remembered of it, and tells who is subscribed. name NULL
 * or empty: the path's last part. 0, or -1 and errno (ENOSPC: too many). */
static int projects_add(struct projects *all, const char *path, const char *name,
                        const char *description);
/* Forgets a remembered one. 0, or -1 and errno: ENOENT it is none, EPERM the configuration's. */
static int projects_remove(struct projects *all, const char *path);
/* Begins to watch the files of all projects and to tell of changes, or stops. */
static void projects_watch(struct projects *all, int wanted);
/* A client was opened in that directory: its todos are told as if it were a project. projects_leave
 * when the client has gone. */
static void projects_visit(struct projects *all, const char *path);
static void projects_leave(struct projects *all, const char *path);
/* What was read may be wrong (files of a network, say): the next projects_put reads all again, once
 * in PROJECTS_LOOK_MS. */
static void projects_doubt(struct projects *all);
/* The event todos_updated of a project's todos; nothing when none are watched. */
static void projects_put_event(struct projects *all, const char *path, buf *event);

#endif
