/* Unit tests of store: files replaced whole, logs that stay bounded, one lock for one process. */

static char unit_store_root[64];

static void unit_store_path(char out[200], const char *dir, const char *name)
{
    snprintf(out, 200, "%s/%s", dir, name);
}

static int unit_store_files(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return dir ? count : -1;
}

static void unit_store_records(void)
{
    test_begin("a record is replaced whole, and a link in its place is not followed");
    char path[200], temporary[200];
    buf big = {0}, got = {0};
    struct stat st;
    unit_store_path(path, unit_store_root, "record.json");
    unit_store_path(temporary, unit_store_root, "record.json.tmp");
    CHECK(store_read(unit_store_root, "record.json", &got) == -1 && errno == ENOENT);
    for (int i = 0; i < STORE_RECORD_MAX; i++)
        buf_byte(&big, (char)i);
    static const size_t sizes[] = {5, STORE_RECORD_MAX, 0, 1, 1000};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        buf_clear(&got);
        buf_str(&got, "x");
        CHECK_INT(store_write(unit_store_root, "record.json", (span){big.p, sizes[i]}), 0);
        CHECK_INT(store_read(unit_store_root, "record.json", &got), 0);
        CHECK(got.n == sizes[i] + 1 && memcmp(got.p + 1, big.p, sizes[i]) == 0);
        CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
        CHECK_INT(unit_store_files(unit_store_root), 1); /* no temporary file is left */
    }
    CHECK_INT(store_write(unit_store_root, "record.json", buf_view(&big)), 0);
    buf_byte(&big, 'x');
    CHECK_INT(store_write(unit_store_root, "record.json", buf_view(&big)), 0);
    buf_clear(&got);
    CHECK(store_read(unit_store_root, "record.json", &got) == -1 && errno == EFBIG && got.n == 0);
    /* What a crash left behind is no hindrance. */
    CHECK_INT(store_write(unit_store_root, "record.json.tmp", span_of("half of a rec")), 0);
    CHECK_INT(store_write(unit_store_root, "record.json", span_of("whole")), 0);
    CHECK_INT(store_read(unit_store_root, "record.json", &got), 0);
    CHECK_SPAN(buf_view(&got), "whole");
    CHECK_INT(unit_store_files(unit_store_root), 1);
    /* A link in its place is not followed, and the record stays. */
    CHECK_INT(symlink("/tmp/telec-unit-nowhere", temporary), 0);
    CHECK(store_write(unit_store_root, "record.json", span_of("new")) == -1 && errno == ELOOP);
    CHECK(access("/tmp/telec-unit-nowhere", F_OK) != 0);
    buf_clear(&got);
    CHECK_INT(store_read(unit_store_root, "record.json", &got), 0);
    CHECK_SPAN(buf_view(&got), "whole");
    unlink(temporary);
    CHECK(store_write("/tmp/telec-unit-nowhere", "x", span_of("y")) == -1 && errno == ENOENT);
    CHECK_INT(unlink(path), 0);
    buf_free(&big);
    buf_free(&got);
}

static void unit_store_limit(int what, rlim_t most, struct rlimit *before)
{
    CHECK_INT(getrlimit(what, before), 0);
    setrlimit(what, &(struct rlimit){most, before->rlim_max});
}

static void unit_store_irregular(void)
{
    test_begin("a record that is no regular file is refused, and replaced; nothing waits for it");
    char path[200], temporary[200];
    buf got = {0};
    unit_store_path(path, unit_store_root, "record.json");
    unit_store_path(temporary, unit_store_root, "record.json.tmp");
    CHECK_INT(mkfifo(path, 0600), 0);
    CHECK_INT(mkfifo(temporary, 0600), 0);
    CHECK(store_read(unit_store_root, "record.json", &got) == -1 && errno == ENOTSUP);
    CHECK(store_write(unit_store_root, "record.json", span_of("x")) == -1 && errno == ENOTSUP);
    store_clean(unit_store_root, "record.json");
    CHECK_INT(store_write(unit_store_root, "record.json", span_of("x")), 0);
    CHECK_INT(store_read(unit_store_root, "record.json", &got), 0);
    CHECK_INT(unit_store_files(unit_store_root), 1);
    unlink(path);
    CHECK_INT(mkdir(path, 0700), 0);
    CHECK(store_read(unit_store_root, "record.json", &got) == -1 && errno == ENOTSUP);
    CHECK_INT(rmdir(path), 0);
    CHECK_SPAN(span_of(os_file_fault(ENOTSUP)), "it is not a regular file");
    buf_free(&got);
}

