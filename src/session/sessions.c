#include "session.h"

/* sessions - this computer's sessions: their holders, adoption, ends.
 *
 * A starting daemon connects to the holder of every record. Where it can't, or loses the
 * connection, life.c decides: the session has exited (exit.json says how), or it is unreachable and
 * tried again. The daemon itself writes exit.json only for a session of which nothing is left. */

#ifndef SESSIONS_ADOPT_MS
#define SESSIONS_ADOPT_MS 1000     /* for all holders to answer */
#endif
#ifndef SESSIONS_RETRY_MIN_MS
#define SESSIONS_RETRY_MIN_MS 100   /* to the second try of a session that can't be reached … */
#define SESSIONS_RETRY_MAX_MS 30000 /* … doubling up to this */
#endif
#ifndef SESSIONS_ANSWER_MS
#define SESSIONS_ANSWER_MS HOLDER_LINK_ASK_MS /* for a status that was asked for */
#endif
#ifndef SESSIONS_ASK_ALL_MS
#define SESSIONS_ASK_ALL_MS 30000   /* between two questions to all */
#endif
#define SESSIONS_SILENT "its holder does not answer"
#define SESSIONS_KILLED_MS 20
#ifndef SESSIONS_UNDO_GRACE_MS
#define SESSIONS_UNDO_GRACE_MS 500 /* for an undo in the last moment */
#endif

/* ---- the list ------------------------------------------------------------------------------- */

static struct session *sessions_find(const struct sessions *all, const char *id)
{
    const struct cache_session *known = cache_find(all->cache, id);
    return known ? *record_session(all, known) : NULL;
}

static char *sessions_socket(const struct sessions *all, const char *id)
{
    buf b = {0};
    buf_fmt(&b, "%s/%s.sock", all->config->holders, id);
    return b.p;
}

static void sessions_on_due(void *ctx);

static struct session *sessions_new(struct sessions *all, const char *id)
{
    struct session *s = base_alloc(sizeof *s);
    s->owner = all;
    s->id = base_dup(id);
    s->dir = store_session_dir(all->config->state, id);
    s->socket = sessions_socket(all, id);
    s->created_at = clock_wall_ms();
    s->retry_timer = (struct loop_timer){.fn = sessions_on_due, .ctx = s};
    LIST_PUSH(all->last, s);
    all->last = &s->next;
    all->count++;
    return s;
}

/* Frees a session whose link is closed. */
static void sessions_delete(struct session *s)
{
    if (!s->next)
        s->owner->last = s->link;
    loop_timer_cancel(s->owner->loop, &s->end_timer);
    LIST_REMOVE(s);
    s->owner->count--;
    char *const strings[] = {s->id,    s->dir,  s->socket,    s->title,  s->directory,
                             s->agent, s->mode, s->initiator, s->command,
                             s->machine, s->host, s->boot, s->native_id};
    for (size_t i = 0; i < COUNT_OF(strings); i++)
        free(strings[i]);
    loop_timer_cancel(s->owner->loop, &s->retry_timer);
    buf_free(&s->status);
    buf_free(&s->record);
    buf_free(&s->unreachable);
    free(s);
}

/* ---- answers -------------------------------------------------------------------------------- */

static void sessions_wait_for_status(struct session *s)
{
    holder_link_offer(&s->holder, FRAME_SUBSCRIBE, (span){0});
    loop_timer_in(s->owner->loop, &s->retry_timer, SESSIONS_ANSWER_MS);
}

static void sessions_expect_answer(struct session *s)
{
    int asked = s->retry_timer.slot || s->unreachable.n || s->holder.launching;
    if (s->holder.open && !asked && !record_has_exited(s))
        sessions_wait_for_status(s);
}

static int sessions_offer(struct session *s, enum frame_type type, span payload)
{
    sessions_expect_answer(s);
    return holder_link_offer(&s->holder, type, payload);
}

