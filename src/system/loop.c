#include "system.h"

/* loop - the one poll() table: descriptors, timers, signals, child exits.
 *
 * A pass: wait until the earliest timer, ready descriptors, due timers, then deferred tasks, which
 * write queued output and free what died: many messages leave in one write, and no handler frees
 * what another one uses. Only poll waits; an idle loop has no timer. */

/* ---- a crowd of descriptors ----------------------------------------------------------------- */

/* poll() looks at every descriptor in every pass: 70 us for a thousand. With epoll the daemon's
 * many connections are behind one of them. Its events carry pointers, whose memory only tasks free.
 * glibc lays out struct epoll_event as the kernel does only for compilers like GNU's. */
#if defined(TELEC_LINUX) && defined(__GNUC__)
#define LOOP_CROWD_EVENTS 64 /* a pass */

static void loop_crowd_wait(struct loop *l, int timeout)
{
    struct epoll_event events[LOOP_CROWD_EVENTS];
    int n = epoll_wait(l->crowd.fd, events, LOOP_CROWD_EVENTS, timeout);
    l->now = clock_mono_ms();
    for (int i = 0; i < n; i++) {
        struct loop_fd *f = events[i].data.ptr;
        if (f->slot == -1)
            f->on_event(f->ctx, (short)events[i].events); /* EPOLLIN, OUT, ERR, HUP are POLLIN … */
    }
}

static void loop_expect_crowd(struct loop *l)
{
    l->crowd.fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->crowd.fd >= 0)
        loop_watch(l, &l->crowd, POLLIN);
}

/* events < 0 removes it. Returns 0 when f must be in the poll table instead. */
static int loop_crowd_set(struct loop *l, struct loop_fd *f, int events)
{
    struct epoll_event event = {.events = (uint32_t)(events & 0xffff), .data.ptr = f};
    int what = events < 0 ? EPOLL_CTL_DEL : f->slot ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (l->crowd.fd < 0 || f == &l->crowd || epoll_ctl(l->crowd.fd, what, f->fd, &event) != 0)
        return 0;
    f->slot = events < 0 ? 0 : -1;
    return 1;
}
#else
static void loop_crowd_wait(struct loop *l, int timeout)
{
    (void)l, (void)timeout;
}

static void loop_expect_crowd(struct loop *l)
{
    (void)l;
}

static int loop_crowd_set(struct loop *l, struct loop_fd *f, int events)
{
    (void)l, (void)f, (void)events;
    return 0;
}
#endif

static void loop_crowd_event(void *ctx, short revents)
{
    (void)revents;
    loop_crowd_wait(ctx, 0);
}

/* ---- descriptors ---------------------------------------------------------------------------- */

static void loop_watch(struct loop *l, struct loop_fd *f, short events)
{
    if (f->slot > 0) {
        l->polls[f->slot - 1].events = events;
        return;
    }
    if (loop_crowd_set(l, f, events))
        return;
    if (l->count == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 8;
        l->polls = base_grow(l->polls, (size_t)l->cap * sizeof *l->polls);
        l->fds = base_grow(l->fds, (size_t)l->cap * sizeof *l->fds);
    }
    l->polls[l->count] = (struct pollfd){f->fd, events, 0};
    l->fds[l->count] = f;
    f->slot = ++l->count;
}

static void loop_unwatch(struct loop *l, struct loop_fd *f)
{
    if (f->slot < 0)
        loop_crowd_set(l, f, -1);
    if (f->slot <= 0)
        return;
    l->polls[f->slot - 1] = (struct pollfd){-1, 0, 0};
    l->fds[f->slot - 1] = NULL;
    f->slot = 0;
    l->holes++;
}

/* Between passes: a pass walks the table. */
static void loop_compact(struct loop *l)
{
    int to = 0;
    for (int from = 0; l->holes && from < l->count; from++) {
        if (!l->fds[from])
            continue;
        l->polls[to] = l->polls[from];
        l->fds[to] = l->fds[from];
        l->fds[to]->slot = to + 1;
        to++;
    }
    if (l->holes)
        l->count = to;
    l->holes = 0;
}

