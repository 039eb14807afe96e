#ifndef TELEC_SESSION_PRIVATE_H
#define TELEC_SESSION_PRIVATE_H
#include "session.h"

/* The state of a holder's process.
 *
 *      daemon ── frames ──▶ ┌───────────────┐ ── bytes ──▶ pty ── program
 *      viewer ◀─ frames ─── │ emulator, log │ ◀─ bytes ───
 *                           └───────────────┘
 *
 * It owns what must outlive the daemon: pty, screen, log, state. It leaves the daemon's session and
 * process group and keeps none of its descriptors. It ends with the program, after exit.json. A
 * viewer that does not read costs it a bounded queue. */

#define HOLDER_LINE_MAX 200  /* characters */

struct reader_mark {
    int rows, cursor;
    uint32_t hashes[GRID_ROWS_MAX];
};

struct reader_rows {
    buf text;
    span rows[GRID_ROWS_MAX];
    int count;
};

struct reader_screen {
    struct reader_rows rows;
    struct question_screen screen;
};

struct reader {
    const struct agents_screen *agent; /* or NULL */
    int is_shell;              /* the session's own program */
    pid_t front;               /* of `agent` in a shell's foreground */
    enum question_kind kind;   /* the last reading: … */
    buf reason, asks, choices; /* … its rule and row; the question; JSON or empty */
    buf said;                  /* the agent's last message, its end */
    int misses;                /* readings without a question, in a row */
    int boxed, ready;          /* the agent's box: shown; ever since raw mode */
    int lines;                 /* it reads lines */
    int titled;                /* not read yet */
    long long output_at, read_at, marked_at, boxed_at; /* loop clock */
    size_t bytes;
    struct reader_mark mark;   /* after the last bell */
    struct loop_timer timer;
};

enum message_phase { MESSAGE_ASKED, MESSAGE_PASTED, MESSAGE_ENTERED };

struct message {
    struct message *next;
    struct holder_client *client; /* or NULL: has its receipt, or has gone */
    buf text;
    int enter, force, first;      /* first: the first prompt */
    enum message_phase phase;
    long long asked_at, pasted_at, read_at, changed_at, entered_at;
    uint32_t line;                /* of reader_line */
    int reacted, secret, busy, presses;
    int stood;                    /* in the agent's box */
    int shown;                    /* rows that began so before */
    int sleeps;                   /* looks in a row at which all sleep */
    long long looked_at;
    int prompts;                  /* hooks before it was entered */
    long long echo;               /* bytes of mere echo */
    struct reader_mark mark;      /* when Enter was pressed */
};

enum answer_step { ANSWER_NUMBER, ANSWER_MOVE, ANSWER_TEXT, ANSWER_ENTER, ANSWER_DONE };

struct answer {
    struct holder_client *client; /* or NULL */
    int option;                   /* from 0; -1: other keys */
    enum answer_step next;
    int awaits;                   /* the dialog: `text` is the whole answer */
    long long began, stepped;     /* loop clock */
    buf asks, text;
    int first;                    /* row of the first option, or -1 */
    struct reader_mark mark;
};

enum message_first {
    MESSAGE_FIRST_NONE, MESSAGE_FIRST_PENDING, MESSAGE_FIRST_DELIVERED, MESSAGE_FIRST_FAILED
};

