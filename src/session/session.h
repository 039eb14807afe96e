#ifndef TELEC_SESSION_H
#define TELEC_SESSION_H
#include "../system/system.h"

/* ==== cache =================================================================================== */

#ifndef CACHE_UPDATE_MS
#define CACHE_UPDATE_MS 100 /* between two updates of a session; the last one always comes */
#endif

enum cache_topic { CACHE_SESSIONS = 1, CACHE_PREPARATION = 2 };
#define CACHE_TOPICS 2

/* A session object as JSON, and then the bytes of cache_reserve. */
struct cache_session {
    buf json;
    long long sent_at;
    struct cache_session **dirty, *next_dirty; /* NULL: not in the list */
    int announced;
    char *id, *computer;
    int undo_s;             /* of its removal */
    size_t place;
    struct cache_session *next_same;
};

struct cache_subscriber {
    struct cache_subscriber *next, **link; /* NULL: not in the list */
    unsigned topics;
    void (*send)(void *ctx, blob *frame);
    void *ctx;
};

struct cache {
    struct cache_session **sessions; /* in their order; NULL: removed */
    size_t places, cap;
    size_t count;
    size_t reserved;
    struct cache_session **buckets;
    struct cache_session *dirty_first, **dirty_last;
    struct cache_subscriber *subscribers;
    blob *list;             /* "[…]"; NULL after a change */
    blob *(*encode)(const span *parts, size_t count);
    long long events_sent, events_coalesced;
    unsigned interest;
    int wanting[CACHE_TOPICS];
    struct loop *loop;      /* NULL: the owner calls cache_flush */
    struct loop_timer flush_timer;
    /* May be NULL. It must not subscribe. */
    void (*on_interest)(void *ctx, unsigned topics);
    void *interest_ctx;
    /* A session's event is due, or its removal; may be NULL. */
    void (*on_session)(void *ctx, struct cache_session *s, int removed);
    void *session_ctx;
};

/* encode: makes an event's bytes for every subscriber. */
static void cache_init(struct cache *c, blob *(*encode)(const span *parts, size_t count));
static void cache_free(struct cache *c);
/* Updates go from the loop, CACHE_FLUSH_GRAIN_MS late at most. */
static void cache_use_loop(struct cache *c, struct loop *l);
/* Reserves zeroed bytes in every session, before the first is added. Returns their place. */
static size_t cache_reserve(struct cache *c, size_t size);
static void *cache_data(const struct cache_session *s, size_t place);
static struct cache_session *cache_find(const struct cache *c, const char *id); /* or NULL */
/* Adds or replaces; the event goes now, or CACHE_UPDATE_MS after the last. */
static struct cache_session *cache_put(struct cache *c, const char *id, const char *computer,
                                       const span *parts, size_t count, long long now);
static void cache_update(struct cache *c, struct cache_session *s, const span *parts, size_t count,
                         long long now);
/* Costs O(sessions between them). */
static void cache_move_before(struct cache *c, struct cache_session *s,
                              const struct cache_session *next);
static void cache_remove(struct cache *c, const char *id);
/* Sends due updates. Returns when the next are due, or -1. */
static long long cache_flush(struct cache *c, long long now);
/* Valid until the next change, or by blob_ref. */
static blob *cache_list(struct cache *c);
/* computer NULL: of all */
static void cache_put_list(const struct cache *c, const char *computer, buf *b);
/* topics 0: none */
static void cache_subscribe(struct cache *c, struct cache_subscriber *s, unsigned topics);
static void cache_publish(struct cache *c, unsigned topics, span event_json);

/* ==== question ================================================================================ */

enum question_kind { QUESTION_NONE, QUESTION_TEXT, QUESTION_CHOICE, QUESTION_PASSWORD };

#define QUESTION_OPTIONS_MAX 9

struct question_screen {
    const span *rows;
    int count;
    int row, col;            /* the cursor, from 0 */
    int alternate;
    int echo, canonical;
    int at_shell;            /* a shell edits a line itself: its prompt is no question */
    span title;
    const struct agents_screen *agent; /* or NULL */
};

