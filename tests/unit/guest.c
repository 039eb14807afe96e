/* Unit tests of guest: entries of input as another program may write them. */

static void unit_guest_type(struct unit_requests *r, const char *n, const char *op,
                            const char *data)
{
    char at[24], id[24];
    snprintf(id, sizeof id, "%s-0", n);
    snprintf(at, sizeof at, "%lld", streams_now(&r->a->fleet.streams));
    unit_fleet_send(&r->u, "input:tok", id,
                    (const char *const[]){"at", at, "op", op, "data", data, NULL});
}

static void unit_guest_open(struct unit_requests *r, const char *command)
{
    buf_clear(&r->h.asked);
    CHECK(strstr(unit_requests_ask(r, command, "session_id", "s1"), "\"instance\":"));
    CHECK_INT(r->a->requests.guests.count, 1);
}

static void unit_guest_input(void)
{
    struct unit_requests r;
    test_begin("entries of input are typed in order and once");
    unit_requests_begin(&r);
    struct guests *all = &r.a->requests.guests;
    unit_guest_open(&r, "attach tok screen - 90 30");
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(
        &r.h.asked, "vz\nr{\"cols\":90,\"rows\":30,\"from\":\"python\"}\n"));
    unit_guest_type(&r, "1", "type", "one");
    unit_guest_type(&r, "2", "fly", "unknown");
    unit_guest_type(&r, "3", "size", "nonsense");
    unit_guest_type(&r, "4", "colours", "{}");
    unit_guest_type(&r, "5", "type", "two");
    UNIT_FLEET_UNTIL(&r.u, all->first->number == 5);
    unit_fleet_drop(&r.u, "input:tok");
    all->first->input.at = (struct codec_id){0}; /* as if it were read again */
    streams_reread(&r.a->fleet.streams);
    unit_guest_type(&r, "1", "type", "twice");
    unit_guest_type(&r, "6", "ack", "0");
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&r.h.asked, "ione\nitwo\n"));
    UNIT_FLEET_UNTIL(&r.u, all->first->number == 6);
    CHECK(!unit_fleet_has(&r.h.asked, "twice") && !unit_fleet_has(&r.h.asked, "nonsense"));
    CHECK(!unit_fleet_has(&r.h.asked, "\ng["));

    test_begin("a gap ends the attachment, and nothing behind it is typed");
    unit_guest_type(&r, "8", "type", "three");
    UNIT_FLEET_UNTIL(&r.u, all->count == 0);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&r.u.asked, "end input was lost on its way again 1|"));
    CHECK(!unit_fleet_has(&r.h.asked, "three"));

    test_begin("input that came too late is not typed");
    unit_fleet_drop(&r.u, "input:tok");
    unit_guest_open(&r, "attach tok screen -");
    unit_fleet_send(&r.u, "input:tok", "1-0",
                    (const char *const[]){"at", "1700000000000", "op", "type", "data", "old",
                                          NULL});
    UNIT_FLEET_UNTIL(&r.u, all->count == 0);
    UNIT_FLEET_UNTIL(&r.u,
                     unit_fleet_has(&r.u.asked, "end what was typed came too late again 1|"));
    CHECK(!unit_fleet_has(&r.h.asked, "iold"));

    test_begin("the end is heeded whatever its number, and deletes the keys");
    unit_fleet_drop(&r.u, "input:tok");
    unit_guest_open(&r, "attach tok screen -");
    unit_guest_type(&r, "9", "end", "");
    UNIT_FLEET_UNTIL(&r.u, all->count == 0 && !unit_fleet_key(&r.u, "input:tok", 0) &&
                               !unit_fleet_key(&r.u, "output:tok", 0));

    test_begin("an attachment without a sign of life ends");
    unit_guest_open(&r, "view tok scrollback -");
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_has(&r.h.asked, "vzb\n"));
    UNIT_FLEET_UNTIL(&r.u, all->count == 0);
    UNIT_FLEET_UNTIL(&r.u, unit_fleet_views(&r.h) == 0);

    test_begin("a new attachment takes the old one's place, if that is the same computer's");
    unit_guest_open(&r, "view tok screen -");
    unit_guest_open(&r, "view tok2 screen tok");
    CHECK_INT(strcmp(all->first->token, "tok2"), 0);
    free(all->first->who);
    all->first->who = span_dup(span_of("other"));
    unit_requests_ask(&r, "view tok3 screen tok2", "session_id", "s1");
    CHECK_INT(all->count, 2);
    guest_drop_all(all);

    test_begin("bad requests for an attachment are refused, and so are too many");
    static const char *const bad[] = {"view", "view tok", "view tok screen", "view a/b screen -",
                                      "view tok screen - 80 24", "attach tok screen - 80",
                                      "attach tok screen - x 24", "attach tok screen - 0 24",
                                      "attach tok screen - 80 99999"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK(strstr(unit_requests_ask(&r, bad[i], "session_id", "s1"), "BAD_REQUEST") != NULL);
    all->count += GUEST_MAX;
    CHECK(strstr(unit_requests_ask(&r, "view tok screen -", "session_id", "s1"), "BUSY") != NULL);
    all->count -= GUEST_MAX;
    char *socket = r.h.session->socket;
    r.h.session->socket = (char *)"/nonexistent";
    CHECK(strstr(unit_requests_ask(&r, "view tok screen -", "session_id", "s1"), "ENDED") != NULL);
    r.h.session->socket = socket;
    CHECK_INT(all->count, 0);
    unit_requests_end(&r);
}

static void unit_guest_output(void)
{
    struct unit_requests r;
    test_begin("a snapshot longer than the window is sent whole, at the asker's pace");
    unit_requests_begin(&r);
    struct guests *all = &r.a->requests.guests;
    unit_guest_open(&r, "view tok screen -");
    UNIT_FLEET_UNTIL(&r.u, all->first->piece == 1 && !all->first->bytes.n);
    struct guest *g = all->first;
    size_t size = FRAME_PIECE + 1000;
    char *big = base_alloc(size + 1);
    char ack[24], n[12];
    memset(big, 'x', size);
    for (int i = 0; i < UNIT_FLEET_VIEWERS; i++)
        if (r.h.viewers[i].views)
            frame_send_snapshot(&r.h.viewers[i].conn, NULL, (span){big, size});
    UNIT_FLEET_UNTIL(&r.u, all->first != g || g->paused);
    CHECK(all->first == g && !g->skipping && g->sent <= GUEST_WINDOW + (64 << 10));
    for (int i = 1; i < 50 && all->first == g && g->sent < (long long)size + 10; i++) {
        long long sent = g->sent;
        snprintf(ack, sizeof ack, "%lld", sent);
        snprintf(n, sizeof n, "%d", i);
        unit_guest_type(&r, n, "ack", ack);
        UNIT_FLEET_UNTIL(&r.u, all->first != g || g->acked == sent);
        unit_fleet_for(&r.u, 20);
    }
    CHECK(all->first == g && g->sent == (long long)size + 10); /* and the first snapshot */
    CHECK(all->first == g && !g->paused && !g->whole);
    free(big);

    test_begin("attachments end when the connection to Redis is lost");
    redis_restart(&r.a->fleet.streams.calls);
    UNIT_FLEET_UNTIL(&r.u, all->count == 0 && unit_fleet_views(&r.h) == 0);
    unit_requests_end(&r);
}

static void unit_guest(void)
{
    unit_guest_input();
    unit_guest_output();
}
