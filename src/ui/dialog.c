#include "ui.h"

/* dialog - starting, messaging, answering, renaming and ending a session.
 *
 * A dialog opens for the selected row and keeps a copy of its names: the tree may change meanwhile.
 * If the daemon refuses, the dialog stays open and shows the reason. Ending a session first stops
 * its program for APP_UNDO_S seconds, during which the user can undo the end. */

#define DIALOG_PROMPT_ROWS 5
#define DIALOG_CONFIRM_ROWS 4

#define DIALOG_COMMAND "or command"

static const char *const dialog_modes[] = {"default", "fast", "med", "slow"};

static void dialog_free_choices(struct app *t)
{
    while (t->agent_count) {
        free(t->agents[--t->agent_count]);
        free(t->notes[t->agent_count]);
    }
    names_free(&t->computers);
    t->offered = NULL;
    names_free(&t->menu.items);
    t->menu = (struct widget_menu){0};
}

static void dialog_close(struct app *t)
{
    widget_form_free(&t->form);
    dialog_free_choices(t);
    app_set_mode(t, t->shown);
}

static void dialog_open(struct app *t, enum app_mode mode, const char *title, const char *submit)
{
    widget_form_free(&t->form);
    dialog_free_choices(t);
    t->form.title = title;
    t->form.submit = submit;
    t->opening++;
    app_set_mode(t, mode);
}

/* Closes the dialog that sent the request, and no other one. Returns 1 if it was open. */
static int dialog_close_answered(struct app_request *request)
{
    if (!app_is_open(request))
        return 0;
    dialog_close(request->app);
    app_pause_if_late(request);
    return 1;
}

static const char *dialog_title(const struct tree_session *s)
{
    return *tree_title(s) ? tree_title(s) : s->id;
}

static void dialog_set_target(struct app *t, const struct tree_session *s)
{
    app_set(&t->target, s->id);
    app_set(&t->target_computer, s->computer);
}

/* Names the session in the dialog's title, or counts several: "Message to 1.1 review". */
static void dialog_name(struct app *t, const char *act, const struct tree_session *s)
{
    buf title = {0};
    buf_fmt(&title, "%s ", act);
    if (t->many.ids.count > 1) {
        buf_fmt(&title, "%d sessions", t->many.ids.count);
    } else {
        outline_put_number(s, &title);
        buf_fmt(&title, " %s", dialog_title(s));
    }
    app_set(&t->form_title, buf_cstr(&title));
    t->form.title = t->form_title;
    buf_free(&title);
}

/* ---- a new session -------------------------------------------------------------------------- */

/* Lists the configuration's agents while the daemon's list is not known. */
static void dialog_guess_agents(struct app *t)
{
    int count = t->config->agent_count;
    for (int i = 0; i < 2 * count && t->agent_count < TREE_AGENTS_MAX; i++) {
        const struct config_agent *agent = &t->config->agents[i % count];
        int there = agent->login || config_can_run(agent->command);
        if (there != (i < count))
            continue;
        t->agents[t->agent_count] = base_dup(agent->name);
        t->notes[t->agent_count++] = there ? NULL : base_dup("not installed");
    }
}

/* Copies the agents and their notes: the tree may change while the form is open. Those that are not
 * installed come last. */
static void dialog_list_agents(struct app *t)
{
    long long now = clock_wall_ms();
    for (int i = 0; i < 2 * t->tree.agent_count; i++) {
        const struct tree_agent *a = &t->tree.agents[i % t->tree.agent_count];
        buf note = {0};
        if (rows_is_installed(a) != (i < t->tree.agent_count))
            continue;
        rows_put_agent_note(a, now, &note);
        t->agents[t->agent_count] = base_dup(a->name);
        t->notes[t->agent_count++] = note.n ? span_dup(buf_view(&note)) : NULL;
        buf_free(&note);
    }
    if (!t->agent_count)
        dialog_guess_agents(t);
}

static int dialog_is_here(const struct app *t, const char *computer)
{
    return strcmp(computer, names_first(&t->tree.computers)) == 0;
}

static int dialog_is_absent(const char *note)
{
    return note && strcmp(note, "not installed") == 0;
}

/* Offers the installed agents here; all of them, without notes, on another computer. */
static void dialog_suit_agents(struct app *t, struct widget_line *line, int here)
{
    line->notes = here ? (const char *const *)t->notes : NULL;
    line->choice_count = t->agent_count;
    while (here && line->choice_count > 1 && dialog_is_absent(t->notes[line->choice_count - 1]))
        line->choice_count--;
    if (line->choice >= line->choice_count)
        line->choice = 0;
}

