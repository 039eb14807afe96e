/* Unit tests of pager: Markdown into looks, lines into rows, moving, searching, files that can't be
 * read, and garbage on grids of every size. */

static uint32_t unit_pager_seed = 11;

static int unit_pager_random(int below)
{
    unit_pager_seed = unit_pager_seed * 1664525u + 1013904223u;
    return (int)((unit_pager_seed >> 8) % (uint32_t)below);
}

static struct term_event unit_pager_key(uint32_t key)
{
    struct term_event ev;
    memset(&ev, 0, sizeof ev);
    ev.type = TERM_KEY;
    ev.key = key;
    return ev;
}

/* What the UI does with a key: the pager's own, else a row of the key table. Returns 1, or 0 for a
 * key without an action on the pager. */
static int unit_pager_press(struct pager *p, uint32_t key)
{
    struct app *t = base_alloc(sizeof *t);
    struct term_event ev = unit_pager_key(key);
    int known = pager_event(p, &ev);
    if (!known) {
        const struct keymap_key *row =
            keymap_find_key(keys_table, COUNT_OF(keys_table), APP_PAGER, &ev);
        t->stale = 1;
        t->program_runs = 1; /* no frame */
        t->pager = *p;
        t->mode = APP_PAGER;
        t->shown = APP_SESSIONS;
        known = row && row->run != keys_todo && row->run != keys_quit;
        if (known)
            row->run(t, row->arg);
        *p = t->pager;
    }
    free(t);
    return known;
}

/* A row of a grid as text, without blanks at its end; to be freed. */
static char *unit_pager_row(const struct grid *g, int row)
{
    buf b = {0};
    char bytes[CELL_TEXT_MAX];
    for (int col = 0; col < g->cols; col++) {
        const struct cell *c = &grid_back(g, row)[col];
        if (!(c->attr & CELL_TAIL))
            buf_add(&b, bytes, cell_text(&g->pool, c->rune, bytes));
    }
    while (b.n && b.p[b.n - 1] == ' ')
        b.n--;
    buf_cstr(&b);
    return b.p;
}

#define UNIT_PAGER_ROW(g, row, want) \
    do { \
        char *unit_pager_text = unit_pager_row((g), (row)); \
        CHECK_SPAN(span_of(unit_pager_text), (want)); \
        free(unit_pager_text); \
    } while (0)

/* The lines as text, what does not look plain as X(…), X being its look. */
static const char *unit_pager_shown(const struct pager *p)
{
    static const char letters[] = ".THSECQLMF";
    int look = PAGER_TEXT;
    buf_clear(&unit_text);
    CHECK_INT(p->shown.n, p->looks.n);
    for (size_t i = 0; i < p->shown.n; i++) {
        int now = p->looks.p[i];
        if (now != look) {
            buf_str(&unit_text, look ? ")" : "");
            if (now)
                buf_byte(&unit_text, letters[now]), buf_byte(&unit_text, '(');
            look = now;
        }
        buf_byte(&unit_text, p->shown.p[i]);
    }
    return buf_cstr(&unit_text);
}

