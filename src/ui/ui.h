#ifndef TELEC_UI_H
#define TELEC_UI_H
#include "parts.h"

/* ==== view: a session's screen: connection, emulator, crop ==================================== */

#ifndef VIEW_FULL
#define VIEW_FULL (256 * 1024) /* bytes of input that are not sent: a paste waits */
#endif

struct view_hooks {
    void (*changed)(void *ctx);
    void (*ended)(void *ctx); /* the stream ended: view->reason says why; call view_close */
    void (*drained)(void *ctx); /* all input is sent; or NULL */
};

/* The terminal's input modes (set of enum vt_mode), cursor shape (DECSCUSR) and keyboard. */
struct view_terminal {
    unsigned modes;
    int shape, progress, kitty, other_keys;
};

/* A connection to a session's screen, and the emulator that it feeds. */
struct view {
    struct stream *stream;   /* from the holder, if that is on this computer; */
    struct client_ws ws;     /* else through the daemon */
    struct loop *loop;       /* NULL: a view of plain text */
    struct vt *vt;           /* NULL before the first bytes */
    char *id, *computer;     /* the session's; computer NULL: as the daemon knows it */
    const char *here;        /* this computer */
    buf held;                /* output of an update that has not ended */
    int torn;                /* the emulator shows half an update: it is not drawn */
    struct loop_timer sync_timer; /* until what is held is shown all the same */
    long long notify_at;     /* loop clock: no notification before */
    unsigned signals;        /* enum vt_signal, not handled yet; VT_SYNCED stays */
    int back;                /* lines scrolled back */
    int pan_rows, pan_cols;  /* how far the user has moved the crop from the cursor */
    buf typed;               /* input; sent at the end of the pass, or when connected */
    struct loop_task send_task;
    int pty;                 /* the session's pty, for writing keys directly; -1: none */
    int may_type;            /* the holder allows that: no other input is in flight */
    long long inputs;        /* FRAME_INPUTs sent */
    long long typed_at;      /* loop clock: the last write to the pty */
    int looked;              /* what was written since the last notice answers nothing */
    struct loop_timer notice_timer; /* until FRAME_TYPED reports such a write to the holder */
    int want_cols, want_rows; /* the size to ask for; 0: none */
    struct view_terminal terminal; /* the terminal, as view_put_modes set it last */
    unsigned widget_modes;   /* the modes of the UI itself */
    int wheel;               /* the mouse scrolls and selects if the program does not use it */
    enum term_keys keyboards; /* what the terminal's keyboard can */
    int top, left, shown_rows; /* of the last drawing: the crop, scrolling back included */
    int pressed;             /* a button was pressed inside of the screen */
    int selecting, from_row, from_col, to_row, to_col; /* rows as in vt_row */
    struct vt_colours colours; /* the terminal's, as the session was told */
    char reason[128];        /* why the stream has ended */
    int control, history;    /* with input, with scrollback */
    int listed;              /* its session was among the daemon's sessions */
    int lost;                /* the connection to the daemon broke: the session may live */
    int unlinked;            /* the daemon's link to the session's computer is lost … */
    char link_reason[128];   /* … that is why */
    long long unsent;        /* bytes of input since then that were not typed, or perhaps not */
    const struct view_hooks *hooks; /* NULL when closed */
    void *ctx;
};

/* A session's screen, with its scrollback, with both and input. */
enum { VIEW_SCREEN, VIEW_HISTORY, VIEW_CONTROL };
/* Opens the screen of session `id` of that computer, or NULL. Returns NULL when neither holder nor
 * daemon can be reached. */
static struct view *view_open(struct client *client, const char *id, const char *computer,
                              unsigned what, const struct view_hooks *hooks, void *ctx);
/* Connects an ended view again; its last screen stays meanwhile. Input that comes before is not
 * typed. Returns 0 or -1. */
