/* Unit tests of dialog: which requests the dialogs send, and what they show of the replies. */

extern char **environ;
static char *unit_dialog_nothing[] = {NULL};

static void unit_dialog_begin(struct unit_app *u, const char *state)
{
    struct json agents;
    span text = span_of("{\"claude\":{\"agent\":\"claude\",\"available\":false,\"reason\":\"not "
                        "installed\"},\"shell\":{\"agent\":\"shell\",\"available\":true}}");
    unit_app_begin(u, 24, 80);
    CHECK_INT(json_parse(text, &agents, NULL, NULL), PARSE_DONE);
    tree_set_agents(&u->t->tree, agents);
    unit_app_session(u, "a", state, "");
    app_set(&u->t->views[0].wanted, "s:a");
    app_settle(u->t);
}

static void unit_dialog_new(void)
{
    struct unit_app u;
    char **variables = environ; /* a small build takes no request with all of them */
    test_begin("a new session gets the form's values, and is selected when it comes");
    environ = unit_dialog_nothing;
    unit_dialog_begin(&u, "idle");
    unit_app_type(&u, "/nothing\r"); /* the filter would hide the new session */
    app_set(&u.t->views[0].wanted, "s:a");
    unit_app_type(&u, "\033[200~\033[201~n");
    UNIT_APP_SEE(&u, "New session");
    CHECK(!unit_app_shows(&u, "not installed") && unit_app_shows(&u, "shell"));
    unit_app_reply(&u, "POST /sessions ", 200, "{}");
    unit_app_type(&u, "\023"); /* Ctrl-S */
    UNIT_APP_SEE(&u, "names no session");
    CHECK(u.t->mode == APP_NEW && !u.t->form.busy);
    unit_app_reply(&u, "POST /sessions ", 400, "{\"detail\":\"no such directory\"}");
    unit_app_type(&u, "\023");
    UNIT_APP_SEE(&u, "no such directory");
    unit_app_reply(&u, "POST /sessions ", 200, "{\"session_id\":\"new\"}");
    buf_clear(&u.asked);
    unit_app_type(&u, "\023");
    UNIT_APP_UNTIL(&u, u.t->mode == APP_SESSIONS);
    CHECK(unit_app_has(&u.asked, "\"computer\":\"vm\""));
    CHECK(unit_app_has(&u.asked, "\"agent\":\"shell\"")); /* the first one that can be started */
    CHECK(!unit_app_has(&u.asked, "thinking_mode")); /* the agent's own default */
    CHECK(unit_app_has(&u.asked, "\"cols\":80,\"rows\":23"));
    CHECK(!unit_app_has(&u.asked, "\"title\":\"") && !unit_app_has(&u.asked, "\"message\":\""));
    CHECK(!u.t->tree.filter.count && strcmp(u.t->views[0].wanted, "s:new") == 0);
    unit_app_session(&u, "new", "starting", "");
    CHECK(strcmp(app_session(u.t)->id, "new") == 0 && !u.t->views[0].wanted);
    environ = variables;
    unit_app_end(&u);
}

static void unit_dialog_command(void)
{
    struct unit_app u;
    char **variables = environ;
    test_begin("a command instead of an agent starts with Enter, and Up finds it again");
    environ = unit_dialog_nothing;
    unit_dialog_begin(&u, "idle");
    unit_app_reply(&u, "POST /sessions ", 200, "{\"session_id\":\"new\"}");
    unit_app_type(&u, "n");
    UNIT_APP_SEE(&u, "or command");
    unit_app_type(&u, "\r"); /* from the agents */
    unit_app_type(&u, "make 'all of it'");
    UNIT_APP_SEE(&u, "Enter start");
    unit_app_type(&u, "\r");
    UNIT_APP_UNTIL(&u, u.t->mode == APP_SESSIONS);
    CHECK(unit_app_has(&u.asked, "\"command\":\"make 'all of it'\""));
    CHECK(unit_app_has(&u.asked, "\"agent\":\"shell\"") && !unit_app_has(&u.asked, "thinking_"));
    unit_app_type(&u, "n");
    UNIT_APP_SEE(&u, "or command");
    unit_app_type(&u, "\r\033[A");
    UNIT_APP_SEE(&u, "make 'all of it'");
    unit_app_type(&u, "\025make && ./it\r"); /* sh's */
    UNIT_APP_UNTIL(&u, u.t->mode == APP_SESSIONS);
    CHECK(unit_app_has(&u.asked, "\"command\":\"sh -c 'make && ./it'\""));
    CHECK(unit_app_has(&u.asked, "\"title\":\"make && ./it\""));
    environ = variables;
    unit_app_end(&u);
}

