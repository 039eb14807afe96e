/* Unit tests of guide and mcp: what agents are told, and what becomes of their messages. */

static void unit_mcp_guide(void)
{
    int lines = 0;
    test_begin("an agent reads of telec in 60 lines");
    for (span rest = span_of(guide_text); rest.n; lines++) {
        span line = span_cut(&rest, '\n');
        CHECK(line.n <= 100);
    }
    CHECK(lines <= 60);
    test_begin("every tool runs a command of the CLI, and its schema is JSON");
    for (size_t i = 0; guide_tool(i); i++) {
        const struct guide_tool *tool = guide_tool(i);
        struct json schema = {0};
        buf b = {0};
        size_t known = 0, n = strcspn(tool->command, " ");
        for (size_t k = 0; k < COUNT_OF(cli_commands); k++)
            known += strncmp(cli_commands[k].name, tool->command, n) == 0 &&
                     !cli_commands[k].name[n];
        CHECK_INT(known, 1);
        guide_put_tool(&b, tool);
        CHECK_INT(json_parse(buf_view(&b), &schema, NULL, NULL), PARSE_DONE);
        struct json_iter required =
            json_iter(json_get(json_get(schema, "inputSchema"), "required"));
        while (json_next(&required)) {
            char *name = json_dup_text(required.value);
            CHECK(json_is(json_get(json_get(schema, "inputSchema"), "properties"), name,
                          JSON_OBJECT));
            free(name);
        }
        buf_free(&b);
    }
}

static void unit_mcp_lines(void)
{
    static const struct {
        const char *tool, *given, *line; /* line NULL: `wrong` is missing or wrong */
        const char *wrong;
    } calls[] = {
        {"list", "{}", "list --json", NULL},
        {"list", "{\"computer\":\"a b\"}", "list --json --computer 'a b'", NULL},
        {"send", "{\"id\":\"x\",\"text\":\"it's; rm -rf /\\n-x\",\"force\":false}",
         "send -- x 'it'\\''s; rm -rf /\n-x'", NULL},
        {"send", "{\"id\":\"x\",\"text\":\"t\",\"force\":true}", "send --force -- x t", NULL},
        {"send", "{\"id\":\"--force\",\"text\":\"t\"}", "send -- --force t", NULL},
        {"send", "{\"id\":\"x\"}", NULL, "text"},
        {"send", "{\"id\":\"x\",\"text\":{}}", NULL, "text"},
        {"start", "{\"command\":[\"sh\",\"-c\",\"a b\"]}", "new -- sh -c 'a b'", NULL},
        {"start", "{\"agent\":\"claude\",\"prompt\":\"go\"}", "new --agent claude --prompt go --",
         NULL},
        {"wait", "{\"id\":\"x\",\"timeout\":5}", "wait --timeout 50 --timeout 5 -- x", NULL},
        {"answer", "{\"id\":\"x\",\"answer\":\"1\"}", "answer -- x 1", NULL},
        {"answer", "{\"answer\":\"1\"}", NULL, "id"},
    };
    test_begin("a call becomes a command line whose words are the parameters, whatever they hold");
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        const struct guide_tool *tool = NULL;
        struct json given = {0};
        buf line = {0};
        span name = {0};
        for (size_t k = 0; (tool = guide_tool(k)) && strcmp(tool->name, calls[i].tool) != 0; k++)
            ;
        CHECK_INT(json_parse(span_of(calls[i].given), &given, NULL, NULL), PARSE_DONE);
        CHECK_INT(mcp_put_line(&line, tool, given, &name), calls[i].line ? 0 : -1);
        if (calls[i].line)
            CHECK_SPAN(buf_view(&line), calls[i].line);
        else
            CHECK(span_starts(name, calls[i].wrong));
        buf_free(&line);
    }
}

