/* The holder protocol: frames, payloads, sizes, keys. */

static void unit_frame_cut(void)
{
    static const char *const payloads[] = {"", "x", "{\"cols\":80}"};
    test_begin("a frame that is cut at any byte is not done, and is never read past its end");
    for (size_t i = 0; i < COUNT_OF(payloads); i++) {
        blob *frame = frame_new(NULL, FRAME_INPUT, span_of(payloads[i]));
        CHECK_INT(frame->n, FRAME_HEAD + strlen(payloads[i]));
        for (size_t n = 0; n <= frame->n; n++) {
            struct conn c = {0};
            enum frame_type type;
            span payload;
            char *copy = guard_copy((span){frame->p, n});
            c.in = (buf){copy, n, n};
            enum parse parsed = frame_parse(&c, &type, &payload);
            CHECK_INT(parsed, n < frame->n ? PARSE_MORE : PARSE_DONE);
            if (parsed == PARSE_DONE) {
                CHECK_INT(type, FRAME_INPUT);
                CHECK_SPAN(payload, payloads[i]);
            }
            guard_free(copy, n);
        }
        blob_drop(frame);
    }
}

static void unit_frame_limit(void)
{
    char head[FRAME_HEAD];
    struct conn c = {.in = {head, FRAME_HEAD, FRAME_HEAD}};
    enum frame_type type;
    span payload;
    test_begin("a frame of FRAME_MAX bytes is taken, a longer one refused from its head");
    frame_put_head(head, FRAME_INPUT, FRAME_MAX);
    CHECK_INT(frame_parse(&c, &type, &payload), PARSE_MORE);
    frame_put_head(head, FRAME_INPUT, (size_t)FRAME_MAX + 1);
    CHECK_INT(frame_parse(&c, &type, &payload), PARSE_BAD);
    test_begin("an older holder's JSON answer to its launch can't be a frame");
    memcpy(head, "{\"pid", FRAME_HEAD);
    CHECK_INT(frame_parse(&c, &type, &payload), PARSE_BAD);
}

static void unit_frame_on_closed(void *ctx, const char *why)
{
    (void)ctx, (void)why;
}

/* Sends that many bytes and reads them back: the frames' types and lengths. */
static void unit_frame_show_pieces(void (*send)(struct conn *c, span bytes), size_t n, buf *shown,
                                   buf *bytes)
{
    static const struct conn_hooks hooks = {NULL, NULL, unit_frame_on_closed};
    struct loop l;
    struct conn c = {.hooks = &hooks};
    int ends[2];
    buf sent = {0};
    for (size_t i = 0; i < n; i++)
        buf_byte(&sent, (char)(i * 31 >> 8));
    loop_init(&l);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    conn_open(&c, &l, ends[0]);
    send(&c, buf_view(&sent));
    for (size_t i = 0; i < c.out_count; i++) {
        const struct conn_piece *piece = conn_piece(&c, i);
        size_t length = frame_length(piece->bytes->p);
        CHECK_INT(piece->end, FRAME_HEAD + length);
        buf_fmt(shown, "%c%zu%s", piece->bytes->p[4], length, piece->first ? "! " : " ");
        buf_add(bytes, piece->bytes->p + FRAME_HEAD, length);
    }
    CHECK(bytes->n == n && (!n || memcmp(bytes->p, sent.p, n) == 0));
    conn_close(&c, NULL);
    conn_free(&c);
    loop_free(&l);
    close(ends[1]);
    buf_free(&sent);
}

static void unit_frame_send_snapshot(struct conn *c, span bytes)
{
    frame_send_snapshot(c, NULL, bytes);
}

static void unit_frame_send_text(struct conn *c, span bytes)
{
    frame_send_reply(c, FRAME_TEXT_REPLY, bytes);
}

