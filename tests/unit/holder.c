/* The holder: a real program on a real pty, whose holder and clients share one loop. */

struct unit_holder {
    struct holder h;
    char dir[64], socket[100];
    struct holder_link link; /* a client that is told everything */
    buf status, screen;      /* the last FRAME_STATUS; all output and snapshots */
    char receipt[64], pty[32], size[64];
    int statuses, snapshots, closed, receipts, ptys, replies, fd, late;
    buf reply, error;        /* the last FRAME_…_REPLY; why it has not started */
    struct loop_timer guard;
};

static void unit_holder_on_frame(void *ctx, enum frame_type type, span payload)
{
    struct unit_holder *u = ctx;
    if (type == FRAME_STATUS) {
        buf_clear(&u->status);
        buf_span(&u->status, payload);
        u->statuses++;
    }
    if (type == FRAME_OUTPUT || type == FRAME_SNAPSHOT)
        buf_span(&u->screen, payload);
    u->snapshots += type == FRAME_SNAPSHOT;
    if (type == FRAME_SIZE)
        snprintf(u->size, sizeof u->size, "%.*s", (int)payload.n, payload.p);
    if (type == FRAME_RECEIPT) {
        snprintf(u->receipt, sizeof u->receipt, "%.*s", (int)payload.n, payload.p);
        u->receipts++;
    }
    if (type == FRAME_PTY) {
        int fd = conn_receive_fd(&u->link.conn);
        u->fd = fd >= 0 ? fd : u->fd;
        snprintf(u->pty, sizeof u->pty, "%.*s", (int)payload.n, payload.n ? payload.p : "");
        u->ptys++;
    }
    if (type == FRAME_SCREEN_REPLY || type == FRAME_TEXT_REPLY) {
        buf_clear(&u->reply);
        buf_span(&u->reply, payload);
        u->replies++;
    }
}

static void unit_holder_on_closed(void *ctx)
{
    ((struct unit_holder *)ctx)->closed = 1;
}

static void unit_holder_on_guard(void *ctx)
{
    ((struct unit_holder *)ctx)->late = 1;
}

/* Runs the loop until the last status has that text, at most 20 s. */
static int unit_holder_until(struct unit_holder *u, const buf *in, const char *text)
{
    u->late = 0;
    loop_timer_set(&u->h.loop, &u->guard, clock_mono_ms() + 20000);
    while (!u->late && !strstr(in->n ? buf_cstr((buf *)in) : "", text))
        loop_once(&u->h.loop);
    loop_timer_cancel(&u->h.loop, &u->guard);
    if (u->late)
        printf("# no \"%s\" in: %s\n", text, in->n ? buf_cstr((buf *)in) : "");
    return !u->late;
}

static int unit_holder_count(struct unit_holder *u, const int *count, int wanted)
{
    u->late = 0;
    loop_timer_set(&u->h.loop, &u->guard, clock_mono_ms() + 20000);
    while (!u->late && *count < wanted)
        loop_once(&u->h.loop);
    loop_timer_cancel(&u->h.loop, &u->guard);
    return *count >= wanted;
}

static void unit_holder_pass(struct unit_holder *u, int ms)
{
    u->late = 0;
    loop_timer_set(&u->h.loop, &u->guard, clock_mono_ms() + ms);
    while (!u->late)
        loop_once(&u->h.loop);
}

static void unit_holder_make(struct unit_holder *u)
{
    *u = (struct unit_holder){.fd = -1, .h = {.slave = -1}};
    if (!mkdtemp(unit_base_temporary(u->dir)))
        base_die("%s: %s", u->dir, strerror(errno));
    snprintf(u->socket, sizeof u->socket, "%s/s.sock", u->dir);
    store_write(u->dir, "record.json", span_of("{}"));
    holder_init(&u->h);
    u->guard = (struct loop_timer){.fn = unit_holder_on_guard, .ctx = u};
    u->link.on_frame = unit_holder_on_frame;
    u->link.on_closed = unit_holder_on_closed;
    u->link.ctx = u;
}

/* Starts a program; more: further members of the spec. Returns NULL, or the fault. */
static const char *unit_holder_start(struct unit_holder *u, const char *directory,
                                     const char *program, const char *script, const char *more)
{
    buf text = {0};
    struct json spec;
    json_open(&text, '{');
    json_field_string(&text, "id", "unit");
    json_field_string(&text, "socket", u->socket);
    json_field_string(&text, "dir", u->dir);
    json_field_string(&text, "api_socket", "/nowhere");
    json_field_string(&text, "directory", directory);
    json_key(&text, "argv");
    json_open(&text, '[');
    json_put_string(&text, span_of(program));
    json_put_string(&text, span_of("-c"));
    json_put_string(&text, span_of(script));
    json_close(&text, ']');
    buf_fmt(&text, "%s}", more);
    CHECK_INT(json_parse(buf_view(&text), &spec, NULL, NULL), PARSE_DONE);
    const char *fault = holder_start(&u->h, spec, &u->error);
    buf_free(&text);
    if (!fault)
        holder_begin(&u->h);
    return fault;
}

/* A running script with a client that is subscribed. */
static void unit_holder_run(struct unit_holder *u, const char *script, const char *more)
{
    unit_holder_make(u);
    const char *fault = unit_holder_start(u, "/", "/bin/sh", script, more);
    CHECK_SPAN(span_of(fault ? fault : ""), "");
    CHECK_INT(holder_link_open(&u->link, &u->h.loop, holder_link_dial(u->socket)), 0);
    holder_link_send(&u->link, FRAME_SUBSCRIBE, (span){0});
    CHECK(unit_holder_count(u, &u->statuses, 1));
}

static void unit_holder_send(struct unit_holder *u, enum frame_type type, const char *payload)
{
    holder_link_send(&u->link, type, span_of(payload));
}

/* Returns when the holder has handled what was sent before. */
static void unit_holder_sync(struct unit_holder *u)
{
    unit_holder_send(u, FRAME_TEXT, "");
    CHECK(unit_holder_count(u, &u->replies, u->replies + 1));
}

/* Ends the session, if it has not ended, and takes everything back. */
static void unit_holder_end(struct unit_holder *u)
{
    static const char *const files[] = {"record.json", "exit.json", "log", "log.1", "s.sock"};
    if (!u->h.over && u->h.pid > 0)
        unit_holder_send(u, FRAME_END, "");
    while (u->h.pid > 0 && u->h.over < 2 && (!u->h.over || u->h.clients))
        loop_once(&u->h.loop);
    holder_link_cancel(&u->link);
    int pty = u->h.pty.loop && !u->h.pty.dead ? u->h.pty.io.fd : -1;
    const int fds[] = {u->fd, u->h.slave, u->h.listener.fd, pty};
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        if (fds[i] > 0) /* the process closes these by its exit */
            close(fds[i]);
    disk_finish(&u->h.log, 0);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char path[120];
        snprintf(path, sizeof path, "%s/%s", u->dir, files[i]);
        unlink(path);
    }
    rmdir(u->dir);
    buf *const all[] = {&u->status, &u->screen, &u->reply, &u->error, &u->h.last_input,
                        &u->h.last_output, &u->h.native_id, &u->h.asked, &u->h.typed, &u->h.refused,
                        &u->h.first_argument, &u->h.said, &u->h.reader.said,
                        &u->h.reader.reason, &u->h.reader.asks, &u->h.reader.choices,
                        &u->h.paused, &u->h.halted, &u->h.scratch, &u->h.events};
    for (int i = 0; i < FRAME_POOL; i++)
        blob_drop(u->h.pool.frames[i]);
    for (size_t i = 0; i < COUNT_OF(all); i++)
        buf_free(all[i]);
    vt_free(u->h.vt);
    loop_free(&u->h.loop);
    free(u->h.history), free(u->h.id), free(u->h.socket), free(u->h.dir), free(u->h.api_socket);
    free(u->h.keep_env), free(u->h.program);
}

static void unit_hold_states(void)
{
    struct unit_holder u;
    test_begin("a session is starting, works while it writes, and is idle after a silence");
    unit_holder_run(&u, "read x; echo hello; read x", "");
    CHECK(u.h.state.since > 0);
    CHECK(unit_holder_until(&u, &u.status, "\"state\":\"starting\""));
    unit_holder_send(&u, FRAME_INPUT, "\r");
    CHECK(unit_holder_until(&u, &u.status, "\"state\":\"working\",\"state_source\":\"output\""));
    CHECK(unit_holder_until(&u, &u.status, "\"state\":\"idle\""));
    CHECK(strstr(buf_cstr(&u.status), "\"last_output\":\"hello\"") != NULL);
    CHECK(strstr(buf_cstr(&u.status), "\"unseen\":true") != NULL);
    CHECK(strstr(buf_cstr(&u.status), "\"exit_code\":null") != NULL);
    test_begin("a session that the user has seen is not unseen");
    unit_holder_send(&u, FRAME_SEEN, "");
    CHECK(unit_holder_until(&u, &u.status, "\"unseen\":false"));
    unit_holder_end(&u);
    test_begin("a line prompt is the state's text, and ends with its answer");
    unit_holder_run(&u, "printf 'Proceed? '; read x; echo; sleep 9", "");
    CHECK(unit_holder_until(&u, &u.status, "\"state\":\"waiting\",\"state_source\":\"screen\""));
    CHECK(strstr(buf_cstr(&u.status), "\"state_text\":\"Proceed?\"") != NULL);
    CHECK(strstr(buf_cstr(&u.status), "\"waits_for\":\"text\"") != NULL);
    CHECK(strstr(buf_cstr(&u.status), "\"state_rule\":\"line prompt, line 1: Proceed?\"") != NULL);
    unit_holder_send(&u, FRAME_INPUT, "y\r");
    CHECK(unit_holder_until(&u, &u.status, "\"state\":\"working\""));
    CHECK(strstr(buf_cstr(&u.status), "\"state_text\":null") != NULL);
    unit_holder_end(&u);
    test_begin("a bell asks without a text, a notification with one");
    unit_holder_run(&u, "printf '\\a'; read x; printf '\\033]9;look here\\a'; read x", "");
    CHECK(unit_holder_until(&u, &u.status, "\"state\":\"waiting\",\"state_source\":\"bell\""));
    CHECK(strstr(buf_cstr(&u.status), "\"state_text\":null") != NULL);
    unit_holder_send(&u, FRAME_INPUT, "\r");
    CHECK(unit_holder_until(&u, &u.status, "\"state_text\":\"look here\""));
    unit_holder_end(&u);
}

