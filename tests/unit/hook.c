/* Unit tests of hook: what agents hand their hooks, and settings files that get hooks put in. */

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
     1,
     "{\"type\":\"notification\",\"text\":\"Claude needs your permission to use Bash\","
     "\"native_session_id\":\"abc123\"}"},
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
     1, "{\"type\":\"notification\",\"text\":\"Bash\",\"native_session_id\":\"abc123\"}"},
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
     "\"details\":{\"type\":\"exec\"}}",
     1,
     "{\"type\":\"notification\",\"text\":\"Tool Shell requires execution\","
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
    {"{\"type\":\"something-new\"}", 0, ""},
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
    CHECK_INT(json_get(object, "native_session_id").type, JSON_NONE);
    buf_free(&input);
    buf_free(&event);
    buf_free(&text);
}

/* ---- putting hooks in place ---- */

#define UNIT_HOOK_PROGRAM "/opt/te lec/telec"

static char unit_hook_home[] = "/tmp/telec-unit-hook-XXXXXX";

/* HOME/name, in one of a few static buffers. */
static const char *unit_hook_path(const char *name)
{
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", unit_hook_home, name);
    return path;
}

static void unit_hook_write(const char *name, const char *text)
{
    int fd = open(unit_hook_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    CHECK(fd >= 0);
    CHECK_INT(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void unit_hook_check_file(const char *name, const char *want)
{
    buf have = {0};
    CHECK_INT(os_read_file(&have, unit_hook_path(name), 1 << 20), 0);
    CHECK_SPAN(buf_view(&have), want);
    buf_free(&have);
}

static int unit_hook_contains(const buf *b, const char *what)
{
    for (size_t i = 0; i < b->n; i++)
        if (span_starts(span_sub(buf_view(b), i), what))
            return 1;
    return 0;
}

/* Installs; `said` must be in the error (or, when there is none, in the report). */
static void unit_hook_install(const char *agent, int write, int status, const char *said)
{
    buf report = {0}, error = {0};
    CHECK_INT(hook_install(agent, unit_hook_home, UNIT_HOOK_PROGRAM, write, &report, &error),
              status);
    CHECK((status < 0) == (error.n > 0));
    if (!unit_hook_contains(error.n ? &error : &report, said)) {
        CHECK(!"the message");
        printf("#   want \"%s\"\n#   report \"%.*s\"\n#   error \"%.*s\"\n", said, (int)report.n,
               report.p ? report.p : "", (int)error.n, error.p ? error.p : "");
    }
    /* what to put in by hand stands in the report of every refusal */
    if (status < 0)
        CHECK(unit_hook_contains(&report, "hook") && unit_hook_contains(&report, "/te lec/telec"));
    buf_free(&report);
    buf_free(&error);
}

static int unit_hook_leftovers(const char *name)
{
    DIR *dir = opendir(unit_hook_path(name));
    int count = 0;
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

/* The same hooks as Claude Code's settings: what is at one event, and all events. */
#define UNIT_HOOK_COMMAND "'/opt/te lec/telec' hook"
#define UNIT_HOOK_COMPACT(timeout) \
    "{\"hooks\":[{\"type\":\"command\",\"command\":\"" UNIT_HOOK_COMMAND \
    "\",\"timeout\":" timeout "}]}"
#define UNIT_HOOK_SPACED \
    "{\"hooks\": [{\"type\": \"command\", \"command\": \"" UNIT_HOOK_COMMAND "\", \"timeout\": 5}]}"

/* Lines at three levels of an indentation. */
#define UNIT_HOOK_LINES(n, i, b) \
    n b "{" n b i "\"hooks\": [" n b i i "{" n b i i i "\"type\": \"command\"," n b i i i \
    "\"command\": \"" UNIT_HOOK_COMMAND "\"," n b i i i "\"timeout\": 5" n b i i "}" n b i "]" n b \
    "}"
#define UNIT_HOOK_EVENT(n, i, name) \
    n i i "\"" name "\": [" UNIT_HOOK_LINES(n, i, i i i) n i i "]"
#define UNIT_HOOK_EVENTS_BUT_STOP(n, i) \
    UNIT_HOOK_EVENT(n, i, "SessionStart") "," UNIT_HOOK_EVENT(n, i, "UserPromptSubmit") "," \
    UNIT_HOOK_EVENT(n, i, "PermissionRequest") "," UNIT_HOOK_EVENT(n, i, "Notification")
#define UNIT_HOOK_MEMBER(n, i) \
    n i "\"hooks\": {" UNIT_HOOK_EVENTS_BUT_STOP(n, i) "," UNIT_HOOK_EVENT(n, i, "Stop") "," \
    UNIT_HOOK_EVENT(n, i, "SessionEnd") n i "}"

static const struct {
    const char *before, *after;
} unit_hook_files[] = {
    {"", "{" UNIT_HOOK_MEMBER("\n", "  ") "\n}\n"},
    {" \n\t\r\n", "{" UNIT_HOOK_MEMBER("\n", "  ") "\n}\n"},
    {"{}", "{" UNIT_HOOK_MEMBER("\n", "  ") "\n}"},
    {"{\n}\n", "{" UNIT_HOOK_MEMBER("\n", "  ") "\n}\n"},
    /* formatting of the rest, odd as it may be */
    {"{\n  \"model\" :\"opus\",\n      \"a\": [ 1,2 ,3 ]  \n\n}\n\n\n",
     "{\n  \"model\" :\"opus\",\n      \"a\": [ 1,2 ,3 ]," UNIT_HOOK_MEMBER("\n", "  ")
     "  \n\n}\n\n\n"},
    /* CRLF, tabs */
    {"{\r\n\t\"model\": \"opus\",\r\n\t\"s\": \"caf\xc3\xa9 \\u00e9 } ] , \\\"\"\r\n}\r\n",
     "{\r\n\t\"model\": \"opus\",\r\n\t\"s\": \"caf\xc3\xa9 \\u00e9 } ] , \\\"\","
     UNIT_HOOK_MEMBER("\r\n", "\t") "\r\n}\r\n"},
    {"{\n    \"model\": \"opus\"\n}", "{\n    \"model\": \"opus\"," UNIT_HOOK_MEMBER("\n", "    ")
                                     "\n}"},
    /* hooks there, empty and not */
    {"{\n  \"hooks\": {},\n  \"z\": 1e400\n}\n",
     "{" UNIT_HOOK_MEMBER("\n", "  ") ",\n  \"z\": 1e400\n}\n"},
    {"{\n  \"hooks\": {\n  },\n  \"z\": 1\n}\n",
     "{" UNIT_HOOK_MEMBER("\n", "  ") ",\n  \"z\": 1\n}\n"},
    {"{\n  \"hooks\": {\n    \"Stop\": [\n      {\n        \"hooks\": [ { \"type\":\"command\", "
     "\"command\":\"say done\" } ]\n      }\n    ]\n  },\n  \"z\": 1\n}\n",
     "{\n  \"hooks\": {\n    \"Stop\": [\n      {\n        \"hooks\": [ { \"type\":\"command\", "
     "\"command\":\"say done\" } ]\n      }," UNIT_HOOK_LINES("\n", "  ", "      ") "\n    ],"
     UNIT_HOOK_EVENTS_BUT_STOP("\n", "  ") "," UNIT_HOOK_EVENT("\n", "  ", "SessionEnd")
     "\n  },\n  \"z\": 1\n}\n"},
    {"{\n  \"hooks\": {\n    \"PreToolUse\": [],\n    \"Stop\": []\n  }\n}\n",
     "{\n  \"hooks\": {\n    \"PreToolUse\": []," UNIT_HOOK_EVENT("\n", "  ", "Stop") ","
     UNIT_HOOK_EVENTS_BUT_STOP("\n", "  ") "," UNIT_HOOK_EVENT("\n", "  ", "SessionEnd")
     "\n  }\n}\n"},
    /* a line of its own in a file of lines */
    {"{\n  \"hooks\": {\"Stop\": [{\"hooks\": []}], \"SessionEnd\": [7, \"x\", {}]}\n}\n",
     "{\n  \"hooks\": {\"Stop\": [{\"hooks\": []}, " UNIT_HOOK_SPACED
     "], \"SessionEnd\": [7, \"x\", {}, " UNIT_HOOK_SPACED "], \"SessionStart\": ["
     UNIT_HOOK_SPACED "], \"UserPromptSubmit\": [" UNIT_HOOK_SPACED "], \"PermissionRequest\": ["
     UNIT_HOOK_SPACED "], \"Notification\": [" UNIT_HOOK_SPACED "]}\n}\n"},
    /* minified */
    {"{\"a\":1,\"hooks\":{\"Stop\":[]}}",
     "{\"a\":1,\"hooks\":{\"Stop\":[" UNIT_HOOK_COMPACT("5") "],\"SessionStart\":["
     UNIT_HOOK_COMPACT("5") "],\"UserPromptSubmit\":[" UNIT_HOOK_COMPACT("5")
     "],\"PermissionRequest\":[" UNIT_HOOK_COMPACT("5") "],\"Notification\":["
     UNIT_HOOK_COMPACT("5") "],\"SessionEnd\":[" UNIT_HOOK_COMPACT("5") "]}}"},
    {"{\"a\":1}",
     "{\"a\":1,\"hooks\":{\"SessionStart\":[" UNIT_HOOK_COMPACT("5") "],\"UserPromptSubmit\":["
     UNIT_HOOK_COMPACT("5") "],\"PermissionRequest\":[" UNIT_HOOK_COMPACT("5")
     "],\"Notification\":[" UNIT_HOOK_COMPACT("5") "],\"Stop\":[" UNIT_HOOK_COMPACT("5")
     "],\"SessionEnd\":[" UNIT_HOOK_COMPACT("5") "]}}"},
};

static void unit_hook_json(void)
{
    test_begin("hooks are inserted into settings as the file is laid out");
    for (size_t i = 0; i < COUNT_OF(unit_hook_files); i++) {
        unit_hook_write(".claude/settings.json", unit_hook_files[i].before);
        unit_hook_install("claude", 0, 1, "put in:\n{");
        unit_hook_check_file(".claude/settings.json", unit_hook_files[i].before);
        unit_hook_install("claude", 1, 1, "added:\n{");
        unit_hook_check_file(".claude/settings.json", unit_hook_files[i].after);
        unit_hook_install("claude", 1, 0, "already");
        unit_hook_check_file(".claude/settings.json", unit_hook_files[i].after);
    }
    CHECK_INT(unit_hook_leftovers(".claude"), 1);
}

/* One event's hook taken out of a complete file comes back, and nothing else. */
static void unit_hook_json_partly(void)
{
    test_begin("only hooks that are missing are added");
    static const char lacking[] = "{\n  \"hooks\": {" UNIT_HOOK_EVENTS_BUT_STOP("\n", "  ") ","
                                  UNIT_HOOK_EVENT("\n", "  ", "SessionEnd") "\n  }\n}\n";
    buf report = {0}, error = {0};
    unit_hook_write(".claude/settings.json", lacking);
    CHECK_INT(hook_install("claude", unit_hook_home, UNIT_HOOK_PROGRAM, 1, &report, &error), 1);
    CHECK(unit_hook_contains(&report, "\"Stop\""));
    CHECK(!unit_hook_contains(&report, "\"SessionEnd\""));
    unit_hook_check_file(".claude/settings.json",
                         "{\n  \"hooks\": {" UNIT_HOOK_EVENTS_BUT_STOP("\n", "  ") ","
                         UNIT_HOOK_EVENT("\n", "  ", "SessionEnd") ","
                         UNIT_HOOK_EVENT("\n", "  ", "Stop") "\n  }\n}\n");
    buf_free(&report);
    buf_free(&error);
}

static void unit_hook_json_refused(void)
{
    test_begin("settings that can not be extended are left as they are");
    static const char *const files[][2] = {
        {"{\"a\": 1,}", ":1: not valid JSON"},
        {"{\n  // theme\n  \"a\": 1\n}\n", ":2: not valid JSON"},
        {"{\n  // theme\n  \"a\": 1\n}\n", "comments are not understood"},
        {"{\n  \"a\": 1 /* one */\n}\n", "comments are not understood"},
        {"{\n  \"a\": 1\n", "ends too early"},
        {"{\"a\": 1} x", "not valid JSON"},
        {"\xef\xbb\xbf{}", "not valid JSON"},
        {"[]", "no JSON object"},
        {"null", "no JSON object"},
        {"{\"hooks\": []}", "\"hooks\" is not an object"},
        {"{\"hooks\": null}", "\"hooks\" is not an object"},
        {"{\"hooks\": {\"Stop\": {}}}", "\"Stop\" in \"hooks\" is not a list"},
        {"{\"hooks\": {\"Stop\": null}}", "\"Stop\" in \"hooks\" is not a list"},
    };
    for (size_t i = 0; i < COUNT_OF(files); i++)
        for (int write = 0; write < 2; write++) {
            unit_hook_write(".claude/settings.json", files[i][0]);
            unit_hook_install("claude", write, -1, files[i][1]);
            unit_hook_check_file(".claude/settings.json", files[i][0]);
        }
    CHECK_INT(unit_hook_leftovers(".claude"), 1);
}

static void unit_hook_gemini(void)
{
    test_begin("Gemini CLI gets its own events");
    static const char fresh[] =
        "{\"ui\":{},\"hooks\":{\"SessionStart\":[" UNIT_HOOK_COMPACT("5000")
        "],\"BeforeAgent\":[" UNIT_HOOK_COMPACT("5000") "],\"Notification\":["
        UNIT_HOOK_COMPACT("5000") "],\"AfterAgent\":[" UNIT_HOOK_COMPACT("5000")
        "],\"SessionEnd\":[" UNIT_HOOK_COMPACT("5000") "]}}";
    unit_hook_write(".gemini/settings.json", "{\"ui\":{}}");
    unit_hook_install("gemini", 1, 1, "Gemini CLI");
    unit_hook_check_file(".gemini/settings.json", fresh);
    unit_hook_install("gemini", 1, 0, "already");
    setenv("GEMINI_CLI_HOME", unit_hook_path("elsewhere"), 1);
    unit_hook_write("elsewhere/.gemini/settings.json", "{\"ui\":{}}");
    unit_hook_install("gemini", 1, 1, "elsewhere/.gemini/settings.json");
    unit_hook_check_file("elsewhere/.gemini/settings.json", fresh);
    unsetenv("GEMINI_CLI_HOME");
}

#define UNIT_HOOK_NOTIFY "notify = [\"/opt/te lec/telec\", \"hook\"]"

static void unit_hook_toml(void)
{
    test_begin("notify goes before the first table of config.toml");
    static const struct {
        const char *before, *after;
    } files[] = {
        {"", UNIT_HOOK_NOTIFY "\n"},
        {"# mine\n", UNIT_HOOK_NOTIFY "\n\n# mine\n"},
        {"model = \"o3\"\n", "model = \"o3\"\n" UNIT_HOOK_NOTIFY "\n"},
        {"model = \"o3\"", "model = \"o3\"\n" UNIT_HOOK_NOTIFY "\n"},
        {"model = \"o3\" # best\r\n\r\n[tui]\r\nnotifications = true\r\n",
         "model = \"o3\" # best\r\n" UNIT_HOOK_NOTIFY "\r\n\r\n[tui]\r\nnotifications = true\r\n"},
        {"[tui]\nnotify = [\"x\"]\n", UNIT_HOOK_NOTIFY "\n\n[tui]\nnotify = [\"x\"]\n"},
        {"\xef\xbb\xbf[tui]\n", "\xef\xbb\xbf" UNIT_HOOK_NOTIFY "\n\n[tui]\n"},
        {"# notify = [\"x\"]\nnotifying = 1\n\n# the rest\n[[a]]\n",
         "# notify = [\"x\"]\nnotifying = 1\n" UNIT_HOOK_NOTIFY "\n\n# the rest\n[[a]]\n"},
        /* what only looks like a table or a notify */
        {"a = \"\"\"\n[x]\nnotify = 1\n\\\"\"\"\"\"\"\nb = '''\n[y]\n'' '''' # c\nc = [\n  \"]\", "
         "# ]\n  '[', [1]\n]\nd = { e = \"}\" }\n\"f.[g\" = '\\'\n[projects.\"/a#b]\"]\n",
         "a = \"\"\"\n[x]\nnotify = 1\n\\\"\"\"\"\"\"\nb = '''\n[y]\n'' '''' # c\nc = [\n  \"]\", "
         "# ]\n  '[', [1]\n]\nd = { e = \"}\" }\n\"f.[g\" = '\\'\n" UNIT_HOOK_NOTIFY
         "\n[projects.\"/a#b]\"]\n"},
        {"tui.notify = 1\na.b = \"\"\n", "tui.notify = 1\na.b = \"\"\n" UNIT_HOOK_NOTIFY "\n"},
    };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        unit_hook_write(".codex/config.toml", files[i].before);
        unit_hook_install("codex", 0, 1, "put in:\n" UNIT_HOOK_NOTIFY "\n");
        unit_hook_check_file(".codex/config.toml", files[i].before);
        unit_hook_install("codex", 1, 1, "added:\n" UNIT_HOOK_NOTIFY "\n");
        unit_hook_check_file(".codex/config.toml", files[i].after);
        unit_hook_install("codex", 1, 0, "already");
        unit_hook_check_file(".codex/config.toml", files[i].after);
    }
    CHECK_INT(unit_hook_leftovers(".codex"), 1);
}

static void unit_hook_toml_there(void)
{
    test_begin("a notify that is telec already is left alone");
    static const char *const files[] = {
        "\"notify\"=['/opt/te lec/telec','hook',]",
        "x = 1\n  notify = [\n\t\"/opt/te lec/telec\",\n\t\"hook\"\n] # telec\n[a]\n",
    };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        unit_hook_write(".codex/config.toml", files[i]);
        unit_hook_install("codex", 1, 0, "already");
        unit_hook_check_file(".codex/config.toml", files[i]);
    }
}

static void unit_hook_toml_refused(void)
{
    test_begin("the notify of another program is never replaced");
    static const char *const files[][2] = {
        {"model = 1\nnotify = [\"notify-send\", \"Codex\"]\n", ":2: notify is set already"},
        {"notify = []\n", ":1: notify is set already"},
        {"notify = [\"/opt/te lec/telec\", \"hook\", \"x\"]\n", "set already"},
        {"notify = [\"/opt/telec/telec\", \"hook\"]\n", "set already"},
        {"notify = \"/opt/te lec/telec\"\n", "set already"},
        {"notify.x = 1\n", "set already"},
        {"'notify' = 1\n", "set already"},
        {"\n[notify] # x\n", ":2: notify is set already"},
        {"[[ notify ]]\n", "set already"},
        {"a = \"\nnotify = 1\n", ":1: not understood as TOML"},
        {"a = \"\nb = \"\nnotify = 1\n", ":1: not understood"},
        {"x = 1\na = \"\"\"\nb = 1\n", ":2: not understood"},
        {"a = [1,\n", "not understood"},
        {"a = 1]\n", "not understood"},
        {"a =\n", "not understood"},
        {"= 1\n", "not understood"},
        {"x = 1\njust words\n", ":2: not understood"},
        {"\"a = 1\n", "not understood"},
    };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        unit_hook_write(".codex/config.toml", files[i][0]);
        unit_hook_install("codex", 1, -1, files[i][1]);
        unit_hook_check_file(".codex/config.toml", files[i][0]);
    }
    CHECK_INT(unit_hook_leftovers(".codex"), 1);
}

/* No text at all makes the scanner run past its end or loop. */
static void unit_hook_toml_cut(void)
{
    test_begin("a config.toml that is cut off is never read past its end");
    static const char text[] = "a = \"\"\"x\\\"\"\"\"\"\nb = '''y'''''\n'c'.\"d\" = [ # e\n"
                               "{ f = 1 }, ]\n[[g]]\n\xff = \"\\";
    for (size_t from = 0; from < sizeof text - 1; from++)
        for (size_t to = from; to < sizeof text; to++) {
            char *copy = guard_copy((span){text + from, to - from});
            span rest = {copy, to - from};
            struct hook_statement st;
            size_t before = rest.n + 1;
            while (rest.n < before && (before = rest.n, hook_toml_next(&rest, &st) == PARSE_DONE))
                CHECK(rest.n < before);
            guard_free(copy, to - from);
        }
}

static mode_t unit_hook_mode(const char *name)
{
    struct stat st;
    CHECK_INT(lstat(unit_hook_path(name), &st), 0);
    return st.st_mode;
}

static void unit_hook_file_care(void)
{
    test_begin("the settings file keeps its rights, links and bytes");
    /* no file, no directory: made, for the user's eyes only */
    unlink(unit_hook_path(".codex/config.toml"));
    rmdir(unit_hook_path(".codex"));
    unit_hook_install("codex", 0, 1, ".codex/config.toml: for Codex");
    CHECK(access(unit_hook_path(".codex"), F_OK) != 0);
    unit_hook_install("codex", 1, 1, "added");
    unit_hook_check_file(".codex/config.toml", UNIT_HOOK_NOTIFY "\n");
    CHECK_INT(unit_hook_mode(".codex") & 07777, 0700);
    CHECK_INT(unit_hook_mode(".codex/config.toml") & 07777, 0600);
    /* the mode stays */
    unit_hook_write(".codex/config.toml", "");
    chmod(unit_hook_path(".codex/config.toml"), 0640);
    unit_hook_install("codex", 1, 1, "added");
    CHECK_INT(unit_hook_mode(".codex/config.toml") & 07777, 0640);
    /* a link stays a link, and its target is what changes, in its own directory */
    unit_hook_write("elsewhere/real.toml", "x = 1\n");
    unlink(unit_hook_path(".codex/config.toml"));
    CHECK_INT(symlink("../elsewhere/link.toml", unit_hook_path(".codex/config.toml")), 0);
    CHECK_INT(symlink("real.toml", unit_hook_path("elsewhere/link.toml")), 0);
    unit_hook_install("codex", 1, 1, ".codex/config.toml: Codex");
    CHECK(S_ISLNK(unit_hook_mode(".codex/config.toml")));
    CHECK(S_ISLNK(unit_hook_mode("elsewhere/link.toml")));
    CHECK(S_ISREG(unit_hook_mode("elsewhere/real.toml")));
    unit_hook_check_file("elsewhere/real.toml", "x = 1\n" UNIT_HOOK_NOTIFY "\n");
    /* a link to nowhere, a directory, a file too large */
    unlink(unit_hook_path("elsewhere/real.toml"));
    unit_hook_install("codex", 1, -1, ": No such file");
    unlink(unit_hook_path(".codex/config.toml"));
    unlink(unit_hook_path("elsewhere/link.toml"));
    mkdir(unit_hook_path(".codex/config.toml"), 0700);
    unit_hook_install("codex", 1, -1, ": not a file");
    rmdir(unit_hook_path(".codex/config.toml"));
    unit_hook_write(".codex/config.toml", "x = 1\n");
    CHECK_INT(truncate(unit_hook_path(".codex/config.toml"), HOOK_FILE_MAX + 1), 0);
    unit_hook_install("codex", 1, -1, ": File too large");
    unit_hook_write(".codex/config.toml", "x = 1\n");
    /* root may write everywhere */
    if (geteuid() != 0) {
        chmod(unit_hook_path(".codex"), 0500);
        unit_hook_install("codex", 1, -1, ": cannot be replaced: Permission denied");
        chmod(unit_hook_path(".codex"), 0700);
        chmod(unit_hook_path(".codex/config.toml"), 0400);
        unit_hook_install("codex", 1, -1, ": cannot be written: Permission denied");
        chmod(unit_hook_path(".codex/config.toml"), 0600);
    }
    unit_hook_check_file(".codex/config.toml", "x = 1\n");
    CHECK_INT(unit_hook_leftovers(".codex"), 1);
    setenv("CODEX_HOME", unit_hook_path("no/such/place"), 1);
    unit_hook_install("codex", 1, -1, "no/such/place/config.toml: cannot be written");
    unsetenv("CODEX_HOME");
}

/* Somebody writes the file between reading and replacing it. */
static void unit_hook_race(void)
{
    test_begin("a file that changed in the meantime is not overwritten");
    buf error = {0};
    struct hook_job job = {.agent = agents_find("codex"), .program = "/t", .error = &error};
    job.path = span_dup(span_of(unit_hook_path(".codex/config.toml")));
    unit_hook_write(".codex/config.toml", "x = 1\n");
    CHECK_INT(hook_load(&job), 0);
    buf_str(&job.after, "ours\n");
    unit_hook_write(".codex/config.toml", "x = 2\n");
    CHECK_INT(hook_store(&job), -1);
    CHECK(unit_hook_contains(&error, "changed in the meantime"));
    unit_hook_check_file(".codex/config.toml", "x = 2\n");
    CHECK_INT(unit_hook_leftovers(".codex"), 1);
    unit_hook_write(".codex/config.toml", "x = 1\n");
    buf_clear(&error);
    CHECK_INT(hook_store(&job), 0);
    unit_hook_check_file(".codex/config.toml", "ours\n");
    free(job.path);
    free(job.target);
    buf_free(&job.before);
    buf_free(&job.after);
    buf_free(&error);
}

/* A program's path full of what JSON, TOML and shells quote comes back as it was. */
static void unit_hook_quoting(void)
{
    test_begin("the program path is quoted in every format");
    static const char program[] = "/a'b\"c\\d e\tf$g;\xc3\xa9/telec";
    buf report = {0}, error = {0}, text = {0};
    struct json root;
    unit_hook_write(".claude/settings.json", "{}");
    unit_hook_write(".codex/config.toml", "");
    CHECK_INT(hook_install("claude", unit_hook_home, program, 1, &report, &error), 1);
    CHECK_INT(hook_install("claude", unit_hook_home, program, 1, &report, &error), 0);
    CHECK_INT(hook_install("codex", unit_hook_home, program, 1, &report, &error), 1);
    CHECK_INT(hook_install("codex", unit_hook_home, program, 1, &report, &error), 0);
    unit_hook_check_file(".codex/config.toml", "notify = [\"/a'b\\\"c\\\\d e\\u0009f$g;\xc3\xa9"
                                               "/telec\", \"hook\"]\n");
    os_read_file(&text, unit_hook_path(".claude/settings.json"), 1 << 20);
    CHECK_INT(json_parse(buf_view(&text), &root, NULL, NULL), PARSE_DONE);
    struct json_iter groups = json_iter(json_get(json_get(root, "hooks"), "Stop"));
    CHECK(json_next(&groups));
    struct json_iter hooks = json_iter(json_get(groups.value, "hooks"));
    CHECK(json_next(&hooks));
    char *command = json_dup_text(json_get(hooks.value, "command"));
    char **words = config_words(span_of(command));
    CHECK(words && strcmp(words[0], program) == 0 && strcmp(words[1], "hook") == 0 && !words[2]);
    free(words);
    free(command);
    buf_free(&report);
    buf_free(&error);
    buf_free(&text);
}

static void unit_hook_refused(void)
{
    test_begin("unknown agents, relative programs and a missing HOME are refused");
    static const struct {
        const char *agent, *home, *program, *said;
    } calls[] = {
        {"emacs", "/h", "/t", "emacs: no hooks are known of it; agents with hooks: claude,"},
        {"", "/h", "/t", ": no hooks are known of it"},
        {"shell", "/h", "/t", "shell: no hooks are known of it"},
        {"claude", "/h", "telec", "telec: a hook needs an absolute path"},
        {"claude", "/h", "", ": a hook needs an absolute path"},
        {"claude", "/h", "/\xff", "a hook needs an absolute path in UTF-8"},
        {"claude", "/h", "/\xc3", "a hook needs an absolute path in UTF-8"},
        {"claude", NULL, "/t", "HOME is not set"},
    };
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        buf report = {0}, error = {0};
        CHECK_INT(hook_install(calls[i].agent, calls[i].home, calls[i].program, 1, &report, &error),
                  -1);
        CHECK(unit_hook_contains(&error, calls[i].said));
        buf_free(&report);
        buf_free(&error);
    }
}

