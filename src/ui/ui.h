#ifndef TELEC_UI_H
#define TELEC_UI_H
#include "parts.h"

/* ==== view ==================================================================================== */

#ifndef VIEW_FULL
#define VIEW_FULL (256 * 1024) /* bytes of input that are not sent: a paste waits */
#endif

struct view_hooks {
    void (*changed)(void *ctx);
    void (*ended)(void *ctx); /* view->reason says why; call view_close */
    void (*drained)(void *ctx); /* or NULL */
};

/* modes: enum vt_mode; shape: DECSCUSR. */
struct view_terminal {
    unsigned modes;
    int shape, progress, kitty, other_keys;
};

struct view {
    struct vt *vt;           /* NULL before the first bytes */
    char *id, *computer;     /* computer NULL: as the daemon knows it */
    int back;
    int pressed;             /* a button, inside of the screen */
    unsigned signals;        /* enum vt_signal, not handled yet; VT_SYNCED stays */
    const struct view_hooks *hooks;
    void *ctx;
    int control, history;    /* with input, with scrollback */
    int lost;                /* the daemon is gone: the session may live */
    struct stream *stream;   /* NULL: it has ended, or a text is shown */
    struct loop *loop;       /* NULL: a view of plain text */
    const char *here;
    buf held;                /* of an update that has not ended */
    int torn;                /* half an update is shown: not drawn */
    struct loop_timer sync_timer;
    long long notify_at;     /* loop clock: no notification before */
    int pan_rows, pan_cols;  /* the crop's, from the cursor */
    buf typed;               /* until the pass ends, or it is connected */
    struct loop_task send_task;
    int pty;                 /* for writing keys directly; -1: none */
    int may_type;            /* the holder allows that: no other input is in flight */
    long long inputs;        /* FRAME_INPUTs sent */
    long long typed_at;      /* loop clock: the last write to the pty */
    int looked;              /* what was written since the last notice answers nothing */
    struct loop_timer notice_timer; /* until FRAME_TYPED tells the holder */
    int want_cols, want_rows; /* asked for; 0: none */
    unsigned widget_modes;   /* the UI's own */
    int wheel;               /* the mouse scrolls unless the program has it */
    enum term_keys keyboards;
    int top, left, shown_rows; /* of the last drawing */
    int selecting, from_row, from_col, to_row, to_col; /* rows as in vt_row */
    int listed;              /* the daemon has listed its session */
    int unlinked;            /* the link to its computer is lost: link_reason */
    long long unsent;        /* bytes of input since then, perhaps not typed */
    struct view_terminal terminal; /* as view_put_modes set it last */
    struct vt_colours colours; /* as the session was told */
    char reason[128];
    char link_reason[128];
};

enum { VIEW_SCREEN, VIEW_HISTORY, VIEW_CONTROL };
/* Returns NULL when neither holder nor daemon can be reached. */
static struct view *view_open(struct client *client, const char *id, const char *computer,
                              unsigned what, const struct view_hooks *hooks, void *ctx);
/* Connects an ended view; its last screen stays meanwhile. Returns 0 or -1. */
static int view_reopen(struct view *v, struct client *client);
/* Returns a view of plain text. */
static struct view *view_of_text(const char *id, span text, int cols, int rows);
static int view_is_open(const struct view *v);     /* or opening */
/* Sends what was typed, calls no hook any more. NULL is fine. */
static void view_close(struct view *v);
static void view_discard(struct view *v);          /* only at the program's end */
static void view_send(struct view *v, span input);
static size_t view_pending(const struct view *v);  /* bytes not sent yet */
static void view_resize(struct view *v, int cols, int rows); /* asks for that size */
static void view_set_colours(struct view *v, const struct vt_colours *colours);
static void view_scroll(struct view *v, int lines); /* positive: back */
static void view_pan(struct view *v, int rows, int cols);
/* A larger screen is cropped around its cursor. `cursor`: shows the session's; else lines are shown
 * from their beginnings. */
static void view_draw(struct view *v, struct grid *g, int row, int col, int rows, int cols,
                      int cursor);
