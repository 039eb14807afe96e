#include "private.h"

/* end - the end of a session: its program exits, or the session is killed: SIGHUP, then SIGKILL.
 *
 *      running ── FRAME_END ──▶ killing ── END_KILL_MS ──▶ SIGKILL
 *         │                         │
 *         └── exit ──▶ exited ◀─────┘ ── output read, no process left ──▶ over = 1: exit.json is
 *                                                      written, clients are drained ──▶ over = 2
 *
 * A session that ends by itself does not wait for its background processes; a killed one does. To
 * find them costs a look at every process of the computer: one a session, when a thousand end at
 * once. So SIGHUP goes to the leader's and the foreground's groups first; the processes that are
 * left are looked for when the leader has exited, or END_SPREAD_MS later. */

#ifndef END_KILL_MS
#define END_KILL_MS 3000 /* from SIGHUP */
#endif
#ifndef END_SPREAD_MS
#define END_SPREAD_MS 300 /* from SIGHUP for its leader to that for all */
#endif
#ifndef END_OUTPUT_MS
#define END_OUTPUT_MS 200 /* output may trail the exit */
#endif
#define END_CHECK_MS 20   /* to the first look for processes; then twice … */
#ifndef END_CLIENTS_MS
#define END_CLIENTS_MS 1000 /* to read what they are told last */
#endif

#ifndef END_DISK_MS
#define END_DISK_MS 1000  /* for the log's last bytes, and exit.json */
#endif
#define END_LOOK_MS 1000  /* for the id of its agent's conversation */
#define END_STOP_ROUNDS 4 /* looks for processes that began meanwhile */

/* ---- the session's processes ---------------------------------------------------------------- */

static int end_has_pid(const buf *pids, pid_t pid)
{
    size_t i = 0;
    while (i < life_count_pids(pids) && life_pid(pids, i) != pid)
        i++;
    return i < life_count_pids(pids);
}

/* SIGHUP, and SIGCONT: a stopped process does not die of it; or SIGKILL. */
static void end_signal(const buf *pids, int signo)
{
    const int signals[] = {signo, SIGCONT};
    for (int k = 0; k < (signo == SIGKILL ? 1 : 2); k++)
        for (size_t i = 0; i < life_count_pids(pids); i++)
            kill(life_pid(pids, i), signals[k]);
}

/* Signals the groups of the leader, of the foreground, and those that end_stop stopped. */
static void end_signal_groups(struct holder *h, int signo)
{
    pid_t foreground = tcgetpgrp(h->pty.io.fd);
    buf pids = {0};
    if (!h->exited)
        life_put_pid(&pids, -h->pid);
    if (foreground > 1 && foreground != h->pid && foreground != getpgrp())
        life_put_pid(&pids, -foreground);
    for (size_t i = 0; i < life_count_pids(&h->paused); i++)
        if (getsid(life_pid(&h->paused, i)) == h->pid)
            life_put_pid(&pids, life_pid(&h->paused, i));
    end_signal(&pids, signo);
    buf_free(&pids);
}

/* Returns the number of processes; signo 0 only counts. */
static int end_signal_all(struct holder *h, int signo)
{
    buf pids = {0};
    life_find_processes(h->pid, &pids);
    int count = (int)life_count_pids(&pids);
    if (signo)
        end_signal(&pids, signo);
    buf_free(&pids);
    return count;
}

/* halted: the user may have stopped it. Returns 1: it did. */
static int end_stop_one(struct holder *h, pid_t pid, int halted)
{
    if (end_has_pid(&h->paused, pid) || end_has_pid(&h->halted, pid))
        return 0;
    halted = halted && life_process_state(pid) == 'T';
    life_put_pid(halted ? &h->halted : &h->paused, pid);
    return !halted && kill(pid, SIGSTOP) == 0;
}

/* The leader first: a shell reports a job that stops. What the user had stopped is remembered. */
static void end_stop(struct holder *h)
{
    int more = 1;
    buf_clear(&h->halted);
    buf_clear(&h->paused);
    if (!h->exited)
        end_stop_one(h, h->pid, 1);
    for (int round = 0; round < END_STOP_ROUNDS && more; round++) {
        buf pids = {0};
        life_find_processes(h->pid, &pids);
        more = 0;
        for (size_t i = 0; i < life_count_pids(&pids); i++)
            more |= end_stop_one(h, life_pid(&pids, i), round == 0);
        buf_free(&pids);
    }
}

/* Continues the leader last. */
static void end_continue(struct holder *h)
{
    for (size_t i = life_count_pids(&h->paused); i-- > 0;) {
        pid_t pid = life_pid(&h->paused, i);
        if (pid < 0 || getsid(pid) == h->pid)
            kill(pid, SIGCONT);
    }
}

/* Nothing follows. */
static void end_tell_clients(struct holder *h)
{
    status_send(h);
    for (struct holder_client *c = h->clients; c; c = c->next) {
        if (c->behind || c->missing)
            viewer_put_snapshot(c, c->scrollback);
        c->unread = c->conn.queued;
        conn_finish(&c->conn);
    }
}

