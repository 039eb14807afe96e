/* The table of a session's states: every row, both sides of every guard. */

#define UNIT_NOW 100000
#define UNIT_STAYS ((enum state_kind)-1) /* no row matches */

enum {
    UNIT_HOOKED = 1,
    UNIT_VIEWED = 2,
    UNIT_ASKS = 4,
    UNIT_WORKS = 8,
    UNIT_PHRASED = 16,
    UNIT_MOVED = 32,
    UNIT_BY_BELL = 64,
    UNIT_BY_SCREEN = 128,
    UNIT_BY_HOOK = 256,
    UNIT_TYPED = 512, /* now */
    UNIT_LOOKED = 1024,
    UNIT_SIGN = 2048, /* the last reading showed the sign of work */
    UNIT_UNREADY = 4096, /* the agent's input box has not been seen */
    UNIT_RESTS = 8192
};

/* A session in a state whose last bell, output and question are `ago` ms old. */
static struct state unit_state_of(enum state_kind kind, unsigned how, long long ago)
{
    enum state_source source = how & UNIT_BY_BELL     ? STATE_BY_BELL
                               : how & UNIT_BY_SCREEN ? STATE_BY_SCREEN
                               : how & UNIT_BY_HOOK   ? STATE_BY_HOOK
                                                      : STATE_BY_LOSS;
    return (struct state){.kind = kind, .source = source, .hooked = how & UNIT_HOOKED,
                          .phrased = (how & UNIT_PHRASED) != 0,
                          .works = (how & UNIT_SIGN) != 0,
                          .since = UNIT_NOW - ago, .hook_at = UNIT_NOW - ago,
                          .typed_at = how & UNIT_TYPED ? UNIT_NOW : UNIT_NOW - ago - 1,
                          .looked_at = how & UNIT_LOOKED ? UNIT_NOW : 0,
                          .work_until = UNIT_NOW - ago,
                          .waiting_at = UNIT_NOW - ago, .bell_at = UNIT_NOW - ago,
                          .output_at = UNIT_NOW - ago};
}

