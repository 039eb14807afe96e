#ifndef TELEC_SERVER_H
#define TELEC_SERVER_H
#include "../fleet/fleet.h"

/* ==== serve: one client connection's HTTP and WebSocket states; calls a handler pointer ====== */

#define HTTPD_IDLE_MS 75000              /* a connection without a request is closed after this */
#ifndef HTTPD_QUEUE_MAX
/* bytes queued for one client before pushes are dropped */
#define HTTPD_QUEUE_MAX (4 * 1024 * 1024)
#endif

struct httpd_client;

/* A request, valid during the handler's call. */
struct httpd_request {
    struct httpd_client *client;
    span method, path, query; /* path and query still percent-encoded */
    span body;
    const struct http_head *head; /* only of a request without a body; else NULL */
};

/* What a WebSocket's owner wants to hear. ctx is httpd_upgrade's. */
struct httpd_ws_hooks {
    void (*on_message)(void *ctx, enum ws_opcode opcode, span payload);
    void (*on_drained)(void *ctx); /* everything queued has left; may be NULL */
    /* the last call; the client is about to be freed */
    void (*on_closed)(void *ctx, const char *why);
};

struct httpd {
    struct loop *loop;
    struct loop_fd listener;
    struct loop_timer retry;
    /* Answers every request, at once or later, by exactly one of httpd_reply…, httpd_upgrade. */
    void (*handle)(void *ctx, struct httpd_request *request);
    void *ctx;
    struct httpd_client *clients;
    buf answer;               /* the one being made; kept, for there are many */
    long long count, dropped; /* clients connected; clients closed because of a failure */
};

static void httpd_init(struct httpd *s, struct loop *l,
                       void (*handle)(void *ctx, struct httpd_request *r), void *ctx);
static void httpd_accept(struct httpd *s, int listening_fd); /* begins to take clients */
static void httpd_reply_json(struct httpd_client *c, int status, span json,
                             const char *extra_headers);
/* {"detail": …} */
static void httpd_reply_detail(struct httpd_client *c, int status, const char *detail);
/* A 200 whose body is bytes that somebody else owns (a blob): referenced, not copied. */
static void httpd_reply_blob(struct httpd_client *c, blob *body);
/* For an answer that comes later: gone is called if the client goes first (it must not be answered
 * then); NULL when the answer is about to be given. */
static void httpd_wait(struct httpd_client *c, void (*gone)(void *ctx), void *ctx);
/* Answers a WebSocket handshake. 1: the client is a WebSocket now; 0: it was refused, and
 * answered. */
static int httpd_upgrade(struct httpd_client *c, const struct http_head *head,
                         const struct httpd_ws_hooks *hooks, void *ctx);
static void httpd_send_frame(struct httpd_client *c, enum ws_opcode opcode, span payload);
/* A frame that is one blob, or several with first set on the first one only. */
static void httpd_send_blob(struct httpd_client *c, blob *b, int first);
static size_t httpd_queued(const struct httpd_client *c); /* bytes not written yet */
static void httpd_drop_unsent(struct httpd_client *c);
/* with a close frame */
static void httpd_close_ws(struct httpd_client *c, int code, const char *reason);
/* Takes no more clients and closes all: WebSockets with 1001, the others once answered. */
static void httpd_shutdown(struct httpd *s);
static void httpd_drop_clients(struct httpd *s);   /* closes whoever is left, at once */
static void httpd_free(struct httpd *s);           /* once all clients have gone */
/* a text frame as a blob for many clients; its payload is the parts together */
static blob *httpd_text_frame(const span *parts, size_t count);

/* ==== call: one request at work: its parameters, their faults, the usual answers ============= */

/* What requests are about. */
struct api {
    struct loop *loop;
    const struct config *config;
    struct cache *cache;
    struct sessions *sessions;
    struct projects *projects;
    struct peers *peers;
    struct observations *watches;
    struct httpd *serve;
    long long started_at;   /* wall clock */
};

/* What a handler needs. */
struct request {
    struct api *api;
    struct httpd_client *client;
    const struct httpd_request *request;
    struct session *session; /* of {id}, when the path has one and it is here */
    const char *id, *computer; /* else its id, and the other computer that has it */
    struct json body;        /* type JSON_NONE without a body */
    buf faults;              /* 422: array of what does not fit, as far as it was found */
};

