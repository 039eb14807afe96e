/* tui - the terminal UI: the tree of computers, projects and sessions, and what can be done to
 * them.
 *
 * Nothing here waits: a key changes what is shown or sends a request, an answer or an event changes
 * the tree, and either marks the screen as out of date. At most one frame every 16 ms is drawn, and
 * none while the terminal has not taken the last one. The first frame is painted before anybody is
 * talked to. */

#define TUI_FRAME_MS 16
/* frames saved up: a key's echo needn't wait for the frame before it */
#define TUI_BURST_MS 32
#define TUI_ESCAPE_MS 30     /* a lone ESC is the Escape key after this */
#define TUI_PAN_ROWS 5
#define TUI_PAN_COLS 20
#define TUI_REST_MS 1        /* at the start: between asking for the sessions and for all else */
#define TUI_TOAST_MS 4000
#define TUI_AGES_MS 60000
#define TUI_PREVIEW_MS 60    /* the selection rests for this long before its screen is fetched */
#define TUI_PREVIEW_COLS 100 /* a screen this wide shows the preview beside the tree */
#define TUI_PREVIEW_CHARS 20000 /* of the transcript of a session that has exited */
#define TUI_MIN_COLS 40
#define TUI_MIN_ROWS 10
#define TUI_DETAIL_ROWS 16   /* a screen this high shows every session's last input and output */
#define TUI_AGENTS_MAX CONFIG_AGENTS_MAX

/* What the keyboard is talking to; bits, for the key table's contexts. */
enum tui_mode {
    TUI_TREE = 1,
    TUI_HELP = 2,
    TUI_CONFIRM = 4,
    TUI_NEW = 8,
    TUI_MESSAGE = 16,
    TUI_ATTACHED = 32, /* what is typed goes to the session */
    TUI_PREFIX = 64    /* but for the key after the prefix */
};

struct tui {
    const struct config *config;
    struct loop loop;
    struct client client;
    struct tree tree;
    struct term_grid grid;
    struct theme theme;
    struct ui ui;
    struct ui_keys keys;         /* the key table as the configuration changed it */
    struct term_input input;
    struct conn terminal;
    enum tui_mode mode;
    char *selected;           /* key of the selected row */
    char *wanted;             /* key to select as soon as it is there: a session just made */
    int at, top;              /* row index of the selection; first line of the tree that is shown */
    struct ui_form form;
    char *target, *target_computer; /* the session that a dialog is about */
    struct ui_help help;
    char followed[72];        /* the session whose preview was fetched last */
    struct view *view;        /* the preview, or the attached session's screen; or NULL */
    /* the preview is shown below the tree where there is no room beside it */
    int stacked;
    const char *attach_only;  /* begin and end with this session attached; or NULL */
    int tree_cols, tree_bottom; /* where the tree ends; the preview begins behind it */
    /* configured agents; why one can't be used, or NULL */
    char *agents[TUI_AGENTS_MAX], *notes[TUI_AGENTS_MAX];
    int agent_count;
    buf toast;
    int toast_alarm;          /* stays until a key is pressed */
    long long events;         /* messages of /ws so far */
    long long frame_due;      /* the next frame isn't drawn before this */
    int stale;                /* the screen is out of date */
    int quit;
    struct loop_timer frame_timer, escape_timer, ages_timer, second_timer, toast_timer,
        preview_timer, rest_timer;
    struct loop_task connect_task, draw_task;
};

/* ---- when to draw --------------------------------------------------------------------------- */

static void tui_changed(struct tui *t)
{
    t->stale = 1;
    if (t->frame_timer.slot || t->terminal.queued)
        return;
    if (t->loop.now >= t->frame_due)
        loop_defer(&t->loop, &t->draw_task);
    else
        loop_timer_set(&t->loop, &t->frame_timer, t->frame_due);
}

static void tui_say(struct tui *t, int alarm, const char *text)
{
    if (!alarm && t->toast_alarm && t->toast.n)
        return; /* what went wrong stays until it was read */
    buf_clear(&t->toast);
    buf_str(&t->toast, text);
    t->toast_alarm = alarm;
    if (alarm)
        loop_timer_stop(&t->loop, &t->toast_timer);
    else
        loop_timer_set(&t->loop, &t->toast_timer, t->loop.now + TUI_TOAST_MS);
    tui_changed(t);
}

static void tui_on_toast_over(void *ctx)
{
    struct tui *t = ctx;
    buf_clear(&t->toast);
    tui_changed(t);
}

/* ---- selection ------------------------------------------------------------------------------ */

static void tui_set(char **place, const char *value)
{
    char *copy = value ? span_dup(span_of(value)) : NULL;
    free(*place);
    *place = copy;
}

static void tui_select(struct tui *t, int at)
{
    if (t->tree.row_count == 0)
        return;
    t->at = ui_max(0, ui_min(at, t->tree.row_count - 1));
    tui_set(&t->selected, t->tree.rows[t->at].key);
    tui_changed(t);
}

/* Brings the rows up to date. The selection stays on its thing, or near where that was. */
static void tui_settle(struct tui *t)
{
    if (!t->tree.dirty && !t->wanted)
        return;
    tree_build(&t->tree);
    int wanted = t->wanted ? tree_find(&t->tree, t->wanted) : -1;
    int at = wanted >= 0 ? wanted : t->selected ? tree_find(&t->tree, t->selected) : -1;
    if (wanted >= 0)
        tui_set(&t->wanted, NULL);
    tui_select(t, at >= 0 ? at : t->at);
}

static struct tree_row *tui_row(struct tui *t)
{
    tui_settle(t); /* what is gone has no row any more */
    return t->at >= 0 && t->at < t->tree.row_count ? &t->tree.rows[t->at] : NULL;
}

static struct tree_session *tui_session(struct tui *t)
{
    struct tree_row *row = tui_row(t);
    return row && row->kind == TREE_SESSION ? row->session : NULL;
}

static int tui_is_exited(const struct tree_session *s)
{
    return s->state && strcmp(s->state, "exited") == 0;
}

/* ---- drawing -------------------------------------------------------------------------------- */

struct tui_look {
    const char *state, *glyph, *ascii;
    struct cell_style style;
};

/* States differ by shape as well as by colour. */
static const struct tui_look tui_looks[] = {
    {"starting", "◌", ".", {0, 0, CELL_DIM}},
    {"working", "●", "*", {CELL_INDEXED | 2, 0, 0}},
    {"waiting", "◆", "!", {CELL_INDEXED | 3, 0, CELL_BOLD}},
    {"idle", "○", "-", {CELL_INDEXED | 4, 0, 0}},
    {"exited", "✓", "v", {0, 0, CELL_DIM}},
    {"failed", "✗", "x", {CELL_INDEXED | 1, 0, 0}},
    {"", "·", " ", {0, 0, CELL_DIM}},
};

static const struct tui_look *tui_look(const struct tree_session *s)
{
    int failed = tui_is_exited(s) && !(s->has_exit_code && s->exit_code == 0);
    const char *state = failed ? "failed" : s->state ? s->state : "";
    size_t i = 0;
    while (i < COUNT_OF(tui_looks) - 1 && strcmp(tui_looks[i].state, state) != 0)
        i++;
    return &tui_looks[i];
}

static struct cell_style tui_agent_style(const struct tree_session *s)
{
    static const struct {
        const char *agent;
        unsigned colour;
    } colours[] = {{"claude", 3}, {"gemini", 4}, {"codex", 2}, {"shell", 6}};
    for (size_t i = 0; s->agent && i < COUNT_OF(colours); i++)
        if (strcmp(s->agent, colours[i].agent) == 0)
            return (struct cell_style){CELL_INDEXED | colours[i].colour, 0, 0};
    return (struct cell_style){CELL_INDEXED | 5, 0, 0};
}

