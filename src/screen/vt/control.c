#include "private.h"

/* vt/control - control characters and sequences: a function for each, and the tables that find
 * it. */

typedef void (*vt_handler)(struct vt *vt);

/* ---- C0 ------------------------------------------------------------------------------------- */

static void vt_c0_bell(struct vt *vt)
{
    vt->signals |= VT_BELL;
}

/* Moves left; with reverse wrap also up into rows that wrap. A pending wrap counts as a column. */
static void vt_back(struct vt *vt, int n)
{
    int wraps = (vt->modes & (VT_REVERSE_WRAP | VT_NO_WRAP)) == VT_REVERSE_WRAP;
    n -= wraps && vt->pending;
    while (wraps && n > vt->x && vt->y > 0 && vt->y != vt->region_top &&
           vt_line(vt, vt->y - 1)->flags & VT_LINE_WRAPPED) {
        n -= vt->x + 1;
        vt->x = vt->cols - 1;
        vt->y--;
    }
    vt->x = n < vt->x ? vt->x - n : 0;
    vt_moved(vt);
}

static void vt_c0_backspace(struct vt *vt)
{
    vt_back(vt, 1);
}

static void vt_c0_tab(struct vt *vt)
{
    if (vt->x >= vt->cols - 1)
        return; /* a pending wrap stays */
    do
        vt->x++;
    while (vt->x < vt->cols - 1 && !(vt->tabs[vt->x / 8] & 1 << vt->x % 8));
    vt_moved(vt);
}

static void vt_c0_return(struct vt *vt)
{
    vt->x = 0;
    vt_moved(vt);
}

static void vt_c0_line_feed(struct vt *vt)
{
    vt_index(vt);
    if (vt->modes & VT_NEWLINE)
        vt->x = 0;
    vt_moved(vt);
}

static void vt_c0_shift_out(struct vt *vt)
{
    vt->shift = 1;
}

static void vt_c0_shift_in(struct vt *vt)
{
    vt->shift = 0;
}

static void vt_c0_cancel(struct vt *vt)
{
    vt->state = VT_GROUND;
}

static void vt_begin_escape(struct vt *vt)
{
    vt->state = VT_ESCAPE;
    vt->inter = vt->inter_count = 0;
}

static const vt_handler vt_c0[32] = {
    [0x07] = vt_c0_bell,      [0x08] = vt_c0_backspace, [0x09] = vt_c0_tab,
    [0x0a] = vt_c0_line_feed, [0x0b] = vt_c0_line_feed, [0x0c] = vt_c0_line_feed,
    [0x0d] = vt_c0_return,    [0x0e] = vt_c0_shift_out, [0x0f] = vt_c0_shift_in,
    [0x18] = vt_c0_cancel,    [0x1a] = vt_c0_cancel,    [0x1b] = vt_begin_escape,
};

static void vt_control(struct vt *vt, unsigned char c)
{
    if (c < 32 && vt_c0[c])
        vt_c0[c](vt);
}

/* ---- parameters ----------------------------------------------------------------------------- */

TELEC_FAST
static int vt_param(const struct vt *vt, int i)
{
    return i <= vt->param_last && i < VT_PARAMS_MAX ? vt->params[i] : 0;
}

/* Returns a count or a position; 0 and absent mean 1. */
static int vt_count(const struct vt *vt, int i)
{
    int v = vt_param(vt, i);
    return v ? v : 1;
}

static int vt_params(const struct vt *vt)
{
    return vt->param_last < VT_PARAMS_MAX ? vt->param_last + 1 : VT_PARAMS_MAX;
}

static int vt_is_sub(const struct vt *vt, int i)
{
    return i < vt_params(vt) && (vt->subs >> i & 1);
}
TELEC_SMALL

/* ---- cursor --------------------------------------------------------------------------------- */

TELEC_FAST
/* Moves the cursor to row and column, from 0; in origin mode the row counts from the region's
 * top. */
static void vt_goto(struct vt *vt, int row, int col)
{
    int top = 0, bottom = vt->rows - 1;
    if (vt->modes & VT_ORIGIN) {
        top = vt->region_top;
        bottom = vt->region_bottom;
    }
    vt->y = vt_clamp(top + row, top, bottom);
    vt->x = vt_clamp(col, 0, vt->cols - 1);
    vt_moved(vt);
}
TELEC_SMALL

static int vt_origin_row(const struct vt *vt)
{
    return vt->modes & VT_ORIGIN ? vt->y - vt->region_top : vt->y;
}

static void vt_csi_up(struct vt *vt)
{
    int top = vt->y >= vt->region_top ? vt->region_top : 0;
    vt->y = vt_clamp(vt->y - vt_count(vt, 0), top, vt->rows - 1);
    vt_moved(vt);
}

static void vt_csi_down(struct vt *vt)
{
    int bottom = vt->y <= vt->region_bottom ? vt->region_bottom : vt->rows - 1;
    vt->y = vt_clamp(vt->y + vt_count(vt, 0), 0, bottom);
    vt_moved(vt);
}

static void vt_csi_right(struct vt *vt)
{
    vt->x = vt_clamp(vt->x + vt_count(vt, 0), 0, vt->cols - 1);
    vt_moved(vt);
}

