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
        struct cell_style style = {7, 7, 7, 0}, again;
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

/* Every default can be parsed, and no two names are the same. */
static void unit_theme_defaults(void)
{
    test_begin("every name has a default style for each ground and depth");
    struct cell_style style;
    for (size_t i = 0; i < THEME_STYLES; i++) {
        for (int column = 0; column < THEME_COLUMNS; column++)
            CHECK(theme_parse(span_of(theme_default(i, column)), &style));
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(theme_defaults[i].name, theme_defaults[k].name) != 0);
    }
    CHECK(theme_parse(span_of(THEME_OTHER_AGENTS), &style));
    CHECK(theme_parse(span_of(THEME_OTHER_ON_LIGHT), &style));
    CHECK_INT(theme_ground(0xffffff), THEME_LIGHT);
    CHECK_INT(theme_ground(0xfdf6e3), THEME_LIGHT);
    CHECK_INT(theme_ground(0x000000), THEME_DARK);
    CHECK_INT(theme_ground(0x002b36), THEME_DARK);
    CHECK_INT(theme_ground(0x0000ff), THEME_DARK); /* blue is dark, green is not */
    CHECK_INT(theme_ground(0x00ff00), THEME_LIGHT);
}

/* Grounds, texts and the 16 colours of usual terminals. */
static const struct unit_theme_palette {
    const char *name;
    uint32_t ground, text;
    uint32_t colours[16];
} unit_theme_palettes[] = {
    {"xterm", 0x000000, 0xe5e5e5,
     {0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5, 0x7f7f7f,
      0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff}},
    {"VS Code", 0x1e1e1e, 0xcccccc,
     {0x000000, 0xcd3131, 0x0dbc79, 0xe5e510, 0x2472c8, 0xbc3fbc, 0x11a8cd, 0xe5e5e5, 0x666666,
      0xf14c4c, 0x23d18b, 0xf5f543, 0x3b8eea, 0xd670d6, 0x29b8db, 0xe5e5e5}},
    {"GNOME", 0x171421, 0xd0cfcc,
     {0x171421, 0xc01c28, 0x26a269, 0xa2734c, 0x12488b, 0xa347ba, 0x2aa1b3, 0xd0cfcc, 0x5e5c64,
      0xf66151, 0x33da7a, 0xe9ad0c, 0x2a7bde, 0xc061cb, 0x33c7de, 0xffffff}},
    {"iTerm2", 0x15191f, 0xdcdcdc,
     {0x14191e, 0xb43c2a, 0x00c200, 0xc7c400, 0x2744c7, 0xc040be, 0x00c5c7, 0xc7c7c7, 0x686868,
      0xdd7975, 0x58e790, 0xece100, 0xa7abf2, 0xe17ee1, 0x60fdff, 0xffffff}},
    {"Windows Terminal", 0x0c0c0c, 0xcccccc,
     {0x0c0c0c, 0xc50f1f, 0x13a10e, 0xc19c00, 0x0037da, 0x881798, 0x3a96dd, 0xcccccc, 0x767676,
      0xe74856, 0x16c60c, 0xf9f1a5, 0x3b78ff, 0xb4009e, 0x61d6d6, 0xf2f2f2}},
    {"Solarized dark", 0x002b36, 0x839496,
     {0x073642, 0xdc322f, 0x859900, 0xb58900, 0x268bd2, 0xd33682, 0x2aa198, 0xeee8d5, 0x002b36,
      0xcb4b16, 0x586e75, 0x657b83, 0x839496, 0x6c71c4, 0x93a1a1, 0xfdf6e3}},
    {"Gruvbox dark", 0x282828, 0xebdbb2,
     {0x282828, 0xcc241d, 0x98971a, 0xd79921, 0x458588, 0xb16286, 0x689d6a, 0xa89984, 0x928374,
      0xfb4934, 0xb8bb26, 0xfabd2f, 0x83a598, 0xd3869b, 0x8ec07c, 0xebdbb2}},
    /* On light ones no style has one of the 16 colours. */
    {"xterm, VS Code, GNOME, iTerm2 light", 0xffffff, 0x333333, {0}},
    {"Windows Terminal light", 0xfafafa, 0x383a42, {0}},
    {"Solarized light", 0xfdf6e3, 0x657b83, {0}},
    {"Gruvbox light", 0xfbf1c7, 0x3c3836, {0}},
};

/* Returns x to the power of 2.4, x from 0 to 1: by the fifth root of its square. */
static double unit_theme_power(double x)
{
    double root = 1;
    for (int i = 0; i < 60; i++)
        root -= (root * root * root * root * root - x * x) / (5 * root * root * root * root);
    return x * x * root;
}

static double unit_theme_luminance(uint32_t rgb)
{
    static const double weights[] = {0.0722, 0.7152, 0.2126};
    double sum = 0;
    for (int i = 0; i < 3; i++) {
        double c = (rgb >> 8 * i & 0xff) / 255.0;
        sum += weights[i] * (c <= 0.04045 ? c / 12.92 : unit_theme_power((c + 0.055) / 1.055));
    }
    return sum;
}

/* The contrast of WCAG 2: 1 to 21. */
static double unit_theme_contrast(uint32_t a, uint32_t b)
{
    double x = unit_theme_luminance(a) + 0.05, y = unit_theme_luminance(b) + 0.05;
    return x > y ? x / y : y / x;
}