static void sessions_expect_answers(struct sessions *all)
{
    if (all->asked_at && all->loop->now - all->asked_at < SESSIONS_ASK_ALL_MS)
        return;
    all->asked_at = all->loop->now;
    for (struct session *s = all->first; s; s = s->next)
        sessions_expect_answer(s);
}

/* ---- ends ----------------------------------------------------------------------------------- */

static void sessions_cancel_wait(struct session_waiter *waiter)
{
    LIST_REMOVE(waiter);
}

/* Tells whether an agent was told something and can resume that. */
static int sessions_has_conversation(const struct session *s)
{
    struct json status = {buf_view(&s->status)};
    return record_resumes(s) && s->status.n && record_has_exited(s) &&
           json_is(status, "last_input", JSON_STRING);
}

/* Removes the session's files, or marks them for the next daemon to remove. Returns 0 or errno. */
static int sessions_erase(struct session *s)
{
    if (!record_disk_answers(s))
        return errno;
    if (sessions_has_conversation(s) && ended_keep(s->owner->config->state, s->id) == 0)
        return 0;
    if (store_remove_session(s->owner->config->state, s->id) == 0)
        return 0;
    int error = errno, was_ending = s->ending;
    s->ending = 1;
    if (store_put_end(s->dir, 0) == 0)
        return 0;
    s->ending = was_ending;
    return error;
}

/* A session that can't be removed from disk stays. */
static void sessions_remove(struct session *s)
{
    unlink(s->socket); /* first: the record names it */
    int error = sessions_erase(s);
    if (!error) {
        record_uncache(s);
        s->hidden = 0; /* a waiter must not find it hidden */
    }
    log_line(error ? LOG_ERROR : LOG_INFO, "session %s: %s%s", s->id,
             error ? "cannot be removed: " : "removed", error ? strerror(error) : "");
    while (s->waiters) {
        struct session_waiter *waiter = s->waiters;
        sessions_cancel_wait(waiter);
        waiter->error = error;
        waiter->ended(waiter->ctx);
    }
    if (s->on_gone && !error)
        s->on_gone(s->gone_ctx, s, 1);
    if (error)
        record_changed(s);
    else
        sessions_delete(s);
}

static struct session *sessions_of_conversation(struct session *s, const char *native_id)
{
    struct session *other = native_id ? s->owner->first : NULL;
    if (native_id && s->native_id && strcmp(s->native_id, native_id) == 0)
        return s;
    while (other && !(other->native_id && strcmp(other->native_id, native_id) == 0 &&
                      sessions_is_running(other)))
        other = other->next;
    return other ? other : s;
}

static int sessions_is_running(const struct session *s)
{
    return s->holder.open && !s->unreachable.n && !record_has_exited(s);
}

static const char *sessions_why_unreachable(const struct session *s)
{
    if (record_has_exited(s) || sessions_is_running(s))
        return NULL;
    return s->unreachable.n ? s->unreachable.p : SESSIONS_SILENT;
}

/* Writes it on disk first: the next daemon finishes it. */
static void sessions_set_ending(struct session *s)
{
    if (s->ending)
        return;
    s->ending = 1;
    if (!record_disk_answers(s) || store_put_end(s->dir, 0) != 0)
        log_line(LOG_WARN, "cannot write %s/end: %s", s->dir, strerror(errno));
}

static void sessions_end(struct session *s, struct session_waiter *waiter)
{
    LIST_PUSH(&s->waiters, waiter);
    if (!record_disk_answers(s)) { /* it could not be removed: nothing of it happens */
        waiter->error = errno;
        sessions_cancel_wait(waiter);
        waiter->ended(waiter->ctx);
        return;
    }
    if (record_has_exited(s) && !s->holder.open) {
        sessions_remove(s);
        return;
    }
    sessions_set_ending(s);
    holder_link_send(&s->holder, FRAME_END, (span){0});
    sessions_expect_answer(s);
}

