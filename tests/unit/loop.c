/* Unit tests of loop: timers against a model, tasks, descriptors that come and go during a pass,
 * children, signals. */

static uint32_t unit_loop_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void unit_loop_nothing(void *ctx)
{
    (void)ctx;
}

/* Runs passes until *done or the deadline. A pass that does what is waited for before it polls must
 * not sleep for ever: a timer ends each one. */
static void unit_loop_until(struct loop *l, const int *done)
{
    struct loop_timer tick = {.fn = unit_loop_nothing};
    long long deadline = clock_mono_ms() + 10000;
    while (!*done && clock_mono_ms() < deadline) {
        loop_timer_set(l, &tick, clock_mono_ms() + 5);
        loop_once(l);
    }
    loop_timer_cancel(l, &tick);
    CHECK(*done);
}

/* One pass that does not sleep. */
static void unit_loop_pass(struct loop *l)
{
    struct loop_timer now = {.fn = unit_loop_nothing};
    loop_timer_set(l, &now, clock_mono_ms());
    loop_once(l);
    loop_timer_cancel(l, &now);
}

/* ---- timers ---- */

#define UNIT_LOOP_TIMERS 40

/* Timers with what a plain list says of them; a handler sets and stops others at random. */
struct unit_loop_timers {
    struct loop loop;
    struct unit_loop_timer {
        struct loop_timer timer;
        struct unit_loop_timers *all;
        int set;
        long long due;
    } timers[UNIT_LOOP_TIMERS];
    uint32_t seed;
    long long last_due;
    int fired, handlers_act;
};

static void unit_loop_timer_act(struct unit_loop_timers *all)
{
    struct unit_loop_timer *t = &all->timers[unit_loop_random(&all->seed) % UNIT_LOOP_TIMERS];
    if (unit_loop_random(&all->seed) % 4 == 0) {
        loop_timer_cancel(&all->loop, &t->timer);
        t->set = 0;
        return;
    }
    t->due = all->loop.now - 50 + (long long)(unit_loop_random(&all->seed) % 100);
    t->set = 1;
    loop_timer_set(&all->loop, &t->timer, t->due);
}

static void unit_loop_timer_check(const struct unit_loop_timers *all)
{
    const struct loop *l = &all->loop;
    int set = 0;
    for (int i = 0; i < UNIT_LOOP_TIMERS; i++) {
        const struct unit_loop_timer *t = &all->timers[i];
        set += t->set;
        CHECK_INT(t->timer.slot > 0, t->set);
        if (t->timer.slot > 0)
            CHECK(l->timers[t->timer.slot - 1] == &t->timer && t->timer.due == t->due);
    }
    CHECK_INT(l->timer_count, set);
}

static void unit_loop_timer_fired(void *ctx)
{
    struct unit_loop_timer *t = ctx;
    struct unit_loop_timers *all = t->all;
    CHECK(t->set && t->due <= all->loop.now);
    for (int i = 0; i < UNIT_LOOP_TIMERS; i++)
        CHECK(!all->timers[i].set || all->timers[i].due >= t->due);
    t->set = 0;
    all->fired++;
    for (int i = 0; all->handlers_act > 0 && i < 2; i++, all->handlers_act--)
        unit_loop_timer_act(all);
    unit_loop_timer_check(all);
}

static void unit_loop_timer_model(void)
{
    test_begin("timers fire in the order of their time, whatever is set and cancelled");
    static struct unit_loop_timers all;
    for (uint32_t round = 1; round <= 20; round++) {
        all = (struct unit_loop_timers){.seed = round};
        loop_init(&all.loop);
        for (int i = 0; i < UNIT_LOOP_TIMERS; i++) {
            all.timers[i].all = &all;
            all.timers[i].timer =
                (struct loop_timer){.fn = unit_loop_timer_fired, .ctx = &all.timers[i]};
        }
        for (int step = 0; step < 300; step++) {
            unit_loop_timer_act(&all);
            unit_loop_timer_check(&all);
            all.handlers_act = 20; /* handlers may set what is due at once, but not for ever */
            if (step % 30 == 29) {
                loop_run_timers(&all.loop);
                for (int i = 0; i < UNIT_LOOP_TIMERS; i++)
                    CHECK(!all.timers[i].set || all.timers[i].due > all.loop.now);
                all.loop.now += 20;
            }
        }
        CHECK(all.fired > 20);
        loop_free(&all.loop);
    }
}

struct unit_loop_order {
    struct loop *loop;
    buf *out;
    char letter;
    struct loop_timer *restart, *stop;
    struct loop_task *defer;
};

