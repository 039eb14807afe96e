/* This computer's sessions: records on a disk, holders that are this program. */

struct unit_sessions {
    struct loop loop;
    struct loop_timer guard;
    struct config config;
    struct cache cache;
    struct sessions all;
    char dir[64], holders[80], list[80];
    int late, ready, created, ended;
    struct session *s;
    char error[300];
};

static blob *unit_sessions_encode(const span *parts, size_t count)
{
    (void)parts, (void)count;
    return NULL;
}

static void unit_sessions_on_guard(void *ctx)
{
    ((struct unit_sessions *)ctx)->late = 1;
}

static int unit_sessions_until(struct unit_sessions *u, const int *flag)
{
    u->late = 0;
    loop_timer_set(&u->loop, &u->guard, clock_mono_ms() + 10000);
    while (!*flag && !u->late)
        loop_once(&u->loop);
    loop_timer_cancel(&u->loop, &u->guard);
    return *flag;
}

/* Runs the loop until the session's object has that text. */
static int unit_sessions_shows(struct unit_sessions *u, const char *id, const char *text)
{
    const struct cache_session *known;
    u->late = 0;
    loop_timer_set(&u->loop, &u->guard, clock_mono_ms() + 10000);
    while (!u->late &&
           !((known = cache_find(&u->cache, id)) && strstr(buf_cstr((buf *)&known->json), text)))
        loop_once(&u->loop);
    loop_timer_cancel(&u->loop, &u->guard);
    if (u->late)
        printf("# no %s in: %s\n", text,
               (known = cache_find(&u->cache, id)) ? buf_cstr((buf *)&known->json) : "nothing");
    return !u->late;
}

static void unit_sessions_on_ready(void *ctx)
{
    ((struct unit_sessions *)ctx)->ready++;
}

static void unit_sessions_on_created(void *ctx, struct session *s, const char *error)
{
    struct unit_sessions *u = ctx;
    u->created++;
    u->s = s;
    snprintf(u->error, sizeof u->error, "%s", error ? error : "");
}

/* Restarts u->s and waits; the error, or "". */
static const char *unit_sessions_restart(struct unit_sessions *u, int fresh)
{
    struct session_plan plan = {0};
    struct session *s = u->s;
    u->created = 0;
    *unit_syncs = 0;
    launch_restart(s, &plan, fresh, unit_sessions_on_created, u);
    CHECK(unit_sessions_until(u, &u->created));
    CHECK_INT(*unit_syncs, 0);
    u->s = s;
    return u->error;
}

static void unit_sessions_on_ended(void *ctx)
{
    ((struct unit_sessions *)ctx)->ended++;
}

/* A daemon's start. */
static void unit_sessions_start(struct unit_sessions *u)
{
    loop_init(&u->loop);
    u->guard = (struct loop_timer){.fn = unit_sessions_on_guard, .ctx = u};
    cache_init(&u->cache, unit_sessions_encode);
    cache_use_loop(&u->cache, &u->loop);
    u->ready = u->created = u->ended = 0;
    sessions_init(&u->all, &u->loop, &u->config, &u->cache, unit_sessions_on_ready, u);
    CHECK(unit_sessions_until(u, &u->ready));
    CHECK_INT(u->ready, 1);
}

/* A daemon's end; its sessions go on. */
static void unit_sessions_stop(struct unit_sessions *u)
{
    sessions_free(&u->all);
    config_drop_texts(u->config.texts), config_drop_texts(u->config.renewed);
    cache_free(&u->cache);
    loop_free(&u->loop);
}

static void unit_sessions_init(struct unit_sessions *u)
{
    *u = (struct unit_sessions){0};
    if (!mkdtemp(unit_base_temporary(u->dir)))
        base_die("%s: %s", u->dir, strerror(errno));
    snprintf(u->holders, sizeof u->holders, "%s/s", u->dir);
    snprintf(u->list, sizeof u->list, "%s/sessions", u->dir);
    mkdir(u->holders, 0700);
    mkdir(u->list, 0700);
    u->config = (struct config){.program = (char *)unit_program, .socket = (char *)"/nowhere",
                                .holders = u->holders, .state = u->dir, .computer = (char *)"vm"};
    unit_sessions_start(u);
}