struct question {
    enum question_kind kind;
    int working;             /* the agent's sign of work, and no question */
    const char *rule;        /* in words; static */
    int row;                 /* that decided, or -1 */
    int first;               /* row of the first option, or -1: no menu */
    int option_count, selected;
    int buttons; /* side by side: which one is marked is a guess */
    int listed;  /* without numbers */
    span options[QUESTION_OPTIONS_MAX]; /* into the rows */
};

static span question_bare(span row);
/* phrases: 'a|b', in either case */
static int question_has(span row, const char *phrases);
/* Returns a row, or -1. */
static int question_find_box(const struct question_screen *s);
/* Costs O(bytes of the rows). */
static void question_read(const struct question_screen *s, struct question *q);
/* "Bash: make check", or the row that decided */
static void question_put_text(const struct question_screen *s, const struct question *q, buf *b);
/* Text in the agent's input box that was not submitted. */
static int question_find_draft(const struct question_screen *s, span *draft);

/* ==== frame =================================================================================== */

#define FRAME_HEAD 5
#ifndef FRAME_MAX
#define FRAME_MAX (2 * 1024 * 1024) /* bytes of a payload */
#endif
#ifndef FRAME_PIECE
#define FRAME_PIECE (256 * 1024)    /* of a long snapshot */
#endif
#ifndef FRAME_REPLY_MAX
#define FRAME_REPLY_MAX (64 * 1024 * 1024) /* bytes */
#endif
#define FRAME_KEYS_MAX 100
#define FRAME_POOLED_MAX CONN_READ_GREEDY /* bytes of a payload */
#define FRAME_POOL 18             /* VIEWER_BACKLOG_MAX, one that is written, one more */

/* Length of the payload (4 bytes, most significant first), type, payload: doc/protocol.md. A holder
 * may be older or newer than the daemon: both ignore what they don't know. */
enum frame_type {
    /* to the holder */
    FRAME_INPUT = 'i',
    FRAME_TYPED = 'Y', /* the sender has written to the pty itself, at a time of the monotonic
                          clock, which all processes share; "look": see frame_is_look */
    FRAME_MESSAGE = 'm',
    FRAME_ANSWER = 'a',
    FRAME_RESIZE = 'r',  /* the session's size, if it has the sender's or nobody's */
    FRAME_COLOURS = 'g',
    FRAME_KEYS = 'K',
    FRAME_END = 'k',
    FRAME_END_UNDOABLY = 'p',
    FRAME_UNDO_END = 'c',
    FRAME_SEEN = 'n',
    FRAME_EVENT = 'e',
    FRAME_SUBSCRIBE = 'w',
    FRAME_VIEW = 'v',         /* a set of FRAME_VIEW_… */
    FRAME_SCREEN = 's',
    FRAME_TEXT = 't',
    FRAME_CLIENT = 'J',
    FRAME_SPEC = 'L',         /* first, on descriptor 0 */
    /* from the holder */
    FRAME_STATUS = 'S',
    FRAME_OUTPUT = 'O',
    FRAME_SIZE = 'Z',
    FRAME_SNAPSHOT = 'N',
    FRAME_ENDING = 'E',
    FRAME_PTY = 'P',          /* see the drawing in input.c */
    FRAME_SCREEN_REPLY = 'C',
    FRAME_TEXT_REPLY = 'T',
    FRAME_MORE = '+',
    FRAME_RECEIPT = 'R'
};

#define FRAME_VIEW_SIZES 'z'
#define FRAME_VIEW_SCROLLBACK 'b'
#define FRAME_VIEW_PTY 'p'        /* FRAME_PTY, first with the descriptor */
#define FRAME_VIEW_ALL 'a'        /* nothing is omitted; the program waits */
#define FRAME_VIEW_AGAIN 'n'      /* alone: a snapshot in place of what is queued */

static void frame_put_head(char head[FRAME_HEAD], enum frame_type type, size_t n);
static size_t frame_length(const char head[FRAME_HEAD]);
/* Memory of a holder's frames: a flood would allocate for each read. */
struct frame_pool {
    blob *frames[FRAME_POOL];
};

