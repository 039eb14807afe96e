#ifndef TELEC_UI_PARTS_H
#define TELEC_UI_PARTS_H
#include "../client/client.h"
#include "../work/work.h"

/* ==== filter ================================================================================== */

#define FILTER_WORDS_MAX 16 /* more are ignored */
#define FILTER_WORD_MAX 64  /* bytes */

struct filter_word {
    unsigned char text[FILTER_WORD_MAX], back[FILTER_WORD_MAX];
    int n, is_state;        /* "is:…" */
};

struct filter {
    int of_todos; /* is: means a todo's state */
    struct filter_word words[FILTER_WORDS_MAX];
    int count;
};

static void filter_set(struct filter *f, const char *text);
/* Returns the letters that complete the last word's is:, or NULL. */
static const char *filter_complete(const struct filter *f);
/* The possible states, when an is: names none; else NULL. */
static const char *filter_wrong(const struct filter *f);
/* Ignores ASCII case. text: or NULL. */
static int filter_has(const struct filter_word *w, const char *text);

/* ==== names =================================================================================== */

struct names {
    char **list;
    int count;
};

static int names_find(const struct names *n, const char *name); /* its index, or -1 */
static const char *names_first(const struct names *n); /* of computers: this one, or "local" */
static void names_add(struct names *n, char *name);    /* takes it over */
static void names_remove(struct names *n, int at);
static void names_free(struct names *n);
/* Adds a name to a sorted list, or removes it (in 0). Returns 1 when that changed it. */
static int names_set(struct names *n, const char *name, int in);
static int names_has(const struct names *n, const char *name);
static void names_sort(struct names *n);               /* and removes doubles */
/* Writes the list's end, at most NAMES_SAVED_MAX bytes; reads it, sorted. */
static void names_put(const struct names *n, const char *member, buf *b);
static void names_load(struct names *n, struct json array);

/* ==== tree ==================================================================================== */

#define TREE_DEPTH_MAX 32 /* deeper ones are shown there */
#define TREE_ENDED "ended" /* the name of its fold */
#define TREE_AGENTS_MAX CONFIG_AGENTS_MAX

/* A missing string is NULL; all are in one block. What stands before `parent` is the daemon's. */
struct tree_session {
    char *text;             /* the block */
    const char *id, *computer, *title, *directory, *agent, *command, *state, *asked;
    const char *waits_for;  /* "choice", "text", "password" */
    const char *choices;    /* a line each */
    const char *first_prompt; /* "pending", "delivered", "failed" */
    const char *program_title;
    const char *restart;    /* "resume", "fresh" */
    const char *branch;
    const char *controller; /* the computer that types */
    const char *holder_version;
    const char *mode, *last_input, *last_output, *initiator, *tmux, *source;
    long long activity, created, since; /* wall clock, ms; 0 unknown */
    long long exit_code;
    int has_exit_code;
    int ended;              /* of GET /sessions/ended */
    int unseen;             /* not viewed since it finished or asked */
    int input_is_newer;
    /* set by outline_build */
    struct tree_session *parent, *first_child, **last_child, *next;
    int number;             /* in its list, by age */
    int number_columns;     /* of its list's longest "1.12" */
    int row, project_row, computer_row; /* indices of rows; -1 not shown */
    int hit, kept;          /* the filter matches it; or a child */
    long long rank;         /* the lowest of it and its children */
    int mark;
    int marked;
    int told;
};

enum tree_kind { TREE_COMPUTER, TREE_PROJECT, TREE_SESSION };

struct tree_note {
    const char *text;       /* static, or NULL */
    char why[80];           /* more of it; or "" */
    int piped;              /* by telec reach */
    long long pulled_at;    /* wall clock, 0 none */
};

struct tree_row {
    enum tree_kind kind;
    int depth;
    const char *computer, *path, *name; /* path: of a project */
    const struct tree_note *note; /* or NULL */
    struct tree_session *session; /* NULL: a computer or a project */
    const struct tree_session *ended; /* the first of those, or NULL */
    /* "c:vm", "p:vm:/src", "s:ID"; constant */
    char *key;
    int folded, foldable;
    int sessions, working;
    int waiting;           /* below it */
    int line[2];            /* brief, full */
};

struct tree_project {
    char *computer, *path, *name;
};

struct tree_agent {
    char *name, *reason;    /* or NULL */
    int available;
    long long until;        /* wall clock, ms; 0 unknown */
};

enum tree_order { TREE_LISTED, TREE_WAITING, TREE_RECENT, TREE_ORDERS };