static void unit_frame_pieces(void)
{
    static const struct {
        void (*send)(struct conn *c, span bytes);
        size_t n;
        const char *frames;
    } cases[] = {
        {unit_frame_send_snapshot, 0, "N0! "},
        {unit_frame_send_snapshot, FRAME_PIECE - 1, "N262143! "},
        {unit_frame_send_snapshot, FRAME_PIECE, "N262144! O0 "},
        {unit_frame_send_snapshot, 2 * FRAME_PIECE + 7, "N262144! O262144 O7 "},
        {unit_frame_send_text, 0, "T0! "},
        {unit_frame_send_text, FRAME_MAX, "T2097152! "},
        {unit_frame_send_text, 2 * FRAME_MAX + 1, "+2097152! +2097152! T1! "},
    };
    test_begin("a snapshot or an answer of any length goes in frames, a snapshot as one message");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf shown = {0}, bytes = {0};
        unit_frame_show_pieces(cases[i].send, cases[i].n, &shown, &bytes);
        CHECK_SPAN(buf_view(&shown), cases[i].frames);
        buf_free(&shown);
        buf_free(&bytes);
    }
}

static void unit_frame_sizes(void)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{\"size\":80}",
        "{\"size\":[80]}",
        "{\"size\":[\"80\",24]}",
        "{\"size\":[0,24]}",
        "{\"size\":[80,0]}",
        "{\"size\":[-1,24]}",
        "{\"size\":[100000,24]}",
        "{\"size\":[80,100000]}",
        "{\"size\":{\"cols\":80}}",
        "{\"cols\":80,\"rows\":24}",
    };
    int cols = 7, rows = 8;
    buf b = {0};
    struct json size;
    test_begin("a size is read back as it was written, as a pair and as an object");
    frame_put_size(&b, 132, 43);
    CHECK(frame_parse_size(buf_view(&b), &cols, &rows) && cols == 132 && rows == 43);
    buf_clear(&b);
    frame_put_resize(&b, 80, 24, NULL);
    CHECK_SPAN(buf_view(&b), "{\"cols\":80,\"rows\":24}");
    CHECK_INT(json_parse(buf_view(&b), &size, NULL, NULL), PARSE_DONE);
    CHECK(frame_read_size(size, &cols, &rows) && cols == 80 && rows == 24);
    buf_free(&b);
    test_begin("the smallest and the largest size are sizes");
    frame_put_size(&b, 1, 1);
    CHECK(frame_parse_size(buf_view(&b), &cols, &rows) && cols == 1 && rows == 1);
    buf_clear(&b);
    frame_put_size(&b, GRID_COLS_MAX, GRID_ROWS_MAX);
    CHECK(frame_parse_size(buf_view(&b), &cols, &rows) && cols == GRID_COLS_MAX);
    buf_free(&b);
    test_begin("what is not a size leaves the size as it is");
    cols = 7, rows = 8;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK(!frame_parse_size(span_of(bad[i]), &cols, &rows));
    CHECK(cols == 7 && rows == 8);
}

static void unit_frame_payloads(void)
{
    buf b = {0};
    test_begin("each payload is the JSON that holders of every version read");
    frame_put_message(&b, &(struct frame_message){.text = span_of("a \"b\"\n"), .until = 12});
    CHECK_SPAN(buf_view(&b), "{\"text\":\"a \\\"b\\\"\\n\",\"enter\":false,\"until\":12}");
    buf_clear(&b);
    frame_put_keys(&b, "enter", 3);
    CHECK_SPAN(buf_view(&b), "{\"key\":\"enter\",\"count\":3}");
    buf_clear(&b);
    frame_put_end_undoably(&b, 10500);
    CHECK_SPAN(buf_view(&b), "{\"undo_ms\":10500}");
    buf_clear(&b);
    frame_put_number(&b, 123456789012);
    CHECK_SPAN(buf_view(&b), "123456789012");
    buf_free(&b);
}