static void unit_dialog_prompt_kept(void)
{
    struct unit_app u;
    test_begin("a prompt that Esc took away with its dialog is found by Up in the next one");
    unit_dialog_begin(&u, "idle");
    for (int i = 0; i < 2; i++) {
        unit_app_type(&u, "n");
        UNIT_APP_SEE(&u, "Prompt");
        unit_app_type(&u, "\t\t\t\t");
        unit_app_type(&u, i ? "\033[A" : "a long one");
        UNIT_APP_SEE(&u, "a long one");
        unit_app_type(&u, "\033");
        UNIT_APP_UNTIL(&u, u.t->mode == APP_SESSIONS && !unit_app_shows(&u, "a long one"));
    }
    unit_app_end(&u);
}

static void unit_dialog_answered(void)
{
    static const struct widget_confirm question = {.title = "Sure?", .yes = "yes", .no = "no"};
    struct unit_app u;
    test_begin("a reply that one question's answer gets does not close the next question");
    unit_dialog_begin(&u, "idle");
    dialog_ask(u.t, question, dialog_end_confirmed);
    struct app_request first = {.app = u.t, .dialog = APP_CONFIRM, .opening = u.t->opening};
    CHECK_INT(app_is_open(&first), 1);
    dialog_close(u.t);
    dialog_ask(u.t, question, dialog_end_confirmed);
    CHECK_INT(dialog_close_answered(&first), 0);
    CHECK_INT(u.t->mode, APP_CONFIRM);
    dialog_close(u.t);
    unit_app_end(&u);
}

static void unit_dialog_computers(void)
{
    struct unit_app u;
    struct json computers;
    test_begin("for another computer the form knows no agents' notes and no directories");
    unit_dialog_begin(&u, "idle");
    span text = span_of("[{\"name\":\"vm\",\"status\":\"online\"},{\"name\":\"far\",\"status\":"
                        "\"online\"}]");
    CHECK_INT(json_parse(text, &computers, NULL, NULL), PARSE_DONE);
    tree_set_computers(&u.t->tree, computers);
    app_settle(u.t);
    dialog_new(u.t);
    CHECK_INT(u.t->form.count, 7);
    CHECK(strcmp(widget_form_choice(&u.t->form, "Computer"), "vm") == 0);
    CHECK(u.t->form.lines[1].complete && u.t->form.lines[2].notes);
    CHECK(u.t->form.lines[3].complete != NULL);
    u.t->form.lines[0].choice = 1;
    dialog_suit_computer(u.t);
    CHECK(!u.t->form.lines[1].complete && !u.t->form.lines[2].notes);
    CHECK(!u.t->form.lines[3].complete);
    dialog_close(u.t);
    CHECK(u.t->mode == APP_SESSIONS && !u.t->agent_count && !u.t->computers.count);
    unit_app_end(&u);
}

static void unit_dialog_message(void)
{
    struct unit_app u;
    test_begin("a message goes to the session that was selected when its dialog opened");
    unit_dialog_begin(&u, "idle");
    unit_app_type(&u, "m");
    UNIT_APP_SEE(&u, "Message");
    app_select(u.t, 0);
    unit_app_reply(&u, "POST /sessions/a/message?computer=vm ", 200,
                   "{\"result\":\"unconfirmed\"}");
    unit_app_type(&u, "hello\023");
    UNIT_APP_SEE(&u, "the program has not reacted");
    CHECK(unit_app_has(&u.asked, "{\"message\":\"hello\"}") && u.t->mode == APP_SESSIONS);
    CHECK(u.t->prompts.count == 1 && strcmp(u.t->prompts.list[0], "hello") == 0);
    unit_app_type(&u, "m");
    UNIT_APP_SEE(&u, "select a session first");
    unit_app_type(&u, "R");
    CHECK(u.t->mode == APP_SESSIONS);
    unit_app_session(&u, "a", "exited", "");
    app_set(&u.t->views[0].wanted, "s:a");
    unit_app_type(&u, "m");
    UNIT_APP_SEE(&u, "it reads no messages");
    unit_app_end(&u);
}