struct tree {
    struct tree_row *rows;
    struct names computers; /* this one first */
    struct tree_note *computer_notes;
    struct names folds;     /* sorted keys: folded rows, but the unfolded TREE_ENDED */
    struct tree_project *projects;
    int project_count;
    int dirty;
    char *focus;            /* or NULL */
    int agent_count;        /* 0: unknown */
    /* a directory of this computer that always has a row; or NULL */
    char *here;
    enum tree_order order;
    int row_count, row_cap;
    int lines[2];           /* brief, full */
    int hits;               /* sessions, and projects without one */
    struct cache sessions;  /* their places and ids */
    size_t cache_place;
    struct tree_agent agents[TREE_AGENTS_MAX];
    struct filter filter;
    /* id of the last session that began to wait, finished unseen or failed; the owner empties it */
    char news[132];
};

static void tree_set_sessions(struct tree *t, struct json array);
static int tree_add_ended(struct tree *t, struct json array); /* returns how many are new */
static void tree_set_computers(struct tree *t, struct json array);
static void tree_set_projects(struct tree *t, struct json array);
static void tree_set_agents(struct tree *t, struct json object);
static void tree_put_computer(struct tree *t, struct json object);
static void tree_on_session(struct tree *t, struct json data);
static void tree_on_removed(struct tree *t, struct json data);
static void tree_on_projects(struct tree *t, struct json data);
static void tree_on_computer_removed(struct tree *t, struct json data);
static void tree_set_folded(struct tree *t, const char *key, int folded);
static void tree_set_focus(struct tree *t, const char *computer); /* NULL: all */
static void tree_set_order(struct tree *t, enum tree_order order);
/* Keeps only matching rows and those above. A session matches when each word is in its
 * title, agent, directory, computer or last lines, in either case (ASCII). "is:STATE"
 * matches the state, "is:unseen" what was not viewed. NULL or "": all. Building rows then
 * costs O(bytes of all texts). */
static void tree_set_filter(struct tree *t, const char *text);
/* Brief: its own, and what it asks while it waits. Full: also the last input and output. */
static int tree_session_lines(const struct tree_session *s, int full);
struct tree_totals {
    int waiting, working, idle, failed;
};
static struct tree_totals tree_totals(const struct tree *t);
static int tree_is(const struct tree_session *s, const char *state);
static int tree_has_failed(const struct tree_session *s);
/* Versions like 0.1.0; 0 for another text. */
static int tree_is_older_version(const char *version);
static int tree_waits_for(const struct tree_session *s, const char *what);
/* Returns the title, else the program's, the last input, the command. */
static const char *tree_title(const struct tree_session *s);
/* Focus, order and folds, as members of an open object; loading ignores garbage. */
static void tree_put_state(const struct tree *t, buf *b);
static void tree_load_state(struct tree *t, struct json state);
static struct tree_session *tree_session(const struct tree *t, const char *id); /* or NULL */
/* Appends the agent, or the name of the program. */
static void tree_put_agent(const struct tree_session *s, buf *b);
static int tree_is_folded(const struct tree *t, const char *key);
static struct tree_session *tree_session_at(const struct tree *t, size_t place);
static int tree_matches(const struct tree *t, const struct tree_session *s);
static long long tree_rank(const struct tree *t, const struct tree_session *s);
static int tree_project_matches(const struct tree *t, const char *name, const char *path);
static void tree_count(struct tree *t, const struct tree_session *s, int sign);
static void tree_add_computer(struct tree *t, const char *name);
static void tree_free_projects(struct tree *t, const char *computer);
static void tree_free_agents(struct tree *t);

/* ==== outline ================================================================================= */

static void outline_init(struct tree *t, const char *computer, const char *here);
static void outline_free(struct tree *t);
static void outline_build(struct tree *t);
static int outline_find(const struct tree *t, const char *key); /* or -1 */
/* folded 0: unfolds all. */
static void outline_fold_all(struct tree *t, int folded);
/* Unfolds the rows above a session, builds the rows. Returns its row; -1: other things hide it. */
static int outline_show(struct tree *t, const struct tree_session *s);
/* Returns the next row after `from`, cyclic, of a waiting session, or -1. Unfolds the rows above
 * it, builds the rows. */
static int outline_next_waiting(struct tree *t, int from);
/* Looks in the project of row `from` first; or -1. */
static void outline_put_number(const struct tree_session *s, buf *b);
/* The project's path, the session's directory; of the ended sessions: the first one's. */
static const char *outline_path(const struct tree_row *row);
static int outline_find_number(const struct tree *t, int from, const char *number);
/* full 0: in brief rows. */
static int outline_row_at(const struct tree *t, int line, int full);

/* ==== todos =================================================================================== */

#define TODOS_DESCRIPTION_MAX 400 /* bytes */

enum todos_state { TODOS_PENDING, TODOS_READY, TODOS_IN_PROGRESS, TODOS_STATES };

