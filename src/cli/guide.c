#include "cli.h"

/* guide - what agents are told of telec: the text of `telec help agents`, `telec mcp`'s tools. */

/* ---- the text ------------------------------------------------------------------------------- */

static const char guide_text[] =
    "telec runs programs and agents in sessions: start them, send them messages, wait for them,\n"
    "answer what they ask and read them. ID is a session's title, or its id, of which four\n"
    "characters are enough.\n"
    "\n"
    "Start one. It prints the id; people see the session in their list, below yours.\n"
    "  telec new -a claude -C DIR -t 'a title' -p 'the first message'\n"
    "  telec new -a codex -m fast -p '...'   an agent (telec help names them); without -m its own\n"
    "                                        default; fast, med or slow\n"
    "  telec new -- make test                a command\n"
    "\n"
    "Wait until it stops working. Always give a timeout; exit status 1: its time is over.\n"
    "  telec wait ID --timeout 600           then look at its state:\n"
    "  telec status ID                       state, why, and what it asks\n"
    "  telec list --json                     all sessions; the fields that matter:\n"
    "      state         starting, working, waiting (it asks), idle (its turn is over), exited,\n"
    "                    unreachable\n"
    "      waits_for     of a waiting one: choice, text or password\n"
    "      state_text    what it asks: Bash: rm -rf build\n"
    "      choices       the answers that its screen offers\n"
    "      last_output   its last line\n"
    "      exit_code     of an exited one\n"
    "\n"
    "Read it.\n"
    "  telec tail ID -n 3000                 the last 3,000 characters of its output\n"
    "  telec tail ID -f                      and what follows, until it ends\n"
    "\n"
    "Send it a message. The answer says what came of it.\n"
    "  telec send ID 'what to do next'       in quotes; it may have several lines\n"
    "      delivered     it is submitted, and the session is working: wait for it\n"
    "      queued        the agent takes it after its turn\n"
    "      unconfirmed   nothing happened that telec saw: read before you send again\n"
    "      waiting: ...  refused (exit status 1): a choice is open, and a message would answer it\n"
    "\n"
    "Answer it. A question is the user's to decide unless you started the session for this.\n"
    "  telec answer ID 1                     the first choice; also yes, no, or a text\n"
    "  telec keys ID escape                  presses keys: escape interrupts an agent's turn\n"
    "You can do that to sessions that you or those started, never your own.\n"
    "\n"
    "End it.\n"
    "  telec kill ID                         ends the program; on an exited session: dismisses it\n"
    "\n"
    "A turn from beginning to end:\n"
    "  id=$(telec new -a claude -C ~/src/x -p 'make the tests pass')\n"
    "  telec wait $id --timeout 900\n"
    "  telec status $id                      waiting? read what it asks, answer, wait again\n"
    "  telec tail $id -n 2000                idle? this is what it said\n"
    "  telec kill $id\n"
    "\n"
    "Rules\n"
    "  - After each send, wait; after each wait, look at the state before you act.\n"
    "  - Exit status 0: done; 1: it failed, stderr says why; 2: wrong usage.\n"
    "  - Sessions of other computers: add --computer NAME (telec computers lists them).\n"
    "  - $TELEC_SESSION_ID is your own session. Leave others' sessions alone.\n"
    "  - `telec mcp` offers the same as tools: list, start, send, wait, answer, keys, read, end.\n"
    "    claude mcp add telec -- telec mcp\n";

/* ---- the tools ------------------------------------------------------------------------------ */

static const struct {
    const char *name, *type, *help;
} guide_params[] = {
    {"id", "string", "the session's title, or its id"},
    {"computer", "string", "the session's computer, else this one (of list: all)"},
    {"agent", "string", "as claude or codex; without it and command: a shell"},
    {"prompt", "string", "its first message"},
    {"directory", "string", "where it works, else the current directory"},
    {"title", "string", "a title for people"},
    {"mode", "string", "fast, med or slow, else the agent's own default"},
    {"command", "array\",\"items\":{\"type\":\"string\"},\"title\":\"argv",
     "a program and its arguments, instead of an agent"},
    {"text", "string", "the message"},
    {"force", "boolean", "type it even while a choice is open"},
    {"state", "string", "waiting, idle, working or exited"},
    {"timeout", "integer", "seconds, else 50; after them the call fails"},
    {"answer", "string", "a choice's number, yes, no, or a text"},
    {"keys", "array\",\"items\":{\"type\":\"string\"},\"title\":\"keys", "as " ACTS_KEYS},
    {"chars", "integer", "the last characters, else 5000"},
};

static const struct guide_tool guide_tools[] = {
    {"list", "list --json", NULL, "computer",
     "Lists sessions as JSON: session_id, title, active_agent, state (starting, working, waiting, "
     "idle, exited), what a waiting one asks (state_text, waits_for, choices), last_output."},
    {"start", "new", NULL, "agent prompt directory title mode computer -- command?",
     "Starts an agent or a command in a session of its own, below yours. Returns its id."},
    {"send", "send", NULL, "force computer -- id text",
     "Types a message into a session and submits it. Returns delivered, queued or unconfirmed; "
     "refuses, with the question, while the session waits for a choice."},
    {"wait", "wait --timeout 50", "status", "state timeout -- id",
     "Waits until a session has stopped working, or has a given state. Returns its status."},
    {"answer", "answer", NULL, "computer -- id answer", "Answers what a waiting session asks."},
    {"keys", "keys", NULL, "computer -- id keys",
     "Presses keys in a session; escape interrupts an agent's turn."},
    {"read", "tail", NULL, "chars computer -- id",
     "Returns the end of a session's output as plain text."},
    {"end", "kill", NULL, "computer -- id", "Ends a session and its program."},
};

static const struct guide_tool *guide_tool(size_t i)
{
    return i < COUNT_OF(guide_tools) ? &guide_tools[i] : NULL;
}

static void guide_put_param(buf *b, span name)
{
    for (size_t i = 0; i < COUNT_OF(guide_params); i++)
        if (span_eq(name, guide_params[i].name))
            buf_fmt(b, "%s\"%s\":{\"type\":\"%s\",\"description\":\"%s\"}",
                    b->p[b->n - 1] == '}' ? "," : "", guide_params[i].name, guide_params[i].type,
                    guide_params[i].help);
}

static void guide_put_tool(buf *b, const struct guide_tool *tool)
{
    const char *arguments = span_find(span_of(tool->params), "-- ");
    buf_fmt(b,
            "{\"name\":\"%s\",\"description\":\"%s\",\"inputSchema\":{\"type\":\"object\","
            "\"properties\":{",
            tool->name, tool->help);
    for (span rest = span_of(tool->params); rest.n;)
        guide_put_param(b, span_trim(span_cut(&rest, ' '), "?"));
    buf_str(b, "},\"required\":[");
    for (span rest = span_of(arguments ? arguments + 3 : ""); rest.n;) {
        span name = span_cut(&rest, ' ');
        if (name.p[name.n - 1] != '?')
            buf_fmt(b, "\"%.*s\"%s", (int)name.n, name.p, rest.n ? "," : "");
    }
    buf_str(b, "]}}");
}

static int guide_print(void)
{
    buf b = {0};
    buf_str(&b, guide_text);
    return context_write(&b);
}