static void unit_sessions_free(struct unit_sessions *u)
{
    while (u->all.first) {
        struct session_waiter waiter = {.ended = unit_sessions_on_ended, .ctx = u};
        u->ended = 0;
        sessions_end(u->all.first, &waiter);
        CHECK(unit_sessions_until(u, &u->ended));
    }
    unit_sessions_stop(u);
    CHECK_INT(rmdir(u->list), 0); /* no session leaves a file */
    CHECK_INT(rmdir(u->holders), 0);
    rmdir(u->dir);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

/* Creates a session that runs a script; u->s is it. */
static void unit_sessions_create(struct unit_sessions *u, const char *script)
{
    char *argv[] = {(char *)"/bin/sh", (char *)"-c", (char *)script, NULL};
    struct session_plan plan = {.title = "unit", .directory = "/", .command = argv,
                                .cols = 70, .rows = 20};
    u->created = 0;
    launch_create(&u->all, &plan, unit_sessions_on_created, u);
    CHECK_INT(u->created, 0); /* not before its first status */
    CHECK(unit_sessions_until(u, &u->created));
    CHECK_SPAN(span_of(u->error), "");
}

static void unit_sessions_life(void)
{
    struct unit_sessions u;
    int cols, rows;
    buf b = {0};
    unit_sessions_init(&u);
    test_begin("a created session is in the cache with its record and its first status");
    *unit_syncs = 0;
    unit_sessions_create(&u, "echo hello; read x; exit 4");
    CHECK_INT(*unit_syncs, 0); /* the daemon waits for no disk */
    char *id = span_dup(span_of(u.s->id));
    CHECK(sessions_find(&u.all, id) == u.s);
    CHECK(unit_sessions_shows(&u, id, "\"title\":\"unit\",\"working_directory\":\"/\""));
    CHECK(unit_sessions_shows(&u, id, "\"computer\":\"vm\""));
    CHECK(unit_sessions_shows(&u, id, "\"last_output\":\"hello\""));
    CHECK(sessions_size(u.s, &cols, &rows) && cols == 70 && rows == 20);
    CHECK_INT(store_read(u.s->dir, "record.json", &b), 0);
    test_begin("a new title is on disk and in the cache");
    CHECK_INT(sessions_rename(u.s, "other"), 0);
    CHECK(unit_sessions_shows(&u, id, "\"title\":\"other\""));
    buf_clear(&b);
    CHECK_INT(store_read(u.s->dir, "record.json", &b), 0);
    CHECK(strstr(buf_cstr(&b), "\"title\":\"other\"") != NULL);
    test_begin("a title too long for a record is refused, and the old one stays");
    char *much = base_alloc(STORE_RECORD_MAX + 1);
    memset(much, 'x', STORE_RECORD_MAX);
    CHECK(sessions_rename(u.s, much) == -1 && errno == EFBIG);
    CHECK_SPAN(span_of(u.s->title), "other");
    free(much);
    test_begin("an agent's event reaches the holder, and so does seeing");
    sessions_offer(u.s, FRAME_EVENT, span_of("{\"type\":\"notification\",\"text\":\"May I?\"}"));
    CHECK(unit_sessions_shows(&u, id, "\"state_text\":\"May I?\",\"waits_for\":\"choice\","
                                      "\"unseen\":true"));
    sessions_set_seen(u.s);
    CHECK(unit_sessions_shows(&u, id, "\"unseen\":false"));
    test_begin("a session goes on while no daemon runs, and the next daemon adopts it");
    unit_sessions_stop(&u);
    unit_sessions_start(&u);
    u.s = sessions_find(&u.all, id);
    CHECK(u.s != NULL && u.s->holder.open);
    CHECK(unit_sessions_shows(&u, id, "\"title\":\"other\""));
    test_begin("an exited session stays in the list, with its code, text and transcript");
    holder_link_send(&u.s->holder, FRAME_INPUT, span_of("\r"));
    CHECK(unit_sessions_shows(&u, id, "\"exit_code\":4"));
    while (u.s->holder.open)
        loop_once(&u.loop);
    CHECK(record_has_exited(u.s));
    buf_clear(&b);
    sessions_put_transcript(&u.all, id, span_of("abcdef"), 3, &b);
    CHECK(strstr(buf_cstr(&b), "\"project_dir\":\"/\"") != NULL);
    CHECK(strstr(buf_cstr(&b), "\"messages\":\"def\"") != NULL);
    test_begin("seeing an exited session is kept on disk");
    CHECK(unit_sessions_shows(&u, id, "\"unseen\":true"));
    *unit_syncs = 0;
    sessions_set_seen(u.s);
    sessions_set_seen(u.s);
    CHECK_INT(*unit_syncs, 0);
    unit_sessions_stop(&u);
    unit_sessions_start(&u);
    u.s = sessions_find(&u.all, id);
    CHECK(unit_sessions_shows(&u, id, "\"unseen\":false"));
    CHECK(unit_sessions_shows(&u, id, "\"exit_code\":4"));
    test_begin("dismissing an exited session removes it at once");
    struct session_waiter waiter = {.ended = unit_sessions_on_ended, .ctx = &u};
    u.ended = 0;
    sessions_end(u.s, &waiter);
    CHECK_INT(u.ended, 1);
    CHECK(sessions_find(&u.all, id) == NULL && cache_find(&u.cache, id) == NULL);
    free(id);
    buf_free(&b);
    unit_sessions_free(&u);
}

static void unit_sessions_ends(void)
{
    struct unit_sessions u;
    unit_sessions_init(&u);
    test_begin("two who wait for one end both hear of it, one who cancels does not");
    unit_sessions_create(&u, "read x");
    struct session_waiter waiters[3];
    struct unit_sessions other[3];
    for (int i = 0; i < 3; i++)
        waiters[i] = (struct session_waiter){.ended = unit_sessions_on_ended, .ctx = &other[i]};
    for (int i = 0; i < 3; i++) {
        other[i].ended = 0;
        sessions_end(u.s, &waiters[i]);
    }
    sessions_cancel_wait(&waiters[1]);
    sessions_cancel_wait(&waiters[1]);
    CHECK(unit_sessions_until(&u, &other[0].ended));
    CHECK(other[0].ended == 1 && other[1].ended == 0 && other[2].ended == 1);
    CHECK_INT(u.all.count, 0);
    test_begin("an end that can be undone takes the session out of the list, an undo puts it back");
    unit_sessions_create(&u, "while read x; do echo \"got $x\"; done");
    char *id = span_dup(span_of(u.s->id));
    sessions_end_undoably(u.s, 60);
    CHECK(sessions_find(&u.all, id) == NULL && sessions_find_hidden(&u.all, id) == u.s);
    CHECK(sessions_find_hidden(&u.all, "other") == NULL);
    sessions_undo_end(u.s);
    CHECK(sessions_find(&u.all, id) == u.s && sessions_find_hidden(&u.all, id) == NULL);
    holder_link_send(&u.s->holder, FRAME_INPUT, span_of("back\r"));
    CHECK(unit_sessions_shows(&u, id, "got back"));
    test_begin("a hidden session is hidden for the next daemon, too, which can undo its end");
    sessions_end_undoably(u.s, 60);
    loop_once(&u.loop);
    unit_sessions_stop(&u);
    unit_sessions_start(&u);
    CHECK(sessions_find(&u.all, id) == NULL);
    u.s = sessions_find_hidden(&u.all, id);
    CHECK(u.s != NULL);
    sessions_undo_end(u.s);
    CHECK(sessions_find(&u.all, id) == u.s);
    test_begin("an undo that the daemon's end cuts short is finished by the next one");
    sessions_end_undoably(u.s, 60);
    loop_once(&u.loop);
    sessions_write_end(u.s, 0);
    unit_sessions_stop(&u);
    unit_sessions_start(&u);
    u.s = sessions_find(&u.all, id);
    CHECK(u.s != NULL);
    holder_link_send(&u.s->holder, FRAME_INPUT, span_of("again\r"));
    CHECK(unit_sessions_shows(&u, id, "got again"));
    test_begin("a request to end that its holder reads after the undo is undone, too");
    holder_link_send(&u.s->holder, FRAME_END_UNDOABLY, span_of("{\"undo_ms\":60000}"));
    holder_link_send(&u.s->holder, FRAME_INPUT, span_of("late\r"));
    CHECK(unit_sessions_shows(&u, id, "got late"));
    test_begin("an end that nobody undoes removes the session");
    sessions_end_undoably(u.s, 0);
    while (u.all.count)
        loop_once(&u.loop);
    CHECK(sessions_find_hidden(&u.all, id) == NULL);
    free(id);
    test_begin("the dismissal of an exited session can be undone, and else happens in time");
    unit_sessions_create(&u, "exit 3");
    id = span_dup(span_of(u.s->id));
    while (u.s->holder.open)
        loop_once(&u.loop);
    sessions_end_undoably(u.s, 60);
    CHECK(sessions_find(&u.all, id) == NULL);
    unit_sessions_stop(&u);
    unit_sessions_start(&u);
    CHECK(sessions_find(&u.all, id) == NULL);
    u.s = sessions_find_hidden(&u.all, id);
    CHECK(u.s != NULL);
    sessions_undo_end(u.s);
    CHECK(unit_sessions_shows(&u, id, "\"exit_code\":3"));
    unit_sessions_stop(&u);
    unit_sessions_start(&u);
    u.s = sessions_find(&u.all, id);
    CHECK(u.s != NULL);
    sessions_end_undoably(u.s, 0);
    while (u.all.count)
        loop_once(&u.loop);
    free(id);
    test_begin("an end that a daemon's own end cuts short is finished by the next one");
    unit_sessions_create(&u, "trap '' HUP; read x; read x");
    id = span_dup(span_of(u.s->id));
    sessions_end(u.s, &waiters[0]);
    unit_sessions_stop(&u);
    unit_sessions_start(&u);
    while (u.all.count)
        loop_once(&u.loop);
    CHECK(cache_find(&u.cache, id) == NULL);
    free(id);
    unit_sessions_free(&u);
}

/* Stops or continues the holder of u->s. */
static void unit_sessions_signal(const struct unit_sessions *u, int signo)
{
    struct life_owner owner;
    CHECK_INT(life_look(u->s->dir, &owner), STORE_LOCK_HELD);
    CHECK(owner.pid > 0 && kill(owner.pid, signo) == 0);
    life_free_owner(&owner);
}

/* Stops it, and handles the statuses that are on their way. */
static void unit_sessions_freeze(struct unit_sessions *u)
{
    unit_sessions_signal(u, SIGSTOP);
    u->late = 0;
    loop_timer_set(&u->loop, &u->guard, clock_mono_ms() + 100);
    while (!u->late)
        loop_once(&u->loop);
}

/* A holder that is stopped while its connection stands. */
static void unit_sessions_silent(void)
{
    struct unit_sessions u;
    struct session_waiter waiter = {.ended = unit_sessions_on_ended, .ctx = &u};
    unit_sessions_init(&u);
    unit_sessions_create(&u, "read x; echo got $x; read x");
    char *id = span_dup(span_of(u.s->id));
    test_begin("a stopped holder's session is unreachable once it is asked, until it goes on");
    unit_sessions_freeze(&u);
    CHECK(sessions_is_running(u.s) && !u.s->retry_timer.slot); /* no timer while nothing is asked */
    CHECK_INT(sessions_rename(u.s, "other"), 0);
    CHECK(unit_sessions_shows(&u, id, "\"state\":\"unreachable\",\"state_source\":\"link\""));
    CHECK(!sessions_is_running(u.s) && strcmp(sessions_why_unreachable(u.s), SESSIONS_SILENT) == 0);
    sessions_expect_answer(u.s);
    CHECK(!u.s->retry_timer.slot); /* one question is enough */
    unit_sessions_signal(&u, SIGCONT);
    CHECK(unit_sessions_shows(&u, id, "\"state_source\":\"output\""));
    CHECK(sessions_is_running(u.s) && !u.s->retry_timer.slot);
    test_begin("it is asked by a key, and with all others by their list, once in a while");
    unit_sessions_freeze(&u);
    CHECK_INT(sessions_offer(u.s, FRAME_INPUT, span_of("word\r")), 0);
    CHECK(unit_sessions_shows(&u, id, "\"state\":\"unreachable\""));
    unit_sessions_signal(&u, SIGCONT);
    CHECK(unit_sessions_shows(&u, id, "got word"));
    sessions_expect_answers(&u.all);
    CHECK(u.s->retry_timer.slot != 0);
    while (u.s->retry_timer.slot)
        loop_once(&u.loop);
    sessions_expect_answers(&u.all);
    CHECK(!u.s->retry_timer.slot);
    test_begin("an end that a stopped holder has not read hides its session until then only");
    unit_sessions_freeze(&u);
    CHECK_INT(sessions_end_undoably(u.s, 1), 0);
    CHECK(!cache_find(&u.cache, id));
    CHECK(unit_sessions_shows(&u, id, "\"state\":\"unreachable\""));
    CHECK(u.s->end_at <= clock_wall_ms() && u.s->ending);
    LIST_PUSH(&u.s->waiters, &waiter);
    unit_sessions_signal(&u, SIGCONT);
    CHECK(unit_sessions_until(&u, &u.ended));
    free(id);
    unit_sessions_free(&u);
}

static void unit_sessions_lost(void)
{
    struct unit_sessions u;
    char path[160];
    unit_sessions_init(&u);
    test_begin("a session whose holder is killed has exited without a code, with its last words");
    unit_sessions_create(&u, "echo words; read x");
    char *id = span_dup(span_of(u.s->id));
    CHECK(unit_sessions_shows(&u, id, "\"last_output\":\"words\""));
    snprintf(path, sizeof path, "%s/sessions/%s/exit.json", u.dir, id);
    struct life_owner owner;
    CHECK_INT(life_look(u.s->dir, &owner), STORE_LOCK_HELD);
    CHECK(owner.pid > 0 && kill(owner.pid, SIGKILL) == 0);
    life_free_owner(&owner);
    CHECK(unit_sessions_shows(&u, id, "\"state\":\"exited\",\"state_source\":\"exit\""));
    CHECK(unit_sessions_shows(&u, id, "\"last_output\":\"words\""));
    CHECK(unit_sessions_shows(&u, id, "\"exit_code\":null"));
    CHECK(access(path, F_OK) == 0);
    struct session_waiter waiter = {.ended = unit_sessions_on_ended, .ctx = &u};
    sessions_end(u.s, &waiter);
    free(id);
    test_begin("a living session that a daemon took for lost comes back");
    unit_sessions_create(&u, "read x");
    id = span_dup(span_of(u.s->id));
    store_write(u.s->dir, "exit.json", span_of("{\"state\":\"exited\",\"exit_code\":null}"));
    snprintf(path, sizeof path, "%s/exit.json", u.s->dir);
    unit_sessions_stop(&u);
    unit_sessions_start(&u);
    u.s = sessions_find(&u.all, id);
    CHECK(u.s && u.s->holder.open && !record_has_exited(u.s) && access(path, F_OK) != 0);
    u.ended = 0;
    sessions_end(u.s, &waiter);
    CHECK(unit_sessions_until(&u, &u.ended));
    free(id);
    unit_sessions_stop(&u);
    test_begin("a record without a holder is a lost session, a garbled one is ignored");
    static const struct {
        const char *id, *record;
    } records[] = {
        {"lost", "{\"title\":\"t\",\"working_directory\":\"/\",\"created_at\":"
                 "\"2020-01-01T00:00:00Z\"}"},
        {"old", "{\"title\":\"t\",\"working_directory\":\"/\",\"created_at\":"
                "\"2010-01-01T00:00:00Z\"}"},
        {"garbled", "{\"title\":"},
        {"ending", "{\"title\":\"t\",\"working_directory\":\"/\",\"ending\":true}"},
    };
    for (size_t i = 0; i < COUNT_OF(records); i++) {
        snprintf(path, sizeof path, "%s/%s", u.list, records[i].id);
        mkdir(path, 0700);
        store_write(path, "record.json", span_of(records[i].record));
    }
    snprintf(path, sizeof path, "%s/empty", u.list);
    mkdir(path, 0700);
    unit_sessions_start(&u);
    CHECK_INT(u.all.count, 2);
    CHECK(unit_sessions_shows(&u, "lost", "\"state\":\"exited\""));
    CHECK(sessions_find(&u.all, "lost") && !sessions_find(&u.all, "garbled"));
    CHECK(access(path, F_OK) != 0); /* of a session whose record was never written */
    test_begin("sessions are listed by age");
    CHECK_SPAN(span_of(u.all.first->id), "old");
    test_begin("a session whose end was asked for is removed when it has no holder");
    snprintf(path, sizeof path, "%s/ending", u.list);
    CHECK(access(path, F_OK) != 0);
    store_remove_session(u.dir, "garbled");
    unit_sessions_free(&u);
}

/* Reads DIR/exit.json as the session's. */
static void unit_sessions_told(struct unit_sessions *u, const char *exit)
{
    store_write(u->s->dir, "exit.json", span_of(exit));
    CHECK_INT(record_read_exit(u->s), 1);
    record_changed(u->s);
}

static void unit_sessions_identity(void)
{
    struct unit_sessions u;
    char path[160];
    unit_sessions_init(&u);
    test_begin("an exit.json says how a session ended, and can't say which session it is");
    u.s = sessions_new(&u.all, "one");
    mkdir(u.s->dir, 0700);
    u.s->title = span_dup(span_of("mine")), u.s->directory = span_dup(span_of("/"));
    CHECK_INT(record_write(u.s, 0), 0);
    unit_sessions_told(&u, "{\"session_id\":\"other\",\"titl\\u0065\":\"theirs\","
                           "\"computer\":\"x\",\"state\":\"exited\",\"exit_code\":3,\"new\":[1]}");
    CHECK(sessions_find(&u.all, "one") == u.s);
    CHECK(!strstr(buf_cstr(&u.s->cached->json), "other") &&
          !strstr(u.s->cached->json.p, "theirs") && !strstr(u.s->cached->json.p, "\"x\""));
    CHECK(strstr(u.s->cached->json.p, "\"exit_code\":3,\"new\":[1]}"));
    struct session_waiter waiter = {.ended = unit_sessions_on_ended, .ctx = &u};
    sessions_end(u.s, &waiter);
    test_begin("what a killed daemon left of a session's directory is removed at the next start");
    snprintf(path, sizeof path, "%s/half", u.list);
    mkdir(path, 0700);
    store_write(path, "exit.json", span_of("{}"));
    store_write(path, "record.json.tmp", span_of("{"));
    store_write(path, "log", span_of("x"));
    unit_sessions_stop(&u);
    unit_sessions_start(&u);
    CHECK(access(path, F_OK) != 0);
    CHECK_INT(u.all.count, 0);
    unit_sessions_free(&u);
}

/* A record of a session, and the state in which the next daemon shows it. */
static void unit_sessions_record(struct unit_sessions *u, const char *machine, const char *boot,
                                 const char *lock, const char *state)
{
    buf b = {0}, dir = {0};
    buf_fmt(&dir, "%s/rec", u->list);
    mkdir(buf_cstr(&dir), 0700);
    json_open(&b, '{');
    json_field_string(&b, "title", "t");
    json_field_string(&b, "working_directory", "/");
    json_field_string(&b, "machine", machine);
    json_field_string(&b, "host", "elsewhere");
    json_field_string(&b, "boot", boot);
    json_field_string(&b, "socket", "/nowhere/rec.sock");
    json_close(&b, '}');
    store_write(dir.p, "record.json", buf_view(&b));
    if (lock)
        store_write(dir.p, STORE_HOLDER_LOCK, span_of(lock));
    *unit_syncs = 0;
    unit_sessions_start(u);
    CHECK(unit_sessions_shows(u, "rec", state));
    CHECK_INT(*unit_syncs, 0); /* there may be thousands */
    unit_sessions_stop(u);
    store_remove_session(u->dir, "rec");
    buf_free(&b), buf_free(&dir);
}

static void unit_sessions_records(void)
{
    struct unit_sessions u;
    buf machine = {0}, boot = {0};
    unit_sessions_init(&u);
    unit_sessions_stop(&u);
    os_put_machine(&machine), os_put_boot(&boot);
    test_begin("a record of this boot whose holder died has exited");
    unit_sessions_record(&u, buf_cstr(&machine), buf_cstr(&boot), "{}",
                         "\"state_source\":\"exit\"");
    unit_sessions_record(&u, machine.p, boot.p, NULL, "\"state_source\":\"exit\"");
    test_begin("a record of an earlier boot was lost with the computer");
    unit_sessions_record(&u, machine.p, "before", "{}",
                         "\"state\":\"exited\",\"state_source\":\"lost\"");
    unit_sessions_record(&u, machine.p, "before", NULL, "\"state_source\":\"lost\"");
    test_begin("processes are looked at for a session of this boot only");
    unit_looks = 0;
    unit_sessions_record(&u, machine.p, "before", "{\"program\":99999999}",
                         "\"state_source\":\"lost\"");
    CHECK_INT(unit_looks, 0);
    unit_sessions_record(&u, machine.p, boot.p, "{\"program\":99999999}",
                         "\"state_source\":\"exit\"");
    CHECK(unit_looks > 0);
    test_begin("a record of another machine is unreachable, named, and left alone");
    unit_sessions_record(&u, "0123", "before", "{}", "is of another machine: elsewhere");
    unit_sessions_record(&u, "0123", boot.p, NULL, "\"state\":\"unreachable\"");
    buf_free(&machine), buf_free(&boot);
    unit_sessions_start(&u);
    unit_sessions_free(&u);
}

static void unit_sessions_not_created(void)
{
    static char sh_missing[] = "/nowhere/sh";
    struct unit_sessions u;
    unit_sessions_init(&u);
    char *argv[] = {sh_missing, NULL};
    struct session_plan plan = {.directory = "/", .command = argv, .cols = 80, .rows = 24};
    test_begin("a session whose program can't run leaves nothing but a reason");
    launch_create(&u.all, &plan, unit_sessions_on_created, &u);
    CHECK(unit_sessions_until(&u, &u.created));
    CHECK(u.s == NULL);
    CHECK_SPAN(span_of(u.error), "cannot run /nowhere/sh: No such file or directory");
    test_begin("an agent that is not configured is refused at once");
    u.created = 0;
    plan = (struct session_plan){.directory = "/", .agent = "nobody", .cols = 80, .rows = 24};
    launch_create(&u.all, &plan, unit_sessions_on_created, &u);
    CHECK_INT(u.created, 1);
    CHECK_SPAN(span_of(u.error), "nobody: no such agent is configured");
    CHECK(u.all.count == 0 && u.cache.count == 0);
    test_begin("two sessions that start at once are two");
    char *sh[] = {(char *)"/bin/sh", (char *)"-c", (char *)"read x", NULL};
    plan = (struct session_plan){.directory = "/", .command = sh, .cols = 80, .rows = 24};
    u.created = 0;
    launch_create(&u.all, &plan, unit_sessions_on_created, &u);
    launch_create(&u.all, &plan, unit_sessions_on_created, &u);
    while (u.created < 2)
        loop_once(&u.loop);
    CHECK(u.cache.count == 2 && u.all.first->holder.open && u.all.first->next->holder.open);
    unit_sessions_free(&u);
}

/* Runs the loop until the holder of u->s has gone. */
static void unit_sessions_until_gone(struct unit_sessions *u)
{
    while (u->s->holder.open)
        loop_once(&u->loop);
}

static void unit_sessions_restarts(void)
{
    struct unit_sessions u;
    buf text = {0};
    int cols, rows;
    unit_sessions_init(&u);
    test_begin("a running session can't be restarted");
    unit_sessions_create(&u, "echo run by $$; read x; exit 4");
    char *id = span_dup(span_of(u.s->id));
    long long created_at = u.s->created_at;
    CHECK_SPAN(span_of(unit_sessions_restart(&u, 0)), "it has not exited");
    test_begin("a restart keeps id, place and description, and waits for the holder before");
    holder_link_send(&u.s->holder, FRAME_INPUT, span_of("\r"));
    CHECK(unit_sessions_shows(&u, id, "\"exit_code\":4"));
    CHECK_SPAN(span_of(unit_sessions_restart(&u, 0)), "");
    CHECK(sessions_find(&u.all, id) == u.s && u.s->created_at == created_at);
    CHECK(unit_sessions_shows(&u, id, "\"exit_code\":null"));
    CHECK(unit_sessions_shows(&u, id, "\"title\":\"unit\",\"working_directory\":\"/\""));
    CHECK(sessions_size(u.s, &cols, &rows) && cols == 70 && rows == 20);
    char *exit = store_path(u.s->dir, "exit.json"), *last = store_path(u.s->dir, STORE_LAST_EXIT);
    CHECK(access(exit, F_OK) != 0 && access(last, F_OK) != 0);
    test_begin("the next daemon adopts it, and its transcript has both runs");
    unit_sessions_stop(&u);
    unit_sessions_start(&u);
    u.s = sessions_find(&u.all, id);
    CHECK(u.s != NULL && u.s->holder.open);
    holder_link_send(&u.s->holder, FRAME_INPUT, span_of("\r"));
    CHECK(unit_sessions_shows(&u, id, "\"exit_code\":4"));
    unit_sessions_until_gone(&u);
    holder_link_log_text(u.s->dir, 70, 20, 0, &text);
    const char *first = strstr(buf_cstr(&text), "run by");
    if (!first || !strstr(first + 1, "run by"))
        test_fail(__FILE__, __LINE__, buf_cstr(&text));
    test_begin("a restart that fails leaves the exit as it was");
    free(u.s->directory);
    u.s->directory = span_dup(span_of("/nowhere"));
    CHECK_SPAN(span_of(unit_sessions_restart(&u, 0)),
               "cannot enter /nowhere: No such file or directory");
    CHECK(unit_sessions_shows(&u, id, "\"exit_code\":4"));
    CHECK(access(exit, F_OK) == 0 && access(last, F_OK) != 0);
    test_begin("a restart that the daemon's end cuts short before it begins has not happened");
    CHECK_INT(rename(exit, last), 0);
    unit_sessions_stop(&u);
    unit_sessions_start(&u);
    u.s = sessions_find(&u.all, id);
    CHECK(unit_sessions_shows(&u, id, "\"exit_code\":4"));
    CHECK(access(exit, F_OK) == 0 && access(last, F_OK) != 0);
    test_begin("a session that is removed meanwhile is not restarted");
    struct session_waiter waiter = {.ended = unit_sessions_on_ended, .ctx = &u};
    struct session_plan plan = {0};
    free(u.s->directory);
    u.s->directory = span_dup(span_of("/"));
    CHECK_SPAN(span_of(unit_sessions_restart(&u, 0)), "");
    sessions_end(u.s, &waiter);
    launch_restart(u.s, &plan, 0, unit_sessions_on_created, &u);
    CHECK(u.error[0] != '\0');
    CHECK(unit_sessions_until(&u, &u.ended));
    free(id), free(exit), free(last);
    buf_free(&text);
    unit_sessions_free(&u);
}

/* An agent that says how it was called. */
static void unit_sessions_resumes(void)
{
    struct unit_sessions u;
    char file[100];
    unit_sessions_init(&u);
    snprintf(file, sizeof file, "%s/config", u.dir);
    CHECK_INT(store_write(u.dir, "config", span_of("[agent talker]\ncommand = echo\nsession_id = "
                                                   "--id=\nresume = --resume=\n")), 0);
    u.config.file = file;
    struct session_plan plan = {.directory = "/", .agent = "talker", .cols = 70, .rows = 20};
    test_begin("an agent's conversation is resumed by its own option; fresh, it is a new one");
    launch_create(&u.all, &plan, unit_sessions_on_created, &u);
    CHECK(unit_sessions_until(&u, &u.created));
    char *id = span_dup(span_of(u.s->id)), *native = span_dup(span_of(u.s->native_id));
    buf want = {0};
    buf_fmt(&want, "\"last_output\":\"--id=%s\"", native);
    CHECK(unit_sessions_shows(&u, id, buf_cstr(&want)));
    CHECK(unit_sessions_shows(&u, id, "\"restart\":\"resume\""));
    CHECK(unit_sessions_shows(&u, id, "\"state\":\"exited\""));
    CHECK_SPAN(span_of(unit_sessions_restart(&u, 0)), "");
    buf_clear(&want);
    buf_fmt(&want, "\"last_output\":\"--resume=%s\"", native);
    CHECK(unit_sessions_shows(&u, id, buf_cstr(&want)));
    CHECK(unit_sessions_shows(&u, id, "\"state\":\"exited\""));
    CHECK_SPAN(span_of(unit_sessions_restart(&u, 1)), "");
    CHECK(u.s->native_id && strcmp(u.s->native_id, native) != 0);
    buf_clear(&want);
    buf_fmt(&want, "\"last_output\":\"--id=%s\"", u.s->native_id);
    CHECK(unit_sessions_shows(&u, id, buf_cstr(&want)));
    buf_free(&want);
    free(id), free(native);
    unlink(file);
    unit_sessions_free(&u);
}

/* Each row: a command, and whether a restart may add the conversation's id to it. */
static void unit_sessions_named(void)
{
    static const struct {
        const char *agent, *command;
        int named;
    } rows[] = {
        {"codex", "codex -c model=o3", 0},      {"codex", "codex resume --last", 1},
        {"claude", "claude -c", 1},             {"claude", "claude --resume=abc", 1},
        {"claude", "claude --model opus", 0},   {"opencode", "opencode -s abc", 1},
        {"copilot", "copilot --resume=abc", 1}, {"gemini", "gemini -r latest", 1},
        {"gemini", "gemini -c", 0},             {"talker", "talk --id=abc", 1},
        {"talker", "talk --idle", 0},           {"talker", "talk --continue", 1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct config_agent agent = {.command = (char *)rows[i].command,
                                     .session_id = (char *)"--id=", .resume = (char *)""};
        snprintf(agent.name, sizeof agent.name, "%s", rows[i].agent);
        CHECK_INT(record_names_conversation(&agent), rows[i].named);
    }
}

static int unit_sessions_count_ended(const struct unit_sessions *u, const char *id)
{
    struct json list = {0};
    int count = 0;
    buf b = {0};
    ended_put_list(u->config.state, "here", &b);
    CHECK_INT(json_parse(buf_view(&b), &list, NULL, NULL), PARSE_DONE);
    for (struct json_iter it = json_iter(list); json_next(&it); count++)
        if (count == 0 && id)
            CHECK(json_text_eq(json_get(it.value, "session_id"), id) &&
                  json_text_eq(json_get(it.value, "restart"), "resume") &&
                  json_text_eq(json_get(it.value, "last_input"), "hello"));
    buf_free(&b);
    return count;
}

/* An agent with a conversation that is ended, and then restarted. */
static void unit_sessions_ended(void)
{
    struct unit_sessions u;
    struct session_waiter waiter = {.ended = unit_sessions_on_ended, .ctx = &u};
    struct session_plan plan = {.directory = "/", .agent = "talker", .cols = 70, .rows = 20};
    char file[100];
    buf want = {0};
    unit_sessions_init(&u);
    snprintf(file, sizeof file, "%s/config", u.dir);
    CHECK_INT(store_write(u.dir, "config", span_of("[agent talker]\ncommand = echo\nsession_id = "
                                                   "--id=\nresume = --resume=\n")), 0);
    u.config.file = file;
    test_begin("a session whose conversation can be resumed can be restarted after its end");
    launch_create(&u.all, &plan, unit_sessions_on_created, &u);
    CHECK(unit_sessions_until(&u, &u.created));
    char *id = span_dup(span_of(u.s->id)), *dir = span_dup(span_of(u.s->dir));
    buf_fmt(&want, "\"last_output\":\"--resume=%s\"", u.s->native_id);
    CHECK(unit_sessions_shows(&u, id, "\"state\":\"exited\""));
    CHECK(!sessions_has_conversation(u.s)); /* nothing was said to it */
    CHECK_INT(store_write(dir, "exit.json", span_of("{\"state\":\"exited\",\"exit_code\":0,"
                                                    "\"last_input\":\"hello\"}")), 0);
    CHECK(record_read_exit(u.s));
    u.ended = 0;
    sessions_end(u.s, &waiter);
    CHECK(unit_sessions_until(&u, &u.ended));
    CHECK(access(dir, F_OK) != 0 && !sessions_find(&u.all, id));
    CHECK_INT(unit_sessions_count_ended(&u, id), 1);
    CHECK(!sessions_revive(&u.all, "other") && !sessions_revive(&u.all, "../x"));
    char *bare = ended_dir(u.config.state, "bare");
    CHECK_INT(mkdir(bare, 0700), 0);
    CHECK_INT(store_write(bare, "exit.json", span_of("{\"state\":\"exited\"}")), 0);
    CHECK(!sessions_revive(&u.all, "bare") && access(bare, F_OK) != 0); /* it has no record */
    free(bare);
    u.s = sessions_revive(&u.all, id);
    CHECK(u.s && sessions_find(&u.all, id) == u.s && !sessions_revive(&u.all, id));
    CHECK_INT(unit_sessions_count_ended(&u, NULL), 0);
    CHECK_SPAN(span_of(unit_sessions_restart(&u, 0)), "");
    CHECK(unit_sessions_shows(&u, id, buf_cstr(&want)));
    CHECK(unit_sessions_shows(&u, id, "\"state\":\"exited\""));
    test_begin("only the last ones of 30 days are kept");
    for (int i = 0; i < ENDED_MAX + 2; i++) {
        char name[20];
        struct timespec old = {clock_wall_ms() / 1000 - (i ? i : 31 * 24 * 3600), 0};
        const struct timespec times[2] = {old, old};
        snprintf(name, sizeof name, "old%d", i);
        char *one = ended_dir(u.config.state, name);
        CHECK(mkdir(one, 0700) == 0 && utimensat(AT_FDCWD, one, times, 0) == 0);
        free(one);
    }
    ended_expire(u.config.state);
    struct ended *all = NULL;
    size_t n = ended_list(u.config.state, &all);
    CHECK_INT(n, ENDED_MAX);
    CHECK_SPAN(span_of(all[0].id), "old1");
    for (size_t i = 0; i < n; i++) {
        char *one = ended_dir(u.config.state, all[i].id);
        rmdir(one);
        free(one);
    }
    ended_free(all, n);
    char *root = store_path(u.config.state, "ended");
    rmdir(root);
    free(id), free(dir), free(root);
    buf_free(&want);
    unlink(file);
    unit_sessions_free(&u);
}

static void unit_sessions_long_title(void)
{
    struct unit_sessions u;
    struct session one = {.owner = &u.all};
    char title[LAUNCH_TITLE_MAX * 2] = "xy";
    test_begin("a title too long for a new session is cut between characters");
    unit_sessions_init(&u);
    while (strlen(title) < LAUNCH_TITLE_MAX + 30)
        strcat(title, "\xe4\xb8\x96");
    launch_fill(&one, &(struct session_plan){.title = title, .directory = "/"});
    CHECK_INT(strlen(one.title), 2 + (LAUNCH_TITLE_MAX - 2) / 3 * 3);
    CHECK(strlen(one.title) != LAUNCH_TITLE_MAX && span_starts(span_of(title), one.title));
    free(one.title), free(one.directory), free(one.machine), free(one.host), free(one.boot);
    unit_sessions_free(&u);
}

static void unit_sessions(void)
{
    unit_sessions_long_title();
    unit_sessions_restarts();
    unit_sessions_resumes();
    unit_sessions_named();
    unit_sessions_ended();
    unit_sessions_life();
    unit_sessions_ends();
    unit_sessions_silent();
    unit_sessions_lost();
    unit_sessions_identity();
    unit_sessions_records();
    unit_sessions_not_created();
}
