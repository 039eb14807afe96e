#include "session.h"

/* transcript - the text of an exited session, from its log. A child process feeds the log to an
 * emulator, for a few bytes can fill a large screen: the daemon never waits for that. */

#ifndef TRANSCRIPT_MS
#define TRANSCRIPT_MS 10000 /* for the child to write all of the text */
#endif
#define TRANSCRIPT_MAX (64 * 1024 * 1024) /* bytes of text */

struct transcript {
    struct output *output;
    int *running;               /* the children of that owner */
    void (*done)(void *ctx, const char *error, span text); /* NULL: cancelled */
    void *ctx;
};

static void transcript_on_done(void *ctx, enum output_fault fault, int status, span text)
{
    struct transcript *t = ctx;
    const char *error = fault == OUTPUT_CUT    ? "the session's log has too much text"
                        : fault == OUTPUT_LATE ? TRANSCRIPT_LATE
                        : status               ? "the session's log can't be read"
                                               : NULL;
    --*t->running;
    if (t->done)
        t->done(t->ctx, error, text);
    free(t);
}

static struct transcript *transcript_read(struct loop *l, const char *program, const char *dir,
                                          int cols, int rows, int prompts, int *running,
                                          void (*done)(void *ctx, const char *error, span text),
                                          void *ctx)
{
    static const struct output_limits limits = {TRANSCRIPT_MAX, TRANSCRIPT_MS, 0};
    char size[2][16];
    char *argv[] = {(char *)program, "transcript", (char *)dir, size[0], size[1],
                    prompts ? "prompts" : NULL, NULL};
    if (*running >= TRANSCRIPTS_MAX) {
        errno = EAGAIN;
        return NULL;
    }
    base_fmt(size[0], sizeof size[0], "%d", cols);
    base_fmt(size[1], sizeof size[1], "%d", rows);
    struct transcript *t = base_alloc(sizeof *t);
    *t = (struct transcript){output_read(l, argv, &limits, transcript_on_done, t), running, done,
                             ctx};
    if (t->output) {
        ++*running;
        return t;
    }
    int saved = errno;
    free(t);
    errno = saved;
    return NULL;
}

static void transcript_cancel(struct transcript *t)
{
    t->done = NULL;
    output_stop(t->output, OUTPUT_LATE);
}

static int transcript_main(const char *dir, const char *cols, const char *rows, int prompts)
{
    long long c, r;
    buf text = {0};
    if (!span_int(span_of(cols), &c) || !span_int(span_of(rows), &r) || c < 1 || r < 1 ||
        c > GRID_COLS_MAX || r > GRID_ROWS_MAX)
        return 2;
    holder_link_log_text(dir, (int)c, (int)r, prompts, &text);
    int status = base_write(1, buf_view(&text)) != 0;
    buf_free(&text);
    return status;
}