static int view_reopen(struct view *v, struct client *client);
/* Returns a view of plain text: the transcript of an exited session. */
static struct view *view_of_text(const char *id, span text, int cols, int rows);
static int view_is_open(const struct view *v);     /* the connection is open or opening */
/* Calls no hook any more, sends what was typed, then frees the view. NULL is fine. */
static void view_close(struct view *v);
static void view_abandon(struct view *v);          /* frees at once; only at the program's end */
static void view_send(struct view *v, span input); /* input for the program */
static size_t view_pending(const struct view *v);  /* bytes of it that are not sent yet */
static void view_resize(struct view *v, int cols, int rows); /* asks for that size */
static void view_set_colours(struct view *v, const struct vt_colours *colours);
static void view_scroll(struct view *v, int lines); /* positive: back */
static void view_pan(struct view *v, int rows, int cols); /* moves the crop of a larger screen */
/* Draws into the rectangle; a larger screen is cropped around its cursor. With `cursor`, places the
 * terminal's cursor on the session's. */
static void view_draw(struct view *v, struct grid *g, int row, int col, int rows, int cols,
                      int cursor);
/* Appends the sequences that set the program's input modes on the terminal. */
static void view_put_modes(struct view *v, buf *b);
/* Appends what the program has told since the last call: bell, notification, and, if it may, the
 * clipboard. */
static void view_put_signals(struct view *v, int clipboard, long long now, buf *b);
/* Appends the sequences that set the UI's own modes again. */
static void view_put_modes_back(struct view *v, buf *b);
/* Appends a key for the program, in the form that it has asked for. newline: see struct keyboard.
 * A sequence that is no key goes through as it came. A key that nobody typed has no text. */
static void view_put_key(const struct view *v, const struct term_event *ev, const char *newline,
                         buf *b);
/* Appends a mouse event for the program: at its place in a larger screen, in the program's form;
 * nothing outside of the screen. */
static void view_put_mouse(struct view *v, const struct term_event *ev, buf *b);
/* Selects text by a drag of the left button. Appends the selected text at the release. Returns 1
 * when the selection has changed. */
static int view_select(struct view *v, const struct term_event *ev, buf *text);
/* Does the UI use the mouse, and what can the terminal's keyboard? */
static void view_set_terminal(struct view *v, int mouse, enum term_keys keyboards);
/* The terminal was set to the UI's modes: view_put_modes starts from those. */
static void view_forget_modes(struct view *v);

/* ==== rows: drawing rows and the header ======================================================= */

/* A list's place on the screen, and its scrolling. */
struct rows_list {
    int row, col, rows, cols;
    int at, top;            /* selected row; first line shown */
    enum rows_details {     /* of sessions that are not selected */
        ROWS_BRIEF,         /* none */
        ROWS_ASKED,         /* what they wait for */
        ROWS_FULL           /* also their last input and output */
    } details;
    int unfocused;          /* the terminal has no focus */
    long long now;          /* wall clock, ms: for ages */
};

/* Places that can be clicked: a row (index: in the tree or todos), a tab (index), the preview, the
 * count of waiting sessions, an attached session's "Ctrl-] d", a pane (index). */
enum rows_hit {
    ROWS_ROW = WIDGET_OWN, ROWS_TAB, ROWS_PREVIEW, ROWS_WAITING, ROWS_DETACH, ROWS_PANE
};

#define ROWS_TABS 2
#define ROWS_LENGTHS 3      /* forms of the connection's state */

struct rows_header {
    const char *tabs[ROWS_TABS];
    int tab;                /* the shown one */
    const char *crumb;      /* computer in focus, or NULL */
    const char *push[ROWS_LENGTHS]; /* the connection's state: long, short, shortest; or NULL */
    enum theme_name push_style;
    long long now;          /* wall clock, ms */
};

/* Draws the visible rows, scrolled so that the selected row is among them. */
static void rows_tree(struct widgets *u, const struct tree *t, struct rows_list *l);
static void rows_todos(struct widgets *u, const struct todos *todos, struct rows_list *l);
static int rows_tree_lines(const struct tree *t, const struct rows_list *l); /* of all rows */
/* Returns the first line of a row, counted from the list's start. */
static int rows_tree_line(const struct tree *t, const struct rows_list *l, int index);
/* Returns the row on a line counted from the list's start. */
static int rows_tree_row(const struct tree *t, const struct rows_list *l, int line);
/* Draws the screen's first line: name, tabs, computer in focus, agents, connection. */
static void rows_header(struct widgets *u, const struct tree *t, const struct rows_header *h);
/* What a headline tells besides the session. */
struct rows_facts {
    const char *note;       /* at the end of its last line; or NULL */
    const char *changes;    /* behind the branch; or NULL */
    int with_source;        /* tells how the state is known */
    long long now;          /* wall clock, ms */
};
/* Draws the preview's headline: the state in words; with two lines before it title and place. */
static void rows_headline(struct widgets *u, int row, int col, int cols, int lines,
                          const struct tree_session *s, const struct rows_facts *facts);
