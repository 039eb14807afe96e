#ifndef TELEC_SESSION_H
#define TELEC_SESSION_H
#include "../system/system.h"

/* ==== cache: sessions and who wants to hear of them ========================================== */

#ifndef CACHE_UPDATE_MS
/* at most one update of a session in this time; the last one always comes */
#define CACHE_UPDATE_MS 100
#endif

enum cache_topic { CACHE_SESSIONS = 1, CACHE_PREPARATION = 2 };
#define CACHE_TOPICS 2

/* One session object: `json`. */
struct cache_session {
    /* what every change needs, close together */
    buf json;
    long long sent_at;      /* when its last event went out */
    struct cache_session **dirty, *next_dirty; /* its update waits; dirty NULL: it does not */
    int announced;
    char *id, *computer;
    size_t place;           /* in cache.sessions */
    void *local;            /* the session itself, when it is one of this computer */
    struct cache_session *next_same; /* in its hash bucket */
    /* for part peers: of another computer's, what its state is as old as, and in which list it was
     * last; of this one's: it is still to be sent to others */
    long long activity, listed;
    unsigned long long order[2];
    int held;
};

struct cache_subscriber {
    struct cache_subscriber *next, **link; /* link NULL: not in the list */
    unsigned topics;        /* set of enum cache_topic */
    void (*send)(void *ctx, blob *frame);
    void *ctx;
};

struct cache {
    struct cache_session **sessions; /* in the order they came; NULL where one was removed */
    size_t places, cap;     /* used and allocated places of sessions */
    size_t count;           /* sessions that are there */
    struct cache_session **buckets; /* hash of id; as many as cap */
    struct cache_session *dirty_first, **dirty_last;
    struct cache_subscriber *subscribers;
    blob *list;             /* "[…]" of all sessions, NULL when one has changed since */
    /* makes the bytes that go to every subscriber of an event's JSON text, given in parts */
    blob *(*encode)(const span *parts, size_t count);
    long long events_sent, events_coalesced;
    unsigned interest;      /* topics that somebody is subscribed to */
    int wanting[CACHE_TOPICS]; /* subscribers of each */
    /* the interest has changed; may be NULL. No subscribing from within. */
    void (*on_interest)(void *ctx, unsigned topics);
    void *interest_ctx;
    /* a session's event is due, whoever is subscribed, or it is about to be removed; may be NULL */
    void (*on_session)(void *ctx, struct cache_session *s, int removed);
    void *session_ctx;
};

static void cache_init(struct cache *c, blob *(*encode)(const span *parts, size_t count));
static void cache_free(struct cache *c);
static struct cache_session *cache_find(const struct cache *c, const char *id); /* NULL: unknown */
/* Adds a session or replaces its object (JSON text, given in parts) and sends the event, at once or
 * when its time has come. */
static struct cache_session *cache_put(struct cache *c, const char *id, const char *computer,
                                       const span *parts, size_t count, long long now);
/* the same of a session that is there */
static void cache_update(struct cache *c, struct cache_session *s, const span *parts, size_t count,
                         long long now);
/* with session_removed; unknown ids are nothing */
static void cache_remove(struct cache *c, const char *id);
/* Sends the updates whose time has come. When to call again, or -1: nothing is waiting. */
static long long cache_flush(struct cache *c, long long now);
/* The JSON array of all sessions, valid until the next cache_put or cache_remove, or longer by
 * blob_ref. */
static blob *cache_list(struct cache *c);
/* of one computer's */
static void cache_put_list(const struct cache *c, const char *computer, buf *b);
/* Sets a subscriber's topics; 0 takes it out. */
static void cache_subscribe(struct cache *c, struct cache_subscriber *s, unsigned topics);
/* an event of any other kind */
static void cache_publish(struct cache *c, unsigned topics, span event_json);

/* ==== hold: the session holder, and the daemon's side of talking to it ======================= */

#define FRAME_MAX (2 * 1024 * 1024) /* payload of one frame, in bytes */
#ifndef HOLDER_BACKLOG_MAX
/* a viewer that is further behind gets a snapshot instead */
#define HOLDER_BACKLOG_MAX (256 * 1024)
#endif
/* a viewer that gets more than it could show in this time */
#define HOLDER_TICK_MS 20
#define HOLDER_TICK_MAX (128 * 1024)       /* (bytes) is shown a snapshot at the end of it instead */
#define STATE_STATUS_MS 100               /* between two status frames */
#define HOLDER_ECHO_MS 4                   /* from a key to its echo, and then to a status frame */
#define STATE_IDLE_MS 3000                /* without output: idle */
#define HOLDER_RECEIPT_MS 2000             /* for a program to react to a message */
#define HOLDER_KEYS_MAX 100                /* presses in one request */
#define HOLDER_KILL_MS 3000                /* from SIGHUP to SIGKILL */

