#ifndef TELEC_SCREEN_H
#define TELEC_SCREEN_H
#include "../wire/wire.h"

/* ==== cell: what one place of a terminal screen shows; graphemes, styles as SGR ============== */

#ifndef CELL_CLUSTERS_MAX
#define CELL_CLUSTERS_MAX 4096 /* distinct graphemes of several code points a pool remembers */
#endif
/* bytes of one grapheme and its length; what goes past that is left out */
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
    CELL_WIDE = 1 << 11,     /* the left half of a character two columns wide */
    CELL_TAIL = 1 << 12      /* its right half; rune is 0 */
};
#define CELL_UNDERLINE_SHIFT 8
#define CELL_STYLE_MASK 0x7ff  /* the attributes that SGR sets, without WIDE and TAIL */

/* Colours: 0 is the terminal's default; CELL_INDEXED | 0…255 the palette; CELL_RGB | 0xrrggbb. */
#define CELL_INDEXED (1u << 24)
#define CELL_RGB (2u << 24)
#define CELL_CLUSTER (1u << 31) /* a rune with this bit is an entry of the screen's cell_pool */

struct cell_style {
    uint32_t fg, bg;
    uint16_t attr;
};

struct cell {
    uint32_t rune;           /* code point, CELL_CLUSTER | entry, or 0 for a blank */
    uint32_t fg, bg;
    uint16_t attr;
    uint16_t extra;          /* for the owner of the grid; 0 otherwise */
};

/* Remembers graphemes of several code points so that a cell stays 16 bytes. All zero is empty. Past
 * CELL_CLUSTERS_MAX entries a new grapheme is shown by its first code point alone. */
struct cell_pool {
    char (*text)[CELL_TEXT_MAX]; /* entries: a length byte, then the bytes */
    uint32_t count, cap;
    uint32_t *index;             /* hash index, 0 empty, else entry + 1 */
    uint32_t index_cap;
};

/* The next grapheme of a non-empty s (a base with its combining marks, VS16, ZWJ sequences, flags,
 * Hangul): its bytes, and its width in columns: 0 (a lone mark), 1 or 2. Malformed bytes are one
 * column each (U+FFFD). Control characters have width 1 and length 1: the caller makes them visible
 * first. */
static size_t cell_next_grapheme(span s, int *width);
static int cell_columns(span s);                   /* columns of clean text */
/* bytes of the longest prefix of at most `columns` */
static size_t cell_fit(span s, int columns, int *used);
/* Does cp join the grapheme that `rune` (a cell's) shows, instead of starting a cell of its own? */
static int cell_joins(const struct cell_pool *pool, uint32_t rune, uint32_t cp);
/* its columns: 0, 1 or 2; VS16 can make 1 into 2 */
static int cell_width(const struct cell_pool *pool, uint32_t rune);
/* the rune with cp appended */
static uint32_t cell_append(struct cell_pool *pool, uint32_t rune, uint32_t cp);
/* the rune of a whole grapheme */
static uint32_t cell_rune(struct cell_pool *pool, span grapheme);
/* UTF-8; a blank is ' ' */
static size_t cell_text(const struct cell_pool *pool, uint32_t rune, char out[CELL_TEXT_MAX]);
static void cell_pool_free(struct cell_pool *pool);

enum cell_depth { CELL_MONO, CELL_16, CELL_256, CELL_TRUE }; /* colours a terminal can show */
/* Appends the shortest SGR sequence that turns style `from` into `to` (nothing when they look the
 * same at that depth); colours the depth lacks become the nearest it has, and below CELL_256 every
 * underline is a single one. */
static void cell_put_sgr(buf *b, struct cell_style from, struct cell_style to,
                         enum cell_depth depth);
static int cell_style_eq(struct cell_style a, struct cell_style b);

/* ==== grid: frames of cells, written as the fewest bytes that show what changed ============== */

/* A screen that is drawn into (back) and what the terminal shows (front). */
struct grid {
    int rows, cols;
    /* The back is what is being drawn, the front what the terminal shows. Each row of theirs is the
     * number of one in `cells`; equal rows may be one. See grid_row. */
    struct cell *cells;
    unsigned short *back, *front;
    unsigned short *spare; /* numbers of rows that neither has, */
    int spare_count;       /* so many */
    unsigned char *uses;   /* of each row in cells */
    struct cell_pool pool;
    int cursor_row, cursor_col, cursor_shown; /* where the cursor shall be after the frame */
    int known; /* the front is what the terminal shows; 0: everything is redrawn */
    enum cell_depth depth;
    /* the terminal is not UTF-8: lines are drawn as + - |, what has no likeness as '?' */
    int ascii;
    int sync;                /* wrap frames in synchronised output (mode 2026) */
    int shown_cursor;        /* what the terminal's cursor is now: 0 hidden, 1 shown, -1 unknown */
    int at_row, at_col;      /* where the terminal's cursor is now; -1 unknown */
    buf scratch;             /* text made visible before it is drawn */
    struct grid_note *notes; /* one a row, while a frame is written */
};

/* What is known of a row while a frame is written. */
struct grid_note {
    int first, last; /* the columns that have changed; last < first: none have */
    /* for finding rows that only moved: digests of the cells, how many of them have changed, how
     * many are not blank */
    uint64_t back, front;
    int changed, filled;
};

