#ifndef TELEC_FLEET_H
#define TELEC_FLEET_H
#include "../work/work.h"

/* ==== fleet: what computers write to each other through Redis, as bytes ====================== */

#define CODEC_KEYS "computer:*:heartbeat" /* for SCAN */
#define CODEC_NAME_MAX 128             /* bytes of a computer's name */
#define CODEC_SESSION_MAX (64 * 1024)  /* bytes of one session object */
/* arrays and objects within each other; what is passed on is put into two or three more */
#define CODEC_DEPTH_MAX (JSON_DEPTH / 2)

/* A stream entry's id: when Redis took it, and the how manyth of that millisecond. */
struct codec_id {
    unsigned long long ms, seq;
};

struct codec_heartbeat {
    char name[CODEC_NAME_MAX + 1], user[65], host[256]; /* "" where nothing usable was said */
    char telec[32];         /* its version; "": a TeleClaude daemon */
    char instance[64];      /* anew for every run of the daemon, and for every connection */
    unsigned interest;      /* set of enum cache_topic */
    int leaving;            /* it ends now */
};

/* A session object of another computer; object points into the parsed text. */
struct codec_session {
    char id[65];
    struct json object;
    long long activity;     /* last_activity, wall clock; 0: it says none */
};

struct codec_event {
    int removed;            /* session_removed: of the session there is the id only */
    char source[CODEC_NAME_MAX + 1];
    struct codec_session session;
};

/* A request's fields; empty spans where there is none. They point into the entry. */
struct codec_request {
    span command, initiator, session_id, title, project_dir, metadata, auto_command;
    span type, from, args;  /* of a system message */
};

struct codec_answer {
    int good;
    struct json data;       /* of a good one */
    struct json error;      /* of a bad one: a text, for people */
    char code[32];
};

/* Is it a text of 1 to CODEC_NAME_MAX bytes without control characters? */
static int codec_name_is_good(span name);
/* NAME of "computer:NAME:heartbeat"; empty: it is no such key */
static span codec_key_name(span key);
static void codec_put_key(buf *b, const char *computer);
/* "1700000000000-0": 1, or 0 */
static int codec_parse_id(span text, struct codec_id *id);
static void codec_put_id(buf *b, struct codec_id id);
static int codec_compare_ids(struct codec_id a, struct codec_id b); /* < 0, 0, > 0 */

/* The parsers below give 1; or 0, and *why is a static text. */
static void codec_put_heartbeat(buf *b, const struct codec_heartbeat *h, long long wall_ms);
static int codec_parse_heartbeat(span text, struct codec_heartbeat *h, const char **why);
static int codec_parse_object(span text, struct json *out, const char **why);
static int codec_parse_session(struct json object, struct codec_session *s, const char **why);
/* The object as it is, but for its member "computer"; NULL: it has none. */
static void codec_put_session(buf *b, struct json object, const char *computer);
static void codec_put_event(buf *b, const char *event, span data, long long wall_ms,
                            const char *computer);
static int codec_parse_event(span payload, struct codec_event *e, const char **why);
/* A field of a stream entry; unknown ones are passed over. */
static void codec_take_field(struct codec_request *r, span name, span value);
/* A command's words, split as a POSIX shell does, without the leading slash: as config_words. NULL:
 * there is none, or a quote stays open, or a NUL is in it. */
static char **codec_words(span text);
static void codec_put_words(buf *b, const char *const *words); /* codec_words gives them back */
static void codec_put_joined(buf *b, char *const *words);      /* with blanks between, and a NUL */
static void codec_put_success(buf *b, span data);
static void codec_put_error(buf *b, const char *error, const char *code); /* code may be NULL */
static int codec_parse_answer(span chunk, struct codec_answer *a, const char **why);
/* {"size": [cols, rows]} of a screen that may be. 1, or 0. */
static int codec_parse_size(span text, int *cols, int *rows);
/* Is the computer in the comma-separated list? "*" is everybody. */
static int codec_is_allowed(const char *allow, span computer);

