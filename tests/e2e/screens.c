/* screens - what people see, compared with golden files: tests/golden/COLSxROWS has a file for
 * every view and dialog at that size, as text and as runs of styles (tests/golden/legend).
 *
 * TELEC_GOLDEN=write writes the files anew: look at the difference before you keep them. With
 * NO_COLOR, and on a light ground, the screens must have the same text, and styles of their own. A
 * terminal with ASCII alone has files of its own. */

#ifndef SCREENS_WAIT_MS
#define SCREENS_WAIT_MS 5000 /* for a screen to be as it should be */
#endif
#ifndef SCREENS_KEY_MS
#define SCREENS_KEY_MS 200 /* without output: a key has drawn nothing */
#endif
#ifndef SCREENS_REST_MS
#define SCREENS_REST_MS 20 /* without more output: a key has been drawn */
#endif

/* ---- what there is to see ------------------------------------------------------------------- */

static char *screens_ago(long seconds)
{
    time_t at = time(NULL) - seconds;
    char text[40];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S+00:00", gmtime(&at));
    return format("%s", text);
}

/* A session object; members begins with a comma or is empty. Ages lie between two minutes' ends. */
static char *screens_session(const char *id, const char *computer, const char *dir,
                             const char *state, long age, const char *members)
{
    static int made;
    return format("{\"session_id\":\"%s\",\"computer\":\"%s\",\"working_directory\":\"%s\","
                  "\"state\":\"%s\",\"last_activity\":\"%s\",\"state_since\":\"%s\","
                  "\"created_at\":\"2026-01-01T00:%02d:00+00:00\"%s}",
                  id, computer, dir, state, screens_ago(age), screens_ago(age), made++ % 60,
                  members);
}

static char *screens_sessions(void)
{
    char *parser = format("%s/src/parser", e2e.home), *site = format("%s/src/site", e2e.home);
    struct text t = {0};
    text_str(&t, "[");
    text_str(&t, screens_session("11111111-1111-4111-8111-111111111111", "tower", parser, "idle",
                                 125, ",\"title\":\"make the tests pass\",\"active_agent\":"
                                      "\"claude\",\"thinking_mode\":\"slow\",\"state_source\":"
                                      "\"hook\",\"unseen\":true,\"last_input\":\"make the tests "
                                      "pass\",\"last_output\":\"All 214 tests pass.\""));
    text_str(&t, ",");
    text_str(&t, screens_session("22222222-2222-4222-8222-222222222222", "tower", parser,
                                 "waiting", 5, ",\"title\":\"review the change\",\"active_agent\":"
                                 "\"gemini\",\"thinking_mode\":\"med\",\"state_source\":\"hook\","
                                 "\"initiator_session_id\":\"11111111-1111-4111-8111-111111111111"
                                 "\",\"last_input\":\"review the change\",\"last_output\":\"Two "
                                 "findings.\",\"state_text\":\"Shall I fix both? [y/n]\","
                                 "\"waits_for\":\"choice\",\"branch\":\"main\""));
    text_str(&t, ",");
    text_str(&t, screens_session("33333333-3333-4333-8333-333333333333", "tower", parser, "exited",
                                 7500, ",\"title\":\"build\",\"command\":\"/usr/bin/make -j4\","
                                       "\"exit_code\":2,\"state_source\":\"exit\",\"last_output\":"
                                       "\"parser.c:12: error: expected ;\""));
    text_str(&t, ",");
    text_str(&t, screens_session("44444444-4444-4444-8444-444444444444", "tower", site, "working",
                                 5, ",\"title\":\"dev server\",\"active_agent\":\"shell\","
                                     "\"branch\":\"main\","
                                     "\"state_source\":\"output\",\"last_output\":\"GET "
                                     "/index.html 200\""));
    text_str(&t, ",");
    text_str(&t, screens_session("55555555-5555-4555-8555-555555555555", "tower", site, "exited",
                                 260000, ",\"title\":\"\\u65e5\\u672c\\u8a9e e\\u0301 "
                                         "\\ud83d\\udc69\\u200d\\ud83d\\udcbb \\u001b[31mred "
                                         "and so long that it must be cut somewhere, be the screen "
                                         "as wide as it may be, which can be two hundred columns "
                                         "and then some more of them until the end\",\"command\":"
                                         "\"true\",\"exit_code\":0,\"state_source\":\"exit\""));
    text_str(&t, ",");
    text_str(&t, screens_session("66666666-6666-4666-8666-666666666666", "garage", "/srv/backup",
                                 "starting", 5, ",\"title\":\"nightly backup\",\"active_agent\":"
                                                 "\"codex\",\"thinking_mode\":\"fast\","
                                                 "\"last_input\":\"back up everything\""));
    text_str(&t, "]");
    return t.p;
}

