#ifndef TELEC_SYSTEM_H
#define TELEC_SYSTEM_H
#include "../screen/screen.h"

/* Where nothing else is said an int is 0, or -1 with errno or a message in buf *error; a char * is
 * to be freed. */

/* ==== os ====================================================================================== */

#if defined(TELEC_PORTABLE)
#define OS_PROC "/dev/null"
#define OS_OPEN_FDS "/dev/null"
#define OS_SOCKET_PATH 104
#else
#define OS_PROC "/proc"
#define OS_OPEN_FDS "/dev/fd" /* FreeBSD's has only 0, 1 and 2 */
#define OS_SOCKET_PATH sizeof ((struct sockaddr_un *)0)->sun_path /* 108; BSD, macOS: 104 */
#endif
#define OS_INHERITED_MAX 1024      /* descriptors, where none are listed */
#define OS_FDS_AT_ONCE 256
#define OS_COMMAND_MAX 4096        /* bytes of a command line */
#define OS_PASSWD_MAX (1 << 20)
#define OS_PROCESSES_MAX (4 << 20)

/* Without /dev/urandom the bytes differ only by call and process: enough for ids. */
static void os_random(void *out, size_t n);
/* Makes a UUID: RFC 9562, version 4. */
static void os_uuid(char out[37]);
/* Opens without waiting; ENOTSUP: no regular file. */
static int os_open_regular(const char *path, int flags);
/* Appends a regular file; EFBIG: it is larger. */
static int os_read_file(buf *b, const char *path, size_t most);
/* Reads anything; may wait for a FIFO's writer. */
static int os_read_any(buf *b, const char *path, size_t most);
static int os_read_rest(buf *b, int fd, size_t most); /* closes fd */
/* Reads the last bytes. */
static int os_read_end(buf *b, const char *path, size_t most);
static const char *os_file_fault(int error);
struct os_program {
    const char *file;         /* NULL: argv[0], of PATH */
    char *const *argv;
    char *const *environment; /* NULL: ours */
    int fds[3];               /* or … */
#define OS_NULL -1            /* /dev/null */
#define OS_OURS -2
    int in_our_group;         /* else it leads one */
};

/* Signals are neither blocked nor ignored. Not by fork: the daemon may be large. */
static pid_t os_start(const struct os_program *program);
/* out -1: as err. */
static pid_t os_spawn(char *const *argv, int in, int out, int err);
#define OS_PIPE -3            /* its other end: *end */
static pid_t os_spawn_piped(char *const *argv, const int fds[3], int *end);
#define OS_FDS_LEFT 16 /* descriptors that links to sessions leave to clients; of few a quarter */
/* Tells whether no more are left above fd. */
static int os_is_last_fd(int fd);
/* The soft limit is too low for thousands of clients and holders. */
static void os_raise_descriptors(void);
static void os_print(int fd, const char *format, ...) BASE_FORMAT(2, 3);
static int os_close_on_exec(int fd);               /* returns fd */
static void os_close_inherited(int first);
/* Keeps closed ones of 0 to 2 from becoming other files: they read nothing, and refuse writes. */
static void os_hold_standard(void);
static int os_point_at_null(int first, int last);  /* descriptors */
/* Or NULL. Valid until the next call; has pw_name, pw_dir, pw_shell. */
static const struct passwd *os_user(uid_t uid);
static void os_put_machine(buf *b);
/* Appends the boot's id, else its time, else nothing. */
static void os_put_boot(buf *b);
/* Returns it in a unit of the system's; 0: unknown. */
static long long os_process_start(pid_t pid);
static pid_t os_find_child(pid_t parent);          /* one, or 0 */
/* "PID COMMAND LINE" a line; waits for ps. */
static void os_put_processes(buf *b);
/* Finds "PROGRAM first second"; 0: none, -1: unknown. */
static pid_t os_find_process(const char *first, const char *second);

/* ==== loop ==================================================================================== */

#define LOOP_SIGNALS 65

/* Embedded in their owners. on_event may unwatch and free anything but the struct loop_fd that it
 * is of (a task may). */