static int tui_shows_details(const struct tui *t, int index)
{
    return t->grid.rows >= TUI_DETAIL_ROWS || index == t->at;
}

/* How many lines of the screen a row takes. */
static int tui_row_height(const struct tui *t, int index)
{
    const struct tree_row *row = &t->tree.rows[index];
    if (row->kind != TREE_SESSION || !tui_shows_details(t, index))
        return 1;
    return 1 + (row->session->last_input != NULL) +
           (row->session->asked || row->session->last_output);
}

/* Text at the right end of what is left of a line; returns the width that stays for the rest. */
static int tui_put_right(struct term_grid *g, int y, int col, int width, const char *text,
                         struct cell_style style)
{
    int columns = cell_columns(span_of(text));
    if (columns + 1 >= width)
        return width;
    ui_put(g, y, col + width - columns, columns, text, style);
    return width - columns - 1;
}

static int tui_put_age(struct term_grid *g, int y, int col, int width, long long at)
{
    buf age = {0};
    if (at)
        clock_put_age(&age, clock_wall_ms() - at);
    width = tui_put_right(g, y, col, width, buf_cstr(&age), ui_dim);
    buf_free(&age);
    return width;
}

static const char *tui_home_relative(const char *path, buf *b)
{
    const char *home = getenv("HOME");
    size_t n = home ? strlen(home) : 0;
    buf_str(b, n > 1 && strncmp(path, home, n) == 0 && (path[n] == '/' || !path[n]) ? "~" : "");
    buf_str(b, b->n ? path + n : path);
    return buf_cstr(b);
}

static void tui_draw_session(struct tui *t, int y, const struct tree_row *row, int details)
{
    struct term_grid *g = &t->grid;
    const struct tree_session *s = row->session;
    const struct tui_look *look = tui_look(s);
    int col = ui_min(1 + row->depth * 2, t->tree_cols / 3), width = t->tree_cols - 1 - col;
    char code[32];
    buf label = {0};
    width = tui_put_age(g, y, col, width, s->activity);
    if (tui_is_exited(s) && s->exit_code != 0) {
        snprintf(code, sizeof code, s->exit_code > 128 ? "signal %lld" : "exit %lld",
                 s->exit_code > 128 ? s->exit_code - 128 : s->exit_code);
        width = tui_put_right(g, y, col, width, code, ui_alarm);
    }
    int used = ui_put(g, y, col, ui_min(8, width), s->number, ui_dim) + 1;
    used +=
        ui_put(g, y, col + used, width - used, g->ascii ? look->ascii : look->glyph, look->style) +
        1;
    tree_put_agent(s, &label);
    if (s->agent && s->mode && t->tree_cols >= 60)
        buf_fmt(&label, "/%.8s", s->mode);
    int room = ui_min(t->tree_cols / 4, ui_max(t->tree_cols / 8, cell_columns(buf_view(&label))));
    ui_put_cut(g, y, col + used, ui_min(width - used, room), buf_cstr(&label), tui_agent_style(s));
    used += room + 1;
    buf_free(&label);
    if (row->folded)
        used += ui_put(g, y, col + used, width - used, g->ascii ? "+ " : "▸ ", ui_dim);
    ui_put_cut(g, y, col + used, width - used, s->title ? s->title : "",
                s->unseen ? ui_bold : ui_plain);
    int inner = col + (int)strlen(s->number) + 1;
    room = t->tree_cols - 1 - inner - 2;
    if (details && s->last_input) {
        ui_put(g, ++y, inner, 2, g->ascii ? "> " : "› ", ui_dim);
        ui_put_cut(g, y, inner + 2, room, s->last_input, ui_dim);
    }
    if (details && s->asked) {
        ui_put(g, ++y, inner, 2, g->ascii ? "? " : "◆ ", look->style);
        ui_put_cut(g, y, inner + 2, room, s->asked, look->style);
    } else if (details && s->last_output) {
        ui_put(g, ++y, inner, 2, g->ascii ? "< " : "‹ ", ui_dim);
        ui_put_cut(g, y, inner + 2, room, s->last_output + strspn(s->last_output, " "), ui_dim);
    }
}

static void tui_draw_branch(struct tui *t, int y, const struct tree_row *row)
{
    struct term_grid *g = &t->grid;
    int col = 1 + row->depth * 2, width = t->tree_cols - 1 - col;
    const char *fold = !row->foldable ? "  "
                       : row->folded  ? (g->ascii ? "+ " : "▸ ")
                       : g->ascii     ? "- "
                                      : "▾ ";
    char counts[80] = "";
    buf path = {0};
    if (row->waiting)
        snprintf(counts, sizeof counts, g->ascii ? "%d waiting" : "◆ %d waiting", row->waiting);
    else if (row->folded && row->sessions)
        snprintf(counts, sizeof counts, "%d session%s", row->sessions,
                 row->sessions == 1 ? "" : "s");
    width = tui_put_right(g, y, col, width, counts, row->waiting ? tui_looks[2].style : ui_dim);
    int used = ui_put(g, y, col, width, fold, ui_dim);
    used += ui_put(g, y, col + used, width - used, row->name,
                   row->kind == TREE_COMPUTER ? ui_accent : ui_bold) +
            2;
    if (row->kind == TREE_PROJECT)
        ui_put_cut(g, y, col + used, width - used, tui_home_relative(row->path, &path), ui_dim);
    buf_free(&path);
}

static void tui_draw_row(struct tui *t, int y, int index)
{
    const struct tree_row *row = &t->tree.rows[index];
    int height = tui_row_height(t, index);
    if (row->kind == TREE_SESSION)
        tui_draw_session(t, y, row, height > 1);
    else
        tui_draw_branch(t, y, row);
    if (index == t->at)
        term_restyle(&t->grid, y, 0, t->tree_cols, CELL_REVERSE);
}

static void tui_draw_tree(struct tui *t)
{
    int height = t->tree_bottom - 1, line = 0, at_line = 0, lines = 0;
    for (int i = 0; i < t->tree.row_count; i++) {
        at_line = i == t->at ? lines : at_line;
        lines += tui_row_height(t, i);
    }
    int at_height = t->at < t->tree.row_count ? tui_row_height(t, t->at) : 1;
    t->top = ui_min(t->top, ui_max(0, lines - height));
    if (at_line + at_height > t->top + height)
        t->top = at_line + at_height - height;
    if (at_line < t->top)
        t->top = at_line;
    for (int i = 0; i < t->tree.row_count && line < t->top + height; i++) {
        int rows = tui_row_height(t, i);
        if (line + rows > t->top)
            tui_draw_row(t, 1 + line - t->top, i);
        line += rows;
    }
    if (t->tree.sessions.count == 0 && line + 2 <= height)
        ui_put(&t->grid, line + 2, 5, t->tree_cols - 6, "No sessions yet: press n to start one.",
               ui_dim);
}

static void tui_put_push(struct tui *t, buf *b)
{
    const int ascii = t->grid.ascii;
    long long wait = (t->client.retry_at - t->loop.now + 999) / 1000;
    switch (t->client.push) {
    case CLIENT_LIVE: buf_str(b, ascii ? "live" : "● live"); break;
    case CLIENT_PARTIAL: buf_str(b, ascii ? "live, in part" : "◐ live, in part"); break;
    case CLIENT_WAITING:
        buf_fmt(b, "%s%s, next try in %lld s",
                ascii                ? ""
                : t->client.answered ? "◐ "
                                     : "○ ",
                t->client.answered ? "fetching"
                : t->client.why    ? t->client.why
                                   : "reconnecting",
                wait < 0 ? 0 : wait);
        break;
    default: buf_str(b, ascii ? "connecting" : "◌ connecting"); break;
    }
}

