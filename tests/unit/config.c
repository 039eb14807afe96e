/* Unit tests of config: words as a shell splits them, the file and what is said about its lines,
 * paths, directories that can't be trusted. */

static uint32_t unit_config_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* The words, each as <word>; or what there is instead of them. */
static void unit_config_show_words(buf *b, const char *text)
{
    char **words = config_words(span_of(text));
    if (!words)
        buf_str(b, "open quote");
    for (size_t i = 0; words && words[i]; i++)
        buf_fmt(b, "<%s>", words[i]);
    free(words);
}

static void unit_config_words(void)
{
    test_begin("a line is split into words as a shell splits it");
    static const char *const cases[][2] = {
        {"", ""},
        {" \t\r\n ", ""},
        {"a", "<a>"},
        {"  a   b\tc\n", "<a><b><c>"},
        {"''", "<>"},
        {"\"\" ''", "<><>"},
        {"a''b", "<ab>"},
        {"'a b'c\" d\"", "<a bc d>"},
        {"\\a\\ b", "<a b>"},
        {"\\'", "<'>"},
        {"\\\"", "<\">"},
        {"a\\ ", "<a >"},
        {"'\\'", "<\\>"},
        {"\"\\a\"", "<\\a>"},
        {"\"\\\\ \\\" \\$ \\` \\n\"", "<\\ \" $ ` \\n>"},
        {"\"'\"", "<'>"},
        {"'\"'", "<\">"},
        {"$HOME *.c ~", "<$HOME><*.c><~>"},
        {"a#b #c", "<a#b><#c>"},
        {"a\\", "<a\\>"},
        {"\\\\", "<\\>"},
        {"'", "open quote"},
        {"\"", "open quote"},
        {"a 'b", "open quote"},
        {"\"a\\\"", "open quote"},
        {"'a'\\''b'", "<a'b>"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf b = {0};
        size_t n = strlen(cases[i][0]);
        char *guarded = guard_copy(span_of(cases[i][0]));
        unit_config_show_words(&b, cases[i][0]);
        CHECK_SPAN(buf_view(&b), cases[i][1]);
        free(config_words((span){guarded, n})); /* never past the end */
        guard_free(guarded, n);
        buf_free(&b);
    }
    test_begin("a line with a NUL has no words");
    for (size_t at = 0; at < 7; at++) {
        char line[] = "a 'b' c";
        line[at] = '\0';
        CHECK(config_words((span){line, sizeof line - 1}) == NULL);
    }
}

/* What is quoted comes back, whatever it is. */
static void unit_config_quoting(void)
{
    test_begin("a quoted word comes back as it was");
    static const char nasty[] = " '\"\\$`\t\n#~*?;&|<>(){}[]!a";
    uint32_t seed = 11;
    for (int round = 0; round < 2000; round++) {
        char words[4][12];
        buf line = {0};
        int count = (int)(unit_config_random(&seed) % 5);
        for (int w = 0; w < count; w++) {
            size_t n = unit_config_random(&seed) % sizeof words[w];
            for (size_t i = 0; i < n; i++)
                words[w][i] = unit_config_random(&seed) % 4
                                  ? nasty[unit_config_random(&seed) % (sizeof nasty - 1)]
                                  : (char)(1 + unit_config_random(&seed) % 255);
            words[w][n] = '\0';
            if (w)
                buf_byte(&line, ' ');
            config_put_quoted(&line, words[w]);
        }
        char **got = config_words(buf_view(&line));
        CHECK(got != NULL);
        for (int w = 0; got && w < count; w++)
            CHECK(got[w] && strcmp(got[w], words[w]) == 0);
        CHECK(!got || got[count] == NULL);
        free(got);
        buf_free(&line);
    }
    buf b = {0};
    config_put_quoted(&b, "plain/word-1.0:x=y,%+@_");
    CHECK_SPAN(buf_view(&b), "plain/word-1.0:x=y,%+@_");
    buf_clear(&b);
    config_put_quoted(&b, "");
    CHECK_SPAN(buf_view(&b), "''");
    buf_free(&b);
}

/* The system's own shell must agree on quotes and backslashes. */
static void unit_config_shell(void)
{
    test_begin("the system shell splits quotes and backslashes the same way");
    static const char letters[] = "ab '\"\\ "; /* nothing that a shell expands */
    char path[64], command[80];
    int fd = mkstemp(unit_base_temporary(path));
    buf script = {0}, want = {0}, got = {0};
    uint32_t seed = 5;
    CHECK(fd >= 0);
    buf_str(&script, "f() { for w; do printf '<%s>' \"$w\"; done; echo; }\n");
    for (int round = 0; round < 1000; round++) {
        char text[10];
        size_t n = unit_config_random(&seed) % (sizeof text - 1);
        for (size_t i = 0; i < n; i++)
            text[i] = letters[unit_config_random(&seed) % (sizeof letters - 1)];
        text[n] = '\0';
        size_t before = want.n;
        unit_config_show_words(&want, text);
        if ((n && text[n - 1] == '\\') ||
            span_eq(span_sub(buf_view(&want), before), "open quote")) {
            want.n = before; /* a shell would read on */
            continue;
        }
        buf_byte(&want, '\n');
        buf_fmt(&script, "f %s\n", text);
    }
    CHECK(write(fd, script.p, script.n) == (ssize_t)script.n);
    close(fd);
    snprintf(command, sizeof command, "sh %s", path);
    FILE *shell = popen(command, "r");
    char bytes[4096];
    for (size_t n; shell && (n = fread(bytes, 1, sizeof bytes, shell)) > 0;)
        buf_add(&got, bytes, n);
    CHECK(shell && pclose(shell) == 0);
    CHECK(want.n > 1000);
    span left = buf_view(&got), right = buf_view(&want);
    CHECK_INT(left.n, right.n);
    for (span lines =
             span_sub(buf_view(&script), span_cut(&(span){script.p, script.n}, '\n').n + 1);
         right.n;) {
        char *line = span_dup(span_cut(&right, '\n'));
        span command_line = span_cut(&lines, '\n'), shells = span_cut(&left, '\n');
        if (!span_eq(shells, line))
            printf("#   %.*s\n", (int)command_line.n, command_line.p);
        CHECK_SPAN(shells, line);
        free(line);
    }
    unlink(path);
    buf_free(&script);
    buf_free(&want);
    buf_free(&got);
}

/* ---- a place to work in
 * ---------------------------------------------------------------------------- */

/* A directory of our own, and an environment that names it. */
static char unit_config_root[64];

static const char *unit_config_path(const char *name)
{
    static char paths[4][200];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", unit_config_root, name);
    return path;
}

static const char *const unit_config_env[] = {
    "HOME",         "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME",
    "TELEC_SOCKET", "TELEC_CONFIG",    "SHELL",          "PATH",
    "TELEC_REDIS",  "TMPDIR"};
static char *unit_config_saved[COUNT_OF(unit_config_env)];

static void unit_config_enter(void)
{
    CHECK(mkdtemp(unit_base_temporary(unit_config_root)) != NULL);
    for (size_t i = 0; i < COUNT_OF(unit_config_env); i++) {
        const char *value = getenv(unit_config_env[i]);
        unit_config_saved[i] = value ? span_dup(span_of(value)) : NULL;
        if (strcmp(unit_config_env[i], "PATH") != 0)
            unsetenv(unit_config_env[i]);
    }
    setenv("HOME", unit_config_root, 1);
}

static void unit_config_leave(void)
{
    for (size_t i = 0; i < COUNT_OF(unit_config_env); i++) {
        if (unit_config_saved[i])
            setenv(unit_config_env[i], unit_config_saved[i], 1);
        else
            unsetenv(unit_config_env[i]);
        free(unit_config_saved[i]);
    }
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", unit_config_root);
    CHECK_INT(system(command), 0);
}

static void unit_config_write(const char *path, span text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n);
    close(fd);
}

