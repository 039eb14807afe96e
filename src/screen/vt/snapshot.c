#include "private.h"

/* vt/snapshot - the screen as bytes and as text.
 *
 * A snapshot resets everything, then writes one kind of state after the other, in an order in which
 * no step changes what an earlier one set.
 *
 * A new kind of state (a field of struct vt that a program can set) needs four things:
 *
 *   1. its reset in vt_paint_start, and in vt_soft_reset or vt_esc_reset (control.c);
 *   2. the sequence that sets it, in the function of its kind:
 *      - a mode that is one bit: neither, its row in the table of control.c is enough
 *      - a field that DECSC saves: vt_paint_saved and vt_paint_state
 *      - a text: vt_paint_texts
 *      - one that would change what placing the cursor prints: vt_paint_state, after the cursor
 *      - else a function of its own, called by vt_put_snapshot
 *   3. its line in unit_vt_dump (tests/unit/vt.c): by that text the tests compare two emulators;
 *   4. its sequences in unit_vt_tokens (there): the tests' random streams are made of them.
 *
 * A field of an unfinished sequence goes into vt_paint_unfinished; one that a resize must move,
 * into reflow.c. Left out: signals, answers not drained, the last notification and clipboard. */

/* ---- writing cells -------------------------------------------------------------------------- */

struct vt_paint {
    const struct vt *vt;
    buf *b;
    struct cell_style style;
};

static const struct cell_style vt_plain = {0};

static void vt_paint_style(struct vt_paint *p, struct cell_style style)
{
    if ((style.attr ^ p->style.attr) & CELL_PROMPT)
        buf_str(p->b, style.attr & CELL_PROMPT ? "\033]133;A\a" : "\033]133;B\a");
    cell_put_sgr(p->b, p->style, style, CELL_TRUE);
    if (style.extra != p->style.extra)
        cell_put_extra(p->b, p->vt->pool, p->style.extra, style.extra, CELL_TRUE, 1);
    p->style = style;
}

static void vt_paint_csi(struct vt_paint *p, int n, char final)
{
    buf_str(p->b, "\033[");
    buf_int(p->b, n);
    buf_byte(p->b, final);
}

static void vt_paint_goto(struct vt_paint *p, int row, int col)
{
    buf_str(p->b, "\033[");
    buf_int(p->b, row + 1);
    buf_byte(p->b, ';');
    buf_int(p->b, col + 1);
    buf_byte(p->b, 'H');
}

static void vt_paint_cell(struct vt_paint *p, const struct cell *cell)
{
    char text[CELL_TEXT_MAX];
    vt_paint_style(p, (struct cell_style){cell->fg, cell->bg, cell->attr & CELL_STYLE_MASK,
                                          cell->extra});
    if (cell->rune < 0x80)
        buf_byte(p->b, cell->rune ? (char)cell->rune : ' ');
    else
        buf_add(p->b, text, cell_text(p->vt->pool, cell->rune, text));
}

/* Would cell, printed right after `before`, join it? */
static int vt_paint_sticks(const struct vt_paint *p, const struct cell *before,
                           const struct cell *cell)
{
    char text[CELL_TEXT_MAX];
    uint32_t cp;
    if (!before || cell->rune < 0x80)
        return 0;
    if (utf8_next((span){text, cell_text(p->vt->pool, cell->rune, text)}, &cp) == 0)
        return 0;
    return cell_joins(p->vt->pool, before->rune, cp);
}

/* Blanks from x on; 0 when skipping them saves nothing. */
static int vt_paint_gap(struct vt_view view, int x)
{
    int n = x;
    while (n < view.n && vt_is_blank(&view.cells[n]))
        n++;
    return n < view.n && n - x > 4 ? n - x : 0;
}

static void vt_paint_cells(struct vt_paint *p, struct vt_view view)
{
    const struct cell *before = NULL;
    int x = 0;
    while (x < view.n) {
        const struct cell *cell = &view.cells[x];
        int gap = vt_is_blank(cell) ? vt_paint_gap(view, x) : 0;
        if (gap) {
            vt_paint_csi(p, gap, 'C');
            x += gap;
            before = NULL;
            continue;
        }
        if (vt_paint_sticks(p, before, cell))
            vt_paint_csi(p, x + 1, 'G'); /* a cursor move keeps them apart */
        vt_paint_cell(p, cell);
        before = cell;
        x += cell->attr & CELL_WIDE ? 2 : 1;
    }
}

/* The next row's first character carries out the wrap. Where it would do more (fill the row with
 * its background, join `before`), a blank goes first; behind a row that is not full, one of two
 * columns, which leaves the last column free. */