static void tui_draw_header(struct tui *t)
{
    struct term_grid *g = &t->grid;
    buf push = {0};
    struct cell_style style = t->client.push == CLIENT_LIVE
                                  ? (struct cell_style){CELL_INDEXED | 2, 0, 0}
                              : t->client.push == CLIENT_WAITING ? ui_alarm
                                                                 : ui_dim;
    tui_put_push(t, &push);
    term_fill(g, 0, 0, 1, g->cols, ui_plain); /* a row may begin above what is shown */
    int width = tui_put_right(g, 0, 1, g->cols - 2, buf_cstr(&push), style);
    int used = ui_put(g, 0, 1, width, "telec", ui_accent) + 2;
    ui_put(g, 0, 1 + used, width - used, "Sessions", ui_bold);
    buf_free(&push);
}

static void tui_put_program(buf *b, const struct tree_session *s)
{
    utf8_put_visible(b, span_of(s->agent ? s->agent : s->command ? s->command : "a program"));
}

static void tui_draw_confirm(struct tui *t)
{
    const struct tree_session *s = t->target ? tree_session(&t->tree, t->target) : NULL;
    int row, col, width = ui_min(60, t->grid.cols - 4);
    buf text = {0};
    if (s) {
        buf_str(&text, "“");
        utf8_put_visible(&text, span_of(s->title ? s->title : s->id));
        buf_str(&text, "” runs ");
        tui_put_program(&text, s);
        buf_str(&text, ". Ending it ends that program.");
    } else {
        buf_str(&text, "It has ended by itself.");
    }
    int lines = ui_min(ui_wrapped_draw(&t->grid, 0, 0, width, 0, buf_view(&text), ui_plain), 4);
    ui_box_draw(&t->ui, lines + 2, width, "End this session?", &row, &col);
    ui_wrapped_draw(&t->grid, row, col, width, lines, buf_view(&text), ui_plain);
    int used = ui_put(&t->grid, row + lines + 1, col, width, "y", ui_bold);
    used += ui_put(&t->grid, row + lines + 1, col + used, width - used, " end it    ", ui_dim);
    used += ui_put(&t->grid, row + lines + 1, col + used, width - used, "n", ui_bold);
    ui_put(&t->grid, row + lines + 1, col + used, width - used, " keep it", ui_dim);
    buf_free(&text);
}

/* ---- requests ------------------------------------------------------------------------------- */

/* A request by REST, and what its answer is for. */
struct tui_ask {
    struct tui *tui;
    void (*take)(struct tui *t, struct json answer, struct tui_ask *ask);
    long long events;       /* messages of /ws when it was sent */
    enum tui_mode dialog;   /* the form that waits for it; 0: none */
};

/* A failure is told where it belongs: in the dialog that asked, or as a toast. */
static void tui_ask_failed(struct tui_ask *ask, const char *what)
{
    struct tui *t = ask->tui;
    if (ask->dialog && t->mode == ask->dialog && t->form.busy) {
        t->form.busy = 0;
        buf_clear(&t->form.error);
        buf_str(&t->form.error, what);
        tui_changed(t);
    } else if (ask->dialog || t->client.push == CLIENT_LIVE) {
        tui_say(t, 1, what);
    }
}

static void tui_on_answer(void *ctx, int status, span body, const char *error)
{
    struct tui_ask *ask = ctx;
    struct json answer = {0};
    const char *why = error;
    char *detail = NULL;
    if (!error && (status >= 400 || json_parse(body, &answer, NULL, NULL) != PARSE_DONE))
        why = detail = client_detail(body);
    struct json failed = json_get(answer, "status"); /* a TeleClaude daemon says so with a 200 */
    if (!why && json_text_eq(failed, "error"))
        why = detail = json_dup_text(json_get(answer, "message"));
    if (why)
        tui_ask_failed(ask, why);
    else if (ask->take)
        ask->take(ask->tui, answer, ask);
    free(detail);
    free(ask);
}

static void tui_request(struct tui *t, const char *method, const char *target, span body,
                        enum tui_mode dialog,
                        void (*take)(struct tui *t, struct json answer, struct tui_ask *ask))
{
    struct tui_ask *ask = base_alloc(sizeof *ask);
    *ask = (struct tui_ask){.tui = t, .take = take, .events = t->events, .dialog = dialog};
    client_request(&t->client, method, target, body, tui_on_answer, ask);
}

/* Events that came in meanwhile are newer than this list. */
static void tui_take_sessions(struct tui *t, struct json answer, struct tui_ask *ask)
{
    if (ask->events == t->events || t->client.push == CLIENT_PARTIAL)
        tree_set_sessions(&t->tree, answer);
    tui_changed(t);
}

static void tui_take_computers(struct tui *t, struct json answer, struct tui_ask *ask)
{
    (void)ask;
    tree_set_computers(&t->tree, answer);
    tui_changed(t);
}

static void tui_take_projects(struct tui *t, struct json answer, struct tui_ask *ask)
{
    (void)ask;
    tree_set_projects(&t->tree, answer);
    tui_changed(t);
}

static void tui_forget_agents(struct tui *t)
{
    while (t->agent_count) {
        t->agent_count--;
        free(t->agents[t->agent_count]);
        free(t->notes[t->agent_count]);
    }
}

static void tui_take_agents(struct tui *t, struct json answer, struct tui_ask *ask)
{
    (void)ask;
    if (t->mode == TUI_NEW) /* its form refers to the names */
        return;
    tui_forget_agents(t);
    for (struct json_iter it = json_iter(answer);
         t->agent_count < TUI_AGENTS_MAX && json_next(&it);) {
        struct json available = json_get(it.value, "available");
        char *note = json_dup_text(json_get(it.value, "reason"));
        t->agents[t->agent_count] = json_dup_text(it.key);
        t->notes[t->agent_count] = available.type != JSON_FALSE ? NULL
                                   : note                       ? note
                                                                : span_dup(span_of("unavailable"));
        if (available.type != JSON_FALSE)
            free(note);
        t->agent_count++;
    }
}

static void tui_fetch_sessions(struct tui *t)
{
    tui_request(t, "GET", "/sessions", (span){0}, 0, tui_take_sessions);
}

static void tui_fetch_rest(struct tui *t)
{
    tui_request(t, "GET", "/computers", (span){0}, 0, tui_take_computers);
    tui_request(t, "GET", "/projects-with-todos", (span){0}, 0, tui_take_projects);
    tui_request(t, "GET", "/agents/availability", (span){0}, 0, tui_take_agents);
}

static void tui_fetch(struct tui *t)
{
    tui_fetch_sessions(t);
    tui_fetch_rest(t);
}

static void tui_put_target(buf *b, const char *id, const char *tail, const char *computer)
{
    buf_str(b, "/sessions/");
    http_put_encoded(b, span_of(id));
    buf_str(b, tail);
    buf_str(b, "?computer=");
    http_put_encoded(b, span_of(computer));
}

/* ---- what the keys do ----------------------------------------------------------------------- */

static void tui_set_mode(struct tui *t, enum tui_mode mode)
{
    t->mode = mode;
    tui_changed(t);
}

static void tui_close_dialog(struct tui *t)
{
    ui_form_free(&t->form);
    tui_set_mode(t, TUI_TREE);
}

static void tui_key_up(void *ctx)
{
    tui_select(ctx, ((struct tui *)ctx)->at - 1);
}

static void tui_key_down(void *ctx)
{
    tui_select(ctx, ((struct tui *)ctx)->at + 1);
}

static void tui_key_first(void *ctx)
{
    tui_select(ctx, 0);
}

static void tui_key_last(void *ctx)
{
    tui_select(ctx, INT_MAX);
}

static void tui_key_page_up(void *ctx)
{
    tui_select(ctx, ((struct tui *)ctx)->at - ((struct tui *)ctx)->grid.rows / 2);
}