/* ---- the file
 * -------------------------------------------------------------------------------------- */

static void unit_config_good_file(void)
{
    test_begin("every key of the file sets its value");
    struct config c;
    buf error = {0};
    const char *file = unit_config_path("good");
    unit_config_write(
        file,
        span_of(
            "\xef\xbb\xbf# comment\r\n; another\n\n"
            "[computer]\nname = tower\n  user=me  \nhost =  h.example \n"
            "[agent claude]\ncommand = /opt/my\\ claude --x 'a b'\nfast=\n"
            "[agent own]\ncommand=~/own -x\nslow = --deep = yes\nprompt=-p\n"
            "[project telec work]\npath = ~/src # cut\ndescription = a = b#c \"# kept\" # cut\n"
            "[project \"quoted name\"]\npath=\"/q\"\ndescription = it's 'tis # cut\n"
            "[ui]\nprefix = Ctrl-B # cut\nclipboard=yes\n"
            "[redis]\nurl = redis://me:a#b@vm:1/2?protocol=2\ntls_command = tls 'HOST PORT'\n"
            "[computer-box]\nreach = ~/in box\n"));
    CHECK_INT(config_load(&c, "/bin/sh", NULL, file, &error), 0);
    CHECK_SPAN(buf_view(&c.problems), "");
    CHECK_SPAN(buf_view(&error), "");
    CHECK_SPAN(span_of(config_program(&c)), "/bin/sh");
    c.binary.st_ino++; /* an upgrade has replaced the file since */
    CHECK_SPAN(span_of(config_program(&c)),
               access(OS_PROC "/self/exe", X_OK) == 0 ? OS_PROC "/self/exe" : "/bin/sh");
    CHECK_SPAN(span_of(c.computer), "tower");
    CHECK_SPAN(span_of(config_user(&c)), "me");
    CHECK_SPAN(span_of(c.host), "h.example");
    CHECK_INT(config_ctrl_letter(c.prefix), 'b');
    CHECK_SPAN(span_of(c.clipboard), "yes");
    CHECK_SPAN(span_of(c.redis_url), "redis://me:a#b@vm:1/2?protocol=2");
    CHECK_SPAN(span_sub(span_of(c.redis_from), strlen(file)), ":25");
    CHECK_SPAN(span_of(c.tls_command), "tls 'HOST PORT'");
    CHECK_INT(c.agent_count, 8);
    const struct config_agent *claude = config_agent(&c, "claude"), *own = config_agent(&c, "own");
    CHECK_SPAN(span_of(claude->command), "/opt/my\\ claude --x 'a b'");
    CHECK_SPAN(span_of(claude->flags[AGENTS_FAST]), "");
    CHECK_SPAN(span_of(claude->flags[AGENTS_MED]), "--model sonnet");
    CHECK_SPAN(span_of(own->flags[AGENTS_SLOW]), "--deep = yes");
    CHECK_SPAN(span_of(own->prompt), "-p");
    CHECK(c.reach.count == 1 && c.reach.items[0].value[0] == '/');
    CHECK(own->command[0] == '/' && strstr(own->command, "/own -x"));
    CHECK(own->flags[AGENTS_FAST] == NULL);
    CHECK(config_agent(&c, "nobody") == NULL && config_agent(&c, "") == NULL);
    CHECK_INT(c.project_count, 2);
    CHECK_SPAN(span_of(c.projects[0].name), "telec work");
    CHECK(c.projects[0].path[0] == '/' && strstr(c.projects[0].path, "/src"));
    CHECK_SPAN(span_of(c.projects[0].description), "a = b#c \"# kept\"");
    CHECK_SPAN(span_of(c.projects[1].name), "quoted name");
    CHECK_SPAN(span_of(c.projects[1].path), "/q");
    CHECK_SPAN(span_of(c.projects[1].description), "it's 'tis");
    config_free(&c);
    config_free(&c);
    buf_free(&error);
}

