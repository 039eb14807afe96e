/* Unit tests of git: HEAD in its forms, and what is noticed of changes. No git is needed. Uses
 * the files of unit/roadmap.c. */

/* Writes a file as git does: a new one renamed over the old one. */
static void unit_git_put(const char *name, const char *text)
{
    unit_roadmap_make("git/new", text);
    unit_projects_rename("git/new", name);
}

static void unit_git_head(void)
{
    static const char *const heads[][2] = {
        {"ref: refs/heads/main\n", "main"},
        {"ref: refs/heads/a/b c\r\n", "a/b c"},
        {"ref: refs/remotes/x\n", "refs/remotes/x"},
        {"0123456789abcdef0123456789abcdef01234567\n", "01234567"},
        {"0123456\n", NULL},
        {"0123456789abcdefg\n", NULL},
        {"ref: \n", NULL},
        {"\n", NULL},
        {"", NULL},
    };
    char longest[300];
    test_begin("HEAD names a branch or a commit");
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        char *name = git_parse(span_of(heads[i][0]));
        CHECK_SPAN(span_of(name ? name : "-"), heads[i][1] ? heads[i][1] : "-");
        free(name);
    }
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "ref: ", 5);
    CHECK(git_parse((span){longest, 5 + GIT_NAME_MAX + 1}) == NULL);
    char *name = git_parse((span){longest, 5 + GIT_NAME_MAX});
    CHECK(name != NULL);
    free(name);
}

struct unit_git {
    struct loop loop;
    struct sessions sessions;
    struct session s[3];
    struct git git;
    struct loop_timer limit;
    int late;
};

static void unit_git_on_late(void *ctx)
{
    ((struct unit_git *)ctx)->late = 1;
}

/* Gives s[i] that directory below the root and reads its branch. */
static const char *unit_git_add(struct unit_git *u, int i, const char *directory)
{
    struct session *s = &u->s[i];
    *s = (struct session){.owner = &u->sessions,
                          .directory = span_dup(span_of(unit_projects_path(directory)))};
    LIST_PUSH(&u->sessions.first, s);
    u->sessions.count++;
    buf_str(&s->record, "known");
    return git_find_branch(&u->git, s);
}

static void unit_git_remove(struct unit_git *u, int i)
{
    LIST_REMOVE(&u->s[i]);
    u->sessions.count--;
    free(u->s[i].directory);
    buf_free(&u->s[i].record);
}

/* Waits until s[i] is told of a change. Returns its branch, or "-". */
static const char *unit_git_await(struct unit_git *u, int i)
{
    u->late = 0;
    loop_timer_set(&u->loop, &u->limit, clock_mono_ms() + UNIT_PROJECTS_WAIT_MS);
    while (u->s[i].record.n && !u->late)
        loop_once(&u->loop);
    loop_timer_cancel(&u->loop, &u->limit);
    buf_str(&u->s[i].record, "known");
    const char *branch = git_find_branch(&u->git, &u->s[i]);
    return u->late ? "(late)" : branch ? branch : "-";
}

static void unit_git_watch(void)
{
    struct unit_git u = {.limit = {.fn = unit_git_on_late, .ctx = &u}};
    loop_init(&u.loop);
    git_init(&u.git, &u.loop, &u.sessions);
    unit_roadmap_make("git/one/sub", NULL);
    unit_roadmap_make("git/two", NULL);
    test_begin("a directory without a repository has no branch");
    CHECK(unit_git_add(&u, 0, "git/one/sub") == NULL);
    CHECK(unit_git_add(&u, 1, "git/two") == NULL);
    test_begin("a new repository is noticed, and each new HEAD");
    unit_roadmap_make("git/two/.git", NULL); /* HEAD comes later */
    while (!((struct git_place *)u.s[1].branch)->due && !u.late)
        loop_once(&u.loop);
    unit_git_put("git/two/.git/HEAD", "ref: refs/heads/first\n");
    CHECK_SPAN(span_of(unit_git_await(&u, 1)), "first");
    unit_git_put("git/two/.git/HEAD", "ref: refs/heads/second\n");
    CHECK_SPAN(span_of(unit_git_await(&u, 1)), "second");
    CHECK(u.s[0].record.n != 0);
    test_begin("a linked worktree has a HEAD of its own, that its .git file names");
    unit_roadmap_make("git/two/.git/worktrees/w/HEAD", "ref: refs/heads/third\n");
    unit_roadmap_make("git/w/.git", "gitdir: ../two/.git/worktrees/w\n");
    CHECK_SPAN(span_of(unit_git_add(&u, 2, "git/w")), "third");
    unit_git_put("git/two/.git/worktrees/w/HEAD", "ref: refs/heads/fourth\n");
    CHECK_SPAN(span_of(unit_git_await(&u, 2)), "fourth");
    CHECK(u.s[1].record.n != 0);
    test_begin("a repository above counts; one that goes is noticed");
    unit_roadmap_make("git/two/deep/er", NULL);
    unit_git_remove(&u, 0);
    CHECK_SPAN(span_of(unit_git_add(&u, 0, "git/two/deep/er")), "second");
    unit_projects_rename("git/two/.git", "git/gone");
    CHECK_SPAN(span_of(unit_git_await(&u, 0)), "-");
    test_begin("directories that no session has are forgotten");
    CHECK_INT(u.git.count, 4);
    for (int i = 0; i < 3; i++)
        unit_git_remove(&u, i);
    unit_git_add(&u, 0, "git");
    CHECK_INT(u.git.count, 1);
    unit_git_remove(&u, 0);
    git_free(&u.git);
    loop_free(&u.loop);
}