static void tui_key_page_down(void *ctx)
{
    tui_select(ctx, ((struct tui *)ctx)->at + ((struct tui *)ctx)->grid.rows / 2);
}

static void tui_fold(struct tui *t, int folded)
{
    struct tree_row *row = tui_row(t);
    if (!row || !row->foldable || row->folded == folded)
        return;
    tree_set_folded(&t->tree, row->key, folded);
    tui_changed(t);
}

static void tui_key_unfold(void *ctx)
{
    tui_fold(ctx, 0);
}

/* Folds; on what can't be folded (further), goes to the row above it in the tree. */
static void tui_key_fold(void *ctx)
{
    struct tui *t = ctx;
    struct tree_row *row = tui_row(t);
    if (!row)
        return;
    if (row->foldable && !row->folded) {
        tui_fold(t, 1);
        return;
    }
    int at = t->at, depth = row->depth;
    while (at > 0 && t->tree.rows[at].depth >= depth)
        at--;
    tui_select(t, at);
}

static void tui_key_refresh(void *ctx)
{
    struct tui *t = ctx;
    client_retry_now(&t->client);
    tui_fetch(t);
    client_refresh(&t->client);
    tui_say(t, 0, "refreshed");
}

/* Before the daemon has told: what the configuration names. */
static void tui_guess_agents(struct tui *t)
{
    for (int i = 0; i < t->config->agent_count && t->agent_count < TUI_AGENTS_MAX; i++) {
        char **words = config_words(span_of(t->config->agents[i].command));
        int there = words && words[0] && config_on_path(words[0]);
        t->agents[t->agent_count] = span_dup(span_of(t->config->agents[i].name));
        t->notes[t->agent_count++] = there ? NULL : span_dup(span_of("not installed"));
        free(words);
    }
}

static void tui_key_new(void *ctx)
{
    static const char *const modes[] = {"fast", "med", "slow"};
    struct tui *t = ctx;
    struct tree_row *row = tui_row(t);
    ui_form_free(&t->form);
    t->form.title = "New session";
    t->form.submit = "Start";
    if (!t->agent_count)
        tui_guess_agents(t);
    if (t->agent_count) {
        struct ui_line *agent = ui_form_add(&t->form, "Agent", "");
        agent->choices = (const char *const *)t->agents;
        agent->notes = (const char *const *)t->notes;
        agent->choice_count = t->agent_count;
        while (agent->choice < t->agent_count - 1 && t->notes[agent->choice])
            agent->choice++;
    }
    struct ui_line *mode = ui_form_add(&t->form, "Mode", "");
    mode->choices = modes;
    mode->choice_count = (int)COUNT_OF(modes);
    mode->choice = CONFIG_SLOW;
    struct ui_line *directory =
        ui_form_add(&t->form, "Directory",
                    row && row->path ? row->path
                    : t->tree.here   ? t->tree.here
                                     : "/");
    directory->complete = field_complete_directory;
    ui_form_add(&t->form, "Title", "");
    ui_form_add(&t->form, "Prompt", "");
    tui_set(&t->target_computer, row ? row->computer : t->config->computer);
    tui_set_mode(t, TUI_NEW);
}

static void tui_key_message(void *ctx)
{
    struct tui *t = ctx;
    const struct tree_session *s = tui_session(t);
    if (!s || tui_is_exited(s)) {
        tui_say(t, 1,
                s ? "this session has exited: nobody reads messages" : "select a session first");
        return;
    }
    ui_form_free(&t->form);
    t->form.title = "Message";
    t->form.submit = "Send";
    ui_form_add(&t->form, "Text", "");
    tui_set(&t->target, s->id);
    tui_set(&t->target_computer, s->computer);
    tui_set_mode(t, TUI_MESSAGE);
}

static void tui_take_ended(struct tui *t, struct json answer, struct tui_ask *ask)
{
    (void)answer, (void)ask;
    tui_say(t, 0, "ended");
}

static void tui_end_target(struct tui *t)
{
    buf target = {0};
    tui_put_target(&target, t->target, "", t->target_computer);
    tui_request(t, "DELETE", buf_cstr(&target), (span){0}, TUI_CONFIRM, tui_take_ended);
    buf_free(&target);
}

static void tui_key_end(void *ctx)
{
    struct tui *t = ctx;
    const struct tree_session *s = tui_session(t);
    if (!s) {
        tui_say(t, 1, "select a session first");
        return;
    }
    tui_set(&t->target, s->id);
    tui_set(&t->target_computer, s->computer);
    if (tui_is_exited(s)) /* nothing is lost: it is only taken off the list */
        tui_end_target(t);
    else
        tui_set_mode(t, TUI_CONFIRM);
}

static void tui_key_confirm(void *ctx)
{
    struct tui *t = ctx;
    tui_end_target(t);
    tui_set_mode(t, TUI_TREE);
}

static void tui_key_back(void *ctx)
{
    tui_set_mode(ctx, TUI_TREE);
}

static void tui_key_help(void *ctx)
{
    ui_help_free(&((struct tui *)ctx)->help);
    tui_set_mode(ctx, TUI_HELP);
}

/* ---- preview and attach --------------------------------------------------------------------- */

/* Where the tree ends: at the preview, if that is shown. */
static void tui_lay_out(struct tui *t)
{
    int rows = t->grid.rows, cols = t->grid.cols;
    t->tree_cols = cols >= TUI_PREVIEW_COLS ? ui_max(44, cols * 2 / 5) : cols;
    t->tree_bottom = rows - 1 - (t->toast.n > 0);
    if (t->tree_cols == cols && t->stacked)
        t->tree_bottom = rows / 2;
}

static int tui_has_preview(const struct tui *t)
{
    return t->tree_cols < t->grid.cols || t->stacked;
}

static void tui_close_view(struct tui *t)
{
    view_close(t->view);
    t->view = NULL;
    loop_timer_stop(&t->loop, &t->preview_timer);
}

static void tui_on_view_changed(void *ctx)
{
    tui_changed(ctx);
}

/* Back to the tree, or to the shell when telec was called to attach only. */
static void tui_detach(struct tui *t, const char *why)
{
    buf modes = {0};
    view_put_modes_back(t->view, &modes);
    conn_send(&t->terminal, buf_view(&modes));
    buf_free(&modes);
    tui_close_view(t);
    t->grid.known = 0;
    if (t->attach_only)
        t->quit = 1;
    if (why)
        tui_say(t, 1, why);
    tui_set_mode(t, TUI_TREE);
}

static void tui_on_view_ended(void *ctx)
{
    struct tui *t = ctx;
    if (t->mode & (TUI_ATTACHED | TUI_PREFIX)) {
        char *why = span_dup(span_of(t->view->reason));
        tui_detach(t, why);
        free(why);
    } else { /* what it last showed stays until something else is selected */
        tui_changed(t);
    }
}

static const struct view_hooks tui_view_hooks = {tui_on_view_changed, tui_on_view_ended};

static void tui_take_transcript(struct tui *t, struct json answer, struct tui_ask *ask)
{
    const struct tree_session *s = tui_session(t);
    buf text = {0};
    (void)ask;
    if (!s || t->mode & (TUI_ATTACHED | TUI_PREFIX) ||
        (t->view && strcmp(t->view->id, s->id) != 0) ||
        !json_text_eq(json_get(json_get(answer, "data"), "session_id"), s->id))
        return;
    json_put_text(&text, json_get(answer, "transcript"));
    tui_close_view(t);
    t->view = view_of_text(s->id, buf_view(&text), ui_max(t->grid.cols, 80), t->grid.rows);
    buf_free(&text);
    tui_changed(t);
}

