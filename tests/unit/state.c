/* The table of a session's states: every row, both sides of every guard. */

#define UNIT_NOW 100000
#define UNIT_STAYS ((enum state_kind)-1) /* no row matches */

enum { UNIT_HOOKED = 1, UNIT_VIEWED = 2, UNIT_QUESTION = 4 };

/* A session in a state whose last bell, output and question are `ago` ms old. */
static struct state unit_state_of(enum state_kind kind, unsigned how, long long ago)
{
    return (struct state){.kind = kind, .source = STATE_BY_LOSS, .hooked = how & UNIT_HOOKED,
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
    {"output later than a bell answers it", STATE_ON_OUTPUT, STATE_WAITING, 0, STATE_BELL_MS,
     STATE_WORKING, STATE_BY_OUTPUT, 0, 0},
    {"output right after a bell belongs to it", STATE_ON_OUTPUT, STATE_WAITING, 0,
     STATE_BELL_MS - 1, UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"output does not answer a hooked session's question", STATE_ON_OUTPUT, STATE_WAITING,
     UNIT_HOOKED, 9999, UNIT_STAYS, STATE_BY_LOSS, 0, 1},
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
    {"an exited session's bell changes nothing", STATE_ON_BELL, STATE_EXITED, 0, 9999, UNIT_STAYS,
     STATE_BY_LOSS, 0, 0},
    {"silence makes a working session idle", STATE_ON_SILENCE, STATE_WORKING, 0, STATE_IDLE_MS,
     STATE_IDLE, STATE_BY_OUTPUT, 1, 0},
    {"silence that a viewer sees is seen", STATE_ON_SILENCE, STATE_WORKING, UNIT_VIEWED,
     STATE_IDLE_MS, STATE_IDLE, STATE_BY_OUTPUT, 0, 0},
    {"a shorter silence changes nothing", STATE_ON_SILENCE, STATE_WORKING, UNIT_QUESTION,
     STATE_IDLE_MS - 1, UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"silence after a question waits", STATE_ON_SILENCE, STATE_WORKING, UNIT_QUESTION,
     STATE_IDLE_MS, STATE_WAITING, STATE_BY_OUTPUT, 1, 0},
    {"a hooked session may be silent for longer", STATE_ON_SILENCE, STATE_WORKING, UNIT_HOOKED,
     STATE_SILENT_MS - 1, UNIT_STAYS, STATE_BY_LOSS, 0, 1},
    {"a hooked session is idle after a long silence", STATE_ON_SILENCE, STATE_WORKING, UNIT_HOOKED,
     STATE_SILENT_MS, STATE_IDLE, STATE_BY_OUTPUT, 1, 1},
    {"silence of a waiting session changes nothing", STATE_ON_SILENCE, STATE_WAITING, 0, 99999,
     UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"a silent program has started", STATE_ON_SILENCE, STATE_STARTING, 0, STATE_IDLE_MS, STATE_IDLE,
     STATE_BY_OUTPUT, 0, 0},
    {"a program may be silent at first", STATE_ON_SILENCE, STATE_STARTING, UNIT_QUESTION,
     STATE_IDLE_MS - 1, UNIT_STAYS, STATE_BY_LOSS, 0, 0},
    {"a message answers", STATE_ON_MESSAGE, STATE_WAITING, 0, 9999, STATE_WORKING, STATE_BY_OUTPUT,
     0, 0},
    {"a message to an idle session changes nothing", STATE_ON_MESSAGE, STATE_IDLE, 0, 9999,
     UNIT_STAYS, STATE_BY_LOSS, 0, 0},
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
                                 .question = (row->how & UNIT_QUESTION) != 0};
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
    } cases[] = {{990, STATE_WAITING}, {999, STATE_WAITING}, {1000, STATE_WORKING},
                 {1400, STATE_WORKING}};
    test_begin("a key answers only a question that came before it");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct state s = {.kind = STATE_WAITING, .waiting_at = 1000};
        struct state_input in = {.event = STATE_ON_TYPED, .at = cases[i].at};
        state_apply(&s, &in, 1500);
        CHECK_INT(s.kind, cases[i].state);
    }
    test_begin("a key to an idle session changes nothing");
    struct state s = {.kind = STATE_IDLE, .waiting_at = 1000};
    struct state_input in = {.event = STATE_ON_TYPED, .at = 2000};
    CHECK_INT(state_apply(&s, &in, 2000), 0);
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
                  {STATE_ON_MESSAGE, 0, 0},       {STATE_ON_EXIT, 0, 0}};
    test_begin("output, bells and hooks begin a new silence; a hooked session's bell counts, too");
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        struct state s = unit_state_of(STATE_IDLE, UNIT_HOOKED, 50);
        struct state_input in = {.event = events[i].event};
        state_apply(&s, &in, UNIT_NOW);
        CHECK_INT(s.bell_at, events[i].bell ? UNIT_NOW : UNIT_NOW - 50);
        CHECK_INT(s.output_at, events[i].output ? UNIT_NOW : UNIT_NOW - 50);
    }
    test_begin("a second bell is a new question, which an older key does not answer");
    struct state s = unit_state_of(STATE_WAITING, 0, 50);
    struct state_input bell = {.event = STATE_ON_BELL};
    struct state_input key = {.event = STATE_ON_TYPED, .at = UNIT_NOW - 1};
    CHECK_INT(state_apply(&s, &bell, UNIT_NOW), 1);
    CHECK_INT(s.unseen, 0); /* it was seen, and no new state has come */
    CHECK_INT(state_apply(&s, &key, UNIT_NOW + 1), 0);
    CHECK_INT(s.kind, STATE_WAITING);
}

static void unit_state_names(void)
{
    static const char *const kinds[] = {"starting", "working",     "waiting",
                                        "idle",     "unreachable", "exited"};
    static const char *const sources[] = {"output", "bell", "hook", "exit", "link", "lost"};
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

static void unit_state_questions(void)
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
    test_begin("a line that ends like a question asks");
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        CHECK_INT(state_is_question(span_of(lines[i].line)), lines[i].asks);
}

static void unit_state(void)
{
    unit_state_table();
    unit_state_typed();
    unit_state_times();
    unit_state_names();
    unit_state_events();
    unit_state_questions();
}