static blob *frame_new(struct frame_pool *pool, enum frame_type type, span payload);
static void frame_send(struct conn *c, enum frame_type type, span payload);
/* FRAME_SNAPSHOT, then FRAME_OUTPUT …, each FRAME_PIECE long, as one message. */
static void frame_send_snapshot(struct conn *c, struct frame_pool *pool, span bytes);
/* Sends pieces as FRAME_MORE, then a frame of the type. */
static void frame_send_reply(struct conn *c, enum frame_type type, span payload);
/* The payload lies in c's input; the caller consumes FRAME_HEAD + payload->n bytes. */
static enum parse frame_parse(const struct conn *c, enum frame_type *type, span *payload);

struct frame_message {
    span text;
    int enter, force;       /* force: even into an open choice, or behind a draft */
    const char *from;       /* computer of a sender that reads no receipt; or NULL */
    long long until;        /* monotonic clock, ms: never typed later; 0: whenever */
};

static void frame_put_size(buf *b, int cols, int rows);
static void frame_put_resize(buf *b, int cols, int rows, const char *from);
static void frame_put_answer(buf *b, const char *answer);
static void frame_put_message(buf *b, const struct frame_message *m);
/* Tells that nothing was typed. */
static int frame_is_refusal(span receipt);
static void frame_put_colours(buf *b, const struct vt_colours *colours);
static int frame_read_colours(struct json array, struct vt_colours *colours);
static void frame_put_keys(buf *b, const char *key, long long count);
static void frame_put_end_undoably(buf *b, long long undo_ms);
static int frame_read_undo(span payload, long long *undo_ms);
static void frame_put_number(buf *b, long long number);
/* look: it answers no question */
static void frame_put_typed(buf *b, long long at_ms, int look);
static int frame_views(span how, char what);
/* Reads [cols, rows], or members "cols", "rows", within the emulator's limits. */
static int frame_read_size(struct json value, int *cols, int *rows);
static int frame_parse_size(span text, int *cols, int *rows);
/* "enter", "key_up", "ctrl_c", "f1" …; application: cursor keys. Returns 0: no such key. */
static int frame_put_key_bytes(buf *b, span name, int application);
#ifndef FRAME_SYNC_MS
#define FRAME_SYNC_MS 150 /* for an update's end (mode 2026) */
#endif
/* Returns where an unfinished update, or what may begin one, starts. */
static size_t frame_find_update(span output);
/* Focus, mouse, cursor and paging keys, reports: they answer nothing. */
static int frame_is_look(span keys);
/* Tells focus, mouse and reports, which are no keys. */
static int frame_is_report(span keys);

/* ==== life ==================================================================================== */

enum life {
    LIFE_LIVES,
    LIFE_ORPHANED,  /* the holder died, programs live on */
    LIFE_DEAD,
    LIFE_LOST,      /* with the computer: it was started again */
    LIFE_ELSEWHERE, /* on another machine */
    LIFE_UNKNOWN    /* it may live */
};

/* Facts of an unreachable holder. -1: unknown. */
struct life_facts {
    enum store_lock lock;
    int same_machine, same_boot;
    int error;                   /* of connecting */
    int holder;                  /* a process is called so */
    int programs;
};

/* The owner of a holder.lock, now or before; strings may be NULL. */
struct life_owner {
    pid_t pid;                   /* 0: the lock is free, or held in another container */
    pid_t program;               /* leader of its processes; 0: unknown */
    long long program_start;
    char *machine, *boot, *socket;
    int remakes;                 /* SIGUSR1 asks for a new socket */
    int joins;                   /* knows FRAME_CLIENT */
};

static enum life life_decide(const struct life_facts *f);
static int life_is_no_socket(int error);
/* Appends a pid_t for each process of a terminal session; without /proc and ps its leader's group,
 * negative. */
static void life_find_processes(pid_t session, buf *pids);
/* All of the session's processes; -1: unknown. */
static int life_is_asleep(pid_t session);
/* A process of the session reads a terminal, or may. */
static int life_reads(pid_t session);
static void life_put_pid(buf *pids, pid_t pid);
static size_t life_count_pids(const buf *pids);
static pid_t life_pid(const buf *pids, size_t i);
/* Returns it as ps: 'T' stopped, 'Z' ended. */
static char life_process_state(pid_t pid);
/* signo 0 only counts the processes. */
static int life_signal_session(pid_t session, int signo);
/* The holder may be dead: ids may be others' by now. */
static int life_signal_programs(const struct life_owner *owner, int signo);
/* Locks for the life of this process, which must not open the file again. EAGAIN: another holder
 * has it. */