static void unit_pager_markdown(void)
{
    test_begin("Markdown is shown without its marks, and styled");
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"plain\n\nmore", "plain\n\nmore\n"},
        {"\n\nx", "\n\nx\n"},
        {"# Title\n## Two ##\n###### six\n####### seven\n#no\n# C#\n# \n",
         "T(Title)\nH(Two)\nH(six)\n####### seven\n#no\nT(C#)\n# \n"},
        {"a **b** *c* __d__ _e_ `f`", "a S(b) E(c) S(d) E(e) C(f)\n"},
        {"snake_case_name 2 * 3 * 4 a*b*c", "snake_case_name 2 * 3 * 4 aE(b)c\n"},
        {"**a _b_ `c`** *open **", "S(a b )C(c) *open **\n"},
        {"`a **b** c` ``d`e`` `open", "C(a **b** c) C(d`e) `open\n"},
        {"_a_b_ _c _d_ *e *f*", "E(a_b) _c E(d) *e E(f)\n"},
        {"\\*a\\* \\a `\\*`", "*a* \\a C(\\*)\n"},
        {"[text](http://x) ![img](y) [no] (z) [](q) [a](b",
         "L(text) L(img) [no] (z) [](q) [a](b\n"},
        {"[**b** c](d)", "L(b c)\n"},
        {"- a\n  * b **c**\n12) d\n1.e\n-f\n- [ ] g", "M(- )a\nM(  * )b S(c)\nM(12) )d\n1.e\n-f\n"
                                                     "M(- )[ ] g\n"},
        {"> q\n>> r\n>s", "F(\xe2\x94\x82 )Q(q)\nF(\xe2\x94\x82 \xe2\x94\x82 )Q(r)\n"
                          "F(\xe2\x94\x82 )Q(s)\n"},
        {"```c\nint *a;\n# b\n~~~\n````\nafter",
         "F(  c)\nC(  int *a;)\nC(  # b)\nC(  ~~~)\nafter\n"},
        {"~~~\n```\n~~~ x\n~~~\n*e*", "C(  ```)\nC(  ~~~ x)\nE(e)\n"},
        {"```a`b\n*e*", "```a`b\nE(e)\n"},
        {"a\tb\n\xe2\x82\xac\tb\nabcdefgh\ti\r\n\x1b[2J\x07\xc3", "a       b\n"
                                                                  "\xe2\x82\xac       b\n"
                                                                  "abcdefgh        i\n"
                                                                  "^[[2J^G\xef\xbf\xbd\n"},
        {"***\n- - -\n--\n", "\n\n--\n"},
    };
    struct pager p = {0};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        pager_set(&p, "t", span_of(cases[i].text), 1);
        CHECK_SPAN(span_of(unit_pager_shown(&p)), cases[i].want);
    }
    CHECK(p.lines[0].rule && p.lines[1].rule && !p.lines[2].rule);
    pager_set(&p, "t", span_of("# a\n**b**\x01"), 0);
    CHECK_SPAN(span_of(unit_pager_shown(&p)), "# a\n**b**^A\n");
    pager_free(&p);
}

/* At every width: no row is wider, and together they are the line but for blanks. */
static void unit_pager_wrap(void)
{
    test_begin("long lines wrap at blanks and keep their indent");
    static const char *const words[] = {
        "a", "some", " ", "  ", "\xe6\xbc\xa2", "e\xcc\x81", "longer", "- ", "\n",
        "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb"};
    struct pager p = {0};
    for (int round = 0; round < 200; round++) {
        buf text = {0}, joined = {0}, want = {0};
        int width = 1 + unit_pager_random(30);
        for (int i = unit_pager_random(60); i > 0; i--)
            buf_str(&text, words[unit_pager_random((int)COUNT_OF(words))]);
        pager_set(&p, "t", buf_view(&text), round % 2);
        pager_layout(&p, width);
        for (int i = 0; i < p.row_count; i++) {
            const struct pager_row *row = &p.rows[i];
            span s = {p.shown.p + row->at, row->end - row->at};
            int w;
            CHECK(row->end <= p.lines[row->line].end && row->at >= p.lines[row->line].at);
            CHECK(i == 0 || row->at > p.rows[i - 1].at || row->line > p.rows[i - 1].line);
            CHECK(cell_columns(s) + row->indent <= width ||
                  cell_next_grapheme(s, &w) == s.n); /* one that has no room at all */
            CHECK_INT(pager_row_at(&p, row->at), i);
            buf_span(&joined, s);
        }
        for (size_t i = 0, n = 0; i < 2; i++) { /* without blanks they are the same */
            buf *b = i ? &joined : &want;
            if (!i)
                buf_span(&want, buf_view(&p.shown));
            for (size_t k = n = 0; k < b->n; k++)
                if (b->p[k] != ' ' && b->p[k] != '\n')
                    b->p[n++] = b->p[k];
            b->n = b->n ? n : 0;
        }
        CHECK_SPAN(buf_view(&joined), buf_cstr(&want));
        buf_free(&text);
        buf_free(&joined);
        buf_free(&want);
    }
    pager_free(&p);
}