static void unit_hold_hooks(void)
{
    struct unit_holder u;
    unit_holder_run(&u, "read x; echo output; read x", "");
    test_begin("an agent's events set the state, their text and the agent's session id");
    unit_holder_send(&u, FRAME_EVENT, "{\"type\":\"prompt\",\"native_session_id\":\"n-1\"}");
    CHECK(unit_holder_until(&u, &u.status, "\"state\":\"working\",\"state_source\":\"hook\""));
    CHECK(strstr(buf_cstr(&u.status), "\"native_session_id\":\"n-1\"") != NULL);
    unit_holder_send(&u, FRAME_EVENT, "{\"type\":\"notification\",\"text\":\"May I?\"}");
    CHECK(unit_holder_until(&u, &u.status, "\"state_text\":\"May I?\""));
    CHECK(strstr(buf_cstr(&u.status), "\"state\":\"waiting\"") != NULL);
    test_begin("a prompt's text is the last input, and a prompt without one keeps that");
    unit_holder_send(&u, FRAME_EVENT, "{\"type\":\"prompt\",\"text\":\"fix it\"}");
    CHECK(unit_holder_until(&u, &u.status, "\"last_input\":\"fix it\""));
    unit_holder_send(&u, FRAME_EVENT, "{\"type\":\"prompt\"}");
    unit_holder_send(&u, FRAME_EVENT, "{\"type\":\"notification\",\"text\":\"Again?\"}");
    CHECK(unit_holder_until(&u, &u.status, "\"state_text\":\"Again?\""));
    CHECK(strstr(u.status.p, "\"last_input\":\"fix it\"") != NULL);
    test_begin("a second notification replaces the text, also by none");
    unit_holder_send(&u, FRAME_EVENT, "{\"type\":\"notification\"}");
    CHECK(unit_holder_until(&u, &u.status, "\"state_text\":null"));
    test_begin("output of a hooked session does not change its state");
    unit_holder_send(&u, FRAME_EVENT, "{\"type\":\"stop\"}");
    CHECK(unit_holder_until(&u, &u.status, "\"state\":\"idle\""));
    unit_holder_send(&u, FRAME_INPUT, "\r");
    CHECK(unit_holder_until(&u, &u.status, "\"last_output\":\"output\""));
    CHECK(strstr(buf_cstr(&u.status), "\"state\":\"idle\"") != NULL);
    test_begin("an agent inside of the agent does not end its turn; a new conversation takes over");
    unit_holder_send(&u, FRAME_EVENT, "{\"type\":\"prompt\",\"native_session_id\":\"n-1\"}");
    unit_holder_send(&u, FRAME_EVENT, "{\"type\":\"session_start\",\"native_session_id\":\"n-2\"}");
    unit_holder_send(&u, FRAME_EVENT, "{\"type\":\"stop\",\"native_session_id\":\"n-2\"}");
    unit_holder_sync(&u);
    CHECK_INT(u.h.state.kind, STATE_WORKING);
    CHECK_SPAN(buf_view(&u.h.native_id), "n-1");
    u.h.reader.output_at = u.h.loop.now; /* its screen does not show the stop yet */
    unit_holder_send(&u, FRAME_EVENT, "{\"type\":\"stop\",\"native_session_id\":\"n-1\"}");
    unit_holder_send(&u, FRAME_EVENT, "{\"type\":\"session_start\",\"native_session_id\":\"n-2\"}");
    CHECK(unit_holder_until(&u, &u.status, "\"native_session_id\":\"n-2\""));
    test_begin("events that are no JSON, or of no known type, change nothing");
    int before = u.h.state.kind;
    unit_holder_send(&u, FRAME_EVENT, "{\"type\":");
    unit_holder_send(&u, FRAME_EVENT, "{\"type\":\"nonsense\"}");
    unit_holder_sync(&u);
    CHECK_INT(u.h.state.kind, before);
    unit_holder_end(&u);
}

static void unit_hold_environment(void)
{
    struct unit_holder u;
    buf env = {0};
    test_begin("a program's terminal is telec: nothing tells of the user's but what is to be kept");
    buf_fmt(&env, ",\"env\":[\"PATH=%s\",\"KITTY_WINDOW_ID=3\",\"TERM_PROGRAM=WezTerm\",\"TMUX=a\","
                  "\"TMUX_PANE=b\",\"WT_SESSION=c\"],\"keep_env\":\"TMUX WT_*\"", getenv("PATH"));
    unit_holder_run(&u, "echo $TERM_PROGRAM $KITTY_WINDOW_ID-$TMUX-$TMUX_PANE-$WT_SESSION; read x",
                    buf_cstr(&env));
    CHECK(unit_holder_until(&u, &u.status, "\"last_output\":\"telec -a--c\""));
    unit_holder_end(&u);
    buf_free(&env);
}

static void unit_hold_colours(void)
{
    struct unit_holder u;
    unit_holder_run(&u, "stty raw -echo; echo ready; head -c 24 | tail -c 23 | tr '\\033' E; "
                        "printf '\\033[?2031h'; echo set; head -c 9 | tail -c 8; sleep 9",
                    ",\"env\":[\"PATH=/usr/local/bin:/usr/bin:/bin\",\"COLORFGBG=0;15\"]");
    test_begin("a program that asks for the terminal's colours gets the viewer's");
    CHECK(unit_holder_until(&u, &u.status, "\"last_output\":\"ready\""));
    CHECK(vt_is_light(u.h.vt));
    unit_holder_send(&u, FRAME_COLOURS, "[1,16777216,null]"); /* one is known */
    unit_holder_send(&u, FRAME_COLOURS, "[null,0,null]");
    unit_holder_send(&u, FRAME_COLOURS, "{}");
    unit_holder_sync(&u);
    vt_feed(u.h.vt, span_of("\033]10;?\a"));
    holder_answer_queries(&u.h);
    CHECK(unit_holder_until(&u, &u.status, "10;rgb:0000/0000/0101"));
    CHECK(unit_holder_until(&u, &u.status, "set\""));
    test_begin("a program that wants to know is told that the terminal's ground is light now");
    unit_holder_send(&u, FRAME_COLOURS, "[null,16777215,null]");
    CHECK(unit_holder_until(&u, &u.status, "[?997;2n"));
    unit_holder_end(&u);
}

static void unit_hold_update(void)
{
    struct unit_holder u;
    unit_holder_run(&u, "stty -echo; printf 'one\\033[?2026h'; read x; "
                        "printf 'half'; read x; printf ', whole\\033[?2026l'; sleep 9", "");
    test_begin("a viewer that comes in the middle of an update gets the whole one");
    CHECK(unit_holder_until(&u, &u.status, "\"last_output\":\"one\""));
    unit_holder_send(&u, FRAME_INPUT, "\r");
    CHECK(unit_holder_until(&u, &u.status, "\"last_output\":\"onehalf\""));
    u.h.sync_at = clock_mono_ms() + 60000;
    unit_holder_send(&u, FRAME_VIEW, "z");
    unit_holder_pass(&u, 3 * VIEWER_TICK_MS);
    CHECK(!strstr(buf_cstr(&u.screen), "half"));
    unit_holder_send(&u, FRAME_INPUT, "\r");
    CHECK(unit_holder_until(&u, &u.screen, "onehalf, whole"));
    CHECK_INT(u.h.sync_at, 0);
    unit_holder_end(&u);
}

