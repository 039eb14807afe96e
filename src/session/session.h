#ifndef TELEC_SESSION_H
#define TELEC_SESSION_H
#include "../system/system.h"

/* ==== cache: session objects and their subscribers =========================================== */

#ifndef CACHE_UPDATE_MS
#define CACHE_UPDATE_MS 100 /* at most one update of a session in this time; the last one always */
#endif

enum cache_topic { CACHE_SESSIONS = 1, CACHE_PREPARATION = 2 };
#define CACHE_TOPICS 2

/* A session object, as JSON text, and then the bytes of cache_reserve. */
struct cache_session {
    /* first the members that every change needs */
    buf json;
    long long sent_at;      /* of its last event */
    struct cache_session **dirty, *next_dirty; /* in the list of pending updates; NULL: not */
    int announced;
    char *id, *computer;
    int undo_s;             /* its removal can be undone for so long: its event says that */
    size_t place;           /* in cache.sessions */
    struct cache_session *next_same; /* in its hash bucket */
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
    size_t count;           /* sessions */
    size_t reserved;        /* bytes behind each session: see cache_reserve */
    struct cache_session **buckets; /* hash of id; as many as cap */
    struct cache_session *dirty_first, **dirty_last;
    struct cache_subscriber *subscribers;
    blob *list;             /* "[…]" of all sessions; NULL after a change */
    blob *(*encode)(const span *parts, size_t count);
    long long events_sent, events_coalesced;
    unsigned interest;      /* topics with a subscriber */
    int wanting[CACHE_TOPICS]; /* subscribers of each */
    struct loop *loop;      /* NULL: the owner calls cache_flush */
    struct loop_timer flush_timer;
    /* The interest has changed; may be NULL. It must not subscribe. */
    void (*on_interest)(void *ctx, unsigned topics);
    void *interest_ctx;
    /* A session's event is due, or the session is about to be removed; may be NULL. */
    void (*on_session)(void *ctx, struct cache_session *s, int removed);
    void *session_ctx;
};

/* encode: makes the bytes for every subscriber of an event's JSON text, given in parts. */
static void cache_init(struct cache *c, blob *(*encode)(const span *parts, size_t count));
static void cache_free(struct cache *c);
/* From now on pending updates are sent from the loop, CACHE_FLUSH_GRAIN_MS late at most. */
static void cache_use_loop(struct cache *c, struct loop *l);
/* Reserves `size` bytes, zero at first, in every session for one user of the cache, to be called
 * before the first session is added. Returns their place for cache_data. */
static size_t cache_reserve(struct cache *c, size_t size);
static void *cache_data(const struct cache_session *s, size_t place);
static struct cache_session *cache_find(const struct cache *c, const char *id); /* NULL: unknown */
/* Adds a session or replaces its object (JSON text, given in parts). Sends the event, at once or
 * CACHE_UPDATE_MS after the last one. */
static struct cache_session *cache_put(struct cache *c, const char *id, const char *computer,
                                       const span *parts, size_t count, long long now);
/* Replaces the object of a session that is in the cache; the event as above. */
static void cache_update(struct cache *c, struct cache_session *s, const span *parts, size_t count,
                         long long now);
/* Moves a session forward, before another one. O(sessions between them). */
static void cache_move_before(struct cache *c, struct cache_session *s,
                              const struct cache_session *next);
/* Removes a session with the event session_removed. An unknown id does nothing. */
static void cache_remove(struct cache *c, const char *id);
/* Sends the updates that are due. Returns when to call it again, or -1: none is pending. */
static long long cache_flush(struct cache *c, long long now);
/* Returns the JSON array of all sessions, valid until the next change; blob_ref keeps it longer. */
static blob *cache_list(struct cache *c);
/* Appends the JSON array of a computer's sessions; computer NULL: of all. */
static void cache_put_list(const struct cache *c, const char *computer, buf *b);
/* Sets a subscriber's topics; 0 takes it out of the list. */
static void cache_subscribe(struct cache *c, struct cache_subscriber *s, unsigned topics);
/* Sends an event of another kind to the topics' subscribers. */
static void cache_publish(struct cache *c, unsigned topics, span event_json);

/* ==== question: what a program's screen asks its user ======================================== */

enum question_kind { QUESTION_NONE, QUESTION_TEXT, QUESTION_CHOICE, QUESTION_PASSWORD };

#define QUESTION_OPTIONS_MAX 9

/* What a terminal shows. The spans are the caller's. */
struct question_screen {
    const span *rows;        /* text of each row */
    int count;
    int row, col;            /* the cursor, from 0 */
    int alternate;           /* the alternate screen is shown */
    int echo, canonical;     /* the terminal's modes ECHO and ICANON */
    int at_shell;            /* a shell of its own edits a line: its prompt is no question */
    span title;              /* as the program set it */
    const struct agents_screen *agent; /* NULL: a plain program */
};

struct question {
    enum question_kind kind;
    int working;             /* no question, and the agent's sign of work is on the screen */
    const char *rule;        /* which rule decided, in words; static */
    int row;                 /* which row decided; -1: none */
    int first;               /* row of a menu's first option; -1: no menu */
    span options[QUESTION_OPTIONS_MAX]; /* of a menu; they point into the rows */
    int option_count, selected;
    int buttons; /* the options stand side by side, and which one is marked is a guess */
    int listed;  /* they have no numbers */
};

