#include "private.h"

/* vt - an emulator's life, and what others may read of it. */

/* Until a viewer tells its terminal's: a neutral dark. */
static const uint32_t vt_neutral[3] = {0xd0d0d0, 0x101010, 0xd0d0d0};

/* ---- life ----------------------------------------------------------------------------------- */

static struct vt *vt_new(int cols, int rows)
{
    struct vt *vt = base_alloc(sizeof *vt);
    vt->cols = vt_clamp(cols, 1, GRID_COLS_MAX);
    vt->rows = vt_clamp(rows, 1, GRID_ROWS_MAX);
    vt_init_blocks(vt);
    memcpy(vt->colours, vt_neutral, sizeof vt->colours);
    vt->screen = &vt->screens[0];
    vt->pool = base_alloc(sizeof *vt->pool);
    vt->scratch = base_alloc((size_t)vt->cols * sizeof *vt->scratch);
    vt_screen_new(vt->screen, vt->cols, vt->rows);
    vt_tabs_default(vt);
    vt_alt_drop(vt);
    vt_soft_reset(vt);
    return vt;
}

static void vt_free(struct vt *vt)
{
    if (!vt)
        return;
    vt_screen_free(&vt->screens[0]);
    vt_screen_free(&vt->screens[1]);
    vt_scroll_clear(&vt->scroll);
    cell_pool_free(vt->pool);
    free(vt->pool);
    free(vt->scratch);
    for (int i = 0; i < VT_TITLES_MAX; i++)
        buf_free(&vt->titles[i]);
    buf_free(&vt->string);
    buf_free(&vt->title);
    buf_free(&vt->directory);
    buf_free(&vt->notification);
    buf_free(&vt->clipboard);
    buf_free(&vt->answers);
    buf_free(&vt->link);
    free(vt);
}

/* ---- accessors ------------------------------------------------------------------------------ */

static int vt_cols(const struct vt *vt)
{
    return vt->cols;
}

static int vt_rows(const struct vt *vt)
{
    return vt->rows;
}

static unsigned vt_modes(const struct vt *vt)
{
    return vt->modes;
}

static int vt_cursor_shape(const struct vt *vt)
{
    return vt->shape;
}

static int vt_other_keys(const struct vt *vt)
{
    return vt->modify_other_keys;
}

static void vt_cursor(const struct vt *vt, int *row, int *col)
{
    *row = vt->y;
    *col = vt->x;
}

static span vt_title(const struct vt *vt)
{
    return buf_view(&vt->title);
}

static span vt_directory(const struct vt *vt)
{
    return buf_view(&vt->directory);
}

static span vt_clipboard(const struct vt *vt)
{
    return buf_view(&vt->clipboard);
}

static span vt_notification(const struct vt *vt)
{
    return buf_view(&vt->notification);
}

static int vt_notified_by(const struct vt *vt)
{
    return vt->notified_by;
}

static int vt_progress(const struct vt *vt)
{
    return vt->progress;
}

static void vt_set_colours(struct vt *vt, const struct vt_colours *colours)
{
    int was_light = vt_is_light(vt);
    for (int i = 0; i < 3; i++)
        if (colours->known >> i & 1)
            vt->colours[i] = colours->value[i] & 0xffffff;
    if (vt_is_light(vt) != was_light && vt->modes & VT_THEME)
        vt_answer_theme(vt);
}

static unsigned vt_drain_signals(struct vt *vt)
{
    unsigned signals = vt->signals;
    vt->signals = 0;
    return signals;
}

static void vt_drain_answers(struct vt *vt, buf *b)
{
    buf_span(b, buf_view(&vt->answers));
    buf_clear(&vt->answers);
}

static const struct cell *vt_row(const struct vt *vt, int row)
{
    if (row < -vt->scroll.count || row >= vt->rows) {
        vt_blank(vt->scratch, vt->cols, 0);
        return vt->scratch;
    }
    return vt_view_plain(vt, row).cells;
}

static int vt_scroll_count(const struct vt *vt)
{
    return vt->scroll.count;
}

static const struct cell_pool *vt_pool(const struct vt *vt)
{
    return vt->pool;
}
