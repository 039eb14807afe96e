#ifndef TELEC_SESSION_PRIVATE_H
#define TELEC_SESSION_PRIVATE_H
#include "session.h"

/* The state of a holder's process, which status.c, viewer.c, input.c, end.c and holder.c share.
 *
 *      daemon ── frames ──▶ ┌───────────────┐ ── bytes ──▶ pty ── program
 *      viewer ◀─ frames ─── │ emulator, log │ ◀─ bytes ───
 *                           └───────────────┘
 *
 * The holder owns everything that must outlive the daemon: the pty, the screen, the log, and the
 * session's state. It leaves the daemon's session and process group and keeps none of its
 * descriptors, so that the daemon's end never reaches the program. It ends with the program, after
 * it has written exit.json. A viewer that does not read costs it a bounded queue. */

#define HOLDER_LINE_MAX 200  /* characters of last_output and of state_text */

/* The screen at a time, to tell whether more than a spinner has changed since. */
struct reader_mark {
    int rows, cursor;
    uint32_t hashes[GRID_ROWS_MAX];
};

/* The text of the screen's rows, and the spans of them. */
struct reader_rows {
    buf text;
    span rows[GRID_ROWS_MAX];
    int count;
};

/* What a holder's terminal shows; its spans point into its own rows. */
struct reader_screen {
    struct reader_rows rows;
    struct question_screen screen;
};

struct reader {
    const struct agents_screen *agent; /* NULL: no agent that the table knows */
    int is_shell;              /* the session's own program is a shell */
    enum question_kind kind;   /* what the last reading found … */
    buf reason, asks, choices; /* … by which rule and row; the question; a JSON array or empty */
    buf said;                  /* the end of the agent's last message on the screen */
    int misses;                /* readings in a row without a question */
    int boxed, ready;          /* the agent's input box is on the screen; has been since raw mode */
    int lines;                 /* the terminal reads lines */
    int titled;                /* a new title is not read yet */
    long long output_at, read_at, marked_at, boxed_at; /* loop clock */
    size_t bytes;              /* of output since the last reading */
    struct reader_mark mark;   /* the screen after the last bell */
    struct loop_timer timer;
};

enum message_phase { MESSAGE_ASKED, MESSAGE_PASTED, MESSAGE_ENTERED };

/* A message on its way into the program. */
struct message {
    struct message *next;
    struct holder_client *client; /* gets the receipt; NULL: it has got it, or has gone */
    buf text;
    int enter, force, first;      /* first: the session's first prompt */
    enum message_phase phase;
    long long asked_at, pasted_at, read_at, changed_at, entered_at; /* read_at 0: not read yet */
    uint32_t line;                /* of reader_line, as it was last */
    int reacted, secret, busy, presses;
    int stood;                    /* a text has stood in the agent's box */
    int shown;                    /* rows that showed how it begins before it was typed */
    int sleeps;                   /* looks in a row, MESSAGE_LOOK_MS apart, at which all slept */
    long long looked_at;
    int prompts;                  /* hooks of prompts before it was entered */
    long long echo;               /* bytes of output that are only the terminal's echo */
    struct reader_mark mark;      /* the screen when Enter was pressed */
};

enum answer_step { ANSWER_NUMBER, ANSWER_MOVE, ANSWER_TEXT, ANSWER_ENTER, ANSWER_DONE };

/* An answer on its way into a dialog. */
struct answer {
    struct holder_client *client; /* NULL: it has gone */
    int option;                   /* from 0; -1: other keys were pressed */
    enum answer_step next;
    long long began, stepped;     /* loop clock */
    buf asks, text;               /* of the dialog; for the option that takes one */
    int first;                    /* row of its first option; -1: none */
    struct reader_mark mark;      /* the screen before */
};

enum message_first {
    MESSAGE_FIRST_NONE, MESSAGE_FIRST_PENDING, MESSAGE_FIRST_DELIVERED, MESSAGE_FIRST_FAILED
};

