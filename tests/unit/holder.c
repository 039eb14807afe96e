/* The holder's pure pieces: frames, keys, what is typed, questions. */

static void unit_hold_questions(void)
{
    static const struct {
        const char *line;
        int asks;
    } lines[] = {
        {"", 0},
        {"done", 0},
        {"Proceed?", 1},
        {"Proceed? ", 1},
        {"Overwrite [y/N] ", 1},
        {"Overwrite (Y/n): ", 1},
        {"Are you sure you want to continue connecting (yes/no)? ", 1},
        {"Really? no", 0},
        {"Password: ", 1},
        {"[sudo] password", 1},
        {"password changed", 0},
        {"?", 1},
        {"user@host:~$ ", 0},
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        CHECK_INT(state_is_question(span_of(lines[i].line)), lines[i].asks);
}

static void unit_hold_keys(void)
{
    static const struct {
        const char *name, *normal, *application;
    } keys[] = {
        {"enter", "\r", "\r"},      {"key_up", "\033[A", "\033OA"}, {"ctrl_c", "\003", "\003"},
        {"ctrl_z", "\032", "\032"}, {"home", "\033[H", "\033OH"},   {"f5", "\033[15~", "\033[15~"},
    };
    static const char *const unknown[] = {"", "enter ", "ctrl_", "ctrl_C", "ctrl_ab", "key", "f13"};
    buf b = {0};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        buf_clear(&b);
        CHECK_INT(frame_put_key(&b, span_of(keys[i].name), 0), 1);
        CHECK_SPAN(buf_view(&b), keys[i].normal);
        buf_clear(&b);
        CHECK_INT(frame_put_key(&b, span_of(keys[i].name), 1), 1);
        CHECK_SPAN(buf_view(&b), keys[i].application);
    }
    buf_clear(&b);
    for (size_t i = 0; i < COUNT_OF(unknown); i++)
        CHECK_INT(frame_put_key(&b, span_of(unknown[i]), 0), 0);
    CHECK_INT(b.n, 0);
    buf_free(&b);
}

static void unit_hold_typing(void)
{
    static const struct {
        const char *text;
        int paste;
        const char *typed;
    } texts[] = {
        {"ls -l", 0, "ls -l"},
        {"two\nlines", 0, "two\rlines"},
        {"two\r\nlines", 0, "two\rlines"},
        {"two\nlines", 1, "\033[200~two\nlines\033[201~"},
        {"out\033[201~rm -rf x\r", 1, "\033[200~out[201~rm -rf x\r\033[201~"},
        {"\033[A", 0, "[A"},
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        buf b = {0};
        holder_put_typed(&b, span_of(texts[i].text), texts[i].paste);
        CHECK_SPAN(buf_view(&b), texts[i].typed);
        buf_free(&b);
    }
}

/* Frames over a socket pair, cut at every byte. */
static void unit_hold_frames(void)
{
    static const char *const payloads[] = {"", "x", "{\"cols\":80}"};
    for (size_t i = 0; i < COUNT_OF(payloads); i++) {
        blob *frame = frame_put(FRAME_INPUT, span_of(payloads[i]));
        CHECK_INT(frame->n, FRAME_HEAD + strlen(payloads[i]));
        for (size_t n = 0; n <= frame->n; n++) {
            struct conn c = {0};
            enum frame_type type;
            span payload;
            char *copy = guard_copy((span){frame->p, n});
            c.in = (buf){copy, n, n};
            enum parse parsed = frame_peek(&c, &type, &payload);
            CHECK_INT(parsed, n < frame->n ? PARSE_MORE : PARSE_DONE);
            if (parsed == PARSE_DONE) {
                CHECK_INT(type, FRAME_INPUT);
                CHECK_SPAN(payload, payloads[i]);
            }
            guard_free(copy, n);
        }
        blob_drop(frame);
    }
    char huge[FRAME_HEAD];
    struct conn c = {.in = {huge, FRAME_HEAD, FRAME_HEAD}};
    enum frame_type type;
    span payload;
    frame_put_head(huge, FRAME_INPUT, (size_t)FRAME_MAX + 1);
    CHECK_INT(frame_peek(&c, &type, &payload), PARSE_BAD);
}

/* Who typed past the holder says when: however late that is heard, a question of after it stands.
 */
static void unit_hold_typed(void)
{
    static const struct {
        const char *said;
        enum holder_state state;
    } cases[] = {
        {"990", STATE_WAITING},  {"1000", STATE_WAITING}, {"1001", STATE_WORKING},
        {"1400", STATE_WORKING}, {"9999", STATE_WORKING}, {"-1", STATE_WAITING},
        {"soon", STATE_WAITING}, {"", STATE_WAITING},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct holder h = {0};
        struct holder_client c = {.hold = &h};
        holder_init(&h);
        h.loop.now = 1500;
        h.state = STATE_WAITING;
        h.waiting_at = 1000;
        holder_take_typed(&c, span_of(cases[i].said));
        CHECK_INT(h.state, cases[i].state);
        loop_free(&h.loop);
    }
}

static void unit_holder(void)
{
    unit_hold_typed();
    unit_hold_questions();
    unit_hold_keys();
    unit_hold_typing();
    unit_hold_frames();
}