/* Returns a row without what frames it. */
static span question_bare(span row);
/* Tells whether a row has one of the phrases, which '|' separates; in either case. */
static int question_has(span row, const char *phrases);
/* Returns the first row of the text in the agent's input box; -1: it is not on the screen. */
static int question_find_box(const struct question_screen *s);
/* Reads a screen. O(bytes of its rows). */
static void question_read(const struct question_screen *s, struct question *q);
/* Appends what it asks: "Bash: make check", else the row that decided. */
static void question_put_text(const struct question_screen *s, const struct question *q, buf *b);
/* Returns 1 when a text that nobody has submitted stands in the agent's input box; *draft is it. */
static int question_find_draft(const struct question_screen *s, span *draft);

/* ==== frame: the holder protocol ============================================================= */

#define FRAME_HEAD 5                /* bytes of a frame before its payload */
#ifndef FRAME_MAX
#define FRAME_MAX (2 * 1024 * 1024) /* payload of one frame, in bytes */
#endif
#ifndef FRAME_PIECE
#define FRAME_PIECE (256 * 1024)    /* payload of a piece of a long snapshot */
#endif
#ifndef FRAME_REPLY_MAX
#define FRAME_REPLY_MAX (64 * 1024 * 1024) /* bytes of an answer in pieces */
#endif
#define FRAME_KEYS_MAX 100          /* presses in one FRAME_KEYS */

/* A frame is the payload's length (4 bytes, most significant first), a type, and the payload. A
 * holder may be older or newer than the daemon: both ignore types and JSON members that they don't
 * know. */
enum frame_type {
    /* to the holder */
    FRAME_INPUT = 'i',   /* bytes for the program; the sender's size becomes the session's */
    FRAME_TYPED = 'Y',   /* a number: the sender wrote to the pty itself, last at that time of
                            the monotonic clock, in ms; all processes of a computer share it. Then
                            " look" when those keys answer nothing: see frame_is_look */
    FRAME_MESSAGE = 'm', /* struct frame_message: to be typed; answered by FRAME_RECEIPT */
    FRAME_ANSWER = 'a',  /* {"answer"}: to the dialog on its screen; FRAME_RECEIPT answers it */
    FRAME_RESIZE = 'r',  /* {"cols", "rows", "from"}: the sender's size and computer; the session's
                            size, if the session has the sender's or nobody's */
    FRAME_COLOURS = 'g', /* [text, ground, cursor] of the sender's terminal: numbers 0xrrggbb, null
                            where one is not known */
    FRAME_KEYS = 'K',    /* {"key", "count"}: a key of frame_put_key_bytes */
    FRAME_END = 'k',     /* end the session */
    FRAME_END_UNDOABLY = 'p', /* {"undo_ms"}: stop its processes; end it after that time */
    FRAME_UNDO_END = 'c',     /* let its processes go on */
    FRAME_SEEN = 'n',         /* the user has seen the session */
    FRAME_EVENT = 'e',        /* {"type", "text", "native_session_id"}: of an agent's hook */
    FRAME_SUBSCRIBE = 'w',    /* send FRAME_STATUS now and after each change */
    FRAME_VIEW = 'v',         /* send a snapshot, then output; payload: a set of FRAME_VIEW_… */
    FRAME_SCREEN = 's',       /* answered by FRAME_SCREEN_REPLY */
    FRAME_TEXT = 't',         /* answered by FRAME_TEXT_REPLY; "p": with VT_PROMPT_MARKs */
    FRAME_CLIENT = 'J',       /* from a subscriber, with a descriptor: a client's connection */
    FRAME_SPEC = 'L',         /* the first frame on descriptor 0: struct holder_spec */
    /* from the holder */
    FRAME_STATUS = 'S',       /* the live members of the session object */
    FRAME_OUTPUT = 'O',       /* bytes that the program wrote */
    FRAME_SIZE = 'Z',         /* {"size": [cols, rows]} of the snapshot that follows */
    FRAME_SNAPSHOT = 'N',     /* bytes that repaint the whole screen; see frame_send_snapshot */
    FRAME_ENDING = 'E',       /* as FRAME_END_UNDOABLY, to viewers; 0: that was undone */
    FRAME_PTY = 'P',          /* a grant of direct writes: see the drawing in input.c */
    FRAME_SCREEN_REPLY = 'C', /* the object of GET …/screen */
    FRAME_TEXT_REPLY = 'T',   /* plain text of scrollback and screen */
    FRAME_MORE = '+',         /* bytes that go before the payload of the answer that follows */
    FRAME_RECEIPT = 'R'       /* "delivered", "queued" or "unconfirmed"; or see frame_is_refusal */
};

#define FRAME_VIEW_SIZES 'z'      /* FRAME_SIZE before each snapshot, and a snapshot on a resize */
#define FRAME_VIEW_SCROLLBACK 'b' /* snapshots bring the scrollback, too */
#define FRAME_VIEW_PTY 'p'        /* FRAME_PTY: the first one brings the pty's descriptor */
#define FRAME_VIEW_ALL 'a'        /* no output is omitted: the program waits for this viewer */
#define FRAME_VIEW_AGAIN 'n'      /* alone: a new snapshot in place of what is queued */