/* ==== redis: one reconnecting Redis connection on the loop =================================== */

#define REDIS_BACKOFF_MIN_MS 1000   /* before the second try; doubles, with 20 % of jitter … */
#define REDIS_BACKOFF_MAX_MS 30000  /* … up to this; the first again after a connection that … */
#define REDIS_LASTING_MS 10000      /* … was ready for this long */
#define REDIS_CONNECT_MS 5000       /* for the look-up of the name; for each address */
#define REDIS_REPLY_MS 10000        /* for an answer, or for more of one that has begun */
#define REDIS_ADDRESSES_MAX 8       /* of one host name, tried in order */
#ifndef REDIS_PENDING_MAX
#define REDIS_PENDING_MAX 65536     /* calls without an answer yet */
#endif
#define REDIS_QUEUE_MAX (64 * 1024 * 1024) /* bytes of commands that the server has not taken */

enum redis_state {
    REDIS_OFF,        /* not started */
    REDIS_RESOLVING,  /* a child process looks the name up */
    REDIS_CONNECTING,
    REDIS_GREETING,   /* protocol, password, database */
    REDIS_READY,
    REDIS_WAITING     /* lost, or there was none; the next try is at retry_at */
};

/* All are called from the loop, and may call anything of the part but redis_free. */
struct redis_hooks {
    void (*on_ready)(void *ctx);
    /* It was ready and is not any more; the calls without an answer have been told before. */
    void (*on_lost)(void *ctx, const char *why);
    /* A message of a channel that was subscribed to; NULL: nobody does. */
    void (*on_push)(void *ctx, span channel, span message);
};

/* What a url says. */
struct redis_target {
    char *path;             /* of a Unix socket; or NULL and … */
    char *host;             /* … name or address, without brackets */
    int port;
    int tls;                /* through the tls_command */
    char *user, *password;  /* NULL: none */
    int db;
    int protocol;           /* 3: RESP3 when the server has it, else 2 */
};

/* Milliseconds; the constants above, unless a test changes them. */
struct redis_times {
    long long backoff_min, backoff_max, lasting, connect, reply;
};

struct redis {
    struct loop *loop;
    const struct config *config;
    const char *name;       /* what the connection is for, in a word */
    const struct redis_hooks *hooks;
    void *ctx;
    struct redis_target target;
    struct redis_times times;
    enum redis_state state;
    char why[256];          /* what the last connection was lost or refused for; "": nothing yet */
    long long id;           /* the server's CLIENT ID of this connection; 0: unknown */
    int protocol;           /* 2 or 3, of this connection */
    long long connects, losses; /* times it became ready; times that was lost, restarts apart */
    long long retry_at;     /* when WAITING: on clock_mono_ms */
    /* the connection */
    struct loop_timer timer; /* of the state: look-up, connect, answer, next try */
    struct loop_fd connecting;
    struct conn conn;
    int open;               /* conn is */
    int closing;            /* its end is being told */
    int again;              /* closed by redis_restart */
    int quiet;              /* that the next one stands is not worth a line of the log */
    int subscribed;         /* in RESP2 */
    struct resp_scan scan;
    struct redis_pending *pending; /* ring of pending_cap calls, a power of two */
    size_t pending_head, pending_count, pending_cap;
    struct redis_address *addresses;
    int address_count, address_next;
    struct redis_child *children; /* processes not reaped yet */
    struct redis_child *child; /* the look-up or the TLS program of this connection */
    long long backoff, ready_at;
    char logged[256];       /* the failure that the log has already */
};

/* Prepares a connection to config->redis_url. name is for the log and for CLIENT SETNAME
 * (telec-COMPUTER-NAME), a static text. 0, or -1 with a message that says where the url was read
 * and what is wrong, and never has the password. */
static int redis_init(struct redis *r, struct loop *l, const struct config *config,
                      const char *name, const struct redis_hooks *hooks, void *ctx, buf *error);
