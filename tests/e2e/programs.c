/* programs - what runs inside of the tests' sessions when a shell is too vague: this driver itself,
 * called as `e2e program NAME [ARGUMENT…]`. */

static void program_say(const char *f, ...)
{
    va_list args;
    va_start(args, f);
    vprintf(f, args);
    va_end(args);
    fflush(stdout);
}

static void program_sleep(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        ;
}

static void program_raw(void)
{
    struct termios modes;
    tcgetattr(0, &modes);
    modes.c_iflag &= ~(tcflag_t)(ICRNL | INLCR | IGNCR | IXON | BRKINT);
    modes.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG | IEXTEN);
    modes.c_cc[VMIN] = 1;
    modes.c_cc[VTIME] = 0;
    tcsetattr(0, TCSANOW, &modes);
}

/* pause: does nothing until it is ended. Reads nothing and reacts to nothing. */
static int program_pause(char **argv)
{
    (void)argv;
    program_say("ready\n");
    while (pause())
        ;
    return 0;
}

/* hex [SEQUENCE]: writes SEQUENCE ("paste" turns bracketed paste on, "app" the cursor keys'
 * application mode), then every byte it reads, as <1b>, in raw mode. */
static int program_hex(char **argv)
{
    unsigned char bytes[256];
    ssize_t n;
    program_raw();
    if (argv[0])
        program_say("%s", strcmp(argv[0], "paste") == 0 ? "\033[?2004h" : "\033[?1h");
    program_say("ready\n");
    while ((n = read(0, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < n; i++)
            program_say("<%02x>", bytes[i]);
    return 0;
}

/* menu: an agent's permission dialog; then every byte that it reads, as hex does. */
static int program_menu(char **argv)
{
    unsigned char bytes[256];
    ssize_t n;
    (void)argv;
    program_raw();
    program_say("\033]0;a title of its own\007\033[?1049h\033[H Bash command\r\n\r\n"
                "   rm -rf build\r\n\r\n Do you want to proceed?\r\n \342\235\257 1. Yes\r\n"
                "   2. No, and tell it what to do\r\n\r\n Esc to cancel\r\n");
    for (int first = 1; (n = read(0, bytes, sizeof bytes)) > 0; first = 0) {
        program_say(first ? "\033[2J\033[Hgot " : "");
        for (ssize_t i = 0; i < n; i++)
            program_say("<%02x>", bytes[i]);
    }
    return 0;
}

/* repaint: at a key, fills 20 rows with a letter 200 times, each time in an update (mode 2026) that
 * it writes in three pieces. */
static int program_repaint(char **argv)
{
    char key;
    (void)argv;
    program_raw();
    program_say("\033[2Jready");
    if (read(0, &key, 1) != 1)
        return 1;
    for (int frame = 0; frame < 200; frame++) {
        program_say("\033[?2026h\033[H");
        for (int row = 0; row < 20; row++) {
            char line[61];
            memset(line, 'A' + frame % 26, 60);
            line[60] = 0;
            printf("%s\r\n", line);
            if (row % 7 == 6) {
                fflush(stdout);
                program_sleep(1);
            }
        }
        program_say("\033[?2026l");
    }
    program_say("done\n");
    return program_pause(argv);
}

static volatile sig_atomic_t program_resized;

static void program_on_winch(int signo)
{
    (void)signo;
    program_resized = 1;
}

static void program_say_size(const char *what)
{
    struct winsize size;
    if (ioctl(0, TIOCGWINSZ, &size) == 0)
        program_say("%s %dx%d\n", what, size.ws_col, size.ws_row);
}

/* winch: says its size at first and whenever SIGWINCH comes. */
static int program_winch(char **argv)
{
    sigset_t blocked, old;
    (void)argv;
    struct sigaction action = {.sa_handler = program_on_winch};
    sigaction(SIGWINCH, &action, NULL);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGWINCH);
    sigprocmask(SIG_BLOCK, &blocked, &old);
    program_say_size("ready");
    while (sigsuspend(&old)) {
        if (program_resized)
            program_say_size("winch");
        program_resized = 0;
    }
    return 0;
}

/* lines COUNT MS: "line 1" to "line COUNT", spread evenly over MS. */
static int program_lines(char **argv)
{
    long count = atol(argv[0]), ms = atol(argv[1]);
    long long began = now_ms();
    for (long i = 1; i <= count; i++) {
        long long due = began + ms * i / count, now = now_ms();
        if (due > now)
            program_sleep((long)(due - now));
        program_say("line %ld\n", i);
    }
    return 0;
}

/* counter MS: "pid=… n=…" every MS milliseconds, for ever. */
static int program_counter(char **argv)
{
    for (unsigned long n = 1; n; n++) {
        program_say("pid=%ld n=%lu\n", (long)getpid(), n);
        program_sleep(atol(argv[0]));
    }
    return 0;
}

/* flood BYTES: that many bytes of numbered lines, then "the last line". */
static int program_flood(char **argv)
{
    long bytes = atol(argv[0]);
    for (long n = 0, at = 0; at < bytes; n++, at += 64)
        printf("%062ld\n", n);
    program_say("the last line\n");
    return 0;
}

/* stubborn: ignores SIGHUP and SIGTERM; so does its child, in a process group of its own, and that
 * one's. */
static int program_stubborn(char **argv)
{
    int depth = 0;
    (void)argv;
    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    while (depth < 2 && fork() == 0) {
        setpgid(0, 0);
        depth++;
    }
    if (depth == 2)
        program_say("ready\n");
    while (pause())
        ;
    return 0;
}

/* deserted: ends of SIGHUP, but leaves a child in a process group of its own that ignores it. */
static int program_deserted(char **argv)
{
    (void)argv;
    if (fork() == 0) {
        setpgid(0, 0);
        signal(SIGHUP, SIG_IGN);
        program_say("ready\n");
    }
    while (pause())
        ;
    return 0;
}

/* garbage: bytes of every kind, cut-off sequences and malformed UTF-8 among them, always the same.
 * */
static int program_garbage(char **argv)
{
    static const char *const nasty[] = {"\033[", "\033]0;", "\xff\xfe", "\xc3", "\xed\xa0\x80",
                                        "\xf4\x90\x80\x80",
                                        "\033[999999999999;1;2;3;4;5;6;7;8;9H", "\033P+q",
                                        "\033[?1049h", "\x9b",
                                        "\033[38;2;1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17m",
                                        "\0\0", "\a"};
    uint32_t seed = 12345;
    (void)argv;
    program_raw(); /* among the garbage are questions; the answers must not be echoed */
    for (int i = 0; i < 200000; i++) {
        seed = seed * 1664525u + 1013904223u;
        if (seed >> 24 < 4)
            fputs(nasty[(seed >> 8) % (sizeof nasty / sizeof *nasty)], stdout);
        putchar((int)(seed >> 16 & 0xff));
    }
    program_say("\033\\\030\033c");
    program_say("after the garbage\n");
    return 0;
}

/* What program_agent shows and how it takes keys. */
struct program_agent {
    char line[256], said[8][300]; /* its input box; what was said */
    int saids, asks;              /* a dialog is open */
    long long works_until;        /* 0: idle */
    long long pasted_at;          /* an Enter right after a paste is swallowed */
};

static void program_agent_draw(const struct program_agent *a)
{
    program_say("\033[H\033[2J");
    for (int i = 0; i < a->saids; i++)
        program_say("%s\r\n", a->said[i]);
    if (a->asks)
        program_say("\r\n\xe2\x94\x80\xe2\x94\x80\r\n Bash command\r\n\r\n"
                    "   rm -rf build\r\n\r\n Do you want to proceed?\r\n"
                    " \xe2\x9d\xaf 1. Yes\r\n   2. No\r\n\r\n Esc to cancel\r\n");
    else
        program_say("\r\n----------\r\n\xe2\x9d\xaf %s\r\n----------\r\n  %s\r\n", a->line,
                    a->works_until ? "esc to interrupt" : "? for shortcuts");
}

static void program_agent_add(struct program_agent *a, const char *before, const char *text)
{
    if (a->saids == 8)
        memmove(a->said[0], a->said[1], sizeof a->said[0] * (size_t)--a->saids);
    snprintf(a->said[a->saids++], sizeof a->said[0], "%s%.250s", before, text);
}

static void program_agent_enter(struct program_agent *a)
{
    if (!a->line[0] || now_ms() - a->pasted_at < 100)
        return;
    program_agent_add(a, "\xe2\x9d\xaf ", a->line);
    a->asks = strncmp(a->line, "ask", 3) == 0;
    if (!a->asks && a->line[0] != '/') {
        program_agent_add(a, "\xe2\x97\x8f ANSWER to: ", a->line);
        a->works_until = now_ms() + 700;
    }
    a->line[0] = '\0';
}

static void program_agent_key(struct program_agent *a, char key)
{
    size_t n = strlen(a->line);
    if (a->asks && strchr("12\r", key)) { /* Enter takes the marked one */
        a->asks = 0;
        program_agent_add(a, "\xe2\x97\x8f chose ", key == '2' ? "2" : "1");
    } else if (a->asks) {
        program_agent_add(a, "\xe2\x97\x8f harmed ", "by a key");
    } else if (key == '\004') {
        exit(0);
    } else if (key == '\r') {
        program_agent_enter(a);
    } else if (n + 1 < sizeof a->line) {
        a->line[n] = key;
        a->line[n + 1] = '\0';
    }
}

/* agent [MS]: looks and behaves like an AI agent. With MS it reads keys only MS milliseconds after
 * its start, shows its box, goes on starting, and asks first whether the folder is trusted. */
static int program_agent(char **argv)
{
    struct program_agent a = {0};
    char bytes[512];
    if (argv[0])
        program_sleep(atol(argv[0]));
    program_raw();
    program_say("\033[?2004h");
    program_agent_draw(&a);
    for (long long until = now_ms() + 400; argv[0] && now_ms() < until;)
        ;
    a.asks = argv[0] != NULL;
    program_agent_draw(&a);
    for (;;) {
        struct pollfd in = {.fd = 0, .events = POLLIN};
        int ready = poll(&in, 1, a.works_until ? 50 : -1);
        ssize_t n = ready > 0 ? read(0, bytes, sizeof bytes) : 0;
        if (ready > 0 && n <= 0)
            return 0;
        for (ssize_t i = 0; i < n; i++) {
            int paste = n - i >= 6 && memcmp(bytes + i, "\033[20", 4) == 0;
            if (paste)
                a.pasted_at = now_ms();
            if (paste)
                i += 5;
            else
                program_agent_key(&a, bytes[i]);
        }
        if (a.works_until && now_ms() > a.works_until)
            a.works_until = 0;
        program_agent_draw(&a);
    }
}

static int program_main(char **argv)
{
    static const struct {
        const char *name;
        int (*run)(char **argv);
    } programs[] = {
        {"pause", program_pause}, {"hex", program_hex}, {"menu", program_menu},
        {"repaint", program_repaint},
        {"winch", program_winch}, {"lines", program_lines}, {"counter", program_counter},
        {"flood", program_flood}, {"stubborn", program_stubborn}, {"agent", program_agent},
        {"deserted", program_deserted},
        {"garbage", program_garbage},
    };
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        if (strcmp(argv[0], programs[i].name) == 0)
            return programs[i].run(argv + 1);
    program_say("no such program: %s\n", argv[0]);
    return 1;
}
