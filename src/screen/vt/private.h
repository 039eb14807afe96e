#ifndef TELEC_VT_PRIVATE_H
#define TELEC_VT_PRIVATE_H
#include "../screen.h"

/* vt - terminal emulator: bytes in, grid of cells out; the screen as a byte string again. Only the
 * files of vt/ include this header; others see the section vt of screen.h.
 *
 * Implemented: what programs use that find TERM=xterm-256color: ECMA-48 (C0, C1, CSI), the
 * additions of the VT220 and xterm in the tables of control.c and osc.c, UTF-8 always on. Where
 * terminals differ, xterm is followed: erasing uses the background colour; a character in the last
 * column leaves a pending wrap, which the next character carries out and a cursor move cancels. One
 * difference: nothing is to the right of a pending wrap, so EL there erases nothing.
 *
 * Left out: what section 6 of doc/protocol.md lists, with what a program sees that asks for it.
 *
 *   scrollback (a byte ring of packed lines)     -n  oldest
 *                                                 .
 *                                                -1  newest
 *   screen (a ring of rows of cells)              0  lines[top]
 *                                                 .
 *                                            rows-1  lines[(top + rows - 1) % rows]
 *
 * Only the first `used` cells of a row are valid; the rest of the row is blank, of one colour. So
 * clearing a row costs nothing, however wide it is. To move rows, their 16-byte heads are
 * exchanged; cells stay. */

#define VT_TITLE_MAX 256    /* bytes of a title or a notification */
#define VT_DIRECTORY_MAX 1024
#define VT_LINK_MAX 2048    /* bytes of a link's address */
#define VT_LINK_ID_MAX 64   /* and of its "id=…" */
#define VT_ANSWERS_MAX 4096 /* bytes of answers not drained yet; further ones are dropped */
#define VT_TITLES_MAX 4     /* titles that a program can push */
#define VT_KEYS_MAX 8       /* sets of kitty keyboard flags that a program can push */
#define VT_PACKED_CELL_MAX (13 + 3 + CELL_TEXT_MAX)
#define VT_BLOCKS (0x800 + 0x80 + 1) /* blocks of code points, see vt_block */

enum vt_state { VT_GROUND, VT_UTF8, VT_ESCAPE, VT_CSI, VT_CSI_BAD, VT_STRING };

enum vt_line_flag {
    VT_LINE_STYLED = 1, /* may have a cell that isn't in the default style */
    VT_LINE_RUNES = 2,  /* may have a rune that isn't ASCII */
    VT_LINE_WIDE = 4,   /* may have a character of two columns */
    VT_LINE_WRAPPED = 8 /* the text continues in the next row; never set on the last row */
};
#define VT_LINE_CONTENT 7

struct vt_line {
    struct cell *cells;
    uint16_t used;
    uint8_t flags;
    uint32_t bg; /* of the blanks behind the used cells */
};

/* What DECSC saves. */
struct vt_saved {
    int x, y, pending;
    struct cell_style style;
    unsigned char charset[2], shift;
    int origin;
};

struct vt_screen {
    struct vt_line *lines; /* NULL until it is first used */
    struct cell *cells;
    int top;
    int live;              /* 0: not used since it was made or cleared; its rows are not valid, its
                            * other fields are as new */
    struct vt_saved saved;
    unsigned char keys[VT_KEYS_MAX]; /* kitty keyboard flags, pushed; the last are in force */
    int key_count;
};

/* A packed row's place in the ring of bytes. */
struct vt_record {
    uint32_t at;
    uint32_t n : 30, wrapped : 1, utf16 : 1;
    uint32_t cost; /* bytes as UTF-8 and tokens in a line that isn't wrapped: the same in every
                    * width */
};

/* The scrollback: packed rows, oldest first, in a ring of bytes; their places in a ring of records.
 * A line is a row and those that it wraps into. All zero is empty. */
struct vt_scroll {
    char *bytes;
    size_t cap, start, n;
    struct vt_record *records;
    int record_cap, first, count;
    int lines;
    int recent;             /* rows since the screen was cleared: a larger screen shows them again */
    size_t cost;            /* of all rows */
    struct cell_style last; /* of the newest row's last cell */
    buf packed;             /* the row that is packed */
};

/* A row as text: n cells; those up to the row's end are blank. Valid until the row changes or, with
 * a row of scrollback, until its scratch cells change. */