/* A missing string is NULL. */
struct todos_todo {
    char *slug, *description;
    char *build, *review;     /* from state.json: "pending", "complete", "approved" … */
    enum todos_state state;
    int has_requirements, has_plan;
};

struct todos_project {
    char *computer, *path, *name, *description;
    struct todos_todo *todos;
    int todo_count;
    int known;
};

enum todos_kind { TODOS_COMPUTER, TODOS_PROJECT, TODOS_TODO, TODOS_FILE };

/* Until the next event or reply. */
struct todos_row {
    enum todos_kind kind;
    int depth;
    const char *computer;
    const struct todos_project *project;
    const struct todos_todo *todo;
    const char *file;
    const char *name;
    int present;
    /* "c:vm", "p:vm:/src", "t:vm:/src:slug", "f:vm:/src:slug:requirements.md"; constant */
    char *key;
    int folded, foldable;
    int projects, todos[TODOS_STATES];
};

struct todos {
    struct names computers;   /* this one first */
    struct todos_project *projects;
    int project_count;
    /* a directory of this computer that always has a row; or NULL */
    char *here;
    struct names folds;       /* sorted keys: folded projects and computers, unfolded todos */
    int hits;                 /* todos, and projects without one */
    struct todos_row *rows;
    int row_count, row_cap;
    int dirty;
    struct todos_project here_project;
    struct filter filter;     /* with one no project is folded */
};

static void todos_init(struct todos *p, const char *computer, const char *here);
static void todos_free(struct todos *p);
static void todos_set_filter(struct todos *p, const char *text);
static void todos_set_computers(struct todos *p, struct json array);
/* Replaces all, from GET /projects-with-todos. Projects without todos in it keep theirs. */
static void todos_set_projects(struct todos *p, struct json array);
static void todos_on_projects(struct todos *p, struct json data);
static void todos_on_todos(struct todos *p, struct json data);
static void todos_on_computer(struct todos *p, struct json data);
static void todos_on_computer_removed(struct todos *p, struct json data);
static void todos_build(struct todos *p);
static int todos_find(const struct todos *p, const char *key); /* or -1 */
static void todos_set_folded(struct todos *p, const char *key, int folded);
static void todos_fold_all(struct todos *p, int folded);

enum todos_action {
    TODOS_START,
    TODOS_PREPARE,
    TODOS_VIEW,
    TODOS_EDIT                 /* it may not exist yet */
};

/* Returns 0 with a static reason. */
static int todos_can(const struct todos *p, const struct todos_row *row, enum todos_action action,
                     const char **why);
/* Writes the first message of the session to start: [prepare] of the configuration. foreign: a
 * TeleClaude daemon's commands where nothing is set. */
static void todos_put_message(const struct todos_row *row, enum todos_action action,
                              const struct config *config, int foreign, buf *b);
/* Writes the path of a row's file; of a todo its requirements, or to view its implementation plan
 * when only that exists; of a project todos/roadmap.md. */
static void todos_put_file(const struct todos_row *row, enum todos_action action, buf *b);
/* Returns the argv of $VISUAL, $EDITOR or vi for that path, in one block to free. Makes
 * the path's directory and its parent. Returns NULL with a message when the editor or a
 * directory is missing. */
static char **todos_editor(const char *path, buf *error);

/* ==== models ================================================================================== */

static void models_event(struct tree *t, struct todos *p, span json); /* or NULL */

/* ==== term ==================================================================================== */

enum term_keycode {
    TERM_UP = 0x110000,
    TERM_DOWN,
    TERM_LEFT,
    TERM_RIGHT,
    TERM_HOME,
    TERM_END,
    TERM_PGUP,
    TERM_PGDN,
    TERM_INSERT,
    TERM_DELETE,
    TERM_F1,
    TERM_F2,
    TERM_F3,
    TERM_F4,
    TERM_F5,
    TERM_F6,
    TERM_F7,
    TERM_F8,
    TERM_F9,
    TERM_F10,
    TERM_F11,
    TERM_F12
};
/* Enter is '\r', Tab '\t', Escape 0x1b, Backspace 0x7f; Ctrl-A is 'a' with TERM_CTRL; Shift-Tab is
 * '\t' with TERM_SHIFT. */
enum term_mod { TERM_SHIFT = 1, TERM_ALT = 2, TERM_CTRL = 4 };