static void vt_csi_left(struct vt *vt)
{
    vt_back(vt, vt_count(vt, 0));
}

static void vt_csi_next_line(struct vt *vt)
{
    vt->x = 0;
    vt_csi_down(vt);
}

static void vt_csi_previous_line(struct vt *vt)
{
    vt->x = 0;
    vt_csi_up(vt);
}

static void vt_csi_column(struct vt *vt)
{
    vt->x = vt_clamp(vt_count(vt, 0) - 1, 0, vt->cols - 1);
    vt_moved(vt);
}

static void vt_csi_row(struct vt *vt)
{
    vt_goto(vt, vt_count(vt, 0) - 1, vt->x);
}

static void vt_csi_row_right(struct vt *vt)
{
    vt_goto(vt, vt_origin_row(vt) + vt_count(vt, 0), vt->x);
}

static void vt_csi_position(struct vt *vt)
{
    vt_goto(vt, vt_count(vt, 0) - 1, vt_count(vt, 1) - 1);
}

static void vt_csi_tab(struct vt *vt)
{
    int n = vt_count(vt, 0);
    while (n-- > 0 && vt->x < vt->cols - 1)
        vt_c0_tab(vt);
}

static void vt_csi_tab_back(struct vt *vt)
{
    int n = vt_count(vt, 0);
    while (n > 0 && vt->x > 0) {
        vt->x--;
        if (vt->tabs[vt->x / 8] & 1 << vt->x % 8)
            n--;
    }
    vt_moved(vt);
}

static void vt_save(struct vt *vt)
{
    struct vt_saved *s = &vt->screen->saved;
    s->x = vt->x;
    s->y = vt->y;
    s->pending = vt->pending;
    s->style = vt->style;
    memcpy(s->charset, vt->charset, sizeof s->charset);
    s->shift = vt->shift;
    s->origin = (vt->modes & VT_ORIGIN) != 0;
}

/* A pending wrap stays, in a row that has other cells now. */
static void vt_keep_pending(struct vt *vt)
{
    vt->joins = vt->pending;
    if (vt->pending)
        vt_reach(vt_line(vt, vt->y), vt->cols);
}

/* Never puts the cursor outside the region in origin mode, even one that was set after DECSC. */
static void vt_restore(struct vt *vt)
{
    const struct vt_saved *s = &vt->screen->saved;
    vt->modes = s->origin ? vt->modes | VT_ORIGIN : vt->modes & ~(unsigned)VT_ORIGIN;
    vt_goto(vt, s->origin ? s->y - vt->region_top : s->y, s->x);
    vt->pending = s->pending && vt->x == vt->cols - 1 && vt->y == s->y;
    vt_keep_pending(vt);
    vt->style = s->style;
    vt->underline = cell_extra_of(vt->pool, s->style.extra).underline;
    vt_set_extra(vt);
    memcpy(vt->charset, s->charset, sizeof s->charset);
    vt->shift = s->shift;
}

static void vt_saved_reset(struct vt_saved *s)
{
    *s = (struct vt_saved){.charset = {'B', 'B'}};
}

static void vt_esc_index(struct vt *vt)
{
    vt_index(vt);
    vt_moved(vt);
}

static void vt_esc_next_line(struct vt *vt)
{
    vt->x = 0;
    vt_esc_index(vt);
}

static void vt_esc_reverse_index(struct vt *vt)
{
    if (vt->y == vt->region_top)
        vt_scroll_down(vt, vt->region_top, vt->region_bottom, 1);
    else if (vt->y > 0)
        vt->y--;
    vt_moved(vt);
}

/* ---- erasing, inserting, scrolling ---------------------------------------------------------- */

static void vt_csi_erase_line(struct vt *vt)
{
    int what = vt_param(vt, 0);
    if (what <= 2 && !(what == 0 && vt->pending))
        vt_erase(vt, vt->y, what == 0 ? vt->x : 0, what == 1 ? vt->x + 1 : vt->cols);
}

static void vt_csi_erase_display(struct vt *vt)
{
    int what = vt_param(vt, 0);
    if (what == 3)
        vt_scroll_clear(&vt->scroll);
    if (what >= 3)
        return;
    int all = what == 2 || (what == 0 && vt->y == 0 && vt->x == 0 && !vt->pending);
    if (all && vt->screen == &vt->screens[0])
        vt_scroll_cleared(&vt->scroll);
    if (what != 0)
        vt_clear_rows(vt, 0, what == 1 ? vt->y : vt->rows);
    if (what == 0)
        vt_clear_rows(vt, vt->y + 1, vt->rows);
    if (what != 2)
        vt_csi_erase_line(vt);
}

static void vt_csi_erase_cells(struct vt *vt)
{
    if (!vt->pending)
        vt_erase(vt, vt->y, vt->x, vt->x + vt_count(vt, 0));
}

static void vt_csi_insert_cells(struct vt *vt)
{
    if (!vt->pending)
        vt_insert_cells(vt, vt_count(vt, 0));
}

static void vt_csi_delete_cells(struct vt *vt)
{
    if (!vt->pending)
        vt_delete_cells(vt, vt_count(vt, 0));
}

