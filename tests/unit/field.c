/* Unit tests of field: a line being edited against a model of graphemes, several lines against a
 * model of their own, history, words, completion, and where the cursor is drawn. */

static uint32_t unit_field_seed = 3;

static int unit_field_random(int below)
{
    unit_field_seed = unit_field_seed * 1664525u + 1013904223u;
    return (int)((unit_field_seed >> 8) % (uint32_t)below);
}

static struct term_event unit_field_key(uint32_t key, unsigned mods)
{
    struct term_event ev;
    memset(&ev, 0, sizeof ev);
    ev.type = TERM_KEY;
    ev.key = key;
    ev.mods = mods;
    return ev;
}

static int unit_field_press(struct field *f, uint32_t key, unsigned mods)
{
    struct term_event ev = unit_field_key(key, mods);
    return field_event(f, &ev);
}

static int unit_field_paste(struct field *f, const char *text)
{
    struct term_event ev = unit_field_key(0, 0);
    ev.type = TERM_PASTE;
    ev.text = span_of(text);
    return field_event(f, &ev);
}

/* A row of a grid as text, without blanks at its end. */
static char *unit_field_row(const struct grid *g, int row)
{
    buf b = {0};
    char bytes[CELL_TEXT_MAX];
    for (int col = 0; col < g->cols; col++) {
        const struct cell *c = &grid_back(g, row)[col];
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

#define UNIT_FIELD_ROW(g, row, want) \
    do { \
        char *unit_field_text = unit_field_row((g), (row)); \
        CHECK_SPAN(span_of(unit_field_text), (want)); \
        free(unit_field_text); \
    } while (0)

/* ---- one line ------------------------------------------------------------------------------- */

/* Each is one grapheme that joins no neighbour. */
static const char *const unit_field_graphemes[] = {"a",
                                                " ",
                                                "\303\251",
                                                "e\314\201",
                                                "\346\227\245",
                                                "\360\237\221\251\342\200\215\360\237\222\273",
                                                "z",
                                                "\342\202\254"};

struct unit_field_model {
    int at[64], count, cursor;
};

static void unit_field_model_remove(struct unit_field_model *m, int from, int to)
{
    memmove(m->at + from, m->at + to, (size_t)(m->count - to) * sizeof *m->at);
    m->count -= to - from;
    m->cursor = from;
}

static void unit_field_model_check(const struct unit_field_model *m, struct field *f)
{
    buf want = {0};
    size_t cursor = 0;
    for (int i = 0; i < m->count; i++) {
        if (i == m->cursor)
            cursor = want.n;
        buf_str(&want, unit_field_graphemes[m->at[i]]);
    }
    CHECK_SPAN(buf_view(&f->text), buf_cstr(&want));
    CHECK_INT(f->cursor, m->cursor == m->count ? want.n : cursor);
    buf_free(&want);
}

static void unit_field_edit(struct unit_field_model *m, struct field *f)
{
    int from = m->cursor;
    switch (unit_field_random(12)) {
    case 0: unit_field_press(f, TERM_LEFT, 0), m->cursor -= m->cursor > 0; break;
    case 1: unit_field_press(f, TERM_RIGHT, 0), m->cursor += m->cursor < m->count; break;
    case 2:
        if (unit_field_random(2))
            unit_field_press(f, TERM_HOME, 0);
        else
            unit_field_press(f, 'a', TERM_CTRL);
        m->cursor = 0;
        break;
    case 3:
        if (unit_field_random(2))
            unit_field_press(f, TERM_END, 0);
        else
            unit_field_press(f, 'e', TERM_CTRL);
        m->cursor = m->count;
        break;
    case 4:
        if (m->count == (int)COUNT_OF(m->at))
            break;
        memmove(m->at + from + 1, m->at + from, (size_t)(m->count - from) * sizeof *m->at);
        m->at[from] = 7;
        m->count++;
        m->cursor++;
        unit_field_press(f, 0x20ac, TERM_SHIFT);
        break;
    case 5:
        unit_field_press(f, 0x7f, 0);
        if (from > 0)
            unit_field_model_remove(m, from - 1, from);
        break;
    case 6:
        unit_field_press(f, TERM_DELETE, 0);
        if (from < m->count)
            unit_field_model_remove(m, from, from + 1);
        break;
    case 7:
        unit_field_press(f, 'w', TERM_CTRL);
        while (from > 0 && m->at[from - 1] == 1)
            from--;
        while (from > 0 && m->at[from - 1] != 1)
            from--;
        unit_field_model_remove(m, from, m->cursor);
        break;
    case 8:
        if (unit_field_random(4))
            break;
        unit_field_press(f, 'u', TERM_CTRL);
        unit_field_model_remove(m, 0, from);
        break;
    case 9:
        if (unit_field_random(4))
            break;
        unit_field_press(f, 'k', TERM_CTRL);
        unit_field_model_remove(m, from, m->count);
        break;
    default:
        if (m->count == (int)COUNT_OF(m->at))
            break;
        memmove(m->at + from + 1, m->at + from, (size_t)(m->count - from) * sizeof *m->at);
        m->at[from] = unit_field_random((int)COUNT_OF(unit_field_graphemes));
        m->count++;
        m->cursor++;
        unit_field_paste(f, unit_field_graphemes[m->at[from]]);
        break;
    }
}

static void unit_field_edits(void)
{
    test_begin("random edits of a line match a model of graphemes");
    for (int round = 0; round < 30 && !test_failures; round++) {
        struct unit_field_model m;
        struct field f = {0};
        memset(&m, 0, sizeof m);
        for (int step = 0; step < 300 && !test_failures; step++) {
            unit_field_edit(&m, &f);
            unit_field_model_check(&m, &f);
        }
        field_free(&f);
        field_free(&f);
    }
}

/* What isn't for a field is left to whoever asked; nothing but text gets in. */
static void unit_field_keys(void)
{
    test_begin("a field ignores keys that are not its own");
    struct field f = {0};
    field_set(&f, "ab\xff");
    CHECK_SPAN(buf_view(&f.text), "ab\357\277\275"); /* clean from the start */
    CHECK_INT(f.cursor, f.text.n);
    field_set(&f, "ab");
    CHECK(!unit_field_press(&f, '\r', 0) && !unit_field_press(&f, '\t', 0) &&
          !unit_field_press(&f, 0x1b, 0));
    CHECK(!unit_field_press(&f, TERM_UP, 0) && !unit_field_press(&f, TERM_F5, 0) &&
          !unit_field_press(&f, 'x', TERM_ALT));
    CHECK(!unit_field_press(&f, 's', TERM_CTRL));
    struct term_event mouse = unit_field_key('x', 0);
    mouse.type = TERM_MOUSE;
    CHECK(!field_event(&f, &mouse));
    CHECK_SPAN(buf_view(&f.text), "ab");
    CHECK(unit_field_paste(&f, "1\r\n2\t\033[3m\177\xc3"));
    CHECK_SPAN(buf_view(&f.text), "ab1  2  [3m \357\277\275");
    field_free(&f);
}

/* The cursor is always within the width, and what stands around it is shown. */
static void unit_field_drawn(void)
{
    test_begin("a line is drawn scrolled to its cursor");
    struct grid g = {0};
    struct field f = {0};
    grid_resize(&g, 1, 20);
    field_set(&f, "0123456789\346\227\245\346\234\254\350\252\236abcdef");
    for (int width = 0; width < 15; width++)
        for (size_t at = 0; at <= f.text.n; at = at < f.text.n ? field_after(&f, at) : at + 1) {
            f.cursor = at;
            grid_clear(&g);
            field_draw(&g, 0, 3, 1, width, &f, widget_selected, 1);
            if (width > 0)
                CHECK(g.cursor_shown && g.cursor_col >= 3 && g.cursor_col < 3 + width);
            for (int col = 0; col < g.cols; col++)
                if (col < 3 || col >= 3 + width)
                    CHECK(unit_at(&g, col)->rune == 0 && unit_at(&g, col)->attr == 0);
        }
    f.cursor = 3;
    grid_clear(&g);
    field_draw(&g, 0, 0, 1, 10, &f, widget_selected, 0);
    UNIT_FIELD_ROW(&g, 0, "0123456789");
    CHECK(!g.cursor_shown);
    field_free(&f);
    grid_free(&g);
}

/* ---- several lines -------------------------------------------------------------------------- */

static void unit_field_draw(struct grid *g, struct field *f, int rows, int width)
{
    grid_clear(g);
    field_draw(g, 0, 0, rows, width, f, widget_plain, 1);
}

/* A click puts the cursor where it is drawn, and the text that is broken is all there. */
static void unit_field_lines(void)
{
    test_begin("several lines break after blanks, and a click finds its place");
    static const char text[] = "one two three\n\nfour\346\227\245\346\234\254 e\314\201f "
                               "gggggggg\n";
    for (int width = 1; width < 20; width++) {
        struct grid g = {0};
        struct field f = {.rows = 40};
        buf seen = {0};
        grid_resize(&g, 40, 24);
        field_insert(&f, span_of(text));
        int lines = 0;
        for (struct field_line line = {.from = 0};; lines++) {
            line = field_break(&f, line.next, lines, width);
            CHECK(line.last || line.next > line.from);
            int columns = field_column(&f, line.from, line.end);
            CHECK(columns < width || (width <= 2 && columns <= 2));
            buf_add(&seen, f.text.p + line.from, line.next - line.from);
            if (line.last)
                break;
        }
        CHECK_SPAN(buf_view(&seen), text);
        CHECK_INT(field_height(&f, width), lines + 1);
        for (size_t at = 0; at <= f.text.n; at = at < f.text.n ? field_after(&f, at) : at + 1) {
            f.cursor = at;
            unit_field_draw(&g, &f, 40, width);
            CHECK(g.cursor_shown && g.cursor_row <= lines);
            if (width < 3)
                continue; /* not even a wide character and the cursor */
            CHECK(g.cursor_col < width);
            f.cursor = 0;
            field_click(&f, g.cursor_row, g.cursor_col);
            CHECK_INT(f.cursor, at);
        }
        buf_free(&seen);
        field_free(&f);
        grid_free(&g);
    }
}

static void unit_field_up_down(void)
{
    test_begin("up and down keep the column over lines of other lengths");
    struct grid g = {0};
    struct field f = {.rows = 3};
    grid_resize(&g, 6, 20);
    CHECK(unit_field_paste(&f, "first line\r\nsecond\rthird\tone"));
    CHECK_SPAN(buf_view(&f.text), "first line\nsecond\nthird    one");
    unit_field_draw(&g, &f, 3, 20);
    CHECK(g.cursor_row == 2 && g.cursor_col == 12);
    CHECK(unit_field_press(&f, TERM_UP, 0));
    CHECK_INT(f.cursor, 17); /* the end of a line that is shorter */
    CHECK(unit_field_press(&f, TERM_UP, 0));
    CHECK_INT(f.cursor, 6);
    CHECK(!unit_field_press(&f, TERM_UP, 0)); /* no history: it is the form's */
    CHECK(unit_field_press(&f, TERM_END, 0));
    CHECK_INT(f.cursor, 10);
    CHECK(unit_field_press(&f, 'j', TERM_CTRL) && unit_field_press(&f, 'x', 0) &&
          unit_field_press(&f, '\r', TERM_ALT));
    CHECK_SPAN(buf_view(&f.text), "first line\nx\n\nsecond\nthird    one");
    CHECK(!unit_field_press(&f, '\r', 0)); /* Enter moves on */
    unit_field_draw(&g, &f, 3, 20); /* five lines, three are shown */
    CHECK(g.cursor_row == 2 && g.cursor_col == 0);
    UNIT_FIELD_ROW(&g, 0, "first line");
    UNIT_FIELD_ROW(&g, 1, "x");
    unit_field_press(&f, TERM_DOWN, 0);
    unit_field_press(&f, TERM_DOWN, 0);
    unit_field_draw(&g, &f, 3, 20);
    CHECK_INT(g.cursor_row, 2);
    UNIT_FIELD_ROW(&g, 0, "");
    UNIT_FIELD_ROW(&g, 2, "third    one");
    CHECK(!unit_field_press(&f, TERM_DOWN, 0));
    unit_field_press(&f, TERM_UP, 0);
    unit_field_press(&f, TERM_UP, 0);
    unit_field_press(&f, TERM_UP, 0);
    unit_field_draw(&g, &f, 3, 20);
    CHECK_INT(g.cursor_row, 0);
    UNIT_FIELD_ROW(&g, 0, "x");
    field_free(&f);
    struct field one = {0};
    CHECK(!unit_field_press(&one, 'j', TERM_CTRL) && !unit_field_press(&one, '\r', TERM_ALT));
    CHECK_INT(one.text.n, 0);
    field_free(&one);
    grid_free(&g);
}

static void unit_field_history(void)
{
    test_begin("history goes back and forth and keeps the draft");
    static char *entries[] = {"oldest", "two\nlines", "newest"};
    const struct names history = {entries, COUNT_OF(entries)};
    struct field f = {.rows = 4, .history = &history};
    field_insert(&f, span_of("draft"));
    CHECK(!unit_field_press(&f, TERM_DOWN, 0));
    CHECK(unit_field_press(&f, TERM_UP, 0));
    CHECK_SPAN(buf_view(&f.text), "newest");
    CHECK(unit_field_press(&f, TERM_UP, 0));
    CHECK_SPAN(buf_view(&f.text), "two\nlines");
    CHECK(unit_field_press(&f, TERM_UP, 0)); /* from its first line, at once */
    CHECK_SPAN(buf_view(&f.text), "oldest");
    CHECK(!unit_field_press(&f, TERM_UP, 0));
    CHECK(unit_field_press(&f, TERM_DOWN, 0));
    CHECK_SPAN(buf_view(&f.text), "two\nlines");
    unit_field_press(&f, '!', 0);
    CHECK_SPAN(buf_view(&f.text), "two\nlines!");
    CHECK(unit_field_press(&f, TERM_DOWN, 0) && unit_field_press(&f, TERM_DOWN, 0));
    CHECK_SPAN(buf_view(&f.text), "draft");
    CHECK(!unit_field_press(&f, TERM_DOWN, 0));
    field_free(&f);
    struct field line = {.history = &history};
    unit_field_press(&line, TERM_UP, 0);
    unit_field_press(&line, TERM_UP, 0);
    CHECK_SPAN(buf_view(&line.text), "two lines"); /* one line is one line */
    field_free(&line);
}

static void unit_field_words(void)
{
    test_begin("word keys move and delete by words");
    static const struct {
        uint32_t key;
        unsigned mods;
        size_t cursor;
    } steps[] = {
        {TERM_LEFT, TERM_CTRL, 10}, {'b', TERM_ALT, 4}, {TERM_LEFT, TERM_ALT, 0},
        {'b', TERM_ALT, 0},         {'f', TERM_ALT, 3}, {TERM_RIGHT, TERM_CTRL, 9},
        {TERM_RIGHT, TERM_ALT, 15}, {'f', TERM_ALT, 15},
    };
    struct field f = {.rows = 2};
    field_insert(&f, span_of("one two\303\251\nthree"));
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        CHECK(unit_field_press(&f, steps[i].key, steps[i].mods));
        CHECK_INT(f.cursor, steps[i].cursor);
    }
    unit_field_press(&f, 0x7f, TERM_ALT);
    CHECK_SPAN(buf_view(&f.text), "one two\303\251\n");
    unit_field_press(&f, TERM_HOME, 0);
    unit_field_press(&f, TERM_UP, 0);
    unit_field_press(&f, 'd', TERM_ALT);
    CHECK_SPAN(buf_view(&f.text), " two\303\251\n");
    unit_field_press(&f, 'k', TERM_CTRL); /* to the end of its line, not of all */
    CHECK_SPAN(buf_view(&f.text), "\n");
    field_free(&f);
}

/* Never longer than its limit, whatever is pasted how often. */
static void unit_field_limit(void)
{
    test_begin("text beyond the limit is refused");
    struct field f = {.rows = 2};
    buf much = {0};
    while (much.n < FIELD_TEXT_MAX / 3)
        buf_str(&much, "a line of the many\n");
    struct term_event ev = unit_field_key(0, 0);
    ev.type = TERM_PASTE;
    ev.text = buf_view(&much);
    for (int i = 0; i < 5; i++)
        field_event(&f, &ev);
    CHECK(f.text.n <= FIELD_TEXT_MAX && f.text.n > FIELD_TEXT_MAX / 2);
    buf_free(&much);
    field_free(&f);
}

/* ---- directories ---------------------------------------------------------------------------- */

static int unit_field_complete(struct field *f, const char *text, buf *hint)
{
    buf_clear(hint);
    field_set(f, text);
    return field_complete_directory(f, hint);
}

static void unit_field_directories(void)
{
    test_begin("a typed directory is completed, or its choices are offered");
    static const char *const made[] = {"src", "src/alpha", "src/alpine", "src/beta", "src/.hidden",
                                       "src/b\303\251", "src/b\303\250"};
    char dir[64], path[128], *home = getenv("HOME");
    struct field f = {0};
    buf hint = {0}, want = {0};
    home = home ? span_dup(span_of(home)) : NULL;
    unit_base_temporary(dir);
    CHECK(mkdtemp(dir) != NULL);
    for (size_t i = 0; i < COUNT_OF(made); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, made[i]);
        CHECK_INT(mkdir(path, 0700), 0);
    }
    snprintf(path, sizeof path, "%s/src/also a file", dir);
    CHECK((close(open(path, O_CREAT | O_WRONLY, 0600)), 1));
    static const struct {
        const char *typed, *becomes, *hint;
        int done;
    } cases[] = {
        {"/s", "/src/", "", 1},
        {"/src", "/src", "", 0}, /* there already: Tab moves on */
        {"/src/a", "/src/alp", "", 1},
        {"/src/alp", "/src/alp", "alpha  alpine", 1},
        {"/src/alph", "/src/alpha/", "", 1},
        {"/src/alpha/", "/src/alpha/", "", 0},
        {"/src/.", "/src/.hidden/", "", 1},
        {"/src/b", "/src/b", "beta  b\303\250  b\303\251", 1}, /* no half of a character */
        {"/src/also", "/src/also", "", 0},                     /* a file */
        {"/nowhere/x", "/nowhere/x", "", 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        snprintf(path, sizeof path, "%s%s", dir, cases[i].typed);
        buf_clear(&want);
        buf_fmt(&want, "%s%s", dir, cases[i].becomes);
        CHECK_INT(unit_field_complete(&f, path, &hint), cases[i].done);
        CHECK_SPAN(buf_view(&f.text), buf_cstr(&want));
        CHECK_SPAN(buf_view(&hint), cases[i].hint);
        CHECK_INT(f.cursor, f.text.n);
    }
    setenv("HOME", dir, 1);
    CHECK(unit_field_complete(&f, "~/s", &hint));
    snprintf(path, sizeof path, "%s/src/", dir);
    CHECK_SPAN(buf_view(&f.text), path);
    CHECK(unit_field_complete(&f, "~/nowhere/x", &hint));
    CHECK_INT(f.cursor, strlen(dir) + strlen("/nowhere/x"));
    for (int i = 0; i < FIELD_NAMES_MAX + 6; i++) {
        snprintf(path, sizeof path, "%s/src/beta/n%03d", dir, i);
        CHECK_INT(mkdir(path, 0700), 0);
    }
    snprintf(path, sizeof path, "%s/src/beta/n", dir);
    CHECK(unit_field_complete(&f, path, &hint)); /* of many as far as the offered ones agree */
    CHECK(strstr(buf_cstr(&f.text), "/src/beta/n0"));
    for (int i = 0; i < FIELD_NAMES_MAX + 6; i++) {
        snprintf(path, sizeof path, "%s/src/beta/n%03d", dir, i);
        rmdir(path);
    }
    if (home)
        setenv("HOME", home, 1);
    for (size_t i = COUNT_OF(made); i-- > 0;) {
        snprintf(path, sizeof path, "%s/src/also a file", dir);
        unlink(path);
        snprintf(path, sizeof path, "%s/%s", dir, made[i]);
        CHECK_INT(rmdir(path), 0);
    }
    rmdir(dir);
    free(home);
    buf_free(&hint);
    buf_free(&want);
    field_free(&f);
}

static void unit_field_commands(void)
{
    static char *entries[] = {"make", "make watch", "vi x"};
    const struct names history = {entries, COUNT_OF(entries)};
    static const struct {
        const char *typed, *becomes, *hint;
        int done;
    } cases[] = {
        {"to", "tool-", "", 1},       {"tool-", "tool-", "tool-a  tool-b", 1},
        {"tool-a", "tool-a", "", 0},  {"plain", "plain", "", 0}, /* can't be run */
        {"ma", "make", "", 1},        {"make", "make", "make  make watch", 1},
        {"make w", "make watch", "", 1}, {"tool-a x", "tool-a x", "", 0},
        {"", "", "", 0},
    };
    static const char *const files[] = {"tool-a", "tool-b", "plain"};
    char dir[64], path[200], *before = getenv("PATH");
    struct field f = {.history = &history};
    buf hint = {0};
    test_begin("a command is completed from the history, its first word from $PATH");
    before = span_dup(span_of(before ? before : ""));
    unit_base_temporary(dir);
    CHECK(mkdtemp(dir) != NULL);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        CHECK_INT(close(open(path, O_CREAT | O_WRONLY, i < 2 ? 0700 : 0600)), 0);
    }
    snprintf(path, sizeof path, "/nowhere:%s:%s", dir, dir); /* twice: listed once */
    setenv("PATH", path, 1);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_clear(&hint);
        field_set(&f, cases[i].typed);
        CHECK_INT(field_complete_command(&f, &hint), cases[i].done);
        CHECK_SPAN(buf_view(&f.text), cases[i].becomes);
        CHECK_SPAN(buf_view(&hint), cases[i].hint);
    }
    setenv("PATH", before, 1);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    rmdir(dir);
    free(before), buf_free(&hint), field_free(&f);
}

