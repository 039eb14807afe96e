/* Unit tests of the terminal emulator. What a test expects is written as rows of a small screen. */

static struct vt *unit_vt_of(int cols, int rows, const char *bytes)
{
    struct vt *vt = vt_new(cols, rows);
    vt_feed(vt, span_of(bytes));
    return vt;
}

static void unit_vt_put_cell(buf *b, const struct vt *vt, const struct cell *cell)
{
    char text[CELL_TEXT_MAX];
    if (!(cell->attr & CELL_TAIL))
        buf_add(b, text, cell_text(vt_pool(vt), cell->rune, text));
}

/* The rows of the screen, without blanks at their ends, each with a '|' behind it. */
static void unit_vt_put_rows(buf *b, const struct vt *vt, int from)
{
    for (int r = from; r < vt_rows(vt); r++) {
        const struct cell *row = vt_row(vt, r);
        int end = vt_cols(vt);
        while (end > 0 && row[end - 1].rune == 0 && !(row[end - 1].attr & CELL_TAIL))
            end--;
        for (int x = 0; x < end; x++)
            unit_vt_put_cell(b, vt, &row[x]);
        buf_byte(b, '|');
    }
}

static void unit_vt_put_extra(buf *b, const struct vt *vt, unsigned extra)
{
    struct cell_extra e = cell_extra_of(vt_pool(vt), extra);
    if (e.underline)
        buf_fmt(b, "/u%x", e.underline);
    buf_str(b, e.n ? "/" : "");
    buf_span(b, (span){e.link, e.n});
}

static void unit_vt_dump_row(buf *b, const struct vt *vt, struct vt_view view)
{
    for (int x = 0; x < vt->cols; x++) {
        const struct cell *cell = &view.cells[x];
        if (!vt_is_blank(cell))
            buf_fmt(b, " %d:%x/%x/%x", x, cell->fg, cell->bg, cell->attr);
        unit_vt_put_extra(b, vt, cell->extra);
        if (!vt_is_blank(cell))
            buf_byte(b, '=');
        if (!vt_is_blank(cell))
            unit_vt_put_cell(b, vt, cell);
    }
    if (view.wrapped)
        buf_fmt(b, " wrapped at %d", view.n); /* one column less than the row's, or all */
    buf_byte(b, '\n');
}

static void unit_vt_dump_screen(buf *b, const struct vt *vt, const struct vt_screen *screen,
                                int from)
{
    const struct vt_saved *s = &screen->saved;
    if (!screen->live)
        return;
    for (int r = from; r < vt->rows; r++)
        unit_vt_dump_row(b, vt, vt_view(vt, screen, r, vt->scratch));
    buf_fmt(b, "saved %d %d %d %x %x %x %c%c%d %d\n", s->x, s->y, s->pending, s->style.fg,
            s->style.bg, s->style.attr, s->charset[0], s->charset[1], s->shift, s->origin);
}

/* Everything there is to know of an emulator, as text. */
static void unit_vt_dump(buf *b, const struct vt *vt, int scrollback)
{
    struct vt_paint p = {vt, b, {0}};
    buf_fmt(b, "%dx%d at %d %d pending %d joins %d region %d %d modes %x %x shape %d\n", vt->cols,
            vt->rows, vt->x, vt->y, vt->pending, vt->joins, vt->region_top, vt->region_bottom,
            vt->modes, vt->saved_modes, vt->shape);
    buf_fmt(b, "style %x %x %x charset %c%c%d keys %d", vt->style.fg, vt->style.bg, vt->style.attr,
            vt->charset[0], vt->charset[1], vt->shift, vt->modify_other_keys);
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < vt->screens[s].key_count; i++)
            buf_fmt(b, " %d/%d", s, vt->screens[s].keys[i]);
    buf_str(b, "\ntabs");
    for (int i = 0; i < vt->cols; i++)
        if (vt->tabs[i / 8] >> i % 8 & 1)
            buf_fmt(b, " %d", i);
    for (int i = 0; i < vt->title_count; i++)
        buf_fmt(b, "\npushed %.*s", (int)vt->titles[i].n, vt->titles[i].n ? vt->titles[i].p : "");
    buf_str(b, "\ntitle ");
    buf_span(b, vt_title(vt));
    unit_vt_put_extra(b, vt, vt->style.extra);
    buf_fmt(b, "\nprogress %d recent %d", vt->progress, scrollback ? vt->scroll.recent : 0);
    buf_str(b, "\ndirectory ");
    buf_span(b, vt_directory(vt));
    buf_str(b, "\nprimary\n");
    unit_vt_dump_screen(b, vt, &vt->screens[0], scrollback ? -vt->scroll.count : 0);
    buf_str(b, "alternate\n");
    unit_vt_dump_screen(b, vt, &vt->screens[1], 0);
    buf_str(b, "unfinished ");
    vt_paint_unfinished(&p);
}

/* ---- a stream of bytes that means something, from random numbers ---------------------------- */

static const char *const unit_vt_tokens[] = {
    "a", "bc", "hello ", "  ", "0123456789", "\r\n", "\n", "\r", "\b", "\t", "\016", "\017",
    "\033(0", "\033(B", "\033)0", "\033)B", "lqqk", "\xc3\xa4", "\xe4\xb8\xad", "\xe6\x96\x87",
    "\xf0\x9f\x98\x80", "e\xcc\x81", "\xcc\x88", "\xe2\x98\x81", "\xef\xb8\x8f", "\xe2\x80\x8d",
    "\xf0\x9f\x87\xa9", "\xf0\x9f\x87\xaa", "\xe1\x84\x80", "\xe1\x85\xa1", "\xea\xb0\x80",
    "\xff", "\xe4\xb8", "\xc2\x9b", "\xf0\x9f", "\x80", "\033[m", "\033[1;31m", "\033[44m",
    "\033[0;4:3m", "\033[38;5;200;48:2::1:2:3m", "\033[7m", "\033[27;49m", "\033[H",
    "\033[%d;%dH", "\033[%dA", "\033[%dB", "\033[%dC", "\033[%dD", "\033[%dG", "\033[%dd",
    "\033[%dE", "\033[J", "\033[1J", "\033[2J", "\033[3J", "\033[K", "\033[1K", "\033[2K",
    "\033[%dX", "\033[%d@", "\033[%dP", "\033[%dL", "\033[%dM", "\033[%dS", "\033[%dT",
    "\033[%d;%dr", "\033[r", "\033[%db", "\033[4h", "\033[4l", "\033[20h", "\033[20l", "\033[?6h",
    "\033[?6l", "\033[?7l", "\033[?7h", "\0337", "\0338", "\033[s", "\033[u", "\033D", "\033E",
    "\033M", "\033H", "\033[g", "\033[3g", "\033[%dI", "\033[%dZ", "\033#8", "\033[!p", "\033c",
    "\033[?47h", "\033[?47l", "\033[?1047h", "\033[?1047l", "\033[?1049h", "\033[?1049l",
    "\033[?1048h", "\033[?1;5;12;25;2004h", "\033[?25l", "\033[?1002;1006h", "\033[?1003l",
    "\033[?1;7;25;1002;1006;1049s", "\033[?1;7;25;1002;1006;1049r", "\033[?6;1048s",
    "\033[?6;1048r", "\033[?40h\033[?3h", "\033[?45h", "\033[?45h", "\b", "\xc2\x9d",
    "\033[?2026h", "\033=", "\033>", "\033[%d q", "\033]2;title\007", "\033]0;x\033\\",
    "\033]7;file://h/a%%20b\033\\", "\033[22t", "\033[23t", "\033P$qm\033\\", "\033_x\033\\",
    "\033[c", "\033[6n", "\033[?1$p", "\033[>4;2m", "\033[>%du", "\033[<u", "\033", "\033[",
    "\033[1;2", "\033[?", "\033[1:2$", "\033]2;half", "\033Pq", "\033(", "\030", "\033\\", "\007",
    "\033[1?", "\033[;:", "\033X", "\033]52;c;eA==\007", "\033]9;note\007", "\033]9;4;1;50\007",
    "\033]133;A\007", "\033]133;A\007", "\033]133;B\033\\",
    "\033[4:3;58:2::1:2:3m", "\033[58;5;9m", "\033[59m",
    "\033]8;id=a;http://x/%d\033\\", "\033]8;;file:///%d\007", "\033]8;;\007", "\033]9;4;0\007",
    "0123456789012345678901234567890123456789",
};

static unsigned unit_vt_random(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 16;
}

static void unit_vt_put_token(buf *b, unsigned which, unsigned number)
{
    buf_fmt(b, unit_vt_tokens[which % COUNT_OF(unit_vt_tokens)], number % 13, number / 13 % 13);
}

/* Equal in everything; otherwise says so. */
static int unit_vt_same(const struct vt *a, const struct vt *b, int scrollback, const char *what)
{
    buf x = {0}, y = {0};
    int same;
    unit_vt_dump(&x, a, scrollback);
    unit_vt_dump(&y, b, scrollback);
    same = x.n == y.n && memcmp(x.p, y.p, x.n) == 0;
    if (!same)
        printf("# %s: differs\n# ---- one\n%s\n# ---- other\n%s\n", what, buf_cstr(&x),
               buf_cstr(&y));
    buf_free(&x);
    buf_free(&y);
    return same;
}