static void unit_hold_paste(void)
{
    struct unit_holder u;
    char script[300];
    buf text = {0};
    unit_holder_make(&u);
    snprintf(script, sizeof script, "stty raw -echo; echo ready; "
             "until [ -e %s/go ]; do sleep 0.02; done; head -c 3000000 | wc -c; sleep 9", u.dir);
    char *go = store_path(u.dir, "go");
    test_begin("a long paste waits for the program, all of it comes, and its end is not lost");
    CHECK(!unit_holder_start(&u, "/", "/bin/sh", script, ""));
    CHECK_INT(holder_link_open(&u.link, &u.h.loop, holder_link_dial(u.socket)), 0);
    holder_link_send(&u.link, FRAME_SUBSCRIBE, (span){0});
    CHECK(unit_holder_until(&u, &u.status, "\"last_output\":\"ready\""));
    for (int i = 0; i < 20000; i++)
        buf_byte(&text, 'p');
    for (int i = 0; i < 150; i++)
        holder_link_send(&u.link, FRAME_INPUT, buf_view(&text));
    while (!u.h.clients || !u.h.clients->held)
        loop_once(&u.h.loop);
    CHECK(u.h.pty.queued <= INPUT_HOLD + text.n);
    close(open(go, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    CHECK(unit_holder_until(&u, &u.status, "3000000\""));
    unlink(go);
    free(go);
    buf_free(&text);
    unit_holder_end(&u);
}

/* A message into an open dialog would answer it. */
static void unit_hold_guard(void)
{
    struct unit_holder u;
    unit_holder_run(&u, "stty raw -echo; printf 'Run it?\\r\\n> 1. Yes\\r\\n  2. No\\r\\n'; "
                        "head -c 1 | od -An -tx1; sleep 9", "");
    test_begin("a menu is a choice with its options, and a message is refused");
    CHECK(unit_holder_until(&u, &u.status, "\"choices\":[\"Yes\",\"No\"]"));
    CHECK(strstr(buf_cstr(&u.status), "\"waits_for\":\"choice\"") != NULL);
    unit_holder_send(&u, FRAME_MESSAGE, "{\"text\":\"hello\",\"from\":\"mac\"}");
    CHECK(unit_holder_count(&u, &u.receipts, 1));
    CHECK_SPAN(span_of(u.receipt), "waiting: Run it?");
    CHECK(unit_holder_until(&u, &u.status, "\"state_text\":\"Run it? · refused a message of"
        " mac\""));
    CHECK_INT(u.h.state.kind, STATE_WAITING);
    CHECK_INT(u.h.last_input.n, 0);
    test_begin("a forced message is typed");
    unit_holder_send(&u, FRAME_VIEW, "");
    unit_holder_send(&u, FRAME_MESSAGE, "{\"text\":\"1\",\"enter\":false,\"force\":true}");
    CHECK(unit_holder_until(&u, &u.screen, "31"));
    unit_holder_end(&u);
}

/* Menus that take a number at once, that only mark it, and that know cursor keys only. */
static void unit_hold_answers(void)
{
    static const struct {
        const char *script, *answer, *receipt, *got;
    } dialogs[] = {
        {"k=$(head -c1 | od -An -c); clear; echo got $k", "2", "answered", "got 2"},
        {"k=$(head -c1 | od -An -c); clear; echo got $k", "no", "answered", "got 2"},
        {"head -c1 >/dev/null; printf '\\033[H\\n  1. Yes\\r\\n> 2. No\\r\\n'; k=$(head -c1 |"
            " od -An -tx1); "
         "clear; echo got $k", "No", "answered", "got 0d"},
        {"head -c1 >/dev/null; k=$(head -c3 | od -An -c); printf '\\033[H\\n  1. Yes\\r\\n>"
            " 2. No\\r\\n'; "
         "e=$(head -c1 | od -An -tx1); clear; echo got $k $e", "2", "answered", "got 033 [ B 0d"},
        {"sleep 9", "maybe", "no choice: the dialog has no such option", "2. No"},
        {"sleep 9", "7", "no choice: the dialog has no such option", "2. No"}};
    test_begin("an answer presses what the dialog wants, and never more");
    for (size_t i = 0; i < COUNT_OF(dialogs); i++) {
        struct unit_holder u;
        buf script = {0}, request = {0};
        buf_fmt(&script, "stty raw -echo isig; clear; "
                         "printf 'Run it?\\r\\n> 1. Yes\\r\\n  2. No\\r\\n'; %s; sleep 9",
                             dialogs[i].script);
        unit_holder_run(&u, buf_cstr(&script), "");
        CHECK(unit_holder_until(&u, &u.status, "\"choices\":[\"Yes\",\"No\"]"));
        frame_put_answer(&request, dialogs[i].answer);
        unit_holder_send(&u, FRAME_ANSWER, buf_cstr(&request));
        CHECK(unit_holder_count(&u, &u.receipts, 1));
        CHECK_SPAN(span_of(u.receipt), dialogs[i].receipt);
        CHECK(unit_holder_until(&u, &u.status, dialogs[i].got));
        buf_free(&script);
        buf_free(&request);
        unit_holder_end(&u);
    }
    test_begin("an answer to a hook's question waits for the dialog, and is no message");
    for (int comes = 0; comes < 2; comes++) {
        struct unit_holder u;
        buf request = {0};
        unit_holder_run(&u, "stty raw -echo; read x; clear; printf 'Run it?\\r\\n> 1. Yes\\r\\n"
                            "  2. No\\r\\n'; k=$(head -c1); clear; echo got $k; sleep 9", "");
        unit_holder_send(&u, FRAME_EVENT, "{\"type\":\"notification\",\"text\":\"Bash: x\"}");
        CHECK(unit_holder_until(&u, &u.status, "\"waits_for\":\"choice\""));
        frame_put_answer(&request, "2");
        unit_holder_send(&u, FRAME_ANSWER, buf_cstr(&request));
        unit_holder_pass(&u, 60);
        if (comes)
            CHECK(write(u.h.pty.io.fd, "\n", 1) == 1);
        CHECK(unit_holder_count(&u, &u.receipts, 1));
        CHECK_SPAN(span_of(u.receipt),
                   comes ? "answered" : "no choice: its dialog is not on the screen; use keys");
        CHECK(!comes || unit_holder_until(&u, &u.status, "got 2"));
        CHECK_INT(u.h.prompts + (u.h.messages != NULL), 0);
        buf_free(&request);
        unit_holder_end(&u);
    }
}

static void unit_hold_focus(void)
{
    struct unit_holder u;
    test_begin("a program that asks for focus reports is told that nobody looks, and that"
        " somebody does");
    unit_holder_run(&u, "stty raw -echo; printf '\\033[?1004h\\033]2;⠋ at work\\007'; "
                        "head -c 3 | od -An -c; head -c 3 | od -An -c; sleep 9", "");
    CHECK(unit_holder_until(&u, &u.status, "[   O"));
    CHECK(strstr(buf_cstr(&u.status), "\"program_title\":\"at work\"") != NULL);
    unit_holder_send(&u, FRAME_VIEW, "");
    CHECK(unit_holder_until(&u, &u.status, "[   I"));
    unit_holder_end(&u);
}

/* Programs that look like an agent: see agents.c for the marks. */
static void unit_hold_agent(void)
{
    struct unit_holder u;
    test_begin("Enter is not pressed into a dialog that has opened behind the paste");
    unit_holder_run(&u, "stty raw -echo; printf '\\033[?2004h\342\235\257 \\r'; head -c 16 >&2;"
                        "printf '\\033[2JProceed?\\r\\n\342\235\257 1. Yes\\r\\n  2. No\\r\\n';"
                        "head -c 1 | od -c; sleep 9", ",\"agent\":\"claude\"");
    unit_holder_send(&u, FRAME_MESSAGE, "{\"text\":\"stop\"}");
    CHECK(unit_holder_until(&u, &u.status, "\"waits_for\":\"choice\""));
    CHECK(unit_holder_count(&u, &u.receipts, 1));
    CHECK_SPAN(span_of(u.receipt), "unconfirmed");
    CHECK(!strstr(buf_cstr(&u.status), "\"last_input\":\"stop\""));
    CHECK(unit_holder_until(&u, &u.status, "\"state\":\"waiting\""));
    test_begin("keys that come then are typed without that Enter");
    unit_holder_send(&u, FRAME_VIEW, "");
    unit_holder_send(&u, FRAME_INPUT, "2");
    CHECK(unit_holder_until(&u, &u.screen, "0000000   2"));
    unit_holder_end(&u);
    test_begin("a message to an agent that starts is typed once its input box is there");
    unit_holder_run(&u, "read x; stty raw -echo; printf '\\033[?2004h\342\235\257 \\r\\n';"
                        "head -c 16 | od -c; sleep 9", ",\"agent\":\"claude\"");
    unit_holder_send(&u, FRAME_VIEW, "");
    unit_holder_send(&u, FRAME_MESSAGE, "{\"text\":\"early\"}");
    unit_holder_pass(&u, 100);
    CHECK(strstr(buf_cstr(&u.status), "\"state\":\"starting\"") != NULL);
    CHECK(!strstr(buf_cstr(&u.screen), "early"));
    unit_holder_send(&u, FRAME_INPUT, "\r");
    CHECK(unit_holder_until(&u, &u.screen, "e   a   r   l   y"));
    unit_holder_end(&u);
}

/* An agent that shows a paste of one character in its box, and submits it at its last Enter. */
#define UNIT_HOLDER_BOX(enters, after) \
    "stty raw -echo; printf '\\033[?2004h\342\235\257 '; head -c 13 >/dev/null; printf x;" \
    "for i in " enters "; do head -c 1 >/dev/null; done;" after "exec sleep 9"
#define UNIT_HOLDER_SUBMITS "printf '\\r\\033[2K> x\\r\\nI see\\r\\n\342\235\257 ';"

static void unit_hold_agent_submits(void)
{
    static const struct {
        const char *script, *receipt;
        int submits;
    } cases[] = {{UNIT_HOLDER_BOX("1", UNIT_HOLDER_SUBMITS), "delivered", 1},
                 {UNIT_HOLDER_BOX("1 2", UNIT_HOLDER_SUBMITS), "unconfirmed", 1},
                 {UNIT_HOLDER_BOX("1", ""), "unconfirmed", 0}};
    test_begin("a message to an agent is delivered when it has left its box; where it stands Enter "
               "comes again, after the receipt, too");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct unit_holder u;
        unit_holder_run(&u, cases[i].script, ",\"agent\":\"claude\"");
        unit_holder_send(&u, FRAME_MESSAGE, "{\"text\":\"x\"}");
        while (!u.h.messages)
            loop_once(&u.h.loop);
        if (i == 0) /* its receipt may come late */
            u.h.messages->asked_at += 15000;
        CHECK(unit_holder_count(&u, &u.receipts, 1));
        CHECK_SPAN(span_of(u.receipt), cases[i].receipt);
        if (cases[i].submits)
            CHECK(unit_holder_until(&u, &u.status, "\"last_input\":\"x\""));
        CHECK((u.h.messages == NULL) == cases[i].submits);
        unit_holder_end(&u);
    }
}

static void unit_hold_agent_opens(void)
{
    struct unit_holder u;
    test_begin("Enter does not come again where the box has another text than the message");
    unit_holder_run(&u, UNIT_HOLDER_BOX("1", "printf '\\r\\033[2K\\r\\n\342\235\257 Other';"),
                    ",\"agent\":\"claude\"");
    unit_holder_send(&u, FRAME_MESSAGE, "{\"text\":\"x\"}");
    while (!u.h.messages)
        loop_once(&u.h.loop);
    while (u.h.messages && u.h.messages->presses < 2 &&
           (!u.h.messages->read_at ||
            u.h.loop.now - u.h.messages->read_at < 4 * MESSAGE_AGAIN_MS))
        loop_once(&u.h.loop);
    CHECK(u.h.messages && u.h.messages->presses == 1);
    unit_holder_end(&u);
}

/* Sessions of one directory, and of others, in opencode's log. */
static void unit_hold_native_log(void)
{
    static const char *const ids[] = {"ses_b", "ses_c", ""};
    char dir[64], env[80];
    char *const envs[] = {env, NULL};
    buf text = {0}, at = {0}, later = {0};
    test_begin("opencode's id is that of the session that its log has of this directory and time");
    CHECK(mkdtemp(unit_base_temporary(dir)) != NULL);
    base_fmt(env, sizeof env, "XDG_DATA_HOME=%s", dir);
    long long now = clock_wall_ms();
    clock_put_iso(&at, now + 2000), clock_put_iso(&later, now + 60000);
    char *sub = store_path(dir, "opencode"), *log = store_path(sub, "log");
    CHECK(mkdir(sub, 0700) == 0 && mkdir(log, 0700) == 0);
    static const char *const rows =
        "timestamp=%s level=INFO message=created id=%s directory=\"%s\" parentID=%s "
        "title=\"a b\"\n";
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        buf_clear(&text);
        buf_fmt(&text, rows, buf_cstr(&at), "ses_x", "/elsewhere", "undefined");
        buf_fmt(&text, rows, buf_cstr(&at), "ses_y", "/", "ses_b");
        buf_fmt(&text, rows, buf_cstr(&later), "ses_b", "/", "undefined");
        if (i > 0) /* two of this directory: the time decides */
            buf_fmt(&text, rows, buf_cstr(&at), "ses_c", "/", "undefined");
        if (i > 1)
            buf_fmt(&text, rows, buf_cstr(&at), "ses_d", "/", "undefined");
        CHECK_INT(store_write(log, "opencode.log", buf_view(&text)), 0);
        struct holder h = {.loop.now = 1000000, .submitted_at = 1000000};
        native_init(&h, agents_find("opencode"), envs, "/");
        native_look(&h);
        CHECK_SPAN(buf_view(&h.native_id), ids[i]);
        CHECK(!native_is_shared(&h));
        buf_free(&h.native_id);
        free(h.history), free(h.history_text);
    }
    char *path = store_path(log, "opencode.log");
    unlink(path), rmdir(log), rmdir(sub), rmdir(dir);
    free(path), free(log), free(sub);
    buf_free(&text), buf_free(&at), buf_free(&later);
}

