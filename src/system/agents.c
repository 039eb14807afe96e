#include "system.h"

/* agents - the table of agent programs, one row an agent.
 *
 * To add an agent, add a row; where it has hooks, also a bit, and the bit to its events. Only a
 * new format of settings needs code: a function in client/settings.c.
 * [agent NAME] of the configuration replaces command, flags and prompt; agents that stand only in
 * the configuration have no row. */

/* A "compact" start comes in the middle of a turn; "idle_prompt" comes a minute after "Stop"; an
 * automatic compaction is part of a turn. */
static const char *const agents_compact[] = {"compact", NULL};
static const char *const agents_auto[] = {"auto", NULL};
static const char *const agents_notices[] = {
    "idle_prompt",     "auth_success",            "elicitation_complete",    "elicitation_response",
    "agent_completed", "quota_auto_resume_fired", "quota_auto_resume_stale",
    "quota_auto_resume_disabled", "agent_idle", "shell_completed", "shell_detached_completed",
    NULL};

enum {
    AGENTS_CLAUDE = 1, AGENTS_GEMINI = 2, AGENTS_CODEX = 4, AGENTS_QWEN = 8, AGENTS_COPILOT = 16
};
#define AGENTS_LIKE_CLAUDE (AGENTS_CLAUDE | AGENTS_CODEX | AGENTS_QWEN | AGENTS_COPILOT)

/* Most agents have events of Claude Code's names, and so has opencode's plugin. A prompt without a
 * text tells that a turn goes on: a dialog was answered, a tool has run. Copilot's
 * PermissionRequest comes before it decides whether to ask at all. */
static const struct agents_event agents_events[] = {
    {"SessionStart", "session_start", NULL, ~0u, "source", agents_compact},
    {"UserPromptSubmit", "prompt", "prompt", AGENTS_LIKE_CLAUDE, NULL, NULL},
    {"BeforeAgent", "prompt", "prompt", AGENTS_GEMINI, NULL, NULL},
    {"PermissionRequest", "notification", "tool_name", AGENTS_CLAUDE | AGENTS_CODEX | AGENTS_QWEN,
     NULL, NULL},
    {"PermissionDenied", "prompt", NULL, AGENTS_CLAUDE, NULL, NULL},
    {"Notification", "notification", "message", ~0u & ~AGENTS_CODEX, "notification_type",
     agents_notices},
    {"Elicitation", "notification", "message", AGENTS_CLAUDE, NULL, NULL},
    {"ElicitationResult", "prompt", NULL, AGENTS_CLAUDE, NULL, NULL},
    {"PostToolUse", "prompt", NULL, AGENTS_LIKE_CLAUDE, NULL, NULL},
    {"PostToolUseFailure", "prompt", NULL, AGENTS_LIKE_CLAUDE & ~AGENTS_CODEX, NULL, NULL},
    {"AfterTool", "prompt", NULL, AGENTS_GEMINI, NULL, NULL},
    {"PreCompact", "prompt", NULL, AGENTS_LIKE_CLAUDE, NULL, NULL},
    {"PreCompress", "prompt", NULL, AGENTS_GEMINI, "trigger", agents_auto},
    {"PostCompact", "stop", NULL, AGENTS_CLAUDE | AGENTS_CODEX | AGENTS_QWEN, "trigger",
     agents_auto},
    {"Stop", "stop", "last_assistant_message", AGENTS_LIKE_CLAUDE, NULL, NULL},
    {"StopFailure", "stop", "error", AGENTS_CLAUDE | AGENTS_QWEN, NULL, NULL},
    {"AfterAgent", "stop", "prompt_response", AGENTS_GEMINI, NULL, NULL},
    {"SessionEnd", "session_end", "reason", ~0u, NULL, NULL},
    {0}};

#define AGENTS_CODEX_NOTE                                                                          \
    "Codex runs new hooks only after you have trusted them: it asks at its next message, and\n"    \
    "`codex exec` waits for that.\n"