static void redis_start(struct redis *r);          /* connects, and again whenever it is lost */
/* Ends it at once, without a hook; calls without an answer are told. Safe twice, and after a failed
 * redis_init. */
static void redis_free(struct redis *r);
/* Sends a command written by resp_put_command. Calls are pipelined: done is called once, in order,
 * with the answer (valid during the call; an error is one, too), or with NULL when the connection
 * was lost first. done may be NULL. block_ms: how long the command itself waits (XREAD BLOCK);
 * 0 not at all; -1 for ever. An answer that takes REDIS_REPLY_MS longer loses the connection. 1, or
 * 0 when there is no connection that could take it; done is not called then. SUBSCRIBE takes one
 * channel a call; in RESP2 a connection that has subscribed can do nothing else. */
static int redis_call(struct redis *r, span command, long long block_ms,
                      void (*done)(void *ctx, const struct resp *reply), void *ctx);
/* Drops the connection and connects again at once, to the same address, e.g. to interrupt a
 * blocking XREAD (CLIENT UNBLOCK of r->id from another connection does it more cheaply). Does not
 * wait any longer when WAITING. */
static void redis_restart(struct redis *r);
static const char *redis_state_name(const struct redis *r); /* "ready", "reconnecting", … */
static void redis_put_address(const struct redis *r, buf *b); /* the url without user, password */
/* The hidden command `telec resolve HOST PORT`: numeric addresses, one a line. Exit status. */
static int redis_resolve_main(const char *host, const char *port);

/* ==== link: the conversations with Redis: commands, streams, requests and their answers ====== */

#define STREAMS_ASK_MS 5000               /* for an answer */
#define STREAMS_ASKS_MAX 8192             /* requests under way */
#define STREAMS_ANSWER_KEY "output:"
#define STREAMS_REQUESTS_KEY "messages:"

/* A stream that is read. take is called with each entry, its fields not yet looked at. */
struct streams_stream {
    struct streams_stream *next, **link; /* link NULL: it is not read */
    char *key;
    struct codec_id at;     /* the last entry taken */
    int reading;            /* its place in the XREAD under way + 1; 0: none */
    void (*take)(struct streams_stream *s, struct codec_id id, const struct resp *fields);
    void *owner;
};

/* A request to another computer. done is called once: answer NULL: there was none, and why says so;
 * at is the answer's id. */
struct streams_ask {
    struct streams_ask *next, **link;
    struct streams *owner;
    char *computer;
    struct streams_stream stream;
    struct loop_timer timer;
    int sending;            /* the XADD is not answered yet: the memory must last */
    buf again;              /* the XADD once more, with an id of Redis's choice */
    void (*done)(void *ctx, const struct codec_answer *answer, struct codec_id at,
                 const char *why); /* NULL: nobody wants to know any more */
    void *ctx;
};

/* What the owner hears of it all, from the loop. */
struct streams_hooks {
    const char *channel;           /* that is listened to */
    void (*on_ready)(void *ctx);   /* commands are taken */
    void (*on_lost)(void *ctx);    /* not any more; those without an answer have been told */
    void (*on_said)(void *ctx, span message); /* on the channel */
    void (*on_listening)(void *ctx); /* on a connection of its own: what was said before is lost */
};

struct streams {
    struct loop *loop;
    const struct config *config;
    const struct streams_hooks *hooks;
    void *ctx;
    int on;                 /* there is a url: without one nothing of this runs */
    int ready;              /* `calls` is */
    struct redis calls, reader, ear;
    int ear_started;
    long long clock;        /* Redis's clock, from clock_mono_ms */
    unsigned long long number; /* of the next request: random at first */
    /* reading */
    struct streams_stream *streams;
    struct streams_stream **reading; /* those of the XREAD under way, in its order */
    size_t reading_count;
    int stopped;            /* nothing is read any more */
    int blocked;            /* an XREAD is under way */
    int stale_read;         /* what is to be read has changed since it began */
    int no_unblock;         /* CLIENT UNBLOCK is refused */
    int read_count;         /* entries of each stream that one XREAD asks for */
    size_t batch;           /* entries of one stream in the XREAD being taken */
    struct loop_task reread;
    struct loop_timer unblock_timer;
    /* asking */
    struct streams_ask *asks;
    size_t ask_count;
    long long logged_at, quiet; /* complaints: when the last was logged; how many were not since */
};