static const struct unit_state_row {
    const char *name;
    enum state_event event;
    enum state_kind from;
    unsigned how;
    long long ago;
    enum state_kind to;
    enum state_source source;
    int unseen, hooked; /* afterwards */
} unit_state_rows[] = {
    {"output ends the start", STATE_ON_OUTPUT, STATE_STARTING, 0, 9999, STATE_WORKING,
     STATE_BY_OUTPUT, 0, 0},
    {"output ends the start of a hooked session, too", STATE_ON_OUTPUT, STATE_STARTING,
     UNIT_HOOKED, 9999, STATE_WORKING, STATE_BY_OUTPUT, 0, 1},
    {"an idle session that writes works", STATE_ON_OUTPUT, STATE_IDLE, 0, 9999, STATE_WORKING,
     STATE_BY_OUTPUT, 0, 0},
    {"output of an idle hooked session changes nothing", STATE_ON_OUTPUT, STATE_IDLE, UNIT_HOOKED,
     9999, UNIT_STAYS, STATE_BY_LOSS, 0, 1},
    {"output of a working session is its state's source", STATE_ON_OUTPUT, STATE_WORKING, 0, 9999,
     STATE_WORKING, STATE_BY_OUTPUT, 0, 0},
    {"output of a working hooked session changes nothing", STATE_ON_OUTPUT, STATE_WORKING,
     UNIT_HOOKED, 9999, UNIT_STAYS, STATE_BY_LOSS, 0, 1},
    {"output ends no question", STATE_ON_OUTPUT, STATE_WAITING, 0, 9999, UNIT_STAYS, STATE_BY_LOSS,
     0, 0},
    {"what is drawn for a look is no work", STATE_ON_OUTPUT, STATE_IDLE, UNIT_LOOKED, 9999,
     UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"the output of an idle agent with a sign of work says nothing", STATE_ON_OUTPUT, STATE_IDLE,
     UNIT_PHRASED, 9999, UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"but it does once something was typed", STATE_ON_OUTPUT, STATE_IDLE,
     UNIT_PHRASED | UNIT_TYPED, 9999, STATE_WORKING, STATE_BY_OUTPUT, 0, 0},
    {"output of an exited session changes nothing", STATE_ON_OUTPUT, STATE_EXITED, 0, 9999,
     UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"output of an unreachable session changes nothing", STATE_ON_OUTPUT, STATE_UNREACHABLE, 0,
     9999, UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"a bell asks", STATE_ON_BELL, STATE_WORKING, 0, 9999, STATE_WAITING, STATE_BY_BELL, 1, 0},
    {"a bell that a viewer hears is seen", STATE_ON_BELL, STATE_WORKING, UNIT_VIEWED, 9999,
     STATE_WAITING, STATE_BY_BELL, 0, 0},
    {"a bell of an idle session asks", STATE_ON_BELL, STATE_IDLE, 0, 9999, STATE_WAITING,
     STATE_BY_BELL, 1, 0},
    {"a bell at the start asks", STATE_ON_BELL, STATE_STARTING, 0, 9999, STATE_WAITING,
     STATE_BY_BELL, 1, 0},
    {"a hooked session's bell changes nothing", STATE_ON_BELL, STATE_WORKING, UNIT_HOOKED, 9999,
     UNIT_STAYS, STATE_BY_LOSS, 0, 1},
    {"the bell of an agent with a sign of work says nothing", STATE_ON_BELL, STATE_WORKING,
     UNIT_PHRASED, 9999, UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"an exited session's bell changes nothing", STATE_ON_BELL, STATE_EXITED, 0, 9999, UNIT_STAYS,
     STATE_BY_LOSS, 0, 0},
    {"silence makes a working session idle", STATE_ON_SILENCE, STATE_WORKING, 0, STATE_IDLE_MS,
     STATE_IDLE, STATE_BY_OUTPUT, 1, 0},
    {"silence that a viewer sees is seen", STATE_ON_SILENCE, STATE_WORKING, UNIT_VIEWED,
     STATE_IDLE_MS, STATE_IDLE, STATE_BY_OUTPUT, 0, 0},
    {"a shorter silence changes nothing", STATE_ON_SILENCE, STATE_WORKING, 0,
     STATE_IDLE_MS - 1, UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"silence under a sign of work changes nothing", STATE_ON_SILENCE, STATE_WORKING, UNIT_SIGN,
     99999, UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"a hooked session may be silent for longer", STATE_ON_SILENCE, STATE_WORKING, UNIT_HOOKED,
     STATE_SILENT_MS - 1, UNIT_STAYS, STATE_BY_LOSS, 0, 1},
    {"a hooked session is idle after a long silence", STATE_ON_SILENCE, STATE_WORKING, UNIT_HOOKED,
     STATE_SILENT_MS, STATE_IDLE, STATE_BY_OUTPUT, 1, 1},
    {"silence of a waiting session changes nothing", STATE_ON_SILENCE, STATE_WAITING, 0, 99999,
     UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"a silent program has started", STATE_ON_SILENCE, STATE_STARTING, 0, STATE_IDLE_MS, STATE_IDLE,
     STATE_BY_OUTPUT, 0, 0},
    {"a program may be silent at first", STATE_ON_SILENCE, STATE_STARTING, 0,
     STATE_IDLE_MS - 1, UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"a message answers", STATE_ON_MESSAGE, STATE_WAITING, 0, 9999, STATE_WORKING,
     STATE_BY_MESSAGE, 0, 0},
    {"a message makes an idle session work", STATE_ON_MESSAGE, STATE_IDLE, UNIT_HOOKED, 9999,
     STATE_WORKING, STATE_BY_MESSAGE, 0, 1},
    {"a message to an exited session changes nothing", STATE_ON_MESSAGE, STATE_EXITED, 0, 9999,
     UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"a question on the screen waits", STATE_ON_READ, STATE_WORKING, UNIT_ASKS, 9999,
     STATE_WAITING, STATE_BY_SCREEN, 1, 0},
    {"a question on a hooked agent's screen waits, too", STATE_ON_READ, STATE_IDLE,
     UNIT_ASKS | UNIT_HOOKED, 9999, STATE_WAITING, STATE_BY_SCREEN, 1, 1},
    {"a question that a hook told stays its own", STATE_ON_READ, STATE_WAITING,
     UNIT_ASKS | UNIT_HOOKED | UNIT_BY_HOOK, 9999, UNIT_STAYS, STATE_BY_HOOK, 0, 1},
    {"a question of the screen ends with it", STATE_ON_READ, STATE_WAITING, UNIT_BY_SCREEN, 9999,
     STATE_WORKING, STATE_BY_OUTPUT, 0, 0},
    {"a hook's question is not ended by a screen", STATE_ON_READ, STATE_WAITING,
     UNIT_HOOKED | UNIT_BY_HOOK, 9999, UNIT_STAYS, STATE_BY_HOOK, 0, 1},
    {"unless something was typed", STATE_ON_READ, STATE_WAITING,
     UNIT_HOOKED | UNIT_BY_HOOK | UNIT_TYPED, 9999, STATE_WORKING, STATE_BY_OUTPUT, 0, 1},
    {"typing into an open dialog ends nothing", STATE_ON_READ, STATE_WAITING,
     UNIT_ASKS | UNIT_TYPED | UNIT_BY_SCREEN, 9999, UNIT_STAYS, STATE_BY_SCREEN, 0, 0},
    {"a bell's question stays while only a spinner turns", STATE_ON_READ, STATE_WAITING,
     UNIT_BY_BELL, 9999, UNIT_STAYS, STATE_BY_BELL, 0, 0},
    {"a bell's question ends when more changes", STATE_ON_READ, STATE_WAITING,
     UNIT_BY_BELL | UNIT_MOVED, 9999, STATE_WORKING, STATE_BY_OUTPUT, 0, 0},
    {"what comes right after a bell belongs to it", STATE_ON_READ, STATE_WAITING,
     UNIT_BY_BELL | UNIT_MOVED, STATE_BELL_MS - 1, UNIT_STAYS, STATE_BY_BELL, 0, 0},
    {"a bell's question ends with a sign of work", STATE_ON_READ, STATE_WAITING,
     UNIT_BY_BELL | UNIT_WORKS, 9999, STATE_WORKING, STATE_BY_SCREEN, 0, 0},
    {"a sign of work is work, hooked or not", STATE_ON_READ, STATE_IDLE, UNIT_WORKS | UNIT_HOOKED,
     9999, STATE_WORKING, STATE_BY_SCREEN, 0, 1},
    {"a sign of work right after a hook is an old one", STATE_ON_READ, STATE_IDLE,
     UNIT_WORKS | UNIT_HOOKED, STATE_HOOK_MS - 1, UNIT_STAYS, STATE_BY_LOSS, 0, 1},
    {"output of an agent that starts is no work", STATE_ON_OUTPUT, STATE_STARTING, UNIT_PHRASED,
     9999, UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"an agent has started when its input box is there", STATE_ON_READ, STATE_STARTING,
     UNIT_PHRASED, 9999, STATE_WORKING, STATE_BY_SCREEN, 0, 0},
    {"and not before", STATE_ON_READ, STATE_STARTING, UNIT_PHRASED | UNIT_UNREADY, 9999,
     UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"nor is it idle without the box", STATE_ON_READ, STATE_WORKING, UNIT_PHRASED | UNIT_UNREADY,
     9999, UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"but it is when its processes rest", STATE_ON_READ, STATE_WORKING,
     UNIT_PHRASED | UNIT_UNREADY | UNIT_RESTS, 9999, STATE_IDLE, STATE_BY_SCREEN, 1, 0},
    {"so is a turn of a hook whose end no hook reports, and it is not unseen", STATE_ON_READ,
     STATE_WORKING, UNIT_PHRASED | UNIT_HOOKED | UNIT_BY_HOOK | UNIT_RESTS, 9999, STATE_IDLE,
     STATE_BY_SCREEN, 0, 1},
    {"an agent that starts may be silent for long", STATE_ON_SILENCE, STATE_STARTING,
     UNIT_PHRASED, STATE_START_MS - 1, UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"but not for ever", STATE_ON_SILENCE, STATE_STARTING, UNIT_PHRASED, STATE_START_MS,
     STATE_IDLE, STATE_BY_OUTPUT, 0, 0},
    {"work without its sign is over", STATE_ON_READ, STATE_WORKING, UNIT_PHRASED, 9999, STATE_IDLE,
     STATE_BY_SCREEN, 1, 0},
    {"not for an agent whose sign is not known", STATE_ON_READ, STATE_WORKING, 0, 9999,
     UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"a hook's turn is not over without a word", STATE_ON_READ, STATE_WORKING,
     UNIT_PHRASED | UNIT_HOOKED | UNIT_BY_HOOK, 9999, UNIT_STAYS, STATE_BY_HOOK, 0, 1},
    {"unless the user has interrupted it, who has seen that", STATE_ON_READ, STATE_WORKING,
     UNIT_PHRASED | UNIT_HOOKED | UNIT_BY_HOOK | UNIT_TYPED, 9999, STATE_IDLE, STATE_BY_SCREEN, 0,
     1},
    {"session_start: idle and hooked", STATE_ON_SESSION_START, STATE_STARTING, 0, 9999, STATE_IDLE,
     STATE_BY_HOOK, 0, 1},
    {"prompt: working and hooked", STATE_ON_PROMPT, STATE_WAITING, 0, 9999, STATE_WORKING,
     STATE_BY_HOOK, 0, 1},
    {"notification: waiting and hooked", STATE_ON_NOTIFICATION, STATE_WORKING, 0, 9999,
     STATE_WAITING, STATE_BY_HOOK, 1, 1},
    {"stop: idle, and hooked only if it was", STATE_ON_STOP, STATE_WORKING, 0, 9999, STATE_IDLE,
     STATE_BY_HOOK, 1, 0},
    {"stop of a hooked session: still hooked", STATE_ON_STOP, STATE_WORKING, UNIT_HOOKED, 9999,
     STATE_IDLE, STATE_BY_HOOK, 1, 1},
    {"a stop without work is no news", STATE_ON_STOP, STATE_WAITING, 0, 9999, STATE_IDLE,
     STATE_BY_HOOK, 0, 0},
    {"session_end: idle and not hooked", STATE_ON_SESSION_END, STATE_WORKING, UNIT_HOOKED, 9999,
     STATE_IDLE, STATE_BY_HOOK, 1, 0},
    {"a hook of an exited session changes nothing", STATE_ON_PROMPT, STATE_EXITED, 0, 9999,
     UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"an exit is final, and unseen", STATE_ON_EXIT, STATE_WORKING, 0, 9999, STATE_EXITED,
     STATE_BY_EXIT, 1, 0},
    {"an exit that a viewer sees is seen", STATE_ON_EXIT, STATE_IDLE, UNIT_VIEWED, 9999,
     STATE_EXITED, STATE_BY_EXIT, 0, 0},
    {"an unreachable session can exit", STATE_ON_EXIT, STATE_UNREACHABLE, 0, 9999, STATE_EXITED,
     STATE_BY_EXIT, 1, 0},
    {"a live session can become unreachable", STATE_ON_UNREACHABLE, STATE_WORKING, 0, 9999,
     STATE_UNREACHABLE, STATE_BY_LINK, 0, 0},
    {"an exited session stays reachable", STATE_ON_UNREACHABLE, STATE_EXITED, 0, 9999, UNIT_STAYS,
     STATE_BY_LOSS, 0, 0},
    {"a session can be lost with its computer", STATE_ON_LOSS, STATE_UNREACHABLE, 0, 9999,
     STATE_EXITED, STATE_BY_LOSS, 1, 0},
    {"an exited session can't be lost", STATE_ON_LOSS, STATE_EXITED, 0, 9999, UNIT_STAYS,
     STATE_BY_LOSS, 0, 0},
};

