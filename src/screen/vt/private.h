#ifndef TELEC_VT_PRIVATE_H
#define TELEC_VT_PRIVATE_H
#include "../screen.h"

/* vt - terminal emulator: bytes in, grid of cells out; the screen as a byte string again.
 *
 * What programs use that were told TERM=xterm-256color: ECMA-48 (C0, C1, CSI), the VT220 and xterm
 * additions in the tables below, UTF-8 always on. Where terminals differ xterm is followed: erasing
 * takes the background colour, a character in the last column leaves a pending wrap that the next
 * character carries out and that moving cancels. But as in most other terminals there is nothing to
 * the right of a pending wrap: EL there does not take the last character away.
 *
 * Left out: left and right margins, rectangles, double-size lines, 132 columns, selective erase (as
 * plain erase), character sets but ASCII and DEC line drawing, printing, graphics, colour and
 * clipboard queries. Device control, APC, PM and SOS strings are swallowed.
 *
 *   scrollback (a byte ring of packed lines)     -n  oldest
 *                                                 .
 *                                                -1  newest
 *   screen (a ring of rows of cells)              0  lines[top]
 *                                                 .
 *                                            rows-1  lines[(top + rows - 1) % rows]
 *
 * Of a row only the first `used` cells are valid; what follows is blank. So a fresh row costs
 * nothing to make, however wide it is. Rows move by their 16-byte heads, the cells stay. */

#define VT_TITLE_MAX 256    /* bytes of a title or a notification */
#define VT_DIRECTORY_MAX 1024
#define VT_ANSWERS_MAX 4096 /* bytes of answers not taken yet; further ones are dropped */
#define VT_TITLES_MAX 4     /* titles that a program can push */
#define VT_KEYS_MAX 8       /* sets of kitty keyboard flags that a program can push */
#define VT_PACKED_CELL_MAX (11 + 3 + CELL_TEXT_MAX)

enum vt_state { VT_GROUND, VT_UTF8, VT_ESCAPE, VT_CSI, VT_CSI_BAD, VT_STRING };

enum vt_line_flag {
    VT_LINE_STYLED = 1, /* may hold a cell that isn't in the default style */
    VT_LINE_RUNES = 2,  /* may hold a rune that isn't ASCII */
    VT_LINE_WIDE = 4,   /* may hold a character of two columns */
    VT_LINE_WRAPPED = 8 /* the text goes on in the next row; never set on the last one */
};
#define VT_LINE_CONTENT 7

struct vt_line {
    struct cell *cells;
    uint16_t used;
    uint8_t flags;
};

/* What DECSC saves. */
struct vt_saved {
    int x, y, pending;
    struct cell_style style;
    unsigned char charset[2], shift;
    int origin;
};

/* lines is NULL until the screen is first used. */
struct vt_screen {
    struct vt_line *lines;
    struct cell *cells;
    int top;
    struct vt_saved saved;
};

#define VT_BLOCKS (0x800 + 0x80 + 1)

struct vt_record {
    uint32_t at;
    uint32_t n : 31, wrapped : 1;
};

/* Packed lines, oldest first, in a ring of bytes; their places in a ring of records. A packed line
 * has a byte for every ASCII cell (blank: 0), UTF-8 and tokens (enum vt_token) for the rest. */
struct vt_scroll {
    char *bytes;
    size_t cap, start, n;
    struct vt_record *records;
    int record_cap, first, count;
};

enum vt_token {
    VT_TOKEN_STYLE = 1,  /* fg, bg, attr of the cells that follow, as they are in memory */
    VT_TOKEN_WIDE = 2,   /* the next character has two columns */
    VT_TOKEN_CLUSTER = 3 /* a length byte and the text of a grapheme of several code points */
};

struct vt {
    int cols, rows;
    int x, y;
    int pending;       /* the last column has been written; the next character wraps first */
    int joins;         /* the cell before the cursor was printed last: marks join it, REP repeats
                        * it; always set while a wrap is pending */
    int region_top, region_bottom; /* scroll region, both included */
    struct cell_style style;
    unsigned modes;
    int shape;
    unsigned char charset[2], shift; /* '0' line drawing, else 'B' */
    unsigned char tabs[(VT_COLS_MAX + 7) / 8];
    struct vt_screen screens[2], *screen; /* primary, alternate; the one in use */
    struct vt_scroll scroll;
    struct cell_pool *pool;
    int pool_wait;     /* graphemes to do without before the full pool is swept again */
    struct cell *scratch; /* the row that vt_row gives for scrollback */
    buf packed;

    enum vt_state state;
    unsigned char prefix, inter, inter_count, final; /* of the sequence under way */
    int param_seen, param_last;      /* anything after CSI; index of the last parameter */
    uint16_t params[VT_PARAMS_MAX];
    uint32_t subs;                   /* bit i: parameter i followed a ':' */
    unsigned char string_kind;       /* ']' 'P' 'X' '^' '_' */
    int string_escape;               /* ESC seen: the end of the string if '\' follows */
    buf string;
    char utf8[4];
    int utf8_count;
    unsigned char blocks[VT_BLOCKS]; /* of code points: see vt_simple */