static void unit_dialog_draft(void)
{
    struct unit_app u;
    test_begin("Esc keeps a message that is half typed, and that session's next begins with it");
    unit_dialog_begin(&u, "idle");
    unit_app_session(&u, "b", "idle", "");
    unit_app_type(&u, "m");
    UNIT_APP_SEE(&u, "Message");
    unit_app_type(&u, "half a message");
    unit_app_type(&u, "\033");
    UNIT_APP_UNTIL(&u, u.t->mode == APP_SESSIONS);
    app_set(&u.t->views[0].wanted, "s:b");
    unit_app_type(&u, "m");
    UNIT_APP_UNTIL(&u, u.t->mode == APP_MESSAGE);
    CHECK(!*widget_form_text(&u.t->form, "Text"));
    unit_app_reply(&u, "POST /sessions/b/message?computer=vm ", 200,
                   "{\"result\":\"delivered\"}");
    unit_app_type(&u, "other\023");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "{\"message\":\"other\"}"));
    UNIT_APP_UNTIL(&u, u.t->mode == APP_SESSIONS);
    unit_app_type(&u, "m");
    UNIT_APP_UNTIL(&u, u.t->mode == APP_MESSAGE);
    unit_app_type(&u, "\033"); /* nothing is no draft */
    UNIT_APP_UNTIL(&u, u.t->mode == APP_SESSIONS);
    app_set(&u.t->views[0].wanted, "s:a");
    unit_app_type(&u, "m");
    UNIT_APP_SEE(&u, "half a message");
    unit_app_reply(&u, "POST /sessions/a/message?computer=vm ", 200,
                   "{\"result\":\"delivered\"}");
    unit_app_type(&u, "\023");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "{\"message\":\"half a message\"}"));
    UNIT_APP_UNTIL(&u, u.t->mode == APP_SESSIONS);
    CHECK(!u.t->draft);
    unit_app_end(&u);
}

static void unit_dialog_rename(void)
{
    struct unit_app u;
    test_begin("renaming changes the title; a TeleClaude daemon can't");
    unit_dialog_begin(&u, "idle");
    unit_app_type(&u, "R");
    UNIT_APP_SEE(&u, "Rename");
    unit_app_type(&u, "!\023");
    UNIT_APP_SEE(&u, "renamed");
    CHECK(unit_app_has(&u.asked, "PATCH /sessions/a?computer=vm {\"title\":\"title a!\"}"));
    struct client_ws foreign = {.accepted = 1, .foreign = 1}, *ws = u.t->client.ws;
    u.t->client.ws = &foreign;
    dialog_rename(u.t);
    u.t->client.ws = ws;
    CHECK(u.t->mode == APP_SESSIONS);
    UNIT_APP_SEE(&u, "it can't rename sessions");
    unit_app_end(&u);
}