/* 0; or -1 with a message: the url is wrong, and nothing of this runs. */
static int streams_init(struct streams *l, struct loop *loop, const struct config *config,
                     const struct streams_hooks *hooks, void *ctx, buf *error);
static void streams_start(struct streams *l);
static void streams_stop_reading(struct streams *l);     /* for good */
static int streams_is_busy(const struct streams *l);     /* commands have no answer yet */
static void streams_free(struct streams *l);             /* requests under way end without an answer */
/* A line in the log about what another computer wrote: at most one a second. */
static void streams_complain(struct streams *l, const char *what, span who, const char *why);
/* A command of C strings, the last one followed by NULL; of spans, on one of the connections. See
 * redis_call. */
static int streams_call(struct streams *l, const char *const *args,
                     void (*done)(void *ctx, const struct resp *reply), void *ctx);
static int streams_send(struct redis *r, const span *args, size_t count, long long block_ms,
                     void (*done)(void *ctx, const struct resp *reply), void *ctx);
static char *streams_key(const char *before, const char *name); /* both in one, to be freed */
/* XADD of fields (name, value, name, value …, at most 26) to a stream that is cut to `most` and
 * forgotten after ttl_s. */
static int streams_add(struct streams *l, const char *key, int most, const span *fields, size_t count,
                    int ttl_s, void (*done)(void *ctx, const struct resp *reply), void *ctx);
static void streams_put_time(char out[32]);           /* now, in seconds, as streams have it */
/* Is anything at `key`? 0: it can't be asked now, and done is not called. */
static int streams_exists(struct streams *l, const char *key, void (*done)(void *ctx, int exists),
                       void *ctx);
/* XREVRANGE of a stream's last entry, and what it gave; 0-0: the stream is empty. */
static void streams_find_end(struct streams *l, const char *key,
                          void (*done)(void *ctx, const struct resp *reply), void *ctx);
static struct codec_id streams_last_id(const struct resp *reply);
static void streams_stream_open(struct streams *l, struct streams_stream *s);  /* reads from s->at on */
static void streams_stream_close(struct streams *l, struct streams_stream *s); /* take is not called again */
static void streams_stream_free(struct streams *l, struct streams_stream *s);  /* the key, too */
static void streams_reread(struct streams *l);           /* fewer streams are to be read */
/* Sends a request (the fields that are not empty, timestamp and initiator). done is called from the
 * loop, within STREAMS_ASK_MS. NULL: it can't be sent now; *why says so, and done is not called. */
static struct streams_ask *streams_ask(struct streams *l, const char *computer,
                                 const struct codec_request *request,
                                 void (*done)(void *ctx, const struct codec_answer *answer,
                                              struct codec_id at, const char *why),
                                 void *ctx, const char **why);
static void streams_forget(struct streams_ask *ask);     /* done is not called any more */
/* Answers a request; envelope is JSON. */
static void streams_answer(struct streams *l, struct codec_id request, span envelope);

/* ==== peers: the other computers: who is there, what they tell, asking them ================== */

#ifndef PEERS_BEAT_MS
#define PEERS_BEAT_MS 30000            /* between two heartbeats */
#define PEERS_STALE_MS 45000           /* without a heartbeat: stale … */
#define PEERS_GONE_MS 60000            /* … and gone; also the heartbeat key's time to live */
#endif
#define PEERS_MAX 1000                 /* computers */
#define PEERS_SESSIONS_MAX 10000       /* of one computer */
#define PEERS_PROJECTS_MAX 1000        /* of one computer */
#define PEERS_TODOS_MAX (256 * 1024)   /* bytes of one project's todos */
#define PEERS_BUCKETS 256
#define PEERS_REMOVED_MAX 32           /* removals of one computer that a pull may come behind */