static void unit_config_quotes(void)
{
    static const char *const values[] = {"a # b", " c ", "'", "\"x", "say \"hi\" # now", "x #y"};
    buf text = {0};
    test_begin("quotes keep blanks and # in a value; what telec config prints is read the same");
    struct config c = {.file = span_dup(span_of("/f"))};
    config_parse(&c, span_of("[prepare]\nproject = \"a # b\"\ntodo = ' c '\nstart = 'd' e 'f'\n"
                             "[agent x]\ncommand = 'a b'\n"));
    CHECK_SPAN(span_of(c.prepare_project), "a # b");
    CHECK_SPAN(span_of(c.prepare_todo), " c ");
    CHECK_SPAN(span_of(c.prepare_start), "'d' e 'f'");
    CHECK_SPAN(span_of(config_agent(&c, "x")->command), "'a b'");
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        buf_clear(&text);
        buf_str(&text, "[prepare]\n");
        config_put_value(&c, &text, "start", values[i], 0);
        config_parse(&c, buf_view(&text));
        CHECK_SPAN(span_of(c.prepare_start), values[i]);
    }
    CHECK_SPAN(buf_view(&c.problems), "");
    buf_free(&text);
    config_free(&c);
}

/* What only the UI understands is kept with its line; the last line of a name counts. */
static void unit_config_entries(void)
{
    test_begin("the last line of a name counts in [keys] and [colours]");
    struct config c = {.file = span_dup(span_of("/f"))};
    buf text = {0};
    config_parse(&c, span_of("[keys]\nnew = n, x\nquit=\n\n[colours]\naccent = bold on #123456\n"
                             "[keys]\nnew = y\n"));
    CHECK_SPAN(buf_view(&c.problems), "");
    CHECK_INT(c.keys.count, 2);
    CHECK_INT(c.colours.count, 1);
    CHECK_SPAN(span_of(c.keys.items[0].name), "new");
    CHECK_SPAN(span_of(c.keys.items[0].value), "y");
    CHECK_INT(c.keys.items[0].line, 8);
    CHECK_SPAN(span_of(c.keys.items[1].value), "");
    CHECK_INT(c.keys.items[1].line, 3);
    CHECK_SPAN(span_of(c.colours.items[0].value), "bold on #123456");
    buf_str(&text, "[colours]\n");
    for (int i = 0; i < CONFIG_ENTRIES_MAX + 1; i++)
        buf_fmt(&text, "x%d = red\n", i);
    config_parse(&c, buf_view(&text));
    CHECK_INT(c.colours.count, CONFIG_ENTRIES_MAX);
    CHECK_SPAN(buf_view(&c.problems), "/f:257: x255: too many lines in this section\n"
                                      "/f:258: x256: too many lines in this section\n");
    buf_free(&text);
    config_free(&c);
}

/* A file of an earlier version stays valid: its names become today's, without a complaint. */
static void unit_config_renamed(void)
{
    test_begin("earlier names in [keys] and [colours] mean what they meant");
    struct config c = {.file = span_dup(span_of("/f"))};
    struct keymap_keys keys;
    struct theme th;
    buf problems = {0}, out = {0};
    config_parse(&c, span_of("[keys]\ntake-back = Z\n[colours]\nfallback = 200\nlost = 201\n"));
    keys_bind(&keys, &c, &problems);
    theme_set(&th, &c, THEME_DARK, CELL_256, &problems);
    keys_put_config(&c, &out, &problems);
    CHECK(!c.problems.n && !problems.n);
    CHECK_INT(th.style[THEME_POLLING].fg, CELL_INDEXED | 200);
    CHECK_INT(th.style[THEME_OFFLINE].fg, CELL_INDEXED | 201);
    CHECK(strstr(buf_cstr(&out), "# /f:2\nundo = Z\n") != NULL);
    CHECK(strstr(buf_cstr(&out), "# /f:4\npolling = 200\n") != NULL);
    keymap_free_keys(&keys);
    buf_free(&problems);
    buf_free(&out);
    config_free(&c);
}