/* Two descriptors are needed, the directory's and the new file's, and there is one. */
static void unit_store_unsynced(void)
{
    test_begin("a record that can not be replaced is as before");
    struct rlimit before;
    buf got = {0};
    CHECK_INT(store_write(unit_store_root, "record.json", span_of("old")), 0);
    int first = open("/dev/null", O_RDONLY);
    close(first);
    unit_store_limit(RLIMIT_NOFILE, (rlim_t)first + 1, &before);
    CHECK(store_write(unit_store_root, "record.json", span_of("new")) == -1 && errno == EMFILE);
    setrlimit(RLIMIT_NOFILE, &before);
    store_clean(unit_store_root, "record.json"); /* valgrind makes the file that it refuses */
    CHECK_INT(store_read(unit_store_root, "record.json", &got), 0);
    CHECK_SPAN(buf_view(&got), "old");
    CHECK_INT(unit_store_files(unit_store_root), 1);
    char path[200];
    unit_store_path(path, unit_store_root, "record.json");
    unlink(path);
    buf_free(&got);
}

/* A reader that opens the record again and again sees the old or the new one, and nothing
 * between. */
static void unit_store_atomic(void)
{
    test_begin("a reader of a record sees the old or the new one, whole");
    int fds[2], status = 1;
    CHECK_INT(store_write(unit_store_root, "record.json", span_of("a")), 0);
    CHECK_INT(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char bytes[3000];
        close(fds[0]);
        for (int i = 0; i < 100; i++) {
            memset(bytes, 'a' + i % 26, sizeof bytes);
            if (store_write(unit_store_root, "record.json", (span){bytes, (size_t)(1 + i * 29)}) !=
                0)
                _exit(1);
        }
        _exit(0);
    }
    close(fds[1]);
    struct pollfd ended = {.fd = fds[0], .events = POLLIN};
    int reads = 0;
    do {
        buf got = {0};
        CHECK_INT(store_read(unit_store_root, "record.json", &got), 0);
        CHECK(got.n > 0 && (got.n - 1) % 29 == 0);
        for (size_t i = 1; i < got.n; i++)
            if (got.p[i] != got.p[0])
                CHECK_INT(i, -1);
        buf_free(&got);
        reads++;
    } while (poll(&ended, 1, 0) == 0);
    CHECK(reads > 1);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    close(fds[0]);
    char path[200];
    unit_store_path(path, unit_store_root, "record.json");
    unlink(path);
}

struct unit_store_seen {
    int count, good;
};

static void unit_store_see(void *ctx, const char *id)
{
    struct unit_store_seen *seen = ctx;
    seen->count++;
    seen->good += strcmp(id, "one") == 0 || strcmp(id, "TWO_2-x") == 0;
}

