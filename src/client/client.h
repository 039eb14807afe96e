#ifndef TELEC_CLIENT_H
#define TELEC_CLIENT_H
#include "../system/system.h"

/* ==== spawn: starting and stopping a daemon from outside ===================================== */

/* Starts a daemon in the background, in a process session of its own. Returns a descriptor that
 * gives one byte once the daemon serves and end of file when it has failed, or -1 with a message. */
static int spawn_daemon(const struct config *config, buf *error);
/* Sends SIGTERM to the running daemon and waits until it has ended. Returns 0 when it has ended, 1
 * when none was running, or -1 with a message. */
static int spawn_stop(const struct config *config, buf *error);

/* ==== client: HTTP and WebSocket towards a daemon; reconnect, backoff, REST fallback ========= */

#define CLIENT_BACKOFF_MIN_MS 1000
#define CLIENT_BACKOFF_MAX_MS 30000
#define CLIENT_FETCH_MS 5000      /* between two fetches by REST while there is no push */
#define CLIENT_REQUEST_MS 15000   /* for an answer */
#define CLIENT_BODY_MAX (64 * 1024 * 1024)
#define CLIENT_MESSAGE_MAX (64 * 1024 * 1024)

/* Where push stands. */
enum client_push {
    CLIENT_OFF,        /* not asked for */
    CLIENT_CONNECTING,
    CLIENT_LIVE,       /* a subscription was answered: every change arrives by itself */
    /* connected to a TeleClaude daemon: its own sessions are fetched every 5 s */
    CLIENT_PARTIAL,
    CLIENT_WAITING     /* lost; the next try is at client.retry_at */
};

/* What the owner of a client wants to hear; all may be NULL. */
struct client_hooks {
    void (*on_event)(void *ctx, span json);     /* a message of /ws */
    void (*on_push)(void *ctx);                 /* client.push has changed */
    void (*on_fetch)(void *ctx);                /* time to fetch by REST: there is no full push */
};

struct client {
    struct loop *loop;
    const struct config *config;
    int may_start;            /* start a daemon when none answers */
    const struct client_hooks *hooks;
    void *ctx;
    const char *here;         /* a directory whose todos are wanted, project or not; or NULL */
    struct client_request *requests; /* under way */
    struct loop_fd starting;  /* watched while a daemon that we started gets ready */
    int started;              /* one was started by us already */
    int stopped;              /* push ended with 1001: none is started until the user asks */
    char *start_error;        /* why that failed; NULL: it did not */
    /* push */
    enum client_push push;
    int answered;             /* requests have been answered since the last failure */
    struct client_ws *ws;
    long long backoff, retry_at; /* ms; on clock_mono_ms */
    struct loop_timer retry, fetch;
    const char *why;          /* what push was lost for */
};

static void client_init(struct client *c, struct loop *l, const struct config *config,
                        int may_start, const struct client_hooks *hooks, void *ctx);
static void client_free(struct client *c);         /* requests under way end with an error */
/* Sends a request on a connection of its own; body p NULL: none. done is called once, from the
 * loop: status 0: there was no answer, and error says why; else body is the answer's, valid during
 * the call. */
static void client_request(struct client *c, const char *method, const char *target, span body,
                           void (*done)(void *ctx, int status, span body, const char *error),
                           void *ctx);
/* Connects to /ws and subscribes to sessions and preparation, for as long as the client lives:
 * reconnects after a loss, and asks for fetches by REST meanwhile. */
static void client_subscribe(struct client *c);
static void client_refresh(struct client *c);      /* asks for the initial states again */
static void client_retry_now(struct client *c);    /* does not wait for the next try any longer */

/* the member "env" of POST /sessions: this process's own */
static void client_put_environment(buf *b);
/* what an error's answer says, for people; to be freed */
static char *client_detail(span body);
/* The command line (for config_words) that leads into a session of another computer, given its
 * object and the array of /computers: [peers] attach with [user@]host for DEST, and what is to be
 * run there. 1, or 0 with a message. */
static int client_put_attach(const struct config *config, struct json session,
                             struct json computers, buf *line, buf *error);

/* A WebSocket to the daemon. Set the hooks, then client_ws_open. */
struct client_ws {
    struct client *client;
    struct conn conn;
    struct ws ws;
    int open, accepted;       /* connected; the handshake was answered */
    int foreign;              /* the daemon is not telec's */
    char key[32];
    struct http_scan scan;
    void (*on_open)(void *ctx);
    void (*on_message)(void *ctx, enum ws_opcode opcode, span payload);
    /* the last call; code 0: no close frame came */
    void (*on_closed)(void *ctx, int code, const char *why);
    void *ctx;
    int code;
    char reason[124];
};

/* 0, or -1 and errno */
static int client_ws_open(struct client_ws *w, struct client *c, const char *target);
static void client_ws_send(struct client_ws *w, enum ws_opcode opcode, span payload);
/* at the program's end: no callback, no close frame */
static void client_ws_cancel(struct client_ws *w);
static void client_ws_close(struct client_ws *w);  /* on_closed comes at the end of the pass */

#endif
