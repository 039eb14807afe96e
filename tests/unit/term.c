/* Unit tests of term: the decoder fed in every split, raw mode on a real pseudo-terminal. */

/* ---- the decoder ---------------------------------------------------------------------------- */

static void unit_term_describe(buf *b, const struct term_event *ev, size_t used)
{
    switch (ev->type) {
    case TERM_KEY:
        buf_fmt(b, "%x", (unsigned)ev->key);
        break;
    case TERM_PASTE:
        buf_str(b, ev->first ? "p[" : "");
        buf_span(b, ev->text);
        buf_str(b, ev->last ? "] " : "");
        return;
    case TERM_MOUSE:
        buf_fmt(b, "m%d:%d:%d,%d", (int)ev->mouse, ev->button, ev->row, ev->col);
        break;
    case TERM_FOCUS_IN:
    case TERM_FOCUS_OUT:
        buf_str(b, ev->type == TERM_FOCUS_IN ? "in" : "out");
        break;
    case TERM_COLOUR:
        buf_fmt(b, "%d:%06x", ev->mode, (unsigned)ev->colour);
        break;
    case TERM_THEME:
        buf_str(b, "theme");
        break;
    case TERM_MODE:
        buf_fmt(b, "d%d=%d", ev->mode, ev->value);
        break;
    case TERM_UNKNOWN:
        CHECK_INT(ev->text.n, used);
        if (ev->released)
            buf_fmt(b, "r%x", (unsigned)ev->key);
        else
            buf_fmt(b, "?%d", (int)ev->text.n);
        break;
    case TERM_STATUS:
        buf_str(b, "status");
        break;
    case TERM_POSITION:
        buf_fmt(b, "at%d,%d", ev->row, ev->col);
        break;
    case TERM_KEYBOARD:
    case TERM_ANSWERED:
        buf_str(b, ev->type == TERM_KEYBOARD ? "keyboard" : "answered");
        break;
    }
    if (ev->mods)
        buf_fmt(b, "+%s%s%s", ev->mods & TERM_SHIFT ? "s" : "", ev->mods & TERM_ALT ? "a" : "",
                ev->mods & TERM_CTRL ? "c" : "");
    buf_byte(b, ' ');
}

/* Decodes all that is in `in`; every call sees it right before a page that must not be touched. */
static void unit_term_drain(struct term_input *st, buf *in, int flush, buf *out)
{
    for (;;) {
        struct term_event ev;
        size_t used = 999, n = in->n;
        char *copy = guard_copy(buf_view(in));
        enum parse answer = term_decode(st, (span){copy, n}, flush, &used, &ev);
        CHECK(used <= n && answer != PARSE_BAD && (answer == PARSE_MORE || used > 0 || ev.last));
        if (answer == PARSE_DONE)
            unit_term_describe(out, &ev, used);
        guard_free(copy, n);
        buf_drop(in, used);
        if (answer != PARSE_DONE)
            return;
    }
}

/* The events of s in pieces that end at a, b and the end, then the escape timeout. */
static void unit_term_events(span s, size_t a, size_t b, buf *out)
{
    struct term_input st = {0, 0};
    buf in = {0};

    buf_clear(out);
    buf_add(&in, s.p, a);
    unit_term_drain(&st, &in, 0, out);
    buf_add(&in, s.p + a, b - a);
    unit_term_drain(&st, &in, 0, out);
    buf_add(&in, s.p + b, s.n - b);
    unit_term_drain(&st, &in, 0, out);
    unit_term_drain(&st, &in, 1, out);
    buf_free(&in);
}

static void unit_term_bytewise(span s, buf *out)
{
    struct term_input st = {0, 0};
    buf in = {0};
    size_t i;

    buf_clear(out);
    for (i = 0; i < s.n; i++) {
        buf_byte(&in, s.p[i]);
        unit_term_drain(&st, &in, 0, out);
    }
    unit_term_drain(&st, &in, 1, out);
    buf_free(&in);
}