/* Offers hooks while the chosen agent can be started here and has none. */
static void dialog_offer_hooks(struct app *t, int here)
{
    const char *agent = NULL;
    for (int i = 0; here && i < t->form.count; i++) {
        const struct widget_line *line = &t->form.lines[i];
        if (strcmp(line->label, "Agent") == 0 && !t->notes[line->choice])
            agent = line->choices[line->choice];
    }
    if (agent == t->offered)
        return; /* reading settings at each key would be wasteful */
    t->offered = agent;
    buf_clear(&t->form.note);
    if (agent && hints_may(t->config, agent))
        buf_fmt(&t->form.note, "%s does not report to telec yet: i installs, d: don't ask again",
                agent);
}

/* Returns the absolute path of a directory typed for this computer; to be freed. */
static char *dialog_absolute(const char *typed)
{
    const char *home = getenv("HOME"), *rest = typed + 1;
    int in_home = *typed == '~' && (!*rest || *rest == '/') && home && *home == '/';
    return in_home ? config_join(home, *rest ? rest + 1 : rest) : config_absolute(typed);
}

/* Offers a new worktree while the directory is in a repository of this computer. */
static void dialog_offer_worktree(struct app *t, int here)
{
    struct widget_form *f = &t->form;
    int at = 1;
    while (strcmp(f->lines[at - 1].label, "Directory") != 0)
        at++;
    char *directory = dialog_absolute(buf_cstr(&f->lines[at - 1].field.text));
    buf place = {0};
    int offered = strcmp(f->lines[at].label, "Worktree") == 0;
    int wanted = here && vcs_is_there() &&
                 git_put_place(directory, offered ? buf_cstr(&f->lines[at].field.text) : "",
                               t->config->worktrees, &place);
    if (wanted && !offered) {
        struct widget_line line = *widget_form_add(f, "Worktree", "");
        memmove(&f->lines[at + 1], &f->lines[at], (size_t)(f->count - 1 - at) * sizeof line);
        f->lines[at] = line;
        f->focus += f->focus >= at;
    } else if (!wanted && offered) {
        field_free(&f->lines[at].field);
        memmove(&f->lines[at], &f->lines[at + 1], (size_t)(--f->count - at) * sizeof *f->lines);
        f->focus -= f->focus > at;
    }
    app_set(&t->changes.place, wanted ? buf_cstr(&place) : NULL);
    if (wanted && f->focus == at && !f->hint.n) {
        int named = f->lines[at].field.text.n > 0;
        buf_str(&f->hint, named ? "it starts in "
                                : "name a new branch to start in its own worktree");
        rows_path(named ? t->changes.place : "", &f->hint);
    }
    free(directory);
    buf_free(&place);
}

/* Switches completion off for another computer: we don't know its directories, programs and
 * agents. */
static void dialog_suit_computer(struct app *t)
{
    const char *computer = widget_form_choice(&t->form, "Computer");
    int here = dialog_is_here(t, computer ? computer : t->target_computer);
    for (int i = 0; i < t->form.count; i++) {
        struct widget_line *line = &t->form.lines[i];
        if (strcmp(line->label, "Directory") == 0)
            line->complete = here ? field_complete_directory : NULL;
        else if (strcmp(line->label, DIALOG_COMMAND) == 0)
            line->complete = here ? field_complete_command : NULL;
        else if (strcmp(line->label, "Agent") == 0)
            dialog_suit_agents(t, line, here);
    }
    dialog_offer_hooks(t, here);
    dialog_offer_worktree(t, here);
}

/* Says which file now has the hooks, and how to remove them. */
static void dialog_say_hooks(struct app *t, const struct agents_row *row, span report)
{
    buf *note = &t->form.note;
    span line = span_cut(&report, '\n');
    while (line.n && line.p[line.n - 1] != ';') /* what was added follows */
        line.n--;
    char *done = span_dup(line);
    buf_clear(note);
    rows_path(done, note);
    free(done);
    buf_fmt(note, " telec hook --uninstall %s removes that. %s", row->name,
            row->hooks.note ? row->hooks.note : "");
    for (char *p = note->p; (p = strchr(p, '\n')) != NULL;)
        *p = ' ';
}

static void dialog_hooks(struct app *t, int wanted)
{
    buf report = {0}, error = {0};
    if (!t->form.note.n || !t->offered)
        return;
    if (!wanted) {
        hints_end(t->config, t->offered);
        buf_clear(&t->form.note);
    } else if (settings_install(t->offered, getenv("HOME"), t->config->program, SETTINGS_ADD,
                                &report, &error) < 0) {
        app_say(t, 1, buf_cstr(&error));
        buf_clear(&t->form.note);
    } else {
        dialog_say_hooks(t, agents_find(t->offered), buf_view(&report));
    }
    buf_free(&report), buf_free(&error);
    app_changed(t);
}