struct vt_view {
    const struct cell *cells;
    int n, wrapped;
};

/* A new field that a program can set is state: snapshot.c says what to add for it. */
struct vt {
    int cols, rows;
    int x, y;
    int pending;       /* the last column has been written; the next character wraps first */
    int joins;         /* the cell before the cursor was printed last: marks join it, REP repeats
                        * it; always set while a wrap is pending */
    int region_top, region_bottom; /* scroll region, both included */
    struct cell_style style;
    unsigned modes;    /* set of enum vt_mode */
    unsigned saved_modes; /* by XTSAVE, of both screens */
    int shape;         /* DECSCUSR */
    unsigned char charset[2], shift; /* '0' line drawing, else 'B' */
    unsigned char tabs[(GRID_COLS_MAX + 7) / 8];
    struct vt_screen screens[2], *screen; /* primary, alternate; the one in use */
    struct vt_scroll scroll;
    struct cell_pool *pool;
    int pool_wait;     /* new graphemes to shorten before a full pool is swept again */
    struct cell *scratch; /* cells of the scrollback row that vt_row returns */

    enum vt_state state;
    unsigned char prefix, inter, inter_count, final; /* of the unfinished sequence */
    int param_seen, param_last;      /* anything after CSI; index of the last parameter */
    uint16_t params[VT_PARAMS_MAX];
    uint32_t subs;                   /* bit i: parameter i followed a ':' */
    unsigned char string_kind;       /* ']' 'P' 'X' '^' '_' */
    int string_bell;                 /* BEL ended it */
    int string_escape;               /* ESC seen: the string ends if '\' follows */
    buf string;
    char utf8[4];                    /* of the unfinished character */
    int utf8_count;
    unsigned char blocks[VT_BLOCKS]; /* for vt_find_simple */

    unsigned signals;                /* set of enum vt_signal */
    buf title, directory, notification, clipboard, answers;
    buf titles[VT_TITLES_MAX];       /* pushed, oldest first */
    int title_count;
    int notified_by;                 /* the OSC of the last notification */
    int progress;                    /* as vt_progress tells it */
    uint32_t underline;              /* SGR 58 */
    buf link;                        /* OSC 8, as in cell_extra */
    int extra_wait;                  /* new extras to do without before a full pool is swept */
    uint32_t colours[3];             /* of the user's terminal: text, ground, cursor */
    int modify_other_keys;           /* xterm's modifyOtherKeys, 0…2 */
};

/* ---- scroll: the scrollback ------------------------------------------------------------------ */

static void vt_scroll_clear(struct vt_scroll *s); /* frees all of it */
/* Packs count cells as the newest row; flags (enum vt_line_flag) are the row's. The oldest rows are
 * dropped past VT_SCROLL_LINES lines and VT_SCROLL_BYTES bytes. */
static void vt_scroll_keep(struct vt_scroll *s, const struct cell_pool *pool,
                           const struct cell *cells, int count, unsigned flags);
/* The screen has been cleared: text that follows begins a new line. */
static void vt_scroll_cleared(struct vt_scroll *s);
/* Unpacks row `row` (-1 the newest … -count) into at most `most` cells. Returns their number. */
static int vt_scroll_row(const struct vt_scroll *s, struct cell_pool *pool, int row,
                         struct cell *out, int most, int *wrapped);
/* Marks the extras of the rows in `used`, the newest first, up to three quarters of all; removes
 * the others from the rows. */
static void vt_scroll_mark_extras(struct vt_scroll *s, const struct cell_pool *pool,
                                  unsigned char *used);

/* ---- screen: rows of cells ------------------------------------------------------------------- */

static int vt_clamp(int v, int low, int high);
static struct vt_line *vt_line_of(const struct vt_screen *screen, int rows, int r);
static struct vt_line *vt_line(const struct vt *vt, int r); /* row r of the screen in use */
static int vt_is_blank(const struct cell *cell);
static void vt_blank(struct cell *cells, int n, uint32_t bg);
/* Blanks the remaining half of a wide character; its colours stay. */
static void vt_halve(struct cell *cell);
/* Halves the wide characters across both edges, before the cells from…to-1 are overwritten or
 * moved. */
static void vt_mend(struct vt_line *line, int from, int to);
/* Sets n cells to a character of one or two columns each. */
static void vt_set_cells(struct cell *cells, int n, uint32_t rune, int width,
                         struct cell_style style);
