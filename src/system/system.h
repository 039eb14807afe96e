#ifndef TELEC_SYSTEM_H
#define TELEC_SYSTEM_H
#include "../screen/screen.h"

/* ==== os: random bytes, files read whole, descriptors, machine, boot, processes ============== */

#if defined(TELEC_PORTABLE)
#define OS_PROC "/dev/null"      /* there is nothing below it */
#else
#define OS_PROC "/proc"
#endif
#define OS_INHERITED_MAX 1024      /* descriptors that are closed where none are listed */
#define OS_COMMAND_MAX 4096        /* bytes of a command line that os_find_process looks at */

/* Fills out with n bytes of /dev/urandom. Where it can't be read (a chroot, no descriptor left)
 * they only differ from call to call and from process to process: ids need no more. */
static void os_random(void *out, size_t n);
/* Writes a random UUID (RFC 9562 version 4), NUL-terminated. */
static void os_uuid(char out[37]);
/* Opens a regular file; never waits. Returns its fd, or -1 with errno (ENOTSUP: it is no regular
 * file). */
static int os_open_regular(const char *path, int flags);
/* Appends the regular file's bytes to b. Returns 0, or -1 with errno (EFBIG: it has more than most
 * bytes); b is then as before. */
static int os_read_file(buf *b, const char *path, size_t most);
/* The same of anything that can be read: it may wait for a FIFO's writer. */
static int os_read_any(buf *b, const char *path, size_t most);
/* Appends the end of a regular file, most bytes of it. */
static int os_read_end(buf *b, const char *path, size_t most);
/* Words for the errno of the first two: "it is not a regular file". */
static const char *os_file_fault(int error);
/* Starts a program that PATH has, in a process group of its own. Its stdin is in (-1: /dev/null),
 * its stdout out (-1: err), its stderr err. Not by fork: the daemon may be large. Returns its id,
 * or -1 with errno. */
static pid_t os_spawn(char *const *argv, int in, int out, int err);
/* Tells whether the limit leaves at most `few` descriptors above fd. */
static int os_is_last_fd(int fd, unsigned few);
/* Writes a text to a descriptor, as far as that takes it. */
static void os_print(int fd, const char *format, ...) BASE_FORMAT(2, 3);
static int os_close_on_exec(int fd);               /* returns fd; fd < 0: does nothing */
static void os_close_inherited(int first);         /* closes all descriptors from `first` on */
/* Appends a name of this machine that stays the same: its machine id, else the host's name. */
static void os_put_machine(buf *b);
/* Appends a name of this boot of it: the boot id, else its time; nothing when neither is known. */
static void os_put_boot(buf *b);
/* Returns when a process started, in a unit of the system; 0: no such process, or unknown. */
static long long os_process_start(pid_t pid);
static pid_t os_find_child(pid_t parent);          /* one of them; 0: none, or unknown */
/* Returns a process with the command line "PROGRAM first second"; 0: none, -1: unknown. */
static pid_t os_find_process(const char *first, const char *second);

/* ==== loop: the one poll() table: descriptors, timers, signals, child exits ================== */

#define LOOP_SIGNALS 65           /* signal numbers are below this */

/* A descriptor on the loop, embedded in its owner. on_event gets poll's revents; it may unwatch and
 * free anything but a struct loop_fd whose own on_event is running (a task may). */
struct loop_fd {
    int fd;
    int slot;               /* index in the poll table + 1; 0: not watched; -1: in the crowd */
    void (*on_event)(void *ctx, short revents);
    void *ctx;
};

/* A one-shot timer, embedded in its owner. */
struct loop_timer {
    long long due;          /* on clock_mono_ms */
    int slot;               /* index in the heap + 1; 0: not set */
    void (*fn)(void *ctx);
    void *ctx;
};

/* A call deferred to the end of the pass, embedded in its owner. */
struct loop_task {
    struct loop_task *next;
    int queued;
    void (*fn)(void *ctx);
    void *ctx;
};

struct loop_child {
    struct loop_child *next;
    pid_t pid;
    void (*fn)(void *ctx, int status); /* waitpid's status */
    void *ctx;
};

