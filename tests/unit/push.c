/* Unit tests of push: topics, and clients that are too slow, on the server of routes' tests. */

/* The next message of a client begins like that. */
static int unit_push_comes(struct unit_server *u, int i, const char *want)
{
    return strncmp(unit_httpd_next(&u->h, i, &u->body), want, strlen(want)) == 0;
}

static void unit_push_topics(void)
{
    static const span event = {"{\"event\":\"x\"}", 13};
    struct unit_server u;
    test_begin("a client hears of its topics alone: their state first, then each event");
    unit_server_init(&u);
    int i = unit_httpd_upgrade(&u.h, "/ws"), other = unit_httpd_upgrade(&u.h, "/ws");
    unit_httpd_frame(&u.h, i, WS_TEXT, "{\"subscribe\":\"sessions\"}");
    CHECK(unit_push_comes(&u, i, "1:{\"event\":\"sessions_initial\",\"data\":{\"sessions\":[{"));
    CHECK(unit_server_said(&u, "\"far1\"") && unit_server_said(&u, "\"s1\""));
    unit_httpd_frame(&u.h, other, WS_TEXT, "{\"subscribe\":\"preparation\",\"here\":\"/tmp\"}");
    CHECK(unit_push_comes(&u, other,
                          "1:{\"event\":\"preparation_initial\",\"data\":{\"projects\":["));
    cache_publish(&u.cache, CACHE_SESSIONS, event);
    CHECK(unit_push_comes(&u, i, "1:{\"event\":\"x\"}"));
    unit_httpd_frame(&u.h, i, WS_TEXT, "{\"refresh\":true}");
    CHECK(unit_push_comes(&u, i, "1:{\"event\":\"sessions_initial\""));
    unit_httpd_frame(&u.h, i, WS_TEXT, "{\"unsubscribe\":\"sessions\"}");
    UNIT_HTTPD_UNTIL(&u.h, !(u.cache.interest & CACHE_SESSIONS));
    cache_publish(&u.cache, CACHE_SESSIONS, event);
    unit_httpd_frame(&u.h, i, WS_PING, "");
    CHECK(unit_push_comes(&u, i, "10:"));
    unit_httpd_hang_up(&u.h, other);
    UNIT_HTTPD_UNTIL(&u.h, !u.cache.interest);
    CHECK(!u.cache.subscribers);
    unit_server_free(&u);
}

static void unit_push_nonsense(void)
{
    static const char *const nonsense[] = {"x", "[]", "{\"subscribe\":\"all\"}",
                                           "{\"unsubscribe\":1}", "{\"refresh\":1}", "{}"};
    struct unit_server u;
    test_begin("a message that makes no sense is ignored; a binary one closes with 1003");
    unit_server_init(&u);
    int i = unit_httpd_upgrade(&u.h, "/ws");
    for (size_t k = 0; k < COUNT_OF(nonsense); k++)
        unit_httpd_frame(&u.h, i, WS_TEXT, nonsense[k]);
    unit_httpd_frame(&u.h, i, WS_PING, "");
    CHECK(unit_push_comes(&u, i, "10:"));
    unit_httpd_frame(&u.h, i, WS_BINARY, "x");
    CHECK(unit_push_comes(&u, i, "8:1003 "));
    unit_server_free(&u);
}

static void unit_push_here(void)
{
    struct unit_server u;
    test_begin(
        "the directory a client was opened in is visited until another, or the client's end");
    unit_server_init(&u);
    int i = unit_httpd_upgrade(&u.h, "/ws");
    struct push_subscriber *s = u.h.httpd.clients->ws_ctx;
    unit_httpd_frame(&u.h, i, WS_TEXT, "{\"subscribe\":\"preparation\",\"here\":\"/tmp/\"}");
    CHECK(unit_push_comes(&u, i, "1:{\"event\":\"preparation_initial\""));
    CHECK_SPAN(span_of(s->here), "/tmp");
    int count = u.projects.count;
    unit_httpd_frame(&u.h, i, WS_TEXT, "{\"subscribe\":\"preparation\",\"here\":\"rel\"}");
    unit_httpd_frame(&u.h, i, WS_TEXT, "{\"subscribe\":\"preparation\",\"here\":7}");
    unit_httpd_frame(&u.h, i, WS_TEXT, "{\"subscribe\":\"preparation\"}");
    unit_httpd_frame(&u.h, i, WS_TEXT, "{\"subscribe\":\"preparation\",\"here\":\"/\"}");
    UNIT_HTTPD_UNTIL(&u.h, strcmp(s->here, "/") == 0);
    CHECK_INT(u.projects.count, count);
    unit_httpd_hang_up(&u.h, i);
    UNIT_HTTPD_UNTIL(&u.h, u.projects.count == count - 1);
    unit_server_free(&u);
}

static void unit_push_slow_client(void)
{
    struct unit_server u;
    buf event = {0};
    test_begin("a client that is too slow misses updates and gets the full state once it has read");
    unit_server_init(&u);
    int i = unit_httpd_upgrade(&u.h, "/ws");
    struct push_subscriber *s = u.h.httpd.clients->ws_ctx;
    unit_httpd_frame(&u.h, i, WS_TEXT, "{\"subscribe\":\"sessions\"}");
    CHECK(unit_push_comes(&u, i, "1:{\"event\":\"sessions_initial\""));
    buf_str(&event, "{\"event\":\"");
    while (event.n < HTTPD_QUEUE_MAX / 4)
        buf_byte(&event, 'x');
    buf_str(&event, "\"}");
    int fd = u.h.fds[i];
    u.h.fds[i] = -1; /* it reads nothing */
    for (int k = 0; k < 40 && !s->overflowed; k++) {
        cache_publish(&u.cache, CACHE_SESSIONS, buf_view(&event));
        unit_httpd_loop(&u.h);
        CHECK(httpd_queued(s->client) <= HTTPD_QUEUE_MAX);
    }
    CHECK(s->overflowed);
    cache_publish(&u.cache, CACHE_SESSIONS, span_of("{\"event\":\"missed\"}"));
    u.h.fds[i] = fd;
    while (unit_push_comes(&u, i, "1:{\"event\":\"x"))
        ;
    CHECK(strncmp(buf_cstr(&u.body), "1:{\"event\":\"sessions_initial\"", 27) == 0);
    CHECK(!s->overflowed);
    cache_publish(&u.cache, CACHE_SESSIONS, span_of("{\"event\":\"y\"}"));
    CHECK(unit_push_comes(&u, i, "1:{\"event\":\"y\"}"));
    buf_free(&event);
    unit_server_free(&u);
}

static void unit_push(void)
{
    unit_push_topics();
    unit_push_nonsense();
    unit_push_here();
    unit_push_slow_client();
}
