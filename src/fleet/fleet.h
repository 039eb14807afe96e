#ifndef TELEC_FLEET_H
#define TELEC_FLEET_H
#include "../work/work.h"

/* ==== codec: what computers write to each other through Redis, as bytes ====================== */

#define CODEC_KEYS "computer:*:heartbeat" /* for SCAN */
#define CODEC_NAME_MAX 128             /* bytes of a computer's name */
#define CODEC_SESSION_MAX (64 * 1024)  /* bytes of one session object */
/* arrays and objects within each other; telec wraps two or three more around them */
#define CODEC_DEPTH_MAX (JSON_DEPTH / 2)

/* A stream entry's id, MS-SEQ: Redis's time in milliseconds, and a sequence number within it. */
struct codec_id {
    unsigned long long ms, seq;
};

struct codec_heartbeat {
    char name[CODEC_NAME_MAX + 1], user[65], host[256]; /* "" where nothing usable was given */
    char telec[32];         /* its version; "": a TeleClaude daemon */
    char instance[64];      /* another one for each run of the daemon and each connection */
    unsigned interest;      /* set of enum cache_topic */
    int leaving;            /* the daemon ends now */
    long long last_seen;    /* by its own clock, wall-clock milliseconds; 0: unknown */
};

/* A session object of another computer; object points into the parsed text. */
struct codec_session {
    char id[65];
    struct json object;
};

struct codec_event {
    int removed;            /* session_removed: the session has only its id */
    char source[CODEC_NAME_MAX + 1];
    struct codec_session session;
};

/* A request's fields; empty spans where there is none. They point into the entry. */
struct codec_request {
    span command, initiator, session_id, title, project_dir, metadata, auto_command;
    span type, from, args;  /* of a system message */
    span asked_ms, wait_ms; /* when it was sent, by Redis's clock; how long its asker waits */
};

struct codec_reply {
    int good;
    struct json data;       /* when good */
    struct json error;      /* else: a text, for people */
    char code[32];
};

/* An entry of an attachment's input; the spans point into the entry. */
struct codec_input {
    long long number, at;   /* 1, 2, …: its id; when it was sent, by Redis's clock */
    span op, data;
};

/* Is it a text of 1 to CODEC_NAME_MAX bytes without control characters? */
static int codec_name_is_good(span name);
/* Returns NAME of "computer:NAME:heartbeat"; empty: not such a key. */
static span codec_key_name(span key);
static void codec_put_key(buf *b, const char *prefix, const char *computer);
/* Parses "1700000000000-0". Returns 1, or 0. */
static int codec_parse_id(span text, struct codec_id *id);
static void codec_put_id(buf *b, struct codec_id id);
static int codec_compare_ids(struct codec_id a, struct codec_id b); /* < 0, 0, > 0 */

/* The parsers below return 1; or 0 with *why, a static text. */
static void codec_put_heartbeat(buf *b, const struct codec_heartbeat *h, long long wall_ms);
static int codec_parse_heartbeat(span text, struct codec_heartbeat *h, const char **why);
static int codec_parse_object(span text, struct json *out, const char **why);
/* Returns the text; or, in `mended`, a copy with U+FFFD for each lone surrogate (Python writes
 * them; they are no text elsewhere). */
static span codec_mend(span text, buf *mended);
static int codec_parse_session(struct json object, struct codec_session *s, const char **why);
/* Appends the object, with `computer` for its member "computer"; NULL: without that member. */
static void codec_put_session(buf *b, struct json object, const char *computer);
static void codec_put_event(buf *b, const char *event, span data, long long wall_ms,
                            const char *computer);
static int codec_parse_event(span payload, struct codec_event *e, const char **why);
/* Stores a field of a stream entry; unknown ones are ignored. */
static void codec_set_field(struct codec_request *r, span name, span value);
static void codec_read_input(struct codec_id id, const struct resp *fields, struct codec_input *in);
static int codec_has_nul(const struct codec_request *r); /* some string would be cut at a NUL */
#define CODEC_BLANKS " \t\r\n" /* between the words of a command */
static span codec_cut_word(span *rest); /* the first word, up to a blank */
/* Splits a command into words as a POSIX shell does, or at white space when a quote is open;
 * without its leading slash. As config_words. Returns NULL when there is no word. */
static char **codec_words(span text);
/* Returns the text behind a command's first word, byte by byte; or the word that it quotes, when it
 * is exactly what codec_put_words writes for one word. A new C string. */
static char *codec_text_behind(span command);
static void codec_put_words(buf *b, const char *const *words); /* the inverse of codec_words */
static void codec_put_joined(buf *b, char *const *words);      /* with blanks between, and a NUL */
static void codec_put_success(buf *b, span data);
static void codec_put_error(buf *b, const char *error, const char *code); /* code may be NULL */
static int codec_parse_reply(span chunk, struct codec_reply *a, const char **why);
/* Is the computer in the comma-separated list? "*" stands for all. */
static int codec_is_allowed(const char *allow, span computer);

/* ==== redis_url: where a Redis is, as its url says =========================================== */

