#ifndef TELEC_VT_PRIVATE_H
#define TELEC_VT_PRIVATE_H
#include "../screen.h"

/* vt - terminal emulator. Only the files of vt/ include this header.
 *
 * Implemented: ECMA-48 (C0, C1, CSI), the additions of the VT220 and xterm in the tables of
 * control.c and osc.c, UTF-8 always on. Where terminals differ, xterm is followed: erasing uses the
 * background colour; a character in the last column leaves a pending wrap, which the next character
 * carries out and a cursor move cancels. One difference: EL at a pending wrap erases nothing.
 *
 * Left out: what section 6 of doc/protocol.md lists.
 *
 *   scrollback (a byte ring of packed lines)     -n  oldest
 *                                                 .
 *                                                -1  newest
 *   screen (a ring of rows of cells)              0  lines[top]
 *                                                 .
 *                                            rows-1  lines[(top + rows - 1) % rows]
 *
 * Only the first `used` cells of a row are valid; the rest is blank, of one colour: clearing costs
 * nothing. To move rows, their heads are exchanged. A row of one character is written out when it
 * is used. */

#define VT_TITLE_MAX 256    /* bytes; also of a notification */
#define VT_DIRECTORY_MAX 1024
#define VT_LINK_MAX 2048
#define VT_LINK_ID_MAX 64
#define VT_ANSWERS_MAX 4096 /* bytes not drained yet; further answers are dropped */
#define VT_TITLES_MAX 4     /* pushed */
#define VT_KEYS_MAX 8       /* pushed sets of kitty's flags */
#define VT_PACKED_CELL_MAX (13 + 3 + CELL_TEXT_MAX)
#define VT_BLOCKS (0x800 + 0x80 + 1) /* vt_block */

enum vt_state { VT_GROUND, VT_UTF8, VT_ESCAPE, VT_CSI, VT_CSI_BAD, VT_STRING };

enum vt_line_flag {
    VT_LINE_STYLED = 1, /* may have a cell in another style than the default */
    VT_LINE_RUNES = 2,  /* in other text than ASCII */
    VT_LINE_WIDE = 4,   /* of two columns */
    VT_LINE_WRAPPED = 8, /* it continues in the next row; never the last row */
    VT_LINE_REPEATS = 16 /* only its first character is valid, which fills the used cells */
};
#define VT_LINE_CONTENT 7

struct vt_line {
    struct cell *cells;
    uint16_t used;
    uint8_t flags;
    uint32_t bg; /* behind the used cells */
};

/* State that DECSC saves. */
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
    int live;              /* 0: cleared; its rows are not valid, other fields as new */
    struct vt_saved saved;
    unsigned char keys[VT_KEYS_MAX]; /* kitty's flags; the last are in force */
    int key_count;
};

/* A packed row. */
struct vt_record {
    uint32_t at;
    uint32_t n : 30, wrapped : 1, utf16 : 1;
    uint32_t cost; /* bytes as UTF-8 and tokens in a line not wrapped: the same in every width */
};

/* The scrollback: a ring of bytes and a ring of records, oldest first. A line is a row and those
 * that it wraps into. All zero is empty. */
struct vt_scroll {
    char *bytes;
    size_t cap, start, n;
    struct vt_record *records;
    int record_cap, first, count;
    int lines;
    int recent;             /* rows since the screen was cleared: a larger one shows them again */
    size_t cost;
    struct cell_style last; /* of the newest row's last cell */
    buf packed;
};

/* A row as text; cells behind n are blank. Valid until the row, or its scratch cells, change. */
struct vt_view {
    const struct cell *cells;
    int n, wrapped;
};

