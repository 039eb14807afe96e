#include "private.h"

/* end - the end of a session: its program exits, or the session is killed: SIGHUP, then SIGKILL.
 *
 *      running ── FRAME_END ──▶ killing ── END_KILL_MS ──▶ SIGKILL
 *         │                         │
 *         └── exit ──▶ exited ◀─────┘ ── output read, no process left ──▶ over = 1: exit.json is
 *                                                      written, clients are drained ──▶ over = 2
 *
 * A session that ends by itself does not wait for its background processes; a killed one does. */

#ifndef END_KILL_MS
#define END_KILL_MS 3000 /* from SIGHUP to SIGKILL */
#endif
#ifndef END_OUTPUT_MS
#define END_OUTPUT_MS 200 /* output may trail the program's exit for this long */
#endif
#define END_CHECK_MS 20   /* to the first look for a killed session's processes; then twice … */
#ifndef END_CLIENTS_MS
#define END_CLIENTS_MS 1000 /* for clients to read what they are told last */
#endif

static void end_signal_all(struct holder *h, int signo)
{
    pid_t foreground = tcgetpgrp(h->pty.io.fd);
    if (!h->exited)
        kill(-h->pid, signo);
    if (foreground > 1 && foreground != h->pid && foreground != getpgrp())
        kill(-foreground, signo);
    life_signal_session(h->pid, signo);
}

/* Sends each client everything that is due: nothing follows. */
static void end_tell_clients(struct holder *h)
{
    status_send(h);
    for (struct holder_client *c = h->clients; c; c = c->next) {
        if (c->awaiting)
            input_send_receipt(c, "delivered"); /* an exit is a reaction */
        if (c->behind || c->missing)
            viewer_put_snapshot(c, c->scrollback);
        conn_finish(&c->conn);
    }
}

static void end_finish(struct holder *h)
{
    buf json = {0};
    status_renew_last_output(h);
    status_apply(h, (struct state_input){.event = STATE_ON_EXIT}, (span){0});
    status_put(h, &json);
    if (store_write(h->dir, "exit.json", buf_view(&json)) != 0)
        log_line(LOG_ERROR, "cannot write %s/exit.json: %s", h->dir, strerror(errno));
    buf_free(&json);
    loop_timer_cancel(&h->loop, &h->status_timer);
    end_tell_clients(h);
    store_log_close(&h->log);
    loop_unwatch(&h->loop, &h->listener);
    unlink(h->socket);
    h->over = 1;
    loop_timer_set(&h->loop, &h->drain_timer, h->loop.now + END_CLIENTS_MS);
}

static void end_check(struct holder *h)
{
    if (h->over || !h->exited || !h->drained)
        return;
    if (h->killing && life_signal_session(h->pid, 0) > 0) {
        h->check_ms = h->check_ms ? h->check_ms * 2 : END_CHECK_MS;
        loop_timer_set(&h->loop, &h->drain_timer, h->loop.now + h->check_ms);
        return;
    }
    end_finish(h);
}

/* The timer of the trailing output, of the next look for processes, and of the clients. */
static void end_on_drain_timer(void *holder)
{
    struct holder *h = holder;
    if (h->over)
        h->over = 2;
    h->drained = 1; /* background processes may still hold the terminal open */
    end_check(h);
}

static void end_kill(struct holder *h)
{
    if (h->killing)
        return;
    h->killing = 1;
    end_signal_all(h, SIGHUP);
    end_signal_all(h, SIGCONT); /* a stopped process does not die of SIGHUP */
    loop_timer_set(&h->loop, &h->kill_timer, h->loop.now + END_KILL_MS);
    end_check(h);
}

/* The time to undo the end is over, or the time to die of SIGHUP. */
static void end_on_kill_timer(void *holder)
{
    struct holder *h = holder;
    if (!h->killing) {
        end_kill(h);
        return;
    }
    end_signal_all(h, SIGKILL);
    h->check_ms = 0;
    end_check(h);
}

static void end_on_exit(void *holder, int wait_status)
{
    struct holder *h = holder;
    h->exited = 1;
    h->wait_status = wait_status;
    close(h->slave); /* the pty hangs up as soon as its last output is read */
    h->slave = -1;
    if (!h->drained)
        loop_timer_set(&h->loop, &h->drain_timer, h->loop.now + END_OUTPUT_MS);
    end_check(h);
}