static void sessions_end_by_force(struct session *s, struct session_waiter *waiter)
{
    LIST_PUSH(&s->waiters, waiter);
    if (record_has_exited(s) && !s->holder.open) {
        sessions_remove(s);
        return;
    }
    sessions_set_ending(s);
    s->forced = 1;
    int killed = life_kill(s->dir, s->id);
    log_line(LOG_WARN, "session %s: %d processes killed", s->id, killed);
    s->retry_ms = 0;
    if (!s->holder.open) /* else the end of its connection follows */
        loop_timer_in(s->owner->loop, &s->retry_timer, SESSIONS_KILLED_MS);
}

/* Unreachable, it is hidden until its end is due, and ended once it can be. */
static void sessions_show_overdue(struct session *s)
{
    if (!s->hidden || !sessions_why_unreachable(s) || s->end_at > clock_wall_ms())
        return;
    sessions_set_ending(s);
    holder_link_offer(&s->holder, FRAME_END, (span){0});
    s->hidden = 0;
    record_changed(s);
}

static void sessions_on_end_timer(void *ctx)
{
    struct session *s = ctx;
    sessions_show_overdue(s);
    if (s->holder.open)
        sessions_expect_answer(s);
    else if (s->hidden)
        sessions_remove(s);
}

/* Until end_at. An exited one has no holder: it is removed from here. */
static void sessions_hide(struct session *s)
{
    long long left = s->end_at - clock_wall_ms();
    buf request = {0};
    left = (left > 0 ? left : 0) + SESSIONS_UNDO_GRACE_MS;
    frame_put_end_undoably(&request, left);
    holder_link_send(&s->holder, FRAME_END_UNDOABLY, buf_view(&request));
    buf_free(&request);
    s->end_timer.fn = sessions_on_end_timer;
    s->end_timer.ctx = s;
    loop_timer_in(s->owner->loop, &s->end_timer, left);
    s->hidden = 1;
    record_changed(s);
    sessions_expect_answer(s);
}

/* Writes the end for the next daemon, too. */
static int sessions_write_end(struct session *s, long long end_at)
{
    if (!record_disk_answers(s))
        return -1;
    if ((end_at > 0 ? store_put_end(s->dir, end_at) : store_drop_end(s->dir)) != 0)
        return -1;
    s->end_at = end_at;
    return 0;
}

static int sessions_end_undoably(struct session *s, int undo_s)
{
    if (sessions_write_end(s, clock_wall_ms() + undo_s * 1000LL) != 0)
        return -1;
    sessions_hide(s);
    return 0;
}

static struct session *sessions_find_hidden(const struct sessions *all, const char *id)
{
    struct session *s = all->first;
    while (s && (!s->hidden || strcmp(s->id, id) != 0))
        s = s->next;
    return s;
}

static int sessions_undo_end(struct session *s)
{
    if (sessions_write_end(s, 0) != 0)
        return -1;
    holder_link_send(&s->holder, FRAME_UNDO_END, (span){0});
    loop_timer_cancel(s->owner->loop, &s->end_timer);
    s->hidden = 0;
    record_changed(s);
    sessions_expect_answer(s);
    return 0;
}

/* ---- holders -------------------------------------------------------------------------------- */

/* Ends the wait of a starting daemon when all have answered. */
static void sessions_adopted(struct sessions *all, int adopting)
{
    if (!adopting || all->adopting == 0 || --all->adopting > 0)
        return;
    loop_timer_cancel(all->loop, &all->adopt_timer);
    all->ready(all->ready_ctx);
}

static void sessions_is_adopted(struct session *s)
{
    int adopting = s->adopting;
    s->adopting = 0;
    sessions_adopted(s->owner, adopting);
}

/* The session's first status has come, or it has ended already. */
static void sessions_created(struct session *s)
{
    struct session_creating *creating = s->creating;
    s->creating = NULL;
    log_line(LOG_INFO, "session %s started in %s: %s", s->id, s->directory,
             s->command ? s->command : s->agent);
    if (creating->end.n)
        record_discard_exit(s);
    creating->done(creating->ctx, s, NULL);
    buf_free(&creating->end);
    free(creating);
}

