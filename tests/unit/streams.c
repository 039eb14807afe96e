/* Unit tests of streams: requests and replies, the XREAD set, what Redis refuses, lost
 * connections. */

struct unit_streams_reply {
    int done, good;
    char text[200]; /* the data, the error, or why there is no reply */
};

static void unit_streams_on_reply(void *ctx, const struct codec_reply *reply, struct codec_id at,
                                  const char *why)
{
    struct unit_streams_reply *got = ctx;
    span text = reply ? (reply->good ? reply->data : reply->error).text : span_of(why);
    (void)at;
    got->done++;
    got->good = reply && reply->good;
    snprintf(got->text, sizeof got->text, "%.*s", (int)text.n, text.p);
}

static struct streams_request *unit_streams_ask(struct unit_fleet_computer *c, const char *to,
                                                const char *command, struct unit_streams_reply *got)
{
    struct codec_request request = {.command = span_of(command)};
    const char *why = "";
    *got = (struct unit_streams_reply){0};
    struct streams_request *made =
        streams_ask(&c->fleet.streams, to, &request, unit_streams_on_reply, got, &why);
    if (!made)
        snprintf(got->text, sizeof got->text, "%s", why);
    return made;
}

static void unit_streams_requests(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    struct unit_streams_reply got, other;
    char wait[32];
    test_begin("a request gets its own reply, though two are sent in one millisecond");
    unit_fleet_two(&u, &a, &b, 0);
    unit_fleet_put(b, "s1", "one");
    CHECK(unit_streams_ask(a, "hostb", "list_sessions", &got) != NULL);
    CHECK(unit_streams_ask(a, "hostb", "nonsense", &other) != NULL);
    UNIT_FLEET_UNTIL(&u, got.done && other.done);
    CHECK(got.good && strstr(got.text, "\"s1\"") && !strstr(got.text, "computer"));
    CHECK(!other.good && strstr(other.text, "no handler"));
    unit_fleet_end(&u);

    test_begin("a request that a computer does not answer ends after STREAMS_REPLY_MS, once");
    unit_fleet_two(&u, &a, &b, 0);
    long long before = u.loop.now;
    unit_streams_ask(a, "nobody", "list_sessions", &got);
    UNIT_FLEET_UNTIL(&u, got.done);
    CHECK(u.loop.now >= before + STREAMS_REPLY_MS);
    CHECK_SPAN(span_of(got.text),
               "does not answer; the request is withdrawn, but may have been carried out");
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&u.asked, "|XDEL messages:nobody "));
    UNIT_FLEET_UNTIL(&u, unit_fleet_key(&u, "messages:nobody", 0)->count == 0);
    unit_fleet_for(&u, 50);
    CHECK_INT(got.done, 1);
    CHECK_INT(a->fleet.streams.request_count, 0);
    unit_fleet_end(&u);

    test_begin("a request that Redis gets too late is withdrawn as well");
    unit_fleet_two(&u, &a, &b, 0);
    snprintf(wait, sizeof wait, "wait_ms %d|", STREAMS_REPLY_MS - STREAMS_SKEW_MS);
    u.hold = 1;
    unit_streams_ask(a, "nobody", "list_sessions", &got);
    UNIT_FLEET_UNTIL(&u, got.done);
    CHECK(strstr(got.text, "Redis does not answer; the request is withdrawn") != NULL);
    u.hold = 0;
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&u.asked, "|XDEL messages:nobody "));
    CHECK(unit_fleet_has(&u.asked, wait)); /* less than the asker waits: clocks differ a little */
    CHECK_INT(unit_fleet_key(&u, "messages:nobody", 0)->count, 0);
    unit_fleet_end(&u);

    test_begin("a cancelled request is not told of its reply");
    unit_fleet_two(&u, &a, &b, 0);
    streams_cancel(unit_streams_ask(a, "hostb", "list_sessions", &got));
    struct streams_request *later = unit_streams_ask(a, "hostb", "list_sessions", &other);
    UNIT_FLEET_UNTIL(&u, !later->sending); /* its XADD is answered, the reply is awaited */
    streams_cancel(later);
    unit_fleet_for(&u, STREAMS_REPLY_MS + 50);
    CHECK_INT(got.done + other.done, 0);
    unit_fleet_end(&u);
}

