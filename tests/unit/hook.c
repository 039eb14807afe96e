/* Unit tests of hook: what agents hand their hooks. */

/* ---- what a hook says ---- */

static const struct {
    const char *input;
    int status;
    const char *event;
} unit_hook_inputs[] = {
    /* Claude Code, as its hooks reference shows them */
    {"{\n  \"session_id\": \"abc123\",\n"
     "  \"transcript_path\": \"/Users/.../.claude/projects/.../00893aaf.jsonl\",\n"
     "  \"cwd\": \"/Users/...\",\n  \"permission_mode\": \"default\",\n"
     "  \"hook_event_name\": \"UserPromptSubmit\",\n"
     "  \"prompt\": \"Write a function to calculate the factorial of a number\"\n}\n",
     1,
     "{\"type\":\"prompt\",\"text\":\"Write a function to calculate the factorial of a number\","
     "\"native_session_id\":\"abc123\"}"},
    {"{\"session_id\":\"abc123\",\"transcript_path\":\"/t.jsonl\",\"cwd\":\"/Users/...\","
     "\"hook_event_name\":\"Notification\","
     "\"message\":\"Claude needs your permission to use Bash\","
     "\"title\":\"Permission needed\",\"notification_type\":\"permission_prompt\"}",
     0, ""}, /* PermissionRequest has said more */
    {"{\"session_id\":\"abc123\",\"hook_event_name\":\"Notification\","
     "\"message\":\"Claude is waiting for your input\"}",
     1,
     "{\"type\":\"notification\",\"text\":\"Claude is waiting for your input\","
     "\"native_session_id\":\"abc123\"}"},
    {"{\"session_id\":\"abc123\",\"hook_event_name\":\"Notification\",\"message\":\"Logged in\","
     "\"notification_type\":\"auth_success\"}",
     0, ""},
    {"{\"session_id\":\"abc123\",\"permission_mode\":\"default\","
     "\"hook_event_name\":\"PermissionRequest\",\"tool_name\":\"Bash\","
     "\"tool_input\":{\"command\":\"rm -rf node_modules\","
     "\"description\":\"Remove node_modules directory\"},\"permission_suggestions\":["
     "{\"type\":\"addRules\",\"rules\":[{\"toolName\":\"Bash\"}],\"behavior\":\"allow\"}]}",
     1,
     "{\"type\":\"notification\",\"text\":\"Bash: rm -rf node_modules\","
     "\"native_session_id\":\"abc123\"}"},
    {"{\"session_id\":\"abc123\",\"hook_event_name\":\"PermissionRequest\","
     "\"tool_name\":\"AskUserQuestion\",\"tool_input\":{\"questions\":[{\"question\":\"Red?\","
     "\"options\":[]}]}}",
     1,
     "{\"type\":\"notification\",\"text\":\"AskUserQuestion: Red?\","
     "\"native_session_id\":\"abc123\"}"},
    /* a turn goes on, also after a subagent's question */
    {"{\"session_id\":\"abc123\",\"hook_event_name\":\"PostToolUseFailure\",\"tool_name\":"
     "\"Bash\",\"error\":\"exit 1\"}",
     1, "{\"type\":\"prompt\",\"text\":\"\",\"native_session_id\":\"abc123\"}"},
    {"{\"session_id\":\"abc123\",\"hook_event_name\":\"PostToolUse\",\"agent_id\":\"a1\"}", 1,
     "{\"type\":\"prompt\",\"text\":\"\",\"native_session_id\":\"abc123\"}"},
    {"{\"session_id\":\"abc123\",\"hook_event_name\":\"UserPromptSubmit\",\"agent_id\":\"a1\","
     "\"prompt\":\"x\"}",
     0, ""},
    {"{\"session_id\":\"abc123\",\"hook_event_name\":\"PostCompact\",\"trigger\":\"manual\"}", 1,
     "{\"type\":\"stop\",\"text\":\"\",\"native_session_id\":\"abc123\"}"},
    {"{\"session_id\":\"abc123\",\"hook_event_name\":\"PostCompact\",\"trigger\":\"auto\"}", 0,
     ""},
    /* copilot, which has no PermissionRequest of that name */
    {"{\"sessionId\":\"c2b\",\"timestamp\":1,\"cwd\":\"/w\",\"message\":\"Run command: touch x\","
     "\"title\":\"Permission needed\",\"hook_event_name\":\"Notification\","
     "\"notification_type\":\"permission_prompt\"}",
     1, "{\"type\":\"notification\",\"text\":\"Run command: touch x\"}"},
    {"{\"session_id\":\"abc123\",\"transcript_path\":\"~/t.jsonl\",\"cwd\":\"/Users/...\","
     "\"permission_mode\":\"default\",\"hook_event_name\":\"Stop\",\"stop_hook_active\":true,"
     "\"last_assistant_message\":\"I've completed the refactoring.\\nHere's a summary\"}",
     1,
     "{\"type\":\"stop\",\"text\":\"I've completed the refactoring.\\nHere's a summary\","
     "\"native_session_id\":\"abc123\"}"},
    {"{\"session_id\":\"abc123\",\"hook_event_name\":\"Stop\",\"stop_hook_active\":false}", 1,
     "{\"type\":\"stop\",\"text\":\"\",\"native_session_id\":\"abc123\"}"},
    {"{\"session_id\":\"abc123\",\"hook_event_name\":\"Stop\",\"agent_id\":\"a1\"}", 0, ""},
    {"{\"session_id\":\"abc123\",\"hook_event_name\":\"Stop\",\"agent_id\":null}", 1,
     "{\"type\":\"stop\",\"text\":\"\",\"native_session_id\":\"abc123\"}"},
    {"{\"session_id\":\"abc123\",\"hook_event_name\":\"PermissionRequest\",\"agent_id\":\"a1\","
     "\"tool_name\":\"Edit\"}",
     1, "{\"type\":\"notification\",\"text\":\"Edit\",\"native_session_id\":\"abc123\"}"},
    {"{\"session_id\":\"abc123\",\"hook_event_name\":\"SessionStart\",\"source\":\"startup\","
     "\"model\":\"claude-sonnet-4-6\"}",
     1, "{\"type\":\"session_start\",\"text\":\"\",\"native_session_id\":\"abc123\"}"},
    {"{\"session_id\":\"abc123\",\"hook_event_name\":\"SessionStart\",\"source\":\"compact\"}", 0,
     ""},
    {"{\"session_id\":\"abc123\",\"hook_event_name\":\"SessionEnd\",\"reason\":\"other\"}", 1,
     "{\"type\":\"session_end\",\"text\":\"other\",\"native_session_id\":\"abc123\"}"},
    {"{\"session_id\":\"abc123\",\"hook_event_name\":\"PreToolUse\",\"tool_name\":\"Write\"}", 0,
     ""},
    {"{\"session_id\":\"abc123\",\"hook_event_name\":\"SubagentStop\"}", 0, ""},
    /* Gemini CLI */
    {"{\"session_id\":\"g-1\",\"transcript_path\":\"/t.json\",\"cwd\":\"/w\","
     "\"hook_event_name\":\"BeforeAgent\",\"timestamp\":\"2026-01-31T23:59:59.123Z\","
     "\"prompt\":\"d\\u00e9j\\u00e0 \\ud83d\\ude00\"}",
     1,
     "{\"type\":\"prompt\",\"text\":\"d\xc3\xa9j\xc3\xa0 \xf0\x9f\x98\x80\","
     "\"native_session_id\":\"g-1\"}"},
    {"{\"session_id\":\"g-1\",\"hook_event_name\":\"AfterAgent\",\"prompt\":\"hello\","
     "\"prompt_response\":\"Hi!\",\"stop_hook_active\":false}",
     1, "{\"type\":\"stop\",\"text\":\"Hi!\",\"native_session_id\":\"g-1\"}"},
    {"{\"session_id\":\"g-1\",\"hook_event_name\":\"Notification\","
     "\"notification_type\":\"ToolPermission\",\"message\":\"Tool Shell requires execution\","
     "\"details\":{\"type\":\"exec\",\"command\":\"touch x\"}}",
     1,
     "{\"type\":\"notification\",\"text\":\"Tool Shell requires execution: touch x\","
     "\"native_session_id\":\"g-1\"}"},
    {"{\"session_id\":\"g-1\",\"hook_event_name\":\"AfterModel\",\"llm_request\":{}}", 0, ""},
    /* Codex: notify, with and without what older versions lack; its hooks */
    {"{\"type\":\"agent-turn-complete\",\"thread-id\":\"b5f6c1c2-1111-2222-3333-444455556666\","
     "\"turn-id\":\"12345\",\"cwd\":\"/Users/example/project\",\"client\":\"codex-tui\","
     "\"input-messages\":[\"Rename `foo` to `bar` and update the callsites.\"],"
     "\"last-assistant-message\":\"Rename complete and verified `cargo build` succeeds.\"}",
     1,
     "{\"type\":\"stop\",\"text\":\"Rename complete and verified `cargo build` succeeds.\","
     "\"native_session_id\":\"b5f6c1c2-1111-2222-3333-444455556666\"}"},
    {"{\"type\":\"agent-turn-complete\",\"turn-id\":\"12345\",\"input-messages\":[],"
     "\"last-assistant-message\":null}",
     1, "{\"type\":\"stop\",\"text\":\"\"}"},
    {"{\"type\":\"something-new\"}", -1, ""},
    {"{\"session_id\":\"c\",\"turn_id\":\"t\",\"transcript_path\":null,\"cwd\":\"/w\","
     "\"hook_event_name\":\"Stop\",\"model\":\"m\",\"permission_mode\":\"default\","
     "\"stop_hook_active\":false,\"last_assistant_message\":null}",
     1, "{\"type\":\"stop\",\"text\":\"\",\"native_session_id\":\"c\"}"},
    /* not understood */
    {"", -1, ""},
    {"  \n", -1, ""},
    {"null", -1, ""},
    {"[]", -1, ""},
    {"{}", -1, ""},
    {"\"Stop\"", -1, ""},
    {"Stop", -1, ""},
    {"{\"hook_event_name\":7}", -1, ""},
    {"{\"session_id\":\"abc123\"}", -1, ""},
    {"{\"hook_event_name\":\"Stop\"", -1, ""},
    {"{\"hook_event_name\":\"Stop\"} {}", -1, ""},
    {"{\"hook_event_name\":\"Stop\",}", -1, ""},
    /* members of the wrong type count as absent */
    {"{\"hook_event_name\":\"UserPromptSubmit\",\"prompt\":[1],\"session_id\":7}", 1,
     "{\"type\":\"prompt\",\"text\":\"\"}"},
    {"{\"hook_event_name\":\"UserPromptSubmit\",\"prompt\":\"x\",\"session_id\":\"\"}", 1,
     "{\"type\":\"prompt\",\"text\":\"x\"}"},
    {"{\"hook_event_name\":\"UserPromptSubmit\",\"prompt\":\"\\u0000\\ud800\\u001b[31m\"}", 1,
     "{\"type\":\"prompt\",\"text\":\"\\u0000\xef\xbf\xbd\\u001b[31m\"}"},
    {"{\"hook_event_name\":\"\\u0053top\"}", 1, "{\"type\":\"stop\",\"text\":\"\"}"},
    {"{\"hook_event_name\":\"Stop\\u0000\"}", 0, ""},
};

