/* replay: what agents write to their terminals, and the state that a holder makes of it. The clock
 * is the recording's. Recordings of real agents come from the directory $TELEC_RECORDINGS: lines of
 * JSON, [ms, "o", base64 of output], [ms, "i", base64 of input], [ms, "r", [cols, rows]]. */

struct replay {
    struct holder h;
    long long cut;        /* bytes of output at a time; 0: as recorded */
    buf timeline;         /* a letter for each state: s, w, i, and q when it waits */
    long long asked_at;   /* when the last question was seen */
    char last;
};

static void replay_init(struct replay *r, const char *agent, long long cut)
{
    static char *const argv[] = {(char *)"agent", NULL};
    *r = (struct replay){.cut = cut, .h = {.slave = -1, .lock_fd = -1}};
    holder_init(&r->h);
    r->h.loop.now = 0;
    r->h.vt = vt_new(80, 23);
    reader_init(&r->h, argv, argv + 1, NULL, agent); /* no environment */
    loop_timer_set(&r->h.loop, &r->h.silence_timer, state_silent_at(&r->h.state));
}

static void replay_free(struct replay *r)
{
    buf *const all[] = {&r->h.last_output, &r->h.asked, &r->h.said, &r->h.reader.said,
                        &r->h.reader.reason, &r->h.reader.asks, &r->h.reader.choices,
                        &r->h.scratch, &r->timeline};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        buf_free(all[i]);
    vt_free(r->h.vt);
    loop_free(&r->h.loop);
}

static void replay_note(struct replay *r)
{
    char letter = "swqiux"[r->h.state.kind];
    status_renew_last_output(&r->h);
    CHECK(!strstr(buf_cstr(&r->h.last_output), "1. ")); /* an option is no message */
    if (letter != r->last)
        buf_byte(&r->timeline, letter);
    if (letter == 'q' && r->last != 'q')
        r->asked_at = r->h.loop.now;
    r->last = letter;
}

/* Lets the clock go on to `now`, with every timer at its time. */
static void replay_until(struct replay *r, long long now)
{
    struct loop_timer *const timers[] = {&r->h.reader.timer, &r->h.silence_timer};
    for (;;) {
        struct loop_timer *next = NULL;
        for (size_t i = 0; i < COUNT_OF(timers); i++)
            if (timers[i]->slot && timers[i]->due <= now && (!next || timers[i]->due < next->due))
                next = timers[i];
        if (!next)
            break;
        if (next->due > r->h.loop.now)
            r->h.loop.now = next->due;
        loop_timer_cancel(&r->h.loop, next);
        next->fn(&r->h);
        replay_note(r);
    }
    r->h.loop.now = now;
}

static void replay_output(struct replay *r, long long at, span bytes)
{
    while (bytes.n) {
        span piece = {bytes.p, r->cut && (size_t)r->cut < bytes.n ? (size_t)r->cut : bytes.n};
        buf answers = {0};
        replay_until(r, at);
        vt_feed(r->h.vt, piece);
        vt_drain_answers(r->h.vt, &answers);
        buf_free(&answers);
        unsigned signals = vt_drain_signals(r->h.vt);
        holder_judge_output(&r->h, signals, 0);
        reader_note_output(&r->h, piece.n, (signals & VT_TITLE_CHANGED) != 0);
        replay_note(r);
        bytes = span_sub(bytes, piece.n);
    }
}

static void replay_input(struct replay *r, long long at, span keys)
{
    replay_until(r, at);
    struct state_input in = {.event = frame_is_look(keys) ? STATE_ON_LOOKED : STATE_ON_TYPED,
                             .at = at, .interrupts = input_interrupts(keys)};
    status_apply(&r->h, in, (span){0});
    reader_expect(&r->h, at + INPUT_READ_MS);
    replay_note(r);
}