static void unit_streams_limits(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    struct unit_streams_reply got;
    test_begin("a request past STREAMS_PENDING_MAX, or without a connection, is not sent");
    unit_fleet_two(&u, &a, &b, 0);
    a->fleet.streams.request_count += STREAMS_PENDING_MAX;
    CHECK(unit_streams_ask(a, "hostb", "list_sessions", &got) == NULL);
    CHECK_SPAN(span_of(got.text), "too many requests are pending");
    a->fleet.streams.request_count -= STREAMS_PENDING_MAX;
    struct redis *r = &a->fleet.streams.calls;
    while (r->pending_count < REDIS_PENDING_MAX)
        streams_call(&a->fleet.streams, (const char *const[]){"PING", NULL}, NULL, NULL);
    CHECK(unit_streams_ask(a, "hostb", "list_sessions", &got) == NULL);
    CHECK(strstr(got.text, "does not keep up") != NULL);
    UNIT_FLEET_UNTIL(&u, r->pending_count < 10);
    a->fleet.streams.ready = 0;
    CHECK(unit_streams_ask(a, "hostb", "list_sessions", &got) == NULL);
    CHECK_SPAN(span_of(got.text), "Redis is not connected");
    a->fleet.streams.ready = 1;
    CHECK_INT(got.done, 0);
    unit_fleet_end(&u);
}

static void unit_streams_clock(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    test_begin("Redis's time is asked for now and then: this computer's clock drifts");
    unit_fleet_two(&u, &a, &b, 0);
    a->fleet.streams.clock -= 60000;
    CHECK(streams_now(&a->fleet.streams) < clock_wall_ms() - 50000);
    UNIT_FLEET_UNTIL(&u, streams_now(&a->fleet.streams) > clock_wall_ms() - 5000);
    CHECK(streams_now(&a->fleet.streams) < clock_wall_ms() + 5000);

    test_begin("a reply to TIME that took long does not set the clock");
    long long clock = a->fleet.streams.clock -= 60000;
    struct resp reply = {.type = RESP_ARRAY};
    a->fleet.streams.time_asked_at = clock_mono_ms() - STREAMS_SKEW_MS;
    streams_set_clock(&a->fleet.streams, &reply);
    CHECK_INT(a->fleet.streams.clock, clock);
    unit_fleet_end(&u);
}

static void unit_streams_prefix(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    struct unit_streams_reply got;
    test_begin("with a prefix all keys and the channel have it, and without it nobody is seen");
    unit_fleet_begin(&u);
    u.query = "?prefix=%7Bteam%7D:";
    a = unit_fleet_new(&u, "hosta");
    b = unit_fleet_new(&u, "hostb");
    u.query = NULL;
    struct unit_fleet_computer *other = unit_fleet_new(&u, "other");
    unit_fleet_subscribe(a, CACHE_SESSIONS);
    unit_fleet_start(a);
    unit_fleet_start(b);
    UNIT_FLEET_UNTIL(&u, unit_fleet_knows(a, "hostb") && unit_fleet_knows(b, "hosta") &&
                             b->fleet.messages.link);
    unit_streams_ask(a, "hostb", "list_sessions", &got);
    UNIT_FLEET_UNTIL(&u, got.done);
    CHECK(got.good);
    unit_fleet_put(b, "s1", "one");
    UNIT_FLEET_UNTIL(&u, cache_find(&a->cache, "s1"));
    for (const struct unit_fleet_key *key = u.keys; key; key = key->next)
        CHECK(strncmp(key->name, "{team}:", 7) == 0);
    CHECK(unit_fleet_has(&u.asked, "|PUBLISH {team}:telec:presence "));
    unit_fleet_start(other);
    UNIT_FLEET_UNTIL(&u, other->fleet.beats > 2);
    CHECK_INT(other->fleet.count, 0);
    unit_fleet_end(&u);
}