static void unit_hook(void)
{
    static const char *const variables[] = {"CLAUDE_CONFIG_DIR", "GEMINI_CLI_HOME", "CODEX_HOME"};
    static const char *const names[] = {
        ".claude/settings.json", ".claude", ".gemini/settings.json", ".gemini",
        ".codex/config.toml",    ".codex",  "elsewhere/.gemini/settings.json",
        "elsewhere/.gemini",     "elsewhere"};
    char *saved[COUNT_OF(variables)];
    for (size_t i = 0; i < COUNT_OF(variables); i++) {
        saved[i] = span_dup(span_of(getenv(variables[i])));
        unsetenv(variables[i]);
    }
    unit_hook_read();
    unit_hook_read_cut();
    test_begin("a long text is cut at a character, a long id is omitted");
    unit_hook_read_huge(0);
    unit_hook_read_huge(1);
    CHECK(mkdtemp(unit_hook_home) != NULL);
    for (size_t i = COUNT_OF(names); i-- > 0;)
        if (!strstr(names[i], "settings.json") && !strstr(names[i], "config.toml"))
            CHECK_INT(mkdir(unit_hook_path(names[i]), 0700), 0);
    unit_hook_json();
    unit_hook_json_partly();
    unit_hook_json_refused();
    unit_hook_gemini();
    unit_hook_toml();
    unit_hook_toml_there();
    unit_hook_toml_refused();
    unit_hook_toml_cut();
    unit_hook_file_care();
    unit_hook_race();
    unit_hook_quoting();
    unit_hook_refused();
    for (size_t i = 0; i < COUNT_OF(names); i++)
        remove(unit_hook_path(names[i]));
    CHECK_INT(rmdir(unit_hook_home), 0);
    for (size_t i = 0; i < COUNT_OF(variables); i++) {
        if (*saved[i])
            setenv(variables[i], saved[i], 1);
        free(saved[i]);
    }
}
