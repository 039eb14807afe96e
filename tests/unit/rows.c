/* Unit tests of rows: what is drawn of a list that is larger than its place, at any size. */

static uint32_t unit_rows_seed = 3;

static int unit_rows_random(int below)
{
    unit_rows_seed = unit_rows_seed * 1664525u + 1013904223u;
    return (int)((unit_rows_seed >> 8) % (uint32_t)below);
}

static void unit_rows_fill(struct tree *t, int sessions)
{
    static const char *const states[] = {"working", "waiting", "idle", "exited", "odd"};
    buf b = {0};
    for (int i = 0; i < sessions; i++) {
        buf_clear(&b);
        buf_fmt(&b, "{\"event\":\"session_created\",\"data\":{\"session_id\":\"s%d\",\"computer\":"
                    "\"vm\",\"working_directory\":\"/p%d\",\"title\":\"title %d %s\",\"state\":"
                    "\"%s\"",
                i, unit_rows_random(4), i, i % 7 ? "" : "\\u65e5\\u672c\\u8a9e \\u001b[2J",
                states[unit_rows_random(5)]);
        if (unit_rows_random(2))
            buf_str(&b, ",\"last_input\":\"said to it\"");
        if (unit_rows_random(2))
            buf_str(&b, ",\"last_output\":\"said by it\"");
        if (i && unit_rows_random(3) == 0)
            buf_fmt(&b, ",\"initiator_session_id\":\"s%d\"", unit_rows_random(i));
        buf_str(&b, "}}");
        models_event(t, NULL, buf_view(&b));
    }
    buf_free(&b);
    outline_build(t);
}

/* What the row of the grid shows. */
static void unit_rows_put_row(const struct grid *g, int row, buf *b)
{
    char text[CELL_TEXT_MAX];
    buf_clear(b);
    for (int col = 0; col < g->cols; col++) {
        const struct cell *cell = &grid_back(g, row)[col];
        if (!(cell->attr & CELL_TAIL))
            buf_add(b, text, cell_text(&g->pool, cell->rune, text));
    }
    buf_cstr(b);
}

/* The selected row is seen, the reverse one is it, nothing is drawn outside, and the places that
 * can be clicked are those of the rows. */
static void unit_rows_check(struct widgets *u, const struct tree *t, const struct rows_list *l)
{
    int marked = -1;
    for (int y = 0; y < u->grid->rows; y++) {
        const struct cell *cells = grid_back(u->grid, y);
        int inside = y >= l->row && y < l->row + l->rows;
        for (int x = 0; x < u->grid->cols; x++)
            if (!inside || x < l->col || x >= l->col + l->cols)
                CHECK(!cells[x].rune && !(cells[x].attr & CELL_REVERSE));
        if (inside && cells[l->col].attr & CELL_REVERSE) {
            CHECK_INT(marked, -1);
            marked = y;
        }
    }
    CHECK(marked >= l->row);
    const struct widget_hit *hit = widget_find_hit(u, marked, l->col);
    CHECK(hit && hit->what == ROWS_ROW && hit->index == l->at);
    buf row = {0}, number = {0};
    unit_rows_put_row(u->grid, marked, &row);
    const struct tree_row *at = &t->rows[l->at];
    if (at->session)
        outline_put_number(at->session, &number);
    if (l->cols > 60)
        CHECK(strstr(buf_cstr(&row), buf_cstr(&number)) != NULL);
    buf_free(&number);
    for (int y = l->row; y < l->row + l->rows; y++) {
        hit = widget_find_hit(u, y, l->col + 1);
        if (hit)
            CHECK_INT(rows_tree_row(t, l, l->top + y - l->row), hit->index);
    }
    buf_free(&row);
}

static void unit_rows_lists(void)
{
    test_begin("a list of any size shows the selected row and draws nothing outside of its place");
    struct theme theme;
    struct config config = {0};
    memset(&theme, 0, sizeof theme);
    theme_set(&theme, &config, THEME_NEUTRAL, CELL_256, NULL);
    for (int round = 0; round < 300 && !test_failures; round++) {
        struct tree t;
        struct grid g = {.depth = CELL_256};
        struct widgets *u = base_alloc(sizeof *u);
        *u = (struct widgets){.grid = &g, .theme = &theme};
        outline_init(&t, "vm", NULL);
        unit_rows_fill(&t, 1 + unit_rows_random(60));
        grid_resize(&g, 6 + unit_rows_random(40), 24 + unit_rows_random(200));
        g.ascii = round % 5 == 0;
        struct rows_list l = {.row = 1, .rows = 1 + unit_rows_random(g.rows - 2),
                              .cols = 24 + unit_rows_random(g.cols - 23),
                              .details = round % 2, .now = 1000000};
        l.col = unit_rows_random(g.cols - l.cols + 1);
        for (int step = 0; step < 20 && !test_failures; step++) {
            l.at = unit_rows_random(t.row_count);
            l.top += unit_rows_random(9) - 4;
            widget_begin(u);
            rows_tree(u, &t, &l);
            unit_rows_check(u, &t, &l);
        }
        widget_free(u);
        free(u);
        grid_free(&g);
        outline_free(&t);
    }
}