static void unit_streams_refusals(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    struct unit_streams_reply got;
    test_begin("a refused request fails with Redis's words");
    unit_fleet_two(&u, &a, &b, 0);
    u.refuse = "XADD messages:";
    unit_streams_ask(a, "hostb", "list_sessions", &got);
    UNIT_FLEET_UNTIL(&u, got.done);
    CHECK_SPAN(span_of(got.text), "Redis refuses the request: ERR refused for a test");
    unit_fleet_end(&u);

    test_begin("a request whose id is too low for its stream is sent with one above the last");
    unit_fleet_two(&u, &a, &b, 0);
    unit_fleet_send(&u, "messages:hostb", "99999999999999-1",
                    (const char *const[]){"command", "list_todos", NULL});
    unit_streams_ask(a, "hostb", "list_sessions", &got);
    UNIT_FLEET_UNTIL(&u, got.done);
    CHECK(got.good);
    unit_fleet_end(&u);

    test_begin("a refused XREAD is in the log with Redis's words, and is tried again");
    unit_fleet_two(&u, &a, &b, 0);
    u.refuse = "XREAD";
    streams_reread(&a->fleet.streams);
    UNIT_FLEET_UNTIL(&u,
                     unit_fleet_has(&u.logged, "XREAD of Redis: refused: ERR refused for a test"));
    u.refuse = NULL;
    unit_streams_ask(b, "hosta", "list_sessions", &got);
    UNIT_FLEET_UNTIL(&u, got.done);
    UNIT_FLEET_UNTIL(&u, a->fleet.streams.blocked);
    unit_fleet_end(&u);

    test_begin("an XREAD that a demotion ends makes us ask at once whether the server serves");
    unit_fleet_two(&u, &a, &b, 0);
    u.refuse = "XREAD";
    u.words = "UNBLOCKED instance state changed (master -> replica?)";
    long long connects = a->fleet.streams.calls.connects;
    streams_reread(&a->fleet.streams);
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&u.logged, "XREAD of Redis: refused: UNBLOCKED"));
    u.refuse = NULL;
    UNIT_FLEET_UNTIL(&u, a->fleet.streams.calls.connects > connects);
    UNIT_FLEET_UNTIL(&u, a->fleet.streams.ready && a->fleet.streams.blocked);
    unit_fleet_end(&u);

    test_begin("a right that the reading connection lacks is why, and in the log once");
    unit_fleet_two(&u, &a, &b, 0);
    buf_clear(&u.logged);
    u.refuse = "XREAD";
    u.words = "NOPERM this user has no XREAD";
    streams_reread(&a->fleet.streams);
    UNIT_FLEET_UNTIL(&u, strstr(streams_weakest(&a->fleet.streams)->why, "NOPERM"));
    CHECK(!unit_fleet_has(&u.logged, "XREAD of Redis"));
    u.refuse = NULL;
    unit_streams_ask(a, "hostb", "list_sessions", &got); /* an XREAD that does not block long */
    UNIT_FLEET_UNTIL(&u, !streams_weakest(&a->fleet.streams)->why[0]);
    unit_fleet_end(&u);

    test_begin("a subscription that is refused is tried again");
    unit_fleet_begin(&u);
    a = unit_fleet_new(&u, "hosta");
    u.refuse = "SUBSCRIBE";
    u.words = "NOPERM no channel";
    unit_fleet_start(a);
    UNIT_FLEET_UNTIL(&u, a->fleet.streams.deaf && a->fleet.streams.calls.why[0]);
    u.refuse = NULL;
    UNIT_FLEET_UNTIL(&u, !a->fleet.streams.deaf && !a->fleet.streams.calls.why[0]);
    unit_fleet_publish(&u, PRESENCE_CHANNEL, "{\"computer_name\":\"hostx\",\"telec\":\"1\"}");
    UNIT_FLEET_UNTIL(&u, unit_fleet_knows(a, "hostx"));
    unit_fleet_end(&u);

    test_begin("without CLIENT UNBLOCK a new connection interrupts the XREAD");
    unit_fleet_two(&u, &a, &b, 0);
    u.no_unblock = 1;
    connects = a->fleet.streams.reader.connects;
    unit_streams_ask(a, "hostb", "list_sessions", &got);
    UNIT_FLEET_UNTIL(&u, got.done);
    CHECK(got.good);
    CHECK(a->fleet.streams.reader.connects > connects);
    unit_streams_ask(a, "hostb", "list_sessions", &got);
    UNIT_FLEET_UNTIL(&u, got.done && got.good);
    CHECK_INT(unit_fleet_times(&u.logged, "Redis refuses CLIENT UNBLOCK"), 1);
    unit_fleet_end(&u);
}

