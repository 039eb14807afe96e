#include "private.h"

/* vt/reflow - resizing: the primary screen and the scrollback are wrapped anew, the alternate
 * screen is cropped. */

/* ---- reflow --------------------------------------------------------------------------------- */

/* A place in the text, before and after. */
struct vt_mark {
    int from_row, from_x;
    int row, x;
    int full; /* behind text that fills the row */
};

/* A reflow runs twice: with into NULL to find the new places, then to write the rows. */
struct vt_reflow {
    const struct vt *from;
    struct vt *into;
    int cols;
    struct cell *out, *scratch; /* the new row; room for an old one */
    int n, row;                 /* the new row's cells; its number, 0 the oldest */
    int top;                    /* the new row that becomes the screen's first */
    int screen_row, recent_row; /* the new rows where the old screen, the recent rows begin */
    int last_row;               /* the last row with text */
    struct vt_mark marks[2];    /* cursor, saved cursor of the primary screen */
};

static void vt_reflow_store(struct vt_reflow *f, int wrapped)
{
    struct vt *vt = f->into;
    struct vt_line row = {f->out, (uint16_t)f->n, VT_LINE_CONTENT, 0}, *line;
    int r = f->row - f->top;
    row.flags |= wrapped ? VT_LINE_WRAPPED : 0;
    if (r < 0) {
        vt_keep_line(vt, &row);
    } else if (r < vt->rows) {
        line = &vt->screens[0].lines[r];
        memcpy(line->cells, f->out, (size_t)f->n * sizeof *f->out);
        line->used = row.used;
        line->flags = r < vt->rows - 1 ? row.flags : VT_LINE_CONTENT;
    }
}

static void vt_reflow_end_row(struct vt_reflow *f, int wrapped)
{
    if (f->into)
        vt_reflow_store(f, wrapped);
    if (f->n)
        f->last_row = f->row;
    f->row++;
    f->n = 0;
}

static void vt_reflow_mark(struct vt_reflow *f, int row, int from, int to, int x)
{
    for (int i = 0; i < 2; i++) {
        struct vt_mark *mark = &f->marks[i];
        if (mark->from_row != row || mark->from_x < from || mark->from_x >= to)
            continue;
        mark->row = f->row;
        mark->x = vt_clamp(x + mark->from_x - from, 0, f->cols - 1);
        mark->full = x == f->cols;
    }
}

static void vt_reflow_row(struct vt_reflow *f, int row, struct vt_view view)
{
    int width;
    for (int i = 0; i < view.n; i += width) {
        struct cell cell = view.cells[i];
        int room;
        width = cell.attr & CELL_WIDE ? 2 : 1;
        room = width < f->cols ? width : f->cols;
        if (f->n + room > f->cols)
            vt_reflow_end_row(f, 1);
        vt_reflow_mark(f, row, i, i + width, f->n);
        if (room < width) {
            cell.rune = 0xfffd;
            cell.attr &= CELL_STYLE_MASK;
        }
        f->out[f->n] = cell;
        if (room == 2)
            f->out[f->n + 1] = view.cells[i + 1];
        f->n += room;
    }
    vt_reflow_mark(f, row, view.n, INT_MAX, f->n);
    if (!view.wrapped)
        vt_reflow_end_row(f, 0);
}

static void vt_reflow_run(struct vt_reflow *f, int last)
{
    const struct vt *from = f->from;
    f->n = f->row = 0;
    f->last_row = -1;
    for (int r = -from->scroll.count; r <= last; r++) {
        struct vt_view view = vt_view(from, &from->screens[0], r, f->scratch);
        view.wrapped = view.wrapped && r < last;
        if (r == 0)
            f->screen_row = f->row;
        if (r == -from->scroll.recent)
            f->recent_row = f->row;
        vt_reflow_row(f, r, view);
    }
}

/* Returns the new row that becomes the screen's first. The text keeps its distance from the bottom;
 * blank rows below the text are dropped first; the cursor stays on the screen. */
static int vt_reflow_top(const struct vt_reflow *f, int rows, int blank_below)
{
    int last = f->last_row > f->marks[0].row ? f->last_row : f->marks[0].row;
    int top = last + blank_below - rows + 1;
    if (top > f->screen_row) {
        top = last - rows + 1;
        top = top > f->screen_row ? top : f->screen_row;
    }
    if (top < f->recent_row)
        top = f->recent_row;
    return top < f->marks[0].row ? top : f->marks[0].row;
}

static int vt_last_row(const struct vt *vt)
{
    int r = vt->rows - 1;
    while (r > 0 && vt_view(vt, &vt->screens[0], r, NULL).n == 0)
        r--;
    return r;
}

