#include "session.h"

/* state - a session's state: one table, and what its rows depend on. Pure: the time is an argument.
 *
 * An agent that reports its events ("hooked") is believed over what its output looks like. Output
 * right after a bell is the text that the bell announced. A key answers only a question that came
 * before it. EXITED is final. */

static const char *const state_names[] = {"starting", "working",     "waiting",
                                          "idle",     "unreachable", "exited"};
static const char *const state_source_names[] = {"output", "bell", "hook", "exit", "link", "lost"};

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

/* Guards: all of a row's must hold. */
enum {
    STATE_IF_UNHOOKED = 1,
    STATE_IF_BELL_OVER = 2, /* the last bell is STATE_BELL_MS ago */
    STATE_IF_SILENT = 4,    /* state_silent_at has come */
    STATE_IF_QUESTION = 8,
    STATE_IF_ANSWERS = 16   /* typed at the question's time or later */
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
    {STATE_ON_OUTPUT, STATE_SET(STATE_STARTING), 0, STATE_WORKING, STATE_BY_OUTPUT, 0},
    {STATE_ON_OUTPUT, STATE_SET(STATE_WAITING), STATE_IF_UNHOOKED | STATE_IF_BELL_OVER,
     STATE_WORKING, STATE_BY_OUTPUT, 0},
    {STATE_ON_OUTPUT, STATE_SET(STATE_WORKING) | STATE_SET(STATE_IDLE), STATE_IF_UNHOOKED,
     STATE_WORKING, STATE_BY_OUTPUT, 0},
    {STATE_ON_BELL, STATE_LIVE, STATE_IF_UNHOOKED, STATE_WAITING, STATE_BY_BELL, 0},
    {STATE_ON_SILENCE, STATE_SET(STATE_WORKING), STATE_IF_SILENT | STATE_IF_QUESTION,
     STATE_WAITING, STATE_BY_OUTPUT, 0},
    /* a silent program has started, too */
    {STATE_ON_SILENCE, STATE_SET(STATE_STARTING) | STATE_SET(STATE_WORKING), STATE_IF_SILENT,
     STATE_IDLE, STATE_BY_OUTPUT, 0},
    {STATE_ON_TYPED, STATE_SET(STATE_WAITING), STATE_IF_ANSWERS, STATE_WORKING, STATE_BY_OUTPUT,
     0},
    {STATE_ON_MESSAGE, STATE_SET(STATE_WAITING), 0, STATE_WORKING, STATE_BY_OUTPUT, 0},
    {STATE_ON_SESSION_START, STATE_LIVE, 0, STATE_IDLE, STATE_BY_HOOK, STATE_HOOKED_ON},
    {STATE_ON_PROMPT, STATE_LIVE, 0, STATE_WORKING, STATE_BY_HOOK, STATE_HOOKED_ON},
    {STATE_ON_NOTIFICATION, STATE_LIVE, 0, STATE_WAITING, STATE_BY_HOOK, STATE_HOOKED_ON},
    /* Codex reports nothing else: this alone does not make a session hooked */
    {STATE_ON_STOP, STATE_LIVE, 0, STATE_IDLE, STATE_BY_HOOK, STATE_HOOKED_STAYS},
    {STATE_ON_SESSION_END, STATE_LIVE, 0, STATE_IDLE, STATE_BY_HOOK, STATE_HOOKED_OFF},
    {STATE_ON_EXIT, STATE_NOT_EXITED, 0, STATE_EXITED, STATE_BY_EXIT, 0},
    {STATE_ON_UNREACHABLE, STATE_LIVE, 0, STATE_UNREACHABLE, STATE_BY_LINK, 0},
    {STATE_ON_LOSS, STATE_NOT_EXITED, 0, STATE_EXITED, STATE_BY_LOSS, 0},
};

static unsigned state_guards(const struct state *s, const struct state_input *in, long long now)
{
    return (s->hooked ? 0u : STATE_IF_UNHOOKED) |
           (now - s->bell_at < STATE_BELL_MS ? 0u : STATE_IF_BELL_OVER) |
           (now < state_silent_at(s) ? 0u : STATE_IF_SILENT) |
           (in->question ? STATE_IF_QUESTION : 0u) |
           (in->at < s->waiting_at ? 0u : STATE_IF_ANSWERS);
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

/* A session is unseen when it asks, exits, or ends its work while no viewer sees it. */
static void state_enter(struct state *s, enum state_kind kind, int viewed)
{
    if (kind == STATE_WAITING || kind == STATE_EXITED ||
        (kind == STATE_IDLE && s->kind == STATE_WORKING))
        s->unseen = !viewed;
    s->kind = kind;
}

static int state_apply(struct state *s, const struct state_input *in, long long now)
{
    const struct state_row *row = state_find_row(s, in, now);
    int by_hook = in->event >= STATE_ON_SESSION_START && in->event <= STATE_ON_SESSION_END;
    if (in->event == STATE_ON_BELL)
        s->bell_at = now;
    if (in->event == STATE_ON_OUTPUT || in->event == STATE_ON_BELL || by_hook)
        s->output_at = now;
    if (!row)
        return 0;
    if (row->to == STATE_WAITING)
        s->waiting_at = now;
    if (row->to != s->kind)
        state_enter(s, row->to, in->viewed);
    s->source = row->source;
    if (row->hooked != STATE_HOOKED_STAYS)
        s->hooked = row->hooked == STATE_HOOKED_ON;
    return 1;
}

static long long state_silent_at(const struct state *s)
{
    return s->output_at + (s->hooked ? STATE_SILENT_MS : STATE_IDLE_MS);
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

static int state_is_question(span line)
{
    static const char *const endings[] = {"?", "y/n]", "y/n)", "yes/no]", "yes/no)", "password",
                                          "passphrase"};
    line = span_trim(line, " :>");
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        size_t n = strlen(endings[i]);
        if (line.n >= n && span_eq_nocase(span_sub(line, line.n - n), endings[i]))
            return 1;
    }
    return 0;
}