/* Draws the state's shape; returns its columns. */
static int rows_put_glyph(struct widgets *u, int row, int col, const struct tree_session *s);
static struct cell_style rows_style(const struct widgets *u, enum theme_name name);
static int rows_is_installed(const struct tree_agent *a);
/* Appends why an agent can't be started, or for how long: "not installed", "42m"; nothing if it
 * can. now: wall clock, ms. */
static void rows_put_agent_note(const struct tree_agent *a, long long now, buf *b);

/* ==== app: state, selection, requests, what survives a restart ================================ */

#define PANES_MAX 3         /* screens beside the preview */
#define APP_PROMPTS_MAX 20
#define APP_ENDED_MAX 8     /* ends that can be undone; the oldest one is dropped */
#ifndef APP_UNDO_S
#define APP_UNDO_S 10       /* so long an end can be undone */
#endif
#define APP_PROMPT_MAX 1000 /* bytes; a longer prompt is not saved */

/* What gets the keys. Bits: the key table's contexts. */
enum app_mode {
    APP_SESSIONS = 1,       /* the two views */
    APP_TODOS = 2,
    APP_FILTER = 4,         /* overlays: the filter is typed */
    APP_JUMP = 8,           /* a session's number is typed */
    APP_HELP = 16,
    APP_TOASTS = 32,        /* the last messages */
    APP_CONFIRM = 64,
    APP_NEW = 128,
    APP_MESSAGE = 256,
    APP_RENAME = 512,
    APP_PAGER = 1024,
    APP_ATTACHED = 2048,    /* keys go to the session */
    APP_PREFIX = 4096,      /* but the one after the prefix */
    APP_FORCE = 8192,       /* a refused message: type it all the same? */
    APP_ANSWER = 16384,     /* the choices on a waiting session's screen */
    APP_KEYS = 32768,       /* a key for a session is chosen */
    APP_READING = 65536     /* the pager over an attached session */
};
#define APP_LISTS (APP_SESSIONS | APP_TODOS)
#define APP_SCREENS (APP_ATTACHED | APP_PREFIX | APP_READING)
#define APP_PAGERS (APP_PAGER | APP_READING)
#define APP_FORMS (APP_NEW | APP_MESSAGE | APP_RENAME | APP_KEYS)
#define APP_QUESTIONS (APP_CONFIRM | APP_FORCE)
#define APP_DIALOGS (APP_FORMS | APP_QUESTIONS | APP_ANSWER)

/* One of the two views. */
struct app_view {
    struct rows_list list;
    char *selected;         /* key of the selected row */
    char *wanted;           /* key of a row to select when it comes, as a new session's; or NULL */
};

/* A session that this UI ended; the end can be undone. */
struct app_ended {
    char *id, *title, *computer; /* id: of several sessions the body of their undo, "{…}" */
    long long until;        /* loop clock; 0: the daemon has not replied yet */
    char *after;            /* lines to be said then; or NULL */
};