struct loop {
    struct pollfd *polls;
    struct loop_fd **fds;   /* fds[i] owns polls[i]; NULL: unwatched in this pass */
    int count, cap, holes;
    struct loop_fd crowd;   /* one descriptor for many, see loop_expect_crowd; fd -1: none */
    struct loop_timer **timers; /* binary heap, earliest first */
    int timer_count, timer_cap;
    struct loop_task *task_first, **task_last;
    long long now;          /* clock_mono_ms of this pass */
    buf spare;              /* lent to the connection that is reading */
    struct loop_child *children;
    int adopts;             /* see loop_adopt */
    struct loop_fd signal_fd;
    void (*on_signal[LOOP_SIGNALS])(void *ctx, int signo);
    void *signal_ctx[LOOP_SIGNALS];
};

static void loop_init(struct loop *l);
static void loop_free(struct loop *l);
static void loop_once(struct loop *l);             /* waits for the next events, handles them */
/* Watches descriptors by epoll from now on, where there is epoll: a pass then costs what is ready,
 * not what is watched. */
static void loop_expect_crowd(struct loop *l);
/* Watches f->fd, or changes its events: POLLIN, POLLOUT, or 0 for hang-up only. */
static void loop_watch(struct loop *l, struct loop_fd *f, short events);
static void loop_unwatch(struct loop *l, struct loop_fd *f);
/* Sets, or moves, a timer; due is on clock_mono_ms. */
static void loop_timer_set(struct loop *l, struct loop_timer *t, long long due);
static void loop_timer_cancel(struct loop *l, struct loop_timer *t);
/* Tasks run in the order in which they were deferred; a queued task is not queued again. */
static void loop_defer(struct loop *l, struct loop_task *task);
/* Must precede freeing a queued task; O(tasks). */
static void loop_task_cancel(struct loop *l, struct loop_task *task);
/* Calls fn in the loop, not in the signal handler. One loop a process can have signals. */
static void loop_on_signal(struct loop *l, int signo, void (*fn)(void *ctx, int signo), void *ctx);
/* Reaps all children from now on, as process 1 must. */
static void loop_adopt(struct loop *l);
/* Reaps the process and calls child->fn once. */
static void loop_on_exit(struct loop *l, struct loop_child *child);
/* child->fn is not called any more, and the caller reaps the process. */
static void loop_child_cancel(struct loop *l, struct loop_child *child);

/* ==== conn: a stream socket or pty with queued output ======================================== */

#ifndef CONN_READ_MAX
#define CONN_READ_MAX (64 * 1024) /* bytes read from one descriptor in one pass */
#endif
/* the same of a pty: it fills up again while this much is emulated */
#define CONN_READ_GREEDY (CONN_READ_MAX / 4)
#ifndef CONN_RETRY_MS
#define CONN_RETRY_MS 1000        /* until the next accept, after descriptors ran out */
#endif
#define CONN_FEW 4                /* pieces queued without an allocation; a power of two */

/* A piece of a connection's output: bytes at…end of a shared blob. */
struct conn_piece {
    blob *bytes;
    size_t at, end;
    int first;              /* the first piece of a message, and nothing of it is written */
};

struct conn;
struct conn_hooks {
    void (*on_data)(void *ctx);    /* conn_view has grown, or conn->eof was set */
    void (*on_drained)(void *ctx); /* the queue became empty: written or dropped; may be NULL */
    /* the last call: frees everything, the conn by conn_free; why NULL: an orderly end */
    void (*on_closed)(void *ctx, const char *why);
};

/* Output is queued and written at the end of the pass, many messages in one write; input has memory
 * only while some of it is not consumed. The owner sets hooks and ctx, then calls conn_open. There
 * are thousands, and an event finds them outside the CPU's cache: what every message needs comes
 * first. */