static void unit_store_sessions(void)
{
    test_begin("sessions on disk are made, listed and removed");
    struct unit_store_seen seen = {0, 0};
    struct stat st;
    char path[200];
    store_each_session(unit_store_root, unit_store_see, &seen); /* no directory at all */
    CHECK_INT(seen.count, 0);
    char *one = store_session_dir(unit_store_root, "one"),
         *two = store_session_dir(unit_store_root, "TWO_2-x");
    snprintf(path, sizeof path, "%s/sessions/one", unit_store_root);
    CHECK(strcmp(one, path) == 0);
    CHECK(store_make_dir(one) == -1 && errno == ENOENT); /* its parent is not there */
    snprintf(path, sizeof path, "%s/sessions", unit_store_root);
    CHECK_INT(store_make_dir(path), 0);
    CHECK_INT(store_make_dir(one), 0);
    CHECK_INT(store_make_dir(one), 0);
    CHECK_INT(store_make_dir(two), 0);
    CHECK(stat(one, &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 0777) == 0700);
    snprintf(path, sizeof path, "%s/sessions", unit_store_root);
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0700);
    CHECK_INT(store_make_dir("/dev/null/x"), -1);
    CHECK_INT(store_make_dir("/dev/null"), -1); /* not a directory */
    snprintf(path, sizeof path, "%s/sessions/not.plain", unit_store_root);
    CHECK_INT(mkdir(path, 0700), 0);
    store_each_session(unit_store_root, unit_store_see, &seen);
    CHECK(seen.count == 2 && seen.good == 2);
    rmdir(path);
    CHECK_INT(store_write(one, "record.json", span_of("{}")), 0);
    CHECK_INT(store_write(one, "record.json.tmp", span_of("{")), 0);
    CHECK_INT(store_write(one, "exit.json", span_of("{}")), 0);
    CHECK_INT(store_write(one, "log", span_of("x")), 0);
    CHECK_INT(store_write(one, "log.1", span_of("x")), 0);
    store_remove_session(unit_store_root, "one");
    CHECK(stat(one, &st) == -1 && errno == ENOENT);
    store_remove_session(unit_store_root, "one"); /* gone already */
    store_remove_session(unit_store_root, "TWO_2-x");
    snprintf(path, sizeof path, "%s/sessions", unit_store_root);
    CHECK_INT(unit_store_files(path), 0);
    CHECK_INT(rmdir(path), 0);
    free(one);
    free(two);
}

static void unit_store_ends(void)
{
    char path[200];
    test_begin("the end that a session is to have is made, changed and taken back");
    CHECK_INT(store_find_end(unit_store_root), -1);
    CHECK_INT(store_put_end(unit_store_root, 1764000000123), 0);
    CHECK_INT(store_find_end(unit_store_root), 1764000000123);
    CHECK_INT(store_put_end(unit_store_root, 0), 0);
    CHECK_INT(store_find_end(unit_store_root), 0);
    CHECK_INT(store_drop_end(unit_store_root), 0);
    CHECK_INT(store_drop_end(unit_store_root), 0); /* none is left */
    CHECK_INT(store_find_end(unit_store_root), -1);
    unit_store_path(path, unit_store_root, STORE_END);
    CHECK_INT(symlink("-5", path), 0);
    CHECK_INT(store_find_end(unit_store_root), -1);
    unlink(path);
    unit_no_links = 1;
    CHECK_INT(store_put_end(unit_store_root, 1764000000124), 0);
    unit_no_links = 0;
    CHECK_INT(store_find_end(unit_store_root), 1764000000124);
    CHECK_INT(store_put_end(unit_store_root, 0), 0); /* a link takes the file's place */
    CHECK_INT(store_find_end(unit_store_root), 0);
    CHECK_INT(store_drop_end(unit_store_root), 0);
    unit_store_path(path, unit_store_root, "nowhere");
    CHECK_INT(store_put_end(path, 0), -1);
}

static void unit_store_processes(void)
{
    buf b = {0};
    test_begin("a daemon without a process id here is in another container: never process 0");
    store_put_process(&(struct store_daemon){.held = 1, .pid = 12}, &b);
    store_put_process(&(struct store_daemon){.held = 1}, &b);
    CHECK_SPAN(buf_view(&b), "process 12a process of another container");
    buf_free(&b);
}

static void unit_store_fills(void)
{
    static const char *const texts[] = {"[1,2,3,4,5,6,7,8,9]", "[1]"};
    struct json value;
    buf b = {0};
    pid_t pid, holder;
    char path[200];
    unit_store_path(path, unit_store_root, "filled");
    int fd = open(path, O_RDWR | O_CREAT, 0600), whole = 0;
    test_begin("what a lock's file holds is replaced: a reader finds the old or the new text");
    CHECK_INT(store_fill_lock(fd, span_of(texts[0])), 0);
    if ((pid = fork()) == 0) {
        for (int i = 0; i < 20000; i++)
            store_fill_lock(fd, span_of(texts[i % 2]));
        _exit(0);
    }
    for (int i = 0; i < 5000; i++) {
        buf_clear(&b);
        store_look_at_lock(path, &holder, &b);
        whole += json_parse(buf_view(&b), &value, NULL, NULL) == PARSE_DONE;
    }
    CHECK_INT(whole, 5000);
    CHECK_INT(waitpid(pid, NULL, 0), pid);
    CHECK_INT(store_fill_lock(fd, span_of("[2]")), 0);
    buf_clear(&b);
    store_look_at_lock(path, &holder, &b);
    CHECK_SPAN(span_trim(buf_view(&b), " "), "[2]");
    close(fd);
    unlink(path);
    buf_free(&b);
}