static void unit_rows_one(void)
{
    struct theme theme;
    struct config config = {0};
    struct todos todos = {0};
    struct grid g = {.depth = CELL_256};
    struct widgets *u = base_alloc(sizeof *u);
    struct rows_list l = {.rows = 1, .cols = 40};
    buf shown = {0};
    test_begin("a list of one row shows the selected one, of sessions and of todos");
    memset(&theme, 0, sizeof theme);
    theme_set(&theme, &config, THEME_NEUTRAL, CELL_256, NULL);
    *u = (struct widgets){.grid = &g, .theme = &theme};
    grid_resize(&g, 1, 40);
    todos_init(&todos, "vm", NULL);
    models_event(NULL, &todos,
                 span_of("{\"event\":\"preparation_initial\",\"data\":{\"projects\":[{"
                         "\"computer\":\"vm\",\"name\":\"p\",\"path\":\"/p\",\"todos\":[{"
                         "\"slug\":\"only\",\"status\":\"ready\"}]}]}}"));
    todos_build(&todos);
    l.at = todos.row_count - 1;
    widget_begin(u);
    rows_todos(u, &todos, &l);
    unit_rows_put_row(&g, 0, &shown);
    CHECK(strstr(buf_cstr(&shown), "only") != NULL);
    buf_free(&shown);
    widget_free(u), free(u);
    grid_free(&g);
    todos_free(&todos);
}

static void unit_rows_notes(void)
{
    test_begin("an agent that can't be started has a note, or the time until it can");
    static const struct {
        struct tree_agent agent;
        const char *note;
    } cases[] = {{{.available = 1}, ""},
                 {{.available = 0}, "unavailable"},
                 {{.reason = (char *)"not \033installed"}, "not ^[installed"},
                 {{.reason = (char *)"limit", .until = 1000 + 60000}, "1m"},
                 {{.until = 1000 + 60001}, "2m"},
                 {{.until = 1000 + 3600000}, "1h00m"},
                 {{.until = 1000 + 3600000 * 26 + 60000 * 7}, "26h07m"},
                 {{.until = 1000}, ""}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf b = {0};
        rows_put_agent_note(&cases[i].agent, 1000, &b);
        CHECK_SPAN(buf_view(&b), cases[i].note);
        buf_free(&b);
    }
}

/* A row of a session with these members, and above it the preview's headline. */
static void unit_rows_put_session(const char *members, int details, buf *headline, buf *row,
                                  buf *below)
{
    struct theme theme;
    struct config config = {0};
    struct tree t;
    struct grid g = {.depth = CELL_256};
    struct widgets u = {.grid = &g, .theme = &theme};
    struct rows_list l = {.row = 1, .rows = 8, .cols = 100, .at = 0, .details = details};
    buf b = {0};
    theme_set(&theme, &config, THEME_NEUTRAL, CELL_256, NULL);
    outline_init(&t, "vm", NULL);
    buf_fmt(&b, "{\"event\":\"session_created\",\"data\":{\"session_id\":\"a\",\"computer\":\"vm\","
                "\"working_directory\":\"/p\",%s}}", members);
    models_event(&t, NULL, buf_view(&b));
    outline_build(&t);
    grid_resize(&g, 10, 100);
    widget_begin(&u);
    rows_tree(&u, &t, &l);
    rows_headline(&u, 0, 0, 100, 1, tree_session(&t, "a"),
                  &(struct rows_facts){.with_source = 1});
    int at = tree_session(&t, "a")->row + 1;
    unit_rows_put_row(&g, 0, headline);
    unit_rows_put_row(&g, at, row);
    unit_rows_put_row(&g, at + 1, below);
    buf_free(&b);
    widget_free(&u);
    grid_free(&g);
    outline_free(&t);
}