/* The selection has rested: its screen, or what an exited session left. */
static void tui_on_preview(void *ctx)
{
    struct tui *t = ctx;
    const struct tree_session *s = tui_session(t);
    if (!s || !(t->mode & ~(unsigned)(TUI_ATTACHED | TUI_PREFIX)) || s->tmux)
        return;
    if (!tui_is_exited(s)) {
        t->view = view_open(&t->client, s->id, 0, &tui_view_hooks, t);
        return;
    }
    buf target = {0};
    tui_put_target(&target, s->id, "/transcript", s->computer);
    buf_fmt(&target, "&tail_chars=%d", TUI_PREVIEW_CHARS);
    tui_request(t, "GET", buf_cstr(&target), (span){0}, 0, tui_take_transcript);
    buf_free(&target);
}

/* Keeps the preview on the selection; moving on quickly fetches nothing. */
static void tui_follow(struct tui *t)
{
    const struct tree_session *s = tui_has_preview(t) ? tui_session(t) : NULL;
    if (t->mode & (TUI_ATTACHED | TUI_PREFIX))
        return;
    int lost = t->view && t->view->hooks && !view_is_open(t->view) && t->client.push == CLIENT_LIVE;
    if (lost)
        t->followed[0] = '\0';
    if (t->view && (lost || !s || strcmp(s->id, t->view->id) != 0))
        tui_close_view(t);
    if (!s || t->view || t->client.push == CLIENT_WAITING || strcmp(s->id, t->followed) == 0)
        return;
    snprintf(t->followed, sizeof t->followed, "%s", s->id);
    loop_timer_set(&t->loop, &t->preview_timer, t->loop.now + TUI_PREVIEW_MS);
}

static void tui_attach(struct tui *t, const char *id)
{
    tui_close_view(t);
    t->view = view_open(&t->client, id, 1, &tui_view_hooks, t);
    t->followed[0] = '\0';
    if (!t->view) {
        tui_say(t, 1, "the daemon can't be reached");
        return;
    }
    view_resize(t->view, t->grid.cols, t->grid.rows - 1);
    t->grid.known = 0;
    tui_set_mode(t, TUI_ATTACHED);
}

static void tui_key_open(void *ctx)
{
    struct tui *t = ctx;
    struct tree_row *row = tui_row(t);
    const struct tree_session *s = tui_session(t);
    if (!s)
        tui_fold(t, row && !row->folded);
    else if (tui_is_exited(s))
        tui_say(t, 1, "this session has exited; x takes it off the list");
    else if (s->tmux)
        tui_say(t, 1, "this session lives in tmux: attach to it there");
    else
        tui_attach(t, s->id);
}

static void tui_key_preview(void *ctx)
{
    struct tui *t = ctx;
    t->stacked = !t->stacked;
    t->followed[0] = '\0';
    tui_changed(t);
}

static void tui_pan(struct tui *t, int rows, int cols)
{
    if (t->view)
        view_pan(t->view, rows, cols);
    if (t->mode == TUI_PREFIX)
        t->mode = TUI_ATTACHED;
    tui_changed(t);
}

static void tui_key_pan_up(void *ctx)
{
    tui_pan(ctx, -TUI_PAN_ROWS, 0);
}

static void tui_key_pan_down(void *ctx)
{
    tui_pan(ctx, TUI_PAN_ROWS, 0);
}

static void tui_key_pan_left(void *ctx)
{
    tui_pan(ctx, 0, -TUI_PAN_COLS);
}

static void tui_key_pan_right(void *ctx)
{
    tui_pan(ctx, 0, TUI_PAN_COLS);
}

static void tui_key_detach(void *ctx)
{
    tui_detach(ctx, NULL);
}

/* Attaches to the next (or previous) running session of the tree, or only one that waits. */
static void tui_attach_step(struct tui *t, int step, const char *state)
{
    for (int i = 1, count = t->tree.row_count; i < count; i++) {
        int at = ((t->at + i * step) % count + count) % count;
        const struct tree_session *s = t->tree.rows[at].session;
        if (!s || tui_is_exited(s) || s->tmux ||
            (state && (!s->state || strcmp(s->state, state) != 0)))
            continue;
        tui_select(t, at);
        buf modes = {0};
        view_put_modes_back(t->view, &modes);
        conn_send(&t->terminal, buf_view(&modes));
        buf_free(&modes);
        tui_attach(t, s->id);
        return;
    }
    tui_set_mode(t, TUI_ATTACHED);
}

static void tui_key_next(void *ctx)
{
    tui_attach_step(ctx, 1, NULL);
}

static void tui_key_previous(void *ctx)
{
    tui_attach_step(ctx, -1, NULL);
}

static void tui_key_next_waiting(void *ctx)
{
    tui_attach_step(ctx, 1, "waiting");
}

static void tui_send_prefix(struct tui *t)
{
    char byte = (char)(config_ctrl_letter(t->config->prefix) & 0x1f);
    view_send(t->view, (span){&byte, 1});
    tui_set_mode(t, TUI_ATTACHED);
}

/* An event while attached: the prefix, what scrolls back, and everything else is the session's. */
static void tui_attached_event(struct tui *t, const struct term_event *ev)
{
    unsigned modes = t->view->vt ? vt_modes(t->view->vt) : 0;
    int wheel = ev->type == TERM_MOUSE && !(modes & (VT_MOUSE_X10 | VT_MOUSE_NORMAL |
                                                     VT_MOUSE_BUTTON | VT_MOUSE_ANY));
    int page = ev->type == TERM_KEY && ev->mods == TERM_SHIFT &&
               (ev->key == TERM_PGUP || ev->key == TERM_PGDN);
    if (ev->type == TERM_KEY && ev->mods == TERM_CTRL &&
        ev->key == (uint32_t)config_ctrl_letter(t->config->prefix)) {
        tui_set_mode(t, TUI_PREFIX);
    } else if (page) {
        view_scroll(t->view, (ev->key == TERM_PGUP ? 1 : -1) * (t->grid.rows / 2));
        tui_changed(t);
    } else if (wheel) {
        view_scroll(t->view, ev->mouse == TERM_WHEEL_UP     ? 3
                             : ev->mouse == TERM_WHEEL_DOWN ? -3
                                                            : 0);
        tui_changed(t);
    } else if (ev->type == TERM_PASTE) {
        buf text = {0};
        buf_str(&text, modes & VT_BRACKETED_PASTE ? "\033[200~" : "");
        buf_span(&text, ev->text);
        buf_str(&text, modes & VT_BRACKETED_PASTE ? "\033[201~" : "");
        view_send(t->view, buf_view(&text));
        buf_free(&text);
    } else if (ev->type == TERM_KEY || ev->type == TERM_MOUSE || ev->type == TERM_UNKNOWN ||
               (modes & VT_FOCUS && (ev->type == TERM_FOCUS_IN || ev->type == TERM_FOCUS_OUT))) {
        view_send(t->view, ev->text);
    }
}

static void tui_key_quit(void *ctx)
{
    ((struct tui *)ctx)->quit = 1;
}

static void tui_key_suspend(void *ctx)
{
    (void)ctx;
    term_leave();
    kill(0, SIGTSTP); /* the whole job, as the terminal itself would; SIGCONT paints anew */
}

