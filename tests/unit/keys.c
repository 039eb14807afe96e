/* Unit tests of keys: the table's rows, and what keys do in lists, filter, pager and help. */

static void unit_keys_table(void)
{
    test_begin("a key has one meaning in each mode, and every action's rows have one name");
    for (size_t i = 0; i < COUNT_OF(keys_table); i++) {
        const struct keymap_key *a = &keys_table[i];
        CHECK(a->run && a->contexts && a->shown);
        for (size_t k = i + 1; k < COUNT_OF(keys_table); k++) {
            const struct keymap_key *b = &keys_table[k];
            CHECK(a->key != b->key || a->mods != b->mods || !(a->contexts & b->contexts));
            if (a->action && b->action && strcmp(a->action, b->action) == 0)
                CHECK(a->run == b->run && a->arg == b->arg && a->contexts == b->contexts);
        }
    }
}

/* Three sessions, of two projects. */
static void unit_keys_begin(struct unit_app *u)
{
    unit_app_begin(u, 24, 80);
    unit_app_session(u, "a", "idle", ",\"created_at\":\"2026-01-01T00:00:01Z\"");
    unit_app_session(u, "b", "waiting", ",\"created_at\":\"2026-01-01T00:00:02Z\"");
    unit_app_event(u, "{\"event\":\"session_created\",\"data\":{\"session_id\":\"z\",\"computer\":"
                      "\"vm\",\"working_directory\":\"/zoo\",\"title\":\"last\",\"state\":\"idle\","
                      "\"created_at\":\"2026-01-01T00:00:03Z\"}}");
    app_set(&u->t->views[0].wanted, "s:a");
    app_settle(u->t);
}

static const char *unit_keys_at(struct unit_app *u)
{
    return app_session(u->t) ? app_session(u->t)->id : app_row(u->t) ? app_row(u->t)->key : "";
}

static void unit_keys_moves(void)
{
    static const struct {
        const char *keys, *at;
    } steps[] = {{"j", "b"},       {"k", "a"},       {"\033[B", "b"}, {"\033[A", "a"},
                 {"g", "c:vm"},    {"G", "z"},       {"\033[H", "c:vm"}, {"\033[F", "z"},
                 {"w", "b"},       {"'1", "a"},      {"'", "z"},      {"k", "p:vm:/zoo"},
                 {"g'2", "b"},     {"k", "a"},       {"\033[D", "p:vm:/src"},
                 {"\033[D", "p:vm:/src"}, {"j", "p:vm:/zoo"}, {"k", "p:vm:/src"},
                 {"\033[C", "p:vm:/src"}, {"j", "a"}, {"-g", "c:vm"}, {"+G", "z"}};
    struct unit_app u;
    test_begin("keys move the selection by rows, numbers, states and levels of the tree");
    unit_keys_begin(&u);
    UNIT_APP_SEE(&u, "title a");
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        unit_app_type(&u, steps[i].keys);
        CHECK_SPAN(span_of(unit_keys_at(&u)), steps[i].at);
    }
    unit_app_type(&u, "\033[5~");
    CHECK(strcmp(unit_keys_at(&u), "z") != 0);
    unit_app_type(&u, "\033[6~");
    CHECK_SPAN(span_of(unit_keys_at(&u)), "z");
    unit_app_type(&u, "ooo");
    CHECK_INT(u.t->tree.order, TREE_LISTED);
    UNIT_APP_SEE(&u, "order: as listed");
    unit_app_end(&u);
}

static void unit_keys_focus(void)
{
    struct unit_app u;
    test_begin("right on a computer shows only that, left and Esc show all again");
    unit_keys_begin(&u);
    unit_app_type(&u, "g\033[C");
    CHECK(u.t->tree.focus && strcmp(u.t->tree.focus, "vm") == 0);
    unit_app_type(&u, "\033[D\033[D");
    CHECK(!u.t->tree.focus);
    unit_app_type(&u, "g\033[C");
    CHECK(u.t->tree.focus != NULL);
    keys_escape(u.t, 0);
    CHECK(!u.t->tree.focus);
    unit_app_end(&u);
}

