/* question: screens drawn by hand in the shapes of agents' and programs' dialogs, and the
 * recordings of real agents where they are. */

#define QUESTION_ROWS 60

/* A screen from its text: rows end with a line feed, the cursor stands at '\1'. */
struct drawn {
    struct question_screen screen;
    span rows[QUESTION_ROWS];
    buf text;
};

static void draw(struct drawn *d, const char *text)
{
    span rest = span_of(text);
    memset(d, 0, sizeof *d);
    d->screen.echo = d->screen.canonical = 1;
    d->screen.rows = d->rows;
    buf_reserve(&d->text, rest.n + 1); /* rows must not move */
    while (rest.n && d->screen.count < QUESTION_ROWS) {
        span row = span_cut(&rest, '\n');
        const char *cursor = row.n ? memchr(row.p, '\1', row.n) : NULL;
        size_t before = cursor ? (size_t)(cursor - row.p) : row.n, start = d->text.n;
        buf_add(&d->text, row.p, before);
        if (cursor) {
            d->screen.row = d->screen.count;
            d->screen.col = question_column((span){d->text.p + start, before},
                d->text.p + d->text.n);
            buf_add(&d->text, cursor + 1, row.n - before - 1);
        }
        span whole = {d->text.p + start, d->text.n - start};
        while (whole.n && whole.p[whole.n - 1] == ' ')
            whole.n--; /* as a terminal tells its rows */
        d->rows[d->screen.count++] = whole;
    }
}

static const struct agents_screen question_agents[] = {
    {"esc to interrupt", NULL, "❯", "Try \"", "●"},
    {"esc to cancel", "waiting for user confirmation", ">", "Type your message", "✦"},
    {"esc interrupt", "permission required", NULL, NULL, NULL},
};