/* Every value with where it comes from, as a file; no secrets. */
static void unit_config_effective(void)
{
    test_begin("the effective configuration says where each value comes from");
    static const char *const want[] = {
        "\n[computer]\n# F:2\nname = tower\n",
        "# default\nhost = ",
        "\n[agent it's]\n# no prompt: a first prompt is typed once it has started\n"
        "# default\ncommand = 'it'\\''s'\n# F:4\nfast = -x\n# default\nmed =\n",
        "\n[project p]\n# F:6\npath = /p\n# default\ndescription =\n",
        "\n[redis]\n# F:8\nurl = redis://me:***@h/1\n# default\ntls_command = openssl ",
        "\n[ui]\n# default\nprefix = Ctrl-]\n# default\nclipboard = no\n# F:10\nmouse = no\n",
        "# F:12\nsecret = ***\n# default\nsecret_file =\n# default\nunsigned =\n"};
    struct config c;
    buf error = {0}, out = {0}, line = {0};
    const char *file = unit_config_path("effective");
    unit_config_write(file, span_of("[computer]\nname = tower\n[agent it's]\nfast = -x\n"
                                    "[project p]\npath = /p\n[redis]\nurl = "
                                    "redis://me:a@b:c@h/1\n[ui]\nmouse = no\n[peers]\n"
                                    "secret = open sesame\n"));
    CHECK_INT(config_load(&c, "/bin/sh", "/s/api.sock", file, &error), 0);
    CHECK_SPAN(buf_view(&c.problems), "");
    config_put(&c, &out);
    buf_fmt(&line, "# configuration file: %s (option -c)\n# socket: /s/api.sock (option -S)\n",
            file);
    CHECK(strstr(buf_cstr(&out), buf_cstr(&line)) == out.p);
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        buf_clear(&line);
        for (const char *p = want[i]; *p; p++)
            if (strncmp(p, "# F", 3) == 0)
                buf_fmt(&line, "# %s", file), p += 2;
            else
                buf_byte(&line, *p);
        if (!strstr(buf_cstr(&out), buf_cstr(&line)))
            printf("# missing: %s\n", want[i]);
        CHECK(strstr(buf_cstr(&out), buf_cstr(&line)) != NULL);
    }
    CHECK(!strstr(out.p, "a@b") && !strstr(out.p, "sesame"));
    buf_free(&error);
    buf_free(&out);
    buf_free(&line);
    config_free(&c);
}

/* $TELEC_REDIS goes before the file, even when it is empty: then there is none. */
static void unit_config_redis_environment(void)
{
    test_begin("$TELEC_REDIS replaces the url of the file");
    static const char *const urls[] = {"unix:/run/r?db=1", ""};
    const char *file = unit_config_path("redis");
    unit_config_write(file, span_of("[redis]\nurl = redis://vm\n"));
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct config c;
        buf error = {0};
        setenv("TELEC_REDIS", urls[i], 1);
        CHECK_INT(config_load(&c, "/bin/sh", NULL, file, &error), 0);
        CHECK_SPAN(span_of(c.redis_url), urls[i]);
        CHECK_SPAN(span_of(c.redis_from), "$TELEC_REDIS");
        config_free(&c);
    }
    unsetenv("TELEC_REDIS");
}