struct redis_url {
    char *path;             /* of a Unix socket; or NULL and … */
    char *host;             /* … name or address, without brackets */
    int port;
    int tls;                /* through the tls_command */
    char *user, *password;  /* NULL: none */
    int db;
    int protocol;           /* 3: RESP3 when the server has it, else 2 */
    char *prefix;           /* of keys and channels; NULL: none */
    char *sentinels, *master; /* hosts, with commas between; the name they know; NULL: none */
    int moved;              /* host and port are not the url's: redis_url_move */
};

/* Parses redis://, rediss://, sentinel:// or unix: urls. Returns NULL; or what is wrong, a static
 * text without anything of the url. The caller frees t in both cases. */
static const char *redis_url_parse(struct redis_url *t, span url);
/* Sets host and port to those of the i-th sentinel. Returns 0: there is none, or *fault. */
static int redis_url_choose(struct redis_url *t, int i, const char **fault);
/* Sets host and port as a server says them; no host: the same one. Returns 0 when they are none. */
static int redis_url_move(struct redis_url *t, span host, span port);
static void redis_url_free(struct redis_url *t); /* overwrites the password; safe twice */
static void redis_url_put(const struct redis_url *t, buf *b); /* without user and password */

/* ==== redis: one reconnecting Redis connection on the loop =================================== */

#ifndef REDIS_BACKOFF_MIN_MS
#define REDIS_BACKOFF_MIN_MS 1000   /* before the second try; doubles, less up to 20 % jitter … */
#endif
#ifndef REDIS_BACKOFF_MAX_MS
#define REDIS_BACKOFF_MAX_MS 30000  /* … up to this; anew after a connection that was ready */
#endif
#ifndef REDIS_CONNECT_MS
#define REDIS_CONNECT_MS 5000       /* to resolve the name; for each address */
#endif
#ifndef REDIS_REPLY_MS
#define REDIS_REPLY_MS 10000        /* for a reply, or for more of one that has begun */
#endif
#define REDIS_ADDRESSES_MAX 8       /* of one host name, tried in order */
#ifndef REDIS_PENDING_MAX
#define REDIS_PENDING_MAX 65536     /* calls without a reply */
#endif
#define REDIS_QUEUE_MAX (4 * 1024 * 1024) /* bytes not written yet; a longer command goes alone */

enum redis_state {
    REDIS_OFF,        /* not started */
    REDIS_RESOLVING,  /* a child process resolves the name */
    REDIS_CONNECTING,
    REDIS_GREETING,   /* protocol, password, database */
    REDIS_READY,
    REDIS_WAITING     /* no connection; the next try is at retry_at */
};

/* All are called from the loop, and may call anything of the part but redis_free. */
struct redis_hooks {
    void (*on_ready)(void *ctx);
    /* The connection was ready and is lost; its pending calls have completed before. */
    void (*on_lost)(void *ctx, const char *why);
    /* A message of a subscribed channel; may be NULL. */
    void (*on_push)(void *ctx, span channel, span message);
};

/* Milliseconds; the constants above, unless a test changes them. */
struct redis_times {
    long long backoff_min, backoff_max, connect, reply;
};

struct redis {
    struct loop *loop;
    const struct config *config;
    const char *name;       /* what the connection is for, in a word */
    const struct redis_hooks *hooks;
    void *ctx;
    struct redis_url target;
    struct redis_times times;
    enum redis_state state;
    char why[256];          /* why the last connection was lost or refused; "": none was */
    long long id;           /* the server's CLIENT ID of this connection; 0: unknown */
    int protocol;           /* 2 or 3, of this connection */
    long long connects, losses; /* times it became ready; times it was lost, without restarts */
    long long retry_at;     /* when WAITING: on clock_mono_ms */
    long long ready_at;     /* of the last connection, likewise */
    /* the connection */
    struct loop_timer timer; /* of the state: resolving, connecting, reply, next try */
    struct loop_fd connecting;
    struct conn conn;
    int open;               /* conn is */
    int closing;            /* on_lost is being called */
    int again;              /* redis_restart has closed it */
    int sentinel;           /* the one that is asked next */
    int moves;              /* MOVED in a row, each soon after the connection was ready */
    int plain;              /* the next greeting has no HELLO */
    int quiet;              /* the next connection is logged as a detail */
    int subscribed;         /* in RESP2 */
    struct resp_scan scan;
    struct redis_pending *pending; /* ring of pending_cap calls, a power of two */
    size_t pending_head, pending_count, pending_cap;
    struct redis_address *addresses;
    int address_count, address_next;
    struct redis_child *children; /* processes not reaped yet */
    struct redis_child *child; /* of this connection: it resolves the name or does TLS */
    long long backoff;
    int worked;             /* this connection was ready … */
    int refused;            /* … and the server then refused to serve */
    int doubted;            /* so did the last one, and nothing was served since: see redis_trust */
    char logged[256];       /* the failure logged last */
    buf denied;             /* the server's words of commands that an ACL forbids */
};