struct conn {
    struct loop *loop;
    struct loop_fd io;
    const struct conn_hooks *hooks;
    void *ctx;
    unsigned char is_socket; /* neither a terminal nor a pipe */
    unsigned char eof;      /* the peer sends no more */
    unsigned char paused;   /* not reading */
    unsigned char greedy;   /* read until nothing is left: a pty gives 4 KiB at a time */
    unsigned char stuck;    /* waiting until the descriptor is writable */
    unsigned char accepts_fd; /* a descriptor may come with the input: see conn_receive_fd */
    unsigned char finishing; /* close when drained */
    unsigned char dead;
    buf in;
    size_t consumed;        /* bytes of in before conn_view */
    struct conn_piece *out; /* ring of out_cap pieces, a power of two; starts as `few` */
    size_t out_head, out_count, out_cap;
    size_t queued;          /* bytes not written yet */
    struct loop_task flush;
    struct conn_piece few[CONN_FEW];
    struct loop_task bury;
    const char *why;        /* of on_closed */
    int passed;             /* the descriptor that came last, plus 1; 0: none */
};

/* Makes fd non-blocking; the conn owns it. */
static void conn_open(struct conn *c, struct loop *l, int fd);
/* Returns the input that is not consumed, valid until the handler returns. */
static span conn_view(const struct conn *c);
static char *conn_bytes(struct conn *c);           /* the same, writable: for unmasking in place */
static void conn_consume(struct conn *c, size_t n); /* the first n bytes of conn_view */
static void conn_pause(struct conn *c, int paused); /* stops or resumes reading */
/* Queues a copy, as a message of its own. A conn that is dead or finishing ignores all output. */
static void conn_send(struct conn *c, span s);
/* Writes now what it can, and queues a copy of the rest. */
static void conn_send_now(struct conn *c, span s);
/* Sends a message with a copy of a descriptor. Returns 0, or -1: nothing was sent, as output is
 * queued or the peer accepts no more. */
static int conn_send_fd(struct conn *c, span s, int fd);
/* Returns the descriptor that came with the input, which the caller then owns; -1: none came. */
static int conn_receive_fd(struct conn *c);
/* Queues a reference to bytes at…end of b; first: they begin a message. */
static void conn_send_blob(struct conn *c, blob *b, size_t at, size_t end, int first);
/* Drops queued messages of which nothing is written. */
static void conn_drop_unsent(struct conn *c);
static void conn_flush(struct conn *c);            /* writes now what it can */
static void conn_finish(struct conn *c);           /* closes once the queue is written */
/* Closes now; on_closed comes at the end of the pass. why must live until then. */
static void conn_close(struct conn *c, const char *why);
static void conn_free(struct conn *c);             /* memory only; from on_closed */
/* Closes and frees at once; no hook is called any more. */
static void conn_cancel(struct conn *c);

/* Returns a 0600 Unix socket, or -1 with a message. The caller has made sure that no live process
 * owns `path`: what stands there is removed. */
static int conn_listen(const char *path, char *error, size_t error_size);
/* Tells whether accept failed for want of descriptors or memory: the socket stays ready, so it must
 * not be polled for CONN_RETRY_MS. */
static int conn_is_exhausted(int error);
static int conn_connect(const char *path);         /* a non-blocking fd, or -1 with errno */
static int conn_peer_is_me(int fd);                /* the peer's process has this user's id */

/* ==== output: what a program writes, read whole ============================================== */

enum output_fault { OUTPUT_WHOLE, OUTPUT_LATE, OUTPUT_CUT };

struct output_limits {
    size_t most;            /* bytes: more is cut, and the program killed */
    int ms;                 /* to its end; then it is killed, too */
    int with_errors;        /* its stderr is read as well */
};

struct output {             /* frees itself */
    struct loop *loop;
    struct conn out;
    struct loop_child child;
    struct loop_timer timer;
    enum output_fault fault;
    int closed, exited, status; /* the pipe; the program, with waitpid's status */
    size_t most;
    void (*done)(void *ctx, enum output_fault fault, int status, span text);
    void *ctx;
};

/* Starts a program in a process group of its own and calls done once, from the loop, with what it
 * wrote. Returns NULL with errno, without that call. */
static struct output *output_read(struct loop *l, char *const *argv,
                                  const struct output_limits *limits,
                                  void (*done)(void *ctx, enum output_fault fault, int status,
                                               span text),
                                  void *ctx);