static void unit_term_decode_case(span s, const char *want)
{
    buf out = {0};
    size_t a, b;

    for (a = 0; a <= s.n; a++)
        for (b = a; b <= s.n; b += s.n < 24 || b == a ? 1 : s.n - b ? s.n - b : 1) {
            unit_term_events(s, a, b, &out);
            CHECK_SPAN(buf_view(&out), want);
        }
    unit_term_bytewise(s, &out);
    CHECK_SPAN(buf_view(&out), want);
    buf_free(&out);
}

#define UNIT_TERM_60 "012345678901234567890123456789012345678901234567890123456789"

/* Long as the table is: a line for every kind of sequence. */
static void unit_term_decode(void)
{
    test_begin("keys, mouse and answers are decoded at once and byte by byte");
    static const struct {
        const char *bytes, *want;
    } cases[] = {
        {"", ""},
        {"aZ ~", "61 5a 20 7e "},
        {"\r\t\x7f", "d 9 7f "},
        {"\x01\x1a\n\x08", "61+c 7a+c 6a+c 68+c "},
        {"\x1d\x1c\x1e\x1f", "5d+c 5c+c 5e+c 5f+c "},
        {"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80", "e9 4e2d 1f600 "},
        {"\xff"
         "a\xe4\xb8",
         "fffd 61 fffd "},
        {"\xc2\x9b"
         "A",
         "?2 41 "}, /* C1 */
        {"\33", "1b "},
        {"\33\33", "1b 1b "},
        {"\33\33x", "1b 78+a "},
        {"\33x\33X\33\x7f\33\r\33\x01", "78+a 58+a 7f+a d+a 61+ac "},
        {"\33\xc3\xa9", "e9+a "},
        {"\33\xc3", "fffd+a "},
        {"\33[A\33[B\33[C\33[D", "110000 110001 110003 110002 "},
        {"\33OA\33OH\33OF\33OP\33OS", "110000 110004 110005 11000a 11000d "},
        {"\33\33[A\33\33OB", "110000+a 110001+a "},
        {"\33\33[200~x\33[201~", "1b p[x] "},
        {"\33[H\33[F\33[1~\33[4~\33[7~\33[8~", "110004 110005 110004 110005 110004 110005 "},
        {"\33[2~\33[3~\33[5~\33[6~", "110008 110009 110006 110007 "},
        {"\33[1;5A\33[1;2D\33[1;8H\33[3;3~", "110000+c 110002+s 110004+sac 110009+a "},
        {"\33[1;2R\33[12;40R", "11000c+s at11,39 "},
        {"\33[11~\33[15~\33[17~\33[24~\33[25~", "11000a 11000e 11000f 110015 ?5 "},
        {"\33[[A\33[[E\33[[Z", "11000a 11000e ?4 "},
        {"\33[3$\33[3^\33[3@\33[a\33Oa", "110009+s 110009+c 110009+sc 110000+s 110000+c "},
        {"\33[Z\33[1;6Z", "9+s 9+sc "},
        {"\33[27;5;9~\33[27;6;65~\33[27;2;65~", "9+c 61+sc 41 "},
        {"\33[97;5u\33[97;6u\33[97;2u\33[27u\33[13;2u", "61+c 61+sc 41 1b d+s "},
        {"\33[97:65;2u\33[97;5:1u\33[97;5:3u\33[57417u\33[57399u", "41 61+c r61+c 110002 30 "},
        {"\33[50:64;2u\33[1;1:3A\33[3;1:3~\33[?1u\33[?62;22c",
         "40 r110000 r110009 keyboard answered "},
        {"\33[0n\33[3n", "status ?4 "},
        {"\33[55296u\33[1114112u\33[99999999999u\33[u", "?8 ?10 ?14 ?3 "},
        {"\33[13;;u\33[;;;;;;;;;;;;;;1u", "d ?18 "},
        {"\33O5A\33O1;5B\33Oj\33OM\33Oy\33O ", "110000+c 110001+c 2a d 39 20 "},
        {"\33O", "4f+a "},
        {"\33Oz", "4f+a 7a "},
        {"\33[", "5b+a "},
        {"\33[\r", "5b+a d "},
        {"\33[12", "?4 "},
        {"\33[1;\33[A", "?4 110000 "},
        {"\33[I\33[O", "in out "},
        {"\33[<0;10;5M\33[<0;10;5m\33[<2;1;1M", "m0:0:4,9 m1:0:4,9 m0:2:0,0 "},
        {"\33[<64;3;2M\33[<65;3;2M\33[<66;3;2M", "m4:0:1,2 m5:0:1,2 m6:0:1,2 "},
        {"\33[<32;3;2M\33[<35;3;2M\33[<28;3;2M\33[<0;0;0M\33[<0;3M",
         "m2:0:1,2 m3:0:1,2 m0:0:1,2+sac m0:0:0,0 ?7 "},
        {"\33[M !!\33[M#\"!x", "m0:0:0,0 m1:0:0,1 78 "},
        {"\33[M !", "?5 "},
        {"\33[32;5;6M", "m0:0:5,4 "},
        {"\33[?2026;2$y\33[?2026;9$y\33[4;1$y", "d2026=2 ?11 ?7 "},
        {"\33]11;rgb:ffff/8080/0000\33\\\33]11;rgb:1/2/3\a", "11:ff8000 11:112233 "},
        {"\33]11;rgba:12/34/56/78\a\33]11;rgb:zz/1/1\a\33]0;x\a", "11:123456 ?16 ?6 "},
        {"\33]10;rgb:1/2/3\a\33]12;rgb:1/2/3\a\33]13;rgb:1/2/3\a\33[?997;2n",
         "10:112233 12:112233 ?15 theme "},
        {"\33]11;rgb:12/34\33[A", "?14 110000 "},
        {"\33]", "5d+a "},
        {"\33]x", "5d+a 78 "},
        {"\33]1", "?3 "},
        {"\33P>|x 1\33\\y\33P1$r0m\33\\\33Pq", "?9 79 ?9 50+a 71 "},
        {"\33_Gi=1;OK\33\\\33_x", "?11 5f+a 78 "},
        {"\33[200~a\33[A\r\33[201b\33[201~z", "p[a\33[A\r\33[201b] 7a "},
        {"\33[200~\33[201~\33[201~", "p[] ?6 "},
        {"\33[200~a\33[20", "p[a\33[20] "}, /* it never ends */
        {"\33[200~\346\227", "p[\346\227] "},
        {"\33[200~", "p[] "},
        {"\33[" UNIT_TERM_60 UNIT_TERM_60 "AB", "?64 42 "},
        {"\33[" UNIT_TERM_60 UNIT_TERM_60 "\rB", "?64 d 42 "},
        {"\33]0" UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 "\33\\x",
         "?256 78 "},
        {"\33]0" UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 "\ax",
         "?256 78 "},
        {"\33]0" UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 "012345678901\33\\x",
         "?255 78 "},
        {"\33]0" UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 UNIT_TERM_60 "01234567890\33\\x",
         "?256 78 "},
    };
    size_t i;

    for (i = 0; i < COUNT_OF(cases); i++) {
        unit_term_decode_case(span_of(cases[i].bytes), cases[i].want);
    }
    unit_term_decode_case((span){"\0x", 2}, "20+c 78 ");
}