static void vt_csi_insert_lines(struct vt *vt)
{
    if (vt->y < vt->region_top || vt->y > vt->region_bottom)
        return;
    vt_scroll_down(vt, vt->y, vt->region_bottom, vt_count(vt, 0));
    vt_c0_return(vt);
}

/* Lines deleted at the top of the screen do not go into the scrollback: they don't scroll. */
static void vt_csi_delete_lines(struct vt *vt)
{
    int n = vt_count(vt, 0), most = vt->region_bottom - vt->y + 1;
    if (vt->y < vt->region_top || vt->y > vt->region_bottom)
        return;
    n = n < most ? n : most;
    if (vt->y > 0)
        vt_line(vt, vt->y - 1)->flags &= (uint8_t)~VT_LINE_WRAPPED;
    vt_rotate_lines(vt, vt->y, vt->region_bottom, n);
    vt_clear_rows(vt, vt->region_bottom - n + 1, vt->region_bottom + 1);
    vt_c0_return(vt);
}

static void vt_csi_scroll_up(struct vt *vt)
{
    vt_scroll_up(vt, vt->region_top, vt->region_bottom, vt_count(vt, 0));
    vt_keep_pending(vt);
}

static void vt_csi_scroll_down(struct vt *vt)
{
    if (vt->param_last > 0)
        return; /* that is highlight mouse tracking */
    vt_scroll_down(vt, vt->region_top, vt->region_bottom, vt_count(vt, 0));
    vt_keep_pending(vt);
}

static void vt_csi_repeat(struct vt *vt)
{
    vt_repeat(vt, vt_count(vt, 0));
}

static void vt_csi_region(struct vt *vt)
{
    int top = vt_count(vt, 0) - 1, bottom = vt_param(vt, 1) - 1;
    if (bottom < 0 || bottom >= vt->rows)
        bottom = vt->rows - 1;
    if (top >= bottom && (vt->rows > 1 || top > 0))
        return;
    vt->region_top = top;
    vt->region_bottom = bottom;
    vt_goto(vt, 0, 0);
}

/* ---- SGR ------------------------------------------------------------------------------------ */

/* Attributes that the codes 1…9, 21…29, 53 and 55 clear and set. */
static const struct {
    uint16_t clear, set;
} vt_sgr_attrs[] = {
    [1] = {0, CELL_BOLD}, [2] = {0, CELL_DIM}, [3] = {0, CELL_ITALIC},
    [4] = {CELL_UNDERLINE, 1 << CELL_UNDERLINE_SHIFT}, [5] = {0, CELL_BLINK}, [6] = {0, CELL_BLINK},
    [7] = {0, CELL_REVERSE}, [8] = {0, CELL_HIDDEN}, [9] = {0, CELL_STRIKE},
    [21] = {CELL_UNDERLINE, 2 << CELL_UNDERLINE_SHIFT}, [22] = {CELL_BOLD | CELL_DIM, 0},
    [23] = {CELL_ITALIC, 0}, [24] = {CELL_UNDERLINE, 0}, [25] = {CELL_BLINK, 0},
    [27] = {CELL_REVERSE, 0}, [28] = {CELL_HIDDEN, 0}, [29] = {CELL_STRIKE, 0},
    [53] = {0, CELL_OVERLINE}, [55] = {CELL_OVERLINE, 0},
};

TELEC_FAST
static uint32_t vt_byte(const struct vt *vt, int i)
{
    return (uint32_t)vt_param(vt, i) & 255;
}

/* Reads the colour of the 38, 48 or 58 at parameter i: "5;n", "2;r;g;b", "5:n", "2:r:g:b" or
 * "2:space:r:g:b". Returns how many parameters it has. */
static int vt_sgr_extended(const struct vt *vt, int i, uint32_t *colour)
{
    int subs = 0, rgb = i + 2, kind = vt_param(vt, i + 1), used;
    while (vt_is_sub(vt, i + 1 + subs))
        subs++;
    if (subs > 4 && kind == 2)
        rgb++;
    used = subs ? subs : kind == 5 ? 2 : kind == 2 ? 4 : 1;
    if (i + used >= vt_params(vt) + (subs > 0))
        return used;
    if (kind == 5 && used >= 2 && vt_param(vt, i + 2) <= 255)
        *colour = CELL_INDEXED | (uint32_t)vt_param(vt, i + 2);
    if (kind == 2 && used >= 4)
        *colour = CELL_RGB | vt_byte(vt, rgb) << 16 | vt_byte(vt, rgb + 1) << 8 |
                  vt_byte(vt, rgb + 2);
    return used;
}

static void vt_sgr_underline(struct vt *vt, unsigned style)
{
    if (style > 5)
        style = 1;
    vt->style.attr = (uint16_t)((vt->style.attr & ~CELL_UNDERLINE) | style << CELL_UNDERLINE_SHIFT);
}