/* Prepares a connection to config->redis_url. name, a static text, is for the log and for CLIENT
 * SETNAME (telec-COMPUTER-NAME). Returns 0, or -1 with a message that says where the url was read
 * and what is wrong, without the password. */
static int redis_init(struct redis *r, struct loop *l, const struct config *config,
                      const char *name, const struct redis_hooks *hooks, void *ctx, buf *error);
static void redis_start(struct redis *r); /* connects, and reconnects whenever it is lost */
/* Closes the connection at once, without a hook; pending calls complete with NULL. Safe twice, and
 * after a failed redis_init. */
static void redis_free(struct redis *r);
/* Sends a command written by resp_put_command. Calls are pipelined. done, which may be NULL, is
 * called once, in order, with the reply (valid during the call; it may be an error), or with NULL
 * when the connection was lost first. block_ms: how long the command itself waits (XREAD BLOCK); 0:
 * not at all; -1: for ever. A reply that takes REDIS_REPLY_MS longer loses the connection. Returns
 * 1; or 0, without calling done, when the connection is not ready or too many calls are pending.
 * SUBSCRIBE takes one channel a call; in RESP2 a subscribed connection can do nothing else. */
static int redis_call(struct redis *r, span command, long long block_ms,
                      void (*done)(void *ctx, const struct resp *reply), void *ctx);
/* The reply to the oldest pending call is due within REDIS_REPLY_MS from now, whatever its block_ms
 * said: the command has been interrupted. */
static void redis_expect(struct redis *r);
/* Closes the connection and connects again at once, to the same address, e.g. to interrupt a
 * blocking XREAD (CLIENT UNBLOCK of r->id from another connection costs less). Ends the wait when
 * WAITING. */
static void redis_restart(struct redis *r);
/* The server has served what it refused before: the next failure is news. Until then failures are
 * logged once, and the wait before each try goes on doubling. */
static void redis_trust(struct redis *r);
static const char *redis_state_name(const struct redis *r); /* "ready", "reconnecting", … */
static void redis_put_address(const struct redis *r, buf *b); /* the url without user, password */
/* The hidden command `telec resolve HOST PORT`: prints numeric addresses, one a line. Returns the
 * exit status. */
static int redis_resolve_main(const char *host, const char *port);

/* ==== signature: proof that an entry comes from a computer with the fleet's secret ============ */

#define SIGNATURE_FIELD "signature"
#define SIGNATURE_SECRET_MAX 4096 /* bytes of a secret_file */

enum signature { SIGNATURE_NONE, SIGNATURE_GOOD, SIGNATURE_BAD };

/* Reads [peers] secret or secret_file; none: the secret stays empty. Returns 0, or -1 with a
 * message. */
static int signature_read_secret(const struct config *config, buf *secret, buf *error);
/* Appends the value of the field "signature" of the entry `id` of the stream `key`. fields: its
 * other names and values, as resp_put_arg writes them. */
static void signature_put(buf *b, span secret, const char *key, struct codec_id id, span fields);
static enum signature signature_check(span secret, const char *key, struct codec_id id,
                                      const struct resp *fields);

/* ==== streams: commands to Redis, the streams that are read, requests and replies ============ */

#ifndef STREAMS_REPLY_MS
#define STREAMS_REPLY_MS 5000   /* a request without a reply fails after this */
#endif
#ifndef STREAMS_BLOCK_MS
#define STREAMS_BLOCK_MS 30000  /* an XREAD blocks no longer: its reply shows that the link lives */
#endif
#ifndef STREAMS_RETRY_MS
#define STREAMS_RETRY_MS 1000   /* between a refused XREAD and the next */
#endif
#ifndef STREAMS_LOG_MS
#define STREAMS_LOG_MS 1000     /* between two complaints in the log */
#endif
#ifndef STREAMS_PENDING_MAX
#define STREAMS_PENDING_MAX 8192 /* requests without a reply */
#endif
#define STREAMS_TTL_S 60        /* of a reply and of a session's output, in seconds */
#define STREAMS_OUTPUT_KEY "output:" /* + a request's id: its reply; + a session's id, or an
                                        attachment's token: its output */
#define STREAMS_INPUT_KEY "input:"   /* + an attachment's token */
#define STREAMS_REQUESTS_KEY "messages:" /* + a computer: requests to it */

/* A stream that is read. The owner sets key, at, on_entry and owner; zero the rest. */
struct streams_stream {
    struct streams_stream *next, **link; /* link NULL: not read */
    char *key;
    struct codec_id at;     /* the last entry read … */
    struct codec_id before; /* … and the last one before those being handled */
    int reading;            /* 1 + its place in the XREAD in flight; 0: not in it */
    int deletes;            /* an entry is deleted when it was read, unless on_entry closes it */
    /* Gets each entry once, in order. May close any stream. */
    void (*on_entry)(struct streams_stream *s, struct codec_id id, const struct resp *fields);
    void *owner;
};

