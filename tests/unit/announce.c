/* Unit tests of announce: the command of on_state, run for sessions of routes' tests. */

struct unit_announce {
    struct unit_server server;
    struct announce announce;
    char file[96];            /* what the command has written */
};

/* script: of sh, after which $F is the file. */
static void unit_announce_init(struct unit_announce *u, const char *script)
{
    buf b = {0};
    unit_server_init(&u->server);
    snprintf(u->file, sizeof u->file, "%s/told", u->server.d.dir);
    buf_fmt(&b, "#!/bin/sh\nF=%s\n%s\n", u->file, script);
    CHECK_INT(store_write(u->server.d.dir, "tell", buf_view(&b)), 0);
    buf_clear(&b);
    buf_fmt(&b, "%s/tell", u->server.d.dir);
    CHECK_INT(chmod(buf_cstr(&b), 0700), 0);
    buf_str(&b, " word");
    u->server.d.config.on_state = config_keep(&u->server.d.config, buf_view(&b));
    buf_free(&b);
    announce_init(&u->announce, &u->server.sessions);
}

static void unit_announce_state(struct unit_announce *u, const char *state)
{
    struct session *s = sessions_find(&u->server.sessions, "s1");
    buf_clear(&s->status);
    buf_fmt(&s->status, "{\"state\":\"%s\"}", state);
    announce_on_changed(&u->announce, s);
}

static int unit_announce_told(struct unit_announce *u, const char *text)
{
    buf b = {0};
    int found = os_read_file(&b, u->file, 10000) == 0 && strcmp(buf_cstr(&b), text) == 0;
    buf_free(&b);
    return found;
}

static void unit_announce_free(struct unit_announce *u)
{
    announce_free(&u->announce);
    u->server.sessions.on_changed = NULL;
    unit_server_free(&u->server);
}

static void unit_announce_changes(void)
{
    struct unit_announce u;
    test_begin(
        "on_state runs for a session that waits, is idle or exits, with it in its environment");
    unit_announce_init(&u, "echo \"$1 $TELEC_SESSION_ID $TELEC_TITLE $TELEC_DIRECTORY\" >>$F");
    unit_announce_state(&u, "starting"); /* the first state is no change */
    unit_announce_state(&u, "working");
    CHECK(!u.announce.running);
    setenv("TELEC_TITLE", "of a session in which the daemon was started", 1);
    unit_announce_state(&u, "waiting");
    unsetenv("TELEC_TITLE");
    CHECK(u.announce.running);
    UNIT_HTTPD_UNTIL(&u.server.h, !u.announce.running);
    CHECK(unit_announce_told(&u, "word s1 T /tmp\n"));
    unit_announce_state(&u, "waiting");
    CHECK(!u.announce.running);
    unit_announce_free(&u);
}

static void unit_announce_late(void)
{
    struct unit_announce u;
    test_begin(
        "a command of on_state that does not end is killed, and the next session's turn comes");
    unit_announce_init(&u, "echo x >>$F\nread line <$0.fifo");
    buf fifo = {0};
    buf_fmt(&fifo, "%s/tell.fifo", u.server.d.dir);
    CHECK_INT(mkfifo(buf_cstr(&fifo), 0600), 0);
    buf_free(&fifo);
    unit_announce_state(&u, "idle");
    unit_announce_state(&u, "waiting");
    unit_announce_state(&u, "idle"); /* again, but once */
    unit_announce_state(&u, "waiting");
    CHECK_INT(u.announce.count, 1);
    UNIT_HTTPD_UNTIL(&u.server.h, unit_announce_told(&u, "x\nx\n"));
    UNIT_HTTPD_UNTIL(&u.server.h, !u.announce.running);
    CHECK_INT(u.announce.count, 0);
    test_begin("no command of on_state outlives the daemon");
    unit_announce_state(&u, "idle");
    pid_t pid = u.announce.child.pid, ended = 0;
    CHECK(u.announce.running);
    announce_free(&u.announce);
    UNIT_HTTPD_UNTIL(&u.server.h, ended || (ended = waitpid(pid, NULL, WNOHANG)) == pid);
    u.announce.running = 0;
    unit_announce_free(&u);
}

static void unit_announce_bounded(void)
{
    struct unit_announce u;
    test_begin(
        "sessions that wait for on_state are bounded; a command that is not there is passed by");
    unit_announce_init(&u, "read line <$0.none || exit 3");
    u.announce.running = 1; /* as if one took long */
    for (int i = 0; i < ANNOUNCE_QUEUE_MAX + 5; i++) {
        char id[16];
        snprintf(id, sizeof id, "n%d", i);
        announce_add(&u.announce, id);
    }
    CHECK_INT(u.announce.count, ANNOUNCE_QUEUE_MAX);
    CHECK_SPAN(span_of(u.announce.queue[0]), "n5");
    u.announce.running = 0;
    u.server.d.config.on_state = "/nonexistent/command";
    announce_add(&u.announce, "s1");
    CHECK_INT(u.announce.count, 0);
    CHECK(!u.announce.running);
    unit_announce_free(&u);
}

static void unit_announce(void)
{
    if (HTTP_HEAD_MAX < 1024) {
        test_begin("on_state needs usual limits");
        return;
    }
    unit_announce_changes();
    unit_announce_late();
    unit_announce_bounded();
}