static int life_lock(const char *dir);
static int life_publish(int fd, pid_t program, const char *socket);
/* The caller frees the owner. */
static enum store_lock life_look(const char *dir, struct life_owner *owner);
static void life_free_owner(struct life_owner *owner);
/* Asks the kernel's owner of the lock for a new socket, if it knows the signal. Returns 1:
 * asked. */
static int life_summon(const struct life_owner *owner);
static void life_summon_holder(const char *dir);
/* Finds it by the lock, else by `recorded`; to be freed. Waits for a new socket, LIFE_SUMMON_MS at
 * most. */
static char *life_find_socket(const char *dir, const char *recorded);
/* Compares with os_put_machine or os_put_boot. Returns 1, 0, or -1: unknown. */
static int life_is_same(void (*put)(buf *b), const char *recorded);
struct life_record {
    const char *id, *dir, *socket, *machine, *host, *boot; /* the last three: or NULL */
};
/* error: errno of connecting. exited: a daemon took it for dead: no process is searched. Asks for a
 * missing socket; appends why it is unreachable. */
static enum life life_judge(const struct life_record *r, int error, int exited, buf *why);
/* Kills a hanging holder and its programs; returns how many. */
static int life_kill(const char *dir, const char *id);
#define LIFE_SUMMON_MS 100
#define LIFE_POLL_MS 2

/* ==== holder_link ============================================================================= */

#ifndef HOLDER_LINK_ASK_MS
#define HOLDER_LINK_ASK_MS 5000
#endif
#ifndef HOLDER_QUEUE_MAX
#define HOLDER_QUEUE_MAX (4 * 1024 * 1024) /* bytes queued for one that does not read */
#endif
/* … of a message; the rest is for its receipt. */
#define HOLDER_TYPE_MS (HOLDER_LINK_ASK_MS / 2)

/* Set on_frame, on_closed and ctx first. */
struct holder_link {
    int open;
    void (*on_frame)(void *ctx, enum frame_type type, span payload);
    void (*on_drained)(void *ctx); /* or NULL */
    /* The last call. */
    void (*on_closed)(void *ctx);
    void *ctx;
    struct conn conn;
    struct holder_link_launching *launching; /* NULL: done */
};

static int holder_link_dial(const char *socket);
/* Takes the descriptor over. Returns -1 when that is -1. */
static int holder_link_open(struct holder_link *link, struct loop *l, int fd);
static void holder_link_send(struct holder_link *link, enum frame_type type, span payload);
/* Sends what clients can send without end: -1 while HOLDER_QUEUE_MAX bytes are queued. */
static int holder_link_offer(struct holder_link *link, enum frame_type type, span payload);
static void holder_link_close(struct holder_link *link); /* on_closed follows */
static void holder_link_drain(struct holder_link *link); /* once everything is sent */
static void holder_link_cancel(struct holder_link *link); /* no callback */

struct holder_spec {
    const char *binary;      /* of the program, if its file may have moved; or NULL */
    const char *id, *socket, *state_dir;
    const char *api_socket;
    char *const *argv;
    const char *agent;       /* a row's name; NULL: as the program is called */
    const char *directory;
    struct json env;         /* of "NAME=value"; else the daemon's */
    struct json umask;       /* else the daemon's */
    int cols, rows;
    const char *typed;       /* first prompt, to be typed; or NULL */
    const char *argument;    /* … among argv; or NULL */
    const char *native_id;   /* or NULL */
    const char *keep_env;    /* variables of the terminal that the program gets */
};

/* done comes once, maybe at once. error NULL: it runs, and the link is open unless it has ended. No
 * hook is called before. */
static void holder_link_launch(struct loop *l, const char *program, const struct holder_spec *spec,
                               struct holder_link *link, void (*done)(void *ctx, const char *error),
                               void *ctx);

/* HOLDER_LATE: none in HOLDER_LINK_ASK_MS */
enum holder_answer { HOLDER_ANSWERED, HOLDER_ENDED, HOLDER_LATE };