/* Hands a message to the server and returns what it writes. */
static void unit_mcp_ask(struct mcp *m, const char *line, buf *said)
{
    int out[2], saved = dup(1);
    char bytes[65536];
    buf_clear(said);
    fflush(stdout);
    CHECK_INT(pipe(out), 0);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    dup2(out[1], 1);
    mcp_handle_line(m, span_of(line));
    dup2(saved, 1);
    ssize_t n = read(out[0], bytes, sizeof bytes);
    if (n > 0)
        buf_add(said, bytes, (size_t)n);
    buf_cstr(said);
    close(saved), close(out[0]), close(out[1]);
}

static void unit_mcp_messages(void)
{
    static const struct {
        const char *line, *has; /* has "": no response */
    } messages[] = {
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":"
         "\"2025-11-25\"}}", "{\"protocolVersion\":\"2025-11-25\""},
        {"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", "-32600"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":"
         "\"1\"}}", "{\"protocolVersion\":\"2025-06-18\""},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":"
         "\"2025-03-26\"}}", "{\"protocolVersion\":\"2025-03-26\""},
        {"[{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"ping\"}]",
         "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"result\":{}}"},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}", ""},
        {"{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}", ""},
        {"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\"}", "\"name\":\"answer\""},
        {"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"resources/list\"}", "-32601"},
        {"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/call\",\"params\":{\"name\":\"no\"}}",
         "-32602"},
        {"{", "-32700"},
        {"7", "-32600"},
    };
    struct mcp m = {.version = MCP_PROPOSED};
    buf said = {0};
    test_begin("messages of the protocol get the responses that each version knows");
    CHECK(pipe(m.right) == 0 && write(m.right[1], "x", 1) == 1);
    for (size_t i = 0; i < COUNT_OF(messages); i++) {
        unit_mcp_ask(&m, messages[i].line, &said);
        CHECK(messages[i].has[0] ? strstr(said.p, messages[i].has) != NULL : said.n == 0);
        if (messages[i].has[0] && !strstr(said.p, messages[i].has))
            printf("#   %s: %s\n", messages[i].line, said.p);
    }
    close(m.right[0]), close(m.right[1]);
    buf_free(&said);
}

static void unit_mcp_calls(void)
{
    struct config config = {.program = (char *)"/bin/echo"};
    struct mcp m = {.version = MCP_PROPOSED, .config = &config};
    buf said = {0};
    int out[2], saved = dup(1);
    struct pollfd in;
    test_begin("a call runs the CLI and answers with what it printed; one is cancelled");
    CHECK(pipe(m.right) == 0 && write(m.right[1], "x", 1) == 1);
    CHECK_INT(pipe(out), 0);
    fflush(stdout);
    dup2(out[1], 1);
    mcp_handle_line(&m, span_of("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\","
                                "\"params\":{\"name\":\"read\",\"arguments\":{\"id\":\"abc\"}}}"));
    dup2(saved, 1);
    in = (struct pollfd){.fd = out[0], .events = POLLIN};
    CHECK_INT(poll(&in, 1, 20000), 1);
    buf_reserve(&said, 4096);
    ssize_t n = read(out[0], said.p, 4095);
    said.n = n > 0 ? (size_t)n : 0;
    CHECK(strstr(buf_cstr(&said), "\"id\":7,\"result\":{\"content\":[{\"type\":\"text\",\"text\":"
                                  "\"tail") != NULL);
    CHECK(strstr(said.p, "\"isError\":false}") != NULL);
    CHECK_INT(waitpid(m.calls[0].pid, NULL, 0), m.calls[0].pid);
    m.calls[0].pid = 0;
    config.program = (char *)"/bin/cat"; /* it would wait, but its stdin is empty */
    read(m.right[0], said.p, 1);         /* nobody may answer now: the call hangs */
    mcp_handle_line(&m, span_of("{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"tools/call\","
                                "\"params\":{\"name\":\"read\",\"arguments\":{\"id\":\"abc\"}}}"));
    pid_t pid = m.calls[0].pid;
    int status = 0;
    for (int i = 1; i < MCP_CALLS_MAX; i++)
        m.calls[i].pid = pid; /* as if so many ran */
    write(m.right[1], "x", 1);
    fflush(stdout);
    dup2(out[1], 1);
    mcp_handle_line(&m, span_of("{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"tools/call\","
                                "\"params\":{\"name\":\"read\",\"arguments\":{\"id\":\"abc\"}}}"));
    dup2(saved, 1);
    for (int i = 1; i < MCP_CALLS_MAX; i++)
        m.calls[i].pid = 0;
    n = read(out[0], said.p, 4095);
    said.n = n > 0 ? (size_t)n : 0;
    CHECK(strstr(buf_cstr(&said), "\"id\":9,\"error\"") && strstr(said.p, "too many calls"));
    mcp_handle_line(&m, span_of("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
                                "\"params\":{\"requestId\":8}}"));
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status));
    close(m.right[0]), close(m.right[1]), close(out[0]), close(out[1]), close(saved);
    free(m.calls[0].id);
    buf_free(&said);
}