static void unit_frame_keys(void)
{
    static const struct {
        const char *name, *normal, *application;
    } keys[] = {
        {"enter", "\r", "\r"},      {"key_up", "\033[A", "\033OA"}, {"ctrl_c", "\003", "\003"},
        {"ctrl_z", "\032", "\032"}, {"home", "\033[H", "\033OH"},   {"f5", "\033[15~", "\033[15~"},
        {"ctrl_a", "\001", "\001"}, {"space", " ", " "},
    };
    static const char *const unknown[] = {"", "enter ", "ctrl_", "ctrl_C", "ctrl_ab", "key", "f13",
                                          "ctrl_{", "ctrl_`"};
    buf b = {0};
    test_begin("a named key sends its bytes, cursor keys by the program's mode");
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        buf_clear(&b);
        CHECK_INT(frame_put_key_bytes(&b, span_of(keys[i].name), 0), 1);
        CHECK_SPAN(buf_view(&b), keys[i].normal);
        buf_clear(&b);
        CHECK_INT(frame_put_key_bytes(&b, span_of(keys[i].name), 1), 1);
        CHECK_SPAN(buf_view(&b), keys[i].application);
    }
    test_begin("an unknown key sends nothing");
    buf_clear(&b);
    for (size_t i = 0; i < COUNT_OF(unknown); i++)
        CHECK_INT(frame_put_key_bytes(&b, span_of(unknown[i]), 0), 0);
    CHECK_INT(b.n, 0);
    buf_free(&b);
}

static void unit_frame_looks(void)
{
    static const struct {
        const char *keys;
        int look;
    } cases[] = {{"", 1},          {"\033[I", 1},           {"\033[O\033[A", 1},
                 {"\033OB", 1},     {"\033[<64;10;5M", 1},   {"\033[M !!", 1},
                 {"\033[5~", 1},    {"\033[1;5C", 1},        {"\033[?62;c", 1},
                 {"\033", 0},       {"\r", 0},               {"y", 0},
                 {"\033[Ay", 0},    {"\033[200~x", 0},       {"\033[13u", 0},
                 {"\003", 0},       {"\033[", 0},            {"\033OP", 0},
                 {"\033[3~", 0},    {"\033\033", 0}};
    test_begin("focus, mouse and cursor keys answer nothing; text, Enter and Esc do");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (frame_is_look(span_of(cases[i].keys)) != cases[i].look)
            printf("# case %zu\n", i);
        CHECK_INT(frame_is_look(span_of(cases[i].keys)), cases[i].look);
    }
}

static void unit_frame_reports(void)
{
    test_begin("focus, mouse and reports are no keys; arrows and the keypad's Enter are");
    static const char *const reports[] = {"", "\033[I\033[O", "\033[<64;10;5M\033[M !!", "\033[0n"};
    static const char *const keys[] = {"\033[A", "\033OA", "\033OM", "y", "\033[Iy", "\033[5~"};
    for (size_t i = 0; i < COUNT_OF(reports); i++)
        CHECK(frame_is_report(span_of(reports[i])));
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        CHECK(!frame_is_report(span_of(keys[i])));
}

static void unit_frame_updates(void)
{
    test_begin("an update that does not end is found, also by the start of its sequence");
    static const struct {
        const char *output;
        size_t at;
    } cases[] = {
        {"", 0}, {"text", 4}, {"ab\033[?2026hcd", 2}, {"ab\033[?2026hcd\033[?2026lef", 22},
        {"\033[?2026hab\033[?2026l\033[?2026h", 18}, {"ab\033", 2}, {"ab\033[?20", 2},
        {"ab\033[?2026", 2}, {"ab\033[?25h", 8}, {"ab\033[?2027hc", 11},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_INT(frame_find_update(span_of(cases[i].output)), cases[i].at);
}

static void unit_frame(void)
{
    unit_frame_reports();
    unit_frame_updates();
    unit_frame_cut();
    unit_frame_limit();
    unit_frame_pieces();
    unit_frame_sizes();
    unit_frame_payloads();
    unit_frame_keys();
    unit_frame_looks();
}