/* A question on its own connection; frees itself. */
struct holder_link_ask {
    struct holder_link link;
    struct loop_timer timer;
    enum frame_type wanted;
    buf more;               /* of FRAME_MORE */
    void (*done)(void *ctx, enum holder_answer how, span payload); /* NULL: cancelled */
    void *ctx;
};

/* done comes once, from the loop. Returns NULL, without it, for fd -1. */
static struct holder_link_ask *
holder_link_ask(struct loop *l, int fd, enum frame_type question, span payload,
                enum frame_type wanted,
                void (*done)(void *ctx, enum holder_answer how, span payload), void *ctx);
static void holder_link_ask_cancel(struct holder_link_ask *ask);

/* Appends what FRAME_TEXT_REPLY would have. */
static void holder_link_log_text(const char *state_dir, int cols, int rows, int prompts, buf *out);

/* ==== transcript ============================================================================== */

#define TRANSCRIPTS_MAX 16 /* children of one owner */
#define TRANSCRIPT_LATE "it takes too long to read the session's log"

struct transcript; /* frees itself */

/* done comes once, from the loop; error or NULL. *running counts the owner's. Returns NULL without
 * done; EAGAIN: TRANSCRIPTS_MAX run. */
static struct transcript *transcript_read(struct loop *l, const char *program, const char *dir,
                                          int cols, int rows, int prompts, int *running,
                                          void (*done)(void *ctx, const char *error, span text),
                                          void *ctx);
static void transcript_cancel(struct transcript *t);
/* Writes to stdout; a child process. */
static int transcript_main(const char *dir, const char *cols, const char *rows, int prompts);

/* ==== stream ================================================================================== */

/* A snapshot, then output; another snapshot where output was omitted. From a holder (stream_open),
 * another computer (remote_open) or through the daemon (relayed_open). */
struct stream;
struct stream_hooks {
    void (*on_size)(void *ctx, int cols, int rows); /* of the next snapshot */
    void (*on_output)(void *ctx, span bytes, int snapshot);
    void (*on_pty)(void *ctx, span payload);        /* or NULL */
    void (*on_end)(void *ctx, const char *why);     /* the last call */
    void (*on_drained)(void *ctx);                  /* input is sent; or NULL */
    /* The link to the other computer is lost, and why; NULL: it is back. unsent: bytes of input
     * refused or perhaps not typed. NULL: of a holder. */
    void (*on_link)(void *ctx, const char *why, long long unsent);
    /* FRAME_ENDING; or NULL */
    void (*on_ending)(void *ctx, long long undo_ms);
};

struct stream_source {
    void (*pause)(struct stream *s, int paused);
    void (*close)(struct stream *s);
    int (*type)(struct stream *s, span input); /* NULL: it only shows */
    int (*resize)(struct stream *s, int cols, int rows, const char *from);
    void (*colours)(struct stream *s, const struct vt_colours *colours);
    size_t (*queued)(const struct stream *s); /* NULL: not known */
    void (*drain)(struct stream *s);          /* NULL: close sends what is queued */
    void (*cancel)(struct stream *s);
};

enum stream_over {
    STREAM_ENDED,
    STREAM_LOST,    /* the session may live */
    STREAM_REFUSED  /* it never began */
};

struct stream {
    const struct stream_source *source;
    const struct stream_hooks *hooks; /* NULL: closed */
    void *ctx;
    struct holder_link *link; /* or NULL: of no holder of this computer */
    enum stream_over over; /* in on_end */
    const char *code; /* in on_end: the other computer's error; or NULL */
};

/* how: a set of FRAME_VIEW_…. Returns NULL for fd -1. */
static struct stream *stream_open(struct loop *l, int fd, span how,
                                  const struct stream_hooks *hooks, void *ctx);
/* Opens one without the daemon; waits as life_find_socket. */
static struct stream *stream_open_session(struct loop *l, const struct config *config,
                                          const char *id, span how,
                                          const struct stream_hooks *hooks, void *ctx);
