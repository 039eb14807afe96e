#ifndef TELEC_SCREEN_H
#define TELEC_SCREEN_H
#include "../wire/wire.h"

/* ==== cell: one place of a terminal screen: graphemes, styles as SGR ========================= */

#ifndef CELL_CLUSTERS_MAX
#define CELL_CLUSTERS_MAX 4096 /* distinct graphemes of several code points a pool remembers */
#endif
/* bytes of one grapheme, its length byte included; longer ones are cut */
#define CELL_TEXT_MAX 40

enum cell_attr {
    CELL_BOLD = 1,
    CELL_DIM = 2,
    CELL_ITALIC = 4,
    CELL_BLINK = 8,
    CELL_REVERSE = 16,
    CELL_HIDDEN = 32,
    CELL_STRIKE = 64,
    CELL_OVERLINE = 128,
    CELL_UNDERLINE = 7 << 8, /* a field: 0 none, 1 single, 2 double, 3 curly, 4 dotted, 5 dashed */
    CELL_PROMPT = 1 << 11,   /* of a shell's prompt: OSC 133 */
    CELL_WIDE = 1 << 12,     /* the left half of a character two columns wide */
    CELL_TAIL = 1 << 13      /* its right half; rune is 0 */
};
#define CELL_UNDERLINE_SHIFT 8
#define CELL_LOOKS_MASK 0x7ff  /* the attributes that SGR sets */
#define CELL_STYLE_MASK 0xfff  /* and CELL_PROMPT */

/* Colours: 0 is the terminal's default; CELL_INDEXED | 0…255 the palette; CELL_RGB | 0xrrggbb. */
#define CELL_INDEXED (1u << 24)
#define CELL_RGB (2u << 24)
#define CELL_CLUSTER (1u << 31) /* a rune with this bit is an entry of the screen's cell_pool */

struct cell_style {
    uint32_t fg, bg;
    uint16_t attr;
    uint16_t extra;          /* an entry of the pool's extras, from 1: of cell_extra_add; or 0 */
    unsigned : 32; /* tcc 0.9.27 returns 12 bytes as 16, over what is behind them */
};

struct cell {
    uint32_t rune;           /* code point, CELL_CLUSTER | entry, or 0 for a blank */
    uint32_t fg, bg;
    uint16_t attr;
    uint16_t extra;          /* as in cell_style */
};

enum cell_depth { CELL_MONO, CELL_16, CELL_256, CELL_TRUE }; /* colours a terminal can show */

#ifndef CELL_EXTRAS_MAX
#define CELL_EXTRAS_MAX 1024             /* links and underline colours that a pool remembers */
#endif
#define CELL_LINKS_BYTES (256 * 1024)    /* of all links of a pool */

/* An underline colour (SGR 58; 0: the text's), and a link as OSC 8 has it, "PARAMETERS;URI". */
struct cell_extra {
    uint32_t underline;
    size_t n;
    char *link;
};

/* Graphemes of several code points, so that a cell has 16 bytes. All zero is empty. With
 * CELL_CLUSTERS_MAX entries it is full: a new grapheme is its first code point alone. */
struct cell_pool {
    char (*text)[CELL_TEXT_MAX]; /* entries: a length byte, then the bytes */
    uint32_t count, cap;
    struct cell_extra *extras;
    int extra_count, extra_end; /* entries; the end of the last one: between are free ones */
    size_t link_bytes;
    uint32_t *index;             /* hash index, 0 empty, else entry + 1 */
    uint32_t index_cap;
};

/* Returns the bytes of the first grapheme of a non-empty s (a base with its combining marks, VS16,
 * ZWJ sequences, flags, Hangul); *width is its columns: 0 (a lone mark), 1 or 2. Malformed bytes
 * have one column each (U+FFFD). Control characters have length and width 1; callers make them
 * visible first. */