/* A request to another computer. */
struct streams_request {
    struct streams_request *next, **link; /* link NULL: completed or cancelled */
    struct streams *owner;
    char *computer;
    struct streams_stream stream; /* of the reply */
    struct loop_timer timer;
    int sending;            /* its XADD is in flight: the memory must last */
    int late;               /* it has ended without a reply */
    char id[48];            /* of its entry */
    int tries;              /* ids that were too low for the stream */
    buf fields;             /* of its entry, as resp_put_arg writes them … */
    size_t field_count;     /* … names and values */
    /* Called once: the reply and its id; or NULL, and why there is none. */
    void (*done)(void *ctx, const struct codec_reply *reply, struct codec_id at, const char *why);
    void *ctx;
};

/* Called from the loop. */
struct streams_hooks {
    const char *channel;           /* to subscribe to */
    void (*on_ready)(void *ctx);   /* commands can be sent */
    void (*on_lost)(void *ctx);    /* no longer; the pending commands have completed before */
    void (*on_link)(void *ctx);    /* streams_weakest may have changed */
    void (*on_message)(void *ctx, span message); /* published on the channel */
    /* A connection for the channel alone (RESP2) is ready; what was published before is lost. */
    void (*on_subscribed)(void *ctx);
};

struct streams {
    struct loop *loop;
    const struct config *config;
    const struct streams_hooks *hooks;
    void *ctx;
    int on;                 /* 0: no redis url is configured; nothing of the fleet runs */
    int ready;              /* `calls` is ready, and Redis's time is known */
    struct redis calls, reader, subscriber;
    int subscriber_started;
    long long clock;        /* Redis's time minus clock_mono_ms */
    long long time_asked_at; /* when TIME was sent last */
    unsigned checks;        /* calls of streams_check */
    buf secret;             /* of the fleet: requests are signed; empty: there is none */
    unsigned long long number; /* of the next request; starts at random */
    /* reading */
    struct streams_stream *streams;
    struct streams_stream **reading; /* those of the XREAD in flight, in its order; NULL: closed */
    size_t reading_count;
    int stopped;            /* reads no more, for good */
    int blocked;            /* an XREAD is in flight */
    int stale_read;         /* the set of streams has changed since it was sent */
    int no_unblock;         /* Redis refuses CLIENT UNBLOCK */
    int unblocks;           /* CLIENT UNBLOCKs in a row that found no blocked XREAD */
    long long wake_at;      /* the loop wakes up then anyway: blocked reads end then, too */
    int read_count;         /* COUNT of the next XREAD */
    size_t batch;           /* entries of this stream in the XREAD being handled */
    struct loop_task reread;
    struct loop_timer unblock_timer;
    /* requests */
    struct streams_request *requests;
    size_t request_count;
    long long logged_at, omitted; /* complaints: time of the last in the log; how many since */
};

/* Returns 0 (also without a redis url), or -1 with a message: the url or the secret is wrong. */
static int streams_init(struct streams *l, struct loop *loop, const struct config *config,
                        const struct streams_hooks *hooks, void *ctx, buf *error);
static void streams_start(struct streams *l);
static void streams_stop_reading(struct streams *l);
/* Once in STREAMS_BLOCK_MS: sends a PING where no other reply shows that the link lives, and now
 * and then asks for Redis's time, from which this computer's clock drifts. */
static void streams_check(struct streams *l);
/* Returns the connection that keeps the fleet from being up to date: one that was lost or refused;
 * else that for commands. */
static const struct redis *streams_weakest(const struct streams *l);
static long long streams_now(const struct streams *l); /* Redis's time, in milliseconds */
static int streams_is_busy(const struct streams *l); /* commands are pending */
static void streams_free(struct streams *l); /* completes the pending requests without a reply */
/* Logs what is wrong with something of another computer or of Redis; at most one line in
 * STREAMS_LOG_MS, with the number of lines omitted. */
static void streams_complain(struct streams *l, const char *what, span who, const char *why);
/* The same for an error of Redis. */
static void streams_refused(struct streams *l, const char *what, const struct resp *error);
/* Sends a command: C strings up to a NULL; or spans, on one of the connections. As redis_call. */
static int streams_call(struct streams *l, const char *const *args,
                        void (*done)(void *ctx, const struct resp *reply), void *ctx);
static int streams_send(struct redis *r, const span *args, size_t count, long long block_ms,
                        void (*done)(void *ctx, const struct resp *reply), void *ctx);
static const char *streams_prefix(const struct streams *l); /* of all keys and channels, or "" */
/* Returns prefix, before and name joined, to be freed. */
static char *streams_key(const struct streams *l, const char *before, const char *name);
/* Adds an entry of `count` spans (name, value …; at most 26) to a stream of about `most` entries
 * that expires after ttl_s seconds. As redis_call. */
static int streams_add(struct streams *l, const char *key, int most, const span *fields,
                       size_t count, int ttl_s, void (*done)(void *ctx, const struct resp *reply),
                       void *ctx);
/* The same of an attachment's stream, with that id; "*": of Redis's choice. What Redis refuses is
 * logged. */
static int streams_put(struct streams *l, const char *key, const char *id, const span *fields,
                       size_t count);