/* Each line that can't be used is named by its number; the others still apply. */
static void unit_config_bad_lines(void)
{
    test_begin("a bad line is reported with its number, and the rest applies");
    static const struct {
        const char *text, *problems; /* without "FILE:" */
    } cases[] = {
        {"x\n", "1: x: expected [section] or key = value\n"},
        {"\n\nname = x\n", "3: name: expected a [section] before the first key\n"},
        {"[computer]\n= x\n", "2: =: expected [section] or key = value\n"},
        {"[redis]\nurl redis://:secret@host\n", "2: url: expected [section] or key = value\n"},
        {"[computer]\nname =\n", "2: name: expected a value\n"},
        {"[computer]\ncolour = x\nname = kept\n", "2: colour: no such key in this section\n"},
        {"[computer x]\nname = y\n", "1: computer x: this section takes no name\n"},
        {"[agent]\ncommand = y\n",
         "1: agent: expected a name of at most 63 bytes in the section\n"},
        {"[]\nname = x\n", "1: : no such section\n"},
        {"[nonsense]\na = b\nc = d\n[computer]\nbad = 1\n",
         "1: nonsense: no such section\n5: bad: no such key in this section\n"},
        {"[computer\n", "1: [computer: expected [section] or key = value\n"},
        {"[computer]\nname = kept\n[ui] ; a comment\nname = x\n",
         "3: [ui]: expected [section] or key = value\n"},
        {"[agent a]\ncommand = 'x\n", "2: 'x: expected a closing quote\n"},
        {"[agent a]\ncommand =\n", "2: command: expected a program\n"},
        {"[agent a]\nwarp = 9\n", "2: warp: no such key in this section\n"},
        {"[ui]\nprefix = Ctrl-1\n",
         "2: Ctrl-1: expected Ctrl- and a letter or one of ] \\ ^ _\n"},
        {"[ui]\nclipboard = maybe\n", "2: maybe: expected yes or no\n"},
        {"[ui]\nmouse = 1\n", "2: 1: expected yes or no\n"},
        {"[ui]\nmouse = y\303\n", "2: mouse = y\357\277\275: expected UTF-8 without control "
                                  "characters\n"},
        {"[redis]\ntls_command = a 'b\n",
         "2: tls_command: expected a command with closed quotes\n"},
        {"[redis]\ntls_command =\nurl =\n",
         "2: tls_command: expected a command with closed quotes\n"},
        {"[redis]\nurl = http://x\n", "2: the redis url cannot be used: expected redis://, "
                                        "rediss://, sentinel:// or unix:/\n"},
        {"[peers]\nsecret_file = /nonexistent/x\n",
         "2: secret_file: expected a file that can be read\n"},
        {"[redis]\nhost = vm\n", "2: host: no such key in this section\n"},
        {"[computer]\n\x1b[31m\n", "2: ^[[31m: expected UTF-8 without control characters\n"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct config c;
        buf error = {0}, want = {0};
        const char *file = unit_config_path("bad");
        unit_config_write(file, span_of(cases[i].text));
        CHECK_INT(config_load(&c, "/bin/sh", NULL, file, &error), 0);
        for (span rest = span_of(cases[i].problems); rest.n;) {
            span line = span_cut(&rest, '\n');
            buf_fmt(&want, "%s:%.*s\n", file, (int)line.n, line.p);
        }
        CHECK_SPAN(buf_view(&c.problems), buf_cstr(&want));
        if (strstr(cases[i].text, "kept"))
            CHECK_SPAN(span_of(c.computer), "kept");
        config_free(&c);
        buf_free(&error);
        buf_free(&want);
    }
}

static void unit_config_renew(void)
{
    test_begin("the agents of the file are read again; an unreadable file changes nothing");
    struct config c;
    buf error = {0};
    const char *file = unit_config_path("renewed");
    unit_config_write(file, span_of("[computer]\nname = a\n[agent own]\ncommand = x\n"));
    CHECK_INT(config_load(&c, "/bin/sh", NULL, file, &error), 0);
    CHECK(config_agent(&c, "own") && !config_agent(&c, "later"));
    unit_config_write(file, span_of("[computer]\nname = b\n[agent later]\ncommand = y z\n"));
    config_renew_agents(&c);
    CHECK(!config_agent(&c, "own") && config_agent(&c, "claude"));
    CHECK_SPAN(span_of(config_agent(&c, "later")->command), "y z");
    CHECK_SPAN(span_of(c.computer), "a"); /* only the agents */
    unlink(file);
    config_renew_agents(&c);
    CHECK(config_agent(&c, "later") != NULL);
    config_free(&c);
    buf_free(&error);
}

static void unit_config_file_limits(void)
{
    test_begin("a file that is too long or can not be read is refused");
    struct config c;
    buf error = {0}, text = {0};
    const char *file = unit_config_path("limits");
    for (int i = 0; i < 40; i++)
        buf_fmt(&text, "[agent a%d]\ncommand = x\n", i);
    for (int i = 0; i < 40; i++)
        buf_fmt(&text, "[project p%d]\n%s\n", i, i % 2 ? "path = /p" : "path = relative");
    char name[70];
    memset(name, 'n', sizeof name);
    buf_fmt(&text, "[agent %.63s]\n[agent %.64s]\n", name, name);
    unit_config_write(file, buf_view(&text));
    CHECK_INT(config_load(&c, "/bin/sh", NULL, file, &error), 0);
    CHECK_INT(c.agent_count, CONFIG_AGENTS_MAX);
    CHECK_INT(c.project_count, 20);
    for (int i = 0; i < c.project_count; i++)
        CHECK(strcmp(c.projects[i].path, "/p") == 0 && atoi(c.projects[i].name + 1) == i * 2 + 1);
    CHECK(strstr(buf_cstr(&c.problems), "a25: too many agents"));
    CHECK(strstr(c.problems.p, "project p0: expected an absolute path"));
    CHECK(strstr(c.problems.p, ":162: agent nnn"));
    config_free(&c);
    buf_clear(&text);
    while (text.n <= CONFIG_FILE_MAX)
        buf_str(&text, "# a long comment that says nothing at all\n");
    unit_config_write(file, buf_view(&text));
    CHECK_INT(config_load(&c, "/bin/sh", NULL, file, &error), -1);
    CHECK(strstr(buf_cstr(&error), file) && strstr(error.p, "too large"));
    config_free(&c);
    buf_free(&text);
    buf_free(&error);
}

/* Nobody writes into the FIFO at the default place; what an option names may be a pipe. */
static void unit_config_irregular(void)
{
    test_begin("a file at the default place is a regular one; a named one can be anything");
    struct config c;
    buf error = {0};
    char path[200], from[32];
    int ends[2];
    snprintf(path, sizeof path, "%s/telec", unit_config_root);
    setenv("XDG_CONFIG_HOME", unit_config_root, 1);
    CHECK(mkdir(path, 0700) == 0 && mkfifo(unit_config_path("telec/config"), 0600) == 0);
    CHECK_INT(config_load(&c, "/bin/sh", NULL, NULL, &error), -1);
    CHECK(strstr(buf_cstr(&error), "telec/config: it is not a regular file"));
    config_free(&c);
    CHECK_INT(config_load(&c, "/bin/sh", NULL, "/dev/null", &error), 0);
    config_free(&c);
    CHECK_INT(pipe(ends), 0);
    CHECK_INT(write(ends[1], "[computer]\nname = piped\n", 24), 24);
    close(ends[1]);
    snprintf(from, sizeof from, "/dev/fd/%d", ends[0]);
    CHECK_INT(config_load(&c, "/bin/sh", NULL, from, &error), 0);
    CHECK_SPAN(span_of(c.computer), "piped");
    config_free(&c);
    close(ends[0]);
    unlink(unit_config_path("telec/config"));
    rmdir(path);
    unsetenv("XDG_CONFIG_HOME");
    buf_free(&error);
}

/* Bytes of any kind: no crash, and the same file twice says the same. */
static void unit_config_random_files(void)
{
    test_begin("no file of random lines breaks the parser");
    static const char *const pieces[] = {
        "[", "]",  "agent ", "computer", "project ", "=", "\n", " ",  "command", "path", "name",
        "'", "\"", "\\",     "/",        "x",        "#", ";",  "\r", "\xff",    "fast", "\t"};
    uint32_t seed = 9;
    const char *file = unit_config_path("random");
    for (int round = 0; round < 300; round++) {
        struct config c, again;
        buf text = {0}, error = {0};
        for (uint32_t i = unit_config_random(&seed) % 80; i > 0; i--)
            buf_str(&text, pieces[unit_config_random(&seed) % COUNT_OF(pieces)]);
        unit_config_write(file, buf_view(&text));
        CHECK_INT(config_load(&c, "sh", NULL, file, &error), 0);
        CHECK_INT(config_load(&again, "sh", NULL, file, &error), 0);
        CHECK_SPAN(buf_view(&again.problems), buf_cstr(&c.problems));
        CHECK(c.agent_count == again.agent_count && c.project_count == again.project_count);
        config_free(&c);
        config_free(&again);
        buf_free(&text);
        buf_free(&error);
    }
}

/* ---- paths
 * ----------------------------------------------------------------------------------------- */

static void unit_config_expect_paths(const char *socket, const char *file, const char *want_socket,
                                     const char *want_holders, const char *want_state,
                                     const char *want_file)
{
    struct config c;
    buf error = {0};
    CHECK_INT(config_load(&c, "/bin/sh", socket, file, &error), 0);
    CHECK_SPAN(span_of(c.socket), want_socket);
    CHECK_SPAN(span_of(c.holders), want_holders);
    CHECK_SPAN(span_of(c.state), want_state);
    CHECK_SPAN(span_of(c.file), want_file);
    CHECK_SPAN(span_of(c.program), "/bin/sh");
    config_free(&c);
    buf_free(&error);
}

static void unit_config_paths(void)
{
    test_begin("paths come from options, else the environment, else defaults");
    char socket[64], holders[64], state[200], file[200], here[PATH_MAX];
    snprintf(socket, sizeof socket, "/tmp/telec-%ld/api.sock", (long)geteuid());
    snprintf(holders, sizeof holders, "/tmp/telec-%ld/s", (long)geteuid());
    snprintf(state, sizeof state, "%s/.local/state/telec", unit_config_root);
    snprintf(file, sizeof file, "%s/.config/telec/config", unit_config_root);
    unit_config_expect_paths(NULL, NULL, socket, holders, state, file);
    setenv("XDG_RUNTIME_DIR", "relative", 1); /* the specification: to be ignored */
    setenv("XDG_STATE_HOME", "", 1);
    setenv("TELEC_SOCKET", "", 1);
    unit_config_expect_paths(NULL, NULL, socket, holders, state, file);
    setenv("XDG_RUNTIME_DIR", "/run/me", 1);
    setenv("XDG_STATE_HOME", "/state/", 1);
    setenv("XDG_CONFIG_HOME", "/conf", 1);
    unit_config_expect_paths(NULL, NULL, "/run/me/telec/api.sock", "/run/me/telec/s",
                             "/state/telec", "/conf/telec/config");
    setenv("TELEC_SOCKET", "/from/env.sock", 1);
    setenv("TELEC_CONFIG", "/from/env.conf", 1);
    unit_config_expect_paths(NULL, NULL, "/from/env.sock", "/from/s", "/state/telec",
                             "/from/env.conf");
    unit_config_expect_paths("/given.sock", NULL, "/given.sock", "/s", "/state/telec",
                             "/from/env.conf");
    CHECK(getcwd(here, sizeof here) != NULL && chdir(unit_config_root) == 0);
    const char *absolute = unit_config_path("a.sock"), *beside = unit_config_path("s");
    unit_config_expect_paths("a.sock", NULL, absolute, beside, "/state/telec", "/from/env.conf");
    CHECK_INT(chdir(here), 0);
    for (size_t i = 1; i < 6; i++)
        unsetenv(unit_config_env[i]);
    struct config c;
    buf error = {0};
    CHECK_INT(config_load(&c, "/bin/sh", NULL, "/nowhere/config", &error),
              -1); /* asked for by name */
    CHECK(strstr(buf_cstr(&error), "/nowhere/config") && strstr(error.p, strerror(ENOENT)));
    config_free(&c);
    buf_clear(&error);
    CHECK_INT(config_load(&c, "/bin/sh", NULL, unit_config_root, &error), -1); /* a directory */
    CHECK(strstr(buf_cstr(&error), strerror(EISDIR)));
    config_free(&c);
    buf_free(&error);
}

static void unit_config_defaults(void)
{
    test_begin("without a file every value has its default");
    struct config c;
    buf error = {0};
    char shell[] = "/tmp/telec unit-XXXXXX", quoted[32];
    int fd = mkstemp(shell);
    CHECK(fd >= 0 && fchmod(fd, 0700) == 0);
    close(fd);
    snprintf(quoted, sizeof quoted, "'%s'", shell);
    setenv("SHELL", shell, 1);
    CHECK_INT(config_load(&c, "sh", NULL, NULL, &error), 0);
    CHECK(c.program[0] == '/' && strcmp(strrchr(c.program, '/'), "/sh") == 0); /* found on PATH */
    CHECK_SPAN(span_of(config_agent(&c, "shell")->command), quoted);
    unlink(shell);
    CHECK(c.computer[0] && !strchr(c.computer, '.') && config_user(&c)[0] && c.host[0]);
    CHECK_SPAN(span_of(c.prefix), "Ctrl-]");
    CHECK_SPAN(span_of(c.clipboard), "no");
    CHECK_SPAN(span_of(c.redis_url), "");
    CHECK(strstr(c.tls_command, "-verify_return_error -servername HOST -connect HOST:PORT"));
    static const char *const names[] = {"claude", "gemini", "codex"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct config_agent *agent = config_agent(&c, names[i]);
        CHECK(agent && strcmp(agent->command, names[i]) == 0);
        for (int mode = 0; agent && mode < AGENTS_MODES; mode++)
            CHECK(agent->flags[mode] && agent->flags[mode][0]);
    }
    config_free(&c);
    buf_free(&error);
}

static void unit_config_on_path(void)
{
    test_begin("a program is found where execvp finds it");
    char path[400];
    CHECK_INT(config_on_path("sh"), 1);
    CHECK_INT(config_on_path("/bin/sh"), 1);
    CHECK_INT(config_on_path("/bin"), 0);
    CHECK_INT(config_on_path(""), 0);
    CHECK_INT(config_on_path("no-such-program-anywhere"), 0);
    mkdir(unit_config_path("bin"), 0700);
    mkdir(unit_config_path("bin/adir"), 0700);
    unit_config_write(unit_config_path("bin/plain"), span_of("#!/bin/sh\n"));
    unit_config_write(unit_config_path("bin/tool"), span_of("#!/bin/sh\n"));
    CHECK_INT(chmod(unit_config_path("bin/tool"), 0700), 0);
    snprintf(path, sizeof path, "/nowhere:%s", unit_config_path("bin"));
    setenv("PATH", path, 1);
    CHECK_INT(config_on_path("tool"), 1);
    CHECK_INT(config_on_path("plain"), 0); /* it can't be executed */
    CHECK_INT(config_on_path("adir"), 0);
    CHECK_INT(config_on_path("sh"), 0);
    setenv("PATH", unit_config_saved[7], 1);
}

/* ---- directories
 * ------------------------------------------------------------------------------------- */

static void unit_config_absolute(void)
{
    static const char *const typed[] = {"telec", "./telec", "././telec"};
    char here[PATH_MAX], *plain = config_join(getcwd(here, sizeof here), "telec");
    test_begin("an absolute path is without the ./ that was typed");
    for (size_t i = 0; i < COUNT_OF(typed); i++) {
        char *path = config_absolute(typed[i]);
        CHECK_SPAN(span_of(path), plain);
        free(path);
    }
    free(plain);
}

static void unit_config_refused(const struct config *c, const char *why)
{
    buf error = {0};
    CHECK_INT(places_make_dirs(c, &error), why ? -1 : 0);
    if (why)
        CHECK(strstr(buf_cstr(&error), why) != NULL);
    else
        CHECK_SPAN(buf_view(&error), "");
    buf_free(&error);
}

static void unit_config_private_dirs(void)
{
    test_begin("a directory that others can change is refused");
    struct config c;
    buf error = {0};
    struct stat st;
    char socket[200];
    snprintf(socket, sizeof socket, "%s/run/deep/telec/api.sock", unit_config_root);
    CHECK_INT(config_load(&c, "sh", socket, NULL, &error), 0);
    buf_free(&error);
    mode_t mask = umask(0);
    unit_config_refused(&c, NULL);
    umask(mask);
    unit_config_refused(&c, NULL);
    const char *const dirs[] = {"run/deep/telec", "run/deep/telec/s", ".local/state/telec",
                                ".local/state/telec/sessions"};
    for (size_t i = 0; i < COUNT_OF(dirs); i++) {
        const char *dir = unit_config_path(dirs[i]);
        CHECK(lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 07777) == 0700);
        for (mode_t bit = 1; bit <= 040; bit *= 2) {
            CHECK_INT(chmod(dir, 0700 | bit), 0);
            unit_config_refused(&c, "it is open to others");
            unit_config_refused(&c, i < 2 ? "; XDG_RUNTIME_DIR" : "; XDG_STATE_HOME");
        }
        CHECK_INT(chmod(dir, 0700), 0);
        if (geteuid() == 0) {
            CHECK_INT(chown(dir, 65534, (gid_t)-1), 0);
            unit_config_refused(&c, "it belongs to another user");
            CHECK_INT(chown(dir, 0, (gid_t)-1), 0);
        }
        char moved[220];
        snprintf(moved, sizeof moved, "%s.moved", dir);
        CHECK(rename(dir, moved) == 0 && symlink(moved, dir) == 0);
        unit_config_refused(&c, "it is a symbolic link");
        CHECK_INT(unlink(dir), 0);
        unit_config_write(dir, span_of("x"));
        unit_config_refused(&c, "it is not a directory");
        CHECK(unlink(dir) == 0 && rename(moved, dir) == 0);
        unit_config_refused(&c, NULL);
    }
    config_free(&c);
    /* telec makes no directory of everybody, and tells nobody to close one; as the directory at
     * fault it names the first that can't be made */
    CHECK_INT(config_load(&c, "sh", "/tmp/telec-unit.sock", NULL, &error), 0);
    unit_config_refused(&c, geteuid() == 0 ? "/tmp: it is open to others, and must"
                                           : "/tmp: it belongs to another user");
    config_free(&c);
    CHECK_INT(config_load(&c, "sh", "/dev/null/a/b/api.sock", NULL, &error), 0);
    unit_config_refused(&c, "cannot use the directory /dev/null/a: ");
    config_free(&c);
}