static void unit_pager_drawn(void)
{
    test_begin("the footer tells the title, the place and what is cut");
    struct grid g = {0};
    struct pager p = {0};
    grid_resize(&g, 8, 20);
    pager_set(&p, "The title",
              span_of("# Head\n---\n- one two three four five\n\xe6\xbc\xa2\xe5\xad\x97 x\n"), 1);
    pager_draw(&p, &g, 1, 2, 6, 16);
    UNIT_PAGER_ROW(&g, 0, "");
    UNIT_PAGER_ROW(&g, 1, "  Head");
    char *rule = unit_pager_row(&g, 2);
    CHECK(strlen(rule) == 2 + 16 * 3 && span_starts(span_of(rule), "  \xe2\x94\x80\xe2\x94\x80"));
    free(rule);
    UNIT_PAGER_ROW(&g, 3, "  - one two three");
    UNIT_PAGER_ROW(&g, 4, "    four five");
    UNIT_PAGER_ROW(&g, 5, "  \xe6\xbc\xa2\xe5\xad\x97 x");
    UNIT_PAGER_ROW(&g, 6, "  The title   100%");
    UNIT_PAGER_ROW(&g, 7, "");
    const struct cell *head = unit_at(&g, 1 * 20 + 2), *mark = unit_at(&g, 3 * 20 + 2);
    CHECK((head->attr & CELL_BOLD) && head->fg == pager_styles[PAGER_TITLE].style.fg);
    CHECK(mark->fg == pager_styles[PAGER_MARK].style.fg && unit_at(&g, 3 * 20 + 4)->fg == 0);
    /* In the user's colours, which stay while it is opened anew. */
    static struct theme theme;
    theme.style[THEME_HEADING].fg = CELL_INDEXED | 200;
    theme.style[THEME_CODE].bg = CELL_INDEXED | 201;
    theme.style[THEME_TITLE].attr = CELL_ITALIC;
    theme.style[THEME_TEXT].bg = CELL_INDEXED | 202;
    p.theme = &theme;
    pager_set(&p, "foot", span_of("# h\n`c` **s**"), 1);
    grid_clear(&g);
    pager_draw(&p, &g, 0, 0, 8, 20);
    CHECK(unit_at(&g, 0)->fg == (CELL_INDEXED | 200));
    CHECK(unit_at(&g, 20)->bg == (CELL_INDEXED | 201));
    CHECK(unit_at(&g, 21)->bg == (CELL_INDEXED | 202) && (unit_at(&g, 22)->attr & CELL_BOLD) &&
          unit_at(&g, 22)->bg == (CELL_INDEXED | 202));
    CHECK(unit_at(&g, 7 * 20)->attr & CELL_ITALIC);
    CHECK(unit_at(&g, 6 * 20)->bg == (CELL_INDEXED | 202));
    p.theme = NULL;
    pager_set(&p, "", span_of("aaa bbbbb  ccccccccc"), 0);
    grid_clear(&g);
    pager_draw(&p, &g, 0, 0, 6, 6);
    UNIT_PAGER_ROW(&g, 0, "aaa");
    UNIT_PAGER_ROW(&g, 1, "bbbbb");
    UNIT_PAGER_ROW(&g, 2, "cccccc");
    UNIT_PAGER_ROW(&g, 3, "ccc");
    /* The place in the text stays when the width changes. */
    pager_set(&p, "t", span_of("1 a b c d e f\n2 a b c d e f\n3 a b c d e f\n4 a b c\n5\n6\n"), 0);
    grid_clear(&g);
    pager_draw(&p, &g, 0, 0, 3, 20);
    pager_scroll(&p, 2);
    for (int width = 20; width > 1; width--) {
        grid_clear(&g);
        pager_draw(&p, &g, 0, 0, 3, width);
        char *shown = unit_pager_row(&g, 0);
        CHECK(shown[0] == '3');
        free(shown);
    }
    pager_free(&p);
    grid_free(&g);
}