static void vt_paint_wrap(struct vt_paint *p, const struct cell *before, int full,
                          struct vt_view view)
{
    const struct cell *first = view.cells;
    int blank = view.n == 0 || vt_is_blank(first) || first->bg || vt_paint_sticks(p, before, first);
    if (!blank && (full || first->attr & CELL_WIDE))
        return;
    vt_paint_style(p, vt_plain);
    buf_str(p->b, full ? " \r" : "\xe3\x80\x80\r\033[K");
}

/* Rows `row` (< 0: scrollback) … end - 1, onto an empty screen. */
static void vt_paint_rows(struct vt_paint *p, const struct vt_screen *screen, int row, int end)
{
    struct vt_view view = {0};
    struct cell last = {0};
    int wrapped = 0, full = 0;
    for (; row < end; row++) {
        view = vt_view(p->vt, screen, row, p->vt->scratch);
        if (wrapped)
            vt_paint_wrap(p, &last, full, view);
        vt_paint_cells(p, view);
        wrapped = view.wrapped;
        full = view.n == p->vt->cols;
        if (view.n)
            last = view.cells[view.n - (view.cells[view.n - 1].attr & CELL_TAIL ? 2 : 1)];
        if (wrapped || row == end - 1)
            continue;
        if (p->style.bg)
            vt_paint_style(p, vt_plain); /* else the new row gets the background */
        buf_str(p->b, "\r\n");
    }
}

static void vt_paint_screen(struct vt_paint *p, const struct vt_screen *screen, int row)
{
    vt_paint_style(p, vt_plain);
    buf_str(p->b, "\033[m\033[H\033[2J");
    if (row < -p->vt->scroll.recent) {
        vt_paint_rows(p, screen, row, -p->vt->scroll.recent);
        row = -p->vt->scroll.recent;
        vt_paint_style(p, vt_plain);
        for (int i = 0; i < p->vt->rows; i++)
            buf_str(p->b, "\r\n");
        buf_str(p->b, "\033[H\033[2J");
    }
    vt_paint_rows(p, screen, row, p->vt->rows);
    for (int i = 0; i < screen->key_count; i++)
        buf_fmt(p->b, "\033[>%du", screen->keys[i]);
}

/* ---- cursors and screens -------------------------------------------------------------------- */

/* Prints the character before the cursor again when joins is set. Rows count from top. */
static void vt_paint_cursor(struct vt_paint *p, int top)
{
    const struct vt *vt = p->vt;
    struct vt_view view = vt_view(vt, vt->screen, vt->y, NULL);
    int x = vt->pending ? vt->x : vt->x - 1;
    if (!vt->joins) {
        vt_paint_goto(p, vt->y - top, vt->x);
        return;
    }
    x -= view.cells[x].attr & CELL_TAIL ? 1 : 0;
    vt_paint_goto(p, vt->y - top, x);
    vt_paint_cell(p, &view.cells[x]);
}

static void vt_paint_charsets(struct vt_paint *p, const unsigned char *charset, int shift)
{
    if (charset[0] == '0')
        buf_str(p->b, "\033(0");
    if (charset[1] == '0')
        buf_str(p->b, "\033)0");
    if (shift)
        buf_byte(p->b, 0x0e);
}

/* While the rows are not painted: a pending wrap costs a blank. */
static void vt_paint_saved(struct vt_paint *p, const struct vt_screen *screen)
{
    const struct vt_saved *s = &screen->saved;
    vt_paint_style(p, vt_plain);
    buf_str(p->b, s->origin ? "\033[m\033[?6h" : "\033[m");
    vt_paint_goto(p, s->y, s->x);
    if (s->pending)
        buf_byte(p->b, ' ');
    vt_paint_charsets(p, s->charset, s->shift);
    vt_paint_style(p, s->style);
    buf_str(p->b, "\0337\033[?6l\033(B\033)B\017");
}

static void vt_paint_screens(struct vt_paint *p, int scrollback)
{
    const struct vt *vt = p->vt;
    const struct vt_screen *alternate = &vt->screens[1];
    int alt = vt->screen == alternate;
    vt_paint_saved(p, &vt->screens[0]);
    vt_paint_screen(p, &vt->screens[0], scrollback ? -vt->scroll.count : 0);
    if (!alternate->live)
        return;
    buf_str(p->b, "\033[?47h");
    vt_paint_saved(p, alternate);
    vt_paint_screen(p, alternate, 0);
    if (!alt)
        buf_str(p->b, "\033[?47l");
}

