/* Unit tests of fleet: what telec writes reads back the same, what Python writes is understood,
 * what is cut off or wrong is refused, and text survives the shell's quoting. */

static const char *unit_codec_why;

/* Every beginning of a text that was accepted must be refused, and nothing read behind it. */
static void unit_codec_cuts(const char *text, int (*accepts)(span text))
{
    size_t n = strlen(text);
    CHECK(accepts(span_of(text)));
    for (size_t cut = 0; cut < n; cut++) {
        char *copy = guard_copy((span){text, cut});
        CHECK(!accepts((span){copy, cut}));
        CHECK(unit_codec_why != NULL);
        guard_free(copy, cut);
    }
}

static int unit_codec_beats(span text)
{
    struct codec_heartbeat h;
    return codec_parse_heartbeat(text, &h, &unit_codec_why);
}

static int unit_codec_happens(span text)
{
    struct codec_event e;
    return codec_parse_event(text, &e, &unit_codec_why);
}

static int unit_codec_answers(span text)
{
    struct codec_reply a;
    return codec_parse_reply(text, &a, &unit_codec_why);
}

static void unit_codec_names(void)
{
    static const char *const good[] = {"a", "my host", "caf\xc3\xa9", "a:b"};
    static const char *const bad[] = {"", "a\nb", "\033[2J", "\x7f", "\xff", "a\xc3"};
    char longest[CODEC_NAME_MAX + 2];
    test_begin("a computer's name is checked, and found in its key");
    for (size_t i = 0; i < COUNT_OF(good); i++)
        CHECK(codec_name_is_good(span_of(good[i])));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK(!codec_name_is_good(span_of(bad[i])));
    memset(longest, 'x', sizeof longest);
    CHECK(codec_name_is_good((span){longest, CODEC_NAME_MAX}));
    CHECK(!codec_name_is_good((span){longest, CODEC_NAME_MAX + 1}));
    buf key = {0};
    codec_put_key(&key, "", "tower");
    CHECK_SPAN(buf_view(&key), "computer:tower:heartbeat");
    CHECK_SPAN(codec_key_name(buf_view(&key)), "tower");
    CHECK_SPAN(codec_key_name(span_of("computer:a:b:heartbeat")), "a:b");
    CHECK_SPAN(codec_key_name(span_of("computer::heartbeat")), "");
    CHECK_SPAN(codec_key_name(span_of("computer:heartbeat")), "");
    CHECK_SPAN(codec_key_name(span_of("other:a:heartbeat")), "");
    CHECK_SPAN(codec_key_name(span_of("computer:a\n:heartbeat")), "");
    buf_free(&key);
}

static void unit_codec_ids(void)
{
    static const char *const bad[] = {"",
                                      "-",
                                      "1",
                                      "1-",
                                      "-1",
                                      "1-1-1",
                                      "a-1",
                                      "1-a",
                                      "+1-1",
                                      "1 -1",
                                      "18446744073709551616-0",
                                      "99999999999999999999-1"};
    struct codec_id id;
    buf b = {0};
    test_begin("stream ids compare as numbers");
    CHECK(codec_parse_id(span_of("1700000000123-7"), &id));
    CHECK(id.ms == 1700000000123 && id.seq == 7);
    codec_put_id(&b, id);
    CHECK_SPAN(buf_view(&b), "1700000000123-7");
    CHECK(codec_parse_id(span_of("18446744073709551615-18446744073709551615"), &id));
    CHECK(id.ms == ULLONG_MAX && id.seq == ULLONG_MAX);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK(!codec_parse_id(span_of(bad[i]), &id));
    CHECK(codec_compare_ids((struct codec_id){1, 9}, (struct codec_id){2, 0}) < 0);
    CHECK(codec_compare_ids((struct codec_id){2, 1}, (struct codec_id){2, 0}) > 0);
    CHECK(codec_compare_ids((struct codec_id){2, 1}, (struct codec_id){2, 1}) == 0);
    buf_free(&b);
}

