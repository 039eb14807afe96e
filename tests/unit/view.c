/* Unit tests of view: how a session's screen is cropped into a rectangle, scrolled back, and what
 * the terminal is told about modes. */

static struct view *unit_view_of(int cols, int rows, const char *bytes)
{
    struct view *v = view_new("id", NULL, NULL);
    v->vt = vt_new(cols, rows);
    vt_feed(v->vt, span_of(bytes));
    return v;
}

/* What has to be seen is seen, and no more is omitted than must be. */
static void unit_view_crop(void)
{
    test_begin("a crop shows the cursor and leaves no more out than it must");
    for (int size = 1; size < 40; size++)
        for (int room = 1; room < 45; room++)
            for (int at = 0; at < size; at++) {
                int first = view_crop(size, room, at);
                CHECK(first >= 0 && first <= at && at < first + room);
                CHECK(size <= room ? first == 0 : first + room <= size);
            }
    CHECK_INT(view_crop(24, 10, 9), 0); /* from the top for as long as that goes */
    CHECK_INT(view_crop(24, 10, 10), 1);
    CHECK_INT(view_crop(24, 10, 23), 14);
}

/* Cells outside of the rectangle stay as they are, whatever is in it. */
static void unit_view_rectangle(void)
{
    test_begin("a view draws nothing outside of its rectangle");
    static const char *const screens[] = {
        "plain text",
        "\346\227\245\346\234\254\350\252\236\346\227\245\346\234\254\350\252\236\346\227\245\346"
        "\234\254\350\252\236",
        "x\346\227\245\346\234\254\350\252\236\346\227\245\346\234\254\350\252\236\346\227\245\346"
        "\234\254\350\252\236",
        "\033[7m\033[2J\033[41mred\033[9;30Hfar",
        "e\314\201\360\237\221\251\342\200\215\360\237\222\273\033[5;1H\346\227\245"};
    for (size_t s = 0; s < COUNT_OF(screens); s++)
        for (int cols = 1; cols < 14; cols++)
            for (int rows = 1; rows < 8; rows++) {
                struct grid g = {0};
                struct view *v = unit_view_of(30, 9, screens[s]);
                grid_resize(&g, 10, 20);
                for (int row = 0; row < 10; row++)
                    grid_put(&g, row, 0, 20, span_of("####################"), widget_plain);
                view_draw(v, &g, 1, 2, rows, cols, 1);
                for (int row = 0; row < 10; row++)
                    for (int col = 0; col < 20; col++)
                        if (row < 1 || row >= 1 + rows || col < 2 || col >= 2 + cols)
                            CHECK_INT(unit_at(&g, row * 20 + col)->rune, '#');
                if (g.cursor_shown)
                    CHECK(g.cursor_row >= 1 && g.cursor_row < 1 + rows && g.cursor_col >= 2 &&
                          g.cursor_col < 2 + cols);
                CHECK(g.cursor_shown); /* the crop follows it */
                view_draw(v, &g, 1, 2, rows, cols, 0);
                CHECK_INT(v->left, 0); /* a preview's begins with the lines */
                view_close(v);
                grid_free(&g);
            }
}

static void unit_view_cursor(void)
{
    test_begin("the terminal's cursor is on the session's, and a preview has none");
    struct grid g = {0};
    struct view *v = unit_view_of(30, 9, "\033[5;20H");
    grid_resize(&g, 24, 80);
    view_draw(v, &g, 3, 7, 20, 70, 1);
    CHECK(g.cursor_shown && g.cursor_row == 3 + 4 && g.cursor_col == 7 + 19);
    grid_clear(&g);
    view_draw(v, &g, 3, 7, 20, 70, 0); /* a preview has none */
    CHECK(!g.cursor_shown);
    vt_feed(v->vt, span_of("\033[?25l"));
    view_draw(v, &g, 3, 7, 20, 70, 1);
    CHECK(!g.cursor_shown);
    view_close(v);
    view_close(NULL);
    grid_free(&g);
}