static char *screens_projects(void)
{
    return format(
        "[{\"computer\":\"tower\",\"name\":\"parser\",\"path\":\"%s/src/parser\",\"description\":"
        "\"\",\"todos\":[{\"slug\":\"fix-unicode\",\"status\":\"in_progress\",\"description\":"
        "\"Accept every valid sequence\",\"has_requirements\":true,\"has_impl_plan\":true,"
        "\"build_status\":\"complete\",\"review_status\":\"pending\"},{\"slug\":\"faster\","
        "\"status\":\"ready\",\"description\":\"Read in blocks instead of lines\","
        "\"has_requirements\":true,\"has_impl_plan\":true},{\"slug\":\"a-new-front-end\","
        "\"status\":\"pending\",\"description\":\"\\u65e5\\u672c\\u8a9e words and more of them, a "
        "description that is longer than most screens are wide, so that it is cut\","
        "\"has_requirements\":false,\"has_impl_plan\":false}]},"
        "{\"computer\":\"garage\",\"name\":\"backup\",\"path\":\"/srv/backup\",\"todos\":[]}]",
        e2e.home);
}

static struct fake *screens_fake(void)
{
    char *agents = format("{\"claude\":{\"agent\":\"claude\",\"available\":true},\"gemini\":{"
                          "\"agent\":\"gemini\",\"available\":false,\"reason\":\"rate limit\","
                          "\"unavailable_until\":\"%s\"},\"codex\":{\"agent\":\"codex\","
                          "\"available\":false,\"reason\":\"not installed\"},\"shell\":{"
                          "\"agent\":\"shell\",\"available\":true}}",
                          screens_ago(-2575));
    return fake_start((struct fake){
        .sessions = screens_sessions(),
        .projects = screens_projects(),
        .computers = "[{\"name\":\"tower\",\"status\":\"online\"},{\"name\":\"garage\",\"status\":"
                     "\"online\"}]",
        .agents = agents,
        .preview = "\033[H\033[J\033[32m> \033[0mreview the change\r\n\r\nReading src/parser.c "
                   "\342\200\246\r\nTwo findings. \033[1mShall I fix both?\033[0m [y/n] "});
}

/* ---- styles --------------------------------------------------------------------------------- */

/* The style of each cell, as the sequences say: attributes, and whether and which colours. */
struct screens_style {
    char text[24];
};

struct screens_map {
    struct screens_style cells[PTY_ROWS_MAX][PTY_COLS_MAX];
    struct pty mirror;
    size_t at;
    int attr; /* 1 bold, 2 dim, 4 reverse, 8 underline */
    int fg, bg;
    int coloured; /* some colour was ever asked for */
};

static const char *screens_colour(struct screens_map *m, const char *p, int *colour)
{
    long kind = strtol(p, (char **)&p, 10);
    long value = *p == ';' || *p == ':' ? strtol(p + 1, (char **)&p, 10) : 0;
    m->coloured = 1;
    *colour = (int)(kind == 5 ? value : 999);
    for (int i = 0; kind == 2 && i < 2 && (*p == ';' || *p == ':'); i++)
        strtol(p + 1, (char **)&p, 10);
    return p;
}

static void screens_sgr(struct screens_map *m, const char *p)
{
    for (;;) {
        long n = strtol(p, (char **)&p, 10);
        if (*p == ':') /* a kind of underline */
            strtol(p + 1, (char **)&p, 10);
        if (n == 0)
            m->attr = 0, m->fg = m->bg = -1;
        else if (n == 1 || n == 2 || n == 4 || n == 7)
            m->attr |= n == 1 ? 1 : n == 2 ? 2 : n == 7 ? 4 : 8;
        else if (n == 22)
            m->attr &= ~3;
        else if (n == 24 || n == 27)
            m->attr &= n == 24 ? ~8 : ~4;
        else if (n == 38 || n == 48)
            p = screens_colour(m, p + (*p == ';' || *p == ':'), n == 38 ? &m->fg : &m->bg);
        else if (n == 39 || n == 49)
            *(n == 39 ? &m->fg : &m->bg) = -1;
        else if ((n >= 30 && n < 38) || (n >= 90 && n < 98))
            m->fg = (int)(n < 38 ? n - 30 : n - 82), m->coloured = 1;
        if (*p != ';')
            return;
        p++;
    }
}