struct holder {
    struct loop loop;
    char *id, *socket, *dir, *api_socket, *keep_env;
    struct vt *vt;
    struct disk log;
    char *program;             /* runs this binary */
    struct conn pty;
    int lock_fd;               /* of holder.lock; -1: this file system has no locks */
    int slave;                 /* kept open: the pty hangs up only after the program's exit */
    struct loop_child child;
    pid_t pid;
    long long umask;           /* the program's; -1: ours */
    struct loop_fd listener;
    ino_t socket_node;         /* of the socket's file, as it was made */
    struct holder_client *clients;
    struct holder_client *controller; /* the viewer that typed last; NULL: it has detached */
    /* the members of a status frame */
    struct state state;
    long long since, activity; /* wall clock, ms */
    buf last_input, last_output, native_id;
    char *history;             /* the file in which the agent keeps what it was told; or NULL */
    const struct agents_history *history_names;
    char *history_text;        /* what an entry must have; NULL: the last input */
    long long started_at;      /* wall clock, ms */
    buf asked;                 /* state_text: what the program asks … */
    buf said;                  /* the agent's last message, as its hook told it */
    buf refused;               /* … and which computer's message was refused meanwhile */
    int wait_status;           /* of waitpid, once exited */
    int dirty;                 /* a status frame is due */
    long long status_at;       /* loop clock: the last status frame */
    struct reader reader;
    /* input */
    buf typed;                 /* the first prompt, not typed yet */
    buf first_argument;        /* the first prompt that was given as an argument */
    enum message_first first;
    int first_strict;          /* wait for a program that reads keys or pastes */
    long long first_until, first_looked_at; /* loop clock */
    struct message *messages;  /* the first one is on its way */
    struct answer *answer;     /* on its way into a dialog; or NULL */
    const struct holder_client *sizer; /* whose size the session has; NULL: nobody's */
    int told_unfocused;        /* the program has got focus-out */
    int prompts, queued;       /* hooks of prompts; the agent holds a message for its next turn */
    long long typed_at;        /* loop clock: the last key */
    long long submitted_at;    /* loop clock: the last message */
    int direct_count;          /* clients that have the pty's descriptor */
    struct loop_task offer_task, resume_task;
    /* the end */
    int killing, exited, drained, over;
    int spread, hung_up;       /* SIGHUP went to all processes; its time for the leader is over */
    int stopped;               /* the processes are, until the kill timer ends the session */
    buf paused, halted;        /* pid_t of those that were stopped then, and of those that were so
                                  before */
    long long stopped_at;      /* loop clock */
    long long sync_at;         /* loop clock: viewers wait for the end of an update since; or 0 */
    int check_ms;              /* to the next look for processes of a killed session */
    struct loop_timer status_timer, silence_timer, kill_timer, drain_timer, type_timer,
        message_timer, answer_timer, tick_timer, accept_timer, wait_timer;
};

struct holder_client {
    struct holder *holder;
    struct holder_client *next, **link;
    struct conn conn;
    int subscribed;            /* gets FRAME_STATUS */
    int status_due;            /* it did not read: the last status goes when it has */
    int viewing, sizes, scrollback; /* gets the screen; with FRAME_SIZE; with scrollback */
    int held;                  /* its input waits for the program, see holder_holds */
    int behind;                /* output was omitted: a snapshot is due */
    int missing;               /* its scrollback may lack the omitted output */
    int all;                   /* no output is omitted while it reads */
    size_t unread;             /* bytes queued at the last look whether it reads */
    long long tick_at;         /* loop clock: since when `recent` counts */
    long long whole_at;        /* the last snapshot with scrollback after it was behind */
    size_t recent;             /* bytes of output sent to it in this tick */
    int direct;                /* it has the pty's descriptor */
    int offered;               /* last FRAME_PTY sent: 1 may write, 0 may not, -1 unknown */
    long long inputs;          /* FRAME_INPUT that it has sent */
    int cols, rows;            /* its own size; 0: not told */
    char *from;                /* its computer; NULL: not told */
    long long active_at;       /* loop clock: it has typed, or told its size */
};

