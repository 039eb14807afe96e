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

static void unit_log(void)
{
    unit_log_lines();
}
