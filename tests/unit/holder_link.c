/* Launching a holder, links and questions to one: the holder is a shell script or this test. */

struct unit_link {
    struct loop loop;
    struct loop_timer guard;
    char dir[64], program[100], socket[100];
    struct holder_link link;
    struct loop_fd listener;
    int accepted;         /* the other end of the last connection; -1: none */
    int done, closed, late;
    char error[200], frames[200];
};

static void unit_link_on_guard(void *ctx)
{
    ((struct unit_link *)ctx)->late = 1;
}

/* Runs the loop until *flag is `wanted`, at most two seconds. */
static int unit_link_until(struct unit_link *u, const int *flag, int wanted)
{
    u->late = 0;
    loop_timer_set(&u->loop, &u->guard, clock_mono_ms() + 2000);
    while (*flag != wanted && !u->late)
        loop_once(&u->loop);
    loop_timer_cancel(&u->loop, &u->guard);
    return *flag == wanted;
}

static void unit_link_on_frame(void *ctx, enum frame_type type, span payload)
{
    struct unit_link *u = ctx;
    size_t n = strlen(u->frames);
    snprintf(u->frames + n, sizeof u->frames - n, "%c:%.*s ", type, (int)payload.n, payload.p);
}

static void unit_link_on_closed(void *ctx)
{
    ((struct unit_link *)ctx)->closed++;
}

static void unit_link_on_launched(void *ctx, const char *error)
{
    struct unit_link *u = ctx;
    u->done++;
    snprintf(u->error, sizeof u->error, "%s", error ? error : "");
}

static void unit_link_on_accept(void *ctx, short revents)
{
    struct unit_link *u = ctx;
    (void)revents;
    u->accepted = accept(u->listener.fd, NULL, NULL);
}

static void unit_link_init(struct unit_link *u)
{
    char error[200];
    *u = (struct unit_link){.accepted = -1};
    loop_init(&u->loop);
    u->guard = (struct loop_timer){.fn = unit_link_on_guard, .ctx = u};
    if (!mkdtemp(unit_base_temporary(u->dir)))
        base_die("%s: %s", u->dir, strerror(errno));
    snprintf(u->program, sizeof u->program, "%s/holder", u->dir);
    snprintf(u->socket, sizeof u->socket, "%s/s.sock", u->dir);
    u->listener = (struct loop_fd){.fd = conn_listen(u->socket, error, sizeof error),
                                   .on_event = unit_link_on_accept, .ctx = u};
    CHECK(u->listener.fd >= 0);
    loop_watch(&u->loop, &u->listener, POLLIN);
    u->link = (struct holder_link){
        .on_frame = unit_link_on_frame, .on_closed = unit_link_on_closed, .ctx = u};
}

static void unit_link_free(struct unit_link *u)
{
    holder_link_cancel(&u->link);
    loop_unwatch(&u->loop, &u->listener);
    close(u->listener.fd);
    if (u->accepted >= 0)
        close(u->accepted);
    unlink(u->socket);
    unlink(u->program);
    rmdir(u->dir);
    loop_free(&u->loop);
}

/* Launches a holder that is a shell script; its descriptor 0 is the socket pair. */
static void unit_link_launch(struct unit_link *u, const char *script)
{
    char *argv[] = {(char *)"true", NULL};
    struct holder_spec spec = {.id = "id", .socket = u->socket, .state_dir = u->dir,
                               .api_socket = "api", .argv = argv, .directory = "/",
                               .cols = 80, .rows = 24};
    FILE *f = fopen(u->program, "w");
    if (!f)
        base_die("%s: %s", u->program, strerror(errno));
    fprintf(f, "#!/bin/sh\ndd bs=65536 count=1 >/dev/null 2>&1 # reads the spec\n%s\n", script);
    CHECK_INT(fclose(f), 0);
    chmod(u->program, 0700);
    u->done = u->closed = 0;
    u->error[0] = u->frames[0] = '\0';
    holder_link_launch(&u->loop, u->program, &spec, &u->link, unit_link_on_launched, u);
}