struct loop_fd {
    int fd;
    int slot;               /* index in the poll table + 1; 0: not watched; -1: in the crowd */
    void (*on_event)(void *ctx, short revents);
    void *ctx;
};

struct loop_timer {
    long long due;          /* on clock_mono_ms */
    int slot;               /* index in the heap + 1; 0: not set */
    void (*fn)(void *ctx);
    void *ctx;
};

/* Runs at the end of the pass. */
struct loop_task {
    struct loop_task *next;
    int queued;
    void (*fn)(void *ctx);
    void *ctx;
};

struct loop_child {
    struct loop_child *next;
    pid_t pid;
    void (*fn)(void *ctx, int status); /* of waitpid */
    void *ctx;
};

struct loop {
    struct pollfd *polls;
    struct loop_fd **fds;   /* of polls[i]; NULL: unwatched in this pass */
    int count, cap, holes;
    struct loop_fd crowd;   /* fd -1: none */
    struct loop_timer **timers; /* heap, earliest first */
    int timer_count, timer_cap;
    struct loop_task *task_first, **task_last;
    long long now;          /* clock_mono_ms of the pass */
    buf spare;              /* lent to the connection that is reading */
    int reads_much;         /* a read has been filled, or will be */
    struct loop_child *children;
    int adopts;
    struct loop_fd signal_fd;
    void (*on_signal[LOOP_SIGNALS])(void *ctx, int signo);
    void *signal_ctx[LOOP_SIGNALS];
};

static void loop_init(struct loop *l);
static void loop_free(struct loop *l);
static void loop_once(struct loop *l);
/* Uses epoll where there is one: a pass costs what is ready, not what is watched. */
static void loop_expect_crowd(struct loop *l);
/* events: POLLIN, POLLOUT; 0: hang-up only. */
static void loop_watch(struct loop *l, struct loop_fd *f, short events);
static void loop_unwatch(struct loop *l, struct loop_fd *f);
static void loop_timer_set(struct loop *l, struct loop_timer *t, long long due);
static void loop_timer_in(struct loop *l, struct loop_timer *t, long long ms);
static void loop_timer_cancel(struct loop *l, struct loop_timer *t);
static void loop_defer(struct loop *l, struct loop_task *task);
/* Returns 0 when there was none. */
static int loop_run_tasks(struct loop *l);
/* Before a queued one is freed; O(tasks). */
static void loop_task_cancel(struct loop *l, struct loop_task *task);
/* One loop a process can have signals. */
static void loop_on_signal(struct loop *l, int signo, void (*fn)(void *ctx, int signo), void *ctx);
/* Reaps all children, as process 1 must. */
static void loop_adopt(struct loop *l);
static void loop_on_exit(struct loop *l, struct loop_child *child);
/* The caller reaps the process. */
static void loop_child_cancel(struct loop *l, struct loop_child *child);

/* ==== conn ==================================================================================== */

#ifndef CONN_READ_MAX
#define CONN_READ_MAX (64 * 1024) /* of one descriptor in one pass */
#endif
#define CONN_READ_FIRST (CONN_READ_MAX < 4096 ? CONN_READ_MAX : 4096) /* a command needs no more */
/* of a pty: it fills up again meanwhile */
#define CONN_READ_GREEDY (CONN_READ_MAX / 4)
#ifndef CONN_RETRY_MS
#define CONN_RETRY_MS 1000        /* without descriptors, to the next accept */
#endif
#define CONN_FEW 4                /* without an allocation; a power of two */

/* Bytes at…end. */
struct conn_piece {
    blob *bytes;
    size_t at, end;
    int first;              /* of a message */
};

struct conn;
struct conn_hooks {
    void (*on_data)(void *ctx);    /* conn_view has grown, or eof is set */
    void (*on_drained)(void *ctx); /* may be NULL */
    /* last; calls conn_free; why NULL: an orderly end */
    void (*on_closed)(void *ctx, const char *why);
};

/* Output is written at the end of the pass, many messages at once; input has memory only while some
 * is not consumed. There are thousands, outside the CPU's cache: what every message needs comes
 * first. The owner sets hooks and ctx. */