static void output_stop(struct output *o, enum output_fault fault); /* kills it; done follows */
static void output_cancel(struct output *o);       /* kills it and frees all; without that call */

/* ==== store: session records and logs on disk ================================================ */

#define STORE_RECORD_MAX (64 * 1024) /* bytes of a record that is read */
#ifndef STORE_LOG_MAX
#define STORE_LOG_MAX (1024 * 1024) /* bytes of each of a session's two log files */
#endif
#define STORE_LOG_MOST (4 * (size_t)STORE_LOG_MAX) /* bytes of a log that can't be rotated */

static int store_write_all(int fd, span s);        /* 0, or -1 with errno */
static int store_open_dir(const char *dir);        /* a descriptor, or -1 with errno */
static int store_sync_dir(const char *dir);        /* fsync of a directory; 0, or -1 with errno */
static char *store_path(const char *dir, const char *name); /* DIR/NAME, to be freed */
/* Replaces DIR/NAME whole: temporary file, fsync, rename, fsync of DIR. Returns 0, or -1 with
 * errno: the file is as before. */
static int store_write(const char *dir, const char *name, span bytes);
/* Appends DIR/NAME, a regular file, to out. Returns 0, or -1 with errno; logs a file that is there
 * and can't be read. */
static int store_read(const char *dir, const char *name, buf *out);
/* The same without fsync, for what matters only as long as the computer runs. */
static int store_write_unsynced(const char *dir, const char *name, span bytes);
/* Removes what a store_write of DIR/NAME left that was killed. Its only writer calls this. */
static void store_clean(const char *dir, const char *name);
/* Returns STATE/sessions/ID, to be freed. */
static char *store_session_dir(const char *state, const char *id);
/* Makes one directory, 0700, and syncs its parent. Returns 0 (also when the directory exists), or
 * -1 with errno. */
static int store_make_dir(const char *path);
/* Removes a session's directory with its record, status and logs. Returns 0, or -1 with errno: it
 * is as before. */
static int store_remove_session(const char *state, const char *id);
/* The end that a session is to have, DIR/end: a symbolic link (or a file, where there are none)
 * whose text is the wall clock in ms, 0: at once. A full disk has room for a link, and it is not
 * synced: no session outlives the computer.
 * Both return 0, or -1 with errno. */
static int store_put_end(const char *dir, long long at);
static int store_drop_end(const char *dir);
static long long store_find_end(const char *dir);  /* -1: none */
/* Removes what is left of sessions whose removal was interrupted. */
static void store_remove_leavings(const char *state);
static void store_remove_leaving(const char *dir); /* one session's directory */
/* Calls each for every session directory whose name is a plain id. */
static void store_each_session(const char *state, void (*each)(void *ctx, const char *id),
                               void *ctx);
static int store_id_is_plain(const char *id);      /* 1…64 of a-z A-Z 0-9 - _ */
/* Locks a file until the process ends. Returns its fd, or -1 with errno; EAGAIN: process *pid has
 * the lock. */
static int store_lock(const char *path, pid_t *pid);
enum store_lock { STORE_LOCK_FREE, STORE_LOCK_HELD, STORE_LOCK_ABSENT, STORE_LOCK_UNKNOWN };
/* Tells whether another process has the lock, and which one; *pid 0: none, or one that can't be
 * named. Appends what the file holds, content may be NULL. Never takes the lock, not even for a
 * moment. A process that has the lock itself must not call this: closing the file drops it. */
static enum store_lock store_look_at_lock(const char *path, pid_t *pid, buf *content);
#define STORE_LOCK_MAX 4096       /* bytes that a lock's file holds */
/* Replaces what the locked file fd holds, blanks behind it. Returns 0, or -1. */
static int store_fill_lock(int fd, span content);
/* A daemon has the locks SOCKET.lock, STATE/daemon.lock and STATE/state.lock as long as it
 * lives: the last one finds it when the others were removed. */
