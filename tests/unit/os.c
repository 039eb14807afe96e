/* Unit tests of os: files read whole, random bytes and UUIDs, descriptors. */

static void unit_os_files(void)
{
    test_begin("a file is read whole or not at all");
    char path[64];
    int fd = mkstemp(unit_base_temporary(path));
    buf big = {0}, b = {0};
    for (int i = 0; i < 10000; i++)
        buf_byte(&big, (char)i);
    CHECK(fd >= 0 && write(fd, big.p, big.n) == (ssize_t)big.n);
    close(fd);
    buf_str(&b, "before");
    CHECK_INT(os_read_file(&b, path, 9999), -1);
    CHECK_INT(errno, EFBIG);
    CHECK_SPAN(buf_view(&b), "before");
    CHECK_INT(os_read_file(&b, path, 10000), 0);
    CHECK(b.n == 10006 && memcmp(b.p + 6, big.p, big.n) == 0);
    CHECK_INT(truncate(path, 0), 0);
    CHECK_INT(os_read_file(&b, path, 0), 0);
    CHECK_INT(b.n, 10006);
    unlink(path);
    CHECK_INT(os_read_file(&b, path, 10000), -1);
    CHECK_INT(errno, ENOENT);
    CHECK_INT(os_read_file(&b, "/tmp", 10000), -1); /* a directory */
    CHECK_INT(b.n, 10006);
    buf_free(&b);
    buf_free(&big);
}

static void unit_os_uuids(void)
{
    test_begin("a random UUID is of version 4, and no two are the same");
    char a[37], b[37];
    os_uuid(a);
    for (int round = 0; round < 50; round++) {
        os_uuid(b);
        CHECK_INT(strlen(b), 36);
        for (int i = 0; i < 36; i++)
            CHECK(i == 8 || i == 13 || i == 18 || i == 23
                      ? b[i] == '-'
                      : strchr("0123456789abcdef", b[i]) != NULL);
        CHECK(b[14] == '4' && strchr("89ab", b[19]));
        CHECK(strcmp(a, b) != 0);
    }
}

static void unit_os_random_bytes(void)
{
    test_begin("random bytes fill exactly what they are asked for");
    unsigned char zero[64] = {0}, some[65] = {0};
    os_random(some, 0);
    CHECK(memcmp(zero, some, sizeof zero) == 0);
    os_random(some, 64);
    CHECK(memcmp(zero, some, sizeof zero) != 0 && some[64] == 0);
}

static void unit_os_descriptors(void)
{
    test_begin("inherited descriptors are closed from a number on, others stay");
    for (int fd = 200; fd < 203 + OS_FDS_AT_ONCE; fd++)
        CHECK_INT(dup2(0, fd), fd);
    CHECK_INT(os_close_on_exec(200), 200);
    CHECK_INT(fcntl(200, F_GETFD), FD_CLOEXEC);
    CHECK_INT(fcntl(201, F_GETFD), 0);
    CHECK_INT(os_close_on_exec(-1), -1);
    os_close_inherited(201);
    CHECK(fcntl(200, F_GETFD) >= 0);
    for (int fd = 201; fd < 203 + OS_FDS_AT_ONCE; fd++)
        CHECK(fcntl(fd, F_GETFD) < 0);
    close(200);
}

static void unit_os_without_urandom(void)
{
    struct rlimit limit, none;
    char a[37], b[37];
    test_begin("without a descriptor random bytes still differ, and the program goes on");
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){0, limit.rlim_max};
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &none), 0);
    os_uuid(a);
    for (int i = 0; i < 1000; i++) {
        os_uuid(b);
        CHECK(strcmp(a, b) != 0);
        strcpy(a, b);
    }
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* A process is found by what it was started with, in /proc and by ps alike. */
static void unit_os_processes(void)
{
    static const char *const argv[] = {"sh", "-s", "telec-unit-find", NULL};
    int ends[2];
    buf boot = {0};
    test_begin("a process is found by its words and by its parent, in /proc or by ps");
    CHECK_INT(pipe(ends), 0);
    os_close_on_exec(ends[1]);
    pid_t pid = os_spawn((char **)(uintptr_t)argv, ends[0], -1, 2);
    CHECK(pid > 0);
    close(ends[0]);
    for (int tries = 200; tries && os_find_process("-s", argv[2]) != pid; tries--)
        poll(NULL, 0, 10); /* until it is what it becomes */
    CHECK_INT(os_find_process("-s", argv[2]), pid);
    CHECK_INT(os_find_process("-s", "telec-unit-none"), 0);
    pid_t by_ps = os_find_by_ps("-s", argv[2]);
    CHECK(by_ps == pid || by_ps == -1); /* no ps here */
    CHECK(os_find_by_ps("-s", "telec-unit-none") <= 0);
    CHECK(os_find_child(getpid()) == pid || access(OS_PROC "/self/stat", R_OK) != 0);
    close(ends[1]);
    waitpid(pid, NULL, 0);
    os_put_boot_time(&boot); /* where nothing keeps it, it is empty */
    CHECK(strspn(buf_cstr(&boot), "0123456789") == boot.n);
    buf_free(&boot);
}

static void unit_os_users(void)
{
    test_begin("a user's name, home and shell are those of /etc/passwd");
    const uid_t uids[] = {getuid(), 0, 1};
    for (size_t i = 0; i < COUNT_OF(uids); i++) {
        const struct passwd *want = getpwuid(uids[i]), *user = os_user(uids[i]);
        CHECK_INT(user != NULL, want != NULL);
        if (user && want) {
            CHECK_SPAN(span_of(user->pw_name), want->pw_name);
            CHECK_SPAN(span_of(user->pw_dir), want->pw_dir);
            CHECK_SPAN(span_of(user->pw_shell), want->pw_shell);
        }
    }
    CHECK(!os_user(4294967000u)); /* nobody's */
    struct passwd cut;
    char whole[] = "me:x:7:8:I, myself:/home/me:/bin/sh", bare[] = "me::7:8:::",
         cut_off[] = "me:x:7:8::/";
    CHECK(os_cut_user(whole, &cut));
    CHECK_SPAN(span_of(cut.pw_name), "me");
    CHECK_SPAN(span_of(cut.pw_dir), "/home/me");
    CHECK_SPAN(span_of(cut.pw_shell), "/bin/sh");
    CHECK(os_cut_user(bare, &cut));
    CHECK_SPAN(span_of(cut.pw_dir), "");
    CHECK_SPAN(span_of(cut.pw_shell), "");
    CHECK(!os_cut_user(cut_off, &cut));
}

static void unit_os(void)
{
    unit_os_users();
    unit_os_processes();
    unit_os_without_urandom();
    unit_os_files();
    unit_os_uuids();
    unit_os_random_bytes();
    unit_os_descriptors();
}