static void unit_store_ids(void)
{
    test_begin("only a plain file name is a session id");
    char id[66];
    memset(id, 'x', sizeof id);
    id[65] = '\0';
    CHECK_INT(store_id_is_plain(id), 0);
    id[64] = '\0';
    CHECK_INT(store_id_is_plain(id), 1);
    CHECK_INT(store_id_is_plain("a"), 1);
    CHECK_INT(store_id_is_plain("0123456789-_azAZ"), 1);
    static const char *const bad[] = {"",    ".",    "..",       "a/b", "a.b",
                                      "a b", "../x", "\xc3\xa9", "a\n", "%"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK_INT(store_id_is_plain(bad[i]), 0);
}

/* ---- logs
 * ------------------------------------------------------------------------------------------ */

static long long unit_store_size(const char *dir, const char *name)
{
    char path[200];
    struct stat st;
    unit_store_path(path, dir, name);
    return stat(path, &st) == 0 ? (long long)st.st_size : -1;
}

static char unit_store_byte(size_t i)
{
    return (char)(i * 7 + i / 251);
}

/* More than the log holds, in pieces of one size: never more than two full files, and what is kept
 * is the end. */
static void unit_store_log_pieces(size_t piece)
{
    struct store_log log;
    size_t total = (size_t)STORE_LOG_MAX * 5 / 2 + 123, sent = 0;
    char *bytes = base_alloc(piece);
    int turns = 0;
    CHECK_INT(store_log_open(&log, unit_store_root), 0);
    while (sent < total) {
        size_t n = piece < total - sent ? piece : total - sent;
        for (size_t i = 0; i < n; i++)
            bytes[i] = unit_store_byte(sent + i);
        store_log_write(&log, (span){bytes, n});
        sent += n;
        if (sent / STORE_LOG_MAX != (sent - n) / STORE_LOG_MAX || sent == total) {
            CHECK(unit_store_size(unit_store_root, "log") <= STORE_LOG_MAX);
            CHECK(unit_store_size(unit_store_root, "log.1") <= STORE_LOG_MAX);
            turns++;
        }
        if (sent / STORE_LOG_MAX == 1 &&
            piece == 4096) { /* as a new holder would: appends to what is there */
            store_log_close(&log);
            CHECK_INT(store_log_open(&log, unit_store_root), 0);
        }
    }
    CHECK(turns >= 1);
    store_log_close(&log);
    store_log_close(&log);
    store_log_write(&log, span_of("closed")); /* nothing */
    buf got = {0};
    store_log_read(unit_store_root, &got);
    CHECK(got.n >= STORE_LOG_MAX && got.n <= 2 * (size_t)STORE_LOG_MAX);
    for (size_t i = 0; i < got.n; i++)
        if (got.p[i] != unit_store_byte(total - got.n + i)) {
            CHECK_INT(i, -1);
            break;
        }
    char path[200];
    unit_store_path(path, unit_store_root, "log");
    struct stat st;
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK_INT(unit_store_files(unit_store_root), 2);
    unlink(path);
    unit_store_path(path, unit_store_root, "log.1");
    unlink(path);
    buf_free(&got);
    free(bytes);
}

static void unit_store_disk(void)
{
    struct loop l;
    struct disk d = {0};
    buf got = {0};
    test_begin("a log is written, and a disk answers, though telec's own file can't be run");
    loop_init(&l);
    disk_log(&d, span_of("nowhere")); /* all 0 does nothing */
    disk_init(&d, &l, "/nonexistent/telec", "start", unit_store_root);
    disk_log(&d, span_of("one "));
    disk_log(&d, span_of("two"));
    while (!d.runs)
        loop_once(&l);
    CHECK_SPAN(span_of(d.what), "log"); /* the next one */
    disk_log(&d, span_of(" three"));
    disk_finish(&d, -1);
    store_log_read(unit_store_root, &got);
    CHECK_SPAN(buf_view(&got), "one two three");
    disk_init(&d, &l, "/nonexistent/telec", "probe", unit_store_root);
    CHECK_INT(disk_answers(&d), 1);
    CHECK(d.runs && d.good_at);
    CHECK_INT(disk_answers(NULL), 1);
    disk_finish(&d, -1);
    char path[200];
    unit_store_path(path, unit_store_root, "log");
    CHECK_INT(unlink(path), 0);
    buf_free(&got);
    loop_free(&l);
}

static void unit_store_disk_alone(void)
{
    struct loop l;
    struct disk d;
    test_begin("a process that writes for a holder ends with the holder's end of the connection");
    loop_init(&l);
    disk_init(&d, &l, unit_program, "probe", unit_store_root);
    CHECK_INT(disk_start(&d), 0);
    loop_child_cancel(&l, &d.child);
    CHECK(fcntl(d.fd, F_GETFD) & FD_CLOEXEC); /* no other child keeps it */
    close(d.fd); /* as a holder that is killed does */
    int tries = 1000;
    while (tries && waitpid(d.child.pid, NULL, WNOHANG) == 0)
        poll(NULL, 0, 10), tries--;
    CHECK(tries > 0);
    loop_free(&l);
}

static void unit_store_logs(void)
{
    test_begin("a log keeps the end of the output, in two bounded files");
    buf got = {0};
    struct store_log log;
    store_log_read(unit_store_root, &got);
    CHECK_INT(got.n, 0);
    CHECK(store_log_open(&log, "/tmp/telec-unit-nowhere") == -1 && errno == ENOENT);
    store_log_write(&log, span_of("x")); /* a log that could not be opened takes nothing */
    store_log_close(&log);
    unit_store_log_pieces(4096);
    unit_store_log_pieces(1000003);
    unit_store_log_pieces((size_t)STORE_LOG_MAX * 3);
    buf_free(&got);
}

static void unit_store_unlink_logs(void)
{
    static const char *const names[] = {"log", "log.1", "log.2"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[200];
        unit_store_path(path, unit_store_root, names[i]);
        unlink(path);
    }
}

/* Writes n bytes, in the log's largest pieces. */
static void unit_store_log_fill(struct store_log *log, size_t n)
{
    char *bytes = base_alloc(STORE_LOG_MAX);
    memset(bytes, 'x', STORE_LOG_MAX);
    for (; n; n -= n < STORE_LOG_MAX ? n : STORE_LOG_MAX)
        store_log_write(log, (span){bytes, n < STORE_LOG_MAX ? n : STORE_LOG_MAX});
    free(bytes);
}

/* Runs tasks; returns how many bytes the log's process gets. */
static int unit_store_disk_got(struct loop *l, int fd)
{
    static char bytes[DISK_READ_MAX + 1];
    loop_run_tasks(l);
    return (int)recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
}

static void unit_store_disk_gathers(void)
{
    static char much[DISK_FLOOD / 4];
    struct loop l;
    struct disk d;
    int ends[2];
    test_begin("a log's process is woken for an output after a pause at once, else now and then");
    loop_init(&l);
    disk_init(&d, &l, NULL, "log", unit_store_root);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    d.fd = ends[0];
    d.runs = 1;
    d.flushed_at = l.now - DISK_BETWEEN_MS;
    disk_log(&d, span_of("short"));
    CHECK_INT(unit_store_disk_got(&l, ends[1]), 5);
    disk_log(&d, span_of("soon"));
    disk_log(&d, span_of(" after"));
    CHECK_INT(unit_store_disk_got(&l, ends[1]), -1);
    while (d.pending.n)
        loop_once(&l); /* until the timer */
    CHECK_INT(unit_store_disk_got(&l, ends[1]), 10);
    test_begin("of a flood, only what the log's files can keep is handed to its process");
    for (int i = 0; i < 2 * (int)(DISK_KEEP / sizeof much) + 1; i++)
        disk_log(&d, (span){much, sizeof much});
    disk_log(&d, span_of("end"));
    l.now = d.flushed_at + DISK_BETWEEN_MS;
    disk_on_timer(&d);
    CHECK_INT(d.pending.n, DISK_KEEP + sizeof much + 3);
    CHECK(memcmp(d.pending.p + d.pending.n - 3, "end", 3) == 0);
    buf_drop(&d.pending, d.pending.n - 3);
    l.now = d.flushed_at + DISK_FLOOD_MS;
    disk_on_timer(&d);
    CHECK_INT(unit_store_disk_got(&l, ends[1]), 3);
    loop_timer_cancel(&l, &d.timer);
    close(ends[0]), close(ends[1]);
    buf_free(&d.pending);
    loop_free(&l);
}

/* What the process for exit.json makes of `status`; returns 1 when the file is there. */
static int unit_store_disk_exit(const char *status)
{
    char path[200];
    int ends[2];
    CHECK_INT(pipe(ends), 0);
    CHECK(write(ends[1], status, strlen(status)) == (ssize_t)strlen(status));
    close(ends[1]);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[0], 0);
        _exit(disk_main("exit", unit_store_root));
    }
    close(ends[0]);
    waitpid(pid, NULL, 0);
    unit_store_path(path, unit_store_root, "exit.json");
    return unlink(path) == 0;
}