#define STORE_SOCKET_LOCK ".lock"
#define STORE_STATE_LOCK "/daemon.lock"
#define STORE_TWIN_LOCK "/state.lock"
/* Writes into a daemon's locked file its pid and socket. Returns 0, or -1. */
static int store_put_daemon(int fd, const char *socket);
/* Makes the path of a lock that another machine's daemon has this machine's: two machines with one
 * home mind their own sessions. Returns 1, or 0: it is as it was. */
static int store_make_own(buf *path);
/* The daemon that has such a lock; all 0: none. */
struct store_daemon {
    int held;                     /* there is one */
    pid_t pid;                    /* 0: it is in another container */
    char *socket;                 /* to be freed; NULL: an older telec's lock does not say */
    int remakes;                  /* SIGUSR1 asks it to make its socket again; else it would kill */
};
static void store_find_daemon(const char *lock, struct store_daemon *daemon); /* a path */
/* Appends "process 12", or that it is in another container. */
static void store_put_process(const struct store_daemon *daemon, buf *b);
#define STORE_LAST_EXIT "last.json" /* the exit of a session that is being restarted */
#define STORE_HOLDER_LOCK "holder.lock" /* in a session's directory: its holder has it */

/* A session's log: DIR/log, and the full one before it, DIR/log.1. */
struct store_log {
    int fd;                 /* -1: the next write opens it */
    size_t size;
    char *path, *old, *older; /* older: DIR/log.2, while the log is rotated */
};

/* Opens the log for appending. Returns 0, or -1 with errno: each write then tries again. */
static int store_log_open(struct store_log *log, const char *dir);
/* Appends; rotates a full log. What the disk can't hold is lost: a session is never held up. */
static void store_log_write(struct store_log *log, span bytes);
static void store_log_close(struct store_log *log);
static void store_log_read(const char *dir, buf *out); /* all its files, oldest first */

/* ==== disk: a process that waits for the disk ================================================ */

#ifndef DISK_ANSWER_MS
#define DISK_ANSWER_MS 1500       /* a disk that takes longer is refused what it need not get */
#endif

/* All 0 is one that does nothing. */
struct disk {
    struct loop *loop;
    const char *program, *what, *dir; /* of disk_init */
    struct loop_child child;
    int fd;                 /* of the socket, while the process runs */
    int runs, rests;        /* rests: it is told to end */
    int stuck, asked;       /* its queue is full; its answer is due */
    long long good_at;      /* of its last answer in time */
    buf pending;            /* until this pass has shown it */
    struct loop_task flush;
    struct loop_timer rest;
};

/* what: "log" or "probe". The strings must outlive d. A process starts when it is needed. */
static void disk_init(struct disk *d, struct loop *l, const char *program, const char *what,
                      const char *dir);
/* Appends to the log in dir, at the end of the pass. What a disk does not take in time is lost. */
static void disk_log(struct disk *d, span bytes);
static void disk_flush(void *disk); /* appends now */
static void disk_rest(void *disk);  /* ends the process, until there is more */
static void disk_finish(struct disk *d, int ms); /* ends it; waits so long for the last bytes */
/* Tells whether the disk of dir answers; NULL: 1. Waits for that DISK_ANSWER_MS once, not again
 * until it has answered. */
static int disk_answers(struct disk *d);
static int disk_main(const char *what, const char *dir); /* telec disk */

/* ==== agents: the table of agent programs, one row an agent ================================== */

enum agents_mode { AGENTS_FAST, AGENTS_MED, AGENTS_SLOW, AGENTS_MODES };

/* An event of an agent's hooks, and the event that telec makes of it. */
struct agents_event {
    const char *name;           /* the agent's word; NULL ends a list */
    const char *type;           /* of POST /sessions/{id}/event: prompt, stop … */
    const char *text;           /* the member that holds the text; NULL: none */
    unsigned agents;            /* which agents have it: bits of agents_hooks.agent */
    const char *member;         /* NULL, or: the event is ignored when this member … */
    const char *const *ignored; /* … has one of these values; NULL ends them */
};