struct app {
    const struct config *config;
    struct config again;       /* config, when r has read the file again */
    struct loop loop;
    struct client client;
    struct tree tree;
    struct todos todos;
    struct theme theme;
    enum theme_ground ground;
    int unfocused;             /* the terminal has no focus */
    char called[132];          /* the session to which attention_call calls the user */
    long long called_at;       /* loop clock: the last call; 0 none */
    struct loop_timer call_timer;
    struct grid grid;
    struct widgets ui;
    struct keymap_keys keys;
    struct widget_toasts toasts;
    struct keymap_help help;
    struct widget_form form;
    char *form_title;          /* a title that names a session */
    struct widget_confirm confirm;
    struct widget_menu menu;
    void (*confirmed)(struct app *t); /* after the confirmation's yes */
    struct {
        char **ids;           /* sessions that a dialog or an act is about */
        int count;
        const char *act;      /* of the requests without a reply yet */
        int pending, sent, failed;
        char *why;            /* why the first one failed */
    } many;
    char *asked;              /* what the menu's session asked, or why a message was refused */
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
    long long reading;         /* keys_typed: the pager is to show the view's text, when that comes */
    char read[132];            /* id of the session whose text the pager shows */
    int grown;                 /* the view has changed since the pager has shown its text */
    struct term_input input;
    struct conn terminal;
    enum app_mode mode, shown; /* shown: APP_SESSIONS or APP_TODOS */
    long long opening;         /* dialogs opened so far: which one is open */
    long long keys_typed;      /* keys and pastes so far */
    struct vt_colours colours; /* the terminal's, as far as it has told */
    struct pace pace;
    const char *left_by;       /* the prefix that was typed last; NULL: none */
    long long asked_at;        /* loop clock: term_queries were sent */
    long long escaped_at;      /* loop clock: Esc was typed, for prefix2 */
    enum term_keys keyboards;  /* what the terminal's keyboard can, as far as it has told */
    char notice[48];           /* below an attached session, until the next event; or "" */
    int brackets, paste_cut;   /* the paste under way: between marks; the rest is dropped */
    size_t held;               /* > 0: the terminal is not read, as so much input is not sent */
    struct app_view views[2];  /* in that order */
    struct field filter;
    int find_hit;             /* the filter has changed: select a row that matches */
    char jump[16];            /* the number typed so far */
    int fetched;              /* the sessions are known */
    char *draft;              /* of a message that was not sent; or NULL */
    char *target, *target_computer; /* a dialog's session and computer */
    /* the form's choices, and notes why one is not possible */
    char *agents[TREE_AGENTS_MAX], *notes[TREE_AGENTS_MAX], **computers;
    int agent_count, computer_count;
    const char *offered;      /* the agent whose hooks the form offers or could; one of agents */
    char *prompts[APP_PROMPTS_MAX]; /* earlier ones, the newest last */
    int prompt_count;
    struct app_ended ended[APP_ENDED_MAX]; /* the newest last */
    int ended_count;
    char previewed[132];      /* id of the session whose preview was fetched last */
    struct view *view;        /* the preview, or the attached session's screen; or NULL */
    struct view *panes[PANES_MAX]; /* see panes.c; NULL: none */
    int pane_count;            /* as many are wanted */
    int reopen_ms;            /* from the view's next loss to its opening again */
    int no_preview;           /* p has hidden it */
    int details;              /* i shows those of all sessions */
    int has_preview;          /* the layout has a place for it */
    int list_cols, list_bottom; /* the list's end, where the preview begins */
    const char *attach_only;  /* telec attach ID: the session; the UI ends with it. Or NULL */
    int read_only;            /* attached without input */
    const char *attach_computer; /* its computer, or NULL */
    int attach_failed;        /* its screen was never shown */
    long long events;         /* messages of /ws so far */
    long long frame_due;      /* loop clock: no frame before this … */
    int echoes;               /* … but this many for echoes of typed keys … */
    long long echo_until;     /* … until then */
    int stale;                /* the screen is out of date */
    int quit;                 /* 1, or the signal that ends the UI */
    int unsaved;              /* the saved state is out of date */
    /* a program that has the terminal */
    struct loop_child program;
    char **program_argv;      /* starts when the last frame is written; or NULL */
    int program_runs;         /* or the shell has it, while we are stopped: … */
    int suspended;            /* … this, too */
    int unstoppable;          /* SIGTSTP was ignored when we were started: no job control */
    void (*program_done)(struct app *t, int status, const char *error);
    char *clicked;            /* key of the row clicked last, for double clicks */
    long long clicked_at;     /* loop clock */
    int built, drawn;         /* number of builds of the rows; that number at the last frame */
    buf title;                /* the window's, as it was set last */
    buf frame;                /* bytes that go to the terminal with the next frame */
    struct loop_timer frame_timer, escape_timer, ages_timer, second_timer, toast_timer,
        preview_timer, rest_timer, save_timer,
        stuck_timer, /* while the terminal is held */
        pause_timer; /* while set, keys are dropped: see app_pause_keys */
    struct loop_task connect_task, blank_task, draw_task, input_task;
};

