/* pty - a process on a pseudo-terminal, and a small emulator of what that shows: enough for a
 * program that draws with cursor addressing, erasing and scrolling. A code point has one or two
 * columns. */

#define PTY_ROWS_MAX 100
#define PTY_COLS_MAX 300

struct pty {
    int fd;                 /* of the master side */
    pid_t pid;
    int rows, cols;
    struct text raw;        /* everything that ever came */
    size_t parsed;          /* of it, what the screen shows */
    int row, col, shown, alternate; /* cursor; modes 25 and 1049 */
    int syncs;              /* has mode 2026 */
    int repaints, torn, judged; /* by program repaint: see pty_judge */
    int last;               /* the scroll region's last row + 1; 0: the screen's */
    /* Code points; 0 is a blank, 1 the right half of a wide one. */
    unsigned cells[PTY_ROWS_MAX][PTY_COLS_MAX];
};

static inline void pty_erase(struct pty *t, int row, int from, int to)
{
    for (int col = from; row >= 0 && row < t->rows && col < to && col < t->cols; col++)
        t->cells[row][col] = 0;
}

static inline void pty_scroll(struct pty *t)
{
    memmove(t->cells[0], t->cells[1], sizeof t->cells[0] * (size_t)(t->rows - 1));
    pty_erase(t, t->rows - 1, 0, t->cols);
}

static inline void pty_feed_line(struct pty *t)
{
    if (t->row == t->rows - 1)
        pty_scroll(t);
    else
        t->row++;
}

static inline void pty_put(struct pty *t, unsigned cp)
{
    int wide = (cp >= 0x1100 && cp <= 0x115f) || (cp >= 0x2e80 && cp <= 0xa4cf) ||
        (cp >= 0xac00 && cp <= 0xd7a3) ||
               (cp >= 0xf900 && cp <= 0xfaff) || (cp >= 0xff00 && cp <= 0xff60) ||
                   (cp >= 0x1f300 && cp <= 0x1faff);
    if ((cp >= 0x300 && cp <= 0x36f) || (cp >= 0xfe00 && cp <= 0xfe0f) || cp == 0x200d)
        return;
    if (t->col + wide >= t->cols) {
        if (t->col >= t->cols) {
            t->col = 0;
            pty_feed_line(t);
        }
    }
    t->cells[t->row][t->col++] = cp;
    if (wide && t->col < t->cols)
        t->cells[t->row][t->col++] = 1;
}

static inline int pty_clamp(int v, int most)
{
    return v < 0 ? 0 : v > most ? most : v;
}

static inline void pty_erase_display(struct pty *t, int how)
{
    for (int row = 0; row < t->rows; row++)
        if (how >= 2 || (how == 0 && row > t->row) || (how == 1 && row < t->row))
            pty_erase(t, row, 0, t->cols);
    if (how < 2)
        pty_erase(t, t->row, how == 0 ? t->col : 0, how == 0 ? t->cols : t->col + 1);
}

/* Judges what a terminal shows at the end of an update: of program repaint, one letter. */
static inline void pty_judge(struct pty *t)
{
    unsigned first = t->cells[0][0];
    int torn = 0;
    for (int row = 0; row < 20; row++)
        for (int col = 0; col < 60; col++)
            torn |= t->cells[row][col] != first;
    if (first < 'A' || first > 'Z')
        return;
    t->torn += torn;
    t->repaints += !torn && t->judged != (int)first;
    t->judged = (int)first;
}

static inline void pty_mode(struct pty *t, const char *params, int on)
{
    if (strcmp(params, "?2026") == 0 && !on)
        pty_judge(t);
    if (strcmp(params, "?25") == 0)
        t->shown = on;
    if (strcmp(params, "?1049") == 0 || strcmp(params, "?47") == 0) {
        t->alternate = on;
        pty_erase_display(t, 2);
    }
}

/* Deletes (n > 0) or inserts lines at the cursor, in rows of `size` bytes that begin at `rows`. */
static inline void pty_move_lines(const struct pty *t, void *rows, size_t size, int n)
{
    int last = t->last ? t->last : t->rows, left = last - t->row, by = n < 0 ? -n : n;
    char *row = (char *)rows + (size_t)t->row * size;
    by = by < left ? by : left;
    if (left <= 0)
        return;
    if (n > 0)
        memmove(row, row + (size_t)by * size, (size_t)(left - by) * size);
    else
        memmove(row + (size_t)by * size, row, (size_t)(left - by) * size);
    memset(n > 0 ? row + (size_t)(left - by) * size : row, 0, (size_t)by * size);
}

/* Erases cells from the cursor on to blanks, which have the ground that is set. */
static inline void pty_blank(struct pty *t, int n)
{
    for (int col = t->col; col < t->col + n && col < t->cols; col++)
        t->cells[t->row][col] = ' ';
}