static void replay_line(struct replay *r, span line)
{
    struct json event = {0};
    long long at;
    buf coded = {0}, bytes = {0};
    int cols, rows;
    json_parse(line, &event, NULL, NULL);
    struct json_iter it = json_iter(event);
    if (!json_next(&it) || !json_int(it.value, &at) || !json_next(&it))
        return;
    struct json kind = it.value;
    if (!json_next(&it))
        return;
    if (!r->last)
        /* the recording's beginning */
        r->h.loop.now = r->h.state.since = r->h.state.output_at = at;
    json_put_text(&coded, it.value);
    if (json_text_eq(kind, "r") && frame_read_size(it.value, &cols, &rows))
        vt_resize(r->h.vt, cols, rows);
    else if (json_text_eq(kind, "o") && b64_decode(buf_view(&coded), &bytes))
        replay_output(r, at, buf_view(&bytes));
    else if (json_text_eq(kind, "i") && b64_decode(buf_view(&coded), &bytes))
        replay_input(r, at, buf_view(&bytes));
    buf_free(&coded), buf_free(&bytes);
}

static void test_replay_recordings(void)
{
    static const struct {
        const char *file, *agent, *timeline;
        long long asked_by;
    } recordings[] = {
        {"dialog.claude", "claude", "swiwq", 7400},   {"dialog.codex", "codex", "swiwq", 8200},
        {"dialog.copilot", "copilot", "sqwi", 1900},  {"dialog.gemini", "gemini", "swiwiq", 14800},
        {"dialog.opencode", "opencode", "swiwq", 24400}, {"dialog.qwen", "qwen", "swiwq", 17500},
        {"stream.claude", "claude", "swiwiwi", 0},    {"stream.codex", "codex", "swiwiwi", 0},
        {"stream.copilot", "copilot", "sqwiwi", 4500}, {"stream.gemini1", "gemini", "swi", 0},
        {"stream.opencode", "opencode", "swi", 0},    {"stream.qwen", "qwen", "swiwiwi", 0}};
    static const long long cuts[] = {0, 1000, 61};
    const char *dir = getenv("TELEC_RECORDINGS");
    if (!dir)
        return;
    test_begin("recorded agents have the states that their screens show, however they are cut");
    for (size_t i = 0; i < COUNT_OF(recordings) * COUNT_OF(cuts); i++) {
        size_t at = i / COUNT_OF(cuts);
        struct replay r;
        buf path = {0}, text = {0};
        buf_fmt(&path, "%s/%s.jsonl", dir, recordings[at].file);
        replay_init(&r, recordings[at].agent, cuts[i % COUNT_OF(cuts)]);
        CHECK_INT(os_read_file(&text, buf_cstr(&path), 1 << 24), 0);
        for (span rest = buf_view(&text); rest.n;)
            replay_line(&r, span_cut(&rest, '\n'));
        replay_until(&r, r.h.loop.now + 500);
        CHECK_SPAN(buf_view(&r.timeline), recordings[at].timeline);
        CHECK(r.asked_at <= recordings[at].asked_by);
        buf_free(&path), buf_free(&text);
        replay_free(&r);
    }
}

struct replay_event {
    long long at;
    const char *keys, *output; /* one of the two */
};

/* Drawn by hand in the shapes of agents' screens; \r\n between rows. */
static const struct replay_event replay_boxed[] = {
    {50, NULL, "\033[?2004h\033[2J\033[HWelcome\r\n"},
    {900, NULL, "\033[H\r\n----\r\n\342\235\257 \r\n----\r\n  ? for shortcuts\033[3;3H"},
    {5000, "make it\r", NULL},
    {5050, NULL, "\033[2J\033[H\342\235\257 make it\r\n* Thinking\r\n----\r\n\342\235\257 \r\n----"
                 "\r\n  esc to interrupt\033[4;3H"},
    {5500, NULL, "\033[2;1H+"}, {6000, NULL, "\033[2;1H*"}, {6500, NULL, "\033[2;1H+"},
    {6900, NULL, "\033[2J\033[H\342\235\257 make it\r\n\342\227\217 Bash(make)\r\n----\r\n"
                 " Bash command\r\n\r\n   make\r\n\r\n Do you want to proceed?\r\n"
                 " \342\235\257 1. Yes\r\n   2. No\r\n\r\n Esc to cancel\r\n"},
    {8000, "\033[B", NULL},
    {8030, NULL, "\033[9;2H \033[10;2H\342\235\257"},
    {9000, "1", NULL},
    {9100, NULL, "\033[2J\033[H\342\235\257 make it\r\n* Running\r\n----\r\n\342\235\257 \r\n----"
                 "\r\n  esc to interrupt\033[4;3H"},
    {9600, NULL, "\033[2;1H+"},
    {10000, NULL, "\033[2J\033[H\342\235\257 make it\r\n\342\227\217 It is\r\n  made.\r\n\r\n"
                  "  All of\r\n  it.\r\n\r\n* Cooked for 1s\r\n----\r\n"
                  "\342\235\257 \r\n----\r\n  ? for shortcuts\033[10;3H"}};