struct peers_project {
    char *path, *name, *description;
    char *todos;            /* JSON array; NULL: not known yet */
};

/* Another computer. */
struct peers_peer {
    struct peers_peer *next, **link, *next_same;
    struct peers *peers;
    struct codec_heartbeat beat;
    buf text;               /* its last heartbeat, as it was written */
    long long beat_at;      /* when it was written, as far as we know; clock_mono_ms */
    int stale;
    int checking;           /* its key is being looked at */
    int pulling, pull_again; /* list_sessions is under way; and due once more after it */
    long long pulled_at;
    int preparing;          /* list_projects and list_todos under way, asked in this life: */
    long long life;         /* since it, or the connection, was there anew */
    struct {
        char id[65];
        struct codec_id at;
    } removed[PEERS_REMOVED_MAX]; /* ring of what it removed last */
    int removed_next;
    size_t sessions;
    int suspect;            /* events of it may have been cut off, or it did not answer */
    int failures;           /* list_sessions without a usable answer since the last good one */
    char user[65], host[256]; /* what a TeleClaude daemon answered */
    struct peers_project *projects;
    int project_count;
    long long projects_at;  /* when list_projects was answered; 0: never */
    long long events_in, events_out, coalesced, dropped, lag_ms;
};

/* A request from another computer; the spans are valid during the call. */
struct peers_request {
    struct codec_id id;
    struct codec_request fields;
};

struct peers_hooks {
    /* Does it change anything here? Then it is noted as handled before on_request gets it. */
    int (*changes)(void *ctx, const struct peers_request *request);
    void (*on_request)(void *ctx, const struct peers_request *request);
    /* Something about one of this computer's own sessions has changed. */
    void (*on_activity)(void *ctx, const char *session_id);
};

/* Somebody who waits until others have told what they have; embedded. */
struct pull_gather {
    unsigned topics;
    const char *computer;   /* NULL: all of them */
    struct pull_gather *next, **link; /* link NULL: it does not wait */
    struct peers *peers;
    struct loop_timer timer;
    void (*done)(void *ctx);
    void *ctx;
};

struct peers {
    struct loop *loop;
    const struct config *config;
    struct cache *cache;
    const struct peers_hooks *hooks;
    void *hooks_ctx;
    struct streams link;       /* link.on: there is a url; else nothing of this runs */
    unsigned interest;      /* topics that local clients are subscribed to */
    unsigned announced;     /* what the last heartbeat said of it */
    struct codec_heartbeat self;
    char run[37];           /* this run of the daemon, in self.instance */
    buf beat;               /* our last heartbeat, as it was written */
    struct loop_timer beat_timer, late_timer, cursor_timer, pull_timer, flush_timer;
    long long beats;        /* heartbeats written */
    long long looked_at;    /* when a key was looked at last because its owner said something */
    char trouble[128];      /* what Redis says to the heartbeat; "": nothing */
    long long clash_at;     /* when another computer was last heard with our name; 0: never */
    /* the table */
    struct peers_peer *first, **last, *buckets[PEERS_BUCKETS];
    size_t count;
    long long listing;      /* number of the last list_sessions taken */
    long long lives;        /* of all peers so far */
    /* streams */
    struct streams_stream messages, events;
    int cursor_known, cursor_dirty;
    int scanning;           /* pages of the SCAN under way */
    /* sending */
    size_t flying;          /* XADDs of events without an answer yet */
    int held;               /* sessions whose events wait */
    char (*lost)[65];       /* ids removed while there was no connection */
    size_t lost_count;
    int leaving;
    struct pull_gather *gathers;
    /* a session of another computer (id NULL: all of them) is no more; may be NULL */
    void (*on_gone)(void *ctx, const char *computer, const char *id, const char *why);
    void *gone_ctx;
};