/* A process for the log, with its children. Returns how often they sync. */
static int unit_store_disk_syncs(const char *what)
{
    int ends[2], all[2], *before = unit_syncs;
    char byte;
    unit_syncs = mmap(NULL, sizeof *unit_syncs, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                      -1, 0);
    CHECK(pipe(ends) == 0 && pipe(all) == 0);
    CHECK_INT(write(ends[1], "x", 1), 1);
    close(ends[1]);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[0], 0);
        dup2(all[1], 1);
        dup2(all[1], 2); /* which its child keeps open */
        _exit(disk_main(what, unit_store_root));
    }
    close(ends[0]), close(all[1]);
    CHECK_INT(read(all[0], &byte, 1), 0);
    close(all[0]);
    waitpid(pid, NULL, 0);
    int count = *unit_syncs;
    munmap(unit_syncs, sizeof *unit_syncs);
    unit_syncs = before;
    return count;
}

static void unit_store_disk_new(void)
{
    test_begin("the first log process of a session that starts syncs its record and directory");
    char path[200];
    CHECK_INT(store_write_unsynced(unit_store_root, "record.json", span_of("{}")), 0);
    CHECK_INT(unit_store_disk_syncs("start"), 3);
    CHECK_INT(unit_store_disk_syncs("log"), 0);
    unit_store_path(path, unit_store_root, "log");
    CHECK_INT(unlink(path), 0);
    unit_store_path(path, unit_store_root, "record.json");
    CHECK_INT(unlink(path), 0);
}