static void screens_put_style(struct screens_map *m, struct screens_style *s)
{
    char *at = s->text;
    at += sprintf(at, "%s%s%s%s", m->attr & 1 ? "b" : "", m->attr & 2 ? "d" : "",
                  m->attr & 4 ? "r" : "", m->attr & 8 ? "u" : "");
    at += m->fg >= 0 ? sprintf(at, "%d", m->fg) : 0;
    at += m->bg >= 0 ? sprintf(at, "/%d", m->bg) : 0;
    *at = '\0';
}

/* Follows the terminal's output as far as that has come. */
static void screens_follow(struct screens_map *m, struct pty *t)
{
    struct pty *k = &m->mirror;
    k->rows = t->rows;
    k->cols = t->cols;
    while (m->at < t->parsed) {
        const char *p = t->raw.p + m->at;
        int col = k->col;
        size_t n = pty_sequence(k, p, t->parsed - m->at);
        if (n == 0)
            return;
        if (*p == '\033' && n > 2 && p[1] == '[' && p[n - 1] == 'm' && !strchr("?>", p[2]))
            screens_sgr(m, p + 2);
        else if (*p == '\033' && n > 2 && p[1] == '[' && (p[n - 1] == 'L' || p[n - 1] == 'M'))
            pty_move_lines(k, m->cells, sizeof m->cells[0],
                           (p[n - 1] == 'M' ? 1 : -1) * (n > 3 ? atoi(p + 2) : 1));
        else if ((unsigned char)*p >= 0x20 || (n > 2 && p[1] == '[' && strchr("XK", p[n - 1])))
            for (int end = *p != '\033'     ? k->col
                           : p[n - 1] == 'K' ? k->cols
                                             : col + atoi(p + 2);
                 col < end; col++)
                screens_put_style(m, &m->cells[k->row][col]);
        m->at += n;
    }
}

/* The style of a cell as it is seen: of a blank only what shows on one. */
static const char *screens_seen(const struct screens_map *m, const struct pty *t, int row, int col,
                                const char *before)
{
    const char *style = m->cells[row][col].text;
    int blank = !t->cells[row][col] || t->cells[row][col] == ' ';
    if (blank && (!t->cells[row][col] || !strpbrk(style, "ru/")))
        return before; /* it belongs to what stands before it */
    return style;
}

/* Runs of styles of a row: "COL+COLUMNS=STYLE", those that are plain left out. */
static char *screens_row_styles(const struct screens_map *m, const struct pty *t, int row)
{
    struct text line = {0};
    int last = t->cols;
    text_add(&line, "", 0);
    while (last > 0 && !*screens_seen(m, t, row, last - 1, ""))
        last--;
    for (int col = 0; col < last;) {
        const char *seen = screens_seen(m, t, row, col, "");
        char style[24];
        int from = col;
        snprintf(style, sizeof style, "%s", seen);
        while (++col < last && strcmp(screens_seen(m, t, row, col, seen), seen) == 0)
            ;
        if (*style)
            text_str(&line, format(" %d+%d=%s", from, col - from, style));
    }
    return line.p;
}

/* ---- a screen as text ----------------------------------------------------------------------- */

/* Seconds that are counted down are not golden. */
static char *screens_mask(char *screen)
{
    for (char *p = screen; *p; p++) {
        char *end = p;
        while (isdigit((unsigned char)*end))
            end++;
        if (end > p && strncmp(end, " s", 2) == 0 && !isalpha((unsigned char)end[2]) &&
            (p == screen || !isalnum((unsigned char)p[-1])))
            memset(p, 'N', (size_t)(end - p));
        p = end > p ? end - 1 : p;
    }
    return screen;
}

static char *screens_text(const struct pty *t)
{
    struct text all = {0};
    for (int row = 0; row < t->rows; row++)
        text_str(&all, format("|%s\n", screens_mask(pty_row(t, row))));
    return all.p;
}

static char *screens_styles(struct screens_map *m, struct pty *t)
{
    struct text all = {0};
    text_add(&all, "", 0);
    screens_follow(m, t);
    for (int row = 0; row < t->rows; row++) {
        char *styles = screens_row_styles(m, t, row);
        if (*styles)
            text_str(&all, format("%d:%s\n", row, styles));
    }
    return all.p;
}

/* ---- the script ----------------------------------------------------------------------------- */