/* Returns the index of the next code. */
static int vt_sgr_one(struct vt *vt, int i)
{
    struct cell_style *style = &vt->style;
    int code = vt->params[i];
    uint32_t colour = CELL_INDEXED | (uint32_t)(code % 10);
    if (code == 0)
        *style = (struct cell_style){.attr = style->attr & CELL_PROMPT}, vt->underline = 0;
    else if (code == 59)
        vt->underline = 0;
    else if (code == 4 && vt_is_sub(vt, i + 1))
        vt_sgr_underline(vt, vt->params[i + 1]);
    else if (code < 30 || code == 53 || code == 55)
        style->attr = (uint16_t)((style->attr & ~vt_sgr_attrs[code].clear) |
                                 vt_sgr_attrs[code].set);
    else if (code == 38 || code == 48 || code == 58)
        i += vt_sgr_extended(vt, i, code == 38 ? &style->fg : code == 48 ? &style->bg
                                                                         : &vt->underline);
    else if (code <= 39)
        style->fg = code == 39 ? 0 : colour;
    else if (code <= 49)
        style->bg = code == 49 ? 0 : colour;
    else if (code >= 90 && code <= 97)
        style->fg = colour + 8;
    else if (code >= 100 && code <= 107)
        style->bg = colour + 8;
    do
        i++;
    while (vt_is_sub(vt, i));
    return i;
}

static void vt_csi_sgr(struct vt *vt)
{
    int i = 0, n = vt_params(vt);
    while (i < n)
        i = vt_sgr_one(vt, i);
    if (vt->underline || vt->link.n || vt->style.extra)
        vt_set_extra(vt);
}
TELEC_SMALL

/* ---- modes ---------------------------------------------------------------------------------- */

static void vt_alt_leave(struct vt *vt)
{
    vt->screen = &vt->screens[0];
    vt->modes &= ~(unsigned)VT_ALT_SCREEN;
    vt_moved(vt);
}

static void vt_alt_drop(struct vt *vt)
{
    vt->screens[1].live = vt->screens[1].key_count = 0;
    vt_saved_reset(&vt->screens[1].saved);
}

static void vt_alt_enter(struct vt *vt)
{
    struct vt_screen *screen = vt->screen = &vt->screens[1];
    if (!screen->live) {
        if (!screen->lines)
            vt_screen_new(screen, vt->cols, vt->rows);
        for (int r = 0; r < vt->rows; r++)
            vt_line_clear(vt_line_head(screen, vt->rows, r), 0);
        screen->live = 1;
    }
    vt->modes |= VT_ALT_SCREEN;
    vt_moved(vt);
}

static void vt_mode_origin(struct vt *vt, int on)
{
    vt->modes = on ? vt->modes | VT_ORIGIN : vt->modes & ~(unsigned)VT_ORIGIN;
    vt_goto(vt, 0, 0);
}

/* DECCOLM, where mode 40 allows it: clears the screen. The width stays: viewers decide it. */
static void vt_mode_columns(struct vt *vt, int on)
{
    (void)on;
    if (!(vt->modes & VT_ALLOW_COLUMNS))
        return;
    vt->region_top = 0;
    vt->region_bottom = vt->rows - 1;
    vt_clear_rows(vt, 0, vt->rows);
    vt_goto(vt, 0, 0);
}

static void vt_mode_alt_plain(struct vt *vt, int on)
{
    if (on)
        vt_alt_enter(vt);
    else
        vt_alt_leave(vt);
}

/* 1047: leaving clears the alternate screen. */
static void vt_mode_alt_clear(struct vt *vt, int on)
{
    vt_mode_alt_plain(vt, on);
    if (!on)
        vt_alt_drop(vt);
}

static void vt_mode_save(struct vt *vt, int on)
{
    if (on)
        vt_save(vt);
    else
        vt_restore(vt);
}

/* 1049: saves the cursor and clears the alternate screen; leaving restores the cursor. */
static void vt_mode_alt(struct vt *vt, int on)
{
    if (on) {
        vt_save(vt);
        vt_alt_enter(vt);
        vt_clear_rows(vt, 0, vt->rows);
    } else {
        vt_mode_alt_clear(vt, 0);
        vt_restore(vt);
    }
}

static void vt_mode_sync(struct vt *vt, int on)
{
    vt->modes = on ? vt->modes | VT_SYNC : vt->modes & ~(unsigned)VT_SYNC;
    vt->signals |= VT_SYNCED;
}

#define VT_MOUSE_MODES (VT_MOUSE_X10 | VT_MOUSE_NORMAL | VT_MOUSE_BUTTON | VT_MOUSE_ANY)
#define VT_MOUSE_FORMS (VT_MOUSE_UTF8 | VT_MOUSE_SGR | VT_MOUSE_URXVT)