/* Output is omitted meanwhile, not queued. */
static void stream_pause(struct stream *s, int paused);
/* Return 0; 1: wait for on_drained; -1: not read. from: the viewer's computer. */
static int stream_type(struct stream *s, span input);
static int stream_resize(struct stream *s, int cols, int rows, const char *from);
static void stream_set_colours(struct stream *s, const struct vt_colours *colours);
static void stream_close(struct stream *s); /* no hook follows; or NULL */
static void stream_drain(struct stream *s); /* stream_close, once input is sent */
static void stream_cancel(struct stream *s); /* at once; not of remote_open; or NULL */
static size_t stream_queued(const struct stream *s); /* bytes of input; or NULL */

/* ==== state =================================================================================== */

#ifndef STATE_IDLE_MS
#define STATE_IDLE_MS 3000
#endif
#ifndef STATE_SILENT_MS
#define STATE_SILENT_MS 10000 /* hooked: agents think that long */
#endif
#ifndef STATE_START_MS
#define STATE_START_MS 8000   /* of an agent, to its input box */
#endif
#ifndef STATE_BLANK_MS
#define STATE_BLANK_MS 30000  /* of an agent that draws nothing */
#endif
#ifndef STATE_BELL_MS
#define STATE_BELL_MS 300     /* its output comes so soon */
#endif
#ifndef STATE_HOOK_MS
#define STATE_HOOK_MS 1000    /* the screen follows a hook */
#endif
#ifndef STATE_BEGIN_MS
#define STATE_BEGIN_MS 5000   /* from a message to the sign of work */
#endif
#ifndef STATE_OVER_MS
#define STATE_OVER_MS 1000    /* without the sign of work */
#endif

enum state_kind {
    STATE_STARTING, STATE_WORKING, STATE_WAITING, STATE_IDLE,
    STATE_UNREACHABLE, /* the daemon's word */
    STATE_EXITED
};
enum state_source {
    STATE_BY_OUTPUT, STATE_BY_BELL, STATE_BY_HOOK, STATE_BY_EXIT,
    STATE_BY_LINK, STATE_BY_LOSS,
    STATE_BY_SCREEN, STATE_BY_MESSAGE
};

enum state_event {
    STATE_ON_OUTPUT, STATE_ON_BELL, STATE_ON_SILENCE,
    STATE_ON_TYPED,
    STATE_ON_LOOKED, /* focus, mouse, cursor keys, a new size */
    STATE_ON_MESSAGE, STATE_ON_READ,
    STATE_ON_SESSION_START, STATE_ON_PROMPT, STATE_ON_NOTIFICATION, STATE_ON_STOP,
    STATE_ON_SESSION_END, STATE_ON_EXIT, STATE_ON_UNREACHABLE, STATE_ON_LOSS
};

struct state {
    enum state_kind kind;
    enum state_source source;
    int unseen;
    int hooked; /* hooks report everything */
    int phrased; /* the agent's sign of work is known */
    int works;  /* the last reading showed it */
    int ready;  /* phrased: box or sign of work was shown */
    int interrupted; /* Esc or Ctrl-C while it worked */
    long long since;
    long long waiting_at, bell_at, output_at;
    long long hook_at, typed_at, looked_at;
    long long keyed_at; /* by a viewer */
    long long work_until; /* phrased: idle then without the sign of work */
};

struct state_input {
    enum state_event event;
    int viewed;
    long long at;
    int interrupts, by_viewer; /* typed, or looked */
    int echo; /* STATE_ON_BELL: without text or notification */
    /* STATE_ON_READ */
    int asks;     /* a question */
    int works;
    int ready;    /* the input box was shown */
    int moved;    /* since the bell, more than a spinner */
    int rests;    /* no turn is shown, and its processes sleep */
};

static const char *state_name(enum state_kind kind);
static const char *state_source_name(enum state_source source);
/* Returns 0: the state stays. */
static int state_apply(struct state *s, const struct state_input *in, long long now);
/* Returns from when on STATE_ON_SILENCE is due. */
static long long state_silent_at(const struct state *s);
/* Skips the time that the program was stopped. */
static void state_skip(struct state *s, long long ms);
static int state_parse_event(struct json type, enum state_event *event);

/* ==== native ================================================================================== */

static int native_main(char *const *args); /* five; a holder's child */

/* ==== holder ================================================================================== */

/* Reads a holder_spec from descriptor 0; in the background until the session ends. */
static int holder_main(void);

/* ==== ended =================================================================================== */