static const struct ui_key tui_keys[] = {
    {TERM_UP, 0, TUI_TREE, "up, k", NULL, "select the row above", tui_key_up, "up"},
    {'k', 0, TUI_TREE, "k", NULL, NULL, tui_key_up, "up"},
    {TERM_DOWN, 0, TUI_TREE, "down, j", NULL, "select the row below", tui_key_down, "down"},
    {'j', 0, TUI_TREE, "j", NULL, NULL, tui_key_down, "down"},
    {TERM_PGUP, 0, TUI_TREE, "PgUp, PgDn", NULL, "half a screen up or down", tui_key_page_up,
     "page-up"},
    {TERM_PGDN, 0, TUI_TREE, "PgDn", NULL, NULL, tui_key_page_down, "page-down"},
    {TERM_HOME, 0, TUI_TREE, "g, G", NULL, "the first, the last row (also Home, End)",
     tui_key_first, "first"},
    {TERM_END, 0, TUI_TREE, "End", NULL, NULL, tui_key_last, "last"},
    {'g', 0, TUI_TREE, "g", NULL, NULL, tui_key_first, "first"},
    {'G', 0, TUI_TREE, "G", NULL, NULL, tui_key_last, "last"},
    {'\r', 0, TUI_TREE, "Enter", "open", "attach to the selected session; fold or unfold elsewhere",
     tui_key_open, "open"},
    {' ', 0, TUI_TREE, "Space", NULL,
     "the preview below the tree, where there is no room beside it", tui_key_preview, "preview"},
    {TERM_RIGHT, 0, TUI_TREE, "right, left", NULL,
     "unfold; fold, or go to the row above in the tree", tui_key_unfold, "unfold"},
    {TERM_LEFT, 0, TUI_TREE, "left", NULL, NULL, tui_key_fold, "fold"},
    {TERM_UP, TERM_SHIFT, TUI_TREE, "Shift-arrow", NULL,
     "pan a screen that is larger (attached: prefix, arrows)", tui_key_pan_up, "pan-up"},
    {TERM_DOWN, TERM_SHIFT, TUI_TREE, "Shift-down", NULL, NULL, tui_key_pan_down, "pan-down"},
    {TERM_LEFT, TERM_SHIFT, TUI_TREE, "Shift-left", NULL, NULL, tui_key_pan_left, "pan-left"},
    {TERM_RIGHT, TERM_SHIFT, TUI_TREE, "Shift-right", NULL, NULL, tui_key_pan_right, "pan-right"},
    {'n', 0, TUI_TREE, "n", "new", "new session in the selected project", tui_key_new, "new"},
    {'m', 0, TUI_TREE, "m", "message", "type a message to the selected session", tui_key_message,
     "message"},
    {'x', 0, TUI_TREE, "x", "end", "end the selected session, or dismiss an exited one",
     tui_key_end, "end"},
    {'r', 0, TUI_TREE, "r", "refresh", "fetch everything again", tui_key_refresh, "refresh"},
    {'z', TERM_CTRL, TUI_TREE, "Ctrl-Z", NULL, "suspend telec; fg brings it back", tui_key_suspend,
     "suspend"},
    {'?', 0, TUI_TREE, "?", "help", "this help", tui_key_help, "help"},
    {'q', 0, TUI_TREE, "q", "quit", "quit; every session goes on running", tui_key_quit, "quit"},
    {'c', TERM_CTRL, TUI_TREE | TUI_HELP | TUI_CONFIRM, "Ctrl-C", NULL, NULL, tui_key_quit, NULL},
    {TERM_UP, 0, TUI_PREFIX, "up", NULL, NULL, tui_key_pan_up, NULL},
    {TERM_DOWN, 0, TUI_PREFIX, "down", NULL, NULL, tui_key_pan_down, NULL},
    {TERM_LEFT, 0, TUI_PREFIX, "left", NULL, NULL, tui_key_pan_left, NULL},
    {TERM_RIGHT, 0, TUI_PREFIX, "right", NULL, NULL, tui_key_pan_right, NULL},
    {'d', 0, TUI_PREFIX, "d", NULL, NULL, tui_key_detach, "attached-detach"},
    {'n', 0, TUI_PREFIX, "n", NULL, NULL, tui_key_next, "attached-next"},
    {'p', 0, TUI_PREFIX, "p", NULL, NULL, tui_key_previous, "attached-previous"},
    {'w', 0, TUI_PREFIX, "w", NULL, NULL, tui_key_next_waiting, "attached-next-waiting"},
    {'y', 0, TUI_CONFIRM, "y", "end it", NULL, tui_key_confirm, NULL},
    {'n', 0, TUI_CONFIRM, "n", "keep it", NULL, tui_key_back, NULL},
    {0x1b, 0, TUI_CONFIRM | TUI_HELP, "Esc", "back", NULL, tui_key_back, NULL},
    {'?', 0, TUI_HELP, "?", NULL, NULL, tui_key_back, NULL},
    {'q', 0, TUI_CONFIRM, "q", NULL, NULL, tui_key_back, NULL},
};
#define TUI_KEYS COUNT_OF(tui_keys)

static void tui_put_keys(buf *b)
{
    for (size_t i = 0; i < TUI_KEYS; i++)
        if (tui_keys[i].help)
            buf_fmt(b, "  %-12s %s\n", tui_keys[i].shown, tui_keys[i].help);
}

static void tui_put_config(const struct config *config, buf *b, buf *problems)
{
    struct theme theme;
    struct ui_keys keys;
    ui_bind_keys(&keys, tui_keys, TUI_KEYS, config, problems);
    theme_set(&theme, config, THEME_NEUTRAL, problems);
    ui_put_keys(&keys, config, b);
    buf_byte(b, '\n');
    theme_put_config(config, b);
    ui_free_keys(&keys);
}

/* ---- dialogs -------------------------------------------------------------------------------- */

static void tui_take_created(struct tui *t, struct json answer, struct tui_ask *ask)
{
    buf key = {0};
    (void)ask;
    if (t->mode == TUI_NEW)
        tui_close_dialog(t);
    buf_str(&key, "s:");
    json_put_text(&key, json_get(answer, "session_id"));
    tui_set(&t->wanted, buf_cstr(&key));
    buf_free(&key);
    tui_changed(t);
}

static void tui_submit_new(struct tui *t)
{
    const char *agent = ui_form_choice(&t->form, "Agent"), *title = ui_form_text(&t->form, "Title");
    const char *prompt = ui_form_text(&t->form, "Prompt");
    buf body = {0};
    json_open(&body, '{');
    json_field_string(&body, "computer", t->target_computer);
    json_field_string(&body, "project_dir", ui_form_text(&t->form, "Directory"));
    json_field_string(&body, "agent", agent ? agent : "claude");
    json_field_string(&body, "thinking_mode", ui_form_choice(&t->form, "Mode"));
    json_field_string(&body, "title", *title ? title : NULL);
    json_field_string(&body, "message", *prompt ? prompt : NULL);
    json_field_int(&body, "cols", t->grid.cols);
    json_field_int(&body, "rows", t->grid.rows - 1);
    client_put_environment(&body);
    json_close(&body, '}');
    tui_request(t, "POST", "/sessions", buf_view(&body), TUI_NEW, tui_take_created);
    buf_free(&body);
}

static void tui_take_receipt(struct tui *t, struct json answer, struct tui_ask *ask)
{
    (void)ask;
    int unconfirmed = json_text_eq(json_get(answer, "result"), "unconfirmed");
    if (t->mode == TUI_MESSAGE)
        tui_close_dialog(t);
    tui_say(t, 0, unconfirmed ? "sent; the program has not reacted" : "sent");
}

static void tui_submit_message(struct tui *t)
{
    buf body = {0}, target = {0};
    json_open(&body, '{');
    json_field_string(&body, "message", ui_form_text(&t->form, "Text"));
    json_close(&body, '}');
    tui_put_target(&target, t->target, "/message", t->target_computer);
    tui_request(t, "POST", buf_cstr(&target), buf_view(&body), TUI_MESSAGE, tui_take_receipt);
    buf_free(&body);
    buf_free(&target);
}

static void tui_dialog_event(struct tui *t, const struct term_event *ev)
{
    enum ui_answer answer = ui_form_event(&t->ui, &t->form, ev);
    if (answer == UI_CANCEL) {
        tui_close_dialog(t);
    } else if (answer == UI_SUBMIT) {
        t->form.busy = 1;
        if (t->mode == TUI_NEW)
            tui_submit_new(t);
        else
            tui_submit_message(t);
    }
    tui_changed(t);
}