static void unit_state_table(void)
{
    for (size_t i = 0; i < COUNT_OF(unit_state_rows); i++) {
        const struct unit_state_row *row = &unit_state_rows[i];
        struct state s = unit_state_of(row->from, row->how, row->ago);
        struct state_input in = {.event = row->event, .viewed = (row->how & UNIT_VIEWED) != 0,
                                 .asks = (row->how & UNIT_ASKS) != 0,
                                 .works = (row->how & UNIT_WORKS) != 0,
                                 .ready = !(row->how & UNIT_UNREADY),
                                 .moved = (row->how & UNIT_MOVED) != 0,
                                 .rests = (row->how & UNIT_RESTS) != 0};
        test_begin(row->name);
        CHECK_INT(state_apply(&s, &in, UNIT_NOW), row->to != UNIT_STAYS);
        CHECK_INT(s.kind, row->to == UNIT_STAYS ? row->from : row->to);
        CHECK_INT(s.source, row->source);
        CHECK_INT(s.unseen, row->unseen);
        CHECK_INT(s.hooked, row->hooked);
        CHECK_INT(s.waiting_at, row->to == STATE_WAITING ? UNIT_NOW : UNIT_NOW - row->ago);
    }
}

static void unit_state_typed(void)
{
    static const struct {
        long long at;
        enum state_kind state;
    } cases[] = {{990, STATE_WAITING}, {999, STATE_WAITING}, {1000, STATE_WAITING},
                 {1001, STATE_WORKING}, {1400, STATE_WORKING}};
    test_begin("a key answers only a question that came before it, and the screen tells when");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct state s = {.kind = STATE_WAITING, .source = STATE_BY_HOOK, .waiting_at = 1000};
        struct state_input in = {.event = STATE_ON_TYPED, .at = cases[i].at};
        struct state_input look = {.event = STATE_ON_LOOKED}, read = {.event = STATE_ON_READ};
        CHECK_INT(state_apply(&s, &in, 1500), 0);
        CHECK_INT(state_apply(&s, &look, 1500), 0);
        state_apply(&s, &read, 1600);
        CHECK_INT(s.kind, cases[i].state);
    }
    test_begin("an interrupted turn is not unseen");
    struct state s = {.kind = STATE_WORKING};
    struct state_input escape = {.event = STATE_ON_TYPED, .at = 2000, .interrupts = 1};
    struct state_input silence = {.event = STATE_ON_SILENCE};
    CHECK_INT(state_apply(&s, &escape, 2000), 0);
    CHECK_INT(state_apply(&s, &silence, 9000), 1);
    CHECK_INT(s.kind, STATE_IDLE);
    CHECK_INT(s.unseen, 0);
}

