/* Unit tests of log: levels, cut lines, control bytes. */

/* What the pipe holds, without the time at the start of the line. */
static void unit_logged(int fd, const char *want)
{
    char line[4096];
    ssize_t n = read(fd, line, sizeof line);
    span s = {line, n > 0 ? (size_t)n : 0};
    long long ms = 0;
    CHECK(s.n > 30 && clock_parse_iso((span){line, 29}, &ms) && ms <= clock_wall_ms());
    CHECK_SPAN(span_sub(s, 30), want);
}

static void unit_log_lines(void)
{
    test_begin("a log line has its time and level, control bytes escaped");
    int fds[2];
    CHECK_INT(pipe(fds), 0);
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    log_open(fds[1], LOG_INFO);
    log_line(LOG_INFO, "client %d: %s", 3, "gone");
    unit_logged(fds[0], "info client 3: gone\n");
    log_line(LOG_ERROR, "bad \x1b]0;x\a\r\n\xff name");
    unit_logged(fds[0], "error bad ^[]0;x^G^M^J\xef\xbf\xbd name\n");
    log_line(LOG_WARN, "%s", "");
    unit_logged(fds[0], "warn \n");
    char byte;
    log_line(LOG_DEBUG, "too much");
    CHECK(read(fds[0], &byte, 1) < 0 && errno == EAGAIN);
    char longer[3000];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    log_line(LOG_INFO, "%s", longer); /* cut, and still one line */
    longer[1023] = '\0';
    buf want = {0};
    buf_fmt(&want, "info %s\n", longer);
    unit_logged(fds[0], buf_cstr(&want));
    buf_free(&want);
    log_open(-1, LOG_DEBUG);
    log_line(LOG_ERROR, "nobody listens");
    CHECK(read(fds[0], &byte, 1) < 0 && errno == EAGAIN);
    log_open(-1, LOG_INFO);
    close(fds[0]);
    close(fds[1]);
}

static void unit_log_repeats(void)
{
    int fds[2];
    buf want = {0};
    char all[8192];
    test_begin("a line that comes again and again is written ever more seldom, with its count");
    CHECK_INT(pipe(fds), 0);
    log_open(fds[1], LOG_INFO);
    for (int i = 0; i < 100000; i++)
        log_line(LOG_WARN, "the same");
    log_line(LOG_INFO, "the same");
    log_line(LOG_INFO, "another");
    log_open(-1, LOG_INFO);
    ssize_t n = read(fds[0], all, sizeof all);
    for (span rest = {all, n > 0 ? (size_t)n : 0}; rest.n;) {
        span line = span_cut(&rest, '\n');
        buf_span(&want, span_sub(line, 30));
        buf_byte(&want, '\n');
    }
    CHECK(n < 2000);
    CHECK(span_starts(buf_view(&want), "warn the same\nwarn the same (2 times)\nwarn the same (4"));
    CHECK(strstr(buf_cstr(&want), "(65536 times)\nwarn the same (100000 times)\ninfo the same\n"
                                  "info another\n") != NULL);
    close(fds[0]), close(fds[1]);
    buf_free(&want);
}

static void unit_log_limit(void)
{
    char path[64], old[70];
    struct stat st, before;
    test_begin(
        "a log that is a file is renamed before it is too long, and emptied where it can't be");
    int fd = mkstemp(unit_base_temporary(path));
    snprintf(old, sizeof old, "%s.1", path);
    log_open(fd, LOG_INFO);
    log_limit(path, 1000);
    for (int i = 0; i < 200; i++) {
        log_line(LOG_INFO, "line %d", i);
        CHECK(stat(path, &st) == 0 && st.st_size <= 1000);
        CHECK(stat(old, &st) != 0 || (st.st_size <= 1000 && st.st_size > 900));
    }
    CHECK_INT(stat(old, &st), 0);
    fstat(fd, &before);
    unlink(old);
    CHECK_INT(mkdir(old, 0700), 0); /* a directory in the way */
    for (int i = 0; i < 200; i++) {
        log_line(LOG_INFO, "line %d", i);
        CHECK(stat(path, &st) == 0 && st.st_size <= 1000);
    }
    CHECK(st.st_ino == before.st_ino);
    rmdir(old);
    test_begin("the limit of another file than the log changes nothing");
    log_limit("/", 10);
    log_open(fd, LOG_INFO);
    log_limit("/", 10);
    log_line(LOG_INFO, "a line that is longer than that");
    CHECK(stat(old, &st) != 0 && fstat(fd, &st) == 0 && st.st_size > 10);
    log_open(-1, LOG_INFO);
    close(fd);
    unlink(path);
}

static void unit_log(void)
{
    unit_log_repeats();
    unit_log_limit();
    unit_log_lines();
}