/* ---- timers: a binary heap ------------------------------------------------------------------ */

static void loop_timer_place(struct loop *l, struct loop_timer *t, int slot)
{
    l->timers[slot - 1] = t;
    t->slot = slot;
}

static void loop_timer_sift(struct loop *l, struct loop_timer *t, int slot)
{
    while (slot > 1 && l->timers[slot / 2 - 1]->due > t->due) {
        loop_timer_place(l, l->timers[slot / 2 - 1], slot);
        slot /= 2;
    }
    for (int child = slot * 2; child <= l->timer_count; child = slot * 2) {
        if (child < l->timer_count && l->timers[child]->due < l->timers[child - 1]->due)
            child++;
        if (l->timers[child - 1]->due >= t->due)
            break;
        loop_timer_place(l, l->timers[child - 1], slot);
        slot = child;
    }
    loop_timer_place(l, t, slot);
}

static void loop_timer_set(struct loop *l, struct loop_timer *t, long long due)
{
    t->due = due;
    if (!t->slot) {
        l->timers = base_room(l->timers, l->timer_count, &l->timer_cap, sizeof *l->timers);
        l->timers[l->timer_count] = t;
        t->slot = ++l->timer_count;
    }
    loop_timer_sift(l, t, t->slot);
}

static void loop_timer_in(struct loop *l, struct loop_timer *t, long long ms)
{
    loop_timer_set(l, t, l->now + ms);
}

static void loop_timer_cancel(struct loop *l, struct loop_timer *t)
{
    int slot = t->slot;
    if (!slot)
        return;
    t->slot = 0;
    struct loop_timer *last = l->timers[--l->timer_count];
    if (last != t)
        loop_timer_sift(l, last, slot);
}

static void loop_run_timers(struct loop *l)
{
    while (l->timer_count && l->timers[0]->due <= l->now) {
        struct loop_timer *t = l->timers[0];
        loop_timer_cancel(l, t);
        t->fn(t->ctx);
    }
}

/* ---- tasks ---------------------------------------------------------------------------------- */

static void loop_defer(struct loop *l, struct loop_task *task)
{
    if (task->queued)
        return;
    task->queued = 1;
    task->next = NULL;
    *l->task_last = task;
    l->task_last = &task->next;
}

static void loop_task_cancel(struct loop *l, struct loop_task *task)
{
    struct loop_task **at = &l->task_first;
    while (*at && *at != task)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = task->next;
    if (l->task_last == &task->next)
        l->task_last = at;
    task->queued = 0;
}

static int loop_run_tasks(struct loop *l)
{
    int ran = l->task_first != NULL;
    while (l->task_first) {
        struct loop_task *task = l->task_first;
        l->task_first = task->next;
        if (!l->task_first)
            l->task_last = &l->task_first;
        task->queued = 0;
        task->fn(task->ctx);
    }
    return ran;
}

/* ---- signals and children ------------------------------------------------------------------- */

static int loop_signal_pipe[2] = {-1, -1};

static void loop_catch(int signo)
{
    int saved = errno;
    char byte = (char)signo;
    ssize_t written = write(loop_signal_pipe[1], &byte, 1);
    (void)written; /* a full pipe wakes the loop, too */
    errno = saved;
}