static void unit_pager_moves(void)
{
    test_begin("keys and the wheel scroll within the text");
    static const struct {
        uint32_t key;
        int top;
    } steps[] = {{'j', 1},        {TERM_DOWN, 2},  {'k', 1},         {TERM_UP, 0},  {'k', 0},
                 {' ', 9},        {TERM_PGDN, 18}, {'b', 9},         {'G', 90},     {'j', 90},
                 {TERM_PGDN, 90}, {TERM_PGUP, 81}, {'g', 0},         {TERM_END, 90},
                 {TERM_HOME, 0},  {TERM_PGUP, 0}};
    struct grid g = {0};
    struct pager p = {0};
    buf text = {0};
    struct term_event ev = unit_pager_key(0);
    for (int i = 1; i <= 100; i++)
        buf_fmt(&text, "line %d\n", i);
    grid_resize(&g, 11, 30);
    pager_set(&p, "title", buf_view(&text), 0);
    pager_draw(&p, &g, 0, 0, 11, 30);
    UNIT_PAGER_ROW(&g, 10, "title                      10%");
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        CHECK(unit_pager_press(&p, steps[i].key));
        CHECK_INT(p.top, steps[i].top);
    }
    ev.type = TERM_MOUSE;
    ev.mouse = TERM_WHEEL_DOWN;
    CHECK(pager_event(&p, &ev) && p.top == 3);
    ev.mouse = TERM_WHEEL_UP;
    CHECK(pager_event(&p, &ev) && p.top == 0);
    ev.mouse = TERM_PRESS, ev.button = 2;
    CHECK(!pager_event(&p, &ev));
    CHECK(!unit_pager_press(&p, 'z'));
    pager_draw(&p, &g, 0, 0, 1, 30); /* room for the footer only */
    pager_go(&p, 1);
    CHECK_INT(p.top, 99);
    pager_draw(&p, &g, 0, 0, 11, 30);
    CHECK_INT(p.top, 90);
    ev = unit_pager_key('g');
    ev.mods = TERM_CTRL;
    CHECK(!pager_event(&p, &ev));
    CHECK(unit_pager_press(&p, 'q') && !p.title && !p.row_count);
    buf_free(&text);
    pager_free(&p);
    grid_free(&g);
}

static void unit_pager_type(struct pager *p, const char *text)
{
    for (; *text; text++)
        CHECK(unit_pager_press(p, (unsigned char)*text));
}

static const char *unit_pager_copied(const struct pager *p)
{
    buf_clear(&unit_text);
    pager_put_selected(p, &unit_text);
    return buf_cstr(&unit_text);
}

static void unit_pager_selects(void)
{
    test_begin("keys select lines and a block, the mouse any text; wrapped rows are one line");
    struct grid g = {0};
    struct pager p = {0};
    struct term_event ev = {.type = TERM_MOUSE, .mouse = TERM_PRESS, .row = 1, .col = 2};
    grid_resize(&g, 9, 10);
    pager_set(&p, "t", span_of("one\nwords that wrap\n\xe6\xbc\xa2\xe5\xad\x97 x\nend\n"),
              0);
    pager_draw(&p, &g, 0, 0, 9, 10);
    CHECK_SPAN(span_of(unit_pager_copied(&p)), "");
    unit_pager_type(&p, "v"); /* from the last row */
    CHECK_SPAN(span_of(unit_pager_copied(&p)), "end\n");
    unit_pager_type(&p, "kkkj"); /* onto the first row of the wrapped line, and its second */
    CHECK_SPAN(span_of(unit_pager_copied(&p)),
               "words that wrap\n\xe6\xbc\xa2\xe5\xad\x97 x\nend\n");
    pager_draw(&p, &g, 0, 0, 9, 10);
    CHECK(!(unit_at(&g, 0)->attr & CELL_REVERSE) && unit_at(&g, 10)->attr & CELL_REVERSE);
    CHECK(g.cursor_shown && g.cursor_row == 2);
    unit_pager_type(&p, "vll");
    CHECK_SPAN(span_of(unit_pager_copied(&p)), "wra\n\xe6\xbc\xa2\xe5\xad\x97\nend\n");
    unit_pager_type(&p, "hhh"); /* to the first column, and no further */
    CHECK_INT(p.to_col, 0);
    unit_pager_type(&p, "v");
    CHECK(!p.selecting);
    unit_pager_type(&p, "vll"); /* where a block is to begin */
    CHECK_SPAN(span_of(unit_pager_copied(&p)), "end\n");
    unit_pager_type(&p, "vh");
    CHECK_SPAN(span_of(unit_pager_copied(&p)), "nd\n");
    unit_pager_type(&p, "v");
    CHECK(pager_event(&p, &ev));
    ev.mouse = TERM_DRAG, ev.row = 3, ev.col = 1;
    CHECK(pager_event(&p, &ev));
    CHECK_SPAN(span_of(unit_pager_copied(&p)), "rds that wrap\n\xe6\xbc\xa2");
    ev.col = 2; /* the left half of a wide character */
    CHECK(pager_event(&p, &ev));
    CHECK_SPAN(span_of(unit_pager_copied(&p)), "rds that wrap\n\xe6\xbc\xa2\xe5\xad\x97");
    ev.col = 1;
    ev.mods = TERM_ALT;
    CHECK(pager_event(&p, &ev));
    CHECK_SPAN(span_of(unit_pager_copied(&p)), "or\nra\n\xe6\xbc\xa2\xe5\xad\x97\n");
    ev.mods = 0, ev.row = 1, ev.col = 0; /* back past its start */
    CHECK(pager_event(&p, &ev));
    CHECK_SPAN(span_of(unit_pager_copied(&p)), "wor");
    pager_draw(&p, &g, 0, 0, 9, 12); /* other rows: it is gone */
    CHECK(!p.selecting);
    pager_search(&p, "that");
    CHECK_SPAN(span_of(unit_pager_copied(&p)), "words that wrap\n");
    pager_set(&p, "t", span_of("- an item that wraps\n"), 1);
    pager_draw(&p, &g, 0, 0, 9, 12);
    pager_select(&p), pager_select(&p);
    pager_move_col(&p, 5);
    CHECK_SPAN(span_of(unit_pager_copied(&p)), "that\n"); /* two columns are the indent */
    pager_set(&p, "t", span_of("one\nend\n"), 0);
    pager_draw(&p, &g, 0, 0, 1, 10); /* room for the footer only */
    pager_search(&p, "");
    pager_select(&p);
    CHECK_SPAN(span_of(unit_pager_copied(&p)), "one\n");
    pager_free(&p);
    grid_free(&g);
}