/* ---- state that is not cells ---------------------------------------------------------------- */

static void vt_paint_tabs(struct vt_paint *p)
{
    const unsigned char *tabs = p->vt->tabs;
    int usual = 1;
    for (int x = 0; x < p->vt->cols; x++)
        usual = usual && (tabs[x / 8] >> x % 8 & 1) == (x % 8 == 0);
    if (usual)
        return;
    buf_str(p->b, "\033[3g");
    for (int x = 0; x < p->vt->cols; x++) {
        if (!(tabs[x / 8] >> x % 8 & 1))
            continue;
        vt_paint_csi(p, x + 1, 'G');
        buf_str(p->b, "\033H");
    }
}

static void vt_paint_title(struct vt_paint *p, const buf *title)
{
    buf_str(p->b, "\033]2;");
    buf_span(p->b, buf_view(title));
    buf_str(p->b, "\033\\");
}

static void vt_paint_directory(struct vt_paint *p)
{
    static const char hex[] = "0123456789ABCDEF";
    span s = buf_view(&p->vt->directory);
    if (!s.n)
        return;
    buf_str(p->b, "\033]7;file://");
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c > ' ' && c < 0x7f && c != '%') {
            buf_byte(p->b, (char)c);
            continue;
        }
        buf_byte(p->b, '%');
        buf_byte(p->b, hex[c >> 4]);
        buf_byte(p->b, hex[c & 15]);
    }
    buf_str(p->b, "\033\\");
}

static void vt_paint_texts(struct vt_paint *p)
{
    const struct vt *vt = p->vt;
    for (int i = 0; i < vt->title_count; i++) {
        vt_paint_title(p, &vt->titles[i]);
        buf_str(p->b, "\033[22;2t");
    }
    if (vt->title.n || vt->title_count)
        vt_paint_title(p, &vt->title);
    vt_paint_directory(p);
    if (vt->progress)
        buf_fmt(p->b, "\033]9;4;%d;%d\033\\", vt->progress >> 8, vt->progress & 255);
}

/* Writes in this order: region and origin mode move the cursor; insert mode would change what
 * placing it prints. */
static void vt_paint_state(struct vt_paint *p)
{
    const struct vt *vt = p->vt;
    int origin = (vt->modes & VT_ORIGIN) != 0;
    if (vt->region_top != 0 || vt->region_bottom != vt->rows - 1)
        buf_fmt(p->b, "\033[%d;%dr", vt->region_top + 1, vt->region_bottom + 1);
    if (origin)
        buf_str(p->b, "\033[?6h");
    if (vt->shape)
        buf_fmt(p->b, "\033[%d q", vt->shape);
    if (vt->modify_other_keys)
        buf_fmt(p->b, "\033[>4;%dm", vt->modify_other_keys);
    vt_paint_cursor(p, origin ? vt->region_top : 0);
    vt_paint_charsets(p, vt->charset, vt->shift);
    vt_paint_style(p, vt->style);
    vt_put_modes(vt, p->b);
}

/* ---- an unfinished sequence ----------------------------------------------------------------- */

static void vt_paint_params(struct vt_paint *p)
{
    const struct vt *vt = p->vt;
    if (vt->prefix)
        buf_byte(p->b, (char)vt->prefix);
    for (int i = 0; i <= vt->param_last && vt->param_seen; i++) {
        if (i)
            buf_byte(p->b, vt_is_sub(vt, i) ? ':' : ';');
        if (i < VT_PARAMS_MAX && (vt->params[i] || !vt->prefix))
            buf_int(p->b, vt->params[i]);
    }
}

static void vt_paint_unfinished(struct vt_paint *p)
{
    const struct vt *vt = p->vt;
    if (vt->state == VT_UTF8) {
        buf_add(p->b, vt->utf8, (size_t)vt->utf8_count);
        return;
    }
    if (vt->state == VT_GROUND)
        return;
    buf_byte(p->b, 0x1b);
    if (vt->state == VT_STRING) {
        buf_byte(p->b, (char)vt->string_kind);
        buf_span(p->b, buf_view(&vt->string));
        if (vt->string_escape)
            buf_byte(p->b, 0x1b);
        return;
    }
    if (vt->state == VT_CSI_BAD)
        buf_str(p->b, "[0?");
    if (vt->state == VT_CSI) {
        buf_byte(p->b, '[');
        vt_paint_params(p);
    }
    if (vt->state != VT_CSI_BAD && vt->inter_count)
        buf_byte(p->b, (char)vt->inter);
    if (vt->state != VT_CSI_BAD && vt->inter_count > 1)
        buf_byte(p->b, ' ');
}

