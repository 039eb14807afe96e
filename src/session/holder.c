#include "private.h"

/* holder - the process that holds one session: output, frames, the start. See private.h and
 * holder_link.c. */

#define HOLDER_EVENTS_MAX (64 * 1024) /* bytes that wait */
#define HOLDER_FROM_MAX 256       /* bytes */
#ifndef HOLDER_LOCK_MS
#define HOLDER_LOCK_MS 3000       /* for the last run's holder to end */
#endif
#ifndef HOLDER_CLIENT_MAX
#define HOLDER_CLIENT_MAX (4 * 1024 * 1024) /* bytes queued */
#endif
#define HOLDER_LONG_AGO_MS 60000  /* nothing waits for the first key and status */
#define HOLDER_ECHO_MAX 4096      /* bytes */
#define HOLDER_BELL_MS 20         /* for the notice of a key typed directly: see VIEW_NOTICE_MS */

/* ---- the program's output ------------------------------------------------------------------- */

/* Viewers' emulators don't: one answer is enough. */
static void holder_answer_queries(struct holder *h)
{
    buf answers = {0};
    vt_drain_answers(h->vt, &answers);
    if (answers.n)
        input_type(h, buf_view(&answers));
    buf_free(&answers);
}

/* Judges a viewer's echo once the notice of a key that it has written to the pty itself is here. */
static void holder_judge_output(struct holder *h, unsigned signals, int echo)
{
    int notified = (signals & VT_NOTIFIED) != 0, bell = notified || (signals & VT_BELL);
    int later = bell && echo && !notified && h->direct_count;
    struct state_input in = {.event = bell && !later ? STATE_ON_BELL : STATE_ON_OUTPUT,
                             .echo = echo && !notified};
    if (later && !h->bell_timer.slot)
        loop_timer_in(&h->loop, &h->bell_timer, HOLDER_BELL_MS);
    status_apply(h, in, notified ? vt_notification(h->vt) : (span){0});
}

static void holder_on_bell(void *ctx)
{
    status_apply(ctx, (struct state_input){.event = STATE_ON_BELL, .echo = 1}, (span){0});
}

static void holder_on_output(void *ctx)
{
    struct holder *h = ctx;
    span bytes = conn_view(&h->pty);
    size_t whole = viewer_find_screen(h, bytes);
    if (whole) {
        viewer_send_output(h, (span){bytes.p, whole});
        vt_feed(h->vt, (span){bytes.p, whole});
        disk_log(&h->log, (span){bytes.p, whole});
        conn_consume(&h->pty, whole);
        bytes = span_sub(bytes, whole);
        viewer_on_tick(h);
    }
    if (bytes.n) {
        int rings = bytes.n <= HOLDER_ECHO_MAX && memchr(bytes.p, '\a', bytes.n);
        size_t before = rings ? reader_count_text(h) : 0;
        viewer_send_output(h, bytes);
        vt_feed(h->vt, bytes);
        disk_log(&h->log, bytes);
        int echo = rings && reader_count_text(h) <= before; /* a question adds text */
        holder_answer_queries(h);
        message_on_output(h, bytes.n);
        h->activity = clock_wall_ms();
        unsigned signals = vt_drain_signals(h->vt);
        holder_judge_output(h, signals, echo);
        reader_note_output(h, bytes.n, (signals & VT_TITLE_CHANGED) != 0);
        input_tell_focus(h);
        status_changed(h);
        conn_consume(&h->pty, bytes.n);
    }
    if (h->pty.eof)
        conn_close(&h->pty, NULL);
}

static void holder_on_pty_closed(void *ctx, const char *why)
{
    struct holder *h = ctx;
    (void)why;
    h->drained = 1;
    end_check(h);
}

static void holder_on_pty_drained(void *ctx)
{
    struct holder *h = ctx;
    loop_defer(&h->loop, &h->offer_task);
    for (struct holder_client *c = h->clients; c; c = c->next)
        if (c->held)
            loop_defer(&h->loop, &h->resume_task);
}

static const struct conn_hooks holder_pty_hooks = {holder_on_output, holder_on_pty_drained,
                                                 holder_on_pty_closed};

/* ---- frames from clients -------------------------------------------------------------------- */

static void holder_handle_input(struct holder_client *c, span payload)
{
    c->inputs++;
    c->offered = 0; /* until the program has got this */
    message_settle(c->holder);
    input_type_for(c, payload);
    loop_defer(&c->holder->loop, &c->holder->offer_task);
}

