#include "work.h"

/* roadmap - a project's todos as JSON: todos/roadmap.md and the files beside it.
 *
 *      - [ ] slug         pending; [.] ready, [>] in progress; anything else is no todo
 *            words        its description: lines indented by six blanks, up to one that isn't
 *
 * Two flags tell whether todos/SLUG/requirements.md and implementation-plan.md exist. The states
 * build and review come from state.json in the todo's work tree, trees/SLUG/todos/SLUG, else in
 * todos/SLUG.
 *
 * Files may be hostile: below the project no symbolic link is followed, only regular files are
 * opened, without blocking, and a todo whose slug could name anything but an entry of todos/ has no
 * files. A file system that hangs blocks the reader. */

/* ---- roadmap.md ----------------------------------------------------------------------------- */

static const struct {
    char mark;
    const char *status;
} roadmap_marks[] = {{' ', "pending"}, {'.', "ready"}, {'>', "in_progress"}};

static const char *roadmap_status(char mark)
{
    for (size_t i = 0; i < COUNT_OF(roadmap_marks); i++)
        if (roadmap_marks[i].mark == mark)
            return roadmap_marks[i].status;
    return NULL;
}

static int roadmap_is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Returns how many bytes from `at` on are blank, or are not. */
static size_t roadmap_run(span s, size_t at, int blank)
{
    size_t n = at;
    while (n < s.n && roadmap_is_blank(s.p[n]) == blank)
        n++;
    return n - at;
}

/* Matches ^-\s+\[([ .>])\]\s+(\S+). */
static int roadmap_parse_item(span line, char *mark, span *slug)
{
    size_t at = 1 + roadmap_run(line, 1, 1), blanks;
    if (!span_starts(line, "-") || at == 1 || line.n < at + 3 || line.p[at] != '[' ||
        line.p[at + 2] != ']' || !roadmap_status(line.p[at + 1]))
        return 0;
    *mark = line.p[at + 1];
    at += 3;
    blanks = roadmap_run(line, at, 1);
    at += blanks;
    *slug = (span){line.p + at, roadmap_run(line, at, 0)};
    return blanks > 0 && slug->n > 0 && slug->n <= ROADMAP_SLUG_MAX;
}

static int roadmap_is_description(span line)
{
    return span_starts(line, "      ") && roadmap_run(line, 0, 1) < line.n;
}

static struct roadmap_iter roadmap_iter(span text)
{
    return (struct roadmap_iter){.rest = text};
}

static int roadmap_next(struct roadmap_iter *it)
{
    while (it->rest.n && it->count < ROADMAP_TODOS_MAX) {
        span line = span_cut(&it->rest, '\n');
        if (!roadmap_parse_item(line, &it->mark, &it->slug))
            continue;
        it->count++;
        it->lines = (span){it->rest.p, 0};
        while (it->rest.n) {
            span rest = it->rest;
            if (!roadmap_is_description(span_cut(&rest, '\n')))
                break;
            it->lines.n += it->rest.n - rest.n;
            it->rest = rest;
        }
        return 1;
    }
    return 0;
}

static void roadmap_put_description(span lines, buf *b)
{
    size_t start = b->n;
    while (lines.n) {
        span line = span_trim(span_cut(&lines, '\n'), " \t\r\v\f");
        size_t room = ROADMAP_DESCRIPTION_MAX - (b->n - start);
        if (line.n + 1 > room)
            return;
        buf_str(b, b->n > start ? " " : "");
        buf_span(b, line);
    }
}

static int roadmap_slug_is_plain(span slug)
{
    if (slug.n == 0 || slug.n > ROADMAP_SLUG_MAX || slug.p[0] == '.')
        return 0;
    for (size_t i = 0; i < slug.n; i++)
        if (slug.p[i] == '/' || (unsigned char)slug.p[i] <= ' ' || slug.p[i] == 0x7f)
            return 0;
    return 1;
}

/* ---- files ---------------------------------------------------------------------------------- */