static void unit_rows_asks(void)
{
    test_begin("row and headline tell what a session waits for, its prompt, its program's title");
    static const struct {
        const char *members;
        int details;
        const char *headline, *row, *below; /* parts of them */
    } cases[] = {
        {"\"title\":\"t\",\"state\":\"waiting\",\"state_source\":\"screen\",\"waits_for\":"
         "\"choice\",\"state_text\":\"Bash: rm -rf build\"", 1,
         "waits, by screen: Bash: rm -rf build", "t ", " Bash: rm -rf build"},
        {"\"title\":\"t\",\"state\":\"waiting\",\"waits_for\":\"password\",\"state_text\":\"x\"", 0,
         "waits: x", " password", ""},
        {"\"title\":\"t\",\"state\":\"waiting\",\"waits_for\":\"text\"", 1,
         "waits for text", "t    ", ""},
        {"\"title\":\"t\",\"state\":\"waiting\",\"state_text\":\"asks\"", 1, "waits: asks", "t ",
         "asks"},
        {"\"title\":\"t\",\"state\":\"idle\",\"first_prompt\":\"pending\"", 1,
         "idle, prompt pending", "prompt pending", ""},
        {"\"title\":\"t\",\"state\":\"idle\",\"first_prompt\":\"failed\"", 1, "prompt failed",
         "prompt failed", ""},
        {"\"title\":\"t\",\"state\":\"idle\",\"holder_version\":\"0.0.9\"", 1,
         "idle, held by telec 0.0.9: a restart renews that", "t ", ""},
        {"\"title\":\"t\",\"state\":\"idle\",\"holder_version\":\"" TELEC_VERSION "\"", 1,
         "idle   ", "t ", ""},
        {"\"title\":\"t\",\"state\":\"idle\",\"program_title\":\"its own\"", 1, "its own", "t ",
         ""},
        {"\"title\":\"Untitled\",\"state\":\"idle\",\"program_title\":\"its \\u001bown\"", 1,
         "idle", "its ", ""},
        {"\"title\":\"Untitled\",\"state\":\"idle\",\"program_title\":\"\",\"command\":\"make\"",
         1, "idle", " make", ""},
        {"\"state\":\"exited\",\"exit_code\":1,\"active_agent\":\"claude\",\"restart\":"
         "\"resume\"", 1, "exited with 1; s resumes it", "exit 1", ""},
        {"\"state\":\"exited\",\"exit_code\":2,\"command\":\"make\"", 1, "exited with 2",
         "exit 2", ""},
        {"\"state\":\"exited\",\"exit_code\":137,\"state_source\":\"lost\"", 1,
         "lost with the computer by signal 9", "signal 9", ""},
        {"\"title\":\"t\",\"state\":\"idle\",\"last_input\":\"one\\ntwo\"", 2, "idle", "t ",
         "one two"},
        {"\"title\":\"t\",\"state\":\"idle\",\"unseen\":true", 1, "finished", "t ", ""}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf headline = {0}, row = {0}, below = {0};
        unit_rows_put_session(cases[i].members, cases[i].details, &headline, &row, &below);
        CHECK(strstr(buf_cstr(&headline), cases[i].headline) != NULL);
        CHECK(strstr(buf_cstr(&row), cases[i].row) != NULL);
        CHECK(strstr(buf_cstr(&below), cases[i].below) != NULL);
        CHECK(!strchr(buf_cstr(&row), 0x1b));
        buf_free(&headline), buf_free(&row), buf_free(&below);
    }
}

static void unit_rows_branches(void)
{
    struct theme theme;
    struct config config = {0};
    struct tree t;
    struct grid g = {.depth = CELL_256};
    struct widgets u = {.grid = &g, .theme = &theme};
    struct rows_list l = {.row = 0, .rows = 8, .cols = 48};
    const char *const branches[] = {"main", "main", "fix"};
    buf b = {0};
    test_begin("a project's row has the branch, and only a session with another one");
    theme_set(&theme, &config, THEME_NEUTRAL, CELL_256, NULL);
    outline_init(&t, "vm", NULL);
    for (int i = 0; i < 3; i++) {
        buf_clear(&b);
        buf_fmt(&b, "{\"event\":\"session_created\",\"data\":{\"session_id\":\"s%d\","
                    "\"computer\":\"vm\",\"working_directory\":\"/p\",\"title\":\"t\","
                    "\"state\":\"idle\",\"branch\":\"%s\","
                    "\"created_at\":\"2026-01-01T00:00:0%dZ\"}}",
                i, branches[i], i);
        models_event(&t, NULL, buf_view(&b));
    }
    outline_build(&t);
    grid_resize(&g, 8, 48);
    static const char *const shown[2][5] = {{"", "main", "", "", "fix"}, {"", "fix"}};
    for (int top = 0; top < 2; top++) { /* then the project's row is above */
        l.rows = top ? 2 : 8;
        l.at = top ? 4 : 1;
        grid_clear(&g);
        widget_begin(&u);
        rows_tree(&u, &t, &l);
        for (int i = 0; i < (top ? 2 : 5); i++) {
            unit_rows_put_row(&g, i, &b);
            CHECK(strstr(buf_cstr(&b), shown[top][i]) != NULL);
            CHECK((strstr(buf_cstr(&b), "main") != NULL) == (*shown[top][i] == 'm'));
        }
    }
    buf_free(&b);
    widget_free(&u);
    grid_free(&g);
    outline_free(&t);
}

