#include "system.h"

/* agents - the table of agent programs, one row an agent.
 *
 * To add an agent, add a row. Only a new format of hooks needs code: a function in cli/hook.c.
 * [agent NAME] of the configuration replaces command, flags and prompt; agents that stand only in
 * the configuration have no row. */

/* A "compact" start comes in the middle of a turn; "idle_prompt" comes a minute after "Stop". */
static const char *const agents_claude_starts[] = {"compact", NULL};
static const char *const agents_claude_notices[] = {
    "idle_prompt",     "auth_success",            "elicitation_complete",    "elicitation_response",
    "agent_completed", "quota_auto_resume_fired", "quota_auto_resume_stale",
    "quota_auto_resume_disabled", NULL};

static const struct agents_event agents_claude_events[] = {
    {"SessionStart", "session_start", NULL, 1, "source", agents_claude_starts},
    {"UserPromptSubmit", "prompt", "prompt", 1, NULL, NULL},
    {"PermissionRequest", "notification", "tool_name", 1, NULL, NULL},
    {"Notification", "notification", "message", 1, "notification_type", agents_claude_notices},
    {"Elicitation", "notification", "message", 0, NULL, NULL},
    {"Stop", "stop", "last_assistant_message", 1, NULL, NULL},
    {"StopFailure", "stop", "error", 0, NULL, NULL},
    {"SessionEnd", "session_end", "reason", 1, NULL, NULL},
    {0}};

static const struct agents_event agents_gemini_events[] = {
    {"SessionStart", "session_start", NULL, 1, NULL, NULL},
    {"BeforeAgent", "prompt", "prompt", 1, NULL, NULL},
    {"Notification", "notification", "message", 1, NULL, NULL},
    {"AfterAgent", "stop", "prompt_response", 1, NULL, NULL},
    {"SessionEnd", "session_end", "reason", 1, NULL, NULL},
    {0}};

/* Codex has hooks like Claude Code's, but runs them only after the user has reviewed them, and
 * `codex exec` waits for that review. Its older notify needs none; it reports finished turns only.
 * Hooks that the user has installed are understood by Claude Code's names. */
static const struct agents_event agents_codex_events[] = {
    {"agent-turn-complete", "stop", "last-assistant-message", 1, NULL, NULL},
    {0}};

static const struct agents_row agents_table[] = {
    {.name = "claude",
     .title = "Claude Code",
     .flags = {"--model haiku", "--model sonnet", "--model opus"},
     .prompt = "",
     .session_id = "--session-id",
     .resume = "--resume",
     .colour = "yellow",
     .colour_on_light = "94",
     .screen = {"esc to interrupt", NULL, "❯", "Try \""},
     .hooks = {AGENTS_JSON, "CLAUDE_CONFIG_DIR", "", "/.claude", "settings.json",
               "hook_event_name", "session_id", agents_claude_events, 5}}, /* seconds */
    {.name = "gemini",
     .title = "Gemini CLI",
     .flags = {"-m flash-lite", "-m flash", "-m pro"},
     .prompt = "-i",
     .session_id = "--session-id",
     .resume = "--resume",
     .colour = "blue",
     .screen = {"esc to cancel", "waiting for user confirmation", ">", "Type your message"},
     .hooks = {AGENTS_JSON, "GEMINI_CLI_HOME", "/.gemini", "/.gemini", "settings.json",
               "hook_event_name", "session_id", agents_gemini_events, 5000}}, /* milliseconds */
    {.name = "codex",
     .title = "Codex",
     .flags = {"-c model_reasoning_effort=low", "-c model_reasoning_effort=medium",
               "-c model_reasoning_effort=high"},
     .prompt = "",
     .resume = "resume",
     .colour = "green",
     .colour_on_light = "22",
     .screen = {"esc to interrupt", NULL, "›", "Ask Codex"},
     .hooks = {AGENTS_TOML_NOTIFY, "CODEX_HOME", "", "/.codex", "config.toml", "type",
               "thread-id", agents_codex_events, 0}},
    {.name = "opencode",
     .title = "opencode", /* its --prompt only fills its input box, so a prompt is typed */
     .resume = "-s",
     .colour = "magenta",
     .screen = {"esc interrupt", "permission required|question", NULL, NULL}},
    {.name = "qwen",
     .title = "Qwen Code",
     .prompt = "-i",
     .session_id = "--session-id",
     .resume = "--resume",
     .colour = "bright-blue",
     .colour_on_light = "25",
     .screen = {"esc to cancel", "waiting for user confirmation", ">", "Type your message"}},
    {.name = "copilot",
     .title = "GitHub Copilot CLI",
     .prompt = "-i",
     .session_id = "--session-id",
     .resume = "--resume=",
     .colour = "bright-magenta",
     .colour_on_light = "90",
     .screen = {"esc interrupt|esc esc", NULL, "❯", NULL}},
    {.name = "shell", .title = "a shell", .colour = "cyan", .colour_on_light = "24"},
};

static const struct agents_row *agents_row(size_t i)
{
    return i < COUNT_OF(agents_table) ? &agents_table[i] : NULL;
}

static const struct agents_row *agents_find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(agents_table); i++)
        if (strcmp(agents_table[i].name, name) == 0)
            return &agents_table[i];
    return NULL;
}

static int agents_mode(const char *name)
{
    static const char *const names[AGENTS_MODES] = {"fast", "med", "slow"};
    for (int i = 0; name && i < AGENTS_MODES; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

static void agents_put_names(buf *b, int hooked, const char *before)
{
    size_t last = COUNT_OF(agents_table);
    while (last && hooked && !agents_table[last - 1].hooks.format)
        last--;
    for (size_t i = 0, put = 0; i < last; i++) {
        if (hooked && !agents_table[i].hooks.format)
            continue;
        buf_str(b, !put++ ? "" : i == last - 1 ? " and " : ", ");
        buf_fmt(b, "%s%s", before, agents_table[i].name);
    }
}
