#include "cli.h"

/* mcp - the Model Context Protocol on stdin and stdout: sessions as an agent's tools.
 *
 * A message is a line of JSON-RPC 2.0. Each tool is a command of the CLI: its rules, output and
 * exit status are the tool's. A call is a child process that runs the command and writes the
 * response; so calls run beside each other, and to cancel one is to end a process. A byte in a pipe
 * is the right to write. Of the protocol there are life cycle, ping, tools and cancellation; what
 * differs here between the versions is batches, until 2025-03-26. */

#define MCP_LINE_MAX (4 << 20)   /* bytes of a message */
#define MCP_OUTPUT_MAX (4 << 20) /* bytes of a command's output; more is omitted */
#define MCP_CALLS_MAX 32         /* at a time */
#define MCP_DRAIN_S 5            /* for the calls that run when stdin ends */

static const char *const mcp_versions[] = {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"};
enum { MCP_BATCHES_UNTIL = 1, MCP_PROPOSED = 2 };

/* ---- messages ------------------------------------------------------------------------------- */

struct mcp {
    const struct config *config;
    int version;  /* index in mcp_versions */
    int right[2]; /* a pipe; who has read its byte may write to stdout */
    struct mcp_call {
        pid_t pid; /* 0: free */
        char *id;  /* the request's, as JSON */
    } calls[MCP_CALLS_MAX];
};

/* Writes a response: the member is "result" or "error", the value JSON. */
static void mcp_respond(struct mcp *m, span id, const char *member, span value)
{
    buf b = {0};
    char byte = 0;
    buf_str(&b, "{\"jsonrpc\":\"2.0\",\"id\":");
    buf_span(&b, id);
    buf_fmt(&b, ",\"%s\":", member);
    buf_span(&b, value);
    buf_str(&b, "}\n");
    while (read(m->right[0], &byte, 1) < 0 && errno == EINTR)
        ;
    base_write(1, buf_view(&b));
    base_write(m->right[1], (span){&byte, 1});
    buf_free(&b);
}

/* Both texts are telec's own. */
static void mcp_refuse(struct mcp *m, span id, int code, const char *why, span about)
{
    buf b = {0};
    buf_fmt(&b, "{\"code\":%d,\"message\":\"%s%.*s\"}", code, why, (int)about.n, about.p);
    mcp_respond(m, id, "error", buf_view(&b));
    buf_free(&b);
}

static void mcp_initialize(struct mcp *m, span id, struct json params)
{
    buf b = {0};
    m->version = MCP_PROPOSED;
    for (size_t i = 0; i < COUNT_OF(mcp_versions); i++)
        if (json_member_eq(params, "protocolVersion", mcp_versions[i]))
            m->version = (int)i;
    buf_fmt(&b,
            "{\"protocolVersion\":\"%s\",\"capabilities\":{\"tools\":{}},\"serverInfo\":"
            "{\"name\":\"telec\",\"version\":\"" TELEC_VERSION
            "\"},\"instructions\":\"Start agents in "
            "sessions, send them messages, wait for them, read them, answer what they ask: wait, "
            "then read, after each start and send.\"}",
            mcp_versions[m->version]);
    mcp_respond(m, id, "result", buf_view(&b));
    buf_free(&b);
}

static void mcp_list_tools(struct mcp *m, span id, struct json params)
{
    buf b = {0};
    (void)params;
    for (size_t i = 0; guide_tool(i); i++) {
        buf_str(&b, i ? "," : "{\"tools\":[");
        guide_put_tool(&b, guide_tool(i));
    }
    buf_str(&b, "]}");
    mcp_respond(m, id, "result", buf_view(&b));
    buf_free(&b);
}

/* ---- calls ---------------------------------------------------------------------------------- */

/* Appends a value as words of a command line: a string, a number or each string of a list. */
static int mcp_put_words(buf *line, struct json value)
{
    struct json_iter it = json_iter(value);
    int list = json_type(value) == JSON_ARRAY;
    for (int more = list ? json_next(&it) : 1; more; more = list && json_next(&it)) {
        struct json one = list ? it.value : value;
        char *word = json_type(one) == JSON_NUMBER ? span_dup(one.text) : json_dup_text(one);
        if (!word)
            return -1;
        buf_byte(line, ' ');
        config_put_quoted(line, word);
        free(word);
    }
    return 0;
}

/* Appends the command line of a call. Returns 0, or -1 when a parameter, *name, is wrong. */
static int mcp_put_line(buf *line, const struct guide_tool *tool, struct json given, span *name)
{
    int arguments = 0, status = 0;
    buf_str(line, tool->command);
    for (span rest = span_of(tool->params); rest.n && status == 0;) {
        char key[32];
        *name = span_cut(&rest, ' ');
        int optional = !arguments || name->p[name->n - 1] == '?';
        base_fmt(key, sizeof key, "%.*s", (int)strcspn(name->p, " ?"), name->p);
        struct json value = json_get(given, key);
        if (strcmp(key, "--") == 0) {
            arguments = 1;
            buf_str(line, " --");
        } else if (json_type(value) == JSON_NONE || json_type(value) == JSON_NULL) {
            status = optional ? 0 : -1;
        } else if (json_type(value) != JSON_FALSE) {
            if (!arguments)
                buf_fmt(line, " --%s", key);
            status = json_type(value) == JSON_TRUE && !arguments ? 0 : mcp_put_words(line, value);
        }
    }
    return status;
}

/* Runs telec with a command line; its output and messages are appended. Returns its exit status. */
static int mcp_run(const struct mcp *m, const char *line, buf *output)
{
    buf words = {0};
    int fds[2], status = 1;
    ssize_t n = 1;
    char bytes[4096];
    config_put_quoted(&words, m->config->program);
    buf_fmt(&words, " %s", line);
    char **argv = config_words(buf_view(&words));
    pid_t pid = argv && pipe(fds) == 0 ? fork() : -1;
    if (pid == 0) {
        dup2(open("/dev/null", O_RDONLY), 0), dup2(fds[1], 1), dup2(fds[1], 2);
        os_close_inherited(3);
        execv(argv[0], argv);
        _exit(127);
    }
    if (pid > 0) {
        close(fds[1]);
        while ((n = read(fds[0], bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR))
            if (n > 0 && output->n < MCP_OUTPUT_MAX)
                buf_add(output, bytes, (size_t)n);
        waitpid(pid, &status, 0);
    }
    return status; /* the process ends now: nothing is freed */
}

/* Runs in the child process of a call. */
static void mcp_do(struct mcp *m, span id, const struct guide_tool *tool, const char *line,
                   struct json given)
{
    buf output = {0}, b = {0}, then = {0};
    int status = mcp_run(m, line, &output);
    if (status == 0 && tool->then) {
        buf_fmt(&then, "%s -- ", tool->then);
        mcp_put_words(&then, json_get(given, "id"));
        status = mcp_run(m, buf_cstr(&then), &output);
    }
    buf_str(&b, "{\"content\":[{\"type\":\"text\",\"text\":");
    json_put_string(&b, span_trim(buf_view(&output), "\n"));
    buf_fmt(&b, "}],\"isError\":%s}", status ? "true" : "false");
    signal(SIGTERM, SIG_IGN); /* a cancelled call must not keep the right to write */
    mcp_respond(m, id, "result", buf_view(&b));
    _exit(0);
}

static void mcp_call_tool(struct mcp *m, span id, struct json params)
{
    const struct guide_tool *tool;
    struct mcp_call *call = m->calls;
    struct json given = json_get(params, "arguments");
    buf line = {0};
    span fault = span_of("name");
    for (size_t i = 0; (tool = guide_tool(i)); i++)
        if (json_member_eq(params, "name", tool->name))
            break;
    while (call < m->calls + MCP_CALLS_MAX && call->pid && waitpid(call->pid, NULL, WNOHANG) == 0)
        call++;
    if (!tool || mcp_put_line(&line, tool, given, &fault) != 0) {
        mcp_refuse(m, id, -32602, "missing, or not as described: ", fault);
    } else if (call == m->calls + MCP_CALLS_MAX) {
        mcp_refuse(m, id, -32603, "too many calls at a time", (span){0});
    } else {
        free(call->id);
        call->id = span_dup(id);
        call->pid = fork();
        setpgid(call->pid, call->pid); /* here and there: a cancellation may come at once */
        if (call->pid == 0)
            mcp_do(m, id, tool, buf_cstr(&line), given);
    }
    buf_free(&line);
}

static void mcp_cancel(struct mcp *m, span no_id, struct json params)
{
    (void)no_id;
    for (struct mcp_call *call = m->calls; call < m->calls + MCP_CALLS_MAX; call++)
        if (call->pid > 0 && span_eq(json_get(params, "requestId").text, call->id))
            kill(-call->pid, SIGTERM);
}

/* ---- input ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*handle)(struct mcp *m, span id, struct json params);
    int notification;
} mcp_methods[] = {{"initialize", mcp_initialize, 0},
                   {"tools/list", mcp_list_tools, 0},
                   {"tools/call", mcp_call_tool, 0},
                   {"notifications/cancelled", mcp_cancel, 1}};

static void mcp_handle(struct mcp *m, struct json message)
{
    struct json method = json_get(message, "method"), id = json_get(message, "id");
    int has_id = json_type(id) == JSON_STRING || json_type(id) == JSON_NUMBER;
    if (json_type(message) != JSON_OBJECT || (json_type(method) == JSON_NONE && !has_id)) {
        mcp_refuse(m, span_of("null"), -32600, "a request object is expected", (span){0});
        return;
    }
    for (size_t i = 0; i < COUNT_OF(mcp_methods); i++)
        if (json_text_eq(method, mcp_methods[i].name) && has_id != mcp_methods[i].notification) {
            mcp_methods[i].handle(m, id.text, json_get(message, "params"));
            return;
        }
    if (has_id && json_text_eq(method, "ping"))
        mcp_respond(m, id.text, "result", span_of("{}"));
    else if (has_id && json_type(method) != JSON_NONE) /* neither a notification nor a response */
        mcp_refuse(m, id.text, -32601, "no such method", (span){0});
}

static void mcp_handle_line(struct mcp *m, span line)
{
    struct json message;
    if (!json_read(line, &message)) {
        mcp_refuse(m, span_of("null"), -32700, "not JSON", (span){0});
        return;
    }
    struct json_iter batch = json_iter(message);
    if (json_type(message) != JSON_ARRAY || m->version > MCP_BATCHES_UNTIL)
        mcp_handle(m, message);
    else
        while (json_next(&batch))
            mcp_handle(m, batch.value);
}

static void mcp_on_alarm(int signo) /* waitpid returns */
{
    (void)signo;
}

static int mcp_serve(struct context *c)
{
    struct mcp m = {.config = &c->config, .version = MCP_PROPOSED};
    struct sigaction alarmed = {.sa_handler = mcp_on_alarm};
    buf in = {0};
    ssize_t n = 1;
    setenv("TELEC_SOCKET", c->config.socket, 1); /* the options of this process hold for calls */
    setenv("TELEC_NO_HINTS", "1", 1);
    if (c->value['c'])
        setenv("TELEC_CONFIG", c->config.file, 1);
    if (pipe(m.right) != 0 || base_write(m.right[1], span_of("x")) != 0)
        return context_fail("cannot open a pipe: %s", strerror(errno));
    while (n > 0 && in.n <= MCP_LINE_MAX) {
        buf_reserve(&in, 65536);
        while ((n = read(0, in.p + in.n, in.cap - in.n)) < 0 && errno == EINTR)
            ;
        in.n += n > 0 ? (size_t)n : 0;
        span rest = buf_view(&in);
        while (rest.n && (n <= 0 || memchr(rest.p, '\n', rest.n))) {
            span line = span_trim(span_cut(&rest, '\n'), " \t\r");
            if (line.n)
                mcp_handle_line(&m, line);
        }
        memmove(in.p, rest.p, rest.n);
        in.n = rest.n;
    }
    sigaction(SIGALRM, &alarmed, NULL);
    alarm(MCP_DRAIN_S);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    for (struct mcp_call *call = m.calls; call < m.calls + MCP_CALLS_MAX; call++) {
        if (call->pid > 0 && errno == EINTR)
            kill(-call->pid, SIGTERM);
        free(call->id);
    }
    int too_long = in.n > MCP_LINE_MAX;
    buf_free(&in);
    return too_long ? context_fail("a message has more than %d bytes", MCP_LINE_MAX) : 0;
}