static void holder_handle_typed(struct holder_client *c, span payload)
{
    long long at, now = c->holder->loop.now;
    if (span_int(span_cut(&payload, ' '), &at) && at >= 0)
        input_note_typed(c, at < now ? at : now, payload.n > 0);
}

/* Notes a refused message for the session's line: its sender reads no answer. */
static void holder_note_refused(struct holder *h, struct json from)
{
    if (json_type(from) != JSON_STRING)
        return;
    buf_clear(&h->refused);
    buf_str(&h->refused, "refused a message of ");
    json_put_text(&h->refused, from);
    status_changed(h);
}

/* Later, its sender has been told that it failed. */
static void holder_handle_message(struct holder_client *c, span payload)
{
    struct json message;
    long long until;
    buf text = {0}, refusal = {0};
    if (!json_read(payload, &message) ||
        (json_int(json_get(message, "until"), &until) && clock_mono_ms() > until))
        return;
    const struct frame_message how = {.enter = !json_is(message, "enter", JSON_FALSE),
                                      .force = json_is(message, "force", JSON_TRUE)};
    json_put_member(&text, message, "text");
    int refused = !how.force && !c->holder->messages && input_put_refusal(c->holder, &refusal);
    if (refused) {
        message_put_receipt(c, buf_cstr(&refusal));
        holder_note_refused(c->holder, json_get(message, "from"));
    } else {
        message_add(c->holder, c, buf_view(&text), &how);
    }
    buf_free(&text);
    buf_free(&refusal);
}

static void holder_handle_answer(struct holder_client *c, span payload)
{
    struct json request;
    if (!json_read(payload, &request))
        return;
    char *text = json_dup_member(request, "answer");
    if (text)
        answer_ask(c, text);
    free(text);
}

static void holder_handle_resize(struct holder_client *c, span payload)
{
    struct json size;
    if (!json_read(payload, &size))
        return;
    struct json from = json_get(size, "from");
    if (json_type(from) == JSON_STRING && from.text.n <= HOLDER_FROM_MAX) {
        free(c->from);
        c->from = json_dup_text(from);
    }
    if (!frame_read_size(size, &c->cols, &c->rows))
        return;
    c->active_at = c->holder->loop.now;
    if (!c->holder->sizer || c->holder->sizer == c)
        viewer_apply_size(c);
}

static void holder_handle_colours(struct holder_client *c, span payload)
{
    struct json array;
    struct vt_colours colours;
    if (!json_read(payload, &array) ||
        !frame_read_colours(array, &colours))
        return;
    vt_set_colours(c->holder->vt, &colours);
    holder_answer_queries(c->holder);
}

static void holder_handle_keys(struct holder_client *c, span payload)
{
    struct json request;
    buf name = {0}, bytes = {0};
    long long count = 1;
    int application = (vt_modes(c->holder->vt) & VT_APP_CURSOR) != 0;
    if (!json_read(payload, &request))
        return;
    json_put_member(&name, request, "key");
    json_int(json_get(request, "count"), &count);
    for (long long i = 0; i < count && i < FRAME_KEYS_MAX; i++)
        frame_put_key_bytes(&bytes, buf_view(&name), application);
    message_settle(c->holder);
    input_type_for(c, buf_view(&bytes));
    buf_free(&name);
    buf_free(&bytes);
}

static void holder_handle_end(struct holder_client *c, span payload)
{
    (void)payload;
    end_kill(c->holder);
}

static void holder_handle_end_undoably(struct holder_client *c, span payload)
{
    long long undo_ms;
    if (frame_read_undo(payload, &undo_ms))
        end_begin_undoable(c->holder, undo_ms);
}

static void holder_handle_undo_end(struct holder_client *c, span payload)
{
    (void)payload;
    end_undo(c->holder);
}

static void holder_set_native_id(struct holder *h, struct json id)
{
    if (json_type(id) != JSON_STRING || id.text.n > HOLDER_NATIVE_ID_MAX)
        return;
    buf_clear(&h->native_id);
    json_put_text(&h->native_id, id);
}

/* An agent inside of the session's own has another id. A new conversation begins only between
 * turns. Returns -1: not known yet. */
