#include "session.h"

/* state - a session's state: one table, and what its rows depend on. Pure: the time is an argument.
 *
 * An agent that reports its events ("hooked") is believed over what its output looks like, but not
 * over a dialog on its screen. Output right after a bell is the text that the bell announced. A
 * bell right after a viewer's key that adds no text to the screen is that key's echo: a completion
 * without a match, Esc in vi.
 * Typing alone ends no question: it ends when a later reading no longer shows it, or with the
 * agent's next event. An agent whose sign of work is known ("phrased") works as long as its screen
 * shows that; its output alone says little, as idle screens blink, too. EXITED is final. */

static const char *const state_names[] = {"starting", "working",     "waiting",
                                          "idle",     "unreachable", "exited"};
static const char *const state_source_names[] = {"output", "bell",    "hook",  "exit",
                                                 "link",   "lost",    "screen", "message"};

static const char *state_name(enum state_kind kind)
{
    return state_names[kind];
}

static const char *state_source_name(enum state_source source)
{
    return state_source_names[source];
}

/* ---- the table ------------------------------------------------------------------------------ */

#define STATE_SET(kind) (1u << (kind))
#define STATE_LIVE                                                                                 \
    (STATE_SET(STATE_STARTING) | STATE_SET(STATE_WORKING) | STATE_SET(STATE_WAITING) |             \
     STATE_SET(STATE_IDLE))
#define STATE_NOT_EXITED (STATE_LIVE | STATE_SET(STATE_UNREACHABLE))

/* All of a row's must hold. */
enum {
    STATE_IF_UNHOOKED = 1,
    STATE_IF_BELL_OVER = 2,
    STATE_IF_SILENT = 4,     /* and no sign of work is shown */
    STATE_IF_ASKS = 8,
    STATE_IF_ASKS_NOT = 16,
    STATE_IF_WORKS = 32,     /* the sign of work is */
    STATE_IF_OVER = 64,
    STATE_IF_MOVED = 128,
    STATE_IF_ANSWERED = 256, /* after the question, not in its millisecond */
    STATE_IF_SCREEN = 512,   /* the state was read from the screen */
    STATE_IF_BELL = 1024,    /* … comes from a bell */
    STATE_IF_DOUBTFUL = 2048, /* no hook made it, or something was typed since */
    STATE_IF_HOOK_OVER = 4096,
    STATE_IF_TELLING = 8192, /* output tells of work */
    STATE_IF_PLAIN = 16384,  /* not phrased */
    STATE_IF_READY = 32768,  /* not phrased, or takes input */
    STATE_IF_RESTS = 65536
};

enum { STATE_HOOKED_STAYS, STATE_HOOKED_ON, STATE_HOOKED_OFF };