static void unit_view_scroll(void)
{
    test_begin("scrolling back stops at the first line, and a program's own screen has none");
    struct grid g = {0};
    struct view *v = unit_view_of(10, 4, "");
    buf b = {0};
    for (int i = 1; i <= 20; i++)
        buf_fmt(&b, "%sline %d", i > 1 ? "\r\n" : "", i);
    vt_feed(v->vt, buf_view(&b));
    int most = vt_scroll_count(v->vt); /* tests with small limits keep less */
    CHECK(most > 0 && most <= 16);
    grid_resize(&g, 4, 10);
    for (int back = 0; back <= most; back++) {
        char want[24];
        CHECK_INT(v->back, back);
        grid_clear(&g);
        view_draw(v, &g, 0, 0, 4, 10, 1);
        CHECK_INT(g.cursor_shown, back == 0);
        for (int row = 0; row < 4; row++) {
            snprintf(want, sizeof want, "line %d", 17 - back + row);
            UNIT_FIELD_ROW(&g, row, want);
        }
        view_scroll(v, 1);
    }
    CHECK_INT(v->back, most); /* not past the beginning */
    view_scroll(v, -1000);
    CHECK_INT(v->back, 0);
    view_scroll(v, 1000);
    CHECK_INT(v->back, most);
    vt_feed(v->vt, span_of("\033[?1049h"));
    view_scroll(v, 1); /* a program's own screen has nothing before it */
    CHECK_INT(v->back, 0);
    view_close(v);
    buf_free(&b);
    grid_free(&g);
}

static void unit_view_text(void)
{
    test_begin("a transcript is a screen of plain text");
    struct grid g = {0};
    struct view *v =
        view_of_text("id", span_of("\n\none\ntwo\r\n\n  three \346\227\245\n\n"), 20, 5);
    grid_resize(&g, 5, 20);
    view_draw(v, &g, 0, 0, 5, 20, 1);
    UNIT_FIELD_ROW(&g, 0, "one");
    UNIT_FIELD_ROW(&g, 1, "two");
    UNIT_FIELD_ROW(&g, 2, "");
    UNIT_FIELD_ROW(&g, 3, "  three \346\227\245");
    CHECK(!g.cursor_shown);
    grid_clear(&g);
    g.ascii = 1;
    view_draw(v, &g, 0, 0, 5, 20, 1);
    UNIT_FIELD_ROW(&g, 3, "  three ??");
    g.ascii = 0;
    view_close(v);
    grid_clear(&g);
    v = view_of_text("id", span_of(""), 20, 5);
    view_draw(v, &g, 0, 0, 5, 20, 1);
    UNIT_FIELD_ROW(&g, 0, "");
    view_close(v);
    grid_free(&g);
}

/* ---- modes ---------------------------------------------------------------------------------- */

/* Carries what is told to a terminal out on another emulator: it must come to have the modes of the
 * program. */