struct conn {
    struct loop *loop;
    struct loop_fd io;
    const struct conn_hooks *hooks;
    void *ctx;
    unsigned char is_socket;
    unsigned char eof;
    unsigned char paused;
    unsigned char greedy;   /* reads on: a pty gives 4 KiB at a time */
    unsigned char stuck;
    unsigned char accepts_fd;
    unsigned char finishing;
    unsigned char dead;
    buf in;
    size_t consumed;        /* bytes of in before conn_view */
    struct conn_piece *out; /* ring, a power of two; at first `few` */
    size_t out_head, out_count, out_cap;
    size_t queued;          /* bytes */
    struct loop_task flush;
    struct conn_piece few[CONN_FEW];
    struct loop_task bury;
    const char *why;
    int passed;             /* descriptor + 1; 0: none */
};

/* The conn owns fd. */
static void conn_open(struct conn *c, struct loop *l, int fd);
/* Valid until the handler returns. */
static span conn_view(const struct conn *c);
static char *conn_bytes(struct conn *c);
static void conn_consume(struct conn *c, size_t n);
static void conn_pause(struct conn *c, int paused);
/* A copy; not when dead or finishing. */
static void conn_send(struct conn *c, span s);
/* Queues a copy of what it can't write now. */
static void conn_send_now(struct conn *c, span s);
/* A copy of fd, too. -1: output is queued, nothing was sent. */
static int conn_send_fd(struct conn *c, span s, int fd);
/* Returns the descriptor that came, or -1. */
static int conn_receive_fd(struct conn *c);
/* Queues by reference; first: the beginning of a message. */
static void conn_send_blob(struct conn *c, blob *b, size_t at, size_t end, int first);
static void conn_drop_unsent(struct conn *c);
static void conn_flush(struct conn *c);
static void conn_finish(struct conn *c);
/* on_closed follows at the end of the pass. */
static void conn_close(struct conn *c, const char *why);
static void conn_free(struct conn *c);             /* memory only; from on_closed */
/* Closes without a hook. */
static void conn_cancel(struct conn *c);

/* Replaces what is there by a socket of mode 0600. */
static int conn_listen(const char *path, char *error, size_t error_size);
/* The socket stays ready: not polled for CONN_RETRY_MS. */
static int conn_is_exhausted(int error);
static int conn_connect(const char *path);         /* non-blocking */
static int conn_peer_is_me(int fd);

/* ==== output ================================================================================== */

enum output_fault { OUTPUT_WHOLE, OUTPUT_LATE, OUTPUT_CUT };

struct output_limits {
    size_t most;            /* else it is killed */
    int ms;                 /* likewise */
    int with_errors;        /* stderr, too */
};

struct output {             /* frees itself */
    struct loop *loop;
    struct conn out;
    struct loop_child child;
    struct loop_timer timer;
    enum output_fault fault;
    int closed, exited, status;
    size_t most;
    void (*done)(void *ctx, enum output_fault fault, int status, span text);
    void *ctx;
};

/* Starts it in a process group of its own. done comes once, from the loop. Returns NULL with errno,
 * without it. */
static struct output *output_read(struct loop *l, char *const *argv,
                                  const struct output_limits *limits,
                                  void (*done)(void *ctx, enum output_fault fault, int status,
                                               span text),
                                  void *ctx);
static void output_stop(struct output *o, enum output_fault fault); /* done follows */
static void output_cancel(struct output *o);       /* no call follows */

/* ==== store =================================================================================== */

#define STORE_RECORD_MAX (64 * 1024) /* bytes */
#ifndef STORE_LOG_MAX
#define STORE_LOG_MAX (1024 * 1024) /* of each of a log's two files */
#endif
#define STORE_LOG_MOST (4 * (size_t)STORE_LOG_MAX) /* … when it can't be rotated */

static int store_open_dir(const char *dir);
static int store_sync_path(const char *dir, const char *name);
static char *store_path(const char *dir, const char *name);
/* Replaces it whole, synced, or not at all. */
static int store_write(const char *dir, const char *name, span bytes);
/* Logs why, but for a missing file. */
static int store_read(const char *dir, const char *name, buf *out);
/* Replaces it whole, but a computer that crashes may leave it empty. A sync takes 10 ms and more: a
 * loop waits for none that can be spared. */