static void unit_store_disk_cut(void)
{
    test_begin("a last status that its holder's death has cut is not written");
    CHECK_INT(unit_store_disk_exit("{\"state\":\"exited\"}"), 1);
    CHECK_INT(unit_store_disk_exit("{\"state\":\"exi"), 0);
    CHECK_INT(unit_store_disk_exit(""), 0);
}

/* RLIMIT_FSIZE stands for a full disk: write() fails. */
static void unit_store_log_full_disk(void)
{
    struct store_log log;
    struct rlimit before, limit;
    test_begin("a log loses what the disk has no room for, and goes on when there is room");
    signal(SIGXFSZ, SIG_IGN);
    CHECK_INT(store_log_open(&log, unit_store_root), 0);
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){10, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    store_log_write(&log, span_of("0123456"));
    store_log_write(&log, span_of("789abc"));
    store_log_write(&log, span_of("lost"));
    setrlimit(RLIMIT_FSIZE, &before);
    CHECK_INT(unit_store_size(unit_store_root, "log"), 10);
    CHECK_INT(log.size, 10);
    store_log_write(&log, span_of("after"));
    CHECK_INT(unit_store_size(unit_store_root, "log"), 15);
    store_log_close(&log);
    signal(SIGXFSZ, SIG_DFL);
    unit_store_unlink_logs();
}