static void frame_put_head(char head[FRAME_HEAD], enum frame_type type, size_t n);
static size_t frame_length(const char head[FRAME_HEAD]); /* of the payload */
static blob *frame_new(enum frame_type type, span payload);
/* Queues a frame. */
static void frame_send(struct conn *c, enum frame_type type, span payload);
/* Queues a snapshot of any length, as one message: FRAME_SNAPSHOT, then FRAME_OUTPUT. Each has
 * FRAME_PIECE bytes, but the last one has less. */
static void frame_send_snapshot(struct conn *c, span bytes);
/* Queues an answer of any length: FRAME_MORE as often as must be, then a frame of the type. */
static void frame_send_reply(struct conn *c, enum frame_type type, span payload);
/* Parses the frame at the start of c's input. The caller takes FRAME_HEAD + payload->n bytes when
 * it is done with the payload, which lies in the input. PARSE_BAD: longer than FRAME_MAX. */
static enum parse frame_parse(const struct conn *c, enum frame_type *type, span *payload);

struct frame_message {
    span text;
    int enter, force;       /* submit it; also while a choice is open, or behind a draft */
    const char *from;       /* the computer of a sender that reads no receipt; or NULL */
    long long until;        /* monotonic clock, ms: not to be typed later; 0: whenever */
};

/* Payloads, appended to b. */
static void frame_put_size(buf *b, int cols, int rows);             /* FRAME_SIZE */
/* FRAME_RESIZE; from: the sender's computer, or NULL. */
static void frame_put_resize(buf *b, int cols, int rows, const char *from);
static void frame_put_answer(buf *b, const char *answer);           /* FRAME_ANSWER */
static void frame_put_message(buf *b, const struct frame_message *m); /* FRAME_MESSAGE */
/* Tells whether a receipt says that nothing was typed, and why: "waiting: Bash: make". */
static int frame_is_refusal(span receipt);
static void frame_put_colours(buf *b, const struct vt_colours *colours); /* FRAME_COLOURS */
static int frame_read_colours(struct json array, struct vt_colours *colours); /* 0: none */
static void frame_put_keys(buf *b, const char *key, long long count); /* FRAME_KEYS */
static void frame_put_end_undoably(buf *b, long long undo_ms); /* FRAME_END_UNDOABLY, _ENDING */
static int frame_read_undo(span payload, long long *undo_ms);  /* of both; 0: it is not there */
static void frame_put_number(buf *b, long long number);             /* FRAME_TYPED, FRAME_PTY */
/* Reads a size: [cols, rows], or an object's "cols" and "rows". Returns 1, or 0 and leaves both as
 * they are: not a size, or not one that the emulator can have. */
static int frame_read_size(struct json value, int *cols, int *rows);
/* The same of the text {"size": [cols, rows]}. */
static int frame_parse_size(span text, int *cols, int *rows);
/* Appends the bytes of a named key ("enter", "key_up", "ctrl_c", "f1", …). application: the program
 * wants application cursor keys. Returns 1, or 0: no key has that name. */
static int frame_put_key_bytes(buf *b, span name, int application);
#ifndef FRAME_SYNC_MS
#define FRAME_SYNC_MS 150 /* the longest update of a program (mode 2026) that viewers wait for */
#endif
/* Returns where in output the update begins that does not end in it, or a sequence that may begin
 * one; output.n: nowhere. What is before that is a whole screen. */
static size_t frame_find_update(span output);
/* Tells whether keys answer nothing: focus events, the mouse, cursor and paging keys, reports. */
static int frame_is_look(span keys);
/* Tells whether they are no keys: focus events, the mouse, reports. */
static int frame_is_report(span keys);

/* ==== life: whether a session's holder lives ================================================= */

enum life {
    LIFE_LIVES,
    LIFE_ORPHANED,  /* the holder has died, and processes of the session live on */
    LIFE_DEAD,      /* nothing of it is left */
    LIFE_LOST,      /* the same: the computer has been started again since */
    LIFE_ELSEWHERE, /* it is, or was, on another machine */
    LIFE_UNKNOWN    /* it may live */
};

/* What is known of a holder that can't be reached. Members with -1: that is unknown. */
struct life_facts {
    enum store_lock lock;        /* of its holder.lock */
    int same_machine, same_boot; /* 1, 0: those of the record */
    int error;                   /* errno of connecting to its socket */
    int holder;                  /* 1, 0: a process is called as the session's holder */
    int programs;                /* 1, 0: processes of the session are left */
};

/* Who has a session's holder.lock, or had it last. Strings are NULL where the file has none. */
struct life_owner {
    pid_t pid;                   /* of the lock; 0: it is free, or has no owner in this container */
    pid_t program;               /* the leader of the session's processes; 0: unknown */
    long long program_start;     /* of os_process_start */
    char *machine, *boot, *socket;
    int remakes;                 /* SIGUSR1 asks it to make its socket again */
    int joins;                   /* it understands FRAME_CLIENT */
};

