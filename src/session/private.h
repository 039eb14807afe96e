#ifndef TELEC_HOLD_PRIVATE_H
#define TELEC_HOLD_PRIVATE_H
#include "session.h"

/* hold - the session holder: one small process per session, and the daemon's side of talking to it.
 *
 *      daemon ── frames ──▶ ┌──────────────┐ ── bytes ──▶ pseudo-terminal ── program
 *      viewers ◀─ frames ── │ emulator, log │ ◀─ bytes ──
 *                           └──────────────┘
 *
 * The holder owns what must outlive the daemon: the pseudo-terminal, the screen, the log, and what
 * is known of the session's state. It leaves the daemon's session and process group and keeps none
 * of its descriptors, so nothing that happens to the daemon reaches the program. It ends with the
 * program, after writing down how that ended. A viewer that does not read costs it nothing but a
 * bounded queue. */

#define FRAME_HEAD 5              /* bytes of a frame before its payload */
#define HOLDER_LINE_MAX 200        /* characters of last_output */
#define HOLDER_INPUT_MAX 500       /* characters of last_input */
/* input the program does not read, in bytes; more is refused */
#define HOLDER_QUEUE_MAX (1024 * 1024)
#define HOLDER_TYPE_MS 500         /* a first message is typed after this at the latest */
/* between a pasted text and its Enter: a paste must not swallow it */
#define HOLDER_ENTER_MS 60
#define HOLDER_DRAIN_MS 200        /* output may trail the program's end for this long */
#define HOLDER_CHECK_MS 20         /* for the rest of a killed session to go; then twice as long … */
#define STATE_SILENT_MS 10000     /* without output an agent that reported work no longer works */
#define STATE_BELL_MS 300         /* output this soon after a bell belongs to it */

/* ---- the holder's own state ----------------------------------------------------------------- */

enum holder_state { STATE_STARTING, STATE_WORKING, STATE_WAITING, STATE_IDLE, STATE_EXITED };
static const char *const holder_states[] = {"starting", "working", "waiting", "idle", "exited"};

enum holder_source { STATE_BY_OUTPUT, STATE_BY_BELL, STATE_BY_HOOK, STATE_BY_EXIT };
static const char *const holder_sources[] = {"output", "bell", "hook", "exit"};

struct holder {
    struct loop loop;
    char *id, *socket, *dir, *api_socket;
    struct vt *vt;
    struct store_log log;
    struct conn pty;
    int slave;               /* kept open, so that the pty hangs up only when we say so */
    struct loop_child child;
    pid_t pid;
    struct loop_fd listener;
    struct holder_client *clients;
    /* what a status frame tells */
    enum holder_state state;
    enum holder_source source;
    long long since, activity; /* wall clock, milliseconds */
    buf last_input, last_output, native_id;
    buf asked;                 /* what it said when it began to wait */
    int unseen;                /* it finished or asked, and nobody has looked since */
    int wait_status;           /* waitpid's, once exited */
    /* what happens next */
    /* loop clock, of the last ones; and since when it waits for what it asked last */
    long long output_at, bell_at, typed_at, waiting_at;
    int hooked;                /* an agent reports its state: output alone does not change it */
    int dirty;                 /* a status frame is due */
    int typists;               /* clients that have the pty's descriptor */
    struct loop_task offer_task;
    struct loop_timer status_timer, state_timer, kill_timer, drain_timer, type_timer, enter_timer,
        tick_timer;
    long long status_at;       /* when the last one went out */
    buf typed;                 /* first message, not yet typed */
    int killing, exited, drained, over;
    int stopped;               /* its processes are, until the kill timer ends the session */
    int check_ms;              /* until the next look whether anybody of a killed session is left */
};

struct holder_client {
    struct holder *hold;
    struct holder_client *next, **link;
    struct conn conn;
    int watching, viewing;
    int direct;                /* it has the pty's descriptor, */
    int offered;               /* and may write to it now; -1: who knows what it was told */
    long long inputs;          /* frames of input that came from it */
    int behind;                /* output was left out: a snapshot is due */
    int missing;               /* what was left out may be missing in its scrollback */
    int scrollback;            /* it has one */
    long long tick_at;         /* since when `recent` counts */
    size_t recent;             /* bytes of output sent to it in this tick */
    /* a viewer that is told the size before a snapshot, and of resizes */
    int sizes;
    int cols, rows;            /* its own size; 0: it never told */
    int awaiting;              /* a receipt is due */
    /* bytes of output that are only the terminal's echo of the message */
    long long echo;
    struct loop_timer receipt_timer;
};


static void frame_put_head(char head[FRAME_HEAD], enum frame_type type, size_t n);
static size_t frame_size(const char *head);
static blob *frame_put(enum frame_type type, span payload);
static void frame_send(struct conn *c, enum frame_type type, span payload);
static enum parse frame_peek(const struct conn *c, enum frame_type *type, span *payload);
static void state_put_characters(buf *b, span text, int most);
static void state_put_status(const struct holder *h, buf *b);
static void state_renew_last_output(struct holder *h);
static void state_send_status(void *ctx);
static void state_changed(struct holder *h);
static void state_enter(struct holder *h, enum holder_state state, enum holder_source source);
static void state_set_asked(struct holder *h, span text);
static void state_on_silence(void *ctx);
static void state_work(struct holder *h, enum holder_source source);
static void state_set_seen(struct holder *h);
static void state_judge_output(struct holder *h, unsigned signals);
#endif