/* log.1 can't be replaced: a directory that isn't empty stands where it would be kept. */
static void unit_store_log_no_rename(void)
{
    char older[200], inside[220];
    struct store_log log;
    buf got = {0};
    test_begin("a log that can not be rotated goes on, and is rotated once it can be");
    CHECK_INT(store_log_open(&log, unit_store_root), 0);
    unit_store_log_fill(&log, (size_t)STORE_LOG_MAX + 1);
    unit_store_path(older, unit_store_root, "log.2");
    unit_store_path(inside, older, "x");
    CHECK(mkdir(older, 0700) == 0 && mkdir(inside, 0700) == 0);
    unit_store_log_fill(&log, (size_t)STORE_LOG_MAX + 4);
    CHECK_INT(unit_store_size(unit_store_root, "log"), STORE_LOG_MAX + 5);
    CHECK_INT(unit_store_size(unit_store_root, "log.1"), STORE_LOG_MAX);
    store_log_read(unit_store_root, &got); /* nothing is lost */
    CHECK_INT(got.n, 2 * STORE_LOG_MAX + 5);
    unit_store_log_fill(&log, STORE_LOG_MOST); /* but within a limit */
    CHECK_INT(unit_store_size(unit_store_root, "log"), STORE_LOG_MOST);
    CHECK(rmdir(inside) == 0 && rmdir(older) == 0);
    store_log_write(&log, span_of("more"));
    CHECK_INT(unit_store_size(unit_store_root, "log"), 4);
    CHECK_INT(unit_store_size(unit_store_root, "log.1"), STORE_LOG_MOST);
    store_log_close(&log);
    buf_free(&got);
    unit_store_unlink_logs();
}

static void unit_store_log_half_rename(void)
{
    struct store_log log;
    test_begin("a log whose rotation fails halfway keeps its files' names");
    CHECK_INT(store_log_open(&log, unit_store_root), 0);
    unit_store_log_fill(&log, STORE_LOG_MAX + 3);
    unit_store_log_fill(&log, STORE_LOG_MAX - 3);
    unit_rename_fails = 2; /* log.1 is log.2 by then */
    store_log_write(&log, span_of("kept"));
    CHECK_INT(unit_rename_fails, 0);
    CHECK_INT(unit_store_size(unit_store_root, "log"), STORE_LOG_MAX + 4);
    CHECK_INT(unit_store_size(unit_store_root, "log.1"), STORE_LOG_MAX);
    CHECK_INT(unit_store_files(unit_store_root), 2);
    store_log_close(&log);
    unit_store_unlink_logs();
}

/* Without a free descriptor the new file can't be opened after the old one has its new name. */
static void unit_store_log_no_descriptor(void)
{
    struct store_log log;
    struct rlimit before;
    test_begin("a log that can not be opened anew goes on, and is rotated once it can be");
    CHECK_INT(store_log_open(&log, unit_store_root), 0);
    unit_store_log_fill(&log, STORE_LOG_MAX + 3);
    unit_store_log_fill(&log, STORE_LOG_MAX - 3);
    unit_store_limit(RLIMIT_NOFILE, 0, &before);
    store_log_write(&log, span_of("kept"));
    store_log_write(&log, span_of("kept"));
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK_INT(unit_store_size(unit_store_root, "log"), STORE_LOG_MAX + 8);
    CHECK_INT(unit_store_size(unit_store_root, "log.1"), STORE_LOG_MAX);
    store_log_write(&log, span_of("more"));
    CHECK_INT(unit_store_size(unit_store_root, "log.1"), STORE_LOG_MAX + 8);
    CHECK_INT(unit_store_size(unit_store_root, "log"), 4);
    CHECK_INT(unit_store_files(unit_store_root), 2);
    store_log_close(&log);
    unit_store_unlink_logs();
}