/* A REST request without reply yet. */
struct app_request {
    struct app *app;
    void (*on_reply)(struct app *t, struct json answer, struct app_request *request);
    long long events;         /* app.events when it was sent */
    enum app_mode dialog;     /* the dialog that waits for the reply; 0: none */
    long long opening, keys_typed, at; /* app's, and the loop's clock, when it was sent */
    char *about;              /* the id of a session; or NULL */
    /* Called with an error; returns 1 when that needs no message. Or NULL. */
    int (*on_error)(struct app *t, const char *why, struct app_request *request);
};

/* Marks the screen as out of date; draws a frame as soon as one is due. */
static void app_changed(struct app *t);
static void app_count_frame(struct app *t);        /* a frame is being drawn */
static void app_expect_echo(struct app *t);        /* a key was sent to a session */
static void app_on_toast_over(void *ctx);          /* toast_timer */
static void app_say(struct app *t, int alarm, const char *text); /* alarm: an error */
/* Makes a message of each problem of the configuration, and of those in `more`. */
static void app_say_problems(struct app *t, const buf *more);
static void app_set_theme(struct app *t, buf *problems); /* for the terminal's ground */
static void app_set_mode(struct app *t, enum app_mode mode);
/* The mode changes without a key: drops keys until none was typed for APP_PAUSE_MS. They were meant
 * for the mode before. */
static void app_pause_keys(struct app *t);
static int app_drops(struct app *t, const struct term_event *ev); /* 1: it is such a key */
/* Ends that can be undone, by index in t->ended; -1: none. */
static void app_add_ended(struct app *t, const char *id, const char *title, const char *computer);
static void app_remove_ended(struct app *t, int at); /* -1 is fine */
static void app_finish_ended(struct app *t, int at); /* the same; says what is to be said after */
static void app_expire_ended(struct app *t);
static int app_find_ended(const struct app *t, const char *id);
static int app_last_ended(const struct app *t);    /* the newest one that has time left */
static void app_set(char **place, const char *value); /* replaces by a copy; NULL is fine */
static struct app_view *app_view(struct app *t);   /* the shown one */
static void app_show(struct app *t, enum app_mode view); /* one of APP_LISTS */
static int app_rows(const struct app *t);          /* of the shown view */
static void app_select(struct app *t, int at);     /* `at` is limited to the rows */
/* Builds the rows if they are out of date. The selection stays on its row, or near its place. */
static void app_settle(struct app *t);
/* The selected row, its session, or the selected row of the todos; NULL: none. Valid until the next
 * event or reply. */
static struct tree_row *app_row(struct app *t);
static struct tree_session *app_session(struct app *t);
static const struct todos_row *app_todos_row(struct app *t);
/* Sends a request and calls on_reply with a good reply. An error goes into the dialog, or becomes a
 * message. The result is freed after the reply. */
static struct app_request *app_request(
    struct app *t, const char *method, const char *target, span body, enum app_mode dialog,
    void (*on_reply)(struct app *t, struct json answer, struct app_request *request));
/* Returns 1 if the dialog that sent the request is still open. */
static int app_is_open(const struct app_request *request);
/* A reply changes the mode: pauses keys if it comes late, or while the user types. */
static void app_pause_if_late(const struct app_request *request);
/* Reports an error of that request: for an on_reply that can't use the reply. */
static void app_refuse(struct app_request *request, const char *why);
/* Appends /sessions/ID, the tail, and ?computer=. */
static void app_put_target(buf *b, const char *id, const char *tail, const char *computer);
static void app_fetch_sessions(struct app *t);
static void app_fetch_rest(struct app *t);         /* computers, projects, agents */
static void app_fetch(struct app *t);              /* both */
static int app_is_foreign(const struct app *t);    /* the daemon is TeleClaude's */
/* The state that survives a restart, in STATE/ui.json: loaded at the start; saved APP_SAVE_MS after
 * a change, and at the end. */