/* Answers DA1 and DSR 5, as every terminal does; not in an emulator that only reads a recording. */
static inline void pty_answer(const struct pty *t, const char *answer)
{
    if (t->pid > 0 && write(t->fd, answer, strlen(answer)) < 0)
        e2e_die("answer a query");
}

static inline void pty_control(struct pty *t, const char *params, char final)
{
    const char *second = strchr(params, ';');
    int n = atoi(params), m = second ? atoi(second + 1) : 0, one = n > 0 ? n : 1;
    switch (final) {
    case 'A': t->row = pty_clamp(t->row - one, t->rows - 1); break;
    case 'B': t->row = pty_clamp(t->row + one, t->rows - 1); break;
    case 'C': t->col = pty_clamp(t->col + one, t->cols - 1); break;
    case 'D': t->col = pty_clamp(t->col - one, t->cols - 1); break;
    case 'E': t->row = pty_clamp(t->row + one, t->rows - 1), t->col = 0; break;
    case 'G': t->col = pty_clamp(one - 1, t->cols - 1); break;
    case 'd': t->row = pty_clamp(one - 1, t->rows - 1); break;
    case 'H':
    case 'f': t->row = pty_clamp(one - 1, t->rows - 1), t->col = pty_clamp(m - 1, t->cols - 1);
        break;
    case 'J': pty_erase_display(t, n); break;
    case 'K':
        if (n == 0)
            pty_blank(t, t->cols);
        else
            pty_erase(t, t->row, 0, n == 1 ? t->col + 1 : t->cols);
        break;
    case 'X': pty_blank(t, one); break;
    case 'L':
    case 'M': pty_move_lines(t, t->cells, sizeof t->cells[0], final == 'M' ? one : -one); break;
    case 'r': t->last = m, t->row = t->col = 0; break;
    case 'c': pty_answer(t, "\033[?62;22c"); break;
    case 'n': if (n == 5) pty_answer(t, "\033[0n"); break;
    case 'p': if (t->syncs && !strcmp(params, "?2026$")) pty_answer(t, "\033[?2026;2$y"); break;
    case 'h': pty_mode(t, params, 1); break;
    case 'l': pty_mode(t, params, 0); break;
    default: break;
    }
}

/* One character or sequence at p; how many bytes it has, 0: it isn't complete. */
static inline size_t pty_sequence(struct pty *t, const char *p, size_t n)
{
    char params[64] = "";
    if (*p != '\033') {
        unsigned char c = (unsigned char)*p;
        size_t length = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        unsigned cp = c < 0x80 ? c : c & (0xffu >> (length + 1));
        if (length > n)
            return 0;
        for (size_t i = 1; i < length; i++)
            cp = cp << 6 | ((unsigned char)p[i] & 0x3f);
        if (c == '\n')
            pty_feed_line(t);
        else if (c == '\r' || c == '\b')
            t->col = c == '\r' ? 0 : pty_clamp(t->col - 1, t->cols - 1);
        else if (c >= 0x20 && c != 0x7f)
            pty_put(t, cp);
        return length;
    }
    if (n < 2)
        return 0;
    if (p[1] == ']' || p[1] == 'P' || p[1] == '_') { /* strings: passed over */
        for (size_t i = 2; i < n; i++)
            if (p[i] == '\a' || (p[i] == '\033' && i + 1 < n))
                return p[i] == '\a' ? i + 1 : i + 2;
        return 0;
    }
    if (p[1] != '[')
        return strchr("()", p[1]) ? (n > 2 ? 3 : 0) : 2;
    size_t end = 2;
    while (end < n && (unsigned char)p[end] < 0x40)
        end++;
    if (end == n)
        return 0;
    snprintf(params, sizeof params, "%.*s", (int)(end - 2), p + 2);
    pty_control(t, params, p[end]);
    return end + 1;
}

static inline void pty_set_size(struct pty *t, int rows, int cols)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    if (rows > PTY_ROWS_MAX || cols > PTY_COLS_MAX || ioctl(t->fd, TIOCSWINSZ, &size) != 0)
        e2e_die("the size of a pseudo-terminal");
    t->rows = rows;
    t->cols = cols;
    t->row = pty_clamp(t->row, rows - 1);
    t->col = pty_clamp(t->col, cols - 1);
}

static inline void pty_child(int slave, const char *const *argv)
{
    setsid();
#ifdef TIOCSCTTY
    ioctl(slave, TIOCSCTTY, 0);
#endif
    for (int fd = 0; fd < 3; fd++)
        dup2(slave, fd);
    if (slave > 2)
        close(slave);
    signal(SIGPIPE, SIG_DFL);
    if (chdir(e2e.dir) == 0)
        execve(argv[0], (char *const *)argv, e2e_environment());
    _exit(98);
}