/* Each piece is of whole characters and line ends, as fields insert it by itself. */
static void unit_term_paste_pieces(void)
{
    test_begin("a paste of any size goes through in pieces, and little of it is kept");
    struct term_input st = {0};
    struct term_event ev;
    buf in = {0}, out = {0}, text = {0};
    size_t used, pieces = 0;
    for (int i = 0; i < 30000; i++)
        buf_str(&text, i % 3 ? "\r\n\346\227\245" : "x\33[201");
    buf_str(&in, "\33[200~");
    for (size_t at = 0; at < text.n; at += 7) {
        buf_span(&in, span_sub((span){text.p, at + 7 < text.n ? at + 7 : text.n}, at));
        while (term_decode(&st, buf_view(&in), 0, &used, &ev) == PARSE_DONE) {
            uint32_t cp = 0;
            CHECK(ev.type == TERM_PASTE && !ev.last && ev.first == !pieces++);
            CHECK(!ev.text.n || (ev.text.p[ev.text.n - 1] != '\r' &&
                                 (ev.text.p[0] & 0xc0) != 0x80));
            for (span s = ev.text; s.n; s = span_sub(s, utf8_next(s, &cp)))
                CHECK(cp != 0xfffd);
            buf_span(&out, ev.text);
            buf_drop(&in, used);
        }
        CHECK(in.n < 6);
    }
    buf_str(&in, "\33[201~");
    CHECK_INT(term_decode(&st, buf_view(&in), 0, &used, &ev), PARSE_DONE);
    buf_span(&out, ev.text);
    CHECK(ev.last && used == in.n && !st.pasting);
    CHECK(out.n == text.n && memcmp(out.p, text.p, out.n) == 0);
    buf_free(&in);
    buf_free(&out);
    buf_free(&text);
}