static void streams_expire(struct streams *l, const char *key); /* in STREAMS_TTL_S */
static void streams_delete(struct streams *l, const char *key);
static void streams_delete_entry(struct streams *l, const char *key, struct codec_id id);
static void streams_put_time(char out[32]); /* now, in seconds with three decimals */
/* Asks whether a key exists. Returns 0, without calling done, when it can't be sent. An error
 * or a lost connection counts as no. */
static int streams_exists(struct streams *l, const char *key, void (*done)(void *ctx, int exists),
                          void *ctx);
/* Asks for a stream's last entry; streams_last_id reads the answer, 0-0: the stream is empty.
 * As redis_call. */
static int streams_find_end(struct streams *l, const char *key,
                            void (*done)(void *ctx, const struct resp *reply), void *ctx);
static struct codec_id streams_last_id(const struct resp *reply);
static void streams_stream_open(struct streams *l, struct streams_stream *s);  /* behind s->at */
static void streams_stream_close(struct streams *l, struct streams_stream *s); /* safe twice */
static void streams_stream_free(struct streams *l, struct streams_stream *s);  /* and its key */
static void streams_reread(struct streams *l); /* the set of streams has changed */
/* Sends a request: its non-empty fields, the time and our name. done is called from the loop,
 * within STREAMS_REPLY_MS, and may be NULL; a request without a reply is withdrawn then. Returns
 * NULL and sets *why when it can't be sent. The result is valid until done is called. */
static struct streams_request *
streams_ask(struct streams *l, const char *computer, const struct codec_request *request,
            void (*done)(void *ctx, const struct codec_reply *reply, struct codec_id at,
                         const char *why),
            void *ctx, const char **why);
static void streams_cancel(struct streams_request *request); /* done is not called */
/* Replies to a request of another computer; envelope: codec_put_success, codec_put_error. */
static void streams_reply(struct streams *l, struct codec_id request, span envelope);

/* ==== roster: the other computers and their sessions ========================================= */

#define ROSTER_MAX 1000                /* computers */
#ifndef ROSTER_SESSIONS_MAX
#define ROSTER_SESSIONS_MAX 10000      /* of one computer */
#endif
#define ROSTER_PROJECTS_MAX 1000       /* of one computer */
#define ROSTER_TODOS_MAX (256 * 1024)  /* bytes of one project's todos */
#define ROSTER_BUCKETS 256
#define ROSTER_REMOVED_MAX 32          /* removals of one computer that an older pull can't undo */

struct roster_project {
    char *path, *name, *description;
    char *todos;            /* JSON array; NULL: not known yet */
};

/* Another computer. */
struct roster_peer {
    struct roster_peer *next, **link, *next_same; /* next_same: in its hash bucket */
    struct fleet *fleet;
    struct codec_heartbeat beat;
    buf text;               /* its last heartbeat, as it was written */
    long long beat_at;      /* when that was written, as far as known; clock_mono_ms */
    int stale;              /* no heartbeat for PRESENCE_STALE_MS */
    int checking;           /* its heartbeat key is being read */
    long long checked_at;   /* when that last began */
    int pulling, pull_again; /* list_sessions is pending; another one must follow it */
    long long pulled_at;    /* when list_sessions was last answered; 0: not in this life */
    int preparing;          /* list_projects and list_todos pending */
    /* Changes when the peer restarts or our connection does: replies to older requests are
     * ignored. */
    long long life;
    struct {
        char id[65];
        struct codec_id at;
    } removed[ROSTER_REMOVED_MAX]; /* ring of its last session_removed events */
    int removed_next;
    size_t sessions;        /* of it in the cache */
    int suspect;            /* events of it may be lost: its sessions are to be pulled again */
    int failures;           /* list_sessions without a usable reply since the last good one */
    char user[65], host[256]; /* what a TeleClaude daemon replied; "": nothing yet */
    struct roster_project *projects;
    int project_count;
    long long projects_at;  /* when list_projects was answered; 0: never */
    long long events_in, events_out, coalesced, dropped, lag_ms;
    long long skew_ms;      /* its clock minus Redis's, when it was heard last */
};

/* The fleet's data of a session in the cache. */
struct roster_session {
    struct codec_id at;     /* of another computer's: when Redis took its state, … */
    long long listed;       /* … and the last listing that had it */
    int held;               /* of this computer's: its event is deferred */
};

/* A request from another computer; the spans are valid during the call. */
struct peers_request {
    struct codec_id id;
    struct codec_request fields;
    enum signature signature; /* NONE where this computer has no secret */
};

struct peers_hooks {
    /* Does the request change anything here? Then it is noted as handled before on_request. */
    int (*changes)(void *ctx, const struct peers_request *request);
    void (*on_request)(void *ctx, const struct peers_request *request);
    /* One of this computer's own sessions has changed. */
    void (*on_activity)(void *ctx, const char *session_id);
    void (*on_lost)(void *ctx); /* the connection to Redis */
};

