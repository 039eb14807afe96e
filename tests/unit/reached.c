/* Unit tests of reached: the server of routes' tests reaches "bee", a daemon by script of
 * context.c on the same loop, behind which "cee" is. */

struct unit_reached {
    struct unit_server here;
    struct unit_context there;
    int link, viewer;         /* connections: telec reach, a client that has subscribed */
};

#define UNIT_REACHED(id, computer) "{\"session_id\":\"" id "\",\"computer\":\"" computer "\"}"
#define UNIT_REACHED_EVENT(event, data) "{\"event\":\"" event "\",\"data\":" data "}"

static const char *const unit_reached_frames[] = {
    UNIT_REACHED_EVENT("sessions_initial", "{\"sessions\":[" UNIT_REACHED("b1", "bee") ","
                       UNIT_REACHED("c1", "cee") "," UNIT_REACHED("s1", "bee") ","
                       UNIT_REACHED("f1", "far") ",{},7]}"),
    UNIT_REACHED_EVENT("computer_updated", "{\"name\":\"cee\",\"status\":\"online\"}"),
    UNIT_REACHED_EVENT("computer_updated", "{\"name\":\"far\",\"status\":\"online\"}"),
    UNIT_REACHED_EVENT("session_created", UNIT_REACHED("b2", "bee")),
    UNIT_REACHED_EVENT("session_removed", "{\"session_id\":\"b2\",\"undo_s\":5}"),
    UNIT_REACHED_EVENT("session_removed", "{\"session_id\":\"s1\"}"), /* not theirs */
    UNIT_REACHED_EVENT("preparation_initial",
                       "{\"projects\":[{\"computer\":\"bee\",\"path\":\"/p\"}]}"),
    UNIT_REACHED_EVENT("todos_updated", "{\"computer\":\"bee\",\"project_path\":\"/p\"}"),
    UNIT_REACHED_EVENT("unheard_of", "{}"), "no JSON", NULL};

static const struct unit_context_reply unit_reached_script[] = {
    {"GET /projects-with-todos", 200,
     "[{\"computer\":\"bee\",\"path\":\"/p\"},{\"computer\":\"cee\",\"path\":\"/q\"},"
     "{\"computer\":\"far\",\"path\":\"/r\"}]"},
    {"POST /sessions/b1/message", 200, "{\"result\":\"delivered\"}"},
    {"POST /sessions/c1/message?computer=cee", 200, "{\"result\":\"queued\"}"},
    {"POST /sessions", 200, "{\"session_id\":\"b3\"}"},
    {"DELETE /sessions/b1?undo_s=0", 200, "{\"status\":\"success\"}"},
    {"DELETE /sessions/c1?undo_s=0&computer=cee", 200, "{\"status\":\"success\"}"},
    {NULL, 0, NULL}};

static int unit_reached_open(struct unit_reached *u, const char *query)
{
    buf target = {0};
    buf_fmt(&target, "/reach?%s&socket=", query);
    http_put_encoded(&target, span_of(u->there.path));
    int i = unit_httpd_upgrade(&u->here.h, buf_cstr(&target));
    buf_free(&target);
    return i;
}

/* A client's next event about that is there. */
static void unit_reached_hears(struct unit_reached *u, const char *event, const char *about)
{
    buf said = {0};
    for (int more = 30; more; more--)
        if (strstr(unit_httpd_next(&u->here.h, u->viewer, &said), event) &&
            strstr(buf_cstr(&said), about))
            break;
    CHECK(strstr(buf_cstr(&said), event) && strstr(buf_cstr(&said), about));
    buf_free(&said);
}

/* Hangs up on the newest connection. */
static void unit_reached_leave(struct unit_reached *u, int i)
{
    unit_httpd_hang_up(&u->here.h, i);
    u->here.h.count--;
    buf_free(&u->here.h.in[i]);
}

static int unit_reached_asks(struct unit_reached *u, const char *method, const char *target,
                             const char *json, const char *said)
{
    int i = unit_httpd_connect(&u->here.h);
    int status = unit_httpd_ask(&u->here.h, i, method, target, json, &u->here.body);
    CHECK(unit_server_said(&u->here, said));
    unit_reached_leave(u, i);
    return status;
}

static void unit_reached_init(struct unit_reached *u)
{
    unit_server_init(&u->here);
    unit_context_init(&u->there, unit_reached_script);
    u->there.frames = unit_reached_frames;
    unit_context_listen(&u->there, &u->here.h.loop);
    u->viewer = unit_httpd_upgrade(&u->here.h, "/ws");
    unit_httpd_frame(&u->here.h, u->viewer, WS_TEXT, "{\"subscribe\":\"sessions\"}");
    u->link = unit_reached_open(u, "name=bee&self=bee");
    unit_httpd_frame(&u->here.h, u->link, WS_TEXT, "{\"up\":true,\"why\":null}");
}