/* ---- the terminal itself ---- */

static int unit_term_open_pty(int *slave)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);

    *slave = -1;
    if (master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0)
        *slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    return master;
}

static void unit_term_read_pty(int fd, buf *b)
{
    struct pollfd ready = {fd, POLLIN, 0};
    char bytes[512];

    while (poll(&ready, 1, 50) > 0) {
        ssize_t n = read(fd, bytes, sizeof(bytes));
        if (n <= 0)
            return;
        buf_add(b, bytes, (size_t)n);
    }
}

static int unit_term_modes_eq(const struct termios *a, const struct termios *b)
{
    return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag &&
           a->c_lflag == b->c_lflag && memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) == 0 &&
           cfgetispeed(a) == cfgetispeed(b) && cfgetospeed(a) == cfgetospeed(b);
}

static void unit_term_raw_mode(void)
{
    test_begin("leaving restores the terminal's modes exactly");
    struct termios before, inside, after;
    int slave, master = unit_term_open_pty(&slave), rows = 0, cols = 0;
    struct winsize size = {33, 101, 0, 0};
    buf b = {0};

    memset(&before, 0, sizeof(before)); /* not every libc fills all of c_cc */
    memset(&after, 0, sizeof(after));
    CHECK(slave >= 0);
    CHECK_INT(tcgetattr(slave, &before), 0);
    before.c_cc[VINTR] = 7; /* odd settings must come back too */
    before.c_iflag |= IXON | ISTRIP;
    CHECK_INT(tcsetattr(slave, TCSANOW, &before), 0);
    CHECK_INT(tcgetattr(slave, &before), 0);
    CHECK_INT(term_enter(slave, 1, 0, &b), 0);
    CHECK_SPAN(buf_view(&b), TERM_SEQ_ENTER TERM_SEQ_MOUSE);
    CHECK_INT(tcgetattr(slave, &inside), 0);
    CHECK(!(inside.c_lflag & (ICANON | ECHO | ISIG)) && !(inside.c_oflag & OPOST));
    CHECK(!(inside.c_iflag & (IXON | ICRNL | ISTRIP)));
    errno = 12345;
    term_leave();
    CHECK_INT(errno, 12345);
    term_leave();
    CHECK_INT(tcgetattr(slave, &after), 0);
    CHECK(unit_term_modes_eq(&before, &after));
    buf_clear(&b);
    unit_term_read_pty(master, &b);
    CHECK_INT(b.n, 0); /* nothing of it was shown */
    CHECK_INT(term_enter(slave, 0, 0, &b), 0);
    CHECK_SPAN(buf_view(&b), TERM_SEQ_ENTER);
    term_entered();
    term_leave();
    term_leave();
    buf_clear(&b);
    unit_term_read_pty(master, &b);
    CHECK_SPAN(buf_view(&b), TERM_SEQ_LEAVE);
    CHECK_INT(ioctl(master, TIOCSWINSZ, &size), 0);
    CHECK_INT(term_size(slave, &rows, &cols), 0);
    CHECK(rows == 33 && cols == 101);
    CHECK_INT(term_size(-1, &rows, &cols), -1);
    CHECK_INT(term_enter(-1, 0, 0, &b), -1);
    close(slave);
    close(master);
    buf_free(&b);
}