static void unit_keys_waiting(void)
{
    static const char *const hidden[] = {"/last\r", "g/last\r", "2", "-g", "/last\r2"};
    struct unit_app u;
    test_begin("w goes to the session that waits, from everywhere and whatever hides it");
    unit_keys_begin(&u);
    for (size_t i = 0; i < COUNT_OF(hidden); i++) {
        unit_app_type(&u, hidden[i]);
        unit_app_type(&u, "w");
        CHECK_SPAN(span_of(unit_keys_at(&u)), "b");
    }
    tree_set_focus(&u.t->tree, "elsewhere");
    unit_app_type(&u, "gw");
    CHECK_SPAN(span_of(unit_keys_at(&u)), "b");
    CHECK(!u.t->tree.focus && !u.t->tree.filter.count && !u.t->views[0].filter.text.n);
    unit_app_session(&u, "b", "idle", "");
    unit_app_type(&u, "/last\rw");
    UNIT_APP_SEE(&u, "no session waits");
    CHECK_INT(u.t->tree.filter.count, 1);
    unit_app_end(&u);
}

static void unit_keys_filter(void)
{
    struct unit_app u;
    test_begin("the filter selects a row that matches; Enter keeps it, Esc and Backspace drop it");
    unit_keys_begin(&u);
    unit_app_type(&u, "/last");
    UNIT_APP_SEE(&u, "1 hit");
    CHECK_SPAN(span_of(unit_keys_at(&u)), "z");
    unit_app_type(&u, "\r");
    CHECK(u.t->mode == APP_SESSIONS && u.t->tree.filter.count == 1);
    unit_app_type(&u, "/\177\177\177\177");
    CHECK(u.t->mode == APP_FILTER && !u.t->tree.filter.count);
    unit_app_type(&u, "\177");
    CHECK_INT(u.t->mode, APP_SESSIONS);
    unit_app_type(&u, "/title");
    unit_app_type(&u, "\033[B"); /* moves meanwhile */
    CHECK_INT(u.t->mode, APP_FILTER);
    unit_app_type(&u, "\033");
    UNIT_APP_UNTIL(&u, u.t->mode == APP_SESSIONS);
    CHECK(!u.t->tree.filter.count && !u.t->views[0].filter.text.n);
    unit_app_end(&u);
}

static void unit_keys_overlays(void)
{
    struct unit_app u;
    test_begin("help and messages close by their own keys; letters filter the help");
    unit_keys_begin(&u);
    unit_app_type(&u, "?");
    UNIT_APP_SEE(&u, " Keys ");
    unit_app_type(&u, "q!"); /* text of the filter */
    CHECK_INT(u.t->mode, APP_HELP);
    unit_app_type(&u, "\177\177?");
    CHECK_INT(u.t->mode, APP_SESSIONS);
    unit_app_type(&u, "!");
    UNIT_APP_SEE(&u, "Messages");
    unit_app_type(&u, "!");
    CHECK_INT(u.t->mode, APP_SESSIONS);
    unit_app_type(&u, "!q");
    CHECK(u.t->mode == APP_SESSIONS && !u.t->quit);
    unit_app_type(&u, "?\003"); /* Ctrl-C quits from an overlay, too */
    CHECK_INT(u.t->quit, 1);
    unit_app_end(&u);
}

static void unit_keys_pager(void)
{
    struct unit_app u;
    buf reply = {0};
    test_begin("Enter on an exited session reads its transcript, the end first");
    unit_app_begin(&u, 24, 80);
    buf_str(&reply, "{\"data\":{\"session_id\":\"a\"},\"transcript\":\"");
    for (int i = 0; i < 100; i++)
        buf_fmt(&reply, "line %d\\n", i);
    buf_str(&reply, "\"}");
    unit_app_reply(&u, "GET /sessions/a/transcript", 200, buf_cstr(&reply));
    unit_app_session(&u, "a", "exited", "");
    app_set(&u.t->views[0].wanted, "s:a");
    unit_app_type(&u, "\r");
    UNIT_APP_SEE(&u, "line 99");
    CHECK_INT(u.t->mode, APP_PAGER);
    unit_app_type(&u, "gj");
    UNIT_APP_SEE(&u, "line 1");
    CHECK_INT(u.t->pager.top, 1);
    unit_app_type(&u, "/line 50q\r");
    UNIT_APP_SEE(&u, "not found");
    unit_app_type(&u, "/line 50\r");
    UNIT_APP_SEE(&u, "line 50");
    unit_app_type(&u, "e"); /* a transcript is no file */
    CHECK(u.t->mode == APP_PAGER && !u.t->program_argv);
    unit_app_type(&u, "q");
    CHECK(u.t->mode == APP_SESSIONS && !u.t->pager.row_count && !u.t->quit);
    buf_free(&reply);
    unit_app_end(&u);
}