static void unit_dialog_end(void)
{
    struct unit_app u;
    test_begin("ending asks first, can be undone once, and a click on the footer answers");
    unit_dialog_begin(&u, "idle");
    unit_app_reply(&u, "DELETE /sessions/a", 200, "{\"undo_s\":10}");
    unit_app_type(&u, "x");
    UNIT_APP_SEE(&u, "End this session?");
    CHECK(unit_app_shows(&u, "runs a program"));
    unit_app_type(&u, "z"); /* no answer */
    CHECK_INT(u.t->mode, APP_CONFIRM);
    unit_app_type(&u, "\r"); /* the focus is on No */
    CHECK(u.t->mode == APP_SESSIONS && !u.asked.n);
    unit_app_type(&u, "xq");
    CHECK(u.t->mode == APP_SESSIONS && !u.t->quit && !u.asked.n);
    unit_app_type(&u, "x");
    UNIT_APP_SEE(&u, "y yes");
    unit_app_type(&u, "\033[<0;3;24M\033[<0;3;24m");
    UNIT_APP_SEE(&u, "u undoes the end (10 s)");
    CHECK(unit_app_has(&u.asked, "DELETE /sessions/a?computer=vm&undo_s=10 "));
    unit_app_type(&u, "u");
    UNIT_APP_SEE(&u, "end undone");
    CHECK(unit_app_has(&u.asked, "POST /sessions/a/restore?computer=vm {}"));
    unit_app_type(&u, "u");
    UNIT_APP_SEE(&u, "no end to undo");
    unit_app_reply(&u, "DELETE /sessions/a", 500, "{\"detail\":\"it would not end\"}");
    unit_app_type(&u, "xy");
    UNIT_APP_SEE(&u, "it would not end");
    CHECK_INT(u.t->ended_count, 0);
    unit_app_end(&u);
}

static void unit_dialog_dismiss(void)
{
    struct unit_app u;
    test_begin("an exited session is dismissed without a question, which can be undone");
    unit_dialog_begin(&u, "exited");
    unit_app_type(&u, "x");
    UNIT_APP_SEE(&u, "ended");
    CHECK(unit_app_has(&u.asked, "DELETE /sessions/a?computer=vm&undo_s=10 "));
    app_set(&u.t->target, "a");
    u.t->confirm = (struct widget_confirm){.title = "t", .yes = "y", .no = "n"};
    u.t->confirmed = dialog_end_confirmed;
    app_set_mode(u.t, APP_CONFIRM); /* it exited while the question was on the screen */
    UNIT_APP_SEE(&u, "exited by itself");
    buf_clear(&u.asked);
    unit_app_type(&u, "y");
    UNIT_APP_SEE(&u, "x dismisses it");
    CHECK(u.t->mode == APP_SESSIONS && !unit_app_has(&u.asked, "DELETE"));
    unit_app_event(&u, "{\"event\":\"session_removed\",\"data\":{\"session_id\":\"a\"}}");
    app_set_mode(u.t, APP_CONFIRM);
    unit_app_type(&u, "y");
    CHECK(u.t->mode == APP_SESSIONS && !unit_app_has(&u.asked, "DELETE"));
    unit_app_end(&u);
}

/* A reply to a request that an earlier opening of the dialog has sent. */
static void unit_dialog_late(struct unit_app *u, enum app_mode dialog,
                             void (*on_reply)(struct app *t, struct json answer,
                                              struct app_request *request))
{
    struct json answer = {0};
    struct app_request late = {.app = u->t, .dialog = dialog, .opening = u->t->opening - 1};
    json_parse(span_of("{\"session_id\":\"new\",\"result\":\"delivered\"}"), &answer, NULL, NULL);
    on_reply(u->t, answer, &late);
    app_refuse(&late, "too late");
}

static void unit_dialog_openings(void)
{
    struct unit_app u;
    test_begin("a reply belongs to the opening of the dialog that asked");
    unit_dialog_begin(&u, "idle");
    unit_app_type(&u, "mhalf a sentence");
    u.t->form.busy = 1;
    unit_dialog_late(&u, APP_MESSAGE, dialog_on_sent);
    CHECK(u.t->mode == APP_MESSAGE && u.t->form.busy && !u.t->form.error.n);
    UNIT_APP_SEE(&u, "half a sentence");
    u.t->form.busy = 0;
    unit_app_type(&u, "\033");
    UNIT_APP_UNTIL(&u, u.t->mode == APP_SESSIONS);
    dialog_rename(u.t);
    unit_dialog_late(&u, APP_RENAME, dialog_on_renamed);
    CHECK_INT(u.t->mode, APP_RENAME);
    dialog_close(u.t);
    dialog_new(u.t);
    unit_dialog_late(&u, APP_NEW, dialog_on_created);
    CHECK(u.t->mode == APP_NEW && !u.t->views[0].wanted);
    dialog_close(u.t);
    attach_begin(u.t, "a");
    unit_dialog_late(&u, APP_NEW, dialog_on_created);
    CHECK(u.t->mode == APP_ATTACHED && !u.t->views[0].wanted);
    unit_app_end(&u);
}