static void unit_codec_heartbeats(void)
{
    struct codec_heartbeat out = {.name = "tower",
                                  .user = "me",
                                  .host = "h",
                                  .telec = "1",
                                  .instance = "u/2",
                                  .interest = CACHE_SESSIONS},
                           in;
    buf b = {0};
    test_begin("heartbeats of Python and telec say the same");
    codec_put_heartbeat(&b, &out, 0);
    CHECK_SPAN(buf_view(&b),
               "{\"computer_name\":\"tower\",\"last_seen\":\"1970-01-01T00:00:00.000+00:00\","
               "\"interested_in\":[\"sessions\"],\"user\":\"me\",\"host\":\"h\",\"telec\":\"1\","
               "\"instance\":\"u/2\"}");
    unit_codec_cuts(buf_cstr(&b), unit_codec_beats);
    CHECK(codec_parse_heartbeat(buf_view(&b), &in, &unit_codec_why));
    CHECK(strcmp(in.name, out.name) == 0 && strcmp(in.user, out.user) == 0 &&
          strcmp(in.host, out.host) == 0 && strcmp(in.telec, out.telec) == 0 &&
          strcmp(in.instance, out.instance) == 0 && in.interest == out.interest && !in.leaving);
    buf_clear(&b);
    out.interest = 0;
    out.leaving = 1;
    codec_put_heartbeat(&b, &out, 0);
    CHECK(!strstr(buf_cstr(&b), "interested_in"));
    CHECK(codec_parse_heartbeat(buf_view(&b), &in, &unit_codec_why));
    CHECK(in.leaving && !in.interest);
    /* Python's */
    const char *python = "{\"computer_name\": \"caf\\u00e9\", \"last_seen\": "
                         "\"2026-01-01T00:00:00.123456\", \"interested_in\": [\"preparation\", "
                         "\"sessions\", 5, \"moon\"], \"more\": {}}";
    unit_codec_cuts(python, unit_codec_beats);
    CHECK(codec_parse_heartbeat(span_of(python), &in, &unit_codec_why));
    CHECK_SPAN(span_of(in.name), "caf\xc3\xa9");
    CHECK_INT(in.interest, CACHE_SESSIONS | CACHE_PREPARATION);
    CHECK(!in.telec[0] && !in.user[0] && !in.leaving);
    static const char *const bad[] = {"",
                                      "5",
                                      "[]",
                                      "{}",
                                      "{\"computer_name\":null}",
                                      "{\"computer_name\":\"\"}",
                                      "{\"computer_name\":\"a\\nb\"}",
                                      "{\"computer_name\":\"a\"}x"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK(!unit_codec_beats(span_of(bad[i])));
    CHECK(unit_codec_beats(span_of("{\"computer_name\":\"a\",\"interested_in\":\"sessions\"}")));
    buf_free(&b);
}

static void unit_codec_events(void)
{
    struct codec_event e;
    buf b = {0}, object = {0};
    test_begin("an event names its session and its sender");
    codec_put_event(&b, "session_updated",
                    span_of("{\"session_id\":\"s-1\",\"last_activity\":"
                            "\"1970-01-01T00:00:01+00:00\"}"),
                    5, "tower");
    CHECK_SPAN(buf_view(&b),
               "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"s-1\",\"last_activity\":"
               "\"1970-01-01T00:00:01+00:00\"},\"timestamp\":\"1970-01-01T00:00:00.005+00:00\","
               "\"source_computer\":\"tower\"}");
    unit_codec_cuts(buf_cstr(&b), unit_codec_happens);
    CHECK(codec_parse_event(buf_view(&b), &e, &unit_codec_why));
    CHECK(!e.removed && strcmp(e.source, "tower") == 0 && strcmp(e.session.id, "s-1") == 0);
    /* Python's: no offset, surrogates that are alone, members that nobody knows */
    const char *python = "{\"event\": \"session_updated\", \"data\": {\"computer\": \"other\", "
                         "\"session_id\": \"a_B-9\", \"title\": \"\\ud83d\\ude00 \\ud800\", "
                         "\"last_activity\": \"1970-01-01T00:00:02.5\", \"odd\": [{}], "
                         "\"n\": 1e3}, \"source_computer\": \"py\", \"timestamp\": \"x\"}";
    unit_codec_cuts(python, unit_codec_happens);
    CHECK(codec_parse_event(span_of(python), &e, &unit_codec_why));
    codec_put_session(&object, e.session.object, "py \"x\"");
    CHECK_SPAN(buf_view(&object),
               "{\"session_id\":\"a_B-9\",\"title\":\"\\ud83d\\ude00 \\ud800\",\"last_activity\":"
               "\"1970-01-01T00:00:02.5\",\"odd\":[{}],\"n\":1e3,\"computer\":\"py \\\"x\\\"\"}");
    CHECK(codec_parse_event(span_of("{\"event\":\"session_removed\",\"data\":{\"session_id\":"
                                    "\"x\"},\"source_computer\":\"a\"}"),
                            &e, &unit_codec_why));
    CHECK(e.removed);
    static const char *const bad[] = {
        "{\"event\":\"session_updated\",\"data\":{},\"source_computer\":\"a\"}",
        "{\"event\":\"session_updated\",\"data\":5,\"source_computer\":\"a\"}",
        "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"../x\"},\"source_computer\":"
        "\"a\"}",
        "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"x\"}}",
        "{\"event\":\"session_started\",\"data\":{\"session_id\":\"x\"},\"source_computer\":\"a\"}",
        "{\"data\":{\"session_id\":\"x\"},\"source_computer\":\"a\"}",
        "[]",
        "null"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK(!unit_codec_happens(span_of(bad[i])));
    buf_free(&b);
    buf_free(&object);
}

/* What would make a list of sessions too deep or too large for its readers. */
static void unit_codec_bounds(void)
{
    buf b = {0};
    struct codec_event e;
    test_begin("texts of peers are bounded before they are used");
    for (int deep = 0; deep < 2; deep++) {
        int levels = CODEC_DEPTH_MAX - 2 + deep; /* two are the event's own */
        buf_clear(&b);
        buf_str(&b, "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"x\",\"d\":");
        for (int i = 0; i < levels; i++)
            buf_byte(&b, '[');
        for (int i = 0; i < levels; i++)
            buf_byte(&b, ']');
        buf_str(&b, "},\"source_computer\":\"a]]\"}");
        CHECK_INT(codec_parse_event(buf_view(&b), &e, &unit_codec_why), !deep);
    }
    buf_clear(&b);
    buf_str(&b, "{\"event\":\"session_updated\",\"data\":{\"session_id\":\"x\",\"d\":\"");
    for (int i = 0; i < CODEC_SESSION_MAX; i++)
        buf_byte(&b, 'x');
    buf_str(&b, "\"},\"source_computer\":\"a\"}");
    CHECK(!codec_parse_event(buf_view(&b), &e, &unit_codec_why));
    CHECK_SPAN(span_of(unit_codec_why), "a session is too large");
    buf_free(&b);
}

static void unit_codec_surrogates(void)
{
    static const char *const rows[][2] = {
        {"\"\\ud83d\\ude00 \\ud800!\"", "\"\\ud83d\\ude00 \\ufffd!\""},
        {"\"\\ude00\\ud83d\"", "\"\\ufffd\\ufffd\""},
        {"\"\\uD83D\\uD83D\\uDE00\"", "\"\\ufffd\\uD83D\\uDE00\""},
        {"\"\\\\ud800\"", "\"\\\\ud800\""},
        {"\"\\ud800", "\"\\ufffd"},
        {"\"\\ud80", "\"\\ud80"},
        {"plain", "plain"},
        {"", ""}};
    test_begin("lone surrogates become U+FFFD, pairs and escaped backslashes stay");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        buf mended = {0};
        CHECK_SPAN(codec_mend(span_of(rows[i][0]), &mended), rows[i][1]);
        buf_free(&mended);
    }
}

static void unit_codec_words_of(const char *text, const char *joined)
{
    char **words = codec_words(span_of(text));
    buf b = {0};
    if (words)
        codec_put_joined(&b, words);
    CHECK((words != NULL) == (joined != NULL));
    CHECK_SPAN(buf_view(&b), joined ? joined : "");
    free(words);
    buf_free(&b);
}

static void unit_codec_quoting(void)
{
    uint32_t seed = 1;
    test_begin("a quoted text comes back as it was");
    unit_codec_words_of("list_sessions", "list_sessions");
    unit_codec_words_of(" /message 'it'\"'\"'s' \\'x\\ y \n", "message it's 'x y");
    unit_codec_words_of("message 'a\nb' \"c\\\"d\"", "message a\nb c\"d");
    unit_codec_words_of("message ''", "message ");
    unit_codec_words_of("", NULL);
    unit_codec_words_of("/", NULL);
    unit_codec_words_of(" /agent  it's\t\"open ", "agent it's \"open"); /* at white space */
    unit_codec_words_of("'", "'");
    CHECK(codec_words((span){"a\0b", 3}) == NULL);
    static const char *const texts[][2] = {{"message it's a \"b\" ", "it's a \"b\" "},
                                           {" /message 'a b' c", "'a b' c"},
                                           {"message  two\nlines\n", " two\nlines\n"},
                                           {"message 'a b'", "a b"},
                                           {"message \"a b\"", "\"a b\""},
                                           {"message 'it'\\''s'", "it's"},
                                           {"message 'it'\"'\"'s \"two\"'", "it's \"two\""},
                                           {"message 'a'b'c'", "'a'b'c'"},
                                           {"message 'a", "'a"},
                                           {"message ''", ""},
                                           {"message /compact", "/compact"},
                                           {"message plain", "plain"},
                                           {"message", ""},
                                           {"", ""}};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        char *text = codec_text_behind(span_of(texts[i][0]));
        CHECK_SPAN(span_of(text), texts[i][1]);
        free(text);
    }
    /* Any text comes back as it was. */
    for (int round = 0; round < 2000; round++) {
        static const char alphabet[] = "a '\"\\\n\t$`!~*#/;|&\xc3\xa9\x01";
        char text[24];
        size_t n = 0;
        for (int i = 0; i < round % 23; i++) {
            seed = seed * 1664525u + 1013904223u;
            text[n++] = alphabet[(seed >> 8) % (sizeof alphabet - 1)];
        }
        text[n] = '\0';
        const char *const words[] = {"message", text, "end", NULL};
        buf line = {0};
        codec_put_words(&line, words);
        char **back = codec_words(buf_view(&line));
        CHECK(back && back[0] && back[1] && back[2] && !back[3]);
        if (back)
            CHECK_SPAN(span_of(back[1]), text);
        free(back);
        buf_free(&line);
    }
}