/* DEC private modes. A mode of a group resets the others of the group. */
static const struct vt_mode_row {
    uint16_t number;
    unsigned bit, group;
    int inverted;                         /* the bit means: reset */
    void (*change)(struct vt *vt, int on); /* NULL: only the bit, if any, changes */
} vt_dec_modes[] = {
    {1, VT_APP_CURSOR, 0, 0, NULL},
    {3, 0, 0, 0, vt_mode_columns},
    {5, VT_REVERSE_VIDEO, 0, 0, NULL},
    {6, VT_ORIGIN, 0, 0, vt_mode_origin},
    {7, VT_NO_WRAP, 0, 1, NULL},
    {9, VT_MOUSE_X10, VT_MOUSE_MODES, 0, NULL},
    {12, VT_CURSOR_BLINK, 0, 0, NULL},
    {25, VT_CURSOR_HIDDEN, 0, 1, NULL},
    {40, VT_ALLOW_COLUMNS, 0, 0, NULL},
    {45, VT_REVERSE_WRAP, 0, 0, NULL},
    {47, VT_ALT_SCREEN, 0, 0, vt_mode_alt_plain},
    {66, VT_APP_KEYPAD, 0, 0, NULL},
    {1000, VT_MOUSE_NORMAL, VT_MOUSE_MODES, 0, NULL},
    {1002, VT_MOUSE_BUTTON, VT_MOUSE_MODES, 0, NULL},
    {1003, VT_MOUSE_ANY, VT_MOUSE_MODES, 0, NULL},
    {1004, VT_FOCUS, 0, 0, NULL},
    {1005, VT_MOUSE_UTF8, VT_MOUSE_FORMS, 0, NULL},
    {1006, VT_MOUSE_SGR, VT_MOUSE_FORMS, 0, NULL},
    {1007, VT_NO_ALT_SCROLL, 0, 1, NULL},
    {1015, VT_MOUSE_URXVT, VT_MOUSE_FORMS, 0, NULL},
    {1047, VT_ALT_SCREEN, 0, 0, vt_mode_alt_clear},
    {1048, 0, 0, 0, vt_mode_save},
    {1049, VT_ALT_SCREEN, 0, 0, vt_mode_alt},
    {2004, VT_BRACKETED_PASTE, 0, 0, NULL},
    {2026, VT_SYNC, 0, 0, vt_mode_sync},
    {2031, VT_THEME, 0, 0, NULL},
    {2027, 0, 0, 0, NULL}, /* graphemes are always whole */
};

static const struct vt_mode_row vt_ansi_modes[] = {
    {4, VT_INSERT, 0, 0, NULL},
    {20, VT_NEWLINE, 0, 0, NULL},
};

TELEC_FAST
static const struct vt_mode_row *vt_find_mode(const struct vt *vt, int number)
{
    const struct vt_mode_row *table = vt->prefix ? vt_dec_modes : vt_ansi_modes;
    size_t n = vt->prefix ? COUNT_OF(vt_dec_modes) : COUNT_OF(vt_ansi_modes);
    for (size_t i = 0; i < n; i++)
        if (table[i].number == number)
            return &table[i];
    return NULL;
}
TELEC_SMALL

static void vt_change_mode(struct vt *vt, const struct vt_mode_row *mode, int on)
{
    if (mode->change) {
        mode->change(vt, on);
        return;
    }
    vt->modes &= ~(mode->bit | mode->group);
    if (on != mode->inverted)
        vt->modes |= mode->bit;
}

/* Handles XTSAVE of one mode. */
static void vt_save_mode(struct vt *vt, const struct vt_mode_row *mode, int on)
{
    unsigned all = mode->bit | mode->group;
    (void)on;
    vt->saved_modes = (vt->saved_modes & ~all) | (vt->modes & all);
    if (mode->change == vt_mode_save)
        vt_save(vt);
}

/* XTRESTORE. A mode that was never saved is as after a reset. */
static void vt_restore_mode(struct vt *vt, const struct vt_mode_row *mode, int on)
{
    unsigned all = mode->bit | mode->group, differ = (vt->modes ^ vt->saved_modes) & all;
    (void)on;
    if (mode->change == vt_mode_save)
        vt_restore(vt);
    else if (!mode->change)
        vt->modes ^= differ;
    else if (differ)
        mode->change(vt, (vt->saved_modes & all) != 0);
}

static void vt_each_mode(struct vt *vt, int on,
                         void (*handle)(struct vt *vt, const struct vt_mode_row *mode, int on))
{
    for (int i = 0; i < vt_params(vt); i++) {
        const struct vt_mode_row *mode = vt_find_mode(vt, vt->params[i]);
        if (mode)
            handle(vt, mode, on);
    }
}

static void vt_csi_set(struct vt *vt)
{
    vt_each_mode(vt, 1, vt_change_mode);
}

static void vt_csi_reset(struct vt *vt)
{
    vt_each_mode(vt, 0, vt_change_mode);
}

static void vt_csi_save_modes(struct vt *vt)
{
    vt_each_mode(vt, 0, vt_save_mode);
}

static void vt_csi_restore_modes(struct vt *vt)
{
    vt_each_mode(vt, 0, vt_restore_mode);
}

/* DECRQM. Answers 0 unknown, 1 set, 2 reset, 3 always set. */
static void vt_csi_ask_mode(struct vt *vt)
{
    const struct vt_mode_row *mode = vt_find_mode(vt, vt->params[0]);
    int value = 0;
    if (mode)
        value = !mode->bit && !mode->change                            ? 3
                : ((vt->modes & mode->bit) != 0) != mode->inverted ? 1
                                                                   : 2;
    vt_answer(vt, vt->prefix ? "\033[?%d;%d$y" : "\033[%d;%d$y", vt->params[0], value);
}