/* A program that stands for telec: it knows the id once it may. */
static void unit_hold_native_late(void)
{
    static const char script[] = "#!/bin/sh\n[ $1 = native ] || exec cat\n"
                                 "read x < %s/go\nprintf id-a\n";
    struct unit_holder u;
    buf text = {0}, more = {0}, go = {0};
    char dir[64];
    test_begin("events wait for the id that an agent's files tell, and the session does not");
    CHECK(mkdtemp(unit_base_temporary(dir)) != NULL);
    buf_fmt(&text, script, dir);
    buf_fmt(&more, ",\"agent\":\"codex\",\"env\":[\"PATH=/bin:/usr/bin\",\"CODEX_HOME=%s\"],"
                   "\"program\":\"%s/telec\"", dir, dir);
    buf_fmt(&go, "%s/go", dir);
    char *program = store_path(dir, "telec");
    CHECK_INT(store_write(dir, "telec", buf_view(&text)), 0);
    CHECK(chmod(program, 0700) == 0 && mkfifo(buf_cstr(&go), 0600) == 0);
    unit_holder_run(&u, "read x; echo echoed; sleep 9", buf_cstr(&more));
    unit_holder_send(&u, FRAME_EVENT, "{\"type\":\"prompt\",\"text\":\"other\","
                                      "\"native_session_id\":\"id-b\"}");
    unit_holder_send(&u, FRAME_EVENT, "{\"type\":\"notification\",\"text\":\"mine\","
                                      "\"native_session_id\":\"id-a\"}");
    unit_holder_send(&u, FRAME_INPUT, "x\n");
    CHECK(unit_holder_until(&u, &u.status, "\"last_output\":\"echoed\""));
    CHECK(u.h.looking != NULL);
    int fd = open(buf_cstr(&go), O_RDWR);
    CHECK(write(fd, "\n", 1) == 1);
    CHECK(unit_holder_until(&u, &u.status, "\"state_text\":\"mine\""));
    close(fd); /* with it goes what is not read yet */
    CHECK(strstr(buf_cstr(&u.status), "\"native_session_id\":\"id-a\"") != NULL);
    unit_holder_end(&u);
    unlink(program), unlink(buf_cstr(&go)), rmdir(dir);
    free(program);
    buf_free(&text), buf_free(&more), buf_free(&go);
}

/* Two Codex sessions of one HOME write to one file. */
static void unit_hold_native(void)
{
    static const struct {
        const char *said, *id; /* said NULL: it was typed just now */
    } sessions[] = {{"fix the parser", "id-a"}, {"fix the lexer", "id-b"}, {"both", ""},
                    {"never told", ""}, {NULL, "id-c"}};
    char dir[64], env[80];
    char *const envs[] = {env, NULL};
    buf text = {0};
    test_begin("an agent's id is that of its own last message in the file that it writes");
    CHECK(mkdtemp(unit_base_temporary(dir)) != NULL);
    base_fmt(env, sizeof env, "CODEX_HOME=%s", dir);
    long long now = clock_wall_ms() / 1000;
    buf_fmt(&text, "{\"session_id\":\"old\",\"ts\":%lld,\"text\":\"fix the parser\"}\n", now - 100);
    buf_fmt(&text, "{\"session_id\":\"id-a\",\"ts\":%lld,\"text\":\"fix the parser\"}\n", now + 5);
    buf_fmt(&text, "{\"session_id\":\"id-b\",\"ts\":%lld,\"text\":\"fix the lexer\"}\n", now + 5);
    buf_fmt(&text, "{\"session_id\":\"id-a\",\"ts\":%lld,\"text\":\"both\"}\n", now + 5);
    buf_fmt(&text, "{\"session_id\":\"id-b\",\"ts\":%lld,\"text\":\"both\"}\n", now + 5);
    buf_fmt(&text, "{\"session_id\":\"id-c\",\"ts\":%lld,\"text\":\"by hand\"}\n{broken\n", now);
    CHECK_INT(store_write(dir, "history.jsonl", buf_view(&text)), 0);
    for (size_t i = 0; i < COUNT_OF(sessions); i++) {
        struct holder h = {.loop.now = 1000000, .typed_at = 1000000};
        native_init(&h, agents_find("codex"), envs, NULL);
        if (sessions[i].said)
            buf_str(&h.last_input, sessions[i].said);
        native_look(&h);
        CHECK_SPAN(buf_view(&h.native_id), sessions[i].id);
        buf_free(&h.native_id), buf_free(&h.last_input);
        free(h.history), free(h.history_text);
    }
    test_begin("an event of another conversation of one HOME is not taken for this session's");
    static const struct {
        const char *last, *id, *text;
        int is_prompt, own;
    } events[] = {{"fix the parser", "\"id-a\"", "", 0, 1},
                  {"fix the parser", "\"id-b\"", "", 0, 0},
                  {"fix the parser", "\"id-b\"", "fix the lexer", 1, 0},
                  {"", "\"id-b\"", "", 0, 0},              {"", "\"id-n\"", "going out", 1, 1}};
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        struct message out = {0};
        struct holder h = {.loop.now = 1000000, .messages = &out};
        struct json id;
        buf_str(&out.text, "going out");
        native_init(&h, agents_find("codex"), envs, NULL);
        buf_str(&h.last_input, events[i].last);
        json_parse(span_of(events[i].id), &id, NULL, NULL);
        CHECK_INT(native_accept(&h, id, events[i].is_prompt, span_of(events[i].text)),
                  events[i].own);
        buf_free(&h.native_id), buf_free(&h.last_input), buf_free(&out.text);
        free(h.history), free(h.history_text);
    }
    char *path = store_path(dir, "history.jsonl");
    unlink(path);
    rmdir(dir);
    free(path);
    buf_free(&text);
}

static void unit_hold_messages(void)
{
    struct unit_holder u;
    test_begin("a message that the program answers is delivered");
    unit_holder_run(&u, "read x; echo \"got $x\"; read x; sleep 9", "");
    unit_holder_send(&u, FRAME_MESSAGE, "{\"text\":\"hello\"}");
    CHECK(unit_holder_count(&u, &u.receipts, 1));
    CHECK_SPAN(span_of(u.receipt), "delivered");
    CHECK(unit_holder_until(&u, &u.status, "\"last_input\":\"hello\""));
    CHECK(!strstr(u.status.p, "first_prompt"));
    CHECK(unit_holder_until(&u, &u.status, "\"last_output\":\"got hello\""));
    test_begin("the terminal's echo of a message is no reaction to it");
    unit_holder_send(&u, FRAME_MESSAGE, "{\"text\":\"again\"}");
    CHECK(unit_holder_count(&u, &u.receipts, 2));
    CHECK_SPAN(span_of(u.receipt), "unconfirmed");
    test_begin("a message that is no JSON has no receipt");
    unit_holder_send(&u, FRAME_MESSAGE, "{");
    unit_holder_sync(&u);
    CHECK_INT(u.receipts, 2);
    test_begin("a message whose time is over is never typed, and has no receipt");
    unit_holder_send(&u, FRAME_MESSAGE, "{\"text\":\"too late\",\"until\":1}");
    unit_holder_sync(&u);
    CHECK_INT(u.receipts, 2);
    CHECK(!strstr(buf_cstr(&u.status), "too late"));
    test_begin("an exit is a reaction to a message");
    unit_holder_send(&u, FRAME_MESSAGE, "{\"text\":\"x\",\"enter\":false}");
    unit_holder_send(&u, FRAME_END, "");
    CHECK(unit_holder_count(&u, &u.receipts, 3));
    CHECK_SPAN(span_of(u.receipt), "delivered");
    unit_holder_end(&u);
    test_begin("a pasted message's Enter is pressed after it, or before the next key");
    unit_holder_run(&u, "stty -echo -icanon; printf '\\033[?2004hready'; cat", "");
    unit_holder_send(&u, FRAME_VIEW, "");
    CHECK(unit_holder_until(&u, &u.screen, "ready"));
    buf_clear(&u.screen);
    unit_holder_send(&u, FRAME_MESSAGE, "{\"text\":\"one\"}");
    unit_holder_send(&u, FRAME_INPUT, "two");
    CHECK(unit_holder_until(&u, &u.screen, "\033[200~one\033[201~\r\ntwo"));
    buf_clear(&u.screen);
    unit_holder_send(&u, FRAME_MESSAGE, "{\"text\":\"three\"}");
    CHECK(unit_holder_until(&u, &u.screen, "\033[200~three\033[201~\r\n"));
    unit_holder_end(&u);
    test_begin("a first message is typed at the program's first output");
    unit_holder_run(&u, "echo hi; read x; echo \"got $x\"; read x",
                    ",\"typed\":\"first\"");
    CHECK(unit_holder_until(&u, &u.status, "\"last_output\":\"got first\""));
    CHECK(unit_holder_until(&u, &u.status, "\"first_prompt\":\"delivered\""));
    unit_holder_end(&u);
    test_begin("a first message is typed after a while into a program that writes nothing");
    unit_holder_run(&u, "read x; echo \"got $x\"; read x", ",\"typed\":\"late\"");
    CHECK(unit_holder_until(&u, &u.status, "\"last_output\":\"got late\""));
    unit_holder_end(&u);
    test_begin("but not into one that does not read, where the system tells that");
    unit_holder_run(&u, "exec sleep 9", ",\"typed\":\"early\"");
    unit_holder_pass(&u, 400);
    char path[64];
    buf where = {0};
    snprintf(path, sizeof path, OS_PROC "/%ld/wchan", (long)u.h.pid);
    if (os_read_file(&where, path, 64) == 0 && where.n && where.p[0] != '0')
        CHECK_SPAN(buf_view(&u.h.typed), "early");
    buf_free(&where);
    unit_holder_end(&u);
    test_begin("a first message that is late is for a program that is still busy, no other");
    unit_holder_run(&u, "while :; do :; done", ",\"typed\":\"slow\"");
    u.h.first_until = u.h.loop.now;
    if (life_is_asleep(u.h.pid) >= 0) {
        CHECK(unit_holder_count(&u, &u.h.first_busy, 2));
        CHECK(u.h.first_until > u.h.loop.now); /* it is asked now and then only */
        CHECK_INT(u.h.first, MESSAGE_FIRST_PENDING);
    }
    kill(u.h.pid, SIGKILL);
    unit_holder_end(&u);
    unit_holder_run(&u, "exec sleep 9", ",\"typed\":\"early\"");
    u.h.first_until = u.h.loop.now;
    CHECK(unit_holder_until(&u, &u.status, "\"first_prompt\":\"failed\""));
    CHECK_INT(u.h.typed.n, 0); /* no key waits for it any more */
    unit_holder_end(&u);
}

