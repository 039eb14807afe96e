/* Unit tests of relay: WebSockets of the server of routes' tests, and the holder of its session. */

/* Attaches and reads up to the first output; the client's number. */
static int unit_relay_attach(struct unit_server *u, const char *query)
{
    buf target = {0}, out = {0};
    buf_fmt(&target, "/sessions/s1/attach%s", query);
    int i = unit_httpd_upgrade(&u->h, buf_cstr(&target));
    if (strstr(query, "sizes"))
        CHECK_SPAN(span_of(unit_httpd_next(&u->h, i, &out)), "1:{\"size\":[80,24]}");
    CHECK_SPAN(span_of(unit_httpd_next(&u->h, i, &out)), "2:SNAP");
    CHECK_SPAN(span_of(unit_httpd_next(&u->h, i, &out)), "2:OUT");
    buf_free(&target), buf_free(&out);
    return i;
}

static void unit_relay_views(void)
{
    struct unit_server u;
    test_begin(
        "a viewer gets snapshot and output, sizes when asked for, and its input goes nowhere");
    unit_server_init(&u);
    unit_relay_attach(&u, "");
    int i = unit_relay_attach(&u, "?sizes=1&scrollback=1");
    CHECK(strstr(buf_cstr(&u.frames), "vzb\n") != NULL);
    unit_httpd_frame(&u.h, i, WS_BINARY, "keys");
    unit_httpd_frame(&u.h, i, WS_TEXT, "{\"resize\":[90,30]}");
    int other = unit_relay_attach(&u, "?mode=control"); /* by then those were handled */
    unit_httpd_frame(&u.h, other, WS_TEXT, "{\"resize\":[70,20]}");
    unit_httpd_frame(&u.h, other, WS_TEXT, "{\"resize\":[70]}");
    unit_httpd_frame(&u.h, i, WS_TEXT, "{\"colours\":[null,255,-1]}");
    unit_httpd_frame(&u.h, other, WS_TEXT, "{\"colours\":[1,2,3]}");
    UNIT_HTTPD_UNTIL(&u.h, strstr(buf_cstr(&u.frames), "g[1,2,3]\n") != NULL);
    unit_httpd_frame(&u.h, other, WS_TEXT, "nonsense");
    unit_httpd_frame(&u.h, other, WS_TEXT, "{\"to come\":1}");
    CHECK_INT(unit_server_ask(&u, "GET", "/health", NULL), 200); /* it is ignored by then */
    unit_httpd_frame(&u.h, other, WS_BINARY, "mine");
    UNIT_HTTPD_UNTIL(&u.h, strstr(buf_cstr(&u.frames), "imine\n") != NULL);
    CHECK(strstr(u.frames.p, "r{\"cols\":70,\"rows\":20,\"from\":\"here\"}\n"
                             "g[1,2,3]\nimine\n"));
    CHECK(!strstr(u.frames.p, "keys") && !strstr(u.frames.p, "90") && !strstr(u.frames.p, "255"));
    unit_server_free(&u);
}

static void unit_relay_ends(void)
{
    struct unit_server u;
    buf out = {0};
    test_begin(
        "viewers are closed with 1000 when the session ends; a viewer that leaves ends nothing");
    unit_server_init(&u);
    int stays = unit_relay_attach(&u, ""), leaves = unit_relay_attach(&u, "");
    unit_httpd_hang_up(&u.h, leaves);
    UNIT_HTTPD_UNTIL(&u.h, u.h.httpd.count == 2);
    CHECK_INT(unit_server_ask(&u, "GET", "/sessions/s1/screen", NULL), 200);
    unit_server_holder_ends(&u);
    CHECK(strncmp(unit_httpd_next(&u.h, stays, &out), "8:1000 ", 7) == 0);
    buf_free(&out);
    unit_server_free(&u);
}