/* Appends what sets the program's input modes on the terminal. */
static void view_put_modes(struct view *v, buf *b);
/* Appends the program's new bell, notification and, if allowed, clipboard. */
static void view_put_signals(struct view *v, int clipboard, long long now, buf *b);
/* Appends what sets the UI's own modes again. */
static void view_put_modes_back(struct view *v, buf *b);
/* Appends a key in the program's form; a sequence that is no key as it came. newline: see struct
 * keyboard. */
static void view_put_key(const struct view *v, const struct term_event *ev, const char *newline,
                         buf *b);
/* Appends a mouse event in the program's form; nothing outside of its screen. */
static void view_put_mouse(struct view *v, const struct term_event *ev, buf *b);
/* A drag selects; its release appends the text. Returns 1 when the selection has changed. */
static int view_select(struct view *v, const struct term_event *ev, buf *text);
static void view_set_terminal(struct view *v, int mouse, enum term_keys keyboards);
/* The terminal has the UI's modes now. */
static void view_reset_modes(struct view *v);

/* ==== rows ==================================================================================== */

struct rows_list {
    int row, col, rows, cols;
    int at, top;            /* row; first line */
    enum rows_details {     /* of those not selected */
        ROWS_BRIEF,
        ROWS_ASKED,         /* what they wait for */
        ROWS_FULL           /* also their last input and output */
    } details;
    int unfocused;
    long long now;          /* wall clock, ms: for ages */
};

/* Places that can be clicked. Rows, tabs and panes have an index. */
enum rows_hit {
    ROWS_ROW = WIDGET_OWN, ROWS_TAB, ROWS_PREVIEW, ROWS_WAITING, ROWS_DETACH, ROWS_PANE
};

#define ROWS_TABS 2
#define ROWS_LENGTHS 3

struct rows_header {
    const char *tabs[ROWS_TABS];
    int tab;                /* index of the shown one */
    const char *crumb;      /* computer in focus, or NULL */
    const char *push[ROWS_LENGTHS]; /* longest first; or NULL */
    enum theme_name push_style;
    long long now;          /* wall clock, ms */
};

static void rows_tree(struct widgets *u, const struct tree *t, struct rows_list *l);
static void rows_todos(struct widgets *u, const struct todos *todos, struct rows_list *l);
static int rows_tree_lines(const struct tree *t, const struct rows_list *l);
static int rows_tree_line(const struct tree *t, const struct rows_list *l, int index);
static int rows_tree_row(const struct tree *t, const struct rows_list *l, int line);
static void rows_header(struct widgets *u, const struct tree *t, const struct rows_header *h);
struct rows_facts {
    const char *note;       /* at the end of its last line; or NULL */
    const char *changes;    /* behind the branch; or NULL */
    int with_source;        /* tells how the state is known */
    int titled;             /* also on a single line */
    long long now;          /* wall clock, ms */
};
/* Draws the state in words; with two lines before it title and place. */
static void rows_headline(struct widgets *u, int row, int col, int cols, int lines,
                          const struct tree_session *s, const struct rows_facts *facts);
/* Returns its columns. */
static int rows_put_glyph(struct widgets *u, int row, int col, const struct tree_session *s);
static struct cell_style rows_style(const struct widgets *u, enum theme_name name);
/* Appends the path with ~ for the home directory. Returns the text. */
static const char *rows_path(const char *path, buf *b);
static int rows_is_installed(const struct tree_agent *a);
/* Appends why or for how long an agent can't be started: "not installed", "42m". */
static void rows_put_agent_note(const struct tree_agent *a, long long now, buf *b);

/* ==== app ===================================================================================== */

#define PANES_MAX 3         /* beside the preview */
#define APP_HISTORY_MAX 20
#define APP_ENDED_MAX 8     /* the oldest one is dropped */
#ifndef APP_UNDO_S
#define APP_UNDO_S 10
#endif
#define APP_LINE_MAX 1000   /* bytes; longer ones are not saved */