static void unit_keys_edited(void)
{
    struct unit_app u;
    test_begin("an editor that fails is reported, and files are fetched when no event comes");
    unit_app_begin(&u, 24, 80);
    keys_on_edited(u.t, 0, NULL);
    CHECK_INT(u.t->toasts.count, 0);
    keys_on_edited(u.t, 2 << 8, NULL);
    UNIT_APP_SEE(&u, "the editor ended with status 2");
    keys_on_edited(u.t, 9, NULL);
    UNIT_APP_SEE(&u, "the editor was killed by signal 9");
    CHECK(!u.asked.n);
    u.t->client.push = CLIENT_WAITING;
    keys_on_edited(u.t, 0, "cannot start vi");
    UNIT_APP_SEE(&u, "cannot start vi");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "GET /projects-with-todos"));
    unit_app_end(&u);
}

static void unit_keys_states(void)
{
    struct unit_app u;
    struct filter f = {0};
    test_begin("Tab completes is:, and a state that does not exist is told");
    filter_set(&f, "x is:wa");
    CHECK_SPAN(span_of(filter_complete(&f)), "iting");
    CHECK(!filter_wrong(&f));
    filter_set(&f, "is:w"); /* waiting, working */
    CHECK(!filter_complete(&f) && !filter_wrong(&f));
    filter_set(&f, "is:wait x");
    CHECK(!filter_complete(&f));
    filter_set(&f, "is:waits");
    CHECK(filter_wrong(&f) && !filter_complete(&f));
    unit_keys_begin(&u);
    unit_app_type(&u, "/is:unr\t");
    CHECK_SPAN(buf_view(&u.t->views[0].filter.text), "is:unreachable ");
    unit_app_type(&u, "is:nothing");
    UNIT_APP_SEE(&u, "is: waiting, working, idle");
    unit_app_type(&u, "\025\r'9");
    UNIT_APP_SEE(&u, "no session has the number 9");
    unit_app_end(&u);
}

static void unit_keys_write(const char *file, const char *text)
{
    FILE *out = fopen(file, "w");
    fputs(text, out);
    fclose(out);
}

static void unit_keys_reload(void)
{
    struct unit_app u;
    char file[96];
    test_begin("r reads the UI's configuration again, and every problem is a message");
    unit_keys_begin(&u);
    snprintf(file, sizeof file, "%s/config", u.dir);
    unit_keys_write(file, "[ui]\nnotify = none\nmouse = loud\n[keys]\nquit = Z\nnothing = x\n");
    u.config.loaded = 1;
    u.config.program = (char *)"/bin/sh";
    u.config.file = file;
    unit_app_type(&u, "r");
    CHECK_SPAN(span_of(u.t->config->notify), "none");
    UNIT_APP_SEE(&u, "loud: expected yes or no");
    UNIT_APP_SEE(&u, "and 1 more: !");
    unit_app_type(&u, "r!");
    UNIT_APP_SEE(&u, "nothing: no such action");
    unit_app_type(&u, "!q");
    CHECK(!u.t->quit);
    unit_keys_write(file, "[keys]\nquit = Z\n[ui]\nmouse = no\n");
    unit_app_type(&u, "r");
    UNIT_APP_SEE(&u, " refreshed\n"); /* no word of the daemon */
    unit_keys_write(file, "[keys]\nquit = Z\n[computer]\nname = other\n");
    unit_app_type(&u, "r");
    UNIT_APP_SEE(&u, "changes for the daemon need: telec daemon --restart");
    unit_app_type(&u, "Z");
    CHECK(u.t->quit);
    unlink(file);
    unit_app_end(&u);
}