/* 0; or -1 with a message: the url is wrong, and nothing of this runs. */
static int peers_init(struct peers *p, struct loop *l, const struct config *config,
                      struct cache *cache, buf *error);
static void peers_start(struct peers *p, const struct peers_hooks *hooks, void *ctx);
static void peers_free(struct peers *p);
static void peers_leave(struct peers *p);          /* says good-bye; streams_is_busy until it is out */
static void peers_set_interest(struct peers *p, unsigned topics); /* of local clients */
/* Asks for what nobody is subscribed to, and what therefore is not kept up to date. 1: done is
 * called once all who were asked have answered, or after `ms`, unless it is ended first. 0: nothing
 * is to be waited for. */
static int pull_gather(struct peers *p, struct pull_gather *gather, long long ms);
static void pull_gather_end(struct pull_gather *gather);
static void pull_refresh(struct peers *p);        /* asks everybody for everything anew */
/* Is it a computer whose sessions are not kept up to date here, for want of interest? */
static int presence_must_be_asked(const struct peers *p, const char *computer);
static struct peers_peer *roster_find(const struct peers *p, span computer); /* NULL: unknown */
/* Is a TeleClaude daemon interested in sessions? */
static int presence_is_heard_abroad(const struct peers *p);
/* Appended to an open JSON array. computer NULL: of all; of projects without or with todos. */
static void roster_put_computers(const struct peers *p, buf *b); /* this one first */
static void pull_put_projects(const struct peers *p, const char *computer, int with_todos, buf *b);
static void peers_put_status(const struct peers *p, buf *b); /* members "redis" and "peers" */

/* ==== watch: looking at sessions of other computers ========================================== */

/* What an observer hears. on_ended is the last call. */
struct observe_hooks {
    void (*on_size)(void *ctx, span size_json); /* {"size": [cols, rows]} */
    void (*on_output)(void *ctx, span bytes);
    void (*on_ended)(void *ctx, const char *why);
};

struct observations {
    struct loop *loop;
    struct peers *peers;
    struct observation *first;
    struct loop_timer timer;
};

struct observation {
    struct observation *next, **link;
    struct observations *owner;
    char *computer, *id;
    struct streams_stream stream;
    struct streams_ask *asked;
    int telec;              /* it numbers what it sends, and begins with a snapshot */
    int begun;
    int calls;              /* commands without an answer yet: the memory must last */
    long long number;       /* of the last piece */
    const struct observe_hooks *hooks; /* NULL: nobody listens any more */
    void *ctx;
    struct loop_task end;   /* from the loop, never from within a call of the owner */
    char why[200];
};

static void observe_init(struct observations *all, struct loop *l, struct peers *peers);
/* NULL: it can't be done now. */
static struct observation *observe_open(struct observations *all, const char *computer, const char *id,
                                const struct observe_hooks *hooks, void *ctx);
static void observe_restart(struct observation *w);        /* from a new snapshot on, where it can be had */
static void observe_close(struct observation *w);          /* no hook is called any more */

/* ==== answer: what other computers ask of this one =========================================== */

#define BROADCAST_OBSERVERS 16 /* computers that observe one session */

struct requests {
    struct loop *loop;
    const struct config *config;
    struct cache *cache;
    struct sessions *sessions;
    struct projects *projects;
    struct peers *peers;
    struct requests_job *jobs;  /* requests under way */
    int jobs_count;
    struct broadcast_show *shows; /* sessions being observed */
    int show_count;
    struct loop_timer look_timer;
};

/* Starts `peers`, too. */
static void requests_init(struct requests *all, struct loop *l, const struct config *config,
                        struct cache *cache, struct sessions *sessions, struct projects *projects,
                        struct peers *peers);
static int requests_is_busy(const struct requests *all); /* requests are under way */
static void requests_free(struct requests *all);

#endif
