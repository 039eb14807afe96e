#ifndef TELEC_FLEET_H
#define TELEC_FLEET_H
#include "../work/work.h"

/* ==== codec =================================================================================== */

#define CODEC_KEYS "computer:*:heartbeat" /* for SCAN */
#define CODEC_NAME_MAX 128             /* bytes */
#define CODEC_SESSION_MAX (64 * 1024)  /* bytes */
/* telec wraps two or three more around them */
#define CODEC_DEPTH_MAX (JSON_DEPTH / 2)

/* A stream entry's id, MS-SEQ: Redis's time in milliseconds, and a sequence number within it. */
struct codec_id {
    unsigned long long ms, seq;
};

struct codec_heartbeat {
    char name[CODEC_NAME_MAX + 1], user[65], host[256]; /* "": nothing usable was given */
    char telec[32];         /* "": TeleClaude */
    char instance[64];      /* of each run of the daemon and each connection */
    unsigned interest;      /* set of enum cache_topic */
    int leaving;
    long long last_seen;    /* by its own clock, ms; 0: unknown */
};

/* Points into the parsed text. */
struct codec_session {
    char id[65];
    struct json object;
};

struct codec_event {
    int removed;            /* only the id is known */
    char source[CODEC_NAME_MAX + 1];
    struct codec_session session;
};

/* Spans into the entry, perhaps empty. */
struct codec_request {
    span command, initiator, session_id, title, project_dir, metadata, auto_command;
    span type, from;        /* of a system message */
    span args;              /* of that; of a TeleClaude daemon's list_todos: a JSON array */
    span asked_ms, wait_ms; /* by Redis's clock; how long its asker waits */
};

struct codec_reply {
    int good;
    struct json data;       /* when good */
    struct json error;      /* else a text */
    char code[32];
};

/* An entry of an attachment: spans into it. */
struct codec_input {
    long long number, at;   /* its id: 1, 2, …; when, by Redis's clock */
    span op, data;
};

static int codec_name_is_good(span name);
/* Returns NAME of "computer:NAME:heartbeat", else nothing. */
static span codec_key_name(span key);
static void codec_put_key(buf *b, const char *prefix, const char *computer);
static int codec_parse_id(span text, struct codec_id *id);
static void codec_put_id(buf *b, struct codec_id id);
static int codec_compare_ids(struct codec_id a, struct codec_id b); /* < 0, 0, > 0 */

/* Each parser returns 1, or 0 with *why, a static text. */
static void codec_put_heartbeat(buf *b, const struct codec_heartbeat *h, long long wall_ms);
static int codec_parse_heartbeat(span text, struct codec_heartbeat *h, const char **why);
static int codec_parse_object(span text, struct json *out, const char **why);
/* Returns the text, or a copy in `mended` with U+FFFD for lone surrogates, which Python writes. */
static span codec_mend(span text, buf *mended);
/* One that is absent or longer leaves `out` empty. */
static void codec_copy_text(struct json object, const char *key, char *out, size_t size);
static int codec_parse_session(struct json object, struct codec_session *s, const char **why);
/* computer: put in place of the member, or NULL. */
static void codec_put_session(buf *b, struct json object, const char *computer);
static void codec_put_event(buf *b, const char *event, span data, long long wall_ms,
                            const char *computer);
static int codec_parse_event(span payload, struct codec_event *e, const char **why);
/* Stores a field; unknown ones are ignored. */
static void codec_set_field(struct codec_request *r, span name, span value);
static span codec_field(const struct resp *fields, const char *name); /* or empty */
static void codec_read_input(struct codec_id id, const struct resp *fields, struct codec_input *in);
static int codec_has_nul(const struct codec_request *r);
#define CODEC_BLANKS " \t\r\n"
static span codec_cut_word(span *rest);
/* Splits as a POSIX shell, or at blanks when a quote is open; without a leading slash. As
 * config_words; NULL: no word. */
static char **codec_words(span text);
/* Returns the text behind the first word as it is, or unquoted when codec_put_words or Python's
 * shlex.quote wrote it. To be freed. */
