#include "session.h"

/* transcript - the text of an exited session, from its log. A child process feeds the log to an
 * emulator: a few bytes can fill a large screen, so that can take long, and the daemon never waits.
 */

#ifndef TRANSCRIPT_MS
#define TRANSCRIPT_MS 10000 /* for the child to write all of the text */
#endif
#define TRANSCRIPT_MAX (64 * 1024 * 1024) /* bytes of text */

struct transcript {
    struct loop *loop;
    struct conn out;            /* what the child writes */
    struct loop_child child;
    struct loop_timer timer;
    const char *fault;
    int *running;               /* the children of that owner */
    int closed, exited, status; /* the pipe; the child, with waitpid's status */
    void (*done)(void *ctx, const char *error, span text); /* NULL: cancelled */
    void *ctx;
};

static void transcript_stop(struct transcript *t, const char *fault)
{
    if (!t->fault)
        t->fault = fault;
    if (!t->exited)
        kill(t->child.pid, SIGKILL);
}

static void transcript_check(struct transcript *t)
{
    if (!t->closed || !t->exited)
        return;
    int good = WIFEXITED(t->status) && WEXITSTATUS(t->status) == 0;
    loop_timer_cancel(t->loop, &t->timer);
    --*t->running;
    if (t->done)
        t->done(t->ctx, t->fault ? t->fault : good ? NULL : "the session's log can't be read",
                conn_view(&t->out));
    conn_free(&t->out);
    free(t);
}

static void transcript_on_data(void *ctx)
{
    struct transcript *t = ctx;
    if (conn_view(&t->out).n > TRANSCRIPT_MAX)
        transcript_stop(t, "the session's log has too much text");
    if (t->out.eof || t->fault)
        conn_close(&t->out, NULL);
}

static void transcript_on_closed(void *ctx, const char *why)
{
    struct transcript *t = ctx;
    (void)why;
    t->closed = 1;
    transcript_check(t);
}

static void transcript_on_exit(void *ctx, int status)
{
    struct transcript *t = ctx;
    t->exited = 1;
    t->status = status;
    transcript_check(t);
}

static void transcript_on_late(void *ctx)
{
    transcript_stop(ctx, TRANSCRIPT_LATE);
}

static struct transcript *transcript_read(struct loop *l, const char *program, const char *dir,
                                          int cols, int rows, int prompts, int *running,
                                          void (*done)(void *ctx, const char *error, span text),
                                          void *ctx)
{
    static const struct conn_hooks hooks = {transcript_on_data, NULL, transcript_on_closed};
    char size[2][16];
    char *argv[] = {(char *)program, "transcript", (char *)dir, size[0], size[1],
                    prompts ? "prompts" : NULL, NULL};
    int ends[2];
    if (*running >= TRANSCRIPTS_MAX) {
        errno = EAGAIN;
        return NULL;
    }
    if (pipe(ends) != 0)
        return NULL;
    os_close_on_exec(ends[0]);
    os_close_on_exec(ends[1]);
    base_fmt(size[0], sizeof size[0], "%d", cols);
    base_fmt(size[1], sizeof size[1], "%d", rows);
    pid_t pid = os_spawn(argv, -1, ends[1], 2);
    int saved = errno;
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        errno = saved;
        return NULL;
    }
    struct transcript *t = base_alloc(sizeof *t);
    *t = (struct transcript){.loop = l, .running = running, .done = done, .ctx = ctx};
    ++*running;
    t->out.hooks = &hooks;
    t->out.ctx = t;
    conn_open(&t->out, l, ends[0]);
    t->child = (struct loop_child){.pid = pid, .fn = transcript_on_exit, .ctx = t};
    loop_on_exit(l, &t->child);
    t->timer = (struct loop_timer){.fn = transcript_on_late, .ctx = t};
    loop_timer_set(l, &t->timer, l->now + TRANSCRIPT_MS);
    return t;
}

static void transcript_cancel(struct transcript *t)
{
    t->done = NULL;
    transcript_stop(t, "cancelled");
}

static int transcript_main(const char *dir, const char *cols, const char *rows, int prompts)
{
    long long c, r;
    buf text = {0};
    if (!span_int(span_of(cols), &c) || !span_int(span_of(rows), &r) || c < 1 || r < 1 ||
        c > GRID_COLS_MAX || r > GRID_ROWS_MAX)
        return 2;
    holder_log_text(dir, (int)c, (int)r, prompts, &text);
    int status = store_write_all(1, buf_view(&text)) != 0;
    buf_free(&text);
    return status;
}