static void unit_hold_input(void)
{
    struct unit_holder u;
    unit_holder_run(&u, "while read x; do echo \"got <$x>\"; done", "");
    test_begin("keys by name are typed as often as asked, at most FRAME_KEYS_MAX times");
    unit_holder_send(&u, FRAME_KEYS, "{\"key\":\"space\",\"count\":100000}");
    unit_holder_send(&u, FRAME_INPUT, "x\r");
    unit_holder_send(&u, FRAME_KEYS, "nonsense");
    unit_holder_send(&u, FRAME_KEYS, "{\"key\":\"nonsense\"}");
    CHECK(unit_holder_until(&u, &u.status, "got <x>"));
    unit_holder_send(&u, FRAME_TEXT, "");
    CHECK(unit_holder_until(&u, &u.reply, "x\n"));
    CHECK_INT(strcspn(buf_cstr(&u.reply), "x") - strspn(buf_cstr(&u.reply), "\n"), FRAME_KEYS_MAX);
    test_begin("a resize is the session's size; one that is none changes nothing");
    unit_holder_send(&u, FRAME_RESIZE, "{\"cols\":100,\"rows\":30}");
    CHECK(unit_holder_until(&u, &u.status, "\"cols\":100,\"rows\":30"));
    unit_holder_send(&u, FRAME_RESIZE, "{\"cols\":0,\"rows\":30}");
    unit_holder_send(&u, FRAME_RESIZE, "[");
    unit_holder_sync(&u);
    CHECK_INT(vt_cols(u.h.vt), 100);
    test_begin("the client that types has the size; a viewer never resizes the session");
    struct holder_client other = {.holder = &u.h, .cols = 50, .rows = 10};
    input_note_typed(&other, u.h.loop.now, 0);
    CHECK_INT(vt_cols(u.h.vt), 50);
    unit_holder_send(&u, FRAME_VIEW, "z");
    CHECK(unit_holder_count(&u, &u.snapshots, 1));
    CHECK_SPAN(span_of(u.size), "{\"size\":[50,10]}");
    CHECK_INT(vt_cols(u.h.vt), 50);
    unit_holder_send(&u, FRAME_RESIZE, "{\"cols\":100,\"rows\":31}"); /* later */
    unit_holder_send(&u, FRAME_INPUT, "\033[I\033[<65;5;5M");
    unit_holder_sync(&u);
    CHECK_INT(vt_cols(u.h.vt), 50);
    unit_holder_send(&u, FRAME_TYPED, "1 look"); /* an arrow */
    CHECK(unit_holder_count(&u, &u.snapshots, 2));
    CHECK_SPAN(span_of(u.size), "{\"size\":[100,31]}");
    test_begin("when the viewer goes whose size it is, the last active one that stays has it");
    other.active_at = u.h.loop.now + 1;
    other.next = u.h.clients;
    struct holder_client *first = u.h.clients;
    u.h.clients = &other;
    viewer_leave_size(first);
    CHECK_INT(vt_cols(u.h.vt), 50);
    u.h.clients = first;
    viewer_leave_size(&other);
    CHECK_INT(vt_cols(u.h.vt), 100);
    viewer_leave_size(&other); /* not its size any more */
    CHECK(u.h.sizer == first);
    test_begin("GET …/screen's object has the size, the cursor and the lines");
    unit_holder_send(&u, FRAME_SCREEN, "");
    CHECK(unit_holder_until(&u, &u.reply, "{\"cols\":100,\"rows\":31,\"cursor\":["));
    CHECK(strstr(buf_cstr(&u.reply), "\"got <x>\"") != NULL);
    test_begin("input that the program does not read is refused at a limit");
    char *much = base_alloc(INPUT_QUEUE_MAX + 1);
    memset(much, 'x', INPUT_QUEUE_MAX + 1);
    CHECK_INT(input_type(&u.h, (span){much, INPUT_QUEUE_MAX + 1}), -1);
    message_add(&u.h, u.h.clients, (span){much, INPUT_QUEUE_MAX + 1},
        &(struct frame_message){.force = 1});
    CHECK(unit_holder_count(&u, &u.receipts, 1));
    CHECK_SPAN(span_of(u.receipt), "unconfirmed");
    CHECK(u.h.messages == NULL);
    free(much);
    test_begin("frames of an unknown type are ignored, a broken one ends the connection");
    unit_holder_send(&u, (enum frame_type)'?', "x");
    unit_holder_sync(&u);
    CHECK_INT(u.closed, 0);
    conn_send(&u.link.conn, span_of("\377\377\377\377x"));
    CHECK(unit_holder_count(&u, &u.closed, 1));
    CHECK(u.h.clients == NULL);
    CHECK_INT(holder_link_open(&u.link, &u.h.loop, holder_link_dial(u.socket)), 0);
    unit_holder_end(&u);
}

static void unit_hold_direct(void)
{
    struct unit_holder u;
    unit_holder_run(&u, "while read x; do echo \"got <$x>\"; done", "");
    test_begin("a viewer gets the pty's descriptor, then a grant, and may write");
    unit_holder_send(&u, FRAME_VIEW, "zbp");
    u.link.conn.accepts_fd = 1;
    CHECK(unit_holder_count(&u, &u.ptys, 2));
    CHECK_SPAN(span_of(u.pty), "0");
    CHECK(u.fd >= 0);
    CHECK_INT(write(u.fd, "direct\r", 7), 7);
    CHECK(unit_holder_until(&u, &u.screen, "got <direct>"));
    test_begin("input through the holder ends a grant, until the program has it");
    unit_holder_send(&u, FRAME_INPUT, "x");
    CHECK(unit_holder_count(&u, &u.ptys, 3));
    CHECK_SPAN(span_of(u.pty), "1");
    test_begin("a message on its way withdraws a grant");
    unit_holder_send(&u, FRAME_MESSAGE, "{\"text\":\"y\"}");
    CHECK(unit_holder_count(&u, &u.ptys, 4));
    CHECK_SPAN(span_of(u.pty), "");
    CHECK(unit_holder_count(&u, &u.ptys, 5));
    CHECK_SPAN(span_of(u.pty), "1");
    test_begin("a client that goes no longer delays status frames");
    CHECK_INT(u.h.direct_count, 1);
    holder_link_close(&u.link);
    CHECK(unit_holder_count(&u, &u.closed, 1));
    while (u.h.clients)
        loop_once(&u.h.loop);
    CHECK_INT(u.h.direct_count, 0);
    CHECK_INT(holder_link_open(&u.link, &u.h.loop, holder_link_dial(u.socket)), 0);
    unit_holder_end(&u);
}

static void unit_hold_viewers(void)
{
    struct unit_holder u;
    int most = CONN_READ_MAX < 100 ? 2000 : 60000; /* a few bytes a read take their time */
    char command[100];
    snprintf(command, sizeof command, "echo before; read x; seq 1 %d; echo done; read x", most);
    unit_holder_run(&u, command, "");
    test_begin("a viewer gets a snapshot, then output");
    CHECK(unit_holder_until(&u, &u.status, "before"));
    unit_holder_send(&u, FRAME_VIEW, "b");
    CHECK(unit_holder_until(&u, &u.screen, "before"));
    CHECK_INT(u.snapshots, 1);
    CHECK_SPAN(span_of(u.size), "");
    test_begin("a viewer that gets more than it can show skips to snapshots, and misses no end");
    unit_holder_send(&u, FRAME_INPUT, "\r");
    CHECK(unit_holder_until(&u, &u.screen, "done"));
    unit_holder_pass(&u, 3 * VIEWER_TICK_MS);
    CHECK(u.snapshots > 1 || CONN_READ_MAX < 100); /* a slow holder may never get ahead of it */
    for (const struct holder_client *c = u.h.clients; c; c = c->next)
        CHECK(!c->behind && !c->missing);
    unit_holder_end(&u);
}