static int store_write_unsynced(const char *dir, const char *name, span bytes);
/* After a killed store_write. Only for its writer. */
static void store_clean(const char *dir, const char *name);
static char *store_session_dir(const char *state, const char *id);
/* Makes it 0700; it may exist. */
static int store_make_dir(const char *path);
static int store_remove_session(const char *state, const char *id);
/* A session's end, DIR/end: a symbolic link (else a file) of the wall clock in ms, 0: at once. A
 * full disk has room for a link. Not synced: no session outlives the computer. */
static int store_put_end(const char *dir, long long at);
static int store_drop_end(const char *dir);
static long long store_find_end(const char *dir);  /* or -1 */
/* Removes what interrupted removals left. */
static void store_remove_leavings(const char *state);
static void store_remove_leaving(const char *dir);
static void store_each_session(const char *state, void (*each)(void *ctx, const char *id),
                               void *ctx);
static int store_id_is_plain(const char *id);      /* 1…64 of a-zA-Z0-9-_ */
/* Locks for the life of the process. EAGAIN: *pid has it. */
static int store_lock(const char *path, pid_t *pid);
enum store_lock { STORE_LOCK_FREE, STORE_LOCK_HELD, STORE_LOCK_ABSENT, STORE_LOCK_UNKNOWN };
/* *pid 0: nobody, or unknown. content: of the file, or NULL. The lock's own process must not call
 * this: closing the file drops the lock. */
static enum store_lock store_look_at_lock(const char *path, pid_t *pid, buf *content);
#define STORE_LOCK_MAX 4096       /* bytes */
/* Writes the content, and blanks over the rest. */
static int store_fill_lock(int fd, span content);
/* A daemon's: SOCKET.lock, STATE/daemon.lock and STATE/state.lock, for when the others were
 * removed. */
#define STORE_SOCKET_LOCK ".lock"
#define STORE_STATE_LOCK "/daemon.lock"
#define STORE_TWIN_LOCK "/state.lock"
static int store_put_daemon(int fd, const char *socket);
/* Turns the path of another machine's lock into this machine's: two with one home mind their own
 * sessions. Returns 1 then. */
static int store_make_own(buf *path);
struct store_daemon {
    int held;
    pid_t pid;                    /* 0: in another container */
    char *socket;                 /* NULL: an older telec's */
    int remakes;                  /* else SIGUSR1 would kill it */
};
static void store_find_daemon(const char *lock, struct store_daemon *daemon);
static void store_put_process(const struct store_daemon *daemon, buf *b);
#define STORE_LAST_EXIT "last.json" /* while it is restarted */
#define STORE_HOLDER_LOCK "holder.lock"

/* DIR/log, and the full one before it, DIR/log.1. */
struct store_log {
    int fd;                 /* -1: the next write tries again */
    size_t size;
    char *path, *old, *older; /* older: DIR/log.2, while they are rotated */
};

static int store_log_open(struct store_log *log, const char *dir);
/* Writes, or loses the bytes on a full disk. */
static void store_log_write(struct store_log *log, span bytes);
static void store_log_close(struct store_log *log);
static void store_log_read(const char *dir, buf *out); /* oldest first */

/* ==== disk ==================================================================================== */

#ifndef DISK_ANSWER_MS
#define DISK_ANSWER_MS 1500       /* else it is refused */
#endif

/* All 0 does nothing. */
struct disk {
    struct loop *loop;
    const char *program, *what, *dir;
    struct loop_child child;
    int fd;                 /* while it runs */
    int runs, rests;        /* rests: told to end */
    int stuck, asked;       /* queue full; answer due */
    long long good_at;
    long long flushed_at;   /* loop clock */
    buf pending;
    struct loop_task flush;
    struct loop_timer timer;
};

/* what: "log", "exit" or "probe". The strings outlive d. */
static void disk_init(struct disk *d, struct loop *l, const char *program, const char *what,
                      const char *dir);