static const struct screens_step {
    const char *name;  /* of the screen and its golden file */
    const char *keys;
    const char *tell;  /* to the fake daemon, before the keys */
    const char *leave; /* keys that leave it again */
    const char *await; /* what must be shown before the keys, if anything */
    int git;           /* it needs git */
} screens_script[] = {
    {"sessions", "", NULL, "", "Shall I", 0},
    {"selected", "gjjjj", NULL, "", NULL, 0},
    {"last", "G", NULL, "g", NULL, 0},
    {"filter", "/is:w review", NULL, "", NULL, 0},
    {"filter kept", "\r", NULL, "\033", NULL, 0},
    {"nothing found", "/is:idle nonsense", NULL, "\033", NULL, 0},
    {"jump", "'1.1", NULL, "\033", NULL, 0},
    {"folded", "_", NULL, "+", NULL, 0},
    {"focus", "G" UI_LEFT UI_LEFT UI_LEFT UI_RIGHT, NULL, "\033g", NULL, 0},
    {"new", "jn\033[Z" UI_CTRL_U "/srv/parser\r", NULL, "", NULL, 0},
    {"new with text", "\r\r\rtitle\rsay\012so \346\227\245\346\234\254", NULL, "", NULL, 0},
    {"new refused", UI_CTRL_S, NULL, "\033", NULL, 0},
    {"message", "gjjjm", NULL, "\033", NULL, 0},
    {"answer", "a", NULL, "\033", NULL, 0},
    {"key", "K", NULL, "\033", NULL, 0},
    {"marked", "V", NULL, "", NULL, 0},
    {"end many", "x", NULL, "nV", NULL, 0},
    {"details", "i", NULL, "i", NULL, 0},
    {"two screens", "=", NULL, "", NULL, 0},
    {"four screens", "=", NULL, "=", NULL, 0},
    {"rename", "R", NULL, "\033", NULL, 0},
    {"end", "x", NULL, "n", NULL, 0},
    {"attached", "\r", NULL, UI_PREFIX "d", NULL, 0},
    {"prefix", "\r" UI_PREFIX, NULL, "", NULL, 0},
    {"prefix unknown", "z", NULL, UI_PREFIX "d", NULL, 0},
    {"read-only", "A", NULL, UI_PREFIX "d", NULL, 0},
    {"reading", "v", NULL, "", NULL, 0},
    {"found", "/fix\r", NULL, "", NULL, 0},
    {"lines selected", "vk", NULL, "vvq", NULL, 0},
    {"help", "?", NULL, "", NULL, 0},
    {"help filtered", "view", NULL, "\033\033", NULL, 0},
    {"prepare", "2Gp", NULL, "\033", NULL, 0},
    {"todos found", "/faster", NULL, "\033", NULL, 0},
    {"preparation", "g", NULL, "", NULL, 0},
    {"a todo", "jj" UI_RIGHT "j", NULL, "", NULL, 0},
    {"a file", "v", NULL, "q" UI_LEFT UI_LEFT "1", NULL, 0},
    {"diff", "gjjjjjjd", NULL, "q", NULL, 1},
    {"worktree", "n\033[Z\033[Z" UI_CTRL_U "~/src/site\rnav/menu", NULL, "", NULL, 1},
    {"hooks", "\ri", NULL, "\033", NULL, 1},
    {"empty", "", "event {\"event\":\"sessions_initial\",\"data\":{\"sessions\":[]}}", "", NULL, 0},
    {"ended", "gjjjxy", "mode good\ninitial", "u", "dev server", 0}, /* said for a while … */
    {"a refusal", "2gjjs", NULL, "1", "end undone", 0},
    {"messages", "!", NULL, "\033", NULL, 0},
    {"lost", "", "mode closes\ndrop", "", NULL, 0}, /* … and must have gone here */
};

/* Headings of a golden file's styles, of an enum screens_styles. */
enum screens_styles { SCREENS_DARK, SCREENS_MONO, SCREENS_LIGHT };

static const char *const screens_headings[] = {"= styles\n", "= styles with NO_COLOR\n",
                                               "= styles on a light ground\n"};

struct screens_run {
    struct ui *u;
    struct fake *fake;
    struct screens_map *map;
    const char *golden; /* the directory of this size's files */
    int write;
    enum screens_styles styles;
};

/* How a terminal can be, and what its golden files' directory ends in. */
static const struct screens_kind {
    const char *ending, *variable, *answer; /* in the environment; to what the UI asks */
    enum screens_styles styles;
} screens_kinds[] = {
    {"", "X=", "", SCREENS_DARK},
    {"", "NO_COLOR=1", "", SCREENS_MONO},
    {"", "X=", "\033]11;rgb:ffff/ffff/ffff\033\\", SCREENS_LIGHT},
    {"-ascii", "LANG=C", "", SCREENS_DARK},
};

