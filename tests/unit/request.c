/* Unit tests of request: the rules for members and parameters, and their faults' words. */

struct unit_request {
    struct httpd_request http;
    struct request r;
};

static void unit_request_init(struct unit_request *u, const char *body, const char *query)
{
    *u = (struct unit_request){.http = {.body = span_of(body), .query = span_of(query)}};
    u->r.http = &u->http;
    if (body)
        request_parse_body(&u->r);
}

/* The type and the place of the faults: "type place; …". */
static const char *unit_request_faults(struct unit_request *u, buf *out)
{
    struct json faults;
    buf_clear(out);
    if (u->r.faults.n) {
        json_close(&u->r.faults, ']');
        CHECK_INT(json_parse(buf_view(&u->r.faults), &faults, NULL, NULL), PARSE_DONE);
        for (struct json_iter it = json_iter(faults); json_next(&it);) {
            buf_str(out, out->n ? "; " : "");
            json_put_text(out, json_get(it.value, "type"));
            buf_byte(out, ' ');
            buf_span(out, json_get(it.value, "loc").text);
        }
        buf_free(&u->r.faults);
    }
    return buf_cstr(out);
}

static void unit_request_bodies(void)
{
    static const struct {
        const char *body, *faults;
    } cases[] = {
        {"{}", ""},
        {"", "missing [\"body\"]"},
        {" null\n", "missing [\"body\"]"},
        {"[]", "model_attributes_type [\"body\"]"},
        {"{\"a\":x}", "json_invalid [\"body\",5]"},
        {"{\"a\":", "json_invalid [\"body\",5]"},
        {"{} {}", "json_invalid [\"body\",3]"},
    };
    buf out = {0};
    test_begin("a body that is not a JSON object is one fault, with the offset of bad JSON");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct unit_request u;
        unit_request_init(&u, cases[i].body, NULL);
        CHECK_SPAN(span_of(unit_request_faults(&u, &out)), cases[i].faults);
        CHECK((json_type(u.r.body) == JSON_OBJECT) == !*cases[i].faults || cases[i].body[0] == '[');
    }
    buf_free(&out);
}

static void unit_request_members(void)
{
    static const struct request_field needed = {"a", 1, 2, NULL}, optional = {"a", 0, 0, NULL},
                                      chosen = {"a", 0, 0, "one|two"};
    static const struct {
        const struct request_field *field;
        const char *body, *value, *faults;
    } cases[] = {
        {&needed, "{\"a\":\"xy\"}", "xy", ""},
        {&needed, "{\"a\":\"\\u00e9\\u00e9\"}", "\xc3\xa9\xc3\xa9", ""},
        {&needed, "{\"a\":\"\\u00e9\"}", "\xc3\xa9", "string_too_short [\"body\",\"a\"]"},
        {&needed, "{}", NULL, "missing [\"body\",\"a\"]"},
        {&needed, "{\"a\":null}", NULL, "string_type [\"body\",\"a\"]"},
        {&needed, "{\"a\":[]}", NULL, "string_type [\"body\",\"a\"]"},
        {&optional, "{}", NULL, ""},
        {&optional, "{\"a\":null}", NULL, ""},
        {&optional, "{\"a\":\"\"}", "", ""},
        {&optional, "{\"a\":1}", NULL, "string_type [\"body\",\"a\"]"},
        {&chosen, "{\"a\":\"two\"}", "two", ""},
        {&chosen, "{\"a\":\"on\"}", "on", "literal_error [\"body\",\"a\"]"},
        {&chosen, "{\"a\":1}", NULL, "literal_error [\"body\",\"a\"]"},
    };
    buf out = {0};
    test_begin("a string member keeps its field's rule, counted in characters");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct unit_request u;
        unit_request_init(&u, cases[i].body, NULL);
        char *value = request_string(&u.r, cases[i].field);
        CHECK((value != NULL) == (cases[i].value != NULL));
        CHECK_SPAN(span_of(value), cases[i].value ? cases[i].value : "");
        CHECK_SPAN(span_of(unit_request_faults(&u, &out)), cases[i].faults);
        free(value);
    }
    buf_free(&out);
}

static void unit_request_nul(void)
{
    static const struct {
        const char *body, *id, *query, *faults;
    } cases[] = {
        {"{\"a\":\"x\\u0000\",\"b\":\"\"}", "", "", "string_type [\"body\",\"a\"]"},
        {"{\"a\":[1,{\"b\":\"\\u0000\"}]}", "", "", "string_type [\"body\",\"a\"]"},
        {"{\"a\\u0000\":1}", "", "", "string_type [\"body\"]"},
        {"{\"a\":\"\\\\\\u0000\"}", "", "", "string_type [\"body\",\"a\"]"},
        {"{\"a\":\"\\\\u0000\\u00001\\\\\"}", "", "", "string_type [\"body\",\"a\"]"},
        {"{\"a\":\"\\\\u0000\"}", "x%2500", "b=%2500&c=00", ""},
        {"{}", "x%00", "b=%00", "string_type [\"path\",\"id\"]; string_type [\"query\"]"},
    };
    buf out = {0};
    test_begin("U+0000 in any string of a request is a fault; u0000 behind a backslash is not");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct unit_request u;
        unit_request_init(&u, cases[i].body, cases[i].query);
        request_check_target(&u.r, span_of(cases[i].id));
        CHECK_SPAN(span_of(unit_request_faults(&u, &out)), cases[i].faults);
    }
    buf_free(&out);
}