static void vt_put_modes(const struct vt *vt, buf *b)
{
    unsigned modes = vt->modes;
    for (size_t i = 0; i < COUNT_OF(vt_dec_modes); i++) {
        const struct vt_mode_row *mode = &vt_dec_modes[i];
        if (!mode->change && modes & mode->bit & ~(unsigned)VT_APP_KEYPAD)
            buf_fmt(b, "\033[?%d%c", mode->number, mode->inverted ? 'l' : 'h');
    }
    for (size_t i = 0; i < COUNT_OF(vt_ansi_modes); i++)
        if (modes & vt_ansi_modes[i].bit)
            buf_fmt(b, "\033[%dh", vt_ansi_modes[i].number);
    if (modes & VT_APP_KEYPAD)
        buf_str(b, "\033=");
    if (modes & VT_SYNC)
        buf_str(b, "\033[?2026h");
}

/* Appends a sequence with the numbers of modes; 's' is for all that can be saved. */
static void vt_put_mode_numbers(buf *b, char final)
{
    const char *before = "\033[?";
    for (size_t i = 0; i < COUNT_OF(vt_dec_modes); i++) {
        const struct vt_mode_row *mode = &vt_dec_modes[i];
        if (!mode->bit || (final != 's' && (mode->change || mode->inverted != (final == 'h'))))
            continue;
        buf_str(b, before);
        buf_int(b, mode->number);
        before = ";";
    }
    buf_byte(b, final);
}

static void vt_put_mode_resets(const struct vt *vt, buf *b)
{
    vt_put_mode_numbers(b, 'l');
    vt_put_mode_numbers(b, 'h');
    vt_put_mode_numbers(b, 's');
    for (size_t i = 0; i < COUNT_OF(vt_dec_modes); i++) {
        const struct vt_mode_row *mode = &vt_dec_modes[i];
        int n = mode->number;
        if (vt->saved_modes & mode->bit)
            buf_fmt(b, "\033[?%d%c\033[?%ds\033[?%d%c", n, mode->inverted ? 'l' : 'h', n, n,
                    mode->inverted ? 'h' : 'l');
    }
}

static void vt_esc_app_keypad(struct vt *vt)
{
    vt->modes |= VT_APP_KEYPAD;
}

static void vt_esc_normal_keypad(struct vt *vt)
{
    vt->modes &= ~(unsigned)VT_APP_KEYPAD;
}

/* ---- tab stops, character sets, resets, cursor shape ---------------------------------------- */

static void vt_tabs_default(struct vt *vt)
{
    memset(vt->tabs, 1, sizeof vt->tabs);
}

/* Columns that a resize adds have the default stops: nothing remains of stops right of a screen. */
static void vt_tabs_widen(struct vt *vt, int from)
{
    for (int x = from; x < vt->cols; x++) {
        int bit = 1 << x % 8;
        vt->tabs[x / 8] = (unsigned char)((vt->tabs[x / 8] & ~bit) | (x % 8 == 0 ? bit : 0));
    }
}

static void vt_esc_tab_set(struct vt *vt)
{
    vt->tabs[vt->x / 8] |= (unsigned char)(1 << vt->x % 8);
}

static void vt_csi_tab_clear(struct vt *vt)
{
    if (vt_param(vt, 0) == 3)
        memset(vt->tabs, 0, sizeof vt->tabs);
    else if (vt_param(vt, 0) == 0)
        vt->tabs[vt->x / 8] &= (unsigned char)~(1 << vt->x % 8);
}

static void vt_csi_tabs_default(struct vt *vt) /* DECST8C */
{
    if (vt_param(vt, 0) == 5)
        vt_tabs_default(vt);
}

static void vt_esc_charset(struct vt *vt)
{
    vt->charset[vt->inter == ')'] = vt->final == '0' ? '0' : 'B';
}

static void vt_soft_reset(struct vt *vt)
{
    vt->modes &= ~(unsigned)(VT_CURSOR_HIDDEN | VT_ORIGIN | VT_NO_WRAP | VT_INSERT | VT_APP_CURSOR |
                             VT_APP_KEYPAD | VT_REVERSE_WRAP);
    vt->region_top = 0;
    vt->region_bottom = vt->rows - 1;
    vt->style = (struct cell_style){0};
    vt->underline = 0;
    buf_clear(&vt->link);
    vt->charset[0] = vt->charset[1] = 'B';
    vt->shift = 0;
    vt_saved_reset(&vt->screen->saved);
}

static void vt_esc_reset(struct vt *vt)
{
    vt_alt_leave(vt);
    vt_alt_drop(vt);
    vt_soft_reset(vt);
    vt->modes = vt->saved_modes = 0;
    vt->shape = 0;
    vt->progress = 0;
    vt->screen->key_count = vt->modify_other_keys = vt->title_count = 0;
    vt_tabs_default(vt);
    vt_clear_rows(vt, 0, vt->rows);
    vt_scroll_clear(&vt->scroll);
    vt_goto(vt, 0, 0);
}

