/* Unit tests of relayed: what its texts mean, and what is kept before the handshake. */

struct unit_relayed {
    buf said;
};

static void unit_relayed_on_size(void *ctx, int cols, int rows)
{
    buf_fmt(&((struct unit_relayed *)ctx)->said, "%dx%d ", cols, rows);
}

static void unit_relayed_on_output(void *ctx, span bytes, int snapshot)
{
    buf_fmt(&((struct unit_relayed *)ctx)->said, "%s%.*s ", snapshot ? "S:" : "", (int)bytes.n,
            bytes.p);
}

static void unit_relayed_on_end(void *ctx, const char *why)
{
    buf_fmt(&((struct unit_relayed *)ctx)->said, "[END %s]", why);
}

static void unit_relayed_on_link(void *ctx, const char *why, long long unsent)
{
    buf_fmt(&((struct unit_relayed *)ctx)->said, "[%s %d]", why ? why : "BACK", (int)unsent);
}

static void unit_relayed_on_ending(void *ctx, long long undo_ms)
{
    buf_fmt(&((struct unit_relayed *)ctx)->said, "[ENDING %d]", (int)undo_ms);
}

static const struct stream_hooks unit_relayed_hooks = {
    unit_relayed_on_size, unit_relayed_on_output, NULL, unit_relayed_on_end, NULL,
    unit_relayed_on_link, unit_relayed_on_ending};
static const struct stream_hooks unit_relayed_few = {
    unit_relayed_on_size, unit_relayed_on_output, NULL, unit_relayed_on_end, NULL, NULL, NULL};

static void unit_relayed_texts(void)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"", ""}, {"[]", ""}, {"{}", ""}, {"{\"size\":[]}", ""}, {"{\"size\":[80]}", ""},
        {"{\"size\":[0,24]}", ""}, {"{\"size\":[-1,24]}", ""},
        {"{\"size\":[80,99999999999]}", ""}, {"{\"size\":[80,501]}", ""},
        {"{\"size\":\"80x24\"}", ""}, {"{\"size\":[80,24", ""},
        {"{\"size\":[\"80\",24]}", ""},
        {"{\"size\":[100,30],\"more\":1}", "100x30 "},
        {"{\"undo_ms\":5000}", "[ENDING 5000]"}, {"{\"undo_ms\":0}", "[ENDING 0]"},
        {"{\"link\":\"lost\",\"why\":\"slow\",\"unsent\":7}", "[slow 7]"},
        {"{\"link\":\"lost\"}", "[ 0]"},
        {"{\"link\":\"back\",\"unsent\":3}", "[BACK 3]"}, {"{\"link\":5}", ""},
    };
    struct unit_relayed u = {0};
    struct relayed r = {.base = {.hooks = &unit_relayed_hooks, .ctx = &u}};
    test_begin("a text of the daemon is a size, an end or a link, and all else is ignored");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_clear(&u.said);
        r.base.hooks = &unit_relayed_hooks;
        relayed_on_message(&r, WS_TEXT, span_of(cases[i].text));
        CHECK_SPAN(buf_view(&u.said), cases[i].said);
        r.base.hooks = &unit_relayed_few; /* who wants no more than the screen */
        relayed_on_message(&r, WS_TEXT, span_of(cases[i].text));
        r.base.hooks = NULL;
        relayed_on_message(&r, WS_TEXT, span_of(cases[i].text));
    }

    test_begin("a snapshot begins with the first bytes behind a size");
    buf_clear(&u.said);
    r.base.hooks = &unit_relayed_hooks;
    r.sized = 0;
    relayed_on_message(&r, WS_BINARY, span_of("a"));
    relayed_on_message(&r, WS_TEXT, span_of("{\"size\":[9,9]}"));
    relayed_on_message(&r, WS_BINARY, span_of("b"));
    relayed_on_message(&r, WS_BINARY, span_of("c"));
    CHECK_SPAN(buf_view(&u.said), "a 9x9 S:b c ");
    buf_free(&u.said);
}

static void unit_relayed_on_drained(void *ctx)
{
    buf_str(&((struct unit_relayed *)ctx)->said, "drained");
}

static void unit_relayed_early(void)
{
    static const struct stream_hooks hooks = {.on_drained = unit_relayed_on_drained};
    struct unit_relayed u = {0};
    struct relayed r = {.base = {.source = &relayed_source, .hooks = &hooks, .ctx = &u}};
    struct vt_colours colours = {.known = 1};
    test_begin("before the handshake input is refused, the last size and colours are kept");
    CHECK_INT(stream_type(&r.base, span_of("ab")), -1);
    stream_resize(&r.base, 80, 24, NULL);
    stream_resize(&r.base, 90, 30, NULL);
    stream_set_colours(&r.base, &colours);
    CHECK_INT(stream_queued(&r.base), 0);
    CHECK(r.cols == 90 && r.rows == 30 && r.colours.known && !u.said.n);
    r.ws.accepted = 1;
    relayed_on_open(&r);
    CHECK_SPAN(buf_view(&u.said), "drained");
    CHECK(!r.cols && !r.colours.known);
    buf_free(&u.said);
}

static void unit_relayed_ends(void)
{
    static const struct {
        int code, accepted;
        enum stream_over over;
    } cases[] = {{1000, 1, STREAM_ENDED}, {1013, 1, STREAM_LOST}, {0, 1, STREAM_LOST},
                 {0, 0, STREAM_REFUSED}};
    test_begin("a stream ends, is lost, or was refused, by the close code");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct unit_relayed u = {0};
        struct relayed *r = base_alloc(sizeof *r);
        r->base = (struct stream){.hooks = &unit_relayed_hooks, .ctx = &u};
        r->ws.accepted = cases[i].accepted;
        CHECK_INT(relayed_over(r, cases[i].code), cases[i].over);
        relayed_on_closed(r, cases[i].code, i ? NULL : "bye");
        CHECK_SPAN(buf_view(&u.said), i ? "[END the connection was lost]" : "[END bye]");
        buf_free(&u.said);
    }
}

static void unit_relayed(void)
{
    unit_relayed_texts();
    unit_relayed_early();
    unit_relayed_ends();
}
