#include "ui.h"

/* theme - named styles: defaults for what is known of the terminal, and the user's [colours].
 *
 * Where 256 colours are known the defaults are fixed ones of them, which no palette changes: text
 * has a contrast of 4.5 with a dark or light ground, other marks of 3; on an unknown ground all
 * have 3 with both (the tests compute that). Of 16 colours only some can be read on any dark
 * palette, and none on light ones. Shapes and words also tell states apart. */

enum { THEME_ON_DARK, THEME_ON_LIGHT, THEME_ON_ANY, THEME_OF_16, THEME_PLAIN, THEME_COLUMNS };

/* Default styles by their names in [colours]: on a dark, a light and an unknown ground; of 16
 * colours on a dark ground; without colours. NULL: as in the column before. */
static const struct {
    const char *name, *style[THEME_COLUMNS];
} theme_defaults[THEME_STYLES] = {
    {"text", {"default", NULL, NULL, NULL, NULL}},
    {"dim", {"247", "241", "244", "default", NULL}},
    {"accent", {"bold 117", "bold 24", "bold 31", "bold cyan", "bold"}},
    {"title", {"bold", NULL, NULL, NULL, NULL}},
    {"alarm", {"bold 210", "bold 124", "bold 167", "bold", NULL}},
    {"selected", {"bright-white on 237", "16 on 254", "reverse", NULL, NULL}},
    {"unfocused", {"bright-white on 236", "16 on 255", "reverse", NULL, NULL}},
    {"border", {"243", "245", "244", "default", NULL}},
    {"field", {"underline", NULL, NULL, NULL, NULL}},
    {"button", {"bold", NULL, NULL, NULL, NULL}},
    {"key", {"bold", NULL, NULL, NULL, NULL}},
    {"hint", {"247", "241", "244", "default", NULL}},
    {"tab", {"247", "241", "244", "default", NULL}},
    {"match", {"bold 221", "bold 94", "bold 130", "bold yellow", "bold"}},
    {"input", {"default", NULL, NULL, NULL, NULL}},
    {"output", {"default", NULL, NULL, NULL, NULL}},
    {"muted", {"247", "241", "244", "default", NULL}},
    {"live", {"114", "22", "28", "green", "default"}},
    {"polling", {"221", "94", "130", "yellow", "default"}},
    {"offline", {"bold 210", "bold 124", "bold 167", "bold", NULL}},
    {"starting", {"247", "241", "244", "default", NULL}},
    {"working", {"114", "22", "28", "green", "default"}},
    {"waiting", {"bold 221", "bold 94", "bold 130", "bold yellow", "bold"}},
    {"idle", {"247", "241", "244", "default", NULL}},
    {"exited", {"247", "241", "244", "default", NULL}},
    {"failed", {"210", "124", "167", "bright-red", "bold"}},
    {"heading", {"bold 117", "bold 24", "bold 31", "bold cyan", "bold"}},
    {"code", {"114", "22", "28", "green", "default"}},
};

/* The colours of agents without a row of their own. In [colours], agents have the prefix
 * "agent-". */
#define THEME_OTHER_AGENTS "183"
#define THEME_OTHER_ON_LIGHT "90"
#define THEME_AGENT "agent-"
#define THEME_EXPECTED \
    ": expected [bold] [dim] [reverse] [underline] COLOUR [on COLOUR], COLOUR being a name (red, " \
    "bright-red, default …), 0 to 255 or #rrggbb"

/* ---- a style as text ------------------------------------------------------------------------ */

static const char *const theme_colours[] = {"black", "red",     "green", "yellow",
                                            "blue",  "magenta", "cyan",  "white"};

static const struct {
    const char *name;
    uint16_t attr;
} theme_attributes[] = {{"bold", CELL_BOLD},
                        {"dim", CELL_DIM},
                        {"reverse", CELL_REVERSE},
                        {"underline", 1 << CELL_UNDERLINE_SHIFT}};

static int theme_hex(span s, uint32_t *value)
{
    *value = 0;
    for (size_t i = 0; i < s.n; i++) {
        static const char digits[] = "0123456789abcdef";
        char c = s.p[i] >= 'A' && s.p[i] <= 'F' ? (char)(s.p[i] + 32) : s.p[i];
        const char *at = c ? strchr(digits, c) : NULL;
        if (!at)
            return 0;
        *value = *value << 4 | (uint32_t)(at - digits);
    }
    return 1;
}