static void unit_pager_long_command(void)
{
    test_begin("of a long command that is typed the end is shown, where the cursor is");
    struct grid g = {0};
    struct pager p = {0};
    grid_resize(&g, 2, 20);
    pager_set(&p, "t", span_of("x\n"), 0);
    pager_type(&p, '|');
    unit_pager_type(&p, "grep -v one | sort | uniq -c");
    pager_draw(&p, &g, 0, 0, 2, 20);
    UNIT_PAGER_ROW(&g, 1, "|ort | uniq -c  100%");
    CHECK_INT(g.cursor_col, 14);
    pager_free(&p);
    grid_free(&g);
}

static void unit_pager_words(void)
{
    test_begin("a search can count case and whole words only");
    struct pager p = {0};
    pager_set(&p, "t", span_of("Foo foo foobar\nfoo_foo\n"), 0);
    pager_layout(&p, 40);
    pager_search(&p, "foo");
    CHECK_INT(p.hit_count, 5);
    unit_pager_type(&p, "w");
    CHECK(p.hit_count == 4 && strcmp(p.note, "any case, whole words") == 0);
    unit_pager_type(&p, "c");
    CHECK(p.hit_count == 3 && p.hits[0] == 4);
    unit_pager_type(&p, "wc");
    CHECK_INT(p.hit_count, 5);
    pager_free(&p);
}

static void unit_pager_prompts(void)
{
    test_begin("[ and ] jump to marked prompts, which are not shown");
    struct grid g = {0};
    struct pager p = {0};
    buf text = {0};
    grid_resize(&g, 6, 40);
    for (int i = 0; i < 30; i++)
        buf_fmt(&text, "%s%d\n", i % 10 == 5 ? "\x1e$ " : "", i);
    pager_set(&p, "t", buf_view(&text), 0);
    CHECK(!memchr(p.shown.p, 0x1e, p.shown.n));
    pager_draw(&p, &g, 0, 0, 6, 40);
    unit_pager_type(&p, "G[");
    CHECK(p.top == 25 && p.prompt == 25);
    unit_pager_type(&p, "[");
    CHECK(p.top == 15 && p.prompt == 15);
    unit_pager_type(&p, "[[");
    CHECK(p.top == 5 && strstr(p.note, "no prompt before"));
    unit_pager_type(&p, "]");
    CHECK(p.top == 15 && !p.note[0]);
    unit_pager_type(&p, "v"); /* selects from there */
    CHECK_SPAN(span_of(unit_pager_copied(&p)), "$ 15\n");
    p.follow = 1;
    buf_str(&text, "30\n");
    pager_update(&p, buf_view(&text));
    CHECK(p.top == 26 && p.row_count == 31 && !p.selecting);
    pager_free(&p);
    buf_free(&text);
    grid_free(&g);
}