/* How an agent's settings name its hooks: a function of client/settings.c. */
enum agents_format {
    AGENTS_NO_HOOKS,
    AGENTS_JSON,      /* {"hooks": {EVENT: [{"hooks": [HOOK]}]}} */
    AGENTS_JSON_FLAT, /* {"hooks": {EVENT: [HOOK]}} */
    AGENTS_PLUGIN,    /* a file of telec's own */
    AGENTS_FORMATS
};

struct agents_hooks {
    enum agents_format format;
    const char *variable;       /* names the directory of the settings; then … */
    const char *in_variable, *in_home, *file; /* … what follows it, or HOME; the file's name */
    unsigned agent;             /* its bit */
    const struct agents_event *events;
    int timeout;                /* in the agent's unit; a hook must never hold it up for long */
    const char *former;         /* a file with a hook that earlier versions added; or NULL */
    const char *note;           /* for the user, after installing; or NULL */
};

/* How an agent's screen is read: phrases separated by '|', or NULL. */
struct agents_screen {
    const char *working;        /* is on the screen while it works */
    const char *asking;         /* is on the screen while a dialog is open */
    const char *box;            /* begins the row of its input box; or … */
    const char *foot;           /* … the row below the box, which "┃" frames at the left */
    const char *placeholder;    /* stands in the empty box */
    const char *said;           /* begins the first row of a message of the agent */
    const char *aside;          /* is in rows that look like a message's and are none */
};

/* A file in which an agent keeps what it was told, and the members of an entry. */
struct agents_history {
    const char *file;           /* behind the directory of its settings; "*": every directory */
    const char *id, *text, *time;
    const char *log;            /* NULL: JSON. Else a log with rows of KEY=VALUE, of which those
                                 * with all these words tell of a session; its text is the
                                 * directory. Then … */
    const char *variable, *in_home; /* … this names the file's directory, or HOME and this */
};

struct agents_row {
    const char *name;           /* in [agent NAME]; also the program, but of the shell: $SHELL */
    const char *title;          /* for messages */
    const char *flags[AGENTS_MODES]; /* added for fast, med, slow; NULL: none */
    const char *prompt;         /* put before a first prompt; NULL: the prompt is typed instead */
    const char *session_id;     /* before an id of telec's choosing for a new conversation; NULL:
                                 * the agent chooses it, and its hooks tell it */
    const char *newline;        /* what types a line's end that sends nothing; or NULL */
    const char *resume;         /* before the agent's own id to resume it; one that ends with = is
                                 * of one word with it; NULL: it can't, as only a shell */
    const char *colour, *colour_on_light; /* as in [colours]: on a dark and a light ground */
    struct agents_history history; /* where it has one and chooses its ids itself */
    struct agents_screen screen;
    struct agents_hooks hooks;
};

/* Returns row i, from 0; NULL past the last. Row 0 is the agent of a request that names none. */
static const struct agents_row *agents_row(size_t i);
static const struct agents_row *agents_find(const char *name); /* NULL: no row */
static const struct agents_event *agents_find_event(struct json name); /* or NULL */
static int agents_mode(const char *name);          /* enum agents_mode, or -1; NULL is fine */
/* Appends "claude, gemini and codex", `before` before each name; hooked: only agents with hooks. */
static void agents_put_names(buf *b, int hooked, const char *before);

/* ==== config: paths, the configuration file, defaults ======================================== */

#define CONFIG_AGENTS_MAX 32
#define CONFIG_NAME_MAX 64        /* bytes of an agent's name, with its NUL */

#define CONFIG_ATTACH_REDIS "redis"
/* By these a CI runner finds, and kills, what a job has left. */
#define CONFIG_COOKIES                                                                             \
    "RUNNER_TRACKING_ID", "JENKINS_NODE_COOKIE", "JENKINS_SERVER_COOKIE", "HUDSON_COOKIE",         \
        "HUDSON_SERVER_COOKIE", "BUILD_ID"

/* For each key of a section, in the order of config's tables: the line that set it; 0: default. */
#define CONFIG_ORIGINS 8