/* A frame is its payload's length (4 bytes, most significant first), a type, the payload. A holder
 * may be older than the daemon: types and JSON members that are not known are passed over. */
enum frame_type {
    /* to the holder */
    FRAME_INPUT = 'i',    /* bytes for the program; makes the sender the controller of the size */
    /* The same was written to the pty by the sender, the last of it at that time of the monotonic
     * clock (milliseconds), which all of a machine share. */
    FRAME_TYPED = 'Y',
    FRAME_MESSAGE = 'm',  /* {"text", "enter"}: typed and submitted; answered by FRAME_RECEIPT */
    FRAME_RESIZE = 'r',   /* {"cols", "rows"} */
    FRAME_KEYS = 'K',     /* {"key", "count"}: keys by name, see frame_put_key */
    FRAME_KILL = 'k',     /* end the session */
    /* {"undo_ms"}: stop its processes now, and end it after that time unless it goes on */
    FRAME_STOP = 'p',
    FRAME_CONTINUE = 'c', /* let its processes go on */
    FRAME_SEEN = 'n',     /* somebody has looked at it */
    FRAME_EVENT = 'e',    /* {"type", "text", "native_session_id"}: what an agent's hook reports */
    FRAME_WATCH = 'w',    /* send status frames from now on */
    /* Send a snapshot, then the output as it comes. The payload is a set of the letters below. */
    FRAME_VIEW = 'v',
    FRAME_SCREEN = 's',   /* answered by FRAME_SCREEN_IS */
    FRAME_TEXT = 't',     /* answered by FRAME_TEXT_IS */
    FRAME_SPEC = 'L',     /* on descriptor 0 at its start: what to start */
    /* from the holder */
    FRAME_STATUS = 'S',   /* a session's live members, as in its session object */
    FRAME_OUTPUT = 'O',   /* bytes the program wrote */
    FRAME_SIZE = 'Z',     /* {"size": [cols, rows]} of the snapshot that follows */
    FRAME_SNAPSHOT = 'N', /* bytes that repaint the whole screen */
    /* A number: you may write to the pty yourself, once you have sent that many FRAME_INPUT (the
     * program has got them all); empty: not now. */
    FRAME_PTY = 'P',
    FRAME_SCREEN_IS = 'C',/* GET …/screen's object */
    FRAME_TEXT_IS = 'T',  /* plain text of scrollback and screen */
    FRAME_RECEIPT = 'R'   /* "delivered" or "unconfirmed" */
};

#define FRAME_VIEW_SIZES 'z'      /* FRAME_SIZE before each snapshot, and a new one after a resize */
#define FRAME_VIEW_SCROLLBACK 'b' /* the first snapshot has the scrollback, too */
#define FRAME_VIEW_PTY 'p'        /* FRAME_PTY: the first one brings the pty's descriptor */

/* What a key sends ("enter", "key_up", "ctrl_c", "f1", …); application: the program asked for
 * application cursor keys. 1, or 0: no key of that name. */
static int frame_put_key(buf *b, span name, int application);
/* The holder's main: reads what to start from descriptor 0, answers there {"pid"} or {"error"}, and
 * lives in the background until the session ends. Returns the process's exit status. */
static int holder_main(void);

/* What a new session is. */
struct holder_spec {
    const char *id, *socket, *state_dir; /* its socket; its directory of record and log */
    const char *api_socket;  /* where the program finds the daemon: TELEC_SOCKET */
    char *const *argv;
    const char *directory;
    /* array of "NAME=value"; anything else: the daemon's own environment */
    struct json env;
    int cols, rows;
    /* a first message: typed and submitted once the program shows something; or NULL */
    const char *typed;
    const char *last_input;  /* what the session object shows as such at first; or NULL */
};

/* Starts a holder; done is called once, from the loop: error is NULL, or says why there is no
 * session. Freed by itself. */
static void holder_launch(struct loop *l, const char *program, const struct holder_spec *spec,
                        void (*done)(void *ctx, const char *error), void *ctx);

/* A connection to a holder. Set the hooks, then holder_link_open; on_closed is the last call. */
struct holder_link {
    int open;
    void (*on_frame)(void *ctx, enum frame_type type, span payload);
    void (*on_closed)(void *ctx); /* after it the link may be opened again or its memory freed */
    void *ctx;
    struct conn conn;
};

/* 0, or -1 and errno */
static int holder_link_open(struct holder_link *link, struct loop *l, const char *socket);
static void holder_link_send(struct holder_link *link, enum frame_type type, span payload);
static void holder_link_close(struct holder_link *link);    /* on_closed comes at the end of the pass */
static void holder_link_drain(struct holder_link *link);    /* the same once everything has been sent */
static void holder_link_cancel(struct holder_link *link);  /* at the program's end: no callback */