static void unit_term_leaves(void)
{
    test_begin("leaving undoes what a session has set, and waits for the terminal's answers");
    int slave, master = unit_term_open_pty(&slave);
    static const char answers[] = "\33]11;rgb:0/0/0\a\33[?1u\33[?62;2", rest[] = "2ckeys",
                      frames[] = "\33[?62;22c\33[?997;1n\33[0nq";
    char key = 0;
    buf b = {0};
    CHECK_INT(term_enter(slave, 0, 1, &b), 0);
    CHECK_SPAN(buf_view(&b), TERM_SEQ_TITLE_PUSH TERM_SEQ_ENTER);
    term_entered();
    char longest[TERM_UNDO_MAX + 1];
    memset(longest, 'u', sizeof longest);
    term_set_undo((span){longest, TERM_UNDO_MAX});
    CHECK_INT(term_saved.undo_n, TERM_UNDO_MAX);
    term_set_undo((span){longest, TERM_UNDO_MAX + 1}); /* half of it would be worse than none */
    CHECK_INT(term_saved.undo_n, 0);
    term_set_undo(span_of("undo"));
    term_expect_answers('c', clock_mono_ms() + 60000);
    CHECK(write(master, answers, sizeof answers - 1) == sizeof answers - 1);
    CHECK(write(master, rest, sizeof rest - 1) == sizeof rest - 1);
    term_leave();
    buf_clear(&b);
    unit_term_read_pty(master, &b);
    CHECK_SPAN(buf_view(&b), "undo" TERM_SEQ_LEAVE TERM_SEQ_TITLE_POP);
    CHECK(read(slave, &key, 1) == 1 && key == 'k'); /* for the shell */
    CHECK(read(slave, &key, 1) == 1 && read(slave, &key, 1) == 1 && read(slave, &key, 1) == 1);
    test_begin("leaving waits for the answer to a frame's question, too");
    CHECK_INT(term_enter(slave, 0, 0, &b), 0);
    term_entered();
    term_expect_answers('n', clock_mono_ms() + 60000);
    term_expect_answers('c', 0); /* not that one */
    CHECK(write(master, frames, sizeof frames - 1) == sizeof frames - 1);
    term_leave();
    CHECK(read(slave, &key, 1) == 1 && key == 'q');
    buf_clear(&b);
    unit_term_read_pty(master, &b);
    test_begin("leaving waits no longer than it may");
    long long before = clock_mono_ms();
    CHECK_INT(term_enter(slave, 0, 0, &b), 0);
    term_entered();
    term_expect_answers('c', before + 50); /* they never come */
    term_leave();
    CHECK(clock_mono_ms() >= before + 50);
    buf_clear(&b);
    unit_term_read_pty(master, &b);
    CHECK_SPAN(buf_view(&b), TERM_SEQ_LEAVE);
    close(slave);
    close(master);
    buf_free(&b);
}

static void unit_term_crash_child(int slave, int how)
{
    buf enter = {0};
    signal(SIGABRT, SIG_DFL);
    term_crash_guard();
    if (term_enter(slave, 0, 0, &enter) == 0 &&
        write(slave, enter.p, enter.n) == (ssize_t)enter.n) {
        term_entered();
        if (how == SIGABRT)
            abort();
        raise(how);
    }
    _exit(0);
}