static size_t cell_next_grapheme(span s, int *width);
static int cell_columns(span s);                   /* columns of clean text */
/* Returns the bytes of the longest prefix of at most `columns`; *used is its columns. */
static size_t cell_fit(span s, int columns, int *used);
/* Tells whether cp joins the grapheme of a cell's rune, instead of starting a new cell. */
static int cell_joins(const struct cell_pool *pool, uint32_t rune, uint32_t cp);
/* Returns the columns of a rune: 0, 1 or 2. */
static int cell_width(const struct cell_pool *pool, uint32_t rune);
/* Returns the rune of rune's grapheme with cp appended. */
static uint32_t cell_append(struct cell_pool *pool, uint32_t rune, uint32_t cp);
/* Returns the rune of a whole grapheme. */
static uint32_t cell_rune(struct cell_pool *pool, span grapheme);
/* Writes the grapheme as UTF-8, a blank as ' '. Returns the bytes. */
static size_t cell_text(const struct cell_pool *pool, uint32_t rune, char out[CELL_TEXT_MAX]);
/* Returns the entry of an underline colour and a link; 0: of neither, or the pool is full. */
static uint16_t cell_extra_add(struct cell_pool *pool, uint32_t underline, span link);
/* The entry; of 0, one without both. */
static struct cell_extra cell_extra_of(const struct cell_pool *pool, unsigned extra);
/* Frees the entries that `used`, indexed by them, doesn't mark; the others keep their numbers. */
static void cell_extra_keep(struct cell_pool *pool, const unsigned char *used);
/* Appends what turns entry `from` into `to`, after the sequence of cell_put_sgr; links: 1 puts
 * links, 2 gives an id to one that has none, as it may be drawn in pieces. */
static void cell_put_extra(buf *b, const struct cell_pool *pool, unsigned from, unsigned to,
                           enum cell_depth depth, int links);
/* Replaces the graphemes by those of `fresh`. */
static void cell_pool_replace(struct cell_pool *pool, const struct cell_pool *fresh);
static void cell_pool_free(struct cell_pool *pool);

/* Appends the shortest SGR sequence that turns style `from` into `to`; nothing when they look the
 * same at that depth. A colour becomes the nearest one of the depth; below CELL_256 every underline
 * is single. */
static void cell_put_sgr(buf *b, struct cell_style from, struct cell_style to,
                         enum cell_depth depth);
static int cell_style_eq(struct cell_style a, struct cell_style b);

/* ==== grid: frames of cells, written as few bytes that show the changes ====================== */

#define GRID_COLS_MAX 1000 /* the largest screen */
#define GRID_ROWS_MAX 500

/* Two frames: the back, which is drawn into, and the front, which the terminal shows. */
struct grid {
    int rows, cols;
    /* A row of a frame is the number of a row in `cells`; equal rows may share one. See
     * grid_row. */
    struct cell *cells;
    unsigned short *back, *front;
    unsigned short *spare; /* free rows of cells: used by neither frame */
    int spare_count;
    unsigned char *uses;   /* of each row of cells: how many rows of frames it is */
    struct cell_pool pool;
    int cursor_row, cursor_col, cursor_shown; /* the cursor after the frame */
    int known; /* 0: the front is not what the terminal shows, redraw everything */
    enum cell_depth depth;
    int ascii; /* the terminal is not UTF-8: lines are drawn as + - |, other characters as '?' */
    int links;               /* the terminal knows links (OSC 8) */
    int narrow;              /* the terminal's ambiguous characters have one column, emoji aside */
    int sync;                /* wrap frames in synchronised output (mode 2026) */
    size_t most;             /* bytes of a frame on a slow line; 0: no limit */
    int partial, resume;     /* the last frame has left changes out, from this row on */
    int shown_cursor;        /* the terminal's cursor now: 0 hidden, 1 shown, -1 unknown */
    int at_row, at_col;      /* the terminal's cursor now; -1 unknown */
    buf scratch;             /* text made visible before it is drawn */
    struct grid_note *notes; /* one per row, while a frame is written */
};

/* A row while a frame is written. */
struct grid_note {
    int first, last; /* the changed columns; last < first: none */
    uint64_t back, front; /* digests of the cells: equal rows may have moved */
    int changed, filled;  /* cells that have changed, that are not blank */
};

/* Sets the size, also the first time. Then all is blank and the front unknown. */
static void grid_resize(struct grid *g, int rows, int cols);
static void grid_free(struct grid *g);
/* Makes the back blank in default style, the cursor hidden. */
static void grid_clear(struct grid *g);
/* Draws text at row, col into `width` columns, cut there, control bytes made visible. A wide
 * character that doesn't fit is a blank; so is the other half of one that is overwritten. Outside
 * the grid nothing is drawn. Returns the columns used. */