/* The part that gets the keys. Bits: the key table's contexts. */
enum app_mode {
    APP_SESSIONS = 1,
    APP_TODOS = 2,
    APP_FILTER = 4,
    APP_JUMP = 8,
    APP_HELP = 16,
    APP_TOASTS = 32,
    APP_CONFIRM = 64,
    APP_NEW = 128,
    APP_MESSAGE = 256,
    APP_RENAME = 512,
    APP_PAGER = 1024,
    APP_ATTACHED = 2048,    /* keys go to the session */
    APP_PREFIX = 4096,      /* after the prefix */
    APP_FORCE = 8192,       /* type a refused message all the same? */
    APP_ANSWER = 16384,
    APP_KEYS = 32768,
    APP_READING = 65536     /* the pager over an attached session */
};
#define APP_LISTS (APP_SESSIONS | APP_TODOS)
#define APP_SCREENS (APP_ATTACHED | APP_PREFIX | APP_READING)
#define APP_PAGERS (APP_PAGER | APP_READING)
#define APP_FORMS (APP_NEW | APP_MESSAGE | APP_RENAME | APP_KEYS)
#define APP_QUESTIONS (APP_CONFIRM | APP_FORCE)
#define APP_DIALOGS (APP_FORMS | APP_QUESTIONS | APP_ANSWER)

struct app_view {
    struct rows_list list;
    char *selected;         /* the row's key */
    char *wanted;           /* a row to select when it comes; or NULL */
    struct field filter;
};

struct app_ended {
    char *id, *title, *computer; /* id: of several sessions the body of their undo, "{…}" */
    long long until;        /* loop clock; 0: the daemon has not replied yet */
    char *after;            /* said then; or NULL */
};

struct app {
    const struct config *config;
    enum app_mode mode, shown;
    struct view *view;        /* preview or attached; or NULL */
    struct {
        struct names ids;     /* sessions that a dialog or an act is about */
        const char *act;
        int pending, sent, failed;
        char *why;            /* of the first that failed */
    } many;
    struct widget_menu menu;
    int agent_count;
    int ended_count;
    struct loop loop;
    struct client client;
    struct tree tree;
    struct todos todos;
    struct theme theme;
    enum theme_ground ground;
    int unfocused;
    char called[132];
    long long called_at;       /* loop clock; 0 none */
    struct loop_timer call_timer;
    struct grid grid;
    struct widgets ui;
    struct keymap_keys keys;
    struct widget_toasts toasts;
    struct keymap_help help;
    struct widget_form form;
    char *form_title;
    struct widget_confirm confirm;
    void (*confirmed)(struct app *t);
    char *asked;              /* the menu's question, or why a message was refused */
    struct {
        struct vcs vcs;
        char id[132];         /* the session whose changes were counted last … */
        long long since;      /* … in the state that it has since then */
        char text[32];        /* "+12 −3", or "" */
        long long keys_typed; /* when they were to be read */
        char *place;          /* of the worktree that is being made; or NULL */
        long long opening;    /* the dialog that waits for it; 0: none is being made */
        struct loop_timer timer;
    } changes;
    struct pager pager;
    long long reading;         /* keys_typed when the view's text was wanted */
    char read[132];            /* the session that the pager shows */
    int grown;                 /* the view has changed since */
    struct term_input input;
    struct conn terminal;
    long long opening;         /* of dialogs, counted */
    long long keys_typed;      /* keys and pastes, counted */
    struct vt_colours colours; /* as far as known */
    struct pace pace;
    const char *left_by;       /* the last prefix typed; or NULL */
    long long asked_at;        /* loop clock: term_queries */
    long long escaped_at;      /* loop clock, for prefix2 */
    enum term_keys keyboards;
    char notice[48];           /* below an attached session */
    int brackets, paste_cut;   /* of the paste in progress */
    size_t held;               /* bytes not sent: the terminal is not read */
    int find_hit;             /* select a row that matches */
    char jump[16];
    int fetched;
    int chosen;               /* replies with sessions: the first one selects */
    char *draft, *draft_to;   /* an unsent message, or NULL; the session */
    char *target, *target_computer; /* a dialog's */
    char *start_directory, *start_agent, *start_title, *start_message; /* dialog_start's */
    const char *offered;      /* whose hooks the form offers; one of agents */
    char previewed[132];      /* the last one fetched … */
    int previewed_exited;     /* … had exited */
    struct view *panes[PANES_MAX];
    int pane_count;            /* wanted */
    int reopen_ms;
    int no_preview;
    int details;
    int has_preview;
    int list_cols, list_bottom; /* where the preview begins */
    const char *attach_only;  /* telec attach ID; or NULL */
    int read_only;
    const char *attach_computer; /* or NULL */
    int attach_failed;
    long long events;
    long long frame_due;      /* loop clock: no frame before this … */
    int echoes;               /* … but this many for echoes of typed keys … */
    long long echo_until;     /* … until then */
    int stale;
    int quit;                 /* 1 or a signal */
    int unsaved;
    /* a program that has the terminal */
    struct loop_child program;
    char **program_argv;      /* starts after the last frame; or NULL */
    int program_runs;         /* or the shell has it, while we are stopped: … */
    int suspended;            /* … this, too */
    int unstoppable;          /* SIGTSTP was ignored: no job control */
    void (*program_done)(struct app *t, int status, const char *error);
    char *clicked;            /* the last one's key */
    long long clicked_at;
    int built, drawn;         /* builds of the rows; that at the last frame */
    buf title;                /* as last set */
    buf frame;                /* bytes of the next frame */
    struct loop_timer frame_timer, escape_timer, ages_timer, second_timer, toast_timer,
        preview_timer, rest_timer, save_timer,
        stuck_timer,
        pause_timer; /* while set, keys are dropped: see app_pause_keys */
    struct loop_task draw_task, input_task;
    struct config again;       /* what r has read */
    struct app_view views[2];
    /* why a choice is not possible */
    char *agents[TREE_AGENTS_MAX], *notes[TREE_AGENTS_MAX];
    struct names computers;
    struct names prompts, commands; /* texts typed before, the newest last */
    struct app_ended ended[APP_ENDED_MAX]; /* the newest last */
};