/* The holder may have read an earlier connection's request after the undo. */
static int sessions_is_stopped(const struct session *s)
{
    struct json status = {buf_view(&s->status)};
    return s->status.n && json_is(status, "hidden", JSON_TRUE);
}

static void sessions_on_frame(void *ctx, enum frame_type type, span payload)
{
    struct session *s = ctx;
    if (type != FRAME_STATUS)
        return;
    if (s->unreachable.n) {
        log_line(LOG_INFO, "session %s: its holder answers", s->id);
        buf_clear(&s->unreachable);
        buf_clear(&s->status);
    }
    s->retry_ms = 0;
    loop_timer_cancel(s->owner->loop, &s->retry_timer);
    s->answered = 1;
    record_set_status(s, payload);
    if (!s->hidden && !s->ending && sessions_is_stopped(s))
        holder_link_send(&s->holder, FRAME_UNDO_END, (span){0});
    record_changed(s);
    if (s->creating)
        sessions_created(s);
    sessions_is_adopted(s);
}

/* The session has exited, without a holder. May free it. */
static void sessions_gone(struct session *s)
{
    struct sessions *all = s->owner;
    int adopting = s->adopting;
    s->adopting = 0;
    buf_clear(&s->unreachable);
    loop_timer_cancel(all->loop, &s->retry_timer);
    if (!s->ending)
        record_changed(s);
    if (s->creating)
        sessions_created(s);
    if (s->hidden && s->end_at > clock_wall_ms() && !s->ending) /* it exited before the end */
        sessions_hide(s);
    else if (s->ending || s->hidden)
        sessions_remove(s);
    else if (s->on_gone)
        s->on_gone(s->gone_ctx, s, 0);
    sessions_adopted(all, adopting);
}

static void sessions_retry_later(struct session *s, const char *why);

static void sessions_on_link_closed(void *ctx)
{
    struct session *s = ctx;
    if (record_has_exited(s))
        sessions_gone(s);
    else if (!record_disk_answers(s))
        sessions_retry_later(s, "the disk of its directory does not answer");
    else if (s->answered || record_read_exit(s))
        sessions_reach(s);
    else /* never in a circle */
        sessions_retry_later(s, "its holder closes the connection");
}

static void sessions_set_link_hooks(struct session *s)
{
    s->holder.on_frame = sessions_on_frame;
    s->holder.on_closed = sessions_on_link_closed;
    s->holder.ctx = s;
}

/* The holder may have made it elsewhere: its lock says where. Returns 1: it takes clients through a
 * link. */
static int sessions_look_for_socket(struct session *s)
{
    struct life_owner owner;
    life_look(s->dir, &owner);
    int joins = owner.joins;
    if (owner.socket) {
        free(s->socket);
        s->socket = owner.socket;
        owner.socket = NULL;
    }
    life_free_owner(&owner);
    return joins;
}

/* Passes one end of a socket pair to the holder. Returns the other, or -1 with errno. */
static int sessions_pass_client(struct session *s)
{
    char frame[FRAME_HEAD];
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return -1;
    os_close_on_exec(ends[0]);
    frame_put_head(frame, FRAME_CLIENT, 0);
    conn_flush(&s->holder.conn); /* a descriptor needs an empty queue */
    int passed = conn_send_fd(&s->holder.conn, (span){frame, sizeof frame}, ends[1]);
    close(ends[1]);
    if (passed == 0)
        return ends[0];
    close(ends[0]);
    errno = EAGAIN;
    return -1;
}

static int sessions_find_socket(struct session *s)
{
    sessions_expect_answer(s);
    int fd = holder_link_dial(s->socket);
    if (fd >= 0 || !life_is_no_socket(errno))
        return fd;
    int joins = sessions_look_for_socket(s);
    fd = holder_link_dial(s->socket);
    if (fd >= 0 || !joins || !s->holder.open)
        return fd;
    life_summon_holder(s->dir);
    return sessions_pass_client(s);
}