static void unit_view_modes(void)
{
    test_begin("the terminal gets the program's input modes, and the UI's own afterwards");
    static const char *const turns[] = {"\033[?1h\033=",
                                        "\033[?2004h",
                                        "\033[?1000h\033[?1006h",
                                        "\033[?1003h",
                                        "\033[?1000l\033[?1003l",
                                        "\033[?1l\033>",
                                        "\033[?1004h",
                                        "\033[?2004l",
                                        "\033[?1002h\033[?1015h",
                                        "\033[5 q",
                                        "\033[?9h",
                                        "\033[!p",
                                        "\033c",
                                        "\033[2 q"};
    const unsigned told = VT_APP_CURSOR | VT_APP_KEYPAD | VT_BRACKETED_PASTE | VT_FOCUS |
                          VIEW_MOUSE | VT_MOUSE_SGR;
    struct view *v = unit_view_of(20, 5, "");
    struct vt *terminal = vt_new(20, 5);
    buf b = {0};
    vt_feed(terminal, span_of("\033[?2004h\033[?1004h")); /* as term_enter leaves it */
    for (size_t i = 0; i < COUNT_OF(turns); i++) {
        vt_feed(v->vt, span_of(turns[i]));
        unsigned want = vt_modes(v->vt) & told;
        if (!(want & VIEW_MOUSE)) /* for the wheel, and for selecting */
            want |= VT_MOUSE_BUTTON;
        if (want & VT_MOUSE_X10)
            want = (want & ~(unsigned)VT_MOUSE_X10) | VT_MOUSE_NORMAL;
        want |= VT_MOUSE_SGR | VT_FOCUS;
        buf_clear(&b);
        view_put_modes(v, &b);
        vt_feed(terminal, buf_view(&b));
        CHECK_INT(vt_modes(terminal) & told, want);
        CHECK_INT(vt_cursor_shape(terminal), vt_cursor_shape(v->vt));
        buf_clear(&b);
        view_put_modes(v, &b); /* it is known already */
        CHECK_INT(b.n, 0);
    }
    buf_clear(&b);
    view_put_modes_back(v, &b);
    vt_feed(terminal, buf_view(&b));
    CHECK_INT(vt_modes(terminal) & told, VT_BRACKETED_PASTE | VT_FOCUS);
    CHECK_INT(vt_cursor_shape(terminal), 0);
    buf_free(&b);
    vt_free(terminal);
    view_close(v);
}

