#ifndef TELEC_SERVER_H
#define TELEC_SERVER_H
#include "../fleet/fleet.h"
#include "../reach/reach.h"

/* ==== httpd =================================================================================== */

#ifndef HTTPD_IDLE_MS
#define HTTPD_IDLE_MS 75000 /* without a request; then it is closed */
#endif
#ifndef HTTPD_REQUEST_MS
#define HTTPD_REQUEST_MS 30000 /* for a request, from its first byte */
#endif
#ifndef HTTPD_QUEUE_MAX
#define HTTPD_QUEUE_MAX (4 * 1024 * 1024) /* queued bytes; then updates are dropped */
#endif

struct httpd_client;

/* Valid during the handler's call. */
struct httpd_request {
    struct httpd_client *client;
    span method, path, query;     /* percent-encoded */
    span body;
    const struct http_head *head; /* or NULL, when it has a body */
};

/* ctx: of httpd_upgrade. */
struct httpd_ws_hooks {
    void (*on_message)(void *ctx, enum ws_opcode opcode, span payload);
    void (*on_drained)(void *ctx); /* all was written or dropped; may be NULL */
    void (*on_closed)(void *ctx, const char *why); /* last */
};

struct httpd {
    struct loop *loop;
    struct loop_fd listener;
    struct loop_timer retry;
    /* Each request gets one httpd_reply… or httpd_upgrade, at once or later. */
    void (*handle)(void *ctx, struct httpd_request *request);
    void *ctx;
    struct httpd_client *clients;
    buf reply;                /* being built; memory for the next */
    long long count, dropped; /* clients; WebSockets that failed so far */
};

static void httpd_init(struct httpd *s, struct loop *l,
                       void (*handle)(void *ctx, struct httpd_request *r), void *ctx);
/* The descriptor stays the caller's. */
static void httpd_accept(struct httpd *s, int listening_fd);
/* extra_headers: lines with CRLF, or NULL. Copies. */
static void httpd_reply_json(struct httpd_client *c, int status, span json,
                             const char *extra_headers);
static void httpd_reply_detail(struct httpd_client *c, int status, const char *detail);
static void httpd_reply_blob(struct httpd_client *c, blob *body); /* 200; by reference */
/* Before a later reply: gone comes when the client leaves first; no reply then. NULL right before
 * the reply. */
static void httpd_wait(struct httpd_client *c, void (*gone)(void *ctx), void *ctx);
/* RFC 6455 section 4.2.2. Returns 0: refused. */
static int httpd_upgrade(struct httpd_client *c, const struct http_head *head,
                         const struct httpd_ws_hooks *hooks, void *ctx);
/* As httpd_upgrade, but the reply to a good handshake waits for the first frame, or for … */
static int httpd_upgrade_later(struct httpd_client *c, const struct http_head *head,
                               const struct httpd_ws_hooks *hooks, void *ctx);
/* … this: returns 1 when it is no WebSocket, no hook will come, and a reply is due. */
static int httpd_refuse_ws(struct httpd_client *c);
/* Joins the client to fd until one closes; fd gets `first`, then what the client sends. */
static void httpd_tunnel(struct httpd_client *c, int fd, span first);
static void httpd_send_frame(struct httpd_client *c, enum ws_opcode opcode, span payload);
/* Sends a frame, or a part of one; first: its beginning. */
static void httpd_send_blob(struct httpd_client *c, blob *b, int first);
static void httpd_pause(struct httpd_client *c, int paused); /* is not read */
static size_t httpd_queued(const struct httpd_client *c); /* bytes not written yet */
static void httpd_drop_unsent(struct httpd_client *c);
static void httpd_close_ws(struct httpd_client *c, int code, const char *reason);
/* No new clients; WebSockets get 1001, requests their reply. */
static void httpd_shutdown(struct httpd *s);
static void httpd_drop_clients(struct httpd *s);
static void httpd_free(struct httpd *s);           /* once the last client is closed */
/* Returns a text frame for many clients, of all parts; one reference. */
static blob *httpd_text_frame(const span *parts, size_t count);

/* ==== request ================================================================================= */

#define REQUEST_TITLE_MAX 400   /* bytes */
#define REQUEST_TAIL_CHARS 5000 /* of a transcript, without a number in the query */

#define REACHED_OTHERS_MAX 64