/* ---- a frame -------------------------------------------------------------------------------- */

/* One line over the preview: the state, for how long, and how that is known. */
static void tui_draw_state(struct tui *t, int row, int col, const struct tree_session *s)
{
    const struct tui_look *look = tui_look(s);
    buf b = {0};
    buf_fmt(&b, "%s %s ", t->grid.ascii ? look->ascii : look->glyph, s->state ? s->state : "?");
    if (s->since)
        clock_put_age(&b, clock_wall_ms() - s->since);
    if (s->source)
        buf_fmt(&b, ", by %s", s->source);
    ui_put_cut(&t->grid, row, col, t->grid.cols - col, buf_cstr(&b), look->style);
    buf_free(&b);
}

static void tui_draw_preview(struct tui *t)
{
    struct term_grid *g = &t->grid;
    int beside = t->tree_cols < g->cols, bottom = g->rows - 1 - (t->toast.n > 0);
    int row = beside ? 1 : t->tree_bottom, col = beside ? t->tree_cols : 0;
    term_fill(g, row, col, g->rows - row, g->cols - col, ui_plain);
    for (int y = row; beside && y < bottom; y++)
        ui_put(g, y, col, 1, g->ascii ? "|" : "│", ui_dim);
    for (int x = 0; !beside && x < g->cols; x++)
        ui_put(g, row, x, 1, g->ascii ? "-" : "─", ui_dim);
    row += !beside;
    col += beside ? 2 : 0;
    const struct tree_session *s = tui_session(t);
    if (s)
        tui_draw_state(t, row++, col, s);
    if (t->view && t->view->vt)
        view_draw(t->view, g, row, col, bottom - row, g->cols - col, 0);
}

static void tui_draw_main(struct tui *t)
{
    struct term_grid *g = &t->grid;
    tui_draw_tree(t);
    if (tui_has_preview(t))
        tui_draw_preview(t);
    tui_draw_header(t);
    term_fill(g, g->rows - 1 - (t->toast.n > 0), 0, 2, g->cols, ui_plain);
    if (t->toast.n)
        ui_put_cut(g, g->rows - 2, 1, g->cols - 2, buf_cstr(&t->toast),
                    t->toast_alarm ? ui_alarm : ui_plain);
    ui_footer_draw(&t->ui, t->keys.rows, t->keys.count, t->mode);
    if (t->mode == TUI_HELP)
        ui_help_draw(&t->ui, &t->help, t->keys.rows, t->keys.count, "Keys");
    else if (t->mode == TUI_CONFIRM)
        tui_draw_confirm(t);
    else if (t->mode != TUI_TREE)
        ui_form_draw(&t->ui, &t->form);
}

/* The session's screen, over one line that names it and the way out. */
static void tui_draw_attached(struct tui *t)
{
    struct term_grid *g = &t->grid;
    const struct tree_session *s = tree_session(&t->tree, t->view->id);
    char out[96];
    if (t->view->vt)
        view_draw(t->view, g, 0, 0, g->rows - 1, g->cols, 1);
    if (t->mode == TUI_PREFIX)
        snprintf(out, sizeof out, "d back  n/p next, previous  w waiting  %c itself",
                 config_ctrl_letter(t->config->prefix));
    else if (t->view->back)
        snprintf(out, sizeof out, "%d lines back", t->view->back);
    else
        snprintf(out, sizeof out, "%s d back", t->config->prefix);
    int width = tui_put_right(g, g->rows - 1, 1, g->cols - 2, out, ui_dim), used = 0;
    if (s) {
        const struct tui_look *look = tui_look(s);
        used = ui_put(g, g->rows - 1, 1, width, g->ascii ? look->ascii : look->glyph, look->style);
    }
    ui_put_cut(g, g->rows - 1, 2 + used, width - used - 1, s && s->title ? s->title : t->view->id,
                ui_bold);
}

static void tui_draw(void *ctx)
{
    struct tui *t = ctx;
    struct term_grid *g = &t->grid;
    buf frame = {0};
    if (!t->stale || t->terminal.queued || t->terminal.dead)
        return;
    t->frame_due =
        (t->frame_due > t->loop.now - TUI_BURST_MS ? t->frame_due : t->loop.now - TUI_BURST_MS) +
        TUI_FRAME_MS;
    tui_lay_out(t);
    tui_settle(t);
    tui_follow(t);
    t->stale = 0; /* what settling changed is in this frame */
    ui_begin(&t->ui);
    if (t->mode & (TUI_ATTACHED | TUI_PREFIX)) {
        tui_draw_attached(t);
        view_put_modes(t->view, &frame);
        if (strcmp(t->config->clipboard, "yes") == 0)
            view_put_clipboard(t->view, &frame);
    } else if (g->cols < TUI_MIN_COLS || g->rows < TUI_MIN_ROWS) {
        char needs[96];
        snprintf(needs, sizeof needs, "telec needs %dx%d, this is %dx%d", TUI_MIN_COLS,
                 TUI_MIN_ROWS, g->cols, g->rows);
        ui_wrapped_draw(g, 0, 0, g->cols, g->rows, span_of(needs), ui_plain);
    } else {
        tui_draw_main(t);
    }
    term_frame(g, &frame);
    conn_send(&t->terminal, buf_view(&frame));
    buf_free(&frame);
}

/* ---- input ---------------------------------------------------------------------------------- */

static void tui_on_event(struct tui *t, const struct term_event *ev)
{
    if (ev->type == TERM_MODE && ev->mode == 2026)
        t->grid.sync = ev->value == 1 || ev->value == 2;
    if (ev->type == TERM_BACKGROUND) {
        theme_set(&t->theme, t->config, theme_ground(ev->colour), NULL);
        tui_changed(t);
    }
    if (t->mode == TUI_ATTACHED) {
        tui_attached_event(t, ev);
        return;
    }
    if (t->mode == TUI_NEW || t->mode == TUI_MESSAGE) {
        if (ev->type == TERM_KEY || ev->type == TERM_PASTE)
            tui_dialog_event(t, ev);
        return;
    }
    if (t->mode == TUI_HELP && ui_help_event(&t->help, ev)) {
        tui_changed(t);
        return;
    }
    if (ev->type != TERM_KEY)
        return;
    if (t->toast_alarm && t->toast.n)
        tui_on_toast_over(t);
    const struct ui_key *key = ui_find_key(t->keys.rows, t->keys.count, t->mode, ev);
    if (t->mode == TUI_PREFIX && !key) {
        if (ev->key == (uint32_t)config_ctrl_letter(t->config->prefix))
            tui_send_prefix(t);
        else
            tui_set_mode(t, TUI_ATTACHED);
    } else if (key) {
        tui_settle(t); /* the key is for what is there now */
        key->run(t);
    } else if (t->mode == TUI_TREE && ev->key > ' ' && ev->key < 0x7f && !ev->mods) {
        char text[64];
        snprintf(text, sizeof text, "%c does nothing here; ? lists the keys", (int)ev->key);
        tui_say(t, 0, text);
    }
}

static void tui_decode(struct tui *t, int flush)
{
    struct term_event ev;
    size_t used = 0;
    while (!t->quit && conn_view(&t->terminal).n) {
        enum parse parsed = term_decode(&t->input, conn_view(&t->terminal), flush, &used, &ev);
        if (parsed == PARSE_DONE)
            tui_on_event(t, &ev);
        conn_take(&t->terminal, used);
        if (parsed != PARSE_DONE)
            break;
    }
    if (conn_view(&t->terminal).n && !flush)
        loop_timer_set(&t->loop, &t->escape_timer, t->loop.now + TUI_ESCAPE_MS);
    else
        loop_timer_stop(&t->loop, &t->escape_timer);
}