/* ==== environment ============================================================================ */

/* Removes the variables of the user's terminal but those that `keep` lists (NULL: none), and sets
 * our own. Between fork and exec only setenv allocates. */
static void environment_set(char **env, const char *keep);
/* Makes the emulator's colours those of a light terminal, if COLORFGBG says so. */
static void environment_set_ground(struct vt *vt, char *const *env);

/* ==== native ================================================================================= */

/* env: the program's, NULL-terminated; NULL: this process's. row may be NULL. */
static void native_init(struct holder *h, const struct agents_row *row, char *const *env,
                        const char *directory);
/* Tells whether hooks may tell of other sessions' conversations. */
static int native_is_shared(const struct holder *h);
/* Reads the id of the conversation from the agent's files, while it is not known. */
static void native_look(struct holder *h);
/* Decides whether an event of that conversation is this session's: Codex runs the hooks of all
 * sessions of one HOME in a process of the first one. */
static int native_accept(struct holder *h, struct json id, int is_prompt, span text);

/* ==== status ================================================================================= */

/* Appends the first `most` characters of text, as valid UTF-8. */
static void status_put_characters(buf *b, span text, int most);
/* What a waiting session waits for; QUESTION_NONE in other states. */
static enum question_kind status_waits_for(const struct holder *h);
static void status_put(const struct holder *h, buf *b); /* the payload of FRAME_STATUS */
/* Takes last_output from the screen; a cleared screen keeps the last one. */
static void status_renew_last_output(struct holder *h);
static void status_send(void *holder);                  /* to every subscribed client */
static void status_changed(struct holder *h);           /* sends it when it is due */
/* Gives an event to the state table. asked: the question that the event brings; or {NULL, 0}. */
static void status_apply(struct holder *h, struct state_input in, span asked);
static void status_set_seen(struct holder *h);
static int status_is_viewed(const struct holder *h);

/* ==== reader ================================================================================= */

/* argv, env, directory: as the session was started. agent: its row's name; or NULL. */
static void reader_init(struct holder *h, char *const *argv, char *const *env,
                        const char *directory, const char *agent);
static void reader_note_output(struct holder *h, size_t n, int titled);
static void reader_expect(struct holder *h, long long due); /* a reading at that time or sooner */
static void reader_on_timer(void *holder);
/* Reads the screen, without keeping it; reader_drop frees it. */
static void reader_scan(const struct holder *h, struct reader_screen *seen, struct question *q);
static void reader_drop(struct reader_screen *seen);
static void reader_on_silence(void *holder);
static void reader_read(struct holder *h, int quiet); /* now; quiet: the screen is complete */
/* Appends the text that stands in the agent's input box and is not submitted. Returns 0: none. */
static int reader_put_draft(const struct holder *h, buf *b);
static int reader_has_box(const struct holder *h); /* the agent's input box is on the screen */
static int reader_is_blank(const struct holder *h); /* the whole screen */
static int reader_is_line(const struct holder *h); /* the terminal reads lines */
/* Returns how many rows show how a text begins. */
static int reader_count_shown(const struct holder *h, span text);
/* Returns a digest of the input line: the agent's box, else the cursor's row. */
static uint32_t reader_line(const struct holder *h);
static void reader_mark(const struct holder *h, struct reader_mark *m);
/* Returns how many of the first `rows` rows have changed since. */
static int reader_changed_rows(const struct holder *h, const struct reader_mark *m, int rows);
/* Returns 1 when more than one row has changed since the mark, or one and the cursor's row. */
static int reader_has_moved(const struct holder *h, const struct reader_mark *m);

/* ==== viewer ================================================================================= */