/* A phrased session: when it is idle without its sign of work. */
static void unit_state_work(void)
{
    struct state s = {.kind = STATE_IDLE, .phrased = 1};
    struct state_input message = {.event = STATE_ON_MESSAGE},
                       read = {.event = STATE_ON_READ, .ready = 1};
    struct state_input works = {.event = STATE_ON_READ, .works = 1};
    test_begin("a message has time to become work, and work ends soon after its sign");
    state_apply(&s, &message, UNIT_NOW);
    state_apply(&s, &read, UNIT_NOW + STATE_BEGIN_MS - 1);
    CHECK_INT(s.kind, STATE_WORKING);
    state_apply(&s, &works, UNIT_NOW + STATE_BEGIN_MS - 1);
    state_apply(&s, &read, UNIT_NOW + STATE_BEGIN_MS - 2 + STATE_OVER_MS);
    CHECK_INT(s.kind, STATE_WORKING);
    state_apply(&s, &read, UNIT_NOW + STATE_BEGIN_MS - 1 + STATE_OVER_MS);
    CHECK_INT(s.kind, STATE_IDLE);
    test_begin("a turn that a hook reports outlives its sign, though the last one's was shown");
    struct state_input prompt = {.event = STATE_ON_PROMPT};
    state_apply(&s, &works, 2 * UNIT_NOW);
    state_apply(&s, &message, 2 * UNIT_NOW + 100);
    state_apply(&s, &works, 2 * UNIT_NOW + 200);
    state_apply(&s, &prompt, 2 * UNIT_NOW + 1000);
    state_apply(&s, &read, 2 * UNIT_NOW + 1000 + 2 * STATE_BEGIN_MS);
    CHECK_INT(s.kind, STATE_WORKING);
    struct state_input escape = {.event = STATE_ON_TYPED, .at = 3 * UNIT_NOW};
    state_apply(&s, &escape, 3 * UNIT_NOW);
    state_apply(&s, &read, 3 * UNIT_NOW + 1);
    CHECK_INT(s.kind, STATE_IDLE);
}