static enum life life_decide(const struct life_facts *f); /* pure */
/* Tells whether connecting failed with that errno because no process listens. */
static int life_is_no_socket(int error);
/* Appends each live process of a terminal session, in whatever process group, to an array of pid_t;
 * where neither /proc nor ps shows them, its leader's group, as kill names it. */
static void life_find_processes(pid_t session, buf *pids);
/* Tells whether every process of a terminal session sleeps; 0 where /proc does not tell. */
static int life_is_asleep(pid_t session);
static void life_put_pid(buf *pids, pid_t pid);
static size_t life_count_pids(const buf *pids);
static pid_t life_pid(const buf *pids, size_t i);
/* Returns a process's state, as ps shows it: 'T' stopped, 'Z' ended. */
static char life_process_state(pid_t pid);
/* Signals them; 0 only counts them. Returns their number. */
static int life_signal_session(pid_t session, int signo);
/* The same for the programs of a holder that may be dead: their ids may be others' by now. */
static int life_signal_programs(const struct life_owner *owner, int signo);
/* Locks DIR/holder.lock for the life of this process, which must not open the file again. Returns
 * its descriptor, or -1 with errno; EAGAIN: another holder has it. */
static int life_lock(const char *dir);
/* Writes into the locked file who has it. Returns 0, or -1. */
static int life_publish(int fd, pid_t program, const char *socket);
/* Looks at DIR/holder.lock; the owner is to be freed. */
static enum store_lock life_look(const char *dir, struct life_owner *owner);
static void life_free_owner(struct life_owner *owner);
/* Asks the owner of a lock to make its socket again: the owner as the kernel tells it, and only one
 * that understands the signal. Returns 1 when it was asked. */
static int life_summon(const struct life_owner *owner);
static void life_summon_holder(const char *dir); /* the same of DIR/holder.lock's */
/* Returns where the holder listens, as its lock says, else as recorded; to be freed. Waits for a
 * holder whose socket is gone to make it again, LIFE_SUMMON_MS at most. */
static char *life_find_socket(const char *dir, const char *recorded);
/* Compares a recorded name with this machine's or boot's (put: os_put_machine, os_put_boot).
 * Returns 1, 0, or -1: one of the two is unknown. */
static int life_is_same(void (*put)(buf *b), const char *recorded);
/* What a record says of a session's holder. */
struct life_record {
    const char *id, *dir, *socket, *machine, *host, *boot; /* the last three: NULL: unknown */
};
/* Decides about a holder that can't be reached; error: errno of connecting to it. exited: a daemon
 * took the session for dead before, and no process is searched for. Asks a holder whose socket is
 * gone for a new one, and appends the reason why the session is unreachable. */
static enum life life_judge(const struct life_record *r, int error, int exited, buf *why);
/* Kills a hanging holder and the processes of its session. Returns their number. */
static int life_kill(const char *dir, const char *id);
#define LIFE_SUMMON_MS 100
#define LIFE_POLL_MS 2           /* between two looks for its socket */

/* ==== holder_link: connections and questions to a holder, launching one ====================== */

#ifndef HOLDER_ASK_MS
#define HOLDER_ASK_MS 5000 /* for a holder to answer a question */
#endif
#ifndef HOLDER_QUEUE_MAX
#define HOLDER_QUEUE_MAX (4 * 1024 * 1024) /* bytes queued for a holder that does not read */
#endif
/* A message is typed within this time or never: the rest of HOLDER_ASK_MS is for its receipt. */
#define HOLDER_TYPE_MS (HOLDER_ASK_MS / 2)

/* A connection to a holder. Set on_frame, on_closed and ctx, then open it. */
struct holder_link {
    int open;
    void (*on_frame)(void *ctx, enum frame_type type, span payload);
    void (*on_drained)(void *ctx); /* all is sent; or NULL */
    /* The last call: then the link may be opened again, or its memory freed. */
    void (*on_closed)(void *ctx);
    void *ctx;
    struct conn conn;
    struct holder_launching *launching; /* NULL: it stands */
};

/* Returns a descriptor connected to a holder's socket, or -1 with errno. */
static int holder_dial(const char *socket);
/* Takes the descriptor. Returns 0, or -1: fd is -1. */
static int holder_link_open(struct holder_link *link, struct loop *l, int fd);
static void holder_link_send(struct holder_link *link, enum frame_type type, span payload);
/* Sends unless HOLDER_QUEUE_MAX bytes are queued: the holder is stopped. Returns 0, or -1. What
 * clients can send without end goes this way. */
static int holder_link_offer(struct holder_link *link, enum frame_type type, span payload);
static void holder_link_close(struct holder_link *link); /* on_closed comes at the pass's end */
static void holder_link_drain(struct holder_link *link); /* closes once everything is sent */
static void holder_link_cancel(struct holder_link *link); /* at the program's end: no callback */