/* The path of a screen's golden file: its name, with - for blanks. */
static char *screens_path(const struct screens_run *r, const char *name)
{
    char *path = format("%s/%s", r->golden, name);
    for (char *p = path + strlen(r->golden); (p = strchr(p, ' ')); )
        *p = '-';
    return path;
}

/* What the golden file says that a screen looks like, "" when there is none: the text, whose lines
 * begin with '|', and the styles behind the heading. */
static char *screens_expected(const struct screens_run *r, const char *name)
{
    char *golden = file_read(screens_path(r, name), NULL);
    const char *heading = screens_headings[r->styles];
    char *styles = golden ? strstr(golden, heading) : NULL;
    if (!styles)
        return format("");
    styles += strlen(heading);
    char *next = strstr(styles, "\n= ");
    if (next)
        next[1] = '\0';
    return format("%.*s%s", (int)(strstr(golden, screens_headings[0]) - golden), golden, styles);
}

static char *screens_take(struct screens_run *r)
{
    return format("%s%s", screens_text(r->u->t), screens_styles(r->map, r->u->t));
}

static void screens_tell_difference(struct screens_run *r, const char *name, const char *got,
                                    const char *want)
{
    e2e.failures++;
    printf("# %s, %s", name, screens_headings[r->styles]);
    for (int line = 0, told = 0; (*got || *want) && told < 6; line++) {
        int g = (int)strcspn(got, "\n"), w = (int)strcspn(want, "\n");
        if (g != w || strncmp(got, want, (size_t)g) != 0) {
            printf("#   line %d is \"%.*s\"\n#     instead of \"%.*s\"\n", line, g, got, w, want);
            told++;
        }
        got += g + (got[g] == '\n');
        want += w + (want[w] == '\n');
    }
    fflush(stdout);
}

static void screens_compare(struct screens_run *r, const char *name)
{
    char *want = screens_expected(r, name), *got = NULL;
    long long until = now_ms() + SCREENS_WAIT_MS;
    while (strcmp(got = screens_take(r), want) != 0 && now_ms() < until)
        if (pty_read(r->u->t, 50) < 0)
            break;
    if (strcmp(got, want) != 0)
        screens_tell_difference(r, name, got, want);
}

/* A golden file is written from what the screen shows once nothing has come for a while. */
static void screens_write(struct screens_run *r, const char *name)
{
    char *path = screens_path(r, name);
    while (pty_read(r->u->t, 150) > 0)
        ;
    char *before = r->styles ? file_read(path, NULL) : screens_text(r->u->t);
    char *made = format("%s%s%s", before, screens_headings[r->styles],
                        screens_styles(r->map, r->u->t));
    file_write(path, made, 0644);
}

/* Types the keys one at a time: an Escape is one only when nothing follows at once, and what is
 * drawn in between decides how far a list has scrolled. */
static void screens_type(struct screens_run *r, const char *keys)
{
    while (*keys) {
        size_t n = *keys == '\033' && keys[1] == '[' ? 3 : 1;
        while ((keys[n] & 0xc0) == 0x80)
            n++;
        ui_keys(r->u, format("%.*s", (int)n, keys));
        if (pty_read(r->u->t, SCREENS_KEY_MS) > 0)
            while (pty_read(r->u->t, SCREENS_REST_MS) > 0)
                ;
        keys += n;
    }
}

/* Makes ~/src/site a repository with a change and a new file. Returns 0 where git is not. */
static int screens_make_repository(void)
{
    static int made = -1;
    char *dir = format("%s/src/site", e2e.home);
    if (made >= 0)
        return made;
    mkdir(dir, 0700);
    file_write(format("%s/page", dir), "one\ntwo\n", 0600);
    made = system(format("cd %s && git init -q -b main && git add . && git -c user.name=a -c "
                         "user.email=a@b commit -q -m one", dir)) == 0;
    file_write(format("%s/page", dir), "one\ntwo and a half\n", 0600);
    file_write(format("%s/new page", dir), "three\n", 0600);
    return made;
}