static void unit_pager_searches(void)
{
    test_begin("a search goes to hits, around, and says when there are none");
    struct grid g = {0};
    struct pager p = {0};
    buf text = {0};
    struct term_event ev = unit_pager_key(0);
    for (int i = 1; i <= 60; i++)
        buf_fmt(&text, i % 10 == 5 ? "row %d Needle in it\n" : "row %d\n", i);
    grid_resize(&g, 11, 30);
    pager_set(&p, "title", buf_view(&text), 0);
    pager_draw(&p, &g, 0, 0, 11, 30);
    unit_pager_type(&p, "/qneX"); /* q is text now */
    pager_draw(&p, &g, 0, 0, 11, 30);
    UNIT_PAGER_ROW(&g, 10, "/qneX                      16%");
    CHECK(g.cursor_shown && g.cursor_row == 10 && g.cursor_col == 5);
    unit_pager_press(&p, 0x7f);
    unit_pager_press(&p, 0x1b);
    CHECK(!p.typing && !p.needle.n);
    unit_pager_type(&p, "/need");
    ev.type = TERM_PASTE;
    ev.text = span_of("LE\nmore");
    CHECK(pager_event(&p, &ev));
    unit_pager_press(&p, '\r');
    CHECK(p.hit_count == 6 && p.hit == 0 && p.top == 0); /* it is in sight */
    grid_clear(&g);
    pager_draw(&p, &g, 0, 0, 11, 30);
    UNIT_PAGER_ROW(&g, 10, "/needLE            1 of 6  16%");
    const struct cell *hit = unit_at(&g, 4 * 30 + 6);
    CHECK((hit->attr & (CELL_REVERSE | CELL_BOLD)) == (CELL_REVERSE | CELL_BOLD));
    CHECK(!(hit[-1].attr & CELL_REVERSE) && !(hit[6].attr & CELL_REVERSE));
    unit_pager_press(&p, 'n');
    CHECK(p.hit == 1 && p.top == 14 - 3);
    pager_go(&p, 1);
    unit_pager_press(&p, 'n');
    CHECK(p.hit == 2 && p.top == 24 - 3);
    unit_pager_press(&p, 'N');
    unit_pager_press(&p, 'N');
    unit_pager_press(&p, 'N'); /* around */
    CHECK(p.hit == 5 && p.top == 50);
    unit_pager_press(&p, 'n');
    CHECK(p.hit == 0 && p.top == 4 - 3);
    /* From what is in sight on; past the last one, the first. */
    pager_go(&p, 0);
    pager_scroll(&p, 20);
    pager_search(&p, "Needle");
    CHECK_INT(p.hit, 2);
    pager_go(&p, 1);
    pager_search(&p, "5 needle");
    CHECK(p.hit == 5 && p.hit_count == 6);
    pager_search(&p, "row 1");
    CHECK(p.hit == 0 && p.hit_count == 11 && p.top == 0);
    pager_search(&p, "it\nrow"); /* one line of it */
    CHECK_SPAN(buf_view(&p.needle), "it");
    pager_search(&p, "nowhere");
    CHECK(p.missed && p.hit_count == 0);
    unit_pager_press(&p, 'n');
    grid_clear(&g);
    pager_draw(&p, &g, 0, 0, 11, 30);
    char *footer = unit_pager_row(&g, 10);
    CHECK(strstr(footer, "not found") != NULL);
    free(footer);
    pager_search(&p, "");
    CHECK(!p.missed && !p.hit_count);
    /* A hit that goes on in the next row is marked in both; wide ones whole. */
    pager_set(&p, "t", span_of("abcdef\xe6\xbc\xa2\xe6\xbc\xa2gh"), 0);
    pager_draw(&p, &g, 0, 0, 11, 8);
    pager_search(&p, "F\xe6\xbc\xa2\xe6\xbc\xa2");
    grid_clear(&g);
    pager_draw(&p, &g, 0, 0, 11, 8);
    const struct cell *one = unit_at(&g, 5), *two = unit_at(&g, 30);
    CHECK(one[0].attr & one[1].attr & one[2].attr & two[0].attr & two[1].attr & CELL_REVERSE);
    CHECK(!((one[-1].attr | two[2].attr) & CELL_REVERSE));
    buf_free(&text);
    pager_free(&p);
    grid_free(&g);
}

static void unit_pager_write(const char *path, span bytes)
{
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(bytes.p, 1, bytes.n, file) == bytes.n && fclose(file) == 0);
}