/* A new field that a program can set is state: snapshot.c says what to add for it. */
struct vt {
    int cols, rows;
    int x, y;
    int pending;       /* the next character wraps first */
    int joins;         /* the cell before the cursor was printed last: marks join it; set while a
                        * wrap is pending */
    int region_top, region_bottom; /* both included */
    struct cell_style style;
    unsigned modes;    /* enum vt_mode */
    unsigned saved_modes; /* XTSAVE */
    int shape;         /* DECSCUSR */
    unsigned char charset[2], shift; /* '0' line drawing, else 'B' */
    struct vt_screen screens[2], *screen; /* primary, alternate; in use */
    struct vt_scroll scroll;
    struct cell_pool *pool;
    int pool_wait;     /* new graphemes before a full pool is swept again */
    struct cell *scratch; /* the scrollback row that vt_row returns */

    enum vt_state state;
    unsigned char prefix, inter, inter_count, final; /* unfinished */
    int param_seen, param_last;      /* a byte after CSI; an index */
    uint32_t subs;                   /* bit i: parameter i followed a ':' */
    int string_bell;                 /* BEL ended it */
    int string_escape;               /* ESC seen: the string ends if '\' follows */
    buf string;
    char utf8[4];                    /* unfinished */
    int utf8_count;

    unsigned signals;                /* enum vt_signal */
    buf title, directory, notification, clipboard, answers;
    int title_count;
    int notified_by;                 /* an OSC */
    int progress;
    uint32_t underline;              /* SGR 58 */
    buf link;                        /* OSC 8, as in cell_extra */
    int extra_wait;                  /* as pool_wait */
    uint32_t colours[3];             /* as in vt_colours */
    int modify_other_keys;           /* 0…2 */
    uint16_t params[VT_PARAMS_MAX];
    unsigned char tabs[(GRID_COLS_MAX + 7) / 8];
    unsigned char blocks[VT_BLOCKS]; /* for vt_find_simple */
    buf titles[VT_TITLES_MAX];       /* pushed, oldest first */
    unsigned char string_kind;       /* ']' 'P' 'X' '^' '_' */
};

/* ---- scroll: the scrollback ------------------------------------------------------------------ */

static int vt_cell_width(const struct cell *cell); /* columns */
static void vt_scroll_clear(struct vt_scroll *s);
/* flags: enum vt_line_flag. Drops the oldest rows past VT_SCROLL_LINES and VT_SCROLL_BYTES. */
static void vt_scroll_keep(struct vt_scroll *s, const struct cell_pool *pool,
                           const struct cell *cells, int count, unsigned flags);
/* A line of ASCII in the default style, that continues no row. */
static void vt_scroll_keep_text(struct vt_scroll *s, span line);
/* The screen has been cleared: text that follows begins a new line. */
static void vt_scroll_cleared(struct vt_scroll *s);
/* Unpacks row -1 (the newest) … -count into at most `most` cells. Returns their number. */
static int vt_scroll_row(const struct vt_scroll *s, struct cell_pool *pool, int row,
                         struct cell *out, int most, int *wrapped);
/* Marks the rows' extras in `used`, the newest first, up to three quarters of all; removes the
 * others. */
static void vt_scroll_mark_extras(struct vt_scroll *s, const struct cell_pool *pool,
                                  unsigned char *used);

/* ---- screen: rows of cells ------------------------------------------------------------------- */

static int vt_clamp(int v, int low, int high);
/* _head: with VT_LINE_REPEATS as it is; the others write such a row out. */
static struct vt_line *vt_line_head(const struct vt_screen *screen, int rows, int r);
static struct vt_line *vt_line_of(const struct vt_screen *screen, int rows, int r);
static struct vt_line *vt_line(const struct vt *vt, int r);
/* Fills a row from its beginning with n characters; none of its cells stay. */
static void vt_line_repeat(struct vt_line *line, int n, uint32_t rune, int width,
                           struct cell_style style, unsigned flags);
static int vt_is_blank(const struct cell *cell);
static void vt_blank(struct cell *cells, int n, uint32_t bg);
/* Blanks half a wide character; its colours stay. */
static void vt_halve(struct cell *cell);
/* Halves the wide characters across both edges of cells to be overwritten or moved. */
static void vt_mend(struct vt_line *line, int from, int to);
static void vt_set_cells(struct cell *cells, int n, uint32_t rune, int width,
                         struct cell_style style);