static const struct state_row {
    enum state_event event;
    unsigned from;   /* set of states */
    unsigned guards;
    enum state_kind to;
    enum state_source source;
    int hooked;
} state_rows[] = {
    {STATE_ON_OUTPUT, STATE_SET(STATE_STARTING), STATE_IF_PLAIN, STATE_WORKING, STATE_BY_OUTPUT, 0},
    {STATE_ON_OUTPUT, STATE_SET(STATE_WORKING), STATE_IF_UNHOOKED, STATE_WORKING, STATE_BY_OUTPUT,
     0},
    {STATE_ON_OUTPUT, STATE_SET(STATE_IDLE), STATE_IF_UNHOOKED | STATE_IF_TELLING, STATE_WORKING,
     STATE_BY_OUTPUT, 0},
    /* a phrased agent rings at a turn's end, too */
    {STATE_ON_BELL, STATE_LIVE, STATE_IF_UNHOOKED | STATE_IF_PLAIN, STATE_WAITING, STATE_BY_BELL,
     0},
    {STATE_ON_SILENCE, STATE_SET(STATE_STARTING) | STATE_SET(STATE_WORKING), STATE_IF_SILENT,
     STATE_IDLE, STATE_BY_OUTPUT, 0},
    {STATE_ON_MESSAGE, STATE_LIVE, 0, STATE_WORKING, STATE_BY_MESSAGE, 0},
    {STATE_ON_READ,
     STATE_SET(STATE_STARTING) | STATE_SET(STATE_WORKING) | STATE_SET(STATE_IDLE), STATE_IF_ASKS,
     STATE_WAITING, STATE_BY_SCREEN, 0},
    {STATE_ON_READ, STATE_SET(STATE_WAITING), STATE_IF_ASKS_NOT | STATE_IF_SCREEN, STATE_WORKING,
     STATE_BY_OUTPUT, 0},
    {STATE_ON_READ, STATE_SET(STATE_WAITING), STATE_IF_ASKS_NOT | STATE_IF_ANSWERED, STATE_WORKING,
     STATE_BY_OUTPUT, 0},
    {STATE_ON_READ, STATE_SET(STATE_WAITING),
     STATE_IF_ASKS_NOT | STATE_IF_BELL | STATE_IF_BELL_OVER | STATE_IF_MOVED, STATE_WORKING,
     STATE_BY_OUTPUT, 0},
    {STATE_ON_READ, STATE_SET(STATE_WAITING),
     STATE_IF_ASKS_NOT | STATE_IF_BELL | STATE_IF_BELL_OVER | STATE_IF_WORKS, STATE_WORKING,
     STATE_BY_SCREEN, 0},
    {STATE_ON_READ, STATE_SET(STATE_IDLE), STATE_IF_WORKS | STATE_IF_HOOK_OVER, STATE_WORKING,
     STATE_BY_SCREEN, 0},
    {STATE_ON_READ, STATE_SET(STATE_STARTING), STATE_IF_READY, STATE_WORKING, STATE_BY_SCREEN, 0},
    {STATE_ON_READ, STATE_SET(STATE_WORKING), STATE_IF_OVER | STATE_IF_DOUBTFUL | STATE_IF_READY,
     STATE_IDLE, STATE_BY_SCREEN, 0},
    {STATE_ON_READ, STATE_SET(STATE_WORKING), STATE_IF_RESTS, STATE_IDLE, STATE_BY_SCREEN, 0},
    {STATE_ON_SESSION_START, STATE_LIVE, 0, STATE_IDLE, STATE_BY_HOOK, STATE_HOOKED_ON},
    {STATE_ON_PROMPT, STATE_LIVE, 0, STATE_WORKING, STATE_BY_HOOK, STATE_HOOKED_ON},
    {STATE_ON_NOTIFICATION, STATE_LIVE, 0, STATE_WAITING, STATE_BY_HOOK, STATE_HOOKED_ON},
    /* Codex reports nothing else: not hooked by that */
    {STATE_ON_STOP, STATE_LIVE, 0, STATE_IDLE, STATE_BY_HOOK, STATE_HOOKED_STAYS},
    {STATE_ON_SESSION_END, STATE_LIVE, 0, STATE_IDLE, STATE_BY_HOOK, STATE_HOOKED_OFF},
    {STATE_ON_EXIT, STATE_NOT_EXITED, 0, STATE_EXITED, STATE_BY_EXIT, 0},
    {STATE_ON_UNREACHABLE, STATE_LIVE, 0, STATE_UNREACHABLE, STATE_BY_LINK, 0},
    {STATE_ON_LOSS, STATE_NOT_EXITED, 0, STATE_EXITED, STATE_BY_LOSS, 0},
};

static unsigned state_guards(const struct state *s, const struct state_input *in, long long now)
{
    int telling = now - s->looked_at >= STATE_BELL_MS && (!s->phrased || s->typed_at > s->since);
    const struct {
        unsigned guard;
        int holds;
    } guards[] = {
        {STATE_IF_UNHOOKED, !s->hooked},
        {STATE_IF_BELL_OVER, now - s->bell_at >= STATE_BELL_MS},
        {STATE_IF_SILENT, now >= state_silent_at(s) && !s->works},
        {STATE_IF_ASKS, in->asks},
        {STATE_IF_ASKS_NOT, !in->asks},
        {STATE_IF_WORKS, in->works},
        {STATE_IF_OVER, s->phrased && !in->works && now >= s->work_until},
        {STATE_IF_MOVED, in->moved},
        {STATE_IF_ANSWERED, s->typed_at > s->waiting_at},
        {STATE_IF_SCREEN, s->source == STATE_BY_SCREEN},
        {STATE_IF_BELL, s->source == STATE_BY_BELL},
        {STATE_IF_DOUBTFUL, s->source != STATE_BY_HOOK || s->typed_at > s->since},
        {STATE_IF_HOOK_OVER, now - s->hook_at >= STATE_HOOK_MS},
        {STATE_IF_PLAIN, !s->phrased},
        {STATE_IF_TELLING, telling},
        {STATE_IF_READY, !s->phrased || s->ready},
        {STATE_IF_RESTS, in->rests},
    };
    unsigned holds = 0;
    for (size_t i = 0; i < COUNT_OF(guards); i++)
        holds |= guards[i].holds ? guards[i].guard : 0;
    return holds;
}

static const struct state_row *state_find_row(const struct state *s, const struct state_input *in,
                                              long long now)
{
    unsigned holds = state_guards(s, in, now);
    for (size_t i = 0; i < COUNT_OF(state_rows); i++) {
        const struct state_row *row = &state_rows[i];
        if (row->event == in->event && (row->from & STATE_SET(s->kind)) &&
            (row->guards & holds) == row->guards)
            return row;
    }
    return NULL;
}

/* Unseen when it asks, exits or ends its work without a viewer; but not interrupted work, which no
 * hook reports. */
