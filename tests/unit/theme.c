/* Unit tests of theme: styles parsed and written, backgrounds, configured styles. */

static void unit_theme_styles(void)
{
    test_begin("a style is parsed and written as the same text");
    static const struct {
        const char *text, *again; /* again NULL: not a style */
    } cases[] = {
        {"red", "red"},
        {"bright-white", "bright-white"},
        {"9", "bright-red"},
        {"15", "bright-white"},
        {"16", "16"},
        {"255", "255"},
        {"#0a1B2c", "#0a1b2c"},
        {"default", "default"},
        {"bold", "bold"},
        {"underline  dim reverse\tbold", NULL},
        {"underline  dim reverse bold", "bold dim reverse underline"},
        {"bold default", "bold"},
        {"bold red on blue", "bold red on blue"},
        {"on #000000", "default on #000000"},
        {"bold on 17", "bold on 17"},
        {"reverse red on default", "reverse red"},
        {"", NULL},
        {"   ", NULL},
        {"on", NULL},
        {"red on", NULL},
        {"red on blue on red", NULL},
        {"red blue", NULL},
        {"red bold", NULL},
        {"on red bold", NULL},
        {"Red", NULL},
        {"bright-", NULL},
        {"bright-12", NULL},
        {"bright-pink", NULL},
        {"256", NULL},
        {"0000", NULL},
        {"-1", NULL},
        {"#12345", NULL},
        {"#1234567", NULL},
        {"#12345g", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cell_style style = {7, 7, 7}, again;
        buf b = {0};
        CHECK_INT(theme_parse(span_of(cases[i].text), &style), cases[i].again != NULL);
        if (cases[i].again) {
            theme_put(&b, style);
            CHECK_SPAN(buf_view(&b), cases[i].again);
            CHECK(theme_parse(buf_view(&b), &again) && cell_style_eq(style, again));
        } else {
            CHECK_INT(style.attr, 7); /* left alone */
        }
        buf_free(&b);
    }
}

/* Every default can be parsed, on both grounds, and no two names are the same. */
static void unit_theme_defaults(void)
{
    test_begin("every name has a default style for each background");
    struct cell_style style;
    for (size_t i = 0; i < THEME_STYLES; i++) {
        CHECK(theme_defaults[i].name && theme_parse(span_of(theme_defaults[i].style), &style));
        CHECK(!theme_defaults[i].light || theme_parse(span_of(theme_defaults[i].light), &style));
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(theme_defaults[i].name, theme_defaults[k].name) != 0);
    }
    CHECK(theme_parse(span_of(THEME_OTHER_AGENTS), &style));
    CHECK_INT(theme_ground(0xffffff), THEME_LIGHT);
    CHECK_INT(theme_ground(0xfdf6e3), THEME_LIGHT);
    CHECK_INT(theme_ground(0x000000), THEME_DARK);
    CHECK_INT(theme_ground(0x002b36), THEME_DARK);
    CHECK_INT(theme_ground(0x0000ff), THEME_DARK); /* blue is dark, green is not */
    CHECK_INT(theme_ground(0x00ff00), THEME_LIGHT);
}

static void unit_theme_configured(void)
{
    test_begin("configured styles replace defaults; bad lines are reported");
    struct config c = {.file = span_dup(span_of("file"))};
    struct theme th;
    buf problems = {0}, out = {0};
    config_parse(&c, span_of("[colours]\naccent = 200\nnothing = red\ndim = shiny\n"
                             "agent-claude = #010203\nagent-mine = bold\nagent- = red\n"
                             "waiting = red\nwaiting = bold blue on 3\n"));
    theme_set(&th, &c, THEME_NEUTRAL, &problems);
    CHECK_INT(th.style[THEME_ACCENT].fg, CELL_INDEXED | 200);
    CHECK_INT(th.style[THEME_DIM].attr, CELL_DIM); /* as if it had not been said */
    CHECK_INT(th.style[THEME_WAITING].bg, CELL_INDEXED | 3);
    CHECK_INT(theme_agent(&th, "claude").fg, CELL_RGB | 0x010203);
    CHECK_INT(theme_agent(&th, "mine").attr, CELL_BOLD);
    CHECK_INT(theme_agent(&th, "gemini").fg, CELL_INDEXED | 4);
    CHECK_INT(theme_agent(&th, "unheard of").fg, CELL_INDEXED | 5);
    CHECK_INT(theme_agent(&th, NULL).fg, CELL_INDEXED | 5);
    CHECK_SPAN(buf_view(&problems),
               "file:3: nothing: nothing of that name has a colour; telec config lists them\n"
               "file:4: shiny" THEME_EXPECTED "\n"
               "file:7: agent-: nothing of that name has a colour; telec config lists them\n");
    theme_put_config(&c, &out);
    CHECK(strstr(buf_cstr(&out), "# file:2\naccent = 200\n") != NULL);
    CHECK(strstr(buf_cstr(&out), "# default\ndim = dim\n") != NULL);
    CHECK(strstr(buf_cstr(&out), "# file:9\nwaiting = bold blue on yellow\n") != NULL);
    CHECK(strstr(buf_cstr(&out), "# file:6\nagent-mine = bold\n") != NULL);
    theme_set(&th, &c, THEME_LIGHT, NULL);
    CHECK_INT(th.style[THEME_ACCENT].fg, CELL_INDEXED | 200); /* what was set stays */
    CHECK_INT(th.style[THEME_WORKING].fg, CELL_INDEXED | 22);
    theme_set(&th, &c, THEME_DARK, NULL);
    CHECK_INT(th.style[THEME_WORKING].fg, CELL_INDEXED | 2);
    buf_free(&problems);
    buf_free(&out);
    config_free(&c);
}

/* More agents than there is room for are told, and nothing else happens. */
static void unit_theme_many(void)
{
    test_begin("more agents than the theme has room for are reported");
    struct config c = {.file = span_dup(span_of("file"))};
    struct theme th;
    buf text = {0}, problems = {0};
    buf_str(&text, "[colours]\n");
    for (int i = 0; i < 40; i++)
        buf_fmt(&text, "agent-x%d = red\n", i);
    config_parse(&c, buf_view(&text));
    theme_set(&th, &c, THEME_NEUTRAL, &problems);
    CHECK_INT(th.agent_count, CONFIG_AGENTS_MAX);
    CHECK(strstr(buf_cstr(&problems), "file:41: agent-x39") != NULL);
    buf_free(&text);
    buf_free(&problems);
    config_free(&c);
}

static void unit_theme(void)
{
    unit_theme_styles();
    unit_theme_defaults();
    unit_theme_configured();
    unit_theme_many();
}