/* Reading a FIFO, or a device that has no end, would hold the daemon. */
static void unit_git_hostile(void)
{
    static const char *const files[][2] = {
        {"git/h/1/.git", NULL},        {"git/h/2/.git/HEAD", NULL},
        {"git/h/3/.git", "/dev/zero"}, {"git/h/4/.git/HEAD", "/dev/zero"},
        {"git/h/5/.git", ".git"},      {"git/h/6/.git/HEAD", "HEAD"}};
    struct unit_git u = {.limit = {.fn = unit_git_on_late, .ctx = &u}};
    loop_init(&u.loop);
    git_init(&u.git, &u.loop, &u.sessions);
    test_begin("a .git or HEAD that is a FIFO, a device or a link to itself names no branch");
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char directory[] = "git/h/N";
        directory[6] = (char)('1' + i);
        unit_roadmap_make(files[i][0], "");
        unlink(unit_projects_path(files[i][0]));
        if (files[i][1])
            unit_roadmap_link(files[i][1], files[i][0]);
        else
            CHECK_INT(mkfifo(unit_projects_path(files[i][0]), 0600), 0);
        CHECK(unit_git_add(&u, 0, directory) == NULL);
        unit_git_remove(&u, 0);
    }
    git_free(&u.git);
    loop_free(&u.loop);
}

static void unit_git_worktrees(void)
{
    static const char *const heads[] = {"git/a b/.git/worktrees/w/HEAD",
                                        "git/worktrees/m/.git/HEAD",
                                        "git/m/.git/modules/sub/HEAD"};
    buf b = {0}, expected = {0};
    test_begin("a worktree stands beside its repository, or below a root");
    for (size_t i = 0; i < COUNT_OF(heads); i++)
        unit_roadmap_make(heads[i], "ref: refs/heads/x\n");
    unit_roadmap_make("git/l/deep/er", NULL);
    buf_fmt(&b, "gitdir: %s/git/a b/.git/worktrees/w\n", unit_roadmap_root);
    unit_roadmap_make("git/l/.git", buf_cstr(&b));
    buf_clear(&b);
    buf_fmt(&b, "%s/git/l/.git\n", unit_roadmap_root);
    unit_roadmap_make("git/a b/.git/worktrees/w/gitdir", buf_cstr(&b));
    unit_roadmap_make("git/sub/.git", "gitdir: ../m/.git/modules/sub\n");
    static const char *const places[][3] = {{"git/l", "", "git/a b-n-1"},
                                            {"git/worktrees/m", "", "git/worktrees/m-n-1"},
                                            {"git/l/deep", "/root", "/root/a b-n-1"}};
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        buf_clear(&b), buf_clear(&expected);
        CHECK(git_put_place(unit_projects_path(places[i][0]), "n/1", places[i][1], &b));
        buf_fmt(&expected, "%s%s%s", *places[i][1] ? "" : unit_roadmap_root,
                *places[i][1] ? "" : "/", places[i][2]);
        CHECK_SPAN(buf_view(&b), buf_cstr(&expected));
    }
    CHECK_INT(git_put_place("/", "x", "", &b), 0);
    test_begin("only a linked worktree has a command that removes it");
    buf_clear(&b), buf_clear(&expected);
    CHECK_INT(git_put_removal(unit_projects_path("git/worktrees/m"), &b), 0);
    CHECK_INT(git_put_removal(unit_projects_path("git/sub"), &b), 0);
    CHECK_INT(b.n, 0);
    CHECK_INT(git_put_removal(unit_projects_path("git/l/deep/er"), &b), 1);
    buf_fmt(&expected, "git -C '%s/git/a b' worktree remove %s/git/l", unit_roadmap_root,
            unit_roadmap_root);
    CHECK_SPAN(buf_view(&b), buf_cstr(&expected));
    buf_free(&b), buf_free(&expected);
}

static void unit_git(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(unit_roadmap_root, sizeof unit_roadmap_root, "%s/telec-git.XXXXXX",
             base && strlen(base) < 40 ? base : "/tmp");
    if (!mkdtemp(unit_roadmap_root))
        base_die("mkdtemp: %s", strerror(errno));
    unit_git_head();
    unit_git_watch();
    unit_git_hostile();
    unit_git_worktrees();
    unit_roadmap_remove(unit_roadmap_root);
}