/* Sets a cursor; with a pending wrap, the mark is the character before it. */
static void vt_reflow_cursor(const struct vt_reflow *f, const struct vt_mark *mark, int *x, int *y,
                             int *pending)
{
    int rows = f->into->rows;
    *y = vt_clamp(mark->row - f->top, 0, rows - 1);
    *x = mark->x;
    if (*pending && *x < f->cols - 1) {
        ++*x;
        *pending = 0;
    } else {
        *pending |= mark->full;
    }
}

/* vt's size is set, its primary screen new. While the alternate screen is in use, the primary's
 * cursor is its saved one. */
static void vt_reflow_primary(struct vt *vt, const struct vt *from)
{
    struct vt_saved *saved = &vt->screens[0].saved;
    int alt = (vt->modes & VT_ALT_SCREEN) != 0, last = vt_last_row(from);
    int x = alt ? saved->x : vt->x, y = alt ? saved->y : vt->y;
    last = last > y ? last : y;
    struct vt_reflow f = {.from = from, .cols = vt->cols};
    f.out = base_alloc((size_t)vt->cols * sizeof *f.out);
    f.scratch = base_alloc((size_t)from->cols * sizeof *f.scratch);
    f.marks[0] = (struct vt_mark){y, x, 0, 0, 0};
    f.marks[1] = (struct vt_mark){saved->y, saved->x, 0, 0, 0};
    vt_reflow_run(&f, last);
    if (saved->y > last)
        f.marks[1] = (struct vt_mark){INT_MIN, 0, f.row + saved->y - last - 1,
                                      vt_clamp(saved->x, 0, f.cols - 1), 0};
    f.top = vt_reflow_top(&f, vt->rows, from->rows - 1 - last);
    f.into = vt;
    vt_reflow_run(&f, last);
    vt->scroll.recent = vt_clamp(f.top - f.recent_row, 0, vt->scroll.count);
    if (!alt)
        vt_reflow_cursor(&f, &f.marks[0], &vt->x, &vt->y, &vt->pending);
    vt_reflow_cursor(&f, &f.marks[1], &saved->x, &saved->y, &saved->pending);
    free(f.out);
    free(f.scratch);
}

/* ---- cropping ------------------------------------------------------------------------------- */

static void vt_crop_cursor(const struct vt *vt, int *x, int *y, int *pending)
{
    *y = vt_clamp(*y, 0, vt->rows - 1);
    *pending = *pending && *x == vt->cols - 1;
    *x = vt_clamp(*x, 0, vt->cols - 1);
}

/* Crops the alternate screen: at the bottom; at the top as far as needed to keep the cursor. */
static void vt_crop_alternate(struct vt *vt, const struct vt *from)
{
    struct vt_screen *screen = &vt->screens[1];
    int alt = (vt->modes & VT_ALT_SCREEN) != 0, skip = 0;
    if (alt && vt->y >= vt->rows)
        skip = vt->y - vt->rows + 1;
    for (int r = 0; r < vt->rows && r + skip < from->rows; r++) {
        struct vt_line *line = &screen->lines[r];
        struct vt_line *old = vt_line_of(&from->screens[1], from->rows, r + skip);
        vt_reach(old, old->bg ? from->cols : 0); /* columns that are new have no colour */
        line->used = old->used < vt->cols ? old->used : (uint16_t)vt->cols;
        line->flags = old->flags & VT_LINE_CONTENT;
        vt_mend(old, 0, line->used);
        memcpy(line->cells, old->cells, line->used * sizeof *line->cells);
    }
    if (alt) {
        vt->y -= skip;
        vt_crop_cursor(vt, &vt->x, &vt->y, &vt->pending);
    }
    vt_crop_cursor(vt, &screen->saved.x, &screen->saved.y, &screen->saved.pending);
}

/* ---- resizing ------------------------------------------------------------------------------- */

static void vt_resize(struct vt *vt, int cols, int rows)
{
    struct vt old = *vt;
    cols = vt_clamp(cols, 1, GRID_COLS_MAX);
    rows = vt_clamp(rows, 1, GRID_ROWS_MAX);
    if (cols == vt->cols && rows == vt->rows)
        return;
    vt->cols = cols;
    vt->rows = rows;
    vt->scroll = (struct vt_scroll){0};
    vt_screen_new(&vt->screens[0], cols, rows);
    vt_reflow_primary(vt, &old);
    vt->screens[1].lines = NULL;
    vt->screens[1].cells = NULL;
    if (old.screens[1].live) {
        vt_screen_new(&vt->screens[1], cols, rows);
        vt_crop_alternate(vt, &old);
    }
    vt_screen_free(&old.screens[0]);
    vt_screen_free(&old.screens[1]);
    vt_scroll_clear(&old.scroll);
    vt->scratch = base_grow(vt->scratch, (size_t)cols * sizeof *vt->scratch);
    vt_tabs_widen(vt, old.cols);
    vt->region_top = 0;
    vt->region_bottom = rows - 1;
    vt->joins = vt->pending;
}