/* A fresh emulator that is fed with the snapshot must be the same, and stay so when both are fed
 * with more. `used`, one of that size that has seen other things, must become the same but for the
 * scrollback. */
static int unit_vt_snapshot_same(struct vt *vt, span more, struct vt *used)
{
    struct vt *fresh = vt_new(vt->cols, vt->rows);
    buf b = {0};
    int same;
    vt_put_snapshot(vt, &b, 1);
    vt_feed(fresh, buf_view(&b));
    same = unit_vt_same(vt, fresh, 1, "snapshot");
    if (!same)
        printf("# snapshot was %s\n", buf_cstr(&b));
    if (used) {
        used->title_count = 0; /* nothing takes pushed titles away */
        buf_clear(&used->title);
        buf_clear(&used->directory);
        buf_clear(&b);
        vt_put_snapshot(vt, &b, 0);
        vt_feed(used, buf_view(&b));
        same = same && unit_vt_same(vt, used, 0, "snapshot into a used one");
    }
    vt_feed(vt, more);
    vt_feed(fresh, more);
    same = same && unit_vt_same(vt, fresh, 1, "going on");
    for (int i = 0; i < 3 && same; i++) { /* some state shows only in another size */
        int cols = i == 2 ? 40 : 1 + (int)b.n * (i + 7) % 17, rows = 1 + (int)b.n * (i + 3) % 7;
        vt_resize(vt, cols, rows);
        vt_resize(fresh, cols, rows);
        same = unit_vt_same(vt, fresh, 1, "resized");
    }
    buf_free(&b);
    vt_free(fresh);
    return same;
}

/* ---- what sequences do ---------------------------------------------------------------------- */

/* Prints the bytes of a case in which checks have failed. */
static void unit_vt_show_case(int failures_before, const char *bytes)
{
    buf b = {0};
    utf8_put_visible(&b, span_of(bytes));
    if (test_failures > failures_before)
        printf("#   case: %s\n", buf_cstr(&b));
    buf_free(&b);
}

/* The screen afterwards: rows as unit_vt_put_rows writes them, and the cursor. */
struct unit_vt_case {
    int cols, rows;
    const char *bytes, *want;
    int y, x;
};