static void test_question_kinds(void)
{
    static const struct {
        const char *text, *asks;
        int agent, alternate;
        enum question_kind kind;
        int options;
    } screens[] = {
        /* agents' dialogs */
        {"● Bash(make)\n  ⎿  Waiting…\n\n──────────\n Bash command\n\n   make check\n   runs"
            " it as a command\n\n"
         " Do you want to proceed?\n ❯ 1. Yes\n   2. Yes, always\n   3. No\n\n Esc to cancel"
             " · Tab to amend\n",
         "Bash: make check", 1, 0, QUESTION_CHOICE, 3},
        {"╭────────────╮\n│ ?  Shell make check ← │\n│                 │\n│ Allow it?   │\n"
         "│ › 1. Yes     │\n│   2. No (esc)│\n╰────────────╯\n",
         "Shell make check", 2, 0, QUESTION_CHOICE, 2},
        {"  Which file?\n\n❯ 1. parser.c\n     the tokenizer\n  2. lexer.c\n     the rest of it\n"
         "  3. Type something.\n\nEnter to select · Esc to cancel\n",
         "Which file?", 1, 0, QUESTION_CHOICE, 3},
        {"  Folder access\n  Trust this folder? The agent can read here.\n\n› 1. Trust and"
            " continue\n"
         "  2. Back\n\n  enter continue · esc back\n", "› 1. Trust and continue", 1, 0,
             QUESTION_CHOICE, 2},
        {"$ Shell a test    6s ┃\n\n╭──────╮\n│ a test │\n│ ╭────╮ │\n│ │ make all │ │\n│"
            " ╰────╯ │\n"
         "│ Run it? │\n│ ❯ 1. Yes │\n│   2. No │\n╰──────╯\n", "make all", 1, 1,
             QUESTION_CHOICE, 2},
        {"  ┃  △ Permission required\n  ┃    # Shell command\n  ┃\n  ┃  $ make\n  ┃\n"
         "  ┃   Allow once   Allow always   Reject   enter con\n",
         "make", 3, 1, QUESTION_CHOICE, 3},
        {"│ Do you trust the files in this folder? │\n│ ● 1. Trust    │\n│   2. Don't trust │\n",
         "Do you trust the files in this folder?", 2, 0, QUESTION_CHOICE, 2},
        {"  ⠏ Waiting for user confirmation...\n", "⠏ Waiting for user confirmation...", 2, 0,
         QUESTION_CHOICE, 0},
        /* agents at work, idle, with a prompt that looks like a menu */
        {"❯ Shall I?\n❯ 1. first this\n  2. then that\n\n* Thinking…\n\n──────\n❯ \1\n──────\n"
         "  esc to interrupt\n", "", 1, 0, QUESTION_NONE, 0},
        {"──────\n❯ \1\n──────\n  ? for shortcuts\n", "", 1, 0, QUESTION_NONE, 0},
        {"  ⠙ Swapping bits... (0s · esc to cancel)\n────\n>   Type your message\n────\n", "", 2, 0,
         QUESTION_NONE, 0},
        /* programs */
        {"The host can't be checked.\nContinue connecting (yes/no/[fingerprint])? \1\n",
         "Continue connecting (yes/no/[fingerprint])?", 0, 0, QUESTION_TEXT, 0},
        {"Do you want to continue? [Y/n] \1\n", "Do you want to continue? [Y/n]", 0, 0,
            QUESTION_TEXT, 0},
        {"(1/3) Stage this hunk [y,n,q,a,d,e,?]? \1\n", "(1/3) Stage this hunk"
            " [y,n,q,a,d,e,?]?", 0, 0,
         QUESTION_TEXT, 0},
        {"package name: (parser) \1\n", "package name: (parser)", 0, 0, QUESTION_TEXT, 0},
        {"Ok to proceed? (y) \1\n", "Ok to proceed? (y)", 0, 0, QUESTION_TEXT, 0},
        {"Name:\1\n", "Name:", 0, 0, QUESTION_TEXT, 0},
        {"login: \1\n", "login:", 0, 0, QUESTION_TEXT, 0},
        {"1) one\n2) two\n#? \1\n", "#?", 0, 0, QUESTION_TEXT, 0},
        {"Press ENTER to continue \1\n", "Press ENTER to continue", 0, 0, QUESTION_TEXT, 0},
        {"Overwrite b? y/n? \1\n", "Overwrite b? y/n?", 0, 0, QUESTION_TEXT, 0},
        {"rm: remove regular file 'a'? \1\n", "rm: remove regular file 'a'?", 0, 0,
            QUESTION_TEXT, 0},
        {"Username for 'https://host': \1\n", "Username for 'https://host':", 0, 0,
            QUESTION_TEXT, 0},
        {"? Pick a kit (Use arrow keys)\n❯ vanilla\n  vue\n", "? Pick a kit (Use arrow keys)", 0, 0,
         QUESTION_CHOICE, 0},
        {"  one\n> two\n  2/2\n> \1\n", ">", 0, 0, QUESTION_CHOICE, 0},
        {"│ Remove all files? │\n│ │\n│   < Yes >      <  No  >  │\n", "< Yes >      <  No "
            " >", 0, 1,
         QUESTION_CHOICE, 0},
        {"Save modified buffer? [y/n]\1\n", "Save modified buffer? [y/n]", 0, 1,
            QUESTION_CHOICE, 0},
        /* ordinary ends */
        {"me@host:~$ \1\n", "", 0, 0, QUESTION_NONE, 0},
        {">>> \1\n", "", 0, 0, QUESTION_NONE, 0},
        {"In [1]: \1\n", "", 0, 0, QUESTION_NONE, 0},
        {"(gdb) \1\n", "", 0, 0, QUESTION_NONE, 0},
        {"mysql> \1\n", "", 0, 0, QUESTION_NONE, 0},
        {"irb(main):001:0> \1\n", "", 0, 0, QUESTION_NONE, 0},
        {"a line of a file\n:\1\n", "", 0, 0, QUESTION_NONE, 0},
        {"a line of a file\n:\1\n", "", 0, 1, QUESTION_NONE, 0},
        {"Compiling parser.c\nWhat is left?\nnothing\n\1\n", "", 0, 0, QUESTION_NONE, 0},
        {"Is it done?\n\1\n", "", 0, 0, QUESTION_NONE, 0},
        {"building [12/40] \1\n", "", 0, 0, QUESTION_NONE, 0},
        {"-- INSERT --\nwhat is this?\1\n", "", 0, 1, QUESTION_NONE, 0},
        {"1. one\n2. two\n\1\n", "", 0, 0, QUESTION_NONE, 0},
        {"> 1. quoted\n  2. quoted\n\nthe end\n$ \1\n", "", 0, 0, QUESTION_NONE, 0},
        {"Press enter to confirm, they said\n$ \1\n", "", 0, 0, QUESTION_NONE, 0},
        {"\1\n", "", 0, 0, QUESTION_NONE, 0},
    };
    test_begin("a dialog is a choice, a line prompt a text, and an ordinary end nothing");
    for (size_t i = 0; i < COUNT_OF(screens); i++) {
        struct drawn d;
        struct question q;
        buf asks = {0};
        draw(&d, screens[i].text);
        d.screen.alternate = screens[i].alternate;
        d.screen.agent = screens[i].agent ? &question_agents[screens[i].agent - 1] : NULL;
        question_read(&d.screen, &q);
        question_put_text(&d.screen, &q, &asks);
        CHECK_INT(q.kind, screens[i].kind);
        CHECK_INT(q.option_count, screens[i].options);
        CHECK_SPAN(buf_view(&asks), screens[i].asks);
        if (q.kind != screens[i].kind)
            printf("# screen %zu: %s\n", i, screens[i].text);
        buf_free(&asks);
        buf_free(&d.text);
    }
}

