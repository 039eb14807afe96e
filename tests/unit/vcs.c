/* Unit tests of vcs, with a script that stands for git. */

static const char unit_vcs_script[] =
    "#!/bin/sh\n"
    "case \"$*\" in\n"
    "*' -C /none '*) echo 'fatal: not a git repository'; echo more; exit 128;;\n"
    "*' -C /slow '*) exec sleep 100;;\n"
    "*' diff '*) printf 'diff --git a/f b/f\\n--- a/f\\n+++ b/f\\n@@ -1 +1,2 @@\\n"
    "-x\\n+y\\n+z\\n';;\n"
    "*ls-files*) printf 'small\\0large\\0binary\\0gone\\0';;\n"
    "*'worktree add -b new -- /place') echo \"Preparing\"; echo 'fatal: it exists'; exit 128;;\n"
    "*) echo \"unexpected: $*\"; exit 1;;\n"
    "esac\n";

struct unit_vcs {
    struct loop loop;
    struct vcs vcs;
    int done;
    char text[400], error[100];
};

static void unit_vcs_on_done(void *ctx, const char *error, span text)
{
    struct unit_vcs *u = ctx;
    u->done++;
    snprintf(u->text, sizeof u->text, "%.*s", (int)text.n, text.n ? text.p : "");
    snprintf(u->error, sizeof u->error, "%s", error ? error : "");
}

static void unit_vcs_await(struct unit_vcs *u)
{
    u->done = 0;
    while (!u->done) /* VCS_MS ends it */
        loop_once(&u->loop);
    CHECK_INT(u->done, 1);
}

static void unit_vcs_write(const char *dir, const char *name, const char *text, size_t n)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(text, 1, n, file) == n && fclose(file) == 0);
}

static void unit_vcs_counts(void)
{
    static const struct {
        const char *diff;
        int added, removed;
    } diffs[] = {
        {"", 0, 0},
        {"diff\n--- a\n+++ b\n@@ -1 +1 @@\n-a\n+b\n", 1, 1},
        {"diff\n--- a\n+++ b\n@@ -1 +1 @@\n-- a\n++ b\n \n\\ No newline\n+c", 2, 1},
        {"@@\n+a\ndiff --git\n--- a\n+++ b\nBinary files differ\n", 1, 0},
    };
    test_begin("lines of a diff are counted, and its heads are not");
    for (size_t i = 0; i < COUNT_OF(diffs); i++) {
        int added, removed;
        vcs_count(span_of(diffs[i].diff), &added, &removed);
        CHECK_INT(added, diffs[i].added);
        CHECK_INT(removed, diffs[i].removed);
    }
}

static void unit_vcs(void)
{
    struct unit_vcs u = {0};
    char dir[64], *large = base_alloc(VCS_FILE_MAX + 1), *path = span_dup(span_of(getenv("PATH")));
    buf with = {0};
    unit_vcs_counts();
    if (!mkdtemp(unit_base_temporary(dir)))
        base_die("%s: %s", dir, strerror(errno));
    loop_init(&u.loop);
    u.vcs.loop = &u.loop;
    unit_vcs_write(dir, "git", unit_vcs_script, sizeof unit_vcs_script - 1);
    buf_fmt(&with, "%s/git", dir);
    CHECK_INT(chmod(buf_cstr(&with), 0700), 0);
    memset(large, 'x', VCS_FILE_MAX + 1);
    unit_vcs_write(dir, "small", "a\nb", 3);
    unit_vcs_write(dir, "binary", "a\0b", 3);
    unit_vcs_write(dir, "large", large, VCS_FILE_MAX + 1);
    buf_clear(&with);
    buf_fmt(&with, "%s:%s", dir, path);
    setenv("PATH", buf_cstr(&with), 1);
    test_begin("changes are the diff and the untracked files");
    CHECK_INT(vcs_read(&u.vcs, dir, unit_vcs_on_done, &u), 0);
    unit_vcs_await(&u);
    CHECK_SPAN(span_of(u.error), "");
    CHECK_SPAN(span_of(u.text), "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1,2 @@\n-x\n+y\n+z\n"
                                "untracked small\n@@ -0,0 +1,2 @@\n+a\n+b\nuntracked large\n"
                                "untracked binary\nuntracked gone\n");
    test_begin("a refusal of git is the error");
    CHECK_INT(vcs_read(&u.vcs, "/none", unit_vcs_on_done, &u), 0);
    unit_vcs_await(&u);
    CHECK_SPAN(span_of(u.error), "git: fatal: not a git repository");
    CHECK_INT(vcs_add_worktree(&u.vcs, dir, "new", "/place", unit_vcs_on_done, &u), 0);
    unit_vcs_await(&u);
    CHECK_SPAN(span_of(u.error), "git: fatal: it exists");
    test_begin("a git that takes too long is ended, and so is one that another one replaces");
    CHECK_INT(vcs_read(&u.vcs, "/slow", unit_vcs_on_done, &u), 0);
    CHECK_INT(vcs_read(&u.vcs, "/slow", unit_vcs_on_done, &u), 0);
    loop_timer_set(&u.loop, &u.vcs.running->timer, u.loop.now + 20);
    unit_vcs_await(&u);
    CHECK_SPAN(span_of(u.error), "git takes too long");
    vcs_cancel(&u.vcs);
    CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);
    setenv("PATH", path, 1);
    unit_roadmap_remove(dir);
    loop_free(&u.loop);
    free(path), free(large);
    buf_free(&with);
}
