/* Unit tests of roadmap: lines into todos, files beside them, and what a project can't do. */

static char unit_roadmap_root[64];

static void unit_roadmap_put(buf *b, const struct roadmap_iter *it)
{
    buf_byte(b, it->mark);
    buf_byte(b, '|');
    buf_span(b, it->slug);
    buf_byte(b, '|');
    roadmap_put_description(it->lines, b);
    buf_byte(b, '\n');
}

static void unit_roadmap_all(span text, buf *out)
{
    buf_clear(out);
    for (struct roadmap_iter it = roadmap_iter(text); roadmap_next(&it);)
        unit_roadmap_put(out, &it);
}

static void unit_roadmap_lines(void)
{
    test_begin("a roadmap's lines give todos with their marks and descriptions");
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"- [ ] a", " |a|\n"},
        {"- [.] a\n- [>] b\n", ".|a|\n>|b|\n"},
        {"# Roadmap\n\n- [ ] one two\n      said\n      more  \n\n      lost\n",
         " |one|said more\n"},
        {"-\t[ ]\tx\r\n      y\r\n- [.]  z\r\n", " |x|y\n.|z|\n"},
        {"- [x] done\n      its words\n- [ ] open\n     five\n", " |open|\n"},
        {"- [ ] a\n       seven\n      six\n    - [ ] below\n", " |a|seven six\n"},
        {"-[ ] a\n- [] a\n- [ ]a\n- [ ] \n- [ ]\n- [  ] a\n* [ ] a\n - [ ] a\n- [.\n- [", ""},
        {"- [ ] ../../etc/passwd\n- [ ] .hidden\n", " |../../etc/passwd|\n |.hidden|\n"},
        {"- [ ] \xc3\xa9t\xc3\xa9\n      \xff\n", " |\xc3\xa9t\xc3\xa9|\xff\n"},
        {"\n\n- [ ] last", " |last|\n"},
    };
    buf out = {0};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unit_roadmap_all(span_of(cases[i].text), &out);
        CHECK_SPAN(buf_view(&out), cases[i].want);
    }
    buf_free(&out);
}

/* Cut anywhere, nothing behind the end is read, and what was whole stays what it was. */
static void unit_roadmap_cuts(void)
{
    static const char text[] = "# x\n- [ ] a\n      one\n      two\n- [.] b/c\r\n- [>] d\n\n"
                               "- [x] e\n- [ ] f\n      three";
    buf whole = {0}, part = {0};
    test_begin("a roadmap cut anywhere gives the todos that are whole");
    unit_roadmap_all(span_of(text), &whole);
    for (size_t n = 0; n < sizeof text; n++) {
        char *copy = guard_copy((span){text, n});
        unit_roadmap_all((span){copy, n}, &part);
        size_t same = 0, lines = 0;
        while (same < part.n && same < whole.n && part.p[same] == whole.p[same])
            same++;
        for (size_t i = same; i < part.n; i++)
            lines += part.p[i] == '\n';
        CHECK(lines <= 1); /* at most the last one is another */
        guard_free(copy, n);
    }
    buf_free(&whole);
    buf_free(&part);
}

static void unit_roadmap_limits(void)
{
    buf text = {0}, out = {0};
    int count = 0;
    test_begin("a roadmap is read up to its limits");
    for (int i = 0; i < ROADMAP_TODOS_MAX + 10; i++)
        buf_fmt(&text, "- [ ] todo-%d\n", i);
    for (struct roadmap_iter it = roadmap_iter(buf_view(&text)); roadmap_next(&it);)
        count++;
    CHECK_INT(count, ROADMAP_TODOS_MAX);
    buf_clear(&text);
    for (int extra = 0; extra < 2; extra++) {
        buf_str(&text, "- [ ] ");
        for (int i = 0; i < ROADMAP_SLUG_MAX + extra; i++)
            buf_byte(&text, extra ? 'y' : 'x');
        buf_byte(&text, '\n');
    }
    unit_roadmap_all(buf_view(&text), &out);
    CHECK_INT(out.n, ROADMAP_SLUG_MAX + 4);
    CHECK(!memchr(out.p, 'y', out.n));
    buf_clear(&text);
    for (int i = 0; i < 10000; i++)
        buf_str(&text, "      some words\n");
    buf_clear(&out);
    roadmap_put_description(buf_view(&text), &out);
    CHECK(out.n > ROADMAP_DESCRIPTION_MAX - 20 && out.n <= ROADMAP_DESCRIPTION_MAX);
    buf_free(&text);
    buf_free(&out);
}