static void unit_keys_ended(void)
{
    struct unit_app u;
    test_begin("ended sessions are a fold at the end of the list, which E opens");
    unit_keys_begin(&u);
    unit_app_type(&u, "E");
    UNIT_APP_SEE(&u, "no ended session can be resumed");
    unit_app_reply(&u, "GET /sessions/ended", 200,
                   "[{\"session_id\":\"old\",\"computer\":\"vm\",\"working_directory\":\"/zoo\","
                   "\"title\":\"the parser\",\"state\":\"exited\",\"restart\":\"resume\","
                   "\"ended_at\":\"2026-01-02T00:00:00Z\"},{\"session_id\":\"a\"}]");
    app_fetch(u.t);
    UNIT_APP_UNTIL(&u, tree_session(&u.t->tree, "old"));
    app_settle(u.t);
    CHECK(tree_session(&u.t->tree, "old")->ended && !tree_session(&u.t->tree, "a")->ended);
    const struct tree_session *old = tree_session(&u.t->tree, "old");
    CHECK_INT(old->row, -1);
    CHECK_INT(old->project_row, u.t->tree.row_count - 1);
    const struct tree_row *fold = &u.t->tree.rows[old->project_row];
    CHECK(strcmp(fold->name, "ended") == 0 && strcmp(outline_path(fold), "/zoo") == 0);
    CHECK(fold->foldable);
    unit_app_type(&u, "E");
    UNIT_APP_SEE(&u, "the parser");
    CHECK_INT(many_collect_exited(u.t), 0); /* there is nothing to dismiss */
    test_begin("a session that ends joins them when it can be resumed, and stays there");
    unit_app_session(&u, "b", "idle", ",\"restart\":\"resume\"");
    unit_app_event(&u, "{\"event\":\"session_removed\",\"data\":{\"session_id\":\"b\"}}");
    unit_app_event(&u, "{\"event\":\"session_removed\",\"data\":{\"session_id\":\"z\"}}");
    app_settle(u.t);
    CHECK(tree_session(&u.t->tree, "b")->ended && !tree_session(&u.t->tree, "z"));
    CHECK(tree_is(tree_session(&u.t->tree, "b"), "exited")); /* s starts no other */
    app_fetch(u.t);
    unit_app_type(&u, "E");
    app_settle(u.t);
    CHECK_INT(old->row, -1);
    CHECK(tree_session(&u.t->tree, "old") && tree_session(&u.t->tree, "b"));
    unit_app_session(&u, "b", "idle", ""); /* restarted */
    CHECK(!tree_session(&u.t->tree, "b")->ended);
    unit_app_end(&u);
}

/* Types a key that runs a program, which never gets the terminal; its words, each with a blank. */
static const char *unit_keys_run(struct unit_app *u, const char *key)
{
    UNIT_APP_RESUME(u);
    buf_clear(&unit_text);
    u->t->terminal.queued++; /* it starts when the last frame is written */
    unit_app_type(u, key);
    UNIT_APP_UNTIL(u, u->t->program_argv != NULL);
    u->t->terminal.queued--;
    for (char **word = u->t->program_argv; word && *word; word++)
        buf_fmt(&unit_text, "%s ", *word);
    free(u->t->program_argv);
    u->t->program_argv = NULL;
    return buf_cstr(&unit_text);
}