static void dialog_add_computers(struct app *t)
{
    if (t->tree.computers.count < 2)
        return;
    struct widget_line *line = widget_form_add(&t->form, "Computer", "");
    for (int i = 0; i < t->tree.computers.count; i++) {
        names_add(&t->computers, base_dup(t->tree.computers.list[i]));
        if (strcmp(t->tree.computers.list[i], t->target_computer) == 0)
            line->choice = i;
    }
    line->choices = (const char *const *)t->computers.list;
    line->choice_count = t->computers.count;
}

static void dialog_add_agents(struct app *t)
{
    dialog_list_agents(t);
    if (!t->agent_count)
        return;
    t->form.focus = t->form.count;
    struct widget_line *line = widget_form_add(&t->form, "Agent", "");
    line->choices = (const char *const *)t->agents;
    line->notes = (const char *const *)t->notes;
    line->choice_count = t->agent_count;
    while (line->choice < t->agent_count - 1 && t->notes[line->choice])
        line->choice++;
}

static struct widget_line *dialog_add_text(struct app *t, const char *label, const char *text,
                                           const struct names *history)
{
    struct widget_line *line = widget_form_add(&t->form, label, text);
    line->field.rows = DIALOG_PROMPT_ROWS;
    line->field.history = history;
    return line;
}

/* The line that takes a command to run instead of the agent. */
static void dialog_add_command(struct app *t)
{
    struct widget_line *line = dialog_add_text(t, DIALOG_COMMAND, "", &t->commands);
    line->field.rows = 0;
    line->submits = 1;
}

static void dialog_new(struct app *t)
{
    const struct tree_row *row = app_row(t);
    const struct todos_row *todo = app_todos_row(t);
    const char *path = row ? outline_path(row) : todo && todo->project ? todo->project->path : NULL;
    dialog_open(t, APP_NEW, "New session", "Start");
    app_set(&t->target_computer, row           ? row->computer
                                 : todo        ? todo->computer
                                 : t->tree.focus ? t->tree.focus
                                                 : t->config->computer);
    dialog_add_computers(t);
    widget_form_add(&t->form, "Directory", path ? path : t->tree.here ? t->tree.here : "/");
    dialog_add_agents(t);
    dialog_add_command(t);
    struct widget_line *mode = widget_form_add(&t->form, "Mode", "");
    mode->choices = dialog_modes;
    mode->choice_count = (int)COUNT_OF(dialog_modes);
    widget_form_add(&t->form, "Title", "");
    dialog_add_text(t, "Prompt", "", &t->prompts);
    dialog_suit_computer(t);
}

/* Selects the new session when its row comes, if the user still looks at where it was started. From
 * the dialog, drops the filter, which could hide the row. */
static void dialog_on_created(struct app *t, struct json answer, struct app_request *request)
{
    buf key = {0};
    if (!json_is(answer, "session_id", JSON_STRING)) {
        app_refuse(request, "the daemon's answer names no session");
        return;
    }
    buf_str(&key, "s:");
    json_put_member(&key, answer, "session_id");
    if (dialog_close_answered(request)) {
        app_set(&t->views[0].wanted, buf_cstr(&key));
        field_set(&t->views[0].filter, "");
        tree_set_filter(&t->tree, NULL);
        app_show(t, APP_SESSIONS);
    } else {
        if (t->shown == APP_TODOS)
            app_set(&t->views[0].wanted, buf_cstr(&key));
        app_say(t, 0, request->dialog ? "the new session has started"
                                      : "started; 1 shows the session");
    }
    buf_free(&key);
    app_changed(t);
}

/* Puts a command line (or NULL) and a title; sh runs a line with characters of a shell, which is
 * then the title, too. */
static void dialog_put_command(buf *body, const char *line, const char *title)
{
    buf words = {0};
    int shell = line && strpbrk(line, "|&;<>()$`*?~");
    if (shell)
        buf_str(&words, "sh -c "), config_put_quoted(&words, line);
    if (line)
        json_field_string(body, "command", shell ? buf_cstr(&words) : line);
    json_field_string(body, "title", title && *title ? title : shell ? line : NULL);
    buf_free(&words);
}

struct dialog_session {
    const char *computer, *directory, *agent, *command, *mode, *title, *message;
};

static void dialog_post(struct app *t, const struct dialog_session *s, enum app_mode dialog)
{
    buf body = {0};
    json_open(&body, '{');
    json_field_string(&body, "computer", s->computer);
    int is_ours = *s->directory && dialog_is_here(t, s->computer);
    char *directory = is_ours ? dialog_absolute(s->directory) : base_dup(s->directory);
    json_field_string(&body, "project_dir", directory);
    free(directory);
    int runs = s->command && *s->command;
    json_field_string(&body, "agent", runs ? "shell" : s->agent ? s->agent : agents_row(0)->name);
    if (!runs && s->mode && agents_mode(s->mode) >= 0)
        json_field_string(&body, "thinking_mode", s->mode);
    dialog_put_command(&body, runs ? s->command : NULL, s->title);
    json_field_string(&body, "message", s->message && *s->message ? s->message : NULL);
    json_field_int(&body, "cols", t->grid.cols);
    json_field_int(&body, "rows", t->grid.rows - 1);
    if (dialog_is_here(t, s->computer))
        client_put_environment(&body);
    json_close(&body, '}');
    app_request(t, "POST", "/sessions", buf_view(&body), dialog, dialog_on_created);
    buf_free(&body);
}

