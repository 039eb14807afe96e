#include "client.h"

/* vcs - runs git for a directory: what has changed there, and new worktrees.
 *
 * git runs beside the loop, one at a time. It takes no lock that an agent's git could meet, and
 * runs no file monitor, external diff or text conversion of a repository; its filters and hooks it
 * does. */

#define VCS_FILE_MAX (64 * 1024) /* bytes of an untracked file; of a larger one only the name */
#define VCS_WORDS_MAX 24

static int vcs_is_there(void)
{
    return config_on_path("git");
}

/* Returns 0, or -1 with errno. */
static int vcs_run(struct vcs *v, const char *const *words,
                   void (*done)(void *ctx, enum output_fault fault, int status, span text))
{
    static const struct output_limits limits = {VCS_MAX, VCS_MS, 1};
    const char *argv[VCS_WORDS_MAX] = {"git", "--no-optional-locks", "-c", "core.fsmonitor=false",
                                       "-C", v->directory};
    size_t n = 6;
    while (*words && n < VCS_WORDS_MAX - 1)
        argv[n++] = *words++;
    v->running = output_read(v->loop, (char *const *)argv, &limits, done, v);
    return v->running ? 0 : -1;
}

static void vcs_end(struct vcs *v, const char *error)
{
    void (*done)(void *ctx, const char *error, span text) = v->done;
    v->done = NULL;
    done(v->ctx, error, buf_view(&v->text));
    if (!v->done) /* the owner has not begun anything new */
        buf_free(&v->text);
}

/* Returns why git failed, to be freed; NULL: it did not. */
static char *vcs_fault(enum output_fault fault, int status, span text)
{
    buf why = {0};
    if (fault == OUTPUT_WHOLE && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return NULL;
    span line = span_cut(&text, '\n');
    buf_str(&why, fault == OUTPUT_LATE ? "git takes too long" : "git: ");
    if (fault != OUTPUT_LATE)
        utf8_put_visible(&why, line.n ? line : span_of("it was killed"));
    char *words = span_dup(buf_view(&why));
    buf_free(&why);
    return words;
}

/* ---- changes -------------------------------------------------------------------------------- */

static void vcs_count(span diff, int *added, int *removed)
{
    int in_hunk = 0;
    *added = *removed = 0;
    while (diff.n) {
        span line = span_cut(&diff, '\n');
        char c = line.n ? line.p[0] : ' ';
        in_hunk = c == '@' || (in_hunk && strchr("+- \\", c) != NULL && c);
        *added += in_hunk && c == '+';
        *removed += in_hunk && c == '-';
    }
}

/* Appends an untracked file as a diff. A larger one, or one that is no text, is only named. */
static void vcs_put_file(struct vcs *v, span name)
{
    buf path = {0}, text = {0};
    size_t lines = 0;
    buf_fmt(&path, "%s/%.*s", v->directory, (int)name.n, name.p);
    int is_text = os_read_file(&text, buf_cstr(&path), VCS_FILE_MAX) == 0 &&
                  (!text.n || !memchr(text.p, '\0', text.n));
    for (size_t i = 0; is_text && i < text.n; i++)
        lines += text.p[i] == '\n' || i == text.n - 1;
    buf_fmt(&v->text, "untracked %.*s\n", (int)name.n, name.p);
    if (lines)
        buf_fmt(&v->text, "@@ -0,0 +1,%zu @@\n", lines);
    for (span rest = is_text ? buf_view(&text) : (span){0}; rest.n;) {
        span line = span_cut(&rest, '\n');
        buf_byte(&v->text, '+');
        buf_span(&v->text, line);
        buf_byte(&v->text, '\n');
    }
    buf_free(&path), buf_free(&text);
}

static void vcs_on_untracked(void *ctx, enum output_fault fault, int status, span text)
{
    struct vcs *v = ctx;
    v->running = NULL;
    char *why = vcs_fault(fault, status, text);
    while (!why && text.n && v->text.n < VCS_MAX)
        vcs_put_file(v, span_cut(&text, '\0'));
    vcs_end(v, v->text.n ? NULL : why);
    free(why);
}

/* A diff of which only the start came is shown as well; without a commit there is none. */
static void vcs_on_diff(void *ctx, enum output_fault fault, int status, span text)
{
    static const char *const words[] = {"ls-files", "-z", "--others", "--exclude-standard", ":/",
                                        NULL};
    struct vcs *v = ctx;
    v->running = NULL;
    char *why = fault == OUTPUT_CUT ? NULL : vcs_fault(fault, status, text);
    if (!why)
        buf_span(&v->text, text);
    if (fault != OUTPUT_WHOLE || vcs_run(v, words, vcs_on_untracked) != 0)
        vcs_end(v, why);
    free(why);
}

/* Takes the place of what runs. */
static void vcs_begin(struct vcs *v, const char *directory,
                      void (*done)(void *ctx, const char *error, span text), void *ctx)
{
    vcs_cancel(v);
    v->directory = base_dup(directory);
    v->done = done;
    v->ctx = ctx;
}

static int vcs_read(struct vcs *v, const char *directory,
                    void (*done)(void *ctx, const char *error, span diff), void *ctx)
{
    static const char *const words[] = {"diff", "--no-color", "--no-ext-diff", "--no-textconv",
                                        "HEAD", "--", NULL};
    vcs_begin(v, directory, done, ctx);
    return vcs_run(v, words, vcs_on_diff);
}

/* ---- worktrees ------------------------------------------------------------------------------ */

static void vcs_on_worktree(void *ctx, enum output_fault fault, int status, span text)
{
    struct vcs *v = ctx;
    v->running = NULL;
    for (span rest = text; rest.n;) { /* the fault stands behind what it does */
        span line = span_cut(&rest, '\n');
        if (span_starts(line, "fatal: "))
            text = line;
    }
    char *why = vcs_fault(fault, status, text);
    vcs_end(v, why);
    free(why);
}

static int vcs_add_worktree(struct vcs *v, const char *directory, const char *branch,
                            const char *place,
                            void (*done)(void *ctx, const char *error, span text), void *ctx)
{
    const char *words[] = {"worktree", "add", "-b", branch, "--", place, NULL};
    vcs_begin(v, directory, done, ctx);
    return vcs_run(v, words, vcs_on_worktree);
}

static void vcs_cancel(struct vcs *v)
{
    if (v->running)
        output_cancel(v->running);
    v->running = NULL;
    v->done = NULL;
    buf_free(&v->text);
    free(v->directory);
    v->directory = NULL;
}