static int grid_put(struct grid *g, int row, int col, int width, span text,
                    struct cell_style style);
/* Fills a rectangle with blanks. */
static void grid_fill(struct grid *g, int row, int col, int rows, int cols,
                      struct cell_style style);
/* Sets attributes (CELL_REVERSE …) of cells that are drawn. */
static void grid_restyle(struct grid *g, int row, int col, int cols, unsigned set_attr);
/* Puts a ground behind cells that are drawn: its foreground replaces the default and the muted one,
 * with CELL_REVERSE every one, so that all are one colour. */
static void grid_ground(struct grid *g, int row, int col, int cols, uint32_t muted,
                        struct cell_style style);
static void grid_invert(struct grid *g, int row, int col, int cols); /* CELL_REVERSE on and off */
/* Copies n cells of a row of an emulator, whose runes are of pool. The right half of a wide
 * character is copied with its left half; alone it is a blank. */
static void grid_put_cells(struct grid *g, int row, int col, const struct cell *cells, int n,
                           const struct cell_pool *pool);
/* Appends to b the bytes that turn the front into the back: as few as cheaply found, by cursor
 * moves, erasing and scrolling of bands of rows; none when nothing changed. The front is then the
 * back, but where a frame is limited. */
static void grid_frame(struct grid *g, buf *b);

/* ==== vt: terminal emulator: bytes in, grid of cells out; snapshot as bytes ================== */

#ifndef VT_SCROLL_LINES
#define VT_SCROLL_LINES 1000          /* lines of scrollback, in any number of rows */
#endif
#ifndef VT_SCROLL_BYTES
#define VT_SCROLL_BYTES (512 * 1024)  /* and the bytes they may take */
#endif
#define VT_PARAMS_MAX 32              /* parameters of one sequence, sub-parameters included */
#define VT_STRING_MAX 4096            /* bytes kept of an OSC string; the rest is ignored */

/* Modes that a viewer's terminal must have too, or that decide how input is encoded. */
enum vt_mode {
    VT_APP_CURSOR = 1 << 0,
    VT_APP_KEYPAD = 1 << 1,
    VT_BRACKETED_PASTE = 1 << 2,
    VT_FOCUS = 1 << 3,
    VT_MOUSE_X10 = 1 << 4,
    VT_MOUSE_NORMAL = 1 << 5,
    VT_MOUSE_BUTTON = 1 << 6,
    VT_MOUSE_ANY = 1 << 7,
    VT_MOUSE_UTF8 = 1 << 8,
    VT_MOUSE_SGR = 1 << 9,
    VT_MOUSE_URXVT = 1 << 10,
    VT_CURSOR_HIDDEN = 1 << 11,
    VT_REVERSE_VIDEO = 1 << 12,
    VT_ORIGIN = 1 << 13,
    VT_NO_WRAP = 1 << 14,
    VT_INSERT = 1 << 15,
    VT_NEWLINE = 1 << 16,
    VT_SYNC = 1 << 17,
    VT_ALT_SCREEN = 1 << 18,
    VT_CURSOR_BLINK = 1 << 19,
    VT_NO_ALT_SCROLL = 1 << 20, /* the wheel sends no arrows in the alternate screen */
    VT_ALLOW_COLUMNS = 1 << 21,
    VT_REVERSE_WRAP = 1 << 22,
    VT_THEME = 1 << 23 /* tell the program of a new theme */
};

/* Events of a program that are not cells; collected until vt_drain_signals. */
enum vt_signal {
    VT_BELL = 1,
    VT_NOTIFIED = 2,
    VT_TITLE_CHANGED = 4,
    VT_DIRECTORY_CHANGED = 8,
    VT_CLIPBOARD = 16,
    VT_SYNCED = 32 /* an update (mode 2026) has begun or ended */
};

struct vt; /* opaque: its fields are in vt/private.h */