static int ended_keep(const char *state, const char *id);
static void ended_expire(const char *state);
static int ended_revive(const char *state, const char *id);
/* The newest first: session objects, with ended_at. */
static void ended_put_list(const char *state, const char *computer, buf *b);

/* ==== record ================================================================================== */

struct session {
    struct sessions *owner;
    struct session *next, **link;
    char *id, *dir, *socket;
    /* its record */
    char *title, *directory, *agent, *mode, *initiator, *command; /* NULL: none */
    char *native_id;        /* of the agent's conversation; or NULL */
    long long created_at;   /* wall clock, ms */
    int ending;             /* to be removed then */
    /* live */
    long long checked_at;    /* loop clock: do others observe it? */
    struct session_waiter *waiters;
    struct session_creating *creating; /* or NULL */
    /* The holder has gone, or all of the session; NULL: no restart waits. */
    void (*on_gone)(void *ctx, struct session *s, int removed);
    void *gone_ctx;
    int hidden;             /* not in the cache: its end can be undone */
    long long end_at;       /* wall clock; 0: none; or … */
#define SESSION_END_UNKNOWN -1 /* … an older telec's: its holder knows */
    struct loop_timer end_timer;
    struct cache_session *cached; /* or NULL: not in the cache */
    buf record;             /* what seldom changes, without braces */
    void *branch;           /* find_branch's; or NULL */
    int tells_native_id;    /* the status has it */
    buf status;             /* the last FRAME_STATUS; or empty */
    struct holder_link holder; /* while reachable */
    buf unreachable;        /* why; or empty */
    struct loop_timer retry_timer; /* to reach it, or for its answer */
    long long retry_ms;     /* 0: it was reached */
    int answered;           /* on this connection */
    int forced;             /* a record of another machine goes, too */
    int adopting;           /* asked by a starting daemon */
    char *machine, *host, *boot; /* at its holder's start; or NULL */
    char announced[16];     /* a state: on_changed came for it */
};

struct session_creating {
    void (*done)(void *ctx, struct session *s, const char *error);
    void *ctx;
    buf end; /* of a restart: the exit before */
};

/* ended comes once, unless sessions_cancel_wait is called. */
struct session_waiter {
    struct session_waiter *next, **link;
    void (*ended)(void *ctx);
    void *ctx;
    int error;              /* errno: it can't be removed */
};

struct sessions {
    struct loop *loop;
    struct config *config;
    struct cache *cache;
    struct session *first, **last;
    size_t count, adopting;
    size_t cache_place;     /* of a struct session * */
    buf machine, boot;
    /* or NULL */
    void (*on_changed)(void *ctx, struct session *s);
    void *changed_ctx;
    const char *(*find_branch)(void *ctx, struct session *s); /* or NULL */
    void *branch_ctx;
    struct loop_timer adopt_timer;
    void (*ready)(void *ctx);
    void *ready_ctx;
    int reading;            /* transcripts */
    long long asked_at;     /* by sessions_expect_answers */
};

/* Returns 1; 0: no record; -1: not readable. */
static int record_load(struct session *s);
/* starts: unsynced, for the session's first log process syncs it. */
static int record_write(const struct session *s, int starts);
/* Returns 0, with ETIMEDOUT, while the disk does not answer. */
static int record_disk_answers(const struct session *s);
static void record_changed(struct session *s);    /* tells the cache */
static void record_branch_changed(struct session *s);
static void record_uncache(struct session *s);    /* not another computer's */
/* Returns NULL for another computer's. */
static struct session **record_session(const struct sessions *all,
                                       const struct cache_session *object);
/* A configured command may name its conversation itself. */
static int record_names_conversation(const struct config_agent *agent);
static int record_resumes(const struct session *s); /* a restart resumes it */
static int record_has_exited(const struct session *s);
static void record_set_status(struct session *s, span status);
/* The holder's last one with another state. */
static void record_set_own_status(struct session *s, enum state_kind kind,
                                  enum state_source source, const char *text);
static void record_set_lost(struct session *s, enum life life); /* the holder died */
/* Returns 0: none. */
static int record_read_exit(struct session *s);
/* Undoes a restart's setting aside of the exit. Returns 0: none. */
static int record_recover_exit(struct session *s);
static void record_discard_exit(const struct session *s); /* the session runs */