static int holder_is_foreign(struct holder *h, struct json id, enum state_event event, span text)
{
    int busy = !h->stop_at &&
               (h->state.kind == STATE_WORKING || h->state.kind == STATE_WAITING);
    int begins = event == STATE_ON_SESSION_START || event == STATE_ON_PROMPT;
    if (native_is_shared(h) && json_type(id) == JSON_STRING && event == STATE_ON_SESSION_START)
        return busy;
    if (native_is_shared(h) && json_type(id) == JSON_STRING) {
        int own = native_accept(h, id, event == STATE_ON_PROMPT, text);
        return own < 0 ? -1 : !own;
    }
    buf known = {0};
    buf_span(&known, buf_view(&h->native_id));
    int other = json_type(id) == JSON_STRING && known.n && !json_text_eq(id, buf_cstr(&known));
    buf_free(&known);
    return other && (busy || !begins);
}

static void holder_apply_event(struct holder *h, enum state_event event, span text)
{
    h->stop_at = 0;
    if (event != STATE_ON_STOP || h->queued || h->state.kind != STATE_WORKING)
        status_apply(h, (struct state_input){.event = event}, text);
    else
        reader_on_stop(h);
    buf_clear(&h->said);
    if (event == STATE_ON_STOP)
        status_put_characters(&h->said, text, HOLDER_LINE_MAX);
    if (event == STATE_ON_PROMPT)
        message_on_prompt(h, text);
    if (event == STATE_ON_STOP && h->queued) /* the agent goes on with it */
        status_apply(h, (struct state_input){.event = STATE_ON_MESSAGE}, (span){0});
    if (event == STATE_ON_STOP)
        h->queued = 0;
}

static void holder_keep_event(struct holder *h, span payload)
{
    if (h->events.n + payload.n >= HOLDER_EVENTS_MAX)
        return;
    buf_span(&h->events, payload);
    buf_byte(&h->events, '\0');
}

static void holder_read_event(struct holder *h, span payload)
{
    struct json event;
    enum state_event type = STATE_ON_STOP; /* unless it is known */
    buf text = {0};
    if (!json_read(payload, &event))
        return;
    struct json id = json_get(event, "native_session_id");
    int known = state_parse_event(json_get(event, "type"), &type);
    json_put_member(&text, event, "text");
    int foreign = known ? holder_is_foreign(h, id, type, buf_view(&text)) : 0;
    if (foreign) {
        buf_free(&text);
        if (foreign < 0)
            holder_keep_event(h, payload);
        return;
    }
    if (!native_is_shared(h) || !known || type != STATE_ON_SESSION_START)
        holder_set_native_id(h, id);
    if (known)
        holder_apply_event(h, type, (span){buf_cstr(&text), text.n}); /* never NULL */
    buf_free(&text);
    status_changed(h);
}

static void holder_handle_event(struct holder_client *c, span payload)
{
    if (c->holder->events.n)
        holder_keep_event(c->holder, payload);
    else
        holder_read_event(c->holder, payload);
}

/* The conversation's id is known, or it is known that it can't be. */
static void holder_on_looked(void *holder)
{
    struct holder *h = holder;
    buf events = h->events;
    h->events = (buf){0};
    h->looked = 1;
    for (span rest = buf_view(&events); rest.n && !h->over;)
        holder_read_event(h, span_cut(&rest, '\0'));
    h->looked = 0;
    buf_free(&events);
    if (!h->over)
        status_changed(h);
    end_check(h);
}

static void holder_handle_subscribe(struct holder_client *c, span payload)
{
    struct holder *h = c->holder;
    buf json = {0};
    (void)payload;
    c->subscribed = c->conn.accepts_fd = 1;
    status_renew_last_output(h);
    status_put(h, &json);
    frame_send(&c->conn, FRAME_STATUS, buf_view(&json));
    buf_free(&json);
}

static struct holder_client *holder_add_client(struct holder *h, int fd);

static void holder_handle_client(struct holder_client *c, span payload)
{
    int fd = conn_receive_fd(&c->conn);
    (void)payload;
    if (fd >= 0)
        holder_add_client(c->holder, fd);
}

static void holder_handle_seen(struct holder_client *c, span payload)
{
    (void)payload;
    status_set_seen(c->holder);
}

static void holder_handle_view(struct holder_client *c, span payload)
{
    int scrollback = 0;
    if (payload.n == 1 && payload.p[0] == FRAME_VIEW_AGAIN) {
        viewer_fall_behind(c);
        return;
    }
    for (size_t i = 0; i < payload.n; i++) {
        c->sizes |= payload.p[i] == FRAME_VIEW_SIZES;
        scrollback |= payload.p[i] == FRAME_VIEW_SCROLLBACK;
        c->all |= payload.p[i] == FRAME_VIEW_ALL;
        if (payload.p[i] == FRAME_VIEW_PTY)
            input_pass_pty(c);
    }
    c->viewing = 1;
    input_tell_focus(c->holder);
    c->scrollback = scrollback;
    status_set_seen(c->holder);
    viewer_send_snapshot(c, scrollback);
}

