/* http - HTTP/1.1 on the daemon's socket: framing, every route, every refusal (protocol.md section
 * 1). */

#define NO_SESSION "/sessions/00000000-0000-4000-8000-000000000000"

/* Sends raw bytes on a connection of their own; the first answer. */
static struct reply raw_call(const char *bytes)
{
    struct wire w = wire_open();
    wire_str(&w, bytes);
    struct reply r = reply_read(&w);
    wire_close(&w);
    return r;
}

static void test_health(void)
{
    daemon_start();
    struct reply r = get("/health");
    CHECK_INT(r.status, 200);
    CHECK_TEXT(r.body, "{\"status\":\"ok\"}");
    CHECK_TEXT(reply_header(&r, "Content-Type"), "application/json");
    CHECK_TEXT(reply_header(&r, "Content-Length"), "15");
    CHECK_HAS(reply_header(&r, "Server"), "telec/");
    CHECK_INT(get("/health?anything=at+all").status, 200);
}

static void test_not_found(void)
{
    static const char *const paths[] = {"/", "/nothing", "/health/", "/healthy", "/Health",
                                        "/sessions/", "/session",
                                        "//health", "/sessions//message", "/sessions/a/b/message",
                                        "/ws/",
                                        "/agents", "/sessions/x/unknown", "/health%2f",
                                        "/../health", "/%00"};
    static const struct {
        const char *method, *rest, *body;
    } routes[] = {{"GET", "", NULL}, {"PATCH", "", "{\"title\": \"x\"}"}, {"DELETE", "", NULL},
                  {"POST", "/message", "{\"message\": \"x\"}"},
                  {"POST", "/keys", "{\"key\": \"enter\"}"},
                  {"POST", "/event", "{\"type\": \"stop\"}"}, {"GET", "/transcript", NULL},
                  {"GET", "/screen", NULL},
                  {"GET", "/attach", NULL}};
    daemon_start();
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct reply r = get(paths[i]);
        if (r.status != 404)
            FAIL("GET %s: %d", paths[i], r.status);
        else if (strcmp(paths[i], "/nothing") == 0)
            CHECK_TEXT(r.body, "{\"detail\":\"Not Found\"}");
    }
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        char *path = format(NO_SESSION "%s", routes[i].rest);
        int status = call(routes[i].method, path, routes[i].body).status;
        if (status != 404)
            FAIL("%s %s: %d", routes[i].method, path, status);
    }
}

static void check_method(const char *path, const char *allowed, const char *method)
{
    struct reply r = call(method, path, NULL);
    char *allow = reply_header(&r, "Allow");
    if (r.status != 405 || !allow || strlen(allow) != strlen(allowed)) {
        FAIL("%s %s: %d, Allow: %s", method, path, r.status, allow ? allow : "-");
        return;
    }
    for (char *word = strtok(format("%s", allowed), ", "); word; word = strtok(NULL, ", "))
        CHECK_HAS(allow, word);
    if (strcmp(method, "HEAD") != 0)
        CHECK_TEXT(r.body, "{\"detail\":\"Method Not Allowed\"}");
}

static void test_method_not_allowed(void)
{
    static const struct {
        const char *path, *allowed;
    } routes[] = {{"/health", "GET"}, {"/sessions", "GET, POST"},
                  {NO_SESSION, "GET, PATCH, DELETE"},
                  {NO_SESSION "/message", "POST"}, {NO_SESSION "/keys", "POST"},
                  {NO_SESSION "/event", "POST"},
                  {NO_SESSION "/transcript", "GET"}, {NO_SESSION "/screen", "GET"},
                  {NO_SESSION "/attach", "GET"},
                  {"/computers", "GET"}, {"/projects", "GET, POST, DELETE"},
                  {"/projects-with-todos", "GET"},
                  {"/agents/availability", "GET"}, {"/status", "GET"}, {"/ws", "GET"}};
    static const char *const methods[] = {"GET", "POST", "PATCH", "DELETE", "PUT", "OPTIONS",
                                          "HEAD", "get", "FROB"};
    daemon_start();
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        for (size_t k = 0; k < sizeof methods / sizeof *methods; k++)
            if (!strstr(routes[i].allowed, methods[k]))
                check_method(routes[i].path, routes[i].allowed, methods[k]);
}