static void unit_relay_slow_viewer(void)
{
    struct unit_server u;
    buf large = {0};
    test_begin("a viewer that does not read pauses its stream until it has read");
    unit_server_init(&u);
    int i = unit_relay_attach(&u, "");
    struct relay_viewer *viewer = u.h.httpd.clients->ws_ctx;
    int fd = u.h.fds[i], link = u.link_count - 1;
    while (large.n < 100000)
        buf_byte(&large, 'x');
    u.h.fds[i] = -1; /* it reads nothing */
    for (int k = 0; k < 20; k++)
        frame_send(&u.links[link].conn, FRAME_OUTPUT, buf_view(&large));
    UNIT_HTTPD_UNTIL(&u.h, viewer->stream->link->conn.paused);
    CHECK(httpd_queued(u.h.httpd.clients) < RELAY_BACKLOG_MAX + 300000);
    u.h.fds[i] = fd;
    UNIT_HTTPD_UNTIL(&u.h, u.h.in[i].n >= 20 * large.n);
    CHECK(!viewer->stream->link->conn.paused);
    buf_free(&large);
    unit_server_free(&u);
}

static void unit_relay_no_answer(void)
{
    struct unit_server u;
    buf b = {0};
    test_begin("a holder that does not answer is a 504; one that ends first a 409, or the log");
    unit_server_init(&u);
    u.mute = 1;
    http_put_request(&b, "GET", "/sessions/s1/screen", -1, NULL);
    unit_httpd_say(&u.h, 0, buf_view(&b));
    UNIT_HTTPD_UNTIL(&u.h, strstr(buf_cstr(&u.frames), "s\n") != NULL);
    struct relay_ask *ask = u.h.httpd.clients->gone_ctx;
    CHECK(ask->asked->timer.slot);
    loop_timer_set(&u.h.loop, &ask->asked->timer, u.h.loop.now); /* as if its time had passed */
    CHECK_INT(unit_httpd_reply(&u.h, 0, &u.body), 504);
    int other = unit_httpd_connect(&u.h);
    unit_httpd_say(&u.h, 0, buf_view(&b));
    buf_clear(&b), buf_clear(&u.frames);
    http_put_request(&b, "GET", "/sessions/s1/transcript", -1, NULL);
    unit_httpd_say(&u.h, other, buf_view(&b));
    UNIT_HTTPD_UNTIL(&u.h, strstr(buf_cstr(&u.frames), "s\n") && strstr(u.frames.p, "t\n"));
    unit_server_holder_ends(&u);
    CHECK_INT(unit_httpd_reply(&u.h, 0, &u.body), 409);
    CHECK_INT(unit_httpd_reply(&u.h, other, &u.body), 200);
    CHECK(unit_server_said(&u, "\"transcript\":\"\""));
    buf_free(&b);
    unit_server_free(&u);
}

/* What only a stream of another computer tells. */
static void unit_relay_link(void)
{
    struct unit_server u;
    test_begin("a viewer is told that its link was lost or is back, and of an end to be undone");
    unit_server_init(&u);
    int i = unit_httpd_upgrade(&u.h, "/sessions/s1/attach?mode=control");
    struct relay_viewer *viewer = u.h.httpd.clients->ws_ctx;
    relay_on_link(viewer, "no answer", 3);
    relay_on_link(viewer, NULL, 0);
    relay_on_ending(viewer, 5000);
    static const char *const said[] = {
        "{\"link\":\"lost\",\"why\":\"no answer\",\"unsent\":3}",
        "{\"link\":\"back\",\"unsent\":0}", "5000"};
    for (size_t k = 0, more = 20; k < COUNT_OF(said) && more; more--)
        k += strstr(unit_httpd_next(&u.h, i, &u.body), said[k]) != NULL;
    CHECK(unit_server_said(&u, "5000"));
    unit_server_free(&u);
}

static void unit_relay(void)
{
    unit_relay_link();
    unit_relay_views();
    unit_relay_ends();
    unit_relay_slow_viewer();
    unit_relay_no_answer();
}