static void unit_reached_free(struct unit_reached *u)
{
    loop_unwatch(&u->here.h.loop, &u->there.listener);
    close(u->there.listener.fd);
    unit_httpd_hang_up(&u->here.h, u->link);
    UNIT_HTTPD_UNTIL(&u->here.h, !u->here.server.reached);
    for (struct unit_context_conn *c = u->there.conns; c; c = c->next)
        conn_close(&c->conn, NULL);
    UNIT_HTTPD_UNTIL(&u->here.h, !u->there.conns);
    unit_server_free(&u->here);
    unit_context_free(&u->there);
}

static void unit_reached_shown(void)
{
    struct unit_reached u;
    test_begin("a reached computer's sessions and projects are shown, and those behind it");
    unit_reached_init(&u);
    CHECK(strstr(unit_httpd_next(&u.here.h, u.link, &u.here.body), "{\"sessions\":2}") != NULL);
    unit_reached_hears(&u, "session_removed", "\"b2\"");
    CHECK_INT(unit_reached_asks(&u, "GET", "/sessions?computer=bee", NULL, "\"b1\""), 200);
    CHECK(!unit_server_said(&u.here, "\"b2\"") && !unit_server_said(&u.here, "\"c1\""));
    CHECK_INT(unit_reached_asks(&u, "GET", "/sessions?computer=cee", NULL, "\"c1\""), 200);
    /* of a session here, and of a computer that is known otherwise */
    CHECK_SPAN(span_of(cache_find(&u.here.cache, "s1")->computer), "here");
    CHECK(!cache_find(&u.here.cache, "f1"));
    CHECK_INT(unit_reached_asks(&u, "GET", "/computers", NULL, "\"behind\":\"bee\""), 200);
    CHECK(unit_server_said(&u.here, "\"name\":\"bee\",\"status\":\"online\""));
    UNIT_HTTPD_UNTIL(&u.here.h, u.here.server.reached->projects.n > 2);
    CHECK_INT(unit_reached_asks(&u, "GET", "/projects?computer=cee", NULL, "\"/q\""), 200);
    CHECK_INT(unit_reached_asks(&u, "GET", "/projects", NULL, "\"/p\""), 200);
    CHECK(!unit_server_said(&u.here, "\"/r\""));
    unit_reached_free(&u);
}

static void unit_reached_forwards(void)
{
    struct unit_reached u;
    test_begin(
        "what is asked of a reached computer is handed over, without what is true here only");
    unit_reached_init(&u);
    unit_reached_hears(&u, "session_removed", "\"b2\"");
    CHECK_INT(unit_reached_asks(&u, "POST", "/sessions/b1/message", "{\"message\":\"x\"}",
                                "delivered"), 200);
    CHECK_INT(unit_reached_asks(&u, "POST", "/sessions/c1/message", "{\"message\":\"x\"}",
                                "queued"), 200);
    buf_clear(&u.there.asked);
    CHECK_INT(unit_reached_asks(&u, "POST", "/sessions",
                                "{\"computer\":\"bee\",\"env\":[\"A=b\"],\"umask\":2,"
                                "\"title\":\"t\"}",
                                "\"b3\""), 200);
    CHECK(strstr(buf_cstr(&u.there.asked),
                 "POST /sessions {\"title\":\"t\",\"computer\":\"local\"}\n") != NULL);
    CHECK_INT(unit_reached_asks(&u, "POST", "/sessions/end",
                                "{\"ids\":[\"b1\",\"c1\"],\"undo_s\":0}", "b1"), 200);
    CHECK(!unit_server_said(&u.here, "Error"));
    unit_reached_free(&u);
}

static void unit_reached_cut(void)
{
    struct unit_reached u;
    test_begin("a pipe that is cut is said with its reason, and what is asked then is refused");
    unit_reached_init(&u);
    unit_reached_hears(&u, "session_removed", "\"b2\"");
    unit_httpd_frame(&u.here.h, u.link, WS_TEXT, "{\"up\":false,\"why\":\"no route\"}");
    unit_reached_hears(&u, "computer_updated", "\"reach\":\"no route\"");
    CHECK_INT(unit_reached_asks(&u, "POST", "/sessions/b1/message", "{\"message\":\"x\"}",
                                "bee can't be reached now: no route"), 503);
    CHECK_INT(unit_reached_asks(&u, "GET", "/computers", NULL,
                                "\"name\":\"bee\",\"status\":\"stale\""), 200);
    CHECK(cache_find(&u.here.cache, "b1") != NULL); /* as it was last seen */
    unit_httpd_frame(&u.here.h, u.link, WS_TEXT, "{\"up\":true,\"why\":null}");
    unit_reached_hears(&u, "computer_updated", "\"reach\":\"ready\"");
    unit_reached_free(&u);
}