static void unit_term_crash(void)
{
    test_begin("a fatal signal restores the terminal and still kills the program");
    static const int signals[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
    struct termios before, after;
    size_t i;

    memset(&before, 0, sizeof(before));
    memset(&after, 0, sizeof(after));
    for (i = 0; i < COUNT_OF(signals); i++) {
        int slave, master = unit_term_open_pty(&slave), status = 0;
        buf b = {0};
        pid_t child;
        tcgetattr(slave, &before);
        fflush(stdout);
        child = fork();
        if (child == 0)
            unit_term_crash_child(slave, signals[i]);
        waitpid(child, &status, 0);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signals[i]);
        tcgetattr(slave, &after);
        CHECK(unit_term_modes_eq(&before, &after));
        unit_term_read_pty(master, &b);
        CHECK_SPAN(buf_view(&b), TERM_SEQ_ENTER TERM_SEQ_LEAVE);
        close(slave);
        close(master);
        buf_free(&b);
    }
}

static void unit_term_environment(void)
{
    test_begin("depth, UTF-8 and queries come from the environment");
    static const char *const names[] = {"TERM",   "COLORTERM", "NO_COLOR",
                                        "LC_ALL", "LC_CTYPE",  "LANG", "TMUX", "STY"};
    static const struct {
        const char *values[8];
        enum cell_depth depth;
        int utf8;
    } cases[] = {
        {{"xterm-256color", NULL, NULL, NULL, NULL, "en_US.UTF-8"}, CELL_256, 1},
        {{"xterm", NULL, NULL, NULL, NULL, "C"}, CELL_16, 0},
        {{"xterm", "truecolor", "", "C", NULL, "de_DE.utf8@euro"}, CELL_TRUE, 0},
        {{"xterm", "24bit", NULL, "", "C.utf8", "C"}, CELL_TRUE, 1},
        {{"xterm-kitty", NULL, "1", NULL, NULL, "de_DE.utf8@euro"}, CELL_MONO, 1},
        {{"xterm-kitty", NULL, NULL, NULL, NULL, NULL}, CELL_TRUE, 0},
        {{"rxvt-unicode-256color", "rxvt", NULL, NULL, NULL, "C"}, CELL_PLAIN, 0},
        {{"rxvt-unicode", "rxvt", NULL, NULL, NULL, "C"}, CELL_16, 0},
        {{"screen.xterm-256color", "truecolor", NULL, NULL, NULL, "C"}, CELL_PLAIN, 0},
        {{"screen-256color", NULL, NULL, NULL, NULL, "C", "/tmp/tmux-0/default"}, CELL_256, 0},
        {{"xterm-256color", NULL, NULL, NULL, NULL, "C", NULL, "1.pts"}, CELL_PLAIN, 0},
        {{"dumb", "truecolor", NULL, NULL, NULL, "en_US.ISO-8859-1"}, CELL_MONO, 0},
        {{NULL, NULL, NULL, NULL, NULL, ""}, CELL_MONO, 0},
    };
    char *saved[8];
    size_t i, j;

    for (j = 0; j < COUNT_OF(names); j++)
        saved[j] = getenv(names[j]) ? span_dup(span_of(getenv(names[j]))) : NULL;
    for (i = 0; i < COUNT_OF(cases); i++) {
        for (j = 0; j < COUNT_OF(names); j++)
            if (cases[i].values[j])
                setenv(names[j], cases[i].values[j], 1);
            else
                unsetenv(names[j]);
        CHECK_INT(term_depth(), cases[i].depth);
        CHECK_INT(term_is_utf8(), cases[i].utf8);
        CHECK_INT(*term_queries() != 0, cases[i].depth != CELL_MONO || cases[i].values[2]);
    }
    for (j = 0; j < COUNT_OF(names); j++) {
        if (saved[j])
            setenv(names[j], saved[j], 1);
        else
            unsetenv(names[j]);
        free(saved[j]);
    }
}

static void unit_term(void)
{
    unit_term_decode();
    unit_term_paste_pieces();
    unit_term_raw_mode();
    unit_term_leaves();
    unit_term_crash();
    unit_term_environment();
}