/* Returns 0, or -1 with errno. */
static int sessions_connect(struct session *s)
{
    sessions_look_for_socket(s);
    sessions_set_link_hooks(s);
    s->answered = 0;
    if (holder_link_open(&s->holder, s->owner->loop, holder_link_dial(s->socket)) != 0)
        return -1;
    if (os_is_last_fd(s->holder.conn.io.fd)) {
        loop_unwatch(s->owner->loop, &s->holder.conn.io);
        holder_link_cancel(&s->holder);
        errno = EMFILE;
        return -1;
    }
    sessions_wait_for_status(s);
    if (s->ending)
        holder_link_send(&s->holder, FRAME_END, (span){0});
    else if (s->end_at > 0)
        sessions_hide(s);
    else if (s->end_at == 0) /* the daemon before may have died while it undid an end */
        holder_link_send(&s->holder, FRAME_UNDO_END, (span){0});
    return 0;
}

static void sessions_set_unreachable(struct session *s, const char *why)
{
    if (strcmp(buf_cstr(&s->unreachable), why) != 0) {
        log_line(LOG_WARN, "session %s: unreachable: %s", s->id, why);
        buf_clear(&s->unreachable);
        buf_str(&s->unreachable, why);
        buf_cstr(&s->unreachable);
        record_set_own_status(s, STATE_UNREACHABLE, STATE_BY_LINK, why);
        record_changed(s);
    }
    sessions_show_overdue(s);
    if (s->creating)
        sessions_created(s);
    sessions_is_adopted(s);
}

/* First without a word: a dying holder has its lock for longer than its connections. */
static void sessions_retry_later(struct session *s, const char *why)
{
    struct loop *l = s->owner->loop;
    int again = s->retry_ms > 0;
    s->retry_ms = again ? s->retry_ms * 2 : SESSIONS_RETRY_MIN_MS;
    if (s->retry_ms > SESSIONS_RETRY_MAX_MS)
        s->retry_ms = SESSIONS_RETRY_MAX_MS;
    loop_timer_in(l, &s->retry_timer, s->retry_ms);
    if (again)
        sessions_set_unreachable(s, why);
}

/* Takes record_set_lost back. */
static void sessions_unlose(struct session *s)
{
    buf path = {0};
    if (!record_has_exited(s))
        return;
    buf_fmt(&path, "%s/exit.json", s->dir);
    unlink(buf_cstr(&path));
    buf_free(&path);
    buf_clear(&s->status);
}

/* A daemon wrote its end: a holder's has a code. */
static int sessions_is_lost(const struct session *s)
{
    struct json status = {buf_view(&s->status)};
    return record_has_exited(s) && json_is(status, "exit_code", JSON_NULL);
}

/* error: of connecting. Returns 1: it has exited. */
static int sessions_is_over(struct session *s, int error)
{
    buf why = {0};
    const struct life_record record = {s->id, s->dir, s->socket, s->machine, s->host, s->boot};
    enum life life = life_judge(&record, error, record_has_exited(s), &why);
    int was_lost = sessions_is_lost(s), lives = life == LIFE_LIVES || life == LIFE_ORPHANED;
    int dead = life == LIFE_DEAD || life == LIFE_LOST || (life == LIFE_ELSEWHERE && s->forced);
    if (dead && !was_lost && !record_recover_exit(s))
        record_set_lost(s, life);
    if (was_lost && lives)
        sessions_unlose(s);
    int over = was_lost ? !lives : dead;
    if (!over)
        sessions_retry_later(s, buf_cstr(&why));
    buf_free(&why);
    return over;
}

/* Connects, or decides what the holder's absence means, even after an end that a daemon wrote: see
 * holder_is_given_up. May free the session. */
static void sessions_reach(void *ctx)
{
    struct session *s = ctx;
    if (!record_disk_answers(s)) {
        sessions_retry_later(s, "the disk of its directory does not answer");
        return;
    }
    for (int look = 0; look < 2; look++) {
        if (record_read_exit(s) && !sessions_is_lost(s))
            break;
        if (sessions_connect(s) == 0) {
            sessions_unlose(s);
            record_discard_exit(s);
            return;
        }
        if (!sessions_is_over(s, errno))
            return;
    }
    sessions_gone(s);
}