/* Waits for what others have; embedded in its owner, who sets topics, computer, done and ctx. */
struct pull_gather {
    unsigned topics;
    const char *computer;   /* NULL: all of them */
    struct pull_gather *next, **link; /* link NULL: completed or cancelled */
    struct fleet *fleet;
    struct loop_timer timer;
    void (*done)(void *ctx);
    void *ctx;
};

/* This computer's view of the fleet. */
struct fleet {
    struct loop *loop;
    const struct config *config;
    struct cache *cache;
    size_t cache_place;     /* of a struct roster_session, for cache_data */
    const struct peers_hooks *hooks;
    void *hooks_ctx;
    struct streams streams;
    /* roster */
    struct roster_peer *first, **last, *buckets[ROSTER_BUCKETS];
    size_t count;
    long long listing;      /* number of the last list_sessions merged */
    long long lives;        /* given to peers so far */
    /* A session of another computer (id NULL: all of its sessions) has gone; may be NULL. */
    void (*on_gone)(void *ctx, const char *computer, const char *id, const char *why);
    /* That computer is new, or its connection to Redis is; or ours was lost or is back (computer
     * NULL). May be NULL. */
    void (*on_link)(void *ctx, const char *computer);
    void *remote_ctx;       /* of both */
    /* pull */
    struct pull_gather *gathers;
    struct loop_timer pull_timer;
    /* presence */
    unsigned interest;      /* topics that local clients are subscribed to */
    unsigned announced;     /* the interest in our last heartbeat */
    struct codec_heartbeat self;
    char run[37];           /* names this run of the daemon, in self.instance */
    buf beat;               /* our last heartbeat, as it was written */
    long long beats;        /* heartbeats written */
    struct loop_timer beat_timer, late_timer;
    int scanning;           /* pages of the SCAN in flight; 0: none */
    long long key_read_at;  /* when presence_read_key last read a key */
    char refusal[128];      /* Redis's error to the last heartbeat; "": none */
    long long clash_at;     /* when our name was last heard from another computer; 0: never */
    int leaving;
    /* events, peers */
    struct streams_stream messages, events;
    struct codec_id events_read; /* the last one read before those that are being checked */
    int events_checking;    /* whether some were lost */
    int cursor_known;       /* messages.at comes from the cursor file, or from the stream's end */
    struct loop_timer cursor_timer;
    size_t in_flight;       /* XADDs of our events without an answer */
    int held;               /* sessions with a deferred event are in the cache */
    char (*removals)[65];   /* ids of our sessions removed while there was no connection */
    size_t removal_count;
};

static struct roster_peer *roster_find(const struct fleet *f, span computer); /* NULL: unknown */
/* Adds a peer that was just heard of. */
static struct roster_peer *roster_add(struct fleet *f, const struct codec_heartbeat *beat);
/* Removes a peer and its sessions; tells local clients and on_gone. */
static void roster_remove(struct roster_peer *peer);
static void roster_free(struct fleet *f);
static void roster_begin_life(struct roster_peer *peer);
static void roster_tell_link(struct fleet *f, const char *computer); /* fleet.on_link */
/* Local clients get computer_updated; or any event, whose data is JSON. */
static void roster_publish_peer(struct roster_peer *peer);
static void roster_publish_self(struct fleet *f);
static void roster_publish(struct fleet *f, unsigned topics, const char *event, span data);
/* Appends the members events_in … skew_s. */
static void roster_put_counters(const struct roster_peer *peer, buf *b);
static void roster_put_computers(const struct fleet *f, buf *b); /* into an open array; we first */
/* Puts what peer says of its session, written at `at` by Redis's clock, into the cache. listed: it
 * comes from a list of all its sessions, which wins over another computer's claim. Returns 0 when
 * that is older than what the cache has, or not the peer's to say. */
static int roster_put_session(struct roster_peer *peer, const struct codec_session *told,
                              struct codec_id at, int listed);
/* Returns the fleet's data of a session in the cache. */
static struct roster_session *roster_data(const struct fleet *f, const struct cache_session *s);
static void roster_drop_session(struct roster_peer *peer, const char *id);
/* As roster_drop_session, unless the session is newer than `at`. */
static void roster_note_removal(struct roster_peer *peer, const char *id, struct codec_id at);

/* ==== pull: asking other computers what they have ============================================ */

#ifndef PULL_AGAIN_MS
#define PULL_AGAIN_MS 1000   /* from a doubt about a peer's sessions to pulling them again */
#endif
#ifndef PULL_FRESH_MS
#define PULL_FRESH_MS 300000 /* projects and todos are pulled again after this */
#endif

/* Requests the topics of `gather` that nobody is subscribed to, and that therefore are not up to
 * date. Returns 1: done is called once all replies are there, or after `ms`; 0: nothing is pending,
 * and done is not called. */