/* A new session. */
struct holder_spec {
    const char *binary;      /* the file of the program, when that may have moved; or NULL */
    const char *id, *socket, *state_dir; /* its socket; the directory of its record and log */
    const char *api_socket;  /* for the program: TELEC_SOCKET */
    char *const *argv;
    const char *agent;       /* its row of the agents' table; NULL: as the program is called */
    const char *directory;
    struct json env;         /* array of "NAME=value"; anything else: the daemon's environment */
    struct json umask;       /* number; anything else: the daemon's */
    int cols, rows;
    const char *typed;       /* a first prompt, typed once the program is ready; or NULL */
    const char *argument;    /* a first prompt among argv; or NULL */
    const char *native_id;   /* its native_session_id at first; or NULL */
    const char *keep_env;    /* variables of the terminal that the program gets all the same */
};

/* Starts a holder. done is called once, at once or from the loop. error: why there is no session.
 * NULL: it runs, and the link is open and gets each FRAME_STATUS; the link is not open when the
 * session has ended already. Before done, on_frame and on_closed are not called. */
static void holder_launch(struct loop *l, const char *program, const struct holder_spec *spec,
                          struct holder_link *link, void (*done)(void *ctx, const char *error),
                          void *ctx);

/* The outcome of a question: a reply, the session ended first, or no reply in HOLDER_ASK_MS. */
enum holder_answer { HOLDER_ANSWERED, HOLDER_ENDED, HOLDER_LATE };

/* A pending question, on a connection of its own; it frees itself. */
struct holder_ask {
    struct holder_link link;
    struct loop_timer timer;
    enum frame_type wanted;
    buf more;               /* of FRAME_MORE */
    void (*done)(void *ctx, enum holder_answer how, span payload); /* NULL: cancelled */
    void *ctx;
};

/* Sends `question` on fd and calls done once, from the loop, with the first frame of type `wanted`.
 * Returns NULL without calling done when fd is -1. */
static struct holder_ask *holder_ask(struct loop *l, int fd, enum frame_type question,
                                     span payload, enum frame_type wanted,
                                     void (*done)(void *ctx, enum holder_answer how, span payload),
                                     void *ctx);
static void holder_ask_cancel(struct holder_ask *ask); /* done is not called */

/* Appends the plain text of an exited session's log, as FRAME_TEXT_REPLY has it. */
static void holder_log_text(const char *state_dir, int cols, int rows, int prompts, buf *out);

/* ==== transcript: the text of an exited session, from its log ================================= */

#define TRANSCRIPTS_MAX 16 /* child processes of one owner at a time */
#define TRANSCRIPT_LATE "it takes too long to read the session's log"

struct transcript; /* frees itself */

/* Reads the text of the log in dir. done is called once, from the loop: error NULL, or why there is
 * no text. *running counts the owner's. Returns NULL without calling done when that can't be begun;
 * errno EAGAIN: TRANSCRIPTS_MAX are running. */
static struct transcript *transcript_read(struct loop *l, const char *program, const char *dir,
                                          int cols, int rows, int prompts, int *running,
                                          void (*done)(void *ctx, const char *error, span text),
                                          void *ctx);
static void transcript_cancel(struct transcript *t); /* done is not called */
/* The child process: writes the text to stdout. Returns its exit status. */
static int transcript_main(const char *dir, const char *cols, const char *rows, int prompts);

/* ==== stream: a session's screen as it comes ================================================= */

/* A stream brings a snapshot, then output, and a new snapshot wherever output was omitted. Its
 * source is a holder (stream_open) or another computer (remote_open). */
struct stream;
struct stream_hooks {
    void (*on_size)(void *ctx, int cols, int rows); /* of the snapshot that follows */
    void (*on_output)(void *ctx, span bytes, int snapshot);
    void (*on_pty)(void *ctx, span payload);        /* FRAME_PTY; NULL where it is not asked for */
    void (*on_end)(void *ctx, const char *why);     /* the last call: the stream is freed */
    void (*on_drained)(void *ctx);                  /* all input is sent; or NULL */
    /* The link to the other computer was lost, for that reason, or is back (why NULL); unsent:
     * bytes of input that were refused meanwhile or may not have been typed. NULL: of a holder. */
    void (*on_link)(void *ctx, const char *why, long long unsent);
    /* Its end was asked for, and can be undone for so long; 0: that was undone. Or NULL. */
    void (*on_ending)(void *ctx, long long undo_ms);
};

struct stream_source {
    void (*pause)(struct stream *s, int paused);
    void (*close)(struct stream *s);
    int (*type)(struct stream *s, span input); /* NULL: it only shows */
    int (*resize)(struct stream *s, int cols, int rows, const char *from);
};

/* The first member of each kind of stream. */
struct stream {
    const struct stream_source *source;
    const struct stream_hooks *hooks; /* NULL: closed, none is called */
    void *ctx;
    struct holder_link *link; /* to the holder; NULL: another computer's session */
    const char *code; /* in on_end: of the other computer's error; NULL: it has not answered */
};

/* Opens a stream from a holder, on fd. how: a set of FRAME_VIEW_…. Returns NULL: fd is -1. */
static struct stream *stream_open(struct loop *l, int fd, span how,
                                  const struct stream_hooks *hooks, void *ctx);
/* The same of a session of this computer, without the daemon. Waits as life_find_socket does. */
static struct stream *stream_open_session(struct loop *l, const struct config *config,
                                          const char *id, span how,
                                          const struct stream_hooks *hooks, void *ctx);