static void unit_rows_pulled(void)
{
    struct theme theme;
    struct config config = {0};
    struct tree t;
    struct grid g = {.depth = CELL_256};
    struct widgets u = {.grid = &g, .theme = &theme};
    struct rows_list l = {.row = 0, .rows = 8, .cols = 60};
    test_begin("a computer that does not push shows the age of its sessions");
    theme_set(&theme, &config, THEME_NEUTRAL, CELL_256, NULL);
    outline_init(&t, "vm", NULL);
    models_event(&t, NULL,
                 span_of("{\"event\":\"computer_updated\",\"data\":{\"name\":\"py\",\"status\":"
                           "\"online\",\"sessions_at\":\"2026-01-01T00:00:00Z\"}}"));
    clock_parse_iso(span_of("2026-01-01T00:02:00Z"), &l.now);
    for (int ascii = 0; ascii < 2; ascii++) {
        buf row = {0};
        outline_build(&t);
        g.ascii = ascii;
        grid_resize(&g, 10, 60);
        widget_begin(&u);
        rows_tree(&u, &t, &l);
        unit_rows_put_row(&g, t.row_count - 1, &row);
        CHECK(strstr(buf_cstr(&row), "py") != NULL);
        CHECK(strstr(buf_cstr(&row), ascii ? "% 2m" : "◐ 2m") != NULL);
        buf_free(&row);
    }
    widget_free(&u);
    grid_free(&g);
    outline_free(&t);
}

static void unit_rows_redis(void)
{
    struct theme theme;
    struct config config = {0};
    struct tree t;
    struct grid g = {.depth = CELL_256};
    struct widgets u = {.grid = &g, .theme = &theme};
    test_begin("this computer's row says what is wrong with Redis, shorter where there is no room");
    theme_set(&theme, &config, THEME_NEUTRAL, CELL_256, NULL);
    outline_init(&t, "vm", NULL);
    models_event(&t, NULL,
                 span_of("{\"event\":\"computer_updated\",\"data\":{\"name\":\"vm\",\"status\":"
                           "\"online\",\"redis\":\"reconnecting\",\"redis_why\":\"READONLY: it "
                           "is a replica\"}}"));
    for (int cols = 40; cols <= 80; cols += 40) {
        struct rows_list l = {.row = 0, .rows = 8, .cols = cols};
        buf row = {0};
        outline_build(&t);
        grid_resize(&g, 10, cols);
        widget_begin(&u);
        rows_tree(&u, &t, &l);
        unit_rows_put_row(&g, 0, &row);
        CHECK(strstr(buf_cstr(&row), cols > 40 ? "redis: READONLY: it is a replica"
                                               : "redis: reconnecting") != NULL);
        buf_free(&row);
    }
    widget_free(&u);
    grid_free(&g);
    outline_free(&t);
}

static void unit_rows_states(void)
{
    struct tree_session s = {.has_exit_code = 1};
    test_begin("every state has its sign, and a state that is not known a dim one");
    for (size_t i = 0; i < COUNT_OF(rows_states); i++) {
        s.state = (char *)rows_states[i].state;
        CHECK(rows_state(&s) == &rows_states[i]);
    }
    s.state = (char *)"dreaming";
    CHECK(rows_state(&s) == &rows_states[COUNT_OF(rows_states) - 1]);
}

static void unit_rows(void)
{
    unit_rows_states();
    unit_rows_branches();
    unit_rows_pulled();
    unit_rows_redis();
    unit_rows_asks();
    unit_rows_lists();
    unit_rows_one();
    unit_rows_notes();
}