static void test_question_echo(void)
{
    struct drawn d;
    struct question q;
    test_begin("a terminal that reads lines without echo asks for a password");
    draw(&d, "anything \1\n");
    d.screen.echo = 0;
    question_read(&d.screen, &q);
    CHECK_INT(q.kind, QUESTION_PASSWORD);
    d.screen.canonical = 0; /* a program that reads keys draws its own echo */
    question_read(&d.screen, &q);
    CHECK_INT(q.kind, QUESTION_NONE);
    buf_free(&d.text);
}

static void test_question_shell(void)
{
    struct drawn d;
    struct question q;
    test_begin("a shell's own prompt is no question");
    draw(&d, "my shell: \1\n");
    d.screen.at_shell = 1;
    question_read(&d.screen, &q);
    CHECK_INT(q.kind, QUESTION_NONE);
    buf_free(&d.text);
}

static void test_question_title(void)
{
    struct drawn d;
    struct question q;
    test_begin("a title that requires an action is a choice");
    draw(&d, "nothing to read\n");
    d.screen.title = span_of("[ ! ] Action Required | codex");
    question_read(&d.screen, &q);
    CHECK_INT(q.kind, QUESTION_CHOICE);
    CHECK(strcmp(q.rule, "title") == 0);
    buf_free(&d.text);
}

static void test_question_options(void)
{
    struct drawn d;
    struct question q;
    test_begin("a menu's options are known by number, with the marked one");
    draw(&d, "Proceed?\n  1. Yes\n❯ 2. No, and say why\n");
    question_read(&d.screen, &q);
    CHECK_INT(q.option_count, 2);
    CHECK_INT(q.selected, 1);
    CHECK_INT(q.first, 1);
    CHECK_SPAN(q.options[1], "No, and say why");
    buf_free(&d.text);
    draw(&d, "Proceed?\n  2. Yes\n❯ 3. No\n"); /* scrolled: the first one is not to be seen */
    question_read(&d.screen, &q);
    CHECK_INT(q.kind, QUESTION_NONE);
    buf_free(&d.text);
}

static void test_question_working(void)
{
    struct drawn d;
    struct question q;
    test_begin("an agent's sign of work is read only without a question");
    draw(&d, "* Thinking…\n❯ \1\n  esc to interrupt\n");
    d.screen.agent = &question_agents[0];
    question_read(&d.screen, &q);
    CHECK(q.working);
    d.screen.agent = NULL;
    question_read(&d.screen, &q);
    CHECK(!q.working);
    buf_free(&d.text);
}

static void test_question_draft(void)
{
    static const struct {
        const char *text, *draft;
        int agent;
    } boxes[] = {{"────\n❯ fix the\1\n────\n", "fix the", 1},
                 {"────\n❯ \1\n────\n", "", 1},
                 {"────\n❯ \1Try \"refactor\"\n", "", 1},
                 {">   Type your message or @path\n\1\n", "", 2},
                 {"> half typed\n\1\n", "half typed", 2},
                 {"❯ sent before\n● answer\n────\n❯ \1\n", "", 1}};
    test_begin("a text in the agent's input box is a draft, its placeholder is not");
    for (size_t i = 0; i < COUNT_OF(boxes); i++) {
        struct drawn d;
        span draft = {0};
        draw(&d, boxes[i].text);
        d.screen.agent = &question_agents[boxes[i].agent - 1];
        int found = question_find_draft(&d.screen, &draft);
        CHECK_INT(found, boxes[i].draft[0] != '\0');
        if (found)
            CHECK_SPAN(draft, boxes[i].draft);
        buf_free(&d.text);
    }
}

static void test_question_bytes(void)
{
    static const char bytes[] = "❯ 1. a?\xff\xe2\x94 [y/n]:(2. ›\n> 1. \xf0\x9f\n│ 2) x\n";
    test_begin("any bytes on a screen are read within their bounds");
    for (size_t from = 0; from < sizeof bytes; from++)
        for (size_t n = 0; from + n < sizeof bytes; n++) {
            char *copy = guard_copy((span){bytes + from, n});
            span rows[3] = {{copy, n / 2}, {copy + n / 2, n - n / 2}, {copy + n, 0}};
            struct question_screen s = {.rows = rows, .count = 3, .row = 1, .col = 2,
                                        .agent = &question_agents[from % 3], .alternate = n & 1};
            struct question q;
            buf asks = {0};
            span draft;
            question_read(&s, &q);
            question_put_text(&s, &q, &asks);
            question_find_draft(&s, &draft);
            buf_free(&asks);
            guard_free(copy, n);
        }
    CHECK(1);
}

static void unit_question(void)
{
    test_question_kinds();
    test_question_echo();
    test_question_shell();
    test_question_title();
    test_question_options();
    test_question_working();
    test_question_draft();
    test_question_bytes();
}