static char *codec_text_behind(span command);
static void codec_put_words(buf *b, const char *const *words);
static void codec_put_joined(buf *b, char *const *words);
static void codec_put_success(buf *b, span data);
static void codec_put_error(buf *b, const char *error, const char *code); /* code: or NULL */
static int codec_parse_reply(span chunk, struct codec_reply *a, const char **why);
static int codec_is_allowed(const char *allow, span computer);

/* ==== redis =================================================================================== */

#ifndef REDIS_BACKOFF_MIN_MS
#define REDIS_BACKOFF_MIN_MS 1000   /* doubles, less up to 20 % jitter … */
#endif
#ifndef REDIS_BACKOFF_MAX_MS
#define REDIS_BACKOFF_MAX_MS 30000  /* … up to this */
#endif
#ifndef REDIS_CONNECT_MS
#define REDIS_CONNECT_MS 5000       /* to resolve the name; for each address */
#endif
#ifndef REDIS_REPLY_MS
#define REDIS_REPLY_MS 10000        /* or for more of a reply */
#endif
#define REDIS_ADDRESSES_MAX 8       /* of a name, tried in order */
#ifndef REDIS_PENDING_MAX
#define REDIS_PENDING_MAX 65536     /* calls without a reply */
#endif
#define REDIS_QUEUE_MAX (4 * 1024 * 1024) /* bytes; a longer command alone */

enum redis_state {
    REDIS_OFF,
    REDIS_RESOLVING,  /* in a child process */
    REDIS_CONNECTING,
    REDIS_GREETING,   /* protocol, password, database */
    REDIS_READY,
    REDIS_WAITING     /* until retry_at */
};

/* Called from the loop; they may call all but redis_free. */
struct redis_hooks {
    void (*on_ready)(void *ctx);
    void (*on_lost)(void *ctx, const char *why); /* after all pending calls */
    /* May be NULL. */
    void (*on_push)(void *ctx, span channel, span message);
    void (*on_change)(void *ctx); /* `why` has, or it is WAITING; or NULL */
};

/* Times in ms. */
struct redis_times {
    long long backoff_min, backoff_max, connect, reply;
};

struct redis {
    struct loop *loop;
    const struct config *config;
    const char *name;
    const struct redis_hooks *hooks;
    void *ctx;
    struct redis_url target;
    enum redis_state state;
    long long id;           /* or 0 */
    int protocol;           /* 2 or 3 */
    long long connects, losses; /* losses: without restarts */
    long long retry_at;     /* WAITING; clock_mono_ms */
    long long ready_at;
    struct loop_timer timer; /* of the state */
    struct loop_fd connecting;
    struct conn conn;
    int open;               /* conn is */
    int closing;            /* on_lost is being called */
    int again;
    int sentinel;           /* the next to ask */
    int moves;              /* MOVED in a row */
    int plain;              /* greets without HELLO */
    int quiet;              /* log the next connection as a detail */
    int subscribed;         /* in RESP2 */
    struct resp_scan scan;
    struct redis_pending *pending; /* ring; pending_cap: a power of two */
    size_t pending_head, pending_count, pending_cap;
    struct redis_address *addresses;
    int address_count, address_next;
    struct redis_child *children; /* not reaped */
    struct redis_child *child; /* the resolver's or TLS's */
    long long backoff;
    int worked;             /* it was ready … */
    int refused;            /* … then refused to serve */
    int doubted;            /* so did the one before: see redis_trust */
    buf denied;             /* words of an ACL, each once … */
    uint32_t lacking;       /* … and the right that `why` is about, see redis_right; or 0 */
    struct redis_times times;
    char why[256];          /* it was lost or refused; or "" */
    char logged[256];
};

/* name: static, for the log and CLIENT SETNAME. The message has no password. */
static int redis_init(struct redis *r, struct loop *l, const struct config *config,
                      const char *name, const struct redis_hooks *hooks, void *ctx, buf *error);