static void viewer_put_snapshot(struct holder_client *c, int scrollback); /* queues it */
/* The same; to a viewer that does not read, once it does. */
static void viewer_send_snapshot(struct holder_client *c, int scrollback);
static void viewer_show(struct holder *h, span output); /* to every viewer */
/* Returns the bytes of output after which a snapshot that waits is a whole screen; 0: none. */
static size_t viewer_find_screen(const struct holder *h, span output);
static void viewer_fall_behind(struct holder_client *c); /* omits output: a snapshot follows */
static void viewer_on_tick(void *holder);
static void viewer_start_tick(struct holder *h);
/* Reads the pty again, unless a viewer that gets all output is still to be waited for. */
static void viewer_release_pty(struct holder *h);
static void viewer_on_wait(void *holder); /* the wait_timer */
/* Tells whether a viewer that gets all output has read some since the last look. */
static int viewer_reads(struct holder *h);
/* Resizes the session's screen and pty. */
static void viewer_set_size(struct holder *h, int cols, int rows);
static void viewer_take_size(struct holder_client *c); /* it types: its size is the session's */
static void viewer_leave_size(struct holder_client *c); /* it goes: the last active one has it */

/* ==== input ================================================================================== */

#ifndef INPUT_HOLD
#define INPUT_HOLD (64 * 1024) /* bytes that the program does not read: viewers' input waits then */
#endif

/* Types bytes. Returns 0, or -1: the program does not read. */
static int input_type(struct holder *h, span bytes);
/* Types bytes for a client: its size becomes the session's, and a pending Enter goes first. */
static void input_type_for(struct holder_client *c, span bytes);
/* A client has typed at that time (loop clock). */
static void input_note_typed(struct holder_client *c, long long at, int looked);
/* Appends why no message may be typed: "waiting: Bash: make", "draft: fix the". Returns 0: it
 * may. */
static int input_put_refusal(struct holder *h, buf *b);
/* Tells a program that asks for it whether a viewer looks. */
static void input_tell_focus(struct holder *h);
static void input_pass_pty(struct holder_client *c); /* gives a client the pty's descriptor */
static void input_offer_pty(void *holder);           /* the offer_task */

/* ==== message ================================================================================ */

/* Queues a message. c: gets the receipt; NULL: it is the first prompt. Of `how` its enter and
 * force count. */
static void message_add(struct holder *h, struct holder_client *c, span text,
                        const struct frame_message *how);
static void message_put_receipt(struct holder_client *c, const char *result);
static void message_step(void *holder);      /* the message timer */
static void message_settle(struct holder *h); /* presses a pending Enter now */
static void message_on_output(struct holder *h, size_t n); /* n bytes have come */
static void message_on_prompt(struct holder *h, span text); /* the agent's hook reports a prompt */
static void message_forget_client(struct holder_client *c);
static void message_end_all(struct holder *h); /* the program has ended */
static void message_start_first(struct holder *h);
static void message_on_first_timer(void *holder);

/* ==== answer ================================================================================= */

/* Chooses in the dialog on the screen: a number, "yes", "no", or how an option begins; answers a
 * line prompt with the text. The receipt: "answered", "unconfirmed", or why nothing was typed. */
static void answer_ask(struct holder_client *c, const char *text);
static void answer_step(void *holder); /* the answer timer */
static void answer_forget_client(struct holder_client *c);
static void answer_end(struct holder *h); /* the program has ended */

/* ==== end ==================================================================================== */

static void end_stop_undoably(struct holder *h, long long undo_ms); /* then end_kill */
static void end_undo(struct holder *h);
static void end_kill(struct holder *h); /* SIGHUP now, SIGKILL after END_KILL_MS */
static void end_check(struct holder *h);
static void end_on_exit(void *holder, int wait_status);
static void end_on_drain_timer(void *holder);
static void end_on_kill_timer(void *holder);
#endif