/* An answer to HEAD has no body (RFC 9110 9.3.2): the next answer begins right behind its head. */
static void test_head_has_no_body(void)
{
    daemon_start();
    struct wire w = wire_open();
    wire_str(&w, request("HEAD", "/health", NULL));
    wire_str(&w, request("HEAD", "/nothing", NULL));
    wire_str(&w, request("GET", "/health", NULL));
    CHECK(reply_read_for(&w, "HEAD", E2E_WAIT_MS).status >= 200);
    CHECK(reply_read_for(&w, "HEAD", E2E_WAIT_MS).status >= 400);
    CHECK_TEXT(reply_read(&w).body, "{\"status\":\"ok\"}");
}

static void test_body_too_large(void)
{
    size_t most = 1024 * 1024;
    daemon_start();
    /* Just within: blanks before a body that is refused for what it says. */
    char *body = repeat(' ', most);
    memcpy(body + most - 2, "{}", 2);
    CHECK_INT(call("POST", "/projects", body).status, 422);
    /* One more: refused as soon as it is announced. */
    struct wire w = wire_open();
    wire_str(&w, format("POST /projects HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
                        most + 1));
    CHECK_INT(reply_read(&w).status, 413);
    CHECK(wire_ends(&w));
    /* In chunks it shows only on the way. */
    w = wire_open();
    wire_str(&w, "POST /projects HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    char *chunk = format("%x\r\n%s\r\n", 65536, repeat(' ', 65536));
    for (int i = 0; i < 20 && wire_str(&w, chunk); i++)
        ;
    CHECK_INT(reply_read(&w).status, 413);
    /* A number past every integer. */
    CHECK_INT(raw_call("POST /projects HTTP/1.1\r\nHost: x\r\nContent-Length: "
                       "99999999999999999999999\r\n\r\n").status
              / 100, 4);
    CHECK_INT(get("/health").status, 200);
}

static void check_unprocessable(const char *method, const char *path, const char *body,
                                const char *want)
{
    struct reply r = call(method, path, body);
    struct text got = {0};
    if (r.status != 422) {
        FAIL("%s %s %s: %d %s", method, path, body ? body : "", r.status, r.body);
        return;
    }
    text_add(&got, "", 0);
    for (int i = 0; i < json_count(r.body, "detail"); i++) {
        char *type = json_get(r.body, format("detail.%d.type", i)), *loc =
            json_raw(r.body, format("detail.%d.loc", i));
        if (!type || !loc || !json_get(r.body, format("detail.%d.msg", i)) ||
            json_count(r.body, format("detail.%d", i)) != 3)
            FATAL("%s: not a fault as Pydantic has them: %s", path, r.body);
        text_str(&got, format("%s%s %s", i ? "; " : "", type, loc));
    }
    if (strcmp(got.p, want) != 0)
        FAIL("%s %s %s: got %s, want %s", method, path, body ? body : "", got.p, want);
}

/* Which members are refused, and as what. */
static void test_unprocessable(void)
{
    static const struct {
        const char *method, *path; /* ID in it stands for a session that is there */
        const char *body, *want;
    } cases[] = {
        {"POST", "/sessions", NULL, "missing [\"body\"]"},
        {"POST", "/sessions", "{}", "missing [\"body\",\"computer\"]; missing "
                                    "[\"body\",\"project_dir\"]"},
        {"POST", "/sessions", "[]", "model_attributes_type [\"body\"]"},
        {"POST", "/sessions", "\"text\"", "model_attributes_type [\"body\"]"},
        {"POST", "/sessions", "{\"computer\": \"\", \"project_dir\": \"/tmp\"}",
         "string_too_short [\"body\",\"computer\"]"},
        {"POST", "/sessions", "{\"computer\": 5, \"project_dir\": \"/tmp\"}",
         "string_type [\"body\",\"computer\"]"},
        {"POST", "/sessions", "{\"computer\": null, \"project_dir\": \"/tmp\"}",
         "string_type [\"body\",\"computer\"]"},
        {"POST", "/sessions", "{\"computer\": \"local\", \"project_dir\": \"\"}",
         "string_too_short [\"body\",\"project_dir\"]"},
        {"POST", "/sessions", "{\"computer\": \"local\", \"project_path\": \"\\u00e9\"}",
         "value_error [\"body\",\"project_path\"]"},
        {"POST", "/sessions", "{\"computer\": \"local\", \"project_dir\": \"tmp\"}",
         "value_error [\"body\",\"project_dir\"]"},
        {"POST", "/sessions", "{\"computer\": \"local\", \"project_dir\": \"/\", \"umask\": 512}",
         "int_parsing [\"body\",\"umask\"]"},
        {"POST", "/sessions", "{\"computer\": \"local\", \"project_dir\": \"/tmp\", \"agent\": "
                              "\"nobody\"}",
         "literal_error [\"body\",\"agent\"]"},
        {"POST", "/sessions",
         "{\"computer\": \"local\", \"project_dir\": \"/tmp\", \"agent\": [1]}",
         "literal_error [\"body\",\"agent\"]"},
        {"POST", "/sessions",
         "{\"computer\": \"local\", \"project_dir\": \"/tmp\", \"agent\": \"shell\", "
         "\"thinking_mode\": \"deep\"}",
         "literal_error [\"body\",\"thinking_mode\"]"},
        {"POST", "/sessions",
         "{\"computer\": \"local\", \"project_dir\": \"/tmp\", \"agent\": \"shell\", \"title\": 7}",
         "string_type [\"body\",\"title\"]"},
        {"POST", "/sessions",
         "{\"computer\": \"local\", \"project_dir\": \"/tmp\", \"command\": [\"sh\"], \"cols\": "
         "\"wide\"}",
         "int_parsing [\"body\",\"cols\"]"},
        {"POST", "/sessions", "null", "missing [\"body\"]"},
        {"POST", "/sessions",
         "{\"computer\": \"local\", \"project_dir\": \"/tmp\", \"agent\": null}",
         "literal_error [\"body\",\"agent\"]"},
        {"POST", "/sessions/nobody/message", "{}", "missing [\"body\",\"message\"]"},
        {"DELETE", "/sessions/nobody?undo_s=x&computer=nowhere", NULL,
         "int_parsing [\"query\",\"undo_s\"]"},
        {"POST", "/sessions/ID/message", "{}", "missing [\"body\",\"message\"]"},
        {"POST", "/sessions/ID/message", "{\"message\": \"\"}",
         "string_too_short [\"body\",\"message\"]"},
        {"POST", "/sessions/ID/message", "{\"message\": null}",
         "string_type [\"body\",\"message\"]"},
        {"POST", "/sessions/ID/message", "{\"message\": {\"a\": 1}}",
         "string_type [\"body\",\"message\"]"},
        {"POST", "/sessions/ID/keys", "{}", "missing [\"body\",\"key\"]"},
        {"POST", "/sessions/ID/keys", "{\"key\": \"any\"}", "literal_error [\"body\",\"key\"]"},
        {"POST", "/sessions/ID/keys", "{\"key\": \"enter\", \"count\": \"many\"}",
         "int_parsing [\"body\",\"count\"]"},
        {"POST", "/sessions/ID/event", "{\"type\": \"party\"}",
         "literal_error [\"body\",\"type\"]"},
        {"POST", "/sessions/ID/event", "{}", "missing [\"body\",\"type\"]"},
        {"PATCH", "/sessions/ID", "{}", "missing [\"body\",\"title\"]"},
        {"PATCH", "/sessions/ID", "{\"title\": 1}", "string_type [\"body\",\"title\"]"},
        {"GET", "/sessions/ID/transcript?tail_chars=many", NULL,
         "int_parsing [\"query\",\"tail_chars\"]"},
        {"GET", "/sessions/ID/transcript?tail_chars=", NULL,
         "int_parsing [\"query\",\"tail_chars\"]"},
        {"GET", "/sessions/ID/attach?mode=steal", NULL, "literal_error [\"query\",\"mode\"]"},
        {"POST", "/projects", "{}", "missing [\"body\",\"path\"]"},
        {"POST", "/projects", "{\"path\": false}", "string_type [\"body\",\"path\"]"},
    };
    daemon_start();
    char *id = start_program("pause", NULL, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *hole = strstr(cases[i].path, "ID");
        char *path = hole ? format("/sessions/%s%s", id, hole + 2) : format("%s", cases[i].path);
        check_unprocessable(cases[i].method, path, cases[i].body, cases[i].want);
    }
    CHECK_INT(json_count(get("/sessions").body, ""), 1);
}

/* The bytes of the answers that clients depend on. */
static void test_unprocessable_bytes(void)
{
    daemon_start();
    char *path = session_path(start_program("pause", NULL, NULL), "/message");
    CHECK_TEXT(call("POST", path, "{}").body,
               "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",\"message\"],\"msg\":\"Field "
               "required\"}]}");
    CHECK_TEXT(call("POST", path, "{\"message\": 3}").body,
               "{\"detail\":[{\"type\":\"string_type\",\"loc\":[\"body\",\"message\"],"
               "\"msg\":\"Input should be a valid string\"}]}");
    CHECK_TEXT(call("POST", path, "{\"message\": \"\"}").body,
               "{\"detail\":[{\"type\":\"string_too_short\",\"loc\":[\"body\",\"message\"],"
               "\"msg\":\"String should have at least 1 character\"}]}");
    CHECK_HAS(create("\"agent\": \"shell\", \"project_dir\": \"/\", \"thinking_mode\": 5").body,
              "\"msg\":\"Input should be 'fast', 'med' or 'slow'\"");
    struct reply bad = call("POST", path, "{\"message\": \"\xff\"}");
    CHECK_INT(bad.status, 400);
    CHECK_TEXT(bad.body, "{\"detail\":\"There was an error parsing the body\"}");
    CHECK_INT(call("POST", "/sessions/nobody/message", "{\"message\": \"x\"}").status, 404);
    CHECK_INT(get("/sessions/nobody").status, 404);
    CHECK_INT(get("/sessions/nobody/screen?computer=nowhere").status, 404);
    path = format("%.*s", (int)(strlen(path) - strlen("/message")), path);
    CHECK_INT(get(format("%s/transcript?tail_chars=-1", path)).status, 200);
    CHECK_INT(get(format("%s/transcript?tail_chars=%s", path, repeat('9', 40))).status, 200);
    CHECK_HAS(create("\"agent\": \"shell\", \"project_dir\": \"x\"").body,
              "\"Input should be an absolute path\"");
}

/* No C string can hold U+0000: it is refused wherever it stands, never cut, and hangs nothing. */
static void test_unprocessable_nul(void)
{
    static const char *const bodies[] = {
        "{\"computer\": \"local\", \"project_dir\": \"/tmp\", \"command\": \"echo a\\u0000b\"}",
        "{\"computer\": \"local\", \"project_dir\": \"/tmp\", \"command\": [\"\\u0000\"]}",
        "{\"computer\": \"local\", \"project_dir\": \"/tmp\\u0000\", \"command\": \"true\"}",
        "{\"computer\": \"local\", \"project_dir\": \"/tmp\", \"title\": \"t\\u0000\", "
        "\"command\": \"true\"}",
        "{\"computer\": \"local\", \"project_dir\": \"/tmp\", \"env\": [\"A=\\u0000\"], "
        "\"command\": \"true\"}",
        "{\"computer\": \"local\", \"project_dir\": \"/tmp\", \"command\": \"true\", "
        "\"unknown\": {\"\\u0000\": 1}}",
    };
    daemon_start();
    char *id = start_program("pause", NULL, NULL);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        CHECK_INT(call("POST", "/sessions", bodies[i]).status, 422);
    CHECK_INT(call("POST", session_path(id, "/message"), "{\"message\": \"\\u0000\"}").status, 422);
    CHECK_INT(call("PATCH", session_path(id, ""), "{\"title\": \"a\\u0000\"}").status, 422);
    CHECK_INT(call("POST", session_path(id, "/event"), "{\"type\": \"stop\", \"x\": \"\\u0000\"}")
                  .status, 422);
    CHECK_INT(call("POST", "/projects", "{\"path\": \"/tmp\\u0000\"}").status, 422);
    CHECK_INT(get(session_path(id, "%00x")).status, 422);
    CHECK_INT(get(session_path(id, "?computer=%00")).status, 422);
    CHECK_INT(get("/sessions?unknown=%00").status, 422);
    CHECK_INT(json_count(get("/sessions").body, ""), 1);
    end_session(id);
}

static void test_json_invalid(void)
{
    static const char *const bodies[] = {"{", "{\"message\": \"x\"", "{\"message\": 'x'}",
                                         "{\"message\": \"x\"} x",
                                         "nul", "{\"message\": \"\\x\"}", "{\"a\":01}",
                                         "{\"message\": \"a\nb\"}", "{,}", "{\"message\": \"x\",}",
                                         "\xef\xbb\xbf{}", "  "};
    daemon_start();
    char *path = session_path(start_program("pause", NULL, NULL), "/message");
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct reply r = call("POST", path, bodies[i]);
        if (r.status != 422 || !json_is(r.body, "detail.0.type", "json_invalid") ||
            !json_is(r.body, "detail.0.loc.0", "body"))
            FAIL("%s: %d %s", visible(bodies[i], strlen(bodies[i])), r.status, r.body);
    }
    char *deep = format("%s%s", repeat('[', 100000), repeat(']', 100000));
    CHECK_INT(call("POST", path, deep).status, 422);
    CHECK(!session_is(json_get(get("/sessions").body, "0.session_id"), "last_input", "x"));
}