static void unit_reached_ends(void)
{
    struct unit_reached u;
    test_begin("unreach closes the link, and the computers are gone with their sessions");
    unit_reached_init(&u);
    unit_reached_hears(&u, "session_removed", "\"b2\"");
    CHECK_INT(unit_reached_asks(&u, "DELETE", "/reach?name=cee", NULL, "no computer"), 404);
    CHECK_INT(unit_reached_asks(&u, "DELETE", "/reach?name=bee", NULL, "success"), 200);
    unit_reached_hears(&u, "computer_removed", "\"bee\"");
    unit_reached_hears(&u, "computer_removed", "\"cee\"");
    CHECK(!cache_find(&u.here.cache, "b1") && !cache_find(&u.here.cache, "c1"));
    CHECK(cache_find(&u.here.cache, "s1") != NULL);
    unit_reached_free(&u);
}

static void unit_reached_refused(void)
{
    static const struct {
        const char *query, *why;
    } cases[] = {{"name=bee&self=x", "reached already"},
                 {"name=here&self=x", "this computer's name"},
                 {"name=a%01b&self=x", "no name for a computer"},
                 {"name=far&self=x", "known by Redis"}};
    struct unit_reached u;
    test_begin("a computer of a name that is taken, or is none, isn't added");
    unit_reached_init(&u);
    CHECK(strstr(unit_httpd_next(&u.here.h, u.link, &u.here.body), "sessions") != NULL);
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        int i = unit_reached_open(&u, cases[k].query);
        CHECK(strncmp(unit_httpd_next(&u.here.h, i, &u.here.body), "8:1008 ", 7) == 0);
        CHECK(unit_server_said(&u.here, cases[k].why));
        unit_reached_leave(&u, i);
    }
    CHECK_INT(unit_reached_asks(&u, "GET", "/reach?name=x", NULL, "expected name"), 400);
    unit_reached_free(&u);
}

static void unit_reached_most(void)
{
    struct unit_reached u;
    struct json name;
    char text[20], *known;
    test_begin("of the computers behind a reached one the first REACHED_OTHERS_MAX are shown");
    unit_reached_init(&u);
    unit_reached_hears(&u, "session_removed", "\"b2\"");
    struct reached *bee = u.here.server.reached;
    CHECK_INT(bee->other_count, 1);
    for (int i = 1; i < REACHED_OTHERS_MAX + 2; i++) {
        snprintf(text, sizeof text, "\"n%d\"", i);
        CHECK_INT(json_parse(span_of(text), &name, NULL, NULL), PARSE_DONE);
        known = reached_name(bee, name);
        CHECK(i < REACHED_OTHERS_MAX ? known && strcmp(known, bee->others[i]) == 0 : !known);
        free(known);
    }
    CHECK_INT(bee->other_count, REACHED_OTHERS_MAX);
    json_parse(span_of("\"n1\""), &name, NULL, NULL);
    known = reached_name(bee, name); /* those that are known stay */
    CHECK(known && strcmp(known, "n1") == 0);
    free(known);
    unit_reached_free(&u);
}

static void unit_reached_starts_none(void)
{
    struct unit_reached u;
    buf log = {0};
    test_begin("no daemon is started here for a computer whose daemon has ended");
    unit_reached_init(&u);
    CHECK(strstr(unit_httpd_next(&u.here.h, u.link, &u.here.body), "sessions") != NULL);
    int i = unit_httpd_upgrade(&u.here.h, "/reach?name=dee&self=dee&socket=/nowhere/s");
    unit_httpd_frame(&u.here.h, i, WS_TEXT, "{\"up\":true,\"why\":null}");
    struct reached *dee = reached_find(&u.here.server, span_of("dee"));
    CHECK(dee != NULL);
    UNIT_HTTPD_UNTIL(&u.here.h, dee->client.push == CLIENT_WAITING);
    buf_fmt(&log, "%s/daemon.log", u.here.d.state);
    CHECK(access(buf_cstr(&log), F_OK) != 0);
    unit_reached_leave(&u, i);
    buf_free(&log);
    unit_reached_free(&u);
}

static void unit_reached(void)
{
    if (HTTP_HEAD_MAX < 1024) { /* a limit for tests, which a request between daemons exceeds */
        test_begin("reached computers need usual limits");
        return;
    }
    unit_reached_shown();
    unit_reached_forwards();
    unit_reached_cut();
    unit_reached_ends();
    unit_reached_refused();
    unit_reached_most();
    unit_reached_starts_none();
}