static void dialog_post_new(struct app *t, const char *directory)
{
    const char *computer = widget_form_choice(&t->form, "Computer");
    struct dialog_session s = {.computer = computer ? computer : t->target_computer,
                               .directory = directory,
                               .agent = widget_form_choice(&t->form, "Agent"),
                               .command = widget_form_text(&t->form, DIALOG_COMMAND),
                               .mode = widget_form_choice(&t->form, "Mode"),
                               .title = widget_form_text(&t->form, "Title"),
                               .message = widget_form_text(&t->form, "Prompt")};
    if (t->form.note.n && t->offered) /* it was said */
        hints_end(t->config, t->offered);
    app_add_line(t, &t->prompts, s.message);
    app_add_line(t, &t->commands, s.command);
    dialog_post(t, &s, APP_NEW);
}

static void dialog_on_worktree(void *ctx, const char *error, span text)
{
    struct app *t = ctx;
    int open = t->mode == APP_NEW && t->opening == t->changes.opening;
    (void)text;
    t->changes.opening = 0;
    if (open && !error) {
        dialog_post_new(t, t->changes.place);
    } else if (open) {
        t->form.busy = 0;
        buf_clear(&t->form.error);
        buf_str(&t->form.error, error);
        app_changed(t);
    } else {
        app_say(t, error != NULL, error ? error : "the worktree is made; no session was started");
    }
}

/* Starts the session, in a new worktree where a branch is named. */
static void dialog_submit_new(struct app *t)
{
    const char *branch = widget_form_text(&t->form, "Worktree");
    const char *directory = widget_form_text(&t->form, "Directory");
    if (!branch || !*branch || !t->changes.place) {
        dialog_post_new(t, directory);
        return;
    }
    char *path = dialog_absolute(directory);
    t->changes.opening = t->opening;
    if (vcs_add_worktree(&t->changes.vcs, path, branch, t->changes.place, dialog_on_worktree,
                         t) != 0)
        dialog_on_worktree(t, strerror(errno), (span){0});
    free(path);
}

/* ---- messages and names --------------------------------------------------------------------- */

static int dialog_has_draft(const struct app *t) /* for the target */
{
    return t->draft && strcmp(t->draft_to, t->target) == 0;
}

/* Opens the dialog for the collected sessions. */
static void dialog_open_message(struct app *t)
{
    const struct tree_session *s = many_first(t);
    if (!s || tree_is(s, "exited")) {
        app_say(t, 1, s ? "this session has exited: it reads no messages"
                        : "select a session first");
        return;
    }
    dialog_open(t, APP_MESSAGE, NULL, "Send");
    dialog_name(t, "Message to", s);
    dialog_set_target(t, s);
    dialog_add_text(t, "Text", dialog_has_draft(t) ? t->draft : "", &t->prompts);
    if (t->many.ids.count == 1 && tree_waits_for(s, "choice")) {
        buf_str(&t->form.hint, "it waits for a choice, which a answers: ");
        buf_str(&t->form.hint, s->asked ? s->asked : "");
    }
}

static void dialog_message(struct app *t)
{
    if (many_collect(t, 0) > 1)
        many_keep(t, 0);
    dialog_open_message(t);
}

static const char *const dialog_key_names[] = {"escape", "enter",    "ctrl_c", "tab",   "space",
                                               "key_up", "key_down", "ctrl_d", "ctrl_u"};

static void dialog_keys(struct app *t)
{
    many_collect(t, 0);
    many_keep(t, 0);
    const struct tree_session *s = many_first(t);
    if (!s) {
        app_say(t, 1, "select a running session first");
        return;
    }
    dialog_open(t, APP_KEYS, NULL, "Send");
    dialog_name(t, "Key to", s);
    struct widget_line *line = widget_form_add(&t->form, "Key", "");
    line->choices = dialog_key_names;
    line->choice_count = (int)COUNT_OF(dialog_key_names);
}

/* Sends the form's key or text to all of t->many. */
static void dialog_submit_many(struct app *t)
{
    buf body = {0};
    int is_key = t->mode == APP_KEYS;
    json_open(&body, '{');
    if (is_key)
        json_field_string(&body, "key", widget_form_choice(&t->form, "Key"));
    else
        json_field_string(&body, "message", widget_form_text(&t->form, "Text"));
    json_close(&body, '}');
    dialog_close(t);
    many_post(t, is_key ? "/keys" : "/message", buf_view(&body), is_key ? "key sent" : "sent");
    buf_free(&body);
}