struct app_request {
    struct app *app;
    void (*on_reply)(struct app *t, struct json answer, struct app_request *request);
    long long events;         /* app's, when sent */
    enum app_mode dialog;     /* that waits for it; 0: none */
    long long opening, keys_typed, at; /* when sent */
    char *about;              /* a session's id; or NULL */
    /* Called with an error; returns 1 when that needs no message. Or NULL. */
    int (*on_error)(struct app *t, const char *why, struct app_request *request);
};

/* Marks the screen as out of date; draws a frame as soon as one is due. */
static void app_changed(struct app *t);
static void app_count_frame(struct app *t);
static void app_expect_echo(struct app *t);        /* a key was sent to a session */
static void app_on_toast_over(void *ctx);
static void app_say(struct app *t, int alarm, const char *text); /* alarm: an error */
/* Tells the configuration's problems, and `more`. */
static void app_say_problems(struct app *t, const buf *more);
static void app_set_theme(struct app *t, buf *problems); /* for the terminal's ground */
static void app_set_mode(struct app *t, enum app_mode mode);
/* Drops keys until none comes for APP_PAUSE_MS: they were meant for the mode before. */
static void app_pause_keys(struct app *t);
static int app_drops(struct app *t, const struct term_event *ev);
/* Ended sessions have an index in t->ended; -1: none. */
static void app_add_ended(struct app *t, const char *id, const char *title, const char *computer);
static void app_remove_ended(struct app *t, int at); /* -1 is fine */
static void app_finish_ended(struct app *t, int at); /* the same; says what is to be said after */
static void app_expire_ended(struct app *t);
static int app_find_ended(const struct app *t, const char *id);
static int app_last_ended(const struct app *t);    /* the newest one that has time left */
static void app_set(char **place, const char *value); /* replaces by a copy; NULL is fine */
static struct app_view *app_view(struct app *t);
static const struct filter *app_filter(const struct app *t); /* the shown view's */
static void app_show(struct app *t, enum app_mode view);
static int app_rows(const struct app *t);
static void app_select(struct app *t, int at);     /* limited to the rows */
/* Builds stale rows. The selection stays on its row, or near. */
static void app_settle(struct app *t);
/* The selected row, its session; NULL: none. Valid until the next event or reply. */
static struct tree_row *app_row(struct app *t);
static struct tree_session *app_session(struct app *t);
static const struct todos_row *app_todos_row(struct app *t);
/* An error goes into the dialog, or becomes a message. The result is freed after the reply. */
static struct app_request *app_request(
    struct app *t, const char *method, const char *target, span body, enum app_mode dialog,
    void (*on_reply)(struct app *t, struct json answer, struct app_request *request));