static const struct agents_row agents_table[] = {
    {.name = "claude",
     .title = "Claude Code",
     .newline = "\033\r",
     .flags = {"--model haiku", "--model sonnet", "--model opus"},
     .prompt = "",
     .session_id = "--session-id",
     .resume = "--resume",
     .conversation = "--session-id|--resume|-r|--continue|-c",
     .colour = "215",
     .colour_on_light = "94",
     .screen = {.working = "esc to interrupt", .box = "❯", .placeholder = "Try \"",
                .other = "describe a task for a new session|search prompts:", .said = "●"},
     .hooks = {.format = AGENTS_JSON, .variable = "CLAUDE_CONFIG_DIR", .in_variable = "",
               .in_home = "/.claude", .file = "settings.json", .agent = AGENTS_CLAUDE,
               .timeout = 5, .events = agents_events}}, /* seconds */
    /* No session_id: Gemini starts itself anew with the same words, and then refuses the id. */
    {.name = "gemini",
     .title = "Gemini CLI",
     .newline = "\n",
     .flags = {"-m flash-lite", "-m flash", "-m pro"},
     .prompt = "-i",
     .resume = "--resume",
     .conversation = "--resume|-r",
     .history = {.file = "/tmp/*/logs.json", .id = "sessionId", .text = "message",
                 .time = "timestamp"},
     .colour = "111",
     .colour_on_light = "25",
     .screen = {.working = "(esc to cancel|esc to cancel)",
                .asking = "waiting for user confirmation", .box = ">",
                .placeholder = "Type your message", .said = "✦"},
     .hooks = {.format = AGENTS_JSON, .variable = "GEMINI_CLI_HOME", .in_variable = "/.gemini",
               .in_home = "/.gemini", .file = "settings.json", .agent = AGENTS_GEMINI,
               .timeout = 5000, .events = agents_events}}, /* ms */
    {.name = "codex",
     .title = "Codex",
     .newline = "\n",
     .flags = {"-c model_reasoning_effort=low", "-c model_reasoning_effort=medium",
               "-c model_reasoning_effort=high"},
     .prompt = "",
     .resume = "resume",
     .conversation = "resume|fork",
     .history = {.file = "/history.jsonl", .id = "session_id", .text = "text", .time = "ts"},
     .colour = "151",
     .colour_on_light = "22",
     .screen = {.working = "esc to interrupt|waiting for startup", .box = "›",
                .placeholder = "Ask Codex", .other = "reverse-i-search", .said = "•",
                .aside = "worked for |• tip: |• ran |• running |• exited |• working "},
     .hooks = {.format = AGENTS_JSON, .variable = "CODEX_HOME", .in_variable = "",
               .in_home = "/.codex", .file = "hooks.json", .agent = AGENTS_CODEX, .timeout = 3,
               .former = "config.toml", .note = AGENTS_CODEX_NOTE, .events = agents_events}},
    {.name = "opencode",
     .title = "opencode", /* its --prompt only fills its input box, so a prompt is typed */
     .newline = "\n",
     .resume = "-s",
     .conversation = "--session|-s|--continue|-c",
     .history = {.file = "/opencode/log/opencode.log", .id = "id", .text = "directory",
                 .time = "timestamp", .log = "message=created|parentID=undefined",
                 .variable = "XDG_DATA_HOME", .in_home = "/.local/share"},
     .colour = "183",
     .colour_on_light = "90",
     .screen = {.working = "esc interrupt", .asking = "△ permission required|enter submit",
                .foot = "╹▀", .placeholder = "Ask anything", .other = "run a command",
                .said = "     "},
     .hooks = {.format = AGENTS_PLUGIN, .variable = "XDG_CONFIG_HOME",
               .in_variable = "/opencode/plugins", .in_home = "/.config/opencode/plugins",
               .file = "telec.js", .events = agents_events}},
    {.name = "qwen",
     .title = "Qwen Code",
     .newline = "\n",
     .prompt = "-i",
     .session_id = "--session-id",
     .resume = "--resume",
     .conversation = "--session-id|--resume|-r|--continue|-c",
     .colour = "147",
     .colour_on_light = "54",
     .screen = {.working = "(esc to cancel|esc to cancel)",
                .asking = "waiting for user confirmation", .box = ">",
                .placeholder = "Type your message", .said = "✦"},
     .hooks = {.format = AGENTS_JSON, .variable = "QWEN_HOME", .in_variable = "",
               .in_home = "/.qwen", .file = "settings.json", .agent = AGENTS_QWEN,
               .timeout = 5000, .events = agents_events}}, /* ms */
    {.name = "copilot",
     .title = "GitHub Copilot CLI",
     .newline = "\033\r",
     .prompt = "-i",
     .session_id = "--session-id",
     .resume = "--resume=",
     .conversation = "--session-id|--resume|--continue",
     .colour = "218",
     .colour_on_light = "89",
     .screen = {.working = "esc interrupt|esc esc interrupt|esc esc edit", .box = "❯",
                .foot = "╹▀", .other = "execute shell command", .said = "●"},
     .hooks = {.format = AGENTS_JSON_FLAT, .variable = "COPILOT_HOME", .in_variable = "",
               .in_home = "/.copilot", .file = "settings.json", .agent = AGENTS_COPILOT,
               .timeout = 5, .events = agents_events}},
    {.name = "shell", .title = "a shell", .colour = "152", .colour_on_light = "23"},
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

static const struct agents_event *agents_find_event(struct json name)
{
    for (const struct agents_event *event = agents_events; event->name; event++)
        if (json_text_eq(name, event->name))
            return event;
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