static void unit_config_short_place(void)
{
    char dir[120], *kept = getenv("XDG_RUNTIME_DIR");
    const char *from;
    buf want = {0};
    kept = kept ? span_dup(span_of(kept)) : NULL;
    unsetenv("TELEC_SOCKET");
    test_begin("a runtime directory that is too long for holders' sockets is not used");
    int most = (int)(OS_SOCKET_PATH - CONFIG_HOLDER_SOCKET - strlen("/telec/s"));
    for (int n = most; n <= most + 1; n++) {
        memset(dir, 'x', sizeof dir);
        dir[0] = '/', dir[n] = '\0';
        setenv("XDG_RUNTIME_DIR", dir, 1);
        char *socket = config_default_socket(&from), *holders = config_holders(socket);
        buf_clear(&want);
        if (n == most)
            buf_fmt(&want, "%s/telec", dir);
        else
            buf_fmt(&want, "/tmp/telec-%ld", (long)geteuid());
        CHECK(span_starts(span_of(socket), buf_cstr(&want)));
        CHECK(span_starts(span_of(holders), want.p) && config_holds_sockets(holders));
        free(socket), free(holders);
    }
    test_begin("a socket named s does not clash with the directory of holders' sockets");
    char *holders = config_holders("/tmp/s");
    CHECK_SPAN(span_of(holders), "/tmp/s.d");
    free(holders);
    if (kept)
        setenv("XDG_RUNTIME_DIR", kept, 1);
    else
        unsetenv("XDG_RUNTIME_DIR");
    free(kept);
    buf_free(&want);
}

static void unit_config_homes(void)
{
    char *home = getenv("HOME") ? span_dup(span_of(getenv("HOME"))) : NULL;
    test_begin("without HOME, an empty or a relative one, the home is that of the user database");
    for (int i = 0; i < 3; i++) {
        i ? setenv("HOME", i == 1 ? "" : "relative", 1) : unsetenv("HOME");
        CHECK(config_home()[0] == '/');
    }
    setenv("HOME", "/", 1);
    CHECK_SPAN(span_of(config_home()), "/");
    home ? setenv("HOME", home, 1) : unsetenv("HOME");
    free(home);
}

static void unit_config(void)
{
    unit_config_homes();
    unit_config_words();
    unit_config_quoting();
    unit_config_enter();
    unit_config_short_place();
    unit_config_shell();
    unit_config_good_file();
    unit_config_quotes();
    unit_config_entries();
    unit_config_renamed();
    unit_config_effective();
    unit_config_redis_environment();
    unit_config_bad_lines();
    unit_config_renew();
    unit_config_file_limits();
    unit_config_irregular();
    unit_config_random_files();
    unit_config_paths();
    unit_config_defaults();
    unit_config_on_path();
    unit_config_absolute();
    unit_config_private_dirs();
    unit_config_leave();
}
