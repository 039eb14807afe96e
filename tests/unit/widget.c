/* Unit tests of widget and keymap: wrapped text, forms, questions, messages, bindings, footer and
 * help, by key and by mouse, on grids of every size, and as screens to be read. */

static struct term_event unit_ui_key(uint32_t key, unsigned mods)
{
    struct term_event ev;
    memset(&ev, 0, sizeof ev);
    ev.type = TERM_KEY;
    ev.key = key;
    ev.mods = mods;
    return ev;
}

/* A screen of that size, with the default theme. */
struct unit_ui {
    struct grid grid;
    struct theme theme;
    struct widgets ui;
};

static struct unit_ui *unit_ui_open(int rows, int cols)
{
    struct unit_ui *s = base_alloc(sizeof *s);
    struct config none;
    memset(&none, 0, sizeof none);
    memset(s, 0, sizeof *s);
    grid_resize(&s->grid, rows, cols);
    theme_set(&s->theme, &none, THEME_NEUTRAL, CELL_256, NULL);
    s->ui.grid = &s->grid;
    s->ui.theme = &s->theme;
    return s;
}

static void unit_ui_close(struct unit_ui *s)
{
    widget_free(&s->ui);
    grid_free(&s->grid);
    free(s);
}

/* The rows, without blanks at their ends, without empty ones above and below. */
static void unit_ui_screen(const struct grid *g, buf *b)
{
    for (int row = 0; row < g->rows; row++) {
        char *text = unit_field_row(g, row);
        buf_str(b, b->n || *text ? text : "");
        buf_str(b, b->n ? "\n" : "");
        free(text);
    }
    while (b->n > 1 && b->p[b->n - 1] == '\n' && b->p[b->n - 2] == '\n')
        b->n--;
}

#define UNIT_UI_SCREEN(s, want) \
    do { \
        buf unit_ui_shown = {0}; \
        unit_ui_screen(&(s)->grid, &unit_ui_shown); \
        CHECK_SPAN(buf_view(&unit_ui_shown), (want)); \
        buf_free(&unit_ui_shown); \
    } while (0)

/* A click with the left button on the first cell of the text. */
static struct term_event unit_ui_click(const struct grid *g, const char *text)
{
    struct term_event ev = unit_ui_key(0, 0);
    ev.type = TERM_MOUSE;
    ev.mouse = TERM_PRESS;
    ev.row = -1;
    for (int row = 0; row < g->rows; row++) {
        char *shown = unit_field_row(g, row), *at = strstr(shown, text);
        if (at && ev.row < 0) {
            ev.row = row;
            ev.col = cell_columns((span){shown, (size_t)(at - shown)});
        }
        free(shown);
    }
    CHECK(ev.row >= 0);
    return ev;
}

static int unit_ui_has(const struct grid *g, const char *text)
{
    int found = 0;
    for (int row = 0; row < g->rows; row++) {
        char *shown = unit_field_row(g, row);
        found |= strstr(shown, text) != NULL;
        free(shown);
    }
    return found;
}

/* ---- wrapped text --------------------------------------------------------------------------- */

static void unit_ui_wrap(void)
{
    test_begin("wrapped text breaks at blanks and marks what is cut");
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
        struct grid g = {0};
        grid_resize(&g, 4, 24);
        CHECK_INT(widget_wrapped_draw(&g, 0, 2, cases[i].width, 4, span_of(cases[i].text),
                                      widget_plain),
                  cases[i].lines);
        const char *const lines[] = {cases[i].first, cases[i].second, cases[i].last};
        for (int k = 0; k < 3; k++) {
            char *row = unit_field_row(&g, k);
            CHECK_SPAN(span_of(row + (*row ? 2 : 0)), lines[k] ? lines[k] : "");
            free(row);
        }
        grid_clear(&g);
        CHECK_INT(widget_wrapped_draw(&g, 1, 2, cases[i].width, 1, span_of(cases[i].text),
                                      widget_plain),
                  cases[i].lines);
        UNIT_FIELD_ROW(&g, 0, "");
        UNIT_FIELD_ROW(&g, 2, ""); /* as many rows as it may, no more */
        grid_free(&g);
    }
}

/* ---- keys ----------------------------------------------------------------------------------- */

static void unit_ui_nothing(void *ctx, int arg)
{
    (void)ctx, (void)arg;
}

static const struct keymap_key unit_ui_keys[] = {
    {TERM_UP, 0, 1, 0, "up, k", NULL, "go up", unit_ui_nothing, NULL},
    {'k', 0, 1, 0, "k", NULL, NULL, unit_ui_nothing, NULL},
    {'n', 0, 1, 0, "n", "new", "a new one", unit_ui_nothing, NULL},
    {'n', 0, 2, 0, "n", "no", NULL, unit_ui_nothing, NULL},
    {'G', 0, 1, 0, "G", "last", "the last", unit_ui_nothing, NULL},
    {'z', TERM_CTRL, 3, 0, "Ctrl-Z", "stop", "stops", unit_ui_nothing, NULL},
    {TERM_PGUP, TERM_SHIFT, 1, 0, "Shift-PgUp", NULL, "back", unit_ui_nothing, NULL},
};
#define UNIT_UI_KEYS COUNT_OF(unit_ui_keys)

static int unit_ui_find(unsigned context, uint32_t key, unsigned mods)
{
    struct term_event ev = unit_ui_key(key, mods);
    const struct keymap_key *found = keymap_find_key(unit_ui_keys, UNIT_UI_KEYS, context, &ev);
    return found ? (int)(found - unit_ui_keys) : -1;
}