enum term_event_type {
    TERM_KEY,
    TERM_PASTE,      /* a piece: raw bytes, whole characters unless the paste has none */
    TERM_MOUSE,
    TERM_FOCUS_IN,
    TERM_FOCUS_OUT,
    TERM_COLOUR,     /* reply to OSC 10, 11 or 12 (mode): 0xrrggbb */
    TERM_THEME,      /* has changed (mode 2031): ask for colours */
    TERM_MODE,       /* reply to DECRQM: mode, and value 0…4 */
    TERM_KEYBOARD,   /* kitty's */
    TERM_STATUS,     /* reply to DSR 5 */
    TERM_POSITION,   /* reply to DSR 6: row and col */
    TERM_ANSWERED,   /* reply to DA1, the last of term_queries */
    TERM_UNKNOWN     /* another sequence: text holds it */
};

enum term_mouse {
    TERM_PRESS, TERM_RELEASE, TERM_DRAG, TERM_MOVE, TERM_WHEEL_UP, TERM_WHEEL_DOWN,
    TERM_OTHER /* the wheel sideways, more than three buttons */
};

struct term_event {
    enum term_event_type type;
    uint32_t key;            /* code point or enum term_keycode */
    unsigned mods;           /* set of enum term_mod */
    enum term_mouse mouse;
    int button, row, col;    /* button: 0 left, 1 middle, 2 right; row, col: from 0 */
    unsigned code;           /* as xterm tells it */
    uint32_t colour;
    int mode, value;
    int first, last;         /* the paste begins (an empty piece), ends */
    int stray;               /* TERM_UNKNOWN: a second end mark of a paste */
    int extended;            /* as CSI u or modifyOtherKeys */
    int released;            /* TERM_UNKNOWN: key and mods of a released key */
    span text;               /* valid until the input changes */
};

/* bytes; replies to OSC have 256 */
#define TERM_SEQUENCE_MAX 64

/* Starts as zeros. */
struct term_input {
    int dropping;            /* kind of an overlong sequence, or 0 */
    int pasting;
};

/* Decodes the next event of `in`, which starts where the last call's *used ended.
 *
 * DONE: *ev is the event, *used its bytes. MORE: *used bytes are consumed (0 unless an overlong
 * sequence is being dropped), and the rest begins a longer sequence; a lone ESC does. Never BAD:
 * garbage becomes TERM_UNKNOWN or U+FFFD keys.
 *
 * Call it with `flush` when the escape timeout is over: then an incomplete sequence becomes events
 * as it is, and a paste has ended, so that one without an end mark does not last for ever. A lone
 * ESC is the Escape key, ESC x is Alt-x; MORE means that nothing is left.
 *
 * Decodes CSI and SS3 keys with xterm modifiers, CSI u (kitty), modifyOtherKeys, SGR mouse,
 * bracketed paste, focus, OSC 11, DECRPM and UTF-8. */
static enum parse term_decode(struct term_input *st, span in, int flush, size_t *used,
                              struct term_event *ev);

/* Keyboard modes of terminals: none, xterm's modifyOtherKeys, kitty's protocol. */
enum term_keys { TERM_KEYS_LEGACY, TERM_KEYS_OTHER, TERM_KEYS_KITTY };

/* Returns the bytes that query colours (TERM_COLOUR) and synchronised output (TERM_MODE 2026: 1 or
 * 2); "" for terminals that would show them. */
static const char *term_queries(void);
/* Asks for TERM_POSITION: col 3 is UTF-8 with narrow ambiguous characters, 4 with wide ones, more
 * another encoding. Goes before the other queries: it draws. */
static const char *term_width_query(void);
static const char *term_colour_queries(void);      /* after TERM_THEME */

/* term_enter saves one terminal's modes; term_leave restores them exactly, any number of times,
 * also from a signal handler. */
/* Sets raw mode and appends what to write first: alternate screen, bracketed paste, focus, mouse,
 * saving the window's title. Returns 0, or -1 with errno. */
static int term_enter(int fd, int mouse, int title, buf *b);
#define TERM_ANSWERS_MS 1000 /* a quit waits for answers */
/* term_leave waits until then (clock_mono_ms) for answers, the last to DA1 ('c') or DSR 5 ('n'); 0:
 * it has come. */
static void term_expect_answers(char last, long long until);
static void term_entered(void);                    /* written: term_leave must undo them */
static void term_leave(void);
/* Sets what else term_leave writes, once: it undoes what an attached session has set. */
static void term_set_undo(span undo);
/* Lets a fatal signal call term_leave first. */
static void term_crash_guard(void);
static int term_size(int fd, int *rows, int *cols); /* 0, or -1 */
static enum cell_depth term_depth(void);           /* by NO_COLOR, COLORTERM, TERM, STY */
static int term_is_utf8(void);                     /* by LC_ALL, LC_CTYPE, LANG */

/* ==== pace ==================================================================================== */

#ifndef PACE_LOST_MS
#define PACE_LOST_MS 3000 /* then an answer is lost */
#endif