/* What a member of the body or a parameter of the query must be. */
struct request_field {
    const char *name;
    int required;
    size_t shortest;        /* characters */
    const char *literals;   /* "|"-separated allowed values; NULL: any */
};

static void request_parse_body(struct request *call);    /* into call->body: an object, or a fault */
/* A fault of the member (or NULL) of "body" or "query"; type and message are Pydantic's. */
static void request_fault(struct request *call, const char *type, const char *where, const char *name,
                       const char *message);
static int request_refused(struct request *call);        /* 1: there were faults; it has answered 422 */
static int request_is_literal(const char *literals, const char *value); /* is it one of "a|b|c"? */
/* A fault when the value is not what the field must be. */
static void request_check(struct request *call, const struct request_field *field, const char *where,
                       const char *value);
/* A string member of the body, to be freed; NULL: absent or null (a fault when required) or not a
 * string. */
static char *request_string(struct request *call, const struct request_field *field);
/* An integer of the body from least to most; `otherwise` when absent. */
static int request_int(struct request *call, const char *name, int least, int most, int otherwise);
/* A query parameter, to be freed; NULL: absent, or badly encoded (a fault). */
static char *request_query(struct request *call, const char *name);
/* An integer of the query from 0 to most; 0 when absent. */
static int request_query_int(struct request *call, const char *name, int most);
static char *request_title(struct request *call);        /* the body's, to be freed; NULL, or a fault */
/* A key's name, to be freed, and how often; NULL, or a fault. */
static char *request_key(struct request *call, int *count);
static long long request_tail_chars(struct request *call); /* how much of a transcript, or a fault */
/* What the query of an attach asks for: 1: control, 0: view; how is what a holder is told. Or a
 * fault. */
static int request_view_mode(struct request *call, char how[3]);
static int request_wants_websocket(struct request *call); /* 0: it does not; it has got 426 */
static void request_reply(struct httpd_client *client, buf *json); /* 200; frees it */
static void request_reply_success(struct httpd_client *client); /* {"status": "success"} */
static int request_is_running(struct request *call);     /* call->session; 0: it has got 409 */
/* Is that this computer? NULL, "" and "local" are, too. */
static int request_is_here(const struct api *a, const char *computer);

/* ==== remote: requests about sessions of other computers ===================================== */

/* Each answers the call when the other computer has; of call->computer and call->id. */
static void proxy_get(struct request *call);
static void proxy_rename(struct request *call);
static void proxy_delete(struct request *call);
static void proxy_restore(struct request *call);
static void proxy_message(struct request *call);
static void proxy_keys(struct request *call);
static void proxy_transcript(struct request *call);
static void proxy_screen(struct request *call);
static void proxy_attach(struct request *call);      /* a WebSocket, to look at it */
/* Of a computer that the call does not name itself. */
static void proxy_list_sessions(struct request *call, const char *computer);
static void proxy_create(struct request *call, const char *computer,
                          const struct session_plan *plan);

/* ==== api: route table, handlers, /ws topics ================================================= */

static void routes_init(struct api *a, struct loop *l, const struct config *config,
                     struct cache *cache, struct sessions *sessions, struct projects *projects,
                     struct peers *peers, struct observations *watches, struct httpd *serve);
/* serve's handler; ctx is the api */
static void routes_handle(void *ctx, struct httpd_request *request);

/* ==== daemon: socket, wiring, start, shutdown ================================================ */

/* Runs until SIGTERM or SIGINT; ready_fd >= 0 gets a byte as soon as clients are served, and is
 * closed. Returns the exit status; *error says why it is not 0. */
static int daemon_run(const struct config *config, int ready_fd, buf *error);
/* Starts a daemon in the background. A descriptor that gives one byte when it serves and end of
 * file when it failed, or -1 with a message. */
static int spawn_daemon(const struct config *config, buf *error);
/* Asks the running daemon to end (SIGTERM) and waits until it has. 0 ended, 1 none was running, -1
 * with a message. */
static int spawn_stop(const struct config *config, buf *error);

#endif