/* Todos of a project here: one that is ready, one that has no files; and one elsewhere. */
static void unit_keys_todos(void)
{
    struct unit_app u;
    char json[800], path[200];
    buf text = {0};
    test_begin("keys of todos start, prepare, read, edit and fold, or say why they can't");
    unit_dialog_begin(&u, "idle");
    u.t->tree.agents[0].available = 1;
    free(u.t->tree.agents[0].reason);
    u.t->tree.agents[0].reason = NULL;
    const char *dir = u.dir;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/todos%s", dir, i ? "/go" : "");
        CHECK_INT(mkdir(path, 0700), 0);
    }
    snprintf(path, sizeof path, "%s/todos/go/requirements.md", dir);
    unit_vcs_write(dir, "todos/go/requirements.md", "must be so\n", 11);
    snprintf(json, sizeof json,
             "{\"event\":\"preparation_initial\",\"data\":{\"projects\":[{\"computer\":\"vm\","
             "\"name\":\"p\",\"path\":\"%s\",\"todos\":[{\"slug\":\"go\",\"status\":\"ready\","
             "\"has_requirements\":true},{\"slug\":\"no\",\"status\":\"pending\"}]},"
             "{\"computer\":\"far\",\"name\":\"q\",\"path\":\"/q\",\"todos\":["
             "{\"slug\":\"there\",\"status\":\"in_progress\"}]}]}}", dir);
    unit_app_type(&u, "2");
    unit_app_event(&u, json);
    static const struct {
        const char *row, *keys, *said;
    } steps[] = {
        {"t:vm:%s:no", "s", "it is not ready"},
        {"t:vm:%s:no", "v", "it has no requirements and no plan yet"},
        {"f:vm:%s:go:implementation-plan.md", "\r", "this file is not there yet"},
        {"t:far:/q:there", "e", "its files are on another computer"},
        {"c:vm", "p", "select a project or a todo"},
        {"t:vm:%s:go", "v", "must be so"},
        {"f:vm:%s:go:requirements.md", "\r", "must be so"},
    };
    app_settle(u.t);
    todos_fold_all(&u.t->todos, 0);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        buf_clear(&text);
        const char *at = strstr(steps[i].row, "%s");
        buf_add(&text, steps[i].row, at ? (size_t)(at - steps[i].row) : strlen(steps[i].row));
        buf_str(&text, at ? dir : "");
        buf_str(&text, at ? at + 2 : "");
        app_set(&u.t->views[1].wanted, buf_cstr(&text));
        app_settle(u.t);
        CHECK(app_todos_row(u.t) && strcmp(app_todos_row(u.t)->key, buf_cstr(&text)) == 0);
        unit_app_type(&u, steps[i].keys);
        UNIT_APP_SEE(&u, steps[i].said);
        if (u.t->mode == APP_PAGER)
            unit_app_type(&u, "q");
        CHECK_INT(u.t->mode, APP_TODOS);
    }
    buf_clear(&text);
    buf_fmt(&text, "t:vm:%s:go", dir);
    app_set(&u.t->views[1].wanted, buf_cstr(&text));
    app_settle(u.t);
    unit_app_type(&u, "\r"); /* folds: its files go */
    UNIT_APP_UNTIL(&u, app_todos_row(u.t)->folded);
    unit_app_type(&u, "l");
    UNIT_APP_UNTIL(&u, !app_todos_row(u.t)->folded);
    int unfolded = u.t->todos.row_count;
    unit_app_type(&u, "_");
    UNIT_APP_UNTIL(&u, u.t->todos.row_count < unfolded);
    unit_app_type(&u, "+");
    UNIT_APP_UNTIL(&u, u.t->todos.row_count >= unfolded);
    app_set(&u.t->views[1].wanted, buf_cstr(&text));
    app_settle(u.t);
    char *editor = getenv("EDITOR") ? span_dup(span_of(getenv("EDITOR"))) : NULL;
    unsetenv("VISUAL");
    setenv("EDITOR", "/nowhere/editor", 1);
    unit_app_type(&u, "e");
    UNIT_APP_SEE(&u, "can't be found; set $VISUAL");
    setenv("EDITOR", "true", 1);
    buf_clear(&text);
    buf_fmt(&text, "true %s ", path);
    CHECK_SPAN(span_of(unit_keys_run(&u, "e")), buf_cstr(&text));
    editor ? setenv("EDITOR", editor, 1) : unsetenv("EDITOR");
    u.config.prepare_todo = (char *)"prepare SLUG now";
    u.config.prepare_start = (char *)"do SLUG";
    for (int i = 0; i < 2; i++) {
        UNIT_APP_RESUME(&u);
        unit_app_type(&u, i ? "s" : "p");
        UNIT_APP_SEE(&u, "Start this agent?");
        CHECK_SPAN(span_of(u.t->start_message), i ? "do go" : "prepare go now");
        CHECK_SPAN(span_of(u.t->start_title), i ? "go" : "prepare go");
        unit_app_type(&u, "n");
    }
    unit_app_type(&u, "/go");
    CHECK_INT(u.t->todos.filter.count, 1);
    unlink(path);
    *strrchr(path, '/') = '\0', rmdir(path);
    *strrchr(path, '/') = '\0', rmdir(path);
    free(editor);
    buf_free(&text);
    unit_app_end(&u);
}

