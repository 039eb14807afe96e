#include "cli.h"

/* grep - telec grep: a fixed text in the output of sessions, line by line. */

static int grep_same(char a, char b, int fold)
{
    return fold ? tolower((unsigned char)a) == tolower((unsigned char)b) : a == b;
}

static int grep_has(span line, span text, int fold)
{
    for (size_t at = 0; at + text.n <= line.n; at++) {
        size_t n = 0;
        while (n < text.n && grep_same(line.p[at + n], text.p[n], fold))
            n++;
        if (n == text.n)
            return 1;
    }
    return 0;
}

/* Prints the lines of the transcript in c->body that have the text. Returns how many; -1: stdout
 * can't be written. */
static int grep_print(struct context *c, const char *id, span text)
{
    buf all = {0}, out = {0};
    int found = 0;
    json_put_member(&all, context_reply(c), "transcript");
    for (span rest = buf_view(&all); rest.n;) {
        span line = span_cut(&rest, '\n');
        if (!grep_has(line, text, c->value['i'] != NULL))
            continue;
        found++;
        buf_fmt(&out, "%.8s: ", id);
        utf8_put_visible(&out, line);
        buf_byte(&out, '\n');
    }
    buf_free(&all);
    int failed = out.n && context_write(&out);
    buf_free(&out);
    return failed ? -1 : found;
}

/* Searches the sessions. Returns 0: found, 1: not found, 2: a session could not be read. */
static int grep_sessions(struct context *c, char **ids, size_t count, span text)
{
    int found = 0, failed = 0;
    for (size_t i = 0; i < count; i++) {
        buf target = {0};
        client_put_target(&target, ids[i], "/transcript?tail_chars=2147483647", c->value['o']);
        int lines = context_ask(c, "GET", buf_cstr(&target), NULL) == 0
                        ? grep_print(c, ids[i], text)
                        : -1;
        found += lines > 0;
        failed |= lines < 0;
        buf_free(&target);
    }
    return failed ? 2 : !found;
}

static int grep_run(struct context *c)
{
    size_t count = 0;
    span text = span_of(c->args[0]);
    char **ids = base_alloc((size_t)c->arg_count * sizeof *ids);
    if (!text.n)
        return free(ids), context_usage("expected a text", "grep");
    int status = 2;
    if (c->arg_count > 1) {
        status = context_find_many(c, c->args + 1, c->arg_count - 1, ids) ? 2 : 0;
        count = (size_t)c->arg_count - 1;
    } else {
        status = context_get_listing(c, CONTEXT_ALL_SESSIONS) ? 2 : 0;
        for (struct json_iter it = json_iter(status ? (struct json){0} : context_reply(c));
             json_next(&it);) {
            ids = base_grow(ids, (count + 1) * sizeof *ids);
            ids[count] = json_dup_member(it.value, "session_id");
            count += ids[count] != NULL;
        }
    }
    status = status ? status : grep_sessions(c, ids, count, text);
    for (size_t i = 0; i < count; i++)
        free(ids[i]);
    free(ids);
    return status;
}
