#include "private.h"

/* vt/screen - rows of cells: erasing, views, scrolling, inserting and deleting cells. */

/* ---- rows ----------------------------------------------------------------------------------- */

static int vt_clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

static void vt_line_fill(struct vt_line *line)
{
    int width = vt_cell_width(line->cells);
    for (int x = width; x < line->used; x++)
        line->cells[x] = line->cells[x - width];
    line->flags &= (uint8_t)~VT_LINE_REPEATS;
}

TELEC_FAST
static struct vt_line *vt_line_head(const struct vt_screen *screen, int rows, int r)
{
    int i = screen->top + r;
    return &screen->lines[i < rows ? i : i - rows];
}

static struct vt_line *vt_line_of(const struct vt_screen *screen, int rows, int r)
{
    struct vt_line *line = vt_line_head(screen, rows, r);
    if (line->flags & VT_LINE_REPEATS)
        vt_line_fill(line);
    return line;
}

static struct vt_line *vt_line(const struct vt *vt, int r)
{
    return vt_line_of(vt->screen, vt->rows, r);
}
TELEC_SMALL

static int vt_is_blank(const struct cell *cell)
{
    return !(cell->rune | cell->fg | cell->bg | cell->attr | cell->extra);
}

static void vt_blank(struct cell *cells, int n, uint32_t bg)
{
    struct cell blank = {0};
    if (n <= 0)
        return;
    if (!bg) {
        memset(cells, 0, (size_t)n * sizeof *cells);
        return;
    }
    blank.bg = bg;
    for (int i = 0; i < n; i++)
        cells[i] = blank;
}

/* Returns how many cells of a row are text; the rest is blank. A wrapped row is full but for a last
 * column that was too narrow for the next, wide character. */
static int vt_line_end(const struct vt_line *line, int cols)
{
    int n = line->used;
    if (line->flags & VT_LINE_WRAPPED || (line->bg && n < cols)) {
        vt_blank(line->cells + n, cols - n, line->bg);
        return n > 0 && n == cols - 1 && !line->bg ? n : cols;
    }
    while (n > 0 && vt_is_blank(&line->cells[n - 1]))
        n--;
    return n;
}

static void vt_halve(struct cell *cell)
{
    cell->rune = 0;
    cell->attr &= CELL_STYLE_MASK;
}

static void vt_mend(struct vt_line *line, int from, int to)
{
    if (!(line->flags & VT_LINE_WIDE))
        return;
    if (from > 0 && from < line->used && (line->cells[from].attr & CELL_TAIL)) {
        vt_halve(&line->cells[from - 1]);
        vt_halve(&line->cells[from]);
    }
    if (to < line->used && (line->cells[to].attr & CELL_TAIL)) {
        vt_halve(&line->cells[to - 1]);
        vt_halve(&line->cells[to]);
    }
}

static inline void vt_reach(struct vt_line *line, int x)
{
    if (x <= line->used)
        return;
    vt_blank(line->cells + line->used, x - line->used, line->bg);
    line->used = (uint16_t)x;
    line->flags |= line->bg ? VT_LINE_STYLED : 0;
}

static inline struct cell *vt_open(struct vt_line *line, int x, int n, unsigned flags)
{
    vt_reach(line, x);
    vt_mend(line, x, x + n);
    if (x + n > line->used)
        line->used = (uint16_t)(x + n);
    line->flags |= (uint8_t)flags;
    return line->cells + x;
}

static void vt_set_cells(struct cell *cells, int n, uint32_t rune, int width,
                         struct cell_style style)
{
    const struct cell one = {rune, style.fg, style.bg, style.attr, style.extra};
    for (int i = 0; i < n; i++, cells += width) {
        cells[0] = one;
        if (width == 1)
            continue;
        cells[0].attr |= CELL_WIDE;
        cells[1] = one;
        cells[1].rune = 0;
        cells[1].attr |= CELL_TAIL;
    }
}