static void dialog_on_sent(struct app *t, struct json answer, struct app_request *request)
{
    int unconfirmed = json_member_eq(answer, "result", "unconfirmed");
    dialog_close_answered(request);
    app_say(t, 0, unconfirmed ? "sent; the program has not reacted" : "sent");
}

/* The daemon has typed nothing: the session waits for a choice, which the text would make, or its
 * input box holds a text. Asks whether to type the message all the same. */
static int dialog_on_unsent(struct app *t, const char *why, struct app_request *request)
{
    span s = span_of(why);
    if (!app_is_open(request) || !(span_starts(s, "waiting: ") || span_starts(s, "draft: ")))
        return 0;
    t->form.busy = 0;
    app_set(&t->asked, why);
    t->confirm = (struct widget_confirm){.title = "Type it all the same?", .yes = "Yes, type it",
                                         .no = "No, go back", .focus = 1};
    app_set_mode(t, APP_FORCE);
    app_pause_if_late(request);
    return 1;
}

static void dialog_rename(struct app *t)
{
    const struct tree_session *s = app_session(t);
    if (!s || app_is_foreign(t)) {
        app_say(t, 1, s ? "this daemon is TeleClaude's: it can't rename sessions"
                        : "select a session first");
        return;
    }
    dialog_open(t, APP_RENAME, NULL, "Rename");
    many_clear(t);
    dialog_name(t, "Rename", s);
    widget_form_add(&t->form, "Title",
                    s->title && strcmp(s->title, "Untitled") != 0 ? s->title : "");
    dialog_set_target(t, s);
}

static void dialog_on_renamed(struct app *t, struct json answer, struct app_request *request)
{
    (void)answer;
    dialog_close_answered(request);
    app_say(t, 0, "renamed");
}

/* Sends a request about the target whose body has one string member, and "force" if force is 1. */
static struct app_request *dialog_send(struct app *t, const char *method, const char *tail,
                                       const char *member, const char *text, int force,
                                       void (*on_reply)(struct app *t, struct json answer,
                                                        struct app_request *request))
{
    buf body = {0}, target = {0};
    json_open(&body, '{');
    json_field_string(&body, member, text);
    if (force)
        json_field_bool(&body, "force", 1);
    json_close(&body, '}');
    client_put_target(&target, t->target, tail, t->target_computer);
    struct app_request *request =
        app_request(t, method, buf_cstr(&target), buf_view(&body), t->mode, on_reply);
    buf_free(&body);
    buf_free(&target);
    return request;
}

static void dialog_send_message(struct app *t, int force)
{
    const char *text = widget_form_text(&t->form, "Text");
    t->form.busy = 1;
    dialog_send(t, "POST", "/message", "message", text, force, dialog_on_sent)->on_error =
        dialog_on_unsent;
}

static void dialog_submit(struct app *t)
{
    t->form.busy = 1;
    if (t->mode == APP_MESSAGE && dialog_has_draft(t))
        app_set(&t->draft, NULL);
    if (t->mode == APP_NEW) {
        dialog_submit_new(t);
    } else if (t->mode == APP_RENAME) {
        dialog_send(t, "PATCH", "", "title", widget_form_text(&t->form, "Title"), 0,
                    dialog_on_renamed);
    } else if (t->mode == APP_KEYS || t->many.ids.count > 1) {
        dialog_submit_many(t);
    } else {
        app_add_line(t, &t->prompts, widget_form_text(&t->form, "Text"));
        dialog_send_message(t, 0);
    }
}

/* ---- answers -------------------------------------------------------------------------------- */

/* Returns the question and its choices as one text, which tells one question from another. */
static char *dialog_question(const struct tree_session *s)
{
    buf b = {0};
    buf_fmt(&b, "%s\n%s", s->asked ? s->asked : "", s->choices ? s->choices : "");
    char *text = span_dup(buf_view(&b));
    buf_free(&b);
    return text;
}

/* Lists the choices on the screen, else yes and no. */
static void dialog_list_choices(struct app *t, const struct tree_session *s)
{
    span rest = span_of(s->choices ? s->choices : "Yes\nNo\n");
    while (rest.n)
        names_add(&t->menu.items, span_dup(span_cut(&rest, '\n')));
}