static void app_state_changed(struct app *t);
static void app_save(void *ctx);                   /* save_timer; only if it has changed */
static void app_load(struct app *t);
static void app_add_prompt(struct app *t, const char *prompt);
/* Copies text to the clipboard (OSC 52); where the terminal or the text's size forbids that, to a
 * file. Writes what was done to why. */
static void app_copy(struct app *t, span text, char *what, size_t size);
/* Gives the terminal to a program until the program ends. argv is one block and is freed. Calls
 * done with waitpid's status, or with an error if the program can't be started. */
static void app_run(struct app *t, char **argv,
                    void (*done)(struct app *t, int status, const char *error));
static void app_run_now(struct app *t);            /* the terminal has taken the last frame */
static void app_resize(struct app *t);             /* asks the terminal for its size */
static int app_wants_mouse(const struct app *t);
static int app_wants_title(const struct app *t);
/* Stops telec, or with `whole` the whole job, as the terminal's own Ctrl-Z does. */
static void app_suspend(struct app *t, int whole);
static void app_resume(struct app *t);             /* SIGCONT: has the terminal again */
static void app_free(struct app *t);

/* ==== attention: calling the user ============================================================= */

/* After an event: calls the user if a session needs attention that is not on the screen. */
static void attention_follow(struct app *t);
static void attention_call(void *ctx);             /* call_timer */

/* ==== changes: what git says has changed in a session's directory ============================= */

static void changes_init(struct app *t);
static void changes_follow(struct app *t);         /* before a frame: counts again when idle */
static const char *changes_of(const struct app *t, const struct tree_session *s); /* "+12 −3" */
static void changes_show(struct app *t);           /* the selected session's, in the pager */
/* Appends a line that says how the worktree of a session that ends is removed. */
static void changes_put_worktree(const struct app *t, const struct tree_session *s, buf *lines);

/* ==== many: marks, and acts on several sessions ============================================== */

static int many_marked(const struct app *t);       /* how many */
static void many_mark(struct app *t);              /* or unmarks the selected session */
static void many_mark_all(struct app *t);          /* of those shown; if all are, none */
static void many_unmark(struct app *t);
/* Sets t->many to the marked sessions, else to the selected one; `below` is 1: or those below the
 * selected row. Returns their number. */
static int many_collect(struct app *t, int below);
static int many_collect_exited(struct app *t);     /* those shown that have exited */
static void many_keep(struct app *t, int exited);  /* drops those that have not, or have, exited */
static void many_clear(struct app *t);
/* Appends how many of them run and have exited. */
static void many_put_count(const struct app *t, buf *b);
static void many_end(struct app *t);               /* all, with one undo */
/* Sends the request to each, and reports once: "ACT: 3 of 4; why". */
static void many_post(struct app *t, const char *tail, span body, const char *act);

/* ==== dialog: starting, messaging, renaming, ending a session ================================= */

/* Each opens a dialog about the selected row. */
static void dialog_new(struct app *t);
static void dialog_message(struct app *t);
static void dialog_choose(struct app *t);          /* the answer to what the session asks */
static void dialog_rename(struct app *t);
/* Ends the marked sessions, the selected one or those below the selected row, after a question;
 * dismisses exited ones at once. */
static void dialog_end(struct app *t);
static void dialog_dismiss(struct app *t);         /* all that have exited */
static void dialog_restart(struct app *t);         /* those of them that have exited */
static void dialog_keys(struct app *t);
static void dialog_undo(struct app *t);            /* the last end */
static int dialog_event(struct app *t, const struct term_event *ev); /* 1: consumed */
static void dialog_run(struct app *t, enum widget_command command);
/* While the New dialog says that the agent has no hooks: installs them, or (wanted 0) never says it
 * again. */
static void dialog_hooks(struct app *t, int wanted);
static void dialog_draw(struct app *t);
static void dialog_close(struct app *t);
/* Starts a session without a dialog: for the todos. */
static void dialog_start(struct app *t, const char *computer, const char *directory,
                         const char *message);

/* ==== attach: a session's screen: the preview, or all of the terminal ========================= */

/* Attaches to a session; its view replaces the preview. */
static void attach_begin(struct app *t, const char *id);
/* Detaches; ends the UI if telec was called to attach only. why: what has ended the session's
 * screen without a key, or NULL. */