/* Behind a pipe: see reached.c. */
struct reached {
    struct reached *next, **link;
    struct server *server;
    struct httpd_client *holder; /* of telec reach */
    char *name, *self;      /* self: as it calls itself */
    int up;                 /* the pipe is */
    int other_count;
    buf projects;           /* as in GET /projects-with-todos */
    int fetching, fetch_again;
    long long listing;      /* number of the last sessions_initial */
    size_t sessions;        /* in the cache */
    struct client client;
    struct config config;   /* the client's: its socket is the link's */
    char why[300];          /* the pipe is down */
    char *others[REACHED_OTHERS_MAX]; /* computers behind it */
};

/* The parts of the daemon that requests use; they outlive it. */
struct server {
    buf host;               /* JSON: faults of this host, a text each */
    struct loop *loop;
    const struct config *config;
    struct cache *cache;
    struct sessions *sessions;
    struct projects *projects;
    struct fleet *fleet;
    struct remotes *remotes;
    struct httpd *httpd;
    struct reached *reached;
    struct loop_child *links; /* telec reach, one an entry of config->reach */
    int links_fd;           /* a pipe's end, or -1; the links end with it */
    size_t reached_place;   /* of a struct reached_session, see cache_data */
    long long started_at;   /* wall clock */
};

/* Valid during its handler's call, faults until request_reply_faults. */
struct request {
    struct server *server;
    struct httpd_client *client;
    const struct httpd_request *http;
    struct session *session; /* of {id}, if of this computer */
    const char *id, *computer; /* {id}; its other computer, or NULL */
    struct json body;
    buf faults;              /* array of validation errors, without ] */
    buf lost;                /* no such session or computer; or empty */
    int unreadable;          /* the body is not UTF-8 */
};

/* A rule for a member of the body or a parameter of the query. */
struct request_field {
    const char *name;
    int required;
    size_t shortest;        /* characters */
    const char *literals;   /* "a|b", or NULL: any */
};

static void request_check_target(struct request *r, span encoded_id);
/* A fault unless it is an object without U+0000. */
static void request_parse_body(struct request *r);
/* where: "body" or "query"; name: a member, an offset in digits, or NULL. In Pydantic's types and
 * words. */
static void request_fault(struct request *r, const char *type, const char *where, const char *name,
                          const char *message);
/* 400 for an unreadable body, 422 for faults, else 404 for a lost session. Returns 1 when it has
 * replied. Before it, r->session is not to be used. */
static int request_reply_faults(struct request *r);
/* Each returns a part of the request, to be freed; a bad one is a fault. NULL: absent or null (a
 * fault when required), or a fault. */
static char *request_string(struct request *r, const struct request_field *field);
static int request_int(struct request *r, const char *name, int least, int most, int otherwise);
static char *request_query(struct request *r, const char *name);
static int request_query_int(struct request *r, const char *name, int most); /* 0: absent */
static char *request_title(struct request *r);
static char *request_key(struct request *r, int *count); /* count: of presses */
static char *request_message(struct request *r, struct frame_message *m); /* m->text is it */
static char *request_answer(struct request *r);
static long long request_tail_chars(struct request *r); /* wanted of a transcript */
/* Reads an attach's mode: 1: control, 0: view; how is FRAME_VIEW's payload. */
static int request_view_mode(struct request *r, char how[3]);
/* Returns 1, or 0 after replying 426. */
static int request_require_websocket(struct request *r);
/* Replies that r->session has ended (409), or that its holder can't be reached (503). */
static void request_reply_unreached(struct request *r);
/* Replies that another computer does not do it: with the status of its error's code; NULL: it has
 * not answered. Any text is made visible. */
static void request_refuse(struct httpd_client *client, int status, const char *computer,
                           const char *why);
static void request_refuse_code(struct httpd_client *client, const char *computer,
                                const char *code, const char *why);
static int request_require_running(struct request *r); /* 1, or 0 after replying so */
#define REQUEST_ANCESTORS_MAX 100
/* Tells whether the session that asks (body: "from"; none may) may answer or force r->id, its
 * descendant. Otherwise replies with 403. */
static int request_require_driver(struct request *r);
/* Takes a name, "local", "" or NULL. */
static int request_is_here(const struct server *server, const char *computer);
/* Cuts slashes at its end; NULL is fine. */
static void request_trim_path(char *path);
static void request_reply(struct httpd_client *client, buf *json); /* 200; frees json */
static void request_reply_success(struct httpd_client *client);    /* {"status": "success"} */
static void request_reply_result(struct httpd_client *client, span json); /* and "result" */
/* undo_s: in so many seconds; 0: it has ended */
static void request_reply_ended(struct httpd_client *client, const char *id, int undo_s);

/* ==== relay =================================================================================== */

