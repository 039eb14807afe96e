#ifndef TELEC_CLIENT_H
#define TELEC_CLIENT_H
#include "../system/system.h"

/* ==== spawn: starting and stopping a daemon from outside ===================================== */

/* Starts a daemon in the background, in a process session of its own. Returns a descriptor that
 * gives one byte once the daemon serves, or its reason, or end of file, when it has failed; or -1
 * with a message. A daemon that runs and can't be reached is asked to make its socket again. */
static int spawn_daemon(const struct config *config, buf *error);
/* Connects to the daemon's socket, or to that of the state directory's daemon when it serves
 * another one. Returns a non-blocking descriptor, or -1 with errno. */
static int spawn_connect(const struct config *config);
static int spawn_is_absent(int error);             /* the errno says that no daemon listens */
/* Sends SIGTERM to the running daemon and waits until it has ended. Returns 0 when it has ended, 1
 * when none was running, or -1 with a message. */
static int spawn_stop(const struct config *config, buf *error);

/* ==== settings: adding telec's hooks to agents' settings ====================================== */

#ifndef SETTINGS_FILE_MAX
#define SETTINGS_FILE_MAX (1 << 20) /* bytes; a larger settings file is left alone */
#endif

enum settings_act { SETTINGS_SHOW, SETTINGS_ADD, SETTINGS_REMOVE };

/* Adds `PROGRAM hook` (an absolute path) to the hooks of an agent of system/agents.c, in the
 * settings of the user with that home, or removes it; the agent's variable (CLAUDE_CONFIG_DIR …)
 * counts more. SETTINGS_SHOW leaves the file as it is. report gets lines with the file and the
 * additions. Returns 1: added, removed, or missing with SETTINGS_SHOW; 0: nothing to do; -1:
 * refused and untouched, error says why. */
static int settings_install(const char *agent, const char *home, const char *program,
                            enum settings_act act, buf *report, buf *error);

/* ==== hints: what is said to the user once =================================================== */

/* Returns 1 when an agent has hooks and none of telec's, and STATE/hints does not have it: it has
 * the agents of which that was said. */
static int hints_may(const struct config *config, const char *agent);
static void hints_end(const struct config *config, const char *agent); /* it was said */
/* Tells whether to say that an agent does not report to telec, which is then said. */
static int hints_is_due(const struct config *config, const char *agent);
/* Tells whether a text is to be said: it has never been, which is noted. */
static int hints_say_once(const struct config *config, const char *text);

/* ==== vcs: what git tells of a directory, and new worktrees ================================= */

#define VCS_MAX (4 * 1024 * 1024) /* bytes of a diff: the rest is cut */
#ifndef VCS_MS
#define VCS_MS 20000 /* for git to end */
#endif

/* One run of git at a time; the owner sets loop. */
struct vcs {
    struct loop *loop;
    struct output *running;
    char *directory;
    buf text;
    void (*done)(void *ctx, const char *error, span text); /* NULL: nothing runs */
    void *ctx;
};

static int vcs_is_there(void);                     /* git is on PATH */
/* Reads the changes since the last commit, and the untracked files as such, in the form of a diff.
 * Calls done once, from the loop; error: a text, or NULL. Returns 0, or -1 with errno without that
 * call: git can't be started. What ran before is cancelled. */
static int vcs_read(struct vcs *v, const char *directory,
                    void (*done)(void *ctx, const char *error, span diff), void *ctx);
/* Counts the lines of such a diff. */
static void vcs_count(span diff, int *added, int *removed);
/* Makes a worktree of the directory's repository, with a new branch. Otherwise as vcs_read. */
static int vcs_add_worktree(struct vcs *v, const char *directory, const char *branch,
                            const char *place,
                            void (*done)(void *ctx, const char *error, span text), void *ctx);
static void vcs_cancel(struct vcs *v);             /* done is not called */

/* ==== client: requests and push towards a daemon; reconnecting, polling ====================== */

#ifndef CLIENT_BACKOFF_MIN_MS
#define CLIENT_BACKOFF_MIN_MS 1000 /* before the second try for push; doubles … */
#define CLIENT_BACKOFF_MAX_MS 30000 /* … up to this */
#endif
#ifndef CLIENT_FETCH_MS
#define CLIENT_FETCH_MS 5000 /* between two fetches by REST while push is not live */
#endif
#ifndef CLIENT_HANDSHAKE_MS
#define CLIENT_HANDSHAKE_MS 30000 /* for a daemon to answer a WebSocket handshake */
#endif
#define CLIENT_STARTS_MAX 3  /* daemons started without an answer: they end at once */
#ifndef CLIENT_REQUEST_MS
#define CLIENT_REQUEST_MS 15000 /* for an answer, a daemon's start included */
#endif
#ifndef CLIENT_BODY_MAX
#define CLIENT_BODY_MAX (64 * 1024 * 1024) /* bytes of an answer's body */
#endif
#ifndef CLIENT_MESSAGE_MAX
#define CLIENT_MESSAGE_MAX (64 * 1024 * 1024) /* bytes of a WebSocket message */
#endif