static void attach_end(struct app *t, const char *why);
static void attach_end_unasked(struct app *t);     /* the session's screen has ended without a key */
/* Returns 1 if only another program can attach: tmux, or what [peers] attach sets. */
static int attach_needs_program(const struct app *t, const struct tree_session *s);
/* Appends which other computer types into the attached session, if one does. */
static void attach_put_controller(const struct app *t, buf *b);
static void attach_follow(struct app *t);          /* keeps the preview on the selection */
static void attach_on_preview(void *ctx);          /* preview_timer */
static void attach_on_live(struct app *t);         /* the daemon is back: opens lost views again */
static void attach_on_pause_over(void *ctx);       /* pause_timer */
static void attach_on_stuck(void *ctx);            /* stuck_timer */
/* While attached: handles the prefix and scrolling back, sends all other input to the session.
 * Returns 1. */
static int attach_event(struct app *t, const struct term_event *ev);
static void attach_send_prefix(struct app *t);     /* sends the prefix itself to the session */
/* Scrolls the session's screen; positive: back. Of a preview, fetches the scrollback first. */
static void attach_scroll(struct app *t, int lines);
/* Returns the view of the attached or selected session once its scrollback has come; NULL: not yet,
 * or, with *never, there is none. */
static struct view *attach_history(struct app *t, int *never);
static void attach_last(struct app *t);            /* to the session attached to before */
static void attach_note(const struct config *c, const char *id); /* it is attached to now */
/* Appends the id of the session that was attached to before the last one, or nothing. */
static void attach_put_before(const struct config *c, buf *id);
static void attach_pan(struct app *t, int down, int right); /* each -1, 0 or 1 */
/* Attaches to the next (step 1) or previous (-1) running session of the tree; state: only to one in
 * that state, or NULL. Without one, stays. */
static void attach_step(struct app *t, int step, const char *state);

/* ==== reading: a session's text in the pager =================================================== */

/* Shows the text of the attached or selected session, its end first. */
static void reading_begin(struct app *t);
static void reading_follow(struct app *t);         /* before a frame: the text may have come, grown */
static void reading_close(struct app *t);
static void reading_copy(struct app *t);           /* the selection */
static void reading_edit(struct app *t);           /* a copy, in $EDITOR */
static void reading_toggle_follow(struct app *t);
static int reading_event(struct app *t, const struct term_event *ev); /* 1: consumed */

/* ==== panes: live screens beside the selected session's ====================================== */

static void panes_follow(struct app *t);           /* opens and closes them, before a frame */
static void panes_cycle(struct app *t);            /* none, one, three */
static void panes_close(struct app *t, int from);  /* those from that index on */

/* ==== layout: a frame: geometry and composition =============================================== */

/* Draws a frame and writes the changes, if the screen is out of date and the terminal has taken the
 * last frame. draw_task and frame_timer. */
static void layout_frame(void *ctx);

/* ==== keys: the key table's rows and actions ================================================== */

/* The effective table; problems with [keys] go to *problems unless NULL. */
static void keys_bind(struct keymap_keys *keys, const struct config *config, buf *problems);
static void keys_put_table(buf *b);                /* as text, for help and README */
/* Appends [keys] and [colours] of the effective configuration; problems go to *problems. */
static void keys_put_config(const struct config *config, buf *b, buf *problems);
static void keys_open(void *ctx, int arg);         /* Enter on the selected row */
static void keys_next_waiting(void *ctx, int arg); /* selects it */
static void keys_scroll(struct app *t, int lines); /* the list; positive: down */
/* Events while the filter or a number is typed. Return 1 when consumed. */
static int keys_filter_event(struct app *t, const struct term_event *ev);
static int keys_jump_event(struct app *t, const struct term_event *ev);

/* ==== tui: input, events, run ================================================================= */

/* Runs the UI until the user quits. attach: the session to begin and end with, or NULL; computer:
 * its, or NULL; read_only: without input. Returns the exit status; 1 with a message in *error if the terminal can't be used. */
static int tui_run(const struct config *config, int may_start, const char *attach,
                   const char *computer, int read_only, buf *error);

#endif
