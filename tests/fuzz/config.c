/* Fuzzes the configuration file: config, and what theme and ui make of [colours] and [keys]. Any
 * bytes: every problem names a line that is there, and can be shown; the effective configuration
 * that results has no problems itself, and is its own effective configuration. */

static void fuzz_config_need(int holds)
{
    if (!holds)
        abort();
}

static void fuzz_config_load(struct config *c, span text)
{
    memset(c, 0, sizeof *c);
    c->file = span_dup(span_of("/f"));
    c->socket = span_dup(span_of("/s"));
    c->state = span_dup(span_of("/t"));
    c->host = "host";
    c->computer = "computer";
    c->user = "user";
    config_set_defaults(c);
    config_default_agents(c);
    config_parse(c, text);
    config_check_projects(c);
}

/* "/f:NUMBER: words", the number being of a line of the file. */
static void fuzz_config_check_problems(const buf *problems, long long lines)
{
    for (span rest = buf_view(problems); rest.n;) {
        span line = span_cut(&rest, '\n');
        long long number;
        buf shown = {0};
        utf8_put_visible(&shown, line);
        fuzz_config_need(shown.n == line.n);
        buf_free(&shown);
        fuzz_config_need(span_eq(span_cut(&line, ':'), "/f"));
        fuzz_config_need(span_int(span_cut(&line, ':'), &number) && number > 0 && number <= lines);
        fuzz_config_need(line.n > 5);
    }
}

/* All of it but the comments. */
static void fuzz_config_put(const struct config *c, buf *out, buf *problems)
{
    buf all = {0};
    config_put(c, &all);
    keys_put_config(c, &all, problems);
    for (span rest = buf_view(&all); rest.n;) {
        span line = span_cut(&rest, '\n');
        if (line.n && line.p[0] == '#')
            continue;
        buf_span(out, line);
        buf_byte(out, '\n');
    }
    buf_free(&all);
}

static int fuzz_config(const uint8_t *data, size_t size)
{
    char *copy = base_alloc(size + 1); /* exact, so that the sanitizer sees its end */
    struct config c, again;
    buf once = {0}, twice = {0}, problems = {0}, none = {0};
    long long lines = 1;
    if (size)
        memcpy(copy, data, size);
    copy = base_grow(copy, size ? size : 1);
    for (size_t i = 0; i < size; i++)
        lines += copy[i] == '\n';
    fuzz_config_load(&c, (span){copy, size});
    fuzz_config_put(&c, &once, &problems);
    fuzz_config_check_problems(&c.problems, lines);
    fuzz_config_check_problems(&problems, lines);
    fuzz_config_load(&again, buf_view(&once));
    fuzz_config_put(&again, &twice, &none);
    fuzz_config_need(again.problems.n == 0 && none.n == 0);
    fuzz_config_need(once.n == twice.n && memcmp(once.p, twice.p, once.n) == 0);
    config_free(&c);
    config_free(&again);
    buf_free(&once);
    buf_free(&twice);
    buf_free(&problems);
    buf_free(&none);
    free(copy);
    return 0;
}