static void unit_streams_bad_replies(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    struct unit_streams_reply got;
    test_begin("a reply that is no reply is ignored; the next one counts");
    unit_fleet_two(&u, &a, &b, 0);
    struct streams_request *request = unit_streams_ask(a, "nobody", "list_sessions", &got);
    UNIT_FLEET_UNTIL(&u, request->stream.link);
    char *key = span_dup(span_of(request->stream.key));
    unit_fleet_send(&u, key, NULL, (const char *const[]){"other", "x", NULL});
    unit_fleet_send(&u, key, NULL, (const char *const[]){"chunk", "{\"status\":1}", NULL});
    unit_fleet_send(&u, key, NULL,
                    (const char *const[]){"chunk", "{\"status\":\"success\",\"data\":7}", NULL});
    UNIT_FLEET_UNTIL(&u, got.done);
    CHECK_SPAN(span_of(got.text), "7");
    CHECK(unit_fleet_has(&u.logged, "a reply of nobody: "));
    free(key);
    unit_fleet_end(&u);
}

static void unit_streams_losses(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    struct unit_streams_reply got;
    test_begin("requests in flight end when the connection is lost, and all works again after it");
    unit_fleet_two(&u, &a, &b, CACHE_SESSIONS);
    u.silent = "XADD messages:";
    unit_streams_ask(a, "hostb", "list_sessions", &got);
    unit_fleet_for(&u, 30);
    u.silent = NULL;
    redis_restart(&a->fleet.streams.calls);
    UNIT_FLEET_UNTIL(&u, got.done);
    CHECK_SPAN(span_of(got.text),
               "the connection to Redis was lost; the request may have been carried out");
    UNIT_FLEET_UNTIL(&u, a->fleet.streams.ready);
    unit_fleet_put(b, "s2", "two");
    UNIT_FLEET_UNTIL(&u, cache_find(&a->cache, "s2"));
    unit_streams_ask(a, "hostb", "list_sessions", &got);
    UNIT_FLEET_UNTIL(&u, got.done && got.good);
    unit_fleet_end(&u);

    test_begin("the end of the daemon ends its requests without a reply");
    unit_fleet_two(&u, &a, &b, 0);
    unit_streams_ask(a, "nobody", "list_sessions", &got);
    unit_fleet_stop(a);
    CHECK_INT(got.done, 1);
    CHECK_SPAN(span_of(got.text), "the daemon ends");
    unit_fleet_end(&u);

    test_begin("with RESP2 presence is heard on a connection of its own");
    unit_fleet_begin(&u);
    u.old = 1;
    a = unit_fleet_new(&u, "hosta");
    unit_fleet_start(a);
    UNIT_FLEET_UNTIL(&u, a->fleet.streams.subscriber.state == REDIS_READY);
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&u.asked, "SUBSCRIBE telec:presence"));
    unit_fleet_beat(&u, "python", "", 0);
    UNIT_FLEET_UNTIL(&u, unit_fleet_knows(a, "python"));
    CHECK_INT(a->fleet.streams.calls.protocol, 2);
    unit_fleet_end(&u);
}