static void unit_codec_requests(void)
{
    struct codec_request r = {0};
    static const char *const fields[][2] = {{"command", "c"},
                                            {"initiator", "i"},
                                            {"session_id", "s"},
                                            {"title", "t"},
                                            {"project_dir", "p"},
                                            {"other", "x"},
                                            {"channel_metadata", "m"},
                                            {"auto_command", "a"},
                                            {"type", "y"},
                                            {"from_computer", "f"},
                                            {"args", "g"}};
    test_begin("a request's fields are found in any order");
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        codec_set_field(&r, span_of(fields[i][0]), span_of(fields[i][1]));
    CHECK_SPAN(r.command, "c");
    CHECK_SPAN(r.initiator, "i");
    CHECK_SPAN(r.session_id, "s");
    CHECK_SPAN(r.title, "t");
    CHECK_SPAN(r.project_dir, "p");
    CHECK_SPAN(r.metadata, "m");
    CHECK_SPAN(r.auto_command, "a");
    CHECK_SPAN(r.type, "y");
    CHECK_SPAN(r.from, "f");
    CHECK_SPAN(r.args, "g");
}

static void unit_codec_envelopes(void)
{
    struct codec_reply a;
    buf b = {0};
    test_begin("an envelope is a success, an error, or refused");
    codec_put_success(&b, span_of("[1]"));
    CHECK_SPAN(buf_view(&b), "{\"status\":\"success\",\"data\":[1]}");
    unit_codec_cuts(buf_cstr(&b), unit_codec_answers);
    CHECK(codec_parse_reply(buf_view(&b), &a, &unit_codec_why));
    CHECK(a.good && json_type(a.data) == JSON_ARRAY && !a.code[0]);
    buf_clear(&b);
    codec_put_error(&b, "no \"way\"", "NO_HANDLER");
    CHECK_SPAN(buf_view(&b), "{\"status\":\"error\",\"error\":\"no \\\"way\\\"\",\"code\":"
                             "\"NO_HANDLER\"}");
    unit_codec_cuts(buf_cstr(&b), unit_codec_answers);
    CHECK(codec_parse_reply(buf_view(&b), &a, &unit_codec_why));
    CHECK(!a.good && strcmp(a.code, "NO_HANDLER") == 0 && json_text_eq(a.error, "no \"way\""));
    CHECK(codec_parse_reply(span_of("{\"status\": \"error\"}"), &a, &unit_codec_why));
    CHECK(!a.good && json_type(a.error) == JSON_NONE);
    CHECK(codec_parse_reply(span_of("{\"status\": \"success\"}"), &a, &unit_codec_why));
    CHECK(a.good && json_type(a.data) == JSON_NONE);
    CHECK(!unit_codec_answers(span_of("{\"status\": \"perhaps\"}")));
    CHECK(!unit_codec_answers(span_of("{\"data\": []}")));
    CHECK(!unit_codec_answers(span_of("\"success\"")));
    buf_free(&b);
}

static void unit_codec_allowing(void)
{
    test_begin("[peers] allow names computers exactly");
    CHECK(codec_is_allowed("*", span_of("a")));
    CHECK(codec_is_allowed("*", span_of("")));
    CHECK(codec_is_allowed("a, b ,c", span_of("b")));
    CHECK(!codec_is_allowed("a, bb, c", span_of("b")));
    CHECK(!codec_is_allowed("", span_of("a")));
    CHECK(!codec_is_allowed("", span_of("")));
    CHECK(!codec_is_allowed("a,,b", span_of("")));
    CHECK(codec_is_allowed("b, *", span_of("x")));
}

static void unit_codec(void)
{
    unit_codec_names();
    unit_codec_ids();
    unit_codec_heartbeats();
    unit_codec_events();
    unit_codec_bounds();
    unit_codec_quoting();
    unit_codec_surrogates();
    unit_codec_requests();
    unit_codec_envelopes();
    unit_codec_allowing();
}