static void unit_dialog_pauses(void)
{
    struct unit_app u;
    test_begin("keys are dropped when a reply closes the dialog late, or while the user types");
    unit_dialog_begin(&u, "idle");
    unit_app_type(&u, "mtext\023"); /* an answer at once: the next key counts */
    UNIT_APP_UNTIL(&u, u.t->mode == APP_SESSIONS);
    CHECK(!u.t->pause_timer.slot);
    for (int late = 0; late < 2; late++) {
        struct app_request request = {.app = u.t, .dialog = APP_MESSAGE};
        unit_app_type(&u, "mtext");
        request.opening = u.t->opening;
        request.keys_typed = u.t->keys_typed - !late;
        request.at = u.t->loop.now - (late ? APP_PAUSE_MS : 0);
        dialog_on_sent(u.t, (struct json){0}, &request);
        CHECK(u.t->mode == APP_SESSIONS && u.t->pause_timer.slot);
        unit_app_type(&u, "xyq");
        CHECK(u.t->mode == APP_SESSIONS && !u.t->quit && !unit_app_has(&u.asked, "DELETE"));
        UNIT_APP_RESUME(&u);
    }
    unit_app_end(&u);
}

static void unit_dialog_hooks(void)
{
    struct unit_app u;
    char *home = span_dup(span_of(getenv("HOME") ? getenv("HOME") : "/")), path[200];
    buf text = {0};
    test_begin("New says when an agent has no hooks; i installs them, d ends that for good");
    unsetenv("CLAUDE_CONFIG_DIR");
    unsetenv("GEMINI_CLI_HOME");
    unit_dialog_begin(&u, "idle");
    setenv("HOME", u.dir, 1);
    u.config.program = (char *)"/opt/telec";
    u.t->tree.agents[0].available = 1;
    unit_app_type(&u, "n");
    UNIT_APP_SEE(&u, "claude does not report to telec yet: i installs");
    unit_app_type(&u, "\033[C"); /* the shell has no hooks */
    UNIT_APP_UNTIL(&u, !unit_app_shows(&u, "does not report"));
    unit_app_type(&u, "i\033[D");
    UNIT_APP_SEE(&u, "claude does not report");
    unit_app_type(&u, "d");
    UNIT_APP_UNTIL(&u, !unit_app_shows(&u, "does not report"));
    CHECK(store_read(u.dir, "hints", &text) == 0);
    CHECK_SPAN(buf_view(&text), "claude\n");
    hints_end(&u.config, "claude"); /* once is enough */
    buf_clear(&text);
    CHECK(store_read(u.dir, "hints", &text) == 0 && text.n == strlen("claude\n"));
    unit_app_type(&u, "\033");
    UNIT_APP_UNTIL(&u, u.t->mode == APP_SESSIONS);
    unit_app_type(&u, "n");
    UNIT_APP_SEE(&u, "New session");
    CHECK(!unit_app_shows(&u, "does not report"));
    unit_app_type(&u, "\033");
    UNIT_APP_UNTIL(&u, u.t->mode == APP_SESSIONS);
    snprintf(path, sizeof path, "%s/hints", u.dir);
    unlink(path);
    unit_app_type(&u, "n");
    UNIT_APP_SEE(&u, "claude does not report");
    unit_app_type(&u, "i");
    UNIT_APP_SEE(&u, "/.claude/settings.json");
    UNIT_APP_SEE(&u, "telec hook --uninstall claude removes");
    CHECK(!unit_app_shows(&u, "does not report") && !hints_may(&u.config, "claude"));
    snprintf(path, sizeof path, "%s/.claude/settings.json", u.dir);
    buf_clear(&text);
    CHECK(os_read_file(&text, path, 1 << 20) == 0 && unit_app_has(&text, "/opt/telec hook"));
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
    setenv("HOME", home, 1);
    free(home);
    buf_free(&text);
    unit_app_end(&u);
}