static void unit_hold_warm(void)
{
    struct unit_holder u;
    char text[24];
    long before = 0;
    if (CONN_READ_MAX < 100)
        return;
    test_begin("output on its way to a viewer, once warm, allocates nothing for a read");
    unit_holder_run(&u, "while read x; do seq 1 60000; echo over$x; done", "");
    u.h.log.loop = NULL; /* in this process it would open the file each time */
    unit_holder_send(&u, FRAME_VIEW, "a");
    buf_reserve(&u.screen, 8 << 20);
    for (int round = 1; round <= 5; round++) {
        buf_clear(&u.screen);
        if (round == 3)
            before = unit_allocated;
        snprintf(text, sizeof text, "%d\r", round);
        unit_holder_send(&u, FRAME_INPUT, text);
        snprintf(text, sizeof text, "over%d", round);
        CHECK(unit_holder_until(&u, &u.screen, text));
    }
    CHECK(unit_allocated - before < 60); /* of 180,000 lines; the screen is read now and then */
    unit_holder_end(&u);
}

static void unit_hold_waits_for_viewer(void)
{
    struct unit_holder u;
    char command[100];
    size_t most = 0;
    if (CONN_READ_MAX < 100) /* a few bytes a read take too long */
        return;
    snprintf(command, sizeof command, "echo up; read x; seq 200000; echo done; read x");
    unit_holder_run(&u, command, "");
    CHECK(unit_holder_until(&u, &u.status, "up"));
    test_begin("a viewer that gets all output misses none while it reads: the program waits");
    unit_holder_send(&u, FRAME_VIEW, "a");
    CHECK(unit_holder_until(&u, &u.screen, "up"));
    unit_holder_send(&u, FRAME_INPUT, "\r");
    for (int i = 0; i < 100 && (i < 10 || most <= VIEWER_BACKLOG_MAX); i++) { /* reads in bits */
        conn_pause(&u.link.conn, 1);
        unit_holder_pass(&u, 30);
        most = u.h.clients->conn.queued > most ? u.h.clients->conn.queued : most;
        conn_pause(&u.link.conn, 0);
        loop_timer_set(&u.h.loop, &u.guard, clock_mono_ms() + 100); /* it may be quiet */
        loop_once(&u.h.loop);
    }
    CHECK(most > VIEWER_BACKLOG_MAX && most < VIEWER_BACKLOG_MAX + 64 * 1024);
    CHECK(unit_holder_until(&u, &u.screen, "done"));
    CHECK_INT(u.snapshots, 1);
    CHECK(strstr(u.screen.p, "\r\n100000\r\n100001\r\n") != NULL);
    test_begin("one that reads nothing is not waited for, and gets a snapshot");
    conn_pause(&u.link.conn, 1);
    buf_clear(&u.screen);
    for (int i = 0; i < 100 && !u.h.wait_timer.slot; i++) {
        buf flood = {0};
        buf_reserve(&flood, 65536);
        memset(flood.p, 'x', 65536);
        viewer_send_output(&u.h, (span){flood.p, 65536});
        buf_free(&flood);
    }
    CHECK(u.h.pty.paused && u.h.wait_timer.slot);
    viewer_on_wait(&u.h);
    CHECK(!u.h.pty.paused && u.h.clients->behind && !u.h.wait_timer.slot);
    conn_pause(&u.link.conn, 0);
    CHECK(unit_holder_count(&u, &u.snapshots, 2));
    unit_holder_end(&u);
}

/* Reads what the holder has for a client until `text` comes, at most 20 s. */
static int unit_holder_read(struct unit_holder *u, int fd, const char *text)
{
    buf got = {0};
    int found = 0;
    u->late = 0;
    loop_timer_set(&u->h.loop, &u->guard, clock_mono_ms() + 20000);
    while (!u->late && !found) {
        buf_reserve(&got, 4096);
        ssize_t n = read(fd, got.p + got.n, 4096);
        for (ssize_t i = 0; i < n; i++, got.n++)
            got.p[got.n] = got.p[got.n] ? got.p[got.n] : ' '; /* heads of frames */
        found = strstr(buf_cstr(&got), text) != NULL;
        buf_drop(&got, got.n > 200 && !found ? got.n - 200 : 0);
        loop_once(&u->h.loop);
    }
    loop_timer_cancel(&u->h.loop, &u->guard);
    buf_free(&got);
    return found;
}

static void unit_hold_slow_viewer(void)
{
    struct unit_holder u;
    int ends[2], least = 1;
    char line[100];
    if (VT_SCROLL_LINES < 100) /* a limit for tests */
        return;
    test_begin("a viewer that reads again gets its scrollback");
    unit_holder_run(&u, "read x", ",\"cols\":100,\"rows\":100");
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    struct holder_client *c = holder_add_client(&u.h, ends[0]);
    c->viewing = c->scrollback = c->behind = c->missing = 1;
    for (int i = 0; i < 200; i++) {
        snprintf(line, sizeof line, "%070d\r\n", i);
        vt_feed(u.h.vt, span_of(line));
    }
    for (int i = 0; i < 2; i++) { /* while output comes: the screen, which it does not read yet */
        u.h.state.output_at = c->whole_at = u.h.loop.now;
        viewer_on_tick(&u.h);
        conn_flush(&c->conn);
        CHECK(!c->behind && c->missing && c->conn.queued > 0);
        loop_timer_cancel(&u.h.loop, &u.h.tick_timer);
    }
    CHECK(unit_holder_read(&u, ends[1], "00017\r\n"));
    CHECK(!c->missing);
    close(ends[1]);
    unit_holder_end(&u);
}

static void unit_hold_secrets(void)
{
    struct unit_holder u;
    test_begin("what is typed at a prompt that does not echo is not last_input");
    unit_holder_run(&u,
                    "stty -echo; printf 'Password: '; read x; stty echo; echo; echo \"<$x>\";"
                        " read x",
                    ",\"typed\":\"hunter2\",\"last_input\":\"hunter2\"");
    CHECK(unit_holder_until(&u, &u.status, "\"last_output\":\"<hunter2>\""));
    CHECK(strstr(buf_cstr(&u.status), "\"last_input\":null") != NULL);
    unit_holder_send(&u, FRAME_MESSAGE, "{\"text\":\"shown\"}");
    CHECK(unit_holder_until(&u, &u.status, "\"last_input\":\"shown\""));
    unit_holder_end(&u);
    unit_holder_run(&u, "read x; stty -echo; echo ask; read x; stty echo; echo done; read x", "");
    unit_holder_send(&u, FRAME_MESSAGE, "{\"text\":\"shown\"}");
    CHECK(unit_holder_until(&u, &u.status, "ask"));
    unit_holder_send(&u, FRAME_MESSAGE, "{\"text\":\"hunter2\"}");
    CHECK(unit_holder_until(&u, &u.status, "done"));
    CHECK(strstr(buf_cstr(&u.status), "\"last_input\":\"shown\"") != NULL);
    unit_holder_end(&u);
}

static void unit_hold_deaf_viewer(void)
{
    struct unit_holder u;
    char size[60];
    size_t most = 0;
    test_begin("a viewer that does not read costs a bounded queue, for resizes, too");
    unit_holder_run(&u, "echo up; read x", "");
    CHECK(unit_holder_until(&u, &u.status, "up"));
    unit_holder_send(&u, FRAME_VIEW, "z");
    CHECK(unit_holder_until(&u, &u.screen, "up"));
    conn_pause(&u.link.conn, 1);
    for (int i = 0; i < 300; i++) {
        snprintf(size, sizeof size, "{\"cols\":%d,\"rows\":%d}", 80 + i % 7, 300 + i % 5);
        for (int row = 0; row < 300; row++)
            vt_feed(u.h.vt, span_of("wide\tline of some words that fill a row\r\n"));
        struct holder_client *c = u.h.clients;
        holder_handle_resize(c, span_of(size));
        conn_flush(&c->conn);
        most = c->conn.queued > most ? c->conn.queued : most;
    }
    CHECK(most < 2 * VIEWER_BACKLOG_MAX + 64 * 1024); /* and a snapshot */
    conn_pause(&u.link.conn, 0);
    buf_clear(&u.screen);
    unit_holder_send(&u, FRAME_INPUT, "the last words");
    CHECK(unit_holder_until(&u, &u.screen, "the last words"));
    CHECK_SPAN(span_of(u.size), "{\"size\":[85,304]}");
    unit_holder_end(&u);
}

static void unit_hold_deaf_end(void)
{
    static char output[64 * 1024];
    struct unit_holder u;
    test_begin("a holder ends though a client does not read what is queued for it");
    unit_holder_run(&u, "read x", "");
    u.h.drained = 1; /* the pty's end came before the program's */
    struct holder_client *c = u.h.clients;
    conn_pause(&u.link.conn, 1);
    while (c->conn.queued < sizeof output)
        frame_send(&c->conn, FRAME_OUTPUT, (span){output, sizeof output});
    unit_holder_send(&u, FRAME_INPUT, "\r");
    CHECK(unit_holder_count(&u, &u.h.over, 2));
    unit_holder_end(&u);
}

static void unit_hold_many_messages(void)
{
    struct unit_holder u;
    const struct frame_message how = {.enter = 1};
    test_begin("a message past MESSAGE_QUEUE_MAX is unconfirmed at once, and never typed");
    unit_holder_run(&u, "read x", "");
    for (int i = 0; i <= MESSAGE_QUEUE_MAX; i++)
        message_add(&u.h, u.h.clients, span_of(i < MESSAGE_QUEUE_MAX ? "kept" : "refused"), &how);
    int count = 0;
    for (struct message *m = u.h.messages; m; m = m->next, count++)
        CHECK_SPAN(buf_view(&m->text), "kept");
    CHECK_INT(count, MESSAGE_QUEUE_MAX);
    CHECK(unit_holder_count(&u, &u.receipts, 1));
    CHECK_SPAN(span_of(u.receipt), "unconfirmed");
    unit_holder_end(&u);
    test_begin("events that wait for their conversation are kept within HOLDER_EVENTS_MAX");
    static const char event[] = "{\"type\":\"stop\"}";
    struct holder h = {.slave = -1};
    for (int i = 0; i < HOLDER_EVENTS_MAX / 8; i++)
        holder_keep_event(&h, span_of(event));
    CHECK(h.events.n > HOLDER_EVENTS_MAX - sizeof event && h.events.n <= HOLDER_EVENTS_MAX);
    CHECK_INT(h.events.n % sizeof event, 0); /* whole ones */
    buf_free(&h.events);
}