static void unit_pager_files(void)
{
    test_begin("a file that can't be read says why, and reloading keeps the line");
    char root[64] = "/tmp/telec-pager.XXXXXX", path[120];
    struct grid g = {0};
    struct pager p = {0};
    buf text = {0};
    if (!mkdtemp(root))
        base_die("mkdtemp: %s", strerror(errno));
    grid_resize(&g, 6, 80);
    snprintf(path, sizeof path, "%s/a.md", root);
    pager_open(&p, "a", path);
    CHECK(strstr(buf_cstr(&p.error), "/a.md: No such file") != NULL);
    pager_draw(&p, &g, 0, 0, 6, 80);
    char *shown = unit_pager_row(&g, 0);
    CHECK(strstr(shown, "/a.md: No such file") != NULL);
    free(shown);
    unit_pager_write(path, span_of("# A\n"));
    pager_reload(&p);
    CHECK_SPAN(span_of(unit_pager_shown(&p)), "T(A)\n");
    CHECK_INT(p.error.n, 0);
    pager_open(&p, "dir", root);
    CHECK(strstr(buf_cstr(&p.error), "it is a directory") != NULL);
    /* It stays at its line when lines were changed, or gone. */
    for (int i = 0; i < 50; i++)
        buf_fmt(&text, "%d\n", i);
    unit_pager_write(path, buf_view(&text));
    pager_open(&p, "a", path);
    pager_draw(&p, &g, 0, 0, 6, 80);
    pager_scroll(&p, 30);
    buf_drop(&text, 2);
    unit_pager_write(path, buf_view(&text));
    pager_reload(&p);
    grid_clear(&g);
    pager_draw(&p, &g, 0, 0, 6, 80);
    UNIT_PAGER_ROW(&g, 0, "31");
    unit_pager_write(path, span_of("x\ny\n"));
    pager_reload(&p);
    pager_draw(&p, &g, 0, 0, 6, 80);
    CHECK_INT(p.top, 0);
    unit_pager_write(path, span_of(""));
    pager_reload(&p);
    grid_clear(&g);
    pager_draw(&p, &g, 0, 0, 6, 80);
    UNIT_PAGER_ROW(&g, 0, "(empty)");
    /* No Markdown, and too long. */
    unlink(path);
    snprintf(path, sizeof path, "%s/a.txt", root);
    buf_clear(&text);
    while (text.n <= PAGER_FILE_MAX)
        buf_str(&text, "# sixty-four bytes, the last one being what ends the line.......\n");
    unit_pager_write(path, buf_view(&text));
    pager_open(&p, "a", path);
    CHECK(p.cut && p.shown.n <= PAGER_FILE_MAX + 1 && p.looks.p[0] == PAGER_TEXT);
    pager_draw(&p, &g, 0, 0, 6, 80);
    shown = unit_pager_row(&g, 5);
    snprintf(path, sizeof path, "first %d KiB  %d%%", PAGER_FILE_MAX / 1024,
             5 * 100 / p.row_count);
    CHECK(strstr(shown, path) != NULL);
    snprintf(path, sizeof path, "%s/a.txt", root);
    free(shown);
    unlink(path);
    CHECK_INT(mkfifo(path, 0600), 0);
    pager_open(&p, "fifo", path); /* nobody waits for a writer */
    CHECK(strstr(buf_cstr(&p.error), "not a regular file") != NULL);
    unlink(path);
    rmdir(root);
    pager_free(&p);
    pager_free(&p);
    pager_reload(&p);
    buf_free(&text);
    grid_free(&g);
}