struct config_agent {
    char name[CONFIG_NAME_MAX];
    char *command;              /* program and arguments, quoted as in a shell */
    char *flags[AGENTS_MODES];  /* added for fast, med, slow; NULL: none */
    char *session_id, *resume;  /* as in struct agents_row; NULL or "": it takes none */
    char *prompt;               /* put before a first prompt; NULL: the prompt is typed instead */
    char *login;                /* "yes": a login shell runs it; or NULL */
    int lines[CONFIG_ORIGINS];
};

struct config_project {
    char *path, *name, *description;
    int line, lines[CONFIG_ORIGINS]; /* of its section, of its keys */
};

/* A line of [keys] or [colours]; only the UI knows its meaning. */
struct config_entry {
    char *name, *value;
    int line;
};

struct config_entries {
    struct config_entry *items;
    int count;
};

struct config {
    char *program;              /* this binary's absolute path, when it was loaded */
    struct stat binary;         /* of that file; all zero: not known */
    int loaded;                 /* by config_load */
    char *socket, *holders;     /* API socket; directory of holder sockets */
    char *state;                /* directory of records and logs */
    char *file;                 /* configuration file */
    char *computer, *user, *host; /* as other computers see this one; user NULL: see config_user */
    char *clipboard;            /* "yes": an attached session may set the terminal's clipboard */
    char *prefix;               /* "Ctrl-]": what leads a command while attached */
    char *prefix2;              /* another one, or "Esc Esc", or "": none */
    char *utf8;                 /* the terminal's: "yes", "no", or "ask" */
    char *redis_url;            /* where computers meet; "": nowhere */
    char *redis_from;           /* where the url stands: "FILE:LINE" or "$TELEC_REDIS" */
    char *role;                 /* a word for others: "development" */
    char *answer;               /* "all": a session may answer any session, not only its own */
    char *allow;                /* computers that may change something here; "*": all */
    char *secret, *secret_file; /* signs what changes something elsewhere, and is wanted here */
    char *unsigned_peers;       /* computers that need not sign: TeleClaude daemons */
    /* How to attach to another telec's session: CONFIG_ATTACH_REDIS, or the command to that
     * computer; DEST stands for [user@]host. */
    char *attach;
    char *tls_command;          /* does TLS for rediss://; HOST and PORT stand for the url's */
    char *mouse;                /* "yes": clicks and the wheel are the UI's */
    char *notify;               /* how the UI calls its user: "bell", "osc9" … "none" */
    char *keep_env;             /* variables of the terminal that sessions get; or NULL */
    char *on_state;             /* run when a session's state changes; or NULL */
    char *title;                /* "yes": the UI sets the window's title */
    char *worktrees;            /* where new ones are made; "": beside the repository */
    /* [prepare]: what an agent is told to do; SLUG stands for the todo's */
    char *prepare_project, *prepare_todo, *prepare_start;
    int prepare_lines[CONFIG_ORIGINS];
    int computer_lines[CONFIG_ORIGINS], ui_lines[CONFIG_ORIGINS], redis_lines[CONFIG_ORIGINS],
        peers_lines[CONFIG_ORIGINS], agents_lines[CONFIG_ORIGINS];
    struct config_entries keys, colours; /* [keys] and [colours], as in the file */
    struct config_entries reach; /* [computer-NAME] reach: NAME and the command */
    char *binaries;             /* [reach] binaries: a directory of telecs for other computers */
    int reach_lines[CONFIG_ORIGINS];
    /* what named the path: an option ("-S") or an environment variable; NULL: the default */
    const char *socket_from, *state_from, *file_from;
    int is_read_once;           /* the file is a pipe: a daemon that we start can't read it … */
    buf text;                   /* … and gets this instead */
    struct config_agent agents[CONFIG_AGENTS_MAX];
    int agent_count;
    struct config_project *projects;
    int project_count;
    buf problems;               /* "FILE:LINE: ABOUT: what was expected", one a line */
    struct disk *disk;          /* the daemon's, of `state`; else NULL */
};

/* Sets paths, defaults and the file's values. socket and file are the options -S and -c, or NULL.
 * A missing file is an error only when `file` names it. Returns 0, or -1 with a message; either way
 * config_free must follow. */
#define CONFIG_INHERITED "/dev/fd/" /* a file of that name is this process's only */
static int config_load(struct config *c, const char *program, const char *socket, const char *file,
                       buf *error);