/* Pauses a stream, or resumes it: what comes in between is omitted, not queued without limit. */
static void stream_pause(struct stream *s, int paused);
/* Type into the session, tell it the size of a viewer on the computer `from`. They return 0; 1: no
 * more should be typed before on_drained; or -1: the other side does not read. */
static int stream_type(struct stream *s, span input);
static int stream_resize(struct stream *s, int cols, int rows, const char *from);
static void stream_close(struct stream *s); /* no hook is called any more; NULL is fine */
static void stream_drain(struct stream *s); /* the same, once the input to the holder is sent */
static void stream_cancel(struct stream *s); /* of stream_open, at the program's end; or NULL */

/* ==== state: a session's state, from a table ================================================= */

#ifndef STATE_IDLE_MS
#define STATE_IDLE_MS 3000    /* without output: idle */
#endif
#ifndef STATE_SILENT_MS
#define STATE_SILENT_MS 10000 /* the same of a hooked session, whose agent may think that long */
#endif
#ifndef STATE_START_MS
#define STATE_START_MS 8000   /* the same of an agent whose input box has not been seen yet */
#endif
#ifndef STATE_BLANK_MS
#define STATE_BLANK_MS 30000  /* from the start of an agent that has drawn nothing: idle */
#endif
#ifndef STATE_BELL_MS
#define STATE_BELL_MS 300     /* output this soon after a bell belongs to it */
#endif
#ifndef STATE_HOOK_MS
#define STATE_HOOK_MS 1000    /* for a screen to follow what a hook reported */
#endif
#ifndef STATE_BEGIN_MS
#define STATE_BEGIN_MS 5000   /* from a message to the sign of work at the latest */
#endif
#ifndef STATE_OVER_MS
#define STATE_OVER_MS 1000    /* without the sign of work: idle */
#endif

enum state_kind {
    STATE_STARTING, STATE_WORKING, STATE_WAITING, STATE_IDLE,
    STATE_UNREACHABLE, /* its holder may live and can't be reached: the daemon's word */
    STATE_EXITED
};
enum state_source {
    STATE_BY_OUTPUT, STATE_BY_BELL, STATE_BY_HOOK, STATE_BY_EXIT,
    STATE_BY_LINK, STATE_BY_LOSS, /* STATE_UNREACHABLE; exited with the computer */
    STATE_BY_SCREEN, STATE_BY_MESSAGE
};

enum state_event {
    STATE_ON_OUTPUT, STATE_ON_BELL, STATE_ON_SILENCE,
    STATE_ON_TYPED,  /* text, Enter or Esc */
    STATE_ON_LOOKED, /* a focus event, the mouse, a cursor key, a new size */
    STATE_ON_MESSAGE, STATE_ON_READ,
    STATE_ON_SESSION_START, STATE_ON_PROMPT, STATE_ON_NOTIFICATION, STATE_ON_STOP,
    STATE_ON_SESSION_END, STATE_ON_EXIT, STATE_ON_UNREACHABLE, STATE_ON_LOSS
};

/* What is known of a session. Times are of one monotonic clock, in ms. */
struct state {
    enum state_kind kind;
    enum state_source source;
    int unseen; /* it finished or asked, and no viewer has seen that */
    int hooked; /* its agent's hooks report everything: its output does not change the state */
    int phrased; /* its agent's sign of work is known */
    int works;  /* the last reading showed the sign of work */
    int ready;  /* phrased: its input box or its sign of work has been on the screen */
    int interrupted; /* the user has pressed Esc or Ctrl-C while it worked */
    long long since; /* it entered its state */
    long long waiting_at, bell_at, output_at; /* of the last question, bell, output or hook */
    long long hook_at, typed_at, looked_at;
    long long work_until; /* phrased and without its sign of work, it is idle after this */
};

struct state_input {
    enum state_event event;
    int viewed;   /* a viewer sees the session now */
    long long at; /* STATE_ON_TYPED: when */
    int interrupts; /* STATE_ON_TYPED: Esc or Ctrl-C */
    /* STATE_ON_READ: what the screen shows */
    int asks;     /* a question */
    int works;    /* the agent's sign of work */
    int ready;    /* its input box has been, since the program reads keys */
    int moved;    /* since the bell more than a spinner has changed */
};

static const char *state_name(enum state_kind kind);            /* "working" */
static const char *state_source_name(enum state_source source); /* "output" */
/* Applies the first row of the table that matches. Returns 1, or 0: the state stays. */
static int state_apply(struct state *s, const struct state_input *in, long long now);
/* The time from which on a working session's STATE_ON_SILENCE counts. */
static long long state_silent_at(const struct state *s);
/* The session was stopped for so long: that time does not count. */
static void state_skip(struct state *s, long long ms);
/* The event of an agent's hook: "prompt", "stop", …. Returns 1, or 0: no event has that name. */
static int state_parse_event(struct json type, enum state_event *event);

/* ==== holder: the process that holds one session ============================================= */

/* Reads a struct holder_spec from descriptor 0, starts the session and lives in the background
 * until it ends. Returns the process's exit status. */
static int holder_main(void);