static void vt_esc_align(struct vt *vt) /* DECALN */
{
    vt->style = (struct cell_style){0};
    vt->underline = 0;
    vt_set_extra(vt);
    vt->region_top = 0;
    vt->region_bottom = vt->rows - 1;
    unsigned flags = vt->style.extra ? VT_LINE_STYLED : 0;
    vt_clear_rows(vt, 0, vt->rows);
    for (int r = 0; r < vt->rows; r++)
        vt_line_repeat(vt_line(vt, r), vt->cols, 'E', 1, vt->style, flags);
    vt_mode_origin(vt, (vt->modes & VT_ORIGIN) != 0);
}

static void vt_csi_shape(struct vt *vt)
{
    if (vt_param(vt, 0) <= 6)
        vt->shape = vt_param(vt, 0);
}

/* ---- queries, window operations ------------------------------------------------------------- */

static void vt_csi_ask_device(struct vt *vt)
{
    if (vt_param(vt, 0) == 0)
        vt_answer(vt, "\033[?62;22c", 0, 0); /* a VT220 with colours */
}

static void vt_csi_ask_device2(struct vt *vt)
{
    if (vt_param(vt, 0) == 0)
        vt_answer(vt, "\033[>1;380;0c", 0, 0); /* the version of xterm that is followed */
}

static void vt_csi_ask_status(struct vt *vt)
{
    const char *position = vt->prefix ? "\033[?%d;%d;1R" : "\033[%d;%dR";
    if (vt_param(vt, 0) == 5 && !vt->prefix)
        vt_answer(vt, "\033[0n", 0, 0);
    if (vt_param(vt, 0) == 996 && vt->prefix)
        vt_answer_theme(vt);
    if (vt_param(vt, 0) == 6)
        vt_answer(vt, position, vt_origin_row(vt) + 1, vt->x + 1);
}

static void vt_csi_ask_version(struct vt *vt)
{
    if (vt_param(vt, 0) == 0)
        vt_answer(vt, "\033P>|telec(" TELEC_VERSION ")\033\\", 0, 0);
}

/* XTSMGRAPHICS: an item that is not known. */
static void vt_csi_ask_graphics(struct vt *vt)
{
    vt_answer(vt, "\033[?%d;1;0S", vt_param(vt, 0), 0);
}

static void vt_csi_window(struct vt *vt)
{
    int what = vt_param(vt, 0), of_title = vt_param(vt, 1) != 1;
    if (what == 18)
        vt_answer(vt, "\033[8;%d;%dt", vt->rows, vt->cols);
    else if (what == 22 && of_title)
        vt_title_push(vt);
    else if (what == 23 && of_title)
        vt_title_pop(vt);
}

/* ---- keyboard: xterm's modifyOtherKeys, kitty's flags --------------------------------------- */

static void vt_csi_modify_keys(struct vt *vt)
{
    if (vt_param(vt, 0) == 4 || (vt->param_last == 0 && vt->params[0] == 0))
        vt->modify_other_keys = vt_clamp(vt_param(vt, 1), 0, 2);
}

static int vt_key_flags(const struct vt *vt)
{
    const struct vt_screen *screen = vt->screen;
    return screen->key_count ? screen->keys[screen->key_count - 1] : 0;
}

static void vt_csi_keys_ask(struct vt *vt)
{
    vt_answer(vt, "\033[?%du", vt_key_flags(vt), 0);
}

static void vt_csi_keys_push(struct vt *vt)
{
    struct vt_screen *screen = vt->screen;
    if (screen->key_count == VT_KEYS_MAX) {
        memmove(screen->keys, screen->keys + 1, VT_KEYS_MAX - 1);
        screen->key_count--;
    }
    screen->keys[screen->key_count++] = (unsigned char)(vt_param(vt, 0) & 31);
}

static void vt_csi_keys_pop(struct vt *vt)
{
    vt->screen->key_count = vt_clamp(vt->screen->key_count - vt_count(vt, 0), 0, VT_KEYS_MAX);
}

static void vt_csi_keys_set(struct vt *vt)
{
    int flags = vt_param(vt, 0) & 31, how = vt_count(vt, 1);
    struct vt_screen *screen = vt->screen;
    if (screen->key_count == 0)
        screen->keys[screen->key_count++] = 0;
    unsigned char *top = &screen->keys[screen->key_count - 1];
    *top = (unsigned char)(how == 1 ? flags : how == 2 ? *top | flags : *top & ~flags);
}

/* ---- the tables of sequences ---------------------------------------------------------------- */

static void vt_begin_csi(struct vt *vt)
{
    vt->state = VT_CSI;
    vt->prefix = vt->inter = vt->inter_count = 0;
    vt->param_seen = vt->param_last = 0;
    vt->params[0] = 0;
    vt->subs = 0;
}

static void vt_begin_string(struct vt *vt)
{
    vt->state = VT_STRING;
    vt->string_kind = vt->final;
    vt->string_escape = 0;
    buf_clear(&vt->string);
}

struct vt_sequence {
    char prefix, inter, final; /* 0: none; a final of 0: any */
    vt_handler handle;
};