static void unit_state_times(void)
{
    static const struct {
        enum state_event event;
        int bell, output;
    } events[] = {{STATE_ON_OUTPUT, 0, 1},        {STATE_ON_BELL, 1, 1},
                  {STATE_ON_SESSION_START, 0, 1}, {STATE_ON_STOP, 0, 1},
                  {STATE_ON_SESSION_END, 0, 1},   {STATE_ON_TYPED, 0, 0},
                  {STATE_ON_MESSAGE, 0, 1},       {STATE_ON_EXIT, 0, 0}};
    test_begin("output, bells and hooks begin a new silence; a hooked session's bell counts, too");
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        struct state s = unit_state_of(STATE_IDLE, UNIT_HOOKED, 50);
        struct state_input in = {.event = events[i].event};
        state_apply(&s, &in, UNIT_NOW);
        CHECK_INT(s.bell_at, events[i].bell ? UNIT_NOW : UNIT_NOW - 50);
        CHECK_INT(s.output_at, events[i].output ? UNIT_NOW : UNIT_NOW - 50);
    }
    test_begin("a second bell is a new question, which an older key does not answer");
    struct state s = unit_state_of(STATE_WAITING, UNIT_BY_BELL, 50);
    struct state_input bell = {.event = STATE_ON_BELL}, read = {.event = STATE_ON_READ};
    struct state_input key = {.event = STATE_ON_TYPED, .at = UNIT_NOW - 1};
    CHECK_INT(state_apply(&s, &bell, UNIT_NOW), 1);
    CHECK_INT(s.unseen, 0); /* it was seen, and no new state has come */
    CHECK_INT(state_apply(&s, &key, UNIT_NOW + 1), 0);
    CHECK_INT(state_apply(&s, &read, UNIT_NOW + 100), 0);
    CHECK_INT(s.kind, STATE_WAITING);
}