static void unit_roadmap_slugs(void)
{
    static const char *const plain[] = {"a", "a.b", "parser-errors", "\xc3\xa9", "a\\b", "~", "-"};
    static const char *const other[] = {"", ".", "..", ".a", "a/b", "/", "../x", "a/", "a b",
                                        "a\tb", "\x7f", "a\nb"};
    char longest[ROADMAP_SLUG_MAX + 2];
    test_begin("a slug that would leave the directory is ignored");
    for (size_t i = 0; i < COUNT_OF(plain); i++)
        CHECK(roadmap_slug_is_plain(span_of(plain[i])));
    for (size_t i = 0; i < COUNT_OF(other); i++)
        CHECK(!roadmap_slug_is_plain(span_of(other[i])));
    memset(longest, 'a', sizeof longest);
    CHECK(roadmap_slug_is_plain((span){longest, ROADMAP_SLUG_MAX}));
    CHECK(!roadmap_slug_is_plain((span){longest, ROADMAP_SLUG_MAX + 1}));
    CHECK(!roadmap_slug_is_plain((span){"a\0b", 3}));
}

/* ---- files ---------------------------------------------------------------------------------- */

/* "a/b/c" below the root, its directories made; text NULL: a directory. */
static void unit_roadmap_make(const char *path, const char *text)
{
    char full[300];
    snprintf(full, sizeof full, "%s/%s", unit_roadmap_root, path);
    for (char *p = full + strlen(unit_roadmap_root) + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        mkdir(full, 0700);
        *p = '/';
    }
    if (!text) {
        mkdir(full, 0700);
        return;
    }
    FILE *file = fopen(full, "wb");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void unit_roadmap_link(const char *to, const char *path)
{
    char full[300];
    snprintf(full, sizeof full, "%s/%s", unit_roadmap_root, path);
    CHECK_INT(symlink(to, full), 0);
}

static void unit_roadmap_json(const char *project, buf *out)
{
    char path[300];
    buf text = {0};
    struct json json;
    snprintf(path, sizeof path, "%s/%s", unit_roadmap_root, project);
    roadmap_read(path, &text);
    buf_clear(out);
    roadmap_put_todos(path, buf_view(&text), out);
    CHECK(json_parse(buf_view(out), &json, NULL, NULL) == PARSE_DONE);
    CHECK_INT(json_type(json), JSON_ARRAY);
    buf_free(&text);
}

static void unit_roadmap_files(void)
{
    buf out = {0};
    test_begin("a todo's documents and state come from its own files");
    unit_roadmap_json("nowhere", &out);
    CHECK_SPAN(buf_view(&out), "[]");
    unit_roadmap_make("p", NULL);
    unit_roadmap_json("p", &out);
    CHECK_SPAN(buf_view(&out), "[]");
    unit_roadmap_make("p/todos/roadmap.md", "- [.] a\n      x \"y\"\n- [ ] b\n- [>] c\n");
    unit_roadmap_make("p/todos/a/requirements.md", "");
    unit_roadmap_make("p/todos/a/state.json", "{\"build\": \"pending\", \"review\": 5}");
    unit_roadmap_make("p/todos/b/implementation-plan.md", "");
    unit_roadmap_make("p/todos/b/requirements.md/x", ""); /* a directory is no requirements */
    unit_roadmap_make("p/todos/c/state.json", "{\"build\": \"old\"}");
    unit_roadmap_make("p/trees/c/todos/c/state.json",
                      "{\"build\": \"comp\\u006cete\", \"review\": \"approved\"}");
    unit_roadmap_json("p", &out);
    CHECK_SPAN(buf_view(&out),
               "[{\"slug\":\"a\",\"status\":\"ready\",\"description\":\"x \\\"y\\\"\","
               "\"has_requirements\":true,\"has_impl_plan\":false,"
               "\"build_status\":\"pending\",\"review_status\":null},"
               "{\"slug\":\"b\",\"status\":\"pending\",\"description\":\"\","
               "\"has_requirements\":false,\"has_impl_plan\":true,"
               "\"build_status\":null,\"review_status\":null},"
               "{\"slug\":\"c\",\"status\":\"in_progress\",\"description\":\"\","
               "\"has_requirements\":false,\"has_impl_plan\":false,"
               "\"build_status\":\"complete\",\"review_status\":\"approved\"}]");
    /* The work's own state is half written: the other one counts. */
    unit_roadmap_make("p/trees/c/todos/c/state.json", "{\"build\": \"comp");
    unit_roadmap_json("p", &out);
    CHECK(strstr(buf_cstr(&out), "\"build_status\":\"old\",\"review_status\":null}]") != NULL);
    buf_free(&out);
}

/* Whatever leads out of the project, or could make a reader wait, is not there. */
static void unit_roadmap_hostile(void)
{
    buf out = {0}, text = {0};
    char fifo[300];
    test_begin("links, devices and large files of a project are not read");
    unit_roadmap_make("secret/requirements.md", "");
    unit_roadmap_make("secret/state.json", "{\"build\": \"told\"}");
    unit_roadmap_make("q/todos/roadmap.md",
                      "- [ ] ../../secret\n- [ ] link\n- [ ] file\n- [ ] .\n");
    unit_roadmap_link("../../secret", "q/todos/link");
    unit_roadmap_make("q/todos/file", NULL);
    unit_roadmap_link("../../../secret/requirements.md", "q/todos/file/requirements.md");
    unit_roadmap_link("../../../secret/state.json", "q/todos/file/state.json");
    unit_roadmap_json("q", &out);
    CHECK(!strstr(buf_cstr(&out), "true") && !strstr(out.p, "told"));
    CHECK(strstr(out.p, "../../secret") != NULL); /* but a todo it is */
    unit_roadmap_make("r", NULL);
    unit_roadmap_link("../q/todos", "r/todos");
    unit_roadmap_json("r", &out);
    CHECK_SPAN(buf_view(&out), "[]");
    unit_roadmap_make("s/todos", NULL);
    unit_roadmap_link("../../q/todos/roadmap.md", "s/todos/roadmap.md");
    unit_roadmap_json("s", &out);
    CHECK_SPAN(buf_view(&out), "[]");
    /* A pipe that nobody writes to: opening it for good would wait for ever. */
    unit_roadmap_make("t/todos", NULL);
    snprintf(fifo, sizeof fifo, "%s/t/todos/roadmap.md", unit_roadmap_root);
    CHECK_INT(mkfifo(fifo, 0600), 0);
    unit_roadmap_json("t", &out);
    CHECK_SPAN(buf_view(&out), "[]");
    /* A roadmap too long: whole lines of its beginning. */
    for (size_t i = 0; text.n <= ROADMAP_FILE_MAX; i++)
        buf_fmt(&text, i == 0 ? "- [ ] first\n" : i % 2 ? "%zu\n" : "- [x] %zu\n", i);
    buf_str(&text, "- [ ] last\n");
    unit_roadmap_make("u/todos/roadmap.md", buf_cstr(&text));
    snprintf(fifo, sizeof fifo, "%s/u", unit_roadmap_root);
    roadmap_read(fifo, &text);
    CHECK(text.n <= ROADMAP_FILE_MAX && text.n > ROADMAP_FILE_MAX - 20 &&
          text.p[text.n - 1] == '\n');
    unit_roadmap_json("u", &out);
    CHECK(strstr(buf_cstr(&out), "first") && !strstr(out.p, "last"));
    buf_free(&out);
    buf_free(&text);
}

static void unit_roadmap_remove(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char full[600];
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(full, sizeof full, "%s/%s", path, entry->d_name);
        if (lstat(full, &st) == 0 && S_ISDIR(st.st_mode))
            unit_roadmap_remove(full);
        else
            unlink(full);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

static void unit_roadmap(void)
{
    const char *base = getenv("TMPDIR");
    unit_roadmap_lines();
    unit_roadmap_cuts();
    unit_roadmap_limits();
    unit_roadmap_slugs();
    snprintf(unit_roadmap_root, sizeof unit_roadmap_root, "%s/telec-roadmap.XXXXXX",
             base && strlen(base) < 40 ? base : "/tmp");
    if (!mkdtemp(unit_roadmap_root))
        base_die("mkdtemp: %s", strerror(errno));
    unit_roadmap_files();
    unit_roadmap_hostile();
    unit_roadmap_remove(unit_roadmap_root);
}