static const struct unit_vt_case unit_vt_cases[] = {
    /* text, wrapping, C0 */
    {5, 2, "abc", "abc||", 0, 3},
    {5, 2, "abcde", "abcde||", 0, 4},
    {5, 2, "abcdef", "abcde|f|", 1, 1},
    {5, 2, "abcde\r\nf", "abcde|f|", 1, 1},
    {5, 2, "abcde\bX", "abcXe||", 0, 4},
    {5, 2, "abcde\033[KX", "abcde|X|", 1, 1}, /* right of a pending wrap is nothing */
    {5, 2, "abcde\033[JX", "abcde|X|", 1, 1},
    {5, 2, "abcde\033[X\033[P\033[@X", "abcde|X|", 1, 1},
    {5, 2, "abcde\033[2KX", "|X|", 1, 1},
    {5, 2, "abcde\033[mX", "abcde|X|", 1, 1},
    {5, 2, "abcde\tX", "abcde|X|", 1, 1},
    {3, 3, "abcdef\033[A\033[3GX\033[SY", "def|Y||", 1, 1}, /* a scroll keeps a pending wrap */
    {3, 3, "abcdef\033[H\033[3GX\033[TY", "|YbX|def|", 1, 1},
    {5, 3, "\033[?45habcdefg\b\b\b\bX", "abcXe|fg||", 0, 4}, /* reverse wrap */
    {5, 3, "\033[?45habcdefg\033[4DX", "abcXe|fg||", 0, 4},
    {5, 2, "\033[?45habcde\bX", "abcdX||", 0, 4},
    {5, 2, "\033[?45hab\r\ncd\033[9DX", "ab|Xd|", 1, 1}, /* not over a line's end */
    {5, 2, "\033[?45;7labcdef\033[9DX", "Xbcdf||", 0, 1},
    {5, 2, "ab\033[?3hc", "abc||", 0, 3}, {5, 2, "ab\033[?40;3hc", "c||", 0, 1},
    {5, 2, "\033[?40hab\r\n\033[?3lc", "c||", 0, 1},
    {5, 2, "\033[?7s\033[?7l\033[?7rabcdef", "abcde|f|", 1, 1},
    {5, 2, "\033[?1049sa\033[?1049hb\033[?1049rc", "ac||", 0, 2},
    {5, 2, "ab\033[?1048s\033[H\033[?1048rc", "abc||", 0, 3},
    {5, 2, "\033[?7labcdefg", "abcdg||", 0, 4},
    {5, 2, "\033[?7labcde\033[?7hf", "abcde|f|", 1, 1},
    {5, 2, "1\n2\n3", " 2|  3|", 1, 3},
    {5, 2, "\033[20h1\n2\n3", "2|3|", 1, 1},
    {5, 2, "1\v2\f3", " 2|  3|", 1, 3},
    {20, 1, "a\tb\tc", "a       b       c|", 0, 17},
    {20, 1, "\033[3g\033[5G\033H\ra\tb", "a   b|", 0, 5},
    {20, 1, "\t\033[gX\rY\tZ", "Y       X       Z|", 0, 17},
    {20, 1, "\033[2Ia\033[Zb\033[9Zc", "c               b|", 0, 1},
    {20, 1, "\033[3g\033[?5W\tb", "        b|", 0, 9},
    {5, 1, "a\177\0b", "a|", 0, 1}, /* the C string ends at NUL */
    {9, 1, "\033(0lqk\033(Bq\033)0\016x\017x", "┌─┐q│x|", 0, 6},
    {9, 1, "\033(0_a_\033(Ba_", " ▒ a_|", 0, 5},
    /* moving */
    {9, 3, "\033[2;3Hx\033[Hy\033[9;9Hz", "y|  x|        z|", 2, 8},
    {9, 3, "\033[2B\033[3Cx\033[A\033[2Dy\033[9A\033[9Dz", "z|  y|   x|", 0, 1},
    {9, 3, "ab\033[Ec\033[2Fd\033[5Ge\033[3df\033[2`g\033[2ah\033[ei", "db  e|c| g  hi|", 2, 6},
    {9, 3, "ab\033Ec\033Dd\033Me\033M\033Mf", "   f|ab|c e|", 0, 4},
    {9, 3, "\033[65536;99999999999999999999Hx", "||        x|", 2, 8},
    {5, 3, "ab\0337\033[31m\033[3;3H\0338c\033[uX", "abX|||", 0, 3},
    {5, 3, "abcde\0337\033[H\0338f", "abcde|f||", 1, 1}, /* the pending wrap is saved too */
    {5, 4, "\033[2;3r\033[?6hx\033[9;1Hy\033[?6l\033[9;1Hz", "|x|y|z|", 3, 1},
    {5, 4, "a\033[5;2rb\033[2;2rc\033[0;9rd", "dbc||||", 0, 1},
    /* erasing, inserting, deleting */
    {5, 2, "abcde\033[1;3H\033[K", "ab||", 0, 2},
    {5, 2, "abcde\033[1;3H\033[1K", "   de||", 0, 2},
    {5, 2, "abcde\033[1;3H\033[2K", "||", 0, 2},
    {5, 2, "abcde\033[1;2H\033[2X\033[9X", "a||", 0, 1},
    {3, 3, "abcdefghi\033[2;2H\033[J", "abc|d||", 1, 1},
    {3, 3, "abcdefghi\033[2;2H\033[1J", "|  f|ghi|", 1, 1},
    {3, 3, "abcdefghi\033[2;2H\033[2J", "|||", 1, 1},
    {5, 1, "abcde\033[2G\033[2@", "a  bc|", 0, 1},
    {5, 1, "abcde\033[2G\033[9@", "a|", 0, 1},
    {5, 1, "ab\033[2GX\033[2@Y", "aXY|", 0, 3},
    {5, 1, "abcde\033[2G\033[2P", "ade|", 0, 1},
    {5, 1, "abcde\033[2G\033[9P", "a|", 0, 1},
    {5, 1, "abcde\033[2G\033[4hXY\033[4lZ", "aXYZc|", 0, 4},
    {3, 4, "a\r\nb\r\nc\r\nd\033[2;2H\033[L", "a||b|c|", 1, 0},
    {3, 4, "a\r\nb\r\nc\r\nd\033[2;2H\033[2M", "a|d|||", 1, 0},
    {3, 4, "a\r\nb\r\nc\r\nd\033[2;3r\033[2H\033[9L", "a|||d|", 1, 0},
    {3, 4, "a\r\nb\r\nc\r\nd\033[2;3r\033[H\033[9M", "a|b|c|d|", 0, 0},
    {3, 4, "a\r\nb\r\nc\r\nd\033[2;3r\033[3H\nx", "a|c|x|d|", 2, 1},
    {3, 4, "a\r\nb\r\nc\r\nd\033[2;3r\033[2H\033Mx", "a|x|b|d|", 1, 1},
    {3, 4, "a\r\nb\r\nc\r\nd\033[2;4r\033[2S", "a|d|||", 0, 0},
    {3, 4, "a\r\nb\r\nc\r\nd\033[1;3r\033[2T", "||a|d|", 0, 0},
    {3, 4, "a\r\nb\r\nc\r\nd\033[S", "b|c|d||", 3, 1},
    {3, 4, "\033[1;2r\033[4Habcd", "|||dbc|", 3, 1}, /* below the region nothing scrolls */
    {9, 1, "ab\033[3bc", "abbbbc|", 0, 6},
    {9, 1, "ab\033[3b\033[G\033[3b", "abbbb|", 0, 0},
    {3, 2, "x\033#8", "EEE|EEE|", 0, 0},
    {5, 2, "abc\033cd", "d||", 0, 1},
    {5, 3, "\033[2;3r\033[?6;7;25l\033[4h\033[31m\033[!pab\rc", "cb|||", 0, 1},
    /* the alternate screen */
    {5, 2, "ab\033[?1049hcd", "  cd||", 0, 4},
    {5, 2, "ab\033[?1049hcd\033[?1049le", "abe||", 0, 3},
    {5, 2, "ab\033[?47hcd\033[?47le\033[?47h", "  cd||", 0, 5 - 1},
    {5, 2, "ab\033[?1047hcd\033[?1047le\033[?1047h", "||", 0, 4},
    {5, 2, "ab\033[?1048hcd\033[?1048le", "abed||", 0, 3},
    /* wide characters, marks, graphemes */
    {5, 2, "a中文", "a中文||", 0, 4},
    {4, 2, "a中文", "a中|文|", 1, 2},
    {4, 1, "中文\033[2GX", " X文|", 0, 2},
    {4, 1, "中文\033[3GX", "中X|", 0, 3},
    {4, 1, "中文\033[GX", "X 文|", 0, 1},
    {4, 1, "中文\033[2G\033[X", "  文|", 0, 1},
    {4, 1, "中文\033[G\033[@", " 中|", 0, 0},
    {4, 1, "中文\033[2G\033[P", " 文|", 0, 1},
    {4, 1, "\033[?7labc中", "ab中|", 0, 3},
    {1, 2, "中", "\xef\xbf\xbd||", 0, 0},
    {5, 1, "e\xcc\x81x", "e\xcc\x81x|", 0, 2},
    {5, 1, "e\033[m\xcc\x81x", "e\xcc\x81x|", 0, 2},
    {5, 1, "e\033[K\xcc\x81x", "e\xcc\x81x|", 0, 2},
    {5, 1, "e\033[2G\xcc\x81x", "ex|", 0, 2}, /* after a move nothing joins */
    {5, 1, "\xcc\x81x", "x|", 0, 1},
    {3, 2, "abe\xcc\x81x", "abe\xcc\x81|x|", 1, 1},
    {5, 1, "\xe2\x98\x81\xef\xb8\x8fx", "\xe2\x98\x81\xef\xb8\x8fx|", 0, 3},
    {2, 2, "a\xe2\x98\x81\xef\xb8\x8f", "a|\xe2\x98\x81\xef\xb8\x8f|", 1, 1},
    {5, 1, "\xf0\x9f\x87\xa9\xf0\x9f\x87\xaax", "\xf0\x9f\x87\xa9\xf0\x9f\x87\xaax|", 0, 3},
    {9, 1, "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80x",
     "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80x|", 0, 3},
    {9, 1, "\xf0\x9f\x91\xa9\xf0\x9f\x91\xa9x", "\xf0\x9f\x91\xa9\xf0\x9f\x91\xa9x|", 0, 5},
    {9, 1, "\xe1\x84\x80\xea\xb0\x80\xea\xb0\x80", "\xe1\x84\x80\xea\xb0\x80\xea\xb0\x80|", 0, 4},
    /* malformed UTF-8: one U+FFFD for every maximal part */
    {9, 1, "\xff\xc0\x80z", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz|", 0, 4},
    {9, 1, "\xe4\xb8z", "\xef\xbf\xbdz|", 0, 2},
    {9, 1, "\xf0\x9f\x98z\xed\xa0\x80", "\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|", 0, 5},
    {9, 1, "\xf0\x9f\033[mz", "\xef\xbf\xbdz|", 0, 2},
    /* sequences broken off, unknown or too long */
    {9, 1, "a\xc2\x9d" "0;x\xc2\x9cy", "a0;xy|", 0, 5}, /* U+009C ends no string: none begins */
    {9, 1, "a\xc2\x90\xc2\x98\xc2\x9e\xc2\x9f" "b", "ab|", 0, 2},
    {9, 2, "a\xc2\x9b" "2Gb\xc2\x85" "c", "ab|c|", 1, 1},
    {9, 2, "\033[1\n;2\rHx", " x||", 0, 2}, /* controls inside are carried out */
    {9, 1, "\033[1;\030x\033[\032y\033[1\033[3Gz", "xyz|", 0, 3},
    {9, 1, "\033[?x\033[1?2Hy\033[1$2Hz\033[>zx\033%Gw\033( Bv", "yzxwv|", 0, 5},
    {9, 1, "\033]0;x\030a\033Pq\033[2Gb\033_c\033\\\033^d\033\\\033Xe\033\\f", "abf|", 0, 3},
    {9, 1, "\033]8;;http://x\033\\link\033]8;;\033\\", "link|", 0, 4},
    {9, 1, "\033[1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;Hx",
     "x|", 0, 1},
};

static void unit_vt_check_case(const struct unit_vt_case *c, size_t step)
{
    struct vt *vt = vt_new(c->cols, c->rows);
    buf rows = {0};
    size_t n = strlen(c->bytes);
    int y, x;
    for (size_t i = 0; i < n; i += step) {
        span piece = {c->bytes + i, n - i < step ? n - i : step};
        char *copy = guard_copy(piece);
        vt_feed(vt, (span){copy, piece.n});
        guard_free(copy, piece.n);
    }
    unit_vt_put_rows(&rows, vt, 0);
    vt_cursor(vt, &y, &x);
    if (!span_eq(buf_view(&rows), c->want) || y != c->y || x != c->x)
        printf("# case %d, in steps of %d\n", (int)(c - unit_vt_cases), (int)step);
    CHECK_SPAN(buf_view(&rows), c->want);
    CHECK_INT(y, c->y);
    CHECK_INT(x, c->x);
    buf_free(&rows);
    vt_free(vt);
}

static void unit_vt_sequences(void)
{
    test_begin("sequences change the screen as xterm does");
    for (size_t i = 0; i < COUNT_OF(unit_vt_cases); i++) {
        unit_vt_check_case(&unit_vt_cases[i], 1000);
        unit_vt_check_case(&unit_vt_cases[i], 1);
        unit_vt_check_case(&unit_vt_cases[i], 3);
    }
}

/* Split at every point: the same as whole. */
static void unit_vt_splits(void)
{
    test_begin("bytes that are split anywhere give the same screen");
    for (size_t i = 0; i < COUNT_OF(unit_vt_cases); i++) {
        const struct unit_vt_case *c = &unit_vt_cases[i];
        struct vt *whole = unit_vt_of(c->cols, c->rows, c->bytes);
        for (size_t cut = 1; cut < strlen(c->bytes); cut++) {
            struct vt *vt = vt_new(c->cols, c->rows);
            vt_feed(vt, (span){c->bytes, cut});
            vt_feed(vt, span_sub(span_of(c->bytes), cut));
            CHECK(unit_vt_same(whole, vt, 1, c->bytes));
            vt_free(vt);
        }
        vt_free(whole);
    }
}

/* ---- styles --------------------------------------------------------------------------------- */

static const struct {
    const char *sgr;
    uint32_t fg, bg;
    unsigned attr;
} unit_vt_styles[] = {
    {"1;2;3;5;7;8;9;53", 0, 0, 0xff},
    {"1;2;3;5;7;8;9;53;22;23;25;27;28;29;55", 0, 0, 0},
    {"1;31;0", 0, 0, 0},
    {"31;;44", 0, CELL_INDEXED | 4, 0},
    {"37;40", CELL_INDEXED | 7, CELL_INDEXED, 0},
    {"97;100", CELL_INDEXED | 15, CELL_INDEXED | 8, 0},
    {"31;41;39", 0, CELL_INDEXED | 1, 0},
    {"31;41;49", CELL_INDEXED | 1, 0, 0},
    {"38;5;200;48;5;7", CELL_INDEXED | 200, CELL_INDEXED | 7, 0},
    {"38:5:200;48:5:7;1", CELL_INDEXED | 200, CELL_INDEXED | 7, CELL_BOLD},
    {"38;2;1;2;3;4", CELL_RGB | 0x010203, 0, 1 << CELL_UNDERLINE_SHIFT},
    {"38:2:1:2:3;4", CELL_RGB | 0x010203, 0, 1 << CELL_UNDERLINE_SHIFT},
    {"48:2::1:2:3;4", 0, CELL_RGB | 0x010203, 1 << CELL_UNDERLINE_SHIFT},
    {"38:2::1:2:3:0:1;1", CELL_RGB | 0x010203, 0, CELL_BOLD},
    {"58:2::1:2:3;1", 0, 0, CELL_BOLD},
    {"58;5;3;1", 0, 0, CELL_BOLD},
    {"4:3", 0, 0, 3 << CELL_UNDERLINE_SHIFT},
    {"4:3;4:0", 0, 0, 0},
    {"4:5;24", 0, 0, 0},
    {"4:5;4", 0, 0, 1 << CELL_UNDERLINE_SHIFT},
    {"21", 0, 0, 2 << CELL_UNDERLINE_SHIFT},
    {"1:2:3;99;50;3", 0, 0, CELL_BOLD | CELL_ITALIC},
    {"38;5", 0, 0, 0},
    {"38;2;1;2", 0, 0, 0},
    {"38;7;1", 0, 0, CELL_BOLD},
    {"38;5;256;1", 0, 0, CELL_BOLD},
    {"31;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;1", 0, 0, 0},
};

static void unit_vt_sgr(void)
{
    test_begin("SGR sets attributes and colours");
    for (size_t i = 0; i < COUNT_OF(unit_vt_styles); i++) {
        struct vt *vt = vt_new(9, 1);
        const struct cell *cell;
        buf b = {0};
        buf_fmt(&b, "\033[%smx中", unit_vt_styles[i].sgr);
        vt_feed(vt, buf_view(&b));
        cell = vt_row(vt, 0);
        int before = test_failures;
        CHECK_INT(cell[0].fg, unit_vt_styles[i].fg);
        CHECK_INT(cell[0].bg, unit_vt_styles[i].bg);
        CHECK_INT(cell[0].attr, unit_vt_styles[i].attr);
        CHECK_INT(cell[1].attr, unit_vt_styles[i].attr | CELL_WIDE);
        CHECK_INT(cell[2].attr, unit_vt_styles[i].attr | CELL_TAIL);
        CHECK_INT(cell[2].rune, 0);
        unit_vt_show_case(before, unit_vt_styles[i].sgr);
        buf_free(&b);
        vt_free(vt);
    }
}

/* Erasing and scrolling take the background, and nothing else, of the style in force. */
static void unit_vt_background(void)
{
    test_begin("erasing uses the background colour and no attribute");
    static const char *const how[] = {
        "\033[2J", "\033[K", "\033[9X", "\033[9@", "\033[9P", "\033[L", "\033[M", "\n", "\033M",
        "\033[S", "\033[T", "\033[?1049h",
    };
    for (size_t i = 0; i < COUNT_OF(how); i++) {
        struct vt *vt = unit_vt_of(4, 1, "abcd\r\033[1;4;31;42m");
        vt_feed(vt, span_of(how[i]));
        CHECK_INT(vt_row(vt, 0)[0].bg, CELL_INDEXED | 2);
        CHECK_INT(vt_row(vt, 0)[3].bg, CELL_INDEXED | 2);
        CHECK_INT(vt_row(vt, 0)[3].fg, 0);
        CHECK_INT(vt_row(vt, 0)[3].attr, 0);
        CHECK_INT(vt_row(vt, 0)[0].rune, 0);
        vt_free(vt);
    }
}

/* ---- modes, queries, strings ---------------------------------------------------------------- */

static const struct {
    const char *bytes;
    unsigned modes;
} unit_vt_modes[] = {
    {"\033[?1;5;66;1004;2004;2026;12h\033[?1007l",
     VT_APP_CURSOR | VT_REVERSE_VIDEO | VT_APP_KEYPAD | VT_FOCUS | VT_NO_ALT_SCROLL |
     VT_BRACKETED_PASTE | VT_SYNC | VT_CURSOR_BLINK},
    {"\033[?1;5;2004h\033[?1;2004l", VT_REVERSE_VIDEO},
    {"\033[?7;25l\033[4;20h", VT_NO_WRAP | VT_CURSOR_HIDDEN | VT_INSERT | VT_NEWLINE},
    {"\033[?7;25l\033[4;20h\033[?7;25h\033[4;20l", 0},
    {"\033[?9h", VT_MOUSE_X10}, {"\033[?1000h", VT_MOUSE_NORMAL},
    {"\033[?1000;1002;1003h", VT_MOUSE_ANY}, {"\033[?1003;1002h", VT_MOUSE_BUTTON},
    {"\033[?1003h\033[?1000l", 0}, {"\033[?1005;1015;1006h", VT_MOUSE_SGR},
    {"\033[?1015h", VT_MOUSE_URXVT},
    {"\033[?1005h", VT_MOUSE_UTF8}, {"\033[?1006h\033[?1005l", 0},
    {"\033=", VT_APP_KEYPAD}, {"\033=\033>", 0}, {"\033[?6h", VT_ORIGIN},
    {"\033[?1049h", VT_ALT_SCREEN}, {"\033[?47h\033[?1049l", 0},
    {"\033[?1002;1006s\033[?1003h\033[?1002;1006r", 0},
    {"\033[?1002;1006;1h\033[?1000;1;1006s\033[?1002;1006;1l\033[?1000;1;1006r",
     VT_MOUSE_BUTTON | VT_MOUSE_SGR | VT_APP_CURSOR},
    {"\033[?25l\033[?25s\033c\033[?25l\033[?25r", 0},
    {"\033[1;5h\033[?4;20h", 0}, {"\033[?1;1049;2004h\033c", 0},
};

static void unit_vt_mode_sets(void)
{
    test_begin("modes are set, reset, and exclude each other");
    for (size_t i = 0; i < COUNT_OF(unit_vt_modes); i++) {
        struct vt *vt = unit_vt_of(5, 2, unit_vt_modes[i].bytes);
        CHECK_INT(vt_modes(vt), unit_vt_modes[i].modes);
        vt_free(vt);
    }
}

static const char *const unit_vt_answers[][2] = {
    {"\033[c", "\033[?62;22c"}, {"\033[0c", "\033[?62;22c"}, {"\033[1c", ""},
    {"\033[>c", "\033[>1;380;0c"}, {"\033[5n", "\033[0n"}, {"\033[?5n", ""},
    {"\033[2;3H\033[6n", "\033[2;3R"}, {"\033[2;3H\033[?6n", "\033[?2;3;1R"},
    {"\033[2;3r\033[?6h\033[6n", "\033[1;1R"}, {"abcdefgh\033[6n", "\033[1;8R"},
    {"\033[>q", "\033P>|telec(" TELEC_VERSION ")\033\\"},
    {"\033[?25$p", "\033[?25;1$y"}, {"\033[?25l\033[?25$p", "\033[?25;2$y"},
    {"\033[?1$p", "\033[?1;2$y"}, {"\033[?1049h\033[?1049$p", "\033[?1049;1$y"},
    {"\033]11;?\a", "\033]11;rgb:1010/1010/1010\a"}, {"\033]10;rgb:1/1/1\a", ""},
    {"\033]10;?;?\033\\", "\033]10;rgb:d0d0/d0d0/d0d0\033\\\033]11;rgb:1010/1010/1010\033\\"},
    {"\033]12;?;?\a", "\033]12;rgb:d0d0/d0d0/d0d0\a"}, {"\033[?996n", "\033[?997;1n"},
    {"\033[?2031$p", "\033[?2031;2$y"}, {"\033[?40h\033[?2031$p", "\033[?2031;2$y"},
    {"\033[?u", "\033[?0u"},
    {"\033[>1u\033[>15u\033[?u", "\033[?15u"},
    {"\033[?1007$p", "\033[?1007;1$y"}, {"\033[?1016$p", "\033[?1016;0$y"},
    {"\033[?2027$p", "\033[?2027;3$y"}, {"\033[?2027l\033[?2027$p", "\033[?2027;3$y"},
    {"\033[?1;1;0S", "\033[?1;1;0S"}, {"\033_Gi=1,a=q;AAAA\033\\", ""},
    {"\033[?45h\033[?45$p", "\033[?45;1$y"}, {"\033[?3$p", "\033[?3;2$y"},
    {"\033[?77$p", "\033[?77;0$y"}, {"\033[4$p", "\033[4;2$y"},
    {"\033[4h\033[4$p", "\033[4;1$y"}, {"\033[?2026$p", "\033[?2026;2$y"},
    {"\033P$qm\033\\", "\033P1$r0m\033\\"},
    {"\033[1;31m\033P$qm\033\\", "\033P1$r0;1;31m\033\\"},
    {"\033[4 q\033P$q q\033\\", "\033P1$r4 q\033\\"},
    {"\033[2;3r\033P$qr\033\\", "\033P1$r2;3r\033\\"},
    {"\033P$qx\033\\", "\033P0$r\033\\"}, {"\033P+q544e\033\\", "\033P0+r\033\\"},
    {"\033[18t", "\033[8;4;8t"},
    {"\033[14t\033[21t", ""}, {"\033]52;c;?\007", ""},
};

static void unit_vt_queries(void)
{
    test_begin("device queries are answered");
    CHECK(COUNT_OF(vt_dec_modes) <= VT_PARAMS_MAX); /* a snapshot's start names all in a sequence */
    buf b = {0};
    struct vt *vt;
    for (size_t i = 0; i < COUNT_OF(unit_vt_answers); i++) {
        vt = unit_vt_of(8, 4, unit_vt_answers[i][0]);
        buf_clear(&b);
        vt_drain_answers(vt, &b);
        CHECK_SPAN(buf_view(&b), unit_vt_answers[i][1]);
        vt_drain_answers(vt, &b);
        CHECK_SPAN(buf_view(&b), unit_vt_answers[i][1]);
        vt_free(vt);
    }
    vt = vt_new(5, 2);
    for (size_t i = 0; i < 10000; i++)
        vt_feed(vt, span_of("\033[c"));
    buf_clear(&b);
    vt_drain_answers(vt, &b);
    CHECK(b.n > VT_ANSWERS_MAX / 2 && b.n <= VT_ANSWERS_MAX);
    vt_free(vt);
    buf_free(&b);
}

static const struct {
    const char *bytes;
    unsigned signals;
    const char *title, *directory, *note;
} unit_vt_strings_cases[] = {
    {"\007", VT_BELL, "", "", ""},
    {"\033]0;both\007", VT_TITLE_CHANGED, "both", "", ""},
    {"\033]2;a;b\033\\", VT_TITLE_CHANGED, "a;b", "", ""},
    {"\033]1;icon\007", 0, "", "", ""},
    {"\033]2;t\xff\xc2\x85i\tt\007", VT_TITLE_CHANGED, "t\xef\xbf\xbdit", "", ""},
    {"\033]2;never\033x\033]2;nor\030", 0, "", "", ""},
    {"\033]7;file://host/a%20b%e4%b8%ad%\007", VT_DIRECTORY_CHANGED, "", "/a b中%", ""},
    {"\033]7;file://host/a%2\007", VT_DIRECTORY_CHANGED, "", "/a%2", ""},
    {"\033]7;file:///x%0ay%1b\007", VT_DIRECTORY_CHANGED, "", "/xy", ""},
    {"\033]7;http://x/\007", 0, "", "", ""},
    {"\033]9;done\007", VT_NOTIFIED, "", "", "done"},
    {"\033]9;4;1;50\007\033]9;4\007", 0, "", "", ""},
    {"\033]9;4 apples\007", VT_NOTIFIED, "", "", "4 apples"},
    {"\033]99;i=1:d=0;text\033\\", VT_NOTIFIED, "", "", "text"},
    {"\033]99;i=1:p=?;x\033\\", 0, "", "", ""},
    {"\033]777;notify;T;B\033\\", VT_NOTIFIED, "", "", "T: B"},
    {"\033]777;notify;T\033\\", VT_NOTIFIED, "", "", "T"},
    {"\033]777;precmd;T\033\\", 0, "", "", ""},
    {"\033]52;c;eA==\007", VT_CLIPBOARD, "", "", ""},
    {"\033]2;a\007\033[22;0t\033]2;b\007\033[23;0t", VT_TITLE_CHANGED, "a", "", ""},
    {"\033]2;a\007\033[22;1t\033]2;b\007\033[23;1t\033[23t", VT_TITLE_CHANGED, "b", "", ""},
};

static void unit_vt_links(void)
{
    test_begin("links and underline colours are kept with the text, and only safe links");
    static const struct {
        const char *bytes, *link;
        uint32_t underline;
    } cases[] = {
        {"\033]8;;http://a/b;c\033\\x", ";http://a/b;c", 0},
        {"\033]8;k=v:id=7;mailto:a@b\ax", "id=7;mailto:a@b", 0},
        {"\033]8;;javascript:alert(1)\ax", "", 0},
        {"\033]8;;http://a/\303\251\ax", "", 0},
        {"\033]8;id=\303\251;https://a\ax", ";https://a", 0},
        {"\033]8;;http://a\a\033]8;;\ax", "", 0},
        {"\033]8;;http://a\a\033[0mx", ";http://a", 0},
        {"\033[58:2::1:2:3mx", "", CELL_RGB | 0x010203},
        {"\033[58;5;9m\033]8;;http://a\ax", ";http://a", CELL_INDEXED | 9},
        {"\033[58;5;9m\0337\033[m\0338x", "", CELL_INDEXED | 9},
        {"\033[58;5;9m\033[59mx", "", 0},
        {"\033]8;;http://a\a\033[!px", "", 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct vt *vt = unit_vt_of(9, 1, cases[i].bytes);
        struct cell_extra e = cell_extra_of(vt_pool(vt), vt_row(vt, 0)[0].extra);
        int before = test_failures;
        span link = {e.link, e.n};
        CHECK_SPAN(link, cases[i].link);
        CHECK_INT(e.underline, cases[i].underline);
        unit_vt_show_case(before, cases[i].bytes);
        vt_free(vt);
    }
    test_begin("links that have left the screen make room for new ones");
    struct vt *vt = vt_new(9, 3);
    buf b = {0};
    for (int i = 0; i < 4 * CELL_EXTRAS_MAX; i++) {
        buf_clear(&b);
        buf_fmt(&b, "\033]8;;http://a/%d\ax\r\n", i);
        vt_feed(vt, buf_view(&b));
    }
    struct cell_extra e = cell_extra_of(vt_pool(vt), vt_row(vt, 1)[0].extra);
    CHECK(e.n == vt->link.n && memcmp(e.link, vt->link.p, e.n) == 0);
    CHECK(vt_pool(vt)->extra_count <= CELL_EXTRAS_MAX);
    test_begin("scrollback keeps its links, the newest ones when there are too many");
    for (int row = -1, lost = 0; row >= -vt_scroll_count(vt); row--) {
        buf_clear(&b);
        buf_fmt(&b, ";http://a/%d", 4 * CELL_EXTRAS_MAX - 2 + row);
        e = cell_extra_of(vt_pool(vt), vt_row(vt, row)[0].extra);
        lost |= e.n == 0;
        CHECK(lost ? row < -500 && e.n == 0 : e.n == b.n && memcmp(e.link, b.p, b.n) == 0);
    }
    buf_free(&b);
    vt_free(vt);
    vt = unit_vt_of(9, 1, "\033[58;5;9m\033[4mx\r\n\033]8;;http://b\ay\r\n");
    vt_resize(vt, 5, 2);
    CHECK_INT(cell_extra_of(vt_pool(vt), vt_row(vt, -1)[0].extra).underline, CELL_INDEXED | 9);
    e = cell_extra_of(vt_pool(vt), vt_row(vt, 0)[0].extra);
    CHECK_SPAN(((span){e.link, e.n}), ";http://b");
    vt_free(vt);
}

static void unit_vt_warm(void)
{
    test_begin("an emulator that is warm allocates nothing");
    struct vt *vt = vt_new(80, 24);
    long before = 0;
    buf answers = {0};
    for (int round = 0; round < 2 * VT_SCROLL_LINES; round++) {
        if (round == VT_SCROLL_LINES + 200)
            before = unit_allocated;
        vt_feed(vt, span_of("plain text\r\n\033[1;31mred\033[4:3;58;5;9m under\033[m\r\n"
                            "\xc3\xa4 \xe4\xb8\xad \xf0\x9f\x98\x80 e\xcc\x81\r\n"
                            "\033]2;title\a\033]8;;http://a\alink\033]8;;\a\033[6n\033]11;?\a"
                            "\033[?1049h\033[2J\033[5;5Hx\033[3L\033[2P\033[?1049l"));
        vt_drain_signals(vt);
        buf_clear(&answers);
        vt_drain_answers(vt, &answers);
    }
    CHECK(unit_allocated == before || VT_SCROLL_LINES < 100 || BUF_MIN < 16); /* usual limits */
    vt_free(vt);
    buf_free(&answers);
}

static void unit_vt_aligned_links(void)
{
    test_begin("the alignment pattern in an open link keeps it in the scrollback");
    struct vt *vt = unit_vt_of(5, 2, "\033]8;;http://a\a\033#8");
    CHECK(unit_vt_snapshot_same(vt, span_of("\033[2S"), NULL));
    vt_free(vt);
}

static void unit_vt_strings(void)
{
    test_begin("OSC strings set titles, directory, notification and clipboard");
    for (size_t i = 0; i < COUNT_OF(unit_vt_strings_cases); i++) {
        struct vt *vt = unit_vt_of(9, 1, unit_vt_strings_cases[i].bytes);
        int before = test_failures;
        CHECK_INT(vt_drain_signals(vt), unit_vt_strings_cases[i].signals);
        CHECK_INT(vt_drain_signals(vt), 0);
        CHECK_SPAN(vt_title(vt), unit_vt_strings_cases[i].title);
        CHECK_SPAN(vt_directory(vt), unit_vt_strings_cases[i].directory);
        CHECK_SPAN(vt_notification(vt), unit_vt_strings_cases[i].note);
        unit_vt_show_case(before, unit_vt_strings_cases[i].bytes);
        vt_free(vt);
    }
}

static void unit_vt_bounds(void)
{
    test_begin("parameters, strings and sizes are bounded");
    struct vt *vt = vt_new(5, 2);
    vt_feed(vt, span_of("\033]2;"));
    for (int i = 0; i < 10000; i++)
        vt_feed(vt, span_of("xx中"));
    CHECK(vt->string.n <= VT_STRING_MAX);
    vt_feed(vt, span_of("\007"));
    CHECK(vt_title(vt).n <= VT_TITLE_MAX && vt_title(vt).n > VT_TITLE_MAX - 5);
    for (int i = 0; i < 100; i++)
        vt_feed(vt, span_of("\033[22t\033[>1u"));
    for (int i = 0; i < 100; i++)
        vt_feed(vt, span_of("\033[23t\033[<u"));
    vt_feed(vt, span_of("x\033[65535b\033[65535S\033[65535T\033[65535@\033[65535P"));
    vt_feed(vt, span_of("\033[65535L\033[65535M\033[65535I\033[65535Z\033[65535X"));
    vt_feed(vt, span_of("\033[65535;65535r\033[65535;65535H"));
    vt_free(vt);
    vt = vt_new(0, -1);
    CHECK(vt_cols(vt) == 1 && vt_rows(vt) == 1);
    vt_resize(vt, 100000, 100000);
    CHECK(vt_cols(vt) == GRID_COLS_MAX && vt_rows(vt) == GRID_ROWS_MAX);
    vt_free(vt);
    vt_free(NULL);
}

static void unit_vt_keyboard(void)
{
    test_begin("keyboard flags are pushed, popped and bounded");
    struct vt *vt = unit_vt_of(5, 2, "\033[=4;2u");
    CHECK(vt->screen->key_count == 1 && vt->screen->keys[0] == 4);
    vt_feed(vt, span_of("\033[>3u\033[=5u\033[=8;2u\033[=1;3u"));
    CHECK(vt->screen->key_count == 2 && vt->screen->keys[1] == 12);
    vt_feed(vt, span_of("\033[<u\033[>4;2m"));
    CHECK(vt->screen->key_count == 1 && vt->screen->keys[0] == 4 && vt->modify_other_keys == 2);
    vt_feed(vt, span_of("\033[<9u\033[>4m"));
    CHECK(vt->screen->key_count == 0 && vt->modify_other_keys == 0);
    vt_feed(vt, span_of("\033[>4;1m\033[>m"));
    CHECK_INT(vt->modify_other_keys, 0);
    test_begin("each screen has its own keyboard flags; a cleared alternate screen has none");
    vt_feed(vt, span_of("\033[>1u\033[?47h"));
    CHECK_INT(vt_key_flags(vt), 0);
    vt_feed(vt, span_of("\033[>3u\033[?47l"));
    CHECK_INT(vt_key_flags(vt), 1);
    vt_feed(vt, span_of("\033[?47h"));
    CHECK_INT(vt_key_flags(vt), 3);
    vt_feed(vt, span_of("\033[?1049l\033[?1049h"));
    CHECK_INT(vt_key_flags(vt), 0);
    vt_feed(vt, span_of("\033[?47l"));
    CHECK_INT(vt_key_flags(vt), 1);
    vt_free(vt);
}

/* ---- scrollback ----------------------------------------------------------------------------- */

static void unit_vt_check_text(struct vt *vt, int scrollback, const char *want)
{
    buf b = {0};
    vt_put_text(vt, &b, scrollback);
    CHECK_SPAN(buf_view(&b), want);
    buf_free(&b);
}

static void unit_vt_prompts(void)
{
    test_begin("a text can have a mark where a prompt begins, off the screen and after a snapshot");
    static const char want[] = "old\n\x1e$ make\nout \x1e$\nx\n$ y\n";
    struct vt *vt = unit_vt_of(9, 3, "old\r\n\033]133;A\a\033[32m$ \033[m\033]133;B\amake\r\n"
                                     "out \033]133;A;k=s\033\\$ \033]133;D;1\a\r\nx\r\n$ y");
    unit_vt_check_text(vt, VT_PROMPTS, want);
    unit_vt_check_text(vt, 1, "old\n$ make\nout $\nx\n$ y\n");
    struct vt *other = vt_new(9, 3);
    buf b = {0};
    vt_put_snapshot(vt, &b, 1);
    vt_feed(other, buf_view(&b));
    unit_vt_check_text(other, VT_PROMPTS, want);
    buf_free(&b);
    vt_free(other), vt_free(vt);
}

static void unit_vt_scrollback(void)
{
    test_begin("lines that scroll off are kept with their styles");
    struct vt *vt = unit_vt_of(4, 2, "1\r\n\033[31m中\033[m e\xcc\x81\r\nlonger\r\n\r\nx");
    CHECK_INT(vt_scroll_count(vt), 4);
    unit_vt_check_text(vt, 1, "1\n中 e\xcc\x81\nlonger\n\nx\n");
    unit_vt_check_text(vt, 0, "\nx\n");
    CHECK_INT(vt_row(vt, -3)[0].rune, 0x4e2d);
    CHECK_INT(vt_row(vt, -3)[0].fg, CELL_INDEXED | 1);
    CHECK_INT(vt_row(vt, -3)[1].attr, CELL_TAIL);
    CHECK_INT(vt_row(vt, -3)[3].rune & CELL_CLUSTER, CELL_CLUSTER);
    CHECK_INT(vt_row(vt, -4)[0].rune, '1');
    CHECK_INT(vt_row(vt, -4)[1].rune, 0);
    CHECK_INT(vt_row(vt, -5)[0].rune, 0);
    CHECK_INT(vt_row(vt, 2)[0].rune, 0);
    vt_feed(vt, span_of("\033[?1049h\n\n\n\n\n\033[?1049l\033[2J"));
    CHECK_INT(vt_scroll_count(vt), 4);
    vt_feed(vt, span_of("\033[3J\033[H\xf0\x9f\x8f\xbf中\n\n")); /* a pair that ends in 0xdfff */
    unit_vt_check_text(vt, 1, "\xf0\x9f\x8f\xbf中\n");
    vt_feed(vt, span_of("\033[3J"));
    CHECK_INT(vt_scroll_count(vt), 0);
    vt_free(vt);
    vt = unit_vt_of(4, 4, "\033[2;4r\033[4H\n\n\n\033[2;2H\033[9M\033[9S");
    CHECK_INT(vt_scroll_count(vt), 0); /* only what leaves at the top of the screen is kept */
    vt_feed(vt, span_of("\033[1;3r\033[3H\n\n\033[2S"));
    CHECK_INT(vt_scroll_count(vt), 4);
    vt_free(vt);
}

static void unit_vt_scroll_bounds(void)
{
    test_begin("the scrollback is bounded in lines and in bytes");
    struct vt *vt = vt_new(200, 2);
    buf b = {0};
    for (int i = 0; i < VT_SCROLL_LINES + 100; i++) {
        buf_clear(&b);
        buf_fmt(&b, "%d\r\n", i);
        vt_feed(vt, buf_view(&b));
        CHECK(vt->scroll.count <= VT_SCROLL_LINES && vt->scroll.n <= VT_SCROLL_BYTES);
    }
    buf_clear(&b);
    buf_fmt(&b, "%d", VT_SCROLL_LINES + 98);
    CHECK_INT(vt_row(vt, -1)[0].rune, b.p[0]); /* the newest line; the last one is on the screen */
    for (int i = 0; i < VT_SCROLL_BYTES / 100 + 100; i++) {
        buf_clear(&b);
        buf_fmt(&b, "\033[3%dm%*d\033[41m%*d\r\n", i % 8, i % 60 + 1, i, i % 7 + 1, i);
        vt_feed(vt, buf_view(&b));
        CHECK(vt->scroll.count <= VT_SCROLL_LINES && vt->scroll.n <= VT_SCROLL_BYTES);
    }
    for (int i = 0; i < vt->scroll.count; i++)
        CHECK(vt_row(vt, -1 - i) != NULL);
    test_begin("one endless line is bounded, too");
    for (int i = 0; i < VT_SCROLL_BYTES / 100; i++)
        vt_feed(vt, span_of("\033[41m0123456789\033[42m0123456789\033[m0123456789"));
    CHECK(vt->scroll.lines <= 1 + VT_SCROLL_LINES && vt->scroll.cost <= VT_SCROLL_BYTES);
    vt_resize(vt, 1, 2);
    CHECK(vt->scroll.cost <= VT_SCROLL_BYTES);
    buf_free(&b);
    vt_free(vt);
}

/* Narrow rows hold the same lines: as many as before, with as many bytes. */
static void unit_vt_resize_full_scrollback(void)
{
    test_begin("no width loses lines of a scrollback that was within its bounds");
    struct vt *vt = vt_new(200, 2);
    buf b = {0}, before = {0}, after = {0};
    for (int i = 0; i < VT_SCROLL_LINES; i++) {
        buf_clear(&b);
        buf_fmt(&b, "\033[3%dm%*d\033[m%*d\r\n", i % 8, 90 + i % 40, i, i % 70 + 1, i);
        vt_feed(vt, buf_view(&b));
    }
    vt_put_text(vt, &before, 1);
    for (int cols = 1; cols <= 160; cols = cols < 8 ? cols + 3 : cols * 2) {
        vt_resize(vt, cols, 2);
        CHECK(vt->scroll.lines <= VT_SCROLL_LINES);
        vt_resize(vt, 200, 2);
    }
    vt_put_text(vt, &after, 1);
    CHECK_SPAN(buf_view(&after), buf_cstr(&before));
    buf_free(&b);
    buf_free(&before);
    buf_free(&after);
    vt_free(vt);
}

static const struct {
    const char *bytes;
    int most;
    const char *want;
} unit_vt_last_lines[] = {
    {"", 99, ""}, {"one\r\ntwo\r\n\r\n", 99, "two"}, {"one\r\n$ \033[A", 99, "one"},
    {"  long enough to wrap  \r\n", 99, "  long enough to wrap"}, {"long enough", 6, "long e"},
    {"中文", 1, "中"}, {"1\r\n2\r\n3\r\n4\r\n\033[H\033[J", 99, "2"},
    {"1\r\n2\r\n3\r\n4\r\n\033[?1049h", 99, ""},
};

static void unit_vt_last_line(void)
{
    test_begin("the last line of text is found above the cursor");
    for (size_t i = 0; i < COUNT_OF(unit_vt_last_lines); i++) {
        struct vt *vt = unit_vt_of(8, 3, unit_vt_last_lines[i].bytes);
        buf b = {0};
        vt_put_last_line(vt, &b, unit_vt_last_lines[i].most);
        CHECK_SPAN(buf_view(&b), unit_vt_last_lines[i].want);
        buf_free(&b);
        vt_free(vt);
    }
}

/* ---- resizing ------------------------------------------------------------------------------- */

static const struct {
    int cols, rows;
    const char *bytes;
    int to_cols, to_rows;
    const char *want; /* scrollback, '!', screen */
    int y, x;
} unit_vt_resizes[] = {
    {6, 3, "abcdef\r\ngh", 3, 3, "!abc|def|gh|", 2, 2},
    {6, 3, "abcdefgh", 3, 3, "!abc|def|gh|", 2, 2},
    {3, 3, "abcdefgh", 6, 3, "!abcdef|gh||", 1, 2},
    {3, 3, "abcdefgh", 8, 3, "!abcdefgh|||", 0, 7},
    {3, 3, "abcdefghi", 9, 3, "!abcdefghi|||", 0, 8},
    {3, 3, "abcdefghi", 10, 3, "!abcdefghi|||", 0, 9},
    {3, 2, "abcdefgh", 3, 3, "!abc|def|gh|", 2, 2}, /* back from the scrollback */
    {3, 3, "abcdefgh", 3, 2, "abc|!def|gh|", 1, 2},
    {3, 3, "a\r\nb", 3, 2, "!a|b|", 1, 1}, /* blank rows go first */
    {3, 3, "a\r\nb\r\nc\033[H", 3, 2, "!a|b|", 0, 0}, /* the cursor stays on the screen */
    {6, 3, "ab\033[5G", 3, 3, "!ab|||", 0, 2},
    {6, 2, "abcdef\033[1;4H", 3, 2, "!abc|def|", 1, 0},
    {4, 2, "a中中", 6, 2, "!a中中||", 0, 5},
    {5, 2, "a中中", 4, 2, "!a中|中|", 1, 2},
    {4, 2, "abc中", 8, 2, "!abc中||", 0, 5}, /* the column left free was no blank */
    {4, 2, "abc 中", 8, 2, "!abc 中||", 0, 6},
    {4, 2, "中", 1, 2, "!\xef\xbf\xbd||", 0, 0},
    {3, 2, "a\r\nb\r\nc\r\nd", 6, 4, "!a|b|c|d|", 3, 1},
    {3, 3, "a\r\nb\r\nc\r\nd\033[H\033[J$", 3, 2, "a|!$||", 0, 1},
    {4, 3, "abcdefg\033[1;2H\033[P", 8, 3, "!acd efg|||", 0, 1},
    {3, 3, "abcdef\033[2H\033[K\033[H", 6, 3, "!abc|||", 0, 0}, /* wrapped into nothing */
    {2, 2, "a\xe2\x98\x81\xef\xb8\x8f", 6, 2, "!a\xe2\x98\x81\xef\xb8\x8f||", 0, 3},
    {2, 2, "a\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa", 6, 2, "!a\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa||", 0, 3},
    {4, 3, "ab\033[?1049h\033[3;4Hx", 2, 2, "!||", 1, 1},
    {4, 3, "ab\033[?1049h1\r\n2\r\n3", 4, 2, "!2|3|", 1, 1},
    {4, 3, "abcd\r\nef\033[?1049hx", 2, 3, "!|||", 1, 1},
};

static void unit_vt_resizing(void)
{
    test_begin("a resize wraps the primary screen anew");
    for (size_t i = 0; i < COUNT_OF(unit_vt_resizes); i++) {
        struct vt *vt = vt_new(unit_vt_resizes[i].cols, unit_vt_resizes[i].rows);
        buf rows = {0}, all = {0};
        int y, x;
        vt_feed(vt, span_of(unit_vt_resizes[i].bytes));
        vt_resize(vt, unit_vt_resizes[i].to_cols, unit_vt_resizes[i].to_rows);
        unit_vt_put_rows(&rows, vt, 0);
        unit_vt_put_rows(&all, vt, -vt_scroll_count(vt));
        all.n -= rows.n;
        buf_byte(&all, '!');
        buf_span(&all, buf_view(&rows));
        vt_cursor(vt, &y, &x);
        int before = test_failures;
        CHECK_SPAN(buf_view(&all), unit_vt_resizes[i].want);
        CHECK_INT(y, unit_vt_resizes[i].y);
        CHECK_INT(x, unit_vt_resizes[i].x);
        unit_vt_show_case(before, unit_vt_resizes[i].bytes);
        buf_free(&rows);
        buf_free(&all);
        vt_free(vt);
    }
}

static void unit_vt_resize_exact(void)
{
    test_begin("text that fills the new width exactly keeps its last character");
    static const char *const texts[] = {"abcdefghijk", "abcdefghijk\0337\033[H\0338", "abcdefghi中",
                                        "abcdefghijk\033[15G"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct vt *vt = unit_vt_of(20, 3, texts[i]);
        vt_resize(vt, 11, 3);
        vt_feed(vt, span_of("X"));
        unit_vt_check_text(vt, 1, i == 2 ? "abcdefghi中X\n" : "abcdefghijkX\n");
        vt_free(vt);
    }
}

/* Leaving the alternate screen after a resize: the cursor is where the text is. */
static void unit_vt_resize_alternate(void)
{
    test_begin("after a resize in the alternate screen the cursor is where the text is");
    struct vt *vt = unit_vt_of(6, 3, "abcdef\r\n$ \033[?1049hfull");
    int y, x;
    vt_resize(vt, 3, 3);
    vt_feed(vt, span_of("\033[?1049lX"));
    unit_vt_check_text(vt, 1, "abcdef\n$ X\n");
    vt_cursor(vt, &y, &x);
    CHECK(y == 2 && x == 2);
    vt_free(vt);
}

/* However it is resized, no text is lost while the scrollback has room. */
static void unit_vt_resize_keeps_text(void)
{
    test_begin("no resize loses text while the scrollback has room");
    const char *bytes = "one line, longer than the screen\r\n\r\n中文字 and more\r\nend";
    struct vt *vt = unit_vt_of(20, 5, bytes);
    unsigned seed = 7;
    for (int i = 0; i < 200; i++) {
        vt_resize(vt, 2 + (int)(unit_vt_random(&seed) % 60), 1 + (int)(unit_vt_random(&seed) % 9));
        if (VT_SCROLL_LINES >= 100 && VT_SCROLL_BYTES >= 4096)
            unit_vt_check_text(vt, 1, "one line, longer than the screen\n\n中文字 and more\nend\n");
    }
    vt_free(vt);
}

/* ---- snapshots ------------------------------------------------------------------------------ */

static void unit_vt_snapshot_cases(void)
{
    test_begin("a snapshot gives the same emulator");
    span more = span_of("ab中\033[b\xcc\x81\r\nc\0338x\033[?1049ly\nz");
    for (size_t i = 0; i < COUNT_OF(unit_vt_cases); i++) {
        const struct unit_vt_case *c = &unit_vt_cases[i];
        struct vt *vt = unit_vt_of(c->cols, c->rows, c->bytes);
        CHECK(unit_vt_snapshot_same(vt, more, NULL));
        vt_free(vt);
    }
}

static int unit_vt_size(unsigned *seed, int most)
{
    return 1 + (int)(unit_vt_random(seed) % (unsigned)most);
}

/* Random streams, cut anywhere: even inside a sequence the snapshot takes over. */
static void unit_vt_snapshot_random(void)
{
    test_begin("a snapshot of any stream, cut anywhere, gives the same emulator");
    unsigned seed = 1;
    for (unsigned round = 0; round < 300; round++) {
        int cols = unit_vt_size(&seed, 12), rows = unit_vt_size(&seed, 6);
        struct vt *vt = vt_new(cols, rows), *used = vt_new(cols, rows), *slow = vt_new(cols, rows);
        buf b = {0};
        size_t cut;
        for (unsigned i = 0; i < 60; i++)
            unit_vt_put_token(&b, unit_vt_random(&seed), unit_vt_random(&seed));
        cut = unit_vt_random(&seed) % b.n;
        vt_feed(vt, (span){b.p, cut});
        for (size_t at = 0; at < cut; at++)
            vt_feed(slow, (span){b.p + at, 1});
        CHECK(unit_vt_same(vt, slow, 1, "byte by byte"));
        vt_feed(used, buf_view(&b));
        CHECK(unit_vt_snapshot_same(vt, span_sub(buf_view(&b), cut), used));
        vt_resize(vt, unit_vt_size(&seed, 12), unit_vt_size(&seed, 6));
        CHECK(unit_vt_snapshot_same(vt, buf_view(&b), NULL));
        vt_free(vt);
        vt_free(used);
        vt_free(slow);
        buf_free(&b);
    }
}

static void unit_vt_put_flood(buf *b, unsigned *seed, int cols)
{
    static const char *const odd[] = {
        "\033[1m",    "\033[m",  "\033[2;3r", "\033[1;2r\033[9H", "\033[r",     "\r",
        "\033[2K\033[A", "\033[4h", "\033[4l",   "\033(0",          "\033(B",     "\033[?1049h",
        "\033[?1049l", "\033[44m", "\033[A",   "\t"};
    for (int i = 0; i < 60; i++) {
        for (int n = unit_vt_size(seed, cols + 2); n > 1; n--)
            buf_byte(b, unit_vt_random(seed) % 4 ? (char)('a' + i % 26) : ' ');
        if (unit_vt_random(seed) % 30 == 0)
            buf_str(b, odd[unit_vt_random(seed) % COUNT_OF(odd)]);
        buf_str(b, unit_vt_random(seed) % 90 ? "\r\n" : "\n");
    }
}

/* One byte at a time, every line is drawn. */
static void unit_vt_flood(void)
{
    unsigned seed = 7;
    test_begin("lines that scroll past undrawn leave the screen and scrollback that drawing does");
    for (int i = 0; i < 600; i++) {
        int cols = 2 + unit_vt_size(&seed, 20), rows = unit_vt_size(&seed, 6);
        struct vt *drawn = vt_new(cols, rows), *fed = vt_new(cols, rows);
        buf b = {0};
        unit_vt_put_flood(&b, &seed, cols);
        for (size_t at = 0; at < b.n; at++)
            vt_feed(drawn, (span){b.p + at, 1});
        size_t cut = unit_vt_random(&seed) % b.n;
        vt_feed(fed, (span){b.p, cut});
        vt_feed(fed, (span){b.p + cut, b.n - cut});
        CHECK(unit_vt_same(drawn, fed, 1, "a flood"));
        vt_free(drawn), vt_free(fed);
        buf_free(&b);
    }
}

/* `drawn` gets every character of a repetition, and has its rows written out after each step. */
static void unit_vt_repeats(void)
{
    static const char *const chars[] = {"x", " ", "E", "\xc3\xa9", "e\xcc\x81", "\xe4\xb8\xad"};
    static const char *const between[] = {
        "\033[31m", "\033[m",   "\033[44m", "\033[4h",  "\033[4l",      "\033[?7l",   "\033[?7h",
        "\r\n",     "\033[H",   "\033[9H",  "\033[2;3r", "\033[r",       "\033[K",     "\033[P",
        "\033[2@",  "\033[3S",  "\033[2T",  "\033#8",   "\033[44m\033[2J", "\033[5;3H", "\033[1J",
        "\033]8;;http://a\033\\", "\033[?1049h", "\033[?1049l", "\033[7m\r", "\033[58;5;9m"};
    unsigned seed = 11;
    test_begin("rows of one character are what writing them out makes them");
    for (int i = 0; i < 400; i++) {
        int cols = 1 + unit_vt_size(&seed, 12), rows = unit_vt_size(&seed, 6);
        struct vt *drawn = vt_new(cols, rows), *fed = vt_new(cols, rows);
        for (int step = 0; step < 40; step++) {
            span one = span_of(chars[unit_vt_random(&seed) % COUNT_OF(chars)]);
            span other = span_of(between[unit_vt_random(&seed) % COUNT_OF(between)]);
            int most = fed->modes & VT_NO_WRAP ? cols : cols * rows;
            int n = 1 + (int)(unit_vt_random(&seed) % (unsigned)(cols * (rows + 1)));
            buf b = {0};
            buf_span(&b, one);
            buf_fmt(&b, "\033[%db", n);
            buf_span(&b, other);
            vt_feed(fed, buf_view(&b));
            for (n = n < most ? n : most; n >= 0; n--)
                vt_feed(drawn, one);
            vt_feed(drawn, other);
            for (int row = 0; row < rows; row++)
                vt_line(drawn, row);
            buf_free(&b);
        }
        CHECK(unit_vt_same(drawn, fed, 1, "repeats"));
        vt_resize(drawn, cols / 2 + 1, rows + 1), vt_resize(fed, cols / 2 + 1, rows + 1);
        CHECK(unit_vt_same(drawn, fed, 1, "resized repeats"));
        vt_free(drawn), vt_free(fed);
    }
    test_begin("filling the screen with one character writes one cell a row");
    static const char *const full[] = {"\033#8", "\033#8\033#8", "\033[Hx\033[65535b",
                                       "\033[2Jx\033[9b"};
    for (size_t i = 0; i < COUNT_OF(full); i++) {
        struct vt *vt = vt_new(500, 200);
        int written = 0;
        vt_feed(vt, span_of(full[i]));
        for (int row = 0; row < 200; row++) {
            const struct vt_line *line = vt_line_head(vt->screen, 200, row);
            written += line->flags & VT_LINE_REPEATS ? 1 : line->used;
        }
        CHECK(written <= 200 + 2 * 500);
        vt_free(vt);
    }
}

/* More graphemes than the pool remembers: what is on the screen stays whole, old ones make room. */
static void unit_vt_pool_full(void)
{
    test_begin("graphemes on the screen stay whole when the pool is full");
    struct vt *vt = vt_new(10, 2);
    buf b = {0};
    char text[4];
    for (uint32_t i = 0; i < 2 * CELL_CLUSTERS_MAX + 20u; i++) {
        buf_clear(&b);
        buf_str(&b, "\r\n");
        buf_add(&b, text, utf8_encode(0x4e00 + i, text));
        buf_str(&b, "\xcc\x81");
        vt_feed(vt, buf_view(&b));
        CHECK(vt_pool(vt)->count <= CELL_CLUSTERS_MAX);
        if (CELL_CLUSTERS_MAX > 8)
            CHECK_INT(vt_row(vt, 1)[0].rune & CELL_CLUSTER, CELL_CLUSTER);
    }
    buf_free(&b);
    vt_free(vt);
}

/* The table of simple code points agrees with the parts that know better. */
static void unit_vt_simple_table(void)
{
    test_begin("the table of simple characters agrees with Unicode");
    struct cell_pool pool = {0};
    for (size_t i = 0; i < COUNT_OF(vt_simple); i++) {
        for (uint32_t cp = vt_simple[i].first; cp <= vt_simple[i].last; cp++) {
            if (utf8_width(cp) != vt_simple[i].width)
                printf("# U+%X\n", (unsigned)cp);
            CHECK_INT(utf8_width(cp), vt_simple[i].width);
            CHECK(vt_simple[i].after || !cell_joins(&pool, 0x1100, cp));
            CHECK(vt_simple[i].after || !cell_joins(&pool, 0x1f1e6, cp));
            for (size_t j = 0; j < COUNT_OF(vt_simple); j++)
                CHECK(!cell_joins(&pool, vt_simple[j].first, cp));
        }
    }
    cell_pool_free(&pool);
}

static void unit_vt_hidden_links(void)
{
    struct vt *vt = vt_new(20, 3);
    buf b = {0};
    test_begin("links of the alternate screen and of that behind it survive any number of others");
    vt_feed(vt, span_of("\033]8;;http://kept\033\\x\033]8;;\033\\\033[?1049h\r\n"
                        "\033]8;;http://shown\033\\x"));
    for (int i = 0; i < 3 * CELL_EXTRAS_MAX; i++) {
        buf_clear(&b);
        buf_fmt(&b, "\033[H\033]8;;http://other/%d\033\\y", i);
        vt_feed(vt, buf_view(&b));
    }
    int row, col;
    struct cell_extra e = cell_extra_of(vt_pool(vt), vt_row(vt, 1)[0].extra);
    CHECK_SPAN(((span){e.link, e.n}), ";http://shown");
    vt_feed(vt, span_of("\033[?1049l"));
    vt_cursor(vt, &row, &col);
    e = cell_extra_of(vt_pool(vt), vt_row(vt, row)[0].extra);
    CHECK_SPAN(((span){e.link, e.n}), ";http://kept");
    buf_free(&b);
    vt_free(vt);
}

static void unit_vt_edges(void)
{
    struct vt *vt = vt_new(20, 3);
    int row, col;
    test_begin("an 8-bit control after a charset is none of that charset's");
    vt_feed(vt, span_of("ab\033(B\302\205c")); /* NEL */
    vt_cursor(vt, &row, &col);
    CHECK(row == 1 && col == 1);
    test_begin("a screen can have one row and one column, and rows beyond it are blank");
    vt_feed(vt, span_of("\033[44m\033[2J"));
    CHECK_INT(vt_row(vt, 3)[19].bg, 0);
    CHECK_INT(vt_row(vt, -9)[0].bg, 0);
    vt_resize(vt, 1, 1);
    CHECK(vt_rows(vt) == 1 && vt_cols(vt) == 1);
    vt_free(vt);
}

static void unit_vt(void)
{
    unit_vt_hidden_links();
    unit_vt_edges();
    unit_vt_sequences();
    unit_vt_splits();
    unit_vt_sgr();
    unit_vt_background();
    unit_vt_mode_sets();
    unit_vt_queries();
    unit_vt_aligned_links();
    unit_vt_strings();
    unit_vt_links();
    unit_vt_warm();
    unit_vt_keyboard();
    unit_vt_bounds();
    unit_vt_prompts();
    unit_vt_scrollback();
    unit_vt_scroll_bounds();
    unit_vt_last_line();
    unit_vt_resizing();
    unit_vt_resize_exact();
    unit_vt_resize_full_scrollback();
    unit_vt_resize_alternate();
    unit_vt_resize_keeps_text();
    unit_vt_snapshot_cases();
    unit_vt_snapshot_random();
    unit_vt_flood();
    unit_vt_repeats();
    unit_vt_pool_full();
    unit_vt_simple_table();
}
