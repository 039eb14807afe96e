#ifndef TELEC_SCREEN_H
#define TELEC_SCREEN_H
#include "../wire/wire.h"

/* ==== cell ==================================================================================== */

#ifndef CELL_CLUSTERS_MAX
#define CELL_CLUSTERS_MAX 4096 /* graphemes of a pool */
#endif
/* with its length byte; longer graphemes are cut */
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
    CELL_UNDERLINE = 7 << 8, /* 1 single, 2 double, 3 curly, 4 dotted, 5 dashed */
    CELL_PROMPT = 1 << 11,   /* of a shell's prompt: OSC 133 */
    CELL_WIDE = 1 << 12,     /* the left half of a character two columns wide */
    CELL_TAIL = 1 << 13      /* its right half; rune is 0 */
};
#define CELL_UNDERLINE_SHIFT 8
#define CELL_LOOKS_MASK 0x7ff  /* the attributes that SGR sets */
#define CELL_STYLE_MASK 0xfff  /* and CELL_PROMPT */

/* 0: the default; CELL_INDEXED | 0…255; CELL_RGB | 0xrrggbb. */
#define CELL_INDEXED (1u << 24)
#define CELL_RGB (2u << 24)
#define CELL_CLUSTER (1u << 31) /* with an entry of the cell_pool */

struct cell_style {
    uint32_t fg, bg;
    uint16_t attr;
    uint16_t extra;          /* of cell_extra_add, or 0 */
    unsigned : 32; /* tcc 0.9.27 returns 12 bytes as 16, over what is behind them */
};

struct cell {
    uint32_t rune;           /* code point, CELL_CLUSTER | entry; 0: a blank */
    uint32_t fg, bg;
    uint16_t attr;
    uint16_t extra;
};

/* Colours a terminal can show. CELL_PLAIN: 256, and it takes ':' in SGR for ';'. From CELL_256 on
 * it erases with the background that is set (bce). */
enum cell_depth { CELL_MONO, CELL_16, CELL_PLAIN, CELL_256, CELL_TRUE };

#ifndef CELL_EXTRAS_MAX
#define CELL_EXTRAS_MAX 1024             /* of a pool */
#endif
#define CELL_LINKS_BYTES (256 * 1024)    /* of all links of a pool */

/* An underline colour (SGR 58; 0: the text's), and a link as OSC 8 has it, "PARAMETERS;URI". */
struct cell_extra {
    uint32_t underline;
    size_t n;
    char *link;
};

/* All zero is empty. In a full one a new grapheme is its first code point alone. */
struct cell_pool {
    char (*text)[CELL_TEXT_MAX]; /* a length byte, then the bytes */
    uint32_t count, cap;
    struct cell_extra *extras;
    int extra_count, extra_end; /* end: behind the last; before it are free ones, too */
    size_t link_bytes;
    uint32_t *index;             /* by hash: entry + 1; 0: empty */
    uint32_t index_cap;
};

/* Returns the bytes of the first grapheme of a non-empty s; *width: 0 (a lone mark), 1 or 2.
 * Malformed bytes and control characters have one column each. */
static size_t cell_next_grapheme(span s, int *width);
static int cell_columns(span s);                   /* of clean text */
/* Returns the bytes of the longest prefix of at most `columns`; *used: its columns. */
static size_t cell_fit(span s, int columns, int *used);
/* Tells whether cp joins the grapheme rune. */
static int cell_joins(const struct cell_pool *pool, uint32_t rune, uint32_t cp);
/* Returns 0, 1 or 2. */
static int cell_width(const struct cell_pool *pool, uint32_t rune);
static uint32_t cell_append(struct cell_pool *pool, uint32_t rune, uint32_t cp);
static uint32_t cell_rune(struct cell_pool *pool, span grapheme);
/* Writes UTF-8, a blank as ' '. Returns the bytes. */
static size_t cell_text(const struct cell_pool *pool, uint32_t rune, char out[CELL_TEXT_MAX]);
/* Returns the entry; 0: of neither, or the pool is full. */
static uint16_t cell_extra_add(struct cell_pool *pool, uint32_t underline, span link);
static struct cell_extra cell_extra_of(const struct cell_pool *pool, unsigned extra);
/* Frees the entries that `used` doesn't mark; the others keep their numbers. */
static void cell_extra_keep(struct cell_pool *pool, const unsigned char *used);
/* Follows cell_put_sgr. links: 1 puts links, 2 gives an id to one that has none, as it may be drawn
 * in pieces. */