static void vt_line_clear(struct vt_line *line, uint32_t bg)
{
    line->used = 0;
    line->flags = 0;
    line->bg = bg;
}

static void vt_line_repeat(struct vt_line *line, int n, uint32_t rune, int width,
                           struct cell_style style, unsigned flags)
{
    vt_set_cells(line->cells, 1, rune, width, style);
    line->used = (uint16_t)(n * width);
    line->flags |= (uint8_t)(flags | VT_LINE_REPEATS);
}

static void vt_erase(struct vt *vt, int row, int from, int to)
{
    struct vt_line *line = vt_line(vt, row);
    uint32_t bg = vt->style.bg;
    if (to >= vt->cols) {
        to = vt->cols;
        line->flags &= (uint8_t)~VT_LINE_WRAPPED;
        if (bg != line->bg)
            vt_reach(line, from);
        line->bg = bg;
    }
    if (from >= to)
        return;
    if (bg == line->bg && to >= line->used) {
        vt_mend(line, from, line->used);
        if (from < line->used)
            line->used = (uint16_t)from;
        if (line->used == 0)
            line->flags &= VT_LINE_WRAPPED;
        return;
    }
    vt_blank(vt_open(line, from, to - from, bg ? VT_LINE_STYLED : 0), to - from, bg);
}

static void vt_screen_new(struct vt_screen *screen, int cols, int rows)
{
    screen->lines = base_alloc((size_t)rows * sizeof *screen->lines);
    screen->cells = base_alloc((size_t)rows * (size_t)cols * sizeof *screen->cells);
    screen->top = 0;
    screen->live = 1;
    for (int r = 0; r < rows; r++)
        screen->lines[r].cells = screen->cells + (size_t)r * (size_t)cols;
}

static void vt_screen_free(struct vt_screen *screen)
{
    free(screen->lines);
    free(screen->cells);
    *screen = (struct vt_screen){0};
}

/* ---- views of rows -------------------------------------------------------------------------- */

static struct vt_view vt_view(const struct vt *vt, const struct vt_screen *screen, int row,
                              struct cell *scratch)
{
    struct vt_view view = {scratch, 0, 0};
    const struct vt_line *line;
    if (row < 0) {
        view.n = vt_scroll_row(&vt->scroll, vt->pool, row, scratch, vt->cols, &view.wrapped);
        vt_blank(scratch + view.n, vt->cols - view.n, 0);
        return view;
    }
    line = vt_line_of(screen, vt->rows, row);
    vt_blank(line->cells + line->used, vt->cols - line->used, line->bg);
    view.cells = line->cells;
    view.n = vt_line_end(line, vt->cols);
    view.wrapped = (line->flags & VT_LINE_WRAPPED) != 0;
    return view;
}

static struct vt_view vt_view_plain(const struct vt *vt, int row)
{
    return vt_view(vt, vt->screen, row, vt->scratch);
}

/* ---- scrolling ------------------------------------------------------------------------------ */

TELEC_FAST
static void vt_swap_lines(struct vt *vt, int a, int b)
{
    struct vt_line *p = vt_line_head(vt->screen, vt->rows, a);
    struct vt_line *q = vt_line_head(vt->screen, vt->rows, b), t = *p;
    *p = *q;
    *q = t;
}

static void vt_reverse_lines(struct vt *vt, int from, int to)
{
    for (to--; from < to; from++, to--)
        vt_swap_lines(vt, from, to);
}

static void vt_rotate_lines(struct vt *vt, int top, int bottom, int n)
{
    if (top == 0 && bottom == vt->rows - 1) {
        vt->screen->top += n < vt->rows - vt->screen->top ? n : n - vt->rows;
        return;
    }
    vt_reverse_lines(vt, top, top + n);
    vt_reverse_lines(vt, top + n, bottom + 1);
    vt_reverse_lines(vt, top, bottom + 1);
}
TELEC_SMALL

static void vt_clear_rows(struct vt *vt, int from, int to)
{
    for (int r = from; r < to; r++)
        vt_line_clear(vt_line_head(vt->screen, vt->rows, r), vt->style.bg);
}