static void unit_link_launches(void)
{
    struct unit_link u;
    test_begin("a holder's first frame is its launch's success, and the pair its link");
    unit_link_init(&u);
    unit_link_launch(&u, "printf '\\0\\0\\0\\002S{}\\0\\0\\0\\001Ox' >&0");
    CHECK(u.link.launching != NULL);
    CHECK(unit_link_until(&u, &u.closed, 1));
    CHECK_INT(u.done, 1);
    CHECK_SPAN(span_of(u.error), "");
    CHECK_SPAN(span_of(u.frames), "S:{} O:x ");
    CHECK_INT(u.link.open, 0);
    CHECK_INT(u.accepted, -1); /* nothing connects twice */
    test_begin("a holder's error is its launch's, and on_closed is not called");
    unit_link_launch(&u, "printf '{\"error\":\"no pty\"}' >&0");
    CHECK(unit_link_until(&u, &u.done, 1));
    CHECK_SPAN(span_of(u.error), "no pty");
    CHECK_INT(u.closed, 0);
    CHECK_INT(u.link.open, 0);
    test_begin("a holder that exits without an answer did not start");
    unit_link_launch(&u, "exit 1");
    CHECK(unit_link_until(&u, &u.done, 1));
    CHECK_SPAN(span_of(u.error), "the session's holder did not start");
    test_begin("an older holder's link is a connection to its socket, which subscribes");
    unit_link_launch(&u, "printf '{\"pid\":7}' >&0");
    CHECK(unit_link_until(&u, &u.done, 1));
    CHECK_SPAN(span_of(u.error), "");
    CHECK_INT(u.link.open, 1);
    while (u.accepted < 0)
        loop_once(&u.loop);
    char head[FRAME_HEAD];
    CHECK_INT(recv(u.accepted, head, sizeof head, MSG_WAITALL), FRAME_HEAD);
    CHECK_INT(head[4], FRAME_SUBSCRIBE);
    holder_link_cancel(&u.link);
    test_begin("an older holder that has ended already leaves no link, and no error");
    unlink(u.socket);
    unit_link_launch(&u, "printf '{\"pid\":7}' >&0");
    CHECK(unit_link_until(&u, &u.done, 1));
    CHECK_SPAN(span_of(u.error), "");
    CHECK_INT(u.link.open, 0);
    test_begin("a program that can't be started is an error at once");
    struct holder_spec spec = {.id = "id", .socket = u.socket, .argv = (char *[]){NULL}};
    u.done = 0;
    holder_link_launch(&u.loop, "/nowhere/telec", &spec, &u.link, unit_link_on_launched, &u);
    CHECK_INT(u.done, 1);
    CHECK(strstr(u.error, "cannot start /nowhere/telec: ") == u.error);
    test_begin("a launch can be cancelled");
    unit_link_launch(&u, "head -c 100000 >/dev/null");
    holder_link_cancel(&u.link);
    CHECK(u.link.launching == NULL && !u.link.open && !u.done);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    unit_link_free(&u);
}

static void unit_answer_words(void)
{
    struct question yes_no = {.rule = "y/n", .row = 0}, dialog = {.rule = "a dialog", .row = 0};
    struct reader_screen seen = {.screen = {.rows = NULL}};
    span asks = span_of("Go on? [y/N]"), long_ones = span_of("Type yes or no");
    test_begin("yes and no are typed as the question wants them");
    CHECK_SPAN(span_of(answer_keys(&yes_no, "yes")), "y");
    CHECK_SPAN(span_of(answer_keys(&yes_no, "no")), "n");
    CHECK_SPAN(span_of(answer_keys(&dialog, "yes")), "\r");
    CHECK_SPAN(span_of(answer_keys(&dialog, "no")), "\033");
    CHECK(!answer_keys(&dialog, "maybe"));
    seen.screen.rows = &asks;
    CHECK_SPAN(span_of(answer_to_line(&yes_no, &seen, "yes")), "y");
    CHECK_SPAN(span_of(answer_to_line(&yes_no, &seen, "no")), "n");
    CHECK_SPAN(span_of(answer_to_line(&yes_no, &seen, "main")), "main");
    seen.screen.rows = &long_ones;
    CHECK_SPAN(span_of(answer_to_line(&yes_no, &seen, "yes")), "yes");
}