/* Zero: the terminal is not asked. */
struct pace {
    int works, pending, losses; /* it answers; a question is out; answers lost in a row */
    size_t flying, asked, last; /* bytes perhaps not shown; before the question; in its frame */
    long long wrote_at, asked_at; /* loop clock */
    long long rtt;              /* the least round trip, ms; 0: not known, nobody waits */
    long long rate;             /* bytes a second; 0: not known */
};

static void pace_start(struct pace *p);
static void pace_set_round_trip(struct pace *p, int ms); /* the terminal's first answer */
static size_t pace_limit(const struct pace *p);    /* of the next frame; 0: none */
/* Until when no frame may be drawn without the answer; 0: now. */
static long long pace_blocked_until(struct pace *p, long long now);
/* A frame is written. Returns 1 when the question was due. */
static int pace_put_question(struct pace *p, long long now, buf *frame);
static int pace_answer_ms(const struct pace *p); /* how long a quit waits for the answer */
static void pace_on_answer(struct pace *p, long long now);

/* ==== keyboard ================================================================================ */

struct keyboard {
    int kitty;             /* kitty's flags; 0: not its protocol */
    int other_keys;        /* modifyOtherKeys, 0…2 */
    int application;       /* application cursor keys */
    const char *newline;   /* Shift-Enter's, Ctrl-Enter's in legacy mode; NULL: Enter */
};

static void keyboard_put_key(buf *b, uint32_t key, unsigned mods, const struct keyboard *k);
/* Returns the flags that the user's terminal is asked for when a program wants these. */
static int keyboard_ask(int kitty);

/* ==== theme =================================================================================== */

enum theme_name {
    THEME_TEXT,
    THEME_DIM,
    THEME_ACCENT,
    THEME_TITLE,
    THEME_ALARM,
    THEME_SELECTED,
    THEME_UNFOCUSED, /* the selected row of an unfocused terminal */
    THEME_BORDER,
    THEME_FIELD,
    THEME_BUTTON,
    THEME_KEY,
    THEME_HINT,
    THEME_TAB,       /* not shown; else THEME_SELECTED */
    THEME_MATCH,
    THEME_INPUT,     /* a session's last input, newer than its output */
    THEME_OUTPUT,    /* … output, newer than the input */
    THEME_MUTED,     /* the older of the two */
    THEME_LIVE,
    THEME_POLLING,
    THEME_OFFLINE,
    THEME_STARTING,
    THEME_WORKING,
    THEME_WAITING,
    THEME_IDLE,
    THEME_EXITED,
    THEME_FAILED,
    THEME_HEADING,
    THEME_CODE,
    THEME_STYLES
};

enum theme_ground { THEME_NEUTRAL, THEME_DARK, THEME_LIGHT };

struct theme {
    struct cell_style style[THEME_STYLES];
    struct {
        char name[CONFIG_NAME_MAX];
        struct cell_style style;
    } agents[CONFIG_AGENTS_MAX];
    int agent_count;
};

/* Sets the defaults for ground and colours, then [colours]. Appends bad lines to *problems, or
 * NULL. */
static void theme_set(struct theme *th, const struct config *c, enum theme_ground ground,
                      enum cell_depth depth, buf *problems);
static enum theme_ground theme_ground(uint32_t rgb); /* by a reply to OSC 11 */
/* agent: or NULL. */
static struct cell_style theme_agent(const struct theme *th, const char *agent);
/* "bold red on #202020" … Returns 0: no style. */
static int theme_parse(span s, struct cell_style *style);
static void theme_put(buf *b, struct cell_style style);
static void theme_put_config(const struct config *c, buf *b);

/* ==== field =================================================================================== */

/* Zero: empty, of one line. The owner may set rows and history. */
struct field {
    buf text;
    size_t cursor;          /* bytes, at a grapheme */
    int rows;               /* shown at most; 0, 1: of one line */
    const struct names *history; /* the newest last; the owner's, or NULL */
    int back;               /* steps back in the history; 0: the typed text, … */
    buf draft;              /* … else kept here */
    int width, top;         /* as last drawn */
};

static void field_set(struct field *f, const char *text); /* the cursor at its end */
static void field_free(struct field *f);
/* As a paste; what it cannot hold becomes blanks. */
static void field_insert(struct field *f, span text);
/* Returns 1 when consumed. Alt-Enter and Ctrl-J begin a line where there are several. Up on the
 * first line goes back in the history, Down on the last one forth, if there is one. */
static int field_event(struct field *f, const struct term_event *ev);
static int field_height(const struct field *f, int width);
static void field_draw(struct grid *g, int row, int col, int rows, int width, struct field *f,
                       struct cell_style style, int focused);
