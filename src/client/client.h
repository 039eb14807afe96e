#ifndef TELEC_CLIENT_H
#define TELEC_CLIENT_H
#include "../session/session.h"

/* ==== spawn =================================================================================== */

/* Returns a descriptor that gives one byte once the daemon serves, else its reason or end of file;
 * or -1 with a message. A daemon that can't be reached is asked to make its socket again. */
static int spawn_daemon(const struct config *config, buf *error);
/* Also finds a daemon of the state directory that serves another socket. Returns a non-blocking
 * descriptor, or -1 with errno. */
static int spawn_connect(const struct config *config);
static int spawn_is_absent(int error);             /* an errno: none listens */
/* Waits until the daemon has ended: the state directory's, or only one at the configured socket.
 * Returns 0; 1: none ran; -1 with a message. */
static int spawn_stop(const struct config *config, int only_there, buf *error);

/* ==== settings ================================================================================ */

#ifndef SETTINGS_FILE_MAX
#define SETTINGS_FILE_MAX (1 << 20) /* bytes; a larger settings file is left alone */
#endif

enum settings_act { SETTINGS_SHOW, SETTINGS_ADD, SETTINGS_REMOVE };

/* Adds `PROGRAM hook`, an absolute path, to an agent's hooks, or removes it, below home or where
 * the agent's variable (CLAUDE_CONFIG_DIR …) says. report gets the file and the additions. Returns
 * 1: done, or with SETTINGS_SHOW missing; 0: nothing to do; -1: untouched, with a message. */
static int settings_install(const char *agent, const char *home, const char *program,
                            enum settings_act act, buf *report, buf *error);

/* ==== hints =================================================================================== */

/* Tells whether an agent has hooks and none of telec's, and STATE/hints does not have it. */
static int hints_may(const struct config *config, const char *agent);
static void hints_end(const struct config *config, const char *agent);
/* As hints_may, but true only once. */
static int hints_is_due(const struct config *config, const char *agent);
/* Returns 1 the first time. */
static int hints_say_once(const struct config *config, const char *text);

/* ==== vcs ===================================================================================== */

#define VCS_MAX (4 * 1024 * 1024) /* bytes of a diff: the rest is cut */
#ifndef VCS_MS
#define VCS_MS 20000
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

static int vcs_is_there(void);
/* Reads the changes since the last commit, and untracked files, as a diff. Cancels what ran. Calls
 * done once, from the loop. Returns 0, or -1 with errno without that call. */
static int vcs_read(struct vcs *v, const char *directory,
                    void (*done)(void *ctx, const char *error, span diff), void *ctx);
static void vcs_count(span diff, int *added, int *removed);
/* Makes a worktree with a new branch; as vcs_read. */
static int vcs_add_worktree(struct vcs *v, const char *directory, const char *branch,
                            const char *place,
                            void (*done)(void *ctx, const char *error, span text), void *ctx);
static void vcs_cancel(struct vcs *v);

/* ==== client ================================================================================== */

#ifndef CLIENT_BACKOFF_MIN_MS
#define CLIENT_BACKOFF_MIN_MS 1000 /* to the second try for push; doubles … */
#define CLIENT_BACKOFF_MAX_MS 30000 /* … up to this */
#endif
#ifndef CLIENT_FETCH_MS
#define CLIENT_FETCH_MS 5000 /* between fetches while push is not live */
#endif
#ifndef CLIENT_HANDSHAKE_MS
#define CLIENT_HANDSHAKE_MS 30000
#endif
#define CLIENT_STARTS_MAX 3  /* daemons started without an answer */
#ifndef CLIENT_REQUEST_MS
#define CLIENT_REQUEST_MS 15000 /* a daemon's start included */
#endif
#ifndef CLIENT_BODY_MAX
#define CLIENT_BODY_MAX (64 * 1024 * 1024)
#endif
#ifndef CLIENT_BODY_ROOM
#define CLIENT_BODY_ROOM (1024 * 1024) /* of one is made before it comes */
#endif
#ifndef CLIENT_MESSAGE_MAX
#define CLIENT_MESSAGE_MAX (64 * 1024 * 1024)
#endif

enum client_push {
    CLIENT_OFF,
    CLIENT_CONNECTING,
    CLIENT_LIVE,       /* every change is pushed */
    CLIENT_PARTIAL,    /* a TeleClaude daemon: its own sessions are polled */
    CLIENT_WAITING     /* until retry_at */
};

