/* Unit tests of ui: a line being edited against a model of graphemes; wrapped text, footers, forms,
 * help and boxes on grids of every size. */

static uint32_t unit_ui_seed = 3;

static int unit_ui_random(int below)
{
    unit_ui_seed = unit_ui_seed * 1664525u + 1013904223u;
    return (int)((unit_ui_seed >> 8) % (uint32_t)below);
}

static struct term_event unit_ui_key(uint32_t key, unsigned mods)
{
    struct term_event ev;
    memset(&ev, 0, sizeof ev);
    ev.type = TERM_KEY;
    ev.key = key;
    ev.mods = mods;
    return ev;
}

static int unit_ui_press(struct ui_field *f, uint32_t key, unsigned mods)
{
    struct term_event ev = unit_ui_key(key, mods);
    return ui_field_event(f, &ev);
}

static int unit_ui_paste(struct ui_field *f, const char *text)
{
    struct term_event ev = unit_ui_key(0, 0);
    ev.type = TERM_PASTE;
    ev.text = span_of(text);
    return ui_field_event(f, &ev);
}

/* A row of a grid as text, without blanks at its end. */
static char *unit_ui_row(const struct term_grid *g, int row)
{
    buf b = {0};
    char bytes[CELL_TEXT_MAX];
    for (int col = 0; col < g->cols; col++) {
        const struct cell *c = &g->back[row * g->cols + col];
        if (!(c->attr & CELL_TAIL))
            buf_add(&b, bytes, cell_text(&g->pool, c->rune, bytes));
    }
    span s = buf_view(&b);
    while (s.n && s.p[s.n - 1] == ' ')
        s.n--;
    char *text = span_dup(s);
    buf_free(&b);
    return text;
}

static int unit_ui_has(const struct term_grid *g, const char *text)
{
    int found = 0;
    for (int row = 0; row < g->rows; row++) {
        char *shown = unit_ui_row(g, row);
        found |= strstr(shown, text) != NULL;
        free(shown);
    }
    return found;
}

#define UNIT_UI_ROW(g, row, want) \
    do { \
        char *unit_ui_text = unit_ui_row((g), (row)); \
        CHECK_SPAN(span_of(unit_ui_text), (want)); \
        free(unit_ui_text); \
    } while (0)

/* ---- text field ----------------------------------------------------------------------------- */

/* Each is one grapheme that joins no neighbour. */
static const char *const unit_ui_graphemes[] = {"a",
                                                " ",
                                                "\303\251",
                                                "e\314\201",
                                                "\346\227\245",
                                                "\360\237\221\251\342\200\215\360\237\222\273",
                                                "z",
                                                "\342\202\254"};

struct unit_ui_model {
    int at[64], count, cursor;
};

static void unit_ui_model_remove(struct unit_ui_model *m, int from, int to)
{
    memmove(m->at + from, m->at + to, (size_t)(m->count - to) * sizeof *m->at);
    m->count -= to - from;
    m->cursor = from;
}

static void unit_ui_model_check(const struct unit_ui_model *m, struct ui_field *f)
{
    buf want = {0};
    size_t cursor = 0;
    for (int i = 0; i < m->count; i++) {
        if (i == m->cursor)
            cursor = want.n;
        buf_str(&want, unit_ui_graphemes[m->at[i]]);
    }
    CHECK_SPAN(buf_view(&f->text), buf_cstr(&want));
    CHECK_INT(f->cursor, m->cursor == m->count ? want.n : cursor);
    buf_free(&want);
}