/* The terminal's keyboard: what each of the three kinds is told, and told back. */
static void unit_view_keyboards(void)
{
    test_begin("the terminal's keyboard tells Shift-Enter, or as much as the program wants");
    static const struct {
        enum term_keys keyboards;
        const char *bytes, *put, *back;
    } cases[] = {
        {TERM_KEYS_LEGACY, "\033[>1u", "", ""},
        {TERM_KEYS_KITTY, "", "\033[>1u", "\033[<u"},
        {TERM_KEYS_KITTY, "\033[>1u\033[>15u", "\033[>15u", "\033[<u"},
        {TERM_KEYS_KITTY, "\033[>4;2m", "\033[>1u", "\033[<u"},
        {TERM_KEYS_KITTY, "\033[>7u", "\033[>5u", "\033[<u"}, /* no releases without all keys */
        {TERM_KEYS_KITTY, "\033[>2u", "\033[>1u", "\033[<u"},
        {TERM_KEYS_OTHER, "", "\033[>4;1m\033[m", "\033[>4m\033[m"},
        {TERM_KEYS_OTHER, "\033[>4;2m", "\033[>4;2m\033[m", "\033[>4m\033[m"},
        {TERM_KEYS_OTHER, "\033[>7u", "\033[>4;2m\033[m", "\033[>4m\033[m"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct view *v = unit_view_of(20, 5, cases[i].bytes);
        buf b = {0};
        view_set_terminal(v, 0, cases[i].keyboards);
        view_put_modes(v, &b);
        CHECK_SPAN(span_sub(buf_view(&b), strlen("\033[?2004l")), cases[i].put);
        span undo = {term_saved.undo, (size_t)term_saved.undo_n};
        CHECK_SPAN(undo, cases[i].back);
        buf_clear(&b);
        view_put_modes_back(v, &b);
        CHECK_SPAN(span_sub(buf_view(&b), strlen("\033[?2004l")), cases[i].back);
        CHECK_INT(term_saved.undo_n, 0);
        buf_free(&b);
        view_close(v);
    }
}

static void unit_view_keys(void)
{
    test_begin("keys reach a program in the form that it has asked for");
    static const struct {
        enum term_keys keyboards;
        const char *modes, *typed, *want; /* "N": the agent's newline */
    } cases[] = {
        {TERM_KEYS_LEGACY, "\033[>1u", "\r\033[A\003", "\r\033[A\003"},
        {TERM_KEYS_KITTY, "", "\033[13;2u\033[13;5u\r", "NN\r"},
        {TERM_KEYS_KITTY, "", "\033[27u\033[99;5u\033[120;3u\033[64;5u", "\033\003\033x\0"},
        {TERM_KEYS_KITTY, "\033[?1h", "\033[A\033[1;2A\033[P\033[13~\033[15~\033[3;5~",
         "\033OA\033[1;2A\033OP\033OR\033[15~\033[3;5~"},
        {TERM_KEYS_KITTY, "", "\033[9;2u\033[127;5u\033[127u\033[32;5u\303\251\033[47;5u",
         "\033[Z\b\177"},
        {TERM_KEYS_KITTY, "\033[>1u", "\033[13;2u\033[99;5u\r\033[P",
         "\033[13;2u\033[99;5u\r\033[P"},
        {TERM_KEYS_KITTY, "\033[>7u", "\033[13;2u\r\177\033[1089::99;5u",
         "\033[13;2u\r\177\033[1089::99;5u"}, /* as it is, though releases were not asked for */
        {TERM_KEYS_KITTY, "\033[>4;1m", "\033[13;2u\033[99;5u\033[9;5ua",
         "\033[27;2;13~\003\033[27;5;9~a"},
        {TERM_KEYS_KITTY, "\033[>4;2m", "\033[13;2u\033[99;5u", "\033[27;2;13~\033[27;5;99~"},
        {TERM_KEYS_KITTY, "", "\033[57358u", ""}, /* Caps Lock has no bytes */
        {TERM_KEYS_OTHER, "", "\033[27;2;13~\003\033[A", "N\003\033[A"},
        {TERM_KEYS_OTHER, "\033[>1u", "\033[27;2;13~\033[27;5;99~\033[27;4;65~\033[27;5;27~a",
         "\033[13;2u\033[99;5u\033[97;4u\033[27;5ua"},
        {TERM_KEYS_OTHER, "\033[>1u", "\033", "\033[27u"},
        {TERM_KEYS_OTHER, "\033[>25u", "\033[27;2;13~", "\033[13;2u"},
        {TERM_KEYS_OTHER, "\033[>4;2m", "\033[27;5;99~", "\033[27;5;99~"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct view *v = unit_view_of(20, 5, cases[i].modes);
        struct term_input input = {0};
        span in = span_of(cases[i].typed);
        buf b = {0}, got = {0};
        view_set_terminal(v, 1, cases[i].keyboards);
        view_put_modes(v, &b);
        while (in.n) {
            struct term_event ev;
            size_t used;
            CHECK_INT(term_decode(&input, in, 1, &used, &ev), PARSE_DONE);
            view_put_key(v, &ev, "N", &got);
            in = span_sub(in, used);
        }
        if (strstr(cases[i].want, "\033[Z"))
            CHECK(got.n == 9 && memcmp(got.p, "\033[Z\b\177\0\303\251\037", 9) == 0);
        else
            CHECK_SPAN(span_of(buf_cstr(&got)), cases[i].want);
        buf_free(&b);
        buf_free(&got);
        view_close(v);
    }
}

static void unit_view_send(struct view *v, const char *typed, buf *b)
{
    struct term_input input = {0};
    struct term_event ev;
    size_t used;
    for (span in = span_of(typed); in.n; in = span_sub(in, used)) {
        CHECK_INT(term_decode(&input, in, 1, &used, &ev), PARSE_DONE);
        view_put_mouse(v, &ev, b);
    }
}

static void unit_view_mouse(void)
{
    test_begin("mouse events reach the program at their place in a larger screen, in its own form");
    static const struct {
        const char *modes, *typed, *want;
    } cases[] = {
        /* a screen of 30x12 of which 10x5 are shown, from row 7, column 20 on */
        {"\033[?1000;1006h", "\033[<0;1;1M\033[<0;1;1m", "\033[<0;21;8M\033[<0;21;8m"},
        {"\033[?1000;1006h", "\033[<0;11;1M\033[<64;3;6M", ""}, /* beside and below it */
        {"\033[?1002;1006h", "\033[<0;2;2M\033[<32;40;9M\033[<0;40;9m",
         "\033[<0;22;9M\033[<32;30;12M\033[<0;30;12m"},
        {"\033[?1002;1006h", "\033[<32;4;4M\033[<32;40;9M", "\033[<32;24;11M"},
        {"\033[?1000;1015h", "\033[<16;1;1M\033[<16;1;1m", "\033[48;21;8M\033[51;21;8M"},
        {"\033[?1000h", "\033[<66;1;1M\033[<0;1;1m", "\033[Mb5(\033[M#5("},
        {"\033[?1000;1005h", "\033[<0;1;1M", "\033[M 5("},
        {"\033[?9h", "\033[<6;1;1M\033[<6;1;1m", "\033[M\"5("},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct view *v = unit_view_of(30, 12, cases[i].modes);
        struct grid g = {0};
        buf b = {0};
        vt_feed(v->vt, span_of("\033[12;30H"));
        grid_resize(&g, 6, 20);
        view_draw(v, &g, 0, 0, 5, 10, 1);
        unit_view_send(v, cases[i].typed, &b);
        CHECK_SPAN(buf_view(&b), cases[i].want);
        buf_free(&b);
        grid_free(&g);
        view_close(v);
    }
}

static void unit_view_select(void)
{
    test_begin("a drag selects text, wrapped rows as one line, and its release gives it");
    static const struct {
        const char *drag, *want;
        int shown; /* columns of the first row that are selected */
    } cases[] = {
        {"\033[<0;3;1M\033[<32;7;1M\033[<0;7;1m", "cdefg", 5},
        {"\033[<0;7;1M\033[<32;3;1M\033[<0;3;1m", "cdefg", 5},
        {"\033[<0;9;1M\033[<32;2;2M\033[<0;2;2m", "ijkl", 2},     /* wrapped */
        {"\033[<0;2;2M\033[<32;1;3M\033[<0;1;3m", "l\n\346\227\245", 0},
        {"\033[<0;1;3M\033[<32;20;9M\033[<0;20;9m", "\346\227\245 x\n", 0},
        {"\033[<0;3;1M\033[<0;3;1m", "", 0},                     /* a click */
        {"\033[<2;3;1M\033[<34;7;1M\033[<2;7;1m", "", 0},        /* another button */
        {"\033[<0;30;1M\033[<32;5;1M\033[<0;5;1m", "", 0},       /* from outside */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct view *v = unit_view_of(10, 4, "abcdefghijkl\r\n\346\227\245 x");
        struct term_input input = {0};
        struct term_event ev;
        struct grid g = {0};
        buf text = {0};
        size_t used;
        int shown = 0;
        grid_resize(&g, 5, 40);
        view_draw(v, &g, 0, 0, 4, 40, 1);
        for (span in = span_of(cases[i].drag); in.n; in = span_sub(in, used)) {
            term_decode(&input, in, 1, &used, &ev);
            view_select(v, &ev, &text);
            view_draw(v, &g, 0, 0, 4, 40, 1);
            for (int col = 0, n = 0; ev.mouse == TERM_DRAG && col < 40; col++)
                shown = n += (unit_at(&g, col)->attr & CELL_REVERSE) != 0;
        }
        CHECK_SPAN(buf_view(&text), cases[i].want);
        CHECK_INT(shown, cases[i].shown);
        CHECK(!(unit_at(&g, 3)->attr & CELL_REVERSE));
        buf_free(&text);
        grid_free(&g);
        view_close(v);
    }
}

static void unit_view_changed(void *ctx)
{
    ++*(int *)ctx;
}

/* Each update paints the whole screen with one letter: only one letter is ever seen. */
static void unit_view_updates(void)
{
    test_begin("of 200 updates that come in pieces none is seen half done");
    static const struct view_hooks hooks = {unit_view_changed, NULL, NULL};
    int changes = 0, torn = 0;
    struct view *v = view_new("id", &hooks, &changes);
    buf all = {0}, rows = {0};
    unsigned seed = 7;
    for (int i = 0; i < 200; i++) {
        buf_str(&all, "\033[?2026h\033[H");
        for (int k = 0; k < 50; k++)
            buf_byte(&all, (char)('a' + i % 26));
        buf_str(&all, "\033[?2026l");
    }
    view_on_size(v, 10, 5);
    for (span in = buf_view(&all); in.n;) {
        size_t n = unit_vt_random(&seed) % 150;
        n = n < in.n ? n : in.n;
        view_on_output(v, (span){in.p, n}, 0);
        in = span_sub(in, n);
        buf_clear(&rows);
        unit_vt_put_rows(&rows, v->vt, 0);
        for (size_t at = 0; !v->torn && at < rows.n; at++)
            torn += rows.p[at] != '|' && rows.p[at] != rows.p[0];
    }
    CHECK_INT(torn, 0);
    CHECK(changes > 50 && !v->held.n && !v->torn);
    test_begin("an update without an end is shown when it is too long");
    buf_clear(&all);
    buf_str(&all, "\033[?2026h\033[Hlong");
    view_on_output(v, buf_view(&all), 0);
    CHECK(v->held.n == all.n);
    for (int i = 0; v->held.n && i < 2 * VIEW_HELD_MAX / 1000; i++) {
        char spaces[1000];
        memset(spaces, '.', sizeof spaces);
        view_on_output(v, (span){spaces, sizeof spaces}, 0);
    }
    CHECK(!v->held.n);
    test_begin("a snapshot replaces what is held");
    view_on_output(v, span_of("\033[?2026l\033[?2026hold"), 0);
    view_on_output(v, span_of("\033[?2026l\033[2J\033[Hnew"), 1);
    buf_clear(&rows);
    unit_vt_put_rows(&rows, v->vt, 0);
    CHECK_SPAN(buf_view(&rows), "new|||||");
    buf_free(&all);
    buf_free(&rows);
    view_close(v);
}

/* Only what can be nothing but a clipboard's content reaches the terminal. */
static void unit_view_signals(void)
{
    test_begin("bell, notification and clipboard reach the terminal once, and no more than that");
    static const struct {
        const char *bytes, *put;
    } cases[] = {{"\033]52;c;aGVsbG8=\a", "\033]52;c;aGVsbG8=\a"},
                 {"\033]52;;YQ==\033\\", "\033]52;;YQ==\a"},
                 {"\033]52;c;?\a", ""},
                 {"\033]52;c;a b\a", ""},
                 {"\a\a", "\a"},
                 {"\033]9;look\001 here\a", "\033]9;look here\033\\"},
                 {"\033]99;i=1;look\a", "\033]99;;look\033\\"},
                 {"\033]777;notify;a;b\a", "\033]777;notify;a: b;\033\\"},
                 {"\033]9;4;1;50\a", ""},
                 {"text", ""}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct view *v = unit_view_of(20, 5, cases[i].bytes);
        buf b = {0};
        v->keyboards = TERM_KEYS_OTHER;
        view_put_signals(v, 1, 5, &b);
        CHECK_SPAN(buf_view(&b), cases[i].put);
        buf_clear(&b);
        view_put_signals(v, 1, 5, &b);
        CHECK_INT(b.n, 0);
        vt_feed(v->vt, span_of("\033]52;c;aGVsbG8=\a\033]9;more\a"));
        view_put_signals(v, 0, 6, &b); /* not allowed; too soon after one */
        CHECK_INT(b.n > 0, v->notify_at == 6 + VIEW_NOTIFY_MS);
        buf_free(&b);
        view_close(v);
    }
}

/* What is drawn is drawn again by an emulator: it has the same links and underlines. */
static void unit_view_links(void)
{
    test_begin("links and underline colours reach the terminal, and end where they end");
    static const char *const turns[] = {
        "a\033]8;;http://one\ab c\033]8;;\ad", "\033[4:3;58:2::1:2:3mred\033[m.",
        "\033[5G\033]8;id=x;https://two\a\033[1mx\033[58;5;9;4my\033[m  z", "\033[2J\033[Hnone",
        "\033]8;;\ano link"};
    struct view *v = unit_view_of(20, 3, "");
    struct vt *terminal = vt_new(20, 3);
    struct grid g = {.depth = CELL_TRUE, .links = 1};
    buf b = {0};
    grid_resize(&g, 3, 20);
    for (size_t i = 0; i < COUNT_OF(turns); i++) {
        vt_feed(v->vt, span_of(turns[i]));
        grid_clear(&g);
        view_draw(v, &g, 0, 0, 3, 20, 1);
        buf_clear(&b);
        grid_frame(&g, &b);
        vt_feed(terminal, buf_view(&b));
        for (int at = 0; at < 60; at++) {
            const struct cell *want = &vt_row(v->vt, at / 20)[at % 20];
            const struct cell *got = &vt_row(terminal, at / 20)[at % 20];
            struct cell_extra w = cell_extra_of(vt_pool(v->vt), want->extra);
            struct cell_extra e = cell_extra_of(vt_pool(terminal), got->extra);
            span wanted = {w.link, w.n}, link = {e.link, e.n};
            span_cut(&wanted, ';'), span_cut(&link, ';'); /* ids may differ */
            CHECK(wanted.n == link.n && (!link.n || memcmp(wanted.p, link.p, link.n) == 0));
            CHECK(w.underline == e.underline && want->rune == got->rune);
        }
        CHECK_INT(terminal->style.extra, 0);
    }
    buf_free(&b);
    grid_free(&g);
    vt_free(terminal);
    view_close(v);
}

static void unit_view_state(void)
{
    test_begin("cursor, progress and blinking are put on the terminal and taken back");
    struct view *v = unit_view_of(20, 5, "\033[3 q\033]9;4;1;50\a\033[?12h");
    struct grid g = {0};
    buf b = {0};
    view_set_terminal(v, 0, TERM_KEYS_KITTY);
    view_put_modes(v, &b);
    CHECK_SPAN(buf_view(&b), "\033[?2004l\033[?12h\033[3 q\033]9;4;1;50\033\\\033[>1u");
    span undo = {term_saved.undo, (size_t)term_saved.undo_n};
    CHECK_SPAN(undo, "\033[0 q\033]9;4;0;0\033\\\033[<u\033[?12l");
    test_begin("a program's reverse screen is drawn reversed");
    vt_feed(v->vt, span_of("\033[?5ha\033[7mb"));
    grid_resize(&g, 5, 20);
    view_draw(v, &g, 0, 0, 5, 20, 1);
    CHECK(unit_at(&g, 0)->attr & CELL_REVERSE && unit_at(&g, 19)->attr & CELL_REVERSE);
    CHECK(!(unit_at(&g, 1)->attr & CELL_REVERSE));
    buf_free(&b);
    grid_free(&g);
    term_set_undo((span){0});
    view_close(v);
}

static void unit_view(void)
{
    unit_view_crop();
    unit_view_rectangle();
    unit_view_cursor();
    unit_view_scroll();
    unit_view_text();
    unit_view_modes();
    unit_view_updates();
    unit_view_keyboards();
    unit_view_keys();
    unit_view_mouse();
    unit_view_select();
    unit_view_signals();
    unit_view_links();
    unit_view_state();
}