/* All may be NULL. */
struct client_hooks {
    void (*on_event)(void *ctx, span json);     /* of /ws */
    void (*on_push)(void *ctx);
    void (*on_fetch)(void *ctx);                /* push is not live */
};

struct client {
    struct loop *loop;
    const struct config *config;
    int may_start;
    int exact;                /* no other socket: it is another computer's */
    const struct client_hooks *hooks;
    void *ctx;
    const char *here;         /* its todos are subscribed to; or NULL */
    struct client_request *requests;
    struct loop_fd starting;  /* spawn_daemon's; fd -1: none */
    int started;              /* since the last answer */
    int stopped;              /* by close code 1001: the user starts the next one */
    char *start_error;
    enum client_push push;
    buf *body;                /* of the answer; done may take it */
    int answered;             /* the last request was … */
    int foreign;              /* … by a TeleClaude daemon */
    struct client_ws *ws;
    long long backoff, retry_at;
    struct loop_timer retry, fetch;
    const char *why;          /* push was lost */
};

static void client_init(struct client *c, struct loop *l, const struct config *config,
                        int may_start, const struct client_hooks *hooks, void *ctx);
static void client_free(struct client *c);         /* requests in flight end with an error */
/* Sends on a connection of its own; body.p NULL: none. Calls done once, from the loop, with the
 * status and the body, or with status 0 and an error. */
static void client_request(struct client *c, const char *method, const char *target, span body,
                           void (*done)(void *ctx, int status, span body, const char *error),
                           void *ctx);
/* Subscribes to sessions and preparation. Reconnects after a loss, and calls on_fetch meanwhile. */
static void client_subscribe(struct client *c);
static void client_refresh(struct client *c);
static void client_retry_now(struct client *c);

/* Appends /sessions/ID, the tail, which may have a query, and computer=, unless that is NULL. */
static void client_put_target(buf *b, const char *id, const char *tail, const char *computer);
static void client_put_computer(buf *b, const char *computer); /* … alone */
/* Appends this process's "env" and "umask". */
static void client_put_environment(buf *b);
/* Returns an error's detail as one line, to be freed. */
static char *client_detail(span body);
/* Finds a computer in the array of /computers; JSON_NONE: unknown. */
static struct json client_find_computer(struct json computers, const char *name);
/* Tells whether a pipe of our daemon reaches it. */
static int client_is_piped(struct json computer);
#define CLIENT_ATTACH_SSH "ssh -t DEST"
/* Appends the command line (for config_words) that attaches to another computer's session: [peers]
 * attach, else CLIENT_ATTACH_SSH. Takes its object and the array of /computers. Returns 1, or 0
 * with a message. */
static int client_put_attach(const struct config *config, struct json session,
                             struct json computers, buf *line, buf *error);
/* Appends why that command failed, by its exit status. */
static void client_put_attach_fault(const struct config *config, int tmux, int status, buf *b);

/* Set the hooks, then client_ws_open. */
struct client_ws {
    struct client *client;
    int open, accepted;       /* accepted: the handshake is done */
    int foreign;
    struct http_scan scan;
    void (*on_open)(void *ctx);
    void (*on_message)(void *ctx, enum ws_opcode opcode, span payload);
    void (*on_drained)(void *ctx); /* or NULL */
    /* code 0: no close frame came */
    void (*on_closed)(void *ctx, int code, const char *why);
    void *ctx;
    int code;
    struct loop_timer late;
    struct conn conn;
    struct ws ws;
    char version[16];
    char key[32];
    char reason[124];
};

static int client_ws_open(struct client_ws *w, struct client *c, const char *target);
static void client_ws_send(struct client_ws *w, enum ws_opcode opcode, span payload);
/* Closes without a close frame or callback. */
static void client_ws_cancel(struct client_ws *w);
static void client_ws_close(struct client_ws *w);  /* on_closed comes at the end of the pass */

/* ==== relayed ================================================================================= */

/* computer NULL: as the daemon knows the session. Returns NULL when the daemon can't be reached.
 * Input is refused until the daemon has accepted it and on_drained is called; then it is queued
 * without a bound: see stream_queued. */
static struct stream *relayed_open(struct client *c, const char *id, const char *computer,
                                   int control, int scrollback, const struct stream_hooks *hooks,
                                   void *ctx);

#endif