static void unit_ui_edit(struct unit_ui_model *m, struct ui_field *f)
{
    int from = m->cursor;
    switch (unit_ui_random(12)) {
    case 0: unit_ui_press(f, TERM_LEFT, 0), m->cursor -= m->cursor > 0; break;
    case 1: unit_ui_press(f, TERM_RIGHT, 0), m->cursor += m->cursor < m->count; break;
    case 2:
        if (unit_ui_random(2))
            unit_ui_press(f, TERM_HOME, 0);
        else
            unit_ui_press(f, 'a', TERM_CTRL);
        m->cursor = 0;
        break;
    case 3:
        if (unit_ui_random(2))
            unit_ui_press(f, TERM_END, 0);
        else
            unit_ui_press(f, 'e', TERM_CTRL);
        m->cursor = m->count;
        break;
    case 4:
        if (m->count == (int)COUNT_OF(m->at))
            break;
        memmove(m->at + from + 1, m->at + from, (size_t)(m->count - from) * sizeof *m->at);
        m->at[from] = 7;
        m->count++;
        m->cursor++;
        unit_ui_press(f, 0x20ac, TERM_SHIFT);
        break;
    case 5:
        unit_ui_press(f, 0x7f, 0);
        if (from > 0)
            unit_ui_model_remove(m, from - 1, from);
        break;
    case 6:
        unit_ui_press(f, TERM_DELETE, 0);
        if (from < m->count)
            unit_ui_model_remove(m, from, from + 1);
        break;
    case 7:
        unit_ui_press(f, 'w', TERM_CTRL);
        while (from > 0 && m->at[from - 1] == 1)
            from--;
        while (from > 0 && m->at[from - 1] != 1)
            from--;
        unit_ui_model_remove(m, from, m->cursor);
        break;
    case 8:
        if (unit_ui_random(4))
            break;
        unit_ui_press(f, 'u', TERM_CTRL);
        unit_ui_model_remove(m, 0, from);
        break;
    case 9:
        if (unit_ui_random(4))
            break;
        unit_ui_press(f, 'k', TERM_CTRL);
        unit_ui_model_remove(m, from, m->count);
        break;
    default:
        if (m->count == (int)COUNT_OF(m->at))
            break;
        memmove(m->at + from + 1, m->at + from, (size_t)(m->count - from) * sizeof *m->at);
        m->at[from] = unit_ui_random((int)COUNT_OF(unit_ui_graphemes));
        m->count++;
        m->cursor++;
        unit_ui_paste(f, unit_ui_graphemes[m->at[from]]);
        break;
    }
}

static void unit_ui_field(void)
{
    for (int round = 0; round < 30 && !test_failures; round++) {
        struct unit_ui_model m;
        struct ui_field f = {0};
        memset(&m, 0, sizeof m);
        for (int step = 0; step < 300 && !test_failures; step++) {
            unit_ui_edit(&m, &f);
            unit_ui_model_check(&m, &f);
        }
        ui_field_free(&f);
        ui_field_free(&f);
    }
}

/* What isn't for a field is left to whoever asked; nothing but text gets in. */
static void unit_ui_field_keys(void)
{
    struct ui_field f = {0};
    ui_field_set(&f, "ab\xff");
    CHECK_SPAN(buf_view(&f.text), "ab\357\277\275"); /* clean from the start */
    CHECK_INT(f.cursor, f.text.n);
    ui_field_set(&f, "ab");
    CHECK(!unit_ui_press(&f, '\r', 0) && !unit_ui_press(&f, '\t', 0) &&
          !unit_ui_press(&f, 0x1b, 0));
    CHECK(!unit_ui_press(&f, TERM_UP, 0) && !unit_ui_press(&f, TERM_F5, 0) &&
          !unit_ui_press(&f, 'x', TERM_ALT));
    CHECK(!unit_ui_press(&f, 's', TERM_CTRL));
    struct term_event mouse = unit_ui_key('x', 0);
    mouse.type = TERM_MOUSE;
    CHECK(!ui_field_event(&f, &mouse));
    CHECK_SPAN(buf_view(&f.text), "ab");
    CHECK(unit_ui_paste(&f, "1\r\n2\t\033[3m\177\xc3"));
    CHECK_SPAN(buf_view(&f.text), "ab1  2  [3m \357\277\275");
    ui_field_free(&f);
}

/* The cursor is always within the width, and what stands around it is shown. */
static void unit_ui_field_drawn(void)
{
    struct term_grid g = {0};
    struct ui_field f = {0};
    term_grid_resize(&g, 1, 20);
    ui_field_set(&f, "0123456789\346\227\245\346\234\254\350\252\236abcdef");
    for (int width = 0; width < 15; width++)
        for (size_t at = 0; at <= f.text.n; at = at < f.text.n ? ui_field_after(&f, at) : at + 1) {
            f.cursor = at;
            term_clear(&g);
            ui_field_draw(&g, 0, 3, width, &f, 1);
            if (width > 0)
                CHECK(g.cursor_shown && g.cursor_col >= 3 && g.cursor_col < 3 + width);
            for (int col = 0; col < g.cols; col++)
                if (col < 3 || col >= 3 + width)
                    CHECK(g.back[col].rune == 0 && g.back[col].attr == 0);
        }
    f.cursor = 3;
    term_clear(&g);
    ui_field_draw(&g, 0, 0, 10, &f, 0);
    UNIT_UI_ROW(&g, 0, "0123456789");
    CHECK(!g.cursor_shown);
    ui_field_free(&f);
    term_grid_free(&g);
}