static void unit_loop_note(void *ctx)
{
    struct unit_loop_order *o = ctx;
    buf_byte(o->out, o->letter);
    if (o->restart)
        loop_timer_set(o->loop, o->restart, o->loop->now);
    o->restart = NULL;
    if (o->stop)
        loop_timer_cancel(o->loop, o->stop);
    if (o->defer)
        loop_defer(o->loop, o->defer);
    o->defer = NULL;
}

/* Real passes: the earliest first, never too early; a timer set by a handler; one stopped by
 * another. */
static void unit_loop_timer_passes(void)
{
    test_begin("a timer that is due again runs in the next pass");
    struct loop l;
    buf out = {0};
    struct unit_loop_order o[4];
    struct loop_timer t[4];
    loop_init(&l);
    for (int i = 0; i < 4; i++) {
        o[i] = (struct unit_loop_order){.loop = &l, .out = &out, .letter = (char)('a' + i)};
        t[i] = (struct loop_timer){.fn = unit_loop_note, .ctx = &o[i]};
    }
    long long start = clock_mono_ms();
    loop_timer_set(&l, &t[0], start + 30);
    loop_timer_set(&l, &t[1], start + 10);
    loop_timer_set(&l, &t[2], start + 20);
    loop_timer_set(&l, &t[3], start + 25);
    loop_timer_set(&l, &t[2], start + 5); /* set again: moved */
    o[1].restart = &t[1];
    o[1].stop = &t[3];
    while (l.timer_count)
        loop_once(&l);
    CHECK_SPAN(buf_view(&out), "cbba");
    CHECK(clock_mono_ms() >= start + 30);
    loop_timer_cancel(&l, &t[0]); /* it isn't set: nothing */
    loop_free(&l);
    buf_free(&out);
}

static void unit_loop_tasks(void)
{
    test_begin("deferred tasks run once at the end of the pass");
    struct loop l;
    buf out = {0};
    struct unit_loop_order o[3];
    struct loop_task t[3];
    loop_init(&l);
    for (int i = 0; i < 3; i++) {
        o[i] = (struct unit_loop_order){.loop = &l, .out = &out, .letter = (char)('a' + i)};
        t[i] = (struct loop_task){.fn = unit_loop_note, .ctx = &o[i]};
    }
    loop_defer(&l, &t[1]);
    loop_defer(&l, &t[0]);
    loop_defer(&l, &t[1]); /* twice is once */
    o[1].defer = &t[2];    /* put off by a task: still in this pass */
    o[0].defer = &t[0];    /* a task may put itself off again */
    unit_loop_pass(&l);
    CHECK_SPAN(buf_view(&out), "baca");
    loop_defer(&l, &t[2]);
    unit_loop_pass(&l);
    CHECK_SPAN(buf_view(&out), "bacac");
    loop_free(&l);
    buf_free(&out);
}

/* ---- descriptors ---- */

#define UNIT_LOOP_FDS 12

/* Pipes that are all readable; a handler takes its byte, and takes others off the loop or puts them
 * back. */
struct unit_loop_fds {
    struct loop loop;
    struct unit_loop_fd {
        struct loop_fd io;
        struct unit_loop_fds *all;
        int write_end, watched, calls;
    } fds[UNIT_LOOP_FDS];
    uint32_t seed;
    int acts;
};

static void unit_loop_fd_toggle(struct unit_loop_fds *all)
{
    struct unit_loop_fd *f = &all->fds[unit_loop_random(&all->seed) % UNIT_LOOP_FDS];
    f->watched = !f->watched;
    if (f->watched)
        loop_watch(&all->loop, &f->io, POLLIN);
    else
        loop_unwatch(&all->loop, &f->io);
}

static void unit_loop_fd_event(void *ctx, short revents)
{
    struct unit_loop_fd *f = ctx;
    CHECK(f->watched && (revents & POLLIN));
    f->calls++;
    for (int i = 0; i < f->all->acts; i++)
        unit_loop_fd_toggle(f->all);
}

static void unit_loop_fd_check(const struct unit_loop_fds *all)
{
    int watched = 0;
    for (int i = 0; i < UNIT_LOOP_FDS; i++) {
        const struct unit_loop_fd *f = &all->fds[i];
        watched += f->watched;
        CHECK_INT(f->io.slot > 0, f->watched);
        if (f->io.slot > 0)
            CHECK(all->loop.fds[f->io.slot - 1] == &f->io &&
                  all->loop.polls[f->io.slot - 1].fd == f->io.fd);
    }
    CHECK_INT(all->loop.count - all->loop.holes, watched);
}