static int theme_parse_number(span s, uint32_t *colour)
{
    uint32_t value = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || i == 3)
            return 0;
        value = value * 10 + (uint32_t)(s.p[i] - '0');
    }
    *colour = CELL_INDEXED | value;
    return s.n && value < 256;
}

static int theme_parse_colour(span s, uint32_t *colour)
{
    static const char bright[] = "bright-";
    uint32_t base = 0;
    if (s.n == 7 && s.p[0] == '#' && theme_hex(span_sub(s, 1), colour)) {
        *colour |= CELL_RGB;
        return 1;
    }
    if (span_eq(s, "default")) {
        *colour = 0;
        return 1;
    }
    if (s.n > sizeof bright - 1 && memcmp(s.p, bright, sizeof bright - 1) == 0) {
        s = span_sub(s, sizeof bright - 1);
        base = 8;
    }
    for (uint32_t i = 0; i < COUNT_OF(theme_colours); i++)
        if (span_eq(s, theme_colours[i])) {
            *colour = CELL_INDEXED | (base + i);
            return 1;
        }
    return base == 0 && theme_parse_number(s, colour);
}

static int theme_parse_attribute(span word, struct cell_style *style)
{
    for (size_t i = 0; i < COUNT_OF(theme_attributes); i++)
        if (span_eq(word, theme_attributes[i].name)) {
            style->attr = (uint16_t)(style->attr | theme_attributes[i].attr);
            return 1;
        }
    return 0;
}

static int theme_parse(span s, struct cell_style *style)
{
    struct cell_style found = {0};
    int words = 0, has_fg = 0, has_bg = 0, on = 0;
    while (s.n) {
        span word = span_cut(&s, ' ');
        if (!word.n)
            continue;
        words++;
        if (on) {
            if (!theme_parse_colour(word, &found.bg))
                return 0;
            has_bg = 1, on = 0;
        } else if (span_eq(word, "on") && !has_bg) {
            on = 1;
        } else if (has_fg || has_bg || !theme_parse_attribute(word, &found)) {
            if (has_fg || has_bg || !theme_parse_colour(word, &found.fg))
                return 0;
            has_fg = 1;
        }
    }
    if (!words || on)
        return 0;
    *style = found;
    return 1;
}

static void theme_put_colour(buf *b, uint32_t colour)
{
    uint32_t value = colour & 0xffffff;
    if (colour == 0)
        buf_str(b, "default");
    else if (colour & CELL_RGB)
        buf_fmt(b, "#%06lx", (unsigned long)value);
    else if (value < 16)
        buf_fmt(b, "%s%s", value < 8 ? "" : "bright-", theme_colours[value & 7]);
    else
        buf_int(b, (long long)value);
}

static void theme_put(buf *b, struct cell_style style)
{
    size_t before = b->n;
    for (size_t i = 0; i < COUNT_OF(theme_attributes); i++)
        if (style.attr & theme_attributes[i].attr)
            buf_fmt(b, "%s%s", b->n > before ? " " : "", theme_attributes[i].name);
    if (style.fg || b->n == before) {
        buf_str(b, b->n > before ? " " : "");
        theme_put_colour(b, style.fg);
    }
    if (style.bg) {
        buf_str(b, " on ");
        theme_put_colour(b, style.bg);
    }
}

/* ---- the theme ------------------------------------------------------------------------------ */

static struct cell_style theme_style(const char *style)
{
    struct cell_style found = {0};
    theme_parse(span_of(style), &found);
    return found;
}

static const char *theme_default(size_t i, int column)
{
    while (!theme_defaults[i].style[column])
        column--;
    return theme_defaults[i].style[column];
}

static int theme_column(enum theme_ground ground, enum cell_depth depth)
{
    if (depth < CELL_PLAIN)
        return depth == CELL_16 && ground == THEME_DARK ? THEME_OF_16 : THEME_PLAIN;
    return ground == THEME_DARK    ? THEME_ON_DARK
           : ground == THEME_LIGHT ? THEME_ON_LIGHT
                                   : THEME_ON_ANY;
}

/* An agent has its colour where the ground is known. */
static struct cell_style theme_agent_default(int column, const char *dark, const char *light)
{
    return theme_style(column == THEME_ON_DARK    ? dark
                       : column == THEME_ON_LIGHT ? light
                                                  : "default");
}

/* Returns the place of the style with that name in [colours], or NULL. Adds a place for a new
 * agent. */