static void loop_read_signals(void *ctx, short revents)
{
    struct loop *l = ctx;
    char bytes[64];
    ssize_t n;
    (void)revents;
    while ((n = read(loop_signal_pipe[0], bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < n; i++)
            if (l->on_signal[(int)bytes[i]])
                l->on_signal[(int)bytes[i]](l->signal_ctx[(int)bytes[i]], bytes[i]);
}

static void loop_on_signal(struct loop *l, int signo, void (*fn)(void *ctx, int signo), void *ctx)
{
    if (loop_signal_pipe[0] < 0) {
        if (pipe(loop_signal_pipe) != 0)
            base_die("cannot make a pipe: %s", strerror(errno));
        for (int i = 0; i < 2; i++) {
            os_close_on_exec(loop_signal_pipe[i]);
            fcntl(loop_signal_pipe[i], F_SETFL, O_NONBLOCK);
        }
    }
    l->on_signal[signo] = fn;
    l->signal_ctx[signo] = ctx;
    l->signal_fd.fd = loop_signal_pipe[0];
    loop_watch(l, &l->signal_fd, POLLIN);
    struct sigaction action = {.sa_handler = loop_catch, .sa_flags = SA_RESTART};
    sigaction(signo, &action, NULL);
}

/* As process 1 we get the system's orphans. */
static void loop_reap_all(struct loop *l)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        struct loop_child **at = &l->children;
        while (*at && (*at)->pid != pid)
            at = &(*at)->next;
        struct loop_child *child = *at;
        if (!child)
            continue;
        *at = child->next;
        child->fn(child->ctx, status);
    }
}

static void loop_reap(void *ctx, int signo)
{
    struct loop *l = ctx;
    (void)signo;
    if (l->adopts) {
        loop_reap_all(l);
        return;
    }
    for (struct loop_child **at = &l->children; *at;) {
        struct loop_child *child = *at;
        int status;
        if (waitpid(child->pid, &status, WNOHANG) != child->pid) {
            at = &child->next;
            continue;
        }
        *at = child->next;
        child->fn(child->ctx, status);
    }
}

static void loop_adopt(struct loop *l)
{
    l->adopts = 1;
    loop_on_signal(l, SIGCHLD, loop_reap, l);
}

static void loop_on_exit(struct loop *l, struct loop_child *child)
{
    child->next = l->children;
    l->children = child;
    if (!l->on_signal[SIGCHLD])
        loop_on_signal(l, SIGCHLD, loop_reap, l);
    loop_catch(SIGCHLD); /* the child may have ended before */
}

static void loop_child_cancel(struct loop *l, struct loop_child *child)
{
    struct loop_child **at = &l->children;
    while (*at && *at != child)
        at = &(*at)->next;
    if (*at)
        *at = child->next;
}

/* ---- the loop ------------------------------------------------------------------------------- */

static void loop_init(struct loop *l)
{
    *l = (struct loop){.now = clock_mono_ms()};
    l->task_last = &l->task_first;
    l->crowd = (struct loop_fd){.fd = -1, .on_event = loop_crowd_event, .ctx = l};
    l->signal_fd = (struct loop_fd){.fd = -1, .on_event = loop_read_signals, .ctx = l};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error of that write */
    if (getpid() == 1)
        loop_adopt(l);
}

static void loop_free(struct loop *l)
{
    if (l->crowd.fd >= 0)
        close(l->crowd.fd);
    free(l->polls);
    free(l->fds);
    free(l->timers);
    buf_free(&l->spare);
    *l = (struct loop){0};
}

static int loop_timeout(const struct loop *l)
{
    if (!l->timer_count)
        return -1;
    long long wait = l->timers[0]->due - clock_mono_ms();
    return wait < 0 ? 0 : wait > INT_MAX ? INT_MAX : (int)wait;
}

static void loop_poll(struct loop *l, int timeout)
{
    int ready = poll(l->polls, (nfds_t)l->count, timeout);
    l->now = clock_mono_ms();
    for (int i = 0, count = l->count; ready > 0 && i < count; i++) {
        short revents = l->polls[i].revents;
        if (!revents)
            continue;
        ready--;
        if (l->fds[i])
            l->fds[i]->on_event(l->fds[i]->ctx, revents);
    }
}

static void loop_once(struct loop *l)
{
    int ran = loop_run_tasks(l); /* they must not wait for an event */
    loop_compact(l);
    int timeout = ran ? 0 : loop_timeout(l);
    if (l->count == 1 && l->crowd.slot)
        loop_crowd_wait(l, timeout); /* spares one of two system calls */
    else
        loop_poll(l, timeout);
    loop_run_timers(l);
    loop_run_tasks(l);
}