/* Logs; bytes that are not taken in time are lost. */
static void disk_log(struct disk *d, span bytes);
static void disk_flush(void *disk);
static void disk_on_timer(void *disk); /* … or ends the process, until there is more */
/* Waits at most ms; -1: without limit. */
static void disk_finish(struct disk *d, int ms);
/* NULL: 1. Waits DISK_ANSWER_MS, not again before an answer. */
static int disk_answers(struct disk *d);
static int disk_main(const char *what, const char *dir);

/* ==== agents ================================================================================== */

enum agents_mode { AGENTS_FAST, AGENTS_MED, AGENTS_SLOW, AGENTS_MODES };

struct agents_event {
    const char *name;           /* the agent's word; NULL ends a list */
    const char *type;           /* of POST /sessions/{id}/event */
    const char *text;           /* the member with the text, or NULL */
    unsigned agents;            /* bits of agents_hooks.agent */
    const char *member;         /* or NULL; the event is ignored when … */
    const char *const *ignored; /* … it is one of these; NULL ends them */
};

/* Each a function of client/settings.c. */
enum agents_format {
    AGENTS_NO_HOOKS,
    AGENTS_JSON,      /* {"hooks": {EVENT: [{"hooks": [HOOK]}]}} */
    AGENTS_JSON_FLAT, /* {"hooks": {EVENT: [HOOK]}} */
    AGENTS_PLUGIN,    /* a file of telec's */
    AGENTS_FORMATS
};

struct agents_hooks {
    enum agents_format format;
    const char *variable;       /* of the settings' directory; then … */
    const char *in_variable, *in_home, *file; /* … behind it, or behind HOME; the file */
    unsigned agent;
    const struct agents_event *events;
    int timeout;                /* in the agent's unit */
    const char *former;         /* with an earlier version's hook; or NULL */
    const char *note;           /* after installing; or NULL */
};

/* Phrases separated by '|', or NULL. */
struct agents_screen {
    const char *working;
    const char *asking;         /* … while a dialog is open */
    const char *box;            /* begins its input box's row; or … */
    const char *foot;           /* … the row below it; "┃" is its left frame */
    const char *placeholder;    /* of the empty box */
    const char *other;          /* in or below a box for something else than a message */
    const char *said;           /* begins its message */
    const char *aside;          /* … of what looks like one */
};

/* The file in which an agent keeps what it was told. */
struct agents_history {
    const char *file;           /* in its settings' directory; "*": any directory */
    const char *id, *text, *time;
    const char *log;            /* NULL: JSON. Else a log with rows of KEY=VALUE, of which those
                                 * with all these words tell of a session; its text is the
                                 * directory. Then … */
    const char *variable, *in_home; /* … of the file's directory, or HOME and this */
};

struct agents_row {
    const char *name;           /* in [agent NAME]; also the program, but the shell's is $SHELL */
    const char *title;          /* for messages */
    const char *flags[AGENTS_MODES]; /* added for fast, med, slow; NULL: none */
    const char *prompt;         /* before a first prompt; NULL: it is typed */
    const char *session_id;     /* before an id that telec chooses; NULL: hooks tell the agent's */
    const char *newline;        /* a line's end that sends nothing; or NULL */
    const char *resume;         /* before the id to resume; a last = joins them; NULL: it can't */
    const char *conversation;   /* of a command that names its conversation, 'a|b' */
    const char *colour, *colour_on_light; /* as in [colours] */
    struct agents_history history; /* where it chooses its ids itself */
    struct agents_screen screen;
    struct agents_hooks hooks;
};

/* Or NULL. Row 0: of a request that names none. */
static const struct agents_row *agents_row(size_t i);
static const struct agents_row *agents_find(const char *name); /* or NULL */
static const struct agents_event *agents_find_event(struct json name); /* or NULL */
static int agents_mode(const char *name);          /* or -1 */
/* Appends "claude, gemini and codex", each behind `before`; hooked: with hooks. */
static void agents_put_names(buf *b, int hooked, const char *before);

/* ==== redis_url =============================================================================== */