/* Starts a program (argv[0] is its absolute path) on a pseudo-terminal of that size. */
static inline struct pty *pty_start(int rows, int cols, const char *const *argv)
{
    struct pty *t = calloc(1, sizeof *t);
    if (!t || (t->fd = posix_openpt(O_RDWR | O_NOCTTY)) < 0 || grantpt(t->fd) != 0 ||
        unlockpt(t->fd) != 0)
        e2e_die("a pseudo-terminal");
    fcntl(t->fd, F_SETFD, FD_CLOEXEC);
    t->shown = 1;
    pty_set_size(t, rows, cols);
    int slave = open(ptsname(t->fd), O_RDWR | O_NOCTTY);
    if (slave < 0 || (t->pid = fork()) < 0)
        e2e_die("a pseudo-terminal");
    if (t->pid == 0)
        pty_child(slave, argv);
    close(slave);
    return t;
}

static inline void pty_send(struct pty *t, const char *keys)
{
    for (size_t n = strlen(keys); n;) {
        ssize_t wrote = write(t->fd, keys, n);
        if (wrote < 0 && errno != EINTR)
            e2e_die("write to a pseudo-terminal");
        keys += wrote > 0 ? wrote : 0;
        n -= wrote > 0 ? (size_t)wrote : 0;
    }
}

/* Reads what there is, waiting at most wait_ms for something. 1, or 0: nothing, -1: the end. */
static inline int pty_read(struct pty *t, int wait_ms)
{
    struct pollfd in = {t->fd, POLLIN, 0};
    char chunk[65536];
    size_t used;
    if (poll(&in, 1, wait_ms) == 0)
        return 0;
    ssize_t n = read(t->fd, chunk, sizeof chunk);
    if (n <= 0)
        return n < 0 && errno == EINTR ? 0 : -1;
    text_add(&t->raw, chunk, (size_t)n);
    while (t->parsed < t->raw.n &&
           (used = pty_sequence(t, t->raw.p + t->parsed, t->raw.n - t->parsed)) > 0)
        t->parsed += used;
    return 1;
}

/* One row of the screen as text, without blanks at its end. */
static inline char *pty_row(const struct pty *t, int row)
{
    struct text line = {0};
    size_t solid = 0;
    text_add(&line, "", 0);
    for (int col = 0; col < t->cols; col++) {
        unsigned cp = t->cells[row][col];
        if (cp == 1)
            continue;
        utf8_append(&line, cp ? cp : ' ');
        if (cp && cp != ' ')
            solid = line.n;
    }
    line.p[solid] = '\0';
    return line.p;
}

static inline char *pty_screen(const struct pty *t)
{
    struct text all = {0};
    for (int row = 0; row < t->rows; row++)
        text_str(&all, format("%s\n", pty_row(t, row)));
    return all.p;
}

#define PTY_AWAIT(t, text) pty_await(__FILE__, __LINE__, (t), (text), 1)
#define PTY_AWAIT_GONE(t, text) pty_await(__FILE__, __LINE__, (t), (text), 0)

/* Until the screen shows the text, or (there = 0) doesn't any more. */
static inline void pty_await(const char *file, int line, struct pty *t, const char *text, int there)
{
    long long until = now_ms() + E2E_WAIT_MS;
    while ((strstr(pty_screen(t), text) != NULL) != there) {
        long long left = until - now_ms();
        if (left <= 0 || pty_read(t, (int)left) < 0)
            check_fatal(file, line, format("the screen %s \"%s\":\n%s", there ? "never showed"
                                           : "still shows", text,
                                           pty_screen(t)));
    }
}

/* Until the program has ended; waitpid's status. */
static inline int pty_await_exit(struct pty *t)
{
    long long until = now_ms() + E2E_WAIT_MS;
    while (now_ms() < until && pty_read(t, (int)(until - now_ms())) >= 0)
        ;
    int status = await_exit(t->pid);
    close(t->fd);
    return status;
}

/* Attached to a session of program repaint, the terminal shows no torn frame. */
static inline void pty_check_repaints(const char *id)
{
    const char *const argv[] = {e2e.binary, "attach", id, NULL};
    struct pty *t = pty_start(24, 80, argv);
    t->syncs = 1;
    PTY_AWAIT(t, "ready");
    pty_send(t, "g");
    PTY_AWAIT(t, "done");
    CHECK_INT(t->torn, 0);
    CHECK(t->repaints > 10);
    pty_send(t, "\035d");
    CHECK_INT(pty_await_exit(t), 0);
}