static void unit_loop_descriptors(void)
{
    test_begin("a pass sees a stable table of descriptors");
    static struct unit_loop_fds all;
    all = (struct unit_loop_fds){.seed = 3};
    loop_init(&all.loop);
    for (int i = 0; i < UNIT_LOOP_FDS; i++) {
        struct unit_loop_fd *f = &all.fds[i];
        int fds[2];
        CHECK(pipe(fds) == 0 && write(fds[1], "x", 1) == 1);
        f->all = &all;
        f->write_end = fds[1];
        f->io = (struct loop_fd){.fd = fds[0], .on_event = unit_loop_fd_event, .ctx = f};
    }
    for (int pass = 0; pass < 500; pass++) {
        all.acts = 0;
        for (int i = 0; i < UNIT_LOOP_FDS; i++)
            all.fds[i].calls = 0;
        if (pass % 2)
            all.acts = (int)(unit_loop_random(&all.seed) % 4);
        else
            unit_loop_fd_toggle(&all);
        int before[UNIT_LOOP_FDS];
        for (int i = 0; i < UNIT_LOOP_FDS; i++)
            before[i] = all.fds[i].watched;
        unit_loop_pass(&all.loop);
        for (int i = 0; i < UNIT_LOOP_FDS; i++) {
            CHECK(all.fds[i].calls <= 1);
            if (!all.acts)
                CHECK_INT(all.fds[i].calls, before[i]);
        }
        unit_loop_fd_check(&all);
    }
    for (int i = 0; i < UNIT_LOOP_FDS; i++) {
        loop_unwatch(&all.loop, &all.fds[i].io);
        loop_unwatch(&all.loop, &all.fds[i].io);
        close(all.fds[i].io.fd);
        close(all.fds[i].write_end);
    }
    loop_free(&all.loop);
}

/* ---- children and signals ---- */

struct unit_loop_exit {
    struct loop_child child;
    int status, calls, *left, *done;
};

static void unit_loop_exited(void *ctx, int status)
{
    struct unit_loop_exit *e = ctx;
    e->status = status;
    e->calls++;
    *e->done = --*e->left == 0;
}

static void unit_loop_children(void)
{
    test_begin("the exit of each child is told once");
    struct loop l;
    struct unit_loop_exit e[5];
    int left = 5, done = 0, fds[2];
    loop_init(&l);
    CHECK_INT(pipe(fds), 0);
    for (int i = 0; i < 5; i++) {
        e[i] = (struct unit_loop_exit){
            .left = &left, .done = &done, .child = {.fn = unit_loop_exited, .ctx = &e[i]}};
        e[i].child.pid = fork();
        if (e[i].child.pid == 0) {
            char byte;
            close(fds[1]);
            if (i < 4 && i > 0 && read(fds[0], &byte, 1) != 0) /* until the parent closes its end */
                _exit(99);
            if (i == 3)
                raise(SIGKILL);
            _exit(i);
        }
    }
    /* the first has ended before anybody asks */
    siginfo_t info;
    CHECK_INT(waitid(P_PID, (id_t)e[0].child.pid, &info, WEXITED | WNOWAIT), 0);
    for (int i = 0; i < 5; i++)
        loop_on_exit(&l, &e[i].child);
    close(fds[1]);
    close(fds[0]);
    unit_loop_until(&l, &done);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(e[i].calls, 1);
        if (i == 3)
            CHECK(WIFSIGNALED(e[i].status) && WTERMSIG(e[i].status) == SIGKILL);
        else
            CHECK(WIFEXITED(e[i].status) && WEXITSTATUS(e[i].status) == i);
    }
    CHECK(l.children == NULL);
    loop_unwatch(&l, &l.signal_fd);
    signal(SIGCHLD, SIG_DFL);
    loop_free(&l);
}

/* A forgotten child is its owner's to wait for; the others are told as before. */
/* Process 1 gets every orphan: nobody has asked for its exit. */
static void unit_loop_adopts(void)
{
    test_begin("who adopts reaps every child, and tells the exits that were asked for");
    struct loop l;
    struct unit_loop_exit e;
    int left = 1, done = 0;
    siginfo_t info;
    loop_init(&l);
    pid_t orphan = fork();
    if (orphan == 0)
        _exit(3);
    e = (struct unit_loop_exit){.left = &left, .done = &done,
                                .child = {.fn = unit_loop_exited, .ctx = &e}};
    e.child.pid = fork();
    if (e.child.pid == 0)
        _exit(4);
    CHECK_INT(waitid(P_PID, (id_t)orphan, &info, WEXITED | WNOWAIT), 0);
    loop_adopt(&l);
    loop_on_exit(&l, &e.child);
    unit_loop_until(&l, &done);
    CHECK(WIFEXITED(e.status) && WEXITSTATUS(e.status) == 4);
    CHECK(waitpid(orphan, NULL, WNOHANG) == -1 && errno == ECHILD);
    loop_unwatch(&l, &l.signal_fd);
    signal(SIGCHLD, SIG_DFL);
    loop_free(&l);
}