/* ==== ended: ended sessions whose conversation can be resumed ================================ */

/* Keeps a removed session's directory. Returns 0, or -1 with errno. */
static int ended_keep(const char *state, const char *id);
static void ended_expire(const char *state); /* removes the old ones */
/* Makes it a session's directory again. Returns 0, or -1: there is none. */
static int ended_take_back(const char *state, const char *id);
/* Appends an array of objects, the newest first: members of a session object, and ended_at. */
static void ended_put_list(const char *state, const char *computer, buf *b);

/* ==== record: a session's record and last status, on disk and in the cache =================== */

struct session {
    struct sessions *owner;
    struct session *next, **link;
    char *id, *dir, *socket;
    /* the record */
    char *title, *directory, *agent, *mode, *initiator, *command; /* NULL: none */
    char *native_id;        /* the agent's own id of its conversation; NULL: not known */
    char *machine, *host, *boot; /* where and when its holder was started; NULL: unknown */
    long long created_at;   /* wall clock, ms */
    int ending;             /* to be removed as soon as it has ended */
    /* live */
    long long checked_at;    /* loop clock: the last check whether another computer observes it */
    struct session_waiter *waiters; /* for its end */
    struct session_creating *creating; /* who waits for its first status; or NULL */
    /* Its holder has gone, or all of it was removed; NULL: no restart waits for that. */
    void (*on_gone)(void *ctx, struct session *s, int removed);
    void *gone_ctx;
    int hidden;             /* its end can be undone; it is not in the cache meanwhile */
    long long end_at;       /* wall clock: a hidden session's end; 0: none; or … */
#define SESSION_END_UNKNOWN -1 /* … an older telec's record: its holder knows */
    struct loop_timer end_timer; /* of a hidden session without a holder */
    struct cache_session *cached; /* NULL: not in the cache */
    buf record;             /* members of its object that seldom change, without braces */
    void *branch;           /* find_branch's own; or NULL */
    int tells_native_id;    /* the status has native_session_id, so the record's part has not */
    buf status;             /* the last FRAME_STATUS, an object; empty before the first */
    struct holder_link holder; /* open as long as the session's holder can be reached */
    buf unreachable;        /* why it can't be reached; empty: it can, or it has exited */
    struct loop_timer retry_timer; /* the next try to reach it; its holder's answer is late */
    long long retry_ms;     /* the last wait for one; 0: it was reached */
    int answered;           /* its holder sent a status on this connection */
    int forced;             /* its end is forced: a record of another machine goes, too */
    int adopting;           /* the starting daemon does not know its state yet */
    char announced[16];     /* the state that on_changed's owner has seen */
};

/* The pending call of session_create or session_restart. */
struct session_creating {
    void (*done)(void *ctx, struct session *s, const char *error);
    void *ctx;
    buf end; /* of a restart: the status of the exit before; else empty */
};

/* Waits for a session's end, embedded. ended is called once, unless session_cancel_wait is. */
struct session_waiter {
    struct session_waiter *next, **link;
    void (*ended)(void *ctx);
    void *ctx;
    int error;              /* for ended: errno, it has ended and can't be removed; 0: it is */
};

struct sessions {
    struct loop *loop;
    struct config *config;
    struct cache *cache;
    struct session *first, **last;
    size_t count, adopting; /* sessions; those whose state is not known yet */
    size_t cache_place;     /* of a struct session *, for cache_data */
    buf machine, boot;      /* this machine and its boot: os_put_machine, os_put_boot */
    /* A session of this computer has changed; or NULL. */
    void (*on_changed)(void *ctx, struct session *s);
    void *changed_ctx;
    const char *(*find_branch)(void *ctx, struct session *s); /* of its directory; or NULL */
    void *branch_ctx;
    struct loop_timer adopt_timer;
    void (*ready)(void *ctx);
    void *ready_ctx;
    int reading;            /* transcripts of exited sessions at work */
    long long asked_at;     /* loop clock: the last sessions_expect_answers */
};

/* Returns 1, 0 when there is no record, or -1 when it can't be read. */
static int session_load(struct session *s);
/* Writes the record. Returns 0, or -1 with errno. */
static int session_write(const struct session *s);
/* Returns 0, with ETIMEDOUT, while the disk of the sessions does not answer. */
static int session_disk_answers(const struct session *s);
static void session_changed(struct session *s);    /* gives the cache a new object */
static void session_branch_changed(struct session *s);
static void session_uncache(struct session *s);    /* never another computer's of the same id */
/* Returns the place of an object's session; it is NULL for another computer's. */
static struct session **session_of(const struct sessions *all, const struct cache_session *object);
/* Tells whether a configured command names its conversation itself. */
static int session_names_conversation(const char *line);
static int session_resumes(const struct session *s); /* a restart resumes its conversation */
static int session_has_exited(const struct session *s);
static void session_set_status(struct session *s, span status);
/* The daemon's own: what the holder told last, with another state. */
static void session_set_own_status(struct session *s, enum state_kind kind,
                                   enum state_source source, const char *text);