static void vt_keep_line(struct vt *vt, struct vt_line *line)
{
    if (!line->used && line->bg)
        vt_line_repeat(line, vt->cols, 0, 1, (struct cell_style){.bg = line->bg}, VT_LINE_STYLED);
    if (line->flags & VT_LINE_REPEATS && (line->used < vt->cols || vt_is_blank(line->cells)))
        vt_line_fill(line);
    int count = line->flags & VT_LINE_REPEATS ? line->used : vt_line_end(line, vt->cols);
    vt_scroll_keep(&vt->scroll, vt->pool, line->cells, count,
                   line->flags | (line->bg ? VT_LINE_STYLED : 0u));
}

static void vt_scroll_up(struct vt *vt, int top, int bottom, int n)
{
    int keep = top == 0 && vt->screen == &vt->screens[0];
    if (n > bottom - top + 1)
        n = bottom - top + 1;
    for (int i = 0; keep && i < n; i++)
        vt_keep_line(vt, vt_line_head(vt->screen, vt->rows, i));
    if (top > 0)
        vt_line(vt, top - 1)->flags &= (uint8_t)~VT_LINE_WRAPPED;
    vt_rotate_lines(vt, top, bottom, n);
    vt_clear_rows(vt, bottom - n + 1, bottom + 1);
}

static void vt_scroll_down(struct vt *vt, int top, int bottom, int n)
{
    if (n > bottom - top + 1)
        n = bottom - top + 1;
    vt_rotate_lines(vt, top, bottom, bottom - top + 1 - n);
    vt_clear_rows(vt, top, top + n);
    if (top > 0)
        vt_line(vt, top - 1)->flags &= (uint8_t)~VT_LINE_WRAPPED;
    vt_line(vt, bottom)->flags &= (uint8_t)~VT_LINE_WRAPPED;
}

static int vt_index(struct vt *vt)
{
    if (vt->y == vt->region_bottom)
        vt_scroll_up(vt, vt->region_top, vt->region_bottom, 1);
    else if (vt->y < vt->rows - 1)
        vt->y++;
    else
        return 0;
    return 1;
}

static void vt_moved(struct vt *vt)
{
    vt->pending = vt->joins = 0;
}

/* ---- moving cells --------------------------------------------------------------------------- */

static void vt_insert_cells(struct vt *vt, int n)
{
    struct vt_line *line = vt_line(vt, vt->y);
    int end = line->used + n, x = vt->x, left;
    if (n > vt->cols - x)
        n = vt->cols - x;
    if (x < line->used) {
        end = end < vt->cols ? end : vt->cols;
        left = end - n; /* the cells from here on leave the row: lost */
        vt_mend(line, x, left);
        if (left > x)
            memmove(line->cells + x + n, line->cells + x, (size_t)(left - x) * sizeof(struct cell));
        line->used = (uint16_t)end;
        vt_blank(line->cells + x, n, vt->style.bg);
        line->flags |= vt->style.bg ? VT_LINE_STYLED : 0;
    } else if (vt->style.bg != line->bg) {
        vt_blank(vt_open(line, x, n, VT_LINE_STYLED), n, vt->style.bg);
    }
}

static void vt_delete_cells(struct vt *vt, int n)
{
    struct vt_line *line = vt_line(vt, vt->y);
    int x = vt->x, rest;
    if (n > vt->cols - x)
        n = vt->cols - x;
    vt_mend(line, x, x + n);
    rest = line->used - x - n;
    if (rest > 0) {
        memmove(line->cells + x, line->cells + x + n, (size_t)rest * sizeof(struct cell));
        line->used = (uint16_t)(line->used - n);
    } else if (line->used > x) {
        line->used = (uint16_t)x;
    }
    if (vt->style.bg != line->bg || line->flags & VT_LINE_WRAPPED)
        vt_blank(vt_open(line, vt->cols - n, n, VT_LINE_STYLED), n, vt->style.bg);
}