    unsigned signals;
    buf title, directory, notification, clipboard, answers;
    buf titles[VT_TITLES_MAX];       /* pushed, oldest first */
    int title_count;
    int modify_other_keys;           /* xterm's modifyOtherKeys, 0…2 */
    unsigned char keys[VT_KEYS_MAX]; /* kitty keyboard flags, pushed; the last are in force */
    int key_count;
};

typedef void vt_handler(struct vt *vt);

/* A row as text: n cells (see vt_line_end); those up to cols are blank. */
struct vt_view {
    const struct cell *cells;
    int n, wrapped;
};

static struct vt_line *vt_line_of(const struct vt_screen *screen, int rows, int r);
static struct vt_line *vt_line(const struct vt *vt, int r);
static int vt_is_blank(const struct cell *cell);
static void vt_blank(struct cell *cells, int n, uint32_t bg);
static void vt_halve(struct cell *cell);
static void vt_mend(struct vt_line *line, int from, int to);
static inline struct cell *vt_open(struct vt_line *line, int x, int n, unsigned flags);
static void vt_line_clear(struct vt *vt, struct vt_line *line, uint32_t bg);
static void vt_erase(struct vt *vt, int row, int from, int to);
static void vt_screen_new(struct vt_screen *screen, int cols, int rows);
static void vt_screen_free(struct vt_screen *screen);
static void vt_scroll_clear(struct vt_scroll *s);
static struct vt_view vt_view(const struct vt *vt, const struct vt_screen *screen, int row,
                              struct cell *scratch);
static struct vt_view vt_view_plain(const struct vt *vt, int row);
static void vt_rotate_lines(struct vt *vt, int top, int bottom, int n);
static void vt_keep_line(struct vt *vt, const struct vt_line *line);
static void vt_scroll_up(struct vt *vt, int top, int bottom, int n);
static void vt_scroll_down(struct vt *vt, int top, int bottom, int n);
static int vt_index(struct vt *vt);
static void vt_moved(struct vt *vt);
static unsigned vt_style_flag(const struct vt *vt);
static void vt_advance(struct vt *vt, int n);
static void vt_insert_cells(struct vt *vt, int n);
static void vt_delete_cells(struct vt *vt, int n);
static void vt_put(struct vt *vt, uint32_t rune, int width);
static inline uint32_t vt_rune_of(uint32_t c);
static void vt_put_ascii(struct vt *vt, uint32_t c);
static struct cell *vt_last_cell(struct vt *vt, int *x);
static int vt_join(struct vt *vt, uint32_t cp);
static void vt_c0_escape(struct vt *vt);
static void vt_control(struct vt *vt, unsigned char c);
static int vt_param(const struct vt *vt, int i);
static int vt_is_sub(const struct vt *vt, int i);
static int vt_clamp(int v, int low, int high);
static void vt_answer(struct vt *vt, const char *format, int a, int b);
static void vt_csi_up(struct vt *vt);
static void vt_csi_down(struct vt *vt);
static void vt_csi_right(struct vt *vt);
static void vt_csi_left(struct vt *vt);
static void vt_csi_next_line(struct vt *vt);
static void vt_csi_previous_line(struct vt *vt);
static void vt_csi_column(struct vt *vt);
static void vt_csi_row(struct vt *vt);
static void vt_csi_row_right(struct vt *vt);
static void vt_csi_position(struct vt *vt);
static void vt_csi_tab(struct vt *vt);
static void vt_csi_tab_back(struct vt *vt);
static void vt_save(struct vt *vt);
static void vt_restore(struct vt *vt);
static void vt_csi_erase_line(struct vt *vt);
static void vt_csi_erase_display(struct vt *vt);
static void vt_csi_erase_cells(struct vt *vt);
static void vt_csi_insert_cells(struct vt *vt);
static void vt_csi_delete_cells(struct vt *vt);
static void vt_csi_insert_lines(struct vt *vt);
static void vt_csi_delete_lines(struct vt *vt);
static void vt_csi_scroll_up(struct vt *vt);
static void vt_csi_scroll_down(struct vt *vt);
static void vt_csi_region(struct vt *vt);
static void vt_csi_repeat(struct vt *vt);
static void vt_csi_sgr(struct vt *vt);
static void vt_csi_set(struct vt *vt);
static void vt_csi_reset(struct vt *vt);
static void vt_csi_ask_mode(struct vt *vt);
static void vt_tabs_default(struct vt *vt);
static void vt_esc_tab_set(struct vt *vt);
static void vt_csi_tab_clear(struct vt *vt);
static void vt_csi_soft_reset(struct vt *vt);
static void vt_esc_reset(struct vt *vt);
static void vt_csi_shape(struct vt *vt);
static void vt_csi_ask_device(struct vt *vt);
static void vt_csi_ask_device2(struct vt *vt);
static void vt_csi_ask_status(struct vt *vt);
static void vt_csi_ask_version(struct vt *vt);
static void vt_csi_modify_keys(struct vt *vt);
static void vt_csi_keys_push(struct vt *vt);
static void vt_csi_keys_pop(struct vt *vt);
static void vt_csi_keys_set(struct vt *vt);
static void vt_csi_window(struct vt *vt);
static void vt_string_done(struct vt *vt);
static void vt_esc_string(struct vt *vt);
static void vt_init_blocks(struct vt *vt);
#endif