struct redis_url {
    char *path;             /* or NULL: host and port */
    char *host;             /* without brackets */
    int port;
    int tls;                /* by the tls_command */
    char *user, *password;  /* NULL: none */
    int db;
    int protocol;           /* at most */
    char *prefix;           /* of keys and channels; NULL: none */
    char *sentinels, *master; /* hosts, with commas; their name; NULL: none */
    int moved;              /* by redis_url_move */
};

/* Returns NULL, or what is wrong. Free t then, too. */
static const char *redis_url_parse(struct redis_url *t, span url);
/* Takes a sentinel's host and port. Returns 0: none is left, or *fault. */
static int redis_url_choose(struct redis_url *t, int i, const char **fault);
/* An empty host stays. Returns 0: they are none. */
static int redis_url_move(struct redis_url *t, span host, span port);
static void redis_url_free(struct redis_url *t); /* overwrites the password; safe twice */
static void redis_url_put(const struct redis_url *t, buf *b); /* without user and password */
/* `telec resolve`: prints numeric addresses, one a line. */
static int redis_url_resolve_main(const char *host, const char *port);

/* ==== config ================================================================================== */

#define CONFIG_AGENTS_MAX 32
#define CONFIG_NAME_MAX 64        /* bytes, with its NUL */

#define CONFIG_ATTACH_REDIS "redis"
/* CI runners kill by these. */
#define CONFIG_COOKIES                                                                             \
    "RUNNER_TRACKING_ID", "JENKINS_NODE_COOKIE", "JENKINS_SERVER_COOKIE", "HUDSON_COOKIE",         \
        "HUDSON_SERVER_COOKIE", "BUILD_ID"

/* The line that set each key of a section; 0: default. */
#define CONFIG_ORIGINS 8

struct config_agent {
    char name[CONFIG_NAME_MAX];
    const char *command;              /* as in a shell */
    const char *flags[AGENTS_MODES];
    const char *session_id, *resume; /* NULL or "": it takes none */
    const char *prompt;
    const char *login;          /* "yes", or NULL */
    int lines[CONFIG_ORIGINS];
};

struct config_project {
    const char *path, *name, *description;
    int line, lines[CONFIG_ORIGINS];
};

/* Lines of [keys] and [colours], which the UI parses. */
struct config_entry {
    const char *name, *value;
    int line;
};

struct config_entries {
    struct config_entry *items;
    int count;
};

/* A text of the configuration, which lives as long as that. */
struct config_text {
    struct config_text *next;
    char text[];
};

struct config {
    char *state, *file;
    char *socket, *holders;             /* the daemon's; holders' directory */
    char *program;                      /* absolute */
    int loaded;
    struct config_text *texts, *renewed; /* renewed: of config_renew_agents */
    const char *computer, *user, *host; /* as others see it */
    const char *clipboard;              /* "yes": sessions may set it */
    const char *prefix;                 /* "Ctrl-]" */
    const char *prefix2;                /* … or "Esc Esc", or "" */
    const char *utf8;                   /* "yes", "no", "ask" */
    const char *redis_url;              /* "": none */
    const char *redis_from;             /* "FILE:LINE" or "$TELEC_REDIS" */
    const char *role;                   /* "development" */
    const char *answer;                 /* "all", or "own" */
    const char *allow;                  /* computers; "*": all */
    const char *secret, *secret_file;   /* signs changes */
    const char *unsigned_peers;         /* TeleClaude daemons */
    const char *attach;                 /* CONFIG_ATTACH_REDIS, or a command */
    const char *tls_command;            /* for rediss:// */
    const char *mouse;                  /* "yes" */
    const char *notify;                 /* "bell", "osc9" … "none" */
    const char *keep_env;               /* variables; or NULL */
    const char *on_state;               /* a command, or NULL */
    const char *title;                  /* "yes" */
    const char *worktrees;              /* "": beside the repository */
    /* [prepare]: for an agent; SLUG: the todo's */
    const char *prepare_project, *prepare_todo, *prepare_start;
    struct config_entries keys, colours;
    struct config_entries reach;        /* NAME and command */
    const char *binaries;               /* a directory */
    /* "-S", a variable, or NULL: the default */
    const char *socket_from, *state_from, *file_from;
    int is_read_once;           /* a pipe: a daemon … */
    buf text;                   /* … gets this instead */
    int agent_count;
    struct config_project *projects;
    int project_count;
    buf problems;               /* "FILE:LINE: ABOUT: expected …" */
    struct disk *disk;          /* the daemon's; else NULL */
    int computer_lines[CONFIG_ORIGINS], ui_lines[CONFIG_ORIGINS], redis_lines[CONFIG_ORIGINS],
        peers_lines[CONFIG_ORIGINS], agents_lines[CONFIG_ORIGINS];
    int prepare_lines[CONFIG_ORIGINS], reach_lines[CONFIG_ORIGINS];
    struct stat binary;         /* 0: unknown */
    struct config_agent agents[CONFIG_AGENTS_MAX];
};