static void config_free(struct config *c);
/* Returns a path that executes this binary. It may have been moved, removed or replaced since: the
 * file that runs is used where the system has a name for it. */
static const char *config_program(const struct config *c);
/* Reads the file's agents again; they stay as they are while the file can't be read. Earlier
 * struct config_agent pointers are no longer valid. */
static void config_renew_agents(struct config *c);
/* Appends the problem "FILE:LINE: ABOUTWHAT", `about` made visible. */
static void config_put_problem(const struct config *c, buf *problems, int line, span about,
                               const char *what);
/* Appends the effective configuration, without [keys] and [colours]: a file with the same effect,
 * each value under a comment that names its origin. */
static void config_put(const struct config *c, buf *b);
/* Appends one value of it: the comment and the line. */
static void config_put_value(const struct config *c, buf *b, const char *name, const char *value,
                             int line);
static char *config_join(const char *dir, const char *name); /* to be freed */
static int config_is_set(const struct config *c);  /* the user says where the socket is */
#define CONFIG_PLACES 3
/* Returns NAME in telec-UID of $TMPDIR, /tmp, /dev/shm, to be freed; NULL: it can't be there. */
static char *config_socket_place(int i, const char *name);
/* Returns the first of these. */
static char *config_short_place(const char *name);
/* Returns the directory of the holders' sockets of a daemon with that socket, to be freed. */
static char *config_holders(const char *socket);
#define CONFIG_HOLDER_SOCKET (sizeof "/01234567-0123-0123-0123-0123456789ab.sock")
/* Returns the agent of that name; NULL: not configured. */
static const struct config_agent *config_agent(const struct config *c, const char *name);
/* Returns the configured user, else this process's; valid until the next call. config_load does not
 * look that up: it reads files. */
static const char *config_user(const struct config *c);
/* Returns the x of a prefix "Ctrl-x"; 0: not such a prefix. */
static char config_ctrl_letter(const char *prefix);
/* Splits as a POSIX shell does: quotes and backslashes, no expansions. Returns a NULL-terminated
 * argv in one block, to be freed with free(); NULL: an open quote, or a NUL. */
static char **config_words(span s);
static void config_put_quoted(buf *b, const char *word); /* config_words gives the word back */
static int config_on_path(const char *program);    /* execvp would find it */
static int config_is_on(const char *path, const char *program); /* … with that PATH; or NULL */
static int config_can_run(const char *line);       /* the same of a command line's program */
static int config_is_shell(const char *shell);     /* nologin is none; NULL is fine */
static const char *config_shell(void);             /* this process's, or that of its user */
/* Returns an absolute path, to be freed: the daemon's working directory is "/". */
static char *config_absolute(const char *path);
static int config_is_foreign_home(const char *home); /* root has another user's */
static const char *config_last_part(const char *path); /* behind the last '/', if anything is */

/* ==== places: directories of sockets and of state ============================================ */

/* Makes the run-time and state directories; refuses a link, another user's directory and one that
 * is open to others. Returns 0, or -1 with a message. */
static int places_make_dirs(const struct config *c, buf *error);
static int places_make_state(const struct config *c, buf *error); /* the latter only */
/* The same; and where no sockets can be made, and must_stay is 0, they are moved to the first of
 * config_socket_place and STATE/run that can be used. passed: why the others can't. */
static int places_settle(struct config *c, int must_stay, buf *passed);
/* Listens on a socket, and makes its directory, as above, when that is missing. Returns a
 * descriptor, or -1 with a message. */
static int places_listen(const char *path, buf *error);

/* ==== host: what this host will do to sessions ================================================ */

enum host_verdict { HOST_GOOD, HOST_NOTE, HOST_BAD };

struct host {
    struct config *config;
    /* a point: what was found, and what mends it (NULL: nothing has to be) */
    void (*say)(void *ctx, enum host_verdict verdict, const char *about, const char *found,
                const char *mend);
    void *ctx;
    int cheap;              /* nothing is written */
};

static void host_check(const struct host *h);

#endif