static struct vt *vt_new(int cols, int rows);      /* clamped to 1…GRID_COLS_MAX, 1…GRID_ROWS_MAX */
static void vt_free(struct vt *vt);                /* NULL is fine */
static void vt_feed(struct vt *vt, span bytes);    /* O(bytes); splits anywhere */
/* Sets the size; wrapped lines of the primary screen are wrapped anew. */
static void vt_resize(struct vt *vt, int cols, int rows);
static int vt_cols(const struct vt *vt);
static int vt_rows(const struct vt *vt);
static unsigned vt_modes(const struct vt *vt);     /* set of enum vt_mode */
static int vt_cursor_shape(const struct vt *vt);   /* DECSCUSR: 0 default … 6 */
static int vt_key_flags(const struct vt *vt);      /* kitty's keyboard flags in force */
static int vt_other_keys(const struct vt *vt);     /* xterm's modifyOtherKeys, 0…2 */
/* From 0; col < cols even when a wrap is pending. */
static void vt_cursor(const struct vt *vt, int *row, int *col);
static span vt_title(const struct vt *vt);         /* clean UTF-8, at most 256 bytes */
static span vt_directory(const struct vt *vt);     /* OSC 7's path, percent-decoded, clean UTF-8 */
static span vt_notification(const struct vt *vt);  /* text of the last OSC 9, 99 or 777 */
static int vt_notified_by(const struct vt *vt);    /* which of the three it was */
/* ConEmu's progress (OSC 9;4): state << 8 | percent; 0: none. States: 1 goes on, 2 failed, 3 of
 * unknown length, 4 paused. */
static int vt_progress(const struct vt *vt);
/* The clipboard request of the program: OSC 52 behind its number, at most VT_STRING_MAX bytes. The
 * caller decides whether to pass it on. */
static span vt_clipboard(const struct vt *vt);
/* The colours of the user's terminal, which the program may ask for (OSC 10, 11, 12). */
struct vt_colours {
    uint32_t value[3];   /* text, ground, cursor: 0xrrggbb */
    int known;           /* bits 0, 1, 2: that one is known */
};
/* Those that are not known stay. A program that asked for it is told of a change from dark to light
 * or back (mode 2031): an answer. */
static void vt_set_colours(struct vt *vt, const struct vt_colours *colours);
static unsigned vt_drain_signals(struct vt *vt);    /* set of enum vt_signal since the last call */
/* Moves the answers to the program's queries (DA, DSR, CPR, DECRQM, XTVERSION …) into b. The caller
 * sends or drops them. */
static void vt_drain_answers(struct vt *vt, buf *b);
/* Returns the cols cells of a row; row < 0 is scrollback, -1 its newest line. Valid until the
 * emulator changes; a scrollback row only until the next call for one. */
static const struct cell *vt_row(const struct vt *vt, int row);
static int vt_scroll_count(const struct vt *vt);   /* rows of scrollback */
static const struct cell_pool *vt_pool(const struct vt *vt);
/* Appends bytes that give an emulator or terminal of the same size the same grid, cursor, modes,
 * title and, when asked, scrollback. They begin with a reset of everything and end with the start
 * of an unfinished sequence, so the live stream can follow at any point. */
static void vt_put_snapshot(const struct vt *vt, buf *b, int scrollback);
/* Appends the text of screen and, when asked, scrollback: wrapped lines joined, without blanks at
 * the end of lines and blank lines at the end, '\n' after each line. scrollback VT_PROMPTS: with a
 * VT_PROMPT_MARK where a prompt begins. */
#define VT_PROMPTS 2
#define VT_PROMPT_MARK '\x1e'
static void vt_put_text(const struct vt *vt, buf *b, int scrollback);
/* Appends the text of one row, counted as in vt_row, without blanks at its end. */
static void vt_put_row(const struct vt *vt, buf *b, int row);
/* Appends the text of the cells from…to-1 of a row, counted as in vt_row; one that ends in blanks
 * loses them. */
static void vt_put_cells(const struct vt *vt, buf *b, int row, int from, int to);
static int vt_is_wrapped(const struct vt *vt, int row); /* its text goes on in the next row */
/* Appends the last line at or above the cursor that isn't blank, wrapped rows joined, at most
 * `most` characters; nothing when there is none. */
static void vt_put_last_line(const struct vt *vt, buf *b, int most);

#endif