static int roadmap_open_dir(int parent, const char *name)
{
    return parent < 0
               ? -1
               : openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

static void roadmap_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* Appends at most the first `most` bytes of a regular file. Returns 1, 0: it was cut, or -1. */
static int roadmap_read_at(int dir, const char *name, size_t most, buf *out)
{
    struct stat st;
    int fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
                                                  O_CLOEXEC);
    size_t start = out->n;
    ssize_t n = 1;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        roadmap_close(fd);
        return -1;
    }
    while (n > 0 && out->n - start <= most) {
        buf_reserve(out, most + 1 - (out->n - start) < 4096 ? most + 1 - (out->n - start) : 4096);
        n = read(fd, out->p + out->n, out->cap - out->n);
        out->n += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    if (out->n - start <= most)
        return n < 0 ? -1 : 1;
    out->n = start + most;
    return 0;
}

static int roadmap_has_file(int dir, const char *name)
{
    struct stat st;
    return dir >= 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static void roadmap_read(const char *project, buf *text)
{
    int dir = open(project, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
    int todos = roadmap_open_dir(dir, "todos");
    buf_clear(text);
    if (roadmap_read_at(todos, "roadmap.md", ROADMAP_FILE_MAX, text) == 0)
        while (text->n && text->p[text->n - 1] != '\n') /* no half todo at the cut */
            text->n--;
    roadmap_close(todos);
    roadmap_close(dir);
}

/* ---- todos ---------------------------------------------------------------------------------- */

/* Returns 0: the state.json is no object. */
static int roadmap_put_state(span text, buf *out)
{
    static const char *const members[][2] = {{"build", "build_status"},
                                             {"review", "review_status"}};
    struct json state = {0};
    if (!json_read(text, &state) || json_type(state) != JSON_OBJECT)
        return 0;
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        struct json value = json_get(state, members[i][0]);
        int fits = json_type(value) == JSON_STRING && value.text.n <= ROADMAP_WORD_MAX;
        char *word = fits ? json_dup_text(value) : NULL;
        json_field_string(out, members[i][1], word);
        free(word);
    }
    return 1;
}

/* Takes the first place that has a state.json; else appends nulls. */
static void roadmap_put_states(int todo, int trees, const char *slug, buf *scratch, buf *out)
{
    int tree = roadmap_open_dir(trees, slug), tree_todos = roadmap_open_dir(tree, "todos");
    int tree_todo = roadmap_open_dir(tree_todos, slug), found = 0;
    const int places[] = {tree_todo, todo};
    for (size_t i = 0; i < COUNT_OF(places) && !found; i++) {
        buf_clear(scratch);
        found = roadmap_read_at(places[i], "state.json", ROADMAP_STATE_MAX, scratch) == 1 &&
                roadmap_put_state(buf_view(scratch), out);
    }
    if (!found)
        roadmap_put_state(span_of("{}"), out);
    roadmap_close(tree_todo);
    roadmap_close(tree_todos);
    roadmap_close(tree);
}

static void roadmap_put_todo(const struct roadmap_iter *it, int todos, int trees, buf *scratch,
                             buf *out)
{
    int plain = roadmap_slug_is_plain(it->slug);
    char *slug = span_dup(it->slug);
    int todo = plain ? roadmap_open_dir(todos, slug) : -1;
    json_open(out, '{');
    json_field_span(out, "slug", it->slug);
    json_field_string(out, "status", roadmap_status(it->mark));
    buf_clear(scratch);
    roadmap_put_description(it->lines, scratch);
    json_field_span(out, "description", buf_view(scratch));
    json_field_bool(out, "has_requirements", roadmap_has_file(todo, "requirements.md"));
    json_field_bool(out, "has_impl_plan", roadmap_has_file(todo, "implementation-plan.md"));
    roadmap_put_states(todo, plain ? trees : -1, slug, scratch, out);
    json_close(out, '}');
    roadmap_close(todo);
    free(slug);
}

static void roadmap_put_todos(const char *project, span text, buf *out)
{
    int dir = open(project, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
    int todos = roadmap_open_dir(dir, "todos"), trees = roadmap_open_dir(dir, "trees");
    struct roadmap_iter it = roadmap_iter(text);
    buf scratch = {0};
    json_open(out, '[');
    while (roadmap_next(&it))
        roadmap_put_todo(&it, todos, trees, &scratch, out);
    json_close(out, ']');
    buf_free(&scratch);
    roadmap_close(trees);
    roadmap_close(todos);
    roadmap_close(dir);
}