static void redis_start(struct redis *r);
/* Calls no hook; pending calls get NULL. Safe twice, and after a failed redis_init. */
static void redis_free(struct redis *r);
/* Calls are pipelined. done (or NULL) comes once, in order, with the reply, valid meanwhile; NULL:
 * the connection was lost. block_ms: how long the command waits; -1: without limit. A reply that
 * takes REDIS_REPLY_MS longer loses the connection. Returns 0, without done, when it is not ready
 * or too many calls are pending. SUBSCRIBE takes one channel. */
static int redis_call(struct redis *r, span command, long long block_ms,
                      void (*done)(void *ctx, const struct resp *reply), void *ctx);
/* The oldest call was interrupted: its reply is due in REDIS_REPLY_MS. */
static void redis_expect(struct redis *r);
/* Connects anew, to the same address. */
static void redis_restart(struct redis *r);
/* The server serves what it refused: the next failure is news, backoff begins anew. */
static void redis_trust(struct redis *r);
static const char *redis_state_name(const struct redis *r);
static void redis_put_address(const struct redis *r, buf *b);

/* ==== signature =============================================================================== */

#define SIGNATURE_FIELD "signature"
#define SIGNATURE_SECRET_MAX 4096 /* bytes */

enum signature { SIGNATURE_NONE, SIGNATURE_GOOD, SIGNATURE_BAD };

/* Reads [peers] secret or secret_file. Returns 0 without one, too. */
static int signature_read_secret(const struct config *config, buf *secret, buf *error);
/* fields: the entry's other names and values, by resp_put_arg. */
static void signature_put(buf *b, span secret, const char *key, struct codec_id id, span fields);
static enum signature signature_check(span secret, const char *key, struct codec_id id,
                                      const struct resp *fields);

/* ==== streams ================================================================================= */

#ifndef STREAMS_REPLY_MS
#define STREAMS_REPLY_MS 5000
#endif
#ifndef STREAMS_BLOCK_MS
#define STREAMS_BLOCK_MS 30000  /* of an XREAD: its reply proves the link */
#endif
#ifndef STREAMS_RETRY_MS
#define STREAMS_RETRY_MS 1000   /* after a refused XREAD */
#endif
#ifndef STREAMS_LOG_MS
#define STREAMS_LOG_MS 1000     /* between two complaints */
#endif
#ifndef STREAMS_PENDING_MAX
#define STREAMS_PENDING_MAX 8192 /* requests without a reply */
#endif
#define STREAMS_TTL_S 60
#define STREAMS_OUTPUT_KEY "output:" /* + a request's or session's id, or a token */
#define STREAMS_INPUT_KEY "input:"   /* + a token */
#define STREAMS_REQUESTS_KEY "messages:" /* + a computer */

/* The owner sets key, at, on_entry and owner; the rest is zero. */
struct streams_stream {
    struct streams_stream *next, **link; /* link NULL: not read */
    char *key;
    struct codec_id at;     /* the last entry read … */
    struct codec_id before; /* … before those being handled */
    int reading;            /* 1 + its place in the XREAD; 0: not in it */
    int deletes;            /* entries that were read, unless on_entry closes it */
    /* Once an entry, in order. May close any stream. */
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
    int sending;            /* XADD in flight: the memory must last */
    int late;
    char id[48];            /* of the entry */
    int tries;              /* with ids too low for the stream */
    buf fields;             /* by streams_put_fields … */
    size_t parts;           /* … and how many */
    /* Called once, with the reply, or why there is none. */
    void (*done)(void *ctx, const struct codec_reply *reply, struct codec_id at, const char *why);
    void *ctx;
};

/* Called from the loop. */
struct streams_hooks {
    const char *channel;
    void (*on_ready)(void *ctx);
    void (*on_lost)(void *ctx);    /* after all pending commands */
    void (*on_link)(void *ctx);    /* see streams_weakest */
    void (*on_message)(void *ctx, span message);
    void (*on_subscribed)(void *ctx); /* what was published before is lost */
};