static void field_click(struct field *f, int row, int col);
/* Completes a local directory. Returns 1 when text was added or *hint lists choices; 0: nothing to
 * complete. */
static int field_complete_directory(struct field *f, buf *hint);
/* Completes from its history, and the first word from $PATH. */
static int field_complete_command(struct field *f, buf *hint);

/* ==== widget ================================================================================== */

static const struct cell_style widget_plain = {0};
static const struct cell_style widget_dim = {0, 0, CELL_DIM, 0};
static const struct cell_style widget_bold = {0, 0, CELL_BOLD, 0};
static const struct cell_style widget_accent = {CELL_INDEXED | 6, 0, CELL_BOLD, 0};
static const struct cell_style widget_alarm = {CELL_INDEXED | 1, 0, CELL_BOLD, 0};
static const struct cell_style widget_selected = {0, 0, CELL_REVERSE, 0};

static int widget_min(int a, int b);
static int widget_max(int a, int b);
static int widget_put(struct grid *g, int row, int col, int width, const char *text,
                      struct cell_style style);
/* Ends a text that does not fit with … (> in ASCII). */
static int widget_put_cut(struct grid *g, int row, int col, int width, const char *text,
                          struct cell_style style);

enum widget_place {
    WIDGET_NOTHING,
    WIDGET_KEY,      /* index: a row of the key table */
    WIDGET_LINE,     /* index: a form's line; part: the choice, or -1 */
    WIDGET_BUTTON,   /* index: 0 submits, 1 cancels */
    WIDGET_OWN = 16  /* from here on the owner's */
};

struct widget_hit {
    int row, col, rows, cols;
    int what, index, part;
};

#define WIDGET_HITS_MAX 1024 /* later ones can't be clicked */

struct widgets {
    struct grid *grid;
    const struct theme *theme;
    struct widget_hit *hits;
    int hit_count, hit_cap;
    int avoid, avoid_rows;  /* rows that a box leaves free */
    int box, box_rows;      /* where the last one is */
};

static void widget_free(struct widgets *u);
static void widget_begin(struct widgets *u);
static void widget_add_hit(struct widgets *u, int row, int col, int rows, int cols, int what,
                           int index, int part);
static const struct widget_hit *widget_find_hit(const struct widgets *u, int row, int col);
/* Returns lines, upwards positive; 0: no wheel. */
static int widget_wheel(const struct term_event *ev);
/* Returns a click of the left button, or NULL. */
static const struct widget_hit *widget_clicked(const struct widgets *u,
                                               const struct term_event *ev);

/* A frame, centred but for the rows to avoid, cut to the screen; *row, *col: its first inner cell.
 * Removes earlier hits: draw the footer after it. */
static void widget_box_draw(struct widgets *u, int rows, int cols, const char *title, int *row,
                            int *col);
/* Breaks at blanks. Returns the lines that it needs. */
static int widget_wrapped_draw(struct grid *g, int row, int col, int width, int rows, span text,
                               struct cell_style style);

#define WIDGET_FORM_MAX 8

struct widget_line {
    const char *label;
    struct field field;             /* its rows and history may be set */
    const char *const *choices;     /* NULL: a text */
    /* why each can't be submitted, or NULL */
    const char *const *notes;
    int choice_count, choice;
    int submits;                    /* Enter submits, with a text */
    /* on Tab, as field_complete_directory; or NULL */
    int (*complete)(struct field *f, buf *hint);
};

struct widget_form {
    const char *title;
    const char *submit, *cancel;    /* labels; cancel NULL: "Cancel" */
    int count, focus; /* focus: a line, count the first button, count + 1 the second */
    buf error;                      /* until the next key */
    buf hint;                       /* completions, until the next key */
    buf note;                       /* without those two */
    int busy;                       /* submitted, not replied to */
    struct widget_line lines[WIDGET_FORM_MAX];
};

enum widget_answer {
    WIDGET_PASSED,                  /* a key for the key table */
    WIDGET_NOT_YET,
    WIDGET_SUBMIT,
    WIDGET_CANCEL
};

/* Arguments of forms' and questions' rows in the key table. */
enum widget_command {
    WIDGET_DO_ENTER, /* next line; presses a button; submits on the last line */
    WIDGET_DO_SPACE,                /* presses a button; next choice */
    WIDGET_DO_TAB,                  /* completes; or next line or button */
    WIDGET_DO_BACK,                 /* previous one */
    WIDGET_DO_UP,
    WIDGET_DO_DOWN,
    WIDGET_DO_LEFT,
    WIDGET_DO_RIGHT,
    WIDGET_DO_SUBMIT,
    WIDGET_DO_CANCEL
};

static struct widget_line *widget_form_add(struct widget_form *f, const char *label,
                                           const char *text);