static void unit_hold_descriptors(void)
{
    struct unit_holder u;
    test_begin("a program has its terminal as descriptors 0 to 2 only");
    unit_holder_run(&u, "for f in 0 1 2 3 4 5 6 7 8 9; do [ -t $f ] && printf \"$f \"; done; "
                        "echo done; read x", "");
    CHECK(unit_holder_until(&u, &u.status, "\"last_output\":\"0 1 2 done\""));
    unit_holder_end(&u);
}

static void unit_hold_joined_client(void)
{
    struct unit_holder u;
    char head[FRAME_HEAD];
    int ends[2];
    test_begin("a subscriber brings a client without the socket's file");
    unit_holder_run(&u, "echo up; read x", "");
    CHECK(unit_holder_until(&u, &u.status, "up"));
    unlink(u.socket);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    frame_put_head(head, FRAME_CLIENT, 0);
    CHECK_INT(conn_send_fd(&u.link.conn, (span){head, sizeof head}, ends[1]), 0);
    close(ends[1]);
    struct holder_link second = {.on_frame = unit_holder_on_frame,
                                 .on_closed = unit_holder_on_closed,
                                 .ctx = &u};
    CHECK_INT(holder_link_open(&second, &u.h.loop, ends[0]), 0);
    holder_link_send(&second, FRAME_TEXT, (span){0});
    CHECK(unit_holder_until(&u, &u.reply, "up"));
    holder_link_cancel(&second);
    unit_holder_end(&u);
}

static void unit_hold_deaf_client(void)
{
    struct unit_holder u;
    size_t most = 0;
    int statuses;
    test_begin("a client that asks and never reads costs a bounded queue, and gets the last state");
    unit_holder_run(&u, "echo up; read x; while :; do echo $x; sleep 0.01; done", "");
    CHECK(unit_holder_until(&u, &u.status, "up"));
    struct holder_client *c = u.h.clients;
    conn_pause(&u.link.conn, 1);
    for (int i = 0; i < 500; i++)
        vt_feed(u.h.vt, span_of("a line of text that fills the scrollback of the session\r\n"));
    for (int i = 0; i < 400; i++)
        unit_holder_send(&u, FRAME_TEXT, "");
    for (int i = 0; i < 10; i++) {
        unit_holder_pass(&u, 10);
        most = c->conn.queued > most ? c->conn.queued : most;
    }
    CHECK(most <= HOLDER_CLIENT_MAX + 256 * 1024);
    c->conn.queued += STATUS_QUEUE_MAX + 1; /* as if it had as much */
    status_send(&u.h);
    c->conn.queued -= STATUS_QUEUE_MAX + 1;
    CHECK(c->status_due);
    statuses = u.statuses;
    conn_pause(&u.link.conn, 0);
    unit_holder_send(&u, FRAME_INPUT, "later\r");
    CHECK(unit_holder_count(&u, &u.statuses, statuses + 1));
    CHECK(unit_holder_until(&u, &u.status, "\"last_output\":\"later\"") && !c->status_due);
    unit_holder_end(&u);
}

static void unit_hold_without_descriptors(void)
{
    struct unit_holder u;
    struct rlimit limit, none;
    int passes = 0;
    test_begin("a holder without descriptors lets a client wait, and does not spin");
    unit_holder_run(&u, "read x", "");
    int fd = conn_connect(u.socket);
    CHECK(fd >= 0);
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int free_fd = dup(fd); /* the limit that leaves none, and is enough for poll */
    close(free_fd);
    none = (struct rlimit){(rlim_t)free_fd, limit.rlim_max};
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &none), 0);
    u.late = 0;
    loop_timer_set(&u.h.loop, &u.guard, clock_mono_ms() + 300);
    for (; !u.late; passes++)
        loop_once(&u.h.loop);
    CHECK(passes < (CONN_READ_MAX < 100 ? 200 : 20));
    setrlimit(RLIMIT_NOFILE, &limit);
    CHECK(u.h.clients && !u.h.clients->next);
    loop_timer_set(&u.h.loop, &u.guard, clock_mono_ms() + 20000);
    for (u.late = 0; !u.late && !u.h.clients->next;)
        loop_once(&u.h.loop);
    CHECK(u.h.clients->next != NULL);
    loop_timer_cancel(&u.h.loop, &u.guard);
    close(fd);
    unit_holder_end(&u);
}

static void unit_hold_ends(void)
{
    struct unit_holder u;
    buf exit = {0};
    test_begin("an exit's code is in the last status and in exit.json, and the socket is gone");
    unit_holder_run(&u, "exit 3", "");
    CHECK(unit_holder_until(&u, &u.status, "\"exit_code\":3"));
    CHECK(strstr(buf_cstr(&u.status), "\"state\":\"exited\",\"state_source\":\"exit\"") != NULL);
    CHECK_INT(store_read(u.dir, "exit.json", &exit), 0);
    CHECK(strstr(buf_cstr(&exit), "\"exit_code\":3") != NULL);
    CHECK(access(u.socket, F_OK) != 0);
    CHECK(unit_holder_count(&u, &u.closed, 1));
    unit_holder_end(&u);
    buf_free(&exit);
    test_begin("a program that a signal ended has the code of a shell");
    unit_holder_run(&u, "kill -9 $$", "");
    CHECK(unit_holder_until(&u, &u.status, "\"exit_code\":137,\"exit_signal\":9"));
    unit_holder_end(&u);
    test_begin("a program that ignores SIGHUP is killed after a while");
    unit_holder_run(&u, "trap '' HUP; echo up; while :; do sleep 1; done", "");
    CHECK(unit_holder_until(&u, &u.status, "up"));
    long long start = clock_mono_ms();
    unit_holder_send(&u, FRAME_END, "");
    unit_holder_send(&u, FRAME_END, ""); /* twice is once */
    CHECK(unit_holder_until(&u, &u.status, "\"exit_signal\":9"));
    CHECK(clock_mono_ms() - start >= END_KILL_MS - 1);
    unit_holder_end(&u);
    test_begin("background processes don't delay an exit, and a kill leaves none");
    unit_holder_run(&u, "(trap '' HUP; sleep 20) & echo up; exit 0", "");
    CHECK(unit_holder_until(&u, &u.status, "\"exit_code\":0"));
    life_signal_session(u.h.pid, SIGKILL);
    unit_holder_end(&u);
    unit_holder_run(&u, "(trap '' HUP; sleep 20) & echo up; read x", "");
    CHECK(unit_holder_until(&u, &u.status, "up"));
    unit_holder_send(&u, FRAME_END, "");
    CHECK(unit_holder_count(&u, &u.closed, 1));
    CHECK_INT(life_signal_session(u.h.pid, 0), 0);
    unit_holder_end(&u);
    test_begin("an undone end lets the program go on; one that is not undone is an end");
    unit_holder_run(&u, "while read x; do echo \"got $x\"; done", "");
    CHECK(unit_holder_until(&u, &u.status, "\"state\":\"idle\"")); /* it changes no more */
    unit_holder_send(&u, FRAME_END_UNDOABLY, "{\"undo_ms\":60000}");
    CHECK(unit_holder_until(&u, &u.status, "\"hidden\":true"));
    int before = u.statuses;
    unit_holder_send(&u, FRAME_UNDO_END, "");
    CHECK(unit_holder_count(&u, &u.statuses, before + 1));
    CHECK(strstr(buf_cstr(&u.status), "hidden") == NULL);
    unit_holder_send(&u, FRAME_INPUT, "back\r");
    CHECK(unit_holder_until(&u, &u.status, "got back"));
    unit_holder_send(&u, FRAME_UNDO_END, "");
    unit_holder_send(&u, FRAME_END_UNDOABLY, "{}");
    unit_holder_send(&u, FRAME_END_UNDOABLY, "{\"undo_ms\":30}");
    CHECK(unit_holder_until(&u, &u.status, "\"state\":\"exited\""));
    unit_holder_end(&u);
}

static void unit_hold_undoes(void)
{
    struct unit_holder u;
    test_begin("an undo continues what the end stopped, the leader last, and nothing else");
    unit_holder_run(&u, "sleep 100 & sleep 100 & kill -STOP $!; while [ -d /proc/$! ] && ! grep -q "
                        "'T (st' /proc/$!/status; do sleep 0.01; done; echo \"pid $!.\"; read x; "
                        "echo x$x; read x", "");
    CHECK(unit_holder_until(&u, &u.status, "\"pid "));
    const char *said = strstr(buf_cstr(&u.status), "\"pid ");
    pid_t user_stopped = said ? (pid_t)atoi(said + 5) : 0;
    unit_holder_send(&u, FRAME_END_UNDOABLY, "{\"undo_ms\":60000}");
    CHECK(unit_holder_until(&u, &u.status, "\"hidden\":true"));
    CHECK_INT(life_pid(&u.h.paused, 0), u.h.pid);
    unit_holder_send(&u, FRAME_END_UNDOABLY, "{\"undo_ms\":60000}"); /* twice is once */
    unit_holder_send(&u, FRAME_UNDO_END, "");
    unit_holder_send(&u, FRAME_INPUT, "back\r");
    CHECK(unit_holder_until(&u, &u.status, "xback"));
#if defined(TELEC_LINUX)
    CHECK_INT(life_count_pids(&u.h.paused), 2);
    CHECK_INT(life_process_state(user_stopped), 'T');
    CHECK(life_process_state(u.h.pid) != 'T');
#else
    (void)user_stopped;
#endif
    unit_holder_send(&u, FRAME_END, "");
    CHECK(unit_holder_count(&u, &u.closed, 1));
    CHECK_INT(life_signal_session(u.h.pid, 0), 0);
    unit_holder_end(&u);
    test_begin("a program that ends itself before its end that can be undone is not hidden");
    unit_holder_run(&u, "sleep 0.1; exit 5", "");
    unit_holder_send(&u, FRAME_END_UNDOABLY, "{\"undo_ms\":60000}");
    CHECK(unit_holder_until(&u, &u.status, "\"hidden\":true"));
    kill(u.h.pid, SIGKILL);
    CHECK(unit_holder_until(&u, &u.status, "\"exit_signal\":9"));
    CHECK(strstr(buf_cstr(&u.status), "hidden") == NULL);
    life_signal_session(u.h.pid, SIGKILL); /* what the end has stopped stays stopped */
    unit_holder_end(&u);
}