struct streams {
    struct loop *loop;
    const struct config *config;
    const struct streams_hooks *hooks;
    void *ctx;
    int on;                 /* there is a redis url */
    int ready;              /* `calls`, and Redis's time is known */
    int subscriber_started;
    int deaf;               /* the subscription was refused: streams_check tries again */
    long long clock;        /* Redis's time minus clock_mono_ms */
    long long time_asked_at;
    unsigned checks;
    buf secret;             /* or empty */
    unsigned long long number; /* of the next request; starts at random */
    struct streams_stream *streams;
    struct streams_stream **reading; /* of the XREAD in flight, in its order; NULL: closed */
    size_t reading_count;
    int stopped;
    int blocked;            /* an XREAD is in flight */
    int stale_read;         /* … and the set of streams has changed */
    int no_unblock;         /* CLIENT UNBLOCK is refused */
    int unblocks;           /* in a row, without a blocked XREAD */
    long long wake_at;      /* the loop wakes then; blocked reads end */
    int read_count;         /* COUNT of the next XREAD */
    size_t batch;           /* entries of it at hand */
    struct loop_task reread;
    struct loop_timer unblock_timer;
    struct streams_request *requests;
    size_t request_count;
    long long logged_at, omitted; /* complaints */
    struct redis calls, reader, subscriber;
};

/* Returns 0 without a url, too. */
static int streams_init(struct streams *l, struct loop *loop, const struct config *config,
                        const struct streams_hooks *hooks, void *ctx, buf *error);
static void streams_start(struct streams *l);
static void streams_stop_reading(struct streams *l);
/* Due each STREAMS_BLOCK_MS: sends a PING where nothing else proves the link, and asks for the time
 * now and then: clocks drift. */
static void streams_check(struct streams *l);
/* The one that keeps the fleet from being up to date, else that of commands. */
static const struct redis *streams_weakest(const struct streams *l);
static long long streams_now(const struct streams *l); /* Redis's time, in ms */
static int streams_is_busy(const struct streams *l);
static void streams_free(struct streams *l);
/* Logs a fault of another computer or of Redis, one in STREAMS_LOG_MS. */
static void streams_complain(struct streams *l, const char *what, span who, const char *why);
static void streams_refused(struct streams *l, const char *what, const struct resp *error);
static int streams_call(struct streams *l, const char *const *args,
                        void (*done)(void *ctx, const struct resp *reply), void *ctx);
static const char *streams_prefix(const struct streams *l);
/* Returns the key with the prefix, to be freed. */
static char *streams_key(const struct streams *l, const char *before, const char *name);
/* Omitted without bytes. */
struct streams_field {
    const char *name;
    span value;
};

/* Appends them by resp_put_arg. Returns how many names and values. */
static size_t streams_put_fields(buf *b, const struct streams_field *fields, size_t count);
/* Appends to a stream of about `most` entries; with an id of ours the entry is signed. As
 * redis_call. */
static int streams_append(struct streams *l, const char *key, int most, const struct codec_id *id,
                          span fields, size_t parts,
                          void (*done)(void *ctx, const struct resp *reply), void *ctx);
/* Appends to a stream that expires. */
static int streams_add(struct streams *l, const char *key, int most,
                       const struct streams_field *fields, size_t count,
                       void (*done)(void *ctx, const struct resp *reply), void *ctx);
/* Appends to an attachment's stream. id NULL: Redis's choice. */
static int streams_put(struct streams *l, const char *key, const struct codec_id *id,
                       const struct streams_field *fields, size_t count);
static void streams_expire(struct streams *l, const char *key);
static void streams_delete(struct streams *l, const char *key);
static void streams_delete_entry(struct streams *l, const char *key, struct codec_id id);
static void streams_put_time(char out[32]); /* in seconds */
/* streams_last_id reads the answer; 0-0: empty. As redis_call. */
static int streams_find_end(struct streams *l, const char *key,
                            void (*done)(void *ctx, const struct resp *reply), void *ctx);