static void unit_loop_cancelled_child(void)
{
    test_begin("the exit of a cancelled child is not told");
    struct loop l;
    struct unit_loop_exit e[2];
    int left = 1, done = 0, status;
    loop_init(&l);
    for (int i = 0; i < 2; i++) {
        e[i] = (struct unit_loop_exit){
            .left = &left, .done = &done, .child = {.fn = unit_loop_exited, .ctx = &e[i]}};
        e[i].child.pid = fork();
        if (e[i].child.pid == 0)
            _exit(i);
        loop_on_exit(&l, &e[i].child);
    }
    loop_child_cancel(&l, &e[0].child);
    loop_child_cancel(&l, &e[0].child); /* twice is fine */
    unit_loop_until(&l, &done);
    CHECK_INT(e[0].calls, 0);
    CHECK_INT(e[1].calls, 1);
    CHECK_INT(waitpid(e[0].child.pid, &status, 0), e[0].child.pid);
    loop_unwatch(&l, &l.signal_fd);
    signal(SIGCHLD, SIG_DFL);
    loop_free(&l);
}

static void unit_loop_signalled(void *ctx, int signo)
{
    int *seen = ctx;
    *seen = signo;
}

static void unit_loop_signals(void)
{
    test_begin("a signal is handled in the loop");
    struct loop l;
    int seen[2] = {0, 0};
    loop_init(&l);
    loop_on_signal(&l, SIGUSR1, unit_loop_signalled, &seen[0]);
    loop_on_signal(&l, SIGUSR2, unit_loop_signalled, &seen[1]);
    raise(SIGUSR1);
    CHECK_INT(seen[0], 0); /* not in the handler, but in the pass */
    unit_loop_until(&l, &seen[0]);
    CHECK(seen[0] == SIGUSR1 && seen[1] == 0);
    raise(SIGUSR2);
    for (int i = 0; i < 100; i++)
        raise(SIGUSR1);
    seen[0] = 0;
    unit_loop_until(&l, &seen[1]);
    unit_loop_until(&l, &seen[0]);
    CHECK_INT(seen[1], SIGUSR2);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
    loop_free(&l);
}

/* The reading end of a pipe: counts its bytes, and is unwatched after `last`. */
struct unit_loop_crowd {
    struct loop *loop;
    struct loop_fd fd;
    int end, got, last;
};

static void unit_loop_crowd_event(void *ctx, short revents)
{
    struct unit_loop_crowd *u = ctx;
    char byte;
    CHECK(revents & POLLIN);
    u->got += (int)read(u->fd.fd, &byte, 1);
    if (u->got == u->last)
        loop_unwatch(u->loop, &u->fd);
}

/* More descriptors than one epoll_wait returns, beside one in the poll table. */
static void unit_loop_crowd(void)
{
    enum { COUNT = 100 };
    static struct unit_loop_crowd all[COUNT];
    struct loop l;
    int ends[2];
    test_begin("a crowd of descriptors is watched as the poll table is");
    loop_init(&l);
    loop_expect_crowd(&l);
    for (int i = 0; i < COUNT; i++) {
        CHECK(pipe(ends) == 0);
        all[i] = (struct unit_loop_crowd){.loop = &l, .end = ends[1], .last = 2};
        all[i].fd = (struct loop_fd){.fd = ends[0], .on_event = unit_loop_crowd_event,
                                     .ctx = &all[i]};
        loop_watch(&l, &all[i].fd, 0); /* hang-up only */
        CHECK(write(ends[1], "x", 1) == 1);
    }
    unit_loop_pass(&l);
    CHECK_INT(all[0].got, 0);
    for (int i = 0; i < COUNT; i++)
        loop_watch(&l, &all[i].fd, POLLIN);
    for (int round = 1; round <= 3; round++) { /* in the third all are unwatched */
        for (int pass = 0; pass < 3; pass++)
            unit_loop_pass(&l);
        for (int i = 0; i < COUNT; i++) {
            CHECK_INT(all[i].got, round < 3 ? round : 2);
            CHECK(write(all[i].end, "x", 1) == 1);
        }
    }
    for (int i = 0; i < COUNT; i++)
        close(all[i].end), close(all[i].fd.fd);
    loop_free(&l);
}

static void unit_loop(void)
{
    unit_loop_timer_model();
    unit_loop_timer_passes();
    unit_loop_tasks();
    unit_loop_descriptors();
    unit_loop_crowd();
    unit_loop_children();
    unit_loop_adopts();
    unit_loop_cancelled_child();
    unit_loop_signals();
}