/* The state of push. */
enum client_push {
    CLIENT_OFF,        /* not asked for */
    CLIENT_CONNECTING,
    CLIENT_LIVE,       /* a subscription was answered: every change is pushed */
    CLIENT_PARTIAL,    /* to a TeleClaude daemon: its own sessions are polled every 5 s */
    CLIENT_WAITING     /* lost; the next try is at client.retry_at */
};

/* The callbacks of a client's owner; all may be NULL. */
struct client_hooks {
    void (*on_event)(void *ctx, span json);     /* a message of /ws */
    void (*on_push)(void *ctx);                 /* client.push has changed */
    void (*on_fetch)(void *ctx);                /* time to fetch by REST: push is not live */
};

struct client {
    struct loop *loop;
    const struct config *config;
    int may_start;            /* start a daemon when none runs */
    int exact;                /* config's socket is the only one: it is another computer's daemon */
    const struct client_hooks *hooks;
    void *ctx;
    const char *here;         /* a directory whose todos are subscribed to; or NULL */
    struct client_request *requests; /* in flight */
    struct loop_fd starting;  /* spawn_daemon's descriptor; fd -1: none is starting */
    int started;              /* so many were since the last answer, push was live or retried */
    int stopped;              /* push ended with 1001: the user must ask for the next start */
    char *start_error;        /* why a start failed, or NULL */
    /* push */
    enum client_push push;
    int answered;             /* the last request was answered … */
    int foreign;              /* … by a TeleClaude daemon */
    struct client_ws *ws;
    long long backoff, retry_at; /* ms; on clock_mono_ms */
    struct loop_timer retry, fetch;
    const char *why;          /* reason of the last loss of push */
};

static void client_init(struct client *c, struct loop *l, const struct config *config,
                        int may_start, const struct client_hooks *hooks, void *ctx);
static void client_free(struct client *c);         /* requests in flight end with an error */
/* Sends a request on a connection of its own; body.p NULL: none. Calls done once, from the loop:
 * with the status and the body, valid during the call; or with status 0 and an error. */
static void client_request(struct client *c, const char *method, const char *target, span body,
                           void (*done)(void *ctx, int status, span body, const char *error),
                           void *ctx);
/* Connects to /ws and subscribes to sessions and preparation. Reconnects after a loss until
 * client_free, and calls on_fetch meanwhile. */
static void client_subscribe(struct client *c);
static void client_refresh(struct client *c);      /* asks for the full states again */
static void client_retry_now(struct client *c);    /* tries at once when push is waiting */

/* Appends the members "env" and "umask" of POST /sessions: this process's. */
static void client_put_environment(buf *b);
/* Returns an error answer's detail as one line of text, to be freed. */
static char *client_detail(span body);
/* Of the array of /computers; JSON_NONE: unknown. */
static struct json client_find_computer(struct json computers, const char *name);
/* Is it reached through a pipe of our daemon, through which its sessions are attached to? */
static int client_is_piped(struct json computer);
#define CLIENT_ATTACH_SSH "ssh -t DEST"
/* Appends the command line (for config_words) that attaches to a session of another computer: the
 * configured [peers] attach, else CLIENT_ATTACH_SSH, with [user@]host for DEST, and the command to
 * run there. Takes the session's object and the array of /computers. Returns 1, or 0 with a
 * message. */
static int client_put_attach(const struct config *config, struct json session,
                             struct json computers, buf *line, buf *error);
/* Appends why attaching by that command failed, by its exit status. tmux: to a tmux session. */
static void client_put_attach_fault(const struct config *config, int tmux, int status, buf *b);

/* A WebSocket to the daemon. Set the hooks, then client_ws_open. */
struct client_ws {
    struct client *client;
    struct conn conn;
    struct ws ws;
    int open, accepted;       /* connected; the handshake is done */
    int foreign;              /* the daemon is not telec's */
    char version[16];         /* telec's */
    char key[32];
    struct http_scan scan;
    void (*on_open)(void *ctx);
    void (*on_message)(void *ctx, enum ws_opcode opcode, span payload);
    void (*on_drained)(void *ctx); /* all is sent; or NULL */
    /* the last call; code 0: no close frame came */
    void (*on_closed)(void *ctx, int code, const char *why);
    void *ctx;
    int code;
    char reason[124];
    struct loop_timer late;   /* until the handshake is done */
};

/* Returns 0, or -1 with errno. */
static int client_ws_open(struct client_ws *w, struct client *c, const char *target);
static void client_ws_send(struct client_ws *w, enum ws_opcode opcode, span payload);
/* Closes without a close frame and without a callback. */
static void client_ws_cancel(struct client_ws *w);
static void client_ws_close(struct client_ws *w);  /* on_closed comes at the end of the pass */

#endif