static const struct replay_event replay_framed[] = {
    {50, NULL, "\033[?1049h\033[2J"},
    {800, NULL, "\033[5;3H\342\224\203\033[6;3H\342\224\203  Ask anything\033[7;3H\342\224\203"
                "\033[8;3H\342\224\203  Build M1\033[9;3H\342\225\271\342\226\200\342\226\200"},
    {5000, "make it\r", NULL},
    {5050, NULL, "\033[6;6Hmake it      \033[12;3Hesc interrupt"}, {5500, NULL, "\033[12;1H*"},
    {6000, NULL, "\033[2J\033[3;3H\342\224\203  \342\226\263 Permission required"
                 "\033[5;3H\342\224\203  $ make"
                 "\033[7;3H\342\224\203   Allow once   Allow always   Reject"},
    {6300, NULL, "\033[12;1H*"}, {6350, NULL, "\033[12;1H "}, {6400, NULL, "\033[12;1H*"}};
static const struct replay_event replay_slow[] = {
    {50, NULL, "\033[?2004h\033[2J"},
    {25000, NULL, "\033[H----\r\n\342\235\257 \r\n----\033[2;3H"}};
static const struct replay_event replay_barred[] = {
    {50, NULL, "\033[?2004h\033[2J\033[H"
               " \342\227\217 Loaded   \342\224\203\r\n          \342\224\203\r\n"
               "   it all\r\n\r\n  \342\224\202 1 hello\r\n"
               "                      ? for shortcuts\r\n"
               " \342\226\204\342\226\204\342\226\204\r\n  \342\235\257 make it\r\n"
               "\342\224\203\r\n\342\225\271\342\226\200\033[6;3H"}};

static const struct replay_event replay_top[] = {
    {50, NULL, "\033[?1049h\033[2J"},
    {800, NULL, "\033[H     It is\r\n     made."
                "\033[5;3H\342\224\203\033[6;3H\342\224\203  Ask anything\033[7;3H\342\224\203"
                "\033[8;3H\342\224\203  Build M1\033[9;3H\342\225\271\342\226\200\342\226\200"}};

static void test_replay_drawn(void)
{
    static const struct {
        const struct replay_event *events;
        size_t count;
        const char *agent, *timeline, *said;
        long long asked_by;
    } drawn[] = {
        {replay_boxed, COUNT_OF(replay_boxed), "claude", "swiwqwi", "All of it.", 7900},
        {replay_framed, COUNT_OF(replay_framed), "opencode", "swiwq", "", 7000},
        {replay_top, COUNT_OF(replay_top), "opencode", "swi", "It is made.", 0},
        {replay_slow, COUNT_OF(replay_slow), "claude", "swi", "", 0},
        {replay_barred, COUNT_OF(replay_barred), "copilot", "swi", "it all", 0}};
    static const long long cuts[] = {0, 7, 1};
    test_begin("drawn agents have the states that their screens show, however they are cut");
    for (size_t i = 0; i < COUNT_OF(drawn) * COUNT_OF(cuts); i++) {
        size_t at = i / COUNT_OF(cuts);
        struct replay r;
        replay_init(&r, drawn[at].agent, cuts[i % COUNT_OF(cuts)]);
        for (size_t k = 0; k < drawn[at].count; k++) {
            const struct replay_event *e = &drawn[at].events[k];
            if (e->keys)
                replay_input(&r, e->at, span_of(e->keys));
            else
                replay_output(&r, e->at, span_of(e->output));
        }
        replay_until(&r, r.h.loop.now + 3000);
        CHECK_SPAN(buf_view(&r.timeline), drawn[at].timeline);
        CHECK_SPAN(buf_view(&r.h.reader.said), drawn[at].said);
        CHECK(r.asked_at <= drawn[at].asked_by);
        replay_free(&r);
    }
}