static void sessions_on_due(void *ctx)
{
    struct session *s = ctx;
    if (s->holder.open)
        sessions_set_unreachable(s, SESSIONS_SILENT);
    else
        sessions_reach(s);
}

/* An exited one's exit.json keeps this. */
static void sessions_set_seen(struct session *s)
{
    struct json status;
    buf now = {0};
    if (s->holder.open && !record_has_exited(s)) {
        sessions_offer(s, FRAME_SEEN, (span){0});
        return;
    }
    if (!json_read(buf_view(&s->status), &status) ||
        !json_is(status, "unseen", JSON_TRUE) || !record_disk_answers(s))
        return;
    json_open(&now, '{');
    for (struct json_iter it = json_iter(status); json_next(&it);) {
        buf key = {0};
        json_put_text(&key, it.key);
        json_field_raw(&now, buf_cstr(&key),
                       span_eq(buf_view(&key), "unseen") ? span_of("false") : it.value.text);
        buf_free(&key);
    }
    json_close(&now, '}');
    if (store_write_unsynced(s->dir, "exit.json", buf_view(&now)) == 0) {
        record_set_status(s, buf_view(&now));
        record_changed(s);
    }
    buf_free(&now);
}

static int sessions_rename(struct session *s, const char *title)
{
    char *old = s->title;
    s->title = base_dup(title);
    if (record_write(s, 0) != 0) {
        free(s->title);
        s->title = old;
        return -1;
    }
    free(old);
    buf_clear(&s->record);
    record_changed(s);
    sessions_expect_answer(s);
    return 0;
}

static int sessions_size(const struct session *s, int *cols, int *rows)
{
    struct json status;
    long long c = 80, r = 24;
    int known = json_read(buf_view(&s->status), &status) &&
                json_int(json_get(status, "cols"), &c) && json_int(json_get(status, "rows"), &r);
    *cols = (int)c;
    *rows = (int)r;
    return known;
}

static struct transcript *sessions_read_log(const struct session *s, int prompts,
                                            void (*done)(void *ctx, const char *error, span text),
                                            void *ctx)
{
    int cols, rows;
    sessions_size(s, &cols, &rows);
    return transcript_read(s->owner->loop, config_program(s->owner->config), s->dir, cols, rows,
                           prompts, &s->owner->reading, done, ctx);
}

static void sessions_put_transcript(const struct sessions *all, const char *id, span text,
                                    long long tail_chars, buf *b)
{
    static const char *const members[][2] = {{"project_dir", "working_directory"},
                                             {"created_at", "created_at"},
                                             {"last_activity", "last_activity"}};
    const struct cache_session *known = cache_find(all->cache, id);
    struct json object = {0};
    if (known)
        json_read(buf_view(&known->json), &object);
    json_open(b, '{');
    json_field_string(b, "status", "success");
    json_field_string(b, "session_id", id);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        struct json value = json_get(object, members[i][1]);
        json_field_raw(b, members[i][0],
                       json_type(value) == JSON_NONE ? span_of("null") : value.text);
    }
    json_field_span(b, "messages", utf8_tail(text, tail_chars));
    json_close(b, '}');
}

/* ---- adoption ------------------------------------------------------------------------------- */

static struct session *sessions_revive(struct sessions *all, const char *id)
{
    if (cache_find(all->cache, id) || sessions_find_hidden(all, id) ||
        ended_revive(all->config->state, id) != 0)
        return NULL;
    struct session *s = sessions_new(all, id);
    int loaded = record_load(s) > 0;
    s->ending = 0;
    s->end_at = 0;
    if (loaded && record_read_exit(s)) {
        record_write(s, 0);
        record_changed(s);
        return s;
    }
    sessions_delete(s);
    store_remove_session(all->config->state, id);
    return NULL;
}