/* ---- wrapped text --------------------------------------------------------------------------- */

static void unit_ui_wrap(void)
{
    static const struct {
        const char *text;
        int width, lines;
        const char *first, *second, *last;
    } cases[] = {
        {"hello world", 20, 1, "hello world", NULL, NULL},
        {"hello world", 8, 2, "hello", "world", NULL},
        {"hello world", 6, 2, "hello", "world", NULL},
        /* the blank at the break takes no line of its own */
        {"hello world", 5, 2, "hello", "world", NULL},
        {"hello world again", 5, 3, "hello", "world", "again"},
        {"hello", 2, 3, "he", "ll", "o"},
        {"a bcdefgh", 4, 3, "a", "bcde", "fgh"},
        {"\346\227\245\346\234\254\350\252\236", 3, 3, "\346\227\245", "\346\234\254",
         "\350\252\236"},
        {"\346\227\245", 1, 0, NULL, NULL, NULL}, /* nothing fits: it must end all the same */
        {"abc", 0, 0, NULL, NULL, NULL},
        {"", 5, 0, NULL, NULL, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct term_grid g = {0};
        term_grid_resize(&g, 4, 24);
        CHECK_INT(ui_wrapped_draw(&g, 0, 2, cases[i].width, 4, span_of(cases[i].text), ui_plain),
                  cases[i].lines);
        const char *const lines[] = {cases[i].first, cases[i].second, cases[i].last};
        for (int k = 0; k < 3; k++) {
            char *row = unit_ui_row(&g, k);
            CHECK_SPAN(span_of(row + (*row ? 2 : 0)), lines[k] ? lines[k] : "");
            free(row);
        }
        term_clear(&g);
        CHECK_INT(ui_wrapped_draw(&g, 1, 2, cases[i].width, 1, span_of(cases[i].text), ui_plain),
                  cases[i].lines);
        UNIT_UI_ROW(&g, 0, "");
        UNIT_UI_ROW(&g, 2, ""); /* as many rows as it may, no more */
        term_grid_free(&g);
    }
}

/* ---- keys ----------------------------------------------------------------------------------- */

static void unit_ui_nothing(void *ctx)
{
    (void)ctx;
}

static const struct ui_key unit_ui_keys[] = {
    {TERM_UP, 0, 1, "up, k", NULL, "go up", unit_ui_nothing},
    {'k', 0, 1, "k", NULL, NULL, unit_ui_nothing},
    {'n', 0, 1, "n", "new", "a new one", unit_ui_nothing},
    {'n', 0, 2, "n", "no", NULL, unit_ui_nothing},
    {'G', 0, 1, "G", "last", "the last", unit_ui_nothing},
    {'z', TERM_CTRL, 3, "Ctrl-Z", "stop", "stops", unit_ui_nothing},
    {TERM_PGUP, TERM_SHIFT, 1, "Shift-PgUp", NULL, "back", unit_ui_nothing},
};
#define UNIT_UI_KEYS COUNT_OF(unit_ui_keys)

static int unit_ui_find(unsigned context, uint32_t key, unsigned mods)
{
    struct term_event ev = unit_ui_key(key, mods);
    const struct ui_key *found = ui_find_key(unit_ui_keys, UNIT_UI_KEYS, context, &ev);
    return found ? (int)(found - unit_ui_keys) : -1;
}

static void unit_ui_key_table(void)
{
    CHECK_INT(unit_ui_find(1, TERM_UP, 0), 0);
    CHECK_INT(unit_ui_find(1, 'n', 0), 2);
    CHECK_INT(unit_ui_find(2, 'n', 0), 3);
    CHECK_INT(unit_ui_find(4, 'n', 0), -1);
    CHECK_INT(unit_ui_find(1, 'G', TERM_SHIFT), 4); /* some terminals say so */
    CHECK_INT(unit_ui_find(1, 'g', 0), -1);
    CHECK_INT(unit_ui_find(1, 'z', 0), -1);
    CHECK_INT(unit_ui_find(2, 'z', TERM_CTRL), 5);
    CHECK_INT(unit_ui_find(1, 'n', TERM_ALT), -1);
    CHECK_INT(unit_ui_find(1, TERM_UP, TERM_SHIFT), -1);
    CHECK_INT(unit_ui_find(1, TERM_PGUP, TERM_SHIFT), 6);
    CHECK_INT(unit_ui_find(1, TERM_PGUP, 0), -1);
}

/* Whole entries only, in order, as many as fit. */
static void unit_ui_footer(void)
{
    static const char *const whole[] = {"n new", "G last", "Ctrl-Z stop"};
    for (int cols = 1; cols < 40; cols++) {
        struct term_grid g = {0};
        buf want = {0};
        int used = 1;
        term_grid_resize(&g, 2, cols);
        ui_footer_draw(&g, unit_ui_keys, UNIT_UI_KEYS, 1);
        for (size_t i = 0; i < 3 && used + (int)strlen(whole[i]) < cols; i++) {
            buf_str(&want, i ? "  " : " ");
            buf_str(&want, whole[i]);
            used += (int)strlen(whole[i]) + 2;
        }
        UNIT_UI_ROW(&g, 1, buf_cstr(&want));
        UNIT_UI_ROW(&g, 0, "");
        buf_free(&want);
        term_grid_free(&g);
    }
}

static void unit_ui_help(void)
{
    struct term_grid g = {0};
    term_grid_resize(&g, 5, 40); /* three lines inside of the frame, five of help */
    CHECK_INT(ui_help_draw(&g, unit_ui_keys, UNIT_UI_KEYS, "Keys", 0), 0);
    CHECK(unit_ui_has(&g, "Keys") && unit_ui_has(&g, "go up") && unit_ui_has(&g, "the last") &&
          !unit_ui_has(&g, "stops"));
    term_clear(&g);
    CHECK_INT(ui_help_draw(&g, unit_ui_keys, UNIT_UI_KEYS, "Keys", 99), 2);
    CHECK(unit_ui_has(&g, "back") && unit_ui_has(&g, "the last") && !unit_ui_has(&g, "a new one"));
    CHECK_INT(ui_help_draw(&g, unit_ui_keys, UNIT_UI_KEYS, "Keys", -3), 0);
    term_grid_resize(&g, 24, 40);
    CHECK_INT(ui_help_draw(&g, unit_ui_keys, UNIT_UI_KEYS, "Keys", 2), 0); /* all of it fits */
    term_grid_free(&g);
}

/* ---- forms ---------------------------------------------------------------------------------- */

static const char *const unit_ui_choices[] = {"one", "two", "three"};
static const char *const unit_ui_notes[] = {NULL, "not here", NULL};

static void unit_ui_make_form(struct ui_form *f)
{
    *f = (struct ui_form){.title = "A form", .submit = "start"};
    struct ui_line *choice = ui_form_add(f, "Choice", "");
    choice->choices = unit_ui_choices;
    choice->notes = unit_ui_notes;
    choice->choice_count = 3;
    ui_form_add(f, "First", "abc");
    ui_form_add(f, "Second", "");
}

static enum ui_answer unit_ui_form_press(struct ui_form *f, uint32_t key, unsigned mods)
{
    struct term_event ev = unit_ui_key(key, mods);
    return ui_form_event(f, &ev);
}

static void unit_ui_form(void)
{
    struct ui_form f;
    unit_ui_make_form(&f);
    CHECK_INT(f.focus, 0);
    CHECK_INT(unit_ui_form_press(&f, TERM_LEFT, 0), UI_NOT_YET);
    CHECK_SPAN(span_of(ui_form_choice(&f, "Choice")), "three"); /* around */
    unit_ui_form_press(&f, ' ', 0);
    unit_ui_form_press(&f, TERM_RIGHT, 0);
    CHECK_SPAN(span_of(ui_form_choice(&f, "Choice")), "two");
    unit_ui_form_press(&f, 'x', 0); /* no text here */
    CHECK_SPAN(span_of(ui_form_choice(&f, "Choice")), "two");
    unit_ui_form_press(&f, '\t', TERM_SHIFT);
    CHECK_INT(f.focus, 2);
    unit_ui_form_press(&f, '\t', 0);
    CHECK_INT(f.focus, 0);
    CHECK_INT(unit_ui_form_press(&f, '\r', 0), UI_NOT_YET);
    CHECK_INT(f.focus, 1);
    unit_ui_form_press(&f, 'd', 0);
    unit_ui_form_press(&f, 'E', TERM_SHIFT);
    CHECK_SPAN(span_of(ui_form_text(&f, "First")), "abcdE");
    CHECK_SPAN(span_of(ui_form_text(&f, "Nowhere")), "");
    CHECK(ui_form_choice(&f, "First") == NULL);
    unit_ui_form_press(&f, TERM_DOWN, 0);
    CHECK_INT(f.focus, 2);
    unit_ui_form_press(&f, TERM_UP, 0);
    CHECK_INT(f.focus, 1);
    CHECK_INT(unit_ui_form_press(&f, 's', TERM_CTRL), UI_SUBMIT); /* from anywhere */
    unit_ui_form_press(&f, '\t', 0);
    CHECK_INT(unit_ui_form_press(&f, '\r', 0), UI_SUBMIT); /* or Enter on the last line */
    CHECK_INT(unit_ui_form_press(&f, 's', 0), UI_NOT_YET);
    CHECK_SPAN(span_of(ui_form_text(&f, "Second")), "s");
    f.busy = 1; /* nothing but going back */
    CHECK_INT(unit_ui_form_press(&f, 's', TERM_CTRL), UI_NOT_YET);
    CHECK_INT(unit_ui_form_press(&f, 'q', 0), UI_NOT_YET);
    CHECK_SPAN(span_of(ui_form_text(&f, "Second")), "s");
    CHECK_INT(unit_ui_form_press(&f, 0x1b, 0), UI_CANCEL);
    f.busy = 0;
    buf_str(&f.error, "wrong");
    unit_ui_form_press(&f, 'x', 0); /* an error is there until the next key */
    CHECK_INT(f.error.n, 0);
    ui_form_free(&f);
    ui_form_free(&f);
}

/* The line that has the focus, and its cursor, are seen on the smallest screen, with an error and
 * without. */
static void unit_ui_form_drawn(void)
{
    static const char *const marks[] = {"one", "abc", "Second"};
    for (int rows = 1; rows < 14; rows++)
        for (int cols = 1; cols < 100; cols += cols < 45 ? 1 : 18)
            for (int errors = 0; errors < 2; errors++)
                for (int focus = 0; focus < 3; focus++) {
                    struct term_grid g = {0};
                    struct ui_form f;
                    unit_ui_make_form(&f);
                    f.focus = focus;
                    if (errors)
                        buf_str(&f.error, "something is wrong with that, and it takes many words "
                                          "to say what it is that "
                                          "does not fit here, so many that three lines are not "
                                          "enough for all of them");
                    term_grid_resize(&g, rows, cols);
                    ui_form_draw(&g, &f); /* whatever the size */
                    if (rows >= 10 && cols >= 40) {
                        CHECK(unit_ui_has(&g, marks[focus]) && unit_ui_has(&g, "A form"));
                        CHECK(unit_ui_has(&g, "Esc cancel"));
                        CHECK_INT(g.cursor_shown, focus > 0);
                        CHECK(!errors || unit_ui_has(&g, "something is wrong"));
                    }
                    if (g.cursor_shown)
                        CHECK(g.cursor_row >= 0 && g.cursor_row < rows && g.cursor_col >= 0 &&
                              g.cursor_col < cols);
                    ui_form_free(&f);
                    term_grid_free(&g);
                }
}

static void unit_ui_box(void)
{
    for (int rows = 1; rows < 8; rows++)
        for (int cols = 1; cols < 12; cols++)
            for (int wanted = 0; wanted < 9; wanted++) {
                struct term_grid g = {0};
                int row = -1, col = -1;
                term_grid_resize(&g, rows, cols);
                ui_box_draw(&g, wanted, wanted * 2, "A title", &row, &col);
                term_grid_free(&g);
            }
    struct term_grid g = {0};
    int row, col;
    term_grid_resize(&g, 6, 20);
    ui_box_draw(&g, 2, 12, "Title", &row, &col);
    UNIT_UI_ROW(&g, 1,
                "  \342\225\255\342\224\200 Title "
                "\342\224\200\342\224\200\342\224\200\342\224\200\342\224\200\342\224\200"
                "\342\225\256");
    CHECK(row == 2 && col == 4);
    g.ascii = 1;
    ui_box_draw(&g, 2, 12, "Title", &row, &col);
    UNIT_UI_ROW(&g, 1, "  +- Title ------+");
    UNIT_UI_ROW(&g, 2, "  |              |");
    UNIT_UI_ROW(&g, 4, "  +--------------+");
    term_grid_free(&g);
}

static void unit_ui(void)
{
    unit_ui_field();
    unit_ui_field_keys();
    unit_ui_field_drawn();
    unit_ui_wrap();
    unit_ui_key_table();
    unit_ui_footer();
    unit_ui_help();
    unit_ui_form();
    unit_ui_form_drawn();
    unit_ui_box();
}