static struct codec_id streams_last_id(const struct resp *reply);
static void streams_stream_open(struct streams *l, struct streams_stream *s);  /* behind s->at */
static void streams_stream_close(struct streams *l, struct streams_stream *s); /* safe twice */
static void streams_stream_free(struct streams *l, struct streams_stream *s);  /* and its key */
static void streams_reread(struct streams *l);
/* done (or NULL) comes from the loop, in STREAMS_REPLY_MS; without a reply the request is
 * withdrawn. Returns NULL and *why when it can't be sent; else valid until done. */
static struct streams_request *
streams_ask(struct streams *l, const char *computer, const struct codec_request *request,
            void (*done)(void *ctx, const struct codec_reply *reply, struct codec_id at,
                         const char *why),
            void *ctx, const char **why);
static void streams_cancel(struct streams_request *request); /* without done */
/* envelope: codec_put_success, codec_put_error. */
static void streams_reply(struct streams *l, struct codec_id request, span envelope);

/* ==== roster ================================================================================== */

#define ROSTER_MAX 1000                /* computers */
#ifndef ROSTER_SESSIONS_MAX
#define ROSTER_SESSIONS_MAX 10000      /* of one computer */
#endif
#define ROSTER_PROJECTS_MAX 1000       /* of one computer */
#define ROSTER_TODOS_MAX (256 * 1024)  /* bytes of one project's todos */
#define ROSTER_BUCKETS 256
#define ROSTER_REMOVED_MAX 32          /* removals that an older pull can't undo */

struct roster_project {
    char *path, *name, *description;
    char *todos;            /* JSON array; or NULL */
};

struct roster_peer {
    struct roster_peer *next, **link, *next_same; /* next_same: of its hash bucket */
    struct fleet *fleet;
    buf text;               /* the last heartbeat … */
    long long beat_at;      /* … and when, as far as known; clock_mono_ms */
    int stale;
    int checking;           /* its key is being read … */
    long long checked_at;   /* … since then */
    int pulling, pull_again; /* list_sessions is pending; another follows */
    long long pulled_at;    /* its last answer; 0: none in this life */
    int preparing;          /* list_projects and list_todos pending */
    long long life;         /* of peer and connection: older replies are ignored */
    int removed_next;
    size_t sessions;        /* in the cache */
    int suspect;            /* events may be lost: to be pulled */
    int failures;           /* of list_sessions in a row */
    struct roster_project *projects;
    int project_count;
    long long projects_at;  /* of list_projects' answer; 0: none */
    long long events_in, events_out, coalesced, dropped, lag_ms;
    long long skew_ms;      /* its clock minus Redis's */
    struct codec_heartbeat beat;
    struct {
        char id[65];
        struct codec_id at;
    } removed[ROSTER_REMOVED_MAX]; /* ring of session_removed */
    char user[65], host[256]; /* as a TeleClaude daemon replied */
};

struct roster_session {
    struct codec_id at;     /* of another's: when Redis took its state, … */
    long long listed;       /* … and the last listing with it */
    int held;               /* of ours: its event is deferred */
};

struct peers_request {
    struct codec_id id;
    struct codec_request fields;
    enum signature signature;
};

struct peers_hooks {
    /* It changes something: it is noted as handled before on_request. */
    int (*changes)(void *ctx, const struct peers_request *request);
    void (*on_request)(void *ctx, const struct peers_request *request);
    void (*on_activity)(void *ctx, const char *session_id); /* of ours */
    void (*on_lost)(void *ctx);
};

/* The owner sets topics, computer, done and ctx. */
struct pull_gather {
    unsigned topics;
    const char *computer;   /* or NULL */
    struct pull_gather *next, **link; /* link NULL: over */
    struct fleet *fleet;
    struct loop_timer timer;
    void (*done)(void *ctx);
    void *ctx;
};

