#include "system.h"

/* output - what a program writes, read whole without waiting for it. */

static void output_stop(struct output *o, enum output_fault fault)
{
    if (!o->fault)
        o->fault = fault;
    if (!o->exited)
        kill(-o->child.pid, SIGKILL);
}

static void output_check(struct output *o)
{
    if (!o->closed || !o->exited)
        return;
    loop_timer_cancel(o->loop, &o->timer);
    span text = conn_view(&o->out);
    text.n = text.n < o->most ? text.n : o->most;
    o->done(o->ctx, o->fault, o->status, text);
    conn_free(&o->out);
    free(o);
}

static void output_on_data(void *ctx)
{
    struct output *o = ctx;
    if (conn_view(&o->out).n > o->most)
        output_stop(o, OUTPUT_CUT);
    if (o->out.eof || o->fault)
        conn_close(&o->out, NULL);
}

static void output_on_closed(void *ctx, const char *why)
{
    struct output *o = ctx;
    (void)why;
    o->closed = 1;
    output_check(o);
}

static void output_on_exit(void *ctx, int status)
{
    struct output *o = ctx;
    o->exited = 1;
    o->status = status;
    output_check(o);
}

static void output_on_late(void *ctx)
{
    output_stop(ctx, OUTPUT_LATE);
}

static void output_cancel(struct output *o)
{
    loop_timer_cancel(o->loop, &o->timer);
    conn_cancel(&o->out);
    if (!o->exited) {
        loop_child_cancel(o->loop, &o->child);
        kill(-o->child.pid, SIGKILL);
        waitpid(o->child.pid, NULL, 0);
    }
    free(o);
}

static struct output *output_read(struct loop *l, char *const *argv,
                                  const struct output_limits *limits,
                                  void (*done)(void *ctx, enum output_fault fault, int status,
                                               span text),
                                  void *ctx)
{
    static const struct conn_hooks hooks = {output_on_data, NULL, output_on_closed};
    const int fds[] = {OS_NULL, OS_PIPE, limits->with_errors ? OS_PIPE : 2};
    int end;
    pid_t pid = os_spawn_piped(argv, fds, &end);
    if (pid < 0)
        return NULL;
    struct output *o = base_alloc(sizeof *o);
    *o = (struct output){.loop = l, .most = limits->most, .done = done, .ctx = ctx};
    o->out.hooks = &hooks;
    o->out.ctx = o;
    conn_open(&o->out, l, end);
    o->child = (struct loop_child){.pid = pid, .fn = output_on_exit, .ctx = o};
    loop_on_exit(l, &o->child);
    o->timer = (struct loop_timer){.fn = output_on_late, .ctx = o};
    loop_timer_in(l, &o->timer, limits->ms);
    return o;
}