/* Handles typed text, pastes and the mouse. A choice with a note isn't submitted; the note becomes
 * the error. */
static enum widget_answer widget_form_event(struct widgets *u, struct widget_form *f,
                                            const struct term_event *ev);
/* A busy one only cancels. */
static enum widget_answer widget_form_run(struct widget_form *f, enum widget_command command);
static void widget_form_draw(struct widgets *u, struct widget_form *f);
static const char *widget_form_text(struct widget_form *f, const char *label);
static const char *widget_form_choice(const struct widget_form *f, const char *label);
static void widget_form_free(struct widget_form *f);

struct widget_confirm {
    const char *title;
    const char *yes, *no;           /* labels; their first letters are keys */
    int focus;                      /* Enter's: 0 yes, 1 no */
};

static enum widget_answer widget_confirm_event(struct widgets *u, const struct widget_confirm *c,
                                               const struct term_event *ev);
static enum widget_answer widget_confirm_run(struct widget_confirm *c, enum widget_command command);
static void widget_confirm_draw(struct widgets *u, const struct widget_confirm *c, span text);

struct widget_menu {
    const char *title;
    struct names items;
    int at;
};

/* Handles clicks, and digits, which choose items. */
static enum widget_answer widget_menu_event(struct widgets *u, struct widget_menu *m,
                                            const struct term_event *ev);
static enum widget_answer widget_menu_run(struct widget_menu *m, enum widget_command command);
static void widget_menu_draw(struct widgets *u, const struct widget_menu *m, span text);

/* The last one is shown for WIDGET_TOAST_MS, an error until a key is pressed; a list shows all. */
#define WIDGET_TOASTS_MAX 50
#ifndef WIDGET_TOAST_MS
#define WIDGET_TOAST_MS 4000
#endif

struct widget_toast {
    char *text;
    int alarm;
    long long at;                   /* wall clock, ms */
};

/* A list's scroll position, as last drawn. */
struct widget_scroll {
    int top;                        /* first line shown */
    int most;                       /* the largest top */
    int drawn;                      /* most is known */
};

struct widget_toasts {
    struct widget_toast ring[WIDGET_TOASTS_MAX];
    int count, next;                /* next: an index */
    int shown;                      /* index of the shown message + 1; 0: none */
    int unread;                     /* errors */
    long long until;                /* loop clock, of the shown one; 0: no end */
    struct widget_scroll list;
};

static struct cell_style widget_style(const struct widgets *u, enum theme_name name);
static void widget_scroll_by(struct widget_scroll *s, int lines);
static void widget_scroll_fit(struct widget_scroll *s, int rows, int shown);
static int widget_scroll_event(struct widget_scroll *s, const struct term_event *ev);
static void widget_toast_add(struct widget_toasts *t, int alarm, const char *text, long long now);
static int widget_toast_expire(struct widget_toasts *t, long long now);
static void widget_toast_read(struct widget_toasts *t); /* errors are */
/* Draws at most `rows` lines. Returns how many the message has. */
static int widget_toast_draw(struct widgets *u, const struct widget_toasts *t, int row, int rows);
static void widget_toasts_draw(struct widgets *u, struct widget_toasts *t);
static void widget_toasts_free(struct widget_toasts *t);

/* ==== keymap ================================================================================== */

/* Behaviour, footer, help and README come from these rows. */
struct keymap_key {
    unsigned key : 24, mods : 8;
    unsigned contexts : 17;         /* bits that the owner defines */
    int arg : 15;                   /* a direction, a view … */
    const char *shown;              /* the key's name */
    const char *footer;             /* its word in the footer; NULL none */
    const char *help;               /* NULL: that of the row before */
    void (*run)(void *ctx, int arg);
    /* in [keys]; one name is one action; NULL: can't be bound */
    const char *action;
};

/* The owner's rows with the keys of [keys]. */
struct keymap_keys {
    struct keymap_key *rows;
    int *lines;                     /* per row: its line in the file, or 0 */
    size_t count, cap;
    struct names owned;
    const struct keymap_key *table;     /* with default keys */
    size_t table_count;
};

/* "Ctrl-x", "Alt-x", "Shift-Tab", "F1", "Space", "PgUp", "up", "x" … Parsing returns 0: no key. */
static int keymap_parse_key(span s, uint32_t *key, unsigned *mods);
static void keymap_put_key(buf *b, uint32_t key, unsigned mods);
/* Fills *keys; `table` must outlive it. "ACTION =" removes all keys of an action. A line of [keys]
 * is a problem (appended to *problems unless NULL) when its action or key is unknown, or when
 * another action has the key in the same context; the other lines apply. A bound action gets the
 * contexts of its first row. */