/* ---- the snapshot --------------------------------------------------------------------------- */

/* Modes come next. */
static const char vt_paint_start[] =
    "\030\033[?1049;6;2026l\033[!p\033[4;20l\033>\033[r\033(B\033)B\017\033[>4;0m\033[<8u\033[0 q"
    "\033[?5W\033]9;4;0\033\\\033]8;;\033\\";

static void vt_put_snapshot(const struct vt *vt, buf *b, int scrollback)
{
    struct vt_paint p = {vt, b, {0}};
    buf_str(b, vt_paint_start);
    vt_put_mode_resets(vt, b);
    if (scrollback)
        buf_str(b, "\033[3J");
    vt_paint_screens(&p, scrollback);
    vt_paint_tabs(&p);
    vt_paint_texts(&p);
    vt_paint_state(&p);
    vt_paint_unfinished(&p);
}

/* ---- text ----------------------------------------------------------------------------------- */

/* lines and blanks: line feeds and blanks that go before the next visible character, if any.
 * prompts: CELL_PROMPT to put VT_PROMPT_MARK where a prompt begins; prompt: in one. */
struct vt_text {
    buf *b;
    int lines, blanks, any, prompts, prompt;
};

static void vt_text_cell(struct vt_text *t, const struct cell_pool *pool, const struct cell *cell)
{
    char text[CELL_TEXT_MAX];
    if (cell->attr & CELL_TAIL)
        return;
    if (!cell->rune) {
        t->blanks++;
        return;
    }
    for (; t->lines; t->lines--)
        buf_byte(t->b, '\n');
    for (; t->blanks; t->blanks--)
        buf_byte(t->b, ' ');
    if (cell->attr & ~t->prompt & t->prompts)
        buf_byte(t->b, VT_PROMPT_MARK);
    t->prompt = cell->attr;
    buf_add(t->b, text, cell_text(pool, cell->rune, text));
    t->any = 1;
}

static void vt_put_text(const struct vt *vt, buf *b, int scrollback)
{
    struct vt_text t = {.b = b, .prompts = scrollback == VT_PROMPTS ? CELL_PROMPT : 0};
    for (int row = scrollback ? -vt->scroll.count : 0; row < vt->rows; row++) {
        struct vt_view view = vt_view_plain(vt, row);
        for (int i = 0; i < view.n; i++)
            vt_text_cell(&t, vt->pool, &view.cells[i]);
        if (view.wrapped)
            continue;
        t.blanks = 0;
        t.lines++;
    }
    if (t.any)
        buf_byte(b, '\n');
}

static void vt_put_cells(const struct vt *vt, buf *b, int row, int from, int to)
{
    struct vt_text t = {.b = b};
    struct vt_view view = vt_view_plain(vt, row);
    for (int i = from; i < view.n && i < to; i++)
        vt_text_cell(&t, vt->pool, &view.cells[i]);
    if (view.wrapped && to >= vt->cols) /* blanks in the middle of a line count */
        for (; t.blanks; t.blanks--)
            buf_byte(b, ' ');
}

static void vt_put_row(const struct vt *vt, buf *b, int row)
{
    struct vt_text t = {.b = b};
    struct vt_view view = vt_view_plain(vt, row);
    for (int i = 0; i < view.n; i++)
        vt_text_cell(&t, vt->pool, &view.cells[i]);
}

static int vt_is_wrapped(const struct vt *vt, int row)
{
    return vt_view_plain(vt, row).wrapped;
}

static int vt_row_is_blank(const struct vt *vt, int row)
{
    struct vt_view view = vt_view_plain(vt, row);
    for (int i = 0; i < view.n; i++)
        if (view.cells[i].rune && view.cells[i].rune != ' ')
            return 0;
    return 1;
}

static void vt_put_last_line(const struct vt *vt, buf *b, int most)
{
    struct vt_text t = {.b = b};
    int row = vt->y, oldest = vt->modes & VT_ALT_SCREEN ? 0 : -vt->scroll.count;
    while (row >= oldest && vt_row_is_blank(vt, row))
        row--;
    while (row > oldest && vt_view_plain(vt, row - 1).wrapped)
        row--;
    for (; row >= oldest && row < vt->rows && most > 0; row++) {
        struct vt_view view = vt_view_plain(vt, row);
        for (int i = 0; i < view.n && most > 0; i++)
            if (!(view.cells[i].attr & CELL_TAIL)) {
                vt_text_cell(&t, vt->pool, &view.cells[i]);
                most--;
            }
        if (!view.wrapped)
            break;
    }
}
