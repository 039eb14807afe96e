/* Unit tests of settings: settings files that get hooks put in and removed. */

#define UNIT_SET_PROGRAM "/opt/te lec/telec"

static char unit_settings_home[] = "/tmp/telec-unit-settings-XXXXXX";

/* HOME/name, in one of a few static buffers. */
static const char *unit_settings_path(const char *name)
{
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", unit_settings_home, name);
    return path;
}

static void unit_settings_write(const char *name, const char *text)
{
    int fd = open(unit_settings_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    CHECK(fd >= 0);
    CHECK_INT(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void unit_settings_check_file(const char *name, const char *want)
{
    buf have = {0};
    CHECK_INT(os_read_file(&have, unit_settings_path(name), 1 << 20), 0);
    CHECK_SPAN(buf_view(&have), want);
    buf_free(&have);
}

static int unit_settings_contains(const buf *b, const char *what)
{
    for (size_t i = 0; i < b->n; i++)
        if (span_starts(span_sub(buf_view(b), i), what))
            return 1;
    return 0;
}

/* Claude Code with fewer events, so that whole files can stand here. */
static const struct agents_event unit_settings_events[] = {
    {"SessionStart", "session_start", NULL, 1, NULL, NULL},
    {"UserPromptSubmit", "prompt", NULL, 1, NULL, NULL},
    {"PermissionRequest", "notification", NULL, 1, NULL, NULL},
    {"Elicitation", "notification", NULL, 0, NULL, NULL},
    {"Notification", "notification", NULL, 1, NULL, NULL},
    {"Stop", "stop", NULL, 1, NULL, NULL},
    {"SessionEnd", "session_end", NULL, 1, NULL, NULL},
    {0}};
static const struct agents_row unit_settings_row = {
    .name = "claude",
    .title = "Claude Code",
    .hooks = {.format = AGENTS_JSON, .variable = "CLAUDE_CONFIG_DIR", .in_variable = "",
              .in_home = "/.claude", .file = "settings.json", .agent = 1,
              .events = unit_settings_events, .timeout = 5}};

static int unit_settings_run(const char *agent, enum settings_act act, buf *report, buf *error)
{
    struct settings_job job = {.agent = &unit_settings_row, .program = UNIT_SET_PROGRAM,
                               .error = error, .remove = act == SETTINGS_REMOVE};
    if (strcmp(agent, "claude") == 0)
        return settings_change(&job, unit_settings_home, act != SETTINGS_SHOW, report);
    return settings_install(agent, unit_settings_home, UNIT_SET_PROGRAM, act, report, error);
}

/* Installs; `said` must be in the error (or, when there is none, in the report). */
static void unit_settings_install(const char *agent, enum settings_act write, int status, const char
    *said)
{
    buf report = {0}, error = {0};
    CHECK_INT(unit_settings_run(agent, write, &report, &error), status);
    CHECK((status < 0) == (error.n > 0));
    if (!unit_settings_contains(error.n ? &error : &report, said)) {
        CHECK(!"the message");
        printf("#   want \"%s\"\n#   report \"%.*s\"\n#   error \"%.*s\"\n", said, (int)report.n,
               report.p ? report.p : "", (int)error.n, error.p ? error.p : "");
    }
    /* what to put in by hand stands in the report of every refusal */
    if (status < 0 && write != SETTINGS_REMOVE)
        CHECK(unit_settings_contains(&report, "hook") && unit_settings_contains(&report,
            "/te lec/telec"));
    buf_free(&report);
    buf_free(&error);
}

static int unit_settings_leftovers(const char *name)
{
    DIR *dir = opendir(unit_settings_path(name));
    int count = 0;
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

/* The same hooks as Claude Code's settings: what is at one event, and all events. */
#define UNIT_SET_COMMAND "'/opt/te lec/telec' hook"
#define UNIT_SET_COMPACT(timeout) \
    "{\"hooks\":[{\"type\":\"command\",\"command\":\"" UNIT_SET_COMMAND \
    "\",\"timeout\":" timeout "}]}"
#define UNIT_SET_SPACED \
    "{\"hooks\": [{\"type\": \"command\", \"command\": \"" UNIT_SET_COMMAND "\", \"timeout\": 5}]}"

/* Lines at three levels of an indentation. */
#define UNIT_SET_LINES(n, i, b) \
    n b "{" n b i "\"hooks\": [" n b i i "{" n b i i i "\"type\": \"command\"," n b i i i \
    "\"command\": \"" UNIT_SET_COMMAND "\"," n b i i i "\"timeout\": 5" n b i i "}" n b i "]" n b \
    "}"
#define UNIT_SET_EVENT(n, i, name) \
    n i i "\"" name "\": [" UNIT_SET_LINES(n, i, i i i) n i i "]"
#define UNIT_SET_EVENTS_BUT_STOP(n, i) \
    UNIT_SET_EVENT(n, i, "SessionStart") "," UNIT_SET_EVENT(n, i, "UserPromptSubmit") "," \
    UNIT_SET_EVENT(n, i, "PermissionRequest") "," UNIT_SET_EVENT(n, i, "Notification")
#define UNIT_SET_MEMBER(n, i) \
    n i "\"hooks\": {" UNIT_SET_EVENTS_BUT_STOP(n, i) "," UNIT_SET_EVENT(n, i, "Stop") "," \
    UNIT_SET_EVENT(n, i, "SessionEnd") n i "}"

static const struct {
    const char *before, *after;
} unit_settings_files[] = {
    {"", "{" UNIT_SET_MEMBER("\n", "  ") "\n}\n"},
    {" \n\t\r\n", "{" UNIT_SET_MEMBER("\n", "  ") "\n}\n"},
    {"{}", "{" UNIT_SET_MEMBER("\n", "  ") "\n}"},
    {"{\n}\n", "{" UNIT_SET_MEMBER("\n", "  ") "\n}\n"},
    /* formatting of the rest, odd as it may be */
    {"{\n  \"model\" :\"opus\",\n      \"a\": [ 1,2 ,3 ]  \n\n}\n\n\n",
     "{\n  \"model\" :\"opus\",\n      \"a\": [ 1,2 ,3 ]," UNIT_SET_MEMBER("\n", "  ")
     "  \n\n}\n\n\n"},
    /* CRLF, tabs */
    {"{\r\n\t\"model\": \"opus\",\r\n\t\"s\": \"caf\xc3\xa9 \\u00e9 } ] , \\\"\"\r\n}\r\n",
     "{\r\n\t\"model\": \"opus\",\r\n\t\"s\": \"caf\xc3\xa9 \\u00e9 } ] , \\\"\","
     UNIT_SET_MEMBER("\r\n", "\t") "\r\n}\r\n"},
    {"{\n    \"model\": \"opus\"\n}", "{\n    \"model\": \"opus\"," UNIT_SET_MEMBER("\n", "    ")
                                     "\n}"},
    /* hooks there, empty and not */
    {"{\n  \"hooks\": {},\n  \"z\": 1e400\n}\n",
     "{" UNIT_SET_MEMBER("\n", "  ") ",\n  \"z\": 1e400\n}\n"},
    {"{\n  \"hooks\": {\n  },\n  \"z\": 1\n}\n",
     "{" UNIT_SET_MEMBER("\n", "  ") ",\n  \"z\": 1\n}\n"},
    {"{\n  \"hooks\": {\n    \"Stop\": [\n      {\n        \"hooks\": [ { \"type\":\"command\", "
     "\"command\":\"say done\" } ]\n      }\n    ]\n  },\n  \"z\": 1\n}\n",
     "{\n  \"hooks\": {\n    \"Stop\": [\n      {\n        \"hooks\": [ { \"type\":\"command\", "
     "\"command\":\"say done\" } ]\n      }," UNIT_SET_LINES("\n", "  ", "      ") "\n    ],"
     UNIT_SET_EVENTS_BUT_STOP("\n", "  ") "," UNIT_SET_EVENT("\n", "  ", "SessionEnd")
     "\n  },\n  \"z\": 1\n}\n"},
    {"{\n  \"hooks\": {\n    \"PreToolUse\": [],\n    \"Stop\": []\n  }\n}\n",
     "{\n  \"hooks\": {\n    \"PreToolUse\": []," UNIT_SET_EVENT("\n", "  ", "Stop") ","
     UNIT_SET_EVENTS_BUT_STOP("\n", "  ") "," UNIT_SET_EVENT("\n", "  ", "SessionEnd")
     "\n  }\n}\n"},
    /* a line of its own in a file of lines */
    {"{\n  \"hooks\": {\"Stop\": [{\"hooks\": []}], \"SessionEnd\": [7, \"x\", {}]}\n}\n",
     "{\n  \"hooks\": {\"Stop\": [{\"hooks\": []}, " UNIT_SET_SPACED
     "], \"SessionEnd\": [7, \"x\", {}, " UNIT_SET_SPACED "], \"SessionStart\": ["
     UNIT_SET_SPACED "], \"UserPromptSubmit\": [" UNIT_SET_SPACED "], \"PermissionRequest\": ["
     UNIT_SET_SPACED "], \"Notification\": [" UNIT_SET_SPACED "]}\n}\n"},
    /* minified */
    {"{\"a\":1,\"hooks\":{\"Stop\":[]}}",
     "{\"a\":1,\"hooks\":{\"Stop\":[" UNIT_SET_COMPACT("5") "],\"SessionStart\":["
     UNIT_SET_COMPACT("5") "],\"UserPromptSubmit\":[" UNIT_SET_COMPACT("5")
     "],\"PermissionRequest\":[" UNIT_SET_COMPACT("5") "],\"Notification\":["
     UNIT_SET_COMPACT("5") "],\"SessionEnd\":[" UNIT_SET_COMPACT("5") "]}}"},
    {"{\"a\":1}",
     "{\"a\":1,\"hooks\":{\"SessionStart\":[" UNIT_SET_COMPACT("5") "],\"UserPromptSubmit\":["
     UNIT_SET_COMPACT("5") "],\"PermissionRequest\":[" UNIT_SET_COMPACT("5")
     "],\"Notification\":[" UNIT_SET_COMPACT("5") "],\"Stop\":[" UNIT_SET_COMPACT("5")
     "],\"SessionEnd\":[" UNIT_SET_COMPACT("5") "]}}"},
};

static void unit_settings_json(void)
{
    test_begin("hooks are inserted into settings as the file is laid out");
    for (size_t i = 0; i < COUNT_OF(unit_settings_files); i++) {
        unit_settings_write(".claude/settings.json", unit_settings_files[i].before);
        unit_settings_install("claude", 0, 1, "put in:\n{");
        unit_settings_check_file(".claude/settings.json", unit_settings_files[i].before);
        unit_settings_install("claude", 1, 1, "added:\n{");
        unit_settings_check_file(".claude/settings.json", unit_settings_files[i].after);
        unit_settings_install("claude", 1, 0, "already");
        unit_settings_check_file(".claude/settings.json", unit_settings_files[i].after);
    }
    CHECK_INT(unit_settings_leftovers(".claude"), 1);
}

/* One event's hook taken out of a complete file comes back, and nothing else. */
static void unit_settings_json_partly(void)
{
    test_begin("only hooks that are missing are added");
    static const char lacking[] = "{\n  \"hooks\": {" UNIT_SET_EVENTS_BUT_STOP("\n", "  ") ","
                                  UNIT_SET_EVENT("\n", "  ", "SessionEnd") "\n  }\n}\n";
    buf report = {0}, error = {0};
    unit_settings_write(".claude/settings.json", lacking);
    CHECK_INT(unit_settings_run("claude", SETTINGS_ADD, &report, &error), 1);
    CHECK(unit_settings_contains(&report, "\"Stop\""));
    CHECK(!unit_settings_contains(&report, "\"SessionEnd\""));
    unit_settings_check_file(".claude/settings.json",
                         "{\n  \"hooks\": {" UNIT_SET_EVENTS_BUT_STOP("\n", "  ") ","
                         UNIT_SET_EVENT("\n", "  ", "SessionEnd") ","
                         UNIT_SET_EVENT("\n", "  ", "Stop") "\n  }\n}\n");
    buf_free(&report);
    buf_free(&error);
}

static void unit_settings_json_refused(void)
{
    test_begin("settings that can not be extended are left as they are");
    static const char *const files[][2] = {
        {"{\n  // theme\n  \"a\": 1 1\n}\n", ":3: not valid JSON"},
        {"{\n  \"a\": 1 /* one */\n /*", "ends too early"},
        {"{\n  \"a\": 1\n", "ends too early"},
        {"{\"a\": 1,, }", "not valid JSON"},
        {"{\"a\": 1} x", "not valid JSON"},
        {"{\"a\": \"// }", "ends too early"},
        {"[]", "no JSON object"},
        {"null", "no JSON object"},
        {"{\"hooks\": []}", "\"hooks\" is not an object"},
        {"{\"hooks\": {\"Stop\": {}}}", "\"Stop\" is not a list"},
    };
    for (size_t i = 0; i < COUNT_OF(files); i++)
        for (int write = 0; write < 2; write++) {
            unit_settings_write(".claude/settings.json", files[i][0]);
            unit_settings_install("claude", write, -1, files[i][1]);
            unit_settings_check_file(".claude/settings.json", files[i][0]);
        }
    CHECK_INT(unit_settings_leftovers(".claude"), 1);
}

static void unit_settings_gemini(void)
{
    test_begin("Gemini CLI gets its own events");
    static const char fresh[] =
        "{\"ui\":{},\"hooks\":{\"SessionStart\":[" UNIT_SET_COMPACT("5000")
        "],\"BeforeAgent\":[" UNIT_SET_COMPACT("5000") "],\"Notification\":["
        UNIT_SET_COMPACT("5000") "],\"AfterTool\":[" UNIT_SET_COMPACT("5000")
        "],\"PreCompress\":[" UNIT_SET_COMPACT("5000")
        "],\"AfterAgent\":[" UNIT_SET_COMPACT("5000")
        "],\"SessionEnd\":[" UNIT_SET_COMPACT("5000") "]}}";
    unit_settings_write(".gemini/settings.json", "{\"ui\":{}}");
    unit_settings_install("gemini", 1, 1, "Gemini CLI");
    unit_settings_check_file(".gemini/settings.json", fresh);
    unit_settings_install("gemini", 1, 0, "already");
    setenv("GEMINI_CLI_HOME", unit_settings_path("elsewhere"), 1);
    unit_settings_write("elsewhere/.gemini/settings.json", "{\"ui\":{}}");
    unit_settings_install("gemini", 1, 1, "elsewhere/.gemini/settings.json");
    unit_settings_check_file("elsewhere/.gemini/settings.json", fresh);
    unsetenv("GEMINI_CLI_HOME");
}

/* Installs into `before`, then uninstalls. */
static int unit_settings_is_there(const char *name)
{
    return access(unit_settings_path(name), F_OK) == 0;
}

static void unit_settings_leave_nothing(void)
{
    test_begin("uninstalling leaves no file and no directory that installing has made");
    unit_settings_install("codex", SETTINGS_ADD, 1, "added");
    unit_settings_install("opencode", SETTINGS_ADD, 1, "added");
    CHECK(unit_settings_is_there(".codex/hooks.json"));
    CHECK(unit_settings_is_there(".config/opencode/plugins/telec.js"));
    unit_settings_install("codex", SETTINGS_REMOVE, 1, "no longer reports");
    unit_settings_install("opencode", SETTINGS_REMOVE, 1, "no longer reports");
    CHECK(!unit_settings_is_there(".codex") && !unit_settings_is_there(".config"));
    CHECK(unit_settings_is_there(""));
    test_begin("but the user's own, though they are as empty");
    CHECK(mkdir(unit_settings_path(".codex"), 0755) == 0);
    unit_settings_write(".codex/hooks.json", "{}\n");
    CHECK(mkdir(unit_settings_path(".config"), 0755) == 0);
    unit_settings_install("codex", SETTINGS_ADD, 1, "added");
    unit_settings_install("opencode", SETTINGS_ADD, 1, "added");
    unit_settings_install("codex", SETTINGS_REMOVE, 1, "no longer reports");
    unit_settings_install("opencode", SETTINGS_REMOVE, 1, "no longer reports");
    unit_settings_check_file(".codex/hooks.json", "{}\n");
    CHECK(unit_settings_is_there(".config") && !unit_settings_is_there(".config/opencode"));
    unlink(unit_settings_path(".codex/hooks.json"));
    CHECK(rmdir(unit_settings_path(".codex")) == 0 && rmdir(unit_settings_path(".config")) == 0);
}

static void unit_settings_commented(void)
{
    test_begin("comments, trailing commas, null and a byte order mark are understood, and stay");
    static const char *const files[][2] = {
        {"\xef\xbb\xbf{} // end", NULL},
        {"{\n  // theme\n  \"a\": 1, // one\n}\n", NULL},
        {"{\n  \"a\": \"// no comment /*\" /* one */\n}\n", NULL},
        {"{\"hooks\": null, \"a\": [1, 2,],}", "{\"a\": [1, 2,],}"},
        {"{\"a\": 1, \"hooks\": {\"Stop\": null}}", "{\"a\": 1}"},
        {"{\"hooks\": {\n  \"Stop\": [ /* mine */ {\"hooks\": [{\"command\": \"x hook\"}]} ]}}",
         NULL},
    };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct settings_text t = {0};
        unit_settings_write(".claude/settings.json", files[i][0]);
        unit_settings_install("claude", SETTINGS_ADD, 1, "added");
        CHECK_INT(os_read_file(&t.text, unit_settings_path(".claude/settings.json"), 1 << 20), 0);
        CHECK_INT(settings_parse(&t), PARSE_DONE);
        CHECK_INT(t.blank.n, t.text.n);
        CHECK_INT(settings_count(json_get(t.root, "hooks")), 6);
        unit_settings_install("claude", SETTINGS_ADD, 0, "already");
        unit_settings_install("claude", SETTINGS_REMOVE, 1, "no longer reports");
        unit_settings_check_file(".claude/settings.json", files[i][1] ? files[i][1] : files[i][0]);
        unit_settings_install("claude", SETTINGS_REMOVE, 0, "nothing to remove");
        buf_free(&t.text);
        buf_free(&t.blank);
    }
}

#define UNIT_SET_OWN(program) \
    "{\"hooks\":[{\"type\":\"command\",\"command\":\"" program " hook\"}]}"

/* Whatever telec has left there, one hook of each event remains, and nothing else changes. */
static void unit_settings_replaced(void)
{
    test_begin("hooks of a telec of another path, doubled ones, some with a matcher are replaced");
    static const char *const files[] = {
        "{\"hooks\":{\"Stop\":[" UNIT_SET_OWN("/old/telec") "]},\"a\":1}",
        "{\"hooks\":{\"Stop\":[" UNIT_SET_OWN("/old/telec") "," UNIT_SET_OWN("/x/telec-2")
        "]},\"a\":1}",
        "{\"hooks\":{\"Stop\":[" UNIT_SET_COMPACT("5") "," UNIT_SET_COMPACT("5")
        "]},\"a\":1}",
        "{\"hooks\":{\"PreToolUse\":[{\"matcher\":\"Bash\",\"hooks\":[{\"type\":\"command\","
        "\"command\":\"" UNIT_SET_COMMAND "\"}]}]},\"a\":1}",
        "{\"hooks\":{\"Stop\":[{\"matcher\":\"Bash\",\"hooks\":[{\"type\":\"command\","
        "\"command\":\"" UNIT_SET_COMMAND "\"}]}]},\"a\":1}",
    };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        unit_settings_write(".claude/settings.json", files[i]);
        unit_settings_install("claude", SETTINGS_ADD, 1, "added");
        unit_settings_check_file(
            ".claude/settings.json",
            "{\"a\":1,\"hooks\":{\"SessionStart\":[" UNIT_SET_COMPACT("5")
            "],\"UserPromptSubmit\":[" UNIT_SET_COMPACT("5") "],\"PermissionRequest\":["
            UNIT_SET_COMPACT("5") "],\"Notification\":[" UNIT_SET_COMPACT("5") "],\"Stop\":["
            UNIT_SET_COMPACT("5") "],\"SessionEnd\":[" UNIT_SET_COMPACT("5") "]}}");
        unit_settings_install("claude", SETTINGS_REMOVE, 1, "no longer");
        unit_settings_check_file(".claude/settings.json", "{\"a\":1}");
    }
    unit_settings_write(".claude/settings.json", "{\"disableAllHooks\": true}");
    unit_settings_install("claude", SETTINGS_ADD, 1, "\"disableAllHooks\" is true");
    unit_settings_install("claude", SETTINGS_ADD, 0, "no hook runs until that changes");
}

static void unit_settings_kinds(void)
{
    test_begin("Codex, copilot and opencode get hooks in files of their own kinds");
    struct settings_text t = {0};
    unit_settings_install("copilot", SETTINGS_ADD, 1, "Copilot");
    CHECK_INT(os_read_file(&t.text, unit_settings_path(".copilot/settings.json"), 1 << 20), 0);
    CHECK_INT(settings_parse(&t), PARSE_DONE);
    struct json_iter it = json_iter(json_get(json_get(t.root, "hooks"), "Stop"));
    CHECK(json_next(&it) && json_text_eq(json_get(it.value, "command"), UNIT_SET_COMMAND));
    unit_settings_install("copilot", SETTINGS_ADD, 0, "already");
    unit_settings_install("codex", SETTINGS_ADD, 1, "only after you have trusted them");
    unit_settings_install("codex", SETTINGS_ADD, 0, "already");
    unit_settings_install("opencode", SETTINGS_ADD, 1, "hook_event_name");
    unit_settings_install("opencode", SETTINGS_ADD, 0, "already");
    unit_settings_write(".config/opencode/plugins/telec.js", "// telec: an older one\n");
    unit_settings_install("opencode", SETTINGS_ADD, 1, "added");
    unit_settings_install("opencode", SETTINGS_REMOVE, 1, "no longer");
    CHECK(access(unit_settings_path(".config/opencode/plugins/telec.js"), F_OK) != 0);
    unit_settings_install("opencode", SETTINGS_REMOVE, 0, "nothing to remove");
    mkdir(unit_settings_path(".config"), 0700);
    mkdir(unit_settings_path(".config/opencode"), 0700);
    mkdir(unit_settings_path(".config/opencode/plugins"), 0700);
    unit_settings_write(".config/opencode/plugins/telec.js", "export const Mine = 1\n");
    unit_settings_install("opencode", SETTINGS_ADD, -1, "is not telec's");
    unit_settings_install("opencode", SETTINGS_REMOVE, 0, "nothing to remove");
    unit_settings_check_file(".config/opencode/plugins/telec.js", "export const Mine = 1\n");
    buf_free(&t.text);
    buf_free(&t.blank);
}

/* Codex's notify of earlier versions goes; every other line, and another program's notify, stay. */
static void unit_settings_notify(void)
{
    test_begin("installing Codex's hooks removes telec's own notify, and nothing else");
    static const char *const files[][2] = {
        {"", NULL},
        {"\"notify\"=['/opt/te lec/telec','hook',]", ""},
        {"x = 1\n  notify = [\n\t\"/old/telec\",\n\t\"hook\"\n] # telec\n[a]\n", "x = 1\n  [a]\n"},
        {"model = \"o3\" # best\r\nnotify = [\"/t/telec\", \"hook\"]\r\n\r\n[tui]\r\n",
         "model = \"o3\" # best\r\n\r\n[tui]\r\n"},
        {"model = 1\nnotify = [\"notify-send\", \"Codex\"]\n", NULL},
        {"notify = []\n", NULL},
        {"notify = [\"/opt/te lec/telec\", \"hook\", \"x\"]\n", NULL},
        {"notify = [\"/opt/other/tool\", \"hook\"]\n", NULL},
        {"notify = \"/opt/te lec/telec\"\n", NULL},
        {"[tui]\nnotify = [\"/t/telec\", \"hook\"]\n", NULL},
        {"a = \"\"\"\nnotify = [\"/t/telec\", \"hook\"]\n\"\"\"\n", NULL},
        {"a = \"\nnotify = [\"/t/telec\", \"hook\"]\n", NULL},
        {"a = 1]\nnotify = [\"/t/telec\", \"hook\"]\n", NULL},
        {"just words\nnotify = [\"/t/telec\", \"hook\"]\n", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        unlink(unit_settings_path(".codex/hooks.json"));
        unit_settings_write(".codex/config.toml", files[i][0]);
        unit_settings_install("codex", SETTINGS_SHOW, 1, "put in:\n{");
        unit_settings_check_file(".codex/config.toml", files[i][0]);
        unit_settings_install("codex", SETTINGS_ADD, 1, "added:\n{");
        unit_settings_check_file(".codex/config.toml", files[i][1] ? files[i][1] : files[i][0]);
    }
    CHECK_INT(unit_settings_leftovers(".codex"), 2);
}

/* No text at all makes the scanner run past its end or loop. */
static void unit_settings_toml_cut(void)
{
    test_begin("a config.toml that is cut off is never read past its end");
    static const char text[] = "a = \"\"\"x\\\"\"\"\"\"\nb = '''y'''''\n'c'.\"d\" = [ # e\n"
                               "{ f = 1 }, ]\n[[g]]\n\xff = \"\\";
    for (size_t from = 0; from < sizeof text - 1; from++)
        for (size_t to = from; to < sizeof text; to++) {
            char *copy = guard_copy((span){text + from, to - from});
            span rest = {copy, to - from};
            struct settings_statement st;
            size_t before = rest.n + 1;
            while (rest.n < before && (before = rest.n, settings_toml_next(&rest, &st) ==
                PARSE_DONE))
                CHECK(rest.n < before);
            guard_free(copy, to - from);
        }
}

static mode_t unit_settings_mode(const char *name)
{
    struct stat st;
    CHECK_INT(lstat(unit_settings_path(name), &st), 0);
    return st.st_mode;
}

static void unit_settings_file_care(void)
{
    test_begin("the settings file keeps its rights, links and bytes");
    /* no file, no directory: made, for the user's eyes only */
    unlink(unit_settings_path(".claude/settings.json"));
    rmdir(unit_settings_path(".claude"));
    unit_settings_install("claude", 0, 1, ".claude/settings.json: for Claude");
    CHECK(access(unit_settings_path(".claude"), F_OK) != 0);
    unit_settings_install("claude", 1, 1, "added");
    unit_settings_check_file(".claude/settings.json", "{" UNIT_SET_MEMBER("\n", "  ") "\n}\n");
    CHECK_INT(unit_settings_mode(".claude") & 07777, 0700);
    CHECK_INT(unit_settings_mode(".claude/settings.json") & 07777, 0600);
    /* the mode stays */
    unit_settings_write(".claude/settings.json", "");
    chmod(unit_settings_path(".claude/settings.json"), 0640);
    unit_settings_install("claude", 1, 1, "added");
    CHECK_INT(unit_settings_mode(".claude/settings.json") & 07777, 0640);
    /* a link stays a link, and its target is what changes, in its own directory */
    unit_settings_write("elsewhere/real.json", "{}\n");
    unlink(unit_settings_path(".claude/settings.json"));
    CHECK_INT(symlink("../elsewhere/link.json", unit_settings_path(".claude/settings.json")), 0);
    CHECK_INT(symlink("real.json", unit_settings_path("elsewhere/link.json")), 0);
    unit_settings_install("claude", 1, 1, ".claude/settings.json: Claude");
    CHECK(S_ISLNK(unit_settings_mode(".claude/settings.json")));
    CHECK(S_ISLNK(unit_settings_mode("elsewhere/link.json")));
    CHECK(S_ISREG(unit_settings_mode("elsewhere/real.json")));
    unit_settings_check_file("elsewhere/real.json", "{" UNIT_SET_MEMBER("\n", "  ") "\n}\n");
    /* a link to nowhere, a directory, a file too large */
    unlink(unit_settings_path("elsewhere/real.json"));
    unit_settings_install("claude", 1, -1, ": No such file");
    unlink(unit_settings_path(".claude/settings.json"));
    unlink(unit_settings_path("elsewhere/link.json"));
    mkdir(unit_settings_path(".claude/settings.json"), 0700);
    unit_settings_install("claude", 1, -1, ": not a file");
    rmdir(unit_settings_path(".claude/settings.json"));
    unit_settings_write(".claude/settings.json", "{}\n");
    CHECK_INT(truncate(unit_settings_path(".claude/settings.json"), SETTINGS_FILE_MAX + 1), 0);
    unit_settings_install("claude", 1, -1, ": File too large");
    unit_settings_write(".claude/settings.json", "{}\n");
    /* root may write everywhere */
    if (geteuid() != 0) {
        chmod(unit_settings_path(".claude"), 0500);
        unit_settings_install("claude", 1, -1, ": cannot be replaced: Permission denied");
        chmod(unit_settings_path(".claude"), 0700);
        chmod(unit_settings_path(".claude/settings.json"), 0400);
        unit_settings_install("claude", 1, -1, ": cannot be written: Permission denied");
        chmod(unit_settings_path(".claude/settings.json"), 0600);
    }
    unit_settings_check_file(".claude/settings.json", "{}\n");
    CHECK_INT(unit_settings_leftovers(".claude"), 1);
    setenv("CLAUDE_CONFIG_DIR", unit_settings_path(".claude/settings.json/place"), 1);
    unit_settings_install("claude", 1, -1, ": Not a directory");
    unsetenv("CLAUDE_CONFIG_DIR");
}

/* Somebody writes the file between reading and replacing it. */
static void unit_settings_race(void)
{
    test_begin("a file that changed in the meantime is not overwritten");
    buf error = {0};
    struct settings_job job = {.agent = agents_find("claude"), .program = "/t", .error = &error};
    job.path = span_dup(span_of(unit_settings_path(".claude/settings.json")));
    unit_settings_write(".claude/settings.json", "x = 1\n");
    CHECK_INT(settings_load(&job), 0);
    buf_str(&job.after.text, "ours\n");
    unit_settings_write(".claude/settings.json", "x = 2\n");
    CHECK_INT(settings_store(&job), -1);
    CHECK(unit_settings_contains(&error, "changed in the meantime"));
    unit_settings_check_file(".claude/settings.json", "x = 2\n");
    CHECK_INT(unit_settings_leftovers(".claude"), 1);
    unit_settings_write(".claude/settings.json", "x = 1\n");
    buf_clear(&error);
    CHECK_INT(settings_store(&job), 0);
    unit_settings_check_file(".claude/settings.json", "ours\n");
    free(job.path);
    free(job.target);
    buf_free(&job.before);
    buf_free(&job.after.text);
    buf_free(&error);
}

/* A program's path full of what JSON, TOML and shells quote comes back as it was. */
static void unit_settings_quoting(void)
{
    test_begin("the program path is quoted in every format");
    static const char program[] = "/a'b\"c\\d e\tf$g;\xc3\xa9/telec";
    buf report = {0}, error = {0}, text = {0};
    struct json root;
    unit_settings_write(".claude/settings.json", "{}");
    CHECK_INT(settings_install("claude", unit_settings_home, program, SETTINGS_ADD, &report,
        &error), 1);
    CHECK_INT(settings_install("claude", unit_settings_home, program, SETTINGS_ADD, &report,
        &error), 0);
    os_read_file(&text, unit_settings_path(".claude/settings.json"), 1 << 20);
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

static void unit_settings_refused(void)
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
        CHECK_INT(settings_install(calls[i].agent, calls[i].home, calls[i].program, SETTINGS_ADD,
            &report, &error),
                  -1);
        CHECK(unit_settings_contains(&error, calls[i].said));
        buf_free(&report);
        buf_free(&error);
    }
}

static void unit_settings(void)
{
    static const char *const variables[] = {"CLAUDE_CONFIG_DIR", "GEMINI_CLI_HOME", "CODEX_HOME",
                                            "COPILOT_HOME", "XDG_CONFIG_HOME"};
    static const char *const names[] = {
        ".claude/settings.json", ".claude", ".gemini/settings.json", ".gemini",
        ".codex/config.toml", ".codex/hooks.json", ".codex", ".copilot/settings.json", ".copilot",
        ".config/opencode/plugins/telec.js", ".config/opencode/plugins", ".config/opencode",
        ".config", "elsewhere/.gemini/settings.json",
        "elsewhere/.gemini",     "elsewhere"};
    char *saved[COUNT_OF(variables)];
    for (size_t i = 0; i < COUNT_OF(variables); i++) {
        saved[i] = span_dup(span_of(getenv(variables[i])));
        unsetenv(variables[i]);
    }
    CHECK(mkdtemp(unit_settings_home) != NULL);
    unit_settings_leave_nothing();
    for (size_t i = COUNT_OF(names); i-- > 0;)
        if (!strstr(names[i], ".js") && !strstr(names[i], "config.toml"))
            CHECK_INT(mkdir(unit_settings_path(names[i]), 0700), 0);
    unit_settings_json();
    unit_settings_json_partly();
    unit_settings_json_refused();
    unit_settings_gemini();
    unit_settings_commented();
    unit_settings_replaced();
    unit_settings_kinds();
    unit_settings_notify();
    unit_settings_toml_cut();
    unit_settings_file_care();
    unit_settings_race();
    unit_settings_quoting();
    unit_settings_refused();
    for (size_t i = 0; i < COUNT_OF(names); i++)
        remove(unit_settings_path(names[i]));
    CHECK_INT(rmdir(unit_settings_home), 0);
    for (size_t i = 0; i < COUNT_OF(variables); i++) {
        if (*saved[i])
            setenv(variables[i], saved[i], 1);
        free(saved[i]);
    }
}