struct holder {
    struct vt *vt;
    struct message *messages;
    pid_t pid;
    struct holder_client *clients;
    int killing, exited, drained, over;
    struct answer *answer;     /* or NULL */
    char *id, *socket, *dir, *api_socket, *keep_env;
    int slave;                 /* keeps the pty from hanging up before the exit */
    struct holder_client *controller; /* typed last; or NULL */
    struct loop loop;
    char *program;
    struct conn pty;
    struct frame_pool pool;
    buf scratch;               /* empty between uses */
    int lock_fd;               /* -1: no locks here */
    struct loop_child child;
    long long umask;           /* -1: ours */
    struct loop_fd listener;
    ino_t socket_node;         /* as it was made */
    struct state state;
    long long since, activity; /* wall clock, ms */
    buf last_input, last_output, native_id;
    char *history;             /* file of what the agent was told; or NULL */
    const struct agents_row *history_of;
    char *history_text;        /* or NULL: the last input */
    long long started_at;      /* wall clock, ms */
    struct output *looking;    /* telec native, or NULL */
    buf events;                /* waiting for its end, each with a NUL; … */
    int looked;                /* … and are handled now */
    buf asked;                 /* state_text … */
    buf said;                  /* by its hook */
    buf refused;               /* … of which a message was refused */
    int wait_status;
    int dirty;                 /* a status is due */
    long long status_at;
    buf typed;                 /* first prompt, not typed yet */
    buf first_argument;        /* … of argv */
    enum message_first first;
    int first_busy;            /* times it got more time */
    int first_strict;          /* until the program reads keys or pastes */
    long long first_until, first_looked_at; /* loop clock */
    long long calm_since, calm_at; /* looks at a boxed agent: first, last, … */
    int calm;                  /* … and how many in a row found it asleep */
    const struct holder_client *sizer; /* has its size; or NULL */
    int told_unfocused;
    int prompts, queued;       /* hooks of prompts; messages that the agent holds */
    long long typed_at;
    long long stop_at; /* loop clock: a hook's stop that the screen does not show yet; or 0 */
    long long submitted_at;
    int direct_count;          /* with the pty's descriptor */
    struct loop_task offer_task, resume_task, looked_task;
    int spread, hung_up;       /* SIGHUP went to all; the leader's time is over */
    int stopped;               /* until the kill timer ends it */
    buf paused, halted;        /* pids: stopped then; stopped before */
    long long stopped_at, look_until; /* loop clock */
    long long sync_at;         /* until an update's end; or 0 */
    int check_ms;              /* to the next look for processes */
    struct loop_timer status_timer, silence_timer, kill_timer, drain_timer, type_timer,
        message_timer, answer_timer, tick_timer, accept_timer, wait_timer, bell_timer;
    struct reader reader;
    struct disk log, last;     /* last: exit.json */
};

struct holder_client {
    struct holder *holder;
    struct holder_client *next, **link;
    int subscribed;
    int status_due;            /* once it reads */
    int viewing, sizes, scrollback;
    int held;                  /* see holder_pause_full */
    int behind;                /* a snapshot is due */
    int missing;               /* of its scrollback, perhaps */
    int all;                   /* nothing is omitted */
    size_t unread;             /* queued at the last look */
    long long tick_at;         /* `recent` counts since then */
    long long whole_at;        /* its last snapshot with scrollback */
    size_t recent;             /* bytes sent in this tick */
    int direct;                /* has the pty */
    int offered;               /* last FRAME_PTY: 1 may write, 0 may not, -1 unknown */
    long long inputs;          /* FRAME_INPUT frames */
    int cols, rows;            /* 0: not told */
    char *from;                /* its computer; or NULL */
    long long active_at;       /* typed, or told its size */
    struct conn conn;
};

/* ==== environment ============================================================================ */

/* Removes the terminal's variables but those in `keep` (or NULL), sets ours. Between fork and exec
 * only setenv allocates. */
static void environment_set(char **env, const char *keep);
/* Sets the ground that COLORFGBG names. */
static void environment_set_ground(struct vt *vt, char *const *env);

#define HOLDER_NATIVE_ID_MAX 256 /* bytes */

/* ==== native ================================================================================= */

/* env NULL: ours. row: or NULL. */
static void native_init(struct holder *h, const struct agents_row *row, char *const *env,
                        const char *directory);
/* Tells whether hooks may be of other sessions. */
static int native_is_shared(const struct holder *h);
/* Reads an unknown id from the agent's files; the looked_task follows, unless `looking` is NULL
 * then. */
static void native_look(struct holder *h);
/* Is the event this session's? Codex runs the hooks of all sessions of one HOME in a process of the
 * first one. -1: the looked_task tells. */
static int native_accept(struct holder *h, struct json id, int is_prompt, span text);

/* ==== status ================================================================================= */

static void status_put_characters(buf *b, span text, int most);
/* Returns QUESTION_NONE when it does not wait. */
static enum question_kind status_waits_for(const struct holder *h);
static void status_put(const struct holder *h, buf *b);
/* Keeps the last output when the screen is cleared. */
static void status_renew_last_output(struct holder *h);
static void status_send(void *holder);
static void status_changed(struct holder *h);
/* asked: the question, or {NULL, 0} */
static void status_apply(struct holder *h, struct state_input in, span asked);
static void status_set_seen(struct holder *h);
static int status_is_viewed(const struct holder *h);

/* ==== reader ================================================================================= */

/* agent: a row's name, or NULL */
static void reader_init(struct holder *h, char *const *argv, char *const *env,
                        const char *directory, const char *agent);