static void unit_native_files(void)
{
    static const struct agents_history names = {
        .file = "", .id = "id", .time = "t", .text = "text"};
    static const char array[] = "[{\"id\":\"a\",\"t\":10,\"text\":\"x\"},{\"id\":\"b\","
                                "\"t\":\"1970-01-01T00:00:20+00:00\",\"text\":\"y\"}]";
    struct native_search s = {.names = &names, .text = 0, .since = 0, .until = 1LL << 50};
    char dir[64], path[128];
    test_begin("an agent's own files tell a conversation's id, in whichever directory they are");
    CHECK(mkdtemp(unit_base_temporary(dir)) != NULL);
    snprintf(path, sizeof path, "%s/one", dir);
    CHECK_INT(mkdir(path, 0700), 0);
    CHECK_INT(store_write(path, "f", span_of(array)), 0);
    snprintf(path, sizeof path, "%s/*/f", dir);
    native_look_at_path(&s, path);
    CHECK_INT(s.ids, 2);
    s.ids = 0, s.text = native_hash(span_of("y")), s.since = 15000;
    buf_clear(&s.id);
    native_look_at_path(&s, path);
    CHECK_INT(s.ids, 1);
    CHECK_SPAN(buf_view(&s.id), "b");
    snprintf(path, sizeof path, "%s/one/f", dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/one", dir);
    rmdir(path), rmdir(dir);
    buf_free(&s.id);
}

struct unit_answer {
    int done;
    enum holder_answer how;
    char payload[32];
};

static void unit_link_on_answer(void *ctx, enum holder_answer how, span payload)
{
    struct unit_answer *a = ctx;
    a->done++;
    a->how = how;
    snprintf(a->payload, sizeof a->payload, "%.*s", (int)payload.n, payload.n ? payload.p : "");
}

static struct holder_link_ask *unit_link_ask(struct unit_link *u, struct unit_answer *a)
{
    *a = (struct unit_answer){0};
    u->accepted = -1;
    struct holder_link_ask *ask = holder_link_ask(
        &u->loop, holder_link_dial(u->socket), FRAME_TEXT, (span){0}, FRAME_TEXT_REPLY,
        unit_link_on_answer, a);
    while (ask && u->accepted < 0)
        loop_once(&u->loop);
    return ask;
}

static void unit_link_late_launch(void)
{
    struct unit_link u;
    test_begin("a holder that does not start in time is given up, and its process ended");
    unit_link_init(&u);
    unit_link_launch(&u, "exec sleep 100");
    pid_t pid = u.link.launching->pid;
    loop_timer_set(&u.loop, &u.link.launching->timer, u.loop.now); /* as if the time had passed */
    CHECK(unit_link_until(&u, &u.done, 1));
    CHECK(strstr(u.error, "did not start") != NULL);
    CHECK(kill(pid, 0) != 0);
    unit_link_free(&u);
}

static void unit_link_questions(void)
{
    static const char frames[] = "\0\0\0\1Ox\0\0\0\2Thi\0\0\0\1Tx";
    struct unit_link u;
    struct unit_answer a;
    unit_link_init(&u);
    test_begin("a question is answered by the first frame of the wanted type, once");
    CHECK(unit_link_ask(&u, &a) != NULL);
    CHECK_INT(write(u.accepted, frames, sizeof frames - 1), sizeof frames - 1);
    CHECK(unit_link_until(&u, &a.done, 1));
    CHECK_INT(a.how, HOLDER_ANSWERED);
    CHECK_SPAN(span_of(a.payload), "hi");
    close(u.accepted);
    test_begin("an answer in pieces is put together");
    unit_link_ask(&u, &a);
    CHECK_INT(write(u.accepted, "\0\0\0\2+ab\0\0\0\1+c\0\0\0\1Td", 20), 20);
    CHECK(unit_link_until(&u, &a.done, 1));
    CHECK_SPAN(span_of(a.payload), "abcd");
    close(u.accepted);
    test_begin("a holder that ends before its answer has ended the session");
    unit_link_ask(&u, &a);
    close(u.accepted);
    CHECK(unit_link_until(&u, &a.done, 1));
    CHECK_INT(a.how, HOLDER_ENDED);
    test_begin("a holder that writes no frames has ended the session");
    unit_link_ask(&u, &a);
    CHECK_INT(write(u.accepted, "{nonsense}", 10), 10);
    CHECK(unit_link_until(&u, &a.done, 1));
    CHECK_INT(a.how, HOLDER_ENDED);
    close(u.accepted);
    test_begin("a holder that does not answer in time is late");
    long long start = clock_mono_ms();
    unit_link_ask(&u, &a);
    CHECK(unit_link_until(&u, &a.done, 1));
    CHECK_INT(a.how, HOLDER_LATE);
    CHECK(clock_mono_ms() - start >= HOLDER_LINK_ASK_MS - 1);
    close(u.accepted);
    test_begin("a cancelled question calls nothing");
    holder_link_ask_cancel(unit_link_ask(&u, &a));
    close(u.accepted);
    u.late = 0;
    loop_timer_set(&u.loop, &u.guard, clock_mono_ms() + HOLDER_LINK_ASK_MS + 50);
    while (!u.late)
        loop_once(&u.loop);
    CHECK_INT(a.done, 0);
    test_begin("a holder that can't be reached can't be asked");
    unlink(u.socket);
    CHECK(unit_link_ask(&u, &a) == NULL);
    CHECK_INT(a.done, 0);
    u.accepted = -1;
    unit_link_free(&u);
}

/* What a stream has brought, as text: "80x24 ", "*snapshot ", "output ". */
struct unit_stream {
    char told[400];
    int ended;
};

static void unit_stream_tell(struct unit_stream *t, const char *mark, span text)
{
    size_t n = strlen(t->told);
    snprintf(t->told + n, sizeof t->told - n, "%s%.*s ", mark, (int)text.n, text.n ? text.p : "");
}

static void unit_stream_on_size(void *ctx, int cols, int rows)
{
    char size[32];
    snprintf(size, sizeof size, "%dx%d", cols, rows);
    unit_stream_tell(ctx, "", span_of(size));
}

static void unit_stream_on_output(void *ctx, span bytes, int snapshot)
{
    unit_stream_tell(ctx, snapshot ? "*" : "", bytes);
}

static void unit_stream_on_end(void *ctx, const char *why)
{
    struct unit_stream *t = ctx;
    unit_stream_tell(t, "!", span_of(why));
    t->ended = 1;
}

static const struct stream_hooks unit_stream_hooks = {unit_stream_on_size, unit_stream_on_output,
                                                      NULL, unit_stream_on_end, NULL, NULL,
                                                      NULL};

static struct stream *unit_stream_open(struct unit_link *u, struct unit_stream *t)
{
    static const char how[] = {FRAME_VIEW_SIZES};
    *t = (struct unit_stream){0};
    u->accepted = -1;
    struct stream *s =
        stream_open(&u->loop, holder_link_dial(u->socket), (span){how, 1}, &unit_stream_hooks, t);
    while (s && u->accepted < 0)
        loop_once(&u->loop);
    return s;
}

/* A few passes of the loop, which may have nothing to do. */
static void unit_link_pass(struct unit_link *u)
{
    u->late = 0;
    loop_timer_set(&u->loop, &u->guard, clock_mono_ms() + 30);
    while (!u->late)
        loop_once(&u->loop);
}

static void unit_link_streams(void)
{
    static const char frames[] = "\0\0\0\020Z{\"size\":[80,24]}"
                                 "\0\0\0\4Nsnap\0\0\0\3Oout\0\0\0\0P\0\0\0\1?x"
                                 "\0\0\0\012Z{\"size\":5}\0\0\0\0O";
    struct unit_link u;
    struct unit_stream t;
    unit_link_init(&u);
    test_begin("a stream asks for the screen, and brings sizes, snapshots, output and an end");
    struct stream *s = unit_stream_open(&u, &t);
    char asked[FRAME_HEAD + 1];
    CHECK(s && s->link);
    CHECK_INT(recv(u.accepted, asked, sizeof asked, MSG_WAITALL), sizeof asked);
    CHECK(asked[4] == FRAME_VIEW && asked[5] == FRAME_VIEW_SIZES);
    CHECK_INT(write(u.accepted, frames, sizeof frames - 1), sizeof frames - 1);
    close(u.accepted);
    CHECK(unit_link_until(&u, &t.ended, 1));
    CHECK_SPAN(span_of(t.told), "80x24 *snap out  !the session has ended ");
    test_begin("a paused stream is not read, and goes on where it was paused");
    s = unit_stream_open(&u, &t);
    stream_pause(s, 1);
    CHECK_INT(write(u.accepted, "\0\0\0\1Ox", 6), 6);
    unit_link_pass(&u);
    CHECK_SPAN(span_of(t.told), "");
    stream_pause(s, 0);
    unit_link_pass(&u);
    CHECK_SPAN(span_of(t.told), "x ");
    test_begin("a closed stream calls nothing");
    CHECK_INT(write(u.accepted, "\0\0\0\1Oy", 6), 6);
    stream_close(s);
    unit_link_pass(&u);
    CHECK_SPAN(span_of(t.told), "x ");
    close(u.accepted);
    test_begin("a drained stream sends its input first");
    s = unit_stream_open(&u, &t);
    CHECK_INT(recv(u.accepted, asked, sizeof asked, MSG_WAITALL), sizeof asked);
    holder_link_send(s->link, FRAME_INPUT, span_of("k"));
    stream_drain(s);
    unit_link_pass(&u);
    CHECK_INT(recv(u.accepted, asked, sizeof asked, MSG_WAITALL), sizeof asked);
    CHECK(asked[4] == FRAME_INPUT && asked[5] == 'k');
    CHECK_INT(recv(u.accepted, asked, 1, 0), 0);
    CHECK_INT(t.ended, 0);
    close(u.accepted);
    test_begin("a stream can be cancelled, and none is fine");
    stream_cancel(unit_stream_open(&u, &t));
    stream_cancel(NULL);
    stream_close(NULL);
    stream_drain(NULL);
    unlink(u.socket);
    close(u.accepted);
    CHECK(unit_stream_open(&u, &t) == NULL);
    unit_link_free(&u);
}

static void unit_link_other_user(void)
{
    struct unit_link u;
    test_begin("a holder of another user is not talked to");
    unit_link_init(&u);
    pid_t pid = unit_conn_stranger_listens(u.dir, "other.sock");
    if (pid) {
        char *path = store_path(u.dir, "other.sock");
        CHECK_INT(holder_link_dial(path), -1);
        CHECK_INT(errno, EPERM);
        unit_conn_stranger_ends(pid);
        unlink(path);
        free(path);
    }
    unit_link_free(&u);
}

static void unit_holder_link(void)
{
    unit_link_other_user();
    unit_answer_words();
    unit_native_files();
    unit_link_launches();
    unit_link_late_launch();
    unit_link_questions();
    unit_link_streams();
}
