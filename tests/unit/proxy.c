/* Unit tests of proxy: what other computers answer, handed to it as if it had come through Redis,
 * on the server of routes' tests. */

/* What the client gets when the other computer answers like that; NULL: it does not answer. */
static int unit_proxy_answer(struct unit_server *u,
                             void (*reply)(struct proxy *p, struct json data), int good,
                             const char *data, const char *code)
{
    struct json value = {0};
    struct unit_httpd *h = &u->h;
    struct httpd_client *c = h->waiting;
    struct proxy *p = base_alloc(sizeof *p);
    *p = (struct proxy){.server = &u->server, .client = c, .computer = span_dup(span_of("far")),
                        .id = span_dup(span_of("far1")), .answer = reply};
    struct codec_id at = {0};
    if (data && *data)
        CHECK_INT(json_parse(span_of(data), &value, NULL, NULL), PARSE_DONE);
    struct codec_reply answer = {.good = good};
    if (good)
        answer.data = value;
    else
        answer.error = value;
    snprintf(answer.code, sizeof answer.code, "%s", code);
    proxy_on_done(p, data ? &answer : NULL, at, "no answer came");
    return unit_httpd_reply(h, 0, &u->body);
}

/* A request that waits: routes' handler is replaced by httpd's tests' own. */
static void unit_proxy_ask(struct unit_server *u)
{
    u->h.httpd.handle = unit_httpd_handle;
    u->h.httpd.ctx = &u->h;
    u->h.waiting = NULL;
    unit_httpd_say(&u->h, 0, span_of("GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
    UNIT_HTTPD_UNTIL(&u->h, u->h.waiting != NULL);
}

static void unit_proxy_errors(void)
{
    static const struct {
        const char *code, *error;
        int status;
        const char *said;
    } cases[] = {
        {"NOT_FOUND", "\"no such\"", 404, "far: no such"},
        {"ENDED", "\"over\"", 409, "far: over"},
        {"FORBIDDEN", "\"not you\"", 403, "far: not you"},
        {"BAD_REQUEST", "\"what\"", 400, "far: what"},
        {"NOT_STARTED", "\"no\"", 400, "far: no"},
        {"NOT_RESTARTED", "\"no\"", 409, "far: no"},
        {"LATE", "\"no\"", 504, "far: no"},
        {"NOT_WRITTEN", "\"no\"", 500, "far: no"},
        {"NO_HANDLER", "\"?\"", 501, "far: it does not know how"},
        {"OTHER", "\"broken \\u001b[2J\"", 502, "far: broken ^[[2J"},
        {"OTHER", "", 502, "far: it failed without a reason"},
        {"OTHER", "\"\"", 502, "far: it failed without a reason"},
        {"", NULL, 504, "far: no answer came"},
    };
    struct unit_server u;
    test_begin(
        "an error of another computer becomes the status of its code, its text made visible");
    unit_server_init(&u);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unit_proxy_ask(&u);
        CHECK_INT(unit_proxy_answer(&u, proxy_reply_success, 0, cases[i].error, cases[i].code),
                  cases[i].status);
        CHECK(unit_server_said(&u, cases[i].said));
    }
    unit_server_free(&u);
}

static void unit_proxy_answers(void)
{
    static const struct {
        void (*reply)(struct proxy *p, struct json data);
        const char *data;
        int status;
        const char *body;
    } cases[] = {
        {proxy_reply_success, "7", 200, "{\"status\":\"success\"}"},
        {proxy_reply_sessions, "{}", 200, "[]"},
        {proxy_reply_sessions, "[7,null]", 200, "[]"},
        {proxy_reply_session, "[]", 404, "{\"detail\":\"Session not found\"}"},
        {proxy_reply_session, "[{\"session_id\":\"other\"}]", 404,
         "{\"detail\":\"Session not found\"}"},
        {proxy_reply_ended, "", 200,
         "{\"status\":\"success\",\"message\":\"Session far1 ended successfully\"}"},
        {proxy_reply_ended, "{\"undo_s\":5}", 200,
         "{\"status\":\"success\",\"message\":\"Session far1 ends in 5 s\",\"undo_s\":5}"},
        {proxy_reply_result, "", 200, "{\"status\":\"success\",\"result\":null}"},
        {proxy_reply_result, "\"delivered\"", 200,
         "{\"status\":\"success\",\"result\":\"delivered\"}"},
        {proxy_reply_transcript, "", 200,
         "{\"status\":\"success\",\"transcript\":\"\",\"data\":null}"},
        {proxy_reply_transcript, "{\"messages\":\"m\"}", 200,
         "{\"status\":\"success\",\"transcript\":\"m\",\"data\":{\"messages\":\"m\"}}"},
        {proxy_reply_object, "", 200, "null"},
        {proxy_reply_object, "{\"lines\":[]}", 200, "{\"lines\":[]}"},
        {proxy_reply_created, "{}", 502, "{\"detail\":\"far: it names no new session\"}"},
        {proxy_reply_created, "{\"session_id\":\"n\"}", 200,
         "{\"status\":\"success\",\"session_id\":\"n\",\"tmux_session_name\":null,\"data\":{"
         "\"session_id\":\"n\"}}"},
    };
    struct unit_server u;
    test_begin("an answer of another computer becomes the route's reply");
    unit_server_init(&u);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unit_proxy_ask(&u);
        CHECK_INT(unit_proxy_answer(&u, cases[i].reply, 1, cases[i].data, ""), cases[i].status);
        CHECK_SPAN(buf_view(&u.body), cases[i].body);
    }
    unit_proxy_ask(&u);
    CHECK_INT(unit_proxy_answer(&u, proxy_reply_session, 1,
                                "[{\"session_id\":\"x\"},{\"session_id\":\"far1\"}]", ""), 200);
    CHECK(unit_server_said(&u, "\"session_id\":\"far1\"") &&
          unit_server_said(&u, "\"computer\":\"far\"") && u.body.p[0] == '{');
    unit_proxy_ask(&u);
    CHECK_INT(unit_proxy_answer(&u, proxy_reply_sessions, 1, "[{\"session_id\":\"x\"},5]", ""),
              200);
    CHECK(unit_server_said(&u, "[{") && unit_server_said(&u, "\"computer\":\"far\""));
    unit_server_free(&u);
}