static void dialog_choose(struct app *t)
{
    const struct tree_session *s = app_session(t);
    if (!s || !tree_is(s, "waiting")) {
        app_say(t, 1, s ? "this session asks nothing" : "select a session first");
    } else if (tree_waits_for(s, "password")) {
        app_say(t, 1, "it asks for a password: attach to type that");
    } else if (!tree_waits_for(s, "choice")) {
        many_clear(t), many_add(t, s); /* whatever is marked */
        dialog_open_message(t); /* a text is the answer */
    } else {
        dialog_open(t, APP_ANSWER, NULL, NULL);
        dialog_set_target(t, s);
        dialog_list_choices(t, s);
        free(t->asked);
        t->asked = dialog_question(s);
        many_clear(t);
        dialog_name(t, "Answer", s);
        t->menu.title = t->form_title;
    }
}

static void dialog_on_answered(struct app *t, struct json answer, struct app_request *request)
{
    (void)answer, (void)request;
    app_say(t, 0, "answered");
}

/* Sends the choice, unless the session asks something else since the menu was opened. */
static void dialog_submit_choice(struct app *t)
{
    const struct tree_session *s = tree_session(&t->tree, t->target);
    char *now = s && tree_waits_for(s, "choice") ? dialog_question(s) : NULL, choice[16];
    base_fmt(choice, sizeof choice, "%d", t->menu.at + 1);
    if (!now || strcmp(now, t->asked) != 0)
        app_say(t, 1, now ? "it asks something else now: a shows it" : "it asks nothing any more");
    else
        dialog_send(t, "POST", "/answer", "answer",
                    s->choices ? choice : t->menu.at == 0 ? "yes" : "no", 0, dialog_on_answered);
    free(now);
    dialog_close(t);
}

/* ---- ending a session, and undoing that ----------------------------------------------------- */

static void dialog_on_ended(struct app *t, struct json answer, struct app_request *request)
{
    long long seconds = 0;
    int at = request->about ? app_find_ended(t, request->about) : -1;
    if (at < 0 || !json_int(json_get(answer, "undo_s"), &seconds) || seconds <= 0) {
        app_say(t, 0, "ended");
        app_finish_ended(t, at);
        return;
    }
    t->ended[at].until = t->loop.now + seconds * 1000;
    loop_timer_in(&t->loop, &t->second_timer, 1000);
    app_changed(t);
}

static void dialog_end_target(struct app *t, int can_undo)
{
    const struct tree_session *s = tree_session(&t->tree, t->target);
    buf target = {0}, after = {0};
    client_put_target(&target, t->target, "", t->target_computer);
    changes_put_worktree(t, s, &after);
    can_undo &= s && !app_is_foreign(t);
    if (can_undo) {
        buf_fmt(&target, "&undo_s=%d", APP_UNDO_S);
        app_add_ended(t, s->id, dialog_title(s), s->computer);
        app_set(&t->ended[t->ended_count - 1].after, after.n ? buf_cstr(&after) : NULL);
    }
    buf_free(&after);
    struct app_request *request = app_request(t, "DELETE", buf_cstr(&target), (span){0},
                                              APP_CONFIRM, dialog_on_ended);
    request->about = can_undo ? base_dup(s->id) : NULL;
    buf_free(&target);
}

/* Ends the session, unless it exited meanwhile: the question was not whether to dismiss it. */
static void dialog_end_confirmed(struct app *t)
{
    const struct tree_session *s = tree_session(&t->tree, t->target);
    if (s && !tree_is(s, "exited"))
        dialog_end_target(t, 1);
    else
        app_say(t, 0, s ? "it has exited by itself: x dismisses it" : "it has been ended already");
}

static void dialog_ask(struct app *t, struct widget_confirm confirm,
                       void (*confirmed)(struct app *t))
{
    t->confirm = confirm;
    t->confirm.focus = 1;
    t->confirmed = confirmed;
    t->opening++;
    app_set_mode(t, APP_CONFIRM);
}

static int dialog_can_end_many(struct app *t)
{
    if (!app_is_foreign(t))
        return 1;
    app_say(t, 1, "this daemon is TeleClaude's: it ends one session at a time");
    return 0;
}

static void dialog_end(struct app *t)
{
    int count = many_collect(t, 1);
    const struct tree_session *s = many_first(t);
    if (!s) {
        app_say(t, 1, "there is no session to end");
    } else if (count > 1) {
        if (dialog_can_end_many(t))
            dialog_ask(t, (struct widget_confirm){.title = "End these sessions?",
                                                  .yes = "Yes, end them", .no = "No, keep them"},
                       many_end);
    } else {
        dialog_set_target(t, s);
        if (tree_is(s, "exited")) /* dismissing can be undone: do it without a question */
            dialog_end_target(t, 1);
        else
            dialog_ask(t, (struct widget_confirm){.title = "End this session?",
                                                  .yes = "Yes, end it", .no = "No, keep it"},
                       dialog_end_confirmed);
    }
}

static void dialog_dismiss(struct app *t)
{
    if (!many_collect_exited(t))
        app_say(t, 0, "no session has exited");
    else if (dialog_can_end_many(t))
        many_end(t);
}