static void holder_handle_screen(struct holder_client *c, span payload)
{
    struct holder *h = c->holder;
    buf b = {0};
    int row, col;
    (void)payload;
    vt_cursor(h->vt, &row, &col);
    json_open(&b, '{');
    json_field_int(&b, "cols", vt_cols(h->vt));
    json_field_int(&b, "rows", vt_rows(h->vt));
    json_field_open(&b, "cursor", '[');
    json_put_int(&b, row);
    json_put_int(&b, col);
    json_close(&b, ']');
    json_field_span(&b, "title", vt_title(h->vt));
    json_field_span(&b, "directory", vt_directory(h->vt));
    json_field_open(&b, "lines", '[');
    for (int i = 0; i < vt_rows(h->vt); i++) {
        buf line = {0};
        vt_put_row(h->vt, &line, i);
        json_put_string(&b, buf_view(&line));
        buf_free(&line);
    }
    json_close(&b, ']');
    json_close(&b, '}');
    frame_send_reply(&c->conn, FRAME_SCREEN_REPLY, buf_view(&b));
    buf_free(&b);
}

static void holder_handle_text(struct holder_client *c, span payload)
{
    buf text = {0};
    vt_put_text(c->holder->vt, &text, span_eq(payload, "p") ? VT_PROMPTS : 1);
    frame_send_reply(&c->conn, FRAME_TEXT_REPLY, buf_view(&text));
    buf_free(&text);
}

static const struct {
    enum frame_type type;
    void (*handle)(struct holder_client *c, span payload);
} holder_handlers[] = {
    {FRAME_INPUT, holder_handle_input},
    {FRAME_TYPED, holder_handle_typed},
    {FRAME_MESSAGE, holder_handle_message},
    {FRAME_ANSWER, holder_handle_answer},
    {FRAME_KEYS, holder_handle_keys},
    {FRAME_RESIZE, holder_handle_resize},
    {FRAME_COLOURS, holder_handle_colours},
    {FRAME_END, holder_handle_end},
    {FRAME_END_UNDOABLY, holder_handle_end_undoably},
    {FRAME_UNDO_END, holder_handle_undo_end},
    {FRAME_SEEN, holder_handle_seen},
    {FRAME_EVENT, holder_handle_event},
    {FRAME_SUBSCRIBE, holder_handle_subscribe},
    {FRAME_CLIENT, holder_handle_client},
    {FRAME_VIEW, holder_handle_view},
    {FRAME_SCREEN, holder_handle_screen},
    {FRAME_TEXT, holder_handle_text},
};

/* Input waits, unread, until the program reads: a paste of any size takes bounded memory. So does
 * all of a client that does not read. */
static int holder_pause_full(struct holder_client *c, enum frame_type type)
{
    int full = type == FRAME_INPUT && c->holder->pty.queued > INPUT_HOLD && !c->holder->exited;
    c->held = full || c->conn.queued > HOLDER_CLIENT_MAX;
    conn_pause(&c->conn, c->held);
    return c->held;
}

static void holder_on_client_data(void *ctx)
{
    struct holder_client *c = ctx;
    enum frame_type type;
    enum parse parsed;
    span payload;
    while ((parsed = frame_parse(&c->conn, &type, &payload)) == PARSE_DONE) {
        if (holder_pause_full(c, type))
            return;
        for (size_t i = 0; i < COUNT_OF(holder_handlers); i++)
            if (holder_handlers[i].type == type)
                holder_handlers[i].handle(c, payload);
        conn_consume(&c->conn, FRAME_HEAD + payload.n);
    }
    if (parsed == PARSE_BAD || c->conn.eof)
        conn_close(&c->conn, NULL);
}

static void holder_resume(void *holder)
{
    struct holder *h = holder;
    for (struct holder_client *c = h->clients; c; c = c->next)
        if (c->held && !c->conn.dead)
            holder_on_client_data(c);
}

static void holder_on_client_drained(void *ctx)
{
    struct holder_client *c = ctx;
    if (c->status_due)
        holder_handle_subscribe(c, (span){0});
    c->status_due = 0;
    if (c->held)
        loop_defer(&c->holder->loop, &c->holder->resume_task);
    if (c->behind || c->missing)
        viewer_start_tick(c->holder);
    viewer_release_pty(c->holder);
}