static void unit_proxy_offline(void)
{
    static const struct {
        const char *method, *target, *json;
        int status;
    } cases[] = {
        {"PATCH", "/sessions/far1", "{\"title\":\"x\"}", 503},
        {"PATCH", "/sessions/far1", "{}", 422},
        {"DELETE", "/sessions/far1", NULL, 503},
        {"DELETE", "/sessions/far1?undo_s=x", NULL, 422},
        {"POST", "/sessions/far1/restore", NULL, 503},
        {"POST", "/sessions/far1/message", "{\"message\":\"x\"}", 503},
        {"POST", "/sessions/far1/message", "{}", 422},
        {"POST", "/sessions/far1/keys", "{\"key\":\"enter\"}", 503},
        {"POST", "/sessions/far1/keys", "{\"key\":\"\"}", 422},
        {"GET", "/sessions/far1/transcript", NULL, 503},
        {"GET", "/sessions/far1/transcript?tail_chars=x", NULL, 422},
        {"GET", "/sessions/far1/screen", NULL, 503},
        {"GET", "/sessions/far1/attach?mode=control", NULL, 409},
        {"GET", "/sessions/far1/attach?mode=x", NULL, 422},
        {"GET", "/sessions/far1/attach", NULL, 426},
        {"POST", "/sessions",
         "{\"computer\":\"far\",\"project_dir\":\"/tmp\",\"agent\":\"claude\"}", 503},
        {"POST", "/sessions", /* a TeleClaude daemon's shells take no message */
         "{\"computer\":\"far\",\"project_dir\":\"/tmp\",\"command\":[\"ls\"]}", 501},
    };
    struct unit_server u;
    buf key = {0}, b = {0};
    test_begin("a request for another computer is checked here, then 503 while Redis is not there");
    unit_server_init(&u);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int status = unit_server_ask(&u, cases[i].method, cases[i].target, cases[i].json);
        if (status == cases[i].status && (status != 503 || unit_server_said(&u, "far: ")))
            continue;
        test_fail(__FILE__, __LINE__, cases[i].target);
        printf("#   %s: %d %s\n", cases[i].method, status, buf_cstr(&u.body));
    }
    b64_put(&key, span_of("sixteen bytes .."));
    ws_put_upgrade(&b, "/sessions/far1/attach", buf_cstr(&key));
    unit_httpd_say(&u.h, 0, buf_view(&b));
    CHECK_INT(unit_httpd_reply(&u.h, 0, &u.body), 503);
    buf_free(&key), buf_free(&b);
    unit_server_free(&u);
}

static void unit_proxy(void)
{
    unit_proxy_errors();
    unit_proxy_answers();
    unit_proxy_offline();
}