static void tui_on_escape(void *ctx)
{
    tui_decode(ctx, 1);
}

static void tui_on_input(void *ctx)
{
    struct tui *t = ctx;
    tui_decode(t, 0);
    if (t->terminal.eof)
        t->quit = 1;
}

static void tui_on_drained(void *ctx)
{
    struct tui *t = ctx;
    if (t->stale)
        tui_changed(t);
}

static void tui_on_terminal_closed(void *ctx, const char *why)
{
    (void)why;
    ((struct tui *)ctx)->quit = 1;
}

static const struct conn_hooks tui_terminal_hooks = {tui_on_input, tui_on_drained,
                                                     tui_on_terminal_closed};

/* ---- push ----------------------------------------------------------------------------------- */

static void tui_on_push_event(void *ctx, span json)
{
    struct tui *t = ctx;
    t->events++;
    if (t->client.ws && t->client.ws->foreign) { /* its initial states are only hints */
        struct json message;
        if (json_parse(json, &message, NULL, NULL) == PARSE_DONE &&
            (json_text_eq(json_get(message, "event"), "sessions_initial") ||
             json_text_eq(json_get(message, "event"), "preparation_initial"))) {
            tui_fetch(t);
            return;
        }
    }
    tree_event(&t->tree, json);
    tui_changed(t);
}

static void tui_on_second(void *ctx)
{
    struct tui *t = ctx;
    if (t->client.push == CLIENT_WAITING)
        loop_timer_set(&t->loop, &t->second_timer, t->loop.now + 1000);
    tui_changed(t);
}

static void tui_on_push_state(void *ctx)
{
    struct tui *t = ctx;
    if (t->client.push == CLIENT_LIVE)
        t->followed[0] = '\0';
    else if (t->client.push == CLIENT_WAITING && t->mode & (TUI_ATTACHED | TUI_PREFIX))
        tui_detach(t, t->client.why);
    tui_on_second(t);
}

static void tui_on_fetch(void *ctx)
{
    tui_fetch(ctx);
}

static const struct client_hooks tui_client_hooks = {tui_on_push_event, tui_on_push_state,
                                                     tui_on_fetch};

static void tui_on_ages(void *ctx)
{
    struct tui *t = ctx;
    loop_timer_set(&t->loop, &t->ages_timer, t->loop.now + TUI_AGES_MS);
    tui_changed(t);
}

/* The sessions are what people wait for: everything else is asked for while that answer is made. */
static void tui_connect_rest(void *ctx)
{
    struct tui *t = ctx;
    client_watch(&t->client);
    tui_fetch_rest(t);
}

static void tui_connect(void *ctx)
{
    struct tui *t = ctx;
    if (t->attach_only) /* before a key is read: it is for the session */
        tui_attach(t, t->attach_only);
    tui_fetch_sessions(t);
    loop_timer_set(&t->loop, &t->rest_timer, t->loop.now + TUI_REST_MS);
}

/* ---- life ----------------------------------------------------------------------------------- */

/* The terminal through a descriptor of our own: what we set on it does not reach the caller's. */
static int tui_open_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    return fd >= 0 ? fd : fcntl(0, F_DUPFD_CLOEXEC, 3);
}

static void tui_resize(struct tui *t)
{
    int rows, cols;
    if (term_size(t->terminal.io.fd, &rows, &cols) == 0)
        term_grid_resize(&t->grid, rows, cols);
    if (t->mode & (TUI_ATTACHED | TUI_PREFIX))
        view_resize(t->view, t->grid.cols, t->grid.rows - 1);
    tui_changed(t);
}

static void tui_on_signal(void *ctx, int signo)
{
    struct tui *t = ctx;
    if (signo == SIGWINCH) {
        tui_resize(t);
    } else if (signo == SIGCONT) {
        term_enter(t->terminal.io.fd, t->terminal.io.fd, 0);
        t->grid.known = 0;
        tui_resize(t);
    } else {
        t->quit = signo;
    }
}

static int tui_start(struct tui *t, buf *error)
{
    static const int signals[] = {SIGWINCH, SIGCONT, SIGTERM, SIGHUP, SIGINT};
    const struct {
        struct loop_timer *timer;
        void (*fn)(void *ctx);
    } timers[] = {{&t->frame_timer, tui_draw},
                  {&t->escape_timer, tui_on_escape},
                  {&t->ages_timer, tui_on_ages},
                  {&t->second_timer, tui_on_second},
                  {&t->toast_timer, tui_on_toast_over},
                  {&t->preview_timer, tui_on_preview},
                  {&t->rest_timer, tui_connect_rest}};
    int fd = tui_open_terminal(), rows = 24, cols = 80;
    loop_init(&t->loop);
    for (size_t i = 0; i < COUNT_OF(timers); i++)
        *timers[i].timer = (struct loop_timer){.fn = timers[i].fn, .ctx = t};
    t->draw_task = (struct loop_task){.fn = tui_draw, .ctx = t};
    t->connect_task = (struct loop_task){.fn = tui_connect, .ctx = t};
    for (size_t i = 0; i < COUNT_OF(signals); i++)
        loop_on_signal(&t->loop, signals[i], tui_on_signal, t);
    if (fd < 0 || term_enter(fd, fd, 0) != 0) {
        buf_fmt(error, "cannot use this terminal: %s", strerror(errno));
        return -1;
    }
    term_crash_guard();
    t->terminal.hooks = &tui_terminal_hooks;
    t->terminal.ctx = t;
    conn_open(&t->terminal, &t->loop, fd);
    t->grid.depth = term_depth();
    t->grid.ascii = !term_is_utf8();
    term_size(fd, &rows, &cols);
    term_grid_resize(&t->grid, rows, cols);
    return 0;
}

static void tui_free(struct tui *t)
{
    char *const strings[] = {t->selected, t->wanted, t->target, t->target_computer};
    for (size_t i = 0; i < COUNT_OF(strings); i++)
        free(strings[i]);
    tui_forget_agents(t);
    ui_form_free(&t->form);
    ui_help_free(&t->help);
    ui_free_keys(&t->keys);
    buf_free(&t->toast);
    tree_free(&t->tree);
    term_grid_free(&t->grid);
    conn_free(&t->terminal);
    loop_free(&t->loop);
}

static int tui_run(const struct config *config, int may_start, const char *attach, buf *error)
{
    struct tui t = {
        .config = config, .mode = TUI_TREE, .attach_only = attach};
    char here[PATH_MAX];
    buf problems = {0};
    theme_set(&t.theme, config, THEME_NEUTRAL, &problems);
    ui_bind_keys(&t.keys, tui_keys, TUI_KEYS, config, &problems);
    t.ui.grid = &t.grid;
    t.ui.theme = &t.theme;
    if (tui_start(&t, error) != 0)
        return 1;
    tree_init(&t.tree, config->computer, getcwd(here, sizeof here));
    client_init(&t.client, &t.loop, config, may_start, &tui_client_hooks, &t);
    if (config->problems.n || problems.n) {
        span first = buf_view(config->problems.n ? &config->problems : &problems);
        char *text = span_dup(span_cut(&first, '\n'));
        tui_say(&t, 1, text);
        free(text);
    }
    buf_free(&problems);
    tui_changed(&t);
    conn_send(&t.terminal, span_of(term_queries()));
    loop_defer(&t.loop, &t.connect_task); /* after the first frame */
    loop_timer_set(&t.loop, &t.ages_timer, t.loop.now + TUI_AGES_MS);
    while (!t.quit)
        loop_once(&t.loop);
    if (t.attach_only && t.toast_alarm)
        buf_str(error, buf_cstr(&t.toast));
    term_leave();
    view_abandon(t.view);
    client_free(&t.client);
    tui_free(&t);
    return t.quit > 1 && t.quit != SIGINT ? 128 + t.quit : 0;
}