static struct cell_style *theme_find(struct theme *th, const char *name)
{
    const size_t prefix = strlen(THEME_AGENT);
    for (size_t i = 0; i < THEME_STYLES; i++)
        if (strcmp(name, theme_defaults[i].name) == 0)
            return &th->style[i];
    if (strncmp(name, THEME_AGENT, prefix) != 0 || !name[prefix] ||
        strlen(name + prefix) >= CONFIG_NAME_MAX)
        return NULL;
    for (int i = 0; i < th->agent_count; i++)
        if (strcmp(name + prefix, th->agents[i].name) == 0)
            return &th->agents[i].style;
    if (th->agent_count == CONFIG_AGENTS_MAX)
        return NULL;
    int at = th->agent_count++;
    strcpy(th->agents[at].name, name + prefix);
    return &th->agents[at].style;
}

static void theme_set(struct theme *th, const struct config *c, enum theme_ground ground,
                      enum cell_depth depth, buf *problems)
{
    const struct agents_row *row;
    int column = theme_column(ground, depth);
    *th = (struct theme){.agent_count = 0};
    for (size_t i = 0; i < THEME_STYLES; i++)
        th->style[i] = theme_style(theme_default(i, column));
    th->agents[0].style =
        theme_agent_default(column, THEME_OTHER_AGENTS, THEME_OTHER_ON_LIGHT);
    th->agent_count = 1;
    for (size_t i = 0; (row = agents_row(i)); i++) {
        int at = th->agent_count++;
        strcpy(th->agents[at].name, row->name);
        th->agents[at].style = theme_agent_default(column, row->colour, row->colour_on_light);
    }
    for (int i = 0; i < c->colours.count; i++) {
        const struct config_entry *entry = &c->colours.items[i];
        struct cell_style style, *place = NULL;
        int good = theme_parse(span_of(entry->value), &style);
        if (good)
            place = theme_find(th, entry->name);
        if (place)
            *place = style;
        else if (problems)
            config_put_problem(c, problems, entry->line, span_of(good ? entry->name : entry->value),
                               good ? ": nothing of that name has a colour; telec config lists them"
                                    : THEME_EXPECTED);
    }
}

static enum theme_ground theme_ground(uint32_t rgb)
{
    unsigned r = rgb >> 16 & 0xff, g = rgb >> 8 & 0xff, b = rgb & 0xff;
    return r * 299 + g * 587 + b * 114 >= 128 * 1000 ? THEME_LIGHT : THEME_DARK;
}

static struct cell_style theme_agent(const struct theme *th, const char *agent)
{
    for (int i = 1; agent && i < th->agent_count; i++)
        if (strcmp(agent, th->agents[i].name) == 0)
            return th->agents[i].style;
    return th->agents[0].style;
}

/* Returns the line that sets the style; 0 when none does, or when it is invalid. */
static int theme_line(const struct config *c, const char *name)
{
    struct cell_style style;
    for (int i = 0; i < c->colours.count; i++)
        if (strcmp(c->colours.items[i].name, name) == 0)
            return theme_parse(span_of(c->colours.items[i].value), &style)
                       ? c->colours.items[i].line
                       : 0;
    return 0;
}

static void theme_put_line(const struct config *c, buf *b, const char *name,
                           struct cell_style style, const char *light)
{
    buf value = {0};
    int line = theme_line(c, name);
    theme_put(&value, style);
    if (!line && light)
        buf_fmt(b, "# on a light ground %s\n", light);
    config_put_value(c, b, name, buf_cstr(&value), line);
    buf_free(&value);
}

static void theme_put_config(const struct config *c, buf *b)
{
    struct theme th;
    theme_set(&th, c, THEME_DARK, CELL_256, NULL);
    buf_str(b, "[colours]\n");
    for (size_t i = 0; i < THEME_STYLES; i++)
        theme_put_line(c, b, theme_defaults[i].name, th.style[i], theme_defaults[i].style[1]);
    for (int i = 1; i < th.agent_count; i++) {
        const struct agents_row *row = agents_find(th.agents[i].name);
        char name[sizeof THEME_AGENT + CONFIG_NAME_MAX];
        base_fmt(name, sizeof name, "%s%s", THEME_AGENT, th.agents[i].name);
        theme_put_line(c, b, name, th.agents[i].style, row ? row->colour_on_light : NULL);
    }
}