static void unit_hold_faults(void)
{
    struct unit_holder u;
    struct json spec;
    buf error = {0};
    test_begin("a program or a directory that is not there is named");
    unit_holder_make(&u);
    CHECK_SPAN(span_of(unit_holder_start(&u, "/nowhere", "/bin/sh", "", "")),
               "cannot enter /nowhere: No such file or directory");
    CHECK(access(u.socket, F_OK) != 0);
    u.h.pid = 0;
    unit_holder_end(&u);
    unit_holder_make(&u);
    CHECK_SPAN(span_of(unit_holder_start(&u, "/", "/nowhere/sh", "", "")),
               "cannot run /nowhere/sh: No such file or directory");
    u.h.pid = 0;
    unit_holder_end(&u);
    test_begin("a session that a daemon has given up does not start");
    unit_holder_make(&u);
    store_write(u.dir, "exit.json", span_of("{}"));
    CHECK_SPAN(span_of(unit_holder_start(&u, "/", "/bin/sh", "", "")),
               "the daemon that asked for it has gone");
    CHECK(access(u.socket, F_OK) != 0);
    unit_holder_end(&u);
    test_begin("an incomplete description starts nothing");
    unit_holder_make(&u);
    CHECK_INT(json_parse(span_of("{\"id\":\"x\",\"argv\":[]}"), &spec, NULL, NULL), PARSE_DONE);
    CHECK_SPAN(span_of(holder_start(&u.h, spec, &error)),
               "the session's description is incomplete");
    unit_holder_end(&u);
    buf_free(&error);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

static void unit_hold_typing(void)
{
    static const struct {
        const char *text;
        int paste;
        const char *typed;
    } texts[] = {
        {"ls -l", 0, "ls -l"},
        {"two\nlines", 0, "two\rlines"},
        {"two\r\nlines", 0, "two\rlines"},
        {"two\nlines", 1, "\033[200~two\nlines\033[201~"},
        {"out\033[201~rm -rf x\r", 1, "\033[200~out[201~rm -rf x\r\033[201~"},
        {"\033[A", 0, "[A"},
    };
    test_begin("a message is typed as a paste where the program takes pastes, and never with ESC");
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        buf b = {0};
        message_put_typed(&b, span_of(texts[i].text), texts[i].paste);
        CHECK_SPAN(buf_view(&b), texts[i].typed);
        buf_free(&b);
    }
}

static void unit_hold_typed(void)
{
    static const struct {
        const char *said;
        enum state_kind state;
    } cases[] = {
        {"990", STATE_WAITING},  {"1000", STATE_WAITING}, {"1001", STATE_WORKING},
        {"1400", STATE_WORKING}, {"9999", STATE_WORKING}, {"-1", STATE_WAITING},
        {"soon", STATE_WAITING}, {"", STATE_WAITING},
    };
    test_begin("a direct key counts from when it was typed, not from when the holder hears of it");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct holder h = {0};
        struct holder_client c = {.holder = &h};
        holder_init(&h);
        h.loop.now = 1500;
        h.state.kind = STATE_WAITING;
        h.state.waiting_at = 1000;
        holder_handle_typed(&c, span_of(cases[i].said));
        status_apply(&h, (struct state_input){.event = STATE_ON_READ}, (span){0});
        CHECK_INT(h.state.kind, cases[i].state);
        loop_free(&h.loop);
    }
}

static void unit_hold_other_user(void)
{
    struct unit_holder u;
    char byte;
    test_begin("a holder closes another user's connection, and serves its own user");
    unit_holder_run(&u, "read x; sleep 9", "");
    CHECK(chmod(u.dir, 0711) == 0 && chmod(u.socket, 0666) == 0);
    int fd = unit_conn_stranger(u.socket);
    if (fd >= 0 && CONN_KNOWS_PEERS) {
        struct holder_client *first = u.h.clients;
        holder_on_accept(&u.h, POLLIN);
        CHECK_INT(read(fd, &byte, 1), 0);
        CHECK(u.h.clients == first && u.link.open);
    }
    if (fd >= 0)
        close(fd);
    unit_holder_end(&u);
}

static void unit_hold_controls(void)
{
    struct unit_holder u;
    struct holder_link other = {.on_frame = unit_holder_on_frame,
                                .on_closed = unit_holder_on_closed, .ctx = &u};
    test_begin("who typed last controls the session, and its status says so at once");
    unit_holder_run(&u, "stty -echo -icanon; echo up; sleep 9", "");
    struct holder_link *links[] = {&u.link, &other};
    CHECK_INT(holder_link_open(&other, &u.h.loop, holder_link_dial(u.socket)), 0);
    CHECK(unit_holder_until(&u, &u.status, "\"state\":\"idle\"")); /* it changes no more */
    for (int i = 0; i < 4; i++) {
        char size[80], want[40];
        snprintf(size, sizeof size, "{\"cols\":80,\"rows\":24,\"from\":\"v%d\"}", i % 2);
        snprintf(want, sizeof want, "\"controlled_by\":\"v%d\"", i % 2);
        if (i < 2) {
            holder_link_send(links[i], FRAME_RESIZE, span_of(size));
            holder_link_send(links[i], FRAME_VIEW, (span){0});
        }
        holder_link_send(links[i % 2], FRAME_INPUT, span_of("x"));
        CHECK(unit_holder_until(&u, &u.status, want));
    }
    holder_link_close(&other);
    CHECK(unit_holder_until(&u, &u.status, "\"cols\":80"));
    unit_holder_end(&u);
}

static void unit_hold_interrupts(void)
{
    static const struct {
        const char *keys;
        int interrupts;
    } cases[] = {{"\003", 1},     {"x\003", 1},      {"\003x", 0}, {"\033", 1},
                 {"\033[A", 0},   {"\033[99;5u", 1}, {"\033[27u", 1}, {"\033[27;5;99~", 1},
                 {"\033[27;5~", 0}, {"", 0}};
    test_begin("Escape and Ctrl-C in any of their forms, typed last, may interrupt an agent");
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_INT(input_interrupts(span_of(cases[i].keys)), cases[i].interrupts);
}

static void unit_hold_marks(void)
{
    struct holder h = {.vt = vt_new(20, 5)};
    struct reader_mark m;
    test_begin("a screen has moved when two rows have changed, or one and the cursor's place");
    vt_feed(h.vt, span_of("one\r\ntwo"));
    reader_mark(&h, &m);
    CHECK_INT(reader_changed_rows(&h, &m, 5), 0);
    CHECK_INT(reader_has_moved(&h, &m), 0);
    vt_feed(h.vt, span_of("!"));
    CHECK_INT(reader_changed_rows(&h, &m, 5), 1);
    CHECK_INT(reader_changed_rows(&h, &m, 1), 0);
    CHECK_INT(reader_has_moved(&h, &m), 0);
    vt_feed(h.vt, span_of("\033[1;1H"));
    CHECK_INT(reader_has_moved(&h, &m), 1);
    vt_feed(h.vt, span_of("ONE\033[2;5H"));
    CHECK_INT(reader_has_moved(&h, &m), 1);
    vt_free(h.vt);
}

static void unit_hold_agent_name(void)
{
    static const struct {
        const char *words; /* '|' for NUL */
        const char *agent;
    } cases[] = {
        {"claude|", "claude"},           {"/opt/bin/codex|--model|o3|", "codex"},
        {"node|/usr/bin/gemini|", "gemini"}, {"/bin/sh|./qwen|", "qwen"},
        {"vim|/src/claude|", NULL},      {"man|codex|", NULL},
        {"node|server.js|claude|", NULL}, {"bash|", NULL}, {"", NULL}};
    test_begin("a shell's foreground is an agent by its program or script, not by an argument");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf words = {0};
        buf_str(&words, cases[i].words);
        for (size_t at = 0; at < words.n; at++)
            words.p[at] = words.p[at] == '|' ? '\0' : words.p[at];
        const struct agents_row *row = reader_name_agent(buf_view(&words));
        CHECK_SPAN(span_of(row ? row->name : "none"), cases[i].agent ? cases[i].agent : "none");
        buf_free(&words);
    }
}

static void unit_holder(void)
{
    unit_hold_typing();
    unit_hold_controls();
    unit_hold_marks();
    unit_hold_interrupts();
    unit_hold_typed();
    unit_hold_states();
    unit_hold_hooks();
    unit_hold_environment();
    unit_hold_colours();
    unit_hold_update();
    unit_hold_paste();
    unit_hold_guard();
    unit_hold_answers();
    unit_hold_focus();
    unit_hold_agent();
    unit_hold_agent_name();
    unit_hold_agent_submits();
    unit_hold_agent_opens();
    unit_hold_other_user();
    unit_hold_native();
    unit_hold_native_late();
    unit_hold_native_log();
    unit_hold_messages();
    unit_hold_input();
    unit_hold_direct();
    unit_hold_viewers();
    unit_hold_warm();
    unit_hold_slow_viewer();
    unit_hold_waits_for_viewer();
    unit_hold_secrets();
    unit_hold_deaf_viewer();
    unit_hold_deaf_end();
    unit_hold_many_messages();
    unit_hold_descriptors();
    unit_hold_deaf_client();
    unit_hold_joined_client();
    unit_hold_without_descriptors();
    unit_hold_ends();
    unit_hold_undoes();
    unit_hold_faults();
}