static int pull_gather(struct fleet *f, struct pull_gather *gather, long long ms);
static void pull_gather_cancel(struct pull_gather *gather); /* safe twice */
static void pull_sessions(struct roster_peer *peer);
static void pull_projects(struct roster_peer *peer);
static void pull_all(struct roster_peer *peer, unsigned topics);
/* Pulls the sessions of a TeleClaude daemon, which pushes nothing about them, for local clients. */
static void pull_unpushed(struct roster_peer *peer);
static void pull_refresh(struct fleet *f);         /* all topics of interest, from everybody */
static void pull_suspect(struct roster_peer *peer); /* pulls its sessions in PULL_AGAIN_MS */
static void pull_on_suspects(void *ctx);           /* struct fleet: the timer of that */
/* Is the computer known, and are its sessions not kept up to date, for want of interest? */
static int pull_must_ask(const struct fleet *f, const char *computer);
/* Appends the projects of one computer, or of all (NULL), to an open JSON array. */
static void pull_put_projects(const struct fleet *f, const char *computer, int with_todos, buf *b);

/* ==== presence: heartbeats, theirs and ours ================================================== */

#define PRESENCE_CHANNEL "telec:presence"
#ifndef PRESENCE_BEAT_MS
#define PRESENCE_BEAT_MS 30000  /* between two heartbeats */
#endif
#ifndef PRESENCE_STALE_MS
#define PRESENCE_STALE_MS 45000 /* without a heartbeat: stale … */
#endif
#ifndef PRESENCE_GONE_MS
#define PRESENCE_GONE_MS 60000  /* … and gone; also the key's time to live, in whole seconds */
#endif
#ifndef PRESENCE_READ_MS
#define PRESENCE_READ_MS 200    /* between two reads of unknown senders' keys */
#endif
#ifndef PRESENCE_LATE_MS
#define PRESENCE_LATE_MS 5000   /* between two reads of a late peer's lasting key */
#endif

static void presence_beat(struct fleet *f); /* writes and publishes our heartbeat */
static void presence_hear(struct fleet *f, span text); /* a heartbeat, from its key or published */
static void presence_read_key(struct fleet *f, span computer); /* after it sent something */
static void presence_check_late(struct fleet *f); /* reads the keys of peers that are late */
static void presence_on_late(void *ctx);         /* struct fleet: the timer of that */
static void presence_scan(struct fleet *f);      /* reads all heartbeat keys, unless it is at it */
static int presence_is_heard_abroad(const struct fleet *f); /* one is interested in sessions */

/* ==== events: events of other computers' sessions ============================================ */

#define EVENTS_KEY "session_events:" /* + a computer: events for it */
#define EVENTS_KEPT 100              /* entries of such a stream, about; of a TeleClaude daemon's */
#define EVENTS_KEPT_TELEC 1000       /* … and of a telec daemon's, which many others write to */

static void events_on_entry(struct streams_stream *s, struct codec_id id,
                            const struct resp *fields);
static void events_find_end(struct fleet *f); /* reads on from the end of our event stream */

/* ==== peers: our events to others, requests from them, wiring ================================ */

#ifndef PEERS_CURSOR_MS
#define PEERS_CURSOR_MS 1000 /* until a cursor that can wait is written */
#endif
#ifndef PEERS_OLD_MS
#define PEERS_OLD_MS 300000  /* an older request that has no wait_ms is not carried out */
#endif

/* Returns 0, or -1 with a message: the url or this computer's name is wrong. */
static int peers_init(struct fleet *f, struct loop *l, const struct config *config,
                      struct cache *cache, buf *error);
static void peers_start(struct fleet *f, const struct peers_hooks *hooks, void *ctx);
static void peers_free(struct fleet *f);
static void peers_leave(struct fleet *f); /* says good-bye; streams_is_busy until it is sent */
static void peers_set_interest(struct fleet *f, unsigned topics); /* of local clients */
static void peers_put_status(const struct fleet *f, buf *b); /* members "redis" and "peers" */
/* Sends an entry of an attachment's input to the computer that holds the session. As redis_call. */
static int peers_send_input(struct fleet *f, const char *key, struct codec_input *in);
/* Everything that changes something here passes this: requests, and each entry of input. Returns
 * NULL, or why that computer may not. */
static const char *peers_why_not(const struct fleet *f, span computer, enum signature signature);

/* ==== observe: sessions of TeleClaude computers, viewed from here ============================= */

#ifndef OBSERVE_RENEW_MS
#define OBSERVE_RENEW_MS 20000 /* an observer renews its claim … */
#endif
#ifndef OBSERVE_PULL_MS
#define OBSERVE_PULL_MS 5000   /* between two pulls of an observed computer's sessions */
#endif
#ifndef OBSERVE_TTL_S
#define OBSERVE_TTL_S 60       /* … before this has passed */
#endif

struct observations {
    struct loop *loop;
    struct fleet *fleet;
    struct observation *first;
    struct loop_timer timer, pull_timer;
};

static void observe_init(struct observations *all, struct loop *l, struct fleet *fleet);
static void observe_on_gone(struct observations *all, const char *computer, const char *id,
                            const char *why);
/* Opens the stream of such a session: text, from now on. Returns NULL when Redis can't be asked. */
static struct stream *observe_open(struct observations *all, const char *computer, const char *id,
                                   const struct stream_hooks *hooks, void *ctx);