static void dialog_on_undone(struct app *t, struct json answer, struct app_request *request)
{
    (void)answer, (void)request;
    app_say(t, 0, "end undone");
}

static void dialog_undo(struct app *t)
{
    buf target = {0}, key = {0};
    int last = app_last_ended(t);
    if (last < 0) {
        app_say(t, 0, "there is no end to undo");
        return;
    }
    const char *id = t->ended[last].id;
    if (*id == '{') {
        app_request(t, "POST", "/sessions/restore", span_of(id), APP_CONFIRM, dialog_on_undone);
    } else {
        client_put_target(&target, id, "/restore", t->ended[last].computer);
        app_request(t, "POST", buf_cstr(&target), span_of("{}"), APP_CONFIRM, dialog_on_undone);
        buf_str(&key, "s:");
        buf_str(&key, id);
        app_set(&t->views[0].wanted, buf_cstr(&key));
    }
    app_remove_ended(t, last);
    buf_free(&target);
    buf_free(&key);
}

/* ---- starting for a todo --------------------------------------------------------------------- */

static void dialog_start_confirmed(struct app *t)
{
    struct dialog_session s = {.computer = t->target_computer, .directory = t->start_directory,
                               .agent = t->start_agent, .title = t->start_title,
                               .message = t->start_message};
    dialog_post(t, &s, 0);
}

/* Shows the command, the directory and the prompt. */
static void dialog_ask_start(struct app *t)
{
    const struct config_agent *agent = dialog_is_here(t, t->target_computer)
                                           ? config_agent(t->config, t->start_agent)
                                           : NULL;
    const char *const parts[] = {"", agent ? agent->command : t->start_agent, " in ",
                                 t->start_directory, " on ", t->target_computer, ": ",
                                 t->start_message};
    buf text = {0};
    for (size_t i = 0; i < COUNT_OF(parts); i += 2) {
        buf_str(&text, parts[i]);
        utf8_put_visible(&text, span_of(parts[i + 1]));
    }
    app_set(&t->asked, buf_cstr(&text));
    buf_free(&text);
    dialog_ask(t, (struct widget_confirm){.title = "Start this agent?", .yes = "Yes, start it",
                                          .no = "No"},
               dialog_start_confirmed);
}

/* Asks before it starts the first agent that can be started. Never the shell, which does not
 * understand the prompt. */
static void dialog_start(struct app *t, const char *computer, const char *directory,
                         const char *title, const char *message)
{
    int chosen = -1;
    dialog_free_choices(t);
    dialog_list_agents(t);
    for (int i = 0; i < t->agent_count && chosen < 0; i++)
        if (strcmp(t->agents[i], "shell") != 0 && (!t->notes[i] || !dialog_is_here(t, computer)))
            chosen = i;
    if (chosen < 0) {
        app_say(t, 1, "no agent can be started here now: n shows why");
    } else {
        app_set(&t->target_computer, computer);
        app_set(&t->start_directory, directory);
        app_set(&t->start_agent, t->agents[chosen]);
        app_set(&t->start_title, title);
        app_set(&t->start_message, message);
        dialog_ask_start(t);
    }
    dialog_free_choices(t);
}

/* ---- restarting ----------------------------------------------------------------------------- */

static void dialog_on_restarted(struct app *t, struct json answer, struct app_request *request)
{
    (void)request;
    int resumes = json_member_eq(answer, "restart", "resume");
    app_say(t, 0, resumes ? "started again; it resumes its conversation" : "started again");
}

/* Appends the body of a restart; with the environment of this terminal when `here`. */
static void dialog_put_restart(struct app *t, int here, buf *body)
{
    json_open(body, '{');
    json_field_int(body, "cols", t->grid.cols);
    json_field_int(body, "rows", t->grid.rows - 1);
    if (here)
        client_put_environment(body);
    json_close(body, '}');
}

static void dialog_restart_many(struct app *t)
{
    buf body = {0};
    many_keep(t, 1);
    int here = 1; /* another computer gets no environment of ours */
    for (int i = 0; i < t->many.ids.count; i++)
        here &= dialog_is_here(t, tree_session(&t->tree, t->many.ids.list[i])->computer);
    dialog_put_restart(t, here, &body);
    many_post(t, "/restart", buf_view(&body), "started again");
    buf_free(&body);
}

static void dialog_restart(struct app *t)
{
    buf body = {0}, target = {0};
    many_collect(t, 0);
    many_keep(t, 1);
    const struct tree_session *s = many_first(t);
    if (!s || app_is_foreign(t)) {
        app_say(t, 1, s ? "this daemon is TeleClaude's: it can't start a session again"
                        : "only an exited session can be started again");
    } else if (t->many.ids.count > 1) {
        dialog_ask(t, (struct widget_confirm){.title = "Start these sessions again?",
                                              .yes = "Yes, start them", .no = "No"},
                   dialog_restart_many);
    } else {
        dialog_put_restart(t, dialog_is_here(t, s->computer), &body);
        client_put_target(&target, s->id, "/restart", s->computer);
        app_request(t, "POST", buf_cstr(&target), buf_view(&body), APP_CONFIRM,
                    dialog_on_restarted);
    }
    buf_free(&body), buf_free(&target);
}