static void holder_on_client_closed(void *ctx, const char *why)
{
    struct holder_client *c = ctx;
    (void)why;
    message_drop_client(c);
    answer_drop_client(c);
    viewer_leave_size(c);
    c->viewing = 0;
    if (!c->holder->exited)
        input_tell_focus(c->holder);
    c->holder->direct_count -= c->direct;
    if (c->holder->controller == c) {
        c->holder->controller = NULL;
        status_changed(c->holder);
    }
    LIST_REMOVE(c);
    viewer_release_pty(c->holder);
    conn_free(&c->conn);
    free(c->from);
    free(c);
}

static const struct conn_hooks holder_client_hooks = {
    holder_on_client_data, holder_on_client_drained, holder_on_client_closed};

static struct holder_client *holder_add_client(struct holder *h, int fd)
{
    struct holder_client *c = base_alloc(sizeof *c);
    c->holder = h;
    LIST_PUSH(&h->clients, c);
    c->conn.hooks = &holder_client_hooks;
    c->conn.ctx = c;
    conn_open(&c->conn, &h->loop, fd);
    return c;
}

static void holder_accept(struct holder *h, int fd)
{
    if (conn_peer_is_me(fd))
        holder_add_client(h, fd);
    else
        close(fd);
}

static void holder_on_accept(void *ctx, short revents)
{
    struct holder *h = ctx;
    int fd = accept(h->listener.fd, NULL, NULL);
    (void)revents;
    if (fd < 0 && conn_is_exhausted(errno)) {
        loop_unwatch(&h->loop, &h->listener);
        loop_timer_in(&h->loop, &h->accept_timer, CONN_RETRY_MS);
    }
    if (fd < 0)
        return;
    holder_accept(h, fd);
}

static void holder_on_accept_again(void *holder)
{
    struct holder *h = holder;
    if (!h->over)
        loop_watch(&h->loop, &h->listener, POLLIN);
}

/* Listens in the recorded directory, else elsewhere: /run/user/UID can't be made again. Returns
 * NULL, or the fault. */
static const char *holder_listen(struct holder *h, buf *error)
{
    struct stat st = {0};
    int fd = places_listen(h->socket, error);
    for (int i = 0; i < CONFIG_PLACES && fd < 0; i++) {
        buf name = {0};
        buf_fmt(&name, "s/%s.sock", h->id);
        char *other = config_socket_place(i, buf_cstr(&name));
        buf_str(error, "; ");
        fd = other ? places_listen(other, error) : -1;
        free(fd < 0 ? other : h->socket);
        h->socket = fd < 0 ? h->socket : other;
        buf_free(&name);
    }
    if (fd < 0)
        return buf_cstr(error);
    buf_clear(error);
    lstat(h->socket, &st);
    h->socket_node = st.st_ino;
    h->listener = (struct loop_fd){.fd = fd, .on_event = holder_on_accept, .ctx = h};
    return NULL;
}

/* SIGUSR1: no socket was found. Who waits at the lost one is a client, too. */
static void holder_on_summons(void *ctx, int signo)
{
    struct holder *h = ctx;
    struct stat st;
    buf error = {0};
    int lost = h->listener.fd, fd;
    (void)signo;
    if (h->over || (lstat(h->socket, &st) == 0 && st.st_ino == h->socket_node))
        return;
    loop_unwatch(&h->loop, &h->listener);
    if (!holder_listen(h, &error)) {
        while ((fd = accept(lost, NULL, NULL)) >= 0)
            holder_accept(h, fd);
        close(lost);
        life_publish(h->lock_fd, h->pid, h->socket);
    }
    loop_watch(&h->loop, &h->listener, POLLIN);
    buf_free(&error);
}

/* ---- the start ------------------------------------------------------------------------------ */

/* Returns an array's strings, to be freed; NULL: no array. */
static char **holder_strings(struct json array)
{
    size_t count = 0;
    struct json_iter it = json_iter(array);
    if (json_type(array) != JSON_ARRAY)
        return NULL;
    while (json_next(&it))
        count++;
    char **strings = base_alloc((count + 1) * sizeof *strings);
    it = json_iter(array);
    for (size_t i = 0; json_next(&it);) {
        char *s = json_dup_text(it.value);
        if (s)
            strings[i++] = s;
    }
    return strings;
}