/* Makes the cells before x valid. */
static inline void vt_reach(struct vt_line *line, int x);
/* Makes n cells at x valid, to be overwritten with cells that have the flags. Returns the first. */
static inline struct cell *vt_open(struct vt_line *line, int x, int n, unsigned flags);
static void vt_line_clear(struct vt_line *line, uint32_t bg);
/* Erases the cells from…to-1 of a row with the background colour in force. */
static void vt_erase(struct vt *vt, int row, int from, int to);
static void vt_screen_new(struct vt_screen *screen, int cols, int rows); /* live and blank */
static void vt_screen_free(struct vt_screen *screen);
/* Returns row `row` (< 0: scrollback, unpacked into scratch) of the screen. */
static struct vt_view vt_view(const struct vt *vt, const struct vt_screen *screen, int row,
                              struct cell *scratch);
static struct vt_view vt_view_plain(const struct vt *vt, int row); /* of the screen in use */
/* Moves rows top…bottom up by n; the first n become the last. */
static void vt_rotate_lines(struct vt *vt, int top, int bottom, int n);
static void vt_keep_line(struct vt *vt, const struct vt_line *line); /* into the scrollback */
/* Scrolls rows top…bottom by n rows. Up from the primary screen's first row: into the
 * scrollback. */
static void vt_scroll_up(struct vt *vt, int top, int bottom, int n);
static void vt_scroll_down(struct vt *vt, int top, int bottom, int n);
/* Moves the cursor down a row; at the bottom of the region scrolls. Returns 0 when it can't. */
static int vt_index(struct vt *vt);
static void vt_moved(struct vt *vt); /* after the cursor moved other than by printing */
/* Inserts n blanks at the cursor, or deletes n cells there; the rest of the row moves. */
static void vt_insert_cells(struct vt *vt, int n);
static void vt_delete_cells(struct vt *vt, int n);

/* ---- print: characters at the cursor --------------------------------------------------------- */

static void vt_init_blocks(struct vt *vt); /* once, before anything is printed */
static void vt_put_ascii(struct vt *vt, uint32_t c); /* 0x20…0x7e, in the character set in force */
/* Prints any code point: alone, or joined to the grapheme before the cursor. Returns 0, having done
 * nothing, when it is a control character. */
static int vt_put_odd(struct vt *vt, uint32_t cp);
/* Prints simple characters as far as they fit into the cursor's row. Returns where it stopped; p
 * when the first character isn't simple. */
static const char *vt_put_run(struct vt *vt, const char *p, const char *end);
static void vt_set_extra(struct vt *vt); /* style.extra from underline and link */
static void vt_repeat(struct vt *vt, int n); /* REP: the last printed character n times more */

/* ---- osc: titles, strings, answers ----------------------------------------------------------- */

static int vt_is_light(const struct vt *vt); /* the terminal's ground */
static void vt_answer_theme(struct vt *vt);

static void vt_answer(struct vt *vt, const char *format, int a, int b);
static void vt_title_push(struct vt *vt);
static void vt_title_pop(struct vt *vt);
static void vt_end_string(struct vt *vt); /* the string is complete: handles it */

/* ---- control: control characters and sequences ----------------------------------------------- */

static void vt_control(struct vt *vt, unsigned char c); /* C0, DEL: the latter is ignored */
static void vt_begin_escape(struct vt *vt);
static void vt_begin_csi(struct vt *vt);
static void vt_end_escape(struct vt *vt); /* inter and final are known: handles the sequence */
static void vt_end_csi(struct vt *vt);
static int vt_is_sub(const struct vt *vt, int i); /* parameter i followed a ':' */
static void vt_tabs_default(struct vt *vt);
static void vt_tabs_widen(struct vt *vt, int from); /* the screen was `from` columns wide */
static void vt_alt_drop(struct vt *vt);   /* clears the alternate screen, not in use */
static void vt_soft_reset(struct vt *vt); /* DECSTR */
/* Appends the sequences that set the one-bit modes; not those that also move the cursor. */
static void vt_put_modes(const struct vt *vt, buf *b);
/* Appends what resets the one-bit modes and sets the saved ones; first, it changes other state. */
static void vt_put_mode_resets(const struct vt *vt, buf *b);
#endif
