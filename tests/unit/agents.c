/* Unit tests of agents: what every row must have for its readers. */

static void unit_agents_rows(void)
{
    const struct agents_row *row;
    struct cell_style style;
    test_begin("every agent has what config, theme and hooks need of it");
    for (size_t i = 0; (row = agents_row(i)); i++) {
        CHECK(agents_find(row->name) == row); /* no name twice */
        CHECK(row->title && strlen(row->name) < CONFIG_NAME_MAX);
        for (int mode = 1; mode < AGENTS_MODES; mode++)
            CHECK(!row->flags[mode] == !row->flags[0]);
        CHECK(theme_parse(span_of(row->colour), &style));
        CHECK(!row->colour_on_light || theme_parse(span_of(row->colour_on_light), &style));
        CHECK(!row->hooks.format ||
              (row->hooks.variable && row->hooks.in_home[0] == '/' && row->hooks.events));
        CHECK(!row->resume || row->conversation);
    }
    CHECK(agents_row(99) == NULL);
    CHECK(agents_find("emacs") == NULL && agents_find("") == NULL);
    CHECK_SPAN(span_of(agents_find("codex")->resume), "resume");
    CHECK_SPAN(span_of(agents_find("claude")->resume), "--resume");
    CHECK_SPAN(span_of(agents_find("gemini")->resume), "--resume");
    CHECK(!agents_find("codex")->session_id && !agents_find("opencode")->session_id);
    CHECK_SPAN(span_of(agents_find("opencode")->resume), "-s");
    CHECK_SPAN(span_of(agents_find("qwen")->resume), "--resume");
    CHECK_SPAN(span_of(agents_find("copilot")->resume), "--resume=");
    CHECK(agents_find("opencode")->prompt == NULL); /* its --prompt submits nothing */
    CHECK(agents_find("shell")->resume == NULL);
}

static void unit_agents_events(void)
{
    const struct agents_row *row;
    test_begin("every hook event becomes one that the daemon understands");
    for (size_t i = 0; (row = agents_row(i)); i++)
        for (const struct agents_event *e = row->hooks.events; e && e->name; e++) {
            static const char types[] = "session_start prompt notification stop session_end";
            CHECK(strstr(types, e->type) != NULL);
            CHECK(!e->member == !e->ignored);
        }
}

static void unit_agents_names(void)
{
    buf b = {0};
    test_begin("agents are named in messages, those with hooks or all");
    agents_put_names(&b, 1, "");
    CHECK_SPAN(buf_view(&b), "claude, gemini, codex, opencode, qwen and copilot");
    buf_clear(&b);
    agents_put_names(&b, 0, "/");
    CHECK_SPAN(buf_view(&b), "/claude, /gemini, /codex, /opencode, /qwen, /copilot and /shell");
    buf_free(&b);
}

static void unit_agents_modes(void)
{
    test_begin("a mode is fast, med or slow");
    CHECK_INT(agents_mode("fast"), AGENTS_FAST);
    CHECK_INT(agents_mode("med"), AGENTS_MED);
    CHECK_INT(agents_mode("slow"), AGENTS_SLOW);
    CHECK_INT(agents_mode("medium"), -1);
    CHECK_INT(agents_mode(""), -1);
    CHECK_INT(agents_mode(NULL), -1);
}

static void unit_agents(void)
{
    unit_agents_rows();
    unit_agents_events();
    unit_agents_names();
    unit_agents_modes();
}