/* A message that an agent has lost while it drew its screen anew must not be delivered. */
static void test_replay_lost(void)
{
    static const struct {
        const char *before, *after;
        int left;
    } screens[] = {{"", "Welcome back", 0},
                   {"", "\342\235\257 go on", 1},
                   {"\342\235\257 go on", "\342\235\257 go on\r\nWelcome", 0}};
    static const char *const box = "\033[2J\033[H%s\r\n----\r\n\342\235\257 \r\n----";
    test_begin("a message is delivered when it has stood in the box, or its text stands above it");
    for (size_t i = 0; i < COUNT_OF(screens); i++) {
        struct replay r;
        struct message m = {0};
        buf before = {0}, after = {0};
        buf_fmt(&before, box, screens[i].before);
        buf_fmt(&after, box, screens[i].after);
        replay_init(&r, "claude", 0);
        replay_output(&r, 100, buf_view(&before));
        buf_str(&m.text, "go on");
        m.shown = reader_count_shown(&r.h, buf_view(&m.text));
        reader_mark(&r.h, &m.mark);
        replay_output(&r, 200, buf_view(&after));
        replay_output(&r, 300, span_of("\r\nmore"));
        CHECK_INT(message_has_left(&r.h, &m), screens[i].left);
        m.stood = 1;
        CHECK_INT(message_has_left(&r.h, &m), 1);
        buf_free(&before), buf_free(&after), buf_free(&m.text);
        replay_free(&r);
    }
}

/* A hook may report a stop before the screen shows it. */
static void test_replay_stop(void)
{
    static const char *const screen = "\033[?2004h\033[2J\033[H----\r\n\342\235\257 \r\n----\r\n%s";
    test_begin("a turn is over when the screen shows no work after its hook, or soon after it");
    for (int draws = 0; draws < 2; draws++) {
        struct replay r;
        buf works = {0}, ends = {0};
        buf_fmt(&works, screen, "esc to interrupt");
        buf_fmt(&ends, screen, "");
        replay_init(&r, "claude", 0);
        replay_output(&r, 100, buf_view(&works));
        replay_until(&r, 1000);
        status_apply(&r.h, (struct state_input){.event = STATE_ON_PROMPT}, (span){0});
        holder_apply_event(&r.h, STATE_ON_STOP, span_of("done"));
        replay_until(&r, 1500);
        CHECK_INT(r.h.state.kind, STATE_WORKING);
        if (draws)
            replay_output(&r, 1500, buf_view(&ends));
        replay_until(&r, 1700);
        CHECK_INT(r.h.state.kind, draws ? STATE_IDLE : STATE_WORKING);
        replay_until(&r, 2700);
        CHECK_INT(r.h.state.kind, STATE_IDLE);
        CHECK_INT(r.h.state.source, STATE_BY_HOOK);
        buf_free(&works), buf_free(&ends);
        replay_free(&r);
    }
    test_begin("and when it has not drawn for a moment after the hook");
    struct replay r;
    replay_init(&r, "claude", 0);
    replay_output(&r, 100, span_of("\033[?2004h\033[2J\033[H----\r\n\342\235\257 \r\n----\r\n"));
    replay_until(&r, 1000);
    status_apply(&r.h, (struct state_input){.event = STATE_ON_PROMPT}, (span){0});
    holder_apply_event(&r.h, STATE_ON_STOP, span_of("done"));
    replay_output(&r, 1090, span_of("\033[H"));
    replay_until(&r, 1180);
    CHECK_INT(r.h.state.kind, STATE_WORKING);
    replay_until(&r, 1300);
    CHECK_INT(r.h.state.kind, STATE_IDLE);
    replay_free(&r);
}

static void unit_replay(void)
{
    test_replay_stop();
    test_replay_lost();
    test_replay_recordings();
    test_replay_drawn();
}