static void screens_run_script(struct screens_run *r)
{
    for (size_t i = 0; i < sizeof screens_script / sizeof *screens_script; i++) {
        const struct screens_step *step = &screens_script[i];
        if (strstr(step->name, " screens") && r->u->t->rows < 24)
            continue; /* said to be too small, for longer than the next screens are shown */
        if (step->git && !screens_make_repository())
            continue;
        if (strcmp(step->name, "lost") == 0)
            UI_AWAIT_GONE(r->u, "it is in ");
        if (step->tell)
            fake_tell(r->fake, step->tell);
        if (step->await)
            UI_AWAIT_TEXT(r->u, step->await);
        screens_type(r, step->keys);
        if (r->write)
            screens_write(r, step->name);
        else
            screens_compare(r, step->name);
        screens_type(r, step->leave);
    }
}

static char *screens_directory(int rows, int cols, const char *ending)
{
    char *dir = format("%s", e2e.self);
    *strrchr(dir, '/') = '\0';
    return format("%s/../tests/golden/%dx%d%s", dir, cols, rows, ending);
}

static void screens_start(struct screens_run *r, int rows, int cols,
                          const struct screens_kind *kind)
{
    const char *script = format("cd ~/src/parser && exec env %s '%s'", kind->variable, e2e.binary);
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    r->fake = screens_fake();
    r->map = calloc(1, sizeof *r->map);
    r->map->fg = r->map->bg = -1;
    r->u = ui_of(pty_start(rows, cols, argv));
    UI_AWAIT(r->u, r->u->t->rows && pty_row(r->u->t, 0)[0]); /* it reads what it is answered */
    ui_keys(r->u, kind->answer);
}

static void screens_at(int rows, int cols, const char *ending)
{
    int write = getenv("TELEC_GOLDEN") && strcmp(getenv("TELEC_GOLDEN"), "write") == 0;
    mkdir(format("%s/src", e2e.home), 0700);
    mkdir(format("%s/src/parser", e2e.home), 0700);
    mkdir(format("%s/src/parser/todos", e2e.home), 0700);
    mkdir(format("%s/src/parser/todos/fix-unicode", e2e.home), 0700);
    file_write(format("%s/src/parser/todos/fix-unicode/requirements.md", e2e.home),
               "# Requirements\n\nEvery **valid** sequence is accepted, `U+FFFD` stands for any "
               "other.\n\n- one\n- two\n", 0600);
    mkdir(format("%s/telec", e2e.config), 0700);
    file_write(format("%s/telec/config", e2e.config), "[computer]\nname = tower\n", 0600);
    for (size_t i = 0; i < sizeof screens_kinds / sizeof *screens_kinds; i++) {
        const struct screens_kind *kind = &screens_kinds[i];
        struct screens_run r = {.golden = screens_directory(rows, cols, kind->ending),
                                .write = write, .styles = kind->styles};
        if (strcmp(kind->ending, ending) != 0)
            continue;
        if (write)
            mkdir(r.golden, 0755);
        screens_start(&r, rows, cols, kind);
        screens_run_script(&r);
        ui_keys(r.u, "q");
        CHECK_INT(pty_await_exit(r.u->t), 0);
        screens_follow(r.map, r.u->t);
        CHECK_INT(r.map->coloured, kind->styles != SCREENS_MONO);
        fake_stop(r.fake);
        unlink(format("%s/telec/ui.json", e2e.state));
        unlink(format("%s/telec/hints", e2e.state));
        unlink(format("%s/.claude/settings.json", e2e.home));
    }
}

#define SCREENS_TEST(cols, rows)                                                                   \
    static void test_screens_##cols##x##rows(void)                                                 \
    {                                                                                              \
        screens_at(rows, cols, "");                                                                \
    }                                                                                              \
    static void test_screens_ascii_##cols##x##rows(void)                                           \
    {                                                                                              \
        screens_at(rows, cols, "-ascii");                                                          \
    }
SCREENS_TEST(24, 6)
SCREENS_TEST(40, 12)
SCREENS_TEST(80, 24)
SCREENS_TEST(120, 40)
SCREENS_TEST(200, 60)

static const struct test screens_tests[] = {
    {"screens_24x6", test_screens_24x6},       {"screens_ascii_24x6", test_screens_ascii_24x6},
    {"screens_40x12", test_screens_40x12},     {"screens_ascii_40x12", test_screens_ascii_40x12},
    {"screens_80x24", test_screens_80x24},     {"screens_ascii_80x24", test_screens_ascii_80x24},
    {"screens_120x40", test_screens_120x40},   {"screens_ascii_120x40", test_screens_ascii_120x40},
    {"screens_200x60", test_screens_200x60},   {"screens_ascii_200x60", test_screens_ascii_200x60},
};