/* Removes what a daemon left that was killed while it made or removed a session. */
static void sessions_remove_rest(struct session *s)
{
    struct life_owner owner;
    enum store_lock lock = life_look(s->dir, &owner);
    life_free_owner(&owner);
    if (lock != STORE_LOCK_FREE && lock != STORE_LOCK_ABSENT) {
        log_line(LOG_WARN, "%s has no record.json, and its holder lives: ignored", s->dir);
        return;
    }
    unlink(s->socket);
    store_remove_session(s->owner->config->state, s->id);
}

static void sessions_adopt(void *ctx, const char *id)
{
    struct sessions *all = ctx;
    struct session *s = sessions_new(all, id);
    int loaded = record_load(s);
    if (loaded > 0)
        return;
    if (loaded == 0)
        sessions_remove_rest(s);
    else
        log_line(LOG_WARN, "%s has no readable record.json: ignored", s->dir);
    sessions_delete(s);
}

static int sessions_is_older(const void *a, const void *b)
{
    const struct session *x = *(struct session *const *)a, *y = *(struct session *const *)b;
    return x->created_at < y->created_at ? -1 : x->created_at > y->created_at;
}

/* Sorts by age. */
static void sessions_sort(struct sessions *all)
{
    struct session **array = base_alloc((all->count + 1) * sizeof *array);
    size_t n = 0;
    for (struct session *s = all->first; s; s = s->next)
        array[n++] = s;
    base_sort(array, n, sizeof *array, sessions_is_older);
    all->first = NULL;
    all->last = &all->first;
    for (size_t i = 0; i < n; i++) {
        LIST_PUSH(all->last, array[i]);
        all->last = &array[i]->next;
    }
    free(array);
}

/* After all records are read: that needs one descriptor, each connection keeps one. */
static void sessions_reach_all(struct sessions *all)
{
    for (struct session *s = all->first, *next; s; s = next) {
        next = s->next;
        s->adopting = 1;
        all->adopting++;
        record_changed(s); /* the list is by age */
        sessions_reach(s);
    }
}

static void sessions_adopt_late(void *ctx)
{
    struct sessions *all = ctx;
    log_line(LOG_WARN, "%zu holders have not answered in time", all->adopting);
    for (struct session *s = all->first; s; s = s->next)
        if (s->adopting)
            sessions_set_unreachable(s, SESSIONS_SILENT);
}

static void sessions_init(struct sessions *all, struct loop *l, struct config *config,
                          struct cache *cache, void (*ready)(void *ctx), void *ctx)
{
    *all = (struct sessions){
        .loop = l, .config = config, .cache = cache, .ready = ready, .ready_ctx = ctx};
    all->last = &all->first;
    os_put_machine(&all->machine);
    os_put_boot(&all->boot);
    buf_cstr(&all->machine), buf_cstr(&all->boot);
    all->cache_place = cache_reserve(cache, sizeof(struct session *));
    all->adopt_timer = (struct loop_timer){.fn = sessions_adopt_late, .ctx = all};
    all->adopting = 1; /* this function itself */
    store_remove_leavings(config->state);
    ended_expire(config->state);
    store_each_session(config->state, sessions_adopt, all);
    sessions_sort(all);
    sessions_reach_all(all);
    loop_timer_in(l, &all->adopt_timer, SESSIONS_ADOPT_MS);
    sessions_adopted(all, 1);
}

static void sessions_stop_waiting(struct sessions *all)
{
    for (struct session *s = all->first; s; s = s->next) {
        struct session_creating *creating = s->creating;
        s->creating = NULL;
        if (s->on_gone)
            s->on_gone(s->gone_ctx, s, 1);
        if (!creating)
            continue;
        creating->done(creating->ctx, NULL, "the daemon ends");
        buf_free(&creating->end);
        free(creating);
    }
}

static void sessions_free(struct sessions *all)
{
    while (all->first) {
        struct session *s = all->first;
        holder_link_cancel(&s->holder);
        sessions_delete(s);
    }
    buf_free(&all->machine);
    buf_free(&all->boot);
}