#define UNIT_DIALOG_ASKS \
    ",\"waits_for\":\"choice\",\"state_text\":\"Bash: rm -rf build\",\"choices\":[\"Yes\",\"No, " \
    "stop\"]"

static void unit_dialog_choices(void)
{
    struct unit_app u;
    test_begin("a lists the choices on a waiting session's screen, and sends a number");
    unit_dialog_begin(&u, "idle");
    unit_app_type(&u, "a");
    UNIT_APP_SEE(&u, "asks nothing");
    unit_app_session(&u, "a", "waiting", UNIT_DIALOG_ASKS);
    unit_app_type(&u, "a");
    UNIT_APP_SEE(&u, "2 No, stop");
    CHECK(unit_app_shows(&u, "Bash: rm -rf build") && u.t->mode == APP_ANSWER);
    unit_app_type(&u, "3z"); /* no such choice */
    CHECK(u.t->mode == APP_ANSWER && !u.asked.n);
    unit_app_type(&u, "q");
    CHECK(u.t->mode == APP_SESSIONS && !u.t->quit);
    unit_app_session(&u, "a", "waiting", ",\"waits_for\":\"text\",\"state_text\":\"Name?\"");
    unit_app_session(&u, "b", "idle", "");
    unit_app_type(&u, "Va"); /* the marked ones ask nothing */
    UNIT_APP_SEE(&u, "Message to 1 title a");
    dialog_close(u.t);
    many_unmark(u.t);
    unit_app_session(&u, "a", "waiting", UNIT_DIALOG_ASKS);
    unit_app_type(&u, "a2");
    UNIT_APP_SEE(&u, "answered");
    CHECK(unit_app_has(&u.asked, "POST /sessions/a/answer?computer=vm {\"answer\":\"2\"}"));
    CHECK(u.t->mode == APP_SESSIONS && !u.t->menu.items.count);
    buf_clear(&u.asked);
    unit_app_type(&u, "a\033[B\033[B\033[B\r");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "{\"answer\":\"2\"}"));
    unit_app_type(&u, "a");
    unit_app_session(&u, "a", "waiting", ",\"waits_for\":\"choice\",\"state_text\":\"Bash: ls\"");
    buf_clear(&u.asked);
    unit_app_type(&u, "1"); /* it would answer another question */
    UNIT_APP_SEE(&u, "asks something else now");
    unit_app_type(&u, "a");
    UNIT_APP_SEE(&u, "2 No");
    unit_app_session(&u, "a", "working", "");
    unit_app_type(&u, "1");
    UNIT_APP_SEE(&u, "asks nothing any more");
    CHECK(!unit_app_has(&u.asked, "/answer"));
    unit_app_session(&u, "a", "waiting", ",\"waits_for\":\"choice\"");
    unit_app_type(&u, "a\r");
    UNIT_APP_UNTIL(&u, unit_app_has(&u.asked, "{\"answer\":\"yes\"}"));
    unit_app_session(&u, "a", "waiting", ",\"waits_for\":\"password\"");
    unit_app_type(&u, "a");
    UNIT_APP_SEE(&u, "attach to type that");
    unit_app_session(&u, "a", "waiting", ",\"waits_for\":\"text\"");
    unit_app_type(&u, "a");
    CHECK_INT(u.t->mode, APP_MESSAGE);
    unit_app_end(&u);
}

