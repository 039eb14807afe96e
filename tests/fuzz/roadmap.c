/* Fuzz target of roadmap: what it finds lies within the text, in order; a todo's JSON is JSON; and
 * no slug that names more than an entry of a directory is taken for a plain one. */

static void fuzz_roadmap_require(int ok)
{
    if (!ok)
        abort();
}

/* Among the words of the corpus none is a todo's beginning: two bytes of three stand for one. */
static void fuzz_roadmap_text(span data, buf *text)
{
    static const char *const words[] = {
        "- [ ] ", "- [.] ", "- [>]\t", "\n", "      ", "\r\n", "- [x] ", "-", "[", "] ",
        "../", "a", ".", "\t", "\n- [ ] slug\n"};
    for (size_t i = 0; i < data.n; i++) {
        unsigned char c = (unsigned char)data.p[i];
        if (c % 3)
            buf_str(text, words[c / 3 % COUNT_OF(words)]);
        else
            buf_byte(text, (char)c);
    }
}

static void fuzz_roadmap_walk(span text)
{
    const char *at = text.p, *end = text.p + text.n;
    buf b = {0};
    for (struct roadmap_iter it = roadmap_iter(text); roadmap_next(&it);) {
        fuzz_roadmap_require(it.slug.n > 0 && it.slug.n <= ROADMAP_SLUG_MAX && it.slug.p > at &&
                             it.slug.p + it.slug.n <= end);
        fuzz_roadmap_require(it.lines.p >= it.slug.p + it.slug.n || it.lines.n == 0);
        fuzz_roadmap_require(it.lines.n == 0 || it.lines.p + it.lines.n <= end);
        fuzz_roadmap_require(strchr(" .>", it.mark) != NULL && it.mark);
        if (roadmap_slug_is_plain(it.slug))
            fuzz_roadmap_require(!memchr(it.slug.p, '/', it.slug.n) && it.slug.p[0] != '.');
        at = it.slug.p + it.slug.n;
        buf_clear(&b);
        roadmap_put_description(it.lines, &b);
        fuzz_roadmap_require(b.n <= ROADMAP_DESCRIPTION_MAX && (!b.n || !memchr(b.p, '\n', b.n)));
    }
    buf_clear(&b);
    struct json json;
    roadmap_put_todos("/nowhere", text, &b);
    fuzz_roadmap_require(json_parse(buf_view(&b), &json, NULL, NULL) == PARSE_DONE);
    buf_free(&b);
}

/* Any text is a state.json or is none. */
static void fuzz_roadmap_state(span text)
{
    buf b = {0};
    struct json json;
    json_open(&b, '{');
    int found = roadmap_put_state(text, &b);
    json_close(&b, '}');
    fuzz_roadmap_require(json_parse(buf_view(&b), &json, NULL, NULL) == PARSE_DONE);
    fuzz_roadmap_require(found == (b.n > 2));
    buf_free(&b);
}

static int fuzz_roadmap(const uint8_t *data, size_t size)
{
    span s = {(const char *)data, size};
    buf text = {0};
    fuzz_roadmap_walk(s);
    fuzz_roadmap_state(s);
    fuzz_roadmap_text(s, &text);
    char *copy = malloc(text.n ? text.n : 1); /* its end is guarded by the address sanitizer */
    if (text.n)
        memcpy(copy, text.p, text.n);
    fuzz_roadmap_walk((span){copy, text.n});
    free(copy);
    buf_free(&text);
    return 0;
}