static void keymap_bind_keys(struct keymap_keys *keys, const struct keymap_key *table, size_t count,
                             const struct config *c, buf *problems);
static void keymap_free_keys(struct keymap_keys *keys);
static void keymap_put_keys(const struct keymap_keys *keys, const struct config *c, buf *b);
static const struct keymap_key *keymap_find_key(const struct keymap_key *keys, size_t count,
                                                unsigned context,
                                                const struct term_event *ev); /* or NULL */
typedef int keymap_applies(void *ctx, const struct keymap_key *key);
/* Draws into the first `cols` columns of the last row; keys can be clicked (WIDGET_KEY). The
 * context's last two keys are drawn first; applies: or NULL. */
static void keymap_footer_draw(struct widgets *u, const struct keymap_key *keys, size_t count,
                               unsigned context, int cols, keymap_applies *applies, void *ctx);

struct keymap_help {
    struct field filter;
    struct widget_scroll list;
};

/* Returns 1 when consumed: typed text, Backspace, the wheel; Esc with a filter. */
static int keymap_help_event(struct keymap_help *h, const struct term_event *ev);
static void keymap_help_draw(struct widgets *u, struct keymap_help *h,
                             const struct keymap_key *keys, size_t count, const char *title);
static void keymap_help_free(struct keymap_help *h);

/* ==== pager =================================================================================== */

#ifndef PAGER_FILE_MAX
#define PAGER_FILE_MAX (4 * 1024 * 1024) /* bytes of a file */
#endif

#define PAGER_NEEDLE_MAX 200 /* bytes */

struct pager_line {
    size_t at, end;
    int indent;               /* of the rows that continue it */
    int rule;                 /* it is drawn as a rule */
    int prompt;
};

struct pager_row {
    size_t at, end;
    int indent, line;
};

/* Whole lines, columns, from a place to another. */
enum pager_selecting { PAGER_NONE, PAGER_LINES, PAGER_BLOCK, PAGER_RUN };

/* Starts as zeros. */
struct pager {
    const struct theme *theme; /* the owner's, or NULL: own styles; kept when closed */
    char *title, *path;
    buf error;                /* nothing is shown, and why */
    buf shown;
    int cut;                  /* the file is longer */
    struct pager_line *lines;
    struct pager_row *rows;   /* of the lines at `width` */
    int line_count, row_count, width;
    int top, height;          /* first row shown; rows last drawn */
    int exact, whole;         /* with its case, as whole words */
    char typing;              /* '/' or '|': needle or command */
    int missed;
    int prompt;               /* jumped to; -1 */
    enum pager_selecting selecting;
    int from_row, from_col, to_row, to_col; /* selected, both ends included; its cursor */
    int pressed;
    int follow;               /* stays at the end as it grows */
    size_t *hits;             /* offsets of the needle; hit: the current, or -1 */
    int hit_count, hit;
    buf looks;                /* an enum pager_look per byte of shown */
    buf needle;
    char last[PAGER_NEEDLE_MAX + 1]; /* searched before, perhaps in another text */
    buf command;              /* gets the text by a pipe */
    char note[120];           /* in the footer, until the next key */
};

/* An error is shown in place of the text. */
static void pager_open(struct pager *p, const char *title, const char *path);
/* Reads the file again, and stays at its line. */
static void pager_reload(struct pager *p);
#define PAGER_DIFF 2 /* markdown of a diff */
/* As Markdown (1), as a diff or as it is (0), without VT_PROMPT_MARK. */
static void pager_set(struct pager *p, const char *title, span text, int markdown);
/* The plain text has become this, at the same width. */
static void pager_update(struct pager *p, span text);
static void pager_free(struct pager *p);
/* Handles the mouse and, while something is typed, keys and pastes. Returns 1 when consumed. Other
 * keys are the key table's, by these functions: */
static int pager_event(struct pager *p, const struct term_event *ev);
static void pager_draw(struct pager *p, struct grid *g, int row, int col, int rows, int cols);
static void pager_scroll(struct pager *p, int rows);  /* down */
static void pager_page(struct pager *p, int pages);
static void pager_go(struct pager *p, int end);       /* 0: to the start; 1: to the end */
static void pager_type(struct pager *p, char what);
static void pager_search(struct pager *p, const char *needle); /* from the first row shown on */
static void pager_next(struct pager *p, int step);    /* 1 or -1 */
static void pager_find_again(struct pager *p);        /* exact or whole has changed */
static void pager_next_prompt(struct pager *p, int step);
static void pager_select(struct pager *p);            /* lines; then a block; then nothing */
static void pager_move_col(struct pager *p, int cols); /* of a block's cursor */
/* Appends the selected text, or the current hit's line. */
static void pager_put_selected(const struct pager *p, buf *b);

#endif