static void unit_request_integers(void)
{
    static const struct {
        const char *body;
        int value;
        const char *faults;
    } cases[] = {
        {"{}", 7, ""},          {"{\"n\":null}", 7, ""},
        {"{\"n\":1}", 1, ""},   {"{\"n\":9}", 9, ""},
        {"{\"n\":0}", 7, "int_parsing [\"body\",\"n\"]"},
        {"{\"n\":10}", 7, "int_parsing [\"body\",\"n\"]"},
        {"{\"n\":\"1\"}", 7, "int_parsing [\"body\",\"n\"]"},
        {"{\"n\":4294967297}", 7, "int_parsing [\"body\",\"n\"]"},
    };
    static const struct {
        const char *query;
        int value;
        const char *faults;
    } queries[] = {
        {"", 0, ""},
        {"n=0", 0, ""},
        {"n=9", 9, ""},
        {"n=10", 10, "int_parsing [\"query\",\"n\"]"},
        {"n=-1", -1, "int_parsing [\"query\",\"n\"]"},
        {"n=x", 0, "int_parsing [\"query\",\"n\"]"},
        {"n=%zz", 0, "string_type [\"query\",\"n\"]"},
    };
    buf out = {0};
    struct unit_request u;
    test_begin("an integer of the body or the query stays within its bounds");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unit_request_init(&u, cases[i].body, NULL);
        CHECK_INT(request_int(&u.r, "n", 1, 9, 7), cases[i].value);
        CHECK_SPAN(span_of(unit_request_faults(&u, &out)), cases[i].faults);
    }
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        unit_request_init(&u, NULL, queries[i].query);
        CHECK_INT(request_query_int(&u.r, "n", 9), queries[i].value);
        CHECK_SPAN(span_of(unit_request_faults(&u, &out)), queries[i].faults);
    }
    buf_free(&out);
}

static void unit_request_shared(void)
{
    buf body = {0}, out = {0};
    struct unit_request u;
    int count;
    char how[3];
    test_begin("titles, keys, tail_chars and modes of an attach have limits of their own");
    for (size_t n = REQUEST_TITLE_MAX; n <= REQUEST_TITLE_MAX + 1; n++) {
        buf_clear(&body);
        buf_str(&body, "{\"title\":\"");
        for (size_t i = 0; i < n; i++)
            buf_byte(&body, 'x');
        buf_str(&body, "\"}");
        unit_request_init(&u, buf_cstr(&body), NULL);
        free(request_title(&u.r));
        CHECK_SPAN(span_of(unit_request_faults(&u, &out)),
                   n > REQUEST_TITLE_MAX ? "string_too_long [\"body\",\"title\"]" : "");
    }
    unit_request_init(&u, "{\"key\":\"ctrl_c\",\"count\":3}", NULL);
    free(request_key(&u.r, &count));
    CHECK(count == 3 && !*unit_request_faults(&u, &out));
    unit_request_init(&u, "{\"key\":\"ctrl\",\"count\":101}", NULL);
    free(request_key(&u.r, &count));
    CHECK_SPAN(span_of(unit_request_faults(&u, &out)),
               "int_parsing [\"body\",\"count\"]; literal_error [\"body\",\"key\"]");
    unit_request_init(&u, NULL, "");
    CHECK_INT(request_tail_chars(&u.r), REQUEST_TAIL_CHARS);
    CHECK(request_view_mode(&u.r, how) == 0 && how[0] == ' ' && how[1] == ' ');
    unit_request_init(&u, NULL, "tail_chars=many&mode=control&sizes=1&scrollback=1");
    request_tail_chars(&u.r);
    CHECK_INT(request_view_mode(&u.r, how), 1);
    CHECK(how[0] == FRAME_VIEW_SIZES && how[1] == FRAME_VIEW_SCROLLBACK && !how[2]);
    CHECK_SPAN(span_of(unit_request_faults(&u, &out)), "int_parsing [\"query\",\"tail_chars\"]");
    unit_request_init(&u, NULL, "tail_chars=-1");
    CHECK_INT(request_tail_chars(&u.r), 0);
    unit_request_init(&u, NULL, "tail_chars=99999999999999999999");
    CHECK_INT(request_tail_chars(&u.r), LLONG_MAX);
    CHECK_SPAN(span_of(unit_request_faults(&u, &out)), "");
    buf_free(&body), buf_free(&out);
}

static void unit_request_names(void)
{
    static const struct {
        const char *path, *trimmed;
    } paths[] = {{"/a/b//", "/a/b"}, {"/", "/"}, {"//", "/"}, {"", ""}, {"/a", "/a"}};
    struct config config = {.computer = (char *)"here"};
    struct server server = {.config = &config};
    test_begin("this computer has its name, local and none; a path ends without slashes");
    CHECK(request_is_here(&server, NULL) && request_is_here(&server, "") &&
          request_is_here(&server, "local") && request_is_here(&server, "here"));
    CHECK(!request_is_here(&server, "her") && !request_is_here(&server, "there"));
    request_trim_path(NULL);
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        char *path = span_dup(span_of(paths[i].path));
        request_trim_path(path);
        CHECK_SPAN(span_of(path), paths[i].trimmed);
        free(path);
    }
}

static void unit_request(void)
{
    unit_request_bodies();
    unit_request_members();
    unit_request_nul();
    unit_request_integers();
    unit_request_shared();
    unit_request_names();
}