/* Its buffer is NULL: clang's UBSan stops where something is added to that. */
static void unit_field_empty(void)
{
    test_begin("an empty field is drawn, clicked and edited without a buffer");
    for (int rows = 1; rows <= 3; rows++) {
        struct field f = {.rows = rows};
        struct grid g = {.depth = CELL_MONO};
        grid_resize(&g, 3, 10);
        field_draw(&g, 0, 1, 3, 8, &f, widget_plain, 1);
        UNIT_FIELD_ROW(&g, 0, "");
        CHECK(g.cursor_shown && g.cursor_row == 0 && g.cursor_col == 1);
        field_click(&f, 2, 5);
        CHECK_INT(f.cursor, 0);
        CHECK_INT(field_height(&f, 8), 1);
        static const uint32_t keys[] = {TERM_UP,  TERM_DOWN, TERM_LEFT,   TERM_RIGHT,
                                        TERM_HOME, TERM_END, TERM_DELETE, 0x7f};
        for (size_t i = 0; i < COUNT_OF(keys); i++)
            unit_field_press(&f, keys[i], 0);
        for (const char *c = "aeukw"; *c; c++)
            unit_field_press(&f, (uint32_t)*c, TERM_CTRL);
        CHECK(f.cursor == 0 && f.text.n == 0);
        field_free(&f);
        grid_free(&g);
    }
}

static void unit_field(void)
{
    unit_field_empty();
    unit_field_edits();
    unit_field_keys();
    unit_field_drawn();
    unit_field_lines();
    unit_field_up_down();
    unit_field_history();
    unit_field_words();
    unit_field_limit();
    unit_field_directories();
    unit_field_commands();
}
