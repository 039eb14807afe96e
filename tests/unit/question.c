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
    {"esc to interrupt", NULL, "❯", NULL, "Try \"",
     "describe a task|search prompts:", "●", NULL},
    {"esc to cancel", "waiting for user confirmation", ">", NULL, "Type your message", NULL, "✦",
     NULL},
    {"esc interrupt", "△ permission required|enter submit", NULL, "╹▀", "Ask anything",
     "run a command", NULL, NULL},
    {"esc to interrupt", NULL, "›", NULL, "Ask Codex", NULL, "•", NULL},
};

/* KEYS: the program reads keys, not lines. */
enum { ALTERNATE = 1, KEYS = 2, SILENT = 4, AT_SHELL = 8 };

static void test_question_kinds(void)
{
    static const struct {
        const char *text, *asks;
        int agent, modes;
        enum question_kind kind;
        int options;
    } screens[] = {
        /* agents' dialogs */
        {"\n Hooks need review\n 8 hooks are new.\n\n\n› 1. Review hooks\n  2. Trust all\n\n"
         " enter confirm · esc skip\n", "Hooks need review", 1, KEYS, QUESTION_CHOICE, 2},
        {" Trust this folder? Codex can read and run\n files. Continue only if\n\n› 1. Trust\n"
         "  2. Back\n\n enter continue · esc back\n", "Trust this folder?", 1, KEYS,
         QUESTION_CHOICE, 2},
        {"● Bash(make)\n  ⎿  Waiting…\n\n──────────\n Bash command\n\n   make check\n   runs"
            " it as a command\n\n"
         " Do you want to proceed?\n ❯ 1. Yes\n   2. Yes, always\n   3. No\n\n Esc to cancel"
             " · Tab to amend\n",
         "Bash: make check", 1, 0, QUESTION_CHOICE, 3},
        {"──────────\n Bash command · from the other agent\n\n   make\n\n"
         " Do you want to proceed?\n ❯ 1. Yes\n   2. No\n", "Bash: make", 1, 0, QUESTION_CHOICE, 2},
        {"╭────────────╮\n│ ?  Shell make check ← │\n│                 │\n│ Allow it?   │\n"
         "│ › 1. Yes     │\n│   2. No (esc)│\n╰────────────╯\n",
         "Shell make check", 2, 0, QUESTION_CHOICE, 2},
        {"  Which file?\n\n❯ 1. parser.c\n     the tokenizer\n  2. lexer.c\n     the rest of it\n"
         "  3. Type something.\n\nEnter to select · Esc to cancel\n",
         "Which file?", 1, 0, QUESTION_CHOICE, 3},
        {"  Folder access\n  Trust this folder? The agent can read here.\n\n› 1. Trust and"
         " continue\n  2. Back\n\n  enter continue · esc back\n",
         "Trust this folder?", 1, 0, QUESTION_CHOICE, 2},
        {"$ Shell a test    6s ┃\n\n╭──────╮\n│ a test │\n│ ╭────╮ │\n│ │ make all │ │\n│"
            " ╰────╯ │\n"
         "│ Run it? │\n│ ❯ 1. Yes │\n│   2. No │\n╰──────╯\n", "make all", 1, 1,
             QUESTION_CHOICE, 2},
        {"  ┃  △ Permission required\n  ┃    # Shell command\n  ┃\n  ┃  $ make\n  ┃\n"
         "  ┃   Allow once   Allow always   Reject   enter con\n",
         "make", 3, 1, QUESTION_CHOICE, 3},
        {"  ┃  △ Permission required\n  ┃    → Edit w.txt\n  ┃\n  ┃  1 + hello\n  ┃\n"
         "  ┃   Allow once   Allow always   Reject   enter con\n", "Edit w.txt", 3, 1,
         QUESTION_CHOICE, 3},
        {"│ Do you trust the files in this folder? │\n│ ● 1. Trust    │\n│   2. Don't trust │\n",
         "Do you trust the files in this folder?", 2, 0, QUESTION_CHOICE, 2},
        {"│ ╭────╮ │\n│ │ /a/b │ │\n│ ╰────╯ │\n│ Do you trust the files here? │\n│ ❯ 1. Yes │\n"
         "│   2. No │\n", "Do you trust the files here?", 1, 0, QUESTION_CHOICE, 2},
        {"  ⠏ Waiting for user confirmation...\n", "⠏ Waiting for user confirmation...", 2, 0,
         QUESTION_CHOICE, 0},
        {"○ Asking user\n──────\nWhich colour?\n❯ Red\n  Blue\n  Other (type your answer)\n"
         "↑/↓ select · enter accept · esc cancel\n──────\n",
         "↑/↓ select · enter accept · esc cancel", 1, 0, QUESTION_CHOICE, 3},
        {"Plan\n╌╌╌╌\n────\n The plan is ready. Would you like to\n proceed?\n ❯ 1. Yes\n"
         "   2. Tell it what to change\n", "The plan is ready. Would you like to proceed?", 1, 0,
         QUESTION_CHOICE, 2},
        {"────\n Select model\n Applies to this session.\n\n ❯ 1. Default  Opus\n   2. Sonnet\n"
         "      the fast one\n   3. Haiku\n   4. Opus\n   5. Opus plan\n\n"
         " Enter to set as default · s to set for this session · Esc to cancel\n x\n",
         "Select model", 1, 0, QUESTION_CHOICE, 5},
        {"❯ /config\n────\n Settings\n\n ❯ Auto-compact   false\n   Show tips      true\n"
         "   Reduce motion  true\n\n\n"
         " a\n b\n c\n d\n e\n f\n g\n h\n\n Space to change · Esc to close\n",
         "Space to change · Esc to close", 1, 0, QUESTION_CHOICE, 3},
        {"────\n Settings\n ╭────╮\n │ ⌕ Search… │\n ╰────╯\n\n ❯ Auto-compact\n   Show tips\n\n"
         " Esc to close\n", "⌕ Search…", 1, 0, QUESTION_CHOICE, 2},
        {"❯ /theme\n────\n Theme\n Choose one\n\n   1. Auto\n ❯ 2. Dark\n   3. Light\n ╌╌╌\n a\n"
         " b\n c\n d\n e\n ╌╌╌\n\n Enter to select · Esc to cancel\n", "Theme", 1, 0,
         QUESTION_CHOICE, 3},
        /* agents at work, idle, with a prompt that looks like a menu, with a draft that asks */
        {"──────\n❯ delete everything?\1\n──────\n  ? for shortcuts\n", "", 1, 0, QUESTION_NONE, 0},
        {"❯ Shall I?\n❯ 1. first this\n  2. then that\n\n* Thinking…\n\n──────\n❯ \1\n──────\n"
         "  esc to interrupt\n", "", 1, 0, QUESTION_NONE, 0},
        {"──────\n❯ \1\n──────\n  ? for shortcuts\n", "", 1, 0, QUESTION_NONE, 0},
        {"⠋ Waiting for user confirmation... (0s · esc to cancel)\n────\n>   Type your message\n",
         "", 2, 0, QUESTION_NONE, 0},
        {"  ⠙ Swapping bits... (0s · esc to cancel)\n────\n>   Type your message\n────\n", "", 2, 0,
         QUESTION_NONE, 0},
    };
    test_begin("a dialog of an agent is a choice; its work and its idle screen are none");
    for (size_t i = 0; i < COUNT_OF(screens); i++) {
        struct drawn d;
        struct question q;
        buf asks = {0};
        draw(&d, screens[i].text);
        d.screen.alternate = (screens[i].modes & ALTERNATE) != 0;
        d.screen.canonical = !screens[i].agent && !(screens[i].modes & KEYS);
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

/* What real programs show, at 80 columns. */
static const struct {
    const char *program, *text;
    int modes;
    enum question_kind kind;
} question_programs[] = {
    /* usual questions */
    {"ssh", "ED25519 key fingerprint is SHA256:x.\nThis key is not known by any other names.\n"
            "Are you sure you want to continue connecting (yes/no/[fingerprint])? \1\n", 0,
     QUESTION_TEXT},
    {"ssh's password", "me@host's password: \1\n", SILENT, QUESTION_PASSWORD},
    {"sudo", "[sudo] password for me: \1\n", SILENT, QUESTION_PASSWORD},
    {"git's user", "Cloning into 'x'...\nUsername for 'http://127.0.0.1:8198': \1\n", 0,
     QUESTION_TEXT},
    {"git add -p", "-b\n+B\n c\n(1/1) Stage this hunk [y,n,q,a,d,e,?]? \1\n", 0, QUESTION_TEXT},
    {"git clean -i", "*** Commands ***\n    1: clean     2: filter by pattern\nWhat now> \1\n", 0,
     QUESTION_TEXT},
    {"apt", "After this operation, 25 MB will be used.\nDo you want to continue? [Y/n] \1\n", 0,
     QUESTION_TEXT},
    {"npm init", "Press ^C at any time to quit.\npackage name: (w) \1\n", 0, QUESTION_TEXT},
    {"npx", "Need to install the following packages:\ncowsay@1.6.0\nOk to proceed? (y) \1\n", 0,
     QUESTION_TEXT},
    {"npm create", "│\n◆  Select a framework:\n│  ● Vanilla\n│  ○ Vue\n│  ○ React\n└\n\1\n", KEYS,
     QUESTION_CHOICE},
    {"inquirer", "? Pick a kit (Use arrow keys)\n❯ vanilla\n  vue\n\1\n", KEYS, QUESTION_CHOICE},
    {"read -p", "Name: \1\n", 0, QUESTION_TEXT},
    {"input()", "Enter value 3: \1\n", 0, QUESTION_TEXT},
    {"a range", "A column from 1 to 9: \1\n", 0, QUESTION_TEXT},
    {"read -n1", "Overwrite? [y/N] \1\n", KEYS, QUESTION_CHOICE},
    {"select", "1) one\n2) two\n#? \1\n", 0, QUESTION_TEXT},
    {"pause", "Press any key to continue... \1\n", KEYS | SILENT, QUESTION_TEXT},
    {"fzf", "  one\n▌ two\n  2/40 ────────\n> \1\n", KEYS, QUESTION_CHOICE},
    {"dialog", "│ Remove all files? │\n│ │\n│   < Yes >      <  No  >  │\n", ALTERNATE | KEYS,
     QUESTION_CHOICE},
    {"a script's menu", "  Main menu\n\n  1) Start\n  2) Stop\n\n  Choose: \1\n", ALTERNATE,
     QUESTION_TEXT},
    {"a script's menu of keys", "  Main menu\n\n  1) Start\n  2) Stop\n\n  Choose [1-2]: \1\n",
     ALTERNATE | KEYS, QUESTION_CHOICE},
    {"rm -i", "rm: remove regular file 'f'? \1\n", 0, QUESTION_TEXT},
    {"cp -i", "cp: overwrite 'g'? \1\n", 0, QUESTION_TEXT},
    {"ssh-keygen", "Generating public/private rsa key pair.\n"
                   "Enter file in which to save the key (/root/.ssh/id_rsa): \1\n", 0,
     QUESTION_TEXT},
    {"openssl", "-----\nCountry Name (2 letter code) [AU]: \1\n", 0, QUESTION_TEXT},
    {"gpg", "GnuPG needs to construct a user ID to identify your key.\n\nReal name: \1\n", 0,
     QUESTION_TEXT},
    {"docker", "details at https://docs.docker.com/go/access-tokens/\n\nUsername: \1\n", 0,
     QUESTION_TEXT},
    {"passwd", "New password: \1\n", SILENT, QUESTION_PASSWORD},
    {"conda", "Proceed ([y]/n)? \1\n", 0, QUESTION_TEXT},
    {"unzip", "replace f? [y]es, [n]o, [A]ll, [N]one, [r]ename: \1\n", 0, QUESTION_TEXT},
    {"gdb's end", "\tInferior 1 [process 29169] will be killed.\n\nQuit anyway? (y or n) \1\n",
     KEYS, QUESTION_CHOICE},
    {"vim's swap file", "Swap file \".long.swp\" already exists!\n[O]pen Read-Only, (E)dit anyway,"
                        " (R)ecover, (Q)uit, (A)bort: \1\n", ALTERNATE | KEYS, QUESTION_CHOICE},
    {"nano's end", "Save modified buffer? [y/n]\1\n", ALTERNATE | KEYS, QUESTION_CHOICE},
    {"login", "login: \1\n", 0, QUESTION_TEXT},
    {"an installer", "Press ENTER to continue \1\n", 0, QUESTION_TEXT},
    /* ordinary ends */
    {"bash", "me@host:~$ \1\n", KEYS | SILENT | AT_SHELL, QUESTION_NONE},
    {"bash, odd", "ok? \1\n", KEYS | SILENT | AT_SHELL, QUESTION_NONE},
    {"bash, a colon", "my shell: \1\n", KEYS | SILENT | AT_SHELL, QUESTION_NONE},
    {"sh", "# \1\n", 0, QUESTION_NONE},
    {"python", ">>> \1\n", 0, QUESTION_NONE},
    {"python's block", "... \1\n", 0, QUESTION_NONE},
    {"ipython", "In [1]: \1\n", KEYS | SILENT, QUESTION_NONE},
    {"gdb", "(gdb) \1\n", KEYS | SILENT, QUESTION_NONE},
    {"mysql", "mysql> \1\n", 0, QUESTION_NONE},
    {"sqlite", "Use \".open FILENAME\" to reopen on a persistent database.\nsqlite> \1\n", 0,
     QUESTION_NONE},
    {"irb", "irb(main):001:0> \1\n", KEYS | SILENT, QUESTION_NONE},
    {"node", "Type \".help\" for more information.\n> \1\n", KEYS | SILENT, QUESTION_NONE},
    {"tclsh", "% \1\n", 0, QUESTION_NONE},
    {"perl -d", "main::(-e:1):\t1\n  DB<1> \1\n", 0, QUESTION_NONE},
    {"ed", "6\n\1\n", 0, QUESTION_NONE},
    {"cat", "\1\n", 0, QUESTION_NONE},
    {"less", "a line of a file\n:\1\n", ALTERNATE | KEYS | SILENT, QUESTION_NONE},
    {"less, main screen", "a line of a file\n:\1\n", KEYS | SILENT, QUESTION_NONE},
    {"less, a file", "21\n22\nlong\1\n", ALTERNATE | KEYS | SILENT, QUESTION_NONE},
    {"less, its end", "B\nc\nf (END)\1\n", ALTERNATE | KEYS | SILENT, QUESTION_NONE},
    {"man", "  not ignore entries starting with .\n Manual page ls(1) line 1 (press h for help or"
            " q to quit)\1\n", ALTERNATE | KEYS | SILENT, QUESTION_NONE},
    {"more", "21\n22\n--More--(8%)\1\n", KEYS | SILENT, QUESTION_NONE},
    {"vim", "\0011\n16\n\"long\" 200L, 692B        1,1     Top\n", ALTERNATE | KEYS | SILENT,
     QUESTION_NONE},
    {"vim inserts", "what is this?\1\n~\n-- INSERT --\n", ALTERNATE | KEYS | SILENT,
     QUESTION_NONE},
    {"vim, a list", "1. one\n2. two\nchoose:\1\n~\n-- INSERT --     3,7     All\n",
     ALTERNATE | KEYS | SILENT, QUESTION_NONE},
    {"top", "    1 root      20   0   60144   1:19.23 init\n27732 root   20   0   x\1\n", KEYS,
     QUESTION_NONE},
    {"tmux", "bash-5.2# \1\n\n[0] 0:bash*            \"vm\" 01:43 26-Nov-26\n", ALTERNATE | KEYS,
     QUESTION_NONE},
    {"tail", "199\n200\n\1\n", 0, QUESTION_NONE},
    {"a compiler", "Compiling parser.c\nWhat is left?\nnothing\n\1\n", 0, QUESTION_NONE},
    {"a log", "Is it done?\n\1\n", 0, QUESTION_NONE},
    {"a log of errors", "2026-11-26 error: what now?\n2026-11-26 retry\n\1\n", 0, QUESTION_NONE},
    {"a countdown", "it failed\nretry in 3: \1\n", 0, QUESTION_NONE},
    {"progress", "building [12/40] \1\n", 0, QUESTION_NONE},
    {"a percentage", "Downloading 45% \1\n", 0, QUESTION_NONE},
    {"wget", "long   45%[====>     ]  12.3M  3.4MB/s   eta 5s \1\n", 0, QUESTION_NONE},
    {"make", "cc -o x x.c\nmake: *** [Makefile:3: x] Error 1\n\1\n", 0, QUESTION_NONE},
    {"a list", "1. one\n2. two\n\1\n", 0, QUESTION_NONE},
    {"a quoted menu", "> 1. quoted\n  2. quoted\n\nthe end\n$ \1\n", KEYS | SILENT | AT_SHELL,
     QUESTION_NONE},
    {"a quoted hint", "Press enter to confirm, they said\n$ \1\n", KEYS | SILENT | AT_SHELL,
     QUESTION_NONE},
    {"a left menu", "Proceed?\n❯ 1. Yes\n  2. No\nenter to confirm\nit has ended\n$ \1\n", 0,
     QUESTION_NONE},
    {"ls", "d  e1  f  g  k  k.pub  kk  long  m\n\1\n", 0, QUESTION_NONE},
    {"watch", "Every 5.0s: date\n\nThu Nov 26 01:43:50 UTC 2026\n", ALTERNATE, QUESTION_NONE},
    {"a diff", "@@ -1,3 +1,3 @@\n-(y/n)\n+[y/N]\n\1\n", 0, QUESTION_NONE},
};

static void test_question_programs(void)
{
    test_begin("usual questions of programs are known, and ordinary ends ask nothing");
    for (size_t i = 0; i < COUNT_OF(question_programs); i++) {
        int modes = question_programs[i].modes;
        struct drawn d;
        struct question q;
        draw(&d, question_programs[i].text);
        d.screen.alternate = (modes & ALTERNATE) != 0;
        d.screen.canonical = !(modes & KEYS);
        d.screen.echo = !(modes & SILENT);
        d.screen.at_shell = (modes & AT_SHELL) != 0;
        question_read(&d.screen, &q);
        CHECK_INT(q.kind, question_programs[i].kind);
        if (q.kind != question_programs[i].kind)
            printf("#   %s: %s\n", question_programs[i].program, q.rule ? q.rule : "");
        buf_free(&d.text);
    }
}

/* Lists without numbers, and numbers without a mark. */
static void test_question_lists(void)
{
    static const struct {
        const char *text;
        int agent, modes, count, selected;
        const char *first, *last;
    } lists[] = {
        {"? Pick a kit (Use arrow keys)\n  vanilla\n❯ vue\n  lit\n\nmore\n", 0, KEYS, 3, 1,
         "vanilla", "lit"},
        {"◆  Select:\n│  ○ Vanilla\n│  ● Vue\n│  ○ React\n└\n", 0, KEYS, 3, 1, "Vanilla", "React"},
        {"  one\n▌ two\n  2/40 ────\n> \1\n", 0, KEYS, 2, 1, "one", "two"},
        {"> \1\n  2/2\n> one\n  two\n", 0, KEYS, 2, 0, "one", "two"},
        {"┃  Which colour?\n┃\n┃  1. Red\n┃     r\n┃  2. Blue\n┃     b\n┃\n"
         "┃  ↑↓ select  enter submit  esc dismiss\n", 3, ALTERNATE | KEYS, 2, 0, "Red", "Blue"},
    };
    test_begin("the options of a list are read without numbers or marks");
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        struct drawn d;
        struct question q;
        draw(&d, lists[i].text);
        d.screen.canonical = 0;
        d.screen.alternate = (lists[i].modes & ALTERNATE) != 0;
        d.screen.agent = lists[i].agent ? &question_agents[lists[i].agent - 1] : NULL;
        question_read(&d.screen, &q);
        CHECK_INT(q.kind, QUESTION_CHOICE);
        CHECK_INT(q.option_count, lists[i].count);
        CHECK_INT(q.selected, lists[i].selected);
        if (q.option_count == lists[i].count) {
            CHECK_SPAN(q.options[0], lists[i].first);
            CHECK_SPAN(q.options[q.option_count - 1], lists[i].last);
        }
        buf_free(&d.text);
    }
}

static void test_question_no_list(void)
{
    struct drawn d;
    struct question q;
    test_begin("a prompt close below numbered lines that ask nothing has no options");
    draw(&d, "\342\235\257 1. Yes\n  2. No\n\n\n\nWhat is your name? \1\n");
    question_read(&d.screen, &q);
    CHECK(q.kind != QUESTION_CHOICE && q.kind != QUESTION_NONE);
    CHECK_INT(q.option_count, 0);
    buf_free(&d.text);
    for (int blanks = 0; blanks <= 3; blanks++) {
        char text[40];
        snprintf(text, sizeof text, "Your name:%.*s\1\n", blanks, "   ");
        draw(&d, text);
        question_read(&d.screen, &q);
        CHECK((q.kind != QUESTION_NONE) == (blanks <= 2));
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
    CHECK_INT(q.kind, QUESTION_NONE); /* its program reads lines: the title is an older one's */
    d.screen.canonical = 0;
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
    CHECK_INT(q.kind, QUESTION_NONE); /* an agent's that has ended: the terminal reads lines */
    d.screen.canonical = 0;
    question_read(&d.screen, &q);
    CHECK_INT(q.option_count, 2);
    CHECK_INT(q.selected, 1);
    CHECK_INT(q.first, 1);
    CHECK_SPAN(q.options[1], "No, and say why");
    buf_free(&d.text);
    draw(&d, "Proceed?\n  2. Yes\n❯ 3. No\n");
    d.screen.canonical = 0; /* scrolled: the first one is not to be seen */
    question_read(&d.screen, &q);
    CHECK_INT(q.kind, QUESTION_NONE);
    buf_free(&d.text);
}

static void test_question_working(void)
{
    static const struct {
        const char *agent, *text;
        int works;
    } screens[] = {
        {"claude", "* Thinking…\n❯ \1\n  esc to interrupt\n", 1},
        {"codex", "› say\1\n\n  Waiting for startup  · esc cancel\n", 1},
        {"gemini", "⠏ Thinking... (esc to cancel, 3s)   ? for shortcuts\n > \1\n", 1},
        {"qwen", "⠋ Feeling Lucky (3s · ↑ 5 tokens · esc to cancel)\n > \1\n", 1},
        {"qwen", "│ For more help: x\n│ Tab to switch tabs  ·  Esc to cancel   │\n", 0},
        {"copilot", "● Working · 3 B esc esc interrupt    a-model\n❯ \1\n", 1},
        {"copilot", "● Working esc esc edit prompt        a-model\n❯ \1\n", 1},
        {"copilot", "   esc esc    clear input, interrupt or rewind\n↑/↓ scroll · esc close\n", 0},
    };
    struct drawn d;
    struct question q;
    test_begin("an agent's sign of work is not what its help says of keys");
    for (size_t i = 0; i < COUNT_OF(screens); i++) {
        draw(&d, screens[i].text);
        d.screen.agent = &agents_find(screens[i].agent)->screen;
        question_read(&d.screen, &q);
        CHECK_INT(q.working, screens[i].works);
        buf_free(&d.text);
    }
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
                 {"❯ sent before\n● answer\n────\n❯ \1\n", "", 1},
                 {"────\n❯ \1describe a task for a new session\n────\n",
                  "describe a task for a new session", 1},
                 {"────\n❯ \1\n────\n  search prompts:   ← for agents\n",
                  "search prompts:   ← for agents", 1},
                 {"❯ sent before\n● answer\n────\n! \1\n────\n", "!", 1},
                 {"▄▄▄▄\n !   Type your command\n▀▀▀▀\n\1", "!   Type your command", 2},
                 {"› sent before\n\n!\n\n  Shell mode\n", "!", 4},
                 {"! is\n> \1\n", "", 2},
                 {"starting\n\n! a warning\n\n\1", "", 4},
                 {"────\n❯ \1\n────\n  ! for shell mode\n", "", 1},
                 {"────\n❯ \1\n────\n  ! 3 warnings\n  of a status line\n", "", 1},
                 {"  ┃\n  ┃  Run a command… \"ls\"\n  ┃\n  ┃  Shell\n  ╹▀▀▀\n",
                  "Run a command… \"ls\"", 3},
                 {"╻▄▄▄\n┃ half typed\n╹▀▀▀\n", "half typed", 3},
                 {"╻▄▄▄\n┃\n╹▀▀▀\n", "", 3},
                 {"  ┃\n  ┃  Ask anything…\n  ┃\n  ┃  Build · M1\n  ╹▀▀▀\n", "", 3},
                 {"  ┃  sent\n\n  ┃\n  ┃  half typed\n  ┃\n  ┃  Build · M1\n  ╹▀▀▀\n", "half typed",
                  3}};
    test_begin("a text in the agent's input box is a draft, and so is !; its placeholder is not");
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
            CHECK(q.option_count <= QUESTION_OPTIONS_MAX && q.selected <= q.option_count);
            buf_free(&asks);
            guard_free(copy, n);
        }
}

static void unit_question(void)
{
    test_question_kinds();
    test_question_programs();
    test_question_lists();
    test_question_no_list();
    test_question_echo();
    test_question_shell();
    test_question_title();
    test_question_options();
    test_question_working();
    test_question_draft();
    test_question_bytes();
}