static uint32_t unit_theme_rgb(const struct unit_theme_palette *p, uint32_t colour,
                               uint32_t otherwise)
{
    static const uint32_t levels[] = {0, 95, 135, 175, 215, 255};
    uint32_t n = colour & 0xff, cube = n - 16;
    if (!colour)
        return otherwise;
    if (n < 16)
        return p->colours[n];
    if (n >= 232)
        return (8 + 10 * (n - 232)) * 0x010101;
    return levels[cube / 36] << 16 | levels[cube / 6 % 6] << 8 | levels[cube % 6];
}

/* Checks one style on the ground and, but for rules, on the selected row's. */
static void unit_theme_check(const struct unit_theme_palette *p, const struct theme *th,
                             const char *name, struct cell_style style, double least)
{
    double own = unit_theme_contrast(p->text, p->ground);
    double got = unit_theme_contrast(unit_theme_rgb(p, style.fg, p->text), p->ground);
    int rule = strcmp(name, "border") == 0;
    least = rule ? 3 : least < own ? least : own;
    if (got < least)
        printf("# %s, %s: %.2f\n", p->name, name, got);
    CHECK(got >= least);
    for (int i = THEME_SELECTED; i <= THEME_UNFOCUSED && !rule; i++) {
        struct cell_style ground = th->style[i];
        if (ground.attr & CELL_REVERSE)
            continue; /* the text's own colours, exchanged */
        uint32_t fg = style.fg && style.fg != th->style[THEME_DIM].fg ? style.fg : ground.fg;
        got = unit_theme_contrast(unit_theme_rgb(p, fg, 0), unit_theme_rgb(p, ground.bg, 0));
        if (got < least)
            printf("# %s, %s when selected: %.2f\n", p->name, name, got);
        CHECK(got >= least);
    }
}

static void unit_theme_check_all(const struct unit_theme_palette *p, enum theme_ground ground,
                                 enum cell_depth depth, double least)
{
    struct config none = {0};
    struct theme th;
    theme_set(&th, &none, ground, depth, NULL);
    for (int i = 0; i < THEME_STYLES; i++)
        if (!th.style[i].bg)
            unit_theme_check(p, &th, theme_defaults[i].name, th.style[i], least);
    for (int i = 0; i < th.agent_count; i++)
        unit_theme_check(p, &th, th.agents[i].name, th.agents[i].style, least);
}

static void unit_theme_contrasts(void)
{
    test_begin("every default style can be read on the grounds of usual terminals");
    for (size_t i = 0; i < COUNT_OF(unit_theme_palettes); i++) {
        const struct unit_theme_palette *p = &unit_theme_palettes[i];
        enum theme_ground ground = theme_ground(p->ground);
        unit_theme_check_all(p, ground, CELL_256, 4.5);
        unit_theme_check_all(p, ground, CELL_TRUE, 4.5);
        unit_theme_check_all(p, ground, CELL_16, 3);
        unit_theme_check_all(p, THEME_NEUTRAL, CELL_256, 3);
        unit_theme_check_all(p, THEME_NEUTRAL, CELL_16, 3);
    }
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
    theme_set(&th, &c, THEME_DARK, CELL_256, &problems);
    CHECK_INT(th.style[THEME_ACCENT].fg, CELL_INDEXED | 200);
    CHECK_INT(th.style[THEME_DIM].fg, CELL_INDEXED | 247); /* as if it had not been said */
    CHECK_INT(th.style[THEME_WAITING].bg, CELL_INDEXED | 3);
    CHECK_INT(theme_agent(&th, "claude").fg, CELL_RGB | 0x010203);
    CHECK_INT(theme_agent(&th, "mine").attr, CELL_BOLD);
    CHECK_INT(theme_agent(&th, "gemini").fg, CELL_INDEXED | 111);
    CHECK_INT(theme_agent(&th, "unheard of").fg, CELL_INDEXED | 183);
    CHECK_INT(theme_agent(&th, NULL).fg, CELL_INDEXED | 183);
    CHECK_SPAN(buf_view(&problems),
               "file:3: nothing: nothing of that name has a colour; telec config lists them\n"
               "file:4: shiny" THEME_EXPECTED "\n"
               "file:7: agent-: nothing of that name has a colour; telec config lists them\n");
    theme_put_config(&c, &out);
    CHECK(strstr(buf_cstr(&out), "# file:2\naccent = 200\n") != NULL);
    CHECK(strstr(buf_cstr(&out), "# on a light ground 241\n# default\ndim = 247\n") != NULL);
    CHECK(strstr(buf_cstr(&out), "# file:9\nwaiting = bold blue on yellow\n") != NULL);
    CHECK(strstr(buf_cstr(&out), "# file:6\nagent-mine = bold\n") != NULL);
    theme_set(&th, &c, THEME_LIGHT, CELL_256, NULL);
    CHECK_INT(th.style[THEME_ACCENT].fg, CELL_INDEXED | 200); /* what was set stays */
    CHECK_INT(th.style[THEME_WORKING].fg, CELL_INDEXED | 22);
    theme_set(&th, &c, THEME_DARK, CELL_16, NULL);
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
    theme_set(&th, &c, THEME_DARK, CELL_256, &problems);
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
    unit_theme_contrasts();
    unit_theme_configured();
    unit_theme_many();
}