/* ---- events and drawing --------------------------------------------------------------------- */

/* A message that is not sent is the draft of that session's next one, and Up recalls a prompt: on a
 * slow line an arrow key can be Esc. */
static void dialog_cancel(struct app *t)
{
    const char *text = t->mode == APP_MESSAGE ? widget_form_text(&t->form, "Text") : "";
    if (*text || (t->mode == APP_MESSAGE && dialog_has_draft(t)))
        app_set(&t->draft, text), app_set(&t->draft_to, t->target);
    else if (t->mode == APP_NEW)
        app_add_line(t, &t->prompts, widget_form_text(&t->form, "Prompt"));
    dialog_close(t);
}

/* Does what the form or question has answered. Returns 1 when its event was consumed. */
static int dialog_answer(struct app *t, enum widget_answer answer)
{
    enum app_mode mode = t->mode;
    int done = answer == WIDGET_SUBMIT || answer == WIDGET_CANCEL;
    app_changed(t);
    if (mode & APP_QUESTIONS && done)
        app_set_mode(t, mode == APP_FORCE ? APP_MESSAGE : t->shown);
    if (mode == APP_CONFIRM && answer == WIDGET_SUBMIT)
        t->confirmed(t);
    else if (mode == APP_FORCE && answer == WIDGET_SUBMIT)
        dialog_send_message(t, 1);
    else if (mode == APP_ANSWER && answer == WIDGET_SUBMIT)
        dialog_submit_choice(t);
    else if (mode & APP_QUESTIONS)
        return answer != WIDGET_PASSED;
    else if (answer == WIDGET_CANCEL)
        dialog_cancel(t);
    else if (answer == WIDGET_SUBMIT)
        dialog_submit(t);
    else if (t->mode == APP_NEW)
        dialog_suit_computer(t);
    return answer != WIDGET_PASSED;
}

static int dialog_event(struct app *t, const struct term_event *ev)
{
    if (t->mode == APP_ANSWER)
        return dialog_answer(t, widget_menu_event(&t->ui, &t->menu, ev));
    return dialog_answer(t, t->mode & APP_QUESTIONS ? widget_confirm_event(&t->ui, &t->confirm, ev)
                                                   : widget_form_event(&t->ui, &t->form, ev));
}

static void dialog_run(struct app *t, enum widget_command command)
{
    dialog_answer(t, t->mode == APP_ANSWER      ? widget_menu_run(&t->menu, command)
                     : t->mode & APP_QUESTIONS ? widget_confirm_run(&t->confirm, command)
                                               : widget_form_run(&t->form, command));
}

/* Draws the question, which names the session and its agent or program. */
static void dialog_draw_confirm(struct app *t)
{
    const struct tree_session *s = t->target ? tree_session(&t->tree, t->target) : NULL;
    buf text = {0};
    if (t->confirmed == dialog_start_confirmed) {
        buf_str(&text, t->asked);
    } else if (t->many.ids.count > 1) {
        buf_fmt(&text, "%d sessions: ", t->many.ids.count);
        many_put_count(t, &text);
        buf_str(&text, t->confirmed == many_end ? ". u undoes it." : ".");
    } else if (s && !tree_is(s, "exited")) {
        buf_str(&text, "“");
        utf8_put_visible(&text, span_of(dialog_title(s)));
        buf_str(&text, "” runs");
        const char *runs = s->agent ? s->agent : s->command ? s->command : "a program";
        if (strcmp(runs, dialog_title(s)) != 0)
            buf_byte(&text, ' '), utf8_put_visible(&text, span_of(runs));
        buf_str(&text, ". Ending it ends that program.");
    } else {
        buf_str(&text, "This session has exited by itself.");
    }
    widget_confirm_draw(&t->ui, &t->confirm, buf_view(&text));
    buf_free(&text);
}

static void dialog_draw(struct app *t)
{
    span asked = span_of(t->asked ? t->asked : "");
    if (t->mode == APP_CONFIRM)
        dialog_draw_confirm(t);
    else if (t->mode == APP_FORCE)
        widget_confirm_draw(&t->ui, &t->confirm, asked);
    else if (t->mode == APP_ANSWER)
        widget_menu_draw(&t->ui, &t->menu, span_cut(&asked, '\n'));
    else if (t->mode & APP_FORMS)
        widget_form_draw(&t->ui, &t->form);
}