static void unit_state_echo(void)
{
    struct state_input bell = {.event = STATE_ON_BELL, .echo = 1},
                       asking = {.event = STATE_ON_BELL};
    struct state_input key = {.event = STATE_ON_TYPED, .at = UNIT_NOW, .by_viewer = 1};
    test_begin("a bell right after a viewer's key is no question; one from elsewhere is");
    for (int viewed = 0; viewed < 2; viewed++) {
        struct state s = unit_state_of(STATE_WORKING, 0, 9999);
        key.by_viewer = viewed;
        state_apply(&s, &key, UNIT_NOW);
        state_apply(&s, &bell, UNIT_NOW + STATE_BELL_MS - 1);
        CHECK_INT(s.kind, viewed ? STATE_WORKING : STATE_WAITING);
    }
    test_begin("a later bell is one, and so is one with a new text");
    struct state later = unit_state_of(STATE_WORKING, 0, 9999), at_once = later;
    state_apply(&later, &key, UNIT_NOW);
    state_apply(&later, &bell, UNIT_NOW + STATE_BELL_MS);
    CHECK_INT(later.kind, STATE_WAITING);
    state_apply(&at_once, &key, UNIT_NOW);
    state_apply(&at_once, &asking, UNIT_NOW + 1);
    CHECK_INT(at_once.kind, STATE_WAITING);
}

static void unit_state_skips(void)
{
    struct state s = unit_state_of(STATE_WORKING, 0, 50);
    struct state_input silence = {.event = STATE_ON_SILENCE};
    long long later = UNIT_NOW + 10 * STATE_IDLE_MS;
    test_begin("time spent stopped is no silence");
    state_skip(&s, 10 * STATE_IDLE_MS);
    CHECK_INT(state_silent_at(&s), later - 50 + STATE_IDLE_MS);
    CHECK_INT(state_apply(&s, &silence, later), 0);
    CHECK_INT(state_apply(&s, &silence, later + STATE_IDLE_MS), 1);
    CHECK_INT(s.kind, STATE_IDLE);
}

static void unit_state_names(void)
{
    static const char *const kinds[] = {"starting", "working",     "waiting",
                                        "idle",     "unreachable", "exited"};
    static const char *const sources[] = {"output", "bell", "hook", "exit", "link", "lost",
                                          "screen", "message"};
    test_begin("states and sources have the words of the wire");
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        CHECK(strcmp(state_name((enum state_kind)i), kinds[i]) == 0);
    for (size_t i = 0; i < COUNT_OF(sources); i++)
        CHECK(strcmp(state_source_name((enum state_source)i), sources[i]) == 0);
}

static void unit_state_events(void)
{
    static const struct {
        const char *json;
        int known;
        enum state_event event;
    } events[] = {{"\"session_start\"", 1, STATE_ON_SESSION_START},
                  {"\"prompt\"", 1, STATE_ON_PROMPT},
                  {"\"notification\"", 1, STATE_ON_NOTIFICATION},
                  {"\"stop\"", 1, STATE_ON_STOP},
                  {"\"session_end\"", 1, STATE_ON_SESSION_END},
                  {"\"exit\"", 0, STATE_ON_EXIT},
                  {"1", 0, STATE_ON_EXIT}};
    test_begin("a hook's event has one of five names");
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        struct json type;
        enum state_event event = STATE_ON_EXIT;
        json_parse(span_of(events[i].json), &type, NULL, NULL);
        CHECK_INT(state_parse_event(type, &event), events[i].known);
        CHECK_INT(event, events[i].event);
    }
}

static void unit_state(void)
{
    unit_state_table();
    unit_state_typed();
    unit_state_work();
    unit_state_times();
    unit_state_echo();
    unit_state_skips();
    unit_state_names();
    unit_state_events();
}