/* 1 if its dialog is still open */
static int app_is_open(const struct app_request *request);
/* Pauses keys if the reply is late, or the user types. */
static void app_pause_if_late(const struct app_request *request);
/* Refuses for an on_reply that cannot use the reply. */
static void app_refuse(struct app_request *request, const char *why);
static void app_fetch_sessions(struct app *t);
static void app_fetch_rest(struct app *t);
static void app_fetch(struct app *t);
static int app_is_foreign(const struct app *t);
/* STATE/ui.json: saved APP_SAVE_MS after a change, and at the end. */
static void app_state_changed(struct app *t);
static void app_save(void *ctx);
static void app_load(struct app *t);
static void app_add_line(struct app *t, struct names *history, const char *line);
/* Copies by OSC 52; where the terminal or the size forbids that, to a file. *what tells. */
static void app_copy(struct app *t, span text, char *what, size_t size);
/* Gives the terminal to a program. argv is one block and is freed. done gets waitpid's status, or
 * an error. */
static void app_run(struct app *t, char **argv,
                    void (*done)(struct app *t, int status, const char *error));
static void app_run_now(struct app *t);
static void app_resize(struct app *t);
static int app_wants_mouse(const struct app *t);
static int app_wants_title(const struct app *t);
/* whole: stops the job, as Ctrl-Z does. */
static void app_suspend(struct app *t, int whole);
static void app_resume(struct app *t);
static void app_free(struct app *t);

/* ==== attention =============================================================================== */

/* After an event: calls if a session not on the screen needs its user. */
static void attention_follow(struct app *t);
static void attention_call(void *ctx);

/* ==== changes ================================================================================= */

static void changes_init(struct app *t);
static void changes_follow(struct app *t);         /* before a frame: counts again when idle */
static const char *changes_of(const struct app *t, const struct tree_session *s); /* "+12 −3" */
static void changes_show(struct app *t);           /* the selected session's, in the pager */
/* Appends a line that says how the worktree of a session that ends is removed. */
static void changes_put_worktree(const struct app *t, const struct tree_session *s, buf *lines);

/* ==== many ==================================================================================== */

static int many_marked(const struct app *t);
static void many_mark(struct app *t);              /* or unmarks */
static void many_mark_all(struct app *t);          /* all shown; if all are, none */
static void many_unmark(struct app *t);
/* Sets t->many to the marked sessions, else to the selected one or, below 1, those below the
 * selected row. Returns their number. */
static int many_collect(struct app *t, int below);
static int many_collect_exited(struct app *t);     /* of those shown */
static void many_keep(struct app *t, int exited);  /* drops the others */
static struct tree_session *many_first(const struct app *t); /* or NULL */
static void many_clear(struct app *t);
static void many_add(struct app *t, const struct tree_session *s);
/* Appends how many run, how many have exited. */
static void many_put_count(const struct app *t, buf *b);
static void many_end(struct app *t);               /* with one undo */
/* Sends to each; reports once: "ACT: 3 of 4; why". */
static void many_post(struct app *t, const char *tail, span body, const char *act);

/* ==== dialog ================================================================================== */