static void cell_put_extra(buf *b, const struct cell_pool *pool, unsigned from, unsigned to,
                           enum cell_depth depth, int links);
/* Replaces the graphemes by those of `fresh`. */
static void cell_pool_replace(struct cell_pool *pool, const struct cell_pool *fresh);
static void cell_pool_free(struct cell_pool *pool);

/* Appends the shortest sequence; none when both look the same at that depth. Below CELL_256 every
 * underline is single, and none has a colour. */
static void cell_put_sgr(buf *b, struct cell_style from, struct cell_style to,
                         enum cell_depth depth);
static int cell_style_eq(struct cell_style a, struct cell_style b);

/* ==== grid ==================================================================================== */

#define GRID_COLS_MAX 1000
#define GRID_ROWS_MAX 500

/* The back is drawn into, the front is what the terminal shows. */
struct grid {
    int rows, cols;
    /* Rows are numbers of rows in `cells`, which several may share: grid_row. */
    struct cell *cells;
    unsigned short *back, *front;
    unsigned short *spare; /* rows of cells used by neither */
    int spare_count;
    unsigned char *uses;   /* of each row of cells */
    struct cell_pool pool;
    int cursor_row, cursor_col, cursor_shown;
    int known; /* 0: the front is not what the terminal shows */
    enum cell_depth depth;
    int ascii; /* the terminal is not UTF-8 */
    int links;               /* the terminal knows links (OSC 8) */
    int narrow;              /* the terminal's ambiguous characters have one column, emoji aside */
    int sync;                /* mode 2026 */
    size_t most;             /* bytes of a frame; 0: no limit */
    int partial, resume;     /* the last frame left changes out, from this row on */
    int shown_cursor;        /* -1: unknown */
    int at_row, at_col;      /* of the terminal's cursor; -1: unknown */
    buf scratch;
    struct grid_note *notes; /* of each row, while a frame is written */
};

/* A row while a frame is written. */
struct grid_note {
    int first, last; /* changed columns; last < first: none */
    uint64_t back, front; /* digests */
    int changed, filled;  /* cells; filled: not blank */
};

/* Leaves the back buffer blank and the front unknown. */
static void grid_resize(struct grid *g, int rows, int cols);
static void grid_free(struct grid *g);
/* The cursor is hidden, too. */
static void grid_clear(struct grid *g);
/* Draws text, cut at `width` columns, control bytes made visible. A wide character that doesn't fit
 * is a blank; so is the other half of one that is overwritten. Returns the columns used. */
static int grid_put(struct grid *g, int row, int col, int width, span text,
                    struct cell_style style);
/* Fills with blanks. */
static void grid_fill(struct grid *g, int row, int col, int rows, int cols,
                      struct cell_style style);
static void grid_restyle(struct grid *g, int row, int col, int cols, unsigned set_attr);
/* Puts a ground behind what is drawn: its foreground replaces the default and the muted one, with
 * CELL_REVERSE every one. */
static void grid_ground(struct grid *g, int row, int col, int cols, uint32_t muted,
                        struct cell_style style);
static void grid_invert(struct grid *g, int row, int col, int cols);
/* Copies cells whose runes are of pool. The right half of a wide character alone is a blank. */
static void grid_put_cells(struct grid *g, int row, int col, const struct cell *cells, int n,
                           const struct cell_pool *pool);
/* Appends what turns the front into the back. The front is then the back, but where a frame is
 * limited. */
static void grid_frame(struct grid *g, buf *b);

/* ==== vt ====================================================================================== */

#ifndef VT_SCROLL_LINES
#define VT_SCROLL_LINES 1000          /* in any number of rows */
#endif
#ifndef VT_SCROLL_BYTES
#define VT_SCROLL_BYTES (512 * 1024)
#endif
#define VT_PARAMS_MAX 32              /* with sub-parameters */
#define VT_STRING_MAX 4096            /* bytes of an OSC string; the rest is ignored */

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
    VT_NO_ALT_SCROLL = 1 << 20,
    VT_ALLOW_COLUMNS = 1 << 21,
    VT_REVERSE_WRAP = 1 << 22,
    VT_THEME = 1 << 23 /* tell the program of a new theme */
};

