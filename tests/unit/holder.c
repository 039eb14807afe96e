/* The holder: what it types, and when. */

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
    test_begin("a message is typed as a paste where the program takes pastes, and never with ESC");
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        buf b = {0};
        input_put_typed(&b, span_of(texts[i].text), texts[i].paste);
        CHECK_SPAN(buf_view(&b), texts[i].typed);
        buf_free(&b);
    }
}

static void unit_hold_typed(void)
{
    static const struct {
        const char *said;
        enum state_kind state;
    } cases[] = {
        {"990", STATE_WAITING},  {"1000", STATE_WAITING}, {"1001", STATE_WORKING},
        {"1400", STATE_WORKING}, {"9999", STATE_WORKING}, {"-1", STATE_WAITING},
        {"soon", STATE_WAITING}, {"", STATE_WAITING},
    };
    test_begin("a direct key counts from when it was typed, not from when the holder hears of it");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct holder h = {0};
        struct holder_client c = {.holder = &h};
        holder_init(&h);
        h.loop.now = 1500;
        h.state.kind = STATE_WAITING;
        h.state.waiting_at = 1000;
        holder_handle_typed(&c, span_of(cases[i].said));
        CHECK_INT(h.state.kind, cases[i].state);
        loop_free(&h.loop);
    }
}

static void unit_holder(void)
{
    unit_hold_typing();
    unit_hold_typed();
}