/* A log that has no file at first gets one as soon as that is possible. */
static void unit_store_log_late(void)
{
    struct store_log log;
    struct rlimit before;
    test_begin("a log that can not be opened is opened by a later write; a FIFO never is");
    char path[200];
    unit_store_limit(RLIMIT_NOFILE, 0, &before);
    CHECK(store_log_open(&log, unit_store_root) == -1 && errno == EMFILE);
    store_log_write(&log, span_of("lost"));
    setrlimit(RLIMIT_NOFILE, &before);
    store_log_write(&log, span_of("here"));
    CHECK_INT(unit_store_size(unit_store_root, "log"), 4);
    store_log_close(&log);
    unit_store_unlink_logs();
    unit_store_path(path, unit_store_root, "log");
    CHECK_INT(mkfifo(path, 0600), 0);
    CHECK(store_log_open(&log, unit_store_root) == -1 && errno == ENOTSUP);
    store_log_write(&log, span_of("lost"));
    store_log_close(&log);
    unit_store_unlink_logs();
}

/* ---- the lock ---- */

/* A child that takes the lock says so through `said` and holds it until `go` is closed. */
static pid_t unit_store_lock_child(const char *path, int said[2], int go[2])
{
    CHECK(pipe(said) == 0 && pipe(go) == 0);
    pid_t child = fork();
    if (child == 0) {
        pid_t pid;
        char byte = store_lock(path, &pid) >= 0 ? 'y' : 'n';
        close(go[1]);
        if (write(said[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 0)
            _exit(1);
        _exit(0);
    }
    close(said[1]);
    close(go[0]);
    return child;
}

static void unit_store_locking(void)
{
    test_begin("one process holds the lock until it ends");
    char path[200], byte = 0;
    int said[2], go[2], status;
    pid_t pid = -1;
    struct stat st;
    unit_store_path(path, unit_store_root, "daemon.lock");
    for (int how = 0; how < 2; how++) { /* the holder ends by itself, or is killed */
        pid_t child = unit_store_lock_child(path, said, go);
        CHECK(read(said[0], &byte, 1) == 1 && byte == 'y');
        CHECK(store_lock(path, &pid) == -1 && errno == EAGAIN);
        CHECK_INT(pid, child);
        int said2[2], go2[2];
        pid_t second = unit_store_lock_child(path, said2, go2);
        CHECK(read(said2[0], &byte, 1) == 1 && byte == 'n');
        close(go2[1]);
        CHECK(waitpid(second, &status, 0) == second && status == 0);
        if (how)
            kill(child, SIGKILL);
        close(go[1]);
        CHECK_INT(waitpid(child, &status, 0), child);
        int fd = store_lock(path, &pid); /* free again */
        CHECK(fd >= 0 && pid == 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
        CHECK(fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0600);
        close(fd);
        close(said[0]);
        close(said2[0]);
    }
    CHECK_INT(unlink(path), 0);
    CHECK_INT(symlink("/tmp/telec-unit-nowhere", path), 0);
    CHECK(store_lock(path, &pid) == -1 && errno == ELOOP);
    CHECK(access("/tmp/telec-unit-nowhere", F_OK) != 0);
    unlink(path);
    CHECK(store_lock("/tmp/telec-unit-nowhere/lock", &pid) == -1 && errno == ENOENT);
}

static void unit_store(void)
{
    CHECK(mkdtemp(unit_base_temporary(unit_store_root)) != NULL);
    unit_store_ids();
    unit_store_ends();
    unit_store_processes();
    unit_store_fills();
    unit_store_records();
    unit_store_irregular();
    unit_store_unsynced();
    unit_store_atomic();
    unit_store_sessions();
    unit_store_disk();
    unit_store_disk_alone();
    unit_store_disk_gathers();
    unit_store_disk_cut();
    unit_store_disk_new();
    unit_store_logs();
    unit_store_log_full_disk();
    unit_store_log_no_rename();
    unit_store_log_half_rename();
    unit_store_log_no_descriptor();
    unit_store_log_late();
    unit_store_locking();
    CHECK_INT(rmdir(unit_store_root), 0); /* nothing is left behind */
}