static void reader_note_output(struct holder *h, size_t n, int titled);
/* A hook's end of a turn: it is over once the screen shows no work. */
static void reader_on_stop(struct holder *h);
static void reader_expect(struct holder *h, long long due); /* or sooner */
static void reader_on_timer(void *holder);
/* Reads without keeping the result, which reader_drop frees. */
static void reader_scan(const struct holder *h, struct reader_screen *seen, struct question *q);
static void reader_drop(struct reader_screen *seen);
static void reader_on_silence(void *holder);
static void reader_read(struct holder *h, int quiet); /* quiet: the screen is complete */
/* Appends the text in the agent's box. Returns 0: none. */
static int reader_put_draft(const struct holder *h, buf *b);
static int reader_has_box(const struct holder *h);
static int reader_is_blank(const struct holder *h);
static int reader_is_line(const struct holder *h);
static int reader_count_shown(const struct holder *h, span text);
/* Digests the agent's box, else the cursor's row. */
static uint32_t reader_line(const struct holder *h);
static void reader_mark(const struct holder *h, struct reader_mark *m);
static int reader_changed_rows(const struct holder *h, const struct reader_mark *m, int rows);
/* More than a row, or one and the cursor's. */
static int reader_has_moved(const struct holder *h, const struct reader_mark *m);
static size_t reader_count_text(const struct holder *h); /* in bytes */

/* ==== viewer ================================================================================= */

static void viewer_put_snapshot(struct holder_client *c, int scrollback);
static void viewer_send_snapshot(struct holder_client *c, int scrollback);
static void viewer_send_output(struct holder *h, span output);
/* Returns how many bytes complete a snapshot that waits; or 0. */
static size_t viewer_find_screen(const struct holder *h, span output);
static void viewer_fall_behind(struct holder_client *c);
static void viewer_on_tick(void *holder);
static void viewer_start_tick(struct holder *h);
/* Unless a viewer of all output is waited for. */
static void viewer_release_pty(struct holder *h);
static void viewer_on_wait(void *holder);
/* One of all output has read some. */
static int viewer_reads(struct holder *h);
static void viewer_set_size(struct holder *h, int cols, int rows);
static void viewer_apply_size(struct holder_client *c);
static void viewer_leave_size(struct holder_client *c); /* the last active one has it */

/* ==== input ================================================================================== */

#ifndef INPUT_HOLD
#define INPUT_HOLD (64 * 1024) /* not read by the program: viewers' input waits */
#endif

/* Returns -1 when the program does not read. */
static int input_type(struct holder *h, span bytes);
/* Takes its size; a pending Enter goes first. */
static void input_type_for(struct holder_client *c, span bytes);
static void input_note_typed(struct holder_client *c, long long at, int looked);
/* "waiting: Bash: make", "draft: fix the". Returns 0: nothing refuses. */
static int input_put_refusal(struct holder *h, buf *b);
static void input_tell_focus(struct holder *h);
static void input_pass_pty(struct holder_client *c);
static void input_offer_pty(void *holder);

/* ==== message ================================================================================ */

/* c: for the receipt; NULL: the first prompt. how: enter and force. */
static void message_add(struct holder *h, struct holder_client *c, span text,
                        const struct frame_message *how);
static void message_put_receipt(struct holder_client *c, const char *result);
static void message_step(void *holder);
static void message_settle(struct holder *h); /* presses a pending Enter */
static void message_on_output(struct holder *h, size_t n);
static void message_on_prompt(struct holder *h, span text);
static void message_drop_client(struct holder_client *c);
static void message_end_all(struct holder *h);
static void message_start_first(struct holder *h);
static void message_on_first_timer(void *holder);

/* ==== answer ================================================================================= */

/* text: a number, "yes", "no", an option's beginning, or a prompt's text. Receipt: "answered",
 * "unconfirmed", or why not. */
static void answer_ask(struct holder_client *c, const char *text);
static void answer_step(void *holder);
static void answer_drop_client(struct holder_client *c);
static void answer_end(struct holder *h);

/* ==== end ==================================================================================== */

static void end_begin_undoable(struct holder *h, long long undo_ms);
static void end_undo(struct holder *h);
static void end_kill(struct holder *h);
static void end_check(struct holder *h);
static void end_on_exit(void *holder, int wait_status);
static void end_on_drain_timer(void *holder);
static void end_on_kill_timer(void *holder);
#endif