/* The place of the fault is a number, as FastAPI has it. */
static void test_json_invalid_offset(void)
{
    daemon_start();
    CHECK_TEXT(json_raw(call("POST", "/projects", "{\"path\": x}").body, "detail.0.loc"),
               "[\"body\",9]");
}

static void test_framing_refused(void)
{
    static const struct {
        const char *bytes;
        int status;
    } cases[] = {
        {"POST /projects HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: "
         "chunked\r\n\r\n{}", 400},
        {"POST /projects HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
         400},
        {"POST /projects HTTP/1.1\r\nHost: x\r\nContent-Length: 2, 3\r\n\r\n{}", 400},
        {"POST /projects HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\n{}", 400},
        {"POST /projects HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}", 400},
        {"POST /projects HTTP/1.1\r\nHost: x\r\nContent-Length: 0x2\r\n\r\n{}", 400},
        {"POST /projects HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\n{}", 400},
        {"POST /projects HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n{}", 501},
        {"POST /projects HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, "
         "chunked\r\n\r\n0\r\n\r\n", 501},
        {"POST /projects HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
        {"POST /projects HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
         "chunked\r\n\r\n2\r\n{}x\r\n0\r\n\r\n", 400},
        {"POST /projects HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
         400},
        {"POST /projects HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400},
        {"POST /projects HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", 400},
        {"GET /health HTTP/1.1\r\nHost: x\rX: y\r\n\r\n", 400},
        {"GET /health HTTP/1.1\nHost: x\n\n", 400},
        {"GET /health HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", 400},
        {"GET /health HTTP/1.1\r\nHost: x\r\nX : a\r\n\r\n", 400},
        {"GET /health HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n", 400},
        {"GET /health HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", 400},
        {"GET /health HTTP/1.1\r\n Host: x\r\n\r\n", 400},
        {"GET /health HTTP/1.1\r\nX: y\r\n\r\n", 400},
        {"GET /health HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400},
        {"GET /health\r\n\r\n", 400},
        {"GET  /health HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET /health HTTP/1.1 \r\nHost: x\r\n\r\n", 400},
        {"GET /hea lth HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET health HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"G(T /health HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET /health HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        {"GET /health HTTPS/1.1\r\nHost: x\r\n\r\n", 400},
        {"\x16\x03\x01\x02 is a TLS greeting\r\n\r\n", 400},
        {"GET /health HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\n\r\n", 417},
    };
    daemon_start();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wire w = wire_open();
        wire_str(&w, cases[i].bytes);
        struct reply r = reply_read(&w);
        char *connection = reply_header(&r, "Connection");
        if (r.status != cases[i].status || !connection || strcmp(connection, "close") != 0 ||
            !wire_ends(&w))
            FAIL("%s: %d, Connection: %s%s", visible(cases[i].bytes, strlen(cases[i].bytes)),
                 r.status, connection ? connection : "-", w.eof ? "" : ", left open");
        wire_close(&w);
    }
    CHECK_INT(get("/health").status, 200);
}

/* Nothing behind a refused request is taken for a request. */
static void test_no_smuggling(void)
{
    daemon_start();
    struct wire w = wire_open();
    wire_str(&w, "POST /projects HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: "
                 "chunked\r\n\r\n"
                 "0\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_INT(reply_read(&w).status, 400);
    CHECK(wire_ends(&w));
}

static void test_header_limits(void)
{
    daemon_start();
    struct text many = {0};
    text_str(&many, "GET /health HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < 100; i++)
        text_str(&many, format("X-%d: y\r\n", i));
    CHECK_INT(raw_call(format("%s\r\n", many.p)).status, 200);
    CHECK_INT(raw_call(format("%sX: y\r\n\r\n", many.p)).status, 431);
    char *value = repeat('v', 32 * 1024 - 100);
    CHECK_INT(raw_call(format("GET /health HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n", value)).status,
              200);
    CHECK_INT(raw_call(format("GET /health HTTP/1.1\r\nHost: x\r\nX: %s%s\r\n\r\n", value,
                              repeat('v', 200))).status, 431);
    /* Without an end in sight it is refused as well, not waited for. */
    CHECK_INT(raw_call(format("GET /%s", repeat('a', 40000))).status / 100, 4);
}

static void test_keep_alive(void)
{
    daemon_start();
    struct wire w = wire_open();
    for (int i = 0; i < 20; i++) {
        wire_str(&w, i % 2 ? request("POST", "/projects", "{}") : request("GET", "/health", NULL));
        struct reply r = reply_read(&w);
        CHECK_INT(r.status, i % 2 ? 422 : 200);
        CHECK(reply_header(&r, "Connection") == NULL);
    }
    CHECK_INT(w.in.n, 0);
    wire_str(&w, "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    struct reply last = reply_read(&w);
    CHECK_INT(last.status, 200);
    CHECK_TEXT(reply_header(&last, "Connection"), "close");
    CHECK(wire_ends(&w));
}

static void test_pipelining(void)
{
    daemon_start();
    char *id = start_program("pause", NULL, NULL);
    struct wire w = wire_open();
    struct text all = {0};
    for (int i = 0; i < 100; i++) {
        text_str(&all, request("GET", "/health", NULL));
        text_str(&all, request("PATCH", session_path(id, ""),
                               format("{\"title\": \"title %d\"}", i)));
        /* Answered later than the others. */
        text_str(&all, request("GET", session_path(id, "/screen"), NULL));
        text_str(&all, request("GET", format("/nothing/%d", i), NULL));
    }
    wire_write(&w, all.p, all.n);
    for (int i = 0; i < 100; i++) {
        CHECK_TEXT(reply_read(&w).body, "{\"status\":\"ok\"}");
        CHECK_TEXT(json_get(reply_read(&w).body, "title"), format("title %d", i));
        CHECK_INT(json_count(reply_read(&w).body, "lines"), 24);
        CHECK_INT(reply_read(&w).status, 404);
    }
    CHECK_INT(w.in.n, 0);
}

static void test_chunked(void)
{
    daemon_start();
    struct wire w = wire_open();
    char *body = format("{\"path\": %s, \"name\": \"chunks\"}", json_quote(e2e.dir));
    wire_str(&w, "POST /projects HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n");
    for (size_t i = 0, n = strlen(body); i < n; i += 7)
        wire_str(&w, format("%X;name=\"value\"\r\n%.7s\r\n", (unsigned)(n - i < 7 ? n - i : 7),
                            body + i));
    wire_str(&w, "000\r\nTrailer: ignored\r\nAnother: one\r\n\r\nGET /projects HTTP/1.1\r\nHost: "
                 "x\r\n\r\n");
    CHECK_INT(reply_read(&w).status, 200);
    CHECK_TEXT(json_get(reply_read(&w).body, "0.name"), "chunks");
    wire_str(&w,
             "POST /projects HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    CHECK_INT(reply_read(&w).status, 422);
}

static void test_expect_continue(void)
{
    daemon_start();
    struct wire w = wire_open();
    wire_str(&w, "POST /projects HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: "
                 "100-continue\r\n\r\n");
    CHECK_INT(reply_read(&w).status, 100);
    wire_str(&w, "{}");
    CHECK_INT(reply_read(&w).status, 422);
    /* Not when the body is too long: then there is only the refusal. */
    w = wire_open();
    wire_str(&w, "POST /projects HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\nExpect: "
                 "100-continue\r\n\r\n");
    CHECK_INT(reply_read(&w).status, 413);
}

static void test_http_1_0(void)
{
    daemon_start();
    struct wire w = wire_open();
    wire_str(&w, "GET /health HTTP/1.0\r\n\r\n");
    CHECK_TEXT(reply_read(&w).body, "{\"status\":\"ok\"}");
    CHECK(wire_ends(&w));
    /* No 100 Continue for those who don't know it. */
    w = wire_open();
    wire_str(&w, "POST /projects HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    wire_str(&w, "{}");
    CHECK_INT(reply_read(&w).status, 422);
    CHECK(wire_ends(&w));
}

static void test_two_writes(void)
{
    daemon_start();
    struct wire w = wire_open();
    for (int i = 0; i < 3; i++) {
        wire_str(&w, "POST /projects HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n");
        CHECK_INT(wire_read(&w, now_ms() + 20), -1); /* no answer yet */
        wire_str(&w, "{\"path\": 1}");
        CHECK_HAS(reply_read(&w).body, "string_type");
    }
}

/* A client that has closed its writing side still gets every answer, the late ones too. */
static void test_half_closed(void)
{
    daemon_start();
    char *id = start_program("pause", NULL, NULL);
    struct wire w = wire_open();
    wire_str(&w, request("GET", "/health", NULL));
    wire_str(&w, request("GET", session_path(id, "/screen"), NULL));
    wire_str(&w, request("DELETE", session_path(id, ""), NULL));
    wire_str(&w, request("GET", session_path(id, ""), NULL));
    shutdown(w.fd, SHUT_WR);
    CHECK_INT(reply_read(&w).status, 200);
    CHECK_INT(reply_read(&w).status, 200);
    CHECK_INT(reply_read(&w).status, 200);
    CHECK_INT(reply_read(&w).status, 404);
    CHECK(wire_ends(&w));
    w = wire_open();
    shutdown(w.fd, SHUT_WR);
    CHECK(wire_ends(&w));
    /* Half a request is no request. */
    w = wire_open();
    wire_str(&w, "POST /projects HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{");
    shutdown(w.fd, SHUT_WR);
    struct reply r = reply_read(&w);
    CHECK(r.status == 0 || r.status == 400);
    AWAIT(status_of("clients") == 1);
}

static void test_byte_by_byte(void)
{
    daemon_start();
    char *bytes = format("%s%s%s", request("GET", "/health", NULL),
                         request("POST", "/projects", "{\"path\": 5}"),
                         "POST /projects HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "5\r\n{\"pat\r\n8;x=y\r\nh\": \"x\"}\r\n0\r\nA: b\r\n\r\n");
    struct wire w = wire_open();
    for (size_t i = 0; bytes[i]; i++) {
        wire_write(&w, bytes + i, 1);
        wire_read(&w, now_ms()); /* the daemon gets to run between the bytes */
    }
    CHECK_INT(reply_read(&w).status, 200);
    CHECK_INT(reply_read(&w).status, 422);
    CHECK_INT(reply_read(&w).status, 400);
}

/* Odd but right. */
static void test_odd_requests(void)
{
    daemon_start();
    char *id = start_program("pause", NULL, NULL);
    CHECK_INT(raw_call("\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
    CHECK_INT(raw_call("GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\n\r\n").status,
              200);
    CHECK_INT(raw_call("GET /health HTTP/1.1\r\nhOsT:x\r\nX:\t y \t\r\nEmpty:\r\n\r\n").status,
              200);
    CHECK_INT(raw_call("GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc").status,
              200);
    CHECK_INT(raw_call("POST /projects HTTP/1.1\r\nHost: x\r\nContent-Type: "
                       "text/plain\r\nContent-Length: 2\r\n\r\n{}")
              .status, 422); /* never 415 */
    CHECK_INT(get(format("/sessions/%%%02x%s", (unsigned char)id[0], id + 1)).status, 200);
    CHECK_INT(get(format("/sessions/%s%%", id)).status, 404);
    CHECK_INT(get("/sessions?computer=%zz").status, 422);
}

static void test_computers(void)
{
    file_write(format("%s/telec/config", e2e.config),
               "[computer]\nname = testbed\nuser = someone\nhost = testbed.example\n", 0600);
    daemon_start();
    CHECK_TEXT(get("/computers").body,
               "[{\"name\":\"testbed\",\"status\":\"online\",\"user\":\"someone\","
               "\"host\":\"testbed.example\"}]");
    char *id = start_program("pause", NULL, NULL);
    CHECK_TEXT(session_get(id, "computer"), "testbed");
    CHECK_INT(json_count(get("/sessions?computer=testbed").body, ""), 1);
    CHECK_TEXT(get("/sessions?computer=elsewhere").body, "[]");
    CHECK_INT(call("DELETE", session_path(id, "?computer=elsewhere"), NULL).status, 404);
    CHECK_INT(call("DELETE", session_path(id, "?computer=testbed"), NULL).status, 200);
}

static void test_projects(void)
{
    file_write(format("%s/telec/config", e2e.config),
               format("[computer]\nname = testbed\n[project first]\npath = %s\ndescription = from "
                      "the file\n"
                      "[project bad]\npath = relative\n", e2e.home), 0600);
    daemon_start();
    char *first = format("{\"computer\":\"testbed\",\"name\":\"first\",\"path\":\"%s\","
                         "\"description\":\"from the file\",\"desc\":\"from the file\"",
                         e2e.home);
    CHECK_TEXT(get("/projects").body, format("[%s}]", first));
    CHECK_TEXT(get("/projects-with-todos").body, format("[%s,\"todos\":[]}]", first));
    CHECK_INT(call("POST", "/projects", format("{\"path\": \"%s/\", \"description\": \"kept\"}",
                                               e2e.bin)).status, 200);
    CHECK_INT(call("POST", "/projects", format("{\"path\": \"%s\", \"name\": \"renamed \\u00e9\"}",
                                               e2e.bin)).status, 200);
    char *both = get("/projects").body;
    CHECK_INT(json_count(both, ""), 2);
    CHECK_TEXT(json_get(both, "1.path"), e2e.bin);
    CHECK_TEXT(json_get(both, "1.name"), "renamed \xc3\xa9");
    CHECK_TEXT(get("/projects?computer=elsewhere").body, "[]");
    CHECK_TEXT(get("/projects?computer=testbed").body, both);
    CHECK_INT(call("POST", "/projects", "{\"path\": \"relative\"}").status, 400);
    CHECK_INT(call("POST", "/projects", "{\"path\": \"/no/such/directory\"}").status, 400);
    CHECK_INT(call("POST", "/projects", format("{\"path\": \"%s\"}", e2e.binary)).status, 400);
    daemon_stop();
    daemon_start();
    CHECK_TEXT(get("/projects").body, both);
}

static void test_availability(void)
{
    file_write(format("%s/telec/config", e2e.config), "[agent robot]\ncommand = robot --work\n"
               "[agent ghost]\ncommand = no-such-program-anywhere\n", 0600);
    file_write(format("%s/robot", e2e.bin), "#!/bin/sh\n", 0700);
    daemon_start();
    char *agents = get("/agents/availability").body;
    CHECK_INT(json_count(agents, ""), 9);
    CHECK_TEXT(json_raw(agents, "robot"),
               "{\"agent\":\"robot\",\"available\":true,\"unavailable_until\":null,"
               "\"reason\":null}");
    CHECK_TEXT(json_raw(agents, "ghost"),
               "{\"agent\":\"ghost\",\"available\":false,\"unavailable_until\":null,"
               "\"reason\":\"not installed\"}");
    CHECK_TEXT(json_get(agents, "shell.available"), "true");
    CHECK(json_at(agents, "claude") && json_at(agents, "gemini") && json_at(agents, "codex"));
    unlink(format("%s/robot", e2e.bin)); /* it is looked for anew each time */
    CHECK_TEXT(json_get(get("/agents/availability").body, "robot.available"), "false");
}

static void test_status(void)
{
    static const char *const members[] = {"version", "pid", "uptime_s", "clients", "sessions",
                                          "events_sent",
                                          "events_coalesced", "clients_dropped", "redis", "peers"};
    daemon_start();
    char *status = get("/status").body;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (!json_at(status, members[i]))
            FAIL("no %s in %s", members[i], status);
    CHECK_INT(atol(json_get(status, "pid")), e2e.daemon);
    CHECK_TEXT(json_raw(status, "redis"), "null");
    CHECK_TEXT(json_raw(status, "peers"), "[]");
    CHECK_INT(status_of("sessions"), 0);
    AWAIT(status_of("clients") == 1);
    struct wire other = wire_open(), third = subscribe("sessions");
    AWAIT(status_of("clients") == 3);
    long long sent = status_of("events_sent");
    char *id = start_program("pause", NULL, NULL);
    event_await(&third, "session_created", id);
    CHECK_INT(status_of("sessions"), 1);
    CHECK(status_of("events_sent") > sent);
    wire_close(&other);
    wire_close(&third);
    AWAIT(status_of("clients") == 1);
}

static const struct test http_tests[] = {
    {"health", test_health},
    {"not_found", test_not_found},
    {"method_not_allowed", test_method_not_allowed},
    {"head_has_no_body", test_head_has_no_body},
    {"body_too_large", test_body_too_large},
    {"unprocessable", test_unprocessable},
    {"unprocessable_bytes", test_unprocessable_bytes},
    {"unprocessable_nul", test_unprocessable_nul},
    {"json_invalid", test_json_invalid},
    {"json_invalid_offset", test_json_invalid_offset},
    {"framing_refused", test_framing_refused},
    {"no_smuggling", test_no_smuggling},
    {"header_limits", test_header_limits},
    {"keep_alive", test_keep_alive},
    {"pipelining", test_pipelining},
    {"chunked", test_chunked},
    {"expect_continue", test_expect_continue},
    {"http_1_0", test_http_1_0},
    {"two_writes", test_two_writes},
    {"half_closed", test_half_closed},
    {"byte_by_byte", test_byte_by_byte},
    {"odd_requests", test_odd_requests},
    {"computers", test_computers},
    {"projects", test_projects},
    {"availability", test_availability},
    {"status", test_status},
};