static void unit_hook_read(void)
{
    test_begin("what agents tell their hooks becomes an event, or is ignored");
    for (size_t i = 0; i < COUNT_OF(unit_hook_inputs); i++) {
        span input = span_of(unit_hook_inputs[i].input);
        char *copy = guard_copy(input);
        buf event = {0};
        CHECK_INT(hook_read((span){copy, input.n}, &event), unit_hook_inputs[i].status);
        CHECK_SPAN(buf_view(&event), unit_hook_inputs[i].event);
        buf_free(&event);
        guard_free(copy, input.n);
    }
}

/* Cut off anywhere, a text is never understood, nor read past. */
static void unit_hook_read_cut(void)
{
    test_begin("a hook input that is cut off is never understood");
    span input = span_of(unit_hook_inputs[0].input);
    for (size_t n = 0; n < input.n - 2; n++) {
        char *copy = guard_copy((span){input.p, n});
        buf event = {0};
        CHECK_INT(hook_read((span){copy, n}, &event), -1);
        CHECK_INT(event.n, 0);
        buf_free(&event);
        guard_free(copy, n);
    }
}

static void unit_hook_put_many(buf *b, const char *what, size_t count)
{
    while (count-- > 0)
        buf_str(b, what);
}

/* A text of two-byte characters behind `odd` letters: cut at a character's start. */
static void unit_hook_read_huge(size_t odd)
{
    buf input = {0}, event = {0}, text = {0};
    struct json object = {0};
    buf_str(&input, "{\"hook_event_name\":\"UserPromptSubmit\",\"prompt\":\"");
    unit_hook_put_many(&input, "a", odd);
    unit_hook_put_many(&input, "\xc3\xa9", HOOK_TEXT_MAX);
    buf_str(&input, "\",\"session_id\":\"");
    unit_hook_put_many(&input, "s", HOOK_ID_MAX + 1);
    buf_str(&input, "\"}");
    CHECK_INT(hook_read(buf_view(&input), &event), 1);
    CHECK_INT(json_parse(buf_view(&event), &object, NULL, NULL), PARSE_DONE);
    json_put_text(&text, json_get(object, "text"));
    CHECK_INT(text.n, HOOK_TEXT_MAX - (HOOK_TEXT_MAX - odd) % 2);
    CHECK_INT(json_type(json_get(object, "native_session_id")), JSON_NONE);
    buf_free(&input);
    buf_free(&event);
    buf_free(&text);
}

static void unit_hook(void)
{
    unit_hook_read();
    unit_hook_read_cut();
    test_begin("a long text is cut at a character, a long id is omitted");
    unit_hook_read_huge(0);
    unit_hook_read_huge(1);
}