/* Between fork and exec: only setenv allocates. */
static void holder_become_program(struct holder *h, char **argv, char **env, const char *directory)
{
    extern char **environ;
    static const int defaults[] = {SIGPIPE, SIGXFSZ, SIGHUP,  SIGINT,   SIGTERM,
                                   SIGQUIT, SIGCHLD, SIGTSTP, SIGTTOU,  SIGTTIN,
                                   SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH, SIGCONT};
    sigset_t none;
    setsid();
#ifdef TIOCSCTTY
    ioctl(h->slave, TIOCSCTTY, 0);
#endif
    for (int fd = 0; fd < 3; fd++)
        dup2(h->slave, fd);
    for (size_t i = 0; i < COUNT_OF(defaults); i++)
        signal(defaults[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (env)
        environ = env;
    environment_set(environ, h->keep_env);
    setenv("TELEC_SESSION_ID", h->id, 1);
    if (h->api_socket)
        setenv("TELEC_SOCKET", h->api_socket, 1);
    if (h->umask >= 0)
        umask((mode_t)h->umask);
    if (chdir(directory) == 0) {
        setenv("PWD", directory, 1);
        execvp(argv[0], argv);
    }
}

/* Returns NULL, or the fault. A successful exec closes the pipe. */
static const char *holder_start_program(struct holder *h, char **argv, char **env,
                                      const char *directory)
{
    int report[2], error = 0;
    if (pipe(report) != 0)
        return strerror(errno);
    os_close_on_exec(report[0]);
    os_close_on_exec(report[1]);
    h->pid = fork();
    if (h->pid < 0)
        return strerror(errno);
    if (h->pid == 0) {
        holder_become_program(h, argv, env, directory);
        error = errno;
        ssize_t told = write(report[1], &error, sizeof error);
        _exit(told == (ssize_t)sizeof error ? 127 : 126);
    }
    close(report[1]);
    while (read(report[0], &error, sizeof error) < 0 && errno == EINTR)
        ;
    close(report[0]);
    return error ? strerror(error) : NULL;
}

#if defined(__sun) /* a pty is a terminal once these are on it; some versions do that */
static void holder_push_modules(int slave)
{
    static const char *const modules[] = {"ptem", "ldterm", "ttcompat"};
    for (size_t i = 0; i < COUNT_OF(modules); i++)
        if (ioctl(slave, I_FIND, modules[i]) == 0)
            ioctl(slave, I_PUSH, modules[i]);
}
#else
static void holder_push_modules(int slave)
{
    (void)slave;
}
#endif

/* Opens without ptsname, which brings libc's printf. */
static int holder_open_slave(int master)
{
#ifdef TIOCGPTN
    unsigned number;
    char name[32];
    if (ioctl(master, TIOCGPTN, &number) != 0)
        return -1;
    base_fmt(name, sizeof name, "/dev/pts/%u", number);
#else
    const char *name = ptsname(master);
    if (!name)
        return -1;
#endif
    int fd = os_close_on_exec(open(name, O_RDWR | O_NOCTTY));
    holder_push_modules(fd);
    return fd;
}

static const char *holder_open_pty(struct holder *h, int cols, int rows)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    int master = os_close_on_exec(posix_openpt(O_RDWR | O_NOCTTY));
    if (master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0)
        h->slave = holder_open_slave(master);
    if (h->slave < 0 || ioctl(master, TIOCSWINSZ, &size) != 0)
        return errno == ENOSPC || errno == EMFILE || errno == ENFILE
                   ? "no pseudo-terminal is left"
                   : "cannot open a pseudo-terminal, by /dev/ptmx and in /dev/pts";
    h->pty.hooks = &holder_pty_hooks;
    h->pty.ctx = h;
    conn_open(&h->pty, &h->loop, master);
    h->pty.greedy = 1;
    return NULL;
}

static void holder_init(struct holder *h)
{
    const struct {
        struct loop_timer *timer;
        void (*fn)(void *holder);
    } timers[] = {{&h->status_timer, status_send},      {&h->silence_timer, reader_on_silence},
                  {&h->kill_timer, end_on_kill_timer},  {&h->drain_timer, end_on_drain_timer},
                  {&h->type_timer, message_on_first_timer}, {&h->message_timer, message_step},
                  {&h->answer_timer, answer_step},
                  {&h->tick_timer, viewer_on_tick},     {&h->accept_timer, holder_on_accept_again},
                  {&h->wait_timer, viewer_on_wait},     {&h->bell_timer, holder_on_bell},
                  {&h->reader.timer, reader_on_timer}};
    for (size_t i = 0; i < COUNT_OF(timers); i++)
        *timers[i].timer = (struct loop_timer){.fn = timers[i].fn, .ctx = h};
    h->offer_task = (struct loop_task){.fn = input_offer_pty, .ctx = h};
    h->looked_task = (struct loop_task){.fn = holder_on_looked, .ctx = h};
    h->resume_task = (struct loop_task){.fn = holder_resume, .ctx = h};
    loop_init(&h->loop);
    h->since = h->activity = clock_wall_ms();
    h->submitted_at = -HOLDER_LONG_AGO_MS * 1000LL;
    h->status_at = h->typed_at = h->loop.now - HOLDER_LONG_AGO_MS;
}

/* A daemon that starts meanwhile and finds neither lock nor socket writes that the session is lost,
 * and looks again. The holder locks, listens, and then looks: one of the two notices. */
static int holder_is_given_up(const struct holder *h)
{
    buf b = {0};
    int given_up =
        store_read(h->dir, "exit.json", &b) == 0 || store_read(h->dir, "record.json", &b) != 0;
    buf_free(&b);
    return given_up;
}

/* Returns 0 when the spec is incomplete. */
static int holder_read_spec(struct holder *h, struct json spec)
{
    h->id = json_dup_member(spec, "id");
    h->socket = json_dup_member(spec, "socket");
    h->dir = json_dup_member(spec, "dir");
    h->program = json_dup_member(spec, "program");
    h->api_socket = json_dup_member(spec, "api_socket");
    h->keep_env = json_dup_member(spec, "keep_env");
    json_put_member(&h->typed, spec, "typed");
    json_put_member(&h->first_argument, spec, "argument");
    if (h->typed.n || h->first_argument.n)
        h->first = MESSAGE_FIRST_PENDING; /* as the first status tells */
    h->first_strict = json_is(spec, "agent", JSON_STRING) &&
                      !json_member_eq(spec, "agent", "shell");
    json_put_member(&h->native_id, spec, "native_session_id");
    h->umask = -1;
    json_int(json_get(spec, "umask"), &h->umask);
    return h->id && h->socket && h->dir;
}

/* The fault names the directory if that is the cause. */
static const char *holder_run_program(struct holder *h, char **argv, char **env,
                                      const char *directory, buf *error)
{
    struct stat st;
    const char *fault = holder_start_program(h, argv, env, directory);
    if (!fault)
        return NULL;
    unlink(h->socket);
    int bad_dir = stat(directory, &st) != 0 || !S_ISDIR(st.st_mode) || access(directory, X_OK) != 0;
    buf_fmt(error, bad_dir ? "cannot enter %s: %s" : "cannot run %s: %s",
            bad_dir ? directory : argv[0], fault);
    return buf_cstr(error);
}

static void holder_free_strings(char **strings)
{
    for (size_t i = 0; strings && strings[i]; i++)
        free(strings[i]);
    free(strings);
}

/* The last run's holder may wait for its clients. */
static int holder_lock(const struct holder *h)
{
    int fd = life_lock(h->dir);
    for (int i = 0; fd < 0 && errno == EAGAIN && i < HOLDER_LOCK_MS / 10; i++) {
        poll(NULL, 0, 10);
        fd = life_lock(h->dir);
    }
    return fd;
}

/* Prepares all up to a listening socket, cheapest failure first. Returns NULL, or the fault. */
static const char *holder_prepare(struct holder *h, struct json spec, buf *error)
{
    int cols = 80, rows = 24;
    frame_read_size(spec, &cols, &rows);
    h->vt = vt_new(cols, rows);
    const char *fault = holder_open_pty(h, cols, rows);
    if (fault)
        return fault;
    h->lock_fd = holder_lock(h);
    if (h->lock_fd < 0 && errno == EAGAIN)
        return "another holder has this session";
    if (h->lock_fd < 0)
        log_line(LOG_WARN, "cannot lock %s/" STORE_HOLDER_LOCK ": %s", h->dir, strerror(errno));
    disk_init(&h->log, &h->loop, h->program, "start", h->dir);
    disk_init(&h->last, &h->loop, h->program, "exit", h->dir);
    if ((fault = holder_listen(h, error)))
        return fault;
    if (!holder_is_given_up(h))
        return NULL;
    unlink(h->socket);
    return "the daemon that asked for it has gone";
}

/* Prepares and starts the program. Returns NULL, or the fault. */
static const char *holder_start(struct holder *h, struct json spec, buf *error)
{
    char **argv = holder_strings(json_get(spec, "argv"));
    char **env = holder_strings(json_get(spec, "env"));
    char *directory = json_dup_member(spec, "directory"),
         *agent = json_dup_member(spec, "agent");
    const char *fault = holder_read_spec(h, spec) && argv && argv[0] && directory
                            ? holder_prepare(h, spec, error)
                            : "the session's description is incomplete";
    if (!fault) {
        reader_init(h, argv, env, directory, agent);
        environment_set_ground(h->vt, env);
        fault = holder_run_program(h, argv, env, directory, error);
    }
    if (!fault && h->lock_fd >= 0)
        life_publish(h->lock_fd, h->pid, h->socket);
    holder_free_strings(argv);
    holder_free_strings(env);
    free(directory);
    free(agent);
    return fault;
}

static void holder_begin(struct holder *h)
{
    h->child = (struct loop_child){.pid = h->pid, .fn = end_on_exit, .ctx = h};
    loop_on_exit(&h->loop, &h->child);
    loop_watch(&h->loop, &h->listener, POLLIN);
    h->state.since = h->state.output_at = h->loop.now;
    loop_timer_set(&h->loop, &h->silence_timer, state_silent_at(&h->state));
    message_start_first(h);
}

/* Descriptor 0 becomes the daemon's link if asked to; else, or with a fault, it gets JSON and is
 * closed. A later daemon finds the socket. */
static void holder_answer_launch(struct holder *h, struct json spec, const char *fault)
{
    buf b = {0};
    if (!fault && json_is(spec, "link", JSON_TRUE)) {
        holder_handle_subscribe(holder_add_client(h, os_close_on_exec(fcntl(0, F_DUPFD, 3))),
                            (span){0});
    } else {
        json_open(&b, '{');
        if (fault)
            json_field_string(&b, "error", fault);
        else
            json_field_int(&b, "pid", h->pid);
        json_close(&b, '}');
        ssize_t n = write(0, b.p, b.n);
        (void)n;
    }
    buf_free(&b);
    os_point_at_null(0, 0);
}

static int holder_run(span spec_text)
{
    static const int ignored[] = {SIGHUP,  SIGINT,  SIGTERM, SIGQUIT, SIGTSTP,
                                  SIGTTOU, SIGTTIN, SIGUSR1, SIGUSR2};
    struct holder h = {.slave = -1, .lock_fd = -1};
    struct json spec = {0};
    buf error = {0};
    setsid();
    os_close_inherited(3);
    /* SIGUSR1 gets a meaning below */
    for (size_t i = 0; i < COUNT_OF(ignored); i++)
        signal(ignored[i], SIG_IGN);
    holder_init(&h);
    loop_on_signal(&h.loop, SIGUSR1, holder_on_summons, &h);
    const char *fault = json_read(spec_text, &spec)
                            ? holder_start(&h, spec, &error)
                            : "the session's description is not JSON";
    holder_answer_launch(&h, spec, fault);
    if (fault)
        return 1;
    if (chdir("/") != 0)
        return 1;
    holder_begin(&h);
    while (h.over < 2 && (!h.over || h.clients))
        loop_once(&h.loop);
    disk_finish(&h.last, -1);
    return 0;
}

static size_t holder_read_exactly(char *to, size_t n)
{
    size_t have = 0;
    while (have < n) {
        ssize_t got = read(0, to + have, n - have);
        if (got == 0 || (got < 0 && errno != EINTR))
            return 0;
        have += got > 0 ? (size_t)got : 0;
    }
    return have;
}

static int holder_main(void)
{
    char head[FRAME_HEAD];
    if (!holder_read_exactly(head, FRAME_HEAD) || head[4] != FRAME_SPEC)
        base_die("'hold' is for the daemon to start: see 'telec help'");
    size_t n = frame_length(head);
    if (n > FRAME_MAX)
        base_die("the session's description is too long (%zu bytes)", n);
    char *spec = base_alloc(n + 1);
    if (!holder_read_exactly(spec, n))
        return 1;
    os_point_at_null(1, 2);
    pid_t pid = fork();
    if (pid < 0)
        os_print(0, "{\"error\":\"the session's holder: %s\"}", strerror(errno));
    if (pid != 0)
        _exit(0);
    return holder_run((span){spec, n});
}