#define CONFIG_INHERITED "/dev/fd/" /* such a file is this process's only */
#define CONFIG_UNREAD ""          /* the default one, which is not read */
/* socket, file: options, or NULL. A missing file is an error only when `file` names it; then, too,
 * config_free must follow. */
static int config_load(struct config *c, const char *program, const char *socket, const char *file,
                       buf *error);
static void config_free(struct config *c);
/* Executes this binary, where possible also once its file was moved, removed or replaced. */
static const char *config_program(const struct config *c);
/* Reads them anew; earlier pointers are invalid. */
static void config_renew_agents(struct config *c);
static void config_put_problem(const struct config *c, buf *problems, int line, span about,
                               const char *what);
/* A file with the same effect, without [keys] and [colours]. */
static void config_put(const struct config *c, buf *b);
static void config_put_value(const struct config *c, buf *b, const char *name, const char *value,
                             int line);
static char *config_join(const char *dir, const char *name);
static int config_is_set(const struct config *c);  /* by the user */
#define CONFIG_PLACES 3
/* Returns a path in telec-UID of $TMPDIR, /tmp, /dev/shm; NULL: not possible. */
static char *config_socket_place(int i, const char *name);
/* Returns the first of these. */
static char *config_short_place(const char *name);
/* Returns the directory of holders' sockets. */
static char *config_holders(const char *socket);
#define CONFIG_HOLDER_SOCKET (sizeof "/01234567-0123-0123-0123-0123456789ab.sock")
static const struct config_agent *config_agent(const struct config *c, const char *name);
/* Returns the agent that a command line of one word names, as `telec new claude`; or NULL. */
static const struct config_agent *config_agent_of(const struct config *c, char *const *argv);
/* Valid until the next call. Reads files. */
static const char *config_user(const struct config *c);
/* Returns the x of "Ctrl-x", else 0. */
static char config_ctrl_letter(const char *prefix);
/* As sh, without expansions. One block for free(); NULL: an open quote, or a NUL. */
static char **config_words(span s);
static void config_put_quoted(buf *b, const char *word); /* config_words takes it back */
static int config_on_path(const char *program);    /* as execvp */
static int config_is_on(const char *path, const char *program); /* PATH may be NULL */
static int config_can_run(const char *line);       /* … of a command line */
static int config_is_shell(const char *shell);     /* it can run; nologin is none; or NULL */
static const char *config_shell(void);             /* $SHELL, or the user's */
static char *config_absolute(const char *path);
static int config_is_foreign_home(const char *home); /* root has another user's */
static const char *config_last_part(const char *path); /* behind the last '/' */

/* ==== places ================================================================================== */

/* Refuses links, other users' directories, and those open to others. */
static int places_make_dirs(const struct config *c, buf *error);
static int places_make_state(const struct config *c, buf *error);
/* Unless must_stay, sockets move to the first usable of config_socket_place and STATE/run. passed:
 * why not others. */
static int places_settle(struct config *c, int must_stay, buf *passed);
static int places_listen(const char *path, buf *error);

/* ==== host ==================================================================================== */

enum host_verdict { HOST_GOOD, HOST_NOTE, HOST_BAD };

struct host {
    struct config *config;
    /* mend NULL: all is well */
    void (*say)(void *ctx, enum host_verdict verdict, const char *about, const char *found,
                const char *mend);
    void *ctx;
    int cheap;
};

static void host_check(const struct host *h);

#endif