/* A question to a session's holder for a client; freed by itself after answer or lost. */
struct relay_ask {
    struct server *server;
    struct httpd_client *client;
    struct holder_link_ask *asked;
    void (*answer)(struct relay_ask *ask, span payload);
    void (*lost)(struct relay_ask *ask); /* replies when the session ended first; NULL: 409 */
    char id[65];
    long long tail_chars;
    int prompts;
};

/* Asks r->session's holder; answer replies from the first frame of type `wanted`. Returns NULL when
 * the holder can't be reached: the caller replies. */
static struct relay_ask *relay_ask(struct request *r, enum frame_type question, span payload,
                                   enum frame_type wanted,
                                   void (*answer)(struct relay_ask *ask, span payload));

/* Upgrades the client to a WebSocket that shows a stream. open: opens it with a set of
 * FRAME_VIEW_…, or replies with an error and returns NULL. control: the client's input goes to
 * the stream's holder. */
static void relay_view(struct request *r, span how, int control,
                       struct stream *(*open)(struct request *r, span how, int control,
                                              const struct stream_hooks *hooks, void *ctx),
                       int (*upgrade)(struct httpd_client *c, const struct http_head *head,
                                      const struct httpd_ws_hooks *hooks, void *ctx));
static void relay_attach(struct request *r); /* GET /sessions/{id}/attach */

/* ==== reached ================================================================================= */

/* Starts the configured links; before the cache has sessions. */
static void reached_init(struct server *server);
static void reached_free(struct server *server);   /* when nothing is reached any more */
/* Hands a request over to the reached computer that it is about. Returns 1 when it has. */
static int reached_forward(struct server *server, struct httpd_request *request);
static struct reached *reached_find(const struct server *server, span computer); /* or NULL */
/* Append to an open JSON array; computer NULL: of all. */
static void reached_put_computers(const struct server *server, buf *b);
static void reached_put_projects(const struct server *server, const char *computer, buf *b);
/* Asks the computer, if it is reached, to end a session, undoably for undo_s, or to undo that; done
 * as of client_request. Returns 1 when it has. */
static int reached_ask_end(const struct server *server, const char *computer, const char *id,
                           int undo_s, int restores,
                           void (*done)(void *ctx, int status, span body, const char *error),
                           void *ctx);
static void reached_add(struct request *request);    /* GET /reach: a link's WebSocket */
static void reached_close(struct request *request); /* DELETE /reach */

/* ==== proxy =================================================================================== */

/* Each asks r->computer about the session r->id and replies when the answer has come. */
static void proxy_get(struct request *r);
static void proxy_rename(struct request *r);
static void proxy_delete(struct request *r);
static void proxy_undo_end(struct request *r);
static void proxy_restart(struct request *r);
static void proxy_message(struct request *r);
static void proxy_answer(struct request *r);
static void proxy_keys(struct request *r);
static void proxy_transcript(struct request *r);
static void proxy_screen(struct request *r);
static void proxy_attach(struct request *r);
static void proxy_list_sessions(struct request *r, const char *computer);
static void proxy_create(struct request *r, const char *computer, const struct session_plan *plan);

/* ==== batch =================================================================================== */

static void batch_end_sessions(struct request *r);     /* POST /sessions/end */
static void batch_undo_ends(struct request *r); /* POST /sessions/restore */

/* ==== push ==================================================================================== */

static void push_ws(struct request *r); /* GET /ws */

/* ==== routes ================================================================================== */

static void routes_init(struct server *server, struct loop *l, const struct config *config,
                        struct cache *cache, struct sessions *sessions, struct projects *projects,
                        struct fleet *fleet, struct remotes *remotes,
                        struct httpd *httpd);
/* httpd's handler; ctx is the server. */
static void routes_handle(void *ctx, struct httpd_request *request);

/* ==== announce ================================================================================ */

#define ANNOUNCE_QUEUE_MAX 64 /* sessions; the oldest one is omitted */
#ifndef ANNOUNCE_MS
#define ANNOUNCE_MS 10000     /* the command is killed after this */
#endif

struct announce {
    struct loop *loop;
    struct sessions *sessions;
    char *queue[ANNOUNCE_QUEUE_MAX]; /* ids of sessions whose state has changed */
    int count, running;
    struct loop_child child;
    struct loop_timer late_timer;
};

/* Runs the command for changes of these sessions, from now on. */
static void announce_init(struct announce *a, struct sessions *all);
static void announce_free(struct announce *a);

/* ==== daemon ================================================================================== */

/* Runs until SIGTERM or SIGINT. Once clients are served, ready_fd (-1: none) gets a byte and is
 * closed. Returns the exit status; *error says why it is not 0. */
static int daemon_run(struct config *config, int ready_fd, buf *error);

#endif