/* How a question to a holder came out: answered, the session ended first, no answer in time. */
enum holder_answer { HOLDER_ANSWERED, HOLDER_ENDED, HOLDER_LATE };

/* A question under way, on a connection of its own; freed by itself. */
struct holder_ask {
    struct holder_link link;
    struct loop_timer timer;
    enum frame_type wanted;
    void (*done)(void *ctx, enum holder_answer how, span payload); /* NULL: nobody wants to know */
    void *ctx;
};

/* Sends `question` and calls done once, from the loop, with the first frame of type `wanted`. NULL:
 * the holder can't be reached, and done is not called. */
static struct holder_ask *holder_ask(struct loop *l, const char *socket, enum frame_type question,
                                 span payload, enum frame_type wanted,
                                 void (*done)(void *ctx, enum holder_answer how, span payload),
                                 void *ctx);
static void holder_ask_cancel(struct holder_ask *ask);     /* done is not called any more */

/* Plain text of a session that has no holder any more, from its log, as FRAME_TEXT gives it. */
static void holder_log_text(const char *state_dir, int cols, int rows, buf *out);

/* ==== sessions: the sessions of this computer: records, holders, adoption, ends ============== */

struct session {
    struct sessions *owner;
    struct session *next, **link;
    char *id, *dir, *socket;
    /* the record */
    char *title, *directory, *agent, *mode, *initiator, *command; /* NULL where there is none */
    long long created_at;
    int ending;             /* to be removed as soon as it has ended */
    /* live */
    long long looked_at;    /* when it was last looked whether a computer observes it */
    struct session_waiter *waiters; /* for its end */
    struct session_creating *creating; /* who waits for its beginning; or NULL */
    int hidden;             /* stopped and about to be ended by its holder; not in the cache */
    struct cache_session *cached; /* NULL: not in the cache */
    buf record;             /* the members of its object that seldom change, without braces */
    buf status;             /* the holder's last status object, {} before the first */
    struct holder_link holder;
};

/* Somebody who waits for a session's end; embedded. ended is called once; cancel by
 * session_forget. */
struct session_waiter {
    struct session_waiter *next, **link;
    void (*ended)(void *ctx);
    void *ctx;
};

struct sessions {
    struct loop *loop;
    const struct config *config;
    struct cache *cache;
    struct session *first, **last;
    size_t count, adopting;
    struct loop_timer flush_timer, adopt_timer;
    void (*ready)(void *ctx); /* every holder has answered */
    void *ready_ctx;
};

/* What a new session shall be; strings are copied. */
struct session_plan {
    const char *title, *directory, *agent, *mode, *initiator, *message; /* NULL: none */
    char *const *command;   /* NULL: the agent's */
    struct json env;
    int cols, rows;
};

/* Loads the records and connects to every holder; ready is called from the loop once all have
 * answered, or a second has passed. */
static void sessions_init(struct sessions *all, struct loop *l, const struct config *config,
                          struct cache *cache, void (*ready)(void *ctx), void *ctx);
static void sessions_free(struct sessions *all);   /* leaves every session running */
static struct session *session_find(const struct sessions *all, const char *id);
/* Starts a session. done is called once, from the loop or at once: with the new session (its object
 * is in the cache), or NULL and why not. */
static void session_create(struct sessions *all, const struct session_plan *plan,
                           void (*done)(void *ctx, struct session *s, const char *error),
                           void *ctx);
/* 0, or -1 and errno: not on disk */
static int session_rename(struct session *s, const char *title);
/* Ends a running session or dismisses an exited one. The waiter is told when it is gone. */
static void session_end(struct session *s, struct session_waiter *waiter);
#define SESSION_UNDO_MAX_S 60
/* Ends a running session in a way that can be undone for undo_s seconds: its processes are stopped
 * and it is out of the list at once; its holder ends it when the time is up, whatever becomes of
 * the daemon. */
static void session_stop(struct session *s, int undo_s);
static struct session *session_find_hidden(const struct sessions *all, const char *id);
static void session_continue(struct session *s);   /* undoes session_stop */
static void session_forget(struct session_waiter *waiter);
/* what an agent's hook says (FRAME_EVENT) */
static void session_set_seen(struct session *s); /* somebody has looked at it */
static void session_report(struct session *s, span event_json);
/* an exited session's transcript, from its log */
static void session_text(const struct session *s, buf *out);
/* The object that tells a session's transcript, of which text is all that there is. */
static void session_put_transcript(const struct sessions *all, const char *id, span text,
                                   long long tail_chars, buf *b);
static int session_has_exited(const struct session *s);
static int session_size(const struct session *s, int *cols, int *rows); /* as last reported */
/* The command line that starts an agent; message: with that prompt where it takes one; or NULL. */
static void session_put_agent_command(const struct config_agent *agent, int mode,
                                      const char *message, buf *b);

#endif