/* The fleet as this computer knows it. */
struct fleet {
    struct loop *loop;
    const struct config *config;
    struct cache *cache;
    size_t cache_place;     /* of a struct roster_session */
    const struct peers_hooks *hooks;
    void *hooks_ctx;
    struct roster_peer *first, **last, *buckets[ROSTER_BUCKETS];
    size_t count;
    long long listing;      /* number of the last list_sessions merged */
    long long lives;        /* given to peers so far */
    /* id NULL: all of the computer's. Or NULL. */
    void (*on_gone)(void *ctx, const char *computer, const char *id, const char *why);
    /* That computer or its connection is new; NULL: ours was lost or is back. Or NULL. */
    void (*on_link)(void *ctx, const char *computer);
    void *remote_ctx;       /* of both */
    struct pull_gather *gathers;
    struct loop_timer pull_timer;
    unsigned interest;      /* of clients here */
    unsigned announced;     /* … in our last heartbeat */
    buf beat;               /* the last */
    long long beats;
    struct loop_timer beat_timer, late_timer;
    int searching;          /* until the first SCAN ends, if Redis may answer */
    int scanning;           /* pages of the SCAN in flight */
    long long key_read_at;  /* by presence_read_key */
    char refusal[128];      /* of the last heartbeat by Redis; or "" */
    long long clash_at;     /* when another computer had our name; or 0 */
    int leaving;
    struct codec_id events_read; /* before those being checked */
    int events_checking;    /* whether some were lost */
    int cursor_known;       /* messages.at is the cursor file's, or the stream's end */
    struct loop_timer cursor_timer;
    size_t in_flight;       /* XADDs of our events */
    int held;               /* sessions with a deferred event */
    char (*removals)[65];   /* of our sessions, without a connection */
    size_t removal_count;
    struct streams_stream messages, events;
    struct streams streams;
    struct codec_heartbeat self;
    char run[37];           /* of the daemon, in self.instance */
};

static struct roster_peer *roster_find(const struct fleet *f, span computer); /* or NULL */
static struct roster_peer *roster_add(struct fleet *f, const struct codec_heartbeat *beat);
static void roster_remove(struct roster_peer *peer);
static void roster_free(struct fleet *f);
static void roster_begin_life(struct roster_peer *peer);
static void roster_tell_link(struct fleet *f, const char *computer);
static void roster_free_projects(struct roster_project *projects, int count);
/* computer_updated to clients here; or any event, of JSON data. */
static void roster_publish_peer(struct roster_peer *peer);
static void roster_publish_self(struct fleet *f);
static void roster_publish(struct fleet *f, unsigned topics, const char *event, span data);
static const char *roster_why(const struct fleet *f); /* what is wrong with Redis; or NULL */
static void roster_put_counters(const struct roster_peer *peer, buf *b);
static void roster_put_computers(const struct fleet *f, buf *b); /* in an open array; we first */
/* listed: in a list of all its sessions, which wins over another computer's claim. Returns 0: the
 * cache's is newer, or it is not the peer's to say. */
static int roster_put_session(struct roster_peer *peer, const struct codec_session *told,
                              struct codec_id at, int listed);
static struct roster_session *roster_data(const struct fleet *f, const struct cache_session *s);
/* Counts one of another computer that the cache has removed. */
static void roster_on_removed(struct fleet *f, const struct cache_session *s);
static void roster_drop_session(struct roster_peer *peer, const char *id);
/* As roster_drop_session, unless the session is newer than `at`. */
static void roster_note_removal(struct roster_peer *peer, const char *id, struct codec_id at);

/* ==== pull ==================================================================================== */

#ifndef PULL_AGAIN_MS
#define PULL_AGAIN_MS 1000
#endif
#ifndef PULL_FRESH_MS
#define PULL_FRESH_MS 300000 /* between two pulls of projects and todos */
#endif

/* Requests the topics without a subscriber, which are not up to date. A starting daemon also waits
 * for other computers. Returns 1: done comes with the last reply or after `ms`; 0: all is there. */