/* also the first set-up; all blank, front unknown */
static void grid_resize(struct grid *g, int rows, int cols);
static void grid_free(struct grid *g);
/* back to blanks in default style, cursor hidden */
static void grid_clear(struct grid *g);
/* Draws text at row, col within `width` columns, cut (not wrapped) there; text is made visible (no
 * control byte reaches the grid). A wide character that does not fit leaves a blank. Halves of wide
 * characters that are overwritten are blanked. Outside of the grid: nothing. Returns the columns
 * used. */
static int grid_put(struct grid *g, int row, int col, int width, span text,
                    struct cell_style style);
/* blanks */
static void grid_fill(struct grid *g, int row, int col, int rows, int cols,
                      struct cell_style style);
/* e.g. reverse a row */
static void grid_restyle(struct grid *g, int row, int col, int cols, unsigned set_attr);
/* Other colours; 0: as they are. */
static void grid_recolour(struct grid *g, int row, int col, int cols, uint32_t fg, uint32_t bg);
/* Copies n cells of a row of another grid (an emulator's) with its pool. The right half of a wide
 * character is copied with its left one; alone it is a blank. */
static void grid_put_cells(struct grid *g, int row, int col, const struct cell *cells, int n,
                           const struct cell_pool *pool);
/* Appends to b the bytes that turn the front into the back, as few as cheaply found (cursor moves,
 * erasing, scrolling of bands of rows; nothing when nothing changed), and makes the front equal. */
static void grid_frame(struct grid *g, buf *b);

/* ==== vt: terminal emulator: bytes in, grid of cells out; snapshot as bytes ================== */

#ifndef VT_SCROLL_LINES
#define VT_SCROLL_LINES 1000          /* lines of scrollback */
#endif
#ifndef VT_SCROLL_BYTES
#define VT_SCROLL_BYTES (512 * 1024)  /* and the bytes they may take */
#endif
#define VT_COLS_MAX 1000
#define VT_ROWS_MAX 500
#define VT_PARAMS_MAX 32              /* parameters of one sequence, sub-parameters included */
#define VT_STRING_MAX 4096            /* bytes kept of an OSC string; the rest is swallowed */

/* Modes as one bit set; what a viewer's terminal must be told, and what input must look like. */
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
    VT_MOUSE_ALT_SCROLL = 1 << 20
};

/* Things a program said that are not cells; collected until vt_drain_signals. */
enum vt_signal {
    VT_BELL = 1,
    VT_NOTIFIED = 2,
    VT_TITLE_CHANGED = 4,
    VT_DIRECTORY_CHANGED = 8,
    VT_CLIPBOARD = 16
};

struct vt; /* opaque: its fields are in src/vt.c */

static struct vt *vt_new(int cols, int rows);      /* clamped to 1…VT_COLS_MAX, 1…VT_ROWS_MAX */
static void vt_free(struct vt *vt);                /* NULL is fine */
static void vt_feed(struct vt *vt, span bytes);    /* O(bytes); splits anywhere */
/* reflows wrapped lines of the primary screen */
static void vt_resize(struct vt *vt, int cols, int rows);
static int vt_cols(const struct vt *vt);
static int vt_rows(const struct vt *vt);
static unsigned vt_modes(const struct vt *vt);     /* set of enum vt_mode */
static int vt_cursor_shape(const struct vt *vt);   /* DECSCUSR: 0 default … 6 */
/* from 0; col < cols even when wrap is pending */
static void vt_cursor(const struct vt *vt, int *row, int *col);
static span vt_title(const struct vt *vt);         /* clean UTF-8, at most 256 bytes */
static span vt_directory(const struct vt *vt);     /* OSC 7's path, percent-decoded, clean UTF-8 */
static span vt_notification(const struct vt *vt);  /* text of the last OSC 9, 99 or 777 */
/* What the program wants on the clipboard (OSC 52, behind its number, at most VT_STRING_MAX bytes):
 * for the caller to pass on or not. */
static span vt_clipboard(const struct vt *vt);
static unsigned vt_drain_signals(struct vt *vt);    /* set of enum vt_signal since the last call */
/* Answers to device queries that the program asked (DA, DSR, CPR, DECRQM, XTVERSION, …), taken out
 * of the emulator into b. The caller sends them or drops them. */
static void vt_drain_answers(struct vt *vt, buf *b);
/* cols cells; row < 0 is scrollback, -1 its newest line, valid until the next call with a row < 0
 * or that changes the emulator; a row of the screen is valid until the emulator changes */
static const struct cell *vt_row(const struct vt *vt, int row);
static int vt_scroll_count(const struct vt *vt);   /* lines of scrollback */
static const struct cell_pool *vt_pool(const struct vt *vt);
/* Bytes that, fed to a fresh emulator of this size, give the same grid, cursor, modes, title and
 * scrollback (scrollback only when asked). They begin with a reset of everything, so a used
 * emulator or a real terminal of that size comes to show the same; they end with the start of a
 * sequence that vt_feed has only part of, so the live stream can follow at any point. */
static void vt_put_snapshot(const struct vt *vt, buf *b, int scrollback);
/* Plain text of scrollback and screen, wrapped lines joined, trailing blanks and blank lines at the
 * end left out, '\n' after each line. */
static void vt_put_text(const struct vt *vt, buf *b, int scrollback);
/* Plain text of one row (as vt_row counts them), without blanks at its end. */
static void vt_put_row(const struct vt *vt, buf *b, int row);
/* The last line of text at or above the cursor that isn't blank (wrapped rows joined), at most
 * `most` characters of it; nothing when there is none. */
static void vt_put_last_line(const struct vt *vt, buf *b, int most);

#endif