/* Enter on a session whose screen no daemon gives: TeleClaude's in tmux, or one of a computer that
 * [peers] attach reaches. */
static void unit_keys_by_program(void)
{
    struct unit_app u;
    test_begin("Enter on a TeleClaude session runs its tmux, elsewhere [peers] attach");
    unit_keys_begin(&u);
    u.config.attach = (char *)"ssh DEST";
    unit_app_reply(&u, "GET /computers", 200,
                   "[{\"name\":\"vm\"},"
                   "{\"name\":\"far\",\"user\":\"me\",\"host\":\"far.example\"}]");
    unit_app_session(&u, "t", "idle", ",\"tmux_session_name\":\"tc_one\"");
    app_set(&u.t->views[0].wanted, "s:t");
    app_settle(u.t);
    UNIT_APP_RESUME(&u);
    unit_app_type(&u, "A");
    UNIT_APP_SEE(&u, "select a session that runs first");
    CHECK_SPAN(span_of(unit_keys_run(&u, "\r")), "tmux attach -t tc_one ");
    unit_app_event(&u, "{\"event\":\"session_created\",\"data\":{\"session_id\":\"f\","
                       "\"computer\":\"far\",\"working_directory\":\"/\",\"state\":\"idle\"}}");
    app_set(&u.t->views[0].wanted, "s:f");
    app_settle(u.t);
    CHECK_SPAN(span_of(unit_keys_run(&u, "\r")), "ssh me@far.example telec attach f ");
    test_begin("how such a program ended is told");
    keys_on_program_exit(u.t, 0, "cannot run tmux");
    UNIT_APP_SEE(&u, "cannot run tmux");
    keys_on_program_exit(u.t, 1 << 8, NULL);
    UNIT_APP_SEE(&u, "status 1");
    keys_on_program_exit(u.t, 9, NULL);
    UNIT_APP_SEE(&u, "status 137");
    test_begin("a reply about computers that comes when other keys were typed runs nothing");
    UNIT_APP_RESUME(&u);
    unit_app_type(&u, "\r");
    u.t->keys_typed++;
    UNIT_APP_UNTIL(&u, strstr(strstr(buf_cstr(&u.asked), "GET /computers") + 1, "GET /computers"));
    for (int i = 0; i < 3; i++)
        unit_app_pass(&u);
    CHECK(!u.t->program_argv && u.t->mode == APP_SESSIONS);
    unit_app_end(&u);
}

static void unit_keys_says(void)
{
    struct unit_app u;
    test_begin("w without a session that waits says so, i shows the details");
    unit_app_begin(&u, 24, 80);
    unit_app_session(&u, "a", "idle", ",\"last_input\":\"what was asked\"");
    unit_app_type(&u, "w");
    UNIT_APP_SEE(&u, "no session waits");
    unit_app_type(&u, "i");
    UNIT_APP_SEE(&u, "what was asked");
    unit_app_type(&u, "gv");
    UNIT_APP_SEE(&u, "select a session first");
    unit_app_type(&u, "r");
    UNIT_APP_SEE(&u, "refreshed");
    unit_app_type(&u, "?\033[6~");
    UNIT_APP_UNTIL(&u, u.t->help.list.top > 0);
    unit_app_end(&u);
}

static void unit_keys_names(void)
{
    static const char *const none[] = {"Xtrl-c", "Ytrl-Up", "Xp", "Upp", "Ctrl-", "", "ab"};
    uint32_t key;
    unsigned mods;
    test_begin("names of keys are read in any case, and nothing that only resembles one");
    for (size_t i = 0; i < COUNT_OF(none); i++)
        CHECK_INT(keymap_parse_key(span_of(none[i]), &key, &mods), 0);
    CHECK(keymap_parse_key(span_of("cTRL-C"), &key, &mods) && key == 'c' && mods == TERM_CTRL);
    CHECK(keymap_parse_key(span_of("shift-UP"), &key, &mods) && key == TERM_UP &&
          mods == TERM_SHIFT);
}