/* Opens it for the selected row. */
static void dialog_new(struct app *t);
static void dialog_message(struct app *t);
static void dialog_choose(struct app *t);
static void dialog_rename(struct app *t);
/* Ends after a question; dismisses exited ones at once. */
static void dialog_end(struct app *t);
static void dialog_dismiss(struct app *t);
static void dialog_restart(struct app *t);
static void dialog_keys(struct app *t);
static void dialog_undo(struct app *t);
static int dialog_event(struct app *t, const struct term_event *ev);
static void dialog_run(struct app *t, enum widget_command command);
/* Installs the agent's missing hooks, or (wanted 0) never offers that again. */
static void dialog_hooks(struct app *t, int wanted);
static void dialog_draw(struct app *t);
static void dialog_close(struct app *t);
/* Asks first: for the todos. */
static void dialog_start(struct app *t, const char *computer, const char *directory,
                         const char *title, const char *message);

/* ==== attach ================================================================================== */

static void attach_begin(struct app *t, const char *id);
/* Ends the UI if telec was called to attach only. why: of an end without a key, or NULL. */
static void attach_end(struct app *t, const char *why);
static void attach_end_unasked(struct app *t);     /* without a key */
/* 1 if only another program can attach: tmux, or [peers] attach */
static int attach_needs_program(const struct app *t, const struct tree_session *s);
/* Appends which other computer types into it. */
static void attach_put_controller(const struct app *t, buf *b);
static void attach_follow(struct app *t);
static void attach_on_preview(void *ctx);
static void attach_on_live(struct app *t);         /* opens lost views again */
static void attach_on_pause_over(void *ctx);
static void attach_on_stuck(void *ctx);
/* Returns 1. */
static int attach_event(struct app *t, const struct term_event *ev);
static void attach_send_prefix(struct app *t);
/* positive: back. A preview fetches its scrollback first. */
static void attach_scroll(struct app *t, int lines);
/* Returns the view once its scrollback has come; NULL: not yet, or, with *never, there is none. */
static struct view *attach_history(struct app *t, int *never);
static void attach_last(struct app *t);            /* to the one before */
static void attach_note(const struct config *c, const char *id); /* attached to now */
/* Appends the id of the session attached to last (0), of the one before (1), or nothing. */
static void attach_put_noted(const struct config *c, int line, buf *id);
static void attach_pan(struct app *t, int down, int right); /* -1, 0 or 1 */
/* Attaches to another session from a session. */
static void attach_switch(struct app *t, const struct tree_session *s);
/* Goes to the next (1) or previous (-1) running session; else stays. */
static void attach_step(struct app *t, int step);

/* ==== reading ================================================================================= */

/* The attached or selected session's, its end first. */
static void reading_begin(struct app *t);
static void reading_follow(struct app *t);         /* before a frame */
static void reading_close(struct app *t);
static void reading_copy(struct app *t);
static void reading_edit(struct app *t);           /* a copy */
static void reading_toggle_follow(struct app *t);
static int reading_event(struct app *t, const struct term_event *ev);

/* ==== panes =================================================================================== */

static void panes_follow(struct app *t);           /* before a frame */
static void panes_cycle(struct app *t);            /* none, one, three */
static void panes_close(struct app *t, int from);  /* from that one on */

/* ==== layout ================================================================================== */

/* If the screen is stale and the terminal has taken the last frame. */
static void layout_frame(void *ctx);

/* ==== keys ==================================================================================== */

/* Problems go to *problems unless NULL. */
static void keys_bind(struct keymap_keys *keys, const struct config *config, buf *problems);
static void keys_put_table(buf *b);
/* Appends [keys] and [colours]; problems go to *problems. */
static void keys_put_config(const struct config *config, buf *b, buf *problems);
static void keys_open(void *ctx, int arg);
static void keys_next_waiting(void *ctx, int arg);
static void keys_scroll(struct app *t, int lines); /* positive: down */
/* Return 1 when consumed. */
static int keys_filter_event(struct app *t, const struct term_event *ev);
static int keys_jump_event(struct app *t, const struct term_event *ev);

/* ==== tui ===================================================================================== */

/* attach: the session to begin and end with, or NULL; computer: its, or NULL. Returns the exit
 * status; 1 with a message in *error if the terminal can't be used. */
static int tui_run(const struct config *config, int may_start, const char *attach,
                   const char *computer, int read_only, buf *error);

#endif