static void unit_mcp_hint(void)
{
    char dir[64], *home = getenv("HOME") ? span_dup(span_of(getenv("HOME"))) : NULL;
    struct config config = {.program = (char *)"/bin/telec"};
    CHECK(mkdtemp(unit_base_temporary(dir)) != NULL);
    config.state = dir;
    setenv("HOME", dir, 1);
    unsetenv("CLAUDE_CONFIG_DIR");
    test_begin("that an agent does not report is said once, and not of one that can't");
    setenv("TELEC_NO_HINTS", "1", 1);
    CHECK_INT(hints_is_due(&config, "claude"), 0);
    unsetenv("TELEC_NO_HINTS");
    CHECK_INT(hints_is_due(&config, "claude"), 1);
    CHECK_INT(hints_is_due(&config, "claude"), 0);
    CHECK_INT(hints_is_due(&config, "shell"), 0);
    CHECK_INT(hints_is_due(&config, "emacs"), 0);
    char *path = store_path(dir, "hints");
    CHECK_INT(unlink(path), 0);
    config.state = (char *)"/nowhere";
    CHECK_INT(hints_is_due(&config, "claude"), 0); /* it would be said each time */
    if (home)
        setenv("HOME", home, 1);
    rmdir(dir);
    free(path), free(home);
}

static void unit_mcp_serves(void)
{
    struct unit_context u;
    test_begin("mcp answers the lines of stdin on stdout, the last one without its end, too");
    unit_context_init(&u, NULL);
    int saved = unit_context_stdin("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\","
                                   "\"params\":{\"protocolVersion\":\"2025-06-18\"}}\r\n\n"
                                   "{\"jsonrpc\":\"2.0\",\"method\":\"none\",\"id\":\"b\"}\n"
                                   "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/list\"}");
    CHECK_INT(unit_context_call(&u, "mcp"), 0);
    unit_context_stdin_back(saved);
    const char *second = strchr(buf_cstr(&u.out), '\n'), *third = strchr(second + 1, '\n');
    CHECK(strstr(u.out.p, "\"id\":1") && strstr(u.out.p, "serverInfo") < second);
    CHECK(strstr(second, "\"id\":\"b\"") && strstr(second, "\"error\"") < third);
    CHECK(strstr(third, "\"tools\"") != NULL);
    test_begin("a message that is too long ends mcp, which says so");
    buf line = {0};
    while (line.n <= MCP_LINE_MAX)
        buf_str(&line, "    ");
    char *file = store_path(u.dir, "line");
    int fd = open(file, O_RDWR | O_CREAT, 0600);
    saved = dup(0);
    CHECK(base_write(fd, buf_view(&line)) == 0 && lseek(fd, 0, SEEK_SET) == 0 && dup2(fd, 0) == 0);
    CHECK_INT(unit_context_call(&u, "mcp"), 1);
    unit_context_stdin_back(saved);
    close(fd), unlink(file), free(file);
    CHECK(strstr(buf_cstr(&u.error), "more than 4194304 bytes") != NULL);
    buf_free(&line);
    unsetenv("TELEC_SOCKET"), unsetenv("TELEC_NO_HINTS");
    unit_context_free(&u);
}

static void unit_mcp(void)
{
    unit_mcp_guide();
    unit_mcp_lines();
    unit_mcp_messages();
    unit_mcp_calls();
    unit_mcp_hint();
    unit_mcp_serves();
}