static void state_enter(struct state *s, enum state_kind kind, const struct state_input *in)
{
    int interrupted = s->interrupted || (in->event == STATE_ON_READ && s->source == STATE_BY_HOOK);
    if (kind == STATE_WAITING || kind == STATE_EXITED ||
        (kind == STATE_IDLE && s->kind == STATE_WORKING))
        s->unseen = !in->viewed && !(kind == STATE_IDLE && interrupted);
    s->kind = kind;
    s->interrupted = 0;
}

/* Whatever the event makes of the state. */
static void state_note(struct state *s, const struct state_input *in, long long now)
{
    int by_hook = in->event >= STATE_ON_SESSION_START && in->event <= STATE_ON_SESSION_END;
    int typed = in->event == STATE_ON_TYPED || in->event == STATE_ON_LOOKED;
    if (in->event == STATE_ON_BELL)
        s->bell_at = now;
    if (typed && in->by_viewer && in->at > s->keyed_at)
        s->keyed_at = in->at;
    if (in->event == STATE_ON_OUTPUT || in->event == STATE_ON_BELL || by_hook ||
        in->event == STATE_ON_MESSAGE)
        s->output_at = now;
    if (by_hook)
        s->hook_at = now;
    if (in->event == STATE_ON_TYPED || in->event == STATE_ON_MESSAGE)
        s->typed_at = in->event == STATE_ON_TYPED ? in->at : now;
    if (in->event == STATE_ON_TYPED && in->interrupts && s->kind == STATE_WORKING)
        s->interrupted = 1;
    if (in->event == STATE_ON_LOOKED)
        s->looked_at = now;
    if (in->event == STATE_ON_READ)
        s->works = in->works, s->ready = in->ready || in->works;
}

/* After that time a phrased session without its sign of work is idle. */
static void state_extend_work(struct state *s, const struct state_input *in, int entered,
                              long long now)
{
    long long until = s->work_until;
    if (in->event == STATE_ON_READ && in->works)
        s->work_until = until = now + STATE_OVER_MS; /* now the sign tells its end */
    else if (in->event == STATE_ON_MESSAGE || in->event == STATE_ON_PROMPT)
        until = now + STATE_BEGIN_MS;
    else if (entered)
        until = now + (in->event == STATE_ON_READ ? 2 * STATE_OVER_MS : STATE_BEGIN_MS);
    if (until > s->work_until)
        s->work_until = until;
}

static int state_apply(struct state *s, const struct state_input *in, long long now)
{
    enum state_kind kind = s->kind;
    struct state_input output = *in;
    output.event = STATE_ON_OUTPUT;
    if (in->event == STATE_ON_BELL && in->echo && now - s->keyed_at < STATE_BELL_MS)
        in = &output;
    state_note(s, in, now);
    const struct state_row *row = state_find_row(s, in, now);
    state_extend_work(s, in, row && row->to == STATE_WORKING && s->kind != STATE_WORKING, now);
    if (!row)
        return 0;
    if (row->to == STATE_WAITING)
        s->waiting_at = now;
    if (row->to != s->kind)
        state_enter(s, row->to, in);
    if (row->to != kind || in->event == STATE_ON_MESSAGE) /* it begins a turn of its own */
        s->since = now;
    s->source = row->source;
    if (row->hooked != STATE_HOOKED_STAYS)
        s->hooked = row->hooked == STATE_HOOKED_ON;
    return 1;
}

static long long state_silent_at(const struct state *s)
{
    int unready = s->phrased && !s->ready;
    return s->output_at + (unready && s->kind == STATE_STARTING ? STATE_START_MS
                           : unready || s->hooked               ? STATE_SILENT_MS
                                                                : STATE_IDLE_MS);
}

static void state_skip(struct state *s, long long ms)
{
    long long *const times[] = {&s->since,   &s->waiting_at, &s->bell_at,   &s->output_at,
                                &s->hook_at, &s->typed_at,   &s->looked_at, &s->work_until,
                                &s->keyed_at};
    for (size_t i = 0; i < COUNT_OF(times); i++)
        *times[i] += ms;
}

/* ---- events --------------------------------------------------------------------------------- */

static int state_parse_event(struct json type, enum state_event *event)
{
    static const struct {
        const char *name;
        enum state_event event;
    } events[] = {{"session_start", STATE_ON_SESSION_START},
                  {"prompt", STATE_ON_PROMPT},
                  {"notification", STATE_ON_NOTIFICATION},
                  {"stop", STATE_ON_STOP},
                  {"session_end", STATE_ON_SESSION_END}};
    for (size_t i = 0; i < COUNT_OF(events); i++)
        if (json_text_eq(type, events[i].name)) {
            *event = events[i].event;
            return 1;
        }
    return 0;
}