static void unit_keys_keyboard(void)
{
    static const struct keyboard legacy = {.newline = "\033\r"}, xterm1 = {.other_keys = 1},
                                 xterm2 = {.other_keys = 2}, kitty1 = {.kitty = 1},
                                 kitty8 = {.kitty = 8}, kitty24 = {.kitty = 24},
                                 kitty2 = {.kitty = 2}, application = {.application = 1};
    static const struct {
        const struct keyboard *keyboard;
        uint32_t key;
        unsigned mods;
        const char *bytes;
    } keys[] = {
        {&legacy, 'a', 0, "a"},
        {&legacy, 'a', TERM_ALT | TERM_CTRL, "\033\001"},
        {&legacy, '_', TERM_CTRL, "\037"},
        {&legacy, '?', TERM_CTRL, "\177"},
        {&legacy, '\t', TERM_SHIFT, "\033[Z"},
        {&legacy, 0x7f, TERM_CTRL, "\b"},
        {&legacy, '\r', TERM_SHIFT, "\033\r"},
        {&legacy, '\r', TERM_ALT, "\033\r"},
        {&legacy, TERM_F1, 0, "\033OP"},
        {&legacy, TERM_UP, 0, "\033[A"},
        {&application, TERM_UP, 0, "\033OA"},
        {&legacy, TERM_F12, TERM_SHIFT, "\033[24;2~"},
        {&legacy, TERM_PGUP, 0, "\033[5~"},
        {&xterm1, '\r', TERM_SHIFT, "\033[27;2;13~"},
        {&xterm1, '\r', TERM_ALT, "\033\r"},
        {&xterm1, '\t', TERM_SHIFT, "\033[Z"},
        {&xterm1, 'a', TERM_CTRL, "\001"},
        {&xterm1, '1', TERM_CTRL, "\033[27;5;49~"},
        {&xterm1, 'a', TERM_CTRL | TERM_SHIFT, "\033[27;6;97~"},
        {&xterm2, 'a', TERM_ALT, "\033[27;3;97~"},
        {&kitty1, 'a', 0, "a"},
        {&kitty1, 'A', TERM_SHIFT, "A"},
        {&kitty1, 'a', TERM_CTRL, "\033[97;5u"},
        {&kitty1, '\r', 0, "\r"},
        {&kitty1, '\r', TERM_SHIFT, "\033[13;2u"},
        {&kitty1, 0x1b, 0, "\033[27u"},
        {&kitty1, TERM_F3, 0, "\033[13~"},
        {&kitty1, TERM_F1, 0, "\033[P"},
        {&kitty2, 'a', TERM_CTRL, "\001"},
        {&kitty8, 'a', 0, "\033[97u"},
        {&kitty8, '\r', 0, "\033[13u"},
        {&kitty24, 'a', 0, "\033[97;;97u"},
        {&kitty24, 'A', 0, "\033[97;2;65u"},
        {&kitty24, 'a', TERM_CTRL, "\033[97;5u"},
    };
    buf b = {0};
    test_begin("a key has the bytes of the keyboard mode that the session's program asked for");
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        buf_clear(&b);
        keyboard_put_key(&b, keys[i].key, keys[i].mods, keys[i].keyboard);
        CHECK_SPAN(buf_view(&b), keys[i].bytes);
    }
    buf_free(&b);
}

static void unit_keys(void)
{
    unit_keys_names();
    unit_keys_keyboard();
    unit_keys_states();
    unit_keys_reload();
    unit_keys_ended();
    unit_keys_table();
    unit_keys_moves();
    unit_keys_focus();
    unit_keys_waiting();
    unit_keys_filter();
    unit_keys_overlays();
    unit_keys_pager();
    unit_keys_edited();
    unit_keys_todos();
    unit_keys_by_program();
    unit_keys_says();
}