static int pull_gather(struct fleet *f, struct pull_gather *gather, long long ms);
static void pull_gather_cancel(struct pull_gather *gather); /* safe twice */
static void pull_end_search(struct fleet *f);
static void pull_sessions(struct roster_peer *peer);
static void pull_projects(struct roster_peer *peer);
static void pull_all(struct roster_peer *peer, unsigned topics);
static void pull_new(struct roster_peer *peer); /* what clients subscribe to or wait for */
/* Pulls the sessions of a TeleClaude daemon, which pushes none. */
static void pull_unpushed(struct roster_peer *peer);
static void pull_refresh(struct fleet *f);
static void pull_suspect(struct roster_peer *peer); /* pulled in PULL_AGAIN_MS */
static void pull_on_suspects(void *ctx);           /* struct fleet: the timer of that */
/* They are not up to date, for want of interest. */
static int pull_must_ask(const struct fleet *f, const char *computer);
/* Appends to an open array; computer NULL: those of all. */
static void pull_put_projects(const struct fleet *f, const char *computer, int with_todos, buf *b);

/* ==== presence ================================================================================ */

#define PRESENCE_CHANNEL "telec:presence"
#ifndef PRESENCE_BEAT_MS
#define PRESENCE_BEAT_MS 30000  /* between two heartbeats */
#endif
#ifndef PRESENCE_STALE_MS
#define PRESENCE_STALE_MS 45000 /* without a heartbeat: stale … */
#endif
#ifndef PRESENCE_GONE_MS
#define PRESENCE_GONE_MS 60000  /* … and gone; also the key's life */
#endif
#ifndef PRESENCE_READ_MS
#define PRESENCE_READ_MS 200    /* of senders' keys */
#endif
#ifndef PRESENCE_LATE_MS
#define PRESENCE_LATE_MS 5000   /* of a late peer's lasting key */
#endif

static void presence_beat(struct fleet *f);
static void presence_hear(struct fleet *f, span text);
static void presence_read_key(struct fleet *f, span computer); /* after it sent something */
static void presence_check_late(struct fleet *f);
static void presence_on_late(void *ctx);         /* struct fleet: the timer of that */
static void presence_scan(struct fleet *f);
static int presence_is_heard_abroad(const struct fleet *f); /* one is interested in sessions */

/* ==== events ================================================================================== */

#define EVENTS_KEY "session_events:" /* + a computer */
#define EVENTS_KEPT 100              /* entries for a TeleClaude daemon … */
#define EVENTS_KEPT_TELEC 1000       /* … and for a telec daemon */

static void events_on_entry(struct streams_stream *s, struct codec_id id,
                            const struct resp *fields);
static void events_find_end(struct fleet *f);

/* ==== peers =================================================================================== */

#ifndef PEERS_CURSOR_MS
#define PEERS_CURSOR_MS 1000 /* for a cursor that can wait */
#endif
#ifndef PEERS_OLD_MS
#define PEERS_OLD_MS 300000  /* of a request without wait_ms */
#endif

static int peers_init(struct fleet *f, struct loop *l, const struct config *config,
                      struct cache *cache, buf *error);
static void peers_start(struct fleet *f, const struct peers_hooks *hooks, void *ctx);
static void peers_free(struct fleet *f);
static void peers_leave(struct fleet *f); /* says good-bye; streams_is_busy until it is sent */
static void peers_set_interest(struct fleet *f, unsigned topics);
static void peers_put_status(const struct fleet *f, buf *b); /* members "redis", "peers" */
static void peers_refuse(struct fleet *f, struct codec_id id, const char *error, const char *code);
/* Judges requests and entries of input that change something. Returns NULL, or why not. */
static const char *peers_why_not(const struct fleet *f, span computer, enum signature signature);

/* ==== observe ================================================================================= */

#ifndef OBSERVE_RENEW_MS
#define OBSERVE_RENEW_MS 20000 /* a claim is renewed … */
#endif
#ifndef OBSERVE_PULL_MS
#define OBSERVE_PULL_MS 5000   /* between two pulls of an observed computer's sessions */
#endif
#ifndef OBSERVE_TTL_S
#define OBSERVE_TTL_S 60       /* … before its end */
#endif

struct observations {
    struct loop *loop;
    struct fleet *fleet;
    struct observe_stream *first;
    struct loop_timer timer, pull_timer;
};