static const struct vt_sequence vt_escapes[] = {
    {0, 0, '[', vt_begin_csi},         {0, 0, ']', vt_begin_string},
    {0, 0, 'P', vt_begin_string},      {0, 0, 'X', vt_begin_string},
    {0, 0, '^', vt_begin_string},      {0, 0, '_', vt_begin_string},
    {0, 0, '7', vt_save},            {0, 0, '8', vt_restore},
    {0, 0, 'D', vt_esc_index},       {0, 0, 'E', vt_esc_next_line},
    {0, 0, 'M', vt_esc_reverse_index}, {0, 0, 'H', vt_esc_tab_set},
    {0, 0, '=', vt_esc_app_keypad},  {0, 0, '>', vt_esc_normal_keypad},
    {0, 0, 'c', vt_esc_reset},       {0, '#', '8', vt_esc_align},
    {0, '(', 0, vt_esc_charset},     {0, ')', 0, vt_esc_charset},
};

/* Sequences without prefix and intermediate, by final byte. */
static const vt_handler vt_csi[64] = {
    ['@' - '@'] = vt_csi_insert_cells,  ['A' - '@'] = vt_csi_up,
    ['B' - '@'] = vt_csi_down,          ['C' - '@'] = vt_csi_right,
    ['D' - '@'] = vt_csi_left,          ['E' - '@'] = vt_csi_next_line,
    ['F' - '@'] = vt_csi_previous_line, ['G' - '@'] = vt_csi_column,
    ['H' - '@'] = vt_csi_position,      ['I' - '@'] = vt_csi_tab,
    ['J' - '@'] = vt_csi_erase_display, ['K' - '@'] = vt_csi_erase_line,
    ['L' - '@'] = vt_csi_insert_lines,  ['M' - '@'] = vt_csi_delete_lines,
    ['P' - '@'] = vt_csi_delete_cells,  ['S' - '@'] = vt_csi_scroll_up,
    ['T' - '@'] = vt_csi_scroll_down,   ['X' - '@'] = vt_csi_erase_cells,
    ['Z' - '@'] = vt_csi_tab_back,      ['`' - '@'] = vt_csi_column,
    ['a' - '@'] = vt_csi_right,         ['b' - '@'] = vt_csi_repeat,
    ['c' - '@'] = vt_csi_ask_device,    ['d' - '@'] = vt_csi_row,
    ['e' - '@'] = vt_csi_row_right,     ['f' - '@'] = vt_csi_position,
    ['g' - '@'] = vt_csi_tab_clear,     ['h' - '@'] = vt_csi_set,
    ['l' - '@'] = vt_csi_reset,         ['m' - '@'] = vt_csi_sgr,
    ['n' - '@'] = vt_csi_ask_status,    ['r' - '@'] = vt_csi_region,
    ['s' - '@'] = vt_save,              ['t' - '@'] = vt_csi_window,
    ['u' - '@'] = vt_restore,
};

/* The other CSI sequences. */
static const struct vt_sequence vt_csi_more[] = {
    {'?', 0, 'h', vt_csi_set},           {'?', 0, 'l', vt_csi_reset},
    {'?', 0, 'J', vt_csi_erase_display}, {'?', 0, 'K', vt_csi_erase_line},
    {'?', 0, 's', vt_csi_save_modes},    {'?', 0, 'r', vt_csi_restore_modes},
    {'?', 0, 'S', vt_csi_ask_graphics},
    {'?', 0, 'W', vt_csi_tabs_default},  {'?', 0, 'n', vt_csi_ask_status},
    {'?', '$', 'p', vt_csi_ask_mode},    {0, '$', 'p', vt_csi_ask_mode},
    {0, '!', 'p', vt_soft_reset},    {0, ' ', 'q', vt_csi_shape},
    {'>', 0, 'c', vt_csi_ask_device2},   {'>', 0, 'q', vt_csi_ask_version},
    {'>', 0, 'm', vt_csi_modify_keys},   {'>', 0, 'u', vt_csi_keys_push},
    {'<', 0, 'u', vt_csi_keys_pop},      {'=', 0, 'u', vt_csi_keys_set},
    {'?', 0, 'u', vt_csi_keys_ask},
};

static void vt_find_sequence(struct vt *vt, const struct vt_sequence *table, size_t n)
{
    if (vt->inter_count > 1)
        return;
    for (size_t i = 0; i < n; i++) {
        const struct vt_sequence *row = &table[i];
        if ((unsigned char)row->prefix == vt->prefix && (unsigned char)row->inter == vt->inter &&
            (row->final == 0 || (unsigned char)row->final == vt->final)) {
            row->handle(vt);
            return;
        }
    }
}

static void vt_end_escape(struct vt *vt)
{
    vt->state = VT_GROUND;
    vt->prefix = 0;
    vt_find_sequence(vt, vt_escapes, COUNT_OF(vt_escapes));
}

TELEC_FAST
static void vt_end_csi(struct vt *vt)
{
    vt->state = VT_GROUND;
    if (vt->prefix || vt->inter_count)
        vt_find_sequence(vt, vt_csi_more, COUNT_OF(vt_csi_more));
    else if (vt_csi[vt->final - '@'])
        vt_csi[vt->final - '@'](vt);
}
TELEC_SMALL