/* ==== remote: attachments from here to sessions of other computers =========================== */

#ifndef REMOTE_CONFIRM_MS
#define REMOTE_CONFIRM_MS 3000 /* without a sign that input has arrived: the link is lost */
#endif
#ifndef REMOTE_RENEW_MS
#define REMOTE_RENEW_MS 20000  /* between two signs of life; less than GUEST_LIFE_MS */
#endif
#ifndef REMOTE_BACKOFF_MIN_MS
#define REMOTE_BACKOFF_MIN_MS 1000 /* before a lost attachment is begun anew; doubles … */
#endif
#define REMOTE_BACKOFF_MAX_MS 30000 /* … up to this */
#ifndef REMOTE_GONE_MS
#define REMOTE_GONE_MS 60000   /* it ends when its computer has gone for so long */
#endif
#ifndef REMOTE_ACK_BYTES
#define REMOTE_ACK_BYTES (32 * 1024) /* of output, for which an acknowledgement is sent */
#endif

struct remotes {
    struct loop *loop;
    struct fleet *fleet;
    struct remote *first;
    struct loop_timer renew_timer;
    struct observations observations;
};

static void remote_init(struct remotes *all, struct loop *l, struct fleet *fleet);
/* Opens the stream of another computer's session; control: to type into it, too. Returns NULL, and
 * *why, when that can't be asked for. Its on_end tells what the other computer refuses. */
static struct stream *remote_open(struct remotes *all, const char *computer, const char *id,
                                  int control, int scrollback, const struct stream_hooks *hooks,
                                  void *ctx, const char **why);

/* ==== broadcast: our sessions to observers on TeleClaude computers =========================== */

#ifndef BROADCAST_CHECK_MS
#define BROADCAST_CHECK_MS 20000     /* between two checks that a session is still observed */
#endif
#ifndef BROADCAST_ACTIVITY_MS
#define BROADCAST_ACTIVITY_MS 1000  /* between two checks whether a changing session is observed */
#endif
#ifndef BROADCAST_MAX
#define BROADCAST_MAX 256           /* sessions being observed */
#endif

struct broadcasts {
    struct loop *loop;
    const struct config *config;
    struct sessions *sessions;
    struct fleet *fleet;
    struct broadcast *first; /* sessions being observed */
    int count;
    struct loop_timer check_timer;
};

static void broadcast_init(struct broadcasts *all, struct loop *l, const struct config *config,
                           struct sessions *sessions, struct fleet *fleet);
static void broadcast_free_all(struct broadcasts *all);
/* The session has changed: checks, now and then, whether a TeleClaude daemon observes it. */
static void broadcast_on_activity(struct broadcasts *all, const char *id);

/* ==== guest: attachments of other computers to our sessions ================================== */

#ifndef GUEST_LATE_MS
#define GUEST_LATE_MS 2000     /* older input is not typed; less than REMOTE_CONFIRM_MS */
#endif
#ifndef GUEST_LIFE_MS
#define GUEST_LIFE_MS 60000    /* without an entry of input the attachment is over */
#endif
#ifndef GUEST_CHECK_MS
#define GUEST_CHECK_MS 20000   /* between two looks for that */
#endif
#ifndef GUEST_WINDOW
#define GUEST_WINDOW (256 * 1024) /* bytes of output that the asker has not acknowledged */
#endif
#ifndef GUEST_MAX
#define GUEST_MAX 256          /* attachments */
#endif

struct guests {
    struct loop *loop;
    struct sessions *sessions;
    struct fleet *fleet;
    struct guest *first;
    int count;
    struct loop_timer check_timer;
};

struct guest_plan {
    const char *who, *token, *old; /* old: the attachment that this one replaces; may be unknown */
    int control, scrollback, cols, rows; /* cols 0: no size */
};

static void guest_init(struct guests *all, struct loop *l, struct sessions *sessions,
                       struct fleet *fleet);
/* Begins an attachment. Returns NULL, or the error's code. */
static const char *guest_open(struct guests *all, struct session *s, const struct guest_plan *plan);
static void guest_drop_all(struct guests *all); /* the connection to Redis was lost */
static void guest_free_all(struct guests *all);

/* ==== requests: what other computers ask of this one ========================================= */

#ifndef REQUESTS_MAX
#define REQUESTS_MAX 1000 /* at work */
#endif

struct requests {
    struct loop *loop;
    const struct config *config;
    struct cache *cache;
    struct sessions *sessions;
    struct projects *projects;
    struct fleet *fleet;
    struct broadcasts broadcasts;
    struct guests guests;
    struct requests_job *jobs; /* requests at work */
    int job_count;
};

/* Starts the fleet, too. */
static void requests_init(struct requests *all, struct loop *l, const struct config *config,
                          struct cache *cache, struct sessions *sessions,
                          struct projects *projects, struct fleet *fleet);
static int requests_is_busy(const struct requests *all); /* requests are at work */
static int requests_is_change(span command); /* does it change something at the other computer? */
static void requests_free(struct requests *all);

#endif