static void unit_ui_key_table(void)
{
    test_begin("a key is found in its context and with its modifiers only");
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

/* Whole entries only, in order, as many as fit; each can be clicked. */
static void unit_ui_footer(void)
{
    test_begin("the footer keeps its last two keys, and shows whole entries that can be clicked");
    static const struct {
        int cols;
        const char *shown;
    } cases[] = {{80, " n new  G last  Ctrl-Z stop"}, {29, " n new  G last  Ctrl-Z stop"},
                 {28, " n new  G Ctrl-Z"}, {17, " n new  G Ctrl-Z"}, {16, " G last  Ctrl-Z"},
                 {15, " G last"}, {7, ""}, {1, ""}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct unit_ui *s = unit_ui_open(2, cases[i].cols);
        keymap_footer_draw(&s->ui, unit_ui_keys, UNIT_UI_KEYS, 1, cases[i].cols, NULL, NULL);
        UNIT_FIELD_ROW(&s->grid, 1, cases[i].shown);
        UNIT_FIELD_ROW(&s->grid, 0, "");
        for (int k = 0; k < s->ui.hit_count; k++) {
            struct term_event ev = unit_ui_click(&s->grid, unit_ui_keys[s->ui.hits[k].index].shown);
            const struct widget_hit *hit = widget_clicked(&s->ui, &ev);
            CHECK(hit && hit->what == WIDGET_KEY && hit->index == s->ui.hits[k].index);
            ev.col += hit ? hit->cols : 0;
            CHECK(widget_clicked(&s->ui, &ev) == NULL);
        }
        unit_ui_close(s);
    }
}

/* What was drawn last is what is clicked; other buttons and releases are not clicks. */
static void unit_ui_hits(void)
{
    test_begin("a click finds what was drawn last");
    struct unit_ui *s = unit_ui_open(10, 20);
    struct term_event ev = unit_ui_key(0, 0);
    int row, col;
    widget_add_hit(&s->ui, 1, 2, 3, 4, WIDGET_OWN, 7, 8);
    widget_add_hit(&s->ui, 2, 3, 1, 1, WIDGET_OWN + 1, 9, 0);
    for (int y = 0; y < 6; y++)
        for (int x = 0; x < 8; x++) {
            const struct widget_hit *hit = widget_find_hit(&s->ui, y, x);
            int inner = y == 2 && x == 3, in = y >= 1 && y < 4 && x >= 2 && x < 6;
            CHECK_INT(hit ? hit->index : 0, inner ? 9 : in ? 7 : 0);
        }
    ev.type = TERM_MOUSE;
    ev.mouse = TERM_PRESS;
    ev.row = 2, ev.col = 3;
    CHECK(widget_clicked(&s->ui, &ev) != NULL);
    ev.button = 2;
    CHECK(widget_clicked(&s->ui, &ev) == NULL);
    ev.button = 0;
    ev.mouse = TERM_RELEASE;
    CHECK(widget_clicked(&s->ui, &ev) == NULL);
    widget_box_draw(&s->ui, 2, 5, NULL, &row, &col); /* what is behind a box is out of reach */
    CHECK(widget_find_hit(&s->ui, 2, 3) == NULL);
    for (int i = 0; i < 3 * WIDGET_HITS_MAX; i++)
        widget_add_hit(&s->ui, 0, i, 1, 1, WIDGET_OWN, i, 0);
    CHECK_INT(s->ui.hit_count, WIDGET_HITS_MAX);
    widget_begin(&s->ui);
    CHECK_INT(s->ui.hit_count, 0);
    unit_ui_close(s);
}

/* ---- bindings ------------------------------------------------------------------------------- */

static void unit_ui_key_names(void)
{
    test_begin("a key's name is parsed and written as the same key");
    static const struct {
        const char *text, *again; /* again NULL: not a key */
        uint32_t key;
        unsigned mods;
    } cases[] = {
        {"n", "n", 'n', 0},
        {"N", "N", 'N', 0},
        {"Shift-n", "N", 'N', 0},
        {"\303\251", "\303\251", 0xe9, 0},
        {",", ",", ',', 0},
        {"-", "-", '-', 0},
        {"Ctrl-q", "Ctrl-Q", 'q', TERM_CTRL},
        {"ctrl-Q", "Ctrl-Q", 'q', TERM_CTRL},
        {"Ctrl-]", "Ctrl-]", ']', TERM_CTRL},
        {"Ctrl-Space", "Ctrl-Space", ' ', TERM_CTRL},
        {"Ctrl-i", "Tab", '\t', 0},
        {"Ctrl-M", "Enter", '\r', 0},
        {"Ctrl-[", "Esc", 0x1b, 0},
        {"Alt-x", "Alt-x", 'x', TERM_ALT},
        {"Alt-X", "Alt-X", 'X', TERM_ALT},
        {"Ctrl-Alt-x", "Ctrl-Alt-X", 'x', TERM_ALT | TERM_CTRL},
        {"Shift-Tab", "Shift-Tab", '\t', TERM_SHIFT},
        {"Shift-PgUp", "Shift-PgUp", TERM_PGUP, TERM_SHIFT},
        {"F1", "F1", TERM_F1, 0},
        {"f12", "F12", TERM_F12, 0},
        {"space", "Space", ' ', 0},
        {"backspace", "Backspace", 0x7f, 0},
        {"Up", "up", TERM_UP, 0},
        {"comma", "comma", ',', 0},
        {"", NULL, 0, 0},
        {"nn", NULL, 0, 0},
        {"Ctrl-", NULL, 0, 0},
        {"Ctrl-\303\251", NULL, 0, 0},
        {"F13", NULL, 0, 0},
        {"\001", NULL, 0, 0},
        {" ", NULL, 0, 0},
        {"\377", NULL, 0, 0},
        {"\302\205", NULL, 0, 0},
        {"\303", NULL, 0, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint32_t key = 0, again = 0;
        unsigned mods = 0, mods_again = 0;
        buf b = {0};
        int is_key = keymap_parse_key(span_of(cases[i].text), &key, &mods);
        CHECK_INT(is_key, cases[i].again != NULL);
        if (is_key) {
            keymap_put_key(&b, key, mods);
            CHECK(key == cases[i].key && mods == cases[i].mods);
            CHECK(keymap_parse_key(buf_view(&b), &again, &mods_again) && again == key &&
                  mods_again == mods);
            if (key != ',') /* it has two names: one of them can stand in a list */
                CHECK_SPAN(buf_view(&b), cases[i].again);
        }
        buf_free(&b);
    }
}

static const struct keymap_key unit_ui_bindable[] = {
    {TERM_UP, 0, 1, 0, "up, k", NULL, "go up", unit_ui_nothing, "up"},
    {'k', 0, 1, 0, "k", NULL, NULL, unit_ui_nothing, "up"},
    {TERM_DOWN, 0, 1, 0, "down", NULL, NULL, unit_ui_nothing, "down"},
    {'n', 0, 1, 0, "n", "new", "a new one", unit_ui_nothing, "new"},
    {'n', 0, 2, 0, "n", "no", NULL, unit_ui_nothing, "no"},
    {'q', 0, 1, 0, "q", "quit", "the end", unit_ui_nothing, "quit"},
    {'c', TERM_CTRL, 3, 0, "Ctrl-C", NULL, NULL, unit_ui_nothing, NULL},
};

/* Binds what the text says; the effective table as text, and the problems. */
static void unit_ui_bind(const char *text, const char *want, const char *problems)
{
    struct config c;
    struct keymap_keys keys;
    buf shown = {0}, said = {0}, out = {0};
    memset(&c, 0, sizeof c);
    c.file = span_dup(span_of("f"));
    buf_fmt(&out, "[keys]\n%s", text);
    config_parse(&c, buf_view(&out));
    keymap_bind_keys(&keys, unit_ui_bindable, COUNT_OF(unit_ui_bindable), &c, &said);
    for (size_t i = 0; i < keys.count; i++) {
        const struct keymap_key *row = &keys.rows[i];
        buf_fmt(&shown, "%s/", row->action ? row->action : "");
        keymap_put_key(&shown, row->key, row->mods);
        buf_fmt(&shown, "/%u/%s/%s ", row->contexts, row->footer ? row->footer : "",
                row->help ? row->shown : "");
    }
    CHECK_SPAN(buf_view(&shown), want);
    CHECK_SPAN(buf_view(&said), problems);
    CHECK_INT(c.problems.n, 0);
    /* What is printed of it is the same again. */
    struct config again;
    struct keymap_keys same;
    memset(&again, 0, sizeof again);
    buf_clear(&out);
    keymap_put_keys(&keys, &c, &out);
    config_parse(&again, buf_view(&out));
    buf_clear(&said);
    again.file = span_dup(span_of("g"));
    keymap_bind_keys(&same, unit_ui_bindable, COUNT_OF(unit_ui_bindable), &again, &said);
    CHECK_SPAN(buf_view(&said), "");
    CHECK_INT(same.count, keys.count);
    for (size_t i = 0; i < keys.count && i < same.count; i++)
        CHECK(same.rows[i].key == keys.rows[i].key && same.rows[i].mods == keys.rows[i].mods &&
              same.rows[i].contexts == keys.rows[i].contexts);
    keymap_free_keys(&keys);
    keymap_free_keys(&keys);
    keymap_free_keys(&same);
    config_free(&c);
    config_free(&again);
    buf_free(&shown);
    buf_free(&said);
    buf_free(&out);
}

#define UNIT_UI_UP "up/up/1//up, k up/k/1// down/down/1// "
#define UNIT_UI_NO "no/n/2/no/ "
#define UNIT_UI_END "quit/q/1/quit/q /Ctrl-C/3// "

static void unit_ui_bindings(void)
{
    test_begin("configured keys replace an action's keys; clashes are reported");
    unit_ui_bind("", UNIT_UI_UP "new/n/1/new/n " UNIT_UI_NO UNIT_UI_END, "");
    unit_ui_bind("new = N, Ctrl-N\n",
                 UNIT_UI_UP "new/N/1/new/N, Ctrl-N new/Ctrl-N/1// " UNIT_UI_NO UNIT_UI_END, "");
    unit_ui_bind("up = w\ndown = s\n", /* a line of help for both */
                 "up/w/1//w, s down/s/1// new/n/1/new/n " UNIT_UI_NO UNIT_UI_END, "");
    unit_ui_bind("new = q\nquit = n\n", /* exchanged */
                 UNIT_UI_UP "new/q/1/new/q " UNIT_UI_NO "quit/n/1/quit/n, Ctrl-C /Ctrl-C/3// ",
                 "");
    unit_ui_bind("new = k\n", UNIT_UI_UP "new/n/1/new/n " UNIT_UI_NO UNIT_UI_END,
                 "f:2: k: a key that nothing else has is expected: this one is bound to up\n");
    unit_ui_bind("new = Ctrl-C, x\n", UNIT_UI_UP "new/x/1/new/x " UNIT_UI_NO UNIT_UI_END,
                 "f:2: Ctrl-C: a key that nothing else has is expected: this one is bound to "
                 "something fixed\n");
    unit_ui_bind("new = x, x\n", UNIT_UI_UP "new/x/1/new/x " UNIT_UI_NO UNIT_UI_END,
                 "f:2: x: a key that nothing else has is expected: this one is bound to new\n");
    unit_ui_bind("other = x\nnew = Foo, , x\n",
                 UNIT_UI_UP "new/x/1/new/x " UNIT_UI_NO UNIT_UI_END,
                 "f:3: Foo" KEYMAP_EXPECTED "\nf:3: " KEYMAP_EXPECTED
                 "\nf:2: other: no such action; telec config lists them\n");
    unit_ui_bind("new =\n", UNIT_UI_UP UNIT_UI_NO UNIT_UI_END, "");
    unit_ui_bind("up =\n", /* the next one takes over what helps with both */
                 "down/down/1//down new/n/1/new/n " UNIT_UI_NO UNIT_UI_END, "");
    unit_ui_bind("new = 1,2,3,4,5,6,7,8,9\n",
                 UNIT_UI_UP "new/1/1/new/1, 2, 3, 4, 5, 6, 7, 8 new/2/1// new/3/1// new/4/1// "
                            "new/5/1// new/6/1// new/7/1// new/8/1// " UNIT_UI_NO UNIT_UI_END,
                 "f:2: 9: at most 8 keys are expected\n");
    /* An action whose own keys went to another one has none, which is better than two of one. */
    unit_ui_bind("up = n\nnew = up\nnew = Bar\n",
                 "up/n/1//n, down down/down/1// " UNIT_UI_NO UNIT_UI_END,
                 "f:4: Bar" KEYMAP_EXPECTED "\n");
}

/* ---- the program's own table ---------------------------------------------------------------- */

static void unit_ui_own_table(void)
{
    test_begin("no key of the program does two things in one context");
    for (size_t i = 0; i < COUNT_OF(keys_table); i++)
        for (size_t k = i + 1; k < COUNT_OF(keys_table); k++)
            CHECK(!keymap_same_key(&keys_table[i], &keys_table[k]));
    test_begin("every key's name in the table is the key");
    for (size_t i = 0; i < COUNT_OF(keys_table); i++) {
        const struct keymap_key *row = &keys_table[i];
        buf name = {0};
        keymap_put_key(&name, row->key, row->mods);
        int group = strcmp(row->shown, "Shift-arrow") == 0 ||
                    strcmp(row->shown, "arrows") == 0; /* of four keys */
        CHECK(group || (strncasecmp(row->shown, buf_cstr(&name), name.n) == 0 &&
                        (!row->shown[name.n] || row->shown[name.n] == ',')));
        buf_free(&name);
    }
    test_begin("Esc is a key of every overlay");
    static const unsigned overlays[] = {APP_FILTER, APP_JUMP, APP_HELP,    APP_TOASTS,
                                        APP_CONFIRM, APP_NEW, APP_MESSAGE, APP_RENAME, APP_FORCE,
                                        APP_ANSWER,
                                        APP_PAGER};
    struct term_event esc = unit_ui_key(0x1b, 0);
    for (size_t i = 0; i < COUNT_OF(overlays); i++)
        CHECK(keymap_find_key(keys_table, COUNT_OF(keys_table), overlays[i], &esc) != NULL);
}

/* ---- help ----------------------------------------------------------------------------------- */

static int unit_ui_help_press(struct keymap_help *h, uint32_t key, unsigned mods)
{
    struct term_event ev = unit_ui_key(key, mods);
    const struct keymap_key *row =
        keymap_find_key(keys_table, COUNT_OF(keys_table), APP_HELP, &ev);
    if (keymap_help_event(h, &ev))
        return 1;
    if (row && row->run == keys_scroll_list)
        widget_scroll_by(&h->list, row->arg);
    return row && row->run == keys_scroll_list;
}

static void unit_ui_help_draw(struct unit_ui *s, struct keymap_help *h)
{
    widget_begin(&s->ui);
    keymap_help_draw(&s->ui, h, unit_ui_keys, UNIT_UI_KEYS, "Keys");
}

static void unit_ui_help(void)
{
    test_begin("help scrolls, and its filter keeps matching lines");
    struct unit_ui *s = unit_ui_open(6, 40); /* three lines of help below the filter's, of five */
    struct keymap_help h = {.list = {0, 0, 0}};
    unit_ui_help_draw(s, &h);
    CHECK(unit_ui_has(&s->grid, "Keys") && unit_ui_has(&s->grid, "go up") &&
          unit_ui_has(&s->grid, "the last") && !unit_ui_has(&s->grid, "stops"));
    CHECK(unit_ui_has(&s->grid, "5 of 5"));
    CHECK(unit_ui_help_press(&h, TERM_END, 0));
    unit_ui_help_draw(s, &h);
    CHECK_INT(h.list.top, 2);
    CHECK(unit_ui_has(&s->grid, "back") && unit_ui_has(&s->grid, "the last") &&
          !unit_ui_has(&s->grid, "a new one"));
    for (int i = 0; i < 40; i++) /* past the end is the end, drawn or not */
        CHECK(unit_ui_help_press(&h, TERM_DOWN, 0));
    CHECK(unit_ui_help_press(&h, TERM_UP, 0));
    CHECK_INT(h.list.top, 1);
    CHECK(unit_ui_help_press(&h, TERM_PGUP, 0));
    CHECK_INT(h.list.top, 0);
    struct term_event wheel = unit_ui_key(0, 0);
    wheel.type = TERM_MOUSE;
    wheel.mouse = TERM_WHEEL_DOWN;
    CHECK(keymap_help_event(&h, &wheel));
    CHECK(h.list.top > 0);
    CHECK(!unit_ui_help_press(&h, '?', 0)); /* which closes it */
    CHECK(!unit_ui_help_press(&h, 0x1b, 0));
    CHECK(unit_ui_help_press(&h, 'S', TERM_SHIFT) && unit_ui_help_press(&h, 't', 0));
    CHECK_INT(h.list.top, 0);
    unit_ui_help_draw(s, &h); /* "the laST", "STops"; large or small */
    CHECK(unit_ui_has(&s->grid, "2 of 5") && unit_ui_has(&s->grid, "the last") &&
          unit_ui_has(&s->grid, "stops") && !unit_ui_has(&s->grid, "go up"));
    CHECK(unit_ui_help_press(&h, '?', 0)); /* now it is text */
    unit_ui_help_draw(s, &h);
    CHECK(unit_ui_has(&s->grid, "0 of 5"));
    CHECK(unit_ui_help_press(&h, 0x1b, 0)); /* first the filter goes */
    CHECK(!unit_ui_help_press(&h, 0x1b, 0));
    unit_ui_help_draw(s, &h);
    CHECK(unit_ui_has(&s->grid, "5 of 5"));
    keymap_help_free(&h);
    unit_ui_close(s);
    s = unit_ui_open(24, 40);
    h.list.top = 2;
    unit_ui_help_draw(s, &h);
    CHECK_INT(h.list.top, 0); /* all of it fits */
    keymap_help_free(&h);
    unit_ui_close(s);
}

/* ---- forms ---------------------------------------------------------------------------------- */

static const char *const unit_ui_choices[] = {"one", "two", "three"};
static const char *const unit_ui_notes[] = {NULL, "not here", NULL};

/* Completes with an "x" what has none yet, then offers two. */
static int unit_ui_complete(struct field *f, buf *hint)
{
    if (!f->text.n)
        return 0;
    if (memchr(f->text.p, 'x', f->text.n))
        buf_str(hint, "xa  xb");
    else
        field_insert(f, span_of("x"));
    return 1;
}

static void unit_ui_make_form(struct widget_form *f)
{
    memset(f, 0, sizeof *f);
    f->title = "A form";
    f->submit = "Start";
    struct widget_line *choice = widget_form_add(f, "Choice", "");
    choice->choices = unit_ui_choices;
    choice->notes = unit_ui_notes;
    choice->choice_count = 3;
    widget_form_add(f, "First", "abc");
    widget_form_add(f, "Second", "");
}

/* The command of a key in the program's own table; -1: none. */
static int unit_ui_command(const struct term_event *ev, unsigned context)
{
    const struct keymap_key *row =
        keymap_find_key(keys_table, COUNT_OF(keys_table), context, ev);
    return row && row->run == keys_command ? row->arg : -1;
}

static enum widget_answer unit_ui_form_press(struct widget_form *f, uint32_t key, unsigned mods)
{
    struct term_event ev = unit_ui_key(key, mods);
    struct widgets nowhere;
    nowhere.hit_count = 0;
    enum widget_answer answer = widget_form_event(&nowhere, f, &ev);
    int command = unit_ui_command(&ev, APP_NEW);
    return answer != WIDGET_PASSED ? answer
           : command < 0           ? WIDGET_NOT_YET
                                   : widget_form_run(f, (enum widget_command)command);
}

static void unit_ui_form(void)
{
    test_begin("a form's keys edit, move, choose and submit");
    struct widget_form f;
    unit_ui_make_form(&f);
    CHECK_INT(f.focus, 0);
    CHECK_INT(unit_ui_form_press(&f, TERM_LEFT, 0), WIDGET_NOT_YET);
    CHECK_SPAN(span_of(widget_form_choice(&f, "Choice")), "three"); /* around */
    unit_ui_form_press(&f, ' ', 0);
    unit_ui_form_press(&f, TERM_RIGHT, 0);
    CHECK_SPAN(span_of(widget_form_choice(&f, "Choice")), "two");
    unit_ui_form_press(&f, 'x', 0); /* no text here */
    CHECK_SPAN(span_of(widget_form_choice(&f, "Choice")), "two");
    unit_ui_form_press(&f, '\t', TERM_SHIFT);
    CHECK_INT(f.focus, 4); /* behind the lines the two buttons */
    unit_ui_form_press(&f, '\t', 0);
    CHECK_INT(f.focus, 0);
    CHECK_INT(unit_ui_form_press(&f, '\r', 0), WIDGET_NOT_YET);
    CHECK_INT(f.focus, 1);
    unit_ui_form_press(&f, 'd', 0);
    unit_ui_form_press(&f, 'E', TERM_SHIFT);
    CHECK_SPAN(span_of(widget_form_text(&f, "First")), "abcdE");
    CHECK_SPAN(span_of(widget_form_text(&f, "Nowhere")), "");
    CHECK(widget_form_choice(&f, "First") == NULL);
    unit_ui_form_press(&f, TERM_DOWN, 0);
    CHECK_INT(f.focus, 2);
    unit_ui_form_press(&f, TERM_UP, 0);
    CHECK_INT(f.focus, 1);
    CHECK_INT(unit_ui_form_press(&f, 's', TERM_CTRL), WIDGET_NOT_YET); /* disabled */
    CHECK_SPAN(buf_view(&f.error), "two: not here");
    CHECK_INT(f.focus, 0);
    unit_ui_form_press(&f, TERM_RIGHT, 0);
    CHECK_INT(f.error.n, 0);
    unit_ui_form_press(&f, '\t', 0);
    CHECK_INT(unit_ui_form_press(&f, 's', TERM_CTRL), WIDGET_SUBMIT); /* from anywhere */
    unit_ui_form_press(&f, '\t', 0);
    CHECK_INT(unit_ui_form_press(&f, '\r', 0), WIDGET_SUBMIT); /* or Enter on the last line */
    CHECK_INT(unit_ui_form_press(&f, 's', 0), WIDGET_NOT_YET);
    CHECK_SPAN(span_of(widget_form_text(&f, "Second")), "s");
    f.busy = 1; /* nothing but going back */
    CHECK_INT(unit_ui_form_press(&f, 's', TERM_CTRL), WIDGET_NOT_YET);
    CHECK_INT(unit_ui_form_press(&f, 'q', 0), WIDGET_NOT_YET);
    CHECK_SPAN(span_of(widget_form_text(&f, "Second")), "s");
    CHECK_INT(unit_ui_form_press(&f, 0x1b, 0), WIDGET_CANCEL);
    f.busy = 0;
    buf_str(&f.error, "wrong");
    unit_ui_form_press(&f, 'x', 0); /* an error is there until the next key */
    CHECK_INT(f.error.n, 0);
    widget_form_free(&f);
    widget_form_free(&f);
}

static void unit_ui_form_passes(void)
{
    test_begin("a form passes keys that it doesn't consume, and stays as it is");
    struct widget_form f;
    struct widgets nowhere = {0};
    unit_ui_make_form(&f);
    static const struct {
        uint32_t key;
        unsigned mods;
        int focus, busy;
        enum widget_answer answer;
    } cases[] = {
        {'x', 0, 0, 0, WIDGET_PASSED},       {'x', 0, 1, 0, WIDGET_NOT_YET}, /* choice, text */
        {'x', 0, 3, 0, WIDGET_PASSED},       {'x', 0, 1, 1, WIDGET_PASSED},  /* button, busy */
        {'\r', 0, 1, 0, WIDGET_PASSED},      {0x1b, 0, 1, 0, WIDGET_PASSED},
        {'c', TERM_CTRL, 1, 0, WIDGET_PASSED}, {TERM_LEFT, 0, 1, 0, WIDGET_NOT_YET},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct term_event ev = unit_ui_key(cases[i].key, cases[i].mods);
        f.focus = cases[i].focus;
        f.busy = cases[i].busy;
        CHECK_INT(widget_form_event(&nowhere, &f, &ev), cases[i].answer);
        CHECK_INT(f.focus, cases[i].focus);
    }
    widget_form_free(&f);
}

static void unit_ui_form_buttons(void)
{
    test_begin("a form's buttons submit and cancel; a busy form only cancels");
    struct widget_form f;
    unit_ui_make_form(&f);
    f.focus = 2;
    unit_ui_form_press(&f, '\t', 0);
    CHECK_INT(f.focus, 3);
    CHECK_INT(unit_ui_form_press(&f, 'x', 0), WIDGET_NOT_YET);
    CHECK_INT(unit_ui_form_press(&f, '\r', 0), WIDGET_SUBMIT);
    CHECK_INT(unit_ui_form_press(&f, ' ', 0), WIDGET_SUBMIT);
    unit_ui_form_press(&f, TERM_RIGHT, 0);
    CHECK_INT(unit_ui_form_press(&f, '\r', 0), WIDGET_CANCEL);
    unit_ui_form_press(&f, TERM_LEFT, 0);
    CHECK_INT(f.focus, 3);
    unit_ui_form_press(&f, TERM_UP, 0);
    CHECK_INT(f.focus, 2);
    f.lines[0].choice = 1;
    f.focus = 3;
    CHECK_INT(unit_ui_form_press(&f, '\r', 0), WIDGET_NOT_YET);
    CHECK_INT(f.focus, 0);
    widget_form_free(&f);
}

/* Tab completes, then shows what there is, then moves on. */
static void unit_ui_form_completes(void)
{
    test_begin("Tab completes first and moves on second");
    struct widget_form f;
    unit_ui_make_form(&f);
    f.focus = 1;
    f.lines[1].complete = f.lines[2].complete = unit_ui_complete;
    unit_ui_form_press(&f, '\t', 0);
    CHECK_INT(f.focus, 1);
    CHECK_SPAN(span_of(widget_form_text(&f, "First")), "abcx");
    CHECK_INT(f.hint.n, 0);
    unit_ui_form_press(&f, '\t', 0);
    CHECK_INT(f.focus, 1);
    CHECK_SPAN(buf_view(&f.hint), "xa  xb");
    unit_ui_form_press(&f, '\t', 0);
    CHECK_INT(f.focus, 2);
    CHECK_INT(f.hint.n, 0);
    unit_ui_form_press(&f, '\t', 0); /* nothing to complete */
    CHECK_INT(f.focus, 3);
    f.focus = 1;
    unit_ui_form_press(&f, '\t', 0);
    unit_ui_form_press(&f, 'y', 0); /* any other key */
    CHECK_INT(f.hint.n, 0);
    unit_ui_form_press(&f, '\t', TERM_SHIFT); /* back is back */
    CHECK_INT(f.focus, 0);
    widget_form_free(&f);
}

static enum widget_answer unit_ui_form_click(struct unit_ui *s, struct widget_form *f,
                                             const char *text)
{
    widget_begin(&s->ui);
    widget_form_draw(&s->ui, f);
    struct term_event ev = unit_ui_click(&s->grid, text);
    return widget_form_event(&s->ui, f, &ev);
}

static void unit_ui_form_mouse(void)
{
    test_begin("a click focuses a line, takes a choice or presses a button");
    struct unit_ui *s = unit_ui_open(24, 80);
    struct widget_form f;
    unit_ui_make_form(&f);
    f.lines[2].field.rows = 3;
    field_insert(&f.lines[2].field, span_of("line one\nline two"));
    CHECK_INT(unit_ui_form_click(s, &f, "three"), WIDGET_NOT_YET);
    CHECK(f.focus == 0 && f.lines[0].choice == 2);
    unit_ui_form_click(s, &f, "two");
    CHECK_INT(f.lines[0].choice, 1);
    unit_ui_form_click(s, &f, "two: not here");
    CHECK_INT(f.lines[0].choice, 1);
    unit_ui_form_click(s, &f, "bc");
    CHECK(f.focus == 1 && f.lines[1].field.cursor == 1);
    unit_ui_form_click(s, &f, "two");
    unit_ui_form_click(s, &f, "ne two");
    CHECK(f.focus == 2 && f.lines[2].field.cursor == 11);
    unit_ui_form_click(s, &f, "First");
    CHECK(f.focus == 1 && f.lines[1].field.cursor == 1);
    CHECK_INT(unit_ui_form_click(s, &f, "Start"), WIDGET_NOT_YET);
    CHECK_SPAN(buf_view(&f.error), "two: not here");
    unit_ui_form_click(s, &f, "one");
    CHECK_INT(f.error.n, 0);
    CHECK_INT(unit_ui_form_click(s, &f, "A form"), WIDGET_NOT_YET);
    CHECK_INT(unit_ui_form_click(s, &f, "Start"), WIDGET_SUBMIT);
    CHECK_INT(unit_ui_form_click(s, &f, "Cancel"), WIDGET_CANCEL);
    f.busy = 1;
    CHECK_INT(unit_ui_form_click(s, &f, "Start"), WIDGET_NOT_YET);
    CHECK_INT(unit_ui_form_click(s, &f, "Cancel"), WIDGET_CANCEL);
    widget_form_free(&f);
    unit_ui_close(s);
}

/* The line that has the focus, and its cursor, are seen on the smallest screen, with an error, with
 * a hint and without. */
static void unit_ui_form_drawn(void)
{
    test_begin("a form fits any screen and shows its focus");
    static const char *const marks[] = {"one", "abc", "Second", "Start", "Cancel"};
    for (int rows = 1; rows < 14; rows++)
        for (int cols = 1; cols < 100; cols += cols < 45 ? 1 : 18)
            for (int errors = 0; errors < 3; errors++)
                for (int focus = 0; focus < 5; focus++) {
                    struct unit_ui *s = unit_ui_open(rows, cols);
                    struct widget_form f;
                    unit_ui_make_form(&f);
                    f.focus = focus;
                    f.lines[2].field.rows = 1 + rows % 3 * 2;
                    if (errors)
                        buf_str(errors == 1 ? &f.error : &f.hint,
                                "something is wrong with that, and it takes many words to say what "
                                "it is that does not fit here, so many that three lines are not "
                                "enough for all of them");
                    widget_begin(&s->ui);
                    widget_form_draw(&s->ui, &f); /* whatever the size */
                    if (rows >= 6 && cols >= 24) {
                        const char *mark = cols < 40 && focus == 2 ? "Seco" : marks[focus];
                        CHECK(unit_ui_has(&s->grid, mark) && unit_ui_has(&s->grid, "A form"));
                        CHECK_INT(s->grid.cursor_shown, focus == 1 || focus == 2);
                        CHECK(!errors || unit_ui_has(&s->grid, "something is wrong"));
                    }
                    if (rows >= 10 && cols >= 63)
                        CHECK_INT(unit_ui_has(&s->grid, "Esc cancel"), !errors);
                    if (s->grid.cursor_shown)
                        CHECK(s->grid.cursor_row >= 0 && s->grid.cursor_row < rows &&
                              s->grid.cursor_col >= 0 && s->grid.cursor_col < cols);
                    widget_form_free(&f);
                    unit_ui_close(s);
                }
}

/* ---- question, messages --------------------------------------------------------------------- */

static enum widget_answer unit_ui_answer(struct unit_ui *s, struct widget_confirm *c,
                                         const struct term_event *ev)
{
    enum widget_answer answer = widget_confirm_event(&s->ui, c, ev);
    int command = unit_ui_command(ev, APP_CONFIRM);
    return answer != WIDGET_PASSED || command < 0
               ? answer
               : widget_confirm_run(c, (enum widget_command)command);
}

static void unit_ui_confirm(void)
{
    test_begin("a question is answered by keys, first letters and clicks");
    static const struct {
        uint32_t key;
        int focus;
        enum widget_answer answer;
    } cases[] = {
        {'y', 1, WIDGET_SUBMIT}, {'n', 0, WIDGET_CANCEL},   {'\r', 0, WIDGET_SUBMIT},
        {'\r', 1, WIDGET_CANCEL},
        {'e', 1, WIDGET_SUBMIT}, {'k', 0, WIDGET_CANCEL},   {0x1b, 0, WIDGET_CANCEL},
        {'x', 0, WIDGET_PASSED}, {'q', 0, WIDGET_CANCEL},
        {' ', 0, WIDGET_PASSED}, {TERM_UP, 0, WIDGET_PASSED},
    };
    struct unit_ui *s = unit_ui_open(24, 80);
    struct widget_confirm c = {.title = "End it?", .yes = "End it", .no = "Keep it"};
    struct term_event ev;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        c.focus = cases[i].focus;
        ev = unit_ui_key(cases[i].key, 0);
        CHECK_INT(unit_ui_answer(s, &c, &ev), cases[i].answer);
    }
    ev = unit_ui_key('\t', 0);
    c.focus = 0;
    CHECK_INT(unit_ui_answer(s, &c, &ev), WIDGET_NOT_YET);
    CHECK_INT(c.focus, 1);
    ev = unit_ui_key('y', TERM_CTRL);
    CHECK_INT(unit_ui_answer(s, &c, &ev), WIDGET_PASSED);
    widget_confirm_draw(&s->ui, &c, span_of("It runs make."));
    ev = unit_ui_click(&s->grid, "End it ]");
    CHECK_INT(unit_ui_answer(s, &c, &ev), WIDGET_SUBMIT);
    ev = unit_ui_click(&s->grid, "Keep it");
    CHECK_INT(unit_ui_answer(s, &c, &ev), WIDGET_CANCEL);
    ev = unit_ui_click(&s->grid, "It runs");
    CHECK_INT(unit_ui_answer(s, &c, &ev), WIDGET_PASSED);
    unit_ui_close(s);
    for (int rows = 1; rows < 12; rows++)
        for (int cols = 1; cols < 60; cols++) {
            s = unit_ui_open(rows, cols);
            widget_confirm_draw(&s->ui, &c, span_of("a text of many words that wants many lines"));
            CHECK(rows < 5 || cols < 24 || unit_ui_has(&s->grid, "Keep it"));
            unit_ui_close(s);
        }
}

static void unit_ui_toasts(void)
{
    test_begin("an error stays until a key is pressed, other messages for a time");
    struct unit_ui *s = unit_ui_open(6, 60);
    struct widget_toasts t;
    memset(&t, 0, sizeof t);
    widget_toast_draw(&s->ui, &t, 5, 1); /* there are none */
    CHECK_INT(widget_toast_draw(&s->ui, &t, 5, 0), 0);
    widget_toast_add(&t, 0, "first", 1000);
    CHECK_INT(widget_toast_draw(&s->ui, &t, 5, 0), 1);
    CHECK_INT(t.until, 1000 + WIDGET_TOAST_MS);
    widget_toast_add(&t, 0, "second", 2000);
    CHECK(!widget_toast_expire(&t, 1000 + WIDGET_TOAST_MS));
    widget_toast_draw(&s->ui, &t, 5, 1);
    UNIT_FIELD_ROW(&s->grid, 5, " second");
    CHECK(widget_toast_expire(&t, 2000 + WIDGET_TOAST_MS));
    CHECK(!widget_toast_expire(&t, 9999999));
    CHECK_INT(widget_toast_draw(&s->ui, &t, 5, 0), 0);
    widget_toast_add(&t, 1, "it failed \033[2J", 3000);
    widget_toast_add(&t, 0, "third", 4000); /* what went wrong stays */
    widget_begin(&s->ui);
    widget_toast_draw(&s->ui, &t, 5, 1);
    UNIT_FIELD_ROW(&s->grid, 5, " it failed ^[[2J");
    CHECK(!widget_toast_expire(&t, 9999999));
    widget_toast_add(&t, 1, "and again", 5000);
    widget_begin(&s->ui);
    widget_toast_draw(&s->ui, &t, 5, 1);
    UNIT_FIELD_ROW(&s->grid, 5, " and again                                    and 1 more: !");
    widget_toast_read(&t);
    CHECK_INT(widget_toast_draw(&s->ui, &t, 5, 0), 0);
    widget_toast_add(&t, 0, "fourth", 6000);
    widget_toast_read(&t); /* it goes by itself */
    CHECK_INT(widget_toast_draw(&s->ui, &t, 5, 0), 1);
    widget_begin(&s->ui);
    widget_toasts_draw(&s->ui, &t);
    CHECK(unit_ui_has(&s->grid, " fourth") && unit_ui_has(&s->grid, " and again") &&
          !unit_ui_has(&s->grid, "first"));
    widget_scroll_by(&t.list, KEYS_ALL_ROWS);
    widget_begin(&s->ui);
    widget_toasts_draw(&s->ui, &t);
    CHECK(unit_ui_has(&s->grid, " first") && !unit_ui_has(&s->grid, "fourth"));
    CHECK_INT(t.list.top, 2);
    buf much = {0};
    while (much.n < 4 * WIDGET_TOAST_BYTES_MAX)
        buf_str(&much, "\303\251\346\227\245");
    widget_toast_add(&t, 0, buf_cstr(&much), 6500); /* cut in the middle of a character, perhaps */
    CHECK_INT(strlen(t.ring[t.next - 1].text), WIDGET_TOAST_BYTES_MAX);
    widget_toast_draw(&s->ui, &t, 5, 1);
    buf_free(&much);
    widget_toast_add(&t, 0, "words that fill a line of this screen, which has sixty columns, and "
                            "say what to do", 6600);
    widget_begin(&s->ui);
    CHECK_INT(widget_toast_draw(&s->ui, &t, 4, 2), 2);
    UNIT_FIELD_ROW(&s->grid, 4, " words that fill a line of this screen, which has sixty");
    UNIT_FIELD_ROW(&s->grid, 5, " columns, and say what to do");
    char text[20];
    for (int i = 0; i < 3 * WIDGET_TOASTS_MAX; i++) {
        snprintf(text, sizeof text, "number %d", i);
        widget_toast_add(&t, 0, text, 7000);
    }
    CHECK_INT(t.count, WIDGET_TOASTS_MAX);
    t.list.top = 0;
    widget_begin(&s->ui);
    widget_toasts_draw(&s->ui, &t);
    CHECK(unit_ui_has(&s->grid, "number 149"));
    widget_scroll_by(&t.list, KEYS_ALL_ROWS);
    widget_begin(&s->ui);
    widget_toasts_draw(&s->ui, &t);
    CHECK(unit_ui_has(&s->grid, "number 100") && !unit_ui_has(&s->grid, "number 99"));
    widget_toasts_free(&t);
    widget_toasts_free(&t);
    unit_ui_close(s);
}

static void unit_ui_box(void)
{
    test_begin("a box is centred and cut to the screen");
    for (int rows = 1; rows < 8; rows++)
        for (int cols = 1; cols < 12; cols++)
            for (int wanted = 0; wanted < 9; wanted++) {
                struct unit_ui *s = unit_ui_open(rows, cols);
                int row = -1, col = -1;
                widget_box_draw(&s->ui, wanted, wanted * 2, "A title", &row, &col);
                unit_ui_close(s);
            }
    struct unit_ui *s = unit_ui_open(6, 20);
    int row, col;
    widget_box_draw(&s->ui, 2, 12, "Title", &row, &col);
    UNIT_FIELD_ROW(&s->grid, 1,
                   "  \342\225\255\342\224\200 Title "
                   "\342\224\200\342\224\200\342\224\200\342\224\200\342\224\200\342\224\200"
                   "\342\225\256");
    CHECK(row == 2 && col == 4);
    s->grid.ascii = 1;
    widget_box_draw(&s->ui, 2, 12, "Title", &row, &col);
    UNIT_FIELD_ROW(&s->grid, 1, "  +- Title ------+");
    UNIT_FIELD_ROW(&s->grid, 2, "  |              |");
    UNIT_FIELD_ROW(&s->grid, 4, "  +--------------+");
    widget_box_draw(&s->ui, 2, 12, "A title that is too long", &row, &col);
    UNIT_FIELD_ROW(&s->grid, 1, "  +- A title t> -+");
    unit_ui_close(s);
}

/* ---- screens to be read --------------------------------------------------------------------- */

/* By what is drawn, and by size: 24x6, 40x12, 80x24. */
static const char *const unit_ui_golden[4][3] = {
    {
     "+- New session --------+\n"
     "| Prom> touching the   |\n"
     "|       tests          |\n"
     "|       themselves     |\n"
     "| Enter start, Alt-En> |\n"
     "+----------------------+\n",
     "+- New session ------------------------+\n"
     "| Agent       claude  gemini  codex  > |\n"
     "| Directory  /me/src/a/deep/directory  |\n"
     "| Title      make the tests pass       |\n"
     "| Prompt     Look at what fails,       |\n"
     "|            then mend it without      |\n"
     "|            touching the tests        |\n"
     "|            themselves                |\n"
     "| [ Start ]  [ Cancel ]                |\n"
     "| Enter start, Alt-Enter new line, Es> |\n"
     "+--------------------------------------+\n",
     "  +- New session ------------------------------------------------------------+\n"
     "  | Agent       claude  gemini  codex  shell                                 |\n"
     "  | Directory  /home/me/src/a/deep/directory                                 |\n"
     "  | Title      make the tests pass                                           |\n"
     "  | Prompt     Look at what fails,                                           |\n"
     "  |            then mend it without touching the tests themselves            |\n"
     "  |                                                                          |\n"
     "  | [ Start ]  [ Cancel ]                                                    |\n"
     "  |                                                                          |\n"
     "  | Enter start, Alt-Enter new line, Esc cancel                              |\n"
     "  +--------------------------------------------------------------------------+\n",
    },
    {
     "+- A form -------------+\n"
     "| Choi>  two: not her> |\n"
     "| two: not here, and   |\n"
     "| that is a sentence   |\n"
     "| that takes more tha> |\n"
     "+----------------------+\n",
     "+- A form -----------------------------+\n"
     "| Choice   one  two: not here  three   |\n"
     "| First   abc                          |\n"
     "| Second                               |\n"
     "|                                      |\n"
     "| [ Start ]  [ Cancel ]                |\n"
     "|                                      |\n"
     "| two: not here, and that is a         |\n"
     "| sentence that takes more than one    |\n"
     "| line to say                          |\n"
     "+--------------------------------------+\n",
     "  +- A form -----------------------------------------------------------------+\n"
     "  | Choice   one  two: not here  three                                       |\n"
     "  | First   abc                                                              |\n"
     "  | Second                                                                   |\n"
     "  |                                                                          |\n"
     "  | [ Start ]  [ Cancel ]                                                    |\n"
     "  |                                                                          |\n"
     "  | two: not here, and that is a sentence that takes more than one line to   |\n"
     "  | say                                                                      |\n"
     "  +--------------------------------------------------------------------------+\n",
    },
    {
     "+- End this session? --+\n"
     "| \"make the tests      |\n"
     "| pass\" runs claude. u |\n"
     "| takes it back withi> |\n"
     "| [End it] [Keep it]   |\n"
     "+----------------------+\n",
     "+- End this session? ------------------+\n"
     "| \"make the tests pass\" runs claude. u |\n"
     "| takes it back within ten seconds.    |\n"
     "|                                      |\n"
     "| [ End it ]  [ Keep it ]              |\n"
     "+--------------------------------------+\n",
     "        +- End this session? ------------------------------------------+\n"
     "        | \"make the tests pass\" runs claude. u takes it back within    |\n"
     "        | ten seconds.                                                 |\n"
     "        |                                                              |\n"
     "        | [ End it ]  [ Keep it ]                                      |\n"
     "        +--------------------------------------------------------------+\n",
    },
    {
     "+- Keys ---------------+\n"
     "| Filter  o     3 of 5 |\n"
     "| up, k: go up         |\n"
     "| n: a new one         |\n"
     "| Ctrl-Z: stops        |\n"
     "+----------------------+\n",
     "+- Keys -------------------------------+\n"
     "| Filter  o                     3 of 5 |\n"
     "| up, k       go up                    |\n"
     "| n           a new one                |\n"
     "| Ctrl-Z      stops                    |\n"
     "|                                      |\n"
     "|                                      |\n"
     "+--------------------------------------+\n",
     "+- Keys -----------------------------------------------------------------------+\n"
     "| Filter  o                                                             3 of 5 |\n"
     "| up, k       go up                                                            |\n"
     "| n           a new one                                                        |\n"
     "| Ctrl-Z      stops                                                            |\n"
     "|                                                                              |\n"
     "|                                                                              |\n"
     "+------------------------------------------------------------------------------+\n",
    },
};

static void unit_ui_screen_form(struct unit_ui *s)
{
    struct widget_form f;
    static const char *const agents[] = {"claude", "gemini", "codex", "shell"};
    static const char *const notes[] = {NULL, "not installed", NULL, NULL};
    memset(&f, 0, sizeof f);
    f.title = "New session";
    f.submit = "Start";
    struct widget_line *agent = widget_form_add(&f, "Agent", "");
    agent->choices = agents;
    agent->notes = notes;
    agent->choice_count = 4;
    widget_form_add(&f, "Directory", "/home/me/src/a/deep/directory");
    widget_form_add(&f, "Title", "make the tests pass");
    struct widget_line *prompt = widget_form_add(&f, "Prompt", "");
    prompt->field.rows = 4;
    field_insert(&prompt->field, span_of("Look at what fails,\nthen mend it without touching the "
                                         "tests themselves"));
    f.focus = 3;
    widget_form_draw(&s->ui, &f);
    widget_form_free(&f);
}

static void unit_ui_screen_choice(struct unit_ui *s)
{
    struct widget_form f;
    unit_ui_make_form(&f);
    f.lines[0].choice = 1;
    buf_str(&f.error, "two: not here, and that is a sentence that takes more than one line to say");
    widget_form_draw(&s->ui, &f);
    widget_form_free(&f);
}

static void unit_ui_screen_confirm(struct unit_ui *s)
{
    struct widget_confirm c = {"End this session?", "End it", "Keep it", 1};
    widget_confirm_draw(&s->ui, &c, span_of("\"make the tests pass\" runs claude. u takes it back "
                                        "within ten seconds."));
}

static void unit_ui_screen_help(struct unit_ui *s)
{
    struct keymap_help h = {.list = {0, 0, 0}};
    field_set(&h.filter, "o");
    unit_ui_help_draw(s, &h);
    keymap_help_free(&h);
}

static void unit_ui_screens(void)
{
    test_begin("every widget draws on a screen of any size");
    static void (*const draw[])(struct unit_ui *s) = {unit_ui_screen_form, unit_ui_screen_choice,
                                                      unit_ui_screen_confirm, unit_ui_screen_help};
    static const int sizes[][2] = {{6, 24}, {12, 40}, {24, 80}};
    for (size_t i = 0; i < COUNT_OF(draw); i++)
        for (size_t k = 0; k < COUNT_OF(sizes); k++) {
            struct unit_ui *s = unit_ui_open(sizes[k][0], sizes[k][1]);
            s->grid.ascii = 1;
            draw[i](s);
            UNIT_UI_SCREEN(s, unit_ui_golden[i][k]);
            unit_ui_close(s);
        }
}

static void unit_ui_cut(void)
{
    test_begin("text that doesn't fit is cut with a mark");
    struct unit_ui *s = unit_ui_open(1, 12);
    static const struct {
        const char *text;
        int width;
        const char *shown, *ascii;
    } cases[] = {
        {"abc", 3, "abc", "abc"},
        {"abcd", 3, "ab\342\200\246", "ab>"},
        {"a\346\227\245b", 3, "a\342\200\246", "a>"}, /* no half of a wide character */
        {"\033[1m", 4, "^[[\342\200\246", "^[[>"},
        {"abc", 1, "\342\200\246", ">"},
        {"abc", 0, "", ""},
        {"abc", -1, "", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (int ascii = 0; ascii < 2; ascii++) {
            s->grid.ascii = ascii;
            grid_clear(&s->grid);
            if (ascii && i == 2)
                continue; /* such a terminal has no wide characters */
            int used = widget_put_cut(&s->grid, 0, 1, cases[i].width, cases[i].text, widget_plain);
            CHECK_INT(used, cell_columns(span_of(cases[i].shown)));
            char *row = unit_field_row(&s->grid, 0);
            CHECK_SPAN(span_of(row + (*row == ' ')), ascii ? cases[i].ascii : cases[i].shown);
            free(row);
        }
    unit_ui_close(s);
}

static void unit_widget(void)
{
    unit_ui_wrap();
    unit_ui_key_table();
    unit_ui_footer();
    unit_ui_hits();
    unit_ui_key_names();
    unit_ui_bindings();
    unit_ui_own_table();
    unit_ui_help();
    unit_ui_form();
    unit_ui_form_passes();
    unit_ui_form_buttons();
    unit_ui_form_completes();
    unit_ui_form_mouse();
    unit_ui_form_drawn();
    unit_ui_confirm();
    unit_ui_toasts();
    unit_ui_box();
    unit_ui_cut();
    unit_ui_screens();
}