static void unit_dialog_force(void)
{
    struct unit_app u;
    test_begin("a message that would answer a question is typed only after one more question");
    unit_dialog_begin(&u, "idle");
    unit_app_session(&u, "a", "waiting", UNIT_DIALOG_ASKS);
    unit_app_reply(&u, "POST /sessions/a/message", 409,
                   "{\"detail\":\"waiting: Bash: rm -rf build\"}");
    unit_app_type(&u, "m");
    UNIT_APP_SEE(&u, "it waits for a choice, which a answers: Bash: rm -rf build");
    unit_app_type(&u, "stop that\023");
    UNIT_APP_SEE(&u, "Type it all the same?");
    CHECK(unit_app_shows(&u, "waiting: Bash: rm -rf build"));
    unit_app_type(&u, "\r"); /* the focus is on No */
    UNIT_APP_SEE(&u, "stop that");
    CHECK(u.t->mode == APP_MESSAGE && !u.t->form.busy && !unit_app_has(&u.asked, "force"));
    unit_app_type(&u, "\023");
    UNIT_APP_SEE(&u, "Type it all the same?");
    u.reply_count = 0;
    unit_app_type(&u, "y");
    UNIT_APP_UNTIL(&u, u.t->mode == APP_SESSIONS);
    CHECK(unit_app_has(&u.asked, "{\"message\":\"stop that\",\"force\":true}"));
    unit_app_reply(&u, "POST /sessions/a/message", 409, "{\"detail\":\"The session has ended\"}");
    unit_app_type(&u, "mtext\023");
    UNIT_APP_SEE(&u, "The session has ended");
    CHECK(u.t->mode == APP_MESSAGE && !u.t->form.busy);
    unit_app_end(&u);
}

static void unit_dialog_start(void)
{
    struct unit_app u;
    char **variables = environ;
    test_begin("work on a todo starts the first agent that can be, never the shell");
    environ = unit_dialog_nothing;
    unit_dialog_begin(&u, "idle");
    dialog_start(u.t, "vm", "/src", "the title", "/next-prepare");
    UNIT_APP_SEE(&u, "no agent can be started here now");
    unit_app_reply(&u, "POST /sessions ", 200, "{\"session_id\":\"new\"}");
    unit_app_type(&u, "j"); /* the error is read */
    u.t->tree.agents[0].available = 1;
    dialog_start(u.t, "vm", "/src", "the title", "/next-prepare");
    UNIT_APP_SEE(&u, "/next-prepare");
    CHECK(unit_app_shows(&u, "in /src on vm") && !unit_app_has(&u.asked, "POST /sessions "));
    unit_app_type(&u, "n");
    CHECK(u.t->mode == APP_SESSIONS && !unit_app_has(&u.asked, "POST /sessions "));
    dialog_start(u.t, "vm", "/src", "the title", "/next-prepare");
    unit_app_type(&u, "y");
    UNIT_APP_SEE(&u, "started; 1 shows the session");
    CHECK(unit_app_has(&u.asked, "\"agent\":\"claude\"") &&
          unit_app_has(&u.asked, "\"title\":\"the title\",\"message\":\"/next-prepare\""));
    environ = variables;
    unit_app_end(&u);
}

static void unit_dialog_guesses(void)
{
    struct unit_app u;
    test_begin("before the daemon's list is known the form has each configured agent once, those "
               "that can run first");
    unit_app_begin(&u, 24, 80);
    for (int count = 0; count <= 2; count++) {
        u.config.agents[0] = (struct config_agent){"none", .command = (char *)"/nowhere/none"};
        u.config.agents[1] = (struct config_agent){"sh", .command = (char *)"/bin/sh"};
        u.config.agent_count = count;
        dialog_list_agents(u.t);
        CHECK_INT(u.t->agent_count, count);
        if (count == 2)
            CHECK_SPAN(span_of(u.t->agents[0]), "sh");
        if (count)
            CHECK_SPAN(span_of(u.t->agents[count - 1]), "none");
        dialog_free_choices(u.t);
    }
    unit_app_end(&u);
}

static void unit_dialog(void)
{
    unit_dialog_guesses();
    unit_dialog_new();
    unit_dialog_command();
    unit_dialog_prompt_kept();
    unit_dialog_answered();
    unit_dialog_computers();
    unit_dialog_message();
    unit_dialog_draft();
    unit_dialog_rename();
    unit_dialog_end();
    unit_dialog_dismiss();
    unit_dialog_openings();
    unit_dialog_pauses();
    unit_dialog_hooks();
    unit_dialog_choices();
    unit_dialog_force();
    unit_dialog_start();
}