/* Whatever is in it and wherever it is drawn: nothing outside of the rectangle, no control byte. */
static void unit_pager_garbage(void)
{
    test_begin("any bytes are shown within the screen");
    static const char *const words[] = {
        "**", "*", "_", "`", "```\n", "[", "](", ")", "!", "# ", "> ", "- ", "1. ", "\\", "\n",
        "\r\n", "\t", "\x1b[", "\xff", "a", "\xe6\xbc\xa2", "e\xcc\x81", "\xcc\x81", "   ",
        "~~~\n", "---\n"};
    struct pager p = {0};
    struct grid g = {0};
    for (int round = 0; round < 300; round++) {
        buf text = {0};
        int rows = 1 + unit_pager_random(8), cols = 1 + unit_pager_random(20);
        int row = unit_pager_random(6) - 2, col = unit_pager_random(10) - 2;
        for (int i = unit_pager_random(120); i > 0; i--)
            buf_str(&text, words[unit_pager_random((int)COUNT_OF(words))]);
        char *copy = guard_copy(buf_view(&text));
        grid_resize(&g, 6, 16);
        pager_set(&p, "\x1b]0;t\x07", (span){copy, text.n}, 1);
        guard_free(copy, text.n);
        for (size_t i = 0; i < p.shown.n; i++)
            CHECK((unsigned char)p.shown.p[i] >= ' ' || p.shown.p[i] == '\n');
        for (int step = 0; step < 8; step++) {
            static const uint32_t keys[] = {'j', ' ', 'G', 'g', '/', 'a', '\r', 'n', 'N', 'b'};
            pager_draw(&p, &g, row, col, rows, cols);
            unit_pager_press(&p, keys[unit_pager_random((int)COUNT_OF(keys))]);
        }
        if (round % 10 == 0)
            pager_search(&p, "\xcc\x81");
        grid_clear(&g);
        pager_draw(&p, &g, 1, 2, 3, 5);
        for (int i = 0; i < 6 * 16; i++) {
            int inside = i / 16 >= 1 && i / 16 < 4 && i % 16 >= 2 && i % 16 < 7;
            CHECK(inside || (unit_at(&g, i)->rune == 0 && unit_at(&g, i)->attr == 0));
        }
        buf_free(&text);
    }
    pager_free(&p);
    grid_free(&g);
}

static void unit_pager_diff(void)
{
    static const struct {
        const char *line;
        enum pager_look look;
    } lines[] = {{"diff --git a/f b/f", PAGER_STRONG}, {"--- a/f", PAGER_STRONG},
                 {"+++ b/f", PAGER_STRONG},            {"@@ -1,2 +1,2 @@", PAGER_MARK},
                 {" same", PAGER_TEXT},                {"-- was a list", PAGER_REMOVED},
                 {"++ is one", PAGER_ADDED},           {"untracked new", PAGER_STRONG},
                 {"@@ -0,0 +1,1 @@", PAGER_MARK},      {"+# no heading", PAGER_ADDED}};
    struct pager p = {0};
    buf diff = {0};
    test_begin("a diff's lines look as they are: added, removed, a place, a file's name");
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        buf_fmt(&diff, "%s\n", lines[i].line);
    pager_set(&p, "git diff", buf_view(&diff), PAGER_DIFF);
    CHECK(p.line_count >= (int)COUNT_OF(lines));
    for (size_t i = 0; i < COUNT_OF(lines) && (int)i < p.line_count; i++) {
        CHECK_INT(p.looks.p[p.lines[i].at], lines[i].look);
        CHECK(memcmp(p.shown.p + p.lines[i].at, lines[i].line, strlen(lines[i].line)) == 0);
    }
    buf_free(&diff);
    pager_free(&p);
}

static void unit_pager_searches_again(void)
{
    test_begin("n, and Enter without a needle, search for the last one, in another text, too");
    struct grid g = {0};
    struct pager p = {0};
    grid_resize(&g, 4, 40);
    pager_set(&p, "one", span_of("a needle\n"), 0);
    pager_draw(&p, &g, 0, 0, 4, 40);
    unit_pager_press(&p, 'n');
    CHECK(!p.needle.n && !p.hit_count); /* there is none yet */
    unit_pager_type(&p, "/Needle\r");
    p.exact = 1;
    pager_find_again(&p);
    p.note[0] = '\0';
    pager_draw(&p, &g, 0, 0, 4, 40);
    UNIT_PAGER_ROW(&g, 3, "/Needle            not found  case  100%");
    p.exact = 0;
    pager_set(&p, "two", span_of("x\nno needle\n"), 0);
    CHECK(!p.needle.n);
    pager_draw(&p, &g, 0, 0, 4, 40);
    unit_pager_press(&p, 'n');
    CHECK_INT(p.hit, 0);
    unit_pager_press(&p, 0x1b);
    pager_set(&p, "three", span_of("needle\n"), 0);
    pager_draw(&p, &g, 0, 0, 4, 40);
    unit_pager_type(&p, "/\r");
    CHECK_INT(p.hit_count, 1);
    pager_free(&p);
    grid_free(&g);
}

static void unit_pager(void)
{
    unit_pager_searches_again();
    unit_pager_diff();
    unit_pager_markdown();
    unit_pager_wrap();
    unit_pager_drawn();
    unit_pager_moves();
    unit_pager_searches();
    unit_pager_selects();
    unit_pager_words();
    unit_pager_long_command();
    unit_pager_prompts();
    unit_pager_files();
    unit_pager_garbage();
}