/* ==== sessions ================================================================================ */

/* ready comes once, maybe at once: all have answered, or SESSIONS_ADOPT_MS are over. */
static void sessions_init(struct sessions *all, struct loop *l, struct config *config,
                          struct cache *cache, void (*ready)(void *ctx), void *ctx);
/* Calls done of each session being started. */
static void sessions_stop_waiting(struct sessions *all);
static void sessions_free(struct sessions *all);   /* they go on */
/* Returns NULL also for a hidden one. */
static struct session *sessions_find(const struct sessions *all, const char *id);
/* Turns an ended session into an exited one; or NULL. */
static struct session *sessions_revive(struct sessions *all, const char *id);
/* An error leaves the title. */
static int sessions_rename(struct session *s, const char *title);
/* A connection, or -1 with errno. Never waits: without the socket's file it goes through the
 * standing one, and the holder makes the file again. */
static int sessions_find_socket(struct session *s);
/* Asks for a status; unreachable while none comes. */
static void sessions_expect_answer(struct session *s);
/* As holder_link_offer, then sessions_expect_answer. */
static int sessions_offer(struct session *s, enum frame_type type, span payload);
static void sessions_expect_answers(struct sessions *all); /* all, rarely */
static int sessions_is_running(const struct session *s); /* and it answers */
/* Returns the running session of that conversation, else s: Codex runs the hooks of all its
 * sessions in the process of the first. */
static struct session *sessions_of_conversation(struct session *s, const char *native_id);
/* Returns NULL when it can be reached. */
static const char *sessions_why_unreachable(const struct session *s);
/* Also dismisses an exited one. The waiter hears of the removal. */
static void sessions_end(struct session *s, struct session_waiter *waiter);
/* Kills it without its holder's help. */
static void sessions_end_by_force(struct session *s, struct session_waiter *waiter);
static void sessions_cancel_wait(struct session_waiter *waiter);
#define SESSION_UNDO_MAX_S 60
/* It leaves the cache now. Its processes are stopped, and its holder ends it in time, daemon or
 * not; an exited one is removed then. -1: nothing has changed. */
static int sessions_end_undoably(struct session *s, int undo_s);
static struct session *sessions_find_hidden(const struct sessions *all, const char *id);
static int sessions_undo_end(struct session *s);
static void sessions_set_seen(struct session *s);
static struct transcript *sessions_read_log(const struct session *s, int prompts,
                                            void (*done)(void *ctx, const char *error, span text),
                                            void *ctx);
/* text: all of it */
static void sessions_put_transcript(const struct sessions *all, const char *id, span text,
                                    long long tail_chars, buf *b);
/* Returns 0, and 80 x 24, when it is unknown. */
static int sessions_size(const struct session *s, int *cols, int *rows);

/* These are for launch.c. */
static struct session *sessions_new(struct sessions *all, const char *id);
static void sessions_delete(struct session *s);
static void sessions_remove(struct session *s);
static char *sessions_socket(const struct sessions *all, const char *id);
static void sessions_set_link_hooks(struct session *s);
static void sessions_reach(void *session);

/* ==== launch ================================================================================== */

struct session_plan {
    const char *title, *directory, *agent, *mode, *initiator, *message; /* NULL: none */
    char *const *command;   /* NULL: the agent's */
    struct json env, umask; /* as in struct holder_spec */
    int cols, rows;
};

/* As configured now; until the next call; or NULL. */
static const struct config_agent *launch_agent(struct sessions *all, const char *name);
/* done comes once, maybe at once: a session in the cache, or an error. */
static void launch_create(struct sessions *all, const struct session_plan *plan,
                          void (*done)(void *ctx, struct session *s, const char *error),
                          void *ctx);
/* fresh: resumes nothing. Of the plan env, umask and size count; size 0: as before. An error leaves
 * the session as it is. */
static void launch_restart(struct session *s, const struct session_plan *plan, int fresh,
                           void (*done)(void *ctx, struct session *s, const char *error),
                           void *ctx);
/* mode -1: no flags. id of a conversation and its option, or NULL; message too. */
static void launch_put_agent_command(const struct config_agent *agent, int mode,
                                     const char *option, const char *id, const char *message,
                                     buf *b);

#endif