/* Writes exit.json before anybody is told, unless the disk is slow: the holder stays until it is
 * written. A killed session is removed: only one whose conversation can be resumed leaves its last
 * status. */
static void end_write(struct holder *h)
{
    buf json = {0};
    status_put(h, &json);
    if (!h->killing || h->native_id.n)
        disk_log(&h->last, buf_view(&json));
    buf_free(&json);
    long long left = clock_mono_ms() + END_DISK_MS;
    disk_finish(&h->last, 0);
    disk_finish(&h->log, END_DISK_MS);
    left -= clock_mono_ms();
    disk_finish(&h->last, left > 0 ? (int)left : 0);
}

static void end_finish(struct holder *h)
{
    message_end_all(h);
    answer_end(h);
    status_renew_last_output(h);
    status_apply(h, (struct state_input){.event = STATE_ON_EXIT}, (span){0});
    end_write(h);
    loop_timer_cancel(&h->loop, &h->status_timer);
    end_tell_clients(h);
    loop_unwatch(&h->loop, &h->listener);
    unlink(h->socket);
    h->over = 1;
    if (h->looking)
        output_stop(h->looking, OUTPUT_LATE);
    loop_timer_in(&h->loop, &h->drain_timer, END_CLIENTS_MS);
}

static void end_check(struct holder *h)
{
    if (h->over || !h->exited || !h->drained)
        return;
    if (h->looking && h->loop.now < h->look_until) {
        loop_timer_set(&h->loop, &h->drain_timer, h->look_until);
        return;
    }
    if (h->killing && end_signal_all(h, h->spread ? 0 : SIGHUP) > 0) {
        h->spread = 1;
        h->check_ms = h->check_ms ? h->check_ms * 2 : END_CHECK_MS;
        loop_timer_in(&h->loop, &h->drain_timer, h->check_ms);
        return;
    }
    end_finish(h);
}

/* Ends the wait for trailing output, for the next look for processes, or for clients. */
static void end_on_drain_timer(void *holder)
{
    struct holder *h = holder;
    if (h->over ? viewer_reads(h) : h->pty.paused) {
        loop_timer_in(&h->loop, &h->drain_timer, (h->over ? END_CLIENTS_MS : END_OUTPUT_MS));
        return;
    }
    if (h->over)
        h->over = 2;
    h->drained = 1; /* background processes may keep the terminal open */
    end_check(h);
}

static void end_kill(struct holder *h)
{
    if (h->killing)
        return;
    h->killing = 1;
    end_signal_groups(h, SIGHUP);
    loop_timer_in(&h->loop, &h->kill_timer, END_SPREAD_MS);
    end_check(h);
}

static void end_tell_viewers(struct holder *h, long long undo_ms)
{
    buf b = {0};
    frame_put_end_undoably(&b, undo_ms);
    for (struct holder_client *c = h->clients; c; c = c->next)
        if (c->viewing && c->conn.queued < FRAME_MAX)
            frame_send(&c->conn, FRAME_ENDING, buf_view(&b));
    buf_free(&b);
}

static void end_begin_undoable(struct holder *h, long long undo_ms)
{
    if (h->killing || h->exited)
        return;
    if (!h->stopped) {
        h->stopped = 1;
        h->stopped_at = h->loop.now;
        end_stop(h);
        status_changed(h);
    }
    end_tell_viewers(h, undo_ms);
    loop_timer_in(&h->loop, &h->kill_timer, undo_ms);
}

static void end_undo(struct holder *h)
{
    if (h->killing || !h->stopped)
        return;
    h->stopped = 0;
    end_tell_viewers(h, 0);
    loop_timer_cancel(&h->loop, &h->kill_timer);
    end_continue(h);
    state_skip(&h->state, h->loop.now - h->stopped_at);
    loop_timer_set(&h->loop, &h->silence_timer, state_silent_at(&h->state));
    status_changed(h);
}

/* The undo's time is over, or the leader's to die of SIGHUP, or all processes'. */
static void end_on_kill_timer(void *holder)
{
    struct holder *h = holder;
    if (!h->killing) {
        end_kill(h);
        return;
    }
    if (!h->hung_up) {
        h->hung_up = 1;
        loop_timer_in(&h->loop, &h->kill_timer, END_KILL_MS - END_SPREAD_MS);
        if (!h->spread)
            end_signal_all(h, SIGHUP);
        h->spread = 1;
        return;
    }
    end_signal_groups(h, SIGKILL);
    end_signal_all(h, SIGKILL);
    h->check_ms = 0;
    end_check(h);
}

static void end_on_exit(void *holder, int wait_status)
{
    struct holder *h = holder;
    h->exited = 1;
    h->wait_status = wait_status;
    close(h->slave); /* the pty hangs up once its output is read */
    h->slave = -1;
    native_look(h);
    h->look_until = h->loop.now + END_LOOK_MS;
    if (!h->drained)
        loop_timer_in(&h->loop, &h->drain_timer, END_OUTPUT_MS);
    end_check(h);
}