static void session_set_lost(struct session *s, enum life life); /* its holder died */
/* Reads exit.json, the last status. Returns 1, or 0: its holder wrote none. */
static int session_read_exit(struct session *s);
/* Takes the exit back that a restart has set aside. Returns 1, or 0: none is. */
static int session_restore_end(struct session *s);
static void session_forget_end(const struct session *s); /* of that restart: the session runs */

/* ==== sessions: this computer's sessions: holders, adoption, ends ============================ */

/* Loads the records and connects to every holder. ready is called, from the loop or at once, when
 * all have answered or SESSION_ADOPT_MS has passed. */
static void sessions_init(struct sessions *all, struct loop *l, struct config *config,
                          struct cache *cache, void (*ready)(void *ctx), void *ctx);
/* At the program's end: calls done of each session that is being started. */
static void sessions_stop_waiting(struct sessions *all);
static void sessions_free(struct sessions *all);   /* the sessions go on */
/* Returns a session of this computer, or NULL: unknown, or hidden. */
static struct session *session_find(const struct sessions *all, const char *id);
/* Makes an ended session an exited one again; NULL: there is none of that id. */
static struct session *session_revive(struct sessions *all, const char *id);
/* Returns 0, or -1 with errno: the record can't be written, and the title stays. */
static int session_rename(struct session *s, const char *title);
/* Returns a socket connected to its holder, or -1 with errno. Never waits: where the socket's file
 * is gone the connection goes through the standing one, and the holder is to make it again. */
static int session_find_socket(struct session *s);
/* Asks a reachable holder for its status; while none comes, the session is unreachable. */
static void session_expect_answer(struct session *s);
/* holder_link_offer, and session_expect_answer */
static int session_offer(struct session *s, enum frame_type type, span payload);
static void sessions_expect_answers(struct sessions *all); /* the same of all, rarely */
static int session_is_running(const struct session *s); /* and its holder answers */
/* Tells why a session that may live can't be reached; NULL: it can be reached, or has exited. */
static const char *session_why_unreachable(const struct session *s);
/* Ends a running session or dismisses an exited one; the waiter is called when it is removed. */
static void session_end(struct session *s, struct session_waiter *waiter);
/* The same without its holder's help: kills the holder and the session's processes. */
static void session_end_by_force(struct session *s, struct session_waiter *waiter);
static void session_cancel_wait(struct session_waiter *waiter);
#define SESSION_UNDO_MAX_S 60
/* Ends a session so that it can be undone for undo_s seconds: it leaves the cache now. A running
 * one's processes are stopped, and its holder ends it after that time, with or without a daemon; an
 * exited one is removed then. Returns 0, or -1 with errno: the record can't be written, and nothing
 * has changed. session_undo_end likewise. */
static int session_end_undoably(struct session *s, int undo_s);
static struct session *session_find_hidden(const struct sessions *all, const char *id);
static int session_undo_end(struct session *s);
static void session_set_seen(struct session *s);   /* the user has seen it */
/* Reads an exited session's transcript from its log: see transcript_read. */
static struct transcript *session_read_log(const struct session *s, int prompts,
                                           void (*done)(void *ctx, const char *error, span text),
                                           void *ctx);
/* Appends the object of a session's transcript, whose whole text is `text`. */
static void session_put_transcript(const struct sessions *all, const char *id, span text,
                                   long long tail_chars, buf *b);
/* Reads the size that the holder told last. Returns 0 and gives 80 x 24 when it has told none. */
static int session_size(const struct session *s, int *cols, int *rows);

/* For launch.c alone. */
static struct session *session_new(struct sessions *all, const char *id);
static void session_delete(struct session *s);
static void session_remove(struct session *s);
static char *session_socket(const struct sessions *all, const char *id); /* where it is made */
static void session_set_link_hooks(struct session *s);
static void session_reach(void *session);

/* ==== launch: starting a session's program: a new session, a restart ======================== */

/* A session to be created; strings are copied. */
struct session_plan {
    const char *title, *directory, *agent, *mode, *initiator, *message; /* NULL: none */
    char *const *command;   /* NULL: the agent's */
    struct json env, umask; /* see struct holder_spec */
    int cols, rows;
};

/* Returns the agent of that name as the configuration file has it now; valid until the next call.
 * NULL: not configured. */
static const struct config_agent *sessions_agent(struct sessions *all, const char *name);
/* Creates a session. done is called once, from the loop or at once: with the session, whose object
 * is in the cache, or with NULL and an error. */
static void session_create(struct sessions *all, const struct session_plan *plan,
                           void (*done)(void *ctx, struct session *s, const char *error),
                           void *ctx);
/* Starts an exited session's program again; fresh: even where its conversation could be resumed. Of
 * the plan env, umask and the size count, 0: as it was. done as above; an error leaves the session
 * as it is. */
static void session_restart(struct session *s, const struct session_plan *plan, int fresh,
                            void (*done)(void *ctx, struct session *s, const char *error),
                            void *ctx);
/* Appends the command line that starts an agent: its command, the mode's flags (mode < 0: none),
 * the option and the id of a conversation (see config_agent; id NULL: neither), the message where
 * the agent takes one as an argument. message may be NULL. */
static void session_put_agent_command(const struct config_agent *agent, int mode,
                                      const char *option, const char *id, const char *message,
                                      buf *b);

#endif