static void observe_init(struct observations *all, struct loop *l, struct fleet *fleet);
static void observe_on_gone(struct observations *all, const char *computer, const char *id,
                            const char *why);
/* Text, from now on. Returns NULL without Redis. */
static struct stream *observe_open(struct observations *all, const char *computer, const char *id,
                                   const struct stream_hooks *hooks, void *ctx);

/* ==== remote ================================================================================== */

#ifndef REMOTE_CONFIRM_MS
#define REMOTE_CONFIRM_MS 3000 /* for `got`; else the link is lost */
#endif
#ifndef REMOTE_RENEW_MS
#define REMOTE_RENEW_MS 20000  /* between two signs of life; less than GUEST_LIFE_MS */
#endif
#ifndef REMOTE_BACKOFF_MIN_MS
#define REMOTE_BACKOFF_MIN_MS 1000 /* doubles … */
#endif
#define REMOTE_BACKOFF_MAX_MS 30000 /* … up to this */
#ifndef REMOTE_GONE_MS
#define REMOTE_GONE_MS 60000   /* for a computer to come back */
#endif
#ifndef REMOTE_ACK_BYTES
#define REMOTE_ACK_BYTES (32 * 1024) /* of output between two acks */
#endif

struct remotes {
    struct loop *loop;
    struct fleet *fleet;
    struct remote *first;
    struct loop_timer renew_timer;
    struct observations observations;
};

static void remote_init(struct remotes *all, struct loop *l, struct fleet *fleet);
/* control: types, too. Returns NULL and *why when it can't be asked for. */
static struct stream *remote_open(struct remotes *all, const char *computer, const char *id,
                                  int control, int scrollback, const struct stream_hooks *hooks,
                                  void *ctx, const char **why);

/* ==== broadcast =============================================================================== */

#ifndef BROADCAST_CHECK_MS
#define BROADCAST_CHECK_MS 20000     /* of observed sessions */
#endif
#ifndef BROADCAST_ACTIVITY_MS
#define BROADCAST_ACTIVITY_MS 1000  /* between two checks of a changing one */
#endif
#ifndef BROADCAST_MAX
#define BROADCAST_MAX 256
#endif

struct broadcasts {
    struct loop *loop;
    const struct config *config;
    struct sessions *sessions;
    struct fleet *fleet;
    struct broadcast *first;
    int count;
    struct loop_timer check_timer;
};

static void broadcast_init(struct broadcasts *all, struct loop *l, const struct config *config,
                           struct sessions *sessions, struct fleet *fleet);
static void broadcast_free_all(struct broadcasts *all);
static void broadcast_on_activity(struct broadcasts *all, const char *id);

/* ==== guest =================================================================================== */

#ifndef GUEST_LATE_MS
#define GUEST_LATE_MS 2000     /* older input is not typed; less than REMOTE_CONFIRM_MS */
#endif
#ifndef GUEST_LIFE_MS
#define GUEST_LIFE_MS 60000    /* without an entry of input */
#endif
#ifndef GUEST_CHECK_MS
#define GUEST_CHECK_MS 20000   /* between two looks for that */
#endif
#ifndef GUEST_WINDOW
#define GUEST_WINDOW (256 * 1024) /* bytes without an ack */
#endif
#ifndef GUEST_MAX
#define GUEST_MAX 256
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
    const char *who, *token, *old; /* old: replaced by this */
    int control, scrollback, cols, rows; /* cols 0: none */
};

static void guest_init(struct guests *all, struct loop *l, struct sessions *sessions,
                       struct fleet *fleet);
/* Returns NULL, or the error's code. */
static const char *guest_open(struct guests *all, struct session *s, const struct guest_plan *plan);
static void guest_drop_all(struct guests *all);
static void guest_free_all(struct guests *all);

/* ==== requests ================================================================================ */

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
static int requests_is_busy(const struct requests *all);
static int requests_is_change(span command);
static void requests_free(struct requests *all);

#endif