/* Makes the cells before x valid; open: n more, which then have the flags. */
static inline void vt_reach(struct vt_line *line, int x);
static inline struct cell *vt_open(struct vt_line *line, int x, int n, unsigned flags);
static void vt_line_clear(struct vt_line *line, uint32_t bg);
static void vt_erase(struct vt *vt, int row, int from, int to);
static void vt_screen_new(struct vt_screen *screen, int cols, int rows); /* live and blank */
static void vt_screen_free(struct vt_screen *screen);
/* row < 0: scrollback, unpacked into scratch. */
static struct vt_view vt_view(const struct vt *vt, const struct vt_screen *screen, int row,
                              struct cell *scratch);
static struct vt_view vt_view_plain(const struct vt *vt, int row); /* of the screen in use */
/* Moves rows up by n; the first n become the last. */
static void vt_rotate_lines(struct vt *vt, int top, int bottom, int n);
static void vt_clear_rows(struct vt *vt, int from, int to);
static void vt_keep_line(struct vt *vt, struct vt_line *line);
/* Scrolls up; rows from the primary screen's first one go into the scrollback. */
static void vt_scroll_up(struct vt *vt, int top, int bottom, int n);
static void vt_scroll_down(struct vt *vt, int top, int bottom, int n);
/* Moves the cursor down, or scrolls. Returns 0 when it can't. */
static int vt_index(struct vt *vt);
static void vt_moved(struct vt *vt); /* other than by printing */
static void vt_insert_cells(struct vt *vt, int n);
static void vt_delete_cells(struct vt *vt, int n);

/* ---- print: characters at the cursor --------------------------------------------------------- */

static void vt_init_blocks(struct vt *vt);
static void vt_put_ascii(struct vt *vt, uint32_t c);
/* Prints a code point, joined to the grapheme before the cursor where it belongs there. Returns 0
 * of a control character. */
static int vt_put_odd(struct vt *vt, uint32_t cp);
/* Prints simple characters as far as the row goes. Returns where it stopped. */
static const char *vt_put_run(struct vt *vt, const char *p, const char *end);
/* Puts plain lines that can't be seen, as more than a screen follows, into the scrollback, undrawn.
 * Returns where the others begin. *next: bytes before were looked at; another look would make the
 * cost the square of the length. */
static const char *vt_put_flood(struct vt *vt, const char *p, const char *end, const char **next);
static void vt_set_extra(struct vt *vt);
static void vt_repeat(struct vt *vt, int n); /* REP */

/* ---- osc: titles, strings, answers ----------------------------------------------------------- */

static int vt_is_light(const struct vt *vt); /* the terminal's ground */
static void vt_answer_theme(struct vt *vt);

static void vt_answer(struct vt *vt, const char *format, int a, int b);
static void vt_title_push(struct vt *vt);
static void vt_title_pop(struct vt *vt);
static void vt_end_string(struct vt *vt);

/* ---- control: control characters and sequences ----------------------------------------------- */

static void vt_control(struct vt *vt, unsigned char c); /* DEL is ignored */
static void vt_begin_escape(struct vt *vt);
static void vt_begin_csi(struct vt *vt);
static void vt_end_escape(struct vt *vt);
static void vt_end_csi(struct vt *vt);
static int vt_is_sub(const struct vt *vt, int i);
static void vt_tabs_default(struct vt *vt);
static void vt_tabs_widen(struct vt *vt, int from); /* the screen was `from` columns wide */
static void vt_alt_drop(struct vt *vt);   /* clears the alternate screen, not in use */
static void vt_soft_reset(struct vt *vt); /* DECSTR */
/* Appends the modes that are one bit. */
static void vt_put_modes(const struct vt *vt, buf *b);
/* Resets those and sets the saved ones; goes first, as it changes other state. */
static void vt_put_mode_resets(const struct vt *vt, buf *b);
#endif