enum vt_signal {
    VT_BELL = 1,
    VT_NOTIFIED = 2,
    VT_TITLE_CHANGED = 4,
    VT_DIRECTORY_CHANGED = 8,
    VT_CLIPBOARD = 16,
    VT_SYNCED = 32 /* an update (mode 2026) has begun or ended */
};

struct vt;

static struct vt *vt_new(int cols, int rows);      /* clamped to 1…GRID_COLS_MAX, 1…GRID_ROWS_MAX */
static void vt_free(struct vt *vt);                /* or NULL */
static void vt_feed(struct vt *vt, span bytes);    /* O(bytes); splits anywhere */
static void vt_resize(struct vt *vt, int cols, int rows);
static int vt_cols(const struct vt *vt);
static int vt_rows(const struct vt *vt);
static unsigned vt_modes(const struct vt *vt);     /* enum vt_mode */
static int vt_cursor_shape(const struct vt *vt);   /* DECSCUSR: 0 default … 6 */
static int vt_key_flags(const struct vt *vt);      /* kitty's, in force */
static int vt_other_keys(const struct vt *vt);     /* modifyOtherKeys, 0…2 */
/* col < cols even when a wrap is pending. */
static void vt_cursor(const struct vt *vt, int *row, int *col);
static span vt_title(const struct vt *vt);         /* clean UTF-8, at most 256 bytes */
static span vt_directory(const struct vt *vt);     /* OSC 7's path, decoded, clean */
static span vt_notification(const struct vt *vt);  /* the last OSC 9, 99 or 777 */
static int vt_notified_by(const struct vt *vt);    /* of the three */
/* OSC 9;4: state << 8 | percent; 0: none. States: 1 goes on, 2 failed, 3 of unknown length, 4
 * paused. */
static int vt_progress(const struct vt *vt);
/* OSC 52 behind its number, at most VT_STRING_MAX bytes. */
static span vt_clipboard(const struct vt *vt);
/* Colours of the user's terminal, for OSC 10, 11, 12. */
struct vt_colours {
    uint32_t value[3];   /* text, ground, cursor: 0xrrggbb */
    int known;           /* bits 0, 1, 2 */
};
/* Sets the known colours. With mode 2031 a change between dark and light is reported. */
static void vt_set_colours(struct vt *vt, const struct vt_colours *colours);
static unsigned vt_drain_signals(struct vt *vt);    /* enum vt_signal since the last call */
/* Moves the answers to the program's queries into b. */
static void vt_drain_answers(struct vt *vt, buf *b);
/* row < 0: scrollback, -1 the newest. Valid until the emulator changes; a scrollback row only until
 * the next call for one. */
static const struct cell *vt_row(const struct vt *vt, int row);
static int vt_scroll_count(const struct vt *vt);   /* rows */
static const struct cell_pool *vt_pool(const struct vt *vt);
/* Appends bytes that give an emulator or terminal of the same size the same state. They begin with
 * a reset and end with the start of an unfinished sequence: the live stream can follow. */
static void vt_put_snapshot(const struct vt *vt, buf *b, int scrollback);
/* Appends the text of screen and, when asked, scrollback: wrapped lines joined, without blanks at
 * the end of lines and blank lines at the end, '\n' after each line. scrollback VT_PROMPTS: with a
 * VT_PROMPT_MARK where a prompt begins. */
#define VT_PROMPTS 2
#define VT_PROMPT_MARK '\x1e'
static void vt_put_text(const struct vt *vt, buf *b, int scrollback);
/* Rows count as in vt_row. Without blanks at its end. */
static void vt_put_row(const struct vt *vt, buf *b, int row);
/* Appends the cells from…to-1; a line's last blanks are lost. */
static void vt_put_cells(const struct vt *vt, buf *b, int row, int from, int to);
static int vt_is_wrapped(const struct vt *vt, int row); /* it goes on in the next row */
/* Appends the last line at or above the cursor that isn't blank, wrapped rows joined, at most
 * `most` characters. */
static void vt_put_last_line(const struct vt *vt, buf *b, int most);

#endif