static void unit_streams_silence(void)
{
    struct unit_fleet u;
    struct unit_fleet_computer *a, *b;
    struct unit_streams_reply got;
    test_begin("an XREAD blocks for STREAMS_BLOCK_MS at most, and is sent again");
    unit_fleet_two(&u, &a, &b, CACHE_SESSIONS);
    buf_clear(&u.asked);
    unit_fleet_for(&u, 3 * STREAMS_BLOCK_MS);
    CHECK(unit_fleet_times(&u.asked, "|XREAD ") >= 4);
    CHECK(unit_fleet_times(&u.asked, "|XREAD ") <= 2 * 3 * STREAMS_BLOCK_MS / PRESENCE_BEAT_MS + 4);
    CHECK(!unit_fleet_has(&u.asked, " BLOCK 0 "));
    CHECK_INT(a->fleet.streams.reader.losses, 0);
    unit_fleet_end(&u);

    test_begin("a link on which no XREAD is answered is lost, which is told with the reason");
    unit_fleet_two(&u, &a, &b, CACHE_SESSIONS);
    struct streams *s = &a->fleet.streams;
    s->reader.times.reply = 50;
    unit_fleet_for(&u, 2 * STREAMS_BLOCK_MS);
    u.silent = "XREAD";
    long long before = clock_mono_ms();
    UNIT_FLEET_UNTIL(&u, s->reader.losses > 0);
    CHECK(clock_mono_ms() - before < 2 * STREAMS_BLOCK_MS + 1000);
    CHECK(streams_weakest(s) == &s->reader);
    CHECK(strstr(streams_weakest(s)->why, "did not answer") != NULL);
    UNIT_FLEET_UNTIL(&u, unit_fleet_has(&a->heard, "\"redis\":\"reconnecting\""));
    u.silent = NULL;
    s->reader.times.reply = 5000;
    UNIT_FLEET_UNTIL(&u, s->reader.state == REDIS_READY);
    CHECK(streams_weakest(s) == &s->calls);
    unit_fleet_put(b, "s9", "nine");
    UNIT_FLEET_UNTIL(&u, cache_find(&a->cache, "s9"));
    unit_fleet_end(&u);

    test_begin("an XREAD that Redis does not know of is interrupted by a new connection");
    unit_fleet_two(&u, &a, &b, 0);
    u.silent = "XREAD";
    long long connects = a->fleet.streams.reader.connects;
    UNIT_FLEET_UNTIL(&u, (unit_fleet_for(&u, 20), a->fleet.streams.blocked));
    unit_fleet_for(&u, 2 * STREAMS_BLOCK_MS);
    buf_clear(&u.asked);
    unit_streams_ask(a, "hostb", "list_sessions", &got);
    UNIT_FLEET_UNTIL(&u, a->fleet.streams.reader.connects > connects);
    CHECK(unit_fleet_times(&u.asked, "CLIENT UNBLOCK") <= STREAMS_UNBLOCKS_MAX + 2);
    u.silent = NULL;
    unit_fleet_end(&u);

    test_begin("with RESP2 a silent connection for the channel is lost, too");
    unit_fleet_begin(&u);
    u.old = 1;
    a = unit_fleet_new(&u, "hosta");
    unit_fleet_start(a);
    s = &a->fleet.streams;
    UNIT_FLEET_UNTIL(&u, s->subscriber.state == REDIS_READY);
    unit_fleet_for(&u, 2 * PRESENCE_BEAT_MS);
    CHECK_INT(s->subscriber.losses, 0);
    s->subscriber.times.reply = 50;
    u.silent = "PING";
    UNIT_FLEET_UNTIL(&u, s->subscriber.losses > 0);
    u.silent = NULL;
    unit_fleet_end(&u);
}

static void unit_streams_nowhere(void)
{
    struct unit_fleet u;
    struct streams s;
    struct config config = {.redis_url = (char *)"", .computer = (char *)"x"};
    buf error = {0};
    test_begin("without a redis url nothing runs, and a wrong one is an error");
    unit_fleet_begin(&u);
    CHECK_INT(streams_init(&s, &u.loop, &config, NULL, NULL, &error), 0);
    CHECK_INT(s.on, 0);
    config.redis_url = (char *)"http://x";
    config.redis_from = (char *)"f:1";
    CHECK_INT(streams_init(&s, &u.loop, &config, NULL, NULL, &error), -1);
    CHECK(unit_fleet_has(&error, "f:1: the redis url cannot be used"));
    buf_free(&error);
    unit_fleet_end(&u);
}

static void unit_streams(void)
{
    unit_streams_requests();
    unit_streams_limits();
    unit_streams_clock();
    unit_streams_prefix();
    unit_streams_refusals();
    unit_streams_bad_replies();
    unit_streams_losses();
    unit_streams_silence();
    unit_streams_nowhere();
}
